"""Table declarations (テーブル宣言): one declaration drives validation, both engines' schemas and the dictionary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")

_POLARS = {
    "string": pl.String,
    "bool": pl.Boolean,
    "int16": pl.Int16,
    "int32": pl.Int32,
    "int64": pl.Int64,
    "date": pl.Date,
    "month": pl.Date,
    "timestamp": pl.Datetime("us", "UTC"),
}
_DUCKDB = {
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "date": "DATE",
    "month": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}


@dataclass(frozen=True)
class Column:
    """One column of a canonical table, or of a file that fills one (Delivery).

    name: English snake_case. type: string, bool, int16, int32, int64, date, month (first day of a month), timestamp (UTC) or
    decimal(p,s). title: the Japanese term. meaning: what a value says, in Japanese. unit, source and caveat go into
    the data dictionary. required: NULL is not allowed. codes: stored value → the spellings a file may use for it, the
    first of which is the Japanese label. aliases: other headings a file may use for the column. pattern: what the
    text of a string must match in full once widths are folded. private: read for keys or the vault, never stored.
    """

    name: str
    type: str
    title: str
    meaning: str = ""
    unit: str = ""
    source: str = ""
    caveat: str = ""
    required: bool = False
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    aliases: tuple[str, ...] = ()
    pattern: str = ""
    private: bool = False

    def __post_init__(self) -> None:
        if self.type not in _POLARS and not _DECIMAL.fullmatch(self.type):
            raise ValueError(f"unknown column type {self.type!r} in {self.name}")

    @property
    def polars(self) -> pl.DataType | type[pl.DataType]:
        """The column's polars type."""
        if m := _DECIMAL.fullmatch(self.type):
            return pl.Decimal(int(m[1]), int(m[2]))
        return _POLARS[self.type]

    @property
    def duckdb(self) -> str:
        """The column's DuckDB type."""
        if m := _DECIMAL.fullmatch(self.type):
            return f"DECIMAL({m[1]},{m[2]})"
        return _DUCKDB[self.type]


@dataclass(frozen=True)
class Table:
    """A canonical table (正規テーブル).

    partition: the column whose value names the folder a part lies in (a month or a date), or None.
    key: the columns that identify a row.
    """

    name: str
    title: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    partition: str | None = None
    source: str = ""
    caveats: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"duplicate column in {self.name}")
        for k in (*self.key, *((self.partition,) if self.partition else ())):
            if k not in names:
                raise ValueError(f"{self.name}: {k} is not a column")

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(c.name for c in self.columns)

    @property
    def polars_schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        """Column name → polars type."""
        return {c.name: c.polars for c in self.columns}

    def empty(self) -> pl.DataFrame:
        """A frame of this table with no rows."""
        return pl.DataFrame(schema=self.polars_schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with exactly this table's columns, order and types; absent columns become NULL.

        Raises ValueError when the frame has a column the table does not declare, or NULL in a required column:
        both are faults of the program, not of the data.
        """
        extra = set(frame.columns) - set(self.names)
        if extra:
            raise ValueError(f"{self.name}: undeclared columns {sorted(extra)}")
        out = frame.select(
            (pl.col(c.name) if c.name in frame.columns else pl.lit(None)).cast(c.polars).alias(c.name)
            for c in self.columns
        )
        for c in self.columns:
            if c.required and out[c.name].null_count():
                raise ValueError(f"{self.name}.{c.name} must not be NULL")
        return out

    def duckdb_columns(self) -> str:
        """Column definitions for CREATE TABLE in DuckDB."""
        return ", ".join(f'"{c.name}" {c.duckdb}' for c in self.columns)


@dataclass(frozen=True)
class Delivery:
    """A file of rows with headings (見出しのある表のファイル) that fills a table.

    columns: what the file holds, by English name or Japanese title; those named as a column of the table are stored.
    absent: columns a file may leave out. The rest of the table's columns are made by intake.
    """

    table: Table
    columns: tuple[Column, ...]
    absent: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def needed(self) -> tuple[Column, ...]:
        """The columns without which a file cannot be taken in."""
        return tuple(c for c in self.columns if c.name not in self.absent)


def lineage() -> tuple[Column, ...]:
    """The two columns every row carries: where it came from (由来)."""
    return (
        Column(
            "source_file",
            "string",
            "取込ファイルID",
            "行の由来となった取込ファイル（intake_file.file_id）",
            required=True,
        ),
        Column(
            "source_line",
            "int64",
            "取込行番号",
            "取込ファイルの中の物理行番号",
            unit="行（1始まり）",
            required=True,
        ),
    )
