"""Fiscal years (年度), quarters (四半期), halves (上期・下期) and month arithmetic.

A fiscal year starts on 1 April and is named by the AD year of that April: FY2021 is 令和3年度. A month is its
first day.
"""

from __future__ import annotations

import calendar
from datetime import date
from typing import Literal

from kenpo.base.era import era_of


def fy(day: date) -> int:
    """The fiscal year (年度) a day lies in: 2022-03-31 → 2021, 2022-04-01 → 2022."""
    return day.year if day.month >= 4 else day.year - 1


def quarter(day: date) -> int:
    """The quarter of the fiscal year (四半期): 1 is April to June, 4 is January to March."""
    return (day.month - 4) % 12 // 3 + 1


def half(day: date) -> Literal["上期", "下期"]:
    """The half of the fiscal year: 上期 is April to September, 下期 October to March."""
    return "上期" if 4 <= day.month <= 9 else "下期"


def fy_first_day(year: int) -> date:
    """1 April of the fiscal year (年度初日)."""
    return date(year, 4, 1)


def fy_last_day(year: int) -> date:
    """31 March that ends the fiscal year (年度末日)."""
    return date(year + 1, 3, 31)


def fy_months(year: int) -> tuple[date, ...]:
    """The twelve months of a fiscal year, April to March, each as its first day."""
    return month_range(date(year, 4, 1), date(year + 1, 3, 1))


def fiscal_year_label(year: int) -> str:
    """The fiscal year in 和暦: 2021 → 令和3年度; 2019 → 令和元年度; 2018 → 平成30年度.

    Raises ArgumentError before 1873. A year with two eras takes the later one.
    """
    return f"{era_of(date(year, 12, 31)).year_text(year)}年度"


def month_of(day: date) -> date:
    """The month of a day, as its first day (月初)."""
    return day.replace(day=1)


def month_end(day: date) -> date:
    """The last day of a day's month (月末)."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def add_months(day: date, months: int) -> date:
    """The same day `months` later (or earlier, if negative); a day that does not exist becomes the last of
    its month.

    2021-01-31 + 1 month → 2021-02-28. Source: 民法143条2項ただし書.
    """
    years, index = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, index + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def months_between(first: date, last: date) -> int:
    """How many months after the month of `first` the month of `last` lies; negative when it lies before."""
    return (last.year - first.year) * 12 + last.month - first.month


def month_range(first: date, last: date) -> tuple[date, ...]:
    """Every month from that of `first` to that of `last`, both included, as first days; empty if reversed."""
    start = month_of(first)
    return tuple(add_months(start, i) for i in range(months_between(first, last) + 1))
