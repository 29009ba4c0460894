"""Which receipt a line belongs to, and the institution it comes from (レセプトの区切り、医療機関)."""

from __future__ import annotations

import numpy as np
import polars as pl

from kenpo.intake.receipts import dates
from kenpo.intake.receipts import layouts as lay
from kenpo.intake.receipts.context import Block
from kenpo.intake.receipts.lines import Ints, record_code
from kenpo.intake.receipts.places import Place, Written, place_of, written
from kenpo.intake.receipts.rejects import mask_of

_OF_PLACE = ("municipality", "municipality_code", "postcode", "address")


def find_receipts(block: Block) -> tuple[Ints, Ints]:
    """Receipt number of every line (-1 before the first and from GO on), and the first line of each receipt."""
    lines, task = block.lines, block.task
    begins = np.zeros(block.size, dtype=np.bool_)
    if task.insurer and task.managed:
        management = block.of("MN")
        begins[management[(lines.branch_no[management] == 0) & (lines.row_no[management] <= 1)]] = True
    elif task.insurer:
        begins |= lines.prefixed & (lines.row_no == 1) & (lines.branch_no == 0)
        begins[: block.virtual] = False
    else:
        begins[block.of("RE")] = True
    starts = np.flatnonzero(begins)
    number = np.cumsum(begins) - 1
    if not task.insurer:
        # A GO record, and a header after it, stand outside receipts until the next RE.
        outside = mask_of(block.of("GO"), block.size)
        for name in lay.HEADERS:
            outside[block.of(name)] = True
        closed = np.maximum.accumulate(np.where(outside, np.arange(block.size), -1)) if block.size else number
        opened = np.maximum.accumulate(np.where(begins, np.arange(block.size), -1)) if block.size else number
        number = np.where(closed > opened, -1, number)
    return number.astype(np.int64), starts


def reject_unknown_records(block: Block) -> None:
    index = block.by_code.get(0, np.zeros(0, dtype=np.int64))
    unnumbered = block.lines.stage[index] < 0
    block.reject(index[unnumbered], "bad_prefix")
    block.reject(index[~unnumbered], "unknown_record")
    readable = {record_code(name) for name in lay.readable(block.layout)}
    elsewhere = {record_code(name) for name in lay.ELSEWHERE}
    for code, index in block.by_code.items():
        if code > 0 and code not in readable:
            block.reject(index, "wrong_kind" if code in elsewhere else "unknown_record")


def read_headers(block: Block) -> pl.DataFrame:
    """Header records in line order: line index, institution, claim month, name, volume."""
    out = []
    for name in lay.HEADERS:
        spec = lay.HEADER_FIELDS.get((block.task.kind, name)) or lay.HEADER_FIELDS[lay.MEDICAL, "IR"]
        index = block.of(name, with_virtual=True)
        if not len(index):
            continue
        bucket, _ = block.lines.gather(index, max(spec.name or 0, spec.claim_month, spec.volume or 0))
        f = bucket.fields
        institution = (
            f["2"].fill_null("").str.zfill(2)
            + f["3"].fill_null(lay.TABLE_CODE[block.task.kind])
            + f["4"].fill_null("").str.zfill(7)
        )
        out.append(
            pl.DataFrame(
                {
                    "index": index,
                    "source_line": block.lines.number[index],
                    "institution": institution,
                    "prefecture": f["2"].fill_null("").str.zfill(2),
                    "table_code": f["3"].fill_null(lay.TABLE_CODE[block.task.kind]),
                    "name": f[str(spec.name)]
                    if spec.name
                    else pl.Series([None] * len(index), dtype=pl.String),
                    "claim": f[str(spec.claim_month)],
                    "volume": f[str(spec.volume)]
                    if spec.volume
                    else pl.Series([None] * len(index), dtype=pl.String),
                }
            )
        )
    if not out:
        return pl.DataFrame(
            schema={
                "index": pl.Int64,
                "source_line": pl.Int64,
                "institution": pl.String,
                "prefecture": pl.String,
                "table_code": pl.String,
                "name": pl.String,
                "claim": pl.String,
                "volume": pl.String,
                "claim_month": pl.Date,
            }
        )
    frame = pl.concat(out).sort("index").with_columns(claim_month=dates.month(pl.col("claim")))
    bad = frame.filter(
        pl.col("claim").is_not_null() & pl.col("claim_month").is_null() & (pl.col("index") >= block.virtual)
    )
    block.found.flag(bad["source_line"].to_numpy(), "bad_optional_field", detail="請求年月")
    return frame


