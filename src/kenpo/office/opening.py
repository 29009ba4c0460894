"""Openings (案件を始める): a worklist becomes a plan that people look at, and the plan becomes cases.

Two jobs. The first computes the list, decides for every row what becomes of it and writes the whole plan in one
transaction, so that a plan is there altogether or not at all. The second carries it out, some rows at a time; a row is
marked as done in the transaction that opens its case. Either can be killed at any moment and run again: case ids follow
from kind, branch and key, so that nothing is opened twice.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast

import polars as pl
import pyarrow as pa
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, transaction
from django.db.models import Count, Max, QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from kenpo.base.era import to_wareki
from kenpo.base.errors import KenpoError
from kenpo.catalogue import CASEKINDS, WORKLISTS
from kenpo.frame.casekind import CaseKind, Subject
from kenpo.frame.cases import (
    Access,
    Actor,
    Candidate,
    CaseError,
    Event,
    Exclusions,
    Known,
    Passed,
    access,
    candidates,
    contents_of,
    open_candidate,
    plan_opening,
)
from kenpo.frame.cases import Opening as Plan
from kenpo.frame.cases.people import workers
from kenpo.frame.months import data_months, membership_day
from kenpo.frame.worklist import Worklist, run
from kenpo.lake import Lake
from kenpo.lake.current import current
from kenpo.lake.tables import ALL_TABLES
from kenpo.office.acting import account_of, acting, on_duty, system
from kenpo.office.casework import kind_of, open_many
from kenpo.office.figures import stamp
from kenpo.office.lists import Frame
from kenpo.office.models import CaseRow, ControlRow, LetterRow, Opening, OpeningRow
from kenpo.office.optouts import in_force, opted_out_of
from kenpo.office.rows import insert

KEPT = 24
"""Lists that are kept in files, for the present state of the lake; the oldest go first."""

_TASKS = ("kenpo.prepare_opening", "kenpo.open_cases")
_PLANNED, _OPENED, _ASKED = 5000, 500, 5000
"""Rows at once: whose contents are made, whose cases are opened in one transaction, that are asked for in one query."""


class State(StrEnum):
    """Where an opening stands."""

    PREPARING = "preparing"
    PREPARED = "prepared"
    OPENING = "opening"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Outcome(StrEnum):
    """What becomes of a row."""

    OPEN = "open"
    CONTROL = "control"
    EXCLUDED = "excluded"
    OVER = "over"


@dataclass(frozen=True)
class Terms:
    """How an opening is to be made, as people chose it.

    month: of the list. capacity: cases at most, None for all. control_percent: how many in a hundred are held out by
    chance. quiet_days: who was written to within so many days is left out, 0 for nobody. seed: of the draw.
    """

    month: date
    capacity: int | None = None
    control_percent: Decimal = Decimal(0)
    quiet_days: int = 0
    seed: str = ""

    def to_json(self) -> dict[str, Any]:
        """The terms as Opening.settings keeps them."""
        return {
            "month": self.month.isoformat(),
            "capacity": self.capacity,
            "control_percent": str(self.control_percent),
            "quiet_days": self.quiet_days,
            "seed": self.seed,
        }


def terms_of(opening: Opening) -> Terms:
    """The terms an opening keeps."""
    kept = opening.settings
    return Terms(
        date.fromisoformat(kept["month"]),
        kept["capacity"],
        Decimal(kept["control_percent"]),
        kept["quiet_days"],
        kept["seed"],
    )


# ---- what there is to open ---------------------------------------------------------------------------------------


def kinds_of(worklist: str) -> tuple[CaseKind, ...]:
    """The kinds of case that are opened from a worklist."""
    return tuple(kind for kind in CASEKINDS.values() if kind.worklist == worklist)


def may_open(kind: CaseKind) -> bool:
    """Whether the person may open cases of a kind here."""
    duty = on_duty()
    return bool(duty.writes) and duty.actor.first_of(workers(kind)) is not None


def may_look(worklist: Worklist) -> bool:
    """Whether the person may look at the rows of a list: of one that opens cases, who may read those."""
    duty, kinds = on_duty(), kinds_of(worklist.id)
    return not kinds or any(access(k, duty.branch, duty.actor) is Access.CONTENT for k in kinds)


def lake() -> Lake:
    """The lake. Raises LakeError when there is none."""
    return Lake.open(settings.CONFIG.lake)


def months() -> list[date]:
    """The months lists can be made of, the newest first. Raises LakeError when there is no lake."""
    return data_months(lake())[::-1]


def look(worklist: Worklist, branch: str, month: date) -> Frame:
    """The rows of a worklist of a branch and month as they stand now. Raises what `frame.worklist.run` does.

    A list is made once for every state of the lake and lies in a file of the office's home, where every process finds it; of
    half a million rows only those that are shown are read.
    """
    source, began = lake(), stamp()
    path = Path(settings.CONFIG.home) / "worklists" / f"{began}-{worklist.id}-{branch}-{month:%Y-%m}.arrow"
    with _one_at_a_time:
        try:
            return _laid_out(path)
        except FileNotFoundError:
            rows = run(source, worklist, branch, month)
            if stamp() != began:
                return Frame(rows)
            _keep(path, rows, began)
            return _laid_out(path)


def _laid_out(path: Path) -> Frame:
    """A list that lies in a file. Raises FileNotFoundError without it."""
    name = f"{path} {path.stat().st_mtime_ns}"
    with pa.memory_map(str(path)) as lying:
        table = pa.ipc.open_file(lying).read_all()
    return Frame(cast(pl.DataFrame, pl.from_arrow(table)), name)


_one_at_a_time = Lock()
"""Lists are large: of several people who look at once, each is served in turn, the later ones from what is kept."""


def _keep(path: Path, rows: pl.DataFrame, began: str) -> None:
    """Write a list whole or not at all; those of former states of the lake go, and the oldest when there are too many."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(f".{os.getpid()}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        rows.write_ipc(out)
    new.replace(path)
    there = sorted(path.parent.glob("*.arrow"), key=lambda p: p.stat().st_mtime_ns, reverse=True)
    for n, old in enumerate(there):
        if n >= KEPT or not old.name.startswith(began):
            old.unlink(missing_ok=True)


