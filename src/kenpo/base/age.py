"""Legal age (年齢): attained at the end of the day before the birthday.

Source: 年齢計算ニ関スル法律; 民法143条.
"""

from __future__ import annotations

from datetime import date, timedelta

from kenpo.base.errors import ArgumentError


def attains_on(birth: date, age: int) -> date:
    """The day an age is attained (到達日): the day before the birthday; age 0 or more, in whole years.

    Born 1955-06-01, 70 is attained on 2025-05-31. Born on 29 February, every age is attained on 28 February:
    a year without that birthday ends with the last day of the month. Born on 1 March, on the last day of
    February. Source: 年齢計算ニ関スル法律2項, 民法143条2項.
    """
    if age < 0:
        raise ArgumentError(f"年齢 {age} は負の数です。", todo="0以上の整数を指定してください。")
    if (birth.month, birth.day) == (2, 29):
        return date(birth.year + age, 2, 28)
    return birth.replace(year=birth.year + age) - timedelta(days=1)


def age_on(birth: date, day: date) -> int:
    """The age in whole years attained by the end of a day (年齢), counted from the day before the birthday.

    Born 1985-05-01, the age is 40 from 2025-04-30 on.
    Raises ArgumentError when `day` is before the birth. Source: 年齢計算ニ関スル法律.
    """
    if day < birth:
        raise ArgumentError(
            f"{day.isoformat()} は生年月日 {birth.isoformat()} より前なので、年齢を計算できません。",
            todo="生年月日と基準日を確かめてください。",
        )
    age = day.year - birth.year + 1
    while attains_on(birth, age) > day:
        age -= 1
    return age


def fiscal_year_end_age(birth: date, fiscal_year: int) -> int:
    """The age at the end of a fiscal year (年度末年齢): on 31 March of the next AD year.

    Born on 1 April counts in the older year: born 1955-04-01, the age at the end of FY2020 is 66.
    Raises ArgumentError when the fiscal year ended before the birth.
    """
    return age_on(birth, date(fiscal_year + 1, 3, 31))


def five_year_band(age: int) -> str:
    """The five-year age class (5歳階級): 0 → "00-04", 42 → "40-44", 74 → "70-74", 75 and over → "75-".

    Raises ArgumentError for a negative age.
    """
    if age < 0:
        raise ArgumentError(f"年齢 {age} は負の数です。", todo="0以上の整数を指定してください。")
    if age >= 75:
        return "75-"
    low = age // 5 * 5
    return f"{low:02d}-{low + 4:02d}"
