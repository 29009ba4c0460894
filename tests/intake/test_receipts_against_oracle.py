"""The fast reader of receipts (レセプトの取込) against the slow, obvious one, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from tests.lakes import differences, fresh, load, raw_content, rows, samples, tried
from tests.oracle.reader import OracleFile, OracleRow, physical_lines, read
from tests.strategies import RecodeCase, UkeCase, recode_cases, uke_cases

from kenpo.lake import FileEntry, Lake
from kenpo.synth.receipts import (
    RECODE_NAMES,
    UKE_NAMES,
    encode,
    recode_info_lines,
    uke_lines,
)

CODES = ["620000001", "620000002", "610000003", "629999904"]
STANDING = {"IR", "UK", "YK", "GO"}
"""Records that stand for the file and not for a receipt: headers and the total."""

Rows = set[tuple[Any, ...]]


def uke_file(case: UkeCase) -> dict[str, bytes]:
    lines = uke_lines(
        case.institution, case.receipts, case.claim_month, dates=case.dates, trailing=case.trailing
    )
    return {UKE_NAMES[case.kind]: encode(lines, newline=case.newline, eof=case.eof)}


def recode_files(case: RecodeCase) -> dict[str, bytes]:
    out = {}
    for kind, name in RECODE_NAMES.items():
        claims = [c for c in case.claims if c[1].kind == kind]
        if claims:
            lines = recode_info_lines(claims, case.claim_month, dates=case.dates, trailing=case.trailing)
            out[name] = encode(lines, newline=case.newline, eof=False)
    return out


class Loaded:
    """One file of a lake: its rows by table, and the line each receipt's RE stands on."""

    def __init__(self, lake: Lake, entry: FileEntry) -> None:
        self.lake, self.entry = lake, entry
        self.receipt_line = {r["receipt_id"]: r["source_line"] for r in self.table("receipt")}

    def table(self, name: str) -> Iterator[dict[str, Any]]:
        frame = rows(self.lake, name)
        return frame.filter(pl.col("source_file") == self.entry.file_id).iter_rows(named=True)

    def codes(self, name: str) -> set[str]:
        return {r["code"] for r in self.table(name)}


def receipts_read(file: Loaded) -> Rows:
    return {
        (
            r["source_line"],
            r["kind"],
            r["receipt_number"],
            r["receipt_type"],
            r["month"],
            r["insurer_number"],
            r["branch"],
            r["institution"],
            r["sex"],
            r["age"],
            r["service_days"],
            r["points"],
            r["insured"],
            r["payer_count"],
            r["status"] == "valid",
        )
        for r in file.table("receipt")
    }


def receipts_expected(oracle: OracleFile) -> Rows:
    return {
        (
            r.line,
            r.kind,
            str(r.number),
            r.receipt_type,
            r.month,
            r.insurer_number,
            r.branch[2:] if r.branch else None,
            r.institution,
            r.sex,
            r.age,
            r.days,
            r.points,
            r.insured,
            r.payer_count,
            r.valid,
        )
        for r in oracle.receipts
    }


def diagnoses_read(file: Loaded) -> Rows:
    return {
        (
            file.receipt_line[r["receipt_id"]],
            r["source_line"],
            r["record_type"],
            r["code"],
            r["started_on"],
            r["outcome"] or "",
            r["modifiers"] or "",
            r["name"] or "",
            r["main"],
            r["valid"],
        )
        for r in file.table("diagnosis")
    }


def diagnoses_expected(oracle: OracleFile) -> Rows:
    return {
        (
            oracle.receipts[d.receipt].line,
            d.line,
            d.record_type,
            d.code,
            d.start,
            d.outcome,
            d.modifiers,
            d.name,
            d.main,
            d.valid,
        )
        for d in oracle.diagnoses
    }


def details_read(file: Loaded, table: str) -> tuple[Rows, Rows]:
    """Rows that count with everything on them, and replaced rows (補正前) with what stands on their own line."""
    counted, replaced = set(), set()
    for r in file.table(table):
        if table == "procedure" and r["record_type"] in ("CZ", "KI"):
            continue
        own = (
            file.receipt_line[r["receipt_id"]],
            r["source_line"],
            r["record_type"],
            r["code"],
            r["quantity"],
        )
        if not r["valid"]:
            replaced.add(own)
            continue
        unit = (r["section"], r["burden"], r["points"], r["unit_points"], r["days"])
        counted.add(
            (*own, *unit, *(() if no_times(file.entry.kind, table) else (r["times"],)), r.get("total"))
        )
    return counted, replaced


