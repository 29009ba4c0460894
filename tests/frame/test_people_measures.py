"""Measures of people (1人当たりの指標): properties on any membership, forms, breakdowns, missing data, months."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lakes import fresh, tried
from tests.people import APRIL, AS_OF, lake_of, write

from kenpo.base.errors import MeasureError, NotLoaded
from kenpo.catalogue import DERIVATIONS, MEASURES
from kenpo.foundation import eligibility
from kenpo.frame import BREAKDOWNS, Measure, explain, figures, records, refresh
from kenpo.frame.months import data_months
from kenpo.lake import Lake
from kenpo.strategy import spending

PEOPLE = (*eligibility.INITIATIVE.measures, *spending.INITIATIVE.measures)
MAY = date(2024, 5, 1)
SUMS = ("eligible", "excluded", "denominator", "numerator")
COST, VISITS, DAYS, PER_DAY = (
    MEASURES[m]
    for m in ("medical_cost_per_member", "receipts_per_member", "days_per_receipt", "cost_per_day")
)
CARES = {"入院", "入院外", "歯科", "調剤"}


def refreshed(lake: Lake, measures: tuple[Measure, ...] = PEOPLE) -> Lake:
    refresh(lake, measures, derivations=DERIVATIONS)
    return lake


@st.composite
def branches_of_people(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Members of two branches, some enrolled all the time, and receipts of them and of nobody."""
    who = [f"m{n}" for n in range(draw(st.integers(1, 5)))]
    chosen = st.sampled_from
    member = [
        {
            "member_id": w,
            "branch": draw(chosen(["13", "35"])),
            "birth_date": draw(chosen([date(1950, 5, 1), date(1980, 6, 15), date(2015, 1, 1)])),
            "sex": draw(chosen("12")),
            "municipality": draw(chosen(["13101", "13102", "35201", None])),
            "mynumber": draw(st.booleans()),
        }
        for w in who
    ]
    place = {m["member_id"]: m["branch"] for m in member}
    enrolment = [
        {
            "member_id": w,
            "branch": place[w],
            "kind": draw(chosen(["insured", "dependent"])),
            "workplace": draw(chosen(["11", "22"])),
            "voluntary": draw(chosen([False, False, True])),
            "lost_on": draw(st.none() | chosen([date(2024, 4, 20), MAY])),
        }
        for w in who
    ]
    receipt = []
    for _ in range(draw(st.integers(1, 8))):
        key = draw(chosen([*who, "nobody"]))
        receipt.append(
            {
                "member_key": key,
                "branch": place.get(key, "13"),
                "month": draw(chosen([APRIL, MAY])),
                "kind": draw(chosen(["medical", "dpc", "dental", "pharmacy"])),
                "inpatient": draw(st.booleans()),
                "institution": draw(chosen(["1319990001", "3519990002", "1319990009"])),
                "points": draw(st.integers(0, 9999)),
                "service_days": draw(st.integers(0, 31)),
                "age": draw(chosen([9, 43, 73, None])),
                "sex": draw(chosen("12")),
            }
        )
    return {
        "member": member,
        "enrolment": enrolment,
        "receipt": receipt,
        "remuneration": [{"member_id": w, "branch": place[w]} for w in who[:3]],
        "institution": [
            {},
            {"institution": "3519990002", "municipality_code": "35201"},
            {"institution": "1319990009", "municipality_code": None},
        ],
    }


def sums(frame: pl.DataFrame, *keys: str) -> pl.DataFrame:
    return frame.group_by(keys).agg(pl.col(c).sum() for c in SUMS).sort(keys)


def check(lake: Lake, measure: Measure) -> None:
    """What holds for every figure of a measure, whatever the data."""
    whole = figures(lake, measure)
    assert whole.height == 48 * len(data_months(lake))
    nation = pl.col("branch") == "00"
    assert sums(whole.filter(~nation), "month").equals(sums(whole.filter(nation), "month"))
    for by in (None, *measure.breakdowns):
        rows = figures(lake, measure, by=by)
        for r in rows.iter_rows(named=True):
            assert 0 <= r["excluded"] <= r["eligible"]
            assert r["excluded"] == sum(json.loads(r["excluded_by"]).values())
            if measure.form == "count":
                assert (r["rate"], r["denominator"]) == (r["numerator"], 0)
            else:
                assert (r["rate"] is None) == (r["denominator"] == 0)
            if measure.form == "percent" and measure.unit == "%":
                assert 0 <= r["numerator"] <= r["denominator"]
        spread = by is not None and BREAKDOWNS[by].shared and measure in (COST, VISITS, DAYS, PER_DAY)
        if by is not None and not spread:
            counted = whole.filter(pl.col("eligible") > 0)
            assert sums(rows, "branch", "month").equals(sums(counted, "branch", "month")), by
    for month in data_months(lake):
        said = explain(lake, measure, "00", month)
        listed = records(lake, measure, "00", month)
        counted = listed.filter(pl.col("excluded").is_null())
        assert (listed.height, said.eligible) == (said.eligible, listed.height)
        assert counted["numerator"].sum() == said.numerator
        assert counted["denominator"].sum() == said.denominator
        assert listed["file"].null_count() == 0


