"""Past figures of a KPI (過去の実績): from the lake, from earlier progress files, and from what the plan prints beside it.

Where the lake and a document both have a figure of a month, the lake's counts: it is of one definition over all years.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from kenpo.base.errors import InputFileError
from kenpo.base.fiscal import fy, fy_first_day
from kenpo.frame import Measure, figures
from kenpo.lake import Lake
from kenpo.plan.judging import NotApplicable
from kenpo.plan.model import Actual, Kpi, Progress, last_day, period_title
from kenpo.plan.path import MARCH, MONTHS, History, Months, elapsed
from kenpo.plan.store import PlanError, Plans
from kenpo.plan.targets import printed_precision
from kenpo.plan.vocabulary import Term

Window = Literal["month", "fytd"]

NEW = "新設のため前年度の値がない"
_STRENGTH = {"document": 0, "entered": 1, "computed": 2}


def window_of(measure: Measure, term: Term | None) -> Window:
    """How a measure fills a KPI: the fiscal year to date (年度累計) where the KPI is of the year's flows and the
    measure's months add up; otherwise the value of the month."""
    of_the_year = term is not None and term.path in ("ratio", "cumulative")
    return "fytd" if of_the_year and measure.flow and measure.rollup == "sum" else "month"


def precision_of(kpi: Kpi | None, term: Term | None, measure: Measure | None = None) -> int:
    """The decimals a KPI's figure is printed at: the vocabulary's (or else the measure's), or those of its target."""
    usual = term.precision if term else measure.precision if measure else 0
    return printed_precision(kpi.target, usual) if kpi and kpi.target else usual


# ---- figures of the lake -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LakeFigure:
    """A figure of the lake (自動計算の値): at printed precision, None when its denominator is 0."""

    value: Decimal | None
    numerator: Decimal
    denominator: Decimal
    definition: str
    cutoff: str


@dataclass(frozen=True)
class Series:
    """All figures of one measure as a KPI uses them: branch (00 for the nation) → month → figure.

    A month in which a branch has no data is absent. newest: the latest month with any data.
    """

    measure: Measure
    window: Window
    precision: int
    branches: Mapping[str, Mapping[date, LakeFigure]]
    newest: date | None

    def latest(self, branch: str, first: date, last: date) -> date | None:
        """A branch's last month between two days that has a value; or else its last that has any data."""
        there = [m for m in self.branches.get(branch, {}) if first <= m <= last]
        valued = [m for m in there if self.branches[branch][m].value is not None]
        return max(valued or there, default=None)

    def at(self, month: date) -> dict[str, LakeFigure]:
        """The figures of a month, by branch and the nation."""
        return {b: months[month] for b, months in self.branches.items() if month in months}

    def years(self, branch: str) -> dict[int, dict[int, Decimal]]:
        """A branch's values by fiscal year and month."""
        found: dict[int, dict[int, Decimal]] = {}
        for month, figure in self.branches.get(branch, {}).items():
            if figure.value is not None:
                found.setdefault(fy(month), {})[month.month] = figure.value
        return found


def series_of(lake: Lake, measure: Measure, *, window: Window = "month", precision: int) -> Series:
    """Read all stored figures of a measure at once, for every branch and month.

    A year to date is left out for a fiscal year whose April is not in the lake: its sums would lack months. Raises
    MeasureError when the measure is not computed and NotLoaded when its data is not in the lake.
    """
    exactly = replace(measure, precision=precision)
    rows = figures(lake, measure, window=window).sort("branch", "month")
    begin = min(rows["month"].to_list(), default=None)
    kept: dict[str, dict[date, LakeFigure]] = {}
    counted: dict[str, list[date]] = {}
    before: tuple[str, int, int] = ("", 0, 0)
    for row in rows.iter_rows(named=True):
        branch, month, eligible = row["branch"], row["month"], row["eligible"]
        earlier = before[2] if window == "fytd" and before[:2] == (branch, fy(month)) else 0
        before = (branch, fy(month), eligible)
        if eligible > earlier:
            counted.setdefault(branch, []).append(month)
        if window == "fytd" and begin is not None and begin > fy_first_day(fy(month)):
            continue
        kept.setdefault(branch, {})[month] = LakeFigure(
            exactly.rate(row["numerator"], row["denominator"]),
            _short(row["numerator"]),
            _short(row["denominator"]),
            row["definition"],
            row["cutoff"],
        )
    newest = max((m for months in counted.values() for m in months), default=None)
    return Series(
        measure,
        window,
        precision,
        {
            branch: {
                m: f for m, f in kept.get(branch, {}).items() if _has_data(measure, window, months, m, newest)
            }
            for branch, months in counted.items()
        },
        newest,
    )


def _has_data(
    measure: Measure, window: Window, months: Sequence[date], month: date, newest: date | None
) -> bool:
    """Whether a branch's figure of a month rests on data; months: those in which it has any, in order.

    A count of a branch that is in the lake may be a true 0; a sum over the year stands still in a month without units.
    """
    if measure.form == "count":
        return newest is not None and months[0] <= month <= newest
    return months[0] <= month <= months[-1] if window == "fytd" else month in months


def _short(number: Decimal) -> Decimal:
    """A sum without the zeros the lake stores it with."""
    whole = number.to_integral_value()
    return whole if whole == number else number.normalize()


