"""`kenpo synth`: makes an invented branch (架空の支部), compares it with published figures, proves a lake against it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from tests.branches import TinyBranch

from kenpo.catalogue import TRUTHS
from kenpo.cli import output, synth
from kenpo.cli.main import main
from kenpo.synth.report import published

TINY_WORDS = ("--members", 120, "--years", 1, "--until", "2026-03", "--workers", 1)


@dataclass(frozen=True)
class Said:
    """What a command did: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`kenpo synth` in a folder of its own, with a wide screen."""
    monkeypatch.chdir(tmp_path)
    for screen in (output.console, output.errors):
        monkeypatch.setattr(screen, "_width", 300)

    def command(*words: str | int | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["kenpo", "synth", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(int(exit_.value.code or 0), out, err)

    return command


class TestMaking:
    def test_it_says_what_it_made(self, run: Run, tmp_path: Path):
        said = run("--out", "支部", *TINY_WORDS, "--no-uke")
        assert said.code == 0
        assert re.search(
            r"支部 に、のべ [\d,]+ 人の加入者と [\d,]+ 件のレセプト（[\d,]+ ファイル、", said.out
        )
        folders = {"加入者", "レセプト", "医療機関", "真値", "計画文書"}
        assert {p.name for p in (tmp_path / "支部").iterdir()} == folders
        assert not (tmp_path / "支部" / "レセプト" / "医療機関から").exists()

    def test_a_branch_may_be_made_anew_in_its_folder(self, run: Run, tmp_path: Path):
        assert run("--out", "支部", *TINY_WORDS, "--seed", 1).code == 0
        assert run("--out", "支部", "--branch", "東京", *TINY_WORDS).code == 0
        names = {p.name for p in (tmp_path / "支部" / "レセプト" / "支払基金から").iterdir()}
        assert len(names) == 12
        first_line = (
            next((tmp_path / "支部" / "加入者").glob("資格_全件_*.csv")).read_bytes().split(b"\r\n")[1]
        )
        assert first_line.startswith(b"0113001")

    def test_the_report_sets_every_level_beside_the_published_one(self, run: Run, tmp_path: Path):
        said = run("--out", "支部", *TINY_WORDS, "--report", "水準.md")
        assert said.code == 0
        assert "水準.md に、公表値との比較を書き出しました。" in said.out
        page = (tmp_path / "水準.md").read_text()
        rows = [[c.strip() for c in r.split("|")[1:-1]] for r in page.splitlines() if r.startswith("| ")]
        rows = [r for r in rows if r[0] != "項目"]
        compared = [r for r in rows if r[3] != "－"]
        assert len(compared) > 60
        for name, own, known, ratio, *_ in compared:
            value, level = (float(n.replace(",", "")) for n in (own, known))
            if level >= 10:
                assert abs(float(ratio) - value / level) < 0.02, name
        sources = {p.source.translate(str.maketrans("[]|", "［］｜")) for p in published().values()}
        assert {r[6] for r in compared} <= sources
        assert "](" not in page  # a source in brackets must not become a link
        assert {r[5] for r in compared} <= {"資料", "概数"}
        assert "--branch 35 --members 120 --years 1 --seed 1" in page


class TestWrongWords:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--branch", "架空"), "架空"),
            (("--branch", "48"), "48"),
            (("--members", 10), "加入者数 10 人の支部は作れません"),
            (("--years", 0), "「--years」の値が正しくありません（1以上"),
            (("--years", 11), "132 か月の支部は作れません"),
            (("--seed", -1), "「--seed」の値が正しくありません（0以上"),
            (("--until", "去年"), "去年"),
            (("--workers", 0), "「--workers」の値が正しくありません（1以上"),
            (("--speed", 1), "--speed"),
        ],
    )
    def test_they_end_with_2_in_japanese(self, words: tuple[str | int, ...], said: str, run: Run):
        answer = run("--out", "支部", *words)
        assert answer.code == 2
        assert said in answer.err
        assert any("ぁ" <= c <= "ん" for c in answer.err)

    def test_without_a_folder(self, run: Run):
        said = run("--branch", "35")
        assert said.code == 2
        assert "--out" in said.err

    def test_a_file_of_that_name(self, run: Run, tmp_path: Path):
        (tmp_path / "支部").write_text("メモ")
        said = run("--out", "支部", *TINY_WORDS)
        assert said.code == 2
        assert "同じ名前のファイルがあります" in said.err
        assert (tmp_path / "支部").read_text() == "メモ"

    @pytest.mark.parametrize("own", ["議事録.txt", "加入者/名簿.csv"])
    def test_a_folder_with_other_things_is_left_alone(self, own: str, run: Run, tmp_path: Path):
        mine = tmp_path / "書類" / own
        mine.parent.mkdir(parents=True)
        mine.write_text("大切")
        said = run("--out", "書類", *TINY_WORDS)
        assert said.code == 2
        assert "架空の支部でもないため、使いません" in said.err
        assert [p for p in (tmp_path / "書類").rglob("*") if p.is_file()] == [mine]
        assert mine.read_text() == "大切"

    def test_a_month_without_grades_is_told(self, run: Run, tmp_path: Path):
        said = run("--out", "支部", *TINY_WORDS[:4], "--until", "2001-03")
        assert said.code == 5
        assert "標準報酬月額の等級表" in said.err
        assert not (tmp_path / "支部" / "加入者").exists()


class TestCheck:
    def test_a_lake_that_agrees_ends_with_0(self, run: Run, tiny: TinyBranch):
        said = run("--out", tiny.folder, "--check", tiny.lake_path)
        assert said.code == 0
        assert "不一致" not in said.out
        assert re.search(r"\d+ 項目、[\d,]+ の値がすべて真値と一致しました。", said.out)

    def test_a_lake_that_differs_ends_with_1_and_says_where(
        self, run: Run, tiny: TinyBranch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(synth, "TRUTHS", [t for t in TRUTHS if t.measure == "members"])
        shutil.copytree(tiny.folder / "真値", tmp_path / "支部" / "真値")
        path = tmp_path / "支部" / "真値" / "members.parquet"
        pl.read_parquet(path).with_columns(members=pl.col("members") + 1).write_parquet(path)
        said = run("--out", "支部", "--check", tiny.lake_path)
        assert said.code == 1
        assert "不一致" in said.out
        assert "※ 加入者数（合計）" in said.out
        assert re.search(r"2025-04 total：真値 \d+ ÷ 0、指標 \d+ ÷ 0", said.out)
        assert re.search(r"ほか [\d,]+ 件", said.out)

    def test_without_a_branch_in_the_folder(self, run: Run, tiny: TinyBranch):
        said = run("--out", "どこにもない", "--check", tiny.lake_path)
        assert said.code == 2
        assert "架空の支部の真値が見つかりません" in said.err

    def test_without_a_lake(self, run: Run, tiny: TinyBranch):
        said = run("--out", tiny.folder, "--check", "どこにもない")
        assert said.code == 4


def test_help_explains_every_option(run: Run):
    said = run("--help")
    assert said.code == 0
    for option in (
        "--out",
        "--branch",
        "--members",
        "--years",
        "--seed",
        "--until",
        "--no-uke",
        "--report",
        "--check",
    ):
        assert option in said.out
    assert "架空の支部を、実際のファイルの形式で作ります" in said.out
