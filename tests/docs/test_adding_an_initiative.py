"""The worked example of docs/adding-an-initiative.md, run as it stands on the page."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kenpo.base.branches import branch
from kenpo.frame import explain, figures, records, refresh
from kenpo.intake.load import load_facts, load_paths
from kenpo.lake import Lake
from kenpo.synth.receipts import write_uke
from kenpo.synth.records import (
    Diagnosis,
    Drug,
    Institution,
    Patient,
    Receipt,
    Unit,
)

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-initiative.md"
MAY = date(2024, 5, 1)
CLINIC = Institution("13", "1", "9990001", "架空クリニック")
DENTIST = Institution("35", "3", "9990002", "架空歯科")
CODED, UNCODED = Diagnosis("8833421", MAY), Diagnosis("0000999", MAY, name="架空の病")


def receipt(short: str, number: str, *diagnoses: Diagnosis, dental: bool = False) -> Receipt:
    insurer = branch(short).insurer_number
    assert insurer is not None
    patient = Patient("架空　太郎", "カクウタロウ", "1", date(1955, 6, 1), insurer, "１２３", number)
    items = (Unit("21", (Drug("610463166", Decimal(3)),), points=10, times=7),)
    kind, number = ("dental", "3112") if dental else ("medical", "1112")
    return Receipt(kind, number, MAY, patient, days=1, items=items, diagnoses=diagnoses)


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The names the page's only python block defines."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, page: dict[str, Any]) -> Lake:
    folder = tmp_path_factory.mktemp("example")
    receipts = [
        receipt("東京", "1", CODED, CODED, UNCODED),
        receipt("東京", "2", CODED),
        receipt("山口", "3", CODED),
    ]
    write_uke(folder / "RECEIPTC.UKE", CLINIC, receipts, date(2024, 6, 1))
    teeth = receipt("山口", "4", Diagnosis("", MAY, tooth="1018"), dental=True)
    write_uke(folder / "RECEIPTS.UKE", DENTIST, [teeth], date(2024, 6, 1))
    lake = Lake.create(folder / "lake")
    load_facts(lake)
    load_paths(lake, sorted(folder.glob("*.UKE")), key_path=folder / "member.key", workers=1)
    refresh(lake, page["INITIATIVE"].measures)
    return lake


def test_the_figure_is_what_the_page_says(lake: Lake, page: dict[str, Any]):
    share = page["uncoded_diagnosis_share"]
    row = figures(lake, share, branch="13", months=(MAY, MAY)).row(0, named=True)
    assert (row["numerator"], row["denominator"]) == (1, 2 + 1 + 1)
    assert row["rate"] == Decimal("25.0")
    assert "25.0 %" in PAGE.read_text(encoding="utf-8")


def test_the_nation_is_the_sum_of_the_branches(lake: Lake, page: dict[str, Any]):
    nation = figures(lake, page["uncoded_diagnosis_share"], branch="00", months=(MAY, MAY)).row(0, named=True)
    assert (nation["numerator"], nation["denominator"], nation["rate"]) == (1 + 0, 4 + 1, Decimal("20.0"))


def test_a_diagnosis_without_a_code_is_excluded(lake: Lake, page: dict[str, Any]):
    said = explain(lake, page["uncoded_diagnosis_share"], "35", MAY)
    assert (said.eligible, said.excluded, said.denominator) == (1 + 1, {"no_code": 1}, 1)


def test_a_branch_without_diagnoses_has_no_rate(lake: Lake, page: dict[str, Any]):
    osaka = figures(lake, page["uncoded_diagnosis_share"], branch="27", months=(MAY, MAY)).row(0, named=True)
    assert (osaka["denominator"], osaka["rate"]) == (0, None)


def test_the_breakdown_it_names_works(lake: Lake, page: dict[str, Any]):
    rows = figures(lake, page["uncoded_diagnosis_share"], branch="13", by="kind")
    assert rows.select("value", "rate").rows() == [("医科", Decimal("25.0"))]


def test_the_figure_leads_back_to_the_line(lake: Lake, page: dict[str, Any]):
    share = page["uncoded_diagnosis_share"]
    said = explain(lake, share, "13", MAY)
    assert (said.numerator, said.denominator, said.excluded) == (1, 4, {"no_code": 0})
    lines = records(lake, share, "13", MAY).filter(numerator=1)
    assert lines.select("file", "item").rows() == [("RECEIPTC.UKE", "0000999")]


def test_the_page_names_every_column_a_measure_must_return():
    from kenpo.frame.measure import REQUIRED

    text = PAGE.read_text(encoding="utf-8")
    assert [c for c in REQUIRED if f"`{c}`" not in text] == []
