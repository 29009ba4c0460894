"""People (加入者) of the invented branch: families, jobs, moves, births and deaths, in chunks of insured slots.

A slot is a place of one insured person. People come to it and leave it; their families come and leave with them. Every
chunk has chance of its own, so that chunks can be made in any order and in any process with the same result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kenpo.synth.setting import (
    NEVER,
    Bools,
    Days,
    Floats,
    Ints,
    Setting,
    birthday,
    day_number,
    parts_of,
)
from kenpo.synth.workplaces import Workplaces, neighbour_of, place_weights

CHUNK = 5_000
"""Slots in a chunk."""
_STRIDE = CHUNK * 12
"""Person numbers kept for a chunk."""

DEPENDENTS_PER_INSURED = 0.55
"""What to expect when the number of slots is chosen (扶養率)."""

RELATIONS = ("self", "spouse", "child", "parent")
SELF, SPOUSE, CHILD, PARENT = range(4)
REASONS = ("", "retired", "died", "aged_75", "moved", "removed", "with_insured", "voluntary_end")
NONE, RETIRED, DIED, AGED_75, MOVED, REMOVED, WITH_INSURED, VOLUNTARY_END = range(8)

# Ages of the insured (年齢階級別被保険者), in per mille of 15-19, 20-24 … 70-74; and of those who newly join.
_AGES = np.array([4, 54, 92, 91, 95, 107, 124, 136, 110, 89, 60, 38], dtype=float)
_NEW_AGES = np.array([15, 150, 135, 105, 95, 95, 100, 95, 75, 75, 40, 20], dtype=float)
_MEN = 0.585
# Dependent children (被扶養の子) per insured man and woman, by the same ages.
_CHILDREN_OF_MEN = np.array([0, 0.03, 0.22, 0.75, 1.25, 1.42, 1.25, 0.80, 0.38, 0.10, 0.03, 0.01])
_CHILDREN_OF_WOMEN = np.array([0, 0.02, 0.07, 0.22, 0.42, 0.52, 0.48, 0.25, 0.08, 0.02, 0.0, 0.0])
_WIVES = np.array([0, 0.05, 0.16, 0.30, 0.37, 0.39, 0.39, 0.39, 0.41, 0.43, 0.42, 0.40])
_HUSBANDS = 0.015
# Deaths a year (死亡率) by age from 0, 40, 50, 60, 70.
_DEATH_AGES = np.array([40, 50, 60, 70])
_DEATHS = np.array([0.0003, 0.0011, 0.0028, 0.0070, 0.0140])
_LEAVING = 0.0125
_JOB_CHANGE = 0.38
_VOLUNTARY, _MOVES_AWAY = 0.10, 0.08
_MEAN_TENURE = 7 * 365.25


@dataclass(frozen=True)
class People:
    """The people of a chunk. Persons are numbered from 0 here; `first` is the number of person 0 in the branch.

    Persons: household, relation (index of RELATIONS), sex 1 or 2, birth, died (NEVER), municipality, branch_no (枝番),
    family and given (indices of names), mynumber (day of 収録, NEVER when none).
    Enrolments: person, insured (person), workplace (index, -1 任意継続), start (資格取得日), end (資格喪失日, NEVER), reason
    (index of REASONS), voluntary.
    """

    chunk: int
    first: int
    household: Ints
    relation: Ints
    sex: Ints
    birth: Days
    died: Days
    municipality: list[str]
    branch_no: Ints
    family: Ints
    given: Ints
    mynumber: Days
    e_person: Ints
    e_insured: Ints
    e_workplace: Ints
    e_start: Days
    e_end: Days
    e_reason: Ints
    e_voluntary: Bools

    @property
    def count(self) -> int:
        """Persons in the chunk."""
        return len(self.birth)


class _Draft:
    """Rows that grow while a chunk is simulated."""

    def __init__(self) -> None:
        self.sex: list[Ints] = []
        self.birth: list[Days] = []
        self.since: list[Days] = []
        self.stints: list[tuple[Ints, Ints, Days, Days, Ints, Bools]] = []
        self.households = 0

    def add(self, sex: Ints, birth: Days, since: Days) -> Ints:
        """New households of one insured person each; returns their numbers."""
        numbers = np.arange(self.households, self.households + len(sex))
        self.sex.append(sex)
        self.birth.append(birth)
        self.since.append(since)
        self.households += len(sex)
        return numbers

    def stint(
        self, household: Ints, workplace: Ints, start: Days, end: Days, reason: Ints, voluntary: Bools
    ) -> None:
        """An insured person's time at a workplace, or as 任意継続."""
        kept = start < end
        self.stints.append(
            (household[kept], workplace[kept], start[kept], end[kept], reason[kept], voluntary[kept])
        )


