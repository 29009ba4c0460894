"""Plans in the office (事業計画): who may do what with a plan, how its files are changed, and a report's way to be finished.

The files in the folder of plans are the truth, for the web as for the terminal; the database keeps who submitted, checked
and finished a report. Every change is made on what its form showed (`version`): when that is another by now, the change is
refused. Changes of a plan's files are made one after another (`locked`), with those that the terminal makes.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import tempfile
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from pydantic import TypeAdapter

from kenpo.base.branches import NATION_CODE
from kenpo.base.document import Document
from kenpo.base.errors import ArgumentError
from kenpo.catalogue import MEASURES
from kenpo.frame.casekind import Group, Role, staff
from kenpo.intake.documents import read_document
from kenpo.lake import Lake
from kenpo.office import audit, boards
from kenpo.office.acting import Duty, on_duty
from kenpo.office.audit import What
from kenpo.office.models import PlanStep
from kenpo.plan.board import Board, board
from kenpo.plan.filling import fill
from kenpo.plan.freezing import Frozen, freeze, reopen
from kenpo.plan.model import (
    PERIOD_TITLES,
    Initiative,
    InitiativeProgress,
    Kpi,
    KpiProgress,
    Pillar,
    Plan,
    Progress,
    Review,
    initiative_key,
    period_title,
)
from kenpo.plan.reading import Reading, read_plan
from kenpo.plan.report import file_names, plan_document, progress_report, summary
from kenpo.plan.store import PlanError, Plans, seal, to_yaml
from kenpo.press.writing import render

PLAN_ID = re.compile(r"\d\d-\d{4}(-\d{4})?")
PERIOD = re.compile(r"\d{4}(H[12]|Q[1-4])?")
PERIODS = ("Q1", "Q2", "H1", "Q3", "Q4", "H2", "")
"""The periods of a year, in order of time."""

PERIOD_NAMES = {part: PERIOD_TITLES.get(part, "年度") for part in PERIODS}
"""Their names."""

# ---- people ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rights:
    """What someone may do with a branch's plans (できること).

    edits: change plans and every 施策's progress (企画総務グループ). groups: enter the progress of what these groups are
    in charge of. submits, checks, finishes: the steps of a report; returns: send it back to be written on.
    """

    edits: bool = False
    submits: bool = False
    checks: bool = False
    finishes: bool = False
    groups: tuple[Group, ...] = ()

    @property
    def returns(self) -> bool:
        """Whether a submitted report may be sent back or taken back."""
        return self.submits or self.checks or self.finishes

    @property
    def reports(self) -> bool:
        """Whether any progress may be entered."""
        return self.edits or bool(self.groups)

    def enters(self, path: Sequence[Initiative]) -> bool:
        """Whether the progress of a 施策 may be entered: it is in charge of, or one of its 取組 or KPIs is."""
        return self.edits or any(in_charge(group, path) for group in self.groups)


def rights(duty: Duty, branch: str) -> Rights:
    """What the person who acts may do with the plans of a branch; nothing but reading where they do not write."""
    if not branch or duty.writes != branch:
        return Rights()
    if branch == NATION_CODE:
        own = duty.has(Role.HEAD_OFFICE)
        return Rights(own, own, own, own)
    roles = duty.actor.roles
    return Rights(
        edits=duty.has(*staff(Group.PLANNING)),
        submits=Role.PLANNING_CLERK in roles,
        checks=Role.PLANNING_CHECKER in roles,
        finishes=duty.has(Role.PLANNING_APPROVER, Role.BRANCH_HEAD),
        groups=tuple(sorted({r.group for r in roles if r.group})),
    )


def in_charge(group: Group, path: Sequence[Initiative]) -> bool:
    """Whether a group is in charge (担当) of a 施策: the nearest owner named on the way to it, its 取組 or its KPIs say so."""
    own = path[-1]
    owner = next((i.owner for i in reversed(path) if i.owner), "")
    named = (owner, *(a.group for a in own.activities), *(k.owner for k in own.kpis))
    name = re.escape(group.label.removesuffix("グループ"))
    short = re.compile(rf"{name}\s*(グループ|G|$|[、・／/,])")
    return any(short.search(unicodedata.normalize("NFKC", one)) for one in named)


def readable(plan: str, branch: str) -> bool:
    """Whether staff of a branch read a plan: their own, and head office's action plan it belongs to."""
    own = plan[:2] == branch
    return PLAN_ID.fullmatch(plan) is not None and (
        own or (plan.startswith(f"{NATION_CODE}-") and len(plan) == len("00-2024-2026"))
    )


