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
from kenpo.frame.breakdown import BREAKDOWNS
from kenpo.frame.measure import Measure, figures
from kenpo.frame.worklist import Worklist, run
from kenpo.lake import Lake
from kenpo.lake.tables import ALL_TABLES
from kenpo.synth.truth import FOLDER, FORMAT, Truth, World

# Tables that say of which branch a file is.
_OF_BRANCH = ("workplace", "member", "enrolment", "remuneration", "bonus", "card", "receipt")
# Rules that are tables of the lake, and the column that holds what they say of a record.
_CODES = {
    "membership_fault": "code",
    "member_receipt": "reason",
    "intake_reject": "reason",
    "intake_flag": "code",
}
_WORKLIST = "worklist:"
_EXACTLY = ("membership_fault", "intake_reject", "intake_flag")


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
    """What an invented branch says of itself. Raises ArgumentError when there is no truth in the folder, or
    one of another form."""
    path = folder / FOLDER / "plants.json"
    if not path.is_file():
        raise ArgumentError(
            "架空の支部の真値が見つかりません。",
            where=str(path),
            todo="「kenpo synth --out」で作ったフォルダを指定してください。",
        )
    said = json.loads(path.read_text(encoding="utf-8"))
    if said.get("format") != FORMAT:
        raise ArgumentError(
            "別の版の kenpo synth で作られた架空の支部です。",
            where=str(path),
            todo="「kenpo synth --out」で作り直し、新しい置き場に取り込んでから照合してください。",
        )
    return said


def prove_figures(
    lake: Lake, folder: Path, truths: Sequence[Truth], measures: Mapping[str, Measure]
) -> list[Proof]:
    """Every figure a truth speaks of, numerator and denominator to the last digit.

    Cells of zero may be absent: 0 ÷ 0, and of the truth also nothing ÷ everybody (a kind of care nobody had that month).

    Figures against the nation are left out when the lake holds other branches too: the folder does not know them.

    Raises ArgumentError when the folder has no truth, MeasureError when a figure has not been computed.
    """
    branch = described(folder)["branch"]
    world = World.read(folder, branch)
    proofs = []
    for truth in truths:
        if truth.nation and not _alone(lake):
            continue
        measure = measures[truth.measure]
        answers = truth.answers(world).with_columns(
            pl.col("numerator", "denominator").cast(pl.Decimal(38, 7)), pl.col("value").cast(pl.String)
        )
        whole = answers.filter(pl.col("by") == "total").select("month", everybody="denominator")
        for (by,), expected in answers.group_by("by", maintain_order=True):
            axis = str(by)
            found = figures(lake, measure, branch=branch, by=None if axis == "total" else axis)
            proofs.append(_compared(measure, axis, expected, found, whole))
    return proofs


def _alone(lake: Lake) -> bool:
    """Whether the lake holds the members of one branch only, which is then the nation."""
    member = lake.table("member_month")
    return member.select("branch").distinct().count().to_pyarrow().as_py() <= 1


def _compared(
    measure: Measure, by: str, expected: pl.DataFrame, found: pl.DataFrame, whole: pl.DataFrame
) -> Proof:
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
    nothing = (
        pl.col("numerator").is_null()
        & (pl.col("numerator_given") == 0)
        & pl.col("denominator_given").eq_missing(pl.col("everybody"))
    )
    both = both.join(whole, on="month", how="left")
    differing = both.filter(~equal & ~(nothing & (by != "total"))).sort("month", "value")
    said = tuple(
        f"{r['month']:%Y-%m} {r['value']}：真値 {_pair(r['numerator'], r['denominator'])}、"
        f"指標 {_pair(r['numerator_given'], r['denominator_given'])}"
        for r in differing.iter_rows(named=True)
    )
    axis = "合計" if by == "total" else BREAKDOWNS[by].title
    return Proof(f"{measure.title}（{axis}）", both.height, said)


def _pair(numerator: Any, denominator: Any) -> str:
    if numerator is None:
        return "なし"
    return f"{numerator:,.7f}".rstrip("0").rstrip(".") + " ÷ " + f"{denominator:,.7f}".rstrip("0").rstrip(".")


def prove_plants(lake: Lake, folder: Path, worklists: Mapping[str, Worklist]) -> list[Proof]:
    """Every planted record that must be found, every near-miss that must not, every value a record must have.

    Rules of the membership and of intake must find nothing else either; receipts that are nobody's also come up by
    themselves, and their number is proved with the figures.
    """
    said = described(folder)
    planted = pl.DataFrame(said["planted"], infer_schema_length=None)
    if planted.is_empty():
        return []
    proofs = []
    files = _files(lake, said["branch"])
    rules = planted.filter(pl.col("column") == "")
    for (rule, code), group in rules.group_by("rule", "code", maintain_order=True):
        if str(rule).startswith(_WORKLIST):
            found = _listed(lake, str(rule), str(code), said["branch"], worklists)
        else:
            found = _found(lake, str(rule), str(code), files)
        subject = _subject(str(rule), str(code), worklists)
        proofs.append(_proof_of_rule(subject, str(rule), group, found))
    values = planted.filter(pl.col("column") != "")
    for (table, column), group in values.group_by("rule", "column", maintain_order=True):
        proofs.append(_proof_of_values(lake, str(table), str(column), group, files))
    return proofs


