"""Proof (検証): a lake made of an invented branch against what is true of that branch.

Figures are set against the truth counted by the generator, and what rules find against what was planted. Nothing here
computes a truth; it only compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from kenpo.base.errors import ArgumentError
from kenpo.frame.measure import Measure, figures
from kenpo.frame.worklist import Worklist, run
from kenpo.lake import Lake
from kenpo.synth.truth import FOLDER, Truth, World

# Rules that are tables of the lake, and the column that holds what they say of a record.
_CODES = {
    "membership_fault": "code",
    "member_receipt": "reason",
    "intake_reject": "reason",
    "intake_flag": "code",
}
_WORKLIST = "worklist:"


@dataclass(frozen=True)
class Proof:
    """One comparison: what was compared, how many values, and those that differ, in Japanese."""

    subject: str
    compared: int
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether something was compared and nothing differs."""
        return self.compared > 0 and not self.differences


def described(folder: Path) -> dict[str, Any]:
    """What an invented branch says of itself. Raises ArgumentError when there is no truth in the folder."""
    path = folder / FOLDER / "plants.json"
    if not path.is_file():
        raise ArgumentError(
            "架空の支部の真値が見つかりません。",
            where=str(path),
            todo="「kenpo synth --out」で作ったフォルダを指定してください。",
        )
    return json.loads(path.read_text(encoding="utf-8"))


def prove_figures(
    lake: Lake, folder: Path, truths: Sequence[Truth], measures: Mapping[str, Measure]
) -> list[Proof]:
    """Every figure a truth speaks of, numerator and denominator to the last digit; cells of zero may be absent.

    Raises ArgumentError when the folder has no truth, MeasureError when a figure has not been computed.
    """
    branch = described(folder)["branch"]
    world = World.read(folder, branch)
    proofs = []
    for truth in truths:
        measure = measures[truth.measure]
        answers = truth.answers(world).with_columns(
            pl.col("numerator", "denominator").cast(pl.Decimal(38, 7)), pl.col("value").cast(pl.String)
        )
        for (by,), expected in answers.group_by("by", maintain_order=True):
            axis = str(by)
            found = figures(lake, measure, branch=branch, by=None if axis == "total" else axis)
            proofs.append(_compared(measure, axis, expected, found))
    return proofs


def _compared(measure: Measure, by: str, expected: pl.DataFrame, found: pl.DataFrame) -> Proof:
    columns = ["month", "value", "numerator", "denominator"]

    def real(frame: pl.DataFrame) -> pl.DataFrame:
        chosen = frame.select(columns).with_columns(
            pl.col("numerator", "denominator").cast(pl.Decimal(38, 7))
        )
        return chosen.filter((pl.col("numerator") != 0) | (pl.col("denominator") != 0))

    wanted, given = real(expected), real(found)
    both = wanted.join(given, on=["month", "value"], how="full", coalesce=True, suffix="_given")
    equal = pl.col("numerator").eq_missing(pl.col("numerator_given")) & pl.col("denominator").eq_missing(
        pl.col("denominator_given")
    )
    differing = both.filter(~equal).sort("month", "value")
    said = tuple(
        f"{r['month']:%Y-%m} {r['value']}：真値 {_pair(r['numerator'], r['denominator'])}、"
        f"指標 {_pair(r['numerator_given'], r['denominator_given'])}"
        for r in differing.iter_rows(named=True)
    )
    return Proof(f"{measure.title}（{by}）", both.height, said)


def _pair(numerator: Any, denominator: Any) -> str:
    if numerator is None:
        return "なし"
    return f"{numerator:,.7f}".rstrip("0").rstrip(".") + " ÷ " + f"{denominator:,.7f}".rstrip("0").rstrip(".")


def prove_plants(lake: Lake, folder: Path, worklists: Mapping[str, Worklist]) -> list[Proof]:
    """Every planted record that must be found, every near-miss that must not, every value a record must have.

    Rules that are tables must find nothing else either.
    """
    said = described(folder)
    planted = pl.DataFrame(said["planted"], infer_schema_length=None)
    if planted.is_empty():
        return []
    proofs = []
    rules = planted.filter(pl.col("column") == "")
    for (rule, code), group in rules.group_by("rule", "code", maintain_order=True):
        found = _found(lake, str(rule), str(code), said["branch"], worklists)
        proofs.append(_proof_of_rule(str(rule), str(code), group, found))
    values = planted.filter(pl.col("column") != "")
    for (table, column), group in values.group_by("rule", "column", maintain_order=True):
        proofs.append(_proof_of_values(lake, str(table), str(column), group))
    return proofs


def _found(
    lake: Lake, rule: str, code: str, branch: str, worklists: Mapping[str, Worklist]
) -> set[tuple[str, int]]:
    """File name and line of everything a rule finds with a code."""
    if rule.startswith(_WORKLIST):
        rows = run(lake, worklists[rule.removeprefix(_WORKLIST)], branch)
        rows = rows.filter(pl.col("reason") == code)
    else:
        table = lake.table(rule)
        file = lake.table("intake_file").select("file_id", file="name")
        table = table.filter(table[_CODES[rule]] == code)
        joined = table.inner_join(file, table.source_file == file.file_id).select("file", "source_line")
        rows = pl.DataFrame(pl.from_arrow(joined.to_pyarrow()))
    return set(rows.select("file", "source_line").iter_rows())


def _same(planted: str, name: str) -> bool:
    """Whether a file of the lake is the planted one, from whatever folder it was taken in."""
    return planted == name or planted.endswith("/" + name) or name.endswith("/" + planted)


def _proof_of_rule(rule: str, code: str, group: pl.DataFrame, found: set[tuple[str, int]]) -> Proof:
    wanted = {(r["file"], r["line"]): r for r in group.iter_rows(named=True)}
    hits = {key for key in wanted if any(line == key[1] and _same(key[0], name) for name, line in found)}
    differences = []
    for key, row in wanted.items():
        where = f"{row['plant']} {key[0]} {key[1]}行目"
        if row["found"] and key not in hits:
            differences.append(f"見つけるべき記録を見つけていません：{where}")
        if not row["found"] and key in hits:
            differences.append(f"見つけてはならない記録を見つけました：{where}")
    if not rule.startswith(_WORKLIST):
        extra = [
            f for f in sorted(found) if not any(f[1] == line and _same(file, f[0]) for file, line in wanted)
        ]
        differences += [f"植え込んでいない記録を見つけました：{name} {line}行目" for name, line in extra]
    return Proof(f"{rule} {code}", len(wanted), tuple(differences))


def _proof_of_values(lake: Lake, table: str, column: str, group: pl.DataFrame) -> Proof:
    file = lake.table("intake_file").select("file_id", file="name")
    rows = lake.table(table)
    lines = group["line"].unique().to_list()
    rows = rows.filter(rows.source_line.isin(lines))
    joined = rows.inner_join(file, rows.source_file == file.file_id).select(
        "file", "source_line", held=rows[column]
    )
    held = list(pl.DataFrame(pl.from_arrow(joined.to_pyarrow())).iter_rows())
    differences = []
    for row in group.iter_rows(named=True):
        found = [str(v) for name, line, v in held if line == row["line"] and _same(row["file"], name)]
        if found != [row["value"]]:
            differences.append(
                f"{row['plant']} {row['file']} {row['line']}行目：真値 {row['value']}、データ {'、'.join(found) or 'なし'}"
            )
    return Proof(f"{table}.{column}", group.height, tuple(differences))
