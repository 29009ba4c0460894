"""What does not fit in the membership (資格データの不整合): rows that were taken in and must be looked at."""

from __future__ import annotations

from functools import reduce
from typing import Any

import ibis

from kenpo.foundation.eligibility.members import people, spans, workplaces
from kenpo.foundation.eligibility.rules import ELDERLY_AGE, PREVIOUS_MONTHS, VOLUNTARY_YEARS
from kenpo.frame.columns import anniversary, beside, day_after
from kenpo.frame.derivation import derivation
from kenpo.frame.view import View
from kenpo.lake import Expression
from kenpo.lake.tables.derived import MEMBERSHIP_FAULT

_OPEN = "9999-12-31"


def _end(rows: Expression) -> Expression:
    return rows.lost_on.fill_null(ibis.date(_OPEN))


def _fault(rows: Expression, code: str, day: Expression) -> Expression:
    return rows.select(
        "source_file",
        "source_line",
        "branch",
        "member_id",
        "workplace",
        found_in=ibis.literal("enrolment"),
        code=ibis.literal(code),
        day=day,
    )


def _islands(rows: Expression, *keys: str) -> Expression:
    """Spans without a gap between them as one: the keys, start, and end (9999-12-31 when it goes on).

    rows: spans with the keys, acquired_on and lost_on. A span that ends on the day it begins is none.
    """
    real = rows.mutate(end=_end(rows)).filter(lambda t: t.acquired_on < t.end)
    before = ibis.window(
        group_by=[real[k] for k in keys],
        order_by=[real.acquired_on, real.end],
        preceding=(None, 1),
    )
    marked = real.mutate(reached=real.end.max().over(before))
    fresh = ibis.ifelse(marked.reached.isnull() | (marked.acquired_on > marked.reached), 1, 0)
    marked = marked.mutate(fresh=fresh)
    up_to = ibis.window(
        group_by=[marked[k] for k in keys],
        order_by=[marked.acquired_on, marked.end],
        preceding=None,
        following=0,
    )
    numbered = marked.mutate(island=marked.fresh.sum().over(up_to))
    grouped = numbered.group_by(*keys, "island").aggregate(
        start=numbered.acquired_on.min(), end=numbered.end.max()
    )
    return grouped.drop("island")


def _overlapping(view: View) -> Expression:
    """The later of two spans of one member that share a day."""
    rows = spans(view)
    rows = rows.mutate(end=_end(rows))
    rows = rows.filter(rows.acquired_on < rows.end)
    window = ibis.window(
        group_by=rows.member_id,
        order_by=[rows.acquired_on, rows.branch, rows.source_file, rows.source_line],
        preceding=(None, 1),
    )
    rows = rows.mutate(reached=rows.end.max().over(window))
    return _fault(rows.filter(rows.reached > rows.acquired_on), "overlapping_spans", rows.acquired_on)


def _unknown(view: View) -> list[Expression]:
    """Enrolments whose workplace, or whose member, the lake does not hold."""
    rows = spans(view)
    working = rows.filter(~rows.voluntary)
    no_workplace = working.anti_join(workplaces(view), ["branch", "workplace"])
    no_member = rows.anti_join(people(view), ["branch", "member_id"])
    return [
        _fault(no_workplace, "unknown_workplace", no_workplace.acquired_on),
        _fault(no_member, "unknown_member", no_member.acquired_on),
    ]


def _dependents(view: View) -> list[Expression]:
    """Dependents without an insured person on the day they were recognised, or beyond that person's loss."""
    rows = spans(view)
    insured = rows.filter(rows.kind == "insured")
    dependent = rows.filter(rows.kind == "dependent")
    held = _islands(
        insured.select("branch", "card_key", "acquired_on", "lost_on", holder="member_id"),
        "branch",
        "holder",
        "card_key",
    )
    pairs = dependent.join(
        held,
        [
            dependent.branch == held.branch,
            dependent.insured_id == held.holder,
            held.start <= dependent.acquired_on,
            dependent.acquired_on < held.end,
        ],
    )
    reach = pairs.group_by("source_file", "source_line").aggregate(insured_until=pairs.end.max())
    keys = ["source_file", "source_line"]
    without = dependent.anti_join(reach, keys)
    beyond = dependent.join(reach, keys)
    beyond = beyond.filter(_end(beyond) > beyond.insured_until)
    return [
        _fault(without, "dependent_without_insured", without.acquired_on),
        _fault(beyond, "dependent_after_insured_loss", beyond.insured_until),
    ]


