"""The proof (検証): a lake of an invented branch agrees with its truth, and where it does not the proof says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.branches import TINY, TinyBranch, TwoBranches, planted_in

from kenpo.base.branches import NATION_CODE
from kenpo.base.errors import ArgumentError
from kenpo.catalogue import MEASURES, TRUTHS, WORKLISTS
from kenpo.frame.measure import figures
from kenpo.frame.proof import Proof, prove_figures, prove_plants
from kenpo.lake import Lake
from kenpo.synth.truth import TABLES, World

INDEX = "medical_cost_index"
PLANTED = dict[str, Any]


def message(proofs: Sequence[Proof]) -> str:
    """Every difference, one a line; nothing when all hold."""
    return "\n".join(f"{p.subject}: {d}" for p in proofs if not p.holds for d in p.differences or ("空",))


def truth_of(measure: str) -> list[Any]:
    return [t for t in TRUTHS if t.measure == measure]


class TestTheTinyBranch:
    """山口支部 with 300 members and all that is planted."""

    def test_everything_planted_is_found_and_nothing_else(self, tiny: TinyBranch):
        proofs = prove_plants(tiny.lake, tiny.folder, WORKLISTS)
        assert not message(proofs)
        assert sum(p.compared for p in proofs) == len(planted_in(tiny.folder))

    def test_every_figure_equals_its_truth(self, tiny: TinyBranch):
        proofs = prove_figures(tiny.lake, tiny.folder, TRUTHS, MEASURES)
        assert not message(proofs)
        assert {p.subject.rpartition("（")[0] for p in proofs} == {MEASURES[t.measure].title for t in TRUTHS}

    def test_every_truth_speaks_of_every_month(self, tiny: TinyBranch):
        world = World.read(tiny.folder, "35")
        for truth in TRUTHS:
            totals = truth.answers(world).filter(pl.col("by") == "total")
            assert sorted(totals["month"].to_list()) == list(TINY.calendar), truth.measure


@pytest.fixture
def copy(tiny: TinyBranch, tmp_path: Path) -> Path:
    """A copy of the tiny branch's truth, to be spoiled."""
    shutil.copytree(tiny.folder / "真値", tmp_path / "真値")
    return tmp_path


@pytest.fixture
def spoil(copy: Path) -> Callable[[str, Callable[[PLANTED], PLANTED | None]], Path]:
    """Change the planted expectations of one rule and leave the others out."""

    def change(rule: str, how: Callable[[PLANTED], PLANTED | None]) -> Path:
        path = copy / "真値" / "plants.json"
        said = json.loads(path.read_text())
        changed = [how(e) for e in said["planted"] if e["rule"] == rule]
        path.write_text(json.dumps(said | {"planted": [e for e in changed if e]}))
        return copy

    return change


class TestTheProofCanFail:
    """Whatever is spoiled, the proof names it."""

    def said(self, tiny: TinyBranch, folder: Path) -> str:
        return message(prove_plants(tiny.lake, folder, WORKLISTS))

    def test_a_record_planted_on_another_line_is_not_found(self, tiny: TinyBranch, spoil: Any):
        folder = spoil("intake_reject", lambda e: e | {"line": e["line"] + 1000})
        said = self.said(tiny, folder)
        assert "取込拒否：backward_span: 見つけるべき記録を見つけていません：「取り込めない資格の行」" in said
        assert "植え込んでいない記録を見つけました：資格_全件" in said

    def test_a_near_miss_that_is_found_is_named(self, tiny: TinyBranch, spoil: Any):
        folder = spoil("member_receipt", lambda e: e | {"found": False})
        said = self.said(tiny, folder)
        assert (
            "：資格取得前の受診を含む: 見つけてはならない記録を見つけました：「資格喪失後・取得前の受診」"
            in said
        )
        assert "行目" in said

    def test_a_record_that_ought_to_be_found_is_named(self, tiny: TinyBranch, spoil: Any):
        folder = spoil("worklist:generic_switch", lambda e: e | {"found": True})
        said = self.said(tiny, folder)
        assert said.count("見つけるべき記録を見つけていません：「ジェネリック軽減額通知の対象者」") == 7

    def test_a_fault_nobody_planted_is_named(self, tiny: TinyBranch, spoil: Any):
        folder = spoil("membership_fault", lambda e: None if e["code"] == "over_75" and e["found"] else e)
        assert (
            "資格データの不整合：75歳の誕生日を過ぎても資格が続いている: 植え込んでいない記録を見つけました：資格"
            in self.said(tiny, folder)
        )

    def test_a_branch_of_another_version_is_refused(self, tiny: TinyBranch, copy: Path):
        path = copy / "真値" / "plants.json"
        said = json.loads(path.read_text())
        del said["format"]
        path.write_text(json.dumps(said))
        with pytest.raises(ArgumentError, match="別の版の kenpo synth で作られた"):
            self.said(tiny, copy)

    def test_another_value_is_named_with_both(self, tiny: TinyBranch, spoil: Any):
        folder = spoil("receipt", lambda e: e | {"value": "9"} if e["column"] == "points" else None)
        said = self.said(tiny, folder)
        assert said.count("：真値 9、データ ") == 5

    def test_another_figure_is_named_with_both(self, tiny: TinyBranch, copy: Path):
        path = copy / "真値" / "cost.parquet"
        cost = pl.read_parquet(path).with_row_index("n")
        one = pl.when(pl.col("n") == 0).then(1).otherwise(0)
        cost.with_columns(points=pl.col("points") + one).drop("n").write_parquet(path)
        said = message(prove_figures(tiny.lake, copy, truth_of("medical_cost_per_member"), MEASURES))
        (total,) = [line for line in said.splitlines() if "（合計）" in line]
        assert total.startswith("加入者1人当たり医療費（合計）: 2025-04 total：真値 ")
        assert "、指標 " in total
        assert "（居住市区町村）" not in said

    def test_a_figure_the_truth_does_not_know_is_named(self, tiny: TinyBranch, copy: Path):
        path = copy / "真値" / "members.parquet"
        members = pl.read_parquet(path)
        members.filter(pl.col("month") != TINY.first).write_parquet(path)
        (total, *_) = prove_figures(tiny.lake, copy, truth_of("members"), MEASURES)
        assert total.differences[0].startswith("2025-04 total：真値 なし、指標 ")

    def test_a_file_taken_back_is_missed(self, tiny: TinyBranch, spoil: Any, tmp_path: Path):
        folder = spoil("receipt", lambda e: e)
        shutil.copytree(tiny.lake_path, tmp_path / "lake")
        lake = Lake.open(tmp_path / "lake")
        planted = next(e for e in planted_in(folder) if e["column"] == "points")
        (entry,) = [f for f in lake.files() if planted["file"].endswith("/" + f.name)]
        lake.forget(entry.file_id)
        said = message(prove_plants(lake, folder, WORKLISTS))
        assert f"{planted['file']} {planted['line']}行目：真値 {planted['value']}、データ なし" in said

    def test_nothing_compared_is_no_proof(self):
        assert not Proof("指標", 0, ()).holds
        assert Proof("指標", 1, ()).holds

    def test_a_folder_without_truth_is_told(self, tiny: TinyBranch, tmp_path: Path):
        with pytest.raises(ArgumentError, match="真値が見つかりません"):
            prove_plants(tiny.lake, tmp_path, WORKLISTS)


