"""What is wrong with a file is said precisely (取込拒否・取込注意): which line, which field, why, and the rest goes on."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from tests.lakes import content, differences, key_file, load, put, rows

from kenpo.base.errors import LakeError
from kenpo.intake.load import load_paths
from kenpo.intake.receipts.files import volume_flags
from kenpo.lake import Lake
from kenpo.synth.receipts import write_uke
from kenpo.synth.records import (
    Institution,
    Patient,
    Procedure,
    Receipt,
    Unit,
)

NAME = "RECEIPTC.UKE"
WHOLE = (
    "IR,1,13,1,9990001,,架空クリニック,202406,00,",
    "RE,1,1112,202405,架空　太郎,1,19550601",
    "HO,01130012,１２３,４５６,2,500",
    "SY,8830052,20240501,1",
    "IY,21,1,620000001,3,14,7",
    "SI,60,1,160000310,,36,1",
    "RE,2,1112,202405,見本　花子,2,19700102",
    "HO,01130012,１２３,７８９,1,300",
    "IY,21,1,620000002,2,5,14",
    "GO,2,800,99",
)
"""A sound file (誤りのないファイル): two receipts of 500 and 300 points; lines count from 1."""


def encoded(lines: Sequence[str], newline: str = "\r\n", end: bytes = b"\x1a") -> bytes:
    return "".join(line + newline for line in lines).encode("cp932") + end


def with_line(number: int, text: str | None) -> list[str]:
    """The sound file with one line put in place of another; None takes it out."""
    return [*WHOLE[: number - 1], *([] if text is None else [text]), *WHOLE[number:]]


def rejects(lake: Lake) -> list[tuple[int, str, str | None, str]]:
    frame = rows(lake, "intake_reject").sort("source_line", "field", "reason")
    return [
        (r["source_line"], r["record_type"], r["field"], r["reason"]) for r in frame.iter_rows(named=True)
    ]


def flags(lake: Lake) -> list[tuple[int, str, str | None, str | None]]:
    frame = rows(lake, "intake_flag").sort("source_line", "code")
    return [(r["source_line"], r["code"], r["expected"], r["actual"]) for r in frame.iter_rows(named=True)]


def taken(lake: Lake) -> tuple[int, int, list[str]]:
    """Valid receipts, their points, and the drugs that count."""
    entry = lake.files()[0]
    drug = rows(lake, "drug").filter(pl.col("valid"))
    return entry.receipts, entry.points, sorted(drug["code"])


BOTH = (2, 800, ["620000001", "620000002"])
SECOND_DRUG = (2, 800, ["620000002"])
SECOND_RECEIPT = (1, 300, ["620000002"])


@dataclass(frozen=True)
class Fault:
    """One fault (誤り): the line put into the sound file, and everything the load must say of it."""

    what: str
    line: int
    text: str | None
    rejects: list[tuple[int, str, str | None, str]] = field(default_factory=list)
    flags: list[tuple[int, str, str | None, str | None]] = field(default_factory=list)
    taken: tuple[int, int, list[str]] = BOTH


def first_receipt_lost(reason: str, title: str) -> dict[str, object]:
    """What follows when the first RE cannot be read: its lines go with it, and GO no longer fits."""
    lines = [(3, "HO"), (4, "SY"), (5, "IY"), (6, "SI")]
    return {
        "rejects": [(2, "RE", title, reason), *((n, r, None, "receipt_rejected") for n, r in lines)],
        "flags": [(10, "go_count_mismatch", "2", "1"), (10, "go_points_mismatch", "800", "300")],
        "taken": SECOND_RECEIPT,
    }


RE = "RE,1,1112,{month},架空　太郎,1,19550601"
FAULTS = [
    Fault("month 13", 2, RE.format(month="202413"), **first_receipt_lost("bad_date", "診療年月")),
    Fault("month 13 in 和暦", 2, RE.format(month="50613"), **first_receipt_lost("bad_date", "診療年月")),
    Fault("month of four digits", 2, RE.format(month="2405"), **first_receipt_lost("bad_date", "診療年月")),
    Fault("month with letters", 2, RE.format(month="2024AB"), **first_receipt_lost("bad_date", "診療年月")),
    Fault("era without a name", 2, RE.format(month="90605"), **first_receipt_lost("bad_date", "診療年月")),
    Fault("no month", 2, RE.format(month=""), **first_receipt_lost("missing", "診療年月")),
    Fault(
        "receipt type of letters",
        2,
        "RE,1,11A2,202405,架空　太郎,1,19550601",
        **first_receipt_lost("bad_code", "レセプト種別"),
    ),
    Fault(
        "points with a letter", 5, "IY,21,1,620000001,3,1O,7", [(5, "IY", "点数", "not_a_number")], taken=SECOND_DRUG
    ),
    Fault(
        "points with a decimal point",
        5,
        "IY,21,1,620000001,3,1.5,7",
        [(5, "IY", "点数", "not_a_number")],
        taken=SECOND_DRUG,
    ),
    Fault(
        "full-width quantity",
        5,
        "IY,21,1,620000001,３,14,7",
        [(5, "IY", "使用量・数量データ", "not_a_number")],
        taken=SECOND_DRUG,
    ),
    Fault(
        "negative quantity",
        5,
        "IY,21,1,620000001,-3,14,7",
        [(5, "IY", "使用量・数量データ", "not_a_number")],
        taken=SECOND_DRUG,
    ),
    Fault("no quantity", 5, "IY,21,1,620000001,,14,7", [(5, "IY", "使用量", "missing")], taken=SECOND_DRUG),
    Fault("no times", 5, "IY,21,1,620000001,3,14,", [(5, "IY", "回数", "missing_times")], taken=SECOND_DRUG),
    Fault(
        "code with a letter", 5, "IY,21,1,62000000A,3,14,7", [(5, "IY", "コード", "bad_code")], taken=SECOND_DRUG
    ),
    Fault(
        "code of eight digits", 5, "IY,21,1,62000000,3,14,7", [(5, "IY", "コード", "bad_code")], taken=SECOND_DRUG
    ),
    Fault("no code", 5, "IY,21,1,,3,14,7", [(5, "IY", "コード", "missing")], taken=SECOND_DRUG),
    Fault("diagnosis code of letters", 4, "SY,ABCDEFG,20240501,1", [(4, "SY", "傷病名コード", "bad_code")]),
    Fault("unknown record id", 5, "IX,21,1,620000001,3,14,7", [(5, "IX", None, "unknown_record")], taken=SECOND_DRUG),
    Fault("record id of one letter", 5, "I,21,1,620000001,3,14,7", [(5, "", None, "unknown_record")], taken=SECOND_DRUG),
    Fault("a line without commas", 5, "IY", [(5, "IY", "コード", "missing")], taken=SECOND_DRUG),
    Fault(
        "drug before the first receipt",
        1,
        WHOLE[0] + "\r\nIY,21,1,620000009,3,14,7",
        [(2, "IY", None, "orphan_line")],
    ),
    Fault("drug after the total", 10, WHOLE[9] + "\r\nIY,21,1,620000009,3,14,7", [(11, "IY", None, "orphan_line")]),
    Fault(
        "a value on the 32nd day",
        5,
        "IY,21,1,620000001,3,14,1" + "," * 7 + "," * 31 + "1",
        [(5, "IY", "算定日情報", "bad_days")],
        taken=SECOND_DRUG,
    ),
    Fault(
        "a letter as daily count",
        5,
        "IY,21,1,620000001,3,14,1" + "," * 7 + "A",
        [(5, "IY", "算定日情報", "bad_days")],
        taken=SECOND_DRUG,
    ),
    Fault("one comma too many at the end", 5, "IY,21,1,620000001,3,14,7" + "," * 38),
    Fault(
        "days that do not add up to the times",
        5,
        "IY,21,1,620000001,3,14,7" + "," * 7 + "1,1",
        flags=[(5, "days_times_mismatch", "7", "2")],
    ),
    Fault("a birth date that is no day", 2, "RE,1,1112,202405,架空　太郎,1,19550631", flags=[(2, "bad_optional_field", None, None)]),
    Fault("an unknown sex", 2, "RE,1,1112,202405,架空　太郎,9,19550601", flags=[(2, "bad_optional_field", None, None)]),
    Fault("a start that is no day", 4, "SY,8830052,20240532,1", flags=[(4, "bad_optional_field", None, None)]),
    Fault("a claim month that is none", 1, WHOLE[0].replace("202406", "202460"), flags=[(1, "bad_optional_field", None, None)]),
    Fault(
        "total points that are no number",
        3,
        "HO,01130012,１２３,４５６,2,5OO",
        [(3, "HO", "合計点数", "not_a_number")],
        [(2, "no_payer", None, None), (10, "go_count_mismatch", "2", "1"), (10, "go_points_mismatch", "800", "300")],
        (2, 300, ["620000001", "620000002"]),
    ),
    Fault(
        "no HO and no KO",
        3,
        None,
        flags=[(2, "no_payer", None, None), (9, "go_count_mismatch", "2", "1"), (9, "go_points_mismatch", "800", "300")],
        taken=(2, 300, ["620000001", "620000002"]),
    ),
    Fault("a missing RE", 7, None, flags=[(9, "go_points_mismatch", "800", "500")], taken=(1, 500, BOTH[2])),
    Fault("GO of three receipts", 10, "GO,3,800,99", flags=[(10, "go_count_mismatch", "3", "2")]),
    Fault("GO of 801 points", 10, "GO,2,801,99", flags=[(10, "go_points_mismatch", "801", "800")]),
    Fault("no GO", 10, None, flags=[(9, "go_missing", None, None)]),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.what)
def test_a_fault_is_named_with_its_line_and_the_rest_is_taken_in(fault: Fault, tmp_path: Path):
    lake, reports = load(tmp_path, {NAME: encoded(with_line(fault.line, fault.text))})
    assert [r.status for r in reports] == ["loaded"]
    assert rejects(lake) == fault.rejects
    assert flags(lake) == fault.flags
    assert taken(lake) == fault.taken


def test_a_sound_file_has_no_reject_and_no_flag(tmp_path: Path):
    lake, _ = load(tmp_path, {NAME: encoded(WHOLE)})
    assert (rejects(lake), flags(lake), taken(lake)) == ([], [], BOTH)


def test_the_message_names_the_field_the_value_and_what_to_do(tmp_path: Path):
    lake, _ = load(tmp_path, {NAME: encoded(with_line(5, "IY,21,1,620000001,3,1O,7"))})
    (message,) = rows(lake, "intake_reject")["message"]
    assert message == "点数「1O」：数字ではありません。元のファイルを確かめてください。"


def test_a_unit_does_not_reach_into_the_next_section_when_its_points_are_rejected(tmp_path: Path):
    lines = with_line(5, "IY,21,1,620000001,3,,\r\nIY,,1,620000003,3,x,7\r\nIY,22,1,620000004,1,8,30")
    lake, _ = load(tmp_path, {NAME: encoded(lines)})
    first = rows(lake, "drug").filter(pl.col("code") == "620000001")
    assert first["times"].to_list() in ([], [7])
    assert first["unit_points"].to_list() in ([], [None])


KNOWN_RECORDS = (
    "SY", "HS", "SB", "SI", "SS", "IY", "TO", "CO", "TK", "SJ", "CZ", "KI", "SH", "CD", "BU", "KK", "HH", "GT", "GA",
    "SK", "SN", "JD", "MF", "GR", "ST", "TI", "TR", "TS", "KH", "MD", "MK", "HR", "EX", "RC", "MN", "HI", "HG",
)  # fmt: skip
HEADS = {
    "medical": ("IR,1,13,1,9990001,,架空クリニック,202406,00,", "RE,1,1112,202405,架空　太郎,1,19550601"),
    "dental": ("UK,1,13,3,9990003,,例示歯科,202406,,00", "RE,1,3112,202405,架空　太郎,1,19550601"),
    "pharmacy": ("YK,1,13,4,9990002,見本薬局,202406,00,", "RE,1,4112,202405,架空　太郎,1,19550601"),
}


@pytest.mark.parametrize("record", KNOWN_RECORDS)
@pytest.mark.parametrize("kind", HEADS)
def test_a_record_of_another_kind_of_receipt_is_kept_or_rejected_but_never_lost(kind, record, tmp_path: Path):
    header, common = HEADS[kind]
    lines = [header, common, "HO,01130012,１,２,1,10", f"{record},1,1,620000001,1,1,1", "GO,1,10,99"]
    lake, reports = load(tmp_path, {"RECEIPT.UKE": encoded(lines)})
    assert [r.status for r in reports] == ["loaded"]
    tables = (
        "diagnosis",
        "procedure",
        "drug",
        "material",
        "comment",
        "dispensing",
        "record",
        "intake_reject",
    )
    assert 4 in {n for t in tables for n in rows(lake, t)["source_line"]}


class TestBytes:
    """Line ends, the end mark and characters (改行・EOF・文字コード)."""

    def same_as_whole(self, data: bytes, tmp_path: Path) -> None:
        sound, _ = load(tmp_path / "sound", {NAME: encoded(WHOLE)})
        other, reports = load(tmp_path / "other", {NAME: data})
        assert [r.status for r in reports] == ["loaded"]
        assert (rejects(other), flags(other), taken(other)) == ([], [], BOTH)
        assert sound.files()[0].lines == other.files()[0].lines == len(WHOLE)
        for name in ("receipt", "drug", "procedure", "diagnosis", "payer"):
            drop = ("source_file", "receipt_id")
            assert rows(sound, name).drop(drop).equals(rows(other, name).drop(drop))

    @pytest.mark.parametrize(
        ("newline", "end"),
        [("\r\n", b""), ("\n", b""), ("\n", b"\x1a"), ("\r\n", b"\x1a\r\n"), ("\r\n", b"\x1a\x1a\x1a"), ("\r\n", b"\r\n\x1a")],
    )  # fmt: skip
    def test_line_ends_and_the_end_mark_make_no_difference(self, newline, end, tmp_path: Path):
        self.same_as_whole(encoded(WHOLE, newline, end), tmp_path)

    def test_the_last_line_may_lack_its_line_end(self, tmp_path: Path):
        self.same_as_whole(encoded(WHOLE, end=b"").rstrip(b"\r\n"), tmp_path)
        self.same_as_whole(encoded(WHOLE, end=b"").rstrip(b"\r\n") + b"\x1a", tmp_path / "with EOF")

    def test_empty_lines_are_not_counted(self, tmp_path: Path):
        lake, _ = load(tmp_path, {NAME: encoded([*WHOLE[:4], "", *WHOLE[4:]])})
        assert (rejects(lake), flags(lake), taken(lake)) == ([], [], BOTH)
        assert lake.files()[0].lines == len(WHOLE)
        assert sorted(rows(lake, "drug")["source_line"]) == [6, 10]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_a_copy_in_utf_8_reads_the_same(self, encoding, tmp_path: Path):
        self.same_as_whole("\r\n".join([*WHOLE, ""]).encode(encoding), tmp_path)

    @pytest.mark.parametrize("broken", [b"\x81", b"\x85\x20", b"\xfd", b"\x80", b"\xa0", b"\xff"])
    def test_a_byte_that_is_no_character_is_replaced_and_flagged(self, broken, tmp_path: Path):
        comment = b"CO,,1,810000001,\x89\xcb" + broken
        lines = encoded(WHOLE).split(b"\r\n")
        lake, _ = load(tmp_path, {NAME: b"\r\n".join([*lines[:6], comment, *lines[6:]])})
        (text,) = rows(lake, "comment")["text"]
        assert text.startswith("架")
        assert "\ufffd" in text
        assert [(n, code) for n, code, _, _ in flags(lake)] == [(7, "undecodable_bytes")]
        assert (rejects(lake), taken(lake)) == ([], BOTH)

    def test_a_broken_character_does_not_swallow_the_comma_after_it(self, tmp_path: Path):
        lines = encoded(WHOLE).split(b"\r\n")
        lines[4] = b"IY,21,1,620000001,3,14,7,810000001,\x81,820000001,"
        lake, _ = load(tmp_path, {NAME: b"\r\n".join(lines)})
        assert [(r["position"], r["code"]) for r in rows(lake, "comment").iter_rows(named=True)] == [
            (1, "810000001"),
            (2, "820000001"),
        ]
        assert taken(lake) == BOTH

    def test_a_file_cut_in_the_middle_of_a_line_is_flagged(self, tmp_path: Path):
        data = encoded(WHOLE)
        lake, _ = load(tmp_path, {NAME: data[: data.index(b"620000002") + 4]})
        assert rejects(lake) == [(9, "IY", "コード", "bad_code")]
        assert flags(lake) == [(9, "go_missing", None, None)]


class TestWhereFilesLie:
    """Folders, archives, things that are no claim files (取込元)."""

    def test_an_empty_file_is_refused(self, tmp_path: Path):
        lake, (report,) = load(tmp_path, {NAME: b""})
        assert (report.status, lake.files()) == ("failed", [])
        assert "空" in report.message
        assert NAME in report.message

    @pytest.mark.parametrize(
        "data", [b"\x1a", b"\r\n", b"a,b,c\r\n", b"%PDF-1.7 \x00\x01", "IR。".encode("cp932")]
    )
    def test_a_file_of_another_kind_is_refused(self, data, tmp_path: Path):
        lake, (report,) = load(tmp_path, {NAME: data})
        assert (report.status, lake.files()) == ("failed", [])
        assert "対処：" in report.message

    def test_a_missing_path_is_named(self, tmp_path: Path):
        lake = Lake.create(tmp_path / "lake")
        (report,) = load_paths(lake, [tmp_path / "none.UKE"], key_path=key_file(tmp_path), workers=1)
        assert report.status == "failed"
        assert "none.UKE" in report.message

    def test_a_bad_file_does_not_stop_the_good_ones(self, tmp_path: Path):
        put(
            tmp_path / "in",
            {"a/bad.UKE": b"x", "b/RECEIPTC.UKE": encoded(WHOLE), "c/broken.zip": b"PK\x03\x04broken"},
        )
        lake = Lake.create(tmp_path / "lake")
        reports = load_paths(lake, [tmp_path / "in"], key_path=key_file(tmp_path), workers=1)
        assert sorted(r.status for r in reports) == ["failed", "failed", "loaded"]
        assert taken(lake) == BOTH

    def test_a_folder_a_zip_and_the_plain_file_give_the_same_rows(self, tmp_path: Path):
        plain, _ = load(tmp_path / "plain", {NAME: encoded(WHOLE)})
        folder = Lake.create(tmp_path / "folder")
        put(tmp_path / "in", {f"deep/down/{NAME}": encoded(WHOLE), ".hidden": b"x"})
        load_paths(folder, [tmp_path / "in"], key_path=key_file(tmp_path), workers=1)
        zipped = Lake.create(tmp_path / "zipped")
        with zipfile.ZipFile(tmp_path / "claims.zip", "w") as archive:
            archive.writestr(f"0_COMMON001/{NAME}", encoded(WHOLE))
        load_paths(zipped, [tmp_path / "claims.zip"], key_path=key_file(tmp_path), workers=1)
        wanted = {n: f for n, f in content(plain).items() if n != "intake_file"}
        for lake in (folder, zipped):
            got = content(lake)
            assert differences({**wanted, "intake_file": got["intake_file"]}, got) == []
        assert [f.name for f in folder.files()] == [f"deep/down/{NAME}"]
        assert [f.name for f in zipped.files()] == [f"claims.zip!0_COMMON001/{NAME}"]

    def test_japanese_names_inside_a_zip_are_read_as_windows_wrote_them(self, tmp_path: Path):
        raw = "見本薬局.UKE".encode("cp932")
        holder = "X" * len(raw)
        with zipfile.ZipFile(tmp_path / "claims.zip", "w") as archive:
            archive.writestr(holder, encoded(WHOLE))
        data = (tmp_path / "claims.zip").read_bytes().replace(holder.encode(), raw)
        (tmp_path / "claims.zip").write_bytes(data)
        lake = Lake.create(tmp_path / "lake")
        (report,) = load_paths(lake, [tmp_path / "claims.zip"], key_path=key_file(tmp_path), workers=1)
        assert (report.status, report.name) == ("loaded", "claims.zip!見本薬局.UKE")
        assert taken(lake) == BOTH

    @pytest.mark.parametrize("name", ["04_PECULIARTEXTINFO_PHA.CSV", "0_COMMON001/02_SOMETHING_MED.CSV"])
    def test_files_delivered_beside_the_claims_are_passed_over(self, name, tmp_path: Path):
        lake, (report,) = load(tmp_path, {name: b"1,2,3\r\n"})
        assert (report.status, lake.files()) == ("skipped", [])


class TestTwice:
    """The same content counts once (二重取込の防止)."""

    def test_a_file_loaded_twice_counts_once(self, tmp_path: Path):
        lake, _ = load(tmp_path, {NAME: encoded(WHOLE)})
        before = content(lake)
        again, (report,) = load(tmp_path, {NAME: encoded(WHOLE)})
        assert report.status == "already"
        assert differences(before, content(again)) == []

    def test_the_same_content_under_another_name_counts_once(self, tmp_path: Path):
        lake, reports = load(tmp_path, {NAME: encoded(WHOLE), "copy.UKE": encoded(WHOLE)})
        assert [r.status for r in reports] == ["loaded", "already"]
        assert taken(lake) == BOTH

    def test_the_copy_inside_a_zip_counts_once(self, tmp_path: Path):
        with zipfile.ZipFile(tmp_path / "claims.zip", "w") as archive:
            archive.writestr(NAME, encoded(WHOLE))
        lake, _ = load(tmp_path, {NAME: encoded(WHOLE)})
        (report,) = load_paths(lake, [tmp_path / "claims.zip"], key_path=key_file(tmp_path), workers=1)
        assert report.status == "already"

    def test_receipt_ids_do_not_depend_on_the_order_of_loading(self, tmp_path: Path):
        files = {
            "1.UKE": encoded(WHOLE),
            "2.UKE": encoded(with_line(10, "GO,2,800,99,")),
            "3.UKE": encoded(WHOLE[:9]),
        }
        one, _ = load(tmp_path / "one", files)
        other, _ = load(tmp_path / "other", dict(reversed(files.items())))
        assert differences(content(one), content(other)) == []

    def test_a_file_taken_back_leaves_nothing_and_can_come_again(self, tmp_path: Path):
        lake, _ = load(tmp_path, {NAME: encoded(WHOLE)})
        before = content(lake)
        with lake.writing():
            lake.forget(lake.files()[0].file_id)
        assert all(f.is_empty() for f in content(lake).values())
        assert [p for p in (lake.root / "data").rglob("*") if p.is_file()] == []
        again, (report,) = load(tmp_path, {NAME: encoded(WHOLE)})
        assert report.status == "loaded"
        assert differences(before, content(again)) == []


class TestInsurerFiles:
    """レセ電コード情報: prefixes, quotes, missing RE."""

    LINES = (
        "2,1,0,MN,940000030,架空県見本市,13450607940000030",
        "1,2,0,IR,1,13,1,9990001,,架空クリニック,202406,00,",
        "1,3,0,RE,1,1112,202405,架空　太郎,1,19550601",
        "1,4,0,HO,01130012,１２３,４５６,2,500",
        "1,5,0,SY,8830052,20240501,1",
        "1,6,0,IY,21,1,620000001,3,14,7",
        "1,7,0,CO,,1,810000001,例示のコメント",
        "2,8,0,RC,Ver00001",
    )
    NAME = "11_RECODEINFO_MED.CSV"

    def loaded(self, lines: Sequence[str], folder: Path) -> Lake:
        lake, (report,) = load(folder, {self.NAME: encoded(lines, end=b"")})
        assert report.status == "loaded"
        return lake

    def replaced(self, number: int, text: str | None) -> list[str]:
        return [*self.LINES[: number - 1], *([] if text is None else [text]), *self.LINES[number:]]

    def test_a_sound_file_has_no_reject_and_no_flag(self, tmp_path: Path):
        lake = self.loaded(self.LINES, tmp_path)
        assert (rejects(lake), flags(lake), taken(lake)) == ([], [], (1, 500, ["620000001"]))

    def test_a_receipt_without_re_is_rejected_whole(self, tmp_path: Path):
        lake = self.loaded(self.replaced(3, None), tmp_path)
        said = [(n, record, reason) for n, record, _, reason in rejects(lake)]
        records = ((1, "MN"), (2, "IR"), (3, "HO"), (4, "SY"), (5, "IY"), (6, "CO"), (7, "RC"))
        assert said == [(n, record, "missing_common") for n, record in records]
        assert taken(lake) == (0, 0, [])

    @pytest.mark.parametrize("prefix", ["A,6,0", "1,X,0", "1,6,Z", "1,,0", ",6,0"])
    def test_a_prefix_that_is_no_number_is_rejected(self, prefix, tmp_path: Path):
        lake = self.loaded(self.replaced(6, f"{prefix},IY,21,1,620000001,3,14,7"), tmp_path)
        ((line, _, _, reason),) = rejects(lake)
        assert (line, reason in ("bad_prefix", "unknown_record")) == (6, True)
        assert taken(lake) == (1, 500, [])

    def test_quoted_fields_read_like_plain_ones(self, tmp_path: Path):
        plain = self.loaded(self.LINES, tmp_path / "plain")
        lines = [",".join(f'"{f}"' if n > 3 else f for n, f in enumerate(x.split(","))) for x in self.LINES]
        quoted = self.loaded(lines, tmp_path / "quoted")
        for name in ("receipt", "drug", "diagnosis", "comment", "payer", "record"):
            drop = ("source_file", "receipt_id")
            assert rows(plain, name).drop(drop).equals(rows(quoted, name).drop(drop)), name

    def test_every_field_quoted_reads_like_plain_ones(self, tmp_path: Path):
        lines = [",".join(f'"{f}"' for f in x.split(",")) for x in self.LINES]
        lake = self.loaded(lines, tmp_path)
        assert (rejects(lake), taken(lake)) == ([], (1, 500, ["620000001"]))

    def test_a_comma_inside_quotes_does_not_shift_the_fields(self, tmp_path: Path):
        lake = self.loaded(self.replaced(7, '1,7,0,CO,,1,810000001,"朝,夕"'), tmp_path)
        assert rows(lake, "comment")["text"].to_list() == ["朝，夕"]
        assert taken(lake) == (1, 500, ["620000001"])

    def test_a_corrected_re_decides_the_month(self, tmp_path: Path):
        correction = ["2,3,1,JY,2", "2,3,1,RE,1,1112,202404,架空　太郎,1,19550601"]
        lake = self.loaded([*self.LINES[:3], *correction, *self.LINES[3:]], tmp_path)
        assert rows(lake, "receipt").filter(pl.col("valid"))["month"].to_list() == [date(2024, 4, 1)]
        assert rows(lake, "drug")["month"].to_list() == [date(2024, 4, 1)]

    def test_a_deleted_re_takes_its_receipt_out(self, tmp_path: Path):
        correction = ["2,3,1,JY,3", "2,3,1,RE,1,1112,202405,架空　太郎,1,19550601"]
        lake = self.loaded([*self.LINES[:3], *correction, *self.LINES[3:]], tmp_path)
        assert taken(lake) == (0, 0, [])

    @pytest.mark.parametrize("result", ["101", "104", "105"])
    def test_a_receipt_sent_back_no_longer_counts(self, result, tmp_path: Path):
        lake = self.loaded([*self.LINES, f"4,9,0,MK,,20240801,1,202408,100060,{result}"], tmp_path)
        assert taken(lake) == (0, 0, [])
        assert rows(lake, "receipt")["status"].to_list() == ["returned"]

    def test_a_receipt_upheld_counts(self, tmp_path: Path):
        lake = self.loaded([*self.LINES, "4,9,0,MK,,20240801,1,202408,100060,102"], tmp_path)
        assert taken(lake) == (1, 500, ["620000001"])


class TestVolumes:
    """A file in several volumes (マルチボリューム) is judged when all volumes are there."""

    def volumes(self, folder: Path, count: int) -> list[Path]:
        taro = Patient("架空　太郎", "カクウタロウ", "1", date(1955, 6, 1), "01130012", "１２３", "４５６")
        unit = Unit("60", (Procedure("160000310"),), 36)
        receipts = [
            Receipt("medical", "1112", date(2024, 5, 1), taro, 1, (unit,), points=100 * n) for n in (1, 2, 3)
        ]
        clinic = Institution("13", "1", "9990001", "架空クリニック")
        folder.mkdir()
        return write_uke(folder / NAME, clinic, receipts, date(2024, 6, 1), volumes=count)

    def judged(self, lake: Lake) -> list[str]:
        return [*(code for _, code, _, _ in flags(lake)), *volume_flags(lake.files())["code"]]

    def test_all_volumes_together_fit_the_total(self, tmp_path: Path):
        paths = self.volumes(tmp_path / "in", 3)
        lake = Lake.create(tmp_path / "lake")
        load_paths(lake, paths, key_path=key_file(tmp_path), workers=1)
        assert self.judged(lake) == []
        assert sum(f.points for f in lake.files()) == 100 + 200 + 300

    def test_the_order_of_volumes_does_not_matter(self, tmp_path: Path):
        paths = self.volumes(tmp_path / "in", 3)
        lake = Lake.create(tmp_path / "lake")
        load_paths(lake, paths[::-1], key_path=key_file(tmp_path), workers=1)
        assert self.judged(lake) == []

    @pytest.mark.parametrize("missing", [0, 1, 2])
    def test_a_missing_volume_is_flagged_until_it_comes(self, missing, tmp_path: Path):
        paths = self.volumes(tmp_path / "in", 3)
        lake = Lake.create(tmp_path / "lake")
        rest = [p for i, p in enumerate(paths) if i != missing]
        load_paths(lake, rest, key_path=key_file(tmp_path), workers=1)
        assert self.judged(lake) == ["volume_missing"]
        load_paths(lake, [paths[missing]], key_path=key_file(tmp_path), workers=1)
        assert self.judged(lake) == []

    def test_a_total_that_does_not_fit_all_volumes_is_flagged(self, tmp_path: Path):
        paths = self.volumes(tmp_path / "in", 2)
        paths[1].write_bytes(paths[1].read_bytes().replace(b"GO,3,600,99", b"GO,3,601,99"))
        lake = Lake.create(tmp_path / "lake")
        load_paths(lake, paths, key_path=key_file(tmp_path), workers=1)
        assert self.judged(lake) == ["go_points_mismatch"]


class TestKey:
    """The key of member_key (加入者キーの鍵)."""

    def refused(self, folder: Path, key: Path) -> str:
        put(folder / "in", {NAME: encoded(WHOLE)})
        lake = Lake.create(folder / "lake")
        with pytest.raises(LakeError) as error:
            load_paths(lake, [folder / "in"], key_path=key, workers=1)
        assert lake.files() == []
        return error.value.message

    def test_a_lake_made_with_another_key_takes_nothing_more(self, tmp_path: Path):
        lake, _ = load(tmp_path, {NAME: encoded(WHOLE)})
        before = content(lake)
        put(tmp_path / "in", {"2.UKE": encoded(WHOLE[:9])})
        key_file(tmp_path, "5b" * 32)
        with pytest.raises(LakeError) as error:
            load_paths(lake, [tmp_path / "in" / "2.UKE"], key_path=tmp_path / "member.key", workers=1)
        assert error.value.code == "other_key"
        assert "5b5b" not in error.value.message
        assert differences(before, content(lake)) == []

    def test_a_key_inside_the_lake_is_refused(self, tmp_path: Path):
        Lake.create(tmp_path / "lake")
        assert "外" in self.refused(tmp_path, key_file(tmp_path / "lake"))

    def test_a_key_inside_the_lake_behind_a_link_is_refused(self, tmp_path: Path):
        Lake.create(tmp_path / "lake")
        key_file(tmp_path / "lake")
        (tmp_path / "link").symlink_to(tmp_path / "lake", target_is_directory=True)
        assert "外" in self.refused(tmp_path, tmp_path / "link" / "member.key")

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
    def test_a_key_others_may_read_is_refused(self, mode, tmp_path: Path):
        assert "chmod 600" in self.refused(tmp_path, key_file(tmp_path, mode=mode))

    @pytest.mark.parametrize("text", ["", "zz" * 32, "5a" * 31, "5a" * 33])
    def test_a_file_that_is_no_key_is_refused_and_not_printed(self, text, tmp_path: Path):
        message = self.refused(tmp_path, key_file(tmp_path, text))
        assert not text or text not in message

    def test_a_new_key_is_for_its_owner_alone(self, tmp_path: Path):
        put(tmp_path / "in", {NAME: encoded(WHOLE)})
        lake = Lake.create(tmp_path / "lake")
        key = tmp_path / "keys" / "member.key"
        load_paths(lake, [tmp_path / "in"], key_path=key, workers=1)
        assert key.stat().st_mode & 0o777 == 0o600
        assert len(bytes.fromhex(key.read_text())) == 32
