"""The body of plan documents (本文): the plan in two columns, its progress in three, as councils read them.

The reader takes all of it back: headings and texts stand as the plan holds them, KPIs under ■ KPI.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from kenpo.base.document import Block, Cell, Heading, PageBreak, Paragraph, Table, cell, table
from kenpo.base.era import to_wareki, to_wareki_month
from kenpo.plan.model import (
    STATUSES,
    Activity,
    Actual,
    Initiative,
    InitiativeProgress,
    Kpi,
    Pillar,
    Plan,
    Progress,
    initiative_key,
    last_day,
    period_title,
)
from kenpo.plan.sections import LEGEND, NOTES, POLICY, RESULTS, SIDE_BY_SIDE
from kenpo.plan.targets import number_text
from kenpo.plan.vocabulary import known, plain

_DEEPEST = 4
_FEW, _WIDE = 5, 65
"""Before so many lines at most, of so many characters, the first pillar stands on the same page."""

Path = tuple[Initiative, ...]
_Part = TypeVar("_Part", Pillar, Initiative)


def preface(plan: Plan) -> Iterator[Block]:
    """What stands before the pillars: 基本方針 and the overview."""
    for title, lines in ((POLICY, plan.policy), (NOTES, plan.notes)):
        if lines:
            yield Heading(title)
            yield from (Paragraph(line) for line in lines)


# ---- lines of a 施策 ---------------------------------------------------------------------------------------------


def heading_line(initiative: Initiative) -> str:
    """A 施策's heading as a line: ② サービス水準の向上、○サービス水準の向上."""
    if initiative.number in ("", "○", "〇"):
        return f"{initiative.number}{initiative.title}"
    return f"{initiative.number} {initiative.title}"


def own_lines(initiative: Initiative) -> list[str]:
    """What a 施策 says itself, without its heading and the 施策 within it: text, weights, KPIs, issues."""
    lines = list(initiative.text)
    for kind, weight in (("重要度", initiative.importance), ("困難度", initiative.difficulty)):
        if weight:
            lines.append(f"【{kind}：{weight.level}】{weight.why}")
    lines += kpi_lines(initiative.kpis)
    if initiative.issues:
        lines += ["【課題】", *(f"○{issue}" for issue in initiative.issues)]
    return lines


def kpi_lines(kpis: Sequence[Kpi]) -> list[str]:
    """KPIs as a plan states them, numbered when there are several; their notes below each."""
    stated = {plain(k.text): k for k in kpis}
    if not stated:
        return []
    if len(stated) == 1:
        kpi = next(iter(stated.values()))
        return [f"■ KPI：{kpi.text}", *kpi.notes]
    lines = ["■ KPI"]
    for n, kpi in enumerate(stated.values(), start=1):
        lines += [f"{n}) {kpi.text}", *kpi.notes]
    return lines


def _whole(initiative: Initiative, parted: frozenset[int] = frozenset()) -> list[str]:
    """A 施策 with the 施策 within it, all as lines; those that are told of elsewhere left out."""
    lines = [heading_line(initiative), *own_lines(initiative)]
    for child in initiative.children:
        if id(child) not in parted:
            lines += _whole(child, parted)
    return lines


# ---- the plan ----------------------------------------------------------------------------------------------------


def two_columns(plan: Plan, action_plan: Plan) -> Iterator[Block]:
    """The annual plan beside the action plan it is part of, 施策 by 施策."""
    heads = (f"{action_plan.title}{_draft(action_plan)}", f"{plan.title}{_draft(plan)}")
    rows: list[list[Cell]] = []
    for left, right in _paired(action_plan.pillars, plan.pillars):
        rows.append([cell(*_pillar_lines(left)), cell(*_pillar_lines(right))])
        for ours, theirs in _paired(left.initiatives if left else (), right.initiatives if right else ()):
            rows.append(
                [cell(*_whole(ours)) if ours else cell("－"), cell(*_whole(theirs)) if theirs else cell("－")]
            )
    yield Heading(SIDE_BY_SIDE)
    yield table(heads, rows, widths=(1, 1))


def _draft(plan: Plan) -> str:
    return "（案）" if plan.status == "draft" and "案" not in plan.title else ""


def _pillar_lines(pillar: Pillar | None) -> list[str]:
    if pillar is None:
        return ["－"]
    return [f"{pillar.number} {pillar.title}".strip(), *pillar.text, *kpi_lines(pillar.kpis)]


