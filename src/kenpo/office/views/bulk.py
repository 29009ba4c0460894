"""Bulk operations (一括操作): chosen in a queue, confirmed, watched, and their result."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse

from kenpo.base.errors import KenpoError
from kenpo.frame.casekind import CaseKind
from kenpo.office import bulk as work
from kenpo.office import casework, exports
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.casepage import Staff, staff_of
from kenpo.office.exports import Column
from kenpo.office.forms import NO_NAMES, Select, given, sequence_of
from kenpo.office.models import Bulk, BulkItem, CaseRow
from kenpo.office.queues import address, beside_address, queue_of
from kenpo.office.views.queue import kind_here, operations

SHOWN = 100
"""Items of the result on a page."""


class ConfirmForm(forms.Form):
    """What an operation needs beside its cases: whom they are given to, and why."""

    to = forms.ChoiceField(label="担当者", widget=Select)
    reason = forms.CharField(label="理由・メモ", widget=forms.Textarea(attrs={"rows": 3}), help_text=NO_NAMES)

    def __init__(self, data: Any, bulk: Bulk, kind: CaseKind, staff: Staff) -> None:
        super().__init__(data)
        move = next((m for m in kind.moves if m.id == bulk.argument), None) if bulk.verb == "move" else None
        if bulk.verb == "assign":
            self.fields["to"].choices = [("", "選んでください"), *staff.able]  # type: ignore[attr-defined]
        else:
            del self.fields["to"]
        if move is None and bulk.verb != "assign":
            del self.fields["reason"]
        else:
            self.fields["reason"].required = bool(move and move.needs_reason)


@page(*STAFF, reads=False)
def new(request: HttpRequest, kind: str) -> HttpResponse:
    """Take down what was chosen in a queue, and ask whether it is meant."""
    if request.method != "POST":
        return redirect("queue", kind)
    found, duty = kind_here(kind), on_duty()
    listed = request.POST.get("list", "")
    operation = request.POST.get("operation", "")
    if operation not in dict(operations(found, duty, "")):
        raise PermissionDenied
    verb, _, argument = operation.partition(":")
    if request.POST.get("all"):
        staff = staff_of(found)
        chosen: Any = queue_of(found, QueryDict(listed), staff.able).rows
    else:
        chosen = [_seen(one) for one in request.POST.getlist("case")]
    try:
        with transaction.atomic():
            made = work.prepare(found, verb, chosen, argument)
    except KenpoError as error:
        context = {"error": error, "kind": found, "queue_url": beside_address(found, listed)}
        return render(request, "office/bulk_refused.html", context, status=422)
    request.session[f"bulk {made.pk}"] = listed
    return redirect("bulk", made.pk)


def _seen(value: str) -> tuple[str, int]:
    case, _, sequence = value.partition(":")
    if re.fullmatch(r"[0-9a-f]{32}", case) is None:
        raise PermissionDenied
    return case, sequence_of(sequence)


def _bulk(pk: int) -> tuple[Bulk, CaseKind]:
    """An operation of the branch whose cases the person may see."""
    bulk = get_object_or_404(Bulk, pk=pk, branch=on_duty().branch)
    return bulk, kind_here(bulk.kind)


@page(*STAFF)
def bulk(request: HttpRequest, pk: int) -> HttpResponse:
    """An operation: to be confirmed, under way, or done."""
    found, kind = _bulk(pk)
    if found.state == "prepared":
        return _confirm(request, found, kind)
    counts = work.progress(found)
    items = BulkItem.objects.filter(bulk=found, done=True)
    refused = list(items.exclude(error="").order_by("case")[: SHOWN + 1])
    done = list(items.filter(error="").order_by("case")[: SHOWN + 1]) if found.state == "done" else []
    rows = CaseRow.objects.filter(id__in=[i.case for i in refused + done]).defer("content", "origin")
    context = {
        "bulk": found,
        "kind": kind,
        "by": casework.named([found.by]).get(found.by, found.by),
        "job": _job(found, counts),
        "counts": counts,
        "refused": _results(refused, rows, kind),
        "done": _results(done, rows, kind),
        "most": SHOWN,
        "queue_url": _back(request, found, kind),
        "breadcrumb": _crumbs(request, found, kind),
    }
    return render(request, "office/bulk.html", context)


def _results(items: list[BulkItem], rows: Any, kind: CaseKind) -> list[dict[str, Any]]:
    of = {row.id: row for row in rows}
    states = {s.id: s.title for s in kind.states}
    return [
        {
            "url": address(i.case),
            "number": casework.number(i.case),
            "summary": of[i.case].summary if i.case in of else "",
            "state": states.get(of[i.case].state, of[i.case].state) if i.case in of else "",
            "error": i.error,
        }
        for i in items[:SHOWN]
    ]


def _back(request: HttpRequest, bulk: Bulk, kind: CaseKind) -> str:
    return beside_address(kind, request.session.get(f"bulk {bulk.pk}", ""))


def _crumbs(request: HttpRequest, bulk: Bulk, kind: CaseKind) -> list[dict[str, str]]:
    return [{"title": kind.title, "url": _back(request, bulk, kind)}, {"title": "一括操作"}]


def _confirm(request: HttpRequest, found: Bulk, kind: CaseKind) -> HttpResponse:
    if found.by != on_duty().actor.id:
        raise Http404
    form = ConfirmForm(given(request), found, kind, staff_of(kind))
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            with transaction.atomic():
                work.begin(found, said.get("reason", ""), said.get("to", ""))
            return redirect("bulk", found.pk)
        except KenpoError as error:
            form.add_error("reason" if error.code == "needs_reason" else None, f"{error.what}{error.todo}")
    title = work.title_of(kind, found.verb, found.argument)
    context = {
        "bulk": found,
        "kind": kind,
        "form": form,
        "title": f"{found.total:,}件を「{title}」",
        "effects": work.effects(kind, found),
        "button": f"「{title}」を{found.total:,}件に行う",
        "later": found.total > work.AT_ONCE,
        "queue_url": _back(request, found, kind),
        "breadcrumb": _crumbs(request, found, kind),
    }
    return render(request, "office/bulk_confirm.html", context, status=422 if form.errors else 200)


def _job(bulk: Bulk, counts: work.Progress, *, watched: bool = False) -> dict[str, Any]:
    """The operation as office/parts/progress.html takes it. watched: on a page that shows no result yet."""
    finished = bulk.state == "done"
    refused = f"、できなかったもの {counts.refused:,}件" if counts.refused else ""
    return {
        "id": "bulk",
        "title": bulk.title,
        "state": {"waiting": "順番待ち", "running": "処理中", "done": "完了"}.get(bulk.state, bulk.state),
        "kind": ("warn" if counts.refused else "ok") if finished else "info",
        "icon": ("warn" if counts.refused else "check") if finished else "running",
        "done": counts.tried,
        "total": counts.total,
        "text": f"できたもの {counts.done:,}件{refused}",
        "url": reverse("bulk_progress", args=[bulk.pk]),
        "finished": finished,
        "result_url": reverse("bulk", args=[bulk.pk]) if watched else "",
        "result": "結果を見る",
    }


@page(*STAFF)
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """How far an operation is, for the page that watches it."""
    found, _ = _bulk(pk)
    context = {"job": _job(found, work.progress(found), watched=True)}
    return render(request, "office/parts/progress.html", context)


@page(*STAFF, recent=True)
def export(request: HttpRequest, pk: int, form: str) -> HttpResponse:
    """The result, case by case."""
    found, kind = _bulk(pk)
    states = {s.id: s.title for s in kind.states}
    columns = [
        Column("案件番号", lambda r: casework.number(r[0]), 16),
        Column("案件", lambda r: r[1], 44),
        Column("いまの状態", lambda r: states.get(r[2], r[2]), 18),
        Column("結果", lambda r: ("できなかった" if r[4] else "できた") if r[3] else "まだ", 14),
        Column("理由", lambda r: r[4], 60),
    ]
    return exports.respond(
        "一括操作の結果",
        columns,
        lambda: work.results(found),
        form,
        detail=f"一括操作の結果「{found.title}」",
    )


@page(*STAFF, reads=False)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Drop an operation that was not confirmed."""
    found, kind = _bulk(pk)
    back = _back(request, found, kind)
    if request.method == "POST" and found.by == on_duty().actor.id:
        work.cancel(found)
    return redirect(back)


urlpatterns = [
    path("cases/<str:kind>/bulk/", new, name="bulk_new"),
    path("bulk/<int:pk>/", bulk, name="bulk"),
    path("bulk/<int:pk>/progress/", progress, name="bulk_progress"),
    path("bulk/<int:pk>/cancel/", cancel, name="bulk_cancel"),
    path("bulk/<int:pk>/result.<str:form>", export, name="bulk_export"),
]
