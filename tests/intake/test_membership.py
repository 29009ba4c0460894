"""Membership files (資格のファイル): what is stored, what is rejected and why, however the file is written."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lakes import KEY, content, differences, fresh, load, rows, tried

from kenpo.base.branches import branch
from kenpo.base.text import full_width_kana, normalise_symbol
from kenpo.cli.main import app
from kenpo.intake.load import FileReport
from kenpo.lake import Lake
from kenpo.lake.tables.members import DELIVERIES, TABLES
from kenpo.synth.receipts import encode, uke_lines
from kenpo.synth.records import (
    Institution,
    Patient,
    Procedure,
    Receipt,
    Unit,
)

TOKYO, YAMAGUCHI = "01130012", branch("山口").insurer_number or ""
DAY = "20240501"
Row = dict[str, str]

WORKPLACE: list[Row] = [
    {"保険者番号": TOKYO, "事業所記号": "１２３", "業態": "44", "市区町村": "13103", "新規適用年月日": "1990-04-01",
     "全喪年月日": "", "社労士委託": "有", "電子申請": "無", "被保険者数": "120", "事業所名称": "架空運送株式会社"},
    {"保険者番号": YAMAGUCHI, "事業所記号": "ｱｲ-9", "業態": "9", "市区町村": "35305", "新規適用年月日": "平成2年4月1日",
     "全喪年月日": "R6.3.31", "社労士委託": "0", "電子申請": "1", "被保険者数": "", "事業所名称": "見本食品, 本店"},
]  # fmt: skip
MEMBER: list[Row] = [
    {"保険者番号": TOKYO, "加入者番号": "K0001", "氏名": "架空太郎", "カナ氏名": "ｶｸｳ ﾀﾛｳ", "生年月日": "昭和55年2月3日",
     "性別": "男", "居住市区町村": "13103", "マイナンバー収録": "済", "マイナンバー収録年月日": "2016-01-04", "死亡年月日": "",
     "郵便番号": "000-0001", "住所": "東京都港区見本1-2-3"},
    {"保険者番号": TOKYO, "加入者番号": "K0002", "氏名": "架空花子", "カナ氏名": "", "生年月日": "19850304", "性別": "2",
     "居住市区町村": "", "マイナンバー収録": "未", "マイナンバー収録年月日": "", "死亡年月日": "2024/4/2", "郵便番号": "", "住所": ""},
]  # fmt: skip
ENROLMENT: list[Row] = [
    {"保険者番号": TOKYO, "加入者番号": "K0001", "被保険者の加入者番号": "", "記号": "１２３", "番号": "４５６", "枝番": "1",
     "生年月日": "昭和55年2月3日", "性別": "男", "カナ氏名": "ｶｸｳ ﾀﾞﾛｳ", "本人家族区分": "被保険者", "続柄": "本人", "任意継続": "0",
     "資格取得年月日": "2020-04-01", "資格喪失年月日": "", "喪失事由": ""},
    {"保険者番号": TOKYO, "加入者番号": "K0002", "被保険者の加入者番号": "Ｋ０００１", "記号": "123", "番号": "456", "枝番": "02",
     "生年月日": "19850304", "性別": "女性", "カナ氏名": "カクウ　ハナコ", "本人家族区分": "2", "続柄": "妻", "任意継続": "0",
     "資格取得年月日": "R2.4.1", "資格喪失年月日": "2024/4/1", "喪失事由": "21"},
    {"保険者番号": YAMAGUCHI, "加入者番号": "K0003", "被保険者の加入者番号": "", "記号": "ア-1", "番号": "7", "枝番": "",
     "生年月日": "1960-01-01", "性別": "1", "カナ氏名": "", "本人家族区分": "insured", "続柄": "", "任意継続": "はい",
     "資格取得年月日": "20230401", "資格喪失年月日": "", "喪失事由": ""},
]  # fmt: skip
REMUNERATION: list[Row] = [
    {"保険者番号": TOKYO, "加入者番号": "K0001", "適用年月": "2023-09", "標準報酬月額": "300,000", "決定事由": "定時決定"},
    {"保険者番号": TOKYO, "加入者番号": "K0001", "適用年月": "令和6年1月", "標準報酬月額": "320000", "決定事由": "3"},
    {"保険者番号": TOKYO, "加入者番号": "K0001", "適用年月": "2010-09", "標準報酬月額": "123456", "決定事由": ""},
]  # fmt: skip
BONUS: list[Row] = [
    {"保険者番号": TOKYO, "加入者番号": "K0001", "賞与支払年月日": "2023-12-10", "賞与額": "543,999"},
    {"保険者番号": TOKYO, "加入者番号": "K0001", "賞与支払年月日": "2024-03-10", "賞与額": "0"},
]
CARD: list[Row] = [
    {"保険者番号": TOKYO, "加入者番号": "K0001", "証の種類": "被保険者証", "交付年月日": "2020-04-10", "有効期限": "",
     "回収年月日": "", "回収区分": ""},
    {"保険者番号": TOKYO, "加入者番号": "K0002", "証の種類": "2", "交付年月日": "2024-01-10", "有効期限": "2028-12-31",
     "回収年月日": "2024-04-05", "回収区分": "回収"},
]  # fmt: skip
SOUND = {
    "workplace": WORKPLACE, "member": MEMBER, "enrolment": ENROLMENT, "remuneration": REMUNERATION, "bonus": BONUS,
    "card": CARD,
}  # fmt: skip
"""A sound file (誤りのないファイル) of each kind, by the table it fills; headings are the Japanese titles."""


def table_of(kind: str, changes: Sequence[tuple[int, Row]] = (), more: Sequence[Row] = ()) -> list[list[str]]:
    """Headings and rows of the sound file, with cells changed (row from 0) and rows added."""
    made = [dict(row) for row in SOUND[kind]]
    for n, change in changes:
        made[n].update(change)
    made += more
    heads = list(made[0])
    return [heads, *([row.get(head, "") for head in heads] for row in made)]


def as_csv(
    table: list[list[str]], encoding: str = "cp932", newline: str = "\r\n", quoting: Any = csv.QUOTE_MINIMAL
) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=newline, quoting=quoting).writerows(table)
    return out.getvalue().encode(encoding)


def as_xlsx(table: list[list[Any]], before: Sequence[str] = ()) -> bytes:
    """The table on the sheet after those named, which hold something else."""
    book = openpyxl.Workbook()
    for title in before:
        book.create_sheet(title).append(["見本", "説明"])
    sheet = book.create_sheet("データ")
    for row in table:
        sheet.append(row)
    del book["Sheet"]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def loaded(
    folder: Path, data: bytes, name: str = f"資格_{DAY}.csv", **options: Any
) -> tuple[Lake, FileReport]:
    lake, (report,) = load(folder, {name: data}, **options)
    assert report.status == "loaded", report.message
    assert report.entry is not None
    assert report.entry.lines == report.entry.rows + report.entry.rejects
    return lake, report


def stored(lake: Lake, kind: str) -> pl.DataFrame:
    return rows(lake, kind).drop("source_file").sort("source_line")


def rejects(lake: Lake) -> list[tuple[int, str | None, str]]:
    frame = rows(lake, "intake_reject").sort("source_line", "field", "reason")
    return list(zip(frame["source_line"], frame["field"], frame["reason"], strict=True))


def flags(lake: Lake) -> list[tuple[int, str]]:
    frame = rows(lake, "intake_flag").sort("source_line", "code")
    return list(zip(frame["source_line"], frame["code"], strict=True))


def hashed(text: str) -> str:
    return hashlib.blake2b(text.encode(), key=bytes.fromhex(KEY), digest_size=16).hexdigest()


class TestStored:
    """What becomes of the sound files, field by field."""

    def test_workplaces(self, tmp_path: Path):
        lake, report = loaded(tmp_path, as_csv(table_of("workplace")))
        assert (report.entry.format, report.entry.kind, report.entry.edition) == (  # pyright: ignore[reportOptionalMemberAccess]
            "membership",
            "workplace",
            date(2024, 5, 1),
        )
        one, two = stored(lake, "workplace").rows(named=True)
        assert one == {
            "source_line": 2, "as_of": date(2024, 5, 1), "full": True, "change": "upsert", "branch": "13",
            "symbol": "123", "industry": "44", "industry_section": "H", "municipality": "13103",
            "applied_on": date(1990, 4, 1), "closed_on": None, "consultant": True, "electronic": False,
            "insured_count": 120,
        }  # fmt: skip
        assert (two["branch"], two["symbol"], two["industry"], two["industry_section"]) == (
            "35",
            "アイ-9",
            "09",
            "E",
        )
        assert (two["closed_on"], two["insured_count"]) == (date(2024, 3, 31), None)
        assert rejects(lake) == flags(lake) == []

    def test_members(self, tmp_path: Path):
        lake, _ = loaded(tmp_path, as_csv(table_of("member")))
        one, two = stored(lake, "member").rows(named=True)
        assert one == {
            "source_line": 2, "as_of": date(2024, 5, 1), "full": True, "change": "upsert", "branch": "13",
            "member_id": hashed("person|K0001"), "birth_date": date(1980, 2, 3), "sex": "1", "municipality": "13103",
            "mynumber": True, "mynumber_on": date(2016, 1, 4), "died_on": None,
        }  # fmt: skip
        assert (two["mynumber"], two["municipality"], two["died_on"]) == (False, None, date(2024, 4, 2))

    def test_enrolments(self, tmp_path: Path):
        lake, _ = loaded(tmp_path, as_csv(table_of("enrolment")))
        one, two, three = stored(lake, "enrolment").rows(named=True)
        assert one == {
            "source_line": 2, "as_of": date(2024, 5, 1), "full": True, "change": "upsert", "branch": "13",
            "member_id": hashed("person|K0001"), "insured_id": hashed("person|K0001"), "workplace": "123",
            "kind": "insured", "relation": "self", "voluntary": False, "acquired_on": date(2020, 4, 1),
            "lost_on": None, "loss_reason": None,
            "member_key": hashed(f"{TOKYO}|123|456|01|19800203|1"),
            "member_key_loose": hashed(f"{TOKYO}|123|456|19800203|1"),
            "card_key": hashed(f"card|{TOKYO}|123|456"),
            "person_key": hashed("kana|カクウダロウ|19800203|1"),
        }  # fmt: skip
        assert (two["insured_id"], two["relation"], two["loss_reason"]) == (
            one["member_id"],
            "spouse",
            "removed",
        )
        assert two["card_key"] == one["card_key"]
        assert three["workplace"] is None and three["voluntary"] is True
        assert three["member_key"] == three["member_key_loose"] == hashed(f"{YAMAGUCHI}|ア-1|7|19600101|1")
        assert three["person_key"] is None

    def test_remunerations_and_bonuses(self, tmp_path: Path):
        lake, _ = loaded(tmp_path / "r", as_csv(table_of("remuneration")))
        kept = stored(lake, "remuneration")
        assert kept.select("from_month", "standard", "reason").rows() == [
            (date(2023, 9, 1), 300_000, "regular"),
            (date(2024, 1, 1), 320_000, "revised"),
            (date(2010, 9, 1), 123_456, None),
        ]
        lake, _ = loaded(tmp_path / "b", as_csv(table_of("bonus")))
        assert stored(lake, "bonus").select("amount", "standard").rows() == [(543_999, 543_000), (0, 0)]

    def test_cards(self, tmp_path: Path):
        lake, _ = loaded(tmp_path, as_csv(table_of("card")))
        kept = stored(lake, "card").select("kind", "issued_on", "expires_on", "returned_on", "return_kind")
        assert kept.rows() == [
            ("card", date(2020, 4, 10), None, None, None),
            ("certificate", date(2024, 1, 10), date(2028, 12, 31), date(2024, 4, 5), "returned"),
        ]


class TestWriting:
    """However a file is written, the lake holds the same."""

    def heads(self, kind: str, which: str) -> list[list[str]]:
        delivery = next(d for d in DELIVERIES if d.table.name == kind)
        head, *body = table_of(kind)
        by_any = {n: c for c in delivery.columns for n in (c.title, c.name, *c.aliases)}
        found = [by_any[h] for h in head]
        named = {
            "english": lambda c: c.name.upper(),
            "alias": lambda c: c.aliases[0] if c.aliases else c.title,
        }
        return [[named[which](c) for c in found], *body]

    @pytest.mark.parametrize("kind", SOUND)
    @pytest.mark.parametrize(
        "way", ["utf-8", "utf-8-sig", "lf", "quoted", "english", "alias", "turned", "xlsx", "tiny blocks"]
    )
    def test_is_the_same_as_plain_cp932(self, kind: str, way: str, tmp_path: Path):
        table = table_of(kind)
        data = {
            "utf-8": lambda: as_csv(table, "utf-8"),
            "utf-8-sig": lambda: as_csv(table, "utf-8-sig"),
            "lf": lambda: as_csv(table, newline="\n"),
            "quoted": lambda: as_csv(table, quoting=csv.QUOTE_ALL),
            "english": lambda: as_csv(self.heads(kind, "english")),
            "alias": lambda: as_csv(self.heads(kind, "alias")),
            "turned": lambda: as_csv([row[::-1] for row in table]),
            "xlsx": lambda: as_xlsx(table, before=["説明"]),
            "tiny blocks": lambda: as_csv(table, newline="\n") + b"\n",
        }[way]()
        name = f"資格_{DAY}.xlsx" if way == "xlsx" else f"資格_{DAY}.csv"
        plain, _ = loaded(tmp_path / "plain", as_csv(table))
        other, _ = loaded(
            tmp_path / "other", data, name, **({"block_bytes": 16} if way == "tiny blocks" else {})
        )
        assert stored(other, kind).equals(stored(plain, kind))
        assert rejects(other) == flags(other) == []

    def test_a_spreadsheet_may_hold_real_days_and_numbers(self, tmp_path: Path):
        head, first, *_ = table_of("bonus")
        made = [head, [int(TOKYO), "K0001", datetime(2023, 12, 10), 543999.0]]
        lake, _ = loaded(tmp_path / "x", as_xlsx(made), f"賞与_{DAY}.xlsx")
        plain, _ = loaded(tmp_path / "c", as_csv([head, first]))
        assert stored(lake, "bonus").equals(stored(plain, "bonus"))

    def test_a_zip_of_files_is_opened(self, tmp_path: Path):
        import zipfile

        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(f"bonus_{DAY}.csv", as_csv(table_of("bonus")))
            archive.writestr(f"card_{DAY}.xlsx", as_xlsx(table_of("card")))
        lake, reports = load(tmp_path, {"all.zip": out.getvalue()})
        assert {r.status for r in reports} == {"loaded"}
        assert (rows(lake, "bonus").height, rows(lake, "card").height) == (2, 2)

    def test_a_broken_spreadsheet_is_refused(self, tmp_path: Path):
        data = as_xlsx(table_of("card"))
        lake, (report,) = load(tmp_path, {f"card_{DAY}.xlsx": data[: len(data) // 2]})
        assert (report.status, report.code) == ("failed", "unreadable")
        assert lake.files() == []


class TestTheFile:
    def test_without_a_needed_heading_it_is_refused_by_name(self, tmp_path: Path):
        head, *body = table_of("enrolment")
        at = head.index("番号")
        made = [row[:at] + row[at + 1 :] for row in (head, *body)]
        for folder, name, data in (
            ("c", f"a_{DAY}.csv", as_csv(made)),
            ("x", f"a_{DAY}.xlsx", as_xlsx(made)),
        ):
            lake, (report,) = load(tmp_path / folder, {name: data})
            assert (report.status, report.code) == ("failed", "bad_headings")
            assert "資格のファイルのようですが、必要な見出しがありません：番号" in report.message
            assert lake.files() == []

    def test_columns_that_may_be_absent_are_not_missed(self, tmp_path: Path):
        for delivery in DELIVERIES:
            kind = delivery.table.name
            head, *body = table_of(kind)
            names = {n for c in delivery.needed for n in (c.title, *c.aliases)}
            keep = [i for i, h in enumerate(head) if h in names]
            made = [[row[i] for i in keep] for row in (head, *body)]
            if kind == "enrolment":
                del made[2]  # A dependent without 被保険者の加入者番号.
            lake, _ = loaded(tmp_path / kind, as_csv(made))
            assert rows(lake, kind).height == len(made) - 1
            assert rejects(lake) == []

    def test_unknown_columns_are_left_out_and_said_once(self, tmp_path: Path):
        made = [
            [*row, extra]
            for row, extra in zip(table_of("bonus"), ("担当者", "架空次郎", "架空次郎"), strict=True)
        ]
        lake, _ = loaded(tmp_path, as_csv(made))
        assert flags(lake) == [(1, "unknown_columns")]
        assert rows(lake, "intake_flag")["actual"].to_list() == ["1列"]

    def test_the_day_is_that_of_the_name(self, tmp_path: Path):
        lake, _ = loaded(tmp_path, as_csv(table_of("bonus")), edition=date(2024, 6, 1))
        assert stored(lake, "bonus")["as_of"].unique().to_list() == [date(2024, 5, 1)]
        assert rows(lake, "intake_flag").select("code", "expected", "actual").rows() == [
            ("as_of_differs", "2024-06-01", "2024-05-01")
        ]

    def test_a_name_without_a_day_needs_one_given(self, tmp_path: Path):
        data = as_csv(table_of("bonus"))
        _, (report,) = load(tmp_path / "a", {"賞与.csv": data})
        assert (report.status, report.code) == ("failed", "bad_file")
        assert "--edition 2024-04-01" in report.message
        lake, _ = loaded(tmp_path / "b", data, "賞与.csv", edition=date(2024, 6, 1))
        assert stored(lake, "bonus")["as_of"].unique().to_list() == [date(2024, 6, 1)]

    def test_a_full_file_without_rows_is_refused_and_a_change_file_is_not(self, tmp_path: Path):
        head = table_of("bonus")[:1]
        _, (report,) = load(tmp_path / "a", {f"賞与_{DAY}.csv": as_csv(head)})
        assert (report.status, report.code) == ("failed", "empty")
        loaded(tmp_path / "b", as_csv([[*head[0], "異動区分"]]))

    def test_loading_it_twice_changes_nothing(self, tmp_path: Path):
        data = as_csv(table_of("enrolment", [(1, {"続柄": "本人"})]))
        lake, _ = loaded(tmp_path / "once", data)
        before = content(lake)
        _, reports = load(tmp_path / "once", {f"資格_{DAY}.csv": data, "別の名.csv": data})
        assert [r.status for r in reports] == ["already", "already"]
        assert differences(before, content(lake)) == []

    def test_it_can_be_taken_back(self, tmp_path: Path):
        lake, report = loaded(tmp_path, as_csv(table_of("card")))
        assert report.entry is not None
        lake.forget(report.entry.file_id)
        assert all(rows(lake, table.name).is_empty() for table in TABLES)


def test_a_file_with_異動区分_holds_changes(tmp_path: Path):
    head, *body = table_of("card")
    made = [["異動区分", *head], ["登録", *body[0]], ["９", *body[1]], ["2", *body[0]], ["", *body[0]]]
    lake, _ = loaded(tmp_path, as_csv(made))
    kept = stored(lake, "card")
    assert kept["full"].to_list() == [False, False]
    assert kept["change"].to_list() == ["upsert", "cancel"]
    assert rejects(lake) == [(4, "異動区分", "bad_code"), (5, "異動区分", "missing")]


def fault(kind: str, column: str, text: str, reason: str, *, row: int = 0, title: str | None = None):
    """One wrong cell and the reject it must lead to."""
    return pytest.param(
        kind, row, {column: text}, title or column, reason, id=f"{kind} {column} {text} {reason}"
    )


FAULTS = [
    fault("workplace", "保険者番号", "01130019", "unknown_insurer"),
    fault("workplace", "保険者番号", "1234", "unknown_insurer"),
    fault("workplace", "保険者番号", "東京", "bad_code"),
    fault("workplace", "事業所記号", "", "missing"),
    fault("workplace", "事業所記号", "１＊３", "bad_code"),
    fault("workplace", "全喪年月日", "1990-03-31", "backward_span"),
    fault("workplace", "社労士委託", "たぶん", "bad_value"),
    fault("workplace", "被保険者数", "-3", "not_a_number"),
    fault("workplace", "市区町村", "東京都港区", "bad_code", title="事業所市区町村"),
    fault("member", "加入者番号", "架空太郎", "bad_code"),
    fault("member", "加入者番号", "", "missing"),
    fault("member", "生年月日", "1980-02-30", "bad_date"),
    fault("member", "生年月日", "2024-05-02", "impossible_birth"),
    fault("member", "死亡年月日", "1980-02-02", "impossible_birth"),
    fault("member", "性別", "3", "bad_code"),
    fault("enrolment", "資格喪失年月日", "2020-03-31", "backward_span"),
    fault("enrolment", "生年月日", "2020-04-02", "impossible_birth"),
    fault("enrolment", "続柄", "子", "wrong_relation"),
    fault("enrolment", "続柄", "本人", "wrong_relation", row=1),
    fault("enrolment", "続柄", "友人", "bad_code"),
    fault("enrolment", "被保険者の加入者番号", "", "missing", row=1),
    fault("enrolment", "被保険者の加入者番号", "架空", "bad_code", row=1),
    fault("enrolment", "番号", "", "missing"),
    fault("enrolment", "枝番", "123", "bad_code"),
    fault("enrolment", "資格取得年月日", "令和2年4月", "bad_date"),
    fault("remuneration", "標準報酬月額", "305000", "bad_standard"),
    fault("remuneration", "標準報酬月額", "30万", "not_a_number"),
    fault("remuneration", "適用年月", "2024-13", "bad_date"),
    fault("bonus", "賞与額", "-1", "not_a_number"),
    fault("bonus", "賞与支払年月日", "", "missing"),
    fault("card", "回収年月日", "2020-04-09", "backward_span"),
    fault("card", "証の種類", "9", "bad_code"),
]


@pytest.mark.parametrize(("kind", "row", "change", "title", "reason"), FAULTS)
def test_a_faulty_row_is_rejected_for_what_is_wrong_and_the_rest_goes_on(
    kind: str, row: int, change: Row, title: str, reason: str, tmp_path: Path
):
    sound, _ = loaded(tmp_path / "sound", as_csv(table_of(kind)))
    lake, report = loaded(tmp_path / "faulty", as_csv(table_of(kind, [(row, change)])))
    assert rejects(lake) == [(row + 2, title, reason)]
    assert report.entry is not None and report.entry.rejects == 1
    rest = stored(sound, kind).filter(pl.col("source_line") != row + 2)
    assert stored(lake, kind).equals(rest)


def test_every_fault_of_a_row_is_told(tmp_path: Path):
    wrong = {"保険者番号": "", "続柄": "友人", "資格取得年月日": "2020-13-01", "番号": "？"}
    lake, report = loaded(tmp_path, as_csv(table_of("enrolment", [(0, wrong)])))
    assert rejects(lake) == [
        (2, "保険者番号", "missing"),
        (2, "番号", "bad_code"),
        (2, "続柄", "bad_code"),
        (2, "資格取得年月日", "bad_date"),
    ]
    assert report.entry is not None and report.entry.rejects == 1
    said = dict(rows(lake, "intake_reject").select("field", "message").rows())
    assert said["資格取得年月日"].startswith("資格取得年月日「2020-13-01」：日付として読めない")
    assert said["続柄"].startswith("続柄：コード")
    assert said["番号"].startswith("番号：コード")


def test_rows_with_stray_quotes_or_fields_are_rejected(tmp_path: Path):
    lines = as_csv(table_of("bonus")).split(b"\r\n")
    data = b"\r\n".join([lines[0], lines[1], b'01130012,"K9,20240101,1', b"01130012,K9,1", lines[2]])
    lake, _ = loaded(tmp_path, data)
    assert rejects(lake) == [(3, None, "bad_quotes"), (4, None, "column_count")]
    assert stored(lake, "bonus")["source_line"].to_list() == [2, 5]


ODD = [
    ("workplace", {"市区町村": "13999"}, "unknown_municipality", "municipality"),
    ("workplace", {"業態": "00"}, "unknown_industry", "industry"),
    ("member", {"居住市区町村": "99999"}, "unknown_municipality", "municipality"),
    ("member", {"マイナンバー収録年月日": "1979-01-01"}, "mynumber_before_birth", None),
    ("enrolment", {"資格喪失年月日": "2020-04-01"}, "same_day_span", None),
    ("enrolment", {"資格取得年月日": "2024-05-02"}, "future_acquired", None),
]


@pytest.mark.parametrize(("kind", "change", "code", "emptied"), ODD)
def test_an_odd_row_is_taken_in_with_a_flag(
    kind: str, change: Row, code: str, emptied: str | None, tmp_path: Path
):
    lake, _ = loaded(tmp_path, as_csv(table_of(kind, [(0, change)])))
    assert (flags(lake), rejects(lake)) == ([(2, code)], [])
    assert stored(lake, kind).height == len(SOUND[kind])
    if emptied:
        assert stored(lake, kind)[emptied][0] is None


def test_an_enrolment_may_end_in_the_future(tmp_path: Path):
    lake, _ = loaded(tmp_path, as_csv(table_of("enrolment", [(0, {"資格喪失年月日": "2025-04-01"})])))
    assert (flags(lake), rejects(lake)) == ([], [])


def test_a_kana_that_cannot_be_read_makes_no_key(tmp_path: Path):
    data = as_csv(table_of("enrolment")).replace("ｶｸｳ".encode("cp932"), b"\xff\xb8\xb3")
    lake, _ = loaded(tmp_path, data)
    assert flags(lake) == [(2, "undecodable_bytes")]
    assert stored(lake, "enrolment")["person_key"][0] is None


class TestTwice:
    """The same key twice in one file: the first row counts, wherever the file is cut."""

    @pytest.mark.parametrize("size", [16, 1 << 20])
    def test_the_later_row_is_rejected_and_names_the_earlier(self, size: int, tmp_path: Path):
        again = [{**BONUS[0], "賞与額": "1"}, {**BONUS[0], "保険者番号": YAMAGUCHI}, BONUS[0]]
        lake, report = loaded(tmp_path, as_csv(table_of("bonus", more=again)), block_bytes=size)
        assert rejects(lake) == [(n, "加入者番号・賞与支払年月日", "duplicate_key") for n in (4, 6)]
        assert all("2行目と同じ" in m for m in rows(lake, "intake_reject")["message"])
        assert stored(lake, "bonus")["source_line"].to_list() == [2, 3, 5]
        assert stored(lake, "bonus")["amount"].to_list() == [543_999, 0, 543_999]
        assert report.entry is not None and (report.entry.rows, report.entry.rejects) == (3, 2)

    def test_a_rejected_row_does_not_stand_in_the_way(self, tmp_path: Path):
        lake, _ = loaded(tmp_path, as_csv(table_of("bonus", [(0, {"賞与額": "？"})], more=[BONUS[0]])))
        assert rejects(lake) == [(2, "賞与額", "not_a_number")]
        assert stored(lake, "bonus")["source_line"].to_list() == [3, 4]


def test_claims_and_enrolments_of_a_person_have_the_same_keys(tmp_path: Path):
    may = date(2024, 5, 1)
    people = [
        Patient("架空　太郎", "カクウ　ダロウ", "1", date(1980, 2, 3), TOKYO, "123", "４５６", "01"),
        Patient("架空　花子", "カクウハナコ", "2", date(1985, 3, 4), TOKYO, "１２３", "456", "02"),
    ]
    made = [
        Receipt("medical", "1112", may, p, 1, (Unit("60", (Procedure("160000310"),), 26, 1),)) for p in people
    ]
    clinic = Institution("13", "1", "9990001", "架空クリニック")
    claims = encode(uke_lines(clinic, made, date(2024, 6, 1)))
    lake, _ = load(tmp_path, {"RECEIPTC.UKE": claims, f"資格_{DAY}.csv": as_csv(table_of("enrolment"))})
    receipt, enrolment = rows(lake, "receipt").sort("source_line"), stored(lake, "enrolment")
    for key in ("member_key", "member_key_loose", "card_key", "person_key"):
        assert receipt[key].to_list() == enrolment[key].to_list()[:2], key


def slowly(table: list[list[str]]) -> list[tuple[Any, ...]]:
    """The enrolments of a sound full file, one row at a time, by Python's own csv module."""
    kinds = {"1": "insured", "2": "dependent"}
    relations = {"00": "self", "01": "spouse", "02": "child", "": None}
    out = []
    data = as_csv(table).decode("cp932")
    for n, row in enumerate(csv.DictReader(io.StringIO(data)), start=2):
        symbol, number = normalise_symbol(row["記号"]), normalise_symbol(row["番号"])
        birth, sex = row["生年月日"].replace("-", ""), row["性別"]
        card = f"{row['保険者番号']}|{symbol}|{number}"
        kana = full_width_kana("".join(row["カナ氏名"].split()))
        insured = row["被保険者の加入者番号"] if row["本人家族区分"] == "2" else row["加入者番号"]
        out.append(
            (
                n, row["保険者番号"][2:4], hashed("person|" + row["加入者番号"]), hashed("person|" + insured),
                None if row["任意継続"] == "1" else symbol, kinds[row["本人家族区分"]], relations[row["続柄"]],
                row["任意継続"] == "1", date.fromisoformat(row["資格取得年月日"]),
                date.fromisoformat(row["資格喪失年月日"]) if row["資格喪失年月日"] else None,
                hashed(f"{card}|{row['枝番'].zfill(2)}|{birth}|{sex}") if row["枝番"] else hashed(f"{card}|{birth}|{sex}"),
                hashed(f"{card}|{birth}|{sex}"), hashed("card|" + card),
                hashed(f"kana|{kana}|{birth}|{sex}") if kana else None,
            )
        )  # fmt: skip
    return out


