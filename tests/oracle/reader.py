"""The slow, obvious reader of receipts (レセプト): the csv module and plain Python, straight from the record
layouts.

It reads both worlds: UKE (institution → reviewing body) and レセ電コード情報 (reviewing body → insurer,
every line prefixed with データ識別, 行番号, 枝番号). It shares no code with the writer or with the intake.
"""

from __future__ import annotations

import csv
import zipfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

HISTORY = {"11", "12", "13", "14", "15", "16"}
"""データ識別 of the previous claim (再請求前): such lines are never valid."""

ADDED, DELETED = "1", "3"
"""事由 of a JY record: 1 追加, 3 削除 (2 修正 replaces, like every other value)."""


@dataclass(frozen=True)
class Line:
    """One physical line (物理行). number: from 1. data_id, row, branch: 履歴管理情報, blank and 0 in UKE."""

    number: int
    fields: tuple[str, ...]
    data_id: str = ""
    row: int = 0
    branch: int = 0
    valid: bool = True

    @property
    def record(self) -> str:
        """レコード識別情報."""
        return self.fields[0]

    def get(self, column: int) -> str:
        """The field of a column (0 is the record id); blank where the line is cut short."""
        return self.fields[column].strip(" ") if column < len(self.fields) else ""


@dataclass(frozen=True)
class OracleReceipt:
    """A receipt. month: first day. points, days: HO, or the first KO. age: at the end of the month, legal
    age."""

    index: int
    line: int
    number: int | None
    kind: str
    receipt_type: str
    month: date | None
    insurer_number: str | None
    branch: str | None
    institution: str | None
    sex: str | None
    birth: date | None
    age: int | None
    days: int | None
    points: int | None
    insured: bool
    payer_count: int
    valid: bool


@dataclass(frozen=True)
class OracleDiagnosis:
    """A diagnosis (傷病名): SY, SB or HS. modifiers: the modifier codes joined. main: 主傷病, in DPC 傷病名区分 11."""

    receipt: int
    line: int
    record_type: str
    code: str
    start: date | None
    outcome: str
    modifiers: str
    name: str
    main: bool
    valid: bool


@dataclass(frozen=True)
class OracleRow:
    """A row of 摘要情報: procedure, drug or material.

    category: 診療識別 with blanks resolved. burden: 負担区分. quantity: 使用量 or 数量データ. times: 回数.
    total: quantity × times. points: as written; unit_points: those of the last record of the row's 算定単位.
    """

    receipt: int
    line: int
    record_type: str
    code: str
    quantity: Decimal | None
    times: int | None
    total: Decimal | None
    category: str | None
    burden: str | None
    points: int | None
    unit_points: int | None
    days: tuple[tuple[int, int], ...]
    valid: bool


@dataclass(frozen=True)
class OracleComment:
    """A comment (コメント): CO. category: 診療識別 with blanks resolved."""

    receipt: int
    line: int
    code: str
    text: str
    category: str | None
    valid: bool


@dataclass(frozen=True)
class OracleFile:
    """Everything the oracle knows about one file. go_*: GO as written; computed_*: from the valid
    receipts."""

    name: str
    kind: str
    insurer_side: bool
    claim_month: date | None
    receipts: list[OracleReceipt] = field(default_factory=list)
    diagnoses: list[OracleDiagnosis] = field(default_factory=list)
    procedures: list[OracleRow] = field(default_factory=list)
    drugs: list[OracleRow] = field(default_factory=list)
    materials: list[OracleRow] = field(default_factory=list)
    comments: list[OracleComment] = field(default_factory=list)
    lines_by_record_type: Counter[str] = field(default_factory=Counter)
    go_count: int | None = None
    go_points: int | None = None

    @property
    def computed_count(self) -> int:
        """総件数: the insurance and each public payer of every valid receipt."""
        return sum(r.payer_count for r in self.receipts if r.valid)

    @property
    def computed_points(self) -> int:
        """総合計点数: HO, or the first KO, of every valid receipt."""
        return sum(r.points or 0 for r in self.receipts if r.valid)


# Columns (0 = record id) of rows with points: (診療識別, 負担区分, code, quantity, 点数, 回数, 1日の情報).
_MEDICAL_ROWS = {"SI": (1, 2, 3, 4, 5, 6, 13), "IY": (1, 2, 3, 4, 5, 6, 13), "TO": (1, 2, 3, 4, 5, 6, 17)}
_DENTAL_ROWS = {
    "SS": (1, 2, 3, 4, 76, 77, 78),
    "SI": (1, 2, 3, 4, 5, 6, 7),
    "IY": (1, 2, 3, 4, 5, 6, 8),
    "TO": (1, 2, 3, 4, 12, 13, 14),
}
ROWS = {"medical": _MEDICAL_ROWS, "dpc": _MEDICAL_ROWS, "dental": _DENTAL_ROWS, "pharmacy": {}}


