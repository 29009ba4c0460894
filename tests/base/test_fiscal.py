"""年度・四半期・月の計算."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo.base.era import parse_fiscal_year
from kenpo.base.fiscal import (
    add_months,
    fiscal_year_label,
    fy,
    fy_first_day,
    fy_last_day,
    fy_months,
    half,
    month_end,
    month_of,
    month_range,
    months_between,
    quarter,
)

days = st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 12, 31))


def test_a_fiscal_year_ends_on_31_march():
    assert (fy(date(2022, 3, 31)), quarter(date(2022, 3, 31)), half(date(2022, 3, 31))) == (2021, 4, "下期")
    assert (fy(date(2022, 4, 1)), quarter(date(2022, 4, 1)), half(date(2022, 4, 1))) == (2022, 1, "上期")


@pytest.mark.parametrize(
    ("month", "expected"),
    [(4, 1), (6, 1), (7, 2), (9, 2), (10, 3), (12, 3), (1, 4), (3, 4)],
)
def test_quarters_begin_in_april_july_october_and_january(month: int, expected: int):
    assert quarter(date(2021, month, 1)) == expected


def test_a_fiscal_year_has_its_first_and_last_day_and_twelve_months():
    assert (fy_first_day(2021), fy_last_day(2021)) == (date(2021, 4, 1), date(2022, 3, 31))
    months = fy_months(2021)
    assert (len(months), months[0], months[-1]) == (12, date(2021, 4, 1), date(2022, 3, 1))


@pytest.mark.parametrize(
    ("year", "label"),
    [
        (2021, "令和3年度"),
        (2019, "令和元年度"),
        (2018, "平成30年度"),
        (1989, "平成元年度"),
        (1988, "昭和63年度"),
        (2029, "令和11年度"),
    ],
)
def test_a_fiscal_year_is_labelled_in_wareki(year: int, label: str):
    assert fiscal_year_label(year) == label


@given(st.integers(1873, 2110))
def test_a_label_is_read_as_the_same_fiscal_year(year: int):
    assert parse_fiscal_year(fiscal_year_label(year)) == year


def test_a_day_that_does_not_exist_becomes_the_last_of_its_month():
    assert add_months(date(2021, 1, 31), 1) == date(2021, 2, 28)
    assert add_months(date(2020, 1, 31), 1) == date(2020, 2, 29)
    assert add_months(date(2021, 12, 15), 1) == date(2022, 1, 15)
    assert add_months(date(2021, 3, 31), -1) == date(2021, 2, 28)


def test_months_between_and_ranges_ignore_the_day():
    assert months_between(date(2021, 4, 30), date(2022, 3, 1)) == 11
    assert month_range(date(2021, 11, 30), date(2022, 1, 1)) == (
        date(2021, 11, 1),
        date(2021, 12, 1),
        date(2022, 1, 1),
    )
    assert month_range(date(2022, 1, 1), date(2021, 12, 31)) == ()


@given(days, st.integers(-1000, 1000))
def test_adding_months_and_counting_them_agree(day: date, months: int):
    assert months_between(day, add_months(day, months)) == months


@given(days)
def test_a_day_lies_between_the_ends_of_its_month_and_fiscal_year(day: date):
    assert month_of(day) <= day <= month_end(day)
    assert fy_first_day(fy(day)) <= day <= fy_last_day(fy(day))
    assert fy_months(fy(day))[(quarter(day) - 1) * 3] <= month_of(day)
