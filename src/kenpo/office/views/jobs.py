"""The state of background work (処理の状況)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from kenpo.frame.casekind import Role
from kenpo.office import casework, work
from kenpo.office.acting import STAFF, on_duty, page

LISTED = 50

RETRIERS = (*STAFF, Role.ADMINISTRATOR)
"""Who has a failed job tried again; 本部 changes nothing."""


@page(*STAFF, *work.KEEPERS)
def jobs(request: HttpRequest) -> HttpResponse:
    """The newest openings, letter runs and bulk operations of the branch, and jobs that failed."""
    running = work.of_branch(LISTED)
    context = {
        "running": running,
        "failed": work.failed_jobs(),
        "retries": on_duty().has(*RETRIERS),
        "names": casework.named({one.by for one in running}),
    }
    return render(request, "office/jobs.html", context)


@page(*RETRIERS, reads=False)
@require_POST
def retry(request: HttpRequest, job: int) -> HttpResponse:
    """Try a failed job again."""
    if work.retry(job):
        messages.success(request, "もう一度実行します。しばらくして結果を確かめてください。")
    else:
        messages.warning(request, "この処理は、すでに実行されたか、ありません。")
    return redirect("jobs")


urlpatterns = [path("jobs/", jobs, name="jobs"), path("jobs/<int:job>/retry/", retry, name="retry_job")]
