"""The header of each receipt: RE, HO, KO; its status, branch and keys (レセプト共通・保険者・公費)."""

from __future__ import annotations

import numpy as np
import polars as pl

from kenpo.base.branches import branch_of_insurer
from kenpo.intake.identity import identity_keys, identity_texts, kana_of
from kenpo.intake.receipts import dates
from kenpo.intake.receipts import layouts as lay
from kenpo.intake.receipts.blot import Person
from kenpo.intake.receipts.context import Block
from kenpo.intake.receipts.headers import header_of
from kenpo.intake.receipts.lines import Bucket
from kenpo.lake.store import receipt_ids
from kenpo.lake.tables import receipts as t

# A claim lapses after five years (民法166条; 3 years before April 2020): an older 診療年月 is likely a slip.
_OLDEST_CLAIM = "-5y"


def read_common(block: Block, headers: pl.DataFrame) -> pl.DataFrame:
    """One row per receipt from its valid RE record."""
    spec = block.layout.common
    index = block.of("RE")
    index = index[block.receipt_of[index] >= 0]
    width = max(
        spec.kana,
        spec.chart,
        *spec.doctors,
        spec.search_number,
        spec.notes,
        spec.birth,
        *(spec.prescriber or (0,)),
    )
    bucket, _ = block.lines.gather(index, width)
    block.flag_undecodable(bucket)
    valid = block.valid_line[index]
    receipt = block.receipt_of[index]
    person = (spec.name, spec.kana, spec.birth, spec.chart, *spec.doctors)
    block.persons.append(Person(bucket, receipt, person))
    order = np.flatnonzero(valid)
    _, first = np.unique(receipt[order], return_index=True)
    chosen = order[first]
    extra = np.setdiff1d(order, chosen)
    block.reject(index[extra], "duplicate_common")
    block.replaced_common = Bucket(
        index[~valid], bucket.fields.filter(~pl.Series(valid)), bucket.undecodable[~valid]
    )

    f = bucket.fields
    text = pl.DataFrame(
        {
            "row": np.arange(len(index)),
            "line": block.lines.number[index],
            "receipt": receipt,
            "number": f[str(spec.number)],
            "type": f[str(spec.receipt_type)].str.strip_chars(),
            "month_text": f[str(spec.month)],
            "sex_text": f[str(spec.sex)].str.strip_chars(),
            "birth_text": f[str(spec.birth)],
            "kana": kana_of(f[str(spec.kana)], f[str(spec.name)]),
            "benefit_text": f[str(spec.benefit_rate)],
            "admitted_text": f[str(spec.admitted)]
            if spec.admitted
            else pl.Series([None] * len(index), dtype=pl.String),
            "notes": f[str(spec.notes)],
            "search_number": f[str(spec.search_number)],
            "prescriber": _prescriber(f, spec.prescriber),
        }
    ).with_columns(
        month=dates.month(pl.col("month_text")),
        birth=dates.day(pl.col("birth_text")),
        admitted_on=dates.day(pl.col("admitted_text")),
        benefit_rate=pl.col("benefit_text").str.strip_chars().cast(pl.Int16, strict=False),
        sex=pl.when(pl.col("sex_text").is_in(["1", "2"])).then(pl.col("sex_text")),
    )
    unreadable = text["month"].is_null()
    wrong_type = ~text["type"].fill_null("").str.contains(r"^[0-9]{4}$") & ~unreadable
    for mask, reason, title, column in (
        (unreadable, "bad_date", "診療年月", "month_text"),
        (wrong_type, "bad_code", "レセプト種別", "type"),
    ):
        rows = np.flatnonzero(mask.to_numpy())
        blank = text[column].is_null().to_numpy()[rows]
        block.reject(index[rows[blank]], "missing", title)
        block.reject(index[rows[~blank]], reason, title, text[column].gather(rows[~blank]))
    for title, raw, read in (
        ("生年月日", "birth_text", "birth"),
        ("男女区分", "sex_text", "sex"),
        ("入院年月日", "admitted_text", "admitted_on"),
        ("給付割合", "benefit_text", "benefit_rate"),
    ):
        odd = text.filter(pl.col(raw).is_not_null() & pl.col(read).is_null())
        block.found.flag(odd["line"].to_numpy(), "bad_optional_field", detail=title)

    kept = text[chosen].filter(~pl.Series((unreadable | wrong_type).to_numpy()[chosen]))
    frame = pl.DataFrame({"receipt": np.arange(block.receipt_count)}).join(
        kept, on="receipt", how="left", maintain_order="left"
    )
    at = np.where(frame["row"].is_null().to_numpy(), -1, frame["row"].fill_null(0).to_numpy())
    lines_of = np.where(at >= 0, index[np.maximum(at, 0)] if len(index) else -1, -1)
    header = header_of(block, headers, lines_of)
    picked = headers.select("institution", "claim_month").with_row_index("h").cast({"h": pl.Int64})
    ids = receipt_ids(block.task.file_number, block.first_line)
    frame = (
        frame.with_columns(h=pl.Series(header, dtype=pl.Int64), receipt_id=pl.Series(ids, dtype=pl.Int64))
        .join(picked, on="h", how="left", maintain_order="left")
        .with_columns(age=dates.age_at_month_end(pl.col("birth"), pl.col("month")))
    )
    return frame


