"""Word, Excel and PowerPoint: real styles, real numbers, real tables, nothing over the edge."""

import io
from decimal import Decimal

import openpyxl
import pytest
from docx import Document as word_document
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st
from pptx import Presentation
from pptx.util import Pt
from tests.press.sample import report

from kenpo.base.document import Document, Heading, PageBreak, Paragraph, table
from kenpo.intake.documents.formats import shown
from kenpo.press import docx, pptx, xlsx

WORD = word_document(io.BytesIO(docx.render(report())))
BOOK = openpyxl.load_workbook(io.BytesIO(xlsx.render(report())))
DECK = Presentation(io.BytesIO(pptx.render(report())))


def test_word_uses_its_own_styles_with_a_japanese_font():
    names = {p.style.name for p in WORD.paragraphs if p.style}
    assert {"Title", "Heading 1", "Heading 2", "Normal", "List", "Caption"} <= names
    for name in names:
        assert WORD.styles[name].element.rPr.rFonts.get(qn("w:eastAsia")) == "游ゴシック"


def test_word_repeats_head_rows_and_keeps_short_rows_whole():
    rows = WORD.tables[0].rows
    assert [r._tr.find(f".//{qn('w:tblHeader')}") is not None for r in rows][:3] == [True, False, False]
    kept = [r._tr.find(f".//{qn('w:cantSplit')}") is not None for r in rows]
    assert kept[0] and not kept[1] and kept[2]


def test_word_turns_the_page_for_a_landscape_part_and_counts_pages():
    assert [s.page_width > s.page_height for s in WORD.sections] == [False, True, False]
    fields = [f.get(qn("w:instr")) for f in WORD.sections[0].footer._element.iter(qn("w:fldSimple"))]
    assert fields == ["PAGE", "NUMPAGES"]


def test_word_and_powerpoint_describe_their_charts():
    described = [p.get("descr") for p in WORD.element.body.iter("{*}docPr")]
    assert len(described) == 4 and "山口 11位" in (described[2] or "")
    pictures = [
        p.get("descr") or "" for s in DECK.slides for p in s._element.iter("{*}cNvPr") if p.get("descr")
    ]
    assert sum("支部中" in text for text in pictures) == 2


def test_excel_has_a_sheet_per_part_ready_to_print():
    assert BOOK.sheetnames == ["1. 基盤的保険者機能関係", "KPI一覧", "3. 組織運営体制関係"]
    sheet = BOOK["KPI一覧"]
    assert sheet.page_setup.orientation == "landscape" and int(sheet.page_setup.paperSize) == 9
    assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (
        1,
        0,
    ) or sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.print_title_rows == "$4:$5"
    assert sheet.freeze_panes == "A6"
    assert sheet.oddFooter.center.text == "&P / &N"


def test_numbers_in_excel_are_numbers_shown_as_printed():
    held = {shown(c.value, c.number_format): c for row in BOOK["KPI一覧"].iter_rows() for c in row}
    assert held["0.280%"].value == pytest.approx(0.0028, abs=1e-15)
    assert (held["106,143人"].value if "106,143人" in held else None) == 106_143
    assert held["95.0%以上"].value == "95.0%以上"


@given(st.from_regex(r"-?[0-9,]{1,9}(\.[0-9]{1,4})?(%|円|件|位)?", fullmatch=True))
def test_a_number_in_excel_shows_exactly_the_text_it_was(text: str):
    found = xlsx.number(text)
    if found:
        assert shown(found[0], found[1]) == text
        assert Decimal(repr(found[0])) == Decimal(f"{found[0]:.15g}")


@pytest.mark.parametrize(
    "text", ["0123", "12,34", "1,2345", "-0", "1.", ".5", "３０", "△5", "+5", "1234567890123456", "5 %", ""]
)
def test_what_is_no_plain_number_stays_text(text: str):
    assert xlsx.number(text) is None


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", '=HYPERLINK("http://x")', "\t=1", "{=1}"]
)
def test_text_never_becomes_a_formula(text: str):
    document = Document(
        text, (Heading(text), Paragraph(text), table([text], [[text], [f"甲\n{text}"]], caption=text))
    )
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(document)))
    cells = [c for s in book.worksheets for row in s.iter_rows() for c in row if c.value is not None]
    assert len(cells) == 7
    assert {c.data_type for c in cells} == {"s"}
    assert all(c.quotePrefix for c in cells if c.value[0] in "=+-@")


def test_sheets_have_names_excel_takes():
    names = ["a/b:c*d?[e]\\f", "同じ", "同じ", "'", "History", "長" * 40, "長" * 40]
    blocks = tuple(b for n in names for b in (PageBreak(n), Paragraph("本文")))
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(Document("題", blocks))))
    assert book.sheetnames == [
        "a b c d  e  f",
        "同じ",
        "同じ (2)",
        "シート",
        "History (2)",
        "長" * 31,
        "長" * 27 + " (2)",
    ]


def test_without_page_breaks_each_chapter_has_its_sheet():
    blocks = (
        Paragraph("はじめに"),
        Heading("甲"),
        Paragraph("あ"),
        Heading("小", 2),
        Heading("乙"),
        Paragraph("い"),
    )
    assert openpyxl.load_workbook(io.BytesIO(xlsx.render(Document("題", blocks)))).sheetnames == ["甲", "乙"]


def test_no_shape_runs_over_the_edge_of_its_slide():
    for slide in DECK.slides:
        for shape in slide.shapes:
            assert shape.left >= 0 and shape.top >= 0
            assert shape.left + shape.width <= DECK.slide_width
            assert shape.top + shape.height <= Pt(531)


def test_slides_have_titles_numbers_and_text_large_enough():
    slides = list(DECK.slides)
    titles = [s.shapes.title.text for s in slides if s.shapes.title]
    assert titles[0] == report().title
    assert titles[1:3] == ["1. 基盤的保険者機能関係", "1. 基盤的保険者機能関係（続き）"]
    assert titles[-2:] == ["2. 令和3年度 KPI目標の進捗状況", "3. 組織運営体制関係"]
    sizes = {int(r.get("sz")) for s in slides for r in s._element.iter("{*}rPr") if r.get("sz")}
    assert min(sizes) >= 1200
    numbers = [f"{n} / {len(slides)}" for n in range(2, len(slides) + 1)]
    shown_numbers = ["".join(t.text for t in list(s._element.iter("{*}t"))[-2:]) for s in slides[1:]]
    assert shown_numbers == numbers


@settings(max_examples=25)
@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(
            st.lists(st.text("あい。、a1 ・", max_size=900), min_size=n, max_size=n), min_size=1, max_size=9
        )
    )
)
def test_a_table_split_over_slides_keeps_every_character_of_each_column_in_order(rows: list[list[str]]):
    made = pptx.render(Document("題", (Heading("章"), table(["見出し"] * len(rows[0]), rows))))
    deck = Presentation(io.BytesIO(made))
    tables = [shape for s in deck.slides for shape in s.shapes if shape.has_table]
    for x in range(len(rows[0])):
        held = "".join(t.table.cell(y, x).text for t in tables for y in range(1, len(t.table.rows)))
        assert held == "".join(row[x] for row in rows)
    assert all(t.top + t.height <= Pt(505) for t in tables)


def test_head_rows_stand_on_every_slide_of_a_table():
    tables = [shape.table for s in DECK.slides for shape in s.shapes if shape.has_table]
    assert len(tables) > 6
    assert {t.cell(0, 0).text for t in tables} == {"事業計画", "KPI", "項目"}
