"""Revising a plan (計画の改定): a target is changed, the one before it and the reason stay on record."""

from __future__ import annotations

from datetime import date

from kenpo.base.errors import ArgumentError
from kenpo.plan.model import Initiative, Kpi, Pillar, Plan, Revision, TargetChange
from kenpo.plan.targeting import target_in
from kenpo.plan.targets import Target, describe
from kenpo.plan.vocabulary import known


def revise(plan: Plan, measure: str, words: str, *, on: date, why: str, by: str) -> Plan:
    """The plan with a KPI's target changed to what `words` say (95.0％以上、対前年度以上（0.35％以上）).

    The old target is kept with its last day (the day before) and the reason; the plan's revisions name the change.
    Raises ArgumentError for a KPI the plan does not have, words that are no target or the target it has, and when the
    name or reason is missing.
    """
    if not (why.strip() and by.strip()):
        raise ArgumentError(
            "改定には、理由と改定した人が必要です。", todo="--why に理由、--by に氏名か所属を書いてください。"
        )
    kpi = plan.kpi(measure)
    if kpi is None:
        listed = "\n".join(
            f"  {k.measure}：{t.short if (t := known(k.measure)) else k.text}" for _, k in plan.kpis()
        )
        raise ArgumentError(
            f"計画「{plan.id}」に「{measure}」というKPIはありません。",
            todo=f"次のいずれかを指定してください：\n{listed}",
        )
    target, doubts = target_in(words, kpi)
    if target is None or doubts:
        raise ArgumentError(
            f"「{words}」は目標として読めません。{''.join(doubts)}",
            todo="95.0％以上、7日以下、対前年度以上（0.35％以上）、実施 のように書いてください。",
        )
    if target == kpi.target:
        raise ArgumentError("目標は変わっていません。", todo="新しい目標を確かめてください。")
    changed = _changed(kpi, target, on, why.strip(), by.strip())
    term = known(measure)
    what = f"{term.title if term else measure}の目標を「{_words(kpi, kpi.target)}」から「{_words(kpi, target)}」に改めた"
    return plan.model_copy(
        update={
            "pillars": tuple(_pillar(p, kpi, changed) for p in plan.pillars),
            "revisions": (*plan.revisions, Revision(on=on, what=what, why=why.strip(), by=by.strip())),
        }
    )


def _changed(kpi: Kpi, target: Target, on: date, why: str, by: str) -> Kpi:
    history = kpi.history
    if kpi.target is not None:
        until = date.fromordinal(on.toordinal() - 1)
        history = (*history, TargetChange(target=kpi.target, until=until, why=why, by=by))
    stated = getattr(target, "value", None) if target.kind.endswith("last_year") else None
    term = known(kpi.measure)
    words = _words(kpi, target)
    text = term.sentence.replace("{target}", words) if term and "{target}" in term.sentence else kpi.text
    return kpi.model_copy(
        update={"target": target, "history": history, "text": text, "baseline": stated, "review": ()}
    )


def _words(kpi: Kpi, target: Target | None) -> str:
    term = known(kpi.measure)
    return describe(target, kpi.unit, term.precision if term else 0) if target else "目標なし"


def _pillar(pillar: Pillar, old: Kpi, new: Kpi) -> Pillar:
    return pillar.model_copy(
        update={
            "kpis": _kpis(pillar.kpis, old, new),
            "initiatives": tuple(_initiative(i, old, new) for i in pillar.initiatives),
        }
    )


def _initiative(initiative: Initiative, old: Kpi, new: Kpi) -> Initiative:
    return initiative.model_copy(
        update={
            "kpis": _kpis(initiative.kpis, old, new),
            "children": tuple(_initiative(c, old, new) for c in initiative.children),
        }
    )


def _kpis(kpis: tuple[Kpi, ...], old: Kpi, new: Kpi) -> tuple[Kpi, ...]:
    return tuple(new if k is old else k for k in kpis)
