"""`kenpo demo`: shows what is stored, finds every fault it put in, and can be run again."""

from __future__ import annotations

import re
import shlex
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from kenpo.base.errors import ArgumentError
from kenpo.catalogue import MEASURES
from kenpo.cli import demo, lake_report
from kenpo.cli.main import app
from kenpo.cli.output import console
from kenpo.frame import figures
from kenpo.intake.facts import facts_frames
from kenpo.lake import Lake
from kenpo.synth.sample import Sample, write_sample

SHARE, BIOSIMILAR = "generic_volume_share", "biosimilar_component_share"
ROW = re.compile(r"│ (\d\d) \S+ +│ (\d{4}-\d\d) +│ +(\S+) │ +(\S+) │ +(\S+) │ +(\S+) │ +(\S+) │")


def kenpo(words: list[str]) -> object:
    return app(words, standalone_mode=False)


def run(folder: Path) -> str:
    console.width = 200
    with console.capture() as captured:
        demo.run(folder, kenpo)
    return captured.get()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work") / "demo"


@pytest.fixture(scope="module")
def shown(folder: Path) -> str:
    """All that the demo prints on its first run."""
    return run(folder)


@pytest.fixture
def lake(folder: Path, shown: str) -> Lake:
    return Lake.open(folder / "lake")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    masters = {name: m.frame for name, m in facts_frames().items()}
    return write_sample(tmp_path_factory.mktemp("sample"), masters)


