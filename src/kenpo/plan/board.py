"""The board (進捗一覧): a plan's KPIs for a period, each with target, figure, verdict, forecast and what is to be looked at.

The one place where this is worked out: terminal, documents, web and API show these rows and decide nothing themselves.
The rows of a finished report are those it was finished with, whatever has come into the lake since.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.base.era import to_wareki, to_wareki_month
from kenpo.base.errors import MeasureError
from kenpo.base.fiscal import fiscal_year_label, fy, fy_first_day, fy_last_day
from kenpo.base.money import exact, round_ratio
from kenpo.frame import Measure
from kenpo.lake import Lake
from kenpo.plan.filling import series_for
from kenpo.plan.forecast import METHODS, Accuracy, Forecast, accuracy, backtest, forecast
from kenpo.plan.health import data_fault, looked_at_on, target_fault, why_missing
from kenpo.plan.history import (
    Past,
    earlier,
    has_figure,
    last_year,
    newest,
    past,
    place_of,
    precision_of,
    window_of,
)
from kenpo.plan.judging import Code, Figure, Mark, Missing, NotApplicable, Value, Verdict, judge
from kenpo.plan.model import (
    SOURCES,
    STATUSES,
    Actual,
    Difference,
    Initiative,
    Kpi,
    KpiProgress,
    Landing,
    Pillar,
    Plan,
    Progress,
    Row,
    YearEnd,
    initiative_key,
    period_end,
    period_year,
    pillar_key,
)
from kenpo.plan.path import MONTHS, elapsed, path
from kenpo.plan.store import Plans
from kenpo.plan.targets import (
    AtLeast,
    AtMost,
    Direction,
    Done,
    Equal,
    SingleBid,
    describe,
    direction,
    level,
    number_text,
)
from kenpo.plan.vocabulary import Term, known

FAR_ABOVE = Fraction(1, 10)
"""◎ (計画を大幅に上回る) is suggested from this part above what was asked for: our default, as no source sets the
mark's limit; a person decides the mark."""

NO_FIGURE, NOT_APPLICABLE = "－", "対象外"
BESIDE = "計画のKPI以外の指標"
_WORDS_ONLY = "文章から「実施」とみなしています"


@dataclass(frozen=True)
class Board:
    """The rows of a plan's KPIs in a period, in the plan's order, and what to know of them (notes)."""

    plan: Plan
    progress: Progress
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def period(self) -> str:
        """The period: 2023H1, 2021Q1, 2023."""
        return self.progress.period

    @property
    def frozen(self) -> bool:
        """Whether the rows are those of a finished report (確定済み)."""
        return self.progress.frozen

    def of(self, measure: str) -> Row | None:
        """The row of a measure, or None."""
        return next((r for r in self.rows if r.measure == measure), None)


def board(
    plan: Plan,
    progress: Progress,
    *,
    lake: Lake | None = None,
    measures: Mapping[str, Measure] | None = None,
    plans: Plans | None = None,
    today: date,
) -> Board:
    """Work out the board of a plan for the period of a progress report.

    The figures shown are the report's (see `filling.fill`); the lake and the plan folder are asked for the past alone:
    last year, the path, the forecast, the trend. A measure the lake cannot tell of is passed over, with a note. KPIs
    that are reported beside the plan's come last. A finished report gives the rows it holds and asks nobody.
    """
    if progress.frozen and progress.board:
        return Board(plan, progress, progress.board)
    if progress.frozen:
        lake = plans = None
    known_of = earlier(plans, plan.branch, but=progress)
    notes = list(known_of.faults)
    rows: list[Row] = []
    for place, kpi in _kpis(plan, progress):
        series = None
        measure = (measures or {}).get(kpi.measure or "")
        if lake and measure:
            try:
                series = series_for(lake, measure, kpi)
            except MeasureError as error:
                notes += [n for n in [f"{measure.title}：{error.what}"] if n not in notes]
        told = known_of.actuals.get(kpi.measure or "", ())
        year = period_year(progress.period)
        history = past(kpi, year=year, branch=plan.branch, series=series, told=told)
        rows.append(_Working(plan, progress, place, kpi, history, measure, today).row())
    return Board(plan, progress, tuple(rows), tuple(notes))


