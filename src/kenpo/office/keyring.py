"""The keys of the vault (個人情報の鍵): sealing identities, and hashes by which they are found without being opened.

Names, addresses and card numbers stand in the office's database only sealed with AES-256-GCM. The keys are in a file
outside the database, the lake and the office's folder, readable by its owner only. Without the file nothing opens; with
the file alone nothing is known. A key seals at most 2^32 times (random 96-bit nonces): rotate long before.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import jaconv
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kenpo.base.text import fold_variants, normalise_symbol, strip_spaces
from kenpo.office.errors import OfficeError

_FORMAT = "kenpo vault keys 1"
_VERSION = b"\x01"
_ID, _NONCE, _TAG, _KEY = 4, 12, 16, 32
_HEADER = len(_VERSION) + _ID + _NONCE
_INDEX = 16
_BACKUP = "鍵の控えから戻してください。鍵を失うと、保管した個人情報は開けません。"


class VaultError(OfficeError):
    """The vault's keys are missing, damaged or readable by others, or something sealed does not open (個人情報の保管の異常).

    The message never holds a key or anything sealed.
    """

    code = "vault_error"


@dataclass(frozen=True, repr=False)
class _Keys:
    """What the file holds. sealing: key id → key, oldest first; stamp: which writing of the file this is."""

    index: bytes
    sealing: Mapping[str, bytes]
    stamp: tuple[int, int, int]

    @property
    def newest(self) -> str:
        return next(reversed(tuple(self.sealing)))


class Keyring:
    """The vault's keys at work. A rotation by another process is noticed at the next use."""

    def __init__(self, path: Path, keys: _Keys) -> None:
        self._path = path
        self._held = keys

    def __repr__(self) -> str:
        return f"Keyring({'、'.join(self._held.sealing)})"

    @classmethod
    def load(cls, path: Path, *, outside: Sequence[Path] = (), create: bool = True) -> Keyring:
        """The keyring in the file; made on first use with mode 0600.

        outside: folders the file must not lie in (the lake, the office's folder). create: False once something is
        sealed, so that a lost file is an error and not replaced by keys that open nothing. Raises VaultError.
        """
        real = path.resolve()
        if any(real.is_relative_to(folder.resolve()) for folder in outside):
            raise VaultError(
                "個人情報の鍵は、データの置き場と案件システムのフォルダの外に置く必要があります。",
                where=str(path),
                todo="環境変数 KENPO_VAULT_KEYS で、置き場の外のファイルを指定してください。",
            )
        if create and not real.exists():
            _make(real)
        return cls(real, _read(real))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the sealing keys, oldest first."""
        return tuple(self._current().sealing)

    @property
    def newest(self) -> str:
        """The id of the key that seals from now on."""
        return self._current().newest

    @property
    def fingerprint(self) -> str:
        """A short text that tells vaults' index keys apart and reveals nothing of them; rotation leaves it as it is."""
        return hmac.digest(self._held.index, b"kenpo vault index key", "sha256")[:6].hex()

    def seal(self, plain: bytes, context: tuple[str, ...]) -> bytes:
        """The sealed form: version, key id, nonce, ciphertext. It opens with the same context only.

        context: whose it is, such as (branch, subject kind, subject, what).
        """
        keys = self._current()
        header = _VERSION + bytes.fromhex(keys.newest) + secrets.token_bytes(_NONCE)
        return header + AESGCM(keys.sealing[keys.newest]).encrypt(
            header[-_NONCE:], plain, _bound(header, context)
        )

    def open(self, sealed: bytes, context: tuple[str, ...]) -> bytes:
        """What was sealed. Raises VaultError when it was changed, copied to another context, or its key is gone."""
        key = self._current().sealing.get(key_id := self.key_of(sealed))
        if key is None:
            raise VaultError(
                f"保管した個人情報の鍵（{key_id}）が、鍵のファイルにありません。",
                where=str(self._path),
                todo=_BACKUP,
            )
        header = sealed[:_HEADER]
        try:
            return AESGCM(key).decrypt(header[-_NONCE:], sealed[_HEADER:], _bound(header, context))
        except InvalidTag:
            raise VaultError(
                "保管した個人情報を開けません。書き換えられたか、別の人・別の支部のものと入れ替わっています。",
                todo="開こうとした対象を記録し、システムの管理者に連絡してください。控えから戻せます。",
            ) from None

    def key_of(self, sealed: bytes) -> str:
        """The id of the key something was sealed with. Raises VaultError when it is nothing that was sealed."""
        if len(sealed) < _HEADER + _TAG or sealed[:1] != _VERSION:
            raise VaultError(
                "保管した個人情報の形が正しくありません。",
                todo="システムの管理者に連絡してください。控えから戻せます。",
            )
        return sealed[1 : 1 + _ID].hex()

    def rotate(self) -> str:
        """Add a key that seals from now on; the others still open. Returns its id."""
        with _changing(self._path):
            keys = _read(self._path)
            added = secrets.token_hex(_ID)
            while added in keys.sealing:
                added = secrets.token_hex(_ID)
            self._write(keys.index, {**keys.sealing, added: secrets.token_bytes(_KEY)})
        return added

    def drop(self, key_id: str) -> None:
        """Take an old key out; what it sealed no longer opens. Raises VaultError for the newest or an unknown key."""
        with _changing(self._path):
            keys = _read(self._path)
            if key_id not in keys.sealing:
                raise VaultError(
                    "その鍵は、鍵のファイルにありません。",
                    where=str(self._path),
                    todo=f"次のどれかを指定してください：{'、'.join(keys.sealing)}",
                )
            if key_id == keys.newest:
                raise VaultError(
                    "いちばん新しい鍵は外せません。",
                    where=str(self._path),
                    todo="先に鍵を替え、保管した個人情報を新しい鍵に移してください。",
                )
            self._write(keys.index, {i: key for i, key in keys.sealing.items() if i != key_id})

    def index(self, field: str, text: str, branch: str) -> str:
        """The keyed hash (HMAC-SHA256, 128 bits in hex) by which a text of a field is found within a branch.

        field: one of SEARCH_FIELDS; the text is normalised here, so that spellings of the same thing agree. Raises
        VaultError when nothing is left to search for.
        """
        plain = normalised(field, text)
        if not plain:
            raise VaultError("検索する語が空です。", todo="空白と記号のほかに1文字以上を入力してください。")
        return hmac.digest(self._held.index, _joined((branch, field, plain)), "sha256")[:_INDEX].hex()

    def _current(self) -> _Keys:
        if _stamp(self._path) != self._held.stamp:
            self._held = _read(self._path)
        return self._held

    def _write(self, index: bytes, sealing: Mapping[str, bytes]) -> None:
        temporary = _temporary(self._path, index, sealing)
        temporary.replace(self._path)
        _keep_folder(self._path.parent)
        self._held = _read(self._path)


