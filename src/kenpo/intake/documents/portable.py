"""PDF files with a text layer (文字情報のあるPDF): lines and paragraphs by position, tables where rules are drawn.

A line that fills its column or cell runs on into the next, unless that begins with a mark or an indent. A table that
goes on at the top of the next page is one table, its repeated headings dropped. Page numbers are left out.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from kenpo.base.document import Block, Cell, Paragraph, Table
from kenpo.base.errors import InputFileError
from kenpo.intake.documents import grid, kinds, markup
from kenpo.intake.documents.grid import Place
from kenpo.intake.documents.rules import Box, Grid, grids

_PAGE_NUMBER = re.compile(
    r"[-－‐–―\s]*(?:[PpＰ][.．]?\s*)?[0-9０-９]{1,4}(?:\s*[/／]\s*[0-9０-９]{1,4})?[-－‐–―\s]*(?:ページ|頁)?"
)
_MARGIN = 0.1
_NO_TEXT_HERE = "（文字情報のないページです）"
_UNREADABLE = 0.3
_WIDEST_PADDING = 8.0
_NARROWEST = 12
_NARROWEST_OPEN = 6
_WIDEST_GUTTER = 5
_WIDEST_PITCH = 2.3


@dataclass(frozen=True, slots=True)
class _Glyph:
    """A character and its box, seen from the upper left."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def x(self) -> float:
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        return (self.top + self.bottom) / 2


@dataclass(frozen=True)
class _Line:
    """Characters on one line, from left to right."""

    glyphs: tuple[_Glyph, ...]

    @property
    def left(self) -> float:
        return self.glyphs[0].left

    @property
    def right(self) -> float:
        return max(glyph.right for glyph in self.glyphs)

    @property
    def top(self) -> float:
        return min(glyph.top for glyph in self.glyphs)

    @property
    def em(self) -> float:
        """The size of a character."""
        wide = [glyph.right - glyph.left for glyph in self.glyphs if glyph.text > "\u2fff"]
        return statistics.median(wide or [glyph.bottom - glyph.top for glyph in self.glyphs])

    @property
    def text(self) -> str:
        """The text, a space where a gap is seen."""
        em, text = self.em, ""
        for before, glyph in zip((None, *self.glyphs), self.glyphs, strict=False):
            gap = glyph.left - before.right if before else 0
            ascii_both = bool(before) and before.text.isascii() and glyph.text.isascii()
            if gap > 2 * em:
                text += "\u3000"
            elif gap > (0.2 if ascii_both else 0.7) * em and not text.endswith(" ") and glyph.text != " ":
                text += " "
            text += glyph.text
        return re.sub(r" *\u3000[ \u3000]*", "\u3000", text).strip()


@dataclass(frozen=True)
class _Sheet:
    """What a page holds: its characters, its ruled tables, and whether there is a picture."""

    where: str
    size: tuple[int, int]
    glyphs: list[_Glyph]
    ruled: list[Grid]
    has_picture: bool


@dataclass(frozen=True)
class _Page:
    """The blocks of a page, the ruled tables it begins and ends with, and which cells of its last row may go on."""

    blocks: list[Block]
    first: Grid | None = None
    last: Grid | None = None
    is_open: tuple[bool, ...] = ()


def read(name: str, content: bytes) -> list[Block]:
    """The blocks of a PDF. where: 「3ページ」. Raises InputFileError when it has a password, is damaged or a scan."""
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        raise (
            kinds.locked(name) if "password" in str(error).lower() else kinds.damaged(name, "PDF")
        ) from error
    try:
        sheets = [_sheet(name, document, n) for n in range(len(document))]
    finally:
        document.close()
    if not any(sheet.glyphs for sheet in sheets):
        raise _no_text(name, "文字情報のないPDFです（紙を読み取った画像など）。")
    edges: dict[tuple[int, int], float] = {}
    for sheet in sheets:
        right = max((glyph.right for glyph in sheet.glyphs), default=0.0)
        edges[sheet.size] = max(edges.get(sheet.size, 0.0), right)
    found: list[Block] = []
    before = _Page([])
    for sheet in sheets:
        page = _page(sheet, edges[sheet.size])
        _append(found, page, before)
        before = page
    return found


def _sheet(name: str, document: Any, n: int) -> _Sheet:
    page = document[n]
    glyphs, turned = _glyphs(name, page)
    width, height = page.get_size()
    sheet = _Sheet(
        f"{n + 1}ページ",
        (round(width), round(height)),
        glyphs,
        grids(page, turned) if glyphs else [],
        any(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3)),
    )
    page.close()
    return sheet


