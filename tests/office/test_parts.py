"""The look of the office: its parts with invented data in real Chromium, and its tags.

The browser gets the pages of parts_page, the static files and the office's content security policy from `serve`; nothing
comes from outside.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import django_htmx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Route

from kenpo.office import settings as office_settings
from kenpo.office.templatetags import office as tags

HERE = Path(__file__).parent
OFFICE = HERE.parents[1] / "src" / "kenpo" / "office"
STATIC = (OFFICE / "static", Path(django_htmx.__file__).parent / "static")
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PAGES = (
    "404",
    "500",
    "case",
    "cases",
    "desk",
    "document",
    "form",
    "head_office",
    "locked_out",
    "login",
    "logout",
    "mfa_activate",
    "mfa_authenticate",
    "mfa_codes",
    "mfa_index",
    "parts",
    "password_change",
    "reauthenticate",
    "signup_closed",
    "today",
)
MANY_PARTS = ("case", "cases", "desk", "form", "head_office", "parts")
"""Pages of which more than the width changes on a phone."""

WIDTHS = (1280, 640, 390, 320)
"""A branch's screen, the same at 200 %, a phone, and what is left of 1280 at 400 % (WCAG 1.4.10)."""

ADDRESS = "http://office.test"
AXE = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}}


def policy() -> str:
    """The office's content security policy as a header."""
    directives = office_settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example pages as files."""
    made = tmp_path_factory.mktemp("parts")
    subprocess.run([sys.executable, HERE / "parts_page.py", made], check=True)
    return made


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, which looks up nothing by itself."""
    quiet = ("quic", "background-networking", "component-update", "sync", "gpu")
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
    yield browser
    browser.close()


