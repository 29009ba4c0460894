"""Diagnoses, and records kept as they are (傷病名、その他のレコード)."""

from __future__ import annotations

import numpy as np
import polars as pl

from kenpo.intake.receipts import layouts as lay
from kenpo.intake.receipts.context import Block
from kenpo.intake.receipts.lines import Bucket, read_days
from kenpo.lake.tables import receipts as t

_MAIN = {"SY": "01", "HS": "01", "SB": None}
_SUSPECTED = "8002"
# 傷病名区分 of SB: 11 医療資源を最も投入した傷病名 (the DPC's main diagnosis).
_DPC_MAIN = "11"


def read_records(block: Block) -> None:
    """Rows of `record`: every record of OTHER with the fields that may be stored, and RE records now replaced."""
    parsed = {"SN": block.confirmations, "MK": block.results, "RE": block.replaced_common}
    for name, allowed in {**lay.OTHER, "RE": lay.REPLACED_COMMON}.items():
        index = block.replaced_common.index if name == "RE" else block.live(name)
        if not len(index):
            continue
        day_columns: dict[str, pl.Series] = {}
        if name == "JD":
            bucket, tails = block.lines.gather(index, 1, cut_at=2)
            assert tails is not None
            mask, _, text, bad = read_days(tails)
            day_columns = {"day_mask": pl.Series(mask, dtype=pl.Int32), "days": text}
            block.reject(index[bad], "bad_days", "受診日等の情報")
        elif (known := parsed.get(name)) is not None:
            bucket = known
            keep = ~block.rejected[bucket.index]
            bucket = Bucket(
                bucket.index[keep], bucket.fields.filter(pl.Series(keep)), bucket.undecodable[keep]
            )
        else:
            last = (
                60 if allowed == lay.ALL else max([0, *allowed.values()]) if isinstance(allowed, dict) else 0
            )
            bucket, _ = block.lines.gather(index, last)
            block.flag_undecodable(bucket)
        fields = (
            {
                f"項目{p}": int(p)
                for p in bucket.fields.columns[1:]
                if bucket.fields[p].null_count() < len(bucket.index)
            }
            if allowed == lay.ALL
            else allowed
        )
        assert isinstance(fields, dict)
        frame = block.base(bucket.index).with_columns(
            record_type=pl.lit(name), content=_json(bucket.fields, fields), **day_columns
        )
        if block.task.insurer:
            frame = frame.with_columns(
                stage=pl.Series(block.lines.stage[bucket.index], dtype=pl.Int16),
                row_no=pl.Series(block.lines.row_no[bucket.index], dtype=pl.Int32),
                branch_no=pl.Series(block.lines.branch_no[bucket.index], dtype=pl.Int32),
            )
        block.keep(t.RECORD, frame.filter(~pl.Series(block.rejected[bucket.index])))


def read_diagnoses(block: Block) -> None:
    """Rows of `diagnosis` from SY, HS and SB."""
    for name, spec in lay.DIAGNOSES.items():
        index = block.live(name)
        if not len(index):
            continue
        bucket, _ = block.lines.gather(index, max(spec.values()))
        block.flag_undecodable(bucket)
        f = bucket.fields

        def text(field: str, f: pl.DataFrame = f, spec: dict[str, int] = spec) -> pl.Series:
            if field not in spec:
                return pl.Series([None] * f.height, dtype=pl.String)
            return f[str(spec[field])].str.strip_chars()

        code = text("code")
        bad = code.is_not_null() & ~code.str.contains(r"^[0-9]{7}$")
        rows = np.flatnonzero(bad.to_numpy())
        block.reject(index[rows], "bad_code", "傷病名コード", code.gather(rows))
        if name != "HS":
            block.reject(
                index[np.flatnonzero((code.is_null() & text("name").is_null()).to_numpy())],
                "missing",
                "傷病名コード",
            )
        modifiers = text("modifiers")
        started = (
            block.dates(bucket, spec["started"], "診療開始日")
            if "started" in spec
            else pl.Series([None] * len(index), dtype=pl.Date)
        )
        main = text("category") == _DPC_MAIN if name == "SB" else text("main") == _MAIN[name]
        frame = block.base(index).with_columns(
            record_type=pl.lit(name),
            code=code,
            modifiers=modifiers,
            suspected=modifiers.str.contains(rf"^(?:[0-9A-Za-z]{{4}})*{_SUSPECTED}").fill_null(False),
            name=text("name"),
            started_on=started,
            outcome=text("outcome"),
            main=main.fill_null(False),
            icd10=text("icd10"),
            category=text("category"),
            teeth=text("teeth"),
        )
        block.keep(t.DIAGNOSIS, frame.filter(~pl.Series(block.rejected[index])))


def _json(fields: pl.DataFrame, names: dict[str, int]) -> pl.Series:
    """The named fields that are not blank as a JSON object in text."""
    if not names:
        return pl.Series(["{}"] * fields.height, dtype=pl.String)
    pieces = [
        pl.lit(f'"{title}":"')
        + pl.col(str(position))
        .str.replace_all("\\", "\\\\", literal=True)
        .str.replace_all('"', '\\"', literal=True)
        + pl.lit('"')
        for title, position in names.items()
    ]
    return fields.select(
        (pl.lit("{") + pl.concat_str(pieces, separator=",", ignore_nulls=True) + pl.lit("}")).alias("content")
    ).to_series()
