"""Tables from cells that span rows and columns (結合セル), whatever file they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kenpo.base.document import Block, Cell, Paragraph, Table

Rows = tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Place:
    """A cell and where its upper left corner stands, counted from 0."""

    row: int
    column: int
    lines: tuple[str, ...]
    rows: int = 1
    columns: int = 1


def rectangle(places: Iterable[Place], height: int) -> Rows:
    """The cells as a rectangle of this many rows: gaps blank, what a spanning cell covers marked as continued.

    A place that is taken already is left to the first cell there; a cell that would stand in it alone moves right.
    """
    taken: dict[tuple[int, int], Cell] = {}
    for place in places:
        column = place.column
        while (place.row, column) in taken:
            column += 1
        rows = max(1, min(place.rows, height - place.row))
        columns = _free(taken, place.row, column, place.columns)
        covered = Cell(place.lines, continued=True)
        for r in range(place.row, place.row + rows):
            for c in range(column, column + columns):
                taken.setdefault((r, c), covered)
        taken[place.row, column] = Cell(place.lines, rows=rows, columns=columns)
    width = 1 + max((c for _, c in taken), default=-1)
    return tuple(tuple(taken.get((r, c), Cell()) for c in range(width)) for r in range(height))


def _free(taken: dict[tuple[int, int], Cell], row: int, column: int, wanted: int) -> int:
    free = 1
    while free < wanted and (row, column + free) not in taken:
        free += 1
    return free


def tidy(rows: Rows, where: Sequence[str], filled: bool = False) -> tuple[Rows, list[str]]:
    """The rows without those rows and columns in which no cell begins, and the spans shortened to match.

    filled: count only cells that hold something.
    """
    begins = [
        (r, c)
        for r, row in enumerate(rows)
        for c, cell in enumerate(row)
        if not cell.continued and (cell.lines or not filled)
    ]
    kept_rows, kept_columns = sorted({r for r, _ in begins}), sorted({c for _, c in begins})
    found = tuple(
        tuple(_shortened(rows, r, c, kept_rows, kept_columns) for c in kept_columns) for r in kept_rows
    )
    return found, [where[r] for r in kept_rows]


def _shortened(rows: Rows, r: int, c: int, kept_rows: list[int], kept_columns: list[int]) -> Cell:
    cell = rows[r][c]
    if cell.rows == cell.columns == 1:
        return cell
    return Cell(
        cell.lines,
        rows=sum(r <= k < r + cell.rows for k in kept_rows),
        columns=sum(c <= k < c + cell.columns for k in kept_columns),
    )


def heads_of(rows: Rows) -> int:
    """How many rows are headings: one, or as many as the cells beside a heading that spans columns are high."""
    first = [cell for cell in rows[0] if not cell.continued]
    high = max(cell.rows for cell in first)
    split = any(cell.columns > 1 and cell.rows == 1 and cell.lines for cell in first)
    return high if split and high < len(rows) else 1


def blocks(rows: Rows, where: Sequence[str], heads: int | None = None) -> list[Block]:
    """The rows as a table; those of a single column, a frame around text (囲み), as paragraphs."""
    if not any(cell.lines for row in rows for cell in row):
        return []
    if len(rows[0]) == 1:
        return [
            Paragraph(line, where=place)
            for row, place in zip(rows, where, strict=True)
            if not row[0].continued
            for line in row[0].lines
        ]
    count = heads_of(rows) if heads is None else heads
    return [Table(rows, count, where=where[0], rows_where=tuple(where))]
