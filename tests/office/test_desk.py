"""A queue with a case beside it in real Chromium: by keyboard, for two people at once, and on a narrow screen.

What the browser asks for is answered by Django's test client in this process, with all its headers; static files come
from the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_htmx
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, Playwright, Route, expect
from tests.office_cases import NOTICE, VOICE, now, open_notices, open_voice
from tests.offices import People

from kenpo.frame import cases
from kenpo.office import casework
from kenpo.office.acting import acting
from kenpo.office.models import Account

ADDRESS = "https://office.test"
OFFICE = Path(__file__).parents[2] / "src" / "kenpo" / "office"
STATIC = (OFFICE / "static", Path(django_htmx.__file__).parent / "static")
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
WIDE, NARROW = 1280, 390
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}}

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, which looks up nothing by itself."""
    quiet = ("quic", "background-networking", "component-update", "sync", "gpu")
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
    yield browser
    browser.close()


@pytest.fixture
def look(chromium: Browser, browse: Callable[[Account], Client]) -> Iterator[Open]:
    """Open a page as somebody, in a window of a width; what the browser complains about fails the test."""
    complaints: list[str] = []
    contexts = []
    own = (
        copy_context()
    )  # of the test: its connection to the database, which Playwright's callbacks would not find

    def opened(who: Account, path: str, width: int = WIDE) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 900}, locale="ja-JP")
        contexts.append(context)
        client = browse(who)
        context.route("**/*", lambda route: own.copy().run(_answer, client, route))
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(ADDRESS + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    # A refusal (409, 422) is told on the page; Chromium tells it in the console too.
    assert [c for c in complaints if "the server responded with a status of 4" not in c] == []


def _answer(client: Client, route: Route) -> None:
    asked = route.request
    parts = urlsplit(asked.url)
    if parts.path.startswith("/static/"):
        name = parts.path.removeprefix("/static/")
        file = next(f for root in STATIC if (f := root / name).is_file())
        route.fulfill(body=file.read_bytes(), content_type=TYPES[file.suffix])
        return
    sent = {k: v for k, v in asked.headers.items() if k.startswith("hx-")}
    response: Any = client.generic(
        asked.method,
        parts.path,
        asked.post_data_buffer or b"",
        asked.headers.get("content-type", "application/octet-stream"),
        headers=sent,
        QUERY_STRING=parts.query,
    )
    route.fulfill(status=response.status_code, headers=dict(response.headers), body=response.content)


def queue(kind: str = NOTICE.id, query: str = "") -> str:
    """The address of a queue."""
    return f"{reverse('queue', args=[kind])}{query}"


def chosen(page: Page) -> str | None:
    """The case that stands beside the queue."""
    return page.locator("#desk-case [data-case]").get_attribute("data-case")


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found]


# ---- by keyboard -------------------------------------------------------------------------------------------------


def test_a_clerk_works_case_after_case_without_leaving_the_queue(people: People, look: Open) -> None:
    first, second = open_notices(people.yamamoto, 2)
    with acting(people.yamamoto.actor):
        for case in (first, second):
            casework.act(case.id, cases.decide, expected=None)
    page = look(people.yamamoto, queue(query="?state=listed"))

    page.locator(f"#row-{first.id} a").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#case-title")).to_be_focused()
    assert chosen(page) == first.id
    expect(page.locator(f"#row-{first.id}")).to_have_attribute("aria-current", "true")

    page.get_by_role("button", name="送る人に選ぶ").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#desk-case [data-case='{second.id}']")).to_be_visible()
    expect(page.locator("#case-title")).to_be_focused()
    expect(page.locator(f"#row-{first.id}")).to_contain_text("決裁待ち")
    expect(page.locator(f"#row-{second.id}")).to_have_attribute("aria-current", "true")
    assert page.url == f"{ADDRESS}{queue()}?state=listed&case={second.id}"
    assert now(people.yamamoto, first.id).state == "selected"

    page.get_by_role("button", name="送る人に選ぶ").click()
    expect(page.locator("#desk-case")).to_contain_text("この一覧の案件は、ここまでです。")
    assert now(people.yamamoto, second.id).state == "selected"


def test_leaving_a_case_brings_the_keyboard_back_to_its_row(people: People, look: Open) -> None:
    first, _ = open_notices(people.yamamoto, 2)
    page = look(people.yamamoto, queue())
    page.locator(f"#row-{first.id} a").click()
    expect(page.locator("#case-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#desk-case")).to_be_empty()
    expect(page.locator(f"#row-{first.id} a")).to_be_focused()
    assert page.url == ADDRESS + queue()


