"""Readers of published masters: true layouts by hand, bad rows, and the published files where at hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo.base.errors import InputFileError
from kenpo.intake.masters import REJECT_SCHEMA, MasterKind, MasterParse, detect, edition_of, parse

DATA = Path(__file__).parents[2].parent / "shared" / "data"
Y_NAME, S_NAME, B_NAME = "y_ALL20240321.csv", "s_ALL20240531.csv", "b_20240601.txt"
T_NAME, Z_NAME = "t_ALL20240315.csv", "z_20250601.txt"


def row(width: int, letter: str, code: str, values: dict[int, str], change: str = "0") -> str:
    """One quoted line of a 支払基金 master: fields by 項番, the others "0"."""
    fields = {1: change, 2: letter, 3: code, **values}
    return ",".join(f'"{fields.get(i, "0")}"' for i in range(1, width + 1))


def drug(
    code: str = "610000001", values: dict[int, str] | None = None, width: int = 40, change: str = "0"
) -> str:
    usual = {
        5: "架空錠１０ｍｇ",
        7: "ｶｸｳｼﾞﾖｳ",
        8: "16",
        10: "錠",
        11: "1",
        12: "10.40",
        28: "1",
        30: "20240401",
        31: "99999999",
        32: "1124001F1022",
        35: "架空錠１０ｍｇ",
        37: "",
        38: "",
    }
    return row(width, "Y", code, usual | (values or {}), change)


def disease(code: str, values: dict[int, str] | None = None) -> str:
    usual = {
        4: code,
        6: "架空病",
        8: "架空病",
        10: "カクウビョウ",
        16: "I10",
        17: "",
        22: "",
        23: "",
        24: "99999999",
    }
    return row(46, "B", code, usual | {19: "00", 21: "05", 39: ""} | (values or {}))


def file(*lines: str, eof: bool = False) -> bytes:
    return ("\r\n".join(lines) + "\r\n" + ("\x1a" if eof else "")).encode("cp932")


def read(data: bytes, name: str = Y_NAME, edition: date | None = None) -> MasterParse:
    kind = detect(name, data[:4096] if not data.startswith(b"PK") else data)
    assert kind is not None
    return parse(kind, name, data, edition)


def only(parsed: MasterParse) -> dict[str, object]:
    assert parsed.rejects.is_empty(), parsed.rejects["message"].to_list()
    assert parsed.frame.height == 1
    return parsed.frame.row(0, named=True)


def reject(parsed: MasterParse) -> dict[str, str]:
    assert dict(parsed.rejects.schema) == REJECT_SCHEMA
    assert parsed.rejects.height == 1, parsed.rejects["message"].to_list()
    return parsed.rejects.row(0, named=True)


def assert_whole(parsed: MasterParse) -> None:
    """Every line is in frame or in rejects, never in both, and the frame is of its table."""
    good, bad = set(parsed.frame["source_line"]), set(parsed.rejects["source_line"])
    assert not good & bad
    assert len(good) + len(bad) == parsed.lines
    assert parsed.frame.columns == [c for c in parsed.table.names if c != "source_file"]
    parsed.table.conform(parsed.frame.with_columns(pl.lit("x").alias("source_file")))


class TestDrugs:
    def test_a_row_of_40_columns_has_no_selective_care(self):
        parsed = read(file(drug(), eof=True))
        found = only(parsed)
        assert (found["code"], found["name"], found["unit"]) == ("610000001", "架空錠１０ｍｇ", "錠")
        assert found["price"] == Decimal("10.40")
        assert (found["generic"], found["biological"], found["dosage_form"]) == (False, False, "1")
        assert (found["changed_on"], found["abolished_on"]) == (date(2024, 4, 1), None)
        assert (found["price_list_code"], found["listed_as"]) == ("1124001F1022", None)
        assert (found["selective_care"], found["long_listed_code"]) == (None, None)
        assert (parsed.edition, parsed.full, parsed.lines) == (date(2024, 3, 21), True, 1)

    def test_a_row_of_42_columns_has(self):
        found = only(read(file(drug(width=42, values={41: "610000002", 42: "2"}))))
        assert (found["long_listed_code"], found["selective_care"]) == ("610000002", "2")

    def test_both_layouts_in_one_file_stay_in_order(self):
        parsed = read(
            file(drug("610000001"), drug("610000002", width=42, values={42: "1"}), drug("610000003"))
        )
        assert parsed.frame["source_line"].to_list() == [1, 2, 3]
        assert parsed.frame["selective_care"].to_list() == [None, "1", None]
        assert_whole(parsed)

    def test_a_change_later_than_the_edition_is_kept(self):
        parsed = read(file(drug(values={30: "20240401"})))
        assert parsed.frame["changed_on"].to_list() == [date(2024, 4, 1)]
        assert parsed.edition < date(2024, 4, 1)

    def test_flags_dates_and_empty_codes(self):
        values = {16: "1", 17: "1", 23: "620000001", 31: "20250331", 34: "20250331", 36: "20230615", 40: "1"}
        found = only(read(file(drug(values=values | {32: ""}))))
        assert (found["biological"], found["generic"], found["anti_hiv"]) == (True, True, True)
        assert found["listed_as"] == "620000001"
        assert found["abolished_on"] == found["transition_until"] == date(2025, 3, 31)
        assert found["listed_on"] == date(2023, 6, 15)
        assert found["price_list_code"] is None

    def test_quotes_commas_and_unquoted_numbers(self):
        line = drug(values={5: 'キット，１""組"",瓶'}).replace('"10.40"', "10.40")
        assert only(read(file(line)))["name"] == 'キット，１"組",瓶'


class TestOtherMasters:
    def test_procedures(self):
        values = {5: "往診料", 11: "3", 12: "720.00", 84: "1", 85: "C", 87: "20240601", 88: "99999999"}
        place = {90: "2", 91: "02", 92: "000", 93: "00", 94: "001", 113: "往診料"}
        found = only(read(file(row(150, "S", "114000110", values | place)), S_NAME))
        assert (found["points"], found["point_kind"], found["dental"]) == (Decimal("720.00"), "3", True)
        assert (found["chapter"], found["part"], found["section_code"]) == ("2", "02", "C000")

    @pytest.mark.parametrize(
        ("letter", "section", "branch", "expected"),
        [
            ("D", "206", "02", "D206-2"),
            ("A", "000", "00", "A000"),
            ("－", "000", "00", None),
            ("＊", "1", "01", None),
        ],
    )
    def test_section_codes(self, letter, section, branch, expected):
        values = {5: "架空", 12: "1.00", 85: letter, 87: "0", 88: "99999999", 92: section, 93: branch}
        found = only(read(file(row(150, "S", "114000110", values)), S_NAME))
        assert found["section_code"] == expected

    def test_diseases(self):
        parsed = read(
            file(disease("8830417", {19: "01", 22: "20020601"}), disease("0000999", {16: ""})), B_NAME
        )
        first, second = parsed.frame.to_dicts()
        assert (first["icd10_1"], first["not_alone"], first["specific"]) == ("I10", True, "05")
        assert first["listed_on"] == date(2002, 6, 1)
        assert (second["icd10_1"], second["not_alone"]) == (None, False)
        assert (parsed.edition, parsed.full) == (date(2024, 6, 1), True)

    def test_materials(self):
        values = {
            5: "半切",
            8: "6",
            10: "枚",
            11: "1",
            12: "120.00",
            24: "16",
            28: "20240601",
            29: "00000000",
        }
        found = only(read(file(row(38, "T", "700010000", values | {30: "99999999"})), T_NAME))
        assert (found["price"], found["unit"], found["points_cap"]) == (Decimal("120.00"), "枚", 16)
        assert (found["transition_until"], found["successor"]) == (None, None)

    def test_modifiers(self):
        values = {7: "の疑い", 10: "ノウタガイ", 14: "", 15: "", 16: "99999999", 19: "A8000000"}
        found = only(read(file(row(19, "Z", "8002", values)), Z_NAME))
        assert (found["code"], found["name"], found["kind"]) == ("8002", "の疑い", "A8000000")

    def test_changes_only_when_no_row_is_as_before(self):
        changes = read(file(drug("610000001", change="3"), drug("610000002", change="5")), "y_20240501.csv")
        assert (changes.full, changes.frame["full"].to_list()) == (False, [False, False])
        whole = read(file(drug("610000001", change="3"), drug("610000002")), "y_20240501.csv")
        assert whole.full
        assert read(file(drug(change="5")), Y_NAME).full


class TestBadRows:
    def test_another_column_count_says_which_counts_are_right(self):
        parsed = read(file(drug("610000001"), drug("610000002", width=41), drug("610000003")))
        found = reject(parsed)
        assert (found["source_line"], found["record_type"], found["reason"]) == (2, "Y", "column_count")
        assert found["message"].startswith(
            f"{Y_NAME} 2行目：項目が41個あります。医薬品マスターは40個または42個"
        )
        assert parsed.frame["code"].to_list() == ["610000001", "610000003"]
        assert_whole(parsed)

    @pytest.mark.parametrize(
        ("place", "value", "reason", "field"),
        [
            (12, "十円", "bad_number", "薬価"),
            (12, "10.405", "bad_number", "薬価"),
            (12, "99999999999.00", "bad_number", "薬価"),
            (31, "20240231", "bad_date", "廃止年月日"),
            (30, "2024041", "bad_date", "変更年月日"),
            (17, "9", "bad_value", "後発品"),
            (32, "1124001F102", "bad_code", "薬価基準収載医薬品コード"),
            (3, "61000000X", "bad_code", "医薬品コード"),
            (1, "7", "bad_value", "変更区分"),
            (5, "", "missing_value", "医薬品名・規格名"),
            (2, "S", "wrong_master", "マスター種別"),
        ],
    )
    def test_a_bad_field_rejects_its_row_only(self, place, value, reason, field):
        bad = drug("610000002", {place: value})
        if place in (1, 2, 3):
            parts = drug("610000002").split(",")
            parts[place - 1] = f'"{value}"'
            bad = ",".join(parts)
        parsed = read(file(drug("610000001"), bad, drug("610000003")))
        found = reject(parsed)
        assert (found["source_line"], found["reason"], found["field"]) == (2, reason, field)
        assert field in found["message"]
        assert found["message"].startswith(f"{Y_NAME} 2行目：")
        assert value in found["message"]
        assert parsed.frame["code"].to_list() == ["610000001", "610000003"]
        assert_whole(parsed)

    def test_two_bad_fields_are_two_rejects_of_one_line(self):
        parsed = read(file(drug("610000001", {12: "x", 30: "y"}), drug("610000002")))
        assert parsed.rejects.select("source_line", "field").rows() == [(1, "薬価"), (1, "変更年月日")]
        assert_whole(parsed)

    def test_the_later_row_of_a_code_is_rejected(self):
        parsed = read(file(drug("610000001"), drug("610000002"), drug("610000001", {12: "99.00"})))
        found = reject(parsed)
        assert (found["source_line"], found["reason"]) == (3, "duplicate_code")
        assert "610000001" in found["message"]
        assert "1行目にもあります" in found["message"]
        assert parsed.frame["price"].to_list() == [Decimal("10.40")] * 2

    @pytest.mark.parametrize("text", ['架空"錠', '"架空'])
    def test_unbalanced_quotes(self, text):
        parsed = read(file(drug("610000001"), drug("610000002", {5: text}), drug("610000003")))
        assert (reject(parsed)["source_line"], reject(parsed)["reason"]) == (2, "bad_quotes")
        assert_whole(parsed)

    @pytest.mark.parametrize("bad", [b"\xff\xfd", b"\x81\x20", b"\x85\x9f"])
    def test_bytes_that_are_no_text(self, bad):
        broken = drug("610000002").encode("cp932").replace("架空錠".encode("cp932"), bad)
        data = file(drug("610000001")) + broken + b"\r\n" + file(drug("610000003"))
        parsed = read(data)
        assert (reject(parsed)["source_line"], reject(parsed)["reason"]) == (2, "bad_encoding")
        assert_whole(parsed)

    def test_blank_lines_and_eof_are_no_lines_but_are_counted_on(self):
        parsed = read(file(drug("610000001"), "", drug("610000002"), eof=True))
        assert (parsed.lines, parsed.frame["source_line"].to_list()) == (2, [1, 3])

    def test_a_file_of_rejects_only(self):
        parsed = read(file(drug(width=39)), "y_20240501.csv")
        assert (parsed.frame.height, parsed.full, parsed.lines) == (0, False, 1)
        assert_whole(parsed)

    def test_an_empty_file(self):
        with pytest.raises(InputFileError, match="1行もありません"):
            parse(MasterKind.DRUG, Y_NAME, b"\r\n\x1a")

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(st.sampled_from(["good", "wide", "price", "quote", "blank", "twice", "bytes"]), max_size=12)
    )
    def test_no_line_is_lost(self, kinds):
        lines = [drug("610999999").encode("cp932")]
        for i, kind in enumerate(kinds):
            good = drug(f"61000{i:04d}").encode("cp932")
            lines.append(
                {
                    "good": good,
                    "wide": good + b',"1"',
                    "price": good.replace(b"10.40", b"?"),
                    "quote": good.replace(b'"Y"', b'"Y'),
                    "blank": b"",
                    "twice": lines[0],
                    "bytes": good + b"\x81",
                }[kind]
            )
        parsed = parse(MasterKind.DRUG, Y_NAME, b"\r\n".join(lines))
        assert_whole(parsed)
        assert parsed.lines == 1 + len(kinds) - kinds.count("blank")
        assert parsed.frame.height == 1 + kinds.count("good")


class TestEditions:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("y_ALL20240321.csv", date(2024, 3, 21)),
            ("b_20240601.txt", date(2024, 6, 1)),
            ("tp20250814-01_01.xlsx", date(2025, 8, 14)),
            ("mhlw_ge_20250716.csv", date(2025, 7, 16)),
            ("s_20240531.zip!s_ALL20240601.csv", date(2024, 6, 1)),
            ("20230101/y.csv", None),
            ("y_20241399_20240401.csv", date(2024, 4, 1)),
            ("123456789.csv", None),
            ("y.csv", None),
        ],
    )
    def test_the_first_date_of_the_name(self, name, expected):
        assert edition_of(name) == expected

    def test_the_callers_edition_when_the_name_has_none(self):
        assert read(file(drug()), "y.csv", date(2024, 4, 1)).edition == date(2024, 4, 1)

    def test_no_edition_asks_for_one(self):
        with pytest.raises(InputFileError) as error:
            read(file(drug()), "y.csv")
        assert "--edition" in error.value.message
        assert error.value.where == "y.csv"

    def test_a_differing_edition_of_the_caller_is_flagged(self):
        parsed = read(file(drug()), Y_NAME, date(2024, 4, 1))
        assert parsed.edition == date(2024, 3, 21)
        assert [(f.code, f.expected, f.actual) for f in parsed.flags] == [
            ("master_edition_differs", "2024-04-01", "2024-03-21")
        ]
        assert read(file(drug()), Y_NAME, date(2024, 3, 21)).flags == []


GENERIC_HEADER = (
    "薬価基準収載医薬品コード,成分名,品名,各先発医薬品の後発医薬品の有無に関する情報,収載年月日,経過措置による使用期限,備考,"
    "診療報酬における加算等の算定対象から除外する品目,カットオフ値の計算に含める品目"
)
GENERIC_NAME = "mhlw_ge_20250716.csv"
PRICE_HEADER = (
    "区分,薬価基準収載医薬品コード,成分名,規格,日本薬局方,麻薬,業者名追記,品名,メーカー名,"
    "診療報酬において加算等の算定対象となる後発医薬品,先発医薬品,同一剤形・規格の後発医薬品がある先発医薬品,薬価,"
    "経過措置による使用期限,備考"
)


def generic(*lines: str, encoding: str = "utf-8") -> MasterParse:
    return read("\n".join([GENERIC_HEADER, *lines, ""]).encode(encoding), GENERIC_NAME)


def xlsx(*sheets: Sequence[Sequence[object]], merge: Sequence[str] = ()) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for rows in sheets:
        sheet = book.create_sheet()
        for cells in rows:
            sheet.append(list(cells))
        for place in merge:
            sheet.merge_cells(place)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


class TestGenericClasses:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
    def test_a_csv_in_the_usual_encodings(self, encoding):
        parsed = generic(
            "1124001F1022,エスタゾラム,ユーロジン１ｍｇ錠,☆,20250613,R8.3.31まで,,1,", encoding=encoding
        )
        found = only(parsed)
        assert (found["class_code"], found["listed_on"], found["expires"]) == (
            "☆",
            date(2025, 6, 13),
            date(2026, 3, 31),
        )
        assert (found["excluded_from_addition"], found["in_cutoff"]) == (True, False)
        assert (found["change"], found["full"], parsed.edition) == ("0", True, date(2025, 7, 16))
        assert (found["source_line"], parsed.lines) == (2, 1)

    def test_classes(self):
        signs = ["1", "2", "3", "☆", "★", "", "２"]
        parsed = generic(*(f"11240{i:02d}F1022,成分,品{i},{sign},,,,," for i, sign in enumerate(signs)))
        assert parsed.frame["class_code"].to_list() == ["1", "2", "3", "☆", "★", None, "2"]

    def test_an_unknown_class_is_rejected(self):
        parsed = generic("1124001F1022,成分,品,4,,,,,")
        assert (reject(parsed)["reason"], reject(parsed)["record_type"]) == ("bad_value", None)
        assert "「4」" in reject(parsed)["message"]

    @pytest.mark.parametrize(
        ("remark", "next_class", "day"),
        [
            ("R7.10.1から「2」に変更", "2", date(2025, 10, 1)),
            ("令和７年１０月１日から「☆」に変更", "☆", date(2025, 10, 1)),
            ("注意。R8.4.1から「★」に変更", "★", date(2026, 4, 1)),
            ("R7.10.1から「－」に変更", None, date(2025, 10, 1)),
            ("R7.5.21収載", None, None),
            ("", None, None),
        ],
    )
    def test_a_dated_change_in_the_remark(self, remark, next_class, day):
        parsed = generic(f"1124001F1022,成分,品,1,,,{remark},,")
        found = only(parsed)
        assert (found["next_class"], found["next_class_from"], found["remark"]) == (
            next_class,
            day,
            remark or None,
        )
        assert parsed.flags == []

    @pytest.mark.parametrize(
        "remark",
        ["次回から区分を変更", "R7.13.1から「2」に変更", "R7.10.1から「2」に変更、R8.4.1から「3」に変更"],
    )
    def test_a_change_that_cannot_be_read_is_flagged(self, remark):
        parsed = generic(f"1124001F1022,成分,品,1,,,{remark},,")
        assert [(f.code, f.source_line, f.actual) for f in parsed.flags] == [
            ("master_remark_unread", 2, remark)
        ]

    def test_codes_dates_and_duplicates_are_checked(self):
        parsed = generic(
            "1124001F1022,成分,品,1,,,,,",
            "1124001F102,成分,品,1,,,,,",
            "1124001F1030,成分,品,1,,R7.2.31まで,,,",
            "1124001F1022,成分,品,2,,,,,",
            "1124001F1049,成分,品,1,,,,",
        )
        assert parsed.rejects.select("source_line", "reason").rows() == [
            (3, "bad_code"),
            (4, "bad_date"),
            (5, "duplicate_code"),
            (6, "column_count"),
        ]
        assert_whole(parsed)

    def test_the_xlsx_with_title_rows_merged_headings_and_a_note(self):
        head = [
            "薬価基準\n収載医薬品コード",
            "成分名",
            "品名",
            "各先発医薬品の\n後発医薬品の有無に\n関する情報",
            "収載年月日",
        ]
        rows = [
            ["各先発医薬品の後発医薬品の有無に関する情報（令和7年7月16日現在）"],
            [],
            [*head, "経過措置", "備考", "診療報酬における加算等の算定対象", "カットオフ値の", None],
            [
                None,
                None,
                None,
                None,
                None,
                "による使用期限",
                None,
                "から除外する品目",
                "計算に含める品目",
                None,
            ],
            [
                "1124001F1022",
                "エスタゾラム",
                "ユーロジン",
                2,
                datetime(2025, 6, 13),
                "R8.3.31まで",
                None,
                1,
                "○",
                None,
            ],
            [],
            [
                "1124001F1030",
                "エスタゾラム",
                "架空錠",
                "★",
                20250613,
                None,
                "R7.10.1から「3」に変更",
                None,
                None,
                None,
            ],
            ["※ 注", None],
        ]
        data = xlsx([["別のシート"]], rows, merge=["A3:A4"])
        assert detect("list.xlsx", data) is MasterKind.GENERIC_CLASS
        parsed = read(data, "tp20250716-01_05.xlsx")
        assert parsed.rejects.is_empty()
        first, second = parsed.frame.to_dicts()
        assert (first["source_line"], first["class_code"], first["listed_on"]) == (5, "2", date(2025, 6, 13))
        assert (first["expires"], first["excluded_from_addition"], first["in_cutoff"]) == (
            date(2026, 3, 31),
            True,
            True,
        )
        assert (second["source_line"], second["class_code"], second["next_class"]) == (7, "★", "3")
        assert second["listed_on"] == date(2025, 6, 13)
        assert parsed.lines == 2
        assert_whole(parsed)

    def test_a_bad_first_row_of_an_xlsx_is_rejected_not_taken_for_a_heading(self):
        rows = [GENERIC_HEADER.split(","), ["誤り", "成分", "品", "1"], ["1124001F1030", "成分", "品", "3"]]
        parsed = read(xlsx(rows), "tp20250716-01_05.xlsx")
        assert (reject(parsed)["source_line"], reject(parsed)["reason"]) == (2, "bad_code")
        assert_whole(parsed)

    def test_missing_headings_are_named(self):
        header = GENERIC_HEADER.replace("品名", "名").replace("備考", "注")
        with pytest.raises(InputFileError) as error:
            parse(MasterKind.GENERIC_CLASS, GENERIC_NAME, f"{header}\n".encode())
        assert "見出しが見つかりません：品名、備考" in error.value.what

    def test_no_heading_at_all(self):
        for data in (b"a,b\n1,2\n", xlsx([["a", "b"]])):
            with pytest.raises(InputFileError, match="見出しが見つかりません"):
                parse(MasterKind.GENERIC_CLASS, GENERIC_NAME, data)

    def test_a_broken_xlsx(self):
        with pytest.raises(InputFileError, match="開けません"):
            parse(MasterKind.GENERIC_CLASS, GENERIC_NAME, xlsx([["a"]])[:200])

    def test_an_xlsx_whose_sheet_is_no_xml(self):
        whole, stream = zipfile.ZipFile(io.BytesIO(xlsx([["a"]]))), io.BytesIO()
        with zipfile.ZipFile(stream, "w") as broken:
            for name in whole.namelist():
                broken.writestr(name, b"<bad" if "sheet1" in name else whole.read(name))
        with pytest.raises(InputFileError, match="開けません"):
            parse(MasterKind.GENERIC_CLASS, GENERIC_NAME, stream.getvalue())


class TestPriceList:
    ORAL = "内用薬,1124001F1022,エスタゾラム,１ｍｇ１錠,,,,ユーロジン,架空製薬,,先発品,○,6.1,,"
    INJECTION = "注射薬,1124400A1011,架空,１０ｍＬ１管,局,麻,※,架空注,,★,,,1234,R8.3.31まで,R7.5.21収載"

    def test_a_csv_of_all_sections_is_full(self):
        parsed = read(
            "\n".join([PRICE_HEADER, self.ORAL, self.INJECTION]).encode(), "mhlw_price_20250716.csv"
        )
        first, second = parsed.frame.to_dicts()
        assert (first["price"], first["originator"], first["has_generic"]) == (
            Decimal("6.10"),
            "先発品",
            True,
        )
        assert (first["pharmacopoeia"], first["narcotic"], first["maker_added"]) == (False, False, False)
        assert (second["pharmacopoeia"], second["narcotic"], second["maker_added"]) == (True, True, True)
        assert (second["generic_mark"], second["maker"], second["price"]) == ("★", None, Decimal("1234.00"))
        assert (second["expires"], second["remark"]) == (date(2026, 3, 31), "R7.5.21収載")
        assert (parsed.full, parsed.flags) == (True, [])

    def test_one_section_alone_is_not_full_and_says_so(self):
        parsed = read("\n".join([PRICE_HEADER, self.ORAL]).encode(), "mhlw_price_20250716.csv")
        assert not parsed.full
        assert [(f.code, f.actual) for f in parsed.flags] == [("master_partial_price_list", "内用薬")]

    def test_the_xlsx_names_no_marks_right_of_the_spec(self):
        header: list[object] = [
            h if h not in ("日本薬局方", "麻薬", "業者名追記") else None for h in PRICE_HEADER.split(",")
        ]
        cells: list[object] = [c or None for c in self.INJECTION.split(",")]
        cells[12] = 10.4
        data = xlsx([header, cells])
        assert detect("x.xlsx", data) is MasterKind.DRUG_PRICE
        found = only(read(data, "tp20250814-01_02.xlsx"))
        assert (found["pharmacopoeia"], found["narcotic"], found["maker_added"]) == (True, True, True)
        assert found["price"] == Decimal("10.40")


class TestDetection:
    @pytest.mark.parametrize(
        ("letter", "kind"),
        [("Y", "drug"), ("S", "procedure"), ("B", "disease"), ("T", "material"), ("Z", "modifier")],
    )
    def test_the_second_field_decides(self, letter, kind):
        assert detect("x.csv", file(row(40, letter, "1", {}))) is MasterKind(f"{kind}_master")

    @pytest.mark.parametrize(
        "head",
        [b"", b"\x1a", b"IR,1,13,1,9990001", b'"0","X","1"', b"PK\x03\x04zip", b"\xff\xfe\x00", b"a,Y,b"],
    )
    def test_anything_else_is_none(self, head):
        assert detect("RECEIPTC.UKE", head) is None

    @pytest.mark.parametrize("cut", [4090, 4093, 4094, 4095, 4096])
    def test_a_head_cut_inside_a_character(self, cut):
        data = (GENERIC_HEADER + "\n" + "1124001F1022,成分,品名,1,,,,,\n" * 200).encode()
        assert detect("x.csv", data[:cut]) is MasterKind.GENERIC_CLASS

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("tp20250814-01_01.xlsx", MasterKind.DRUG_PRICE),
            ("a.zip!tp20250814-01_03.xlsx", MasterKind.DRUG_PRICE),
            ("tp20250814-01_05.xlsx", MasterKind.GENERIC_CLASS),
            ("book.xlsx", None),
        ],
    )
    def test_an_xlsx_seen_in_part_is_known_by_its_name(self, name, kind):
        assert detect(name, xlsx([["a"]])[:100]) is kind

    def test_an_xlsx_of_something_else(self):
        assert detect("tp20250814-01_01.xlsx", xlsx([["a", "b"]])) is None

    def test_kinds_are_tables(self):
        assert {k.table.name for k in MasterKind} == {k.value for k in MasterKind}


def published(folder: str, name: str) -> MasterParse:
    """A master as published. Skips plainly when it is not at hand."""
    path = DATA / folder / name
    if not path.exists():
        pytest.skip(f"公表されたファイル {name} が手元にないため、件数の照合を省きます（{path.parent}）")
    data = path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            name = archive.namelist()[0]
            data = archive.read(name)
    return read(data, name)


class TestPublishedFiles:
    @pytest.mark.parametrize(
        ("name", "kind", "rows", "edition"),
        [
            ("y_ALL20240321.zip", MasterKind.DRUG, 19_686, date(2024, 3, 21)),
            ("b_20240601.zip", MasterKind.DISEASE, 27_437, date(2024, 6, 1)),
            ("s_20240531.zip", MasterKind.PROCEDURE, 10_133, date(2024, 5, 31)),
            ("t_ALL20240315.zip", MasterKind.MATERIAL, 1_334, date(2024, 3, 15)),
            ("z_20250601.zip", MasterKind.MODIFIER, 2_375, date(2025, 6, 1)),
        ],
    )
    def test_every_row_of_a_master_is_read(self, name, kind, rows, edition):
        parsed = published("master", name)
        assert (parsed.kind, parsed.frame.height, parsed.edition, parsed.full) == (kind, rows, edition, True)
        assert (parsed.lines, parsed.rejects.height) == (rows, 0)
        assert_whole(parsed)

    def test_the_generic_classes_are_those_counted_before(self):
        parsed = published("generic", "mhlw_ge_20250716.csv")
        counts = dict(parsed.frame["class_code"].value_counts().iter_rows())
        assert counts == {"3": 4375, None: 3813, "1": 2437, "2": 1216, "★": 405, "☆": 188}
        assert (parsed.frame.height, parsed.rejects.height) == (12_434, 0)
        coming = parsed.frame.filter(pl.col("next_class_from").is_not_null())
        assert coming.select("next_class", "next_class_from").rows() == [("2", date(2025, 10, 1))] * 3

    def test_drugs_find_their_class(self):
        drugs = published("master", "y_ALL20240321.zip").frame
        classes = published("generic", "mhlw_ge_20250716.csv").frame
        active = drugs.filter(pl.col("price_list_code").is_not_null(), pl.col("abolished_on").is_null())
        assert active.height == 19_637
        joined = active.join(classes, on="price_list_code")
        assert joined.height == 18_382
        assert joined.filter(pl.col("generic"), pl.col("class_code") == "★").height == 220
        assert joined.filter(~pl.col("generic"), pl.col("class_code") == "3").height == 43

    def test_the_price_list_as_csv_and_as_published(self):
        listed = published("generic", "mhlw_price_20250716.csv")
        assert (listed.frame.height, listed.full, listed.rejects.height) == (12_434, True, 0)
        oral = published("generic", "tp20250814-01_01.xlsx")
        assert (oral.frame.height, oral.full, oral.rejects.height) == (6_944, False, 0)
        assert oral.frame["section"].unique().to_list() == ["内用薬"]
        assert oral.frame["narcotic"].sum() == 73
        both = oral.frame.join(listed.frame, on="price_list_code")
        same = (both["spec"] == both["spec_right"]) & (both["name"] == both["name_right"])
        assert both.height > 6_800
        assert int(same.sum()) > 0.99 * both.height
