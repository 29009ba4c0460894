"""案件の操作: examples a clerk can read, in casekind_deadlines.yaml, casekind_approvals.yaml and casekind_refusals.yaml."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.arithmetic import worked_out
from tests.casekinds import Desk

from kenpo.base.business import is_business_day
from kenpo.frame import cases
from kenpo.frame.cases import CaseError


def examples(name: str) -> list[dict[str, Any]]:
    text = Path(__file__).with_name(f"casekind_{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.BaseLoader)


@pytest.mark.parametrize("example", examples("deadlines"), ids=lambda e: e["why"])
def test_the_clock_of_an_example(example: dict[str, Any]):
    desk = Desk(date.fromisoformat(example["received"]), int(example.get("days", "10")))
    case = desk.tell(*example.get("story", [])).case
    today = date.fromisoformat(example["today"])
    assert case.used(today) == worked_out(example["used"])
    assert case.due == (None if example["due"] == "－" else date.fromisoformat(example["due"]))
    assert case.overdue(today) == (example["overdue"] == "はい")


@pytest.mark.parametrize("example", examples("approvals"), ids=lambda e: e["why"])
def test_the_chain_of_an_example(example: dict[str, Any]):
    desk = Desk(date(2023, 5, 8)).tell(*example["story"])
    assert desk.kind.state(desk.case.state).title == example["state"]
    assert [a.actor for a in desk.case.approvals] == example["signed"]


@pytest.mark.parametrize("example", examples("refusals"), ids=lambda e: e["why"])
def test_the_refusal_of_an_example(example: dict[str, Any]):
    desk = Desk(date(2023, 5, 8)).tell(*example.get("story", []))
    before = desk.case
    with pytest.raises(CaseError) as refused:
        desk.tell(example["tried"])
    assert refused.value.code == example["code"], refused.value.message
    assert refused.value.exit_code == 8
    assert "対処：" in refused.value.message
    assert desk.case == before and cases.verify(desk.events) == []


def test_the_days_in_the_examples_are_what_a_calendar_says():
    closed = [date(2023, 5, 3), date(2023, 5, 6), date(2025, 12, 29), date(2026, 1, 2), date(2026, 1, 12)]
    assert not any(is_business_day(day) for day in closed)
