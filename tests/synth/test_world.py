"""The invented world: its setting, its workplaces, how many people of what age, and how their health goes."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from functools import cache

import numpy as np
import pytest
from tests.branches import world_of

from kenpo.base.errors import ArgumentError
from kenpo.base.municipalities import municipalities
from kenpo.synth.health import CONDITIONS, Health, make_health
from kenpo.synth.institutions import CLINIC, HOSPITAL
from kenpo.synth.people import CHUNK, SELF, People, chunks, make_people
from kenpo.synth.report import published
from kenpo.synth.setting import (
    NEVER,
    Ints,
    Setting,
    age_at_month_end,
    birthday,
    day_number,
    parts_of,
    to_date,
)
from kenpo.synth.workplaces import Workplaces

TOWN = Setting("35", 20_000, date(2024, 4, 1), 24, 1)
OF_OLD_AGE = (
    "hypertension", "diabetes", "dyslipidaemia", "reflux", "back", "osteoporosis", "glaucoma", "prostate", "rheumatism",
    "cancer", "heart", "stroke", "insomnia",
)  # fmt: skip
"""Conditions that more people have the older they are, often enough to be counted among 20,000."""


@cache
def workplaces() -> Workplaces:
    return world_of(TOWN).workplaces


@cache
def town() -> tuple[tuple[People, Health], ...]:
    made = (make_people(TOWN, workplaces(), n) for n in range(len(chunks(workplaces().slots))))
    return tuple((people, make_health(TOWN, people)) for people in made)


def covered(month: int) -> tuple[Ints, Ints, int]:
    """Ages of the insured and of the dependents with cover on a month's last day, and insured men."""
    following = int(TOWN.month_starts[month + 1])
    own, others, men = [], [], 0
    for people, _ in town():
        here = people.e_person[(people.e_start < following) & (people.e_end >= following)]
        is_self = people.relation[here] == SELF
        ages = age_at_month_end(people.birth[here], following)
        own.append(ages[is_self])
        others.append(ages[~is_self])
        men += int((people.sex[here[is_self]] == 1).sum())
    return np.concatenate(own), np.concatenate(others), men


class TestSetting:
    @pytest.mark.parametrize(
        ("branch", "members", "months", "said"),
        [
            ("48", 300, 12, "支部「48」はありません"),
            ("00", 300, 12, "支部「00」はありません"),
            ("35", 99, 12, "加入者数 99 人の支部は作れません"),
            ("35", 10_000_001, 12, "加入者数 10,000,001 人の支部は作れません"),
            ("35", 300, 0, "0 か月の支部は作れません"),
            ("35", 300, 121, "121 か月の支部は作れません"),
        ],
    )
    def test_what_cannot_be_made_is_refused_in_words(self, branch: str, members: int, months: int, said: str):
        with pytest.raises(ArgumentError, match=said):
            Setting(branch, members, date(2025, 4, 1), months, 1)

    def test_the_calendar_ends_with_the_last_day_of_the_last_month(self):
        setting = Setting("35", 300, date(2024, 1, 1), 2, 1)
        assert setting.calendar == (date(2024, 1, 1), date(2024, 2, 1))
        assert setting.last_day == date(2024, 2, 29)

    def test_each_part_of_the_world_has_chance_of_its_own(self):
        same = [TOWN.random(3, 1).integers(0, 10**9) for _ in range(2)]
        assert same[0] == same[1] != TOWN.random(3, 2).integers(0, 10**9)

    def test_age_is_attained_the_day_before_the_birthday(self):
        births = np.array([day_number(date(2000, 5, 1)), day_number(date(2000, 5, 2))])
        assert age_at_month_end(births, day_number(date(2025, 5, 1))).tolist() == [25, 24]

    def test_a_birthday_on_29_february_is_1_march_in_other_years(self):
        leapling = np.array([day_number(date(1952, 2, 29))])
        assert to_date(birthday(leapling, 75)[0]) == date(2027, 3, 1)
        assert to_date(birthday(leapling, 76)[0]) == date(2028, 2, 29)


class TestWorkplaces:
    def test_about_80_percent_have_fewer_than_10_insured(self):
        assert 0.74 < (workplaces().sizes < 10).mean() < 0.86

    def test_they_open_before_they_close_and_one_takes_over_from_another(self):
        all_of = workplaces()
        assert (all_of.applied_on < all_of.closed_on).all()
        (closing,) = np.nonzero(all_of.closing < NEVER)
        assert len(closing) > 0
        assert (all_of.applied_on[all_of.successor[closing]] == all_of.closed_on[closing]).all()

    def test_they_lie_in_the_prefecture_and_not_in_a_city_that_has_wards(self):
        assert {m[:2] for m in workplaces().municipality} == {"35"}
        kanagawa = world_of(Setting("14", 5000, TOWN.first, 1, 1)).workplaces
        names = {municipalities()[m] for m in kanagawa.municipality}
        assert "横浜市" not in names
        assert any(n.startswith("横浜市") for n in names)