def read(source: Path | str | bytes, name: str = "") -> OracleFile:
    """Read one file. name: the file's name where source is bytes (it decides 医科 or DPC when the content
    does not)."""
    if isinstance(source, bytes):
        content = source
    else:
        content = Path(source).read_bytes()
        name = name or Path(source).name
    lines = physical_lines(content)
    insurer_side = bool(lines) and lines[0].data_id != ""
    kind = kind_of(lines, name)
    header = next((x for x in lines if x.record in ("IR", "YK", "UK")), None)
    claim_column = {"IR": 7, "YK": 6, "UK": 7}
    result = OracleFile(
        name=name,
        kind=kind,
        insurer_side=insurer_side,
        claim_month=parse_month(header.get(claim_column[header.record])) if header else None,
        lines_by_record_type=Counter(x.record for x in lines),
        go_count=next((number(x.get(1)) for x in lines if x.record == "GO"), None),
        go_points=next((number(x.get(2)) for x in lines if x.record == "GO"), None),
    )
    for institution, block in insurer_blocks(lines) if insurer_side else uke_blocks(lines):
        _read_receipt(result, institution, block)
    return result


def read_zip(path: Path | str) -> list[OracleFile]:
    """Read every CSV of a zip of レセ電コード情報, in the order of the archive."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.upper().endswith(".CSV")]
        return [read(archive.read(n), n) for n in names]


def physical_lines(content: bytes) -> list[Line]:
    """The file's lines without EOF (1A) and empty lines; numbers count every physical line."""
    text = content.decode("cp932").rstrip("\x1a")
    result = []
    for n, raw in enumerate(text.split("\n"), 1):
        raw = raw.rstrip("\r")
        if not raw:
            continue
        fields = next(csv.reader([raw], quoting=csv.QUOTE_NONE))
        if fields[0].isdigit():
            data_id, row, branch, *rest = fields
            result.append(Line(n, tuple(rest), str(int(data_id)), int(row), int(branch)))
        else:
            result.append(Line(n, tuple(fields)))
    return result


def kind_of(lines: list[Line], name: str) -> str:
    """medical 医科, dpc, dental 歯科 or pharmacy 調剤."""
    records = {x.record for x in lines}
    if "YK" in records:
        return "pharmacy"
    if "UK" in records or any(x.record == "IR" and x.get(3) == "3" for x in lines):
        return "dental"
    base = name.upper().replace("\\", "/").split("/")[-1]
    if records & {"BU", "CD"} or "RECEIPTD" in base or "_DPC" in base:
        return "dpc"
    return "medical"


def uke_blocks(lines: list[Line]) -> list[tuple[str | None, list[Line]]]:
    """(institution key, lines from RE on) per receipt of a UKE file; every line is valid."""
    blocks: list[tuple[str | None, list[Line]]] = []
    institution = None
    inside = False
    for line in lines:
        if line.record in ("IR", "YK", "UK"):
            institution = institution_key(line)
            inside = False
        elif line.record == "GO":
            inside = False
        elif line.record == "RE":
            blocks.append((institution, [line]))
            inside = True
        elif inside:
            blocks[-1][1].append(line)
    return blocks


def insurer_blocks(lines: list[Line]) -> list[tuple[str | None, list[Line]]]:
    """(institution key, lines) per MN block, validity decided, lines in the order 行番号, 枝番号, file
    order."""
    blocks: list[list[Line]] = []
    for line in lines:
        if line.record == "MN":
            blocks.append([])
        if blocks:
            blocks[-1].append(line)
    result = []
    for block in blocks:
        valid = {x.number for x in valid_lines(block)}
        judged = [replace(x, valid=x.number in valid) for x in block]
        ordered = sorted(judged, key=lambda x: (x.row, x.branch, x.number))
        headers = [x for x in ordered if x.valid and x.record in ("IR", "YK", "UK")]
        result.append((institution_key(headers[0]) if headers else None, ordered))
    return result


