"""Which lines of レセ電コード情報 count: corrections beside originals (補正等).

Within a receipt, lines of one 行番号 are ordered by データ識別 5 first (the claim before eligibility was confirmed),
then 枝番号, then place in the file. A later line replaces the earlier ones; after JY 事由 1 (追加) it stands beside
them; JY 事由 3 (削除) strikes out all before it and the record it marks. データ識別 11–16 is history of an earlier claim.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from kenpo.intake.receipts.lines import Bools, Ints, Lines

_ADDED, _DELETED = "1", "3"
_HISTORY_FROM, _HISTORY_TO = 11, 16
_BEFORE_CONFIRMATION = 5


def logical_order(lines: Lines, receipt_of: Ints, index: Ints) -> Ints:
    """Line indices in the order of the corrected receipt: receipt, 行番号, データ識別 5 first, 枝番号, place."""
    later = (lines.stage[index] != _BEFORE_CONFIRMATION).astype(np.int64)
    return index[np.lexsort((index, lines.branch_no[index], later, lines.row_no[index], receipt_of[index]))]


def valid_lines(lines: Lines, receipt_of: Ints, reason_code: int) -> Bools:
    """Mask of the lines that count. reason_code: the code of JY (事由レコード), itself never replaced or counted out."""
    valid = ~((lines.stage >= _HISTORY_FROM) & (lines.stage <= _HISTORY_TO))
    inside = lines.prefixed & (receipt_of >= 0) & valid
    is_reason = lines.code == reason_code
    special = inside & ((lines.branch_no > 0) | (lines.stage == _BEFORE_CONFIRMATION) | is_reason)
    group = receipt_of * (int(lines.row_no.max(initial=0)) + 1) + lines.row_no
    touched = inside & np.isin(group, np.unique(group[special]))
    index = np.flatnonzero(touched)
    if not len(index):
        return valid
    index = logical_order(lines, receipt_of, index)
    start, end = lines.field_bounds(index, 1)
    single = end - start == 1
    letter = lines.bytes[start]
    frame = pl.DataFrame(
        {
            "index": index,
            "group": group[index],
            "branch_no": lines.branch_no[index],
            "is_reason": is_reason[index],
            "reason": [chr(v) if ok else None for v, ok in zip(letter, single, strict=True)],
        },
        schema_overrides={"reason": pl.String},
    )
    marked = frame.with_columns(
        # The JY right before a line, within its group, tells what the line does.
        mode=pl.when(pl.col("is_reason").shift(1).over("group")).then(
            pl.col("reason").shift(1).over("group")
        ),
        mark_branch=pl.when(pl.col("is_reason").shift(1).over("group")).then(
            pl.col("branch_no").shift(1).over("group")
        ),
    ).with_columns(
        struck=~pl.col("is_reason")
        & (pl.col("mode") == _DELETED).fill_null(False)
        & (pl.col("mark_branch") == pl.col("branch_no")).fill_null(False),
    )
    # A line is replaced when any line after it, in its group, strikes out what came before.
    marked = marked.with_columns(
        kills=pl.when(pl.col("is_reason"))
        .then((pl.col("reason") == _DELETED).fill_null(False))
        .otherwise(~(pl.col("mode") == _ADDED).fill_null(False) & ~pl.col("struck"))
        .cast(pl.Int32)
    ).with_columns(after=pl.col("kills").reverse().cum_sum().reverse().over("group") - pl.col("kills"))
    stands = marked.select(pl.col("is_reason") | (~pl.col("struck") & (pl.col("after") == 0))).to_series()
    valid[index] = stands.to_numpy()
    return valid
