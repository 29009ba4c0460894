"""Actuals in words: figures, dates and states as documents print them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from kenpo.plan.model import STATUSES, Actual
from kenpo.plan.results import actual_in, fiscal_year_in, results, told_in, when_in
from kenpo.plan.vocabulary import term_of

EXAMPLES = yaml.load(
    Path(__file__).with_name("results.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader
)


def in_words(actual: Actual | None) -> str:
    """A figure as the table of examples writes it."""
    if actual is None:
        return "読めない"
    figure = actual.state if actual.state != "value" else "言葉だけ"
    parts = [figure if actual.value is None else str(actual.value), actual.as_of, actual.basis]
    parts.append(STATUSES[actual.status] if actual.status else "")
    parts.append(f"{actual.persons}人" if actual.persons is not None else "")
    parts.append(f"{actual.numerator}/{actual.denominator}" if actual.denominator is not None else "")
    return " ".join(p for p in parts if p)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["text"])
def test_a_figure(example: dict[str, Any]):
    read = actual_in(example["text"], term_of(example["kpi"]), int(example["year"]))
    assert in_words(read) == example["reads"]


@pytest.mark.parametrize(
    ("text", "as_of"),
    [
        ("令和5年8月時点", "2023-08"),
        ("令和3年7月7日現在", "2021-07-07"),
        ("R3.6月末時点", "2021-06-30"),
        ("令和元年度末", "FY2019"),
        ("平成31年度", "FY2019"),
        ("平成35年度末", "FY2023"),
        ("6月", "2021-06"),
        ("1月末", "2022-01-31"),
        ("13月", ""),
        ("令和3年2月30日", "2021-02"),
        ("年度末", ""),
    ],
)
def test_a_date_in_fiscal_2021(text: str, as_of: str):
    assert when_in(text, 2021).as_of == as_of


def test_a_month_without_a_year_needs_the_plans_year():
    assert when_in("6月", None).as_of == ""


def test_an_era_that_had_ended_by_then_still_names_its_year():
    assert fiscal_year_in("平成35年度") == 2023
    assert fiscal_year_in("令和5年度") == 2023
    assert fiscal_year_in("令和0年度") is None
    assert fiscal_year_in("今年度") is None


def test_numbered_results():
    assert results("■ KPI実績等 (1)100%(令和5年8月時点) (2)98.3%") == [
        ("(1)", "100%(令和5年8月時点)"),
        ("(2)", "98.3%"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("6月末時点の郵送化率93.0%（KPI：95.0%以上）", ["postal_application_rate 93.0 2021-06-30"]),
        ("郵送化率は、KPI（95.0％以上）に対し、95.7％となった", ["postal_application_rate 95.7 2021-06"]),
        ("郵送化率95.0%以上を目指して広報した", []),
        ("郵送化率を95.0%以上とする", []),
        ("郵送化率の向上に向け、39団体に依頼した", []),
        ("郵送化率は、12件の照会があった", []),
        ("被扶養者の特定健診実施率1.2%・606人受診（～5月）", ["dependent_checkup_rate 1.2 2021-05 606人"]),
    ],
)
def test_figures_told_in_running_text(text: str, told: list[str]):
    read = told_in(text, 2021, default="2021-06")
    assert [f"{t.term.id} {in_words(t.actual)}" for t in read] == told


def test_the_nations_figure_and_the_rank_beside_it():
    (told,) = told_in("平均所要日数は6.03日で全国13位。（全国平均7.42日）", 2021)
    assert told.rank == 13
    assert told.nation is not None
    assert told.nation.value == Decimal("7.42")


def test_single_bids_are_told_with_their_counts():
    (told,) = told_in("一般競争入札7件中、1件が一者応札（14.3%）", 2021)
    assert (told.actual.value, told.actual.numerator, told.actual.denominator) == (Decimal("14.3"), 1, 7)
