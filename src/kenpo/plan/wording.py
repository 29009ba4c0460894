"""Targets in words (目標の言い方): 「対前年度以上（0.292％以上）とする」 read into a target; what is unsure is said to be.

Texts are as `vocabulary.plain` gives them. Of all the amounts a text names (see `amounts`) one is what is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from kenpo.plan.amounts import NUMBER, Mark, decimal, fits, marks, unsure_year
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

_DOING = re.compile(r"(実施|開始|発信|開催|行う|行い|働きかけ|運用|推進|取り?組)")
_BRANCHES = re.compile(r"全支部")
_EVERY_MONTH = re.compile(r"毎月|月1回以上")
_TIMES = re.compile(r"\d+(?:回|会議|支部|か所|件|医療機関|施設|薬局|団体|市町村|市|社|者)(?:以上)?")
_OWN_TARGET = re.compile(r"支部(ごと|毎|別)(に|の)?.{0,12}(設定|目標)")
_UNLESS_ABOVE = re.compile(rf"(?:ただし|但し|[(]).*?({NUMBER})%以上の(支部|場合).*?(対?前年度末?).*?以上")
_PROVISO = re.compile(r"ただし|但し")
_BRACKETS_ABOUT = re.compile(r"^(?:とする|とし|とすること)?。?[(][^()]*$")
_LESS_FEW = re.compile(
    r"入札(件数|案件)?が?(?P<few>\d+)件以下.*?一者応札(件数|案件)?(を|は|が)?(?P<limit>\d+)件以下"
)
_LESS_LAST_YEAR = re.compile(
    r"前年度[^。]{0,30}?以下(となった|の|だった|である|で)[^。]*?前年度(の?実績値?)?([(][^()]*[)])?以下"
)
_NEWLY = re.compile(r"(新規|新たに|追加で|増加数)[^、。]{0,12}$")


class Wanted(NamedTuple):
    """What a text asks of a KPI: the target, last year's figure it states, and what is unsure, in Japanese."""

    target: Target | None
    baseline: Decimal | None = None
    doubts: tuple[str, ...] = ()


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
    if _NEWLY.search(said[: main.start]) and main.kind == "amount":
        read = read._replace(doubts=(*read.doubts, "新規の数の目標のようです。累計かを確かめてください。"))
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
            target: Target = AtMost(value=mark.stated) if mark.down else AtLeast(value=mark.stated)
            doubts: tuple[str, ...] = (f"「{mark.text}」の数値を目標と読みました。",)
        case "last_year" | "rate":
            fall = mark.down or (lower and mark.way in ("維持", "並み", ""))
            target = NotAboveLastYear(value=mark.stated) if fall else NotBelowLastYear(value=mark.stated)
            sure = mark.kind == "last_year" and mark.way in ("以上", "以下", "維持") and "同" not in mark.text
            doubts = () if sure else (f"「{mark.text}」を対前年度の目標と読みました。",)
        case _:
            if mark.number is None or (mark.unit and term is not None and not fits(mark.unit, term)):
                unit = term.unit if term else ""
                doubt = f"「{mark.text}」の単位がこのKPIの単位「{unit}」と違います。"
                return Wanted(None, None, (doubt,))
            fall = mark.down if mark.directed else lower
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
            unsure = unsure_year(said[main.end : mark.end].rsplit("(", 1)[-1])
            doubts = (*read.doubts, unsure) if unsure else read.doubts
            return Wanted(target, mark.number, doubts), (mark,)
    return read, ()


def _others(main: Mark, found: Sequence[Mark], used: Sequence[Mark], said: str) -> tuple[str, ...]:
    """What else a text says that can change what is asked: a second target, a condition, a proviso."""
    others = [m for m in found if m is not main and m not in used and m.sign != main.sign]
    if any(not m.aside and not m.deep for m in others):
        return ("目標が2つ以上書かれています。1つを採りました。",)
    figures = [m for m in others if m.kind == "amount" and m.aside and not m.condition]
    if figures and not main.way and not main.labelled:
        return ("目標と実績のどちらの数値か分かりません。",)
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
