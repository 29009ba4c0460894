"""Membership tables (資格): workplaces, members, enrolment spans, remuneration, bonuses, cards, and what they come from.

A row is one row of a delivered file. What holds now (最新の状態) is `kenpo.lake.current.current`: the latest full
load (全件) of a branch and the changes (異動) after it.
"""

from kenpo.lake.schema import Column, Delivery, Table, lineage

_INSURER = Column(
    "insurer_number",
    "string",
    "保険者番号",
    "協会けんぽ支部の8桁の保険者番号。支部コードはここから決まる",
    required=True,
    pattern="[0-9]{8}",
    private=True,
)
_PERSON = Column(
    "person_number",
    "string",
    "加入者番号",
    "保険者が加入者1人に1つ付ける番号。鍵付きハッシュ（member_id）にして番号は捨てる",
    required=True,
    pattern="[0-9A-Za-z-]{1,20}",
    private=True,
    aliases=("加入者管理番号",),
)
_CHANGE = Column(
    "change",
    "string",
    "異動区分",
    "upsert 登録・変更／cancel 取消。この列があるファイルは異動分、無いファイルは支部の全件",
    required=True,
    codes={"upsert": ("登録・変更", "1", "登録", "変更", "追加"), "cancel": ("取消", "9", "削除")},
)
_SYMBOL = "[0-9A-Zぁ-んァ-ヶ一-龠ー-]{1,20}"
_MUNICIPALITY = "[0-9]{5}"

BRANCH = Column("branch", "string", "支部", "2桁コード（都道府県番号）", source="保険者番号", required=True)
MEMBER_ID = Column(
    "member_id",
    "string",
    "加入者ID",
    "加入者番号の鍵付きハッシュ",
    caveat="鍵を替えると値が変わる",
    required=True,
)
SEX = Column(
    "sex", "string", "性別", "1 男／2 女", required=True, codes={"1": ("男", "男性"), "2": ("女", "女性")}
)
KIND = Column(
    "kind",
    "string",
    "本人家族区分",
    "insured 被保険者／dependent 被扶養者",
    required=True,
    codes={"insured": ("被保険者", "1", "本人"), "dependent": ("被扶養者", "2", "家族")},
)
WORKPLACE_SYMBOL = Column(
    "workplace", "string", "事業所記号", "記号（全角半角をそろえたもの）。任意継続は空", pattern=_SYMBOL
)
VOLUNTARY = Column("voluntary", "bool", "任意継続", "任意継続被保険者とその被扶養者", required=True)
BIRTH = Column("birth_date", "date", "生年月日", required=True)


def _delivered(*columns: Column) -> tuple[Column, ...]:
    """The columns of every membership table: lineage, what the row is of, then the table's own."""
    return (
        *lineage(),
        Column("as_of", "date", "基準日", "ファイルが表す日", required=True),
        Column("full", "bool", "全件", "支部の全件の行か（異動分は false）", required=True),
        _CHANGE,
        BRANCH,
        *columns,
    )


_WORKPLACE = (
    Column(
        "symbol",
        "string",
        "事業所記号",
        "被保険者証の記号",
        required=True,
        pattern=_SYMBOL,
        aliases=("記号",),
    ),
    Column(
        "industry",
        "string",
        "業態",
        "日本標準産業分類（平成25年10月改定）の中分類2桁",
        pattern="[0-9]{2}",
        aliases=("業態分類", "産業分類"),
    ),
    Column(
        "municipality",
        "string",
        "事業所市区町村",
        "JIS X 0402 の5桁コード",
        pattern=_MUNICIPALITY,
        aliases=("市区町村",),
    ),
    Column("applied_on", "date", "新規適用年月日", required=True),
    Column("closed_on", "date", "全喪年月日", "適用事業所でなくなった日"),
    Column("consultant", "bool", "社労士委託", "社会保険労務士に事務を委託している", required=True),
    Column("electronic", "bool", "電子申請", "資格の届出を電子申請で行う", required=True),
    Column("insured_count", "int32", "被保険者数", "ファイルに記載された被保険者数", unit="人"),
)
WORKPLACE = Table(
    "workplace",
    "事業所",
    "適用事業所1つにつき1行（取り込んだ行ごと）。名称は保存しない。",
    _delivered(
        *_WORKPLACE[:2],
        Column("industry_section", "string", "産業大分類", "日本標準産業分類の大分類（A〜T）"),
        *_WORKPLACE[2:],
    ),
    key=("branch", "symbol"),
)

