"""Planting (植込み): what is planted stands in the files where it is said to stand, and counts as it is said to count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.branches import APRIL, TINY, TinyBranch, line_of, make_branch, member_rows, planted_in
from tests.oracle.reader import read

from kenpo.synth.planting import Planting, plant
from kenpo.synth.records import (
    BasicFee,
    Correction,
    Dispensing,
    Drug,
    Fill,
    Procedure,
    Unit,
)
from kenpo.synth.setting import Setting
from kenpo.synth.truth import World

SMALL = Setting("35", 100, APRIL, 4, 1)
MAY = date(2025, 5, 1)
GENERIC = "610463166"
VISIT = Unit("12", (Procedure("112007410"),), 75, 1, ((9, 1),))
Make = Callable[[Planting], None]
Made = Callable[[Make], Path]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A branch in which nothing is planted."""
    out = tmp_path_factory.mktemp("empty")
    make_branch(SMALL, out, ())
    return out


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A small branch with one thing planted; its folder."""

    def make(function: Make) -> Path:
        make_branch(SMALL, tmp_path, (plant("試し")(function),))
        return tmp_path

    return make


def added(folder: Path, empty: Path, table: str, column: str) -> dict[date, int]:
    """How much more a table of truth has in each month than without the plant."""
    more = World.read(folder, "35")[table].group_by("month").agg(pl.col(column).sum())
    less = World.read(empty, "35")[table].group_by("month").agg(other=pl.col(column).sum())
    both = more.join(less, on="month", how="left").sort("month")
    return {r["month"]: r[column] - (r["other"] or 0) for r in both.iter_rows(named=True)}


class TestWhereItStands:
    def test_people_and_cards_stand_on_the_lines_that_are_told(self, made: Made):
        def lost_later(p: Planting) -> None:
            work = p.workplace(applied=date(2020, 4, 1))
            stays = p.cover(p.person(birth=date(1980, 5, 2)), date(2021, 4, 1), workplace=work)
            leaves = p.cover(
                p.person(birth=date(1980, 5, 3)), date(2021, 4, 1), date(2025, 7, 20), workplace=work
            )
            p.find("membership_fault", "stays", stays.ref)
            p.find("membership_fault", "leaves", leaves.ref)

        folder = made(lost_later)
        stays, leaves = planted_in(folder)
        assert stays["plant"] == "lost_later"
        assert stays["file"] == "加入者/資格_全件_20250630.csv"
        assert ",1980-05-02,男,ウエコミ" in line_of(folder, stays)
        assert leaves["file"] == "加入者/資格_異動_20250731.csv"
        assert ",2025-07-20,退職" in line_of(folder, leaves)

    def test_receipts_and_their_lines_stand_where_they_are_told(self, made: Made):
        def two_drugs(p: Planting) -> None:
            cover = p.cover(p.person(birth=date(1980, 5, 2)), date(2021, 4, 1))
            drugs = Unit("21", (Drug(GENERIC, 1), Drug("699999999", 2)), 9, 7, ((9, 7),))
            receipt = p.receipt(cover, MAY, (9,), (VISIT, drugs))
            p.find("member_receipt", "receipt", receipt)
            p.find("worklist:any", "second drug", p.line(receipt, "IY", 1))
            p.find("worklist:any", "visit", p.line(receipt, "SI"))

        folder = made(two_drugs)
        receipt, drug, visit = planted_in(folder)
        assert "レセプト/支払基金から/2025-06請求/" in receipt["file"]
        assert line_of(folder, receipt).startswith("1,3,0,RE,1,1112,202505,植込　太郎,1,19800502")
        assert ",IY,,1,699999999,2,9,7," in line_of(folder, drug)
        assert ",SI,12,1,112007410,,75,1," in line_of(folder, visit)

    def test_everything_the_initiatives_plant_is_about_somebody_planted(self, tiny: TinyBranch):
        for expected in planted_in(tiny.folder):
            line = line_of(tiny.folder, expected)
            if expected["file"].startswith("加入者"):
                assert "ウエコミ" in line or f",{TINY.branch}0009" in line, expected
            else:
                record = line.split(",")[3]
                assert "ウエコミ" in line if record == "RE" else record == "IY", expected

    def test_a_near_miss_is_a_day_beside_what_must_be_found(self, tiny: TinyBranch):
        cards = [r for r in member_rows(tiny.folder, "資格") if r["カナ氏名"].startswith("ウエコミ")]
        by_number = {(r["記号"], r["番号"]): r for r in cards}
        told = [e for e in planted_in(tiny.folder) if e["code"] in ("after_loss", "partly_after_loss")]
        for expected in (e for e in told if e["plant"] == "uncovered_days"):
            text = (tiny.folder / expected["file"]).read_bytes().decode("cp932").split("\r\n")
            insured, visits = (text[expected["line"] + n].split(",")[3:] for n in (0, 2))
            lost = date.fromisoformat(by_number[insured[2], insured[3]]["資格喪失年月日"])
            days = [n for n, mark in enumerate(visits[2:], start=1) if mark]
            late = [day >= lost.day for day in days]
            wanted = {"after_loss": all(late), "partly_after_loss": any(late) and not all(late)}
            assert expected["found"] == wanted[expected["code"]]


class TestWhatItCounts:
    def test_a_member_counts_on_the_last_day_of_each_month_of_cover(self, made: Made, empty: Path):
        def half_a_year(p: Planting) -> None:
            p.cover(p.person(birth=date(1980, 5, 2)), date(2025, 4, 30), date(2025, 6, 30))

        assert list(added(made(half_a_year), empty, "members", "members").values()) == [1, 1, 0, 0]

    def test_cover_that_does_not_count_is_not_counted(self, made: Made, empty: Path):
        def nothing(p: Planting) -> None:
            p.cover(p.person(birth=date(1980, 5, 2)), date(2021, 4, 1), counted=False)

        folder = made(nothing)
        assert set(added(folder, empty, "members", "members").values()) == {0}
        assert any(r["カナ氏名"].startswith("ウエコミ") for r in member_rows(folder, "資格"))

    def test_an_unregistered_person_has_cover_and_no_row_of_a_member(self, made: Made, empty: Path):
        def stranger(p: Planting) -> None:
            p.cover(p.person(birth=date(1980, 5, 2), registered=False), date(2021, 4, 1))

        folder = made(stranger)
        assert [r["カナ氏名"][:4] for r in member_rows(folder, "資格")].count("ウエコミ") == 1
        assert not any(r["氏名"].startswith("植込") for r in member_rows(folder, "加入者"))
        unknown = World.read(folder, "35")["members"].filter(pl.col("age_band") == "不明")
        assert (unknown["members"].sum(), unknown["mynumber"].sum()) == (4, 0)

    def test_a_workplace_counts_while_it_is_open_with_its_insured(self, made: Made):
        def shop(p: Planting) -> None:
            work = p.workplace(applied=date(2020, 4, 1), closed=date(2025, 6, 30), industry="01")
            for day in (1, 2):
                p.cover(
                    p.person(birth=date(1980, 5, day)), date(2021, 4, 1), date(2025, 6, 30), workplace=work
                )

        shops = World.read(made(shop), "35")["workplaces"].filter(pl.col("section") == "A", insured=2)
        assert shops["month"].unique().sort().to_list()[:2] == list(SMALL.calendar[:2])

    @pytest.mark.parametrize(
        ("options", "cost", "unmatched", "quantity"),
        [
            ({}, 82, 0, 7),
            ({"reason": "after_loss"}, 0, 1, 7),
            ({"valid": False, "returned": "100018"}, 0, 0, 0),
            ({"points_after": 75, "drugs": []}, 75, 0, 0),
        ],
        ids=["counts", "nobody's", "sent back", "corrected"],
    )
    def test_a_receipt_counts_as_what_is_true_of_it(
        self, options: dict[str, Any], cost: int, unmatched: int, quantity: int, made: Made, empty: Path
    ):
        def one(p: Planting) -> None:
            cover = p.cover(p.person(birth=date(1980, 5, 2)), date(2021, 4, 1))
            drug = Unit("21", (Drug(GENERIC, 1),), 1, 7, ((9, 7),))
            p.receipt(cover, MAY, (9,), (VISIT, drug), **options)

        folder = made(one)
        assert added(folder, empty, "cost", "points")[MAY] == cost
        assert added(folder, empty, "drugs", "total")[MAY] == quantity
        assert added(folder, empty, "unmatched", "receipts").get(MAY, 0) == unmatched

    def test_a_pharmacy_counts_days_times_amount(self, made: Made, empty: Path):
        def filled(p: Planting) -> None:
            cover = p.cover(p.person(birth=date(1980, 5, 2)), date(2021, 4, 1))
            day = MAY + timedelta(days=4)
            fill = Fill(day, day, 14, 1, 14, "420000010", 24)
            items = (
                Dispensing("1", "101", (fill, Drug(GENERIC, 3)), unit_points=1),
                BasicFee(day, "410000010", 45),
            )
            p.receipt(cover, MAY, (5,), items, kind="pharmacy")

        folder = made(filled)
        assert added(folder, empty, "drugs", "total")[MAY] == 14 * 3
        assert added(folder, empty, "flow", "receipts")[MAY] == 1

    def test_corrected_points_are_what_the_reader_of_corrections_reads(self, made: Made):
        def corrected(p: Planting) -> None:
            cover = p.cover(p.person(birth=date(1980, 5, 2)), date(2021, 4, 1))
            twice = tuple(Correction("HO", 0, "2", ((5, points),), "2") for points in ("60", "50"))
            ref = p.receipt(cover, MAY, (9,), (VISIT,), corrections=twice, points_after=50)
            p.expect("receipt", "points", 50, ref)

        folder = made(corrected)
        (expected,) = planted_in(folder)
        receipts = read(folder / expected["file"]).receipts
        assert [r.points for r in receipts if r.line == expected["line"]] == [50]
        assert expected["value"] == "50"


def test_no_two_planted_people_have_one_name_number_or_card(tiny: TinyBranch):
    people = [r for r in member_rows(tiny.folder, "加入者") if r["氏名"].startswith("植込")]
    assert len(people) > 40
    for column in ("加入者番号", "カナ氏名"):
        assert len({r[column] for r in people}) == len(people)
