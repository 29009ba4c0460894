"""Judging (判定): a target and a figure give a verdict with its reason, at the precision the plan prints.

A figure is a value, missing (未集計), or not applicable (対象外): three different things, and none of them is zero.
Both sides are rounded half up to the printed decimals before they are compared; a baseline that the plan states is
taken as it is printed.

Source: rules I5 (一者応札), I6 (one evaluator), I7 (前年度比), I2 (the marks of a progress report).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from kenpo.base.errors import ArgumentError
from kenpo.base.money import Number, exact, percent, round_ratio, truncate
from kenpo.plan.targets import (
    BranchSpecific,
    Done,
    Generic80,
    NotAboveLastYear,
    NotBelowLastYear,
    SingleBid,
    Target,
    describe,
    direction,
    level,
    number_text,
    printed_precision,
)


@dataclass(frozen=True)
class Value:
    """A figure that is there (実績値), with what it was made of where that is known.

    value is None only when the denominator is 0: there is nothing to take a rate of, which is not 0 %.
    For 実施 (done): numerator of denominator is months done of months passed, or branches done of all branches.
    """

    value: Decimal | None
    numerator: Number | None = None
    denominator: Number | None = None

    def __post_init__(self) -> None:
        if self.value is None and self.denominator != 0:
            raise ValueError("a figure without a value is Missing, unless its denominator is 0")


@dataclass(frozen=True)
class Missing:
    """A figure that is not there yet (未集計), and why: 報告待ち、下期実施予定."""

    reason: str


@dataclass(frozen=True)
class NotApplicable:
    """A figure that cannot be (対象外), and why: 新設のため前年度の値がない、対象者がいない."""

    reason: str


Figure = Value | Missing | NotApplicable
"""The three states of a figure (実績の3つの状態)."""


class Code(StrEnum):
    """What a verdict says (判定)."""

    MET = "met"
    NOT_MET = "not_met"
    ON_PATH = "on_path"
    BEHIND = "behind"
    NOT_YET = "not_yet"
    UNDECIDED = "undecided"
    NOT_APPLICABLE = "not_applicable"

    @property
    def ja(self) -> str:
        """The verdict for people: 達成、未達、…"""
        return _CODES_JA[self]


_CODES_JA = {
    Code.MET: "達成",
    Code.NOT_MET: "未達",
    Code.ON_PATH: "段階目標どおり",
    Code.BEHIND: "段階目標を下回る",
    Code.NOT_YET: "未実施",
    Code.UNDECIDED: "判定できない",
    Code.NOT_APPLICABLE: "対象外",
}


@dataclass(frozen=True)
class Verdict:
    """A verdict (判定結果): its code, the reason for people, and the number the figure was compared with, if any."""

    code: Code
    reason_ja: str
    compared_with: Decimal | None = None


def judge(
    target: Target,
    actual: Figure,
    *,
    last_year: Decimal | NotApplicable | None = None,
    precision: int,
    at_year_end: bool,
    expected: Number | None = None,
    unit: str = "%",
) -> Verdict:
    """The verdict on a figure (判定).

    last_year: last year's figure (of its end for 対前年度末以上); NotApplicable when there was none, None when it is
    unknown. precision: the KPI's printed decimals. expected: where the path to the year-end level stands now
    (段階目標), given in-year for a KPI that grows over the year; a figure of a ratio or of a day is judged as it
    stands, so far.
    """
    if isinstance(actual, NotApplicable):
        return Verdict(Code.NOT_APPLICABLE, actual.reason)
    if isinstance(actual, Missing):
        return Verdict(Code.UNDECIDED, f"実績がまだありません（{actual.reason}）")
    if isinstance(target, BranchSpecific):
        return Verdict(
            Code.UNDECIDED, f"目標値は{describe(target, unit, precision)}。支部の計画の目標値で判定します"
        )
    if isinstance(target, Done):
        return _judge_done(target, actual, at_year_end)
    judging = _Judging(target, precision, at_year_end, unit)
    if isinstance(target, SingleBid):
        return _judge_single_bid(judging, target, actual, last_year)
    if actual.value is None:
        return Verdict(Code.NOT_APPLICABLE, "分母が0件のため、率がありません")
    if isinstance(target, Generic80):
        return _judge_generic(judging, target, actual.value, last_year)
    before = last_year if isinstance(last_year, Decimal) else None
    bound = level(target, before)
    if bound is None:
        return _unknown_last_year(last_year)
    if isinstance(target, NotBelowLastYear) and target.year_end and not at_year_end:
        return judging.as_it_stands(actual.value, bound)
    basis = _basis(target)
    if expected is None or at_year_end:
        return judging.compare(actual.value, bound, basis)
    return judging.compare_with_path(actual.value, bound, basis, expected)


@dataclass(frozen=True)
class _Judging:
    """How two numbers are compared and told for one target."""

    target: Target
    precision: int
    at_year_end: bool
    unit: str

    def printed(self, value: Number) -> Decimal:
        return round_ratio(value, printed_precision(self.target, self.precision))

    def text(self, value: Number) -> str:
        return number_text(self.printed(value), self.unit)

    @property
    def up(self) -> bool:
        return direction(self.target) == "up"

    def bound_text(self, bound: Number) -> str:
        return f"{self.text(bound)}{'以上' if self.up else '以下'}"

    def reaches(self, value: Number, bound: Number) -> bool:
        a, b = self.printed(value), self.printed(bound)
        return a >= b if self.up else a <= b

    def actual_text(self, value: Number) -> str:
        return f"{'実績' if self.at_year_end else '現時点の実績'} {self.text(value)}"

    def compare(self, value: Decimal, bound: Decimal, basis: str) -> Verdict:
        return Verdict(
            Code.MET if self.reaches(value, bound) else Code.NOT_MET,
            f"{self.actual_text(value)}、{basis} {self.bound_text(bound)}",
            self.printed(bound),
        )

    def compare_with_path(self, value: Decimal, bound: Decimal, basis: str, expected: Number) -> Verdict:
        end = f"年度末の{basis} {self.bound_text(bound)}"
        if self.printed(expected) == 0 == self.printed(value):
            return Verdict(
                Code.UNDECIDED, f"例年、まだ実施時期ではありません（{end}）", self.printed(expected)
            )
        return Verdict(
            Code.ON_PATH if self.reaches(value, expected) else Code.BEHIND,
            f"{self.actual_text(value)}、段階目標 {self.bound_text(expected)}（{end}）",
            self.printed(expected),
        )

    def as_it_stands(self, value: Decimal, bound: Decimal) -> Verdict:
        """A figure as of a day against a target of the year's end: judged as it stands, which the end may change."""
        verdict = self.compare(value, bound, "前年度末")
        return replace(verdict, reason_ja=f"{verdict.reason_ja}（年度末の値で決まります）")


