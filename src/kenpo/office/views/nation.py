"""All branches side by side (全支部), and the branch 本部 looks at."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from kenpo.base.branches import BRANCHES, NATION_CODE
from kenpo.catalogue import CASEKINDS
from kenpo.frame.casekind import Role
from kenpo.office import audit, tally
from kenpo.office.acting import page
from kenpo.office.today import this_day


@page(Role.HEAD_OFFICE)
def nation(request: HttpRequest) -> HttpResponse:
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


urlpatterns = [path("nation/", nation, name="nation"), path("branch/", choose_branch, name="choose_branch")]
