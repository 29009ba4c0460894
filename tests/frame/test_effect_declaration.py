"""Effects of kinds of case: what a declaration must say, and that the catalogue and the pages know it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.casekinds import changed

from kenpo.base.document import Document
from kenpo.catalogue import CASEKINDS, MEASURES
from kenpo.frame import Effect

WHOLE = Effect(
    "効果", ("members",), "いつも出せる", lambda lake, branch: (), lambda *asked: Document("効果", ())
)


@pytest.mark.parametrize("empty", [{"title": ""}, {"measures": ()}, {"appears": ""}])
def test_an_effect_says_its_name_its_measures_and_when_it_is_there(empty: dict[str, object]):
    assert changed(effect=WHOLE).effect is WHOLE
    with pytest.raises(ValueError, match=f"effect: {next(iter(empty))} is empty"):
        changed(effect=replace(WHOLE, **empty))  # type: ignore[arg-type]


def test_effects_name_measures_of_the_catalogue():
    named = [m for k in CASEKINDS.values() if k.effect for m in k.effect.measures]
    assert named and [m for m in named if m not in MEASURES] == []


def test_the_page_of_all_kinds_says_which_have_an_effect():
    text = (Path(__file__).parents[2] / "docs" / "casekinds.md").read_text(encoding="utf-8")
    for kind in CASEKINDS.values():
        section = text.split(f"\n## {kind.id}\n", 1)[1].split("\n## ", 1)[0]
        assert (kind.effect is not None) == (f"`kenpo effect {kind.id}`" in section)
        assert kind.effect is None or [m for m in kind.effect.measures if f"`{m}`" not in section] == []