def accuracies(
    plan: Plan,
    *,
    lake: Lake | None = None,
    measures: Mapping[str, Measure] | None = None,
    plans: Plans | None = None,
) -> dict[str, Accuracy]:
    """How well the forecast would have told past year-ends (見込みの精度), KPI by KPI, each year from the other years.

    A KPI without two past years whose March and an earlier month are known is left out.
    """
    told = earlier(plans, plan.branch)
    found: dict[str, Accuracy] = {}
    for _, kpi in plan.kpis():
        term = known(kpi.measure)
        if term is None or term.path == "done" or kpi.measure is None:
            continue
        measure = (measures or {}).get(kpi.measure)
        try:
            series = series_for(lake, measure, kpi) if lake and measure else None
        except MeasureError:
            series = None
        history = past(
            kpi,
            year=plan.first_year,
            branch=plan.branch,
            series=series,
            told=told.actuals.get(kpi.measure, ()),
        )
        tried = backtest(term.path, history.before(plan.first_year), ceiling=100 if kpi.unit == "%" else None)
        summed = accuracy(tried, "others")
        if any(row.method == "past_years" for row in tried if row.pool == "others"):
            found[kpi.measure] = summed
    return found


@dataclass(frozen=True)
class _Place:
    """Where a KPI stands: the key of its 施策, its pillar and 施策 as printed."""

    key: str
    pillar: str = ""
    initiative: str = ""


def _kpis(plan: Plan, progress: Progress) -> list[tuple[_Place, Kpi]]:
    """Every KPI of the plan with its place, then those that are only reported."""
    found: list[tuple[_Place, Kpi]] = []
    for pillar in plan.pillars:
        found += [(_Place(pillar_key(pillar), _named(pillar)), k) for k in pillar.kpis]
        for held, steps in plan.initiatives():
            if held is pillar:
                place = _Place(initiative_key(pillar, steps), _named(pillar), _named(steps[-1]))
                found += [(place, k) for k in steps[-1].kpis]
    there = {k.measure for _, k in found}
    beside = [k.measure for k in progress.kpis if k.measure and k.measure not in there]
    return [*found, *((_Place("", BESIDE), _reported(m)) for m in beside)]


def _reported(measure: str) -> Kpi:
    term = known(measure)
    return Kpi(measure=measure, text=term.title if term else measure, unit=term.unit if term else "")


def _named(part: Pillar | Initiative) -> str:
    return part.title if part.number in ("", "○") else f"{part.number} {part.title}"


