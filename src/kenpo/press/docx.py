"""Word by python-docx: real styles and native tables, to be edited further (Word)."""

from __future__ import annotations

import io
from typing import Any

from docx import Document as new_document
from docx.document import Document as Word
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Emu, Mm, Pt, RGBColor
from docx.table import _Cell as WordCell

from kenpo.base.document import Cell, Chart, Document, Heading, Paragraph, Table
from kenpo.press import drawing
from kenpo.press.fonts import OFFICE
from kenpo.press.layout import (
    ACCENT,
    BOLD,
    FILLS,
    INK,
    MANY,
    MARK_SIZE,
    MUTED,
    RULE,
    Part,
    columns,
    hang,
    judges,
    marked,
    parts,
    short_rows,
)
from kenpo.press.zipped import undated

_BODY, _TABLE = 10.5, 9.5
_CELL_STYLE = "TableText"
"""The id Word gives the style Table Text; asked for by name it takes long in a large table."""
_PAPER, _MARGIN, _BOTTOM = (210, 297), 18, 20
_SIZES = {1: 15, 2: 12.5, 3: 11, 4: 10.5}
_ALIGN = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
}


def render(document: Document) -> bytes:
    """The document as a Word file."""
    word = new_document()
    _styles(word)
    _properties(word, document.title)
    for n, part in enumerate(parts(document)):
        _section(word, part, first=n == 0)
        if n == 0:
            word.add_paragraph(document.title, "Title")
            for line in document.under:
                word.add_paragraph(line, "Subtitle")
        for block in part.blocks:
            match block:
                case Heading():
                    word.add_paragraph(block.text, f"Heading {min(max(block.level, 1), 4)}")
                case Paragraph():
                    _paragraph(word, block)
                case Chart():
                    _chart(word, block)
                case Table():
                    _table(word, block, part.landscape)
    out = io.BytesIO()
    word.save(out)
    return undated(out.getvalue())


def _styles(word: Word) -> None:
    styles = word.styles
    default = styles.element.find(qn("w:docDefaults")).find(qn("w:rPrDefault")).find(qn("w:rPr"))
    language = default.find(qn("w:lang"))
    language.set(qn("w:val"), "en-US")
    language.set(qn("w:eastAsia"), "ja-JP")
    normal = _style(word, "Normal", _BODY)
    normal.paragraph_format.space_after = Pt(5)
    normal.paragraph_format.line_spacing = Pt(17)
    title = _style(word, "Title", 18, bold=True, color=ACCENT)
    title.paragraph_format.space_after = Pt(6)
    title.paragraph_format.line_spacing = Pt(26)
    _under(title, 12)
    subtitle = _style(word, "Subtitle", _BODY, color=INK)
    subtitle.font.italic = False
    subtitle.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    subtitle.paragraph_format.space_after = Pt(0)
    for level, size in _SIZES.items():
        heading = _style(word, f"Heading {level}", size, bold=True, color=ACCENT if level < 4 else INK)
        heading.font.italic = False
        heading.paragraph_format.space_before = Pt(16 if level == 1 else 12)
        heading.paragraph_format.space_after = Pt(6)
        heading.paragraph_format.line_spacing = Pt(size * 1.5)
        heading.paragraph_format.keep_with_next = True
        if level == 1:
            _under(heading, 6)
    _style(word, "List", _BODY).paragraph_format.space_after = Pt(3)
    caption = _style(word, "Caption", 10, bold=True, color=INK)
    caption.paragraph_format.space_before = Pt(8)
    caption.paragraph_format.space_after = Pt(3)
    caption.paragraph_format.keep_with_next = True
    for name, size in (("Note", 9), ("Table Text", _TABLE), ("Footer", 9)):
        if name not in styles:
            made: Any = styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
            made.base_style = normal
        _style(word, name, size, color=INK if name == "Table Text" else MUTED)
    text = _style(word, "Table Text", _TABLE).paragraph_format
    text.space_after = Pt(2)
    text.line_spacing = Pt(14)


