"""`kenpo serve`: one command that brings the office up and keeps it up.

`ready` makes the database, its tables and its guards as they must be and refuses to go on where they are not. `keep` then
runs the web server (gunicorn) and the job worker (procrastinate) as child processes that work as the application's role,
and starts again the one that ends. A child whose parent is gone ends by itself, so that a killed `kenpo serve` leaves
nothing in the way of the next.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql

from kenpo.base.branches import BRANCH_CODES
from kenpo.office import database
from kenpo.office.config import Config
from kenpo.office.errors import OfficeError
from kenpo.office.keyring import Keyring

WORKERS, THREADS = 2, 8
GRACE = 25
"""Seconds that requests and jobs have to finish when the office is stopped; what does not is done again later."""

_PORT_PATIENCE = 10
"""Seconds to wait for the port: the children of one that was killed let go of it within a moment."""

_MIGRATING = 7_231_004_417
"""The advisory lock under which tables are made."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What is served: where pages are, by how many processes and threads, and whether pages and jobs run here at all."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = WORKERS
    threads: int = THREADS
    web: bool = True
    jobs: bool = True

    @property
    def url(self) -> str:
        """The address for a browser on this machine."""
        name = "localhost" if self.host in ("127.0.0.1", "::1", "0.0.0.0", "::") else self.host
        return f"http://{name}:{self.port}/"


# ---- before --------------------------------------------------------------------------------------------------------


def ready(config: Config, *, owner: bool = True) -> None:
    """Start the database, bring its tables up to date and make sure that nothing can be seen that must not be.

    Readies Django in this process, as the owner of the tables. owner: False where the application will do; where its
    address alone was given, the tables must be up to date already. Raises OfficeError when the office must not be opened.
    """
    check_folders(config)
    urls = database.urls(config)
    if urls.owner:
        migrate(urls.owner)
    elif owner:
        raise OfficeError(
            "この操作には、データベースの持ち主としての接続先が要ります。",
            todo="環境変数 DATABASE_URL を設定して実行してください。",
        )
    else:
        _must_be_migrated()
    from django.db import connections

    check_role(urls)
    check_keys(config)
    connections.close_all()


def end_in_order() -> None:
    """Have SIGTERM end this process as an exit does, so that the embedded database is stopped."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def check_folders(config: Config) -> None:
    """Make the office's folder. Raises OfficeError when a folder lies where it must not, or cannot be made."""
    check_places(config)
    try:
        config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OfficeError(
            f"案件システムのフォルダを作れません（{error.strerror}）。",
            where=str(config.home),
            todo="書き込める場所を、環境変数 KENPO_OFFICE か --office で指定してください。",
        ) from error


def check_places(config: Config) -> None:
    """Raise OfficeError when a folder lies where it must not."""
    if _within(config.home, config.lake) or _within(config.lake, config.home):
        raise OfficeError(
            "案件システムのフォルダとデータの置き場は、互いの外に置く必要があります。",
            where=f"{config.home}、{config.lake}",
            todo="環境変数 KENPO_OFFICE か --office で、別のフォルダを指定してください。",
        )


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def migrate(owner: str) -> None:
    """Bring all tables up to date; of several that start at once, one does it and the others wait."""
    from kenpo.office import setup

    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (_MIGRATING,))
        setup(owner=True)
        from django.core.management import call_command
        from django.db import connection as own

        call_command("migrate", skip_checks=True, verbosity=0, interactive=False)
        own.close()


def _must_be_migrated() -> None:
    from kenpo.office import setup

    setup()
    from kenpo.office.views.health import behind

    if behind():
        raise OfficeError(
            "データベースの表が、この版の kenpo のものではありません。",
            todo="データベースの持ち主として「kenpo office migrate」を実行してから、始めてください。",
        )


def check_role(urls: database.Urls) -> None:
    """Raise OfficeError when the application's role could see or do more than the branch it acts in."""
    from kenpo.office.guards import tables

    guarded = tables()
    with psycopg.connect(urls.app, autocommit=True, connect_timeout=10) as app:
        faults = [
            fault
            for found, fault in (
                (_truth(app, "select rolsuper from pg_roles where rolname = current_user"), "特権（superuser）を持っています"),
                (_truth(app, "select rolbypassrls from pg_roles where rolname = current_user"), "行の閲覧制限を越える権限（bypassrls）を持っています"),
                (_truth(app, "select exists(select from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and pg_has_role(current_user, relowner, 'usage'))"), "表の持ち主の権限を持っています"),
                (_truth(app, "select exists(select from pg_class where relname = any(%s) and not relrowsecurity)", guarded), "行の閲覧制限のない表があります"),
                (_truth(app, "select has_table_privilege('office_event', 'update,delete,truncate')"), "案件の履歴を書き換えられます"),
                (any(_sees(app, table) for table in guarded), "支部を決めずに行が見えます"),
            )
            if found
        ]  # fmt: skip
    if faults:
        raise OfficeError(
            f"画面と処理が使うデータベースの役割は、支部ごとの閲覧制限を守れません：{'、'.join(faults)}。",
            where=database.hidden(urls.app),
            todo=f"KENPO_APP_DATABASE_URL を、何も持たない役割（{database.APP_ROLE}）の接続先にしてください。docs/deployment.md に手順があります。",
        )


