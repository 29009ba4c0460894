"""和暦と西暦: every form people and claim files write, and the forms that must be refused."""

from __future__ import annotations

import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo.base.era import (
    ERAS,
    Period,
    era_of,
    from_receipt_date,
    from_receipt_month,
    parse_date,
    parse_fiscal_year,
    parse_month,
    parse_period,
    to_wareki,
    to_wareki_month,
)
from kenpo.base.errors import ArgumentError
from kenpo.base.fiscal import fy, half, quarter

days = st.dates(min_value=date(1873, 1, 1), max_value=date(2116, 12, 31))


def test_a_day_in_wareki_is_the_day_in_the_gregorian_calendar():
    assert parse_date("令和3年3月31日") == date(2021, 3, 31)
    assert fy(parse_date("令和3年3月31日")) == 2020


def test_a_month_in_wareki_has_its_fiscal_year_quarter_and_half():
    month = parse_month("令和5年9月")
    assert month == date(2023, 9, 1)
    assert (fy(month), quarter(month), half(month)) == (2023, 2, "上期")


def test_fiscal_2019_begins_in_heisei_31_and_is_called_reiwa_gannendo():
    assert parse_month("平成31年4月") == date(2019, 4, 1)
    assert parse_fiscal_year("令和元年度") == 2019
    assert parse_fiscal_year("平成31年度") == 2019


def test_an_end_is_the_last_day():
    assert parse_date("R3.6末") == date(2021, 6, 30)
    assert parse_date("令和11年度末") == date(2030, 3, 31)
    assert parse_date("令和3年3月末") == date(2021, 3, 31)
    assert parse_date("令和6年2月末日") == date(2024, 2, 29)
    assert parse_date("令和3年末") == date(2021, 12, 31)
    assert parse_date("2021年度末") == date(2022, 3, 31)


@pytest.mark.parametrize(
    "text",
    [
        "令和3年",
        "R3",
        "r3",
        "令3",
        "2021(令和3)年",
        "2021（令和3）年",
        "2021年(令和3年)",
        "令和3(2021)年",
        "２０２１年",
        "2021",
    ],
)
def test_a_year_alone_is_the_calendar_year(text: str):
    assert parse_period(text) == Period(date(2021, 1, 1), date(2021, 12, 31), "year")


def test_the_first_year_of_an_era_is_gannen_and_means_the_whole_calendar_year():
    assert parse_period("令和元年") == Period(date(2019, 1, 1), date(2019, 12, 31), "year")
    assert parse_period("平成31年") == parse_period("令和1年") == parse_period("R元")
    assert parse_period("2025（令和7）年").first_day == date(2025, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "令和3年3月",
        "令和３年３月",
        "R3.3",
        "R03.03",
        "Ｒ３．３",
        "R3/3",
        "R3-3",
        "2021-03",
        "2021/3",
        "２０２１／０３",
        "2021.3",
        "202103",
        "2021年3月",
        "2021(令和3)年3月",
        "2021年(令和3年)3月",
        "令和3(2021)年3月",
        " 令和 3 年 3 月 ",
    ],
)
def test_a_month_is_read_in_every_form(text: str):
    assert parse_month(text) == date(2021, 3, 1)
    assert parse_period(text) == Period(date(2021, 3, 1), date(2021, 3, 31), "month")


@pytest.mark.parametrize("text", ["2018-11", "2018/11", "201811", "H30.11", "平成30年11月"])
def test_november_2018_is_read_in_every_form(text: str):
    assert parse_month(text) == date(2018, 11, 1)


@pytest.mark.parametrize(
    "text",
    [
        "令和3年3月31日",
        "R3.3.31",
        "Ｒ３．３．３１",
        "令3.3.31",
        "2021-03-31",
        "2021/3/31",
        "20210331",
        "2021（令和3）年3月31日",
    ],
)
def test_a_day_is_read_in_every_form(text: str):
    assert parse_date(text) == date(2021, 3, 31)


@pytest.mark.parametrize(
    "text",
    [
        "令和3年度",
        "R3年度",
        "2021年度",
        "FY2021",
        "fy2021",
        "２０２１年度",
        "令和3（2021）年度",
        "2021年度（令和3年度）",
    ],
)
def test_a_fiscal_year_is_read_in_every_form(text: str):
    assert parse_fiscal_year(text) == 2021
    assert parse_period(text) == Period(date(2021, 4, 1), date(2022, 3, 31), "fiscal_year")


@pytest.mark.parametrize("text", ["R3", "令和3年", "2021", "2021-04", "R3年度末"])
def test_a_fiscal_year_must_say_so(text: str):
    with pytest.raises(ArgumentError, match="年度"):
        parse_fiscal_year(text)


@pytest.mark.parametrize("text", ["令和3年3月", "R3", "令和3年度"])
def test_a_month_or_year_is_not_a_day(text: str):
    with pytest.raises(ArgumentError, match="日までは書かれていません"):
        parse_date(text)


@pytest.mark.parametrize("text", ["令和3年3月1日", "R3", "R3.6末"])
def test_a_day_or_year_is_not_a_month(text: str):
    with pytest.raises(ArgumentError, match="年と月だけ"):
        parse_month(text)


@pytest.mark.parametrize(
    "text", ["2021(令和4)年", "令和4(2021)年度", "2021年（令和2年）3月", "2018(令和元)年"]
)
def test_two_years_that_differ_are_refused(text: str):
    with pytest.raises(ArgumentError, match="同じ年ではありません"):
        parse_period(text)


