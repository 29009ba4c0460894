"""Boards in the office: the same figures everywhere, who may see whose, the gap split exactly, and what is kept."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import docx
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from tests.branches import TwoBranches
from tests.offices import People

from kenpo.base.branches import BRANCH_CODES
from kenpo.base.money import exact
from kenpo.catalogue import MEASURES
from kenpo.cli import plan as commands
from kenpo.intake.documents import read_document
from kenpo.lake import Lake
from kenpo.office import boards, kpipage
from kenpo.office.acting import acting
from kenpo.office.boards import Choice, Office
from kenpo.office.kpipage import OTHERS, contributions, main_parts
from kenpo.office.models import Account, AuditRow
from kenpo.office.views.boards import spark
from kenpo.plan.board import board
from kenpo.plan.filling import fill
from kenpo.plan.freezing import freeze
from kenpo.plan.model import Plan, Progress
from kenpo.plan.reading import read_plan
from kenpo.plan.report import landing_lines, progress_report
from kenpo.plan.revising import revise
from kenpo.plan.rollup import rollup
from kenpo.plan.store import Plans
from kenpo.press import write
from kenpo.synth.plans import make_plans
from kenpo.synth.setting import Setting

Browse = Callable[[Account], Client]
TODAY = date(2025, 10, 20)
PERIOD = "2025H1"
CHECKUPS = "lifestyle_checkup_rate"
GENERICS = "generic_volume_share"


@pytest.fixture(scope="module")
def plan_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What 山口 and 東京 have written, as plan files."""
    folder = tmp_path_factory.mktemp("boards")
    store = Plans(folder / "plans")
    for number, branch in enumerate(("35", "13"), 1):
        for paper in make_plans(Setting(branch, 20_000, date(2024, 4, 1), 24, number)).papers:
            path = folder / "文書.md"
            path.write_text(paper.text, encoding="utf-8")
            reading = read_plan(read_document(path))
            assert reading.annual
            if reading.progress is None or not store.path(reading.annual.id).is_file():
                store.save(reading.annual)
            if reading.progress:
                store.save(reading.progress)
    return folder / "plans"


@pytest.fixture
def config(tmp_path: Path, plan_files: Path, both: TwoBranches, settings, monkeypatch: pytest.MonkeyPatch):
    """An office with these plans and a lake of both branches, on a day in October."""
    shutil.copytree(plan_files, tmp_path / "plans")
    monkeypatch.setattr(boards, "today", lambda: TODAY)
    monkeypatch.setattr(commands, "today", lambda: TODAY)
    settings.CONFIG = replace(
        settings.CONFIG, home=tmp_path / "office", plans=tmp_path / "plans", lake=both.lake_path
    )
    return settings.CONFIG


def text_of(response) -> str:  # type: ignore[no-untyped-def]
    """What a page says, without its tags."""
    assert response.status_code == 200, response.status_code
    bare = re.sub(r"<[^>]+>", "\n", response.content.decode())
    return re.sub(r"\s+", " ", unescape(bare))


def rows_of(response) -> list[dict[str, str]]:  # type: ignore[no-untyped-def]
    """The lines of a CSV that was sent."""
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def board_of(config, plan: str = "35-2025"):  # type: ignore[no-untyped-def]
    """The board as `kenpo plan board` works it out."""
    return commands._seen(plan, PERIOD, config.plans, config.lake).board


# ---- the same figures everywhere ---------------------------------------------------------------------------------


def test_the_page_says_what_the_command_says_to_the_digit(config, people: People, browse: Browse):
    said = text_of(browse(people.yamamoto).get(reverse("board")))
    rows = board_of(config).rows
    assert len(rows) > 20
    for row in rows:
        for text in (row.title, row.target, row.shown, row.as_of, row.verdict.ja if row.verdict else "－"):
            assert text in said
        assert all(text in said for text in landing_lines(row))
        assert row.nation_text in said
        assert row.last_year_text


