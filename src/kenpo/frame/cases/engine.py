"""The verbs of case work (案件の操作): each looks at a case and gives the event to append, or refuses with a CaseError.

Nothing is changed here. Whoever calls appends the event — one that another has overtaken cannot be appended, since its
sequence is taken — and folds again. `expected` is the sequence the person saw: a verb is refused as stale when the
case has changed since; comments and identities opened in between do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from kenpo.frame.casekind import CaseKind, Clock, Decision, Move, Role, Subject
from kenpo.frame.cases.case import Case, apply
from kenpo.frame.cases.clock import Effect
from kenpo.frame.cases.errors import CaseError
from kenpo.frame.cases.events import NO_HASH, Event, What, canonical, day_of, sealed
from kenpo.frame.cases.people import Actor, assigners, readers, workers
from kenpo.frame.content import fields_of

MAX_TEXT = 4000
"""Characters of a reason or comment."""


def case_id(kind: CaseKind, branch: str, key: str) -> str:
    """The id of the case of a key in a branch: the same for the same three, so that none is opened twice."""
    return hashlib.sha256(canonical([kind.id, branch, key]).encode("utf-8")).hexdigest()[:32]


def open_case(
    kind: CaseKind,
    *,
    branch: str,
    key: str,
    content: BaseModel | Mapping[str, Any],
    received_on: date,
    actor: Actor,
    when: datetime,
    subject: str | None = None,
    priority: int | None = None,
    origin: Mapping[str, Any] | None = None,
) -> Event:
    """The first event of a case (開始). origin: what it comes from, for instance a row of a worklist and its reason.

    Raises CaseError (not_allowed, other_branch, bad_content, no_subject, bad_time), and ParameterError when the deadline
    has no value on the day of receipt.
    """
    where = f"{kind.title}、支部 {branch}"
    role = _may(branch, actor, workers(kind), f"「{kind.title}」の開始", where)
    if subject is not None and kind.subject == Subject.NONE:
        raise CaseError(
            f"「{kind.title}」には相手方がありません。",
            where=where,
            todo="相手方を空にしてください。",
            code="bad_content",
        )
    if not key or "\0" in key:
        raise CaseError(
            "案件の番号（キー）が空か、記録できない文字を含みます。",
            where=where,
            todo="番号を指定してください。",
            code="bad_content",
        )
    if received_on > day_of(when):
        raise _bad_time(f"受付日 {received_on} が今日より後です。", where)
    state = kind.state(kind.first)
    begun = kind.begins == kind.first
    data = {
        "branch": branch,
        "key": key,
        "subject": subject,
        "content": _content(kind.content, content, where),
        "version": kind.version,
        "state": state.id,
        "state_title": state.title,
        "clock": Effect.RUNS if begun else Effect.WAITS,
        "deadline_days": kind.deadline_days(received_on),
        "received_on": received_on,
        "priority": priority,
        "origin": dict(origin or {}),
    }
    id = case_id(kind, branch, key)
    return _sealed(1, id, kind, NO_HASH, when, actor, role, What.OPENED, data, where)


# ---- moves -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """A move of the kind, and why it cannot be made now; refusal is None when it can."""

    move: Move
    refusal: CaseError | None

    @property
    def possible(self) -> bool:
        """Whether the move can be made."""
        return self.refusal is None


def allowed(kind: CaseKind, case: Case, actor: Actor) -> tuple[Choice, ...]:
    """Every move of the kind with what keeps this person from making it now, in the order declared."""
    return tuple(Choice(move, _refusal(kind, case, move, actor)) for move in kind.moves)


def move(
    kind: CaseKind,
    case: Case,
    id: str,
    *,
    actor: Actor,
    when: datetime,
    expected: int | None,
    reason: str = "",
    on: date | None = None,
) -> Event:
    """The event of a move (状態の変更). on: the day it took effect, today unless told; never before the last one.

    Raises CaseError (unknown_move, stale, bad_time, not_allowed, other_branch, old_version, not_in_state,
    already_claimed, not_decided, no_subject, approval_order, same_person, needs_reason).
    """
    chosen = next((m for m in kind.moves if m.id == id), None)
    if chosen is None:
        listed = "、".join(m.title for m in kind.moves)
        raise CaseError(
            f"「{kind.title}」に「{id}」という操作はありません。",
            where=_where(kind, case),
            todo=f"次から選んでください：{listed}",
            code="unknown_move",
        )
    _check(kind, case, expected, when)
    refusal = _refusal(kind, case, chosen, actor)
    if refusal is not None:
        raise refusal
    return _move_event(kind, case, chosen, actor, when, reason, on, {})


def _move_event(
    kind: CaseKind,
    case: Case,
    move: Move,
    actor: Actor,
    when: datetime,
    reason: str,
    on: date | None,
    more: Mapping[str, Any],
) -> Event:
    where = _where(kind, case)
    said = _said(reason, where, needed=f"「{move.title}」" if move.needs_reason else "")
    day = _day(case, when, on, where)
    to = kind.state(move.to)
    data = {
        "move": move.id,
        "title": move.title,
        "from": case.state,
        "to": to.id,
        "state_title": to.title,
        "clock": _effect(kind, case, move),
        "approval": move.approval,
        "voids_approvals": move.voids_approvals or move.reopens,
        "reopens": move.reopens,
        "hands_over": move.hands_over or move.approval is not None or to.clock == Clock.ENDED,
        "letter": move.letter,
        "drops_letters": move.drops_letters or move.reopens,
        "undoable": move.undoable,
        "undo_roles": list(move.undo_roles),
        "reason": said,
        "on": day,
        **more,
    }
    role = actor.first_of(kind.roles_of(move))
    return _next(kind, case, when, actor, role, What.MOVED, data)


def _effect(kind: CaseKind, case: Case, move: Move) -> Effect:
    state = kind.state(move.to)
    if state.clock == Clock.ENDED:
        return Effect.ENDS
    if not case.clock.spans and state.id != kind.begins:
        return Effect.WAITS
    if state.clock == Clock.STOPPED:
        return Effect.RETURNS if state.restarts else Effect.STOPS
    return Effect.RUNS


def _refusal(kind: CaseKind, case: Case, move: Move, actor: Actor, owned: bool = True) -> CaseError | None:
    """What keeps a person from a move. owned: whether another's claim does."""
    where = _where(kind, case)
    try:
        _may(case.branch, actor, kind.roles_of(move), f"「{move.title}」の操作", where)
        _known(kind, case)
        if case.state not in move.from_states:
            states = "、".join(f"「{kind.state(s).title}」" for s in move.from_states)
            raise _not_in_state(kind, case, f"「{move.title}」ができるのは{states}のときです。")
        if owned:
            _free(kind, case, actor)
        if move.needs_decision and (case.decision is None or case.decision.move != move.id):
            raise CaseError(
                f"「{move.title}」をするには、それを相当とする判断が要ります。",
                where=where,
                todo="判断をやり直してください。判断が別の操作を示しているときは、その操作を選びます。",
                code="not_decided",
            )
        if move.letter is not None and case.subject is None:
            raise CaseError(
                f"通知の相手方（{kind.subject.label}）が分からないため、「{move.title}」ができません。",
                where=where,
                todo="相手方の分かる案件として始め直してください。",
                code="no_subject",
            )
        if move.approval is not None:
            _signs(kind, case, move, actor)
    except CaseError as error:
        return error
    return None


