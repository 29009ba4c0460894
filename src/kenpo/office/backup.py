"""`kenpo backup` and `kenpo restore`: lake, plans and database together in one archive, the keys apart from it.

The archive is a tar that is written and read as a stream: the lake as its manifest says at one moment, the plans, the
database as PostgreSQL's own dump, and at the end a list of all of it with sha256. A restore reads the whole archive and
compares before it writes anything, makes everything in new folders beside the old, checks the histories there, and only
then puts the new in place of the old.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

import psycopg

from kenpo import __version__
from kenpo.frame.cases import JAPAN
from kenpo.intake.keys import default_key_path
from kenpo.office import database, embedded, serving
from kenpo.office.config import Config
from kenpo.office.config import read as read_config
from kenpo.office.errors import OfficeError
from kenpo.office.keyring import Keyring

FORMAT = "kenpo backup 1"
_LIST = "manifest.json"
_BLOCK = 16 * 2**20
_MANIFEST = "manifest.sqlite"
_SECRET = "secret.key"
_ANCHORS = "home/anchors.jsonl"
_DUMP = ("--format=custom", "--no-owner", "--no-privileges", "--exclude-table-data=django_session")
"""Sessions are left out: who has one is signed in."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Contents:
    """What an archive says of itself. files: name → bytes and sha256; keys: ids of the vault's keys that are needed."""

    made_at: str
    version: str
    files: Mapping[str, tuple[int, str]]
    keys: frozenset[str]

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(size for size, _ in self.files.values())

    def has(self, part: str) -> bool:
        """Whether the archive has a part: lake, plans or database."""
        return any(name.startswith(f"{part}/") for name in self.files)


# ---- writing -----------------------------------------------------------------------------------------------------


def backup(config: Config, out: Path, say: Say) -> Contents:
    """Write an archive of lake, plans and database, while others read and write them.

    Raises OfficeError when the file exists or cannot be written, or the database cannot be dumped.
    """
    if out.exists():
        raise _exists(out)
    temporary = out.with_name(f"{out.name}.part")
    with _removed_unless_done(temporary), _new(temporary) as file:
        pack = _Packing(file)
        keys: frozenset[str] = frozenset()
        if config.lake.is_dir():
            say(f"データの置き場：{config.lake}")
            _pack_lake(pack, config.lake)
        if config.plans.is_dir():
            say(f"計画の置き場：{config.plans}")
            for path in sorted(p for p in config.plans.rglob("*") if p.is_file()):
                pack.file(f"plans/{path.relative_to(config.plans).as_posix()}", path)
        if database.exists(config):
            urls = database.urls(config)
            say(f"データベース：{database.hidden(urls.owner)}")
            with _still(config.anchors):
                _pack_database(pack, urls.owner)
                pack.file(_ANCHORS, config.anchors)
            keys = _keys_in(urls.owner)
        done = pack.end(keys)
        file.flush()
        os.fsync(file.fileno())
    _settle(temporary, out)
    return done


def backup_keys(config: Config, out: Path) -> list[str]:
    """Write the key files, and nothing else, to a file of their own; which there were. Raises OfficeError as `backup`."""
    if out.exists():
        raise _exists(out)
    temporary = out.with_name(f"{out.name}.part")
    with _removed_unless_done(temporary), _new(temporary) as file:
        pack = _Packing(file)
        there = [(name, path) for name, path in _key_files(config).items() if path.exists()]
        for name, path in there:
            pack.file(f"keys/{name}", path)
        pack.end(frozenset())
        file.flush()
        os.fsync(file.fileno())
    _settle(temporary, out)
    return [name for name, _ in there]


def _key_files(config: Config) -> dict[str, Path]:
    return {
        "vault.keys": config.vault_keys,
        "member.key": default_key_path(),
        _SECRET: config.home / _SECRET,
    }


def _exists(path: Path) -> OfficeError:
    return OfficeError(
        "控えのファイルが、すでにあります。",
        where=str(path),
        todo="別の名前を指定するか、先に動かしてください。",
    )


