"""PDF by typst: the document goes in as JSON and is set by document.typ, so no text is ever read as markup."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import typst

from kenpo.base.document import Block, Chart, Document, Heading, PageBreak, Paragraph, Table
from kenpo.press import drawing
from kenpo.press.fonts import FAMILY, FOLDERS
from kenpo.press.layout import (
    ACCENT,
    BOLD,
    FILLS,
    INK,
    MANY,
    MUTED,
    RULE,
    columns,
    hang,
    judges,
    marked,
    parts,
    short_rows,
    solid,
)

_PORTRAIT, _LANDSCAPE = 174, 261
"""Widths of the text in mm, as in document.typ."""


def render(document: Document) -> bytes:
    """The document as a tagged PDF in Japanese, with only the packaged font, subset."""
    data = {
        "title": document.title,
        "under": document.under,
        "style": {
            "font": FAMILY,
            "ink": INK,
            "muted": MUTED,
            "accent": ACCENT,
            "rule": RULE,
        },
        "parts": [
            {"landscape": part.landscape, "blocks": [_block(b, part.landscape) for b in part.blocks]}
            for part in parts(document)
        ],
    }
    compiler = typst.Compiler(font_paths=_fonts(), ignore_system_fonts=True)
    made = compiler.compile(
        files("kenpo.press").joinpath("document.typ").read_bytes(),
        format="pdf",
        sys_inputs={"document": json.dumps(data, ensure_ascii=False)},
        timestamp=0,
    )
    if not isinstance(made, bytes):
        raise TypeError("typst made no single PDF")
    return made


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(f) for f in FOLDERS]
    )


def _block(block: Block, landscape: bool) -> dict[str, Any]:
    match block:
        case Heading():
            return {"kind": "heading", "text": block.text, "level": block.level}
        case Paragraph():
            line = marked(block)
            return {"kind": "paragraph", **_line(line), "small": block.small, "item": bool(block.mark)}
        case Chart():
            return {"kind": "chart", "title": block.title, "words": block.words, "svg": drawing.svg(block)}
        case Table():
            return _table(block, landscape)
        case PageBreak():
            raise AssertionError("a part holds no page breaks")


def _table(table: Table, landscape: bool) -> dict[str, Any]:
    size, inset = (9, 0.3) if len(table.rows[0]) > MANY else (9.5, 0.6)
    em = (_LANDSCAPE if landscape else _PORTRAIT) / 25.4 * 72 / size
    widths = columns(table, em, padding=2 * inset)
    short = short_rows(table, widths, 2 * inset)
    return {
        "kind": "table",
        "caption": table.caption,
        "widths": widths,
        "size": size,
        "inset": inset,
        "heads": table.heads,
        "cells": [
            {
                "x": x,
                "y": y,
                "lines": [{**_line(line), "mark": judges(cell, line)} for line in cell.lines],
                "head": cell.tone == "head",
                "align": cell.align,
                "fill": FILLS.get(cell.tone, ""),
                "bold": cell.tone in BOLD,
                "muted": cell.tone == "muted",
                "rows": cell.rows,
                "columns": cell.columns,
                "breakable": not short[y],
            }
            for y, row in enumerate(table.rows)
            for x, cell in enumerate(row)
            if not cell.continued
        ],
    }


def _line(line: str) -> dict[str, Any]:
    return {"text": line, "hang": hang(line), "solid": solid(line)}
