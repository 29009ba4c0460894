"""The queue of a kind: what is listed, in which order, which comes next — and what nobody else sees."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tests.office_cases import (
    NOTICE,
    VOICE,
    counted,
    looking_at,
    now,
    open_notices,
    open_voice,
    text_of,
)
from tests.offices import People

from kenpo.base.business import add_business_days
from kenpo.frame import cases
from kenpo.frame.cases import Case
from kenpo.office import casework, queues
from kenpo.office.acting import acting
from kenpo.office.models import Account, CaseRow, LetterRow, LetterRun
from kenpo.office.queues import queue_of

Browse = Callable[[Account], Client]


def queue(kind: str = NOTICE.id, **query: Any) -> str:
    """The address of a queue."""
    return reverse("queue", args=[kind], query=query or None)


def listed(client: Client, kind: str = NOTICE.id, **query: Any) -> list[str]:
    """The cases a queue lists, in their order."""
    response = client.get(queue(kind, **query))
    assert response.status_code == 200
    return re.findall(r'id="row-([0-9a-f]{32})"', response.content.decode())


def do(account: Account, case: Case, verb: Any, *args: Any, **more: Any) -> Case:
    """Do something to a case."""
    with acting(account.actor):
        return casework.act(case.id, verb, *args, expected=None, **more)


def ids(*found: Case) -> set[str]:
    """The ids of cases."""
    return {case.id for case in found}


# ---- conditions --------------------------------------------------------------------------------------------------


def test_open_cases_are_listed_and_ended_ones_on_demand(people: People, browse: Browse) -> None:
    first, second = open_voice(people.yamamoto, "A"), open_voice(people.yamamoto, "B")
    do(people.yamamoto, second, cases.move, "withdraw", reason="取下げの電話。")
    client = browse(people.yamamoto)
    assert listed(client, VOICE.id) == [first.id]
    assert set(listed(client, VOICE.id, ended="1")) == ids(first, second)
    assert listed(client, VOICE.id, state="withdrawn") == [second.id]


def test_cases_are_listed_by_state(people: People, browse: Browse) -> None:
    first, second = open_voice(people.yamamoto, "A"), open_voice(people.yamamoto, "B")
    do(people.yamamoto, second, cases.move, "take")
    client = browse(people.yamamoto)
    assert listed(client, VOICE.id, state="received") == [first.id]
    assert listed(client, VOICE.id, state="working") == [second.id]


def test_cases_are_listed_by_who_has_them(people: People, browse: Browse) -> None:
    mine, theirs, nobodys = (open_voice(people.yamamoto, key) for key in "ABC")
    do(people.yamamoto, mine, cases.claim)
    do(people.yamada, theirs, cases.claim)
    client = browse(people.yamamoto)
    assert listed(client, VOICE.id, owner="me") == [mine.id]
    assert listed(client, VOICE.id, owner="35-yamada") == [theirs.id]
    assert listed(client, VOICE.id, owner="none") == [nobodys.id]
    assert "山口支部の山田" in text_of(client.get(queue(VOICE.id)))


def test_cases_are_listed_by_their_deadline(people: People, browse: Browse) -> None:
    """お客様の声 may take 10 business days in the tests' year; what is due is reckoned back from that."""
    today = timezone.localdate()
    with acting(people.yamamoto.actor):
        rows = {}
        for name, due in {
            "late": today - timedelta(days=1),
            "today": today,
            "soon": add_business_days(today, 3),
            "later": add_business_days(today, 4),
            "waiting": None,
        }.items():
            rows[name] = open_voice(people.yamamoto, name).id
            CaseRow.objects.filter(id=rows[name]).update(due=due, waiting=due is None)
    client = browse(people.yamamoto)
    assert listed(client, VOICE.id, due="late") == [rows["late"]]
    assert listed(client, VOICE.id, due="today") == [rows["today"]]
    assert set(listed(client, VOICE.id, due="soon")) == {rows["today"], rows["soon"]}
    assert listed(client, VOICE.id, due="later") == [rows["later"]]
    assert listed(client, VOICE.id, due="waiting") == [rows["waiting"]]


def sent(people: People) -> Case:
    """A notice that went out."""
    (case,) = open_notices(people.yamamoto)
    do(people.yamamoto, case, cases.decide)
    do(people.yamamoto, case, cases.move, "select")
    do(people.yamane, case, cases.move, "approve")
    return do(people.yamamoto, case, cases.move, "send")


