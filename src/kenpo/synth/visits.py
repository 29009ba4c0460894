"""Visits (受診) of a chunk's people in a month: who goes where on which day, what is found, done and prescribed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from kenpo.synth import care
from kenpo.synth.care import ACUTE, CARE, GROUPS, Acute, Option
from kenpo.synth.health import Health
from kenpo.synth.institutions import CLINIC, HOSPITAL, Institutions
from kenpo.synth.people import AGED_75, DIED, People
from kenpo.synth.setting import Bools, Days, Floats, Ints, Setting
from kenpo.synth.shelf import Medicine, Remedy, Shelf

ORAL, TOPICAL, INFUSED, SELF_INJECTED = range(4)
_SELF = ("インスリン", "テリパラチド", "エタネルセプト", "アダリムマブ")
SELF_CARE, INFUSION = "114040610", "130003810"
GENERIC_FIRST, GENERIC_RISE = 0.850, 0.0016
_BIOLOGICS_BEHIND = 0.18
_AGES = np.array([5, 10, 15, 30, 45, 60])
# People who have left use the old card for up to so many days, so much less than before (資格喪失後の受診).
_CARD_KEPT, _AFTER_LOSS = 45, 0.06
_TESTS, _CHECKS, _ILL, _RETURNS, _CHILDREN = 2.5, 3.7, 0.70, 2.4, 1.7
_WINTER = (12, 1, 2, 3)


@dataclass(frozen=True)
class Cabinet:
    """The medicines that are prescribed, by index, and the remedies made of them.

    options: (condition, place of the option) → indices of its remedies. originators and generics: per remedy, the
    indices of medicines. cents: price in 1/100 yen. codes, classes: per medicine.
    """

    medicines: tuple[Medicine, ...]
    originators: list[Ints]
    generics: list[Ints]
    kinds: Ints
    options: dict[tuple[str, int], Ints]

    @cached_property
    def cents(self) -> Ints:
        """Prices in hundredths of a yen."""
        return np.array([int(m.price * 100) for m in self.medicines], dtype=np.int64)

    @cached_property
    def codes(self) -> np.ndarray:
        """Drug codes."""
        return np.array([m.code for m in self.medicines])


_KIND = {"oral": ORAL, "topical": TOPICAL, "injection": INFUSED}


def make_cabinet(shelf: Shelf) -> Cabinet:
    """Everything the plans of care name, found on the shelf."""
    index: dict[str, int] = {}
    medicines: list[Medicine] = []
    remedies: dict[tuple[str, int], int] = {}
    originators: list[Ints] = []
    generics: list[Ints] = []
    kinds: list[int] = []

    def number(drug: Medicine) -> int:
        if drug.code not in index:
            index[drug.code] = len(medicines)
            medicines.append(drug)
        return index[drug.code]

    def add(name: str, option: Option) -> int:
        kind = _KIND[option.kind]
        if kind == INFUSED and name.startswith(_SELF):
            kind = SELF_INJECTED
        if (name, kind) not in remedies:
            remedy: Remedy = shelf.remedy(name)
            remedies[name, kind] = len(originators)
            originators.append(np.array([number(m) for m in remedy.originators]))
            generics.append(np.array([number(m) for m in remedy.generics or remedy.originators]))
            kinds.append(kind)
        return remedies[name, kind]

    options = {
        (condition, place): np.array([add(name, option) for name in option.remedies])
        for condition, plan in {**CARE, **ACUTE}.items()
        for place, option in enumerate(_options(plan))
    }
    return Cabinet(tuple(medicines), originators, generics, np.array(kinds), options)


def _options(plan: care.Care | Acute) -> tuple[Option, ...]:
    """Everything a plan may prescribe, in the order of its drugs, what must not be given last."""
    despite = plan.despite if isinstance(plan, Acute) else None
    return (*plan.drugs, *((despite[1],) if despite else ()))


@dataclass(frozen=True)
class Habits:
    """What a person keeps to over the years, per condition and option: remedy, leaning to originators, institution,
    how often they come, whether 公費 pays."""

    remedy: dict[tuple[str, int], Ints]
    leaning: dict[tuple[str, int], Floats]
    brand: dict[tuple[str, int], Ints]
    place: dict[str, Ints]
    interval: dict[str, Ints]
    phase: dict[str, Ints]
    diagnosis: dict[str, Ints]
    payer: dict[str, Bools]
    family_clinic: Ints
    dentist: Ints


def make_habits(setting: Setting, people: People, places: Institutions, cabinet: Cabinet) -> Habits:
    """The habits of a chunk's people. Medical places are numbered clinics first, then hospitals."""
    random = setting.random(7, people.chunk)
    count = people.count
    clinics = len(places[CLINIC].institutions)
    habits = Habits(
        {}, {}, {}, {}, {}, {}, {}, {}, *(_chosen(people, places, s, random) for s in (CLINIC, 2))
    )
    for group in GROUPS:
        plan = next(c for c in CARE.values() if c.group == group)
        clinic = habits.family_clinic if group == "lifestyle" else _chosen(people, places, CLINIC, random)
        hospital = clinics + _chosen(people, places, HOSPITAL, random)
        habits.place[group] = np.where(random.random(count) < plan.hospital, hospital, clinic)
        often = np.cumsum(plan.intervals)
        habits.interval[group] = 1 + np.searchsorted(often[:2], random.random(count), side="right")
        habits.phase[group] = random.integers(0, 6, count)
    for condition, plan in CARE.items():
        habits.diagnosis[condition] = random.integers(0, len(plan.diagnoses), count)
        habits.payer[condition] = random.random(count) < plan.payer[1]
        for place, option in enumerate(plan.drugs):
            key = condition, place
            choice = cabinet.options[key]
            taken = random.random(count) < option.chance
            habits.remedy[key] = np.where(taken, choice[random.integers(0, len(choice), count)], -1)
            habits.leaning[key] = random.random(count)
            habits.brand[key] = random.integers(0, 1000, count)
    return habits