# ---- figures of documents ------------------------------------------------------------------------------------------


def place_of(as_of: str) -> tuple[int, int] | None:
    """The fiscal year and month a figure is of: FY2019 → (2019, 3), 2021-07-07 → (2021, 7); None for a blank."""
    day = last_day(as_of)
    return None if day is None else (fy(day), day.month)


def has_figure(actual: Actual) -> bool:
    """Whether an actual says anything but that it is missing or not applicable."""
    return actual.state == "value" and (
        actual.value is not None or bool(actual.text) or actual.denominator == 0
    )


def newest(actuals: Iterable[Actual], year: int) -> Actual | None:
    """The actual that counts in a fiscal year (採用する実績), or None.

    A figure or 対象外 before 未集計; of those the newest as_of; at the same day the computed one, then one entered by
    hand, then the document's; of several of these the last. A figure of an earlier year never counts for this one.
    """
    first = fy_first_day(year)
    held = [a for a in actuals if a.day is None or a.day >= first]

    def strength(numbered: tuple[int, Actual]) -> tuple[bool, date, int, int]:
        place, actual = numbered
        return (
            actual.state == "not_applicable" or has_figure(actual),
            actual.day or date.min,
            _STRENGTH[actual.source],
            place,
        )

    return max(enumerate(held), key=strength)[1] if held else None


@dataclass(frozen=True)
class Earlier:
    """What the progress files of a branch say, by measure, oldest period first; faults: files that cannot be used."""

    actuals: Mapping[str, tuple[Actual, ...]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def earlier(plans: Plans | None, branch: str, *, but: Progress | None = None) -> Earlier:
    """Read every progress file of a branch once; `but` stands in for the file of its own period."""
    found: dict[str, list[Actual]] = {}
    faults: list[str] = []
    for plan in plans.ids() if plans else ():
        if not plans or not plan.startswith(f"{branch}-"):
            continue
        for period in plans.periods(plan):
            if but and (plan, period) == (but.plan, but.period):
                continue
            try:
                _note(found, plans.progress(plan, period))
            except (PlanError, InputFileError) as error:
                faults.append(f"{period_title(period)}の進捗は使えないため、見ていません（{error.what}）")
    if but:
        _note(found, but)
    return Earlier({m: tuple(a) for m, a in found.items()}, tuple(faults))


def _note(found: dict[str, list[Actual]], progress: Progress) -> None:
    for kpi in progress.kpis:
        if kpi.measure:
            found.setdefault(kpi.measure, []).extend(sorted(kpi.actuals, key=lambda a: _STRENGTH[a.source]))


# ---- both ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Past:
    """All known values of a KPI of one branch (実績の推移): fiscal year → month → value at printed precision.

    new: fiscal years at whose end there could be no figure, with the reason (新設).
    """

    values: History
    new: Mapping[int, str] = field(default_factory=dict)

    def before(self, year: int) -> History:
        """The years before one, for its path and forecast."""
        return {y: months for y, months in sorted(self.values.items()) if y < year}

    def months(self, year: int, until: int = MARCH) -> Months:
        """The months of a year, up to one of them."""
        return {m: v for m, v in self.values.get(year, {}).items() if elapsed(m) <= elapsed(until)}

    def last_year(self, year: int) -> Decimal | NotApplicable | None:
        """The figure of the end of the year before; NotApplicable when there was none, None when it is unknown."""
        value = self.values.get(year - 1, {}).get(MARCH)
        if value is None and year - 1 in self.new:
            return NotApplicable(self.new[year - 1])
        return value

    def year_ends(self, until: int) -> tuple[tuple[int, Decimal], ...]:
        """The figures of the ends of fiscal years, oldest first, up to a year."""
        return tuple((y, m[MARCH]) for y, m in sorted(self.values.items()) if y <= until and MARCH in m)


def past(
    kpi: Kpi, *, year: int, branch: str, series: Series | None = None, told: Sequence[Actual] = ()
) -> Past:
    """Everything known of a KPI: printed references, the stated baseline of last year, progress files, the lake.

    Each overrides those before it. told: the actuals of progress files, oldest period first. year: the plan's.
    """
    values: dict[int, dict[int, Decimal]] = {}
    new: dict[int, str] = {}

    def put(actual: Actual) -> None:
        place = place_of(actual.as_of)
        if place and actual.value is not None:
            values.setdefault(place[0], {})[place[1]] = actual.value
        elif place and place[1] == MARCH and actual.state == "not_applicable":
            new[place[0]] = NEW if "新設" in actual.text else actual.why or actual.text or NEW

    for actual in kpi.references:
        put(actual)
    if kpi.baseline is not None:
        values.setdefault(year - 1, {})[MARCH] = kpi.baseline
    for actual in told:
        put(actual)
    for fiscal_year, months in (series.years(branch) if series else {}).items():
        values.setdefault(fiscal_year, {}).update(months)
    ordered = {y: {m: values[y][m] for m in MONTHS if m in values[y]} for y in sorted(values)}
    return Past(ordered, new)


def last_year(kpi: Kpi, past: Past, year: int) -> Decimal | NotApplicable | None:
    """Last year's year-end figure of a KPI, by the rules of `past`; a KPI that is itself new (新設) has none."""
    found = past.last_year(year)
    return NotApplicable(NEW) if found is None and "新設" in kpi.text else found