def _signs(kind: CaseKind, case: Case, move: Move, actor: Actor) -> None:
    """Refuse a signature out of order, and a second one of the same person in a round."""
    where = _where(kind, case)
    order, given = [s.id for s in kind.approval], () if move.voids_approvals else case.approvals
    titles = {s.id: s.title for s in kind.approval}
    if [a.step for a in given] != order[: order.index(move.approval or "")]:
        listed = "→".join(titles.values())
        raise CaseError(
            f"決裁の順序（{listed}）のとおりではないため、「{move.title}」ができません。",
            where=where,
            todo="前の段階を先に済ませるか、差し戻してください。",
            code="approval_order",
        )
    own = next((a.step for a in given if a.actor == actor.id), None)
    if own is not None:
        raise CaseError(
            f"あなたはこの案件の{titles[own]}です。同じ人が二つの段階を受け持つことはできません。",
            where=where,
            todo=f"{titles[move.approval or '']}は、ほかの人に依頼してください。",
            code="same_person",
        )


# ---- undoing -----------------------------------------------------------------------------------------------------


def undo(
    kind: CaseKind, case: Case, *, actor: Actor, when: datetime, expected: int | None, reason: str
) -> Event:
    """The event that takes back the last move (取消し), naming it; the case is then as it was before that move.

    By who made the move, or one of its undo_roles. Raises CaseError (cannot_undo when there is no move, it was not
    declared undoable, or a decision, correction or letter has followed it; not_allowed, other_branch, already_claimed,
    needs_reason, stale, bad_time).
    """
    where = _where(kind, case)
    _check(kind, case, expected, when)
    last = case.last_move
    role = _may(case.branch, actor, workers(kind), "操作の取消し", where)
    if last is None or not last.undoable:
        said = f"「{last.title}」は取り消せません。" if last else "取り消せる操作がありません。"
        raise CaseError(
            said,
            where=where,
            todo="取り消せるのは直前の操作だけで、判断・訂正・通知の発送がその後にないときに限ります。次の操作で正しい状態に進めてください。",
            code="cannot_undo",
        )
    if actor.id != last.actor:
        role = _may(case.branch, actor, last.roles, f"ほかの人がした「{last.title}」の取消し", where)
    _free(kind, case, actor)
    data = {"undoes": last.sequence, "title": last.title, "reason": _said(reason, where, needed="取消し")}
    return _next(kind, case, when, actor, role, What.UNDONE, data)


