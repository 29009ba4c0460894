"""`kenpo doctor`: is everything in order, and what to do if not."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from kenpo.base.errors import KenpoError
from kenpo.catalogue import MEASURES
from kenpo.cli import lake_report
from kenpo.cli.output import console, number
from kenpo.frame.measure import cutoff_of, definition_of, lacking_of
from kenpo.intake.keys import fingerprint, load_key
from kenpo.lake import Lake
from kenpo.lake.tables import ALL_TABLES

_MASTERS = ("drug_master", "generic_class", "drug_price", "procedure_master", "disease_master")


def run(root: Path, key_path: Path) -> bool:
    """Print findings; True when nothing is wrong."""
    fine = True

    def say(ok: bool, text: str, todo: str = "") -> None:
        nonlocal fine
        fine &= ok
        console.print("よし" if ok else "要対応", style="green" if ok else "red", end="　")
        console.print(text, soft_wrap=True)
        if not ok and todo:
            console.print(f"　　　　{todo}", soft_wrap=True)

    lake = Lake.open(root)
    say(True, f"データの置き場：{root}（版 {lake.version()}）")
    try:
        same = lake.meta("key") in (None, fingerprint(load_key(key_path, root)))
        say(same, "加入者キーの鍵", "この置き場を作った鍵を --key で指定してください。")
    except KenpoError as error:
        say(False, error.what, error.todo)
    missing = [p.path for name in ALL_TABLES for p in lake.parts(name) if not (root / p.path).is_file()]
    say(
        not missing,
        "管理台帳にあるデータファイルがそろっている",
        f"ない：{'、'.join(missing[:5])}。控えから戻すか、取り込み直してください。",
    )
    short = _short(lake)
    say(
        not short,
        "データファイルの行数が管理台帳と合う",
        f"合わない表：{'、'.join(short)}。控えから戻すか、取り込み直してください。",
    )
    for name in _MASTERS:
        editions = sorted({f.edition for f in lake.files() if f.kind == name and f.edition})
        title = ALL_TABLES[name].title
        if editions:
            say(True, f"{title}：{len(editions)} 版（{_span(str(editions[0]), str(editions[-1]))}）")
        elif name == "drug_price":
            console.print(f"参考　　{title}：未取込（金額は医薬品マスターの薬価で計算します）")
        else:
            say(False, f"{title}：未取込", "「kenpo load ファイル」で取り込んでください。")
    flags = lake_report.flags(lake)
    serious = flags.filter(
        pl.col("code").is_in(["go_count_mismatch", "go_points_mismatch", "go_missing", "volume_missing"])
    )
    say(
        serious.is_empty(),
        "ファイルの件数・点数が請求書（GO）と合う",
        f"{number(serious.height)} 件が合いません。「kenpo lake --flags」で確かめてください。",
    )
    twice = _twice(lake)
    say(
        not twice,
        "同じレセプトが2つのファイルから取り込まれていない",
        f"{number(twice)} 件に重複の疑いがあります。「kenpo lake --forget ID」で片方のファイルの取込を取り消せます。",
    )
    figure = pl.DataFrame(
        pl.from_arrow(lake.table("figure").select("measure", "definition", "cutoff").distinct().to_pyarrow())
    )
    for m in MEASURES.values():
        if lake.meta(f"notes:{m.id}") is None:
            say(False, f"指標「{m.title}」：未計算", "「kenpo refresh」を実行してください。")
            continue
        if lacking := lacking_of(lake, m):
            console.print(f"参考　　指標「{m.title}」：{lacking.what}", soft_wrap=True)
            continue
        rows = figure.filter(pl.col("measure") == m.id)
        fresh = rows.is_empty() or (
            rows["cutoff"][0] == cutoff_of(lake, m) and rows["definition"][0] == definition_of(m)
        )
        say(
            fresh, f"指標「{m.title}」：最新のデータと定義で計算済み", "「kenpo refresh」を実行してください。"
        )
    return fine


def _short(lake: Lake) -> list[str]:
    out = []
    for name in ALL_TABLES:
        parts = lake.parts(name)
        if not parts or any(not (lake.root / p.path).is_file() for p in parts):
            continue
        counted = lake.table(name).count().to_pyarrow().as_py()
        if counted != sum(p.rows for p in parts):
            out.append(ALL_TABLES[name].title)
    return out


def _twice(lake: Lake) -> int:
    """Receipts that look the same in two files: institution, months, number, type, person and points."""
    receipt = lake.table("receipt").filter(lambda t: t.valid)
    same = receipt.group_by(
        "institution", "claim_month", "month", "receipt_number", "receipt_type", "member_key", "points"
    ).aggregate(files=receipt.source_file.nunique())
    return same.filter(same.files > 1).count().to_pyarrow().as_py()


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first}〜{last}"