DAYS = st.dates(date(2000, 1, 1), date(2024, 4, 30))
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "保険者番号": st.sampled_from([TOKYO, YAMAGUCHI]),
            "加入者番号": st.from_regex("[0-9A-Za-z-]{1,8}", fullmatch=True),
            "被保険者の加入者番号": st.from_regex("[0-9A-Za-z-]{1,8}", fullmatch=True),
            "記号": st.sampled_from(["１２３", "12 3", "ア-1", "ｱ－1", "9"]),
            "番号": st.from_regex("[0-9０-９]{1,6}", fullmatch=True),
            "枝番": st.sampled_from(["", "1", "02", "10"]),
            "生年月日": st.dates(date(1930, 1, 1), date(1999, 12, 31)).map(str),
            "性別": st.sampled_from(["1", "2"]),
            "カナ氏名": st.sampled_from(["", "ｶｸｳ ﾀﾞﾛｳ", "カクウ　ハナコ", "ミホン,ジロウ"]),
            "本人家族区分": st.sampled_from(["1", "2"]),
            "続柄": st.just(""),
            "任意継続": st.sampled_from(["0", "1"]),
            "資格取得年月日": DAYS.map(str),
            "資格喪失年月日": st.one_of(st.just(""), st.dates(date(2024, 5, 1), date(2030, 1, 1)).map(str)),
            "喪失事由": st.just(""),
        }
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda p: p["加入者番号"],
)


