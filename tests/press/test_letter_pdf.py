"""Letters as printed: whose page is whose, the window, missing characters, and the same bytes every time."""

from __future__ import annotations

import ctypes
import io
import re
from dataclasses import replace
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
import segno

from kenpo.base.errors import ArgumentError
from kenpo.press.letters import (
    GROUP,
    LONG_3,
    From,
    Labels,
    Post,
    Printed,
    Template,
    labels_pdf,
    letters_pdf,
    print_letters,
    printable,
    qr_svg,
    spoken,
)

TEMPLATE = Template(
    "見本のお知らせ",
    """
#let letter(it, post) = {
  par(it.text)
  for n in range(it.lines) { par(str(n + 1) + "行目　" + it.mark) }
  code(post)
}
""",
)
SENDER = From(
    "架空健康保険協会", "架空支部", "見本グループ", "000-0001", ("架空県架空市1番",), "000-000-0000"
)


def post(n: int, lines: int = 1, **changes: Any) -> Post:
    made = Post(
        number=f"架空発第{n:04d}号",
        date="令和8年8月3日",
        token=f"TOKEN{n:05d}",
        postal_code=f"{n % 1000:03d}-{n % 10000:04d}",
        address=(f"架空県架空市架空町{n:04d}番地",),
        names=(f"架空　太郎{n:04d}",),
        content={"text": f"本文{n:04d}です。", "mark": f"印{n:04d}", "lines": lines},
    )
    return replace(made, **changes)


def pages(content: bytes) -> list[str]:
    """The text of each page without spaces."""
    document = pypdfium2.PdfDocument(content)
    return ["".join(page.get_textpage().get_text_range().split()) for page in document]


def refused(*letters: Post, **options: Any) -> str:
    with pytest.raises(ArgumentError) as error:
        print_letters(TEMPLATE, letters, SENDER, **options)
    return error.value.message


LINES = [1 if n % 9 else 60 for n in range(GROUP * 3)]
RUN = [post(n, lines) for n, lines in enumerate(LINES)]


@pytest.fixture(scope="module")
def long() -> Printed:
    """A run long enough to be set by several processes; every ninth letter has more than one page."""
    return print_letters(TEMPLATE, RUN, SENDER, workers=2)


# ---- whose page is whose -----------------------------------------------------------------------------------------


def test_every_letter_has_its_own_pages_and_nothing_of_another(long: Printed):
    text = pages(long.pdf)
    assert [p.number for p in long.placed] == [p.number for p in RUN]
    for n, placed in enumerate(long.placed):
        own = text[placed.first - 1 : placed.last]
        assert len(own) == (1 if LINES[n] == 1 else 2)
        said = "".join(own)
        for mark in ("架空発第", "太郎", "架空町", "本文", "印"):
            found = set(re.findall(mark + r"(\d{4})", said))
            assert found == {f"{n:04d}"}, (placed, mark)


def test_letters_follow_each_other_without_a_gap_and_the_list_comes_last(long: Printed):
    ends = [p.last for p in long.placed]
    assert [p.first for p in long.placed] == [1, *(e + 1 for e in ends[:-1])]
    rest = pages(long.pdf)[ends[-1] :]
    assert rest and all("発送一覧" in page for page in rest)


def test_pages_are_numbered_within_each_letter(long: Printed):
    text = pages(long.pdf)
    for placed in long.placed:
        count = placed.last - placed.first + 1
        for n in range(count):
            assert f"{n + 1}／{count}ページ" in text[placed.first - 1 + n]


def test_further_pages_bear_the_number(long: Printed):
    text = pages(long.pdf)
    assert all(f"{p.number}（続き）" in text[p.last - 1] for p in long.placed if p.last > p.first)


def test_the_list_has_numbers_tokens_and_pages_but_no_names(long: Printed):
    said = "".join(pages(long.pdf)[long.placed[-1].last :])
    for placed in long.placed:
        span = str(placed.first) if placed.first == placed.last else f"{placed.first}〜{placed.last}"
        assert f"{placed.number}{spoken(placed.token)}{span}" in said
    assert not re.search("太郎|架空町|本文", said)


