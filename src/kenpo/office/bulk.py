"""Bulk operations (一括操作): one thing done to many cases, a chunk at a time.

What is done to a case and the mark that it was tried are written in one transaction. So whatever kills the process, a
run that is started again goes on with what is left, and does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app

from kenpo.base.errors import KenpoError
from kenpo.frame import cases
from kenpo.frame.casekind import CaseKind, Move
from kenpo.frame.cases import Actor, Case, CaseError, Event, apply
from kenpo.office import casework
from kenpo.office.acting import account_of, acting, on_duty
from kenpo.office.casepage import effects_of
from kenpo.office.models import Account, Bulk, BulkItem, CaseRow

CHUNK = 200
"""Cases of one transaction."""

AT_ONCE = 50
"""So many are done within the request; more are a job's."""

MOST = 100_000
"""Cases of one operation."""

VERBS = {
    "claim": "担当する",
    "release": "担当を解除する",
    "assign": "割り当てる",
    "decide": "判断する",
    "move": "",
}

Chosen = Sequence[tuple[str, int]]
"""Cases with the sequence that was seen of each."""


def title_of(kind: CaseKind, verb: str, argument: str) -> str:
    """What an operation is called. Raises CaseError (unknown_move)."""
    if verb == "assign" and argument:
        return f"{casework.named([argument]).get(argument, argument)} さんに割り当てる"
    if verb in VERBS and verb != "move":
        return VERBS[verb]
    return _move(kind, argument).title


def _move(kind: CaseKind, id: str) -> Move:
    found = next((m for m in kind.moves if m.id == id), None)
    if found is None:
        raise CaseError(
            "この種類の案件にない操作です。", todo="一覧から選び直してください。", code="unknown_move"
        )
    return found


# ---- making one --------------------------------------------------------------------------------------------------


def prepare(kind: CaseKind, verb: str, chosen: Chosen | QuerySet[CaseRow], argument: str = "") -> Bulk:
    """An operation that waits for somebody's word, with its cases as they stand now; what nobody confirmed is dropped.

    chosen: cases with the sequence seen, or the rows of a queue. Raises CaseError (too_many, nothing_chosen, unknown_move).
    """
    duty = on_duty()
    long_ago = timezone.now() - timedelta(days=1)
    Bulk.objects.filter(branch=duty.branch, by=duty.actor.id, state="prepared", at__lt=long_ago).delete()
    bulk = Bulk.objects.create(
        branch=duty.branch,
        kind=kind.id,
        verb=verb,
        argument=argument,
        title=f"{kind.title}：{title_of(kind, verb, argument)}",
        by=duty.actor.id,
        state="prepared",
    )
    bulk.total = _items_of(bulk, chosen)
    if bulk.total == 0:
        raise CaseError(
            "案件が選ばれていません。", todo="一覧で案件を選んでください。", code="nothing_chosen"
        )
    if bulk.total > MOST:
        raise CaseError(
            f"一度に操作できるのは{MOST:,}件までです。",
            todo="条件で絞り込むか、分けて行ってください。",
            code="too_many",
        )
    bulk.save(update_fields=["total"])
    return bulk


def _items_of(bulk: Bulk, chosen: Chosen | QuerySet[CaseRow]) -> int:
    if isinstance(chosen, QuerySet):
        query, values = chosen.order_by()[: MOST + 1].values("id", "sequence").query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(
                'insert into office_bulk_item (bulk_id, branch, done, error, "case", expected)'
                f" select %s, %s, false, '', found.id, found.sequence from ({query}) found",
                (bulk.pk, bulk.branch, *values),
            )
            return cursor.rowcount
    items = [
        BulkItem(bulk=bulk, branch=bulk.branch, case=case, expected=seen)
        for case, seen in dict(chosen).items()
    ]
    return len(BulkItem.objects.bulk_create(items))


