"""The sample (見本): same bytes for the same seed, everything in it that the demo promises, figures as the oracle has them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from tests.oracle.reader import OracleFile, read, read_zip
from tests.oracle.share import drug_rows, generic_share

from kenpo.catalogue import MEASURES
from kenpo.frame import figures, refresh
from kenpo.intake.facts import facts_frames
from kenpo.intake.load import load_facts, load_paths
from kenpo.lake import Lake
from kenpo.synth.sample import MONTHS, Medicine, Sample, _drug_points, _Line, write_sample

MASTERS = {name: m.frame for name, m in facts_frames().items()}
BRANCHES = ["01", "13", "27", "35", "47"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def oracle_files(folder: Path) -> Iterator[OracleFile]:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield from read_zip(path) if path.suffix == ".zip" else [read(path)]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sample]:
    """The sample without its faults, which the slow reader cannot take."""
    folder = tmp_path_factory.mktemp("clean")
    return folder, write_sample(folder, MASTERS, faults=False)


@pytest.fixture(scope="module")
def slow(clean: tuple[Path, Sample]) -> list[OracleFile]:
    return list(oracle_files(clean[0]))


@pytest.fixture(scope="module")
def share(slow: list[OracleFile]) -> pd.DataFrame:
    """The generic share by branch and month as the slow oracle has it."""
    listed = {r["price_list_code"]: r["class_code"] for r in MASTERS["generic_class"].iter_rows(named=True)}
    drugs = {
        r["code"]: (listed.get(r["price_list_code"]) or "", r["price"])
        for r in MASTERS["drug_master"].iter_rows(named=True)
    }
    return generic_share(drug_rows(slow), drugs)


class TestBytes:
    def test_same_seed_same_bytes(self, tmp_path: Path):
        first = write_sample(tmp_path / "a", MASTERS, seed=7)
        second = write_sample(tmp_path / "b", MASTERS, seed=7)
        assert contents(tmp_path / "a") == contents(tmp_path / "b")
        assert first == second

    def test_another_seed_other_bytes(self, tmp_path: Path):
        write_sample(tmp_path / "a", MASTERS, seed=7)
        write_sample(tmp_path / "b", MASTERS, seed=8)
        one, other = contents(tmp_path / "a"), contents(tmp_path / "b")
        assert list(one) == list(other)
        assert all(one[name] != other[name] for name in one)

    def test_faults_change_the_files_they_name_and_no_others(
        self, tmp_path: Path, clean: tuple[Path, Sample]
    ):
        sample = write_sample(tmp_path, MASTERS)
        fair, spoiled = contents(clean[0]), contents(tmp_path)
        assert {name for name in fair if fair[name] != spoiled[name]} == {f.file for f in sample.faults}
        assert (clean[1].faults, clean[1].files, clean[1].receipts) == ((), sample.files, sample.receipts)

    def test_every_file_is_named(self, clean: tuple[Path, Sample]):
        assert sorted(clean[1].files) == sorted(contents(clean[0]))


class TestVariety:
    """What the demo promises is there."""

    def test_all_kinds_in_both_worlds(self, slow: list[OracleFile]):
        kinds = {"medical", "dpc", "dental", "pharmacy"}
        assert {f.kind for f in slow if f.insurer_side} == kinds
        assert {f.kind for f in slow if not f.insurer_side} == kinds

    def test_some_hundred_receipts(self, slow: list[OracleFile], clean: tuple[Path, Sample]):
        assert sum(len(f.receipts) for f in slow) == clean[1].receipts
        assert 300 <= clean[1].receipts <= 900

    def test_branches_and_months(self, share: pd.DataFrame):
        assert sorted({b[-2:] for b in share["branch"]}) == BRANCHES
        assert tuple(sorted(set(share["month"]))) == MONTHS
        assert (MONTHS[0], MONTHS[-1]) == (date(2024, 10, 1), date(2025, 3, 1))
        assert len(share) == len(BRANCHES) * len(MONTHS)

    def test_forms_of_files(self, clean: tuple[Path, Sample]):
        uke = {n: c for n, c in contents(clean[0]).items() if n.endswith((".UKE", ".CYO"))}
        assert sum(b"\r\n" not in c for c in uke.values()) == 1
        assert sum(b"\nRE,1," in c and b",50610," in c for c in uke.values()) == 1
        assert sum("_00." in n or "_01." in n for n in uke) == 2

    def test_originals_stand_beside_corrections(self, clean: tuple[Path, Sample]):
        first = next(n for n in clean[1].files if n.endswith(".zip"))
        with zipfile.ZipFile(clean[0] / first) as archive:
            lines = [x.split(b",") for n in archive.namelist() for x in archive.read(n).splitlines()]
        assert {x[4] for x in lines if x[3] == b"JY"} == {b"1", b"2", b"3"}
        assert {b"5", b"11"} <= {x[0] for x in lines}
        assert any(not d.valid for f in read_zip(clean[0] / first) for d in f.drugs)

    def test_classes_of_drugs(self, slow: list[OracleFile]):
        listed = {
            r["price_list_code"]: r["class_code"] for r in MASTERS["generic_class"].iter_rows(named=True)
        }
        known = {
            r["code"]: listed.get(r["price_list_code"], "unlisted")
            for r in MASTERS["drug_master"].iter_rows(named=True)
        }
        assert {known[d.code] for f in slow for d in f.drugs} == {"1", "2", "3", "☆", "★", None, "unlisted"}

    def test_public_payers_beside_the_insurance_and_alone(self, slow: list[OracleFile]):
        receipts = [r for f in slow for r in f.receipts]
        assert any(r.insurer_number and r.payer_count > 1 for r in receipts)
        assert any(not r.insurer_number and r.payer_count == 1 for r in receipts)
        assert any(r.insurer_number and r.branch is None for r in receipts)


class TestShare:
    """The generic share is of a likely size and differs by branch."""

    def test_between_80_and_89_percent_in_the_half_year(self, share: pd.DataFrame):
        found = self.of_branches(share)
        assert all(Fraction(80, 100) <= s <= Fraction(89, 100) for s in found.values())

    def test_differs_by_branch(self, share: pd.DataFrame):
        found = self.of_branches(share)
        assert len({round(s * 1000) for s in found.values()}) == len(BRANCHES)
        assert found["27"] < found["13"] < found["35"]

    def test_figures_equal_the_oracle(self, tmp_path: Path, clean: tuple[Path, Sample], share: pd.DataFrame):
        lake = Lake.create(tmp_path / "lake")
        load_facts(lake)
        reports = load_paths(lake, [clean[0]], key_path=tmp_path / "member.key", workers=1)
        assert {r.status for r in reports} == {"loaded"}
        assert sum(r.entry.rejects for r in reports if r.entry) == 0
        measure = MEASURES["generic_volume_share"]
        refresh(lake, [measure])
        stored = {
            (r["branch"], r["month"]): (Fraction(r["numerator"]), Fraction(r["denominator"]))
            for r in figures(lake, measure).iter_rows(named=True)
            if r["eligible"] and r["branch"] != "00"
        }
        expected = {
            (r["branch"][-2:], r["month"]): (r["volume_numerator"], r["volume_denominator"])
            for r in share.to_dict("records")
        }
        assert stored == expected

    @staticmethod
    def of_branches(share: pd.DataFrame) -> dict[str, Fraction]:
        return {
            str(branch)[-2:]: sum(rows["volume_numerator"], Fraction())
            / sum(rows["volume_denominator"], Fraction())
            for branch, rows in share.groupby("branch")
        }


class TestPoints:
    """薬剤料: 1 point up to 15 yen, one more for every 10 yen above or part of them."""

    @pytest.mark.parametrize(
        ("price", "amount", "points"),
        [("5.00", 1, 1), ("15.00", 1, 1), ("15.10", 1, 2), ("25.00", 1, 2), ("25.10", 1, 3), ("12.50", 2, 2)],
    )
    def test_drug_points(self, price: str, amount: int, points: int):
        medicine = Medicine("620000001", Decimal(price), "錠", "1", "3")
        assert _drug_points([_Line(medicine, Decimal(amount), 7)]) == points
