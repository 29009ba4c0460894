"""Word documents (.docx): paragraphs, lists and tables in the order of the body, as they are seen.

Insertions that are not accepted yet (変更履歴) are kept, deletions dropped. Headers, footers, comments and hidden text
are not read. Numbers and bullets Word puts before a paragraph are its mark, or stand before the text of a heading or of
a line in a cell.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml.etree import _Element as Element

from kenpo.base.document import Block, Heading, Paragraph
from kenpo.intake.documents import grid, markup, xml
from kenpo.intake.documents.grid import Place
from kenpo.intake.documents.markup import Line
from kenpo.intake.documents.numbering import Numbering, symbol

_WRAPPERS = ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag")
_UNSEEN = ("del", "moveFrom", "pPr", "rPr", "sdtPr", "instrText", "delText", "delInstrText", "rt", "tblPr")
_HEADING_NAME = re.compile(r"(?:heading|見出し)\s*([1-9])$", re.IGNORECASE)
_TITLE_NAMES = ("title", "表題")
_MOST_COLUMNS = 500


@dataclass(frozen=True)
class _Style:
    id: str = ""
    level: int = 0
    is_title: bool = False
    number: str = ""
    depth: str = ""


@dataclass
class _Held:
    """What stands in a paragraph: its text, and what hangs on it."""

    text: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(content: bytes) -> tuple[list[Block], str]:
    """The blocks and the title, blank when no paragraph is styled as one. where: 「段落12」 or 「表3の4行目」.

    Raises KeyError, zipfile.BadZipFile or lxml.etree.XMLSyntaxError when the file is damaged.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())

        def part(name: str) -> Element | None:
            return xml.parsed(archive.read(f"word/{name}.xml")) if f"word/{name}.xml" in names else None

        notes = {
            f"{kind}{xml.attribute(note, 'id')}": note
            for kind in ("footnote", "endnote")
            for note in xml.children(part(f"{kind}s"), kind)
        }
        reader = _Reader(_styles(part("styles")), Numbering.of(part("numbering")), notes)
        body = xml.child(xml.parsed(archive.read("word/document.xml")), "body")
    if body is not None:
        reader.body(body)
    return reader.found, reader.title


