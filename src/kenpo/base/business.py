"""Business days (営業日): days that are no weekend, national holiday (国民の祝日) or closing day (年末年始).

Source: 行政機関の休日に関する法律1条, which the branches follow; holidays of 国民の祝日に関する法律 (with
振替休日 and 国民の休日) come from the package jpholiday.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import jpholiday

from kenpo.base.errors import ArgumentError

ClosingDays = frozenset[tuple[int, int]]
"""Days closed every year, as (month, day)."""

YEAR_END_CLOSING: ClosingDays = frozenset({(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)})
"""29 December to 3 January (年末年始). The dated parameter `branch_closing_days` holds the same days."""

_ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=512)
def _holidays(year: int) -> frozenset[date]:
    return frozenset(day for day, _ in jpholiday.year_holidays(year))


def is_holiday(day: date) -> bool:
    """Whether a day is a national holiday (国民の祝日, 振替休日, 国民の休日)."""
    return day in _holidays(day.year)


def is_business_day(day: date, closing: ClosingDays = YEAR_END_CLOSING) -> bool:
    """Whether the branch is open (営業日)."""
    return day.weekday() < 5 and (day.month, day.day) not in closing and not is_holiday(day)


def next_business_day(day: date, closing: ClosingDays = YEAR_END_CLOSING) -> date:
    """The day itself when open, otherwise the first open day after it (翌営業日). Source: 民法142条."""
    while not is_business_day(day, closing):
        day += _ONE_DAY
    return day


def add_business_days(start: date, days: int, closing: ClosingDays = YEAR_END_CLOSING) -> date:
    """The day that is `days` business days after `start` (day 0).

    Before it when `days` is negative; `start` itself, open or not, when it is 0.
    10 business days after 2023-04-27 → 2023-05-16. Source: 民法140条 (初日不算入).
    """
    step = _ONE_DAY if days >= 0 else -_ONE_DAY
    day, left = start, abs(days)
    while left:
        day += step
        left -= is_business_day(day, closing)
    return day


@lru_cache(maxsize=4096)
def business_days_between(
    start: date, end: date, first_day_counts: bool = False, closing: ClosingDays = YEAR_END_CLOSING
) -> int:
    """How many business days it took from `start` to `end` (所要営業日数); `end` counts when it is open.

    `start` is day 0 (民法140条 初日不算入) unless `first_day_counts`, when an open `start` is day 1.
    2023-04-27 to 2023-05-16 → 10. Raises ArgumentError when `end` is before `start`.
    """
    if end < start:
        raise ArgumentError(
            f"終わりの日 {end.isoformat()} が始まりの日 {start.isoformat()} より前です。",
            todo="二つの日付の順序を確かめてください。",
        )
    first = start if first_day_counts else start + _ONE_DAY
    return sum(is_business_day(first + timedelta(days=i), closing) for i in range((end - first).days + 1))
