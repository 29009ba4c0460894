"""Letters of ③ ジェネリック医薬品の使用促進: ジェネリック医薬品軽減額通知 and 見える化ツール, and what they say.

The contents are made by pure functions from rows of the worklists and figures; names and addresses come in only when a
letter is printed (kenpo.frame.letter).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, computed_field, model_validator

from kenpo.base.branches import branch
from kenpo.base.era import to_wareki_month
from kenpo.base.errors import ArgumentError, MeasureError
from kenpo.base.fiscal import add_months
from kenpo.base.money import Number, exact, percent, round_half_up
from kenpo.frame.letter import Letter
from kenpo.frame.months import data_months
from kenpo.frame.view import View
from kenpo.lake import Lake
from kenpo.strategy.generics.measures import institution_figures, institution_originators

SPECIAL_CHARGE_FROM = date(2024, 10, 1)
"""From this day a patient who chooses an originator may pay a special charge (長期収載品の選定療養).

Source: 令和6年厚生労働省告示第122号による「厚生労働大臣の定める評価療養、患者申出療養及び選定療養」の改正.
"""

TREND_MONTHS = 12
MOVERS = 7
"""How many months and how many drugs the sheet of an institution shows."""

_SEPARATOR = "、"


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# ---- ジェネリック医薬品軽減額通知 ----------------------------------------------------------------------------------


class SwitchDrug(_Content):
    """An originator a person takes: days of supply in the month, the person's own share of its price, and what of that a
    generic would save, whole yen, below that cut off (1円未満切捨て)."""

    name: str = Field(min_length=1, title="医薬品")
    days: int = Field(ge=1, title="日数")
    cost: int = Field(ge=0, title="いまの自己負担（円）")
    saving: int = Field(ge=0, title="軽減額（円）")


class SwitchNotice(_Content):
    """What ジェネリック医薬品軽減額通知 says: the month of treatment, the drugs, and the saving in all (10円未満切捨て).

    The saving in all is cut off once, from the exact sum, so it may be more than the drugs' savings show.
    """

    month: date = Field(title="診療年月")
    drugs: tuple[SwitchDrug, ...] = Field(min_length=1, title="医薬品")
    saving: int = Field(ge=0, title="軽減額の合計（円）")

    @model_validator(mode="after")
    def _adds_up(self) -> SwitchNotice:
        shown = sum(d.saving for d in self.drugs)
        if not shown // 10 * 10 <= self.saving <= shown + len(self.drugs):
            raise ValueError("the saving is not that of the drugs")
        return self

    @computed_field
    @property
    def month_text(self) -> str:
        """The month in 和暦."""
        return to_wareki_month(self.month)

    @computed_field
    @property
    def cost(self) -> int:
        """The person's own share of all the drugs, as the sum of what is shown."""
        return sum(d.cost for d in self.drugs)

    @computed_field
    @property
    def special_charge(self) -> bool:
        """Whether the special charge for a chosen originator (選定療養) applied in the month."""
        return self.month >= SPECIAL_CHARGE_FROM


def switch_notice(row: Mapping[str, Any]) -> SwitchNotice:
    """The notice from a row of the worklist generic_switch. Raises ArgumentError when its lists do not go together."""
    names = row["drugs"].split(_SEPARATOR)
    days, costs, savings = ([int(n) for n in row[c].split(_SEPARATOR)] for c in ("days", "costs", "savings"))
    if not len(names) == len(days) == len(costs) == len(savings) == row["drug_count"]:
        raise ArgumentError(
            "軽減額通知の対象者の行で、医薬品の数と金額の数が合いません。",
            where=f"{row['file']} {row['source_line']}行" if "file" in row else "",
            todo="医薬品マスターの名称に「、」がないか確かめてください。",
        )
    drugs = tuple(
        SwitchDrug(name=n, days=d, cost=c, saving=s)
        for n, d, c, s in zip(names, days, costs, savings, strict=True)
    )
    return SwitchNotice(month=row["month"], drugs=drugs, saving=row["saving"])


