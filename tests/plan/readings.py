"""A reading in a few words, for tables of examples."""

from __future__ import annotations

from kenpo.plan.model import Actual, Kpi, Plan
from kenpo.plan.reading import Reading
from kenpo.plan.targets import describe
from kenpo.plan.vocabulary import known


def kpi_in_words(kpi: Kpi) -> str:
    """measure：target, with ※ when it is to be reviewed."""
    term = known(kpi.measure)
    words = describe(kpi.target, kpi.unit, term.precision if term else 0) if kpi.target else "（目標なし）"
    return f"{kpi.measure or '？'}：{words}{' ※' if kpi.review else ''}"


def actual_in_words(actual: Actual) -> str:
    """Value or state, and as of when."""
    said = str(actual.value) if actual.value is not None else actual.state
    return f"{said} {actual.as_of}".strip()


def plan_in_words(plan: Plan | None) -> dict[str, object] | None:
    """A plan's id, its KPIs under their 施策, the figures beside them, and what is to be reviewed of the plan."""
    if plan is None:
        return None
    out: dict[str, object] = {"id": plan.id}
    kpis: dict[str, list[str]] = {}
    for key, kpi in plan.kpis():
        kpis.setdefault(key, []).append(kpi_in_words(kpi))
    out["kpis"] = kpis
    references = {k.measure or k.text: [actual_in_words(a) for a in k.references] for _, k in plan.kpis()}
    out["references"] = {m: r for m, r in references.items() if r}
    planned = {k.measure: k.planned for _, k in plan.kpis() if k.planned}
    out["planned"] = {m: f"{p.eligible}→{p.expected}" for m, p in planned.items()}
    out["goals"] = [f"{g.level} {g.value} {g.year}" for g in plan.goals]
    out["review"] = [r.what for r in plan.review]
    return {k: v for k, v in out.items() if v}


def reading_in_words(reading: Reading) -> dict[str, object]:
    """All a document holds."""
    out: dict[str, object] = {
        "annual": plan_in_words(reading.annual),
        "action_plan": plan_in_words(reading.action_plan),
    }
    if reading.progress:
        out["period"] = reading.progress.period
        out["figures"] = {
            k.measure or k.text: [
                *(actual_in_words(a) for a in k.actuals),
                *([f"全国 {k.nation.value}"] if k.nation else []),
                *([f"{k.rank}位"] if k.rank else []),
            ]
            for k in reading.progress.kpis
        }
        marks = {i.initiative: "".join(m.value for m in i.marks) for i in reading.progress.initiatives}
        out["marks"] = {k: m for k, m in marks.items() if m}
    return {k: v for k, v in out.items() if v}
