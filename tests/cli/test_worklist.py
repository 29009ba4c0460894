"""`kenpo worklist`, and `kenpo show` of people: words, formats, good and bad input."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import pytest
from tests.people import lake_of

from kenpo.catalogue import WORKLISTS
from kenpo.cli import output
from kenpo.cli.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cli")
    lake_of(
        made,
        enrolment=[{}, {"member_id": "b", "lost_on": date(2024, 4, 1)}],
        receipt=[{"points": 123_456}, {"member_key": "b", "points": 777}],
        remuneration=[{}],
    )
    return made


@pytest.fixture
def kenpo(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("KENPO_LAKE", str(folder / "lake"))
    for screen in (output.console, output.errors):
        monkeypatch.setattr(screen, "_width", 300)

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kenpo", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(exit_.value.code or 0), out, err

    return command


def test_refresh_computes_what_it_can_and_says_what_the_rest_needs(kenpo):
    code, out, _ = kenpo("refresh")
    assert code == 0
    assert "15 指標" in out
    assert "3 指標：計算に必要なマスター" in out
    assert "kenpo load" in out


def test_show_prints_units_and_thousands(kenpo):
    kenpo("refresh")
    assert "1,234,560円" in kenpo("show", "medical_cost_per_member", "--branch", "13")[1]
    code, out, _ = kenpo("show", "加入者数", "--branch", "13", "--by", "sex")
    assert (code, "1人" in out, "分母" in out) == (0, True, False)
    assert "データ未取込" in kenpo("show")[1]
    assert kenpo("show", "generic_volume_share")[0] == 6


def test_show_one_part_alone(kenpo):
    kenpo("refresh")
    words = ("show", "medical_cost_per_member", "--branch", "13", "--by", "sex")
    code, out, _ = kenpo(*words, "--where", "care=入院外")
    assert (code, "診療種別＝入院外" in out, "1,234,560円" in out) == (0, True, True)
    assert "診療種別＝入院外" in kenpo(*words, "--where", "診療種別=入院外")[1]
    assert kenpo(*words, "--where", "care")[0] == 2
    assert kenpo(*words, "--where", "care=往診")[0] == 6
    assert kenpo("show", "--where", "care=入院")[0] == 2


def test_explain_counts_people_as_people(kenpo):
    kenpo("refresh")
    _, out, _ = kenpo("explain", "members", "--branch", "13", "--month", "2024-04", "--records")
    assert "2024-04）末" in out
    assert "対象　　　　1 人" in out


def test_without_a_name_the_worklists_are_listed(kenpo):
    code, out, _ = kenpo("worklist")
    assert code == 0
    assert [w for w in WORKLISTS if w not in out] == []


def test_a_worklist_shows_reasons_and_lines(kenpo, tmp_path: Path):
    kenpo("refresh")
    words = ("worklist", "unmatched_receipts", "--branch", "東京")
    code, out, _ = kenpo(*words)
    assert (code, "資格喪失後の受診" in out, "receipt.csv" in out, "777" in out) == (0, True, True, True)
    (row,) = json.loads(kenpo(*words, "--format", "json")[1])
    assert (row["reason"], row["month"], row["source_line"]) == ("after_loss", "2024-04-01", 2)
    target = tmp_path / "list.csv"
    assert kenpo(*words, "--month", "令和6年4月", "--format", "csv", "--out", str(target))[0] == 0
    assert "after_loss" in target.read_text(encoding="utf-8-sig")
    assert kenpo("worklist", "unmatched_receipts", "--branch", "35", "--format", "json")[1] == "[]\n"


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("nothing",), 2, "unmatched_receipts"),
        (("unmatched_receipts", "--month", "2030-01"), 6, "2024-04"),
        (("generic_switch",), 6, "マスター"),
    ],
)
def test_what_is_not_there_is_refused_in_words(kenpo, words, exit_code: int, said: str):
    kenpo("refresh")
    code, _, err = kenpo("worklist", *words)
    assert code == exit_code
    assert said in err