class TestPeople:
    @pytest.mark.parametrize("month", [0, 12, 23])
    def test_as_many_as_were_asked_for_within_5_percent(self, month: int):
        insured, dependents, _ = covered(month)
        assert abs(len(insured) + len(dependents) - TOWN.members) < 0.05 * TOWN.members

    @pytest.mark.parametrize("month", [0, 12, 23])
    def test_dependents_to_each_insured_are_0_45_to_0_65(self, month: int):
        insured, dependents, _ = covered(month)
        assert 0.45 < len(dependents) / len(insured) < 0.65

    @pytest.mark.parametrize("figure", ["insured_age_share", "dependent_age_share"])
    def test_ages_are_near_the_published_ones(self, figure: str):
        insured, dependents, _ = covered(12)
        ages = insured if figure.startswith("insured") else dependents
        for (name, band), known in published().items():
            if name == figure:
                low, high = map(int, band.split("-"))
                share = 100 * ((ages >= low) & (ages <= high)).mean()
                assert abs(share - known.value) < max(4, 0.4 * known.value), f"{band}歳"

    def test_men_are_55_to_62_percent_of_the_insured(self):
        insured, _, men = covered(12)
        assert 0.55 < men / len(insured) < 0.62

    def test_places_of_work_are_given_out_in_chunks(self):
        assert [len(c) for c in chunks(2 * CHUNK + 1)] == [CHUNK, CHUNK, 1]
        assert [people.first for people, _ in town()] == [1, 60_001, 120_001]


class TestHealth:
    def share(self, condition: str, low: int, high: int) -> float:
        day = int(TOWN.month_starts[12])
        ill = people_there = 0
        for people, health in town():
            age = (day - people.birth) / 365.25
            there = (age >= low) & (age < high)
            ends = health.treated.get(f"{condition}_ends", np.full(people.count, NEVER))
            ill += int((there & (health.treated[condition] <= day) & (ends > day)).sum())
            people_there += int(there.sum())
        return ill / people_there

    @pytest.mark.parametrize("condition", OF_OLD_AGE)
    def test_more_are_treated_the_older_they_are(self, condition: str):
        young, middle, old = (self.share(condition, a, b) for a, b in ((0, 35), (35, 55), (55, 75)))
        assert young < middle < old

    def test_somebody_is_treated_for_every_condition(self):
        assert all(self.share(condition, 0, 75) > 0 for condition in CONDITIONS)

    def test_blood_pressure_falls_once_it_is_treated(self):
        people, health = town()[0]
        begins = health.treated["hypertension"]
        day = int(np.median(begins[begins < NEVER]))
        newly = np.abs(begins - day) < 60
        assert newly.sum() > 10
        before, after = health.measured(day - 90).systolic, health.measured(day + 180).systolic
        assert (after[newly] < before[newly] - 12).all()
        never = (begins == NEVER) & (day - people.birth > 20 * 366)
        assert (np.abs(after - before)[never] < 2).all()

    def test_weight_is_bmi_times_height_squared_on_every_day(self):
        _, health = town()[0]
        for day in (int(TOWN.month_starts[0]), int(TOWN.month_starts[24])):
            state = health.measured(day)
            assert np.allclose(state.weight, state.bmi * (health.height / 100) ** 2)

    def test_a_day_asked_about_twice_is_the_same(self):
        _, health = town()[0]
        day = int(TOWN.month_starts[7])
        one, two = health.measured(day), health.measured(day)
        assert all((getattr(one, f.name) == getattr(two, f.name)).all() for f in fields(one))

    def test_what_is_measured_is_possible(self):
        for people, health in town():
            state = health.measured(int(TOWN.month_starts[12]))
            adult = (int(TOWN.month_starts[12]) - people.birth) / 365.25 >= 20
            assert ((state.systolic > state.diastolic) & (state.egfr > 0) & (state.bmi > 8))[adult].all()
            assert not state.smoker[~adult].any()

    def test_those_who_have_given_up_smoking_do_not_begin_again(self):
        _, health = town()[0]
        now, later = (health.measured(int(TOWN.month_starts[m])).smoker for m in (6, 24))
        adult = (int(TOWN.month_starts[6]) - health.birth) > 20 * 366
        assert not (later & ~now)[adult].any()
        assert now.sum() > later[adult].sum()


class TestInstitutions:
    def test_a_few_are_in_the_prefecture_next_door(self):
        places = world_of(TOWN).places
        for sort in (CLINIC, HOSPITAL):
            assert {m[:2] for m in places[sort].municipality} <= {"34", "35"}
        away = np.mean([m[:2] == "34" for m in places[CLINIC].municipality])
        assert 0 < away < 0.15

    def test_some_clinics_dispense_in_the_house_and_most_do_not(self):
        assert 0.05 < world_of(TOWN).places[CLINIC].dispenses.mean() < 0.4

    def test_years_and_months_of_days_are_told(self):
        year, month, day = parts_of(np.array([day_number(date(2024, 2, 29))]))
        assert (year[0], month[0], day[0]) == (2024, 2, 29)
