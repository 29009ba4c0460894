"""Figures of ③ ジェネリック医薬品の使用促進 (rules G1–G3)."""

from __future__ import annotations

from datetime import date

import ibis

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
