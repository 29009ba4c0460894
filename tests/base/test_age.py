"""年齢: attained the day before the birthday."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo.base.age import age_on, attains_on, fiscal_year_end_age, five_year_band
from kenpo.base.errors import ArgumentError
from kenpo.base.fiscal import add_months, month_of

births = st.dates(min_value=date(1900, 1, 1), max_value=date(2030, 12, 31))


def test_seventy_is_attained_the_day_before_the_birthday():
    attained = attains_on(date(1955, 6, 1), 70)
    assert attained == date(2025, 5, 31)
    assert add_months(month_of(attained), 1) == date(2025, 6, 1)  # 高齢受給者 from the month after


def test_born_a_day_later_seventy_is_attained_a_month_later():
    attained = attains_on(date(1955, 6, 2), 70)
    assert attained == date(2025, 6, 1)
    assert add_months(month_of(attained), 1) == date(2025, 7, 1)


def test_born_on_1_may_care_premium_begins_in_april():
    birth = date(1985, 5, 1)
    assert month_of(attains_on(birth, 40)) == date(2025, 4, 1)
    assert age_on(birth, date(2025, 4, 29)) == 39
    assert age_on(birth, date(2025, 4, 30)) == 40


def test_born_on_1_april_counts_in_the_older_year():
    assert fiscal_year_end_age(date(1955, 4, 1), 2020) == 66
    assert fiscal_year_end_age(date(1955, 4, 2), 2020) == 65
    assert fiscal_year_end_age(date(1955, 3, 31), 2020) == 66


def test_born_on_29_february_every_age_is_attained_on_28_february():
    birth = date(2000, 2, 29)
    assert attains_on(birth, 1) == date(2001, 2, 28)
    assert attains_on(birth, 4) == date(2004, 2, 28)


def test_born_on_1_march_age_is_attained_on_the_last_day_of_february():
    assert attains_on(date(2000, 3, 1), 1) == date(2001, 2, 28)
    assert attains_on(date(2000, 3, 1), 4) == date(2004, 2, 29)


def test_born_on_1_january_a_year_is_attained_on_new_years_eve():
    assert age_on(date(2000, 1, 1), date(2020, 12, 31)) == 21
    assert age_on(date(2000, 1, 1), date(2020, 12, 30)) == 20


def test_a_newborn_is_zero_and_the_unborn_have_no_age():
    assert age_on(date(2021, 6, 1), date(2021, 6, 1)) == 0
    with pytest.raises(ArgumentError, match="生年月日 2021-06-01 より前"):
        age_on(date(2021, 6, 1), date(2021, 5, 31))


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, "00-04"), (4, "00-04"), (5, "05-09"), (42, "40-44"), (74, "70-74"), (75, "75-"), (104, "75-")],
)
def test_ages_fall_in_five_year_bands(age: int, band: str):
    assert five_year_band(age) == band


def test_a_negative_age_is_refused():
    with pytest.raises(ArgumentError, match="負の数"):
        five_year_band(-1)
    with pytest.raises(ArgumentError, match="負の数"):
        attains_on(date(2000, 1, 1), -1)


@given(births, st.integers(1, 110))
def test_an_age_begins_on_the_day_it_is_attained(birth: date, age: int):
    attained = attains_on(birth, age)
    assert age_on(birth, attained) == age
    assert age_on(birth, attained - timedelta(days=1)) == age - 1


@given(births, st.integers(0, 40000))
def test_age_never_falls_as_days_go_by(birth: date, days: int):
    day = birth + timedelta(days=days)
    assert age_on(birth, day) <= age_on(birth, day + timedelta(days=1)) <= age_on(birth, day) + 1
