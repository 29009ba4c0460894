"""All branches in one table (全支部一覧): every KPI of a fiscal year, branch by branch, with rank, nation and target.

A measure the lake can tell of is read once for all branches and months; the others come from the progress files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.base.errors import ArgumentError, InputFileError, MeasureError
from kenpo.base.fiscal import add_months, fy_first_day
from kenpo.base.money import round_ratio
from kenpo.frame import Measure
from kenpo.lake import Lake
from kenpo.plan.filling import better_of, ranks, series_for
from kenpo.plan.history import Past, Series, has_figure, last_year, newest, past, place_of, precision_of
from kenpo.plan.judging import NotApplicable
from kenpo.plan.model import Actual, Kpi, Plan, Progress, Source, period_end, period_title, period_year
from kenpo.plan.store import PlanError, Plans
from kenpo.plan.targets import Direction, describe, direction, level
from kenpo.plan.vocabulary import known

_COMMON_UNITS = ("%", "日", "円")
"""A national target counts for each branch only of a rate or a mean; a number of 事業所 is the nation's as a whole."""


@dataclass(frozen=True)
class Cell:
    """A KPI of a branch (1支部の1つのKPI).

    value: None when there is no figure (state says missing or not_applicable). rank: among the branches with a figure of
    the month that most of them have; None for others. to_nation: value less the nation's. level and to_target: what is
    to be reached and how far the figure is beyond it, with the sign that more is better; target_of: 支部 or 全国.
    last_year and change: the figure of the same month last year (of the year's end, for a year's end) and the change
    since; moved: the change since the month before, of lake figures.
    """

    measure: str
    branch: str
    value: Decimal | None = None
    state: str = "missing"
    as_of: str = ""
    source: Source | None = None
    rank: int | None = None
    to_nation: Decimal | None = None
    target: str = ""
    target_of: str = ""
    level: Decimal | None = None
    to_target: Decimal | None = None
    last_year: Decimal | None = None
    change: Decimal | None = None
    moved: Decimal | None = None


@dataclass(frozen=True)
class Line:
    """A KPI over all branches (1つのKPIの全支部): the cells in the order of branch codes, and the nation's figure.

    as_of: the month most branches have. ranked: how many are ranked. nation: from its own numerator and denominator or
    its own report, never the mean of the branches; None when unknown.
    """

    measure: str
    title: str
    unit: str
    better: str
    as_of: str
    ranked: int
    nation: Decimal | None
    nation_as_of: str
    cells: tuple[Cell, ...]

    def of(self, branch: str) -> Cell:
        """The cell of a branch."""
        return next(c for c in self.cells if c.branch == branch)

    def movers(self, top: int = 5) -> tuple[Cell, ...]:
        """The branches that moved most since the month before (前月からの動きが大きい支部), in either direction."""
        moved = [c for c in self.cells if c.moved]
        return tuple(sorted(moved, key=lambda c: (-abs(c.moved or 0), c.branch))[:top])


