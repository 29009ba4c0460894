"""A reading as data (読み取り結果の一覧): every KPI with its target, figures and passage, for programs and reviewers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from kenpo.plan.model import Actual, Goal, Kpi, KpiProgress, Plan
from kenpo.plan.reading import Reading
from kenpo.plan.vocabulary import known

_NUMBER = re.compile(r'"\\u0000(-?[0-9.]+)\\u0000"')


def as_json(reading: Reading) -> str:
    """The reading as JSON. Figures are JSON numbers with the digits the document prints (0.340).

    kpis: measure (id or null), title, plan (annual, action_plan or national_goal), target {kind, value, …} or null,
    baseline, actuals [{value, as_of, status, state, …}], planned, nation, rank, review (what to check; empty when the
    passage says it plainly) and source {where, text}. as_of: 2023-08, 2021-06-30, or FY2019 for the end of a fiscal year.
    """
    text = json.dumps(as_data(reading), ensure_ascii=False, indent=1, default=_plain)
    return _NUMBER.sub(r"\1", text)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"\0{value:f}\0"
    raise TypeError(type(value).__name__)


def as_data(reading: Reading) -> dict[str, Any]:
    """The reading as plain data; see as_json."""
    progress = reading.progress
    return {
        "plans": [_plan(p) for p in (reading.annual, reading.action_plan) if p],
        "progress": {"plan": progress.plan, "period": progress.period} if progress else None,
        "kpis": list(_kpis(reading)),
        "review": [r.model_dump() for r in reading.review],
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "id": plan.id,
        "kind": plan.kind,
        "branch": plan.branch,
        "first_year": plan.first_year,
        "last_year": plan.last_year,
        "title": plan.title,
        "status": plan.status,
        "initiatives": [
            {"pillar": pillar.title, "path": [f"{i.number}{i.title}" for i in path]}
            for pillar, path in plan.initiatives()
        ],
    }


def _kpis(reading: Reading) -> Iterator[dict[str, Any]]:
    told = list(reading.progress.kpis) if reading.progress else []
    for scope, plan in (("annual", reading.annual), ("action_plan", reading.action_plan)):
        for key, kpi in plan.kpis() if plan else ():
            mine = next((k for k in told if scope == "annual" and _same(k, kpi)), None)
            if mine is not None:
                told.remove(mine)
            yield _kpi(scope, key, kpi, mine)
        for goal in plan.goals if plan else ():
            if goal.measure is not None:
                yield _goal(goal)
    for rest in told:
        yield _kpi("annual", "", Kpi(measure=rest.measure, text=rest.text), rest)


def _same(progress: KpiProgress, kpi: Kpi) -> bool:
    return progress.measure == kpi.measure and (kpi.measure is not None or progress.text == kpi.text)


def _kpi(scope: str, key: str, kpi: Kpi, progress: KpiProgress | None) -> dict[str, Any]:
    term = known(kpi.measure)
    actuals = [*(progress.actuals if progress else ()), *kpi.references]
    return {
        "measure": kpi.measure,
        "title": term.title if term else kpi.text,
        "plan": scope,
        "initiative": key,
        "unit": kpi.unit or (term.unit if term else ""),
        "target": _target(kpi),
        "baseline": kpi.baseline,
        "actuals": [_actual(a) for a in actuals],
        "planned": kpi.planned.model_dump() if kpi.planned else None,
        "nation": _actual(progress.nation) if progress and progress.nation else None,
        "rank": progress.rank if progress else None,
        "review": [r.what for r in (*kpi.review, *(progress.review if progress else ()))],
        "source": {"where": kpi.where, "text": kpi.text},
    }


def _target(kpi: Kpi) -> dict[str, Any] | None:
    if kpi.target is None:
        return None
    data = kpi.target.model_dump()
    return {"kind": data.pop("kind"), "value": data.pop("value", None), **data}


def _actual(actual: Actual) -> dict[str, Any]:
    return {
        "value": actual.value,
        "as_of": actual.as_of or None,
        "status": actual.status,
        "state": actual.state,
        "basis": actual.basis or None,
        "persons": actual.persons,
        "text": actual.text,
        "where": actual.where,
    }


def _goal(goal: Goal) -> dict[str, Any]:
    return {
        "measure": goal.measure,
        "title": goal.text,
        "plan": "national_goal",
        "initiative": "",
        "unit": "%",
        "target": {"kind": "at_least", "value": goal.value, "fiscal_year": goal.year},
        "baseline": None,
        "actuals": [_actual(goal.reached)] if goal.reached else [],
        "planned": None,
        "nation": None,
        "rank": None,
        "review": [],
        "source": {"where": "", "text": goal.text},
    }
