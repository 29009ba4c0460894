"""Whose receipt it is (資格照合): the receipt's keys against the enrolments, its treated days against their spans.

Rule D2: a treated day is covered from 資格取得年月日 to the day before 資格喪失年月日.

The person is looked for in this order, and the first step that finds anyone decides:
1. the member key (記号・番号・枝番・生年月日・性別) is that of an enrolment;
2. the key without 枝番 is, and at least one of the two sides has no 枝番;
3. the card (記号・番号) is that of an enrolment: 枝番, birth date or sex differ, so the number may be wrong;
4. name, birth date and sex are those of an enrolment of another card: the number may be wrong.
Several people in step 1 or 2, as twins without 枝番, cannot be told apart. The keys are those of one card: a receipt
written for the old card after a change of workplace is after the loss, although the person is insured elsewhere.
"""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from typing import Any

import ibis

from kenpo.base.fiscal import month_end
from kenpo.foundation.eligibility.members import people, spans, workplaces
from kenpo.frame.columns import beside
from kenpo.frame.derivation import derivation
from kenpo.frame.view import View
from kenpo.lake import Expression
from kenpo.lake.tables.derived import MEMBER_RECEIPT

_EXACT, _LOOSE, _BARE, _CARD, _PERSON = "exact", "loose", "bare", "card", "person"
_DETAILS = ("procedure", "drug", "material")


def _holders(view: View, name: str, keys: list[str], *, bare: bool = False) -> Expression:
    """Key → how many people hold it and, of one, who: computed once for all months."""

    def make() -> Expression:
        rows = spans(view)
        if bare:
            rows = rows.filter(rows.member_key == rows.member_key_loose)
        rows = rows.filter(rows[keys[-1]].notnull())
        return rows.group_by(*keys).aggregate(
            **{f"{name}_people": rows.member_id.nunique(), f"{name}_who": rows.member_id.min()}
        )

    return view.keep(f"holders by {name}", make)


def _claims(view: View) -> Expression:
    """The receipts to match, with the kind of care (診療種別)."""
    receipt = view.table("receipt")
    last = view.calendar(
        last=[month_end(m) for m in view.months],
        following=[month_end(m) + timedelta(days=1) for m in view.months],
    )
    rows = receipt.filter((receipt.status == "valid") & receipt.branch.notnull())
    rows = rows.inner_join(last, "month")
    medical = rows.kind.isin(["medical", "dpc"])
    return rows.select(
        "source_file",
        "source_line",
        "receipt_id",
        "month",
        "last",
        "following",
        "branch",
        "institution",
        "age",
        "sex",
        "member_key",
        "member_key_loose",
        "card_key",
        "person_key",
        care=ibis.cases(
            (medical & rows.inpatient.fill_null(False), "inpatient"), (medical, "outpatient"), else_=rows.kind
        ),
        service_days=rows.service_days.fill_null(0).cast("int64"),
        points=rows.points.fill_null(0),
    )


def _found(view: View, claims: Expression) -> Expression:
    """The claims with the step that found anyone (step), how many people, and who when it is one."""
    steps = {
        _EXACT: (["branch", "member_key"], False),
        _LOOSE: (["branch", "member_key_loose"], False),
        _BARE: (["branch", "member_key_loose"], True),
        _CARD: (["branch", "card_key"], False),
        _PERSON: (["person_key"], False),
    }
    rows = claims
    for name, (keys, bare) in steps.items():
        holders = _holders(view, name, keys, bare=bare)
        rows = beside(rows, holders, *keys)
    without_branch_no = rows.member_key == rows.member_key_loose
    rows = rows.mutate(
        step=ibis.cases(
            (rows.exact_people.notnull(), _EXACT),
            (without_branch_no & rows.loose_people.notnull(), _LOOSE),
            (rows.bare_people.notnull(), _BARE),
            (rows.card_people.notnull(), _CARD),
            (rows.person_people.notnull(), _PERSON),
        )
    )

    def of_step(suffix: str) -> Expression:
        return ibis.cases(*((rows.step == name, rows[f"{name}_{suffix}"]) for name in steps))

    alone = of_step("people") == 1
    chosen = rows.mutate(
        alone=alone.fill_null(False), who=ibis.ifelse(alone, of_step("who"), ibis.null("string"))
    )
    return chosen.drop([f"{n}_{s}" for n in steps for s in ("people", "who")])


def _bits(first: Expression, last: Expression) -> Expression:
    """Day bits from one day of the month to another, both included; none when reversed (下からn-1番目がn日)."""
    one: Any = ibis.literal(1, "int64")
    return ibis.ifelse(first <= last, (one << last) - (one << (first - 1)), 0)


def _month_day(day: Expression, rows: Expression) -> Expression:
    """The number of a day within the row's month: 1 for the first and earlier, one more than the last for later."""
    inside: Any = ibis.greatest(ibis.least(day, rows.following), rows.month)
    length = rows.last.day()
    return ibis.ifelse(inside == rows.following, length + 1, inside.day()).cast("int64")


