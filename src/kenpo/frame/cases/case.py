"""A case (案件) as its events leave it. Each event says all that follows from it, so an old history is read by what was
declared when it was written, not by what is declared today.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import reduce
from typing import Any

from pydantic import BaseModel

from kenpo.frame.casekind import Amount, CaseKind, Decision, Reason, Role, Step
from kenpo.frame.cases.clock import CaseClock, Effect
from kenpo.frame.cases.errors import CaseError
from kenpo.frame.cases.events import Event, What


@dataclass(frozen=True)
class Approval:
    """A signature (決裁の印) of the present round: step, who, and the event that gave it."""

    step: str
    actor: str
    sequence: int


@dataclass(frozen=True)
class SentLetter:
    """A letter that went out: the event, letter, 文書番号, day, and when it came back the reason (宛所不明 …)."""

    sequence: int
    letter: str
    number: str
    on: date
    returned: str | None = None


@dataclass(frozen=True)
class LastMove:
    """The move that could be undone now: its event, who made it, the roles that may too, and the case before it.

    undoable: declared so, and nothing has happened since that builds on it.
    """

    sequence: int
    title: str
    actor: str
    roles: tuple[Role, ...]
    undoable: bool
    before: Case = field(repr=False)


@dataclass(frozen=True)
class Case:
    """What a case is now: fold(events).

    content: canonical JSON; content_as reads it. subject: key of the member, workplace or institution, or None. origin:
    what opened it, as canonical JSON. letters_due: ids of letters that are to be sent. decision: the last one, None
    when the content was changed since. changed: the last event that changed something, which comments and looking at
    identities do not. head: hash of the last event.
    """

    id: str
    kind: str
    version: int
    branch: str
    key: str
    subject: str | None
    content: str
    priority: int | None
    origin: str
    received_on: date
    state: str
    clock: CaseClock
    sequence: int
    changed: int
    head: str
    last_at: datetime
    last_day: date
    owner: str | None = None
    approvals: tuple[Approval, ...] = ()
    decision: Decision | None = None
    letters_due: tuple[str, ...] = ()
    letters: tuple[SentLetter, ...] = ()
    last_move: LastMove | None = None

    @property
    def ended(self) -> bool:
        """Whether the case is closed."""
        return self.clock.ended_on is not None

    @property
    def due(self) -> date | None:
        """The last day on time."""
        return self.clock.due

    def used(self, today: date) -> int:
        """Business days used until the end of a day."""
        return self.clock.used(today)

    def overdue(self, today: date) -> bool:
        """Whether it is late on a day."""
        return self.clock.overdue(today)

    def content_as(self, kind: CaseKind) -> BaseModel:
        """The content as the kind's model. Raises pydantic's ValidationError when an older version does not fit."""
        return kind.content.model_validate_json(self.content)

    def retained_until(self, kind: CaseKind) -> date | None:
        """The last day it is kept, None while it is open."""
        return kind.retention.until(self.clock.ended_on) if self.clock.ended_on else None


def fold(events: Iterable[Event]) -> Case:
    """A case from its events. Raises CaseError (broken_history) when they cannot be a case's; verify says more."""
    case = reduce(apply, events, None)
    if case is None:
        raise _broken("出来事が一つもありません。", None)
    return case


def apply(case: Case | None, event: Event) -> Case:
    """A case after one more event. Raises CaseError (broken_history) when the event does not follow."""
    due = 1 if case is None else case.sequence + 1
    if event.sequence != due or (case is None) != (event.what == What.OPENED):
        raise _broken(f"{due}番の出来事があるはずのところに、{event.sequence}番があります。", event)
    if case is not None and (event.case, event.kind, event.previous) != (case.id, case.kind, case.head):
        raise _broken("前の出来事とつながらない出来事があります。", event)
    try:
        data = event.data
        if case is None:
            return _opened(event, data)
        after = _EFFECTS[event.what](case, event, data)
    except (KeyError, ValueError, TypeError) as error:
        raise _broken(f"出来事の中身が読めません（{error}）。", event) from None
    counted = event.what not in (What.COMMENTED, What.IDENTITY_OPENED)
    return replace(
        after,
        sequence=event.sequence,
        head=event.hash,
        last_at=event.when,
        changed=event.sequence if counted else case.changed,
    )


