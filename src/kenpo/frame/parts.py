"""Parts of figures as they may be shown (内訳): below the branch small numbers are suppressed, wherever parts are shown.

Everything that is shown below the branch is made here, so that pages, files and answers show the same and hide the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.base.errors import MeasureError, NotLoaded
from kenpo.frame.breakdown import BREAKDOWNS, Breakdown
from kenpo.frame.institutions import institution_recipients
from kenpo.frame.measure import RECEIPTS, Measure, cells, computed_ahead, units_of, with_rate
from kenpo.frame.suppression import Cells, Secret, added, conceal, suppress, threshold_of
from kenpo.frame.view import View
from kenpo.lake import Lake

ITEM = "item"
"""The axis of the things a measure names (医薬品など), where these are not the values of a breakdown."""

LINKED = (("kind", "care", "prefecture", "municipality", "institution"), ("industry", "workplace"))
"""Axes of which the value of one says that of another, the coarsest first."""

_ABOVE = {"institution": "municipality", "workplace": "industry"}
"""What is looked at with an axis though the measure itself is not shown by it: other measures of the family are."""

FINEST = ("institution", "workplace", ITEM)
_ELSEWHERE = ("pharmacy",)
"""Breakdowns whose values are those of another one."""

NUMBERS = ("denominator", "numerator")


@dataclass(frozen=True)
class Family:
    """The measures whose parts are suppressed together, and the families their parts rest on, the most basic first."""

    name: str
    measures: tuple[Measure, ...]
    bases: tuple[Family, ...] = ()

    @classmethod
    def of(cls, measure: Measure, measures: Iterable[Measure]) -> Family:
        """The family of a measure among all measures."""
        everyone = tuple(measures)

        def named(name: str) -> tuple[Measure, ...]:
            return tuple(m for m in everyone if (m.family or m.id) == name)

        name = measure.family or measure.id
        steps = name.split("/")
        bases = tuple(cls(n, named(n)) for k in range(1, len(steps)) if named(n := "/".join(steps[:k])))
        return cls(name, named(name), bases)


def axes_of(measure: Measure) -> tuple[str, ...]:
    """The axes by which parts of a measure are shown: its breakdowns, and the things it names."""
    named = [b for b in measure.breakdowns if b not in _ELSEWHERE]
    if measure.item and not (measure.persons == "none" and measure.form == "count"):
        named.append(measure.item if measure.item in BREAKDOWNS else ITEM)
    return tuple(dict.fromkeys(named))


def axis_title(measure: Measure, name: str) -> str:
    """What an axis is called."""
    return measure.item_title if name == ITEM else BREAKDOWNS[name].title


def linked(by: str) -> tuple[str, ...]:
    """The axes that are suppressed together with one."""
    return next((axes for axes in LINKED if by in axes), (by,))


def at_once(measure: Measure, measures: Iterable[Measure], branch: str, by: str) -> bool:
    """Whether parts are there without a computation over the records."""
    family = Family.of(measure, measures)
    return branch != NATION_CODE and all(
        computed_ahead(m, axes)
        for one in (*family.bases, family)
        for m in one.measures
        if (axes := _looked_at(m, linked(by)))
    )


def parts(
    lake: Lake, measures: Iterable[Measure], measure: Measure, branch: str, month: date, by: str
) -> dict[tuple[str, str], pl.DataFrame | None]:
    """The parts of a measure's figure as they may be shown, and with them those of its family on the linked axes.

    branch: a code; of the nation (00) only values are shown that every branch shows. Returns (measure id, axis) → rows, or
    None where nothing may be shown. Columns: value, denominator, numerator, rate, suppressed; NULL where suppressed. Raises
    MeasureError for an axis the measure does not have and a month without figures, NotLoaded when its data is not there.
    """
    if by not in axes_of(measure) or (branch == NATION_CODE and by in FINEST):
        allowed = [
            axis_title(measure, a) for a in axes_of(measure) if branch != NATION_CODE or a not in FINEST
        ]
        raise MeasureError(
            f"指標「{measure.title}」は「{by}」では分けて示せません。",
            todo=f"使える内訳：{'、'.join(allowed) or 'なし'}",
        )
    family = Family.of(measure, measures)
    axes = linked(by)
    everyone = branch == NATION_CODE
    read = {
        one.name: _read(lake, one, axes, None if everyone else branch, month, measure)
        for one in (*family.bases, family)
    }
    shown = {place: _shown(family, read, place, month) for place in (BRANCH_CODES if everyone else (branch,))}
    if not everyone:
        return shown[branch]
    keys = dict.fromkeys(key for tables in shown.values() for key in tables if key[1] not in FINEST)
    return {key: _nation(family, key, [tables[key] for tables in shown.values()]) for key in keys}


def names_of(lake: Lake, by: str, values: Sequence[str]) -> dict[str, str]:
    """The names of institutions by code (public facts of the lake); of other values nothing."""
    if by != "institution":
        return {}
    known = [v for v in values if v[:2] in BRANCH_CODES]
    return {code: r.names[0] for code, r in institution_recipients(lake, known).items() if r.names[0] != code}


def item_labels(
    lake: Lake, measure: Measure, branch: str, month: date, values: Sequence[str]
) -> dict[str, str]:
    """The names of the things a measure names, by code, as far as its units tell them."""
    units = units_of(measure, View(lake, [month], cases=measure.cases))
    if "item_label" not in units.columns or not values:
        return {}
    chosen = units.filter((units.branch == branch) & units[measure.item].isin(list(values)))
    named = chosen.group_by(value=chosen[measure.item]).aggregate(name=chosen.item_label.max())
    rows = pl.DataFrame(pl.from_arrow(named.to_pyarrow())).drop_nulls()
    return {value: name for value, name in rows.select("value", "name").rows() if name != value}


# ---- working out -------------------------------------------------------------------------------------------------


def _looked_at(measure: Measure, axes: Sequence[str]) -> tuple[str, ...]:
    """The linked axes a measure's parts are looked at by: those it is shown by, and those above them."""
    own = [a for a in axes_of(measure) if a in axes]
    return tuple(a for a in axes if a in own or any(_ABOVE.get(o) == a for o in own)) if own else ()


