"""Plain text and markdown (テキスト): each line a paragraph, and the tables, headings and lists written into it.

A table is a run of lines with tabs, a markdown table of pipes, or an HTML table. Text taken from a PDF by machine is
rarely clean markdown, so lines are read one by one and what is no markup stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from kenpo.base.document import Block, Heading, Paragraph
from kenpo.intake.documents import grid, markup, page
from kenpo.intake.documents.grid import Place

_HEADING = re.compile(r" {0,3}(#{1,6})[ \u3000\t]+(.*?)(?:[ \u3000]+#+)?[ \u3000]*$")
_HTML_HEADING = re.compile(r"\s*<h([1-6])(?:\s[^<>]*)?>(.*)</h\1>\s*$", re.IGNORECASE)
_ITEM = re.compile(r"\s*[-*+]\s+(\S.*)$")
_NUMBERED = re.compile(r"\s*(\d{1,3}[.)])\s+(\S.*)$")
_RULE = re.compile(r"\s*([-*_])(\s*\1){2,}\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")
_PIPE = re.compile(r"(?<!\\)\|")
_PIPE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_ESCAPED = re.compile(r"\\([*_#|~.\[\]<>])")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TABLE = re.compile(r"<table(?=[\s>])", re.IGNORECASE)
_TABLE_END = re.compile(r"</table\s*>", re.IGNORECASE)


def read(text: str) -> list[Block]:
    """The blocks of a text. where: 「12行目」, counted as an editor counts."""
    without_comments = _COMMENT.sub(lambda found: re.sub(r"[^\r\n]", "", found[0]), text)
    scan = _Scan(re.split(r"\r\n|\r|\n", without_comments))
    return scan.blocks()


@dataclass
class _Scan:
    lines: list[str]
    at: int = 0
    found: list[Block] = field(default_factory=list)

    def blocks(self) -> list[Block]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip() or _RULE.match(line):
                self.at += 1
            elif _FENCE.match(line):
                self._verbatim()
            elif heading := _HEADING.match(line):
                self._heading(len(heading[1]), heading[2])
            elif heading := _HTML_HEADING.match(line):
                self._heading(int(heading[1]), heading[2])
            elif (table := _TABLE.search(line)) and "\t" not in line[: table.start()]:
                self._html_table(table.start())
            elif _is_pipe_row(line) and self._is_pipe_table():
                self._pipe_table()
            elif "\t" in line:
                self._tab_table()
            else:
                self._paragraph(line)
        return self.found

    @property
    def where(self) -> str:
        return _where(self.at)

    def _heading(self, level: int, text: str) -> None:
        words = " ".join(line.whole for line in markup.lines(_inline(text)))
        if words:
            self.found.append(Heading(words, level, where=self.where))
        self.at += 1

    def _paragraph(self, line: str) -> None:
        if found := _ITEM.match(line):
            mark, text = markup.BULLET, found[1]
        elif (found := _NUMBERED.match(line)) and self._numbers_run():
            mark, text = found[1], found[2]
        else:
            mark, text = "", line
        for n, part in enumerate(markup.lines(_inline(text))):
            part = part if n or part.mark or not mark else markup.item(part.text, mark)
            self.found.append(Paragraph(part.text, part.mark, where=self.where))
        self.at += 1

    def _numbers_run(self) -> bool:
        """Whether the line above or below is numbered too: one by itself is a heading, not an item of a list."""
        beside = (self.lines[n] for n in (self.at - 1, self.at + 1) if 0 <= n < len(self.lines))
        return any(_NUMBERED.match(line) for line in beside)

    def _verbatim(self) -> None:
        self.at += 1
        while self.at < len(self.lines) and not _FENCE.match(self.lines[self.at]):
            if text := markup.visible(self.lines[self.at]).strip():
                self.found.append(Paragraph(text, where=self.where))
            self.at += 1
        self.at += 1

    def _run(self, belongs: Callable[[str], bool]) -> list[tuple[int, str]]:
        start = self.at
        while self.at < len(self.lines) and belongs(self.lines[self.at]):
            self.at += 1
        return [(n, self.lines[n]) for n in range(start, self.at)]

    def _tab_table(self) -> None:
        run = self._run(lambda line: "\t" in line)
        rows = [(n, [_cell(text) for text in line.split("\t")]) for n, line in run]
        while rows and not any(rows[-1][1]):
            rows.pop()
        if any(sum(1 for cell in cells if cell) > 1 for _, cells in rows):
            self._table(rows)
            return
        self.found += [
            Paragraph(text, where=_where(n)) for n, cells in rows for cell in cells for text in cell
        ]

    def _is_pipe_table(self) -> bool:
        """Whether a rule of dashes or another row stands below."""
        if self.at + 1 == len(self.lines):
            return False
        line, below = self.lines[self.at], self.lines[self.at + 1]
        framed = all(row.strip()[0] == row.strip()[-1] == "|" for row in (line, below) if row.strip())
        return _is_pipe_row(below) and (framed or bool(_PIPE_RULE.match(below)))

    def _pipe_table(self) -> None:
        run = self._run(_is_pipe_row)
        self._table([(n, _pipe_cells(line)) for n, line in run if not _PIPE_RULE.match(line)])

    def _table(self, rows: list[tuple[int, list[tuple[str, ...]]]]) -> None:
        """Rows of unlike length are filled up with blank cells."""
        places = [Place(r, c, cell) for r, (_, cells) in enumerate(rows) for c, cell in enumerate(cells)]
        self.found += grid.blocks(grid.rectangle(places, len(rows)), [_where(n) for n, _ in rows], 1)

    def _html_table(self, start: int) -> None:
        first, line = self.at, self.lines[self.at]
        for part in markup.lines(_inline(line[:start])):
            self.found.append(Paragraph(part.text, part.mark, where=self.where))
        held, rest = self._until_table_end(line[start:])
        source = markup.only_tags(_unbold(held))
        self.found += page.read(source, first)
        if rest.strip():
            self.lines[self.at] = rest
        else:
            self.at += 1

    def _until_table_end(self, line: str) -> tuple[str, str]:
        """The text of the table and what follows on its last line; to the next blank line when it is never closed."""
        held, depth = [], 0
        while True:
            for found in sorted(
                (*_TABLE.finditer(line), *_TABLE_END.finditer(line)), key=lambda match: match.start()
            ):
                depth += -1 if found[0].startswith("</") else 1
                if depth == 0:
                    return "\n".join((*held, line[: found.end()])), line[found.end() :]
            held.append(line)
            more = self.at + 1 < len(self.lines)
            if not more or (not self.lines[self.at + 1].strip() and not self._closed_below()):
                return "\n".join(held), ""
            self.at += 1
            line = self.lines[self.at]

    def _closed_below(self) -> bool:
        return any(_TABLE_END.search(line) for line in self.lines[self.at + 1 :])


def _where(line: int) -> str:
    return f"{line + 1}行目"


def _cell(text: str) -> tuple[str, ...]:
    return tuple(line.whole for line in markup.lines(_inline(text)))


def _is_pipe_row(line: str) -> bool:
    return bool(line.strip()) and "\t" not in line and bool(_PIPE.search(line))


def _pipe_cells(line: str) -> list[tuple[str, ...]]:
    cells = _PIPE.split(line.strip())
    if not cells[0].strip():
        cells = cells[1:]
    if cells and not cells[-1].strip() and line.strip().endswith("|"):
        cells = cells[:-1]
    return [_cell(cell) for cell in cells]


def _unbold(text: str) -> str:
    """The text without the stars around bold words."""
    return _BOLD.sub(r"\1", text)


def _inline(text: str) -> str:
    """The text without markdown's marks inside a line: images, bold words, escapes."""
    return _ESCAPED.sub(r"\1", _unbold(_IMAGE.sub(r"\1", text)))
