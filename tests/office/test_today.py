"""Today, the sharing of work, and all branches side by side."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tests.contents import EXAMPLES
from tests.offices import People

from kenpo.base.business import add_business_days
from kenpo.catalogue import CASEKINDS
from kenpo.frame import cases
from kenpo.office import casework, tally
from kenpo.office.acting import acting
from kenpo.office.models import Account, CaseRow
from kenpo.office.today import MOST, by_kind, coming_days, loads

Browse = Callable[[Account], Client]
NOTICE = CASEKINDS["generic_notice"]
TODAY = date(2026, 11, 24)


def _cases(account: Account, count: int, received: date | None = None, first: int = 0) -> list[str]:
    """Cases of the notice that somebody opened."""
    with acting(account.actor):
        events = [
            cases.open_case(
                NOTICE,
                branch=account.branch,
                key=f"{account.branch}-{first + n}",
                content=EXAMPLES["generic_notice"],
                received_on=received or timezone.localdate(),
                actor=account.actor,
                when=timezone.now(),
                subject=f"{first + n:032x}",
                priority=n,
            )
            for n in range(count)
        ]
        casework.open_many(events)
        return [e.case for e in events]


def _claimed(account: Account, ids: list[str]) -> None:
    with acting(account.actor):
        for id in ids:
            casework.act(id, cases.claim, expected=1)


def test_late_today_and_soon_are_counted_apart(people: People):
    _cases(people.yamamoto, 1)
    with acting(people.yamamoto.actor):
        due = CaseRow.objects.get().due
        assert due is not None
        for day, counts in {
            due - timedelta(days=30): (1, 0, 0, 0),
            add_business_days(due, -3): (1, 0, 0, 1),
            due: (1, 0, 1, 0),
            due + timedelta(days=1): (1, 1, 0, 0),
        }.items():
            (found,) = by_kind([NOTICE.id], day)
            assert (found.open.cases, found.late.cases, found.today.cases, found.soon.cases) == counts


def test_counts_stop_at_a_thousand_and_say_so(people: People):
    _cases(people.yamamoto, MOST + 5)
    with acting(people.yamamoto.actor):
        (found,) = by_kind([NOTICE.id], TODAY)
    assert found.open.capped
    assert found.open.shown == MOST


def test_azuma_of_tokyo_counts_nothing_of_yamaguchi(people: People):
    _cases(people.yamamoto, 3)
    with acting(people.azuma.actor):
        (found,) = by_kind([NOTICE.id], TODAY)
        assert not found.open
        assert loads([NOTICE.id], TODAY, coming_days(TODAY, 3)) == ()


def test_the_page_says_what_is_to_be_done_and_leads_there(browse: Browse, people: People):
    _claimed(people.yamamoto, _cases(people.yamamoto, 3)[:2])
    text = browse(people.yamamoto).get(reverse("today")).content.decode()
    assert "あなたの担当" in text
    assert f'{reverse("queue", args=[NOTICE.id])}?owner=me">2</a>' in text


def test_the_page_asks_few_questions_of_the_database(
    browse: Browse, people: People, django_assert_max_num_queries
):
    _cases(people.yamamoto, 30)
    client = browse(people.yamamoto)
    with django_assert_max_num_queries(12):
        client.get(reverse("today"))
    client = browse(people.yamaguchi)
    with django_assert_max_num_queries(12):
        client.get(reverse("workload"))


def test_somebody_of_another_group_sees_the_kinds_of_that_group_only(browse: Browse, people: People):
    text = browse(people.yamashita).get(reverse("today")).content.decode()
    assert NOTICE.title not in text


def test_an_administrator_without_another_role_sees_no_cases(browse: Browse, people: People):
    _cases(people.yamamoto, 1)
    text = browse(people.yamazaki).get(reverse("today")).content.decode()
    assert "見られる案件の種類がありません" in text


# ---- the sharing of work -----------------------------------------------------------------------------------------


def test_the_load_of_a_person_is_told_by_the_day_it_is_due(people: People):
    _claimed(people.yamamoto, _cases(people.yamamoto, 2))
    with acting(people.yamamoto.actor):
        due = CaseRow.objects.first().due
        assert due is not None
        days = coming_days(add_business_days(due, -2), 3)
        (load,) = loads([NOTICE.id], days[0], days)
    assert load.staff == "35-yamamoto"
    assert load.days == (0, 0, 2)
    assert load.cases == 2


def test_what_is_late_is_not_spread_over_the_days_to_come(people: People):
    _claimed(people.yamamoto, _cases(people.yamamoto, 1))
    with acting(people.yamamoto.actor):
        due = CaseRow.objects.get().due
        assert due is not None
        days = coming_days(due + timedelta(days=1), 5)
        (load,) = loads([NOTICE.id], days[0], days)
    assert (load.late, sum(load.days)) == (1, 0)


@pytest.mark.parametrize("who", ["yamamoto", "azuma"])
def test_a_clerk_does_not_share_out_work(browse: Browse, people: People, who: str):
    assert browse(getattr(people, who)).get(reverse("workload")).status_code == 403


def test_yamada_moves_the_cases_due_first_from_one_to_another(browse: Browse, people: People):
    _claimed(people.yamamoto, _cases(people.yamamoto, 4))
    answer = browse(people.yamada).post(
        reverse("workload"),
        {"kind": NOTICE.id, "giver": "35-yamamoto", "to": "35-yamane", "count": 3, "reason": "研修のため"},
    )
    assert answer.status_code == 302
    with acting(people.yamada.actor):
        assert CaseRow.objects.filter(owner="35-yamane").count() == 3
        moved = casework.load(CaseRow.objects.filter(owner="35-yamane").first().id)
    (assigned,) = [e for e in moved.events if e.what is cases.What.ASSIGNED]
    assert assigned.data["from"] == "35-yamamoto"


def test_work_is_not_given_to_somebody_of_tokyo(browse: Browse, people: People):
    _claimed(people.yamamoto, _cases(people.yamamoto, 1))
    answer = browse(people.yamada).post(
        reverse("workload"),
        {"kind": NOTICE.id, "giver": "35-yamamoto", "to": "13-azuma", "count": 1, "reason": "研修のため"},
    )
    assert answer.status_code == 422


def test_head_office_looks_at_the_load_and_moves_nothing(browse: Browse, people: People):
    _claimed(people.yamamoto, _cases(people.yamamoto, 1))
    client = browse(people.honda)
    client.post(reverse("choose_branch"), {"branch": "35"})
    text = client.get(reverse("workload")).content.decode()
    assert "山口支部の山本" in text
    assert "案件を移す" not in text
    client.post(
        reverse("workload"),
        {"kind": NOTICE.id, "giver": "35-yamamoto", "to": "35-yamane", "count": 1, "reason": "研修のため"},
    )
    with acting(people.yamada.actor):
        assert CaseRow.objects.get().owner == "35-yamamoto"


# ---- all branches ------------------------------------------------------------------------------------------------


def test_head_office_sees_the_counts_of_every_branch_and_chooses_one(browse: Browse, people: People):
    _cases(people.yamamoto, 3)
    _cases(people.azuma, 2)
    for account in (people.yamamoto, people.azuma):
        with acting(account.actor):
            tally.count(account.branch, timezone.localdate())
    client = browse(people.honda)
    assert client.get(reverse("today"))["Location"] == reverse("nation")
    text = client.get(reverse("nation")).content.decode()
    assert "山口支部" in text
    client.post(reverse("choose_branch"), {"branch": "35"})
    assert NOTICE.title in client.get(reverse("today")).content.decode()


@pytest.mark.parametrize("who", ["yamamoto", "yamaguchi", "yamazaki", "azuma"])
def test_nobody_else_sees_all_branches_or_chooses_one(browse: Browse, people: People, who: str):
    client = browse(getattr(people, who))
    assert client.get(reverse("nation")).status_code == 403
    assert client.post(reverse("choose_branch"), {"branch": "13"}).status_code == 403


def test_a_branch_that_there_is_not_cannot_be_chosen(browse: Browse, people: People):
    assert browse(people.honda).post(reverse("choose_branch"), {"branch": "99"}).status_code == 403