def _files(lake: Lake, branch: str) -> dict[str, str]:
    """File id → name of every file of the lake but those that hold rows of other branches only."""
    own: set[str] = set()
    others: set[str] = set()
    for name in _OF_BRANCH:
        held = lake.table(name).select("source_file", "branch").distinct()
        for file, of in pl.DataFrame(pl.from_arrow(held.to_pyarrow())).iter_rows():
            if of is not None:
                (own if of == branch else others).add(file)
    entries = lake.table("intake_file").select("file_id", "name")
    every = pl.DataFrame(pl.from_arrow(entries.to_pyarrow())).iter_rows()
    return {file: name for file, name in every if file in own or file not in others}


def _listed(
    lake: Lake, rule: str, code: str, branch: str, worklists: Mapping[str, Worklist]
) -> set[tuple[str, int]]:
    """File name and line of everybody on a worklist with a reason."""
    rows = run(lake, worklists[rule.removeprefix(_WORKLIST)], branch)
    return set(rows.filter(pl.col("reason") == code).select("file", "source_line").iter_rows())


def _found(lake: Lake, rule: str, code: str, files: Mapping[str, str]) -> set[tuple[str, int]]:
    """File name and line of everything a rule that is a table finds with a code in the files."""
    table = lake.table(rule)
    table = table.filter(table[_CODES[rule]] == code).select("source_file", "source_line")
    rows = pl.DataFrame(pl.from_arrow(table.to_pyarrow())).iter_rows()
    return {(files[file], line) for file, line in rows if file in files}


def _same(planted: str, name: str) -> bool:
    """Whether a file of the lake is the planted one, from whatever folder it was taken in."""
    return planted == name or planted.endswith("/" + name) or name.endswith("/" + planted)


def _subject(rule: str, code: str, worklists: Mapping[str, Worklist]) -> str:
    """A rule and its code as people read them: 資格データの不整合：75歳の誕生日を過ぎても資格が続いている."""
    listed = worklists.get(rule.removeprefix(_WORKLIST))
    title = listed.title if listed else ALL_TABLES[rule].title
    reasons = {c: said for one in worklists.values() for c, said in one.reasons.items()}
    return f"{title}：{reasons.get(code, code)}"


def _proof_of_rule(subject: str, rule: str, group: pl.DataFrame, found: set[tuple[str, int]]) -> Proof:
    wanted = {(r["file"], r["line"]): r for r in group.iter_rows(named=True)}
    hits = {key for key in wanted if any(line == key[1] and _same(key[0], name) for name, line in found)}
    differences = []
    for key, row in wanted.items():
        where = f"「{row['title']}」{key[0]} {key[1]}行目"
        if row["found"] and key not in hits:
            differences.append(f"見つけるべき記録を見つけていません：{where}")
        if not row["found"] and key in hits:
            differences.append(f"見つけてはならない記録を見つけました：{where}")
    if rule in _EXACTLY:
        extra = [
            f for f in sorted(found) if not any(f[1] == line and _same(file, f[0]) for file, line in wanted)
        ]
        differences += [f"植え込んでいない記録を見つけました：{name} {line}行目" for name, line in extra]
    return Proof(subject, len(wanted), tuple(differences))


def _proof_of_values(
    lake: Lake, table: str, column: str, group: pl.DataFrame, files: Mapping[str, str]
) -> Proof:
    rows = lake.table(table)
    rows = rows.filter(rows.source_line.isin(group["line"].unique().to_list()))
    rows = rows.select("source_file", "source_line", held=rows[column])
    every = pl.DataFrame(pl.from_arrow(rows.to_pyarrow())).iter_rows()
    held = [(files[file], line, value) for file, line, value in every if file in files]
    differences = []
    for row in group.iter_rows(named=True):
        found = [str(v) for name, line, v in held if line == row["line"] and _same(row["file"], name)]
        if found != [row["value"]]:
            differences.append(
                f"「{row['title']}」{row['file']} {row['line']}行目：真値 {row['value']}、データ {'、'.join(found) or 'なし'}"
            )
    declared = ALL_TABLES[table]
    return Proof(f"{declared.title}の{declared[column].title}", group.height, tuple(differences))
