"""The office under test: a PostgreSQL of its own for every test process, and its people.

Tests run as the application's role, so that row-level security holds in them too, each in a transaction that is rolled
back. `fresh_office` is for those that need what is committed, other processes or the owner.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from tests.officehome import ENVIRON
from tests.offices import FreshOffice, People, make_people

from kenpo.office.models import Account

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
"""Once a test has opened a browser, Playwright's loop stays in the thread in which all tests run, one after another."""

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
    return {**ENVIRON, "KENPO_DATABASE_ROLE": "owner"}


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
        with psycopg.connect(ENVIRON["KENPO_DATABASE_OWNER"], autocommit=True) as owner:
            found = owner.execute(query, values or None)  # type: ignore[arg-type]
            return found.fetchall() if found.description else []

    return ask


@pytest.fixture
def fresh_office(
    django_db_setup: None, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[FreshOffice]:
    """An office with all tables and nobody in it; what is committed stays until the test ends."""
    connection.close()
    owner, app = ENVIRON["KENPO_DATABASE_OWNER"], ENVIRON["KENPO_DATABASE_APP"]
    name = f"fresh_{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**9}"
    admin = owner.replace("/kenpo?", "/postgres?")
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'kenpo' and pid <> pg_backend_pid()"
        )
        server.execute(f"create database {name} template kenpo")  # type: ignore[arg-type]
    environ = {
        **ENVIRON,
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
