"""Derived tables (派生表): computed once from what was taken in, by refresh, before the measures."""

from kenpo.lake.schema import Column, Table, lineage
from kenpo.lake.tables import members as m

_MONTH = Column("month", "month", "月", required=True)
_INDUSTRY = Column("industry", "string", "業態", "日本標準産業分類の中分類2桁（事業所の最新の値）")
_SECTION = Column("industry_section", "string", "産業大分類", "A〜T")
_RESIDENCE = Column("residence", "string", "居住市区町村", "JIS 5桁コード（最新の住所）")

MEMBER_MONTH = Table(
    "member_month",
    "加入者月",
    "月末日に資格のある加入者1人につき、月ごとに1行。1人当たりの指標の分母。",
    (
        *lineage(),
        _MONTH,
        m.BRANCH,
        m.MEMBER_ID,
        Column("insured_id", "string", "被保険者の加入者ID", required=True),
        m.KIND,
        m.VOLUNTARY,
        m.WORKPLACE_SYMBOL,
        _INDUSTRY,
        _SECTION,
        _RESIDENCE,
        Column("sex", "string", "性別", "1 男／2 女"),
        Column("age", "int16", "年齢", "月末日の満年齢（年齢計算ニ関スル法律）", unit="歳"),
        Column("fy_end_age", "int16", "年度末年齢", "その月の属する年度の3月31日の満年齢", unit="歳"),
        Column("standard", "int64", "標準報酬月額", "被保険者のみ", unit="円"),
        Column("grade", "int16", "標準報酬等級", "被保険者のみ（健康保険の50等級）"),
        Column("mynumber", "bool", "マイナンバー収録", "月末日に収録済み", required=True),
    ),
    key=("month", "member_id"),
    partition="month",
    source="資格（enrolment）の行。source_file と source_line は元の行を指す",
    caveats=(
        "資格が重なるときは、取得の遅い資格（同日なら被保険者、次に支部コードの小さい支部）の1行だけを数える。",
        "重なりは membership_fault に出る。",
    ),
)

WORKPLACE_MONTH = Table(
    "workplace_month",
    "事業所月",
    "月末日に適用中の事業所1つにつき、月ごとに1行。",
    (
        *lineage(),
        _MONTH,
        m.BRANCH,
        Column("workplace", "string", "事業所記号", required=True),
        _INDUSTRY,
        _SECTION,
        Column("municipality", "string", "事業所市区町村", "JIS 5桁コード"),
        Column(
            "insured",
            "int32",
            "被保険者数",
            "月末日に資格のある被保険者（任意継続を除く）",
            unit="人",
            required=True,
        ),
        Column("dependents", "int32", "被扶養者数", unit="人", required=True),
    ),
    key=("month", "branch", "workplace"),
    partition="month",
)

MEMBER_RECEIPT = Table(
    "member_receipt",
    "加入者レセプト",
    "有効なレセプト1件につき1行。誰のレセプトか、合わないときはその理由。",
    (
        *lineage(),
        Column("receipt_id", "int64", "レセプトID", required=True),
        Column("month", "month", "診療年月", required=True),
        m.BRANCH,
        Column(
            "care",
            "string",
            "診療種別",
            "inpatient 医科入院（DPCを含む）／outpatient 医科入院外／dental 歯科／pharmacy 調剤",
            required=True,
            codes={
                "inpatient": ("入院",),
                "outpatient": ("入院外",),
                "dental": ("歯科",),
                "pharmacy": ("調剤",),
            },
        ),
        Column("institution", "string", "医療機関"),
        Column("age", "int16", "年齢", "診療月末日の満年齢（レセプトの生年月日による）", unit="歳"),
        Column("sex", "string", "性別", "1 男／2 女"),
        Column("service_days", "int64", "診療実日数", "調剤は処方箋受付回数", unit="日", required=True),
        Column("points", "int64", "合計点数", unit="点", required=True),
        Column(
            "reason",
            "string",
            "不一致の理由",
            "空は照合できたもの。after_loss 資格喪失後／partly_after_loss 月の途中で喪失した後の受診を含む／"
            "before_acquisition 資格取得前／ambiguous 多胎などで1人に決まらない／number_error 記号番号誤りの候補あり／"
            "unregistered 未登録",
            codes={
                "after_loss": ("資格喪失後の受診",),
                "partly_after_loss": ("月の途中で資格を喪失した後の受診を含む",),
                "before_acquisition": ("資格取得前の受診を含む",),
                "ambiguous": ("多胎などで1人に決まらない",),
                "number_error": ("記号・番号などの誤りの疑い",),
                "unregistered": ("資格データにない（未登録）",),
            },
        ),
        Column(
            "member_id",
            "string",
            "加入者ID",
            "照合できた加入者。資格喪失後などはその加入者、記号番号誤りは候補",
        ),
        Column("kind", "string", "本人家族区分", "照合できた資格のもの"),
        Column("workplace", "string", "事業所記号"),
        _INDUSTRY,
        _SECTION,
        _RESIDENCE,
    ),
    key=("receipt_id",),
    partition="month",
    source="レセプト（receipt）の行。source_file と source_line は元の行を指す",
)

MEMBERSHIP_FAULT = Table(
    "membership_fault",
    "資格データの不整合",
    "資格のデータどうしが合わない行。取り込まれてはいるが、確かめる必要がある。",
    (
        *lineage(),
        m.BRANCH,
        Column("found_in", "string", "表", "不整合のある行の表", required=True),
        Column("code", "string", "不整合コード", "docs/errors.md に一覧", required=True),
        Column("member_id", "string", "加入者ID"),
        Column("workplace", "string", "事業所記号"),
        Column("day", "date", "問題の日", "重なり始める日など"),
    ),
    key=("source_file", "source_line", "code"),
)

TABLES = (MEMBER_MONTH, WORKPLACE_MONTH, MEMBER_RECEIPT, MEMBERSHIP_FAULT)

CARES: dict[str, str] = {code: said[0] for code, said in MEMBER_RECEIPT["care"].codes.items()}
"""Kind of care (診療種別): code → Japanese."""

UNMATCHED: dict[str, str] = {code: said[0] for code, said in MEMBER_RECEIPT["reason"].codes.items()}
"""Why a receipt matches no member (不一致の理由): code → Japanese."""
