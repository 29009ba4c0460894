"""Opening cases from a worklist (対象者リストから案件を始める): who is taken, who is not and why, and who is held out.

Every row ends in exactly one place. A row is first passed over when it stands twice, was a case or a control before, or
meets an exclusion; the rest are taken in the order of priority, ties by chance. Each in turn is drawn into the control
group or gets a case, until the capacity is used up. So the controls are people who would have been taken; the draw
depends on seed and person alone, so that a person drawn once is drawn again.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from pydantic import BaseModel

from kenpo.base.errors import ArgumentError
from kenpo.frame.casekind import CaseKind
from kenpo.frame.cases.engine import case_id, open_case, read_content
from kenpo.frame.cases.events import Event, canonical
from kenpo.frame.cases.people import Actor
from kenpo.lake import Lake


class Known(StrEnum):
    """What is known of a case id: its case is open, it has ended, or it was held out as a control."""

    OPEN = "open"
    DONE = "done"
    HELD_OUT = "held_out"


class Passed(StrEnum):
    """Why a row of a worklist opens no case (始めない理由)."""

    REPEATED = "repeated"
    ALREADY_OPEN = "already_open"
    ALREADY_DONE = "already_done"
    ALREADY_HELD_OUT = "already_held_out"
    LEFT = "left"
    OPTED_OUT = "opted_out"
    RECENTLY_CONTACTED = "recently_contacted"

    @property
    def label(self) -> str:
        """The reason in Japanese."""
        return _PASSED[self]


_PASSED = {
    Passed.REPEATED: "同じリストに二度ある",
    Passed.ALREADY_OPEN: "すでに案件がある",
    Passed.ALREADY_DONE: "すでに終わった案件がある",
    Passed.ALREADY_HELD_OUT: "対照群に入っている",
    Passed.LEFT: "資格を喪失している",
    Passed.OPTED_OUT: "通知を希望しない申出がある",
    Passed.RECENTLY_CONTACTED: "最近連絡したばかり",
}
_BEFORE = {
    Known.OPEN: Passed.ALREADY_OPEN,
    Known.DONE: Passed.ALREADY_DONE,
    Known.HELD_OUT: Passed.ALREADY_HELD_OUT,
}


@dataclass(frozen=True)
class Candidate:
    """A row of a worklist as a possible case. id: of the case it would be; subject: whom it concerns, or None."""

    id: str
    branch: str
    key: str
    subject: str | None
    priority: int
    reason: str
    row: Mapping[str, Any] = field(repr=False)

    @property
    def who(self) -> str:
        """What exclusions and the draw look at: the subject, or the case itself when there is none."""
        return self.subject if self.subject is not None else self.id


def candidates(kind: CaseKind, rows: Iterable[Mapping[str, Any]]) -> tuple[Candidate, ...]:
    """The rows of the kind's worklist, as `run` gives them with names, as candidates.

    The key is the kind's key columns: the text of one, the canonical JSON list of several. Raises ValueError for a kind
    that is opened from no worklist, and ArgumentError for a row without branch, key or priority.
    """
    if kind.worklist is None:
        raise ValueError(f"case kind {kind.id!r} is opened from no worklist")
    return tuple(_candidate(kind, row) for row in rows)


def _candidate(kind: CaseKind, row: Mapping[str, Any]) -> Candidate:
    values = [row.get(c) for c in kind.key]
    lacking = [c for c in ("branch", "priority", *kind.key) if row.get(c) in (None, "")]
    if lacking:
        raise ArgumentError(
            f"対象者リストに「{'、'.join(lacking)}」が空の行があります。",
            where=f"{row.get('file')} {row.get('source_line')}行",
            todo="元のデータを直してから、もう一度始めてください。",
        )
    key = _plain(values[0]) if len(values) == 1 else canonical(values)
    subject = row.get(kind.subject_column) if kind.subject_column else None
    who = None if subject is None else str(subject)
    return Candidate(
        case_id(kind, row["branch"], key), row["branch"], key, who, row["priority"], row["reason"], row
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value).strip('"')


@dataclass(frozen=True)
class Exclusions:
    """Who is left out (除外): opted_out 希望しない申出, left 資格喪失, contacted the day of the last contact, within quiet_days
    days of today. All by Candidate.who.
    """

    today: date
    opted_out: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    contacted: Mapping[str, date] = field(default_factory=dict)
    quiet_days: int = 0

    def of(self, candidate: Candidate) -> Passed | None:
        """Why a candidate is left out, or None. Contacted 30 days ago is within 30 days; 31 days ago is not."""
        if candidate.who in self.left:
            return Passed.LEFT
        if candidate.who in self.opted_out:
            return Passed.OPTED_OUT
        last = self.contacted.get(candidate.who)
        if last is not None and self.quiet_days and (self.today - last).days <= self.quiet_days:
            return Passed.RECENTLY_CONTACTED
        return None


@dataclass(frozen=True)
class Excluded:
    """A candidate that is passed over, and why."""

    candidate: Candidate
    why: Passed


@dataclass(frozen=True)
class Opening:
    """What opening would do (案件を始める計画): nothing has happened yet. opened and over_capacity: best first."""

    opened: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]
    held_out: tuple[Candidate, ...]
    over_capacity: tuple[Candidate, ...]

    @property
    def rows(self) -> int:
        """How many rows are accounted for."""
        return len(self.opened) + len(self.excluded) + len(self.held_out) + len(self.over_capacity)

    def explain(self) -> tuple[str, ...]:
        """The plan in Japanese, a line for each outcome, which add up to the rows of the list."""
        why = Counter(e.why for e in self.excluded)
        return (
            f"リストの行：{self.rows:,}件",
            f"案件を始める：{len(self.opened):,}件",
            f"対照群として始めない：{len(self.held_out):,}件",
            f"上限を超えたため始めない：{len(self.over_capacity):,}件",
            *(f"除外（{reason.label}）：{why[reason]:,}件" for reason in Passed if why[reason]),
        )


def plan_opening(
    rows: Sequence[Candidate],
    known_cases: Mapping[str, Known],
    *,
    exclusions: Exclusions,
    capacity: int | None = None,
    control_share: Fraction | Decimal | int = 0,
    seed: str = "",
) -> Opening:
    """What is to become of each candidate. The order of the rows does not matter.

    known_cases: case id → what is known of it. capacity: cases to open at most, None for all. control_share: the chance
    of being held out, at least 0 and less than 1. Raises ArgumentError for a capacity or share out of range.
    """
    if not 0 <= control_share < 1 or (capacity is not None and capacity < 0):
        raise ArgumentError(
            f"対照群の割合 {control_share} か上限 {capacity} が正しくありません。",
            todo="割合は0以上1未満、上限は0以上で指定してください。",
        )
    controls = math.ceil(Fraction(control_share) * _CERTAIN)
    times = Counter(c.id for c in rows)
    taken: set[str] = set()
    opened, excluded, held_out, over = [], [], [], []
    for candidate in sorted(rows, key=lambda c: _turn(c, seed, times[c.id] > 1)):
        why = Passed.REPEATED if candidate.id in taken else _why_not(candidate, known_cases, exclusions)
        taken.add(candidate.id)
        if why is not None:
            excluded.append(Excluded(candidate, why))
        elif capacity is not None and len(opened) >= capacity:
            over.append(candidate)
        elif _chance("control", seed, candidate.who) < controls:
            held_out.append(candidate)
        else:
            opened.append(candidate)
    return Opening(tuple(opened), tuple(excluded), tuple(held_out), tuple(over))


def _why_not(candidate: Candidate, known: Mapping[str, Known], exclusions: Exclusions) -> Passed | None:
    before = known.get(candidate.id)
    return _BEFORE[before] if before is not None else exclusions.of(candidate)


def _turn(candidate: Candidate, seed: str, repeated: bool) -> tuple[Any, ...]:
    """Whose turn it is: priority, then chance; rows of one case by their reason and what stands in them."""
    row = tuple(str(v) for v in candidate.row.values()) if repeated else ()
    return candidate.priority, _chance("turn", seed, candidate.id), candidate.id, candidate.reason, row


_CERTAIN = 2**64


def _chance(what: str, seed: str, who: str) -> int:
    """A number from 0 to less than _CERTAIN that depends on the seed and the person alone."""
    digest = hashlib.sha256(f"{what}\n{len(seed)}\n{seed}\n{who}".encode()).digest()
    return int.from_bytes(digest[:8])


def contents_of(kind: CaseKind, lake: Lake, rows: Sequence[Candidate]) -> dict[str, BaseModel]:
    """The content each candidate's case would have, by Candidate.id, for a preview and for opening: as the kind makes them
    of the lake in one pass, or else the columns of the row that the kind's content has.

    Raises CaseError (bad_content) for a row that does not fit, and ValueError when the kind leaves a candidate out.
    """
    if kind.contents is None:
        return {c.id: read_content(kind.content, _columns(kind, c), _place(kind, c)) for c in rows}
    made = kind.contents(lake, rows)
    lacking = [c.id for c in rows if c.id not in made]
    if lacking:
        raise ValueError(f"case kind {kind.id!r}: contents made none for {len(lacking)} of {len(rows)}")
    return {c.id: read_content(kind.content, made[c.id], _place(kind, c)) for c in rows}


def _columns(kind: CaseKind, candidate: Candidate) -> dict[str, Any]:
    return {name: candidate.row[name] for name in kind.content.model_fields if name in candidate.row}


def _place(kind: CaseKind, candidate: Candidate) -> str:
    return f"{kind.title}、{candidate.row.get('file')} {candidate.row.get('source_line')}行"


def open_candidate(
    kind: CaseKind,
    candidate: Candidate,
    *,
    actor: Actor,
    when: datetime,
    received_on: date,
    content: BaseModel | Mapping[str, Any] | None = None,
) -> Event:
    """The first event of a candidate's case, with the reason, its Japanese text and the file and line it comes from.

    content: that of contents_of, or the columns of the row that the kind's content has. Raises what open_case does.
    """
    row = candidate.row
    origin = {
        "worklist": kind.worklist,
        "reason": candidate.reason,
        **{name: row.get(name) for name in ("reason_label", "month", "file", "source_line")},
    }
    return open_case(
        kind,
        branch=candidate.branch,
        key=candidate.key,
        content=_columns(kind, candidate) if content is None else content,
        received_on=received_on,
        actor=actor,
        when=when,
        subject=candidate.subject,
        priority=candidate.priority,
        origin=origin,
    )
