"""From a worklist to cases: every row ends in one place, nothing is opened twice, nothing is lost when a job is killed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from tests.branches import TwoBranches
from tests.offices import FreshOffice, People
from tests.openings import GONE, KIND, MONTH, Row, listing
from tests.openings import people as rows_of_people

from kenpo.catalogue import CASEKINDS, WORKLISTS
from kenpo.frame.cases import CaseError, Passed
from kenpo.office import opening, optouts
from kenpo.office.acting import acting
from kenpo.office.casework import load
from kenpo.office.models import (
    Account,
    CaseRow,
    ControlRow,
    EventRow,
    LetterRow,
    LetterRun,
    Opening,
    OpeningRow,
)
from kenpo.office.opening import Outcome, State, Terms
from kenpo.office.optouts import Way

List = Callable[[list[Row]], None]


@pytest.fixture
def lake(both: TwoBranches, monkeypatch: pytest.MonkeyPatch) -> TwoBranches:
    """The office's lake holds 山口支部 and 東京支部."""
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=both.lake_path))
    return both


@pytest.fixture
def rows(lake: TwoBranches) -> list[Row]:
    """Twelve people of 山口, all enrolled."""
    return rows_of_people(lake.lake, "35", 12)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch, rows: list[Row]) -> List:
    """The toy kind with the twelve on its list, until other rows are put there."""
    monkeypatch.setitem(CASEKINDS, KIND.id, KIND)
    monkeypatch.setattr(opening, "secrets", SimpleNamespace(token_hex=lambda length: "3f9a12bc"))

    def put(some: list[Row]) -> None:
        monkeypatch.setitem(WORKLISTS, "toy_savings", listing(some))

    put(rows)
    return put


def _begun(who: Account, **terms: object) -> Opening:
    with acting(who.actor):
        return opening.begin(KIND, Terms(MONTH, **terms))  # type: ignore[arg-type]


def _prepared(who: Account, **terms: object) -> Opening:
    begun = _begun(who, **terms)
    opening.prepare_opening(begun.pk, who.branch, who.staff_id)
    return _now(who, begun)


def _opened(who: Account, **terms: object) -> Opening:
    made = _prepared(who, **terms)
    with acting(who.actor):
        opening.confirm(made.pk)
    opening.open_cases(made.pk, who.branch, who.staff_id)
    return _now(who, made)


def _now(who: Account, one: Opening) -> Opening:
    with acting(who.actor):
        return Opening.objects.get(pk=one.pk)


def _lines(one: Opening) -> dict[str, int]:
    return {line.slug: line.rows for line in opening.lines(one)}


# ---- the plan ----------------------------------------------------------------------------------------------------


def test_preparing_opens_nothing_and_says_what_becomes_of_every_row(people: People, listed: List) -> None:
    made = _prepared(people.yamamoto, capacity=5)
    assert made.state == State.PREPARED, made.error
    assert _lines(made) == {"open": 5, "over": 12 - 5}
    with acting(people.yamamoto.actor):
        assert not CaseRow.objects.exists()
        first = OpeningRow.objects.filter(opening=made).order_by("place").first()
        assert first is not None
        assert (first.summary, first.content, first.done) == ("軽減額 10,000円", {"saving": 10000}, False)


def test_the_best_come_first_and_the_rest_is_over_the_capacity(
    people: People, listed: List, rows: list[Row]
) -> None:
    made = _prepared(people.yamamoto, capacity=5)
    with acting(people.yamamoto.actor):
        subjects = OpeningRow.objects.filter(opening=made, outcome=Outcome.OPEN).values_list(
            "subject", flat=True
        )
        assert set(subjects) == {r.member for r in rows[:5]}


def test_rows_of_tokyo_are_no_rows_of_yamaguchi(people: People, listed: List, lake: TwoBranches) -> None:
    listed([*rows_of_people(lake.lake, "35", 3), *rows_of_people(lake.lake, "13", 4)])
    assert _lines(_prepared(people.yamamoto)) == {"open": 3}
    assert _lines(_prepared(people.azuma)) == {"open": 4}


