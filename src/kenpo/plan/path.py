"""The path to a target over the year (目標の月次経路), for a KPI that grows from April to March.

Check-ups do not come evenly: where a figure stood in a month of past years, as a part of that year's end, says where
it should stand now to reach this year's level. Everything is exact; rounding is left to those who print.

Source: rules I6: in-year values of flow KPIs need phasing, point-in-time figures do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from kenpo.base.fiscal import fiscal_year_label
from kenpo.base.money import Number, exact

Kind = Literal["cumulative", "ratio", "point"]
"""How a KPI moves over the year: cumulative grows towards March (累計), ratio is one of flows that does not grow
(率), point is as of a day (時点)."""

Months = Mapping[int, Decimal]
"""Month (4 to 12, then 1 to 3) → value; a month that is not known is absent. Cumulative from April for `cumulative`."""

History = Mapping[int, Months]
"""Fiscal year → its months, of past years of the same measure; the year-end value is March's."""

MONTHS = (4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3)
MARCH = 3


def elapsed(month: int) -> int:
    """How many months of the fiscal year have passed at a month's end: April 1, March 12. Raises ValueError."""
    return MONTHS.index(month) + 1


@dataclass(frozen=True)
class Path:
    """The path: what part of the year-end level should be reached by the end of each month (経路).

    method: past_years is the mean of `years`; linear is one twelfth a month, when no past year can be used.
    A part of 0 means that the work has not begun by then in any year (まだ実施時期でない).
    """

    method: Literal["past_years", "linear"]
    years: tuple[int, ...]
    shape: Mapping[int, Fraction]

    def expected(self, level: Number, month: int) -> Fraction:
        """What should be reached by the end of a month, for a level at the year's end (段階目標の値)."""
        return exact(level) * self.shape[month]

    @property
    def method_ja(self) -> str:
        """How the path was made, for people (経路の作り方)."""
        if self.method == "linear":
            return "過去の月別実績がないため、毎月均等（12分の1ずつ）"
        return f"{'・'.join(fiscal_year_label(y) for y in self.years)}の月別実績の平均"


def path(history: History) -> Path:
    """The path that past years show; a year that cannot be used (see `year_shape`) is left out."""
    shapes = shapes_of(history)
    if not shapes:
        return Path("linear", (), {m: Fraction(elapsed(m), 12) for m in MONTHS})
    mean = {m: sum((s[m] for s in shapes.values()), Fraction(0)) / len(shapes) for m in MONTHS}
    return Path("past_years", tuple(shapes), mean)


def shapes_of(history: History) -> dict[int, dict[int, Fraction]]:
    """Fiscal year → its shape, for the years that can be used, oldest first."""
    shapes = {year: year_shape(history[year]) for year in sorted(history)}
    return {year: shape for year, shape in shapes.items() if shape is not None}


def year_shape(months: Months) -> dict[int, Fraction] | None:
    """What part of the year's end each month had reached; March is 1.

    Unknown months lie on the line between their known neighbours, and the year starts from 0. None when March is
    unknown or not above 0, or when no month but March is known: such a year says nothing of its course.
    """
    if set(months) - set(MONTHS):
        raise ValueError(f"months are 4 to 12 and 1 to 3, not {sorted(set(months) - set(MONTHS))}")
    if months.get(MARCH, Decimal(0)) <= 0 or len(months) < 2:
        return None
    end = exact(months[MARCH])
    known = [(0, Fraction(0)), *((elapsed(m), exact(months[m]) / end) for m in MONTHS if m in months)]
    shape = {}
    for (n0, before), (n1, after) in pairwise(known):
        for n in range(n0 + 1, n1 + 1):
            shape[MONTHS[n - 1]] = before + (after - before) * Fraction(n - n0, n1 - n0)
    return shape
