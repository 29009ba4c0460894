"""Shipped facts (同梱の事実): small extracts of the published masters, for trials and tests.

477 drugs, 338 diseases, 297 procedures and 40 materials, each with the edition date of its source. With one
edition there is no history: earlier months are answered from it, and `kenpo.lake.validity.in_force` flags
them edition_is_later. The frames call themselves full, so a lake that holds real masters of a kind must not
hold these: from their edition on, every code not among them would be gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.resources import files

import polars as pl

from kenpo.intake.masters import REJECT_SCHEMA, MasterKind, MasterParse, with_next_class

EDITIONS: Mapping[MasterKind, date] = {
    MasterKind.DRUG: date(2024, 3, 21),
    MasterKind.DISEASE: date(2024, 6, 1),
    MasterKind.PROCEDURE: date(2024, 5, 31),
    MasterKind.MATERIAL: date(2024, 3, 15),
    MasterKind.GENERIC_CLASS: date(2025, 7, 16),
}
"""The edition each extract was taken from (版の日付)."""

FILES: Mapping[MasterKind, str] = {
    MasterKind.DRUG: "drugs.csv",
    MasterKind.DISEASE: "diseases.csv",
    MasterKind.PROCEDURE: "procedures.csv",
    MasterKind.MATERIAL: "materials.csv",
    MasterKind.GENERIC_CLASS: "drugs.csv",
}
"""The file beside this module each kind is read from; the generic classes stand in the rows of the drugs."""

_BLANK_CLASS = "-"


def facts_frames() -> dict[str, MasterParse]:
    """The shipped facts by table name: drug_, disease_, procedure_, material_master and generic_class.

    Shapes as of `kenpo.intake.masters.parse`: full editions, change 0, no rejects; source_line is the line of
    the CSV file in this package (see FILES). Columns the extract does not carry are NULL.
    """
    return {kind.value: _facts(kind) for kind in FILES}


def _facts(kind: MasterKind) -> MasterParse:
    rows = _read(FILES[kind])
    if kind is MasterKind.DRUG:
        rows = rows.drop("ingredient")
    if kind is MasterKind.GENERIC_CLASS:
        rows = _generic_classes(rows)
    return _parse(kind, rows)


def _read(name: str) -> pl.DataFrame:
    """A file of this package as text columns, with source_line (2 is the first row)."""
    text = (files("kenpo.intake.facts") / name).read_bytes()
    rows = pl.read_csv(text, infer_schema=False).with_row_index("source_line", 2)
    return rows.with_columns(pl.col("source_line").cast(pl.Int64), pl.col(pl.String).replace("", None))


def _generic_classes(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per price list code the classification names, whatever number of drug codes share it."""
    listed = rows.filter(pl.col("class").is_not_null()).unique(
        "price_list_code", keep="first", maintain_order=True
    )
    named = listed.with_columns(
        pl.col("class").replace(_BLANK_CLASS, None).alias("class_code"), pl.col("list_name").alias("name")
    )
    return with_next_class(named)


def _parse(kind: MasterKind, rows: pl.DataFrame) -> MasterParse:
    table, edition = kind.table, EDITIONS[kind]
    fixed = {
        "edition": pl.lit(edition),
        "full": pl.lit(True),
        "change": pl.lit("0"),
        "source_file": pl.lit(""),
    }
    shared = [_typed(rows, table[c].type, c) for c in rows.columns if c in table.names]
    frame = table.conform(rows.select(shared).with_columns(**fixed)).drop("source_file")
    return MasterParse(kind, table, edition, True, frame, pl.DataFrame(schema=REJECT_SCHEMA), frame.height)


def _typed(rows: pl.DataFrame, type_: str, column: str) -> pl.Expr:
    text = pl.col(column)
    if rows.schema[column] != pl.String:
        return text
    if type_ == "bool":
        return text == "1"
    return text.str.to_date("%Y%m%d") if type_ == "date" else text
