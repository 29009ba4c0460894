"""Wishes not to be written to (通知を希望しない申出): recorded, withdrawn, and asked for before anybody is written to.

A wish is of one kind of case, or of all that the insurer begins by itself from a worklist (勧奨・お知らせ). Answers to what a
person has applied for or asked are always sent. It holds from the day it was made to the day before it is withdrawn.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from enum import StrEnum
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from kenpo.catalogue import CASEKINDS
from kenpo.frame.casekind import CaseKind, Subject
from kenpo.frame.cases import CaseError
from kenpo.office import audit
from kenpo.office.acting import on_duty
from kenpo.office.casework import kind_of, readable_kinds
from kenpo.office.models import OptOut

ALL = "すべての勧奨・お知らせ"
"""What a wish of no single kind is about."""

_AT_ONCE = 5000


class Way(StrEnum):
    """By what way a wish came (申出の方法)."""

    PHONE = "電話"
    LETTER = "文書（郵送・FAX）"
    COUNTER = "窓口"
    FORM = "問合せフォーム・メール"
    RETURNED = "返送された通知への記入"
    OTHER = "その他"


# ---- asked -------------------------------------------------------------------------------------------------------


def opted_out(branch: str, subject: str, kind: str, on: date) -> bool:
    """Whether a subject of a branch does not wish to be written to about a kind of case on a day."""
    return bool(opted_out_of(branch, [subject], kind, on))


def opted_out_of(branch: str, subjects: Collection[str], kind: str, on: date) -> frozenset[str]:
    """Those of many subjects who do not wish to be written to about a kind of case on a day, thousands in a query.

    kind: id of a case kind, whose subjects they are. Raises CaseError (not_found) for one that is not known.
    """
    wanted, found = list(subjects), set[str]()
    if wanted:
        held = in_force(branch, kind_of(kind), on)
        for start in range(0, len(wanted), _AT_ONCE):
            some = held.filter(subject__in=wanted[start : start + _AT_ONCE])
            found.update(some.values_list("subject", flat=True))
    return frozenset(found)


def in_force(branch: str, kind: CaseKind, on: date) -> QuerySet[OptOut]:
    """The wishes of a branch that keep from writing about a kind of case on a day; none for a kind that answers people."""
    if kind.worklist is None:
        return OptOut.objects.none()
    return OptOut.objects.filter(
        Q(until=None) | Q(until__gt=on),
        branch=branch,
        kind__in=("", kind.id),
        subject_kind=kind.subject,
        since__lte=on,
    )


# ---- recorded ----------------------------------------------------------------------------------------------------


def kinds_for(subject_kind: str) -> tuple[CaseKind, ...]:
    """The kinds of case of which a subject of a sort can wish not to hear, as far as the person reads them."""
    return tuple(k for k in readable_kinds() if k.worklist and k.letters and k.subject == subject_kind)


def seen() -> QuerySet[OptOut]:
    """The wishes the person may see: those of all kinds, and of the kinds whose cases they may read."""
    kinds = ["", *(k.id for k in readable_kinds())]
    return OptOut.objects.filter(branch=on_duty().branch, kind__in=kinds)


def record(*, subject_kind: str, subject: str, kind: str, since: date, way: Way, today: date) -> OptOut:
    """Write down a wish of a subject. kind: id of a case kind, blank for all.

    Raises CaseError: bad_content for what cannot be (no subject, a day to come, a kind the person does not read or that
    does not write to such subjects), already_opted_out when the wish is there.
    """
    if subject_kind not in [s for s in Subject if s is not Subject.NONE] or not subject:
        raise _wrong("相手方が分かりません。", "「個人情報で探す」か案件の画面から記録してください。")
    if kind and kind not in [k.id for k in kinds_for(subject_kind)]:
        raise _wrong("この種類の通知は、この相手方には選べません。", "通知の種類を選び直してください。")
    if since > today:
        raise _wrong("申出日が今日より後です。", "申出のあった日を入れてください。")
    duty = on_duty()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "select pg_advisory_xact_lock(hashtext(%s))", (f"opt out {duty.branch} {subject}",)
            )
        known: dict[str, Any] = {"branch": duty.branch, "subject_kind": subject_kind, "subject": subject}
        if OptOut.objects.filter(**known, kind__in=("", kind), until=None).exists():
            raise CaseError(
                "同じ申出が、すでに記録されています。",
                todo="記録済みの申出を確かめてください。",
                code="already_opted_out",
            )
        row = OptOut.objects.create(**known, kind=kind, since=since, source=way, by=duty.actor.id)
        audit.record(audit.What.OPT_OUT_CHANGED, subject=subject, detail=f"申出の記録（{title_of(kind)}）")
    return row


def withdraw(id: int, *, until: date, today: date) -> OptOut:
    """Write down that a wish is withdrawn; it no longer holds from that day on.

    Raises CaseError: not_found for a wish that is not there or not for this person, bad_content for a day that cannot be,
    stale when it was withdrawn already.
    """
    with transaction.atomic():
        row = seen().select_for_update().filter(pk=id).first()
        if row is None:
            raise CaseError("申出が見つかりません。", todo="一覧から選び直してください。", code="not_found")
        if row.until is not None:
            raise CaseError(
                "この申出は、すでに取り下げられています。",
                todo="一覧を開き直してください。",
                code="stale",
            )
        if not row.since <= until <= today:
            raise _wrong(
                "取下げ日は、申出日から今日までの日にしてください。",
                "取下げのあった日を入れてください。",
            )
        row.until = until
        row.save(update_fields=["until"])
        audit.record(
            audit.What.OPT_OUT_CHANGED, subject=row.subject, detail=f"申出の取下げ（{title_of(row.kind)}）"
        )
    return row


def title_of(kind: str) -> str:
    """What a wish is about in Japanese: the title of a kind of case, or all."""
    if not kind:
        return ALL
    return CASEKINDS[kind].title if kind in CASEKINDS else "なくなった種類の通知"


def _wrong(what: str, todo: str) -> CaseError:
    return CaseError(what, todo=todo, code="bad_content")
