"""What the figures of spending are made of: receipts of known members, members, and where institutions are.

Medical cost (医療費) is the points of a receipt at 10 yen each; meals (食事療養) are not in the points.
"""

from __future__ import annotations

from typing import Any

import ibis

from kenpo.frame.columns import beside
from kenpo.frame.view import View
from kenpo.lake import Expression

YEN_PER_POINT = 10
"""Yen of a point (1点の単価). Source: 診療報酬の算定方法 (平成20年厚生労働省告示第59号) 1号."""

_SHARED = (
    "branch",
    "month",
    "source_file",
    "source_line",
    "receipt_id",
    "excluded",
    "care",
    "age",
    "sex",
    "member_kind",
    "residence",
    "industry_section",
    "workplace",
    "institution",
    "item_label",
)


def institutions(view: View) -> Expression:
    """One row per institution: its latest name, and the latest municipality known of it. Small: kept in memory."""
    table = view.table("institution")

    def newest(rows: Any) -> Any:
        order = [rows.claim_month.desc(), rows.source_file.desc(), rows.source_line.desc()]
        place = ibis.row_number().over(ibis.window(group_by=rows.institution, order_by=order))
        ranked = rows.mutate(place=place)
        return ranked.filter(ranked.place == 0)

    named = newest(table).select("institution", item_label="name")
    placed = newest(table.filter(table.municipality_code.notnull())).select(
        "institution", institution_place="municipality_code"
    )
    return view.settle(beside(named, placed, "institution"), "institutions")


def receipts(view: View) -> Expression:
    """Every valid receipt with what the breakdowns need; one that matches no member is excluded with its reason."""
    receipt = view.table("member_receipt")
    named = beside(receipt, institutions(view), "institution")
    return named.select(
        *(c for c in _SHARED if c not in ("excluded", "member_kind")),
        "service_days",
        "institution_place",
        excluded=named.reason,
        member_kind=named.kind,
        yen=named.points * YEN_PER_POINT,
        counts=ibis.ifelse(named.care == "pharmacy", 0, 1).cast("int64"),
    )


def members(view: View) -> Expression:
    """Every member of every month, as units beside the receipts."""
    member = view.table("member_month")
    return member.select(
        "branch",
        "month",
        "source_file",
        "source_line",
        "age",
        "sex",
        "residence",
        "industry_section",
        "workplace",
        receipt_id=ibis.null("int64"),
        excluded=ibis.null("string"),
        care=ibis.null("string"),
        member_kind=member.kind,
        institution=ibis.null("string"),
        item_label=ibis.null("string"),
    )


def together(claimed: Expression, enrolled: Expression, weights: dict[str, tuple[Any, Any]]) -> Expression:
    """Receipts and members as units of one measure.

    weights: column → what a receipt and what a member puts into it.
    """
    sides = [
        rows.select(*_SHARED, **{name: pair[n].cast("decimal(20,4)") for name, pair in weights.items()})
        for n, rows in enumerate((claimed, enrolled))
    ]
    both: Any = sides[0].union(sides[1])
    return both
