"""Small plans written by hand (手作りの小さな計画)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kenpo.plan.model import Actual, Initiative, Kpi, KpiProgress, Pillar, Plan, Progress
from kenpo.plan.vocabulary import term_of


def kpi(measure: str, target: Mapping[str, Any] | None = None, **rest: Any) -> Kpi:
    """A KPI of the vocabulary with a target such as {"kind": "at_least", "value": "59.9"}."""
    term = term_of(measure)
    told = {"measure": measure, "text": term.title, "unit": term.unit, "target": target, **rest}
    return Kpi.model_validate(told)


def plan(*kpis: Kpi, branch: str = "13", year: int = 2023, **rest: Any) -> Plan:
    """An annual plan with one 施策 that has these KPIs."""
    held = Initiative(number="①", title="施策", text=("内容",), owner="企画総務グループ", kpis=kpis)
    pillar = Pillar(number="1.", title="基盤的保険者機能", initiatives=(held,))
    told = {
        "branch": branch,
        "first_year": year,
        "last_year": year,
        "title": "事業計画",
        "pillars": (pillar,),
    }
    return Plan(**{**told, **rest})


def actual(value: str | None, as_of: str = "", **rest: Any) -> Actual:
    """A figure of a document, as printed; None for one that is missing."""
    if value is None:
        return Actual(state="missing", as_of=as_of, **rest)
    return Actual(value=Decimal(value), text=value, as_of=as_of, **rest)


def progress(of: Plan, period: str, **actuals: Actual | tuple[Actual, ...]) -> Progress:
    """A progress report: the figures of each measure."""
    told = {m: a if isinstance(a, tuple) else (a,) for m, a in actuals.items()}
    return Progress(
        plan=of.id, period=period, kpis=tuple(KpiProgress(measure=m, actuals=a) for m, a in told.items())
    )
