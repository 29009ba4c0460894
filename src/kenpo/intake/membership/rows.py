"""One block of a membership file → the stored rows, what is rejected, what is flagged (資格の行). What a worker runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from kenpo.base.industries import SECTION_OF
from kenpo.intake.identity import folded_kana, identity_keys, identity_texts, member_ids
from kenpo.intake.membership.files import Layout
from kenpo.intake.membership.rules import FLAGS, REASONS, check
from kenpo.intake.tabular import cells, lines
from kenpo.intake.tabular.findings import Findings
from kenpo.intake.tabular.workbook import SheetRows
from kenpo.lake.schema import Column, Delivery
from kenpo.lake.store import Part, write_part
from kenpo.lake.tables.intake import INTAKE_FLAG, INTAKE_REJECT

_FOR_KEYS = (
    "insurer_number",
    "person_number",
    "insured_person_number",
    "symbol",
    "number",
    "branch_no",
)
_FOR_PERSON_KEY = ("birth_date", "sex", "kana")
_MEMBER_NUMBER = "加入者番号"


@dataclass(frozen=True)
class Task:
    """A block and what must be known of its file. rows: lines of a CSV, or rows of a sheet."""

    rows: lines.Block | SheetRows
    layout: Layout
    file_id: str
    key: bytes


@dataclass
class Parsed:
    """A block read: the rows that are sound, rejects and flags (without source_file), and how many rows there were."""

    frame: pl.DataFrame
    rejects: pl.DataFrame
    flags: pl.DataFrame
    lines: int

    @property
    def rejected(self) -> int:
        """Rows that were rejected."""
        return self.lines - self.frame.height


@dataclass(frozen=True)
class Written:
    """A block read and written. keys: line and hash of the key of every row kept, to find rows that stand twice."""

    lines: int
    rejected: int
    stem: str
    parts: list[Part]
    keys: pl.DataFrame


def work(task: Task, root: Path, stem: str) -> Written:
    """Parse a block and write its rows under the lake's root; the parts do not count until they are committed."""
    parsed = parse(task)
    table = task.layout.headed.delivery.table
    stamp = pl.lit(task.file_id).alias("source_file")
    parts = [
        part
        for into, frame in (
            (table, parsed.frame),
            (INTAKE_REJECT, parsed.rejects),
            (INTAKE_FLAG, parsed.flags),
        )
        for part in write_part(root, into, frame.with_columns(stamp), stem)
    ]
    keys = parsed.frame.select("source_line", hash=parsed.frame.select(table.key).hash_rows(seed=0))
    return Written(parsed.lines, parsed.rejected, stem, parts, keys)


def parse(task: Task) -> Parsed:
    """Read a block into rows of the table, without source_file."""
    read = sound(task)
    delivery = task.layout.headed.delivery
    return replace(read, frame=_stored(read.frame, delivery, task.layout, task.key))


def sound(task: Task, more: Sequence[str] = ()) -> Parsed:
    """Read a block. Every row that is not blank is either in frame or has its line in rejects, never both.

    frame: source_line, branch, every column that is read in its type, and the texts of more of the delivery's columns;
    NULL where the file does not have the column.
    """
    layout = task.layout
    delivery = layout.headed.delivery
    findings = Findings(REASONS, FLAGS)
    text, count = _texts(task, findings, more)
    typed = _typed(text, delivery, findings, full=layout.full)
    extra = [
        text[name] if name in text.columns else pl.Series(name, [None] * text.height, dtype=pl.String)
        for name in more
        if name not in typed.columns
    ]
    frame = check(typed.with_columns(extra), delivery, layout.as_of, findings)
    rejects = findings.rejects()
    kept = frame.join(rejects, on="source_line", how="anti", maintain_order="left")
    flags = findings.flags().join(rejects, on="source_line", how="anti", maintain_order="left")
    return Parsed(kept, rejects, flags, count)


def without_twice(root: Path, layout: Layout, written: list[Written], file_id: str) -> tuple[list[Part], int]:
    """Take rows out whose key an earlier row of the file has; returns the file's parts, and how many rows these were.

    The parts that held such rows are written again; a reject names the earlier line.
    """
    table = layout.headed.delivery.table
    parts = [part for block in written for part in block.parts]
    keys = pl.concat([block.keys for block in written])
    ordered = np.sort(keys["hash"].to_numpy())
    if not (ordered[1:] == ordered[:-1]).any():
        return parts, 0
    first = keys.with_columns(first=pl.col("source_line").min().over("hash"))
    later = first.filter(pl.col("source_line") != pl.col("first")).sort("source_line")
    for block in written:
        if block.keys.join(later, on="source_line", how="semi").is_empty():
            continue
        for part in [p for p in block.parts if p.table == table.name]:
            whole = pl.read_parquet(root / part.path)
            rest = whole.join(later, on="source_line", how="anti", maintain_order="left")
            parts.remove(part)
            parts += write_part(root, table, rest, block.stem)
    titles = "・".join(
        _MEMBER_NUMBER if column == "member_id" else table[column].title
        for column in table.key
        if column != "branch"
    )
    rejects = later.select(
        "source_line",
        pl.lit(file_id).alias("source_file"),
        pl.lit(titles).alias("field"),
        pl.lit("duplicate_key").alias("reason"),
        pl.format("{}：{}行目と同じ。{}", pl.lit(titles), "first", pl.lit(REASONS["duplicate_key"])).alias(
            "message"
        ),
    )
    return parts + write_part(root, INTAKE_REJECT, rejects, f"{file_id}-twice"), later.height