def test_cases_with_letters_to_send_and_with_returned_ones_are_listed(people: People, browse: Browse) -> None:
    case = sent(people)
    client = browse(people.yamamoto)
    assert listed(client, letters="1") == [case.id]
    assert listed(client, returned="1") == []
    case = do(people.yamamoto, case, cases.record_letter, "notice", "35業発第1号", "a" * 64)
    do(people.yamamoto, case, cases.returned_mail, case.sequence, "宛所不明")
    assert listed(client, letters="1") == []
    assert listed(client, returned="1") == [case.id]
    assert "返送あり" in text_of(client.get(queue()))


def test_a_case_is_found_by_its_number_its_key_its_subject_and_a_letters_number(
    people: People, browse: Browse
) -> None:
    case, *others = open_notices(people.yamamoto, 5)
    with acting(people.yamamoto.actor):
        run = LetterRun.objects.create(
            branch="35", kind=NOTICE.id, letter="notice", title="", version=1, day=date(2026, 5, 1), by="35-yamamoto"
        )  # fmt: skip
        LetterRow.objects.create(
            branch="35", run=run, case=case.id, subject_kind="member", subject=case.subject, expected=1, number="35業発第7号"
        )  # fmt: skip
    client = browse(people.yamamoto)
    number = casework.number(case.id)
    for text in (case.id, number, number.lower(), number[:9], case.key, case.subject, "35業発第7号"):
        assert listed(client, q=text) == [case.id], text
    assert listed(client, q="35業発第8号") == []
    assert listed(client, q="%") == []
    assert len(others) == 4


