"""The snapshot (案件データ): cases flow back into the lake, so that figures and the next lists can use what was done.

Branch by branch, each in its own context, PostgreSQL reckons the rows and streams them out; nothing but ids, codes and
days leaves it. An event is taken along when its case was already so far when the cases were read, so that the two tables
agree whatever is done meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from io import BytesIO
from typing import Any

import polars as pl
from django.conf import settings
from django.db import connection
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from kenpo.base.branches import BRANCH_CODES
from kenpo.base.errors import LakeError
from kenpo.catalogue import CASEKINDS
from kenpo.frame.caselake import store_cases
from kenpo.frame.cases import CaseClock, Effect
from kenpo.lake import Lake
from kenpo.office.acting import system

log = logging.getLogger("kenpo.snapshot")

_BLOCK = 16 * 2**20
"""Bytes of CSV that are read at once."""


@dataclass(frozen=True)
class Report:
    """What a snapshot took along."""

    as_of: datetime
    cases: int
    controls: int
    events: int
    version: str


def run() -> Report:
    """Take a snapshot of the cases of all branches into the lake, in the place of the one before.

    Raises LakeError when there is no lake or another process is writing to it; the snapshot before then stays.
    """
    lake, as_of = Lake.open(settings.CONFIG.lake), timezone.now()
    rows = pl.concat([rows_of(branch, timezone.localdate(as_of)) for branch in BRANCH_CODES])
    cases = rows.drop("sequence")
    controls = cases.filter(pl.col("arm") == "control").height
    entry = store_cases(lake, cases, events_of(BRANCH_CODES, rows), as_of=as_of)
    report = Report(as_of, cases.height - controls, controls, entry.rows - cases.height, entry.sha256[:12])
    log.info("snapshot taken: %d cases, %d controls, %d events", report.cases, report.controls, report.events)
    return report


@app.periodic(cron="0 17 * * *")  # UTC: 午前2時 in Japan
@app.task(
    name="kenpo.snapshot",
    queueing_lock="kenpo.snapshot",
    lock="kenpo.snapshot",
    retry=RetryStrategy(max_attempts=12, wait=600, retry_exceptions={LakeError}),
)
def snapshot_job(timestamp: int) -> None:
    """Take a snapshot every night; while a load writes to the lake, try again every ten minutes."""
    if settings.CONFIG.lake.exists():
        run()


# ---- cases -------------------------------------------------------------------------------------------------------

_CASES = """
select c.id, c.branch, c.kind, c.subject, 'case',
  case when c.origin ? 'worklist' then c.origin->>'reason' end, c.origin->>'worklist', c.origin->>'month',
  c.state, c.received_on, c.due, c.ended_on, (c.opened_at at time zone 'Asia/Tokyo')::date, c.priority,
  coalesce(e.letters, 0), e.first_letter_on, coalesce(e.came_back, 0), e.allowed, e.clock, c.sequence
from office_case c left join (
  select o."case",
    count(*) filter (where o.what = 'letter_sent') letters,
    min(p.said->>'on') filter (where o.what = 'letter_sent') first_letter_on,
    count(*) filter (where o.what = 'letter_returned') came_back,
    max((p.said->>'deadline_days')::int) filter (where o.what = 'opened') allowed,
    string_agg(
      case o.what when 'undone' then 'undone' else (p.said->>'clock') || ' ' || coalesce(p.said->>'on', p.said->>'received_on') end,
      ',' order by o.sequence) filter (where o.what in ('opened', 'moved', 'undone')) clock
  from office_event o cross join lateral (select o.payload::jsonb said offset 0) p
  where o.branch = %(branch)s and o.what in ('opened', 'moved', 'undone', 'letter_sent', 'letter_returned')
  group by o."case"
) e on e."case" = c.id
where c.branch = %(branch)s
union all
select k.id, k.branch, k.kind, k.subject, 'control',
  k.origin->>'reason', k.origin->>'worklist', k.origin->>'month',
  null, k.held_on, null, null, k.held_on, (k.origin->>'priority')::int, 0, null, 0, null, null, null
