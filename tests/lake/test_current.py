"""What holds now of a membership table (最新の状態), against a slow and obvious oracle."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo.lake.current import current

SCHEMA = {
    "source_file": pl.String,
    "source_line": pl.Int64,
    "as_of": pl.Date,
    "full": pl.Boolean,
    "change": pl.String,
    "branch": pl.String,
    "member_id": pl.String,
    "value": pl.Int64,
}
APRIL, MAY, JUNE = date(2024, 4, 1), date(2024, 5, 1), date(2024, 6, 1)


@dataclass(frozen=True)
class Row:
    as_of: date
    member_id: str
    value: int
    full: bool = True
    change: str = "upsert"
    branch: str = "13"
    source_file: str = "a"
    source_line: int = 1


def ask(rows: Sequence[Row]) -> dict[tuple[str, str], int]:
    """(branch, member) → value, as the engine answers; no key twice."""
    frame = pl.DataFrame([vars(r) for r in rows], schema=SCHEMA)
    found = pl.DataFrame(
        pl.from_arrow(
            ibis.duckdb.connect().to_pyarrow(
                current(ibis.memtable(frame.to_arrow()), ("branch", "member_id"))
            )
        )
    )
    assert found.columns == list(SCHEMA)
    answer = {(r["branch"], r["member_id"]): r["value"] for r in found.iter_rows(named=True)}
    assert len(answer) == found.height
    return answer


def oracle(rows: Sequence[Row]) -> dict[tuple[str, str], int]:
    """The same by hand: branch by branch, file by file in time, one dictionary that later rows change."""
    answer = {}
    for branch in {r.branch for r in rows}:
        mine = [r for r in rows if r.branch == branch]
        base = max((r.as_of for r in mine if r.full), default=None)
        state: dict[str, Row] = {}
        for r in sorted((r for r in mine if r.full), key=lambda r: (r.source_file, r.source_line)):
            if r.as_of == base:
                state[r.member_id] = r
        changes = [r for r in mine if not r.full and (base is None or r.as_of >= base)]
        for r in sorted(changes, key=lambda r: (r.as_of, r.source_file, r.source_line)):
            state[r.member_id] = r
        answer |= {(branch, who): r.value for who, r in state.items() if r.change != "cancel"}
    return answer


def test_the_latest_full_load_is_the_base_and_earlier_keys_are_gone():
    assert ask([Row(APRIL, "a", 1), Row(APRIL, "b", 2), Row(MAY, "a", 3)]) == {("13", "a"): 3}


def test_two_full_files_of_one_day_count_together():
    rows = [Row(MAY, "a", 1, source_file="1"), Row(MAY, "b", 2, source_file="2")]
    assert ask(rows) == {("13", "a"): 1, ("13", "b"): 2}


def test_a_change_of_the_same_day_lies_over_the_full_load_and_one_of_the_day_before_does_not():
    rows = [Row(MAY, "a", 1), Row(MAY, "a", 2, full=False), Row(date(2024, 4, 30), "b", 3, full=False)]
    assert ask(rows) == {("13", "a"): 2}


def test_a_cancellation_takes_the_row_away_and_a_later_change_brings_it_back():
    gone = [Row(APRIL, "a", 1), Row(MAY, "a", 1, full=False, change="cancel")]
    assert ask(gone) == {}
    assert ask([*gone, Row(JUNE, "a", 2, full=False)]) == {("13", "a"): 2}


def test_a_branch_never_loaded_in_full_has_its_changes():
    rows = [Row(MAY, "a", 1, branch="35"), Row(APRIL, "a", 2, full=False), Row(MAY, "a", 3, full=False)]
    assert ask(rows) == {("35", "a"): 1, ("13", "a"): 3}


rows = st.lists(
    st.builds(
        Row,
        as_of=st.sampled_from([APRIL, MAY, JUNE]),
        member_id=st.sampled_from("ab"),
        value=st.integers(0, 9),
        full=st.booleans(),
        change=st.sampled_from(["upsert", "upsert", "cancel"]),
        branch=st.sampled_from(["13", "35"]),
        source_file=st.sampled_from("xy"),
    ),
    max_size=10,
).map(lambda made: [Row(**{**vars(r), "source_line": n}) for n, r in enumerate(made)])


@settings(max_examples=60)
@given(rows=rows, chance=st.randoms(use_true_random=False))
def test_what_holds_now_is_what_the_slow_way_finds_in_any_order(rows: list[Row], chance: random.Random):
    shuffled = chance.sample(rows, len(rows))
    assert ask(rows) == ask(shuffled) == oracle(rows)
