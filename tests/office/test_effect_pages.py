"""The page of what the cases of a kind led to: who sees it, the same numbers as in files and the terminal, errors in words."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from tests.branches import TwoBranches
from tests.effects import AUGUST, lake_of_effects
from tests.office.test_desk import NARROW, WIDE, Open, chromium, look, violations
from tests.offices import People

from kenpo.base.document import Document, Heading, Paragraph, Table
from kenpo.base.text import strip_spaces
from kenpo.catalogue import MEASURES
from kenpo.cli import output
from kenpo.cli.main import main
from kenpo.intake.documents import read_document
from kenpo.lake import Lake
from kenpo.office import figures
from kenpo.office.exports import DOCUMENT_FORMS
from kenpo.office.models import Account, AuditRow
from kenpo.strategy.generics.effect_page import EFFECT, page

Browse = Callable[[Account], Client]
KIND = "generic_notice"
FIXTURES = (chromium, look)
"""Of the browser, as the pages of the desk use it."""
ONLY_YAMAGUCHI = ("75.0%", "+50.0ポイント", "10,260円", "6,840円")
"""Numbers that stand on the page of 山口支部 alone."""


@pytest.fixture
def lake(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """An office whose lake holds what the notices of 山口支部 and 東京支部 led to."""
    return _office(lake_of_effects(tmp_path_factory), tmp_path, monkeypatch)


def _office(path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=path, home=home / "office"))
    figures._book.cache_clear()
    return Lake.open(path) if path.is_dir() else None  # type: ignore[return-value]


ADDRESS = "/effects/generic_notice/"


def file_at(form: str, month: str = "2024-08") -> str:
    return reverse("effect_file", args=[KIND, month, form])


def text(client: Client, address: str = ADDRESS) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return html.unescape(answer.content.decode())


def pieces(document: Document) -> list[str]:
    """Every heading, sentence and cell of a document, without spaces."""
    found = [b.text for b in document.blocks if isinstance(b, Heading | Paragraph)]
    found += [
        line for b in document.blocks if isinstance(b, Table) for r in b.rows for c in r for line in c.lines
    ]
    return [strip_spaces(one) for one in found]


# ---- who sees it -------------------------------------------------------------------------------------------------


def test_planners_and_the_head_of_the_branch_see_it_and_nobody_else(
    lake: Lake, people: People, browse: Browse
):
    for who in (people.yamamoto, people.yamada, people.yamane, people.yamaguchi):
        assert all(n in text(browse(who)) for n in ONLY_YAMAGUCHI)
    addresses = (ADDRESS, file_at("pdf"), reverse("effect_chart", args=[KIND, "2024-08", 1]))
    for address in addresses:
        for who in (people.yamashita, people.yamazaki):
            assert browse(who).get(address).status_code == 403
        assert Client().get(address).status_code == 302


def test_azuma_of_tokyo_never_sees_that_of_yamaguchi(lake: Lake, people: People, browse: Browse):
    azuma = browse(people.azuma)
    for address in (ADDRESS, ADDRESS + "?month=2024-08", ADDRESS + "?month=2024-08&branch=35"):
        said = text(azuma, address)
        assert "東京支部" in said and "山口支部" not in said
        assert [n for n in ONLY_YAMAGUCHI if n in said] == []
        assert "秘匿" in said
    answer: Any = azuma.get(file_at("html"))
    assert [n for n in ONLY_YAMAGUCHI if n in answer.content.decode()] == []
    assert azuma.get(reverse("effect_chart", args=[KIND, "2024-08", 1])).status_code == 404


def test_head_office_chooses_a_branch_first_and_may_take_the_files_out(
    lake: Lake, people: People, browse: Browse
):
    honda = browse(people.honda)
    assert "支部を選ぶと" in text(honda)
    assert honda.get(file_at("docx")).status_code == 404
    honda.post(reverse("choose_branch"), {"branch": "35"})
    assert all(n in text(honda) for n in ONLY_YAMAGUCHI)
    assert honda.get(file_at("docx")).status_code == 200


def test_what_is_not_there_is_not_found(lake: Lake, people: People, browse: Browse):
    client = browse(people.yamamoto)
    for address in (
        "/effects/no_such_kind/",
        "/effects/customer_voice/",
        ADDRESS + "?month=2024-09",
        ADDRESS + "?month=令和",
        file_at("csv"),
        file_at("docx", "2025-02"),
        file_at("docx", "1e9"),
        reverse("effect_chart", args=[KIND, "2024-08", 2]),
    ):
        assert client.get(address).status_code == 404, address


# ---- the same numbers everywhere ---------------------------------------------------------------------------------


def test_page_terminal_and_files_say_the_same_to_the_digit(
    lake: Lake,
    people: People,
    browse: Browse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    client, wanted = browse(people.yamamoto), pieces(page(lake, "35", AUGUST))
    assert [w for w in ("9人", "+50.0ポイント", "6.0人", "6,840円") if w not in wanted] == []

    shown = strip_spaces(re.sub("<[^>]+>", "", text(client)))
    assert [w for w in wanted if w not in shown] == []

    for form in ("docx", "xlsx", "pdf", "html"):
        answer: Any = client.get(file_at(form))
        assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
        path = tmp_path / f"効果.{form}"
        path.write_bytes(answer.content)
        inside = "".join(pieces(read_document(path)))
        assert [w for w in wanted if w not in inside] == [], form
    assert AuditRow.objects.filter(detail__contains="山口支部_軽減額通知の効果_2024-08").count() == 4

    monkeypatch.setattr(output.console, "_width", 400)
    monkeypatch.setattr(
        sys,
        "argv",
        ["kenpo", "effect", KIND, "--branch", "35", "--month", "2024-08", "--lake", str(lake.root)],
    )
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    printed = strip_spaces(capsys.readouterr().out)
    assert [w for w in wanted if w not in printed] == []


def test_every_form_of_a_document_can_be_taken_out(lake: Lake, people: People, browse: Browse):
    client = browse(people.yamamoto)
    said = text(client)
    for form in DOCUMENT_FORMS:
        assert f'href="{file_at(form)}"' in said
        assert client.get(file_at(form)).status_code == 200
    answer = client.get(reverse("effect_chart", args=[KIND, "2024-08", 1]))
    assert answer["Content-Type"] == "image/svg+xml" and b"75.0%" in answer.content
    assert '/effects/generic_notice/2024-08/chart1.svg"' in said


# ---- the ways to it ----------------------------------------------------------------------------------------------


def test_the_queue_and_the_pages_of_its_measures_lead_to_it(lake: Lake, people: People, browse: Browse):
    client = browse(people.yamamoto)
    assert f'href="{ADDRESS}"' in text(client, reverse("queue", args=[KIND]))
    assert ADDRESS not in text(client, reverse("queue", args=["customer_voice"]))
    for id in EFFECT.measures:
        assert f'href="{ADDRESS}"' in text(client, reverse("figure", args=[id]))
        assert ADDRESS not in text(browse(people.yamashita), reverse("figure", args=[id]))
        assert MEASURES[id].title in text(client)
    assert ADDRESS not in text(client, reverse("figure", args=["members"]))


# ---- nothing to show ---------------------------------------------------------------------------------------------


def test_without_a_snapshot_of_the_cases_it_says_what_to_do(
    both: TwoBranches, people: People, browse: Browse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _office(both.lake_path, tmp_path, monkeypatch)
    said = text(browse(people.yamamoto))
    assert "効果はまだ出せません" in said and "案件データ" in said
    assert browse(people.yamamoto).get(file_at("docx")).status_code == 404


def test_without_a_lake_it_says_what_to_do(
    people: People, browse: Browse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _office(tmp_path / "none", tmp_path, monkeypatch)
    said = text(browse(people.yamamoto))
    assert "効果はまだ出せません" in said and "kenpo load" in said


def test_a_branch_without_notices_is_told_when_there_will_be_something(
    lake: Lake, people: People, browse: Browse
):
    honda = browse(people.honda)
    honda.post(reverse("choose_branch"), {"branch": "01"})
    said = text(honda)
    assert "効果を出せる月は、まだありません" in said and EFFECT.appears in said


def test_the_page_asks_the_database_little(lake: Lake, people: People, browse: Browse):
    client = browse(people.yamamoto)
    client.get(ADDRESS)
    for address in (ADDRESS, file_at("html")):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        assert len(asked) <= 12, address


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_is_read_by_everybody_on_every_screen(lake: Lake, people: People, look: Open, width: int):
    page = look(people.yamamoto, ADDRESS, width)
    page.wait_for_load_state("networkidle")
    assert page.locator("h1").inner_text() == "軽減額通知の効果"
    assert page.evaluate("document.querySelector('article img').naturalWidth") > 0
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