@dataclass(frozen=True)
class Rollup:
    """All branches and KPIs of a fiscal year up to the end of a period; notes: what could not be used, and why."""

    year: int
    period: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    def of(self, measure: str) -> Line | None:
        """The line of a measure, or None."""
        return next((line for line in self.lines if line.measure == measure), None)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell, KPI by KPI."""
        return tuple(c for line in self.lines for c in line.cells)


def rollup(
    period: str,
    *,
    lake: Lake | None = None,
    measures: Mapping[str, Measure] | None = None,
    plans: Plans | None = None,
    only: Collection[str] | None = None,
) -> Rollup:
    """The table of all branches at the end of a period (2023H1, or 2023 for the whole year).

    The KPIs are those of every plan of the year in the folder, the nation's first; without a plan, the measures of the
    vocabulary that the lake can tell of. only: measures to show. Raises ArgumentError for something that is no period.
    """
    try:
        Progress(plan="00-2000", period=period)
    except ValueError as error:
        raise ArgumentError(
            f"「{period}」は期間ではありません。", todo="2023、2023H1、2023Q2 の形で指定してください。"
        ) from error
    folder = _Folder(plans, period_year(period))
    notes = list(folder.notes)
    wanted = folder.measures() or [m for m in measures or {} if known(m)]
    lines = []
    for measure_id in wanted:
        if only is not None and measure_id not in only:
            continue
        series, why = _series(lake, (measures or {}).get(measure_id), folder, measure_id)
        notes += [why] if why and why not in notes else []
        lines.append(_line(measure_id, period, folder, series))
    return Rollup(period_year(period), period, tuple(lines), tuple(notes))


def _series(
    lake: Lake | None, measure: Measure | None, folder: _Folder, measure_id: str
) -> tuple[Series | None, str]:
    if lake is None or measure is None:
        return None, ""
    try:
        return series_for(lake, measure, folder.finest(measure_id)), ""
    except MeasureError as error:
        return None, f"{measure.title}：{error.what}"


class _Folder:
    """The plans of a year and every progress file of their branches, each read once."""

    def __init__(self, plans: Plans | None, year: int) -> None:
        self.year = year
        self.notes: list[str] = []
        self.plans: dict[str, Plan] = {}
        self.told: dict[str, dict[str, list[tuple[Progress, Actual]]]] = {}
        for name in plans.ids() if plans else ():
            assert plans is not None
            branch = name[:2]
            try:
                self._take(plans.plan(name), branch)
            except InputFileError as error:
                self.notes.append(f"計画 {name} は使えないため、見ていません（{error.what}）")
            for period in plans.periods(name):
                try:
                    self._hear(plans.progress(name, period), branch)
                except (PlanError, InputFileError) as error:
                    self.notes.append(
                        f"{name} {period_title(period)}の進捗は使えないため、見ていません（{error.what}）"
                    )

    def _take(self, plan: Plan, branch: str) -> None:
        """The plan of the year counts; an action plan where there is no annual plan."""
        covers = plan.first_year <= self.year <= plan.last_year
        if covers and (branch not in self.plans or plan.kind == "annual"):
            self.plans[branch] = plan

    def _hear(self, progress: Progress, branch: str) -> None:
        for kpi in progress.kpis:
            if kpi.measure:
                held = self.told.setdefault(branch, {}).setdefault(kpi.measure, [])
                held += [(progress, a) for a in kpi.actuals]

    def measures(self) -> list[str]:
        ordered = [self.plans[b] for b in sorted(self.plans)]
        return list(dict.fromkeys(k.measure for p in ordered for _, k in p.kpis() if k.measure))

    def kpi(self, branch: str, measure: str) -> Kpi | None:
        return self.plans[branch].kpi(measure) if branch in self.plans else None

    def nation_kpi(self, measure: str) -> Kpi | None:
        return self.kpi(NATION_CODE, measure)

    def finest(self, measure: str) -> Kpi | None:
        """The KPI whose target is printed with the most decimals."""
        found = [k for b in sorted(self.plans) if (k := self.kpi(b, measure))]
        return max(found, key=lambda k: precision_of(k, known(measure)), default=None)

    def actuals(self, branch: str, measure: str, period: str | None = None) -> list[Actual]:
        """What a branch reported; of a period: only in this year's reports up to its end."""
        told = self.told.get(branch, {}).get(measure, [])
        if period is None:
            return [a for _, a in told]
        end = period_end(period)
        return [a for p, a in told if period_year(p.period) == self.year and period_end(p.period) <= end]


def _line(measure_id: str, period: str, folder: _Folder, series: Series | None) -> Line:
    year, term = period_year(period), known(measure_id)
    kpi = folder.nation_kpi(measure_id) or next(
        (k for b in BRANCH_CODES if (k := folder.kpi(b, measure_id))), None
    )
    if series is not None:
        chosen, month = _from_lake(series, period)
    else:
        chosen = {
            b: newest(folder.actuals(b, measure_id, period), year) for b in (NATION_CODE, *BRANCH_CODES)
        }
        month = None
    places = {b: place_of(a.as_of) for b, a in chosen.items() if a and has_figure(a) and b != NATION_CODE}
    common = _most(places.values())
    same = {b: a.value for b, a in chosen.items() if a and b in places and places[b] == common}
    better = better_of(series.measure) if series else term.better if term else ""
    order = ranks(same, better)
    nation = chosen.get(NATION_CODE)
    cells = tuple(
        _cell(measure_id, b, period, chosen.get(b), nation, order.get(b), folder, series, month)
        for b in BRANCH_CODES
    )
    return Line(
        measure=measure_id,
        title=term.short if term else kpi.text if kpi else measure_id,
        unit=(kpi.unit if kpi else "") or (term.unit if term else series.measure.unit if series else ""),
        better=better,
        as_of=_month_text(common),
        ranked=len(order),
        nation=nation.value if nation else None,
        nation_as_of=nation.as_of if nation else "",
        cells=cells,
    )


