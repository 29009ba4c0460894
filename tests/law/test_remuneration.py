"""標準報酬月額と標準賞与額."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo.base.errors import ArgumentError, ParameterError
from kenpo.law.remuneration import grade_of, grades, standard_bonus

DAY = date(2025, 4, 1)


@pytest.mark.parametrize(
    ("remuneration", "standard", "grade"),
    [
        (514_999, 500_000, 30),
        (515_000, 530_000, 31),
        (62_999, 58_000, 1),
        (63_000, 68_000, 2),
        (0, 58_000, 1),
        (1_354_999, 1_330_000, 49),
        (1_355_000, 1_390_000, 50),
        (9_999_999, 1_390_000, 50),
        (300_000, 300_000, 22),
    ],
)
def test_a_remuneration_has_its_grade(remuneration: int, standard: int, grade: int):
    found = grade_of(remuneration, DAY)
    assert (found.standard, found.grade) == (standard, grade)


def test_there_are_fifty_grades_without_a_hole():
    table = grades(DAY)
    assert [g.grade for g in table] == list(range(1, 51))
    assert (table[0].lower, table[-1].upper) == (0, None)
    for below, above in pairwise(table):
        assert below.upper == above.lower
        assert below.standard < above.standard


def test_the_bounds_are_those_of_the_law():
    assert [g.lower // 1000 for g in grades(DAY)] == [
        *(0, 63, 73, 83, 93, 101, 107, 114, 122, 130, 138, 146),
        *(155, 165, 175, 185, 195, 210, 230, 250, 270, 290, 310, 330, 350, 370),
        *(395, 425, 455, 485, 515, 545, 575, 605, 635, 665, 695, 730, 770, 810, 855, 905, 955),
        *(1005, 1055, 1115, 1175, 1235, 1295, 1355),
    ]


def test_the_standards_are_those_of_the_law():
    assert [g.standard // 1000 for g in grades(DAY)] == [
        *(58, 68, 78, 88, 98, 104, 110, 118, 126, 134, 142, 150),
        *(160, 170, 180, 190, 200, 220, 240, 260, 280, 300, 320, 340, 360, 380),
        *(410, 440, 470, 500, 530, 560, 590, 620, 650, 680, 710, 750, 790, 830, 880, 930, 980),
        *(1030, 1090, 1150, 1210, 1270, 1330, 1390),
    ]


def test_before_april_2016_there_were_other_grades():
    with pytest.raises(ParameterError, match="健康保険法40条"):
        grade_of(300_000, date(2016, 3, 31))


def test_yen_are_whole_and_not_negative():
    with pytest.raises(ArgumentError, match="負の額"):
        grade_of(-1, DAY)
    for amount in (300_000.0, Decimal(300_000), True):
        with pytest.raises(TypeError):
            grade_of(amount, DAY)  # pyright: ignore[reportArgumentType]


@given(st.integers(0, 3_000_000), st.integers(0, 3_000_000))
def test_more_remuneration_is_never_a_lower_grade(a: int, b: int):
    low, high = grade_of(min(a, b), DAY), grade_of(max(a, b), DAY)
    assert low.grade <= high.grade
    assert low.holds(min(a, b))


@given(st.sampled_from(grades(DAY)))
def test_a_standard_lies_in_its_own_grade(grade):
    assert grade_of(grade.standard, DAY) == grade


def test_a_bonus_is_cut_to_a_thousand_yen():
    assert standard_bonus(456_999, 0, DAY) == 456_000
    assert standard_bonus(999, 0, DAY) == 0


def test_a_fiscal_years_bonuses_stop_at_the_cap():
    assert standard_bonus(6_000_000, 0, DAY) == 5_730_000
    assert standard_bonus(1_000_500, 5_000_000, DAY) == 5_730_000 - 5_000_000
    assert standard_bonus(1_000_000, 5_730_000, DAY) == 0


def test_the_cap_was_lower_before_april_2016():
    assert standard_bonus(6_000_000, 0, date(2016, 3, 31)) == 5_400_000
    assert standard_bonus(6_000_000, 0, date(2016, 4, 1)) == 5_730_000
    with pytest.raises(ParameterError, match="standard_bonus_cap"):
        standard_bonus(1_000_000, 0, date(2007, 3, 31))


def test_negative_bonuses_are_refused():
    with pytest.raises(ArgumentError, match="賞与額"):
        standard_bonus(-1, 0, DAY)
    with pytest.raises(ArgumentError, match="累計"):
        standard_bonus(1, -1, DAY)


@given(st.lists(st.integers(0, 4_000_000), max_size=6))
def test_however_often_a_bonus_is_paid_the_year_never_exceeds_the_cap(bonuses: list[int]):
    total = 0
    for bonus in bonuses:
        total += standard_bonus(bonus, total, DAY)
    assert total == min(5_730_000, sum(bonus // 1000 * 1000 for bonus in bonuses))