def _style(word: Word, name: str, size: float, *, bold: bool = False, color: str = INK) -> Any:
    style: Any = word.styles[name]
    style.font.size, style.font.bold, style.font.color.rgb = Pt(size), bold, RGBColor.from_string(color)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    fonts.attrib.clear()
    for script in ("ascii", "hAnsi", "eastAsia", "cs"):
        fonts.set(qn(f"w:{script}"), OFFICE)
    style.paragraph_format.line_spacing_rule = WD_LINE_SPACING.AT_LEAST
    return style


def _under(style: Any, eighths: int) -> None:
    """A line under a style's paragraphs."""
    properties = style.element.get_or_add_pPr()
    for old in properties.findall(qn("w:pBdr")):
        properties.remove(old)
    borders = _element("w:pBdr")
    borders.append(_element("w:bottom", val="single", sz=eighths, space=3, color=ACCENT))
    properties.insert_element_before(borders, "w:shd", "w:tabs", "w:spacing", "w:ind", "w:jc", "w:outlineLvl")


def _properties(word: Word, title: str) -> None:
    core = word.core_properties
    core.title, core.language, core.author, core.comments = title, "ja-JP", "", ""
    fonts: Any = word.part.part_related_by(RELATIONSHIP_TYPE.FONT_TABLE)
    fonts._blob = fonts.blob.replace(b"</w:fonts>", _FONT.encode() + b"</w:fonts>")


_FONT = (
    f'<w:font w:name="{OFFICE}"><w:altName w:val="Yu Gothic"/><w:panose1 w:val="020B0400000000000000"/>'
    '<w:charset w:val="80"/><w:family w:val="swiss"/><w:pitch w:val="variable"/></w:font>'
)
"""What Word takes where 游ゴシック is missing: Yu Gothic, else another sans-serif for Japanese."""


def _section(word: Word, part: Part, *, first: bool) -> None:
    section = word.sections[0] if first else word.add_section(WD_SECTION.NEW_PAGE)
    width, height = reversed(_PAPER) if part.landscape else _PAPER
    section.orientation = WD_ORIENT.LANDSCAPE if part.landscape else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(width), Mm(height)
    section.left_margin = section.right_margin = section.top_margin = Mm(_MARGIN)
    section.bottom_margin, section.footer_distance = Mm(_BOTTOM), Mm(9)
    if first:
        footer = section.footer.paragraphs[0]
        footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _field(footer, "PAGE")
        footer.add_run(" / ")
        _field(footer, "NUMPAGES")


def _field(paragraph: Any, code: str) -> None:
    field = _element("w:fldSimple", instr=code)
    run = _element("w:r")
    text = _element("w:t")
    text.text = "1"
    run.append(text)
    field.append(run)
    paragraph._p.append(field)


def _paragraph(word: Word, block: Paragraph) -> None:
    line = marked(block)
    made = word.add_paragraph(style="Note" if block.small else "List" if block.mark else "Normal")
    _line(made, line, 9 if block.small else _BODY)


def _line(paragraph: Any, line: str, size: float) -> Any:
    """Put a line into a paragraph, its later lines set in behind its mark."""
    if indent := hang(line) * size:
        paragraph.paragraph_format.left_indent = Pt(indent)
        paragraph.paragraph_format.first_line_indent = Pt(-indent)
    return paragraph.add_run(line)


def _chart(word: Word, chart: Chart) -> None:
    word.add_paragraph(chart.title, "Caption").alignment = WD_ALIGN_PARAGRAPH.CENTER
    holder = word.add_paragraph()
    holder.alignment = WD_ALIGN_PARAGRAPH.CENTER
    holder.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
    picture = holder.add_run().add_picture(io.BytesIO(drawing.png(chart)), width=Mm(_PAPER[0] - 2 * _MARGIN))
    named = picture._inline.docPr
    named.set("name", chart.title)
    named.set("descr", chart.words or chart.title)