def details_expected(oracle: OracleFile, found: Iterable[OracleRow], table: str) -> tuple[Rows, Rows]:
    counted, replaced = set(), set()
    for r in found:
        own = (oracle.receipts[r.receipt].line, r.line, r.record_type, r.code, r.quantity)
        if not r.valid:
            replaced.add(own)
            continue
        days = ",".join(f"{day}:{count}" for day, count in r.days) or None
        unit = (r.category, r.burden, r.points, r.unit_points, days)
        total = r.total if table == "drug" else None
        counted.add((*own, *unit, *(() if no_times(oracle.kind, table) else (r.times,)), total))
    return counted, replaced


def no_times(kind: str, table: str) -> bool:
    """Materials of a pharmacy (調剤の特定器材) carry no times of their own."""
    return kind == "pharmacy" and table == "material"


def comments_read(file: Loaded) -> Rows:
    return {
        (
            file.receipt_line[r["receipt_id"]],
            r["source_line"],
            r["code"] or "",
            r["text"] or "",
            r["section"] if r["valid"] else None,
            r["valid"],
        )
        for r in file.table("comment")
        if r["record_type"] == "CO"
    }


def comments_expected(oracle: OracleFile) -> Rows:
    return {
        (oracle.receipts[c.receipt].line, c.line, c.code, c.text, c.category if c.valid else None, c.valid)
        for c in oracle.comments
    }


def is_whole(row: OracleRow) -> bool:
    """Whether a drug row says how much: without 使用量 or 回数 it must be rejected, not guessed."""
    return row.quantity is not None and row.times is not None


def check(lake: Lake, entry: FileEntry, oracle: OracleFile) -> None:
    """The file in the lake is what the slow reader makes of it."""
    file = Loaded(lake, entry)
    assert entry.kind == oracle.kind
    assert entry.format == ("recode_info" if oracle.insurer_side else "uke")
    assert receipts_read(file) == receipts_expected(oracle)
    assert diagnoses_read(file) == diagnoses_expected(oracle)
    assert comments_read(file) == comments_expected(oracle)
    lacking = {d.line for d in oracle.drugs if d.valid and not is_whole(d)}
    rejected = {r["source_line"] for r in file.table("intake_reject")}
    assert lacking <= rejected
    drugs = [d for d in oracle.drugs if d.line not in rejected]
    assert {d.line for d in oracle.drugs if d.valid and is_whole(d)} <= {d.line for d in drugs}
    for table, found in (("drug", drugs), ("procedure", oracle.procedures), ("material", oracle.materials)):
        assert details_read(file, table) == details_expected(oracle, found, table), table
    assert json.loads(entry.line_counts) == dict(oracle.lines_by_record_type)
    assert entry.lines == sum(oracle.lines_by_record_type.values())
    assert (entry.receipts, entry.points) == (sum(r.valid for r in oracle.receipts), oracle.computed_points)
    assert total_flags(file) == expected_total_flags(oracle)


def total_flags(file: Loaded) -> set[tuple[str, str | None, str | None]]:
    kinds = ("go_count_mismatch", "go_points_mismatch", "go_missing")
    return {(r["code"], r["expected"], r["actual"]) for r in file.table("intake_flag") if r["code"] in kinds}


def expected_total_flags(oracle: OracleFile) -> set[tuple[str, str | None, str | None]]:
    if oracle.insurer_side:
        return set()
    out: set[tuple[str, str | None, str | None]] = set()
    if oracle.go_count != oracle.computed_count:
        out.add(("go_count_mismatch", str(oracle.go_count), str(oracle.computed_count)))
    if oracle.go_points != oracle.computed_points:
        out.add(("go_points_mismatch", str(oracle.go_points), str(oracle.computed_points)))
    return out


def lost_lines(lake: Lake, entry: FileEntry, data: bytes) -> list[tuple[int, str]]:
    """Physical lines that are in no table, no reject, and are neither header nor total."""
    kept: set[int] = set()
    for name in (*RECEIPT_TABLES, "intake_reject"):
        frame = rows(lake, name).filter(pl.col("source_file") == entry.file_id)
        kept |= set(frame["source_line"].to_list())
    lines = physical_lines(data)
    return [(x.number, x.record) for x in lines if x.number not in kept and x.record not in STANDING]


RECEIPT_TABLES = (
    "receipt", "payer", "diagnosis", "procedure", "drug", "material", "comment", "dispensing", "record",
)  # fmt: skip


