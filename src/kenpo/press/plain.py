"""A document whose texts every form can hold: one line each, no control characters, tables that are rectangles (整形)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from kenpo.base.document import Block, Cell, Chart, Document, Heading, PageBreak, Paragraph, Table

_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_BREAK = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")


def plain(document: Document) -> Document:
    """The same document; a paragraph or a cell's line that holds line ends becomes several."""
    return Document(
        _line(document.title),
        tuple(made for block in document.blocks for made in _block(block)),
        tuple(line for under in document.under for line in _lines(under)),
        document.landscape,
    )


def _block(block: Block) -> Iterator[Block]:
    match block:
        case Heading():
            yield replace(block, text=_line(block.text))
        case Paragraph():
            for n, line in enumerate(_lines(block.text)):
                yield replace(block, text=line, mark=_line(block.mark) if n == 0 else "")
        case Table():
            if rows := _rectangle(block.rows):
                yield replace(block, rows=rows, heads=_heads(rows, block.heads), caption=_line(block.caption))
        case Chart():
            yield replace(block, title=_line(block.title), words=_line(block.words))
        case PageBreak():
            yield replace(block, name=_line(block.name))


Rows = tuple[tuple[Cell, ...], ...]


def _rectangle(rows: Rows) -> Rows:
    """The rows filled up to the longest. A span reaches as far as the places it covers are marked so, or missing."""
    wide = max((len(row) for row in rows), default=0)
    covered = Cell(continued=True)
    full = [(*row, *(covered for _ in range(wide - len(row)))) for row in rows]
    taken: set[tuple[int, int]] = set()
    found: list[list[Cell]] = [[] for _ in full if wide]
    for y, row in enumerate(found):
        for x, cell in enumerate(full[y]):
            if (y, x) in taken:
                row.append(replace(cell, lines=_all(cell.lines), continued=True))
                continue
            high, across = (1, 1) if cell.continued else _reach(full, taken, y, x)
            taken |= {(y + down, x + right) for down in range(high) for right in range(across)}
            row.append(replace(cell, lines=_all(cell.lines), rows=high, columns=across, continued=False))
    return tuple(tuple(row) for row in found)


def _heads(rows: Rows, heads: int) -> int:
    """How many rows are heads, with those a head cell reaches down to."""
    end = y = 0
    while y < min(max(heads, end), len(rows)):
        end = max([end, y + 1, *(y + cell.rows for cell in rows[y] if not cell.continued)])
        y += 1
    return end


def _reach(rows: list[tuple[Cell, ...]], taken: set[tuple[int, int]], y: int, x: int) -> tuple[int, int]:
    """How many rows and columns a cell may span."""

    def free(down: int, right: int) -> bool:
        row, column = y + down, x + right
        inside = row < len(rows) and column < len(rows[0])
        return inside and rows[row][column].continued and (row, column) not in taken

    across = high = 1
    while across < rows[y][x].columns and free(0, across):
        across += 1
    while high < rows[y][x].rows and all(free(high, right) for right in range(across)):
        high += 1
    return high, across


def _all(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line for given in lines for line in _lines(given))


def _lines(text: str) -> list[str]:
    return [_UNPRINTABLE.sub("", line) for line in _BREAK.split(text)]


def _line(text: str) -> str:
    return " ".join(_lines(text))
