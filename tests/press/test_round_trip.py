"""What press writes, intake reads back as it was: headings, paragraphs with their marks as text, and tables with their spans."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.press.sample import report

from kenpo.base.document import Chart, Document, Heading, PageBreak, Paragraph, Table
from kenpo.intake.documents import read_document
from kenpo.press import write

Plain = tuple[str, object]


def test_a_report_written_as_word_is_read_back_with_headings_paragraphs_and_tables(tmp_path: Path):
    write(report(), tmp_path / "report.docx")
    read = read_document(tmp_path / "report.docx")
    assert read.title == report().title
    assert list(_plain(read)) == [("heading", (1, report().title)), *_plain(report())]


def test_a_report_written_as_excel_is_read_back_line_by_line_and_table_by_table(tmp_path: Path):
    write(report(), tmp_path / "report.xlsx")
    read = read_document(tmp_path / "report.xlsx")
    sheets = ["1. 基盤的保険者機能関係", "KPI一覧", "3. 組織運営体制関係"]
    found = [(b.level, b.text, b.where) for b in read.blocks if isinstance(b, Heading)]
    assert [text for _, text, where in found if where.endswith("」")] == sheets
    assert [f[:2] for f in found if not f[2].endswith("」")] == [
        (b.level, b.text) for b in report().blocks if isinstance(b, Heading)
    ]
    named = [b for b in read.blocks if not (isinstance(b, Heading) and b.where.endswith("」"))]
    written = [_flat(b) for b in [("paragraph", report().title), *_plain(report())]]
    assert [_flat(b) for b in _plain(replace(read, blocks=tuple(named)))] == written


def _plain(document: Document) -> Iterator[Plain]:
    """What a document says, each block as a word for its kind and its content."""
    for line in document.under:
        yield "paragraph", line
    for block in document.blocks:
        match block:
            case Heading():
                yield "heading", (block.level, block.text)
            case Paragraph():
                yield (
                    "paragraph",
                    f"{block.mark} {block.text}" if len(block.mark) > 1 else block.mark + block.text,
                )
            case Chart():
                yield "paragraph", block.title
            case Table():
                if block.caption:
                    yield "paragraph", block.caption
                yield (
                    "table",
                    (
                        block.heads,
                        tuple(
                            tuple(
                                (
                                    tuple(line.strip() for line in c.lines),
                                    (c.rows, c.columns) if not c.continued else "continued",
                                )
                                for c in row
                            )
                            for row in block.rows
                        ),
                    ),
                )
            case PageBreak():
                pass


def _flat(block: Plain) -> object:
    """A heading as its text; a table without the count of its heads."""
    kind, content = block
    return content[1] if kind in ("heading", "table") else content  # type: ignore[index]
