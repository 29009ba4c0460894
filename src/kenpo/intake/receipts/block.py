"""One block of a claim file → typed rows of every receipt table. Pure: no lake, no files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from kenpo.intake.receipts import layouts as lay
from kenpo.intake.receipts.comments import read_comments
from kenpo.intake.receipts.common import read_common, read_payers, reject_orphans
from kenpo.intake.receipts.context import Block, BlockTask
from kenpo.intake.receipts.details import read_details
from kenpo.intake.receipts.headers import (
    find_receipts,
    institutions_seen,
    read_headers,
    read_places,
    reject_unknown_records,
)
from kenpo.intake.receipts.lines import record_code, record_name
from kenpo.intake.receipts.others import read_diagnoses, read_records
from kenpo.intake.receipts.validity import valid_lines
from kenpo.lake.tables import receipts as t


@dataclass
class Segment:
    """Totals up to a GO record (診療報酬請求書): what was read, and what GO says."""

    receipts: int = 0
    count: int = 0
    points: int = 0
    go_line: int | None = None
    go_count: int | None = None
    go_points: int | None = None
    go_volume: str | None = None


@dataclass
class BlockRows:
    """What a block yields: frames by table name, totals, and the file's header as far as this block shows it."""

    frames: dict[str, pl.DataFrame]
    line_counts: Counter[str]
    lines: int
    rejected: int
    segments: list[Segment]
    institutions: pl.DataFrame
    institution: str | None = None
    claim_month: date | None = None
    volume: str | None = None
    points: int = 0
    receipts: int = 0


def parse_block(task: BlockTask) -> BlockRows:
    """Parse a block into rows. Every physical line ends in a typed row, a header, a GO total or a reject."""
    block = Block(task)
    lines = block.lines
    block.receipt_of, starts = find_receipts(block)
    block.first_line = lines.number[starts]
    if task.insurer:
        block.valid_line = valid_lines(lines, block.receipt_of, record_code("JY"))
    reject_unknown_records(block)
    headers = read_headers(block)
    block.receipts = read_common(block, headers)
    read_payers(block)
    reject_orphans(block)
    read_records(block)
    read_diagnoses(block)
    read_details(block)
    read_comments(block)
    return _result(block, headers)


def _result(block: Block, headers: pl.DataFrame) -> BlockRows:
    task = block.task
    keep = block.receipts.filter(pl.col("month").is_not_null())
    places = read_places(block)
    rows = keep.with_columns(
        source_line=pl.col("line"),
        valid=pl.col("status") == "valid",
        format=pl.lit("recode_info" if task.insurer else "uke"),
        receipt_number=pl.col("number"),
        receipt_type=pl.col("type"),
        inpatient=pl.col("type").str.slice(3, 1).is_in(["1", "3", "5", "7", "9"])
        if task.kind != lay.PHARMACY
        else pl.lit(False),
        search_number=pl.coalesce(
            places["search_number"].gather(keep["receipt"].to_numpy()), pl.col("search_number")
        )
        if places is not None
        else pl.col("search_number"),
    )
    block.keep(t.RECEIPT, rows)
    segments = _segments(block, rows)
    counts = Counter(
        {
            record_name(code) if code > 0 else "??": len(index)
            for code, index in block.by_code.items()
            if code >= 0
        }
    )
    frames = {name: pl.concat(parts, how="diagonal_relaxed") for name, parts in block.frames.items()}
    frames["intake_reject"] = block.found.reject_frame(task.file_id)
    frames["intake_flag"] = block.found.flag_frame(task.file_id)
    counted = rows.filter(pl.col("valid"))
    real = headers.filter(pl.col("index") >= block.virtual)
    return BlockRows(
        frames=frames,
        line_counts=counts,
        lines=block.size - block.virtual,
        rejected=int(block.rejected.sum()),
        segments=segments,
        institutions=institutions_seen(block, headers, places),
        institution=real["institution"][0] if real.height else None,
        claim_month=real["claim_month"][0] if real.height else None,
        volume=next((v for v in real["volume"] if v is not None), None),
        points=int(counted["points"].sum() or 0),
        receipts=counted.height,
    )


def _segments(block: Block, rows: pl.DataFrame) -> list[Segment]:
    """Totals between GO records, so that a file's receipts can be held against what its GO says."""
    go = block.of("GO")
    counted = rows.filter(pl.col("status") != "component")
    first = counted["line"].to_numpy()
    where = (
        np.searchsorted(block.lines.number[go], first) if len(go) else np.zeros(len(first), dtype=np.int64)
    )
    segments = [Segment() for _ in range(len(go) + 1)]
    points = counted["points"].fill_null(0).to_numpy()
    count = counted["payer_count"].to_numpy()
    for k, segment in enumerate(segments):
        mine = where == k
        segment.receipts = int(mine.sum())
        segment.count = int(count[mine].sum())
        segment.points = int(points[mine].sum())
    if len(go):
        bucket, _ = block.lines.gather(go, 3)
        numbers = [block.integer(bucket, n, title) for n, title in ((1, "総件数"), (2, "総合計点数"))]
        for k in range(len(go)):
            segments[k].go_line = int(block.lines.number[go[k]])
            segments[k].go_count = numbers[0][k]
            segments[k].go_points = numbers[1][k]
            segments[k].go_volume = bucket.column(3)[k]
    return segments