# ---- 見える化ツール ------------------------------------------------------------------------------------------------


class Compared(_Content):
    """A share beside others: whose it is, and the share in percent as printed, None without any quantity."""

    label: str = Field(title="比べる先")
    share: Decimal | None = Field(title="数量シェア（%）")
    own: bool = Field(default=False, title="その医療機関か")


class TrendMonth(_Content):
    """A month of the trend: the institution's share and that of its prefecture."""

    month: date = Field(title="診療年月")
    own: Decimal | None = Field(title="数量シェア（%）")
    prefecture: Decimal | None = Field(title="都道府県の数量シェア（%）")

    @computed_field
    @property
    def label(self) -> str:
        """The month as the chart names it, such as 6月."""
        return f"{self.month.month}月"

    @computed_field
    @property
    def year(self) -> str:
        """The year of the era, such as R7."""
        return to_wareki_month(self.month, "short").split(".")[0]


class Mover(_Content):
    """A drug that moves the share: its quantity (rounded half up), and the share were all of it a generic."""

    name: str = Field(title="医薬品")
    quantity: int = Field(title="数量")
    share: Decimal | None = Field(title="切り替わった場合の数量シェア（%）")


class InstitutionSheet(_Content):
    """What the sheet of an institution says (見える化ツール), of one month of treatment and up to twelve before."""

    institution: str = Field(title="医療機関コード")
    name: str = Field(title="名称")
    sort: str = Field(title="種類")
    month: date = Field(title="診療年月")
    receipts: int = Field(title="レセプト件数")
    branches: int = Field(title="全国の値に入っている支部の数")
    quantity: int = Field(title="数量（区分2・3）")
    generic: int = Field(title="後発医薬品の数量")
    compared: tuple[Compared, ...] = Field(title="比較")
    trend: tuple[TrendMonth, ...] = Field(title="推移")
    movers: tuple[Mover, ...] = Field(title="切り替わると大きく変わる先発医薬品")
    more: int = Field(title="ほかの先発医薬品の品目数")
    all_share: Decimal | None = Field(title="すべて切り替わった場合の数量シェア（%）")

    @computed_field
    @property
    def month_text(self) -> str:
        """The month in 和暦."""
        return to_wareki_month(self.month)

    @computed_field
    @property
    def share(self) -> Decimal | None:
        """The institution's own share."""
        return next((c.share for c in self.compared if c.own), None)


def share_if_switched(numerator: Number, denominator: Number, switched: Number) -> Decimal | None:
    """The share in percent were a quantity of originators given as generics: (区分3 + switched) ÷ (区分2 + 区分3).

    What can be switched is in the denominator already, so only the numerator grows (rule G1).
    """
    return percent(exact(numerator) + exact(switched), denominator)


def institution_sheet(
    rows: Sequence[Mapping[str, Any]], originators: Sequence[Mapping[str, Any]]
) -> InstitutionSheet:
    """The sheet from one institution's rows of institution_figures (its months, the last being the sheet's), and its
    originators of that month as institution_originators gives them."""
    months = sorted(rows, key=lambda r: r["month"])
    now = months[-1]
    numerator, denominator = now["numerator"], now["denominator"]
    ranked = sorted(originators, key=lambda r: r["place"])
    shown = ranked[:MOVERS]
    prefecture = branch(now["branch"]).prefecture
    whole = "全国" if now["branches"] == 47 else f"全国（取込済みの{now['branches']}支部）"
    areas = [
        (now["name"] or now["institution"], "", True),
        (now["municipality"] or "所在地の市区町村", "municipality_", False),
        (prefecture, "prefecture_", False),
        (whole, "nation_", False),
    ]
    return InstitutionSheet(
        institution=now["institution"],
        name=now["name"] or now["institution"],
        sort=now["sort"],
        month=now["month"],
        receipts=now["receipts"],
        branches=now["branches"],
        quantity=round_half_up(denominator),
        generic=round_half_up(numerator),
        compared=tuple(
            Compared(
                label=label, share=_share(now[f"{area}numerator"], now[f"{area}denominator"]), own=own
            )
            for label, area, own in areas
        ),
        trend=_trend(months),
        movers=tuple(
            Mover(
                name=r["name"],
                quantity=round_half_up(r["quantity"]),
                share=share_if_switched(numerator, denominator, r["quantity"]),
            )
            for r in shown
        ),
        more=len(ranked) - len(shown),
        all_share=share_if_switched(numerator, denominator, sum((exact(r["quantity"]) for r in shown), Fraction(0))),
    )  # fmt: skip


