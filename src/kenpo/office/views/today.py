"""Today (今日) and the sharing of work (仕事の分担)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from kenpo.base.branches import BRANCHES, NATION_CODE
from kenpo.catalogue import CASEKINDS
from kenpo.frame.casekind import CaseKind, Group, Role
from kenpo.frame.cases.people import assigners, workers
from kenpo.office import audit, bulk, tally, work
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.casework import readable_kinds
from kenpo.office.models import Account, CaseRow
from kenpo.office.today import Count, KindToday, Load, by_kind, coming_days, loads, this_day

AHEAD = 10
"""Business days for which the load is shown."""


@page()
def today(request: HttpRequest) -> HttpResponse:
    """What is to be done today, kind by kind; for 本部 that has chosen no branch, all branches side by side."""
    duty = on_duty()
    if duty.branch == NATION_CODE:
        return _nation(request)
    kinds = readable_kinds()
    counts = by_kind([k.id for k in kinds], this_day())
    running = work.of_branch(limit=5) if duty.has(*STAFF) else ()
    context = {
        "today": this_day(),
        "tiles": _tiles(counts),
        "groups": _groups(kinds, counts),
        "running": [one for one in running if one.going],
        "failed": [one for one in running if one.failed],
        "worker": duty.has(*STAFF),
    }
    return render(request, "office/today.html", context)


def _tiles(counts: tuple[KindToday, ...]) -> list[dict[str, Any]]:
    def tile(title: str, name: str, kind: str, note: str, query: str) -> dict[str, Any]:
        some: list[tuple[str, Count]] = [(c.kind, getattr(c, name)) for c in counts]
        total = sum(c.shown for _, c in some)
        most = max(some, key=lambda pair: pair[1].shown, default=None)
        url = f"{reverse('queue', args=[most[0]])}?{query}" if most and most[1] else None
        capped = any(c.capped for _, c in some)
        return {
            "title": title,
            "count": total,
            "unit": "件以上" if capped else "件",
            "kind": kind if total else "ok" if kind != "neutral" else "neutral",
            "note": note if total else "ありません",
            "url": url,
        }

    return [
        tile("期限を過ぎた案件", "late", "late", "先に手をつける", "due=late"),
        tile("今日が期限", "today", "warn", "今日中に終える", "due=today"),
        tile("3営業日以内に期限", "soon", "info", "次に備える", "due=soon"),
        tile("あなたの担当", "mine", "neutral", "担当している案件", "owner=me"),
        tile("これから送る通知", "letters", "info", "「通知の発送」で印刷する", "letters=1"),
        tile("宛所不明で戻った案件", "returned", "warn", "住所を確かめる", "returned=1"),
    ]


def _groups(kinds: tuple[CaseKind, ...], counts: tuple[KindToday, ...]) -> list[dict[str, Any]]:
    found: dict[Group | None, list[dict[str, Any]]] = {}
    for kind, count in zip(kinds, counts, strict=True):
        found.setdefault(kind.group, []).append({"kind": kind, "count": count})
    return [{"title": group.label if group else "支部", "rows": rows} for group, rows in found.items()]


def _nation(request: HttpRequest) -> HttpResponse:
    """The newest counts of every branch, kind by kind."""
    figures = tally.newest()
    rows = [
        {
            "branch": branch,
            "cells": [figures.get((branch.code, kind.id)) for kind in CASEKINDS.values()],
        }
        for branch in BRANCHES
    ]
    context = {
        "kinds": tuple(CASEKINDS.values()),
        "rows": rows,
        "as_of": tally.newest_day(),
        "today": this_day(),
    }
    return render(request, "office/nation.html", context)


@page(Role.HEAD_OFFICE)
@require_POST
def choose_branch(request: HttpRequest) -> HttpResponse:
    """本部 chooses the branch it looks at, 00 for none."""
    chosen = request.POST.get("branch", "")
    if chosen not in (NATION_CODE, *(b.code for b in BRANCHES)):
        raise PermissionDenied
    request.session["branch"] = chosen
    audit.record(audit.What.BRANCH_CHOSEN, detail=f"支部 {chosen}")
    return redirect("today")


# ---- the sharing of work -----------------------------------------------------------------------------------------


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


urlpatterns = [
    path("", today, name="today"),
    path("branch/", choose_branch, name="choose_branch"),
    path("workload/", workload, name="workload"),
]