@dataclass
class Screen:
    """A page in the browser, with what the browser complained of and what was asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


GONE: dict[str, str] = {}


class Browsing:
    """Opens example pages."""

    def __init__(self, folder: Path, chromium: Browser) -> None:
        self.folder, self.chromium = folder, chromium
        self.contexts: list[BrowserContext] = []

    def __call__(
        self, name: str, width: int = 1280, *, answers: dict[str, str] | None = None, **options: Any
    ) -> Screen:
        """An example page at a width. answers: what is sent for other addresses; GONE: jobs are not found."""
        context = self.chromium.new_context(
            viewport={"width": width, "height": 860}, locale="ja-JP", **options
        )
        self.contexts.append(context)
        shown = Screen(context.new_page())
        shown.page.on(
            "console", lambda said: shown.complaints.append(said.text) if said.type == "error" else None
        )
        shown.page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        context.route("**/*", lambda route: self._serve(route, shown, {} if answers is None else answers))
        shown.page.goto(f"{ADDRESS}/{name}")
        return shown

    def _serve(self, route: Route, shown: Screen, answers: dict[str, str]) -> None:
        path = urlparse(route.request.url).path
        shown.asked.append(path)
        if path in answers:
            route.fulfill(status=200, content_type="text/html; charset=utf-8", body=answers[path])
            return
        if path.startswith("/jobs/"):
            route.fulfill(status=204 if answers is not GONE else 404)
            return
        if path.startswith("/static/"):
            places = [place / path.removeprefix("/static/") for place in (self.folder, *STATIC)]
        else:
            places = [self.folder / f"{path.strip('/')}.html"]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            route.fulfill(status=404, content_type="text/plain", body="none")
            return
        headers = {
            "content-type": TYPES.get(found.suffix, "text/html; charset=utf-8"),
            "content-security-policy": policy(),
        }
        route.fulfill(status=200, headers=headers, body=found.read_bytes())

    def close(self) -> None:
        """Close all that was opened."""
        for context in self.contexts:
            context.close()


@pytest.fixture
def screen(folder: Path, chromium: Browser) -> Iterator[Browsing]:
    """Opens a page anew for a test that does something to it."""
    browsing = Browsing(folder, chromium)
    yield browsing
    browsing.close()


@pytest.fixture(scope="module")
def shown(folder: Path, chromium: Browser) -> Iterator[Callable[[str], Screen]]:
    """The pages as they are, each opened once, for tests that only look."""
    browsing = Browsing(folder, chromium)
    yield cache(browsing)
    browsing.close()


# ---- every page ----------------------------------------------------------------------------------------------------


def test_every_example_page_is_looked_at(folder: Path) -> None:
    assert sorted(page.stem for page in folder.glob("*.html")) == sorted(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_the_policy_is_kept(shown: Callable[[str], Screen], name: str) -> None:
    on = shown(name)
    for width in (390, 1280) if name in MANY_PARTS else (1280,):
        on.page.set_viewport_size({"width": width, "height": 860})
        found = Axe().run(on.page, options=AXE).response["violations"]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == [], width
    assert on.complaints == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out_sideways(shown: Callable[[str], Screen], name: str) -> None:
    page = shown(name).page
    for width in reversed(WIDTHS):
        page.set_viewport_size({"width": width, "height": 860})
        room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert room[0] <= room[1], width


@pytest.mark.parametrize("name", PAGES)
def test_no_id_is_given_twice_and_every_label_and_description_finds_its_field(
    shown: Callable[[str], Screen], name: str
) -> None:
    page = shown(name).page
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    named = page.evaluate(
        "[...document.querySelectorAll('[for], [aria-labelledby], [aria-describedby]')].flatMap("
        "e => ['for', 'aria-labelledby', 'aria-describedby'].flatMap(a => (e.getAttribute(a) || '').split(' ')))"
    )
    assert {n for n in named if n} <= set(ids)


@pytest.mark.parametrize("name", PAGES)
def test_what_is_pressed_is_large_enough(shown: Callable[[str], Screen], name: str) -> None:
    """24 by 24 pixels or more, but for links within text (WCAG 2.5.8); buttons of the page 44 high, small ones 32."""
    page = shown(name).page
    boxes = page.evaluate(
        "[...document.querySelectorAll('button, .button, input:not([type=hidden], .hidden-text), select, summary, .nav a, .pager a')]"
        ".filter(e => e.checkVisibility()).map(e => [e.outerHTML, (e.closest('label') || e).getBoundingClientRect().toJSON(), e.className])"
    )
    for html, box, classes in boxes:
        assert box["height"] >= 24 and box["width"] >= 24, html
        if "button" in classes.split():
            assert box["height"] >= (32 if "small" in classes else 44), html


# ---- the keyboard --------------------------------------------------------------------------------------------------


def test_the_first_stop_of_the_keyboard_leads_to_the_content(screen: Browsing) -> None:
    page = screen("cases").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "本文へ移る"
    assert page.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_the_focus_is_black_and_yellow(screen: Browsing) -> None:
    page = screen("case").page
    page.get_by_role("button", name="印刷").focus()
    page.keyboard.press("Tab")
    look = page.evaluate(
        "(s => [s.outlineColor, s.outlineWidth, s.boxShadow])(getComputedStyle(document.activeElement))"
    )
    assert look[:2] == ["rgb(0, 0, 0)", "3px"]
    assert "rgb(255, 212, 61)" in look[2]


def test_the_menu_stands_at_the_side_of_a_wide_screen_and_opens_on_a_narrow_one(
    screen: Browsing,
) -> None:
    wide = screen("cases").page
    assert wide.get_by_role("navigation", name="メニュー").is_visible()
    assert not wide.get_by_role("button", name="メニュー", exact=True).is_visible()
    narrow = screen("cases", 390).page
    menu = narrow.get_by_role("navigation", name="メニュー")
    assert not menu.is_visible()
    narrow.get_by_role("button", name="メニュー", exact=True).press("Enter")
    assert menu.get_by_role("link", name="自分の案件").is_visible()
    narrow.keyboard.press("Escape")
    assert not menu.is_visible()


def test_the_menu_of_the_person_closes_with_escape_and_keeps_the_focus(screen: Browsing) -> None:
    page = screen("today").page
    page.locator("summary").press("Enter")
    assert page.get_by_role("button", name="ログアウト").is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    assert not page.get_by_role("button", name="ログアウト").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_only_what_scrolls_is_a_stop_of_the_keyboard(screen: Browsing) -> None:
    page = screen("document").page
    assert page.locator(".scroll[tabindex]").count() == 0
    page.set_viewport_size({"width": 320, "height": 860})
    page.locator(".scroll[tabindex]").wait_for(timeout=5_000)


# ---- forms ---------------------------------------------------------------------------------------------------------


def test_the_summary_of_errors_takes_the_focus_and_leads_to_each_field(screen: Browsing) -> None:
    page = screen("form").page
    summary = page.get_by_role("alert").filter(has_text="入力を確かめてください")
    assert summary.evaluate("e => e === document.activeElement")
    links = summary.get_by_role("link")
    assert links.count() == 5
    for link in links.all():
        target = page.locator(link.get_attribute("href") or "")
        link.click()
        assert target.evaluate("e => e.matches('input, select, textarea') && e === document.activeElement")


def test_a_field_is_tied_to_its_hint_and_its_error(screen: Browsing) -> None:
    page = screen("form").page
    field = page.get_by_label("発送日")
    described = [
        page.locator(f"#{i}").inner_text().replace("\n", "")
        for i in (field.get_attribute("aria-describedby") or "").split()
    ]
    assert described == ["投函した日。今日より先の日は入れられません。", "誤り：このフィールドは必須です。"]
    assert field.get_attribute("aria-invalid") == "true"
    group = page.get_by_role("group", name=re.compile("照会先"))
    assert group.get_attribute("aria-describedby") == "id_to_error"


def test_a_window_asks_before_something_is_done_and_can_be_left(screen: Browsing) -> None:
    page = screen("case").page
    window = page.get_by_role("dialog", name="審査者へ差し戻す")
    assert not window.is_visible()
    page.get_by_role("button", name="差し戻す").click()
    assert window.is_visible()
    assert window.get_by_label("理由").evaluate("e => e === document.activeElement")
    assert Axe().run(page, options=AXE).violations_count == 0
    window.get_by_role("button", name="やめる").click()
    assert not window.is_visible()


def test_a_double_click_sends_a_form_once(screen: Browsing) -> None:
    page = screen("parts").page
    page.evaluate(
        "window.sent = 0; document.addEventListener('submit', e => { window.sent += !e.defaultPrevented; e.preventDefault(); })"
    )
    page.get_by_label("理由").fill("架空の理由")
    page.get_by_role("button", name="412件を開く").dblclick()
    assert page.evaluate("window.sent") == 1


# ---- tables --------------------------------------------------------------------------------------------------------


def test_rows_are_chosen_one_by_one_in_a_run_and_all_at_once(screen: Browsing) -> None:
    page = screen("cases").page
    rows, everything = page.locator("input[data-row]"), page.get_by_label("この画面のすべてを選ぶ")
    button, count = page.get_by_role("button", name="担当を割り当てる"), page.locator("[data-chosen]")
    assert button.is_disabled()
    rows.nth(2).press("Space")
    assert (count.inner_text(), button.is_disabled()) == ("1", False)
    rows.nth(5).click(modifiers=["Shift"])
    assert count.inner_text() == "4"
    assert everything.evaluate("e => e.indeterminate")
    everything.press("Space")
    assert count.inner_text() == "20"
    everything.press("Space")
    assert (count.inner_text(), button.is_disabled()) == ("0", True)


def test_headings_say_how_the_list_is_sorted_and_turn_it_round(screen: Browsing) -> None:
    page = screen("cases").page
    due, kind = page.get_by_role("columnheader", name="期限"), page.get_by_role("columnheader", name="種類")
    assert due.get_attribute("aria-sort") == "ascending"
    assert "sort=-due" in (due.get_by_role("link").get_attribute("href") or "")
    assert kind.get_attribute("aria-sort") == "none"
    link = kind.get_by_role("link").get_attribute("href") or ""
    assert "sort=kind" in link and "page=" not in link and "kind=%E9%AB%98" in link


def test_a_wide_table_moves_inside_its_frame_with_all_that_is_for_screen_readers(screen: Browsing) -> None:
    page = screen("cases").page
    page.evaluate("document.querySelector('.scroll table').style.minWidth = '3000px'")
    room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert room[0] <= room[1]


def test_pages_keep_the_conditions(screen: Browsing) -> None:
    pager = screen("cases").page.get_by_role("navigation", name="ページ")
    assert "21〜40件目（全60件）" in pager.inner_text()
    assert (
        pager.get_by_role("link", name="次へ").get_attribute("href")
        == "?kind=%E9%AB%98%E9%A1%8D%E7%99%82%E9%A4%8A%E8%B2%BB&page=3"
    )
    assert pager.locator("[aria-current=page]").inner_text().split() == ["ページ", "2"]


def test_rows_become_cards_on_a_phone_and_stay_a_table_for_screen_readers(
    screen: Browsing,
) -> None:
    page = screen("cases", 390).page
    row = page.get_by_role("row").nth(1)
    assert row.get_by_role("rowheader").count() == 1
    assert row.get_by_role("cell").count() == 6
    lefts = row.get_by_role("cell").evaluate_all(
        "cells => cells.slice(1).map(c => c.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == 1


def test_the_case_stands_beside_its_list_on_a_wide_screen_and_instead_of_it_on_a_narrow_one(
    screen: Browsing,
) -> None:
    page = screen("desk").page
    listed, case = page.locator(".desk-list"), page.get_by_role("region", name="選んだ案件")
    beside = [place.bounding_box() for place in (listed, case)]
    assert beside[0] and beside[1] and beside[0]["x"] + beside[0]["width"] <= beside[1]["x"]
    page.set_viewport_size({"width": 390, "height": 860})
    assert (listed.is_visible(), case.is_visible()) == (False, True)
    case.evaluate("e => e.replaceChildren()")
    assert (listed.is_visible(), case.is_visible()) == (True, False)


# ---- work that goes on ---------------------------------------------------------------------------------------------


def test_a_running_job_is_asked_for_until_it_is_done(screen: Browsing) -> None:
    done = (
        '<section class="progress ok" id="job1"><h2>通知書の作成</h2><p>終わりました</p>'
        '<div hx-swap-oob="innerHTML:#live">通知書の作成：終わりました</div></section>'
    )
    shown = screen("parts", answers={"/jobs/1": done, "/jobs/2": "<p></p>"})
    shown.page.locator("#job1").get_by_text("終わりました").wait_for(timeout=10_000)
    assert shown.page.locator("#live").inner_text() == "通知書の作成：終わりました"
    shown.page.wait_for_timeout(2500)
    assert shown.asked.count("/jobs/1") == 1
    assert shown.complaints == []


def test_what_goes_wrong_on_the_way_is_said(screen: Browsing) -> None:
    page = screen("parts", answers=GONE).page
    page.locator("#messages").get_by_role("alert").wait_for(timeout=10_000)
    assert "対象が見つかりませんでした" in page.locator("#messages").inner_text()


def test_nothing_moves_for_those_who_want_it_still(screen: Browsing) -> None:
    moves = "[...document.querySelectorAll('.icon')].filter(e => getComputedStyle(e).animationName !== 'none').length"
    assert screen("parts").page.evaluate(moves) == 1
    assert screen("parts", reduced_motion="reduce").page.evaluate(moves) == 0


# ---- paper ---------------------------------------------------------------------------------------------------------


def test_paper_has_the_content_and_neither_menus_nor_buttons(screen: Browsing) -> None:
    page = screen("cases").page
    page.emulate_media(media="print")
    for name in ("メニュー", "ページ"):
        assert not page.get_by_role("navigation", name=name).get_by_role("list").first.is_visible()
    assert page.locator("button:visible, .button:visible, input:visible").count() == 0
    assert page.locator("thead").evaluate("e => getComputedStyle(e).display") == "table-header-group"
    assert page.get_by_role("heading", name="案件").is_visible()
    assert page.get_by_text("データ締切").is_visible()


def test_text_on_paper_is_dark_on_white(screen: Browsing) -> None:
    page = screen("case").page
    page.emulate_media(media="print")
    found = Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    assert found == []


# ---- the sheet, the sprite and the document keep together ----------------------------------------------------------

TEMPLATES = sorted((OFFICE / "templates").rglob("*.html"))
SHEET = (OFFICE / "static" / "office" / "kenpo.css").read_text(encoding="utf-8")
GUIDE = (HERE.parents[1] / "docs" / "design-system.md").read_text(encoding="utf-8")
ICONS = set(
    re.findall(r'<symbol id="([^"]+)"', (OFFICE / "static/office/icons.svg").read_text(encoding="utf-8"))
)


def text(template: Path) -> str:
    """What a template says."""
    return template.read_text(encoding="utf-8")


def test_every_class_of_a_template_stands_in_the_sheet() -> None:
    known = set(re.findall(r"\.([a-zA-Z][\w-]*)", SHEET))
    unknown = {}
    for template in TEMPLATES:
        found = re.findall(r'class="((?:[^"{]|\{\{.*?\}\}|\{%.*?%\})*)"', text(template))
        plain = " ".join(re.sub(r"\S*\{\{.*?\}\}\S*|\{%.*?%\}", " ", classes) for classes in found)
        if missing := set(plain.split()) - known:
            unknown[template.name] = missing
    assert unknown == {}


def test_no_template_holds_a_style_a_script_or_an_event() -> None:
    forbidden = re.compile(
        r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|accesskey|https?://", re.I
    )
    assert [t.name for t in TEMPLATES if forbidden.search(text(t))] == []


def test_every_icon_is_drawn_and_named_in_the_guide() -> None:
    used = {name for t in TEMPLATES for name in re.findall(r'\{% icon "([^"]+)"', text(t))}
    assert used <= ICONS
    listed = re.search(r"Icons: (.*?)\.\n", GUIDE, re.S)
    assert listed is not None
    assert set(listed[1].replace("·", " ").split()) == ICONS - {"mark"}


def test_every_part_and_tag_stands_in_the_guide() -> None:
    parts = [p.name for p in (OFFICE / "templates/office/parts").glob("*.html")]
    assert [p for p in parts if f"`{p}`" not in GUIDE] == []


# ---- tags ----------------------------------------------------------------------------------------------------------

MIDWEEK = date(2025, 6, 11)


@pytest.mark.parametrize(
    ("due", "said", "kind"),
    [
        (date(2025, 6, 9), "2営業日超過", "late"),
        (date(2025, 6, 10), "1営業日超過", "late"),
        (MIDWEEK, "本日まで", "warn"),
        (date(2025, 6, 12), "あと1営業日", "warn"),
        (date(2025, 6, 16), "あと3営業日", "warn"),
        (date(2025, 6, 17), "あと4営業日", "neutral"),
        (None, "", "neutral"),
    ],
)
def test_a_deadline_is_told_in_business_days(due: date | None, said: str, kind: str) -> None:
    assert (tags.remaining(due, MIDWEEK), tags.due_kind(due, MIDWEEK)) == (said, kind)


def test_weekends_count_neither_before_nor_after_a_deadline() -> None:
    friday, saturday, sunday = date(2025, 6, 13), date(2025, 6, 14), date(2025, 6, 15)
    assert tags.remaining(sunday, saturday) == "本日まで"
    assert tags.remaining(sunday, friday) == "本日まで"
    assert tags.remaining(friday, saturday) == "期限超過"


def test_days_months_and_amounts_as_they_are_printed() -> None:
    assert tags.wareki(date(2019, 5, 1)) == "令和元年5月1日"
    assert tags.wareki(date(2025, 4, 1), "short") == "R7.4.1"
    assert tags.wareki_month(date(2025, 4, 1)) == "令和7年4月"
    assert tags.yen(1_234_567) == "1,234,567円"
    assert tags.yen(0) == "0円"
    assert tags.number(12_345) == "12,345"
    assert {f(None) for f in (tags.wareki, tags.wareki_month, tags.wareki_time, tags.yen, tags.number)} == {
        "－"
    }
