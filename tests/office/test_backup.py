"""Backup, wipe, restore: identical. What is damaged is not restored, and what is not restored changes nothing."""

import hashlib
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from kenpo.intake.load import load_facts
from kenpo.lake import Lake
from kenpo.office import backup, embedded
from kenpo.office.config import Config
from kenpo.office.errors import OfficeError

MAKE = """
from kenpo.office import vault, verifying
from kenpo.office.acting import acting
from tests.office import test_verifying
from tests.offices import make_people
people = make_people()
test_verifying.opened(people, 3)
with acting(people.yamamoto.actor):
    vault.keep("attachment", b"x" * 100_000)
verifying.anchor_all(test_verifying.TOMORROW)
"""


@dataclass(frozen=True)
class Place:
    """Where an office is, and its processes' environment."""

    folder: Path
    database_url: str = ""

    @property
    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KENPO_") and k != "DATABASE_URL"}
        return {
            **kept,
            "KENPO_OFFICE": str(self.folder / "office"),
            "KENPO_LAKE": str(self.folder / "lake"),
            "KENPO_PLANS": str(self.folder / "plans"),
            "KENPO_VAULT_KEYS": str(self.folder / "keys" / "vault.keys"),
            "KENPO_KEY_FILE": str(self.folder / "keys" / "member.key"),
            "KENPO_MFA": "0",
            **({"DATABASE_URL": self.database_url} if self.database_url else {}),
        }

    @property
    def config(self) -> Config:
        one = self.folder
        return Config(
            one / "office",
            one / "lake",
            one / "plans",
            one / "keys" / "vault.keys",
            self.database_url or None,
        )

    def kenpo(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kenpo.cli.main", *words], env=self.environ, capture_output=True, text=True
        )

    @contextmanager
    def server(self) -> Iterator[str]:
        if self.database_url:
            yield self.database_url
            return
        with embedded.running(self.folder / "office" / "postgres") as address:
            yield address.replace("@/postgres?", "@/kenpo?")

    def tables(self) -> dict[str, str]:
        """Table → a digest of all its rows; sessions are nobody's after a restore."""
        with self.server() as url, psycopg.connect(url) as connection:
            names = [
                n
                for (n,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")
            ]
            found = {}
            for name in set(names) - {"django_session"}:
                query = f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')), count(*) from {name} t"
                found[name] = str(connection.execute(query).fetchone())  # type: ignore[arg-type]
            return found

    def guards(self) -> list[tuple[str, ...]]:
        """Policies, triggers and the rights of the application's role."""
        with self.server() as url, psycopg.connect(url) as connection:
            return [
                *connection.execute("select tablename, policyname, cmd, qual, with_check from pg_policies order by 1, 2").fetchall(),
                *connection.execute("select tgrelid::regclass::text, tgname from pg_trigger where not tgisinternal order by 1, 2").fetchall(),
                *connection.execute(
                    "select table_name, privilege_type from information_schema.role_table_grants where grantee = 'kenpo_app' order by 1, 2"
                ).fetchall(),
            ]  # fmt: skip

    def files(self) -> dict[str, str]:
        """File of lake and plans → sha256; of the lake's manifest its rows."""
        found = {}
        for part in ("lake/data", "plans"):
            for path in (self.folder / part).rglob("*"):
                if path.is_file():
                    found[str(path.relative_to(self.folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
        with closing(sqlite3.connect(self.folder / "lake" / "manifest.sqlite")) as db:
            found["manifest"] = hashlib.sha256("\n".join(db.iterdump()).encode()).hexdigest()
        found["anchors"] = (self.folder / "office" / "anchors.jsonl").read_text()
        return found


@dataclass(frozen=True)
class Made:
    """An office and its backup."""

    place: Place
    archive: Path
    keys: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("office")
    place = Place(folder)
    load_facts(Lake.create(folder / "lake"))
    (folder / "plans" / "35").mkdir(parents=True)
    (folder / "plans" / "35" / "計画.yaml").write_text("架空の計画", encoding="utf-8")
    assert place.kenpo("office", "accounts").returncode == 0
    code = f"import kenpo.office; kenpo.office.setup()\n{MAKE}"
    done = subprocess.run([sys.executable, "-c", code], env=place.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "keys" / "member.key").write_text("00" * 32)
    done = place.kenpo("backup", str(folder / "backup.tar"), "--keys", str(folder / "keys.tar"))
    assert done.returncode == 0, done.stderr
    return Made(place, folder / "backup.tar", folder / "keys.tar")


def untouched(folder: Path) -> bool:
    """Whether nothing was left of a restore that was refused."""
    return not [p for p in folder.rglob("*") if p.is_file()]


class TestTheSameAgain:
    def test_after_all_was_wiped(self, made: Made, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(made.place.folder, copy, ignore=shutil.ignore_patterns("postgres*"))
        before, files, guards = made.place.tables(), made.place.files(), made.place.guards()
        assert len(before) > 30 and before["office_event"].endswith("6)")
        for part in ("office", "lake", "plans", "keys"):
            shutil.rmtree(copy / part)
        again = Place(copy)
        done = again.kenpo("restore", str(made.archive), "--keys", str(made.keys))
        assert done.returncode == 0, done.stderr
        assert again.tables() == before
        assert again.files() == files
        assert again.guards() == guards
        for name in ("vault.keys", "member.key"):
            there = copy / "keys" / name
            assert there.read_bytes() == (made.place.folder / "keys" / name).read_bytes()
            assert there.stat().st_mode & 0o777 == 0o600
        checked = again.kenpo("office", "verify")
        assert checked.returncode == 0, checked.stdout
        assert sorted(p.name for p in copy.iterdir()) == [
            "backup.tar",
            "keys",
            "keys.tar",
            "lake",
            "office",
            "plans",
        ]

    def test_on_a_server_that_is_given_and_back(self, made: Made, tmp_path: Path) -> None:
        with embedded.running(tmp_path / "server") as admin:
            with psycopg.connect(admin, autocommit=True) as server:
                server.execute("create role kenpo_owner login createrole")
                server.execute("create database kenpo owner kenpo_owner")
            given = Place(tmp_path / "given", admin.replace("postgres@/postgres", "kenpo_owner@/kenpo"))
            done = given.kenpo("restore", str(made.archive), "--keys", str(made.keys))
            assert done.returncode == 0, done.stderr
            assert given.tables() == made.place.tables()
            assert not (given.folder / "office" / "postgres").exists()
            again = given.kenpo("restore", str(made.archive), "--force")
            assert "戻す先のデータベースが空ではありません" in again.stderr
            done = given.kenpo("backup", str(tmp_path / "again.tar"))
            assert done.returncode == 0, done.stderr
        assert backup.read(tmp_path / "again.tar").has("database")

    def test_a_lake_without_an_office(self, made: Made, tmp_path: Path) -> None:
        alone = Place(tmp_path / "alone")
        shutil.copytree(made.place.folder / "lake", alone.folder / "lake")
        contents = backup.backup(alone.config, tmp_path / "lake.tar", print)
        assert contents.has("lake") and not contents.has("database")
        assert not (alone.folder / "office").exists()
        back = Place(tmp_path / "back")
        backup.restore(back.config, tmp_path / "lake.tar", print)
        assert Lake.open(back.folder / "lake").version() == Lake.open(alone.folder / "lake").version()


class TestWriting:
    def test_only_its_owner_may_read_it_and_keys_are_not_in_it(self, made: Made) -> None:
        assert made.archive.stat().st_mode & 0o777 == made.keys.stat().st_mode & 0o777 == 0o600
        assert not [name for name in backup.read(made.archive).files if "key" in name.lower()]
        assert set(backup.read(made.keys).files) == {"keys/vault.keys", "keys/member.key", "keys/secret.key"}

    def test_a_file_that_is_there_is_not_overwritten(self, made: Made) -> None:
        with pytest.raises(OfficeError, match="すでにあります"):
            backup.backup(made.place.config, made.archive, print)
        with pytest.raises(OfficeError, match="すでにあります"):
            backup.backup_keys(made.place.config, made.keys)

    def test_a_folder_that_cannot_be_written_to_is_said(self, made: Made, tmp_path: Path) -> None:
        with pytest.raises(OfficeError, match="控えを書けません"):
            backup.backup(
                replace(made.place.config, home=tmp_path / "none"), tmp_path / "no" / "backup.tar", print
            )

    def test_files_that_are_replaced_meanwhile_are_taken_as_they_then_are(
        self, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lake = tmp_path / "lake"
        shutil.copytree(made.place.folder / "lake", lake)
        opened, first = Lake.open(lake), iter([True])
        gone = opened.files()[0]
        link = os.link

        def replaced(source: Path, target: Path) -> None:
            if next(first, False):
                opened.forget(gone.file_id)
            link(source, target)

        monkeypatch.setattr(backup.os, "link", replaced)
        alone = replace(made.place.config, home=tmp_path / "none", lake=lake, plans=tmp_path / "none")
        contents = backup.backup(alone, tmp_path / "backup.tar", print)
        assert not [name for name in contents.files if gone.file_id in name]
        expected = {
            f"lake/{path}" for path in (str(p.relative_to(lake)) for p in (lake / "data").rglob("*.parquet"))
        }
        assert {name for name in contents.files if name.endswith(".parquet")} == expected
        assert not list(lake.glob(".*"))

    def test_where_files_cannot_have_two_names_they_are_copied(
        self, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(source: Path, target: Path) -> None:
            raise PermissionError

        monkeypatch.setattr(backup.os, "link", refused)
        alone = replace(made.place.config, home=tmp_path / "none", plans=tmp_path / "none")
        files = backup.backup(alone, tmp_path / "backup.tar", print).files
        assert files == {k: v for k, v in backup.read(made.archive).files.items() if k.startswith("lake/")}


def rewritten(archive: Path, out: Path, **changes: bytes | None) -> Path:
    """The archive again with some members changed, or left out."""
    with tarfile.open(archive) as source, tarfile.open(out, "w") as target:
        for entry in source:
            data = changes.get(entry.name.replace("/", "__"), source.extractfile(entry).read())  # type: ignore[union-attr]
            if data is not None:
                entry.size = len(data)
                target.addfile(entry, io.BytesIO(data))
    return out


class TestDamaged:
    @pytest.fixture
    def there(self, tmp_path: Path) -> Place:
        return Place(tmp_path / "there")

    def refused(self, there: Place, archive: Path) -> str:
        with pytest.raises(OfficeError) as error:
            backup.restore(there.config, archive, print)
        assert untouched(there.folder)
        return error.value.message

    def test_a_byte_that_is_another(self, made: Made, there: Place, tmp_path: Path) -> None:
        data = bytearray(made.archive.read_bytes())
        data[len(data) // 2] ^= 1
        (tmp_path / "bad.tar").write_bytes(data)
        assert "壊れている" in self.refused(there, tmp_path / "bad.tar")

    @pytest.mark.parametrize("kept", [0, 1, 511, 40_000, -20_000])
    def test_an_archive_that_ends_too_early(
        self, made: Made, there: Place, tmp_path: Path, kept: int
    ) -> None:
        (tmp_path / "bad.tar").write_bytes(made.archive.read_bytes()[:kept])
        self.refused(there, tmp_path / "bad.tar")

    def test_a_file_that_is_missing(self, made: Made, there: Place, tmp_path: Path) -> None:
        bad = rewritten(made.archive, tmp_path / "bad.tar", database__000000=None)
        assert "database/000000" in self.refused(there, bad)

    def test_a_name_that_leads_elsewhere(self, made: Made, there: Place, tmp_path: Path) -> None:
        for name in ("lake/../../etc/x", "/etc/x", "etc/x", "home/secret.key"):
            with tarfile.open(tmp_path / "bad.tar", "w") as bad:
                bad.addfile(tarfile.TarInfo(name))
            assert "壊れている" in self.refused(there, tmp_path / "bad.tar")

    def test_another_file_altogether(self, there: Place, tmp_path: Path) -> None:
        (tmp_path / "bad.tar").write_text("架空")
        assert "kenpo の控えではありません" in self.refused(there, tmp_path / "bad.tar")

    def test_no_file(self, there: Place, tmp_path: Path) -> None:
        assert "読めません" in self.refused(there, tmp_path / "none.tar")

    def test_histories_that_were_altered_before_the_backup(self, made: Made, tmp_path: Path) -> None:
        altered, bad = Place(tmp_path / "altered"), tmp_path / "bad.tar"
        assert altered.kenpo("restore", str(made.archive), "--keys", str(made.keys)).returncode == 0
        with altered.server() as url, psycopg.connect(url, autocommit=True) as connection:
            connection.execute("update office_case set state = 'ended'")
        assert altered.kenpo("backup", str(bad)).returncode == 0
        there = Place(tmp_path / "there")
        done = there.kenpo("restore", str(bad), "--keys", str(made.keys))
        assert done.returncode == OfficeError.exit_code
        assert "戻したものに異常があるため、取りやめました" in done.stderr
        assert untouched(there.folder)


class TestRestoring:
    def test_what_is_there_is_not_overwritten(self, made: Made, tmp_path: Path) -> None:
        there = Place(tmp_path / "there")
        (there.folder / "lake").mkdir(parents=True)
        (there.folder / "lake" / "大切.txt").write_text("x")
        with pytest.raises(OfficeError, match="戻す先のフォルダが空ではありません"):
            backup.restore(there.config, made.archive, print, keys=made.keys)
        assert [p.name for p in there.folder.rglob("*") if p.is_file()] == ["大切.txt"]

    def test_forced_it_is_moved_aside(self, made: Made, tmp_path: Path) -> None:
        there = Place(tmp_path / "there")
        for part in ("lake", "office"):
            (there.folder / part).mkdir(parents=True)
            (there.folder / part / "大切.txt").write_text("x")
        done = there.kenpo("restore", str(made.archive), "--keys", str(made.keys), "--force")
        assert done.returncode == 0, done.stderr
        aside = sorted(p.parent.name[:5] for p in there.folder.rglob("大切.txt"))
        assert aside == ["lake.", "offic"]
        assert there.tables() == made.place.tables()

    def test_identities_need_their_keys(self, made: Made, tmp_path: Path) -> None:
        there = Place(tmp_path / "there")
        with pytest.raises(OfficeError, match="控えにある個人情報を開く鍵がありません"):
            backup.restore(there.config, made.archive, print)
        assert untouched(there.folder)

    def test_other_keys_are_not_overwritten(
        self, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there = Place(tmp_path / "there")
        monkeypatch.setenv("KENPO_KEY_FILE", there.environ["KENPO_KEY_FILE"])
        (there.folder / "keys").mkdir(parents=True)
        (there.folder / "keys" / "member.key").write_text("11" * 32)
        with pytest.raises(OfficeError, match="違う鍵のファイルが、すでにあります"):
            backup.restore(there.config, made.archive, print, keys=made.keys)
        assert [p.name for p in there.folder.rglob("*") if p.is_file()] == ["member.key"]

    def test_an_office_at_work_is_left_alone(self, made: Made, tmp_path: Path) -> None:
        with made.place.server(), pytest.raises(OfficeError, match="動いています"):
            backup.restore(made.place.config, made.archive, print, keys=made.keys, force=True)

    def test_a_restore_that_is_killed_is_not_in_the_way_of_the_next(self, made: Made, tmp_path: Path) -> None:
        there = Place(tmp_path / "there")
        words = [
            sys.executable,
            "-m",
            "kenpo.cli.main",
            "restore",
            str(made.archive),
            "--keys",
            str(made.keys),
        ]
        process = subprocess.Popen(words, env=there.environ, stderr=subprocess.PIPE, text=True)
        assert process.stderr
        for line in process.stderr:
            if "データベースを戻しています" in line:
                break
        time.sleep(1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (there.folder / "lake").exists() and not (there.folder / "office").exists()
        done = there.kenpo("restore", str(made.archive), "--keys", str(made.keys))
        assert done.returncode == 0, done.stderr
        assert there.tables() == made.place.tables()
