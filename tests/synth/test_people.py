"""The people of invented branches (架空の加入者): whatever the branch, size, length and seed, nobody's cover is impossible."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.branches import world_of
from tests.lakes import tried

from kenpo.base.branches import BRANCH_CODES
from kenpo.synth.membership import Membership, as_of, changes, make_membership
from kenpo.synth.people import CHILD, DIED, NONE, PARENT, SELF, SPOUSE, People, make_people
from kenpo.synth.setting import NEVER, Setting, birthday
from kenpo.synth.visits import month_of

settings_of_branches = st.builds(
    Setting,
    branch=st.sampled_from(sorted(BRANCH_CODES)),
    members=st.integers(100, 2000),
    first=st.dates(date(2017, 4, 1), date(2028, 12, 1)).map(lambda d: d.replace(day=1)),
    months=st.integers(1, 60),
    seed=st.integers(0, 2**32),
)


def people_of(setting: Setting) -> People:
    return make_people(setting, world_of(setting).workplaces, 0)


@given(settings_of_branches)
@tried(30)
def test_nobody_is_covered_at_an_impossible_time(setting: Setting):
    people = people_of(setting)
    person, start, end = people.e_person, people.e_start, people.e_end
    assert (start < end).all()
    assert (start >= people.birth[person]).all(), "before birth"
    known = np.minimum(end, setting.month_starts[-1])
    assert (known <= birthday(people.birth[person], 75)).all(), "from the 75th birthday"
    dead = people.died[person] < NEVER
    assert (end[dead] <= people.died[person][dead] + 1).all(), "after death"
    assert (start <= setting.month_starts[-1]).all(), "after the day that follows the last month"


@given(settings_of_branches)
@tried(30)
def test_nobody_is_covered_twice_on_a_day(setting: Setting):
    people = people_of(setting)
    order = np.lexsort((people.e_start, people.e_person))
    same = people.e_person[order][1:] == people.e_person[order][:-1]
    assert (people.e_start[order][1:] >= people.e_end[order][:-1])[same].all()


@given(settings_of_branches)
@tried(30)
def test_dependents_are_covered_only_with_the_insured_person(setting: Setting):
    people = people_of(setting)
    spans: dict[tuple[int, int], list[tuple[int, int]]] = {}
    rows = zip(
        people.e_person, people.e_insured, people.e_workplace, people.e_start, people.e_end, strict=True
    )
    for person, insured, work, start, end in rows:
        if person == insured:
            spans.setdefault((insured, work), []).append((start, end))
    rows = zip(
        people.e_person, people.e_insured, people.e_workplace, people.e_start, people.e_end, strict=True
    )
    for _, insured, work, start, end in rows:
        assert any(a <= start and end <= b for a, b in spans[insured, work])


@given(settings_of_branches)
@tried(30)
def test_families_make_sense(setting: Setting):
    people = people_of(setting)
    head = np.searchsorted(people.household, people.household, side="left")
    assert (people.relation[head] == SELF).all()
    younger = people.birth - people.birth[head]
    years = 365.25
    assert (younger[people.relation == CHILD] > 15 * years).all()
    assert (younger[people.relation == PARENT] < -20 * years).all()
    wives = people.relation == SPOUSE
    assert (people.sex[wives] != people.sex[head][wives]).all()
    assert (people.municipality == np.array(people.municipality)[head]).all()
    cards = set(zip(people.household.tolist(), people.branch_no.tolist(), strict=True))
    assert len(cards) == people.count, "two people with one 枝番"
    assert people.branch_no.max() < 100


@given(settings_of_branches)
@tried(30)
def test_every_cover_that_ends_has_a_reason_and_death_is_one(setting: Setting):
    people = people_of(setting)
    assert ((people.e_reason == NONE) == (people.e_end >= NEVER)).all()
    died = people.e_person[people.e_reason == DIED]
    assert (people.died[died] < NEVER).all()


@given(settings_of_branches, st.integers(0, 59))
@tried(15)
def test_visits_fall_on_days_of_cover_or_after_all_of_it(setting: Setting, month: int):
    people = people_of(setting)
    drawn = month_of(setting, people, month % setting.months)
    assert (drawn.first <= drawn.last).all()
    within = ~drawn.lapsed
    row = drawn.enrolment
    assert (drawn.first >= people.e_start[row])[within].all()
    assert (drawn.last < people.e_end[row])[within].all()
    assert (drawn.first >= people.e_end[row])[~within].all()


@cache
def membership_of_a_town() -> Membership:
    setting = Setting("35", 5000, date(2024, 4, 1), 24, 1)
    world = world_of(setting)
    people = make_people(setting, world.workplaces, 0)
    return make_membership(setting, world.workplaces, people, world.facts)


def test_what_happens_later_is_not_known_yet():
    day = date(2025, 3, 31)
    known = as_of(membership_of_a_town(), day)
    assert known["enrolment"]["acquired_on"].max() <= day
    assert known["enrolment"]["lost_on"].drop_nulls().max() <= date(2025, 4, 1)
    assert known["member"]["died_on"].drop_nulls().max() <= day
    assert known["bonus"]["paid_on"].max() <= day
    assert known["card"]["issued_on"].max() <= day
    assert (known["enrolment"]["loss_reason"].is_null() == known["enrolment"]["lost_on"].is_null()).all()


def test_changes_are_the_rows_that_are_new_or_other_than_before():
    days = (date(2026, 2, 28), date(2026, 3, 31))
    before, after = (as_of(membership_of_a_town(), day)["enrolment"] for day in days)
    changed = changes(before, after)
    assert 0 < changed.height < after.height / 5
    kept = before.join(changed, on=["person_number", "symbol", "acquired_on"], how="anti")
    assert kept.height + changed.height == after.height