# ---- begun, confirmed, cancelled ---------------------------------------------------------------------------------


def seed_of(kind: CaseKind) -> str | None:
    """The seed of the draws of a kind in the branch: that of its first opening, None before it.

    One seed for all openings of a kind, so that who was held out once stays so from list to list.
    """
    return (
        Opening.objects.filter(branch=on_duty().branch, kind=kind.id)
        .order_by("pk")
        .values_list("settings__seed", flat=True)
        .first()
    )


def begin(kind: CaseKind, terms: Terms) -> Opening:
    """Begin an opening, whose plan is then prepared by a job. The seed of the terms is the kind's, made on first use."""
    _require(kind)
    duty = on_duty()
    with transaction.atomic():
        _alone(f"seed {duty.branch} {kind.id}")
        kept = replace(terms, seed=seed_of(kind) or secrets.token_hex(4))
        opening = Opening.objects.create(
            branch=duty.branch,
            kind=kind.id,
            worklist=kind.worklist or "",
            settings=kept.to_json(),
            by=duty.actor.id,
        )
        _defer(opening)
    return opening


def confirm(id: int) -> Opening:
    """Have a prepared opening carried out. Raises CaseError (stale) when it is no longer waiting for it."""
    opening = _taken(id, (State.PREPARED,))
    opening.state, opening.confirmed_by, opening.error = State.OPENING, on_duty().actor.id, ""
    opening.save(update_fields=["state", "confirmed_by", "error"])
    _defer(opening)
    return opening


def cancel(id: int) -> Opening:
    """Give an opening up before anything was opened; its plan is thrown away. Raises CaseError (stale) afterwards."""
    opening = _taken(id, (State.PREPARING, State.PREPARED, State.FAILED))
    if opening.confirmed_by:
        raise _stale("すでに案件を始めているため、取りやめられません。")
    _rows_of(opening).delete()
    opening.state, opening.error, opening.finished_at = State.CANCELLED, "", timezone.now()
    opening.save(update_fields=["state", "error", "finished_at"])
    return opening


def repeat(id: int) -> Opening:
    """Prepare a plan anew, or go on with an opening that could not go on. Raises CaseError (stale) when neither can be."""
    opening = _taken(id, (State.PREPARED, State.FAILED, State.PREPARING, State.OPENING))
    if opening.state in (State.PREPARING, State.OPENING) and runs(opening):
        raise _stale("処理が動いています。")
    opening.error = ""
    if opening.confirmed_by:
        opening.state, opening.confirmed_by = State.OPENING, on_duty().actor.id
    else:
        opening.state, opening.counts = State.PREPARING, {}
    opening.save(update_fields=["state", "error", "counts", "confirmed_by"])
    _defer(opening)
    return opening