@tried(30)
@given(PEOPLE, st.sampled_from([100, 1000, 1 << 20]))
def test_enrolments_are_those_a_slow_reader_finds(tmp_path_factory, people: list[Row], size: int):
    head = list(people[0])
    table = [head, *([p[h] for h in head] for p in people)]
    with fresh(tmp_path_factory) as folder:
        lake, _ = loaded(folder, as_csv(table), block_bytes=size)
        kept = stored(lake, "enrolment").drop("as_of", "full", "change", "loss_reason")
        assert rejects(lake) == []
        assert kept.rows() == slowly(table)


PIECES = [
    b",",
    b"\n",
    b'"',
    b"\r\n\r\n",
    b"\x1a",
    b"\x00",
    b"\x81",
    "架空".encode("cp932"),
    b"999999999999999",
    b",,,,\n",
]


@tried(60)
@given(
    st.sampled_from(sorted(SOUND)),
    st.lists(
        st.tuples(st.integers(0, 5000), st.integers(0, 9), st.sampled_from(PIECES)), min_size=1, max_size=8
    ),
    st.sampled_from([50, 1 << 20]),
    st.sampled_from(["cp932", "utf-8"]),
)
def test_no_damage_to_a_file_stops_the_reader_or_loses_a_row(
    tmp_path_factory, kind: str, damage: list[tuple[int, int, bytes]], size: int, encoding: str
):
    head, *body = as_csv(table_of(kind), encoding, "\n").splitlines(keepends=True)
    data = b"".join(body * 3)
    for place, taken, piece in damage:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + taken :]
    with fresh(tmp_path_factory) as folder:
        lake, (report,) = load(folder, {f"資格_{DAY}.csv": head + data}, block_bytes=size)
        if report.status == "failed":
            assert report.code == "empty"
            return
        entry = report.entry
        assert entry is not None
        kept, thrown = set(stored(lake, kind)["source_line"]), {line for line, _, _ in rejects(lake)}
        assert not kept & thrown
        assert (entry.rows, entry.rejects) == (len(kept), len(thrown))
        assert entry.lines == len(kept | thrown)
        assert len(kept) == rows(lake, kind).height


