"""Published lists of institutions (医療機関・薬局の一覧): both forms the bureaus publish, and where letters go by them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.branches import TinyBranch
from tests.lakes import key_file, load, rows

from kenpo.frame.institutions import institution_recipients
from kenpo.frame.letter import Recipient
from kenpo.intake.institutions import looks_like_list, parse
from kenpo.intake.load import load_paths
from kenpo.lake import Lake

FILINGS = [
    "項番", "都道府県コード", "都道府県名", "区分", "医療機関番号", "併設医療機関番号", "医療機関記号番号", "医療機関名称",
    "医療機関所在地（郵便番号）", "医療機関所在地（住所）", "電話番号", "ＦＡＸ番号", "受理届出名称",
]  # fmt: skip
CLINIC = ["1", "35", "山口", "医科", "9990001", "", "(架)1", "架空クリニック", "753-0000", "山口市架空町1-1",
          "00-0000-0001", "", "架空の届出一"]  # fmt: skip
PHARMACY = ["2", "35", "山口", "薬局", "9990001", "", "", "見本薬局", "７５３００００", "山口県山口市架空町1-2",
            "00-0000-0002", "", "架空の届出"]  # fmt: skip
DENTIST = ["3", "3", "岩手", "歯科", "0990002", "", "", "例示歯科", "", "盛岡市架空町3", "", "", "架空の届出"]


FILED = [
    ("3519990001", "架空クリニック", "753-0000", "山口市架空町1-1", "00-0000-0001"),
    ("3549990001", "見本薬局", "753-0000", "山口県山口市架空町1-2", "00-0000-0002"),
    ("0330990002", "例示歯科", None, "盛岡市架空町3", None),
]
NUMBERED = [
    ("3519990001", "架空クリニック", "753-0000", "山口市架空町１－１", "083-000-0001"),
    ("3519990002", "見本病院", "750-0000", "下関市架空町２", None),
]


def blocks(place: str = "[山口県]", told: str = "[令和 8年 7月 1日現在　医科　現存/休止]") -> list[list[Any]]:
    """コード内容別医療機関一覧表 of two institutions on two pages, each on some rows."""
    head = [["", "コード内容別医療機関一覧表"], [place], [told], ["令和 8年 7月 1日作成　　1頁"]]
    titles = [
        "項番",
        "医療機関番号",
        "医療機関名称",
        "医療機関所在地",
        "電話番号",
        "開設者氏名",
        "管理者氏名",
    ]
    return [
        *head,
        titles,
        [1, "99,9000,1 ", "架空クリニック", "〒753－0000山口市架空町１－１", "083-000-0001", "架空　太郎", "架空　太郎"],
        ["", "", "", "", "常　勤:    1\n(医       1)", "", "", "平30. 4. 1", "内", "診療所"],
        ["", "", "", "", "", "", "", "新規", "", "現存"],
        *head,
        titles,
        [2, "99-90002", "見本病院", "〒750－0000下関市架空町２", "", "医療法人見本会", "見本　花子"],
        ["", "", "", "", "常　勤:   12"],
    ]  # fmt: skip


def xlsx(*sheets: Sequence[Sequence[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for table in sheets:
        sheet = book.create_sheet()
        for row in table:
            sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_csv(table: Sequence[Sequence[str]], encoding: str = "cp932") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(table)
    return out.getvalue().encode(encoding)


def taken(folder: Path, data: bytes, name: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The institutions kept, and the rejects, of a list loaded as any file is."""
    lake, (report,) = load(folder, {name: data})
    assert report.status == "loaded", report.message
    entry = report.entry
    assert entry and (entry.kind, entry.lines) == ("institution_list", entry.rows + entry.rejects)
    kept = rows(lake, "institution_list").sort("source_line", "institution")
    assert set(kept["edition"]) <= {entry.edition}
    faults = rows(lake, "intake_reject").select("source_line", "field", "reason").sort("source_line")
    wanted = ("institution", "name", "postcode", "address", "phone")
    return kept.select(wanted).rows(), faults.rows()


