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
from django.test import Client
from tests.officehome import ENVIRON
from tests.offices import FreshOffice, People, fresh, make_people

from kenpo.office.models import Account

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
"""Once a test has opened a browser, Playwright's loop stays in the thread in which all tests run, one after another."""

settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""Passwords of the tests need no strength, and hundreds of accounts are made."""


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker) -> None:  # type: ignore[no-untyped-def]
    """All tables, made by the owner in a process of its own, on a server that need not outlive this machine."""
    subprocess.run(
        [sys.executable, "-m", "kenpo.office.manage", "migrate", "--skip-checks", "-v0"],
        check=True,
        env=_owner(),
    )
    with psycopg.connect(ENVIRON["KENPO_DATABASE_OWNER"], autocommit=True) as server:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            server.execute(f"alter system set {setting} = off")  # type: ignore[arg-type]
        server.execute("select pg_reload_conf()")


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
    with fresh(tmp_path, request.node.nodeid) as office:
        yield office


@pytest.fixture(scope="module")
def module_office(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[FreshOffice]:
    """An office as `fresh_office`, for all tests of a module."""
    with fresh(tmp_path_factory.mktemp("office"), request.node.nodeid) as office:
        yield office
