"""Receipt tables (レセプト): header, payers, diagnoses, procedures, drugs, materials, comments, other records."""

from kenpo.lake.schema import Column, Table, lineage

_SPEC = "オンライン又は光ディスク等による請求に係る記録条件仕様"

RECEIPT_ID = Column(
    "receipt_id", "int64", "レセプトID", "取込ファイルと先頭行番号から決まるレセプトの識別子", required=True
)
MONTH = Column("month", "month", "診療年月", "診療（調剤）年月の1日", source="RE", required=True)
BRANCH = Column(
    "branch",
    "string",
    "支部",
    "協会けんぽ支部の2桁コード（都道府県番号）。協会けんぽ以外・公費単独は空",
    source="HO 保険者番号",
)
KIND = Column(
    "kind", "string", "レセプト種類", "medical 医科／dpc DPC／dental 歯科／pharmacy 調剤", required=True
)
VALID = Column(
    "valid",
    "bool",
    "有効",
    "集計に数える行。補正で置き換えられた行・削除された行・返戻されたレセプトの行は false",
    required=True,
)
INSTITUTION = Column(
    "institution", "string", "医療機関", "都道府県2桁＋点数表1桁＋医療機関コード7桁", source="IR/UK/YK"
)
AGE = Column("age", "int16", "年齢", "診療月末日の満年齢（年齢計算ニ関スル法律）", unit="歳")


def _common(*, institution: bool = False) -> tuple[Column, ...]:
    """Columns copied from the header onto every row, so that a measure scans one table."""
    base = (*lineage(), RECEIPT_ID, MONTH, BRANCH, KIND, VALID)
    return (*base, INSTITUTION, AGE) if institution else base


_DETAIL = (
    Column("record_type", "string", "レコード識別", required=True),
    Column("section", "string", "診療識別", "空欄は直前の行から引き継いで補った値", source=_SPEC + " 別表20"),
    Column("burden", "string", "負担区分", source=_SPEC + " 別表21"),
)
_POINTS = (
    Column("points", "int64", "点数", "この行に記録された点数。算定単位の最終行だけにある", unit="点"),
    Column("times", "int32", "回数", "空欄は算定単位の最終行から補った値", unit="回"),
    Column("unit_line", "int64", "算定単位の行", "点数が記録された行（算定単位の最終行）の取込行番号"),
    Column("unit_points", "int64", "算定単位の点数", "算定単位の最終行の点数を各行に引き継いだ値", unit="点"),
    Column("day_mask", "int32", "算定日ビット", "n日に算定があれば下からn-1番目のビットが1"),
    Column("days", "string", "算定日", "「日:回数」をカンマで並べたもの（例 5:1,12:2）"),
)

RECEIPT = Table(
    "receipt",
    "レセプト",
    "レセプト1件につき1行。氏名・記号番号・生年月日は保存しない。",
    (
        *_common(institution=True),
        Column("format", "string", "形式", "uke または recode_info", required=True),
        Column(
            "status",
            "string",
            "状態",
            "valid 有効／returned 返戻／component 総括レセプトの明細",
            required=True,
        ),
        Column("claim_month", "month", "請求年月", source="IR/UK/YK"),
        Column("receipt_number", "string", "レセプト番号", "ファイル内の番号", source="RE"),
        Column("search_number", "string", "検索番号", "審査支払機関が付ける番号", source="RE/MN"),
        Column("receipt_type", "string", "レセプト種別", source=_SPEC + " 別表5"),
        Column("inpatient", "bool", "入院", "レセプト種別の4桁目が奇数（医科・DPC・歯科）"),
        Column("insurer_number", "string", "保険者番号", source="HO"),
        Column(
            "prescriber", "string", "処方医療機関", "調剤のみ。都道府県2桁＋点数表1桁＋コード7桁", source="RE"
        ),
        Column(
            "member_key",
            "string",
            "加入者キー",
            "保険者番号・記号・番号・枝番・生年月日・性別の鍵付きハッシュ",
            caveat="鍵を替えると値が変わる。公費単独のレセプトでは保険者番号・記号・番号が空",
        ),
        Column(
            "member_key_loose",
            "string",
            "加入者キー（枝番なし）",
            "枝番を除いた鍵付きハッシュ。枝番の有無が違うレセプトの照合用",
        ),
        Column(
            "card_key",
            "string",
            "記号番号キー",
            "保険者番号・記号・番号の鍵付きハッシュ。生年月日・性別が違うレセプトの照合用",
        ),
        Column(
            "person_key",
            "string",
            "氏名キー",
            "カナ氏名・生年月日・性別の鍵付きハッシュ。カナ氏名のないレセプトは空",
        ),
        Column("sex", "string", "男女区分", "1 男／2 女"),
        Column("benefit_rate", "int16", "給付割合", unit="％"),
        Column("admitted_on", "date", "入院年月日"),
        Column("notes", "string", "特記事項", "2桁コードの並び", source=_SPEC + " 別表9"),
        Column("insured", "bool", "医療保険あり", "HOレコードがある", required=True),
        Column(
            "payer_count",
            "int16",
            "件数",
            "保険者と公費の数。GOレコードの総件数に数える",
            unit="件",
            required=True,
        ),
        Column(
            "service_days",
            "int32",
            "診療実日数",
            "調剤は処方箋受付回数。主保険（公費単独は第1公費）",
            unit="日",
        ),
        Column("points", "int64", "合計点数", "主保険の合計点数（公費単独は第1公費）", unit="点"),
        Column("meal_times", "int32", "食事回数", unit="回"),
        Column("meal_amount", "int64", "食事合計金額", unit="円"),
        Column("charge", "int64", "負担金額", "一部負担金の記録があるとき", unit="円"),
        Column("parent_id", "int64", "総括レセプト", "総括対象の明細レセプトが属する総括レセプトのID"),
    ),
    key=("receipt_id",),
    partition="month",
    source=_SPEC,
    caveats=("points と service_days は status が valid の行だけを足す（総括対象の明細を二重に数えない）。",),
)

