"""Figures of ③ ジェネリック医薬品の使用促進 (rules G1–G3), and what the letters of rule G4 led to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import ibis
import polars as pl

from kenpo.base.branches import BRANCH_CODES
from kenpo.base.fiscal import add_months, month_range
from kenpo.base.municipalities import municipality_name
from kenpo.frame.columns import beside
from kenpo.frame.measure import measure
from kenpo.frame.view import View
from kenpo.lake import Expression
from kenpo.strategy.generics.rules import (
    EXCLUSIONS,
    active_ingredient,
    drug_classes,
    interchangeable,
    switchable,
    taken_by_members,
)

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
    persons="receipts",
    family="drugs",
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
    persons="receipts",
    family="drugs",
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
    persons="none",
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


# ---- after the letters -------------------------------------------------------------------------------------------

NOTICE = "generic_notice"
"""The kind of case (案件の種類) of ジェネリック医薬品軽減額通知."""

_FOLLOWED = (
    "効果を見る期間は、送った月の翌月からパラメータの月数。通知に載る医薬品は、対象者リストの月に14日分以上服用し、より安い"
    "後発医薬品がある先発医薬品（区分2）の内用薬で、軽減額通知の対象者リストと同じもの。切替えは、期間中にそのどれかと同じ一般名"
    "（一般名コード、なければ薬価基準コードの上9桁）の後発医薬品（区分3）の調剤または投薬が1回でもあること。"
)
_LEFT_OUT = {
    "window_open": "効果を見る期間のレセプトがまだそろっていない",
    "left": "効果を見る期間の終わりまでに資格を喪失した",
    "no_listed_drug": "リストの月のレセプトに、通知に載る医薬品が見当たらない",
    "no_drug": "効果を見る期間に、通知に載る医薬品と同じ一般名の医薬品がない",
}
_RETURNED = {"returned": "通知が宛所不明などで返送された"}
_LETTERS: dict[str, Any] = {
    "law": "協会けんぽ 保険者機能強化アクションプラン（軽減額通知）",
    "counter": "人",
    "parameters": (
        "generic_notice_follow_up_months",
        "generic_notice_sensitive_classes",
        "generic_exclude_star",
    ),
    "breakdowns": ("age_band",),
    "item": "code",
    "item_title": "医薬品",
    "cases": True,
}


@measure(
    title="軽減額通知後の切替率",
    definition=(
        "軽減額通知を受け取った人のうち、その後に後発医薬品へ切り替えた人の割合。月は最初の通知を送った月。"
        + _FOLLOWED
    ),
    exclusions={**_RETURNED, **_LEFT_OUT},
    quantity="通知を受け取った人",
    why="通知が行動につながったかを見て、対象・文面・時期を改める。対照群の切替率と比べて初めて通知の効果が分かる。",
    family="notices",
    **_LETTERS,
)
def generic_notice_switch_rate(view: View) -> Expression:
    """Share of those written to who took a generic afterwards: units are cases with a letter."""
    return _followed(view, "case")


@measure(
    title="軽減額通知の対照群の切替率",
    definition=(
        "軽減額通知の対象で、くじにより通知を送らなかった人（対照群）のうち、後発医薬品へ切り替えた人の割合。月は、同じ支部・"
        "同じ月の対象者リストから最初に通知を送った月（まだ送っていなければ、くじを引いた月）。" + _FOLLOWED
    ),
    exclusions=_LEFT_OUT,
    quantity="対照群の人",
    better="",
    why="通知がなくても切り替えた人の割合を知り、通知の効果と自然な切替えとを分ける。",
    **_LETTERS,
)
def generic_notice_control_switch_rate(view: View) -> Expression:
    """The same share of the control group: units are people held out."""
    return _followed(view, "control")


@measure(
    title="軽減額通知後の1人当たり削減額",
    definition=(
        "軽減額通知を受け取った人が、効果を見る期間に後発医薬品へ切り替えて減った薬剤費（薬価、10割）の1人当たりの額。分子はその"
        "合計額。減った額 ＝（通知に載る先発医薬品の、調剤した月の薬価 － 調剤した後発医薬品の薬価）× 総量。先発医薬品の薬価が"
        "その月にないときはリストの月の薬価、二つ以上あるときは低い方による。分母は切替率と同じで、切り替えなかった人を含む。"
        "月は最初の通知を送った月。" + _FOLLOWED
    ),
    exclusions={**_RETURNED, **_LEFT_OUT},
    form="mean",
    unit="円",
    precision=0,
    quantity="減った薬剤費（円）と、通知を受け取った人",
    why="通知にかけた費用と比べる。通知がなくても切り替えた人の分を含むので、効果は対照群と比べて見る。",
    family="notices",
    **_LETTERS,
)
def generic_notice_saving(view: View) -> Expression:
    """Yen saved after the letter, a head: units are cases with a letter."""
    return _followed(view, "case").mutate(numerator=lambda t: t.saved)


def _followed(view: View, arm: str) -> Expression:
    """Units of an arm: one person written to, or held out, and what they took in the months after.

    numerator: 1 for who switched; saved: yen. The line is that of the first generic, or else of the first drug of the same
    name in the months after, of the drug of the notice, or of the case.
    """
    person: Any = view.stage(f"generic notice {arm}", _addressed(view, arm))
    months = view.rows(person.select("list_month", "month", "last").distinct())
    listed = sorted(set(months["list_month"].drop_nulls())) or view.months
    follow_up = sorted({m for _, first, last in months.iter_rows() for m in month_range(first, last)[1:]})
    of_list = switchable(view.over(listed)).rename(list_month="month")
    notice: Any = view.stage(
        f"generic notice {arm} drugs",
        person.select("case_id", "branch", "member_id", "list_month", sent="month", last="last").join(
            of_list, ["branch", "member_id", "list_month"]
        ),
    )
    taken = _taken_after(view.over(follow_up or view.months), notice)
    firsts = notice.filter(notice.place == 0).select(
        "case_id", "age", notice_code="code", notice_label="drug_name", notice_file="source_file", notice_line="source_line"
    )  # fmt: skip
    units: Any = beside(
        beside(beside(person, _held(view, person), "case_id"), firsts, "case_id"), taken, "case_id"
    )
    receipt = view.table("receipt").filter(lambda t: t.valid)
    units = beside(units, receipt.group_by("branch").aggregate(latest=receipt.month.max()), "branch")
    return units.mutate(
        excluded=ibis.cases(
            *([(units.returned, "returned")] if arm == "case" else []),
            (units.latest.isnull() | (units.latest < units["last"]), "window_open"),
            (units.held.fill_null(0) < units.follow_up, "left"),
            (units.notice_code.isnull(), "no_listed_drug"),
            (units.code.isnull(), "no_drug"),
            else_=ibis.null("string"),
        ),
        denominator=ibis.literal(1),
        numerator=units.switched.fill_null(False).cast("int64"),
        saved=units.saved.fill_null(0),
        code=ibis.coalesce(units.code, units.notice_code),
        item_label=ibis.coalesce(units.label, units.notice_label),
        source_file=ibis.coalesce(units.taken_file, units.notice_file, units.source_file),
        source_line=ibis.coalesce(units.taken_line, units.notice_line, units.source_line),
    )


def _addressed(view: View, arm: str) -> Expression:
    """The people of an arm: case_id, branch, member_id, list_month, returned, the line of the case; month, last and
    follow_up: the month of the letter, the last of those after it that count, and how many these are.
    """
    months = {m: int(view.parameter("generic_notice_follow_up_months", m)) for m in view.months}
    calendar = view.calendar(
        follow_up=list(months.values()), last=[add_months(m, n) for m, n in months.items()]
    )
    case = view.table("office_case")
    case = case.filter((case.kind == NOTICE) & (case.subject_kind == "member") & case.subject.notnull())
    sent = case.group_by("branch", "list_month").aggregate(list_sent=case.first_letter_on.min())
    own: Any = beside(case, sent, "branch", "list_month").filter(lambda t: t.arm == arm)
    day: Any = own.first_letter_on if arm == "case" else ibis.coalesce(own.list_sent, own.received_on)
    person = own.select(
        "case_id", "branch", "list_month", "returned", "source_file", "source_line",
        member_id="subject", month=ibis.date(day.year(), day.month(), 1),
    )  # fmt: skip
    return person.join(calendar, "month")


def _held(view: View, person: Expression) -> Expression:
    """Of how many months that count the people were members at the end: case_id and held."""
    member = view.table("member_month").select("member_id", held_month="month")
    both = person.join(member, "member_id")
    both = both.filter((both.held_month > both.month) & (both.held_month <= both["last"]))
    return both.group_by("case_id").aggregate(held=both.held_month.nunique())


def _taken_after(view: View, notice: Expression) -> Expression:
    """What the people took of the same names as the drugs of their notice in the months that count, a row per case.

    switched: whether there was a generic; saved: yen; receipt_id, code, label, taken_file and taken_line: of the first line,
    generics before originators.
    """
    drug: Any = interchangeable(drug_classes(view)).select(
        "code", "month", "same", "class_code", "price", label="name"
    )
    then = notice.select("case_id", "same", "code").join(drug.select("code", "month", "price"), "code")
    then = then.group_by("case_id", "same", "month").aggregate(price_then=then.price.min())
    names = notice.group_by("case_id", "member_id", "same", "sent", "last").aggregate(
        list_price=notice.price.min()
    )
    line: Any = taken_by_members(view, drug).join(names, ["member_id", "same"])
    line = line.filter((line.month > line.sent) & (line.month <= line["last"]))
    line = beside(line, then, "case_id", "same", "month")
    generic = line.class_code == "3"
    less: Any = (line.price_then.fill_null(line.list_price) - line.price) * line.total
    order = [generic.desc(), line.month, line.source_file, line.source_line]
    line = line.mutate(
        generic=generic,
        saved=less.cast("decimal(38,7)"),
        place=ibis.row_number().over(ibis.window(group_by=line.case_id, order_by=order)),
    )
    first = line.place == 0
    return line.group_by("case_id").aggregate(
        switched=line.generic.any(),
        saved=line.saved.sum(where=line.generic),
        **{name: line[column].max(where=first) for name, column in _FIRST_LINE.items()},
    )


_FIRST_LINE = {
    "receipt_id": "receipt_id",
    "code": "code",
    "label": "label",
    "taken_file": "source_file",
    "taken_line": "source_line",
}


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
