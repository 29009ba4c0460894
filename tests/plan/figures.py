"""Figures of invented measures (架空の指標値): rows in a lake as a refresh leaves them, written as a test says them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from kenpo.frame.measure import Measure, definition_of
from kenpo.lake import Lake, write_part
from kenpo.lake.tables.figures import FIGURE

Sums = tuple[int, int]
"""Numerator and denominator of a month (分子と分母)."""


def measure(measure_id: str, **rest: Any) -> Measure:
    """A measure of that id whose figures are written by hand."""

    def units(view: object) -> Any:
        raise AssertionError("these figures are stored, not computed")

    declared: dict[str, Any] = {"title": measure_id, "definition": "例", "law": "例"}
    return Measure(**{"id": measure_id, "units": units, **declared, **rest})


def lake_of(path: Path, figures: Mapping[Measure, Mapping[str, Mapping[str, Sums]]]) -> Lake:
    """A lake with figures: measure → branch → month (2023-04) → numerator and denominator.

    The nation is the sum of the branches; a branch without a month has a row of zeros there, as after a refresh.
    """
    lake = Lake.create(path)
    for item, branches in figures.items():
        months = sorted({m for sums in branches.values() for m in sums})
        rows: list[dict[str, Any]] = []
        for month in months:
            there = {b: sums.get(month, (0, 0)) for b, sums in branches.items()}
            told = {**there, "00": (sum(n for n, _ in there.values()), sum(d for _, d in there.values()))}
            rows += [_row(item, b, month, *sums) for b, sums in told.items()]
        data = pl.DataFrame(rows, schema=FIGURE.empty().schema)
        lake.replace("figure", write_part(lake.root, FIGURE, data, f"{item.id}@example"), f"{item.id}@")
        lake.set_meta(f"notes:{item.id}", json.dumps([]))
    return lake


def _row(item: Measure, branch: str, month: str, numerator: int, denominator: int) -> dict[str, Any]:
    return {
        "measure": item.id,
        "definition": definition_of(item),
        "branch": branch,
        "month": date.fromisoformat(f"{month}-01"),
        "breakdown": "total",
        "value": "total",
        "eligible": max(numerator, denominator),
        "excluded": 0,
        "excluded_by": "{}",
        "denominator": Decimal(denominator),
        "numerator": Decimal(numerator),
        "cutoff": "data1",
    }


def months(year: int, sums: Sequence[Sums]) -> dict[str, Sums]:
    """The months of a fiscal year from April on, with their sums in order."""
    return {f"{year + (n > 8)}-{(n + 3) % 12 + 1:02d}": pair for n, pair in enumerate(sums)}
