"""Procedures, drugs and materials, with 診療識別 and 点数 taken over where blank (診療行為・医薬品・特定器材)."""

from __future__ import annotations

import numpy as np
import polars as pl

from kenpo.intake.receipts import layouts as lay
from kenpo.intake.receipts.comments import keep_comments
from kenpo.intake.receipts.context import Block
from kenpo.intake.receipts.lines import Bucket, Ints, read_days, record_code
from kenpo.intake.receipts.pharmacy import read_dispensings, read_fees
from kenpo.intake.receipts.validity import logical_order
from kenpo.lake.tables import receipts as t

_UNITS = ("SI", "IY", "TO", "SS")
NONE = np.iinfo(np.int64).min
"""Stands for NULL in arrays of numbers."""


def read_details(block: Block) -> None:
    """Rows of `procedure`, `drug` and `material`, and of `comment` for the comments in their lines."""
    _sections_and_units(block)
    points_at = np.full(block.size, NONE, dtype=np.int64)
    times_at = np.full(block.size, NONE, dtype=np.int64)
    parsed: list[tuple[str, lay.Detail, Bucket, dict[str, pl.Series]]] = []
    for name, spec in block.layout.details.items():
        index = block.live(name)
        if not len(index):
            continue
        bucket, columns = _columns(block, name, spec, index)
        points = columns["points"].fill_null(NONE).to_numpy()
        times = columns["times"].fill_null(NONE).to_numpy()
        points_at[bucket.index] = points
        times_at[bucket.index] = times
        parsed.append((name, spec, bucket, columns))
    multiplier = read_dispensings(block) if block.task.kind == lay.PHARMACY else None
    for name, spec, bucket, columns in parsed:
        _finish(block, name, spec, bucket, columns, points_at, times_at, multiplier)
    if block.task.kind == lay.PHARMACY:
        read_fees(block, "KI", lay.KI_FEES)


def _columns(block: Block, name: str, spec: lay.Detail, index: Ints) -> tuple[Bucket, dict[str, pl.Series]]:
    last = max(
        spec.code,
        spec.quantity or 0,
        spec.points or 0,
        spec.times or 0,
        spec.unit_code or 0,
        spec.unit_price or 0,
        spec.name or 0,
        *(c + 1 for c in spec.comments),
    )
    bucket, tails = block.lines.gather(index, last, cut_at=spec.days)
    block.flag_undecodable(bucket)
    columns: dict[str, pl.Series] = {"code": block.code(bucket, spec.code, 9, "コード")}
    if name == "CD":
        # コーディングデータ: 使用量 for drugs and materials, 数量データ for procedures.
        amount = block.decimal(bucket, 6, "使用量", 18, 5)
        columns["quantity"] = amount.zip_with(
            amount.is_not_null(), block.decimal(bucket, 7, "数量データ", 18, 5)
        )
    else:
        columns["quantity"] = block.decimal(bucket, spec.quantity, "使用量・数量データ", 18, 5)
    columns["points"] = block.integer(bucket, spec.points, "点数")
    columns["times"] = block.count(bucket, spec.times, "回数")
    if tails is not None:
        mask, total, text, bad = read_days(tails)
        block.reject(index[bad], "bad_days", "算定日情報")
        columns["day_mask"] = pl.Series(mask, dtype=pl.Int32)
        columns["days"] = text
        times = columns["times"].fill_null(0).to_numpy()
        odd = (total > 0) & (times > 0) & (total != times) & ~bad
        block.found.flag(
            block.lines.number[index[odd]],
            "days_times_mismatch",
            expected=[str(v) for v in times[odd]],
            actual=[str(v) for v in total[odd]],
        )
    if spec.additions:
        pairs = [
            pl.col(str(code)) + pl.lit(":") + pl.col(str(code + 1)).fill_null("") for code in spec.additions
        ]
        text = bucket.fields.select(pl.concat_str(pairs, separator=",", ignore_nulls=True)).to_series()
        columns["additions"] = text.set(text == "", None)
    if spec.unit_code:
        columns["unit_code"] = bucket.column(spec.unit_code)
    if spec.unit_price:
        columns["unit_price"] = block.decimal(bucket, spec.unit_price, "単価", 12, 2)
    return bucket, columns


def _sections_and_units(block: Block) -> None:
    """診療識別 of every detail line, blanks taken from the line before; and the line that ends its 算定単位."""
    lines = block.lines
    block.section = np.zeros(block.size, dtype=np.int64)
    block.unit_at = np.full(block.size, -1, dtype=np.int64)
    if block.task.kind == lay.PHARMACY or not block.size:
        return
    names = [n for n in ("SI", "IY", "TO", "SS", "CO") if n == "CO" or n in block.layout.details]
    index = np.sort(np.concatenate([block.live(n) for n in names]))
    if not len(index):
        return
    index = logical_order(lines, block.receipt_of, index) if block.task.insurer else index
    start, end = lines.field_bounds(index, 1)
    two = end - start == 2
    tens = lines.bytes[start].astype(np.int64) - 48
    ones = lines.bytes[np.minimum(start + 1, len(lines.bytes) - 1)].astype(np.int64) - 48
    good = two & (tens >= 0) & (tens <= 9) & (ones >= 0) & (ones <= 9)
    odd = (end > start) & ~good
    block.found.flag(lines.number[index[odd]], "bad_optional_field", detail="診療識別")
    place = np.arange(len(index))
    receipt = block.receipt_of[index]
    begin = np.searchsorted(receipt, receipt, side="left")
    source = np.maximum.accumulate(np.where(good & block.valid_line[index], place, -1))
    source = np.where(good, place, source)
    usable = source >= begin
    value = tens * 10 + ones
    block.section[index] = np.where(usable, value[np.maximum(source, 0)], 0)

    code = lines.code[index]
    carries = np.zeros(len(index), dtype=np.bool_)
    counts = np.zeros(len(index), dtype=np.bool_)
    for name, spec in block.layout.details.items():
        if name not in _UNITS or spec.points is None:
            continue
        rows = np.flatnonzero(code == record_code(name))
        first, last = lines.field_bounds(index[rows], spec.points)
        carries[rows] = last > first
        counts[rows] = True
    usable = counts & block.valid_line[index]
    ahead = np.where(carries & usable, place, len(index))
    ahead = np.minimum.accumulate(ahead[::-1])[::-1]
    ahead = np.where(counts & ~block.valid_line[index] & carries, place, ahead)
    # A 診療識別 written anew begins a new 算定単位, so the one before it ends there, with or without points.
    begins = np.where(good & block.valid_line[index], place, len(index))
    begins = np.minimum.accumulate(np.append(begins[1:], len(index))[::-1])[::-1]
    inside = (ahead < len(index)) & (ahead < begins)
    inside[inside] = receipt[ahead[inside]] == receipt[inside]
    block.unit_at[index] = np.where(inside & counts, index[np.minimum(ahead, len(index) - 1)], -1)


