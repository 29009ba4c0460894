"""Where a figure will land at the year's end (着地見込み), with an 80 % interval, and how such forecasts did in the past.

A cumulative figure is divided by the part of the year-end that past years had reached by then, the same mean shape as
the path's: a figure on its path is forecast to reach its level. A ratio or a figure of a day is moved by the mean
change that past years made from then to March. Without past years there is a line or the figure itself, and no
interval.

The interval is that of one more year: Student's t on the spread of past years. For a cumulative figure the spread is
taken as in the chain-ladder method (Mack, Distribution-free calculation of the standard error of chain ladder reserve
estimates, 1993): years that had reached more by then weigh more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from kenpo.base.money import Number, exact, round_ratio
from kenpo.plan.path import MARCH, MONTHS, History, Kind, Months, elapsed, shapes_of
from kenpo.plan.targets import Direction

Method = Literal["final", "past_years", "linear", "as_is", "none"]
"""final: March is known. past_years: from past years. linear: run-rate of this year. as_is: the figure stands. none:
there is nothing to go on."""

Reach = Literal["達する見込み", "届くか微妙", "届かない見込み", "分からない"]
Pool = Literal["others", "earlier"]
"""From which years a past year is forecast: all others, or only those before it, as it would have been then."""

CONFIDENCE = Decimal("0.8")
CONFIDENCE_WORDS = f"{10 * CONFIDENCE:.0f}割"
"""How sure the interval of a forecast is; `_T` belongs to it. Kenpo's own choice: no plan or circular sets one."""

# 90 % points of Student's t for 1 to 10 degrees of freedom; the last serves for more, a little too wide.
_T = ("3.078", "1.886", "1.638", "1.533", "1.476", "1.440", "1.415", "1.397", "1.383", "1.372")


@dataclass(frozen=True)
class Forecast:
    """A landing forecast (着地見込み). Numbers are not rounded; low and high are None when there is no interval.

    pace_so_far: per month passed. pace_needed: per month that remains, to reach a level from below. Both are None
    where pace means nothing.
    """

    method: Method
    value: Fraction | None
    low: Fraction | None = None
    high: Fraction | None = None
    confidence: Decimal = CONFIDENCE
    pace_so_far: Fraction | None = None
    pace_needed: Fraction | None = None
    reach: Reach = "分からない"
    years_used: tuple[int, ...] = ()
    note: str = ""


def forecast(
    kind: Kind,
    history: History,
    this_year: Months,
    *,
    ceiling: Number | None = None,
    level: Number | None = None,
    direction: Direction = "up",
    precision: int | None = None,
) -> Forecast:
    """The landing forecast from the latest month of `this_year` that is known.

    ceiling: what the figure cannot exceed (100 for %). level, direction: what the year-end value must reach or must
    not exceed. precision: the printed decimals at which reaching is decided.
    """
    known = [m for m in MONTHS if m in this_year]
    if not known:
        return Forecast("none", None, note="今年度の実績がまだありません")
    month = known[-1]
    now = exact(this_year[month])
    aim = _Aim(level, direction, precision)
    if month == MARCH:
        paces = _paces(kind, this_year, known, aim)
        return Forecast("final", now, now, now, CONFIDENCE, *paces, aim.reach(now, now), note="年度末の実績")
    found = _grown(history, month, now) if kind == "cumulative" else _moved(history, month, now)
    floor = now if kind == "cumulative" else Fraction(0)
    top = None if ceiling is None else max(exact(ceiling), now)
    low, high = _clip(found.low, floor, top), _clip(found.high, floor, top)
    reach = aim.reach(low, high)
    if kind == "cumulative" and aim.passed(now):
        reach = "届かない見込み" if direction == "down" else "達する見込み"
    return Forecast(
        found.method,
        _clip(found.value, floor, top),
        low,
        high,
        CONFIDENCE,
        *_paces(kind, this_year, known, aim),
        reach,
        found.years,
        found.note,
    )


@dataclass(frozen=True)
class _Found:
    method: Method
    value: Fraction | None
    half_width: Fraction | None
    years: tuple[int, ...]
    note: str

    @property
    def low(self) -> Fraction | None:
        return None if self.value is None or self.half_width is None else self.value - self.half_width

    @property
    def high(self) -> Fraction | None:
        return None if self.value is None or self.half_width is None else self.value + self.half_width


METHODS: Mapping[str, str] = {
    "final": "年度末の実績",
    "past_years": "過去の年度の月ごとの進み方",
    "linear": "これまでと同じ速さ（直線）",
    "as_is": "いまの値のまま",
    "none": "見通せない",
}
"""The methods in words (見込みの方法)."""

_ONE_YEAR = "使える過去の年度が1年だけのため、幅は示せません"


def _grown(history: History, month: int, now: Fraction) -> _Found:
    shapes = shapes_of(history)
    if not shapes:
        note = "過去の年度がないため、これまでと同じ速さで進むものとした見込み"
        return _Found("linear", now * 12 / elapsed(month), None, (), note)
    parts = {year: shape[month] for year, shape in shapes.items() if shape[month] > 0}
    if not parts:
        return _Found("none", None, None, (), "過去の年度ではまだ実施時期ではなく、見通せません")
    if now == 0:
        return _Found("none", None, None, (), "実績が0のため、見通せません")
    n, years = len(parts), tuple(parts)
    mean = sum(parts.values(), Fraction(0)) / n
    if n == 1:
        return _Found("past_years", now / mean, None, years, _ONE_YEAR)
    spread = sum((p * (1 / p - 1 / mean) ** 2 for p in parts.values()), Fraction(0)) / (n - 1)
    return _Found("past_years", now / mean, now * _half_width(spread / mean, n), years, "")


