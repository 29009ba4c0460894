"""実績の記入: figures from the lake beside those of documents and people, and entries by hand with their ground."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.branches import TinyBranch, TwoBranches
from tests.plan.figures import lake_of, measure, months
from tests.plan.plans import actual, kpi, plan, progress

from kenpo.base.errors import ArgumentError
from kenpo.catalogue import MEASURES
from kenpo.frame import figures
from kenpo.lake import Lake
from kenpo.plan.filling import enter, fill, ranks
from kenpo.plan.model import FreezeEvent, KpiProgress, Progress
from kenpo.plan.store import PlanError, from_yaml, to_yaml

GENERIC = measure("generic_volume_share", definition="数量の割合。診療月ごとの値。")
POSTAL = measure("postal_application_rate")
JUDO = measure("judo_multisite_frequent_rate", better="lower", precision=2)
ON = date(2023, 10, 20)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three branches: 東京 to August, 山口 to August, 大阪 only in April."""
    return lake_of(
        tmp_path_factory.mktemp("lake") / "lake",
        {
            GENERIC: {
                "13": months(2023, [(800, 1000), (810, 1000), (820, 1000), (825, 1000), (819, 1000)]),
                "35": months(2023, [(85, 100), (85, 100), (86, 100), (86, 100), (90, 100)]),
                "27": months(2023, [(9, 10)]),
            },
            POSTAL: {"13": months(2023, [(90, 100), (98, 100)]), "35": months(2023, [(1, 2), (1, 2)])},
            JUDO: {
                "13": months(2023, [(1, 100)]),
                "35": months(2023, [(1, 100)]),
                "27": months(2023, [(1, 50)]),
            },
        },
    )


CATALOGUE = {m.id: m for m in (GENERIC, POSTAL, JUDO)}
PLAN = plan(
    kpi("generic_volume_share", {"kind": "not_below_last_year", "value": "80.6", "year_end": True}),
    kpi("postal_application_rate", {"kind": "at_least", "value": "98.3"}),
    kpi("judo_multisite_frequent_rate", {"kind": "not_above_last_year", "value": "0.82"}),
    kpi("lifestyle_checkup_rate", {"kind": "at_least", "value": "59.9"}),
)


def of(report: Progress, measure_id: str) -> KpiProgress:
    found = report.of(measure_id)
    assert found is not None
    return found


def test_a_kpi_gets_the_last_month_with_data_up_to_the_end_of_the_period(lake: Lake):
    figure = of(
        fill(lake, CATALOGUE, PLAN, progress(PLAN, "2023H1")).progress, "generic_volume_share"
    ).actuals[0]
    assert (str(figure.value), figure.as_of, figure.source) == ("81.9", "2023-08", "computed")
    assert (figure.numerator, figure.denominator) == (819, 1000)
    assert figure.cutoff == "data1"
    assert figure.definition.startswith("v1")
    assert figure.basis == "診療分"


def test_a_period_that_ends_earlier_gets_an_earlier_month(lake: Lake):
    figure = of(
        fill(lake, CATALOGUE, PLAN, progress(PLAN, "2023Q1")).progress, "generic_volume_share"
    ).actuals[0]
    assert (str(figure.value), figure.as_of) == ("82.0", "2023-06")


def test_the_newest_two_months_of_the_lake_are_provisional(lake: Lake):
    seen = {
        period: of(fill(lake, CATALOGUE, PLAN, progress(PLAN, period)).progress, "generic_volume_share")
        for period in ("2023Q1", "2023Q2")
    }
    assert {p: k.actuals[0].status for p, k in seen.items()} == {"2023Q1": "final", "2023Q2": "provisional"}


def test_a_ratio_of_the_year_is_summed_from_april(lake: Lake):
    figure = of(
        fill(lake, CATALOGUE, PLAN, progress(PLAN, "2023H1")).progress, "postal_application_rate"
    ).actuals[0]
    assert str(figure.value) == "94.0"  # (90 + 98) of (100 + 100)
    assert (figure.as_of, figure.numerator, figure.denominator) == ("2023-05", 188, 200)


def test_a_year_whose_april_is_not_in_the_lake_has_no_sum(tmp_path: Path):
    late = lake_of(tmp_path / "lake", {POSTAL: {"13": {"2023-06": (9, 10)}}})
    done = fill(late, CATALOGUE, PLAN, progress(PLAN, "2023H1"), only=["postal_application_rate"])
    assert done.filled == ()
    assert "年度累計を計算できません" in done.skipped["postal_application_rate"]


def test_the_nation_is_its_own_ratio_and_not_the_mean_of_branches(lake: Lake):
    kpi_ = of(fill(lake, CATALOGUE, PLAN, progress(PLAN, "2023H1")).progress, "generic_volume_share")
    assert kpi_.nation is not None
    assert str(kpi_.nation.value) == "82.6"  # (819 + 90) of (1000 + 100), not (81.9 + 90.0) / 2
    assert (kpi_.rank, kpi_.ranked) == (2, 2)  # 大阪 has no August


