"""Figures of 医療費分析: cost per head and its three elements, the adjusted index, and where patients go."""

from __future__ import annotations

from decimal import Decimal

import ibis
import polars as pl

from kenpo.base.branches import BRANCH_CODES
from kenpo.frame.breakdown import age_band
from kenpo.frame.measure import measure
from kenpo.frame.view import View
from kenpo.lake import Expression
from kenpo.lake.tables.derived import UNMATCHED
from kenpo.strategy.spending.rules import YEN_PER_POINT, members, receipts, together

_BREAKDOWNS = ("care", "age_band", "sex", "member_kind", "residence", "industry", "workplace")
_LAW = "厚生労働省「医療費の動向」「医療費の地域差分析」の三要素（受診率、1件当たり日数、1日当たり医療費）"
_ELEMENTS = (
    "加入者1人当たり医療費 ＝ 受診率 × 1件当たり日数 × 1日当たり医療費 が、端数処理の前で必ず成り立つように数える："
    "合計では、件数と日数は入院・入院外・歯科のレセプトだけを数え、医療費は調剤を含む。"
    "診療種別ごとの値では、件数も日数もその診療種別のもの（調剤の日数は処方箋の受付回数）を数える。"
)
_SCOPE = (
    "加入者の資格と照合できた、有効な電子レセプト（医科・DPC・歯科・調剤）による。診療月ごとの値で、"
    "加入者は月末日に資格のある人。年度累計は、月ごとの分子の合計 ÷ 分母の合計（1か月当たりの平均）。"
)
_ITEM = {"item": "institution", "item_title": "医療機関・薬局"}
_COST = {**_ITEM, "family": "members/receipts"}
_VISITS = {**_ITEM, "family": "members/receipts/visits"}


@measure(
    title="加入者1人当たり医療費",
    definition="医療費（合計点数×10円。食事療養は含まない）÷ 加入者数。" + _SCOPE,
    law="厚生労働省「医療費の動向」",
    form="mean",
    unit="円",
    precision=0,
    better="lower",
    exclusions=UNMATCHED,
    breakdowns=_BREAKDOWNS,
    quantity="医療費（円）と加入者数",
    why="支部の保険料率を決める医療費の水準を、加入者の数の違いを除いて見る。",
    **_COST,
)
def medical_cost_per_member(view: View) -> Expression:
    """Medical cost per member and month: units are receipts (numerator, yen) and member-months (denominator)."""
    claimed = receipts(view)
    zero, one = ibis.literal(0), ibis.literal(1)
    return together(claimed, members(view), {"denominator": (zero, one), "numerator": (claimed.yen, zero)})


@measure(
    title="受診率",
    definition="レセプトの件数 ÷ 加入者数。加入者1人が1か月に受けたレセプトの件数。" + _ELEMENTS + _SCOPE,
    law=_LAW,
    form="mean",
    unit="件/人",
    precision=4,
    better="",
    exclusions=UNMATCHED,
    breakdowns=_BREAKDOWNS,
    quantity="件数と加入者数",
    why="医療費の違いが、受診する人の多さから来るのかを見る。",
    **_COST,
)
def receipts_per_member(view: View) -> Expression:
    """Receipts per member and month: units are receipts (numerator) and member-months (denominator)."""
    claimed = receipts(view)
    zero, one = ibis.literal(0), ibis.literal(1)
    return together(
        claimed,
        members(view),
        {
            "denominator": (zero, one),
            "numerator": (claimed.counts, zero),
            "care_denominator": (zero, one),
            "care_numerator": (one, zero),
        },
    )


@measure(
    title="1件当たり日数",
    definition="診療実日数 ÷ レセプトの件数。" + _ELEMENTS + _SCOPE,
    law=_LAW,
    form="mean",
    unit="日",
    precision=2,
    better="",
    exclusions=UNMATCHED,
    breakdowns=_BREAKDOWNS,
    quantity="日数と件数",
    why="医療費の違いが、1回の受診の長さや通う回数から来るのかを見る。",
    **_COST,
)
def days_per_receipt(view: View) -> Expression:
    """Days per receipt: units are receipts."""
    claimed = receipts(view)
    return claimed.mutate(
        denominator=claimed.counts,
        numerator=claimed.counts * claimed.service_days,
        care_denominator=1,
        care_numerator=claimed.service_days,
    )