def _table(word: Word, table: Table, landscape: bool) -> None:
    if table.caption:
        word.add_paragraph(table.caption, "Caption")
    room = Mm(_PAPER[1 if landscape else 0] - 2 * _MARGIN)
    size, side = (9, 60) if len(table.rows[0]) > MANY else (_TABLE, 100)
    padding = side / 10 / size + 0.3
    widths = columns(table, room.pt / size, padding=padding)
    short = short_rows(table, widths, padding)
    made = word.add_table(len(table.rows), len(widths), "Table Grid")
    made.alignment, made.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    _table_properties(made, side)
    exact = [Pt(w * size) for w in widths]
    for grid, width in zip(made.columns, exact, strict=True):
        grid.width = width
    rows = made._tbl.tr_lst
    for y, row in enumerate(table.rows):
        properties = rows[y].get_or_add_trPr()
        if short[y]:
            properties.append(_element("w:cantSplit"))
        if y < table.heads:
            properties.append(_element("w:tblHeader"))
        for x, (place, cell) in enumerate(zip(rows[y].tc_lst, row, strict=True)):
            place.width = exact[x]
            if not cell.continued:
                _cell(WordCell(place, made), cell, size)
    _merge([row.tc_lst for row in rows], table)
    gap = word.add_paragraph(style="Note")
    gap.paragraph_format.space_after = Pt(0)
    gap.paragraph_format.line_spacing = Pt(8)


def _table_properties(made: Any, across: int) -> None:
    properties = made._tbl.tblPr
    borders = _element("w:tblBorders")
    for side in ("top", "left", "bottom", "right", "insideH", "insideV"):
        borders.append(_element(f"w:{side}", val="single", sz=4, space=0, color=RULE))
    margins = _element("w:tblCellMar")
    for side, twips in (("top", 50), ("left", across), ("bottom", 30), ("right", across)):
        margins.append(_element(f"w:{side}", w=twips, type="dxa"))
    layout = properties.find(qn("w:tblLayout"))
    layout.addprevious(borders)
    layout.addnext(margins)


def _cell(made: WordCell, cell: Cell, size: float) -> None:
    head = cell.tone == "head"
    made.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER if head else WD_CELL_VERTICAL_ALIGNMENT.TOP
    for n, line in enumerate(cell.lines or ("",)):
        paragraph = made.paragraphs[0] if n == 0 else made.add_paragraph()
        paragraph._p.get_or_add_pPr().style = _CELL_STYLE
        paragraph.alignment = _ALIGN[cell.align]
        run = _line(paragraph, line, size)
        if size != _TABLE:
            run.font.size = Pt(size)
        if cell.tone in BOLD:
            run.font.bold = True
        if judges(cell, line):
            run.font.bold, run.font.size = True, Pt(size * MARK_SIZE)
        if cell.tone == "muted":
            run.font.color.rgb = RGBColor.from_string(MUTED)
    if fill := FILLS.get(cell.tone):
        properties = made._tc.get_or_add_tcPr()
        shade = _element("w:shd", val="clear", color="auto", fill=fill)
        alignment = properties.find(qn("w:vAlign"))
        alignment.addprevious(shade)


def _merge(places: list[list[Any]], table: Table) -> None:
    """Join the places of spanning cells: those to the right are taken out, those below marked as going on."""
    for y, row in enumerate(table.rows):
        for x, cell in enumerate(row):
            if cell.continued or (cell.rows == 1 and cell.columns == 1):
                continue
            for down in range(cell.rows):
                first, *others = places[y + down][x : x + cell.columns]
                first.width = Emu(sum(place.width for place in (first, *others)))
                for place in others:
                    place.getparent().remove(place)
                if cell.columns > 1:
                    first.grid_span = cell.columns
                if cell.rows > 1:
                    first.vMerge = "continue" if down else "restart"


def _element(tag: str, **attributes: object) -> Any:
    made = OxmlElement(tag)
    for name, value in attributes.items():
        made.set(qn(f"w:{name}"), str(value))
    return made
