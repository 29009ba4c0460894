"""Excel workbooks (.xlsx): each sheet that is seen as a heading and its tables and lines.

Fully blank rows part a sheet into regions. A region is a table; one of a single column is lines of text, and so are the
rows above a table that hold a single cell. A line in bold type of 12 points and more is a heading. Sheets, rows and columns that are hidden are left out, and so are text boxes
and comments.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openpyxl
from openpyxl.utils import range_boundaries

from kenpo.base.document import Block, Heading, Paragraph
from kenpo.base.errors import InputFileError
from kenpo.intake.documents import grid, markup
from kenpo.intake.documents.formats import shown
from kenpo.intake.documents.grid import Place

_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z0-9:$]+)"')
_UNCOMPUTED = re.compile(
    rb'<(?:\w+:)?c\s(?![^>]*\bt="str")[^>]*>\s*<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</(?:\w+:)?c>'
)
_LEVELS = ((1, 16), (2, 14), (3, 13), (4, 12))
"""Level of a heading and the least size of its type, in points."""
_TITLE = 18
_MOST_MERGED = 2_000_000
_NOTE = re.compile(r"[※＊*]|[(（]?注|備考")


def read(name: str, content: bytes) -> tuple[list[Block], str]:
    """The blocks and the title: the first line above the first table. where: 「シート「KPI一覧」の5行目」.

    Raises InputFileError when a formula has no computed value, and what openpyxl raises when the file is damaged.
    """
    _checked(name, content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(content), data_only=True, keep_links=False)
    found: list[Block] = []
    title = ""
    for sheet in book.worksheets:
        if sheet.sheet_state == "visible" and (inside := list(_blocks(sheet))):
            found += [Heading(sheet.title, 1, where=f"シート「{sheet.title}」"), *inside]
            if not title and isinstance(inside[0], Paragraph):
                title = inside[0].text
    return found, title


def _checked(name: str, content: bytes) -> None:
    """Refuse merged ranges that would fill the memory, and formulas whose value was never saved."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for part in archive.namelist():
            if not part.startswith("xl/worksheets/sheet"):
                continue
            text = archive.read(part)
            if sum(_size(found[1].decode()) for found in _MERGED.finditer(text)) > _MOST_MERGED:
                raise ValueError("merged cells without end")
            if _UNCOMPUTED.search(text):
                raise InputFileError(
                    "数式の計算結果が保存されていないxlsxです。",
                    where=name,
                    todo="Excelで開き、上書き保存してから指定してください。",
                    code="unreadable",
                )


def _size(merged: str) -> int:
    left, top, right, bottom = (n or 1 for n in range_boundaries(merged))
    return (right - left + 1) * (bottom - top + 1)


def _blocks(sheet: Any) -> Iterator[Block]:
    rows, columns = _hidden_rows(sheet), _hidden_columns(sheet)
    bold = _bold(sheet)
    places = [seen for place in _places(sheet) if (seen := _seen(place, rows, columns))]
    for region in _regions(sorted(places, key=lambda place: (place.row, place.column)), rows):
        yield from _region(region, sheet.title, bold)


def _places(sheet: Any) -> list[Place]:
    """The filled cells, their rows and columns counted from 1, with the ranges they span."""
    merged = {(m.min_row, m.min_col): (m.size["rows"], m.size["columns"]) for m in sheet.merged_cells.ranges}
    found: list[Place] = []
    for (row, column), cell in sheet._cells.items():
        text = markup.visible(shown(cell.value, cell.number_format or "")) if cell.value is not None else ""
        if lines := tuple(line for part in re.split(r"\r\n|\r|\n", text) if (line := part.strip())):
            found.append(Place(row, column, lines, *merged.get((row, column), (1, 1))))
    return found


def _hidden_rows(sheet: Any) -> set[int]:
    return {row for row, dimension in sheet.row_dimensions.items() if dimension.hidden}


def _hidden_columns(sheet: Any) -> set[int]:
    return {
        column
        for dimension in sheet.column_dimensions.values()
        if dimension.hidden
        for column in range(dimension.min or dimension.index_int, (dimension.max or dimension.index_int) + 1)
    }


def _seen(place: Place, rows: set[int], columns: set[int]) -> Place | None:
    """The cell as it begins where it is seen first; None when the rows or columns it spans are all hidden."""
    row = next((n for n in range(place.row, place.row + place.rows) if n not in rows), None)
    column = next((n for n in range(place.column, place.column + place.columns) if n not in columns), None)
    if row is None or column is None:
        return None
    return Place(
        row, column, place.lines, place.row + place.rows - row, place.column + place.columns - column
    )


def _regions(places: list[Place], hidden: set[int]) -> Iterator[list[Place]]:
    """The cells between fully blank rows; a hidden row parts nothing."""
    held: list[Place] = []
    end = 0
    for place in places:
        if held and any(n not in hidden for n in range(end + 1, place.row)):
            yield held
            held = []
        held.append(place)
        end = max(end, place.row + place.rows - 1)
    if held:
        yield held


def _bold(sheet: Any) -> dict[int, int]:
    """The rows that hold a cell in bold type large enough for a heading, with its level."""
    found: dict[int, int] = {}
    for (row, _), cell in sheet._cells.items():
        if cell.value is not None and cell.font and cell.font.b:
            size = float(cell.font.sz or 0)
            level = next((n for n, least in _LEVELS if size >= least), 0)
            if level and size < _TITLE:
                found[row] = level
    return found


def _region(places: list[Place], sheet: str, bold: dict[int, int]) -> Iterator[Block]:
    by_row: dict[int, list[Place]] = {}
    for place in places:
        by_row.setdefault(place.row, []).append(place)
    order = sorted(by_row)
    above, table, below = _around(order, by_row)
    yield from _lines(above, by_row, sheet, bold)
    if table:
        yield from _table([place for row in table for place in by_row[row]], sheet)
    yield from _lines(below, by_row, sheet, bold)


def _around(order: list[int], by_row: dict[int, list[Place]]) -> tuple[list[int], list[int], list[int]]:
    """The rows of a single cell above the table, the table, and the notes (※) below it."""
    first, last = 0, len(order)
    while first < last and len(by_row[order[first]]) == 1 and by_row[order[first]][0].rows == 1:
        first += 1
    while (
        first < last
        and len(by_row[order[last - 1]]) == 1
        and _NOTE.match(by_row[order[last - 1]][0].lines[0])
    ):
        last -= 1
    return order[:first], order[first:last], order[last:]


def _lines(
    rows: list[int], by_row: dict[int, list[Place]], sheet: str, bold: dict[int, int]
) -> Iterator[Block]:
    for row in rows:
        for place in by_row[row]:
            for line in place.lines:
                level = bold.get(row)
                where = _where(sheet, row)
                yield Heading(line, level, where) if level else Paragraph(line, where=where)


def _table(places: list[Place], sheet: str) -> list[Block]:
    top, left = min(place.row for place in places), min(place.column for place in places)
    height = max(place.row + place.rows for place in places) - top
    moved = [replace(place, row=place.row - top, column=place.column - left) for place in places]
    rows = grid.rectangle(moved, height)
    rows, where = grid.tidy(rows, [_where(sheet, top + n) for n in range(height)], filled=True)
    return grid.blocks(rows, where)


def _where(sheet: str, row: int) -> str:
    return f"シート「{sheet}」の{row}行目"
