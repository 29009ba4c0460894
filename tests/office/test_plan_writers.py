"""Two people write on the same report at once, one on the page and one in the terminal: nothing of either is lost."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from tests.offices import People
from tests.plan import plans as made

from kenpo.cli import plan as terminal
from kenpo.office import plans as pages
from kenpo.office.models import Account
from kenpo.plan.store import Plans

Browse = Callable[[Account], Client]

PLAN, PERIOD = "35-2023", "2023H1"
TOLD = f"/plans/{PLAN}/{PERIOD}/told/1/①/"
A_MOMENT = 0.5
"""Seconds in which a writer who need not wait is done several times over."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plans:
    """A plan of 山口支部 and the beginning of its report."""
    there = Plans(tmp_path / "plans")
    config = replace(settings.CONFIG, plans=there.folder, lake=tmp_path / "lake", home=tmp_path / "office")
    monkeypatch.setattr(settings, "CONFIG", config)
    measures = (made.kpi("generic_volume_share"), made.kpi("lifestyle_checkup_rate"))
    plan = made.plan(*measures, branch="35", title="令和5年度山口支部事業計画")
    there.save(plan)
    there.save(made.progress(plan, PERIOD))
    return there


def _enters(folder: Plans, kpi: str, value: str) -> Thread:
    """Somebody who enters a figure in the terminal, and has begun."""
    writer = Thread(
        target=terminal.enter_command,
        args=(PLAN, kpi),
        kwargs={
            "as_of": "2023-08", "by": "山本", "why": "本部の月次資料", "value": value, "period": PERIOD,
            "plans": folder.folder,
        },
    )  # fmt: skip
    writer.start()
    writer.join(A_MOMENT)
    return writer


def _version(client: Client) -> str:
    found = re.search(r'name="version" value="([^"]*)"', client.get(TOLD).content.decode())
    assert found
    return found[1]


def _held(folder: Plans) -> dict[str | None, str]:
    return {k.measure: str(k.actuals[0].value) for k in folder.progress(PLAN, PERIOD).kpis if k.actuals}


def test_two_in_the_terminal_at_once_both_leave_their_figure(
    folder: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = iter([True]), list[Thread]()
    enter = terminal.enter

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        if next(first, False):
            second.append(_enters(folder, "lifestyle_checkup_rate", "59.9"))
        return enter(*args, **kwargs)

    monkeypatch.setattr(terminal, "enter", meanwhile)
    _enters(folder, "generic_volume_share", "81.5").join(10)
    second[0].join(10)
    assert _held(folder) == {"generic_volume_share": "81.5", "lifestyle_checkup_rate": "59.9"}


def test_one_on_the_page_and_one_in_the_terminal_at_once_both_leave_what_they_wrote(
    people: People, browse: Browse, folder: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[Thread] = []
    write = pages.with_told

    def meanwhile(*args: Any) -> Any:
        began.append(_enters(folder, "generic_volume_share", "81.5"))
        assert began[0].is_alive(), "the terminal did not wait for the page"
        return write(*args)

    monkeypatch.setattr(pages, "with_told", meanwhile)
    client = browse(people.yamamoto)
    version = _version(client)
    assert client.post(TOLD, {"version": version, "done": "説明会を3回開いた。"}).status_code == 302
    began[0].join(10)
    told = folder.progress(PLAN, PERIOD).on("1/①")
    assert told and told.done == ("説明会を3回開いた。",)
    assert _held(folder) == {"generic_volume_share": "81.5"}


def test_the_page_waits_while_the_terminal_writes(
    people: People, browse: Browse, folder: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter, write = terminal.enter, pages.with_told
    order: list[str] = []

    def slowly(*args: Any, **kwargs: Any) -> Any:
        time.sleep(3 * A_MOMENT)
        order.append("terminal")
        return enter(*args, **kwargs)

    def told(*args: Any) -> Any:
        order.append("page")
        return write(*args)

    monkeypatch.setattr(terminal, "enter", slowly)
    monkeypatch.setattr(pages, "with_told", told)
    client = browse(people.yamamoto)
    version = _version(client)
    writer = _enters(folder, "generic_volume_share", "81.5")
    assert client.post(TOLD, {"version": version, "next": "下期も続ける。"}).status_code == 302
    writer.join(10)
    assert order == ["terminal", "page"]
    said = folder.progress(PLAN, PERIOD).on("1/①")
    assert said and said.next == ("下期も続ける。",)
    assert _held(folder) == {"generic_volume_share": "81.5"}
