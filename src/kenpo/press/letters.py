"""Letters (通知文書): one PDF for thousands of them, each with its own address, 文書番号, QR code and page numbers.

Templates are typst; what they print goes in as JSON and is never read as markup. The same letters always give the same
bytes, so that a reprint is the letter that went out. Letters are set in small groups, which bounds time and memory, and
joined with their structure (tags) whole.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.resources import files
from itertools import repeat
from multiprocessing import get_context
from typing import Any

import segno
import typst

from kenpo.base.errors import ArgumentError
from kenpo.press.fonts import FAMILY, FOLDERS
from kenpo.press.glyphs import characters, variants
from kenpo.press.joining import Joined
from kenpo.press.layout import ACCENT, INK, MUTED, RULE

GETA = "〓"
"""Printed for a character the font does not have (外字), as printers do."""

GROUP = 25
"""Letters set at a time: setting grows faster than the number of pages."""

ROUND = 12
"""Groups a process sets before another takes its place: typst keeps what the last ones took, some 20 MB a group."""

_AT_ONCE = 2
_PALE = "F2F6FA"
_A4 = (210, 297)
_INSET = (3, 2)
_LONGEST = 200


@dataclass(frozen=True)
class Window:
    """The window of an envelope (窓付き封筒) in mm, and the paper that lies in it folded in three.

    width and height of the envelope; x, y: the window's corner from the envelope's left and top edge. The default is a
    usual 長形3号 (235 × 120) with a window of 90 × 45; windows differ by maker, so compare with the envelope in use.
    """

    envelope_width: int = 235
    envelope_height: int = 120
    x: int = 20
    y: int = 12
    width: int = 90
    height: int = 45

    @property
    def folds(self) -> tuple[float, float]:
        """Where the paper is folded, in mm from its top."""
        return (_A4[1] / 3, _A4[1] * 2 / 3)

    def boxes(self) -> dict[str, Any]:
        """The box that is seen wherever the paper lies in the envelope (safe), and that of paper lying top left (all)."""
        inset_x, inset_y = _INSET
        x, y = self.x + inset_x, self.y + inset_y
        loose_x = self.envelope_width - _A4[0]
        loose_y = self.envelope_height - _A4[1] / 3
        right, bottom = self.x + self.width - inset_x, self.y + self.height - inset_y
        return {
            "safe": {"x": x, "y": y, "width": right - loose_x - x, "height": bottom - loose_y - y},
            "all": {"width": right - x, "height": bottom - y},
            "right": self.x + self.width,
        }


LONG_3 = Window()
"""長形3号の窓付き封筒."""


@dataclass(frozen=True)
class Labels:
    """A sheet of address labels (宛名ラベル) in mm: A4 with 2 × 6 unless said otherwise. used: labels already peeled off."""

    columns: int = 2
    rows: int = 6
    width: float = 86.4
    height: float = 42.3
    used: int = 0


@dataclass(frozen=True)
class Template:
    """A letter's template: its title as printed, and the typst text that defines `letter(it, post)`."""

    title: str
    source: str


@dataclass(frozen=True)
class From:
    """Who sends (差出人), line by line as printed. link: what a QR code says before the token, such as an address on the web."""

    organisation: str
    name: str
    group: str
    postal_code: str
    address: tuple[str, ...]
    phone: str
    hours: str = ""
    link: str = ""


@dataclass(frozen=True)
class Post:
    """One letter of a run (発送する1通). number: 文書番号; date: as printed; token: opaque, upper case letters and digits.

    address and names: lines as printed; honorific 様 or 御中. content: what the template prints, as JSON has it. Names and
    addresses are not shown by repr, so that no log has them.
    """

    number: str
    date: str
    token: str
    postal_code: str = field(repr=False)
    address: tuple[str, ...] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    honorific: str = "様"
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Placed:
    """Where a letter stands in the PDF: its first and last page, from 1."""

    number: str
    token: str
    first: int
    last: int


