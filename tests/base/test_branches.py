"""支部: 47 of them, however a person names them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo.base.branches import (
    BRANCH_CODES,
    BRANCHES,
    NATION,
    branch,
    branch_of_insurer,
    branch_or_nation,
    insurer_check_digit,
)
from kenpo.base.errors import ArgumentError

every_branch = st.sampled_from(BRANCHES)


def test_there_are_47_branches_without_a_hole():
    assert tuple(f"{i:02d}" for i in range(1, 48)) == BRANCH_CODES
    for attribute in ("short", "name", "prefecture", "english", "insurer_number"):
        assert len({getattr(b, attribute) for b in BRANCHES}) == 47


@pytest.mark.parametrize(
    "text", ["13", "１３", "東京", "東京支部", "東京都", "tokyo", "Tokyo", "ＴＯＫＹＯ", " 東京 "]
)
def test_a_branch_is_found_by_code_and_every_name(text: str):
    assert branch(text).code == "13"


def test_prefectures_have_their_own_endings():
    assert [branch(c).prefecture for c in ("01", "13", "26", "27", "14")] == [
        "北海道",
        "東京都",
        "京都府",
        "大阪府",
        "神奈川県",
    ]
    assert branch("北海道").name == "北海道支部"


@pytest.mark.parametrize("text", ["", "00", "48", "全国", "江戸", "東京府", "tokyoo"])
def test_an_unknown_branch_is_refused_with_what_is_accepted(text: str):
    with pytest.raises(ArgumentError) as caught:
        branch(text)
    assert f"「{text}」" in caught.value.what
    assert "01〜47" in caught.value.todo
    assert all(b.short in caught.value.todo for b in BRANCHES)


def test_the_nation_is_asked_for_by_name_and_is_no_branch():
    assert branch_or_nation("00") == branch_or_nation("全国") == NATION
    assert branch_or_nation("13") == branch("13")
    assert NATION not in BRANCHES
    assert NATION.insurer_number is None
    with pytest.raises(ArgumentError):
        branch_or_nation("48")


@pytest.mark.parametrize(
    ("name", "number"), [("東京", "01130012"), ("北海道", "01010016"), ("大阪", "01270016")]
)
def test_insurer_numbers_are_those_on_the_cards(name: str, number: str):
    assert branch(name).insurer_number == number
    assert branch_of_insurer(number) == branch(name).code


def test_an_insurer_number_is_read_in_full_width_and_others_are_no_branch():
    assert branch_of_insurer("０１１３００１２") == "13"
    for number in ("01130013", "06130012", "1130012", "", "138016"):
        assert branch_of_insurer(number) is None


@pytest.mark.parametrize("text", ["", "011300", "01130012", "01130A1", "０１１３００１"])
def test_a_check_digit_needs_seven_digits(text: str):
    with pytest.raises(ArgumentError, match="7桁"):
        insurer_check_digit(text)


@given(every_branch, st.sampled_from(["code", "short", "name", "prefecture", "english"]))
def test_every_name_of_a_branch_leads_to_it(b, attribute: str):
    assert branch(getattr(b, attribute)) == b


@given(every_branch)
def test_a_wrong_check_digit_is_no_branch(b):
    number = b.insurer_number
    for digit in "0123456789":
        found = branch_of_insurer(number[:7] + digit)
        assert found == (b.code if digit == number[7] else None)


@given(st.from_regex(r"[0-9]{7}", fullmatch=True))
def test_a_number_with_its_check_digit_sums_to_a_multiple_of_ten(number7: str):
    number = number7 + insurer_check_digit(number7)
    weights = (1, 2, 1, 2, 1, 2, 1, 2)
    products = [int(d) * w for d, w in zip(reversed(number), weights, strict=True)]
    assert sum(int(digit) for product in products for digit in str(product)) % 10 == 0