def test_the_file_says_what_the_document_says(config, people: People, browse: Browse, tmp_path: Path):
    made = board_of(config)
    path = tmp_path / "報告.docx"
    write(progress_report(made.plan, made.progress, made.rows), path)
    table = next(t for t in docx.Document(str(path)).tables if t.rows[0].cells[1].text == "KPI")
    printed = [[cell.text.replace("\n", "") for cell in row.cells] for row in table.rows[1:]]
    sent = rows_of(browse(people.yamamoto).get(reverse("board_file", args=["csv"])))
    assert [
        [
            r["KPI"],
            r["目標"],
            r["実績"],
            r["時点"],
            r["判定"],
            r["前年度"],
            r["全国平均"],
            r["順位"],
            r["年度末の見込み"],
        ]
        for r in sent
    ] == [row[1:] for row in printed]


def test_all_branches_say_what_the_command_says(config, people: People, browse: Browse):
    made = rollup(PERIOD, lake=Lake.open(config.lake), measures=MEASURES, plans=Plans(config.plans))
    sent = rows_of(browse(people.honda).get(reverse("boards_file", args=["csv"]), {"period": PERIOD}))
    assert len(sent) == len(made.cells) == 47 * len(made.lines)
    for cell, row in zip(made.cells, sent, strict=True):
        assert row["値"] == ("" if cell.value is None else f"{cell.value:f}")
        assert row["順位"] == ("" if cell.rank is None else str(cell.rank))
        assert row["目標との差"] == ("" if cell.to_target is None else f"{cell.to_target:f}")


def test_a_kept_board_is_the_board(config):
    office = Office(config)
    made = office.seen(Choice("35-2025", PERIOD))
    boards._held.clear()
    assert Office(config).seen(Choice("35-2025", PERIOD)) == made
    assert made.board == board_of(config)
    again = office.everyone(PERIOD)
    boards._held.clear()
    assert Office(config).everyone(PERIOD) == again


def test_a_finished_report_is_shown_as_it_was_finished(config, people: People, browse: Browse):
    store = Plans(config.plans)
    before = board_of(config)
    store.save(freeze(before, by="山本", on=TODAY).progress)
    said = text_of(browse(people.yamamoto).get(reverse("board")))
    assert "確定した報告" in said
    assert all(row.shown in said for row in before.rows)


# ---- one KPI -----------------------------------------------------------------------------------------------------


def test_a_kpi_shows_its_year_its_forecast_and_the_branches(config, people: People, browse: Browse):
    client = browse(people.yamamoto)
    said = text_of(client.get(reverse("kpi", args=[CHECKUPS])))
    row = board_of(config).of(CHECKUPS)
    assert row and row.forecast
    for text in (row.text, row.shown, row.reason, row.forecast.method, "支部の中での位置", "目標の改定"):
        assert text in said
    assert "ずれは平均" in said
    for chart in ("year", "rank"):
        answer = client.get(reverse("kpi_chart", args=[CHECKUPS, chart]))
        assert answer["content-type"] == "image/svg+xml"
        assert answer.content.startswith(b"<svg")
        assert "immutable" in answer["cache-control"]


def test_the_year_of_a_kpi_as_a_file_has_the_figures_of_the_reports(config, people: People, browse: Browse):
    sent = rows_of(browse(people.yamamoto).get(reverse("kpi_file", args=[CHECKUPS, "year", "csv"])))
    progress = Plans(config.plans).progress("35-2025", PERIOD).of(CHECKUPS)
    assert progress
    actual = progress.actuals[0]
    month = actual.day.month if actual.day else 0
    row = next(r for r in sent if r["月"] == f"{month}月")
    assert row["令和7年度"] == f"{actual.value}％"
    assert next(r["月"] for r in sent) == "4月"
    assert len(sent) == 12


def test_a_revised_target_is_shown_with_what_it_was(config, people: People, browse: Browse):
    store = Plans(config.plans)
    plan: Plan = store.plan("35-2025")
    before = plan.kpi(CHECKUPS)
    assert before and before.target
    store.save(revise(plan, CHECKUPS, "70.1％以上", on=TODAY, why="対象者を見直したため", by="山本"))
    said = text_of(browse(people.yamamoto).get(reverse("kpi", args=[CHECKUPS])))
    assert "70.1％以上" in said
    assert "対象者を見直したため" in said
    assert f"{before.target.value}％以上" in said  # type: ignore[union-attr]


