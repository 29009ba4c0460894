"""Hypothesis strategies for institutions, patients and receipts (レセプト) of all four kinds, all
invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from kenpo.synth.receipts import Dates, recode_info_lines
from kenpo.synth.records import (
    TABLE_CODES,
    BasicFee,
    Claim,
    Comment,
    Correction,
    Diagnosis,
    Dispensing,
    DpcCoding,
    DpcStay,
    Drug,
    Fill,
    Institution,
    Item,
    Kind,
    Material,
    Narrative,
    Patient,
    Procedure,
    PublicPayer,
    Receipt,
    Unit,
)

KINDS: tuple[Kind, ...] = ("medical", "dpc", "dental", "pharmacy")

# Characters outside JIS X 0208 (髙﨑①) and characters whose second byte in CP932 is 0x5C or 0x7C.
AWKWARD = "髙﨑①Ⅱ㈱ソ表能十予申ポ欺構"
PLAIN = "架空見本例示薬局医院診療所花子太郎あいうアイウ１２３ＡＢＣ　ー（）・"
WORDS = st.text(st.sampled_from(AWKWARD + PLAIN), min_size=1, max_size=12).map(str.strip).filter(bool)
TEXTS = st.text(st.sampled_from(AWKWARD + PLAIN), max_size=30).map(str.strip)

MEMBER_NAMES = st.sampled_from(
    ["架空　太郎", "見本　花子", "例示　髙男", "仮名　﨑子", "ダミー　能十", "ＳＡＭＰＬＥ　表"]
)
KANA = st.sampled_from(["カクウタロウ", "ミホンハナコ", "レイジタカオ", "カメイサキコ", "ソポーノート"])
PREFECTURES = st.integers(1, 47).map(lambda n: f"{n:02d}")


def digits(length: int) -> st.SearchStrategy[str]:
    """A string of exactly so many digits."""
    return st.integers(0, 10**length - 1).map(lambda n: f"{n:0{length}d}")


MONTHS = st.dates(date(2018, 4, 1), date(2026, 3, 31)).map(lambda d: d.replace(day=1))
QUANTITIES = st.one_of(
    st.integers(1, 300).map(Decimal),
    st.decimals(Decimal("0.001"), Decimal(9999), places=3),
    st.just(Decimal("0.00001")),
)


# Insurer numbers (保険者番号) of branches as printed on cards: 北海道, 埼玉, 東京, 山口, 沖縄.
BRANCH_NUMBERS = ("01010016", "01110014", "01130012", "01350016", "01470012")


def insurer_numbers() -> st.SearchStrategy[str]:
    """協会けんぽ (real branches, and numbers with a wrong check digit), 健保組合 (06), 国保 (six digits, some
    beginning with 01), 後期高齢者 (39)."""
    others = st.one_of(
        st.builds("01{}{}".format, PREFECTURES, digits(4)),
        st.builds("06{}{}".format, PREFECTURES, digits(4)),
        st.builds("{}{}".format, PREFECTURES, digits(4)),
        st.builds("39{}{}".format, PREFECTURES, digits(4)),
    )
    branches = st.sampled_from(BRANCH_NUMBERS)
    return st.one_of(branches, branches, others)


def institutions(kind: Kind) -> st.SearchStrategy[Institution]:
    """An institution whose table code fits the kind."""
    return st.builds(
        Institution,
        prefecture=PREFECTURES,
        table=st.just(TABLE_CODES[kind]),
        code=digits(7),
        name=WORDS,
        phone=st.sampled_from(["", "00-0000-0000"]),
        address=TEXTS,
        office=st.sampled_from(["1", "2"]),
    )


def patients() -> st.SearchStrategy[Patient]:
    """An invented patient born 1873 to 2018, in every era (和暦)."""
    edges = [date(1989, 1, 7), date(1989, 1, 8), date(1926, 12, 25), date(2004, 2, 29), date(1955, 6, 1)]
    return st.builds(
        Patient,
        name=MEMBER_NAMES,
        kana=KANA,
        sex=st.sampled_from(["1", "2"]),
        birth=st.one_of(st.dates(date(1900, 1, 1), date(2018, 3, 31)), st.sampled_from(edges)),
        insurer_number=insurer_numbers(),
        symbol=st.sampled_from(
            ["", "１２３", "架号", "ソ号表"]
        ),  # 号 is no letter of TEXTS: no comment quotes a symbol
        number=st.sampled_from(["１", "４５６", "99"]),
        branch_no=st.sampled_from(["", "01", "02"]),
    )


def public_payers(minimum: int) -> st.SearchStrategy[tuple[PublicPayer, ...]]:
    """None to four public payers (公費)."""
    payer = st.builds(
        PublicPayer,
        number=digits(8),
        recipient=digits(7),
        days=st.integers(0, 31),
        points=st.one_of(st.none(), st.integers(0, 99_999)),
    )
    sizes = st.sampled_from([minimum, minimum, minimum, 1, 2, 4])
    return sizes.flatmap(lambda n: st.lists(payer, min_size=n, max_size=n)).map(tuple)


def drugs(codes: Sequence[str]) -> st.SearchStrategy[Drug]:
    """A drug (医薬品) with one of the codes; now and then without 使用量 or with comments in the row."""
    return st.builds(
        Drug,
        code=st.sampled_from(list(codes)),
        quantity=st.one_of(QUANTITIES, QUANTITIES, QUANTITIES, st.none()),
        burden=st.sampled_from(["1", "2", "5"]),
        comments=st.sampled_from(
            [(), (("810000001", "食後ソ表①"),), (("820000001", ""), ("830000001", "髙﨑"))]
        ),
    )


MATERIALS = st.builds(
    Material,
    code=digits(6).map("700{}".format),
    quantity=st.one_of(st.none(), st.integers(1, 20), st.decimals(Decimal("0.1"), Decimal(99), places=1)),
    unit=st.sampled_from(["", "006", "010"]),
    price=st.one_of(st.none(), st.decimals(Decimal(1), Decimal(9999), places=2)),
    product=TEXTS,
)
COMMENTS = st.builds(Comment, code=st.sampled_from(["810000001", "820000001"]), text=TEXTS)


def procedures(kind: Kind) -> st.SearchStrategy[Procedure]:
    """A procedure (診療行為); in 歯科 mostly SS with additions."""
    heads = st.sampled_from(["3", "3", "1"]) if kind == "dental" else st.just("1")
    additions = st.sampled_from([(), (("CB023", ""),), (("AE007", "2"), ("DM015", "1"))])
    return st.builds(
        Procedure,
        code=st.builds("{}{}".format, heads, digits(8)),
        quantity=st.one_of(st.none(), st.integers(1, 30)),
        additions=additions if kind == "dental" else st.just(()),
    )


@st.composite
def units(draw: st.DrawFn, kind: Kind, codes: Sequence[str]) -> Unit:
    """One 算定単位 of one to four rows, comments between them, with or without daily counts (算定日情報)."""
    priced = st.one_of(drugs(codes), drugs(codes), procedures(kind), MATERIALS)
    rows: list[Any] = draw(st.lists(st.one_of(priced, COMMENTS), max_size=3))
    rows.insert(draw(st.integers(0, len(rows))), draw(priced))
    days = draw(st.dictionaries(st.integers(1, 28), st.integers(1, 30), max_size=3))
    return Unit(
        category=draw(st.sampled_from(["11", "14", "21", "22", "23", "33", "60", "80"])),
        rows=tuple(rows),
        points=draw(st.integers(0, 5000)),
        times=sum(days.values()) or draw(st.integers(1, 99)),
        days=tuple(sorted(days.items())),
        times_on_last_only=draw(st.booleans()),
    )


@st.composite
def unit_items(draw: st.DrawFn, kind: Kind, codes: Sequence[str]) -> tuple[Item, ...]:
    """Units one after another; some inherit the blank 診療識別 of the one before (診療識別の省略)."""
    items: list[Item] = []
    category = ""
    for unit in draw(st.lists(units(kind, codes), min_size=1, max_size=5)):
        if category and draw(st.booleans()):
            unit = replace(unit, category=category, blank_category=True)
        items.append(unit)
        category = unit.category
        if draw(st.integers(0, 4)) == 0:
            items.append(draw(COMMENTS))
    if draw(st.booleans()):
        items.append(Narrative("01", draw(TEXTS)))
    return tuple(items)


@st.composite
def dispensings(draw: st.DrawFn, codes: Sequence[str], month: date) -> Dispensing:
    """An SH group: runs of one to three CZ, each followed by drugs, materials and comments."""
    rows: list[Fill | Drug | Material | Comment] = []
    for _ in range(draw(st.integers(1, 2))):
        for _ in range(draw(st.integers(1, 3))):
            day = month + timedelta(days=draw(st.integers(0, 27)))
            points = draw(st.integers(0, 900))
            rows.append(Fill(day, day, draw(st.integers(1, 90)), draw(st.integers(1, 4)), points))
        rows.append(draw(st.one_of(drugs(codes), MATERIALS)))
        rows += draw(st.lists(st.one_of(drugs(codes), drugs(codes), MATERIALS, COMMENTS), max_size=3))
    form = draw(st.sampled_from(["1", "2", "3", "5"]))
    return Dispensing(form, "900", tuple(rows), draw(TEXTS), draw(st.integers(0, 999)))


@st.composite
def codings(draw: st.DrawFn, codes: Sequence[str], month: date) -> tuple[DpcCoding, ...]:
    """CD lines: drugs and materials with 使用量, procedures with 数量データ, or without; with and without times."""
    heads = st.one_of(
        st.sampled_from(list(codes)), digits(8).map("1{}".format), digits(6).map("700{}".format)
    )
    result: list[DpcCoding] = []
    for n in range(draw(st.integers(0, 4))):
        code = draw(heads)
        counted = code.startswith("1")
        coding = DpcCoding(
            day=month + timedelta(days=draw(st.integers(0, 27))),
            category=draw(st.sampled_from(["21", "33", "60"])),
            sequence=n + 1,
            detail=1,
            code=code,
            quantity=None if counted else draw(st.one_of(QUANTITIES, st.none())),
            data=draw(st.one_of(st.none(), st.integers(1, 99))) if counted else None,
            times=draw(st.one_of(st.integers(1, 30), st.none())),
        )
        result.append(coding)
    return tuple(result)


def diagnoses(kind: Kind, month: date) -> st.SearchStrategy[tuple[Diagnosis, ...]]:
    """One to three diagnoses (傷病名), coded or 0000999 with its name."""
    coded = st.builds(
        Diagnosis,
        code=st.integers(1, 8_999_998).map("{:07d}".format).filter(lambda code: code != "0000999"),
        start=st.dates(date(2000, 1, 1), month),
        outcome=st.sampled_from("1234"),
        modifiers=st.sampled_from([(), ("8002",), ("2056", "8002")]),
        main=st.booleans() if kind != "dpc" else st.just(False),
        icd10=st.sampled_from(["", "E119"]),
        category=st.sampled_from(["11", "21"]),
        tooth=st.sampled_from(["", "102400102500"]),
    )
    uncoded = st.builds(Diagnosis, code=st.just("0000999"), start=st.just(month), name=WORDS)
    return st.lists(st.one_of(coded, coded, uncoded), min_size=1, max_size=3).map(tuple)


@st.composite
def receipts(
    draw: st.DrawFn, kind: Kind, codes: Sequence[str], *, month: date | None = None, corrected: bool = False
) -> Receipt:
    """A receipt of the kind with drugs from codes. corrected: with what only the insurer's files hold."""
    month = month or draw(MONTHS)
    insured = draw(st.integers(0, 5)) > 0
    payers = draw(public_payers(0 if insured else 1))
    patient = draw(patients())
    if patient.birth >= month:
        patient = replace(patient, birth=date(1990, 5, 5))
    items: tuple[Item, ...]
    if kind == "pharmacy":
        groups = draw(st.lists(dispensings(codes, month), min_size=1, max_size=3))
        items = (*groups, BasicFee(month, "410000010", 42, management=(("440000010", 1, 45),)))
    else:
        items = draw(unit_items(kind, codes))
    stay = None
    if kind == "dpc":
        items = (*items, *draw(codings(codes, month)))
        periods = (("1", draw(st.integers(1000, 3000)), 5), ("2", 1500, draw(st.integers(1, 5))))
        stay = DpcStay("010010xx9900xx", month, draw(st.sampled_from([None, month])), age=50, periods=periods)
    table = {"medical": "1", "dpc": "1", "dental": "3", "pharmacy": "4"}[kind]
    digit = str(len(payers) + 1) if insured else str(len(payers))
    receipt = Receipt(
        kind=kind,
        receipt_type=f"{table}{1 if insured else 2}{digit}{1 if kind == 'dpc' else 2}",
        month=month,
        patient=patient,
        days=draw(st.integers(1, 28)),
        items=items,
        diagnoses=() if kind == "pharmacy" else draw(diagnoses(kind, month)),
        insured=insured,
        public_payers=payers,
        points=draw(st.one_of(st.none(), st.integers(0, 9_999_999))),
        chart_number=draw(st.sampled_from(["", "00126", "1/7"])),
        stay=stay,
        visit_days=draw(st.sampled_from([(), (1, 15)])),
    )
    if not corrected:
        return receipt
    return replace(
        receipt,
        corrections=draw(corrections(receipt, codes)),
        earlier_insurer=draw(st.one_of(st.just(""), insurer_numbers())),
        previous_claim=draw(st.integers(0, 4)) == 0,
    )