def test_an_ended_case_is_found_by_its_number(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    do(people.yamamoto, case, cases.move, "withdraw", reason="取下げ。")
    assert listed(browse(people.yamamoto), VOICE.id, q=casework.number(case.id)) == [case.id]


def test_the_conditions_are_told_in_words_and_wrong_ones_in_an_error(people: People, browse: Browse) -> None:
    open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    shown = text_of(client.get(queue(VOICE.id, state="received", owner="me", returned="1")))
    assert "いまの条件：状態 受付、担当 自分、宛所不明" in shown
    wrong = client.get(queue(VOICE.id, state="moon", page="-3", sort="colour"))
    assert wrong.status_code == 200
    assert "状態：" in text_of(wrong)


def test_an_empty_queue_says_what_to_do(people: People, browse: Browse) -> None:
    client = browse(people.yamamoto)
    assert "対象者リストから始めます" in text_of(client.get(queue()))
    assert "受け付けるとここに並びます" in text_of(client.get(queue(VOICE.id)))
    assert "条件に合う案件はありません。" in text_of(client.get(queue(VOICE.id, state="received")))


# ---- order, pages, the next one ----------------------------------------------------------------------------------


def scattered(account: Account, count: int, seed: int = 1) -> list[CaseRow]:
    """Cases with priorities, deadlines and days that repeat and are missing."""
    chance = random.Random(seed)
    with acting(account.actor):
        for n in range(count):
            case = open_voice(account, f"S{n}")
            CaseRow.objects.filter(id=case.id).update(
                priority=chance.choice([None, 1, 2, 3]),
                due=chance.choice([None, *(date(2026, 5, d) for d in (1, 2, 3))]),
                received_on=date(2026, 4, chance.randint(1, 4)),
            )
        return list(CaseRow.objects.all())


KEYS: dict[str, Callable[[CaseRow], Any]] = {
    "priority": lambda r: (r.priority is None, r.priority or 0, r.id),
    "due": lambda r: (r.due is None, r.due or date.min, r.id),
    "received": lambda r: (r.received_on, r.id),
}


@pytest.mark.parametrize("sort", ["priority", "-priority", "due", "-due", "received", "-received"])
def test_every_order_is_that_of_a_plain_sort_and_next_walks_along_it(
    people: People, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = scattered(people.yamamoto, 40)
    expected = [r.id for r in sorted(rows, key=KEYS[sort.removeprefix("-")], reverse=sort.startswith("-"))]
    with acting(people.yamamoto.actor):
        found = queue_of(VOICE, QueryDict(f"sort={sort}"), ())
        monkeypatch.setattr(queues, "PAGE", 100)
        assert [r.id for r in found.page(0)] == expected
        at, walked = found.page(0)[0], []
        while True:
            walked.append(at.id)
            following = found.order.after(found.filter.qs, getattr(at, found.order.column), at.id).first()
            if following is None:
                break
            at = CaseRow.objects.get(id=following["id"])
    assert walked == expected


def test_the_next_case_is_none_that_a_colleague_works_on(people: People) -> None:
    first, second, third = open_notices(people.yamamoto, 3)
    do(people.yamada, second, cases.claim)
    with acting(people.yamamoto.actor):
        assert queue_of(NOTICE, QueryDict(""), ()).next(first) == third.id
        staff = [("35-yamada", "山田")]
        assert queue_of(NOTICE, QueryDict("owner=35-yamada"), staff).next(first) == second.id


def test_the_next_case_is_found_from_a_place_that_is_no_longer_listed(people: People) -> None:
    first, second = open_notices(people.yamamoto, 2)
    do(people.yamamoto, first, cases.decide)
    moved = do(people.yamamoto, first, cases.move, "select")
    with acting(people.yamamoto.actor):
        assert queue_of(NOTICE, QueryDict("state=listed"), ()).next(moved) == second.id


def test_pages_follow_each_other_and_say_where_they_are(
    people: People, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "PAGE", 2)
    monkeypatch.setattr("kenpo.office.views.queue.PAGE", 2)
    found = open_notices(people.yamamoto, 5)
    client = browse(people.yamamoto)
    pages = [listed(client, page=n, state="listed") for n in (1, 2, 3, 9)]
    assert pages[:3] == [[c.id for c in found[a : a + 2]] for a in (0, 2, 4)]
    assert pages[3] == pages[2]
    shown = client.get(queue(page=2, state="listed"))
    assert "3〜4件目（全5件）" in text_of(shown)
    assert 'href="?state=listed&amp;page=3"' in shown.content.decode()


def test_counts_stop_where_nobody_reads_on(
    people: People, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kenpo.office.queues", "kenpo.office.views.queue"):
        monkeypatch.setattr(f"{name}.MOST", 4)
        monkeypatch.setattr(f"{name}.PAGE", 2)
    open_notices(people.yamamoto, 7)
    client = browse(people.yamamoto)
    assert "4件以上" in text_of(client.get(queue()))
    last = client.get(queue(page=2))
    assert "はじめの4件までです" in text_of(last)
    assert 'rel="next"' not in last.content.decode()


def test_a_case_chosen_stands_beside_the_queue(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    client = browse(people.yamamoto)
    shown = client.get(queue(case=case.id, state="listed")).content.decode()
    address = reverse("case", args=[case.id], query={"list": "state=listed"})
    assert f'hx-get="{address}" hx-trigger="load"' in shown
    panel = client.get(address, headers={"HX-Request": "true", "HX-Target": "desk-case"})
    assert f'data-case="{case.id}"' in panel.content.decode()
    assert "<html" not in panel.content.decode()


def test_a_queue_costs_the_same_for_one_case_and_for_many(people: People, browse: Browse) -> None:
    open_notices(people.yamamoto, 1)
    client = browse(people.yamamoto)
    counts = []
    for more in (0, 60):
        open_notices(people.yamamoto, more, received=date(2026, 10, 1))
        with counted() as asked:
            assert client.get(queue(sort="due")).status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 8


# ---- who may -----------------------------------------------------------------------------------------------------


def test_azuma_of_tokyo_sees_her_own_queue_only(people: People, browse: Browse) -> None:
    (ours,) = open_notices(people.yamamoto)
    (theirs,) = open_notices(people.azuma)
    assert listed(browse(people.azuma)) == [theirs.id]
    assert listed(browse(people.yamamoto)) == [ours.id]
    assert listed(browse(people.azuma), q=ours.id) == []


def test_other_groups_and_administrators_see_no_queue(people: People, browse: Browse) -> None:
    assert browse(people.yamashita).get(queue()).status_code == 403
    assert browse(people.yamashita).get(queue(VOICE.id)).status_code == 200
    assert browse(people.yamazaki).get(queue()).status_code == 403
    assert browse(people.yamamoto).get(queue("moon")).status_code == 404
    assert Client().get(queue()).status_code == 302


def test_honda_of_head_office_looks_at_a_branch_and_has_nothing_to_press(
    people: People, browse: Browse
) -> None:
    (case,) = open_notices(people.yamamoto)
    client = browse(people.honda)
    assert "支部を選ぶと" in text_of(client.get(queue()))
    looking_at(client, "35")
    assert listed(client) == [case.id]
    shown = client.get(queue()).content.decode()
    assert 'name="operation"' not in shown
    assert 'name="case"' not in shown


def test_a_clerk_is_offered_the_moves_of_the_state_that_is_listed(people: People, browse: Browse) -> None:
    open_notices(people.yamamoto)
    client = browse(people.yamamoto)
    shown = client.get(queue(state="listed")).content.decode()
    offered = re.findall(r'<option value="([a-z:_]+)">', shown)
    assert "move:select" in offered
    assert {"claim", "release", "decide"} <= set(offered)
    assert not {"move:send", "move:approve", "assign"} & set(offered)
    head = browse(people.yamane).get(queue(state="selected")).content.decode()
    assert "条件に合う案件はありません" in head
    assert now(people.yamamoto, listed(client)[0]).owner is None
