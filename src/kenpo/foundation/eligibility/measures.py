"""Figures of 資格: members, workplaces, standard remuneration, マイナンバー, and how many receipts match."""

from __future__ import annotations

from typing import Any

import ibis

from kenpo.frame.measure import measure
from kenpo.frame.view import View
from kenpo.lake import Expression

_PEOPLE = ("age_band", "sex", "member_kind", "residence", "industry", "workplace")
_MEMBERS = "月末日に資格のある人（資格取得年月日から資格喪失年月日の前日まで）を1人1回数える。"


def _members(view: View) -> Expression:
    """Members at the end of each month: units to be weighed."""
    member = view.table("member_month")
    return member.mutate(
        member_kind=member.kind, excluded=ibis.null("string"), receipt_id=ibis.null("int64"), denominator=0
    )


_HEADS: dict[str, Any] = {
    "form": "count",
    "unit": "人",
    "precision": 0,
    "better": "",
    "flow": False,
    "counter": "人",
    "quantity": "人数",
    "item": "workplace",
    "item_title": "事業所",
    "family": "members",
}


@measure(
    title="加入者数",
    definition="被保険者と被扶養者の数。" + _MEMBERS,
    law="健康保険法3条・35条・36条",
    breakdowns=_PEOPLE,
    why="1人当たりの指標の分母であり、支部の大きさを表す。",
    **_HEADS,
)
def members(view: View) -> Expression:
    """Members: units are people at the end of a month."""
    return _members(view).mutate(numerator=1)


@measure(
    title="被保険者数",
    definition="被保険者の数（任意継続被保険者を含む）。" + _MEMBERS,
    law="健康保険法3条1項・4項",
    breakdowns=("age_band", "sex", "industry", "workplace", "residence"),
    why="健診・保健指導・健康保険委員などの指標の分母のもとになる。",
    **_HEADS,
)
def insured(view: View) -> Expression:
    """Insured people: units are people at the end of a month."""
    return _members(view).filter(lambda t: t.kind == "insured").mutate(numerator=1)


@measure(
    title="被扶養者数",
    definition="被扶養者の数。" + _MEMBERS,
    law="健康保険法3条7項",
    breakdowns=("age_band", "sex", "industry", "workplace", "residence"),
    why="被扶養者の健診や、被扶養者資格の再確認の規模を表す。",
    **_HEADS,
)
def dependents(view: View) -> Expression:
    """Dependents: units are people at the end of a month."""
    return _members(view).filter(lambda t: t.kind == "dependent").mutate(numerator=1)


@measure(
    title="適用事業所数",
    definition=(
        "月末日に適用中の事業所の数（新規適用年月日から全喪年月日の前日まで）。"
        "規模は月末日の被保険者数（任意継続を除く）による。"
    ),
    law="健康保険法3条3項・31条",
    form="count",
    unit="事業所",
    precision=0,
    better="",
    flow=False,
    counter="事業所",
    quantity="事業所数",
    breakdowns=("size", "industry"),
    item="workplace",
    item_title="事業所",
    why="健康宣言や健康保険委員など、事業所に働きかける施策の規模を表す。",
    persons="none",
)
def workplaces(view: View) -> Expression:
    """Workplaces: units are workplaces in force at the end of a month."""
    return view.table("workplace_month").mutate(
        excluded=ibis.null("string"), receipt_id=ibis.null("int64"), denominator=0, numerator=1
    )


@measure(
    title="扶養率",
    definition="被扶養者数 ÷ 被保険者数。被保険者1人当たりの被扶養者の数。" + _MEMBERS,
    law="全国健康保険協会「事業年報」の扶養率",
    form="mean",
    unit="人",
    precision=2,
    better="",
    flow=False,
    counter="人",
    quantity="被扶養者数と被保険者数",
    breakdowns=("industry", "workplace"),
    item="workplace",
    item_title="事業所",
    why="被扶養者資格の適用の状況や、世帯の構成の変化を見る。",
    family="members",
)
def dependency_ratio(view: View) -> Expression:
    """Dependents per insured person: units are people at the end of a month."""
    member = _members(view)
    return member.mutate(
        denominator=ibis.ifelse(member.kind == "insured", 1, 0),
        numerator=ibis.ifelse(member.kind == "dependent", 1, 0),
    )


@measure(
    title="平均標準報酬月額",
    definition=(
        "標準報酬月額の合計 ÷ 被保険者数（任意継続を除く）。月末日の被保険者について、その月に適用される標準報酬月額による。"
    ),
    law="健康保険法40条",
    form="mean",
    unit="円",
    precision=0,
    better="",
    flow=False,
    counter="人",
    quantity="標準報酬月額の合計（円）と被保険者数",
    exclusions={"voluntary": "任意継続被保険者", "no_standard": "標準報酬月額のデータがない被保険者"},
    breakdowns=("age_band", "sex", "industry", "workplace"),
    item="workplace",
    item_title="事業所",
    why="保険料の収入を決める、最も大きな要素である。",
    family="members",
)
def average_standard_remuneration(view: View) -> Expression:
    """Mean standard remuneration: units are insured people at the end of a month, in yen."""
    member = _members(view).filter(lambda t: t.kind == "insured")
    return member.mutate(
        excluded=ibis.cases((member.voluntary, "voluntary"), (member.standard.isnull(), "no_standard")),
        denominator=1,
        numerator=member.standard,
    )


@measure(
    title="加入者のマイナンバー収録率",
    definition="マイナンバーが収録されている加入者 ÷ 加入者。月末日の加入者について、月末日までに収録されたものを数える。",
    law="協会けんぽ 保険者機能強化アクションプラン（第5期）・事業計画のKPI「加入者のマイナンバー収録率」",
    flow=False,
    counter="人",
    quantity="人数",
    breakdowns=_PEOPLE,
    item="workplace",
    item_title="事業所",
    why="オンライン資格確認と、添付書類のいらない手続の前提になる。",
    family="members/mynumber",
)
def mynumber_record_rate(view: View) -> Expression:
    """Share of members whose マイナンバー is recorded (KPI 13): units are people at the end of a month."""
    member = _members(view)
    return member.mutate(denominator=1, numerator=ibis.ifelse(member.mynumber, 1, 0))


@measure(
    title="レセプト資格照合率",
    definition=(
        "加入者の資格と照合できたレセプト ÷ 有効なレセプト。記号・番号・枝番・生年月日・性別で加入者を探し、診療日が"
        "資格のある日（資格取得年月日から資格喪失年月日の前日まで）であるものを照合できたとする。"
    ),
    law="健康保険法35条・36条、レセプトの資格点検",
    precision=2,
    quantity="件数",
    breakdowns=("match", "care", "age_band", "sex", "institution"),
    item="institution",
    item_title="医療機関・薬局",
    why="照合できないレセプトは、資格喪失後の受診や番号の誤りであり、返戻・返納金の入口になる。",
    family="members/receipts/matched",
)
def receipt_match_rate(view: View) -> Expression:
    """Share of receipts matched to a member: units are valid receipts."""
    receipt = view.table("member_receipt")
    return receipt.mutate(
        excluded=ibis.null("string"),
        denominator=1,
        numerator=ibis.ifelse(receipt.reason.isnull(), 1, 0),
    )
