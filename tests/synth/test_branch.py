"""A whole invented branch (架空の支部): the same setting gives the same files, and everything in them is visibly invented."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.branches import (
    APRIL,
    TINY,
    TinyBranch,
    claim_files,
    claim_lines,
    digests,
    make_branch,
    member_rows,
    planted_in,
)
from tests.lakes import fresh, rows, tried

from kenpo.base.branches import BRANCH_CODES, branch
from kenpo.synth.branch import Branch
from kenpo.synth.names import FAMILY
from kenpo.synth.setting import Setting
from kenpo.synth.truth import World

INVENTED = ("見本", "架空", "例示", "仮名", "仮想", "模擬")
TWO_CHUNKS = Setting("35", 9000, APRIL, 1, 1)
SMALL = Setting("35", 100, APRIL, 2, 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of a branch of two chunks made in one process."""
    out = tmp_path_factory.mktemp("one process")
    make_branch(TWO_CHUNKS, out)
    return digests(out)


class TestTheSameSetting:
    """Bytes depend on the setting and on nothing else."""

    def test_gives_the_same_bytes_again(self, files: dict[str, str], tmp_path: Path):
        make_branch(TWO_CHUNKS, tmp_path)
        assert digests(tmp_path) == files
        assert len(files) > 20

    def test_gives_the_same_bytes_with_two_processes(self, files: dict[str, str], tmp_path: Path):
        make_branch(TWO_CHUNKS, tmp_path, workers=2)
        assert digests(tmp_path) == files

    def test_with_another_seed_gives_other_people_and_receipts(self, files: dict[str, str], tmp_path: Path):
        make_branch(replace(TWO_CHUNKS, seed=2), tmp_path)
        same = {name for name, digest in digests(tmp_path).items() if files.get(name) == digest}
        assert not {name for name in same if not Path(name).name.startswith(".")}

    def test_in_the_folder_of_an_earlier_branch_leaves_nothing_of_it(self, tmp_path: Path):
        make_branch(replace(SMALL, branch="13", months=3), tmp_path / "one")
        make_branch(SMALL, tmp_path / "one")
        make_branch(SMALL, tmp_path / "other")
        assert digests(tmp_path / "one") == digests(tmp_path / "other")


class TestAnotherBranch:
    def test_has_its_own_insurer_number_and_municipalities(self, tmp_path: Path):
        make_branch(replace(SMALL, branch="13"), tmp_path, ())
        numbers = {r["保険者番号"] for title in ("資格", "加入者") for r in member_rows(tmp_path, title)}
        assert numbers == {branch("13").insurer_number}
        assert {r["事業所市区町村"][:2] for r in member_rows(tmp_path, "事業所")} == {"13"}
        homes = Counter(r["居住市区町村"][:2] for r in member_rows(tmp_path, "加入者"))
        assert set(homes) <= {"13", "12"}
        assert homes["13"] > 10 * homes["12"]

    @given(
        st.builds(
            Setting,
            branch=st.sampled_from(sorted(BRANCH_CODES)),
            members=st.integers(100, 250),
            first=st.dates(date(2024, 4, 1), date(2026, 3, 1)).map(lambda d: d.replace(day=1)),
            months=st.integers(1, 3),
            seed=st.integers(0, 10**6),
        )
    )
    @tried(8)
    def test_any_branch_can_be_made_with_all_that_is_planted(
        self, tmp_path_factory: pytest.TempPathFactory, setting: Setting
    ):
        with fresh(tmp_path_factory) as out:
            made = make_branch(setting, out)
            assert made.receipts > 0
            assert all(e["line"] > 0 for e in planted_in(out))


class TestWhatIsSaidOfIt:
    def test_files_lines_people_and_receipts_are_counted(self, tmp_path: Path):
        seen: list[tuple[int, int]] = []
        made: Branch = make_branch(SMALL, tmp_path, progress=lambda done, of: seen.append((done, of)))
        assert seen == [(1, 1)]
        delivered = [n for n in digests(tmp_path) if not n.startswith(("真値", "計画文書"))]
        assert sorted(made.files) == sorted(delivered)
        assert made.lines == sum(len(self.lines(tmp_path / name)) for name in delivered)
        assert made.receipts == sum(r[0] == "RE" for p in claim_files(tmp_path) for r in claim_lines(p))
        assert made.people == len({r["加入者番号"] for r in member_rows(tmp_path, "加入者")})

    def lines(self, path: Path) -> list[str]:
        return path.read_bytes().decode("cp932").rstrip("\x1a").splitlines()

    def test_without_uke_the_same_receipts_come_from_the_reviewing_body(self, tmp_path: Path):
        make_branch(SMALL, tmp_path / "with", ())
        make_branch(SMALL, tmp_path / "without", (), uke=False)
        assert not claim_files(tmp_path / "without", insurer_side=False)
        points = [
            Counter(
                (r[1], *r[2:6]) for p in claim_files(tmp_path / x) for r in claim_lines(p) if r[0] == "HO"
            )
            for x in ("with", "without")
        ]
        assert points[0] == points[1]
        one, other = (World.read(tmp_path / x, "35") for x in ("with", "without"))
        assert all(one[t].equals(other[t]) for t in one.tables)


