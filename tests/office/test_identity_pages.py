"""Identities are opened for a purpose, once, by who may; what was searched for is kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from tests import mail
from tests.offices import PASSWORD, People

from kenpo.frame.cases import What as EventKind
from kenpo.frame.letter import Recipient
from kenpo.office import audit, casework, vault
from kenpo.office.acting import acting
from kenpo.office.models import Account, AuditRow, EventRow
from kenpo.office.views.identities import PURPOSES

Browse = Callable[[Account], Client]

TARO = {"kana": "かくう たろう0", "purpose": PURPOSES[0]}


@pytest.fixture
def fresh(db: None) -> Browse:
    """A browser whose person has just given the password."""

    def signed_in(account: Account) -> Client:
        client = Client(headers={"accept-language": "ja"})
        given = {"login": account.staff_id, "password": PASSWORD}
        assert client.post(reverse("account_login"), given).status_code == 302
        return client

    return signed_in


@pytest.fixture
def case(people: People) -> str:
    """A case of 山口支部 about 架空 太郎0, one of three people of one family name."""
    mail.fill(*(mail.identity(n, birth_date=date(1980, 2, 3 + n)) for n in range(3)))
    return mail.send(people.yamamoto, people.yamane, range(1))[0]


def text_of(response: HttpResponse) -> str:
    """What a page says, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def entries(people: People, what: audit.What) -> list[AuditRow]:
    with acting(people.yamamoto.actor):
        return list(AuditRow.objects.filter(what=what))


def opened_events(people: People, case: str) -> int:
    with acting(people.yamamoto.actor):
        return EventRow.objects.filter(case=case, what=EventKind.IDENTITY_OPENED).count()


# ---- of a case ---------------------------------------------------------------------------------------------------


