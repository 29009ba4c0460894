"""Record tables (付属資料): what a plan holds beside its text, as tables a document carries and the reader takes back.

Owners, planned people, budgets, revisions, goals and the source of every figure have no place in the columns councils
read. They stand in tables at the end of a document. Each kind is declared once, with how a row is written and read; so
a document that was written reads back as the same plan.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from kenpo.base.document import Table, table
from kenpo.plan.judging import Mark
from kenpo.plan.model import (
    LEVELS,
    PLAN_STATUSES,
    SOURCES,
    STATUSES,
    Activity,
    Actual,
    Goal,
    Initiative,
    Kpi,
    KpiProgress,
    Pillar,
    Plan,
    Planned,
    Progress,
    Revision,
    TargetChange,
    Weight,
    initiative_key,
)
from kenpo.plan.sentences import kpis_in
from kenpo.plan.targets import Done, Equal, Target, describe
from kenpo.plan.vocabulary import known, plain, terms

_STATES = {"value": "", "missing": "未集計", "not_applicable": "対象外"}
_EXACTLY = re.compile(r"^(-?\d[\d,]*(?:\.\d+)?)(?:%|円|事業所|支部|日|社|位)?$")
_ACTION_PLAN, _ANNUAL = "アクションプラン", "年度事業計画"
_YES, _NO = "○", "×"

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
    events: list[Row] = field(default_factory=list)

    @property
    def of_action_plan(self) -> bool:
        """Whether the tables are those of an action plan."""
        return self.basics["区分"] == _ACTION_PLAN


@dataclass(frozen=True)
class _Kind:
    """A record table: the part of Taken its rows go to, its caption, columns and widths, and how its rows are made.

    needs: how many of its first columns are always written; the others are left out when no row fills them.
    """

    name: str
    caption: str
    needs: int
    columns: tuple[str, ...]
    widths: tuple[float, ...]
    rows: Callable[[Plan, Progress | None], Iterator[Sequence[str]]]

    def is_headed(self, heads: Sequence[str]) -> bool:
        """Whether these headings are this table's."""
        return set(heads) <= set(self.columns) and set(self.columns[: self.needs]) <= set(heads)


def tables(plan: Plan, progress: Progress | None) -> list[Table]:
    """The record tables of a plan and its progress; those without rows are left out."""
    made = []
    for kind in _KINDS:
        rows = [list(row) for row in kind.rows(plan, progress)]
        if not rows:
            continue
        used = [n for n in range(len(kind.columns)) if n < kind.needs or any(row[n] for row in rows)]
        made.append(
            table(
                [kind.columns[n] for n in used],
                [[row[n] for n in used] for row in rows],
                widths=[kind.widths[n] for n in used],
                caption=kind.caption,
            )
        )
    return made


def is_basics(found: Table) -> bool:
    """Whether a table is 計画の基本事項, which every document written from a plan has."""
    heads = ["".join(c.lines) for c in found.rows[0]] if found.rows else []
    return heads == ["項目", "内容"] and len(found.rows) > 1 and found.rows[1][0].text == "計画"


def take(found: Table, taken: list[Taken]) -> bool:
    """Take a record table's rows, told by its headings; 計画の基本事項 begins those of another plan.

    False when it is no record table, or stands before any plan's.
    """
    heads = ["".join(c.lines) for c in found.rows[0]] if found.rows else []
    kind = next((k for k in _KINDS if heads and k.is_headed(heads)), None)
    if kind is None or (kind.name == "basics" and not is_basics(found)):
        return False
    if kind.name == "basics":
        taken.append(Taken())
    elif not taken:
        return False
    for row in found.rows[1:]:
        cells = dict.fromkeys(kind.columns, "")
        cells |= {name: "\n".join(c.lines).strip() for name, c in zip(heads, row, strict=True)}
        if kind.name == "basics":
            taken[-1].basics[cells["項目"]] = cells["内容"]
        else:
            getattr(taken[-1], kind.name).append(cells)
    return True


