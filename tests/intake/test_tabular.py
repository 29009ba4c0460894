"""Tables with headings (見出しのある表): which file it is, where its records end, what its cells say."""

from __future__ import annotations

import csv
import io
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lakes import tried

from kenpo.base.errors import InputFileError
from kenpo.intake.tabular import cells, lines
from kenpo.intake.tabular.findings import quotable
from kenpo.intake.tabular.headings import match
from kenpo.lake.schema import Column, Delivery, Table

SHELF = Table("shelf", "棚", "", (Column("code", "string", "棚番号"), Column("made_on", "date", "設置日")))
SHELVES = Delivery(
    SHELF,
    (
        Column("code", "string", "棚番号", aliases=("棚コード",)),
        Column("made_on", "date", "設置日"),
        Column("note", "string", "備考"),
        Column("kind", "string", "種類"),
    ),
    absent=("note", "kind"),
)
BOX = Table("box", "箱", "", (Column("code", "string", "箱番号"),))
BOXES = Delivery(BOX, (Column("code", "string", "箱番号"), Column("made_on", "date", "設置日")))


class TestHeadings:
    @pytest.mark.parametrize(
        "row",
        [
            ["棚番号", "設置日"],
            ["code", "made_on"],
            ["CODE", " Made_On "],
            ["棚コード", "設置日"],
            ["棚\n番号", "設 置　日"],
            ["ｺｰﾄﾞは別", "設置日", "棚番号"],
        ],
    )
    def test_a_column_is_known_by_title_english_name_or_alias_whatever_width_and_order(self, row: list[str]):
        found = match("a.csv", row, [SHELVES, BOXES])
        assert found is not None and found.delivery is SHELVES
        assert found.width == len(row)
        assert (found.at["code"], found.at["made_on"]) == (row.index(row[-1]) if len(row) == 3 else 0, 1)

    def test_columns_nobody_declared_are_counted(self):
        found = match("a.csv", ["棚番号", "設置日", "置いた人", ""], [SHELVES])
        assert found is not None
        assert (found.at, found.width, found.unknown) == ({"code": 0, "made_on": 1}, 4, 1)

    def test_of_two_files_it_may_be_the_one_with_most_columns_counts(self):
        row = ["箱番号", "設置日", "棚番号", "種類"]
        found = match("a.csv", row, [BOXES, SHELVES])
        assert found is not None and found.delivery is SHELVES

    def test_a_file_with_half_of_what_is_needed_says_what_is_missing(self):
        with pytest.raises(InputFileError) as error:
            match("a.csv", ["設置日", "備考"], [SHELVES])
        assert error.value.code == "bad_headings"
        assert "棚のファイルのようですが、必要な見出しがありません：棚番号" in error.value.message

    def test_two_headings_for_one_column_are_an_error(self):
        with pytest.raises(InputFileError, match="2つ以上あります：棚番号") as error:
            match("a.csv", ["棚番号", "棚コード", "設置日"], [SHELVES])
        assert error.value.code == "bad_headings"

    def test_another_file_is_none_of_them(self):
        assert match("a.csv", ["氏名", "点数"], [SHELVES, BOXES]) is None


def read(
    data: bytes, size: int, encoding: str = "utf-8"
) -> tuple[list[tuple[int, list[str | None]]], list[int]]:
    """Line and fields of every record below the first row, and the lines whose quotes or fields are wrong."""
    start = lines.first_row(data, encoding)
    assert start is not None
    at = {f"c{n}": n for n in range(len(start.row))}
    rows, bad = [], []
    for block in lines.blocks(io.BytesIO(data), start, "見本.csv", size):
        found = lines.split(block.data)
        wrong = ~found.blank & (found.misquoted | (found.fields != len(at)))
        text = lines.texts(block.data, found, ~found.blank & ~wrong, encoding, at)
        rows += zip(
            (found.line + block.first_line)[~found.blank & ~wrong].tolist(),
            map(list, text.rows()),
            strict=True,
        )
        bad += (found.line + block.first_line)[wrong].tolist()
    return rows, bad


