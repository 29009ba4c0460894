"""`kenpo lake`: what is in the lake, what was rejected, what needs a look."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import polars as pl

from kenpo.cli.output import console, number, table
from kenpo.intake.receipts.files import volume_flags
from kenpo.intake.receipts.layouts import KIND_TITLES as RECEIPT_KINDS
from kenpo.lake import FileEntry, Lake
from kenpo.lake.tables import ALL_TABLES
from kenpo.lake.tables.cases import SNAPSHOT

KIND_TITLES = RECEIPT_KINDS | {name: t.title for name, t in ALL_TABLES.items()}
CLAIM_FORMATS = ("uke", "recode_info")
_SHOWN = 200


def _frame(expression: Any) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(expression.to_pyarrow()))


def flags(lake: Lake) -> pl.DataFrame:
    """Every flag, those of volumes judged together included. Columns of intake_flag."""
    return pl.concat([_frame(lake.table("intake_flag")), volume_flags(lake.files())])


def as_dict(lake: Lake) -> dict[str, Any]:
    """The whole report as JSON-ready values.

    receipts: valid receipts by kind; receipts_by_status: all of them; lines: physical lines by record type of claim
    files; total_points, total_days: over valid receipts; rejects and flags: by code, with every entry listed.
    """
    files = lake.files()
    claims = [f for f in files if f.format in CLAIM_FORMATS]
    receipt = lake.table("receipt")
    by_kind = _frame(
        receipt.group_by("kind", "status").aggregate(
            receipts=receipt.count(),
            points=receipt.points.sum().fill_null(0),
            days=receipt.service_days.sum().fill_null(0),
        )
    )
    valid = by_kind.filter(pl.col("status") == "valid")
    lines: Counter[str] = Counter()
    for f in claims:
        lines.update(json.loads(f.line_counts))
    rejects, flagged = _frame(lake.table("intake_reject")), flags(lake)
    names = {f.file_id: f.name for f in files}
    counted = receipt.filter(receipt.valid)
    months = _frame(counted.group_by("month").aggregate(receipts=counted.count()).order_by("month"))
    return {
        "files": [_file(f) for f in files],
        "receipts": {r["kind"]: r["receipts"] for r in valid.sort("kind").iter_rows(named=True)},
        "receipts_by_status": {
            status: int(by_kind.filter(pl.col("status") == status)["receipts"].sum())
            for status in sorted(by_kind["status"].unique())
        },
        "receipts_without_branch": _count(counted.filter(counted.branch.isnull())),
        "months": {f"{r['month']:%Y-%m}": r["receipts"] for r in months.iter_rows(named=True)},
        "lines": dict(sorted(lines.items())),
        "total_lines": sum(lines.values()),
        "total_points": int(valid["points"].sum()),
        "points": {r["kind"]: int(r["points"]) for r in valid.sort("kind").iter_rows(named=True)},
        "total_days": int(valid["days"].sum()),
        "rejects": {
            "lines": sum(f.rejects for f in files),
            "by_reason": _counts(rejects, "reason"),
            "list": _listed(rejects, names, ("source_line", "record_type", "field", "reason", "message")),
        },
        "flags": {
            "count": flagged.height,
            "by_code": _counts(flagged, "code"),
            "list": _listed(flagged, names, ("source_line", "code", "message", "expected", "actual")),
        },
        "version": lake.version(),
    }


def _count(expression: Any) -> int:
    return expression.count().to_pyarrow().as_py()


def _counts(frame: pl.DataFrame, column: str) -> dict[str, int]:
    return {r[column]: r["len"] for r in frame.group_by(column).len().sort(column).iter_rows(named=True)}


def _listed(frame: pl.DataFrame, names: dict[str, str], columns: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = [
        {"file": names.get(r["source_file"], r["source_file"]), **{c: r[c] for c in columns}}
        for r in frame.iter_rows(named=True)
    ]
    return sorted(rows, key=lambda r: (r["file"], r["source_line"]))


def _file(f: FileEntry) -> dict[str, Any]:
    return {
        "id": f.file_id,
        "name": f.name,
        "sha256": f.sha256,
        "size": f.size,
        "format": f.format,
        "kind": f.kind,
        "edition": f.edition.isoformat() if f.edition else None,
        "lines": f.lines,
        "rows": f.rows,
        "rejects": f.rejects,
        "receipts": f.receipts,
        "points": f.points,
        "lines_by_record": json.loads(f.line_counts),
        "loaded_at": f.loaded_at,
        "seconds": f.seconds,
    }


def print_summary(lake: Lake) -> None:
    """Tables for people: files, receipts by kind and month, tables, what needs a look."""
    said = as_dict(lake)
    claims = [f for f in said["files"] if f["format"] in CLAIM_FORMATS]
    masters = [f for f in said["files"] if f["format"] == "master"]
    members = [f for f in said["files"] if f["format"] == "membership"]
    table(
        f"レセプトのファイル（{len(claims)}）",
        [
            ("ID", "left"),
            ("ファイル", "left"),
            ("種別", "left"),
            ("件数", "right"),
            ("点数", "right"),
            ("行", "right"),
            ("拒否行", "right"),
        ],
        [
            [
                f["id"],
                f["name"],
                KIND_TITLES.get(f["kind"], ""),
                number(f["receipts"]),
                number(f["points"]),
                number(f["lines"]),
                number(f["rejects"]),
            ]
            for f in claims[:_SHOWN]
        ],
        f"ほか {len(claims) - _SHOWN:,} ファイル（--json で全部を出せます）" if len(claims) > _SHOWN else "",
    )
    if members:
        table(
            f"資格のファイル（{len(members)}）",
            [
                ("ID", "left"),
                ("ファイル", "left"),
                ("種別", "left"),
                ("基準日", "left"),
                ("行", "right"),
                ("拒否行", "right"),
            ],
            [
                [
                    f["id"],
                    f["name"],
                    KIND_TITLES[f["kind"]],
                    f["edition"],
                    number(f["lines"]),
                    number(f["rejects"]),
                ]
                for f in members[:_SHOWN]
            ],
            f"ほか {len(members) - _SHOWN:,} ファイル（--json で全部を出せます）"
            if len(members) > _SHOWN
            else "",
        )
    if masters:
        table(
            f"マスター（{len(masters)}）",
            [
                ("ID", "left"),
                ("ファイル", "left"),
                ("種別", "left"),
                ("版", "left"),
                ("行", "right"),
                ("拒否行", "right"),
            ],
            [
                [
                    f["id"],
                    f["name"],
                    KIND_TITLES.get(f["kind"], ""),
                    f["edition"],
                    number(f["lines"]),
                    number(f["rejects"]),
                ]
                for f in masters
            ],
        )
    for f in (f for f in said["files"] if f["format"] == SNAPSHOT):
        console.print(f"{f['name']}：{number(f['rows'])} 行")
    table(
        "有効なレセプト",
        [("種類", "left"), ("件数", "right"), ("点数", "right")],
        [[RECEIPT_KINDS[k], number(n), number(said["points"][k])] for k, n in said["receipts"].items()]
        + [["計", number(sum(said["receipts"].values())), number(said["total_points"])]],
    )
    table(
        "レコードごとの行数",
        [("レコード", "left"), ("行", "right")],
        [[k, number(n)] for k, n in said["lines"].items()] + [["計", number(said["total_lines"])]],
    )
    if said["receipts_without_branch"]:
        console.print(
            f"※ 協会けんぽ以外の保険者・公費単独のレセプトが {said['receipts_without_branch']:,} 件あり、支部の指標には入りません。"
        )
    if said["rejects"]["lines"]:
        console.print(f"取り込めなかった行：{said['rejects']['lines']:,} 行（kenpo lake --rejects）")
    if said["flags"]["count"]:
        console.print(f"確認を要する事柄：{said['flags']['count']:,} 件（kenpo lake --flags）")


def print_rejects(lake: Lake) -> None:
    """Rejected lines with file, line, record, field and what to do."""
    rows = as_dict(lake)["rejects"]["list"]
    if not rows:
        console.print("取り込めなかった行はありません。")
        return
    table(
        f"取り込めなかった行（{len(rows):,}）",
        [("ファイル", "left"), ("行", "right"), ("レコード", "left"), ("項目", "left"), ("説明", "left")],
        [
            [r["file"], number(r["source_line"]), r["record_type"] or "", r["field"] or "", r["message"]]
            for r in rows[:_SHOWN]
        ],
        f"ほか {len(rows) - _SHOWN:,} 行（--json で全部を出せます）" if len(rows) > _SHOWN else "",
    )


def print_flags(lake: Lake) -> None:
    """Flags with file, line, what the file says and what was read."""
    rows = as_dict(lake)["flags"]["list"]
    if not rows:
        console.print("確認を要する事柄はありません。")
        return
    table(
        f"確認を要する事柄（{len(rows):,}）",
        [("ファイル", "left"), ("行", "right"), ("説明", "left"), ("記載", "right"), ("読取", "right")],
        [
            [r["file"], number(r["source_line"]), r["message"], r["expected"] or "", r["actual"] or ""]
            for r in rows[:_SHOWN]
        ],
        f"ほか {len(rows) - _SHOWN:,} 件（--json で全部を出せます）" if len(rows) > _SHOWN else "",
    )