def _moved(history: History, month: int, now: Fraction) -> _Found:
    changes = {
        year: exact(months[MARCH]) - exact(months[month])
        for year, months in sorted(history.items())
        if MARCH in months and month in months
    }
    if not changes:
        return _Found("as_is", now, None, (), "過去の年度がないため、現在の値のままとした見込み")
    n, years = len(changes), tuple(changes)
    mean = sum(changes.values(), Fraction(0)) / n
    if n == 1:
        return _Found("past_years", now + mean, None, years, _ONE_YEAR)
    spread = sum(((c - mean) ** 2 for c in changes.values()), Fraction(0)) / (n - 1)
    return _Found("past_years", now + mean, _half_width(spread, n), years, "")


def _half_width(variance: Fraction, n: int) -> Fraction:
    """Half of the prediction interval of one more year, from the variance of n years."""
    predicted = variance * (1 + Fraction(1, n))
    root = (Decimal(predicted.numerator) / Decimal(predicted.denominator)).sqrt()
    return Fraction(_T[min(n - 1, len(_T)) - 1]) * Fraction(root)


def _clip(value: Fraction | None, floor: Fraction, top: Fraction | None) -> Fraction | None:
    if value is None:
        return None
    raised = max(value, floor)
    return raised if top is None else min(raised, top)


@dataclass(frozen=True)
class _Aim:
    level: Number | None
    direction: Direction
    precision: int | None

    def _printed(self, value: Number) -> Fraction:
        return exact(value if self.precision is None else round_ratio(value, self.precision))

    def reach(self, low: Fraction | None, high: Fraction | None) -> Reach:
        if self.level is None or self.direction == "none" or low is None or high is None:
            return "分からない"
        level, worst, best = self._printed(self.level), self._printed(low), self._printed(high)
        if self.direction == "down":
            level, worst, best = -level, -best, -worst
        if worst >= level:
            return "達する見込み"
        return "届かない見込み" if best < level else "届くか微妙"

    def passed(self, now: Fraction) -> bool:
        """Whether a figure that only grows has already decided: the level reached from below, or exceeded."""
        if self.level is None or self.direction == "none":
            return False
        now, level = self._printed(now), self._printed(self.level)
        return now > level if self.direction == "down" else now >= level


def _paces(
    kind: Kind, this_year: Months, known: Sequence[int], aim: _Aim
) -> tuple[Fraction | None, Fraction | None]:
    """Pace so far and pace needed, per month."""
    month = known[-1]
    now, remaining = exact(this_year[month]), 12 - elapsed(month)
    if kind == "ratio":
        return None, None
    so_far = None
    if kind == "cumulative":
        so_far = now / elapsed(month)
    elif len(known) > 1:
        first = known[0]
        so_far = (now - exact(this_year[first])) / (elapsed(month) - elapsed(first))
    if aim.level is None or aim.direction != "up" or remaining == 0:
        return so_far, None
    return so_far, max(exact(aim.level) - now, Fraction(0)) / remaining


@dataclass(frozen=True)
class PastForecast:
    """What would have been forecast at a month of a past year, and what came (過去年度での検証)."""

    year: int
    month: int
    pool: Pool
    method: Method
    predicted: Fraction
    low: Fraction | None
    high: Fraction | None
    actual: Fraction

    @property
    def error(self) -> Fraction:
        """Forecast minus what came (見込み − 実績)."""
        return self.predicted - self.actual

    @property
    def held(self) -> bool | None:
        """Whether what came lay in the interval; None without an interval."""
        if self.low is None or self.high is None:
            return None
        return self.low <= self.actual <= self.high


@dataclass(frozen=True)
class Accuracy:
    """How well past years would have been forecast (見込みの精度).

    mean_absolute_error: month → mean distance of forecast and actual, in the measure's unit. coverage: the part of
    intervals that held what came, out of `intervals`; 0.8 is what they promise. None when there were none.
    """

    cases: int
    mean_absolute_error: Mapping[int, Fraction]
    intervals: int
    coverage: Fraction | None


def backtest(kind: Kind, history: History, *, ceiling: Number | None = None) -> list[PastForecast]:
    """Every past year whose March is known, forecast at each of its other known months, from both pools of years.

    A month at which nothing could be forecast is left out.
    """
    rows = []
    for year in sorted(history):
        months = history[year]
        if MARCH not in months:
            continue
        pools: dict[Pool, History] = {
            "others": {y: v for y, v in history.items() if y != year},
            "earlier": {y: v for y, v in history.items() if y < year},
        }
        for month in (m for m in MONTHS if m in months and m != MARCH):
            until = {m: v for m, v in months.items() if elapsed(m) <= elapsed(month)}
            for pool, others in pools.items():
                seen = forecast(kind, others, until, ceiling=ceiling)
                if seen.value is not None:
                    actual = exact(months[MARCH])
                    rows.append(
                        PastForecast(year, month, pool, seen.method, seen.value, seen.low, seen.high, actual)
                    )
    return rows


def accuracy(rows: Sequence[PastForecast], pool: Pool) -> Accuracy:
    """The summary of the forecasts made from one pool of years."""
    chosen = [r for r in rows if r.pool == pool]
    held = [r.held for r in chosen if r.held is not None]
    errors = {m: [abs(r.error) for r in chosen if r.month == m] for m in MONTHS}
    return Accuracy(
        cases=len(chosen),
        mean_absolute_error={m: sum(e, Fraction(0)) / len(e) for m, e in errors.items() if e},
        intervals=len(held),
        coverage=Fraction(sum(held), len(held)) if held else None,
    )