_MEMBER = (
    BIRTH,
    SEX,
    Column(
        "municipality",
        "string",
        "居住市区町村",
        "JIS X 0402 の5桁コード",
        pattern=_MUNICIPALITY,
        caveat="最新の住所だけで、過去の住所は分からない",
    ),
    Column("mynumber", "bool", "マイナンバー収録", "個人番号が収録されている", required=True),
    Column("mynumber_on", "date", "マイナンバー収録年月日", "空は収録日が分からないことを表す"),
    Column("died_on", "date", "死亡年月日"),
)
MEMBER = Table(
    "member",
    "加入者",
    "被保険者・被扶養者1人につき1行（取り込んだ行ごと）。氏名・住所・番号は保存しない。",
    _delivered(MEMBER_ID, *_MEMBER),
    key=("branch", "member_id"),
)

_ENROLMENT = (
    KIND,
    Column(
        "relation",
        "string",
        "続柄",
        "被保険者との続柄",
        codes={
            "self": ("本人", "00"),
            "spouse": ("配偶者", "01", "妻", "夫"),
            "child": ("子", "02"),
            "parent": ("父母", "03", "父", "母"),
            "grandparent": ("祖父母", "04"),
            "sibling": ("兄弟姉妹", "05"),
            "grandchild": ("孫", "06"),
            "other": ("その他", "09"),
        },
    ),
    VOLUNTARY,
    Column(
        "acquired_on",
        "date",
        "資格取得年月日",
        "被扶養者は認定年月日",
        required=True,
        aliases=("認定年月日",),
    ),
    Column(
        "lost_on",
        "date",
        "資格喪失年月日",
        "資格を失った日（退職日の翌日、75歳の誕生日など）。この日は資格がない",
    ),
    Column(
        "loss_reason",
        "string",
        "喪失事由",
        codes={
            "retired": ("退職等", "04"),
            "died": ("死亡", "05"),
            "aged_75": ("75歳到達", "07"),
            "disability": ("障害認定", "09"),
            "moved": ("支部異動", "20"),
            "removed": ("被扶養者削除", "21"),
            "with_insured": ("被保険者の資格喪失", "22"),
            "voluntary_end": ("任意継続終了", "23"),
        },
    ),
)
ENROLMENT = Table(
    "enrolment",
    "資格",
    "資格の取得から喪失までの1期間につき1行（取り込んだ行ごと）。番号・枝番は保存しない。",
    _delivered(
        MEMBER_ID,
        Column(
            "insured_id",
            "string",
            "被保険者の加入者ID",
            "被扶養者を扶養する被保険者。本人は自分",
            required=True,
        ),
        WORKPLACE_SYMBOL,
        *_ENROLMENT,
        Column(
            "member_key",
            "string",
            "加入者キー",
            "保険者番号・記号・番号・枝番・生年月日・性別の鍵付きハッシュ。レセプトとの照合用",
            required=True,
        ),
        Column("member_key_loose", "string", "加入者キー（枝番なし）", "枝番を除いたもの", required=True),
        Column("card_key", "string", "記号番号キー", "保険者番号・記号・番号の鍵付きハッシュ", required=True),
        Column(
            "person_key",
            "string",
            "氏名キー",
            "カナ氏名・生年月日・性別の鍵付きハッシュ。記号番号誤りの候補を探す用",
        ),
    ),
    key=("branch", "member_id", "acquired_on"),
    caveats=("資格のある日は資格取得年月日から資格喪失年月日の前日まで。",),
)

_REMUNERATION = (
    Column("from_month", "month", "適用年月", "この月から適用", required=True),
    Column("standard", "int64", "標準報酬月額", unit="円", required=True),
    Column(
        "reason",
        "string",
        "決定事由",
        codes={
            "acquired": ("資格取得時決定", "1"),
            "regular": ("定時決定", "2"),
            "revised": ("随時改定", "3"),
            "leave": ("休業終了時改定", "4"),
        },
    ),
)
REMUNERATION = Table(
    "remuneration",
    "標準報酬月額",
    "被保険者の標準報酬月額が決まるたびに1行（取り込んだ行ごと）。",
    _delivered(MEMBER_ID, *_REMUNERATION),
    key=("branch", "member_id", "from_month"),
)

