"""The plan in the office: written, submitted, checked, finished, taken back, downloaded and taken in, each by who may."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from docx import Document as Word
from tests.offices import PASSWORD, People
from tests.plan import plans as made

from kenpo.frame.casekind import Role
from kenpo.office.models import Account, AuditRow, PlanStep
from kenpo.plan.model import Activity, Initiative, Pillar
from kenpo.plan.store import Plans

Browse = Callable[[Account], Client]

H1 = "/plans/35-2023/2023H1/"
DONE = {
    "done": "説明会を3回開いた。\n案内を送った。",
    "mark": "○",
    "next": "下期も続ける。",
    "c0": "順調である。",
}


def _initiatives() -> tuple[Initiative, ...]:
    """One 施策 of 企画総務グループ with a KPI, one of 保健グループ with 取組."""
    generic = made.kpi("generic_volume_share", {"kind": "at_least", "value": "82.0"})
    checkups = made.kpi("lifestyle_checkup_rate", {"kind": "at_least", "value": "59.9"})
    invited = Activity(title="受診の案内", text=("・案内を送る。",), group="保健グループ", budget=100_000)
    return (
        Initiative(
            number="①",
            title="広報の充実",
            text=("広報誌を出す。",),
            owner="企画総務グループ",
            kpis=(generic,),
        ),
        Initiative(
            number="②", title="健診の推進", owner="保健グループ", kpis=(checkups,), activities=(invited,)
        ),
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plans:
    """The plans of 山口支部 and 東京支部, and an office without a lake."""
    monkeypatch.setattr(
        settings,
        "CONFIG",
        replace(settings.CONFIG, plans=tmp_path / "plans", lake=tmp_path / "lake", home=tmp_path / "office"),
    )
    there = Plans(tmp_path / "plans")
    pillar = Pillar(number="1.", title="基盤的保険者機能", initiatives=_initiatives())
    for branch, name in (("35", "山口支部"), ("13", "東京支部")):
        plan = made.plan(branch=branch, title=f"令和5年度{name}事業計画", pillars=(pillar,))
        there.save(plan)
        figure = made.actual("81.5", "2023-08")
        there.save(made.progress(plan, "2023H1", generic_volume_share=figure))
    return there


@pytest.fixture
def yasuda(people: People) -> Account:
    """安田: 保健グループ 担当者 of 山口支部."""
    return Account.objects.make("35-yasuda", "山口支部の安田", "35", [Role.HEALTH_CLERK], PASSWORD)


def _hidden(page: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.content.decode())
    assert found, page.content.decode()[:2000]
    return html.unescape(found[1])


def _text(page: Any) -> str:
    return html.unescape(page.content.decode())


def _write(client: Client, key: str = "1/①", **said: str) -> Any:
    url = f"{H1}told/{key}/"
    page = client.get(url)
    assert page.status_code == 200
    return client.post(url, {"version": _hidden(page, "version"), **DONE, **said})


def _take(client: Client, step: str, **said: str) -> Any:
    url = f"{H1}step/{step}/"
    page = client.get(url)
    seen = {"seen": _hidden(page, "seen")} if 'name="seen"' in page.content.decode() else {}
    return client.post(url, {**seen, **said})


def _frozen(people: People, browse: Browse) -> None:
    for who, step in ((people.yamamoto, "submit"), (people.yamada, "check"), (people.yamane, "freeze")):
        assert _take(browse(who), step).status_code == 302, step


# ---- one report from beginning to end ------------------------------------------------------------------------------


def test_a_report_is_written_submitted_checked_finished_and_downloaded(
    people: People, browse: Browse, folder: Plans
) -> None:
    assert _write(browse(people.yamamoto)).status_code == 302
    told = folder.progress("35-2023", "2023H1").on("1/①")
    assert (
        told is not None
        and told.done == ("説明会を3回開いた。", "案内を送った。")
        and told.next == ("下期も続ける。",)
    )
    _frozen(people, browse)
    finished = folder.progress("35-2023", "2023H1")
    assert finished.frozen and finished.events[-1].by == "山口支部の山根"
    page = browse(people.yamashita).get(H1)
    assert "説明会を3回開いた。" in _text(page) and "81.5％" in _text(page)
    answer = browse(people.yamashita).get(f"{H1}progress.docx")
    word = Word(BytesIO(answer.content))
    cells = [c.text for t in word.tables for r in t.rows for c in r.cells]
    assert any("81.5％" in c for c in cells) and any("説明会を3回開いた。" in c for c in cells)
    assert [s.step for s in PlanStep.objects.order_by("id")] == ["submitted", "checked", "frozen"]


def test_every_step_is_in_the_audit_log(people: People, browse: Browse, folder: Plans) -> None:
    _write(browse(people.yamamoto))
    _frozen(people, browse)
    assert _take(browse(people.yamaguchi), "reopen", why="誤りがあった。").status_code == 302
    rows = AuditRow.objects.filter(branch="35").exclude(what__startswith="signed")
    said = list(rows.order_by("sequence").values_list("what", "actor"))
    assert said == [
        ("progress_entered", "35-yamamoto"),
        ("report_submitted", "35-yamamoto"),
        ("report_checked", "35-yamada"),
        ("report_frozen", "35-yamane"),
        ("report_reopened", "35-yamaguchi"),
    ]
