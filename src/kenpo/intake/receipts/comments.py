"""Comments and narratives, with the patient blotted out (コメント・症状詳記)."""

from __future__ import annotations

import polars as pl

from kenpo.intake.receipts.blot import blot, known_of
from kenpo.intake.receipts.context import Block
from kenpo.lake.tables import receipts as t


def read_comments(block: Block) -> None:
    """Rows of `comment` from CO, TK and SJ."""
    for name, (section, burden, code, text) in block.layout.comments.items():
        index = block.live(name)
        if not len(index):
            continue
        bucket, _ = block.lines.gather(index, max(code, text))
        block.flag_undecodable(bucket)
        own = pl.Series(block.section[index], dtype=pl.Int64).cast(pl.String).str.zfill(2)
        frame = block.base(index).with_columns(
            record_type=pl.lit(name),
            section=own.set(pl.Series(block.section[index] == 0), None)
            if section
            else pl.lit(None, dtype=pl.String),
            burden=bucket.column(burden) if burden else pl.lit(None, dtype=pl.String),
            position=pl.lit(0, dtype=pl.Int16),
            code=bucket.column(code),
            text=bucket.column(text),
            receipt=pl.Series(block.receipt_of[index]),
        )
        keep_comments(block, frame)
    index = block.live("SJ")
    if len(index):
        bucket, _ = block.lines.gather(index, 2)
        block.flag_undecodable(bucket)
        frame = block.base(index).with_columns(
            record_type=pl.lit("SJ"),
            position=pl.lit(0, dtype=pl.Int16),
            code=bucket.column(1),
            text=bucket.column(2),
            receipt=pl.Series(block.receipt_of[index]),
        )
        keep_comments(block, frame)


def keep_comments(block: Block, frame: pl.DataFrame) -> None:
    """Keep comments (columns of `comment` and receipt) with the person of their receipt blotted out."""
    if frame.height:
        text = blot(frame["text"], frame["receipt"], known_of(block.persons, frame["receipt"]))
        block.keep(t.COMMENT, frame.with_columns(text=text).drop("receipt"))