def test_a_measure_that_is_not_on_the_board_is_not_there(config, people: People, browse: Browse):
    assert browse(people.yamamoto).get(reverse("kpi", args=["nothing_of_the_kind"])).status_code == 404
    assert browse(people.yamamoto).get(reverse("board"), {"period": "1999"}).status_code == 404


# ---- who may see -------------------------------------------------------------------------------------------------


def test_azuma_of_tokyo_sees_tokyo_only_whatever_is_asked_for(config, people: People, browse: Browse):
    client = browse(people.azuma)
    for query in ({}, {"branch": "35"}, {"plan": "35-2025"}, {"period": PERIOD, "branch": "35"}):
        said = text_of(client.get(reverse("board"), query))
        assert "東京支部事業計画" in said
        assert "山口支部事業計画" not in said
    for path in ("/board/35/", "/board/35-2025/", "/board/35-2025.2025H1/"):
        assert client.get(path).status_code == 404
    assert client.post(reverse("choose_branch"), {"branch": "35"}).status_code == 403


def test_a_planner_sees_the_figures_of_all_branches_and_no_target_of_another(
    config, people: People, browse: Browse
):
    store = Plans(config.plans)
    plan = store.plan("35-2025")
    mine, own = plan.kpi(CHECKUPS), store.plan("13-2025").kpi(CHECKUPS)
    assert mine and own and mine.target and own.target and mine.target != own.target
    theirs = f"{mine.target.value}％以上"  # type: ignore[union-attr]
    said = text_of(browse(people.azuma).get(reverse("boards_kpi", args=[CHECKUPS]), {"period": PERIOD}))
    assert "山口" in said
    assert theirs not in said
    sent = rows_of(browse(people.azuma).get(reverse("boards_kpi_file", args=[CHECKUPS, "csv"])))
    shown = {r["支部"]: (r["目標"], r["目標との差"]) for r in sent}
    assert shown["山口支部"] == ("－", "")
    assert shown["東京支部"][0] == f"{own.target.value}％以上"  # type: ignore[union-attr]
    assert browse(people.azuma).get(reverse("boards"), {"show": "target"}).status_code == 404
    assert browse(people.azuma).get(reverse("boards_plans")).status_code == 403


def test_an_administrator_without_a_role_sees_no_board(config, people: People, browse: Browse):
    client = browse(people.yamazaki)
    names = ("board", "boards", "boards_kpis", "boards_plans")
    assert [client.get(reverse(n)).status_code for n in names] == [403] * 4
    for path in (
        reverse("kpi", args=[CHECKUPS]),
        reverse("kpi_chart", args=[CHECKUPS, "year"]),
        reverse("kpi_gap", args=[GENERICS]),
        reverse("board_file", args=["csv"]),
        reverse("boards_chart", args=[CHECKUPS, "map"]),
    ):
        assert client.get(path).status_code == 403


def test_who_works_on_receipts_sees_the_branchs_board_and_not_all_branches(
    config, people: People, browse: Browse
):
    client = browse(people.yamashita)
    assert client.get(reverse("board")).status_code == 200
    assert "支部の中での位置" not in text_of(client.get(reverse("kpi", args=[CHECKUPS])))
    assert client.get(reverse("kpi_chart", args=[CHECKUPS, "rank"])).status_code == 404
    assert client.get(reverse("boards")).status_code == 403


def test_head_office_sees_all_branches_and_each_it_chooses(config, people: People, browse: Browse):
    client = browse(people.honda)
    assert "全支部の進捗" in text_of(client.get(reverse("boards"), {"period": PERIOD, "show": "target"}))
    said = text_of(client.get(reverse("boards_plans")))
    assert "東京支部" in said
    assert "山口支部" in said
    for branch, name in (("13", "東京"), ("35", "山口")):
        client.post(reverse("choose_branch"), {"branch": branch})
        assert f"{name}支部事業計画" in text_of(client.get(reverse("board")))


