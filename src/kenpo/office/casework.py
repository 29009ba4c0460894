"""Casework (案件の処理): the one way in which cases are read and changed here; `kenpo.frame.cases` says what may be done.

An event and the row that says what the case is now are written together. The row is locked while a verb looks at it, so
of two people one goes first and the other is told that the case has changed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from pydantic import ValidationError

from kenpo.base.errors import KenpoError
from kenpo.catalogue import CASEKINDS
from kenpo.frame.casekind import CaseKind
from kenpo.frame.cases import Access, Case, CaseError, Event, What, access, apply, fold
from kenpo.office.acting import on_duty
from kenpo.office.models import Account, CaseRow, EventRow
from kenpo.office.rows import insert

Verb = Callable[..., Event | tuple[Event, ...]]
"""A verb of kenpo.frame.cases: (kind, case, ..., actor=, when=, expected=) → the event or events."""

_AT_ONCE = 1000
log = logging.getLogger("kenpo.cases")


@dataclass(frozen=True)
class Worked:
    """A case with its kind and its events, as far as the person may see them."""

    kind: CaseKind
    case: Case
    events: tuple[Event, ...]


def kind_of(id: str) -> CaseKind:
    """A case kind by id. Raises CaseError (not_found)."""
    if id not in CASEKINDS:
        raise CaseError("この種類の案件はありません。", todo="一覧から選び直してください。", code="not_found")
    return CASEKINDS[id]


def load(case: str) -> Worked:
    """A case the person may read the content of. Raises CaseError (not_found), also for what may not be seen."""
    events = tuple(map(event_of, EventRow.objects.filter(case=case).order_by("sequence")))
    if not events or not _readable(events[0].kind):
        raise not_found()
    return Worked(CASEKINDS[events[0].kind], fold(events), events)


def not_found() -> CaseError:
    """What is said of a case that is not there, or not for this person: the two cannot be told apart."""
    return CaseError(
        "案件が見つかりません。",
        todo="番号を確かめてください。ほかの支部・グループの案件は表示されません。",
        code="not_found",
    )


def _readable(kind: str) -> bool:
    duty = on_duty()
    return kind in CASEKINDS and access(CASEKINDS[kind], duty.branch, duty.actor) is Access.CONTENT


def readable_kinds() -> tuple[CaseKind, ...]:
    """The kinds of case whose content the person may read here."""
    return tuple(kind for kind in CASEKINDS.values() if _readable(kind.id))


def act(case: str, verb: Verb, *args: Any, expected: int | None, **kwargs: Any) -> Case:
    """Do one thing to a case and give the case after it; nothing is written when it is refused.

    expected: the sequence the person saw. Raises CaseError, also when somebody else was first (stale).
    """
    _writing()
    with transaction.atomic():
        if CaseRow.objects.select_for_update().filter(id=case).first() is None:
            raise not_found()
        worked = load(case)
        return append(worked, _found(worked, verb, *args, expected=expected, **kwargs))


def act_each(
    expected: Mapping[str, int | None], verb: Verb, *args: Any, **kwargs: Any
) -> dict[str, KenpoError | None]:
    """Do one thing to each of some cases, in one transaction: for every case why it was refused, or None.

    expected: the sequence the person saw, by case. A refusal of one leaves the others as they are done.
    """
    _writing()
    refused: dict[str, KenpoError | None] = {}
    written: list[tuple[Worked, tuple[Event, ...], Case]] = []
    with transaction.atomic():
        # In one order, so that two operations on the same cases wait for each other and do not lock each other out.
        locked = CaseRow.objects.select_for_update().filter(id__in=list(expected)).order_by("id")
        found = _load_each([row.id for row in locked])
        for case, seen in expected.items():
            worked = found.get(case)
            refused[case] = None if worked else not_found()
            if worked is None:
                continue
            try:
                events = _found(worked, verb, *args, expected=seen, **kwargs)
                written.append((worked, events, _after(worked, events)))
            except KenpoError as error:
                refused[case] = error
            except ValueError:
                log.exception("case %s of kind %s", case, worked.kind.id)
                refused[case] = _broken()
        EventRow.objects.bulk_create([_event_row(e, after.branch) for _, new, after in written for e in new])
        for worked, _, after in written:
            CaseRow.objects.filter(id=after.id).update(**_now(worked.kind, after))
    return refused


def _broken() -> CaseError:
    """What is said when a room's own code fails on one case: the others go on."""
    return CaseError(
        "kenpo の誤りのため、この案件は処理できませんでした。",
        todo="案件番号を添えて、kenpo の管理者に知らせてください。",
    )


def _writing() -> None:
    if not on_duty().writes:
        raise CaseError(
            "本部は支部の案件を見るだけで、変えることはできません。",
            todo="案件を担当する支部に依頼してください。",
            code="not_allowed",
        )


def _found(worked: Worked, verb: Verb, *args: Any, **kwargs: Any) -> tuple[Event, ...]:
    found = verb(worked.kind, worked.case, *args, actor=on_duty().actor, when=timezone.now(), **kwargs)
    return found if isinstance(found, tuple) else (found,)


def _after(worked: Worked, events: Sequence[Event]) -> Case:
    after = worked.case
    for event in events:
        after = apply(after, event)
    return after