def _new(path: Path) -> IO[bytes]:
    """A new file that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


@contextmanager
def _removed_unless_done(path: Path) -> Iterator[None]:
    path.unlink(missing_ok=True)
    try:
        yield
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OfficeError(
            f"控えを書けません（{error.strerror}）。",
            where=str(path),
            todo="空き容量とフォルダの権限を確かめてください。",
        ) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _settle(temporary: Path, path: Path) -> None:
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class _Packing:
    """An archive being written; what goes in is hashed on its way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115  closed by end
        self._files: dict[str, tuple[int, str]] = {}

    def file(self, name: str, path: Path) -> None:
        """Put in a file as it is when it is opened; one that is gone since is left out."""
        with suppress(FileNotFoundError), path.open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            hashed = _Hashed(source)
            self._add(name, size, hashed)
            self._files[name] = (size, hashed.digest())

    def bytes(self, name: str, data: bytes) -> None:
        """Put in some bytes."""
        self._add(name, len(data), io.BytesIO(data))
        self._files[name] = (len(data), hashlib.sha256(data).hexdigest())

    def end(self, keys: frozenset[str]) -> Contents:
        """Put in the list of everything, and close."""
        made = datetime.now(JAPAN).isoformat(timespec="seconds")
        said = {
            "format": FORMAT,
            "made_at": made,
            "version": __version__,
            "keys": sorted(keys),
            "files": self._files,
        }
        data = json.dumps(said, ensure_ascii=False).encode()
        self._add(_LIST, len(data), io.BytesIO(data))
        self._tar.close()
        return Contents(made, __version__, self._files, keys)

    def _add(self, name: str, size: int, source: Any) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        self._tar.addfile(entry, source)


class _Hashed:
    """A file that is hashed as it is read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self._hash = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._hash.update(data)
        return data

    def digest(self) -> str:
        return self._hash.hexdigest()


def _pack_lake(pack: _Packing, lake: Path) -> None:
    with _held(lake) as (manifest, parts, held):
        pack.file(f"lake/{_MANIFEST}", manifest)
        for part in parts:
            pack.file(f"lake/{part}", held / part)


@contextmanager
def _held(lake: Path) -> Iterator[tuple[Path, Sequence[str], Path]]:
    """The lake at one moment: its manifest, the names of the files it counts, and a folder where they stay meanwhile.

    The files never change, but a writer removes those that no longer count: each gets a second name first.
    """
    for left in lake.glob(".backup-*"):
        shutil.rmtree(left, ignore_errors=True)
    held = lake / f".backup-{os.getpid()}"
    held.mkdir(mode=0o700)
    try:
        for _ in range(_ATTEMPTS):
            manifest = held / _MANIFEST
            with (
                closing(sqlite3.connect(lake / _MANIFEST)) as source,
                closing(sqlite3.connect(manifest)) as copy,
            ):
                source.backup(copy)
                parts = [path for (path,) in copy.execute("select path from part order by path")]
            if all(_keep(lake / part, held / part) for part in parts):
                yield manifest, parts, held
                return
        raise OfficeError(
            "データの置き場が次々に書き換えられていて、控えを取れません。",
            where=str(lake),
            todo="取込や計算（kenpo load、kenpo refresh）が終わってから、もう一度実行してください。",
        )
    finally:
        shutil.rmtree(held, ignore_errors=True)


_ATTEMPTS = 10


def _keep(path: Path, held: Path) -> bool:
    """Give a file a second name, or copy it where that cannot be; whether it was still there."""
    if held.exists():
        return True
    held.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, held)
    except FileNotFoundError:
        return False
    except OSError:
        try:
            shutil.copyfile(path, held)
        except FileNotFoundError:
            return False
    return True


@contextmanager
def _still(path: Path) -> Iterator[None]:
    """Nothing is anchored meanwhile, so that the file and the database speak of the same lines."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


# ---- the database ------------------------------------------------------------------------------------------------


def _pack_database(pack: _Packing, owner: str) -> None:
    with _client("pg_dump", owner, *_DUMP) as dump:
        assert dump.stdout is not None
        number = 0
        while data := dump.stdout.read(_BLOCK):
            pack.bytes(f"database/{number:06d}", data)
            number += 1


