"""Planting (植込み): records put into the invented branch on purpose, and what must be made of them.

A 施策 declares a plant: a function that puts people, cards and receipts into the world, says which of them a rule must
find and which near-misses it must not, and which values the lake must hold. Everything planted counts in the truth as
the function says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from kenpo.base.age import age_on
from kenpo.base.fiscal import add_months
from kenpo.synth.institutions import CLINIC, PHARMACY, Institutions
from kenpo.synth.names import address_of, name_of
from kenpo.synth.records import (
    BasicFee,
    Claim,
    Dispensing,
    DpcCoding,
    Drug,
    Fill,
    Institution,
    Item,
    Kind,
    Patient,
    Receipt,
    Unit,
)
from kenpo.synth.setting import Setting
from kenpo.synth.shelf import Shelf

CARE_OF = {"medical": "outpatient", "dental": "dental", "pharmacy": "pharmacy", "dpc": "inpatient"}
_FIRST_PERSON = 9_000_000


@dataclass(eq=False)
class Ref:
    """A planted record; file and line are known once it is written. table: the file's table, or a record id (RE, IY …)."""

    table: str
    nth: int = 0
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Expectation:
    """What must be made of a record: rule (a lake table such as member_receipt, or worklist:id), code, and whether it
    must be found. column and value: the lake's row of the record must hold this value instead."""

    plant: str
    title: str
    rule: str
    code: str
    ref: Ref
    found: bool = True
    column: str = ""
    value: str = ""


@dataclass(frozen=True)
class Person:
    """A planted person: 加入者番号, sex 1 or 2, birth, name and kana, residence. registered: in the members' file."""

    number: str
    serial: int
    sex: int
    birth: date
    name: str
    kana: str
    residence: str
    registered: bool = True


@dataclass(frozen=True)
class Cover:
    """A planted enrolment: the card a receipt can be written on. branch_no: 枝番."""

    person: Person
    ref: Ref
    symbol: str
    number: str
    branch_no: str
    kind: str
    section: str | None
    start: date
    end: date | None


@dataclass
class _Row:
    table: str
    values: dict[str, Any]
    known: date
    ref: Ref


@dataclass
class _Planted:
    month: date
    claim: Claim
    refs: list[Ref]


@dataclass(frozen=True)
class Plant:
    """A plant of a 施策: id, Japanese title, the function."""

    id: str
    title: str
    make: Callable[[Planting], None]


def plant(title: str) -> Callable[[Callable[[Planting], None]], Plant]:
    """Declare a function that plants. It is called with a Planting."""

    def wrap(function: Callable[[Planting], None]) -> Plant:
        return Plant(function.__name__, title, function)

    return wrap


