"""The pages by which letters are printed and mail that came back is recorded, and who is kept out of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from tests import mail
from tests.offices import PASSWORD, People

from kenpo.base.era import to_wareki
from kenpo.office import audit, letters
from kenpo.office.acting import acting
from kenpo.office.letters import State
from kenpo.office.models import Account, AuditRow, CaseRow, LetterBatch, LetterRow, LetterRun

Browse = Callable[[Account], Client]

NEW = "/letters/new/generic_notice/notice/"
CONFIRM = f"{NEW}confirm/"


@pytest.fixture
def fresh(db: None) -> Browse:
    """A browser whose person has just given the password."""

    def signed_in(account: Account) -> Client:
        client = Client(headers={"accept-language": "ja"})
        given = {"login": account.staff_id, "password": PASSWORD}
        assert client.post(reverse("account_login"), given).status_code == 302
        return client

    return signed_in


def text_of(response: HttpResponse) -> str:
    """What a page says, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def due(people: People, count: int) -> None:
    mail.fill(*(mail.identity(n) for n in range(count)))
    mail.send(people.yamamoto, people.yamane, range(count))


@pytest.fixture
def printed(people: People) -> LetterRun:
    """A run of three letters of 山口支部 that is printed, and one that had no address."""
    due(people, 3)
    mail.send(people.yamamoto, people.yamane, range(3, 4))
    with acting(people.yamamoto.actor):
        run = letters.begin(mail.NOTICE, mail.NOTICE.letters[0], day=timezone.localdate())
        letters.letter_run(id=run.pk, branch=run.branch, by=run.by)
        run.refresh_from_db()
    return run


def only(people: People, model: Any) -> Any:
    """The first row of a table of 山口支部."""
    with acting(people.yamamoto.actor):
        return model.objects.order_by("pk").first()


# ---- what is due, and a run from the form to the PDF -------------------------------------------------------------


class TestPrinting:
    def test_yamamoto_sees_what_is_due_and_goes_on_to_print_it(self, people: People, browse: Browse):
        due(people, 2)
        response = browse(people.yamamoto).get("/letters/")
        assert "2件" in text_of(response) and NEW in response.content.decode()

    def test_it_is_said_that_the_sender_is_invented(self, people: People, browse: Browse):
        due(people, 1)
        for page in ("/letters/", NEW):
            assert "差出人が架空の内容のままです" in text_of(browse(people.yamamoto).get(page))

    def test_what_printing_does_is_shown_before_it_is_done(self, people: People, fresh: Browse):
        due(people, 3)
        client, today = fresh(people.yamamoto), timezone.localdate()
        asked = client.get(NEW, {"count": "2", "day": to_wareki(today)})
        assert asked.status_code == 302 and asked["location"].startswith(CONFIRM)
        text = text_of(client.get(asked["location"]))
        assert "2通 印刷しますか" in text and f"日付は{to_wareki(today)}" in text and "000001号から" in text
        with acting(people.yamamoto.actor):
            assert not LetterRun.objects.exists()

    def test_a_run_is_begun_and_its_job_prints_it(self, people: People, fresh: Browse):
        due(people, 3)
        client = fresh(people.yamamoto)
        begun = client.post(CONFIRM, {"count": "2", "day": timezone.localdate().isoformat()})
        run = only(people, LetterRun)
        assert begun["location"] == f"/letters/{run.pk}/" and run.state == State.WAITING
        assert "順番待ち" in text_of(client.get(begun["location"]))
        letters.letter_run(id=run.pk, branch="35", by="35-yamamoto")
        text = text_of(client.get(begun["location"]))
        assert "印刷が終わりました" in text and "束 1" in text

    def test_printing_needs_the_password_given_minutes_ago(self, people: People, browse: Browse):
        due(people, 1)
        given = {"count": "", "day": timezone.localdate().isoformat()}
        for response in (
            browse(people.yamamoto).get(CONFIRM, given),
            browse(people.yamamoto).post(CONFIRM, given),
        ):
            assert response.status_code == 302 and "reauthenticate" in response["location"]
        with acting(people.yamamoto.actor):
            assert not LetterRun.objects.exists()

    @pytest.mark.parametrize(
        "given", [{"day": ""}, {"day": "きのう"}, {"day": "2020-01-01"}, {"count": "0", "day": "R8.5.1"}]
    )
    def test_a_wrong_day_or_number_is_said_beside_the_field(
        self, people: People, browse: Browse, given: dict[str, str]
    ):
        due(people, 1)
        response = browse(people.yamamoto).get(NEW, given)
        assert response.status_code == 422 and "入力を確かめてください" in text_of(response)

    def test_a_day_too_far_ahead_is_refused_also_when_it_is_sent_straight(
        self, people: People, fresh: Browse
    ):
        due(people, 1)
        far = timezone.localdate() + timedelta(days=letters.AHEAD + 1)
        assert fresh(people.yamamoto).post(CONFIRM, {"day": far.isoformat()})["location"] == NEW
        with acting(people.yamamoto.actor):
            assert not LetterRun.objects.exists()

    def test_a_preview_is_a_pdf_for_nobody(self, people: People, browse: Browse):
        due(people, 1)
        response = browse(people.yamamoto).get(f"{NEW}preview.pdf")
        assert response["content-type"] == "application/pdf" and response.content.startswith(b"%PDF")
        with acting(people.yamamoto.actor):
            assert not LetterRow.objects.exists()

    def test_without_a_letter_due_nothing_can_be_begun(self, people: People, fresh: Browse):
        client = fresh(people.yamamoto)
        assert "いま送る予定の通知はありません" in text_of(client.get(NEW))
        assert "いま送る予定の通知はありません" in text_of(
            client.get(CONFIRM, {"day": timezone.localdate().isoformat()})
        )
        assert client.get(f"{NEW}preview.pdf")["location"] == NEW

    def test_a_letter_there_is_not_is_not_found(self, people: People, browse: Browse):
        assert browse(people.yamamoto).get("/letters/new/generic_notice/nothing/").status_code == 404
        assert browse(people.yamamoto).get("/letters/new/nothing/notice/").status_code == 404


