"""The months figures are computed for (集計する月): those of the receipts, or else those of the membership."""

from __future__ import annotations

from datetime import date, timedelta

from kenpo.base.fiscal import fy, fy_first_day, month_of, month_range
from kenpo.lake import Lake


def data_months(lake: Lake) -> list[date]:
    """Every month from the first to the last treatment month in the lake.

    Without receipts, the months of the fiscal year in which the membership stands: from April to the last month that
    is over on its latest day (基準日), so that a load of 2024-10-01 gives April to September and one of 2024-04-10 the
    whole year before.
    """
    months = sorted(
        {date.fromisoformat(p.path.split("month=")[1][:7] + "-01") for p in lake.parts("receipt")}
    )
    if months:
        return list(month_range(months[0], months[-1]))
    day = membership_day(lake)
    if day is None:
        return []
    last = month_of(month_of(day + timedelta(days=1)) - timedelta(days=1))
    return list(month_range(fy_first_day(fy(last)), last))


def membership_day(lake: Lake) -> date | None:
    """The latest day (基準日) of the enrolments in the lake, or None without any."""
    if not lake.parts("enrolment"):
        return None
    return lake.table("enrolment").as_of.max().to_pyarrow().as_py()
