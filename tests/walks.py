"""People who walk through a served office in real Chromium; import only where tests/office/conftest.py has readied Django.

Everything on the way is watched: what the browser complains of, what it asks for and where, and each page once by axe. With
KENPO_SHOTS set to a folder, each page is also kept as a picture, wide and narrow.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright
from tests.offices import PASSWORD, FreshOffice

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
AXE = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SECRET = "KENPOKENPOKENPOKENPOKENPOKENPO23"
"""The secret of everybody's second factor."""

_REFUSALS = re.compile(r"Failed to load resource: the server responded with a status of 4(03|04|09|22|29) ")
"""What Chromium says of a page that refuses something in words."""

_EMPTY = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
"""The hash of an empty text: axe leaves empty style attributes on a page, and htmx carries them over, which the policy refuses."""

_PICTURES = (
    "Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode().catch(() => 0); }))"
)
"""Waits for the pictures of a page, also for those further down."""


# ---- an office that is served ----------------------------------------------------------------------------------------


@contextmanager
def served(office: FreshOffice, folder: Path) -> Iterator[str]:
    """`kenpo serve` on an office, and its address; it ends in order."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    out = folder / "served"
    with out.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "kenpo.cli.main", "serve", "--port", str(port), "--workers", "1"],
            env=office.environ,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(f"http://127.0.0.1:{port}", process, out)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait(url: str, process: subprocess.Popen[bytes], out: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
                if b'"jobs": "ok"' in answer.read():
                    return
        except OSError:
            pass
        time.sleep(0.2)
    pytest.fail(f"kenpo serve did not come up:\n{out.read_text(encoding='utf-8')}")


def hire(office: FreshOffice, *people: tuple[str, str, str, str]) -> None:
    """Make accounts (職員番号, 氏名, 支部, 役割), each with the password of the tests and the second factor SECRET."""
    office.python(
        "from allauth.mfa.totp.internal.auth import TOTP\n"
        "from kenpo.frame.casekind import Role\n"
        "from kenpo.office.models import Account\n"
        f"for number, name, branch, role in {people!r}:\n"
        f"    one = Account.objects.make(number, name, branch, [Role(role)], {PASSWORD!r})\n"
        f"    TOTP.activate(one, {SECRET!r})\n",
        KENPO_DATABASE_ROLE="owner",
    )


def code(secret: str = SECRET) -> str:
    """The code of a second factor that holds now, for some seconds more."""
    if time.time() % 30 > 27:
        time.sleep(3.5)
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


# ---- browsers ----------------------------------------------------------------------------------------------------------


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, which looks up nothing by itself."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: the walks need Debian's package chromium (.ci/run installs it)")
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
    yield browser
    browser.close()


@dataclass
class Walks:
    """Everybody's browser, and what was noticed on the way."""

    url: str
    browser: Browser
    shots: Path | None = None
    pages: dict[str, Page] = field(default_factory=dict)
    looked_at: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def window(self, who: str) -> Page:
        """A new browser of somebody, in which nobody has signed in."""
        context: BrowserContext = self.browser.new_context(
            base_url=self.url, viewport=WIDE, locale="ja-JP", timezone_id="Asia/Tokyo", accept_downloads=True
        )
        context.set_default_timeout(20_000)
        context.on(
            "request", lambda request: self.asked.add(urlsplit(request.url).netloc or request.url[:20])
        )
        page = context.new_page()
        page.on("console", lambda said: self._heard(who, said))
        page.on("pageerror", lambda error: self.complaints.append(f"{who} {page.url}: {error}"))
        page.on("dialog", lambda dialog: dialog.accept())
        return page

    def _heard(self, who: str, said: ConsoleMessage) -> None:
        if said.type == "error" and not _REFUSALS.match(said.text) and _EMPTY not in said.text:
            self.complaints.append(f"{who} {said.location.get('url')}: {said.text}")

    def of(self, who: str) -> Page:
        """The browser in which somebody works, signed in on first use."""
        if who not in self.pages:
            page = self.window(who)
            page.goto("/account/login/")
            sign_in(page, who)
            self.pages[who] = page
        return self.pages[who]

    def look(self, page: Page, name: str, *, beside: bool = False) -> None:
        """Look at a page as it stands: axe finds nothing, nothing is wider than the screen, nothing stands twice.

        beside: look although a page of this name was looked at before.
        """
        if name in self.looked_at and not beside:
            return
        self.looked_at[name] = urlsplit(page.url).path
        page.wait_for_load_state()
        self._shoot(page, f"{name}_1280")
        found = Axe().run(page, options=AXE).response["violations"]
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        said = "\n".join(f"{v['id']}: {n['html']} {n['any']}" for v in serious for n in v["nodes"])
        assert not said, f"{name}: {said}"
        assert "\n".join(page.locator("h1").all_inner_texts()).strip(), f"{name}: no heading"
        page.set_viewport_size(NARROW)
        room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert room[0] <= room[1], f"{name}: wider than a phone"
        self._shoot(page, f"{name}_390")
        page.set_viewport_size(WIDE)

    def show(self, name: str) -> None:
        """Keep pictures of all browsers as they stand, for who looks at a walk that failed."""
        for who, page in self.pages.items():
            self._shoot(page, f"{name}_{who}")

    def close(self) -> None:
        """Close all browsers."""
        for context in self.browser.contexts:
            context.close()

    def _shoot(self, page: Page, name: str) -> None:
        if self.shots:
            self.shots.mkdir(parents=True, exist_ok=True)
            page.evaluate(_PICTURES)
            page.screenshot(path=self.shots / f"{name}.png", full_page=True)


def sign_in(page: Page, who: str, password: str = PASSWORD) -> None:
    """Sign in on the page that asks for it, by the keyboard alone."""
    page.get_by_label("職員番号").press_sequentially(who)
    page.keyboard.press("Tab")
    page.keyboard.insert_text(password)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="二段階認証").wait_for()
    page.get_by_role("textbox").fill(code())
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=re.compile("今日|全支部")).wait_for()


def unfold(page: Page, begins: str) -> None:
    """Open what is folded away behind words that begin so, unless it is open."""
    folded = (
        page.locator("details")
        .filter(has=page.locator("summary", has_text=re.compile(f"^\\s*{begins}")))
        .last
    )
    if folded.get_attribute("open") is None:
        folded.locator("summary").click()


def shots() -> Path | None:
    """The folder for pictures, when one is asked for."""
    folder = os.environ.get("KENPO_SHOTS")
    return Path(folder) if folder else None