def _basis(target: Target) -> str:
    if isinstance(target, NotBelowLastYear) and target.year_end:
        return "前年度末"
    return "前年度" if isinstance(target, NotBelowLastYear | NotAboveLastYear) else "目標"


def _unknown_last_year(last_year: Decimal | NotApplicable | None) -> Verdict:
    if isinstance(last_year, NotApplicable):
        return Verdict(Code.UNDECIDED, f"比べる前年度の値がありません（{last_year.reason}）")
    return Verdict(Code.UNDECIDED, "前年度の値が分かりません")


def _judge_generic(
    judging: _Judging, target: Generic80, value: Decimal, last_year: Decimal | NotApplicable | None
) -> Verdict:
    # A branch without a last year was not above the level then.
    was_above = isinstance(last_year, Decimal) and judging.reaches(last_year, target.value)
    if last_year is None:
        if judging.at_year_end and not judging.reaches(value, target.value):
            return judging.compare(value, target.value, "目標")
        return _unknown_last_year(last_year)
    if isinstance(last_year, NotApplicable) or not was_above:
        return judging.compare(value, target.value, "目標")
    if not judging.at_year_end:
        return judging.as_it_stands(value, last_year)
    return judging.compare(value, last_year, "前年度末")


def _judge_single_bid(
    judging: _Judging, target: SingleBid, actual: Value, last_year: Decimal | NotApplicable | None
) -> Verdict:
    tenders, singles = actual.denominator, actual.numerator
    if tenders == 0 or actual.value is None:
        return Verdict(Code.MET, "一般競争入札がありません")
    if target.few and (tenders is None or singles is None):
        return Verdict(Code.UNDECIDED, "入札の件数と一者応札の件数が分かりません")
    if tenders is not None and singles is not None and exact(tenders) <= target.few:
        return Verdict(
            Code.MET if exact(singles) <= target.few_limit else Code.NOT_MET,
            f"入札{tenders}件のうち一者応札{singles}件"
            f"（入札{target.few}件以下の場合は一者応札{target.few_limit}件以下）",
            Decimal(target.few_limit),
        )
    if not target.not_above_last_year or isinstance(last_year, NotApplicable):
        return judging.compare(actual.value, target.value, "目標")
    if last_year is None:
        if not judging.reaches(actual.value, target.value):
            return judging.compare(actual.value, target.value, "目標")
        return _unknown_last_year(last_year)
    if judging.reaches(last_year, target.value):
        return judging.compare(actual.value, last_year, "前年度")
    return judging.compare(actual.value, target.value, "目標")