def _candidates(view: View, found: Expression) -> Expression:
    """Every claim of one known person with each span of the matched keys, and the days of the month it covers."""
    known = found.filter(found.alone & found.step.isin([_EXACT, _LOOSE, _BARE]))
    span = spans(view).select(
        "branch",
        "member_id",
        "acquired_on",
        "lost_on",
        span_key="member_key",
        span_loose="member_key_loose",
    )
    pairs = known.join(span, [known.branch == span.branch, known.who == span.member_id])
    same = ibis.cases(
        (pairs.step == _EXACT, pairs.span_key == pairs.member_key),
        (pairs.step == _LOOSE, pairs.span_loose == pairs.member_key_loose),
        else_=(pairs.span_loose == pairs.member_key_loose) & (pairs.span_key == pairs.span_loose),
    )
    pairs = pairs.filter(same)
    first = _month_day(pairs.acquired_on, pairs)
    until: Any = ibis.ifelse(
        pairs.lost_on.isnull(), pairs.last.day().cast("int64") + 1, _month_day(pairs.lost_on, pairs)
    )
    return pairs.select(
        "receipt_id", "month", "last", "acquired_on", "lost_on", cover=_bits(first, until - 1)
    )


def _treated(view: View, receipts: Expression) -> Expression:
    """receipt_id → bits of its treated days, as far as its lines tell, of the given receipts only."""
    pieces = []
    for name in (*_DETAILS, "record"):
        lines = view.table(name)
        lines = lines.filter(lines.valid & lines.day_mask.notnull() & lines.month.isin(list(view.months)))
        if name == "record":
            lines = lines.filter(lines.record_type == "JD")
        pieces.append(lines.select("receipt_id", bits=lines.day_mask.cast("int64")))
    given = view.table("dispensing")
    given = given.filter(given.valid & given.month.isin(list(view.months)))
    given = given.filter(given.dispensed_on.truncate("M").cast("date") == given.month)
    day = given.dispensed_on.day().cast("int64")
    pieces.append(given.select("receipt_id", bits=_bits(day, day)))
    every: Any = reduce(lambda a, b: a.union(b), [p.semi_join(receipts, "receipt_id") for p in pieces])
    return every.group_by("receipt_id").aggregate(treated=every.bits.bit_or())


def _judged(view: View, candidates: Expression) -> Expression:
    """Per claim of a known person: its treated days, and why they are not covered (NULL when they are)."""
    one = ibis.literal(1, "int64")
    length = candidates["last"].day().cast("int64")
    spanned = candidates.mutate(month_bits=_bits(one, length))
    claims = spanned.group_by("receipt_id", "month", "last", "month_bits").aggregate(
        whole=(spanned.cover == spanned.month_bits).any(),
        cover=spanned.cover.bit_or(),
        lost=spanned.lost_on.min(),
    )
    treated = _treated(view, claims.filter(~claims.whole))
    rows = beside(claims, treated, "receipt_id")
    rows = rows.mutate(
        days=rows.treated.nullif(0), following=(rows["last"] + ibis.interval(days=1)).cast("date")
    )
    lost_from = _bits(_month_day(rows.lost, rows), rows["last"].day().cast("int64"))
    rows = rows.mutate(
        lost_days=ibis.ifelse(rows.lost.isnull(), 0, lost_from), uncovered=rows.days & ~rows.cover
    )
    none_covered = (rows.days & rows.cover) == 0
    dated = ibis.cases(
        (rows.uncovered == 0, ibis.null("string")),
        (none_covered & ((rows.days & ~rows.lost_days) == 0), "after_loss"),
        (~none_covered & ((rows.uncovered & rows.lost_days) != 0), "partly_after_loss"),
        else_="before_acquisition",
    )
    undated = ibis.cases(
        (rows.cover != 0, ibis.null("string")),
        (rows.lost <= rows.month, "after_loss"),
        else_="before_acquisition",
    )
    return rows.select(
        "receipt_id",
        "days",
        uncovered_reason=ibis.cases(
            (rows.whole, ibis.null("string")), (rows.days.isnull(), undated), else_=dated
        ),
    )


def _belonging(candidates: Expression, judged: Expression) -> Expression:
    """receipt_id → the acquisition day of the span the claim belongs to.

    The latest span that covers a treated day, else the latest acquired by the month's end, else the latest.
    """
    rows = candidates.join(judged.select("receipt_id", "days"), "receipt_id")
    reaches = ibis.coalesce(rows.days, rows.cover) & rows.cover
    grouped = rows.group_by("receipt_id").aggregate(
        reaching=rows.acquired_on.max(where=reaches != 0),
        begun=rows.acquired_on.max(where=rows.acquired_on <= rows["last"]),
        latest=rows.acquired_on.max(),
    )
    return grouped.select(
        "receipt_id", acquired_on=ibis.coalesce(grouped.reaching, grouped.begun, grouped.latest)
    )


@derivation(table=MEMBER_RECEIPT)
def member_receipt(view: View) -> Expression:
    """One row per valid receipt: whose it is, or why that cannot be said."""
    found = view.stage("found", _found(view, _claims(view)))
    candidates = view.stage("candidates", _candidates(view, found))
    judged = view.stage("judged", _judged(view, candidates))
    rows = beside(found, judged.drop("days"), "receipt_id")
    rows = beside(rows, _belonging(candidates, judged), "receipt_id")
    span = spans(view).select("branch", "acquired_on", "kind", "workplace", who="member_id")
    rows = beside(rows, span, "branch", "who", "acquired_on")
    where = workplaces(view).select("branch", "workplace", "industry", "industry_section")
    rows = beside(rows, where, "branch", "workplace")
    rows = rows.mutate(home_of=ibis.ifelse(rows.acquired_on.notnull(), rows.who, ibis.null("string")))
    rows = beside(rows, people(view).select("branch", "residence", home_of="member_id"), "branch", "home_of")
    return rows.mutate(
        member_id=rows.who,
        reason=ibis.cases(
            (rows.step.isnull(), "unregistered"),
            (rows.step.isin([_CARD, _PERSON]), "number_error"),
            (~rows.alone, "ambiguous"),
            else_=rows.uncovered_reason,
        ),
    )