def header_of(block: Block, headers: pl.DataFrame, index: Ints) -> Ints:
    """Row of the header in force at each line: the last one at or before it within file order; -1 for none."""
    return np.searchsorted(headers["index"].to_numpy(), index, side="right") - 1


def read_places(block: Block) -> pl.DataFrame | None:
    """Per receipt of an insurer-side file: search number, municipality and address from MN. An address without its
    prefecture is taken to lie in the institution's.
    """
    index = block.of("MN")
    index = index[block.receipt_of[index] >= 0]
    if not len(index):
        return None
    start2, end2 = block.lines.field_bounds(index, 2)
    start3, end3 = block.lines.field_bounds(index, 3)
    raw = block.lines.bytes.tobytes()
    address = [
        raw[a:b].decode(block.task.encoding, errors="replace") for a, b in zip(start2, end2, strict=True)
    ]
    search = [
        raw[a:b].decode(block.task.encoding, errors="replace") for a, b in zip(start3, end3, strict=True)
    ]
    institution = block.receipts["institution"].gather(block.receipt_of[index])
    where = list(zip(address, institution.str.slice(0, 2), strict=True))
    known: dict[tuple[str, str | None], Place] = {one: place_of(*one) for one in set(where)}
    letters: dict[str, Written] = {one: written(one) for one in set(address)}
    texts = {
        "municipality": [known[one].name for one in where],
        "municipality_code": [known[one].code for one in where],
        "postcode": [letters[one].postcode for one in address],
        "address": [letters[one].address for one in address],
        "search_number": [s or None for s in search],
    }
    frame = pl.DataFrame(
        {"receipt": block.receipt_of[index], **texts, "ok": block.valid_line[index]},
        schema_overrides=dict.fromkeys(texts, pl.String),
    ).filter(pl.col("ok"))
    return pl.DataFrame({"receipt": np.arange(block.receipt_count)}).join(
        frame.unique("receipt", keep="last", maintain_order=True),
        on="receipt",
        how="left",
        maintain_order="left",
    )


def institutions_seen(block: Block, headers: pl.DataFrame, places: pl.DataFrame | None) -> pl.DataFrame:
    frame = headers.filter(
        (pl.col("index") >= block.virtual) & ~pl.Series(block.rejected[headers["index"].to_numpy()])
    )
    if places is not None:
        receipt = block.receipt_of[frame["index"].to_numpy()]
        frame = frame.with_columns(places[column].gather(np.maximum(receipt, 0)) for column in _OF_PLACE)
    else:
        frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(column) for column in _OF_PLACE)
    return one_row_each(frame.with_columns(source_file=pl.lit(block.task.file_id)))


def one_row_each(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per institution and claim month: the first line, and the first name and place that are known."""
    return frame.group_by("institution", "claim_month", maintain_order=True).agg(
        pl.col("source_file").first(),
        pl.col("source_line").first(),
        pl.col("prefecture").first(),
        pl.col("table_code").first(),
        pl.col("name").drop_nulls().first(),
        pl.col("municipality").drop_nulls().first(),
        pl.col("municipality_code").filter(pl.col("municipality").is_not_null()).first(),
        pl.col("postcode").filter(pl.col("address").is_not_null()).first(),
        pl.col("address").drop_nulls().first(),
    )
