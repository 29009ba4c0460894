"""Master tables (マスター): codes, names, prices and generic classes, one row per code and edition (版).

An edition is one published file. All editions are kept; which row counts in a month is decided by
`kenpo.lake.validity.in_force`, never by overwriting.
"""

from kenpo.lake.schema import Column, Table, lineage

_SSK = "社会保険診療報酬支払基金が公表する基本マスター"
_MHLW = "厚生労働省が公表する薬価基準収載品目リスト"

_ABSENT_DATE = "公表ファイルの 99999999・0・空欄は空（NULL）"
_ABOLISHED = Column(
    "abolished_on",
    "date",
    "廃止年月日",
    "使用が可能な最終日。空は現在も有効",
    caveat="公表ファイルの 99999999 は空（NULL）。その日までは使用できる",
)
_CHANGED = Column(
    "changed_on",
    "date",
    "変更年月日",
    "この行の内容が適用される日",
    caveat="版の日付より後のことがある（3月21日版の全行が4月1日の薬価改定の内容を持つ、など）。"
    + _ABSENT_DATE,
)


def _edition_columns() -> tuple[Column, ...]:
    """The columns every master row carries beside its lineage: edition, full, change (版・全件・変更区分)."""
    return (
        Column(
            "edition",
            "date",
            "版の日付",
            "この版が効力を持ちはじめる日。ファイル名の8桁の日付、なければ取込時の指定",
            required=True,
        ),
        Column(
            "full",
            "bool",
            "全件",
            "真＝全件の版、偽＝前の版に重ねる異動分",
            caveat="全件の版に無いコードは、その版から使われなくなったものとして扱う",
            required=True,
        ),
        Column(
            "change",
            "string",
            "変更区分",
            "0 前の版と同じ、1 抹消、2 復活、3 新規、5 変更、9 廃止",
            caveat="変更区分のない公表物（後発医薬品の情報、薬価基準収載品目リスト）では常に 0",
            required=True,
        ),
    )


def _unit_columns() -> tuple[Column, ...]:
    """Unit code and name (単位), NULL for an item without a unit."""
    return (
        Column("unit_code", "string", "単位コード", "単位の区分。単位のないものは空", source="項番8"),
        Column("unit", "string", "単位", "数量・使用量の単位の名称", source="項番10"),
    )


_KANA = Column("kana", "string", "カナ名称", "半角カナの名称（20文字まで）", source="項番7")

