"""The audit log (操作記録) as a page: who did what, for those who answer for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone

from kenpo.base.branches import NATION_CODE, branch_or_nation
from kenpo.frame.casekind import Role
from kenpo.office import casework
from kenpo.office.acting import on_duty, page
from kenpo.office.audit import What, verify
from kenpo.office.lists import Column, Condition, Listing, choice, typed
from kenpo.office.models import Account, AuditRow

PAGE = 100
CHECKED = 50_000
"""How many entries the page checks; `kenpo office verify` checks all."""


READERS = (Role.BRANCH_HEAD, Role.ADMINISTRATOR, Role.HEAD_OFFICE)
"""Who reads the log."""


@page(*READERS)
def log(request: HttpRequest) -> HttpResponse:
    """The entries of one's own branch, the newest first; 本部 sees those of its own people."""
    home = on_duty().actor.branch
    listed = _entries(request).page()
    names = casework.named({r.actor for r in listed.rows})
    context = {
        "listed": listed,
        "rows": [
            {
                "row": r,
                "what": What(r.what).label,
                "name": names.get(r.actor, ""),
                "about": branch_or_nation(r.about_branch).name if r.about_branch else "",
            }
            for r in listed.rows
        ],
        "whose": "本部" if home == NATION_CODE else branch_or_nation(home).name,
    }
    return render(request, "office/audit.html", context)


@page(*READERS, recent=True)
def export(request: HttpRequest, form: str) -> HttpResponse:
    """The entries as they are listed, as CSV or Excel."""
    return _entries(request).take_out("操作記録", form, "操作記録")


def _entries(request: HttpRequest) -> Listing:
    home = on_duty().actor.branch
    names = dict(Account.objects.filter(branch=home).values_list("staff_id", "name"))
    return Listing(
        AuditRow.objects.filter(branch=home),
        [
            Column("番号", lambda r: r.sequence, 10, "number", ("sequence",), True),
            Column("日時", lambda r: r.at, 18, "at", ("sequence",)),
            Column("人", lambda r: names.get(r.actor, ""), 18, "actor"),
            Column("職員番号", lambda r: r.actor, 18),
            Column("操作", lambda r: What(r.what).label, 26, "what"),
            Column("対象・内容", lambda r: r.detail, 60, "detail"),
            Column("支部", lambda r: branch_or_nation(r.about_branch).name if r.about_branch else None, 12),
            Column("案件", lambda r: r.case[:10] or None, 14),
        ],
        request.GET,
        "-at",
        [
            typed("職員番号", "", lambda rows, id: rows.filter(actor=id.strip().lower()), "actor"),
            choice(
                "what",
                "操作",
                [(w.value, w.label) for w in What],
                lambda rows, what: rows.filter(what=what),
            ),
            _day("since", "いつから", lambda rows, day: rows.filter(at__gte=_begin(day))),
            _day("until", "いつまで", lambda rows, day: rows.filter(at__lt=_begin(day + timedelta(days=1)))),
        ],
        PAGE,
        file=("audit_export",),
    )


def _day(name: str, label: str, narrow: Callable[[Any, date], Any]) -> Condition:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return Condition(name, forms.DateField(label=label, required=False, widget=widget), narrow)


def _begin(day: date) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day))


@page(*READERS)
def check(request: HttpRequest) -> HttpResponse:
    """Whether the log is whole: number by number, hash by hash."""
    rows = AuditRow.objects.filter(branch=on_duty().actor.branch).order_by("sequence")
    total = rows.count()
    faults = verify(rows[:CHECKED].iterator(chunk_size=2000))
    return render(
        request, "office/audit_check.html", {"faults": faults, "checked": min(total, CHECKED), "total": total}
    )


urlpatterns = [
    path("audit/", log, name="audit"),
    path("audit/export.<str:form>", export, name="audit_export"),
    path("audit/check/", check, name="audit_check"),
]
