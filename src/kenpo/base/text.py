"""Text (文字): numbers as printed, widths, kana, variant characters (異体字) and CP932 (Shift_JIS as Windows writes it)."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any

import jaconv

from kenpo.base.errors import ArgumentError

_FULL_TO_HALF = str.maketrans({chr(c + 0xFEE0): chr(c) for c in range(0x21, 0x7F)} | {"\u3000": " "})
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))

_VARIANTS = str.maketrans(
    {
        variant: plain
        for plain, variants in {
            "高": "髙",
            "崎": "﨑嵜",
            "吉": "𠮷",
            "浜": "濱濵",
            "辺": "邊邉",
            "斉": "齊斎齋",
            "沢": "澤",
            "島": "嶋嶌",
            "徳": "德",
            "瀬": "瀨",
            "柳": "栁",
            "桑": "桒",
            "真": "眞",
            "橋": "槗",
            "広": "廣",
            "国": "國圀",
            "恵": "惠",
            "昇": "曻",
            "桜": "櫻",
            "滝": "瀧",
            "関": "關",
            "館": "舘",
            "富": "冨",
            "峰": "峯",
            "黒": "黑",
            "緑": "綠",
            "竜": "龍",
            "渕": "淵渊",
            "塩": "鹽",
            "剣": "劍劔",
            "万": "萬",
            "与": "與",
            "栄": "榮",
            "静": "靜",
            "巌": "巖",
            "凜": "凛",
            "遥": "遙",
            "寿": "壽",
            "実": "實",
            "晃": "晄",
            "渓": "溪",
            "条": "條",
            "来": "來",
            "礼": "禮",
            "薮": "藪籔",
            "桧": "檜",
            "祢": "禰",
        }.items()
        for variant in variants
    }
)

# Same character, other code point: text that came through other converters uses the left, CP932 has only the
# right.
_TO_CP932 = str.maketrans({"\u301c": "\uff5e", "\u2212": "\uff0d", "\u2016": "\u2225", "\u2014": "\u2015"})
# Bytes 80, A0, FD, FE and FF stand for no character; Python's codec lets them through as these.
_NOT_CHARACTERS = "\x80\uf8f0\uf8f1\uf8f2\uf8f3"
_UNDECODABLE = "\ufffd"


NOTHING = "－"
"""What stands where there is no value."""


def number(value: Any) -> str:
    """A number for people: thousands separated, no trailing zeros; － for None."""
    if value is None:
        return NOTHING
    if isinstance(value, Decimal):
        text = f"{value:,f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:,}" if isinstance(value, int) else str(value)


def printed(value: Decimal | None, unit: str) -> str:
    """A figure as it is printed, with just the digits it has: (59.9, "%") → 59.9%, (8521, "円") → 8,521円; － for None."""
    return NOTHING if value is None else f"{value:,f}{unit}"


def half_width(text: str) -> str:
    """Full-width digits, Latin letters, signs and spaces in half width (半角); kana, ① and ㈱ stay."""
    return text.translate(_FULL_TO_HALF)


def full_width_kana(text: str) -> str:
    """Half-width katakana in full width (全角カナ), sound marks joined: ｶﾞ → ガ."""
    return jaconv.h2z(text, kana=True, ascii=False, digit=False)


def strip_spaces(text: str) -> str:
    """The text without any space (空白), full-width and inner ones included."""
    return "".join(text.split())


def normalise_symbol(text: str) -> str:
    """A card's symbol or number (記号・番号) in one form for comparing: half-width digits, letters and signs,
    full-width kana, one kind of hyphen, no spaces. Letter case is kept, since 記号 may differ by it.
    """
    return strip_spaces(half_width(full_width_kana(text)).translate(_DASHES))


def fold_variants(text: str) -> str:
    """Variant characters of names (異体字) as the common one, for searching only: 髙→高, 﨑→崎, 𠮷→吉.

    Never store or print the result: the registered form is the person's name.
    """
    return unicodedata.normalize("NFC", text).translate(_VARIANTS)


def holds_characters(text: str) -> bool:
    """Whether a text decoded from CP932 is free of the code points its codec gives to bytes that are no character."""
    return not any(odd in text for odd in _NOT_CHARACTERS)


def decode_cp932(data: bytes) -> tuple[str, int]:
    """The text of CP932 bytes and how many characters could not be read; each of those stands as U+FFFD.

    Line ends and commas after a broken byte survive. User-defined characters (外字) come as private-use code
    points.
    """
    text = data.decode("cp932", errors="replace")
    for odd in _NOT_CHARACTERS:
        if odd in text:
            text = text.replace(odd, _UNDECODABLE)
    return text, text.count(_UNDECODABLE)


def encode_cp932(text: str) -> bytes:
    """CP932 bytes of a text; 〜 − ‖ — are written as the forms CP932 has.

    Raises ArgumentError that names the characters CP932 does not have: nothing is dropped in silence.
    """
    text = text.translate(_TO_CP932)
    bad = sorted(c for c in set(text) if not _encodable(c))
    if bad:
        raise ArgumentError(
            f"シフトJIS（CP932）にない文字があります：{'、'.join(f'{c}（U+{ord(c):04X}）' for c in bad)}",
            todo="別の文字に置き換えてください。",
        )
    return text.encode("cp932")


def _encodable(char: str) -> bool:
    try:
        char.encode("cp932")
    except UnicodeEncodeError:
        return False
    return char not in _NOT_CHARACTERS