DRUG_MASTER = Table(
    "drug_master",
    "医薬品マスター",
    "医薬品コードごとの名称・単位・薬価・剤形と、薬価基準収載医薬品コードへの対応。",
    (
        *lineage(),
        *_edition_columns(),
        Column(
            "code",
            "string",
            "医薬品コード",
            "9桁。先頭は6。レセプトのIYレコードの医薬品コード",
            source="項番3",
            required=True,
        ),
        Column("name", "string", "医薬品名・規格名", "32文字までの名称", source="項番5", required=True),
        _KANA,
        *_unit_columns(),
        Column(
            "price_kind", "string", "金額種別", "1 金額、3 薬剤使用量省略（歯科）、7 減点", source="項番11"
        ),
        Column(
            "price",
            "decimal(12,2)",
            "薬価",
            "単位1つあたりの金額",
            unit="円",
            source="項番12 新又は現金額",
            caveat="changed_on から適用される額。金額種別が1でない行は0",
        ),
        Column(
            "narcotic",
            "string",
            "麻薬等区分",
            "0 該当なし、1 麻薬、2 毒薬、3 覚醒剤原料、5 向精神薬",
            source="項番14",
        ),
        Column(
            "biological",
            "bool",
            "生物学的製剤",
            "生物学的製剤加算の対象品目",
            source="項番16",
            caveat="加算の区分であり、バイオ医薬品やバイオシミラーの印ではない",
        ),
        Column(
            "generic",
            "bool",
            "後発品",
            "診療報酬の加算等の対象となる後発医薬品",
            source="項番17",
            caveat="加算のための印。★の品目も真になりうるので、後発医薬品の割合には"
            "generic_class（請求月の版）を使い、この列だけで判定しない",
        ),
        Column("dental", "bool", "歯科特定薬剤", "歯科特定薬剤", source="項番19"),
        Column("contrast", "string", "造影（補助）剤", "0 該当なし、1 造影剤、2 造影補助剤", source="項番20"),
        Column(
            "listing",
            "string",
            "収載方式等識別",
            "0 該当なし、1 局方品、2 局方品の生物学的製剤、3 局方品の生薬、"
            "6 生物学的製剤、7 生薬、8 統一名収載",
            source="項番22",
        ),
        Column(
            "listed_as",
            "string",
            "商品名等関連",
            "商品名医薬品（非告示品）のとき、統一名収載の告示品の医薬品コード",
            source="項番23",
            caveat="公表ファイルの 0 は空（NULL）",
        ),
        Column(
            "dosage_form",
            "string",
            "剤形",
            "1 内用薬、3 その他、4 注射薬、6 外用薬、8 歯科用薬剤",
            source="項番28",
        ),
        _CHANGED,
        _ABOLISHED,
        Column(
            "price_list_code",
            "string",
            "薬価基準収載医薬品コード",
            "12桁の英数字。generic_class、drug_price と結ぶ",
            source="項番32",
            caveat="統一名収載の品目は複数の商品で1つのコードを共有し、個別医薬品コード（YJ）とは限らない。"
            "減点などの行では空",
        ),
        Column(
            "transition_until",
            "date",
            "経過措置年月日",
            "経過措置品目または薬価基準未収載の商品名医薬品の使用期限",
            source="項番34",
            caveat=_ABSENT_DATE,
        ),
        Column("base_name", "string", "基本漢字名称", "品名（100文字まで）", source="項番35"),
        Column(
            "listed_on",
            "date",
            "薬価基準収載年月日",
            "告示品目が収載された日",
            source="項番36",
            caveat="2023年3月以降の収載だけが持つ。それより前は空",
        ),
        Column(
            "general_name_code", "string", "一般名コード", "一般名処方マスタのコード（12桁）", source="項番37"
        ),
        Column(
            "general_name",
            "string",
            "一般名処方の標準的な記載",
            "「【般】」で始まる一般名",
            source="項番38",
        ),
        Column(
            "general_name_addition",
            "string",
            "一般名処方加算対象区分",
            "0 一般名処方マスタにない、1 加算1、2 加算1・2",
            source="項番39",
        ),
        Column("anti_hiv", "bool", "抗ＨＩＶ薬区分", "抗HIV薬", source="項番40"),
        Column(
            "long_listed_code",
            "string",
            "長期収載品関連",
            "選定療養区分が2（患者希望）のとき、同じ医薬品の区分1（医療上必要）の医薬品コード",
            source="項番41",
            caveat="40列の版（2024年7月より前）には項目がなく空",
        ),
        Column(
            "selective_care",
            "string",
            "選定療養区分",
            "長期収載品の選定療養：0 対象外、1 対象（医療上必要など）、2 対象（患者希望）",
            source="項番42",
            caveat="40列の版（2024年7月より前）には項目がなく空。空は「対象外」ではなく「不明」",
        ),
    ),
    key=("edition", "source_file", "code"),
    partition="edition",
    source=f"{_SSK}（医薬品、40列または42列）",
    caveats=(
        "版の日付と薬価の適用日は別。3月の版に4月1日からの薬価が入っていることがある。",
        "異動分の版では、変更区分1・9の行がその版以降の取消しを表す。",
    ),
)