class _Reader:
    def __init__(self, styles: dict[str, _Style], numbering: Numbering, notes: dict[str, Element]) -> None:
        self.styles = styles
        self.numbering = numbering
        self.notes = notes
        self.noted = 0
        self.found: list[Block] = []
        self.title = ""
        self.paragraphs = 0
        self.tables = 0
        self.carried: list[str] = []

    def body(self, element: Element) -> None:
        for child in _unwrapped(element):
            if xml.name(child) == "p":
                self.paragraphs += 1
                self._paragraph(child, f"段落{self.paragraphs}")
            else:
                self.tables += 1
                self._table(child)

    def _style(self, paragraph: Element) -> _Style:
        return self.styles.get(xml.value(paragraph, "pPr", "pStyle")) or self.styles.get("", _Style())

    def _paragraph(self, paragraph: Element, where: str) -> None:
        style = self._style(paragraph)
        lines, held = self._lines(paragraph)
        outline = xml.value(paragraph, "pPr", "outlineLvl")
        level = int(outline) + 1 if outline.isdecimal() else style.level
        if 1 <= level <= 9 and lines:
            text = " ".join(line.whole for line in lines)
            self.found.append(Heading(text, level, where=where))
            if style.is_title and not self.title:
                self.title = text
        else:
            self.found += [Paragraph(line.text, line.mark, where=where) for line in lines]
        for box in held.boxes:
            self.found += [Paragraph(line.text, line.mark, where=where) for line in self._inside(box)]
        for mark, text in self._notes(held):
            self.found.append(Paragraph(text, mark, small=True, where=where))

    def _lines(self, paragraph: Element) -> tuple[list[Line], _Held]:
        """The lines of a paragraph. One whose end is deleted runs on into the next."""
        held = _Held(self.carried)
        self.carried = []
        _collect(paragraph, held)
        if xml.child(paragraph, "pPr", "rPr", "del") is not None:
            self.carried = held.text
            held.text = []
            return [], held
        mark = self._mark(paragraph)
        texts = [markup.visible(text).strip() for text in "".join(held.text).split("\n")]
        texts = [text for text in texts if text]
        return [markup.item(text, "" if n else mark) for n, text in enumerate(texts)], held

    def _mark(self, paragraph: Element) -> str:
        style = self._style(paragraph)
        own = xml.child(paragraph, "pPr", "numPr")
        number = xml.value(own, "numId") or style.number
        if not number or number == "0":
            return ""
        depth = xml.value(own, "ilvl") or style.depth
        at = int(depth) if depth.isdecimal() else self.numbering.level_of_style(number, style.id)
        return self.numbering.mark(number, at)

    def _notes(self, held: _Held) -> Iterator[tuple[str, str]]:
        for key in held.notes:
            if key in self.notes:
                self.noted += 1
                yield f"注{self.noted}", " ".join(line.whole for line in self._inside(self.notes[key]))

    def _inside(self, element: Element) -> list[Line]:
        """The lines in a cell, a text box or a note; of a table in it, a line for each row that holds single lines."""
        found: list[Line] = []
        for child in _unwrapped(element):
            if xml.name(child) == "tbl":
                for cells in self._rows(child)[0]:
                    filled = [cell for cell in cells if cell]
                    if all(len(cell) == 1 for cell in filled):
                        filled = [["\u3000".join(cell[0] for cell in filled)]] if filled else []
                    found += [Line(text) for cell in filled for text in cell]
                continue
            lines, held = self._lines(child)
            found += lines
            for box in held.boxes:
                found += self._inside(box)
            found += [Line(text, mark) for mark, text in self._notes(held)]
        return found

    def _rows(self, table: Element) -> tuple[list[list[list[str]]], list[list[Element]]]:
        """The texts of the cells of each row, and the cells."""
        rows = [
            row
            for row in _unwrapped(table, "tr")
            if xml.child(row, "trPr", "del") is None and not xml.on(row, "trPr", "hidden")
        ]
        cells = [list(_unwrapped(row, "tc")) for row in rows]
        texts = [[[line.whole for line in self._inside(cell)] for cell in row] for row in cells]
        return texts, cells

    def _table(self, table: Element) -> None:
        texts, cells = self._rows(table)
        places: list[Place] = []
        above: dict[int, int] = {}
        heads = 0
        for r, row in enumerate(cells):
            properties = None if not row else xml.child(_row_of(row[0]), "trPr")
            heads += heads == r and xml.on(properties, "tblHeader")
            column = _count(xml.value(properties, "gridBefore"), 0)
            begun: dict[int, int] = {}
            for cell, lines in zip(row, texts[r], strict=True):
                columns = _count(xml.value(cell, "tcPr", "gridSpan"), 1)
                merge = xml.child(cell, "tcPr", "vMerge")
                if merge is not None:
                    begins = xml.attribute(merge, "val") == "restart" or column not in above
                    begun[column] = len(places) if begins else above[column]
                if merge is not None and begun[column] < len(places):
                    places[begun[column]] = _taller(places[begun[column]], r, tuple(lines))
                else:
                    places.append(Place(r, column, tuple(lines), columns=columns))
                column += columns
            above = begun
        rows = grid.rectangle(places, len(cells))
        where = [f"表{self.tables}の{r + 1}行目" for r in range(len(cells))]
        if rows and rows[0]:
            rows, where = grid.tidy(rows, where)
            self.found += grid.blocks(rows, where, heads or None)


def _taller(place: Place, row: int, lines: tuple[str, ...]) -> Place:
    """The cell, reaching down to this row, with what is written there."""
    return Place(place.row, place.column, place.lines + lines, row - place.row + 1, place.columns)


