"""`kenpo office …` and the vault that `kenpo load` fills by itself: one office, worked on as an administrator would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.intake.test_membership import DAY, as_csv, table_of
from tests.lakes import KEY

from kenpo.office.errors import OfficeError

NAMES = ("架空太郎", "見本花子", "ｶｸｳ", "カクウ", "東京都港区見本")


@dataclass(frozen=True)
class Office:
    """An office of its own, and what is said by commands in it."""

    folder: Path

    def kenpo(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KENPO_") and k != "DATABASE_URL"}
        done = subprocess.run(
            [sys.executable, "-m", "kenpo.cli.main", *words],
            cwd=self.folder,
            env={
                **kept,
                "KENPO_KEY_FILE": str(self.folder / "keys" / "member.key"),
                "KENPO_VAULT_KEYS": str(self.folder / "keys" / "vault.keys"),
                **more,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        for name in NAMES:
            assert name not in done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    folder = tmp_path_factory.mktemp("office")
    (folder / "keys").mkdir()
    (folder / "keys" / "member.key").write_text(KEY)
    (folder / "keys" / "member.key").chmod(0o600)
    (folder / "in").mkdir()
    (folder / "in" / f"加入者_{DAY}.csv").write_bytes(as_csv(table_of("member")))
    made = Office(folder)
    first = made.kenpo("office", "admin", "00-kanri")
    assert first.returncode == 0, first.stderr
    assert re.search(r"1回限りのパスワード\s+\S{19}\n", first.stdout)
    loaded = made.kenpo("load", "in")
    assert loaded.returncode == 0, loaded.stderr
    assert "個人情報の保管庫：新しく 2 件" in loaded.stdout
    return made


def test_loading_again_changes_nothing_in_the_vault(office: Office) -> None:
    again = office.kenpo("load", "in")
    assert "個人情報の保管庫：新しく 0 件、変更 0 件、そのまま 2 件" in again.stdout


def test_without_an_office_nothing_is_said_of_a_vault(office: Office, tmp_path: Path) -> None:
    alone = office.kenpo("load", "in", "--lake", str(tmp_path / "lake"), KENPO_OFFICE=str(tmp_path / "none"))
    assert alone.returncode == 0, alone.stderr
    assert "保管庫" not in alone.stdout
    assert not (tmp_path / "none").exists()


def test_another_lake_leaves_the_vault_alone(office: Office, tmp_path: Path) -> None:
    other = office.kenpo("load", "in", "--lake", str(tmp_path / "lake"))
    assert other.returncode == 0, other.stderr
    assert "別の置き場のため、個人情報は登録しません" in other.stderr


def test_when_the_vault_cannot_be_filled_the_load_holds_and_says_so(office: Office, tmp_path: Path) -> None:
    done = office.kenpo("load", "in", KENPO_VAULT_KEYS=str(tmp_path / "none.keys"))
    assert done.returncode == OfficeError.exit_code
    assert "取込済み" in done.stdout
    assert "取込は済みましたが、個人情報を保管庫に登録できませんでした" in done.stderr
    assert "kenpo office identities" in done.stderr


def test_identities_are_told_by_file_and_never_by_name(office: Office) -> None:
    done = office.kenpo("office", "identities", "in")
    assert done.returncode == 0, done.stderr
    assert f"加入者_{DAY}.csv" in done.stdout and "読取り" in done.stdout


def test_identities_need_the_key_of_the_lake(office: Office, tmp_path: Path) -> None:
    (tmp_path / "other.key").write_text("11" * 32)
    (tmp_path / "other.key").chmod(0o600)
    done = office.kenpo("office", "identities", "in", "--key", str(tmp_path / "other.key"))
    assert done.returncode == 4
    assert "other_key" in done.stderr


def test_keys_are_rotated_and_old_ones_dropped(office: Office) -> None:
    before = (office.folder / "keys" / "vault.keys").read_text()
    done = office.kenpo("office", "rotate-keys", "--drop")
    assert done.returncode == 0, done.stderr
    assert "個人情報 2 件" in done.stdout and "を外しました" in done.stdout
    assert (office.folder / "keys" / "vault.keys").read_text() != before
    assert "そのまま 2 件" in office.kenpo("office", "identities", "in").stdout


def test_cases_are_copied_into_the_lake(office: Office) -> None:
    done = office.kenpo("office", "snapshot")
    assert done.returncode == 0, done.stderr
    assert "案件 0 件" in done.stdout


def test_doctor_says_what_is_in_order_and_what_is_not(office: Office) -> None:
    done = office.kenpo("office", "doctor")
    assert done.returncode == 1
    assert "保管した個人情報とファイル 2 件がすべて開ける" in done.stdout
    assert "使える管理者がいる" in done.stdout
    (wrong,) = [line for line in done.stdout.splitlines() if line.startswith("要対応")]
    assert "処理を行うプロセスが動いている" in wrong


def test_accounts_are_listed(office: Office) -> None:
    done = office.kenpo("office", "accounts")
    assert "00-kanri" in done.stdout and "管理者" in done.stdout


def test_a_wrong_setting_is_named(office: Office) -> None:
    done = office.kenpo("office", "accounts", KENPO_MFA="はい")
    assert done.returncode == OfficeError.exit_code
    assert "環境変数 KENPO_MFA の値「はい」が正しくありません" in done.stderr
