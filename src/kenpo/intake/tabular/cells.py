"""Texts of a table read as the types its columns declare (項目の読取り): dates in 和暦 and 西暦, codes, marks, numbers.

Every reader returns a value for each text, NULL where the text cannot be read. What stands often is read set-based;
rare spellings are read one by one, each distinct text once.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import polars as pl

from kenpo.base.era import FIRST_DAY, parse_date, parse_month
from kenpo.base.errors import ArgumentError
from kenpo.lake.schema import Column

REASON = {
    "date": "bad_date",
    "month": "bad_date",
    "bool": "bad_value",
    "int32": "not_a_number",
    "int64": "not_a_number",
    "string": "bad_code",
}
"""The reason code of a text that cannot be read, by the column's type."""

_TRUE = ("1", "はい", "有", "あり", "済", "true", "○", "〇", "◯")
_FALSE = ("0", "いいえ", "無", "なし", "未", "false", "×", "✕")
_DAY = r"^[0-9]{4}(?:[0-9]{4}|-[0-9]{1,2}-[0-9]{1,2})$"
_MONTH = r"^[0-9]{4}(?:[0-9]{2}|-[0-9]{1,2})$"
_DIGITS_OF_INT = {"int32": 9, "int64": 12}
_DIGITS_ONLY = re.compile(r"\[0-9\]\{(\d+)\}")
_SPACES = r"[\s\u3000]"
_DASHES = "[‐‑‒–—―−]"


def read(column: Column, text: pl.Series) -> pl.Series:
    """The values of a column's texts, in the column's type; NULL for NULL and for what cannot be read.

    Dates: 2024-04-01, 20240401, 2024/4/1, 令和6年4月1日, R6.4.1. Months: 2024-04, 202404, 令和6年4月, or a month's first
    day. Marks: 1/0, はい/いいえ, 有/無, 済/未, true/false, ○/×. Codes: the stored value or any declared spelling, digits with
    or without leading zeros. Numbers: whole, not negative, with or without commas every three digits. Other texts:
    folded as keys are, and in full as the pattern says; leading zeros that a spreadsheet dropped from a code of fixed
    length are put back.
    """
    if text.null_count() == text.len():
        return text.cast(column.polars)
    if column.type == "date":
        return _once_each(text, _days, pl.Date)
    if column.type == "month":
        return _once_each(text, _months, pl.Date)
    if column.type == "bool":
        return _spelled(
            text, dict.fromkeys(map(_code_key, _TRUE), True) | dict.fromkeys(map(_code_key, _FALSE), False)
        )
    if column.type in _DIGITS_OF_INT:
        return _whole_numbers(column, text)
    if column.codes:
        return _spelled(text, _spellings(column.codes))
    return _patterned(column.pattern, text) if column.pattern else text


def folded(text: pl.Series) -> pl.Series:
    """Texts in the one form in which keys compare them: NFKC, no spaces, one kind of hyphen."""
    if (text.str.len_bytes() != text.str.len_chars()).any():
        text = text.str.normalize("NFKC").str.replace_all(_DASHES, "-")
    return text.str.replace_all(_SPACES, "")


def _once_each(
    text: pl.Series, reader: Callable[[pl.Series], pl.Series], dtype: pl.DataType | type[pl.DataType]
) -> pl.Series:
    distinct = text.unique().drop_nulls()
    return text.replace_strict(distinct, reader(distinct), default=None, return_dtype=dtype)


def _days(text: pl.Series) -> pl.Series:
    plain = folded(text).str.replace_all("/", "-")
    usual = pl.select(pl.when(plain.str.contains(_DAY)).then(plain)).to_series()
    out = usual.str.to_date("%Y-%m-%d", strict=False)
    digits = pl.select(pl.when(plain.str.len_bytes() == 8).then(usual)).to_series()
    out = pl.select(pl.coalesce(out, digits.str.to_date("%Y%m%d", strict=False))).to_series()
    return _rare(text, usual, out, parse_date)


def _months(text: pl.Series) -> pl.Series:
    plain = folded(text).str.replace_all("/", "-")
    usual = pl.select(pl.when(plain.str.contains(_MONTH)).then(plain.str.replace("-", ""))).to_series()
    six = usual.str.slice(0, 4) + usual.str.slice(4).str.zfill(2)
    out = (six + "01").str.to_date("%Y%m%d", strict=False)
    out = _rare(text, usual, out, parse_month)
    # A spreadsheet keeps a month as its first day.
    first = pl.select(pl.when(out.is_null()).then(text)).to_series()
    days = _days(first.drop_nulls().unique())
    if days.is_empty():
        return out
    found = first.replace_strict(first.drop_nulls().unique(), days, default=None, return_dtype=pl.Date)
    return pl.select(pl.coalesce(out, pl.when(found.dt.day() == 1).then(found))).to_series()


def _rare(text: pl.Series, usual: pl.Series, out: pl.Series, parse: Callable[[str], date]) -> pl.Series:
    """Days before 明治6年 are none; what has not the usual shape is read one by one."""
    out = pl.select(pl.when(out >= FIRST_DAY).then(out)).to_series()
    others = text.filter(usual.is_null() & text.is_not_null())
    if others.is_empty():
        return out
    known: dict[str, date | None] = {}
    for written in others:
        known[written] = None
        with contextlib.suppress(ArgumentError):
            known[written] = parse(written)
    extra = text.replace_strict(known, default=None, return_dtype=pl.Date)
    return pl.select(pl.coalesce(out, extra)).to_series()


def _spellings(codes: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {_code_key(text): stored for stored, texts in codes.items() for text in (stored, *texts)}


def _code_key(text: str) -> str:
    plain = "".join(unicodedata.normalize("NFKC", text).split()).lower()
    return plain.lstrip("0") or "0" if plain.isascii() and plain.isdigit() else plain


def _spelled(text: pl.Series, known: Mapping[str, Any]) -> pl.Series:
    distinct = text.unique().drop_nulls().to_list()
    values = [known.get(_code_key(written)) for written in distinct]
    dtype = pl.Boolean if isinstance(next(iter(known.values())), bool) else pl.String
    return text.replace_strict(distinct, pl.Series(values, dtype=dtype), default=None, return_dtype=dtype)


def _whole_numbers(column: Column, text: pl.Series) -> pl.Series:
    plain = folded(text)
    grouped = plain.str.contains(r"^[0-9]{1,3}(?:,[0-9]{3})+$")
    plain = pl.select(pl.when(grouped).then(plain.str.replace_all(",", "")).otherwise(plain)).to_series()
    good = plain.str.contains(rf"^[0-9]{{1,{_DIGITS_OF_INT[column.type]}}}$")
    return pl.select(pl.when(good).then(plain)).to_series().cast(column.polars)


def _patterned(pattern: str, text: pl.Series) -> pl.Series:
    plain = folded(text)
    if length := _DIGITS_ONLY.fullmatch(pattern):
        digits = plain.str.contains("^[0-9]+$")
        plain = pl.select(pl.when(digits).then(plain.str.zfill(int(length[1]))).otherwise(plain)).to_series()
    return pl.select(pl.when(plain.str.contains(f"^(?:{pattern})$")).then(plain)).to_series()
