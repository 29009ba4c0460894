"""The web page: nothing from outside, headings in order, heads of tables as heads."""

import re
from itertools import pairwise

from lxml import html
from tests.press.sample import report

from kenpo.press.html import render

PAGE = render(report()).decode()
TREE = html.fromstring(PAGE.encode())


def test_it_needs_nothing_from_outside():
    assert not TREE.xpath("//script | //link | //img | //iframe")
    assert not re.search(r"url\(\s*['\"]?(?!#)", PAGE)
    assert [
        a for a in TREE.xpath("//@src | //@href | //@*[name()='xlink:href']") if not a.startswith("#")
    ] == []


def test_headings_go_down_one_by_one_from_the_title():
    levels = [int(h.tag[1]) for h in TREE.xpath("//h1 | //h2 | //h3 | //h4 | //h5")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert TREE.get("lang") == "ja"


def test_tables_have_captions_heads_and_a_region_to_scroll():
    tables = TREE.xpath("//table")
    assert len(tables) == 4
    assert {th.get("scope") for th in TREE.xpath("//th")} == {"col", "colgroup"}
    assert all(t.getparent().get("tabindex") == "0" and t.getparent().get("aria-label") for t in tables)


def test_charts_are_drawings_with_words():
    drawings = TREE.xpath("//figure//*[local-name()='svg']")
    assert len(drawings) == 4
    for drawing in drawings:
        ids = drawing.get("aria-labelledby").split()
        assert all(TREE.xpath(f"//*[@id='{one}']")[0].text for one in ids)
    ids = TREE.xpath("//@id")
    assert len(ids) == len(set(ids))