class TestOfCase:
    def test_the_purpose_comes_first_and_nothing_is_shown_before(
        self, people: People, fresh: Browse, case: str
    ):
        client, page = fresh(people.yamamoto), f"/case/{case}/identity/"
        assert "太郎" not in text_of(client.get(page))
        response = client.post(page, {"purpose": "", "note": ""})
        assert response.status_code == 422 and "太郎" not in text_of(response)
        assert opened_events(people, case) == 0

    def test_it_is_shown_for_this_once_and_written_down(self, people: People, fresh: Browse, case: str):
        client, page = fresh(people.yamamoto), f"/case/{case}/identity/"
        response = client.post(page, {"purpose": PURPOSES[1], "note": "宛先不備"})
        text = text_of(response)
        for said in (
            "架空 太郎0",
            "カクウ タロウ0",
            "昭和55年2月3日",
            "753-0000",
            "見本町0番地",
            "12345678・0",
            "K000000",
        ):
            assert said in text
        assert response["cache-control"] == "no-store"
        assert opened_events(people, case) == 1
        (entry,) = entries(people, audit.What.IDENTITY_OPENED)
        assert (entry.case, entry.subject, entry.actor) == (case, mail.subject(0), "35-yamamoto")
        assert "通知のあて先の確認（宛先不備）" in entry.detail and "太郎" not in entry.detail
        assert "太郎" not in text_of(client.get(page))

    def test_a_purpose_that_says_the_name_is_not_written_down(self, people: People, fresh: Browse, case: str):
        client, page = fresh(people.yamamoto), f"/case/{case}/identity/"
        for note in ("架空太郎0さんの件", "タロウ０様から電話", "番号 K000000", "かの 架空　太郎0 の件"):
            response = client.post(page, {"purpose": PURPOSES[0], "note": note.replace("タロウ０", "ﾀﾛｳ0")})
            assert response.status_code == 422 and "書かれています" in text_of(response), note
        assert opened_events(people, case) == 0 and not entries(people, audit.What.IDENTITY_OPENED)

    def test_any_other_purpose_must_be_said(self, people: People, fresh: Browse, case: str):
        client, page = fresh(people.yamamoto), f"/case/{case}/identity/"
        assert client.post(page, {"purpose": PURPOSES[-1]}).status_code == 422
        assert client.post(page, {"purpose": PURPOSES[-1], "note": "様式の確認"}).status_code == 200

    def test_who_is_not_in_the_vault_is_said_to_be_unknown_and_nothing_is_written(
        self, people: People, fresh: Browse
    ):
        (case,) = mail.send(people.yamamoto, people.yamane, range(9, 10))
        response = fresh(people.yamamoto).post(f"/case/{case}/identity/", {"purpose": PURPOSES[0]})
        assert "登録されていません" in text_of(response) and opened_events(people, case) == 0

    def test_it_needs_the_password_given_minutes_ago(self, people: People, browse: Browse, case: str):
        page = f"/case/{case}/identity/"
        for response in (
            browse(people.yamamoto).get(page),
            browse(people.yamamoto).post(page, {"purpose": PURPOSES[0]}),
        ):
            assert response.status_code == 302 and "reauthenticate" in response["location"]
        assert opened_events(people, case) == 0

    def test_the_password_given_too_long_ago_does_not_do(self, people: People, fresh: Browse, case: str):
        client = fresh(people.yamamoto)
        session = client.session
        session["account_authentication_methods"] = [
            one | {"at": one["at"] - timedelta(minutes=6).total_seconds()}
            for one in session["account_authentication_methods"]
        ]
        session.save()
        assert "reauthenticate" in client.get(f"/case/{case}/identity/")["location"]

    def test_azuma_of_tokyo_does_not_find_the_case(self, people: People, fresh: Browse, case: str):
        response = fresh(people.azuma).post(f"/case/{case}/identity/", {"purpose": PURPOSES[0]})
        assert response.status_code == 404 and "太郎" not in text_of(response)

    def test_yamashita_who_may_not_read_the_case_does_not_find_it(
        self, people: People, fresh: Browse, case: str
    ):
        response = fresh(people.yamashita).post(f"/case/{case}/identity/", {"purpose": PURPOSES[0]})
        assert response.status_code == 404 and "太郎" not in text_of(response)

    @pytest.mark.parametrize("who", ["honda", "yamazaki"])
    def test_head_office_and_the_administrator_are_refused(
        self, people: People, fresh: Browse, case: str, who: str
    ):
        client = fresh(getattr(people, who))
        session = client.session
        session["branch"] = "35"
        session.save()
        assert client.post(f"/case/{case}/identity/", {"purpose": PURPOSES[0]}).status_code == 403

    def test_who_is_not_signed_in_is_asked_to(self, people: People, case: str):
        assert Client().get(f"/case/{case}/identity/")["location"].startswith("/account/login/")


# ---- finding -----------------------------------------------------------------------------------------------------