class _Working:
    """One row being worked out."""

    def __init__(
        self,
        plan: Plan,
        progress: Progress,
        place: _Place,
        kpi: Kpi,
        history: Past,
        measure: Measure | None,
        today: date,
    ) -> None:
        self.plan, self.progress, self.place, self.kpi = plan, progress, place, kpi
        self.history, self.measure, self.today = history, measure, today
        self.term: Term | None = known(kpi.measure)
        self.said = _said(progress, kpi)
        self.year = period_year(progress.period)
        self.actual = newest(self.said.actuals, self.year)
        self.last_year = last_year(kpi, history, self.year)
        self.unit = kpi.unit or (self.term.unit if self.term else "")
        self.precision = self._precision()
        day = (self.actual.day if self.actual else None) or period_end(progress.period)
        self.day = min(day, fy_last_day(self.year))
        self.at_year_end = self.day == fy_last_day(self.year)

    def _precision(self) -> int:
        if self.term or self.measure:
            return precision_of(self.kpi, self.term, self.measure)
        exponent = (
            self.actual.value.as_tuple().exponent if self.actual and self.actual.value is not None else 0
        )
        return max(precision_of(self.kpi, None), -exponent if isinstance(exponent, int) else 0)

    def row(self) -> Row:
        kpi, actual, target = self.kpi, self.actual, self.kpi.target
        before = self.last_year if isinstance(self.last_year, Decimal) else None
        aim = level(target, before) if target else None
        expected = self._expected(aim)
        verdict = self._verdict(expected)
        landing = self._forecast(aim)
        difference = _difference(actual, self.said.actuals)
        return Row(
            measure=kpi.measure,
            key=self.place.key,
            pillar=self.place.pillar,
            initiative=self.place.initiative,
            title=self.term.short if self.term else kpi.text,
            text=kpi.text,
            unit=self.unit,
            target=describe(target, self.unit, self.precision, last_year=before) if target else "",
            level=aim,
            actual=actual,
            shown=shown(actual, self.unit, is_done=isinstance(target, Done)),
            as_of=as_of_text(actual, self.year),
            difference=difference,
            verdict=verdict.code if verdict else None,
            reason=verdict.reason_ja if verdict else "",
            compared_with=verdict.compared_with if verdict else None,
            mark=self._mark(),
            suggested=suggest(self.kpi, verdict, self._figure(), guessed_path=self._guessed_path(expected)),
            expected=None if expected is None else round_ratio(expected, self.precision),
            path="" if expected is None else path(self.history.before(self.year)).method_ja,
            forecast=landing,
            last_year=before,
            last_year_text=self._last_year_text(),
            nation=self.said.nation,
            nation_text=shown(self.said.nation, self.unit),
            rank=self.said.rank,
            ranked=self.said.ranked,
            trend=self._trend(),
            comment=self.said.comment,
            explain=self._explain(),
            flags=self._flags(difference),
            review=(*kpi.review, *self.said.review),
        )

    def _last_year_text(self) -> str:
        if isinstance(self.last_year, NotApplicable):
            return f"{NOT_APPLICABLE}（{self.last_year.reason}）"
        return NO_FIGURE if self.last_year is None else number_text(self.last_year, self.unit)

    def _figure(self) -> Figure:
        return figure_of(self.actual, self.kpi, self.plan.branch, self.day)

    def _mark(self) -> Mark | None:
        """A person's mark: of the whole 施策, or the only one given there."""
        said = self.progress.on(self.place.key)
        if said is None:
            return None
        return said.evaluated or (said.marks[0] if len(said.marks) == 1 else None)

    # ---- verdict

    @property
    def _target_year(self) -> int:
        return self.plan.last_year

    def _expected(self, aim: Decimal | None) -> Fraction | None:
        """Where the path stands on the figure's day; within a month, on the line between its ends."""
        cumulative = self.term is not None and self.term.path == "cumulative"
        if not cumulative or aim is None or self.at_year_end or self.year != self._target_year:
            return None
        if self.actual is None or not has_figure(self.actual):
            return None
        way = path(self.history.before(self.year))
        month = self.day.month
        end = way.expected(aim, month)
        begin = Fraction(0) if elapsed(month) == 1 else way.expected(aim, MONTHS[elapsed(month) - 2])
        return begin + (end - begin) * Fraction(self.day.day, calendar.monthrange(self.day.year, month)[1])

    def _guessed_path(self, expected: Fraction | None) -> bool:
        """Whether the figure is held against a path that no past year shows."""
        return expected is not None and path(self.history.before(self.year)).method == "linear"

    def _verdict(self, expected: Fraction | None) -> Verdict | None:
        target, figure = self.kpi.target, self._figure()
        if target is None:
            return None
        there = isinstance(figure, Value) and figure.value is not None
        if self.year < self._target_year and isinstance(target, AtLeast | AtMost | Equal) and there:
            said = f"{fiscal_year_label(self._target_year)}末の目標 {describe(target, self.unit, self.precision)}"
            now = shown(self.actual, self.unit)
            return Verdict(Code.UNDECIDED, f"計画の最終年度の値で判定します。現時点の実績 {now}、{said}")
        return judge(
            target,
            figure,
            last_year=self.last_year,
            precision=self.precision,
            at_year_end=self.at_year_end,
            expected=expected,
            unit=self.unit,
        )

    # ---- course

    def _forecast(self, aim: Decimal | None) -> Landing | None:
        term, actual = self.term, self.actual
        if term is None or term.path == "done" or actual is None or actual.value is None:
            return None
        if isinstance(self.kpi.target, Done) or self.year != self._target_year:
            return None
        known_months = {**self.history.months(self.year, self.day.month), self.day.month: actual.value}
        better: Direction = "down" if term.better == "lower" else "up"
        made = forecast(
            term.path,
            self.history.before(self.year),
            known_months,
            ceiling=100 if self.unit == "%" else None,
            level=aim,
            direction=direction(self.kpi.target) if self.kpi.target else better,
            precision=self.precision,
        )
        return self._landing(made)

    def _landing(self, made: Forecast) -> Landing:
        def printed(value: Fraction | None, more: int = 0) -> Decimal | None:
            return None if value is None else round_ratio(value, self.precision + more)

        low, high = printed(made.low), printed(made.high)
        if low == high and made.method != "final":
            low = high = None  # past years alike to the digit do not make the future sure
        return Landing(
            method=METHODS[made.method],
            years=made.years_used,
            value=printed(made.value),
            low=low,
            high=high,
            reach=made.reach,
            pace_so_far=printed(made.pace_so_far, 1),
            pace_needed=printed(made.pace_needed, 1),
            note=made.note,
        )

    def _trend(self) -> tuple[YearEnd, ...]:
        """Year-end figures, the shown one among them when it is one."""
        past_ends = [YearEnd(year=y, value=v) for y, v in self.history.year_ends(self.year - 1)]
        if self.at_year_end and self.actual and self.actual.value is not None and self.actual.day:
            past_ends.append(YearEnd(year=self.year, value=self.actual.value))
        return tuple(past_ends)

    # ---- what to look at

    def _flags(self, difference: Difference | None) -> tuple[str, ...]:
        flags = []
        if self.place.pillar != BESIDE:
            flags += [target_fault(self.kpi, self.last_year)]
            flags += [data_fault(self.actual, looked_at_on(self.progress.period, self.today))]
        if difference and self.actual:
            other = number_text(difference.value, self.unit)
            flags += [
                f"{SOURCES[difference.source]}の値 {other} と、{SOURCES[self.actual.source]}の値 "
                f"{shown(self.actual, self.unit)} が違います（差 {difference.by:+}）"
            ]
        if isinstance(self.kpi.target, Done) and self.actual and _only_words(self.actual):
            flags += [_WORDS_ONLY]
        flags += [f"要確認：{r.what}" for r in (*self.kpi.review, *self.said.review)]
        return tuple(f for f in flags if f)

    def _explain(self) -> str:
        actual = self.actual
        if actual is None or actual.source != "computed" or self.kpi.measure is None:
            return ""
        return explain_command(self.kpi.measure, self.plan.branch, actual.as_of, self.measure)