@measure(
    title="1日当たり医療費",
    definition="医療費（合計点数×10円。食事療養は含まない）÷ 診療実日数。" + _ELEMENTS + _SCOPE,
    law=_LAW,
    form="mean",
    unit="円",
    precision=0,
    better="",
    exclusions=UNMATCHED,
    breakdowns=_BREAKDOWNS,
    quantity="医療費（円）と日数",
    why="医療費の違いが、1日の診療の中身から来るのかを見る。",
    **_COST,
)
def cost_per_day(view: View) -> Expression:
    """Medical cost per day: units are receipts, in yen."""
    claimed = receipts(view)
    return claimed.mutate(
        denominator=claimed.counts * claimed.service_days,
        numerator=claimed.yen,
        care_denominator=claimed.service_days,
        care_numerator=claimed.yen,
    )


def _national_costs(view: View) -> Expression:
    """Month, sex and age band → national cost per head, yen with four decimals (half up, in whole numbers)."""
    receipt = view.table("member_receipt")
    receipt = receipt.filter(receipt.reason.isnull() & receipt.month.isin(list(view.months)))
    member = view.table("member_month")
    member = member.filter(member.month.isin(list(view.months)))
    present = member.branch.nunique().to_pyarrow().as_py()
    if not view.nation and present < len(BRANCH_CODES):
        view.note(
            f"資格データのある支部は {present} 支部です。「全国」はこの支部の合計であり、"
            f"{len(BRANCH_CODES)} 支部の全国ではありません。"
        )
    keys = ["month", "sex", "band"]
    yen = view.rows(
        receipt.mutate(band=age_band(receipt.age)).group_by(*keys).aggregate(points=lambda t: t.points.sum())
    )
    heads = view.rows(
        member.mutate(band=age_band(member.age)).group_by(*keys).aggregate(heads=lambda t: t.count())
    )
    joined = heads.join(yen, on=keys, how="left").with_columns(pl.col("points").fill_null(0))
    costs = [
        Decimal((2 * 10_000 * YEN_PER_POINT * int(p) + n) // (2 * n)).scaleb(-4)
        for p, n in joined.select("points", "heads").iter_rows()
    ]
    costed = joined.select(*keys).with_columns(expected=pl.Series(costs, dtype=pl.Decimal(20, 4)))
    return view.memory(costed.drop_nulls(), "national_costs")


@measure(
    title="医療費指数（性・年齢調整、全国=100）",
    definition=(
        "医療費 ÷ 期待される医療費 × 100（間接法）。期待される医療費は、加入者1人ずつに、その月の全国の"
        "性・5歳階級別の1人当たり医療費（円、小数第5位を四捨五入）を当てた合計。性別と年齢の構成の違いを除いて比べる。"
    )
    + _SCOPE,
    law="厚生労働省「医療費の地域差分析」の年齢調整後1人当たり医療費の地域差指数（性別も調整）",
    unit="",
    precision=1,
    better="lower",
    exclusions={**UNMATCHED, "unknown_age": "年齢か性別が分からない加入者・レセプト"},
    breakdowns=("age_band", "sex", "member_kind", "residence", "industry", "workplace"),
    quantity="医療費と期待される医療費（円）",
    why="高齢者の多さなど、支部では変えられない違いを除いて、医療費の水準を全国と比べる。",
    persons="amounts",
    **_COST,
)
def medical_cost_index(view: View) -> Expression:
    """Cost against what the nation's cost per head by sex and age would make: receipts (yen) and member-months."""
    claimed, enrolled = receipts(view), members(view)
    zero = ibis.literal(0)
    enrolled = enrolled.mutate(band=age_band(enrolled.age))
    enrolled = enrolled.left_join(_national_costs(view), ["month", "sex", "band"])
    unknown = enrolled.expected.isnull()
    enrolled = enrolled.mutate(excluded=ibis.ifelse(unknown, "unknown_age", ibis.null("string")))
    no_age = claimed.excluded.isnull() & (claimed.age.isnull() | claimed.sex.isnull())
    claimed = claimed.mutate(excluded=ibis.ifelse(no_age, "unknown_age", claimed.excluded))
    return together(
        claimed,
        enrolled,
        {"denominator": (zero, enrolled.expected.fill_null(0)), "numerator": (claimed.yen, zero)},
    )


_OUTPATIENT = ("outpatient", "dental")
_PLACES = "市区町村は、加入者は最新の住所、医療機関は最新の請求の所在地により、政令指定都市は区ごとに数える。"


def _visits(view: View) -> Expression:
    """Outpatient and dental receipts, with where the member lives and where the institution is."""
    claimed = receipts(view)
    return claimed.filter(claimed.care.isin(_OUTPATIENT))


@measure(
    title="受診流出率",
    definition=(
        "住んでいる市区町村の外の医療機関のレセプト ÷ レセプト。支部の都道府県に住む加入者の、医科入院外と歯科の"
        "レセプトによる。" + _PLACES
    ),
    law="厚生労働省「地域医療構想」「医療費適正化計画」の患者の流出入",
    better="",
    exclusions={
        **UNMATCHED,
        "lives_elsewhere": "加入者の住所が支部の都道府県の外、または分からない",
        "unknown_place": "医療機関の市区町村が分からない",
    },
    breakdowns=("residence", "care", "age_band", "sex", "member_kind"),
    quantity="件数",
    why="身近に受診できる医療機関があるか、どこへ受診しに行くかを知り、意見発信の材料にする。",
    **_VISITS,
)
def patient_outflow_rate(view: View) -> Expression:
    """Share of visits outside the municipality of residence: units are receipts."""
    visit = _visits(view)
    at_home = visit.residence.left(2) == visit.branch
    return visit.mutate(
        excluded=ibis.cases(
            (visit.excluded.notnull(), visit.excluded),
            (~at_home.fill_null(False), "lives_elsewhere"),
            (visit.institution_place.isnull(), "unknown_place"),
        ),
        denominator=1,
        numerator=ibis.ifelse(visit.residence != visit.institution_place, 1, 0),
    )


@measure(
    title="受診流入率",
    definition=(
        "医療機関のある市区町村の外に住む加入者のレセプト ÷ レセプト。支部の都道府県にある医療機関の、支部の加入者の"
        "医科入院外と歯科のレセプトによる（ほかの支部・保険者の患者は含まない）。" + _PLACES
    ),
    law="厚生労働省「地域医療構想」「医療費適正化計画」の患者の流出入",
    better="",
    exclusions={
        **UNMATCHED,
        "institution_elsewhere": "医療機関が支部の都道府県の外、または市区町村が分からない",
        "unknown_residence": "加入者の市区町村が分からない",
    },
    breakdowns=("municipality", "care", "age_band", "sex", "member_kind"),
    quantity="件数",
    why="どの市区町村に患者が集まるかを知り、医療提供体制についての意見発信の材料にする。",
    **_VISITS,
)
def patient_inflow_rate(view: View) -> Expression:
    """Share of visits by people who live elsewhere: units are receipts at institutions of the branch's prefecture."""
    visit = _visits(view)
    here = visit.institution_place.left(2) == visit.branch
    return visit.mutate(
        municipality=visit.institution_place,
        excluded=ibis.cases(
            (visit.excluded.notnull(), visit.excluded),
            (~here.fill_null(False), "institution_elsewhere"),
            (visit.residence.isnull(), "unknown_residence"),
        ),
        denominator=1,
        numerator=ibis.ifelse(visit.residence != visit.institution_place, 1, 0),
    )