def valid_lines(block: list[Line]) -> list[Line]:
    """The lines of one receipt that count after 補正 and 再審査 (有効な行). JY lines themselves never
    count."""
    result: list[Line] = []
    for row in sorted({x.row for x in block}):
        candidates = [x for x in block if x.row == row and x.data_id not in HISTORY]
        candidates.sort(key=lambda x: (x.data_id != "5", x.branch, x.number))
        valid: list[Line] = []
        reason: tuple[str, int] | None = None
        for line in candidates:
            if line.record == "JY":
                reason = (line.get(1), line.branch)
                if line.get(1) == DELETED:
                    valid = []
                continue
            announced = reason[0] if reason is not None and reason[1] == line.branch else ""
            reason = None
            if announced == DELETED:
                continue
            if announced == ADDED:
                valid.append(line)
            else:
                valid = [line]
        result.extend(valid)
    return result


def institution_key(header: Line) -> str:
    """都道府県 + 点数表 + 医療機関コード; a code written short of its 7 digits is padded with zeros."""
    return header.get(2) + header.get(3) + header.get(4).zfill(7)


def _read_receipt(result: OracleFile, institution: str | None, block: list[Line]) -> None:
    common = [x for x in block if x.record == "RE"]
    if not common:
        return
    index = len(result.receipts)
    head = next((x for x in common if x.valid), common[-1])
    result.receipts.append(_receipt(index, result.kind, institution, head, block))
    for line in block:
        if line.record in ("SY", "SB", "HS"):
            result.diagnoses.append(_diagnosis(index, line))
    if result.kind == "pharmacy":
        _read_dispensing(result, index, block)
    else:
        _read_rows(result, index, block)
    for line in block:
        if line.record == "CD":
            _read_coding(result, index, line)


def _receipt(index: int, kind: str, institution: str | None, head: Line, block: list[Line]) -> OracleReceipt:
    insurers = [x for x in block if x.record == "HO" and x.valid]
    payers = [x for x in block if x.record == "KO" and x.valid]
    main = (insurers or payers or [None])[0]
    insurer = (insurers[0].get(1) or None) if insurers else None
    month = parse_month(head.get(3))
    birth = parse_day(head.get(6))
    return OracleReceipt(
        index=index,
        line=head.number,
        number=number(head.get(1)),
        kind=kind,
        receipt_type=head.get(2),
        month=month,
        insurer_number=insurer,
        branch=branch_of(insurer),
        institution=institution,
        sex=head.get(5) or None,
        birth=birth,
        age=age_at_month_end(birth, month) if birth and month else None,
        days=number(main.get(4)) if main else None,
        points=number(main.get(5)) if main else None,
        insured=bool(insurers),
        payer_count=len(insurers) + len(payers),
        valid=head.valid,
    )


def _diagnosis(index: int, line: Line) -> OracleDiagnosis:
    code, start, outcome, modifiers, name, main = {
        "SY": (1, 2, 3, 4, 5, 6),
        "SB": (1, None, None, 2, 3, None),
        "HS": (4, 1, 2, 5, 6, 9),
    }[line.record]
    return OracleDiagnosis(
        receipt=index,
        line=line.number,
        record_type=line.record,
        code=line.get(code),
        start=parse_day(line.get(start)) if start else None,
        outcome=line.get(outcome) if outcome else "",
        modifiers=line.get(modifiers),
        name=line.get(name),
        main=line.get(5) == "11" if line.record == "SB" else line.get(main or 0) == "01",
        valid=line.valid,
    )


def _read_rows(result: OracleFile, index: int, block: list[Line]) -> None:
    """SI, SS, IY, TO and CO of 医科, DPC and 歯科. Blanks are resolved over the valid lines only.

    An invalid line resolves nothing and keeps its own values.
    """
    layouts = ROWS[result.kind]
    rows = [x for x in block if x.record in layouts or x.record == "CO"]
    valid = [x for x in rows if x.valid]
    category_of: dict[int, str | None] = {}
    unit_of: dict[int, Line] = {}
    category: str | None = None
    unit: list[Line] = []
    for line in valid:
        if line.get(1):
            category = line.get(1)
            unit = []
        category_of[line.number] = category
        if line.record == "CO":
            continue
        unit.append(line)
        if line.get(layouts[line.record][4]):
            for member in unit:
                unit_of[member.number] = line
            unit = []
    for line in rows:
        category = category_of.get(line.number) or line.get(1) or None
        if line.record == "CO":
            comment = OracleComment(index, line.number, line.get(3), line.get(4), category, line.valid)
            result.comments.append(comment)
            continue
        _, burden, code, quantity, points, times, first_day = layouts[line.record]
        last = unit_of.get(line.number, line)
        last_layout = layouts[last.record]
        count = number(line.get(times) or last.get(last_layout[5]))
        amount = decimal(line.get(quantity))
        days = tuple(
            (d, int(line.get(first_day + d - 1))) for d in range(1, 32) if line.get(first_day + d - 1)
        )
        row = OracleRow(
            receipt=index,
            line=line.number,
            record_type=line.record,
            code=line.get(code),
            quantity=amount,
            times=count,
            total=_product(amount, count),
            category=category,
            burden=line.get(burden) or None,
            points=number(line.get(points)),
            unit_points=number(last.get(last_layout[4])),
            days=days,
            valid=line.valid,
        )
        {"IY": result.drugs, "TO": result.materials}.get(line.record, result.procedures).append(row)