@dataclass(frozen=True)
class Missing:
    """A character of a letter that was not printed as it is: its code points, and what stands in its place.

    where: the part of the letter (あて名, 住所, 本文), never its text.
    """

    number: str
    where: str
    character: str
    printed: str


@dataclass(frozen=True)
class Printed:
    """A run as printed: the PDF, where each letter stands in it, and what could not be printed as it is."""

    pdf: bytes
    placed: tuple[Placed, ...]
    missing: tuple[Missing, ...]


def letters_pdf(template: Template, letters: Sequence[Post], sender: From, **options: Any) -> bytes:
    """The PDF of a run alone; options and errors as of print_letters."""
    return print_letters(template, letters, sender, **options).pdf


def print_letters(
    template: Template,
    letters: Sequence[Post],
    sender: From,
    *,
    sheet: bool = True,
    duplex: bool = False,
    tagged: bool = True,
    window: Window = LONG_3,
    workers: int | None = None,
) -> Printed:
    """One PDF of all letters in their order, each beginning on a new sheet.

    sheet: the list of the run (発送一覧: numbers and pages, no names) follows the letters. duplex: a letter that ends on a
    front gets an empty back, so that the next begins on a new sheet of paper printed on both sides. tagged: with the
    structure screen readers use; a run of many thousands that is only printed needs a fifth of the memory without. workers:
    how many processes set a long run; by default one per processor, at most four. Raises ArgumentError for a run that cannot go
    out: empty, numbers or tokens twice, no address or name, a name or address too long; and for a template at fault.
    """
    _check(letters)
    missing: list[Missing] = []
    clean = [_printable(post, missing) for post in letters]
    joined, placed = Joined(template.title, tagged=tagged), []
    groups = [clean[at : at + GROUP] for at in range(0, len(clean), GROUP)]
    for group, content in zip(groups, _made(template, groups, sender, window, tagged, workers), strict=True):
        spans = joined.add(content, len(group), duplex)
        for post, (first, last) in zip(group, spans, strict=True):
            placed.append(Placed(post.number, post.token, first, last))
            joined.bookmark(post.number, first)
    if sheet:
        first = joined.pages + 1
        listed = (template, sender, letters[0].date, placed, missing, tagged)
        if len(groups) <= _AT_ONCE:
            content = _list(*listed)
        else:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                content = pool.submit(_list, *listed).result()
        joined.add(content, duplex=duplex)
        joined.bookmark("発送一覧", first)
    return Printed(joined.bytes(), tuple(placed), tuple(missing))


def labels_pdf(letters: Sequence[Post], labels: Labels = Labels()) -> bytes:
    """The addresses of a run as sheets of labels, in the run's order. Raises ArgumentError as print_letters does."""
    _check(letters)
    clean = [_printable(post, []) for post in letters]
    joined = Joined("宛名ラベル")
    each = labels.columns * labels.rows
    if not 0 <= labels.used < each:
        raise ArgumentError(
            "宛名ラベルの使用済みの枚数が、1シートの枚数を超えています。",
            todo=f"0から{each - 1}までの数を指定してください。",
        )
    cells: list[Post | None] = [None] * labels.used + clean
    for at in range(0, len(cells), each * 20):
        data = {
            "title": "宛名ラベル",
            "style": _STYLE,
            "sheet": {"columns": labels.columns, "rows": labels.rows, "width": labels.width, "height": labels.height},
            "labels": [p and _address(p) for p in cells[at : at + each * 20]],
        }  # fmt: skip
        joined.add(_compile(_resource("labels.typ"), data))
    return joined.bytes()


def qr_svg(text: str) -> str:
    """A QR code (error correction M) as a small SVG with its quiet zone of four modules."""
    matrix = segno.make_qr(text, error="m", boost_error=False).matrix
    runs = []
    for y, row in enumerate(matrix):
        for m in re.finditer(rb"\x01+", bytes(row)):
            runs.append(f"M{m.start() + 4} {y + 4}h{m.end() - m.start()}v1h-{m.end() - m.start()}z")
    side = len(matrix) + 8
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}"><path d="{"".join(runs)}"/></svg>'