# ---- files -------------------------------------------------------------------------------------------------------


class StaleError(PlanError):
    """Somebody changed what a form showed before it came back (ほかの人が先に変更した)."""

    code = "plan_stale"


def store() -> Plans:
    """The folder of plans of the office that runs."""
    return Plans(settings.CONFIG.plans)


def lake() -> Lake | None:
    """The lake of the office that runs, if there is one."""
    return boards.of_office().lake


@contextlib.contextmanager
def locked(plan: str) -> Iterator[Plans]:
    """Change the files of a plan while nobody else does; what is refused leaves nothing in the database.

    The next one of the office comes when the transaction has ended, so that it sees the steps taken here; the terminal,
    which takes no steps, when the files are written.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", (f"plan {plan}",))
    there = store()
    with there.locked(plan), transaction.atomic():
        yield there


def version(shown: Any) -> str:
    """The version of what a form shows."""
    return hashlib.sha256(json.dumps(shown, ensure_ascii=False, default=str).encode()).hexdigest()[:32]


def mark(plan: Plan, progress: Progress) -> str:
    """The mark of what people wrote of a period: of the plan, and of the report without what the lake fills in."""
    bare = progress.model_copy(
        update={"events": (), "board": (), "kpis": tuple(k for k in map(_told, progress.kpis) if k)}
    )
    return hashlib.sha256((to_yaml(plan) + to_yaml(bare)).encode()).hexdigest()


def _told(kpi: KpiProgress) -> KpiProgress | None:
    told = kpi.model_copy(
        update={
            "actuals": tuple(a for a in kpi.actuals if a.source != "computed"),
            "nation": None,
            "rank": None,
            "ranked": None,
        }
    )
    return told if told.actuals or told.comment or told.review else None


def board_of(plan: Plan, progress: Progress) -> Board:
    """The board of a report, the lake's figures in it, as the terminal makes it."""
    there = lake()
    if there:
        progress = fill(there, MEASURES, plan, progress).progress
    return board(plan, progress, lake=there, measures=MEASURES, plans=store(), today=boards.today())


def seen(plan: Plan, period: str) -> Board:
    """The board of a report as pages show it: worked out once for the files, the lake and the day."""
    day = boards.today().isoformat()
    return boards.of_office().extra(
        f"report-{plan.id}.{period}",
        (day,),
        _BOARD,
        lambda: board_of(plan, store().progress(plan.id, period)),
    )


_BOARD: TypeAdapter[Board] = TypeAdapter(Board)


# ---- the steps of a report ---------------------------------------------------------------------------------------


class State(StrEnum):
    """How far a progress report is (状態)."""

    DRAFT = "作成中"
    SUBMITTED = "提出"
    CHECKED = "確認済み"
    FINISHED = "確定"

    @property
    def kind(self) -> str:
        """The kind of badge it takes."""
        return {"作成中": "neutral", "提出": "info", "確認済み": "info", "確定": "ok"}[self.value]


STEPS = {
    "submitted": "提出した",
    "checked": "確認した",
    "returned": "差し戻した",
    "frozen": "確定した",
    "reopened": "確定を取り消した",
}


@dataclass(frozen=True)
class Standing:
    """Where a report stands: its state, the steps that hold, all steps (oldest first), and whether it was changed since."""

    state: State
    submitted: PlanStep | None = None
    checked: PlanStep | None = None
    steps: tuple[PlanStep, ...] = ()
    changed: bool = False

    @property
    def open(self) -> bool:
        """Whether it may be written on."""
        return self.state is State.DRAFT

    @property
    def hands(self) -> set[str]:
        """Who has submitted or checked it."""
        return {s.by for s in (self.submitted, self.checked) if s}


