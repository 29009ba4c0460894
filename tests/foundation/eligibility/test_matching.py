"""Whose receipt it is (資格照合, rule D2): cases by hand, and a slow oracle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lakes import fresh, rows, tried
from tests.people import APRIL, lake_of

from kenpo.base.fiscal import month_end
from kenpo.foundation.eligibility.matching import member_receipt
from kenpo.frame.derivation import derive
from kenpo.lake.tables.derived import UNMATCHED

MAY = date(2024, 5, 1)


def matched(folder: Path, months: Sequence[date] = (APRIL,), **tables: Any) -> list[tuple[Any, ...]]:
    """(reason, member, workplace) of every receipt in the order given."""
    lake = lake_of(folder, **tables)
    with lake.writing():
        derive(lake, [member_receipt], months)
    found = rows(lake, "member_receipt").sort("receipt_id")
    assert found.height == found["receipt_id"].n_unique()
    return found.select("reason", "member_id", "workplace").rows()


def on(*days: int) -> dict[str, Any]:
    """A line of the first receipt with these treated days of April."""
    return {"receipt_id": 1, "day_mask": sum(1 << (d - 1) for d in days)}


def test_a_receipt_of_an_enrolled_member_matches(tmp_path: Path):
    assert matched(tmp_path, enrolment=[{}], receipt=[{}]) == [(None, "a", "11")]


@pytest.mark.parametrize(
    ("lost_on", "days", "reason"),
    [
        (date(2024, 4, 1), (1,), "after_loss"),
        (date(2024, 4, 2), (1,), None),
        (date(2024, 4, 15), (14,), None),
        (date(2024, 4, 15), (15,), "after_loss"),
        (date(2024, 4, 15), (14, 15), "partly_after_loss"),
        (date(2024, 4, 15), (), None),
        (date(2024, 4, 1), (), "after_loss"),
        (date(2024, 5, 1), (30,), None),
    ],
)
def test_the_day_of_loss_is_not_covered(lost_on: date, days: tuple[int, ...], reason, tmp_path: Path):
    found = matched(
        tmp_path,
        enrolment=[{"lost_on": lost_on}],
        receipt=[{}],
        procedure=[on(*days)] if days else [],
    )
    assert found == [(reason, "a", "11")]


@pytest.mark.parametrize(
    ("acquired_on", "days", "reason"),
    [
        (date(2024, 4, 10), (10,), None),
        (date(2024, 4, 10), (9,), "before_acquisition"),
        (date(2024, 4, 10), (9, 10), "before_acquisition"),
        (date(2024, 4, 10), (), None),
        (date(2024, 5, 1), (), "before_acquisition"),
    ],
)
def test_days_before_the_acquisition_are_not_covered(
    acquired_on: date, days: tuple[int, ...], reason, tmp_path: Path
):
    found = matched(
        tmp_path,
        enrolment=[{"acquired_on": acquired_on}],
        receipt=[{}],
        procedure=[on(*days)] if days else [],
    )
    assert found == [(reason, "a", "11")]


def test_several_spans_of_one_card_cover_together(tmp_path: Path):
    spans = [{"lost_on": date(2024, 4, 10)}, {"acquired_on": date(2024, 4, 10), "workplace": "22"}]
    assert matched(tmp_path, enrolment=spans, receipt=[{}], procedure=[on(9, 10)]) == [(None, "a", "22")]


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("procedure", on(20)),
        ("drug", {**on(20), "quantity": 1}),
        ("material", on(20)),
        ("record", on(20)),
        ("dispensing", {"receipt_id": 1, "dispensed_on": date(2024, 4, 20)}),
    ],
)
def test_treated_days_are_read_from_every_kind_of_line(table: str, line: dict[str, Any], tmp_path: Path):
    found = matched(tmp_path, enrolment=[{"lost_on": date(2024, 4, 15)}], receipt=[{}], **{table: [line]})
    assert found[0][0] == "after_loss"


@pytest.mark.parametrize(
    "line",
    [{**on(20), "valid": False}, {**on(20), "record_type": "SN"}],
    ids=["a line struck out", "not a JD record"],
)
def test_other_lines_tell_no_days(line: dict[str, Any], tmp_path: Path):
    found = matched(tmp_path, enrolment=[{"lost_on": date(2024, 4, 15)}], receipt=[{}], record=[line])
    assert found[0][0] is None


NO_BRANCH_NO = {"member_key": "x", "member_key_loose": "x", "card_key": "card"}
BRANCH_NO_1 = {"member_key": "x1", "member_key_loose": "x", "card_key": "card"}
BRANCH_NO_2 = {"member_key": "x2", "member_key_loose": "x", "card_key": "card"}


@pytest.mark.parametrize(
    ("spans", "receipt", "found"),
    [
        ([BRANCH_NO_1], NO_BRANCH_NO, (None, "a")),
        ([NO_BRANCH_NO], BRANCH_NO_1, (None, "a")),
        ([BRANCH_NO_1], BRANCH_NO_2, ("number_error", "a")),
        ([BRANCH_NO_1, {**BRANCH_NO_2, "member_id": "b"}], NO_BRANCH_NO, ("ambiguous", None)),
        ([BRANCH_NO_1, {**BRANCH_NO_2, "member_id": "b"}], BRANCH_NO_2, (None, "b")),
        (
            [BRANCH_NO_1, {**BRANCH_NO_2, "member_id": "b"}],
            {**BRANCH_NO_1, "member_key": "y", "member_key_loose": "y"},
            ("number_error", None),
        ),
        ([{"person_key": "p"}], {"member_key": "z", "person_key": "p"}, ("number_error", "a")),
        (
            [{"person_key": "p"}, {"person_key": "p", "member_id": "b"}],
            {"member_key": "z", "person_key": "p"},
            ("number_error", None),
        ),
        ([{"person_key": None}], {"member_key": "z", "person_key": None}, ("unregistered", None)),
    ],
    ids=[
        "枝番 only in the membership",
        "枝番 only on the receipt",
        "another 枝番",
        "twins, receipt without 枝番",
        "twins, receipt with 枝番",
        "a card of two, another birth date",
        "the name on another card",
        "the name of two people",
        "nobody",
    ],
)
def test_people_are_looked_for_step_by_step(spans, receipt, found, tmp_path: Path):
    got = matched(tmp_path, enrolment=spans, receipt=[receipt])
    assert [r[:2] for r in got] == [found]


def test_the_old_card_after_a_change_of_workplace_is_after_the_loss(tmp_path: Path):
    spans = [
        {"member_key": "old", "lost_on": date(2024, 4, 1)},
        {"member_key": "new", "acquired_on": date(2024, 4, 1), "workplace": "22"},
    ]
    found = matched(tmp_path, enrolment=spans, receipt=[{"member_key": "old"}, {"member_key": "new"}])
    assert found == [("after_loss", "a", "11"), (None, "a", "22")]


@pytest.mark.parametrize(
    "receipt",
    [{"status": "returned", "valid": False}, {"status": "component"}, {"branch": None}],
    ids=["returned", "component", "another insurer"],
)
def test_other_receipts_are_not_in_the_table(receipt: dict[str, Any], tmp_path: Path):
    assert matched(tmp_path, enrolment=[{}], receipt=[receipt, {}]) == [(None, "a", "11")]


@pytest.mark.parametrize(
    ("receipt", "care"),
    [
        ({"kind": "medical", "inpatient": True}, "inpatient"),
        ({"kind": "dpc", "inpatient": True}, "inpatient"),
        ({"kind": "medical", "inpatient": False}, "outpatient"),
        ({"kind": "medical", "inpatient": None}, "outpatient"),
        ({"kind": "dental", "inpatient": True}, "dental"),
        ({"kind": "pharmacy", "inpatient": None}, "pharmacy"),
    ],
)
def test_the_kind_of_care(receipt: dict[str, Any], care: str, tmp_path: Path):
    lake = lake_of(tmp_path, enrolment=[{}], receipt=[receipt])
    with lake.writing():
        derive(lake, [member_receipt], [APRIL])
    assert rows(lake, "member_receipt")["care"].to_list() == [care]


# ---- oracle ------------------------------------------------------------------------------------------------------

EDGES = [
    date(2024, 3, 20),
    APRIL,
    date(2024, 4, 10),
    date(2024, 4, 20),
    date(2024, 4, 30),
    MAY,
    date(2024, 5, 9),
]
KEYS = st.sampled_from(
    [
        {"member_key": f"{person}{number}", "member_key_loose": person, "card_key": person[0]}
        for person in ("k", "kk", "m")
        for number in ("", "1", "2")
    ]
)


@st.composite
def claims(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Enrolments and receipts whose keys often meet, and lines with some treated days."""
    spans = st.builds(
        lambda keys, more: {**keys, **more},
        KEYS,
        st.fixed_dictionaries(
            {
                "member_id": st.sampled_from("abc"),
                "acquired_on": st.sampled_from(EDGES),
                "lost_on": st.none() | st.sampled_from(EDGES),
                "person_key": st.sampled_from(["p", "q", None]),
                "workplace": st.sampled_from(["11", "22", None]),
            }
        ),
    )
    receipt = st.builds(
        lambda keys, more: {**keys, **more},
        KEYS,
        st.fixed_dictionaries(
            {"month": st.sampled_from([APRIL, MAY]), "person_key": st.sampled_from(["p", "q", None])}
        ),
    )
    made = draw(st.lists(receipt, min_size=1, max_size=6))
    lines = st.fixed_dictionaries(
        {
            "receipt_id": st.integers(1, len(made)),
            "day_mask": st.none() | st.integers(0, 2**30 - 1) | st.sampled_from([1, 1 << 9, 1 << 29]),
            "valid": st.sampled_from([True, True, False]),
        }
    )
    given_ = draw(st.lists(lines, max_size=6))
    return {
        "enrolment": draw(
            st.lists(spans, min_size=1, max_size=6, unique_by=lambda s: (s["member_id"], s["acquired_on"]))
        ),
        "receipt": made,
        "procedure": [{**line, "month": made[line["receipt_id"] - 1]["month"]} for line in given_],
    }


