"""Eras (元号): reading and writing 和暦 and 西暦 dates, months, years and fiscal years.

Source: 元号法 and its cabinet orders (政令). A date must lie in the era it names; on 1912-07-30 and
1926-12-25 both eras are legally right, so both are read, and the new era is written.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from kenpo.base.errors import ArgumentError

Precision = Literal["day", "month", "year", "fiscal_year"]
Style = Literal["long", "short"]


@dataclass(frozen=True)
class Era:
    """An era (元号). `first` and `last` are inclusive; `last` is None for the present era.

    Two changes fell on a day that legally belongs to both eras (1912-07-30, 1926-12-25): there `last` of the
    older era is `first` of the newer. `receipt_code` is the digit G of the old receipt form GYYMMDD.
    """

    name: str
    letter: str
    receipt_code: str
    first: date
    last: date | None
    base: int
    """Calendar year of era year 0: AD = base + n."""

    def holds(self, first: date, last: date) -> bool:
        """Whether any day from `first` to `last` lies in the era."""
        return last >= self.first and (self.last is None or first <= self.last)

    def year_text(self, year: int, style: Style = "long") -> str:
        """The AD year in this era: 令和元 / 令和3 (long) or R1 / R3 (short), without 年."""
        number = year - self.base
        if style == "short":
            return f"{self.letter}{number}"
        return f"{self.name}{'元' if number == 1 else number}"


ERAS = (
    Era("明治", "M", "1", date(1873, 1, 1), date(1912, 7, 30), 1867),
    Era("大正", "T", "2", date(1912, 7, 30), date(1926, 12, 25), 1911),
    Era("昭和", "S", "3", date(1926, 12, 25), date(1989, 1, 7), 1925),
    Era("平成", "H", "4", date(1989, 1, 8), date(2019, 4, 30), 1988),
    Era("令和", "R", "5", date(2019, 5, 1), None, 2018),
)
"""The eras from oldest to newest; 明治 from 1873, when the Gregorian calendar came into use."""

FIRST_DAY = ERAS[0].first

_BY_TEXT = {key: era for era in ERAS for key in (era.name, era.name[0], era.letter)}
_BY_RECEIPT_CODE = {era.receipt_code: era for era in ERAS}

_ERA_YEAR = r"(?:明治|大正|昭和|平成|令和|[明大昭平令MTSHR])(?:元|[0-9]{1,2})"
_YEAR = re.compile(
    rf"(?P<fy>FY)?(?P<outer>[0-9]{{4}}|{_ERA_YEAR})(?P<unit1>年度|年)?"
    rf"(?:\((?P<inner>[0-9]{{4}}|{_ERA_YEAR})(?P<unit2>年度|年)?\)(?P<unit3>年度|年)?)?(?P<rest>.*)"
)
_WITHIN_YEAR = re.compile(
    r"(?P<month>[0-9]{1,2})月(?:(?P<end>末日?)|(?P<day>[0-9]{1,2})日)?"
    r"|(?P<sep>[./-])(?P<month2>[0-9]{1,2})(?:月?(?P<end2>末日?)|(?P=sep)(?P<day2>[0-9]{1,2}))?"
)
_DIGITS = re.compile(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})?")
_LOOSE_SPACE = re.compile(r"(?<![0-9])\s+|\s+(?![0-9])")
"""A space that does not stand between two digits: `R1 2.3` must not become R12.3."""
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−ーｰ", "-"))

_DATE_TODO = "令和3年3月31日、R3.3.31、2021-03-31、令和3年3月末 のように書いてください。"
_MONTH_TODO = "令和3年3月、R3.3、2021-03、202103 のように書いてください。"
_FISCAL_YEAR_TODO = "令和3年度、R3年度、2021年度、FY2021 のように書いてください。"
_PERIOD_TODO = "令和3年3月31日、R3.3、2021-03、令和3年、令和3年度、FY2021 のように書いてください。"


class Period(NamedTuple):
    """A span of whole days (期間): both ends inclusive, and how exactly the text named it."""

    first_day: date
    last_day: date
    precision: Precision


class _Unreadable(Exception):
    """Internal: the reason (Japanese) why a text cannot be read, turned into an ArgumentError at the edge."""


def era_of(day: date) -> Era:
    """The era (元号) written for a day: the new one on the day of a change.

    Raises ArgumentError before 1873-01-01, when Japan did not use the Gregorian calendar.
    """
    for era in reversed(ERAS):
        if day >= era.first:
            return era
    raise ArgumentError(
        f"{day.isoformat()} は和暦にできません。明治6年（1873年）1月1日より前の日付は扱いません。",
        todo="日付を確かめてください。",
    )


def to_wareki(day: date, style: Style = "long") -> str:
    """A day in 和暦: 令和3年3月31日 (long; year 1 is 元年) or R3.3.31 (short; year 1 is 1).

    Raises ArgumentError before 1873-01-01. Source: 元号法.
    """
    year = era_of(day).year_text(day.year, style)
    if style == "short":
        return f"{year}.{day.month}.{day.day}"
    return f"{year}年{day.month}月{day.day}日"


def to_wareki_month(month: date, style: Style = "long") -> str:
    """A month in 和暦: 令和3年3月 (long) or R3.3 (short).

    A month of two eras takes that of its last day: 1989-01 is 平成元年1月.
    Raises ArgumentError before 1873-01-01. Source: 元号法.
    """
    year = era_of(_month_end(month.year, month.month)).year_text(month.year, style)
    return f"{year}.{month.month}" if style == "short" else f"{year}年{month.month}月"


def parse_period(text: str) -> Period:
    """What a person wrote, in 和暦 or 西暦, as a span of days (期間).

    Reads days (令和3年3月31日, R3.3.31, 2021-03-31, 20210331), ends (令和3年3月末, R3.6末, 令和11年度末: one
    day), months (R3.3, 2018-11, 2018/11, 201811), calendar years (令和3年, R3, 2021(令和3)年, 2021) and
    fiscal years (令和3年度, R3年度, 2021年度, FY2021); full-width digits and 元年 as well. `R3` alone is the
    calendar year; a year or fiscal year is always whole, also in a year with two eras (令和元年 and 平成31年
    are both 2019).

    Raises ArgumentError when the text is none of these, names a day, month or year outside the era written,
    or gives two years that differ (2021(令和4)年).
    """
    return _read(text, "期間", _PERIOD_TODO)


def parse_date(text: str) -> date:
    """A day (日付) from 和暦 or 西暦 text, or the last day of what 末 names: R3.6末 is 2021-06-30.

    Raises ArgumentError as parse_period does, and when the text names a month or year, not a day.
    """
    period = _read(text, "日付", _DATE_TODO)
    if period.precision != "day":
        raise _bad(text, "日付", "日までは書かれていません。", _DATE_TODO)
    return period.first_day


def parse_month(text: str) -> date:
    """A month (年月), as its first day, from 和暦 or 西暦 text: 令和5年9月 is 2023-09-01.

    Raises ArgumentError as parse_period does, and when the text names a day or a year, not a month.
    """
    period = _read(text, "年月", _MONTH_TODO)
    if period.precision != "month":
        raise _bad(text, "年月", "年と月だけの形になっていません。", _MONTH_TODO)
    return period.first_day


def parse_months(text: str) -> tuple[date, date]:
    """The first and the last month of a text: 2018-04..2019-03, or one month alone.

    Raises ArgumentError for what is no month, and when the end comes before the beginning.
    """
    first, _, last = text.partition("..")
    span = parse_month(first), parse_month(last or first)
    if span[0] > span[1]:
        raise ArgumentError(
            f"年月の範囲「{text}」の初めと終わりが逆です。", todo="2018-04..2019-03 の形で指定してください。"
        )
    return span


def parse_fiscal_year(text: str) -> int:
    """A fiscal year (年度), as the AD year of its April: 令和3年度, R3年度, 2021年度 and FY2021 are 2021.

    Raises ArgumentError as parse_period does, and when the text does not say 年度 or FY (R3 is a calendar
    year).
    """
    period = _read(text, "年度", _FISCAL_YEAR_TODO)
    if period.precision != "fiscal_year":
        raise _bad(text, "年度", "「年度」か「FY」が付いていません。", _FISCAL_YEAR_TODO)
    return period.first_day.year


def from_receipt_date(text: str) -> date:
    """A day of a claim file (レセプト電算の年月日): GYYMMDD of 7 digits (G: 1明治…5令和) or YYYYMMDD of 8.

    Raises ArgumentError for any other form and for a day that does not exist.
    Source: レセプト電算 記録条件仕様.
    """
    return _from_receipt(text, "年月日", with_day=True)


def from_receipt_month(text: str) -> date:
    """A month of a claim file (レセプト電算の年月), as its first day: GYYMM of 5 digits or YYYYMM of 6.

    Raises ArgumentError for any other form and for a month that does not exist.
    Source: レセプト電算 記録条件仕様.
    """
    return _from_receipt(text, "年月", with_day=False)


def _from_receipt(text: str, kind: str, *, with_day: bool) -> date:
    old, new = (7, 8) if with_day else (5, 6)
    forms = "GYYMMDD（7桁）か YYYYMMDD（8桁）" if with_day else "GYYMM（5桁）か YYYYMM（6桁）"
    todo = f"レセプト電算の{kind}は {forms} の半角数字です（G：1明治 2大正 3昭和 4平成 5令和）。"
    if not (text.isascii() and text.isdigit() and len(text) in (old, new)):
        raise _bad(text, kind, "桁数か文字が違います。", todo)
    try:
        if len(text) == new:
            year, era = int(text[:4]), None
        else:
            era = _BY_RECEIPT_CODE.get(text[0])
            if era is None or text[1:3] == "00":
                raise _Unreadable("元号の数字か年が正しくありません。")
            year = era.base + int(text[1:3])
        month = int(text[-4:-2] if with_day else text[-2:])
        return _span(year, month, int(text[-2:]) if with_day else None, era).first_day
    except _Unreadable as reason:
        raise _bad(text, kind, str(reason), todo) from None


def _read(text: str, kind: str, todo: str) -> Period:
    plain = unicodedata.normalize("NFKC", text).strip().upper().translate(_DASHES)
    plain = _LOOSE_SPACE.sub("", plain)
    try:
        if m := _DIGITS.fullmatch(plain):
            return _span(int(m["year"]), int(m["month"]), int(m["day"]) if m["day"] else None, None)
        return _read_year(plain)
    except _Unreadable as reason:
        raise _bad(text, kind, str(reason), todo) from None


def _read_year(plain: str) -> Period:
    m = _YEAR.fullmatch(plain)
    if m is None:
        raise _Unreadable("")
    units = {unit for unit in (m["unit1"], m["unit2"], m["unit3"]) if unit} | ({"年度"} if m["fy"] else set())
    if len(units) > 1:
        raise _Unreadable("「年」と「年度」が両方あります。")
    unit = units.pop() if units else ""
    year, era = _year(m["outer"])
    if m["inner"]:
        year2, era2 = _year(m["inner"])
        if (era is None) == (era2 is None):
            raise _Unreadable("括弧の内と外は、和暦と西暦を一つずつにしてください。")
        if year != year2:
            raise _Unreadable(f"{m['outer']} と {m['inner']} は同じ年ではありません。")
        era = era or era2
    _require_bounds(year)
    return _read_rest(year, era, unit, m["rest"])


def _read_rest(year: int, era: Era | None, unit: str, rest: str) -> Period:
    if unit == "年度":
        first, last = date(year, 4, 1), date(year + 1, 3, 31)
        _require_era(first, last, era, "年度")
        return _whole_or_end(first, last, "fiscal_year", rest)
    if rest == "" or (rest == "末" and unit):
        _require_era(date(year, 1, 1), date(year, 12, 31), era, "年")
        return _whole_or_end(date(year, 1, 1), date(year, 12, 31), "year", rest)
    m = _WITHIN_YEAR.fullmatch(rest)
    if m is None or bool(m["sep"]) == bool(unit):
        raise _Unreadable("")
    month, day, end = m["month"] or m["month2"], m["day"] or m["day2"], m["end"] or m["end2"]
    span = _span(year, int(month), int(day) if day else None, era)
    return _whole_or_end(span.first_day, span.last_day, span.precision, "末" if end else "")


def _whole_or_end(first: date, last: date, precision: Precision, rest: str) -> Period:
    if rest == "末":
        return Period(last, last, "day")
    if rest:
        raise _Unreadable("")
    return Period(first, last, precision)


def _year(text: str) -> tuple[int, Era | None]:
    if text.isdigit():
        return int(text), None
    split = 2 if text[:2] in _BY_TEXT else 1
    era, number = _BY_TEXT[text[:split]], text[split:]
    n = 1 if number == "元" else int(number)
    if n == 0:
        raise _Unreadable("和暦の年は元年（1年）からです。")
    return era.base + n, era


def _require_bounds(year: int) -> None:
    if not FIRST_DAY.year <= year < 9999:
        raise _Unreadable("明治6年（1873年）より前の年と、9999年以後は扱いません。")


def _require_era(first: date, last: date, era: Era | None, kind: str) -> None:
    if era is None or era.holds(first, last):
        return
    right = era_of(date(first.year, 12, 31) if kind == "年度" else last)
    written, hint = era.year_text(first.year), right.year_text(first.year)
    if kind == "年度":
        raise _Unreadable(f"{written}年度はありません（{hint}年度です）。")
    if kind == "年":
        raise _Unreadable(f"{written}年はありません（{hint}年です）。")
    where = f"{first.month}月" + (f"{first.day}日" if kind == "日" else "")
    raise _Unreadable(f"{written}年{where}はありません（{hint}年{where}です）。")


def _span(year: int, month: int, day: int | None, era: Era | None) -> Period:
    if not 1 <= month <= 12:
        raise _Unreadable(f"{month}月はありません。")
    _require_bounds(year)
    last = _month_end(year, month)
    if day is None:
        _require_era(date(year, month, 1), last, era, "月")
        return Period(date(year, month, 1), last, "month")
    if not 1 <= day <= last.day:
        raise _Unreadable(f"{year}年{month}月に{day}日はありません。")
    the_day = date(year, month, day)
    _require_era(the_day, the_day, era, "日")
    return Period(the_day, the_day, "day")


def _month_end(year: int, month: int) -> date:
    return date(year, month, calendar.monthrange(year, month)[1])


def _bad(text: str, kind: str, reason: str, todo: str) -> ArgumentError:
    return ArgumentError(f"「{text}」を{kind}として読めません。{reason}", todo=todo)