def _truth(connection: psycopg.Connection[Any], query: str, *values: object) -> bool:
    row = connection.execute(query, values or None).fetchone()  # type: ignore[call-overload]
    return bool(row and row[0])


def _sees(connection: psycopg.Connection[Any], table: str) -> bool:
    query = sql.SQL("select exists(select from {})").format(sql.Identifier(table))
    row = connection.execute(query).fetchone()
    return bool(row and row[0])


def check_keys(config: Config) -> None:
    """Raise OfficeError when the vault's keys lie where they must not, or do not open what the vault holds."""
    from kenpo.office.acting import system
    from kenpo.office.models import SealedBlob, VaultIdentity

    used: set[str] = set()
    for branch in BRANCH_CODES:
        with system(branch):
            for model in (VaultIdentity, SealedBlob):
                rows = model.objects.filter(branch=branch).order_by()
                used |= set(rows.values_list("key_id", flat=True).distinct())
    ring = Keyring.load(config.vault_keys, outside=(config.home, config.lake), create=not used)
    if missing := used - set(ring.ids):
        raise OfficeError(
            f"個人情報の鍵のファイルが、保管した個人情報のものではありません（ない鍵：{'、'.join(sorted(missing))}）。",
            where=str(config.vault_keys),
            todo="環境変数 KENPO_VAULT_KEYS で正しい鍵のファイルを指定するか、鍵の控えから戻してください。",
        )


# ---- the children ------------------------------------------------------------------------------------------------


def keep(config: Config, order: Order, say: Say) -> None:
    """Run what is ordered until SIGTERM or SIGINT; children that end are started again.

    Raises OfficeError when the port is taken or the office is served from this folder already.
    """
    with ExitStack() as held:
        for part in [name for name, wanted in (("web", order.web), ("jobs", order.jobs)) if wanted]:
            held.enter_context(_only_one(config.home / f"{part}.lock"))
        children: list[_Child] = []
        log = held.enter_context(_log(config.home, say))
        environ = child_environ(config)
        if order.web:
            listening = held.enter_context(_listening(order))
            words = ["web", str(listening.fileno()), str(order.workers), str(order.threads)]
            children.append(_Child("画面のプロセス", words, environ, log, (listening.fileno(),)))
        if order.jobs:
            children.append(_Child("処理のプロセス", ["jobs"], environ, log))
        _supervise(children, order, say)


def child_environ(config: Config) -> dict[str, str]:
    """The environment of the children: they are told the application's address of the database and not the owner's."""
    hidden = {"DATABASE_URL", "KENPO_APP_DATABASE_URL", "KENPO_DATABASE_OWNER", "KENPO_DATABASE_ROLE"}
    return {
        **{name: value for name, value in os.environ.items() if name not in hidden},
        "KENPO_DATABASE_APP": database.urls(config).app,
        "KENPO_OFFICE": str(config.home),
        "KENPO_LAKE": str(config.lake),
        "KENPO_PLANS": str(config.plans),
        "KENPO_VAULT_KEYS": str(config.vault_keys),
    }


@dataclass
class _Child:
    """A child process and how it is started."""

    name: str
    words: Sequence[str]
    environ: Mapping[str, str]
    log: IO[bytes] | None
    keeps: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    pause: float = 0.0
    due: float = field(default=0.0)

    def start(self) -> None:
        # In a session of its own, so that Ctrl-C reaches the parent alone; its standard input ends with the parent.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kenpo.office.serving", *self.words],
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=self.log,
            env=self.environ,
            pass_fds=self.keeps,
            start_new_session=True,
        )
        self.began = time.monotonic()

    def tend(self, say: Say) -> None:
        """Start it again when it has ended; later and later while it does not stay up."""
        if self.process is not None and self.process.poll() is not None:
            say(f"{self.name}が止まりました（終了コード {self.process.returncode}）。起動し直します。")
            lived = time.monotonic() - self.began
            self.pause = 0.0 if lived > 60 else min(60.0, max(1.0, self.pause * 2))
            self.due = time.monotonic() + self.pause
            self._close()
        if self.process is None and time.monotonic() >= self.due:
            self.start()

    def stop(self, signal_number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal_number)

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None


