"""The pages by which people look at lists and open cases from them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.branches import TwoBranches
from tests.offices import People
from tests.openings import KIND, MONTH, listing
from tests.openings import people as rows_of_people

from kenpo.catalogue import CASEKINDS, WORKLISTS
from kenpo.office import opening
from kenpo.office.acting import acting
from kenpo.office.models import Account, CaseRow, Opening

Browse = Callable[[Account], Client]

NEW = "/worklists/openings/new/toy_saving/"
TERMS = {"month": MONTH.isoformat(), "capacity": "", "control": "0", "quiet_days": "0"}


@pytest.fixture(autouse=True)
def lake(both: TwoBranches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoBranches:
    """The lake holds 山口 and 東京; a list of twelve people of 山口 and four of 東京 opens cases."""
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=both.lake_path, home=tmp_path))
    monkeypatch.setattr(opening, "secrets", SimpleNamespace(token_hex=lambda length: "3f9a12bc"))
    monkeypatch.setitem(CASEKINDS, KIND.id, KIND)
    some = [*rows_of_people(both.lake, "35", 12), *rows_of_people(both.lake, "13", 4)]
    monkeypatch.setitem(WORKLISTS, "toy_savings", listing(some))
    return both


def _text(response: HttpResponse) -> str:
    """What a page says, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def _prepared(client: Client, who: Account, **terms: str) -> str:
    """Begin by the form and have the job done; the address of the opening."""
    url = client.post(NEW, TERMS | terms)["location"]
    with acting(who.actor):
        pk = Opening.objects.order_by("-pk").values_list("pk", flat=True)[0]
    opening.prepare_opening(pk, who.branch, who.staff_id)
    return url


def _carried_out(client: Client, who: Account, url: str) -> None:
    assert client.post(f"{url}confirm/").status_code == 302
    opening.open_cases(int(url.rstrip("/").split("/")[-1]), who.branch, who.staff_id)


# ---- the lists ---------------------------------------------------------------------------------------------------


def test_yamamoto_sees_every_list_with_what_it_is_for_and_starts_those_of_her_group(
    browse: Browse, people: People
) -> None:
    page = browse(people.yamamoto).get("/worklists/")
    for one in WORKLISTS.values():
        assert one.title in _text(page)
        assert one.definition[:20] in _text(page)
    assert f'href="{NEW}"' in page.content.decode()


def test_yamashita_of_another_group_sees_the_lists_but_neither_starts_nor_reads_those_of_planning(
    browse: Browse, people: People
) -> None:
    client = browse(people.yamashita)
    page = client.get("/worklists/").content.decode()
    assert NEW not in page
    assert 'href="/worklists/toy_savings/"' not in page
    assert client.get("/worklists/toy_savings/").status_code == 403
    assert client.get(NEW).status_code == 403
    assert client.post(NEW, TERMS).status_code == 403


def test_the_rows_of_a_list_are_those_of_the_branch_with_reason_and_line(
    browse: Browse, people: People
) -> None:
    page = _text(browse(people.yamamoto).get("/worklists/toy_savings/"))
    assert "令和7年6月は 12件です" in page
    assert "軽減額がある" in page
    assert "10,000" in page
    assert "12行" in page
    assert "令和7年6月は 4件です" in _text(browse(people.azuma).get("/worklists/toy_savings/"))


def test_a_real_list_shows_its_columns_for_the_month_that_is_chosen(browse: Browse, people: People) -> None:
    client = browse(people.yamamoto)
    page = _text(client.get("/worklists/institution_generic_use/?month=2025-05-01"))
    assert "令和7年5月は" in page
    for heading in WORKLISTS["institution_generic_use"].columns.values():
        assert heading in page


def test_a_list_that_is_none_is_not_found(browse: Browse, people: People) -> None:
    assert browse(people.yamamoto).get("/worklists/nothing/").status_code == 404
    assert browse(people.yamamoto).get("/worklists/openings/new/nothing/").status_code == 404


def test_head_office_chooses_a_branch_to_look_at_its_rows_and_starts_nothing(
    browse: Browse, people: People
) -> None:
    client = browse(people.honda)
    assert "支部を選んでください" in _text(client.get("/worklists/toy_savings/"))
    client.post("/branch/", {"branch": "13"})
    assert "4件です" in _text(client.get("/worklists/toy_savings/"))
    assert NEW not in client.get("/worklists/").content.decode()
    assert client.get(NEW).status_code == 403


def test_without_a_lake_the_pages_say_what_to_do(
    browse: Browse, people: People, lake: TwoBranches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=lake.lake_path / "nowhere"))
    client = browse(people.yamamoto)
    for url in ("/worklists/toy_savings/", NEW):
        page = client.get(url)
        assert page.status_code == 200
        assert "データの置き場（lake）が見つかりません" in _text(page)
        assert "kenpo load" in _text(page)