def spoken(token: str) -> str:
    """A token as it is read aloud: in fours, with hyphens."""
    return "-".join(re.findall(".{1,4}", token))


# ---- what may be printed -----------------------------------------------------------------------------------------

_TOKEN = re.compile(r"[0-9A-Z]{8,40}")


def _check(letters: Sequence[Post]) -> None:
    if not letters:
        raise ArgumentError(
            "印刷する文書がありません。", todo="対象者を選んでから、もう一度実行してください。"
        )
    for what, said in (("文書番号", [p.number for p in letters]), ("受付番号", [p.token for p in letters])):
        twice = sorted({v for v in said if v} - _once(said))
        if twice:
            raise ArgumentError(
                f"{what}が重なっています：{'、'.join(twice[:5])}{'など' if len(twice) > 5 else ''}",
                todo=f"1通ごとに違う{what}を付けてください。",
            )
    for post in letters:
        for wrong, what, todo in (
            (not post.number.strip(), "文書番号がありません。", "文書番号を付けてください。"),
            (
                not _TOKEN.fullmatch(post.token),
                "受付番号の形が違います。",
                "半角の英大文字と数字で8〜40文字にしてください。",
            ),
            (
                not any(n.strip() for n in post.names),
                "あて名がありません。",
                "あて名を1行以上入れてください。",
            ),
            (not any(a.strip() for a in post.address), "住所がありません。", "住所を1行以上入れてください。"),
            (
                sum(map(len, (*post.names, *post.address))) > _LONGEST,
                "あて名と住所が長すぎて、封筒の窓に入りません。",
                f"合わせて{_LONGEST}文字以内にしてください。",
            ),
        ):
            if wrong:
                raise ArgumentError(what, where=f"文書番号 {post.number}", todo=todo)


