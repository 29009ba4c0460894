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
                yield replace(
                    block, rows=rows, heads=min(block.heads, len(rows)), caption=_line(block.caption)
                )
        case Chart():
            yield replace(block, title=_line(block.title), words=_line(block.words))
        case PageBreak():
            yield replace(block, name=_line(block.name))


def _rectangle(rows: tuple[tuple[Cell, ...], ...]) -> tuple[tuple[Cell, ...], ...]:
    """The rows filled up with empty cells to the longest, and no cell spanning beyond the edge."""
    wide = max((len(row) for row in rows), default=0)
    if not wide:
        return ()
    return tuple(
        (
            *(
                replace(
                    cell,
                    lines=tuple(line for given in cell.lines for line in _lines(given)),
                    rows=min(cell.rows, len(rows) - y),
                    columns=min(cell.columns, wide - x),
                )
                for x, cell in enumerate(row)
            ),
            *(Cell() for _ in range(wide - len(row))),
        )
        for y, row in enumerate(rows)
    )


def _lines(text: str) -> list[str]:
    return [_UNPRINTABLE.sub("", line) for line in _BREAK.split(text)]


def _line(text: str) -> str:
    return " ".join(_lines(text))
