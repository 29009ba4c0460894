"""Members and workplaces at the end of a month (加入者月・事業所月): cases by hand, and a slow oracle."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lakes import fresh, rows, tried
from tests.people import APRIL, lake_of

from kenpo.base.age import age_on, fiscal_year_end_age
from kenpo.base.fiscal import fy, month_end
from kenpo.catalogue import DERIVATIONS
from kenpo.foundation.eligibility.members import member_month, workplace_month
from kenpo.frame.derivation import derive
from kenpo.lake import Lake
from kenpo.law.remuneration import grades

MONTHS = [date(2024, m, 1) for m in (3, 4, 5)]
LAST = date(2024, 4, 30)


def derived(lake: Lake, months: list[date] | None = None) -> Lake:
    with lake.writing():
        derive(lake, [member_month, workplace_month], months or [APRIL])
    return lake


def members(folder: Path, **tables: Any) -> pl.DataFrame:
    return rows(derived(lake_of(folder, **tables)), "member_month")


@pytest.mark.parametrize(
    ("acquired_on", "lost_on", "counts"),
    [
        (LAST, None, True),
        (LAST + timedelta(1), None, False),
        (date(2020, 4, 1), LAST, False),
        (date(2020, 4, 1), LAST + timedelta(1), True),
        (LAST, LAST, False),
    ],
)
def test_a_member_counts_when_enrolled_on_the_last_day(
    acquired_on: date, lost_on: date | None, counts: bool, tmp_path: Path
):
    found = members(tmp_path, enrolment=[{"acquired_on": acquired_on, "lost_on": lost_on}])
    assert found.height == int(counts)


def test_a_closed_workplace_does_not_take_its_members_away(tmp_path: Path):
    found = members(
        tmp_path, enrolment=[{}], workplace=[{"closed_on": date(2024, 1, 1), "industry_section": "H"}]
    )
    assert found["industry_section"].to_list() == ["H"]


@pytest.mark.parametrize(
    ("spans", "kept"),
    [
        ([{"workplace": "11"}, {"workplace": "22", "acquired_on": date(2024, 4, 2)}], "22"),
        ([{"workplace": "11", "kind": "dependent"}, {"workplace": "22", "branch": "35"}], "22"),
        ([{"workplace": "11", "branch": "35"}, {"workplace": "22", "branch": "01"}], "22"),
    ],
    ids=["the later acquired", "the insured one of a day", "the lower branch of a day"],
)
def test_overlapping_spans_count_once(spans: list[dict[str, Any]], kept: str, tmp_path: Path):
    assert members(tmp_path, enrolment=spans)["workplace"].to_list() == [kept]


@pytest.mark.parametrize(
    ("birth_date", "age", "fy_end_age"),
    [
        (date(1984, 5, 1), 40, 40),
        (date(1984, 5, 2), 39, 40),
        (date(1984, 4, 1), 40, 41),
        (date(1985, 4, 1), 39, 40),
        (date(1985, 4, 2), 39, 39),
    ],
)
def test_ages_are_attained_on_the_day_before_the_birthday(
    birth_date: date, age: int, fy_end_age: int, tmp_path: Path
):
    found = members(tmp_path, enrolment=[{}], member=[{"birth_date": birth_date}])
    assert found.select("age", "fy_end_age").row(0) == (age, fy_end_age)


@pytest.mark.parametrize(
    ("given_", "in_force"),
    [
        ({"mynumber": True}, True),
        ({"mynumber": False}, False),
        ({"mynumber": True, "mynumber_on": LAST}, True),
        ({"mynumber": True, "mynumber_on": LAST + timedelta(1)}, False),
    ],
)
def test_a_mynumber_counts_when_recorded_by_the_end_of_the_month(given_, in_force: bool, tmp_path: Path):
    assert members(tmp_path, enrolment=[{}], member=[given_])["mynumber"].to_list() == [in_force]


def test_the_latest_standard_from_the_month_on_holds_and_gives_its_grade(tmp_path: Path):
    paid = [
        {"from_month": date(2023, 9, 1), "standard": 280_000},
        {"from_month": APRIL, "standard": 300_000},
        {"from_month": date(2024, 5, 1), "standard": 320_000},
    ]
    found = members(
        tmp_path,
        enrolment=[{}, {"member_id": "b", "kind": "dependent", "insured_id": "a"}],
        remuneration=[*paid, {"member_id": "b"}],
    ).sort("member_id")
    assert found.select("standard", "grade").rows() == [(300_000, 22), (None, None)]


def test_an_enrolment_without_a_member_row_still_counts(tmp_path: Path):
    found = members(tmp_path, enrolment=[{}], member=[])
    assert found.select("member_id", "age", "sex", "mynumber").row(0) == ("a", None, None, False)


def test_workplaces_count_their_insured_without_voluntary_and_their_dependents(tmp_path: Path):
    lake = lake_of(
        tmp_path,
        enrolment=[
            {},
            {"member_id": "b", "kind": "dependent", "insured_id": "a"},
            {"member_id": "c", "voluntary": True},
            {"member_id": "d", "lost_on": LAST},
        ],
        workplace=[
            {},
            {"symbol": "22", "closed_on": LAST},
            {"symbol": "33", "closed_on": LAST + timedelta(1)},
            {"symbol": "44", "applied_on": LAST},
            {"symbol": "55", "applied_on": LAST + timedelta(1)},
        ],
    )
    found = rows(derived(lake), "workplace_month").sort("workplace")
    assert found.select("workplace", "insured", "dependents").rows() == [
        ("11", 1, 1),
        ("33", 0, 0),
        ("44", 0, 0),
    ]


# ---- oracle ------------------------------------------------------------------------------------------------------

DAYS = st.sampled_from(
    [date(2024, 3, 30), date(2024, 3, 31), date(2024, 4, 1), date(2024, 4, 30), date(2024, 5, 1)]
)
PEOPLE = st.sampled_from("abc")
BRANCHES = st.sampled_from(["13", "35"])


@st.composite
def memberships(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Enrolments, members, workplaces and remunerations of a few people, each key once."""
    spans = st.fixed_dictionaries(
        {
            "member_id": PEOPLE,
            "branch": BRANCHES,
            "acquired_on": DAYS,
            "lost_on": st.none() | DAYS,
            "kind": st.sampled_from(["insured", "dependent"]),
            "voluntary": st.booleans(),
            "workplace": st.sampled_from(["11", "22", None]),
        }
    )
    people = st.fixed_dictionaries(
        {
            "member_id": PEOPLE,
            "branch": BRANCHES,
            "birth_date": st.sampled_from([date(1984, 5, 1), date(1984, 5, 2), date(2000, 2, 29), LAST]),
            "mynumber": st.booleans(),
            "mynumber_on": st.none() | DAYS,
            "municipality": st.sampled_from(["13101", "35201", None]),
        }
    )
    paid = st.fixed_dictionaries(
        {
            "member_id": PEOPLE,
            "branch": BRANCHES,
            "from_month": st.sampled_from([date(2023, 9, 1), *MONTHS]),
            "standard": st.sampled_from([300_000, 320_000, 123]),
        }
    )
    return {
        "enrolment": draw(
            st.lists(
                spans,
                min_size=1,
                max_size=7,
                unique_by=lambda r: (r["member_id"], r["branch"], r["acquired_on"]),
            )
        ),
        "member": draw(st.lists(people, max_size=5, unique_by=lambda r: (r["member_id"], r["branch"]))),
        "remuneration": draw(
            st.lists(paid, max_size=6, unique_by=lambda r: (r["member_id"], r["branch"], r["from_month"]))
        ),
        "workplace": [{"branch": "13"}, {"branch": "35", "symbol": "22", "industry_section": "E"}],
    }


