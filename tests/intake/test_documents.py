"""Documents as people have them: what is read from text, HTML, Word, Excel and PDF, and what is refused."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import cast

import docx
import docx.document
import docx.text.paragraph
import noto_cjk_sans_jp_regular
import openpyxl
import pypdfium2
import pytest
import typst
from docx.oxml.parser import parse_xml
from docx.oxml.xmlchemy import BaseOxmlElement
from openpyxl.worksheet.worksheet import Worksheet
from PIL import Image

from kenpo.base.document import Block, Document, Heading, Paragraph, Table
from kenpo.base.errors import InputFileError
from kenpo.intake.documents import read_document

PLANS = Path(__file__).parents[2].parent / "shared" / "plans"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
MARKUP = re.compile(r"</?(?:p|ul|li|br)(?:\s[^<>]*)?/?>")


def read(tmp_path: Path, name: str, content: str | bytes) -> Document:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_document(path)


def refused(tmp_path: Path, name: str, content: str | bytes) -> InputFileError:
    with pytest.raises(InputFileError) as error:
        read(tmp_path, name, content)
    return error.value


def texts(blocks: tuple[Block, ...]) -> list[str]:
    """Headings as their number signs, paragraphs with their mark, tables as rows of cells."""
    found = []
    for block in blocks:
        if isinstance(block, Heading):
            found.append(f"{'#' * block.level} {block.text}")
        elif isinstance(block, Paragraph):
            found.append(f"{block.mark}|{block.text}" if block.mark else block.text)
        elif isinstance(block, Table):
            found += [" / ".join(cell.text for cell in row) for row in block.rows]
    return found


def the_table(document: Document) -> Table:
    (table,) = [block for block in document.blocks if isinstance(block, Table)]
    return table


def spans(table: Table) -> list[list[str]]:
    """Each cell as its text, its span when it has one, and = where it is continued."""
    return [
        [
            "=" + cell.text
            if cell.continued
            else cell.text + (f" {cell.rows}x{cell.columns}" if cell.rows * cell.columns > 1 else "")
            for cell in row
        ]
        for row in table.rows
    ]


def every_character(document: Document) -> str:
    held = []
    for block in document.blocks:
        if isinstance(block, Heading | Paragraph):
            held.append(getattr(block, "mark", "") + block.text)
        elif isinstance(block, Table):
            assert {len(row) for row in block.rows} == {len(block.rows[0])}
            assert len(block.rows_where) == len(block.rows)
            held += [cell.text for row in block.rows for cell in row if not cell.continued]
    return re.sub(r"\s", "", "".join(held))


# --- text and markdown


@pytest.mark.skipif(not PLANS.is_dir(), reason="the published plans are not at hand")
@pytest.mark.parametrize("name", ["tokyo_fy2023_h1", "yamaguchi_fy2021_q1", "honbu_fy2021"])
def test_nothing_of_a_published_plan_is_lost(name: str):
    path = PLANS / f"{name}.txt"
    text = path.read_text("utf-8")
    wanted = re.sub(r"(?m)^(?:#+ |\s*- )", "", text)
    wanted = re.sub(r"\s", "", html.unescape(MARKUP.sub("", wanted)))
    found = iter(every_character(read_document(path)))
    for n, character in enumerate(wanted):
        assert character in found, wanted[max(0, n - 40) : n + 1]


@pytest.mark.skipif(not PLANS.is_dir(), reason="the published plans are not at hand")
@pytest.mark.parametrize(
    ("name", "title", "tables"),
    [
        ("tokyo_fy2023_h1", "令和5年度上期 東京支部事業計画の進捗状況について", 24),
        ("yamaguchi_fy2021_q1", "令和3年度山口支部事業計画の進捗について", 29),
        ("honbu_fy2021", "令和3年度全国健康保険協会事業計画(案)について", 20),
    ],
)
def test_the_published_plans_have_their_title_and_tables(name: str, title: str, tables: int):
    document = read_document(PLANS / f"{name}.txt")
    assert document.title == title
    assert sum(isinstance(block, Table) for block in document.blocks) == tables


def test_lines_with_tabs_are_a_table_and_their_cells_hold_lines(tmp_path: Path):
    table = the_table(
        read(
            tmp_path,
            "plan.txt",
            "事業計画\t実施状況\n"
            '<p>① 財政</p> <ul style="list-style-type: none"> 説明する。 広報する。\t<p>評議会<br>7月</p>\n'
            "\t<ul> <li>・一つ</li> <li>二つ</li> </ul>\n",
        )
    )
    assert [[cell.lines for cell in row] for row in table.rows] == [
        [("事業計画",), ("実施状況",)],
        [("① 財政", "説明する。 広報する。"), ("評議会", "7月")],
        [(), ("・一つ", "・二つ")],
    ]
    assert table.heads == 1
    assert table.rows_where == ("1行目", "2行目", "3行目")


def test_a_row_of_another_length_keeps_all_its_cells(tmp_path: Path):
    table = the_table(read(tmp_path, "plan.txt", "計画\t実績\n1\t2\t3\n4\n\n5"))
    assert texts((table,)) == ["計画 / 実績 / ", "1 / 2 / 3"]


def test_markdown_headings_lists_and_rules(tmp_path: Path):
    document = read(
        tmp_path,
        "plan.md",
        "# 事業計画\n令和5年度\n\n1. 基盤的保険者機能\n\n## ○サービス水準 ##\n- ・ 遵守する\n- ◆ 広報する\n* 郵送\n"
        "---\n1. 一\n2. 二\n\n**■ KPI** 100\\*\n#見出しではない\n",
    )
    assert document.title == "事業計画"
    assert texts(document.blocks) == [
        "# 事業計画",
        "令和5年度",
        "1. 基盤的保険者機能",
        "## ○サービス水準",
        "・|遵守する",
        "・|◆ 広報する",
        "・|郵送",
        "1.|一",
        "2.|二",
        "■ KPI 100*",
        "#見出しではない",
    ]
    assert document.blocks[-1].where == "15行目"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_markdown_table(tmp_path: Path):
    table = the_table(
        read(
            tmp_path,
            "plan.md",
            "KPI\n\n| 項目 | 目標 |\n|:---|---:|\n| a<br>b | 59.9%以上 |\n| c \\| d | |\n終わり",
        )
    )
    assert texts((table,)) == ["項目 / 目標", "a\nb / 59.9%以上", "c | d / "]
    assert table.rows_where == ("3行目", "5行目", "6行目")


def test_an_html_table_inside_text(tmp_path: Path):
    document = read(
        tmp_path,
        "plan.md",
        "前 <table><thead><tr><th>項目</th>\n<th colspan='2'>値</th></tr></thead>\n\n"
        "<tr><td rowspan=2>甲</td><td>1</td><td>2</td></tr>\n<tr><td>3<br>4</td></tr></table> 後\n## 次\n",
    )
    assert spans(the_table(document)) == [
        ["項目", "値 1x2", "=値"],
        ["甲 2x1", "1", "2"],
        ["=甲", "3\n4", ""],
    ]
    assert the_table(document).rows_where == ("1行目", "4行目", "5行目")
    assert texts(document.blocks)[0] == "前" and texts(document.blocks)[-2:] == ["後", "## 次"]


def test_signs_that_are_no_tags_stay(tmp_path: Path):
    document = read(tmp_path, "plan.txt", "<p>A<B <数値目標> &lt;x&gt; R&D</p>\n<数値目標> p<0.05\n")
    assert texts(document.blocks) == ["A<B <数値目標> <x> R&D", "<数値目標> p<0.05"]


def test_characters_without_width_are_dropped_and_wide_ones_kept(tmp_path: Path):
    assert texts(read(tmp_path, "a.txt", "５９\u200b.９％\ufeff ｶﾅ").blocks) == ["５９.９％ ｶﾅ"]


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_encodings(tmp_path: Path, coding: str):
    assert read(tmp_path, "a.txt", "①髙橋 事業計画\r\n実績～".encode(coding)).title == "①髙橋 事業計画"


def test_a_document_that_begins_with_a_table_is_called_as_its_file(tmp_path: Path):
    assert read(tmp_path, "令和5年度.txt", "a\tb\nc\td").title == "令和5年度"


# --- HTML


def test_an_html_page(tmp_path: Path):
    page = """<!DOCTYPE html><html><head><meta charset="shift_jis"><title>x</title><style>p<b{}</style></head>
