"""Standard remuneration (標準報酬): the grade of a monthly remuneration and the standard bonus.

Source: 健康保険法40条 (標準報酬月額), 45条 (標準賞与額).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from kenpo.base.errors import ArgumentError
from kenpo.base.money import floor_thousand
from kenpo.law.loader import value


@dataclass(frozen=True)
class Grade:
    """A grade of the standard monthly remuneration (標準報酬月額の等級), in yen.

    It takes remunerations of `lower` and more, below `upper` (None in the highest grade).
    """

    grade: int
    standard: int
    lower: int
    upper: int | None

    def holds(self, monthly_remuneration: int) -> bool:
        """Whether a monthly remuneration (報酬月額) falls in the grade."""
        return self.lower <= monthly_remuneration and (
            self.upper is None or monthly_remuneration < self.upper
        )


def grades(on: date) -> tuple[Grade, ...]:
    """The grades of a day (等級表), from the lowest. Raises ParameterError before 2016-04-01. Source:
    健康保険法40条.
    """
    rows = value("standard_monthly_remuneration", on)
    uppers = (*(row["lower"] for row in rows[1:]), None)
    return tuple(
        Grade(row["grade"], row["standard"], row["lower"], upper)
        for row, upper in zip(rows, uppers, strict=True)
    )


def grade_of(monthly_remuneration: int, on: date) -> Grade:
    """The grade of a monthly remuneration (報酬月額, yen): 514,999 → grade 30 of 500,000.

    Raises ArgumentError when negative, ParameterError when the day has no table. Source: 健康保険法40条.
    """
    _require_yen(monthly_remuneration, "報酬月額")
    return next(grade for grade in grades(on) if grade.holds(monthly_remuneration))


def standard_bonus(amount: int, paid_so_far_in_fy: int, on: date) -> int:
    """The standard bonus (標準賞与額, yen) of a bonus: floored to 1,000 yen, within what the fiscal year's
    cap leaves.

    amount: the bonus paid, yen. paid_so_far_in_fy: the standard bonuses counted since 1 April for the same
    person and insurer, yen. on: the day of payment; its cap applies. 0 once the cap is used up. Raises
    ArgumentError when an amount is negative, ParameterError when the day is not covered. Source:
    健康保険法45条1項.
    """
    _require_yen(amount, "賞与額")
    _require_yen(paid_so_far_in_fy, "年度の標準賞与額の累計")
    left = max(0, value("standard_bonus_cap", on) - paid_so_far_in_fy)
    return min(floor_thousand(amount), left)


def _require_yen(amount: int, name: str) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise TypeError(f"yen are int, not {type(amount).__name__}: {amount!r}")
    if amount < 0:
        raise ArgumentError(f"{name} {amount:,}円 は負の額です。", todo="0円以上の整数を指定してください。")