@tried(2)
@given(tables=branches_of_people(), chance=st.randoms(use_true_random=False))
def test_what_holds_for_every_measure(tables, chance, tmp_path_factory: pytest.TempPathFactory):
    with fresh(tmp_path_factory) as folder:
        lake = refreshed(lake_of(folder, **tables))
        for measure in PEOPLE:
            check(lake, measure)
        numbered = {
            name: [{"source_line": n + 1, **({"receipt_id": n + 1} if name == "receipt" else {}), **r}
                   for n, r in enumerate(rows)]
            for name, rows in tables.items()
        }  # fmt: skip
        shuffled = {name: chance.sample(rows, len(rows)) for name, rows in numbered.items()}
        (folder / "other").mkdir()
        other = refreshed(lake_of(folder / "other", **shuffled))
        for measure in PEOPLE:
            one, two = (figures(x, measure).drop("cutoff") for x in (lake, other))
            assert one.equals(two), measure.id


@tried(2)
@given(tables=branches_of_people())
def test_cost_per_head_is_the_product_of_its_three_elements(tables, tmp_path_factory: pytest.TempPathFactory):
    """加入者1人当たり医療費 ＝ 受診率 × 1件当たり日数 × 1日当たり医療費, for the total and every kind of care."""
    with fresh(tmp_path_factory) as folder:
        lake = refreshed(lake_of(folder, **tables), (COST, VISITS, DAYS, PER_DAY))
        for by in (None, "care"):
            found = [
                {
                    (r["branch"], r["month"], r["value"]): (
                        Fraction(r["numerator"]),
                        Fraction(r["denominator"]),
                    )
                    for r in figures(lake, measure, by=by).iter_rows(named=True)
                }
                for measure in (COST, VISITS, DAYS, PER_DAY)
            ]
            seen = 0
            for key, cost in found[0].items():
                parts = [f.get(key, (Fraction(), Fraction())) for f in found[1:]]
                if cost[1] and all(d for _, d in parts):
                    seen += 1
                    product = Fraction(1)
                    for n, d in parts:
                        product *= n / d
                    assert product == cost[0] / cost[1], key
            if by == "care" and seen:
                assert {value for *_, value in found[0]} <= CARES


# ---- one case by hand --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """東京: a and her child b of workplace 11, c of 22 in Chiyoda; 山口: d. Tests here only read it."""
    return refreshed(
        lake_of(
            tmp_path_factory.mktemp("people"),
            member=[
                {"sex": "2"},
                {"member_id": "b", "birth_date": date(2015, 1, 1)},
                {"member_id": "c", "municipality": "13104", "mynumber": False},
                {"member_id": "d", "branch": "35", "municipality": "35201"},
            ],
            enrolment=[
                {},
                {"member_id": "b", "kind": "dependent", "insured_id": "a"},
                {"member_id": "c", "workplace": "22"},
                {"member_id": "d", "branch": "35"},
            ],
            workplace=[{}, {"symbol": "22", "industry_section": "E"}, {"symbol": "33"}, {"branch": "35"}],
            remuneration=[{}, {"member_id": "c", "standard": 200_000}],
            receipt=[
                {"sex": "2", "service_days": 2},
                {"sex": "2", "inpatient": True, "points": 50_000, "service_days": 10},
                {"sex": "2", "kind": "pharmacy", "points": 700, "service_days": 2},
                {"member_key": "b", "age": 9, "kind": "dental", "points": 300},
                {"member_key": "c", "points": 400},
                {"member_key": "nobody", "points": 999},
                {"member_key": "d", "branch": "35", "points": 600, "month": MAY},
            ],
            institution=[{}],
        )
    )


def value(lake: Lake, name: str, branch: str = "13", month: date = APRIL, **asked: Any) -> Any:
    rows = figures(lake, MEASURES[name], branch=branch, months=(month, month), **asked)
    found = dict(rows.select("value", "rate").rows())
    return found["total"] if list(found) == ["total"] else found


