"""Money (金額, integer yen) and the named roundings (端数処理), each with the rule it follows.

Values in are int, Decimal or Fraction and are computed exactly. A float is refused: it cannot hold 9.91 %.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

Number = int | Decimal | Fraction


def exact(x: Number) -> Fraction:
    """The exact value. Raises TypeError for anything but an int, a finite Decimal or a Fraction."""
    if isinstance(x, bool) or not isinstance(x, int | Decimal | Fraction):
        raise TypeError(f"money and rates are int, Decimal or Fraction, not {type(x).__name__}: {x!r}")
    if isinstance(x, Decimal) and not x.is_finite():
        raise TypeError(f"money and rates are finite, not {x!r}")
    return Fraction(x)


def floor_yen(x: Number) -> int:
    """1円未満切捨て: the largest whole yen not above x.

    Source: 国等の債権債務等の金額の端数計算に関する法律2条.
    """
    return math.floor(exact(x))


def floor_thousand(x: Number) -> int:
    """1,000円未満切捨て, as for the standard bonus (標準賞与額). Source: 健康保険法45条1項."""
    return math.floor(exact(x) / 1000) * 1000


def round_half_up(x: Number) -> int:
    """四捨五入 to a whole number: floor(x + 0.5)."""
    return math.floor(exact(x) + Fraction(1, 2))


def round10(x: Number) -> int:
    """10円未満四捨五入: 10 × floor((x + 5) / 10), less than 5 yen down and 5 yen or more up.

    Source: 健康保険法99条2項 (the thirtieth of the remuneration for 傷病手当金), 75条 (a patient's part).
    """
    return 10 * math.floor((exact(x) + 5) / 10)


def round_employee_half(x: Number) -> int:
    """The employee's half of a premium deducted from pay (被保険者負担分): 0.50 yen down, above it up.

    Source: 通貨の単位及び貨幣の発行等に関する法律3条 as applied to deduction from pay (協会けんぽ
    保険料額表の注記).
    """
    return math.ceil(exact(x) - Fraction(1, 2))


def truncate(x: Number, decimals: int) -> Decimal:
    """切捨て to a number of decimals, towards zero: 79.99 with 1 → 79.9, with just those decimals."""
    value = exact(x)
    scaled = math.floor(abs(value) * 10**decimals)
    return _decimal(-scaled if value < 0 else scaled, decimals)


def round_ratio(x: Number, decimals: int) -> Decimal:
    """四捨五入 to the printed decimals, halves away from zero as a spreadsheet prints them: (200/3, 1) →
    66.7.

    The result has just those decimals, so 80 with 1 decimal is 80.0.
    """
    value = exact(x)
    scaled = math.floor(abs(value) * 10**decimals + Fraction(1, 2))
    return _decimal(-scaled if value < 0 else scaled, decimals)


def percent(numerator: Number, denominator: Number, decimals: int = 1) -> Decimal | None:
    """numerator ÷ denominator in percent (割合, %), rounded once by round_ratio.

    None when the denominator is 0: undefined, which is not 0 %.
    """
    bottom = exact(denominator)
    if bottom == 0:
        return None
    return round_ratio(exact(numerator) / bottom * 100, decimals)


def format_yen(amount: int) -> str:
    """Yen for people: 1234567 → "1,234,567円"; negative "-1,234円". Raises TypeError for all but an int."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise TypeError(f"yen are int, not {type(amount).__name__}: {amount!r}")
    return f"{amount:,}円"


def format_percent(value: Decimal | None, decimals: int = 1) -> str:
    """A percentage for people at its printed decimals: 80 → "80.0%"; None (no denominator) → "－"."""
    return "－" if value is None else f"{round_ratio(value, decimals):,}%"


def _decimal(scaled: int, decimals: int) -> Decimal:
    if decimals < 0:
        raise ValueError(f"decimals is 0 or more, not {decimals}")
    # Built from digits: Decimal arithmetic would round to the context's precision.
    return Decimal((int(scaled < 0), tuple(int(d) for d in str(abs(scaled))), -decimals))