def _lives(view: View) -> list[Expression]:
    """Spans that go on after the death or the 75th birthday of their member."""
    rows = spans(view).join(
        people(view).select("branch", "member_id", "birth_date", "died_on"), ["branch", "member_id"]
    )
    limit = day_after(rows.died_on)
    dead = rows.filter(rows.died_on.notnull() & ((_end(rows) > limit) | (rows.acquired_on > rows.died_on)))
    birthday = anniversary(rows.birth_date, years=ELDERLY_AGE)
    aged = rows.mutate(birthday=birthday)
    aged = _of_branch_day(view, aged)
    aged = aged.filter((aged.birthday <= aged.latest) & (_end(aged) > aged.birthday))
    return [
        _fault(dead, "after_death", day_after(dead.died_on)),
        _fault(aged, "over_75", aged.birthday),
    ]


def _of_branch_day(view: View, rows: Expression) -> Expression:
    """Rows with the latest day (基準日) of their branch's enrolments."""
    days = view.keep(
        "branch days",
        lambda: view.table("enrolment").group_by("branch").aggregate(latest=lambda t: t.as_of.max()),
    )
    return rows.join(days, "branch")


def _places(view: View) -> list[Expression]:
    """Spans that begin before their workplace does, or go on after it closed."""
    where = workplaces(view).select("branch", "workplace", "applied_on", "closed_on")
    rows = _of_branch_day(view, spans(view).join(where, ["branch", "workplace"]))
    early = rows.filter(rows.acquired_on < rows.applied_on)
    until = rows.lost_on.fill_null(day_after(rows.latest))
    late = rows.filter(until > rows.closed_on)
    return [
        _fault(early, "acquired_before_workplace", early.acquired_on),
        _fault(late, "after_workplace_closed", late.closed_on),
    ]


def _voluntary(view: View) -> list[Expression]:
    """任意継続 of more than two years, or without two months insured right before it."""
    rows = spans(view)
    insured = rows.filter(rows.kind == "insured")
    voluntary = insured.filter(insured.voluntary)
    long = _of_branch_day(view, voluntary)
    long = long.mutate(ends_on=anniversary(long.acquired_on, years=VOLUNTARY_YEARS))
    long = long.filter((long.ends_on < long.latest) & (_end(long) > long.ends_on))
    at_work = insured.filter(~insured.voluntary)
    held = _islands(at_work.select("acquired_on", "lost_on", holder="member_id"), "holder")
    enough = held.mutate(from_day=anniversary(held.start, months=PREVIOUS_MONTHS))
    pairs = voluntary.join(
        enough,
        [
            voluntary.member_id == enough.holder,
            enough.from_day <= voluntary.acquired_on,
            voluntary.acquired_on <= enough.end,
        ],
    )
    short = voluntary.anti_join(pairs, ["source_file", "source_line"])
    return [
        _fault(long, "voluntary_over_2_years", long.ends_on),
        _fault(short, "voluntary_without_2_months", short.acquired_on),
    ]


def _unpaid(view: View) -> Expression:
    """Insured people at work without a standard remuneration from their month of acquisition on."""
    rows = spans(view)
    working = rows.filter((rows.kind == "insured") & ~rows.voluntary)
    paid = (
        view.current("remuneration")
        .group_by("branch", "member_id")
        .aggregate(newest=lambda t: t.from_month.max())
    )
    pairs = beside(working, paid, "branch", "member_id")
    begun = pairs.acquired_on.truncate("M").cast("date")
    lacking = pairs.filter(pairs.newest.isnull() | (pairs.newest < begun))
    return _fault(lacking, "no_remuneration", lacking.acquired_on)


@derivation(table=MEMBERSHIP_FAULT)
def membership_fault(view: View) -> Expression:
    """Every row of the membership that does not fit with another, once per kind of fault."""
    found = [
        _overlapping(view),
        *_unknown(view),
        *_dependents(view),
        *_lives(view),
        *_places(view),
        *_voluntary(view),
        _unpaid(view),
    ]
    every: Any = reduce(lambda a, b: a.union(b), found)
    return every
