"""Excel by xlsxwriter: a sheet per part, tables as real cells, numbers as numbers, ready to print on A4 (Excel)."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any

import xlsxwriter
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from kenpo.base.document import Cell, Chart, Document, Heading, PageBreak, Paragraph, Table
from kenpo.base.errors import ArgumentError
from kenpo.press import drawing
from kenpo.press.fonts import OFFICE
from kenpo.press.layout import (
    ACCENT,
    BOLD,
    FILLS,
    INK,
    MARK_SIZE,
    MUTED,
    RULE,
    Part,
    columns,
    depth,
    heights,
    judges,
    marked,
    parts,
)
from kenpo.press.zipped import undated

_SIZE, _LINE, _GAP = 10, 16.5, 5
_TALLEST = 400
"""No row of Excel is higher than 409 points: a higher one is made of several rows, merged."""
_ROOM = {False: (52, 60, 70, 82), True: (78, 88, 100)}
"""Widths of a sheet in em, upright and landscape: the first that makes no row too high."""
_FROZEN = 200
"""Rows of at most this height are frozen above a table's body, so that a small screen still shows it."""
_CLOSE = 1.5
"""Edges of different tables that lie at most this far apart, in em, are one edge of the sheet."""
_LONGEST = 32_767
_HEADINGS = {1: 16, 2: 14, 3: 13, 4: 12}
_NUMBER = re.compile(
    r"(?P<minus>-?)(?P<whole>[1-9]\d{0,2}(?:,\d{3})+|0|[1-9]\d*)(?P<part>\.\d+)?"
    r"(?P<unit>%|円|千円|百万円|億円|件|人|位|日|回|枚|社|か所|倍|ポイント)?"
)


def render(document: Document) -> bytes:
    """The document as an Excel file."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "default_format_properties": {"font_name": OFFICE, "font_size": _SIZE}}
    )
    book.set_properties({"title": document.title, "language": "ja-JP"})
    looks = _Looks(book)
    names: set[str] = set()
    for n, part in enumerate(_sheets(document)):
        name = _name(part.name or document.title, names)
        _Sheet(book.add_worksheet(name), looks, part).fill(document if n == 0 else None)
    book.close()
    return undated(out.getvalue())


def number(text: str) -> tuple[float, str] | None:
    """The number a text shows and the Excel format that shows it so, to the letter; None when it is no plain number."""
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    digits = found["whole"].replace(",", "") + (found["part"] or "")
    if len(digits) > 15 or (found["minus"] and not Decimal(digits)):
        return None
    value = Decimal(found["minus"] + digits)
    shape = ("#,##0" if "," in found["whole"] else "0") + (
        "." + "0" * (len(found["part"]) - 1) if found["part"] else ""
    )
    unit = found["unit"] or ""
    if unit == "%":
        return float(value / 100), f"{shape}%"
    return float(value), f'{shape}"{unit}"' if unit else shape


def _sheets(document: Document) -> Iterator[Part]:
    """A part per page break; without page breaks, one per heading of the first level."""
    made = parts(document)
    if any(isinstance(block, PageBreak) for block in document.blocks):
        yield from made
        return
    blocks = made[0].blocks
    starts = [n for n, b in enumerate(blocks) if isinstance(b, Heading) and b.level <= 1 and n] or [
        len(blocks)
    ]
    if not any(isinstance(b, Heading) and b.level <= 1 for b in blocks[: starts[0]]):
        starts = starts[1:] or [len(blocks)]
    for start, end in zip([0, *starts], [*starts, len(blocks)], strict=True):
        if start < end or not start:
            inside = blocks[start:end]
            name = next((b.text for b in inside if isinstance(b, Heading)), "")
            yield Part(name, document.landscape, inside)


def _name(wanted: str, taken: set[str]) -> str:
    """A name Excel takes for a sheet: at most 31 characters, none of []:*?/\\, not one that is there already."""
    plain = re.sub(r"[\[\]:*?/\\]", " ", wanted).strip().strip("'").strip() or "シート"
    for n in range(1, 1000):
        tail = "" if n == 1 else f" ({n})"
        name = plain[: 31 - len(tail)].strip() + tail
        if name.casefold() not in taken and name.casefold() != "history":
            taken.add(name.casefold())
            return name
    raise ArgumentError(
        "同じ名前のシートが多すぎます。", where=wanted, todo="改ページごとに名前を変えてください。"
    )


class _Looks:
    """The formats of a workbook, each made once."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}

    def __call__(self, **properties: Any) -> Any:
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            base = {
                "font_name": OFFICE,
                "font_size": _SIZE,
                "font_color": f"#{INK}",
                "valign": "top",
                "text_wrap": True,
            }
            self._made[key] = self._book.add_format({**base, **properties})
        return self._made[key]


