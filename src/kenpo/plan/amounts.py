"""Amounts in words (数量の言い方): every number a text names, and how it is meant.

Texts are as `vocabulary.plain` gives them: 59.9%以上, 対前年度(0.292%)以上, 50.5%→52.0%, 前年度比+1.0%ポイント, 全国平均以上.
Conditions (80%以上の支部) and earlier figures (実績52.3%) are told apart from what is asked for.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from kenpo.plan.vocabulary import Term

NUMBER = r"(?<![\d.,])\d[\d,]*(?:\.\d+)?"
UNIT = r"(?:%|パーセント|円|事業所|支部|社|件|日|位|人|者|か所)"
_YEAR = r"(?:(?:令和|平成|R|H)(?:元|\d{1,2})|20\d\d)"

MarkKind = Literal["amount", "last_year", "rate", "change", "other_year", "nation", "range", "arrow"]
_UP = r"以上|超|を?超え|を?上回|よ?り?向上|増加|上昇|引き?上げ|改善"
_DOWN = r"以下|以内|未満|を?下回|低下|減少|引き?下げ|縮減"
_ASIDE = r"(?:[(](?P<inside>[^()]*)[)])?"
_AFTER = r"(?:[(](?P<after>[^()]*)[)])?"
_POINTS = r"(?:%?(?:ポイント|[Pp][Tt]))"
_RISE = r"(?:増加|増や|増|減少|減ら|減(?!額)|改善|向上|上昇|引き?上げ|引き?下げ|上積み|低下)"
_THAN = r"(?:対?(?:前年度?|昨年度?)(?:実績|末)?(?:対?比|同[月期]比|より|から|に対し|に比べ)?(?:で|、)?)"

_FORMS: tuple[tuple[MarkKind, re.Pattern[str]], ...] = (
    (
        "other_year",
        re.compile(
            rf"(?:前々年度|過去\d+か?年度?間?の?(?:平均|最高)値?|いずれか(?:高|低)い(?:値|方)|{_YEAR}年度末?(?:時点)?の?(?:実績値?|値|水準|数値|平均))"
            rf"{_ASIDE}(?:の|を|より|から|に比べ)?(?P<way>{_UP}|{_DOWN}|維持)"
        ),
    ),
    (
        "nation",
        re.compile(
            rf"全国(?:平均(?:値|の?実施率)?|(?:の|で|順位)?(?:上位|第)?\d+位){_ASIDE}(?:を|より|と同等|の)?(?P<way>{_UP}|{_DOWN}|維持|並み)?"
        ),
    ),
    (
        "change",
        re.compile(
            rf"{_THAN}?(?:[+±-](?P<number>{NUMBER})(?:{_POINTS}|{UNIT})?|(?P<points>{NUMBER}){_POINTS})(?:以[上下])?の?{_RISE}?"
            rf"|{_THAN}?(?P<counted>{NUMBER}){UNIT}(?:以[上下])?の?{_RISE}"
        ),
    ),
    (
        "rate",
        re.compile(
            rf"対?(?:前年度?|昨年度?)(?:実績|末)?の?(?:対?比|同[月期]比)[:は]?(?P<number>{NUMBER})%(?P<way>以上|以下)?"
        ),
    ),
    (
        "last_year",
        re.compile(
            rf"対?(?:前年度?|昨年度?)(?P<end>末)?(?P<same>同[月期])?(?:時点)?(?:の?(?:実績値?|水準|値|数値|実施率|割合|率|件数|比))*"
            rf"{_ASIDE}(?:と?同(?:等|水準)|を|より|から|に比べて?)?(?P<way>{_UP}|{_DOWN}|維持|並み){_AFTER}"
        ),
    ),
    (
        "arrow",
        re.compile(
            rf"(?P<first>{NUMBER}){UNIT}?(?:[(][^()]*[)])?(?:→|⇒|➡|から|より)(?P<number>{NUMBER})(?P<unit>{UNIT})?(?:[(][^()]*[)])?(?P<way>以上|以下)?"
        ),
    ),
    (
        "range",
        re.compile(
            rf"(?P<number>{NUMBER})(?P<unit>{UNIT})?(?:以上)?(?:～|から|、)?(?P<last>{NUMBER}){UNIT}?(?P<way>以下|以内|未満)"
            rf"|(?P<least>{NUMBER}){UNIT}?～(?P<most>{NUMBER}){UNIT}?(?:以上)?"
        ),
    ),
    (
        "amount",
        re.compile(
            rf"(?P<about>約)?(?P<number>{NUMBER})(?P<unit>{UNIT})?(?:※\d*|[(](?![^()]*(?:以[上下]|前年|実績))[^()]{{0,20}}[)])?"
            rf"(?P<way>以上|以下|以内|未満|超|を超え|を上回|を下回|程度|前後|台)?"
        ),
    ),
)
_CONDITION = re.compile(
    r"^(?:となった|となる(?:場合|支部)|であった|である(?:場合|支部)|だった|に(?:満たない|達した|達し)|でない"
    r"|の(?!実施|受診|達成|割合|率|水準|使用|確保|維持|取得|回収|提出|目標|実現))"
)
_PER = re.compile(r"^(?:当た?り|あたり|ごと|毎|につき)")
_REACHED = re.compile(r"^(?:[(][^()]*[)])?(?:と(?:なった|なり|なって)|で(?:あった|した|あり)|だった)")
_FIGURE = re.compile(r"(実績|現状|参考|現在|前年度[:はの]*$)")
_ASKED = re.compile(r"(目標|KPI)[^実現参]*$")
_DIRECTIONS = ("以上", "以下", "以内", "未満", "超", "を超え", "を上回", "を下回")


@dataclass(frozen=True)
class Mark:
    """An amount a text names: what kind of statement, its number, unit and direction, and where it stands.

    deep: within brackets. aside: a condition or an earlier figure, so not what is asked for. labelled: 目標 stands
    before it. stated: the number given in brackets with it (last year's figure).
    """

    kind: MarkKind
    text: str
    start: int
    end: int
    number: Decimal | None = None
    unit: str = ""
    way: str = ""
    deep: bool = False
    aside: bool = False
    condition: bool = False
    labelled: bool = False
    stated: Decimal | None = None
    doubt: str = ""
    year_end: bool = False

    @property
    def down(self) -> bool:
        """Whether it says that less is better: 以下, 低下."""
        return bool(re.fullmatch(_DOWN, self.way))

    @property
    def directed(self) -> bool:
        """Whether it says 以上 or 以下, in any of their words."""
        return self.way in _DIRECTIONS

    @property
    def sign(self) -> tuple[str, Decimal | None, str]:
        """What makes two marks say the same."""
        return self.kind, self.number, self.way


@functools.lru_cache(maxsize=8192)
def marks(text: str, before: str = "", *, bare: bool = False) -> tuple[Mark, ...]:
    """Every amount a text names, in order. before: the words that lead to it. bare: a number needs no unit (table cells)."""
    taken: list[tuple[int, int]] = []
    found: list[tuple[MarkKind, re.Match[str]]] = []
    for kind, pattern in _FORMS:
        for match in pattern.finditer(text):
            if match.end() == match.start() or any(b < match.end() and match.start() < e for b, e in taken):
                continue
            if kind == "amount" and not _counts(match, text, bare):
                continue
            taken.append(match.span())
            found.append((kind, match))
    out: list[Mark] = []
    for kind, match in sorted(found, key=lambda f: f[1].start()):
        lead = text[out[-1].end : match.start()] if out else before + text[: match.start()]
        out.append(_mark(kind, match, text, lead))
    return tuple(out)


def _counts(match: re.Match[str], text: str, bare: bool) -> bool:
    """Whether a number is an amount at all: it has a unit or a direction, and is no 1件当たり and no date."""
    if _PER.match(text[match.end() :]):
        return False
    if match["unit"] == "日" and re.search(r"月$", text[: match.start()]) and not match["way"]:
        return False
    if re.search(r"令和|平成|第$", text[max(0, match.start() - 2) : match.start()]):
        return False
    return bool(match["unit"] or match["way"] in _DIRECTIONS or bare)


def _mark(kind: MarkKind, match: re.Match[str], text: str, lead: str) -> Mark:
    groups = match.groupdict()
    way = groups.get("way") or ""
    rest = text[match.end() :]
    deep = text.count("(", 0, match.start()) > text.count(")", 0, match.start())
    condition = bool(_CONDITION.match(rest)) and not _REACHED.match(rest)
    figure = kind == "amount" and not way and bool(_FIGURE.search(lead)) and not _ASKED.search(lead)
    numbers = [groups.get(g) for g in ("number", "points", "counted", "least")]
    stated, unsure = _stated(groups.get("inside"), groups.get("after"))
    return Mark(
        kind,
        match.group(0),
        match.start(),
        match.end(),
        number=next((decimal(n) for n in numbers if n), None),
        unit=groups.get("unit") or "",
        way=way,
        deep=deep,
        aside=condition or figure or (not way and bool(_REACHED.match(rest))),
        condition=condition,
        labelled=bool(_ASKED.search(lead)),
        stated=stated,
        doubt=unsure
        or ("「約」「程度」の目標です。" if groups.get("about") or way in ("程度", "前後", "台") else ""),
        year_end=bool(groups.get("end")),
    )


def _stated(within: str | None, behind: str | None) -> tuple[Decimal | None, str]:
    """The one number in brackets within 前年度（…）以上 or behind 前年度以上（…）, and what is unsure about it."""
    inside = within or behind
    numbers = [*re.finditer(NUMBER, re.sub(rf"{_YEAR}年度?|\d+月", "", inside or ""))]
    if not inside or not numbers:
        return None, ""
    if len(numbers) > 1:
        return None, f"括弧内に数値が2つ以上あります（{inside}）。"
    unsure = _is_last_years(inside) is False and ("目標" in inside or within is None)
    return decimal(numbers[0].group(0)), unsure_year(inside) if unsure else ""


def _is_last_years(inside: str) -> bool | None:
    """Whether a number in brackets is last year's figure; None when nothing is said of its year."""
    if "前年度" in inside and "目標" not in inside:
        return True
    return False if re.search(rf"{_YEAR}年度|目標", inside) else None


def unsure_year(inside: str) -> str:
    """What a person should check of a number in brackets that names another year, or a target; blank when it does not."""
    if _is_last_years(inside) is not False:
        return ""
    return f"括弧内の数値（{inside}）が前年度の実績かを確かめてください。"


def fits(unit: str, term: Term) -> bool:
    """Whether a printed unit is that of a KPI: 社 and 件 count offices too."""
    same = {"パーセント": "%", "社": "事業所", "件": "事業所", "か所": "事業所"}
    return unit == term.unit or same.get(unit) == term.unit


def decimal(text: str) -> Decimal:
    """A printed number: 8,521 → 8521."""
    return Decimal(text.replace(",", ""))