# ---- an opening from beginning to end ----------------------------------------------------------------------------


def test_yamamoto_prepares_looks_confirms_and_has_her_cases(browse: Browse, people: People) -> None:
    client = browse(people.yamamoto)
    url = _prepared(client, people.yamamoto, capacity="5", control="50")
    plan = _text(client.get(url))
    assert "確認待ち" in plan
    assert "リストの行 12件" in plan
    assert "5件の案件を始めます" in plan
    assert "軽減額 10,000円" in plan or "軽減額 9,999円" in plan
    with acting(people.yamamoto.actor):
        assert not CaseRow.objects.exists()
    _carried_out(client, people.yamamoto, url)
    done = _text(client.get(url))
    assert "終わりました" in done
    assert "案件を始めた 5件" in done
    with acting(people.yamamoto.actor):
        assert CaseRow.objects.count() == 5


def test_the_numbers_of_a_plan_add_up_to_the_list(browse: Browse, people: People) -> None:
    client = browse(people.yamamoto)
    page = client.get(_prepared(client, people.yamamoto, capacity="3", control="50"))
    counted = [
        int(n.replace(",", ""))
        for n in re.findall(r'<td class="number">([0-9,]+)件</td>', page.content.decode())
    ]
    assert sum(counted[:-1]) == counted[-1] == 12


def test_every_outcome_shows_its_rows(browse: Browse, people: People) -> None:
    client = browse(people.yamamoto)
    url = _prepared(client, people.yamamoto, capacity="3")
    over = _text(client.get(f"{url}?show=over"))
    assert "上限を超えた（始めない）：9件" in over
    assert "9,997" in over


def test_long_lists_are_paged_forward_and_back(
    browse: Browse, people: People, lake: TwoBranches, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of_people(lake.lake, "35", 120)
    monkeypatch.setitem(WORKLISTS, "toy_savings", listing(rows))
    client = browse(people.yamamoto)
    url, seen, pages = _prepared(client, people.yamamoto), [], []
    following: str | None = url
    while following:
        page = client.get(following).content.decode()
        pages.append(following)
        seen += re.findall(r"軽減額 [0-9,]+円", page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        following = url + found[1].replace("&amp;", "&").split("#")[0] if found else None
    assert len(seen) == len(set(seen)) == 120
    back = re.search(r'href="([^"]+)" rel="prev"', client.get(pages[-1]).content.decode())
    assert back
    second = client.get(url + back[1].replace("&amp;", "&").split("#")[0]).content.decode()
    assert re.findall(r"軽減額 [0-9,]+円", second) == seen[50:100]


def test_the_progress_is_asked_for_until_the_plan_is_there(browse: Browse, people: People) -> None:
    client = browse(people.yamamoto)
    url = client.post(NEW, TERMS)["location"]
    waiting = client.get(f"{url}progress/", headers={"hx-request": "true"}).content.decode()
    assert 'hx-trigger="every 2s"' in waiting
    assert "この準備を取りやめる" in client.get(url).content.decode()
    with acting(people.yamamoto.actor):
        pk = Opening.objects.get().pk
    opening.prepare_opening(pk, "35", people.yamamoto.staff_id)
    ready = client.get(f"{url}progress/", headers={"hx-request": "true"})
    assert "hx-trigger" not in ready.content.decode()
    assert "準備ができました" in ready.content.decode()
    assert ready["HX-Refresh"] == "true"


def test_while_cases_are_opened_the_page_says_how_many(
    browse: Browse, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_OPENED", 5)
    client = browse(people.yamamoto)
    url = _prepared(client, people.yamamoto)
    client.post(f"{url}confirm/")
    opening.open_some(int(url.split("/")[-2]), people.yamamoto.actor)
    assert "5 / 12件" in _text(client.get(f"{url}progress/"))


def test_a_cancelled_opening_opens_nothing_and_says_so(browse: Browse, people: People) -> None:
    client = browse(people.yamamoto)
    url = _prepared(client, people.yamamoto)
    client.post(f"{url}cancel/")
    assert "案件を始めていません" in _text(client.get(url))
    late = client.post(f"{url}confirm/")
    assert late.status_code == 409
    assert "取りやめています" in _text(late)


def test_a_failed_preparation_says_why_and_is_tried_again(
    browse: Browse, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browse(people.yamamoto)
    with monkeypatch.context() as lost:
        url = client.post(NEW, TERMS)["location"]
        lost.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=settings.CONFIG.lake / "nowhere"))
        opening.prepare_opening(int(url.split("/")[-2]), "35", people.yamamoto.staff_id)
    failed = client.get(url)
    assert "準備できませんでした" in _text(failed)
    assert "データの置き場（lake）が見つかりません" in _text(failed)
    assert f'action="{url}repeat/"' in failed.content.decode()
    client.post(f"{url}repeat/")
    opening.prepare_opening(int(url.split("/")[-2]), "35", people.yamamoto.staff_id)
    assert "確認待ち" in _text(client.get(url))


def test_a_job_that_is_gone_can_be_started_again(browse: Browse, people: People) -> None:
    from procrastinate.contrib.django.models import ProcrastinateJob

    client = browse(people.yamamoto)
    url = client.post(NEW, TERMS)["location"]
    assert client.post(f"{url}repeat/").status_code == 409
    with connection.cursor() as cursor:
        cursor.execute("update procrastinate_jobs set status = 'failed'")
    assert "処理が止まっています" in _text(client.get(url))
    assert client.post(f"{url}repeat/").status_code == 302
    assert ProcrastinateJob.objects.filter(status="todo").count() == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("capacity", "0", "1 以上"),
        ("capacity", "いくつか", "整数"),
        ("control", "51", "50 以下"),
        ("quiet_days", "400", "365 以下"),
        ("month", "1999-01-01", "選択"),
    ],
)
def test_terms_that_cannot_be_are_said_beside_the_field(
    browse: Browse, people: People, field: str, value: str, said: str
) -> None:
    page = browse(people.yamamoto).post(NEW, TERMS | {field: value})
    assert page.status_code == 422
    assert said in _text(page)
    with acting(people.yamamoto.actor):
        assert not Opening.objects.exists()


