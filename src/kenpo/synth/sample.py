"""A small sample (見本) of claim files: all four kinds, both worlds, five branches, six months, a few faults.

The same seed and masters give the same bytes. People, places and institutions are invented; drugs, diagnoses
and procedures are those of the masters given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from math import ceil
from pathlib import Path
from random import Random

import polars as pl

from kenpo.base.branches import branch, insurer_check_digit
from kenpo.base.fiscal import add_months, month_range
from kenpo.synth.receipts import (
    TABLE_CODES,
    UKE_NAMES,
    BasicFee,
    Claim,
    Comment,
    Correction,
    Dates,
    Diagnosis,
    Dispensing,
    DpcCoding,
    DpcStay,
    Drug,
    Fill,
    Institution,
    Item,
    Kind,
    Lines,
    Patient,
    Procedure,
    PublicPayer,
    Receipt,
    Unit,
    encode,
    uke_volumes,
    write_recode_info,
)

SEED = 47
MONTHS = month_range(date(2024, 10, 1), date(2025, 3, 1))
UNKNOWN_DRUG = "699999999"

# Months of treatment whose claims come as UKE files, and those that come as レセ電コード情報.
_UKE_MONTHS, _INSURER_MONTHS = MONTHS[:3], MONTHS[3:]
_FROM_INSTITUTIONS, _FROM_REVIEW = "医療機関から", "支払基金から"
_FAMILY = (
    ("架空", "カクウ"),
    ("見本", "ミホン"),
    ("例示", "レイジ"),
    ("仮名", "カメイ"),
    ("髙見本", "タカミホン"),
)
_GIVEN = (("太郎", "タロウ"), ("花子", "ハナコ"), ("一子", "カズコ"), ("次郎", "ジロウ"), ("三奈", "ミナ"))

# Codes of the procedure master the sample uses; their points are the master's.
_REVISIT, _OUTPATIENT, _DISPENSE, _PRESCRIPTION = "112007410", "112011010", "120000710", "120002910"
# Codes of kinds whose procedure masters are not shipped (歯科, 調剤), with the points written for them.
_DENTAL_VISIT, _DENTAL_TREATMENT = ("301000110", 267), ("309000110", 18)
_BASIC_FEE, _GUIDANCE, _PREPARATION = ("410000010", 45), ("440000010", 45), ("420000010", 24)
_DENTAL_INGREDIENTS = ("ロキソプロフェン", "アモキシシリン", "レボフロキサシン")
_STAYS = ("040081xx99x0xx", "060100xx01xxxx", "070470xx99x0xx", "130030xx99x40x")

# Biosimilar share (バイオシミラーの割合, ‰) by ingredient: some reach 80 %, some do not.
_BIOSIMILAR_AIMS = {
    "インフリキシマブ": 430,
    "リツキシマブ": 930,
    "トラスツズマブ": 900,
    "ベバシズマブ": 870,
    "フィルグラスチム": 960,
    "エタネルセプト": 700,
    "インスリングラルギン": 850,
    "インスリンリスプロ": 550,
    "テリパラチド": 650,
}
_SELF_INJECTED = ("インスリングラルギン", "インスリンリスプロ", "テリパラチド", "エタネルセプト")


# ---- what the files hold -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """A fault put in on purpose (わざと入れた誤り).

    file: path below the sample's folder. code: what intake says of it (reason of a reject, code of a flag, or
    exclusion of the measure). title: for people.
    """

    file: str
    code: str
    title: str


@dataclass(frozen=True)
class Sample:
    """What was written: paths of files and zips below the folder, receipts in them, and the faults."""

    files: tuple[str, ...]
    receipts: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Medicine:
    """A drug (医薬品). printed: class of the generic list (区分), "" when blank or not on the list."""

    code: str
    price: Decimal
    unit: str
    form: str
    printed: str

    @property
    def generic(self) -> bool:
        """Whether it counts as a generic (区分3 or ★)."""
        return self.printed in ("3", "★")

    @property
    def counted(self) -> bool:
        """Whether it counts in the share's denominator (区分2・3・☆・★)."""
        return self.printed in ("2", "3", "☆", "★")


@dataclass(frozen=True)
class Remedy:
    """Drugs that stand for each other (同じ一般名): the originators and their generics or biosimilars."""

    name: str
    originators: tuple[Medicine, ...]
    generics: tuple[Medicine, ...]