def _share(numerator: Decimal | None, denominator: Decimal | None) -> Decimal | None:
    return None if numerator is None or denominator is None else percent(numerator, denominator)


def _trend(months: Sequence[Mapping[str, Any]]) -> tuple[TrendMonth, ...]:
    """Every month from the first there is, not more than twelve; one without quantities has no share."""
    held = {r["month"]: r for r in months}
    last = months[-1]["month"]
    every = [add_months(last, n) for n in range(1 - TREND_MONTHS, 1)]
    every = [m for m in every if m >= months[0]["month"]]
    return tuple(
        TrendMonth(
            month=m,
            own=_share(held[m]["numerator"], held[m]["denominator"]) if m in held else None,
            prefecture=_share(held[m]["prefecture_numerator"], held[m]["prefecture_denominator"])
            if m in held
            else None,
        )
        for m in every
    )


def institution_sheets(
    lake: Lake, code: str, month: date, institutions: Collection[str] | None = None
) -> dict[str, InstitutionSheet]:
    """The sheets of a branch's institutions of a month, by institution; one pass for all of them.

    institutions: only these, such as those of the worklist institution_generic_use. Those without quantities in the month
    have none. Raises MeasureError when the lake has no data of the month.
    """
    months = data_months(lake)
    if month not in months:
        raise MeasureError(
            f"{to_wareki_month(month)}のレセプトがないため、使用状況のお知らせは作れません。",
            todo="取込済みの月を指定してください。",
        )
    first = add_months(month, 1 - TREND_MONTHS)
    view = View(lake, [m for m in months if first <= m <= month])
    here = pl.col("institution").str.starts_with(branch(code).code)
    if institutions is not None:
        here &= pl.col("institution").is_in(list(institutions))
    figures = institution_figures(view).filter(here)
    wanted = figures.filter(month=month)["institution"]
    figures = figures.filter(pl.col("institution").is_in(wanted.to_list()))
    drugs = institution_originators(view)
    drugs = drugs.filter((drugs.month == month) & (drugs.institution.left(2) == branch(code).code))
    by_institution = view.rows(drugs.select("institution", "name", "quantity", "place")).partition_by(
        "institution", as_dict=True
    )
    sheets = {}
    for (institution,), rows in figures.partition_by(
        "institution", as_dict=True, maintain_order=True
    ).items():
        own = by_institution.get((institution,))
        originators = own.to_dicts() if own is not None else []
        sheets[str(institution)] = institution_sheet(rows.to_dicts(), originators)
    return sheets


# ---- the letters -------------------------------------------------------------------------------------------------

_TEMPLATES = files("kenpo.strategy.generics") / "letters"

SWITCH_NOTICE = Letter(
    id="generic_switch_notice",
    title="ジェネリック医薬品に関するお知らせ",
    template=_TEMPLATES / "switch_notice.typ",
    content=SwitchNotice,
    to="member",
    law="健康保険法150条、協会けんぽ 保険者機能強化アクションプラン（ジェネリック医薬品軽減額通知）",
)

INSTITUTION_SHEET = Letter(
    id="generic_institution_sheet",
    title="ジェネリック医薬品使用状況のお知らせ",
    template=_TEMPLATES / "institution_sheet.typ",
    content=InstitutionSheet,
    to="institution",
    law="協会けんぽ 保険者機能強化アクションプラン（医療機関・薬局への働きかけ、見える化ツール）",
)

LETTERS = (SWITCH_NOTICE, INSTITUTION_SHEET)
