"""Values of Excel cells as Excel shows them (表示形式), since the precision a plan prints decides how it is judged."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[[^\]]*\]|(?P<number>[0#?][0#?,.]*)|(?P<other>.)',
    re.DOTALL,
)
_CONDITION = re.compile(r"\[[<>=]")
_UNREAD = re.compile(r"[A-Za-z/]")
_GENERAL_DIGITS = 11


def shown(value: object, form: str) -> str:
    """The value of a cell under a number format. Dates are written as ISO, whatever calendar the format names.

    A format that is not understood (fractions, conditions, powers of ten) leaves the number as it is.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime | date | time | timedelta):
        return _moment(value, form)
    if isinstance(value, int | float):
        return _number(value, form)
    return str(value)


def _moment(value: datetime | date | time | timedelta, form: str) -> str:
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, time):
        return value.isoformat("minutes")
    letters = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", form).lower()
    if "d" not in letters and "m" in letters and "h" not in letters:
        return value.strftime("%Y-%m")
    if isinstance(value, datetime) and (value.hour or value.minute or value.second):
        return value.isoformat(" ", "minutes")
    return value.strftime("%Y-%m-%d")


def _number(value: int | float, form: str) -> str:
    sections = _sections(form)
    negative = value < 0
    section = sections[0]
    if len(sections) > 1 and (negative or (value == 0 and len(sections) > 2)):
        section = sections[1] if negative else sections[2]
        number = abs(_decimal(value))
    else:
        number = _decimal(value)
    tokens = list(_TOKEN.finditer(section))
    plain = "".join(found["other"] or found["number"] or "" for found in tokens)
    if not form or plain == "@" or _UNREAD.search(plain) or _CONDITION.search(form):
        return _general(_decimal(value))
    return _formatted(number, tokens)


def _sections(form: str) -> list[str]:
    """The parts between semicolons, which may stand inside quotes too."""
    return re.findall(r'(?:"[^"]*"|\\.|[^;"\\])+|(?<=;)(?=;|$)|^(?=;)', form) or [""]


def _decimal(value: int | float) -> Decimal:
    return Decimal(value) if isinstance(value, int) else Decimal(f"{value:.15g}")


def _general(number: Decimal) -> str:
    if number == number.to_integral_value():
        return f"{number:.0f}"
    text = f"{number:.{_GENERAL_DIGITS}g}"
    return f"{Decimal(text):f}".rstrip("0").rstrip(".")


def _formatted(number: Decimal, tokens: list[re.Match[str]]) -> str:
    """The number in its place among the literal signs. A section without a place for it shows only those."""
    percents = sum(found["other"] in ("%", "％") for found in tokens)
    pattern = next((found["number"] for found in tokens if found["number"]), "")
    scaled = number * 100**percents / 1000 ** (len(pattern) - len(pattern.rstrip(",")))
    text, placed = "", False
    sign = "-" if number < 0 else ""
    for found in tokens:
        if found["number"]:
            digits = "" if placed else _digits(abs(scaled), pattern)
            if re.search("[1-9]", digits):
                text = sign + text
            text, placed = text + digits, True
        else:
            text += found["quoted"] or found["escaped"] or found["currency"] or found["other"] or ""
    return text.strip()


def _digits(number: Decimal, pattern: str) -> str:
    whole, _, fraction = pattern.rstrip(",").partition(".")
    places = len(fraction.replace(",", ""))
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    before, _, after = f"{rounded:f}".partition(".")
    least = whole.count("0")
    before = "" if not least and before == "0" else before.zfill(least)
    if "," in whole:
        before = f"{int(before or 0):,}".zfill(least) if before else ""
    keep = max((n + 1 for n, sign in enumerate(fraction) if sign == "0"), default=0)
    after = after[:keep] + after[keep:].rstrip("0")
    point = "." if after or "." in pattern else ""
    return before + point + after
