"""Where each field stands in each record (レコードの項目位置), one place for all kinds of receipts.

Positions count from 0 = record id (レコード識別情報). Sources: 記録条件仕様 医科 (令和4年4月版), 歯科・調剤 (令和8年6月版),
DPC and コーディングデータに係る記録条件仕様; レセ電コード情報ファイル記録条件仕様 for the insurer's side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MEDICAL, DPC, DENTAL, PHARMACY = "medical", "dpc", "dental", "pharmacy"
KINDS = (MEDICAL, DPC, DENTAL, PHARMACY)
KIND_TITLES = {MEDICAL: "医科", DPC: "DPC", DENTAL: "歯科", PHARMACY: "調剤"}
TABLE_CODE = {MEDICAL: "1", DPC: "1", DENTAL: "3", PHARMACY: "4"}

HEADERS = ("IR", "UK", "YK")


@dataclass(frozen=True)
class Detail:
    """A record with 診療識別, points and days. `days` is the position of day 1, None when it has no days.

    comments: positions of the comment codes whose text follows; additions: of the 加算コード whose quantity follows. quantity: position of 数量・使用量.
    """

    code: int
    quantity: int | None
    points: int | None
    times: int | None
    days: int | None
    section: int | None = 1
    burden: int | None = 2
    comments: tuple[int, ...] = ()
    unit_code: int | None = None
    unit_price: int | None = None
    name: int | None = None
    additions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Common:
    """Positions in the RE record (レセプト共通レコード)."""

    number: int = 1
    receipt_type: int = 2
    month: int = 3
    name: int = 4
    sex: int = 5
    birth: int = 6
    benefit_rate: int = 7
    admitted: int | None = 8
    notes: int = 11
    search_number: int = 18
    kana: int = 36
    chart: int = 13
    doctors: tuple[int, ...] = ()
    prescriber: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Payer:
    """Positions in HO (保険者) or KO (公費)."""

    days: int
    points: int
    charge: int | None
    meal_times: int | None
    meal_amount: int | None


@dataclass(frozen=True)
class Layout:
    """All positions of one kind of receipt."""

    common: Common
    insurer: Payer
    public: Payer
    details: dict[str, Detail]
    comments: dict[str, tuple[int | None, int | None, int, int]] = field(
        default_factory=lambda: {"CO": (1, 2, 3, 4), "TK": (None, None, 1, 2)}
    )
    dispensings: bool = False


_MEDICAL = Layout(
    common=Common(),
    insurer=Payer(days=4, points=5, charge=11, meal_times=7, meal_amount=8),
    public=Payer(days=4, points=5, charge=6, meal_times=10, meal_amount=11),
    details={
        "SI": Detail(code=3, quantity=4, points=5, times=6, days=13, comments=(7, 9, 11)),
        "IY": Detail(code=3, quantity=4, points=5, times=6, days=13, comments=(7, 9, 11)),
        "TO": Detail(
            code=3,
            quantity=4,
            points=5,
            times=6,
            days=17,
            comments=(11, 13, 15),
            unit_code=7,
            unit_price=8,
            name=10,
        ),
        "CD": Detail(
            code=5, quantity=6, points=None, times=9, days=None, section=2, burden=None, unit_code=8, name=10
        ),
    },
)

_DENTAL = Layout(
    common=Common(admitted=8, notes=13, search_number=19, kana=25, chart=15),
    insurer=Payer(days=4, points=5, charge=10, meal_times=6, meal_amount=7),
    public=Payer(days=4, points=5, charge=6, meal_times=8, meal_amount=9),
    details={
        "SS": Detail(code=3, quantity=4, points=76, times=77, days=78, additions=tuple(range(6, 76, 2))),
        "SI": Detail(code=3, quantity=4, points=5, times=6, days=7),
        "IY": Detail(code=3, quantity=4, points=5, times=6, days=8),
        "TO": Detail(code=3, quantity=4, points=12, times=13, days=14, unit_code=5, unit_price=6, name=11),
    },
)

_PHARMACY = Layout(
    common=Common(
        admitted=None,
        notes=8,
        search_number=37,
        kana=41,
        chart=35,
        doctors=tuple(range(14, 34)),
        prescriber=(9, 10, 11),
    ),
    insurer=Payer(days=4, points=5, charge=9, meal_times=None, meal_amount=None),
    public=Payer(days=4, points=5, charge=7, meal_times=None, meal_amount=None),
    details={
        "IY": Detail(code=2, quantity=3, points=None, times=None, days=None, section=None, burden=1),
        "TO": Detail(
            code=2,
            quantity=3,
            points=None,
            times=None,
            days=None,
            section=None,
            burden=1,
            unit_code=4,
            unit_price=5,
            name=6,
        ),
    },
    comments={"CO": (None, None, 1, 2), "TK": (None, None, 1, 2)},
    dispensings=True,
)

LAYOUTS = {MEDICAL: _MEDICAL, DPC: _MEDICAL, DENTAL: _DENTAL, PHARMACY: _PHARMACY}

DIAGNOSES = {
    "SY": {"code": 1, "started": 2, "outcome": 3, "modifiers": 4, "name": 5, "main": 6},
    "HS": {"started": 1, "outcome": 2, "teeth": 3, "code": 4, "modifiers": 5, "name": 6, "main": 9},
    "SB": {"code": 1, "modifiers": 2, "name": 3, "icd10": 4, "category": 5},
}


@dataclass(frozen=True)
class Fee:
    """One fee code inside a pharmacy record: positions of 負担区分, code, times and points."""

    burden: int
    code: int
    points: int
    times: int | None = None


# CZ (調剤情報): 薬剤調製料, 加算×10, 外来服薬支援料2, 調剤管理料, 時間外等加算.
CZ_FEES = (
    Fee(6, 9, 10),
    *(Fee(n, n + 1, n + 2) for n in range(15, 45, 3)),
    Fee(54, 55, 56),
    Fee(57, 60, 61),
    Fee(62, 63, 64),
)
# KI (調剤基本料・薬学管理料): 基本料, 薬学管理料×12, 摘要薬学管理料×3, 基本料加算×10.
KI_FEES = (
    Fee(3, 4, 5),
    *(Fee(n, n + 1, n + 3, n + 2) for n in range(7, 67, 4)),
    *(Fee(n, n + 1, n + 3, n + 2) for n in range(69, 109, 4)),
)
CZ = {"prescribed": 2, "dispensed": 3, "quantity": 5, "drug_points": 13}

ALL = "all"
# Records kept as they are, with the fields that may be stored: names and positions, ALL, or nothing but the line.
OTHER: dict[str, dict[str, int] | str] = {
    "SN": {"負担者種別": 1, "確認区分": 2},
    "JD": {"負担者種別": 1},
    "MF": {"窓口負担額区分": 1},
    "GR": {"医科点数表算定理由": 1, "DPCコード": 2},
    "BU": ALL,
    "KK": ALL,
    "SK": ALL,
    "GA": ALL,
    "HH": ALL,
    "GT": ALL,
    "SH": {"No": 1, "剤形": 2, "用法": 3, "単位薬剤料計": 5},
    "KI": {"算定日": 1, "受付回": 2, "包括管理料": 109, "他医療機関受診": 110},
    "ST": ALL,
    "TI": {"臓器提供区分": 1},
    "TR": {},
    "TS": {"診療実日数": 1, "合計点数": 2},
    "KH": {},
    "MN": {"レセプト管理番号": 1, "検索番号": 3},
    "JY": {"事由": 1},
    "ON": {},
    "EX": ALL,
    "RC": {"レコード管理情報": 1},
    "MD": {"理由コード": 5, "理由内容コード": 9, "連絡調整": 13},
    "RT": {},
    "JR": {"縦覧区分": 1},
    "MK": {"請求年月日": 2, "申出機関": 3, "審査年月": 4, "理由": 5, "審査結果コード": 6},
    "HR": {"返戻年月": 1, "返戻区分": 2, "理由コード": 5},
    "HI": {},
    "HG": {},
}

# Of a RE record that a correction has replaced, kept beside the valid one.
REPLACED_COMMON = {"レセプト番号": 1, "レセプト種別": 2, "診療年月": 3, "給付割合": 7}

# What MK 審査結果コード says of the receipt: returned (資格返戻・返戻) means it no longer counts.
RETURNED_RESULTS = ("101", "104", "105")

_EVERYWHERE = frozenset({"RE", "HO", "KO", "GO", "SJ"} | set(HEADERS) | set(DIAGNOSES) | set(OTHER))


def readable(layout: Layout) -> frozenset[str]:
    """The records that receipts of a layout may hold; any other record is rejected."""
    return (
        _EVERYWHERE | set(layout.details) | set(layout.comments) | ({"CZ"} if layout.dispensings else set())
    )


ELSEWHERE = frozenset(record for layout in LAYOUTS.values() for record in readable(layout))


@dataclass(frozen=True)
class Header:
    """Positions in a header record (IR, UK, YK): the institution and the claim month."""

    name: int | None
    claim_month: int
    volume: int | None


_IR = Header(name=6, claim_month=7, volume=8)
HEADER_FIELDS: dict[tuple[str, str], Header] = {
    (MEDICAL, "IR"): _IR,
    (DPC, "IR"): _IR,
    (DENTAL, "UK"): Header(name=6, claim_month=7, volume=9),
    (DENTAL, "IR"): Header(name=None, claim_month=6, volume=None),
    (PHARMACY, "YK"): Header(name=5, claim_month=6, volume=7),
}