def test_counts_of_people_and_workplaces(lake: Lake):
    assert [value(lake, m) for m in ("members", "insured", "dependents", "workplaces")] == [3, 2, 1, 3]
    assert value(lake, "members", "00") == 3 + 1
    assert value(lake, "members", "01") == 0
    assert value(lake, "members", by="sex") == {"男": 2, "女": 1}
    assert value(lake, "members", by="member_kind") == {"被保険者": 2, "被扶養者": 1}
    assert value(lake, "members", by="residence") == {"千代田区": 2, "新宿区": 1}
    assert value(lake, "members", by="workplace") == {"13-11": 2, "13-22": 1}
    assert value(lake, "workplaces", by="size") == {"0人": 1, "1-2人": 2}
    assert value(lake, "workplaces", by="industry") == {"製造業": 1, "運輸業，郵便業": 2}


def test_means_and_rates_of_people(lake: Lake):
    assert value(lake, "dependency_ratio") == Decimal("0.50")
    assert value(lake, "average_standard_remuneration") == (300_000 + 200_000) / 2
    assert value(lake, "mynumber_record_rate") == Decimal("66.7")
    assert value(lake, "receipt_match_rate") == Decimal("83.33")
    assert value(lake, "average_standard_remuneration", "35") is None
    said = explain(lake, MEASURES["average_standard_remuneration"], "35", APRIL)
    assert (said.excluded, said.eligible) == ({"voluntary": 0, "no_standard": 1}, 1)


def test_cost_per_head_and_its_elements(lake: Lake):
    yen = 10 * (1000 + 50_000 + 700 + 300 + 400)
    assert value(lake, "medical_cost_per_member") == round(yen / 3)
    assert value(lake, "receipts_per_member") == Decimal("1.3333")
    assert value(lake, "days_per_receipt") == (2 + 10 + 1 + 1) / 4
    assert value(lake, "cost_per_day") == round(yen / (2 + 10 + 1 + 1))
    assert value(lake, "medical_cost_per_member", by="care") == {
        "入院": round(500_000 / 3),
        "入院外": round(14_000 / 3),
        "歯科": 1000,
        "調剤": round(7000 / 3),
    }
    assert value(lake, "receipts_per_member", by="care")["調剤"] == Decimal("0.3333")
    assert value(lake, "days_per_receipt", by="care")["調剤"] == 2


def test_one_axis_within_a_value_of_another(lake: Lake):
    asked = {"by": "sex", "where": {"care": "入院"}}
    assert value(lake, "medical_cost_per_member", **asked) == {"男": 0, "女": 500_000}
    assert value(lake, "medical_cost_per_member", where={"care": "調剤", "sex": "女"}) == 7000
    assert value(lake, "receipts_per_member", where={"care": "調剤", "sex": "女"}) == 1
    assert value(lake, "receipts_per_member", where={"sex": "女"}) == 2
    for by in ("age_band", "sex", "member_kind"):
        every = figures(lake, COST, by=by).drop("cutoff")
        again = pl.concat(
            figures(lake, COST, where={by: label}).with_columns(value=pl.lit(label))
            for label in every["value"].unique()
        )
        keys = ["branch", "month", "value"]
        assert again.select(every.columns).sort(keys).drop("cutoff", strict=False).equals(every.sort(keys))


def test_a_value_that_is_not_there_is_refused_with_those_that_are(lake: Lake):
    with pytest.raises(MeasureError, match="入院外"):
        figures(lake, COST, where={"care": "往診"})
    with pytest.raises(MeasureError, match="使える内訳"):
        figures(lake, COST, where={"size": "0人"})


def test_the_index_of_the_nation_is_100_and_says_how_few_branches_there_are(lake: Lake):
    assert value(lake, "medical_cost_index", "00") == 100
    said = explain(lake, MEASURES["medical_cost_index"], "13", APRIL)
    assert any("2 支部" in note for note in said.notes)
    april = {"女40-44": (517_000, 1), "男40-44": (4000, 2), "男5-9": (3000, 1)}
    expected = april["女40-44"][0] + april["男40-44"][0] / 2 + april["男5-9"][0]
    assert (said.numerator, said.denominator) == (517_000 + 4000 + 3000, expected)


def test_where_patients_go_and_come_from(lake: Lake):
    """a and b live where the institution is, c next door, and d in another prefecture."""
    assert value(lake, "patient_outflow_rate") == Decimal("33.3")
    assert value(lake, "patient_outflow_rate", by="residence") == {"千代田区": 0, "新宿区": 100, "不明": None}
    assert value(lake, "patient_outflow_rate", "35", MAY) == 100
    assert value(lake, "patient_inflow_rate", by="municipality") == {"千代田区": Decimal("33.3")}
    said = explain(lake, MEASURES["patient_inflow_rate"], "35", MAY)
    assert said.excluded["institution_elsewhere"] == 1


