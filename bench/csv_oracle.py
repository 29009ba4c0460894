"""The simple way to read a 医科 UKE file, as a baseline: `python bench/csv_oracle.py FILE FOLDER`.

One process, the csv module, one typed row after another, Parquet in batches with pyarrow.
"""

from __future__ import annotations

import csv
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BATCH = 200_000
ERA_YEAR_ZERO = {"1": 1867, "2": 1911, "3": 1925, "4": 1988, "5": 2018}
Row = dict[str, Any]

_QUANTITY = pa.decimal128(18, 5)
_ROW = [
    ("receipt", pa.int32()),
    ("line", pa.int32()),
    ("category", pa.string()),
    ("burden", pa.string()),
    ("code", pa.string()),
    ("quantity", _QUANTITY),
    ("points", pa.int32()),
    ("unit_points", pa.int32()),
    ("times", pa.int32()),
    ("days", pa.list_(pa.int16())),
]
SCHEMAS = {
    "RE": pa.schema(
        [
            ("receipt", pa.int32()),
            ("line", pa.int32()),
            ("number", pa.int32()),
            ("receipt_type", pa.string()),
            ("month", pa.date32()),
            ("name", pa.string()),
            ("sex", pa.string()),
            ("birth", pa.date32()),
        ]
    ),
    "HO": pa.schema(
        [
            ("receipt", pa.int32()),
            ("line", pa.int32()),
            ("insurer_number", pa.string()),
            ("symbol", pa.string()),
            ("number", pa.string()),
            ("days", pa.int32()),
            ("points", pa.int64()),
        ]
    ),
    "KO": pa.schema(
        [
            ("receipt", pa.int32()),
            ("line", pa.int32()),
            ("payer_number", pa.string()),
            ("recipient", pa.string()),
            ("days", pa.int32()),
            ("points", pa.int64()),
        ]
    ),
    "SY": pa.schema(
        [
            ("receipt", pa.int32()),
            ("line", pa.int32()),
            ("code", pa.string()),
            ("start", pa.date32()),
            ("outcome", pa.string()),
            ("modifiers", pa.string()),
            ("name", pa.string()),
            ("main", pa.bool_()),
        ]
    ),
    "SI": pa.schema(_ROW),
    "IY": pa.schema(_ROW),
    "TO": pa.schema(_ROW),
    "CO": pa.schema(
        [
            ("receipt", pa.int32()),
            ("line", pa.int32()),
            ("category", pa.string()),
            ("burden", pa.string()),
            ("code", pa.string()),
            ("text", pa.string()),
        ]
    ),
}


class Sink:
    """One Parquet file per record type, written in batches."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.rows: dict[str, list[Row]] = {name: [] for name in SCHEMAS}
        self.writers: dict[str, pq.ParquetWriter] = {}

    def add(self, record: str, row: Row) -> None:
        """Keep a row; rows of the receipt being read are never in a batch on its way out (see flush)."""
        self.rows[record].append(row)

    def flush(self, least: int) -> None:
        """Write every record type that has at least so many rows; called between receipts."""
        for record, rows in self.rows.items():
            if len(rows) < max(least, 1):
                continue
            if record not in self.writers:
                self.writers[record] = pq.ParquetWriter(self.folder / f"{record}.parquet", SCHEMAS[record])
            self.writers[record].write_table(pa.Table.from_pylist(rows, schema=SCHEMAS[record]))
            self.rows[record] = []

    def close(self) -> None:
        """Write what is left."""
        self.flush(1)
        for writer in self.writers.values():
            writer.close()


def load(path: Path | str, out_dir: Path | str) -> dict[str, int]:
    """Read a file into typed Parquet files. Returns receipts, lines and points (総合計点数 as computed)."""
    sink = Sink(Path(out_dir))
    receipts = lines = points = 0
    receipt = -1
    category: str | None = None
    unit: list[Row] = []
    paid = True
    with Path(path).open(encoding="cp932", newline="") as source:
        for fields in csv.reader(source, quoting=csv.QUOTE_NONE):
            record = fields[0]
            if record == "\x1a":
                continue
            lines += 1
            base: Row = {"receipt": receipt, "line": lines}
            if record == "RE":
                sink.flush(BATCH)
                receipts += 1
                receipt += 1
                category, unit, paid = None, [], False
                sink.add("RE", _common(receipt, lines, fields))
            elif record == "HO":
                row = base | {
                    "insurer_number": fields[1].strip(),
                    "symbol": fields[2],
                    "number": fields[3],
                    "days": _int(fields, 4),
                    "points": _int(fields, 5),
                }
                sink.add("HO", row)
                points += row["points"] or 0
                paid = True
            elif record == "KO":
                row = base | {
                    "payer_number": fields[1],
                    "recipient": fields[2],
                    "days": _int(fields, 4),
                    "points": _int(fields, 5),
                }
                sink.add("KO", row)
                points += 0 if paid else row["points"] or 0
                paid = True
            elif record == "SY":
                sink.add("SY", base | _diagnosis(fields))
            elif record in ("SI", "IY", "TO"):
                if fields[1]:
                    category, unit = fields[1], []
                row = base | _row(fields, category, 17 if record == "TO" else 13)
                sink.add(record, row)
                unit.append(row)
                if row["points"] is not None:
                    for member in unit:
                        member["unit_points"] = row["points"]
                        if member["times"] is None:
                            member["times"] = row["times"]
                    unit = []
            elif record == "CO":
                if fields[1]:
                    category, unit = fields[1], []
                text = fields[4] if len(fields) > 4 else ""
                row = {"category": category, "burden": fields[2], "code": fields[3], "text": text}
                sink.add("CO", base | row)
    sink.close()
    return {"receipts": receipts, "lines": lines, "points": points}


def _common(receipt: int, line: int, fields: list[str]) -> Row:
    return {
        "receipt": receipt,
        "line": line,
        "number": int(fields[1]),
        "receipt_type": fields[2],
        "month": _day(fields[3] + "01"),
        "name": fields[4],
        "sex": fields[5],
        "birth": _day(fields[6]),
    }


def _diagnosis(fields: list[str]) -> Row:
    return {
        "code": fields[1],
        "start": _day(fields[2]),
        "outcome": fields[3] if len(fields) > 3 else "",
        "modifiers": fields[4] if len(fields) > 4 else "",
        "name": fields[5] if len(fields) > 5 else "",
        "main": len(fields) > 6 and fields[6] == "01",
    }


def _row(fields: list[str], category: str | None, first_day: int) -> Row:
    daily = fields[first_day : first_day + 31]
    points = _int(fields, 5)
    return {
        "category": category,
        "burden": fields[2],
        "code": fields[3],
        "quantity": Decimal(fields[4]) if len(fields) > 4 and fields[4] else None,
        "points": points,
        "unit_points": points,
        "times": _int(fields, 6),
        "days": [int(d) if d else 0 for d in daily],
    }


def _int(fields: list[str], column: int) -> int | None:
    return int(fields[column]) if column < len(fields) and fields[column] else None


def _day(text: str) -> date | None:
    """年月日 in 西暦 (8 digits) or 和暦 (7 digits)."""
    if not text:
        return None
    if len(text) == 8:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    return date(ERA_YEAR_ZERO[text[0]] + int(text[1:3]), int(text[3:5]), int(text[5:]))


if __name__ == "__main__":
    began = time.perf_counter()
    loaded = load(sys.argv[1], sys.argv[2])
    print(loaded, f"{time.perf_counter() - began:.1f} s")