class TestAListWithHeadings:
    @pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig"])
    def test_a_csv_gives_name_place_and_telephone(self, encoding: str, tmp_path: Path):
        data = as_csv([FILINGS, CLINIC, PHARMACY, DENTIST], encoding)
        assert taken(tmp_path, data, "名簿_20260701.csv") == (FILED, [])

    def test_the_published_xlsx_has_titles_above_and_a_row_per_filing(self, tmp_path: Path):
        filed = [*CLINIC[:-1], "架空の届出二"]
        titles = [["届出受理医療機関名簿"], ["[令和8年7月1日現在]"], []]
        numbers = [int(cell) if cell.isdigit() and len(cell) < 3 else cell for cell in PHARMACY]
        data = xlsx([*titles, FILINGS, CLINIC, filed, filed, numbers, DENTIST])
        assert taken(tmp_path, data, "kijun_zentai.xlsx") == (FILED, [])

    def test_a_zip_of_lists_is_opened(self, tmp_path: Path):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("名簿_20260701.csv", as_csv([FILINGS, CLINIC]))
        kept, _ = taken(tmp_path, stream.getvalue(), "名簿.zip")
        assert kept == FILED[:1]

    @pytest.mark.parametrize(
        ("position", "text", "field", "reason"),
        [
            (1, "48", "都道府県", "bad_value"),
            (3, "訪問看護", "点数表", "bad_value"),
            (4, "99900", "医療機関", "bad_code"),
            (7, "", "名称", "missing_value"),
        ],
    )
    def test_a_faulty_row_is_rejected_and_the_rest_goes_on(
        self, position: int, text: str, field: str, reason: str, tmp_path: Path
    ):
        wrong = [*CLINIC[:position], text, *CLINIC[position + 1 :]]
        kept, faults = taken(tmp_path, as_csv([FILINGS, wrong, PHARMACY]), "名簿_20260701.csv")
        assert kept == FILED[1:2]
        assert faults == [(2, field, reason)]

    def test_a_row_with_bytes_nobody_can_read_is_rejected(self, tmp_path: Path):
        data = as_csv([FILINGS, CLINIC, PHARMACY]).replace(
            "架空クリ".encode("cp932"), b"\x89\xcb\x80\x83\x4e\x83\x8a"
        )
        kept, faults = taken(tmp_path, data, "名簿_20260701.csv")
        assert (kept, faults) == (FILED[1:2], [(2, "名称", "bad_encoding")])

    def test_quotes_that_do_not_match_refuse_the_file(self, tmp_path: Path):
        data = as_csv([FILINGS, *([CLINIC] * 30)]) + b'4,35,"\r\n5,35\r\n'
        _, (report,) = load(tmp_path, {"名簿_20260701.csv": data})
        assert (report.status, report.code) == ("failed", "bad_file")
        assert "引用符" in report.message

    @given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
    def test_each_institution_is_kept_once_at_its_first_row(self, numbers: list[int]):
        made = [[*CLINIC[:4], f"999000{n}", *CLINIC[5:]] for n in numbers]
        parsed = parse("名簿_20260701.csv", as_csv([FILINGS, *made]))
        assert parsed
        first = {n: line for line, n in reversed(list(enumerate(numbers, start=2)))}
        found = {
            int(code[-1]): line for code, line in parsed.frame.select("institution", "source_line").rows()
        }
        assert found == first and parsed.lines == len(first) and parsed.rejects.is_empty()


class TestAListByNumber:
    def test_the_first_row_of_each_institution_is_read(self, tmp_path: Path):
        assert taken(tmp_path, xlsx(blocks()), "ichiran.xlsx") == (NUMBERED, [])

    def test_its_day_is_the_one_it_tells_or_that_of_the_name(self):
        told, named = parse("a.xlsx", xlsx(blocks())), parse("a_20260801.xlsx", xlsx(blocks()))
        assert told and named
        assert (told.edition, named.edition) == (date(2026, 7, 1), date(2026, 8, 1))

    def test_several_prefectures_may_stand_on_several_sheets(self):
        parsed = parse("a.xlsx", xlsx(blocks(), blocks("[東京都]", "[令和8年7月1日現在 薬局 現存/休止]")))
        assert parsed
        assert parsed.frame["institution"].to_list() == [
            "3519990001", "3519990002", "1349990001", "1349990002"
        ]  # fmt: skip

    def test_prefecture_and_sort_may_be_told_by_the_name(self):
        parsed = parse("歯科_31_鳥取_20260701.xlsx", xlsx(blocks("", "")))
        assert parsed and parsed.frame["institution"].to_list() == ["3139990001", "3139990002"]

    @pytest.mark.parametrize(
        "table",
        [blocks(""), blocks(told="[令和8年7月1日現在]"), blocks(told="[令和8年7月1日現在　医科・歯科]")],
    )
    def test_without_them_the_file_is_refused(self, table: list[list[Any]], tmp_path: Path):
        _, (report,) = load(tmp_path, {"a.xlsx": xlsx(table)})
        assert (report.status, report.code) == ("failed", "bad_file")
        assert "都道府県か、医科・歯科・薬局の別" in report.message

    def test_an_institution_that_stands_again_and_a_bad_number_are_rejected(self, tmp_path: Path):
        again = [3, "99,9000,1", "架空クリニック", "〒753－0000山口市架空町９"]
        bad = [4, "99,9000", "例示医院", "〒753－0000山口市架空町９"]
        kept, faults = taken(tmp_path, xlsx([*blocks(), again, bad]), "ichiran.xlsx")
        assert kept == NUMBERED
        assert [(f, r) for _, f, r in faults] == [("医療機関", "duplicate_code"), ("医療機関", "bad_code")]