<body><h1>事業<br>計画</h1><div>前<b>文</b><p>段落&nbsp;一<br/>行二</p>後</div>
<ol><li>一<ul><li>ア</li></ul></li><li>二</li></ol><script>var a = "<p>";</script>
<table><tr><th>項目</th><th>値</th></tr><tr><th>甲</th><td><p>1</p><table><tr><td>2</td></tr></table></td></tr></table>
<数値目標> 50%
</body></html>"""
    document = read(tmp_path, "plan.html", page.encode("cp932"))
    assert texts(document.blocks) == [
        "# 事業 計画",
        "前文",
        "段落 一",
        "行二",
        "後",
        "1.|一",
        "・|ア",
        "2.|二",
        "項目 / 値",
        "甲 / 1\n2",
        "<数値目標> 50%",
    ]
    assert the_table(document).rows_where == ("4行目", "4行目")


def test_html_is_known_whatever_its_name(tmp_path: Path):
    assert texts(read(tmp_path, "book.xls", "<html><table><tr><td>a<td>b</table></html>").blocks) == ["a / b"]


# --- Word


def saved(tmp_path: Path, word: docx.document.Document) -> Path:
    path = tmp_path / "plan.docx"
    word.save(str(path))
    return path


def xml(text: str) -> BaseOxmlElement:
    return cast(BaseOxmlElement, parse_xml(text.replace(">", f' xmlns:w="{WORD}">', 1)))


def numbered(paragraph: docx.text.paragraph.Paragraph, number: int, level: int = 0) -> None:
    properties = paragraph._p.get_or_add_pPr()
    properties.append(xml(f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'))


def declare_lists(word: docx.document.Document) -> None:
    """List 91 counts ① and (ア) below it, list 92 has bullets of a symbol font, list 93 begins 91 anew at 3."""
    root = word.part.numbering_part.element
    bullet = '<w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="\uf06e"/></w:lvl>'
    levels = (
        '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimalEnclosedCircle"/><w:lvlText w:val="%1"/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="aiueoFullWidth"/><w:lvlText w:val="(%2)"/></w:lvl>'
    )
    for number, inside in ((91, levels), (92, bullet)):
        root.insert(0, xml(f'<w:abstractNum w:abstractNumId="{number}">{inside}</w:abstractNum>'))
        root.append(xml(f'<w:num w:numId="{number}"><w:abstractNumId w:val="{number}"/></w:num>'))
    over = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="3"/></w:lvlOverride>'
    root.append(xml(f'<w:num w:numId="93"><w:abstractNumId w:val="91"/>{over}</w:num>'))


def test_a_word_document_in_the_order_of_its_body(tmp_path: Path):
    word = docx.Document()
    word.add_paragraph("資料1")
    word.add_paragraph("令和5年度 事業計画", style="Title")
    word.add_heading("基盤的保険者機能", 1)
    word.add_paragraph("")
    word.add_paragraph("一行目\n二行目")
    word.add_paragraph("取組", style="List Bullet")
    word.add_table(1, 2).cell(0, 0).text = "項目"
    word.add_heading("KPI", 2)
    document = read_document(saved(tmp_path, word))
    assert document.title == "令和5年度 事業計画"
    assert texts(document.blocks) == [
        "資料1",
        "# 令和5年度 事業計画",
        "# 基盤的保険者機能",
        "一行目",
        "二行目",
        "・|取組",
        "項目 / ",
        "## KPI",
    ]
    assert [getattr(block, "where", "") for block in document.blocks] == [
        "段落1",
        "段落2",
        "段落3",
        "段落5",
        "段落5",
        "段落6",
        "表1の1行目",
        "段落7",
    ]


def test_numbers_that_word_counts_are_marks(tmp_path: Path):
    word = docx.Document()
    declare_lists(word)
    for text, number, level in (
        ("財政", 91, 0), ("保険料率", 91, 1), ("意見発信", 91, 1), ("水準", 91, 0), ("郵送", 91, 1), ("黒四角", 92, 0), ("三", 93, 0),
    ):  # fmt: skip
        numbered(word.add_paragraph(text), number, level)
    numbered(word.add_heading("見出し", 2), 91)
    cell = word.add_table(1, 2).cell(0, 0)
    numbered(cell.paragraphs[0], 91)
    cell.paragraphs[0].add_run("表の中")
    assert texts(read_document(saved(tmp_path, word)).blocks) == [
        "①|財政",
        "(ア)|保険料率",
        "(イ)|意見発信",
        "②|水準",
        "(ア)|郵送",
        "■|黒四角",
        "③|三",
        "## ④見出し",
        "⑤表の中 / ",
    ]


def test_cells_of_a_word_table_that_span_others(tmp_path: Path):
    word = docx.Document()
    table = word.add_table(4, 3)
    for r, row in enumerate(["項目 目標 ", " KPI 実績", "甲 1 2", " 3 4"]):
        for cell, text in zip(table.rows[r].cells, row.split(" "), strict=True):
            cell.text = text
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(2, 0).merge(table.cell(3, 0))
    inner = table.cell(3, 2).add_table(2, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text, inner.cell(1, 0).text = "内", "側", "下"
    found = the_table(read_document(saved(tmp_path, word)))
    assert spans(found) == [
        ["項目 2x1", "目標 1x2", "=目標"],
        ["=項目", "KPI", "実績"],
        ["甲 2x1", "1", "2"],
        ["=甲", "3", "4\n内\u3000側\n下"],
    ]
    assert found.heads == 2
    assert found.rows_where == tuple(f"表1の{n}行目" for n in (1, 2, 3, 4))


def test_rows_that_word_repeats_on_every_page_are_heads(tmp_path: Path):
    word = docx.Document()
    table = word.add_table(3, 2)
    for row in table.rows:
        row.cells[0].text = "a"
    for row in list(table.rows)[:2]:
        row._tr.get_or_add_trPr().append(xml("<w:tblHeader></w:tblHeader>"))
    assert the_table(read_document(saved(tmp_path, word))).heads == 2


def test_a_frame_of_one_cell_is_text(tmp_path: Path):
    word = docx.Document()
    word.add_table(1, 1).cell(0, 0).text = "■ KPI\n100%"
    assert texts(read_document(saved(tmp_path, word)).blocks) == ["■ KPI", "100%"]


def test_tracked_changes_are_read_as_accepted(tmp_path: Path):
    word = docx.Document()
    paragraph = word.add_paragraph("目標は")
    run = "<w:r><w:t>{}</w:t></w:r>"
    for part in (
        f'<w:del w:id="1">{run.format("50").replace("w:t>", "w:delText>")}</w:del>',
        f'<w:ins w:id="2">{run.format("60")}</w:ins>',
        f'<w:moveFrom w:id="3">{run.format("旧")}</w:moveFrom>',
        f'<w:moveTo w:id="4">{run.format("新")}</w:moveTo>',
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>隠し</w:t></w:r>",
        "<w:r><w:t>%</w:t></w:r>",
    ):
        paragraph._p.append(xml(part))
    joined = word.add_paragraph("段落の終わりを")
    joined._p.get_or_add_pPr().append(xml('<w:rPr><w:del w:id="5"/></w:rPr>'))
    word.add_paragraph("消した")
    assert texts(read_document(saved(tmp_path, word)).blocks) == ["目標は60新%", "段落の終わりを消した"]


def test_text_boxes_are_read_once(tmp_path: Path):
    word = docx.Document()
    box = "<w:txbxContent><w:p><w:r><w:t>囲み</w:t></w:r></w:p></w:txbxContent>"
    word.add_paragraph("本文")._p.append(
        xml(
            '<w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
            f"<mc:Choice Requires='wps'>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r>"
        )
    )
    assert texts(read_document(saved(tmp_path, word)).blocks) == ["本文", "囲み"]


def rezipped(path: Path, part: str, change: Callable[[bytes], bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return held.getvalue()


def test_damaged_and_hostile_word_files_are_refused(tmp_path: Path):
    word = docx.Document()
    word.add_paragraph("計画")
    path, part = saved(tmp_path, word), "word/document.xml"
    cut = refused(tmp_path, "cut.docx", path.read_bytes()[:9000])
    broken = refused(tmp_path, "broken.docx", rezipped(path, part, lambda text: text[:-40]))
    entity = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    hostile = refused(
        tmp_path, "hostile.docx", rezipped(path, part, lambda text: entity + text[text.index(b"<w:doc") :])
    )
    assert {cut.code, broken.code, hostile.code} == {"unreadable"}
    bomb = refused(tmp_path, "bomb.docx", rezipped(path, part, lambda text: text + b" " * 201_000_000))
    assert bomb.code == "too_large"


# --- Excel


def stored(tmp_path: Path, book: openpyxl.Workbook) -> Path:
    path = tmp_path / "plan.xlsx"
    book.save(path)
    return path


def a_sheet(title: str = "KPI一覧") -> tuple[openpyxl.Workbook, Worksheet]:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = title
    return book, sheet


def test_the_regions_of_a_sheet_are_tables_and_lines(tmp_path: Path):
    book, sheet = a_sheet()
    for row in (
        ["令和5年度 KPI一覧"], [None, None, "（単位：%）"], ["項目", "目標", "実績"], ["甲", 100, None], ["※ 速報値"],
        [], ["前文"], ["二行\n三行"], [], [None, "a", "b"], [None, "c", "d"],
    ):  # fmt: skip
        sheet.append(row)
    book.create_sheet("空")
    hidden = book.create_sheet("隠し")
    hidden["A1"] = "見えない"
    hidden.sheet_state = "hidden"
    document = read_document(stored(tmp_path, book))
    assert document.title == "令和5年度 KPI一覧"
    assert texts(document.blocks) == [
        "# KPI一覧",
        "令和5年度 KPI一覧",
        "（単位：%）",
        "項目 / 目標 / 実績",
        "甲 / 100 / ",
        "※ 速報値",
        "前文",
        "二行",
        "三行",
        "a / b",
        "c / d",
    ]
    first, second = (block for block in document.blocks if isinstance(block, Table))
    assert first.rows_where == ("シート「KPI一覧」の3行目", "シート「KPI一覧」の4行目")
    assert second.where == "シート「KPI一覧」の10行目"


def test_cells_of_a_sheet_that_span_others(tmp_path: Path):
    book, sheet = a_sheet()
    for row in (["項目", "目標", None], [None, "KPI", "実績"], ["甲", 1, 2], [None, 3, 4]):
        sheet.append(row)
    for merged in ("A1:A2", "B1:C1", "A3:A4"):
        sheet.merge_cells(merged)
    table = the_table(read_document(stored(tmp_path, book)))
    assert spans(table) == [
        ["項目 2x1", "目標 1x2", "=目標"],
        ["=項目", "KPI", "実績"],
        ["甲 2x1", "1", "2"],
        ["=甲", "3", "4"],
    ]
    assert table.heads == 2


def test_a_sheet_of_squared_paper_has_the_columns_that_are_seen(tmp_path: Path):
    book, sheet = a_sheet()
    for row in (2, 5):
        for column, text in ((2, "項目"), (8, "値")):
            sheet.cell(row, column, text)
            sheet.merge_cells(start_row=row, end_row=row + 2, start_column=column, end_column=column + 5)
    assert spans(the_table(read_document(stored(tmp_path, book)))) == [["項目", "値"], ["項目", "値"]]


def test_hidden_rows_and_columns_are_left_out(tmp_path: Path):
    book, sheet = a_sheet()
    for row in (["項目", "控え", "値"], ["旧", "x", 1], ["新", "x", 2]):
        sheet.append(row)
    sheet.row_dimensions[2].hidden = True
    sheet.column_dimensions["B"].hidden = True
    table = the_table(read_document(stored(tmp_path, book)))
    assert texts((table,)) == ["項目 / 値", "新 / 2"]
    assert table.rows_where == ("シート「KPI一覧」の1行目", "シート「KPI一覧」の3行目")


@pytest.mark.parametrize(
    ("value", "form", "seen"),
    [
        (0.599, "0.0%", "59.9%"),
        (0.5985, "0.0%", "59.9%"),
        (0.00292, "0.000%", "0.292%"),
        (1, "0%", "100%"),
        (8521, '#,##0"円"', "8,521円"),
        (1370600.4, "#,##0", "1,370,600"),
        (-1956, "#,##0;[Red]▲ #,##0", "▲ 1,956"),
        (-1.1, '0.0_ ;"▲ "0.0', "▲ 1.1"),
        (-1.1, "0.00", "-1.10"),
        (2.675, "0.00", "2.68"),
        (12345678, "#,##0,", "12,346"),
        (0, "#,##0;-#,##0;", ""),
        (0, '0;-0;"－"', "－"),
        (5, "0.0#", "5.0"),
        (7, "000", "007"),
        (1000, "[$¥-411]#,##0", "¥1,000"),
        (0.1 + 0.2, "General", "0.3"),
        (59.9, "General", "59.9"),
        (2350.0, "General", "2350"),
        (0.5, "# ?/?", "0.5"),
        (True, "General", "TRUE"),
        (datetime(2023, 9, 30), 'yyyy"年"m"月"d"日"', "2023-09-30"),
        (datetime(2023, 9, 1), '[$-411]ggge"年"m"月"d"日"', "2023-09-01"),
        (datetime(2023, 9, 1), 'yyyy"年"m"月"', "2023-09"),
        (datetime(2023, 9, 1, 13, 5), "yyyy/m/d h:mm", "2023-09-01 13:05"),
        ("59.9%以上", "0.0%", "59.9%以上"),
    ],
)
def test_values_are_read_as_excel_shows_them(tmp_path: Path, value: object, form: str, seen: str):
    book, sheet = a_sheet()
    sheet.append(["項目", "値"])
    sheet.append(["甲", value])
    sheet["B2"].number_format = form
    assert the_table(read_document(stored(tmp_path, book))).rows[1][1].text == seen


def test_formulas_have_the_value_that_was_saved(tmp_path: Path):
    book, sheet = a_sheet()
    sheet.append(["甲", "=1+1"])
    path = stored(tmp_path, book)
    error = refused(tmp_path, "a.xlsx", path.read_bytes())
    assert error.code == "unreadable" and "上書き保存" in error.todo
    part = "xl/worksheets/sheet1.xml"
    computed = rezipped(path, part, lambda text: re.sub(rb"<v\s*/>|<v></v>", b"<v>2</v>", text))
    assert texts(read(tmp_path, "a.xlsx", computed).blocks) == ["# KPI一覧", "甲 / 2"]


def test_damaged_and_hostile_workbooks_are_refused(tmp_path: Path):
    book, sheet = a_sheet()
    sheet.append(["甲", 1])
    path, part = stored(tmp_path, book), "xl/worksheets/sheet1.xml"
    merged = b'<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells></worksheet>'
    for change in (lambda text: text[:-30], lambda text: text.replace(b"</worksheet>", merged)):
        assert refused(tmp_path, "a.xlsx", rezipped(path, part, change)).code == "unreadable"
    empty = openpyxl.Workbook()
    assert refused(tmp_path, "a.xlsx", stored(tmp_path, empty).read_bytes()).code == "empty"


# --- PDF


def pdf(source: str) -> bytes:
    """A PDF typeset by typst on a page of A4."""
    fonts = Path(noto_cjk_sans_jp_regular.__file__).parent
    head = '#set page(width: 210mm, height: 297mm, margin: 20mm)\n#set text(font: "Noto Sans CJK JP", size: 10pt)\n'
    return typst.compile((head + source).encode(), font_paths=typst.Fonts(font_paths=[fonts]))


TABLE = """令和5年度 事業計画
#table(columns: (40mm, 1fr, 30mm), table.header([項目], table.cell(colspan: 2)[目標 と 実績]),
  table.cell(rowspan: 2)[サービス水準の向上],
  [サービススタンダードの達成状況を100%とする。併せて、現金給付等の申請に係る郵送化率を98.3%以上とする。], [100%],
  [現金給付等の郵送化率 \\ (KPI) \\ ① 一つ目], [],
  table.cell(colspan: 3)[備考])
