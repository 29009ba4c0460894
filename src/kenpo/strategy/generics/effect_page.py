"""What ジェネリック医薬品軽減額通知 led to, as people read it (軽減額通知の効果): on the page, in files and in the terminal.

Small numbers: both groups are figures of the branch, which are not suppressed, and from ten people up they are printed as
the pages of their measures print them. The document is made to be handed on, though: of a group of 1 to 9 people it tells
nothing, neither how many they are nor who was left out of them, and there is no comparison then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from kenpo.base.branches import branch as branch_of
from kenpo.base.document import Block, Cell, Chart, Document, Heading, Paragraph, Table, cell, table
from kenpo.base.era import to_wareki_month
from kenpo.base.errors import MeasureError
from kenpo.base.fiscal import add_months
from kenpo.base.money import format_yen, round_half_up, round_ratio
from kenpo.base.text import NOTHING
from kenpo.frame import Effect, figures
from kenpo.frame.measure import cutoff_of, notes_of
from kenpo.frame.months import data_months
from kenpo.frame.suppression import THRESHOLD, threshold_of
from kenpo.lake import Lake
from kenpo.law.loader import Parameter, load
from kenpo.law.loader import value as parameter_value
from kenpo.strategy.generics.effect import WHY_NOT, Estimate, Group, NoticeEffect, effect, of_a_branch
from kenpo.strategy.generics.measures import (
    generic_notice_control_switch_rate,
    generic_notice_saving,
    generic_notice_switch_rate,
)

TITLE = "軽減額通知の効果"
APPEARS = "通知を送った月の翌月から、効果を見る期間のレセプトがそろうと、その月の効果を出せます"
HIDDEN = "秘匿"

_LEAST = "generic_notice_effect_min_persons"
_FOLLOW_UP = "generic_notice_follow_up_months"
_RATES = (generic_notice_switch_rate, generic_notice_control_switch_rate)
_MEASURES = (*_RATES, generic_notice_saving)
_PARAMETERS = tuple(dict.fromkeys((*(p for m in _MEASURES for p in m.parameters), _LEAST, THRESHOLD)))
_GROUPS = ("通知した人", "対照群")


@dataclass(frozen=True)
class Facts:
    """What a page is made of: whose and which month's notices, what they led to, who was left out of each group (reason →
    people, of those written to and of the control group), and what is to know of the data.
    """

    branch: str
    month: date
    found: NoticeEffect
    left_out: tuple[Mapping[str, int], Mapping[str, int]] = ({}, {})
    data: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[Group, Group]:
        """Those written to and the control group."""
        return self.found.notified, self.found.control

    @property
    def hidden(self) -> tuple[bool, ...]:
        """Whether each group is too small for anything of it to be told."""
        return tuple(0 < g.persons < threshold_of(self.month) for g in self.groups)

    @property
    def why_not(self) -> str | None:
        """Why there is no comparison to show."""
        return self.found.why_not or ("too_few" if any(self.hidden) else None)


# ---- from the lake -----------------------------------------------------------------------------------------------


def months(lake: Lake, branch: str) -> tuple[date, ...]:
    """The months of a branch's notices whose follow-up is complete, oldest first.

    Raises MeasureError for the nation and for figures not computed, NotLoaded without the data of cases.
    """
    of_a_branch(branch)
    rows = [r for m in _RATES for r in figures(lake, m, branch=branch).iter_rows(named=True)]
    return tuple(
        sorted(
            {r["month"] for r in rows if r["eligible"] > json.loads(r["excluded_by"]).get("window_open", 0)}
        )
    )


def page(lake: Lake, branch: str, month: date) -> Document:
    """The document of a month, of the stored figures. Raises what `effect` raises, and MeasureError for a month without
    people who were followed to the end.
    """
    there = months(lake, branch)
    if month not in there:
        listed = f"いま出せる月：{'、'.join(f'{m:%Y-%m}' for m in there)}。" if there else ""
        raise MeasureError(
            f"{branch_of(branch).name}が{to_wareki_month(month)}に送った軽減額通知の効果は、まだ出せません。",
            todo=f"{APPEARS}。{listed}「kenpo refresh」の後にもう一度確かめてください。",
        )
    rows = [figures(lake, m, branch=branch, months=(month, month)).row(0, named=True) for m in _RATES]
    notified, control = (json.loads(r["excluded_by"]) for r in rows)
    return document(
        Facts(branch, month, effect(lake, branch, month), (notified, control), _data(lake, rows[0]["cutoff"]))
    )


def _data(lake: Lake, cutoff: str) -> tuple[str, ...]:
    notes = dict.fromkeys(note for m in _MEASURES for note in notes_of(lake, m))
    stale = "この値を計算した後に、取込または取消がありました。「kenpo refresh」で計算し直してください。"
    return (
        f"データ：{to_wareki_month(data_months(lake)[-1])}診療分までのレセプト（データの版 {cutoff}）",
        *notes,
        *([stale] if any(cutoff != cutoff_of(lake, m) for m in _MEASURES) else []),
    )


# ---- the document ------------------------------------------------------------------------------------------------


def document(facts: Facts) -> Document:
    """The document of some facts: what it means, who switched, what the notices did, who was counted, and how."""
    return Document(
        f"{TITLE}（{to_wareki_month(facts.month)}に送った通知）",
        (
            Heading("分かったこと"),
            *(Paragraph(text) for text in _meaning(facts)),
            Heading("切り替えた人"),
            _switched(facts),
            *_chart(facts),
            Heading("通知の効果"),
            _effects(facts),
            *_reading(facts),
            Heading("数えた人と除いた人"),
            _counted(facts),
            Heading("計算のしかたと根拠"),
            *(Paragraph(text, mark="・") for text in _how(facts)),
        ),
        under=(
            branch_of(facts.branch).name,
            f"{to_wareki_month(facts.month)}に送った通知",
            f"効果を見る期間　{_period(facts.month)}診療分",
        ),
    )


def _period(month: date) -> str:
    last = add_months(month, int(parameter_value(_FOLLOW_UP, month)))
    return f"{to_wareki_month(add_months(month, 1))}～{to_wareki_month(last)}"


def _meaning(facts: Facts) -> Iterator[str]:
    found, (notified, control) = facts.found, facts.groups
    if facts.why_not:
        yield f"通知に効果があったかどうかは、分かりません（{WHY_NOT[facts.why_not]}）。{_then(facts)}"
        return
    assert found.difference
    said = (
        f"通知した人は{_share(notified)}、通知しなかった対照群は{_share(control)}が、後発医薬品に切り替えました。"
        f"差は{_points(found.difference.value)}です。"
    )
    low, high = _percent(found.difference.low), _percent(found.difference.high)
    if low > 0:
        yield f"{said}偶然のばらつきだけでこれほどの差が出ることはまれで、通知に効果があったといえます。"
    elif high < 0:
        yield (
            f"{said}対照群のほうが多く切り替えていて、偶然のばらつきだけでこれほどの差が出ることはまれです。"
            "通知する人の選び方と文面を見直してください。"
        )
    else:
        yield (
            f"{said}偶然のばらつきだけでも、この程度の差は出ます（95％信頼区間に0が入っています）。通知に効果があったとも"
            "なかったとも、まだいえません。通知する人と対照群の人数が増えると、はっきりします。"
        )
    if low > 0 and found.additional and found.caused:
        yield (
            f"通知によって切り替えた人はおよそ{_persons(found.additional.value)}、減った薬剤費はおよそ"
            f"{_yen(found.caused.value)}と見込まれます。"
        )


def _then(facts: Facts) -> str:
    if facts.why_not == "no_control":
        return "対照群をとっていないときは、次の回から、案件を始める画面で「対照群にする割合」を指定してください。"
    least = max(int(parameter_value(_LEAST, facts.month)), threshold_of(facts.month))
    return f"比べるには、通知した人にも対照群にも、追跡した人が{least}人以上要ります。"


def _switched(facts: Facts) -> Table:
    rows = [
        (
            name,
            *map(_right, (HIDDEN,) * 3 if hidden else (f"{g.persons:,}人", f"{g.switched:,}人", _share(g))),
        )
        for name, g, hidden in zip(_GROUPS, facts.groups, facts.hidden, strict=True)
    ]
    return table(
        ("群", "追跡した人", "切り替えた人", "割合"),
        rows,
        widths=(3, 2, 2, 2),
        caption="追跡した人と切り替えた人",
    )


def _chart(facts: Facts) -> Iterator[Chart]:
    """The two shares as bars, when both are shown; their table stands above."""
    rates = [
        m.rate(Decimal(g.switched), Decimal(g.persons)) for m, g in zip(_RATES, facts.groups, strict=True)
    ]
    if any(facts.hidden) or None in rates:
        return
    from kenpo.press.charts import Rank, parts_chart

    bars = [Rank(name, float(rate)) for name, rate in zip(_GROUPS, rates, strict=True) if rate is not None]
    yield parts_chart(bars, title="後発医薬品に切り替えた人の割合")


def _effects(facts: Facts) -> Table:
    found, shown = facts.found, facts.why_not is None
    saved = HIDDEN if facts.hidden[0] else _yen(found.saved)
    rows = (
        (
            "割合の差（通知した人 － 対照群）",
            *_range(found.difference if shown else None, _points, "ポイント"),
        ),
        ("通知によって切り替えた人", *_range(found.additional if shown else None, _persons, "人")),
        ("減った薬剤費の合計（通知がなくても切り替えた人の分を含む）", saved, NOTHING),
        ("そのうち、通知によって減った薬剤費", *_range(found.caused if shown else None, _yen, "円")),
    )
    body = [(name, _right(value), _right(span)) for name, value, span in rows]
    return table(("項目", "値", "95％信頼区間"), body, widths=(4, 2, 3), caption="通知しなかった場合との差")


def _reading(facts: Facts) -> Iterator[Block]:
    if facts.why_not is None:
        yield Paragraph(
            "95％信頼区間は、偶然のばらつきを考えたうえで、本当の値があると考えてよい幅です。0をまたぐときは、効果があったとは"
            "いえません。",
            small=True,
        )
        if facts.found.caused is None:
            yield Paragraph("薬剤費が減っていないため、通知によって減った額はありません。", small=True)
    if any(facts.hidden):
        least = threshold_of(facts.month)
        yield Paragraph(
            f"{least}人未満の群は、だれが切り替えたかを推し量れないよう、人数・割合・金額・除いた人を示していません（{HIDDEN}）。",
            small=True,
        )


def _counted(facts: Facts) -> Table:
    reasons = dict.fromkeys(r for m in _RATES for r in m.reasons)
    columns = [
        [
            f"{g.persons + sum(out.values()):,}人",
            *(f"{out.get(r, 0):,}人" if r in m.reasons else NOTHING for r in reasons),
            f"{g.persons:,}人",
        ]
        for m, g, out in zip(_RATES, facts.groups, facts.left_out, strict=True)
    ]
    shown = [[HIDDEN] * len(c) if hidden else c for c, hidden in zip(columns, facts.hidden, strict=True)]
    titles = generic_notice_switch_rate.reasons
    names = ("対象", *(f"除外：{titles[r]}" for r in reasons), "追跡した人")
    body = [(name, *map(_right, numbers)) for name, *numbers in zip(names, *shown, strict=True)]
    return table(("区分", *_GROUPS), body, widths=(5, 2, 2), caption="対象から追跡した人まで")


def _how(facts: Facts) -> Iterator[str]:
    yield "対照群は、通知の対象者のうち、くじで選んで通知を送らなかった人です。通知がなくても切り替えた人の割合を表します。"
    yield "通知した人と同じ薬局で、対照群の人も切り替えをすすめられることがあります。その分、効果は小さめに出ます。"
    yield (
        "通知によって切り替えた人 ＝ 割合の差 × 通知した人のうち追跡した人。通知によって減った薬剤費 ＝ 通知によって切り替えた人 ×"
        " 切り替えた人1人当たりに減った額（この額は確かなものとして計算）。薬剤費は薬価（10割）です。"
    )
    yield "区間は Newcombe の方法（1998年、方法10。Wilson のスコア区間から作る）による95％信頼区間です。"
    yield (
        "割合と差は小数第1位まで、人数の見込みは小数第1位まで、金額は1円まで、それぞれ端数を含む値から最後に一度だけ四捨五入して"
        "います。差は、印刷した割合どうしの引き算と0.1ポイント違うことがあります。"
    )
    yield f"根拠：{generic_notice_switch_rate.law}"
    for id in _PARAMETERS:
        parameter = load(id)
        yield f"パラメータ：{parameter.title}　{_setting(parameter, facts.month)}"
    yield "もとの指標：" + "、".join(m.title for m in _MEASURES)
    yield from facts.data


# ---- words -------------------------------------------------------------------------------------------------------


def _right(text: str) -> Cell:
    return cell(text, align="right")


def _share(group: Group) -> str:
    """The share as the page of the measure prints it."""
    rate = generic_notice_switch_rate.rate(Decimal(group.switched), Decimal(group.persons))
    return generic_notice_switch_rate.printed(rate)


def _percent(share: Fraction) -> Decimal:
    return round_ratio(share * 100, 1)


def _points(share: Fraction) -> str:
    return f"{_percent(share):+}ポイント"


def _persons(n: Fraction) -> str:
    return f"{round_ratio(n, 1):,}人"


def _yen(n: Fraction) -> str:
    """Whole yen, 1円未満四捨五入 (round_half_up)."""
    return format_yen(round_half_up(n))


def _range(estimate: Estimate | None, said: Callable[[Fraction], str], unit: str) -> tuple[str, str]:
    """The value and its interval, the unit said once: +5.0ポイント, +1.2～+8.7ポイント; － without an estimate."""
    if estimate is None:
        return NOTHING, NOTHING
    return said(estimate.value), f"{said(estimate.low).removesuffix(unit)}～{said(estimate.high)}"


def _setting(parameter: Parameter, month: date) -> str:
    """The value of a parameter in words, a number with its unit."""
    value = parameter.at(month)
    if isinstance(value, bool):
        return "はい" if value else "いいえ"
    return "、".join(value) if isinstance(value, tuple) else f"{value}{parameter.unit}"


EFFECT = Effect(TITLE, tuple(m.id for m in _MEASURES), APPEARS, months, page)
