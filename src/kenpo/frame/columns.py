"""Expressions many rooms need: legal age (年齢) and anniversaries (応当日) of columns, what stands beside a row."""

from __future__ import annotations

from typing import Any

import ibis

from kenpo.lake import Expression


def day_after(day: Expression) -> Expression:
    """The next day."""
    return (day + ibis.interval(days=1)).cast("date")


def age_at(birth: Expression, day: Expression) -> Expression:
    """The age in whole years attained by the end of a day (満年齢), int16; NULL before the birth.

    An age is attained at the end of the day before the birthday, so it is the number of birthdays up to the next day;
    a birthday on 29 February comes, in other years, with 1 March. Source: 年齢計算ニ関スル法律; 民法143条.
    """
    after: Any = day_after(day)
    had_birthday = after.month() * 100 + after.day() >= birth.month() * 100 + birth.day()
    years = after.year() - birth.year() - ibis.ifelse(had_birthday, 0, 1)
    return ibis.ifelse(birth <= day, years, ibis.null("int32")).cast("int16")


def anniversary(day: Expression, *, years: int = 0, months: int = 0) -> Expression:
    """The first day after a period of years or months that begins with a day (期間満了の翌日).

    The day of the same number; where the month has no such day, the first of the next month. Source: 民法143条2項.
    """
    moved: Any = (day + ibis.interval(months=12 * years + months)).cast("date")
    return ibis.ifelse(moved.day() < day.day(), day_after(moved), moved)


def beside(rows: Expression, other: Expression, *keys: str) -> Expression:
    """Every row with the columns of the other table's row of the same keys, NULL without one (left join)."""
    joined = rows.left_join(other, list(keys))
    return joined.drop([f"{k}_right" for k in keys])