def standing(plan: Plan, progress: Progress, steps: Iterable[PlanStep]) -> Standing:
    """Where a report stands by its file and its steps. A step holds only for the content it was taken on."""
    told = tuple(steps)
    submitted = checked = None
    for step in told:
        if step.step == "submitted":
            submitted, checked = step, None
        elif step.step == "checked":
            checked = step
        elif step.step == "frozen" and progress.frozen:
            pass
        else:
            submitted = checked = None
    if progress.frozen:
        return Standing(State.FINISHED, submitted, checked, told)
    if submitted is None:
        return Standing(State.DRAFT, steps=told)
    now = mark(plan, progress)
    if any(s.mark != now for s in (submitted, checked) if s):
        return Standing(State.DRAFT, steps=told, changed=True)
    return Standing(State.CHECKED if checked else State.SUBMITTED, submitted, checked, told)


def steps_of(plan: str, period: str) -> list[PlanStep]:
    """The steps of a report, oldest first."""
    return list(PlanStep.objects.filter(branch=plan[:2], plan=plan, period=period).order_by("id"))


def _taken(step: str, plan: Plan, progress: Progress, what: What, note: str = "") -> None:
    PlanStep.objects.create(
        branch=plan.branch,
        plan=plan.id,
        period=progress.period,
        step=step,
        mark=mark(plan, progress),
        note=note,
        by=on_duty().actor.id,
    )
    audit.record(what, detail=f"{plan.id} {period_title(progress.period)}")


@dataclass(frozen=True)
class Report:
    """A progress report as it is in its files: plan, progress, and where it stands."""

    plan: Plan
    progress: Progress
    standing: Standing


def report(plan: str, period: str) -> Report:
    """A report as it stands. Raises ArgumentError for a plan that is not there, and PlanError for a broken seal."""
    there = store()
    held, progress = there.plan(plan), there.progress(plan, period)
    return Report(held, progress, standing(held, progress, steps_of(plan, period)))


def submit(plan: str, period: str, seen: str) -> None:
    """Submit a report (提出). seen: the mark of what the person saw.

    Raises PermissionDenied, StaleError, and PlanError when it is not being written.
    """
    _require(rights(on_duty(), plan[:2]).submits)
    with locked(plan):
        one = _as_seen(report(plan, period), seen)
        _in_state(one, State.DRAFT)
        _taken("submitted", one.plan, one.progress, What.REPORT_SUBMITTED)


def check(plan: str, period: str, seen: str) -> None:
    """Check a submitted report (確認); never who submitted it."""
    _require(rights(on_duty(), plan[:2]).checks)
    with locked(plan):
        one = _as_seen(report(plan, period), seen)
        _in_state(one, State.SUBMITTED)
        _another(one, "提出した人は、確認できません。")
        _taken("checked", one.plan, one.progress, What.REPORT_CHECKED)


def send_back(plan: str, period: str, why: str) -> None:
    """Send a submitted report back to be written on (差戻し), with the reason."""
    _require(rights(on_duty(), plan[:2]).returns)
    with locked(plan):
        one = report(plan, period)
        _in_state(one, State.SUBMITTED, State.CHECKED)
        _taken("returned", one.plan, one.progress, What.REPORT_RETURNED, _reason(why))


def finish(plan: str, period: str, seen: str, by: str) -> Frozen:
    """Finish a checked report (確定); never who submitted or checked it. seen: `frozen_mark` of the board that was shown.

    Raises PermissionDenied, StaleError when text or figures are others by now, and PlanError when it is not checked.
    """
    _require(rights(on_duty(), plan[:2]).finishes)
    with locked(plan) as there:
        one = report(plan, period)
        _in_state(one, State.CHECKED)
        _another(one, "提出した人と確認した人は、確定できません。")
        made = board_of(one.plan, one.progress)
        if frozen_mark(made) != seen:
            raise _stale()
        done = freeze(made, by=by, on=boards.today())
        _taken("frozen", one.plan, one.progress, What.REPORT_FROZEN)
        there.save(done.progress)
        return done


def take_back(plan: str, period: str, why: str, by: str) -> None:
    """Take back the freeze of a report (確定の取消), with the reason; also of one that was changed outside kenpo."""
    _require(rights(on_duty(), plan[:2]).finishes)
    with locked(plan) as there:
        held, progress = there.plan(plan), there.unsealed(plan, period)
        opened = reopen(progress, by=by, on=boards.today(), why=_reason(why), broken=True)
        _taken("reopened", held, opened, What.REPORT_REOPENED, _reason(why))
        there.save(opened)


def frozen_mark(made: Board) -> str:
    """The mark of all that a freeze would keep: texts, figures and rows."""
    return version(
        [mark(made.plan, made.progress), seal(made.progress.model_copy(update={"board": made.rows}))]
    )