PROCEDURE_MASTER = Table(
    "procedure_master",
    "診療行為マスター",
    "医科の診療行為コードごとの名称・点数と、点数表の章・部・区分番号。",
    (
        *lineage(),
        *_edition_columns(),
        Column("code", "string", "診療行為コード", "9桁。医科は先頭が1", source="項番3", required=True),
        Column("name", "string", "診療行為省略名称", "32文字までの名称", source="項番5", required=True),
        _KANA,
        *_unit_columns(),
        Column(
            "point_kind",
            "string",
            "点数識別",
            "1 金額、3 点数（プラス）、4 購入価格（点数）、5 ％加算、6 ％減算、7 減点診療行為、"
            "8 点数（マイナス）",
            source="項番11",
        ),
        Column(
            "points",
            "decimal(12,2)",
            "新又は現点数",
            "点数、または点数識別に応じた金額・割合",
            unit="点（点数識別1は円、5・6は％）",
            source="項番12",
            caveat="点数識別を見ずに合計しない。点数識別8は引く点数を正の数で持つ",
        ),
        Column("admission", "string", "入外適用区分", "0 両方、1 入院だけ、2 入院外だけ", source="項番13"),
        Column(
            "elderly",
            "string",
            "後期高齢者医療適用区分",
            "0 両方、1 医療保険だけ、2 後期高齢者医療だけ",
            source="項番14",
        ),
        Column(
            "sum_outpatient",
            "string",
            "点数欄集計先識別（入院外）",
            "入院外レセプトの点数欄の集計先。入院外で使わないものは 0",
            source="項番15",
        ),
        Column(
            "sum_inpatient",
            "string",
            "点数欄集計先識別（入院）",
            "入院レセプトの点数欄の集計先。入院で使わないものは 0",
            source="項番66",
        ),
        Column(
            "dpc",
            "string",
            "ＤＰＣ適用区分",
            "0 包括評価対象、1 出来高で算定可、2・3・4 DPC専用、9 包括評価対象外",
            source="項番18",
        ),
        Column(
            "notice_kind_1",
            "string",
            "告示等識別区分（１）",
            "記録上の取扱い：1 基本項目、3 合成項目、5 準用項目、7 加算項目、9 通則加算項目",
            source="項番68",
        ),
        Column(
            "notice_kind_2",
            "string",
            "告示等識別区分（２）",
            "点数表上の取扱い：1 基本項目、3 合成項目、7 加算項目",
            source="項番69",
        ),
        Column("dental", "bool", "歯科適用区分", "歯科診療でも算定できる", source="項番84"),
        _CHANGED,
        _ABOLISHED,
        Column(
            "letter",
            "string",
            "コード表用番号（アルファベット部）",
            "A 基本診療料、B 医学管理等、C 在宅、D 検査、E 画像診断、F 投薬、G 注射、H リハビリ、"
            "I 精神科、J 処置、K 手術、L 麻酔、M 放射線治療、N 病理診断など",
            source="項番85",
            caveat="点数表に区分番号がないものは － や ＊",
        ),
        Column("chapter", "string", "章", "点数表の章", source="項番90"),
        Column("part", "string", "部", "点数表の部（2桁）", source="項番91"),
        Column("section", "string", "区分番号", "点数表の区分番号の数字部（3桁）", source="項番92"),
        Column("section_branch", "string", "枝番", "区分番号の枝番（2桁）", source="項番93"),
        Column("item", "string", "項番", "区分の中の項番（3桁）", source="項番94"),
        Column(
            "section_code",
            "string",
            "点数表区分",
            "アルファベット・区分番号・枝番を合わせたもの（A000、D206-2 など）",
            source="項番85・92・93から作る",
            caveat="アルファベットがないもの（－、＊）は空。通則の加算は区分番号000（K000 など）になる",
        ),
        Column(
            "base_name",
            "string",
            "基本漢字名称",
            "点数表に基づく名称（64文字まで）",
            source="項番113",
        ),
    ),
    key=("edition", "source_file", "code"),
    partition="edition",
    source=f"{_SSK}（医科診療行為、150列）",
    caveats=("歯科診療行為マスターは列数が異なり、この表には入らない。",),
)

