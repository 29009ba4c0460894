"""What can be worked out from tables of figures: all that is shown, and what everybody knows of how figures hang together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
from tests.attacker import Attacker

from kenpo.catalogue import MEASURES
from kenpo.frame import BREAKDOWNS, Measure, figures, lacking_of
from kenpo.frame.measure import cells
from kenpo.frame.parts import axes_of, item_axis, linked, parts
from kenpo.lake import Lake

Pair = tuple[Decimal, Decimal]
Table = dict[str, Pair | None]
"""Value → denominator and numerator; None where they are hidden. A value that is not there is 0."""

SAME: tuple[tuple[str, str, str, str], ...] = (
    ("dependency_ratio", "d", "insured", "n"),
    ("dependency_ratio", "n", "dependents", "n"),
    ("mynumber_record_rate", "d", "members", "n"),
    ("medical_cost_per_member", "d", "members", "n"),
    ("receipts_per_member", "d", "members", "n"),
    ("receipts_per_member", "n", "days_per_receipt", "d"),
    ("days_per_receipt", "n", "cost_per_day", "d"),
    ("medical_cost_per_member", "n", "cost_per_day", "n"),
    ("medical_cost_per_member", "n", "medical_cost_index", "n"),
)
"""Numbers of two measures that are the same, part by part."""

WITHIN: tuple[tuple[str, str, str, str], ...] = (
    ("average_standard_remuneration", "d", "insured", "n"),
    ("insured", "n", "members", "n"),
    ("dependents", "n", "members", "n"),
    ("patient_outflow_rate", "d", "receipts_per_member", "n"),
    ("patient_inflow_rate", "d", "receipts_per_member", "n"),
)
"""Numbers that are part of another's, part by part."""

_PHARMACY_LEFT_OUT = {
    ("receipts_per_member", "n"),
    ("days_per_receipt", "d"),
    ("days_per_receipt", "n"),
    ("cost_per_day", "d"),
}
"""Numbers whose total leaves the pharmacies' receipts out; with the denominators per head they add up otherwise by care."""

_PER_HEAD = {("medical_cost_per_member", "d"), ("receipts_per_member", "d")}


@dataclass
class Shown:
    """All that is shown of one branch and month. parents: (axis, coarser axis) → value → the value above it."""

    tables: dict[tuple[str, str], Table | None] = field(default_factory=dict)
    totals: dict[str, Pair] = field(default_factory=dict)
    parents: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def values(self, axis: str) -> list[str]:
        """Every value of an axis that anybody could think of."""
        named = {v for (_, a), t in self.tables.items() if a == axis and t is not None for v in t}
        return sorted(named | set(BREAKDOWNS[axis].order if axis in BREAKDOWNS else ()) | {"不明"})


def table_of(rows: pl.DataFrame | None) -> Table | None:
    """A table as `kenpo.frame.parts` gives it."""
    if rows is None:
        return None
    return {
        v: None if hidden else (d, n)
        for v, d, n, hidden in rows.select("value", "denominator", "numerator", "suppressed").rows()
    }


def attacker_of(shown: Shown) -> Attacker:
    """Somebody who has seen everything and knows how figures hang together."""
    someone = Attacker()

    def number(measure: str, axis: str, value: str, column: str) -> Any:
        """A number if it is shown, or the name of the unknown."""
        name = (measure, axis, value, column)
        table = shown.tables[measure, axis]
        if table is None:
            return name
        pair = table.get(value, (Decimal(0), Decimal(0)))
        return name if pair is None else pair["dn".index(column)]

    for (measure, axis), table in shown.tables.items():
        values = shown.values(axis) if table is None else list(table)
        rate = MEASURES[measure].form == "percent" and MEASURES[measure].persons == "units"
        for column, total in zip("dn", shown.totals[measure], strict=True):
            rest = [(1, (measure, axis, "ほか", column))] if table is None else []
            if axis == "care" and (measure, column) in _PER_HEAD:
                continue
            left_out = axis == "care" and (measure, column) in _PHARMACY_LEFT_OUT
            terms = [(1, number(measure, axis, v, column)) for v in values if not (left_out and v == "調剤")]
            someone.learn([*terms, *rest], total)
        for value in values:
            d, n = (number(measure, axis, value, c) for c in "dn")
            if isinstance(d, tuple) and rate:
                someone.at_most.append((n, d))
                someone.learn([(1, (measure, axis, value, "rest")), (1, n), (-1, d)])
            if MEASURES[measure].persons == "units":
                someone.counts |= {x for x in (d, n) if isinstance(x, tuple)} | {
                    (measure, axis, value, "rest")
                }
            if table is not None and isinstance(n, tuple) and MEASURES[measure].form == "count":
                someone.least[n] = 1
        for (leaf, above), up in shown.parents.items():
            if leaf == axis and (measure, above) in shown.tables and table is not None:
                _add_up(someone, shown, number, measure, leaf, above, up)
    _compare(someone, shown, number)
    return someone


