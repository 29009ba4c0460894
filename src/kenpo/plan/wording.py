"""Targets in words (目標の言い方): 「対前年度以上（0.292％以上）とする」 read into a target; what is unsure is said to be.

Texts are as `vocabulary.plain` gives them. What a plan asks for is found among all the amounts a text names (`marks`):
conditions (80％以上の支部), earlier figures (実績52.3％) and asides in brackets are told apart from it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from kenpo.plan.targets import (
    AtLeast,
    AtMost,
    BranchSpecific,
    Done,
    Generic80,
    NotAboveLastYear,
    NotBelowLastYear,
    SingleBid,
    Target,
)
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
            rf"{_ASIDE}(?:と?同(?:等|水準)|を|より|から|並み|に比べて?)?(?P<way>{_UP}|{_DOWN}|維持){_AFTER}"
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
_NO_UNIT_WAY = ("以上", "以下", "以内", "未満", "超", "を超え", "を上回", "を下回")

_DOING = re.compile(r"(実施|開始|発信|開催|行う|行い|働きかけ|運用|推進|取り?組)")
_BRANCHES = re.compile(r"全支部")
_EVERY_MONTH = re.compile(r"毎月|月1回以上")
_TIMES = re.compile(r"\d+(?:回|会議|支部|か所|件)(?:以上)?")
_OWN_TARGET = re.compile(r"支部(ごと|毎|別)(に|の)?.{0,12}(設定|目標)")
_UNLESS_ABOVE = re.compile(rf"(?:ただし|但し|[(]).*?({NUMBER})%以上の(支部|場合).*?(対?前年度末?).*?以上")
_PROVISO = re.compile(r"ただし|但し")
_BRACKETS_ABOUT = re.compile(r"^(?:とする|とし|とすること)?。?[(][^()]*$")
_LESS_FEW = re.compile(
    r"入札(件数|案件)?が?(?P<few>\d+)件以下.*?一者応札(件数|案件)?(を|は|が)?(?P<limit>\d+)件以下"
)
_LESS_LAST_YEAR = re.compile(r"前年度[^。]{0,30}?以下(となった|の|だった|である)[^。]*?前年度(実績)?以下")


class Wanted(NamedTuple):
    """What a text asks of a KPI: the target, last year's figure it states, and what is unsure, in Japanese."""

    target: Target | None
    baseline: Decimal | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mark:
    """An amount a text names: what kind of statement, its number, unit and direction, and where it stands.

    deep: within brackets. aside: a condition or an earlier figure, so not what is asked for. stated: the number given
    in brackets with it (last year's figure).
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
    stated: Decimal | None = None
    doubt: str = ""
    year_end: bool = False

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
    return bool(match["unit"] or match["way"] in _NO_UNIT_WAY or bare)


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
        stated=stated,
        doubt=unsure
        or ("「約」「程度」の目標です。" if groups.get("about") or way in ("程度", "前後", "台") else ""),
        year_end=bool(groups.get("end")),
    )


def _stated(*brackets: str | None) -> tuple[Decimal | None, str]:
    """The one number in brackets beside 対前年度以上, and what is unsure about it."""
    for inside in brackets:
        if not inside:
            continue
        said = re.sub(rf"{_YEAR}年度?|\d+月", "", inside)
        numbers = [*re.finditer(rf"({NUMBER})({UNIT})?", said)]
        if len(numbers) == 1:
            unsure = "前年度の目標" in inside or (
                bool(re.search(rf"{_YEAR}年度目標", inside)) and "実績" not in inside
            )
            return decimal(numbers[0][1]), (
                f"括弧内の数値（{inside}）が前年度の実績かを確かめてください。" if unsure else ""
            )
        if len(numbers) > 1:
            return None, f"括弧内に数値が2つ以上あります（{inside}）。"
    return None, ""


def wanted(said: str, term: Term, *, whole: str, before: str = "", bare: bool = False) -> Wanted:
    """What is asked of a KPI.

    said: the text behind its name. whole: the whole sentence, for words that stand before the name. before: the words
    just before the name. bare: numbers may stand without a unit, as in a table's column of targets.
    """
    if term.better == "done":
        return _done(whole)
    found = marks(said, before, bare=bare)
    if special := _special(said, term, found):
        return special
    main = _main(found)
    if main is None:
        return Wanted(None)
    read = _one(main, term)
    if isinstance(read.target, NotBelowLastYear):
        year_end = main.year_end or bool(
            re.search(r"年度末(時点)?", whole[: whole.find("前年度") + 1 or None])
        )
        read = read._replace(target=read.target.model_copy(update={"year_end": year_end}))
    read, used = _with_brackets(read, main, said, found)
    return read._replace(doubts=(*read.doubts, *_others(main, found, used, said)))


def _done(whole: str) -> Wanted:
    if not _DOING.search(whole):
        return Wanted(None)
    target = Done(every_month=bool(_EVERY_MONTH.search(whole)), all_branches=bool(_BRANCHES.search(whole)))
    counted = _TIMES.search(_EVERY_MONTH.sub("", whole))
    doubt = f"「{counted.group(0)}」という数の目標が書かれています。" if counted else ""
    return Wanted(target, None, (doubt,) if doubt else ())


def _special(said: str, term: Term, found: Sequence[Mark]) -> Wanted | None:
    """Targets that hold clauses of their own: 支部ごとに設定, ジェネリック80％, 一者応札."""
    amounts = [m for m in found if m.kind == "amount" and m.number is not None]
    if _OWN_TARGET.search(said):
        return Wanted(BranchSpecific(value=amounts[0].number if amounts else None))
    if term.id == "generic_volume_share" and (clause := _UNLESS_ABOVE.search(said)):
        value = amounts[0].number if amounts else decimal(clause[1])
        assert value is not None
        doubt = () if value == decimal(clause[1]) else ("ただし書きの割合が目標の割合と違います。",)
        return Wanted(Generic80(value=value), None, doubt)
    if term.id == "single_bid_rate" and amounts:
        few, last_year = _LESS_FEW.search(said), _LESS_LAST_YEAR.search(said)
        if (few or last_year) and amounts[0].number is not None:
            return Wanted(
                SingleBid(
                    value=amounts[0].number,
                    few=int(few["few"]) if few else 0,
                    few_limit=int(few["limit"]) if few else 0,
                    not_above_last_year=last_year is not None,
                )
            )
    return None


def _main(found: Sequence[Mark]) -> Mark | None:
    """The mark that is asked for: outside brackets before inside, with a direction before without."""
    asked = [m for m in found if not m.aside]
    pool = [m for m in asked if not m.deep] or asked
    firm = [m for m in pool if m.kind not in ("change", "rate", "nation")] or pool
    return next((m for m in firm if m.way), firm[0]) if firm else None


def _one(mark: Mark, term: Term | None) -> Wanted:
    """The target of one mark, with doubts where its words can be meant in another way."""
    lower = term is not None and term.better == "lower"
    down = bool(re.fullmatch(_DOWN, mark.way))
    match mark.kind:
        case "change":
            return Wanted(
                None, None, (f"「{mark.text}」は増減の目標です。達すべき数値を書き入れてください。",)
            )
        case "rate" if mark.number != 100:
            return Wanted(
                None, None, (f"「{mark.text}」は前年度比の目標です。達すべき数値を書き入れてください。",)
            )
        case "nation" | "other_year":
            if mark.stated is None:
                return Wanted(None, None, (f"「{mark.text}」と比べる数値を書き入れてください。",))
            target: Target = AtMost(value=mark.stated) if down else AtLeast(value=mark.stated)
            doubts: tuple[str, ...] = (f"「{mark.text}」の数値を目標と読みました。",)
        case "last_year" | "rate":
            fall = down or (mark.way == "維持" and lower) or (not mark.way and lower)
            target = NotAboveLastYear(value=mark.stated) if fall else NotBelowLastYear(value=mark.stated)
            sure = mark.kind == "last_year" and mark.way in ("以上", "以下", "維持") and "同" not in mark.text
            doubts = () if sure else (f"「{mark.text}」を対前年度の目標と読みました。",)
        case _:
            assert mark.number is not None
            fall = down if mark.way in _NO_UNIT_WAY else lower
            if mark.kind == "range":
                fall = False
            target = AtMost(value=mark.number) if fall else AtLeast(value=mark.number)
            doubts = _amount_doubts(mark, term)
    if mark.doubt:
        doubts = (*doubts, mark.doubt)
    if term is not None and isinstance(target, AtMost | NotAboveLastYear) != lower:
        doubts = (*doubts, "このKPIの良い方向と目標の向きが逆です。")
    baseline = mark.stated if isinstance(target, NotBelowLastYear | NotAboveLastYear) else None
    return Wanted(target, baseline, doubts)


def _amount_doubts(mark: Mark, term: Term | None) -> tuple[str, ...]:
    out: list[str] = []
    if mark.kind == "range":
        out.append(f"「{mark.text}」と幅で書かれています。小さい方を採りました。")
    if mark.kind == "arrow":
        out.append(f"「{mark.text}」の後の数値を目標と読みました。")
    if mark.way in ("未満", "超", "を超え", "を上回", "を下回"):
        out.append("「未満」「超」は境の値を含まない目標です。")
    if term is not None and mark.unit and not fits(mark.unit, term):
        out.append(f"単位「{mark.unit}」がこのKPIの単位「{term.unit}」と違います。")
    if term is not None and term.unit == "%" and mark.number is not None and mark.number > 100:
        out.append("100％を超える目標です。")
    return tuple(out)


def _with_brackets(
    read: Wanted, main: Mark, said: str, found: Sequence[Mark]
) -> tuple[Wanted, tuple[Mark, ...]]:
    """対前年度以上とする（0.292％以上）: the number in brackets that follows is last year's figure."""
    if not isinstance(read.target, NotBelowLastYear | NotAboveLastYear) or read.baseline is not None:
        return read, ()
    for mark in found:
        behind = mark.deep and mark.start >= main.end and mark.kind == "amount"
        if behind and _BRACKETS_ABOUT.match(said[main.end : mark.start]):
            target = read.target.model_copy(update={"value": mark.number})
            return read._replace(target=target, baseline=mark.number), (mark,)
    return read, ()