def test_branches_with_the_same_figure_share_a_place(lake: Lake):
    kpi_ = of(fill(lake, CATALOGUE, PLAN, progress(PLAN, "2023H1")).progress, "judo_multisite_frequent_rate")
    assert (kpi_.rank, kpi_.ranked) == (1, 3)  # 1.00, 1.00 and 2.00 %: lower is better


def test_a_kpi_that_cannot_be_computed_is_left_as_it_is_with_the_reason(lake: Lake):
    before = progress(PLAN, "2023H1", lifestyle_checkup_rate=actual("8.4", "2023-06"))
    done = fill(lake, CATALOGUE, PLAN, before)
    assert of(done.progress, "lifestyle_checkup_rate") == of(before, "lifestyle_checkup_rate")
    assert "自動計算の指標がまだありません" in done.skipped["lifestyle_checkup_rate"]


def test_a_measure_that_was_never_refreshed_says_so(tmp_path: Path):
    done = fill(Lake.create(tmp_path / "lake"), CATALOGUE, PLAN, progress(PLAN, "2023H1"))
    assert done.filled == ()
    assert "kenpo refresh" in done.skipped["generic_volume_share"]


def test_a_figure_of_last_year_does_not_fill_this_year(lake: Lake):
    next_year = plan(kpi("generic_volume_share"), year=2024)
    done = fill(lake, CATALOGUE, next_year, progress(next_year, "2024Q1"))
    assert done.progress.kpis == ()
    assert done.skipped["generic_volume_share"] == (
        "令和6年度の4月から6月までのデータがありません（あるのは 2023-04〜2023-08）"
    )


def test_what_a_document_says_stays_beside_the_computed_figure(lake: Lake):
    printed = actual("82.4", "2023-08")
    before = progress(PLAN, "2023H1", generic_volume_share=printed)
    held = of(fill(lake, CATALOGUE, PLAN, before).progress, "generic_volume_share")
    assert [a.source for a in held.actuals] == ["document", "computed"]
    assert held.actuals[0] == printed


def test_a_printed_national_mean_and_rank_stay(lake: Lake):
    printed = KpiProgress(measure="generic_volume_share", nation=actual("80.1", "2023-05"), rank=13)
    before = Progress(plan=PLAN.id, period="2023H1", kpis=(printed,))
    held = of(fill(lake, CATALOGUE, PLAN, before).progress, "generic_volume_share")
    assert (held.nation, held.rank) == (printed.nation, 13)
    assert held.actuals[0].source == "computed"


def test_filling_twice_is_filling_once_and_a_newer_figure_takes_the_place_of_an_older(lake: Lake):
    once = fill(
        lake, CATALOGUE, PLAN, progress(PLAN, "2023H1", generic_volume_share=actual("82.4", "2023-08"))
    )
    assert fill(lake, CATALOGUE, PLAN, once.progress).progress == once.progress
    stale = once.progress.model_copy(update={"period": "2023Q1"})
    held = of(fill(lake, CATALOGUE, PLAN, stale).progress, "generic_volume_share")
    assert [(a.source, a.as_of) for a in held.actuals] == [("document", "2023-08"), ("computed", "2023-06")]


def test_a_filled_report_reads_back_as_it_was_written(lake: Lake):
    made = fill(lake, CATALOGUE, PLAN, progress(PLAN, "2023H1")).progress
    assert from_yaml(to_yaml(made), Progress, "x") == made


def test_a_finished_report_is_left_alone(lake: Lake):
    event = FreezeEvent(what="frozen", on=ON, by="本田")
    frozen = progress(PLAN, "2023H1").model_copy(update={"events": (event,)})
    done = fill(lake, CATALOGUE, PLAN, frozen)
    assert done.progress == frozen
    assert set(done.skipped.values()) == {"確定済みの進捗報告です"}


@given(
    st.dictionaries(
        st.sampled_from([f"{n:02d}" for n in range(1, 48)]), st.none() | st.decimals(0, 100, places=1)
    )
)
def test_ranks_are_those_of_counting_who_is_better(values: dict[str, Decimal | None]):
    there = {b: v for b, v in values.items() if v is not None}
    for better, sign in (("higher", 1), ("lower", -1)):
        by_hand = {b: 1 + sum(sign * o > sign * v for o in there.values()) for b, v in there.items()}
        assert ranks(values, better) == by_hand
        if len(set(there.values())) == len(there):
            assert sorted(ranks(values, better).values()) == list(range(1, len(there) + 1))
    assert ranks(values, "") == {}