def test_a_page_that_is_loaded_again_shows_the_same_case(people: People, look: Open) -> None:
    first, _ = open_notices(people.yamamoto, 2)
    page = look(people.yamamoto, queue(query=f"?case={first.id}"))
    expect(page.locator(f"#desk-case [data-case='{first.id}']")).to_be_visible()


# ---- two people --------------------------------------------------------------------------------------------------


def test_who_comes_second_is_told_at_once_and_loses_nothing(people: People, look: Open) -> None:
    case = open_voice(people.yamamoto)
    page = look(people.yamamoto, queue(VOICE.id))
    page.locator(f"#row-{case.id} a").click()
    page.get_by_text("理由を書いて行う").click()
    page.get_by_label("理由・メモ").fill("本人から電話があった。")
    with acting(people.yamada.actor):
        casework.act(case.id, cases.claim, expected=1)
    page.get_by_role("button", name="申出人に照会する").click()
    told = page.locator("#desk-case [role=alert]").first
    expect(told).to_contain_text("ほかの人がこの案件を変えました")
    expect(page.locator("#desk-case")).to_contain_text("山口支部の山田 さんが担当しています。")
    assert now(people.yamamoto, case.id).state == "received"


def test_after_a_change_by_another_the_text_is_still_there_to_be_sent(people: People, look: Open) -> None:
    case = open_voice(people.yamamoto)
    page = look(people.yamamoto, queue(VOICE.id))
    page.locator(f"#row-{case.id} a").click()
    page.get_by_text("理由を書いて行う").click()
    page.get_by_label("理由・メモ").fill("本人から電話があった。")
    with acting(people.yamada.actor):
        casework.act(case.id, cases.move, "take", expected=1)
    page.get_by_role("button", name="申出人に照会する").click()
    expect(page.locator("#desk-case")).to_contain_text("ほかの人がこの案件を変えました")
    expect(page.get_by_label("理由・メモ")).to_have_value("本人から電話があった。")
    page.get_by_role("button", name="申出人に照会する").click()
    expect(page.locator(f"#row-{case.id}")).to_contain_text("申出人に照会中")
    assert now(people.yamamoto, case.id).state == "asking"


# ---- choosing many, narrow screens, everybody --------------------------------------------------------------------


def test_rows_are_chosen_and_counted(people: People, look: Open) -> None:
    open_notices(people.yamamoto, 4)
    page = look(people.yamamoto, queue())
    button = page.get_by_role("button", name="選んだ案件の確認へ")
    expect(button).to_be_disabled()
    boxes = page.locator("input[data-row]")
    boxes.nth(0).check()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.locator("[data-chosen]")).to_have_text("3")
    expect(button).to_be_enabled()


def test_on_a_narrow_screen_the_case_takes_the_place_of_the_list(people: People, look: Open) -> None:
    first, _ = open_notices(people.yamamoto, 2)
    page = look(people.yamamoto, queue(), NARROW)
    expect(page.get_by_text("番号で探す")).not_to_be_visible()
    page.locator(f"#row-{first.id} a").click()
    expect(page.locator("#case-title")).to_be_visible()
    expect(page.locator(f"#row-{first.id}")).not_to_be_visible()
    page.get_by_role("link", name="閉じる").click()
    expect(page.locator(f"#row-{first.id}")).to_be_visible()


@pytest.mark.parametrize("width", [WIDE, NARROW, 320])
def test_nothing_is_wider_than_the_screen_and_everybody_can_use_it(
    people: People, look: Open, width: int
) -> None:
    case, _ = open_notices(people.yamamoto, 2)
    with acting(people.yamamoto.actor):
        casework.act(case.id, cases.decide, expected=None)
        casework.act(case.id, cases.comment, "山根さんに確かめる。", expected=None)
    pages = {
        "queue": queue(),
        "desk": queue(query=f"?case={case.id}"),
        "case": reverse("case", args=[case.id]),
        "amend": reverse("case_amend", args=[case.id]),
        "new": reverse("case_new", args=[VOICE.id]),
    }
    for name, path in pages.items():
        page = look(people.yamamoto, path, width)
        if name == "desk":
            page.locator("#case-title").wait_for()
        for details in page.locator("main details.more:not([open]) > summary").all():
            if details.is_visible():
                details.click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert violations(page) == [], name