class TestFinding:
    def test_somebody_is_found_with_the_cases_and_what_can_be_done(
        self, people: People, fresh: Browse, case: str
    ):
        response = fresh(people.yamamoto).post("/find/", TARO)
        text, page = text_of(response), response.content.decode()
        assert "該当 1件" in text and casework.number(case) in text
        assert f"subject={mail.subject(0)}&amp;subject_kind=member" in page
        assert "太郎" not in text and "見本町" not in text
        assert response["cache-control"] == "no-store"

    def test_of_several_only_what_tells_them_apart_is_shown(self, people: People, fresh: Browse, case: str):
        response = fresh(people.yamamoto).post("/find/", TARO | {"kana": "カクウ"})
        text = text_of(response)
        assert "該当 3件" in text and all(f"昭和55年2月{day}日" in text for day in (3, 4, 5))
        assert casework.number(case) not in text and "太郎" not in text

    @pytest.mark.parametrize(
        "asked",
        [
            {"name": "架空太郎1"},
            {"kana": "カクウ", "birth_date": "昭和55年2月4日"},
            {"symbol": "12345678", "number": "1"},
            {"person_number": "K000001"},
        ],
    )
    def test_by_name_kana_birth_date_and_number(
        self, people: People, fresh: Browse, case: str, asked: dict[str, str]
    ):
        text = text_of(fresh(people.yamamoto).post("/find/", {"purpose": PURPOSES[0], **asked}))
        assert "該当 1件" in text and "昭和55年2月4日" in text

    def test_a_workplace_is_found_by_its_name(self, people: People, fresh: Browse, case: str):
        mail.fill(
            {"branch": "35", "subject_kind": "workplace", "subject": "12345678", "name": "株式会社見本商事", "address": "山口県架空市9",
             "change": "upsert", "full": True, "as_of": date(2026, 4, 1)}
        )  # fmt: skip
        client = fresh(people.yamamoto)
        assert "株式会社見本商事" in text_of(
            client.post("/find/", {"purpose": PURPOSES[0], "workplace": "見本商事"})
        )
        opened = client.post(
            "/find/open/", {"purpose": PURPOSES[0], "subject_kind": "workplace", "subject": "12345678"}
        )
        assert "山口県架空市9" in text_of(opened)

    def test_one_who_was_found_is_opened_for_the_purpose(self, people: People, fresh: Browse, case: str):
        given = {"subject_kind": "member", "subject": mail.subject(0), "purpose": PURPOSES[3], "note": ""}
        response = fresh(people.yamamoto).post("/find/open/", given)
        assert "架空 太郎0" in text_of(response) and casework.number(case) in text_of(response)
        assert response["cache-control"] == "no-store"
        (entry,) = entries(people, audit.What.IDENTITY_OPENED)
        assert (entry.subject, entry.case) == (mail.subject(0), "") and PURPOSES[3] in entry.detail

    def test_who_looked_for_a_subject_is_taken_back_with_it(self, people: People, fresh: Browse, case: str):
        page = fresh(people.yamamoto).post("/find/?next=/case/new/customer_voice/", TARO).content.decode()
        assert f'href="/case/new/customer_voice/?subject={mail.subject(0)}&amp;subject_kind=member"' in page

    @pytest.mark.parametrize(
        "elsewhere", ["https://example.com/", "//example.com/", "/\\example.com", "javascript:alert(1)"]
    )
    def test_nobody_is_taken_out_of_the_office(
        self, people: People, fresh: Browse, case: str, elsewhere: str
    ):
        response = fresh(people.yamamoto).post(f"/find/?{urlencode({'next': elsewhere})}", TARO)
        links = re.findall(r'(?:href|action)="([^"]*)"', response.content.decode())
        assert links and not any("example" in link or "script:" in link for link in links)

    def test_a_search_is_written_down_without_its_words(self, people: People, fresh: Browse, case: str):
        fresh(people.yamamoto).post("/find/", TARO | {"birth_date": "1980-02-03"})
        (entry,) = entries(people, audit.What.SEARCHED)
        assert entry.detail.startswith("探した項目：カナ氏名、生年月日") and PURPOSES[0] in entry.detail
        assert entry.subject == mail.subject(0)
        assert not re.search("かくう|カクウ|1980|昭和55", entry.detail)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"purpose": PURPOSES[0]}, "検索する語が足りません"),
            ({"purpose": PURPOSES[0], "birth_date": "1980-02-03"}, "検索する語が足りません"),
            ({"name": "架空太郎0"}, "目的"),
            ({"purpose": PURPOSES[0], "kana": "カクウ", "birth_date": "いつか"}, "日付として読めません"),
            ({"purpose": PURPOSES[0], "name": "架空太郎0", "note": "架空太郎0さんの件"}, "書かれています"),
        ],
    )
    def test_what_is_lacking_is_said(
        self, people: People, fresh: Browse, case: str, given: dict[str, str], said: str
    ):
        response = fresh(people.yamamoto).post("/find/", given)
        assert response.status_code == 422 and said in text_of(response)
        assert not entries(people, audit.What.SEARCHED)

    def test_words_in_the_address_are_not_searched_for(self, people: People, fresh: Browse, case: str):
        assert "該当" not in text_of(fresh(people.yamamoto).get("/find/", TARO))

    def test_azuma_finds_nobody_of_yamaguchi_and_opens_nobody(self, people: People, fresh: Browse, case: str):
        client = fresh(people.azuma)
        assert "該当する人はいません" in text_of(client.post("/find/", TARO))
        opened = client.post(
            "/find/open/", {"subject_kind": "member", "subject": mail.subject(0), "purpose": PURPOSES[0]}
        )
        assert "登録されていません" in text_of(opened) and "太郎" not in text_of(opened)

    def test_yamashita_finds_the_person_but_not_the_cases_of_another_group(
        self, people: People, fresh: Browse, case: str
    ):
        text = text_of(fresh(people.yamashita).post("/find/", TARO))
        assert "該当 1件" in text and casework.number(case) not in text

    @pytest.mark.parametrize("who", ["honda", "yamazaki"])
    @pytest.mark.parametrize("page", ["/find/", "/find/open/"])
    def test_head_office_and_the_administrator_are_refused(
        self, people: People, fresh: Browse, who: str, page: str
    ):
        assert fresh(getattr(people, who)).post(page, TARO).status_code == 403

    def test_who_is_not_signed_in_is_asked_to(self, db: None):
        assert Client().get("/find/")["location"].startswith("/account/login/")

    def test_it_needs_the_password_and_keeps_nothing_of_the_search_meanwhile(
        self, people: People, browse: Browse, case: str
    ):
        client = browse(people.yamamoto)
        response = client.post("/find/", TARO)
        assert response.status_code == 302 and "reauthenticate" in response["location"]
        assert "%E3%81%8B" not in response["location"]
        assert not any("かくう" in repr(one.get_decoded()) for one in Session.objects.all())
        assert "かくう" not in repr(client.session.items())

    def test_neither_addresses_nor_logs_hold_what_was_searched_for(
        self, people: People, fresh: Browse, case: str, caplog: pytest.LogCaptureFixture
    ):
        with caplog.at_level("DEBUG"):
            response = fresh(people.yamamoto).post("/find/", TARO)
        assert "かくう" not in caplog.text
        links = re.findall(r'(?:href|action)="([^"]*)"', response.content.decode())
        assert links and not any("%E3%81%8B" in link or "かくう" in link for link in links)

    def test_a_subject_that_cannot_be_is_not_found(self, people: People, fresh: Browse):
        client = fresh(people.yamamoto)
        for given in (
            {"subject_kind": "none", "subject": "x"},
            {"subject_kind": "member", "subject": "../x"},
            {},
        ):
            assert client.post("/find/open/", {"purpose": PURPOSES[0], **given}).status_code == 404


