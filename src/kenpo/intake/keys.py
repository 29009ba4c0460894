"""The key of the keyed hashes (加入者キーの鍵): a file outside the lake, readable by its owner only."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

import polars as pl

from kenpo.base.errors import LakeError
from kenpo.base.secretfile import make_once

_BYTES = 32


def default_key_path() -> Path:
    """KENPO_KEY_FILE, or member.key in the user's configuration folder."""
    if given := os.environ.get("KENPO_KEY_FILE"):
        return Path(given)
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "kenpo" / "member.key"


def load_key(path: Path, lake_root: Path) -> bytes:
    """The 32-byte key at the path; made on first use with mode 0600.

    Raises LakeError when the path lies inside the lake, others may read it, or it is not a key.
    """
    if path.resolve().is_relative_to(lake_root.resolve()):
        raise LakeError(
            "加入者キーの鍵は、データの置き場の外に置く必要があります。",
            where=str(path),
            todo="KENPO_KEY_FILE か --key で、置き場の外のファイルを指定してください。",
        )
    try:
        make_once(path, secrets.token_hex(_BYTES) + "\n")
        if path.stat().st_mode & 0o077:
            raise LakeError(
                "加入者キーの鍵を、ほかの利用者が読める状態になっています。",
                where=str(path),
                todo=f"「chmod 600 {path}」を実行してください。",
            )
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise LakeError(
            f"加入者キーの鍵を読めません（{error}）。",
            where=str(path),
            todo="鍵の控えから戻してください。鍵を失うと、既存の加入者キーと同じ値は作れません。",
        ) from error
    if len(key) != _BYTES:
        raise LakeError(
            "加入者キーの鍵の長さが正しくありません。", where=str(path), todo="鍵の控えから戻してください。"
        )
    return key


def fingerprint(key: bytes) -> str:
    """A short text that tells keys apart and reveals nothing of them."""
    return hashlib.blake2b(b"kenpo member key", key=key, digest_size=6).hexdigest()


def keyed_hash(key: bytes, texts: pl.Series) -> pl.Series:
    """Keyed BLAKE2b (128 bits, hex) of each text; equal texts are hashed once. NULL stays NULL."""
    blake = hashlib.blake2b
    distinct = texts.unique().drop_nulls()
    digests = [blake(t, key=key, digest_size=16).digest() for t in distinct.cast(pl.Binary).to_list()]
    known = pl.DataFrame({"text": distinct, "hash": pl.Series(digests, dtype=pl.Binary).bin.encode("hex")})
    return pl.DataFrame({"text": texts}).join(known, on="text", how="left", maintain_order="left")["hash"]