# ---- decisions and content ---------------------------------------------------------------------------------------


def decide(
    kind: CaseKind,
    case: Case,
    *,
    actor: Actor,
    when: datetime,
    expected: int | None,
    facts: BaseModel | Mapping[str, Any] | None = None,
    on: date | None = None,
) -> Event:
    """The event of a decision (判断), with the facts and the parameter values it was reckoned from; no state changes.

    facts: the content unless told. on: the day whose parameters count, the day of receipt unless told. Raises CaseError
    (cannot_decide, approved_already, not_in_state, bad_content and those of everyone), ParameterError when a parameter
    has no value on the day, and ValueError when the kind's decide gives what was not declared.
    """
    where = _where(kind, case)
    _check(kind, case, expected, when)
    role = _may(case.branch, actor, kind.workers, "判断", where)
    _known(kind, case)
    if kind.decide is None:
        raise CaseError(
            f"「{kind.title}」には計算による判断がありません。",
            where=where,
            todo="操作を選んで進めてください。",
            code="cannot_decide",
        )
    _unsigned(kind, case, actor, "判断")
    if case.state not in kind.deciding:
        states = "、".join(f"「{s.title}」" for s in kind.states if s.id in kind.deciding)
        raise _not_in_state(kind, case, f"判断ができるのは{states}のときです。")
    model = kind.facts or kind.content
    read = read_content(model, json.loads(case.content) if facts is None else facts, where)
    day = on or case.received_on
    parameters = kind.parameters_on(day)
    found = kind.decide(read, MappingProxyType(parameters))
    _declared(kind, case, found)
    data = {
        "facts": _plain_content(read, where),
        "parameters": parameters,
        "on": day,
        "reasons": [{"code": r.code, "text": r.text} for r in found.reasons],
        "amounts": [{"id": a.id, "title": a.title, "yen": a.yen} for a in found.amounts],
        "steps": [
            {"what": s.what, "formula": s.formula, "source": s.source, "value": s.value} for s in found.steps
        ],
        "move": found.move,
    }
    return _next(kind, case, when, actor, role, What.DECIDED, data)