def test_without_the_list_there_are_letters_only():
    made = print_letters(TEMPLATE, [post(1), post(2)], SENDER, sheet=False)
    assert len(pages(made.pdf)) == made.placed[-1].last == 2


def test_on_both_sides_every_letter_begins_on_a_front():
    letters = [post(1), post(2, lines=60), post(3)]
    made = print_letters(TEMPLATE, letters, SENDER, duplex=True)
    assert [p.first for p in made.placed] == [1, 3, 5]
    text = pages(made.pdf)
    assert text[1] == text[5] == ""
    assert "発送一覧" in text[6]


# ---- the same letters --------------------------------------------------------------------------------------------


def test_a_reprint_is_the_same_file(long: Printed):
    assert print_letters(TEMPLATE, RUN, SENDER, workers=1).pdf == long.pdf
    one = letters_pdf(TEMPLATE, [post(1)], SENDER)
    assert one == letters_pdf(TEMPLATE, [post(1)], SENDER)
    assert one != letters_pdf(TEMPLATE, [post(2)], SENDER)


def test_the_file_has_no_date_and_only_the_packaged_font(long: Printed):
    with pikepdf.open(io.BytesIO(long.pdf)) as pdf:
        assert "/CreationDate" not in pdf.docinfo
        assert str(pdf.docinfo["/Title"]) == "見本のお知らせ"
        names = {
            str(o["/FontName"]) for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and "/FontName" in o
        }
    assert names
    assert all(re.fullmatch(r"/[A-Z]{6}\+NotoSansCJKjp-(Regular|Bold).*", name) for name in names)  # fmt: skip


def test_it_is_tagged_in_japanese_with_every_part_and_no_key_twice(long: Printed):
    with pikepdf.open(io.BytesIO(long.pdf)) as pdf:
        assert str(pdf.Root.Lang) == "ja-JP"
        assert pdf.Root.MarkInfo.Marked
        marked = dict(pikepdf.NumberTree(pdf.Root.StructTreeRoot.ParentTree).items())
        keys = [int(page.obj.StructParents) for page in pdf.pages]
        assert len(set(keys)) == len(keys) == len(pdf.pages)
        assert set(keys) <= set(marked)
        for page, key in zip(pdf.pages, keys, strict=True):
            owners = {e.Pg.objgen for e in marked[key] if isinstance(e, pikepdf.Dictionary) and "/Pg" in e}
            assert page.obj.objgen in owners
        names = pikepdf.NameTree(pdf.Root.StructTreeRoot.IDTree)
        every = [str(o.ID) for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and o.get("/S") == "/TH"]
        assert sorted(names) == sorted(set(every)) == sorted(every)


def test_a_bookmark_leads_to_every_letter(long: Printed):
    found = pypdfium2.PdfDocument(long.pdf).get_toc()
    said = [(mark.get_title(), mark.get_dest().get_index() + 1) for mark in found]
    assert said[:-1] == [(p.number, p.first) for p in long.placed]
    assert said[-1] == ("発送一覧", long.placed[-1].last + 1)


def test_a_run_for_the_printing_house_can_go_without_tags():
    made = letters_pdf(TEMPLATE, [post(1)], SENDER, tagged=False)
    with pikepdf.open(io.BytesIO(made)) as pdf:
        assert "/StructTreeRoot" not in pdf.Root
    assert pages(made)[0] == pages(letters_pdf(TEMPLATE, [post(1)], SENDER))[0]


# ---- what stands in the window -----------------------------------------------------------------------------------