def _chosen(people: People, places: Institutions, sort: int, random: np.random.Generator) -> Ints:
    return places[sort].choose(people.municipality, random)


@dataclass
class Drawn:
    """A month's visits, each list in step: visits; items (visit, 診療識別, code, points); drugs (visit, medicine, amount,
    times, kind); diagnoses (visit, code, start day). row: index into the month's enrolments."""

    row: list[Ints] = field(default_factory=list)
    day: list[Days] = field(default_factory=list)
    place: list[Ints] = field(default_factory=list)
    payer: list[Ints] = field(default_factory=list)
    injury: list[Bools] = field(default_factory=list)
    count: int = 0
    i_visit: list[Ints] = field(default_factory=list)
    i_item: list[Ints] = field(default_factory=list)
    d_visit: list[Ints] = field(default_factory=list)
    d_medicine: list[Ints] = field(default_factory=list)
    d_amount: list[Ints] = field(default_factory=list)
    d_times: list[Ints] = field(default_factory=list)
    d_kind: list[Ints] = field(default_factory=list)
    x_visit: list[Ints] = field(default_factory=list)
    x_code: list[Ints] = field(default_factory=list)
    x_start: list[Days] = field(default_factory=list)

    def visit(self, row: Ints, day: Days, place: Ints, payer: Ints | int = 0, injury: bool = False) -> Ints:
        """New visits; returns their numbers."""
        numbers = np.arange(self.count, self.count + len(row))
        self.count += len(row)
        self.row.append(row)
        self.day.append(day)
        self.place.append(place)
        self.payer.append(np.broadcast_to(np.asarray(payer), row.shape))
        self.injury.append(np.full(len(row), injury))
        return numbers

    def item(self, visit: Ints, item: int) -> None:
        """A procedure at visits. item: index in ITEMS."""
        self.i_visit.append(visit)
        self.i_item.append(np.full(len(visit), item))

    def drug(self, visit: Ints, medicine: Ints, amount: Ints | int, times: Ints | int, kind: Ints) -> None:
        """A drug prescribed at visits."""
        self.d_visit.append(visit)
        self.d_medicine.append(medicine)
        self.d_amount.append(np.broadcast_to(np.asarray(amount), visit.shape))
        self.d_times.append(np.broadcast_to(np.asarray(times), visit.shape))
        self.d_kind.append(kind)

    def diagnosis(self, visit: Ints, code: Ints, start: Days) -> None:
        """A diagnosis at visits. code: index in DIAGNOSES."""
        self.x_visit.append(visit)
        self.x_code.append(code)
        self.x_start.append(start)


