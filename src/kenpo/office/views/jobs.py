"""The state of background work (処理の状況)."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from kenpo.frame.casekind import Role
from kenpo.office import casework, work
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.lists import Column, Listing, choice
from kenpo.office.work import Work

LISTED = 1000
"""How many of each sort of work are listed, the newest."""

RETRIERS = (*STAFF, Role.ADMINISTRATOR)
"""Who has a failed job tried again; 本部 changes nothing."""


@page(*STAFF, *work.KEEPERS)
def jobs(request: HttpRequest) -> HttpResponse:
    """The newest openings, letter runs and bulk operations of the branch, and jobs that failed."""
    listed = _listing(request).page()
    context = {
        "listed": listed,
        "running": listed.rows,
        "failed": work.failed_jobs(),
        "retries": on_duty().has(*RETRIERS),
        "names": casework.named({one.by for one in listed.rows}),
    }
    return render(request, "office/jobs.html", context)


@page(*STAFF, *work.KEEPERS, recent=True)
def export(request: HttpRequest, form: str) -> HttpResponse:
    """The work as it is listed, as CSV or Excel."""
    return _listing(request).take_out("処理の状況", form, "処理の状況")


_ENDS = {"going": "終わっていないもの", "failed": "失敗したもの", "ended": "終わったもの"}


def _listing(request: HttpRequest) -> Listing:
    found = work.of_branch(LISTED)
    names = casework.named({one.by for one in found})

    def of_end(rows: Sequence[Work], end: str) -> list[Work]:
        wanted = {"going": (True, False), "failed": (False, True), "ended": (False, False)}[end]
        return [one for one in rows if (one.going, one.failed) == wanted]

    return Listing(
        found,
        [
            Column("処理", lambda w: w.title, 44, "title", ("title",)),
            Column("種類", lambda w: w.family_label, 16),
            Column("状況", lambda w: w.label, 14, "state", ("label",)),
            Column("始めた人", lambda w: names.get(w.by, w.by), 18, "by", ("by",)),
            Column("日時", lambda w: w.at, 18, "at", ("at",)),
        ],
        request.GET,
        "-at",
        [
            choice(
                "family",
                "種類",
                work.FAMILIES.items(),
                lambda rows, family: [one for one in rows if one.family == family],
            ),
            choice("state", "状況", _ENDS.items(), of_end),
        ],
        file=("jobs_export",),
    )


@page(*RETRIERS, reads=False)
@require_POST
def retry(request: HttpRequest, job: int) -> HttpResponse:
    """Try a failed job again."""
    if work.retry(job):
        messages.success(request, "もう一度実行します。しばらくして結果を確かめてください。")
    else:
        messages.warning(request, "この処理は、すでに実行されたか、ありません。")
    return redirect("jobs")


urlpatterns = [
    path("jobs/", jobs, name="jobs"),
    path("jobs/export.<str:form>", export, name="jobs_export"),
    path("jobs/<int:job>/retry/", retry, name="retry_job"),
]
