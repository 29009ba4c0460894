"""The PDF: packaged fonts only, tagged, in Japanese, pages numbered and turned."""

import re
import zlib

import pypdfium2
from tests.press.sample import report

from kenpo.base.document import Document, Heading, Paragraph, table
from kenpo.press.pdf import render

REPORT = render(report())


def test_only_the_packaged_font_is_embedded_as_a_subset():
    fonts = set(re.findall(rb"/FontName\s*/([^\s/>]+)", _unpacked(REPORT)))
    assert fonts
    assert all(re.fullmatch(rb"[A-Z]{6}\+NotoSansCJKjp-(Regular|Bold).*", name) for name in fonts)
    assert len(REPORT) < 500_000


def test_a_character_the_font_does_not_have_brings_no_other_font():
    made = render(Document("ﷺ अ 🙂", (Paragraph("ﷺ अ 🙂 𠮷野家 髙﨑"),)))
    assert {n[7:] for n in re.findall(rb"/FontName\s*/([^\s/>]+)", _unpacked(made))} <= {
        b"NotoSansCJKjp-Regular",
        b"NotoSansCJKjp-Bold",
        b"NotoSansCJKjp-Regular-Identity-H",
        b"NotoSansCJKjp-Bold-Identity-H",
    }


def test_it_is_tagged_and_japanese_with_title_and_without_date():
    held = _unpacked(REPORT)
    assert re.search(rb"/Marked\s+true", held)
    assert re.search(rb"/Lang\s*\(ja-JP\)", held)
    assert b"CreationDate" not in held
    assert pypdfium2.PdfDocument(REPORT).get_metadata_value("Title") == report().title


def test_pages_are_numbered_and_a_landscape_part_lies_on_its_side():
    pages = pypdfium2.PdfDocument(REPORT)
    count = len(pages)
    for n, page in enumerate(pages, 1):
        assert f"{n} / {count}" in page.get_textpage().get_text_range()
    turned = [page.get_width() > page.get_height() for page in pages]
    assert turned == [False] * (count - 2) + [True, False]


def test_head_rows_stand_on_every_page_of_a_table():
    long = table(["計画", "実績"], [[f"項目{n}", "実施した。"] for n in range(200)])
    pages = pypdfium2.PdfDocument(render(Document("表", (Heading("章"), long))))
    assert len(pages) > 3
    assert all("計画" in page.get_textpage().get_text_range() for page in pages)


def _unpacked(content: bytes) -> bytes:
    """The file with its compressed objects unpacked."""
    found = [content]
    for stream in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        try:
            found.append(zlib.decompress(stream[1]))
        except zlib.error:
            continue
    return b"\n".join(found)