def _require(allowed: bool) -> None:
    if not allowed:
        raise PermissionDenied


def _reason(why: str) -> str:
    if not why.strip():
        raise ArgumentError("理由がありません。", todo="理由を書いてください。")
    return why.strip()


def _as_seen(one: Report, seen: str) -> Report:
    if mark(one.plan, one.progress) != seen:
        raise _stale()
    return one


def _stale() -> StaleError:
    return StaleError(
        "画面を開いた後に、計画か報告の内容が変わりました。",
        todo="いまの内容を確かめて、もう一度行ってください。",
    )


def _in_state(one: Report, *states: State) -> None:
    if one.standing.state in states:
        return
    said, todo = (
        f"この報告は、いま「{one.standing.state}」です。",
        "画面を開き直して、状態を確かめてください。",
    )
    if one.standing.state is State.FINISHED:
        raise PlanError(said, todo=todo, code="frozen")
    raise PlanError(said, todo=todo, code="report_state")


def _another(one: Report, what: str) -> None:
    if on_duty().actor.id in one.standing.hands:
        raise PlanError(what, todo="別の人が行ってください。", code="report_same_person")


# ---- changes -----------------------------------------------------------------------------------------------------

Shown = Callable[[Plan, Progress], Mapping[str, Any]]
"""What a form shows of a plan and its report: name of the field → text."""


def change_progress(
    plan: str, period: str, sent: str, shown: Shown, edit: Callable[[Plan, Progress], Progress], detail: str
) -> Progress:
    """Change a report, when its form still shows what it showed (`sent`), and it is being written.

    Raises StaleError, and PlanError (frozen, report_state) when it was submitted or finished.
    """
    with locked(plan) as there:
        one = report(plan, period)
        _in_state(one, State.DRAFT)
        if version(shown(one.plan, one.progress)) != sent:
            raise _stale()
        changed = edit(one.plan, one.progress)
        audit.record(What.PROGRESS_ENTERED, detail=f"{plan} {period_title(period)} {detail}".strip())
        there.save(changed)
        return changed


def change_plan(
    plan: str,
    sent: str,
    shown: Callable[[Plan], Mapping[str, Any]],
    edit: Callable[[Plan], Plan],
    detail: str,
) -> Plan:
    """Change a plan, when its form still shows what it showed (`sent`). Raises StaleError."""
    with locked(plan) as there:
        held = there.plan(plan)
        if version(shown(held)) != sent:
            raise _stale()
        changed = edit(held)
        audit.record(What.PLAN_CHANGED, detail=f"{plan} {detail}")
        there.save(changed)
        return changed


def fill_in(plan: str, period: str) -> Sequence[str]:
    """Put the lake's figures into a report that is being written, and begin it when there is none; the measures filled."""
    with locked(plan) as there:
        one = report(plan, period)
        _in_state(one, State.DRAFT)
        data = lake()
        done = fill(data, MEASURES, one.plan, one.progress) if data else None
        audit.record(What.PROGRESS_ENTERED, detail=f"{plan} {period_title(period)} 自動計算の記入")
        there.save(done.progress if done else one.progress)
        return done.filled if done else ()


def found(plan: Plan, key: str) -> tuple[Pillar, tuple[Initiative, ...]] | None:
    """The 施策 with a key: its pillar and the way to it."""
    return next(((p, w) for p, w in plan.initiatives() if initiative_key(p, w) == key), None)


def with_initiative(plan: Plan, old: Initiative, new: Initiative) -> Plan:
    """The plan with a 施策 in the place of another."""

    def put(held: Initiative) -> Initiative:
        if held is old:
            return new
        return held.model_copy(update={"children": tuple(put(c) for c in held.children)})

    pillars = tuple(
        p.model_copy(update={"initiatives": tuple(put(i) for i in p.initiatives)}) for p in plan.pillars
    )
    return plan.model_copy(update={"pillars": pillars})


