"""Who is a member on the last day of a month (加入者月), and which workplaces are in force (事業所月)."""

from __future__ import annotations

from datetime import date

import ibis
import polars as pl

from kenpo.base.errors import ParameterError
from kenpo.base.fiscal import fy, fy_last_day, month_end
from kenpo.frame.columns import age_at, beside
from kenpo.frame.derivation import derivation
from kenpo.frame.view import View
from kenpo.lake import Expression
from kenpo.lake.tables.derived import MEMBER_MONTH, WORKPLACE_MONTH
from kenpo.law.remuneration import grades


def enrolled(spans: Expression, day: Expression) -> Expression:
    """Whether a day is covered (資格がある): from 資格取得年月日 to the day before 資格喪失年月日."""
    return (spans.acquired_on <= day) & (spans.lost_on.isnull() | (day < spans.lost_on))


def people(view: View) -> Expression:
    """What holds now of the members, computed once: branch, member_id, birth, sex, residence, マイナンバー."""
    return view.keep(
        "people",
        lambda: view.current("member").select(
            "branch",
            "member_id",
            "birth_date",
            "sex",
            "mynumber",
            "mynumber_on",
            "died_on",
            residence="municipality",
        ),
    )


def workplaces(view: View) -> Expression:
    """What holds now of the workplaces, computed once."""
    return view.keep(
        "workplaces",
        lambda: view.current("workplace").select(
            "source_file",
            "source_line",
            "branch",
            "industry",
            "industry_section",
            "municipality",
            "applied_on",
            "closed_on",
            workplace="symbol",
        ),
    )


def spans(view: View) -> Expression:
    """What holds now of the enrolments (資格の期間), computed once."""
    return view.keep("spans", lambda: view.current("enrolment"))


def _standards(view: View) -> Expression:
    """Every standard remuneration of a member with the months it applies to: from_month up to, not with, until."""
    rows = view.current("remuneration").select("branch", "member_id", "from_month", "standard")
    later = rows.from_month.lead().over(
        ibis.window(group_by=[rows.branch, rows.member_id], order_by=rows.from_month)
    )
    return rows.mutate(until=later)


def _grades(view: View) -> Expression:
    """The grade of each standard remuneration in each month of the view; none before the first table of the law."""
    rows = []
    for month in view.months:
        try:
            rows += [(month, g.standard, g.grade) for g in grades(month)]
        except ParameterError:
            continue
    schema = {"month": pl.Date, "standard": pl.Int64, "grade": pl.Int16}
    return view.memory(pl.DataFrame(rows, schema=schema, orient="row"), "grades")


def _fiscal_year_end(month: date) -> date:
    return fy_last_day(fy(month))


@derivation(table=MEMBER_MONTH, parameters=("standard_monthly_remuneration",))
def member_month(view: View) -> Expression:
    """One row per member and month: enrolled on its last day, each once even when spans overlap."""
    calendar = view.calendar(
        last=[month_end(m) for m in view.months], fy_end=[_fiscal_year_end(m) for m in view.months]
    )
    pairs = spans(view).cross_join(calendar)
    covering = pairs.filter(enrolled(pairs, pairs.last))
    order = [
        covering.acquired_on.desc(),
        ibis.ifelse(covering.kind == "insured", 0, 1),
        covering.branch,
        covering.source_file,
        covering.source_line,
    ]
    place = ibis.row_number().over(ibis.window(group_by=[covering.month, covering.member_id], order_by=order))
    ranked = covering.mutate(place=place)
    once = ranked.filter(ranked.place == 0).drop("place")
    who = people(view).drop("died_on")
    joined = beside(once, who, "branch", "member_id")
    where = workplaces(view).select("branch", "workplace", "industry", "industry_section")
    joined = beside(joined, where, "branch", "workplace")
    paid = view.keep("standards", lambda: _standards(view)).cross_join(calendar.select("month"))
    paid = paid.filter((paid.from_month <= paid.month) & (paid.until.isnull() | (paid.month < paid.until)))
    paid = paid.select("branch", "member_id", "month", kind=ibis.literal("insured"), standard="standard")
    joined = beside(joined, paid, "branch", "member_id", "month", "kind")
    graded = beside(joined, _grades(view), "month", "standard")
    in_force = graded.mynumber & (graded.mynumber_on.isnull() | (graded.mynumber_on <= graded.last))
    return graded.mutate(
        age=age_at(graded.birth_date, graded.last),
        fy_end_age=age_at(graded.birth_date, graded.fy_end),
        mynumber=in_force.fill_null(False),
    )


@derivation(table=WORKPLACE_MONTH)
def workplace_month(view: View) -> Expression:
    """One row per workplace and month: in force on its last day, with its insured and dependents."""
    calendar = view.calendar(last=[month_end(m) for m in view.months])
    pairs = workplaces(view).cross_join(calendar)
    open_then = (pairs.applied_on <= pairs.last) & (pairs.closed_on.isnull() | (pairs.last < pairs.closed_on))
    member = view.table("member_month")
    working = member.filter(~member.voluntary & member.workplace.notnull())
    counted = working.group_by("month", "branch", "workplace").aggregate(
        insured=(working.kind == "insured").sum(), dependents=(working.kind == "dependent").sum()
    )
    joined = beside(pairs.filter(open_then), counted, "month", "branch", "workplace")
    return joined.mutate(insured=joined.insured.fill_null(0), dependents=joined.dependents.fill_null(0))
