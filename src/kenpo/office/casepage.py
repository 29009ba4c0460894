"""What the page of a case says (案件の画面): its deadline in words, what can be done and what not and why, who did what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone
from pydantic import BaseModel, ValidationError

from kenpo.base.business import business_days_between
from kenpo.base.document import Document, table
from kenpo.base.era import to_wareki, to_wareki_month
from kenpo.catalogue import WORKLISTS
from kenpo.frame import cases
from kenpo.frame.casekind import CaseKind, Clock, Move, Role
from kenpo.frame.cases import Case, CaseError, Choice, Event, What, apply
from kenpo.frame.cases.clock import Effect
from kenpo.frame.cases.people import assigners, workers
from kenpo.frame.content import lines_of, shown
from kenpo.office.acting import Duty, on_duty
from kenpo.office.casework import Worked, number
from kenpo.office.models import Account, CaseRow
from kenpo.office.queues import address, beside_address

# ---- the people of a case ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Staff:
    """The people of the branch, and those who stand in a case's history: names by 職員番号, and who may work on the kind."""

    names: Mapping[str, str]
    able: tuple[tuple[str, str], ...]

    def name(self, staff_id: str | None) -> str:
        """Someone's name; programs are called kenpo."""
        return self.names.get(staff_id or "", staff_id or "")

    def named(self, text: str) -> str:
        """A refusal with names instead of 職員番号."""
        return re.sub(r"(\S+) さん", lambda found: f"{self.name(found[1])} さん", text)


def staff_of(kind: CaseKind, more: Collection[str] = ()) -> Staff:
    """The people of the branch acted in, with some more 職員番号 whose names are wanted, in one query."""
    branch = on_duty().branch
    found = list(Account.objects.filter(branch=branch) | Account.objects.filter(staff_id__in=more))
    able = [
        (a.staff_id, a.name)
        for a in found
        if a.branch == branch and a.is_active and a.actor.first_of(workers(kind)) is not None
    ]
    return Staff({a.staff_id: a.name for a in found}, tuple(able))


# ---- how it stands -----------------------------------------------------------------------------------------------

_BADGES = {
    Clock.RUNNING: ("info", "current"),
    Clock.STOPPED: ("neutral", "waiting"),
    Clock.ENDED: ("ok", "check"),
}


@dataclass(frozen=True)
class StateShown:
    """A state as a badge."""

    text: str
    kind: str
    icon: str


def state_of(kind: CaseKind, id: str) -> StateShown:
    """A state by id; one that the kind no longer has shows its id."""
    found = next((s for s in kind.states if s.id == id), None)
    return StateShown(found.title, *_BADGES[found.clock]) if found else StateShown(id, "warn", "warn")


@dataclass(frozen=True)
class RowShown:
    """A row of a queue."""

    row: CaseRow
    number: str
    state: StateShown
    owner: str
    mine: bool
    url: str
    beside: str
    done: bool = False


def row_of(kind: CaseKind, row: CaseRow, staff: Staff, listed: str, *, done: bool = False) -> RowShown:
    """A row as the queue shows it. listed: the queue's query; done: it was just worked and no longer belongs to what is listed."""
    return RowShown(
        row,
        number(row.id),
        state_of(kind, row.state),
        staff.name(row.owner),
        row.owner == on_duty().actor.id,
        address(row.id, listed),
        beside_address(kind, listed, row.id),
        done,
    )


def clock_words(kind: CaseKind, case: Case, today: date) -> str:
    """The deadline and its clock in a sentence or two."""
    clock = case.clock
    if clock.allowed is None:
        return "期限の定めはありません。"
    used, due = clock.used(case.clock.ended_on or today), case.due
    ratio = f"{clock.allowed}営業日のうち{used}営業日を使いました"
    if clock.ended_on:
        late = case.overdue(clock.ended_on)
        when = f"期限を{used - clock.allowed}営業日過ぎて" if late else "期限内に"
        return f"{to_wareki(clock.ended_on)}に{when}終わりました（{ratio}）。"
    if not clock.spans:
        begins = kind.state(kind.begins).title
        return f"まだ数え始めていません。「{begins}」になった日の翌日から{clock.allowed}営業日です。"
    if not clock.running:
        goes_on = "はじめから数え直します" if clock.effect == Effect.RETURNS else "続きから数えます"
        over = "すでに期限を過ぎています。" if case.overdue(today) else ""
        return f"{over}今は止まっていて、再開すると{goes_on}（{ratio}）。"
    if due is None:
        return f"{ratio}。"
    if due < today:
        over = business_days_between(due, today)
        how = f"{over}営業日過ぎています" if over else "過ぎました"
        return f"{to_wareki(due)}の期限を{how}（{ratio}）。"
    left = business_days_between(today, due)
    return f"{to_wareki(due)}まで、{'今日を含めず' if left else ''}{_left(left)}（{ratio}）。"


