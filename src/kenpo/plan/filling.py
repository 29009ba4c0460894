"""Figures into a progress report (実績の記入): computed from the lake, or entered by a person with the ground for it.

Neither takes the place of the other: a KPI may hold what a document says, what was computed and what was entered, each
with its month; `history.newest` says which of them counts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from kenpo.base.branches import NATION_CODE
from kenpo.base.errors import ArgumentError, MeasureError
from kenpo.base.fiscal import add_months, fiscal_year_label, fy_first_day
from kenpo.frame import Measure
from kenpo.lake import Lake
from kenpo.plan.history import LakeFigure, Series, place_of, precision_of, series_of, window_of
from kenpo.plan.model import (
    Actual,
    Kpi,
    KpiProgress,
    Plan,
    Progress,
    State,
    Status,
    last_day,
    period_end,
    period_title,
    period_year,
)
from kenpo.plan.store import PlanError
from kenpo.plan.targets import as_written
from kenpo.plan.vocabulary import known, terms

SETTLING_MONTHS = 2
"""A figure of the newest months of the lake, this many of them, is still 暫定: late claims (月遅れ) may change it.
The number is our default: no source sets one."""

_MONTH_OF_TREATMENT = "診療月"


@dataclass(frozen=True)
class Filled:
    """What a filling did: the report, the measures filled, and why the others were not (measure → reason)."""

    progress: Progress
    filled: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)


def fill(
    lake: Lake,
    measures: Mapping[str, Measure],
    plan: Plan,
    progress: Progress,
    *,
    only: Collection[str] | None = None,
) -> Filled:
    """Put the lake's figures of the period into a progress report; a finished report is left as it is.

    A KPI whose measure is in `measures` gets a computed actual: the branch's last month with a value in the fiscal year,
    not after the period's end. It is 暫定 while it lies among the lake's newest SETTLING_MONTHS months, 確定 after.
    Beside it: the nation's figure of the same month, from its own numerator and denominator, and the branch's rank
    among those with a figure. What a document or a person says stays; an earlier computed actual gives way. The basis
    is 診療分 where the measure's definition is by the month of treatment. only: measures to fill, all by default.
    """
    if progress.frozen:
        return Filled(
            progress, skipped=dict.fromkeys(_wanted(plan, progress, only), "確定済みの進捗報告です")
        )
    filled: list[str] = []
    skipped: dict[str, str] = {}
    for measure_id in _wanted(plan, progress, only):
        measure = measures.get(measure_id)
        if measure is None:
            skipped[measure_id] = "自動計算の指標がまだありません。手入力か文書の値を使います"
            continue
        try:
            series = series_for(lake, measure, plan.kpi(measure_id))
        except MeasureError as error:
            skipped[measure_id] = f"{error.what}{error.todo}"
            continue
        made = computed(series, plan.branch, progress.period)
        if isinstance(made, str):
            skipped[measure_id] = made
            continue
        progress = _put(progress, measure_id, made)
        filled.append(measure_id)
    return Filled(progress, tuple(filled), skipped)


def _wanted(plan: Plan, progress: Progress, only: Collection[str] | None) -> list[str]:
    """The measures of the plan's KPIs and of those reported beside them, each once."""
    every = [*(k.measure for _, k in plan.kpis()), *(k.measure for k in progress.kpis)]
    return [m for m in dict.fromkeys(every) if m and (only is None or m in only)]


def series_for(lake: Lake, measure: Measure, kpi: Kpi | None) -> Series:
    """The lake's figures of a measure in the window and at the precision a KPI is told in."""
    term = known(measure.id)
    return series_of(
        lake, measure, window=window_of(measure, term), precision=precision_of(kpi, term, measure)
    )


@dataclass(frozen=True)
class Computed:
    """A computed figure of a branch with the nation's and its rank (自動計算の結果)."""

    actual: Actual
    nation: Actual | None
    rank: int | None
    ranked: int | None