class _Sheet:
    """A sheet that is filled from above."""

    def __init__(self, sheet: Worksheet, looks: _Looks, part: Part) -> None:
        self._sheet, self._looks, self._part = sheet, looks, part
        self._tables = [b for b in part.blocks if isinstance(b, Table)]
        self._grid = _grid(self._tables, part.landscape)
        self._widths = self._grid.widths
        self._row = 0
        self._above = 0.0
        for x, em in enumerate(self._widths):
            sheet.set_column(x, x, em * 2)
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.6, right=0.6, top=0.7, bottom=0.8)
        sheet.set_footer("&C&P / &N")
        sheet.hide_gridlines(1)
        if part.landscape:
            sheet.set_landscape()

    def fill(self, document: Document | None) -> None:
        """Write the part's blocks, below the document's title when it is given."""
        if document:
            self._text(
                document.title, 18, bold=True, font_color=f"#{ACCENT}", bottom=2, bottom_color=f"#{ACCENT}"
            )
            for line in document.under:
                self._text(line, 10.5, align="right")
            self._space()
        for block in self._part.blocks:
            match block:
                case Heading():
                    size = _HEADINGS[min(max(block.level, 1), 4)]
                    self._space(6)
                    self._text(
                        block.text, size, bold=True, font_color=f"#{ACCENT if block.level < 4 else INK}"
                    )
                case Paragraph():
                    look: dict[str, Any] = {"font_color": f"#{MUTED}"} if block.small else {}
                    self._text(marked(block), 9 if block.small else 10.5, **look)
                case Chart():
                    self._chart(block)
                case Table():
                    self._table(block)

    def _advance(self, height: float) -> None:
        self._sheet.set_row(self._row, height)
        self._row += 1
        self._above += height

    def _space(self, height: float = 8) -> None:
        if self._row:
            self._advance(height)

    def _text(self, text: str, size: float, **look: Any) -> None:
        """A line of text across the sheet, wrapped."""
        look["font_size"] = size
        lines = depth([text], sum(self._widths) * _SIZE / size - 1)
        high = lines * size * 1.65 + 4
        count = math.ceil(high / _TALLEST)
        self._put(self._row, self._row + count - 1, 0, len(self._widths) - 1, text, look)
        for _ in range(count):
            self._advance(high / count)

    def _put(
        self,
        top: int,
        bottom: int,
        left: int,
        right: int,
        text: str,
        look: dict[str, Any],
        value: float | None = None,
    ) -> None:
        """Put a text, or the number it shows, into these rows and columns."""
        if len(text) > _LONGEST:
            raise ArgumentError(
                f"Excelのセルに入る文字数（{_LONGEST:,}字）を超えています。",
                where=f"{text[:30]}…",
                todo="文章を分けるか、ほかの形式で書き出してください。",
            )
        if text.startswith(("=", "+", "-", "@")) and value is None:
            look = {**look, "quote_prefix": True}
        made = self._looks(**look)
        if (top, left) != (bottom, right):
            self._sheet.merge_range(top, left, bottom, right, "", made)
        if value is not None:
            self._sheet.write_number(top, left, value, made)
        elif text:
            self._sheet.write_string(top, left, text, made)
        else:
            self._sheet.write_blank(top, left, None, made)

    def _table(self, table: Table) -> None:
        if table.caption:
            self._space(4)
            self._text(table.caption, 10, bold=True)
        number = next(n for n, t in enumerate(self._tables) if t is table)
        edges = self._grid.edges[number]
        widths = self._grid.of(number)
        deep = _heights(table, widths)
        pieces = [max(1, math.ceil(h / _TALLEST)) for h in deep]
        starts = [self._row + n for n in accumulate(pieces, initial=0)]
        self._head(table, starts[table.heads], self._above + sum(deep[: table.heads]))
        for height, count in zip(deep, pieces, strict=True):
            for _ in range(count):
                self._advance(height / count)
        for y, row in enumerate(table.rows):
            for x, cell in enumerate(row):
                if not cell.continued:
                    area = starts[y], starts[y + cell.rows] - 1, edges[x], edges[x + cell.columns] - 1
                    self._cell(cell, *area)
        self._space(10)

    def _head(self, table: Table, body: int, above: float) -> None:
        """Freeze and repeat the first table's head; repeat it only when it suits all that the sheet holds."""
        if table is not self._tables[0] or not table.heads:
            return
        heads = [[c.lines for row in t.rows[: t.heads] for c in row] for t in self._tables]
        charts = any(isinstance(block, Chart) for block in self._part.blocks)
        if not charts and all(head == heads[0] for head in heads):
            self._sheet.repeat_rows(self._row, body - 1)
        if above <= _FROZEN:
            self._sheet.freeze_panes(body, 0)

    def _cell(self, cell: Cell, top: int, bottom: int, left: int, right: int) -> None:
        look: dict[str, Any] = {
            "border": 1,
            "border_color": f"#{RULE}",
            "align": cell.align,
            "valign": "vcenter" if cell.tone == "head" else "top",
            "bold": cell.tone in BOLD,
        }
        if fill := FILLS.get(cell.tone):
            look["bg_color"] = f"#{fill}"
        if cell.tone == "muted":
            look["font_color"] = f"#{MUTED}"
        known = number(cell.text)
        if known:
            look["num_format"] = known[1]
        marks = bool(cell.lines) and judges(cell, cell.lines[0])
        if marks and len(cell.lines) == 1:
            look |= {"bold": True, "font_size": _SIZE * MARK_SIZE}
        self._put(top, bottom, left, right, cell.text, look, known and known[0])
        if marks and len(cell.lines) > 1:
            large = self._looks(bold=True, font_size=_SIZE * MARK_SIZE)
            rest = "\n" + "\n".join(cell.lines[1:])
            self._sheet.write_rich_string(
                top, left, large, cell.lines[0], self._looks(), rest, self._looks(**look)
            )

    def _chart(self, chart: Chart) -> None:
        """Put a chart and its title into one row, which no page break cuts."""
        self._space(6)
        self._put(self._row, self._row, 0, len(self._widths) - 1, chart.title, {"bold": True})
        drawn = drawing.png(chart, 2)
        wide, high = (int.from_bytes(drawn[n : n + 4]) for n in (16, 20))
        across = min(sum(self._widths) * _SIZE, 560, (_TALLEST - 26) * wide / high)
        self._sheet.insert_image(
            self._row,
            0,
            "chart.png",
            {
                "image_data": io.BytesIO(drawn),
                "x_scale": across / wide,
                "y_scale": across / wide,
                "y_offset": 24,
                "object_position": 1,
                "description": chart.words or chart.title,
            },
        )
        self._advance(across * high / wide + 26)