def _left(days: int) -> str:
    return f"あと{days}営業日です" if days else "今日が最後の営業日です"


# ---- what can be done --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MoveShown:
    """A move as a button: what it is called, what follows from it, and why it cannot be made now."""

    id: str
    title: str
    effects: str
    needs_reason: bool
    main: bool
    refusal: str = ""


def moves_of(worked: Worked, duty: Duty, staff: Staff) -> tuple[MoveShown, ...]:
    """All moves: first the main one, then the others that can be made now, then the rest with the reason why not."""
    kind, case = worked.kind, worked.case
    choices = cases.allowed(kind, case, duty.actor)
    main = next((c.move for c in choices if c.possible and not c.move.needs_reason), None)
    found = [_shown(kind, choice, staff, main) for choice in choices]
    return tuple(sorted(found, key=lambda s: (bool(s.refusal), not s.main)))


def _shown(kind: CaseKind, choice: Choice, staff: Staff, main: Move | None) -> MoveShown:
    move, refusal = choice.move, choice.refusal
    to = kind.state(move.to)
    effects = f"→ {to.title}{'（終了）' if to.clock == Clock.ENDED else ''}"
    if move.letter:
        effects += f"、「{kind.letter(move.letter).title}」を発送待ちにする"
    said = staff.named(f"{refusal.what}{refusal.todo}") if refusal else ""
    return MoveShown(move.id, move.title, effects, move.needs_reason, move == main, said)


def effects_of(kind: CaseKind, move: Move) -> Iterator[str]:
    """What follows from a move, in parts of a sentence."""
    to = kind.state(move.to)
    yield f"「{to.title}」になる"
    if move.letter:
        yield f"「{kind.letter(move.letter).title}」の発送待ちになる"
    if move.drops_letters or move.reopens:
        yield "まだ送っていない通知を取りやめる"
    if move.voids_approvals or move.reopens:
        yield "決裁をはじめからやり直す"
    if to.clock == Clock.ENDED:
        yield "案件が終わる"
    elif to.clock == Clock.STOPPED:
        yield "期限の計算が止まる"
    if move.hands_over or move.approval or to.clock == Clock.ENDED:
        yield "担当者がいなくなる"


