"""Anchors (履歴の要約): every night, one short text per branch and day that stands for all events of that day.

A history that is rewritten with all its hashes is whole again by itself; it no longer gives the text that was written
down before. The texts stand in a file outside the database, each line holding the hash of the line before, and the hash of
each line stands in the audit log, so that neither can be changed without the other.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from kenpo.frame.cases import JAPAN, NO_HASH
from kenpo.office import audit
from kenpo.office.acting import on_duty
from kenpo.office.models import AuditRow

_NONE = (0, "")
"""Of a day without events."""

_DIGESTS = """
select ("when" at time zone 'Asia/Tokyo')::date as day, count(*),
  encode(sha256(convert_to(string_agg(hash, '' order by "case", sequence), 'UTF8')), 'hex')
from office_event where branch = %s and "when" >= %s and "when" < %s
group by day order by day
"""


@dataclass(frozen=True)
class Anchors:
    """What the file says. days: (branch, day) → events and their digest, as written the last time and the time before, since
    a removal at the end of a period may have been written down and then not been done; entries: branch → number and hash
    of entries of its audit log; removed: of the last one that was removed at the end of its period; lines: the hashes of
    all lines; faults: what is wrong with the file itself.
    """

    days: Mapping[tuple[str, date], Sequence[tuple[int, str]]]
    entries: Mapping[str, Sequence[tuple[int, str]]]
    removed: Mapping[str, tuple[int, str]]
    lines: frozenset[str]
    faults: tuple[str, ...] = field(default=())

    def last_day(self, branch: str) -> date | None:
        """The last day of a branch that has its text."""
        return max((day for place, day in self.days if place == branch), default=None)


def read(path: Path) -> Anchors:
    """The file of anchors; an office that has none yet has nothing written down."""
    days: dict[tuple[str, date], list[tuple[int, str]]] = {}
    entries: dict[str, list[tuple[int, str]]] = {}
    removed: dict[str, tuple[int, str]] = {}
    lines, faults, previous = set(), [], NO_HASH
    for number, line in enumerate(_lines(path), 1):
        try:
            said = json.loads(line)
            if said["previous"] != previous:
                faults.append(f"{path.name} の{number}行：前の行とつながっていません。")
            if said["what"] == "day":
                key = (said["branch"], date.fromisoformat(said["day"]))
                days[key] = [*days.get(key, ())[-1:], (said["events"], said["digest"])]
            elif said["what"] == "audit":
                entries.setdefault(said["branch"], []).append((said["sequence"], said["hash"]))
            else:
                removed[said["branch"]] = (said["sequence"], said["hash"])
        except (ValueError, KeyError, TypeError):
            faults.append(f"{path.name} の{number}行：読めません。")
        previous = _hash(line)
        lines.add(previous)
    return Anchors(days, entries, removed, frozenset(lines), tuple(faults))


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                yield line.rstrip(b"\n")


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


# ---- writing -----------------------------------------------------------------------------------------------------


def anchor(path: Path, today: date) -> int:
    """Write down the days of the branch acted in that have no text yet, up to yesterday, and its audit log as it stands;
    how many days.
    """
    branch, held = on_duty().branch, read(path)
    last = held.last_day(branch)
    days = [
        {"what": "day", "branch": branch, "day": day.isoformat(), "events": events, "digest": digest}
        for day, events, digest in digests(branch, last + timedelta(days=1) if last else None, today)
    ]
    found = [*days, *_audit_lines(held, branch)]
    if found:
        _record(
            _append(path, found),
            f"{days[0]['day']}〜{days[-1]['day']}、{len(days)}日分" if days else "操作記録",
        )
    return len(days)


def _audit_lines(held: Anchors, branch: str) -> list[dict[str, Any]]:
    """The last entry of the audit log, unless nothing but checks and anchors was written since it was last written down."""
    rows = AuditRow.objects.filter(branch=branch)
    last = max((sequence for sequence, _ in held.entries.get(branch, ())), default=0)
    own = (audit.What.ANCHORED, audit.What.VERIFIED)
    if not rows.filter(sequence__gt=last).exclude(what__in=own).exists():
        return []
    sequence, hash = rows.order_by("-sequence").values_list("sequence", "hash")[0]
    return [{"what": "audit", "branch": branch, "sequence": sequence, "hash": hash}]


def rewrite(path: Path, days: Iterable[date]) -> None:
    """Write some days of the branch acted in down anew, after cases were removed at the end of their period of retention."""
    branch, found = on_duty().branch, []
    for day in sorted(days):
        events, digest = next((some[1:] for some in digests(branch, day, day + timedelta(days=1))), _NONE)
        found.append(
            {"what": "day", "branch": branch, "day": day.isoformat(), "events": events, "digest": digest}
        )
    if found:
        _record(_append(path, found), f"廃棄の後、{len(found)}日分を書き直し")


def removed(path: Path, sequence: int, hash: str) -> None:
    """Write down up to which entry the audit log of the branch acted in was removed at the end of its period of retention."""
    line = {"what": "removed", "branch": on_duty().branch, "sequence": sequence, "hash": hash}
    _record(_append(path, [line]), f"操作記録を{sequence}番まで廃棄")


def _record(line: str, detail: str) -> None:
    audit.record(audit.What.ANCHORED, detail=f"{detail}（{line}）")


def _append(path: Path, found: Sequence[dict[str, Any]]) -> str:
    """Add lines, safely on disk before the audit log speaks of them; the hash of the last."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        previous = NO_HASH
        for line in _lines(path):
            previous = _hash(line)
        for one in found:
            said = {"at": timezone.now().isoformat(timespec="seconds"), **one, "previous": previous}
            line = json.dumps(said, ensure_ascii=False).encode()
            file.write(line + b"\n")
            previous = _hash(line)
        file.flush()
        os.fsync(file.fileno())
    return previous


