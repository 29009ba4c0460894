"""全支部一覧: ranks, national means, targets and movements, against what a clerk works out by hand."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.branches import TwoBranches
from tests.plan.figures import lake_of, measure, months
from tests.plan.plans import actual, kpi, plan, progress

from kenpo.base.branches import BRANCH_CODES
from kenpo.base.errors import ArgumentError
from kenpo.catalogue import MEASURES
from kenpo.lake import Lake
from kenpo.plan.model import Actual
from kenpo.plan.rollup import Rollup, rollup
from kenpo.plan.store import Plans

GENERIC = measure("generic_volume_share")
CATALOGUE = {GENERIC.id: GENERIC}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Four branches over two years; 北海道 is loaded one month further than the others."""
    flat = [(80, 100)] * 12
    return lake_of(
        tmp_path / "lake",
        {
            GENERIC: {
                "13": months(2022, flat) | months(2023, [(800, 1000), (812, 1000)]),
                "35": months(2022, flat) | months(2023, [(85, 100), (84, 100)]),
                "27": months(2023, [(85, 100), (84, 100)]),
                "01": months(2023, [(7, 10), (7, 10), (9, 10)]),
            }
        },
    )


@pytest.fixture
def plans(tmp_path: Path) -> Plans:
    """The nation's plan, and those of 東京 and 山口 with what they reported."""
    folder = Plans(tmp_path / "plans")
    nation = plan(
        kpi("generic_volume_share", {"kind": "at_least", "value": 80}),
        kpi("health_declaration_offices", {"kind": "at_least", "value": 70000}),
        kpi("lifestyle_checkup_rate", {"kind": "at_least", "value": "63.9"}),
        kpi("judo_multisite_frequent_rate", {"kind": "at_most", "value": "1.00"}),
        branch="00",
    )
    tokyo = plan(kpi("generic_volume_share", {"kind": "at_least", "value": "81.5"}))
    yamaguchi = plan(kpi("health_declaration_offices", {"kind": "at_least", "value": 600}), branch="35")
    for held in (
        nation,
        tokyo,
        yamaguchi,
        progress(nation, "2023H1", lifestyle_checkup_rate=actual("23.4", "2023-08")),
        progress(
            tokyo,
            "2023Q1",
            lifestyle_checkup_rate=actual("8.4", "2023-06"),
            judo_multisite_frequent_rate=actual("0.84", "2023-06"),
        ),
        progress(tokyo, "2023H1", lifestyle_checkup_rate=actual("20.1", "2023-08")),
        progress(tokyo, "2023", lifestyle_checkup_rate=actual("60.0", "2024-03")),
        progress(
            yamaguchi,
            "2023H1",
            lifestyle_checkup_rate=actual("21.0", "2023-08"),
            judo_multisite_frequent_rate=actual("1.27", "2023-06"),
            health_declaration_offices=actual("597", "2023-09"),
        ),
    ):
        folder.save(held)
    return folder


def table(lake: Lake, plans: Plans | None = None, period: str = "2023H1") -> Rollup:
    return rollup(period, lake=lake, measures=CATALOGUE, plans=plans)


def line(made: Rollup, measure_id: str = "generic_volume_share"):
    found = made.of(measure_id)
    assert found is not None
    return found


def test_every_branch_has_a_cell_for_every_kpi(lake: Lake, plans: Plans):
    made = table(lake, plans)
    assert [one.measure for one in made.lines] == [
        "generic_volume_share",
        "health_declaration_offices",
        "lifestyle_checkup_rate",
        "judo_multisite_frequent_rate",
    ]
    assert all(tuple(c.branch for c in one.cells) == BRANCH_CODES for one in made.lines)


def test_the_month_is_the_one_most_branches_have(lake: Lake):
    assert line(table(lake)).as_of == "2023-05"
    assert line(table(lake)).of("01").value == Decimal("70.0")  # not June, which 北海道 alone has


def test_ranks_are_shared_by_equal_figures_and_branches_without_one_have_none(lake: Lake):
    one = line(table(lake))
    assert {b: one.of(b).rank for b in ("35", "27", "13", "01", "47")} == {
        "35": 1,  # 84.0
        "27": 1,  # 84.0
        "13": 3,  # 81.2
        "01": 4,  # 70.0
        "47": None,
    }
    assert one.ranked == 4
    assert one.of("47").state == "missing"


def test_the_nation_is_its_own_ratio(lake: Lake):
    one = line(table(lake))
    assert one.nation == Decimal("81.6")  # (812 + 84 + 84 + 7) of (1000 + 100 + 100 + 10) = 987 of 1210
    assert one.of("35").to_nation == Decimal("2.4")


def test_the_target_is_the_branchs_own_or_else_the_nations(lake: Lake, plans: Plans):
    one = line(table(lake, plans))
    tokyo, yamaguchi = one.of("13"), one.of("35")
    assert (tokyo.target, tokyo.target_of, str(tokyo.to_target)) == ("81.5％以上", "支部", "-0.3")
    assert (yamaguchi.target, yamaguchi.target_of, str(yamaguchi.to_target)) == ("80％以上", "全国", "4.0")


