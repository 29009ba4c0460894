"""Reading of plan and progress documents (事業計画・進捗報告): text, markdown, HTML, Word, Excel and PDF into a Document.

Each kind has its reader: `plain`, `page`, `word` (with `numbering`), `book` (with `formats`), `portable` (with `rules`).
`markup` reads HTML inside text, `grid` makes tables of cells that span others, `kinds` tells what a file is.
"""

from __future__ import annotations

from pathlib import Path

from kenpo.base.document import Block, Document, Heading, Paragraph
from kenpo.base.errors import InputFileError
from kenpo.intake.documents import book, kinds, page, plain, portable, word

_LONG_TITLE = 100


def read_document(path: Path) -> Document:
    """The document in a file, told by its content first and its ending second.

    Every block says where it stands (`where`). The title is a copy of the first heading or line, which stays in the
    blocks; the file's name when the document begins with a table. Raises InputFileError: not_found, empty, unreadable
    (damaged, with a password, a PDF without text), unknown_format, too_large.
    """
    file = kinds.opened(path)
    title = ""
    if file.kind == "text":
        blocks = plain.read(kinds.decoded(file))
    elif file.kind == "html":
        blocks = page.read(kinds.decoded(file))
    elif file.kind == "docx":
        with kinds.reading(file.name, "Word文書"):
            blocks, title = word.read(file.content)
    elif file.kind == "xlsx":
        with kinds.reading(file.name, "Excelのファイル"):
            blocks, title = book.read(file.name, file.content)
    else:
        with kinds.reading(file.name, "PDF"):
            blocks = portable.read(file.name, file.content)
    if not blocks:
        raise InputFileError(
            "文書に文字がありません。", where=file.name, todo="元のファイルを確かめてください。", code="empty"
        )
    return Document(title or _title(blocks) or path.stem, tuple(blocks))


def _title(blocks: list[Block]) -> str:
    first = blocks[0]
    if isinstance(first, Heading | Paragraph) and len(first.text) <= _LONG_TITLE:
        return first.text
    return ""
