"""目標: what a plan writes, in its words and digits, and the level it asks for."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from kenpo.plan.targets import Target, as_written, describe, direction, level, printed_precision

TARGET: TypeAdapter[Target] = TypeAdapter(Target)
# Read as text, so that every number keeps the digits it is written with.
EXAMPLES = yaml.load(
    Path(__file__).with_name("targets.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["why"])
def test_a_target_in_the_words_of_the_plan(example: dict[str, Any]):
    target = TARGET.validate_python(example["target"])
    last_year = Decimal(example["last_year"]) if "last_year" in example else None
    found = level(target, last_year)

    shown = last_year if target.kind == "not_below_last_year" else None
    words = describe(target, example.get("unit", "%"), int(example.get("precision", 1)), last_year=shown)
    assert words == example["words"]
    assert direction(target) == example["direction"]
    assert ("なし" if found is None else str(found)) == example["level"]


def test_every_kind_has_an_example():
    kinds = {c["properties"]["kind"]["const"] for c in TARGET.json_schema()["$defs"].values()}
    assert {e["target"]["kind"] for e in EXAMPLES} == kinds


@pytest.mark.parametrize("kind", ["generic_80", "single_bid"])
def test_a_conditional_level_is_unknown_without_last_year(kind: str):
    assert level(TARGET.validate_python({"kind": kind}), None) is None


@pytest.mark.parametrize("text", ["59.9", "30.0", "0.340", "96", "2350", "-1.5", "0.00"])
def test_a_number_keeps_its_digits_through_files(text: str):
    target = TARGET.validate_python({"kind": "at_least", "value": text})
    again = TARGET.validate_json(TARGET.dump_json(target))
    assert str(again.value) == text
    assert json.loads(TARGET.dump_json(target))["value"] == text


def test_a_number_typed_into_yaml_is_the_number_typed():
    target = TARGET.validate_python(yaml.safe_load("kind: at_least\nvalue: 30.0"))
    assert str(target.value) == "30.0"


@pytest.mark.parametrize(
    "bad", [0.1 + 0.2, True, None, "2,350", "59.9%", "５９.９", float("nan"), 1e20, "", "1e3"]
)
def test_what_is_no_plain_number_is_refused(bad: object):
    with pytest.raises(ValidationError):
        TARGET.validate_python({"kind": "at_least", "value": bad})


def test_what_a_kind_does_not_know_is_refused():
    with pytest.raises(ValidationError):
        TARGET.validate_python({"kind": "at_most", "value": 20, "few": 4})
    with pytest.raises(ValidationError):
        TARGET.validate_python({"kind": "about", "value": 20})


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=3))
def test_a_float_of_few_digits_is_what_was_typed(number: Decimal):
    assert as_written(float(number)) == number


@pytest.mark.parametrize(("stated", "expected"), [("13.1", 2), ("39", 2), ("0.292", 3)])
def test_a_plan_that_prints_more_decimals_is_compared_at_them(stated: str, expected: int):
    assert printed_precision(TARGET.validate_python({"kind": "at_least", "value": stated}), 2) == expected