class TestOtherFiles:
    def test_are_no_list(self):
        assert parse("a.xlsx", xlsx([["見本", "説明"], [1, 2]])) is None
        assert not looks_like_list("医療機関番号,医療機関名称\r\n".encode("cp932"))
        assert not looks_like_list(b'"\x80,,"x"\r\n\x00')
        assert parse("a.csv", as_csv([["見本"]])) is None

    @pytest.mark.parametrize("table", [[FILINGS], [["コード内容別医療機関一覧表"], ["[山口県]"]]])
    def test_a_list_without_rows_is_refused(self, table: list[list[str]], tmp_path: Path):
        _, (report,) = load(tmp_path, {"a_20260701.xlsx": xlsx(table)})
        assert (report.status, report.code) == ("failed", "empty")

    def test_a_list_of_no_day_is_refused_unless_one_is_given(self, tmp_path: Path):
        data = as_csv([FILINGS, CLINIC])
        _, (report,) = load(tmp_path / "1", {"名簿.csv": data})
        assert (report.status, report.code) == ("failed", "bad_file")
        _, (report,) = load(tmp_path / "2", {"名簿.csv": data}, edition=date(2026, 7, 1))
        assert report.entry and report.entry.edition == date(2026, 7, 1)


class TestRecipients:
    def claim(self, code: str, name: str, place: str, month: str = "202406") -> bytes:
        lines = [
            f"1,1,0,MN,見本,{place},1",
            f"1,2,0,IR,1,35,1,{code},,{name},{month},00,",
            "1,3,0,RE,1,1112,202405,架空　花子,1,19550601",
            "1,4,0,HO,01350016,１２３,４５６,2,500",
        ]
        return "".join(line + "\r\n" for line in lines).encode("cp932")

    def test_the_newest_list_goes_before_what_claims_say(self, tmp_path: Path):
        moved = [*CLINIC[:7], "架空クリニック新院", "753-0001", "山口市架空町9", *CLINIC[10:]]
        files = {
            "名簿_20260801.csv": as_csv([FILINGS, moved]),
            "名簿_20260701.csv": as_csv([FILINGS, CLINIC, PHARMACY]),
            "a/11_RECODEINFO_MED.CSV": self.claim("9990001", "旧名", "山口県山口市架空町0"),
            "b/11_RECODEINFO_MED.CSV": self.claim("9990007", "前の名", "萩市架空町6", "202405"),
            "c/11_RECODEINFO_MED.CSV": self.claim("9990007", "見本医院", "萩市架空町7"),
            "d/11_RECODEINFO_MED.CSV": self.claim("9990008", "例示医院", ""),
        }
        lake, reports = load(tmp_path, files)
        assert {r.status for r in reports} == {"loaded"}
        wanted = ["3519990001", "3549990001", "3519990007", "3519990008", "3519999999"]
        assert institution_recipients(lake, wanted) == {
            "3519990001": Recipient(("架空クリニック新院",), "753-0001", ("山口県山口市架空町9",)),
            "3519990007": Recipient(("見本医院",), "", ("山口県萩市架空町7",)),
            "3549990001": Recipient(("見本薬局",), "753-0000", ("山口県山口市架空町1-2",)),
        }
        assert list(institution_recipients(lake, ["3549990001"])) == ["3549990001"]
        assert institution_recipients(lake, []) == {}

    def test_an_empty_lake_knows_nobody(self, tmp_path: Path):
        assert institution_recipients(Lake.create(tmp_path / "lake"), ["3519990001"]) == {}

    def test_everybody_of_an_invented_branch_has_an_address(self, tiny: TinyBranch, tmp_path: Path):
        lake = Lake.create(tmp_path / "lake")
        (report,) = load_paths(lake, [tiny.folder / "医療機関"], key_path=key_file(tmp_path), workers=1)
        assert report.entry and (report.entry.rejects, report.entry.edition) == (0, tiny.setting.last_day)
        seen = rows(tiny.lake, "institution")
        codes = set(seen["institution"])
        found = institution_recipients(lake, codes)
        assert found.keys() == codes
        assert all("架空町" in one.address[0] and one.postal_code == "000-0000" for one in found.values())
        names = dict(seen.drop_nulls("name").select("institution", "name").rows())
        assert all(found[code].names == (name,) for code, name in names.items())
