"""進捗一覧: one row per KPI, worked out once for everybody who shows it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.branches import TinyBranch
from tests.plan.figures import lake_of, measure, months
from tests.plan.plans import actual, kpi, plan, progress

from kenpo.catalogue import MEASURES
from kenpo.plan.board import BESIDE, as_of_text, board
from kenpo.plan.filling import fill
from kenpo.plan.health import health
from kenpo.plan.judging import Code, Mark
from kenpo.plan.model import (
    Actual,
    Initiative,
    InitiativeProgress,
    Kpi,
    KpiProgress,
    Pillar,
    Progress,
    Review,
    Row,
)
from kenpo.plan.store import Plans

TODAY = date(2023, 10, 20)
CHECKUP = measure("lifestyle_checkup_rate")
AT_LEAST = {"kind": "at_least", "value": "59.9"}


def row(its: Kpi, *actuals: Actual, period: str = "2023H1", **rest: Any) -> Row:
    """The row of one KPI with these figures."""
    held = plan(its, branch=rest.pop("branch", "13"), year=int(period[:4]))
    assert its.measure
    return board(held, progress(held, period, **{its.measure: actuals}), **{"today": TODAY, **rest}).rows[0]


# ---- figures for people ---------------------------------------------------------------------------------------------


def test_missing_zero_and_not_applicable_are_three_different_things():
    its = kpi("lifestyle_checkup_rate", AT_LEAST)
    none = row(its)
    missing = row(its, actual(None, text="（下期実施予定）"))
    zero = row(its, actual("0", "2023-08"))
    never = row(its, Actual(state="not_applicable", text="対象者がいない"))
    assert [r.shown for r in (none, missing, zero, never)] == ["－", "－", "0％", "対象外"]
    assert [r.verdict for r in (none, missing, zero, never)] == [
        Code.UNDECIDED,
        Code.UNDECIDED,
        Code.BEHIND,
        Code.NOT_APPLICABLE,
    ]
    assert missing.reason == "実績がまだありません（下期実施予定）"
    assert [r.suggested for r in (none, missing, zero, never)] == [
        Mark.TO_BE_DONE,
        Mark.TO_BE_DONE,
        Mark.IN_PROGRESS,
        None,
    ]


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (actual("8.4", "2023-08"), "8月時点"),
        (actual("8.4", "2022-08"), "令和4年8月時点"),
        (actual("81.9", "2023-05", basis="診療分"), "令和5年5月診療分"),
        (actual("93.0", "2021-06-30"), "令和3年6月30日現在"),
        (actual("99.92", "FY2019"), "令和元年度末"),
        (actual("39.46", "2023-09", status="preliminary"), "9月時点（速報）"),
        (actual("39.46", "2023-09", status="provisional"), "9月時点（暫定）"),
        (actual("39.46", "2023-09", status="final"), "9月時点"),
        (actual("39.46"), ""),
        (None, ""),
    ],
)
def test_when_a_figure_is_of_is_told_as_documents_tell_it(figure: Actual | None, said: str):
    assert as_of_text(figure, 2023) == said


def test_printed_digits_stay():
    assert (
        row(kpi("single_bid_rate", {"kind": "at_most", "value": 20}), actual("5.0", "2023-09")).shown
        == "5.0％"
    )
    assert row(kpi("health_declaration_offices"), actual("2424", "2023-09")).shown == "2,424事業所"


def test_a_kpi_stands_with_its_pillar_and_initiative_and_those_beside_the_plan_come_last():
    held = plan(kpi("lifestyle_checkup_rate", AT_LEAST))
    report = progress(held, "2023H1", service_standard_avg_days=actual("6.03", "2023-06"))
    first, last = board(held, report, today=TODAY).rows
    assert (first.key, first.pillar, first.initiative) == ("1/①", "1. 基盤的保険者機能", "① 施策")
    assert (last.title, last.pillar, last.shown, last.verdict) == ("平均所要日数", BESIDE, "6.03日", None)
    assert last.flags == ()


def test_a_kpi_of_no_catalogue_is_found_by_its_text():
    its = Kpi.model_validate(
        {"text": "窓口の待ち時間を10分以下とする", "target": {"kind": "at_most", "value": 10}, "unit": "分"}
    )
    held = plan(its)
    said = KpiProgress(text=its.text, actuals=(actual("8.5", "2023-09"),))
    made = board(held, Progress(plan=held.id, period="2023H1", kpis=(said,)), today=TODAY).rows[0]
    assert (made.title, made.shown, made.verdict) == (its.text, "8.5分", Code.MET)


# ---- verdict, path, forecast ----------------------------------------------------------------------------------------

SLOW_START = [(2, 100)] * 3 + [(4, 100)] * 3 + [(7, 100)] * 6  # 2 % in June, 3 % in September, 5 % in March


def test_a_figure_that_grows_is_held_against_the_path_of_past_years(tmp_path: Path):
    lake = lake_of(
        tmp_path / "lake",
        {CHECKUP: {"13": months(2021, SLOW_START) | months(2022, SLOW_START) | months(2023, [(3, 100)] * 3)}},
    )
    its = kpi("lifestyle_checkup_rate", {"kind": "at_least", "value": "6.0"})
    held = plan(its)
    known = {"lake": lake, "measures": {CHECKUP.id: CHECKUP}}
    report = fill(lake, known["measures"], held, progress(held, "2023Q1")).progress
    made = board(held, report, today=TODAY, **known).rows[0]
    assert (made.shown, made.as_of) == ("3.0％", "6月時点（暫定）")
    assert str(made.expected) == "2.4"  # 6.0 × (2 ÷ 5)
    assert made.verdict is Code.ON_PATH
    assert made.suggested is Mark.FAR_ABOVE  # 3.0 is a quarter above 2.4
    assert made.path == "令和3年度・令和4年度の月別実績の平均"
    assert made.forecast is not None
    assert str(made.forecast.value) == "7.5"  # 3.0 ÷ (2 ÷ 5)
    assert made.forecast.reach == "達する見込み"
    assert str(made.forecast.pace_needed) == "0.33"  # (6.0 − 3.0) ÷ 9 months
    assert made.last_year_text == "5.0％"
    assert [(t.year, str(t.value)) for t in made.trend] == [(2021, "5.0"), (2022, "5.0")]
    assert (
        made.explain == "kenpo show lifestyle_checkup_rate --branch 13 --month 2023-04..2023-06 --window fytd"
    )


def test_within_a_month_the_path_stands_between_its_ends():
    its = kpi("lifestyle_checkup_rate", {"kind": "at_least", "value": 60})
    assert str(row(its, actual("16.0", "2023-06-30")).expected) == "15.0"
    assert str(row(its, actual("16.0", "2023-06-15")).expected) == "12.5"  # 10.0 and half of 5.0
    assert str(row(its, actual("2.0", "2023-04-15")).expected) == "2.5"


def test_at_the_years_end_the_target_itself_counts():
    its = kpi("lifestyle_checkup_rate", AT_LEAST)
    for as_of in ("2024-03", "FY2023", "2024-03-31"):
        made = row(its, actual("59.85", as_of), period="2023")
        assert (made.verdict, made.expected) == (Code.MET, None)
        assert made.trend[-1].year == 2023
    assert row(its, actual("59.0", "2024-03"), period="2023").verdict is Code.NOT_MET
    assert row(its, actual("59.0", "2024-03-15"), period="2023").verdict is Code.ON_PATH


def test_a_target_for_the_end_of_an_action_plan_is_not_judged_before(tmp_path: Path):
    held = plan(
        kpi("lifestyle_checkup_rate", AT_LEAST), branch="00", year=2021, kind="action_plan", last_year=2023
    )
    figure = actual("52.0", "FY2022")
    early = board(held, progress(held, "2022", lifestyle_checkup_rate=figure), today=TODAY).rows[0]
    assert (early.verdict, early.suggested, early.forecast) == (Code.UNDECIDED, None, None)
    assert "令和5年度末の目標 59.9％以上" in early.reason
    last = board(
        held, progress(held, "2023", lifestyle_checkup_rate=actual("52.0", "FY2023")), today=TODAY
    ).rows[0]
    assert last.verdict is Code.NOT_MET


def test_last_year_comes_from_last_years_report(tmp_path: Path):
    plans = Plans(tmp_path)
    before = plan(kpi("generic_volume_share"), year=2022)
    plans.save(before)
    plans.save(progress(before, "2022", generic_volume_share=actual("80.6", "2023-03")))
    its = kpi("generic_volume_share", {"kind": "not_below_last_year", "year_end": True})
    made = row(its, actual("81.9", "2023-05"), plans=plans)
    assert made.target == "対前年度末以上（前年度末 80.6％）"
    assert made.reason == "現時点の実績 81.9％、前年度末 80.6％以上（年度末の値で決まります）"
    assert made.suggested is Mark.AS_PLANNED
    assert row(its, actual("80.0", "2023-05"), plans=plans).suggested is Mark.IN_PROGRESS


def test_a_new_kpi_has_no_last_year_and_an_unknown_one_is_flagged():
    relative = {"kind": "not_below_last_year"}
    new = Actual(text="【新設】", state="not_applicable", as_of="FY2022")
    made = row(kpi("mynumber_record_rate", relative, references=(new,)), actual("95.0", "2023-08"))
    assert made.last_year_text == "対象外（新設のため前年度の値がない）"
    unknown = row(kpi("mynumber_record_rate", relative), actual("95.0", "2023-08"))
    assert (unknown.last_year_text, unknown.verdict, unknown.suggested) == ("－", Code.UNDECIDED, None)
    assert "目標の水準が決まりません（前年度の値が分かりません）" in unknown.flags


def test_few_tenders_are_judged_by_their_number():
    its = kpi("single_bid_rate", {"kind": "single_bid"})
    few = row(its, actual("25.0", "2023-09", numerator=1, denominator=4))
    assert (few.verdict, few.suggested) == (Code.MET, Mark.AS_PLANNED)
    assert few.reason == "入札4件のうち一者応札1件（入札4件以下の場合は一者応札1件以下）"
    none = row(
        its, Actual(state="not_applicable", as_of="2023-09", numerator=Decimal(0), denominator=Decimal(0))
    )
    assert (none.shown, none.verdict) == ("対象外", Code.MET)


def test_what_is_done_is_counted_in_months_branches_or_words():
    told = row(
        kpi("opinion_dissemination", {"kind": "done"}, unit=""), Actual(text="国保運営協議会で意見を発信した")
    )
    assert (told.shown, told.verdict, told.suggested) == ("実施", Code.MET, Mark.AS_PLANNED)
    assert "文章から「実施」とみなしています" in told.flags
    monthly = kpi("sns_monthly_posting", {"kind": "done", "every_month": True})
    assert row(monthly, actual("6", "2023-09")).verdict is Code.MET
    assert row(monthly, actual("5", "2023-09")).suggested is Mark.TO_BE_DONE
    assert row(monthly, Actual(text="毎月配信した", as_of="2023-09")).verdict is Code.MET
    assert row(monthly, Actual(text="春に配信した", as_of="2023-09")).verdict is Code.UNDECIDED
    every = kpi("opinion_dissemination", {"kind": "done", "all_branches": True})
    made = row(every, actual("38", "2024-03"), period="2023", branch="00")
    assert (made.shown, made.verdict, made.reason) == ("38支部", Code.NOT_MET, "47支部のうち38支部で実施")


@pytest.mark.parametrize(
    ("target", "value", "mark"),
    [
        ({"kind": "at_least", "value": "50.0"}, "55.0", Mark.FAR_ABOVE),
        ({"kind": "at_least", "value": "50.0"}, "54.9", Mark.AS_PLANNED),
        ({"kind": "at_least", "value": "50.0"}, "49.9", Mark.IN_PROGRESS),
        ({"kind": "at_most", "value": "20.0"}, "18.0", Mark.FAR_ABOVE),
        ({"kind": "at_most", "value": "20.0"}, "18.1", Mark.AS_PLANNED),
        ({"kind": "at_most", "value": "20.0"}, "20.1", Mark.IN_PROGRESS),
    ],
)
def test_the_mark_far_above_begins_a_tenth_beyond_the_target(target: dict[str, str], value: str, mark: Mark):
    assert row(kpi("committee_coverage_rate", target), actual(value, "2023-09")).suggested is mark


def test_a_guessed_path_never_gives_far_above():
    assert (
        row(kpi("lifestyle_checkup_rate", AT_LEAST), actual("40.0", "2023-06")).suggested is Mark.AS_PLANNED
    )


def test_a_persons_mark_stays_beside_the_suggested_one():
    held = plan(kpi("lifestyle_checkup_rate", AT_LEAST))
    report = progress(held, "2023H1", lifestyle_checkup_rate=actual("8.4", "2023-06")).model_copy(
        update={"initiatives": (InitiativeProgress(initiative="1/①", marks=(Mark.DROPPED,)),)}
    )
    made = board(held, report, today=TODAY).rows[0]
    assert (made.mark, made.suggested) == (Mark.DROPPED, Mark.IN_PROGRESS)


# ---- what to look at ------------------------------------------------------------------------------------------------


def test_figures_of_the_same_month_that_differ_are_shown():
    its = kpi("generic_volume_share", {"kind": "at_least", "value": 80})
    computed = actual("81.7", "2023-05", source="computed")
    made = row(its, actual("81.9", "2023-05"), computed)
    assert made.actual == computed
    assert made.difference is not None
    assert str(made.difference.by) == "-0.2"
    assert "文書の値 81.9％ と、自動計算の値 81.7％ が違います（差 -0.2）" in made.flags
    assert made.explain == "kenpo explain generic_volume_share --branch 13 --month 2023-05"
    assert row(its, actual("81.7", "2023-05"), computed).difference is None
    newer = row(its, actual("81.9", "2023-06"), computed)
    assert (newer.shown, newer.difference, newer.explain) == ("81.9％", None, "")


def test_old_figures_open_reviews_and_missing_targets_are_flagged():
    doubtful = kpi("generic_volume_share", None, review=(Review(what="目標が読めない"),))
    made = row(doubtful, actual("81.9", "2023-04"))
    assert made.flags == (
        "目標がありません",
        "実績が古くなっています（2023-04。4か月より前）",
        "要確認：目標が読めない",
    )
    assert (
        row(kpi("generic_volume_share", {"kind": "at_least", "value": 80}), actual("81.9", "2023-05")).flags
        == ()
    )


def test_a_plan_is_well_kept_where_somebody_is_in_charge_and_the_next_step_is_written():
    good = Initiative(
        number="①",
        title="健診",
        text=("受診を勧める",),
        owner="保健グループ",
        kpis=(kpi("lifestyle_checkup_rate", AT_LEAST),),
    )
    bare = Initiative(number="②", title="名前だけ")
    heading = Initiative(number="③", title="見出し", children=(good.model_copy(update={"number": "i)"}),))
    held = plan(pillars=(Pillar(number="2", title="戦略的保険者機能", initiatives=(good, bare, heading)),))
    report = progress(held, "2023H1", lifestyle_checkup_rate=actual("30.0", "2023-08")).model_copy(
        update={"initiatives": (InitiativeProgress(initiative="2/①", next=("下期に再勧奨",)),)}
    )
    made = board(held, report, today=TODAY)
    found = health(held, report, made.rows, today=TODAY)
    assert [(k.key, k.flags) for k in found.initiatives] == [
        ("2/①", ()),
        ("2/②", ("担当が書かれていません", "内容の説明がありません", "次の取組が書かれていません")),
        ("2/③/i)", ("次の取組が書かれていません",)),
    ]
    assert (found.share, found.share_of("owner"), found.share_of("target")) == (
        Fraction(1, 3),
        Fraction(2, 3),
        Fraction(1),
    )
    assert health(held, None, made.rows, today=TODAY).share_of("next") is None


# ---- the invented branch --------------------------------------------------------------------------------------------


def test_the_board_of_the_invented_branch(tiny: TinyBranch, tmp_path: Path):
    held = plan(
        kpi("generic_volume_share", {"kind": "at_least", "value": 80}),
        kpi("mynumber_record_rate", {"kind": "at_least", "value": 50}),
        branch="35",
        year=2025,
    )
    report = fill(tiny.lake, MEASURES, held, progress(held, "2025H1")).progress
    made = board(
        held, report, lake=tiny.lake, measures=MEASURES, plans=Plans(tmp_path), today=date(2025, 10, 20)
    )
    generic, mynumber = made.rows
    assert generic.as_of == "令和7年9月診療分"
    assert mynumber.as_of == "9月時点"
    assert generic.explain == "kenpo explain generic_volume_share --branch 35 --month 2025-09"
    assert generic.verdict in (Code.MET, Code.NOT_MET)
    assert (generic.rank, generic.nation_text) == (
        None,
        "－",
    )  # a lake of one branch knows nothing of the nation
    assert all(r.flags == () for r in made.rows)
