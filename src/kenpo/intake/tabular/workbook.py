"""Rows of an xlsx as text (xlsxの読取り): the first sheet that has the headings, read row by row."""

from __future__ import annotations

import contextlib
import itertools
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any

import openpyxl
import polars as pl
from openpyxl.utils.exceptions import InvalidFileException

from kenpo.base.errors import InputFileError
from kenpo.intake.tabular.headings import Headed, match
from kenpo.lake.schema import Delivery

MAGIC = b"PK\x03\x04"
_ROWS = 50_000
_DAMAGE = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    LookupError,
    OSError,
    ValueError,
    EOFError,
)


@dataclass(frozen=True)
class SheetRows:
    """Some rows of a sheet that are not blank. line: row number on the sheet, from 1. text: the wanted columns, blank
    cells NULL. fields: cells up to the last that is filled.
    """

    line: pl.Series
    text: pl.DataFrame
    fields: pl.Series


def opened(name: str, stream: IO[bytes]) -> contextlib.closing[Any]:
    """A workbook open for reading, to be closed. Raises InputFileError (unreadable) when the bytes are no xlsx."""
    with _readable(name):
        return contextlib.closing(openpyxl.load_workbook(stream, read_only=True, data_only=True))


@contextlib.contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise InputFileError(
            "xlsxファイルを読めません。",
            where=name,
            todo="壊れていないか、パスワードが付いていないかを確かめてください。",
            code="unreadable",
        ) from error


def find_sheet(name: str, book: Any, deliveries: Iterable[Delivery]) -> tuple[int, int, Headed] | None:
    """The first sheet with the headings: its index, the row they stand in, and what they are; None when none has.

    Raises InputFileError as `headings.match` does, when no sheet has them whole.
    """
    deliveries, fault = tuple(deliveries), None
    for n, sheet in enumerate(book.worksheets):
        for number, row in filled(name, sheet):
            try:
                if headed := match(name, row, deliveries):
                    return n, number, headed
            except InputFileError as error:
                fault = fault or error
            break
    if fault:
        raise fault
    return None


def rows(name: str, book: Any, sheet: int, heading: int, headed: Headed) -> Iterator[SheetRows]:
    """The rows below the headings, some tens of thousands at a time. Raises InputFileError when the file breaks off."""
    held: list[tuple[int, list[str]]] = []
    for number, row in filled(name, book.worksheets[sheet]):
        if number > heading:
            held.append((number, row))
        if len(held) == _ROWS:
            yield _frame(held, headed)
            held = []
    yield _frame(held, headed)


def filled(name: str, sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Row number and cells of the rows that are not blank, without the blank cells at their end."""
    if hasattr(sheet, "reset_dimensions"):
        sheet.reset_dimensions()
    with contextlib.closing(sheet.iter_rows(values_only=True)) as found:
        for number in itertools.count(1):
            with _readable(name):
                row = next(found, None)
            if row is None:
                return
            cells = [_cell(value) for value in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield number, cells


def _frame(held: list[tuple[int, list[str]]], headed: Headed) -> SheetRows:
    columns = {
        name: pl.Series(
            name, [row[at] or None if at < len(row) else None for _, row in held], dtype=pl.String
        )
        for name, at in headed.at.items()
    }
    return SheetRows(
        pl.Series([number for number, _ in held], dtype=pl.Int64),
        pl.DataFrame(columns),
        pl.Series([len(row) for _, row in held], dtype=pl.Int64),
    )


def _cell(value: object) -> str:
    """A cell as the text a CSV of the same table would hold."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