@st.composite
def corrections(draw: st.DrawFn, receipt: Receipt, codes: Sequence[str]) -> tuple[Correction, ...]:
    """Up to three corrections (補正) of lines the receipt has, in the order they would be written."""
    somewhere = Institution("13", TABLE_CODES[receipt.kind], "9999999", "架空医院")
    lines = recode_info_lines([(somewhere, replace(receipt, corrections=()))], receipt.month)
    records = [line[3] for line in lines if line[0] == "1"]
    pharmacy = receipt.kind == "pharmacy"
    code_column = {"IY": 2 if pharmacy else 3, "SI": 3, "SS": 3, "SY": 1, "SB": 1, "HS": 4}
    new_code = {"IY": st.sampled_from(list(codes)), "SI": digits(8).map("1{}".format)}
    new_code |= {"SS": digits(8).map("3{}".format)} | dict.fromkeys(("SY", "SB", "HS"), st.just("8830052"))
    other = {
        "RE": (5, st.sampled_from("12")),
        "HO": (5, st.integers(0, 99_999).map(str)),
        "KO": (5, st.integers(0, 99_999).map(str)),
        "CZ": (5, st.integers(1, 90).map(str)),
    }
    result: list[Correction] = []
    correctable = sorted({r for r in records if r in code_column or r in other})
    for _ in range(draw(st.integers(0, 3))):
        record = draw(st.sampled_from(correctable))
        nth = draw(st.integers(0, records.count(record) - 1))
        changes: tuple[tuple[int, str], ...]
        if record in code_column:
            reason = draw(st.sampled_from(["1", "2", "2", "3"]))
            changes = ((code_column[record], draw(new_code[record])),)
            if record == "IY":
                changes += ((3 if pharmacy else 4, draw(st.sampled_from("1379"))),)
        else:
            reason = "2"
            changes = ((other[record][0], draw(other[record][1])),)
        result.append(Correction(record, nth, reason, changes, draw(st.sampled_from("24"))))
    return tuple(result)


