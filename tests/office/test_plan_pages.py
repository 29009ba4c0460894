"""The plan in the office: written, submitted, checked, finished, taken back, downloaded and taken in, each by who may."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from docx import Document as Word
from tests.branches import TwoBranches
from tests.offices import PASSWORD, People
from tests.plan import plans as made
from tests.plan.whole import PLAN, PROGRESS, kept
from typer.testing import CliRunner

from kenpo.base.document import Document
from kenpo.catalogue import MEASURES
from kenpo.cli.plan import app
from kenpo.frame.casekind import Role
from kenpo.intake.documents import plain
from kenpo.office.models import Account, AuditRow, PlanStep
from kenpo.plan.board import board
from kenpo.plan.filling import fill
from kenpo.plan.model import Activity, Initiative, Pillar, Progress
from kenpo.plan.reading import read_plan
from kenpo.plan.report import progress_report
from kenpo.plan.store import Plans
from kenpo.plan.targets import number_text
from kenpo.press.writing import render

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
    generic = made.kpi(
        "generic_volume_share",
        {"kind": "at_least", "value": "82.0"},
        text="ジェネリック医薬品使用割合を82.0％以上とする",
    )
    checkups = made.kpi(
        "lifestyle_checkup_rate",
        {"kind": "at_least", "value": "59.9"},
        text="生活習慣病予防健診実施率を59.9％以上とする",
    )
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


# ---- who may -------------------------------------------------------------------------------------------------------

PAGES = (
    "/plans/35-2023/",
    H1,
    f"{H1}told/1/①/",
    f"{H1}figure/generic_volume_share/",
    f"{H1}step/submit/",
    f"{H1}step/reopen/",
    f"{H1}progress.html",
    f"{H1}summary.html",
    "/plans/35-2023/document.html",
    "/plans/35-2023/target/generic_volume_share/",
    "/plans/35-2023/initiative/1/①/",
)


@pytest.mark.parametrize("url", PAGES)
def test_azuma_of_tokyo_finds_nothing_of_yamaguchi(
    url: str, people: People, browse: Browse, folder: Plans
) -> None:
    for who in (people.azuma, people.kanda):
        assert browse(who).get(url).status_code == 404
        assert browse(who).post(url, {"version": "x", "seen": "x", "why": "x"}).status_code == 404
    assert folder.progress("35-2023", "2023H1").on("1/①") is None


def test_the_list_shows_only_the_plans_of_the_own_branch(
    people: People, browse: Browse, folder: Plans
) -> None:
    listed = _text(browse(people.azuma).get("/plans/"))
    assert "令和5年度東京支部事業計画" in listed and "山口支部" not in listed


@pytest.mark.parametrize("url", ["/plans/", "/plans/import/", *PAGES])
def test_the_administrator_sees_no_plan(url: str, people: People, browse: Browse, folder: Plans) -> None:
    assert browse(people.yamazaki).get(url).status_code == 403


@pytest.mark.parametrize("url", ["/plans/", *PAGES])
def test_who_has_not_signed_in_goes_to_the_entrance(url: str, db: None, folder: Plans) -> None:
    assert Client().get(url)["Location"].startswith("/account/login/")


def test_head_office_reads_the_branch_it_has_chosen_and_changes_nothing(
    people: People, browse: Browse, folder: Plans
) -> None:
    client = browse(people.honda)
    assert client.get(H1).status_code == 404
    session = client.session
    session["branch"] = "35"
    session.save()
    for url in ("/plans/", "/plans/35-2023/", H1, f"{H1}progress.html"):
        assert client.get(url).status_code == 200
    before = folder.path("35-2023", "2023H1").read_bytes()
    for url in ("told/1/①/", "figure/generic_volume_share/", "step/submit/", "step/freeze/", "fill/"):
        assert client.post(H1 + url, {"version": "x", "seen": "x"}).status_code == 403
    assert client.post("/plans/35-2023/target/generic_volume_share/", {}).status_code == 403
    assert client.post("/plans/import/", {}).status_code == 403
    assert folder.path("35-2023", "2023H1").read_bytes() == before


def test_head_office_keeps_its_own_plan(people: People, browse: Browse, folder: Plans) -> None:
    pillar = Pillar(number="1.", title="基盤的保険者機能", initiatives=_initiatives())
    folder.save(made.plan(branch="00", title="令和5年度事業計画", pillars=(pillar,)))
    client = browse(people.honda)
    page = client.get("/plans/00-2023/2023H1/told/1/①/")
    done = {"version": _hidden(page, "version"), **DONE}
    assert client.post("/plans/00-2023/2023H1/told/1/①/", done).status_code == 302
    assert folder.progress("00-2023", "2023H1").on("1/①") is not None


def test_another_group_enters_the_progress_of_what_it_is_in_charge_of_and_reads_the_rest(
    people: People, yasuda: Account, browse: Browse, folder: Plans
) -> None:
    client = browse(yasuda)
    page = _text(client.get(H1))
    assert "told/1/%E2%91%A1/" in page and "told/1/%E2%91%A0/" not in page
    assert (
        _write(client, "1/②", a1_done="3,000人に送った。", a1_mark="○", a1_spent="80,000").status_code == 302
    )
    told = folder.progress("35-2023", "2023H1").on("1/②")
    assert told is not None and told.activities[0].spent == 80_000
    assert client.get(f"{H1}told/1/①/").status_code == 403
    assert client.post(f"{H1}told/1/①/", {"version": "x", **DONE}).status_code == 403
    assert client.get("/plans/35-2023/initiative/1/②/").status_code == 403
    assert client.post(f"{H1}step/submit/", {"seen": "x"}).status_code == 403


def test_a_group_in_charge_of_nothing_only_reads(people: People, browse: Browse, folder: Plans) -> None:
    client = browse(people.yamashita)
    assert "進捗を書く" not in _text(client.get(H1))
    assert client.get(f"{H1}told/1/②/").status_code == 403


def test_the_head_of_the_branch_reads_and_finishes_and_writes_nothing(
    people: People, browse: Browse, folder: Plans
) -> None:
    client = browse(people.yamaguchi)
    assert client.get(f"{H1}told/1/①/").status_code == 403
    _take(browse(people.yamamoto), "submit")
    _take(browse(people.yamada), "check")
    assert _take(client, "freeze").status_code == 302
    assert folder.progress("35-2023", "2023H1").events[-1].by == "山口支部の山口支部長"


# ---- two people at once --------------------------------------------------------------------------------------------


def test_a_stale_edit_is_refused_with_both_texts_and_nothing_is_lost(
    people: People, browse: Browse, folder: Plans
) -> None:
    first, second = browse(people.yamamoto), browse(people.yamada)
    url = f"{H1}told/1/①/"
    seen = _hidden(first.get(url), "version")
    assert _write(second, done="山田が書いた。").status_code == 302
    page = first.post(url, {"version": seen, **DONE, "done": "山本が書いた。"})
    assert page.status_code == 409
    assert "山田が書いた。" in _text(page) and "山本が書いた。" in _text(page)
    told = folder.progress("35-2023", "2023H1").on("1/①")
    assert told is not None and told.done == ("山田が書いた。",)
    again = {"version": _hidden(page, "version"), **DONE, "done": "山田が書いた。\n山本が書いた。"}
    assert first.post(url, again).status_code == 302
    told = folder.progress("35-2023", "2023H1").on("1/①")
    assert told is not None and told.done == ("山田が書いた。", "山本が書いた。")


def test_who_writes_of_another_initiative_meanwhile_is_not_in_the_way(
    people: People, yasuda: Account, browse: Browse, folder: Plans
) -> None:
    first = browse(people.yamamoto)
    seen = _hidden(first.get(f"{H1}told/1/①/"), "version")
    assert _write(browse(yasuda), "1/②").status_code == 302
    assert first.post(f"{H1}told/1/①/", {"version": seen, **DONE}).status_code == 302
    held = folder.progress("35-2023", "2023H1")
    assert held.on("1/①") is not None and held.on("1/②") is not None


def test_a_change_made_by_the_terminal_meanwhile_is_seen(
    people: People, browse: Browse, folder: Plans
) -> None:
    client = browse(people.yamamoto)
    url = "/plans/35-2023/initiative/1/①/"
    page = client.get(url)
    plan = folder.plan("35-2023")
    text = folder.path("35-2023").read_text().replace("広報誌を出す。", "広報誌を毎月出す。")
    folder.path("35-2023").write_text(text)
    sent = {
        "version": _hidden(page, "version"),
        "owner": "企画総務グループ",
        "text": "動画を作る。",
        "why": "見直し",
    }
    answer = client.post(url, sent)
    assert (
        answer.status_code == 409
        and "広報誌を毎月出す。" in _text(answer)
        and "動画を作る。" in _text(answer)
    )
    assert folder.plan("35-2023").revisions == plan.revisions


# ---- steps ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def yasui(people: People) -> Account:
    """安井, who holds all three levels of 企画総務グループ."""
    roles = [Role.PLANNING_CLERK, Role.PLANNING_CHECKER, Role.PLANNING_APPROVER]
    return Account.objects.make("35-yasui", "山口支部の安井", "35", roles, PASSWORD)


def test_who_submitted_neither_checks_nor_finishes_and_who_checked_does_not_finish(
    people: People, yasui: Account, browse: Browse, folder: Plans
) -> None:
    everything = browse(yasui)
    assert _take(everything, "submit").status_code == 302
    refused = _take(everything, "check")
    assert refused.status_code == 422 and "提出した人は、確認できません。" in _text(refused)
    assert _take(browse(people.yamada), "check").status_code == 302
    refused = _take(everything, "freeze")
    assert refused.status_code == 422 and "確定できません" in _text(refused)
    assert not folder.progress("35-2023", "2023H1").frozen
    assert _take(browse(people.yamane), "freeze").status_code == 302


def test_who_checked_does_not_finish(people: People, yasui: Account, browse: Browse, folder: Plans) -> None:
    _take(browse(people.yamamoto), "submit")
    assert _take(browse(yasui), "check").status_code == 302
    assert _take(browse(yasui), "freeze").status_code == 422
    assert not folder.progress("35-2023", "2023H1").frozen


def test_a_report_that_is_not_checked_is_not_finished(people: People, browse: Browse, folder: Plans) -> None:
    assert _take(browse(people.yamane), "freeze").status_code == 422
    _take(browse(people.yamamoto), "submit")
    assert _take(browse(people.yamane), "freeze").status_code == 422
    assert _take(browse(people.yamamoto), "check").status_code == 403


def test_a_finished_report_is_not_changed(people: People, browse: Browse, folder: Plans) -> None:
    client = browse(people.yamamoto)
    version = _hidden(client.get(f"{H1}told/1/①/"), "version")
    figures = _hidden(client.get(f"{H1}figure/generic_volume_share/"), "version")
    _frozen(people, browse)
    before = folder.path("35-2023", "2023H1").read_bytes()
    refused = client.post(f"{H1}told/1/①/", {"version": version, **DONE})
    assert refused.status_code == 422 and "説明会を3回開いた。" in _text(refused)
    figure = {"version": figures, "state": "value", "value": "82.1", "as_of": "2023-09", "why": "資料"}
    assert client.post(f"{H1}figure/generic_volume_share/", figure).status_code == 422
    client.post(f"{H1}fill/")
    assert folder.path("35-2023", "2023H1").read_bytes() == before
    assert "進捗を書く" not in _text(client.get(H1))


def test_a_submitted_report_is_written_on_only_after_it_was_sent_back_with_a_reason(
    people: People, browse: Browse, folder: Plans
) -> None:
    client = browse(people.yamamoto)
    version = _hidden(client.get(f"{H1}told/1/①/"), "version")
    _take(client, "submit")
    assert client.post(f"{H1}told/1/①/", {"version": version, **DONE}).status_code == 422
    assert _take(browse(people.yamada), "return", why=" ").status_code == 422
    assert _take(browse(people.yamada), "return", why="数値を確かめてください。").status_code == 302
    assert "数値を確かめてください。" in _text(client.get(H1))
    assert _write(client).status_code == 302


def test_submitting_holds_only_for_what_was_submitted(people: People, browse: Browse, folder: Plans) -> None:
    _take(browse(people.yamamoto), "submit")
    text = folder.path("35-2023").read_text().replace("広報誌を出す。", "広報誌を毎月出す。")
    folder.path("35-2023").write_text(text)
    assert "提出の後に、計画か報告の内容が変わりました。" in _text(browse(people.yamada).get(H1))
    assert _take(browse(people.yamada), "check").status_code == 422


def test_what_changed_since_the_page_was_opened_is_not_finished(
    people: People, browse: Browse, folder: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    _take(browse(people.yamamoto), "submit")
    _take(browse(people.yamada), "check")
    refused = browse(people.yamane).post(f"{H1}step/freeze/", {"seen": "0" * 32})
    assert refused.status_code == 409 and not folder.progress("35-2023", "2023H1").frozen


def test_a_finished_report_that_was_changed_outside_says_so_and_is_taken_back_with_a_reason(
    people: People, browse: Browse, folder: Plans
) -> None:
    _frozen(people, browse)
    path = folder.path("35-2023", "2023H1")
    path.write_text(path.read_text().replace("81.5", "91.5"))
    page = browse(people.yamaguchi).get(H1)
    assert "確定した後に書き換えられています" in _text(page)
    assert _take(browse(people.yamamoto), "reopen", why="x").status_code == 403
    assert _take(browse(people.yamaguchi), "reopen", why="書き換えられていた。").status_code == 302
    assert folder.progress("35-2023", "2023H1").events[-1].broken


# ---- the plan ------------------------------------------------------------------------------------------------------

TARGET = "/plans/35-2023/target/generic_volume_share/"


def test_a_target_is_read_first_and_then_revised_with_the_reason(
    people: People, browse: Browse, folder: Plans
) -> None:
    client = browse(people.yamamoto)
    said = {"version": _hidden(client.get(TARGET), "version"), "target": "83.0％以上", "why": "見直し"}
    read = client.post(TARGET, said)
    assert read.status_code == 200 and "次の目標として読み取りました。" in _text(read)
    assert folder.plan("35-2023").kpi("generic_volume_share").history == ()  # type: ignore[union-attr]
    assert client.post(TARGET, {**said, "confirm": "1"}).status_code == 302
    kpi = folder.plan("35-2023").kpi("generic_volume_share")
    assert kpi is not None and str(kpi.target.value) == "83.0"  # type: ignore[union-attr]
    assert kpi.history[0].why == "見直し" and kpi.history[0].by == "山口支部の山本"
    assert "82.0％以上" in _text(client.get(TARGET))


def test_words_that_are_no_target_are_not_saved(people: People, browse: Browse, folder: Plans) -> None:
    client = browse(people.yamamoto)
    before = folder.path("35-2023").read_bytes()
    said = {"version": _hidden(client.get(TARGET), "version"), "target": "がんばる", "why": "見直し"}
    for more in ({}, {"confirm": "1"}):
        answer = client.post(TARGET, {**said, **more})
        assert answer.status_code == 422 and "目標として読め" in _text(answer)
    assert folder.path("35-2023").read_bytes() == before


def test_a_target_that_somebody_else_revised_meanwhile_is_refused(
    people: People, browse: Browse, folder: Plans
) -> None:
    first, second = browse(people.yamamoto), browse(people.yamada)
    said = {"version": _hidden(first.get(TARGET), "version"), "why": "見直し", "confirm": "1"}
    assert second.post(TARGET, {**said, "target": "84.0％以上"}).status_code == 302
    answer = first.post(TARGET, {**said, "target": "83.0％以上"})
    assert answer.status_code == 409 and "84.0％以上" in _text(answer) and "83.0％以上" in _text(answer)


def test_texts_and_owners_are_changed_with_a_reason_and_an_activity_is_added(
    people: People, browse: Browse, folder: Plans
) -> None:
    client = browse(people.yamamoto)
    url = "/plans/35-2023/initiative/1/②/"
    page = client.get(url)
    said = {
        "version": _hidden(page, "version"), "owner": "保健グループ、企画総務グループ", "text": "受診を勧める。",
        "a1_title": "受診の案内", "a1_text": "・案内を送る。", "a1_group": "保健グループ", "a1_budget": "１２０,０００",
        "a2_title": "会場を増やす", "why": "担当が替わった。",
    }  # fmt: skip
    assert client.post(url, {**said, "why": ""}).status_code == 422
    assert client.post(url, {**said, "a1_title": "", "a1_text": ""}).status_code == 422
    assert client.post(url, said).status_code == 302
    plan = folder.plan("35-2023")
    own = plan.pillars[0].initiatives[1]
    assert own.owner == "保健グループ、企画総務グループ" and own.activities[0].budget == 120_000
    assert [a.title for a in own.activities] == ["受診の案内", "会場を増やす"]
    assert plan.revisions[-1].why == "担当が替わった。" and plan.revisions[-1].by == "山口支部の山本"


# ---- figures -------------------------------------------------------------------------------------------------------


def test_a_figure_by_hand_names_who_when_and_why(people: People, browse: Browse, folder: Plans) -> None:
    client = browse(people.yamamoto)
    url = f"{H1}figure/generic_volume_share/"
    said = {
        "version": _hidden(client.get(url), "version"),
        "state": "value",
        "value": "82.1",
        "why": "本部の資料",
    }
    assert client.post(url, {**said, "value": "820", "as_of": "令和5年9月"}).status_code == 422
    assert client.post(url, {**said, "as_of": "秋"}).status_code == 422
    assert client.post(url, {**said, "as_of": "令和5年9月", "why": ""}).status_code == 422
    assert client.post(url, {**said, "as_of": "令和5年9月"}).status_code == 302
    held = folder.progress("35-2023", "2023H1").of("generic_volume_share")
    assert held is not None and [str(a.value) for a in held.actuals] == ["81.5", "82.1"]
    entered = held.actuals[1]
    assert (entered.as_of, entered.by, entered.why) == ("2023-09", "山口支部の山本", "本部の資料")
    page = _text(client.get(H1))
    assert "82.1％" in page and "手入力（山口支部の山本、本部の資料）" in page


def test_the_figures_of_the_lake_are_shown_with_where_they_come_from_and_filled_in(
    people: People, browse: Browse, folder: Plans, both: TwoBranches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=both.lake_path))
    pillar = Pillar(number="1.", title="基盤的保険者機能", initiatives=_initiatives())
    plan = made.plan(branch="35", year=2025, title="令和7年度山口支部事業計画", pillars=(pillar,))
    folder.save(plan)
    client = browse(people.yamamoto)
    assert client.post("/plans/35-2025/begin/", {"period": "2025Q1"}).status_code == 302
    expected = fill(both.lake, MEASURES, plan, Progress(plan="35-2025", period="2025Q1")).progress
    held = folder.progress("35-2025", "2025Q1")
    assert held == expected
    figure = held.of("generic_volume_share")
    assert figure is not None and figure.actuals[0].source == "computed"
    page = _text(client.get("/plans/35-2025/2025Q1/"))
    assert number_text(figure.actuals[0].value, "%") in page and "自動計算" in page  # type: ignore[arg-type]


# ---- documents out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["docx", "xlsx", "html"])
def test_a_downloaded_document_has_the_bytes_of_the_terminals(
    form: str, people: People, browse: Browse, folder: Plans, tmp_path: Path
) -> None:
    _write(browse(people.yamamoto))
    out = tmp_path / "out"
    told = CliRunner().invoke(
        app,
        ["report", "35-2023", "--period", "2023H1", "--format", form, "--plans", str(folder.folder),
         "--lake", str(tmp_path / "none"), "--out", str(out)],
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    for url, ending in ((f"{H1}progress", "2023H1_進捗報告"), (f"{H1}summary", "2023H1_評議会資料"),
                        ("/plans/35-2023/document", "2023年度_事業計画")):  # fmt: skip
        answer = browse(people.yamashita).get(f"{url}.{form}")
        assert answer.content == next(out.glob(f"*{ending}.{form}")).read_bytes()


def test_an_unknown_document_is_not_there(people: People, browse: Browse, folder: Plans) -> None:
    client = browse(people.yamamoto)
    for url in (
        f"{H1}progress.exe",
        f"{H1}other.docx",
        f"{H1}plan.docx",
        "/plans/35-2023/2024H1/",
        "/plans/..%2f/",
    ):
        assert client.get(url).status_code == 404


# ---- documents in --------------------------------------------------------------------------------------------------


def _read(client: Client, name: str, content: bytes, **more: str) -> Any:
    return client.post("/plans/import/", {"file": SimpleUploadedFile(name, content), **more})


def _carried(page: Any) -> dict[str, str]:
    return {"taken": _hidden(page, "taken"), "version": _hidden(page, "version")}


@pytest.mark.parametrize("form", ["docx", "xlsx"])
def test_a_downloaded_report_comes_back_as_the_same_plan_with_nothing_in_doubt(
    form: str, people: People, browse: Browse, folder: Plans
) -> None:
    client = browse(people.yamamoto)
    _write(client)
    _write(client, "1/②", a1_done="3,000人に送った。", a1_mark="○", a1_spent="80000")
    plan, progress = folder.plan("35-2023"), folder.progress("35-2023", "2023H1")
    content = client.get(f"{H1}progress.{form}").content
    for path in (folder.path("35-2023"), folder.path("35-2023", "2023H1")):
        path.unlink()
    page = _read(client, f"進捗.{form}", content)
    assert page.status_code == 200
    assert "自信のない箇所はありません。" in _text(page), re.search(
        "要確認.*?</section>", _text(page), re.DOTALL
    )
    assert client.post("/plans/import/", _carried(page)).status_code == 302
    assert kept(folder.plan("35-2023")) == kept(plan)
    assert kept(folder.progress("35-2023", "2023H1")) == kept(progress)


@pytest.mark.parametrize("form", ["docx", "xlsx"])
def test_a_document_that_uses_every_field_comes_back_as_the_same_plan(
    form: str, people: People, browse: Browse, folder: Plans
) -> None:
    written = Plans(folder.folder.parent / "other")
    written.save(PLAN)
    written.save(PROGRESS)
    rows = board(PLAN, PROGRESS, plans=written, today=date(2024, 10, 20)).rows
    content = render(progress_report(PLAN, PROGRESS, rows), form)
    client = browse(people.yamamoto)
    page = _read(client, f"進捗.{form}", content)
    assert page.status_code == 200
    assert not folder.path(PLAN.id).exists()
    assert client.post("/plans/import/", _carried(page)).status_code == 302
    assert kept(folder.plan(PLAN.id)) == kept(PLAN)
    assert kept(folder.progress(PLAN.id, PROGRESS.period)) == kept(PROGRESS)
    assert not list(folder.folder.glob(".import*"))


LOOSE = """令和6年度山口支部事業計画
1. 基盤的保険者機能関係
① サービス水準の向上
・申請から支給までの日数を守る。
■ KPI：現金給付等の申請に係る郵送化率を相当程度高める
"""


def test_what_is_in_doubt_is_shown_passage_by_passage_before_anything_is_kept(
    people: People, browse: Browse, folder: Plans
) -> None:
    client = browse(people.yamamoto)
    page = _read(client, "計画.txt", LOOSE.encode())
    doubts = read_plan(Document(LOOSE.splitlines()[0], tuple(plain.read(LOOSE)))).review
    assert doubts and page.status_code == 200
    for one in doubts:
        assert one.what in _text(page) and one.passage in _text(page)
    assert not folder.path("35-2024").exists()
    assert client.post("/plans/import/", _carried(page)).status_code == 302
    assert folder.plan("35-2024").review == doubts


def test_what_was_in_doubt_goes_once_a_planner_has_looked_at_it(
    people: People, yasuda: Account, browse: Browse, folder: Plans
) -> None:
    client = browse(people.yamamoto)
    client.post("/plans/import/", _carried(_read(client, "計画.txt", LOOSE.encode())))
    key = {"review": _hidden(client.get("/plans/35-2024/"), "review")}
    url = "/plans/35-2024/looked-at/"
    assert browse(yasuda).post(url, key).status_code == 403
    assert browse(people.azuma).post(url, key).status_code == 404
    before = folder.plan("35-2024")
    assert client.post(url, key).status_code == 302
    assert folder.plan("35-2024") == before.model_copy(update={"review": ()})
    again = client.post(url, key, follow=True)
    assert "この要確認は、もうありません。" in _text(again)


def test_a_period_is_not_taken_without_its_year(people: People, browse: Browse, folder: Plans) -> None:
    page = _read(browse(people.yamamoto), "計画.txt", LOOSE.encode(), period="H1")
    assert page.status_code == 422 and "期間を選ぶときは、年度も書いてください。" in _text(page)


def test_a_plan_that_is_there_is_written_over_only_when_told_so(
    people: People, browse: Browse, folder: Plans
) -> None:
    client = browse(people.yamamoto)
    text = LOOSE.replace("令和6年度", "令和5年度").encode()
    before = folder.path("35-2023").read_bytes()
    page = _read(client, "計画.txt", text)
    assert "同じ計画がもうあります。" in _text(page)
    assert client.post("/plans/import/", _carried(page)).status_code == 422
    assert folder.path("35-2023").read_bytes() == before
    assert client.post("/plans/import/", {**_carried(page), "overwrite": "1"}).status_code == 302
    assert folder.plan("35-2023").pillars[0].initiatives[0].title == "サービス水準の向上"


def test_the_plan_of_another_branch_is_not_taken_in(people: People, browse: Browse, folder: Plans) -> None:
    page = _read(browse(people.yamamoto), "計画.txt", LOOSE.replace("山口", "東京").encode())
    assert page.status_code == 422 and "この支部の計画ではありません" in _text(page)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("空.txt", b"   "),
        ("絵.png", b"\x89PNG\r\n\x1a\n"),
        ("壊.docx", b"PK\x03\x04broken"),
        ("長.txt", b"a" * 10_485_761),
    ],
)
def test_what_cannot_be_read_is_refused_and_leaves_nothing(
    name: str, content: bytes, people: People, browse: Browse, folder: Plans
) -> None:
    before = sorted(p.name for p in folder.folder.iterdir())
    assert _read(browse(people.yamamoto), name, content).status_code == 422
    assert sorted(p.name for p in folder.folder.iterdir()) == before


def test_what_a_page_carried_is_kept_only_for_who_read_it(
    people: People, browse: Browse, folder: Plans
) -> None:
    carried = _carried(_read(browse(people.yamamoto), "計画.txt", LOOSE.encode()))
    assert browse(people.yamada).post("/plans/import/", carried).status_code == 422
    assert browse(people.yamamoto).post("/plans/import/", {**carried, "taken": "x"}).status_code == 422
    assert not folder.path("35-2024").exists()


def test_only_planners_take_documents_in(
    people: People, yasuda: Account, browse: Browse, folder: Plans
) -> None:
    for who in (yasuda, people.yamaguchi, people.yamashita):
        assert browse(who).get("/plans/import/").status_code == 403


# ---- pages ---------------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_used_says_so_and_the_others_stay_open(
    people: People, browse: Browse, folder: Plans
) -> None:
    folder.path("35-2024").write_text("format: kenpo-plan/1\nbranch: [")
    client = browse(people.yamamoto)
    assert "読めません" in _text(client.get("/plans/")) and client.get(H1).status_code == 200
    answer = client.get("/plans/35-2024/")
    assert answer.status_code == 409 and "計画のファイルを使えません。" in _text(answer)


@pytest.mark.parametrize(
    "url", ["/plans/", "/plans/35-2023/", H1, f"{H1}told/1/①/", f"{H1}step/submit/", TARGET]
)
def test_no_page_asks_the_database_more_than_twelve_times(
    url: str, people: People, browse: Browse, folder: Plans
) -> None:
    client = browse(people.yamamoto)
    client.get(url)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(url).status_code == 200
    assert len(asked) <= 12, [q["sql"][:80] for q in asked]