def compare(folder: Path, files: dict[str, bytes], **options: Any) -> Lake:
    lake, reports = load(folder, files, **options)
    assert {r.name: r.status for r in reports} == dict.fromkeys((Path(n).name for n in files), "loaded")
    for entry in lake.files():
        check(lake, entry, read(files[entry.name], entry.name))
    return lake


@tried(25)
@given(case=uke_cases(CODES))
def test_a_uke_file_reads_as_the_slow_reader_reads_it(case: UkeCase, tmp_path_factory):
    with fresh(tmp_path_factory) as folder:
        compare(folder, uke_file(case))


@tried(25)
@given(case=recode_cases(CODES))
def test_corrected_receipts_of_the_insurer_read_as_the_slow_reader_reads_them(
    case: RecodeCase, tmp_path_factory
):
    with fresh(tmp_path_factory) as folder:
        compare(folder, recode_files(case))


@tried(12)
@given(case=uke_cases(CODES))
def test_no_line_of_a_uke_file_is_lost(case: UkeCase, tmp_path_factory):
    with fresh(tmp_path_factory) as folder:
        files = uke_file(case)
        lake, _ = load(folder, files)
        assert [lost_lines(lake, e, files[e.name]) for e in lake.files()] == [[]]


@tried(12)
@given(case=recode_cases(CODES))
def test_no_line_of_the_insurers_files_is_lost(case: RecodeCase, tmp_path_factory):
    with fresh(tmp_path_factory) as folder:
        files = recode_files(case)
        lake, _ = load(folder, files)
        assert [lost_lines(lake, e, files[e.name]) for e in lake.files()] == [[]] * len(files)


@tried(10)
@given(case=uke_cases(CODES))
def test_a_uke_file_cut_into_many_blocks_gives_the_same_rows(case: UkeCase, tmp_path_factory):
    with fresh(tmp_path_factory) as folder:
        same_in_small_blocks(folder, uke_file(case))


@tried(10)
@given(case=recode_cases(CODES))
def test_the_insurers_files_cut_into_many_blocks_give_the_same_rows(case: RecodeCase, tmp_path_factory):
    with fresh(tmp_path_factory) as folder:
        same_in_small_blocks(folder, recode_files(case))


def same_in_small_blocks(folder: Path, files: dict[str, bytes]) -> None:
    whole, _ = load(folder / "whole", files)
    small, _ = load(folder / "small", files, block_bytes=700)
    assert differences(raw_content(whole), raw_content(small)) == []
    counts = [
        [(f.lines, f.rejects, f.receipts, f.points, f.line_counts) for f in x.files()] for x in (whole, small)
    ]
    assert counts[0] == counts[1]


def test_the_sample_files_read_as_the_slow_reader_reads_them(tmp_path: Path):
    files = {p.name: p.read_bytes() for p in samples()}
    lake = compare(tmp_path, files)
    assert len(lake.files()) == len(files) == 12
    assert rows(lake, "intake_reject").is_empty()
    assert [lost_lines(lake, e, files[e.name]) for e in lake.files()] == [[]] * 12


def test_the_sample_files_cut_into_many_blocks_give_the_same_rows(tmp_path: Path):
    same_in_small_blocks(tmp_path, {p.name: p.read_bytes() for p in samples()})


def test_several_processes_give_the_same_rows_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lines = [f"RE,{n},1112,202405,架空　太郎,1,19550601\r\nHO,01130012,１,２,1,{n}" for n in range(1, 200)]
    text = "\r\n".join(["IR,1,13,1,9990001,,架空医院,202406,00,", *lines, "GO,199,19900,99", ""])
    files = {"RECEIPTC.UKE": text.encode("cp932")}
    one, _ = load(tmp_path / "one", files)
    monkeypatch.setattr("kenpo.intake.load._POOL_FROM", 0)
    two, _ = load(tmp_path / "two", files, workers=2, block_bytes=1000)
    assert rows(one, "receipt").height == 199
    assert rows(one, "intake_flag").is_empty()
    assert differences(raw_content(one), raw_content(two)) == []


def test_every_sample_row_with_days_has_as_many_days_as_times(tmp_path: Path):
    lake, _ = load(tmp_path, {p.name: p.read_bytes() for p in samples()})
    with_days = 0
    for table in ("drug", "procedure"):
        for r in rows(lake, table).filter(pl.col("days").is_not_null()).iter_rows(named=True):
            with_days += 1
            assert sum(int(x.split(":")[1]) for x in r["days"].split(",")) == r["times"]
            assert r["day_mask"] == sum(1 << int(x.split(":")[0]) - 1 for x in r["days"].split(","))
    assert with_days > 100
    assert all(r == Decimal(0) or r > 0 for r in rows(lake, "drug")["total"])