def test_nobody_sees_a_board_without_signing_in(config, db: None):
    for name in ("board", "boards", "boards_kpis", "boards_plans"):
        assert Client().get(reverse(name)).status_code == 302


def test_one_branch_stands_beside_another(config, people: People, browse: Browse):
    made = rollup(PERIOD, lake=Lake.open(config.lake), measures=MEASURES, plans=Plans(config.plans))
    line = made.of(CHECKUPS)
    assert line
    mine, other = line.of("35").value, line.of("13").value
    assert mine is not None and other is not None
    said = text_of(browse(people.yamaguchi).get(reverse("boards"), {"period": PERIOD, "beside": "13"}))
    assert f"{mine}％" in said
    assert f"{other}％" in said
    assert f"{other - mine:+}" in said
    assert browse(people.yamaguchi).get(reverse("boards"), {"beside": "99"}).status_code == 404


def test_a_file_is_written_in_the_audit_log(config, people: People, browse: Browse):
    browse(people.yamamoto).get(reverse("board_file", args=["xlsx"]))
    with acting(people.yamaguchi.actor):
        assert "進捗" in AuditRow.objects.get(what="exported").detail
    assert browse(people.yamamoto).get(reverse("board_file", args=["exe"])).status_code == 404


# ---- order, queries ----------------------------------------------------------------------------------------------


def test_all_branches_are_sorted_by_a_kpi_with_the_empty_ones_last(config, people: People, browse: Browse):
    page = browse(people.honda).get(reverse("boards"), {"period": PERIOD, "sort": f"-{CHECKUPS}"})
    line = rollup(PERIOD, plans=Plans(config.plans)).of(CHECKUPS)
    assert line
    best = max(("35", "13"), key=lambda b: line.of(b).value or 0)
    names = re.findall(r'<th scope="row">([^<]+)</th>', page.content.decode())[:47]
    assert names[0] == kpipage.short(best)
    assert set(names[:2]) == {"山口", "東京"}
    assert len(set(names)) == 47


@pytest.mark.parametrize("name", ["board", "boards", "boards_kpis", "boards_plans"])
def test_no_page_asks_the_database_more_than_twelve_times(config, people: People, browse: Browse, name: str):
    client = browse(people.honda)
    client.post(reverse("choose_branch"), {"branch": "35"})
    with CaptureQueriesContext(connection) as asked:
        assert client.get(reverse(name)).status_code == 200
    assert len(asked) <= 12


# ---- what is kept ------------------------------------------------------------------------------------------------


def _counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    work = Office._see

    def counted(office: Office, choice: Choice):  # type: ignore[no-untyped-def]
        made.append(choice.plan)
        return work(office, choice)

    monkeypatch.setattr(Office, "_see", counted)
    return made


def test_a_board_is_worked_out_once_for_all_processes(config, monkeypatch: pytest.MonkeyPatch):
    made = _counting(monkeypatch)
    choice = Choice("35-2025", PERIOD)
    Office(config).seen(choice)
    Office(config).seen(choice)
    boards._held.clear()  # another process
    Office(config).seen(choice)
    assert made == ["35-2025"]


