"""What commands print: tables for people, csv/json/parquet for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table as Grid

from kenpo.base.document import Cell, Document, Heading, Paragraph, Table
from kenpo.base.errors import ArgumentError
from kenpo.base.text import number

_PIPE_WIDTH = 200


def _console(*, stderr: bool) -> Console:
    """A console that does not cut tables to 80 columns when its output goes to a file or a pipe."""
    made = Console(stderr=stderr, highlight=False, markup=False)
    return (
        made
        if made.is_terminal or "COLUMNS" in os.environ
        else Console(stderr=stderr, highlight=False, markup=False, width=_PIPE_WIDTH)
    )


console = _console(stderr=False)
errors = _console(stderr=True)


class Format(StrEnum):
    """Output formats (出力形式)."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def table(
    title: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], note: str = ""
) -> None:
    """Print a table. columns: heading and "left" or "right"."""
    out = Grid(title=title or None, title_justify="left", caption=note or None, caption_justify="left")
    for heading, justify in columns:
        out.add_column(
            heading,
            justify="right" if justify == "right" else "left",
            no_wrap=justify == "right",
            overflow="fold",
        )
    for row in rows:
        out.add_row(*row)
    console.print(out)


def say_document(document: Document) -> None:
    """Print a document for people: its charts are left out, since their tables say the same."""
    console.print(document.title)
    for line in document.under:
        console.print(line, soft_wrap=True)
    for block in document.blocks:
        match block:
            case Heading(text):
                console.print(f"\n{text}")
            case Paragraph(text, mark):
                console.print(f"{mark}{text}", soft_wrap=True)
            case Table():
                _say_table(block)
            case _:
                pass


def _say_table(block: Table) -> None:
    head, *body = [[one.text for one in row] for row in block.rows]
    first: Sequence[Cell] = block.rows[-1]
    table(block.caption, [(h, c.align) for h, c in zip(head, first, strict=True)], body)


def plain(value: Any, column: str = "") -> Any:
    """A value as JSON holds it: decimals as text, so that no digit is lost; a rate at its printed precision."""
    if isinstance(value, Decimal):
        return f"{value:f}" if column == "rate" else number(value).replace(",", "")
    if isinstance(value, date):
        return value.isoformat()
    return value


def emit(frame: pl.DataFrame, form: Format, out: Path | None) -> None:
    """Write rows as csv, json or parquet to a file or standard output."""
    if out is not None and not out.parent.is_dir():
        raise ArgumentError(
            "書き出し先のフォルダがありません。", where=str(out.parent), todo="先にフォルダを作ってください。"
        )
    if form is Format.PARQUET:
        if out is None:
            raise ArgumentError("parquet は画面に出せません。", todo="--out でファイル名を指定してください。")
        frame.write_parquet(out)
        return
    if form is Format.JSON:
        rows = [{k: plain(v, k) for k, v in row.items()} for row in frame.iter_rows(named=True)]
        text = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    else:
        text = frame.with_columns(
            pl.Series(c, [plain(v, c) for v in frame[c]], dtype=pl.String)
            for c, t in frame.schema.items()
            if t.is_decimal()
        ).write_csv()
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8-sig" if form is Format.CSV else "utf-8")