def _judge_done(target: Done, actual: Value, at_year_end: bool) -> Verdict:
    done = actual.value if actual.numerator is None else actual.numerator
    if done is None:
        return Verdict(Code.NOT_APPLICABLE, "対象がありません")
    if target.every_month or target.all_branches:
        whole = actual.denominator
        if whole is None:
            return Verdict(Code.UNDECIDED, "全体のうちいくつ実施したかが分かりません")
        unit = "支部" if target.all_branches else "か月"
        complete = exact(done) >= exact(whole) > 0
        reason, compared = f"{whole}{unit}のうち{done}{unit}で実施", round_ratio(whole, 0)
    else:
        complete, compared = exact(done) > 0, None
        reason = "実施した" if complete else "実施していない"
    if complete:
        return Verdict(Code.MET, reason, compared)
    return Verdict(Code.NOT_MET if at_year_end else Code.NOT_YET, reason, compared)


class Mark(StrEnum):
    """The five marks of a progress report (実施状況). Source: 東京支部 令和5年度上期, rules I2."""

    FAR_ABOVE = "◎"
    AS_PLANNED = "○"
    IN_PROGRESS = "△"
    TO_BE_DONE = "－"
    DROPPED = "×"

    @property
    def ja(self) -> str:
        """The meaning as the legend writes it (凡例)."""
        return _MARKS_JA[self]

    @classmethod
    def of(cls, text: str) -> Mark:
        """The mark from text, in any of the characters people type for it. Raises ArgumentError."""
        found = _MARK_OF.get(text.strip())
        if found is None:
            raise ArgumentError(f"実施状況の記号ではありません：{text}", todo="◎、○、△、－、× で書きます")
        return found


_MARKS_JA = {
    Mark.FAR_ABOVE: "計画を大幅に上回る",
    Mark.AS_PLANNED: "計画通り",
    Mark.IN_PROGRESS: "実施中又は計画を下回る",
    Mark.TO_BE_DONE: "実施予定",
    Mark.DROPPED: "実施見送り",
}
_MARK_OF = {
    character: mark
    for mark, characters in {
        Mark.FAR_ABOVE: "◎",
        Mark.AS_PLANNED: "○〇◯",
        Mark.IN_PROGRESS: "△▲",
        Mark.TO_BE_DONE: "－-−ー―–—‐ｰ─",
        Mark.DROPPED: "×✕╳✖xXｘＸ",
    }.items()
    for character in characters
}


def percent_of_last_year(this_year: Number, last_year: Number) -> int | None:
    """前年度比: this year in percent of last year, rounded half up to a whole number; None when last year is 0.

    120,623 of 126,110 is 95.65 → 96. Source: 東京支部 令和5年度上期 (決定件数), rules I7.
    """
    ratio = percent(this_year, last_year, 0)
    return None if ratio is None else int(ratio)


def expected_people(people: int, share: Number) -> int:
    """予定者数: a share in percent of a number of people, the fraction of a person cut off.

    1.6 % of 1,370,600 is 21,929.6 → 21,929. Source: 東京支部 令和5年度上期 (二次勧奨), rules I7.
    """
    return int(truncate(people * exact(share) / 100, 0))