def read_payers(block: Block) -> None:
    """HO and KO records; from them the receipt's insurer, branch, days, points, and its keys."""
    frames = []
    identity = pl.DataFrame(
        schema={
            "receipt": pl.Int64,
            "insurer_number": pl.String,
            "symbol": pl.String,
            "insured_no": pl.String,
        }
    )
    for name, spec in (("HO", block.layout.insurer), ("KO", block.layout.public)):
        index = block.live(name)
        if not len(index):
            continue
        width = max(3, spec.days, spec.points, spec.charge or 0, spec.meal_times or 0, spec.meal_amount or 0)
        bucket, _ = block.lines.gather(index, width)
        block.flag_undecodable(bucket)
        block.persons.append(Person(bucket, block.receipt_of[index], (2, 3) if name == "HO" else (2,)))
        numbers = {
            "service_days": block.count(bucket, spec.days, "診療実日数"),
            "points": block.integer(bucket, spec.points, "合計点数"),
            "charge": block.integer(bucket, spec.charge, "負担金額"),
            "meal_times": block.count(bucket, spec.meal_times, "食事回数"),
            "meal_amount": block.integer(bucket, spec.meal_amount, "食事合計金額"),
        }
        payer = pl.DataFrame(
            {
                "index": index,
                "receipt": block.receipt_of[index],
                "source_line": block.lines.number[index],
                "valid_line": block.valid_line[index],
                "payer_number": bucket.column(1).str.strip_chars(),
                **numbers,
            }
        ).filter(~pl.Series(block.rejected[index]))
        if name == "HO":
            identity = (
                payer.filter(pl.col("valid_line"))
                .select("receipt", "index", insurer_number=pl.col("payer_number"))
                .join(
                    pl.DataFrame(
                        {"index": index, "symbol": bucket.column(2), "insured_no": bucket.column(3)},
                        schema_overrides={"symbol": pl.String, "insured_no": pl.String},
                    ),
                    on="index",
                )
                .drop("index")
                .unique("receipt", keep="first", maintain_order=True)
            )
            payer = payer.with_columns(payer_order=pl.lit(0, dtype=pl.Int16))
        else:
            rank = pl.col("valid_line").cum_sum().over("receipt").cast(pl.Int16)
            payer = payer.with_columns(payer_order=pl.max_horizontal(rank, pl.lit(1, dtype=pl.Int16)))
        frames.append(payer.drop("index"))
    payers = (
        pl.concat(frames)
        if frames
        else pl.DataFrame(
            schema={
                "receipt": pl.Int64,
                "source_line": pl.Int64,
                "valid_line": pl.Boolean,
                "payer_number": pl.String,
                "service_days": pl.Int64,
                "points": pl.Int64,
                "charge": pl.Int64,
                "meal_times": pl.Int64,
                "meal_amount": pl.Int64,
                "payer_order": pl.Int16,
            }
        )
    )
    main = (
        payers.filter(pl.col("valid_line"))
        .sort("receipt", "payer_order", "source_line")
        .group_by("receipt", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int16).alias("payer_count"),
            (pl.col("payer_order").min() == 0).alias("insured"),
            *(pl.col(c).first() for c in ("service_days", "points", "charge", "meal_times", "meal_amount")),
        )
    )
    block.receipts = (
        block.receipts.join(main, on="receipt", how="left", maintain_order="left")
        .join(identity, on="receipt", how="left", maintain_order="left")
        .with_columns(pl.col("payer_count").fill_null(0), pl.col("insured").fill_null(False))
    )
    claim, treated = pl.col("claim_month"), pl.col("month")
    odd = block.receipts.filter((treated > claim) | (treated < claim.dt.offset_by(_OLDEST_CLAIM)))
    block.found.flag(odd["line"].to_numpy(), "odd_month")
    _statuses(block)
    _keys(block)
    _branches(block)
    none = block.receipts.filter(pl.col("month").is_not_null() & (pl.col("payer_count") == 0))
    block.found.flag(none["line"].to_numpy(), "no_payer")
    rows = block.attach(payers, "receipt").with_columns(valid=pl.col("valid_line") & pl.col("receipt_valid"))
    block.keep(t.PAYER, rows.filter(pl.col("month").is_not_null()))


