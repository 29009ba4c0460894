"""Comments and narratives, with the patient blotted out (コメント・症状詳記)."""

from __future__ import annotations

import numpy as np
import polars as pl

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
    """Keep comments with the patient's own name, kana and number blotted out."""
    if not frame.height:
        return
    names = block.names[frame["receipt"].to_numpy()]
    text = frame["text"]
    plain = names.select(
        pl.col("kanji"),
        tight=pl.col("kanji").str.replace_all(r"[ 　]", ""),
        kana=pl.col("kana"),
        number=pl.col("insured_no"),
    )
    work = plain.with_columns(text=text)
    hits = work.select(
        pl.any_horizontal(
            (
                pl.col("text").str.contains(pl.col(c), literal=True) & (pl.col(c).str.len_chars() >= n)
            ).fill_null(False)
            for c, n in (("kanji", 2), ("tight", 2), ("kana", 3), ("number", 5))
        )
    ).to_series()
    if hits.any():
        rows = np.flatnonzero(hits.to_numpy())
        masked = []
        for row in work[rows].iter_rows(named=True):
            value = row["text"]
            for c, n in (("kanji", 2), ("tight", 2), ("kana", 3), ("number", 5)):
                if row[c] and len(row[c]) >= n:
                    value = value.replace(row[c], "＊")
            masked.append(value)
        text = text.scatter(rows.tolist(), masked)
    block.keep(t.COMMENT, frame.with_columns(text=text).drop("receipt"))
