"""Municipalities (市区町村) by their five-digit code, and the code an address or a name stands for.

Codes are those of JIS X 0402 without the check digit, with the wards of designated cities (政令指定都市の区) beside the
cities. State of 2024-01-01. Source: 総務省「全国地方公共団体コード」.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

_COUNTY = re.compile(r"^.+?郡(?=.)")


@cache
def municipalities() -> dict[str, str]:
    """Code → name: "35201" → 下関市, "14101" → 横浜市鶴見区."""
    text = (files("kenpo.base") / "municipalities.csv").read_text(encoding="utf-8")
    return {row["code"]: row["name"] for row in csv.DictReader(text.splitlines())}


def municipality_name(code: str | None) -> str | None:
    """The name of a municipality, or None for a code that is not known."""
    return municipalities().get(code) if code else None


@cache
def municipality_code(prefecture: str, name: str) -> str | None:
    """The code of a municipality by the prefecture's two digits and its name, with or without its county (郡).

    「大島郡周防大島町」 and 「周防大島町」 of "35" are both 35305. None when the prefecture has no such municipality.
    """
    of_prefecture = _by_name(prefecture)
    return of_prefecture.get(name) or of_prefecture.get(_COUNTY.sub("", name, count=1))


@cache
def _by_name(prefecture: str) -> dict[str, str]:
    return {name: code for code, name in municipalities().items() if code.startswith(prefecture)}