def _declared(kind: CaseKind, case: Case, found: Decision) -> None:
    """Raise ValueError when a decision gives a reason or move the kind did not declare: a fault of the room."""
    unknown = [r.code for r in found.reasons if r not in kind.reasons]
    if unknown:
        raise ValueError(f"case kind {kind.id!r}: decide gave undeclared reasons: {', '.join(unknown)}")
    if found.move is not None and case.state not in next(
        (m.from_states for m in kind.moves if m.id == found.move), ()
    ):
        raise ValueError(
            f"case kind {kind.id!r}: decide proposed {found.move!r}, no move from {case.state!r}"
        )


def amend(
    kind: CaseKind,
    case: Case,
    content: BaseModel | Mapping[str, Any],
    *,
    actor: Actor,
    when: datetime,
    expected: int | None,
    reason: str,
) -> Event:
    """The event of a correction of the content (訂正); the decision made from the old one no longer counts.

    Raises CaseError (approved_already once a step of the chain was given, not_in_state when the case is closed,
    bad_content, needs_reason, and those of everyone).
    """
    where = _where(kind, case)
    _check(kind, case, expected, when)
    role = _may(case.branch, actor, workers(kind), "内容の訂正", where)
    _unsigned(kind, case, actor, "内容の訂正")
    data = {"content": _content(kind.content, content, where), "reason": _said(reason, where, needed="訂正")}
    return _next(kind, case, when, actor, role, What.AMENDED, data)


def _unsigned(kind: CaseKind, case: Case, actor: Actor, what: str) -> None:
    """Refuse on a closed case, on one that is another's, and once a step of the approval chain was given."""
    if case.ended:
        raise _not_in_state(kind, case, f"終わった案件では{what}ができません。")
    _free(kind, case, actor)
    if case.approvals:
        raise CaseError(
            f"決裁の途中なので、{what}ができません。",
            where=_where(kind, case),
            todo="差し戻してから直してください。",
            code="approved_already",
        )


# ---- who works on it ---------------------------------------------------------------------------------------------


def claim(kind: CaseKind, case: Case, *, actor: Actor, when: datetime, expected: int | None) -> Event:
    """The event by which someone takes a case nobody works on (担当の開始).

    Raises CaseError (already_claimed, not_in_state when it is closed, and those of everyone).
    """
    _check(kind, case, expected, when)
    role = _may(case.branch, actor, workers(kind), "担当", _where(kind, case))
    _unended(kind, case)
    if case.owner is not None:
        raise _claimed(kind, case, actor)
    return _next(kind, case, when, actor, role, What.CLAIMED, {"owner": actor.id})


def release(kind: CaseKind, case: Case, *, actor: Actor, when: datetime, expected: int | None) -> Event:
    """The event by which the owner, or one who may assign, leaves a case to nobody (担当の解除).

    Raises CaseError (not_claimed when it has no owner, not_allowed, and those of everyone).
    """
    where = _where(kind, case)
    _check(kind, case, expected, when)
    if case.owner is None:
        raise CaseError(
            "この案件には担当者がいません。",
            where=where,
            todo="そのまま担当を始められます。",
            code="not_claimed",
        )
    roles = workers(kind) if case.owner == actor.id else assigners(kind)
    role = _may(case.branch, actor, roles, "担当の解除", where)
    return _next(kind, case, when, actor, role, What.RELEASED, {"owner": None, "from": case.owner})