def test_an_old_year_with_a_new_name_is_refused_and_the_right_one_is_told():
    with pytest.raises(ArgumentError, match="令和5年度です"):
        parse_period("平成35年度末")
    with pytest.raises(ArgumentError, match="令和元年5月1日です"):
        parse_period("平成31年5月1日")
    with pytest.raises(ArgumentError, match="平成31年4月です"):
        parse_period("令和元年4月")
    with pytest.raises(ArgumentError, match="平成元年1月8日です"):
        parse_period("昭和64年1月8日")
    with pytest.raises(ArgumentError, match="平成2年です"):
        parse_period("昭和65年")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "あした",
        "令和",
        "R0",
        "令和3年13月",
        "令和3年0月",
        "2021-02-29",
        "2021-3月",
        "R3末",
        "R312",
        "R1 2.3",
        "2021年年",
        "FY2021年",
        "2021年(令和3年度)",
        "2021(2021)年",
        "令和3年度3月",
        "X3.3",
        "明治5年",
        "1800-01-01",
        "4300401",
        "2021/3-31",
        "99999999",
    ],
)
def test_what_is_no_date_is_refused_with_examples_of_what_is(text: str):
    with pytest.raises(ArgumentError) as caught:
        parse_period(text)
    assert f"「{text}」" in caught.value.what
    assert "令和3年度" in caught.value.todo


def test_the_new_era_is_written_on_the_day_of_a_change_and_both_are_read():
    assert to_wareki(date(1912, 7, 30)) == "大正元年7月30日"
    assert to_wareki(date(1926, 12, 25)) == "昭和元年12月25日"
    assert to_wareki(date(2019, 5, 1)) == "令和元年5月1日"
    assert parse_date("明治45年7月30日") == parse_date("大正元年7月30日") == date(1912, 7, 30)
    assert parse_date("大正15年12月25日") == parse_date("昭和元年12月25日") == date(1926, 12, 25)


def test_the_day_before_a_change_is_in_the_old_era():
    assert to_wareki(date(2019, 4, 30)) == "平成31年4月30日"
    assert to_wareki(date(1989, 1, 7)) == "昭和64年1月7日"
    assert to_wareki(date(1912, 7, 29)) == "明治45年7月29日"
    assert to_wareki(date(1926, 12, 24)) == "大正15年12月24日"


def test_wareki_has_a_long_and_a_short_style():
    assert to_wareki(date(2021, 3, 31)) == "令和3年3月31日"
    assert to_wareki(date(2021, 3, 31), "short") == "R3.3.31"
    assert to_wareki(date(2019, 5, 1), "short") == "R1.5.1"
    assert to_wareki_month(date(2021, 3, 1)) == "令和3年3月"
    assert to_wareki_month(date(2021, 3, 1), "short") == "R3.3"
    assert to_wareki_month(date(1989, 1, 1)) == "平成元年1月"


def test_there_is_no_wareki_before_1873():
    assert era_of(date(1873, 1, 1)).name == "明治"
    with pytest.raises(ArgumentError, match="明治6年"):
        to_wareki(date(1872, 12, 31))


def test_receipt_days_are_read_in_the_old_and_the_new_form():
    assert from_receipt_date("4301105") == from_receipt_date("20181105") == date(2018, 11, 5)
    assert from_receipt_date("5010501") == date(2019, 5, 1)
    assert from_receipt_date("3640107") == date(1989, 1, 7)
    assert from_receipt_date("1450729") == date(1912, 7, 29)
    assert from_receipt_date("2010730") == date(1912, 7, 30)


def test_receipt_months_are_read_in_the_old_and_the_new_form():
    assert from_receipt_month("43011") == from_receipt_month("201811") == date(2018, 11, 1)
    assert from_receipt_month("50301") == date(2021, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "43011",
        "6010101",
        "4000401",
        "4300431",
        "4310501",
        "00000000",
        "20181131",
        "２０１８１１０１",
        "4.30.11",
    ],
)
def test_a_broken_receipt_day_is_refused(text: str):
    with pytest.raises(ArgumentError, match="年月日として読めません"):
        from_receipt_date(text)


@pytest.mark.parametrize("text", ["", "4301", "4301105", "43013", "000000", "60101", "201800"])
def test_a_broken_receipt_month_is_refused(text: str):
    with pytest.raises(ArgumentError, match="年月として読めません"):
        from_receipt_month(text)


@given(days)
def test_wareki_written_and_read_again_is_the_same_day(day: date):
    assert parse_date(to_wareki(day)) == day
    assert parse_date(to_wareki(day, "short")) == day


@given(days)
def test_a_month_written_and_read_again_is_the_same_month(day: date):
    month = day.replace(day=1)
    assert parse_month(to_wareki_month(month)) == month
    assert parse_month(to_wareki_month(month, "short")) == month


@given(days)
def test_a_day_in_receipt_form_is_the_same_day(day: date):
    era = era_of(day)
    assert from_receipt_date(f"{era.receipt_code}{day.year - era.base:02d}{day:%m%d}") == day
    assert from_receipt_date(f"{day:%Y%m%d}") == day


@given(days)
def test_every_day_lies_in_the_era_written_for_it(day: date):
    assert era_of(day).holds(day, day)


def test_eras_follow_each_other_without_a_hole():
    for older, newer in itertools.pairwise(ERAS):
        assert older.last is not None
        assert (newer.first - older.last).days in (0, 1)


@given(st.text(max_size=12))
def test_any_text_is_either_read_or_refused(text: str):
    try:
        period = parse_period(text)
    except ArgumentError:
        return
    assert period.first_day <= period.last_day
