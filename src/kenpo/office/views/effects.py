"""Effects (効果): what the cases of a kind led to in a branch, month by month, as a page and as files.

The document is the kind's own; it is the same here, in the files and in `kenpo effect`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse

from kenpo.base.branches import NATION_CODE
from kenpo.base.document import Chart, Document
from kenpo.base.era import to_wareki_month
from kenpo.base.errors import KenpoError
from kenpo.catalogue import CASEKINDS, MEASURES
from kenpo.frame import CaseKind, Effect, Measure
from kenpo.frame.cases import Access, access
from kenpo.lake import Lake
from kenpo.office import exports, figures
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.views.queue import kind_here
from kenpo.press.writing import render as render_document


class MonthForm(forms.Form):
    """The month whose effect is looked at."""

    month = forms.ChoiceField(label="働きかけた月")

    def __init__(self, *args: Any, months: Sequence[date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["month"].choices = [(f"{m:%Y-%m}", to_wareki_month(m)) for m in reversed(months)]  # type: ignore[attr-defined]


def _asked(kind: str) -> tuple[CaseKind, Effect]:
    """A kind whose cases the person may see, and its effect. Raises Http404 for none, PermissionDenied for who may not."""
    found = kind_here(kind)
    if found.effect is None:
        raise Http404
    return found, found.effect


def _month(months: Sequence[date], asked: str) -> date:
    """The month asked for. Raises Http404 when it cannot be shown."""
    found = next((m for m in months if f"{m:%Y-%m}" == asked), None)
    if found is None:
        raise Http404
    return found


def leading(measure: Measure) -> list[tuple[str, str]]:
    """The effects that are worked out from a measure, of kinds whose cases the person may see: title and address."""
    duty = on_duty()
    return [
        (kind.effect.title, reverse("effect", args=[kind.id]))
        for kind in CASEKINDS.values()
        if kind.effect
        and measure.id in kind.effect.measures
        and access(kind, duty.branch, duty.actor) is Access.CONTENT
    ]


@page(*STAFF)
def effect(request: HttpRequest, kind: str) -> HttpResponse:
    """What the cases of a kind led to: the newest month, or the one chosen; or in words why there is nothing to show."""
    found, of = _asked(kind)
    context: dict[str, Any] = {
        "kind": found,
        "effect": of,
        "breadcrumb": [
            {"title": found.title, "url": reverse("queue", args=[found.id])},
            {"title": of.title, "url": ""},
        ],
    }
    branch = on_duty().branch
    if branch == NATION_CODE:
        return render(request, "office/effect.html", context | {"no_branch": True})
    try:
        lake = figures.lake()
        months = of.months(lake, branch)
        if months:
            month = _month(months, request.GET.get("month") or f"{months[-1]:%Y-%m}")
            context |= _shown(found, of, lake, branch, month, months)
    except KenpoError as error:
        context["error"] = error
    return render(request, "office/effect.html", context)


def _shown(
    kind: CaseKind, of: Effect, lake: Lake, branch: str, month: date, months: Sequence[date]
) -> dict[str, Any]:
    asked = f"{month:%Y-%m}"
    return {
        "document": of.page(lake, branch, month),
        "charts": f"{reverse('effect', args=[kind.id])}{asked}/chart",
        "form": MonthForm({"month": asked}, months=months),
        "asked": asked,
        "files": exports.DOCUMENT_FORMS,
        "measures": [MEASURES[m] for m in of.measures],
    }


def _document(kind: str, month: str) -> tuple[Effect, Document]:
    """The document of a month for its files and charts. Raises Http404 when there is none to show."""
    _, of = _asked(kind)
    branch = on_duty().branch
    if branch == NATION_CODE:
        raise Http404
    try:
        lake = figures.lake()
        return of, of.page(lake, branch, _month(of.months(lake, branch), month))
    except KenpoError as error:
        raise Http404 from error


@page(*STAFF)
def effect_file(request: HttpRequest, kind: str, month: str, form: str) -> HttpResponse:
    """The document of a month as a file."""
    if form not in exports.DOCUMENT_FORMS:
        raise Http404
    of, document = _document(kind, month)
    name = f"{figures.name_of(on_duty().branch)}_{of.title}_{month}.{form}"
    return exports.document(name, render_document(document, form), detail=of.title)


@page(*STAFF)
def effect_chart(request: HttpRequest, kind: str, month: str, number: int) -> HttpResponse:
    """A chart of the document of a month."""
    from kenpo.press.drawing import svg

    charts = [b for b in _document(kind, month)[1].blocks if isinstance(b, Chart)]
    if not 1 <= number <= len(charts):
        raise Http404
    return HttpResponse(svg(charts[number - 1]), content_type="image/svg+xml")


urlpatterns = [
    path("effects/<str:kind>/", effect, name="effect"),
    path("effects/<str:kind>/<str:month>/document.<str:form>", effect_file, name="effect_file"),
    path("effects/<str:kind>/<str:month>/chart<int:number>.svg", effect_chart, name="effect_chart"),
]
