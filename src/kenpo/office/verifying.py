"""Checking histories (履歴の検査): that every case is what its events say, and that neither events nor the audit log were altered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

from django.conf import settings
from django.db import connection

from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.catalogue import CASEKINDS
from kenpo.frame.cases import NO_HASH, CaseError
from kenpo.office import anchors, audit, casework
from kenpo.office.acting import system
from kenpo.office.models import AuditRow, CaseRow, EventRow

PLACES = (*BRANCH_CODES, NATION_CODE)
LISTED = 1000
"""Faults of a branch that are told one by one; the others are counted."""

_AT_ONCE = 500
_FIELDS = (
    "case",
    "sequence",
    "branch",
    "kind",
    "when",
    "actor",
    "role",
    "what",
    "payload",
    "previous",
    "hash",
)


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was written. case: its id, empty for what concerns the branch's audit log or days."""

    branch: str
    case: str
    what: str


@dataclass(frozen=True)
class Checked:
    """What was looked at in a branch, and what is wrong: the first faults, and how many in all."""

    branch: str
    cases: int
    entries: int
    faults: tuple[Fault, ...]
    count: int


def anchors_file() -> Path:
    """Where the anchors are written down."""
    return settings.CONFIG.anchors


def check(branch: str, progress: Callable[[int], None] = lambda cases: None) -> Checked:
    """Check all cases, the audit log and the anchored days of a branch, a few hundred cases at a time.

    progress: told how many more cases are done.
    """
    with system(branch):
        held = anchors.read(anchors_file())
        cases, listed, count = 0, [], 0
        for some in _some_cases(branch):
            for fault in _faults(branch, some):
                count += 1
                listed += [fault] if len(listed) < LISTED else []
            cases += len(some)
            progress(len(some))
        rows = AuditRow.objects.filter(branch=branch).order_by("sequence")
        others = [
            *(Fault(branch, case, "履歴だけがあり、案件の表にありません。") for case in _orphans(branch)),
            *(Fault(branch, "", f"操作記録 {what}") for what in _audit_faults(branch, held)),
            *(Fault(branch, "", what) for what in (*anchors.faults(held, branch), *held.faults)),
        ]
        return Checked(branch, cases, rows.count(), (*others, *listed)[:LISTED], count + len(others))


def _some_cases(branch: str) -> Iterator[list[str]]:
    ids = CaseRow.objects.filter(branch=branch).order_by().values_list("id", flat=True)
    some: list[str] = []
    for id in ids.iterator(chunk_size=_AT_ONCE * 20):
        some.append(id)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _faults(branch: str, ids: list[str]) -> Iterator[Fault]:
    found = _check(branch, ids)
    # A case may have gone on between reading its row and its events: only what stays wrong is wrong.
    for _ in range(2):
        found = _check(branch, [id for id, wrong in found if wrong]) if any(w for _, w in found) else []
    for id, wrong in found:
        yield from (Fault(branch, id, what) for what in wrong)


def _check(branch: str, ids: list[str]) -> list[tuple[str, list[str]]]:
    """Each case with what is wrong with it."""
    rows = CaseRow.objects.in_bulk(ids)
    read = (
        EventRow.objects.filter(case__in=ids).order_by("case", "sequence").values_list(*_FIELDS, named=True)
    )
    histories = {case: list(events) for case, events in groupby(read, lambda e: e.case)}
    return [(id, _faults_of(branch, rows[id], histories.get(id, []))) for id in ids if id in rows]


def _faults_of(branch: str, row: CaseRow, events: list[EventRow]) -> list[str]:
    if row.kind not in CASEKINDS:
        return [f"「{row.kind}」という種類の案件は、この版の kenpo にありません。"]
    try:
        found = casework.faults_of(row, map(casework.event_of, events))
    except (CaseError, ValueError) as error:
        found = [error.what if isinstance(error, CaseError) else "履歴を読めません。"]
    if any(e.branch != branch for e in events):
        found.append("ほかの支部の履歴が混ざっています。")
    return found


def _orphans(branch: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct e.case from office_event e where e.branch = %s"
            " and not exists (select from office_case c where c.id = e.case) order by 1 limit %s",
            [branch, LISTED],
        )
        return [case for (case,) in cursor.fetchall()]


def _audit_faults(branch: str, held: anchors.Anchors) -> list[str]:
    removed = held.removed.get(branch, (0, NO_HASH))
    rows = AuditRow.objects.filter(branch=branch, sequence__gt=removed[0]).order_by("sequence")
    return audit.verify(rows.iterator(chunk_size=5000), removed)


def check_all(
    places: Iterable[str] = PLACES, progress: Callable[[int], None] = lambda cases: None
) -> Iterator[Checked]:
    """Check branch after branch, and write down in each one's audit log what was found."""
    for branch in places:
        found = check(branch, progress)
        if found.cases or found.entries:
            with system(branch):
                audit.record(audit.What.VERIFIED, detail=_detail(found))
        yield found


def _detail(found: Checked) -> str:
    what = f"異常 {found.count:,} 件" if found.count else "異常なし"
    return f"案件 {found.cases:,} 件、操作記録 {found.entries:,} 件：{what}"


def anchor_all(today: date) -> None:
    """Write down the days of every branch that have no text yet, up to yesterday."""
    for branch in PLACES:
        with system(branch):
            anchors.anchor(anchors_file(), today)
