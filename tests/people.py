"""Lakes of invented people (架空の加入者): rows written as a test says them, with what it leaves out filled in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from kenpo.lake import FileEntry, Lake, write_part
from kenpo.lake.tables import ALL_TABLES

AS_OF = date(2025, 3, 31)
APRIL = date(2024, 4, 1)

_DELIVERED = {"as_of": AS_OF, "full": True, "change": "upsert", "branch": "13"}
_DETAIL = {
    "month": APRIL,
    "branch": "13",
    "kind": "medical",
    "valid": True,
    "record_type": "SI",
    "code": "111000110",
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "workplace": {
        **_DELIVERED,
        "symbol": "11",
        "industry": "44",
        "industry_section": "H",
        "applied_on": date(1990, 4, 1),
        "consultant": False,
        "electronic": True,
    },
    "member": {
        **_DELIVERED,
        "member_id": "a",
        "birth_date": date(1980, 6, 15),
        "sex": "1",
        "municipality": "13101",
        "mynumber": True,
    },
    "enrolment": {
        **_DELIVERED,
        "member_id": "a",
        "workplace": "11",
        "kind": "insured",
        "voluntary": False,
        "acquired_on": date(2020, 4, 1),
    },
    "remuneration": {
        **_DELIVERED,
        "member_id": "a",
        "from_month": date(2020, 4, 1),
        "standard": 300_000,
    },
    "receipt": {
        "month": APRIL,
        "branch": "13",
        "kind": "medical",
        "valid": True,
        "status": "valid",
        "format": "uke",
        "inpatient": False,
        "insured": True,
        "payer_count": 1,
        "institution": "1319990001",
        "age": 43,
        "sex": "1",
        "service_days": 1,
        "points": 1000,
        "member_key": "a",
    },
    "procedure": {**_DETAIL, "position": 1},
    "drug": {**_DETAIL, "record_type": "IY", "code": "610463166", "quantity": 1, "total": 1},
    "material": {**_DETAIL, "record_type": "TO"},
    "record": {**_DETAIL, "record_type": "JD"},
    "dispensing": {**_DETAIL, "kind": "pharmacy", "prescription": 1, "quantity": 1},
    "institution": {
        "institution": "1319990001",
        "prefecture": "13",
        "table_code": "1",
        "name": "架空医院",
        "municipality": "千代田区",
        "municipality_code": "13101",
        "claim_month": date(2024, 5, 1),
    },
}


def _filled(table: str, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    out = {"source_file": table, "source_line": number + 1, **_DEFAULTS[table], **row}
    if table == "enrolment":
        out.setdefault("insured_id", out["member_id"])
    if table in ("enrolment", "receipt"):
        out.setdefault("member_key", out.get("member_id"))
        out.setdefault("member_key_loose", out["member_key"])
        out.setdefault("card_key", f"card {out['member_key']}")
    if table == "receipt":
        out.setdefault("receipt_id", number + 1)
    known = ALL_TABLES[table].names
    return {k: v for k, v in out.items() if k in known}


def write(lake: Lake, table: str, rows: Sequence[Mapping[str, Any]], name: str | None = None) -> None:
    """Put rows of a table into the lake as one file; columns left out get the values of an ordinary case.

    Without a key of its own, an enrolment's member_key is its member_id, and a receipt's is "a".
    """
    name = name or table
    known = ALL_TABLES[table]
    made = [_filled(table, n, row) | {"source_file": name} for n, row in enumerate(rows)]
    schema = {c: t for c, t in known.polars_schema.items() if any(c in r for r in made)}
    frame = pl.DataFrame(made, schema=schema or known.polars_schema)
    digest = hashlib.sha256(f"{name} {made}".encode()).hexdigest()
    entry = FileEntry(
        file_id=name,
        number=lake.file_number(digest),
        name=f"{name}.csv",
        sha256=digest,
        size=1,
        format="members",
        kind=table,
        edition=None,
        lines=len(made),
        rows=len(made),
        rejects=0,
        receipts=0,
        points=0,
        loaded_at="2025-04-01T00:00:00",
        seconds="0",
    )
    lake.commit(entry, write_part(lake.root, known, frame, name))


def lake_of(folder: Path, **tables: Sequence[Mapping[str, Any]]) -> Lake:
    """A lake in the folder with the rows of each table. Without `workplace` or `member`, those the enrolments name."""
    lake = Lake.create(folder / "lake")
    spans = [_filled("enrolment", n, r) for n, r in enumerate(tables.get("enrolment", ()))]
    if spans and "workplace" not in tables:
        named = {(s["branch"], s["workplace"]) for s in spans if s["workplace"]}
        tables["workplace"] = [{"branch": b, "symbol": w} for b, w in sorted(named)]
    if spans and "member" not in tables:
        who = {(s["branch"], s["member_id"]) for s in spans}
        tables["member"] = [{"branch": b, "member_id": m} for b, m in sorted(who)]
    for table, rows in tables.items():
        if rows:
            write(lake, table, rows)
    return lake