def assign(
    kind: CaseKind, case: Case, to: Actor, *, actor: Actor, when: datetime, expected: int | None
) -> Event:
    """The event by which a checker, an approver or the branch head gives a case to someone (割当て), also from another.

    Raises CaseError (not_allowed, also when the other person may not work on it, not_in_state when it is closed, and
    those of everyone).
    """
    where = _where(kind, case)
    _check(kind, case, expected, when)
    role = _may(case.branch, actor, assigners(kind), "割当て", where)
    if to.branch != case.branch or to.first_of(workers(kind)) is None:
        raise CaseError(
            f"{to.id} さんは「{kind.title}」を担当できません。",
            where=where,
            todo="同じ支部で、この種類の案件を担当する役割の人を選んでください。",
            code="not_allowed",
        )
    _unended(kind, case)
    return _next(kind, case, when, actor, role, What.ASSIGNED, {"owner": to.id, "from": case.owner})


def comment(
    kind: CaseKind, case: Case, text: str, *, actor: Actor, when: datetime, expected: int | None = None
) -> Event:
    """The event of a comment (コメント) by anyone who reads the content, also on a closed case.

    Raises CaseError (needs_reason when it is empty, and those of everyone).
    """
    where = _where(kind, case)
    _check(kind, case, expected, when)
    role = _may(case.branch, actor, readers(kind), "コメント", where)
    return _next(
        kind, case, when, actor, role, What.COMMENTED, {"text": _said(text, where, needed="コメント")}
    )


def open_identity(
    kind: CaseKind, case: Case, purpose: str, *, actor: Actor, when: datetime, expected: int | None = None
) -> Event:
    """The event that says who looked at the subject's name and address, and for what (個人情報の閲覧).

    Raises CaseError (no_subject when there is nobody to look at, needs_reason, and those of everyone).
    """
    where = _where(kind, case)
    _check(kind, case, expected, when)
    role = _may(case.branch, actor, readers(kind), "個人情報の閲覧", where)
    if case.subject is None:
        raise CaseError(
            "この案件には相手方がありません。",
            where=where,
            todo="個人情報を開く必要はありません。",
            code="no_subject",
        )
    data = {"subject": case.subject, "purpose": _said(purpose, where, needed="個人情報の閲覧")}
    return _next(kind, case, when, actor, role, What.IDENTITY_OPENED, data)


# ---- letters -----------------------------------------------------------------------------------------------------


def record_letter(
    kind: CaseKind,
    case: Case,
    letter: str,
    number: str,
    digest: str,
    *,
    actor: Actor,
    when: datetime,
    expected: int | None,
    on: date | None = None,
) -> Event:
    """The event of a letter that went out (通知の発送), by anyone who works on the kind. number: 文書番号; digest: sha256
    of the printed bytes, which a reprint must give again.

    Raises CaseError (bad_letter when that letter is not due, or number or digest is missing; bad_time; those of everyone).
    """
    where = _where(kind, case)
    _check(kind, case, expected, when)
    role = _may(case.branch, actor, workers(kind), "通知の発送", where)
    if letter not in case.letters_due or not number or not digest:
        known = {one.id: one.title for one in kind.letters}
        due = "、".join(known.get(one, one) for one in case.letters_due) or "なし"
        raise CaseError(
            f"「{known.get(letter, letter)}」の発送を記録できません。",
            where=where,
            todo=f"これから送る通知（{due}）を、文書番号と印刷した内容の sha256 を付けて記録してください。",
            code="bad_letter",
        )
    data = {"letter": letter, "number": number, "sha256": digest, "on": _day(case, when, on, where)}
    return _next(kind, case, when, actor, role, What.LETTER_SENT, data)