def test_the_branch_in_the_lake_fills_its_plan(tiny: TinyBranch):
    its = plan(
        kpi("generic_volume_share", {"kind": "generic_80"}),
        kpi("mynumber_record_rate", {"kind": "not_below_last_year"}),
        branch="35",
        year=2025,
    )
    done = fill(tiny.lake, MEASURES, its, progress(its, "2025H1"))
    assert done.filled == ("generic_volume_share", "mynumber_record_rate")
    for measure_id, basis in (("generic_volume_share", "診療分"), ("mynumber_record_rate", "")):
        held = of(done.progress, measure_id)
        shown = figures(tiny.lake, MEASURES[measure_id], branch="35", months=(date(2025, 9, 1),) * 2).row(
            0, named=True
        )
        assert held.actuals[0].value == shown["rate"]
        assert (held.actuals[0].as_of, held.actuals[0].status, held.actuals[0].basis) == (
            "2025-09",
            "final",
            basis,
        )
        assert (held.rank, held.ranked, held.nation) == (None, None, None)  # a lake of one branch
    assert fill(tiny.lake, MEASURES, its, done.progress).progress == done.progress


def test_two_branches_are_ranked_against_each_other(both: TwoBranches):
    found = {}
    for branch in ("13", "35"):
        its = plan(kpi("mynumber_record_rate"), branch=branch, year=2025)
        found[branch] = of(
            fill(both.lake, MEASURES, its, progress(its, "2025Q1")).progress, "mynumber_record_rate"
        )
    assert {k.ranked for k in found.values()} == {2}
    parts = [k.actuals[0] for k in found.values()]
    nation = found["13"].nation
    assert nation is not None
    assert nation.numerator == sum(a.numerator for a in parts if a.numerator)
    assert nation.denominator == sum(a.denominator for a in parts if a.denominator)


# ---- by hand ------------------------------------------------------------------------------------------------------

BY_HAND: dict[str, Any] = {"as_of": "2023-08", "by": "東", "why": "本部の通知 9月号", "on": ON}


def test_an_entry_holds_who_entered_it_and_why_and_how_far_it_is_from_the_computed_figure(lake: Lake):
    filled = fill(lake, CATALOGUE, PLAN, progress(PLAN, "2023H1")).progress
    done = enter(filled, PLAN, "ジェネリック使用割合", value="82.4", status="preliminary", **BY_HAND)
    held = of(done.progress, "generic_volume_share")
    assert [a.source for a in held.actuals] == ["computed", "entered"]
    assert (str(held.actuals[1].value), held.actuals[1].by, held.actuals[1].entered_on) == ("82.4", "東", ON)
    assert str(done.difference) == "0.5"
    assert (
        enter(done.progress, PLAN, "generic_volume_share", value="82.4", status="preliminary", **BY_HAND)
        == done
    )


def test_an_earlier_entry_stays_as_a_record():
    once = enter(progress(PLAN, "2023H1"), PLAN, "postal_application_rate", value="98.3", **BY_HAND).progress
    twice = enter(once, PLAN, "postal_application_rate", value="98.5", **BY_HAND).progress
    assert [str(a.value) for a in of(twice, "postal_application_rate").actuals] == ["98.3", "98.5"]


def test_missing_and_not_applicable_are_entered_without_a_number():
    for state in ("missing", "not_applicable"):
        held = of(
            enter(progress(PLAN, "2023H1"), PLAN, "lifestyle_checkup_rate", state=state, **BY_HAND).progress,
            "lifestyle_checkup_rate",
        )
        assert (held.actuals[0].state, held.actuals[0].value) == (state, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measure": "没有"}, "「没有」というKPIはありません"),
        ({"measure": "single_bid_rate"}, "というKPIはありません"),
        ({"as_of": "2023-03"}, "令和5年度の時点ではありません"),
        ({"as_of": "2024-04"}, "令和5年度の時点ではありません"),
        ({"as_of": "2023-10"}, "より後です"),
        ({"as_of": "FY2023"}, "より後です"),
        ({"as_of": "2023-09-15", "on": date(2023, 9, 14)}, "入力する日（2023-09-14）より先です"),
        ({"as_of": "来月"}, "いつ時点の値か分かりません"),
        ({"as_of": ""}, "いつ時点の値か分かりません"),
        ({"as_of": "2023-13"}, "いつ時点の値か分かりません"),
        ({"value": "984"}, "100％を超えています"),
        ({"value": "-1"}, "0より小さい"),
        ({"value": "約90"}, "半角の数字"),
        ({"value": None}, "数値がありません"),
        ({"value": "90", "state": "missing"}, "同時に入力することはできません"),
        ({"by": " "}, "入力した人と根拠"),
        ({"why": ""}, "入力した人と根拠"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(change: dict[str, Any], said: str):
    asked = {"measure": "postal_application_rate", "value": "98.3", **BY_HAND, **change}
    with pytest.raises(ArgumentError, match=said) as error:
        enter(progress(PLAN, "2023H1"), PLAN, **asked)
    assert error.value.todo


def test_a_finished_report_takes_no_entry():
    event = FreezeEvent(what="frozen", on=ON, by="本田")
    frozen = progress(PLAN, "2023H1").model_copy(update={"events": (event,)})
    with pytest.raises(PlanError, match="確定済み"):
        enter(frozen, PLAN, "postal_application_rate", value="98.3", **BY_HAND)