def test_the_history_says_who_opened_what_when_and_how_many(browse: Browse, people: People) -> None:
    client = browse(people.yamamoto)
    _carried_out(client, people.yamamoto, _prepared(client, people.yamamoto, capacity="5"))
    page = _text(client.get("/worklists/openings/"))
    for said in ("試しの通知", "完了", "山口支部の山本", " 5 ", " 7 "):
        assert said in page


# ---- whose it is -------------------------------------------------------------------------------------------------

PAGES = ("", "progress/")
ACTS = ("confirm/", "cancel/", "repeat/")


def test_azuma_of_tokyo_finds_nothing_of_yamaguchi_even_by_its_number(browse: Browse, people: People) -> None:
    url = _prepared(browse(people.yamamoto), people.yamamoto)
    azuma = browse(people.azuma)
    assert [azuma.get(f"{url}{p}").status_code for p in PAGES] == [404, 404]
    assert [azuma.post(f"{url}{a}").status_code for a in ACTS] == [404, 404, 404]
    assert "山口" not in azuma.get("/worklists/openings/").content.decode()
    assert "記録がありません" in _text(azuma.get("/worklists/openings/"))


def test_yamashita_of_another_group_may_not_look_at_it(browse: Browse, people: People) -> None:
    url = _prepared(browse(people.yamamoto), people.yamamoto)
    client = browse(people.yamashita)
    assert [client.get(f"{url}{p}").status_code for p in PAGES] == [403, 403]
    assert [client.post(f"{url}{a}").status_code for a in ACTS] == [403, 403, 403]
    assert "試しの通知" not in _text(client.get("/worklists/openings/"))


def test_head_office_looks_at_it_and_changes_nothing(browse: Browse, people: People) -> None:
    url = _prepared(browse(people.yamamoto), people.yamamoto)
    client = browse(people.honda)
    assert client.get(url).status_code == 404
    client.post("/branch/", {"branch": "35"})
    page = client.get(url)
    assert "リストの行 12件" in _text(page)
    assert "confirm/" not in page.content.decode()
    assert [client.post(f"{url}{a}").status_code for a in ACTS] == [403, 403, 403]


def test_an_administrator_has_no_lists(browse: Browse, people: People) -> None:
    assert browse(people.yamazaki).get("/worklists/").status_code == 403


@pytest.mark.parametrize("url", ["/worklists/", "/worklists/toy_savings/", NEW, "/worklists/openings/"])
def test_who_has_not_signed_in_goes_to_the_entrance(client: Client, people: People, url: str) -> None:
    assert client.get(url)["location"].startswith("/account/login/")


def test_pages_ask_few_questions_whatever_the_rows(browse: Browse, people: People) -> None:
    client = browse(people.yamamoto)
    url = _prepared(client, people.yamamoto)
    for _ in range(6):
        _prepared(client, people.yamamoto)
    for page in (
        "/worklists/",
        "/worklists/toy_savings/",
        NEW,
        "/worklists/openings/",
        url,
        f"{url}progress/",
    ):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(page)
        said = [q["sql"] for q in asked if "SAVEPOINT" not in q["sql"]]
        assert len(said) <= 12, (page, said)