def _texts(task: Task, findings: Findings, more: Sequence[str]) -> tuple[pl.DataFrame, int]:
    """source_line and the wanted columns as text of every row with the right number of fields; rows in all."""
    headed = task.layout.headed
    wanted = {*more, *(c.name for c in _read(headed.delivery))}
    at = {name: position for name, position in headed.at.items() if name in wanted}
    if isinstance(task.rows, SheetRows):
        wide = task.rows.fields > headed.width
        findings.reject(task.rows.line.filter(wide), "column_count")
        text = task.rows.text.select(list(at)).with_columns(source_line=task.rows.line).filter(~wide)
        return text, len(task.rows.line)
    data = task.rows.data
    found = lines.split(data)
    line = pl.Series(found.line + task.rows.first_line, dtype=pl.Int64)
    uneven = ~found.blank & ~found.misquoted & (found.fields != headed.width)
    findings.reject(line.filter(pl.Series(found.misquoted)), "bad_quotes")
    findings.reject(line.filter(pl.Series(uneven)), "column_count")
    good = ~found.blank & ~found.misquoted & ~uneven
    text = lines.texts(data, found, good, task.layout.encoding, at)
    return text.with_columns(source_line=line.filter(pl.Series(good))), int(np.count_nonzero(~found.blank))


def _read(delivery: Delivery) -> list[Column]:
    """The delivery's columns that are stored or go into a key; names and addresses are not among them."""
    names = {*delivery.table.names, *_FOR_KEYS}
    if "person_key" in delivery.table.names:
        names |= {*_FOR_PERSON_KEY}
    return [c for c in delivery.columns if c.name in names]


def _typed(text: pl.DataFrame, delivery: Delivery, findings: Findings, *, full: bool) -> pl.DataFrame:
    """Every column that is read in its type, absent ones NULL; unreadable and missing values are rejected."""
    line = text["source_line"]
    out = {"source_line": line}
    for column in _read(delivery):
        if column.name == "change" and full:
            continue
        raw = (
            text[column.name]
            if column.name in text.columns
            else pl.Series(column.name, [None] * text.height, dtype=pl.String)
        )
        value = cells.read(column, raw)
        unreadable = raw.is_not_null() & value.is_null()
        if unreadable.any():
            reason = "bad_code" if column.codes else cells.REASON[column.type]
            shown = raw.filter(unreadable) if _may_be_quoted(column) else None
            findings.reject(line.filter(unreadable), reason, column.title, shown)
        if column.required and raw.null_count():
            findings.reject(line.filter(raw.is_null()), "missing", column.title)
        if column.name == "insured_person_number":
            out["insured_unreadable"] = unreadable
        out[column.name] = value.alias(column.name)
    return pl.DataFrame(out)


def _may_be_quoted(column: Column) -> bool:
    return not column.private and column.name != "birth_date" and bool(column.codes or column.type == "date")


def _stored(frame: pl.DataFrame, delivery: Delivery, layout: Layout, key: bytes) -> pl.DataFrame:
    """The rows of the table that intake makes of checked rows, without source_file."""
    table = delivery.table
    out = frame.with_columns(as_of=pl.lit(layout.as_of), full=pl.lit(layout.full))
    if layout.full:
        out = out.with_columns(change=pl.lit("upsert"))
    if "insured_id" in table.names:
        insured = pl.when(pl.col("kind") == "dependent").then(pl.col("insured_person_number"))
        numbers = frame.select("person_number", insured=insured.fill_null(pl.col("person_number")))
        ids = member_ids(key, pl.concat([numbers["person_number"], numbers["insured"]]))
        out = out.with_columns(
            member_id=ids.head(frame.height).alias("member_id"), insured_id=ids.tail(frame.height)
        )
    elif "member_id" in table.names:
        out = out.with_columns(member_id=member_ids(key, frame["person_number"]))
    if table.name == "workplace":
        out = out.with_columns(
            industry_section=pl.col("industry").replace_strict(
                SECTION_OF, default=None, return_dtype=pl.String
            )
        )
    if table.name == "bonus":
        # 健康保険法45条: 1,000円未満を切り捨てる。
        out = out.with_columns(standard=pl.col("amount") - pl.col("amount") % 1000)
    if table.name == "enrolment":
        out = _enrolled(out, key)
    return out.select(c for c in table.names if c in out.columns)


def _enrolled(frame: pl.DataFrame, key: bytes) -> pl.DataFrame:
    """Enrolments with their workplace and the keys claims are matched by."""
    texts = identity_texts(
        frame.select(
            "insurer_number",
            "symbol",
            "sex",
            insured_no="number",
            member_branch="branch_no",
            birth="birth_date",
            kana=folded_kana(frame["kana"]),
        )
    )
    return pl.concat([frame, identity_keys(key, texts)], how="horizontal").with_columns(
        workplace=pl.when(~pl.col("voluntary")).then(pl.col("symbol")),
    )