def begin(bulk: Bulk, reason: str = "", argument: str = "") -> None:
    """Carry out an operation: at once when it is small, else as a job. Raises CaseError (needs_reason, not_allowed)."""
    kind = casework.kind_of(bulk.kind)
    bulk.argument, bulk.reason = argument or bulk.argument, reason.strip()
    if bulk.verb == "move" and _move(kind, bulk.argument).needs_reason and not bulk.reason:
        raise CaseError(
            f"「{_move(kind, bulk.argument).title}」には理由などの記入が要ります。",
            todo="空白でない文を記入してください。",
            code="needs_reason",
        )
    if bulk.verb == "assign":
        _taker(bulk)
    bulk.title = f"{kind.title}：{title_of(kind, bulk.verb, bulk.argument)}"
    bulk.state = "waiting"
    bulk.save(update_fields=["argument", "reason", "title", "state"])
    if bulk.total <= AT_ONCE:
        while _chunk(bulk):
            pass
        _finish(bulk)
    else:
        run.defer(id=bulk.pk, branch=bulk.branch, by=bulk.by)


def start(kind: CaseKind, verb: str, chosen: Chosen, *, argument: str = "", reason: str = "") -> Bulk:
    """Prepare an operation and carry it out. Raises what these do."""
    bulk = prepare(kind, verb, chosen, argument)
    begin(bulk, reason)
    return bulk


def cancel(bulk: Bulk) -> None:
    """Drop an operation nobody has confirmed."""
    Bulk.objects.filter(pk=bulk.pk, state="prepared").delete()


# ---- carrying out ------------------------------------------------------------------------------------------------


@app.task(name="kenpo.bulk", queue="default", pass_context=False)
def run(id: int, branch: str, by: str) -> None:
    """Carry out what is left of an operation; run again, it goes on where it was."""
    more = True
    while more:
        with acting(account_of(by).actor):
            bulk = Bulk.objects.get(pk=id)
            if bulk.state == "done":
                return
            if bulk.state == "waiting":
                bulk.state = "running"
                bulk.save(update_fields=["state"])
            more = _chunk(bulk)
            if not more:
                _finish(bulk)


def _chunk(bulk: Bulk) -> bool:
    """Do some of what is left, in the transaction one acts in; whether there was any."""
    items = list(BulkItem.objects.select_for_update().filter(bulk=bulk, done=False).order_by("case")[:CHUNK])
    if not items:
        return False
    try:
        refused = casework.act_each({i.case: i.expected for i in items}, _verb(bulk))
    except CaseError as error:
        refused = dict.fromkeys((i.case for i in items), error)
    names = _names([e for e in refused.values() if e is not None])
    for item in items:
        error = refused[item.case]
        item.done = True
        item.error = _said(error, names) if error else ""
    fine = [i.case for i in items if not i.error]
    BulkItem.objects.filter(bulk=bulk, case__in=fine).update(done=True)
    for item in items:
        if item.error:
            BulkItem.objects.filter(bulk=bulk, case=item.case).update(done=True, error=item.error)
    return True


def _finish(bulk: Bulk) -> None:
    Bulk.objects.filter(pk=bulk.pk).exclude(state="done").update(state="done", finished_at=timezone.now())
    bulk.state = "done"


def _names(errors: Sequence[KenpoError]) -> Mapping[str, str]:
    if not any(" さん" in e.what for e in errors):
        return {}
    return dict(Account.objects.filter(branch=on_duty().branch).values_list("staff_id", "name"))


def _said(error: KenpoError, names: Mapping[str, str]) -> str:
    """A refusal with names instead of 職員番号."""
    who, rest, said = error.what.partition(" さん")
    return f"{names.get(who, who)}{rest}{said}" if rest else error.what


def _verb(bulk: Bulk) -> casework.Verb:
    """What is done to each case."""
    match bulk.verb:
        case "claim":
            return cases.claim
        case "release":
            return cases.release
        case "decide":
            return cases.decide
        case "assign":
            return _assigning(_taker(bulk), bulk.reason)
        case _:
            return _moving(bulk.argument, bulk.reason)


