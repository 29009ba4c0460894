"""The `kenpo` command (コマンド): every verb with good and bad input, exit codes, words instead of tracebacks."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from tests.lakes import key_file, put

from kenpo.catalogue import MEASURES
from kenpo.cli import output
from kenpo.cli.main import main
from kenpo.frame import refresh
from kenpo.intake.load import load_facts, load_paths
from kenpo.lake import Lake
from kenpo.synth.receipts import encode, uke_lines
from kenpo.synth.records import (
    Drug,
    Institution,
    Patient,
    Receipt,
    Unit,
)

VOLUME = "generic_volume_share"
GENERIC, ORIGINATOR, UNKNOWN = "610463166", "610406386", "629999904"
MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)


def claims(month: date, *drugs: tuple[str, int], points: int = 500, number: int = 1) -> bytes:
    units = tuple(Unit("21", (Drug(code, quantity),), 10, 1) for code, quantity in drugs)
    person = Patient("架空　太郎", "カクウタロウ", "1", date(1955, 6, 1), "01130012", "１", "２")
    receipt = Receipt("medical", "1112", month, person, 2, units, points=points)
    place = Institution("13", "1", f"99900{number:02d}", "架空医院")
    return encode(uke_lines(place, [receipt], date(2025, 6, 1)))


@dataclass(frozen=True)
class Said:
    """What a command did: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in a folder of its own, with a wide screen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KENPO_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("KENPO_KEY_FILE", str(tmp_path / "keys" / "member.key"))
    for screen in (output.console, output.errors):
        monkeypatch.setattr(screen, "_width", 300)

    def command(*words: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["kenpo", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(int(exit_.value.code or 0), out, err)

    return command


@pytest.fixture(scope="module")
def two_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake of two months, all measures refreshed, and its key; tests work on copies."""
    folder = tmp_path_factory.mktemp("two months")
    files = {
        "3月.UKE": claims(MARCH, (GENERIC, 80), (ORIGINATOR, 20), (UNKNOWN, 5)),
        "4月.UKE": claims(APRIL, (GENERIC, 1), (ORIGINATOR, 3), points=300, number=2),
    }
    lake = Lake.create(folder / "lake")
    load_facts(lake)
    load_paths(lake, [put(folder / "in", files)], key_path=folder / "keys" / "member.key", workers=1)
    refresh(lake, list(MEASURES.values()))
    return folder


@pytest.fixture
def filled(run: Run, two_months: Path, tmp_path: Path) -> Run:
    """As run, with two months loaded and all measures refreshed."""
    for name in ("lake", "keys"):
        shutil.copytree(two_months / name, tmp_path / name)
    return run


class TestLoad:
    def test_a_folder_is_loaded_and_each_file_is_told(self, run: Run, tmp_path: Path):
        put(tmp_path / "in", {"a.UKE": claims(MARCH, (GENERIC, 1)), "b.UKE": claims(APRIL, (GENERIC, 1))})
        said = run("load", tmp_path / "in")
        assert said.code == 0
        assert "a.UKE" in said.out
        assert said.out.count("取込") >= 2

    def test_twice_is_once(self, run: Run, tmp_path: Path):
        put(tmp_path / "in", {"a.UKE": claims(MARCH, (GENERIC, 1))})
        run("load", tmp_path / "in")
        said = run("load", tmp_path / "in")
        assert (said.code, "取込済み" in said.out) == (0, True)

    def test_a_zip_is_loaded(self, run: Run, tmp_path: Path):
        with zipfile.ZipFile(tmp_path / "claims.zip", "w") as archive:
            archive.writestr("a.UKE", claims(MARCH, (GENERIC, 1)))
        assert run("load", tmp_path / "claims.zip").code == 0

    def test_without_files_is_an_error_of_words(self, run: Run):
        said = run("load")
        assert said.code == 2
        assert "kenpo load" in said.err

    @pytest.mark.parametrize("name", ["none.UKE", "empty.UKE", "letter.txt", "broken.zip"])
    def test_a_file_that_cannot_be_taken_in_ends_with_3_and_the_rest_goes_on(
        self, name, run: Run, tmp_path: Path
    ):
        put(
            tmp_path,
            {
                "empty.UKE": b"",
                "letter.txt": b"x",
                "broken.zip": b"PK\x03\x04",
                "a.UKE": claims(MARCH, (GENERIC, 1)),
            },
        )
        said = run("load", tmp_path / name, tmp_path / "a.UKE")
        assert said.code == 3
        assert "取り込めません" in said.err
        assert name in said.err
        assert json.loads(run("lake", "--json").out)["receipts"] == {"medical": 1}

    def test_square_brackets_in_a_file_name_are_shown(self, run: Run, tmp_path: Path):
        said = run(
            "load", put(tmp_path / "in", {"[red]3月[/b].UKE": claims(MARCH, (GENERIC, 1)), "[bad].UKE": b"x"})
        )
        assert said.code == 3
        assert "[red]3月[/b].UKE" in said.out
        assert "[bad].UKE" in said.out + said.err

    def test_another_key_ends_with_4(self, run: Run, tmp_path: Path):
        put(tmp_path / "in", {"a.UKE": claims(MARCH, (GENERIC, 1))})
        run("load", tmp_path / "in")
        put(tmp_path / "in", {"b.UKE": claims(APRIL, (GENERIC, 1))})
        said = run("load", "--key", key_file(tmp_path), tmp_path / "in")
        assert said.code == 4
        assert "other_key" in said.err

    def test_a_place_that_cannot_be_written_ends_with_4(self, run: Run, tmp_path: Path):
        put(tmp_path, {"file": b"x", "a.UKE": claims(MARCH, (GENERIC, 1))})
        said = run("load", "--lake", tmp_path / "file", tmp_path / "a.UKE")
        assert said.code == 4

    def test_rejected_lines_are_told_and_end_with_0(self, run: Run, tmp_path: Path):
        put(tmp_path / "in", {"a.UKE": claims(MARCH, (GENERIC, 1)).replace(b"610463166", b"61046316X")})
        said = run("load", tmp_path / "in")
        assert said.code == 0
        assert "取り込めなかった行" in said.out

    @pytest.mark.parametrize(
        "words", [["--workers", "0"], ["--workers", "two"], ["--edition", "2024-13-01"], ["--nothing"]]
    )
    def test_wrong_words_end_with_2_in_japanese(self, words, run: Run, tmp_path: Path):
        put(tmp_path, {"a.UKE": claims(MARCH, (GENERIC, 1))})
        said = run("load", *words, tmp_path / "a.UKE")
        assert said.code == 2
        assert any("ぁ" <= c <= "ん" for c in said.err)


class TestLake:
    def test_json_tells_everything(self, filled: Run):
        said = filled("lake", "--json")
        assert said.code == 0
        told = json.loads(said.out)
        assert [f["name"] for f in told["files"] if f["format"] == "uke"] == ["3月.UKE", "4月.UKE"]
        assert told["receipts"] == {"medical": 2}
        assert told["lines"] == {"GO": 2, "HO": 2, "IR": 2, "IY": 3 + 2, "RE": 2}
        assert told["total_lines"] == sum(told["lines"].values())
        assert told["total_points"] == 500 + 300
        assert told["months"] == {"2025-03": 1, "2025-04": 1}
        assert (told["rejects"]["lines"], told["rejects"]["list"]) == (0, [])
        assert (told["flags"]["count"], told["flags"]["list"]) == (0, [])

    def test_rejects_and_flags_are_listed_with_file_and_line(self, run: Run, tmp_path: Path):
        data = (
            claims(MARCH, (GENERIC, 1)).replace(b"610463166", b"61046316X").replace(b"GO,1,500", b"GO,2,500")
        )
        run("load", put(tmp_path / "in", {"a.UKE": data}))
        rejects, flags = run("lake", "--rejects"), run("lake", "--flags")
        assert (rejects.code, flags.code) == (0, 0)
        assert "a.UKE" in rejects.out
        assert "コード" in rejects.out
        assert "総件数" in flags.out
        told = json.loads(run("lake", "--json").out)
        (reject,) = told["rejects"]["list"]
        assert (reject["file"], reject["source_line"], reject["reason"]) == ("a.UKE", 4, "bad_code")
        (flag,) = told["flags"]["list"]
        assert (flag["code"], flag["expected"], flag["actual"]) == ("go_count_mismatch", "2", "1")

    def test_the_summary_shows_counts(self, filled: Run):
        said = filled("lake")
        assert said.code == 0
        assert "3月.UKE" in said.out
        assert "800" in said.out

    def test_nothing_to_tell_is_told(self, filled: Run):
        assert "ありません" in filled("lake", "--rejects").out
        assert "ありません" in filled("lake", "--flags").out

    def test_without_a_lake_ends_with_4(self, run: Run):
        said = run("lake")
        assert said.code == 4
        assert "kenpo load" in said.err

    def test_a_broken_manifest_ends_with_4(self, filled: Run, tmp_path: Path):
        (tmp_path / "lake" / "manifest.sqlite").write_bytes(b"no database at all" * 100)
        assert filled("lake").code == 4

    def test_a_file_is_taken_back(self, filled: Run):
        told = json.loads(filled("lake", "--json").out)
        identifier = next(f["id"] for f in told["files"] if f["name"] == "4月.UKE")
        assert filled("lake", "--forget", identifier).code == 0
        assert json.loads(filled("lake", "--json").out)["total_points"] == 500
        assert filled("lake", "--forget", identifier).code == 4


class TestRefresh:
    def test_one_measure_by_id_or_by_title(self, filled: Run):
        assert filled("refresh", VOLUME).code == 0
        assert filled("refresh", MEASURES[VOLUME].title).code == 0

    def test_an_unknown_measure_ends_with_2_and_lists_those_there_are(self, filled: Run):
        said = filled("refresh", "generic_share")
        assert said.code == 2
        assert all(m in said.err for m in MEASURES)

    def test_without_a_lake_ends_with_4(self, run: Run):
        assert run("refresh").code == 4

    def test_without_receipts_ends_with_6(self, run: Run):
        assert run("load", "--builtin-masters").code == 0
        assert run("refresh").code == 6

    def test_without_masters_ends_with_6(self, run: Run, tmp_path: Path):
        run("load", put(tmp_path / "in", {"a.UKE": claims(MARCH, (GENERIC, 1))}))
        said = run("refresh")
        assert said.code == 6
        assert "--builtin-masters" in said.err

    def test_a_month_no_parameter_covers_ends_with_5(self, run: Run, tmp_path: Path):
        run(
            "load",
            "--builtin-masters",
            put(tmp_path / "in", {"a.UKE": claims(date(2030, 4, 1), (GENERIC, 1))}),
        )
        said = run("refresh", "biosimilar_component_share")
        assert said.code == 5
        assert "biosimilar_ingredient_share" in said.err

    def test_while_another_process_writes_it_ends_with_4(self, filled: Run, tmp_path: Path):
        with Lake.open(tmp_path / "lake").writing():
            assert filled("refresh").code == 4


class TestShow:
    def test_all_measures(self, filled: Run):
        said = filled("show")
        assert said.code == 0
        assert all(m in said.out for m in MEASURES)
        assert "25.0%" in said.out

    def test_the_table_shows_rate_numerator_and_denominator(self, filled: Run):
        said = filled("show", VOLUME, "--branch", "東京", "--month", "2025-03")
        assert said.code == 0
        assert "80.0%" in said.out
        assert "東京支部" in said.out

    @pytest.mark.parametrize("branch", ["13", "東京", "東京支部", "東京都", "tokyo", "１３"])
    def test_a_branch_may_be_named_in_many_ways(self, branch: str, filled: Run):
        rows = json.loads(filled("show", VOLUME, "--branch", branch, "--format", "json").out)
        assert {r["branch"] for r in rows} == {"13"}

    @pytest.mark.parametrize("month", ["2025-03", "令和7年3月", "R7.3", "2025年3月", "202503"])
    def test_a_month_may_be_written_in_many_ways(self, month: str, filled: Run):
        rows = json.loads(filled("show", VOLUME, "--branch", "13", "--month", month, "--format", "json").out)
        assert [r["month"] for r in rows] == ["2025-03"]

    def test_every_format_says_the_same(self, filled: Run, tmp_path: Path):
        words = ("show", VOLUME, "--month", "2025-03..2025-04")
        as_json = json.loads(filled(*words, "--format", "json").out)
        as_csv = list(csv.DictReader(io.StringIO(filled(*words, "--format", "csv").out)))
        assert filled(*words, "--format", "parquet", "--out", tmp_path / "f.parquet").code == 0
        as_parquet = pl.read_parquet(tmp_path / "f.parquet")
        assert len(as_json) == len(as_csv) == as_parquet.height == 48 * 2
        for one, two, three in zip(as_json, as_csv, as_parquet.iter_rows(named=True), strict=True):
            assert one["branch"] == two["branch"] == three["branch"]
            for column in ("numerator", "denominator", "rate"):
                values = [
                    None if v in (None, "") else Decimal(str(v))
                    for v in (one[column], two[column], three[column])
                ]
                assert values[0] == values[1] == values[2]
        assert filled(*words, "--format", "csv", "--out", tmp_path / "f.csv").code == 0
        assert (tmp_path / "f.csv").read_bytes().startswith(b"\xef\xbb\xbf")
        assert len(list(csv.DictReader((tmp_path / "f.csv").open(encoding="utf-8-sig")))) == 48 * 2

    def test_a_rate_without_denominator_is_null(self, filled: Run):
        (row,) = json.loads(
            filled("show", VOLUME, "--branch", "47", "--month", "2025-03", "--format", "json").out
        )
        assert (row["rate"], row["denominator"]) == (None, "0")

    def test_the_year_to_date(self, filled: Run):
        words = ("show", VOLUME, "--branch", "13", "--window", "fytd", "--format", "json")
        assert [(r["month"], r["denominator"]) for r in json.loads(filled(*words).out)] == [
            ("2025-03", "100"),
            ("2025-04", "4"),
        ]

    @pytest.mark.parametrize(
        "by", ["kind", "age_band", "prefecture", "municipality", "institution", "pharmacy"]
    )
    @pytest.mark.parametrize("form", ["table", "json"])
    def test_every_breakdown(self, by: str, form: str, filled: Run):
        said = filled("show", VOLUME, "--branch", "13", "--month", "2025-03", "--by", by, "--format", form)
        assert said.code == (2 if by == "pharmacy" and form == "table" else 0)
        if form == "json" and by != "pharmacy":
            assert [r["denominator"] for r in json.loads(said.out)] == ["100"]

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (2, ["nothing"]),
            (2, [VOLUME, "--branch", "48"]),
            (2, [VOLUME, "--branch", "江戸"]),
            (2, [VOLUME, "--month", "2025-13"]),
            (2, [VOLUME, "--month", "きのう"]),
            (2, [VOLUME, "--month", "2025-04..2025-03"]),
            (2, [VOLUME, "--month", "1999-01"]),
            (2, [VOLUME, "--by", "weather"]),
            (2, [VOLUME, "--window", "week"]),
            (2, [VOLUME, "--format", "xlsx"]),
            (2, [VOLUME, "--format", "parquet"]),
            (2, [VOLUME, "--format", "csv", "--out", "no/such/folder/f.csv"]),
            (6, ["biosimilar_component_share", "--by", "kind"]),
            (6, ["biosimilar_component_share", "--window", "fytd"]),
        ],
    )
    def test_wrong_words_are_answered_in_japanese(self, code: int, words: list[str], filled: Run):
        said = filled("show", *words)
        assert said.code == code
        assert any("ぁ" <= c <= "ん" for c in said.err)

    def test_before_a_refresh_ends_with_6(self, run: Run, tmp_path: Path):
        run("load", "--builtin-masters", put(tmp_path / "in", {"a.UKE": claims(MARCH, (GENERIC, 1))}))
        said = run("show", VOLUME)
        assert said.code == 6
        assert "kenpo refresh" in said.err

    def test_figures_of_before_the_last_load_are_marked(self, filled: Run, tmp_path: Path):
        put(tmp_path / "more", {"c.UKE": claims(MARCH, (ORIGINATOR, 1), number=3)})
        filled("load", tmp_path / "more")
        said = filled("show", VOLUME, "--branch", "13", "--month", "2025-03")
        assert "kenporefresh" in "".join(said.out.split())


class TestExplain:
    def test_it_tells_definition_parameter_and_exclusions(self, filled: Run):
        said = filled("explain", VOLUME, "--branch", "13", "--month", "2025-03")
        assert said.code == 0
        for words in (
            "80.0%",
            MEASURES[VOLUME].definition[:20],
            "generic_exclude_star",
            "医薬品マスターにないコード",
            "令和7年3月",
        ):
            assert words in said.out

    def test_records_sum_to_the_figure_and_name_file_and_line(self, filled: Run):
        said = filled(
            "explain", VOLUME, "--branch", "13", "--month", "2025-03", "--records", "--format", "json"
        )
        rows = json.loads(said.out)
        assert [(r["file"], r["source_line"], r["item"], r["excluded"]) for r in rows] == [
            ("3月.UKE", 4, GENERIC, None),
            ("3月.UKE", 5, ORIGINATOR, None),
            ("3月.UKE", 6, UNKNOWN, "unknown_code"),
        ]
        counted = [r for r in rows if r["excluded"] is None]
        assert sum(Decimal(r["denominator"]) for r in counted) == 80 + 20
        assert sum(Decimal(r["numerator"]) for r in counted) == 80
        table = filled("explain", VOLUME, "--branch", "13", "--month", "2025-03", "--records")
        assert "明細の合計：分母 100、分子 80" in table.out

    def test_a_new_month_before_the_refresh_is_answered_in_words(self, filled: Run, tmp_path: Path):
        put(tmp_path / "more", {"c.UKE": claims(date(2025, 5, 1), (GENERIC, 1), number=3)})
        filled("load", tmp_path / "more")
        said = filled("explain", VOLUME, "--branch", "13", "--month", "2025-05")
        assert said.code in (0, 6)
        assert "kenpo refresh" in said.out + said.err

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (2, [VOLUME]),
            (2, ["nothing", "--month", "2025-03"]),
            (2, [VOLUME, "--month", "2025-13"]),
            (2, [VOLUME, "--month", "2025-03", "--branch", "99"]),
            (6, [VOLUME, "--month", "2019-01"]),
        ],
    )
    def test_wrong_words_are_answered_in_japanese(self, code: int, words: list[str], filled: Run):
        said = filled("explain", *words)
        assert said.code == code
        assert any("ぁ" <= c <= "ん" for c in said.err)


class TestDoctor:
    def test_all_is_well(self, filled: Run):
        said = filled("doctor")
        assert said.code == 0
        assert "要対応" not in said.out

    def test_without_a_lake(self, run: Run):
        said = run("doctor")
        assert said.code in (1, 4)
        assert "kenpo load" in said.out + said.err

    def test_a_missing_part_is_found(self, filled: Run, tmp_path: Path):
        next((tmp_path / "lake" / "data" / "drug").rglob("*.parquet")).unlink()
        said = filled("doctor")
        assert said.code == 1
        assert "要対応" in said.out

    def test_figures_to_be_refreshed_are_found(self, filled: Run, tmp_path: Path):
        put(tmp_path / "more", {"c.UKE": claims(MARCH, (GENERIC, 1), number=3)})
        filled("load", tmp_path / "more")
        said = filled("doctor")
        assert said.code == 1
        assert "kenpo refresh" in said.out

    def test_a_total_that_does_not_fit_is_found(self, filled: Run, tmp_path: Path):
        put(
            tmp_path / "more",
            {"c.UKE": claims(MARCH, (GENERIC, 1), number=3).replace(b"GO,1,500", b"GO,1,501")},
        )
        filled("load", tmp_path / "more")
        filled("refresh")
        said = filled("doctor")
        assert said.code == 1
        assert "--flags" in said.out

    def test_a_lake_of_another_key_is_found(self, filled: Run, tmp_path: Path):
        said = filled("doctor", "--key", key_file(tmp_path))
        assert said.code == 1


class TestWords:
    def test_help_is_in_japanese(self, run: Run):
        said = run("--help")
        assert said.code == 0
        assert all(
            verb in said.out for verb in ("load", "refresh", "show", "explain", "lake", "doctor", "demo")
        )
        assert "コマンド" in said.out

    @pytest.mark.parametrize("verb", ["load", "refresh", "show", "explain", "lake", "doctor", "demo"])
    def test_every_verb_has_help(self, verb: str, run: Run):
        said = run(verb, "--help")
        assert said.code == 0
        assert "指定" in said.out

    @pytest.mark.parametrize("words", [["fly"], ["--fly"], ["show", "--brunch", "13"], ["lake", "extra"]])
    def test_unknown_words_end_with_2_in_japanese(self, words: list[str], run: Run):
        said = run(*words)
        assert said.code == 2
        assert any("ぁ" <= c <= "ん" for c in said.err)
