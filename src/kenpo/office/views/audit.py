"""The audit log (操作記録) as a page: who did what, for those who answer for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone

from kenpo.base.branches import NATION_CODE, branch_or_nation
from kenpo.frame.casekind import Role
from kenpo.office import casework
from kenpo.office.acting import on_duty, page
from kenpo.office.audit import What, verify
from kenpo.office.models import AuditRow

PAGE = 100
CHECKED = 50_000
"""How many entries the page checks; `kenpo office verify` checks all."""


class Filter(forms.Form):
    """What of the log is wanted."""

    actor = forms.CharField(label="職員番号", required=False, max_length=40)
    what = forms.ChoiceField(
        label="操作", required=False, choices=[("", "すべて"), *((w.value, w.label) for w in What)]
    )
    since = forms.DateField(label="いつから", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="いつまで", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    before = forms.IntegerField(required=False, widget=forms.HiddenInput)


@page(Role.BRANCH_HEAD, Role.ADMINISTRATOR, Role.HEAD_OFFICE)
def log(request: HttpRequest) -> HttpResponse:
    """The entries of one's own branch, the newest first; 本部 sees those of its own people."""
    form = Filter(request.GET or None)
    wanted: dict[str, Any] = form.cleaned_data if form.is_valid() else {}
    home = on_duty().actor.branch
    rows = AuditRow.objects.filter(branch=home)
    if wanted.get("actor"):
        rows = rows.filter(actor=wanted["actor"].lower())
    if wanted.get("what"):
        rows = rows.filter(what=wanted["what"])
    if wanted.get("since"):
        rows = rows.filter(at__date__gte=wanted["since"])
    if wanted.get("until"):
        rows = rows.filter(at__date__lte=wanted["until"])
    if wanted.get("before"):
        rows = rows.filter(sequence__lt=wanted["before"])
    found = list(rows.order_by("-sequence")[: PAGE + 1])
    shown, more = found[:PAGE], found[PAGE:]
    names = casework.named({r.actor for r in shown})
    query = request.GET.copy()
    if more:
        query["before"] = str(shown[-1].sequence)
    context = {
        "form": form if form.is_bound else Filter(),
        "rows": [
            {
                "row": r,
                "what": What(r.what).label,
                "name": names.get(r.actor, ""),
                "about": branch_or_nation(r.about_branch).name if r.about_branch else "",
            }
            for r in shown
        ],
        "more": f"{reverse('audit')}?{query.urlencode()}" if more else "",
        "clear": reverse("audit"),
        "whose": "本部" if home == NATION_CODE else branch_or_nation(home).name,
        "week": timezone.localdate() - timedelta(days=7),
    }
    return render(request, "office/audit.html", context)


@page(Role.BRANCH_HEAD, Role.ADMINISTRATOR, Role.HEAD_OFFICE)
def check(request: HttpRequest) -> HttpResponse:
    """Whether the log is whole: number by number, hash by hash."""
    rows = AuditRow.objects.filter(branch=on_duty().actor.branch).order_by("sequence")
    total = rows.count()
    faults = verify(rows[:CHECKED].iterator(chunk_size=2000))
    return render(
        request, "office/audit_check.html", {"faults": faults, "checked": min(total, CHECKED), "total": total}
    )


urlpatterns = [path("audit/", log, name="audit"), path("audit/check/", check, name="audit_check")]