@dataclass(frozen=True)
class Shelf:
    """What can be prescribed, as the masters say.

    marked: ☆ and ★; plain: neither originator with generics nor generic (区分1, blank, not on the list).
    biologics by ingredient. points by procedure code; tests: procedure codes; diagnoses: (code, ICD-10) by
    the first letter of ICD-10, and by its first two.
    """

    oral: tuple[Remedy, ...]
    topical: tuple[Remedy, ...]
    dental: tuple[Remedy, ...]
    biologics: Mapping[str, Remedy]
    marked: tuple[Medicine, ...]
    plain: tuple[Medicine, ...]
    points: Mapping[str, int]
    tests: tuple[str, ...]
    diagnoses: Mapping[str, tuple[tuple[str, str], ...]]


def shelf_of(masters: Mapping[str, pl.DataFrame]) -> Shelf:
    """The shelf from rows of drug_master, generic_class, procedure_master and disease_master, by table name."""
    listed = {r["price_list_code"]: r for r in masters["generic_class"].iter_rows(named=True)}
    groups: dict[str, list[Medicine]] = {}
    biologic: dict[str, list[Medicine]] = {}
    plain: list[Medicine] = []
    for row in masters["drug_master"].sort("code").iter_rows(named=True):
        said = listed.get(row["price_list_code"], {})
        drug = Medicine(
            row["code"], row["price"], row["unit"] or "", row["dosage_form"], said.get("class_code") or ""
        )
        ingredient = said.get("ingredient") or ""
        if "遺伝子組換え" in ingredient:
            if drug.printed in ("2", "3"):
                stem = ingredient.split("（遺伝子組換え")[0].replace("　", "")
                biologic.setdefault(stem, []).append(drug)
        elif drug.counted and row["general_name"]:
            groups.setdefault(row["general_name"], []).append(drug)
        elif drug.form == "1" and row["price_kind"] == "1" and not drug.counted:
            plain.append(drug)
    remedies = [r for name, drugs in sorted(groups.items()) if (r := _remedy(name, drugs))]
    oral = tuple(r for r in remedies if r.originators[0].form == "1")
    procedures = masters["procedure_master"]
    tests = procedures.filter(
        (pl.col("letter") == "D") & (pl.col("point_kind") == "3") & pl.col("points").is_between(10, 600)
    )
    diagnoses: dict[str, list[tuple[str, str]]] = {}
    for row in masters["disease_master"].sort("code").iter_rows(named=True):
        icd10 = row["icd10_1"] or ""
        for head in {icd10[:1], icd10[:2]} - {""}:
            diagnoses.setdefault(head, []).append((row["code"], icd10))
    return Shelf(
        oral=oral,
        topical=tuple(r for r in remedies if r.originators[0].form == "6"),
        dental=tuple(r for r in oral if any(name in r.name for name in _DENTAL_INGREDIENTS)) or oral,
        biologics={stem: r for stem, drugs in sorted(biologic.items()) if (r := _remedy(stem, drugs))},
        marked=tuple(
            d for drugs in groups.values() for d in drugs if d.printed in ("☆", "★") and d.form == "1"
        ),
        plain=tuple(plain),
        points={r["code"]: int(r["points"]) for r in procedures.iter_rows(named=True)},
        tests=tuple(tests.sort("code")["code"]),
        diagnoses={letter: tuple(codes) for letter, codes in diagnoses.items()},
    )


def _remedy(name: str, drugs: Sequence[Medicine]) -> Remedy | None:
    """The drugs as a remedy when there is an originator and a generic among them."""
    originators = tuple(d for d in drugs if d.printed == "2")
    generics = tuple(d for d in drugs if d.printed == "3")
    return Remedy(name, originators, generics) if originators and generics else None


# ---- branches, institutions, people ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Area:
    """A branch (支部) with its institutions. receipts: per month; aim: generic share in ‰ of the first month;
    rise: ‰ per month. uke: kinds claimed as UKE files, with the indices of the months of treatment."""

    code: str
    receipts: int
    aim: int
    rise: int
    place: str
    names: Mapping[Kind, str]
    uke: Mapping[Kind, tuple[int, ...]]

    def institution(self, kind: Kind) -> Institution:
        """The area's institution of a kind, all of them invented (コード 99900nn)."""
        address = branch(self.code).prefecture + self.place
        number = f"99900{self.code}"
        return Institution(self.code, TABLE_CODES[kind], number, self.names[kind], "00-0000-0000", address)


