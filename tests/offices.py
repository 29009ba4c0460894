"""People and offices of the tests; import only where tests/office/conftest.py has readied Django."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.db import connection
from tests.officehome import ENVIRON

from kenpo.frame.casekind import Role
from kenpo.office.models import Account

PASSWORD = "mihon-no-aikotoba-1"


@dataclass(frozen=True)
class People:
    """The people of the tests: 本部の本田, 山口支部の山本 (業務) and her colleagues, 東京支部の東."""

    honda: Account
    yamamoto: Account
    yamada: Account
    yamane: Account
    yamashita: Account
    yamaguchi: Account
    yamazaki: Account
    azuma: Account
    kanda: Account

    @property
    def planner(self) -> Account:
        """山本: 企画総務グループ 担当者 of 山口支部."""
        return self.yamamoto


def make_people() -> People:
    """Accounts of every role that tests need."""

    def one(staff_id: str, name: str, branch: str, *roles: Role) -> Account:
        return Account.objects.make(staff_id, name, branch, list(roles), PASSWORD)

    return People(
        honda=one("00-honda", "本部の本田", "00", Role.HEAD_OFFICE),
        yamamoto=one("35-yamamoto", "山口支部の山本", "35", Role.PLANNING_CLERK),
        yamada=one("35-yamada", "山口支部の山田", "35", Role.PLANNING_CHECKER),
        yamane=one("35-yamane", "山口支部の山根", "35", Role.PLANNING_APPROVER),
        yamashita=one("35-yamashita", "山口支部の山下", "35", Role.RECEIPTS_CLERK),
        yamaguchi=one("35-yamaguchi", "山口支部の山口支部長", "35", Role.BRANCH_HEAD),
        yamazaki=one("35-yamazaki", "山口支部の山崎", "35", Role.ADMINISTRATOR),
        azuma=one("13-azuma", "東京支部の東", "13", Role.PLANNING_CLERK),
        kanda=one("13-kanda", "東京支部の神田", "13", Role.BRANCH_HEAD),
    )


@dataclass(frozen=True)
class FreshOffice:
    """An office of its own in a database of its own: home, and the environment its processes need."""

    home: Path
    environ: dict[str, str]

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `kenpo` with some words; output as text, nothing checked."""
        return subprocess.run(
            [sys.executable, "-m", "kenpo.cli.main", *words],
            env={**self.environ, **more},
            capture_output=True,
            text=True,
        )

    def python(self, code: str, **more: str) -> str:
        """Run Python in the office; raises when it fails."""
        done = subprocess.run(
            [sys.executable, "-c", f"import kenpo.office; kenpo.office.setup()\n{code}"],
            env={**self.environ, **more},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sql(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        """Ask its database as the owner."""
        with psycopg.connect(self.environ["KENPO_DATABASE_OWNER"], autocommit=True) as owner:
            found = owner.execute(query, values or None)  # type: ignore[arg-type]
            return found.fetchall() if found.description else []


@contextmanager
def fresh(folder: Path, name: str) -> Iterator[FreshOffice]:
    """An office in a folder, with a database of its own that has all tables and nobody in it. name: of what it is for."""
    connection.close()
    owner, app = ENVIRON["KENPO_DATABASE_OWNER"], ENVIRON["KENPO_DATABASE_APP"]
    database = f"fresh_{os.getpid()}_{abs(hash(name)) % 10**9}"
    admin = owner.replace("/kenpo?", "/postgres?")
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'kenpo' and pid <> pg_backend_pid()"
        )
        server.execute(f"create database {database} template kenpo")  # type: ignore[arg-type]
    environ = {
        **ENVIRON,
        "KENPO_OFFICE": str(folder / "office"),
        "KENPO_LAKE": str(folder / "lake"),
        "KENPO_PLANS": str(folder / "plans"),
        "KENPO_VAULT_KEYS": str(folder / "vault.keys"),
        "KENPO_KEY_FILE": str(folder / "member.key"),
        "KENPO_DATABASE_OWNER": owner.replace("/kenpo?", f"/{database}?"),
        "KENPO_DATABASE_APP": app.replace("/kenpo?", f"/{database}?"),
    }
    yield FreshOffice(folder / "office", environ)
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(f"drop database {database} with (force)")  # type: ignore[arg-type]
