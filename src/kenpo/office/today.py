"""Today (今日): what is due, what is late, who has how much — counted by index, never over all cases of a branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.utils import timezone

from kenpo.base.business import add_business_days, next_business_day
from kenpo.office.acting import on_duty

SOON = 3
"""Business days within which a case is due soon (まもなく期限)."""

MOST = 1000
"""Counts stop here: 1,000件以上 says as much as the exact number, and costs no more at a million cases."""


@dataclass(frozen=True)
class Count:
    """A number of cases, capped at MOST."""

    cases: int

    @property
    def capped(self) -> bool:
        """Whether there are more than are counted."""
        return self.cases > MOST

    @property
    def shown(self) -> int:
        """The number that is shown; with 以上 when capped."""
        return min(self.cases, MOST)

    def __bool__(self) -> bool:
        return self.cases > 0


@dataclass(frozen=True)
class KindToday:
    """How the open cases of a kind stand today."""

    kind: str
    open: Count
    late: Count
    today: Count
    soon: Count
    mine: Count
    letters: Count
    returned: Count


_COUNTS = (
    ("open", "order by due, id"),
    ("late", "and due < %(today)s order by due, id"),
    ("today", "and due = %(today)s order by due, id"),
    ("soon", "and due > %(today)s and due <= %(soon)s order by due, id"),
    ("mine", "and owner = %(staff)s order by due, id"),
    ("letters", "and letters_due <> '{}' order by id"),
    ("returned", "and returned order by id"),
)
"""What is counted, each in the order of an index: without one a kind without cases would be looked for in all rows."""


def by_kind(kinds: Sequence[str], today: date) -> tuple[KindToday, ...]:
    """The counts of some kinds in the branch acted in, in one query."""
    if not kinds:
        return ()
    duty = on_duty()
    columns = ", ".join(
        f"(select count(*) from (select from office_case c where c.branch = %(branch)s and c.kind = k.kind"
        f" and c.ended_on is null {condition} limit {MOST + 1}) found)"
        for _, condition in _COUNTS
    )
    values: Any = {
        "kinds": list(kinds),
        "branch": duty.branch,
        "today": today,
        "soon": add_business_days(today, SOON),
        "staff": duty.actor.id,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"select k.kind, {columns} from unnest(%(kinds)s::text[]) with ordinality k(kind, place) order by place",
            values,
        )
        return tuple(KindToday(kind, *map(Count, counts)) for kind, *counts in cursor.fetchall())


@dataclass(frozen=True)
class Load:
    """The open cases one person has (手持ち): in all, late, and due by business day of the days asked for."""

    staff: str
    cases: int
    late: int
    days: tuple[int, ...]


def loads(kinds: Sequence[str], today: date, days: Sequence[date]) -> tuple[Load, ...]:
    """Who has how many cases of some kinds in the branch acted in, busiest first. days: business days in their order; what is
    due on a day that is none counts for the next business day.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select owner, due, count(*) from office_case where branch = %s and kind = any(%s) and ended_on is null"
            " and owner is not null group by owner, due",
            [on_duty().branch, list(kinds)],
        )
        rows = cursor.fetchall()
    of: dict[str, list[tuple[date | None, int]]] = {}
    for owner, due, cases in rows:
        of.setdefault(owner, []).append((due, cases))
    found = []
    for owner, dues in of.items():
        by_day = dict.fromkeys(days, 0)
        for due, cases in dues:
            if due is not None and due >= today and (day := next_business_day(due)) in by_day:
                by_day[day] += cases
        late = sum(cases for due, cases in dues if due is not None and due < today)
        found.append(Load(owner, sum(cases for _, cases in dues), late, tuple(by_day.values())))
    return tuple(sorted(found, key=lambda one: (-one.cases, one.staff)))


def coming_days(today: date, count: int) -> tuple[date, ...]:
    """The next business days, today or the first after it included."""
    days = [next_business_day(today)]
    while len(days) < count:
        days.append(add_business_days(days[-1], 1))
    return tuple(days)


def this_day() -> date:
    """Today in Japan."""
    return timezone.localdate()