def _supervise(children: Sequence[_Child], order: Order, say: Say) -> None:
    stopping, hurried = threading.Event(), threading.Event()

    def stop(number: int, frame: object) -> None:
        (hurried if stopping.is_set() else stopping).set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for child in children:
            child.start()
        if order.web:
            _wait_for_pages(order, stopping)
        if not stopping.is_set():
            _say_where(order, say)
        while not stopping.wait(0.3):
            for child in children:
                child.tend(say)
    finally:
        say("案件システムを終了しています。")
        for child in children:
            child.stop(signal.SIGTERM)
        until = time.monotonic() + GRACE + 5
        while not all(c.ended() for c in children) and time.monotonic() < until and not hurried.is_set():
            time.sleep(0.1)
        for child in children:
            child.stop(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()
        for number, handler in before.items():
            signal.signal(number, handler)
    say("終了しました。")


def _wait_for_pages(order: Order, stopping: threading.Event) -> None:
    """Until the web process answers; it has a minute."""
    host = order.host if order.host not in ("0.0.0.0", "::") else "127.0.0.1"
    until, answered = time.monotonic() + 60, False
    while time.monotonic() < until and not stopping.is_set():
        try:
            with socket.create_connection((host, order.port), timeout=5) as connection:
                connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                while connection.recv(4096):
                    answered = True
                if answered:
                    return
        except OSError:
            pass
        stopping.wait(0.2)


def _say_where(order: Order, say: Say) -> None:
    if order.web:
        say(f"案件システムを始めました。ブラウザーで {order.url} を開いてください。")
    else:
        say("案件システムの処理（画面なし）を始めました。")
    say("終わるときは Ctrl-C を押してください。")


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel takes back when this process ends, however it ends."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OfficeError(
                "このフォルダの案件システムは、すでに動いています。",
                where=str(path.parent),
                todo="動いているほうを使うか、先に終わらせてください。別に動かすときは --office で別のフォルダを指定します。",
            ) from error
        yield


def is_served(home: Path) -> bool:
    """Whether an office is served from a folder now."""
    try:
        with ExitStack() as held:
            for path in home.glob("*.lock"):
                if path.name in ("web.lock", "jobs.lock"):
                    held.enter_context(_only_one(path))
    except OfficeError:
        return True
    return False


@contextmanager
def _listening(order: Order) -> Iterator[socket.socket]:
    """The socket at which pages are asked for. It stays open while the web process is started again."""
    family = socket.AF_INET6 if ":" in order.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        until = time.monotonic() + _PORT_PATIENCE
        while True:
            try:
                made.bind((order.host, order.port))
                break
            except OSError as error:
                if time.monotonic() > until:
                    raise OfficeError(
                        f"ポート {order.port} で待ち受けられません（{error.strerror}）。",
                        where=f"{order.host}:{order.port}",
                        todo="--port で別の番号（8080 など）を指定してください。",
                    ) from error
                time.sleep(0.3)
        made.listen(256)
        yield made


def check_host(config: Config, host: str) -> None:
    """Raise OfficeError when pages would go over the network unencrypted."""
    try:
        inside = ip_address(host).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside and not config.https:
        raise OfficeError(
            f"{host} で待ち受けると、パスワードや個人情報が暗号化されずにネットワークを流れます。",
            todo="HTTPS を受け持つリバースプロキシを前に置き、KENPO_HTTPS=1 と KENPO_PROXY=1 を設定してください。docs/deployment.md に手順があります。",
        )


_LARGEST_LOG = 20_000_000


@contextmanager
def _log(home: Path, say: Say) -> Iterator[IO[bytes] | None]:
    """Where the children's logs go: where this process's errors go, or to a file when that is somebody's screen."""
    if not sys.stderr.isatty():
        yield None
        return
    path = home / "log.jsonl"
    if path.exists() and path.stat().st_size > _LARGEST_LOG:
        path.replace(home / "log.1.jsonl")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
        say(f"動作記録：{path}")
        yield log


# ---- in the children ---------------------------------------------------------------------------------------------


def _end_with_parent() -> None:
    """End this process in order when the one that started it is gone, and by force when that takes too long."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE + 5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent").start()


def _web(listening: int, workers: int, threads: int) -> None:
    from gunicorn.app.base import BaseApplication
    from gunicorn.glogging import Logger

    class Logs(Logger):
        """Gunicorn's log as lines of JSON among the others."""

        def setup(self, cfg: Any) -> None:
            self._access_log_enabled = False
            self.error_log.propagate = True

    class Web(BaseApplication):
        """The pages under gunicorn. Each process loads Django itself: libraries with threads of their own do not fork well."""

        def load_config(self) -> None:
            for name, value in {
                "bind": f"fd://{listening}",
                "workers": workers,
                "threads": threads,
                "worker_class": "gthread",
                "timeout": 120,
                "graceful_timeout": GRACE - 5,
                "keepalive": 5,
                "logger_class": Logs,
                "control_socket_disable": True,
                "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,
            }.items():
                self.cfg.set(name, value)  # type: ignore[union-attr]

        def load(self) -> Any:
            from kenpo.office.wsgi import application

            return application

    Web().run()


def _jobs() -> None:
    import asyncio

    from kenpo.office import setup

    setup()
    from kenpo.office.tasks import work

    asyncio.run(work(grace=GRACE - 5))


def _child(words: Sequence[str]) -> None:
    from kenpo.office import logs

    logs.configure_process()
    _end_with_parent()
    match words:
        case ["web", listening, workers, threads]:
            _web(int(listening), int(workers), int(threads))
        case _:
            _jobs()


if __name__ == "__main__":
    _child(sys.argv[1:])
