"""Tallies: how many open cases of each branch stand where, for the branch itself and for 本部."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from django.db import ProgrammingError, transaction
from django.utils import timezone
from tests.offices import People

from kenpo.frame.casekind import Role
from kenpo.frame.cases import Actor
from kenpo.office import tally
from kenpo.office.acting import acting, on_duty, system
from kenpo.office.models import CaseRow, Tally

TODAY = date(2026, 6, 10)
SOON, LATE = TODAY + timedelta(days=1), TODAY - timedelta(days=1)


def _case(n: int, state: str, due: date | None, owner: str | None, ended: date | None = None) -> CaseRow:
    branch = on_duty().branch
    return CaseRow(
        id=f"{branch}-{n}",
        branch=branch,
        kind="toy",
        version=1,
        key=str(n),
        state=state,
        owner=owner,
        content={},
        origin={},
        received_on=TODAY,
        due=due,
        ended_on=ended,
        sequence=1,
        head="0" * 64,
        opened_at=timezone.now(),
        changed_at=timezone.now(),
    )


@contextmanager
def _at_work(branch: str) -> Iterator[None]:
    """Cases are written by somebody of the branch."""
    with acting(Actor(f"{branch}-x", branch, frozenset({Role.PLANNING_CLERK}))):
        yield


@pytest.fixture
def counted(people: People) -> People:
    """山口 has four open cases and an ended one, 東京 has one; both were counted."""
    with _at_work("35"):
        CaseRow.objects.bulk_create(
            [
                _case(1, "listed", LATE, None),
                _case(2, "listed", TODAY, "35-yamamoto"),
                _case(3, "listed", None, None),
                _case(4, "sent", SOON, "35-yamamoto"),
                _case(5, "done", LATE, None, ended=TODAY),
            ]
        )
    with _at_work("13"):
        CaseRow.objects.bulk_create([_case(1, "listed", SOON, None)])
    for branch in ("35", "13"):
        with system(branch):
            tally.count(branch, TODAY)
    return people


def _figures(rows: tuple[Tally, ...]) -> list[tuple[str, int, int, int]]:
    return [(r.state, r.cases, r.late, r.unclaimed) for r in rows]


def test_open_cases_are_counted_by_state_with_the_late_and_the_unclaimed(counted: People) -> None:
    with acting(counted.yamamoto.actor):
        assert _figures(tally.today("35")) == [("listed", 3, 1, 2), ("sent", 1, 0, 0)]


def test_counting_again_takes_the_place_of_what_was_counted_that_day(counted: People) -> None:
    with _at_work("35"):
        CaseRow.objects.filter(state="listed").update(state="sent")
    with system("35"):
        tally.count("35", TODAY)
        assert _figures(tally.today("35")) == [("sent", 4, 1, 2)]


def test_the_newest_day_counts(counted: People) -> None:
    with system("35"):
        tally.count("35", SOON)
        assert {r.day for r in tally.today("35")} == {SOON}
        assert _figures(tally.today("35")) == [("listed", 3, 2, 2), ("sent", 1, 0, 0)]


def test_azuma_of_tokyo_sees_the_tallies_of_tokyo_alone(counted: People) -> None:
    with acting(counted.azuma.actor):
        assert {r.branch for r in Tally.objects.all()} == {"13"}
        assert tally.today("35") == ()
        assert tally.newest() == {("13", "toy"): tally.Figures(1, 0, 1)}


def test_head_office_sees_every_branch_side_by_side(counted: People) -> None:
    with acting(counted.honda.actor):
        assert tally.newest_day() == TODAY
        assert tally.newest() == {
            ("13", "toy"): tally.Figures(1, 0, 1),
            ("35", "toy"): tally.Figures(4, 1, 2),
        }


def test_head_office_that_has_chosen_a_branch_sees_that_one_alone(counted: People) -> None:
    with acting(counted.honda.actor, "35"):
        assert {branch for branch, _ in tally.newest()} == {"35"}


def test_head_office_sees_no_case_across_branches_and_changes_no_tally(counted: People) -> None:
    with acting(counted.honda.actor):
        assert not CaseRow.objects.exists()
        assert Tally.objects.update(cases=0) == 0
        with pytest.raises(ProgrammingError), transaction.atomic():
            Tally.objects.create(branch="35", kind="x", state="x", day=TODAY, cases=1, late=0, unclaimed=0)


def test_every_branch_is_counted_by_the_half_hourly_job(counted: People) -> None:
    tally.tally_job(0)
    with acting(counted.honda.actor):
        assert tally.newest_day() == timezone.localdate()
        assert {branch for branch, _ in tally.newest()} == {"13", "35"}


def test_before_anything_is_counted_there_is_nothing(people: People) -> None:
    with acting(people.yamamoto.actor):
        assert tally.today("35") == ()
        assert tally.newest_day() is None
        assert tally.newest() == {}
