"""Targets (目標): what a plan asks a figure to be, as objects that a YAML plan holds.

A plan states a target in words (59.9％以上、対前年度以上、実施). Its `kind` says how the words are meant; the number
is kept with the digits the plan prints. Nothing is judged here: see kenpo.plan.judging.

Source: rules I5 and I6; 平成/令和の事業計画 of 本部, 東京支部 and 山口支部.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kenpo.base.money import round_ratio
from kenpo.base.text import printed

Direction = Literal["up", "down", "none"]
"""up: higher is better. down: lower is better. none: done or not done."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SURE_DIGITS = 15


def as_written(value: object) -> Decimal:
    """A number of a plan with the digits it is printed with: "30.0" stays 30.0.

    Text, int and Decimal are taken as they stand; a float as its shortest text, when that is surely what was typed:
    0.1 + 0.2 is refused. Raises ValueError.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"数値ではありません：{value!r}")
    text = f"{value:f}" if isinstance(value, Decimal) else str(value).strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"数値は 59.9 のように半角の数字で、桁区切りや単位を付けずに書きます：{text}")
    if isinstance(value, float) and len(text.lstrip("-0.").replace(".", "")) > _SURE_DIGITS:
        raise ValueError(f"2進小数の誤差を含む数値です。文字列か Decimal で渡します：{text}")
    return Decimal(text)


Stated = Annotated[Decimal, BeforeValidator(as_written)]
"""A number as the plan states it (計画に書かれた数値)."""


class _Kind(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AtLeast(_Kind):
    """○以上とする."""

    kind: Literal["at_least"] = "at_least"
    value: Stated


class AtMost(_Kind):
    """○以下とする."""

    kind: Literal["at_most"] = "at_most"
    value: Stated


class Equal(_Kind):
    """○とする, without 以上 (サービススタンダードの達成状況を100%とする、実施率 51.9%): met when it is reached.

    Source: rules J, variant trap (c): an exact figure in a plan is meant as 以上.
    """

    kind: Literal["equal"] = "equal"
    value: Stated


class NotBelowLastYear(_Kind):
    """対前年度以上. `value` is the baseline the plan states (0.292%以上); None leaves it to last year's figure.

    year_end: 対前年度末以上 compares the figure of the end of March with last year's; only the year-end value decides.
    """

    kind: Literal["not_below_last_year"] = "not_below_last_year"
    value: Stated | None = None
    year_end: bool = False


class NotAboveLastYear(_Kind):
    """対前年度以下. `value` is the baseline the plan states; None leaves it to last year's figure."""

    kind: Literal["not_above_last_year"] = "not_above_last_year"
    value: Stated | None = None


class Generic80(_Kind):
    """ジェネリック: 80%以上とする。ただし80%以上の支部については、年度末時点で対前年度以上とする."""

    kind: Literal["generic_80"] = "generic_80"
    value: Stated = Decimal(80)


class SingleBid(_Kind):
    """一者応札: 20%以下, with the clauses that a plan adds (rules I5, 山口支部 令和3年度).

    few, few_limit: with that many tenders or fewer in the year, the single-bid cases are counted instead of the rate;
    few = 0 when the plan has no such clause. not_above_last_year: where last year was within `value`, 前年度以下.
    """

    kind: Literal["single_bid"] = "single_bid"
    value: Stated = Decimal(20)
    few: int = Field(default=4, ge=0)
    few_limit: int = Field(default=1, ge=0)
    not_above_last_year: bool = True


class BranchSpecific(_Kind):
    """目標値を支部ごとに設定する. `value` is the level aimed at (80%という目標に向けて), None when none is named."""

    kind: Literal["branch_specific"] = "branch_specific"
    value: Stated | None = None


class Done(_Kind):
    """実施する; 毎月実施する (every_month); 全支部で実施する (all_branches)."""

    kind: Literal["done"] = "done"
    every_month: bool = False
    all_branches: bool = False


Target = Annotated[
    AtLeast
    | AtMost
    | Equal
    | NotBelowLastYear
    | NotAboveLastYear
    | Generic80
    | SingleBid
    | BranchSpecific
    | Done,
    Field(discriminator="kind"),
]
"""Any target (目標), told apart by `kind`."""


def number_text(value: Decimal, unit: str) -> str:
    """A number for people with just its digits: (59.9, "%") → 59.9％; (8521, "円") → 8,521円."""
    return printed(value, "％" if unit == "%" else unit)


def describe(target: Target, unit: str, precision: int, *, last_year: Decimal | None = None) -> str:
    """The target in the words of a plan document: 59.9％以上、対前年度以上（0.292％以上）、実施.

    Numbers of the plan keep their printed digits. Where the plan leaves the baseline open and last year's figure is
    given, it is shown at `precision` decimals: 対前年度以上（前年度 0.292％）.
    """

    def text(value: Decimal) -> str:
        return number_text(value, unit)

    def compared(words: str, stated: Decimal | None, when: str) -> str:
        if stated is not None:
            return f"{words}（{text(stated)}{words[-2:]}）"
        return words if last_year is None else f"{words}（{when} {text(round_ratio(last_year, precision))}）"

    match target:
        case AtLeast():
            return f"{text(target.value)}以上"
        case AtMost():
            return f"{text(target.value)}以下"
        case Equal():
            return text(target.value)
        case NotBelowLastYear():
            when = "前年度末" if target.year_end else "前年度"
            return compared(f"対{when}以上", target.value, when)
        case NotAboveLastYear():
            return compared("対前年度以下", target.value, "前年度")
        case Generic80():
            return f"{text(target.value)}以上（{text(target.value)}以上の支部は、年度末時点で対前年度以上）"
        case SingleBid():
            clauses = []
            if target.not_above_last_year:
                clauses.append(f"前年度が{text(target.value)}以下の場合は前年度以下")
            if target.few:
                clauses.append(f"入札{target.few}件以下の場合は一者応札{target.few_limit}件以下")
            return f"{text(target.value)}以下" + (f"（{'。'.join(clauses)}）" if clauses else "")
        case BranchSpecific():
            aim = "" if target.value is None else f"（{text(target.value)}に向けて）"
            return f"支部ごとに設定{aim}"
        case Done():
            return f"{'全支部で' if target.all_branches else ''}{'毎月' if target.every_month else ''}実施"


def direction(target: Target) -> Direction:
    """Whether a higher or a lower figure is better (良い方向)."""
    match target:
        case AtMost() | NotAboveLastYear() | SingleBid():
            return "down"
        case Done():
            return "none"
        case _:
            return "up"


def level(target: Target, last_year: Decimal | None) -> Decimal | None:
    """The number the year-end value must reach, or must not exceed (達すべき水準); last year's resolves relative targets.

    None when there is no such number: done or not done, each branch sets its own, or last year's figure is needed and
    unknown. The small-number clause of 一者応札 counts cases and has no level.
    """
    match target:
        case AtLeast() | AtMost() | Equal():
            return target.value
        case NotBelowLastYear() | NotAboveLastYear():
            return last_year if target.value is None else target.value
        case Generic80():
            return None if last_year is None else max(last_year, target.value)
        case SingleBid():
            if not target.not_above_last_year:
                return target.value
            return None if last_year is None else min(last_year, target.value)
        case BranchSpecific() | Done():
            return None


def printed_precision(target: Target, precision: int) -> int:
    """The decimals a figure is compared at: those of the KPI, or those the plan prints when they are more."""
    stated = None if isinstance(target, Done) else target.value
    if stated is None:
        return precision
    exponent = stated.as_tuple().exponent
    return max(precision, -exponent) if isinstance(exponent, int) else precision
