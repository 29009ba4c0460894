"""The slow reader against hand-written lines and the sample files of a demo clinic."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from tests.oracle.reader import OracleFile, age_at_month_end, branch_of, parse_day, parse_month, read
from tests.oracle.share import drug_rows, generic_share

SAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "uke" / "cp932"
MAY = date(2024, 5, 1)


def uke(*lines: str, name: str = "RECEIPTC.UKE") -> OracleFile:
    return read(("\r\n".join(lines) + "\r\n\x1a").encode("cp932"), name)


IR = "IR,1,13,1,9990001,,架空クリニック,202406,00,"
RE = "RE,1,1112,202405,架空　太郎,1,19550601"
HO = "HO,01130012,１,２,2,500"
GO = "GO,1,500,99"


class TestDates:
    @pytest.mark.parametrize(
        ("text", "day"),
        [
            ("20240501", date(2024, 5, 1)),
            ("5010501", date(2019, 5, 1)),
            ("4310430", date(2019, 4, 30)),
            ("4010108", date(1989, 1, 8)),
            ("3640107", date(1989, 1, 7)),
            ("2010730", date(1912, 7, 30)),
            ("1450729", date(1912, 7, 29)),
            ("", None),
        ],
    )
    def test_western_and_japanese_days(self, text: str, day: date | None):
        assert parse_day(text) == day

    def test_months(self):
        assert parse_month("202405") == parse_month("50605") == MAY

    @pytest.mark.parametrize(
        ("birth", "month", "age"),
        [
            (date(1955, 6, 1), date(2025, 5, 1), 2025 - 1955),
            (date(1955, 6, 2), date(2025, 5, 1), 2025 - 1955 - 1),
            (date(1955, 6, 2), date(2025, 6, 1), 2025 - 1955),
            (date(2004, 2, 29), date(2025, 2, 1), 2025 - 2004),
            (date(2004, 3, 1), date(2024, 2, 1), 2024 - 2004),
            (date(1990, 1, 1), date(2024, 12, 1), 2025 - 1990),
        ],
    )
    def test_a_year_is_complete_the_day_before_the_birthday(self, birth: date, month: date, age: int):
        assert age_at_month_end(birth, month) == age


class TestBranch:
    def test_branch_is_01_and_the_prefecture(self):
        assert branch_of("01130012") == "0113"

    def test_other_insurers_have_none(self):
        assert [branch_of(n) for n in ("06130012", "39350011", "133066", "010017", None)] == [None] * 5


class TestUke:
    def test_cut_and_padded_lines_read_alike(self):
        padded = uke(IR, RE + "," * 31, HO + "," * 10, "IY,21,1,620000001,3,14,7" + "," * 37, GO)
        cut = uke(IR, RE, HO, "IY,21,1,620000001,3,14,7", GO)
        assert (padded.receipts, padded.drugs) == (cut.receipts, cut.drugs)
        assert cut.receipts[0].line == 2
        assert (cut.receipts[0].age, cut.receipts[0].branch, cut.receipts[0].institution) == (
            2024 - 1955,
            "0113",
            "1319990001",
        )

    def test_category_points_and_times_of_a_unit(self):
        file = uke(
            IR,
            RE,
            HO,
            "SI,14,2,114028410,,750,1",
            "SI,,2,114011070,,,",
            "CO,,2,810000001,例示",
            "IY,,2,622442201,2,130,1",
            "CO,21,1,820000001",
            "IY,,1,620098801,3,,33",
            "IY,,1,620160501,3,0,33",
            GO,
        )
        assert [(p.category, p.points, p.unit_points, p.times) for p in file.procedures] == [
            ("14", 750, 750, 1),
            ("14", None, 130, 1),
        ]
        assert [(d.category, d.points, d.unit_points, d.total) for d in file.drugs] == [
            ("14", 130, 130, 2 * 1),
            ("21", None, 0, 3 * 33),
            ("21", 0, 0, 3 * 33),
        ]
        assert [c.category for c in file.comments] == ["14", "21"]

    def test_a_new_category_ends_a_unit_without_points(self):
        file = uke(IR, RE, HO, "IY,21,1,620000001,3,,7", "IY,22,1,620000002,1,8,5", GO)
        assert [(d.unit_points, d.times) for d in file.drugs] == [(None, 7), (8, 5)]

    def test_units_do_not_reach_into_the_next_receipt(self):
        file = uke(IR, RE, HO, "SI,11,1,111000110,,,1", RE, HO, "SI,,1,112007410,,75,1", GO)
        assert [(p.category, p.unit_points) for p in file.procedures] == [("11", None), (None, 75)]

    def test_blank_quantity_has_no_total(self):
        file = uke(IR, RE, HO, "IY,21,1,620000001,,14,7", GO)
        assert (file.drugs[0].quantity, file.drugs[0].total) == (None, None)

    def test_public_payer_alone(self):
        file = uke(IR, RE, "KO,12131017,0000000,,1,569", "KO,54136015,0000000,,1,", "GO,2,569,99")
        receipt = file.receipts[0]
        assert (receipt.points, receipt.days, receipt.payer_count, receipt.branch) == (569, 1, 2, None)
        assert (file.go_count, file.go_points) == (file.computed_count, file.computed_points) == (2, 569)

    def test_first_volume_has_no_totals(self):
        assert uke(IR, RE, HO, "GO,,,01").go_points is None

    def test_lines_are_counted_by_record(self):
        assert uke(IR, RE, HO, GO).lines_by_record_type == {"IR": 1, "RE": 1, "HO": 1, "GO": 1}

    def test_second_byte_0x5c_is_no_escape(self):
        file = uke(IR, RE, HO, "SY,0000999,20240501,1,,ソ表能十予①髙﨑,01", GO)
        assert (file.diagnoses[0].name, file.diagnoses[0].main) == ("ソ表能十予①髙﨑", True)

    def test_dental_layout(self):
        ss = ["SS", "31", "1", "305004310", "1", "2", "AE007", *[""] * 69, "402", "3"]
        file = uke(
            "UK,1,13,3,9990003,,例示歯科,202406,,00",
            "IR,1,13,3,9990003,,202406,,",
            "RE,1,3112,202405,見本　花子,2,19900101",
            "HO,01350016,,,1,438",
            "HS,20240501,1,102400,5220063,,,,,01",
            ",".join(ss),
            "IY,21,1,620000001,2,5,4,1,4",
            "TO,80,1,700720000,1,,,,,,,,22,1",
            "GO,1,438,99",
        )
        assert (file.kind, file.receipts[0].institution, file.receipts[0].branch) == (
            "dental",
            "1339990003",
            "0135",
        )
        assert (file.diagnoses[0].code, file.diagnoses[0].main) == ("5220063", True)
        assert (file.procedures[0].unit_points, file.procedures[0].times) == (402, 3)
        assert (file.drugs[0].total, file.drugs[0].days) == (2 * 4, ((1, 4),))
        assert (file.materials[0].points, file.materials[0].times) == (22, 1)

    def test_pharmacy_totals_follow_the_run_of_fills(self):
        file = uke(
            "YK,1,13,4,9990002,見本薬局,202406,00,",
            "RE,1,4112,202405,見本　花子,2,19900101",
            "HO,01350016,,,1,438",
            "SH,01,1,900,,10",
            "CZ,01,20240501,20240501,1,14",
            "CZ,01,20240515,20240515,2,7",
            "IY,1,620000001,3",
            "IY,1,620000002,0.5",
            "CZ,01,20240520,20240520,3,5",
            "IY,1,620000003,1",
            "SH,02,5,900,,10",
            "CZ,01,20240501,20240501,1,1",
            "IY,1,620000004,10.5",
            "GO,1,438,99",
        )
        assert [d.total for d in file.drugs] == [3 * (14 + 7), Decimal("0.5") * 21, 1 * 5, Decimal("10.5")]
        assert file.kind == "pharmacy"

    def test_dpc_drugs_come_from_both_records(self):
        file = uke(
            IR,
            RE,
            HO,
            "BU,010010xx9900xx,20240501",
            "SB,8830747,2056,,E119,11",
            "IY,33,1,620000001,2,10,3",
            "CD,20240501,21,0001,001,620000002,1.5,,,4,",
            "CD,20240501,60,0002,001,160000110,,1,,1,",
            "CD,20240501,40,0003,001,700000001,2,,,1,例示材料",
            GO,
        )
        assert file.kind == "dpc"
        assert [(d.record_type, d.code, d.total) for d in file.drugs] == [
            ("IY", "620000001", 2 * 3),
            ("CD", "620000002", 6),
        ]
        assert (len(file.procedures), len(file.materials)) == (1, 1)

    def test_dpc_by_file_name_alone(self):
        assert uke(IR, RE, HO, GO, name="RECEIPTD.UKE").kind == "dpc"


class TestInsurerSide:
    """Which line of a 行番号 counts."""

    def drugs(self, *lines: str) -> list[tuple[str, Decimal | None]]:
        head = ["2,1,0,MN,940000001", "1,2,0," + IR, "1,3,0," + RE, "1,4,0," + HO]
        file = read(
            "\r\n".join([*head, *lines, "2,9,0,RC,Ver00001"]).encode("cp932"), "11_RECODEINFO_MED.CSV"
        )
        assert len(file.receipts) == 1
        return [(d.code[-1], d.total) for d in file.drugs if d.valid]

    first = "1,5,0,IY,21,1,620000001,3,14,7"

    def test_higher_place_replaces(self):
        assert self.drugs(self.first, "2,5,1,IY,21,1,620000001,2,10,7") == [("1", 14)]

    def test_place_decides_not_file_order(self):
        lines = ("2,5,2,IY,21,1,620000001,1,10,7", "2,5,1,IY,21,1,620000001,2,10,7", self.first)
        assert self.drugs(*lines) == [("1", 7)]

    def test_line_before_the_eligibility_check_comes_first_wherever_it_stands(self):
        assert self.drugs(self.first, "5,5,0,IY,21,1,620000001,9,10,9") == [("1", 21)]

    def test_added_line_counts_too_and_inherits(self):
        assert self.drugs(self.first, "2,5,1,JY,1", "2,5,1,IY,,1,620000002,1,5,3") == [("1", 21), ("2", 3)]

    def test_deletion_takes_the_line_and_what_stood_before(self):
        assert self.drugs(self.first, "2,5,1,JY,3", "2,5,1,IY,21,1,620000001,3,14,7") == []

    def test_line_after_a_deletion_counts_again(self):
        lines = (self.first, "2,5,1,JY,3", "2,5,1,IY,21,1,620000001,3,14,7", "4,5,2,IY,21,1,620000001,1,5,7")
        assert self.drugs(*lines) == [("1", 7)]

    def test_previous_claim_never_counts(self):
        assert self.drugs(
            "11,5,0,IY,21,1,620000001,9,14,9", self.first, "12,5,1,IY,21,1,620000001,9,1,9"
        ) == [("1", 21)]

    def test_deleted_row_hands_its_category_to_nobody(self):
        lines = (
            self.first,
            "2,5,1,JY,3",
            "2,5,1,IY,21,1,620000001,3,14,7",
            "1,6,0,IY,,1,620000002,1,5,3",
            "1,7,0,IY,22,1,620000003,1,5,3",
        )
        head = ["2,1,0,MN,940000001", "1,2,0," + IR, "1,3,0," + RE, "1,4,0," + HO]
        file = read("\r\n".join([*head, *lines]).encode("cp932"))
        assert [d.category for d in file.drugs if d.valid] == [None, "22"]

    def test_deleted_receipt_is_not_valid(self):
        lines = [
            "2,1,0,MN,940000001",
            "1,2,0," + IR,
            "1,3,0," + RE,
            "2,3,1,JY,3",
            "2,3,1," + RE,
            "1,4,0," + HO,
        ]
        file = read("\r\n".join(lines).encode("cp932"))
        assert [r.valid for r in file.receipts] == [False]
        assert file.computed_count == 0


PRICED = {
    "620000001": ("3", Decimal(10)),
    "620000002": ("2", Decimal(20)),
    "620000003": ("1", Decimal(50)),
    "620000004": ("", Decimal(5)),
    "620000005": ("★", Decimal(30)),
    "620000006": ("☆", Decimal(15)),
}


class TestShare:
    """数量シェア and 金額シェア: 800 of class 3 at 10 yen, 200 of class 2 at 20 yen."""

    def share(self, *rows: tuple[str, int], insurer: str = "01130012", exclude_star: bool = False):
        lines = [f"IY,21,1,{code},{quantity},1,1" for code, quantity in rows]
        file = uke(IR, RE, HO.replace("01130012", insurer), *lines, GO)
        return generic_share(drug_rows([file]), PRICED, exclude_star=exclude_star)

    basic = (("620000001", 800), ("620000002", 200), ("620000003", 500), ("620000004", 300))

    def test_volume_and_value(self):
        (row,) = self.share(*self.basic).to_dict("records")
        assert (row["branch"], row["month"]) == ("0113", MAY)
        assert row["volume_share"] == Fraction(800, 800 + 200)
        assert row["value_share"] == Fraction(800 * 10, 800 * 10 + 200 * 20)

    def test_stars_count_unless_left_out(self):
        rows = (*self.basic, ("620000005", 100), ("620000006", 50))
        with_stars = self.share(*rows)["volume_share"][0]
        without = self.share(*rows, exclude_star=True)["volume_share"][0]
        assert with_stars == Fraction(800 + 100, 800 + 100 + 200 + 50)
        assert without == Fraction(800, 800 + 200)

    def test_empty_denominator_is_none(self):
        (row,) = self.share(("620000003", 500)).to_dict("records")
        assert (row["volume_share"], row["value_share"]) == (None, None)

    def test_unknown_codes_are_counted_apart(self):
        (row,) = self.share(*self.basic, ("629999999", 7)).to_dict("records")
        assert (row["unknown_rows"], row["unknown_quantity"]) == (1, 7)
        assert row["volume_share"] == Fraction(800, 1000)

    def test_other_insurers_are_left_out(self):
        assert self.share(*self.basic, insurer="06130012").empty


def sample_files() -> list[Path]:
    return sorted(SAMPLES.glob("*.UKE")) if SAMPLES.is_dir() else []


@pytest.mark.skipif(not sample_files(), reason="the sample claim files are not beside the repository")
class TestSamples:
    """The files of a demo clinic (ORCA output, 和暦): everything they state about themselves holds."""

    def test_there_are_twelve(self):
        assert len(sample_files()) == 12

    @pytest.mark.parametrize("path", sample_files(), ids=lambda p: p.stem)
    def test_totals_of_go(self, path: Path):
        file = read(path)
        assert (file.go_count, file.go_points) == (file.computed_count, file.computed_points)

    @pytest.mark.parametrize("path", sample_files(), ids=lambda p: p.stem)
    def test_daily_counts_add_up_to_times(self, path: Path):
        file = read(path)
        rows = [r for r in (*file.procedures, *file.drugs, *file.materials) if r.days]
        assert rows
        assert [sum(n for _, n in r.days) for r in rows] == [r.times for r in rows]

    @pytest.mark.parametrize("path", sample_files(), ids=lambda p: p.stem)
    def test_points_of_the_rows_add_up_to_the_receipts(self, path: Path):
        file = read(path)
        sums: dict[int, int] = defaultdict(int)
        for row in (*file.procedures, *file.drugs, *file.materials):
            sums[row.receipt] += (row.points or 0) * (row.times or 0)
        mismatches = [(r.line, r.points, sums[r.index]) for r in file.receipts if r.points != sums[r.index]]
        assert mismatches == []

    @pytest.mark.parametrize("path", sample_files(), ids=lambda p: p.stem)
    def test_every_row_has_a_category(self, path: Path):
        file = read(path)
        assert all(row.category for row in (*file.procedures, *file.drugs, *file.materials))