def _finish(
    block: Block,
    name: str,
    spec: lay.Detail,
    bucket: Bucket,
    columns: dict[str, pl.Series],
    points_at: Ints,
    times_at: Ints,
    multiplier: Ints | None,
) -> None:
    index = bucket.index
    unit = block.unit_at[index]
    has_unit = unit >= 0
    unit_points = np.where(has_unit, points_at[np.maximum(unit, 0)], NONE)
    own_times = columns["times"].fill_null(NONE).to_numpy()
    times = np.where(own_times >= 0, own_times, np.where(has_unit, times_at[np.maximum(unit, 0)], NONE))
    is_drug = columns["code"].str.starts_with("6").fill_null(False).to_numpy() if name == "CD" else None
    if multiplier is not None and name == "IY":
        times = np.where(multiplier[index] < 0, NONE, multiplier[index])
        block.reject(index[(times < 0) & ~block.rejected[index]], "missing_dispensing", "調剤数量")
    elif name in ("IY", "CD"):
        lacking = (times < 0) & ~block.rejected[index]
        if is_drug is not None:
            lacking &= is_drug
        block.reject(index[lacking], "missing_times", "回数")
    if name in ("IY", "CD"):
        no_quantity = columns["quantity"].is_null().to_numpy() & ~block.rejected[index]
        if is_drug is not None:
            no_quantity &= is_drug
        block.reject(index[no_quantity], "missing", "使用量")
    section = block.section[index]
    if name == "CD":
        own = bucket.column(2)
    else:
        own = pl.Series(section, dtype=pl.Int64).cast(pl.String).str.zfill(2)
        own = own.set(pl.Series(section == 0), None)
    frame = block.base(index).with_columns(
        record_type=pl.lit(name),
        section=own,
        burden=bucket.column(spec.burden) if spec.burden else pl.lit(None, dtype=pl.String),
        code=columns["code"],
        quantity=columns["quantity"],
        points=columns["points"],
        times=_nullable(times, pl.Int32),
        unit_line=_nullable(np.where(has_unit, block.lines.number[np.maximum(unit, 0)], NONE), pl.Int64),
        unit_points=_nullable(unit_points, pl.Int64),
        **{
            k: v
            for k, v in columns.items()
            if k in ("day_mask", "days", "unit_code", "unit_price", "additions")
        },
    )
    if spec.name:
        frame = frame.with_columns(name=bucket.column(spec.name))
    keep = pl.Series(~block.rejected[index], dtype=pl.Boolean)
    if name == "CD":
        assert is_drug is not None
        drug = pl.Series(is_drug, dtype=pl.Boolean)
        material = columns["code"].str.starts_with("7").fill_null(False)
        block.keep(t.DRUG, _with_total(frame.filter(keep & drug)))
        block.keep(t.MATERIAL, frame.filter(keep & material))
        block.keep(
            t.PROCEDURE,
            frame.filter(keep & ~drug & ~material).with_columns(position=pl.lit(0, dtype=pl.Int16)),
        )
    elif name == "IY":
        block.keep(t.DRUG, _with_total(frame.filter(keep)))
    elif name == "TO":
        block.keep(t.MATERIAL, frame.filter(keep))
    else:
        block.keep(t.PROCEDURE, frame.filter(keep).with_columns(position=pl.lit(0, dtype=pl.Int16)))
    for n, position in enumerate(spec.comments, start=1):
        code = bucket.column(position)
        if code.null_count() == code.len() and bucket.column(position + 1).null_count() == code.len():
            continue
        comment = frame.select(
            "receipt_id", "month", "branch", "valid", "source_line", "record_type", "section", "burden"
        ).with_columns(
            position=pl.lit(n, dtype=pl.Int16),
            code=code,
            text=bucket.column(position + 1),
            receipt=pl.Series(block.receipt_of[index]),
        )
        keep_comments(
            block, comment.filter(keep & (pl.col("code").is_not_null() | pl.col("text").is_not_null()))
        )


def _nullable(values: Ints, dtype: type[pl.DataType]) -> pl.Series:
    """Integers with NONE read as NULL."""
    series = pl.Series(values, dtype=pl.Int64)
    return series.set(pl.Series(values == NONE), None).cast(dtype)


def _with_total(frame: pl.DataFrame) -> pl.DataFrame:
    times = pl.col("times").fill_null(0).cast(pl.Decimal(10, 0))
    return frame.with_columns(total=(pl.col("quantity") * times).cast(pl.Decimal(18, 5)))