def item_axis(measure: Measure) -> Breakdown:
    """The axis of the things a measure names."""
    column = str(measure.item)
    return Breakdown(ITEM, measure.item_title, column, lambda u: u[column], lambda v: v or "不明")


@dataclass(frozen=True)
class _Read:
    """What was read of a measure: its cells on all axes looked at, and its table on each axis it is shown by."""

    measure: Measure
    axes: tuple[str, ...]
    cross: pl.DataFrame
    tables: Mapping[str, pl.DataFrame]

    def of(self, branch: str) -> _Read:
        """The same of one branch."""
        tables = {axis: _one(rows, branch) for axis, rows in self.tables.items()}
        return _Read(self.measure, self.axes, _one(self.cross, branch), tables)

    def watched(self) -> list[Cells]:
        """What small numbers are looked for in; nothing when no people are counted."""
        if self.measure.persons == "none":
            return []
        looked_at = [(self.axes, self.cross)] if len(self.axes) > 1 else []
        looked_at += [((axis,), rows) for axis, rows in self.tables.items()]
        return [_watched(self.measure, axes, rows) for axes, rows in looked_at]


def _one(rows: pl.DataFrame, branch: str) -> pl.DataFrame:
    return rows.filter(pl.col("branch") == branch).drop("branch")


def _read(
    lake: Lake, family: Family, axes: Sequence[str], branch: str | None, month: date, asked: Measure
) -> list[_Read]:
    """Every measure of a family that has any of the axes; one without data is left out."""
    found = []
    for one in family.measures:
        names = _looked_at(one, axes)
        if not names:
            continue
        own = [a for a in names if a in axes_of(one)]
        try:
            cross, *tables = cells(
                lake,
                one,
                [item_axis(one) if n == ITEM else BREAKDOWNS[n] for n in names],
                branch,
                month,
                names,
                *([a] for a in own),
            )
        except (NotLoaded, MeasureError):
            if one is asked:
                raise
            continue
        found.append(_Read(one, names, cross, dict(zip(own, tables, strict=True))))
    return found


def _shown(
    family: Family, read: Mapping[str, Sequence[_Read]], branch: str, month: date
) -> dict[tuple[str, str], pl.DataFrame | None]:
    """The tables of a family in one branch as they may be shown."""
    own = {name: [r.of(branch) for r in found] for name, found in read.items()}
    secret = Secret({})
    for one in (*family.bases, family):
        secret = conceal([t for r in own[one.name] for t in r.watched()], threshold_of(month), secret)
    out: dict[tuple[str, str], pl.DataFrame | None] = {}
    for r in own[family.name]:
        withheld = secret.nothing or r.measure.id in secret.withheld
        for axis, rows in r.tables.items():
            hidden = _with_company(rows, axis, secret.hidden.get(axis, frozenset()))
            out[r.measure.id, axis] = None if withheld else _table(r.measure, axis, rows, hidden)
    return out


def _watched(measure: Measure, axes: tuple[str, ...], rows: pl.DataFrame) -> Cells:
    """What is looked at of a measure: how many units there are and how many count, and the people its numbers count."""
    numbered = rows.with_columns(
        counted=pl.col("eligible") - pl.col("excluded"), rest=pl.col("denominator") - pl.col("numerator")
    )
    shared, own = ("counted",), ()
    if measure.persons == "receipts":
        shared, own = ("counted", RECEIPTS[0]), RECEIPTS[1:]
    elif measure.persons == "units" and measure.form == "percent":
        shared, own = ("counted", "denominator"), ("numerator", "rest")
    elif measure.persons == "units":
        shared = ("counted", "denominator", "numerator")
    return Cells(measure.id, numbered, axes, present="eligible", shared=shared, own=own)


def _with_company(rows: pl.DataFrame, axis: str, hidden: frozenset[str]) -> frozenset[str]:
    """What to hide of a table so that no hidden value is the only one of those that occur in it.

    It would be the total less the rest. That is no small number, but it may be one that other tables hide to hide others.
    """
    sizes = rows.group_by(axis).agg(pl.col("eligible").sum()).sort("eligible", axis)
    there = set(sizes[axis])
    if len(there & hidden) != 1:
        return hidden
    return hidden | set(sizes.filter(~pl.col(axis).is_in(list(hidden)))[axis][:1])


def _table(measure: Measure, axis: str, rows: pl.DataFrame, hidden: Iterable[str]) -> pl.DataFrame:
    sums = rows.group_by(pl.col(axis).alias("value")).agg(pl.col(*NUMBERS).sum())
    order = {label: n for n, label in enumerate(BREAKDOWNS[axis].order if axis in BREAKDOWNS else ())}
    place = pl.col("value").replace_strict(order, default=len(order), return_dtype=pl.Int32)
    return suppress(with_rate(measure, sums.sort(place, "value")), hidden)


def _nation(
    family: Family, key: tuple[str, str], tables: Sequence[pl.DataFrame | None]
) -> pl.DataFrame | None:
    """The parts of the nation: the sums of what every branch shows."""
    (measure,) = (m for m in family.measures if m.id == key[0])
    sums = added(tables, NUMBERS)
    if sums is None:
        return None
    return suppress(with_rate(measure, sums.drop("suppressed")), sums.filter("suppressed")["value"].to_list())
