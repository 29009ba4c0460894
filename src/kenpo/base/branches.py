"""The 47 branches (支部) of 協会けんぽ and their insurer numbers (保険者番号).

Codes are the prefecture codes of JIS X 0401. An insurer number has 8 digits: 01 (法別番号 of 協会けんぽ),
prefecture, 001 and a check digit. Source: 保険者番号等の設定について (昭51.8.7 保発45号・庁保発34号).
"""

from __future__ import annotations

from dataclasses import dataclass

from kenpo.base.errors import ArgumentError
from kenpo.base.text import normalise_symbol

NATION_CODE = "00"
"""The code of all branches together (全国)."""


def insurer_check_digit(number7: str) -> str:
    """The check digit (検証番号) of the first 7 digits of an insurer number: "0113001" → "2".

    Weights 2, 1, 2, 1, ... from the right, digits of the products added, then 10 less the last digit of the
    sum (0 when that is 0). Raises ArgumentError when the text is not 7 digits. Source: 昭51.8.7
    保発45号・庁保発34号 別添.
    """
    if len(number7) != 7 or not (number7.isascii() and number7.isdigit()):
        raise ArgumentError(
            f"「{number7}」から検証番号を計算できません。",
            todo="保険者番号の先頭7桁を半角数字で指定してください。",
        )
    total = 0
    for i, digit in enumerate(reversed(number7)):
        product = int(digit) * (2 if i % 2 == 0 else 1)
        total += product // 10 + product % 10
    return str((10 - total % 10) % 10)


@dataclass(frozen=True)
class Branch:
    """A branch (支部): code "13", short 東京, name 東京支部, prefecture 東京都, english Tokyo."""

    code: str
    short: str
    name: str
    prefecture: str
    english: str

    @property
    def insurer_number(self) -> str | None:
        """The branch's insurer number (保険者番号), 8 digits: 東京 → 01130012; None for 全国."""
        if self.code == NATION_CODE:
            return None
        number7 = f"01{self.code}001"
        return number7 + insurer_check_digit(number7)


_SHORT_AND_ENGLISH = (
    ("北海道", "Hokkaido"),
    ("青森", "Aomori"),
    ("岩手", "Iwate"),
    ("宮城", "Miyagi"),
    ("秋田", "Akita"),
    ("山形", "Yamagata"),
    ("福島", "Fukushima"),
    ("茨城", "Ibaraki"),
    ("栃木", "Tochigi"),
    ("群馬", "Gunma"),
    ("埼玉", "Saitama"),
    ("千葉", "Chiba"),
    ("東京", "Tokyo"),
    ("神奈川", "Kanagawa"),
    ("新潟", "Niigata"),
    ("富山", "Toyama"),
    ("石川", "Ishikawa"),
    ("福井", "Fukui"),
    ("山梨", "Yamanashi"),
    ("長野", "Nagano"),
    ("岐阜", "Gifu"),
    ("静岡", "Shizuoka"),
    ("愛知", "Aichi"),
    ("三重", "Mie"),
    ("滋賀", "Shiga"),
    ("京都", "Kyoto"),
    ("大阪", "Osaka"),
    ("兵庫", "Hyogo"),
    ("奈良", "Nara"),
    ("和歌山", "Wakayama"),
    ("鳥取", "Tottori"),
    ("島根", "Shimane"),
    ("岡山", "Okayama"),
    ("広島", "Hiroshima"),
    ("山口", "Yamaguchi"),
    ("徳島", "Tokushima"),
    ("香川", "Kagawa"),
    ("愛媛", "Ehime"),
    ("高知", "Kochi"),
    ("福岡", "Fukuoka"),
    ("佐賀", "Saga"),
    ("長崎", "Nagasaki"),
    ("熊本", "Kumamoto"),
    ("大分", "Oita"),
    ("宮崎", "Miyazaki"),
    ("鹿児島", "Kagoshima"),
    ("沖縄", "Okinawa"),
)
_PREFECTURE_SUFFIX = {"北海道": "", "東京": "都", "京都": "府", "大阪": "府"}

BRANCHES = tuple(
    Branch(f"{i:02d}", short, f"{short}支部", short + _PREFECTURE_SUFFIX.get(short, "県"), english)
    for i, (short, english) in enumerate(_SHORT_AND_ENGLISH, start=1)
)
"""The 47 branches in the order of their codes."""

BRANCH_CODES = tuple(b.code for b in BRANCHES)
"""The codes "01" to "47"."""

NATION = Branch(NATION_CODE, "全国", "全国", "全国", "Japan")
"""All branches together. Not a branch: `branch` never returns it, `branch_or_nation` does."""

_BY_KEY = {key: b for b in BRANCHES for key in (b.code, b.short, b.name, b.prefecture, b.english.lower())}
_NATION_KEYS = frozenset({NATION_CODE, NATION.name, NATION.english.lower()})
_BY_INSURER = {b.insurer_number: b.code for b in BRANCHES}


def branch(code_or_name: str) -> Branch:
    """The branch (支部) a person named: "13", "東京", "東京支部", "東京都" or "tokyo".

    Width and case do not matter. Raises ArgumentError that lists what is accepted.
    """
    found = _BY_KEY.get(normalise_symbol(code_or_name).lower())
    if found is None:
        raise ArgumentError(
            f"「{code_or_name}」という支部はありません。",
            todo="支部コード（01〜47）、支部名（東京、東京支部）、都道府県名（東京都）、英語名（tokyo）の"
            f"どれかで指定してください。支部名：{'、'.join(b.short for b in BRANCHES)}",
        )
    return found


def branch_or_nation(code_or_name: str) -> Branch:
    """As `branch`, and NATION for "00", "全国" or "japan"."""
    if normalise_symbol(code_or_name).lower() in _NATION_KEYS:
        return NATION
    return branch(code_or_name)


def branch_of_insurer(number: str) -> str | None:
    """The branch code of an insurer number (保険者番号) of 8 digits: "01130012" → "13".

    None when the number is not one of the 47 (another insurer, or a wrong check digit).
    """
    return _BY_INSURER.get(normalise_symbol(number))