def _load_each(cases: Collection[str]) -> dict[str, Worked]:
    """Some cases the person may read the content of."""
    rows = EventRow.objects.filter(case__in=list(cases)).order_by("case", "sequence")
    found = {}
    for case, some in groupby(map(event_of, rows), lambda event: event.case):
        events = tuple(some)
        if _readable(events[0].kind):
            found[case] = Worked(CASEKINDS[events[0].kind], fold(events), events)
    return found


def append(worked: Worked, events: Sequence[Event]) -> Case:
    """Write the next events of a case and what it is after them. Raises CaseError (stale) when others came first."""
    after = _after(worked, events)
    try:
        with transaction.atomic():
            EventRow.objects.bulk_create([_event_row(e, after.branch) for e in events])
            now = CaseRow.objects.filter(id=after.id, sequence=worked.case.sequence)
            if now.update(**_now(worked.kind, after)) != 1:
                raise _overtaken()
    except IntegrityError:
        raise _overtaken() from None
    return after


def _overtaken() -> CaseError:
    return CaseError(
        "ほかの人がこの案件を変更しました。",
        todo="画面を開き直して、いまの内容を確かめてください。",
        code="stale",
    )


def start(event: Event) -> Case:
    """Write the first event of a case that is opened by hand. Raises CaseError (already_open) when there is one."""
    if open_many([event]) != 1:
        raise CaseError(
            "この番号の案件は、すでにあります。",
            todo="番号を確かめて、元の案件を開いてください。",
            code="already_open",
        )
    return fold([event])


def open_many(events: Iterable[Event]) -> int:
    """Write the first events of many cases, those that exist left as they are; how many were new. Each thousand holds
    altogether or not at all.
    """
    new, coming = 0, iter(events)
    while some := list(islice(coming, _AT_ONCE)):
        try:
            new += _open(some)
        except IntegrityError:  # somebody opened one of them meanwhile: it is known now
            new += _open(some)
    return new


def _open(events: Sequence[Event]) -> int:
    with transaction.atomic():
        first = {e.case: e for e in reversed(events)}
        known = set(CaseRow.objects.filter(id__in=list(first)).values_list("id", flat=True))
        fresh = [e for case, e in first.items() if case not in known]
        rows = [_new_row(e) for e in fresh]
        insert([_event_row(e, r.branch) for e, r in zip(fresh, rows, strict=True)])
        insert(rows)
    return len(rows)


# ---- rows --------------------------------------------------------------------------------------------------------


def event_of(row: EventRow) -> Event:
    """The event of a row."""
    return Event(
        sequence=row.sequence,
        case=row.case,
        kind=row.kind,
        when=row.when,
        actor=row.actor,
        role=row.role,
        what=What(row.what),
        payload=row.payload,
        previous=row.previous,
        hash=row.hash,
    )


def _event_row(event: Event, branch: str) -> EventRow:
    return EventRow(
        case=event.case,
        sequence=event.sequence,
        branch=branch,
        kind=event.kind,
        when=event.when,
        actor=event.actor,
        role=event.role,
        what=event.what,
        payload=event.payload,
        previous=event.previous,
        hash=event.hash,
    )


def _new_row(event: Event) -> CaseRow:
    case = fold([event])
    return CaseRow(
        id=case.id,
        branch=case.branch,
        kind=case.kind,
        version=case.version,
        key=case.key,
        subject=case.subject,
        priority=case.priority,
        origin=json.loads(case.origin),
        received_on=case.received_on,
        opened_at=event.when,
        **_now(CASEKINDS[case.kind], case),
    )


def _now(kind: CaseKind, case: Case) -> Mapping[str, Any]:
    """The columns that change with a case."""
    return {
        "state": case.state,
        "owner": case.owner,
        "summary": summary(kind, case),
        "content": json.loads(case.content),
        "due": case.due,
        "waiting": case.clock.allowed is not None and not case.clock.running and not case.ended,
        "ended_on": case.clock.ended_on,
        "letters_due": list(case.letters_due),
        "returned": bool(case.letters) and case.letters[-1].returned is not None,
        "sequence": case.sequence,
        "head": case.head,
        "changed_at": case.last_at,
    }


def summary(kind: CaseKind, case: Case) -> str:
    """The line of the queue; what an older version of the kind recorded may not be readable any more."""
    try:
        return kind.summary(case.content_as(kind))
    except ValidationError:
        return f"前の版（{case.version}）の内容"


def faults_of(row: CaseRow, events: Iterable[Event]) -> list[str]:
    """What is wrong with the history of a case, in Japanese; nothing when it is whole and the row is what it says."""
    from kenpo.frame.cases import verify

    listed = tuple(events)
    found = [fault.message for fault in verify(listed, row.head)]
    if not found:
        now = _now(CASEKINDS[row.kind], fold(listed))
        differing = [name for name, value in now.items() if getattr(row, name) != value]
        if differing:
            found.append(f"案件の表と履歴が違います：{'、'.join(differing)}")
    return found


def named(staff: Collection[str]) -> dict[str, str]:
    """The names of staff by their 職員番号."""
    return dict(Account.objects.filter(staff_id__in=set(staff)).values_list("staff_id", "name"))


def number(case: str) -> str:
    """The number of a case as people read it (案件番号): the beginning of its id, 3F9A-12BC-77E0."""
    return "-".join(case[at : at + 4] for at in (0, 4, 8)).upper()


def now() -> datetime:
    """This moment."""
    return timezone.now()