_ALWAYS = (0, 1, 2)
_AREAS = (
    _Area(
        "01", 12, 856, 3, "架空市雪見本1-1",
        {"medical": "雪見本医院", "pharmacy": "雪見本薬局", "dental": "雪見本歯科"},
        {"pharmacy": _ALWAYS},
    ),
    _Area(
        "13", 26, 826, 4, "架空区見本1-2-3",
        {"medical": "見本医院", "pharmacy": "架空薬局", "dental": "見本歯科", "dpc": "見本中央病院"},
        {"medical": _ALWAYS, "pharmacy": _ALWAYS},
    ),
    _Area(
        "27", 22, 814, 5, "例示市見本町4-5",
        {"medical": "例示総合病院", "pharmacy": "例示薬局", "dental": "例示歯科", "dpc": "例示総合病院"},
        {"medical": (1,), "dpc": _ALWAYS, "pharmacy": _ALWAYS, "dental": (2,)},
    ),
    _Area(
        "35", 18, 862, 4, "架空市例示6-7",
        {"medical": "架空クリニック", "pharmacy": "見本調剤薬局", "dental": "架空歯科"},
        {"medical": _ALWAYS, "pharmacy": _ALWAYS},
    ),
    _Area(
        "47", 12, 868, 2, "見本市架空8-9",
        {"medical": "海見本医院", "pharmacy": "海見本薬局", "dental": "海見本歯科"},
        {"pharmacy": _ALWAYS},
    ),
)  # fmt: skip
_WEIGHTS: Mapping[Kind, int] = {"medical": 4, "pharmacy": 5, "dental": 1, "dpc": 2}


@dataclass(frozen=True)
class _Member:
    """A member (加入者) and what they take every month. branch: 支部, empty for people of other insurers; payer:
    法別番号 of a public payer (公費), or empty."""

    branch: str
    patient: Patient
    dependent: bool
    remedies: tuple[Remedy, ...]
    payer: str = ""


@dataclass(frozen=True)
class _Visit:
    """A member's month of treatment of a kind, at the institution of an area."""

    kind: Kind
    area: _Area
    month: date
    member: _Member

    @property
    def key(self) -> tuple[str, ...]:
        """Whose share the drugs count in."""
        return self.member.branch, str(self.month), self.kind


@dataclass(frozen=True)
class _Line:
    """A drug to be taken: amount for one time (a day, or a whole tube), and how many times."""

    medicine: Medicine
    amount: Decimal
    times: int


