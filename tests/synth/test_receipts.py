"""The writer of receipts (レセプト): what it writes is what the slow reader reads."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.oracle.reader import OracleFile, OracleRow, read, read_zip
from tests.strategies import RecodeCase, UkeCase, recode_cases, uke_cases

from kenpo.synth.receipts import (
    encode,
    recode_info_lines,
    uke_lines,
    uke_volumes,
    write_recode_info,
    write_uke,
)
from kenpo.synth.records import (
    BasicFee,
    Comment,
    Correction,
    Diagnosis,
    Dispensing,
    DpcCoding,
    DpcStay,
    Drug,
    Fill,
    Institution,
    Material,
    Patient,
    Procedure,
    PublicPayer,
    Receipt,
    Unit,
)

# Receipts are large examples: time says nothing about them on a busy machine.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

CODES = ["620000001", "620000002", "610000003", "629999904"]
MAY = date(2024, 5, 1)
JUNE = date(2024, 6, 1)
CLINIC = Institution("13", "1", "9990001", "架空クリニック", "00-0000-0000", "架空県見本市")
PHARMACY = Institution("35", "4", "9990002", "見本薬局髙﨑店①")
DENTIST = Institution("13", "3", "9990003", "例示歯科")
TARO = Patient("架空　太郎", "カクウタロウ", "1", date(1955, 6, 1), "01130012", "１２３", "４５６", "01")


def medical(*items: Unit | Comment, **changes: Any) -> Receipt:
    receipt = Receipt("medical", "1112", MAY, TARO, days=2, items=items)
    return replace(receipt, **changes)


def written(receipts: list[Receipt], **options: Any) -> OracleFile:
    return read(encode(uke_lines(CLINIC, receipts, JUNE, **options)), "RECEIPTC.UKE")


class TestUnit:
    """診療識別 and 点数 stand once per 算定単位, at its two ends."""

    two_drugs = Unit("21", (Drug("620000001", 3), Drug("620000002", Decimal("0.50"))), 14, 7, ((3, 7),))

    def test_category_on_the_first_row_points_on_the_last(self):
        first, second = uke_lines(CLINIC, [medical(self.two_drugs)], JUNE, trailing=False)[-3:-1]
        assert first[:7] == ["IY", "21", "1", "620000001", "3", "", "7"]
        assert second[:7] == ["IY", "", "1", "620000002", "0.5", "14", "7"]

    def test_daily_counts_begin_in_column_13(self):
        line = uke_lines(CLINIC, [medical(self.two_drugs)], JUNE)[-2]
        assert len(line) == 44
        assert line[13 + 3 - 1] == "7"

    def test_points_stand_on_the_last_row_that_is_not_a_comment(self):
        unit = Unit("14", (Procedure("114011070"), Comment("810000001", "例示")), 130)
        si, co = uke_lines(CLINIC, [medical(unit)], JUNE)[-3:-1]
        assert (si[1], si[5]) == ("14", "130")
        assert co == ["CO", "", "1", "810000001", "例示"]

    def test_a_comment_that_opens_the_unit_carries_the_category(self):
        unit = Unit("21", (Comment("820000001"), Drug("620000001", 1)), 10)
        co, iy = uke_lines(CLINIC, [medical(unit)], JUNE)[-3:-1]
        assert (co[1], iy[1]) == ("21", "")

    def test_blank_category_inherits_only_the_same_category(self):
        later = Unit("22", (Drug("620000001", 1),), 5, blank_category=True)
        with pytest.raises(ValueError, match="blank_category"):
            uke_lines(CLINIC, [medical(self.two_drugs, later)], JUNE)

    def test_days_must_add_up_to_times(self):
        with pytest.raises(ValueError, match="add up"):
            Unit("21", (Drug("620000001", 1),), 5, 3, ((1, 1),))


class TestContainer:
    """Bytes, names, volumes and totals of a UKE file."""

    def test_cp932_crlf_and_eof(self, tmp_path: Path):
        (path,) = write_uke(tmp_path / "RECEIPTC.UKE", CLINIC, [medical()], JUNE)
        content = path.read_bytes()
        assert content.endswith(b"\r\nGO,1,0,99\r\n\x1a")
        assert content.startswith("IR,1,13,1,9990001,,架空クリニック,202406,00,".encode("cp932"))

    def test_lf_without_eof(self, tmp_path: Path):
        (path,) = write_uke(tmp_path / "a.UKE", CLINIC, [medical()], JUNE, newline="\n", eof=False)
        assert path.read_bytes().endswith(b"\nGO,1,0,99\n")
        assert b"\r" not in path.read_bytes()

    def test_japanese_dates(self):
        lines = uke_lines(CLINIC, [medical()], JUNE, dates="japanese")
        assert lines[0][7] == "50606"
        assert (lines[1][3], lines[1][6]) == ("50605", "3300601")

    def test_short_insurer_number_is_padded_with_spaces(self):
        lines = uke_lines(CLINIC, [medical(patient=replace(TARO, insurer_number="133066"))], JUNE)
        assert lines[2][1] == "  133066"

    def test_column_counts_with_trailing_fields(self):
        unit = Unit("40", (Procedure("140000610"), Material("700590000", 1)), 52)
        diagnosis = Diagnosis("8830747", MAY)
        payer = PublicPayer("21136015", "0000000", 1, None)
        lines = uke_lines(CLINIC, [medical(unit, diagnoses=(diagnosis,), public_payers=(payer,))], JUNE)
        widths = {line[0]: len(line) for line in lines}
        assert widths == {
            "IR": 10, "RE": 38, "HO": 15, "KO": 12, "SN": 9, "SY": 8, "SI": 44, "TO": 48, "GO": 4,
        }  # fmt: skip

    def test_trailing_fields_can_be_cut(self):
        assert uke_lines(CLINIC, [medical()], JUNE, trailing=False)[3] == ["SN", "1", "01", "", "", "", "01"]

    def test_go_counts_insurance_and_each_public_payer(self):
        payers = (PublicPayer("21136015", "0000000", 1, 300), PublicPayer("54136015", "0000000", 1, 200))
        receipts = [
            medical(points=1000),
            medical(points=500, public_payers=payers),
            medical(points=0, public_payers=payers, insured=False),
        ]
        go = uke_lines(CLINIC, receipts, JUNE)[-1]
        assert go == ["GO", str(1 + 3 + 2), str(1000 + 500 + 300), "99"]

    def test_volumes_are_numbered_and_only_the_last_has_totals(self, tmp_path: Path):
        receipts = [medical(points=10 * n) for n in (1, 2, 3, 4, 5)]
        volumes = uke_volumes(CLINIC, receipts, JUNE, volumes=3)
        assert [v[0][8] for v in volumes] == ["00", "01", "02"]
        assert [v[-1] for v in volumes] == [
            ["GO", "", "", "01"],
            ["GO", "", "", "02"],
            ["GO", "5", "150", "99"],
        ]
        assert [[line[1] for line in v if line[0] == "RE"] for v in volumes] == [
            ["1", "2"],
            ["3", "4"],
            ["5"],
        ]
        paths = write_uke(tmp_path / "RECEIPTC.UKE", CLINIC, receipts, JUNE, volumes=3)
        assert [p.name for p in paths] == ["RECEIPTC_00.UKE", "RECEIPTC_01.UKE", "RECEIPTC_02.UKE"]
        assert sum(read(p).computed_points for p in paths) == 150

    def test_a_file_holds_one_kind(self):
        with pytest.raises(ValueError, match="exactly one kind"):
            uke_lines(CLINIC, [medical(), replace(medical(), kind="dental")], JUNE)

    def test_text_with_a_comma_is_refused(self):
        with pytest.raises(ValueError, match="comma"):
            uke_lines(CLINIC, [medical(patient=replace(TARO, name="架空,太郎"))], JUNE)


class TestOtherKinds:
    """歯科, 調剤 and DPC."""

    def test_dental_has_uk_once_and_ir_before_every_re(self):
        unit = Unit("31", (Procedure("305004310", 1, additions=(("AE007", ""),)),), 402)
        receipt = replace(medical(unit), kind="dental", receipt_type="3112")
        lines = uke_lines(DENTIST, [receipt, receipt], JUNE)
        assert [line[0] for line in lines] == ["UK", *["IR", "RE", "HO", "SN", "SS"] * 2, "GO"]
        ss = lines[5]
        assert (len(ss), ss[6], ss[76], ss[77]) == (109, "AE007", "402", "1")

    def test_pharmacy_quantity_is_per_unit_of_the_fills(self):
        group = Dispensing(
            "1",
            "900",
            (Fill(MAY, MAY, 14, drug_points=28), Fill(MAY, MAY, 7, 2, drug_points=14), Drug("620000001", 3)),
        )
        receipt = replace(
            medical(), kind="pharmacy", receipt_type="4112", items=(group, BasicFee(MAY, "410000010", 42))
        )
        lines = uke_lines(PHARMACY, [receipt], JUNE)
        assert [len(line) for line in lines[1:-1]] == [42, 14, 9, 10, 71, 71, 10, 114]
        file = read(encode(lines))
        assert (file.kind, file.receipts[0].points) == ("pharmacy", 28 + 14 + 42)
        assert file.drugs[0].total == 3 * (14 + 7)

    def test_dpc_records_stand_in_their_order(self):
        receipt = replace(
            medical(Unit("50", (Procedure("150000110"), Drug("620000001", 2)), 5000)),
            kind="dpc",
            diagnoses=(Diagnosis("8830747", icd10="E119", category="11"),),
            stay=DpcStay(
                "010010xx9900xx", MAY, periods=(("1", 2500, 3),), nights_out=(4,), operations=("K0001",)
            ),
        )
        coding = DpcCoding(MAY, "21", 1, 1, "620000002", Decimal("1.5"), times=2)
        receipt = replace(receipt, items=(coding, *receipt.items))
        lines = uke_lines(CLINIC, [receipt], JUNE)
        order = ["IR", "RE", "HO", "SN", "BU", "SB", "KK", "SK", "GA", "HH", "GT", "SI", "IY", "CD", "GO"]
        assert [line[0] for line in lines] == order
        assert lines[-2][:6] == ["CD", "20240501", "21", "0001", "001", "620000002"]
        drugs = read(encode(lines), "RECEIPTD.UKE").drugs
        assert [(d.record_type, d.total) for d in drugs] == [("IY", 2), ("CD", 3)]


class TestRecodeInfo:
    """レセ電コード情報: what the insurer receives."""

    receipt = medical(Unit("21", (Drug("620000001", 3),), 14, 7), Unit("22", (Drug("620000002", 1),), 8, 5))

    def lines(self, *corrections: Correction, **changes: Any) -> list[list[str]]:
        receipt = replace(self.receipt, corrections=corrections, **changes)
        return recode_info_lines([(CLINIC, receipt)], JUNE)

    def test_line_numbers_start_at_the_management_record(self):
        lines = self.lines() + self.lines()
        heads = [line[:4] for line in lines]
        records = ["MN", "IR", "RE", "HO", "SN", "IY", "IY", "EX", "RC"]
        assert [h[3] for h in heads] == records * 2
        assert [h[1] for h in heads] == [str(n) for n in range(1, 10)] * 2
        assert [h[0] for h in heads[:9]] == ["2", *["1"] * 6, "2", "2"]

    def test_management_record(self):
        assert self.lines()[0][3:7] == ["MN", "940000001", "架空県見本市", "13150606940000001"]

    def test_corrected_line_follows_its_reason(self):
        lines = self.lines(Correction("IY", 1, "2", ((4, "9"),)))
        at = next(i for i, line in enumerate(lines) if line[3] == "JY")
        assert [line[:4] for line in lines[at - 1 : at + 2]] == [
            ["1", "7", "0", "IY"],
            ["2", "7", "1", "JY"],
            ["2", "7", "1", "IY"],
        ]
        assert [(d.quantity, d.valid) for d in read(encode(lines)).drugs] == [
            (3, True),
            (1, False),
            (9, True),
        ]

    def test_deleted_added_and_changed_twice(self):
        def valid(*corrections: Correction) -> list[tuple[str, Decimal | None]]:
            file = read(encode(self.lines(*corrections)))
            return [(d.code, d.quantity) for d in file.drugs if d.valid]

        change = Correction("IY", 0, "2", ((4, "4"),))
        assert valid(Correction("IY", 0, "3")) == [("620000002", 1)]
        assert valid(change, replace(change, changes=((4, "5"),))) == [("620000001", 5), ("620000002", 1)]
        assert valid(Correction("IY", 0, "1", ((3, "620000009"),))) == [
            ("620000001", 3),
            ("620000009", 3),
            ("620000002", 1),
        ]
        assert valid(Correction("IY", 0, "3"), Correction("IY", 0, "1")) == [
            ("620000001", 3),
            ("620000002", 1),
        ]

    def test_insurer_after_the_eligibility_check_counts(self):
        file = read(encode(self.lines(earlier_insurer="06139999")))
        assert file.receipts[0].insurer_number == "01130012"
        assert (file.receipts[0].payer_count, file.lines_by_record_type["HO"]) == (1, 2)

    def test_previous_claim_never_counts(self):
        file = read(encode(self.lines(previous_claim=True)))
        assert len(file.receipts) == 1
        assert [d.valid for d in file.drugs] == [True, False, True, False]
        assert file.computed_count == 1

    def test_a_correction_of_no_line_is_refused(self):
        with pytest.raises(ValueError, match="does not have"):
            self.lines(Correction("TO", 0, "2"))

    def test_zip_holds_one_csv_per_kind(self, tmp_path: Path):
        dental = replace(medical(), kind="dental", receipt_type="3112")
        names = write_recode_info(tmp_path / "a.zip", [(DENTIST, dental), (CLINIC, self.receipt)], JUNE)
        assert names == ["0_COMMON001/11_RECODEINFO_MED.CSV", "0_COMMON001/13_RECODEINFO_DEN.CSV"]
        assert zipfile.ZipFile(tmp_path / "a.zip").namelist() == names
        assert [f.kind for f in read_zip(tmp_path / "a.zip")] == ["medical", "dental"]
        again = tmp_path / "b.zip"
        write_recode_info(again, [(DENTIST, dental), (CLINIC, self.receipt)], JUNE)
        assert again.read_bytes() == (tmp_path / "a.zip").read_bytes()

    def test_folder_instead_of_zip(self, tmp_path: Path):
        write_recode_info(tmp_path / "in", [(CLINIC, self.receipt)], JUNE)
        file = read(tmp_path / "in" / "0_COMMON001" / "11_RECODEINFO_MED.CSV")
        assert (file.insurer_side, len(file.receipts)) == (True, 1)


def expected_drugs(receipt: Receipt) -> list[tuple[Any, ...]]:
    """(record, code, quantity, times, 診療識別, points of the unit) as the receipt's items say, in file
    order."""
    result: list[tuple[Any, ...]] = []
    for item in receipt.items:
        if isinstance(item, Unit):
            rows = [r for r in item.rows if isinstance(r, Drug)]
            result += [("IY", r.code, r.quantity, item.times, item.category, item.points) for r in rows]
        elif isinstance(item, Dispensing):
            times, fills_open = 0, False
            for row in item.rows:
                if isinstance(row, Fill):
                    times = row.quantity + (times if fills_open else 0)
                    fills_open = True
                elif isinstance(row, Drug | Material):
                    fills_open = False
                    if isinstance(row, Drug):
                        result.append(("IY", row.code, row.quantity, times, None, None))
    for item in receipt.items:
        if isinstance(item, DpcCoding) and item.code.startswith("6"):
            result.append(("CD", item.code, item.quantity, item.times, item.category, None))
    return result


def facts(row: OracleRow) -> tuple[Any, ...]:
    return row.record_type, row.code, row.quantity, row.times, row.category, row.unit_points


def check_receipt(file: OracleFile, index: int, receipt: Receipt) -> None:
    read_back = file.receipts[index]
    assert read_back.valid
    assert read_back.month == receipt.month
    assert read_back.birth == receipt.patient.birth
    assert read_back.receipt_type == receipt.receipt_type
    assert read_back.points == (receipt.total_points if receipt.insured else receipt.public_payers[0].points)
    assert read_back.payer_count == receipt.count
    assert read_back.insurer_number == (receipt.patient.insurer_number if receipt.insured else None)
    assert read_back.days == (receipt.days if receipt.insured else receipt.public_payers[0].days)
    diagnoses = [d for d in file.diagnoses if d.receipt == index and d.valid]
    assert [(d.code, d.name) for d in diagnoses] == [(d.code, d.name) for d in receipt.diagnoses]
    drugs = [d for d in file.drugs if d.receipt == index and d.valid]
    assert [facts(d) for d in drugs] == expected_drugs(receipt)


@unhurried
@given(uke_cases(CODES))
def test_uke_round_trip(case: UkeCase):
    lines = uke_lines(
        case.institution, case.receipts, case.claim_month, dates=case.dates, trailing=case.trailing
    )
    file = read(encode(lines, newline=case.newline, eof=case.eof), f"{case.kind}.UKE")
    assert file.kind == case.kind
    assert file.claim_month == case.claim_month
    assert (file.go_count, file.go_points) == (file.computed_count, file.computed_points)
    assert len(file.receipts) == len(case.receipts)
    key = case.institution.prefecture + case.institution.table + case.institution.code
    assert {r.institution for r in file.receipts} == {key}
    for index, receipt in enumerate(case.receipts):
        check_receipt(file, index, receipt)


@unhurried
@given(recode_cases(CODES, corrected=False))
def test_recode_info_round_trip(case: RecodeCase):
    for kind in {receipt.kind for _, receipt in case.claims}:
        claims = [claim for claim in case.claims if claim[1].kind == kind]
        lines = recode_info_lines(claims, case.claim_month, dates=case.dates, trailing=case.trailing)
        file = read(encode(lines, newline=case.newline, eof=False))
        assert file.kind == kind
        for index, (institution, receipt) in enumerate(claims):
            check_receipt(file, index, receipt)
            expected = institution.prefecture + institution.table + institution.code
            assert file.receipts[index].institution == expected


@unhurried
@given(recode_cases(CODES))
def test_corrections_leave_one_insurer_and_one_receipt_each(case: RecodeCase):
    for kind in {receipt.kind for _, receipt in case.claims}:
        claims = [claim for claim in case.claims if claim[1].kind == kind]
        file = read(encode(recode_info_lines(claims, case.claim_month), eof=False))
        assert [r.valid for r in file.receipts] == [True] * len(claims)
        assert file.computed_count == sum(receipt.count for _, receipt in claims)
        for index, (_, receipt) in enumerate(claims):
            last = [c.changes[0][1] for c in receipt.corrections if c.record == "HO"]
            if last:
                assert file.receipts[index].points == int(last[-1])
            per_line: dict[int, int] = {}
            for correction in receipt.corrections:
                if correction.record == "IY":
                    before = per_line.get(correction.nth, 1)
                    per_line[correction.nth] = {"1": before + 1, "2": 1, "3": 0}[correction.reason]
            originals = [d for d in expected_drugs(receipt) if d[0] == "IY"]
            valid = [d for d in file.drugs if d.receipt == index and d.valid and d.record_type == "IY"]
            assert len(valid) == len(originals) + sum(n - 1 for n in per_line.values())
