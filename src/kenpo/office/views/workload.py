"""The sharing of work (仕事の分担)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from kenpo.catalogue import CASEKINDS
from kenpo.frame.casekind import CaseKind
from kenpo.frame.cases.people import assigners, workers
from kenpo.office import bulk
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.casework import readable_kinds
from kenpo.office.models import Account, CaseRow
from kenpo.office.today import Load, coming_days, loads, this_day

AHEAD = 10
"""Business days for which the load is shown."""


class Shift(forms.Form):
    """So many cases of a kind from one person (or nobody) to another."""

    kind = forms.ChoiceField(label="案件の種類")
    giver = forms.ChoiceField(
        label="だれから", help_text="「担当なし」を選ぶと、まだ担当のいない案件を割り当てます。"
    )
    to = forms.ChoiceField(label="だれへ")
    count = forms.IntegerField(
        label="件数", min_value=1, max_value=500, initial=10, help_text="期限の早い順に移します。"
    )
    reason = forms.CharField(label="理由", max_length=200, help_text="履歴に残ります。例：研修のため")

    def __init__(
        self, *args: Any, kinds: list[CaseKind], givers: list[Account], takers: list[Account], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(k.id, k.title) for k in kinds]  # type: ignore[attr-defined]
        self.fields["giver"].choices = [("", "担当なし"), *((a.staff_id, a.name) for a in givers)]  # type: ignore[attr-defined]
        self.fields["giver"].required = False
        self.fields["to"].choices = [(a.staff_id, a.name) for a in takers]  # type: ignore[attr-defined]


@page(*(r for r in STAFF if r.level != "clerk"))
def workload(request: HttpRequest) -> HttpResponse:
    """Who has how much until when (山崩し), and moving work from one to another."""
    duty, day = on_duty(), this_day()
    kinds = list(readable_kinds())
    days = coming_days(day, AHEAD)
    found = {load.staff: load for load in loads([k.id for k in kinds], day, days)}
    staff = [a for a in Account.objects.filter(branch=duty.branch, is_active=True) if _works_on(a, kinds)]
    gone = Account.objects.filter(staff_id__in=found.keys() - {a.staff_id for a in staff})
    everyone = [*staff, *gone]
    may = [k for k in kinds if duty.actor.first_of(assigners(k)) and duty.writes]
    form = Shift(request.POST or None, kinds=may, givers=everyone, takers=staff) if may else None
    if request.method == "POST" and form is not None and form.is_valid():
        return _shift(request, form.cleaned_data)
    none = Load("", 0, 0, (0,) * AHEAD)
    rows = sorted(((a, found.get(a.staff_id, none)) for a in everyone), key=lambda pair: -pair[1].cases)
    busiest = max((n for _, load in rows for n in load.days), default=0)
    mean = -(-sum(load.cases for _, load in rows) // max(1, len(staff)))
    context = {
        "days": days,
        "rows": [
            {
                "account": account,
                "load": load,
                "cells": [{"count": n, "share": _share(n, busiest)} for n in load.days],
                "inactive": not account.is_active,
            }
            for account, load in rows
        ],
        "totals": [sum(load.days[at] for _, load in rows) for at in range(AHEAD)],
        "bars": [
            {
                "name": account.name,
                "value": load.cases,
                "max": max(1, rows[0][1].cases if rows else 1),
                "high": mean or None,
                "late": load.late,
            }
            for account, load in rows
        ],
        "form": form,
        "today": day,
    }
    return render(request, "office/workload.html", context, status=422 if form and form.errors else 200)


def _share(count: int, most: int) -> int:
    """How full a day is, in four steps from 0."""
    return 0 if not count else min(4, 1 + 4 * (count - 1) // max(1, most))


def _works_on(account: Account, kinds: list[CaseKind]) -> bool:
    return any(account.actor.first_of(workers(kind)) for kind in kinds)


def _shift(request: HttpRequest, wanted: dict[str, Any]) -> HttpResponse:
    """Give the cases that are due first to somebody else, as one bulk operation."""
    duty = on_duty()
    cases = CaseRow.objects.filter(branch=duty.branch, kind=wanted["kind"], ended_on=None)
    cases = cases.filter(owner=wanted["giver"]) if wanted["giver"] else cases.filter(owner=None)
    chosen = list(cases.order_by("due", "priority", "id").values_list("id", "sequence")[: wanted["count"]])
    if not chosen:
        messages.warning(request, "移せる案件がありません。")
        return redirect("workload")
    started = bulk.start(
        CASEKINDS[wanted["kind"]], "assign", chosen, argument=wanted["to"], reason=wanted["reason"]
    )
    return redirect("bulk", started.pk)


urlpatterns = [path("workload/", workload, name="workload")]