def _bound(header: bytes, context: tuple[str, ...]) -> bytes:
    """What is authenticated beside the ciphertext: how it was sealed, and whose it is."""
    if not context or not all(context):
        raise ValueError("a sealed thing needs to be somebody's: every part of its context is a text")
    return header + _joined(context)


def _joined(texts: Sequence[str]) -> bytes:
    """Texts as one, such that other texts never give the same."""
    return json.dumps(texts, ensure_ascii=False).encode()


# ---- the file ----------------------------------------------------------------------------------------------------


def _make(path: Path) -> None:
    """Make the file unless another process has; the one whose file stands first wins."""
    with _readable(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        first = {secrets.token_hex(_ID): secrets.token_bytes(_KEY)}
        temporary = _temporary(path, secrets.token_bytes(_KEY), first)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        _keep_folder(path.parent)


def _temporary(path: Path, index: bytes, sealing: Mapping[str, bytes]) -> Path:
    """The keys in a new file beside the path, safely on disk."""
    content = {
        "format": _FORMAT,
        "index": index.hex(),
        "keys": [{"id": key_id, "key": key.hex()} for key_id, key in sealing.items()],
    }
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        json.dump(content, handle, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    return temporary


def _keep_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Only one process changes the file at a time."""
    with _readable(path), path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise VaultError(
            f"個人情報の鍵のファイルを読み書きできません（{error.strerror}）。", where=str(path), todo=_BACKUP
        ) from None


def _stamp(path: Path) -> tuple[int, int, int]:
    with _readable(path):
        found = path.stat()
    if found.st_mode & 0o077:
        raise VaultError(
            "個人情報の鍵を、ほかの利用者が読める状態になっています。",
            where=str(path),
            todo=f"「chmod 600 {path}」を実行してください。",
        )
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> _Keys:
    # The stamp is taken first: a writing in between is then noticed at the next use.
    stamp = _stamp(path)
    with _readable(path):
        data = path.read_bytes()
    keys = _parsed(data, stamp)
    if keys is None:
        raise VaultError("個人情報の鍵のファイルが壊れています。", where=str(path), todo=_BACKUP)
    return keys


def _parsed(data: bytes, stamp: tuple[int, int, int]) -> _Keys | None:
    """None for a damaged file: an error of a parser would carry the keys along."""
    try:
        content: Any = json.loads(data)
        index = bytes.fromhex(content["index"])
        pairs = [(row["id"], bytes.fromhex(row["key"])) for row in content["keys"]]
        sealing = dict(pairs)
        sound = (
            content["format"] == _FORMAT
            and pairs
            and len(sealing) == len(pairs)
            and all(len(bytes.fromhex(i)) == _ID and i == i.lower() for i in sealing)
            and {len(index), *map(len, sealing.values())} == {_KEY}
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return _Keys(index, sealing, stamp) if sound else None


# ---- what can be searched for ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who a member is, or what a workplace or an institution is called (氏名・住所・記号番号など). None: not known.

    symbol, number, branch_no: 記号・番号・枝番 of the card; person_number: 加入者番号. Never shown by repr.
    """

    name: str | None = None
    kana: str | None = None
    birth_date: date | None = None
    sex: str | None = None
    postcode: str | None = None
    address: str | None = None
    symbol: str | None = None
    number: str | None = None
    branch_no: str | None = None
    person_number: str | None = None
    phone: str | None = None

    def __repr__(self) -> str:
        return "Identity(…)"


_LEGAL_FORMS = re.compile(r"株式会社|有限会社|合同会社|合資会社|合名会社|\((?:株|有|同|資|名)\)")
_SMALL_KANA = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")
_DASH = re.compile("[-‐‑‒–—―−]")
_NOT_DIGIT = re.compile(r"[^0-9]")


def _plain(text: str) -> str:
    return strip_spaces(unicodedata.normalize("NFKC", text))


def _name(text: str) -> str:
    return fold_variants(_plain(text))


def _workplace(text: str) -> str:
    name = _name(text).casefold()
    while (without := _LEGAL_FORMS.sub("", name)) and without != name:
        name = without
    return name


def _kana(text: str) -> str:
    """Katakana for searching: small kana as large ones, since many files have no small ones."""
    return jaconv.hira2kata(_DASH.sub("ー", _plain(text))).translate(_SMALL_KANA)


def _digits(text: str) -> str:
    return _NOT_DIGIT.sub("", _plain(text))


def _number(text: str) -> str:
    return normalise_symbol(_plain(text))


_NORMALISED: Mapping[str, Callable[[str], str]] = {
    "name": _name,
    "workplace_name": _workplace,
    "kana": _kana,
    "kana_family": _kana,
    "birth_kana": _kana,
    "postcode": _digits,
    "card": _number,
    "person_number": _number,
    "phone": _digits,
}
SEARCH_FIELDS = tuple(_NORMALISED)
"""What can be searched for: 氏名, 事業所名称, カナ氏名, カナ姓, 生年月日とカナ, 郵便番号, 記号・番号, 加入者番号, 電話番号."""


def normalised(field: str, text: str) -> str:
    """A text of a search field in the one form in which spellings of the same thing agree; may be empty.

    Widths, spaces, hyphens, kana (ひらがな, カタカナ, small ones) and variant characters (異体字) are folded; of a workplace
    the legal form (株式会社 …) is left out.
    """
    fold = _NORMALISED[field]
    while (folded := fold(text)) != text:
        text = folded
    return text


def family_kana(kana: str) -> str | None:
    """The family part of a name in kana when a space separates it; families without a space cannot be told."""
    parts = unicodedata.normalize("NFKC", kana).split()
    return parts[0] if len(parts) > 1 else None


def card_text(symbol: str, number: str) -> str:
    """What the field card is searched by: 記号・番号."""
    return f"{symbol}|{number}"


def birth_text(birth_date: date, kana: str) -> str:
    """What the field birth_kana is searched by: birth date and the family or the whole name in kana."""
    return f"{birth_date:%Y%m%d}|{kana}"


def search_texts(identity: Identity, subject_kind: str = "member") -> tuple[tuple[str, str], ...]:
    """(field, normalised text) of everything an identity is found by, each once; what cannot be read is left out.

    subject_kind: member, or workplace or institution, whose name is found without its legal form.
    """
    one = identity
    found: list[tuple[str, str | None]] = [
        ("name" if subject_kind == "member" else "workplace_name", one.name),
        ("kana", one.kana),
        ("postcode", one.postcode),
        ("person_number", one.person_number),
        ("phone", one.phone),
    ]
    if one.symbol and one.number:
        found.append(("card", card_text(one.symbol, one.number)))
    if one.kana:
        family = family_kana(one.kana)
        found.append(("kana_family", family))
        if one.birth_date:
            found += [("birth_kana", birth_text(one.birth_date, kana)) for kana in (family, one.kana) if kana]
    texts = ((field, normalised(field, text)) for field, text in found if text and "\ufffd" not in text)
    return tuple(dict.fromkeys(pair for pair in texts if pair[1]))
