"""端数処理: every named rounding at its edges."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo.base.money import (
    floor_thousand,
    floor_yen,
    format_percent,
    format_yen,
    percent,
    round10,
    round_employee_half,
    round_half_up,
    round_ratio,
    truncate,
)

rationals = st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10_000)
ROUNDINGS = (floor_yen, floor_thousand, round_half_up, round10, round_employee_half)


@pytest.mark.parametrize(
    ("x", "expected"), [("0.49", 0), ("0.5", 1), ("1.5", 2), ("2.5", 3), ("-0.5", 0), ("-0.51", -1)]
)
def test_half_a_yen_goes_up(x: str, expected: int):
    assert round_half_up(Decimal(x)) == expected


@pytest.mark.parametrize(("x", "expected"), [("5064.99", 5060), ("5065", 5070), ("5064", 5060), ("9.99", 10)])
def test_ten_yen_rounding_takes_less_than_five_down(x: str, expected: int):
    assert round10(Decimal(x)) == expected


def test_below_one_yen_is_cut():
    assert floor_yen(45_678 * Fraction(7, 10)) == 31_974
    assert floor_yen(Decimal("0.999")) == 0


def test_a_bonus_is_cut_to_thousands():
    assert floor_thousand(456_999) == 456_000


@pytest.mark.parametrize(
    ("half", "expected"),
    [("5065.5", 5065), ("5065.51", 5066), ("5065.50", 5065), ("5065.49", 5065), ("14865", 14865)],
)
def test_the_employees_half_yen_goes_down_and_more_goes_up(half: str, expected: int):
    assert round_employee_half(Decimal(half)) == expected


def test_truncation_keeps_the_printed_decimals():
    assert str(truncate(Decimal("79.99"), 1)) == "79.9"
    assert str(truncate(80, 1)) == "80.0"
    assert str(truncate(Decimal("-0.19"), 1)) == "-0.1"
    assert str(truncate(Fraction(2, 3), 4)) == "0.6666"


def test_ratios_round_half_away_from_zero_at_the_printed_decimals():
    assert str(round_ratio(Fraction(200, 3), 1)) == "66.7"
    assert str(round_ratio(Decimal("10.005"), 2)) == "10.01"
    assert str(round_ratio(Decimal("-0.05"), 1)) == "-0.1"
    assert str(round_ratio(80, 0)) == "80"


def test_a_percentage_is_rounded_once_and_undefined_without_a_denominator():
    assert str(percent(800, 800 + 200)) == "80.0"
    assert str(percent(8_000, 8_000 + 4_000)) == "66.7"
    assert str(percent(2, 3, 2)) == "66.67"
    assert percent(0, 0) is None
    assert percent(0, 5) == 0


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("x", [1.5, True, "1", None, Decimal("NaN"), Decimal("Infinity")])
def test_floats_and_other_things_are_refused(rounding, x):
    with pytest.raises(TypeError):
        rounding(x)


def test_formatting_and_ratios_refuse_floats_too():
    with pytest.raises(TypeError):
        round_ratio(0.1, 1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError):
        percent(1, 2.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError):
        format_yen(Decimal("1"))  # pyright: ignore[reportArgumentType]


def test_decimals_are_not_negative():
    with pytest.raises(ValueError, match="0 or more"):
        truncate(12345, -1)


def test_yen_and_percent_for_people():
    assert format_yen(1234567) == "1,234,567円"
    assert format_yen(0) == "0円"
    assert format_yen(-1234) == "-1,234円"
    assert format_percent(Decimal("80")) == "80.0%"
    assert format_percent(Decimal("9.91"), 2) == "9.91%"
    assert format_percent(None) == "－"


@given(rationals)
def test_no_rounding_moves_a_value_further_than_its_unit(x: Fraction):
    assert 0 <= x - floor_yen(x) < 1
    assert 0 <= x - floor_thousand(x) < 1000
    assert abs(round_half_up(x) - x) <= Fraction(1, 2)
    assert abs(round_employee_half(x) - x) <= Fraction(1, 2)
    assert abs(round10(x) - x) <= 5
    assert abs(Fraction(round_ratio(x, 2)) - x) <= Fraction(1, 200)
    assert 0 <= abs(x) - abs(Fraction(truncate(x, 2))) < Fraction(1, 100)


@given(st.integers(-(10**12), 10**12))
def test_whole_yen_stay_as_they_are(x: int):
    assert floor_yen(x) == round_half_up(x) == round_employee_half(x) == round_ratio(x, 0) == x


@given(rationals)
def test_roundings_do_not_depend_on_the_decimal_context(x: Fraction):
    expected = round_ratio(x, 3), truncate(x, 3)
    with localcontext() as context:
        context.prec = 2
        assert (round_ratio(x, 3), truncate(x, 3)) == expected