def _add_up(
    someone: Attacker, shown: Shown, number: Any, measure: str, leaf: str, above: str, up: Mapping[str, str]
) -> None:
    """The parts of every coarser part add up to it."""
    table = shown.tables[measure, leaf]
    assert table is not None
    for parent in {up[v] for v in table if v in up}:
        children = [v for v in table if up.get(v) == parent]
        for column in "dn":
            terms = [(1, number(measure, leaf, v, column)) for v in children]
            someone.learn([*terms, (-1, number(measure, above, parent, column))])


def _compare(someone: Attacker, shown: Shown, number: Any) -> None:
    axes = {axis for _, axis in shown.tables}
    for axis in axes:
        values = shown.values(axis)
        for one, c, other, k in SAME:
            if (one, axis) in shown.tables and (other, axis) in shown.tables:
                for v in values:
                    someone.learn([(1, number(one, axis, v, c)), (-1, number(other, axis, v, k))])
        if all((m, axis) in shown.tables for m in ("members", "insured", "dependents")):
            for v in values:
                someone.learn(
                    [
                        (1, number("insured", axis, v, "n")),
                        (1, number("dependents", axis, v, "n")),
                        (-1, number("members", axis, v, "n")),
                    ]
                )
        for one, c, other, k in WITHIN:
            if (one, axis) in shown.tables and (other, axis) in shown.tables and axis != "care":
                for v in values:
                    ends = [
                        x if isinstance(x, tuple) else Fraction(x)
                        for x in (number(one, axis, v, c), number(other, axis, v, k))
                    ]
                    if any(isinstance(x, tuple) for x in ends):
                        someone.at_most.append((ends[0], ends[1]))
    if all((m, "care") in shown.tables for m in ("receipts_per_member", "receipt_match_rate")):
        for v in shown.values("care"):
            someone.learn(
                [
                    (1, number("receipt_match_rate", "care", v, "n")),
                    (-1, number("receipts_per_member", "care", v, "n")),
                ]
            )


def found(
    shown: Shown, truth: Mapping[tuple[str, str], Mapping[str, tuple[Decimal, Decimal, int]]], threshold: int
) -> list[tuple[Any, Any, Any]]:
    """What an attacker finds of hidden numbers that are small; none when all is well. Each with its bounds.

    Of a count of people too much is known when fewer values than the threshold are left for it. Of an amount of few people,
    and of a count whose total is small itself and known to all, when it is known exactly. truth: measure and axis → value →
    denominator, numerator, units.
    """
    out = []
    for name, (low, high) in attacker_of(shown).bounds().items():
        measure, axis, value, column = name
        true = truth.get((measure, axis), {}).get(value)
        if true is None:
            continue
        number = true[0] - true[1] if column == "rest" else true["dn".index(column)]
        assert low <= number and (high is None or number <= high), f"the attacker is wrong about {name}"
        if high is None or not number:
            continue
        yen = MEASURES[measure].unit == "円" and column == "n"
        counted = MEASURES[measure].persons == "units" and not yen
        small, few = 0 < number < threshold, 0 < true[2] < threshold
        if counted and shown.tables[measure, axis] is not None:
            too_much = small and high - low < threshold - 1
        else:
            too_much = (small if counted else few) and low == high
        if too_much:
            out.append((name, low, high))
    return out


def learned(lake: Lake, branch: str, month: date) -> tuple[Shown, dict[Any, dict[str, Any]]]:
    """All parts of all figures of people of a branch and month as they may be shown, and the truth behind them."""
    shown, truth = Shown(), {}
    for measure in MEASURES.values():
        if measure.persons == "none" or lacking_of(lake, measure):
            continue
        total = figures(lake, measure, branch=branch, months=(month, month)).row(0, named=True)
        shown.totals[measure.id] = total["denominator"], total["numerator"]
        for by in axes_of(measure):
            if (measure.id, by) not in shown.tables:
                made = parts(lake, MEASURES.values(), measure, branch, month, by)
                shown.tables |= {key: table_of(rows) for key, rows in made.items()}
        for axes in {linked(by) for by in axes_of(measure)}:
            truth |= _truth(lake, measure, axes, branch, month, shown)
    return shown, truth


def _truth(
    lake: Lake, measure: Measure, axes: tuple[str, ...], branch: str, month: date, shown: Shown
) -> dict[Any, dict[str, Any]]:
    """The numbers of a measure by linked axes; what lies in what is told to the attacker, for everybody knows it."""
    names = [a for a in axes if a in axes_of(measure)]
    looked_at = [BREAKDOWNS[a] if a in BREAKDOWNS else item_axis(measure) for a in names]
    cross, *tables = cells(lake, measure, looked_at, branch, month, names, *([a] for a in names))
    for n, leaf in enumerate(names):
        for above in names[:n]:
            pairs = cross.select(leaf, above).unique()
            if above not in ("kind", "care") and pairs[leaf].n_unique() == pairs.height:
                shown.parents.setdefault((leaf, above), {}).update(dict(pairs.rows()))
    return {
        (measure.id, axis): {
            v: (d, n, e) for v, d, n, e in rows.select(axis, "denominator", "numerator", "eligible").rows()
        }
        for axis, rows in zip(names, tables, strict=True)
    }
