"""Worklist (対象者リスト): a query over the lake that says whom or what to act on, why, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from kenpo.base.branches import NATION_CODE
from kenpo.base.errors import MeasureError
from kenpo.frame.months import data_months
from kenpo.frame.view import View
from kenpo.lake import Expression, Lake

REQUIRED = ("branch", "month", "source_file", "source_line", "reason", "priority")


@dataclass(frozen=True)
class Worklist:
    """A list of things to act on, declared once.

    id: stable English id. rows: a function from a view to the list, with the columns of REQUIRED and those to show.
    month is NULL for what belongs to no month; reason is a code of reasons; priority: 1 comes first. columns: column →
    Japanese heading of what is shown beside them. reasons: code → Japanese. parameters: ids of the law parameters read.
    """

    id: str
    title: str
    definition: str
    law: str
    rows: Callable[[View], Expression]
    columns: Mapping[str, str]
    reasons: Mapping[str, str]
    parameters: tuple[str, ...] = ()


def worklist(**declared: Any) -> Callable[[Callable[[View], Expression]], Worklist]:
    """Declare a function that returns a list as a worklist; its first docstring line is for developers."""

    def wrap(function: Callable[[View], Expression]) -> Worklist:
        return Worklist(id=function.__name__, rows=function, **declared)

    return wrap


def run(lake: Lake, worklist: Worklist, branch: str | None = None, month: date | None = None) -> pl.DataFrame:
    """The rows of a worklist as they stand now, first things first.

    branch: code, or None and 00 for all. month: only rows of that month and those of no month. Columns: branch, month,
    priority, reason, reason_label (Japanese), the worklist's columns, file (name) and source_line. Raises NotLoaded
    when the data is not in the lake, MeasureError when there is no data of the month.
    """
    months = data_months(lake)
    if month is not None and month not in months:
        span = f"{months[0]:%Y-%m}〜{months[-1]:%Y-%m}" if months else "なし"
        raise MeasureError(
            f"{month:%Y-%m} の「{worklist.title}」はありません。",
            todo=f"取込済みの月から選んでください：{span}",
        )
    listed = worklist.rows(View(lake, months if month is None else [month], cases=True))
    if branch not in (None, NATION_CODE):
        listed = listed.filter(listed.branch == branch)
    if month is not None:
        listed = listed.filter(listed.month.isnull() | (listed.month == month))
    file = lake.table("intake_file").select("file_id", file="name")
    joined = listed.left_join(file, listed.source_file == file.file_id)
    chosen = joined.select("branch", "month", "priority", "reason", *worklist.columns, "file", "source_line")
    rows = pl.DataFrame(pl.from_arrow(chosen.to_pyarrow()))
    said = pl.col("reason").replace_strict(dict(worklist.reasons), return_dtype=pl.String)
    ordered = rows.sort("priority", "branch", "month", "file", "source_line", "reason", nulls_last=True)
    return ordered.select(
        "branch",
        "month",
        "priority",
        "reason",
        said.alias("reason_label"),
        pl.exclude("branch", "month", "priority", "reason"),
    )
