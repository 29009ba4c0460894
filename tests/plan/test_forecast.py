"""着地見込み: examples in forecast.yaml, what holds for any history, and the check against past years."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.arithmetic import worked_out

from kenpo.plan.forecast import accuracy, backtest, forecast
from kenpo.plan.path import MARCH, MONTHS, Kind, elapsed, path

EXAMPLES = yaml.load(
    Path(__file__).with_name("forecast.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader
)

grown_years = (
    st.lists(st.integers(1, 1000), min_size=12, max_size=12)
    .map(sorted)
    .map(lambda row: {m: Decimal(v) for m, v in zip(MONTHS, row, strict=True)})
)
histories = st.dictionaries(st.integers(2013, 2025), grown_years, max_size=6)
kinds = st.sampled_from(["cumulative", "ratio", "point"])
months_before_march = st.sampled_from(MONTHS[:-1])


def months_of(row: dict[str, str]) -> dict[int, Decimal]:
    return {int(month): Decimal(value) for month, value in row.items()}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["why"])
def test_the_forecast_of_an_example(example: dict[str, Any]):
    found = forecast(
        example["kind"],
        {int(year): months_of(row) for year, row in example["history"].items()},
        months_of(example["this_year"]),
        ceiling=Decimal(example["ceiling"]) if "ceiling" in example else None,
        level=Decimal(example["level"]) if "level" in example else None,
        direction=example.get("direction", "up"),
        precision=int(example["precision"]) if "precision" in example else None,
    )
    assert found.value == (None if example["value"] == "なし" else worked_out(example["value"]))
    assert found.years_used == tuple(int(y) for y in example["years"])
    assert found.reach == example.get("reach", "分からない")
    if example.get("interval") == "なし":
        assert (found.low, found.high) == (None, None)
        assert found.note
    elif "interval" in example:
        ends = [worked_out(end) for end in example["interval"]]
        assert [float(x) for x in (found.low, found.high) if x is not None] == pytest.approx(ends, rel=1e-7)


def test_the_interval_of_a_cumulative_figure_by_hand():
    # 40 % and 50 % by September; mean 0.45. Spread: 0.4 × (1/0.4 − 1/0.45)² + 0.5 × (1/0.5 − 1/0.45)² over n − 1 = 1.
    spread = 0.4 * (1 / 0.4 - 1 / 0.45) ** 2 + 0.5 * (1 / 0.5 - 1 / 0.45) ** 2
    half = 3.078 * 27 * (spread / 0.45 * (1 + 1 / 2)) ** 0.5
    history = {2021: {9: Decimal(40), 3: Decimal(100)}, 2022: {9: Decimal(50), 3: Decimal(100)}}
    found = forecast("cumulative", history, {9: Decimal(27)})
    assert found.low is not None and found.high is not None
    assert float(found.low) == pytest.approx(max(27, 60 - half))
    assert float(found.high) == pytest.approx(60 + half)


def test_the_pace_is_per_month():
    found = forecast("cumulative", {}, {9: Decimal(600)}, level=1500)
    assert (found.pace_so_far, found.pace_needed) == (100, 150)
    there = forecast("cumulative", {}, {9: Decimal(600)}, level=500)
    assert there.pace_needed == 0


def test_the_pace_of_a_figure_of_a_day_is_its_growth_since_the_first_known_month():
    found = forecast("point", {}, {4: Decimal(500), 9: Decimal(550)}, level=610)
    assert (found.pace_so_far, found.pace_needed) == (10, 10)
    assert forecast("point", {}, {9: Decimal(550)}, level=610).pace_so_far is None


def test_a_ratio_has_no_pace():
    found = forecast("ratio", {}, {9: Decimal(80)}, level=81)
    assert (found.pace_so_far, found.pace_needed) == (None, None)


@given(grown_years, st.integers(1, 4), st.integers(1, 50), months_before_march)
def test_a_year_like_all_years_before_is_forecast_exactly(
    year: dict[int, Decimal], n: int, times: int, month: int
):
    history = {2020 + i: {m: v * (i + 1) for m, v in year.items()} for i in range(n)}
    this_year = {m: v * times for m, v in year.items() if elapsed(m) <= elapsed(month)}
    found = forecast("cumulative", history, this_year)
    assert found.value == year[MARCH] * times
    if n > 1:
        assert found.low == found.high == found.value


@given(histories.filter(bool), st.integers(1, 1000), months_before_march)
def test_a_figure_on_its_path_is_forecast_to_reach_its_level(
    history: dict[int, dict[int, Decimal]], level: int, month: int
):
    # A whole number of steps, so that the figure on the path is an exact decimal.
    part = path(history).shape[month]
    scaled = level * part.denominator
    found = forecast("cumulative", history, {month: Decimal(int(scaled * part))})
    assert found.value == scaled


@given(kinds, histories, grown_years, months_before_march, st.none() | st.integers(1, 1000))
def test_the_interval_holds_the_forecast_and_keeps_to_what_can_be(
    kind: Kind,
    history: dict[int, dict[int, Decimal]],
    year: dict[int, Decimal],
    month: int,
    ceiling: int | None,
):
    this_year = {m: v for m, v in year.items() if elapsed(m) <= elapsed(month)}
    found = forecast(kind, history, this_year, ceiling=ceiling)
    assert found.value is not None
    assert (found.low is None) == (found.high is None) == (len(found.years_used) < 2)
    everything = [x for x in (found.low, found.value, found.high) if x is not None]
    assert everything == sorted(everything)
    assert everything[0] >= (year[month] if kind == "cumulative" else 0)
    assert ceiling is None or everything[-1] <= max(ceiling, year[month])


@given(kinds, histories, grown_years, months_before_march, st.randoms())
def test_the_order_of_years_is_irrelevant(
    kind: Kind, history: dict[int, dict[int, Decimal]], year: dict[int, Decimal], month: int, random: Any
):
    this_year = {m: v for m, v in year.items() if elapsed(m) <= elapsed(month)}
    shuffled = {y: history[y] for y in random.sample(list(history), len(history))}
    assert forecast(kind, shuffled, this_year) == forecast(kind, history, this_year)


@given(kinds, histories, grown_years)
def test_at_march_the_forecast_is_the_figure(
    kind: Kind, history: dict[int, dict[int, Decimal]], year: dict[int, Decimal]
):
    found = forecast(kind, history, year, level=year[MARCH])
    assert found.low == found.value == found.high == year[MARCH]
    assert found.reach == "達する見込み"


@given(kinds, histories, months_before_march, st.integers(1, 900), st.integers(0, 100), st.integers(1, 1000))
def test_a_higher_figure_is_never_forecast_lower(
    kind: Kind, history: dict[int, dict[int, Decimal]], month: int, now: int, more: int, level: int
):
    rank = {"届かない見込み": 0, "届くか微妙": 1, "分からない": 1, "達する見込み": 2}
    less, greater = (forecast(kind, history, {month: Decimal(v)}, level=level) for v in (now, now + more))
    assert less.value is not None and greater.value is not None
    assert less.value <= greater.value
    # A wider interval goes with a higher cumulative figure; that of a ratio is moved as it is.
    if kind != "cumulative":
        assert rank[less.reach] <= rank[greater.reach]


@given(histories)
def test_the_check_against_the_past_uses_no_year_it_should_not_know(history: dict[int, dict[int, Decimal]]):
    for row in backtest("cumulative", history):
        months = history[row.year]
        known = {m: v for m, v in months.items() if elapsed(m) <= elapsed(row.month)}
        others = {
            y: v for y, v in history.items() if (y < row.year if row.pool == "earlier" else y != row.year)
        }
        again = forecast("cumulative", others, known)
        assert (row.predicted, row.low, row.high, row.method) == (
            again.value,
            again.low,
            again.high,
            again.method,
        )
        assert row.actual == months[MARCH]


def test_the_check_against_the_past_by_hand():
    history = {
        2021: {9: Decimal(40), 3: Decimal(100)},
        2022: {9: Decimal(50), 3: Decimal(100)},
        2023: {9: Decimal(45)},
    }
    rows = backtest("cumulative", history)
    # 2021 from 2022: 40 / 0.5 = 80; 2022 from 2021: 50 / 0.4 = 125; 2021 from nothing before it: 40 × 12 / 6 = 80.
    assert [(r.year, r.pool, r.method, r.predicted, r.error, r.held) for r in rows] == [
        (2021, "others", "past_years", 80, -20, None),
        (2021, "earlier", "linear", 80, -20, None),
        (2022, "others", "past_years", 125, 25, None),
        (2022, "earlier", "past_years", 125, 25, None),
    ]
    summary = accuracy(rows, "others")
    assert summary.cases == 2
    assert summary.mean_absolute_error == {9: Fraction(20 + 25, 2)}
    assert (summary.intervals, summary.coverage) == (0, None)


def test_years_alike_are_covered_and_a_year_apart_is_not():
    history = {year: {9: Decimal(50), 3: Decimal(100)} for year in range(2019, 2023)}
    history[2023] = {9: Decimal(20), 3: Decimal(100)}
    rows = [r for r in backtest("cumulative", history) if r.pool == "earlier" and r.held is not None]
    assert {r.year: r.held for r in rows} == {2021: True, 2022: True, 2023: False}
    assert accuracy(rows, "earlier").coverage == Fraction(2, 3)


@given(kinds, grown_years, months_before_march)
def test_an_unknown_level_is_not_judged(kind: Kind, year: dict[int, Decimal], month: int):
    assume(year[month] > 0)
    assert forecast(kind, {2022: year, 2021: year}, {month: year[month]}).reach == "分からない"