CELL = st.text(alphabet='aあ1,"\n ー', max_size=6)


@tried(60)
@given(
    st.lists(st.tuples(CELL, CELL, CELL), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "cp932", "utf-8-sig"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from([1, 7, 64, 1 << 20]),
)
def test_a_table_is_read_as_pythons_csv_module_reads_it_wherever_it_is_cut(
    table: list[tuple[str, str, str]], newline: str, encoding: str, quoting: int, size: int
):
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=newline, quoting=quoting)  # pyright: ignore[reportArgumentType]
    writer.writerows([("い", "ろ", "は"), *table])
    data = out.getvalue().encode(encoding)
    reader = csv.reader(io.StringIO(out.getvalue(), newline=""))
    next(reader)
    expected, line = [], 2
    for row in reader:
        if any(row):
            expected.append((line, [cell.strip() or None for cell in row]))
        line = reader.line_num + 1
    # A row of blank quoted cells is a row for this reader, of which nothing is left.
    read_rows = [r for r in read(data, size, encoding.removesuffix("-sig"))[0] if any(r[1])]
    assert read_rows == [r for r in expected if any(r[1])]


class TestQuotes:
    def test_a_quoted_field_may_hold_commas_quotes_and_line_breaks(self):
        data = b'a,b\r\n"x,1","y ""z"""\r\n"two\r\nlines",2\r\n3,4\r\n'
        assert read(data, 1 << 20) == (
            [(2, ["x,1", 'y "z"']), (3, ["two\r\nlines", "2"]), (5, ["3", "4"])],
            [],
        )

    @pytest.mark.parametrize("stray", ['1,"2', '"1,2', '1,2"', 'a"b",2', '"a"b,2', '"a" ,2', '1,""2"'])
    @pytest.mark.parametrize("size", [1, 50, 1 << 20])
    def test_a_stray_quote_costs_its_own_line_only(self, stray: str, size: int):
        rows = "".join(f"{n},x\n" for n in range(200))
        data = f"a,b\n{rows}{stray}\n{rows}".encode()
        found, bad = read(data, size)
        assert bad == [202]
        assert len(found) == 400

    def test_two_stray_quotes_cost_two_lines(self):
        data = b'a,b\n1,"x\n2,y\n3,"z\n4,w\n'
        assert read(data, 1 << 20) == ([(3, ["2", "y"]), (5, ["4", "w"])], [2, 4])


class TestLines:
    def test_blank_lines_and_rows_of_commas_only_are_no_rows(self):
        assert read(b"\n,\na,b\n\n1,2\n,\n\r\n3,4\n\x1a", 1 << 20) == ([(5, ["1", "2"]), (8, ["3", "4"])], [])

    def test_a_row_of_another_width_is_told(self):
        assert read(b"a,b\n1\n1,2\n1,2,3\n", 1 << 20) == ([(3, ["1", "2"])], [2, 4])

    def test_the_last_line_needs_no_line_end(self):
        assert read(b"a,b\n1,2", 1) == ([(2, ["1", "2"])], [])

    def test_a_byte_that_is_no_character_takes_nothing_else_with_it(self):
        assert read(b"a,b\n\x81,2\n\x81\n1,\x81\n3,4\n", 1 << 20, "cp932") == (
            [(2, ["\ufffd", "2"]), (4, ["1", "\ufffd"]), (5, ["3", "4"])],
            [3],
        )

    def test_a_file_that_never_ends_a_line_is_refused(self):
        class Endless(io.RawIOBase):
            left = 64 << 20

            def readable(self) -> bool:
                return True

            def readinto(self, buffer) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
                size = min(len(buffer), self.left)
                buffer[:size] = b"x" * size
                self.left -= size
                return size

        start = lines.Start(["a"], 0, 1)
        with pytest.raises(InputFileError, match="1行が長すぎる"):
            list(lines.blocks(Endless(), start, "見本.csv", 1 << 20))  # pyright: ignore[reportArgumentType]


def value(column: Column, text: str) -> object:
    return cells.read(column, pl.Series([text], dtype=pl.String))[0]