def _no_text(name: str, what: str) -> InputFileError:
    return InputFileError(
        what,
        where=name,
        todo="文字認識したPDFか、元のWord・Excelのファイルを指定してください。",
        code="unreadable",
    )


def _glyphs(name: str, page: Any) -> tuple[list[_Glyph], Callable[[float, float], tuple[float, float]]]:
    """The characters of a page, and from its points to those seen from above left."""
    turned = _TURNS[page.get_rotation()]
    layer = page.get_textpage()
    found: list[_Glyph] = []
    unreadable = high = 0
    for n in range(layer.count_chars()):
        code = pdfium.FPDFText_GetUnicode(layer, n)
        if pdfium.FPDFText_IsGenerated(layer, n) == 1 or code in (0x0A, 0x0D):
            continue
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if 0xDC00 <= code < 0xE000:
            code = 0x10000 + ((high - 0xD800) << 10) + code - 0xDC00
        unreadable += code in (0, 0xFFFD, 0xFFFE) or 0xE000 <= code < 0xF900
        left, bottom, right, top = layer.get_charbox(n, loose=True)
        (x0, y0), (x1, y1) = turned(left, bottom), turned(right, top)
        if text := markup.visible(chr(code)).replace("\xa0", " ").replace("\t", " "):
            found.append(_Glyph(text, min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
    if unreadable > _UNREADABLE * (len(found) + 1):
        raise _no_text(name, "文字を取り出せないPDFです。")
    layer.close()
    return (found if any(glyph.text.strip() for glyph in found) else []), turned


_TURNS: dict[int, Callable[[float, float], tuple[float, float]]] = {
    0: lambda x, y: (x, -y),
    90: lambda x, y: (y, x),
    180: lambda x, y: (-x, y),
    270: lambda x, y: (-y, -x),
}


def _page(sheet: _Sheet, right: float) -> _Page:
    """The blocks of a page. right: the edge the text of such pages reaches."""
    if not sheet.glyphs:
        note = Paragraph(_NO_TEXT_HERE, small=True, where=sheet.where)
        return _Page([note] if sheet.has_picture else [])
    inside: dict[int, list[_Glyph]] = {}
    outside: list[_Glyph] = []
    for glyph in sheet.glyphs:
        n = next((n for n, one in enumerate(sheet.ruled) if one.holds(glyph.x, glyph.y)), None)
        (outside if n is None else inside.setdefault(n, [])).append(glyph)
    tables: list[tuple[Grid, list[Block], tuple[bool, ...]]] = []
    for n, held in inside.items():
        blocks, is_open = _table(sheet.ruled[n], held, sheet.where)
        if blocks:
            tables.append((sheet.ruled[n], blocks, is_open))
        else:
            outside += held
    tables.sort(key=lambda table: table[0].down[0])
    lines = list(_without_page_number(_lines(outside), sheet.glyphs))
    found: list[Block] = []
    pitch = _pitch(lines)
    for ruled, blocks, _ in tables:
        above = [line for line in lines if line.top < ruled.down[0]]
        lines = [line for line in lines if line.top >= ruled.down[0]]
        found += _written(above, right, pitch, sheet.where)
        found += blocks
    for part, edge in [(lines, right)] if tables else _columns(lines, right):
        found += _written(part, edge, pitch, sheet.where)
    is_table = [isinstance(block, Table) for block in found]
    first = tables[0][0] if found and is_table[0] else None
    last, is_open = (tables[-1][0], tables[-1][2]) if found and is_table[-1] else (None, ())
    return _Page(found, first, last, is_open)


def _written(lines: list[_Line], right: float, pitch: float, where: str) -> list[Paragraph]:
    """The lines as paragraphs; a round bullet is the mark of a list."""
    return [
        Paragraph(text[1:].lstrip(), markup.BULLET, where=where)
        if text[0] == "•" and len(text) > 1
        else Paragraph(text, where=where)
        for text in _paragraphs(lines, lambda line: _fills(line, right), pitch)
    ]


def _append(found: list[Block], page: _Page, before: _Page) -> None:
    """The blocks of a page after those before; a table that goes on is joined to its beginning."""
    blocks = page.blocks
    if found and blocks and before.last and page.first and _alike(before.last.across, page.first.across):
        table, more = found[-1], blocks[0]
        if isinstance(table, Table) and isinstance(more, Table) and len(table.rows[0]) == len(more.rows[0]):
            found[-1] = _continued(table, more, before.is_open)
            blocks = blocks[1:]
    found += blocks


def _continued(table: Table, more: Table, is_open: tuple[bool, ...]) -> Table:
    """A table with its rows on the next page, without repeated headings; a row broken by the page is one again."""
    same = [[cell.lines for cell in row] for row in table.rows[: table.heads]]
    repeated = same == [[cell.lines for cell in row] for row in more.rows[: table.heads]]
    start = table.heads if repeated else 0
    rows, rest = list(table.rows), list(more.rows[start:])
    where, rest_where = list(table.rows_where), list(more.rows_where[start:])
    if rest and len(rows) > table.heads and _is_broken(rows[-1], rest[0], is_open):
        joined = zip(rows[-1], rest.pop(0), is_open, strict=True)
        rows[-1] = tuple(_whole(cell, below, runs) for cell, below, runs in joined)
        rest_where.pop(0)
    return replace(table, rows=(*rows, *rest), rows_where=(*where, *rest_where))


def _is_broken(row: Sequence[Cell], below: Sequence[Cell], is_open: tuple[bool, ...]) -> bool:
    """Whether a sentence in one of the cells is left unfinished by a full line, and the other row takes it up."""
    if len(is_open) != len(row) or any(
        cell.continued or cell.rows * cell.columns > 1 for cell in (*row, *below)
    ):
        return False
    pairs = [
        (cell.text, more.text, runs)
        for cell, more, runs in zip(row, below, is_open, strict=True)
        if more.lines
    ]
    unfinished = any(text and text[-1] not in "。．」" and not _begins_anew(more) for text, more, _ in pairs)
    return unfinished and all(runs for _, _, runs in pairs)


def _whole(cell: Cell, below: Cell, runs: bool) -> Cell:
    if runs and cell.lines and below.lines and not _begins_anew(below.text):
        return Cell((*cell.lines[:-1], _run_on(cell.lines[-1], below.lines[0]), *below.lines[1:]))
    return Cell(cell.lines + below.lines)


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(abs(a - b) < 4 for a, b in zip(one, other, strict=True))


def _table(ruled: Grid, glyphs: list[_Glyph], where: str) -> tuple[list[Block], tuple[bool, ...]]:
    """The table, and which cells of its last row end with a full line; empty when less than two cells hold text."""
    by_box: dict[Box, list[_Glyph]] = {}
    for glyph in glyphs:
        if box := next((box for box in ruled.boxes if box.holds(glyph.x, glyph.y)), None):
            by_box.setdefault(box, []).append(glyph)
    cells = {box: _cell(_lines(held), box) for box, held in by_box.items()}
    if sum(bool(text) for text, _ in cells.values()) < 2:
        return [], ()
    places = [
        Place(box.row, box.column, cells[box][0] if box in cells else (), box.rows, box.columns)
        for box in ruled.boxes
    ]
    height = len(ruled.down) - 1
    rows = grid.rectangle(places, height)
    last = [box for box in ruled.boxes if box.row + box.rows == height]
    is_open = tuple(box in cells and cells[box][1] for box in last)
    return grid.blocks(*grid.tidy(rows, [where] * len(rows))), is_open


def _lines(glyphs: Iterable[_Glyph]) -> list[_Line]:
    """The characters as lines from top to bottom."""
    groups: list[list[_Glyph]] = []
    middle = 0.0
    for glyph in sorted(glyphs, key=lambda glyph: glyph.y):
        if groups and glyph.y - middle <= 0.5 * min(glyph.bottom - glyph.top, _height(groups[-1])):
            groups[-1].append(glyph)
        else:
            groups.append([glyph])
            middle = glyph.y
    lines = [_Line(_once(sorted(group, key=lambda glyph: glyph.left))) for group in groups]
    return [line for line in lines if line.text]


def _height(group: list[_Glyph]) -> float:
    return group[0].bottom - group[0].top


def _once(glyphs: list[_Glyph]) -> tuple[_Glyph, ...]:
    """The characters without those drawn a second time over themselves, as some programs make bold type."""
    found: list[_Glyph] = []
    for glyph in glyphs:
        twice = any(
            glyph.text == other.text and glyph.left - other.left < 0.3 * (other.right - other.left)
            for other in found[-2:]
        )
        if not twice or glyph.text == " ":
            found.append(glyph)
    return tuple(found)


def _cell(lines: list[_Line], box: Box) -> tuple[tuple[str, ...], bool]:
    """The lines of a cell, and whether its last one is full. Its padding is what its longest line leaves free."""
    padding = min((min(line.left - box.left, box.right - line.right) for line in lines), default=0.0)
    room = box.right - box.left - 2 * max(0.0, min(padding, _WIDEST_PADDING))

    def fills(line: _Line) -> bool:
        return line.right - line.left > room - 1.5 * line.em

    is_open = bool(lines) and fills(lines[-1]) and room > _NARROWEST_OPEN * lines[-1].em
    return tuple(_paragraphs(lines, fills, _WIDEST_PITCH)), is_open


def _fills(line: _Line, right: float) -> bool:
    """Whether no further character fits before the right edge of the text; short lines and lists are no measure."""
    reaches = line.right > right - 1.5 * line.em and right - line.left > _NARROWEST * line.em
    return reaches and len(_parts(line)) == 1


def _pitch(lines: Sequence[_Line]) -> float:
    """How far apart lines may stand that belong together, by the size of their characters."""
    steps = [
        (line.top - before.top) / before.em
        for before, line in itertools.pairwise(lines)
        if _is_alike(before, line)
    ]
    return min(_WIDEST_PITCH, 1.2 * min((step for step in steps if step > 0.9), default=_WIDEST_PITCH))


def _is_alike(before: _Line, line: _Line) -> bool:
    return abs(line.em - before.em) < 0.15 * before.em


def _paragraphs(lines: Sequence[_Line], fills: Callable[[_Line], bool], pitch: float) -> list[str]:
    """The lines, each that fills its column or cell joined with the one below."""
    found: list[str] = []
    before: _Line | None = None
    for line in lines:
        if before and fills(before) and _goes_on(before, line, found[-1], pitch):
            found[-1] = _run_on(found[-1], line.text)
        else:
            found.append(line.text)
        before = line
    return found


def _goes_on(before: _Line, line: _Line, paragraph: str, pitch: float) -> bool:
    indented = line.left > before.left + 0.8 * before.em and not markup.begins_with_mark(paragraph)
    near = 0 < line.top - before.top < pitch * before.em
    return _is_alike(before, line) and near and not indented and not _begins_anew(line.text)


def _begins_anew(text: str) -> bool:
    return markup.begins_with_mark(text) or text[0] in "【＜<〈《"


def _run_on(text: str, more: str) -> str:
    """Two lines of one paragraph as one, a space between words of Latin letters."""
    return text + (" " if text[-1].isascii() and more[0].isascii() else "") + more


def _without_page_number(lines: list[_Line], glyphs: list[_Glyph]) -> Iterator[_Line]:
    top, bottom = min(glyph.top for glyph in glyphs), max(glyph.bottom for glyph in glyphs)
    margin = _MARGIN * (bottom - top)
    for line in lines:
        at_edge = line.top < top + margin or line.top > bottom - margin
        if not (at_edge and _PAGE_NUMBER.fullmatch(line.text)):
            yield line


def _columns(lines: list[_Line], right: float) -> list[tuple[list[_Line], float]]:
    """The lines in reading order with the edge they reach: a page of two columns (二段組), where clear, in its parts."""
    if len(lines) < 16:
        return [(lines, right)]
    parts = [part for line in lines for part in _parts(line)]
    left, end = min(part.left for part in parts), max(part.right for part in parts)
    em = statistics.median(line.em for line in lines)
    steps = [left + (end - left) * n / 100 for n in range(35, 66)]

    def crossing(x: float) -> list[bool]:
        return [part.left < x + em / 2 and part.right > x - em / 2 for part in parts]

    gutter = min(steps, key=lambda x: (sum(crossing(x)), abs(x - (left + end) / 2)))
    runs = [
        [part for part, _ in run]
        for crossed, run in itertools.groupby(
            zip(parts, crossing(gutter), strict=True), key=lambda pair: pair[1]
        )
        if not crossed
    ]
    band = max(runs, key=len, default=[])
    one = [part for part in band if part.right <= gutter]
    two = [part for part in band if part.left >= gutter]
    if min(len(one), len(two)) < 8:
        return [(lines, right)]
    edge = max(part.right for part in one)
    full = sum(_fills(part, edge) for part in one)
    if 2 * full < len(one) or min(part.left for part in two) - edge > _WIDEST_GUTTER * em:
        return [(lines, right)]
    first, last = parts.index(band[0]), parts.index(band[-1])
    sides = ((parts[:first], right), (one, edge), (two, end), (parts[last + 1 :], right))
    return [(_lines(glyph for part in side for glyph in part.glyphs), reach) for side, reach in sides]


def _parts(line: _Line) -> list[_Line]:
    """The line cut at its wide gaps."""
    found: list[list[_Glyph]] = []
    em = line.em
    for glyph in line.glyphs:
        if found and glyph.left - found[-1][-1].right <= 1.2 * em:
            found[-1].append(glyph)
        else:
            found.append([glyph])
    return [_Line(tuple(part)) for part in found if any(glyph.text.strip() for glyph in part)]
