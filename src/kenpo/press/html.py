"""HTML: one page that needs nothing from outside, for a screen of any width and for paper (ウェブページ)."""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files
from itertools import groupby

from kenpo.base.document import Block, Cell, Chart, Document, Heading, PageBreak, Paragraph, Table
from kenpo.press import drawing
from kenpo.press.layout import columns, hang, judges, marked, parts, solid, width


def render(document: Document) -> bytes:
    """The document as a page of HTML."""
    sheet = files("kenpo.press").joinpath("document.css").read_text(encoding="utf-8")
    body: list[str] = []
    charts = 0
    for n, part in enumerate(parts(document)):
        inside: list[str] = []
        for item, group in groupby(part.blocks, lambda b: isinstance(b, Paragraph) and bool(b.mark)):
            blocks = list(group)
            if item:
                inside.append(_list(blocks))
                continue
            for block in blocks:
                charts += isinstance(block, Chart)
                inside.append(_block(block, charts))
        kind = " class=landscape" if part.landscape else ""
        head = _head(document) if n == 0 else ""
        body.append(f"<section{kind}>\n{head}{''.join(inside)}</section>\n")
    return (
        '<!DOCTYPE html>\n<html lang="ja">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>\n{sheet}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(body)}</main>\n</body>\n</html>\n"
    ).encode()


def _head(document: Document) -> str:
    under = "".join(f"<p>{escape(line)}</p>" for line in document.under)
    return f"<header>\n<h1>{escape(document.title)}</h1>\n{under}</header>\n"


def _block(block: Block, number: int) -> str:
    match block:
        case Heading():
            level = min(max(block.level, 1), 4) + 1
            return f"<h{level}>{escape(block.text)}</h{level}>\n"
        case Paragraph():
            small = " class=note" if block.small else ""
            return f"<p{small}>{_line(block.text)}</p>\n"
        case Chart():
            return _chart(block, number)
        case Table():
            return _table(block)
        case PageBreak():
            raise AssertionError("a part holds no page breaks")


def _list(items: list[Block]) -> str:
    lines = (marked(item) for item in items if isinstance(item, Paragraph))
    inside = "".join(f"<li{_hang(line)}>{_line(line)}</li>\n" for line in lines)
    return f'<ul role="list">\n{inside}</ul>\n'


def _line(line: str) -> str:
    """A text, escaped; a long word, such as an address on the web, may be broken behind its signs."""
    return "".join(
        "<wbr>".join(escape(piece) for piece in _PIECE.findall(part)) if n % 2 else escape(part)
        for n, part in enumerate(_WORD.split(line))
    )


_WORD = re.compile(r"([!-~]{18,})")
_PIECE = re.compile(r".[^/._?&=-]*[/._?&=-]*")


def _hang(line: str) -> str:
    em = hang(line)
    return f' style="padding-left:{em:g}em;text-indent:-{em:g}em"' if em else ""


def _table(table: Table) -> str:
    widths = columns(table, 60)
    cols = "".join(f'<col style="width:{100 * w / sum(widths):.1f}%">' for w in widths)
    head = "".join(_row(row, head=True) for row in table.rows[: table.heads])
    body = "".join(_row(row, head=False) for row in table.rows[table.heads :])
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    label = escape(table.caption or "表")
    return (
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">\n'
        f'<table style="min-width:{_least(table):g}em">{caption}<colgroup>{cols}</colgroup>\n'
        f"{f'<thead>{head}</thead>' if head else ''}<tbody>\n{body}</tbody></table>\n</div>\n"
    )


def _least(table: Table) -> float:
    """The width in em below which the table is moved sideways instead of being squeezed."""
    longest = [
        max((width(line) for c in column for line in c.lines), default=0)
        for column in zip(*table.rows, strict=True)
    ]
    return sum(14 if em > 40 else 8 if em > 12 else 5.5 for em in longest)


def _row(row: tuple[Cell, ...], *, head: bool) -> str:
    cells = "".join(_cell(cell, head=head, first=x == 0) for x, cell in enumerate(row) if not cell.continued)
    return f"<tr>{cells}</tr>\n"


def _cell(cell: Cell, *, head: bool, first: bool) -> str:
    across = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
    across += f' colspan="{cell.columns}"' if cell.columns > 1 else ""
    if head:
        tag, scope = "th", ' scope="colgroup"' if cell.columns > 1 else ' scope="col"'
    elif first and cell.tone == "head":
        tag, scope = "th", ' scope="rowgroup"' if cell.rows > 1 else ' scope="row"'
    else:
        tag, scope = "td", ""
    kinds = " ".join(k for k in (cell.align if cell.align != "left" else "", cell.tone) if k)
    kind = f' class="{kinds}"' if kinds else ""
    inside = "".join(f"<p{_kind(cell, line)}{_hang(line)}>{_line(line)}</p>" for line in cell.lines)
    return f"<{tag}{across}{scope}{kind}>{inside}</{tag}>"


def _kind(cell: Cell, line: str) -> str:
    return " class=mark" if judges(cell, line) else " class=solid" if solid(line) else ""


def _chart(chart: Chart, number: int) -> str:
    name = f"chart{number}"
    drawn = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', drawing.svg(chart))
    drawn = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", drawn)
    named = f'<title id="{name}-title">{escape(chart.title)}</title><desc id="{name}-desc">{escape(chart.words)}</desc>'
    drawn = re.sub(
        r"^<svg\b([^>]*)>",
        lambda m: f'<svg{m[1]} role="img" aria-labelledby="{name}-title {name}-desc">{named}',
        drawn,
        count=1,
    )
    return (
        f"<figure>\n<figcaption>{escape(chart.title)}</figcaption>\n"
        f'<div class="scroll" role="region" aria-label="{escape(chart.title)}" tabindex="0">{drawn}</div>\n</figure>\n'
    )