def explain_command(measure_id: str, branch: str, month: str, measure: Measure | None) -> str:
    """The command that shows where a computed figure comes from; of a year to date, the months it is the sum of."""
    if measure is not None and window_of(measure, known(measure_id)) == "fytd":
        first = f"{fy_first_day(fy(date.fromisoformat(f'{month}-01'))):%Y-%m}"
        return f"kenpo show {measure_id} --branch {branch} --month {first}..{month} --window fytd"
    return f"kenpo explain {measure_id} --branch {branch} --month {month}"


def _said(progress: Progress, kpi: Kpi) -> KpiProgress:
    """What the report says of a KPI; one without a measure is found by its text."""
    found = (
        progress.of(kpi.measure)
        if kpi.measure
        else next((k for k in progress.kpis if k.measure is None and k.text == kpi.text), None)
    )
    return found or KpiProgress(measure=kpi.measure, text="" if kpi.measure else kpi.text)


def _only_words(actual: Actual) -> bool:
    return actual.state == "value" and actual.value is None and actual.numerator is None and bool(actual.text)


def figure_of(actual: Actual | None, kpi: Kpi, branch: str, day: date) -> Figure:
    """An actual as `judge` takes it.

    For 実施: told in words counts as done, for every month so far when the words say 毎月; the whole is the months of the
    year so far (毎月), or the branches (全支部) in the nation's plan. Elsewhere words alone are no figure.
    """
    if actual is None:
        return Missing("未集計")
    if actual.denominator == 0:
        return Value(None, actual.numerator or Decimal(0), 0)
    if actual.state == "not_applicable":
        return NotApplicable(actual.why or actual.text or NOT_APPLICABLE)
    if actual.state == "missing":
        return Missing(why_missing(actual) or "未集計")
    target = kpi.target
    if isinstance(target, Done):
        done = actual.value if actual.value is not None else Decimal(1)
        whole: Decimal | int | None = actual.denominator
        if whole is None and target.every_month and (actual.value is not None or "毎月" in actual.text):
            whole = elapsed(day.month)
            done = done if actual.value is not None else Decimal(whole)
        if whole is None and actual.value is not None and target.all_branches and branch == NATION_CODE:
            whole = len(BRANCH_CODES)
        return Value(done, actual.numerator if actual.numerator is not None else done, whole)
    if actual.value is None:
        return Missing("数値がなく、文章だけです" if actual.text else "未集計")
    return Value(actual.value, actual.numerator, actual.denominator)