@dataclass(frozen=True)
class _Grid:
    """The columns of a sheet, which all its tables share: where tables differ, a table's column covers several.

    widths: of the sheet's columns in em. edges: for each table, the sheet's column each of its columns begins at, and
    the one behind its last.
    """

    widths: list[float]
    edges: list[list[int]]

    def of(self, number: int) -> list[float]:
        """The widths of a table's columns in em."""
        return [sum(self.widths[a:b]) for a, b in pairwise(self.edges[number])]


def _grid(tables: list[Table], landscape: bool) -> _Grid:
    """The narrowest of the sheet's widths at which no row is too high for Excel, else the widest."""
    made = _Grid([_ROOM[landscape][0]], [])
    for room in _ROOM[landscape] if tables else ():
        made = _shared([columns(table, room, padding=1.4) for table in tables])
        if all(max(_heights(t, made.of(n))) <= _TALLEST for n, t in enumerate(tables)):
            break
    return made


def _shared(tables: list[list[float]]) -> _Grid:
    """A grid with the edges of all tables; edges that lie close together are one."""
    places: list[float] = []
    wanted: list[list[float]] = []
    for widths in tables:
        mine: list[float] = []
        for edge in accumulate(widths, initial=0.0):
            near = min((p for p in places if p not in mine), key=lambda p: abs(p - edge), default=math.inf)
            mine.append(near if abs(near - edge) <= _CLOSE else edge)
        places += [p for p in mine if p not in places]
        wanted.append(mine)
    places.sort()
    return _Grid([b - a for a, b in pairwise(places)], [[places.index(p) for p in mine] for mine in wanted])


def _heights(table: Table, widths: list[float]) -> list[float]:
    return heights(table, widths, padding=1, line=_LINE, gap=_GAP)
