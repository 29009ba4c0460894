"""Writer of invented receipts (レセプト) in the true file formats.

Two worlds: what an institution sends to the reviewing body (UKE: 記録条件仕様), and what the insurer gets
back (レセ電コード情報: every line prefixed with 履歴管理情報). The data classes hold meaning; blanking,
padding, column counts, GO totals and line numbers are the writer's work.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from kenpo.synth.records import (
    TABLE_CODES,
    BasicFee,
    Claim,
    Comment,
    Correction,
    Diagnosis,
    Dispensing,
    DpcCoding,
    Drug,
    Fill,
    Institution,
    Item,
    Kind,
    Material,
    Narrative,
    Number,
    Procedure,
    PublicPayer,
    Receipt,
    Unit,
)

Dates = Literal["western", "japanese"]
Lines = list[list[str]]
_Fields = dict[int, str | Decimal | int | None]

EOF = b"\x1a"

# File names (ファイル名) of the two worlds.
UKE_NAMES: dict[Kind, str] = {
    "medical": "RECEIPTC.UKE",
    "dpc": "RECEIPTD.UKE",
    "dental": "RECEIPTS.UKE",
    "pharmacy": "RECEIPTY.CYO",
}
RECODE_NAMES: dict[Kind, str] = {
    "medical": "11_RECODEINFO_MED.CSV",
    "dpc": "12_RECODEINFO_DPC.CSV",
    "dental": "13_RECODEINFO_DEN.CSV",
    "pharmacy": "14_RECODEINFO_PHA.CSV",
}
RECODE_FOLDER = "0_COMMON001"

# Columns of a record including the record id (レコード識別情報), when trailing empty fields are kept.
_COMMON = {"SN": 9, "JD": 33, "GO": 4, "SJ": 3, "MN": 7, "EX": 13, "RC": 2, "JY": 2, "HR": 7}
_MEDICAL = {
    **_COMMON,
    "IR": 10,
    "RE": 38,
    "HO": 15,
    "KO": 12,
    "SY": 8,
    "SI": 44,
    "IY": 44,
    "TO": 48,
    "CO": 5,
}
WIDTHS: dict[Kind, dict[str, int]] = {
    "medical": _MEDICAL,
    "dpc": {**_MEDICAL, "BU": 6, "SB": 8, "KK": 5, "SK": 4, "GA": 7, "HH": 9, "GT": 13, "CD": 11},
    "dental": {
        **_COMMON,
        "UK": 10,
        "IR": 9,
        "RE": 27,
        "HO": 14,
        "KO": 10,
        "HS": 13,
        "SS": 109,
        "SI": 38,
        "IY": 39,
        "TO": 45,
        "CO": 11,
    },
    "pharmacy": {
        **_COMMON,
        "YK": 9,
        "RE": 42,
        "HO": 14,
        "KO": 10,
        "SH": 10,
        "CZ": 71,
        "IY": 10,
        "TO": 7,
        "CO": 3,
        "KI": 114,
    },
}


def uke_lines(
    institution: Institution,
    receipts: Sequence[Receipt],
    claim_month: date,
    *,
    dates: Dates = "western",
    trailing: bool = True,
) -> Lines:
    """The whole UKE file of one institution and one kind in one volume: header, receipts, GO."""
    return uke_volumes(institution, receipts, claim_month, dates=dates, trailing=trailing)[0]


def uke_volumes(
    institution: Institution,
    receipts: Sequence[Receipt],
    claim_month: date,
    *,
    volumes: int = 1,
    dates: Dates = "western",
    trailing: bool = True,
) -> list[Lines]:
    """The UKE file split into volumes (マルチボリューム): header 00, 01 …; GO 01 … and 99 with the totals
    last."""
    kinds: set[Kind] = {r.kind for r in receipts}
    if len(kinds) != 1:
        raise ValueError("a UKE file holds receipts of exactly one kind")
    kind = kinds.pop()
    if institution.table != TABLE_CODES[kind]:
        raise ValueError(f"the institution's table code is {TABLE_CODES[kind]} for kind {kind}")
    if not 1 <= volumes <= min(len(receipts), 98):
        raise ValueError("each volume holds at least one receipt, and there are at most 98 volumes")
    record = _Recorder(kind, dates, trailing)
    size, rest = divmod(len(receipts), volumes)
    result: list[Lines] = []
    number = 0
    for volume in range(volumes):
        lines = [_header(record, institution, claim_month, volume)]
        for receipt in receipts[number : number + size + (volume < rest)]:
            number += 1
            if kind == "dental":
                lines.append(_dental_institution(record, institution, claim_month))
            lines.extend(_receipt_lines(record, receipt, number))
        if volume < volumes - 1:
            lines.append(record("GO", {3: f"{volume + 1:02d}"}))
        else:
            totals = {1: sum(r.count for r in receipts), 2: sum(r.main_points for r in receipts), 3: "99"}
            lines.append(record("GO", totals))
        result.append(lines)
    return result


def write_uke(
    path: Path | str,
    institution: Institution,
    receipts: Sequence[Receipt],
    claim_month: date,
    *,
    dates: Dates = "western",
    trailing: bool = True,
    newline: str = "\r\n",
    eof: bool = True,
    volumes: int = 1,
) -> list[Path]:
    """Write a UKE file in CP932; several volumes become stem_00.UKE, stem_01.UKE …. Returns the paths
    written."""
    path = Path(path)
    parts = uke_volumes(institution, receipts, claim_month, volumes=volumes, dates=dates, trailing=trailing)
    paths = (
        [path]
        if volumes == 1
        else [path.with_name(f"{path.stem}_{i:02d}{path.suffix}") for i in range(volumes)]
    )
    for target, lines in zip(paths, parts, strict=True):
        target.write_bytes(encode(lines, newline=newline, eof=eof))
    return paths


def recode_info_lines(
    claims: Iterable[Claim],
    claim_month: date,
    *,
    dates: Dates = "western",
    trailing: bool = True,
    first_number: int = 940000001,
) -> Lines:
    """レセ電コード情報 of one kind: every line データ識別, 行番号, 枝番号, then the record.

    Per receipt: MN (line 1), the institution's header, the receipt's records, EX, RC. A correction is a JY
    line and the corrected record, both with the corrected line's 行番号 and the next 枝番号. first_number:
    レセプト管理番号 of the first receipt.
    """
    result: Lines = []
    numbers: dict[Institution, int] = {}
    for offset, (institution, receipt) in enumerate(claims):
        record = _Recorder(receipt.kind, dates, trailing)
        numbers[institution] = numbers.get(institution, 0) + 1
        body = [_header(record, institution, claim_month, 0)]
        if receipt.kind == "dental":
            body.append(_dental_institution(record, institution, claim_month))
        body += _receipt_lines(record, receipt, numbers[institution])
        management = f"{first_number + offset:09d}"
        month = japanese_date(claim_month)[:5]
        search = f"{institution.prefecture}{institution.table}{month}{management}"
        result.append(["2", "1", "0", *record("MN", {1: management, 2: institution.address, 3: search})])
        result.extend(_prefixed(record, receipt, body))
        last = len(body) + 1
        result.append(["2", str(last + 1), "1", *record("EX", {12: f"1:{claim_month:%Y%m}:"})])
        digest = hashlib.sha256(repr(body).encode()).hexdigest()[:32]
        result.append(["2", str(last + 2), "0", *record("RC", {1: f"Ver00001{digest}"})])
        if receipt.returned:
            sent = record("HR", {1: record.month(claim_month), 2: "4", 5: receipt.returned})
            result.append(["8", str(last + 3), "0", *sent])
        if receipt.previous_claim:
            result.extend(["11", str(n), "0", *line] for n, line in enumerate(body, 2))
    return result


def write_recode_info(
    path: Path | str,
    claims: Iterable[Claim],
    claim_month: date,
    *,
    dates: Dates = "western",
    trailing: bool = True,
    newline: str = "\r\n",
    eof: bool = False,
    first_number: int = 940000001,
) -> list[str]:
    """Write レセ電コード情報, one CSV per kind present in 0_COMMON001/, into a zip (path ends in .zip) or a
    folder.

    Returns the names inside. The zip's bytes depend only on the arguments.
    """
    path = Path(path)
    claims = list(claims)
    files: dict[str, bytes] = {}
    for kind, name in RECODE_NAMES.items():
        of_kind = [(i, r) for i, r in claims if r.kind == kind]
        if not of_kind:
            continue
        lines = recode_info_lines(
            of_kind, claim_month, dates=dates, trailing=trailing, first_number=first_number
        )
        first_number += len(of_kind)
        files[f"{RECODE_FOLDER}/{name}"] = encode(lines, newline=newline, eof=eof)
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, content)
    else:
        for name, content in files.items():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return list(files)


def encode(lines: Iterable[Sequence[str]], *, newline: str = "\r\n", eof: bool = True) -> bytes:
    """The bytes of a file: CP932, no quotes, newline after every line, then EOF 1A if wanted."""
    text = "".join(",".join(line) + newline for line in lines)
    return text.encode("cp932") + (EOF if eof else b"")


_ERAS = (
    (date(2019, 5, 1), "5", 2018),
    (date(1989, 1, 8), "4", 1988),
    (date(1926, 12, 25), "3", 1925),
    (date(1912, 7, 30), "2", 1911),
    (date(1868, 9, 8), "1", 1867),
)


def japanese_date(day: date) -> str:
    """A date in the old form GYYMMDD (和暦: 1明治 2大正 3昭和 4平成 5令和)."""
    for start, letter, offset in _ERAS:
        if day >= start:
            return f"{letter}{day.year - offset:02d}{day:%m%d}"
    raise ValueError(f"no era for {day}")


class _Recorder:
    """Builds one record: columns by number, everything else blank, as wide as the format says or cut
    short."""

    def __init__(self, kind: Kind, dates: Dates, trailing: bool) -> None:
        self.kind: Kind = kind
        self.japanese = dates == "japanese"
        self.trailing = trailing
        self.widths = WIDTHS[kind]

    def __call__(self, record: str, fields: _Fields) -> list[str]:
        row = [""] * self.widths[record]
        row[0] = record
        for column, value in fields.items():
            row[column] = _text(value)
        if not self.trailing:
            while row[-1] == "":
                row.pop()
        return row

    def day(self, day: date | None) -> str:
        """年月日 in the file's form."""
        if day is None:
            return ""
        return japanese_date(day) if self.japanese else f"{day:%Y%m%d}"

    def month(self, month: date) -> str:
        """年月 in the file's form."""
        return japanese_date(month)[:5] if self.japanese else f"{month:%Y%m}"