def chunks(slots: int) -> list[range]:
    """The slots of each chunk."""
    return [range(a, min(a + CHUNK, slots)) for a in range(0, slots, CHUNK)]


def make_people(setting: Setting, workplaces: Workplaces, chunk: int) -> People:
    """The people of a chunk over the whole period."""
    random = setting.random(2, chunk)
    slots = np.array(chunks(workplaces.slots)[chunk])
    draft = _Draft()
    _live(setting, workplaces, slots, draft, random)
    return _with_families(setting, workplaces, chunk, draft, random)


def _live(
    setting: Setting, workplaces: Workplaces, slots: Ints, draft: _Draft, random: np.random.Generator
) -> None:
    """Who is in which slot from when to when."""
    starts = setting.month_starts
    count = len(slots)
    sex, birth = _adults(count, np.full(count, starts[0]), _AGES, random)
    workplace = workplaces.of_slots(slots, 0)
    since = starts[0] - np.minimum(random.exponential(_MEAN_TENURE, count), 45 * 365).astype(np.int64) - 1
    since = np.maximum(since, birthday(birth, 15) + 30)
    since = np.minimum(np.maximum(since, workplaces.applied_on[workplace]), starts[0] - 1)
    since = np.maximum(_mostly_first_of_month(since, random), workplaces.applied_on[workplace])
    occupant = draft.add(sex, birth, np.full(count, starts[0]))
    insured_birth = birth.copy()
    _already_voluntary(setting, workplaces, draft, random, count)
    for month in range(setting.months):
        begin, following = starts[month], starts[month + 1]
        here = workplaces.of_slots(slots, month)
        base = np.searchsorted(workplaces.ends, slots, side="right")
        age = (begin - insured_birth) / 365.25
        chance = random.random(count)
        dies = chance < _DEATHS[np.searchsorted(_DEATH_AGES, age, side="right")] / 12
        death = begin + random.integers(0, following - begin - 1, count)
        turns = birthday(insured_birth, 75)
        aged = (turns >= begin) & (turns < following)
        closes = workplaces.closing[base] == month
        hazard = _LEAVING * np.where(age < 30, 1.7, np.where(age < 60, 0.85, 1.3))
        leaves = random.random(count) < hazard
        at_end = random.random(count) < 0.75
        mid = begin + random.integers(2, 28, count)
        end = np.where(at_end | closes, following, mid)
        end = np.where(aged, turns, np.where(dies, death + 1, end))
        gone = (dies | aged | closes | leaves) & (end > since)
        younger = turns > following  # nobody takes up work on the 75th birthday
        changes = gone & ~dies & ~aged & ~closes & younger & (random.random(count) < _JOB_CHANGE)
        if changes.sum() < 2:
            changes[:] = False
        exits = gone & ~changes
        reason = np.where(
            aged,
            AGED_75,
            np.where(dies, DIED, np.where(random.random(count) < _MOVES_AWAY, MOVED, RETIRED)),
        )
        reason = np.where(changes, RETIRED, reason)
        at = np.flatnonzero(gone)
        draft.stint(occupant[at], here[at], since[at], end[at], reason[at], np.zeros(len(at), dtype=np.bool_))
        goes_on = exits & (reason == RETIRED) & (age >= 30) & (random.random(count) < _VOLUNTARY)
        _goes_on_alone(
            draft, occupant, insured_birth, end, np.flatnonzero(goes_on & (end - since >= 62)), random
        )
        movers = np.flatnonzero(changes)
        if len(movers):
            order = random.permutation(movers)
            target = np.roll(order, 1)
            taken, births, left = occupant[order], insured_birth[order], end[order]
            free = end[target]
            occupant[target], insured_birth[target] = taken, births
            since[target] = np.maximum(left, free)
        out = np.flatnonzero(exits)
        if len(out):
            sex, birth = _adults(len(out), end[out], _NEW_AGES, random, oldest=74.0)
            joined = end[out] + np.where(random.random(len(out)) < 0.7, 0, random.integers(1, 25, len(out)))
            joined = np.where(closes[out], np.maximum(joined, following), joined)
            since[out], insured_birth[out] = joined, birth
            occupant[out] = draft.add(sex, birth, joined)
    here = workplaces.of_slots(slots, setting.months)
    here = np.where(since < starts[-1], workplaces.of_slots(slots, setting.months - 1), here)
    open_ended = np.flatnonzero(since < starts[-1])
    draft.stint(
        occupant[open_ended],
        here[open_ended],
        since[open_ended],
        np.full(len(open_ended), NEVER),
        np.full(len(open_ended), NONE),
        np.zeros(len(open_ended), dtype=np.bool_),
    )