def runs(opening: Opening) -> bool:
    """Whether a job of the opening waits or runs."""
    going = ProcrastinateJob.objects.filter(status__in=("todo", "doing"), task_name__in=_TASKS)
    return going.filter(args__id=opening.pk).exists()


def _taken(id: int, states: Sequence[State]) -> Opening:
    """An opening to be changed, its row locked. Raises CaseError: not_found, not_allowed, stale."""
    try:
        with transaction.atomic():
            opening = Opening.objects.select_for_update(nowait=True).filter(pk=id).first()
    except OperationalError:
        raise _stale("いま処理の区切りのところです。") from None
    if opening is None:
        raise CaseError("見つかりません。", todo="一覧から選び直してください。", code="not_found")
    _require(kind_of(opening.kind))
    if opening.state not in states:
        raise _stale("ほかの人が先に進めたか、取りやめています。")
    return opening


def _require(kind: CaseKind, actor: Actor | None = None) -> None:
    able = may_open(kind) if actor is None else actor.first_of(workers(kind)) is not None
    if not able:
        raise CaseError(
            f"「{kind.title}」の案件を始める権限がありません。",
            todo=f"次の役割の人に依頼してください：{'、'.join(r.label for r in workers(kind))}",
            code="not_allowed",
        )


def _stale(what: str) -> CaseError:
    return CaseError(what, todo="画面を開き直して、いまの状況を確かめてください。", code="stale")


def _defer(opening: Opening) -> None:
    task = open_cases if opening.confirmed_by else prepare_opening
    lock = f"{task.name} {opening.branch} {opening.kind}"
    task.configure(lock=lock).defer(id=opening.pk, branch=opening.branch, by=on_duty().actor.id)


