"""HTML pages and tables (HTML)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import lxml.etree
import lxml.html

from kenpo.base.document import Block, Heading, Paragraph
from kenpo.intake.documents import grid, markup
from kenpo.intake.documents.grid import Place

_TAG = re.compile(r"</?[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>|<[!?]")
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_UNSEEN = {
    "script",
    "style",
    "head",
    "template",
    "noscript",
    "title",
    "rt",
    "rp",
    "svg",
    "select",
    "textarea",
}


def read(text: str, above: int = 0) -> list[Block]:
    """The blocks of HTML text. above: lines of the file above it; where is 「12行目」."""
    source = re.sub(r"<\?xml.*?\?>", "", text, count=1)
    source = re.sub(r"<", lambda found: "<" if _TAG.match(source, found.start()) else "&lt;", source)
    if not source.strip():
        return []
    parser = lxml.html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True)
    root = lxml.html.document_fromstring(source, parser=parser)
    return _Walk(above).blocks(root)


class _Walk:
    def __init__(self, above: int) -> None:
        self.above = above
        self.lines = markup.Lines()
        self.found: list[Block] = []
        self.where = ""

    def blocks(self, root: lxml.html.HtmlElement) -> list[Block]:
        self._element(root)
        self._flush()
        return self.found

    def _flush(self) -> None:
        self.lines.end()
        self.found += [Paragraph(line.text, line.mark, where=self.where) for line in self.lines.done]
        self.lines.done.clear()

    def _element(self, element: lxml.html.HtmlElement) -> None:
        name = element.tag
        if name in _UNSEEN or element.get("hidden") is not None:
            return
        if name in _HEADINGS:
            self._flush()
            if words := " ".join(line.whole for line in _lines(element)):
                self.found.append(Heading(words, _HEADINGS[name], where=self._place(element)))
        elif name == "table":
            self._flush()
            self.found += self._table(element)
        else:
            self._inside(element, name)

    def _inside(self, element: lxml.html.HtmlElement, name: str) -> None:
        block = markup.is_block(name)
        if block:
            self.lines.open(name)
            self._flush()
            self.where = self._place(element)
        self.lines.add(element.text or "")
        for child in element:
            self._element(child)
            self.lines.add(child.tail or "")
        if block:
            self.lines.close(name)
            self._flush()

    def _place(self, element: lxml.html.HtmlElement) -> str:
        return f"{self.above + (element.sourceline or 1)}行目"

    def _table(self, table: lxml.html.HtmlElement) -> list[Block]:
        rows = list(_rows(table))
        places = [
            Place(
                r,
                0,
                tuple(line.whole for line in _lines(cell)),
                _span(cell, "rowspan"),
                _span(cell, "colspan"),
            )
            for r, row in enumerate(rows)
            for cell in row.iterchildren("td", "th")
        ]
        outside = [
            Paragraph(line.text, line.mark, where=self._place(table))
            for child in table.iterchildren()
            if child.tag not in ("thead", "tbody", "tfoot", "tr", "colgroup", "col")
            for line in _lines(child)
        ]
        cells = grid.rectangle(places, len(rows))
        return [*outside, *grid.blocks(cells, [self._place(row) for row in rows], _heads(rows))]


def _rows(table: lxml.html.HtmlElement) -> Iterator[lxml.html.HtmlElement]:
    for child in table.iterchildren("tr", "thead", "tbody", "tfoot"):
        if child.tag == "tr":
            yield child
        else:
            yield from child.iterchildren("tr")


def _heads(rows: list[lxml.html.HtmlElement]) -> int | None:
    """The first rows that stand in the thead or hold only headings; None when there is no such row."""
    count = 0
    for row in rows:
        cells = list(row.iterchildren("td", "th"))
        if row.getparent().tag != "thead" and not (cells and all(cell.tag == "th" for cell in cells)):
            break
        count += 1
    return count or None


def _span(cell: lxml.html.HtmlElement, name: str) -> int:
    value = (cell.get(name) or "").strip()
    return min(max(int(value), 1), 1000) if value.isdecimal() else 1


def _lines(element: lxml.html.HtmlElement) -> list[markup.Line]:
    """The lines inside a heading or a cell; those of a table in it follow in their order."""
    found = markup.Lines()

    def walk(part: lxml.html.HtmlElement) -> None:
        block = markup.is_block(part.tag)
        if part.tag in _UNSEEN:
            return
        if block:
            found.open(part.tag)
        found.add(part.text or "")
        for child in part:
            walk(child)
            found.add(child.tail or "")
        if block:
            found.close(part.tag)

    walk(element)
    found.end()
    return found.done
