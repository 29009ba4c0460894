"""`kenpo demo`: shows what is stored, finds every fault it put in, proves itself, and can be run again."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from kenpo.base.errors import ArgumentError
from kenpo.catalogue import MEASURES
from kenpo.cli import demo
from kenpo.cli.main import app
from kenpo.cli.output import console
from kenpo.frame import figures
from kenpo.frame.casekind import Role
from kenpo.lake import Lake
from kenpo.office.demonstration import PEOPLE
from kenpo.office.errors import OfficeError

SHARE, COST, LAST = "generic_volume_share", "medical_cost_per_member", "2026-03"
ROW = re.compile(r"│ (\d\d) \S+ +│ (\d{4}-\d\d) +│ +(\S+) │ +(\S+) │ +(\S+) │ +(\S+) │ +(\S+) │")


def kenpo(words: list[str]) -> object:
    return app(words, standalone_mode=False)


def run(folder: Path) -> str:
    """The demo on a branch of 300 members over a year."""
    console.width = 200
    with console.capture() as captured:
        demo.run(folder, kenpo, members=300, years=1)
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
    def test_one_branch_over_the_months(self, shown: str, lake: Lake, folder: Path):
        rows = printed(commands(shown)[f"kenpo show {SHARE} --branch 35 --lake {folder / 'lake'}"])
        assert rows == stored(lake, SHARE, branch="35")
        assert len(rows) == 12

    def test_every_measure_of_the_branch(self, shown: str, folder: Path):
        said = commands(shown)[f"kenpo show --branch 35 --lake {folder / 'lake'}"]
        for measure in MEASURES.values():
            assert measure.title in said

    def test_cost_by_kind_of_care(self, shown: str, folder: Path):
        lake = folder / "lake"
        said = commands(shown)[f"kenpo show {COST} --branch 35 --month {LAST} --by care --lake {lake}"]
        assert all(word in said for word in ("入院", "入院外", "歯科", "調剤"))

    def test_the_explained_figure_is_the_stored_one(self, shown: str, lake: Lake, folder: Path):
        said = commands(shown)[f"kenpo explain {SHARE} --branch 35 --month {LAST} --lake {folder / 'lake'}"]
        (row,) = [r for r in stored(lake, SHARE, branch="35") if r[1] == LAST]
        assert f"{row[2]} ＝ 分子 {row[3]} ÷ 分母 {row[4]}" in said

    def test_the_records_add_up_to_the_figure(self, lake: Lake, folder: Path):
        rows = pl.read_csv(folder / "records.csv", infer_schema=False)
        counted = rows.filter(pl.col("excluded").is_null())
        (figure,) = (
            figures(lake, MEASURES[SHARE], branch="35")
            .filter(pl.col("month").dt.strftime("%Y-%m") == LAST)
            .to_dicts()
        )
        assert sum(map(Decimal, counted["numerator"])) == figure["numerator"]
        assert sum(map(Decimal, counted["denominator"])) == figure["denominator"]
        assert rows.height == figure["eligible"]

    def test_the_way_back_ends_at_the_line_of_the_drug(self, shown: str, folder: Path):
        first = pl.read_csv(folder / "records.csv", infer_schema=False).row(0, named=True)
        (said,) = [after for command, after in commands(shown).items() if command.startswith("sed -n")]
        assert "IY," in said.strip().splitlines()[0]
        assert first["item"] in said

    def test_the_planted_rows_are_rejected(self, shown: str, folder: Path):
        said = commands(shown)[f"kenpo lake --rejects --lake {folder / 'lake'}"]
        assert "終わりの日が始まりの日より前です" in said
        assert "取り込めなかった行（5）" in said

    def test_the_worklists_name_the_reasons(self, shown: str, folder: Path):
        after = commands(shown)
        lake = folder / "lake"
        assert "資格喪失後の受診" in after[f"kenpo worklist unmatched_receipts --branch 35 --lake {lake}"]
        assert (
            "75歳の誕生日を過ぎても" in after[f"kenpo worklist membership_faults --branch 35 --lake {lake}"]
        )

    def test_everything_is_as_it_was_made(self, shown: str):
        said = shown[shown.index("真値と照合する") :]
        assert "の値がすべて真値と一致しました。" in said
        assert "不一致" not in said

    def test_loading_again_changes_nothing(self, shown: str, lake: Lake):
        last = shown[shown.index("もう一度取り込む") :]
        assert "│ 取込済み │" in last
        assert "│ 取込 │" not in last.split("事業計画の文書を読み取る")[0]
        assert f"データの版は {lake.version()} から変わっていません。" in last

    def test_the_board_shows_the_computed_figures_beside_those_of_the_documents(
        self, shown: str, folder: Path
    ):
        (said,) = [t for c, t in commands(shown).items() if c.startswith("kenpo plan board 35-2025")]
        assert said.count("％") > 40
        assert f"出所：kenpo explain {SHARE} --branch 35 --month 2025-09" in said

    def test_the_reports_are_written_in_all_formats(self, shown: str, folder: Path):
        written = sorted(p.suffix for p in (folder / "out").iterdir())
        assert written == sorted([".docx", ".html", ".pdf", ".pptx", ".xlsx"] * 3)
        assert all(p.stat().st_size > 5_000 for p in (folder / "out").iterdir())

    def test_the_key_lies_outside_the_lake(self, folder: Path, shown: str):
        assert (folder / "member.key").stat().st_mode & 0o777 == 0o600
        assert not list((folder / "lake").rglob("*.key"))


class TestTheOffice:
    def test_work_is_under_way_in_it(self, shown: str):
        said = shown[shown.index("案件システムの用意をする") :]
        assert f"利用者　{len(PEOPLE)} 人" in said
        assert re.search(r"個人情報の保管庫　[\d,]{3,} 件（暗号化）", said)
        assert re.search(r"ジェネリック医薬品軽減額通知の発送　案件 [\d,]+ 件、対照群 \d+ 件", said)
        assert re.search(r"通知　[1-9]\d* 通を印刷", said)
        assert re.search(r"お客様の声　\d 件", said)

    def test_there_is_somebody_of_every_role_and_of_another_branch(self):
        yamaguchi = {role for _, _, branch, role in PEOPLE if branch == "35"}
        assert yamaguchi == set(Role) - {Role.HEAD_OFFICE}
        assert {branch for _, _, branch, _ in PEOPLE} == {"35", "13", "00"}
        assert len({name for _, name, _, _ in PEOPLE}) == len({id for id, *_ in PEOPLE}) == len(PEOPLE)

    def test_its_histories_are_whole_and_its_keys_lie_apart(self, folder: Path, shown: str):
        words = [sys.executable, "-m", "kenpo.cli.main", "office", "verify"]
        done = subprocess.run(words, env=demo.environ(folder), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        assert "異常はありません" in done.stdout
        assert (folder / "vault.keys").stat().st_mode & 0o777 == 0o600

    def test_an_office_of_this_machine_is_not_touched(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        for name in (
            "DATABASE_URL",
            "KENPO_APP_DATABASE_URL",
            "KENPO_DATABASE_APP",
            "KENPO_HOSTS",
            "KENPO_OFFICE",
        ):
            monkeypatch.setenv(name, "postgresql://true.example/kenpo")
        made = demo.environ(folder)
        assert "true.example" not in " ".join(made.values())
        assert made["KENPO_OFFICE"] == str(folder / "office")

    def test_it_is_opened_with_a_password_for_all(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        called: list[tuple[str, list[str], dict[str, str]]] = []
        monkeypatch.setattr(demo.os, "execve", lambda *words: called.append(words))
        with socket.socket() as taken, console.capture() as captured:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            monkeypatch.setattr(demo, "_PORT", taken.getsockname()[1])
            demo.serve(folder, "mihon-no-aikotoba")
        ((_, words, environ),) = called
        assert words[1:4] == ["-m", "kenpo.cli.main", "serve"]
        assert int(words[-1]) > demo._PORT
        assert environ == demo.environ(folder)
        said = captured.get()
        assert "mihon-no-aikotoba" in said
        assert all(staff_id in said and role.label in said for staff_id, _, _, role in PEOPLE)

    @pytest.mark.parametrize(("given", "served"), [("1", False), ("0", True), (None, True)])
    def test_it_is_not_opened_when_told_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, served: bool
    ):
        called: list[str] = []
        monkeypatch.setattr(demo, "run", lambda *words, **more: "aikotoba")
        monkeypatch.setattr(demo, "serve", lambda folder, password: called.append(password))
        monkeypatch.delenv("KENPO_NO_SERVE", raising=False)
        if given:
            monkeypatch.setenv("KENPO_NO_SERVE", given)
        kenpo(["demo", "--dir", str(tmp_path)])
        assert called == (["aikotoba"] if served else [])

    def test_what_keeps_it_from_being_made_is_said(self, tmp_path: Path):
        with pytest.raises(OfficeError, match="見本の案件システムを用意できません"):
            demo._office(tmp_path)


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

    def test_doctor_runs(self, shown: str):
        (words,) = [shlex.split(c)[1:] for c in commands(shown) if c.startswith("kenpo doctor")]
        with console.capture() as captured:
            app(words, standalone_mode=False)
        assert captured.get()


class TestFolder:
    def test_what_an_earlier_run_made_is_deleted(self, tmp_path: Path):
        demo._begin(tmp_path)
        (tmp_path / "lake").mkdir()
        (tmp_path / "lake" / "stray").write_text("x")
        (tmp_path / "records.csv").write_text("x")
        demo._begin(tmp_path)
        assert [p.name for p in tmp_path.iterdir()] == [demo.MARKER]

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