def _text(value: str | Number | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if any(c in value for c in ',"\r\n\x1a'):
            raise ValueError(f"a field cannot hold a comma, a quote or a line end: {value!r}")
        return value
    if isinstance(value, int):
        return str(value)
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _header(record: _Recorder, institution: Institution, month: date, volume: int) -> list[str]:
    """The first line of a file (医療機関情報): IR, in 調剤 YK, in 歯科 UK."""
    key: _Fields = {
        1: institution.office,
        2: institution.prefecture,
        3: institution.table,
        4: institution.code,
    }
    claimed, part = record.month(month), f"{volume:02d}"
    if record.kind == "pharmacy":
        return record("YK", {**key, 5: institution.name, 6: claimed, 7: part, 8: institution.phone})
    if record.kind == "dental":
        return record("UK", {**key, 6: institution.name, 7: claimed, 9: part})
    return record("IR", {**key, 6: institution.name, 7: claimed, 8: part, 9: institution.phone})


def _dental_institution(record: _Recorder, institution: Institution, month: date) -> list[str]:
    """The dental IR (歯科), which stands before every RE and has neither name nor volume."""
    return record(
        "IR",
        {
            1: institution.office,
            2: institution.prefecture,
            3: institution.table,
            4: institution.code,
            6: record.month(month),
            7: institution.phone,
        },
    )


def _receipt_lines(record: _Recorder, receipt: Receipt, number: int) -> Lines:
    lines = [_common(record, receipt, number)]
    if receipt.insured:
        lines.append(_insurer(record, receipt, receipt.patient.insurer_number))
    lines.extend(_public_payer(record, payer) for payer in receipt.public_payers)
    if receipt.insured and receipt.patient.branch_no:
        lines.append(record("SN", {1: "1", 2: "01", 6: receipt.patient.branch_no}))
    if receipt.visit_days:
        lines.append(record("JD", {1: "1", **{day + 1: "1" for day in receipt.visit_days}}))
    if receipt.kind == "dpc":
        lines.extend(_dpc_lines(record, receipt))
    elif receipt.kind != "pharmacy":
        lines.extend(_diagnosis(record, d) for d in receipt.diagnoses)
    lines.extend(_item_lines(record, receipt.items))
    return lines


def _common(record: _Recorder, receipt: Receipt, number: int) -> list[str]:
    """RE (レセプト共通)."""
    patient = receipt.patient
    fields: _Fields = {
        1: number,
        2: receipt.receipt_type,
        3: record.month(receipt.month),
        4: patient.name,
        5: patient.sex,
        6: record.day(patient.birth),
        7: receipt.benefit_rate,
    }
    if receipt.kind == "pharmacy":
        fields |= {8: receipt.special_notes, 35: receipt.chart_number, 41: patient.kana}
        if receipt.prescriber is not None:
            clinic = receipt.prescriber
            fields |= {9: clinic.prefecture, 10: clinic.table, 11: clinic.code}
            fields |= {12: clinic.name, 13: clinic.address}
        fields |= {14 + i: doctor for i, doctor in enumerate(receipt.doctors[:20])}
    elif receipt.kind == "dental":
        start = min((d.start for d in receipt.diagnoses if d.start), default=None)
        fields |= {8: record.day(receipt.admitted), 9: record.day(start), 10: "1"}
        fields |= {13: receipt.special_notes, 15: receipt.chart_number, 25: patient.kana}
    else:
        fields |= {8: record.day(receipt.admitted), 11: receipt.special_notes}
        fields |= {13: receipt.chart_number, 36: patient.kana}
    return record("RE", fields)


def _insurer(record: _Recorder, receipt: Receipt, number: str) -> list[str]:
    """HO (保険者); the number is padded to eight characters with leading spaces."""
    patient = receipt.patient
    return record(
        "HO",
        {
            1: number.rjust(8) if number else "",
            2: patient.symbol,
            3: patient.number,
            4: receipt.days,
            5: receipt.total_points,
        },
    )


def _public_payer(record: _Recorder, payer: PublicPayer) -> list[str]:
    """KO (公費)."""
    return record("KO", {1: payer.number, 2: payer.recipient, 4: payer.days, 5: payer.points})


def _diagnosis(record: _Recorder, diagnosis: Diagnosis) -> list[str]:
    modifiers = "".join(diagnosis.modifiers)
    start = record.day(diagnosis.start)
    main = "01" if diagnosis.main else ""
    if record.kind == "dental":
        return record(
            "HS",
            {
                1: start,
                2: diagnosis.outcome if diagnosis.start else "",
                3: diagnosis.tooth,
                4: diagnosis.code,
                5: modifiers,
                6: diagnosis.name,
                9: main,
                11: diagnosis.comment,
            },
        )
    if record.kind == "dpc":
        return record(
            "SB",
            {
                1: diagnosis.code,
                2: modifiers,
                3: diagnosis.name,
                4: diagnosis.icd10,
                5: diagnosis.category,
                7: diagnosis.comment,
            },
        )
    return record(
        "SY",
        {
            1: diagnosis.code,
            2: start,
            3: diagnosis.outcome,
            4: modifiers,
            5: diagnosis.name,
            6: main,
            7: diagnosis.comment,
        },
    )


def _dpc_lines(record: _Recorder, receipt: Receipt) -> Iterator[list[str]]:
    """BU SB KK SK GA HH GT: the head of a DPC receipt (診断群分類・包括評価)."""
    stay = receipt.stay
    if stay is None:
        raise ValueError("a DPC receipt has a stay")
    month = record.month(receipt.month)
    discharged = record.day(stay.discharged)
    yield record(
        "BU",
        {1: stay.group, 2: record.day(stay.admitted), 3: discharged, 4: stay.outcome if discharged else ""},
    )
    for diagnosis in receipt.diagnoses:
        yield _diagnosis(record, diagnosis)
    yield record("KK", {1: record.day(stay.admitted), 2: discharged, 3: stay.age})
    for code in stay.operations:
        yield record("SK", {1: code})
    if stay.nights_out:
        yield record("GA", {1: month, 2: "0", 3: "".join(f"{n:02d}" for n in stay.nights_out), 4: stay.group})
    for period, points, days in stay.periods:
        total = points * days
        yield record("HH", {1: month, 2: "0", 3: "1", 4: "1", 5: period, 6: points, 7: days, 8: total})
    if stay.periods:
        total = sum(points * days for _, points, days in stay.periods)
        yield record("GT", {1: month, 2: "0", 3: "1", 4: "93", 5: "1", 6: total, 7: total, 8: 0, 9: total})


def _item_lines(record: _Recorder, items: Sequence[Item]) -> Iterator[list[str]]:
    """The items in order; narratives and then DPC coding data come last, as the formats want."""
    category = ""
    groups = 0
    for item in items:
        if isinstance(item, Unit):
            if item.blank_category and item.category != category:
                raise ValueError("blank_category inherits a different category from the unit before")
            yield from _unit_lines(record, item)
            category = item.category
        elif isinstance(item, Comment):
            yield _comment(record, item, item.category)
            category = item.category or category
        elif isinstance(item, Dispensing):
            groups += 1
            yield from _dispensing_lines(record, item, groups)
        elif isinstance(item, BasicFee):
            yield _basic_fee(record, item)
    for item in items:
        if isinstance(item, Narrative):
            yield record("SJ", {1: item.category, 2: item.text})
    for item in items:
        if isinstance(item, DpcCoding):
            yield _coding(record, item)


def _unit_lines(record: _Recorder, unit: Unit) -> Iterator[list[str]]:
    last = max(i for i, row in enumerate(unit.rows) if not isinstance(row, Comment))
    for i, row in enumerate(unit.rows):
        category = unit.category if i == 0 and not unit.blank_category else ""
        if isinstance(row, Comment):
            yield _comment(record, row, category)
            continue
        points = unit.points if i == last else None
        times = None if unit.times_on_last_only and i != last else unit.times
        days = () if times is None else unit.days
        yield _unit_row(record, row, category, points, times, days)


def _unit_row(
    record: _Recorder,
    row: Procedure | Drug | Material,
    category: str,
    points: int | None,
    times: int | None,
    days: tuple[tuple[int, int], ...],
) -> list[str]:
    fields: _Fields = {1: category, 2: row.burden, 3: row.code, 4: row.quantity}
    dental = record.kind == "dental"
    if isinstance(row, Material):
        name, points_at, first_day = ("TO", 12, 14) if dental else ("TO", 5, 17)
        price = {5: row.unit, 6: row.price, 11: row.product}
        fields |= price if dental else {7: row.unit, 8: row.price, 10: row.product}
    elif isinstance(row, Drug):
        name, points_at, first_day = ("IY", 5, 8) if dental else ("IY", 5, 13)
    elif dental and row.code.startswith("3"):
        name, points_at, first_day = "SS", 76, 78
        for i, (code, quantity) in enumerate(row.additions[:35]):
            fields |= {6 + 2 * i: code, 7 + 2 * i: quantity}
    else:
        name, points_at, first_day = ("SI", 5, 7) if dental else ("SI", 5, 13)
    fields |= {points_at: points, points_at + 1: times}
    if not dental and not isinstance(row, Material):
        for i, (code, text) in enumerate(row.comments[:3]):
            fields |= {7 + 2 * i: code, 8 + 2 * i: text}
    fields |= {first_day + day - 1: count for day, count in days}
    return record(name, fields)


def _comment(record: _Recorder, comment: Comment, category: str) -> list[str]:
    if record.kind == "pharmacy":
        return record("CO", {1: comment.code, 2: comment.text})
    return record("CO", {1: category, 2: comment.burden, 3: comment.code, 4: comment.text})


def _dispensing_lines(record: _Recorder, group: Dispensing, number: int) -> Iterator[list[str]]:
    yield record(
        "SH", {1: f"{number:02d}", 2: group.form, 3: group.usage, 4: group.instruction, 5: group.unit_points}
    )
    for row in group.rows:
        match row:
            case Fill():
                yield _fill(record, row)
            case Drug():
                yield record("IY", {1: row.burden, 2: row.code, 3: row.quantity})
            case Material():
                yield record(
                    "TO",
                    {
                        1: row.burden,
                        2: row.code,
                        3: row.quantity,
                        4: row.unit,
                        5: row.price,
                        6: row.product,
                    },
                )
            case Comment():
                yield _comment(record, row, "")


def _fill(record: _Recorder, fill: Fill) -> list[str]:
    """CZ (調剤情報)."""
    fields: _Fields = {
        1: "01",
        2: record.day(fill.prescribed),
        3: record.day(fill.dispensed),
        4: fill.visit,
        5: fill.quantity,
        13: fill.drug_points,
    }
    if fill.preparation_code:
        fields |= {6: fill.burden, 7: "1", 9: fill.preparation_code, 10: fill.preparation_points}
    return record("CZ", fields)


def _basic_fee(record: _Recorder, fee: BasicFee) -> list[str]:
    """KI (基本料・薬学管理料)."""
    fields: _Fields = {
        1: record.day(fee.day),
        2: fee.visit,
        3: fee.burden,
        4: fee.code,
        5: fee.points,
    }
    for i, (code, times, points) in enumerate(fee.management[:12]):
        at = 7 + 4 * i
        fields |= {at: fee.burden, at + 1: code, at + 2: times, at + 3: points}
    return record("KI", fields)


def _coding(record: _Recorder, coding: DpcCoding) -> list[str]:
    """CD (コーディングデータ)."""
    return record(
        "CD",
        {
            1: record.day(coding.day),
            2: coding.category,
            3: f"{coding.sequence:04d}",
            4: f"{coding.detail:03d}",
            5: coding.code,
            6: coding.quantity,
            7: coding.data,
            8: coding.unit,
            9: coding.times,
            10: coding.product,
        },
    )


def _prefixed(record: _Recorder, receipt: Receipt, body: Lines) -> Iterator[list[str]]:
    """The body's lines with 履歴管理情報, each followed by its corrections."""
    wanted: dict[tuple[str, int], list[Correction]] = {}
    for correction in receipt.corrections:
        wanted.setdefault((correction.record, correction.nth), []).append(correction)
    seen: dict[str, int] = {}
    for number, line in enumerate(body, 2):
        name = line[0]
        nth = seen.get(name, 0)
        seen[name] = nth + 1
        if name == "HO" and receipt.earlier_insurer:
            yield ["5", str(number), "0", *_insurer(record, receipt, receipt.earlier_insurer)]
        yield ["1", str(number), "0", *line]
        for place, correction in enumerate(wanted.pop((name, nth), []), 1):
            prefix = [correction.data_id, str(number), str(place)]
            yield [*prefix, *record("JY", {1: correction.reason})]
            yield [*prefix, *_changed(line, correction)]
    if wanted:
        raise ValueError(f"a correction names a line the receipt does not have: {sorted(wanted)}")


def _changed(line: list[str], correction: Correction) -> list[str]:
    width = max([len(line), *(column + 1 for column, _ in correction.changes)])
    row = [*line, *[""] * (width - len(line))]
    for column, value in correction.changes:
        row[column] = _text(value)
    return row
