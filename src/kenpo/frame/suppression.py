"""Suppression of small numbers (少数の秘匿): which values of a breakdown are not shown, and the tables without them.

A part of a figure is not shown when it counts from 1 to 9 people (below the threshold), and neither are as many other parts
as it takes that nothing can be worked out. The rule has one sentence:

    In the cross-tabulation of everything that is linked, with all hidden values of an axis taken as one, no number is small.

Axes are linked when the value of one says that of another: an institution lies in a municipality, which lies in a prefecture,
and gives one kind of care; a workplace belongs to an industry. Tables of a single axis are sums of that cross-tabulation, so
who has all of them knows at most its numbers. A hidden part that is small cannot stand in a cell of its own, for the cell
would be small: in every cell it shares with others, units could be moved from one hidden value to another and nothing that
is shown would change. Of its number no more is known than that it lies between 0 and a sum of at least the threshold; with
the wholes of a rate known from elsewhere it still has more than as many possible values as the threshold, since both the
sum of the numerators and that of the rest are not small. Axes that are not linked only share the total, which is known.

Where it may be known that a hidden part is there at all, as when its name stands in the list, a cell of n parts must hold
n − 1 more than the threshold: otherwise ten parts with ten units would be one each.

Measures whose parts can be reckoned from each other (members = insured + dependents) form a family and hide the same values.
Months are hidden each by itself, so that a table once shown never changes when later months come. Sums over months or
branches are only shown of what is shown in all of them (`added`): they tell nothing new.

Source of the usual methods: Willenborg & de Waal, Elements of Statistical Disclosure Control (complementary suppression in
linked tables); 厚生労働省 NDB ガイドライン「最小集計単位の原則」.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from kenpo.law.loader import value as parameter_value

THRESHOLD = "small_number_threshold"
"""The parameter that says below which number a part is not shown."""


def threshold_of(month: date) -> int:
    """The threshold that holds for the figures of a month."""
    return int(parameter_value(THRESHOLD, month))


@dataclass(frozen=True)
class Cells:
    """The parts of a figure on some linked axes: a row for each combination of their values in which there is anything.

    name: whose figure. axes: the columns that say which part, the coarsest first. present: the column that counts what
    is there, 1 or more in every row. shared: the columns of numbers that other measures of the family could tell. own:
    those only this measure tells, such as the numerator of a rate.
    """

    name: str
    rows: pl.DataFrame
    axes: tuple[str, ...]
    present: str
    shared: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


@dataclass(frozen=True)
class Secret:
    """What is not shown.

    hidden: axis → its hidden values. withheld: names of figures of which no part is shown. nothing: no part of any is.
    """

    hidden: Mapping[str, frozenset[str]]
    withheld: frozenset[str] = frozenset()
    nothing: bool = False


def conceal(tables: Sequence[Cells], threshold: int, base: Secret | None = None) -> Secret:
    """What must not be shown of the tables of a family on linked axes.

    base: what is not shown of the family whose parts these rest on; it is not shown here either. A figure whose own total is
    small is withheld: its total is known, and no merging of parts would be large enough. When that is so of a shared
    number, everything is withheld.
    """
    found: dict[str, set[str]] = {axis: set() for table in tables for axis in table.axes}
    for axis, values in (base.hidden if base else {}).items():
        found.setdefault(axis, set()).update(values)
    everything = Secret({}, frozenset(t.name for t in tables), nothing=True)
    if base and base.nothing:
        return everything
    if any(_small_total(t, (t.present, *t.shared), threshold) for t in tables):
        return everything
    withheld = frozenset(t.name for t in tables if _small_total(t, t.own, threshold))
    watched = [(t, (t.present, *t.shared, *(() if t.name in withheld else t.own))) for t in tables]
    while True:
        before, small = sum(map(len, found.values())), 0
        for table, numbers in watched:
            for cell in _small(table, numbers, found, threshold):
                _widen(table, cell, found)
                small += 1
        if not small:
            break
        if sum(map(len, found.values())) == before:
            return everything
    return Secret({axis: frozenset(values) for axis, values in found.items()}, withheld)


def suppress(table: pl.DataFrame, hidden: Iterable[str], *, by: str = "value") -> pl.DataFrame:
    """A table of one axis as it may be shown: with a column suppressed, and NULL for every number of a hidden value.

    hidden: values of the column by. All other columns but text are numbers of the part, rates included.
    """
    secret = pl.col(by).is_in(list(hidden))
    numbers = [c for c, kind in table.schema.items() if c != by and kind.is_numeric()]
    return table.with_columns(
        *(pl.when(~secret).then(pl.col(c)).alias(c) for c in numbers), suppressed=secret
    )


def added(
    tables: Sequence[pl.DataFrame | None], numbers: Sequence[str], *, by: str = "value"
) -> pl.DataFrame | None:
    """Tables as they may be shown, added up over months or branches: only what is shown in each of them.

    Returns None when one of them is withheld (None). A value that a table does not have counts 0 in it.
    """
    there = [t for t in tables if t is not None]
    if not there or len(there) < len(tables):
        return None
    rows = pl.concat([t.select(by, *numbers, "suppressed") for t in there], how="vertical_relaxed")
    sums = rows.group_by(by, maintain_order=True).agg(pl.col(*numbers).sum(), pl.col("suppressed").any())
    return suppress(sums.drop("suppressed"), sums.filter("suppressed")[by].to_list(), by=by)


# ---- what is small, and what to hide then --------------------------------------------------------------------------


def _is_small(number: str, threshold: int) -> pl.Expr:
    return (pl.col(number) > 0) & (pl.col(number) < threshold)


def _small_total(table: Cells, numbers: Sequence[str], threshold: int) -> bool:
    if table.rows.is_empty() or not numbers:
        return False
    sums = table.rows.select(pl.col(*numbers).sum())
    return sums.select(pl.any_horizontal(_is_small(n, threshold) for n in numbers)).item()


def _coded(table: Cells, hidden: Mapping[str, set[str]]) -> list[pl.Expr]:
    """The axes with NULL for every hidden value, so that these are one."""
    return [pl.when(~pl.col(a).is_in(list(hidden[a]))).then(pl.col(a)).alias(a) for a in table.axes]


def _small(
    table: Cells, numbers: Sequence[str], hidden: Mapping[str, set[str]], threshold: int
) -> list[tuple[str | None, ...]]:
    """The cells of the cross-tabulation with a small number, or with too little for the parts that are known to be there."""
    cells = table.rows.group_by(_coded(table, hidden)).agg(pl.col(*numbers).sum(), parts=pl.len())
    crowded = (pl.col("parts") > 1) & (pl.col(table.present) - pl.col("parts") + 1 < threshold)
    small = cells.filter(pl.any_horizontal(crowded, *(_is_small(n, threshold) for n in numbers)))
    return small.select(table.axes).sort(table.axes, nulls_last=True).rows()


def _widen(table: Cells, cell: tuple[str | None, ...], hidden: dict[str, set[str]]) -> None:
    """Hide one more value so that a small cell becomes part of a larger one: on the finest axis on which that can be.

    A value that is shown is hidden; a cell of hidden values takes in the smallest part beside it, of the same coarser parts.
    """
    if any(value in hidden[axis] for axis, value in zip(table.axes, cell, strict=True)):
        return  # it has become part of a larger cell meanwhile
    for place in reversed(range(len(table.axes))):
        axis, value = table.axes[place], cell[place]
        if value is not None:
            hidden[axis].add(value)
            return
        beside = [
            pl.col(a).is_in(list(hidden[a])) if v is None else pl.col(a) == v
            for a, v in zip(table.axes[:place], cell[:place], strict=True)
        ]
        rows = table.rows.filter(~pl.col(axis).is_in(list(hidden[axis])), *beside)
        if rows.height:
            sizes = rows.group_by(axis).agg(pl.col(table.present).sum()).sort(table.present, axis)
            hidden[axis].add(sizes[axis][0])
            return