_BONUS = (
    Column("paid_on", "date", "賞与支払年月日", required=True),
    Column("amount", "int64", "賞与額", "税引前の額", unit="円", required=True),
)
BONUS = Table(
    "bonus",
    "賞与",
    "賞与の支払1回につき1行（取り込んだ行ごと）。",
    _delivered(
        MEMBER_ID,
        *_BONUS,
        Column(
            "standard",
            "int64",
            "標準賞与額",
            "賞与額の1,000円未満を切り捨てた額",
            unit="円",
            source="健康保険法45条",
            caveat="年度の累計上限（573万円）を当てる前の額",
            required=True,
        ),
    ),
    key=("branch", "member_id", "paid_on"),
)

_CARD = (
    Column(
        "kind",
        "string",
        "証の種類",
        "card 被保険者証／certificate 資格確認書",
        required=True,
        codes={"card": ("被保険者証", "1"), "certificate": ("資格確認書", "2")},
    ),
    Column("issued_on", "date", "交付年月日", required=True),
    Column("expires_on", "date", "有効期限"),
    Column("returned_on", "date", "回収年月日"),
    Column(
        "return_kind",
        "string",
        "回収区分",
        codes={"returned": ("回収", "1"), "unreturnable": ("回収不能", "2"), "lost": ("滅失", "3")},
    ),
)
CARD = Table(
    "card",
    "被保険者証・資格確認書",
    "交付した証1枚につき1行（取り込んだ行ごと）。証の番号は保存しない。",
    _delivered(MEMBER_ID, *_CARD),
    key=("branch", "member_id", "kind", "issued_on"),
)

TABLES = (WORKPLACE, MEMBER, ENROLMENT, REMUNERATION, BONUS, CARD)

_PRIVATE_NAME = (
    Column("name", "string", "氏名", "保存しない", private=True, aliases=("漢字氏名",)),
    Column(
        "kana", "string", "カナ氏名", "氏名キーを作って捨てる", private=True, aliases=("氏名カナ", "フリガナ")
    ),
)

DELIVERIES: tuple[Delivery, ...] = (
    Delivery(
        WORKPLACE,
        (
            _CHANGE,
            _INSURER,
            *_WORKPLACE,
            Column("name", "string", "事業所名称", "保存しない", private=True),
            Column("postcode", "string", "郵便番号", "保存しない", private=True),
            Column(
                "address", "string", "事業所所在地", "保存しない", private=True, aliases=("所在地", "住所")
            ),
        ),
        absent=("change", "name", "postcode", "address", "closed_on", "insured_count"),
    ),
    Delivery(
        MEMBER,
        (
            _CHANGE,
            _INSURER,
            _PERSON,
            *_PRIVATE_NAME,
            *_MEMBER,
            Column("postcode", "string", "郵便番号", "保存しない", private=True),
            Column("address", "string", "住所", "保存しない", private=True),
        ),
        absent=("change", "name", "kana", "mynumber_on", "died_on", "postcode", "address"),
    ),
    Delivery(
        ENROLMENT,
        (
            _CHANGE,
            _INSURER,
            _PERSON,
            Column(
                "insured_person_number",
                "string",
                "被保険者の加入者番号",
                "本人は空でよい",
                pattern="[0-9A-Za-z-]{1,20}",
                private=True,
            ),
            Column(
                "symbol", "string", "記号", "被保険者証の記号", required=True, pattern=_SYMBOL, private=True
            ),
            Column(
                "number", "string", "番号", "被保険者証の番号", required=True, pattern=_SYMBOL, private=True
            ),
            Column("branch_no", "string", "枝番", "2桁", pattern="[0-9]{1,2}", private=True),
            Column("birth_date", "date", "生年月日", required=True, private=True),
            Column("sex", "string", "性別", required=True, codes=SEX.codes, private=True),
            _PRIVATE_NAME[1],
            *_ENROLMENT,
        ),
        absent=("change", "insured_person_number", "branch_no", "kana", "relation", "loss_reason"),
    ),
    Delivery(REMUNERATION, (_CHANGE, _INSURER, _PERSON, *_REMUNERATION), absent=("change", "reason")),
    Delivery(BONUS, (_CHANGE, _INSURER, _PERSON, *_BONUS), absent=("change",)),
    Delivery(
        CARD,
        (_CHANGE, _INSURER, _PERSON, *_CARD),
        absent=("change", "expires_on", "returned_on", "return_kind"),
    ),
)
"""The membership files (資格のファイル), one per table."""