PAYER = Table(
    "payer",
    "保険者・公費",
    "レセプトの支払者（HO・KO）1つにつき1行。受給者番号は保存しない。",
    (
        *_common(),
        Column("payer_order", "int16", "順位", "0 医療保険／1〜4 第1〜第4公費", required=True),
        Column("payer_number", "string", "保険者・負担者番号"),
        Column("service_days", "int32", "診療実日数", unit="日"),
        Column("points", "int64", "合計点数", unit="点"),
        Column("charge", "int64", "負担金額", unit="円"),
        Column("meal_times", "int32", "食事回数", unit="回"),
        Column("meal_amount", "int64", "食事合計金額", unit="円"),
    ),
    key=("receipt_id", "source_line"),
    partition="month",
)

DIAGNOSIS = Table(
    "diagnosis",
    "傷病名",
    "傷病名（SY・HS・SB）1つにつき1行。",
    (
        *_common(),
        Column("record_type", "string", "レコード識別", required=True),
        Column("code", "string", "傷病名コード", "7桁。0000999は未コード化"),
        Column("modifiers", "string", "修飾語コード", "4桁コードの並び"),
        Column("suspected", "bool", "疑い", "修飾語に8002（の疑い）がある"),
        Column("name", "string", "傷病名称", "未コード化傷病名のみ"),
        Column("started_on", "date", "診療開始日"),
        Column("outcome", "string", "転帰", source=_SPEC + " 別表18"),
        Column("main", "bool", "主傷病", required=True),
        Column("icd10", "string", "ICD-10", "DPC（SB）の記録"),
        Column("category", "string", "傷病名区分", "DPC（SB）の記録"),
        Column("teeth", "string", "歯式", "歯科（HS）の記録"),
    ),
    key=("receipt_id", "source_line"),
    partition="month",
)

PROCEDURE = Table(
    "procedure",
    "診療行為",
    "診療行為（SI・SS・CD）と調剤技術料（CZ・KIの中のコード）1つにつき1行。",
    (
        *_common(institution=True),
        *_DETAIL,
        Column("position", "int16", "行内の順", "1行に複数のコードがある記録（CZ・KI）での順", required=True),
        Column("code", "string", "診療行為コード", required=True),
        Column("quantity", "decimal(14,3)", "数量データ"),
        Column(
            "additions", "string", "加算", "歯科SSの加算コードと数量を「コード:数量」でカンマ区切りにしたもの"
        ),
        *_POINTS,
    ),
    key=("receipt_id", "source_line", "position"),
    partition="month",
)

DRUG = Table(
    "drug",
    "医薬品",
    "医薬品（IY、DPCコーディングデータCDのうち6で始まるコード）1つにつき1行。",
    (
        *_common(institution=True),
        *_DETAIL,
        Column("code", "string", "医薬品コード", "9桁。マスターに無いコードも残す", required=True),
        Column(
            "quantity",
            "decimal(18,5)",
            "使用量",
            "医薬品マスターの単位での1回（1日・1調剤単位）の量",
            required=True,
        ),
        Column(
            "total",
            "decimal(18,5)",
            "総量",
            "使用量×回数（調剤は使用量×調剤数量）",
            caveat="調剤で1つの処方に複数の調剤記録があるときは調剤数量を合計して掛ける",
            required=True,
        ),
        *_POINTS,
    ),
    key=("receipt_id", "source_line"),
    partition="month",
)