def test_a_figure_per_head_leads_back_to_receipts_and_to_members(lake: Lake):
    listed = records(lake, COST, "13", APRIL)
    files = listed.group_by("file").agg(pl.col("numerator").sum(), pl.col("denominator").sum())
    assert set(listed["file"]) == {"receipt.csv", "enrolment.csv"}
    assert files.filter(file="enrolment.csv").row(0)[1:] == (0, 3)
    said = explain(lake, COST, "13", APRIL)
    assert said.contributors.select("item", "item_label", "units").rows() == [("1319990001", "架空医院", 5)]
    assert said.excluded["unregistered"] == 1


def test_states_have_no_year_to_date_and_flows_have_the_mean_of_their_months(lake: Lake):
    for measure in PEOPLE:
        if measure.flow:
            continue
        with pytest.raises(MeasureError, match="月末時点"):
            figures(lake, measure, window="fytd")
    rows = figures(lake, COST, branch="35", window="fytd")
    assert rows.select("month", "rate").rows() == [(APRIL, 0), (MAY, 6000 / 2)]


# ---- months and missing data -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_of", "first", "last"),
    [
        (date(2024, 9, 30), APRIL, date(2024, 9, 1)),
        (date(2024, 10, 1), APRIL, date(2024, 9, 1)),
        (date(2024, 10, 30), APRIL, date(2024, 9, 1)),
        (date(2024, 4, 29), date(2023, 4, 1), date(2024, 3, 1)),
        (date(2024, 4, 30), APRIL, APRIL),
    ],
)
def test_without_receipts_the_year_up_to_the_last_whole_month_is_covered(
    as_of: date, first: date, last: date, tmp_path: Path
):
    months = data_months(lake_of(tmp_path, enrolment=[{"as_of": as_of}]))
    assert (months[0], months[-1]) == (first, last)


def test_without_receipts_people_are_counted_and_receipts_are_asked_for(tmp_path: Path):
    lake = lake_of(tmp_path, enrolment=[{}])
    done = refresh(lake, list(MEASURES.values()), derivations=DERIVATIONS)
    assert value(lake, "members") == 1
    assert {"receipt_match_rate", COST.id, "generic_volume_share"} <= set(done.skipped)
    with pytest.raises(NotLoaded, match="レセプト"):
        figures(lake, COST)


def test_without_membership_the_figures_of_people_say_what_to_load(tmp_path: Path):
    lake = lake_of(tmp_path, receipt=[{}])
    with pytest.raises(NotLoaded, match="資格データが取り込まれていない"):
        refresh(lake, PEOPLE, derivations=DERIVATIONS)
    for ask in (lambda: figures(lake, COST), lambda: explain(lake, COST, "13", APRIL)):
        with pytest.raises(NotLoaded, match="kenpo load"):
            ask()
    write(lake, "enrolment", [{}])
    assert value(refreshed(lake), "medical_cost_per_member") == 10_000


def test_a_derived_table_older_than_the_data_is_refused(tmp_path: Path):
    lake = refreshed(lake_of(tmp_path, enrolment=[{}], receipt=[{}]))
    write(lake, "receipt", [{"receipt_id": 9}], "more")
    assert value(lake, "medical_cost_per_member") == 10_000
    for ask in (lambda: explain(lake, COST, "13", APRIL), lambda: figures(lake, COST, by="workplace")):
        with pytest.raises(MeasureError, match="kenpo refresh"):
            ask()
    assert value(refreshed(lake), "medical_cost_per_member") == 20_000


def test_months_after_the_membership_are_noted(tmp_path: Path):
    late = date(2025, 4, 1)
    assert late > AS_OF
    lake = refreshed(lake_of(tmp_path, enrolment=[{}], receipt=[{"month": late}]))
    assert any("基準日（2025-03-31）" in n for n in explain(lake, COST, "13", late).notes)


def test_an_unknown_age_is_in_no_band_and_in_no_index(tmp_path: Path):
    lake = refreshed(
        lake_of(
            tmp_path,
            member=[{}],
            enrolment=[{}, {"member_id": "b"}],
            receipt=[{}, {"age": None, "points": 7}, {"member_key": "b", "sex": None, "points": 9}],
        )
    )
    assert value(lake, "members", by="age_band") == {"40-44": 1, "不明": 1}
    said = explain(lake, MEASURES["medical_cost_index"], "13", APRIL)
    assert said.excluded["unknown_age"] == 1 + 2
    assert (said.numerator, said.denominator) == (10_000, 10_000)


def test_missing_files_of_members_and_workplaces_are_noted(tmp_path: Path):
    lake = refreshed(lake_of(tmp_path, enrolment=[{}], member=[], workplace=[]))
    notes = explain(lake, MEASURES["members"], "13", date(2025, 3, 1)).notes
    assert [("加入者" in n, "事業所" in n) for n in notes] == [(True, False), (False, True)]
