"""What does not fit in the membership (資格データの不整合): each kind, and the case a day beside it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.lakes import rows
from tests.people import APRIL, AS_OF, lake_of

from kenpo.foundation.eligibility.faults import membership_fault
from kenpo.foundation.eligibility.rules import FAULTS
from kenpo.frame.derivation import derive

PAID = [{}]
START = date(2020, 4, 1)
A = {"member_id": "a"}
B = {"member_id": "b", "kind": "dependent", "insured_id": "a"}


def found(folder: Path, **tables: Any) -> list[tuple[int, str]]:
    """(line of the enrolment, code) of every fault."""
    lake = lake_of(folder, **{"remuneration": PAID, **tables})
    with lake.writing():
        derive(lake, [membership_fault], [APRIL])
    fault = rows(lake, "membership_fault")
    assert set(fault["code"]) <= set(FAULTS)
    assert fault.select("source_file", "source_line", "code").is_unique().all()
    return sorted(fault.select("source_line", "code").rows())


def test_an_ordinary_family_has_no_faults(tmp_path: Path):
    assert found(tmp_path, enrolment=[A, B]) == []


@pytest.mark.parametrize(
    ("acquired_on", "faults"),
    [(date(2023, 9, 30), [(2, "overlapping_spans")]), (date(2023, 10, 1), [])],
)
def test_two_spans_that_share_a_day(acquired_on: date, faults, tmp_path: Path):
    spans = [{"lost_on": date(2023, 10, 1)}, {"acquired_on": acquired_on}]
    assert found(tmp_path, enrolment=spans, remuneration=[{"from_month": date(2024, 4, 1)}]) == faults


def test_a_span_lost_on_the_day_it_began_overlaps_nothing(tmp_path: Path):
    spans = [{}, {"acquired_on": date(2023, 1, 1), "lost_on": date(2023, 1, 1)}]
    assert found(tmp_path, enrolment=spans, remuneration=[{"from_month": date(2024, 4, 1)}]) == []


@pytest.mark.parametrize(
    ("span", "faults"),
    [
        ({"workplace": "99"}, [(1, "unknown_workplace")]),
        ({"workplace": None}, [(1, "unknown_workplace")]),
        ({"branch": "35"}, [(1, "unknown_workplace")]),
        ({}, []),
    ],
)
def test_an_unknown_workplace(span: dict[str, Any], faults, tmp_path: Path):
    branch = {"branch": span.get("branch", "13")}
    got = found(tmp_path, enrolment=[span], workplace=[{}], member=[branch], remuneration=[{**branch}])
    assert got == faults


def test_an_unknown_member(tmp_path: Path):
    assert found(tmp_path, enrolment=[A], member=[{"branch": "35"}]) == [(1, "unknown_member")]


@pytest.mark.parametrize(
    ("insured", "dependent", "faults"),
    [
        ({"acquired_on": date(2020, 4, 2)}, {}, [(2, "dependent_without_insured")]),
        ({"acquired_on": START}, {}, []),
        ({"lost_on": START}, {}, [(2, "dependent_without_insured")]),
        ({"lost_on": date(2024, 1, 1)}, {"lost_on": date(2024, 1, 1)}, []),
        (
            {"lost_on": date(2024, 1, 1)},
            {"lost_on": date(2024, 1, 2)},
            [(2, "dependent_after_insured_loss")],
        ),
        ({"lost_on": date(2024, 1, 1)}, {}, [(2, "dependent_after_insured_loss")]),
        ({}, {"insured_id": "x"}, [(2, "dependent_without_insured")]),
    ],
)
def test_dependents_stand_and_fall_with_the_insured(insured, dependent, faults, tmp_path: Path):
    assert found(tmp_path, enrolment=[{**A, **insured}, {**B, **dependent}]) == faults


def test_a_new_span_on_the_same_card_without_a_gap_keeps_the_dependents(tmp_path: Path):
    day = date(2024, 1, 1)
    spans = [{**A, "lost_on": day}, B, {**A, "acquired_on": day}]
    paid = [{"from_month": day}]
    assert found(tmp_path, enrolment=spans, remuneration=paid) == []
    (tmp_path / "other").mkdir()
    moved = [*spans[:2], {**spans[2], "card_key": "new"}]
    assert found(tmp_path / "other", enrolment=moved, remuneration=paid) == [
        (2, "dependent_after_insured_loss")
    ]


@pytest.mark.parametrize(
    ("died_on", "span", "faults"),
    [
        (date(2024, 1, 31), {"lost_on": date(2024, 2, 1)}, []),
        (date(2024, 1, 31), {"lost_on": date(2024, 2, 2)}, [(1, "after_death")]),
        (date(2024, 1, 31), {}, [(1, "after_death")]),
        (date(2020, 4, 1), {"lost_on": date(2020, 4, 2)}, []),
        (date(2020, 3, 31), {"lost_on": date(2020, 4, 1)}, [(1, "after_death")]),
    ],
)
def test_nobody_is_enrolled_after_death(died_on: date, span, faults, tmp_path: Path):
    assert found(tmp_path, enrolment=[span], member=[{"died_on": died_on}]) == faults


@pytest.mark.parametrize(
    ("birth_date", "lost_on", "faults"),
    [
        (date(1950, 3, 31), None, [(1, "over_75")]),
        (date(1950, 4, 1), None, []),
        (date(1950, 2, 10), date(2025, 2, 10), []),
        (date(1950, 2, 10), date(2025, 2, 11), [(1, "over_75")]),
        (date(1948, 2, 29), date(2023, 3, 1), []),
        (date(1948, 2, 29), date(2023, 3, 2), [(1, "over_75")]),
    ],
)
def test_members_leave_on_their_75th_birthday(birth_date: date, lost_on, faults, tmp_path: Path):
    """The membership stands on 2025-03-31."""
    assert date(2025, 3, 31) == AS_OF
    assert found(tmp_path, enrolment=[{"lost_on": lost_on}], member=[{"birth_date": birth_date}]) == faults


@pytest.mark.parametrize(
    ("workplace", "span", "faults"),
    [
        ({"applied_on": START}, {}, []),
        ({"applied_on": date(2020, 4, 2)}, {}, [(1, "acquired_before_workplace")]),
        ({"closed_on": date(2024, 6, 1)}, {"lost_on": date(2024, 6, 1)}, []),
        ({"closed_on": date(2024, 6, 1)}, {"lost_on": date(2024, 6, 2)}, [(1, "after_workplace_closed")]),
        ({"closed_on": AS_OF}, {}, [(1, "after_workplace_closed")]),
        ({"closed_on": date(2025, 4, 1)}, {}, []),
    ],
)
def test_spans_lie_within_the_life_of_their_workplace(workplace, span, faults, tmp_path: Path):
    assert found(tmp_path, enrolment=[span], workplace=[workplace]) == faults


VOLUNTARY = {"voluntary": True, "workplace": None}


@pytest.mark.parametrize(
    ("acquired_on", "lost_on", "faults"),
    [
        (date(2023, 3, 30), None, [(2, "voluntary_over_2_years")]),
        (date(2023, 3, 31), None, []),
        (date(2022, 4, 1), date(2024, 4, 1), []),
        (date(2022, 4, 1), date(2024, 4, 2), [(2, "voluntary_over_2_years")]),
        (date(2020, 6, 1), date(2022, 6, 1), []),
    ],
)
def test_voluntary_insurance_ends_after_two_years(acquired_on: date, lost_on, faults, tmp_path: Path):
    spans = [{"lost_on": acquired_on}, {**VOLUNTARY, "acquired_on": acquired_on, "lost_on": lost_on}]
    assert found(tmp_path, enrolment=spans) == faults


@pytest.mark.parametrize(
    ("before", "faults"),
    [
        ([(date(2024, 2, 1), date(2024, 4, 1))], []),
        ([(date(2024, 2, 2), date(2024, 4, 1))], [(9, "voluntary_without_2_months")]),
        ([(date(2024, 1, 31), date(2024, 4, 1))], []),
        ([(date(2023, 1, 1), date(2024, 3, 31))], [(9, "voluntary_without_2_months")]),
        ([(date(2024, 1, 1), date(2024, 3, 5)), (date(2024, 3, 5), date(2024, 4, 1))], []),
        (
            [(date(2024, 1, 1), date(2024, 3, 5)), (date(2024, 3, 6), date(2024, 4, 1))],
            [(9, "voluntary_without_2_months")],
        ),
        ([], [(9, "voluntary_without_2_months")]),
    ],
)
def test_voluntary_insurance_needs_two_months_right_before_it(before, faults, tmp_path: Path):
    spans = [{"acquired_on": a, "lost_on": b, "source_line": n + 1} for n, (a, b) in enumerate(before)]
    paid = [{"from_month": date(2024, 4, 1)}]
    voluntary = {**VOLUNTARY, "acquired_on": APRIL, "source_line": 9}
    assert found(tmp_path, enrolment=[*spans, voluntary], remuneration=paid, workplace=[{}]) == faults


@pytest.mark.parametrize(
    ("from_month", "faults"),
    [
        (date(2020, 3, 1), [(1, "no_remuneration")]),
        (date(2020, 4, 1), []),
        (date(2024, 9, 1), []),
    ],
)
def test_insured_people_have_a_standard_from_their_month_on(from_month: date, faults, tmp_path: Path):
    span = {"acquired_on": date(2020, 4, 15)}
    assert found(tmp_path, enrolment=[span], remuneration=[{"from_month": from_month}]) == faults
