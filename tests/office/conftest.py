"""The office under test: a PostgreSQL of its own for every test process, and its people.

Tests run as the application's role, so that row-level security holds in them too, each in a transaction that is rolled
back. `fresh_office` is for those that need what is committed, other processes or the owner.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_HOME = Path(tempfile.mkdtemp(prefix="kenpo-office-"))
_HOME.chmod(0o755)
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ.update(
    {
        "KENPO_OFFICE": str(_HOME / "office"),
        "KENPO_LAKE": str(_HOME / "lake"),
        "KENPO_PLANS": str(_HOME / "plans"),
        "KENPO_VAULT_KEYS": str(_HOME / "vault.keys"),
        "KENPO_KEY_FILE": str(_HOME / "member.key"),
        "KENPO_MFA": "0",
        "KENPO_HOSTS": "localhost,127.0.0.1,testserver",
        "KENPO_ENVIRONMENT": "試験",
    }
)
for name in (
    "DATABASE_URL",
    "KENPO_APP_DATABASE_URL",
    "KENPO_DATABASE_OWNER",
    "KENPO_DATABASE_APP",
    "KENPO_DATABASE_ROLE",
):
    os.environ.pop(name, None)

import kenpo.office  # noqa: E402

kenpo.office.setup()

import psycopg  # noqa: E402
import pytest  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from tests.offices import FreshOffice, People, make_people  # noqa: E402

from kenpo.office.models import Account  # noqa: E402


settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""Passwords of the tests need no strength, and hundreds of accounts are made."""


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker) -> None:  # type: ignore[no-untyped-def]
    """All tables, made by the owner in a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "kenpo.office.manage", "migrate", "--skip-checks", "-v0"],
        check=True,
        env=_owner(),
    )


def _owner() -> dict[str, str]:
    return {**os.environ, "KENPO_DATABASE_ROLE": "owner"}


@pytest.fixture
def people(db: None) -> People:
    """The people, in a transaction that is rolled back."""
    return make_people()


@pytest.fixture
def browse(db: None) -> Callable[[Account], Client]:
    """A browser in which someone has signed in."""

    def signed_in(account: Account) -> Client:
        client = Client(headers={"accept-language": "ja"})
        client.force_login(account, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return signed_in


@pytest.fixture
def owner_sql(django_db_setup: None) -> Callable[..., list[tuple]]:  # type: ignore[type-arg]
    """Ask the database as its owner, past all guards and outside the test's transaction."""

    def ask(query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with psycopg.connect(os.environ["KENPO_DATABASE_OWNER"], autocommit=True) as owner:
            found = owner.execute(query, values or None)  # type: ignore[arg-type]
            return found.fetchall() if found.description else []

    return ask


@pytest.fixture
def fresh_office(
    django_db_setup: None, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[FreshOffice]:
    """An office with all tables and nobody in it; what is committed stays until the test ends."""
    connection.close()
    owner, app = os.environ["KENPO_DATABASE_OWNER"], os.environ["KENPO_DATABASE_APP"]
    name = f"fresh_{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**9}"
    admin = owner.replace("/kenpo?", "/postgres?")
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'kenpo' and pid <> pg_backend_pid()"
        )
        server.execute(f"create database {name} template kenpo")  # type: ignore[arg-type]
    environ = {
        **os.environ,
        "KENPO_OFFICE": str(tmp_path / "office"),
        "KENPO_LAKE": str(tmp_path / "lake"),
        "KENPO_PLANS": str(tmp_path / "plans"),
        "KENPO_VAULT_KEYS": str(tmp_path / "vault.keys"),
        "KENPO_KEY_FILE": str(tmp_path / "member.key"),
        "KENPO_DATABASE_OWNER": owner.replace("/kenpo?", f"/{name}?"),
        "KENPO_DATABASE_APP": app.replace("/kenpo?", f"/{name}?"),
    }
    yield FreshOffice(tmp_path / "office", environ)
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(f"drop database {name} with (force)")  # type: ignore[arg-type]