class TestInTheLake:
    """Nothing is rejected, flagged or nobody's but what is meant to be."""

    def test_only_planted_lines_are_rejected_or_flagged(self, tiny: TinyBranch):
        for table, column in (("intake_reject", "reason"), ("intake_flag", "code")):
            planted = {
                (e["code"], e["line"]) for e in planted_in(tiny.folder) if e["rule"] == table and e["found"]
            }
            held = rows(tiny.lake, table)
            assert set(held.select(column, "source_line").iter_rows()) == planted

    def test_receipts_that_are_nobodys_are_planted_or_of_people_who_left(self, tiny: TinyBranch):
        truth = World.read(tiny.folder, "35")["unmatched"]
        wanted = truth.group_by("reason").agg(n=pl.col("receipts").sum())
        lost = rows(tiny.lake, "member_receipt").filter(pl.col("reason").is_not_null())
        held = lost.group_by("reason").agg(n=pl.len().cast(pl.Int64))
        assert dict(held.iter_rows()) == dict(wanted.iter_rows())
        planted = Counter(
            e["code"] for e in planted_in(tiny.folder) if e["rule"] == "member_receipt" and e["found"]
        )
        by_themselves = Counter(dict(held.iter_rows())) - planted
        assert set(by_themselves) <= {"after_loss"}
        assert by_themselves.total() < 0.02 * rows(tiny.lake, "member_receipt").height

    def test_every_month_has_members_and_receipts(self, tiny: TinyBranch):
        assert rows(tiny.lake, "receipt")["month"].unique().sort().to_list() == list(TINY.calendar)
        assert rows(tiny.lake, "member_month")["month"].unique().sort().to_list() == list(TINY.calendar)


class TestNames:
    """Whoever opens a file sees that nobody in it is real."""

    def test_family_names_are_invented(self, tiny: TinyBranch):
        families = {last for last, _ in FAMILY} | {"植込"}
        people = {r["氏名"] for r in member_rows(tiny.folder, "加入者")}
        patients = {r[4] for p in claim_files(tiny.folder) for r in claim_lines(p) if r[0] == "RE"}
        assert len(patients) > 50
        assert {name.split("　")[0] for name in people | patients} <= families

    def test_institutions_and_workplaces_are_invented(self, tiny: TinyBranch):
        name_at = {"IR": 6, "YK": 5, "UK": 6}
        names = {
            r[name_at[r[0]]]
            for p in claim_files(tiny.folder)
            for r in claim_lines(p)
            if r[0] in name_at and not (r[0] == "IR" and r[3] == "3")
        }
        assert len(names) > 15
        assert all(name.startswith(INVENTED) for name in names), names
        assert all(r["事業所名称"].startswith("架空") for r in member_rows(tiny.folder, "事業所"))

    def test_addresses_are_in_an_invented_quarter(self, tiny: TinyBranch):
        homes = {r["住所"] for r in member_rows(tiny.folder, "加入者")}
        places = {r[2] for p in claim_files(tiny.folder, True) for r in claim_lines(p) if r[0] == "MN"}
        clinics = {
            r[13] for p in claim_files(tiny.folder) if "PHA" in p.name for r in claim_lines(p) if r[0] == "RE"
        }
        offices = {r["事業所所在地"] for r in member_rows(tiny.folder, "事業所")}
        assert all("架空町" in address for address in itertools.chain(homes, offices, places, clinics))
        for file in ("加入者", "事業所"):
            assert {r["郵便番号"] for r in member_rows(tiny.folder, file)} == {"000-0000"}

    def test_numbers_of_institutions_are_in_the_invented_range(self, tiny: TinyBranch):
        codes = {r[4] for p in claim_files(tiny.folder) for r in claim_lines(p) if r[0] in ("IR", "YK", "UK")}
        assert all(code.startswith("99") for code in codes)
