"""A list of people and a kind of case opened from it, for the tests of openings; import only where Django is ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from kenpo.frame.casekind import CaseKind
from kenpo.frame.view import View
from kenpo.frame.worklist import Worklist
from kenpo.lake import Expression, Lake
from kenpo.strategy.generics.cases import NOTICE

MONTH = date(2025, 6, 1)
GONE = "f" * 32
"""Somebody nobody has heard of: no enrolment."""


class Saving(BaseModel):
    """What a case of the tests says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    saving: int = Field(title="軽減額（円）")


KIND: CaseKind = replace(
    NOTICE,
    id="toy_saving",
    title="試しの通知",
    content=Saving,
    contents=None,
    summary=lambda content: f"軽減額 {content.saving:,}円",
    page=None,
    worklist="toy_savings",
)


@dataclass(frozen=True)
class Row:
    """A row of the list: who, what is saved, in which branch and priority."""

    member: str
    saving: int
    priority: int
    branch: str = "35"


def listing(rows: Sequence[Row]) -> Worklist:
    """A worklist that holds these rows."""
    frame = pl.DataFrame(
        {
            "branch": [r.branch for r in rows],
            "month": [MONTH] * len(rows),
            "priority": [r.priority for r in rows],
            "reason": ["saves"] * len(rows),
            "member_id": [r.member for r in rows],
            "saving": [r.saving for r in rows],
            "source_file": ["x"] * len(rows),
            "source_line": list(range(1, len(rows) + 1)),
        },
        schema_overrides={
            "branch": pl.String,
            "month": pl.Date,
            "member_id": pl.String,
            "source_file": pl.String,
        },
    )

    def made(view: View) -> Expression:
        return view.memory(frame, "toy_savings")

    return Worklist(
        id="toy_savings",
        title="試しの対象者",
        definition="試験のためのリスト。",
        law="なし",
        rows=made,
        columns={"member_id": "加入者ID", "saving": "軽減額（円）"},
        reasons={"saves": "軽減額がある"},
    )


def enrolled(lake: Lake, branch: str) -> list[str]:
    """The members of a branch whose enrolment has no end, in a fixed order."""
    table = lake.table("enrolment")
    rows = pl.DataFrame(pl.from_arrow(table.select("branch", "member_id", "lost_on").to_pyarrow()))
    open_ended = rows.filter((pl.col("branch") == branch) & pl.col("lost_on").is_null())
    ended = rows.filter(pl.col("lost_on").is_not_null())
    return sorted(set(open_ended["member_id"]) - set(ended["member_id"]))


def people(lake: Lake, branch: str, count: int) -> list[Row]:
    """So many rows of people who are enrolled, the greatest saving first."""
    return [Row(m, 10_000 - n, n + 1, branch) for n, m in enumerate(enrolled(lake, branch)[:count])]


def declare(rows: Sequence[Row]) -> None:
    """Put kind and list into the catalogue of this process."""
    from kenpo.catalogue import CASEKINDS, WORKLISTS

    CASEKINDS[KIND.id] = KIND
    WORKLISTS["toy_savings"] = listing(rows)
