"""The one way in which cases are read and changed: together with their row, by one person at a time, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone
from pydantic import Field
from tests.office_cases import NOTICE, VOICE, now, open_notices, open_voice, voice
from tests.offices import FreshOffice, People

from kenpo.catalogue import CASEKINDS
from kenpo.frame import cases
from kenpo.frame.cases import CaseError, Event
from kenpo.office import casework
from kenpo.office.acting import acting
from kenpo.office.models import Account, CaseRow, EventRow


def voiced(account: Account, key: str) -> Event:
    """The first event of a voice."""
    return cases.open_case(
        VOICE,
        branch=account.branch,
        key=key,
        content=voice(),
        received_on=timezone.localdate(),
        actor=account.actor,
        when=timezone.now(),
    )


def whole(case: str) -> bool:
    """Whether the history of a case is whole and its row is what it says."""
    rows = EventRow.objects.filter(case=case).order_by("sequence")
    return casework.faults_of(CaseRow.objects.get(id=case), map(casework.event_of, rows)) == []


def test_a_row_is_what_its_events_say(people: People) -> None:
    case = open_voice(people.yamamoto)
    with acting(people.yamamoto.actor):
        casework.act(case.id, cases.claim, expected=1)
        after = casework.act(case.id, cases.move, "take", expected=2)
        row = CaseRow.objects.get(id=case.id)
        assert (row.state, row.owner, row.sequence, row.head) == ("working", "35-yamamoto", 3, after.head)
        assert whole(case.id)


def test_of_two_people_the_second_is_told_and_nothing_of_theirs_is_written(people: People) -> None:
    case = open_voice(people.yamamoto)
    with acting(people.yamada.actor):
        casework.act(case.id, cases.move, "take", expected=1)
    with acting(people.yamamoto.actor):
        with pytest.raises(CaseError) as refused:
            casework.act(case.id, cases.move, "take", expected=1)
        assert refused.value.code == "stale"
        assert EventRow.objects.filter(case=case.id).count() == 2


def test_an_event_that_others_overtook_leaves_nothing_behind(people: People) -> None:
    case = open_voice(people.yamamoto)
    with acting(people.yamamoto.actor):
        seen = casework.load(case.id)
        casework.act(case.id, cases.comment, "先に書いた。", expected=None)
        by: Any = {"actor": people.yamamoto.actor, "when": timezone.now()}
        late = cases.comment(seen.kind, seen.case, "後から書いた。", **by)
        with pytest.raises(CaseError) as refused:
            casework.append(seen, [late])
        assert refused.value.code == "stale"
        CaseRow.objects.filter(id=case.id).update(sequence=9)
        now_seen = casework.load(case.id)
        again = cases.comment(now_seen.kind, now_seen.case, "もう一度。", **{**by, "when": timezone.now()})
        with pytest.raises(CaseError):
            casework.append(now_seen, [again])
        assert EventRow.objects.filter(case=case.id).count() == 2


def test_what_the_engine_refuses_changes_nothing(people: People) -> None:
    case = open_voice(people.yamamoto)
    with acting(people.yamamoto.actor), pytest.raises(CaseError):
        casework.act(case.id, cases.move, "ask", expected=1)
    assert now(people.yamamoto, case.id).sequence == 1


def test_head_office_changes_nothing_and_is_told_so(people: People) -> None:
    case = open_voice(people.yamamoto)
    with acting(people.honda.actor, "35"):
        assert casework.load(case.id).case.id == case.id
        with pytest.raises(CaseError) as refused:
            casework.act(case.id, cases.claim, expected=1)
        assert refused.value.code == "not_allowed"
        with pytest.raises(CaseError):
            casework.act_each({case.id: 1}, cases.claim)


@pytest.mark.parametrize("who", ["azuma", "yamashita"])
def test_another_branch_and_another_group_find_nothing(people: People, who: str) -> None:
    (case,) = open_notices(people.yamamoto)
    with acting(getattr(people, who).actor):
        for attempt in (
            lambda: casework.load(case.id),
            lambda: casework.act(case.id, cases.claim, expected=1),
        ):
            with pytest.raises(CaseError) as refused:
                attempt()
            assert refused.value.code == "not_found"
        told = casework.act_each({case.id: 1}, cases.claim)[case.id]
        assert told is not None
        assert told.code == "not_found"


# ---- many at once ------------------------------------------------------------------------------------------------


def test_of_many_cases_those_refused_leave_the_others_done(people: People) -> None:
    fine, taken, stale = (open_voice(people.yamamoto, key) for key in "ABC")
    with acting(people.yamada.actor):
        casework.act(taken.id, cases.claim, expected=1)
        casework.act(stale.id, cases.move, "take", expected=1)
    with acting(people.yamamoto.actor):
        seen = {fine.id: 1, taken.id: 2, stale.id: 1, "f" * 32: 1}
        told = casework.act_each(seen, cases.move, "take")
        codes = {case: error.code if error else None for case, error in told.items()}
        assert codes == {
            fine.id: None,
            taken.id: "already_claimed",
            stale.id: "stale",
            "f" * 32: "not_found",
        }
        assert all(whole(case.id) for case in (fine, taken, stale))
    assert now(people.yamamoto, fine.id).state == "working"


def test_many_at_once_give_the_same_as_one_by_one(people: People) -> None:
    together, alone = open_voice(people.yamamoto, "A"), open_voice(people.yamamoto, "B")
    with acting(people.yamamoto.actor):
        casework.act_each({together.id: 1}, cases.move, "take")
        casework.act(alone.id, cases.move, "take", expected=1)
        some = ("state", "owner", "due", "waiting", "sequence", "summary", "returned", "letters_due")
        rows = [CaseRow.objects.filter(id=c.id).values_list(*some).get() for c in (together, alone)]
        assert rows[0] == rows[1]


def test_a_fault_of_a_room_keeps_one_case_back_and_not_the_others(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = open_voice(people.yamamoto, "A"), open_voice(people.yamamoto, "B", said="壊れる")

    def faulty(content: Any, parameters: Any) -> Any:
        if content.said == "壊れる":
            raise ValueError("a fault of the room")
        return VOICE.decide(content, parameters)  # type: ignore[misc]

    monkeypatch.setitem(CASEKINDS, VOICE.id, replace(VOICE, decide=faulty))
    with acting(people.yamamoto.actor):
        told = casework.act_each({good.id: 1, bad.id: 1}, cases.decide)
    assert told[good.id] is None
    assert "kenpo の誤り" in str(told[bad.id])


def test_opening_twice_opens_none_twice(people: People) -> None:
    with acting(people.yamamoto.actor):
        first, second = voiced(people.yamamoto, "A"), voiced(people.yamamoto, "B")
        assert casework.open_many([first, first, second]) == 2
        assert casework.open_many([first, voiced(people.yamamoto, "C")]) == 1
        assert CaseRow.objects.count() == EventRow.objects.count() == 3
        with pytest.raises(CaseError) as refused:
            casework.start(first)
        assert refused.value.code == "already_open"


def test_two_who_open_the_same_at_the_same_time_open_it_once(fresh_office: FreshOffice) -> None:
    """Both look, neither finds it, both write: the database lets one of them be first, and the other goes on with the rest."""
    said = fresh_office.python(
        """