def shown(actual: Actual | None, unit: str, *, is_done: bool = False) -> str:
    """A figure for people: 98.3％; － when there is none, 対象外 when there can be none, 実施 or 未実施 for what is done."""
    if actual is None or actual.state == "missing":
        return NO_FIGURE
    if actual.state == "not_applicable" or (actual.value is None and actual.denominator == 0):
        return NOT_APPLICABLE
    if is_done and not unit and has_figure(actual):
        return "未実施" if actual.value == 0 else "実施"
    if actual.value is None:
        return "実施" if is_done and actual.text else NO_FIGURE
    return number_text(actual.value, unit)


def as_of_text(actual: Actual | None, year: int) -> str:
    """When a figure is of, for people: 8月時点、令和5年5月診療分、令和3年7月7日現在、令和元年度末; with （速報） or （暫定）."""
    if actual is None or not actual.as_of:
        return ""
    when = actual.as_of
    if when.startswith("FY"):
        said = f"{fiscal_year_label(int(when[2:]))}末"
    elif len(when) > len("2023-08"):
        said = f"{to_wareki(date.fromisoformat(when))}現在"
    else:
        month = date.fromisoformat(f"{when}-01")
        if actual.basis:
            said = f"{to_wareki_month(month)}{actual.basis}"
        else:
            said = f"{month.month}月時点" if fy(month) == year else f"{to_wareki_month(month)}時点"
    return f"{said}（{STATUSES[actual.status]}）" if actual.status in ("preliminary", "provisional") else said


def _difference(actual: Actual | None, others: Sequence[Actual]) -> Difference | None:
    """Where the shown figure and one of the same month from elsewhere differ: computed against document or entered."""
    if actual is None or actual.value is None:
        return None
    for other in reversed(others):
        crossed = (actual.source == "computed") != (other.source == "computed")
        same_month = actual.as_of and place_of(other.as_of) == place_of(actual.as_of)
        if crossed and same_month and other.value is not None and other.value != actual.value:
            return Difference(source=other.source, value=other.value, by=actual.value - other.value)
    return None


def suggest(
    kpi: Kpi,
    verdict: Verdict | None,
    figure: Figure,
    *,
    far: Fraction = FAR_ABOVE,
    guessed_path: bool = False,
) -> Mark | None:
    """The mark a verdict suggests (実施状況の案); × is a person's decision, and so is anything without a verdict.

    ◎ met or on the path, by `far` or more of what was compared with, but not of a path that is only guessed; ○ met or on
    the path; △ behind or not met; － no figure yet, not done yet, or not yet the season.
    """
    if verdict is None or kpi.target is None or verdict.code is Code.NOT_APPLICABLE:
        return None
    if isinstance(figure, Missing) or verdict.code is Code.NOT_YET:
        return Mark.TO_BE_DONE
    if verdict.code in (Code.BEHIND, Code.NOT_MET):
        return Mark.IN_PROGRESS
    value = exact(figure.value) if isinstance(figure, Value) and figure.value is not None else None
    asked = None if verdict.compared_with is None else exact(verdict.compared_with)
    if verdict.code is Code.UNDECIDED:
        return Mark.TO_BE_DONE if asked == 0 == value else None
    if isinstance(kpi.target, SingleBid | Done) or value is None or not asked:
        return Mark.AS_PLANNED
    if guessed_path:
        return Mark.AS_PLANNED
    clearly = value <= asked * (1 - far) if direction(kpi.target) == "down" else value >= asked * (1 + far)
    return Mark.FAR_ABOVE if clearly else Mark.AS_PLANNED
