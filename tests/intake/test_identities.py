"""Identities (氏名・住所・記号番号) for the vault: the same rows as the lake's, read from the same files, and told to nobody."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.branches import TinyBranch
from tests.intake.test_membership import DAY, FAULTS, SOUND, TOKYO, Row, as_csv, as_xlsx, hashed, table_of
from tests.lakes import KEY, fresh, load, put, rows, tried

from kenpo.intake.membership.identities import SCHEMA, IdentityBlock, IdentityReport, identities

KEY_BYTES = bytes.fromhex(KEY)
KINDS = ("workplace", "member", "enrolment")


def read(paths: Sequence[Path], **options: Any) -> tuple[pl.DataFrame, list[IdentityReport]]:
    """All rows and reports, with what holds of every reading: a report ends each file, and counts what came before."""
    blocks = list(identities(paths, KEY_BYTES, **options))
    frame = pl.concat([pl.DataFrame(schema=SCHEMA), *(b.frame for b in blocks)])
    reports = [b.report for b in blocks if b.report]
    assert blocks[-1].report
    for report in reports:
        of_file = [b for b in blocks if b.file == report.name]
        assert of_file[-1].report is report and not any(b.report for b in of_file[:-1])
        if report.status == "read":
            assert sum(b.frame.height for b in of_file) == report.rows <= report.lines
    return frame, reports


def of(
    folder: Path, data: bytes, name: str = f"資格_{DAY}.csv", **options: Any
) -> tuple[list[dict[str, Any]], IdentityReport]:
    """The rows and the report of one file."""
    frame, (report,) = read([put(folder, {name: data}) / name], **options)
    return frame.rows(named=True), report


def said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


class TestWhatEachFileSays:
    def test_the_members_file_has_names_and_addresses(self, tmp_path: Path):
        (taro, hanako), report = of(tmp_path, as_csv(table_of("member")))
        assert said(taro) == {
            "branch": "13", "subject_kind": "member", "subject": hashed("person|K0001"), "name": "架空太郎",
            "kana": "ｶｸｳ ﾀﾛｳ", "birth_date": date(1980, 2, 3), "sex": "1", "postcode": "000-0001",
            "address": "東京都港区見本1-2-3", "person_number": "K0001", "change": "upsert", "full": True,
            "as_of": date(2024, 5, 1), "source_line": 2,
        }  # fmt: skip
        assert hanako["name"] == "架空花子"
        assert [hanako[c] for c in ("kana", "postcode", "address")] == [None, None, None]
        assert report == IdentityReport(
            f"資格_{DAY}.csv", "read", "member", date(2024, 5, 1), lines=2, rows=2, unreadable=0
        )

    def test_the_enrolments_file_has_card_numbers(self, tmp_path: Path):
        (taro, hanako, third), report = of(tmp_path, as_csv(table_of("enrolment")))
        assert said(taro) == {
            "branch": "13", "subject_kind": "member", "subject": hashed("person|K0001"), "kana": "ｶｸｳ ﾀﾞﾛｳ",
            "birth_date": date(1980, 2, 3), "sex": "1", "symbol": "123", "number": "456", "branch_no": "01",
            "person_number": "K0001", "acquired_on": date(2020, 4, 1), "change": "upsert", "full": True,
            "as_of": date(2024, 5, 1), "source_line": 2,
        }  # fmt: skip
        assert (hanako["branch_no"], hanako["lost_on"]) == ("02", date(2024, 4, 1))
        assert (third["branch"], third["symbol"], third["branch_no"], third["kana"]) == (
            "35",
            "ア-1",
            None,
            None,
        )
        assert (report.table, report.rows) == ("enrolment", 3)

    def test_the_workplaces_file_has_names_and_places(self, tmp_path: Path):
        place = {"郵便番号": "７５３－００００", "事業所所在地": "山口県架空市見本町1"}
        head, one, two = table_of("workplace")
        data = as_csv([[*head, *place], [*one, "", ""], [*two, *place.values()]])
        (first, second), _ = of(tmp_path, data)
        assert said(first) == {
            "branch": "13", "subject_kind": "workplace", "subject": "123", "name": "架空運送株式会社",
            "change": "upsert", "full": True, "as_of": date(2024, 5, 1), "source_line": 2,
        }  # fmt: skip
        assert said(second) | {"postcode": "753-0000", "address": "山口県架空市見本町1"} == said(second)
        assert (second["subject"], second["name"]) == ("アイ-9", "見本食品, 本店")

    @pytest.mark.parametrize("kind", ["remuneration", "bonus", "card"])
    def test_other_files_say_nothing_of_who_somebody_is(self, kind: str, tmp_path: Path):
        found, report = of(tmp_path, as_csv(table_of(kind)))
        assert (found, report.status) == ([], "skipped")

    def test_changes_and_cancellations_are_told(self, tmp_path: Path):
        head, *body = table_of("member")
        data = as_csv([["異動区分", *head], ["登録", *body[0]], ["9", *body[1]]])
        found, _ = of(tmp_path, data)
        assert [(r["change"], r["full"]) for r in found] == [("upsert", False), ("cancel", False)]

    def test_columns_that_are_absent_are_not_said(self, tmp_path: Path):
        private = ("氏名", "カナ氏名", "郵便番号", "住所")
        head, *body = table_of("member")
        keep = [i for i, title in enumerate(head) if title not in private]
        found, _ = of(tmp_path, as_csv([[row[i] for i in keep] for row in (head, *body)]))
        assert all(r[c] is None for r in found for c in ("name", "kana", "postcode", "address"))
        assert [r["person_number"] for r in found] == ["K0001", "K0002"]

    @pytest.mark.parametrize(
        ("written", "postcode"),
        [
            ("7530000", "753-0000"),
            ("〒753 0000", "753-0000"),
            ("600001", "060-0001"),
            ("753-000", None),
            ("不明", None),
        ],
    )
    def test_postal_codes_are_written_alike(self, written: str, postcode: str | None, tmp_path: Path):
        (first, _), _ = of(tmp_path, as_csv(table_of("member", [(0, {"郵便番号": written})])))
        assert first["postcode"] == postcode

    def test_names_with_characters_nobody_can_read_are_counted(self, tmp_path: Path):
        data = as_csv(table_of("member")).replace("架空太郎".encode("cp932"), b"\x89\xcb\x80\x91\xbe\x98Y")
        found, report = of(tmp_path, data.replace("架空花子".encode("cp932"), b"\xf0\x40\x89\xd4\x8eq"))
        assert [r["name"] for r in found] == ["架\ufffd太郎", "\ue000花子"]
        assert report.unreadable == 2


class TestHoweverTheFileIsWritten:
    @pytest.mark.parametrize("kind", KINDS)
    def test_utf8_xlsx_and_zip_say_the_same(self, kind: str, tmp_path: Path):
        table = table_of(kind)
        plain, _ = of(tmp_path / "1", as_csv(table))
        assert len(plain) == len(SOUND[kind])
        assert of(tmp_path / "2", as_csv(table, "utf-8-sig", "\n"))[0] == plain
        assert of(tmp_path / "3", as_xlsx(table), f"資格_{DAY}.xlsx")[0] == plain
        (tmp_path / "4").mkdir()
        with zipfile.ZipFile(tmp_path / "4" / "資格.zip", "w") as archive:
            archive.writestr(f"資格_{DAY}.csv", as_csv(table))
        assert read([tmp_path / "4"])[0].rows(named=True) == plain

    def test_a_day_may_be_given(self, tmp_path: Path):
        found, report = of(tmp_path, as_csv(table_of("member")), "加入者.csv", edition=date(2024, 6, 1))
        assert {r["as_of"] for r in found} == {date(2024, 6, 1)} == {report.as_of}

    def test_files_come_in_the_order_of_their_days(self, tmp_path: Path):
        names = ["あ_20240630.csv", "い_20240401.csv", "う_20240531.csv"]
        put(tmp_path, {name: as_csv(table_of("member")) for name in names})
        days = read([tmp_path])[0]["as_of"].unique(maintain_order=True).to_list()
        assert days == [date(2024, 4, 1), date(2024, 5, 31), date(2024, 6, 30)]

    def test_progress_ends_at_the_size_of_the_file(self, tmp_path: Path):
        told: list[tuple[str, int, int]] = []
        data = as_csv(table_of("member"))
        of(tmp_path, data, block_bytes=64, progress=lambda *step: told.append(step))
        assert told[-1] == (f"資格_{DAY}.csv", len(data), len(data))
        assert len(told) > 2 and all(done <= size for _, done, size in told)


def kept_by_the_lake(folder: Path, kind: str, data: bytes, **options: Any) -> tuple[list[int], Counter[str]]:
    """The lines kept and the reasons of rejects when `kenpo load` reads the file."""
    lake, (report,) = load(folder, {f"資格_{DAY}.csv": data}, **options)
    assert report.status == "loaded", report.message
    return sorted(rows(lake, kind)["source_line"]), Counter(rows(lake, "intake_reject")["reason"])


class TestTheSameRowsAsTheLake:
    @pytest.mark.parametrize(
        ("kind", "row", "change"), [f.values[:3] for f in FAULTS if f.values[0] in KINDS]
    )
    def test_a_faulty_row_is_left_out_for_the_same_reason(
        self, kind: str, row: int, change: Row, tmp_path: Path
    ):
        data = as_csv(table_of(kind, [(row, change)]))
        lines, reasons = kept_by_the_lake(tmp_path / "lake", kind, data)
        found, report = of(tmp_path / "vault", data)
        assert [r["source_line"] for r in found] == lines
        assert report.rejected == reasons and report.lines == len(SOUND[kind])

    @tried(15)
    @given(
        people=st.lists(st.tuples(st.sampled_from("ABCDE"), st.booleans()), min_size=1, max_size=12),
        size=st.sampled_from([16, 200, 1 << 20]),
    )
    def test_people_who_stand_twice_and_broken_rows_in_files_cut_anywhere(
        self, tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str, bool]], size: int
    ):
        more = [
            {**SOUND["member"][0], "加入者番号": n, "性別": "男" if sound else "？"} for n, sound in people
        ]
        data = as_csv(table_of("member", more=more))
        with fresh(tmp_path_factory) as folder:
            lines, reasons = kept_by_the_lake(folder / "lake", "member", data, block_bytes=size)
            found, report = of(folder / "vault", data, block_bytes=size)
        assert [r["source_line"] for r in found] == lines
        assert report.rejected == reasons

    def test_of_a_whole_invented_branch(self, tiny: TinyBranch):
        frame, reports = read([tiny.folder])
        assert not [r for r in reports if r.status == "failed"]
        kinds = Counter(r.table for r in reports if r.status == "read")
        assert kinds == {"workplace": 2, "member": 2, "enrolment": 2}
        for table in KINDS:
            held = rows(tiny.lake, table)
            mine = [r for r in reports if r.table == table]
            assert sum(r.rows for r in mine) == held.height
        of_members = frame.filter(pl.col("subject_kind") == "member")
        assert set(of_members["subject"]) == {
            *rows(tiny.lake, "member")["member_id"], *rows(tiny.lake, "enrolment")["member_id"]
        }  # fmt: skip
        assert set(frame.filter(pl.col("subject_kind") == "workplace")["subject"]) == set(
            rows(tiny.lake, "workplace")["symbol"]
        )
        named = frame.filter(pl.col("name").is_not_null())
        assert named["address"].null_count() == named["postcode"].null_count() == 0

    @given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.sampled_from([16, 100, 400]))
    @tried(30)
    def test_the_first_row_of_a_person_counts_however_many_there_are(
        self, tmp_path_factory: pytest.TempPathFactory, numbers: list[int], size: int
    ):
        head = list(SOUND["member"][0])
        made = [{**SOUND["member"][0], "加入者番号": f"K{n:04d}"} for n in numbers]
        data = as_csv([head, *([row[h] for h in head] for row in made)])
        with fresh(tmp_path_factory) as folder:
            found, report = of(folder, data, block_bytes=size)
        first = {n: i for i, n in reversed(list(enumerate(numbers, start=2)))}
        assert [r["source_line"] for r in found] == sorted(first.values())
        assert report.rejected.get("duplicate_key", 0) == len(numbers) - len(first)


class TestNothingIsTold:
    SECRET = "架空清十郎"

    def bad(self) -> dict[str, bytes]:
        member = as_csv(table_of("member", [(0, {"氏名": self.SECRET, "性別": self.SECRET})]))
        head, body = member.split(b"\r\n", 1)
        return {
            "見出し不足_20240501.csv": head.replace("保険者番号".encode("cp932"), b"x") + b"\r\n" + body,
            "基準日なし.csv": member,
            "空_20240501.csv": b"",
            "見出しだけ_20240501.csv": head + b"\r\n",
            "壊れた_20240501.xlsx": b"PK\x03\x04" + self.SECRET.encode(),
        }

    def test_a_file_that_cannot_be_read_is_reported_and_the_rest_goes_on(self, tmp_path: Path):
        put(tmp_path, {**self.bad(), f"加入者_{DAY}.csv": as_csv(table_of("member"))})
        frame, reports = read([tmp_path, tmp_path / "ない.csv"])
        assert frame.height == 2
        assert {Path(r.name).name.split("_")[0]: r.code for r in reports if r.status == "failed"} == {
            "見出し不足": "bad_headings",
            "基準日なし.csv": "bad_file",
            "空": "empty",
            "見出しだけ": "empty",
            "壊れた": "unreadable",
            "ない.csv": "not_found",
        }
        assert self.SECRET not in repr(reports)

    def test_a_damaged_zip_ends_with_a_report_that_nothing_counts(self, tmp_path: Path):
        path = tmp_path / "資格.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"加入者_{DAY}.csv", as_csv(table_of("member")))
        data = bytearray(path.read_bytes())
        data[data.index("架空花子".encode("cp932"))] ^= 1
        path.write_bytes(data)
        (block,) = [b for b in identities([path], KEY_BYTES) if b.report]
        assert block.report and (block.report.status, block.report.code) == ("failed", "unreadable")

    def test_neither_blocks_nor_reports_show_who_somebody_is(self, tmp_path: Path):
        data = as_csv(table_of("member", [(0, {"氏名": self.SECRET}), (1, {"性別": self.SECRET})]))
        path = put(tmp_path, {f"加入者_{DAY}.csv": data}) / f"加入者_{DAY}.csv"
        blocks = list(identities([path], KEY_BYTES))
        assert blocks[0].frame["name"].to_list() == [self.SECRET]
        assert blocks[-1].report and blocks[-1].report.rejected == {"bad_code": 1}
        assert all(secret not in repr(blocks) for secret in (self.SECRET, "架空花子", "K0001", TOKYO))
        assert isinstance(blocks[0], IdentityBlock)

    def test_claims_masters_and_what_is_true_of_an_invented_branch_are_passed_over(self, tiny: TinyBranch):
        _, reports = read([tiny.folder])
        skipped = {r.name.split("/")[0] for r in reports if r.status == "skipped"}
        assert {"レセプト", "真値", "計画文書"} <= skipped
