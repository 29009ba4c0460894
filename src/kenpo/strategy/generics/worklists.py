"""Worklists of ③ ジェネリック医薬品の使用促進: whom to tell what a generic would save, institutions to show their use, and
unknown drug codes."""

from __future__ import annotations

from typing import Any

import ibis
import polars as pl

from kenpo.frame.view import View
from kenpo.frame.worklist import worklist
from kenpo.lake import Expression
from kenpo.strategy.generics.measures import institution_figures, institution_originators, rates
from kenpo.strategy.generics.rules import drug_classes, switchable


@worklist(
    title="ジェネリック医薬品軽減額通知の対象者",
    definition=(
        "後発医薬品のある先発医薬品（区分2）の内用薬を、その月に14日分以上服用している加入者のうち、最も安い後発医薬品に"
        "替えたときの自己負担の軽減額が基準以上の人。軽減額 ＝（先発医薬品の薬価 － 最も安い後発医薬品の薬価）× 総量 ×"
        "（1 － 給付割合）を合計し、10円未満を切り捨てる。最小の軽減額は、先発医薬品より安い後発医薬品のうち最も高いものに"
        "替えたときの額。後発医薬品は、一般名コード（なければ薬価基準コードの上9桁）が同じもの。頓服は除く。受け取った人の病気を"
        "知られたくない薬効分類（パラメータ）の医薬品は、対象にも軽減額にも入れない。給付割合の記録がないレセプトは、レセプト種別が"
        "未就学者と高齢受給者（一般・低所得者）なら8割給付、ほかは7割給付とする。医薬品ごとの日数、いまの自己負担（薬価×総量×"
        "（1－給付割合））、軽減額は医薬品と同じ順に並べ、1円未満を切り捨てる。"
    ),
    law="協会けんぽ 保険者機能強化アクションプラン（軽減額通知）",
    columns={
        "member_id": "加入者ID",
        "age": "年齢",
        "drugs": "医薬品",
        "drug_count": "品目数",
        "saving": "軽減額（円）",
        "days": "医薬品ごとの日数",
        "costs": "医薬品ごとの自己負担（円）",
        "savings": "医薬品ごとの軽減額（円）",
        "least_saving": "最小の軽減額（円）",
        "least_savings": "医薬品ごとの最小の軽減額（円）",
    },
    reasons={"switch": "後発医薬品に替えると自己負担が減る"},
    parameters=("generic_notice_min_age", "generic_notice_min_saving", "generic_notice_sensitive_classes"),
)
def generic_switch(view: View) -> Expression:
    """Members and months with a saving (rule G4), the greatest first; the line is that of the drug that saves most."""
    limits = view.calendar(
        min_age=[int(view.parameter("generic_notice_min_age", m)) for m in view.months],
        min_saving=[int(view.parameter("generic_notice_min_saving", m)) for m in view.months],
    )
    ranked = switchable(view)
    best = ranked.place == 0
    people = ranked.group_by("branch", "month", "member_id").aggregate(
        age=ranked.age.max(),
        drugs=ranked.drug_name.group_concat("、", order_by=[ranked.place]),
        drug_count=ranked.count(),
        days=_in_order(ranked, ranked.days),
        costs=_in_order(ranked, (ranked.cost / 100).floor()),
        savings=_in_order(ranked, (ranked.gain / 100).floor()),
        least_savings=_in_order(ranked, (ranked.least_gain / 100).floor()),
        saving=_in_tens(ranked.gain.sum()),
        least_saving=_in_tens(ranked.least_gain.sum()),
        source_file=ranked.source_file.max(where=best),
        source_line=ranked.source_line.max(where=best),
    )
    people = people.join(limits, "month")
    chosen = people.filter((people.age >= people.min_age) & (people.saving >= people.min_saving))
    order = [chosen.saving.desc(), chosen.month.desc(), chosen.branch, chosen.member_id]
    return chosen.mutate(
        reason=ibis.literal("switch"), priority=ibis.row_number().over(ibis.window(order_by=order)) + 1
    )


def _in_tens(hundredths: Any) -> Any:
    """Hundredths of yen as yen, 10円未満切捨て."""
    return (hundredths / 1000).floor().cast("int64") * 10


def _in_order(ranked: Any, numbers: Any) -> Any:
    """Whole numbers of a person's drugs in the order of the drugs, as text."""
    return numbers.cast("int64").cast("string").group_concat("、", order_by=[ranked.place])