import threading
from django.db import connection
from django.utils import timezone
from tests.offices import make_people
from tests.office_cases import VOICE, voice
from kenpo.frame import cases
from kenpo.office import casework
from kenpo.office.acting import acting
account = make_people().yamamoto
day = timezone.localdate()
events = [cases.open_case(VOICE, branch="35", key=f"K{n}", content=voice(), received_on=day, actor=account.actor, when=timezone.now()) for n in range(40)]
counts, ready = [], threading.Barrier(2)
def work(some):
    with acting(account.actor):
        ready.wait()
        counts.append(casework.open_many(some))
    connection.close()
both = [threading.Thread(target=work, args=(events[:30],)), threading.Thread(target=work, args=(events[10:],))]
[t.start() for t in both]; [t.join() for t in both]
print(sum(counts))
""",
        PYTHONPATH=".",
    )
    assert said.split()[-1] == "40"
    assert fresh_office.sql("select count(*), count(distinct id) from office_case") == [(40, 40)]
    assert fresh_office.sql("select count(*) from office_event") == [(40,)]


# ---- what a row says ---------------------------------------------------------------------------------------------


def test_a_letter_that_was_sent_again_has_not_come_back(people: People) -> None:
    (case,) = open_notices(people.yamamoto)

    def do(account: Account, verb: Any, *args: Any, **more: Any) -> bool:
        with acting(account.actor):
            casework.act(case.id, verb, *args, expected=None, **more)
            return CaseRow.objects.get(id=case.id).returned

    do(people.yamamoto, cases.decide)
    do(people.yamamoto, cases.move, "select")
    do(people.yamane, cases.move, "approve")
    do(people.yamamoto, cases.move, "send")
    assert not do(people.yamamoto, cases.record_letter, "notice", "35業発第1号", "a" * 64)
    assert do(people.yamamoto, cases.returned_mail, 6, "宛所不明")
    assert now(people.yamamoto, case.id).state == "returned"
    do(people.yamamoto, cases.move, "resend", reason="市役所に確かめた。")
    assert do(people.yamamoto, cases.move, "send")
    assert not do(people.yamamoto, cases.record_letter, "notice", "35業発第2号", "b" * 64)


def test_the_line_of_a_content_that_can_no_longer_be_read_says_so(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = open_voice(people.yamamoto)

    class Newer(VOICE.content):
        """A voice with one thing more to say."""

        mood: int = Field(title="印象")

    monkeypatch.setitem(CASEKINDS, VOICE.id, replace(VOICE, content=Newer, version=2))
    with acting(people.yamamoto.actor):
        casework.act(case.id, cases.claim, expected=1)
        assert CaseRow.objects.get(id=case.id).summary == "前の版（1）の内容"


def test_a_number_is_the_beginning_of_an_id() -> None:
    assert casework.number("3f9a12bc77e0" + "0" * 20) == "3F9A-12BC-77E0"


def test_only_kinds_whose_content_may_be_read_are_readable(people: People) -> None:
    with acting(people.yamashita.actor):
        kinds = {kind.id for kind in casework.readable_kinds()}
        assert VOICE.id in kinds
        assert NOTICE.id not in kinds
    with acting(people.yamazaki.actor):
        assert casework.readable_kinds() == ()