def _broken(what: str, event: Event | None) -> CaseError:
    return CaseError(
        f"案件の履歴が壊れています。{what}",
        where=f"案件 {event.case}、{event.sequence}番" if event else "",
        todo="控えから元に戻し、履歴の検査で異常がないことを確かめてください。",
        code="broken_history",
    )


def decision_of(data: Mapping[str, Any]) -> Decision:
    """The decision in the payload of a decided event; values that were decimals come as their text."""
    return Decision(
        reasons=tuple(Reason(**r) for r in data["reasons"]),
        amounts=tuple(Amount(**a) for a in data["amounts"]),
        steps=tuple(Step(**s) for s in data["steps"]),
        move=data["move"],
    )


# ---- what each event does ----------------------------------------------------------------------------------------


def _opened(event: Event, data: Mapping[str, Any]) -> Case:
    received = date.fromisoformat(data["received_on"])
    return Case(
        id=event.case,
        kind=event.kind,
        version=data["version"],
        branch=data["branch"],
        key=data["key"],
        subject=data["subject"],
        content=_text(data["content"]),
        priority=data["priority"],
        origin=_text(data["origin"]),
        received_on=received,
        state=data["state"],
        clock=CaseClock(data["deadline_days"]).after(Effect(data["clock"]), received),
        sequence=event.sequence,
        changed=event.sequence,
        head=event.hash,
        last_at=event.when,
        last_day=received,
    )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _moved(case: Case, event: Event, data: Mapping[str, Any]) -> Case:
    if data["from"] != case.state:
        raise ValueError(f"from {data['from']}, but the case stands in {case.state}")
    on = date.fromisoformat(data["on"])
    kept = () if data["voids_approvals"] else case.approvals
    given = (Approval(data["approval"], event.actor, event.sequence),) if data["approval"] else ()
    due = () if data["drops_letters"] else case.letters_due
    roles = tuple(Role(r) for r in data["undo_roles"])
    return replace(
        case,
        state=data["to"],
        clock=case.clock.after(Effect(data["clock"]), on),
        last_day=on,
        owner=None if data["hands_over"] else case.owner,
        approvals=(*kept, *given),
        decision=None if data["reopens"] else case.decision,
        letters_due=(*due, data["letter"]) if data["letter"] else due,
        last_move=LastMove(event.sequence, data["title"], event.actor, roles, data["undoable"], case),
    )


def _built_on(case: Case) -> LastMove | None:
    """The last move, which can no longer be undone, since something now builds on it."""
    return replace(case.last_move, undoable=False) if case.last_move else None


def _decided(case: Case, event: Event, data: Mapping[str, Any]) -> Case:
    return replace(case, decision=decision_of(data), last_move=_built_on(case))


def _amended(case: Case, event: Event, data: Mapping[str, Any]) -> Case:
    return replace(case, content=_text(data["content"]), decision=None, last_move=_built_on(case))


def _same(case: Case, event: Event, data: Mapping[str, Any]) -> Case:
    return case


def _owned(case: Case, event: Event, data: Mapping[str, Any]) -> Case:
    return replace(case, owner=data["owner"])


def _letter_sent(case: Case, event: Event, data: Mapping[str, Any]) -> Case:
    due = list(case.letters_due)
    due.remove(data["letter"])
    sent = SentLetter(event.sequence, data["letter"], data["number"], date.fromisoformat(data["on"]))
    return replace(case, letters_due=tuple(due), letters=(*case.letters, sent), last_move=_built_on(case))


def _letter_returned(case: Case, event: Event, data: Mapping[str, Any]) -> Case:
    letters = tuple(
        replace(one, returned=data["reason"]) if one.sequence == data["sent"] else one for one in case.letters
    )
    return replace(case, letters=letters, last_move=_built_on(case))


def _undone(case: Case, event: Event, data: Mapping[str, Any]) -> Case:
    last = case.last_move
    if last is None or last.sequence != data["undoes"] or not last.undoable:
        raise ValueError(f"{data['undoes']} cannot be undone here")
    return last.before


_EFFECTS: Mapping[What, Callable[[Case, Event, Mapping[str, Any]], Case]] = {
    What.MOVED: _moved,
    What.DECIDED: _decided,
    What.AMENDED: _amended,
    What.COMMENTED: _same,
    What.IDENTITY_OPENED: _same,
    What.ASSIGNED: _owned,
    What.CLAIMED: _owned,
    What.RELEASED: _owned,
    What.LETTER_SENT: _letter_sent,
    What.LETTER_RETURNED: _letter_returned,
    What.UNDONE: _undone,
}