class _Balance:
    """Draws originator or generic so that the share by volume stays near an aim, whatever else is drawn."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], tuple[Decimal, Decimal]] = {}

    def add(self, key: tuple[str, ...], generic: bool, volume: Decimal) -> None:
        """Count a volume that was drawn."""
        part, whole = self._sums.get(key, (Decimal(0), Decimal(0)))
        self._sums[key] = (part + volume if generic else part, whole + volume)

    def wants_generic(self, key: tuple[str, ...], aim: int, volume: Decimal) -> bool:
        """Whether a generic brings the share nearer to the aim (‰) than an originator would."""
        part, whole = self._sums.get(key, (Decimal(0), Decimal(0)))
        target = aim * (whole + volume)
        return abs((part + volume) * 1000 - target) <= abs(part * 1000 - target)


# ---- receipts --------------------------------------------------------------------------------------------------


class _Maker:
    """Draws people and receipts; all chance comes from one seed."""

    def __init__(self, shelf: Shelf, seed: int) -> None:
        self.random = Random(seed)
        self.shelf = shelf
        self.balance = _Balance()
        self.similar = _Balance()
        self.members = {a.code: [self._member(a, n) for n in range(a.receipts)] for a in _AREAS}

    def _member(self, area: _Area, n: int) -> _Member:
        payer = {3: "54", 9: "21", 15: "15"}.get(n, "")
        patient = self._patient(branch(area.code).insurer_number or "", f"99{area.code}0{n % 10:03d}", n)
        remedies = tuple(self.random.sample(self.shelf.oral, self.random.choice((1, 2, 2, 3))))
        return _Member(area.code, patient, n % 3 == 1, remedies, payer)

    def _patient(self, insurer_number: str, symbol: str, n: int) -> Patient:
        (family, family_kana), (given, given_kana) = self.random.choice(_FAMILY), self.random.choice(_GIVEN)
        birth = date(self.random.randint(1951, 2016), self.random.randint(1, 12), self.random.randint(1, 28))
        return Patient(
            name=f"{family}　{given}",
            kana=f"{family_kana}{given_kana}",
            sex=self.random.choice("12"),
            birth=birth,
            insurer_number=insurer_number,
            symbol=symbol,
            number=str(n + 1),
            branch_no=f"{n % 3:02d}",
        )

    def others(self, n: int) -> list[_Member]:
        """People of 健保組合 and 国保 and of 生活保護 (公費単独), who belong to no branch's figures."""
        society = "0613999" + insurer_check_digit("0613999")
        municipal = "13999" + insurer_check_digit("0013999")
        remedies = self.shelf.oral[n : n + 2]
        insured = [self._patient(number, "998001", n) for number in (society, municipal)]
        alone = replace(self._patient("", "", n), branch_no="")
        return [
            *(_Member("", p, False, remedies) for p in insured),
            _Member("", alone, False, remedies, "12"),
        ]

    # ---- drugs -------------------------------------------------------------------------------------------------

    def _counted(self, visit: _Visit, line: _Line) -> _Line:
        if line.medicine.counted:
            self.balance.add(visit.key, line.medicine.generic, line.amount * line.times)
        return line

    def _drawn(self, visit: _Visit, remedy: Remedy, amount: Decimal, times: int) -> _Line:
        """A drug of the remedy, generic or not as the branch's aim for the month wants it."""
        aim = visit.area.aim + visit.area.rise * MONTHS.index(visit.month)
        generic = self.balance.wants_generic(visit.key, aim, amount * times)
        drug = self.random.choice(remedy.generics if generic else remedy.originators)
        return self._counted(visit, _Line(drug, amount, times))

    def _biologic(self, visit: _Visit, names: Iterable[str]) -> _Line:
        """A biologic or its biosimilar (バイオシミラー), one to four units, as the ingredient's aim wants it."""
        name = self.random.choice([n for n in names if n in self.shelf.biologics])
        remedy, amount = self.shelf.biologics[name], Decimal(self.random.randint(1, 4))
        generic = self.similar.wants_generic((name,), _BIOSIMILAR_AIMS[name], amount)
        self.similar.add((name,), generic, amount)
        drug = self.random.choice(remedy.generics if generic else remedy.originators)
        return self._counted(visit, _Line(drug, amount, 1))

    def _tablets(self, visit: _Visit, days: int) -> list[_Line]:
        """What a member takes every month, and now and then something else: ☆, ★, or a drug without generics."""
        lines = [self._drawn(visit, r, self._daily(r), days) for r in visit.member.remedies]
        chance = self.random.random()
        if chance < 0.22:
            lines.append(_Line(self.random.choice(self.shelf.plain), Decimal(1), days))
        elif chance < 0.32:
            marked = _Line(self.random.choice(self.shelf.marked), Decimal(1), min(days, 14))
            lines.append(self._counted(visit, marked))
        return lines

    def _daily(self, remedy: Remedy) -> Decimal:
        if remedy.originators[0].unit in ("ｇ", "ｍＬ"):
            return self.random.choice((Decimal("1.5"), Decimal(2), Decimal(3)))
        return Decimal(self.random.choice((1, 1, 1, 2, 3)))

    def _ointment(self, visit: _Visit) -> _Line:
        remedy = self.random.choice(self.shelf.topical)
        grams = remedy.originators[0].unit == "ｇ"
        return self._drawn(visit, remedy, Decimal(self.random.choice((10, 20, 30)) if grams else 5), 1)

    # ---- the four kinds ----------------------------------------------------------------------------------------

    def receipt(self, visit: _Visit) -> Receipt:
        """The receipt of a visit, with 公費 beside the insurance or alone."""
        make = {
            "medical": self._medical,
            "pharmacy": self._pharmacy,
            "dental": self._dental,
            "dpc": self._dpc,
        }
        receipt = make[visit.kind](visit)
        member = visit.member
        if not member.payer:
            return receipt
        number = f"{member.payer}{visit.area.code}601"
        alone = not member.patient.insurer_number
        payer = PublicPayer(
            number + insurer_check_digit(number[:7]),
            "9990001",
            receipt.days,
            receipt.total_points if alone else None,
        )
        return replace(receipt, insured=not alone, public_payers=(payer,))

    def _base(self, visit: _Visit, items: Sequence[Item], days: int) -> Receipt:
        return Receipt(
            kind=visit.kind,
            receipt_type=_receipt_type(visit),
            month=visit.month,
            patient=visit.member.patient,
            days=days,
            items=tuple(items),
            chart_number=f"{self.random.randint(1, 99_999):05d}",
        )

    def _medical(self, visit: _Visit) -> Receipt:
        days = sorted(self.random.sample(range(1, 29), self.random.choice((1, 1, 2))))
        every, first = tuple((day, 1) for day in days), ((days[0], 1),)
        points = self.shelf.points
        items: list[Item] = [
            Unit("12", (Procedure(_REVISIT),), points[_REVISIT], len(days), every),
            Unit("12", (Procedure(_OUTPATIENT),), points[_OUTPATIENT], len(days), every, blank_category=True),
        ]
        if self.random.random() < 0.8:
            items += self._dispensed_at_clinic(visit, days[0])
        else:
            items.append(Unit("80", (Procedure(_PRESCRIPTION),), points[_PRESCRIPTION], 1, first))
        for code in self.random.sample(self.shelf.tests, self.random.randint(1, 3)):
            items.append(Unit("60", (Procedure(code),), points[code], 1, first))
        return replace(self._base(visit, items, len(days)), diagnoses=self._diagnoses(visit.month))

    def _dispensed_at_clinic(self, visit: _Visit, day: int) -> list[Item]:
        """院内投薬: what is taken for the same number of days in one 算定単位."""
        lines = self._tablets(visit, self.random.choice((14, 28, 28, 30)))
        items: list[Item] = []
        for n, group in enumerate(_together(lines)):
            rows: list[Drug | Comment] = [Drug(line.medicine.code, line.amount) for line in group]
            if n == 0 and self.random.random() < 0.3:
                rows.append(Comment("810000001", "１日１回①朝食後"))
            times = group[0].times
            days = ((day, times),)
            items.append(Unit("21", tuple(rows), _drug_points(group), times, days, blank_category=n > 0))
        fee = self.shelf.points[_DISPENSE]
        items.append(Unit("21", (Procedure(_DISPENSE),), fee, 1, ((day, 1),), blank_category=True))
        if self.random.random() < 0.3:
            line = self._ointment(visit)
            row = Drug(line.medicine.code, line.amount)
            items.append(Unit("23", (row,), _drug_points([line]), 1, ((day, 1),)))
        return items

    def _pharmacy(self, visit: _Visit) -> Receipt:
        days = sorted(self.random.sample(range(1, 29), self.random.choice((1, 1, 2))))
        items: list[Item] = []
        for n, day in enumerate((visit.month.replace(day=d) for d in days), start=1):
            lines = self._tablets(visit, self.random.choice((14, 28, 30)))
            if self.random.random() < 0.35:
                lines.append(self._ointment(visit))
            if self.random.random() < 0.12:
                lines.append(self._biologic(visit, _SELF_INJECTED))
            items += [_dispensing(group, day, n) for group in _together(lines)]
            (code, points), (guidance, more) = _BASIC_FEE, _GUIDANCE
            items.append(BasicFee(day, code, points, n, management=((guidance, 1, more),)))
        doctor = f"{self.random.choice(_FAMILY)[0]}　医師"
        receipt = self._base(visit, items, len(days))
        return replace(receipt, prescriber=visit.area.institution("medical"), doctors=(doctor,))

    def _dental(self, visit: _Visit) -> Receipt:
        day = self.random.randint(1, 28)
        (first, first_points), (treatment, points) = _DENTAL_VISIT, _DENTAL_TREATMENT
        line = self._drawn(
            visit, self.random.choice(self.shelf.dental), Decimal(3), self.random.choice((3, 4, 5))
        )
        row = Drug(line.medicine.code, line.amount)
        items: list[Item] = [
            Unit("11", (Procedure(first),), first_points, 1, ((day, 1),)),
            Unit("21", (row,), _drug_points([line]), line.times, ((day, line.times),)),
            Unit("41", (Procedure(treatment),), points, 2, ((day, 2),)),
        ]
        code, _ = self.random.choice(self.shelf.diagnoses["K0"])
        diagnosis = Diagnosis(code, visit.month.replace(day=day), main=True, tooth="102400")
        return replace(self._base(visit, items, 1), diagnoses=(diagnosis,))

    def _dpc(self, visit: _Visit) -> Receipt:
        """A stay with its coding data (コーディングデータ): tablets for every day, biologics once."""
        first, days = self.random.randint(1, 12), self.random.randint(4, 14)
        admitted = visit.month.replace(day=first)
        discharged = visit.month.replace(day=first + days - 1)
        lines = self._tablets(visit, days)
        lines += [self._biologic(visit, _BIOSIMILAR_AIMS) for _ in range(self.random.choice((1, 2)))]
        codings = [_coding(line, admitted, n) for n, line in enumerate(lines, start=1)]
        test = self.random.choice(self.shelf.tests)
        codings.append(DpcCoding(admitted, "60", len(lines) + 1, 1, test, data=Decimal(1)))
        periods = (("1", self.random.randint(2200, 2900), min(days, 5)),)
        if days > 5:
            periods = (*periods, ("2", self.random.randint(1700, 2100), days - 5))
        unit = Unit("60", (Procedure(test),), self.shelf.points[test], 1, ((first, 1),))
        receipt = self._base(visit, (unit, *codings), days)
        age = visit.month.year - visit.member.patient.birth.year
        code, icd10 = self.random.choice(self.shelf.diagnoses["I"])
        return replace(
            receipt,
            stay=DpcStay(self.random.choice(_STAYS), admitted, discharged, age=age, periods=periods),
            points=receipt.total_points + sum(points * n for _, points, n in periods),
            admitted=admitted,
            diagnoses=(Diagnosis(code, icd10=icd10, category="11"),),
        )

    def _diagnoses(self, month: date) -> tuple[Diagnosis, ...]:
        letters = [c for c in "EIJKLM" if c in self.shelf.diagnoses]
        main, other = (self.random.choice(self.shelf.diagnoses[c])[0] for c in self.random.sample(letters, 2))
        start = add_months(month, -self.random.randint(0, 60)).replace(day=self.random.randint(1, 28))
        suspected = ("8002",) if self.random.random() < 0.1 else ()
        return Diagnosis(main, start, main=True), Diagnosis(other, month, modifiers=suspected)