def _alone(what: str) -> None:
    """Wait until nobody else does the same, and keep them waiting until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", (what,))


# ---- the plan ----------------------------------------------------------------------------------------------------


@app.task(name="kenpo.prepare_opening")
def prepare_opening(id: int, branch: str, by: str) -> None:
    """Make the plan of an opening."""
    with _telling(id, branch):
        prepare(id, account_of(by).actor)


def prepare(id: int, actor: Actor) -> None:
    """Make the plan of an opening that waits for it; nothing is opened. Raises KenpoError when the list cannot be made."""
    with acting(actor):
        waiting = Opening.objects.filter(pk=id, confirmed_by="", state__in=(State.PREPARING, State.FAILED))
        if not waiting.update(state=State.PREPARING, error=""):
            return
        opening = Opening.objects.get(pk=id)
    kind, terms, today = kind_of(opening.kind), terms_of(opening), timezone.localdate()
    _require(kind, actor)
    source = lake()
    frame = run(source, WORKLISTS[opening.worklist], actor.branch, terms.month)
    found = candidates(kind, _rows(frame))
    left, notes = _left(source, kind, actor.branch, frame, today)
    with acting(actor):
        known = _known([c.id for c in found])
        out = frozenset(in_force(actor.branch, kind, today).values_list("subject", flat=True))
        contacted = _contacted(kind, found, today, terms.quiet_days)
    plan = plan_opening(
        found,
        known,
        exclusions=Exclusions(today, out, left, contacted, terms.quiet_days),
        capacity=terms.capacity,
        control_share=terms.control_percent / 100,
        seed=terms.seed,
    )
    with acting(actor):
        locked = Opening.objects.select_for_update().filter(pk=id, state=State.PREPARING).first()
        if locked is None:
            return
        _rows_of(locked).delete()
        _write(_planned(locked, kind, source, frame, plan))
        locked.counts = {
            "rows": plan.rows,
            Outcome.OPEN: len(plan.opened),
            Outcome.CONTROL: len(plan.held_out),
            Outcome.OVER: len(plan.over_capacity),
            Outcome.EXCLUDED: Counter(str(e.why) for e in plan.excluded),
            "done": 0,
            "day": today.isoformat(),
            "data": source.version(),
            "notes": [*notes, *_notes(terms, plan)],
        }
        locked.state = State.PREPARED
        locked.save(update_fields=["counts", "state"])


class _Row(Mapping[str, Any]):
    """A row of the list that is read where it lies: half a million of them as dicts would not fit."""

    __slots__ = ("at", "columns")

    def __init__(self, columns: Mapping[str, pl.Series], at: int) -> None:
        self.columns, self.at = columns, at

    def __getitem__(self, name: str) -> Any:
        return self.columns[name][self.at]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def _rows(frame: pl.DataFrame) -> Iterator[_Row]:
    columns = {name: frame[name] for name in frame.columns}
    return (_Row(columns, at) for at in range(frame.height))


def _left(
    source: Lake, kind: CaseKind, branch: str, frame: pl.DataFrame, today: date
) -> tuple[frozenset[str], list[str]]:
    """The members of a list who are not enrolled in the branch today as far as the lake knows, and how far that is."""
    if kind.subject is not Subject.MEMBER or kind.subject_column is None:
        return frozenset(), []
    known = membership_day(source)
    if known is None:
        return frozenset(), ["資格データが取り込まれていないため、資格を喪失した人を除いていません。"]
    subjects = frame.select(member_id=pl.col(kind.subject_column)).drop_nulls().unique()
    enrolment: Any = source.table("enrolment")
    held: Any = current(enrolment.filter(enrolment.branch == branch), ALL_TABLES["enrolment"].key)
    held = held.filter((held.acquired_on <= today) & (held.lost_on.isnull() | (held.lost_on > today)))
    gone = source.memory(subjects, "opening_subjects").anti_join(held, "member_id")
    said = f"資格は、{to_wareki(known)}までの資格データで確かめました。"
    return frozenset(pl.DataFrame(pl.from_arrow(gone.to_pyarrow()))["member_id"]), [said]


def _known(cases: Sequence[str]) -> dict[str, Known]:
    """What is known of those of some case ids that are cases or controls."""
    found: dict[str, Known] = {}
    for some in _by(cases, _ASKED):
        held = ControlRow.objects.filter(id__in=some).values_list("id", flat=True)
        found |= dict.fromkeys(held, Known.HELD_OUT)
        for id, ended_on in CaseRow.objects.filter(id__in=some).values_list("id", "ended_on"):
            found[id] = Known.DONE if ended_on else Known.OPEN
    return found


def _contacted(kind: CaseKind, found: Sequence[Candidate], today: date, quiet_days: int) -> dict[str, date]:
    """When those of some candidates were last written to, about whatever, whom a letter has reached."""
    last: dict[str, date] = {}
    if quiet_days and kind.subject is not Subject.NONE:
        for some in _by([c.subject for c in found if c.subject], _ASKED):
            sent = LetterRow.objects.filter(
                branch=on_duty().branch,
                subject_kind=kind.subject,
                subject__in=some,
                sent_on__gte=date.fromordinal(today.toordinal() - quiet_days),
                returned_on=None,
            )
            last |= {r["subject"]: r["last"] for r in sent.values("subject").annotate(last=Max("sent_on"))}
    return last


def _notes(terms: Terms, plan: Plan) -> list[str]:
    """What to look at before confirming, in Japanese."""
    found = []
    if plan.rows and not plan.opened:
        found.append("始める案件が1件もありません。除かれた理由を確かめてください。")
    if terms.control_percent and plan.opened and not plan.held_out:
        found.append("くじで対照群に入った人がいないため、効果は比べられません。")
    return found


def _planned(
    opening: Opening, kind: CaseKind, source: Lake, frame: pl.DataFrame, plan: Plan
) -> Iterator[OpeningRow]:
    """Every row of the list with what becomes of it: cases first, then controls, exclusions by reason, and the rest."""
    order = list(Passed)
    excluded = sorted(plan.excluded, key=lambda e: order.index(e.why))
    ways: Iterable[tuple[Candidate, Outcome, str]] = chain(
        ((c, Outcome.OPEN, "") for c in plan.opened),
        ((c, Outcome.CONTROL, "") for c in plan.held_out),
        ((e.candidate, Outcome.EXCLUDED, str(e.why)) for e in excluded),
        ((c, Outcome.OVER, "") for c in plan.over_capacity),
    )
    place = 0
    for some in _by(ways, _PLANNED):
        dicts = frame[[c.row.at for c, _, _ in some]].to_dicts()  # type: ignore[attr-defined]
        whole = [replace(c, row=row) for (c, _, _), row in zip(some, dicts, strict=True)]
        opened = [c for c, (_, outcome, _) in zip(whole, some, strict=True) if outcome is Outcome.OPEN]
        contents = contents_of(kind, source, opened) if opened else {}
        for candidate, (_, outcome, why) in zip(whole, some, strict=True):
            content = contents.get(candidate.id) if outcome is Outcome.OPEN else None
            place += 1
            yield OpeningRow(
                branch=opening.branch,
                opening=opening,
                place=place,
                case=candidate.id,
                key=candidate.key,
                subject=candidate.subject,
                priority=candidate.priority,
                reason=candidate.reason,
                outcome=outcome,
                why=why,
                summary=kind.summary(content) if content else "",
                row=dict(candidate.row),
                content=content.model_dump(mode="json", round_trip=True) if content else None,
                done=outcome not in (Outcome.OPEN, Outcome.CONTROL),
            )


def _rows_of(opening: Opening) -> QuerySet[OpeningRow]:
    return OpeningRow.objects.filter(opening=opening)


def _write(rows: Iterable[OpeningRow]) -> None:
    for some in _by(rows, _PLANNED):
        insert(some)


_Thing = TypeVar("_Thing")


def _by(things: Iterable[_Thing], count: int) -> Iterator[list[_Thing]]:
    coming = iter(things)
    while some := list(islice(coming, count)):
        yield some


# ---- carried out -------------------------------------------------------------------------------------------------


@app.task(name="kenpo.open_cases")
def open_cases(id: int, branch: str, by: str) -> None:
    """Carry out the plan of an opening that was confirmed."""
    with _telling(id, branch):
        actor = account_of(by).actor
        while open_some(id, actor):
            pass


def open_some(id: int, actor: Actor) -> bool:
    """Open the next cases of a confirmed opening in one transaction; whether there may be more.

    What has changed since the plan was made counts: who has a case by now, or does not wish to be written to any more, is
    passed over, and the plan then says so.
    """
    with acting(actor) as duty:
        going = Opening.objects.filter(pk=id, state__in=(State.OPENING, State.FAILED)).exclude(
            confirmed_by=""
        )
        opening = going.select_for_update().first()
        if opening is None:
            return False
        kind = kind_of(opening.kind)
        _alone(f"open {duty.branch} {kind.id}")
        rows = list(_rows_of(opening).filter(done=False).order_by("place")[:_OPENED])
        if not rows:
            _finish(opening)
            return False
        today = timezone.localdate()
        passed = _passed(kind, rows, today)
        _hold_out(opening, [r for r in rows if r.outcome == Outcome.CONTROL and r.case not in passed], today)
        wanted = [r for r in rows if r.outcome == Outcome.OPEN and r.case not in passed]
        open_many([_first_event(kind, row, actor, today) for row in wanted])
        for row in rows:
            if row.case in passed:
                row.outcome, row.why = Outcome.EXCLUDED, passed[row.case]
        changed = [r for r in rows if r.case in passed]
        OpeningRow.objects.bulk_update(changed, ["outcome", "why"])
        _rows_of(opening).filter(pk__in=[r.pk for r in rows]).update(done=True, content=None)
        opening.state, opening.error = State.OPENING, ""
        opening.counts["done"] = opening.counts.get("done", 0) + len(rows)
        opening.save(update_fields=["state", "error", "counts"])
    return True


def _passed(kind: CaseKind, rows: Sequence[OpeningRow], today: date) -> dict[str, Passed]:
    """Those of some rows that must not be opened any more, by case id."""
    said = {
        Known.OPEN: Passed.ALREADY_OPEN,
        Known.DONE: Passed.ALREADY_DONE,
        Known.HELD_OUT: Passed.ALREADY_HELD_OUT,
    }
    out = opted_out_of(on_duty().branch, [r.subject for r in rows if r.subject], kind.id, today)
    found = {r.case: Passed.OPTED_OUT for r in rows if r.subject in out}
    return found | {case: said[known] for case, known in _known([r.case for r in rows]).items()}


def _hold_out(opening: Opening, rows: Sequence[OpeningRow], today: date) -> None:
    insert(
        [
            ControlRow(
                id=row.case,
                branch=opening.branch,
                kind=opening.kind,
                key=row.key,
                subject=row.subject,
                opening=opening.pk,
                origin={"worklist": opening.worklist, "reason": row.reason, "priority": row.priority}
                | {name: (row.row or {}).get(name) for name in _ORIGIN},
                held_on=today,
            )
            for row in rows
        ]
    )


_ORIGIN = ("reason_label", "month", "file", "source_line")


def _first_event(kind: CaseKind, row: OpeningRow, actor: Actor, today: date) -> Event:
    candidate = Candidate(row.case, row.branch, row.key, row.subject, row.priority, row.reason, row.row or {})
    now = timezone.now()
    return open_candidate(
        kind, candidate, actor=actor, when=now, received_on=today, content=row.content or {}
    )


def _finish(opening: Opening) -> None:
    """Say what came of it, counted from the rows."""
    counted: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    for outcome, why, rows in _rows_of(opening).values_list("outcome", "why").annotate(rows=Count("pk")):
        counted[outcome] += rows
        if outcome == Outcome.EXCLUDED:
            excluded[why] += rows
    shown = {o: counted[o] for o in (Outcome.OPEN, Outcome.CONTROL, Outcome.OVER)}
    opening.counts = opening.counts | shown | {Outcome.EXCLUDED: excluded}
    opening.state, opening.error, opening.finished_at = State.DONE, "", timezone.now()
    opening.save(update_fields=["counts", "state", "error", "finished_at"])


# ---- what went wrong ---------------------------------------------------------------------------------------------


@contextmanager
def _telling(id: int, branch: str) -> Iterator[None]:
    """Have an opening say in Japanese why its job could not go on. What no person can put right is raised again."""
    try:
        yield
    except PermissionDenied:
        _fail(
            id,
            branch,
            "操作した人は、いまは利用を停止されています。\n対処：ほかの人が、もう一度行ってください。",
        )
    except KenpoError as error:
        _fail(id, branch, error.message)
    except Exception:
        _fail(
            id,
            branch,
            "処理が途中で止まりました。終わった分は残っています。\n"
            "対処：もう一度行ってください。続くときは管理者に知らせてください。",
        )
        raise


def _fail(id: int, branch: str, said: str) -> None:
    with system(branch):
        going = Opening.objects.filter(pk=id, state__in=(State.PREPARING, State.OPENING))
        going.update(state=State.FAILED, error=said)


# ---- what it came to ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One outcome of a plan and how many rows have it. why: of an exclusion."""

    outcome: Outcome
    why: str
    rows: int

    @property
    def title(self) -> str:
        """The outcome in Japanese."""
        return self._said(_OUTCOMES)

    @property
    def result(self) -> str:
        """The outcome in Japanese, once it has come about."""
        return self._said(_RESULTS)

    def _said(self, titles: Mapping[Outcome, str]) -> str:
        return f"除外：{Passed(self.why).label}" if self.why else titles[self.outcome]

    @property
    def slug(self) -> str:
        """The outcome in an address."""
        return self.why or self.outcome