def returned_mail(
    kind: CaseKind,
    case: Case,
    sent: int,
    reason: str,
    *,
    actor: Actor,
    when: datetime,
    expected: int | None,
    on: date | None = None,
) -> tuple[Event, ...]:
    """The events of a letter that came back (宛所不明 …): that it did, and the move the letter declares for it.

    sent: sequence of the letter_sent event. The move is left out where the case no longer stands in a state it leads
    from or the person may not make it; another's claim does not keep it back. Raises CaseError (bad_letter,
    needs_reason, bad_time, and those of everyone).
    """
    where = _where(kind, case)
    _check(kind, case, expected, when)
    role = _may(case.branch, actor, workers(kind), "通知の返送", where)
    letter = next((one for one in case.letters if one.sequence == sent and one.returned is None), None)
    if letter is None:
        raise CaseError(
            "返送を記録できる通知がありません。",
            where=where,
            todo="発送を記録した通知で、まだ返送の記録がないものを選んでください。",
            code="bad_letter",
        )
    day = _day(case, when, on, where)
    data = {
        "sent": sent,
        "letter": letter.letter,
        "reason": _said(reason, where, needed="返送の記録"),
        "on": day,
    }
    first = _next(kind, case, when, actor, role, What.LETTER_RETURNED, data)
    declared = next((one.returned_move for one in kind.letters if one.id == letter.letter), None)
    if declared is None:
        return (first,)
    after, chosen = apply(case, first), kind.move(declared)
    if _refusal(kind, after, chosen, actor, owned=False) is not None:
        return (first,)
    return first, _move_event(kind, after, chosen, actor, when, reason, day, {"because": first.sequence})


# ---- what all verbs ask ------------------------------------------------------------------------------------------


def _where(kind: CaseKind, case: Case) -> str:
    return f"{kind.title}、案件 {case.id}"


def _check(kind: CaseKind, case: Case, expected: int | None, when: datetime) -> None:
    """Refuse what was decided on an older state of the case, and a time before its last event."""
    if case.kind != kind.id:
        raise ValueError(f"case {case.id} is of kind {case.kind!r}, not {kind.id!r}")
    where = _where(kind, case)
    if expected is not None and not case.changed <= expected <= case.sequence:
        raise CaseError(
            "この案件は、画面を開いた後に変わりました。操作は行っていません。",
            where=where,
            todo="画面を開き直し、今の状態を確かめてから操作してください。",
            code="stale",
        )
    day_of(when)
    if when < case.last_at:
        raise _bad_time("時刻が、この案件の最後の出来事より前です。", where)


def _may(branch: str, actor: Actor, roles: Collection[Role], what: str, where: str) -> Role:
    """The role under which a person may act. Raises CaseError (other_branch, not_allowed)."""
    if actor.branch != branch and Role.HEAD_OFFICE not in actor.roles:
        raise CaseError(
            "他の支部の案件を見ることも変えることもできません。",
            where=where,
            todo="自分の支部の案件を選んでください。",
            code="other_branch",
        )
    role = actor.first_of(roles)
    if role is None or actor.branch != branch:
        listed = "、".join(r.label for r in Role if r in roles) or "いません"
        raise CaseError(
            f"あなたの役割では{what}ができません。",
            where=where,
            todo=f"できる人に依頼してください：{listed}",
            code="not_allowed",
        )
    return role


def _known(kind: CaseKind, case: Case) -> None:
    """Refuse a case that stands in a state the kind no longer has."""
    if case.state not in {s.id for s in kind.states}:
        raise CaseError(
            f"この案件は前の版（{case.version}）の状態「{case.state}」にあり、今の版（{kind.version}）にはありません。",
            where=_where(kind, case),
            todo="kenpo の担当者に、この状態の案件の扱いを決めてもらってください。",
            code="old_version",
        )


def _free(kind: CaseKind, case: Case, actor: Actor) -> None:
    if case.owner not in (None, actor.id):
        raise _claimed(kind, case, actor)


def _claimed(kind: CaseKind, case: Case, actor: Actor) -> CaseError:
    said = (
        "あなたがすでに担当しています。" if case.owner == actor.id else f"{case.owner} さんが担当しています。"
    )
    return CaseError(
        said,
        where=_where(kind, case),
        todo="担当する人が替わるときは、担当を解除するか、割り当て直してもらってください。",
        code="already_claimed",
    )


