"""営業日: what is open, and how many days something took."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo.base.business import (
    add_business_days,
    business_days_between,
    is_business_day,
    is_holiday,
    next_business_day,
)
from kenpo.base.errors import ArgumentError

days = st.dates(min_value=date(2010, 1, 1), max_value=date(2030, 12, 31))


def test_ten_business_days_across_golden_week():
    assert add_business_days(date(2023, 4, 27), 10) == date(2023, 5, 16)
    assert [d for d in range(1, 8) if not is_business_day(date(2023, 5, d))] == [3, 4, 5, 6, 7]


def test_the_branch_is_closed_over_the_new_year():
    assert add_business_days(date(2025, 12, 26), 1) == date(2026, 1, 5)
    closed = [date(2025, 12, 29), date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 2)]
    assert not any(is_business_day(day) for day in closed)


def test_the_service_standard_counts_from_the_day_after_receipt():
    assert business_days_between(date(2023, 4, 27), date(2023, 5, 16)) == 10
    assert business_days_between(date(2023, 4, 27), date(2023, 5, 17)) == 11


def test_the_first_day_counts_when_asked_and_open():
    assert business_days_between(date(2023, 4, 27), date(2023, 5, 16), first_day_counts=True) == 11
    assert business_days_between(date(2023, 4, 29), date(2023, 5, 1), first_day_counts=True) == 1
    assert business_days_between(date(2023, 4, 27), date(2023, 4, 27)) == 0


def test_substitute_and_sandwiched_holidays_are_closed():
    assert is_holiday(date(2023, 1, 2))  # 振替休日
    assert is_holiday(date(2026, 9, 22))  # 国民の休日
    assert is_holiday(date(2021, 7, 23))  # スポーツの日, moved for that year
    assert not is_holiday(date(2021, 10, 11))


def test_a_deadline_on_a_closed_day_moves_to_the_next_open_day():
    assert next_business_day(date(2025, 12, 27)) == date(2026, 1, 5)
    assert next_business_day(date(2025, 12, 26)) == date(2025, 12, 26)


def test_closing_days_can_be_others():
    assert is_business_day(date(2025, 12, 29), closing=frozenset())
    assert not is_business_day(date(2025, 6, 2), closing=frozenset({(6, 2)}))
    assert add_business_days(date(2025, 12, 26), 1, closing=frozenset()) == date(2025, 12, 29)


def test_an_end_before_the_start_is_refused():
    with pytest.raises(ArgumentError, match="より前"):
        business_days_between(date(2023, 5, 16), date(2023, 4, 27))


@given(days, st.integers(0, 60))
def test_adding_and_taking_away_business_days_comes_back(day: date, n: int):
    start = next_business_day(day)
    assert add_business_days(add_business_days(start, n), -n) == start


@given(days, st.integers(1, 60))
def test_adding_business_days_and_counting_them_agree(day: date, n: int):
    end = add_business_days(day, n)
    assert is_business_day(end)
    assert business_days_between(day, end) == n


@given(days, st.integers(0, 90), st.integers(0, 90))
def test_business_days_of_two_spans_add_up(day: date, a: int, b: int):
    middle, end = day + timedelta(days=a), day + timedelta(days=a + b)
    assert business_days_between(day, end) == business_days_between(day, middle) + business_days_between(
        middle, end
    )
