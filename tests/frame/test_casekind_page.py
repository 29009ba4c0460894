"""The kind of case in docs/adding-an-initiative.md works as it stands, and the glossary knows the words of case work."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.casekinds import noon

from kenpo.catalogue import CASEKINDS
from kenpo.frame import Role, cases
from kenpo.frame.cases import Actor, Break, Passed, What

DOCS = Path(__file__).parents[2] / "docs"
DAY = date(2026, 5, 11)
CLERK, CHECKER = (
    Actor(id, "13", frozenset({role}))
    for id, role in (("伊藤", Role.RECEIPTS_CLERK), ("中村", Role.RECEIPTS_CHECKER))
)


@pytest.fixture(scope="module")
def kind() -> Any:
    text = (DOCS / "adding-an-initiative.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```py\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "adding-an-initiative.md", "exec"), names)
    return names["REPAYMENT"]


def test_a_case_of_the_page_is_worked(kind: Any):
    opened = cases.open_case(
        kind,
        branch="13",
        key="R-1",
        content={"points": 1234, "insurer_tenths": 7},
        received_on=DAY,
        actor=CLERK,
        when=noon(DAY),
        subject="m1",
    )
    case = cases.fold([opened])
    case = cases.apply(case, cases.decide(kind, case, actor=CLERK, when=noon(DAY), expected=1))
    assert case.decision is not None and case.decision.amounts[0].yen == 1234 * 10 * 7 // 10
    case = cases.apply(case, cases.move(kind, case, "examine", actor=CLERK, when=noon(DAY), expected=2))
    case = cases.apply(case, cases.move(kind, case, "check", actor=CHECKER, when=noon(DAY), expected=3))
    assert kind.state(case.state).todo == "決裁する"
    assert case.due == date(2026, 6, 8)


def test_the_page_names_the_fields_of_a_declaration(kind: Any):
    text = (DOCS / "adding-an-initiative.md").read_text(encoding="utf-8")
    assert [f for f in ("worklist", "key", "subject_column", "version") if f"`{f}`" not in text] == []


def test_the_page_of_all_kinds_names_each_with_its_states_and_moves():
    text = (DOCS / "casekinds.md").read_text(encoding="utf-8")
    for kind in CASEKINDS.values():
        section = text.split(f"\n## {kind.id}\n", 1)[1].split("\n## ", 1)[0]
        named = [*(s.id for s in kind.states), *(m.id for m in kind.moves), *(one.id for one in kind.letters)]
        assert [n for n in named if f"`{n}`" not in section] == []
        assert kind.group.label in section and str(kind.retention.years) in section


def test_the_glossary_knows_the_words_of_case_work():
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    words = [*What, *Passed, *Break, *CASEKINDS]
    assert [w for w in words if f"`{w}` |" not in text] == []
    assert [k.title for k in CASEKINDS.values() if k.title not in text] == []