def commands(text: str) -> dict[str, str]:
    """Command line → what was printed after it."""
    pieces = re.split(r"^  \$ (.*)$", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def printed(text: str) -> list[tuple[str, ...]]:
    return [m.groups() for m in ROW.finditer(text)]


def stored(lake: Lake, measure: str, branch: str | None = None) -> list[tuple[str, ...]]:
    """The figures as the table should show them."""

    def number(value: int | Decimal) -> str:
        text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    rows = figures(lake, MEASURES[measure], branch=branch)
    return [
        (
            r["branch"],
            f"{r['month']:%Y-%m}",
            "－" if r["rate"] is None else f"{r['rate']:.1f}%",
            *(number(r[c]) for c in ("numerator", "denominator", "eligible", "excluded")),
        )
        for r in rows.iter_rows(named=True)
    ]


class TestWhatIsShown:
    def test_every_branch_in_the_last_month(self, shown: str, lake: Lake, folder: Path):
        rows = printed(commands(shown)[f"kenpo show {SHARE} --lake {folder / 'lake'}"])
        assert len(rows) == 48
        assert rows == [r for r in stored(lake, SHARE) if r[1] == "2025-03"]

    def test_one_branch_over_the_months(self, shown: str, lake: Lake, folder: Path):
        rows = printed(commands(shown)[f"kenpo show {SHARE} --branch 35 --lake {folder / 'lake'}"])
        assert rows == stored(lake, SHARE, branch="35")
        assert len(rows) == 6

    def test_biosimilars(self, shown: str, lake: Lake, folder: Path):
        rows = printed(commands(shown)[f"kenpo show {BIOSIMILAR} --branch 00 --lake {folder / 'lake'}"])
        assert rows == stored(lake, BIOSIMILAR, branch="00")
        assert len({r[2] for r in rows}) > 1

    def test_the_explained_figure_is_the_stored_one(self, shown: str, lake: Lake, folder: Path):
        said = commands(shown)[f"kenpo explain {SHARE} --branch 35 --month 2024-12 --lake {folder / 'lake'}"]
        (row,) = [r for r in stored(lake, SHARE, branch="35") if r[1] == "2024-12"]
        assert f"{row[2]} ＝ 分子 {row[3]} ÷ 分母 {row[4]}" in said

    def test_the_records_add_up_to_the_figure(self, lake: Lake, folder: Path):
        rows = pl.read_csv(folder / "records.csv", infer_schema=False)
        counted = rows.filter(pl.col("excluded").is_null())
        (figure,) = (
            figures(lake, MEASURES[SHARE], branch="35").filter(pl.col("month").dt.month() == 12).to_dicts()
        )
        assert sum(map(Decimal, counted["numerator"])) == figure["numerator"]
        assert sum(map(Decimal, counted["denominator"])) == figure["denominator"]
        assert rows.height == figure["eligible"]

    def test_the_way_back_ends_at_the_line_of_the_drug(self, shown: str, folder: Path):
        first = pl.read_csv(folder / "records.csv", infer_schema=False).row(0, named=True)
        (said,) = [after for command, after in commands(shown).items() if command.startswith("sed -n")]
        assert said.strip().startswith("IY,")
        assert first["item"] in said

    def test_every_fault_is_found(self, shown: str, lake: Lake, sample: Sample):
        found = lake_report.as_dict(lake)
        reported = {(r["file"], r["reason"]) for r in found["rejects"]["list"]}
        reported |= {(f["file"], f["code"]) for f in found["flags"]["list"]}
        assert reported
        for fault in sample.faults:
            assert fault.title in shown
            if fault.code != "unknown_code":
                assert (fault.file, fault.code) in reported
        unknown = figures(lake, MEASURES[SHARE], branch="13").filter(
            pl.col("excluded_by").str.contains('"unknown_code":1')
        )
        assert unknown.height == 1

    def test_rejects_and_flags_are_listed(self, shown: str, folder: Path):
        after = commands(shown)
        assert "知らないレコード識別です" in after[f"kenpo lake --rejects --lake {folder / 'lake'}"]
        assert "GOレコードの総合計点数" in after[f"kenpo lake --flags --lake {folder / 'lake'}"]

    def test_loading_again_changes_nothing(self, shown: str, lake: Lake, sample: Sample):
        last = shown[shown.index("もう一度取り込む") :]
        claims = [f for f in lake.files() if f.format != "master"]
        assert last.count("│ 取込済み │") == len(claims) > len(sample.files)
        assert f"データの版は {lake.version()} から変わっていません。" in last

    def test_the_key_lies_outside_the_lake(self, folder: Path, shown: str):
        assert (folder / "member.key").stat().st_mode & 0o777 == 0o600
        assert not list((folder / "lake").rglob("*.key"))


class TestWhatToTryNext:
    def test_every_command_runs(self, shown: str):
        hints = commands(shown[shown.index("次に試すこと") :])
        assert len(hints) >= 5
        for command in hints:
            program, *words = shlex.split(command)
            assert program == "kenpo"
            if words[0] == "doctor":
                continue
            with console.capture() as captured:
                assert not app(words, standalone_mode=False)
            assert captured.get() or "--format json" in command

    def test_doctor_runs_and_speaks_of_the_faults(self, shown: str):
        (words,) = [shlex.split(c)[1:] for c in commands(shown) if c.startswith("kenpo doctor")]
        with console.capture() as captured:
            app(words, standalone_mode=False)
        assert "請求書（GO）" in captured.get()


class TestFolder:
    def test_a_second_run_shows_the_same(self, folder: Path, shown: str):
        (folder / "lake" / "stray").write_text("x")
        assert run(folder) == shown
        assert not (folder / "lake" / "stray").exists()

    def test_things_put_beside_stay(self, tmp_path: Path):
        demo._begin(tmp_path)
        (tmp_path / "files").mkdir()
        (tmp_path / "メモ.txt").write_text("x")
        demo._begin(tmp_path)
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted([demo.MARKER, "メモ.txt"])

    def test_a_folder_it_did_not_make_is_left_alone(self, tmp_path: Path):
        (tmp_path / "lake").mkdir()
        (tmp_path / "lake" / "大切.txt").write_text("x")
        with pytest.raises(ArgumentError, match="kenpo demo が作ったものでもない"):
            demo.run(tmp_path, kenpo)
        assert (tmp_path / "lake" / "大切.txt").read_text() == "x"

    def test_a_file_in_the_way_is_an_error(self, tmp_path: Path):
        (tmp_path / "demo").write_text("x")
        with pytest.raises(ArgumentError, match="同じ名前のファイル"):
            demo.run(tmp_path / "demo", kenpo)

    def test_an_empty_folder_is_taken(self, tmp_path: Path):
        demo._begin(tmp_path)
        assert (tmp_path / demo.MARKER).is_file()