def _statuses(block: Block) -> None:
    """valid, returned (返戻) or component (総括対象の明細); parent_id of components."""
    returned = np.zeros(block.receipt_count, dtype=np.bool_)
    index = block.live("HR")
    returned[block.receipt_of[index[block.lines.stage[index] < 11]]] = True
    index = block.live("MK")
    if len(index):
        bucket, _ = block.lines.gather(index, 6)
        hit = bucket.column(6).is_in(list(lay.RETURNED_RESULTS)).fill_null(False).to_numpy()
        returned[block.receipt_of[index[hit]]] = True
        block.results = bucket
    frame = block.receipts
    parent = pl.lit(None, dtype=pl.Int64)
    if block.task.kind == lay.DPC and not block.task.insurer:
        same = (
            (pl.col("number") == pl.col("number").shift(1))
            & (pl.col("birth_text") == pl.col("birth_text").shift(1))
            & (pl.col("month_text") == pl.col("month_text").shift(1))
            & pl.col("number").is_not_null()
        ).fill_null(False)
        parent = pl.when(same).then(pl.when(~same).then(pl.col("receipt_id")).otherwise(None).forward_fill())
    block.receipts = frame.with_columns(
        parent_id=parent, returned=pl.Series(returned, dtype=pl.Boolean)
    ).with_columns(
        status=pl.when(pl.col("returned"))
        .then(pl.lit("returned"))
        .when(pl.col("parent_id").is_not_null())
        .then(pl.lit("component"))
        .otherwise(pl.lit("valid")),
        receipt_valid=~pl.col("returned") & pl.col("month").is_not_null(),
    )


def _keys(block: Block) -> None:
    """The keys from insurer number, symbol, number, branch number, birth date, sex and kana; then these are dropped."""
    branch = pl.DataFrame(schema={"receipt": pl.Int64, "member_branch": pl.String})
    index = block.live("SN")
    index = index[block.valid_line[index]]
    if len(index):
        bucket, _ = block.lines.gather(block.live("SN"), 7)
        block.confirmations = bucket
        block.persons.append(Person(bucket, block.receipt_of[bucket.index], (4, 5)))
        branch = (
            pl.DataFrame(
                {
                    "receipt": block.receipt_of[bucket.index],
                    "payer": bucket.column(1),
                    "member_branch": bucket.column(6),
                    "ok": block.valid_line[bucket.index],
                }
            )
            .filter(pl.col("ok") & (pl.col("payer") == "1") & pl.col("member_branch").is_not_null())
            .unique("receipt", keep="first", maintain_order=True)
            .select("receipt", "member_branch")
        )
    joined = block.receipts.join(branch, on="receipt", how="left", maintain_order="left")
    readable = pl.lit(joined["month"].is_not_null())
    texts = identity_texts(joined).select(pl.when(readable).then(pl.all()))
    block.receipts = pl.concat(
        [
            block.receipts.drop("symbol", "insured_no", "birth", "birth_text", "kana"),
            identity_keys(block.task.key, texts),
        ],
        how="horizontal",
    )


def _branches(block: Block) -> None:
    numbers = block.receipts["insurer_number"].unique().drop_nulls().to_list()
    table = {n: branch_of_insurer(n) for n in numbers}
    block.receipts = block.receipts.with_columns(
        branch=pl.col("insurer_number").replace_strict(table, default=None, return_dtype=pl.String)
    )
    block.common = block.receipts.select(
        "receipt_id", "month", "branch", "institution", "age", "receipt_valid"
    )


def reject_orphans(block: Block) -> None:
    """Lines outside receipts, and lines of receipts whose RE could not be read."""
    outside = (block.receipt_of < 0) & ~block.rejected
    for name in (*lay.HEADERS, "GO", "HI", "HG"):
        outside[block.of(name)] = False
    outside[: block.virtual] = False
    block.reject(np.flatnonzero(outside), "orphan_line")
    if not block.receipt_count:
        return
    dead = block.receipts["month"].is_null().to_numpy()
    has_common = np.zeros(block.receipt_count, dtype=np.bool_)
    common = block.of("RE")
    has_common[block.receipt_of[common[block.receipt_of[common] >= 0]]] = True
    lost = (block.receipt_of >= 0) & ~block.rejected
    lost[lost] = dead[block.receipt_of[lost]]
    lost[: block.virtual] = False
    index = np.flatnonzero(lost)
    without = ~has_common[block.receipt_of[index]]
    block.reject(index[without], "missing_common")
    block.reject(index[~without], "receipt_rejected")


def _prescriber(fields: pl.DataFrame, at: tuple[int, int, int] | None) -> pl.Series:
    if at is None:
        return pl.Series([None] * fields.height, dtype=pl.String)
    prefecture, table, code = (fields[str(p)] for p in at)
    return prefecture.str.zfill(2) + table + code.str.zfill(7)