def computed(series: Series, branch: str, period: str) -> Computed | str:
    """What the lake says of a branch for a period, or why it says nothing."""
    year = period_year(period)
    month = series.latest(branch, fy_first_day(year), period_end(period))
    if month is None:
        return _why_none(series, branch, period)
    there = series.at(month)
    actual = _actual(series, month, there[branch])
    nation = there.get(NATION_CODE)
    if branch == NATION_CODE or nation is None:
        return Computed(actual, None, None, None)
    figures = {b: f.value for b, f in there.items() if b != NATION_CODE and f.value is not None}
    if len(figures) < 2:
        return Computed(actual, None, None, None)  # a lake of one branch knows nothing of the nation
    places = ranks(figures, better_of(series.measure))
    return Computed(
        actual,
        _actual(series, month, nation),
        places.get(branch),
        len(places) if branch in places else None,
    )


def _why_none(series: Series, branch: str, period: str) -> str:
    held = series.branches.get(branch, {})
    year, end = fiscal_year_label(period_year(period)), period_end(period)
    missing = f"{year}の4月から{end.month}月までのデータがありません"
    if held:
        return f"{missing}（あるのは {min(held):%Y-%m}〜{max(held):%Y-%m}）"
    if series.window == "fytd" and series.newest:
        return f"年度初め（4月）からのデータがないか、この支部のデータがないため、年度累計を計算できません（最新は {series.newest:%Y-%m}）"
    return "この支部のデータがありません"


def _actual(series: Series, month: date, figure: LakeFigure) -> Actual:
    newest = series.newest or month
    settling = month > add_months(newest, -SETTLING_MONTHS)
    treated = _MONTH_OF_TREATMENT in series.measure.definition
    return Actual(
        value=figure.value,
        text="" if figure.value is not None else "分母が0のため値がない",
        state="value" if figure.value is not None else "not_applicable",
        as_of=f"{month:%Y-%m}",
        basis="診療分" if treated and series.window == "month" else "",
        status="provisional" if settling else "final",
        source="computed",
        numerator=figure.numerator,
        denominator=None if series.measure.form == "count" else figure.denominator,
        definition=figure.definition,
        cutoff=figure.cutoff,
    )


def better_of(measure: Measure) -> str:
    """Whether a higher or a lower figure is better: the vocabulary's word, or else the measure's own."""
    term = known(measure.id)
    return term.better if term else measure.better


def ranks(values: Mapping[str, Decimal | None], better: str) -> dict[str, int]:
    """The place of each branch that has a figure (順位); equal figures share a place, and the next is left out: 1, 1, 3.

    Empty when neither a higher nor a lower figure is better.
    """
    if better not in ("higher", "lower"):
        return {}
    there = {branch: value for branch, value in values.items() if value is not None}
    ordered = sorted(there.values(), reverse=better == "higher")
    return {branch: ordered.index(value) + 1 for branch, value in there.items()}


def _put(progress: Progress, measure: str, made: Computed) -> Progress:
    held = progress.of(measure) or KpiProgress(measure=measure)
    at = next((n for n, a in enumerate(held.actuals) if a.source == "computed"), len(held.actuals))
    kept = [a for a in held.actuals if a.source != "computed"]
    change: dict[str, object] = {"actuals": (*kept[:at], made.actual, *kept[at:])}
    printed = held.rank is not None and held.nation is None
    if not printed and (held.nation is None or held.nation.source == "computed"):
        change |= {"nation": made.nation, "rank": made.rank, "ranked": made.ranked}
    return _with(progress, held.model_copy(update=change))


def _with(progress: Progress, kpi: KpiProgress) -> Progress:
    """The report with a KPI's figures in the place of those it had, or at the end."""
    if progress.of(kpi.measure or "") is None:
        return progress.model_copy(update={"kpis": (*progress.kpis, kpi)})
    return progress.model_copy(
        update={"kpis": tuple(kpi if k.measure == kpi.measure else k for k in progress.kpis)}
    )


# ---- by hand -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entered:
    """What an entry did: the report, and the entered figure less the computed one of the same month, if there is one."""

    progress: Progress
    difference: Decimal | None = None


