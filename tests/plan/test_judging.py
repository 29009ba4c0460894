"""判定: every rule as a row of judging.yaml, and what holds for all targets and figures."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.arithmetic import worked_out

from kenpo.base.errors import ArgumentError
from kenpo.base.money import round_ratio
from kenpo.plan.judging import (
    Code,
    Figure,
    Mark,
    Missing,
    NotApplicable,
    Value,
    expected_people,
    judge,
    percent_of_last_year,
)
from kenpo.plan.targets import Target, direction

TARGET: TypeAdapter[Target] = TypeAdapter(Target)
EXAMPLES = yaml.load(
    Path(__file__).with_name("judging.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader
)
BAD, UNKNOWN, GOOD = 0, 1, 2
RANK = {
    Code.NOT_MET: BAD,
    Code.BEHIND: BAD,
    Code.NOT_YET: BAD,
    Code.UNDECIDED: UNKNOWN,
    Code.MET: GOOD,
    Code.ON_PATH: GOOD,
}


def figure(example: dict[str, str]) -> Figure:
    """The figure of a row, at more digits than are printed."""
    if "missing" in example:
        return Missing(example["missing"])
    if "not_applicable" in example:
        return NotApplicable(example["not_applicable"])
    if "tenders" in example:
        tenders, singles = int(example["tenders"]), int(example["singles"])
        rate = round_ratio(Fraction(100 * singles, tenders), 6) if tenders else None
        return Value(rate, singles, tenders)
    if "done" in example:
        whole = int(example["of"]) if "of" in example else None
        return Value(Decimal(example["done"]), int(example["done"]), whole)
    return Value(round_ratio(worked_out(example["actual"]), 6))


def last_year(example: dict[str, str]) -> Decimal | NotApplicable | None:
    if "no_last_year" in example:
        return NotApplicable(example["no_last_year"])
    return Decimal(example["last_year"]) if "last_year" in example else None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["why"])
def test_the_verdict(example: dict[str, Any]):
    verdict = judge(
        TARGET.validate_python(example["target"]),
        figure(example),
        last_year=last_year(example),
        precision=int(example.get("precision", 1)),
        at_year_end={"年度末": True, "年度途中": False}[example["when"]],
        expected=worked_out(example["path"]) if "path" in example else None,
    )
    assert verdict.code.ja == example["verdict"]
    assert verdict.reason_ja
    if "against" in example:
        assert str(verdict.compared_with) == example["against"]


def test_every_kind_and_every_verdict_has_an_example():
    kinds = {c["properties"]["kind"]["const"] for c in TARGET.json_schema()["$defs"].values()}
    assert {e["target"]["kind"] for e in EXAMPLES} == kinds
    assert {e["verdict"] for e in EXAMPLES} == {c.ja for c in Code}


def said(target: Mapping[str, object], actual: Figure, **rest: Any) -> str:
    given_ = {"precision": 1, "at_year_end": False, **rest}
    return judge(TARGET.validate_python(target), actual, **given_).reason_ja


def test_the_reason_is_a_sentence_for_people():
    behind = said({"kind": "at_least", "value": "59.9"}, Value(Decimal("8.4")), expected=Fraction("14.975"))
    assert behind == "現時点の実績 8.4％、段階目標 15.0％以上（年度末の目標 59.9％以上）"
    relative = {"kind": "not_below_last_year", "value": "8521"}
    yen = said(relative, Value(Decimal(8373)), precision=0, unit="円", at_year_end=True)
    assert yen == "実績 8,373円、前年度 8,521円以上"
    end_of_year = {"kind": "not_below_last_year", "value": "80.6", "year_end": True}
    generic_end = said(end_of_year, Value(Decimal("80.5")), at_year_end=True)
    assert generic_end == "実績 80.5％、前年度末 80.6％以上"
    bids = said({"kind": "single_bid"}, Value(Decimal(25), 1, 4), at_year_end=True)
    assert bids == "入札4件のうち一者応札1件（入札4件以下の場合は一者応札1件以下）"
    later = said({"kind": "at_least", "value": "94.0"}, Value(Decimal(0)), expected=0)
    assert later == "例年、まだ実施時期ではありません（年度末の目標 94.0％以上）"
    branch = said({"kind": "branch_specific", "value": 80}, Value(Decimal(90)))
    assert branch == "目標値は支部ごとに設定（80％に向けて）。支部の計画の目標値で判定します"
    generic = said({"kind": "generic_80"}, Value(Decimal("81.4")), last_year=Decimal("81.5"))
    assert generic == "現時点の実績 81.4％、前年度末 81.5％以上（年度末の値で決まります）"


def test_a_rate_without_a_denominator_is_not_applicable_and_not_zero():
    target = TARGET.validate_python({"kind": "at_least", "value": 13.1})
    verdict = judge(target, Value(None, 0, 0), precision=1, at_year_end=True)
    assert verdict.code is Code.NOT_APPLICABLE
    with pytest.raises(ValueError, match="Missing"):
        Value(None)


def test_no_tenders_are_met_however_the_figure_is_given():
    target = TARGET.validate_python({"kind": "single_bid"})
    for actual in (Value(None, 0, 0), Value(Decimal(0), None, 0)):
        assert judge(target, actual, precision=1, at_year_end=True).code is Code.MET


numbers = st.decimals(min_value=0, max_value=100, places=4)
maybe_last_year = st.one_of(st.none(), st.just(NotApplicable("新設")), numbers)
plain_targets = st.one_of(
    st.builds(
        lambda kind, value: {"kind": kind, "value": value},
        st.sampled_from(["at_least", "at_most", "equal", "not_below_last_year", "not_above_last_year"]),
        numbers.map(lambda d: d.quantize(Decimal("0.1"))),
    ),
    st.sampled_from(
        [
            {"kind": "not_below_last_year"},
            {"kind": "not_below_last_year", "year_end": True},
            {"kind": "not_above_last_year"},
            {"kind": "generic_80"},
            {"kind": "branch_specific", "value": 80},
            {"kind": "done"},
        ]
    ),
).map(TARGET.validate_python)


@given(
    plain_targets, numbers, numbers, maybe_last_year, st.booleans(), st.none() | numbers | st.just(Decimal(0))
)
def test_a_better_figure_never_makes_the_verdict_worse(
    target: Target,
    a: Decimal,
    b: Decimal,
    before: Decimal | NotApplicable | None,
    end: bool,
    expected: Decimal | None,
):
    worse, better = sorted((a, b), reverse=direction(target) == "down")
    ranks = [
        RANK[judge(target, Value(x), last_year=before, precision=1, at_year_end=end, expected=expected).code]
        for x in (worse, better)
    ]
    assert ranks[0] <= ranks[1]


@given(
    st.integers(1, 30),
    st.data(),
    maybe_last_year,
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 4]),
)
def test_fewer_single_bids_never_make_the_verdict_worse(
    tenders: int,
    data: st.DataObject,
    before: Decimal | NotApplicable | None,
    end: bool,
    clause: bool,
    few: int,
):
    fewer, more = sorted(data.draw(st.lists(st.integers(0, tenders), min_size=2, max_size=2)))
    target = TARGET.validate_python({"kind": "single_bid", "few": few, "not_above_last_year": clause})

    def rank(singles: int) -> int:
        actual = Value(round_ratio(Fraction(100 * singles, tenders), 4), singles, tenders)
        return RANK[judge(target, actual, last_year=before, precision=1, at_year_end=end).code]

    assert rank(more) <= rank(fewer)


@given(
    st.integers(0, 47), st.integers(0, 47), st.booleans(), st.sampled_from(["every_month", "all_branches"])
)
def test_more_done_never_makes_the_verdict_worse(a: int, b: int, end: bool, which: str):
    target = TARGET.validate_python({"kind": "done", which: True})
    ranks = [
        RANK[judge(target, Value(Decimal(n), n, 47), precision=0, at_year_end=end).code]
        for n in sorted((a, b))
    ]
    assert ranks[0] <= ranks[1]


# 実施 asks whether anything was done, which no rounding may take away.
@given(
    plain_targets.filter(lambda t: t.kind != "done"),
    numbers,
    maybe_last_year,
    st.booleans(),
    st.none() | numbers,
)
def test_digits_beyond_the_printed_ones_count_only_by_rounding(
    target: Target,
    actual: Decimal,
    before: Decimal | NotApplicable | None,
    end: bool,
    expected: Decimal | None,
):
    def printed(x: Any) -> Any:
        return round_ratio(x, 1) if isinstance(x, Decimal) else x

    exact_, rounded = (
        judge(
            target, Value(f(actual)), last_year=f(before), precision=1, at_year_end=end, expected=f(expected)
        )
        for f in (lambda x: x, printed)
    )
    assert exact_ == rounded


@given(plain_targets, numbers)
def test_missing_zero_and_not_applicable_are_three_things(target: Target, before: Decimal):
    def code(actual: Figure) -> Code:
        return judge(target, actual, last_year=before, precision=1, at_year_end=True).code

    assert code(Missing("未集計")) is Code.UNDECIDED
    assert code(NotApplicable("対象者がいない")) is Code.NOT_APPLICABLE
    assert code(Value(Decimal(0))) is not Code.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("typed", "mark", "meaning"),
    [
        ("◎", Mark.FAR_ABOVE, "計画を大幅に上回る"),
        ("○〇◯", Mark.AS_PLANNED, "計画通り"),
        ("△▲", Mark.IN_PROGRESS, "実施中又は計画を下回る"),
        ("－-−ー―", Mark.TO_BE_DONE, "実施予定"),
        ("×✕╳x", Mark.DROPPED, "実施見送り"),
    ],
)
def test_a_mark_in_any_of_its_characters(typed: str, mark: Mark, meaning: str):
    assert {Mark.of(c) for c in typed} == {mark}
    assert Mark.of(f" {typed[0]} ") is mark
    assert mark.ja == meaning


@pytest.mark.parametrize("text", ["", "◎○", "良", "?"])
def test_what_is_no_mark_is_refused(text: str):
    with pytest.raises(ArgumentError):
        Mark.of(text)


def test_figures_the_plan_documents_print():
    assert percent_of_last_year(120_623, 126_110) == 96
    assert percent_of_last_year(13_041, 0) is None
    assert expected_people(1_370_600, Decimal("1.6")) == 21_929
