"""One thing done to many cases: every case is done or says why not, whatever kills the process, and nothing twice."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from tests.office_cases import (
    NOTICE,
    VOICE,
    counted,
    looking_at,
    now,
    open_notices,
    open_voice,
    recently,
    text_of,
)
from tests.offices import FreshOffice, People

from kenpo.frame import cases
from kenpo.frame.cases import Case, CaseError
from kenpo.office import bulk, casework
from kenpo.office.acting import acting
from kenpo.office.models import Account, Bulk, BulkItem, CaseRow, EventRow

Browse = Callable[[Account], Client]


def choose(client: Client, operation: str, *chosen: Case, kind: str = NOTICE.id, **more: str) -> Any:
    """Choose cases in a queue and an operation, and go on."""
    given = {"operation": operation, "case": [f"{c.id}:{c.sequence}" for c in chosen], **more}
    return client.post(reverse("bulk_new", args=[kind]), given)


def confirm(client: Client, chosen: Any, **more: str) -> Any:
    """Confirm what was chosen."""
    return client.post(chosen["Location"], more)


def only(account: Account) -> Bulk:
    """The one operation of the branch."""
    with acting(account.actor):
        return Bulk.objects.get()


def errors(account: Account) -> dict[str, str]:
    """What came of each case of the one operation."""
    with acting(account.actor):
        assert not BulkItem.objects.filter(done=False).exists()
        return dict(BulkItem.objects.values_list("case", "error"))


# ---- small ones, at once -----------------------------------------------------------------------------------------


def test_chosen_cases_are_confirmed_and_done_at_once(people: People, browse: Browse) -> None:
    first, second, third = open_notices(people.yamamoto, 3)
    client = browse(people.yamamoto)
    chosen = choose(client, "claim", first, second)
    asked = text_of(client.get(chosen["Location"]))
    assert "2件を「担当する」" in asked
    assert "「発送前」の2件" in asked
    done = client.get(confirm(client, chosen)["Location"])
    assert "できたもの 2件" in text_of(done)
    owners = [now(people.yamamoto, c.id).owner for c in (first, second, third)]
    assert owners == ["35-yamamoto", "35-yamamoto", None]


def test_the_confirmation_says_what_follows_and_what_stays(people: People, browse: Browse) -> None:
    fresh, taken = open_voice(people.yamamoto, "A"), open_voice(people.yamamoto, "B")
    with acting(people.yamamoto.actor):
        taken = casework.act(taken.id, cases.move, "take", expected=1)
    client = browse(people.yamamoto)
    asked = text_of(client.get(choose(client, "move:take", fresh, taken, kind=VOICE.id)["Location"]))
    assert "「受付」の1件：「対応中（調査）」になる" in asked
    assert "「対応中（調査）」の1件：この操作はできないため、そのままになる" in asked


def test_a_move_that_needs_a_decision_decides_first(people: People, browse: Browse) -> None:
    (due,) = open_notices(people.yamamoto)
    (young,) = open_notices(people.yamada, age=3, received=timezone.localdate() - timedelta(days=1))
    client = browse(people.yamamoto)
    confirm(client, choose(client, "move:select", due, young))
    told = errors(people.yamamoto)
    assert told[due.id] == ""
    assert "それを相当とする判断が要ります" in told[young.id]
    assert now(people.yamamoto, due.id).state == "selected"
    assert (now(people.yamamoto, young.id).state, now(people.yamamoto, young.id).decision) == ("listed", None)


def test_what_was_refused_says_why_with_names(people: People, browse: Browse) -> None:
    theirs, stale, fine = (open_voice(people.yamamoto, key) for key in "ABC")
    with acting(people.yamada.actor):
        theirs = casework.act(theirs.id, cases.claim, expected=1)
        casework.act(stale.id, cases.move, "take", expected=1)
    client = browse(people.yamamoto)
    went = confirm(client, choose(client, "move:take", theirs, stale, fine, kind=VOICE.id))
    told = errors(people.yamamoto)
    assert told[theirs.id] == "山口支部の山田 さんが担当しています。"
    assert "画面を開いた後に変わりました" in told[stale.id]
    assert told[fine.id] == ""
    shown = text_of(client.get(went["Location"]))
    assert "できたもの 1件、できなかったもの 2件" in shown
    assert "山口支部の山田 さんが担当しています。" in shown


def test_who_selected_approves_none_of_them_also_in_bulk(people: People, browse: Browse) -> None:
    first, second = open_notices(people.yamane, 2)
    client = browse(people.yamane)
    confirm(client, choose(client, "move:select", first, second))
    with acting(people.yamane.actor):
        Bulk.objects.all().delete()
        rows = [casework.load(c.id).case for c in (first, second)]
    confirm(client, choose(client, "move:approve", *rows))
    assert all("同じ人が二つの段階" in error for error in errors(people.yamane).values())
    other = browse(people.yamaguchi)
    with acting(people.yamane.actor):
        Bulk.objects.all().delete()
    confirm(other, choose(other, "move:approve", *rows))
    assert set(errors(people.yamane).values()) == {""}


def test_a_reason_is_asked_for_where_it_is_needed(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    chosen = choose(client, "move:ask", case, kind=VOICE.id)
    refused = confirm(client, chosen, reason=" ")
    assert refused.status_code == 422
    assert now(people.yamamoto, case.id).state == "received"
    assert confirm(client, chosen, reason="電話がつながらない。").status_code == 302
    with acting(people.yamamoto.actor):
        assert casework.load(case.id).events[-1].data["reason"] == "電話がつながらない。"


def test_cases_are_assigned_with_the_reason_in_their_history(people: People, browse: Browse) -> None:
    first, second = open_notices(people.yamamoto, 2)
    client = browse(people.yamada)
    chosen = choose(client, "assign", first, second)
    assert confirm(client, chosen, to="13-azuma").status_code == 422
    assert confirm(client, chosen, to="35-yamamoto", reason="研修のため。").status_code == 302
    assert only(people.yamamoto).title.endswith("山口支部の山本 さんに割り当てる")
    with acting(people.yamamoto.actor):
        worked = casework.load(first.id)
    assert worked.case.owner == "35-yamamoto"
    assert worked.events[-1].data["text"] == "割当ての理由：研修のため。"


def test_what_was_confirmed_is_not_confirmed_twice(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    chosen = choose(client, "move:take", case, kind=VOICE.id)
    confirm(client, chosen)
    confirm(client, chosen)
    assert now(people.yamamoto, case.id).sequence == 2


def test_an_operation_can_be_dropped(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    chosen = choose(client, "claim", case, kind=VOICE.id, list="state=received")
    made = only(people.yamamoto)
    dropped = client.post(reverse("bulk_cancel", args=[made.pk]))
    assert dropped["Location"] == f"{reverse('queue', args=[VOICE.id])}?state=received"
    assert client.get(chosen["Location"]).status_code == 404
    assert now(people.yamamoto, case.id).owner is None


# ---- all that match ----------------------------------------------------------------------------------------------


def test_all_that_match_are_taken_with_the_conditions_of_the_queue(people: People, browse: Browse) -> None:
    found = open_notices(people.yamamoto, 5)
    with acting(people.yamada.actor):
        casework.act(found[0].id, cases.claim, expected=1)
    client = browse(people.yamamoto)
    confirm(client, choose(client, "claim", all="1", list="owner=none&state=listed"))
    assert set(errors(people.yamamoto)) == {c.id for c in found[1:]}
    with acting(people.yamamoto.actor):
        assert CaseRow.objects.filter(owner="35-yamamoto").count() == 4


@pytest.mark.parametrize(("listed", "said"), [("state=sent", "案件が選ばれていません"), ("", "3件までです")])
def test_none_and_too_many_are_refused(
    people: People, browse: Browse, monkeypatch: pytest.MonkeyPatch, listed: str, said: str
) -> None:
    monkeypatch.setattr(bulk, "MOST", 3)
    open_notices(people.yamamoto, 5)
    refused = choose(browse(people.yamamoto), "claim", all="1", list=listed)
    assert refused.status_code == 422
    assert said in text_of(refused)
    with acting(people.yamamoto.actor):
        assert not Bulk.objects.exists()


# ---- large ones, as a job ----------------------------------------------------------------------------------------


def test_many_are_left_to_a_job_that_is_told_ids_only(people: People, browse: Browse) -> None:
    found = open_notices(people.yamamoto, bulk.AT_ONCE + 1)
    client = browse(people.yamamoto)
    went = confirm(client, choose(client, "move:select", all="1", list=""))
    made = only(people.yamamoto)
    assert made.state == "waiting"
    job = ProcrastinateJob.objects.get(task_name="kenpo.bulk")
    assert job.args == {"id": made.pk, "branch": "35", "by": "35-yamamoto"}
    watched = client.get(went["Location"]).content.decode()
    assert f'hx-get="{reverse("bulk_progress", args=[made.pk])}"' in watched

    bulk.run(id=made.pk, branch="35", by="35-yamamoto")
    assert set(errors(people.yamamoto).values()) == {""}
    assert only(people.yamamoto).state == "done"
    with acting(people.yamamoto.actor):
        assert CaseRow.objects.filter(state="selected").count() == len(found)
    bulk.run(id=made.pk, branch="35", by="35-yamamoto")
    assert now(people.yamamoto, found[0].id).sequence == 3
    assert "結果を見る" in text_of(client.get(reverse("bulk_progress", args=[made.pk])))


def test_chunks_cost_little_more_than_their_cases(people: People) -> None:
    found = open_notices(people.yamamoto, 40)
    with acting(people.yamamoto.actor):
        made = bulk.prepare(NOTICE, "claim", [(c.id, c.sequence) for c in found])
        with counted() as asked:
            bulk.begin(made)
    assert len(asked) <= 40 + 12


def test_the_account_of_who_asked_must_still_work(people: People) -> None:
    found = open_notices(people.yamamoto, bulk.AT_ONCE + 1)
    with acting(people.yamada.actor):
        made = bulk.start(NOTICE, "assign", [(c.id, 1) for c in found], argument="35-yamamoto")
    Account.objects.filter(staff_id="35-yamamoto").update(is_active=False)
    bulk.run(id=made.pk, branch="35", by="35-yamada")
    assert set(errors(people.yamada).values()) == {"割り当てる人がいません。"}


def test_starting_what_nobody_may_is_refused(people: People) -> None:
    (case,) = open_notices(people.yamamoto)
    with acting(people.yamada.actor), pytest.raises(CaseError):
        bulk.start(NOTICE, "assign", [(case.id, 1)], argument="13-azuma")
    with acting(people.yamamoto.actor):
        made = bulk.start(NOTICE, "assign", [(case.id, 1)], argument="35-yamada")
        assert bulk.progress(made).refused == 1
        assert bulk.progress(made).done == 0


_READY = """
from tests.offices import make_people
from tests.office_cases import NOTICE, open_notices
from kenpo.office import bulk
from kenpo.office.acting import acting
people = make_people()
found = open_notices(people.yamamoto, 60)
with acting(people.yamamoto.actor):
    print(bulk.start(NOTICE, "move", [(c.id, 1) for c in found], argument="select").pk)