def enter(
    progress: Progress,
    plan: Plan,
    measure: str,
    *,
    value: Decimal | str | int | None = None,
    state: State = "value",
    as_of: str,
    by: str,
    why: str,
    on: date,
    status: Status | None = None,
) -> Entered:
    """Enter a KPI's figure by hand (実績の手入力), or that there is none: missing (未集計) or not_applicable (対象外).

    Earlier entries stay, as a record. measure: id or title. value: as it is to be printed. on: the day of entry.
    Raises PlanError for a finished report, and ArgumentError for a KPI the plan does not have, a figure that cannot be
    (a percentage over 100), or a day outside the fiscal year, after the period or after the day of entry.
    """
    if progress.frozen:
        raise PlanError(
            "確定済みの進捗報告には入力できません。",
            todo="変更するには「kenpo plan reopen」で理由を記して確定を取り消してください。",
            code="frozen",
        )
    measure_id, kpi = _asked(plan, progress, measure)
    if not (by.strip() and why.strip()):
        raise ArgumentError(
            "手入力の実績には、入力した人と根拠が必要です。",
            todo="--by に氏名か所属、--why に根拠（資料の名前など）を書いてください。",
        )
    _check_day(progress, as_of, on)
    actual = Actual(
        value=_checked(measure_id, kpi, value, state),
        state=state,
        as_of=as_of,
        status=status,
        source="entered",
        by=by.strip(),
        why=why.strip(),
        entered_on=on,
    )
    held = progress.of(measure_id) or KpiProgress(measure=measure_id)
    if actual not in held.actuals:
        progress = _with(progress, held.model_copy(update={"actuals": (*held.actuals, actual)}))
    beside = next(
        (a for a in held.actuals if a.source == "computed" and place_of(a.as_of) == place_of(as_of)), None
    )
    if beside is None or beside.value is None or actual.value is None:
        return Entered(progress)
    return Entered(progress, actual.value - beside.value)


def _asked(plan: Plan, progress: Progress, measure: str) -> tuple[str, Kpi | None]:
    term = next((t for t in terms() if measure in (t.id, t.title, t.short)), None)
    measure_id = term.id if term else measure
    kpi = plan.kpi(measure_id)
    if kpi is None and progress.of(measure_id) is None:
        held = _wanted(plan, progress, None)
        listed = "\n".join(f"  {m}：{t.short if (t := known(m)) else m}" for m in held)
        raise ArgumentError(
            f"計画「{plan.id}」に「{measure}」というKPIはありません。",
            todo=f"次のいずれかを指定してください：\n{listed}",
        )
    return measure_id, kpi


def _check_day(progress: Progress, as_of: str, on: date) -> None:
    year, end = period_year(progress.period), period_end(progress.period)
    try:
        day = last_day(as_of)
    except ValueError:
        day = None
    if day is None:
        raise ArgumentError(
            f"「{as_of}」は、いつ時点の値か分かりません。",
            todo="月（2023-08）、日（2023-08-31）か年度（FY2023）で書いてください。",
        )
    begin = day.replace(day=1) if len(as_of) == len("2023-08") else day
    if day < fy_first_day(year) or day > date(year + 1, 3, 31):
        raise ArgumentError(
            f"{as_of} は{fiscal_year_label(year)}の時点ではありません。",
            todo=f"{year}-04 から {year + 1}-03 までの月か日を指定してください。",
        )
    if day > end:
        raise ArgumentError(
            f"{as_of} は、{period_title(progress.period)}（{end:%Y-%m-%d}まで）より後です。",
            todo="その期の末日までの月か日を指定するか、後の期の進捗に入力してください。",
        )
    if begin > on:
        raise ArgumentError(
            f"{as_of} は、入力する日（{on:%Y-%m-%d}）より先です。", todo="いつ時点の値かを確かめてください。"
        )


def _checked(
    measure: str, kpi: Kpi | None, value: Decimal | str | int | None, state: State
) -> Decimal | None:
    if state != "value":
        if value is not None:
            raise ArgumentError(
                "「未集計」「対象外」と数値を同時に入力することはできません。",
                todo="どちらか一方にしてください。",
            )
        return None
    if value is None:
        raise ArgumentError(
            "実績の数値がありません。", todo="数値を書くか、未集計・対象外であることを指定してください。"
        )
    try:
        number = as_written(value)
    except ValueError as error:
        raise ArgumentError(f"実績の{error}", todo="59.9 のように半角の数字で書いてください。") from error
    term = known(measure)
    unit = (kpi.unit if kpi else "") or (term.unit if term else "")
    if number < 0:
        raise ArgumentError(f"実績 {number} は0より小さい値です。", todo="数値を確かめてください。")
    if unit == "%" and number > 100:
        raise ArgumentError(
            f"割合 {number}％ は100％を超えています。",
            todo="小数点の位置と、％で書いているかを確かめてください。",
        )
    return number