def _taker(bulk: Bulk) -> Actor:
    """Who is given the cases. Raises CaseError (not_allowed) for nobody of the branch."""
    found = Account.objects.filter(staff_id=bulk.argument, branch=bulk.branch, is_active=True).first()
    if found is None:
        raise CaseError(
            "割り当てる人がいません。", todo="支部の担当者から選んでください。", code="not_allowed"
        )
    return found.actor


def _assigning(to: Actor, reason: str) -> Callable[..., tuple[Event, ...]]:
    """Give a case to somebody; a reason is kept as a comment."""

    def verb(kind: CaseKind, case: Case, *, expected: int | None, **by: Any) -> tuple[Event, ...]:
        first = cases.assign(kind, case, to, expected=expected, **by)
        if not reason:
            return (first,)
        return first, cases.comment(kind, apply(case, first), f"割当ての理由：{reason}", **by)

    return verb


def _moving(move: str, reason: str) -> Callable[..., tuple[Event, ...]]:
    """Make a move; where it needs a decision and there is none yet, decide first."""

    def verb(kind: CaseKind, case: Case, *, expected: int | None, **by: Any) -> tuple[Event, ...]:
        if not (_move(kind, move).needs_decision and case.decision is None):
            return (cases.move(kind, case, move, expected=expected, reason=reason, **by),)
        first = cases.decide(kind, case, expected=expected, **by)
        return first, cases.move(kind, apply(case, first), move, expected=None, reason=reason, **by)

    return verb


# ---- shown -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """How far an operation is: cases in all, tried, and refused."""

    total: int
    tried: int
    refused: int

    @property
    def done(self) -> int:
        """How many were done."""
        return self.tried - self.refused


def progress(bulk: Bulk) -> Progress:
    """How far an operation is."""
    counts = BulkItem.objects.filter(bulk=bulk).aggregate(
        tried=Count("case", filter=Q(done=True)), refused=Count("case", filter=~Q(error=""))
    )
    return Progress(bulk.total, counts["tried"], counts["refused"])


def by_state(bulk: Bulk) -> list[tuple[str, int]]:
    """How many of an operation's cases stand in each state now."""
    with connection.cursor() as cursor:
        cursor.execute(
            'select c.state, count(*) from office_bulk_item i join office_case c on c.id = i."case"'
            " where i.bulk_id = %s and i.branch = %s group by 1 order by 2 desc",
            (bulk.pk, bulk.branch),
        )
        return cursor.fetchall()


def effects(kind: CaseKind, bulk: Bulk) -> list[str]:
    """What carrying out an operation does, in sentences."""
    states = {s.id: s.title for s in kind.states}
    found = by_state(bulk)
    move = _move(kind, bulk.argument) if bulk.verb == "move" else None
    said = []
    for state, count in found:
        title = states.get(state, state)
        if move is None:
            said.append(f"「{title}」の{count:,}件")
        elif state in move.from_states:
            what = "、".join(effects_of(kind, move))
            said.append(f"「{title}」の{count:,}件：{what}")
        else:
            said.append(f"「{title}」の{count:,}件：この操作はできないため、そのままになる")
    if move is not None and move.needs_decision:
        said.append(f"判断がまだの案件は、先に判断する。判断が「{move.title}」を示さなければ、そのままになる")
    return said


def results(bulk: Bulk) -> Iterator[tuple[str, str, str, bool, str]]:
    """Every case of an operation: id, summary, state now, whether it was tried, why it was refused; those refused first."""
    items = BulkItem.objects.filter(bulk=bulk).order_by("-error", "case").values_list("case", "done", "error")
    coming = items.iterator(2000)
    while some := list(islice(coming, 2000)):
        known = {
            id: (summary, state)
            for id, summary, state in CaseRow.objects.filter(id__in=[c for c, _, _ in some]).values_list(
                "id", "summary", "state"
            )
        }
        for case, done, error in some:
            summary, state = known.get(case, ("", ""))
            yield case, summary, state, done, error
