"""Which row of a master counts in which month, against a slow and obvious oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo.lake.validity import in_force

SCHEMA = {
    "source_file": pl.String,
    "source_line": pl.Int64,
    "edition": pl.Date,
    "full": pl.Boolean,
    "change": pl.String,
    "code": pl.String,
    "abolished_on": pl.Date,
    "price": pl.Int64,
}
APRIL, MAY, JUNE, JULY = (date(2024, m, 1) for m in (4, 5, 6, 7))


@dataclass(frozen=True)
class Row:
    edition: date
    code: str
    price: int
    full: bool = True
    change: str = "0"
    abolished_on: date | None = None
    source_file: str = "a"
    source_line: int = 1


Answer = dict[tuple[str, date], tuple[int, date, bool]]


def ask(rows: Sequence[Row], months: Sequence[date], drop: Sequence[str] = ()) -> Answer:
    """(code, month) → price, edition, edition_is_later, as DuckDB answers; no key and month twice."""
    frame = pl.DataFrame([vars(r) for r in rows], schema=SCHEMA).drop(drop)
    table = ibis.memtable(frame.to_arrow())
    asked = ibis.memtable(pl.DataFrame({"month": list(months)}, schema={"month": pl.Date}).to_arrow())
    found = pl.from_arrow(ibis.duckdb.connect().to_pyarrow(in_force(table, asked, "code")))
    assert isinstance(found, pl.DataFrame)
    answer = {
        (r["code"], r["month"]): (r["price"], r["edition"], r["edition_is_later"])
        for r in found.iter_rows(named=True)
    }
    assert len(answer) == found.height
    return answer


def oracle(rows: Sequence[Row], months: Sequence[date]) -> Answer:
    """The same by hand: month by month, file by file in time, one dictionary that later files change."""
    answer: Answer = {}
    for month in set(months):
        last = (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        arrived = [r for r in rows if r.edition <= last]
        base = max((r.edition for r in arrived if r.full), default=None)
        first = min((r.edition for r in rows if r.full), default=min((r.edition for r in rows), default=None))
        state: dict[str, Row] = {}
        if base is None:
            any_full = any(r.full for r in rows)
            start = [r for r in rows if r.edition == first and (r.full or not any_full)]
            changes = [r for r in arrived if not r.full]
        else:
            start = [r for r in arrived if r.full and r.edition == base]
            changes = [r for r in arrived if not r.full and r.edition >= base]
        for r in sorted(start, key=lambda r: (r.source_file, r.source_line)):
            state[r.code] = r
        for r in sorted(changes, key=lambda r: (r.edition, r.source_file, r.source_line)):
            state[r.code] = r
        for code, r in state.items():
            undated = r.change == "9" and r.abolished_on is None
            gone = r.change == "1" or undated or (r.abolished_on is not None and r.abolished_on < month)
            if not gone:
                answer[code, month] = (r.price, r.edition, r.edition > last)
    return answer


def test_the_latest_full_edition_up_to_the_end_of_the_month_counts():
    rows = [Row(date(2024, 4, 1), "A", 100), Row(date(2024, 5, 31), "A", 90), Row(date(2024, 6, 2), "A", 80)]
    assert ask(rows, [APRIL, MAY, JUNE]) == {
        ("A", APRIL): (100, date(2024, 4, 1), False),
        ("A", MAY): (90, date(2024, 5, 31), False),
        ("A", JUNE): (80, date(2024, 6, 2), False),
    }


def test_a_month_before_every_edition_is_answered_by_the_earliest_full_one_and_says_so():
    rows = [
        Row(date(2024, 5, 1), "A", 1, full=False, change="3"),
        Row(date(2024, 6, 1), "A", 2),
        Row(date(2024, 7, 1), "A", 3),
    ]
    assert ask(rows, [APRIL]) == {("A", APRIL): (2, date(2024, 6, 1), True)}


def test_changes_before_the_first_full_edition_lie_over_it():
    rows = [
        Row(date(2024, 4, 1), "A", 1, full=False, change="5"),
        Row(date(2024, 6, 1), "A", 2),
        Row(date(2024, 6, 1), "B", 5),
    ]
    assert ask(rows, [MAY]) == {
        ("A", MAY): (1, date(2024, 4, 1), False),
        ("B", MAY): (5, date(2024, 6, 1), True),
    }


def test_without_any_full_edition_the_earliest_changes_answer_earlier_months():
    rows = [
        Row(date(2024, 5, 1), "A", 1, full=False, change="3"),
        Row(date(2024, 6, 1), "B", 2, full=False, change="3"),
    ]
    assert ask(rows, [APRIL, JUNE]) == {
        ("A", APRIL): (1, date(2024, 5, 1), True),
        ("A", JUNE): (1, date(2024, 5, 1), False),
        ("B", JUNE): (2, date(2024, 6, 1), False),
    }


def test_changes_overlay_the_full_edition_from_their_day_on():
    rows = [
        Row(APRIL, "A", 100),
        Row(APRIL, "B", 50),
        Row(MAY, "A", 90, full=False, change="5"),
        Row(MAY, "C", 10, full=False, change="3"),
    ]
    assert ask(rows, [APRIL, MAY, JUNE]) == {
        ("A", APRIL): (100, APRIL, False),
        ("B", APRIL): (50, APRIL, False),
        ("A", MAY): (90, MAY, False),
        ("B", MAY): (50, APRIL, False),
        ("C", MAY): (10, MAY, False),
        ("A", JUNE): (90, MAY, False),
        ("B", JUNE): (50, APRIL, False),
        ("C", JUNE): (10, MAY, False),
    }


def test_a_key_absent_from_a_later_full_edition_is_gone_even_when_a_change_brought_it():
    rows = [Row(APRIL, "A", 1), Row(MAY, "B", 2, full=False, change="3"), Row(JUNE, "A", 3)]
    assert set(ask(rows, [APRIL, MAY, JUNE])) == {("A", APRIL), ("A", MAY), ("B", MAY), ("A", JUNE)}


@pytest.mark.parametrize("change", ["1", "9"])
def test_cancelled_and_abolished_codes_are_out_from_that_edition_on(change):
    rows = [Row(APRIL, "A", 1), Row(MAY, "A", 1, full=False, change=change)]
    assert set(ask(rows, [APRIL, MAY, JUNE])) == {("A", APRIL)}


def test_a_code_is_usable_in_the_month_of_its_last_day():
    rows = [Row(APRIL, "A", 1, abolished_on=date(2024, 5, 1))]
    assert set(ask(rows, [APRIL, MAY, JUNE])) == {("A", APRIL), ("A", MAY)}


def test_changes_of_the_same_day_lie_over_the_full_file():
    rows = [
        Row(APRIL, "A", 1, source_file="z"),
        Row(APRIL, "A", 2, full=False, change="5", source_file="a"),
    ]
    assert ask(rows, [APRIL]) == {("A", APRIL): (2, APRIL, False)}


def test_two_files_of_one_edition_give_one_row():
    rows = [Row(APRIL, "A", 1, source_file="1"), Row(APRIL, "A", 2, source_file="2")]
    assert ask(rows, [APRIL, APRIL]) == {("A", APRIL): (2, APRIL, False)}


def test_tables_without_change_abolition_and_lineage_work():
    rows = [Row(APRIL, "A", 1), Row(MAY, "A", 2)]
    found = ask(rows, [APRIL, MAY], drop=["change", "abolished_on", "source_file", "source_line"])
    assert found == {("A", APRIL): (1, APRIL, False), ("A", MAY): (2, MAY, False)}


def test_an_empty_master_answers_nothing():
    assert ask([], [APRIL]) == {}


def test_the_table_keeps_its_columns_and_gains_two():
    table = ibis.table({"edition": "date", "full": "boolean", "code": "string"}, name="master")
    months = ibis.table({"month": "date"}, name="months")
    found = in_force(table, months, "code").schema()
    assert tuple(found) == ("edition", "full", "code", "month", "edition_is_later")
    assert (found["month"], found["edition_is_later"]) == (ibis.dtype("date"), ibis.dtype("boolean"))


def test_the_expression_compiles_for_spark_without_filters_over_windows():
    table = ibis.table({"edition": "date", "full": "boolean", "code": "string"}, name="master")
    months = ibis.table({"month": "date"}, name="months")
    assert "FILTER" not in str(ibis.to_sql(in_force(table, months, "code"), dialect="pyspark"))


DAYS = st.dates(date(2024, 3, 25), date(2024, 8, 5))
MONTHS = st.lists(st.sampled_from([date(2024, m, 1) for m in range(2, 10)]), min_size=1, max_size=5)


@st.composite
def masters(draw: st.DrawFn) -> list[Row]:
    """Up to five files, each a full edition or changes, with no code twice."""
    rows = []
    for number in range(draw(st.integers(0, 5))):
        edition, full = draw(DAYS), draw(st.booleans())
        codes = draw(st.lists(st.sampled_from("ABCDE"), unique=True, max_size=4))
        for line, code in enumerate(codes, 1):
            rows.append(
                Row(
                    edition,
                    code,
                    draw(st.integers(1, 9)),
                    full,
                    draw(st.sampled_from("0059" if full else "13559")),
                    draw(st.one_of(st.none(), DAYS)),
                    str(number),
                    line,
                )
            )
    return rows


@settings(deadline=None, max_examples=150)
@given(masters(), MONTHS)
def test_it_agrees_with_the_oracle(rows, months):
    assert ask(rows, months) == oracle(rows, months)