def _once(said: Sequence[str]) -> set[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for one in said:
        (twice if one in seen else seen).add(one)
    return seen - twice


def _printable(post: Post, missing: list[Missing]) -> Post:
    """The letter with every text as the font can print it; what it cannot is reported."""

    def clean(value: Any, where: str, lines: bool = False) -> Any:
        match value:
            case str():
                text, lost = printable(value if lines else " ".join(value.split("\n")))
                missing.extend(Missing(post.number, where, c, by) for c, by in lost)
                return text
            case Mapping():
                return {k: clean(v, where, lines) for k, v in value.items()}
            case list() | tuple():
                return [clean(v, where, lines) for v in value]
            case _:
                return value

    def written(lines: Sequence[str], where: str) -> tuple[str, ...]:
        return tuple(filter(None, (clean(line, where).strip() for line in lines)))

    return replace(
        post,
        names=written(post.names, "あて名"),
        address=written(post.address, "住所"),
        content=clean(dict(post.content), "本文", lines=True),
    )


def printable(text: str) -> tuple[str, list[tuple[str, str]]]:
    """A text as the packaged font can print it, and what was changed: (code points, what stands there now).

    Kana and their sound marks are joined; unseen signs are dropped; a variation the font does not have (異体字セレクタ)
    is printed in its basic form; any other character it does not have becomes 〓.
    """
    text = re.sub("[ぁ-ヿ][\u3099\u309a]", lambda m: unicodedata.normalize("NFC", m[0]), text)
    out: list[str] = []
    lost: list[tuple[str, str]] = []
    known, pairs = characters(), variants()
    for c in text:
        point = ord(c)
        if 0xFE00 <= point <= 0xFE0F or 0xE0100 <= point <= 0xE01EF:
            base = out[-1][0] if out else ""
            if base and (ord(base), point) in pairs:
                out[-1] += c
            elif base and base != GETA:
                lost.append((f"{_point(base)} {_point(c)}", base))
        elif unicodedata.category(c) == "Cf":
            continue
        elif c == "\n" or (point in known and unicodedata.category(c) != "Cc"):
            out.append(c)
        elif c.isspace() or unicodedata.category(c) == "Cc":
            out.append(" ")
        else:
            out.append(GETA)
            lost.append((_point(c), GETA))
    return "".join(out), lost


def _point(c: str) -> str:
    return f"U+{ord(c):04X}"


# ---- setting -----------------------------------------------------------------------------------------------------

_STYLE = {"font": FAMILY, "ink": INK, "muted": MUTED, "accent": ACCENT, "rule": RULE, "pale": _PALE}


def _address(post: Post) -> dict[str, Any]:
    return {
        "number": post.number,
        "postal_code": post.postal_code,
        "address": post.address,
        "names": post.names,
        "honorific": post.honorific,
    }


def _made(
    template: Template,
    groups: Sequence[Sequence[Post]],
    sender: From,
    window: Window,
    tagged: bool,
    workers: int | None,
) -> Iterator[bytes]:
    """The PDF of each group, in their order; a long run is set by processes of its own, anew after each round."""
    if len(groups) <= _AT_ONCE:
        yield from (_set(template, group, sender, window, tagged) for group in groups)
        return
    count = workers or min(4, os.cpu_count() or 1)
    for at in range(0, len(groups), count * ROUND):
        now = groups[at : at + count * ROUND]
        with ProcessPoolExecutor(min(count, len(now)), mp_context=get_context("spawn")) as pool:
            yield from pool.map(_set, repeat(template), now, repeat(sender), repeat(window), repeat(tagged))


def _set(template: Template, letters: Sequence[Post], sender: From, window: Window, tagged: bool) -> bytes:
    boxes = window.boxes()
    data = {
        "title": template.title,
        "style": _STYLE,
        "window": boxes,
        "folds": window.folds,
        "body": window.y + window.height + 7,
        "sender": asdict(sender),
        "posts": [
            {
                **_address(post),
                "date": post.date,
                "spoken": spoken(post.token),
                "qr": qr_svg(sender.link + post.token),
                "content": post.content,
            }
            for post in letters
        ],
    }
    last = "#for (n, post) in run.posts.enumerate() { one(n, post, letter) }"
    return _compile("\n".join((_resource("letters.typ"), template.source, last)), data, tagged)


def _list(
    template: Template,
    sender: From,
    day: str,
    placed: Sequence[Placed],
    missing: Sequence[Missing],
    tagged: bool,
) -> bytes:
    data = {
        "title": template.title,
        "style": _STYLE,
        "sender": asdict(sender),
        "date": day,
        "pages": placed[-1].last,
        "placed": [[p.number, spoken(p.token), p.first, p.last] for p in placed],
        "missing": [[m.number, m.where, m.character, m.printed] for m in missing],
    }
    return _compile(_resource("runs.typ"), data, tagged)


@cache
def _resource(name: str) -> str:
    return files("kenpo.press").joinpath(name).read_text(encoding="utf-8")


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(f) for f in FOLDERS]
    )


def _compile(source: str, data: Mapping[str, Any], tagged: bool = True) -> bytes:
    compiler = typst.Compiler(font_paths=_fonts(), ignore_system_fonts=True)
    try:
        made = compiler.compile(
            source.encode(),
            format="pdf",
            sys_inputs={"run": json.dumps(data, ensure_ascii=False)},
            timestamp=0,
            pdf_tags=tagged,
        )
    except typst.TypstError as error:
        raise ArgumentError(
            f"文書のひな形か内容に誤りがあり、印刷できません（{error.message}）。",
            where=str(data["title"]),
            todo="ひな形（.typ）と、それに渡す内容の項目を確かめてください。",
        ) from None
    if not isinstance(made, bytes):
        raise TypeError("typst made no single PDF")
    return made