@worklist(
    title="医療機関・薬局別のジェネリック医薬品使用状況",
    definition=(
        "所在地の支部が使用状況（見える化ツール）を知らせる医療機関・薬局。その月に協会けんぽの加入者へ投与した医薬品の数量シェア"
        "（ジェネリック医薬品使用割合（数量ベース）と同じ定義）を、同じ種類（医科・歯科・薬局）の市区町村、都道府県、全国の値と"
        "並べる。後発医薬品のある先発医薬品（区分2）の数量が多い順。数量に数える医薬品のあるレセプトがパラメータより少ないものと、"
        "区分2の数量がないものは除く。行は、区分2のうち数量が最も多い医薬品の最初の明細。"
    ),
    law="協会けんぽ 保険者機能強化アクションプラン（医療機関・薬局への働きかけ、見える化ツール）",
    columns={
        "institution": "医療機関",
        "name": "名称",
        "sort": "種類",
        "municipality": "市区町村",
        "receipts": "レセプト件数",
        "quantity": "数量（区分2・3）",
        "share": "数量シェア（%）",
        "municipality_share": "市区町村（%）",
        "prefecture_share": "都道府県（%）",
        "nation_share": "全国（%）",
        "potential": "区分2の数量",
        "top_drug": "区分2で最も多い医薬品",
    },
    reasons={
        "below_municipality": "数量シェアが市区町村の同じ種類の値より低い",
        "below_prefecture": "数量シェアが都道府県の同じ種類の値より低い",
        "room": "地域の値以上だが、替えられる先発医薬品がある",
    },
    parameters=("generic_sheet_min_receipts", "generic_exclude_star"),
)
def institution_generic_use(view: View) -> Expression:
    """Institutions and months, the most originators that have generics first; the branch is that of the prefecture."""
    least = {m: int(view.parameter("generic_sheet_min_receipts", m)) for m in view.months}
    use = institution_figures(view)
    wanted = pl.col("month").replace_strict(least, default=0, return_dtype=pl.Int64)
    use = use.filter(
        (pl.col("receipts") >= wanted)
        & (pl.col("denominator") > pl.col("numerator"))
        & pl.col("branch_known")
    )
    shares = {
        "share": rates(use, ""),
        **{f"{area}_share": rates(use, f"{area}_") for area in ("municipality", "prefecture", "nation")},
    }
    shown = use.with_columns(
        **{name: pl.Series(values, dtype=pl.Decimal(5, 1)) for name, values in shares.items()},
        quantity=pl.col("denominator"),
        potential=pl.col("denominator") - pl.col("numerator"),
    ).with_columns(
        # Compared as printed: a sheet that says 86.5 % beside 86.5 % does not say "lower".
        reason=pl.when(pl.col("share") < pl.col("municipality_share"))
        .then(pl.lit("below_municipality"))
        .when(pl.col("share") < pl.col("prefecture_share"))
        .then(pl.lit("below_prefecture"))
        .otherwise(pl.lit("room")),
    )
    kept = view.memory(
        shown.select(
            "branch", "month", "institution", "name", "sort", "municipality", "receipts", "quantity",
            *shares, "potential", "reason",
        ),
        "institution_generic_use",
    )  # fmt: skip
    most = institution_originators(view).filter(lambda t: t.place == 0)
    rows = kept.join(
        most.select("institution", "month", "source_file", "source_line", top_drug="name"),
        ["institution", "month"],
    )
    order = [rows.potential.desc(), rows.month.desc(), rows.branch, rows.institution]
    return rows.mutate(priority=ibis.row_number().over(ibis.window(order_by=order)) + 1)


@worklist(
    title="医薬品マスターにない医薬品コード",
    definition=(
        "有効なレセプトの医薬品コードのうち、診療月の医薬品マスターにないもの。使用割合から除外されているため、新しい版の"
        "マスターを取り込むか、請求の誤りかを確かめる。行は、そのコードが最初に現れる明細。"
    ),
    law="社会保険診療報酬支払基金 医薬品マスター",
    columns={"code": "医薬品コード", "lines": "明細数", "receipts": "レセプト件数", "total": "総量"},
    reasons={"unknown_code": "医薬品マスターにないコード"},
)
def unknown_drug_codes(view: View) -> Expression:
    """Codes of drug lines no master of the month has, the most frequent first."""
    drug = view.table("drug").filter(lambda t: t.valid & t.branch.notnull())
    lost = drug.anti_join(drug_classes(view), ["code", "month"])
    keys = ["branch", "month", "code"]
    files = lost.group_by(*keys).aggregate(
        lines=lost.count(),
        receipts=lost.receipt_id.nunique(),
        total=lost.total.sum(),
        source_file=lost.source_file.min(),
    )
    first = lost.group_by(*keys, "source_file").aggregate(source_line=lost.source_line.min())
    rows = files.join(first, [*keys, "source_file"])
    order = [rows.lines.desc(), rows.code, rows.branch, rows.month]
    return rows.mutate(
        reason=ibis.literal("unknown_code"),
        priority=ibis.row_number().over(ibis.window(order_by=order)) + 1,
    )