def judge(given_: dict[str, list[dict[str, Any]]], number: int) -> tuple[Any, ...]:
    """Reason, member and workplace of a receipt, day by day."""
    r = given_["receipt"][number]
    spans = given_["enrolment"]

    def same_loose(s: dict[str, Any]) -> bool:
        one_sided = r["member_key"] == r["member_key_loose"] or s["member_key"] == s["member_key_loose"]
        return s["member_key_loose"] == r["member_key_loose"] and one_sided

    found = [s for s in spans if s["member_key"] == r["member_key"]] or [s for s in spans if same_loose(s)]
    if not found:
        near = [s for s in spans if s["card_key"] == r["card_key"]] or [
            s for s in spans if r["person_key"] is not None and s["person_key"] == r["person_key"]
        ]
        who = {s["member_id"] for s in near}
        return ("number_error" if near else "unregistered", who.pop() if len(who) == 1 else None, None)
    if len({s["member_id"] for s in found}) > 1:
        return ("ambiguous", None, None)
    first, last = r["month"], month_end(r["month"])
    month = [first + timedelta(n) for n in range((last - first).days + 1)]

    def covers(s: dict[str, Any], day: date) -> bool:
        return s["acquired_on"] <= day and (s["lost_on"] is None or day < s["lost_on"])

    marked = [
        day
        for line in given_["procedure"]
        if line["receipt_id"] == number + 1 and line["valid"]
        for day in month
        if (line["day_mask"] or 0) >> (day.day - 1) & 1
    ]
    treated = sorted(set(marked))
    whole = any(all(covers(s, day) for day in month) for s in found)
    days = [] if whole else treated
    covered = [d for d in days or month if any(covers(s, d) for s in found)]
    losses = [s["lost_on"] for s in found if s["lost_on"]]
    loss = min(losses, default=date.max)
    reason = None
    if not days:
        if not covered:
            reason = "after_loss" if loss <= first else "before_acquisition"
    elif len(covered) < len(days):
        missing = [d for d in days if d not in covered]
        if not covered:
            reason = "after_loss" if days[0] >= loss else "before_acquisition"
        else:
            reason = "partly_after_loss" if missing[-1] >= loss else "before_acquisition"
    reaching = [s for s in found if any(covers(s, d) for d in days or month)]
    begun = [s for s in found if s["acquired_on"] <= last]
    chosen = max(reaching or begun or found, key=lambda s: s["acquired_on"])
    return (reason, chosen["member_id"], chosen["workplace"])


@tried(8)
@given(given_=claims())
def test_receipts_are_matched_as_in_the_slow_way(given_, tmp_path_factory: pytest.TempPathFactory):
    with fresh(tmp_path_factory) as folder:
        assert matched(folder, (APRIL, MAY), **given_) == [
            judge(given_, n) for n in range(len(given_["receipt"]))
        ]


def test_every_reason_has_its_words():
    assert set(UNMATCHED) == {
        "after_loss", "partly_after_loss", "before_acquisition", "ambiguous", "number_error", "unregistered",
    }  # fmt: skip
