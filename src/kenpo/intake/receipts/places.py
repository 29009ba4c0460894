"""Municipality from the address of a medical institution (医療機関の所在地 → 市区町村)."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NamedTuple

from kenpo.base.branches import BRANCHES
from kenpo.base.municipalities import municipalities, municipality_code

_POSTCODE = re.compile(r"^(?:〒 *([0-9]{3})[-‐‑‒–—―−ー]?([0-9]{4})|([0-9]{3})[-‐‑‒–—―−]([0-9]{4}))(?![0-9])")
_COUNTY = re.compile(r"^.{1,4}?郡(?=.)")
# Invented places: 「見本県例示市」.
_PREFECTURE = re.compile(r"^(?:北海道|東京都|(?:京都|大阪)府|.{2,3}?県)")
_GENERAL = re.compile(r"^(?:.+?郡.+?[町村]|.+?市|.+?[区町村])")
# One name, written either way: 龍ケ崎市, 龍ヶ崎市.
_SMALL = str.maketrans("ヶヵ", "ケカ")


class Place(NamedTuple):
    """A municipality (市区町村): its name, and its code of JIS X 0402 where it is a real one."""

    name: str | None
    code: str | None


def place_of(address: str, prefecture: str | None = None) -> Place:
    """「東京都港区見本1-2-3」→ 港区, 13103. Both None when no municipality can be read.

    prefecture: two digits, for an address that leaves it out. Of the prefecture's municipalities the longest name the
    address begins with, after its county (郡) or not: the ward of a designated city before the city. An address of none
    of them is cut after 市, 区, 町 or 村 and has no code.
    """
    address = address.strip()
    named = next((b for b in BRANCHES if address.startswith(b.prefecture)), None)
    code, rest = (named.code, address.removeprefix(named.prefecture)) if named else (prefecture, address)
    if code and (name := _real(code, rest)):
        return Place(name, municipality_code(code, name))
    found = _GENERAL.match(_PREFECTURE.sub("", address, count=1))
    return Place(found[0] if found else None, None)


class Written(NamedTuple):
    """An address as it is written on a letter: postal code (753-0000) and the rest. None: not written or not readable."""

    postcode: str | None
    address: str | None


def written(text: str) -> Written:
    """「〒753－0000山口市架空町1」→ 753-0000, 山口市架空町1. An address with a character nobody can read is none."""
    text = text.strip()
    if "\ufffd" in text:
        return Written(None, None)
    # Its characters one by one, so that the rest is taken from the text as it is written.
    plain = "".join(unicodedata.normalize("NFKC", c)[:1] for c in text)
    if found := _POSTCODE.match(plain):
        first, last = (part for part in found.groups() if part)
        return Written(f"{first}-{last}", text[found.end() :].strip() or None)
    return Written(None, text or None)


def _real(prefecture: str, rest: str) -> str | None:
    for text in (rest, _COUNTY.sub("", rest, count=1)):
        plain = text.translate(_SMALL)
        for folded, name in _names(prefecture):
            if plain.startswith(folded):
                return name
    return None


@cache
def _names(prefecture: str) -> list[tuple[str, str]]:
    """The prefecture's municipalities as they are compared and as they are written, the longest first."""
    names = (name for code, name in municipalities().items() if code.startswith(prefecture))
    return sorted(((name.translate(_SMALL), name) for name in names), key=lambda n: len(n[0]), reverse=True)