"""
_SLOWLY = """
import time
from kenpo.office import bulk
bulk.CHUNK = 7
chunk = bulk._chunk
def slowly(one):
    more = chunk(one)
    time.sleep(0.15)
    return more
bulk._chunk = slowly
bulk.run(id={id}, branch="35", by="35-yamamoto")
"""


def test_killed_at_any_moment_it_goes_on_and_does_nothing_twice(fresh_office: FreshOffice) -> None:
    made = int(fresh_office.python(_READY, PYTHONPATH=".").split()[-1])
    code = f"import kenpo.office; kenpo.office.setup()\n{_SLOWLY.format(id=made)}"
    seen = [0]
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", code], env={**fresh_office.environ}) as worker:
            until = time.monotonic() + 60
            while time.monotonic() < until and worker.poll() is None:
                ((tried,),) = fresh_office.sql("select count(*) from office_bulk_item where done")
                if tried > seen[-1]:
                    break
                time.sleep(0.02)
            os.kill(worker.pid, signal.SIGKILL)
        seen.append(fresh_office.sql("select count(*) from office_bulk_item where done")[0][0])
    assert 0 < seen[1] < seen[3] < 60
    marked = fresh_office.sql(
        'select count(*) from office_bulk_item i join office_case c on c.id = i."case" where i.done <> (c.state = %s)',
        "selected",
    )
    assert marked == [(0,)]

    fresh_office.python(f"from kenpo.office import bulk\nbulk.run(id={made}, branch='35', by='35-yamamoto')")
    assert fresh_office.sql("select state, count(*) from office_case group by 1") == [("selected", 60)]
    assert fresh_office.sql("select done, error, count(*) from office_bulk_item group by 1, 2") == [
        (True, "", 60)
    ]
    moves = fresh_office.sql("select count(*) from office_event where what = 'moved' group by \"case\"")
    assert moves == [(1,)] * 60


# ---- who may, and taking the result out --------------------------------------------------------------------------


def test_others_neither_start_nor_see_it(people: People, browse: Browse) -> None:
    case, *_ = open_notices(people.yamamoto, 2)
    for who in (people.yamashita, people.yamazaki):
        assert choose(browse(who), "claim", case).status_code == 403
    assert choose(looking_at(browse(people.honda), "35"), "claim", case).status_code == 403
    chosen = choose(browse(people.azuma), "claim", case)
    confirm(browse(people.azuma), chosen)
    assert "案件が見つかりません。" in set(errors(people.azuma).values())
    assert now(people.yamamoto, case.id).owner is None

    client = browse(people.yamamoto)
    mine = choose(client, "claim", case)["Location"]
    assert browse(people.yamada).get(mine).status_code == 404
    client.post(mine)
    assert browse(people.yamada).get(mine).status_code == 200
    assert browse(people.yamashita).get(mine).status_code == 403
    assert browse(people.azuma).get(mine).status_code == 404
    assert looking_at(browse(people.honda), "35").get(mine).status_code == 200
    assert Client().get(mine).status_code == 302


def test_a_clerk_is_refused_what_is_not_offered(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    client = browse(people.yamamoto)
    for operation in ("assign", "move:approve", "move:erase", "erase", ""):
        assert choose(client, operation, case).status_code == 403
    assert (
        client.post(reverse("bulk_new", args=[NOTICE.id]), {"operation": "claim", "case": "x"}).status_code
        == 403
    )


def test_the_result_is_taken_out_as_csv(people: People, browse: Browse) -> None:
    fine, theirs = open_voice(people.yamamoto, "A"), open_voice(people.yamamoto, "B")
    with acting(people.yamada.actor):
        theirs = casework.act(theirs.id, cases.claim, expected=1)
    client = recently(browse(people.yamamoto))
    confirm(client, choose(client, "move:take", fine, theirs, kind=VOICE.id))
    made = only(people.yamamoto)
    out = client.get(reverse("bulk_export", args=[made.pk, "csv"]))
    lines = b"".join(out).decode("utf-8-sig").splitlines()  # type: ignore[arg-type]
    assert lines[0] == "案件番号,案件,いまの状態,結果,理由"
    assert re.fullmatch(
        rf"{casework.number(theirs.id)},.*,受付,できなかった,山口支部の山田 さんが担当しています。", lines[1]
    )
    assert lines[2].startswith(f"{casework.number(fine.id)},")
    assert lines[2].endswith("対応中（調査）,できた,")


def test_every_case_has_one_event_for_one_operation(people: People, browse: Browse) -> None:
    found = open_notices(people.yamamoto, 12)
    client = browse(people.yamamoto)
    confirm(client, choose(client, "claim", *found))
    with acting(people.yamamoto.actor):
        counts = (
            EventRow.objects.values("case")
            .annotate(events=Count("sequence"))
            .values_list("events", flat=True)
        )
        assert list(counts) == [2] * 12
