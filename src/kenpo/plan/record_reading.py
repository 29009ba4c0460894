"""Reading the record tables back (付属資料の読み戻し): what they say goes into the plan that was read from the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec, TypeVar

from kenpo.base.errors import ArgumentError, InputFileError
from kenpo.plan import supplement
from kenpo.plan.judging import Mark
from kenpo.plan.model import (
    LEVELS,
    PLAN_STATUSES,
    SOURCES,
    STATUSES,
    Actual,
    Goal,
    Initiative,
    Kpi,
    KpiProgress,
    Pillar,
    Plan,
    Planned,
    Progress,
    Review,
    Revision,
    TargetChange,
    Weight,
    initiative_key,
)
from kenpo.plan.record_rows import ACTION_PLAN, NO, STATES, YES, name_of
from kenpo.plan.targeting import target_in
from kenpo.plan.vocabulary import terms

Row = dict[str, str]


@dataclass
class Taken:
    """What the record tables of a document say, until it is put into the plan that was read from its text."""

    basics: Row = field(default_factory=dict)
    initiatives: list[Row] = field(default_factory=list)
    activities: list[Row] = field(default_factory=list)
    kpis: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    goals: list[Row] = field(default_factory=list)
    revisions: list[Row] = field(default_factory=list)
    actuals: list[Row] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    supplement: list[Row] = field(default_factory=list)

    @property
    def of_action_plan(self) -> bool:
        """Whether the tables are those of an action plan."""
        return self.basics.get("区分") == ACTION_PLAN


_Made = TypeVar("_Made")
_Rest = ParamSpec("_Rest")


def _of(
    caption: str,
) -> Callable[[Callable[Concatenate[Row, _Rest], _Made]], Callable[Concatenate[Row, _Rest], _Made]]:
    """What reads a row of the table with this caption: a row that a person has spoilt is named."""

    def wrapped(read: Callable[Concatenate[Row, _Rest], _Made]) -> Callable[Concatenate[Row, _Rest], _Made]:
        def reading(row: Row, /, *rest: _Rest.args, **named: _Rest.kwargs) -> _Made:
            try:
                return read(row, *rest, **named)
            except (ArithmeticError, LookupError, StopIteration, ValueError, ArgumentError) as error:
                said = "、".join(f"{name}「{text}」" for name, text in row.items() if text)
                raise InputFileError(
                    f"付属資料の表「{caption}」に、読み取れない行があります。",
                    where=said.replace("\n", " ")[:200],
                    todo="数字・日付（2023-09-30）・区分を、書き出したときの形に直してください。",
                    code="bad_record",
                ) from error

        return reading

    return wrapped


def put(taken: Taken, plan: Plan, progress: Progress | None) -> tuple[Plan, Progress | None]:
    """The plan and progress with what the record tables say put in; they have the last word."""
    plan = plan.model_copy(update=_basics(taken.basics, taken.of_action_plan))
    plan = _put_plan(taken, plan)
    period = taken.basics.get("期間")
    if progress is None and period:
        progress = Progress(plan=plan.id, period=period)
    if progress is not None:
        progress = _put_progress(taken, plan, progress)
    more = [(r["補う箇所"], r["本文の印"], r["補う内容"]) for r in taken.supplement]
    return supplement.filled(plan, more), supplement.filled(progress, more) if progress else None


def _put_plan(taken: Taken, plan: Plan) -> Plan:
    return plan.model_copy(
        update={
            "review": tuple(r for r in plan.review if "分かりません" not in r.what),
            "goals": tuple(_goal(r) for r in taken.goals),
            "revisions": tuple(_revision(r) for r in taken.revisions),
            "pillars": tuple(_put_pillar(taken, p) for p in plan.pillars),
        }
    )


@_of("計画の基本事項")
def _basics(basics: Row, of_action_plan: bool) -> dict[str, Any]:
    branch, first, *last = basics["計画"].split("-")
    return {
        "branch": branch,
        "first_year": int(first),
        "last_year": int(last[0]) if last else int(first),
        "title": basics["計画の名称"],
        "kind": "action_plan" if of_action_plan else "annual",
        "status": next(k for k, v in PLAN_STATUSES.items() if v == basics["状態"]),
        "dated": _day(basics.get("計画の日付", "")),
        "action_plan": basics.get(ACTION_PLAN),
    }


@_of("改定の履歴")
def _revision(row: Row) -> Revision:
    on = date.fromisoformat(row["改定日"])
    return Revision(on=on, what=row["改定の内容"], why=row["改定の理由"], by=row["改定者"])


def _put_pillar(taken: Taken, pillar: Pillar) -> Pillar:
    return pillar.model_copy(
        update={
            "kpis": tuple(_put_kpi(taken, k) for k in pillar.kpis),
            "initiatives": tuple(_put_initiative(taken, pillar, (i,)) for i in pillar.initiatives),
        }
    )


def _put_initiative(taken: Taken, pillar: Pillar, path: tuple[Initiative, ...]) -> Initiative:
    own, key = path[-1], initiative_key(pillar, path)
    update: dict[str, Any] = {
        "kpis": tuple(_put_kpi(taken, k) for k in own.kpis),
        "children": tuple(_put_initiative(taken, pillar, (*path, c)) for c in own.children),
    }
    if row := next((r for r in taken.initiatives if r["施策の番号"] == key), None):
        update |= {
            "owner": row["担当"],
            "importance": Weight(level=row["重要度"], why=row["重要度の理由"]) if row["重要度"] else None,
            "difficulty": Weight(level=row["困難度"], why=row["困難度の理由"]) if row["困難度"] else None,
        }
    rows = {r["取組の番号"]: r for r in taken.activities if r["施策の番号"] == key}
    update["activities"] = tuple(
        a.model_copy(update=_activity(rows[str(n)])) if str(n) in rows else a
        for n, a in enumerate(own.activities, start=1)
    )
    return own.model_copy(update=update)


@_of("取組の担当と予算")
def _activity(row: Row) -> dict[str, Any]:
    return {
        "group": row["担当グループ"],
        "new": {"新規": True, "継続": False}.get(row["新規・継続"]),
        "outsourced": {YES: True, NO: False}.get(row["業務委託"]),
        "budget": _whole(row["予算（円）"]),
        "spent": _whole(row["執行（円）"]),
    }


def _put_kpi(taken: Taken, kpi: Kpi) -> Kpi:
    name = name_of(kpi)
    row = next((r for r in taken.kpis if r["KPIの名称"] == name), None)
    held = kpi.model_copy(update=_kpi(row, kpi)) if row else kpi
    changes = [_change(r, held) for r in taken.changes if r["KPIの名称"] == name]
    references = (r for r in taken.actuals if r["種別"] == "参考" and r["KPIの名称"] == name)
    return held.model_copy(
        update={
            "references": tuple(_actual(r) for r in references),
            "history": tuple(c for c in changes if c is not None),
        }
    )


@_of("KPIの担当と計画人数")
def _kpi(row: Row, kpi: Kpi) -> dict[str, Any]:
    planned = Planned(eligible=_whole(row["実施対象者数"]), expected=_whole(row["実施見込者数"]))
    words, target, review = row["目標"], None, kpi.review
    if words:
        target, _ = target_in(words, kpi)
        if target is None:
            review = (*review, Review(what="付属資料の目標を読み取れません。", passage=words))
        elif kpi.target is not None and target != kpi.target:
            what = "本文と付属資料の目標が違います。付属資料の目標を採りました。"
            review = (*review, Review(what=what, passage=f"{kpi.text}／{words}"))
        target = target or kpi.target
    return {
        "target": target,
        "owner": row["担当"],
        "baseline": _decimal(row["基準値"]),
        "planned": planned if planned != Planned() else None,
        "notes": tuple(row["注記"].split("\n")) if row["注記"] else (),
        "review": review,
    }


@_of("KPI目標の改定")
def _change(row: Row, kpi: Kpi) -> TargetChange | None:
    target, _ = target_in(row["改定前の目標"], kpi)
    until = date.fromisoformat(row["適用の終わり"])
    return target and TargetChange(target=target, until=until, why=row["改定の理由"], by=row["改定者"])


@_of("データヘルス計画と国の目標")
def _goal(row: Row) -> Goal:
    level = next(k for k, v in LEVELS.items() if v == row["目標の区分"])
    value = _decimal(row["現状の値"])
    return Goal.model_validate(
        {
            "level": level,
            "text": row["目標の内容"],
            "measure": row["指標ID"] or None,
            "value": _decimal(row["目標値"]),
            "year": int(row["目標年度"].removesuffix("年度")) if row["目標年度"] else None,
            "reached": Actual(value=value, as_of=row["現状の時点"], text=row["現状の表記"])
            if value is not None
            else None,
        }
    )


def _put_progress(taken: Taken, plan: Plan, progress: Progress) -> Progress:
    basics = taken.basics
    marks = {r["施策の番号"]: r for r in taken.initiatives if r["施策の評価"]}
    rows = {(r["施策の番号"], r["取組の番号"]): r for r in taken.activities}
    entries = []
    for entry in progress.initiatives:
        done = (
            a.model_copy(update={"mark": _mark(row, "取組の評価")})
            if (row := rows.get((entry.initiative, str(a.at))))
            else a
            for a in entry.activities
        )
        row = marks.get(entry.initiative)
        evaluated = _mark(row, "施策の評価") if row else entry.evaluated
        entries.append(entry.model_copy(update={"activities": tuple(done), "evaluated": evaluated}))
    return progress.model_copy(
        update={
            "plan": plan.id,
            "period": basics.get("期間") or progress.period,
            "title": basics.get("進捗の名称", ""),
            "dated": _dated(basics, "進捗の日付"),
            "kpis": tuple(_kpi_progress(taken, progress)),
            "initiatives": tuple(entries),
            "notes": tuple(r["備考"] for r in taken.notes),
        }
    )


@_of("計画の基本事項")
def _dated(basics: Row, name: str) -> date | None:
    return _day(basics.get(name, ""))


@_of("施策と取組の評価")
def _mark(row: Row, column: str) -> Mark | None:
    return Mark.of(row[column]) if row[column] else None


def _kpi_progress(taken: Taken, progress: Progress) -> Iterator[KpiProgress]:
    comments = {r["KPIの名称"]: r["分析"] for r in taken.kpis if r["分析"]}
    names = list(dict.fromkeys(r["KPIの名称"] for r in taken.actuals if r["種別"] != "参考"))
    for name in [*names, *(n for n in comments if n not in names)]:
        rows = [r for r in taken.actuals if r["KPIの名称"] == name]
        nation = next((r for r in rows if r["種別"] == "全国"), None)
        rank, ranked = next((_place(r) for r in rows if r["全国順位"]), (None, None))
        measure = _measure(name)
        held = progress.of(measure) if measure else None
        yield KpiProgress(
            measure=measure,
            text="" if measure else name,
            actuals=tuple(_actual(r) for r in rows if r["種別"] == "実績"),
            nation=_actual(nation) if nation else None,
            rank=rank,
            ranked=ranked,
            comment=comments.get(name, ""),
            review=held.review if held else (),
        )


@_of("実績の出所")
def _place(row: Row) -> tuple[int | None, int | None]:
    rank, _, ranked = row["全国順位"].partition("/")
    return _whole(rank), _whole(ranked)


def _measure(name: str) -> str | None:
    return next((t.id for t in terms() if name in (t.title, t.id)), None)


@_of("実績の出所")
def _actual(row: Row) -> Actual:
    state = next(k for k, v in STATES.items() if v == row["値"]) if row["値"] in STATES.values() else "value"
    numerator, _, denominator = row["分子／分母"].partition(" / ")
    by, _, entered = row["入力者"].partition("\n")
    definition, _, cutoff = row["定義とデータ締切"].partition("\n")
    return Actual.model_validate(
        {
            "value": None if row["値"] in STATES.values() else _decimal(row["値"]),
            "state": state,
            "as_of": row["時点の記号"],
            "basis": row["基礎"],
            "status": next((k for k, v in STATUSES.items() if v == row["確度"]), None),
            "numerator": _decimal(numerator),
            "denominator": _decimal(denominator),
            "persons": _whole(row["人数"]),
            "source": next(k for k, v in SOURCES.items() if v == row["出所"]),
            "by": by,
            "entered_on": entered or None,
            "why": row["根拠"],
            "definition": definition,
            "cutoff": cutoff,
            "text": row["元の表記"],
        }
    )


def _decimal(text: str) -> Decimal | None:
    return Decimal(text.replace(",", "")) if text else None


def _whole(text: str) -> int | None:
    return int(text.replace(",", "")) if text else None


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
