"""Explain (出所の説明): from a figure back to the records, their file and line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import ibis
import polars as pl

from kenpo.base.branches import NATION_CODE
from kenpo.base.errors import MeasureError
from kenpo.frame.measure import Measure, aggregate, cutoff_of, definition_of, figures, units_of
from kenpo.frame.months import data_months
from kenpo.frame.view import View
from kenpo.lake import Expression, Lake
from kenpo.law.loader import Parameter, load


@dataclass(frozen=True)
class Explanation:
    """What stands behind one figure.

    eligible: units that the measure looks at; excluded: reason → units; denominator and numerator: exact sums;
    rate: the figure at printed precision or None; contributors: the things that weigh most, with label, denominator,
    numerator and units; stale: the stored figure is of older data; notes: what to know of the data.
    """

    measure: Measure
    branch: str
    month: date
    definition: str
    cutoff: str
    parameters: tuple[tuple[Parameter, Any], ...]
    eligible: int
    excluded: dict[str, int]
    denominator: Decimal
    numerator: Decimal
    rate: Decimal | None
    contributors: pl.DataFrame
    stale: bool
    notes: tuple[str, ...]


def explain(lake: Lake, measure: Measure, branch: str, month: date, *, top: int = 10) -> Explanation:
    """Explain the figure of a branch (or the nation, 00) and month.

    The sums are taken again from the records, and must equal the stored figure when it is of the same data.
    Raises MeasureError when there is no data for the month, or when they differ.
    """
    units, notes = _chosen(lake, measure, branch, month)
    totals = pl.DataFrame(pl.from_arrow(aggregate(measure, units, {"month": units.month}).to_pyarrow()))
    row = totals.row(0, named=True) if totals.height else {}
    denominator, numerator = row.get("denominator", Decimal(0)), row.get("numerator", Decimal(0))
    kept = figures(lake, measure, branch=branch, months=(month, month))
    stored = kept.row(0, named=True) if kept.height else {}
    cutoff = cutoff_of(lake, measure)
    stale = stored.get("cutoff") != cutoff
    if not stale and (
        (stored["denominator"], stored["numerator"], stored["eligible"])
        != (denominator, numerator, row.get("eligible", 0))
    ):
        raise MeasureError(
            "保存されている指標値と、いま明細から集計した値が一致しません。",
            where=f"{measure.id} {branch} {month:%Y-%m}",
            todo="「kenpo refresh」で計算し直してください。それでも一致しないときは「kenpo doctor」を実行してください。",
        )
    return Explanation(
        measure=measure,
        branch=branch,
        month=month,
        definition=definition_of(measure),
        cutoff=cutoff,
        parameters=tuple((load(p), load(p).at(month)) for p in measure.parameters),
        eligible=row.get("eligible", 0),
        excluded={reason: row.get(f"excluded_{reason}", 0) for reason in measure.reasons},
        denominator=denominator,
        numerator=numerator,
        rate=measure.rate(numerator, denominator),
        contributors=_contributors(measure, units, top),
        stale=stale,
        notes=notes,
    )


def records(
    lake: Lake,
    measure: Measure,
    branch: str,
    month: date,
    *,
    source_file: str | None = None,
    excluded: str | None = None,
    first: int | None = None,
) -> pl.DataFrame:
    """The units behind a figure, in order of file and line.

    Columns: file (name), source_line, receipt_id, item, item_label, excluded, denominator, numerator. The sums of
    denominator and numerator over rows that are not excluded are the figure's. source_file: those of one file; excluded:
    those left out for a reason, blank for those that count; first: no more than so many.
    """
    units, _ = _chosen(lake, measure, branch, month)
    if source_file is not None:
        units = units.filter(units.source_file == source_file)
    if excluded is not None:
        units = units.filter(units.excluded == excluded if excluded else units.excluded.isnull())
    item = units[measure.item] if measure.item else ibis.literal("")
    label = units.item_label if "item_label" in units.columns else ibis.literal("")
    rows = units.select(
        source_file=units.source_file,
        source_line=units.source_line,
        receipt_id=units.receipt_id,
        item=item,
        item_label=label,
        excluded=units.excluded,
        denominator=units.denominator.cast("decimal(38,7)"),
        numerator=units.numerator.cast("decimal(38,7)"),
    )
    ordered = _named(lake, rows).order_by("file", "source_line", "item")
    return pl.DataFrame(pl.from_arrow((ordered if first is None else ordered.limit(first)).to_pyarrow()))


def sources(lake: Lake, measure: Measure, branch: str, month: date) -> pl.DataFrame:
    """The files behind a figure (元のファイル), in order of their names.

    Columns: source_file (id), file (name), units, excluded (units), denominator and numerator of those that count.
    """
    units, _ = _chosen(lake, measure, branch, month)
    counted = units.excluded.isnull()
    rows = units.group_by("source_file").aggregate(
        units=units.count(),
        excluded=(~counted).sum().cast("int64"),
        denominator=units.denominator.sum(where=counted).cast("decimal(38,7)"),
        numerator=units.numerator.sum(where=counted).cast("decimal(38,7)"),
    )
    ordered = _named(lake, rows).order_by("file", "source_file")
    return pl.DataFrame(pl.from_arrow(ordered.to_pyarrow())).with_columns(
        pl.col("denominator", "numerator").fill_null(Decimal(0))
    )


def _named(lake: Lake, rows: Expression) -> Expression:
    file = lake.table("intake_file").select("file_id", file="name")
    return rows.left_join(file, rows.source_file == file.file_id).drop("file_id")


def _chosen(lake: Lake, measure: Measure, branch: str, month: date) -> tuple[Expression, tuple[str, ...]]:
    months = [m for m in data_months(lake) if m >= measure.since]
    if month not in months:
        span = f"{months[0]:%Y-%m}〜{months[-1]:%Y-%m}" if months else "なし"
        raise MeasureError(
            f"{month:%Y-%m} の「{measure.title}」はありません。",
            todo=f"取込済みで、指標の対象となる診療年月から選んでください：{span}",
        )
    nation = branch == NATION_CODE
    view = View(lake, [month], nation=nation and measure.rollup != "sum", cases=measure.cases)
    units = units_of(measure, view)
    units = units.filter(units.month == month)
    return (units if nation else units.filter(units.branch == branch)), tuple(view.notes)


def _contributors(measure: Measure, units: Expression, top: int) -> pl.DataFrame:
    if measure.item is None:
        return pl.DataFrame()
    counted = units.filter(units.excluded.isnull() & units[measure.item].notnull())
    label = counted.item_label.max() if "item_label" in counted.columns else counted[measure.item].max()
    grouped = counted.group_by(item=counted[measure.item]).aggregate(
        item_label=label,
        units=counted.count(),
        denominator=counted.denominator.sum().cast("decimal(38,7)"),
        numerator=counted.numerator.sum().cast("decimal(38,7)"),
    )
    weight = [grouped.denominator.desc(), grouped.numerator.desc()]
    if measure.form != "percent":
        weight.reverse()
    ordered = grouped.order_by(*weight, grouped["item"]).limit(top)
    return pl.DataFrame(pl.from_arrow(ordered.to_pyarrow()))
