"""保険料率と月分の保険料."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo.base.branches import BRANCH_CODES, branch
from kenpo.base.errors import ArgumentError, ParameterError
from kenpo.law.loader import load, value
from kenpo.law.premium import monthly_premium
from kenpo.law.remuneration import grades

# 支部, then the rates of FY2021 to FY2026 in percent, as published.
PUBLISHED = """
    01 北海道 10.45 10.39 10.29 10.21 10.31 10.28
    02 青森 9.96 10.03 9.79 9.49 9.85 9.85
    03 岩手 9.74 9.91 9.77 9.63 9.62 9.51
    04 宮城 10.01 10.18 10.05 10.01 10.11 10.10
    05 秋田 10.16 10.27 9.86 9.85 10.01 10.01
    06 山形 10.03 9.99 9.98 9.84 9.75 9.75
    07 福島 9.64 9.65 9.53 9.59 9.62 9.50
    08 茨城 9.74 9.77 9.73 9.66 9.67 9.52
    09 栃木 9.87 9.90 9.96 9.79 9.82 9.82
    10 群馬 9.66 9.73 9.76 9.81 9.77 9.68
    11 埼玉 9.80 9.71 9.82 9.78 9.76 9.67
    12 千葉 9.79 9.76 9.87 9.77 9.79 9.73
    13 東京 9.84 9.81 10.00 9.98 9.91 9.85
    14 神奈川 9.99 9.85 10.02 10.02 9.92 9.92
    15 新潟 9.50 9.51 9.33 9.35 9.55 9.21
    16 富山 9.59 9.61 9.57 9.62 9.65 9.59
    17 石川 10.11 9.89 9.66 9.94 9.88 9.70
    18 福井 9.98 9.96 9.91 10.07 9.94 9.71
    19 山梨 9.79 9.66 9.67 9.94 9.89 9.55
    20 長野 9.71 9.67 9.49 9.55 9.69 9.63
    21 岐阜 9.83 9.82 9.80 9.91 9.93 9.80
    22 静岡 9.72 9.75 9.75 9.85 9.80 9.61
    23 愛知 9.91 9.93 10.01 10.02 10.03 9.93
    24 三重 9.81 9.91 9.81 9.94 9.99 9.77
    25 滋賀 9.78 9.83 9.73 9.89 9.97 9.88
    26 京都 10.06 9.95 10.09 10.13 10.03 9.89
    27 大阪 10.29 10.22 10.29 10.34 10.24 10.13
    28 兵庫 10.24 10.13 10.17 10.18 10.16 10.12
    29 奈良 10.00 9.96 10.14 10.22 10.02 9.91
    30 和歌山 10.11 10.18 9.94 10.00 10.19 10.06
    31 鳥取 9.97 9.94 9.82 9.68 9.93 9.86
    32 島根 10.03 10.35 10.26 9.92 9.94 9.94
    33 岡山 10.18 10.25 10.07 10.02 10.17 10.05
    34 広島 10.04 10.09 9.92 9.95 9.97 9.78
    35 山口 10.22 10.15 9.96 10.20 10.36 10.15
    36 徳島 10.29 10.43 10.25 10.19 10.47 10.24
    37 香川 10.28 10.34 10.23 10.33 10.21 10.02
    38 愛媛 10.22 10.26 10.01 10.03 10.18 9.98
    39 高知 10.17 10.30 10.10 9.89 10.13 10.05
    40 福岡 10.22 10.21 10.36 10.35 10.31 10.11
    41 佐賀 10.68 11.00 10.51 10.42 10.78 10.55
    42 長崎 10.26 10.47 10.21 10.17 10.41 10.06
    43 熊本 10.29 10.45 10.32 10.30 10.12 10.08
    44 大分 10.30 10.52 10.20 10.25 10.25 10.08
    45 宮崎 9.83 10.14 9.76 9.85 10.09 9.77
    46 鹿児島 10.36 10.65 10.26 10.13 10.31 10.13
    47 沖縄 9.95 10.09 9.89 9.52 9.44 9.44