def test_a_number_for_the_whole_nation_is_no_target_of_a_branch(lake: Lake, plans: Plans):
    one = line(table(lake, plans), "health_declaration_offices")
    assert (one.of("35").target_of, one.of("35").to_target) == ("支部", Decimal(-3))
    assert (one.of("13").target, one.of("13").target_of, one.of("13").level) == ("", "", None)


def test_lower_is_better_where_it_is(lake: Lake, plans: Plans):
    one = line(table(lake, plans), "judo_multisite_frequent_rate")
    assert (one.of("13").rank, one.of("35").rank) == (1, 2)
    assert (str(one.of("13").to_target), str(one.of("35").to_target)) == ("0.16", "-0.27")


def test_what_the_lake_does_not_tell_comes_from_the_reports_up_to_the_period(lake: Lake, plans: Plans):
    one = line(table(lake, plans), "lifestyle_checkup_rate")
    assert (one.of("13").value, one.of("13").as_of, one.of("13").source) == (
        Decimal("20.1"),
        "2023-08",
        "document",
    )
    assert (one.of("35").rank, one.of("13").rank, one.ranked) == (1, 2, 2)
    assert (one.nation, one.of("13").to_nation) == (Decimal("23.4"), Decimal("-3.3"))
    quarter = line(table(lake, plans, "2023Q1"), "lifestyle_checkup_rate")
    assert (quarter.of("13").value, quarter.of("35").value, quarter.nation) == (Decimal("8.4"), None, None)


def test_change_is_against_the_same_month_of_last_year(lake: Lake):
    one = line(table(lake))
    assert (one.of("13").last_year, one.of("13").change) == (Decimal("80.0"), Decimal("1.2"))
    assert (one.of("27").last_year, one.of("27").change) == (None, None)


def test_movers_are_those_that_moved_most_since_the_month_before(lake: Lake):
    one = line(table(lake))
    assert [(c.branch, str(c.moved)) for c in one.movers()] == [("13", "1.2"), ("27", "-1.0"), ("35", "-1.0")]
    assert [c.branch for c in one.movers(1)] == ["13"]


def test_without_plans_the_measures_of_the_lake_are_shown(lake: Lake):
    assert [one.measure for one in table(lake).lines] == ["generic_volume_share"]


def test_a_plan_file_that_cannot_be_read_is_named_and_the_rest_is_shown(lake: Lake, plans: Plans):
    plans.path("13-2023", "2023H1").write_text("format: 何か\n", encoding="utf-8")
    made = table(lake, plans)
    assert line(made, "lifestyle_checkup_rate").of("13").value == Decimal("8.4")
    assert "13-2023 令和5年度上期の進捗は使えない" in made.notes[0]


def test_a_measure_that_was_not_refreshed_is_noted(plans: Plans, tmp_path: Path):
    made = table(Lake.create(tmp_path / "empty"), plans)
    assert "まだ計算されていません" in made.notes[0]
    assert line(made).nation is None


def test_a_period_that_is_none_is_refused(lake: Lake):
    with pytest.raises(ArgumentError, match="期間ではありません"):
        table(lake, period="来期")


def test_two_invented_branches_and_their_nation(both: TwoBranches):
    made = rollup("2025Q1", lake=both.lake, measures=MEASURES)
    one = line(made, "mynumber_record_rate")
    assert {c.branch for c in one.cells if c.value is not None} == {"13", "35"}
    values = [one.of(b).value for b in ("13", "35")]
    assert sorted(one.of(b).rank or 0 for b in ("13", "35")) == ([1, 2] if len(set(values)) == 2 else [1, 1])
    assert one.nation is not None
    assert min(v for v in values if v is not None) <= one.nation <= max(v for v in values if v is not None)


@given(st.dictionaries(st.sampled_from(BRANCH_CODES), st.decimals(0, 100, places=1), min_size=1, max_size=12))
def test_ranks_of_different_figures_are_a_permutation(values: dict[str, Decimal]):
    with tempfile.TemporaryDirectory() as made:
        folder = Plans(Path(made))
        for branch, value in values.items():
            its = plan(kpi("lifestyle_checkup_rate"), branch=branch)
            folder.save(its)
            folder.save(progress(its, "2023H1", lifestyle_checkup_rate=Actual(value=value, as_of="2023-08")))
        one = line(rollup("2023H1", plans=folder), "lifestyle_checkup_rate")
    ranked = {c.branch: c.rank for c in one.cells if c.rank is not None}
    assert set(ranked) == set(values)
    assert one.ranked == len(values)
    if len(set(values.values())) == len(values):
        assert sorted(ranked.values()) == list(range(1, len(values) + 1))
    assert all(
        (ranked[a] < ranked[b]) == (values[a] > values[b])
        for a in ranked
        for b in ranked
        if values[a] != values[b]
    )
