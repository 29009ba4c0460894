"""見出し: pillars and numbered 施策, nested as a document nests them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kenpo.plan.model import Initiative
from kenpo.plan.outline import Outline, alike, heading_in, number_of, numbered_line, pillar_in

EXAMPLES = yaml.load(
    Path(__file__).with_name("outline.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader
)


def what_is(line: str) -> str:
    """What a line is, as the table of examples writes it."""
    if pillar := pillar_in(line):
        return f"柱 {pillar[0]} {pillar[1]}"
    if heading := heading_in(line):
        return f"見出し {heading.style} {heading.number} {heading.title}"
    return "本文"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["line"])
def test_what_a_line_is(example: dict[str, Any]):
    assert " ".join(what_is(example["line"]).split()) == " ".join(example["is"].split())


def test_a_styled_heading_needs_no_number():
    assert heading_in("薬剤師会との取り組み") is None
    heading = heading_in("薬剤師会との取り組み", styled=True)
    assert heading is not None
    assert heading.style == "plain"
    circle = heading_in("○サービス水準の向上", styled=True)
    assert circle is not None
    assert (circle.style, circle.title) == ("circle", "サービス水準の向上")


def _tree(initiatives: tuple[Initiative, ...]) -> Any:
    return {f"{i.number}{i.title}": _tree(i.children) for i in initiatives}


@pytest.mark.parametrize(
    ("lines", "tree"),
    [
        (["① 甲", "② 乙"], {"①甲": {}, "②乙": {}}),
        (["① 甲", "i) 甲の一", "ii) 甲の二", "② 乙"], {"①甲": {"i)甲の一": {}, "ii)甲の二": {}}, "②乙": {}}),
        (["Ⅰ）甲", "① 一", "Ⅱ）乙", "① 一", "② 二"], {"Ⅰ）甲": {"①一": {}}, "Ⅱ）乙": {"①一": {}, "②二": {}}}),
        (
            ["Ⅲ）甲", "① 一", "ⅰ）い", "ⅱ）ろ", "② 二"],
            {"Ⅲ）甲": {"①一": {"ⅰ）い": {}, "ⅱ）ろ": {}}, "②二": {}}},
        ),
        (["① 甲", "(1) 一", "i) い", "(2) 二"], {"①甲": {"(1)一": {"i)い": {}}, "(2)二": {}}}),
    ],
)
def test_headings_nest_by_the_style_of_their_numbers(lines: list[str], tree: Any):
    outline = Outline()
    outline.enter_pillar("1.", "基盤的保険者機能関係")
    for line in lines:
        heading = heading_in(line)
        assert heading is not None
        outline.enter(heading)
    assert _tree(outline.pillars[0].done().initiatives) == tree


def test_a_heading_met_again_on_the_next_page_is_the_same():
    outline = Outline()
    outline.enter_pillar("1.", "基盤的保険者機能関係")
    for line in ("① サービス水準の向上", "② 点検", "① サービス水準の向上"):
        heading = heading_in(line)
        assert heading is not None
        outline.enter(heading)
    assert [d.number for d in outline.pillars[0].initiatives] == ["①", "②"]
    assert outline.current is outline.pillars[0].initiatives[0]


def test_a_pillar_met_again_is_the_same():
    outline = Outline()
    outline.enter_pillar("", "基盤的保険者機能")
    outline.enter_pillar("1.", "基盤的保険者機能関係")
    outline.enter_pillar("2.", "戦略的保険者機能関係")
    assert [(p.number, p.title) for p in outline.pillars] == [
        ("1.", "基盤的保険者機能"),
        ("2.", "戦略的保険者機能関係"),
    ]


def test_numbers_and_slips_of_writing():
    assert [number_of(n) for n in ("①", "(12)", "３）", "ⅰ）")] == [1, 12, 3, 0]
    assert alike("重症化予防対策の推進", "重症化予防の推進")
    assert not alike("重症化予防対策の推進", "調査研究の推進")
    assert numbered_line("98.3%以上") is None
