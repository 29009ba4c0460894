"""A lake made by an earlier version, whose tables had other columns (前の版の置き場), is refused plainly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.people import lake_of

from kenpo.base.errors import LakeError
from kenpo.lake import Lake


def pretend(lake: Lake, **changed: str | None) -> None:
    """Write another short text of a table's columns into the manifest; None: nothing is known of it."""
    kept = json.loads(lake.meta("tables") or "{}") | changed
    lake.set_meta("tables", json.dumps({k: v for k, v in kept.items() if v is not None}))


@pytest.mark.parametrize("text", ["0123456789ab", None])
def test_tables_with_other_columns_are_named(text: str | None, tmp_path: Path):
    lake = lake_of(tmp_path, enrolment=[{}])
    pretend(lake, enrolment=text)
    for way in (Lake.open, Lake.create):
        with pytest.raises(
            LakeError, match="前の版の kenpo で作られています。列の変わった表：資格"
        ) as raised:
            way(lake.root)
        assert raised.value.code == "old_lake"


def test_a_table_that_holds_nothing_does_not_matter(tmp_path: Path):
    lake = lake_of(tmp_path, enrolment=[{}])
    pretend(lake, bonus="0123456789ab", card=None)
    assert Lake.open(lake.root).parts("enrolment")


def test_derived_tables_do_not_matter_because_they_are_made_anew(tmp_path: Path):
    lake = lake_of(tmp_path, enrolment=[{}])
    assert "member_month" not in json.loads(lake.meta("tables") or "{}")


def test_the_next_writer_keeps_what_the_tables_are_now(tmp_path: Path):
    lake = lake_of(tmp_path, enrolment=[{}])
    pretend(lake, bonus="0123456789ab")
    with lake.writing():
        pass
    assert json.loads(lake.meta("tables") or "{}")["bonus"] != "0123456789ab"
