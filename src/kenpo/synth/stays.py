"""Stays in hospital (入院) of a chunk's people in a month: 医科入院 and DPC receipts, written record by record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import polars as pl

from kenpo.base.fiscal import add_months
from kenpo.synth.institutions import HOSPITAL, Institutions
from kenpo.synth.membership import card_numbers
from kenpo.synth.names import name_of
from kenpo.synth.people import SELF, People
from kenpo.synth.receipts import encode, recode_info_lines
from kenpo.synth.records import (
    Claim,
    Diagnosis,
    DpcCoding,
    DpcStay,
    Drug,
    Institution,
    Item,
    Kind,
    Patient,
    Procedure,
    Receipt,
    Unit,
)
from kenpo.synth.setting import Setting, to_date
from kenpo.synth.shelf import Shelf, drug_points
from kenpo.synth.visits import Cabinet, Month
from kenpo.synth.workplaces import Workplaces

# Stays a year (入院の頻度) from age 0, 1, 5, 15, 30, 45, 55, 65, 70; women of 20 to 42 have more.
_AGES = np.array([1, 5, 15, 30, 45, 55, 65, 70])
_RATES = np.array([0.60, 0.12, 0.030, 0.028, 0.040, 0.078, 0.140, 0.25, 0.38])
_MOTHERS = 0.038

_ADMISSION: dict[Kind, str] = {"dpc": "190117710", "medical": "190077410"}
_ANAESTHESIA, _CT, _READING, _BLOOD = "150233410", "170011810", "170015410", "160008010"
_NEVER_DPC = ("2961003",)


@dataclass(frozen=True)
class Case:
    """A reason to be in hospital. weight at ages under 15, 15–39, 40–59, 60 and over; days on average; surgery with its
    chance; group: 診断群分類番号; sex 0 both."""

    diagnosis: str
    weights: tuple[float, float, float, float]
    days: float
    surgery: str = ""
    chance: float = 0.0
    group: str = "060100xx01xxxx"
    sex: int = 0


CASES = (
    Case("0090001", (5, 1, 0.5, 0.5), 5, group="060130xx99x0xx"),
    Case("4939008", (5, 0.5, 0.3, 0.5), 5, group="0400801199x00x"),
    Case("8838708", (0, 0.2, 2.5, 5), 15, group="010060x2990401"),
    Case("1539004", (0, 0.3, 3, 6), 13, "150187110", 0.6, "060035xx010x0x"),
    Case("1749008", (0, 0.4, 3, 2), 8, "150121610", 0.7, "090010xx010xxx", 2),
    Case("1629006", (0, 0.1, 2, 5), 11, "150129710", 0.4, "040040xx97x00x"),
    Case("1519006", (0, 0.1, 1.5, 3.5), 12, "150165210", 0.5, "060020xx02x0xx"),
    Case("8832376", (0, 0.1, 1.5, 2), 11, "150374910", 0.9, "050030xx97000x"),
    Case("4139007", (0, 0.1, 2, 3.5), 4, "150375210", 0.6, "050050xx02000x"),
    Case("4860030", (2, 0.6, 1, 3), 10, group="0400801499x0xx"),
    Case("8208009", (0, 0.1, 0.5, 3), 20, "150019010", 0.9, "160800xx02xxxx"),
    Case("8838017", (1, 1, 1.2, 1.2), 5, "150019110", 0.9, "160760xx97xx0x"),
    Case("8837169", (0, 0.7, 2, 1.5), 6, "150254110", 0.9, "060335xx02000x"),
    Case("5409005", (1.5, 1.6, 0.8, 0.3), 6, "150181610", 0.8, "060150xx03xxxx"),
    Case("2113008", (0, 0.4, 4, 5), 2, "150285010", 0.98, "060100xx01xxxx"),
    Case("8836802", (0.5, 0.4, 1, 1.5), 3, "150158410", 0.95, "060160x001xxxx"),
    Case("3669004", (0, 0.05, 0.8, 4), 2, "150253010", 0.99, "020110xx97xxx0"),
    Case("7153018", (0, 0.02, 0.7, 3), 21, "150050410", 0.95, "070230xx01xxxx"),
    Case("8837854", (0, 4, 0.3, 0), 9, "150222110", 1.0, "120180xx01xxxx", 2),
    Case("6441002", (0, 3, 0.2, 0), 13, group="120170x199x0xx", sex=2),
    Case("2961003", (0.1, 2, 2, 1), 24),
    Case("8840824", (0.2, 0.8, 1, 1), 9, group="160980xx99x0xx"),
)


@dataclass(frozen=True)
class Stays:
    """A month's stays: the receipts with their institutions by kind, and frames like those of Batch. places and kinds: of
    each receipt r."""

    claims: dict[Kind, list[Claim]]
    places: list[Institution]
    kinds: list[Kind]
    receipts: pl.DataFrame
    drugs: pl.DataFrame


class Ward:
    """Draws the stays of a chunk's people."""

    def __init__(
        self,
        setting: Setting,
        workplaces: Workplaces,
        people: People,
        places: Institutions,
        cabinet: Cabinet,
        shelf: Shelf,
    ) -> None:
        self.setting = setting
        self.people = people
        self.places = places
        self.cabinet = cabinet
        self.shelf = shelf
        self.symbols, self.numbers = card_numbers(people, workplaces)

    def month(self, month: Month, aim: float) -> Stays:
        """Everybody who is in hospital in a month. aim: share of generics."""
        random = self.setting.random(11, self.people.chunk, month.index)
        sex = self.people.sex[month.person]
        rate = _RATES[np.searchsorted(_AGES, month.age, side="right")]
        rate = (rate + _MOTHERS * ((sex == 2) & (month.age >= 20) & (month.age < 43))) / 12 * month.share
        rows = np.flatnonzero((random.random(len(rate)) < rate) & ~month.lapsed)
        claims: dict[Kind, list[Claim]] = {"medical": [], "dpc": []}
        out, drugs = [], []
        places: list[Institution] = []
        kinds: list[Kind] = []
        for row in rows.tolist():
            claim, used = self._stay(month, row, aim, random)
            institution, receipt = claim
            drugs += [(len(out), m, total) for m, total in used]
            out.append((len(out), row, receipt.days, receipt.total_points))
            claims[receipt.kind].append((institution, receipt))
            places.append(institution)
            kinds.append(receipt.kind)
        return Stays(
            claims,
            places,
            kinds,
            pl.DataFrame(out, schema=["r", "row", "days", "points"], orient="row", schema_overrides=_INTS),
            pl.DataFrame(drugs, schema=["r", "m", "total"], orient="row", schema_overrides=_DRUG_INTS),
        )

    def patient(self, enrolment: int) -> Patient:
        """The person of an enrolment as a receipt names them."""
        people = self.people
        person = int(people.e_person[enrolment])
        name, kana = name_of(int(people.family[person]), int(people.given[person]), int(people.sex[person]))
        return Patient(
            name=name,
            kana=kana,
            sex=str(people.sex[person]),
            birth=to_date(int(people.birth[person])),
            insurer_number=self.setting.insurer_number,
            symbol=self.symbols[enrolment],
            number=self.numbers[enrolment],
            branch_no=f"{people.branch_no[person]:02d}",
        )

    def _stay(
        self, month: Month, row: int, aim: float, random: np.random.Generator
    ) -> tuple[Claim, list[tuple[int, int]]]:
        age, person = float(month.age[row]), int(month.person[row])
        band = 0 if age < 15 else 1 if age < 40 else 2 if age < 60 else 3
        sex = int(self.people.sex[person])
        weights = np.array([c.weights[band] * (c.sex in (0, sex)) for c in CASES])
        case = CASES[random.choice(len(CASES), p=weights / weights.sum())]
        first, last = int(month.first[row]), int(month.last[row])
        begin = first + int(random.integers(0, max(1, last - first - 3)))
        days = min(1 + int(random.poisson(case.days * 1.12 - 1)), last - begin + 1)
        hospital = int(self.places[HOSPITAL].choose([self.people.municipality[person]], random)[0])
        institution = self.places[HOSPITAL].institutions[hospital]
        kind: Kind = "dpc" if hospital % 3 != 2 and case.diagnosis not in _NEVER_DPC else "medical"
        operated = random.random() < case.chance
        items, used = self._items(month, case, kind, begin, days, operated, aim, random)
        dependent = int(self.people.relation[person]) != SELF
        last_digit = 3 if age < 6 else 7 if age >= 70 else 5 if dependent else 1
        admitted, until = to_date(begin), to_date(begin + days - 1)
        diagnosis = Diagnosis(
            case.diagnosis, admitted, main=True, icd10=self.shelf.diagnoses[case.diagnosis], category="11"
        )
        stay = None
        if kind == "dpc":
            early = max(2, round(case.days / 2))
            fee = int(random.integers(5400, 9000))
            periods = (("1", fee, min(days, early)),)
            if days > early:
                periods = (*periods, ("2", round(fee * 0.74), days - early))
            stay = DpcStay(case.group, admitted, until, age=int(age), periods=periods)
        receipt = Receipt(
            kind=kind,
            receipt_type=f"111{last_digit}",
            month=self.setting.calendar[month.index],
            patient=self.patient(int(month.enrolment[row])),
            days=days,
            items=tuple(items),
            diagnoses=(diagnosis,),
            chart_number=f"{(self.people.first + person) % 100_000:05d}",
            admitted=admitted,
            visit_days=tuple(range(admitted.day, admitted.day + days)),
            stay=stay,
        )
        if stay is not None:
            bundled = sum(p * n for _, p, n in stay.periods)
            receipt = replace(receipt, points=receipt.total_points + bundled)
        return (institution, receipt), used

    def _items(
        self,
        month: Month,
        case: Case,
        kind: Kind,
        begin: int,
        days: int,
        operated: bool,
        aim: float,
        random: np.random.Generator,
    ) -> tuple[list[Item], list[tuple[int, int]]]:
        points = self.shelf.points
        day = begin - month.begin + 1
        once = ((day, 1),)
        every = tuple((day + n, 1) for n in range(days))
        items: list[Item] = []
        used: list[tuple[int, int]] = []
        operation = day + min(1, days - 1)
        if operated:
            items.append(Unit("50", (Procedure(case.surgery),), points[case.surgery], 1, ((operation, 1),)))
            if case.surgery not in ("150253010", "150285010"):
                items.append(
                    Unit("54", (Procedure(_ANAESTHESIA),), points[_ANAESTHESIA], 1, ((operation, 1),))
                )
        codings: list[Item] = []
        for n in range(int(random.integers(1, 4))):
            option = list(self.cabinet.options.values())[int(random.integers(0, len(self.cabinet.options)))]
            remedy = int(option[random.integers(0, len(option))])
            group = self.cabinet.generics if random.random() < aim else self.cabinet.originators
            if self.cabinet.kinds[remedy] != 0:
                continue
            m = int(group[remedy][random.integers(0, len(group[remedy]))])
            if any(m == had for had, _ in used):
                continue
            used.append((m, days))
            drug = self.cabinet.medicines[m]
            if kind == "dpc":
                codings.append(DpcCoding(to_date(begin), "21", n + 1, 1, drug.code, Decimal(1), times=days))
            else:
                unit = Unit("21", (Drug(drug.code, 1),), drug_points(drug.price), days, ((day, days),))
                items.insert(0, unit)
        if kind == "dpc":
            return [*items, *codings], used
        items.append(Unit("60", (Procedure(_BLOOD),), points[_BLOOD], 1, once))
        if random.random() < 0.5:
            items.append(Unit("70", (Procedure(_CT),), points[_CT], 1, once))
            items.append(Unit("70", (Procedure(_READING),), points[_READING], 1, once, blank_category=True))
        fee = _ADMISSION[kind]
        items.append(Unit("90", (Procedure(fee),), points[fee], days, every))
        return items, used


_INTS = {"r": pl.Int64, "row": pl.Int64, "days": pl.Int64, "points": pl.Int64}
_DRUG_INTS = {"r": pl.Int64, "m": pl.Int64, "total": pl.Int64}


def stay_text(
    setting: Setting, people: People, month: int, kind: Kind, claims: list[Claim]
) -> tuple[bytes, int]:
    """レセ電コード情報 of a month's stays of one kind, and how many lines."""
    serial = {"medical": 5, "dpc": 2}[kind]
    lines = recode_info_lines(
        claims,
        add_months(setting.calendar[month], 1),
        first_number=serial * 10**8 + people.chunk * 10**5,
    )
    return encode(lines, eof=False), len(lines)