def _unended(kind: CaseKind, case: Case) -> None:
    if case.ended:
        raise _not_in_state(kind, case, "終わった案件です。")


def _not_in_state(kind: CaseKind, case: Case, what: str) -> CaseError:
    now = next((s.title for s in kind.states if s.id == case.state), case.state)
    return CaseError(
        f"{what}今は「{now}」です。",
        where=_where(kind, case),
        todo="今の状態でできる操作を選んでください。",
        code="not_in_state",
    )


def _bad_time(what: str, where: str) -> CaseError:
    return CaseError(what, where=where, todo="日付と時刻を確かめてください。", code="bad_time")


def _day(case: Case, when: datetime, on: date | None, where: str) -> date:
    """The day an event took effect: today unless told, not in the future, not before the last one."""
    today = day_of(when)
    day = today if on is None else on
    if not case.last_day <= day <= today:
        raise _bad_time(f"{day} は使えません。{case.last_day} から {today} までの日にしてください。", where)
    return day


def _said(text: str, where: str, needed: str) -> str:
    """A text someone wrote, without blanks around it. needed: what it must be given for, or nothing."""
    said = text.strip()
    if not said and needed:
        raise CaseError(
            f"{needed}には理由などの記入が要ります。",
            where=where,
            todo="空白でない文を記入してください。",
            code="needs_reason",
        )
    if len(said) > MAX_TEXT:
        raise CaseError(
            f"文が長すぎます（{len(said):,}字）。",
            where=where,
            todo=f"{MAX_TEXT:,}字までにしてください。",
            code="bad_content",
        )
    return said


def read_content(model: type[BaseModel], given: BaseModel | Mapping[str, Any], where: str) -> BaseModel:
    """What was given as a kind's model. Raises CaseError (bad_content) that names the fields by their titles."""
    try:
        return given if isinstance(given, model) else model.model_validate(given)
    except ValidationError as error:
        titles = {f.name: f.title for f in fields_of(model)}
        listed = "、".join(
            dict.fromkeys(
                ".".join(titles.get(str(p), str(p)) for p in e["loc"]) or "全体" for e in error.errors()
            )
        )
        raise CaseError(
            f"内容に正しくない項目があります：{listed}",
            where=where,
            todo="項目の値を直してください。",
            code="bad_content",
        ) from None


def _plain_content(read: BaseModel, where: str) -> dict[str, Any]:
    """A model as what canonical JSON can hold, without what it reckons itself. Raises CaseError (bad_content) for what it cannot."""
    plain = read.model_dump(mode="json", round_trip=True)
    try:
        canonical(plain)
    except ValueError as error:
        raise CaseError(
            f"内容に、記録できない値があります（{error}）。",
            where=where,
            todo="文字化けした文字や小数（float）を直してください。",
            code="bad_content",
        ) from None
    return plain


def _content(model: type[BaseModel], given: BaseModel | Mapping[str, Any], where: str) -> dict[str, Any]:
    return _plain_content(read_content(model, given, where), where)


def _next(
    kind: CaseKind,
    case: Case,
    when: datetime,
    actor: Actor,
    role: Role | None,
    what: What,
    data: Mapping[str, Any],
) -> Event:
    where = _where(kind, case)
    return _sealed(case.sequence + 1, case.id, kind, case.head, when, actor, role, what, data, where)


def _sealed(
    sequence: int,
    id: str,
    kind: CaseKind,
    previous: str,
    when: datetime,
    actor: Actor,
    role: Role | None,
    what: What,
    data: Mapping[str, Any],
    where: str,
) -> Event:
    try:
        payload = canonical(data)
    except ValueError as error:
        raise CaseError(
            f"記録できない値があります（{error}）。",
            where=where,
            todo="文字化けした文字などを直してください。",
            code="bad_content",
        ) from None
    return sealed(Event(sequence, id, kind.id, when, actor.id, role or "", what, payload, previous))
