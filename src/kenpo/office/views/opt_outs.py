"""Wishes not to be written to (通知を希望しない人): the list, recording one, withdrawing one."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone

from kenpo.base.errors import KenpoError
from kenpo.frame.casekind import Subject
from kenpo.office import casework, optouts
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.forms import DayField
from kenpo.office.lists import Column, Listing, choice
from kenpo.office.models import CaseRow, OptOut
from kenpo.office.optouts import Way

PAGE = 50
_CASES = 10


class Wish(forms.Form):
    """A wish of a subject that is known."""

    subject_kind = forms.CharField(widget=forms.HiddenInput)
    subject = forms.CharField(widget=forms.HiddenInput, max_length=64)
    kind = forms.ChoiceField(
        label="希望しない通知",
        required=False,
        widget=forms.RadioSelect,
        help_text=f"「{optouts.ALL}」は、あとから加わる種類にも及びます。申請への決定や問合せへの回答は、申出があっても送ります。",
    )
    since = DayField(
        label="申出日", help_text="申出を受けた日。この日から、リストから案件を始めず、通知を印刷しません。"
    )
    source = forms.ChoiceField(label="申出の方法", choices=[(w.value, w.value) for w in Way])

    def __init__(self, *args: Any, subject_kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [("", optouts.ALL), *((k.id, k.title) for k in optouts.kinds_for(subject_kind))]
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]


class Withdrawal(forms.Form):
    """When a wish was withdrawn."""

    until = DayField(label="取下げ日", help_text="この日から、また通知を送れるようになります。")


@page(*STAFF)
def opt_outs(request: HttpRequest) -> HttpResponse:
    """The wishes of the branch, the newest first; of one subject when it is given, with a form to record another."""
    subject, subject_kind = request.GET.get("subject", ""), request.GET.get("subject_kind", "")
    if subject and not _plausible(subject, subject_kind):
        raise Http404
    form = None
    if subject and on_duty().writes:
        today = timezone.localdate()
        first = {"subject": subject, "subject_kind": subject_kind, "since": today, "kind": ""}
        form = Wish(initial=first, subject_kind=subject_kind)
    return _listed(request, subject, subject_kind, form)


def _plausible(subject: str, subject_kind: str) -> bool:
    kinds = [s for s in Subject if s is not Subject.NONE]
    return subject_kind in kinds and re.fullmatch(r"[0-9A-Za-zぁ-んァ-ヶ一-龠ー-]{1,64}", subject) is not None


def _listed(
    request: HttpRequest,
    subject: str,
    subject_kind: str,
    form: Wish | None,
    error: KenpoError | None = None,
) -> HttpResponse:
    listed = _wishes(request.GET, subject, subject_kind).page()
    names = casework.named({r.by for r in listed.rows})
    today = timezone.localdate()
    context = {
        "listed": listed,
        "rows": [
            {
                "row": r,
                "subject_kind": Subject(r.subject_kind).label,
                "subject": shortened(r.subject),
                "title": optouts.title_of(r.kind),
                "by": names.get(r.by, r.by),
                "holds": _holds(r, today),
            }
            for r in listed.rows
        ],
        "subject": shortened(subject),
        "subject_kind": Subject(subject_kind).label if subject else "",
        "cases": _open_cases(subject, subject_kind) if subject else (),
        "form": form,
        "error": error,
        "find": _address("find"),
        "writes": on_duty().writes,
    }
    wrong = error is not None or bool(form and form.errors)
    return render(request, "office/opt_outs.html", context, status=422 if wrong else 200)


def _holds(row: OptOut, today: date) -> bool:
    return row.since <= today and (row.until is None or row.until > today)


def _wishes(query: QueryDict, subject: str, subject_kind: str) -> Listing:
    """The wishes the person may see, the newest first; of one subject when it is given."""
    found, today = optouts.seen(), timezone.localdate()
    if subject:
        found = found.filter(subject=subject, subject_kind=subject_kind)
    staff = casework.named(set(found.values_list("by", flat=True).distinct()))
    in_force = Q(since__lte=today) & (Q(until=None) | Q(until__gt=today))
    kinds = [(_EVERY, optouts.ALL), *((k.id, k.title) for k in casework.readable_kinds() if k.worklist)]

    def of_kind(rows: QuerySet[OptOut], kind: str) -> QuerySet[OptOut]:
        return rows.filter(kind="" if kind == _EVERY else kind)

    def of_state(rows: QuerySet[OptOut], state: str) -> QuerySet[OptOut]:
        return rows.filter(in_force) if state == "holds" else rows.exclude(in_force)

    return Listing(
        found,
        [
            Column("希望しない通知", lambda r: optouts.title_of(r.kind), 30, "kind", ("kind", "-pk")),
            Column("相手方の種類", lambda r: Subject(r.subject_kind).label, 14),
            Column("相手方", lambda r: shortened(r.subject), 14, "subject"),
            Column("申出日", lambda r: r.since, 12, "since", ("since", "pk")),
            Column("方法", lambda r: r.source, 22, "source", ("source", "-pk")),
            Column(
                "いま", lambda r: "送らない" if _holds(r, today) else "取下げ", 12, "until", ("until", "pk")
            ),
            Column("取下げ日", lambda r: r.until, 12),
            Column("記録した人", lambda r: staff.get(r.by, r.by), 18, "by", ("by", "-pk")),
            Column("記録日時", lambda r: r.at, 18, "at", ("pk",)),
        ],
        query,
        "-at",
        [
            choice("kind", "希望しない通知", kinds, of_kind),
            choice("state", "いま", [("holds", "送らない"), ("withdrawn", "取下げ")], of_state),
        ],
        PAGE,
        file=("opt_outs_export",),
    )


_EVERY = "every"
"""In an address: the wishes that are of all kinds."""


@page(*STAFF, recent=True)
def opt_outs_export(request: HttpRequest, form: str) -> HttpResponse:
    """The wishes as they are listed, as CSV or Excel."""
    subject, subject_kind = request.GET.get("subject", ""), request.GET.get("subject_kind", "")
    if subject and not _plausible(subject, subject_kind):
        raise Http404
    return _wishes(request.GET, subject, subject_kind).take_out(
        "通知を希望しない人", form, "通知を希望しない人"
    )


def shortened(subject: str) -> str:
    """A subject as a list shows it: of a keyed hash its beginning."""
    return f"{subject[:8]}…" if re.fullmatch(r"[0-9a-f]{32,64}", subject) else subject


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _open_cases(subject: str, subject_kind: str) -> list[dict[str, Any]]:
    """The open cases of a subject, which a wish does not end by itself."""
    kinds = {k.id: k for k in casework.readable_kinds() if k.subject == subject_kind}
    found = CaseRow.objects.filter(branch=on_duty().branch, subject=subject, kind__in=kinds, ended_on=None)
    return [
        {"case": c, "kind": kinds[c.kind], "state": kinds[c.kind].state(c.state).title}
        for c in found.order_by("-received_on", "id")[:_CASES]
    ]


@page(*STAFF, reads=False)
def opt_out_record(request: HttpRequest) -> HttpResponse:
    """Record a wish."""
    subject, subject_kind = request.POST.get("subject", ""), request.POST.get("subject_kind", "")
    if request.method != "POST" or not _plausible(subject, subject_kind):
        raise Http404
    form = Wish(request.POST, subject_kind=subject_kind)
    if not form.is_valid():
        return _listed(request, subject, subject_kind, form)
    given = form.cleaned_data
    try:
        optouts.record(
            subject_kind=subject_kind,
            subject=subject,
            kind=given["kind"],
            since=given["since"],
            way=Way(given["source"]),
            today=timezone.localdate(),
        )
    except KenpoError as error:
        return _listed(request, subject, subject_kind, form, error)
    messages.success(request, f"申出を記録しました：{optouts.title_of(given['kind'])}")
    return redirect(f"{reverse('opt_outs')}?subject={subject}&subject_kind={subject_kind}")


@page(*STAFF, reads=False)
def opt_out_withdraw(request: HttpRequest, id: int) -> HttpResponse:
    """Record that a wish is withdrawn."""
    row: OptOut | None = optouts.seen().filter(pk=id).first()
    if row is None:
        raise Http404
    form, error = Withdrawal(request.POST or None, initial={"until": timezone.localdate()}), None
    if request.method == "POST" and form.is_valid():
        try:
            optouts.withdraw(id, until=form.cleaned_data["until"], today=timezone.localdate())
        except KenpoError as refused:
            error = refused
        else:
            messages.success(request, f"取下げを記録しました：{optouts.title_of(row.kind)}")
            return redirect(f"{reverse('opt_outs')}?subject={row.subject}&subject_kind={row.subject_kind}")
    context = {
        "row": row,
        "title": optouts.title_of(row.kind),
        "subject": shortened(row.subject),
        "subject_kind": Subject(row.subject_kind).label,
        "form": form,
        "error": error,
        "breadcrumb": [
            {"title": "通知を希望しない人", "url": reverse("opt_outs")},
            {"title": "取下げの記録", "url": ""},
        ],
    }
    wrong = error is not None or bool(form.errors)
    return render(request, "office/opt_out_withdraw.html", context, status=422 if wrong else 200)


urlpatterns = [
    path("opt-outs/", opt_outs, name="opt_outs"),
    path("opt-outs/export.<str:form>", opt_outs_export, name="opt_outs_export"),
    path("opt-outs/record/", opt_out_record, name="opt_out_record"),
    path("opt-outs/<int:id>/withdraw/", opt_out_withdraw, name="opt_out_withdraw"),
]