@dataclass(frozen=True)
class UkeCase:
    """Arguments of write_uke: what to write and how."""

    kind: Kind
    institution: Institution
    receipts: tuple[Receipt, ...]
    claim_month: date
    dates: Dates
    trailing: bool
    newline: str
    eof: bool

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of write_uke."""
        return {"dates": self.dates, "trailing": self.trailing, "newline": self.newline, "eof": self.eof}


@st.composite
def uke_cases(
    draw: st.DrawFn,
    codes: Sequence[str],
    *,
    kinds: Sequence[Kind] = KINDS,
    max_receipts: int = 4,
    months: st.SearchStrategy[date] = MONTHS,
) -> UkeCase:
    """A whole UKE file: 西暦 or 和暦, trailing commas or not, CRLF or LF, EOF or not. months: of treatment."""
    kind = draw(st.sampled_from(list(kinds)))
    some = months.flatmap(lambda month: receipts(kind, codes, month=month))
    return UkeCase(
        kind=kind,
        institution=draw(institutions(kind)),
        receipts=tuple(draw(st.lists(some, min_size=1, max_size=max_receipts))),
        claim_month=draw(MONTHS),
        dates=draw(st.sampled_from(["western", "japanese"])),
        trailing=draw(st.booleans()),
        newline=draw(st.sampled_from(["\r\n", "\n"])),
        eof=draw(st.booleans()),
    )


@dataclass(frozen=True)
class RecodeCase:
    """Arguments of write_recode_info."""

    claims: tuple[Claim, ...]
    claim_month: date
    dates: Dates
    trailing: bool
    newline: str

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of write_recode_info."""
        return {"dates": self.dates, "trailing": self.trailing, "newline": self.newline}


@st.composite
def recode_cases(
    draw: st.DrawFn,
    codes: Sequence[str],
    *,
    kinds: Sequence[Kind] = KINDS,
    max_receipts: int = 4,
    corrected: bool = True,
    months: st.SearchStrategy[date] = MONTHS,
) -> RecodeCase:
    """A delivery of レセ電コード情報 with receipts of several kinds and institutions, corrections included.
    months: of treatment."""
    claims: list[Claim] = []
    for kind in draw(st.lists(st.sampled_from(list(kinds)), min_size=1, max_size=max_receipts)):
        receipt = draw(receipts(kind, codes, month=draw(months), corrected=corrected))
        claims.append((draw(institutions(kind)), receipt))
    return RecodeCase(
        claims=tuple(claims),
        claim_month=draw(MONTHS),
        dates=draw(st.sampled_from(["western", "japanese"])),
        trailing=draw(st.booleans()),
        newline=draw(st.sampled_from(["\r\n", "\n"])),
    )
