"""Worklists of ③ ジェネリック医薬品の使用促進: whom to tell what a generic would save, and unknown drug codes."""

from __future__ import annotations

from typing import Any

import ibis

from kenpo.frame.columns import beside
from kenpo.frame.view import View
from kenpo.frame.worklist import worklist
from kenpo.lake import Expression
from kenpo.lake.validity import in_force
from kenpo.strategy.generics.rules import drug_classes

ORAL = "1"
"""剤形 of drugs taken by mouth (内用薬)."""

AS_NEEDED = "22"
"""診療識別 of drugs taken when needed (頓服): their 回数 are not days."""

LONG_TERM_DAYS = 14
"""Days' supply in a month from which a drug is taken long-term (継続服薬): the insurers' usual reading (rule H)."""

USUAL_BENEFIT_RATE = 70
"""給付割合 of a receipt that does not say: 70 % (健康保険法74条1項1号)."""


def _choices(view: View) -> Expression:
    """Code and month of oral originators with a cheaper generic: prices of both. Small: kept in memory.

    A generic is of the same 一般名コード, or where the master has none, of the same first nine characters of the price
    list code (成分・剤形・規格); without that, prices of other strengths would be compared.
    """
    classes = drug_classes(view)
    months = view.calendar(master_of=list(view.months)).select("month")
    master: Expression = in_force(view.table("drug_master"), months, "code")
    known = master.select("code", "month", "dosage_form", "general_name_code")
    drug = classes.join(known, ["code", "month"])
    named: Any = ibis.coalesce(drug.general_name_code, drug.price_list_code)
    drug = drug.mutate(same=named.left(9))
    drug = drug.filter((drug.dosage_form == ORAL) & drug.same.notnull() & (drug.price > 0))
    generic = drug.filter((drug.class_code == "3") & drug.excluded.isnull())
    cheapest = generic.group_by("month", "same").aggregate(generic_price=generic.price.min())
    originator = drug.filter((drug.class_code == "2") & drug.excluded.isnull())
    pairs = originator.join(cheapest, ["month", "same"])
    pairs = pairs.filter(pairs.generic_price < pairs.price)
    return view.settle(
        pairs.select("code", "month", "price", "generic_price", drug_name="name"), "generic_choices"
    )


@worklist(
    title="ジェネリック医薬品軽減額通知の対象者",
    definition=(
        "後発医薬品のある先発医薬品（区分2）の内用薬を、その月に14日分以上服用している加入者のうち、最も安い後発医薬品に"
        "替えたときの自己負担の軽減額が基準以上の人。軽減額 ＝（先発医薬品の薬価 － 最も安い後発医薬品の薬価）× 総量 ×"
        "（1 － 給付割合）を合計し、10円未満を切り捨てる。後発医薬品は、一般名コード（なければ薬価基準コードの上9桁）が"
        "同じもの。頓服は除く。給付割合の記録がないレセプトは7割給付とする。"
    ),
    law="協会けんぽ 保険者機能強化アクションプラン（軽減額通知）",
    columns={
        "member_id": "加入者ID",
        "age": "年齢",
        "drugs": "医薬品",
        "drug_count": "品目数",
        "saving": "軽減額（円）",
    },
    reasons={"switch": "後発医薬品に替えると自己負担が減る"},
    parameters=("generic_notice_min_age", "generic_notice_min_saving"),
)
def generic_switch(view: View) -> Expression:
    """Members and months with a saving (rule G4), the greatest first; the line is that of the drug that saves most."""
    limits = view.calendar(
        min_age=[int(view.parameter("generic_notice_min_age", m)) for m in view.months],
        min_saving=[int(view.parameter("generic_notice_min_saving", m)) for m in view.months],
    )
    drug = view.table("drug").filter(lambda t: t.valid & (t.section.isnull() | (t.section != AS_NEEDED)))
    who = view.table("member_receipt").filter(lambda t: t.reason.isnull())
    who = who.select("receipt_id", "member_id", member_age="age")
    rate = view.table("receipt").select("receipt_id", "benefit_rate")
    lines = drug.join(_choices(view), ["code", "month"]).join(who, "receipt_id")
    lines = beside(lines, rate, "receipt_id")
    own_percent = 100 - lines.benefit_rate.fill_null(USUAL_BENEFIT_RATE)
    gain = (lines.price - lines.generic_price) * lines.total * own_percent
    lines = lines.mutate(gain=gain.cast("decimal(38,7)"))
    taken = lines.group_by("branch", "month", "member_id", "code", "drug_name").aggregate(
        days=lines.times.sum(),
        gain=lines.gain.sum(),
        age=lines.member_age.max(),
        source_file=lines.source_file.min(),
    )
    first = lines.group_by("month", "member_id", "code", "source_file").aggregate(
        source_line=lines.source_line.min()
    )
    taken = taken.filter(taken.days >= LONG_TERM_DAYS).join(
        first, ["month", "member_id", "code", "source_file"]
    )
    by_gain = ibis.window(
        group_by=[taken.branch, taken.month, taken.member_id], order_by=[taken.gain.desc(), taken.code]
    )
    ranked = taken.mutate(place=ibis.row_number().over(by_gain))
    best = ranked.place == 0
    people = ranked.group_by("branch", "month", "member_id").aggregate(
        age=ranked.age.max(),
        drugs=ranked.drug_name.group_concat("、", order_by=[ranked.place]),
        drug_count=ranked.count(),
        tens=(ranked.gain.sum() / 1000).floor().cast("int64"),
        source_file=ranked.source_file.max(where=best),
        source_line=ranked.source_line.max(where=best),
    )
    people = people.mutate(saving=people.tens * 10).join(limits, "month")
    chosen = people.filter((people.age >= people.min_age) & (people.saving >= people.min_saving))
    order = [chosen.saving.desc(), chosen.month.desc(), chosen.branch, chosen.member_id]
    return chosen.mutate(
        reason=ibis.literal("switch"), priority=ibis.row_number().over(ibis.window(order_by=order)) + 1
    )


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