class TestTwoBranchesInOneLake:
    """山口 and 東京, whose files have the same names."""

    def test_the_figures_of_each_equal_its_truth(self, both: TwoBranches):
        truths = [t for t in TRUTHS if t.measure != INDEX]
        for folder in both.folders.values():
            assert not message(prove_figures(both.lake, folder, truths, MEASURES))

    def test_everything_planted_in_each_is_found_and_nothing_else(self, both: TwoBranches):
        for folder in both.folders.values():
            assert not message(prove_plants(both.lake, folder, WORKLISTS))

    def test_the_cost_index_is_against_the_two_together(self, both: TwoBranches):
        worlds = [World.read(folder, code) for code, folder in both.folders.items()]
        world = World({name: pl.concat(w[name] for w in worlds) for name in TABLES})
        (truth,) = truth_of(INDEX)
        columns = ["branch", "month", "numerator", "denominator"]
        wanted = truth.answers(world).select(columns).cast({c: pl.Decimal(38, 7) for c in columns[2:]})
        given = figures(both.lake, MEASURES[INDEX]).filter(pl.col("branch").is_in(list(both.folders)))
        given = given.select(columns).cast({c: pl.Decimal(38, 7) for c in columns[2:]})
        assert wanted.sort(columns).equals(given.sort(columns))

    def test_branches_sum_to_the_nation(self, both: TwoBranches):
        for measure in MEASURES.values():
            if measure.rollup != "sum" or measure.cases:
                continue
            columns = ["eligible", "excluded", "denominator", "numerator"]
            rows = figures(both.lake, measure).group_by(
                "month", "value", nation=pl.col("branch") == NATION_CODE
            )
            sums = rows.agg(pl.col(columns).sum()).sort("month", "value")
            nation, branches = (sums.filter(pl.col("nation") == n).drop("nation") for n in (True, False))
            assert nation.equals(branches), measure.title
            assert nation["denominator"].sum() + nation["numerator"].sum() > 0, measure.title

    @pytest.mark.parametrize("by", [None, "care"])
    def test_cost_per_head_is_the_product_of_its_three_elements(self, by: str | None, both: TwoBranches):
        def rates(measure: str) -> dict[tuple[Any, ...], Fraction]:
            rows = figures(both.lake, MEASURES[measure], by=by)
            rows = rows.filter((pl.col("denominator") != 0) & (pl.col("numerator") != 0))
            keys = ("branch", "month", "value")
            return {
                tuple(r[k] for k in keys): Fraction(r["numerator"]) / Fraction(r["denominator"])
                for r in rows.iter_rows(named=True)
            }

        cost = rates("medical_cost_per_member")
        elements = [rates(m) for m in ("receipts_per_member", "days_per_receipt", "cost_per_day")]
        assert {branch for branch, *_ in cost} == {NATION_CODE, *both.folders}
        for key, value in cost.items():
            assert value == elements[0][key] * elements[1][key] * elements[2][key], key