def test_the_screens_show_membership_files(tmp_path: Path, monkeypatch, capsys):
    lake, _ = load(
        tmp_path,
        {f"{kind}_{DAY}.csv": as_csv(table_of(kind, [(0, {"保険者番号": "？"})])) for kind in SOUND},
    )
    from kenpo.cli import output

    monkeypatch.setattr(output.console, "_width", 200)
    app(["lake", "--lake", str(lake.root)], standalone_mode=False)
    said = capsys.readouterr().out
    assert "資格のファイル（6）" in said and "レセプトのファイル（0）" in said
    for title in ("事業所", "加入者", "資格", "標準報酬月額", "賞与", "被保険者証・資格確認書"):
        assert any(title in line and "2024-05-01" in line for line in said.splitlines()), title
    assert "取り込めなかった行：6 行" in said


def test_a_large_file_is_read_in_processes_just_the_same(tmp_path: Path, monkeypatch):
    table = [table_of("bonus")[0]]
    table += [[TOKYO, f"K{n % 400:04d}", f"2024-{1 + n % 12:02d}-10", str(n)] for n in range(1500)]
    alone, _ = loaded(tmp_path / "alone", as_csv(table))
    monkeypatch.setattr("kenpo.intake.load._POOL_FROM", 0)
    together, _ = loaded(tmp_path / "together", as_csv(table), workers=2, block_bytes=4000)
    assert stored(together, "bonus").equals(stored(alone, "bonus"))
    assert rejects(together) == rejects(alone)
    assert len(rejects(alone)) == 1500 - 1200
