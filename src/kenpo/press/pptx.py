"""PowerPoint by python-pptx: slides of 16:9 with native tables, split so that nothing runs over the edge (PowerPoint)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

from lxml import etree  # type: ignore[attr-defined]
from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Pt

from kenpo.base.document import Block, Cell, Chart, Document, Heading, Paragraph, Table
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
    columns,
    depth,
    hang,
    heights,
    judges,
    marked,
    parts,
    span,
    width,
)
from kenpo.press.zipped import undated

_WIDE, _HIGH = 960, 540
_LEFT, _TOP, _BOTTOM = 36, 84, 504
_ROOM = _WIDE - 2 * _LEFT
_TITLE = 24
_BODY, _BODY_LINE = 16, 25
_NOTE, _NOTE_LINE = 14, 21
_CELL, _CELL_LINE, _CELL_GAP, _CELL_SIDE = 12, 17, 9, 6
_PADDING = (2 * _CELL_SIDE + 6) / _CELL
"""What a cell loses of its width, in em, with a reserve for fonts wider than ours."""
_MORE = "（続き）"
_ALIGN = {"left": PP_ALIGN.LEFT, "right": PP_ALIGN.RIGHT, "center": PP_ALIGN.CENTER}


def render(document: Document) -> bytes:
    """The document as a PowerPoint file."""
    deck = _Deck(document.title)
    deck.cover(document)
    for part in parts(document):
        deck.turn(part.name)
        for n, block in enumerate(part.blocks):
            match block:
                case Heading() if n == 0 and block.text == part.name:
                    pass
                case Heading() if block.level <= 1:
                    deck.turn(block.text)
                case Heading():
                    after = part.blocks[n + 1] if n + 1 < len(part.blocks) else None
                    deck.heading(block.text, _needed(after))
                case Paragraph():
                    deck.paragraph(block)
                case Chart():
                    deck.chart(block)
                case Table():
                    deck.table(block)
    return deck.saved()


def _needed(after: Block | None) -> float:
    """How much room a heading leaves below itself for what follows it."""
    if isinstance(after, Chart):
        return 0.8 * (_BOTTOM - _TOP)
    return 230 if isinstance(after, Table) else 2 * _BODY_LINE


class _Deck:
    """Slides that are filled from above; what does not fit goes to the next one with the same title."""

    def __init__(self, title: str) -> None:
        self._deck: Any = Presentation()
        self._deck.slide_width, self._deck.slide_height = Pt(_WIDE), Pt(_HIGH)
        core = self._deck.core_properties
        core.title, core.language, core.author, core.last_modified_by = title, "ja-JP", "", ""
        self._title = title
        self._slide: Any = None
        self._used = _TOP
        self._master()

    def _master(self) -> None:
        """Keep the two layouts used, fit them to 16:9, and name the Japanese font in the theme."""
        layouts = self._deck.slide_layouts
        for layout in list(layouts):
            if layout.name not in ("Title Slide", "Title Only"):
                layouts.remove(layout)
        areas = {"title": (_LEFT, 22, _ROOM, 48), "sldNum": (_WIDE - _LEFT - 120, 508, 120, 22)}
        for holder in [self._deck.slide_master, *layouts]:
            for shape in list(holder.placeholders):
                kind = shape._element.xpath(".//p:nvPr/p:ph")[0].get("type", "body")
                if kind in ("dt", "ftr"):
                    shape._element.getparent().remove(shape._element)
                elif kind in ("ctrTitle", "subTitle", "body"):
                    top, high = (150, 120) if kind == "ctrTitle" else (300, 120)
                    _place(shape, (_LEFT + 24, top, _ROOM - 48, high))
                else:
                    _place(shape, areas[kind])
        for part in self._deck.slide_master.part.rels.values():
            if part.reltype.endswith("/theme"):
                theme = etree.fromstring(part.target_part.blob)
                for fonts in theme.iter(qn("a:majorFont"), qn("a:minorFont")):
                    for script in ("latin", "ea"):
                        fonts.find(qn(f"a:{script}")).set("typeface", OFFICE)
                    for font in fonts.findall(qn("a:font")):
                        if font.get("script") == "Jpan":
                            font.set("typeface", OFFICE)
                part.target_part._blob = etree.tostring(
                    theme, xml_declaration=True, encoding="UTF-8", standalone=True
                )

    def cover(self, document: Document) -> None:
        """The first slide: the document's title and the lines under it."""
        slide = self._deck.slides.add_slide(self._deck.slide_layouts.get_by_name("Title Slide"))
        title, under = slide.placeholders[0], slide.placeholders[1]
        size = 34 if width(document.title) * 34 * 1.1 < 2 * (_ROOM - 48) else 26
        _write(title.text_frame, [document.title], size, line=size * 1.4, bold=True, color=ACCENT)
        _write(under.text_frame, list(document.under) or [""], 18, line=28, align="center")

    def turn(self, title: str) -> None:
        """Begin a slide with this title, unless the slide at hand has it and is still empty."""
        if self._slide is None or self._used > _TOP or title != self._title:
            if self._slide is not None and self._used == _TOP:
                self._drop()
            self._title = title or self._title
            self._begin(self._title)

    def _drop(self) -> None:
        """Take away the last slide, which stayed empty."""
        entry = self._deck.slides._sldIdLst[-1]
        self._deck.part.drop_rel(entry.rId)
        self._deck.slides._sldIdLst.remove(entry)

    def _begin(self, title: str) -> None:
        self._slide = self._deck.slides.add_slide(self._deck.slide_layouts.get_by_name("Title Only"))
        size = next((s for s in (_TITLE, 20, 18) if width(title) * s * 1.05 <= _ROOM - 16), 16)
        frame = self._slide.shapes.title.text_frame
        _write(frame, [title], size, line=size * 1.3, bold=True, color=ACCENT)
        frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        rule = self._slide.shapes.add_connector(1, Pt(_LEFT), Pt(72), Pt(_LEFT + _ROOM), Pt(72))
        rule.line.color.rgb, rule.line.width = RGBColor.from_string(ACCENT), Pt(1.5)
        rule._element.remove(rule._element.find(qn("p:style")))
        self._used = _TOP

    def _next(self) -> None:
        self._begin(self._title + _MORE)

    @property
    def _free(self) -> float:
        return _BOTTOM - self._used

    def heading(self, text: str, after: float) -> None:
        """A heading inside a slide, together with at least so much of what follows."""
        high = depth([text], _ROOM / 18 - 2) * 28 + 4
        if high + after > self._free and self._used > _TOP:
            self._next()
        self._box([text], 18, 28, high, bold=True, color=ACCENT)

    def paragraph(self, block: Paragraph) -> None:
        """A paragraph, over several slides when it is long."""
        size, line = (_NOTE, _NOTE_LINE) if block.small else (_BODY, _BODY_LINE)
        rest: tuple[str, ...] = (marked(block),)
        em = _ROOM / size - 2
        while rest:
            if self._free < line + 8:
                self._next()
            now, rest = _cut(rest, em, int((self._free - 8) // line))
            self._box(now, size, line, depth(now, em) * line + 8, color=MUTED if block.small else INK)

    def _box(self, lines: Any, size: float, line: float, high: float, **look: Any) -> None:
        box = self._slide.shapes.add_textbox(Pt(_LEFT), Pt(self._used), Pt(_ROOM), Pt(high))
        _write(box.text_frame, lines, size, line=line, **look)
        self._used += high

    def chart(self, chart: Chart) -> None:
        """A chart as a picture, as large as fits, with its title above."""
        drawn = drawing.png(chart)
        wide, high = (int.from_bytes(drawn[n : n + 4]) for n in (16, 20))
        if self._free < 0.8 * (_BOTTOM - _TOP):
            self._next()
        self.heading(chart.title, 0)
        scale = min(_ROOM / wide, (self._free - 4) / high)
        across = wide * scale
        picture = self._slide.shapes.add_picture(
            io.BytesIO(drawn), Pt(_LEFT + (_ROOM - across) / 2), Pt(self._used), Pt(across), Pt(high * scale)
        )
        properties = picture._element.nvPicPr.cNvPr
        properties.set("name", chart.title)
        properties.set("descr", chart.words or chart.title)
        self._used = _BOTTOM

    def table(self, table: Table) -> None:
        """A table, over several slides when it is high; its head rows are on each."""
        em = _ROOM / _CELL
        widths = columns(table, em, padding=_PADDING)
        caption = table.caption
        for piece in self._pieces(table, widths):
            if caption:
                self._box(
                    [caption],
                    _NOTE,
                    _NOTE_LINE,
                    depth([caption], _ROOM / _NOTE - 2) * _NOTE_LINE + 4,
                    bold=True,
                )
                caption = ""
            self._grid(piece, widths)

    def _pieces(self, table: Table, widths: list[float]) -> Iterator[Table]:
        """Parts of the table that fit the slide at hand, beginning a slide before each but, perhaps, the first."""
        heads = table.rows[: table.heads]
        top = sum(_heights(replace(table, rows=heads), widths)) if heads else 0
        if heads and top > (_BOTTOM - _TOP) / 2:
            heads, top = (), 0.0
        rest = list(table.rows[len(heads) :])
        above = depth([table.caption], _ROOM / _NOTE - 2) * _NOTE_LINE + 4 if table.caption else 0
        first = True
        while rest or first:
            free = self._free - top - (above if first else 0)
            count = _fitting(rest, widths, free)
            if not count and rest and self._used > _TOP and free < 8 * _CELL_LINE:
                self._next()
                continue
            if count or not rest:
                now, rest = rest[:count], _resumed(rest, count)
            else:
                row, left = _split(rest[0], widths, max(1, int((free - _CELL_GAP) // _CELL_LINE)))
                now, rest = [row], [left, *rest[1:]]
            yield replace(table, rows=(*heads, *_closed(now)), heads=len(heads))
            first = False
            if rest:
                self._next()

    def _grid(self, table: Table, widths: list[float]) -> None:
        deep = _heights(table, widths)
        shape = self._slide.shapes.add_table(
            len(deep), len(widths), Pt(_LEFT), Pt(self._used), Pt(_ROOM), Pt(sum(deep))
        )
        shape.name = table.caption or "表"
        made = shape.table
        made.horz_banding = False
        made.first_row = table.heads > 0
        made._tbl.tblPr.find(qn("a:tableStyleId")).text = _GRID
        for n, em in enumerate(widths):
            made.columns[n].width = Pt(em * _CELL)
        for y, row in enumerate(table.rows):
            made.rows[y].height = Pt(deep[y])
            for x, cell in enumerate(row):
                if not cell.continued:
                    _cell(made.cell(y, x), cell)
                    if cell.rows > 1 or cell.columns > 1:
                        made.cell(y, x).merge(made.cell(y + cell.rows - 1, x + cell.columns - 1))
        self._used += sum(deep) + 10

    def saved(self) -> bytes:
        """The finished file, each slide but the cover with its number."""
        slides = list(self._deck.slides)
        for n, slide in enumerate(slides[1:], 2):
            holder = next(
                p for p in slide.slide_layout.placeholders if p._element.xpath(".//p:ph[@type='sldNum']")
            )
            element = deepcopy(holder._element)
            element.nvSpPr.cNvPr.set("id", str(max(shape.shape_id for shape in slide.shapes) + 1))
            slide.shapes._spTree.append(element)
            body = element.find(qn("p:txBody"))
            for old in body.findall(qn("a:p")):
                body.remove(old)
            body.append(etree.fromstring(_NUMBER.format(n=n, of=len(slides))))
        out = io.BytesIO()
        self._deck.save(out)
        return undated(out.getvalue())


_GRID = "{5940675A-B579-460E-94D1-54222C63F5DA}"
"""PowerPoint's table style 「スタイルなし、表のグリッド線あり」."""
_NUMBER = (
    '<a:p xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:pPr algn="r"/>'
    '<a:fld id="{{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}}" type="slidenum"><a:rPr lang="ja-JP" sz="1200">'
    '<a:solidFill><a:srgbClr val="595959"/></a:solidFill></a:rPr><a:t>{n}</a:t></a:fld>'
    '<a:r><a:rPr lang="ja-JP" sz="1200"><a:solidFill><a:srgbClr val="595959"/></a:solidFill></a:rPr><a:t> / {of}</a:t></a:r></a:p>'
)


def _place(shape: Any, area: tuple[float, float, float, float]) -> None:
    shape.left, shape.top, shape.width, shape.height = (Pt(n) for n in area)


def _write(
    frame: Any,
    lines: Any,
    size: float,
    *,
    line: float,
    align: str = "left",
    bold: bool = False,
    color: str = INK,
) -> None:
    """Put lines into a text frame, each a paragraph with lines of a fixed height, set in behind its mark."""
    frame.word_wrap = True
    for side in ("left", "right"):
        setattr(frame, f"margin_{side}", Pt(_CELL_SIDE))
    for n, text in enumerate(lines or ("",)):
        paragraph = frame.paragraphs[0] if n == 0 else frame.add_paragraph()
        paragraph.alignment = _ALIGN[align]
        paragraph.line_spacing = Pt(line)
        paragraph.space_before = paragraph.space_after = Pt(0)
        if indent := hang(text) * size:
            properties = paragraph._p.get_or_add_pPr()
            properties.set("marL", str(Pt(indent)))
            properties.set("indent", str(-Pt(indent)))
        run = paragraph.add_run()
        run.text = text
        font = run.font
        font.size, font.bold, font.name = Pt(size), bold, OFFICE
        font.color.rgb = RGBColor.from_string(color)
        properties = run._r.get_or_add_rPr()
        properties.set("lang", "ja-JP")
        properties.set("altLang", "en-US")
        asian = etree.SubElement(properties, qn("a:ea"))
        asian.set("typeface", OFFICE)


def _cell(made: Any, cell: Cell) -> None:
    made.margin_left = made.margin_right = Pt(_CELL_SIDE)
    made.margin_top, made.margin_bottom = Pt(4), Pt(3)
    made.vertical_anchor = MSO_ANCHOR.MIDDLE if cell.tone == "head" else MSO_ANCHOR.TOP
    _write(
        made.text_frame,
        cell.lines,
        _CELL,
        line=_CELL_LINE,
        align=cell.align,
        bold=cell.tone in BOLD,
        color=MUTED if cell.tone == "muted" else INK,
    )
    for paragraph, line in zip(made.text_frame.paragraphs, cell.lines, strict=False):
        if judges(cell, line):
            paragraph.runs[0].font.bold, paragraph.runs[0].font.size = True, Pt(_CELL * MARK_SIZE)
    if fill := FILLS.get(cell.tone):
        made.fill.solid()
        made.fill.fore_color.rgb = RGBColor.from_string(fill)
    properties = made._tc.get_or_add_tcPr()
    for n, side in enumerate(("lnL", "lnR", "lnT", "lnB")):
        edge = etree.fromstring(
            f'<a:{side} xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" w="6350">'
            f'<a:solidFill><a:srgbClr val="{RULE}"/></a:solidFill></a:{side}>'
        )
        properties.insert(n, edge)


Row = tuple[Cell, ...]


def _heights(table: Table, widths: list[float]) -> list[float]:
    return heights(table, widths, padding=_PADDING, line=_CELL_LINE, gap=_CELL_GAP)


def _fitting(rows: list[Row], widths: list[float], free: float) -> int:
    """How many of the first rows fit into this height."""
    count = 0
    while count < len(rows):
        now = Table(tuple(_closed(rows[: count + 1])), 0)
        if sum(_heights(now, widths)) > free:
            break
        count += 1
    return count


def _closed(rows: list[Row]) -> list[Row]:
    """Rows with no span beyond the last of them."""
    return [tuple(replace(c, rows=min(c.rows, len(rows) - y)) for c in row) for y, row in enumerate(rows)]


def _resumed(rows: list[Row], count: int) -> list[Row]:
    """The rows from count on; a cell that spans across the cut begins anew there, with the same text."""
    if not 0 < count < len(rows):
        return rows[count:]
    anew = {
        x: replace(cell, rows=y + cell.rows - count)
        for y, row in enumerate(rows[:count])
        for x, cell in enumerate(row)
        if not cell.continued and y + cell.rows > count
    }
    first = tuple(anew.get(x, cell) for x, cell in enumerate(rows[count]))
    return [first, *rows[count + 1 :]]


def _split(row: Row, widths: list[float], lines: int) -> tuple[Row, Row]:
    """A row cut after so many lines of each cell: what is above, and what is left."""
    above, left = [], []
    for x, cell in enumerate(row):
        now, rest = _cut(cell.lines, span(widths, x, cell) - _PADDING, lines)
        above.append(replace(cell, lines=now, rows=1))
        left.append(replace(cell, lines=rest))
    return tuple(above), tuple(left)


def _cut(lines: tuple[str, ...], em: float, most: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """As many lines as fit into so many lines of this width, and the rest; a long line is cut, best behind a 。"""
    taken: list[str] = []
    for n, line in enumerate(lines):
        room = most - (depth(taken, em) if taken else 0)
        if depth([line], em) <= room:
            taken.append(line)
            continue
        if room > 0:
            end = _end(line, em, room)
            return (*taken, line[:end]), (line[end:], *lines[n + 1 :])
        return tuple(taken), lines[n:]
    return lines, ()


def _end(line: str, em: float, room: int) -> int:
    end = 1
    while end < len(line) and depth([line[: end + 1]], em) <= room:
        end += 1
    for sign in "。、":
        if (stop := line.rfind(sign, end // 2, end)) > 0:
            return stop + 1
    return end