def _others(main: Mark, found: Sequence[Mark], used: Sequence[Mark], said: str) -> tuple[str, ...]:
    """What else a text says that can change what is asked: a second target, a condition, a proviso."""
    others = [m for m in found if m is not main and m not in used and m.sign != main.sign]
    if any(not m.aside and not m.deep for m in others):
        return ("目標が2つ以上書かれています。1つを採りました。",)
    if any(m.condition for m in others) or _PROVISO.search(said):
        return ("条件やただし書きがあります。目標に含めていません。",)
    if any(m.deep and not m.aside and m.way and m.kind != "change" for m in others):
        return ("括弧の中に別の条件が書かれています。",)
    return ()


def first_target(text: str) -> tuple[Target | None, str]:
    """The target a text states whatever KPI it is of, and its unit; for KPIs the vocabulary does not know."""
    main = _main(marks(text))
    if main is not None:
        return _one(main, None).target, main.unit
    return (Done() if _DOING.search(text) else None), ""


def fits(unit: str, term: Term) -> bool:
    """Whether a printed unit is that of a KPI: 社 and 件 count offices too."""
    same = {"パーセント": "%", "社": "事業所", "件": "事業所", "か所": "事業所"}
    return unit == term.unit or same.get(unit) == term.unit


def decimal(text: str) -> Decimal:
    """A printed number: 8,521 → 8521."""
    return Decimal(text.replace(",", ""))