あと
"""
CELLS = [
    ["項目", "目標 と 実績 1x2", "=目標 と 実績"],
    [
        "サービス水準の向上 2x1",
        "サービススタンダードの達成状況を100%とする。併せて、現金給付等の申請に係る郵送化率を98.3%以上とする。",
        "100%",
    ],
    ["=サービス水準の向上", "現金給付等の郵送化率\n(KPI)\n① 一つ目", ""],
    ["備考 1x3", "=備考", "=備考"],
]


@pytest.mark.parametrize("setting", ["", "#set page(flipped: true)\n", "#set table(fill: luma(240))\n"])
def test_the_cells_of_a_ruled_table_in_a_pdf(tmp_path: Path, setting: str):
    document = read(tmp_path, "plan.pdf", pdf(setting + TABLE))
    assert spans(the_table(document)) == CELLS
    assert document.title == "令和5年度 事業計画"
    assert texts(document.blocks)[-1] == "あと"
    assert the_table(document).rows_where == ("1ページ",) * 4


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_pdf_page_that_is_turned(tmp_path: Path, turn: int):
    document = pypdfium2.PdfDocument(pdf(TABLE))
    page, size = document[0], 842
    around = {90: (0, 1, -1, 0, size, 0), 180: (-1, 0, 0, -1, size, size), 270: (0, -1, 1, 0, 0, size)}[turn]
    page.set_mediabox(0, 0, size, size)
    for item in page.get_objects(max_depth=1):
        item.transform(pypdfium2.PdfMatrix(*around))
    page.gen_content()
    page.set_rotation(turn)
    held = io.BytesIO()
    document.save(held)
    assert spans(the_table(read(tmp_path, "plan.pdf", held.getvalue()))) == CELLS


def test_a_table_that_goes_on_over_pages_is_one(tmp_path: Path):
    rows = "".join(f"[施策{n}], [実績 #v(1cm)]," for n in range(40))
    source = f'#set page(numbering: "1 / 1")\n#table(columns: 2, stroke: 0.5pt, table.header([項目], [値]), {rows})\n終わり'
    document = read(tmp_path, "plan.pdf", pdf(source))
    table = the_table(document)
    assert [row[0].text for row in table.rows] == ["項目", *(f"施策{n}" for n in range(40))]
    assert (table.rows_where[0], table.rows_where[-1]) == ("1ページ", "3ページ")
    assert texts(document.blocks)[-1] == "終わり"


def test_a_row_broken_by_the_page_is_one(tmp_path: Path):
    long = "".join(f"実施した取組の{n}番目は次のとおりである、" for n in range(200)) + "以上。"
    source = f"#table(columns: (30mm, 1fr), table.header([項目], [実績]), [甲], [{long}], [乙], [次])"
    assert texts((the_table(read(tmp_path, "plan.pdf", pdf(source))),)) == [
        "項目 / 実績",
        f"甲 / {long}",
        "乙 / 次",
    ]


def test_paragraphs_set_apart_stay_apart_though_their_lines_are_full(tmp_path: Path):
    full, long = "あ" * 48, "い" * 60
    document = read(
        tmp_path, "plan.pdf", pdf(f"#set par(spacing: 2em)\n{full}\n\n{long}\n\n{full}\n\n{long}")
    )
    assert texts(document.blocks) == [full, long, full, long]


def test_the_text_of_two_pages_in_lines_and_paragraphs(tmp_path: Path):
    long = "中長期的な視点による健全な財政運営に資するため、支部評議会において丁寧な説明をした上で、保険料率に関する議論を行う。"
    document = read(
        tmp_path,
        "plan.pdf",
        pdf(f"= 計画\n{long}{long}\n\n■ KPI \\ 100%\n- 一つ\n- 二つ\n#pagebreak()\n次の頁"),
    )
    assert texts(document.blocks) == ["計画", long + long, "■ KPI", "100%", "・|一つ", "・|二つ", "次の頁"]
    assert [getattr(block, "where", "") for block in document.blocks] == ["1ページ"] * 6 + ["2ページ"]


def test_columns_of_text_are_read_one_after_the_other(tmp_path: Path):
    sentences = "".join(
        f"これは第{n}番目の文であり、二段に組まれた紙面の中で左から右へ読まれる。" for n in range(40)
    )
    document = read(
        tmp_path,
        "plan.pdf",
        pdf(f"#set page(height: 150mm)\n二段組の計画\n#columns(2)[#set par(justify: true)\n{sentences}]"),
    )
    assert document.title == "二段組の計画"
    assert "".join(texts(document.blocks)) == "二段組の計画" + sentences


def test_a_list_of_names_and_values_without_rules_is_read_by_lines(tmp_path: Path):
    rows = "".join(f"[指標その{n}], [{n}.5%]," for n in range(20))
    document = read(tmp_path, "plan.pdf", pdf(f"#table(columns: (80mm, 60mm), stroke: none, {rows})"))
    assert texts(document.blocks) == [f"指標その{n}\u3000{n}.5%" for n in range(20)]


def test_a_pdf_of_pictures_is_refused_and_a_page_of_them_is_told(tmp_path: Path):
    held = io.BytesIO()
    Image.new("L", (9, 9)).save(held, "PNG")
    image = f"#image(bytes(({','.join(map(str, held.getvalue()))})))\n"
    error = refused(tmp_path, "scan.pdf", pdf(image))
    assert error.code == "unreadable" and "文字認識" in error.todo
    document = read(tmp_path, "plan.pdf", pdf(f"計画\n#pagebreak()\n{image}"))
    assert texts(document.blocks) == ["計画", "（文字情報のないページです）"]


def test_damaged_and_locked_pdf_files_are_refused(tmp_path: Path):
    error = refused(tmp_path, "a.pdf", b"%PDF-1.7\n" + b"x" * 500)
    assert (error.code, error.what) == ("unreadable", "PDFを読めません。")
    held = b"<" + b"5a" * 32 + b">"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[]/Count 0>>",
        b"<</Filter/Standard/V 1/R 2/P -4/O" + held + b"/U" + held + b">>",
    ]
    body, places = b"%PDF-1.4\n", []
    for n, inside in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj%sendobj\n" % (n, inside)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size 4/Root 1 0 R/Encrypt 3 0 R/ID[<00><00>]>>\nstartxref\n%d\n%%%%EOF" % len(body)
    locked = body + b"xref\n0 4\n0000000000 65535 f \n" + table + trailer
    assert "パスワード" in refused(tmp_path, "a.pdf", locked).what


# --- what is refused


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("a.txt", b"", "empty", "空です"),
        ("a.txt", b" \r\n\t", "empty", "空です"),
        ("a.md", b"<!-- x -->\n---\n", "empty", "文字がありません"),
        ("a.txt", b"\x82\xa0\x81\x00\xff\xff", "unknown_format", "種類"),
        ("a.txt", "計画".encode("euc-jp") + b"\xff", "unreadable", "シフトJIS"),
        ("a.bin", b"plan", "unknown_format", "種類"),
        ("a.docx", b"plan", "unreadable", "Word"),
        ("a.xlsx", b"PK\x03\x04 broken", "unreadable", "壊れていないか"),
        ("a.pdf", b"plan", "unreadable", "PDF"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "unknown_format", ".docxとして保存"),
        (
            "a.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook".encode("utf-16-le"),
            "unknown_format",
            ".xlsxとして保存",
        ),
        (
            "a.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "unreadable",
            "パスワード",
        ),
        ("a.rtf", b"{\\rtf1 plan}", "unknown_format", ".docx"),
        ("a.png", b"\x89PNG....", "unknown_format", "画像"),
    ],
)
def test_files_that_are_not_read_say_what_to_do(
    tmp_path: Path, name: str, content: bytes, code: str, says: str
):
    error = refused(tmp_path, name, content)
    assert (error.code, error.where) == (code, name)
    assert says in error.message and error.todo


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(InputFileError) as error:
        read_document(tmp_path / "none.txt")
    assert error.value.code == "not_found"
