"""The monthly premium (保険料) of an insured person at work and the employee's half.

Source: 健康保険法156条, 160条, 161条; halves of a yen: 通貨の単位及び貨幣の発行等に関する法律3条.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from kenpo.base.branches import branch as find_branch
from kenpo.base.errors import ArgumentError
from kenpo.base.fiscal import month_of
from kenpo.base.money import round_employee_half
from kenpo.law.loader import load, value
from kenpo.law.remuneration import grades


@dataclass(frozen=True)
class Premium:
    """A month's premium of one insured person (保険料, yen) and the rates it was computed with (percent).

    total: the whole premium before any rounding. employee: the insured person's half as deducted from pay
    (被保険者負担分), whole yen. care_rate is None without care premium (介護保険料); support_rate is None in
    months before the child support levy (子ども・子育て支援金) began.
    """

    standard: int
    branch: str
    month: date
    health_rate: Decimal
    care_rate: Decimal | None
    support_rate: Decimal | None
    rate: Decimal
    total: Fraction
    employee: int

    @property
    def half(self) -> Fraction:
        """Half of the premium (折半額, yen) before rounding."""
        return self.total / 2


def monthly_premium(standard: int, branch: str, month: date, care: bool) -> Premium:
    """The premium of a month (月分の保険料) for an insured person at work.

    Not for 任意継続, whose rates change in April and whose halves do not exist.

    standard: the standard monthly remuneration (標準報酬月額, yen), one of the grades. branch: as
    kenpo.base.branches.branch reads it. month: the month the premium is for (3月分 is the first at a new
    rate), any day of it. care: whether the person is 介護保険第2号被保険者 in the month.

    The rates of health, care and, from 2026-04, child support are added first; the sum is halved and rounded
    once. 300,000 yen, 東京, 2025-03, no care: 29,730 → 14,865.

    Raises ArgumentError for an unknown branch or a standard that is no grade, ParameterError for a month not
    covered. Source: 健康保険法156条, 161条; 事務連絡 (令和8年2月12日) Q&A.
    """
    code = find_branch(branch).code
    month = month_of(month)
    health_rate: Decimal = value("health_insurance_rate", month)[code]
    care_rate: Decimal | None = value("long_term_care_rate", month) if care else None
    support_rate = _support_rate(month)
    _require_grade(standard, month)
    rate = health_rate + (care_rate or Decimal(0)) + (support_rate or Decimal(0))
    total = standard * Fraction(rate) / 100
    return Premium(
        standard=standard,
        branch=code,
        month=month,
        health_rate=health_rate,
        care_rate=care_rate,
        support_rate=support_rate,
        rate=rate,
        total=total,
        employee=round_employee_half(total / 2),
    )


def _support_rate(month: date) -> Decimal | None:
    """The child support rate (子ども・子育て支援金率), percent; None before it began."""
    parameter = load("child_support_rate")
    return None if month < parameter.first_day else parameter.at(month)


def _require_grade(standard: int, month: date) -> None:
    if all(grade.standard != standard for grade in grades(month)):
        raise ArgumentError(
            f"標準報酬月額 {standard:,}円 は、{month.year}年{month.month}月の等級表にありません。",
            todo="報酬月額ではなく標準報酬月額（58,000円から1,390,000円までの50等級）を指定してください。",
        )
