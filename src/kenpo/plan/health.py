"""Plan health (計画の手入れ): whether each 施策 has what is needed to be steered, and each KPI a target and a fresh figure.

A 施策 is well kept when it has someone in charge, a description, the next step of the period, and for each KPI a target
that is a number by now and a figure that is not old.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from kenpo.base.fiscal import months_between
from kenpo.plan.judging import NotApplicable
from kenpo.plan.model import Actual, Initiative, Kpi, Plan, Progress, Row, initiative_key, period_end
from kenpo.plan.targets import BranchSpecific, NotAboveLastYear, NotBelowLastYear

CURRENT_MONTHS = 4
"""A figure is current (最近の実績) when its month lies this many months or less before the period's last month: receipts
of a month are there two to three months later. The number is our default: no source sets one."""

CHECKS = {
    "owner": "担当が書かれていません",
    "description": "内容の説明がありません",
    "next": "次の取組が書かれていません",
    "target": "目標値が決まっていません",
    "data": "最近の実績がありません",
}
"""What is looked at, and how it is told when it is lacking."""


def target_fault(kpi: Kpi, last_year: Decimal | NotApplicable | None) -> str:
    """What a KPI's target lacks, or "": no target, one to be set by each branch, or a last year that is unknown."""
    target = kpi.target
    if target is None:
        return "目標がありません"
    if isinstance(target, BranchSpecific):
        return "支部の目標値がまだ決まっていません"
    relative = isinstance(target, NotBelowLastYear | NotAboveLastYear) and target.value is None
    if relative and not isinstance(last_year, Decimal):
        why = last_year.reason if isinstance(last_year, NotApplicable) else "前年度の値が分かりません"
        return f"目標の水準が決まりません（{why}）"
    return ""


def data_fault(actual: Actual | None, day: date, months: int = CURRENT_MONTHS) -> str:
    """What a KPI's figure lacks on a day, or "": there is none, or it is more than so many months old."""
    if actual is None or actual.state == "missing":
        said = why_missing(actual) if actual else ""
        return f"実績がありません（{said}）" if said else "実績がありません"
    if actual.state == "not_applicable":
        return ""
    if actual.day is None:
        return "いつ時点の実績か分かりません"
    if months_between(actual.day, day) > months:
        return f"実績が古くなっています（{actual.as_of}。{months}か月より前）"
    return ""


def why_missing(actual: Actual) -> str:
    """Why a figure is missing, as told by the person or the document, without its signs: （下期実施予定） → 下期実施予定."""
    return (actual.why or actual.text).strip("（）()－-ー―◆○※ 　")


def looked_at_on(period: str, today: date) -> date:
    """The day a period's figures should be fresh on: today, or the period's end once it is over."""
    return min(today, period_end(period))


@dataclass(frozen=True)
class Kept:
    """How well a 施策 is kept (1つの施策の状態): its key and name, what was looked at, and what is lacking there.

    checks: check → whether it is in order; a check that does not apply (a KPI check without KPI) is absent. flags: what
    is lacking, in words.
    """

    key: str
    name: str
    checks: dict[str, bool]
    flags: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is lacking."""
        return not self.flags


@dataclass(frozen=True)
class Health:
    """How well a plan is kept (計画の手入れの状態)."""

    initiatives: tuple[Kept, ...]

    @property
    def share(self) -> Fraction | None:
        """The part of 施策 that lack nothing; None for a plan without 施策."""
        return _share(k.well for k in self.initiatives)

    def share_of(self, check: str) -> Fraction | None:
        """The part of 施策 in order in one check, of those it applies to."""
        return _share(k.checks[check] for k in self.initiatives if check in k.checks)


def _share(good: Iterable[bool]) -> Fraction | None:
    every = list(good)
    return Fraction(sum(every), len(every)) if every else None


def health(
    plan: Plan, progress: Progress | None, rows: Iterable[Row], *, today: date, months: int = CURRENT_MONTHS
) -> Health:
    """The health of a plan, from the rows of its board.

    A 施策 that is only the heading of others is not looked at. Without a progress report neither next steps nor figures
    are asked for.
    """
    by_key: dict[str, list[Row]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    kept: list[Kept] = []
    for pillar, path in plan.initiatives():
        held = path[-1]
        if held.children and not (held.kpis or held.activities or held.text):
            continue
        key = initiative_key(pillar, path)
        name = f"{held.number}{held.title}" if held.number not in ("", "○") else held.title
        kept.append(_kept(key, name, path, progress, by_key.get(key, []), today, months))
    return Health(tuple(kept))


def _kept(
    key: str,
    name: str,
    path: tuple[Initiative, ...],
    progress: Progress | None,
    rows: list[Row],
    today: date,
    months: int,
) -> Kept:
    held = path[-1]
    checks = {
        "owner": any(i.owner for i in path)
        or any(a.group for a in held.activities)
        or (bool(held.kpis) and all(k.owner for k in held.kpis)),
        "description": bool(held.text) or any(a.title or a.text for a in held.activities),
    }
    flags = [CHECKS[c] for c, good in checks.items() if not good]
    if progress is not None:
        said = progress.on(key)
        checks["next"] = bool(said and said.next)
        flags += [] if checks["next"] else [CHECKS["next"]]
    of = {r.measure or r.text: r for r in rows}
    for kpi in held.kpis:
        row = of.get(kpi.measure or kpi.text)
        before = row.last_year if row else None
        faults = {"target": target_fault(kpi, before)}
        if progress is not None:
            day = looked_at_on(progress.period, today)
            faults["data"] = data_fault(row.actual if row else None, day, months)
        for check, fault in faults.items():
            checks[check] = checks.get(check, True) and not fault
            flags += [f"{row.title if row else kpi.text}：{fault}"] if fault else []
    return Kept(key, name, checks, tuple(flags))