def _count(text: str, least: int) -> int:
    return max(least, min(int(text), _MOST_COLUMNS)) if text.isdecimal() else least


def _row_of(cell: Element) -> Element:
    row = cell.getparent()
    while row is not None and xml.name(row) != "tr":
        row = row.getparent()
    assert row is not None
    return row


def _unwrapped(element: Element, *wanted: str) -> Iterator[Element]:
    """The children of these names, paragraphs and tables by default, also inside content controls and the like."""
    wanted = wanted or ("p", "tbl")
    for child in element:
        name = xml.name(child)
        if name in wanted:
            yield child
        elif name in _WRAPPERS and not _is_placeholder(child):
            yield from _unwrapped(child, *wanted)
        elif name == "AlternateContent":
            yield from _unwrapped(_chosen(child), *wanted)


def _is_placeholder(element: Element) -> bool:
    """Whether a content control (コンテンツ コントロール) shows only its hint."""
    return xml.on(element, "sdtPr", "showingPlcHdr")


def _chosen(element: Element) -> Element:
    """The form of a drawing for today's Word; the other one repeats its text."""
    return next(xml.children(element, "Choice", "Fallback"), element)


def _collect(element: Element, held: _Held) -> None:
    for child in element:
        name = xml.name(child)
        if name == "t":
            held.text.append(child.text or "")
        elif name in ("tab", "ptab"):
            held.text.append(" ")
        elif name in ("br", "cr"):
            held.text.append("" if xml.attribute(child, "type") in ("page", "column") else "\n")
        elif name == "noBreakHyphen":
            held.text.append("-")
        elif name == "sym":
            held.text.append(symbol(chr(int(xml.attribute(child, "char") or "0", 16))))
        elif name in ("footnoteReference", "endnoteReference"):
            held.notes.append(name.removesuffix("Reference") + xml.attribute(child, "id"))
        elif name == "txbxContent":
            held.boxes.append(child)
        elif name == "AlternateContent":
            _collect(_chosen(child), held)
        elif (
            name not in _UNSEEN
            and not (name == "r" and xml.on(child, "rPr", "vanish"))
            and not _is_placeholder(child)
        ):
            _collect(child, held)


def _styles(root: Element | None) -> dict[str, _Style]:
    """Paragraph styles by their id with what they inherit, the default one also as a blank id."""
    parts = {
        xml.attribute(part, "styleId"): part
        for part in xml.children(root, "style")
        if xml.attribute(part, "type") in ("paragraph", "")
    }
    found = {id: _style(id, parts) for id in parts}
    for id, part in parts.items():
        if xml.attribute(part, "default").lower() in ("1", "true", "on"):
            found[""] = found[id]
    return found


def _style(id: str, parts: dict[str, Element]) -> _Style:
    line = _inheritance(id, parts)
    names = [xml.value(part, "name") for part in line]
    is_title = any(name.strip().lower() in _TITLE_NAMES for name in names)
    level = next((int(named[1]) for name in names if (named := _HEADING_NAME.match(name.strip()))), 0)
    outline = next((text for part in line if (text := xml.value(part, "pPr", "outlineLvl"))), "")
    if not level and outline.isdecimal() and int(outline) < 9:
        level = int(outline) + 1
    return _Style(
        id,
        level or int(is_title),
        is_title,
        next((text for part in line if (text := xml.value(part, "pPr", "numPr", "numId"))), ""),
        next((text for part in line if (text := xml.value(part, "pPr", "numPr", "ilvl"))), ""),
    )


def _inheritance(id: str, parts: dict[str, Element]) -> list[Element]:
    """The style and those it is based on, nearest first."""
    line: list[Element] = []
    while id in parts and parts[id] not in line:
        line.append(parts[id])
        id = xml.value(parts[id], "basedOn")
    return line
