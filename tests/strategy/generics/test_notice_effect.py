"""What 軽減額通知 led to: who switched, what was saved, and what of it the letter did (rule G4)."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.arithmetic import worked_out
from tests.lakes import fresh, tried
from tests.people import write
from tests.strategy.generics.notices import (
    CONTROL,
    MADE,
    MEASURES,
    NOTIFIED,
    SAVING,
    cases_of,
    expected,
    notices,
)

from kenpo.base.branches import BRANCH_CODES
from kenpo.base.errors import MeasureError, NotLoaded
from kenpo.catalogue import CASEKINDS
from kenpo.catalogue import MEASURES as catalogue
from kenpo.frame import Measure, explain, figures, records, refresh
from kenpo.frame.caselake import store_cases
from kenpo.lake import Lake
from kenpo.strategy.generics.effect import (
    WHY_NOT,
    Estimate,
    Group,
    NoticeEffect,
    effect,
    newcombe,
    notice_effect,
    wilson,
)
from kenpo.strategy.generics.measures import NOTICE

AUGUST = date(2024, 8, 1)
TAKEN = datetime(2026, 4, 2, tzinfo=UTC)
VOLUME = catalogue["generic_volume_share"]
EXAMPLES = yaml.safe_load((Path(__file__).parent / "notice_effect.yaml").read_text(encoding="utf-8"))


def figure(lake: Lake, measure: Measure, month: date, branch: str = "13") -> dict[str, Any]:
    return figures(lake, measure, branch=branch, months=(month, month)).row(0, named=True)


def left_out(row: Mapping[str, Any]) -> dict[str, int]:
    return {reason: n for reason, n in json.loads(row["excluded_by"]).items() if n}


# ---- examples ----------------------------------------------------------------------------------------------------


def places(number: int) -> dict[str, str]:
    """The branches of an example, which is alone in them: its 13 and 35 → the branch in the lake."""
    return dict(zip(("13", "35"), BRANCH_CODES[2 * number : 2 * number + 2], strict=True))


@pytest.fixture(scope="module")
def every_example(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The people of all examples in one lake, each example in branches of its own."""
    people = [
        {
            **person,
            "who": f"{n}{person['who']}",
            "branch": places(n)[person.get("branch", "13")],
            **({"to": places(n)[person["to"]]} if "to" in person else {}),
        }
        for n, example in enumerate(EXAMPLES)
        for person in example["people"]
    ]
    return notices(tmp_path_factory.mktemp("examples"), people)


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=[e["title"] for e in EXAMPLES])
def test_what_a_clerk_would_reckon(number: int, every_example: Lake):
    lake, example = every_example, EXAMPLES[number]
    for name, months in (("13", example["expected"]), ("35", example.get("other_branch", {}))):
        branch = places(number)[name]
        for text, said in months.items():
            month = date.fromisoformat(f"{text}-01")
            for measure, pair, reasons in (
                (NOTIFIED, said["notified"], said.get("left_out", {})),
                (CONTROL, said.get("control", "0 / 0"), said.get("control_left_out", {})),
            ):
                row = figure(lake, measure, month, branch)
                numerator, denominator = (int(n) for n in pair.split("/"))
                assert (row["numerator"], row["denominator"]) == (numerator, denominator), measure.id
                assert left_out(row) == reasons
                assert (row["rate"] is None) == (denominator == 0)
            saved = figure(lake, SAVING, month, branch)
            assert saved["numerator"] == worked_out(said["saved"])
            assert saved["denominator"] == int(said["notified"].split("/")[1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """東京支部 wrote to 12 people in August, of whom 9 switched, and held 12 out, of whom 3 did; read only."""
    people = [
        {
            "who": f"{arm}{n}",
            "held_out" if arm == "control" else "letter": date(2024, 8, 10),
            "taken": {"2024-05": "先発30日", "2024-09": "後発30日" if n < switched else "先発30日"},
        }
        for arm, switched in (("case", 9), ("control", 3))
        for n in range(12)
    ]
    return notices(tmp_path_factory.mktemp("world"), people, date(2024, 11, 1))


def test_the_kind_of_case_is_the_one_the_room_declares():
    assert NOTICE in CASEKINDS


def test_a_month_without_letters_is_no_rate_and_not_zero(world: Lake):
    for measure in MEASURES:
        row = figure(world, measure, date(2024, 7, 1))
        assert (row["eligible"], row["denominator"], row["rate"]) == (0, 0, None)


def test_the_other_branch_has_nothing_and_the_nation_is_the_sum(world: Lake):
    for measure in MEASURES:
        assert figure(world, measure, AUGUST, "35")["rate"] is None
        assert (
            figure(world, measure, AUGUST, "00")["numerator"] == figure(world, measure, AUGUST)["numerator"]
        )


def test_the_rate_is_explained_down_to_the_line_of_the_generic(world: Lake):
    said = explain(world, NOTIFIED, "13", AUGUST)
    assert (said.numerator, said.denominator, str(said.rate)) == (9, 12, "75.0")
    assert any("案件データは" in n for n in said.notes)
    listed = records(world, NOTIFIED, "13", AUGUST)
    assert listed["numerator"].sum() == said.numerator
    lines = world.table("drug").select("source_line", "receipt_id", "code").to_pyarrow().to_pylist()
    behind = {(r["source_line"], r["receipt_id"]): r["code"] for r in lines}
    for row in listed.iter_rows(named=True):
        assert row["file"] == "drug.csv"
        assert behind[row["source_line"], row["receipt_id"]] == row["item"]
        assert row["item_label"] == ("薬3" if row["numerator"] else "薬1")


def test_who_took_nothing_afterwards_is_explained_by_the_drug_of_the_notice(tmp_path: Path):
    people = [
        {"who": "a", "letter": date(2024, 8, 10), "taken": {"2024-05": "先発30日"}},
        {"who": "b", "letter": date(2024, 8, 10)},
    ]
    rows = records(notices(tmp_path, people, date(2024, 11, 1)), NOTIFIED, "13", AUGUST).to_dicts()
    assert [(r["excluded"], r["file"], r["item_label"]) for r in rows] == [
        ("no_drug", "drug.csv", "薬1"),
        ("no_listed_drug", "案件データ（2026-04-01 09:00 時点）", None),
    ]


def test_the_saving_is_explained_too(world: Lake):
    said = explain(world, SAVING, "13", AUGUST)
    assert said.numerator == 9 * (60 - 22) * 30
    assert said.rate == 855  # 9 × 38 × 30 ÷ 12
    assert said.contributors.row(0, named=True)["item_label"] == "薬3"


def test_sensitive_drugs_are_in_no_notice_and_so_in_no_effect(tmp_path: Path):
    people = [
        {"who": "a", "letter": date(2024, 8, 10), "taken": {"2024-05": "先発30日", "2024-09": "後発30日"}}
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.strategy.generics.test_generic_worklists.CODES", SENSITIVE)
        lake = notices(tmp_path, people, date(2024, 11, 1))
    assert left_out(figure(lake, NOTIFIED, AUGUST)) == {"no_listed_drug": 1}


SENSITIVE = {
    "620000001": ("1179001F1020", "60.00", "2"),
    "620000003": ("1179001F1110", "22.00", "3"),
}


def test_without_the_cases_the_figures_say_what_is_lacking(tmp_path: Path):
    lake = notices(tmp_path, [], AUGUST)
    with lake.writing():
        (entry,) = [f for f in lake.files() if f.format == "office"]
        lake.forget(entry.file_id)
    assert set(refresh(lake, [*MEASURES, VOLUME], derivations=MADE).skipped) == {m.id for m in MEASURES}
    with pytest.raises(NotLoaded, match="案件データ"):
        effect(lake, "13", AUGUST)


# ---- against the slow and obvious way ----------------------------------------------------------------------------


_TAKEN = st.dictionaries(
    st.sampled_from(["2024-05", "2024-07", "2024-08", "2024-09", "2024-10", "2024-11", "2024-12"]),
    st.lists(
        st.tuples(st.sampled_from(["先発", "後発", "高い後発", "別規格の後発"]), st.sampled_from([7, 13, 14, 30]))
        .map(lambda t: f"{t[0]}{t[1]}日"),
        min_size=1, max_size=2,
    ).map("、".join),
    max_size=5,
)  # fmt: skip


@st.composite
def people(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Members of two branches, most of whom took the originator in the month of the list."""
    out = []
    for n in range(draw(st.integers(1, 9))):
        person: dict[str, Any] = {
            "who": f"m{n}",
            "branch": draw(st.sampled_from(["13", "13", "35"])),
            "taken": {"2024-05": "先発30日"} | draw(_TAKEN),
            "left": draw(
                st.sampled_from([None, None, date(2024, 11, 30), date(2024, 12, 1), date(2025, 1, 1)])
            ),
            "returned": draw(st.integers(0, 4)) == 0,
        }
        day = draw(
            st.sampled_from([date(2024, 7, 31), date(2024, 8, 1), date(2024, 8, 31), date(2024, 12, 5), None])
        )
        if draw(st.booleans()):
            person["letter"] = day
        else:
            person["held_out"] = day or date(2024, 8, 10)
        out.append(person)
    return out


@tried(2)
@given(some=people(), last=st.sampled_from([date(2024, 10, 1), date(2024, 12, 1)]), seed=st.integers(0, 9))
def test_any_people_give_what_the_slow_way_gives(
    some: list[dict[str, Any]], last: date, seed: int, tmp_path_factory: pytest.TempPathFactory
):
    shuffled = random.Random(seed).sample(some, len(some))
    with fresh(tmp_path_factory) as folder:
        lake = notices(folder, shuffled, last)
        ends = max([last, *(date.fromisoformat(f"{m}-01") for p in some for m in p["taken"])])
        wanted = expected(some, last_months(some, last))
        for measure, arm in ((NOTIFIED, "case"), (CONTROL, "control"), (SAVING, "case")):
            found = figures(lake, measure)
            assert found["month"].max() == ends
            for row in found.filter(pl.col("branch") != "00").iter_rows(named=True):
                said = wanted.get((row["branch"], arm, row["month"]), NOBODY)
                top = said["saved" if measure is SAVING else "switched"]
                assert (row["numerator"], row["denominator"], left_out(row)) == (
                    top, said["persons"], said["left_out"],
                ), (measure.id, row["branch"], row["month"])  # fmt: skip
                assert row["eligible"] == row["denominator"] + row["excluded"]
                assert measure is SAVING or row["numerator"] <= row["denominator"]
            columns = ["eligible", "excluded", "denominator", "numerator"]
            sums = found.group_by("month", nation=pl.col("branch") == "00").agg(pl.col(columns).sum())
            nation, branches = (sums.filter(nation=n).drop("nation").sort("month") for n in (True, False))
            assert nation.equals(branches)


NOBODY: dict[str, Any] = {"persons": 0, "switched": 0, "saved": 0, "left_out": {}}


def last_months(some: Sequence[Mapping[str, Any]], last: date) -> dict[str, date]:
    """The last month with a receipt of each branch."""
    out = {"13": last, "35": last}
    for person in some:
        for text in person["taken"]:
            out[person["branch"]] = max(out[person["branch"]], date.fromisoformat(f"{text}-01"))
    return out


# ---- the letter or chance ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), "0.0524", "0.3339"),
        ((9, 10), (3, 10), "0.1705", "0.8090"),
        ((6, 7), (2, 7), "0.0582", "0.8062"),
        ((5, 56), (0, 29), "-0.0381", "0.1926"),
        ((0, 10), (0, 20), "-0.1611", "0.2775"),
        ((0, 10), (0, 10), "-0.2775", "0.2775"),
        ((10, 10), (0, 20), "0.6791", "1.0000"),
        ((10, 10), (0, 10), "0.6075", "1.0000"),
    ],
)
def test_the_interval_is_that_of_newcombes_paper(
    one: tuple[int, int], other: tuple[int, int], low: str, high: str
):
    """Newcombe 1998, table II, method 10."""
    found = newcombe(Group(one[1], one[0]), Group(other[1], other[0]))
    assert (f"{float(found.low):.4f}", f"{float(found.high):.4f}") == (low, high)
    assert found.value == Fraction(*one) - Fraction(*other)


groups = st.integers(1, 2000).flatmap(lambda n: st.builds(Group, st.just(n), st.integers(0, n)))


@given(one=groups, other=groups)
def test_any_interval_holds_its_difference_and_turns_with_it(one: Group, other: Group):
    found, turned = newcombe(one, other), newcombe(other, one)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (turned.value, turned.low, turned.high) == (-found.value, -found.high, -found.low)


@given(group=groups)
def test_the_interval_of_a_share_solves_the_equation_of_the_score(group: Group):
    """Wilson's bounds are where the distance to the share is 1.96 standard errors of the bound itself."""
    share = group.rate
    assert share is not None
    for bound in wilson(group):
        assert 0 <= bound <= 1
        error = bound * (1 - bound) / group.persons
        assert abs((share - bound) ** 2 - Fraction("1.95996398454") ** 2 * error) < Fraction(1, 10**10)


@given(one=groups, other=groups)
def test_ten_times_the_people_narrow_the_interval(one: Group, other: Group):
    def width(estimate: Estimate) -> Fraction:
        return estimate.high - estimate.low

    more = newcombe(
        Group(one.persons * 10, one.switched * 10), Group(other.persons * 10, other.switched * 10)
    )
    assert width(more) < width(newcombe(one, other))


def test_the_effect_is_the_difference_times_the_people_times_what_each_saved():
    """9 of 12 against 3 of 12, 10,260 yen: 6 people more, and 6 × 10,260 ÷ 9 yen."""
    found = notice_effect(Group(12, 9), Group(12, 3), Fraction(10_260), least=10)
    assert found.difference and found.additional and found.caused
    assert found.difference.value == Fraction(9, 12) - Fraction(3, 12)
    assert found.additional.value == 12 * Fraction(6, 12)
    assert found.caused.value == 6 * Fraction(10_260, 9)
    assert found.caused.low == found.difference.low * 12 * 10_260 / 9


@pytest.mark.parametrize(
    ("notified", "control", "why"),
    [
        (Group(100, 40), Group(0, 0), "no_control"),
        (Group(0, 0), Group(0, 0), "no_control"),
        (Group(9, 4), Group(100, 20), "too_few"),
        (Group(100, 40), Group(9, 2), "too_few"),
        (Group(0, 0), Group(100, 20), "too_few"),
    ],
)
def test_without_enough_people_there_is_no_effect_but_a_reason(notified: Group, control: Group, why: str):
    found = notice_effect(notified, control, Fraction(100), least=10)
    assert (found.difference, found.additional, found.caused) == (None, None, None)
    assert found.why_not == why
    assert why in WHY_NOT


def test_ten_people_each_are_enough_and_none_who_switched_save_nothing():
    found = notice_effect(Group(10, 0), Group(10, 0), Fraction(0), least=10)
    assert found.difference is not None
    assert found.difference.value == 0
    assert found.caused is None


def test_a_notice_that_kept_people_from_switching_shows_as_less_than_nothing():
    found = notice_effect(Group(100, 10), Group(100, 30), Fraction(1000), least=10)
    assert found.additional and found.caused
    assert found.additional.value == -20
    assert found.caused.low < found.caused.value < 0


def test_more_than_all_cannot_have_switched():
    with pytest.raises(ValueError, match="13 of 12"):
        Group(12, 13)


def test_nobody_has_no_rate_and_no_interval():
    assert Group(0, 0).rate is None
    with pytest.raises(ValueError, match="nobody"):
        newcombe(Group(0, 0), Group(1, 1))


def test_the_effect_of_a_branch_is_that_of_its_stored_figures(world: Lake):
    saved = Fraction(9 * (60 - 22) * 30)
    assert effect(world, "13", AUGUST) == notice_effect(Group(12, 9), Group(12, 3), saved, least=10)
    other = effect(world, "35", AUGUST)
    assert other == NoticeEffect(Group(0, 0), Group(0, 0), Fraction(0), why_not="no_control")


def test_the_nation_has_no_effect_of_its_own(world: Lake):
    with pytest.raises(MeasureError, match="支部を指定"):
        effect(world, "00", AUGUST)


def test_a_month_without_receipts_has_no_effect(world: Lake):
    with pytest.raises(MeasureError, match="令和8年8月"):
        effect(world, "13", date(2026, 8, 1))


def test_figures_of_different_data_are_not_compared(tmp_path: Path):
    lake = notices(tmp_path, [], AUGUST)
    write(lake, "receipt", [{"receipt_id": 5000, "month": AUGUST}], "more")
    refresh(lake, [NOTIFIED], derivations=MADE)
    with pytest.raises(MeasureError, match="違う時点"):
        effect(lake, "13", AUGUST)


def test_new_cases_change_the_figures_at_the_next_refresh(tmp_path: Path):
    taken = {"2024-05": "先発30日", "2024-09": "後発30日"}
    everybody = [{"who": w, "letter": date(2024, 8, 10), "taken": taken} for w in "ab"]
    lake = notices(tmp_path, [everybody[0], {"who": "b", "taken": taken}], date(2024, 11, 1))
    assert figure(lake, NOTIFIED, AUGUST)["denominator"] == 1
    store_cases(lake, cases_of(everybody), [], as_of=TAKEN)
    assert explain(lake, NOTIFIED, "13", AUGUST).stale
    refresh(lake, MEASURES, derivations=MADE)
    assert figure(lake, NOTIFIED, AUGUST)["denominator"] == 2