# ---- comparing ---------------------------------------------------------------------------------------------------


def digests(branch: str, since: date | None, before: date) -> list[tuple[date, int, str]]:
    """Day, number of events and their digest, of the days in Japan from one day to before another that have events."""
    with connection.cursor() as cursor:
        cursor.execute(_DIGESTS, [branch, _start(since or date(1900, 1, 1)), _start(before)])
        return cursor.fetchall()


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, JAPAN)


def faults(anchors: Anchors, branch: str) -> list[str]:
    """What of the branch acted in is no longer as it was written down, in Japanese."""
    last = anchors.last_day(branch)
    now = {day: (n, d) for day, n, d in digests(branch, None, last + timedelta(days=1))} if last else {}
    written = {day: held for (place, day), held in anchors.days.items() if place == branch}
    found = [
        f"{day} の履歴が、要約を記録した後に書き換えられています（そのとき {told[-1][0]} 件、いま {now.get(day, _NONE)[0]} 件）。"
        for day in sorted(written.keys() | now.keys())
        if now.get(day, _NONE) not in (told := written.get(day, (_NONE,)))
    ]
    return [*found, *_audit_faults(anchors, branch)]


def _audit_faults(anchors: Anchors, branch: str) -> Iterator[str]:
    rows = AuditRow.objects.filter(branch=branch)
    for row in rows.filter(what=audit.What.ANCHORED).order_by("sequence"):
        if row.detail.rpartition("（")[2].rstrip("）") not in anchors.lines:
            yield f"操作記録 {row.sequence}番が記録した要約の行が、要約のファイルにありません。"
    removed = anchors.removed.get(branch, (0, ""))[0]
    written = {n: hash for n, hash in anchors.entries.get(branch, ()) if n > removed}
    now = dict(rows.filter(sequence__in=list(written)).values_list("sequence", "hash"))
    for sequence in sorted(written):
        if now.get(sequence) != written[sequence]:
            yield f"操作記録 {sequence}番までが、要約を記録した後に書き換えられています。"