DAY = date(2024, 4, 1)


class TestCells:
    @pytest.mark.parametrize(
        "text",
        [
            "2024-04-01",
            "20240401",
            "2024/4/1",
            "2024/04/01",
            "令和6年4月1日",
            "R6.4.1",
            "２０２４年４月１日",
            "2024-4-1",
        ],
    )
    def test_a_day_in_any_usual_form(self, text: str):
        assert value(Column("d", "date", "日"), text) == DAY

    def test_the_first_year_of_an_era(self):
        assert value(Column("d", "date", "日"), "令和元年5月1日") == date(2019, 5, 1)
        assert value(Column("d", "date", "日"), "S64.1.7") == date(1989, 1, 7)

    @pytest.mark.parametrize(
        "text",
        ["2024-02-30", "20241301", "2024041", "令和6年4月", "R0.1.1", "平成31年5月1日", "きのう", "18001231"],
    )
    def test_what_is_no_day(self, text: str):
        assert value(Column("d", "date", "日"), text) is None

    @pytest.mark.parametrize(
        "text", ["2024-04", "202404", "2024/4", "令和6年4月", "R6.4", "2024-04-01", "20240401"]
    )
    def test_a_month_in_any_usual_form(self, text: str):
        assert value(Column("m", "month", "月"), text) == DAY

    @pytest.mark.parametrize("text", ["2024-13", "2024", "2024-04-02", "令和6年"])
    def test_what_is_no_month(self, text: str):
        assert value(Column("m", "month", "月"), text) is None

    @pytest.mark.parametrize(
        ("yes", "no"),
        [
            ("1", "0"),
            ("１", "０"),
            ("はい", "いいえ"),
            ("有", "無"),
            ("済", "未"),
            ("TRUE", "false"),
            ("○", "×"),
        ],
    )
    def test_marks(self, yes: str, no: str):
        column = Column("b", "bool", "印")
        assert (value(column, yes), value(column, no)) == (True, False)
        assert value(column, "たぶん") is None

    @pytest.mark.parametrize("text", ["spouse", "Spouse", "配偶者", "妻", "01", "1", "０１", " 妻 "])
    def test_a_code_by_any_of_its_spellings(self, text: str):
        column = Column(
            "r", "string", "続柄", codes={"self": ("本人", "00"), "spouse": ("配偶者", "01", "妻")}
        )
        assert value(column, text) == "spouse"
        assert value(column, "0") == "self"
        assert value(column, "10") is None

    @pytest.mark.parametrize(
        ("text", "number"),
        [("0", 0), ("300000", 300000), ("300,000", 300000), ("３００", 300), ("-1", None), ("1.5", None), ("3,00", None), ("1e3", None), ("9" * 13, None)],
    )  # fmt: skip
    def test_numbers_are_whole_and_not_negative(self, text: str, number: int | None):
        assert value(Column("n", "int64", "額"), text) == number

    def test_symbols_are_folded_as_keys_are(self):
        column = Column("s", "string", "記号", pattern="[0-9A-Zァ-ヶー-]{1,20}")
        assert value(column, "１２　ｱ－３") == "12ア-3"
        assert value(column, "12*3") is None

    def test_leading_zeros_a_spreadsheet_dropped_come_back(self):
        column = Column("m", "string", "市区町村", pattern="[0-9]{5}")
        assert value(column, "1101") == "01101"
        assert value(column, "351101") is None

    def test_null_stays_null_and_order_is_kept(self):
        text = pl.Series(["R6.4.1", None, "20240401", "x", None], dtype=pl.String)
        assert cells.read(Column("d", "date", "日"), text).to_list() == [DAY, None, DAY, None, None]


def test_only_short_codes_and_days_are_quoted():
    values = pl.Series(
        ["9", "x1", "2024-13-01", "1234567", "架空太郎", "ｶｸｳ", "090-1234-5678", "2024-1301", None]
    )
    assert quotable(values).to_list() == ["9", "x1", "2024-13-01", "", "", "", "", "", ""]