"""
ROWS = [line.split() for line in PUBLISHED.split("\n") if line.strip()]


def rates(fiscal_year: int) -> dict[str, Decimal]:
    return dict(value("health_insurance_rate", date(fiscal_year, 3, 1)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_every_branch_has_its_published_rates(row: list[str]):
    code, name, *percents = row
    assert branch(name).code == code
    assert [rates(year)[code] for year in range(2021, 2027)] == [Decimal(p) for p in percents]


@pytest.mark.parametrize("year", range(2021, 2027))
def test_every_year_has_all_47_branches(year: int):
    assert tuple(sorted(rates(year))) == BRANCH_CODES
    assert len(ROWS) == 47


@pytest.mark.parametrize(
    ("year", "raised", "lowered", "same"),
    [(2022, 29, 18, 0), (2023, 13, 33, 1), (2025, 28, 18, 1), (2026, 0, 40, 7)],
)
def test_as_many_branches_rose_and_fell_as_the_press_release_says(
    year: int, raised: int, lowered: int, same: int
):
    before, after = rates(year - 1), rates(year)
    assert sum(after[c] > before[c] for c in BRANCH_CODES) == raised
    assert sum(after[c] < before[c] for c in BRANCH_CODES) == lowered
    assert sum(after[c] == before[c] for c in BRANCH_CODES) == same


def test_in_fiscal_2025_22_branches_are_above_ten_percent_and_25_below():
    assert sum(rate > 10 for rate in rates(2025).values()) == 22
    assert sum(rate < 10 for rate in rates(2025).values()) == 25


def test_the_highest_and_lowest_rates():
    assert max(rates(2025).items(), key=lambda item: item[1]) == (branch("佐賀").code, Decimal("10.78"))
    assert min(rates(2025).items(), key=lambda item: item[1]) == (branch("沖縄").code, Decimal("9.44"))
    assert Decimal("10.78") - Decimal("9.44") == Decimal("1.34")
    assert rates(2021)[branch("佐賀").code] == Decimal("10.68")
    assert min(rates(2021).items(), key=lambda item: item[1]) == (branch("新潟").code, Decimal("9.50"))


def test_the_national_average_fell_below_ten_percent_in_fiscal_2026():
    assert value("health_insurance_rate_average", date(2012, 3, 1)) == 10
    assert value("health_insurance_rate_average", date(2026, 2, 28)) == 10
    assert value("health_insurance_rate_average", date(2026, 3, 1)) == Decimal("9.90")


@pytest.mark.parametrize(
    ("year", "rate"),
    [
        (2020, "1.79"),
        (2021, "1.80"),
        (2022, "1.64"),
        (2023, "1.82"),
        (2024, "1.60"),
        (2025, "1.59"),
        (2026, "1.62"),
    ],
)
def test_the_care_rate_of_every_year_begins_with_march(year: int, rate: str):
    assert value("long_term_care_rate", date(year, 3, 1)) == Decimal(rate)
    assert value("long_term_care_rate", date(year + 1, 2, 1)) == Decimal(rate)


def test_tokyo_without_care():
    p = monthly_premium(300_000, "東京", date(2025, 4, 1), care=False)
    assert (p.total, p.half, p.employee) == (29_730, 14_865, 14_865)
    assert (p.health_rate, p.care_rate, p.support_rate, p.rate) == (
        Decimal("9.91"),
        None,
        None,
        Decimal("9.91"),
    )


def test_tokyo_with_care_is_one_combined_rate():
    p = monthly_premium(300_000, "東京", date(2025, 4, 1), care=True)
    assert p.rate == Decimal("9.91") + Decimal("1.59") == Decimal("11.50")
    assert (p.total, p.employee) == (34_500, 17_250)


def test_half_a_yen_of_the_employees_half_is_dropped():
    p = monthly_premium(110_000, "新潟", date(2026, 3, 1), care=False)
    assert (p.total, p.half, p.employee) == (10_131, Fraction(50_655, 10), 5_065)


def test_more_than_half_a_yen_of_the_employees_half_goes_up():
    p = monthly_premium(118_000, "愛知", date(2025, 3, 1), care=True)
    assert p.half == Fraction(118_000 * 1162, 10_000) / 2 == Fraction(68_558, 10)
    assert p.employee == 6_856


def test_child_support_is_added_before_the_one_rounding_from_april_2026():
    march = monthly_premium(110_000, "新潟", date(2026, 3, 1), care=False)
    april = monthly_premium(110_000, "新潟", date(2026, 4, 1), care=False)
    assert (march.support_rate, april.support_rate) == (None, Decimal("0.23"))
    assert april.rate == Decimal("9.21") + Decimal("0.23")
    assert april.half == Fraction(110_000 * 944, 10_000) / 2 == 5_192
    assert april.employee == 5_192  # rounded apart it would be 5,065 + 126 = 5,191


def test_a_new_rate_begins_with_the_march_share():
    assert monthly_premium(300_000, "13", date(2025, 2, 28), care=False).health_rate == Decimal("9.98")
    assert monthly_premium(300_000, "13", date(2025, 3, 1), care=False).health_rate == Decimal("9.91")
    assert monthly_premium(300_000, "13", date(2025, 3, 31), care=False).month == date(2025, 3, 1)


def test_months_before_and_after_the_known_rates_are_refused():
    for month in (date(2021, 2, 1), date(2027, 3, 1)):
        with pytest.raises(ParameterError, match="health_insurance_rate"):
            monthly_premium(300_000, "東京", month, care=False)


def test_a_remuneration_that_is_no_standard_is_refused():
    with pytest.raises(ArgumentError, match="標準報酬月額 305,000円"):
        monthly_premium(305_000, "東京", date(2025, 4, 1), care=False)


def test_the_nation_and_unknown_branches_have_no_premium():
    for name in ("00", "全国", "江戸"):
        with pytest.raises(ArgumentError, match=name):
            monthly_premium(300_000, name, date(2025, 4, 1), care=False)


def test_the_support_rate_begins_in_april_2026():
    assert load("child_support_rate").first_day == date(2026, 4, 1)
    assert value("child_support_rate", date(2026, 4, 1)) == Decimal("0.23")


months = st.dates(date(2021, 3, 1), date(2027, 2, 28))
standards = st.sampled_from([g.standard for g in grades(date(2025, 4, 1))])


@given(standards, st.sampled_from(BRANCH_CODES), months, st.booleans())
def test_the_employee_pays_half_to_within_half_a_yen(standard: int, code: str, month: date, care: bool):
    p = monthly_premium(standard, code, month, care)
    assert -Fraction(1, 2) <= p.employee - p.half < Fraction(1, 2)
    assert p.total == Fraction(standard) * Fraction(p.rate) / 100


@given(st.sampled_from(BRANCH_CODES), months, st.booleans())
def test_a_higher_standard_never_costs_less(code: str, month: date, care: bool):
    paid = [monthly_premium(g.standard, code, month, care).employee for g in grades(month)]
    assert paid == sorted(paid)
