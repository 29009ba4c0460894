"""What only pharmacies record: dispensings and fees (調剤情報・調剤基本料・薬学管理料)."""

from __future__ import annotations

import numpy as np
import polars as pl

from kenpo.intake.receipts import layouts as lay
from kenpo.intake.receipts.context import Block
from kenpo.intake.receipts.lines import Bucket, Ints, record_code
from kenpo.intake.receipts.validity import logical_order
from kenpo.lake.tables import receipts as t


def read_dispensings(block: Block) -> Ints:
    """CZ records; returns for every IY line the sum of 調剤数量 of the CZ records it is dispensed by (-1: none)."""
    lines = block.lines
    multiplier = np.full(block.size, -1, dtype=np.int64)
    index = block.live("CZ")
    quantity_at = np.zeros(block.size, dtype=np.int64)
    prescription = np.zeros(block.size, dtype=np.int64)
    basics = block.live("SH")
    everything = np.sort(np.concatenate([basics, index, block.live("IY"), block.live("TO")]))
    if not len(everything):
        return multiplier
    order = logical_order(lines, block.receipt_of, everything) if block.task.insurer else everything
    order = order[block.valid_line[order]]
    is_basic = lines.code[order] == record_code("SH")
    receipt = block.receipt_of[order]
    new_group = is_basic | np.concatenate([[True], receipt[1:] != receipt[:-1]]) if len(order) else is_basic
    group = np.cumsum(new_group)
    first_of_receipt = np.searchsorted(receipt, receipt, side="left")
    prescription[order] = np.cumsum(is_basic) - (
        np.cumsum(is_basic)[first_of_receipt] - is_basic[first_of_receipt]
    )
    if len(index):
        bucket, _ = lines.gather(index, 70)
        quantity = block.count(bucket, lay.CZ["quantity"], "調剤数量")
        blank = np.flatnonzero(quantity.is_null().to_numpy() & ~block.rejected[index])
        block.reject(index[blank], "missing", "調剤数量")
        points = block.integer(bucket, lay.CZ["drug_points"], "薬剤料")
        prescribed = block.dates(bucket, lay.CZ["prescribed"], "処方月日")
        dispensed = block.dates(bucket, lay.CZ["dispensed"], "調剤月日")
        fees = _fee_frames(block, "CZ", lay.CZ_FEES, bucket)
        alive = ~block.rejected[index]
        quantity_at[index[alive]] = quantity.fill_null(0).to_numpy()[alive]
        frame = block.base(index).with_columns(
            prescription=pl.Series(prescription[index], dtype=pl.Int32),
            prescribed_on=prescribed,
            dispensed_on=dispensed,
            quantity=quantity,
            drug_points=points,
        )
        block.keep(t.DISPENSING, frame.filter(pl.Series(alive)))
        for fee, rows in fees:
            block.keep(t.PROCEDURE, fee.filter(pl.Series(alive[rows])))
    is_cz = (lines.code[order] == record_code("CZ")) & ~block.rejected[order]
    before = np.concatenate([[False], is_cz[:-1]]) if len(order) else is_cz
    new_run = is_cz & (~before | new_group)
    run = np.cumsum(new_run) - 1
    runs = int(new_run.sum())
    total = np.zeros(runs + 1, dtype=np.int64)
    np.add.at(total, run[is_cz], quantity_at[order[is_cz]])
    run_group = group[new_run]
    by_group = np.zeros(int(group.max(initial=0)) + 1, dtype=np.int64)
    has_group = np.zeros(len(by_group), dtype=np.bool_)
    np.add.at(by_group, group[is_cz], quantity_at[order[is_cz]])
    has_group[group[is_cz]] = True
    drug = np.flatnonzero(lines.code[order] == record_code("IY"))
    last = run[drug]
    same = (
        (last >= 0) & (run_group[np.maximum(last, 0)] == group[drug])
        if runs
        else np.zeros(len(drug), np.bool_)
    )
    value = np.where(
        same, total[np.maximum(last, 0)], np.where(has_group[group[drug]], by_group[group[drug]], -1)
    )
    multiplier[order[drug]] = value
    # A superseded line keeps the quantity of the prescription it stood in, for those who query originals.
    old = np.sort(block.live("IY"))
    old = old[~block.valid_line[old]]
    multiplier[old] = np.maximum(multiplier[old], 0)
    return multiplier


def read_fees(block: Block, name: str, slots: tuple[lay.Fee, ...]) -> None:
    """Rows of `procedure` for the fee codes inside a record; the record itself is kept in `record`."""
    index = block.live(name)
    if not len(index):
        return
    width = max(max(s.points, s.code, s.times or 0) for s in slots)
    bucket, _ = block.lines.gather(index, width)
    fees = _fee_frames(block, name, slots, bucket)
    alive = ~block.rejected[index]
    for fee, rows in fees:
        block.keep(t.PROCEDURE, fee.filter(pl.Series(alive[rows])))


def _fee_frames(
    block: Block, name: str, slots: tuple[lay.Fee, ...], bucket: Bucket
) -> list[tuple[pl.DataFrame, Ints]]:
    out = []
    for n, slot in enumerate(slots, start=1):
        code = bucket.column(slot.code).str.strip_chars()
        rows = np.flatnonzero((code.is_not_null() & (code != "")).to_numpy())
        if not len(rows):
            continue
        part = Bucket(bucket.index[rows], bucket.fields[rows], bucket.undecodable[rows])
        frame = block.base(part.index).with_columns(
            record_type=pl.lit(name),
            position=pl.lit(n, dtype=pl.Int16),
            burden=part.column(slot.burden),
            code=code.gather(rows),
            points=block.integer(part, slot.points, "点数"),
            times=block.count(part, slot.times, "回数").cast(pl.Int32)
            if slot.times
            else pl.lit(1, dtype=pl.Int32),
        )
        out.append((frame, rows))
    return out
