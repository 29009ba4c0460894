"""Makes a large invented lake fast, past intake: `python bench/make_lake.py FOLDER RECEIPTS [SEED]`.

Canonical `receipt` and `drug` parts of four kinds, 47 branches and 36 months, about three drug lines per receipt,
one input file per kind and month; real drug codes with the shipped masters, and some that no master knows.
`make_masters` makes many editions of one master.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kenpo.base.branches import BRANCHES
from kenpo.base.fiscal import add_months, month_range
from kenpo.intake.facts import facts_frames
from kenpo.intake.load import load_facts
from kenpo.lake import FileEntry, Lake, write_part
from kenpo.lake.store import Part
from kenpo.lake.tables.masters import DRUG_MASTER
from kenpo.lake.tables.receipts import DRUG, RECEIPT

MONTHS = month_range(date(2022, 4, 1), date(2025, 3, 1))
KINDS = {"medical": ("1", 0.45), "dpc": ("1", 0.03), "dental": ("3", 0.12), "pharmacy": ("4", 0.40)}
UNKNOWN = tuple(f"62999{n:04d}" for n in range(40))
PATTERNS = ("1:1", "5:28", "12:14", "3:7,17:7", "9:30", "2:1,16:1")
_CODE_WEIGHTS = {"3": 60.0, "★": 4.0, "2": 12.0, "☆": 3.0, "1": 12.0}


def make(root: Path, receipts: int, seed: int = 1) -> dict[str, int]:
    """Make a lake of about so many receipts. Returns receipts, drug lines and bytes."""
    lake = Lake.create(root)
    load_facts(lake)
    chance = np.random.default_rng(seed)
    codes, weights = _codes()
    made = {"receipts": 0, "lines": 0, "bytes": 0}
    with lake.writing():
        for number, (month, kind) in enumerate([(m, k) for m in MONTHS for k in KINDS], start=1):
            count = int(receipts * KINDS[kind][1] / len(MONTHS))
            head, lines = _frames(chance, number, month, kind, count, codes, weights)
            parts = write_part(root, RECEIPT, head, f"{number:09x}-00000")
            parts += write_part(root, DRUG, lines, f"{number:09x}-00000")
            lake.commit(_entry(number, kind, head.height, lines.height, parts), parts)
            made["receipts"] += head.height
            made["lines"] += lines.height
            made["bytes"] += sum(p.bytes for p in parts)
    return made


def _codes() -> tuple[pl.Series, np.ndarray[Any, Any]]:
    """Drug codes of the shipped master and unknown ones, with the weight each is drawn by."""
    frames = facts_frames()
    listed = frames["generic_class"].frame.select("price_list_code", "class_code")
    drugs = frames["drug_master"].frame.join(listed, on="price_list_code", how="left").sort("code")
    known = [_CODE_WEIGHTS.get(c or "", 4.0) for c in drugs["class_code"]]
    sizes = drugs.group_by("class_code").len()
    per_class = {r["class_code"]: r["len"] for r in sizes.iter_rows(named=True)}
    weights = [w / per_class[c] for w, c in zip(known, drugs["class_code"], strict=True)]
    every = np.array(weights + [0.015 * sum(weights) / len(UNKNOWN)] * len(UNKNOWN))
    return pl.Series([*drugs["code"], *UNKNOWN]), every / every.sum()


def _frames(
    chance: np.random.Generator,
    number: int,
    month: date,
    kind: str,
    count: int,
    codes: pl.Series,
    weights: np.ndarray[Any, Any],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Receipts of one file and their drug lines."""
    lines_of = chance.integers(1, 6, count)
    first_line = (
        2 + np.concatenate([[0], np.cumsum(lines_of + 3)[:-1]]) if count else np.zeros(0, dtype=np.int64)
    )
    branch = chance.integers(0, len(BRANCHES) + 1, count)
    place = np.where(
        chance.random(count) < 0.95, branch % len(BRANCHES), chance.integers(0, len(BRANCHES), count)
    )
    institution = place * 40 + chance.integers(0, 40, count)
    points = chance.integers(100, 5000, count)
    head = pl.DataFrame(
        {
            "source_line": first_line,
            "receipt_id": (number << 28) | first_line.astype(np.int64),
            "branch": pl.Series([*(b.code for b in BRANCHES), None], dtype=pl.String).gather(branch),
            "institution": _institutions(KINDS[kind][0]).gather(institution),
            "age": chance.integers(0, 75, count).astype(np.int16),
            "valid": chance.random(count) < 0.995,
            "receipt_number": np.arange(1, count + 1),
            "member_key": chance.integers(0, 1 << 62, count),
            "sex": chance.integers(1, 3, count),
            "service_days": chance.integers(1, 5, count),
            "points": points,
        }
    ).with_columns(
        pl.lit(f"{number:09x}").alias("source_file"),
        pl.lit(month).alias("month"),
        pl.lit(kind).alias("kind"),
        pl.lit("uke").alias("format"),
        pl.when("valid").then(pl.lit("valid")).otherwise(pl.lit("returned")).alias("status"),
        pl.lit(add_months(month, 1)).alias("claim_month"),
        pl.col("receipt_number").cast(pl.String),
        pl.lit(f"{KINDS[kind][0]}112").alias("receipt_type"),
        pl.col("member_key").cast(pl.String).str.zfill(32),
        pl.col("sex").cast(pl.String),
        pl.lit(True).alias("insured"),
        pl.lit(1).alias("payer_count"),
    )
    of = np.repeat(np.arange(count), lines_of)
    total = len(of)
    times = chance.choice(np.array([1, 5, 7, 14, 28, 30]), total)
    quantity = chance.choice(np.array([1.0, 1.0, 2.0, 3.0, 0.5, 10.0]), total)
    within = np.arange(total) - np.repeat(np.cumsum(lines_of) - lines_of, lines_of)
    drug_points = chance.integers(1, 300, total)
    shared = ("source_file", "receipt_id", "month", "branch", "kind", "valid", "institution", "age")
    lines = head.select(shared)[of].with_columns(
        source_line=pl.Series(first_line[of] + 3 + within),
        record_type=pl.lit("CD" if kind == "dpc" else "IY"),
        section=pl.lit("21"),
        burden=pl.lit("1"),
        code=codes.gather(chance.choice(len(codes), total, p=weights)),
        quantity=pl.Series(quantity).cast(pl.Decimal(18, 5)),
        total=pl.Series(quantity * times).cast(pl.Decimal(18, 5)),
        points=pl.Series(drug_points),
        times=pl.Series(times),
        unit_line=pl.Series(first_line[of] + 3 + within),
        unit_points=pl.Series(drug_points),
        day_mask=pl.Series(chance.integers(1, 1 << 30, total)),
        days=pl.Series(PATTERNS).gather(chance.integers(0, len(PATTERNS), total)),
    )
    return head, lines