def _adults(
    count: int, on: Days, weights: Floats, random: np.random.Generator, oldest: float = 74.9
) -> tuple[Ints, Days]:
    """Sex and birth of insured people, none of them 75 or over or under 15."""
    sex = np.where(random.random(count) < _MEN, 1, 2)
    band = random.choice(len(weights), count, p=weights / weights.sum())
    age = 15 + band * 5 + random.random(count) * 5
    age = np.where(band == 0, 15.5 + random.random(count) * 4.5, age)
    return sex, on - (np.minimum(age, oldest) * 365.25).astype(np.int64)


def _mostly_first_of_month(days: Days, random: np.random.Generator) -> Days:
    first = days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.where(random.random(len(days)) < 0.6, first, days)


def _goes_on_alone(
    draft: _Draft,
    occupant: Ints,
    birth: Days,
    end: Days,
    at: Ints,
    random: np.random.Generator,
) -> None:
    """任意継続 from the day of loss, two years at most."""
    if not len(at):
        return
    start = end[at]
    stop = _voluntary_end(start, random)
    turns = birthday(birth[at], 75)
    reason = np.where(turns <= stop, AGED_75, VOLUNTARY_END)
    draft.stint(
        occupant[at],
        np.full(len(at), -1),
        start,
        np.minimum(stop, turns),
        reason,
        np.ones(len(at), dtype=np.bool_),
    )


