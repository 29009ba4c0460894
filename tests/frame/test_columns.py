"""Ages and anniversaries of columns (年齢・応当日) are those of one person after another."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kenpo.base.age import age_on, attains_on
from kenpo.base.fiscal import add_months
from kenpo.frame.columns import age_at, anniversary

DAYS = st.dates(date(1900, 1, 1), date(2060, 12, 31))
NEAR = st.builds(
    lambda year, days: date(year, 2, 28) + timedelta(days), st.integers(1900, 2060), st.integers(-1, 2)
)


def of(rows: list[tuple[date, date]], make) -> list:
    frame = pl.DataFrame(rows, schema={"a": pl.Date, "b": pl.Date}, orient="row").with_row_index("n")
    table = ibis.memtable(frame.to_arrow())
    made = table.select("n", out=make(table)).order_by("n")
    return ibis.duckdb.connect().to_pyarrow(made)["out"].to_pylist()


@settings(max_examples=60)
@given(st.lists(st.tuples(DAYS | NEAR, DAYS | NEAR), min_size=1, max_size=30))
@example([(date(1985, 5, 1), date(2025, 4, 29)), (date(1985, 5, 1), date(2025, 4, 30))])
@example([(date(2000, 2, 29), date(y, 2, d)) for y in (2023, 2024) for d in (27, 28)])
@example([(date(2000, 3, 1), date(y, 2, 28)) for y in (2023, 2024)])
def test_the_age_of_a_column_is_the_legal_age(rows: list[tuple[date, date]]):
    wanted = [age_on(birth, day) if birth <= day else None for birth, day in rows]
    assert of(rows, lambda t: age_at(t.a, t.b)) == wanted


@settings(max_examples=40)
@given(st.lists(st.tuples(DAYS | NEAR, DAYS), min_size=1, max_size=30))
def test_a_birthday_is_the_day_after_the_age_is_attained(rows: list[tuple[date, date]]):
    wanted = [attains_on(birth, 75) + timedelta(1) for birth, _ in rows]
    assert of(rows, lambda t: anniversary(t.a, years=75)) == wanted


@settings(max_examples=40)
@given(st.lists(st.tuples(DAYS, DAYS), min_size=1, max_size=30))
def test_a_period_of_months_ends_before_the_same_day_or_with_the_month(rows: list[tuple[date, date]]):
    def by_hand(day: date) -> date:
        moved = add_months(day, 2)
        return moved if moved.day == day.day else moved + timedelta(1)

    assert of(rows, lambda t: anniversary(t.a, months=2)) == [by_hand(day) for day, _ in rows]