def _items() -> dict[tuple[str, str], int]:
    """(診療識別, code) of everything that can be done, in the order receipts list them."""
    found = {
        ("11", care.FIRST_VISIT), ("12", care.REVISIT), ("12", care.OUTPATIENT), ("12", care.EVENING), ("12", care.AFTER_HOURS),
        ("11", care.INFANT),
        ("80", care.PRESCRIPTION), ("21", care.DISPENSE), ("14", SELF_CARE), ("33", INFUSION),
    }  # fmt: skip
    for plan in (*CARE.values(), *ACUTE.values()):
        found |= set(plan.fixed) | {(_section(code), code) for code, _ in plan.tests}
    return {key: n for n, key in enumerate(sorted(found))}


def _section(code: str) -> str:
    return {"11": "13", "14": "40", "16": "60", "17": "70", "18": "80"}[code[:2]]


ITEMS = _items()
"""(診療識別, 診療行為コード) → index, ascending by 診療識別."""

DIAGNOSES: tuple[str, ...] = tuple(
    sorted({d for plan in (*CARE.values(), *ACUTE.values()) for d in plan.diagnoses})
)
"""傷病名コード by index."""
_DIAGNOSIS = {code: n for n, code in enumerate(DIAGNOSES)}


@dataclass(frozen=True)
class Month:
    """A chunk's enrolments in a month: person and the first and last day of cover in it.

    lapsed: the cover has ended and the card has not come back; first and last are then days without cover. share: how
    much of the month, as a weight of chance.
    """

    index: int
    begin: int
    calendar_month: int
    enrolment: Ints
    person: Ints
    first: Days
    last: Days
    age: Floats
    share: Floats
    lapsed: Bools


def month_of(setting: Setting, people: People, index: int) -> Month:
    """Who is covered when in a month, and after them those who have just left and still have the card."""
    starts = setting.month_starts
    begin, following = int(starts[index]), int(starts[index + 1])
    covered = np.flatnonzero((people.e_start < following) & (people.e_end > begin))
    left = (people.e_end > begin - _CARD_KEPT) & (people.e_end < following) & (people.e_start < begin)
    final = np.append(people.e_person[1:] != people.e_person[:-1], True)
    alive = ~np.isin(people.e_reason, (DIED, AGED_75))
    gone = np.flatnonzero(left & final & alive)
    rows = np.concatenate([covered, gone])
    lapsed = np.arange(len(rows)) >= len(covered)
    person = people.e_person[rows]
    first = np.maximum(np.where(lapsed, people.e_end[rows], people.e_start[rows]), begin)
    last = np.where(lapsed, following, np.minimum(people.e_end[rows], following)) - 1
    share = (last - first + 1) / (following - begin)
    return Month(
        index=index,
        begin=begin,
        calendar_month=setting.calendar[index].month,
        enrolment=rows,
        person=person,
        first=first,
        last=last,
        age=(begin - people.birth[person]) / 365.25,
        share=np.where(lapsed, share * _AFTER_LOSS, share),
        lapsed=lapsed,
    )


def draw_visits(
    setting: Setting,
    people: People,
    health: Health,
    habits: Habits,
    cabinet: Cabinet,
    places: Institutions,
    month: Month,
) -> Drawn:
    """All outpatient visits of a month, of those who are not in hospital."""
    random = setting.random(8, people.chunk, month.index)
    drawn = Drawn()
    aim = GENERIC_FIRST + GENERIC_RISE * month.index
    for group in GROUPS:
        _chronic(group, people, health, habits, cabinet, month, aim, drawn, random)
    for plan in ACUTE:
        _acute(plan, ACUTE[plan], people, health, habits, cabinet, places, month, aim, drawn, random)
    return drawn