def without_review(plan: Plan, review: str) -> Plan:
    """The plan without something to look at that a person has looked at (要確認 → 確かめた). review: its `version`.

    Raises StaleError when it is no longer there.
    """

    def rest(held: tuple[Review, ...]) -> tuple[Review, ...]:
        return tuple(r for r in held if version(r.model_dump()) != review)

    def kpis(held: tuple[Kpi, ...]) -> tuple[Kpi, ...]:
        return tuple(k.model_copy(update={"review": rest(k.review)}) if k.review else k for k in held)

    def put(held: Initiative) -> Initiative:
        return held.model_copy(
            update={"kpis": kpis(held.kpis), "children": tuple(put(c) for c in held.children)}
        )

    pillars = tuple(
        p.model_copy(update={"kpis": kpis(p.kpis), "initiatives": tuple(put(i) for i in p.initiatives)})
        for p in plan.pillars
    )
    changed = plan.model_copy(update={"review": rest(plan.review), "pillars": pillars})
    if changed == plan:
        raise _stale()
    return changed


def with_told(progress: Progress, told: InitiativeProgress, comments: Mapping[str, str]) -> Progress:
    """The report with the progress of a 施策, and the comments of measures."""
    there = any(i.initiative == told.initiative for i in progress.initiatives)
    every = (
        tuple(told if i.initiative == told.initiative else i for i in progress.initiatives)
        if there
        else (*progress.initiatives, told)
    )
    empty = InitiativeProgress(initiative=told.initiative)
    kpis = tuple(
        k.model_copy(update={"comment": comments[k.measure]}) if k.measure and k.measure in comments else k
        for k in progress.kpis
    )
    held = {k.measure for k in progress.kpis}
    new = tuple(KpiProgress(measure=m, comment=c) for m, c in comments.items() if c and m not in held)
    return progress.model_copy(
        update={"initiatives": tuple(i for i in every if i != empty), "kpis": (*kpis, *new)}
    )


# ---- documents ---------------------------------------------------------------------------------------------------

DOCUMENTS = {"progress": "進捗報告", "plan": "事業計画", "summary": "評議会資料"}


def _document(kind: str, plan: Plan, made: Board | None) -> Document:
    if kind == "plan" or made is None:
        folder = store()
        beside = folder.plan(plan.action_plan) if plan.action_plan in folder.ids() else None
        return plan_document(plan, beside)
    make = progress_report if kind == "progress" else summary
    return make(plan, made.progress, made.rows)


def file_of(kind: str, form: str, plan: Plan, made: Board | None) -> tuple[str, bytes]:
    """The name and the bytes of a document's file, as `kenpo plan report` writes it; made once for what it holds.

    made: the board of the period, None for the plan alone.
    """
    name = file_names(plan, made.progress if made else None)[kind]
    said = to_yaml(made.progress.model_copy(update={"board": made.rows})) if made else ""
    content = boards.of_office().extra(
        f"file-{plan.id}.{made.period if made else ''}.{kind}.{form}",
        (version([to_yaml(plan), said]),),
        _FILE,
        lambda: base64.b64encode(render(_document(kind, plan, made), form)).decode(),
    )
    return f"{name}.{form}", base64.b64decode(content)


_FILE: TypeAdapter[str] = TypeAdapter(str)


# ---- documents that come in --------------------------------------------------------------------------------------

LARGEST = 10 * 1024 * 1024
"""Bytes of a document that is taken in."""


@dataclass(frozen=True)
class Taken:
    """What a document holds for a branch (取込みの内容): plans and progress, what is in doubt, and what is left out.

    plans: those of the branch. other: the title of a plan of another, which is not kept. assumed: the document does not
    say whose it is.
    """

    plans: tuple[Plan, ...]
    progress: Progress | None
    review: tuple[Review, ...]
    other: str = ""
    assumed: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """The names of the files it makes, without their ending."""
        of_progress = (f"{self.progress.plan}.{self.progress.period}",) if self.progress else ()
        return (*(p.id for p in self.plans), *of_progress)


def take(name: str, content: bytes, *, year: int | None = None, period: str | None = None) -> Taken:
    """Read a document for the branch that is written to; nothing is kept yet.

    The document stands in a folder of the plans while it is read, and is removed after. Raises InputFileError for one
    that cannot be read, ArgumentError for one that is no plan, does not say of which year, or is another branch's.
    """
    branch = on_duty().writes
    if len(content) > LARGEST:
        raise ArgumentError(
            "ファイルが大きすぎます（10MBまで）。", todo="画像を除くか、文書を分けてください。"
        )
    folder = store().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".import-") as place:
        file = Path(place) / f"文書{Path(name).suffix.lower()[:9]}"
        file.write_bytes(content)
        document = read_document(file)
    reading = read_plan(document, year=year, period=period)
    unknown = [p for p in (reading.annual, reading.action_plan) if p and _says(p, "本部か、どの支部の")]
    if unknown:
        reading = read_plan(document, branch=branch, year=year, period=period)
    return replace(_for_branch(reading, branch), assumed=bool(unknown))


