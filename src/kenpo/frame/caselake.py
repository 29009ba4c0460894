"""Cases in the lake (案件データ): what staff did, brought back from the office as a snapshot that measures can use.

The snapshot stands in the manifest as one input file that takes the place of the one before, in one transaction; a reader
sees all of the old or all of the new. It has a version of its own: figures made of cases are marked as older data once it
changes, and whatever is made of receipts and membership alone is not.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum

import polars as pl

from kenpo.base.branches import BRANCH_CODES
from kenpo.base.errors import NotLoaded
from kenpo.frame.casekind import Role
from kenpo.frame.cases.events import JAPAN, What
from kenpo.lake import FileEntry, Lake, Part, write_part
from kenpo.lake.schema import Table
from kenpo.lake.tables.cases import OFFICE_CASE, OFFICE_EVENT, SNAPSHOT, TABLES

_BLOCK = 200_000
_PLAIN = re.compile("[0-9A-Za-z_-]+")
_FORM = hashlib.sha256("".join(t.duckdb_columns() for t in TABLES).encode()).hexdigest()[:6]
"""Changes with the columns of the tables, so that a snapshot of another form is not read as one of this."""

_FILE_ID = f"{SNAPSHOT}-{_FORM}"


def store_cases(
    lake: Lake, cases: pl.DataFrame, events: Iterable[pl.DataFrame], *, as_of: datetime
) -> FileEntry:
    """Put a snapshot of the office's cases in the place of the one before, under the lake's write lock.

    cases: rows of office_case, events: frames of rows of office_event in any number, both without their lineage, which is
    made here: the row's place in the snapshot. as_of: when the snapshot was taken, aware. Events are written as they come,
    so only one frame of them is in memory. The same rows in the same frames give the same version.

    Raises LakeError when another process is writing, and ValueError for what only a fault of the program can give: an
    undeclared column, NULL where it is not allowed, text where a code belongs, a case twice, an event of no case, a time
    without a time zone. After an error the lake is as before.
    """
    if as_of.tzinfo is None:
        raise ValueError("a snapshot needs the time with its time zone")
    began, stem = time.monotonic(), f"{SNAPSHOT}-{secrets.token_hex(6)}"
    with lake.writing():
        known = cases["case_id"]
        if known.n_unique() != known.len():
            raise ValueError("office_case: a case stands twice")
        parts = [
            *_written(lake, OFFICE_CASE, [cases], stem),
            *_written(lake, OFFICE_EVENT, _of(known, events), stem),
        ]
        digest = hashlib.sha256(_FORM.encode())
        for part in parts:
            with (lake.root / part.path).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        rows = sum(p.rows for p in parts)
        entry = FileEntry(
            file_id=_FILE_ID,
            number=lake.file_number(digest.hexdigest()),
            name=f"案件データ（{as_of.astimezone(JAPAN):%Y-%m-%d %H:%M} 時点）",
            sha256=digest.hexdigest(),
            size=sum(p.bytes for p in parts),
            format=SNAPSHOT,
            kind=OFFICE_CASE.name,
            edition=as_of.astimezone(JAPAN).date(),
            lines=rows,
            rows=rows,
            rejects=0,
            receipts=0,
            points=0,
            loaded_at=as_of.isoformat(),
            seconds=f"{time.monotonic() - began:.3f}",
        )
        lake.commit(entry, parts, replaces=[f.file_id for f in lake.files() if f.format == SNAPSHOT])
    return entry


def _of(known: pl.Series, events: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The frames of events, each checked to be of cases that are known."""
    for frame in events:
        if not frame["case_id"].is_in(known.implode()).all():
            raise ValueError("office_event: an event of a case that is not in the snapshot")
        yield frame


def _written(lake: Lake, table: Table, frames: Iterable[pl.DataFrame], stem: str) -> Iterator[Part]:
    line, number = 1, 0
    for frame in frames:
        for block in frame.iter_slices(_BLOCK):
            _check(table, block)
            lines = pl.int_range(line, line + block.height, eager=True)
            lineage = {"source_file": pl.lit(_FILE_ID), "source_line": lines}
            yield from write_part(lake.root, table, block.with_columns(**lineage), f"{stem}-{number:05d}")
            line, number = line + block.height, number + 1


def _check(table: Table, frame: pl.DataFrame) -> None:
    """Raise ValueError for text where a code belongs, so that nothing anybody typed comes into the lake.

    The message names the column and not the text, which may be a name.
    """
    allowed: dict[str, Iterable[str]] = {c.name: c.codes for c in table if c.codes}
    allowed |= {"branch": BRANCH_CODES, **{name: _codes(of) for name, of in (("role", Role), ("what", What))}}
    wrong = [c for c, codes in allowed.items() if c in frame.columns and not _within(frame[c], codes)]
    wrong += [
        c.name for c in table if c.pattern and c.name in frame.columns and not _fits(frame[c.name], c.pattern)
    ]
    if "subject" in frame.columns:
        symbols = frame.filter(pl.col("subject_kind") != "workplace")["subject"]
        wrong += [] if _fits(symbols, _PLAIN.pattern) else ["subject"]
    if wrong:
        raise ValueError(f"{table.name}: not a code in {', '.join(dict.fromkeys(wrong))}")


def _codes(of: type[StrEnum]) -> list[str]:
    return [str(one) for one in of]


def _within(values: pl.Series, codes: Iterable[str]) -> bool:
    return bool(values.drop_nulls().is_in(list(codes)).all())


def _fits(values: pl.Series, pattern: str) -> bool:
    return bool(values.drop_nulls().str.contains(f"^(?:{pattern})$").all())


def snapshot_of(lake: Lake) -> FileEntry | None:
    """The snapshot of cases in the lake, None when there is none that can be read."""
    return next((f for f in lake.files() if f.file_id == _FILE_ID), None)


def cases_as_of(lake: Lake) -> datetime | None:
    """When the snapshot of cases was taken, None without one."""
    entry = snapshot_of(lake)
    return datetime.fromisoformat(entry.loaded_at) if entry else None


def cases_version(lake: Lake) -> str:
    """A short text that changes whenever the snapshot's rows do; empty without one."""
    entry = snapshot_of(lake)
    return entry.sha256[:12] if entry else ""


def require_cases(lake: Lake) -> datetime:
    """When the snapshot of cases was taken. Raises NotLoaded without one."""
    as_of = cases_as_of(lake)
    if as_of is None:
        raise NotLoaded(
            "案件データが取り込まれていないため計算していません。",
            todo="案件データは、案件の台帳から毎日取り込まれます。取り込まれてから「kenpo refresh」を実行してください。",
        )
    return as_of
