"""What the shipped facts say of drugs (同梱の事実の医薬品), read with the csv module alone; and lakes that hold them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.lakes import key_file, put

from kenpo.intake.load import load_facts, load_paths
from kenpo.lake import Lake

CHANGED_FROM_R7_10 = ("622365201", "622450301", "622450401")
"""Drugs whose row says R7.10.1から「2」に変更: class 1 before October 2025, class 2 from then on."""

UNKNOWN = "629999904"
"""A drug code no master has."""


def drugs() -> dict[str, tuple[str | None, Decimal]]:
    """Drug code → class as printed (blank is その他, None is not on the list) and price in yen."""
    text = (files("kenpo.intake.facts") / "drugs.csv").read_text(encoding="utf-8")
    said = {"": None, "-": ""}
    return {
        row["code"]: (said.get(row["class"], row["class"]), Decimal(row["price"]))
        for row in csv.DictReader(text.splitlines())
    }


def drugs_in(month: date) -> dict[str, tuple[str | None, Decimal]]:
    """As `drugs`, with the classes as they stand in a month of treatment."""
    known = drugs()
    if month >= date(2025, 10, 1):
        known |= {code: ("2", known[code][1]) for code in CHANGED_FROM_R7_10}
    return known


def some_codes(each: int = 3) -> list[str]:
    """A few drug codes of every class, those that change, and one that is unknown."""
    known = drugs()
    wanted = (None, "", "1", "2", "3", "★", "☆")
    picked = [[code for code, (printed, _) in known.items() if printed == kind][:each] for kind in wanted]
    assert all(len(codes) == each for codes in picked)
    return [*(code for codes in picked for code in codes), *CHANGED_FROM_R7_10[:1], UNKNOWN]


def facts_lake(folder: Path) -> Path:
    """A lake that holds the shipped masters and nothing else."""
    lake = Lake.create(folder / "facts")
    load_facts(lake)
    return lake.root


def lake_with(facts: Path, folder: Path, sources: Mapping[str, bytes], **options: Any) -> Lake:
    """A copy of the lake of facts in the folder, with claim files loaded."""
    shutil.copytree(facts, folder / "lake")
    lake = Lake.open(folder / "lake")
    reports = load_paths(
        lake, [put(folder / "in", sources)], key_path=key_file(folder), **{"workers": 1, **options}
    )
    assert {r.status for r in reports} == {"loaded"}
    return lake