from office_control k
where k.branch = %(branch)s and not exists (select from office_case c where c.id = k.id)
order by 1
"""
_CASE_COLUMNS = {
    "case_id": pl.String,
    "branch": pl.String,
    "kind": pl.String,
    "subject": pl.String,
    "arm": pl.String,
    "reason": pl.String,
    "worklist": pl.String,
    "list_month": pl.Date,
    "state": pl.String,
    "received_on": pl.Date,
    "due_on": pl.Date,
    "ended_on": pl.Date,
    "opened_on": pl.Date,
    "priority": pl.Int32,
    "letters": pl.Int32,
    "first_letter_on": pl.Date,
    "returned": pl.Int32,
    "allowed": pl.Int32,
    "clock": pl.String,
    "sequence": pl.Int32,
}


def rows_of(branch: str, today: date) -> pl.DataFrame:
    """The cases and controls of a branch as rows of office_case, with the sequence each case had reached.

    Who was held out and later has a case all the same is there once, as a case.
    """
    with system(branch):
        frames = list(_copied(_CASES, {"branch": branch}, _CASE_COLUMNS))
    rows = pl.concat(frames) if frames else pl.DataFrame(schema=_CASE_COLUMNS)
    clocks = _clocks(rows.select("allowed", "clock").drop_nulls("clock").unique(), today)
    subjects = {kind.id: str(kind.subject) for kind in CASEKINDS.values()}
    return rows.join(
        clocks, on=["allowed", "clock"], how="left", nulls_equal=True, maintain_order="left"
    ).select(
        "case_id",
        "branch",
        "kind",
        pl.col("kind").replace_strict(subjects, default="none", return_dtype=pl.String).alias("subject_kind"),
        pl.when(pl.col("kind").is_in(list(subjects))).then("subject").alias("subject"),
        "arm", "reason", "worklist", "list_month", "state", "received_on", "due_on", "ended_on", "opened_on",
        "priority", "letters", "first_letter_on",
        pl.col("returned") > 0,
        "days_used", "overdue", "sequence",
    )  # fmt: skip


def _clocks(histories: pl.DataFrame, today: date) -> pl.DataFrame:
    """Days used and overdue of every history of a clock there is; thousands of cases that went alike share one."""
    clocks = [_clock(allowed, text) for allowed, text in histories.iter_rows()]
    return histories.with_columns(
        days_used=pl.Series([c.used(today) for c in clocks], dtype=pl.Int32),
        overdue=pl.Series([c.overdue(today) for c in clocks], dtype=pl.Boolean),
    )


def _clock(allowed: int | None, text: str) -> CaseClock:
    """The clock of a case from the effects of its moves; one that was undone takes back the last that stands."""
    effects: list[tuple[Effect, date]] = []
    for said in text.split(","):
        if said == "undone":
            effects.pop()
        else:
            effect, on = said.split()
            effects.append((Effect(effect), date.fromisoformat(on)))
    return reduce(lambda clock, one: clock.after(*one), effects, CaseClock(allowed))


# ---- events ------------------------------------------------------------------------------------------------------

_EVENTS = """
select o."case", o.sequence, o.branch, o.kind, o.what,
  coalesce(p.said->>'on', p.said->>'received_on', (o."when" at time zone 'Asia/Tokyo')::date::text),
  (extract(epoch from o."when") * 1000000)::bigint,
  nullif(o.role, ''), p.said->>'move',
  case o.what when 'opened' then p.said->>'state' when 'moved' then p.said->>'to'
    when 'undone' then (select u.payload::jsonb->>'from' from office_event u
      where u."case" = o."case" and u.sequence = (p.said->>'undoes')::int) end,
  p.said->>'letter'
from office_event o cross join lateral (select o.payload::jsonb said offset 0) p
where o.branch = %(branch)s
order by o."case", o.sequence
"""
_EVENT_COLUMNS = {
    "case_id": pl.String,
    "sequence": pl.Int32,
    "branch": pl.String,
    "kind": pl.String,
    "what": pl.String,
    "on": pl.Date,
    "at": pl.Int64,
    "role": pl.String,
    "move": pl.String,
    "state_to": pl.String,
    "letter": pl.String,
}


def events_of(branches: Collection[str], rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The events of some branches as frames of rows of office_event, as far as the cases of rows had reached."""
    reached = rows.select("case_id", "branch", "sequence").drop_nulls("sequence")
    for branch in branches:
        seen = reached.filter(pl.col("branch") == branch).select("case_id", reached="sequence")
        if seen.is_empty():
            continue
        with system(branch):
            for frame in _copied(_EVENTS, {"branch": branch}, _EVENT_COLUMNS):
                known = frame.join(seen, on="case_id", maintain_order="left")
                yield known.filter(pl.col("sequence") <= pl.col("reached")).select(
                    pl.exclude("reached", "at"),
                    pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC"),
                )


# ---- streaming ---------------------------------------------------------------------------------------------------


def _copied(query: str, values: dict[str, Any], columns: dict[str, Any]) -> Iterator[pl.DataFrame]:
    """The rows of a query as frames, streamed in blocks of whole lines; no value holds a line break."""
    with connection.cursor() as cursor:
        held = bytearray()
        with cursor.copy(f"copy ({query}) to stdout (format csv)", values) as lines:  # type: ignore[attr-defined]
            for line in lines:
                held += line
                if len(held) >= _BLOCK and held.endswith(b"\n"):
                    yield _read(held, columns)
                    held = bytearray()
        if held:
            yield _read(held, columns)


def _read(block: bytearray, columns: dict[str, Any]) -> pl.DataFrame:
    return pl.read_csv(BytesIO(block), has_header=False, schema=columns)