def asked(client: Client, act: Callable[[Client], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        act(client)
    return len([q for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))])


def test_pages_ask_the_database_little_however_many_are_found(people: People, fresh: Browse, case: str):
    client = fresh(people.yamamoto)
    few = asked(client, lambda c: c.post("/find/", TARO | {"kana": "カクウ"}))
    mail.fill(*(mail.identity(n) for n in range(10, 25)))
    many = asked(client, lambda c: c.post("/find/", TARO | {"kana": "カクウ"}))
    assert many == few <= 14
    assert asked(client, lambda c: c.get(f"/case/{case}/identity/")) <= 12


def test_an_institution_is_shown_from_the_public_list(
    people: People, fresh: Browse, monkeypatch: pytest.MonkeyPatch
):
    known = {"3511234567": Recipient(("見本医院",), "753-0003", ("山口県架空市見本町3",))}
    monkeypatch.setattr(
        vault, "recipients", lambda kind, subjects: {s: known.get(s, vault.NO_ADDRESS) for s in subjects}
    )
    client = fresh(people.yamamoto)
    given = {"subject_kind": "institution", "purpose": PURPOSES[0]}
    assert "見本医院" in text_of(client.post("/find/open/", given | {"subject": "3511234567"}))
    assert "登録されていません" in text_of(client.post("/find/open/", given | {"subject": "3519999999"}))
