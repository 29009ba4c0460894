"""The numbers and bullets Word puts before paragraphs (段落番号と箇条書き), which stand nowhere in the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from lxml.etree import _Element as Element

from kenpo.intake.documents import xml
from kenpo.intake.documents.markup import BULLET

_KANA = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
_IROHA = "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_DIGITS = "〇一二三四五六七八九"
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_SYMBOLS = {
    "l": "●",
    "n": "■",
    "u": "◆",
    "p": "□",
    "q": "□",
    "o": "○",
    "m": "○",
    "§": "■",
    "Ø": "➢",
    "ü": "✓",
}
_MOST_DEEP = 9


@dataclass(frozen=True)
class _Level:
    start: int
    form: str
    text: str
    style: str


@dataclass
class Numbering:
    """The lists of a document, and how far each has been counted."""

    _levels: dict[str, dict[int, _Level]] = field(default_factory=dict)
    _lists: dict[str, str] = field(default_factory=dict)
    _starts: dict[str, dict[int, int]] = field(default_factory=dict)
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)

    @staticmethod
    def of(root: Element | None) -> Numbering:
        """What word/numbering.xml declares."""
        found = Numbering()
        for part in root if root is not None else ():
            if xml.name(part) == "abstractNum":
                levels = xml.children(part, "lvl")
                found._levels[xml.attribute(part, "abstractNumId")] = dict(map(_level, levels))
            elif xml.name(part) == "num":
                number = xml.attribute(part, "numId")
                found._lists[number] = xml.value(part, "abstractNumId")
                found._starts[number] = {
                    _number(xml.attribute(over, "ilvl")): _number(start)
                    for over in xml.children(part, "lvlOverride")
                    if (start := xml.value(over, "startOverride"))
                }
        return found

    def level_of_style(self, number: str, style: str) -> int:
        """The level of a list that a paragraph style is tied to."""
        levels = self._levels.get(self._lists.get(number, ""), {})
        return next((n for n, level in levels.items() if level.style == style), 0)

    def mark(self, number: str, depth: int) -> str:
        """The mark of the next paragraph of this list on this level (0 the outermost); blank when it shows none."""
        kind = self._lists.get(number, "")
        levels = self._levels.get(kind, {})
        level = levels.get(min(depth, _MOST_DEEP - 1))
        if level is None:
            return BULLET
        counts = self._counts.setdefault(kind, {})
        started = self._starts.get(number, {}).pop(depth, None)
        counts[depth] = started if started is not None else counts.get(depth, level.start - 1) + 1
        for deeper in [n for n in counts if n > depth]:
            del counts[deeper]
        if level.form == "bullet":
            return symbol(level.text[:1])

        def numeral(found: re.Match[str]) -> str:
            at = int(found[1]) - 1
            outer = levels.get(at, level)
            return _numeral(counts.get(at, outer.start), outer.form)

        return re.sub(r"%([1-9])", numeral, level.text).strip()


def symbol(character: str) -> str:
    """A bullet as the character it looks like; those of symbol fonts have codes of their own."""
    code = ord(character) if character else 0
    if 0xF020 <= code <= 0xF0FF:
        character = chr(code - 0xF000)
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    is_plain = character.isascii() or character == "·" or 0xE000 <= code <= 0xF8FF
    return BULLET if is_plain else character


def _level(part: Element) -> tuple[int, _Level]:
    return _number(xml.attribute(part, "ilvl")), _Level(
        _number(xml.value(part, "start"), 1),
        xml.value(part, "numFmt") or "decimal",
        xml.value(part, "lvlText"),
        xml.value(part, "pStyle"),
    )


def _number(text: str, default: int = 0) -> int:
    return int(text) if text.isdecimal() else default


def _letters(alphabet: str) -> Callable[[int], str]:
    return lambda n: alphabet[(n - 1) % len(alphabet)] * ((n - 1) // len(alphabet) + 1)


def _roman(n: int) -> str:
    found = ""
    for value, sign in _ROMAN:
        count, n = divmod(n, value)
        found += sign * count
    return found


def _circled(n: int) -> str:
    for first, last, code in ((1, 20, 0x2460), (21, 35, 0x3251), (36, 50, 0x32B1)):
        if first <= n <= last:
            return chr(code + n - first)
    return f"({n})"


def _kanji(n: int) -> str:
    if n >= 100:
        return "".join(_DIGITS[int(digit)] for digit in str(n))
    tens, ones = divmod(n, 10)
    return ("" if tens < 2 else _DIGITS[tens]) + ("十" if tens else "") + (_DIGITS[ones] if ones else "")


_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
_FORMS: dict[str, Callable[[int], str]] = {
    "decimalZero": lambda n: f"{n:02}",
    "decimalFullWidth": lambda n: str(n).translate(_WIDE),
    "decimalFullWidth2": lambda n: str(n).translate(_WIDE),
    "decimalEnclosedCircle": _circled,
    "decimalEnclosedCircleChinese": _circled,
    "decimalEnclosedParen": lambda n: f"({n})",
    "decimalEnclosedFullstop": lambda n: f"{n}.",
    "lowerRoman": _roman,
    "upperRoman": lambda n: _roman(n).upper(),
    "lowerLetter": _letters("abcdefghijklmnopqrstuvwxyz"),
    "upperLetter": _letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "aiueo": _letters(_KANA),
    "aiueoFullWidth": _letters(_KANA),
    "iroha": _letters(_IROHA),
    "irohaFullWidth": _letters(_IROHA),
    "japaneseCounting": _kanji,
    "japaneseDigitalTenThousand": _kanji,
    "ideographDigital": _kanji,
    "chineseCounting": _kanji,
    "ideographTraditional": _letters(_STEMS),
    "none": lambda n: "",
}


def _numeral(n: int, form: str) -> str:
    return _FORMS.get(form, str)(max(n, 0)) if n > 0 or form not in _FORMS else str(n)