def _voluntary_end(start: Days, random: np.random.Generator) -> Days:
    """Two years on, or the first day of an earlier month."""
    year, month, day = parts_of(start)
    two_years = ((year + 2 - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[D]")
    whole = two_years.astype(np.int64) + day - 1
    months = ((year - 1970) * 12 + month - 1 + random.integers(2, 24, len(start))).astype("datetime64[M]")
    early = months.astype("datetime64[D]").astype(np.int64)
    return np.where(random.random(len(start)) < 0.45, whole, np.minimum(early, whole))


def _already_voluntary(
    setting: Setting, workplaces: Workplaces, draft: _Draft, random: np.random.Generator, slots: int
) -> None:
    """People who were 任意継続 before the first month, with the workplace they had left."""
    count = max(1, round(slots * 0.011))
    begin = setting.month_starts[0]
    sex, birth = _adults(count, np.full(count, begin), _AGES[6:], random)
    birth -= int(30 * 365.25)
    birth = np.maximum(birth, begin - int(72 * 365.25))
    numbers = draft.add(sex, birth, np.full(count, begin))
    start = begin - random.integers(20, 700, count)
    start = start.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    before = start - random.integers(400, 4000, count)
    applied = workplaces.applied_on[: len(workplaces.ends)]
    old = np.flatnonzero(applied <= max(begin - 1200, applied.min()))
    workplace = old[random.integers(0, len(old), count)]
    before = np.minimum(np.maximum(before, workplaces.applied_on[workplace]), start - 90)
    no = np.zeros(count, dtype=np.bool_)
    draft.stint(numbers, workplace, before, start, np.full(count, RETIRED), no)
    draft.stint(
        numbers,
        np.full(count, -1),
        start,
        np.maximum(_voluntary_end(start, random), begin + 10),
        np.full(count, VOLUNTARY_END),
        ~no,
    )


def _with_families(
    setting: Setting, workplaces: Workplaces, chunk: int, draft: _Draft, random: np.random.Generator
) -> People:
    """Insured people and their dependents, with their enrolment spans."""
    sex, birth, since = (np.concatenate(x) for x in (draft.sex, draft.birth, draft.since))
    homes = np.arange(draft.households)
    rows = [_rows(homes, SELF, sex, birth, np.full(len(homes), -NEVER), np.full(len(homes), NEVER), NONE)]
    rows += _spouses(setting, homes, sex, birth, since, random)
    rows += _children(setting, homes, sex, birth, since, random)
    rows += _parents(homes, birth, since, random)
    table = {k: np.concatenate([r[k] for r in rows]) for k in rows[0]}
    order = np.lexsort((table["birth"], table["relation"], table["household"]))
    table = {k: v[order] for k, v in table.items()}
    household, relation = table["household"], table["relation"]
    first_of = np.searchsorted(household, homes)
    stints = [np.concatenate([s[i] for s in draft.stints]) for i in range(6)]
    enrolments = _enrol(table, first_of, stints, random)
    person = enrolments["person"]
    died = np.full(len(household), NEVER)
    dies = enrolments["reason"] == DIED
    died[person[dies]] = enrolments["end"][dies] - 1
    seen = np.zeros(len(household), dtype=np.bool_)
    seen[person] = True
    keep = np.flatnonzero(seen)
    if len(keep) > _STRIDE:
        raise ValueError("a chunk has more people than numbers")
    renumber = np.full(len(household), -1)
    renumber[keep] = np.arange(len(keep))
    household, relation = household[keep], relation[keep]
    born = table["birth"][keep]
    family = random.integers(0, 10**6, draft.households)
    homes_at = _homes(setting, workplaces, draft.households, stints, random)
    starts = np.searchsorted(household, household, side="left")
    recorded = day_number(setting.first.replace(year=2016)) + random.integers(0, 1500, len(keep))
    e_order = np.lexsort((enrolments["start"], renumber[person]))
    e = {k: v[e_order] for k, v in enrolments.items()}
    first_start = np.full(len(keep), NEVER)
    np.minimum.at(first_start, renumber[e["person"]], e["start"])
    recorded = np.maximum(recorded, np.maximum(born, first_start) + random.integers(5, 60, len(keep)))
    recorded = np.where(random.random(len(keep)) < 0.985, recorded, NEVER)
    return People(
        chunk=chunk,
        first=chunk * _STRIDE + 1,
        household=household,
        relation=relation,
        sex=table["sex"][keep],
        birth=born,
        died=died[keep],
        municipality=[homes_at[h] for h in household],
        branch_no=np.arange(len(keep)) - starts,
        family=family[household],
        given=random.integers(0, 10**6, len(keep)),
        mynumber=recorded,
        e_person=renumber[e["person"]],
        e_insured=renumber[e["insured"]],
        e_workplace=e["workplace"],
        e_start=e["start"],
        e_end=e["end"],
        e_reason=e["reason"],
        e_voluntary=e["voluntary"],
    )


def _rows(
    household: Ints,
    relation: int,
    sex: Ints,
    birth: Days,
    join: Days,
    leave: Days,
    reason: int | Ints,
) -> dict[str, np.ndarray]:
    return {
        "household": household,
        "relation": np.full(len(household), relation),
        "sex": sex,
        "birth": birth,
        "join": join,
        "leave": leave,
        "reason": np.broadcast_to(np.asarray(reason), (len(household),)),
    }


def _spouses(
    setting: Setting, homes: Ints, sex: Ints, birth: Days, since: Days, random: np.random.Generator
) -> list[dict[str, np.ndarray]]:
    age = (since - birth) / 365.25
    band = np.clip(((age - 15) // 5).astype(int), 0, 11)
    chance = np.where(sex == 1, _WIVES[band], _HUSBANDS)
    draw = random.random(len(homes))
    has = draw < chance
    starts = setting.month_starts
    marries = (
        ~has & (sex == 1) & (age > 22) & (age < 45) & (random.random(len(homes)) < 0.02 * setting.months / 12)
    )
    wedding = starts[random.integers(0, setting.months, len(homes))]
    at = np.flatnonzero(has | marries)
    born = birth[at] + random.normal(1.5 * 365, 3 * 365, len(at)).astype(np.int64)
    born = np.minimum(born, since[at] - int(18.5 * 365.25))
    join = np.where(has[at], -NEVER, np.maximum(wedding[at], since[at]))
    works = np.maximum(since[at], join) + random.exponential(11 * 365.25, len(at)).astype(np.int64)
    works = _month_after(works)
    turns = birthday(born, 75)
    leave = np.minimum(works, turns)
    reason = np.where(turns <= works, AGED_75, REMOVED)
    return [_rows(homes[at], SPOUSE, 3 - sex[at], born, join, leave, reason)]


def _month_after(days: Days) -> Days:
    months = days.astype("datetime64[D]").astype("datetime64[M]") + 1
    return months.astype("datetime64[D]").astype(np.int64)


def _children(
    setting: Setting, homes: Ints, sex: Ints, birth: Days, since: Days, random: np.random.Generator
) -> list[dict[str, np.ndarray]]:
    age = (since - birth) / 365.25
    band = np.clip(((age - 15) // 5).astype(int), 0, 11)
    mean = np.where(sex == 1, _CHILDREN_OF_MEN[band], _CHILDREN_OF_WOMEN[band])
    number = np.minimum(random.poisson(mean * 0.86), 4)
    oldest = np.clip(age - 28.5 + random.normal(0, 3.5, len(homes)), 0.05, 21.9)
    oldest = np.minimum(oldest, age - 17)
    out = []
    for place in range(4):
        at = np.flatnonzero(number > place)
        years = oldest[at] - place * 2.6 - random.random(len(at)) * 0.9 * (place > 0)
        young = years > 0.02
        at, years = at[young], years[young]
        born = since[at] - (years * 365.25).astype(np.int64)
        out.append(_child_rows(homes[at], born, np.full(len(at), -NEVER), random))
    begin, last = setting.month_starts[0], setting.month_starts[-1]
    fertile = (age > 21) & (age < 43)
    chance = np.where(sex == 1, 0.065, 0.022) * setting.months / 12
    at = np.flatnonzero(fertile & (random.random(len(homes)) < chance))
    born = random.integers(begin, last, len(at))
    out.append(_child_rows(homes[at], born, born, random))
    return out


def _child_rows(homes: Ints, born: Days, join: Days, random: np.random.Generator) -> dict[str, np.ndarray]:
    year, month, day = parts_of(born)
    school = year + 6 + ((month > 4) | ((month == 4) & (day > 1)))  # first April of elementary school
    stays = random.choice([12, 14, 16], len(born), p=[0.42, 0.14, 0.44])
    leave = (
        (((school + stays - 1970) * 12 + 3).astype("datetime64[M]")).astype("datetime64[D]").astype(np.int64)
    )
    sex = random.integers(1, 3, len(born))
    return _rows(homes, CHILD, sex, born, join, leave, REMOVED)


def _parents(
    homes: Ints, birth: Days, since: Days, random: np.random.Generator
) -> list[dict[str, np.ndarray]]:
    age = (since - birth) / 365.25
    at = np.flatnonzero((age > 34) & (age < 52) & (random.random(len(homes)) < 0.05))
    born = birth[at] - ((24 + random.random(len(at)) * 8) * 365.25).astype(np.int64)
    turns = birthday(born, 75)
    sex = np.where(random.random(len(at)) < 0.75, 2, 1)
    return [_rows(homes[at], PARENT, sex, born, np.full(len(at), -NEVER), turns, AGED_75)]


def _enrol(
    table: dict[str, np.ndarray], first_of: Ints, stints: list[np.ndarray], random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Every stint of a household with every member of it, where they meet."""
    household, workplace, start, end, reason, voluntary = stints
    sizes = np.diff(np.append(first_of, len(table["household"])))
    repeat = sizes[household]
    stint = np.repeat(np.arange(len(household)), repeat)
    offset = np.arange(len(stint)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    person = first_of[household][stint] + offset
    insured = first_of[household][stint]
    own = table["relation"][person] == SELF
    begins = np.maximum(np.maximum(start[stint], table["join"][person]), table["birth"][person])
    leave = table["leave"][person]
    stop = np.minimum(end[stint], leave)
    why = np.where(leave < end[stint], table["reason"][person], WITH_INSURED)
    why = np.where(own, reason[stint], np.where(stop >= NEVER, NONE, why))
    kept = begins < stop
    return {
        "person": person[kept],
        "insured": insured[kept],
        "workplace": workplace[stint][kept],
        "start": begins[kept],
        "end": stop[kept],
        "reason": why[kept],
        "voluntary": voluntary[stint][kept],
    }


def _homes(
    setting: Setting,
    workplaces: Workplaces,
    households: int,
    stints: list[np.ndarray],
    random: np.random.Generator,
) -> list[str]:
    """Municipality (居住市区町村) of each household: the workplace's, another of the prefecture, or a neighbour's."""
    at_work = np.full(households, -1)
    at_work[stints[0][::-1]] = stints[1][::-1]
    codes, weights = place_weights(setting.branch)
    others, shares = place_weights(neighbour_of(setting.branch))
    drawn = random.random(households)
    within = random.choice(len(codes), households, p=weights)
    beyond = random.choice(len(others), households, p=shares)
    out = []
    for home in range(households):
        if drawn[home] < 0.62 and at_work[home] >= 0:
            out.append(workplaces.municipality[at_work[home]])
        elif drawn[home] < 0.96:
            out.append(codes[within[home]])
        else:
            out.append(others[beyond[home]])
    return out