def test_a_board_is_worked_out_anew_when_its_plan_the_lake_or_the_day_changes(
    config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = _counting(monkeypatch)
    choice = Choice("35-2025", PERIOD)
    Office(config).seen(choice)
    path = config.plans / "35-2025.2025H1.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    Office(config).seen(choice)
    assert len(made) == 2
    other = config.plans / "13-2025.2025H1.yaml"
    other.write_text(other.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    Office(config).seen(choice)
    assert len(made) == 2
    monkeypatch.setattr(boards, "today", lambda: date(2025, 10, 21))
    Office(config).seen(choice)
    assert len(made) == 3
    shutil.copytree(config.lake, tmp_path / "refreshed")
    refreshed = Lake.open(tmp_path / "refreshed")
    with refreshed.writing():
        refreshed.set_meta("notes:generic_volume_share", "[]")
    Office(replace(config, lake=tmp_path / "refreshed")).seen(choice)
    assert len(made) == 4
    assert len(list((config.home / "boards").glob("board-35-2025.2025H1.*.json"))) == 1


def test_a_copy_that_cannot_be_read_is_made_anew(config, monkeypatch: pytest.MonkeyPatch):
    made = _counting(monkeypatch)
    choice = Choice("35-2025", PERIOD)
    first = Office(config).seen(choice)
    kept = next((config.home / "boards").glob("board-*.json"))
    kept.write_text("{", encoding="utf-8")
    boards._held.clear()
    assert Office(config).seen(choice) == first
    assert made == ["35-2025", "35-2025"]


def test_boards_are_warm_before_anybody_opens_them(config, monkeypatch: pytest.MonkeyPatch):
    assert Office(config).warm() == 2
    made = _counting(monkeypatch)
    for branch in ("35", "13"):
        choice = Office(config).newest(branch)
        assert choice
        Office(config).seen(choice)
    assert made == []


def test_nobody_waits_for_all_boards_when_one_plan_changes(config, people: People, browse: Browse):
    client = browse(people.honda)
    assert "計算し直しています" not in text_of(client.get(reverse("boards_plans")))
    path = config.plans / "13-2025.2025H1.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "計算し直しています" in text_of(client.get(reverse("boards_plans")))
    Office(config).warm()
    assert "計算し直しています" not in text_of(client.get(reverse("boards_plans")))


def test_copies_are_for_the_office_alone(config):
    Office(config).seen(Choice("35-2025", PERIOD))
    kept = next((config.home / "boards").glob("board-*.json"))
    assert kept.stat().st_mode & 0o077 == 0
    assert kept.parent.stat().st_mode & 0o077 == 0


# ---- the gap -----------------------------------------------------------------------------------------------------

UNITS = {"事業所A": (30, 100), "事業所B": (90, 100)}
TOTAL = (122, 204)  # with 2 of 4 that are not shown


def test_a_gap_is_what_each_unit_adds():
    parts = contributions(UNITS, TOTAL, Decimal(70), scale=100, hidden=3)
    assert [(p.name, p.adds, p.units) for p in parts] == [
        ("事業所A", Fraction(100 * 30 - 70 * 100, 204), 1),
        ("事業所B", Fraction(100 * 90 - 70 * 100, 204), 1),
        (OTHERS, Fraction(100 * 2 - 70 * 4, 204), 3),
    ]
    assert sum(p.adds for p in parts) == Fraction(100 * 122, 204) - 70


def test_the_few_units_that_explain_most_pull_the_way_of_the_gap_and_the_rest_is_one_part():
    parts = contributions(UNITS, TOTAL, Decimal(70), scale=100, hidden=3)
    shown = main_parts(parts)
    assert [p.name for p in shown] == ["事業所A", OTHERS]
    assert shown[1].units == 4
    assert sum(p.adds for p in shown) == sum(p.adds for p in parts)


def test_without_a_denominator_there_is_no_gap():
    assert contributions({}, (0, 0), Decimal(70)) == ()


@given(
    st.dictionaries(
        st.text("アイウエオ", min_size=1, max_size=3),
        st.tuples(st.integers(0, 50), st.integers(0, 50)),
        max_size=12,
    ),
    st.tuples(st.integers(0, 30), st.integers(1, 30)),
    st.decimals(0, 100, places=1),
)
def test_the_parts_add_up_to_the_whole(units, rest, level):
    held = {name: (min(n, d), d) for name, (n, d) in units.items()}
    total = (rest[0] + sum(n for n, _ in held.values()), rest[1] + sum(d for _, d in held.values()))
    parts = contributions(held, total, level, scale=100)
    whole = 100 * Fraction(*total) - exact(level)
    assert sum((p.adds for p in parts), Fraction(0)) == whole
    shown = main_parts(parts)
    assert sum((p.adds for p in shown), Fraction(0)) == whole
    assert len(shown) <= kpipage.SHOWN + 1
    assert all(p.adds * whole > 0 for p in shown if p.name != OTHERS)


def test_the_gap_of_a_computed_figure_is_split_by_what_the_lake_counts(both: TwoBranches):
    lake, measure = both.lake, MEASURES[GENERICS]
    plan = Plan.model_validate(
        {
            "branch": "35",
            "first_year": 2025,
            "last_year": 2025,
            "title": "計画",
            "pillars": [
                {
                    "title": "柱",
                    "kpis": [
                        {
                            "measure": GENERICS,
                            "text": "ジェネリック医薬品使用割合",
                            "unit": "%",
                            "target": {"kind": "at_least", "value": "90.0"},
                        }
                    ],
                }
            ],
        }
    )
    progress = fill(lake, MEASURES, plan, Progress(plan=plan.id, period=PERIOD)).progress
    row = board(plan, progress, lake=lake, measures=MEASURES, today=TODAY).rows[0]
    assert row.actual and row.actual.source == "computed"
    assert row.actual.numerator is not None and row.actual.denominator is not None
    axes = kpipage.axes_of(measure, row, "35")
    axis = "age_band"
    assert axis in axes
    for against, level in (("target", Decimal("90.0")), ("nation", None)):
        made = kpipage.gap_of(lake, measure, row, "35", axis, against)
        assert made and made.rows
        assert abs(sum(r.adds for r in made.rows) - made.gap) <= len(made.rows) * Decimal("0.01")
        if level is not None:
            rate = 100 * exact(row.actual.numerator) / exact(row.actual.denominator)
            assert abs(exact(made.gap) - (rate - exact(level))) < Fraction(1, 10)
    hand_made = row.model_copy(update={"actual": row.actual.model_copy(update={"source": "document"})})
    assert kpipage.axes_of(measure, hand_made, "35") == ()
    assert "workplace" not in kpipage.axes_of(measure, row, "00")


def test_the_page_of_a_gap_names_what_the_figure_is_held_against(config, people: People, browse: Browse):
    client = browse(people.yamamoto)
    row = board_of(config).of(GENERICS)
    assert row and row.actual and row.actual.source == "computed"
    said = text_of(client.get(reverse("kpi_gap", args=[GENERICS]), {"by": "age_band", "against": "nation"}))
    assert f"{row.shown} と 全国 {row.nation_text}" in said
    assert "差への寄与" in said or "では分けて示しません" in said
    part = client.get(reverse("kpi_gap", args=[GENERICS]), {"by": "age_band"}, headers={"hx-request": "true"})
    assert b"<html" not in part.content
    assert "目標や全国との差を" in text_of(client.get(reverse("kpi", args=[GENERICS])))
    for query in ({"by": "name"}, {"by": "age_band", "against": "somebody"}):
        assert client.get(reverse("kpi_gap", args=[GENERICS]), query).status_code == 404


# ---- drawing -----------------------------------------------------------------------------------------------------


def test_every_branch_has_a_tile_of_its_own():
    assert sorted(kpipage.TILES) == list(BRANCH_CODES)
    assert len(set(kpipage.TILES.values())) == 47


def test_a_fifth_by_rank():
    assert [kpipage.fifth(r, 47) for r in (1, 10, 11, 24, 38, 47)] == [4, 4, 3, 2, 1, 0]
    assert kpipage.fifth(None, 47) is None


def test_a_small_line_stays_in_its_box():
    assert spark([]) == []
    assert spark([Decimal(5)]) == [(48.0, 14.0)]
    assert spark([Decimal(1), Decimal(3), Decimal(2)]) == [(4.0, 24.0), (48.0, 4.0), (92.0, 14.0)]


def test_periods_are_told_newest_first(tmp_path: Path):
    for name in (
        "35-2025",
        "35-2025.2025H1",
        "35-2025.2025Q1",
        "35-2024",
        "35-2024.2024",
        "13-2026",
        "notes",
    ):
        (tmp_path / f"{name}.yaml").touch()
    office = Office(SimpleNamespace(home=tmp_path, plans=tmp_path, lake=tmp_path))  # type: ignore[arg-type]
    assert [c.period for c in office.choices("35")] == ["2025H1", "2025Q1", "2024"]
    assert [c.period for c in office.choices("13")] == ["2026"]
    assert office.choices("01") == ()