def _institutions(table: str) -> pl.Series:
    return pl.Series([f"{b.code}{table}99{n:05d}" for b in BRANCHES for n in range(40)])


def _entry(number: int, kind: str, receipts: int, lines: int, parts: Sequence[Part]) -> FileEntry:
    return FileEntry(
        file_id=f"{number:09x}",
        number=number,
        name=f"bench/{number:04d}.UKE",
        sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        size=sum(p.bytes for p in parts),
        format="uke",
        kind=kind,
        edition=None,
        lines=lines + 3 * receipts,
        rows=lines + 3 * receipts,
        rejects=0,
        receipts=receipts,
        points=0,
        loaded_at="2025-05-01T00:00:00+09:00",
        seconds="0.000",
    )


def make_masters(root: Path, codes: int, full: int, changes: int, seed: int = 1) -> int:
    """A lake with `full` whole editions of the drug master and `changes` between them. Returns rows."""
    lake = Lake.create(root)
    chance = np.random.default_rng(seed)
    every = np.array([f"62{n:07d}" for n in range(codes)])
    days = pl.date_range(MONTHS[0], MONTHS[-1], "1d", eager=True)
    picked = chance.choice(len(days), full + changes, replace=False)
    rows = 0
    with lake.writing():
        for number, at in enumerate(picked.tolist(), start=1):
            whole = number <= full
            share = 0.97 if whole else 0.02
            chosen = every[chance.random(codes) < share]
            frame = pl.DataFrame({"code": chosen}).with_columns(
                source_file=pl.lit(f"{number:09x}"),
                source_line=pl.Series(np.arange(1, len(chosen) + 1)),
                edition=pl.lit(days[at]),
                full=pl.lit(whole),
                change=pl.Series(chance.choice(np.array(["0", "0", "0", "3", "5", "1", "9"]), len(chosen)))
                if not whole
                else pl.lit("0"),
                name=pl.lit("例示錠"),
                price=pl.Series(chance.integers(570, 99_999, len(chosen))).cast(pl.Decimal(12, 2)) / 100,
                price_list_code=pl.col("code"),
                abolished_on=pl.Series(
                    [days[int(i)] if i >= 0 else None for i in _abolished(chance, len(chosen), len(days))],
                    dtype=pl.Date,
                ),
            )
            parts = write_part(root, DRUG_MASTER, frame, f"{number:09x}-00000")
            lake.commit(_entry(number, "drug_master", 0, len(chosen), parts), parts)
            rows += len(chosen)
    return rows


def _abolished(chance: np.random.Generator, count: int, days: int) -> np.ndarray[Any, Any]:
    """Index of the last usable day (廃止年月日) for one code in twenty, -1 for the others."""
    return np.where(chance.random(count) < 0.05, chance.integers(0, days, count), -1)


if __name__ == "__main__":
    began = time.perf_counter()
    result = make(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    print(result, f"{time.perf_counter() - began:.1f} s")
