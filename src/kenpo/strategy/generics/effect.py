"""Effect of ジェネリック医薬品軽減額通知: who was written to against who was held out by chance (通知した人と対照群).

Source of the interval: R. G. Newcombe, Interval estimation for the difference between independent proportions: comparison
of eleven methods, Statistics in Medicine 17 (1998), 873–890, method 10, made of two intervals of E. B. Wilson (1927) without
continuity correction. It holds for small groups and for shares of 0 and 1, where the textbook interval collapses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import polars as pl

from kenpo.base.branches import NATION_CODE
from kenpo.base.era import to_wareki_month
from kenpo.base.errors import MeasureError
from kenpo.frame.measure import Measure, figures
from kenpo.lake import Lake
from kenpo.law.loader import value as parameter_value
from kenpo.strategy.generics.measures import (
    generic_notice_control_switch_rate,
    generic_notice_saving,
    generic_notice_switch_rate,
)

Z95 = Fraction(1_959_963_984_540, 10**12)
"""The 97.5 % point of the normal distribution, for an interval of 95 %."""

_ROOT_DIGITS = 10**12

WHY_NOT = {
    "no_control": "追跡できた対照群の人がいないため、通知がなかった場合と比べられない",
    "too_few": "人数が少ないため、通知した人と対照群を比べられない",
}
"""Why there is no comparison: code → Japanese."""


@dataclass(frozen=True)
class Group:
    """People who were followed (追跡した人), and how many of them switched. Raises ValueError when more than all did."""

    persons: int
    switched: int

    def __post_init__(self) -> None:
        if not 0 <= self.switched <= self.persons:
            raise ValueError(f"{self.switched} of {self.persons} cannot have switched")

    @property
    def rate(self) -> Fraction | None:
        """The share that switched, None of nobody."""
        return Fraction(self.switched, self.persons) if self.persons else None


@dataclass(frozen=True)
class Estimate:
    """A number with its interval of 95 % (95％信頼区間): value exact, low and high to twelve decimals."""

    value: Fraction
    low: Fraction
    high: Fraction

    def times(self, factor: Fraction | int) -> Estimate:
        """The estimate times a number that is taken as certain, 0 or more."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class NoticeEffect:
    """What the notices of a month led to (軽減額通知の効果).

    notified, control: who was followed of those written to and of those held out. saved: yen that the notified saved in all,
    with those who would have switched anyway. difference: of the two shares; additional: people who switched because of the
    notice, the difference times the notified; caused: yen saved because of it, these people times what each who switched
    saved, that being taken as certain; None when nobody switched or nothing was saved. Without a comparison all three are
    None and why_not says why (WHY_NOT).
    """

    notified: Group
    control: Group
    saved: Fraction
    difference: Estimate | None = None
    additional: Estimate | None = None
    caused: Estimate | None = None
    why_not: str | None = None


def wilson(group: Group) -> tuple[Fraction, Fraction]:
    """The score interval of 95 % of a share: from exactly 0 when nobody switched, to exactly 1 when all did. Raises ValueError
    of nobody.
    """
    p, n = group.rate, group.persons
    if p is None:
        raise ValueError("a share of nobody has no interval")
    middle = p + Z95**2 / (2 * n)
    half = Z95 * _root(p * (1 - p) / n + Z95**2 / (4 * n**2))
    whole = 1 + Z95**2 / n
    return min(p, (middle - half) / whole), max(p, (middle + half) / whole)


def newcombe(one: Group, other: Group) -> Estimate:
    """The difference of two shares, one less the other, with its hybrid score interval of 95 %. Raises ValueError of nobody."""
    (low, high), (other_low, other_high) = wilson(one), wilson(other)
    p, q = Fraction(one.switched, one.persons), Fraction(other.switched, other.persons)
    return Estimate(
        p - q,
        p - q - _root((p - low) ** 2 + (other_high - q) ** 2),
        p - q + _root((high - p) ** 2 + (q - other_low) ** 2),
    )


def _root(x: Fraction) -> Fraction:
    """The square root, cut off after twelve decimals."""
    return Fraction(math.isqrt(x.numerator * _ROOT_DIGITS**2 // x.denominator), _ROOT_DIGITS)


def notice_effect(notified: Group, control: Group, saved: Fraction, *, least: int) -> NoticeEffect:
    """What the notices led to. least: people each group must have for a comparison."""
    if not control.persons:
        return NoticeEffect(notified, control, saved, why_not="no_control")
    if min(notified.persons, control.persons) < least:
        return NoticeEffect(notified, control, saved, why_not="too_few")
    difference = newcombe(notified, control)
    additional = difference.times(notified.persons)
    caused = additional.times(saved / notified.switched) if saved > 0 else None
    return NoticeEffect(notified, control, saved, difference, additional, caused)


def effect(lake: Lake, branch: str, month: date) -> NoticeEffect:
    """What the notices a branch sent in a month led to, of the stored figures, so that each number can be explained.

    Raises MeasureError for the nation, where the share held out is another in every branch and the two groups are not alike,
    for a month that was not computed, for figures of different data, and what figures raises; NotLoaded without the data of
    cases.
    """
    of_a_branch(branch)
    notified = _stored(lake, generic_notice_switch_rate, branch, month)
    control = _stored(lake, generic_notice_control_switch_rate, branch, month)
    saving = _stored(lake, generic_notice_saving, branch, month)
    if len({row["cutoff"].item() for row in (notified, control, saving)}) > 1:
        raise MeasureError(
            "軽減額通知の切替率と削減額が、違う時点のデータで計算されています。",
            todo="「kenpo refresh」を実行してください。",
        )
    least = int(parameter_value("generic_notice_effect_min_persons", month))
    return notice_effect(_group(notified), _group(control), Fraction(saving["numerator"].item()), least=least)


def of_a_branch(branch: str) -> None:
    """Raises MeasureError for the nation, where the two groups are not alike."""
    if branch == NATION_CODE:
        raise MeasureError(
            "軽減額通知の効果は支部ごとに出します。対照群の割合が支部で違うため、全国では通知した人と対照群を比べられません。",
            todo="支部を指定してください。",
        )


def _stored(lake: Lake, measure: Measure, branch: str, month: date) -> pl.DataFrame:
    row = figures(lake, measure, branch=branch, months=(month, month))
    if row.is_empty():
        raise MeasureError(
            f"{to_wareki_month(month)}の「{measure.title}」はありません。",
            todo="レセプトを取り込んである月を指定してください。",
        )
    return row


def _group(row: pl.DataFrame) -> Group:
    return Group(int(row["denominator"].item()), int(row["numerator"].item()))