def test_everyone_who_must_not_be_written_to_is_left_out_with_the_reason(
    people: People, listed: List, rows: list[Row]
) -> None:
    away, wish, contacted, returned, twice = rows[0], rows[1], rows[2], rows[3], rows[4]
    listed([*rows[1:], replace(away, member=GONE), twice])
    with acting(people.yamamoto.actor):
        _wishes(wish.member)
        _letter(contacted.member, days_ago=30)
        _letter(returned.member, days_ago=2, returned=True)
        _letter(rows[5].member, days_ago=31)
    made = _prepared(people.yamamoto, quiet_days=30)
    assert _lines(made) == {"open": 13 - 4, "left": 1, "opted_out": 1, "recently_contacted": 1, "repeated": 1}
    assert sum(_lines(made).values()) == made.counts["rows"] == 13
    assert any("資格データで確かめました" in note for note in made.counts["notes"])


def _wishes(member: str, since: date | None = None) -> None:
    day = since or timezone.localdate()
    optouts.record(
        subject_kind="member", subject=member, kind="", since=day, way=Way.PHONE, today=timezone.localdate()
    )


def _letter(member: str, *, days_ago: int, returned: bool = False) -> None:
    today = timezone.localdate()
    run = LetterRun.objects.create(
        branch="35", kind="other", letter="x", title="x", version=1, day=today, by="35-yamamoto"
    )
    LetterRow.objects.create(
        branch="35",
        run=run,
        case=member,
        subject_kind="member",
        subject=member,
        expected=1,
        sent_on=today - timedelta(days=days_ago),
        returned_on=today if returned else None,
    )


def test_a_control_group_is_drawn_from_those_who_would_have_been_taken(people: People, listed: List) -> None:
    made = _prepared(people.yamamoto, control_percent=Decimal(50))
    lines = _lines(made)
    assert lines["open"] + lines["control"] == 12
    assert 0 < lines["control"] < 12


def test_the_seed_is_made_once_for_a_kind_and_kept(people: People, listed: List) -> None:
    first, second = _begun(people.yamamoto), _begun(people.yamada)
    assert first.settings["seed"] == second.settings["seed"] != ""
    with acting(people.yamamoto.actor):
        assert opening.seed_of(KIND) == first.settings["seed"]
    with acting(people.azuma.actor):
        assert opening.seed_of(KIND) is None


def test_without_a_lake_the_opening_says_so_and_can_be_prepared_again(
    people: People, listed: List, lake: TwoBranches, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as moved:
        moved.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=lake.lake_path / "nowhere"))
        failed = _prepared(people.yamamoto)
    assert failed.state == State.FAILED
    assert "データの置き場（lake）が見つかりません" in failed.error
    with acting(people.yamada.actor):
        opening.repeat(failed.pk)
    opening.prepare_opening(failed.pk, "35", people.yamada.staff_id)
    assert _now(people.yamamoto, failed).state == State.PREPARED


def test_a_month_without_data_fails_with_the_months_there_are(people: People, listed: List) -> None:
    with acting(people.yamamoto.actor):
        begun = opening.begin(KIND, Terms(date(2030, 1, 1)))
    opening.prepare_opening(begun.pk, "35", people.yamamoto.staff_id)
    failed = _now(people.yamamoto, begun)
    assert failed.state == State.FAILED
    assert "2030-01" in failed.error
    assert "2025-04〜2025-06" in failed.error


