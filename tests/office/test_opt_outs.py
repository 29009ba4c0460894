"""Who does not wish to be written to: recorded, withdrawn, and asked for before anybody is written to."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.offices import People

from kenpo.base.era import to_wareki
from kenpo.catalogue import CASEKINDS
from kenpo.frame.cases import CaseError
from kenpo.office import optouts
from kenpo.office.acting import acting
from kenpo.office.models import Account, AuditRow, CaseRow, OptOut
from kenpo.office.optouts import Way, opted_out, opted_out_of

Browse = Callable[[Account], Client]

HANAKO, TARO = "a" * 32, "b" * 32
TODAY = date(2026, 6, 10)
MAY = date(2026, 5, 1)
NOTICE, SHEET = "generic_notice", "generic_institution_sheet"
PAGE = f"/opt-outs/?subject={HANAKO}&subject_kind=member"


def _wish(kind: str = "", subject: str = HANAKO, since: date = MAY, subject_kind: str = "member") -> OptOut:
    return optouts.record(
        subject_kind=subject_kind, subject=subject, kind=kind, since=since, way=Way.PHONE, today=TODAY
    )


def _form(**changes: str) -> dict[str, str]:
    said = {"subject": HANAKO, "subject_kind": "member", "kind": "", "since": "2026-05-01", "source": "電話"}
    return said | changes


def _text(response: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


# ---- what holds --------------------------------------------------------------------------------------------------


def test_a_wish_holds_from_its_day_to_the_day_before_it_is_withdrawn(people: People) -> None:
    with acting(people.yamamoto.actor):
        row = _wish()
        optouts.withdraw(row.pk, until=date(2026, 6, 1), today=TODAY)
        days = (MAY - timedelta(days=1), MAY, date(2026, 5, 31), date(2026, 6, 1))
        assert [opted_out("35", HANAKO, NOTICE, d) for d in days] == [False, True, True, False]


def test_a_wish_of_one_kind_says_nothing_of_another_subject_or_kind(people: People) -> None:
    with acting(people.yamamoto.actor):
        _wish(NOTICE)
        assert opted_out("35", HANAKO, NOTICE, TODAY)
        assert not opted_out("35", TARO, NOTICE, TODAY)
        assert not opted_out("35", HANAKO, SHEET, TODAY)


def test_a_wish_of_a_member_is_none_of_an_institution_of_the_same_text(people: People) -> None:
    with acting(people.yamamoto.actor):
        _wish(subject="1234567", subject_kind="institution")
        assert not opted_out("35", "1234567", NOTICE, TODAY)
        assert opted_out("35", "1234567", SHEET, TODAY)


def test_answers_to_what_people_asked_are_sent_all_the_same(people: People) -> None:
    with acting(people.yamamoto.actor):
        _wish()
        answering = next(k for k in CASEKINDS.values() if k.worklist is None and k.subject == "member")
        assert not opted_out("35", HANAKO, answering.id, TODAY)
        assert answering not in optouts.kinds_for("member")


def test_many_are_asked_for_at_once(people: People) -> None:
    with acting(people.yamamoto.actor):
        _wish()
        _wish(NOTICE, TARO)
        subjects = [HANAKO, TARO, *(f"{n:032x}" for n in range(12_000))]
        with CaptureQueriesContext(connection) as asked:
            assert opted_out_of("35", subjects, NOTICE, TODAY) == {HANAKO, TARO}
        assert len(asked) == 3
        assert opted_out_of("35", [], NOTICE, TODAY) == frozenset()


def test_a_wish_told_in_yamaguchi_is_not_seen_in_tokyo(people: People) -> None:
    with acting(people.yamamoto.actor):
        _wish()
    with acting(people.azuma.actor):
        assert not opted_out("35", HANAKO, NOTICE, TODAY)
        assert not opted_out("13", HANAKO, NOTICE, TODAY)


# ---- what is refused ---------------------------------------------------------------------------------------------


def _refused(act: Callable[[], object]) -> str:
    with pytest.raises(CaseError) as refused:
        act()
    return refused.value.code


def test_the_same_wish_is_recorded_once(people: People) -> None:
    with acting(people.yamamoto.actor):
        row = _wish(NOTICE)
        assert _refused(lambda: _wish(NOTICE)) == "already_opted_out"
        optouts.withdraw(row.pk, until=TODAY, today=TODAY)
        _wish(NOTICE)
        _wish()
        assert _refused(lambda: _wish(NOTICE)) == "already_opted_out"


def test_what_cannot_be_is_refused(people: People) -> None:
    with acting(people.yamamoto.actor):
        assert _refused(lambda: _wish(since=TODAY + timedelta(days=1))) == "bad_content"
        assert _refused(lambda: _wish(subject="")) == "bad_content"
        assert _refused(lambda: _wish(subject_kind="none")) == "bad_content"
        assert _refused(lambda: _wish(SHEET)) == "bad_content"
        row = _wish()
        for day in (MAY - timedelta(days=1), TODAY + timedelta(days=1)):
            assert _refused(lambda day=day: optouts.withdraw(row.pk, until=day, today=TODAY)) == "bad_content"
        optouts.withdraw(row.pk, until=TODAY, today=TODAY)
        assert _refused(lambda: optouts.withdraw(row.pk, until=TODAY, today=TODAY)) == "stale"


def test_yamashita_records_no_wish_of_a_kind_she_does_not_read(people: People) -> None:
    with acting(people.yamashita.actor):
        assert _refused(lambda: _wish(NOTICE)) == "bad_content"
        _wish()


# ---- the pages ---------------------------------------------------------------------------------------------------


def test_yamamoto_records_a_wish_for_somebody_she_has_found(browse: Browse, people: People) -> None:
    client = browse(people.yamamoto)
    page = client.get(PAGE)
    assert "この相手方の申出は、まだありません" in _text(page)
    assert "ジェネリック医薬品軽減額通知の発送" in _text(page)
    assert client.post("/opt-outs/record/", _form(kind=NOTICE)).headers["location"] == PAGE
    listed = _text(client.get("/opt-outs/"))
    for said in (
        "ジェネリック医薬品軽減額通知の発送",
        "加入者",
        "aaaaaaaa…",
        "R8.5.1",
        "電話",
        "送らない",
        "山口支部の山本",
    ):
        assert said in listed
    with acting(people.yamamoto.actor):
        entry = AuditRow.objects.order_by("-sequence")[0]
        assert (entry.what, entry.subject) == ("opt_out_changed", HANAKO)


def test_she_records_that_it_is_withdrawn(browse: Browse, people: People) -> None:
    client = browse(people.yamamoto)
    client.post("/opt-outs/record/", _form())
    with acting(people.yamamoto.actor):
        pk = OptOut.objects.get().pk
    assert to_wareki(timezone.localdate()) in client.get(f"/opt-outs/{pk}/withdraw/").content.decode()
    assert client.post(f"/opt-outs/{pk}/withdraw/", {"until": "R8.6.1"}).status_code == 302
    assert "取下げ R8.6.1" in _text(client.get("/opt-outs/"))
    again = client.post(f"/opt-outs/{pk}/withdraw/", {"until": "R8.6.2"})
    assert (again.status_code, "すでに取り下げられています" in _text(again)) == (422, True)
    with acting(people.yamamoto.actor):
        assert AuditRow.objects.filter(what="opt_out_changed", subject=HANAKO).count() == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"since": "きのう"}, "日付として読めません"),
        ({"since": "2999-01-01"}, "申出日が今日より後です"),
        ({"source": "のろし"}, "選択"),
        ({"kind": SHEET}, "選択"),
    ],
)
def test_a_wrong_entry_is_told_and_nothing_is_written(
    browse: Browse, people: People, changes: dict[str, str], said: str
) -> None:
    page = browse(people.yamamoto).post("/opt-outs/record/", _form(**changes))
    assert page.status_code == 422
    assert said in _text(page)
    with acting(people.yamamoto.actor):
        assert not OptOut.objects.exists()


@pytest.mark.parametrize("query", ["subject=%3Cb%3E&subject_kind=member", "subject=abc&subject_kind=none"])
def test_a_subject_that_cannot_be_is_not_found(browse: Browse, people: People, query: str) -> None:
    assert browse(people.yamamoto).get(f"/opt-outs/?{query}").status_code == 404


def test_the_open_cases_of_the_subject_are_named_since_a_wish_ends_none(
    browse: Browse, people: People
) -> None:
    with acting(people.yamamoto.actor):
        CaseRow.objects.create(
            id="c" * 32, branch="35", kind=NOTICE, version=1, key="k", subject=HANAKO, state="listed", content={},
            origin={}, received_on=MAY, sequence=1, head="0" * 64, opened_at=timezone.now(),
            changed_at=timezone.now(), summary="2品目　軽減額 1,240円",
        )  # fmt: skip
    assert "2品目 軽減額 1,240円（発送前）" in _text(browse(people.yamamoto).get(PAGE))
    assert "軽減額 1,240円" not in _text(browse(people.yamashita).get(PAGE))


def test_a_kind_she_does_not_read_is_not_told_to_yamashita(browse: Browse, people: People) -> None:
    with acting(people.yamamoto.actor):
        row = _wish(NOTICE)
    client = browse(people.yamashita)
    assert "aaaaaaaa…" not in _text(client.get("/opt-outs/"))
    assert client.get(f"/opt-outs/{row.pk}/withdraw/").status_code == 404


def test_azuma_of_tokyo_sees_no_wish_of_yamaguchi_even_by_its_number(browse: Browse, people: People) -> None:
    with acting(people.yamamoto.actor):
        row = _wish()
    client = browse(people.azuma)
    assert "aaaaaaaa…" not in _text(client.get("/opt-outs/"))
    assert "まだありません" in _text(client.get(PAGE))
    assert client.get(f"/opt-outs/{row.pk}/withdraw/").status_code == 404
    assert client.post(f"/opt-outs/{row.pk}/withdraw/", {"until": "R8.6.1"}).status_code == 404
    with acting(people.yamamoto.actor):
        assert OptOut.objects.get().until is None


def test_head_office_looks_and_changes_nothing(browse: Browse, people: People) -> None:
    with acting(people.yamamoto.actor):
        row = _wish()
    client = browse(people.honda)
    client.post("/branch/", {"branch": "35"})
    page = client.get(PAGE)
    assert "すべての勧奨・お知らせ" in _text(page)
    assert "申出を記録する" not in _text(page)
    assert client.post("/opt-outs/record/", _form()).status_code == 403
    assert client.post(f"/opt-outs/{row.pk}/withdraw/", {"until": "R8.6.1"}).status_code == 403


def test_who_has_no_work_here_is_turned_away(browse: Browse, client: Client, people: People) -> None:
    assert browse(people.yamazaki).get("/opt-outs/").status_code == 403
    assert client.get("/opt-outs/")["location"].startswith("/account/login/")


_WITHHELD = '<use href="/static/office/icons.svg#warn"/></svg>送らない'
"""The badge of a wish that holds."""


def test_a_long_list_is_paged_and_asks_few_questions(browse: Browse, people: People) -> None:
    with acting(people.yamamoto.actor):
        for n in range(60):
            _wish(subject=f"{n:032x}")
    client = browse(people.yamamoto)
    with CaptureQueriesContext(connection) as asked:
        page = client.get("/opt-outs/").content.decode()
    assert len(asked) <= 12
    assert page.count(_WITHHELD) == 50
    older = re.search(r'href="(\?page=2)"', page)
    assert older
    assert client.get(f"/opt-outs/{older[1]}").content.decode().count(_WITHHELD) == 10
