"""What all forms need to know of a page: parts, hanging marks, widths of text and of columns, colours (組版)."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from kenpo.base.document import Block, Cell, Document, Heading, PageBreak, Paragraph, Table, Tone

FILLS: dict[Tone, str] = {"good": "DCEBF7", "warn": "FFF2C6", "bad": "FBDFD2", "head": "E6EBF1"}
"""The tint behind a cell of each tone: told apart by the colour-blind, and dark text on each has AAA contrast."""

INK = "1A1A1A"
MUTED = "595959"
ACCENT = "1F4E79"
RULE = "8C96A3"

BOLD: frozenset[Tone] = frozenset({"head", "bad"})
"""Tones set in bold, so that they show in black and white as well."""

SHORT = 18
"""A row of at most this many lines is kept on one page."""

MARK_SIZE = 1.35
"""How much larger than its text a line of marks is set."""

MANY = 9
"""A table of more columns than this is set in smaller type and with less room beside its texts."""

_MARK = (
    r"[・･○●◎◇◆□■△▲▽▼☆★※→⇒✓•‣＊]"
    r"|[\u2460-\u2473\u3251-\u325f\u32b1-\u32bf\u2776-\u277f]"
    r"|[（(](?:[0-9０-９]{1,3}|[ア-ン]|[ｱ-ﾝ]|[ivxⅰ-ⅻ]{1,4}|[a-zA-Z])[）)]"
    r"|(?:[0-9]{1,2}|[ivx]{1,4}|[ア-ン])[)）]"
    r"|[0-9]{1,2}[.．](?=[ 　])"
    r"|[-－–](?=[ 　])"
)
_MARKED = re.compile(rf"[ 　]*(?:{_MARK})[ 　]*(?=[^ 　])")
_MARKS = re.compile(r"[◎○△×－](?: [◎○△×－])*")
_NUMBER = re.compile(r"[△▲▼+＋\-－−±約]?[0-9０-９][0-9０-９,，.．]*[^\s0-9]{0,4}")


@dataclass(frozen=True)
class Part:
    """Blocks that stand on pages of one direction, on a sheet, or on slides that begin anew (章)."""

    name: str
    landscape: bool
    blocks: tuple[Block, ...]


def parts(document: Document) -> tuple[Part, ...]:
    """The document cut at its page breaks. A page break that comes first only names and turns the first part."""
    found: list[tuple[PageBreak, list[Block]]] = [(PageBreak(), [])]
    for block in document.blocks:
        if isinstance(block, PageBreak):
            if len(found) == 1 and not found[0][1]:
                found.clear()
            found.append((block, []))
        else:
            found[-1][1].append(block)
    return tuple(
        Part(
            b.name or next((x.text for x in blocks if isinstance(x, Heading)), ""),
            b.landscape or document.landscape,
            tuple(blocks),
        )
        for b, blocks in found
    )


def marked(paragraph: Paragraph) -> str:
    """The paragraph's text with its mark before it: ・ and ① directly, (1) and the like with a space between."""
    gap = " " if len(paragraph.mark) > 1 else ""
    return f"{paragraph.mark}{gap}{paragraph.text}"


def hang(line: str) -> float:
    """How far the line's second and later lines are set in, in em: the width of a mark it begins with, or 0."""
    found = _MARKED.match(line)
    return min(width(found[0]), 4) if found and not solid(line) else 0


def width(text: str) -> float:
    """The width of a text in em: 1 for a full-width character, a little over one half for a half-width one."""
    return sum(_em(c) for c in text)


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WFA":
        return 1
    if character in "%@mwMW&":
        return 0.95
    return 0.65 if character.isupper() else 0.58


def wrapped(line: str, em: float) -> int:
    """How many lines a line of text takes in a column of this width, with one character lost to kinsoku on each."""
    room = max(em - 1, 1) if width(line) > em else em
    return max(1, math.ceil(width(line) / room))


def depth(lines: Iterable[str], em: float) -> int:
    """How many lines a cell's paragraphs take in a column of this width."""
    return sum(wrapped(line, em - hang(line)) for line in lines) or 1


def columns(table: Table, em: float, *, padding: float = 1) -> list[float]:
    """The widths of the table's columns in em, em together: as Table.widths, but none too narrow for its numbers.

    em: the width of the whole table in characters of its text. padding: what each cell loses of its width.
    """
    count = len(table.rows[0])
    shares = [w for w, _ in zip_longest(table.widths[:count], range(count), fillvalue=1.0)]
    total = sum(shares) or 1
    wanted = [em * share / total for share in shares]
    for word in (4, 3, 2.2):
        least = [padding + max(_tight(row[i], word) for row in table.rows) for i in range(count)]
        if sum(least) < em:
            break
    else:
        return [em * x / sum(least) for x in least]
    fixed: set[int] = set()
    while True:
        free = em - sum(least[i] for i in fixed)
        base = sum(wanted[i] for i in range(count) if i not in fixed) or 1
        now = [least[i] if i in fixed else wanted[i] * free / base for i in range(count)]
        short = {i for i in range(count) if i not in fixed and now[i] < least[i]}
        if not short:
            return now
        fixed |= short


def _tight(cell: Cell, word: float) -> float:
    """What a cell needs so that its numbers and words of at most this width are not broken."""
    if cell.continued or cell.columns > 1:
        return 0
    return max(
        (width(line) + 0.2 if solid(line) else min(width(line) + 0.2, word) for line in cell.lines), default=0
    )


def solid(line: str) -> bool:
    """Whether a line is a number with its unit, which must not be broken: 8,373円, △0.3ポイント, 59.9%."""
    return bool(_NUMBER.fullmatch(line)) and width(line) < 12


def judges(cell: Cell, line: str) -> bool:
    """Whether a line of a cell is marks alone (◎ ○ △ － ×), which are set larger so that they are seen at once."""
    return cell.align == "left" and bool(_MARKS.fullmatch(line))


def span(row: Sequence[float], start: int, cell: Cell) -> float:
    """The width of a cell that begins in column start."""
    return sum(row[start : start + cell.columns])


def short_rows(table: Table, widths: Sequence[float], padding: float = 1) -> list[bool]:
    """For each row, whether it is kept on one page. A row that shares a spanning cell is judged by its own cells."""
    return [
        all(
            cell.rows > 1 or cell.continued or depth(cell.lines, span(widths, i, cell) - padding) <= SHORT
            for i, cell in enumerate(row)
        )
        for row in table.rows
    ]


def heights(table: Table, widths: Sequence[float], *, padding: float, line: float, gap: float) -> list[float]:
    """The height of each row: its deepest cell's lines and a gap. The last row of a span holds what is left of it."""
    found = [line + gap for _ in table.rows]
    spans: list[tuple[int, int, float]] = []
    for y, row in enumerate(table.rows):
        for x, cell in enumerate(row):
            if cell.continued:
                continue
            need = depth(cell.lines, span(widths, x, cell) - padding) * line + gap
            if cell.rows > 1:
                spans.append((y, y + cell.rows, need))
            else:
                found[y] = max(found[y], need)
    for start, end, need in sorted(spans, key=lambda s: s[1]):
        found[end - 1] += max(0, need - sum(found[start:end]))
    return found
