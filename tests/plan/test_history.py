"""過去の実績: which source counts for which year and month."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.plan.figures import lake_of, measure, months
from tests.plan.plans import actual, kpi, plan, progress

from kenpo.plan.filling import series_for
from kenpo.plan.history import earlier, last_year, newest, past, place_of, series_of, window_of
from kenpo.plan.judging import NotApplicable
from kenpo.plan.model import Actual
from kenpo.plan.store import Plans
from kenpo.plan.vocabulary import known

CHECKUP = measure("lifestyle_checkup_rate")
KPI = kpi("lifestyle_checkup_rate", {"kind": "at_least", "value": "59.9"})


@pytest.mark.parametrize(
    ("as_of", "place"),
    [
        ("FY2019", (2019, 3)),
        ("2023-08", (2023, 8)),
        ("2024-03", (2023, 3)),
        ("2021-07-07", (2021, 7)),
        ("", None),
    ],
)
def test_a_figure_has_its_place_in_a_fiscal_year(as_of: str, place: tuple[int, int] | None):
    assert place_of(as_of) == place


def test_flows_of_the_year_are_summed_and_figures_of_a_day_are_not():
    assert window_of(CHECKUP, known(CHECKUP.id)) == "fytd"
    assert window_of(measure("generic_volume_share"), known("generic_volume_share")) == "month"
    assert window_of(measure("lifestyle_checkup_rate", flow=False), known(CHECKUP.id)) == "month"
    assert window_of(measure("lifestyle_checkup_rate", rollup="recompute"), known(CHECKUP.id)) == "month"


def test_the_lake_counts_where_it_and_a_report_both_have_a_figure(tmp_path: Path):
    lake = lake_of(tmp_path / "lake", {CHECKUP: {"13": months(2022, [(1, 10)] * 12)}})
    series = series_for(lake, CHECKUP, KPI)
    told = [actual("55.5", "2023-03"), actual("44.4", "2022-03"), actual("9.9", "2023-06")]
    seen = past(KPI, year=2023, branch="13", series=series, told=told)
    assert seen.values[2022][3] == Decimal("10.0")  # 12 of 120
    assert seen.values[2021] == {3: Decimal("44.4")}
    assert seen.months(2023) == {6: Decimal("9.9")}
    assert list(seen.before(2023)) == [2021, 2022]
    assert seen.year_ends(2022) == ((2021, Decimal("44.4")), (2022, Decimal("10.0")))


def test_a_branch_without_data_has_no_figures_and_a_month_without_data_is_absent(tmp_path: Path):
    day = measure("generic_volume_share")
    lake = lake_of(
        tmp_path / "lake", {day: {"13": {"2023-04": (1, 2), "2023-06": (1, 2)}, "35": {"2023-05": (0, 0)}}}
    )
    series = series_of(lake, day, precision=1)
    assert sorted(series.branches) == ["00", "13"]
    assert [m.month for m in series.branches["13"]] == [4, 6]


def test_a_count_of_a_branch_in_the_lake_may_be_a_true_zero(tmp_path: Path):
    count = measure("health_declaration_offices", form="count", precision=0, flow=False)
    lake = lake_of(
        tmp_path / "lake", {count: {"13": {"2023-04": (5, 0), "2023-06": (5, 0)}, "35": {"2023-05": (3, 0)}}}
    )
    series = series_of(lake, count, precision=0)
    assert [f.value for f in series.branches["13"].values()] == [5, 0, 5]
    assert [(m.month, f.value) for m, f in series.branches["35"].items()] == [(5, 3), (6, 0)]


def test_later_reports_override_earlier_ones_and_printed_references(tmp_path: Path):
    plans = Plans(tmp_path)
    its = plan(KPI, year=2022)
    plans.save(its)
    plans.save(progress(its, "2022H1", lifestyle_checkup_rate=actual("20.0", "2022-08")))
    plans.save(
        progress(its, "2022", lifestyle_checkup_rate=(actual("21.0", "2022-08"), actual("52.0", "FY2022")))
    )
    printed = kpi(
        "lifestyle_checkup_rate", None, references=(actual("50.0", "FY2022"), actual("49.0", "FY2021"))
    )
    seen = past(printed, year=2023, branch="13", told=earlier(plans, "13").actuals["lifestyle_checkup_rate"])
    assert seen.values == {2021: {3: Decimal("49.0")}, 2022: {8: Decimal("21.0"), 3: Decimal("52.0")}}


def test_other_branches_reports_are_not_ones_own(tmp_path: Path):
    plans = Plans(tmp_path)
    other = plan(KPI, branch="35")
    plans.save(other)
    plans.save(progress(other, "2023H1", lifestyle_checkup_rate=actual("20.0", "2023-08")))
    assert earlier(plans, "13").actuals == {}


def test_a_report_that_cannot_be_used_is_named_and_passed_over(tmp_path: Path):
    plans = Plans(tmp_path)
    plans.save(plan(KPI))
    plans.path("13-2023", "2023Q1").write_text("だめ", encoding="utf-8")
    assert "令和5年度第1四半期の進捗は使えない" in earlier(plans, "13").faults[0]


def test_last_year_is_known_new_or_unknown():
    def of(**rest: object):
        its = kpi("mynumber_record_rate", None, **rest)
        return last_year(its, past(its, year=2023, branch="13"), 2023)

    assert of(baseline="75.1") == Decimal("75.1")
    assert of(references=(actual("91.1", "FY2022"),)) == Decimal("91.1")
    new = Actual(text="【新設】", state="not_applicable", as_of="FY2022")
    assert of(references=(new,)) == NotApplicable("新設のため前年度の値がない")
    assert of(references=(actual("91.1", "FY2021"),)) is None
    assert of() is None


def test_the_newest_figure_counts_and_of_the_same_day_the_computed_one():
    june, august = actual("8.4", "2023-06"), actual("20.1", "2023-08")
    computed = actual("20.3", "2023-08-31", source="computed")
    entered = actual("20.2", "2023-08", source="entered", by="東", why="通知")
    assert newest([june, august], 2023) == august
    assert newest([computed, entered, august], 2023) == computed
    assert newest([entered, august], 2023) == entered
    assert newest([actual("8.4", "2023-06", source="computed"), august], 2023) == august


def test_a_figure_counts_before_a_missing_one_and_never_for_another_year():
    missing = actual(None, "2023-09", text="集計中")
    assert newest([missing, actual("8.4", "2023-06")], 2023) == actual("8.4", "2023-06")
    assert newest([missing], 2023) == missing
    assert newest([actual("5", "FY2022")], 2023) is None
    assert newest([], 2023) is None
