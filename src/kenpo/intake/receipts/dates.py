"""Dates of claim files as set-based expressions: 7/8-digit dates and 5/6-digit months, 和暦 and 西暦 by length."""

from __future__ import annotations

import polars as pl

# Era digit (旧 別表4 年号区分コード) → year before the era's year 1: 1明治 2大正 3昭和 4平成 5令和.
ERA_OFFSET = {"1": 1867, "2": 1911, "3": 1925, "4": 1988, "5": 2018}


def _western(text: pl.Expr, japanese_length: int) -> pl.Expr:
    era = text.str.slice(0, 1).replace_strict(ERA_OFFSET, default=None, return_dtype=pl.Int32)
    year = era + text.str.slice(1, 2).cast(pl.Int32, strict=False)
    return (
        pl.when(text.str.len_bytes() == japanese_length)
        .then(year.cast(pl.String) + text.str.slice(3))
        .when(text.str.len_bytes() == japanese_length + 1)
        .then(text)
    )


def day(text: pl.Expr) -> pl.Expr:
    """GYYMMDD or YYYYMMDD text → date; NULL for anything that is not a day of the calendar."""
    return _western(text.str.strip_chars(), 7).str.to_date("%Y%m%d", strict=False)


def month(text: pl.Expr) -> pl.Expr:
    """GYYMM or YYYYMM text → first day of the month; NULL for anything else."""
    return (_western(text.str.strip_chars(), 5) + pl.lit("01")).str.to_date("%Y%m%d", strict=False)


def age_at_month_end(birth: pl.Expr, first_of_month: pl.Expr) -> pl.Expr:
    """Completed years on the last day of the month, attained the day before the birthday (年齢計算ニ関スル法律)."""
    day_after = first_of_month.dt.offset_by("1mo")
    not_yet = _month_and_day(day_after) < _month_and_day(birth)
    return (day_after.dt.year() - birth.dt.year() - not_yet.cast(pl.Int32)).cast(pl.Int16)


def _month_and_day(day: pl.Expr) -> pl.Expr:
    return day.dt.month().cast(pl.Int32) * 100 + day.dt.day()
