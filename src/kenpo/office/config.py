"""Settings of the office from the environment (環境変数). A wrong value fails at the start, with its name and what to do."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kenpo.base.secretfile import make_once
from kenpo.office.errors import OfficeError

_YES = {"1": True, "0": False, "": False}


@dataclass(frozen=True)
class Config:
    """What the office is told by its environment.

    home: folder of the embedded database and the secret. database_url: a PostgreSQL server, None for the embedded one;
    app_database_url: the same server as a login that is kenpo_app, None to take on that role after connecting as the
    owner. lake, plans: folders. vault_keys: file of the vault's keys. hosts: names the pages are served under. https:
    whether browsers come by HTTPS. mfa: whether everybody needs a second factor. environment: a banner shown on every
    page, such as 架空の支部. proxy: whether a reverse proxy in front says who the client is.
    """

    home: Path
    lake: Path
    plans: Path
    vault_keys: Path
    database_url: str | None = None
    app_database_url: str | None = None
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    https: bool = False
    mfa: bool = True
    environment: str = ""
    proxy: bool = False

    @property
    def anchors(self) -> Path:
        """The file of anchors (履歴の要約): outside the database, inside the office's folder."""
        return self.home / "anchors.jsonl"


def read(environ: Mapping[str, str] = os.environ) -> Config:
    """The settings of an environment. Raises OfficeError for a value that cannot be."""
    configuration = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kenpo"
    return Config(
        home=Path(environ.get("KENPO_OFFICE") or "office").absolute(),
        lake=Path(environ.get("KENPO_LAKE") or "lake").absolute(),
        plans=Path(environ.get("KENPO_PLANS") or "plans").absolute(),
        vault_keys=Path(environ.get("KENPO_VAULT_KEYS") or configuration / "vault.keys").absolute(),
        database_url=_url(environ, "DATABASE_URL"),
        app_database_url=_url(environ, "KENPO_APP_DATABASE_URL"),
        hosts=tuple(h.strip() for h in environ.get("KENPO_HOSTS", "").split(",") if h.strip())
        or Config.hosts,
        https=_flag(environ, "KENPO_HTTPS", "0"),
        mfa=_flag(environ, "KENPO_MFA", "1"),
        environment=environ.get("KENPO_ENVIRONMENT", ""),
        proxy=_flag(environ, "KENPO_PROXY", "0"),
    )


def _flag(environ: Mapping[str, str], name: str, default: str) -> bool:
    given = environ.get(name, default).strip()
    if given not in _YES:
        raise OfficeError(
            f"環境変数 {name} の値「{given}」が正しくありません。",
            todo="1（はい）か 0（いいえ）にしてください。",
        )
    return _YES[given]


def _url(environ: Mapping[str, str], name: str) -> str | None:
    given = environ.get(name, "").strip()
    if given and not given.startswith(("postgresql://", "postgres://")):
        raise OfficeError(
            f"環境変数 {name} は PostgreSQL の接続先（postgresql://…）にしてください。",
            todo="指定をやめると、kenpo に内蔵の PostgreSQL を使います。",
        )
    return given or None


def secret(config: Config) -> str:
    """The secret that signs sessions: KENPO_SECRET_KEY, or a file of the home folder, made on first use (mode 0600)."""
    if given := os.environ.get("KENPO_SECRET_KEY"):
        if len(given) < 50:
            raise OfficeError(
                "環境変数 KENPO_SECRET_KEY が短すぎます。",
                todo="推測できない50文字以上の文字列にしてください。",
            )
        return given
    path = config.home / "secret.key"
    make_once(path, secrets.token_urlsafe(64))
    return path.read_text(encoding="utf-8")