def by_hand(given_: dict[str, list[dict[str, Any]]], month: date) -> list[tuple[Any, ...]]:
    """The members of a month, one person after another."""
    last, out = month_end(month), []
    for who in sorted({s["member_id"] for s in given_["enrolment"]}):
        spans = [
            (-s["acquired_on"].toordinal(), s["kind"] == "dependent", s["branch"], n)
            for n, s in enumerate(given_["enrolment"])
            if s["member_id"] == who
            and s["acquired_on"] <= last
            and (s["lost_on"] is None or last < s["lost_on"])
        ]
        if not spans:
            continue
        number = min(spans)[3]
        s = given_["enrolment"][number]
        branch = s["branch"]
        person = next((p for p in given_["member"] if (p["member_id"], p["branch"]) == (who, branch)), None)
        paid = [
            (r["from_month"], r["standard"])
            for r in given_["remuneration"]
            if (r["member_id"], r["branch"]) == (who, branch) and r["from_month"] <= month
        ]
        standard = max(paid)[1] if paid and s["kind"] == "insured" else None
        born = person["birth_date"] if person else None
        out.append(
            (
                number + 1,
                who,
                branch,
                s["kind"],
                s["workplace"],
                {("13", "11"): "H", ("35", "22"): "E"}.get((branch, s["workplace"])),
                person["municipality"] if person else None,
                age_on(born, last) if born and born <= last else None,
                fiscal_year_end_age(born, fy(month)) if born and born <= date(fy(month) + 1, 3, 31) else None,
                standard,
                next((g.grade for g in grades(month) if g.standard == standard), None),
                bool(person and person["mynumber"] and (person["mynumber_on"] or last) <= last),
            )
        )
    return out


@tried(7)
@given(given_=memberships())
def test_members_are_those_of_the_slow_way(given_, tmp_path_factory: pytest.TempPathFactory):
    with fresh(tmp_path_factory) as folder:
        lake = derived(lake_of(folder, **given_), MONTHS)
        found = rows(lake, "member_month") if lake.parts("member_month") else None
        for month in MONTHS:
            mine = [] if found is None else (
                found.filter(pl.col("month") == month)
                .sort("member_id")
                .select(
                    "source_line", "member_id", "branch", "kind", "workplace", "industry_section",
                    "residence", "age", "fy_end_age", "standard", "grade", "mynumber",
                )
                .rows()
            )  # fmt: skip
            assert mine == by_hand(given_, month)


def test_a_derived_table_is_left_alone_while_nothing_changes(tmp_path: Path):
    lake = lake_of(tmp_path, enrolment=[{}])
    with lake.writing():
        derive(lake, DERIVATIONS, [APRIL])
    said: list[str] = []
    with lake.writing():
        derive(lake, DERIVATIONS, [APRIL], said.append)
        assert said == []
        derive(lake, DERIVATIONS, MONTHS, said.append)
    assert said == [d.table.title for d in DERIVATIONS]
    assert rows(lake, "member_month")["month"].sort().to_list() == MONTHS