# ---- a run that is printed ---------------------------------------------------------------------------------------


class TestRun:
    def test_its_page_says_what_was_printed_and_why_the_rest_was_not(
        self, people: People, browse: Browse, printed: LetterRun
    ):
        client = browse(people.yamamoto)
        text = text_of(client.get(f"/letters/{printed.pk}/"))
        assert "氏名・住所の登録がありません 1件" in text and "印刷した通知 3" in text
        skipped = text_of(client.get(f"/letters/{printed.pk}/?show=skipped"))
        assert re.search(
            r"[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4} 氏名・住所の登録がありません この発送", skipped
        )

    def test_names_are_on_no_page(self, people: People, browse: Browse, printed: LetterRun):
        client = browse(people.yamamoto)
        for page in (
            "/letters/",
            f"/letters/{printed.pk}/",
            f"/letters/{printed.pk}/?show=skipped",
            "/returned/",
        ):
            assert "太郎" not in client.get(page).content.decode()

    def test_its_letters_are_paged(
        self, people: People, browse: Browse, printed: LetterRun, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("kenpo.office.views.letters.PAGE", 2)
        client, page = browse(people.yamamoto), f"/letters/{printed.pk}/"
        first = client.get(page).content.decode()
        further = re.search(r'href="(\?show=printed&amp;page=2#rows)"', first)
        assert further and "000001号" in first and "000003号" not in first
        second = client.get(page + further[1].replace("&amp;", "&")).content.decode()
        assert "000003号" in second and "000001号" not in second
        back = re.search(r'href="(\?show=printed&amp;page=1#rows)"', second)
        assert back and "000001号" in client.get(page + back[1].replace("&amp;", "&")).content.decode()

    def test_the_pdf_is_what_the_cases_recorded_and_opening_it_is_written_down(
        self, people: People, fresh: Browse, printed: LetterRun
    ):
        batch = only(people, LetterBatch)
        client = fresh(people.yamamoto)
        first, again = (client.get(f"/letters/batch/{batch.pk}/letters.pdf") for _ in range(2))
        assert first.content == again.content and first["cache-control"] == "no-store"
        with acting(people.yamamoto.actor):
            assert hashlib.sha256(first.content).hexdigest() == LetterBatch.objects.get().blob.sha256
            entries = AuditRow.objects.filter(what=audit.What.LETTERS_OPENED)
            assert len(entries) == 2 and "太郎" not in entries[0].detail

    def test_one_letter_is_reprinted(self, people: People, fresh: Browse, printed: LetterRun):
        row = only(people, LetterRow)
        response = fresh(people.yamamoto).get(f"/letters/letter/{row.pk}.pdf")
        assert response.content.startswith(b"%PDF")
        with acting(people.yamamoto.actor):
            entry = AuditRow.objects.get(what=audit.What.LETTERS_OPENED)
            assert (entry.case, entry.subject) == (row.case, row.subject)

    def test_labels_are_a_pdf(self, people: People, fresh: Browse, printed: LetterRun):
        batch = only(people, LetterBatch)
        assert fresh(people.yamamoto).get(f"/letters/batch/{batch.pk}/labels.pdf").content.startswith(b"%PDF")

    def test_the_list_has_numbers_and_reasons_but_no_names(
        self, people: People, fresh: Browse, printed: LetterRun
    ):
        response = fresh(people.yamamoto).get(f"/letters/{printed.pk}/list.csv")
        text = b"".join(response).decode("utf-8-sig")  # type: ignore[arg-type]
        assert len(text.splitlines()) == 5 and "000003号" in text and "氏名・住所の登録がありません" in text
        assert "太郎" not in text

    def test_files_need_the_password_given_minutes_ago(
        self, people: People, browse: Browse, printed: LetterRun
    ):
        batch, row = only(people, LetterBatch), only(people, LetterRow)
        for page in (
            f"/letters/batch/{batch.pk}/letters.pdf",
            f"/letters/batch/{batch.pk}/labels.pdf",
            f"/letters/letter/{row.pk}.pdf",
            f"/letters/{printed.pk}/list.csv",
        ):
            response = browse(people.yamamoto).get(page)
            assert response.status_code == 302 and "reauthenticate" in response["location"]

    def test_progress_is_told_and_the_page_renewed_at_the_end(
        self, people: People, browse: Browse, printed: LetterRun
    ):
        response = browse(people.yamamoto).get(
            f"/letters/{printed.pk}/progress/", headers={"hx-request": "true"}
        )
        assert response["hx-refresh"] == "true" and "4 / 4件" in text_of(response)

    def test_a_run_that_stopped_says_why_and_goes_on(self, people: People, browse: Browse):
        due(people, 1)
        client = browse(people.yamamoto)
        with acting(people.yamamoto.actor):
            run = letters.begin(mail.NOTICE, mail.NOTICE.letters[0], day=timezone.localdate())
            LetterRun.objects.update(state=State.FAILED, error="ひな形に誤りがあります。")
        page = f"/letters/{run.pk}/"
        assert "ひな形に誤りがあります。" in text_of(client.get(page))
        assert client.post(f"{page}repeat/")["location"] == page
        assert only(people, LetterRun).state == State.WAITING
        assert "処理が動いています" in text_of(client.post(f"{page}repeat/", follow=True))

    def test_a_run_can_be_given_up(self, people: People, browse: Browse):
        due(people, 1)
        client = browse(people.yamamoto)
        with acting(people.yamamoto.actor):
            run = letters.begin(mail.NOTICE, mail.NOTICE.letters[0], day=timezone.localdate())
        text = text_of(client.post(f"/letters/{run.pk}/cancel/", follow=True))
        assert "1通も印刷していません" in text and only(people, LetterRun).state == State.CANCELLED


# ---- the forbidden -----------------------------------------------------------------------------------------------


class TestForbidden:
    def pages(self, people: People, printed: LetterRun) -> dict[str, str]:
        batch, row = only(people, LetterBatch), only(people, LetterRow)
        return {
            "run": f"/letters/{printed.pk}/",
            "progress": f"/letters/{printed.pk}/progress/",
            "list": f"/letters/{printed.pk}/list.csv",
            "batch": f"/letters/batch/{batch.pk}/letters.pdf",
            "labels": f"/letters/batch/{batch.pk}/labels.pdf",
            "letter": f"/letters/letter/{row.pk}.pdf",
        }

    def test_azuma_of_tokyo_finds_nothing_of_yamaguchi(
        self, people: People, fresh: Browse, printed: LetterRun
    ):
        client = fresh(people.azuma)
        for page in self.pages(people, printed).values():
            assert client.get(page).status_code == 404
        for act in ("repeat", "cancel"):
            assert client.post(f"/letters/{printed.pk}/{act}/").status_code == 404
        assert "まだ発送の記録はありません" in text_of(client.get("/letters/"))

    def test_yamashita_of_another_group_is_refused(self, people: People, fresh: Browse, printed: LetterRun):
        client = fresh(people.yamashita)
        for page in (*self.pages(people, printed).values(), NEW, f"{NEW}preview.pdf"):
            assert client.get(page).status_code in (403, 404)
        assert client.post(CONFIRM, {"day": timezone.localdate().isoformat()}).status_code in (403, 404)
        assert client.post(f"/letters/{printed.pk}/cancel/").status_code == 403

    def test_honda_of_head_office_sees_runs_but_opens_no_letter_and_prints_none(
        self, people: People, fresh: Browse, printed: LetterRun
    ):
        client = fresh(people.honda)
        session = client.session
        session["branch"] = "35"
        session.save()
        pages = self.pages(people, printed)
        assert client.get("/letters/").status_code == client.get(pages["run"]).status_code == 200
        assert "letters.pdf" not in client.get(pages["run"]).content.decode()
        for page in (pages["batch"], pages["labels"], pages["letter"], NEW, "/returned/"):
            assert client.get(page).status_code == 403
        assert client.post(CONFIRM, {"day": timezone.localdate().isoformat()}).status_code == 403

    def test_yamazaki_the_administrator_is_refused(self, people: People, fresh: Browse, printed: LetterRun):
        client = fresh(people.yamazaki)
        for page in ("/letters/", "/returned/", *self.pages(people, printed).values()):
            assert client.get(page).status_code == 403

    def test_who_is_not_signed_in_is_asked_to(self, people: People, printed: LetterRun):
        for page in ("/letters/", "/returned/", NEW, *self.pages(people, printed).values()):
            assert Client().get(page)["location"].startswith("/account/login/")


# ---- mail that comes back ----------------------------------------------------------------------------------------


class TestReturned:
    def test_letters_are_recorded_one_after_the_other_and_listed(
        self, people: People, browse: Browse, printed: LetterRun
    ):
        client = browse(people.yamamoto)
        with acting(people.yamamoto.actor):
            tokens = list(LetterRow.objects.exclude(token=None).values_list("token", flat=True))
        response = HttpResponse()
        for token in tokens:
            response = client.post("/returned/", {"reason": "転居先不明", "code": token})
            assert response["location"].endswith("reason=%E8%BB%A2%E5%B1%85%E5%85%88%E4%B8%8D%E6%98%8E")
        text = text_of(client.get(response["location"]))
        assert text.count("転居先不明") >= 3 and "案件は「宛所不明」になりました" in text
        with acting(people.yamamoto.actor):
            assert CaseRow.objects.filter(state="returned").count() == 3

    def test_htmx_gets_the_form_alone_ready_for_the_next(
        self, people: People, browse: Browse, printed: LetterRun
    ):
        row = only(people, LetterRow)
        given = {"reason": "宛所不明", "code": row.number}
        response = browse(people.yamamoto).post("/returned/", given, headers={"hx-request": "true"})
        page = response.content.decode()
        assert response.status_code == 200 and "<html" not in page and "autofocus" in page
        assert f"{row.number} の返送" in text_of(response)
        assert f'value="{row.number}"' not in page

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("", "番号がありません"),
            ("0000000000000000", "この支部にはありません"),
            ("東京企第令8-000001号", "東京支部の文書番号です"),
            ("はずれ", "読めません"),
        ],
    )
    def test_what_cannot_be_recorded_is_told_plainly(
        self, people: People, browse: Browse, code: str, said: str
    ):
        response = browse(people.yamamoto).post("/returned/", {"reason": "宛所不明", "code": code})
        assert response.status_code == 422 and said in text_of(response)

    def test_a_letter_twice_is_told(self, people: People, browse: Browse, printed: LetterRun):
        client, given = browse(people.yamamoto), {"reason": "宛所不明", "code": only(people, LetterRow).token}
        client.post("/returned/", given)
        response = client.post("/returned/", given)
        assert response.status_code == 422 and "すでに記録されています" in text_of(response)

    def test_another_reason_must_be_said(self, people: People, browse: Browse, printed: LetterRun):
        client, given = browse(people.yamamoto), {"reason": "その他", "code": only(people, LetterRow).token}
        assert client.post("/returned/", given).status_code == 422
        assert client.post("/returned/", given | {"detail": "破損"}).status_code == 302
        assert only(people, LetterRow).returned_reason == "その他（破損）"

    def test_yamashita_of_another_group_records_nothing(
        self, people: People, browse: Browse, printed: LetterRun
    ):
        response = browse(people.yamashita).post(
            "/returned/", {"reason": "宛所不明", "code": only(people, LetterRow).token}
        )
        assert response.status_code == 422 and only(people, LetterRow).returned_on is None

    def test_azuma_is_told_that_it_is_not_here(self, people: People, browse: Browse, printed: LetterRun):
        row = only(people, LetterRow)
        for code in (row.token, row.number):
            response = browse(people.azuma).post("/returned/", {"reason": "宛所不明", "code": code})
            assert response.status_code == 422
            assert re.search("この支部にはありません|山口支部の文書番号です", text_of(response))


def test_pages_ask_the_database_little_however_many_rows_there_are(
    people: People, browse: Browse, printed: LetterRun
):
    client = browse(people.yamamoto)
    for page in ("/letters/", f"/letters/{printed.pk}/", NEW, "/returned/"):
        with CaptureQueriesContext(
            connection,
        ) as few:
            client.get(page)
        asked = [q for q in few if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
        assert len(asked) <= 12, page
