"""Events (履歴): what happened to a case, append-only, each holding the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

from kenpo.frame.cases.errors import CaseError

JAPAN = timezone(timedelta(hours=9), "JST")
NO_HASH = "0" * 64
"""What the first event of a case holds as the hash before it."""


class What(StrEnum):
    """The kinds of event (出来事)."""

    OPENED = "opened"
    MOVED = "moved"
    DECIDED = "decided"
    AMENDED = "amended"
    COMMENTED = "commented"
    ASSIGNED = "assigned"
    CLAIMED = "claimed"
    RELEASED = "released"
    LETTER_SENT = "letter_sent"
    LETTER_RETURNED = "letter_returned"
    UNDONE = "undone"
    IDENTITY_OPENED = "identity_opened"

    @property
    def label(self) -> str:
        """The Japanese word."""
        return _LABELS[self]


_LABELS = {
    What.OPENED: "開始",
    What.MOVED: "状態の変更",
    What.DECIDED: "判断",
    What.AMENDED: "内容の訂正",
    What.COMMENTED: "コメント",
    What.ASSIGNED: "割当て",
    What.CLAIMED: "担当の開始",
    What.RELEASED: "担当の解除",
    What.LETTER_SENT: "通知の発送",
    What.LETTER_RETURNED: "通知の返送",
    What.UNDONE: "取消し",
    What.IDENTITY_OPENED: "個人情報の閲覧",
}


@dataclass(frozen=True)
class Event:
    """One event of one case. sequence: 1, 2, 3 …; kind: id of the case kind; when: aware; role: under which the actor
    acted; payload: canonical JSON; previous: hash of the event before; hash: of everything else here.
    """

    sequence: int
    case: str
    kind: str
    when: datetime
    actor: str
    role: str
    what: What
    payload: str
    previous: str
    hash: str = ""

    @property
    def data(self) -> dict[str, Any]:
        """The payload read."""
        return json.loads(self.payload)

    def reckoned(self) -> str:
        """The hash this event should have: sha256 over the canonical bytes of all other fields."""
        return hashlib.sha256(canonical(_said(self)).encode("utf-8")).hexdigest()

    def to_json(self) -> bytes:
        """The event as one line of canonical JSON, UTF-8."""
        return canonical({**_said(self), "hash": self.hash}).encode("utf-8")

    @staticmethod
    def from_json(line: bytes) -> Event:
        """The event of a line that to_json wrote. Raises CaseError (broken_history) for any other bytes."""
        try:
            said = json.loads(line)
            event = Event(
                **{**said, "when": datetime.fromisoformat(said["when"]), "what": What(said["what"])}
            )
            if event.to_json() == line:
                return event
        except (ValueError, TypeError, KeyError, OverflowError):
            pass
        raise CaseError(
            "案件の履歴として読めない行があります。",
            where=f"先頭の文字：{line[:40]!r}",
            todo="控えから元に戻してください。",
            code="broken_history",
        )


def _said(event: Event) -> dict[str, Any]:
    """All fields but the hash, as they go into it; the time in UTC with its microseconds."""
    said = {f.name: getattr(event, f.name) for f in fields(event) if f.name != "hash"}
    return {
        **said,
        "what": str(event.what),
        "when": event.when.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def sealed(event: Event) -> Event:
    """The event with its hash."""
    return replace(event, hash=event.reckoned())


def day_of(when: datetime) -> date:
    """The day in Japan of a moment. Raises ValueError when it has no time zone."""
    if when.tzinfo is None:
        raise ValueError(f"a time without a time zone: {when}")
    return when.astimezone(JAPAN).date()


# ---- canonical JSON ----------------------------------------------------------------------------------------------


def canonical(value: Any) -> str:
    """A value as canonical JSON: keys in order, no blanks, decimals and days as text. The same value, the same text.

    Raises ValueError for what has no exact form, floats among them.
    """
    return json.dumps(
        _plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        if not all(isinstance(k, str) for k in value):
            raise ValueError("keys must be text")
        return {_storable(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    raise ValueError(f"no exact JSON form: {type(value).__name__}")


def _storable(text: str) -> str:
    """The text, when every store can hold it: no NUL and no half of a surrogate pair."""
    if "\0" in text or not _encodes(text):
        raise ValueError("text holds a character that cannot be stored")
    return text


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


# ---- verifying ---------------------------------------------------------------------------------------------------


class Break(StrEnum):
    """What can be wrong with a history (履歴の異常)."""

    EMPTY = "empty"
    GAP = "gap"
    FOREIGN = "foreign"
    ALTERED = "altered"
    BROKEN_CHAIN = "broken_chain"
    NOT_OPENED = "not_opened"
    HEAD_DIFFERS = "head_differs"

    @property
    def label(self) -> str:
        """What it means, in Japanese."""
        return _BREAKS[self]


_BREAKS = {
    Break.EMPTY: "履歴が一つもありません。",
    Break.GAP: "番号が続いていません。出来事が抜けているか、順序が変えられています。",
    Break.FOREIGN: "別の案件の出来事が混ざっています。",
    Break.ALTERED: "書かれた後に変えられています。",
    Break.BROKEN_CHAIN: "前の出来事とつながっていません。",
    Break.NOT_OPENED: "始まりが「開始」ではないか、「開始」が二度あります。",
    Break.HEAD_DIFFERS: "最後の出来事が、控えてあるものと違います。末尾が失われたか、全体が書き直されています。",
}


@dataclass(frozen=True)
class HistoryFault:
    """One fault of a history: the place in the list (from 1), and what is wrong."""

    place: int
    what: Break

    @property
    def message(self) -> str:
        """The fault in Japanese."""
        return f"{self.place}番目：{self.what.label}"


def verify(events: Iterable[Event], head: str | None = None) -> list[HistoryFault]:
    """The faults of a case's history, an empty list when it is whole.

    head: hash of the last event, kept somewhere else. Without it a lost end, or a history written anew from some event
    on with all its hashes, cannot be told from a whole one.
    """
    faults: list[HistoryFault] = []
    previous, first, place = NO_HASH, None, 0
    for place, event in enumerate(events, 1):
        first = first or event
        wrong = {
            Break.GAP: event.sequence != place,
            Break.FOREIGN: (event.case, event.kind) != (first.case, first.kind),
            Break.ALTERED: event.hash != event.reckoned(),
            Break.BROKEN_CHAIN: event.previous != previous,
            Break.NOT_OPENED: (event.what == What.OPENED) != (place == 1),
        }
        faults += [HistoryFault(place, what) for what, is_so in wrong.items() if is_so]
        previous = event.hash
    if first is None:
        faults.append(HistoryFault(0, Break.EMPTY))
    if head is not None and head != previous:
        faults.append(HistoryFault(place, Break.HEAD_DIFFERS))
    return faults