# ---- writing -----------------------------------------------------------------------------------------------------


def _basics(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    yield "計画", plan.id
    yield "計画の名称", plan.title
    yield "区分", _ACTION_PLAN if plan.kind == "action_plan" else _ANNUAL
    yield "状態", PLAN_STATUSES[plan.status]
    if plan.dated:
        yield "計画の日付", plan.dated.isoformat()
    if plan.action_plan:
        yield _ACTION_PLAN, plan.action_plan
    if progress is not None:
        yield "期間", progress.period
        if progress.title:
            yield "進捗の名称", progress.title
        if progress.dated:
            yield "進捗の日付", progress.dated.isoformat()


def _initiatives(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
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


def _activities(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
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
                    {True: _YES, False: _NO, None: ""}[one.outsourced],
                    _yen(one.budget),
                    _yen(done.spent if done and done.spent is not None else one.spent),
                    done.mark.value if done and done.mark else "",
                )


def _kpis(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    for _, kpi in plan.kpis():
        told = progress.of(kpi.measure) if progress and kpi.measure else None
        comment = told.comment if told else ""
        planned = kpi.planned or Planned()
        yield (
            _name(kpi),
            _target_words(kpi),
            kpi.owner,
            _number(kpi.baseline),
            _number(planned.eligible),
            _number(planned.expected),
            "\n".join(kpi.notes),
            comment,
        )


def _changes(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    for _, kpi in plan.kpis():
        term = known(kpi.measure)
        for change in kpi.history:
            was = describe(change.target, kpi.unit, term.precision if term else 0)
            yield _name(kpi), was, change.until.isoformat(), change.why, change.by


def _goals(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
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


def _revisions(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    for revision in plan.revisions:
        yield revision.on.isoformat(), revision.what, revision.why, revision.by


def _actuals(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    for _, kpi in plan.kpis():
        for actual in kpi.references:
            yield _actual(_name(kpi), "参考", actual)
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
        _number(actual.value) or _STATES[actual.state],
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


def _events(plan: Plan, progress: Progress | None) -> Iterator[Sequence[str]]:
    for event in progress.events if progress else ():
        yield (
            "確定" if event.what == "frozen" else "確定の取消",
            event.on.isoformat(),
            event.by,
            event.why,
            event.cutoff,
        )


_KINDS: tuple[_Kind, ...] = (
    _Kind("basics", "計画の基本事項", 2, ("項目", "内容"), (1, 4), _basics),
    _Kind(
        "revisions",
        "改定の履歴",
        3,
        ("改定日", "改定の内容", "改定の理由", "改定者"),
        (1, 3, 3, 1),
        _revisions,
    ),
    _Kind(
        "initiatives",
        "施策の担当と重み",
        1,
        ("施策の番号", "担当", "重要度", "重要度の理由", "困難度", "困難度の理由", "施策の評価"),
        (2, 1.5, 0.8, 3, 0.8, 3, 0.8),
        _initiatives,
    ),
    _Kind(
        "activities",
        "取組の担当と予算",
        2,
        (
            "施策の番号",
            "取組の番号",
            "担当グループ",
            "新規・継続",
            "業務委託",
            "予算（円）",
            "執行（円）",
            "取組の評価",
        ),
        (3, 0.8, 1.5, 1, 1, 1.4, 1.4, 0.8),
        _activities,
    ),
    _Kind(
        "kpis",
        "KPIの担当と計画人数",
        1,
        ("KPIの名称", "目標", "担当", "基準値", "実施対象者数", "実施見込者数", "注記", "分析"),
        (2.4, 2, 1.2, 0.9, 1.2, 1.2, 2, 2.4),
        _kpis,
    ),
    _Kind(
        "changes",
        "KPI目標の改定",
        2,
        ("KPIの名称", "改定前の目標", "適用の終わり", "改定の理由", "改定者"),
        (2.4, 2, 1.2, 3, 1),
        _changes,
    ),
    _Kind(
        "goals",
        "データヘルス計画と国の目標",
        2,
        ("目標の区分", "目標の内容", "指標ID", "目標値", "目標年度", "現状の値", "現状の時点", "現状の表記"),
        (1, 4, 1.6, 0.8, 1, 0.8, 1, 2),
        _goals,
    ),
    _Kind(
        "actuals",
        "実績の出所",
        3,
        (
            "KPIの名称",
            "種別",
            "値",
            "時点の記号",
            "基礎",
            "確度",
            "分子／分母",
            "人数",
            "出所",
            "入力者",
            "根拠",
            "定義とデータ締切",
            "元の表記",
            "全国順位",
        ),
        (2, 0.7, 0.9, 1.1, 0.8, 0.7, 1.6, 0.9, 0.9, 1, 1.6, 1.6, 2.2, 0.8),
        _actuals,
    ),
    _Kind(
        "events",
        "確定の記録",
        3,
        ("扱い", "年月日", "扱った人", "扱いの理由", "データ締切"),
        (1, 1.2, 1.2, 3, 1.6),
        _events,
    ),
)


def _name(kpi: Kpi) -> str:
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


# ---- reading back ------------------------------------------------------------------------------------------------


def put(taken: Taken, plan: Plan, progress: Progress | None) -> tuple[Plan, Progress | None]:
    """The plan and progress with what the record tables say put in; they have the last word."""
    plan = _put_plan(taken, plan)
    if progress is None and (taken.basics.get("期間") or taken.actuals):
        progress = Progress(plan=plan.id, period=taken.basics.get("期間") or str(plan.first_year))
    if progress is not None:
        progress = _put_progress(taken, plan, progress)
    return plan, progress


def _put_plan(taken: Taken, plan: Plan) -> Plan:
    basics = taken.basics
    branch, first, *last = basics["計画"].split("-")
    revisions = (
        Revision(
            on=date.fromisoformat(r["改定日"]), what=r["改定の内容"], why=r["改定の理由"], by=r["改定者"]
        )
        for r in taken.revisions
    )
    return plan.model_copy(
        update={
            "branch": branch,
            "first_year": int(first),
            "last_year": int(last[0]) if last else int(first),
            "title": basics["計画の名称"],
            "kind": "action_plan" if taken.of_action_plan else "annual",
            "status": next(k for k, v in PLAN_STATUSES.items() if v == basics["状態"]),
            "dated": _day(basics.get("計画の日付")),
            "action_plan": basics.get(_ACTION_PLAN),
            "review": tuple(r for r in plan.review if "分かりません" not in r.what),
            "goals": tuple(_goal(r) for r in taken.goals),
            "revisions": tuple(revisions),
            "pillars": tuple(_put_pillar(taken, p) for p in plan.pillars),
        }
    )


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


def _activity(row: Row) -> dict[str, Any]:
    return {
        "group": row["担当グループ"],
        "new": {"新規": True, "継続": False}.get(row["新規・継続"]),
        "outsourced": {_YES: True, _NO: False}.get(row["業務委託"]),
        "budget": _whole(row["予算（円）"]),
        "spent": _whole(row["執行（円）"]),
    }


def _put_kpi(taken: Taken, kpi: Kpi) -> Kpi:
    name, update = _name(kpi), dict[str, Any]()
    if row := next((r for r in taken.kpis if r["KPIの名称"] == name), None):
        planned = Planned(eligible=_whole(row["実施対象者数"]), expected=_whole(row["実施見込者数"]))
        update |= {
            "target": _target(row["目標"], kpi) if row["目標"] else None,
            "owner": row["担当"],
            "baseline": _decimal(row["基準値"]),
            "planned": planned if planned != Planned() else None,
            "notes": tuple(row["注記"].split("\n")) if row["注記"] else (),
        }
    update["references"] = tuple(
        _read_actual(r) for r in taken.actuals if r["種別"] == "参考" and r["KPIの名称"] == name
    )
    update["history"] = tuple(_change(r, kpi) for r in taken.changes if r["KPIの名称"] == name)
    return kpi.model_copy(update=update)


def _change(row: Row, kpi: Kpi) -> TargetChange:
    return TargetChange(
        target=_target(row["改定前の目標"], kpi),
        until=date.fromisoformat(row["適用の終わり"]),
        why=row["改定の理由"],
        by=row["改定者"],
    )


def _target_words(kpi: Kpi) -> str:
    term = known(kpi.measure)
    return describe(kpi.target, kpi.unit, term.precision if term else 0) if kpi.target else ""


def _target(words: str, kpi: Kpi) -> Target:
    if exactly := _EXACTLY.match(plain(words)):
        return Equal(value=exactly[1].replace(",", ""))  # type: ignore[arg-type]
    if re.fullmatch(r"(全支部で)?(毎月)?実施", words):
        return Done(every_month="毎月" in words, all_branches="全支部" in words)
    term = known(kpi.measure)
    sentence = term.sentence.replace("{target}", words) if term else f"{kpi.text}{words}"
    found = next((s.target for s in kpis_in(sentence) if s.target is not None), None)
    assert found is not None, words
    return found


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
    update: dict[str, Any] = {
        "plan": plan.id,
        "period": taken.basics.get("期間") or progress.period,
        "title": taken.basics.get("進捗の名称", ""),
        "dated": _day(taken.basics.get("進捗の日付")),
        "kpis": tuple(_kpi_progress(taken, plan, progress)),
    }
    marks = {r["施策の番号"]: r["施策の評価"] for r in taken.initiatives if r["施策の評価"]}
    rows = {(r["施策の番号"], r["取組の番号"]): r for r in taken.activities}
    entries = []
    for entry in progress.initiatives:
        done = tuple(
            a.model_copy(
                update={
                    "mark": Mark.of(row["取組の評価"]) if row["取組の評価"] else None,
                }
            )
            if (row := rows.get((entry.initiative, str(a.at))))
            else a
            for a in entry.activities
        )
        mark = marks.get(entry.initiative)
        entries.append(
            entry.model_copy(
                update={"activities": done, "evaluated": Mark.of(mark) if mark else entry.evaluated}
            )
        )
    update["initiatives"] = tuple(entries)
    return progress.model_copy(update=update)


def _kpi_progress(taken: Taken, plan: Plan, progress: Progress) -> Iterator[KpiProgress]:
    comments = {r["KPIの名称"]: r["分析"] for r in taken.kpis if r["分析"]}
    names = list(dict.fromkeys(r["KPIの名称"] for r in taken.actuals if r["種別"] != "参考"))
    for name in [*names, *(n for n in comments if n not in names)]:
        rows = [r for r in taken.actuals if r["KPIの名称"] == name]
        nation = next((r for r in rows if r["種別"] == "全国"), None)
        place = next((r["全国順位"] for r in rows if r["全国順位"]), "")
        rank, _, ranked = place.partition("/")
        measure = _measure(name)
        held = next(
            (k for k in progress.kpis if k.measure == measure and measure), KpiProgress(measure=measure)
        )
        yield KpiProgress(
            measure=measure,
            text="" if measure else name,
            actuals=tuple(_read_actual(r) for r in rows if r["種別"] == "実績"),
            nation=_read_actual(nation) if nation else None,
            rank=int(rank) if rank else None,
            ranked=int(ranked) if ranked else None,
            comment=comments.get(name, ""),
            review=held.review,
        )


def _measure(name: str) -> str | None:
    return next((t.id for t in terms() if name in (t.title, t.id)), None)


def _read_actual(row: Row) -> Actual:
    state = (
        next(k for k, v in _STATES.items() if v == row["値"]) if row["値"] in _STATES.values() else "value"
    )
    numerator, _, denominator = row["分子／分母"].partition(" / ")
    by, _, entered = row["入力者"].partition("\n")
    definition, _, cutoff = row["定義とデータ締切"].partition("\n")
    return Actual.model_validate(
        {
            "value": None if row["値"] in _STATES.values() else _decimal(row["値"]),
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


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
