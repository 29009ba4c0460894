"""Opening cases from a worklist: every row ends in one place, twice opens none twice, the draw is fair and repeatable."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.casekinds import CLAIM, PEOPLE, TOKYO, Claim, changed, noon

from kenpo.base.errors import ArgumentError
from kenpo.frame import cases
from kenpo.frame.cases import Candidate, CaseError, Exclusions, Known, Opening, Passed
from kenpo.lake import Lake

TODAY = date(2026, 5, 11)
NOBODY = Exclusions(TODAY)


def row(n: int, priority: int = 1, member: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "branch": TOKYO,
        "month": date(2026, 3, 1),
        "priority": priority,
        "reason": "long_use",
        "reason_label": "長く使っている",
        "claim": f"C-{n}",
        "member_id": member or f"m{n}",
        "days": 10,
        "daily": 5000,
        "file": "A.UKE",
        "source_line": n,
        **more,
    }


def listed(*rows: dict[str, Any]) -> tuple[Candidate, ...]:
    return cases.candidates(CLAIM, rows)


def keys(found: tuple[Candidate, ...]) -> list[str]:
    return [c.key for c in found]


def why(opening: Opening) -> dict[str, Passed]:
    return {e.candidate.key: e.why for e in opening.excluded}


def test_without_limits_every_row_opens_a_case_best_first():
    opening = cases.plan_opening(listed(row(1, 3), row(2, 1), row(3, 2)), {}, exclusions=NOBODY)
    assert keys(opening.opened) == ["C-2", "C-3", "C-1"]


def test_capacity_takes_the_best():
    rows = listed(row(1, 3), row(2, 1), row(3, 2))
    opening = cases.plan_opening(rows, {}, exclusions=NOBODY, capacity=2)
    assert (keys(opening.opened), keys(opening.over_capacity)) == (["C-2", "C-3"], ["C-1"])
    assert cases.plan_opening(rows, {}, exclusions=NOBODY, capacity=0).opened == ()


def test_among_equals_the_seed_decides_who_is_taken():
    rows = listed(*(row(n) for n in range(100)))
    first, again, other = (
        keys(cases.plan_opening(rows, {}, exclusions=NOBODY, capacity=10, seed=seed).opened)
        for seed in ("2026-08", "2026-08", "2027-02")
    )
    assert first == again != other


def test_each_exclusion_says_why():
    rows = listed(*(row(n) for n in range(1, 9)), row(8, 2))
    known = {rows[0].id: Known.OPEN, rows[1].id: Known.DONE, rows[2].id: Known.HELD_OUT}
    out = Exclusions(
        TODAY,
        opted_out=frozenset({"m4"}),
        left=frozenset({"m5"}),
        contacted={"m6": date(2026, 4, 11), "m7": date(2026, 4, 10)},
        quiet_days=30,
    )
    opening = cases.plan_opening(rows, known, exclusions=out)
    assert why(opening) == {
        "C-1": Passed.ALREADY_OPEN,
        "C-2": Passed.ALREADY_DONE,
        "C-3": Passed.ALREADY_HELD_OUT,
        "C-4": Passed.OPTED_OUT,
        "C-5": Passed.LEFT,
        "C-6": Passed.RECENTLY_CONTACTED,
        "C-8": Passed.REPEATED,
    }
    assert sorted(keys(opening.opened)) == ["C-7", "C-8"]
    assert opening.explain()[:4] == (
        "リストの行：9件",
        "案件を始める：2件",
        "対照群として始めない：0件",
        "上限を超えたため始めない：0件",
    )
    assert "除外（最近連絡したばかり）：1件" in opening.explain()


def test_of_two_rows_of_one_case_the_better_counts():
    opening = cases.plan_opening(listed(row(1, 5), row(1, 2)), {}, exclusions=NOBODY)
    assert [c.priority for c in opening.opened] == [2]


def test_a_member_is_drawn_once_for_all_of_their_rows():
    rows = listed(*(row(n, member=f"m{n % 50}") for n in range(500)))
    opening = cases.plan_opening(rows, {}, exclusions=NOBODY, control_share=Fraction(1, 2), seed="2026-08")
    held, taken = {c.subject for c in opening.held_out}, {c.subject for c in opening.opened}
    assert held and taken and not held & taken


def test_the_share_of_controls_is_about_what_was_asked_and_depends_on_the_seed():
    rows = listed(*(row(n) for n in range(4000)))

    def held(seed: str) -> set[str]:
        opening = cases.plan_opening(rows, {}, exclusions=NOBODY, control_share=Fraction(1, 10), seed=seed)
        return set(keys(opening.held_out))

    first, again, other = held("2026-08"), held("2026-08"), held("2027-02")
    assert first == again and first != other
    assert 320 <= len(first) <= 480


def test_controls_are_drawn_from_those_who_would_have_been_taken():
    rows = listed(*(row(n, priority=n) for n in range(1, 1001)))
    opening = cases.plan_opening(
        rows, {}, exclusions=NOBODY, capacity=100, control_share=Fraction(1, 2), seed="s"
    )
    worst = max(c.priority for c in opening.opened)
    assert all(c.priority < worst for c in opening.held_out)
    assert all(c.priority > worst for c in opening.over_capacity)
    assert len(opening.opened) == 100


@pytest.mark.parametrize(
    "fields", [{"capacity": -1}, {"control_share": 1}, {"control_share": Fraction(-1, 2)}]
)
def test_a_capacity_or_share_out_of_range_is_refused(fields: dict[str, Any]):
    with pytest.raises(ArgumentError):
        cases.plan_opening(listed(row(1)), {}, exclusions=NOBODY, **fields)


def test_a_row_without_key_names_its_line_and_a_kind_without_list_is_a_fault():
    with pytest.raises(ArgumentError, match=r"claim.*\n.*A\.UKE 1行"):
        listed(row(1, claim=None))
    plain = changed(worklist=None, key=(), subject_column=None)
    with pytest.raises(ValueError, match="opened from no worklist"):
        cases.candidates(plain, [row(1)])


def test_a_key_of_several_columns_is_unambiguous():
    kind = changed(key=("claim", "month"))
    (one,) = cases.candidates(kind, [row(1)])
    assert one.key == '["C-1","2026-03-01"]'
    (day,) = cases.candidates(changed(key=("month",)), [row(1)])
    assert day.key == "2026-03-01"


def test_the_case_of_a_candidate_says_where_it_comes_from():
    (one,) = listed(row(7, 3))
    event = cases.open_candidate(CLAIM, one, actor=PEOPLE["佐藤"], when=noon(TODAY), received_on=TODAY)
    case = cases.fold([event])
    assert (case.id, case.key, case.subject, case.priority) == (one.id, "C-7", "m7", 3)
    assert case.content == '{"daily":5000,"days":10,"from_day":null}'
    assert event.data["origin"] == {
        "worklist": "toy_claims",
        "reason": "long_use",
        "reason_label": "長く使っている",
        "month": "2026-03-01",
        "file": "A.UKE",
        "source_line": 7,
    }


def test_the_content_of_a_candidate_is_its_row_unless_the_kind_makes_it_of_the_lake(tmp_path: Path):
    lake = Lake.create(tmp_path)
    rows = listed(row(1), row(2))
    assert cases.contents_of(CLAIM, lake, rows) == {c.id: Claim(days=10, daily=5000) for c in rows}
    made = changed(contents=lambda lake, some: {c.id: Claim(days=n, daily=9) for n, c in enumerate(some)})
    contents = cases.contents_of(made, lake, rows)
    assert contents == {rows[0].id: Claim(days=0, daily=9), rows[1].id: Claim(days=1, daily=9)}
    by: dict[str, Any] = {"actor": PEOPLE["佐藤"], "when": noon(TODAY), "received_on": TODAY}
    event = cases.open_candidate(made, rows[1], **by, content=contents[rows[1].id])
    assert cases.fold([event]).content_as(made) == Claim(days=1, daily=9)


def test_a_row_that_is_no_content_is_refused_with_its_line_and_one_left_out_is_a_fault(tmp_path: Path):
    lake = Lake.create(tmp_path)
    with pytest.raises(CaseError, match=r"A\.UKE 1行") as refused:
        cases.contents_of(CLAIM, lake, listed(row(1, days="多い")))
    assert "申請日数" in refused.value.message and "多い" not in refused.value.message
    with pytest.raises(ValueError, match="made none for 1 of 1"):
        cases.contents_of(changed(contents=lambda lake, some: {}), lake, listed(row(1)))


# ---- for any list ------------------------------------------------------------------------------------------------

some_rows = st.lists(
    st.builds(row, st.integers(1, 12), st.integers(1, 3), st.sampled_from(["m1", "m2", "m3", "m4"])),
    max_size=20,
)
some_limits = st.fixed_dictionaries(
    {
        "capacity": st.none() | st.integers(0, 6),
        "control_share": st.fractions(0, Fraction(9, 10)),
        "seed": st.sampled_from(["a", "b"]),
    }
)
some_exclusions = st.builds(
    Exclusions,
    st.just(TODAY),
    opted_out=st.frozensets(st.sampled_from(["m1", "m2"])),
    left=st.frozensets(st.sampled_from(["m2", "m3"])),
    contacted=st.dictionaries(st.sampled_from(["m3", "m4"]), st.dates(date(2026, 1, 1), TODAY)),
    quiet_days=st.integers(0, 90),
)


@given(some_rows, some_limits, some_exclusions, st.randoms())
def test_every_row_ends_in_one_place_whatever_the_order(
    rows: list[dict[str, Any]], limits: dict[str, Any], out: Exclusions, order: random.Random
):
    found = listed(*rows)
    opening = cases.plan_opening(found, {}, exclusions=out, **limits)
    places = [
        *opening.opened,
        *(e.candidate for e in opening.excluded),
        *opening.held_out,
        *opening.over_capacity,
    ]
    assert Counter(id(c) for c in places) == Counter(id(c) for c in found)
    assert opening.rows == len(rows)
    assert limits["capacity"] is None or len(opening.opened) <= limits["capacity"]
    shuffled = list(found)
    order.shuffle(shuffled)
    assert cases.plan_opening(shuffled, {}, exclusions=out, **limits) == opening


@given(some_rows, some_limits, some_exclusions)
def test_running_twice_opens_none_twice_and_keeps_the_controls_out(
    rows: list[dict[str, Any]], limits: dict[str, Any], out: Exclusions
):
    found = listed(*rows)
    first = cases.plan_opening(found, {}, exclusions=out, **limits)
    known = {c.id: Known.OPEN for c in first.opened} | {c.id: Known.HELD_OUT for c in first.held_out}
    again = cases.plan_opening(found, known, exclusions=out, **limits)
    assert not {c.id for c in again.opened} & set(known)
    unlimited = cases.plan_opening(found, known, exclusions=out)
    assert not {c.id for c in unlimited.opened} & set(known)
    if limits["capacity"] is None:
        assert again.opened == again.held_out == ()