def boxes(content: bytes, text: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in mm of a text on the first page."""
    page = pypdfium2.PdfDocument(content)[0]
    words = page.get_textpage()
    found = words.search(text).get_next()
    assert found, text
    at, count = found
    chars = [words.get_charbox(at + i) for i in range(count)]
    scale = 25.4 / 72
    return (
        min(c[0] for c in chars) * scale,
        297 - max(c[3] for c in chars) * scale,
        max(c[2] for c in chars) * scale,
        297 - min(c[1] for c in chars) * scale,
    )


LONG_ADDRESS = (
    "架空県長々市長々町字長々小字長々一丁目二十三番地の四五六七八九",
    "メゾン・ド・ナガイナマエノマンション・サウスウィング弐号棟 １２３４号室",
    "見本家具製作所 第二営業部 気付",
)


def test_an_ordinary_address_is_seen_wherever_the_paper_lies_in_the_envelope():
    made = letters_pdf(TEMPLATE, [post(1)], SENDER)
    w, loose = LONG_3, (LONG_3.envelope_width - 210, LONG_3.envelope_height - 99)
    for text in ("〒001-0001", "架空県架空市架空町0001番地", "太郎0001"):
        left, top, right, bottom = boxes(made, text)
        assert w.x < left and right < w.x + w.width - loose[0]
        assert w.y < top and bottom < w.y + w.height - loose[1]


def test_a_long_address_still_stands_in_the_window():
    made = letters_pdf(
        TEMPLATE, [post(1, address=LONG_ADDRESS, names=("架空長名株式会社", "末吉太郎"))], SENDER
    )
    w = LONG_3
    for text in ("〒001-0001", "架空県長々市", "１２３４号室", "末吉太郎"):
        left, top, right, bottom = boxes(made, text)
        assert w.x < left and right < w.x + w.width
        assert w.y < top and bottom < w.y + w.height


def test_nothing_but_the_address_is_seen_through_the_window():
    """The sender is right of it, the heading below it."""
    made = letters_pdf(TEMPLATE, [post(1)], SENDER)
    assert boxes(made, "架空支部")[0] > LONG_3.x + LONG_3.width
    assert boxes(made, "令和8年8月3日")[0] > LONG_3.x + LONG_3.width
    assert boxes(made, "見本のお知らせ")[1] > LONG_3.y + LONG_3.height


def test_another_window_moves_the_address():
    other = replace(LONG_3, x=25, y=18, height=40)
    made = letters_pdf(TEMPLATE, [post(1)], SENDER, window=other)
    left, top, *_ = boxes(made, "架空県架空市架空町")
    assert left > 25 and top > 18


def test_the_paper_is_folded_in_three():
    assert LONG_3.folds == (99, 198)


# ---- texts are texts ---------------------------------------------------------------------------------------------

MARKUP = [
    '#panic("x")',
    "*太字*",
    "$x^2$",
    "_下線_",
    "@参照",
    "<印>",
    "= 見出し",
    '"引用"',
    "\\逆斜線",
    "]#let",
]


def test_no_text_is_read_as_markup():
    said = "".join(MARKUP)
    one = post(1, content={"text": said, "mark": said, "lines": 1}, names=(said[:30],), address=(said[30:],))
    text = pages(letters_pdf(TEMPLATE, [one], SENDER))[0]
    for markup in MARKUP:
        assert "".join(markup.split()) in text, markup


def test_a_template_at_fault_is_said_in_japanese():
    bad = Template("見本のお知らせ", "#let letter(it, post) = it.absent")
    with pytest.raises(ArgumentError, match="文書のひな形か内容に誤り") as error:
        print_letters(bad, [post(1)], SENDER)
    assert "見本のお知らせ" in error.value.message


# ---- characters the font does not have ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "printed", "lost"),
    [
        ("髙橋﨑之助 𠮷田", "髙橋﨑之助 𠮷田", []),
        ("外\ue000字", "外〓字", [("U+E000", "〓")]),
        ("絵🙂文字", "絵〓文字", [("U+1F642", "〓")]),
        ("か\u3099き\u309aく", "がき\u309aく", []),
        ("神\ufa19", "神\ufa19", []),
        ("辻\U000e0100", "辻\U000e0100", []),
        ("葛\U000e01ef", "葛", [("U+845B U+E01EF", "葛")]),
        ("右\u202eから\u200b左\ufeff", "右から左", []),
        ("一\x07二\x00", "一 二 ", []),
        ("一\u2003二\u00a0三", "一\u2003二\u00a0三", []),
    ],
)
def test_what_the_font_does_not_have_is_geta_and_said(text: str, printed: str, lost: list[tuple[str, str]]):
    assert printable(text) == (printed, lost)


def test_missing_characters_are_reported_with_their_place_and_listed():
    letters = [
        post(1, names=("外字\ue001",)),
        post(2, address=("架空県\ue002町",)),
        post(3, content={"text": "\U000f0000", "mark": "", "lines": 1}),
        post(4),
    ]
    made = print_letters(TEMPLATE, letters, SENDER)
    assert [(m.number, m.where, m.character, m.printed) for m in made.missing] == [
        ("架空発第0001号", "あて名", "U+E001", "〓"),
        ("架空発第0002号", "住所", "U+E002", "〓"),
        ("架空発第0003号", "本文", "U+F0000", "〓"),
    ]
    text = pages(made.pdf)
    assert "外字〓" in text[0] and "架空県〓町" in text[1] and "〓" in text[2]
    assert "U+E001" in text[-1] and "外字" not in text[-1]


def test_lines_without_anything_to_print_are_left_out():
    text = pages(letters_pdf(TEMPLATE, [post(1, address=("架空県\n架空市", "　", "\u200b"))], SENDER))[0]
    assert "架空県架空市架空太郎0001様" in text


# ---- bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        ([], "印刷する文書がありません"),
        ([post(1), post(1)], "文書番号が重なっています：架空発第0001号"),
        ([post(1), post(2, token="TOKEN00001")], "受付番号が重なっています：TOKEN00001"),
        ([post(1, number=" ")], "文書番号がありません"),
        ([post(1, token="123")], "受付番号の形が違います"),
        ([post(1, token="https://x/y")], "受付番号の形が違います"),
        ([post(1, names=("　",))], "あて名がありません"),
        ([post(1, address=())], "住所がありません"),
        ([post(1, address=("長" * 300,))], "長すぎて"),
    ],
)
def test_a_run_that_cannot_go_out_is_refused(letters: list[Post], said: str):
    message = refused(*letters)
    assert said in message
    assert "対処：" in message
    assert "太郎" not in message


def test_names_and_addresses_are_not_in_what_a_log_would_have():
    assert "太郎" not in repr(post(1)) and "架空町" not in repr(post(1))
    assert "架空発第0001号" in repr(post(1))


# ---- QR codes and labels -----------------------------------------------------------------------------------------


def test_the_qr_code_is_drawn_as_it_was_made():
    text = "HTTPS://KENPO.EXAMPLE/R/0123456789ABCDEF"
    drawn = qr_svg(text)
    wanted = segno.make_qr(text, error="m", boost_error=False).matrix
    side = len(wanted)
    got = [[0] * side for _ in range(side)]
    for x, y, w in re.findall(r"M(\d+) (\d+)h(\d+)v1", drawn):
        for i in range(int(w)):
            got[int(y) - 4][int(x) - 4 + i] = 1
    assert got == [list(row) for row in wanted]
    assert f'viewBox="0 0 {side + 8} {side + 8}"' in drawn


def test_a_token_is_read_aloud_in_fours():
    assert spoken("0123456789ABCDEF") == "0123-4567-89AB-CDEF"


def test_labels_hold_every_address_once_in_order_twelve_on_a_sheet():
    letters = [post(n) for n in range(30)]
    text = pages(labels_pdf(letters))
    assert len(text) == 3
    assert [len(re.findall("太郎", page)) for page in text] == [12, 12, 6]
    assert re.findall(r"太郎(\d{4})", "".join(text)) == [f"{n:04d}" for n in range(30)]


def test_labels_already_used_are_left_free():
    text = pages(labels_pdf([post(n) for n in range(3)], Labels(used=11)))
    assert [len(re.findall("太郎", page)) for page in text] == [1, 2]
    with pytest.raises(ArgumentError, match="使用済み"):
        labels_pdf([post(1)], Labels(used=12))


def test_labels_keep_to_their_place():
    made = labels_pdf([post(1, address=LONG_ADDRESS), post(2)])
    left, top, right, bottom = boxes(made, "１２３４号室")
    assert left > 18 and right < 18.6 + 86.4 and top > 21 and bottom < 21.6 + 42.3
    assert boxes(made, "太郎0002")[0] > 18.6 + 86.4


def test_letters_are_large_enough_to_read():
    page = pypdfium2.PdfDocument(letters_pdf(TEMPLATE, [post(1)], SENDER))[0].get_textpage()
    at, count = page.search("本文0001です。").get_next() or (0, 0)
    sizes = {round(pdfium.FPDFText_GetFontSize(page, ctypes.c_int(at + i)), 1) for i in range(count)}
    assert sizes == {11.0}