def can(worked: Worked, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Why somebody who acts now cannot do something to a case, nothing when they can."""
    try:
        verb(
            worked.kind,
            worked.case,
            *args,
            actor=on_duty().actor,
            when=timezone.now(),
            expected=None,
            **kwargs,
        )
    except CaseError as error:
        return f"{error.what}{error.todo}"
    return ""


def doable(worked: Worked) -> dict[str, bool]:
    """What else can be done to a case by who acts."""
    kind, case, duty = worked.kind, worked.case, on_duty()
    if not duty.writes:
        return {}
    return {
        "claim": not can(worked, cases.claim),
        "release": not can(worked, cases.release),
        "assign": not case.ended and duty.actor.first_of(assigners(kind)) is not None,
        "decide": _decides(worked),
        "amend": not can(worked, cases.amend, json.loads(case.content), reason="確認"),
        "comment": not can(worked, cases.comment, "確認"),
        "undo": not can(worked, cases.undo, reason="確認"),
        "identity": case.subject is not None,
    }


def _decides(worked: Worked) -> bool:
    kind, case, actor = worked.kind, worked.case, on_duty().actor
    return (
        case.state in kind.deciding
        and not case.approvals
        and case.owner in (None, actor.id)
        and actor.first_of(kind.workers) is not None
    )


# ---- content and approval ----------------------------------------------------------------------------------------


def document_of(worked: Worked) -> Document:
    """The content as a document; one of an older version, which today's model cannot read, as it was written."""
    try:
        return worked.kind.page_of(worked.case.content_as(worked.kind))
    except ValidationError:
        said = json.loads(worked.case.content)
        rows = [(_title(worked.kind.content, name), _raw(value)) for name, value in said.items()]
        return Document(
            f"前の版（{worked.case.version}）の内容", (table(("項目", "内容"), rows, widths=(1, 3)),)
        )


def _title(model: type[BaseModel], name: str) -> str:
    field = model.model_fields.get(name)
    return (field.title if field else None) or name


def _raw(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def reckoning_of(case: Case) -> list[dict[str, str]]:
    """The steps of the last decision, with their values as staff read them."""
    steps = case.decision.steps if case.decision else ()
    return [
        {"what": s.what, "formula": s.formula, "value": shown(s.value), "source": s.source} for s in steps
    ]


def steps_of(worked: Worked, staff: Staff) -> list[dict[str, Any]]:
    """The approval chain as office/parts/steps.html takes it."""
    kind, case = worked.kind, worked.case
    given = {a.step: a for a in case.approvals}
    at = {e.sequence: e.when for e in worked.events}
    returned = _put_back(worked)
    steps: list[dict[str, Any]] = []
    for step in kind.approval:
        approval = given.get(step.id)
        waiting = not case.ended and all(s["state"] == "done" for s in steps)
        steps.append(
            {
                "title": step.title,
                "person": staff.name(approval.actor) if approval else "",
                "at": at[approval.sequence] if approval else None,
                "state": "done" if approval else "current" if waiting else "waiting",
                "note": returned if waiting and not approval else "",
            }
        )
    return steps


def _put_back(worked: Worked) -> str:
    """Why the signatures were taken back last, while none has been given since."""
    if worked.case.approvals:
        return ""
    for event in reversed(worked.events):
        data = event.data if event.what == What.MOVED else {}
        if data.get("approval"):
            return ""
        if data.get("voids_approvals") and not data.get("reopens"):
            return f"「{data['title']}」：{data['reason']}" if data["reason"] else f"「{data['title']}」"
    return ""


# ---- history -----------------------------------------------------------------------------------------------------

_ICONS = {
    What.OPENED: ("inbox", ""),
    What.MOVED: ("right", "info"),
    What.DECIDED: ("flag", "info"),
    What.AMENDED: ("edit", ""),
    What.COMMENTED: ("comment", ""),
    What.ASSIGNED: ("user", ""),
    What.CLAIMED: ("user", ""),
    What.RELEASED: ("user", ""),
    What.LETTER_SENT: ("letter", "ok"),
    What.LETTER_RETURNED: ("returned", "warn"),
    What.UNDONE: ("returned", "warn"),
    What.IDENTITY_OPENED: ("lock", ""),
}


def timeline_of(worked: Worked, staff: Staff) -> list[dict[str, Any]]:
    """The whole history, newest first, as office/parts/timeline.html takes it."""
    found, case = [], None
    for event in worked.events:
        before, case = case, apply(case, event)
        icon, tone = _ICONS[event.what]
        title, text = _told(worked.kind, event, event.data, staff)
        role = Role(event.role).label if event.role else ""
        name = staff.name(event.actor)
        found.append(
            {
                "title": title,
                "text": text,
                "person": f"{name}（{role}）" if role else name,
                "at": event.when,
                "icon": icon,
                "kind": tone,
                "changes": _changes(worked.kind, before, case) if event.what == What.AMENDED else (),
                "note": f"{event.sequence}番　記録 {event.hash[:8]}",
            }
        )
    return found[::-1]


def _told(kind: CaseKind, event: Event, data: Mapping[str, Any], staff: Staff) -> tuple[str, str]:
    """The title and text of an event."""
    letters = {one.id: one.title for one in kind.letters}
    match event.what:
        case What.OPENED:
            return "案件を始めた", f"「{data['state_title']}」から。受付日 {_day(data['received_on'])}"
        case What.MOVED:
            title = f"{data['title']}　→　{data['state_title']}"
            dated = "" if data["on"] == _on(event) else f"（{_day(data['on'])}付け）"
            return title + dated, data["reason"]
        case What.DECIDED:
            move = next((m.title for m in kind.moves if m.id == data["move"]), "")
            said = "、".join(r["text"] for r in data["reasons"])
            return "判断した", f"{said}{f'　→　「{move}」が相当' if move else ''}"
        case What.AMENDED:
            return "内容を訂正した", data["reason"]
        case What.COMMENTED:
            return "コメント", data["text"]
        case What.ASSIGNED:
            return f"{staff.name(data['owner'])} さんに割り当てた", ""
        case What.CLAIMED:
            return "担当を始めた", ""
        case What.RELEASED:
            other = data["from"] != event.actor
            return f"{staff.name(data['from'])} さんの担当を解除した" if other else "担当を外れた", ""
        case What.LETTER_SENT:
            return (
                f"「{letters.get(data['letter'], data['letter'])}」を発送した",
                f"文書番号 {data['number']}（{_day(data['on'])}）",
            )
        case What.LETTER_RETURNED:
            return f"「{letters.get(data['letter'], data['letter'])}」が返送された", data["reason"]
        case What.UNDONE:
            return f"「{data['title']}」を取り消した", data["reason"]
        case What.IDENTITY_OPENED:
            return "個人情報を開いた", data["purpose"]


def _day(text: str) -> str:
    return to_wareki(date.fromisoformat(text))


def _on(event: Event) -> str:
    return cases.day_of(event.when).isoformat()


def _changes(kind: CaseKind, before: Case | None, after: Case) -> list[tuple[str, str, str]]:
    """What a correction changed: title, before, after."""
    if before is None:
        return []
    try:
        old, new = (dict(lines_of(c.content_as(kind))) for c in (before, after))
    except ValidationError:
        old, new = (
            {_title(kind.content, k): _raw(v) for k, v in json.loads(c.content).items()}
            for c in (before, after)
        )
    return [(t, old.get(t, ""), new.get(t, "")) for t in (old | new) if old.get(t) != new.get(t)]


def people_of(events: Sequence[Event]) -> set[str]:
    """Everybody who stands in a history."""
    found: set[str] = set()
    for event in events:
        found.add(event.actor)
        if event.what in (What.ASSIGNED, What.RELEASED):
            data = event.data
            found |= {one for one in (data.get("owner"), data.get("from")) if one}
    return found


# ---- facts -------------------------------------------------------------------------------------------------------


def letters_of(worked: Worked) -> list[dict[str, Any]]:
    """The letters: those due, then those sent, newest first."""
    titles = {one.id: one.title for one in worked.kind.letters}
    due = [
        {"title": titles.get(id, id), "state": "発送待ち", "kind": "info", "icon": "waiting"}
        for id in worked.case.letters_due
    ]
    sent = [
        {
            "title": titles.get(one.letter, one.letter),
            "number": one.number,
            "on": one.on,
            "state": "返送" if one.returned is not None else "発送済み",
            "kind": "warn" if one.returned is not None else "ok",
            "icon": "returned" if one.returned is not None else "letter",
            "reason": one.returned or "",
        }
        for one in reversed(worked.case.letters)
    ]
    return due + sent


def origin_of(worked: Worked) -> list[tuple[str, str, str]]:
    """What opened the case: the list, its reason, and the file and line it goes back to."""
    origin = json.loads(worked.case.origin)
    if not origin.get("worklist"):
        return [("始め方", "画面から受け付けた", "")]
    worklist = WORKLISTS.get(origin["worklist"])
    line = f"{origin['source_line']:,}行目" if isinstance(origin.get("source_line"), int) else ""
    found = [
        ("対象者リスト", worklist.title if worklist else origin["worklist"], ""),
        ("理由", origin.get("reason_label") or origin.get("reason") or "", ""),
        ("対象の月", _month(origin.get("month") or ""), ""),
        ("元のデータ", origin.get("file") or "", line),
    ]
    return [one for one in found if one[1]]


def _month(text: str) -> str:
    return to_wareki_month(date.fromisoformat(text)) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text


def comments_of(worked: Worked, staff: Staff) -> list[dict[str, Any]]:
    """The comments, newest first."""
    return [
        {"text": e.data["text"], "person": staff.name(e.actor), "at": e.when}
        for e in reversed(worked.events)
        if e.what == What.COMMENTED
    ]