def _receipt_type(visit: _Visit) -> str:
    """レセプト種別: 点数表, 主保険, 併用数, and 本人・家族・未就学・高齢 with 入院 odd and 入院外 even."""
    member = visit.member
    birth = member.patient.birth
    age = visit.month.year - birth.year - (visit.month.month < birth.month)
    last = 4 if age < 6 else 8 if age >= 70 else 6 if member.dependent else 2
    insured = bool(member.patient.insurer_number)
    payers = 2 if insured and member.payer else 1
    return f"{TABLE_CODES[visit.kind]}{1 if insured else 2}{payers}{last - (visit.kind == 'dpc')}"


def _together(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Lines of one form (剤形) that are taken the same number of times, together."""
    groups: dict[tuple[str, int], list[_Line]] = {}
    for line in lines:
        groups.setdefault((line.medicine.form, line.times), []).append(line)
    return list(groups.values())


def _dispensing(group: Sequence[_Line], day: date, visit: int) -> Dispensing:
    """A group of a pharmacy: one SH, one CZ, and its drugs."""
    times, points = group[0].times, _drug_points(group)
    code, preparation = _PREPARATION
    fill = Fill(day, day, times, visit, points * times, code, preparation)
    rows = tuple(Drug(line.medicine.code, line.amount) for line in group)
    form = {"1": "1", "6": "5", "4": "4"}.get(group[0].medicine.form, "1")
    return Dispensing(form, "101" if form == "1" else "900", (fill, *rows), unit_points=points)


def _coding(line: _Line, day: date, n: int) -> DpcCoding:
    category = "33" if line.medicine.form == "4" else "21"
    return DpcCoding(day, category, n, 1, line.medicine.code, line.amount, times=line.times)


def _drug_points(group: Sequence[_Line]) -> int:
    """薬剤料 for one time: 1 point up to 15 yen, one more for every 10 yen above or part of them."""
    yen = sum((line.medicine.price * line.amount for line in group), Decimal(0))
    return 1 + max(0, ceil((yen - 15) / 10))


# ---- corrections (補正) ------------------------------------------------------------------------------------------


def _corrected(receipt: Receipt, n: int) -> Receipt:
    """Every third receipt as the review left it: quantity changed (修正), a line struck out (削除) or added (追加)."""
    if n % 5 == 4:
        return replace(receipt, earlier_insurer="06139999", previous_claim=True)
    if n % 3:
        return receipt
    found: tuple[Correction, ...] = ()
    if receipt.kind == "medical":
        found = _less_of_a_drug(receipt) if n % 2 else _without_a_test(receipt)
    elif receipt.kind == "pharmacy":
        found = (Correction("IY", 0, "1", ((3, "1"),)),)
    return replace(receipt, corrections=found)


def _less_of_a_drug(receipt: Receipt) -> tuple[Correction, ...]:
    """The first drug that stands alone in its unit, with half the quantity, and the total points that follow."""
    nth = 0
    for item in receipt.items:
        if not isinstance(item, Unit):
            continue
        drugs = [row for row in item.rows if isinstance(row, Drug)]
        if len(drugs) == 1 and len(item.rows) == 1 and drugs[0].quantity is not None:
            less, points = Decimal(drugs[0].quantity) / 2, (item.points + 1) // 2
            total = receipt.total_points - (item.points - points) * item.times
            changes = ((4, f"{less:f}"), (5, str(points)))
            return Correction("IY", nth, "2", changes), Correction("HO", 0, "2", ((5, str(total)),))
        nth += len(drugs)
    return ()


def _without_a_test(receipt: Receipt) -> tuple[Correction, ...]:
    """The last test struck out, and the total points that follow."""
    units = [i for i in receipt.items if isinstance(i, Unit)]
    rows = [(unit, row) for unit in units for row in unit.rows if isinstance(row, Procedure)]
    total = receipt.total_points - rows[-1][0].points
    return Correction("SI", len(rows) - 1, "3"), Correction("HO", 0, "2", ((5, str(total)),))


# ---- files and their faults --------------------------------------------------------------------------------------


@dataclass
class _File:
    """A UKE file to be written: whose, of which kind and month of treatment, and its receipts."""

    area: _Area
    kind: Kind
    month: date
    receipts: list[Receipt] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, Kind, int]:
        """Branch, kind and index of the month of treatment."""
        return self.area.code, self.kind, MONTHS.index(self.month)

    @property
    def folder(self) -> str:
        """Where it lies: sender, institution, month of claim."""
        name = self.area.names[self.kind]
        return f"{_FROM_INSTITUTIONS}/{name}/{add_months(self.month, 1):%Y-%m}請求"


@dataclass(frozen=True)
class _Spoil:
    """A fault: where, what intake will say, what people are told, and the change of a volume's lines or bytes."""

    key: tuple[str, Kind, int]
    code: str
    title: str
    lines: Callable[[Lines], Lines] = list
    content: Callable[[bytes], bytes] = bytes


def _first(lines: Lines, record: str) -> int:
    return next(i for i, line in enumerate(lines) if line[0] == record)


def _set(record: str, column: int, value: str) -> Callable[[Lines], Lines]:
    """Overwrite a field of the first line of a record that has one there."""

    def change(lines: Lines) -> Lines:
        at = next(i for i, line in enumerate(lines) if line[0] == record and line[column])
        line = [*lines[at][:column], value, *lines[at][column + 1 :]]
        return [*lines[:at], line, *lines[at + 1 :]]

    return change


def _unknown_record(lines: Lines) -> Lines:
    at = _first(lines, "SI") + 1
    return [*lines[:at], ["ZZ", "1", "知らないレコード"], *lines[at:]]


def _last_receipt_without_month(lines: Lines) -> Lines:
    at = max(i for i, line in enumerate(lines) if line[0] == "RE")
    return [*lines[:at], [*lines[at][:3], "202413", *lines[at][4:]], *lines[at + 1 :]]


def _more_points(lines: Lines) -> Lines:
    *rest, go = lines
    return [*rest, [*go[:2], str(int(go[2]) + 1000), *go[3:]]]


def _with_comment(lines: Lines) -> Lines:
    """A comment at the end of the first receipt."""
    at = [i for i, line in enumerate(lines) if line[0] in ("RE", "GO")][1]
    return [*lines[:at], ["CO", "60", "1", "810000001", "経過①良好"], *lines[at:]]


def _broken_byte(content: bytes) -> bytes:
    """In that comment, a first byte of CP932 without its second."""
    return content.replace("経過①".encode("cp932"), "経過".encode("cp932") + b"\x81 ", 1)


def _cut(content: bytes) -> bytes:
    """Cut in the code of the last drug line, as a transfer that broke off."""
    return content[: content.rindex(b"\nIY,") + 9]


_SPOILS = (
    _Spoil(("13", "medical", 0), "unknown_record", "知らないレコード識別（ZZ）の行", _unknown_record),
    _Spoil(("13", "medical", 1), "not_a_number", "点数に英字（7S）", _set("SI", 5, "7S")),
    _Spoil(("13", "pharmacy", 0), "unknown_code", f"マスターにない医薬品コード（{UNKNOWN_DRUG}）", _set("IY", 2, UNKNOWN_DRUG)),
    _Spoil(("13", "medical", 2), "bad_optional_field", "暦にない診療開始日（2024年11月31日）", _set("SY", 2, "20241131")),
    _Spoil(("35", "medical", 1), "bad_date", "暦にない診療年月（2024年13月）", _last_receipt_without_month),
    _Spoil(("27", "pharmacy", 0), "go_points_mismatch", "GOレコードの総合計点数が1,000点多い", _more_points),
    _Spoil(("27", "medical", 1), "undecodable_bytes", "文字コードとして読めないバイト", _with_comment, _broken_byte),
    _Spoil(("01", "pharmacy", 2), "go_missing", "途中で切れたファイル", content=_cut),
)  # fmt: skip
_JAPANESE_DATES, _LF_ONLY, _TWO_VOLUMES = ("35", "medical", 0), ("35", "pharmacy", 2), ("27", "medical", 1)


def write_sample(
    folder: Path, masters: Mapping[str, pl.DataFrame], *, seed: int = SEED, faults: bool = True
) -> Sample:
    """Write the sample into a folder: UKE files by institution, レセ電コード情報 by month of claim.

    masters: rows of drug_master, generic_class, procedure_master and disease_master by table name. Treatment of
    2024-10 … 2024-12 lies in UKE files (one in 和暦, one with LF alone, one in two volumes), of 2025-01 … 2025-03
    in レセ電コード情報 (two zips, one folder; the first with corrections). faults: put the faults in.
    """
    maker = _Maker(shelf_of(masters), seed)
    written: list[str] = []
    found: list[Fault] = []
    receipts = 0
    for month in _UKE_MONTHS:
        for file in _uke_files(maker, month):
            receipts += len(file.receipts)
            spoil = next((s for s in _SPOILS if faults and s.key == file.key), None)
            paths = _write_uke(folder, file, spoil)
            written += paths
            found += [Fault(paths[0], spoil.code, spoil.title)] if spoil else []
    for n, month in enumerate(_INSURER_MONTHS):
        claims = _insurer_claims(maker, month)
        if n == 0:
            claims = [(i, _corrected(r, at)) for at, (i, r) in enumerate(claims)]
        receipts += len(claims)
        claimed = add_months(month, 1)
        name = f"{_FROM_REVIEW}/{claimed:%Y-%m}請求" + ("" if n == 1 else ".zip")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        inside = write_recode_info(folder / name, claims, claimed, first_number=940_000_001 + 1000 * n)
        written += [name] if name.endswith(".zip") else [f"{name}/{i}" for i in inside]
    return Sample(tuple(written), receipts, tuple(found))


def _uke_files(maker: _Maker, month: date) -> list[_File]:
    """The files of a month of treatment with their receipts, one tenth of them of another branch's members."""
    index = MONTHS.index(month)
    files = [_File(a, kind, month) for a in _AREAS for kind in a.uke if index in a.uke[kind]]
    for area in _AREAS:
        for kind, member in _visits(maker, area, [f.kind for f in files if f.area is area]):
            receipt = maker.receipt(_Visit(kind, area, month, member))
            _place(maker.random, files, area, kind).receipts.append(receipt)
    guest = next(f for f in files if f.key[:2] == ("13", "pharmacy"))
    for member in maker.others(index):
        guest.receipts.append(maker.receipt(_Visit("pharmacy", guest.area, month, member)))
    return files


def _visits(maker: _Maker, area: _Area, kinds: Sequence[Kind]) -> list[tuple[Kind, _Member]]:
    """Which members have a receipt of which kind: two of every kind at least, members in turn."""
    weights = [_WEIGHTS[k] for k in kinds]
    drawn: list[Kind] = [
        *kinds,
        *kinds,
        *maker.random.choices(kinds, weights, k=area.receipts - 2 * len(kinds)),
    ]
    members = maker.random.sample(maker.members[area.code], len(drawn))
    return list(zip(drawn, members, strict=True))


def _place(random: Random, files: Sequence[_File], area: _Area, kind: Kind) -> _File:
    own = next(f for f in files if f.area is area and f.kind == kind)
    near = [f for f in files if f.kind == kind]
    return random.choice(near) if random.random() < 0.1 else own


def _insurer_claims(maker: _Maker, month: date) -> list[Claim]:
    claims: list[Claim] = []
    for area in _AREAS:
        for kind, member in _visits(maker, area, list(area.names)):
            claims.append((area.institution(kind), maker.receipt(_Visit(kind, area, month, member))))
    return claims


def _write_uke(folder: Path, file: _File, spoil: _Spoil | None) -> list[str]:
    """Write one UKE file in one or two volumes, the first of them spoiled. Returns paths below the folder."""
    dates: Dates = "japanese" if file.key == _JAPANESE_DATES else "western"
    newline, volumes = ("\n" if file.key == _LF_ONLY else "\r\n"), (2 if file.key == _TWO_VOLUMES else 1)
    parts = uke_volumes(
        file.area.institution(file.kind),
        file.receipts,
        add_months(file.month, 1),
        volumes=volumes,
        dates=dates,
        trailing=dates == "western",
    )
    paths: list[str] = []
    for n, lines in enumerate(parts):
        content = encode(spoil.lines(lines) if spoil and n == 0 else lines, newline=newline)
        name = UKE_NAMES[file.kind] if volumes == 1 else UKE_NAMES[file.kind].replace(".", f"_{n:02d}.")
        path = folder / file.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(spoil.content(content) if spoil and n == 0 else content)
        paths.append(f"{file.folder}/{name}")
    return paths