DISEASE_MASTER = Table(
    "disease_master",
    "傷病名マスター",
    "傷病名コードごとの名称とICD-10（2013年版）分類。",
    (
        *lineage(),
        *_edition_columns(),
        Column(
            "code",
            "string",
            "傷病名コード",
            "7桁。SYレコードの傷病名コード",
            source="項番3",
            caveat="0000999 は未コード化傷病名（ICD-10なし）",
            required=True,
        ),
        Column(
            "successor",
            "string",
            "移行先コード",
            "廃止に伴う移行先の傷病名コード",
            source="項番4",
            caveat="廃止されていない傷病名では自分自身のコード、または空",
        ),
        Column("name", "string", "傷病名基本名称", "30文字までの病名", source="項番6", required=True),
        Column("short_name", "string", "傷病名省略名称", "20文字までの病名", source="項番8"),
        Column("kana", "string", "傷病名カナ名称", "全角カナの病名", source="項番10"),
        Column("management_no", "string", "病名管理番号", "標準病名マスターの管理番号", source="項番11"),
        Column("adoption", "string", "採択区分", "1〜3、標準病名マスターの採択区分", source="項番12"),
        Column("exchange_code", "string", "病名交換用コード", "4桁の英数字", source="項番13"),
        Column(
            "icd10_1",
            "string",
            "ＩＣＤ－１０－１（２０１３）",
            "基礎疾患の分類番号（小数点なし、E119 など）",
            source="項番16",
            caveat="部位だけの語や未コード化傷病名では空",
        ),
        Column(
            "icd10_2",
            "string",
            "ＩＣＤ－１０－２（２０１３）",
            "症状発現の分類番号。多くの病名では空",
            source="項番17",
        ),
        Column("not_alone", "bool", "単独使用禁止区分", "修飾語と合わせないと使えない病名", source="項番19"),
        Column("not_billable", "bool", "保険請求外区分", "保険請求の対象外となる病名", source="項番20"),
        Column(
            "specific",
            "string",
            "特定疾患等対象区分",
            "00 対象外、03・04 皮膚科特定疾患、05 特定疾患療養管理料、07 てんかん指導料、08 両方",
            source="項番21",
            caveat="点数改定で対象が変わる（2024年6月から高血圧・糖尿病・脂質異常症が外れた）",
        ),
        Column(
            "listed_on",
            "date",
            "収載年月日",
            "基本マスターに収載した日",
            source="項番22",
            caveat="2002年6月より前の収載は空",
        ),
        _CHANGED,
        _ABOLISHED,
        Column(
            "successor_management_no",
            "string",
            "移行先病名管理番号",
            "廃止した病名の移行先の管理番号",
            source="項番38",
        ),
        Column("dental_name", "string", "歯科傷病名省略名称", "歯科レセプトでの略称", source="項番39"),
        Column(
            "intractable", "string", "難病外来対象区分", "00 対象外、09 難病外来指導管理料", source="項番43"
        ),
        Column(
            "dental_specific",
            "string",
            "歯科特定疾患対象区分",
            "00 対象外、10 歯科特定疾患療養管理料",
            source="項番44",
        ),
    ),
    key=("edition", "source_file", "code"),
    partition="edition",
    source=f"{_SSK}（傷病名、46列）",
    caveats=(
        "ICD-10 は2013年版。1つの病名が2つの分類（基礎疾患と症状発現）を持つことがある。",
        "疑い病名や修飾語はこの表ではなくSYレコードが持つ。",
    ),
)

MATERIAL_MASTER = Table(
    "material_master",
    "特定器材マスター",
    "特定器材コードごとの名称・単位・材料価格。",
    (
        *lineage(),
        *_edition_columns(),
        Column("code", "string", "特定器材コード", "9桁。先頭は7", source="項番3", required=True),
        Column("name", "string", "特定器材名・規格名", "32文字までの名称", source="項番5", required=True),
        _KANA,
        *_unit_columns(),
        Column(
            "price_kind", "string", "金額種別", "1 金額、2 購入価格、5 ％加算、9 乗算割合", source="項番11"
        ),
        Column(
            "price",
            "decimal(12,2)",
            "材料価格",
            "単位1つあたりの金額、または金額種別に応じた割合",
            unit="円（金額種別5は％、9は倍）",
            source="項番12 新又は現金額",
            caveat="金額種別2（購入価格）は0で、額はレセプトの単価にある",
        ),
        Column("age_addition", "string", "年齢加算区分", "0 関係なし、1 年齢加算の対象", source="項番14"),
        Column("oxygen", "string", "酸素等区分", "0 該当なし、1〜5 酸素、9 窒素", source="項番21"),
        Column(
            "calculation",
            "string",
            "特定器材種別",
            "点数の計算：0 10円で除す、2 酸素・窒素、3 50円で除す、4 1,000円で除す",
            source="項番22",
        ),
        Column("price_cap", "bool", "上限価格", "酸素の上限価格の設定がある", source="項番23"),
        Column(
            "points_cap",
            "int32",
            "上限点数",
            "算定できる点数の上限。制限のないものは 0",
            unit="点",
            source="項番24",
        ),
        Column(
            "successor",
            "string",
            "廃止・新設関連",
            "移行先の特定器材コード",
            source="項番27",
            caveat="公表ファイルの 0 は空（NULL）",
        ),
        _CHANGED,
        Column(
            "transition_until",
            "date",
            "経過措置年月日",
            "経過措置の期限",
            source="項番29",
            caveat=_ABSENT_DATE,
        ),
        _ABOLISHED,
        Column("appendix", "string", "別表番号", "材料価格基準の別表の番号", source="項番31"),
        Column(
            "section",
            "string",
            "区分番号",
            "材料価格基準の区分の番号",
            source="項番32",
            caveat="規定のないもの（酸素など）は 0",
        ),
        Column("dpc", "string", "ＤＰＣ適用区分", "0 包括評価対象、1 出来高で算定可", source="項番33"),
        Column("base_name", "string", "基本漢字名称", "材料価格基準の名称（150文字まで）", source="項番37"),
        Column(
            "remanufactured",
            "string",
            "再製造単回使用医療機器",
            "000 該当なし、001〜 再製造品の種類",
            source="項番38",
        ),
    ),
    key=("edition", "source_file", "code"),
    partition="edition",
    source=f"{_SSK}（特定器材、38列）",
)