def _paired(left: Sequence[_Part], right: Sequence[_Part]) -> Iterator[tuple[_Part | None, _Part | None]]:
    """Parts side by side: those of one title together, then by place; what has no counterpart stands alone."""
    rest = list(right)
    for ours in left:
        theirs = next((r for r in rest if plain(r.title) == plain(ours.title)), None)
        theirs = theirs or next((r for r in rest if r.number == ours.number), None)
        while theirs is not None and rest[0] is not theirs:
            if any(plain(rest[0].title) == plain(x.title) for x in left):
                break
            yield None, rest.pop(0)
        if theirs is not None:
            rest.remove(theirs)
        yield ours, theirs
    for theirs in rest:
        yield None, theirs


def one_column(plan: Plan) -> Iterator[Block]:
    """The plan alone: headings, texts, KPIs and 取組."""
    yield from preface(plan)
    yield from _outlined(plan, None)


# ---- progress ----------------------------------------------------------------------------------------------------


def progress_body(plan: Plan, progress: Progress) -> Iterator[Block]:
    """The progress of a plan: three columns, or 取組 by 取組 where the plan has them."""
    if any(path[-1].activities for _, path in plan.initiatives()):
        yield PageBreak()
        yield from preface(plan)
        yield from _outlined(plan, progress)
    else:
        yield PageBreak(landscape=True)
        yield from preface(plan)
        if sum(1 + len(line) // _WIDE for line in (*plan.policy, *plan.notes)) > _FEW:
            yield PageBreak(landscape=True)
        yield from _three_columns(plan, progress)


def _three_columns(plan: Plan, progress: Progress) -> Iterator[Block]:
    """事業計画 | 実施状況及び評価 | 今後の実施予定等, a row for every 施策 that has progress of its own."""
    for n, pillar in enumerate(plan.pillars):
        paths = [path for held, path in plan.initiatives() if held is pillar]
        parted = frozenset(
            id(path[-1]) for path in paths if len(path) > 1 and _has_row(pillar, path, progress)
        )
        rows = [
            _progress_row(pillar, path, progress, parted)
            for path in paths
            if len(path) == 1 or id(path[-1]) in parted
        ]
        if n:
            yield PageBreak(landscape=True)
        yield Heading(f"{pillar.number} {pillar.title}".strip())
        yield Paragraph(LEGEND, small=True)
        yield from (Paragraph(line) for line in (*pillar.text, *kpi_lines(pillar.kpis)))
        yield table(("事業計画", "実施状況及び評価", "今後の実施予定等"), rows, widths=(5, 5, 4))


def _has_row(pillar: Pillar, path: Path, progress: Progress) -> bool:
    key = initiative_key(pillar, path)
    return any(i.initiative == key or i.initiative.startswith(f"{key}/") for i in progress.initiatives)


def _progress_row(pillar: Pillar, path: Path, progress: Progress, parted: frozenset[int]) -> list[Cell]:
    own = path[-1]
    at = progress.on(initiative_key(pillar, path))
    done = list(at.done) if at else []
    return [
        cell(*_whole(own, parted)),
        cell(*done, *_results(list(_kpis_here(own, parted)), progress, done)),
        cell(*_next(at)),
    ]


def _kpis_here(initiative: Initiative, parted: frozenset[int]) -> Iterator[Kpi]:
    yield from initiative.kpis
    for child in initiative.children:
        if id(child) not in parted:
            yield from _kpis_here(child, parted)


def _results(kpis: Sequence[Kpi], progress: Progress, done: Sequence[str]) -> list[str]:
    """The figures of a 施策's KPIs, unless what was done lists them itself."""
    if not kpis or any("KPI実績" in plain(line) for line in done):
        return []
    told = [(k, progress.of(k.measure) if k.measure else None) for k in kpis]
    figures = [figure_text(p.actuals[0], k.unit) if p and p.actuals else "－" for k, p in told]
    if len(figures) == 1:
        return [RESULTS, figures[0]]
    return [RESULTS, *(f"{n}) {text}" for n, text in enumerate(figures, start=1))]


def _next(at: InitiativeProgress | None) -> list[str]:
    if at is None:
        return []
    marks = [" ".join(m.value for m in at.marks)] if at.marks else []
    return [*marks, *at.next]


def beside_the_plan(plan: Plan, progress: Progress) -> Iterator[Block]:
    """Progress of 施策 that the plan does not have, so that it has no place in the body."""
    there = {initiative_key(pillar, path) for pillar, path in plan.initiatives()}
    rows = [
        [
            cell(at.initiative),
            cell(" ".join(m.value for m in (*at.marks, *((at.evaluated,) if at.evaluated else ())))),
            cell(*at.done, *(line for a in at.activities for line in a.done)),
            cell(*at.next),
        ]
        for at in progress.initiatives
        if at.initiative not in there
    ]
    if rows:
        yield table(
            ("施策の番号", "評価", "実施状況", "今後の予定"),
            rows,
            widths=(2, 1, 6, 5),
            caption="計画にない施策の進捗",
        )


def _outlined(plan: Plan, progress: Progress | None) -> Iterator[Block]:
    """Every 施策 under its heading, with its KPIs, issues and 取組, and what was done of them."""
    for n, pillar in enumerate(plan.pillars):
        if n or (progress is None and (plan.policy or plan.notes)):
            yield PageBreak()
        yield Heading(f"{pillar.number} {pillar.title}".strip())
        yield from (Paragraph(line) for line in (*pillar.text, *kpi_lines(pillar.kpis)))
        for held, path in plan.initiatives():
            if held is pillar:
                yield from _under_heading(pillar, path, progress)


def _under_heading(pillar: Pillar, path: Path, progress: Progress | None) -> Iterator[Block]:
    own = path[-1]
    at = progress.on(initiative_key(pillar, path)) if progress else None
    yield Heading(heading_line(own), level=min(len(path) + 1, _DEEPEST))
    yield from (Paragraph(line) for line in own_lines(own))
    if own.activities:
        yield _activity_table(own.activities, at, progress)
    if at and (at.done or at.marks or at.next):
        yield table(
            ("実施状況及び評価", "今後の実施予定等"), [[cell(*at.done), cell(*_next(at))]], widths=(5, 4)
        )


def _activity_table(
    activities: Sequence[Activity], at: InitiativeProgress | None, progress: Progress | None
) -> Table:
    heads = ["具体的な施策", "具体的な取り組み内容 等"]
    if progress is not None:
        heads.append(f"実績（{period_title(progress.period)}）")
    done = {a.at: a.done for a in at.activities} if at else {}
    rows: list[list[Cell]] = []
    begin = 0
    while begin < len(activities):
        end = begin + 1
        while end < len(activities) and activities[end].title == activities[begin].title:
            end += 1
        for n in range(begin, end):
            first = (
                cell(activities[n].title, rows=end - begin) if n == begin else _covered(activities[n].title)
            )
            told = done.get(n + 1, ())
            row = [first, cell(*(activities[n].text or (() if told else ("－",))))]
            if progress is not None:
                row.append(cell(*told))
            rows.append(row)
        begin = end
    return table(heads, rows, widths=(3, 5, 5) if progress is not None else (3, 6))


def _covered(title: str) -> Cell:
    return Cell((title,), continued=True)


# ---- figures in words --------------------------------------------------------------------------------------------


def figure_text(actual: Actual, unit: str) -> str:
    """A figure with its date: 98.3％（令和5年9月時点）, 81.9％（令和5年5月診療分）, 下期実施予定, 対象外."""
    if actual.value is None:
        return actual.text or {"missing": "－", "not_applicable": "対象外"}.get(actual.state, "－")
    when = when_text(actual)
    return number_text(actual.value, unit) + (f"（{when}）" if when else "")


def when_text(actual: Actual) -> str:
    """The date of a figure for people: 令和5年9月時点、令和5年5月診療分、令和元年度末、速報."""
    day = last_day(actual.as_of)
    status = STATUSES[actual.status] + "値" if actual.status and actual.status != "final" else ""
    if day is None:
        return status
    if actual.as_of.startswith("FY"):
        said = period_title(actual.as_of[2:]) + "末"
    elif len(actual.as_of) == len("2023-08"):
        said = to_wareki_month(day) + (actual.basis or "時点")
    else:
        said = to_wareki(day) + "現在"
    return said + status


def unit_of(kpi: Kpi) -> str:
    """The unit a KPI's figures are printed with."""
    term = known(kpi.measure)
    return kpi.unit or (term.unit if term else "")