_OUTCOMES = {
    Outcome.OPEN: "案件を始める",
    Outcome.CONTROL: "対照群（始めない）",
    Outcome.OVER: "上限を超えた（始めない）",
}
_RESULTS = {
    Outcome.OPEN: "案件を始めた",
    Outcome.CONTROL: "対照群（始めていない）",
    Outcome.OVER: "上限を超えた（始めていない）",
}


def lines(opening: Opening) -> tuple[Line, ...]:
    """What becomes of the rows of a plan, an outcome each; they add up to the rows of the list."""
    counts = opening.counts
    excluded = counts.get(Outcome.EXCLUDED, {})
    return (
        Line(Outcome.OPEN, "", counts.get(Outcome.OPEN, 0)),
        *([Line(Outcome.CONTROL, "", n)] if (n := counts.get(Outcome.CONTROL, 0)) else ()),
        *(Line(Outcome.EXCLUDED, str(p), excluded[p]) for p in Passed if excluded.get(p)),
        *([Line(Outcome.OVER, "", n)] if (n := counts.get(Outcome.OVER, 0)) else ()),
    )


def rows_of(opening: Opening, line: Line | None = None) -> QuerySet[OpeningRow]:
    """The rows of an opening, without what their cases would hold; of one outcome when it is given."""
    rows = _rows_of(opening).defer("content")
    if line is None:
        return rows
    return rows.filter(outcome=line.outcome, **({"why": line.why} if line.why else {}))


def outdated(opening: Opening) -> list[str]:
    """In what way a plan that waits for confirmation is no longer new, in Japanese."""
    found = []
    made = date.fromisoformat(opening.counts["day"])
    if made != timezone.localdate():
        found.append(f"この準備は{to_wareki(made)}のものです。その後の資格の喪失は反映されていません。")
    try:
        same = lake().version() == opening.counts["data"]
    except KenpoError:
        same = False
    if not same:
        found.append("準備のあとで、データが取り込まれたか、置き場が変わりました。")
    return found