def _chronic(
    group: str,
    people: People,
    health: Health,
    habits: Habits,
    cabinet: Cabinet,
    month: Month,
    aim: float,
    drawn: Drawn,
    random: np.random.Generator,
) -> None:
    conditions = [c for c, plan in CARE.items() if plan.group == group]
    plan = CARE[conditions[0]]
    person = month.person
    treated = {c: health.under_treatment(c, person, month.first, month.last) for c in conditions}
    interval = habits.interval[group][person]
    due = (month.index + habits.phase[group][person]) % interval == 0
    comes = (
        due & np.logical_or.reduce(list(treated.values())) & (random.random(len(person)) < 0.93 * month.share)
    )
    at = np.flatnonzero(comes)
    if not len(at):
        return
    length = month.last[at] - month.first[at] + 1
    day = month.first[at] + (random.random(len(at)) * length).astype(np.int64)
    who = person[at]
    payer = np.zeros(len(at), dtype=np.int64)
    for c in conditions:
        if CARE[c].payer[0]:
            payer = np.where(habits.payer[c][who] & treated[c][at], int(CARE[c].payer[0]), payer)
    visit = drawn.visit(at, day, habits.place[group][who], payer)
    drawn.item(visit, ITEMS["12", care.REVISIT])
    if not any(section == "40" for c in conditions for section, _ in CARE[c].fixed):
        drawn.item(visit, ITEMS["12", care.OUTPATIENT])
    drawn.item(visit[random.random(len(visit)) < 0.02], ITEMS["12", care.EVENING])
    supply = 28 * habits.interval[group][who]
    for c in conditions:
        here = np.flatnonzero(treated[c][at])
        if not len(here):
            continue
        mine, ill = visit[here], who[here]
        codes = np.array([_DIAGNOSIS[d] for d in CARE[c].diagnoses])
        start = np.minimum(health.treated[c][ill], day[here])
        drawn.diagnosis(mine, codes[habits.diagnosis[c][ill]], start)
        for key in CARE[c].fixed:
            drawn.item(mine, ITEMS[key])
        for code, chance in CARE[c].tests:
            drawn.item(mine[random.random(len(mine)) < chance * _CHECKS], ITEMS[_section(code), code])
        for place, option in enumerate(CARE[c].drugs):
            key = c, place
            remedy = habits.remedy[key][ill]
            _prescribe(
                drawn, mine, remedy, habits.leaning[key][ill],
                aim, habits.brand[key][ill], supply[here],
                option, cabinet,
            )  # fmt: skip
    if group in care.TWICE_GROUPS:
        _elsewhere(conditions, treated, at, day, month, habits, who, supply, cabinet, aim, drawn, random)
    if plan.visits > 1:
        _again(group, plan.visits, at, day, month, habits, who, payer, drawn, random)


def _elsewhere(
    conditions: list[str],
    treated: dict[str, Bools],
    at: Ints,
    day: Days,
    month: Month,
    habits: Habits,
    who: Ints,
    supply: Ints,
    cabinet: Cabinet,
    aim: float,
    drawn: Drawn,
    random: np.random.Generator,
) -> None:
    """A few go to another institution within days and are given the same again (重複受診・重複服用)."""
    later = day + 1 + random.integers(0, 4, len(at))
    chosen = np.flatnonzero((random.random(len(at)) < care.TWICE) & (later <= month.last[at]))
    if not len(chosen):
        return
    person = who[chosen]
    other = habits.family_clinic[(person + 1) % len(habits.family_clinic)]
    visit = drawn.visit(at[chosen], later[chosen], other, 0)
    drawn.item(visit, ITEMS["11", care.FIRST_VISIT])
    for c in conditions:
        here = np.flatnonzero(treated[c][at[chosen]])
        codes = np.array([_DIAGNOSIS[d] for d in CARE[c].diagnoses])
        drawn.diagnosis(visit[here], codes[habits.diagnosis[c][person[here]]], later[chosen][here])
        for place, option in enumerate(CARE[c].drugs):
            key = c, place
            _prescribe(
                drawn, visit[here], habits.remedy[key][person[here]], habits.leaning[key][person[here]], aim,
                habits.brand[key][person[here]], supply[chosen][here], option, cabinet,
            )  # fmt: skip


