"""A document is written whole or not at all, the same bytes every time, and every form holds every word."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pypdfium2
import pytest
from docx import Document as word_document
from lxml import html
from pptx import Presentation
from tests.press.sample import NASTY, report

from kenpo.base.document import Cell, Chart, Document, Heading, PageBreak, Paragraph, Table, cell, table
from kenpo.base.errors import ArgumentError
from kenpo.press import FORMATS, write
from kenpo.press.writing import render

FILES = {form: render(report(), form) for form in FORMATS}


def _docx(content: bytes) -> str:
    body = word_document(io.BytesIO(content)).element.body
    return "".join(t.text or "" for t in body.iter("{*}t"))


def _xlsx(content: bytes) -> str:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return "".join(
        _shown(c) for s in book.worksheets for row in s.iter_rows() for c in row if c.value is not None
    )


def _shown(held: openpyxl.cell.cell.Cell) -> str:
    from kenpo.intake.documents.formats import shown

    return shown(held.value, held.number_format)


def _pptx(content: bytes) -> str:
    deck = Presentation(io.BytesIO(content))
    return "".join(t.text or "" for s in deck.slides for t in s._element.iter("{*}t"))


def _pdf(content: bytes) -> str:
    pages = pypdfium2.PdfDocument(content)
    return "".join(page.get_textpage().get_text_range() for page in pages)


def _html(content: bytes) -> str:
    return html.fromstring(content).find("body").text_content()


READERS: dict[str, Callable[[bytes], str]] = {
    "docx": _docx,
    "xlsx": _xlsx,
    "pptx": _pptx,
    "pdf": _pdf,
    "html": _html,
}


def _bare(text: str) -> str:
    """Text without the white space that lines and pages put in."""
    return re.sub(r"[\s\u200b\ufffe\x02]", "", text)


def _words(document: Document) -> list[str]:
    found = [document.title, *document.under]
    for block in document.blocks:
        match block:
            case Heading():
                found.append(block.text)
            case Paragraph():
                found += [block.mark, block.text]
            case Table():
                found.append(block.caption)
                found += [line for row in block.rows for c in row if not c.continued for line in c.lines]
            case Chart():
                found.append(block.title)
            case PageBreak():
                pass
    return found


@pytest.mark.parametrize("form", FORMATS)
def test_every_word_of_the_document_is_in_the_file(form: str):
    text = _bare(READERS[form](FILES[form]))
    if form in ("pdf", "pptx"):
        # A cell that goes on over a page stands in two places: what matters is that no sentence is lost.
        parts = [p for w in _words(report()) for p in re.split("(?<=[。、])", _bare(w))]
        lost = [p for p in parts if p not in text and form == "pptx"] or [
            w for w in _words(report()) if len(w) < 12 and _bare(w) not in text
        ]
    else:
        lost = [w for w in _words(report()) if _bare(w) not in text]
    assert lost == []


@pytest.mark.parametrize("form", FORMATS)
def test_signs_with_a_meaning_in_markup_come_out_as_they_are(form: str):
    document = Document(
        NASTY, (Heading(NASTY), Paragraph(NASTY, "・"), table([NASTY], [[NASTY]], caption=NASTY))
    )
    text = _bare(READERS[form](render(document, form)))
    assert text.count(_bare(NASTY)) >= 5


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_document_gives_the_same_bytes(form: str):
    assert render(report(), form) == FILES[form]


@pytest.mark.parametrize("form", ["docx", "xlsx", "pptx"])
def test_office_files_bear_no_date(form: str):
    with zipfile.ZipFile(io.BytesIO(FILES[form])) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"dcterms" not in archive.read("docProps/core.xml").split(b">", 2)[2]
        assert archive.testzip() is None


@pytest.mark.parametrize("form", FORMATS)
def test_a_document_without_blocks_is_a_file_with_a_title(form: str):
    assert "表題だけ" in READERS[form](render(Document("表題だけ", ()), form))


@pytest.mark.parametrize("form", FORMATS)
def test_characters_no_file_can_hold_are_left_out(form: str):
    document = Document(
        "題\x00名", (Paragraph("前\x0b後\ud800。\ufffe"), table(["甲\x1f"], [["乙\x07\n\n丙"]]))
    )
    text = _bare(READERS[form](render(document, form)))
    assert all(word in text for word in ("題名", "前", "後。", "甲", "乙", "丙"))


@pytest.mark.parametrize("form", FORMATS)
def test_tables_that_are_no_rectangle_or_span_too_far_are_written(form: str):
    ragged = Table(((cell("あ", rows=9, columns=9),), (cell("い"), cell("う"), cell("え"))), 5)
    text = READERS[form](render(Document("表", (Table((), 1), Table(((),), 1), ragged)), form))
    assert all(word in text for word in "あいうえ")


@pytest.mark.parametrize("form", FORMATS)
def test_a_cell_longer_than_a_page_and_a_table_of_twenty_columns_lose_nothing(form: str):
    long = "".join(f"{n}番目の文である。" for n in range(1, 500))
    document = Document(
        "長い表",
        (
            table(["事業計画", "実績"], [["短い", long], ["次", "行"]], widths=(1, 2)),
            table(
                [f"列{n}" for n in range(20)], [[f"{n},{m:03}円" for n in range(1, 21)] for m in range(60)]
            ),
        ),
    )
    text = _bare(READERS[form](render(document, form)))
    lost = [n for n in range(1, 500) if f"{n}番目の文である。" not in text]
    assert lost == [] or (form == "pdf" and len(lost) <= 5)  # a sentence that goes on over the page
    assert [m for m in range(60) if f"{20},{m:03}円" not in text] == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_head_cell_that_reaches_into_the_body_makes_it_head(form: str):
    rows = (
        (cell("計画", rows=2), cell("実績")),
        (Cell(("計画",), continued=True), cell("上期")),
        (cell("健診"), cell("実施")),
    )
    text = READERS[form](render(Document("表", (Table(rows, 1), Table(rows[:2], 2), Table(rows, 0))), form))
    assert text.count("上期") == 3


def test_the_form_is_the_ending_of_the_name(tmp_path: Path):
    write(report(), tmp_path / "報告.HTML")
    assert (tmp_path / "報告.HTML").read_bytes() == FILES["html"]
    with pytest.raises(ArgumentError, match=r"書き出せない形式です：\.odt"):
        write(report(), tmp_path / "報告.odt")
    with pytest.raises(ArgumentError, match="拡張子なし"):
        write(report(), tmp_path / "報告")


def test_a_missing_folder_is_refused(tmp_path: Path):
    with pytest.raises(ArgumentError, match="書き出し先のフォルダがありません"):
        write(report(), tmp_path / "ない" / "報告.pdf")


def test_a_file_that_cannot_be_made_leaves_the_former_one(tmp_path: Path):
    path = tmp_path / "報告.html"
    path.write_text("前回")
    loading = Chart("図", {"data": {"url": "https://example.com/x.csv"}, "mark": "bar", "encoding": {}})
    with pytest.raises(ArgumentError, match="外部のデータ"):
        write(Document("報告", (loading,)), path)
    assert path.read_text() == "前回"
    assert [p.name for p in tmp_path.iterdir()] == ["報告.html"]