MATERIAL = Table(
    "material",
    "特定器材",
    "特定器材（TO）1つにつき1行。",
    (
        *_common(institution=True),
        *_DETAIL,
        Column("code", "string", "特定器材コード", required=True),
        Column("quantity", "decimal(14,5)", "使用量"),
        Column("unit_code", "string", "単位コード", source=_SPEC + " 別表22"),
        Column("unit_price", "decimal(12,2)", "単価", unit="円"),
        Column("name", "string", "商品名及び規格又はサイズ"),
        *_POINTS,
    ),
    key=("receipt_id", "source_line"),
    partition="month",
)

COMMENT = Table(
    "comment",
    "コメント",
    "コメント（CO・TK・SJと、SI・IY・TOの中のコメント）1つにつき1行。",
    (
        *_common(),
        *_DETAIL,
        Column(
            "position",
            "int16",
            "行内の順",
            "0 独立したコメント行／1〜3 診療行為等の行に付くコメント",
            required=True,
        ),
        Column("code", "string", "コメントコード"),
        Column(
            "text",
            "string",
            "文字データ",
            caveat="同じレセプトの患者の氏名・カナ氏名・番号が含まれるときは「＊」に置き換える",
        ),
    ),
    key=("receipt_id", "source_line", "position"),
    partition="month",
)

DISPENSING = Table(
    "dispensing",
    "調剤",
    "調剤情報（CZ）1つにつき1行。",
    (
        *_common(institution=True),
        Column("prescription", "int32", "処方の順", "レセプト内の処方基本（SH）の順", required=True),
        Column("prescribed_on", "date", "処方月日"),
        Column("dispensed_on", "date", "調剤月日"),
        Column("quantity", "int32", "調剤数量", "内服は日数、その他は回数等", required=True),
        Column("drug_points", "int64", "薬剤料", unit="点"),
    ),
    key=("receipt_id", "source_line"),
    partition="month",
)

RECORD = Table(
    "record",
    "その他のレコード",
    "上の表に入らないレコード（SN・JD・MF・DPCの包括評価・審査の運用記録など）1行につき1行。",
    (
        *_common(),
        Column("record_type", "string", "レコード識別", required=True),
        Column(
            "stage", "int16", "データ識別", "1 請求／2 補正／3 再審査等請求／4 再審査等結果 など（UKEは空）"
        ),
        Column("row_no", "int32", "行番号", "レセ電コード情報の行番号（UKEは空）"),
        Column("branch_no", "int32", "枝番号", "レセ電コード情報の枝番号（UKEは空）"),
        Column("content", "string", "内容", "保存してよい項目だけのJSON"),
        Column("day_mask", "int32", "受診日ビット", "JDのみ"),
        Column("days", "string", "受診日", "JDのみ。「日:区分」をカンマで並べたもの"),
    ),
    key=("receipt_id", "source_line"),
    partition="month",
)

INSTITUTION_TABLE = Table(
    "institution",
    "医療機関・薬局",
    "ファイルに現れた医療機関（IR・UK・YK）。請求のたびに1行。",
    (
        *lineage(),
        Column("institution", "string", "医療機関", "都道府県2桁＋点数表1桁＋コード7桁", required=True),
        Column("prefecture", "string", "都道府県", "2桁コード", required=True),
        Column("table_code", "string", "点数表", "1 医科／3 歯科／4 調剤", required=True),
        Column("name", "string", "名称"),
        Column(
            "municipality",
            "string",
            "市区町村",
            "レセ電コード情報（MN）の所在地から読み取った名",
            caveat="UKEには所在地がない",
        ),
        Column("municipality_code", "string", "市区町村コード", "上の名に対応するJIS X 0402の5桁コード"),
        Column(
            "postcode",
            "string",
            "郵便番号",
            "所在地の初めに書かれたもの（753-0000）",
            caveat="レセ電コード情報の所在地には、ふつう書かれていない",
        ),
        Column(
            "address",
            "string",
            "所在地",
            "レセ電コード情報（MN）の所在地から郵便番号を除いたもの",
            caveat="UKEには所在地がない。都道府県名が書かれていないことがある",
        ),
        Column("claim_month", "month", "請求年月"),
    ),
    key=("institution", "source_file", "source_line"),
)

TABLES = (
    RECEIPT,
    PAYER,
    DIAGNOSIS,
    PROCEDURE,
    DRUG,
    MATERIAL,
    COMMENT,
    DISPENSING,
    RECORD,
    INSTITUTION_TABLE,
)