MODIFIER_MASTER = Table(
    "modifier_master",
    "修飾語マスター",
    "傷病名の前後に付く修飾語（疑い、左、急性など）。",
    (
        *lineage(),
        *_edition_columns(),
        Column(
            "code",
            "string",
            "修飾語コード",
            "4桁。0001〜7999 は接頭語、8000〜8999 は接尾語",
            source="項番3",
            caveat="8002 は「の疑い」。疑い病名の判定に使う",
            required=True,
        ),
        Column("name", "string", "修飾語名称", "20文字までの名称", source="項番7", required=True),
        Column("kana", "string", "修飾語カナ名称", "全角カナの名称", source="項番10"),
        Column(
            "listed_on",
            "date",
            "収載年月日",
            "収載した日",
            source="項番14",
            caveat="2003年4月より前の収載は空",
        ),
        _CHANGED,
        _ABOLISHED,
        Column("management_no", "string", "修飾語管理番号", "8桁の管理番号", source="項番17"),
        Column("exchange_code", "string", "修飾語交換用コード", "英数字", source="項番18"),
        Column(
            "kind",
            "string",
            "修飾語区分",
            "2桁目：1 部位、2 位置、3 病因、4 経過表現、5 状態表現、6 患者帰属、7 その他、8 接尾語",
            source="項番19",
        ),
    ),
    key=("edition", "source_file", "code"),
    partition="edition",
    source=f"{_SSK}（修飾語、19列）",
)

GENERIC_CLASS = Table(
    "generic_class",
    "後発医薬品の有無に関する情報",
    "薬価基準収載医薬品コードごとの先発・後発の区分。後発医薬品の割合（数量ベース）の分子と分母を決める。",
    (
        *lineage(),
        *_edition_columns(),
        Column(
            "price_list_code",
            "string",
            "薬価基準収載医薬品コード",
            "12桁の英数字。drug_master.price_list_code と結ぶ",
            required=True,
        ),
        Column("ingredient", "string", "成分名", "成分の名称。バイオ後続品は「後続」を含むものが多い"),
        Column("name", "string", "品名", "薬価基準に収載された品名", required=True),
        Column(
            "class_code",
            "string",
            "各先発医薬品の後発医薬品の有無に関する情報",
            "1 後発品のない先発品、2 後発品のある先発品、3 後発品、"
            "★ 先発品と同額以上の後発品、☆ 後発品と同額以下の先発品、空 区分のない品目",
            caveat="割合＝3÷（2＋3）。☆を2、★を3として数えるか、除くかはパラメータ generic_exclude_star による。"
            "空欄は「不明」ではなく公表物が区分を付けていないこと",
        ),
        Column("listed_on", "date", "収載年月日", "薬価基準に収載された日", caveat="新しい収載だけが持つ"),
        Column("expires", "date", "経過措置による使用期限", "「R8.3.31まで」などを西暦の日付にしたもの"),
        Column("remark", "string", "備考", "公表物の文言そのまま"),
        Column(
            "next_class",
            "string",
            "変更後の区分",
            "備考「R7.10.1から「2」に変更」の新しい区分",
            caveat="next_class_from があり next_class が空のものは、空欄への変更",
        ),
        Column(
            "next_class_from",
            "date",
            "区分の変更日",
            "next_class が適用される日",
            caveat="この日以降の月では class_code ではなく next_class を使う（次の版が出るまで）",
        ),
        Column(
            "excluded_from_addition",
            "bool",
            "加算等の算定対象から除外する品目",
            "診療報酬の加算等（後発医薬品使用体制加算など）の計算から除く品目",
            caveat="加算の計算だけの印。数量ベースの割合からは除かない",
        ),
        Column(
            "in_cutoff",
            "bool",
            "カットオフ値の計算に含める品目",
            "カットオフ値の計算に含める品目の印",
        ),
    ),
    key=("edition", "source_file", "price_list_code"),
    partition="edition",
    source=f"{_MHLW}のうち、各先発医薬品の後発医薬品の有無に関する情報",
    caveats=(
        "区分は薬価改定や新規収載で変わる。必ず請求の月（診療年月）の版を使う。",
        "版が1つしかないときは、それより前の月もその版で計算され、edition_is_later の印が付く。",
    ),
)