def _again(
    group: str,
    visits: int,
    at: Ints,
    day: Days,
    month: Month,
    habits: Habits,
    who: Ints,
    payer: Ints,
    drawn: Drawn,
    random: np.random.Generator,
) -> None:
    """Further visits of the month for what needs many: treatment of the back, dialysis."""
    conditions = [c for c, plan in CARE.items() if plan.group == group and plan.visits > 1]
    fixed = [key for c in conditions for key in CARE[c].fixed]
    for step in range(1, visits):
        later = day + step * max(2, 28 // visits)
        stays = random.random(len(at)) < (0.5 if visits < 5 else 1.0)
        keep = np.flatnonzero(stays & (later <= month.last[at]))
        if not len(keep):
            continue
        visit = drawn.visit(at[keep], later[keep], habits.place[group][who[keep]], payer[keep])
        drawn.item(visit, ITEMS["12", care.REVISIT])
        for key in fixed:
            drawn.item(visit, ITEMS[key])


def _prescribe(
    drawn: Drawn,
    visit: Ints,
    remedy: Ints,
    leaning: Floats,
    aim: float,
    brand: Ints,
    supply: Ints,
    option: Option,
    cabinet: Cabinet,
) -> None:
    taken = np.flatnonzero(remedy >= 0)
    if not len(taken):
        return
    visit, remedy, brand = visit[taken], remedy[taken], brand[taken]
    kind = cabinet.kinds[remedy]
    biologic = (kind == INFUSED) | (kind == SELF_INJECTED)
    generic = leaning[taken] < np.where(biologic, aim - _BIOLOGICS_BEHIND, aim)
    medicine = np.zeros(len(taken), dtype=np.int64)
    for r in np.unique(remedy):
        of = remedy == r
        new, old = cabinet.generics[r], cabinet.originators[r]
        medicine[of] = np.where(generic[of], new[brand[of] % len(new)], old[brand[of] % len(old)])
    if option.every == 0:
        times = np.ones(len(taken), dtype=np.int64)
    else:
        times = np.maximum(supply[taken] // option.every, 1)
    drawn.drug(visit, medicine, option.amount, times, kind)


def _acute(
    name: str,
    plan: Acute,
    people: People,
    health: Health,
    habits: Habits,
    cabinet: Cabinet,
    places: Institutions,
    month: Month,
    aim: float,
    drawn: Drawn,
    random: np.random.Generator,
) -> None:
    children = np.where(month.age < 10, _CHILDREN, 1.0)
    rate = (
        _ILL
        * children
        * np.array(plan.ages)[np.searchsorted(_AGES, month.age, side="right")]
        / 12
        * month.share
    )
    if plan.winter != 1:
        usual = 12 / (8 + 4 * plan.winter)
        rate = rate * usual * (plan.winter if month.calendar_month in _WINTER else 1)
    if plan.sex:
        rate = rate * (people.sex[month.person] == plan.sex)
    at = np.flatnonzero(random.random(len(rate)) < rate)
    if not len(at):
        return
    who = month.person[at]
    length = month.last[at] - month.first[at] + 1
    day = month.first[at] + (random.random(len(at)) * length).astype(np.int64)
    known = random.random(len(at)) < 0.45
    elsewhere = random.integers(0, len(places[CLINIC].institutions), len(at))
    nearby = places[CLINIC].choose([people.municipality[p] for p in who.tolist()], random)
    place = np.where(
        known, habits.family_clinic[who], np.where(random.random(len(at)) < 0.9, nearby, elsewhere)
    )
    visit = drawn.visit(at, day, place, 0, plan.injury)
    drawn.item(visit, ITEMS["11", care.FIRST_VISIT])
    drawn.item(visit[month.age[at] < 6], ITEMS["11", care.INFANT])
    codes = np.array([_DIAGNOSIS[d] for d in plan.diagnoses])
    drawn.diagnosis(visit, codes[random.integers(0, len(codes), len(visit))], day)
    for key in plan.fixed:
        drawn.item(visit, ITEMS[key])
    for code, chance in plan.tests:
        drawn.item(visit[random.random(len(visit)) < chance * _TESTS], ITEMS[_section(code), code])
    supply = np.full(len(visit), plan.supply)
    for place_of, option in enumerate(plan.drugs):
        choice = cabinet.options[name, place_of]
        taken = random.random(len(visit)) < option.chance
        remedy = np.where(taken, choice[random.integers(0, len(choice), len(visit))], -1)
        leaning = random.random(len(visit))
        _prescribe(
            drawn, visit, remedy, leaning, aim, random.integers(0, 1000, len(visit)), supply, option, cabinet
        )
    if plan.despite is not None:
        condition, option = plan.despite
        ill = health.under_treatment(condition, who, day, day)
        given = ill & (random.random(len(visit)) < option.chance)
        choice = cabinet.options[name, len(plan.drugs)]
        remedy = np.where(given, choice[0], -1)
        ones = np.zeros(len(visit), dtype=np.int64)
        _prescribe(drawn, visit, remedy, np.zeros(len(visit)), aim, ones, supply, option, cabinet)
    second = np.flatnonzero((random.random(len(at)) < plan.days[1] * _RETURNS) & (day + 4 <= month.last[at]))
    again = drawn.visit(at[second], day[second] + 4, place[second], 0, plan.injury)
    drawn.item(again, ITEMS["12", care.REVISIT])
    for key in plan.fixed:
        drawn.item(again, ITEMS[key])
    late = random.random(len(again))
    drawn.item(again[late < 0.04], ITEMS["12", care.EVENING])
    drawn.item(again[late > 0.98], ITEMS["12", care.AFTER_HOURS])


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The parts as one array, empty when there are none."""
    return np.concatenate(parts) if parts else np.array([], dtype=np.int64)
