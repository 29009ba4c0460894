"""Tallies (件数の集計): how many open cases of each branch stand where, counted every half hour.

They tell 本部 how all branches stand without opening a case of any: row-level security lets its context read the tallies
of every branch, and nothing else of them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Max, Sum
from django.utils import timezone
from procrastinate.contrib.django import app

from kenpo.base.branches import BRANCH_CODES
from kenpo.office.acting import system
from kenpo.office.models import Tally

log = logging.getLogger("kenpo.tally")

_COUNT = """
insert into office_tally (branch, kind, state, day, cases, late, unclaimed)
select branch, kind, state, %(day)s, count(*), count(*) filter (where due < %(day)s), count(*) filter (where owner is null)
from office_case where branch = %(branch)s and ended_on is null
group by branch, kind, state
"""


@dataclass(frozen=True)
class Figures:
    """The open cases of a kind in a branch: in all, past their deadline, and nobody's."""

    cases: int
    late: int
    unclaimed: int


def count(branch: str, day: date) -> None:
    """Count the open cases of the branch acted in as they stand now, in place of what was counted before on the day."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", (f"tally {branch}",))
        Tally.objects.filter(branch=branch, day=day).delete()
        values: dict[str, Any] = {"branch": branch, "day": day}
        cursor.execute(_COUNT, values)


def count_all() -> None:
    """Count every branch, each in a transaction of its own."""
    day = timezone.localdate()
    for branch in BRANCH_CODES:
        with system(branch):
            count(branch, day)
    log.info("tallies counted")


@app.periodic(cron="*/30 * * * *")
@app.task(name="kenpo.tally", queueing_lock="kenpo.tally", lock="kenpo.tally", pass_context=False)
def tally_job(timestamp: int) -> None:
    """Count every branch, every half hour."""
    count_all()


def today(branch: str) -> tuple[Tally, ...]:
    """The newest tallies of a branch, one for each kind and state with open cases; none when nothing was counted yet."""
    rows = Tally.objects.filter(branch=branch)
    newest = rows.aggregate(day=Max("day"))["day"]
    return tuple(rows.filter(day=newest).order_by("kind", "state")) if newest else ()


def newest_day() -> date | None:
    """The last day on which anything was counted, of the branches the person may see."""
    return Tally.objects.aggregate(day=Max("day"))["day"]


def newest() -> dict[tuple[str, str], Figures]:
    """The tallies of that day by branch and kind; a branch or kind without open cases is not among them."""
    sums = Tally.objects.filter(day=newest_day()).values("branch", "kind")
    found = sums.annotate(all=Sum("cases"), over=Sum("late"), free=Sum("unclaimed"))
    return {(r["branch"], r["kind"]): Figures(r["all"], r["over"], r["free"]) for r in found}