def _says(plan: Plan, what: str) -> bool:
    return any(what in r.what for r in plan.review)


def _for_branch(reading: Reading, branch: str) -> Taken:
    every = [p for p in (reading.annual, reading.action_plan) if p is not None]
    if not any(pillar.initiatives or pillar.kpis for plan in every for pillar in plan.pillars):
        raise ArgumentError(
            "事業計画の柱・施策・KPIが1つも見つかりません。", todo="計画の文書かどうかを確かめてください。"
        )
    if any(_says(p, "どの年度の") for p in every):
        raise ArgumentError("どの年度の計画か、文書から分かりません。", todo="年度を書いてください。")
    own = tuple(p for p in every if p.branch == branch)
    if not own:
        raise ArgumentError(
            f"この文書は「{every[0].title}」で、この支部の計画ではありません。",
            todo="自分の支部の計画の文書を選んでください。",
        )
    other = next((p.title for p in every if p.branch != branch), "")
    progress = reading.progress if reading.progress and reading.progress.plan[:2] == branch else None
    return Taken(own, progress, reading.review, other)


def keep(taken: Taken, sent: str, *, overwrite: bool) -> list[str]:
    """Keep what a document holds in the plan files; the names of those written.

    A plan that is there stays when the document is a report of its progress. sent: `version` of `there` when the reading
    was shown. Raises StaleError, ArgumentError without overwrite, and PlanError for a report that is
    submitted or finished.
    """
    _require(rights(on_duty(), taken.plans[0].branch).edits)
    with contextlib.ExitStack() as held:
        for plan in sorted(taken.plans, key=lambda p: p.id):
            held.enter_context(locked(plan.id))
        folder = store()
        before = there(taken)
        if version(before) != sent:
            raise _stale()
        kept = [p for p in taken.plans if taken.progress and p.id in before and not overwrite]
        again = [name for name in before if name not in {p.id for p in kept}]
        if again and not overwrite:
            raise ArgumentError(
                f"同じ計画ファイルがもうあります（{'、'.join(again)}）。",
                todo="書き換えてよければ「いまの内容を書き換える」を選んでください。",
            )
        if taken.progress and f"{taken.progress.plan}.{taken.progress.period}" in before:
            _in_state(report(taken.progress.plan, taken.progress.period), State.DRAFT)
        new = [*(p for p in taken.plans if p not in kept), *([taken.progress] if taken.progress else [])]
        names = [f"{h.plan}.{h.period}" if isinstance(h, Progress) else h.id for h in new]
        audit.record(What.PLAN_IMPORTED, detail="、".join(names))
        for one in new:
            folder.save(one)
        return names


def there(taken: Taken) -> dict[str, str]:
    """The files that a document would write over: name → digest."""
    folder = store().folder
    files = {name: folder / f"{name}.yaml" for name in taken.paths}
    return {n: hashlib.sha256(f.read_bytes()).hexdigest() for n, f in files.items() if f.is_file()}


_TAKEN: TypeAdapter[Taken] = TypeAdapter(Taken)
_SALT = "kenpo.office.plans.taken"
_HOURS_2 = 2 * 60 * 60


def sealed(taken: Taken) -> str:
    """What was read, to be carried by the page until it is kept: signed for the person who acts, on no disk."""
    told = base64.b64encode(zlib.compress(_TAKEN.dump_json(taken))).decode()
    return signing.TimestampSigner(salt=f"{_SALT} {on_duty().actor.id}").sign(told)


def unsealed(text: str) -> Taken:
    """What a page carried. Raises ArgumentError when it is not what was sent to this person in the last two hours."""
    try:
        told = signing.TimestampSigner(salt=f"{_SALT} {on_duty().actor.id}").unsign(text, max_age=_HOURS_2)
    except signing.BadSignature:
        raise ArgumentError("読み取りから時間がたちました。", todo="文書をもう一度選んでください。") from None
    return _TAKEN.validate_json(zlib.decompress(base64.b64decode(told)))