@contextmanager
def _client(program: str, url: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of PostgreSQL's programs on a database; its password is not seen by others on the machine."""
    address, password = database.without_password(url)
    with psycopg.connect(url, connect_timeout=10) as connection:
        path = _program(program, connection.info.server_version // 10000)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [path, *words, f"--dbname={address}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "pg_dump" else subprocess.DEVNULL,
            stderr=said,
            env={**os.environ, **({"PGPASSWORD": password} if password else {})},
        )
        try:
            yield process
            if process.wait():
                said.seek(0)
                raise OfficeError(
                    f"データベースの{'控えを取れ' if program == 'pg_dump' else '内容を戻せ'}ません（{_first_error(said.read().decode(errors='replace'))}）。",
                    where=database.hidden(url),
                    todo="空き容量と、データベースの持ち主として接続していることを確かめてください。",
                )
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _first_error(said: str) -> str:
    """The first line of what a program said: rows of tables, which may follow, are not repeated."""
    return next((line.strip() for line in said.splitlines() if line.strip()), "")[:200]


def _program(name: str, server: int) -> str:
    """A program of the server's version, the machine's or the embedded one's, or the next newer that is there."""
    found = []
    for path in filter(None, (shutil.which(name), str(embedded.programs() / name))):
        if Path(path).exists():
            said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
            version = int(said.split()[2].split(".")[0])
            if version >= server:
                found.append((version, path))
    if not found:
        raise OfficeError(
            f"PostgreSQL {server} の {name} がありません。",
            todo=f"PostgreSQL {server} 以上のクライアント（Debian では postgresql-client）を入れてください。",
        )
    return min(found)[1]


def _keys_in(owner: str) -> frozenset[str]:
    """The ids of the vault's keys without which what the database holds does not open."""
    with psycopg.connect(owner) as connection:
        there = connection.execute("select to_regclass('office_vault_identity') is not null").fetchone()
        if not there or not there[0]:
            return frozenset()
        rows = connection.execute(
            "select distinct key_id from office_vault_identity union select distinct key_id from office_sealed_blob"
        )
        return frozenset(key for (key,) in rows)


# ---- reading -----------------------------------------------------------------------------------------------------


def read(archive: Path) -> Contents:
    """Read a whole archive and compare it with its list. Raises OfficeError when anything differs."""
    found: dict[str, tuple[int, str]] = {}
    said: Any = None
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
            for entry in tar:
                source = tar.extractfile(entry) if entry.isreg() else None
                if source is None or said is not None or not _sound(entry.name):
                    raise _damaged(archive, entry.name)
                if entry.name == _LIST:
                    said = json.loads(source.read())
                else:
                    found[entry.name] = (entry.size, _digest(source))
        if said is None:
            raise _damaged(archive)
        contents = Contents(
            said["made_at"],
            said["version"],
            {name: (n, d) for name, (n, d) in said["files"].items()},
            frozenset(said["keys"]),
        )
        sound = said["format"] == FORMAT
    except OSError as error:
        raise OfficeError(
            f"控えのファイルを読めません（{error.strerror or '途中で切れています'}）。",
            where=str(archive),
            todo="ファイルの名前と権限、媒体に異常がないことを確かめてください。",
        ) from error
    except (tarfile.TarError, ValueError, KeyError, TypeError, EOFError) as error:
        raise _damaged(archive) from error
    differing = sorted(
        name for name in found.keys() | contents.files.keys() if found.get(name) != contents.files.get(name)
    )
    if not sound or differing:
        raise _damaged(archive, *differing[:3])
    return contents


def _digest(source: IO[bytes]) -> str:
    hashed = hashlib.sha256()
    while data := source.read(_BLOCK):
        hashed.update(data)
    return hashed.hexdigest()


def _sound(name: str) -> bool:
    """Whether a name is one that a backup writes, and leads nowhere else."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        return name == _LIST
    return path.parts[0] in ("lake", "plans", "database", "keys") or name == _ANCHORS


def _damaged(archive: Path, *names: str) -> OfficeError:
    which = f"（{'、'.join(names)}）" if names else ""
    return OfficeError(
        f"控えのファイルが壊れているか、kenpo の控えではありません{which}。",
        where=str(archive),
        todo="何も書き換えていません。別の控えを使ってください。",
    )


# ---- restoring ---------------------------------------------------------------------------------------------------


def restore(
    config: Config, archive: Path, say: Say, *, keys: Path | None = None, force: bool = False
) -> Contents:
    """Put back what an archive holds, altogether or not at all. keys: the archive of the key files, to put back too.

    force: whether what is there is moved aside (to a name with the time); otherwise there must be nothing. A PostgreSQL
    server that was given must have an empty database in any case. Raises OfficeError, and has changed nothing then.
    """
    say("控えのファイルを検査しています。")
    contents = read(archive)
    key_contents = read(keys) if keys else None
    serving.check_places(config)
    targets = {
        part: path
        for part, path in (("lake", config.lake), ("plans", config.plans), ("home", config.home))
        if contents.has(part) or (part == "home" and contents.has("database"))
    }
    _check_targets(config, targets, force)
    with ExitStack() as stack:
        made = {part: stack.enter_context(_beside(path)) for part, path in targets.items()}
        new = replace(
            config,
            home=made.get("home", config.home),
            lake=made.get("lake", config.lake),
            plans=made.get("plans", config.plans),
        )
        key_files = _unpack_keys(config, keys, stack, force) if keys and key_contents else {}
        _check_keys(config, contents, key_files)
        say("ファイルを戻しています。")
        _unpack(archive, {part: path for part, path in made.items() if part != "home"}, made.get("home"))
        if contents.has("database"):
            say("データベースを戻しています。")
            _restore_database(new, archive, key_files.get("vault.keys", config.vault_keys), say)
        _swap(made, targets)
        for name, path in key_files.items():
            _put(path, _key_files(config)[name])
    return contents


def _check_targets(config: Config, targets: Mapping[str, Path], force: bool) -> None:
    for part, path in targets.items():
        if path.exists() and any(path.iterdir()) and not force:
            raise OfficeError(
                "戻す先のフォルダが空ではありません。",
                where=str(path),
                todo="--lake、--plans、--office で新しいフォルダを指定するか、--force で、いまあるものを別の名前に移してから戻してください。",
            )
        if part == "home" and (embedded.in_use(path / "postgres") or serving.is_served(path)):
            raise OfficeError(
                "このフォルダの案件システムが動いています。",
                where=str(path),
                todo="終わらせてから、もう一度実行してください。",
            )
    if config.database_url:
        with psycopg.connect(config.database_url, connect_timeout=10) as connection:
            found = connection.execute(
                "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
            ).fetchone()
        if found and found[0]:
            raise OfficeError(
                "戻す先のデータベースが空ではありません。",
                where=database.hidden(config.database_url),
                todo="新しい空のデータベースを作り、DATABASE_URL でそれを指定してください。",
            )


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A new folder beside one that is to come; removed again unless it has been moved there."""
    made = path.with_name(f"{path.name}.restoring")
    if made.exists():
        with _taken(made):
            embedded.discard(made / "postgres")
            shutil.rmtree(made)
    made.mkdir(parents=True, mode=0o700)
    with _taken(made):
        try:
            yield made
        finally:
            if made.exists():
                shutil.rmtree(made)


@contextmanager
def _taken(folder: Path) -> Iterator[None]:
    """Hold a folder, as long as this process lives, against another restore."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise OfficeError(
            "控えを戻す別の処理が動いています。",
            where=str(folder),
            todo="終わるのを待ってから、もう一度実行してください。",
        ) from error
    finally:
        os.close(held)


def _unpack(archive: Path, folders: Mapping[str, Path], home: Path | None) -> None:
    with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
        for entry in tar:
            part, _, name = entry.name.partition("/")
            folder = home if part == "home" else folders.get(part)
            if folder is not None and (source := tar.extractfile(entry)) is not None:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with _new(path) as target:
                    shutil.copyfileobj(source, target, _BLOCK)
                    target.flush()
                    os.fsync(target.fileno())


def _check_keys(config: Config, contents: Contents, key_files: Mapping[str, Path]) -> None:
    if not contents.keys:
        return
    path = key_files.get("vault.keys", config.vault_keys)
    held = set(Keyring.load(path, create=False).ids) if path.exists() else set()
    if missing := contents.keys - held:
        raise OfficeError(
            f"控えにある個人情報を開く鍵がありません（{'、'.join(sorted(missing))}）。",
            where=str(config.vault_keys),
            todo="--keys で鍵の控えを指定するか、KENPO_VAULT_KEYS の場所に鍵のファイルを戻してください。",
        )


def _unpack_keys(config: Config, keys: Path, stack: ExitStack, force: bool) -> dict[str, Path]:
    """The key files that are to be put back, in a folder of their own; those that are there already are left."""
    folder = stack.enter_context(_beside(config.vault_keys.with_name("keys")))
    _unpack(keys, {"keys": folder}, None)
    found = {}
    for name, place in _key_files(config).items():
        made = folder / name
        if not made.exists() or (place.exists() and place.read_bytes() == made.read_bytes()):
            continue
        if place.exists() and name != _SECRET and not force:
            raise OfficeError(
                "違う鍵のファイルが、すでにあります。",
                where=str(place),
                todo="どちらが正しい鍵かを確かめてください。--force を付けると、いまある鍵を別の名前に移してから戻します。",
            )
        found[name] = made
    return found


def _put(made: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if place.exists():
        place.rename(_aside(place))
    shutil.copyfile(made, place)
    place.chmod(0o600)


def _restore_database(new: Config, archive: Path, vault_keys: Path, say: Say) -> None:
    dump = new.home / "restoring.dump"
    _join_dump(archive, dump)
    with ExitStack() as stack:
        if new.database_url:
            owner = new.database_url
            database.make_role(owner)
            stack.enter_context(_emptied_on_error(owner))
        else:
            owner = database.make_database(stack.enter_context(embedded.running(new.home / "postgres")))
        words = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", str(dump))
        with _client("pg_restore", owner, *words):
            pass
        dump.unlink()
        say("履歴を検査しています。")
        _verify(new, vault_keys)


@contextmanager
def _emptied_on_error(owner: str) -> Iterator[None]:
    """A database that was empty before, and is again when what was restored cannot be kept."""
    try:
        yield
    except BaseException:
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")
        raise


def _join_dump(archive: Path, dump: Path) -> None:
    with (
        archive.open("rb") as file,
        tarfile.open(fileobj=file, mode="r|") as tar,
        _new(dump) as target,
    ):
        for entry in tar:
            if entry.name.startswith("database/") and (source := tar.extractfile(entry)) is not None:
                shutil.copyfileobj(source, target, _BLOCK)


def _verify(new: Config, vault_keys: Path) -> None:
    """Bring the restored office up to date and check its histories, in a process of its own."""
    ours = {k: v for k, v in os.environ.items() if k not in database.PASSED_ON}
    done = subprocess.run(
        [sys.executable, "-c", "from kenpo.office import backup; backup.examine()"],
        env={
            **ours,
            "KENPO_OFFICE": str(new.home),
            "KENPO_LAKE": str(new.lake),
            "KENPO_PLANS": str(new.plans),
            "KENPO_VAULT_KEYS": str(vault_keys),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line and not line.startswith("{")]
        raise OfficeError(
            f"戻したものに異常があるため、取りやめました（{''.join(said[-1:])[:300]}）。",
            todo="別の控えを使うか、docs/operations.md の「履歴に異常があったとき」に従ってください。",
        )


def examine() -> None:
    """Ready the office of the environment and check every history, writing nothing down; what is wrong is printed."""
    try:
        serving.ready(read_config())
    except OfficeError as error:
        sys.exit(error.what)
    from kenpo.office import verifying

    for place in verifying.PLACES:
        for fault in verifying.check(place).faults:
            sys.exit(f"案件 {fault.case}：{fault.what}" if fault.case else fault.what)


def _swap(made: Mapping[str, Path], targets: Mapping[str, Path]) -> None:
    """Put the new folders in place of the old, which are kept under another name; all, or none when one cannot be."""
    done: list[tuple[Path, Path]] = []
    moves = [
        move
        for part, path in targets.items()
        for move in ([(path, _aside(path))] if path.exists() else []) + [(made[part], path)]
    ]
    try:
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
    except OSError as error:
        for source, target in reversed(done):
            target.rename(source)
        raise OfficeError(
            f"戻したものを置けません（{error.strerror}）。",
            where=error.filename,
            todo="フォルダの権限を確かめてください。",
        ) from error
    for source, aside in done:
        if source in targets.values() and not any(aside.iterdir()):
            aside.rmdir()


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{datetime.now(JAPAN):%Y%m%d-%H%M%S}")


def sizes(contents: Contents) -> Iterable[tuple[str, int, int]]:
    """Of each part of an archive: its Japanese name, files and bytes."""
    for part, title in (("lake", "データの置き場"), ("plans", "計画の置き場"), ("database", "データベース")):
        some = [size for name, (size, _) in contents.files.items() if name.startswith(f"{part}/")]
        if some:
            yield title, len(some), sum(some)
