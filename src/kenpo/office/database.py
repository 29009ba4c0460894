"""The database of the office: PostgreSQL, embedded from a wheel when no server is given, and its two roles.

The owner makes and changes tables. Pages and jobs work as `kenpo_app`, which owns nothing, so that row-level security
holds for whatever they ask.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from kenpo.office import embedded
from kenpo.office.config import Config
from kenpo.office.errors import OfficeError

APP_ROLE = "kenpo_app"
NAME = "kenpo"

_OWNER, _APP = "KENPO_DATABASE_OWNER", "KENPO_DATABASE_APP"
PASSED_ON = (_OWNER, _APP, "KENPO_DATABASE_ROLE")
"""Variables by which a process tells those it starts where the database is; nobody sets them by hand."""


@dataclass(frozen=True)
class Urls:
    """Where the database is: as the owner of its tables, and as the application."""

    owner: str
    app: str


def urls(config: Config) -> Urls:
    """The database of the settings; the embedded server is started, and stopped when its last process ends.

    A process started by another takes over what that one found; the owner's address is empty where only the application's
    was given. Raises OfficeError when the database cannot be reached.
    """
    if app := os.environ.get(_APP):
        return Urls(os.environ.get(_OWNER, ""), app)
    if config.database_url:
        found = _given(config)
    elif config.app_database_url:
        found = Urls("", config.app_database_url)
    else:
        found = _embedded(config)
    os.environ[_OWNER], os.environ[_APP] = found.owner, found.app
    return found


def exists(config: Config) -> bool:
    """Whether there is an office to work with: a server that was given, or an embedded one that was made before."""
    given = config.database_url or config.app_database_url or os.environ.get(_OWNER)
    return bool(given) or (config.home / "postgres").exists()


def _given(config: Config) -> Urls:
    owner = str(config.database_url)
    make_role(owner)
    if config.app_database_url:
        return Urls(owner, config.app_database_url)
    with psycopg.connect(owner, autocommit=True) as connection:
        _allow(connection)
    return Urls(owner, _with(owner, options=f"-c role={APP_ROLE}"))


def _allow(connection: psycopg.Connection[Any]) -> None:
    """Let the owner take on the application's role (never the other way round), without having its rights otherwise."""
    words = " with inherit false, set true" if connection.info.server_version >= 160000 else ""
    connection.execute(sql.SQL("grant {} to current_user" + words).format(sql.Identifier(APP_ROLE)))


def _embedded(config: Config) -> Urls:
    owner = make_database(embedded.start(config.home / "postgres"))
    return Urls(owner, _user(owner, APP_ROLE))


def make_database(server: str) -> str:
    """The office's database on an embedded server, made with its roles when there is none; its address as the owner."""
    with psycopg.connect(server, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", (NAME,)).fetchone() is None:
            with suppress(psycopg.errors.DuplicateDatabase):
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(NAME)))
    owner = _path(server, NAME)
    make_role(owner)
    return owner


def make_role(owner: str) -> None:
    """The application's role, made when there is none. Raises OfficeError when the server does not answer."""
    try:
        with psycopg.connect(owner, autocommit=True, connect_timeout=10) as connection:
            found = connection.execute(
                "select rolsuper or rolbypassrls from pg_roles where rolname = %s", (APP_ROLE,)
            ).fetchone()
            if found is None:
                connection.execute(sql.SQL("create role {} login").format(sql.Identifier(APP_ROLE)))
            elif found[0]:
                raise OfficeError(
                    f"データベースの役割 {APP_ROLE} が、支部ごとの閲覧制限を越えられるようになっています。",
                    todo=f"「alter role {APP_ROLE} nosuperuser nobypassrls」を実行してください。",
                )
    except psycopg.Error as error:
        raise OfficeError(
            f"データベースに接続できません（{_plain(error)}）。",
            where=hidden(owner),
            todo="DATABASE_URL と、PostgreSQL が動いていること、役割を作る権限（CREATEROLE）があることを確かめてください。",
        ) from error


def _plain(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error)).strip().split(" connection to server")[0][:200]


def hidden(url: str) -> str:
    """A database's address without its password."""
    return re.sub(r"(://[^:@/]*):[^@/]*@", r"\1:***@", url)


def without_password(url: str) -> tuple[str, str]:
    """A database's address and its password apart, which other users of the machine must not see in a list of processes."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}")), unquote(
        parts.password or ""
    )


def _with(url: str, **more: str) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | more
    return urlunsplit(parts._replace(query="&".join(f"{k}={quote(v)}" for k, v in query.items())))


def _path(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _user(url: str, user: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}@{host}"))


def django_database(url: str) -> Mapping[str, Any]:
    """Django's setting for a database's address."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", None) or parts.hostname or "",
        "PORT": str(parts.port or query.pop("port", "") or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**query, "application_name": "kenpo"},
        "ATOMIC_REQUESTS": False,
    }
