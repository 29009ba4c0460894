"""目標の月次経路: examples in path.yaml, and what holds for any history."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path as File
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.arithmetic import worked_out

from kenpo.plan.path import MARCH, MONTHS, elapsed, path, year_shape

EXAMPLES = yaml.load(
    File(__file__).with_name("path.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader
)

values = st.decimals(min_value=0, max_value=10**6, places=1)
years = st.dictionaries(st.sampled_from(MONTHS), values)
histories = st.dictionaries(st.integers(2013, 2025), years, max_size=5)


def months_of(row: Mapping[str, str]) -> dict[int, Decimal]:
    return {int(month): Decimal(value) for month, value in row.items() if value != "－"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["why"])
def test_the_path_of_an_example(example: dict[str, Any]):
    found = path({int(year): months_of(row) for year, row in example["history"].items()})
    assert found.years == tuple(int(y) for y in example["years"])
    assert found.method == ("past_years" if found.years else "linear")
    for month, text in example["expected"].items():
        assert found.expected(Decimal(example["level"]), int(month)) == worked_out(text), f"{month}月"


def test_how_the_path_was_made_is_said():
    assert path({}).method_ja == "過去の月別実績がないため、毎月均等（12分の1ずつ）"
    history = {year: {9: Decimal(40), 3: Decimal(100)} for year in (2022, 2021)}
    assert path(history).method_ja == "令和3年度・令和4年度の月別実績の平均"


def test_months_are_counted_from_april():
    assert [elapsed(m) for m in (4, 12, 1, 3)] == [1, 9, 10, 12]
    with pytest.raises(ValueError):
        elapsed(13)
    with pytest.raises(ValueError, match="13"):
        year_shape({13: Decimal(1), MARCH: Decimal(2)})


@given(histories, values)
def test_the_path_at_march_is_the_level(history: dict[int, dict[int, Decimal]], level: Decimal):
    found = path(history)
    assert found.shape[MARCH] == 1
    assert found.expected(level, MARCH) == level
    assert tuple(found.shape) == MONTHS


@given(histories, st.integers(2, 1000))
def test_a_larger_branch_has_the_same_path(history: dict[int, dict[int, Decimal]], times: int):
    larger = {y: {m: v * times for m, v in months.items()} for y, months in history.items()}
    assert path(larger) == path(history)


@given(histories, st.randoms())
def test_the_order_of_years_and_months_is_irrelevant(history: dict[int, dict[int, Decimal]], random: Any):
    shuffled = {
        y: dict(random.sample(list(history[y].items()), len(history[y])))
        for y in random.sample(list(history), len(history))
    }
    assert path(shuffled) == path(history)


@given(st.lists(values, min_size=12, max_size=12).map(sorted).filter(lambda v: v[-1] > 0), years)
def test_a_year_that_only_grows_has_a_path_that_only_grows(grown: list[Decimal], hidden: dict[int, Decimal]):
    known = {m: v for m, v in zip(MONTHS, grown, strict=True) if m not in hidden or m in (MONTHS[0], MARCH)}
    shape = year_shape(known)
    assert shape is not None
    parts = [shape[m] for m in MONTHS]
    assert parts == sorted(parts)
    assert all(0 <= p <= 1 for p in parts)


@given(st.lists(values, min_size=12, max_size=12))
def test_a_mean_is_made_of_parts_and_not_of_sums(row: list[Decimal]):
    small = {m: v + 1 for m, v in zip(MONTHS, row, strict=True)}
    large = {m: Decimal(1000 * elapsed(m)) for m in MONTHS}
    found = path({2021: small, 2022: large})
    for m in MONTHS:
        each = (Fraction(small[m]) / Fraction(small[MARCH]), Fraction(elapsed(m), 12))
        assert found.shape[m] == sum(each) / 2
