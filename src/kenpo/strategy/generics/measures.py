"""Figures of ③ ジェネリック医薬品の使用促進 (rules G1–G3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import ibis
import polars as pl

from kenpo.base.branches import BRANCH_CODES
from kenpo.base.municipalities import municipality_name
from kenpo.frame.measure import measure
from kenpo.frame.view import View
from kenpo.lake import Expression
from kenpo.strategy.generics.rules import EXCLUSIONS, active_ingredient, drug_classes

_BREAKDOWNS = ("kind", "age_band", "prefecture", "municipality", "institution", "pharmacy")


def _drugs(view: View) -> Expression:
    """Every valid drug line with what the list of its month says of the drug."""
    drug = view.table("drug").filter(lambda t: t.valid)
    known = drug_classes(view).select(
        "code", "month", "class_code", "price", item_label="name", reason="excluded", known=ibis.literal(True)
    )
    joined = drug.left_join(known, ["code", "month"]).drop("code_right", "month_right")
    return joined.mutate(excluded=ibis.ifelse(joined.known.isnull(), "unknown_code", joined.reason))


@measure(
    title="ジェネリック医薬品使用割合（数量ベース）",
    definition=(
        "後発医薬品（区分3）の数量 ÷ 後発医薬品のある先発医薬品（区分2）と後発医薬品（区分3）の数量。"
        "数量は薬価基準の規格単位。医科・DPC（コーディングデータ）・歯科・調剤の電子レセプト。診療月ごとの値。"
    ),
    law="厚生労働省「後発医薬品のさらなる使用促進のためのロードマップ」（平成25年4月）の新指標",
    exclusions=EXCLUSIONS,
    parameters=("generic_exclude_star",),
    breakdowns=_BREAKDOWNS,
    quantity="規格単位の数量",
    item="code",
    item_title="医薬品",
    why="同じ成分・同じ効き目で価格の低い医薬品に替えることで、加入者の負担と医療費を下げる。",
)
def generic_volume_share(view: View) -> Expression:
    """Generic share by volume (KPI 25): units are drug lines, weighted by total quantity."""
    drug = _drugs(view)
    return drug.mutate(
        denominator=drug.total,
        numerator=ibis.ifelse(drug.class_code == "3", drug.total, 0),
    )


@measure(
    title="ジェネリック医薬品使用割合（金額ベース）",
    definition=(
        "後発医薬品（区分3）の金額 ÷ 後発医薬品のある先発医薬品（区分2）と後発医薬品（区分3）の金額。"
        "金額は数量×薬価（その月に適用される薬価）。範囲は数量ベースと同じ。"
    ),
    law="医療費適正化計画（第4期）の副次目標：令和11年度末までに65％以上",
    exclusions=EXCLUSIONS,
    parameters=("generic_exclude_star",),
    breakdowns=_BREAKDOWNS,
    quantity="薬価による金額（円）",
    item="code",
    item_title="医薬品",
    why="数量では分からない、価格の高い先発医薬品に残っている余地を見る。",
)
def generic_value_share(view: View) -> Expression:
    """Generic share by value (reference figure r4): units are drug lines, weighted by quantity × price."""
    drug = _drugs(view)
    amount = drug.total * drug.price
    return drug.mutate(
        denominator=amount,
        numerator=ibis.ifelse(drug.class_code == "3", amount, 0),
    )


@measure(
    title="バイオシミラー80％以上の成分数割合",
    definition=(
        "バイオシミラー（バイオ後続品）がある成分のうち、数量の80％以上がバイオシミラーに置き換わった成分の割合。"
        "その月に使用のない成分は除く。全国の値は全国の数量から計算する。"
    ),
    law="医療費適正化計画（第4期）：令和11年度末までに、数量ベースで80％以上置き換わった成分数が全体の成分数の60％以上",
    exclusions={"no_use": "その月に使用のない成分"},
    parameters=("biosimilar_ingredient_share",),
    rollup="recompute",
    since=date(2024, 4, 1),
    quantity="成分数",
    item="ingredient",
    item_title="成分",
    why="高額なバイオ医薬品の費用を、同等の品質・有効性・安全性をもつ後続品で下げる。",
)
def biosimilar_component_share(view: View) -> Expression:
    """Share of active ingredients with a biosimilar share of 80 % or more (reference figure r3): units are ingredients."""
    classes = drug_classes(view)
    named = classes.mutate(group=active_ingredient(classes.ingredient))
    groups = (
        named.filter(named.biosimilar)
        .group_by("month", ingredient=named.group)
        .aggregate(source_file=named.list_file.min(), source_line=named.list_line.min())
    )
    thresholds = view.calendar(
        threshold=[
            int(view.parameter("biosimilar_ingredient_share", m)["ingredient_share"]) for m in view.months
        ]
    )
    every = groups.cross_join(view.branches()).inner_join(thresholds, "month")
    drug = view.table("drug").filter(lambda t: t.valid)
    used = drug.inner_join(
        named.filter(named.class_code.notnull()).select("code", "month", "group", "biosimilar"),
        ["code", "month"],
    )
    sums = used.group_by("branch", "month", ingredient=used.group).aggregate(
        total=used.total.sum(), similar=used.total.sum(where=used.biosimilar)
    )
    keys = ["branch", "month", "ingredient"]
    joined = every.left_join(sums, keys).drop("branch_right", "month_right", "ingredient_right")
    reached = joined.similar.fill_null(0) * 100 >= joined.total * joined.threshold
    return joined.mutate(
        excluded=ibis.ifelse(joined.total.fill_null(0) > 0, ibis.null("string"), "no_use"),
        denominator=ibis.literal(1),
        numerator=ibis.ifelse(reached.fill_null(False), 1, 0),
        receipt_id=ibis.null("int64"),
        item_label=joined.ingredient,
    )


# ---- institutions ------------------------------------------------------------------------------------------------

SORTS = {"1": "医科", "3": "歯科", "4": "薬局"}
"""The sorts of institutions (点数表) set beside each other: what a clinic gives out is not what a pharmacy does."""


def _counted(view: View) -> Expression:
    """The units of the share by volume that count, at institutions that are known."""
    units = generic_volume_share.units(view)
    return units.filter(units.branch.notnull() & units.institution.notnull() & units.excluded.isnull())


def institution_originators(view: View) -> Expression:
    """Originators that have generics, per institution, month and drug: what could be switched.

    Columns: institution, month, code, name, quantity, source_file and source_line (the first line), place (0 for the
    greatest quantity). Receipts of every branch's members count.
    """
    units = _counted(view)
    lines = units.filter(units.class_code == "2")
    keys = ["institution", "month", "code"]
    drugs = lines.group_by(*keys).aggregate(
        name=lines.item_label.max(), quantity=lines.total.sum(), source_file=lines.source_file.min()
    )
    first = lines.group_by(*keys, "source_file").aggregate(source_line=lines.source_line.min())
    drugs = drugs.join(first, [*keys, "source_file"])
    by_quantity = ibis.window(
        group_by=[drugs.institution, drugs.month], order_by=[drugs.quantity.desc(), drugs.code]
    )
    return drugs.mutate(place=ibis.row_number().over(by_quantity))


def institution_figures(view: View) -> pl.DataFrame:
    """The share by volume of every institution and month beside its surroundings, in one pass over the drugs.

    Columns: institution, month, branch (of the prefecture it lies in; branch_known), name, sort (医科・歯科・薬局),
    municipality, receipts (with drugs that count), numerator and denominator; the same two for the institutions of its
    sort in its municipality, prefecture and the nation (municipality_numerator …, NULL where the place is not known);
    branches (how many branches' members the month's receipts are of). Receipts of every branch's members count.
    """
    units = _counted(view)
    sums = view.rows(
        units.group_by("institution", "month", "branch").aggregate(
            receipts=units.receipt_id.nunique(),
            denominator=units.denominator.sum().cast("decimal(38,7)"),
            numerator=units.numerator.sum().cast("decimal(38,7)"),
        )
    )
    branches = sums.group_by("month").agg(branches=pl.col("branch").n_unique().cast(pl.Int64))
    each = sums.group_by("institution", "month").agg(
        pl.col("receipts").sum().cast(pl.Int64), pl.col("denominator", "numerator").sum()
    )
    each = each.filter(pl.col("denominator") > 0).join(_known_places(view), on="institution", how="left")
    each = each.with_columns(
        branch=pl.col("institution").str.slice(0, 2),
        sort=pl.col("institution").str.slice(2, 1).replace_strict(SORTS, default="不明"),
    )
    for area, keys in (
        ("municipality", ["month", "sort", "municipality_code"]),
        ("prefecture", ["month", "sort", "branch"]),
        ("nation", ["month", "sort"]),
    ):
        for column in ("denominator", "numerator"):
            each = each.with_columns(
                pl.when(pl.all_horizontal(pl.col(k).is_not_null() for k in keys))
                .then(pl.col(column).sum().over(keys))
                .alias(f"{area}_{column}")
            )
    each = each.with_columns(branch_known=pl.col("branch").is_in(BRANCH_CODES))
    return each.join(branches, on="month").sort("institution", "month")


def _known_places(view: View) -> pl.DataFrame:
    """Name and municipality of every institution as its latest claims have them."""
    claims = view.table("institution")
    said = view.rows(
        claims.group_by("institution", "name", "municipality_code").aggregate(at=claims.claim_month.max())
    ).sort("at", "name", "municipality_code", nulls_last=False)
    latest = said.group_by("institution").agg(pl.col("name", "municipality_code").drop_nulls().last())
    names = [municipality_name(code) for code in latest["municipality_code"]]
    return latest.with_columns(municipality=pl.Series(names, dtype=pl.String))


def rates(figures: pl.DataFrame, prefix: str) -> Iterator[Decimal | None]:
    """The share of each row as printed, from its columns {prefix}numerator and {prefix}denominator."""
    for n, d in figures.select(f"{prefix}numerator", f"{prefix}denominator").iter_rows():
        yield generic_volume_share.rate(n, d)