def _read_dispensing(result: OracleFile, index: int, block: list[Line]) -> None:
    """IY, TO and CO of 調剤: times is the sum of 調剤数量 over the run of CZ before the row in its SH group.

    A run ends at the next SH, and a CZ after a drug or material begins a new one.
    """
    run: list[Line] = []
    closed = False
    for line in block:
        if line.record == "CO":
            comment = OracleComment(index, line.number, line.get(1), line.get(2), None, line.valid)
            result.comments.append(comment)
        if line.record in ("IY", "TO"):
            counts = [int(x.get(5)) for x in run if x.get(5)]
            times = sum(counts) if counts else None
            amount = decimal(line.get(3))
            row = OracleRow(
                receipt=index,
                line=line.number,
                record_type=line.record,
                code=line.get(2),
                quantity=amount,
                times=times,
                total=_product(amount, times),
                category=None,
                burden=line.get(1) or None,
                points=None,
                unit_points=None,
                days=(),
                valid=line.valid,
            )
            (result.drugs if line.record == "IY" else result.materials).append(row)
        if not line.valid:
            continue
        if line.record == "SH":
            run, closed = [], False
        elif line.record == "CZ":
            run = [line] if closed else [*run, line]
            closed = False
        elif line.record in ("IY", "TO"):
            closed = True


def _read_coding(result: OracleFile, index: int, line: Line) -> None:
    """CD of DPC (コーディングデータ): 6 drugs, 7 materials, 8 comments, anything else procedures."""
    code = line.get(5)
    category = line.get(2) or None
    if code.startswith("8"):
        result.comments.append(OracleComment(index, line.number, code, line.get(10), category, line.valid))
        return
    amount = decimal(line.get(6) if code.startswith(("6", "7")) else line.get(7))
    times = number(line.get(9))
    row = OracleRow(
        receipt=index,
        line=line.number,
        record_type="CD",
        code=code,
        quantity=amount,
        times=times,
        total=_product(amount, times),
        category=category,
        burden=None,
        points=None,
        unit_points=None,
        days=(),
        valid=line.valid,
    )
    {"6": result.drugs, "7": result.materials}.get(code[:1], result.procedures).append(row)


def _product(quantity: Decimal | None, times: int | None) -> Decimal | None:
    return None if quantity is None or times is None else quantity * times


def number(text: str) -> int | None:
    """A whole number, None when blank."""
    return int(text) if text else None


def decimal(text: str) -> Decimal | None:
    """A number with decimals, None when blank."""
    return Decimal(text) if text else None


_ERA_YEAR_ZERO = {"1": 1867, "2": 1911, "3": 1925, "4": 1988, "5": 2018}


def parse_day(text: str) -> date | None:
    """年月日: YYYYMMDD, or GYYMMDD in 和暦 (told apart by length); None when blank."""
    if not text:
        return None
    if len(text) == 8:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    if len(text) == 7:
        return date(_ERA_YEAR_ZERO[text[0]] + int(text[1:3]), int(text[3:5]), int(text[5:]))
    raise ValueError(f"not a date: {text!r}")


def parse_month(text: str) -> date | None:
    """年月 as its first day: YYYYMM, or GYYMM in 和暦; None when blank."""
    return parse_day(text + "01") if text else None


def branch_of(insurer_number: str | None) -> str | None:
    """The branch (支部) of 協会けんぽ: 01 and the prefecture of an insurer number 01PP001 with its check digit
    (検証番号: weights 2, 1, 2 … from the right, digits added); otherwise None."""
    number = insurer_number or ""
    if len(number) != 8 or number[:2] != "01" or not "01" <= number[2:4] <= "47" or number[4:7] != "001":
        return None
    doubled = "".join(str(int(digit) * (2 - place % 2)) for place, digit in enumerate(reversed(number[:7])))
    check = -sum(int(digit) for digit in doubled) % 10
    return number[:4] if int(number[7]) == check else None


def age_at_month_end(birth: date, month: date) -> int:
    """Legal age (年齢計算ニ関スル法律) on the month's last day: a year is complete the day before the
    birthday."""
    following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    before_birthday = (following.month, following.day) < (birth.month, birth.day)
    return following.year - birth.year - before_birthday
