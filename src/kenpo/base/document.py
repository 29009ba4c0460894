"""Document (文書): headings, paragraphs, tables and charts, whatever file they are read from or written to.

`intake.documents` reads a text, Word, Excel or PDF file into a Document; `press` writes one as docx, xlsx, pptx, pdf and
html. Text read from a file that was written from a Document is the Document's text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Align = Literal["left", "right", "center"]
Tone = Literal["", "good", "warn", "bad", "muted", "head"]


@dataclass(frozen=True)
class Heading:
    """A heading (見出し). level: 1 the largest; where: the place in the file it was read from, in Japanese."""

    text: str
    level: int = 1
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph (段落), or an item of a list when it has a mark such as ・.

    small: a note set in smaller type. where: the place in the file it was read from.
    """

    text: str
    mark: str = ""
    small: bool = False
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Cell:
    """A cell of a table (セル): its paragraphs, one string each.

    align and tone are for writing. rows and columns: how many it spans. continued: this place is covered by a spanning
    cell above or to the left, whose lines it repeats.
    """

    lines: tuple[str, ...] = ()
    align: Align = field(default="left", compare=False)
    tone: Tone = field(default="", compare=False)
    rows: int = 1
    columns: int = 1
    continued: bool = False

    @property
    def text(self) -> str:
        """The lines joined by line ends."""
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Table:
    """A table (表), a rectangle of cells. heads: how many of the first rows are headings, repeated on every page.

    widths: relative widths of the columns, for writing; empty when all are alike. caption: a line above it. where: the
    place in the file it was read from; rows_where: that of each row.
    """

    rows: tuple[tuple[Cell, ...], ...]
    heads: int = 1
    widths: tuple[float, ...] = field(default=(), compare=False)
    caption: str = ""
    where: str = field(default="", compare=False)
    rows_where: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Chart:
    """A chart (図): a Vega-Lite specification with its data, and what it shows in words for those who cannot see it."""

    title: str
    spec: Mapping[str, Any] = field(compare=False)
    words: str = ""
    height: float = 0.3
    """Height as a part of the width it is given."""


@dataclass(frozen=True)
class PageBreak:
    """What follows begins on a new page, sheet or slide (改ページ)."""

    name: str = ""
    """The name of the sheet that begins here; blank to take that of the next heading."""
    landscape: bool = False


Block = Heading | Paragraph | Table | Chart | PageBreak


@dataclass(frozen=True)
class Document:
    """A document (文書): its title, the lines that stand under it (発行者、日付), and its blocks in reading order."""

    title: str
    blocks: tuple[Block, ...]
    under: tuple[str, ...] = ()
    landscape: bool = False


def cell(*lines: str, align: Align = "left", tone: Tone = "", rows: int = 1, columns: int = 1) -> Cell:
    """A cell of these lines."""
    return Cell(lines, align, tone, rows, columns)


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell | str]],
    *,
    widths: Sequence[float] = (),
    caption: str = "",
) -> Table:
    """A table with one row of headings. A text with line ends becomes a cell of several lines."""
    body = tuple(tuple(_cell(c) for c in row) for row in rows)
    head = tuple(Cell((h,), "center", "head") for h in heads)
    return Table((head, *body), 1, tuple(widths), caption)


def _cell(value: Cell | str) -> Cell:
    return value if isinstance(value, Cell) else Cell(tuple(value.split("\n")) if value else ())
