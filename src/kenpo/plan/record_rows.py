"""Rows of the record tables (付属資料の行): what a plan and its progress hold beside their text, a row each, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from kenpo.plan.model import (
    LEVELS,
    PLAN_STATUSES,
    SOURCES,
    STATUSES,
    Activity,
    Actual,
    Kpi,
    Plan,
    Planned,
    Progress,
    Weight,
    initiative_key,
)
from kenpo.plan.targets import Target, describe
from kenpo.plan.vocabulary import known

ACTION_PLAN, ANNUAL = "アクションプラン", "年度事業計画"
YES, NO = "○", "×"
STATES = {"value": "", "missing": "未集計", "not_applicable": "対象外"}


def basics(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """What a document is of: plan, period, names, dates."""
    yield "計画", plan.id
    yield "計画の名称", plan.title
    yield "区分", ACTION_PLAN if plan.kind == "action_plan" else ANNUAL
    yield "状態", PLAN_STATUSES[plan.status]
    if plan.dated:
        yield "計画の日付", plan.dated.isoformat()
    if plan.action_plan:
        yield ACTION_PLAN, plan.action_plan
    if progress is not None:
        yield "期間", progress.period
        if progress.title:
            yield "進捗の名称", progress.title
        if progress.dated:
            yield "進捗の日付", progress.dated.isoformat()


def initiatives(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """Owner, weights and the mark of the whole of each 施策 that has one."""
    for pillar, path in plan.initiatives():
        own = path[-1]
        at = progress.on(initiative_key(pillar, path)) if progress else None
        mark = at.evaluated.value if at and at.evaluated else ""
        if own.owner or own.importance or own.difficulty or mark:
            yield (
                initiative_key(pillar, path),
                own.owner,
                *_weight(own.importance),
                *_weight(own.difficulty),
                mark,
            )


def _weight(weight: Weight | None) -> tuple[str, str]:
    return (weight.level, weight.why) if weight else ("", "")


def activities(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """Who does each 取組, for how much, and its mark."""
    for pillar, path in plan.initiatives():
        key = initiative_key(pillar, path)
        at = progress.on(key) if progress else None
        for n, one in enumerate(path[-1].activities, start=1):
            done = next((a for a in at.activities if a.at == n), None) if at else None
            if one != Activity(title=one.title, text=one.text) or (
                done and (done.mark or done.spent is not None)
            ):
                yield (
                    key,
                    str(n),
                    one.group,
                    {True: "新規", False: "継続", None: ""}[one.new],
                    {True: YES, False: NO, None: ""}[one.outsourced],
                    _yen(one.budget),
                    _yen(done.spent if done and done.spent is not None else one.spent),
                    done.mark.value if done and done.mark else "",
                )


def kpis(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """Target, owner, planned people, notes and analysis of each KPI."""
    comments = {_title(t.measure, t.text): t.comment for t in progress.kpis if t.comment} if progress else {}
    for _, kpi in plan.kpis():
        planned = kpi.planned or Planned()
        yield (
            name_of(kpi),
            _words(kpi.target, kpi),
            kpi.owner,
            _number(kpi.baseline),
            _number(planned.eligible),
            _number(planned.expected),
            "\n".join(kpi.notes),
            comments.pop(name_of(kpi), ""),
        )
    for name, comment in comments.items():
        yield name, *[""] * 6, comment


def _words(target: Target | None, kpi: Kpi) -> str:
    term = known(kpi.measure)
    return describe(target, kpi.unit, term.precision if term else 0) if target else ""


def changes(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """Targets before their revision."""
    for _, kpi in plan.kpis():
        for change in kpi.history:
            was = _words(change.target, kpi)
            yield name_of(kpi), was, change.until.isoformat(), change.why, change.by


def goals(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """Goals beyond the KPIs."""
    for goal in plan.goals:
        reached = goal.reached
        yield (
            LEVELS[goal.level],
            goal.text,
            goal.measure or "",
            _number(goal.value),
            f"{goal.year}年度" if goal.year else "",
            _number(reached.value) if reached else "",
            reached.as_of if reached else "",
            reached.text if reached else "",
        )


def revisions(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """Revisions of the plan."""
    for revision in plan.revisions:
        yield revision.on.isoformat(), revision.what, revision.why, revision.by


def actuals(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """Every figure with where it comes from; references, the nation and the rank beside them."""
    for _, kpi in plan.kpis():
        for actual in kpi.references:
            yield _actual(name_of(kpi), "参考", actual)
    for told in progress.kpis if progress else ():
        name = _title(told.measure, told.text)
        for actual in told.actuals:
            yield _actual(name, "実績", actual)
        if told.nation is not None:
            yield _actual(name, "全国", told.nation, told.rank, told.ranked)
        elif told.rank is not None:
            yield _actual(name, "順位", Actual(), told.rank, told.ranked)


def _actual(
    name: str, role: str, actual: Actual, rank: int | None = None, ranked: int | None = None
) -> list[str]:
    place = f"{rank}" + (f"/{ranked}" if ranked else "") if rank is not None else ""
    made = [_number(actual.numerator), _number(actual.denominator)]
    who = "\n".join(t for t in (actual.by, actual.entered_on.isoformat() if actual.entered_on else "") if t)
    return [
        name,
        role,
        _number(actual.value) or STATES[actual.state],
        actual.as_of,
        actual.basis,
        STATUSES[actual.status] if actual.status else "",
        " / ".join(made) if any(made) else "",
        _number(actual.persons),
        SOURCES[actual.source],
        who,
        actual.why,
        "\n".join(t for t in (actual.definition, actual.cutoff) if t),
        actual.text,
        place,
    ]


def events(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """Freezes and their undoing."""
    for event in progress.events if progress else ():
        yield (
            "確定" if event.what == "frozen" else "確定の取消",
            event.on.isoformat(),
            event.by,
            event.why,
            event.cutoff,
        )


def notes(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """Notes on the progress."""
    for n, note in enumerate(progress.notes if progress else (), start=1):
        yield str(n), note


def nothing(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    """No rows of its own: those of the supplement are given."""
    return iter(())


def name_of(kpi: Kpi) -> str:
    return _title(kpi.measure, kpi.text)


def _title(measure: str | None, text: str) -> str:
    term = known(measure)
    return term.title if term else (measure or text)


def _number(value: Decimal | int | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:f}"


def _yen(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
