"""確定: a finished report does not change, and taking that back leaves a record."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.figures import lake_of, measure, months
from tests.plan.plans import actual, kpi, plan, progress

from kenpo.base.errors import ArgumentError
from kenpo.plan.board import Board, board
from kenpo.plan.filling import fill
from kenpo.plan.freezing import Frozen, freeze, is_broken, reopen, warnings
from kenpo.plan.model import Kpi, KpiProgress, Progress, Review
from kenpo.plan.store import PlanError, Plans, from_yaml, to_yaml

GENERIC = measure("generic_volume_share")
CATALOGUE = {GENERIC.id: GENERIC}
PLAN = plan(
    kpi("generic_volume_share", {"kind": "generic_80"}),
    kpi("lifestyle_checkup_rate", {"kind": "at_least", "value": "59.9"}),
)
ON = date(2023, 10, 20)
LATER = date(2023, 11, 6)


def shown(report: Progress, **rest: object) -> Board:
    return board(PLAN, report, today=ON, **rest)  # pyright: ignore[reportArgumentType]


def finished(lake_path: Path, plans: Plans) -> Frozen:
    """The first half of 2023, filled from a lake with two years of figures, and finished."""
    lake = lake_of(
        lake_path, {GENERIC: {"13": months(2022, [(80, 100)] * 12) | months(2023, [(81, 100)] * 5)}}
    )
    before = progress(PLAN, "2023H1", lifestyle_checkup_rate=actual("8.4", "2023-06"))
    filled = fill(lake, CATALOGUE, PLAN, before).progress
    made = freeze(shown(filled, lake=lake, measures=CATALOGUE, plans=plans), by="東京 東", on=ON)
    plans.save(made.progress)
    return made


@pytest.fixture
def plans(tmp_path: Path) -> Plans:
    return Plans(tmp_path / "plans")


def test_a_finished_report_holds_figures_definitions_and_cutoff(tmp_path: Path, plans: Plans):
    event = finished(tmp_path / "lake", plans).progress.events[-1]
    assert (event.what, event.by, event.on, event.cutoff) == ("frozen", "東京 東", ON, "data1")
    assert list(event.definitions) == ["generic_volume_share"]
    assert event.seal


def test_what_comes_into_the_lake_later_does_not_change_its_board(tmp_path: Path, plans: Plans):
    rows = finished(tmp_path / "lake", plans).progress.board
    assert rows[0].last_year_text == "80.0％"
    assert rows[0].forecast is not None
    other = lake_of(tmp_path / "other", {GENERIC: {"13": months(2023, [(10, 100)] * 6)}})
    held = plans.progress(PLAN.id, "2023H1")
    again = board(PLAN, held, lake=other, measures=CATALOGUE, plans=plans, today=date(2030, 1, 1))
    assert again.rows == rows
    assert again.frozen
    assert fill(other, CATALOGUE, PLAN, held).progress == held


def test_a_revised_plan_does_not_change_the_board_of_a_finished_report(tmp_path: Path, plans: Plans):
    rows = finished(tmp_path / "lake", plans).progress.board
    revised = plan(kpi("lifestyle_checkup_rate", {"kind": "at_least", "value": "70"}))
    assert board(revised, plans.progress(PLAN.id, "2023H1"), today=LATER).rows == rows


def test_a_finished_report_reads_back_as_it_was_written(tmp_path: Path, plans: Plans):
    made = finished(tmp_path / "lake", plans).progress
    assert plans.progress(PLAN.id, "2023H1") == made
    assert from_yaml(to_yaml(made), Progress, "x") == made


def test_a_finished_report_is_not_changed_until_it_is_reopened(tmp_path: Path, plans: Plans):
    made = finished(tmp_path / "lake", plans).progress
    changed = made.model_copy(update={"notes": ("後から",)})
    with pytest.raises(PlanError, match="変更できません"):
        plans.save(changed)
    forgotten = changed.model_copy(update={"events": ()})
    with pytest.raises(PlanError, match="変更できません"):
        plans.save(forgotten)
    again = freeze(shown(forgotten), by="別人", on=LATER).progress
    with pytest.raises(PlanError, match="変更できません"):
        plans.save(again)
    opened = reopen(made, by="東京 東", on=LATER, why="6月分の値の訂正")
    plans.save(opened)
    assert not opened.frozen
    assert opened.board == ()
    plans.save(opened.model_copy(update={"notes": ("後から",)}))
    assert [e.what for e in plans.progress(PLAN.id, "2023H1").events] == ["frozen", "reopened"]


def test_a_report_is_finished_once(tmp_path: Path, plans: Plans):
    made = finished(tmp_path / "lake", plans).progress
    with pytest.raises(PlanError, match="もう確定しています"):
        freeze(shown(made), by="東", on=LATER)


def test_a_report_that_is_not_finished_is_not_reopened():
    with pytest.raises(PlanError, match="確定していません"):
        reopen(progress(PLAN, "2023H1"), by="東", on=ON, why="訂正")


@pytest.mark.parametrize(("by", "why"), [("", "訂正"), ("東", ""), ("東", "　")])
def test_reopening_needs_a_name_and_a_reason(by: str, why: str):
    made = freeze(shown(progress(PLAN, "2023H1")), by="東", on=ON).progress
    with pytest.raises(ArgumentError, match="取り消す人と理由"):
        reopen(made, by=by, on=LATER, why=why)
    with pytest.raises(ArgumentError, match="確定した人"):
        freeze(shown(progress(PLAN, "2023H1")), by=" ", on=ON)


def test_a_finished_file_changed_by_hand_is_found_and_can_only_be_reopened_on_record(
    tmp_path: Path, plans: Plans
):
    finished(tmp_path / "lake", plans)
    file = plans.path(PLAN.id, "2023H1")
    file.write_text(file.read_text(encoding="utf-8").replace("8.4", "9.4"), encoding="utf-8")
    with pytest.raises(PlanError, match="書き換えられています"):
        plans.progress(PLAN.id, "2023H1")
    found = plans.unsealed(PLAN.id, "2023H1")
    assert is_broken(found)
    with pytest.raises(PlanError, match="--broken"):
        reopen(found, by="東", on=LATER, why="訂正")
    opened = reopen(found, by="東", on=LATER, why="控えがない", broken=True)
    plans.save(opened)
    event = plans.progress(PLAN.id, "2023H1").events[-1]
    assert event.broken
    assert event.seal != found.events[-1].seal


def test_a_row_of_the_board_changed_by_hand_is_found_too(tmp_path: Path, plans: Plans):
    finished(tmp_path / "lake", plans)
    file = plans.path(PLAN.id, "2023H1")
    file.write_text(
        file.read_text(encoding="utf-8").replace("shown: 81.0％", "shown: 91.0％"), encoding="utf-8"
    )
    with pytest.raises(PlanError, match="書き換えられています"):
        plans.progress(PLAN.id, "2023H1")


def test_what_is_not_in_order_is_said_and_does_not_stop_the_freeze():
    doubtful = KpiProgress(
        measure="lifestyle_checkup_rate",
        actuals=(actual("8.4", "2023-06"), actual("8.5", "2023-06", source="computed")),
        review=(Review(what="数値が2つある"),),
    )
    made = freeze(shown(Progress(plan=PLAN.id, period="2023H1", kpis=(doubtful,))), by="東", on=ON)
    assert made.progress.frozen
    assert made.warnings == (
        "ジェネリック使用割合：実績も、実績がない理由も書かれていません",
        "生活習慣病予防健診実施率：要確認のままです（数値が2つある）",
        "生活習慣病予防健診実施率：同じ月の値が2つあり、+0.1 違います",
    )


def test_a_missing_figure_with_its_reason_is_in_order():
    missing = actual(None, text="（下期実施予定）")
    said = warnings(shown(progress(PLAN, "2023H1", lifestyle_checkup_rate=missing)))
    assert [w for w in said if w.startswith("生活習慣病")] == []


KPIS = st.lists(
    st.sampled_from(["generic_volume_share", "lifestyle_checkup_rate", "single_bid_rate"]), unique=True
)


@given(KPIS, st.decimals(0, 100, places=1), st.text("あいう確定 ：-'\"#", max_size=8))
def test_any_report_can_be_finished_written_read_and_reopened(measures: list[str], value: object, note: str):
    kpis: list[Kpi] = [kpi(m, {"kind": "at_least", "value": "59.9"}) for m in measures]
    its = plan(*kpis)
    report = progress(its, "2023H1", **{m: actual(str(value), "2023-08") for m in measures}).model_copy(
        update={"notes": (note,)}
    )
    made = freeze(board(its, report, today=ON), by="東", on=ON).progress
    assert not is_broken(from_yaml(to_yaml(made), Progress, "x"))
    opened = reopen(made, by="東", on=LATER, why="訂正")
    assert opened.model_copy(update={"events": ()}) == report
    assert is_broken(made.model_copy(update={"notes": (note, "後から")}))