def _from_lake(series: Series, period: str) -> tuple[dict[str, Actual | None], date | None]:
    """The figures of the month up to the period's end that most branches have; the newest of several."""
    first, last = fy_first_day(period_year(period)), period_end(period)
    counted = Counter(
        m
        for b, held in series.branches.items()
        if b != NATION_CODE
        for m, f in held.items()
        if first <= m <= last and f.value is not None
    )
    if not counted:
        return {}, None
    month = max(counted, key=lambda m: (counted[m], m))
    return {
        b: Actual(
            value=f.value,
            state="value" if f.value is not None else "not_applicable",
            as_of=f"{month:%Y-%m}",
            source="computed",
            numerator=f.numerator,
            denominator=f.denominator,
            definition=f.definition,
            cutoff=f.cutoff,
        )
        for b, f in series.at(month).items()
    }, month


def _most(places: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    counted = Counter(p for p in places if p is not None)
    return max(counted, key=lambda p: (counted[p], p[0], (p[1] - 4) % 12)) if counted else None


def _month_text(place: tuple[int, int] | None) -> str:
    return "" if place is None else f"{place[0] + (place[1] < 4)}-{place[1]:02d}"


def _cell(
    measure_id: str,
    branch: str,
    period: str,
    actual: Actual | None,
    nation: Actual | None,
    rank: int | None,
    folder: _Folder,
    series: Series | None,
    month: date | None,
) -> Cell:
    year = period_year(period)
    own = folder.kpi(branch, measure_id)
    usable = own if own and own.target else _common(folder.nation_kpi(measure_id))
    kpi = usable or Kpi(measure=measure_id, text="")
    told: Sequence[Actual] = folder.actuals(branch, measure_id)
    # What the nation's plan prints of the past is the nation's.
    bare = kpi if usable is own else kpi.model_copy(update={"references": (), "baseline": None})
    history = past(bare, year=year, branch=branch, series=series, told=told)
    before = last_year(bare, history, year)
    aim = _Aim.of(kpi, before, own is not None and usable is own, precision_of(kpi, known(measure_id)))
    value = actual.value if actual else None
    same_month = (
        nation is not None and actual is not None and place_of(nation.as_of) == place_of(actual.as_of)
    )
    earlier = _last_year(actual, history)
    return Cell(
        measure=measure_id,
        branch=branch,
        value=value,
        state=actual.state if actual else "missing",
        as_of=actual.as_of if actual else "",
        source=actual.source if actual else None,
        rank=rank,
        to_nation=_less(value, nation.value if nation and same_month else None),
        target=aim.text if aim else "",
        target_of=aim.whose if aim else "",
        level=aim.level if aim else None,
        to_target=aim.beyond(value) if aim else None,
        last_year=earlier,
        change=_less(value, earlier),
        moved=_moved(series, branch, month),
    )


def _common(kpi: Kpi | None) -> Kpi | None:
    """The nation's KPI where its target counts for each branch too."""
    term = known(kpi.measure) if kpi else None
    unit = (kpi.unit if kpi else "") or (term.unit if term else "")
    return kpi if kpi and kpi.target and unit in _COMMON_UNITS else None


@dataclass(frozen=True)
class _Aim:
    text: str
    whose: str
    level: Decimal | None
    way: Direction
    precision: int

    @classmethod
    def of(cls, kpi: Kpi, before: Decimal | NotApplicable | None, own: bool, precision: int) -> _Aim | None:
        if kpi.target is None:
            return None
        last = before if isinstance(before, Decimal) else None
        return cls(
            describe(kpi.target, kpi.unit, precision, last_year=last),
            "支部" if own else "全国",
            level(kpi.target, last),
            direction(kpi.target),
            precision,
        )

    def beyond(self, value: Decimal | None) -> Decimal | None:
        """How far a figure is beyond its target, at printed precision; below 0 when it is short of it."""
        if value is None or self.level is None or self.way == "none":
            return None
        far = round_ratio(value, self.precision) - round_ratio(self.level, self.precision)
        return -far if self.way == "down" else far


def _last_year(actual: Actual | None, history: Past) -> Decimal | None:
    place = place_of(actual.as_of) if actual else None
    return None if place is None else history.values.get(place[0] - 1, {}).get(place[1])


def _moved(series: Series | None, branch: str, month: date | None) -> Decimal | None:
    if series is None or month is None:
        return None
    held = series.branches.get(branch, {})
    now, before = held.get(month), held.get(add_months(month, -1))
    if month.month == 4 and series.window == "fytd":
        return None
    return _less(now.value if now else None, before.value if before else None)


def _less(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    return None if a is None or b is None else a - b