class Planting:
    """Puts records into the world. months: the first days of the branch's months; full_day: 基準日 of the full load."""

    def __init__(
        self, setting: Setting, places: Institutions, shelf: Shelf, full_day: date, sections: dict[str, str]
    ) -> None:
        self.setting = setting
        self.months = setting.calendar
        self.full_day = full_day
        self.shelf = shelf
        self.places = places
        self.rows: list[_Row] = []
        self.receipts: list[_Planted] = []
        self.expectations: list[Expectation] = []
        self.truth: dict[str, list[dict[str, Any]]] = {}
        self._sections = sections
        self._people = 0
        self._workplaces = 0
        self._plant = "", ""
        self._counted: list[tuple[Cover, int]] = []
        self._insured_at: dict[str, list[Cover]] = {}
        self._open: list[tuple[str, str, date, date | None]] = []

    def run(self, plants: Sequence[Plant]) -> None:
        """Plant everything, then work out what it adds to the truth."""
        for one in plants:
            self._plant = one.id, one.title
            one.make(self)
        self._count_members()

    # ---- people and cards ----------------------------------------------------------------------------------------

    def workplace(self, *, applied: date, closed: date | None = None, industry: str = "76") -> str:
        """A planted workplace; returns its 記号."""
        self._workplaces += 1
        symbol = f"98{self._workplaces:06d}"
        place = self.places[CLINIC].municipality[0]
        self._add(
            "workplace",
            {
                "symbol": symbol,
                "name": f"架空植込事業所{self._workplaces:04d}",
                "postcode": "000-0000",
                "address": address_of(place, self._workplaces),
                "industry": industry,
                "municipality": place,
                "applied_on": applied,
                "closed_on": closed,
                "consultant": False,
                "electronic": False,
                "insured_count": 0,
            },
            self.full_day,
        )
        self._open.append((symbol, self._sections[industry], applied, closed))
        self._insured_at[symbol] = []
        return symbol

    def person(
        self, *, birth: date, sex: int = 1, registered: bool = True, died: date | None = None, given: int = 0
    ) -> Person:
        """A planted person. registered: has a row in the members' file."""
        self._people += 1
        serial = _FIRST_PERSON + self._people
        family = "植込"
        _, kana = name_of(0, given, sex)
        first = name_of(0, given, sex)[0].split("　")[1]
        number = _kana_number(self._people)
        person = Person(
            number=f"{self.setting.branch}{serial:010d}",
            serial=serial,
            sex=sex,
            birth=birth,
            name=f"{family}　{first}",
            kana=f"ウエコミ{number}{kana}",
            residence=self.places[CLINIC].municipality[0],
            registered=registered,
        )
        if registered:
            self._add(
                "member",
                {
                    "person_number": person.number,
                    "name": person.name,
                    "kana": person.kana,
                    "birth_date": birth,
                    "sex": str(sex),
                    "municipality": person.residence,
                    "mynumber": True,
                    "mynumber_on": max(birth, date(2016, 1, 4)),
                    "died_on": died,
                    "postcode": "000-0000",
                    "address": address_of(person.residence, serial),
                },
                self.full_day,
            )
        return person

    def cover(
        self,
        person: Person,
        start: date,
        end: date | None = None,
        *,
        workplace: str | None = None,
        reason: str | None = None,
        insured: Person | None = None,
        relation: str = "self",
        voluntary: bool = False,
        branch_no: str = "00",
        pay: int | None = 300_000,
        counted: bool = True,
        symbol: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Cover:
        """An enrolment (資格). end: 資格喪失日. insured: whose dependent the person is. counted: counts as a member while it
        lasts. symbol: the card's 記号 when it is not the workplace's. extra: fields of the file to be written otherwise."""
        own = insured is None
        head = insured or person
        card = symbol or workplace or "97000001"
        values = {
            "person_number": person.number,
            "insured_person_number": head.number,
            "symbol": card,
            "number": str(head.serial),
            "branch_no": branch_no,
            "birth_date": person.birth,
            "sex": str(person.sex),
            "kana": person.kana,
            "kind": "insured" if own else "dependent",
            "relation": relation if not own else "self",
            "voluntary": voluntary,
            "acquired_on": start,
            "lost_on": end,
            "loss_reason": (reason or ("retired" if own else "removed")) if end else None,
        } | (extra or {})
        ref = self._add("enrolment", values, max(start, end) if end else start)
        if own and pay is not None and not voluntary:
            self._add(
                "remuneration",
                {
                    "person_number": person.number,
                    "from_month": start.replace(day=1),
                    "standard": pay,
                    "reason": "acquired",
                },
                start,
            )
        section = next((s for w, s, *_ in self._open if w == workplace), None)
        cover = Cover(person, ref, card, str(head.serial), branch_no, values["kind"], section, start, end)
        if counted:
            self._counted.append((cover, pay if own and pay is not None and not voluntary else 0))
            if own and workplace in self._insured_at and not voluntary:
                self._insured_at[workplace].append(cover)
        return cover

    def pay(self, person: Person, month: date, amount: int) -> Ref:
        """A standard remuneration as it is written in the file; it does not count in the truth."""
        values = {
            "person_number": person.number,
            "from_month": month,
            "standard": amount,
            "reason": "revised",
        }
        return self._add("remuneration", values, month)

    def _add(self, table: str, values: dict[str, Any], known: date) -> Ref:
        ref = Ref(table)
        self.rows.append(_Row(table, {"insurer_number": self.setting.insurer_number, **values}, known, ref))
        return ref

    # ---- receipts ------------------------------------------------------------------------------------------------

    def patient(self, cover: Cover, **changes: Any) -> Patient:
        """The person as a receipt names them, with fields changed."""
        person = cover.person
        patient = Patient(
            name=person.name,
            kana=person.kana,
            sex=str(person.sex),
            birth=person.birth,
            insurer_number=self.setting.insurer_number,
            symbol=cover.symbol,
            number=cover.number,
            branch_no=cover.branch_no,
        )
        return replace(patient, **changes)

    def clinic(self, n: int = 0) -> Institution:
        """A clinic."""
        return self.places[CLINIC].institutions[n]

    def pharmacy(self, n: int = 0) -> Institution:
        """A pharmacy."""
        return self.places[PHARMACY].institutions[n]

    def receipt(
        self,
        cover: Cover,
        month: date,
        days: Sequence[int],
        items: Sequence[Item],
        *,
        kind: Kind = "medical",
        patient: Patient | None = None,
        reason: str | None = None,
        valid: bool = True,
        points_after: int | None = None,
        drugs: Sequence[tuple[str, int]] | None = None,
        place: int = 0,
        **fields: Any,
    ) -> Ref:
        """A receipt of the card. days: days of treatment. reason: why it is nobody's (member_receipt.reason), or None
        when it counts. valid: False when it was sent back. points_after and drugs (code, quantity): what is true after
        corrections, when that is not what the items say. fields: further fields of synth.receipts.Receipt."""
        whose = patient or self.patient(cover)
        institution = self.pharmacy(place) if kind == "pharmacy" else self.clinic(place)
        age = age_on(cover.person.birth, add_months(month, 1).replace(day=1) - _DAY)
        dependent = cover.kind == "dependent"
        last = "4" if age < 6 else "8" if age >= 70 else "6" if dependent else "2"
        table = {"medical": "1", "dental": "3", "pharmacy": "4", "dpc": "1"}[kind]
        receipt = Receipt(
            kind=kind,
            receipt_type=f"{table}11{last}",
            month=month,
            patient=whose,
            days=len(days),
            items=tuple(items),
            visit_days=tuple(sorted(days)),
            **({"prescriber": self.clinic(place)} if kind == "pharmacy" else {}),
            **fields,
        )
        ref = Ref("RE")
        self.receipts.append(_Planted(month, (institution, receipt), [ref]))
        if valid:
            total = receipt.total_points if points_after is None else points_after
            self._count_receipt(cover, month, kind, len(days), total, reason, age, institution, place)
            used = _drugs_of(receipt) if drugs is None else drugs
            for code, quantity in used:
                self._count_drug(month, kind, code, quantity)
        return ref

    def line(self, receipt: Ref, record: str, nth: int = 0) -> Ref:
        """A line of a planted receipt: the nth of a record id."""
        ref = Ref(record, nth)
        next(p for p in self.receipts if p.refs[0] is receipt).refs.append(ref)
        return ref

    # ---- what must be made of them -------------------------------------------------------------------------------

    def find(self, rule: str, code: str, ref: Ref) -> None:
        """The rule must find the record, with this code."""
        self.expectations.append(Expectation(*self._plant, rule, code, ref))

    def spare(self, rule: str, code: str, ref: Ref) -> None:
        """The rule must not find the record with this code: a near-miss."""
        self.expectations.append(Expectation(*self._plant, rule, code, ref, found=False))

    def expect(self, table: str, column: str, value: object, ref: Ref) -> None:
        """The lake's row of the record must hold this value."""
        self.expectations.append(Expectation(*self._plant, table, "", ref, column=column, value=str(value)))

    # ---- the truth -----------------------------------------------------------------------------------------------

    def _tally(self, table: str, **row: Any) -> None:
        self.truth.setdefault(table, []).append(row)

    def _count_receipt(
        self,
        cover: Cover,
        month: date,
        kind: Kind,
        days: int,
        points: int,
        reason: str | None,
        age: int,
        institution: Institution,
        place: int,
    ) -> None:
        if reason is not None:
            self._tally("unmatched", month=month, reason=reason, receipts=1)
            return
        care = CARE_OF[kind]
        sums = {"receipts": 1, "days": days, "points": points}
        self._tally(
            "cost", month=month, care=care, age=age, sex=str(cover.person.sex), kind=cover.kind, **sums
        )
        residence = cover.person.residence
        self._tally("cost_place", month=month, care=care, residence=residence, section=cover.section, **sums)
        sort = PHARMACY if kind == "pharmacy" else CLINIC
        where = self.places[sort].municipality[place]
        self._tally("flow", month=month, care=care, residence=residence, institution=where, receipts=1)

    def _count_drug(self, month: date, kind: str, code: str, quantity: int) -> None:
        drug = self.shelf.medicines.get(code)
        if drug is None:
            return
        cents = int(drug.price * 100) * quantity
        self._tally("drugs", month=month, kind=kind, **{"class": drug.printed}, total=quantity, cents=cents)

    def _count_members(self) -> None:
        for month in self.months:
            last = add_months(month, 1) - _DAY
            for cover, pay in self._counted:
                if cover.start <= last and (cover.end is None or cover.end > last):
                    person, known = cover.person, cover.person.registered
                    self._tally(
                        "members",
                        month=month,
                        age=age_on(person.birth, last) if known else None,
                        sex=str(person.sex) if known else None,
                        kind=cover.kind,
                        members=1,
                        mynumber=int(known),
                        standard=pay,
                        paid=int(pay > 0),
                    )
                    self._tally(
                        "members_place",
                        month=month,
                        residence=person.residence if known else None,
                        section=cover.section,
                        kind=cover.kind,
                        members=1,
                    )
            for symbol, section, applied, closed in self._open:
                if applied <= last and (closed is None or closed > last):
                    here = [
                        c
                        for c in self._insured_at[symbol]
                        if c.start <= last and (c.end is None or c.end > last)
                    ]
                    self._tally("workplaces", month=month, section=section, insured=len(here), workplaces=1)


_DAY = date(2000, 1, 2) - date(2000, 1, 1)


def _kana_number(n: int) -> str:
    """A number in katakana, so that no two planted people are called the same."""
    digits = "レイチニサシゴロナハク"
    return "".join(digits[int(d)] for d in f"{n:05d}")


def _drugs_of(receipt: Receipt) -> list[tuple[str, int]]:
    """Drug codes and quantities of a receipt's items."""
    out: list[tuple[str, int]] = []
    for item in receipt.items:
        match item:
            case Unit():
                out += [(r.code, int(r.quantity or 0) * item.times) for r in item.rows if isinstance(r, Drug)]
            case Dispensing():
                times = sum(r.quantity for r in item.rows if isinstance(r, Fill))
                out += [(r.code, int(r.quantity or 0) * times) for r in item.rows if isinstance(r, Drug)]
            case DpcCoding():
                if item.code.startswith("6"):
                    out.append((item.code, int(item.quantity or 0) * (item.times or 1)))
            case BasicFee():
                continue
            case _:
                continue
    return out


def rows_frame(rows: list[_Row]) -> pl.DataFrame:
    """Planted rows of one table as a frame with the delivery's columns."""
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    return pl.DataFrame(
        [[row.values.get(n) for n in names] for row in rows],
        schema=names,
        orient="row",
        infer_schema_length=None,
    )
