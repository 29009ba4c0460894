"""What an invented receipt (レセプト) holds: institutions, patients, diagnoses, what is done and given.

The data classes hold meaning; columns, padding, totals and line numbers are the work of the writer
(`kenpo.synth.receipts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Kind = Literal["medical", "dpc", "dental", "pharmacy"]
Number = Decimal | int

# The table code of an institution (点数表コード) by kind of receipt.
TABLE_CODES: dict[Kind, str] = {"medical": "1", "dpc": "1", "dental": "3", "pharmacy": "4"}


@dataclass(frozen=True)
class Institution:
    """An institution or pharmacy (保険医療機関・保険薬局).

    prefecture: 2 digits. table: 点数表 1 医科・DPC, 3 歯科, 4 調剤. code: 7 digits. office: 審査支払機関 1
    or 2.
    """

    prefecture: str
    table: str
    code: str
    name: str
    phone: str = ""
    address: str = ""
    office: str = "1"


@dataclass(frozen=True)
class Patient:
    """A patient (患者) as written on the receipt. sex: 1 男, 2 女. branch_no: 枝番, two digits or empty."""

    name: str
    kana: str
    sex: str
    birth: date
    insurer_number: str
    symbol: str = ""
    number: str = ""
    branch_no: str = ""


@dataclass(frozen=True)
class PublicPayer:
    """A public payer of the receipt (公費): KO record. points: 合計点数, or None when left blank."""

    number: str
    recipient: str
    days: int
    points: int | None


@dataclass(frozen=True)
class Diagnosis:
    """A diagnosis (傷病名): SY in 医科, SB in DPC, HS in 歯科.

    name is written only for the uncoded 0000999. icd10 and category (傷病名区分) are for DPC, tooth (歯式)
    for 歯科.
    """

    code: str
    start: date | None = None
    outcome: str = "1"
    modifiers: tuple[str, ...] = ()
    name: str = ""
    main: bool = False
    comment: str = ""
    icd10: str = ""
    category: str = ""
    tooth: str = ""


@dataclass(frozen=True)
class Procedure:
    """A procedure (診療行為): SI; in 歯科 a code beginning with 3 is SS, with additions (加算コード,
    加算数量)."""

    code: str
    quantity: Number | None = None
    burden: str = "1"
    comments: tuple[tuple[str, str], ...] = ()
    additions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Drug:
    """A drug (医薬品): IY. quantity: 使用量 for one time, None when left blank."""

    code: str
    quantity: Number | None
    burden: str = "1"
    comments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Material:
    """A material (特定器材): TO. quantity: 使用量; unit: 単位コード; price: 単価 in yen; product:
    商品名及び規格."""

    code: str
    quantity: Number | None = None
    unit: str = ""
    price: Number | None = None
    product: str = ""
    burden: str = "1"


@dataclass(frozen=True)
class Comment:
    """A comment (コメント): CO. category (診療識別) counts only outside a Unit."""

    code: str
    text: str = ""
    burden: str = "1"
    category: str = ""


@dataclass(frozen=True)
class Unit:
    """One 点数・回数算定単位: rows that share points and times.

    category: 診療識別, written on the first row only; points: of one time, written on the last row that is
    not a comment; days: (day of month, times) pairs whose sum is times, or empty. blank_category: the first
    row too leaves 診療識別 blank and inherits it from the unit before, which has the same category.
    times_on_last_only: the earlier rows leave 回数 blank.
    """

    category: str
    rows: tuple[Procedure | Drug | Material | Comment, ...]
    points: int
    times: int = 1
    days: tuple[tuple[int, int], ...] = ()
    blank_category: bool = False
    times_on_last_only: bool = False

    def __post_init__(self) -> None:
        if all(isinstance(r, Comment) for r in self.rows):
            raise ValueError("a Unit has at least one row that is not a comment")
        if self.days and sum(n for _, n in self.days) != self.times:
            raise ValueError(f"the days of a Unit add up to its times ({self.times})")


@dataclass(frozen=True)
class Fill:
    """One dispensing of a prescription (調剤情報): CZ.

    visit: 受付回. quantity: 調剤数量 (days, or times). preparation_*: 薬剤調製料. drug_points: 薬剤料 of
    this fill.
    """

    prescribed: date
    dispensed: date
    quantity: int
    visit: int = 1
    drug_points: int = 0
    preparation_code: str = ""
    preparation_points: int = 0
    burden: str = "1"


@dataclass(frozen=True)
class Dispensing:
    """One group of the same form and usage (調剤: 処方基本 SH and what follows).

    rows in file order: one or more Fill (CZ), then the drugs, materials and comments they dispense; a Fill
    after a drug begins a new run of fills. form: 剤形コード, usage: 用法コード, unit_points: 単位薬剤料計.
    """

    form: str
    usage: str
    rows: tuple[Fill | Drug | Material | Comment, ...]
    instruction: str = ""
    unit_points: int = 0

    def __post_init__(self) -> None:
        if not self.rows or not isinstance(self.rows[0], Fill):
            raise ValueError("a Dispensing begins with a Fill")


@dataclass(frozen=True)
class BasicFee:
    """Basic and management fees of a pharmacy (基本料・薬学管理料): KI. management: (code, times, points) up
    to 12."""

    day: date
    code: str
    points: int
    visit: int = 1
    management: tuple[tuple[str, int, int], ...] = ()
    burden: str = "1"


@dataclass(frozen=True)
class Narrative:
    """A narrative of symptoms (症状詳記): SJ. category blank continues the one before."""

    category: str
    text: str


@dataclass(frozen=True)
class DpcCoding:
    """A line of DPC coding data (コーディングデータ): CD. No points; codes beginning with 6 are drugs."""

    day: date
    category: str
    sequence: int
    detail: int
    code: str
    quantity: Number | None = None
    data: Number | None = None
    unit: str = ""
    times: int | None = 1
    product: str = ""


@dataclass(frozen=True)
class DpcStay:
    """The DPC stay (診断群分類): BU, KK, HH, GT. group: 14 characters; periods: (入院期間区分, points,
    days)."""

    group: str
    admitted: date
    discharged: date | None = None
    outcome: str = "1"
    age: int | None = None
    periods: tuple[tuple[str, int, int], ...] = ()
    operations: tuple[str, ...] = ()
    nights_out: tuple[int, ...] = ()


Item = Unit | Comment | Dispensing | BasicFee | Narrative | DpcCoding


@dataclass(frozen=True)
class Correction:
    """A correction of one line on the way to the insurer (レセ電コード情報 only).

    record and nth name the line: the nth (from 0) line of that record id in the receipt. reason (事由): 1
    追加, 2 修正, 3 削除. changes: (column, value), column 0 being the record id.
    """

    record: str
    nth: int
    reason: Literal["1", "2", "3"]
    changes: tuple[tuple[int, str], ...] = ()
    data_id: str = "2"


@dataclass(frozen=True)
class Receipt:
    """One receipt (レセプト) of one patient, institution and month.

    month: first day of the month of treatment. insured: HO is present (医療保険あり). points: 合計点数;
    computed from the items when None. prescriber and doctors: 処方医療機関と保険医 (調剤). visit_days:
    written as JD. corrections, earlier_insurer (HO before 資格確認, データ識別 5), previous_claim (データ識別 11
    copies of every line) and returned (返戻: its 理由コード, データ識別 8) appear only in レセ電コード情報.
    """

    kind: Kind
    receipt_type: str
    month: date
    patient: Patient
    days: int
    items: tuple[Item, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    insured: bool = True
    public_payers: tuple[PublicPayer, ...] = ()
    points: int | None = None
    chart_number: str = ""
    benefit_rate: str = ""
    special_notes: str = ""
    admitted: date | None = None
    prescriber: Institution | None = None
    doctors: tuple[str, ...] = ()
    stay: DpcStay | None = None
    visit_days: tuple[int, ...] = ()
    corrections: tuple[Correction, ...] = ()
    earlier_insurer: str = ""
    previous_claim: bool = False
    returned: str = ""

    def __post_init__(self) -> None:
        if not self.insured and not self.public_payers:
            raise ValueError("a receipt has an insurer or a public payer (HO or KO)")
        if len(self.public_payers) > 4:
            raise ValueError("a receipt has at most four public payers (KO)")

    @property
    def total_points(self) -> int:
        """合計点数 of the insurance."""
        return sum(map(_item_points, self.items)) if self.points is None else self.points

    @property
    def main_points(self) -> int:
        """Points that count in GO: HO, or the first KO when there is no HO (総合計点数)."""
        return self.total_points if self.insured else self.public_payers[0].points or 0

    @property
    def count(self) -> int:
        """Receipts this one counts for in GO (総件数): the insurance and each public payer."""
        return int(self.insured) + len(self.public_payers)


Claim = tuple[Institution, Receipt]


def _item_points(item: Item) -> int:
    match item:
        case Unit():
            return item.points * item.times
        case Dispensing():
            return sum(r.drug_points + r.preparation_points for r in item.rows if isinstance(r, Fill))
        case BasicFee():
            return item.points + sum(times * points for _, times, points in item.management)
        case _:
            return 0