def test_what_nobody_can_put_right_is_told_without_its_words_and_raised(
    people: People, listed: List, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("架空 太郎")

    monkeypatch.setattr(opening, "plan_opening", broken)
    begun = _begun(people.yamamoto)
    with pytest.raises(RuntimeError):
        opening.prepare_opening(begun.pk, "35", people.yamamoto.staff_id)
    failed = _now(people.yamamoto, begun)
    assert (failed.state, "架空" in failed.error) == (State.FAILED, False)


def test_who_may_work_no_more_prepares_nothing(people: People, listed: List) -> None:
    begun = _begun(people.yamamoto)
    people.yamamoto.is_active = False
    people.yamamoto.save()
    opening.prepare_opening(begun.pk, "35", people.yamamoto.staff_id)
    assert "利用を停止" in _now(people.yamada, begun).error


def test_a_plan_is_prepared_by_a_job_of_ids_only(people: People, listed: List) -> None:
    begun = _begun(people.yamamoto)
    job = ProcrastinateJob.objects.get(task_name="kenpo.prepare_opening")
    assert job.args == {"id": begun.pk, "branch": "35", "by": "35-yamamoto"}


def test_preparing_again_takes_the_place_of_the_plan_before(
    people: People, listed: List, rows: list[Row]
) -> None:
    made = _prepared(people.yamamoto)
    listed(rows[:3])
    with acting(people.yamamoto.actor):
        opening.repeat(made.pk)
    opening.prepare_opening(made.pk, "35", people.yamamoto.staff_id)
    assert _lines(_now(people.yamamoto, made)) == {"open": 3}
    with acting(people.yamamoto.actor):
        assert OpeningRow.objects.filter(opening=made).count() == 3


# ---- carried out -------------------------------------------------------------------------------------------------


def test_confirming_opens_the_cases_and_holds_out_the_controls(
    people: People, listed: List, rows: list[Row]
) -> None:
    done = _opened(people.yamamoto, control_percent=Decimal(50))
    lines = _lines(done)
    assert (done.state, lines["open"] + lines["control"]) == (State.DONE, 12)
    with acting(people.yamamoto.actor):
        assert CaseRow.objects.count() == EventRow.objects.count() == lines["open"]
        assert ControlRow.objects.count() == lines["control"]
        case = load(CaseRow.objects.order_by("priority")[0].id).case
        assert (case.state, case.received_on) == ("listed", timezone.localdate())
        assert '"worklist":"toy_savings"' in case.origin
        assert '"reason_label":"軽減額がある"' in case.origin
        assert '"month":"2025-06-01"' in case.origin
        assert not OpeningRow.objects.filter(done=False).exists()
        assert not OpeningRow.objects.filter(content__isnull=False).exists()


def test_the_same_list_twice_opens_nobody_twice_and_holds_out_the_same_people(
    people: People, listed: List
) -> None:
    first = _lines(_opened(people.yamamoto, control_percent=Decimal(50)))
    second = _lines(_opened(people.yamamoto, control_percent=Decimal(50)))
    assert second == {
        "open": 0,
        Passed.ALREADY_OPEN: first["open"],
        Passed.ALREADY_HELD_OUT: first["control"],
    }
    with acting(people.yamamoto.actor):
        assert CaseRow.objects.count() == first["open"]


def test_two_plans_of_one_list_open_each_person_once(people: People, listed: List) -> None:
    one, other = _prepared(people.yamamoto), _prepared(people.yamada)
    for made in (one, other):
        with acting(people.yamamoto.actor):
            opening.confirm(made.pk)
        opening.open_cases(made.pk, "35", people.yamamoto.staff_id)
    assert _lines(_now(people.yamamoto, one)) == {"open": 12}
    assert _lines(_now(people.yamamoto, other)) == {"open": 0, Passed.ALREADY_OPEN: 12}


def test_a_wish_that_came_after_the_plan_counts(people: People, listed: List, rows: list[Row]) -> None:
    made = _prepared(people.yamamoto)
    with acting(people.yamamoto.actor):
        _wishes(rows[0].member)
        opening.confirm(made.pk)
    opening.open_cases(made.pk, "35", people.yamamoto.staff_id)
    assert _lines(_now(people.yamamoto, made)) == {"open": 11, "opted_out": 1}
    with acting(people.yamamoto.actor):
        assert not CaseRow.objects.filter(subject=rows[0].member).exists()


def test_what_was_cancelled_opens_nothing(people: People, listed: List) -> None:
    made = _prepared(people.yamamoto)
    with acting(people.yamamoto.actor):
        opening.cancel(made.pk)
        with pytest.raises(CaseError) as refused:
            opening.confirm(made.pk)
    opening.open_cases(made.pk, "35", people.yamamoto.staff_id)
    opening.prepare_opening(made.pk, "35", people.yamamoto.staff_id)
    assert refused.value.code == "stale"
    assert _now(people.yamamoto, made).state == State.CANCELLED
    with acting(people.yamamoto.actor):
        assert not CaseRow.objects.exists()
        assert not OpeningRow.objects.exists()


def test_once_confirmed_it_is_confirmed_for_good(people: People, listed: List) -> None:
    made = _prepared(people.yamamoto)
    with acting(people.yamada.actor):
        opening.confirm(made.pk)
        for again in (opening.confirm, opening.cancel, opening.repeat):
            with pytest.raises(CaseError):
                again(made.pk)
    assert _now(people.yamamoto, made).confirmed_by == people.yamada.staff_id


@pytest.mark.parametrize("who", ["yamashita", "yamazaki", "honda"])
def test_only_those_who_work_on_the_kind_open_its_cases(people: People, listed: List, who: str) -> None:
    made, other = _prepared(people.yamamoto), getattr(people, who)
    with acting(other.actor, "35"):
        with pytest.raises(CaseError) as refused:
            opening.begin(KIND, Terms(MONTH))
        assert refused.value.code == "not_allowed"
        for act in (opening.confirm, opening.cancel, opening.repeat):
            with pytest.raises(CaseError):
                act(made.pk)
    assert _now(people.yamamoto, made).state == State.PREPARED


def test_azuma_of_tokyo_finds_no_opening_of_yamaguchi(people: People, listed: List) -> None:
    made = _prepared(people.yamamoto)
    with acting(people.azuma.actor):
        assert not Opening.objects.exists()
        assert not OpeningRow.objects.exists()
        for act in (opening.confirm, opening.cancel, opening.repeat):
            with pytest.raises(CaseError) as refused:
                act(made.pk)
            assert refused.value.code == "not_found"
    opening.open_cases(made.pk, "13", people.azuma.staff_id)
    with acting(people.yamamoto.actor):
        assert not CaseRow.objects.exists()


def test_a_fault_in_the_middle_leaves_whole_chunks_and_the_next_run_goes_on(
    people: People, listed: List, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_OPENED", 5)
    made, called = _prepared(people.yamamoto), []
    with acting(people.yamamoto.actor):
        opening.confirm(made.pk)
    whole = opening.open_many

    def breaks_the_second_time(events: list) -> int:  # type: ignore[type-arg]
        called.append(whole(events))
        if len(called) == 2:
            raise IntegrityError
        return called[-1]

    with monkeypatch.context() as broken:
        broken.setattr(opening, "open_many", breaks_the_second_time)
        with pytest.raises(IntegrityError):
            opening.open_cases(made.pk, "35", people.yamamoto.staff_id)
    failed = _now(people.yamamoto, made)
    assert (failed.state, failed.counts["done"]) == (State.FAILED, 5)
    with acting(people.yamamoto.actor):
        assert CaseRow.objects.count() == 5
        opening.repeat(made.pk)
    opening.open_cases(made.pk, "35", people.yamamoto.staff_id)
    done = _now(people.yamamoto, made)
    assert (done.state, _lines(done), done.counts["done"]) == (State.DONE, {"open": 12}, 12)


# ---- killed ------------------------------------------------------------------------------------------------------

_PEOPLE = """
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from tests.branches import *
from tests import openings
from kenpo.lake import Lake
from django.conf import settings
from kenpo.office import opening
from kenpo.office.models import *
from kenpo.office.acting import acting
opening._OPENED, opening._PLANNED = 7, 9
openings.declare(openings.people(Lake.open(settings.CONFIG.lake), "35", 60))
def who(): return Account.objects.get(staff_id="35-yamamoto")
def the(): return Opening.objects.get()
"""
_BEGIN = """
from tests.offices import make_people
make_people()
with acting(who().actor):
    opening.begin(openings.KIND, opening.Terms(openings.MONTH, control_percent=Decimal(30)))
"""
_CONFIRM = """
with acting(who().actor):
    opening.confirm(the().pk)
"""
_PREPARE = """
with acting(who().actor): id = the().pk
opening.prepare_opening(id, "35", "35-yamamoto")
"""
_OPEN = """
with acting(who().actor): id = the().pk
opening.open_cases(id, "35", "35-yamamoto")
"""
_KILLED = """
import os, signal
whole, calls = opening.{name}, []
def dies(*args):
    found = whole(*args)
    calls.append(1)
    if len(calls) == {at}: os.kill(os.getpid(), signal.SIGKILL)
    return found
opening.{name} = dies
"""


def test_killed_at_any_moment_nothing_is_lost_and_nothing_happens_twice(
    fresh_office: FreshOffice, both: TwoBranches
) -> None:
    lake = str(both.lake_path)

    def killed(code: str, name: str, at: int) -> None:
        with pytest.raises(AssertionError):
            fresh_office.python(_PEOPLE + _KILLED.format(name=name, at=at) + code, KENPO_LAKE=lake)

    def well(code: str) -> None:
        fresh_office.python(_PEOPLE + code, KENPO_LAKE=lake)

    def count(table: str, condition: str = "true") -> int:
        return fresh_office.sql(f"select count(*) from {table} where {condition}")[0][0]

    well(_BEGIN)
    killed(_PREPARE, "insert", 2)
    assert (count("office_opening_row"), fresh_office.sql("select state from office_opening")) == (
        0,
        [("preparing",)],
    )
    well(_PREPARE)
    well(_CONFIRM)
    for at in (1, 3):
        killed(_OPEN, "open_many", at)
        killed(_OPEN, "_hold_out", at)
    assert count("office_case") + count("office_control") == count(
        "office_opening_row", "done and outcome in ('open', 'control')"
    )
    well(_OPEN)
    well(_OPEN)
    assert fresh_office.sql("select state from office_opening") == [("done",)]
    assert count("office_opening_row", "not done") == 0
    assert count("office_case") == count("office_event") == count("office_opening_row", "outcome = 'open'")
    assert count("office_control") == count("office_opening_row", "outcome = 'control'") > 0
    assert count("office_case") + count("office_control") == 60


_WORK = """
from procrastinate.contrib.django import app
with app.replace_connector(app.connector.get_worker_connector()) as worker:
    worker.run_worker(wait=False, listen_notify=False, install_signal_handlers=False)
"""


def test_the_worker_does_what_was_asked_for_on_the_pages(
    fresh_office: FreshOffice, both: TwoBranches
) -> None:
    for code in (_BEGIN, _WORK, _CONFIRM, _WORK):
        fresh_office.python(_PEOPLE + code, KENPO_LAKE=str(both.lake_path))
    assert fresh_office.sql("select state from office_opening") == [("done",)]
    opened = fresh_office.sql(
        "select (select count(*) from office_case), (select count(*) from office_control)"
    )
    assert sum(opened[0]) == 60
    done = fresh_office.sql(
        "select task_name, status from procrastinate_jobs where task_name like '%open%' order by id"
    )
    assert done == [("kenpo.prepare_opening", "succeeded"), ("kenpo.open_cases", "succeeded")]
