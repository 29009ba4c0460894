"""パラメータのファイル: what a file may say, what it must say, and every file that is shipped."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo.base.business import YEAR_END_CLOSING
from kenpo.base.errors import ParameterError
from kenpo.law.loader import Parameter, all_parameters, load, parameter_ids, parse, value

HEAD = """\
id: sample
title: 見本
meaning: 試験のための値。
unit: 円
source: 見本法1条
checked_on: 2026-11-22
confidence: H
"""


def file(rest: str, head: str = HEAD) -> Parameter:
    return parse(head + dedent(rest), "sample.yaml")


def fault(rest: str, head: str = HEAD) -> str:
    with pytest.raises(ParameterError) as caught:
        file(rest, head)
    assert caught.value.code == "bad_parameter_file"
    assert "sample.yaml" in caught.value.where
    return caught.value.what


TWO_VALUES = """\
    last_valid_on: 2023-03-31
    values:
      - from: 2021-04-01
        value: 100
      - from: 2022-04-01
        value: 9.90
"""


def test_a_value_holds_until_the_day_before_the_next():
    p = file(TWO_VALUES)
    assert p.at(date(2021, 4, 1)) == p.at(date(2022, 3, 31)) == 100
    assert p.at(date(2022, 4, 1)) == p.at(date(2023, 3, 31)) == Decimal("9.90")


def test_numbers_are_int_or_exact_decimal():
    p = file(TWO_VALUES)
    assert type(p.at(date(2021, 4, 1))) is int
    assert str(p.at(date(2022, 4, 1))) == "9.90"


@pytest.mark.parametrize("day", [date(2021, 3, 31), date(2023, 4, 1)])
def test_a_day_not_covered_is_an_error_that_says_what_is(day: date):
    with pytest.raises(ParameterError) as caught:
        file(TWO_VALUES).at(day)
    message = caught.value.message
    for part in (
        "見本",
        "sample",
        day.isoformat(),
        "2021-04-01 から 2023-03-31 まで",
        "見本法1条",
        "2026-11-22",
    ):
        assert part in message


def test_an_open_ended_parameter_holds_on():
    p = file("open_ended: true\nvalues:\n  - from: 2021-04-01\n    value: true\n")
    assert p.at(date(2999, 1, 1)) is True
    assert not p.covers(date(2021, 3, 31))


def test_a_declared_gap_is_not_covered_and_says_why():
    p = file(
        """\
        open_ended: true
        values:
          - from: 2021-04-01
            until: 2021-06-30
            gap: 制度の休止
            value: 1
          - from: 2021-09-01
            value: 2
        """
    )
    assert (p.at(date(2021, 6, 30)), p.at(date(2021, 9, 1))) == (1, 2)
    with pytest.raises(ParameterError, match="2021-07-01 からの空白（制度の休止）"):
        p.at(date(2021, 8, 31))


def test_tables_and_mappings_cannot_be_changed():
    p = file(
        """\
        open_ended: true
        values:
          - from: 2021-04-01
            value: {rows: [{a: 1}], day: 2021-04-01, text: 甲}
        """
    )
    found = p.at(date(2021, 4, 1))
    assert found["rows"] == ({"a": 1},)
    assert found["day"] == date(2021, 4, 1)
    with pytest.raises(TypeError):
        found["text"] = "乙"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("- {from: 2022-04-01, value: 1}\n- {from: 2021-04-01, value: 2}", "日付順ではありません"),
        ("- {from: 2021-04-01, value: 1}\n- {from: 2021-04-01, value: 2}", "日付順ではありません"),
        (
            "- {from: 2021-04-01, until: 2022-04-01, gap: 理由, value: 1}\n- {from: 2022-04-01, value: 2}",
            "期間が重なっています",
        ),
        ("- {from: 2021-04-01, until: 2022-02-01, value: 1}\n- {from: 2022-04-01, value: 2}", "組で書きます"),
        (
            "- {from: 2021-04-01, until: 2022-03-31, gap: 理由, value: 1}\n- {from: 2022-04-01, value: 2}",
            "要りません",
        ),
        ("- {from: 2021-04-01, until: 2020-03-31, gap: 理由, value: 1}", "より前です"),
        ("- {from: 2021-04-01, until: 2022-03-31, gap: 理由, value: 1}", "last_valid_on に書きます"),
        ("- {from: 2021-04-01}", "values.0.value：項目がありません"),
        ("- {from: いつか, value: 1}", "values.0.from：日付ではありません"),
        ("- {from: 2021-04-01, value: 1, rate: 2}", "values.0.rate：知らない項目です"),
        ("- {from: 2021-04-01, value: null}", "使えない型"),
        ("- {from: 2021-04-01, value: {13: 9.91}}", "引用符で囲んで"),
        ("- {from: 2021-04-01, value: {01: 9.91}}", "引用符で囲みます"),
        ("- {from: 2021-04-01, value: 1e3}\n- {from: 2021-04-01, value: .5}", "9.91 の形"),
        ("- {from: 2021-04-01, value: .inf}", "9.91 の形"),
        ("- {from: 2021-04-01, value: 1:30}", "引用符で囲みます"),
        ("- {from: 2021-04-01, value: yes}", "true か false"),
        ('- {from: 2021-04-01, value: {"13": 9.91, "13": 9.85}}', "項目 13 が二度あります"),
        ("- [", "行目"),
        ("[]", "一つもありません"),
        ("5", "values"),
    ],
)
def test_a_faulty_value_is_refused(values: str, message: str):
    separator = "\n" if values.startswith("-") else " "
    assert message in fault(f"open_ended: true\nvalues:{separator}{values}\n")


ONE_VALUE = "values:\n  - {from: 2021-04-01, value: 1}\n"


@pytest.mark.parametrize("end", ["", "open_ended: true\nlast_valid_on: 2022-03-31\n"])
def test_a_file_says_how_it_ends_in_one_way(end: str):
    assert "どちらか一つ" in fault(end + ONE_VALUE)


def test_a_last_day_lies_after_the_last_value():
    assert "より前です" in fault("last_valid_on: 2021-03-31\n" + ONE_VALUE)


@pytest.mark.parametrize("field", ["id", "title", "meaning", "unit", "source", "checked_on", "confidence"])
def test_every_field_of_the_head_is_needed(field: str):
    head = "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(field))
    assert f"{field}：項目がありません" in fault("open_ended: true\n" + ONE_VALUE, head)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("confidence: H", "confidence: X", "H、M、L"),
        ("id: sample", "id: 見本", "英小文字"),
        ("source: 見本法1条", "source: ''", "source：空です"),
        ("title: 見本", "title: 3", "title：文字ではありません"),
    ],
)
def test_a_faulty_head_is_refused(old: str, new: str, message: str):
    assert message in fault("open_ended: true\n" + ONE_VALUE, HEAD.replace(old, new))


def test_a_file_that_is_no_mapping_is_refused():
    assert "項目と値の組" in fault("- 1\n", "")


def test_an_unknown_parameter_is_refused_with_near_names():
    with pytest.raises(ParameterError, match="long_term_care_rate"):
        value("long_term_care_rat", date(2025, 4, 1))
    with pytest.raises(ParameterError, match="あるのは次のとおり"):
        load("zzzzzzzz")


def test_all_parameters_are_there():
    assert {p.id for p in all_parameters()} == set(parameter_ids())
    assert {
        "biosimilar_ingredient_share",
        "branch_closing_days",
        "child_support_rate",
        "generic_exclude_star",
        "health_insurance_rate",
        "health_insurance_rate_average",
        "long_term_care_rate",
        "standard_bonus_cap",
        "standard_monthly_remuneration",
    } <= set(parameter_ids())


@pytest.mark.parametrize("id", parameter_ids())
def test_every_shipped_file_is_documented_in_japanese_and_sourced(id: str):
    p = load(id)
    japanese = re.compile(r"[ぁ-んァ-ヶ一-龠]")
    assert japanese.search(p.title)
    assert japanese.search(p.meaning)
    assert p.meaning.rstrip().endswith("。")
    assert japanese.search(p.source)
    assert len(p.source) >= 8
    assert p.checked_on >= date(2026, 1, 1)


@pytest.mark.parametrize("id", parameter_ids())
def test_every_shipped_value_is_free_of_floats(id: str):
    def check(item: object) -> None:
        assert not isinstance(item, float)
        if isinstance(item, tuple):
            for part in item:
                check(part)
        elif hasattr(item, "items"):
            for part in item.values():  # pyright: ignore[reportAttributeAccessIssue]
                check(part)

    for dated in load(id).values:
        check(dated.value)


@given(st.sampled_from(parameter_ids()), st.dates(date(1980, 1, 1), date(2060, 12, 31)))
def test_a_covered_day_has_the_value_of_the_latest_line_before_it(id: str, day: date):
    p = load(id)
    if not p.covers(day):
        assert day < p.first_day or (p.last_valid_on is not None and day > p.last_valid_on)
        return
    expected = [dated for dated in p.values if dated.first_day <= day][-1]
    assert p.at(day) == expected.value


def test_coverage_begins_with_the_first_value():
    for p in all_parameters():
        assert p.covers(p.first_day)
        assert not p.covers(p.first_day - timedelta(days=1))


def test_the_shipped_defaults_are_those_of_the_rules():
    assert value("generic_exclude_star", date(2023, 9, 1)) is False
    assert value("biosimilar_ingredient_share", date(2025, 4, 1)) == {"ingredient_share": 80, "target": 60}
    assert load("generic_exclude_star").confidence == "M"


def test_the_closing_days_of_the_law_are_those_business_days_use():
    rows = value("branch_closing_days", date(2025, 4, 1))
    assert frozenset((row["month"], row["day"]) for row in rows) == YEAR_END_CLOSING


def test_law_and_base_load_no_data_engine():
    code = (
        "import sys, kenpo.law.premium, kenpo.base.age, kenpo.base.business, kenpo.base.branches;"
        "print(sorted({'polars', 'pyarrow', 'duckdb', 'ibis', 'django'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