DRUG_PRICE = Table(
    "drug_price",
    "薬価基準収載品目リスト",
    "薬価基準収載医薬品コードごとの規格・メーカー・薬価・先発後発の別。",
    (
        *lineage(),
        *_edition_columns(),
        Column("section", "string", "区分", "内用薬、注射薬、外用薬、歯科用薬剤", required=True),
        Column("price_list_code", "string", "薬価基準収載医薬品コード", "12桁の英数字", required=True),
        Column("ingredient", "string", "成分名", "成分の名称"),
        Column("spec", "string", "規格", "薬価の単位となる規格（１０ｍｇ１錠 など）"),
        Column("pharmacopoeia", "bool", "日本薬局方", "「局」の印"),
        Column("narcotic", "bool", "麻薬", "「麻」の印"),
        Column("maker_added", "bool", "業者名追記", "「※」の印（品名に業者名を追記した品目）"),
        Column("name", "string", "品名", "薬価基準に収載された品名", required=True),
        Column("maker", "string", "メーカー名", "製造販売業者の名称", caveat="局方品などの統一名収載では空"),
        Column(
            "generic_mark",
            "string",
            "診療報酬において加算等の算定対象となる後発医薬品",
            "後発品 または ★、対象でないものは空",
        ),
        Column("originator", "string", "先発医薬品", "先発品 または 準先発品、それ以外は空"),
        Column(
            "has_generic",
            "bool",
            "同一剤形・規格の後発医薬品がある先発医薬品",
            "「○」の印",
            caveat="generic_class の 2 と ☆ にほぼ当たるが、割合の計算には generic_class を使う",
        ),
        Column("price", "decimal(12,2)", "薬価", "規格あたりの金額", unit="円", required=True),
        Column("expires", "date", "経過措置による使用期限", "「R8.3.31まで」などを西暦の日付にしたもの"),
        Column("remark", "string", "備考", "「R7.5.21収載」「R7.6.1新薬価適用」など、公表物の文言そのまま"),
    ),
    key=("edition", "source_file", "price_list_code"),
    partition="edition",
    source=_MHLW,
    caveats=(
        "公表物は内用薬・注射薬・外用薬・歯科用薬剤の4つのファイルに分かれる。"
        "1つの区分だけのファイルは、他の区分を消さないよう、全件ではない版（full＝偽）として取り込む。",
    ),
)

INSTITUTION_LIST = Table(
    "institution_list",
    "医療機関・薬局の一覧",
    "公表された一覧の医療機関・薬局1つにつき1行（版ごと）。通知のあて先に使う。",
    (
        *lineage(),
        Column("edition", "date", "版の日付", "一覧が表す日（○年○月○日現在）", required=True),
        Column("institution", "string", "医療機関", "都道府県2桁＋点数表1桁＋コード7桁", required=True),
        Column("prefecture", "string", "都道府県", "2桁コード", required=True),
        Column("table_code", "string", "点数表", "1 医科／3 歯科／4 調剤", required=True),
        Column("name", "string", "名称", required=True),
        Column("postcode", "string", "郵便番号", "753-0000 の形"),
        Column(
            "address", "string", "所在地", caveat="都道府県名が書かれていないことがある。印刷のときに補う"
        ),
        Column("phone", "string", "電話番号"),
    ),
    key=("edition", "institution"),
    partition="edition",
    source="地方厚生局が公表する「コード内容別医療機関一覧表」または「届出受理医療機関名簿（施設基準の届出受理状況）」",
    caveats=(
        "都道府県と医科・歯科・薬局ごとに別のファイルで公表される。1つの医療機関には、いちばん新しい版の行を使う。",
        "「届出受理医療機関名簿」には、施設基準を1つも届け出ていない医療機関がない。",
    ),
)

TABLES = (
    DRUG_MASTER,
    PROCEDURE_MASTER,
    DISEASE_MASTER,
    MATERIAL_MASTER,
    MODIFIER_MASTER,
    GENERIC_CLASS,
    DRUG_PRICE,
    INSTITUTION_LIST,
)
