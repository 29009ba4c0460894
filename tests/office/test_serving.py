"""`kenpo serve`: one command that brings the office up, keeps it up, and leaves nothing in the way of the next."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from procrastinate.contrib.django import app
from tests.offices import FreshOffice

from kenpo.office import serving, tasks
from kenpo.office.config import read
from kenpo.office.database import Urls
from kenpo.office.errors import OfficeError

PATIENCE = 60


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@dataclass
class Served:
    """A `kenpo serve` of its own."""

    process: subprocess.Popen[str]
    port: int
    out: Path

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def health(self) -> dict[str, str]:
        _, text = self.get("/healthz")
        return json.loads(text) if text.startswith("{") else {}

    def well(self) -> bool:
        return self.health() == {"status": "ok", "jobs": "ok"}

    def children(self, word: str) -> list[psutil.Process]:
        found = []
        for one in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                found += [one] if word in one.cmdline() else []
        return found

    def child(self, word: str) -> psutil.Process:
        (found,) = self.children(word)
        return found

    def up(self, word: str, before: psutil.Process) -> bool:
        """Whether there is a child of a kind that is not the one before."""
        return bool(set(self.children(word)) - {before})

    def said(self) -> str:
        return self.out.read_text(encoding="utf-8")


@contextmanager
def served(environ: dict[str, str], folder: Path, *words: str, wait: bool = True) -> Iterator[Served]:
    port = free_port()
    out = folder / f"said-{port}"
    with out.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "kenpo.cli.main", "serve", "--workers", "1", "--port", str(port), *words],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        office = Served(process, port, out)
        if wait:
            until(lambda: office.well() or process.poll() is not None, f"it did not come up: {out}")
            assert process.poll() is None, office.said()
        yield office
    finally:
        family = (
            [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            if process.poll() is None
            else []
        )
        if family:
            process.send_signal(signal.SIGTERM)
            process.wait(40)
        assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def own_server(folder: Path, environ: dict[str, str]) -> dict[str, str]:
    """The environment of an office with an embedded server of its own."""
    folder.mkdir(exist_ok=True)
    return {
        **{k: v for k, v in environ.items() if not k.startswith(("KENPO_DATABASE", "DATABASE_URL"))},
        "KENPO_OFFICE": str(folder / "office"),
        "KENPO_LAKE": str(folder / "lake"),
        "KENPO_PLANS": str(folder / "plans"),
        "KENPO_VAULT_KEYS": str(folder / "vault.keys"),
    }


class TestItComesUp:
    def test_pages_and_jobs_are_there_and_it_ends_in_order(
        self, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        with served(fresh_office.environ, tmp_path) as office:
            status, page = office.get("/account/login/")
            assert (status, "kenpo" in page) == (200, True)
            office.process.send_signal(signal.SIGTERM)
            assert office.process.wait(40) == 0
            said = office.said()
        assert "「kenpo office admin 職員番号」で、最初の管理者を登録してください。" in said
        assert f"http://localhost:{office.port}/ を開いてください。" in said
        assert said.rstrip().splitlines()[-1].endswith("終了しました。")

    def test_children_that_are_killed_come_back(self, fresh_office: FreshOffice, tmp_path: Path) -> None:
        with served(fresh_office.environ, tmp_path) as office:
            web, jobs = office.child("web"), office.child("jobs")
            web.kill()
            jobs.kill()
            until(lambda: office.up("web", web) and office.up("jobs", jobs) and office.well(), "not back")
            assert "画面のプロセスが止まりました（終了コード -9）。起動し直します。" in office.said()

    def test_a_second_one_on_the_same_folder_is_refused(
        self, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        with served(fresh_office.environ, tmp_path):
            again = fresh_office.run("serve", "--port", str(free_port()))
        assert again.returncode == OfficeError.exit_code
        assert "すでに動いています" in again.stderr

    def test_pages_and_jobs_can_run_apart(self, fresh_office: FreshOffice, tmp_path: Path) -> None:
        with served(fresh_office.environ, tmp_path, "--no-jobs", wait=False) as pages:
            until(lambda: pages.health() == {"status": "ok", "jobs": "stopped"}, "no pages")
            with served(fresh_office.environ, tmp_path, "--no-web", wait=False):
                until(pages.well, "no jobs")


class TestItsOwnServer:
    def test_a_killed_serve_is_not_in_the_way_of_the_next(
        self, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        environ = own_server(tmp_path / "own", fresh_office.environ)
        with served(environ, tmp_path) as first:
            left = psutil.Process(first.process.pid).children(recursive=True)
            first.process.kill()
            first.process.wait()
            with served(environ, tmp_path):
                assert not [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        assert not (tmp_path / "own" / "office" / "postgres" / "postmaster.pid").exists()

    def test_a_process_number_taken_by_another_program_is_not_taken_for_the_server(
        self, tmp_path: Path
    ) -> None:
        folder = tmp_path / "office" / "postgres"
        start = f"from pathlib import Path; from kenpo.office import embedded; print(embedded.start(Path({str(folder)!r})))"
        subprocess.run([sys.executable, "-c", start], check=True, capture_output=True)
        stale = [str(os.getpid()), str(folder), "1700000000", "5432", str(folder), "", "0 0", "ready   "]
        (folder / "postmaster.pid").write_text("\n".join(stale) + "\n")
        done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def test_nobody_else_on_the_machine_can_reach_it(self, tmp_path: Path) -> None:
        deep = tmp_path / ("long-" * 20)
        code = f"""
import stat, psycopg
from pathlib import Path
from kenpo.office import embedded
address = embedded.start(Path({str(deep / "postgres")!r}))
folder = Path(address.split('host=')[1])
print(oct(folder.stat().st_mode & 0o777), oct((folder / '.s.PGSQL.5432').stat().st_mode & 0o777))
with psycopg.connect(address) as server:
    print(server.execute('show listen_addresses').fetchone()[0] or 'none')
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.split() == ["0o700", "0o700", "none"], done.stderr

    def test_its_log_does_not_tell_what_was_written(self, fresh_office: FreshOffice, tmp_path: Path) -> None:
        office = FreshOffice(tmp_path, own_server(tmp_path / "own", fresh_office.environ))
        assert office.run("office", "migrate").returncode == 0
        office.python(
            """
from django.db import DatabaseError, connection
for query in ("select %s::integer", "insert into office_opt_out (branch, subject) values (%s, null)", "slect %s"):
    try:
        with connection.cursor() as cursor:
            cursor.execute(query, ["架空 太郎"])
    except DatabaseError:
        pass
"""
        )
        said = (tmp_path / "own" / "office" / "postgres" / "log").read_text(encoding="utf-8")
        assert said.count("ERROR") >= 2
        assert "insert into" not in said and "null, null" not in said

    def test_on_a_screen_the_first_administrator_is_asked_for_and_logs_go_to_a_file(
        self, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        ours, theirs = os.openpty()
        words = [
            sys.executable,
            "-m",
            "kenpo.cli.main",
            "serve",
            "--workers",
            "1",
            "--port",
            str(free_port()),
        ]
        process = subprocess.Popen(
            words, env=fresh_office.environ, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        shown = ""

        def read_until(words: str) -> None:
            nonlocal shown
            while words not in shown:
                shown += os.read(ours, 4096).decode(errors="replace")

        for asked, answer in (("職員番号", "00-Kanri"), ("氏名", "本部の管理"), ("支部", "")):
            read_until(asked)
            os.write(ours, f"{answer}\n".encode())
        read_until("終わるときは Ctrl-C を押してください。")
        process.send_signal(signal.SIGINT)
        with suppress(OSError):
            read_until("終了しました。")
        assert process.wait(40) in (0, -signal.SIGINT)
        assert re.search(r"1回限りのパスワード\s+\S{19}", shown)
        assert fresh_office.sql("select staff_id, name, branch from office_account") == [
            ("00-kanri", "本部の管理", "00")
        ]
        log = (fresh_office.home / "log.jsonl").read_text(encoding="utf-8")
        assert '{"at"' in log and '{"at"' not in shown


class TestAServerGiven:
    @pytest.fixture
    def given(self, tmp_path: Path) -> Iterator[str]:
        """A PostgreSQL server, and an owner on it that is no superuser."""
        keeper = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from kenpo.office import embedded;"
                f"print(embedded.start(Path({str(tmp_path / 'pg')!r})), flush=True); sys.stdin.read()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert keeper.stdout and keeper.stdin
        admin = keeper.stdout.readline().strip()
        with psycopg.connect(admin, autocommit=True) as server:
            server.execute("create role kenpo_owner login createrole password 'himitsu-no-kotoba'")
            server.execute("create database kenpo owner kenpo_owner")
        yield admin.replace("postgres@/postgres", "kenpo_owner:himitsu-no-kotoba@/kenpo")
        keeper.stdin.close()
        keeper.wait(30)

    def test_the_children_are_not_told_the_owner(
        self, given: str, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        environ = own_server(tmp_path / "own", fresh_office.environ) | {
            "DATABASE_URL": given,
            "KENPO_APP_DATABASE_URL": given.replace("kenpo_owner:himitsu-no-kotoba@", "kenpo_app@"),
        }
        with served(environ, tmp_path) as office:
            for word in ("web", "jobs"):
                told = office.child(word).environ()
                assert "himitsu-no-kotoba" not in " ".join(told.values())
                assert told["KENPO_DATABASE_APP"] == environ["KENPO_APP_DATABASE_URL"]
        assert not (tmp_path / "own" / "office" / "postgres").exists()

    def test_the_application_alone_serves_what_the_owner_has_made(
        self, given: str, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        app = {"KENPO_APP_DATABASE_URL": given.replace("kenpo_owner:himitsu-no-kotoba@", "kenpo_app@")}
        environ = own_server(tmp_path / "own", fresh_office.environ)
        alone = FreshOffice(tmp_path, environ | app)
        with psycopg.connect(given, autocommit=True) as owner:
            owner.execute("create role kenpo_app login")
        before = alone.run("serve")
        assert before.returncode == OfficeError.exit_code
        assert "kenpo office migrate" in before.stderr
        assert "接続先が要ります" in alone.run("office", "verify").stderr
        assert (
            FreshOffice(tmp_path, environ | app | {"DATABASE_URL": given}).run("office", "migrate").returncode
            == 0
        )
        with served(alone.environ, tmp_path) as office:
            told = psutil.Process(office.process.pid).environ()
            assert "himitsu-no-kotoba" not in " ".join(told.values())

    def test_an_owner_that_is_no_superuser_can_stand_in_for_the_application(
        self, given: str, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        environ = own_server(tmp_path / "own", fresh_office.environ) | {"DATABASE_URL": given}
        with served(environ, tmp_path) as office:
            assert office.well()

    def test_a_server_that_does_not_answer_is_named_without_its_password(
        self, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        nowhere = f"postgresql://kenpo_owner:himitsu-no-kotoba@127.0.0.1:{free_port()}/kenpo"
        environ = own_server(tmp_path / "own", fresh_office.environ) | {"DATABASE_URL": nowhere}
        done = FreshOffice(tmp_path, environ).run("serve")
        assert done.returncode == OfficeError.exit_code
        assert "データベースに接続できません" in done.stderr
        assert "himitsu" not in done.stderr


class TestItRefusesToOpen:
    """The office is not opened where people would see what they must not."""

    def refused(self, urls: Urls) -> str:
        with pytest.raises(OfficeError) as refused:
            serving.check_role(urls)
        return refused.value.message

    def urls(self, office: FreshOffice) -> Urls:
        return Urls(office.environ["KENPO_DATABASE_OWNER"], office.environ["KENPO_DATABASE_APP"])

    def test_a_right_role_passes(self, fresh_office: FreshOffice) -> None:
        serving.check_role(self.urls(fresh_office))

    def test_the_owner_as_the_application(self, fresh_office: FreshOffice) -> None:
        owner = fresh_office.environ["KENPO_DATABASE_OWNER"]
        said = self.refused(Urls(owner, owner))
        assert "superuser" in said and "表の持ち主" in said and "履歴を書き換えられます" in said

    def test_a_table_without_row_level_security(self, fresh_office: FreshOffice) -> None:
        fresh_office.sql("alter table office_case disable row level security")
        assert "行の閲覧制限のない表があります" in self.refused(self.urls(fresh_office))

    def test_rows_that_are_seen_without_a_branch(self, fresh_office: FreshOffice) -> None:
        fresh_office.sql("create policy leak on office_opt_out for select using (true)")
        fresh_office.sql(
            "insert into office_opt_out (branch, kind, subject_kind, subject, since, source, by, at)"
            " values ('35', '', 'member', 'x', '2026-04-01', '電話', '35-yamamoto', now())"
        )
        assert "支部を決めずに行が見えます" in self.refused(self.urls(fresh_office))

    def test_a_history_that_can_be_rewritten(self, fresh_office: FreshOffice) -> None:
        fresh_office.sql("grant update on office_event to kenpo_app")
        assert "履歴を書き換えられます" in self.refused(self.urls(fresh_office))

    def test_the_office_inside_the_lake(self, fresh_office: FreshOffice) -> None:
        done = fresh_office.run("serve", KENPO_OFFICE=fresh_office.environ["KENPO_LAKE"] + "/office")
        assert done.returncode == OfficeError.exit_code
        assert "互いの外に置く必要があります" in done.stderr

    def test_keys_inside_the_lake(self, fresh_office: FreshOffice) -> None:
        done = fresh_office.run("serve", KENPO_VAULT_KEYS=fresh_office.environ["KENPO_LAKE"] + "/vault.keys")
        assert done.returncode == OfficeError.exit_code
        assert "個人情報の鍵は、データの置き場と案件システムのフォルダの外に置く必要があります" in done.stderr

    def test_the_wrong_keys(self, fresh_office: FreshOffice) -> None:
        fresh_office.sql(
            "insert into office_vault_identity (branch, subject_kind, subject, sealed, key_id, updated_at)"
            " values ('35', 'member', 'x', '', '00ff00ff', now())"
        )
        lost = fresh_office.run("serve")
        assert lost.returncode == OfficeError.exit_code
        assert "鍵の控えから戻してください" in lost.stderr
        assert not Path(fresh_office.environ["KENPO_VAULT_KEYS"]).exists()
        fresh_office.sql("delete from office_vault_identity")
        assert fresh_office.run("office", "accounts").returncode == 0
        fresh_office.sql(
            "insert into office_vault_identity (branch, subject_kind, subject, sealed, key_id, updated_at)"
            " values ('35', 'member', 'x', '', '00ff00ff', now())"
        )
        wrong = fresh_office.run("serve")
        assert (
            "個人情報の鍵のファイルが、保管した個人情報のものではありません（ない鍵：00ff00ff）"
            in wrong.stderr
        )

    def test_pages_that_would_go_unencrypted_over_the_network(self, fresh_office: FreshOffice) -> None:
        done = fresh_office.run("serve", "--host", "0.0.0.0")
        assert done.returncode == OfficeError.exit_code
        assert "暗号化されずにネットワークを流れます" in done.stderr

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
    def test_this_machine_alone_needs_no_encryption(self, host: str) -> None:
        serving.check_host(read({}), host)

    def test_a_port_that_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "_PORT_PATIENCE", 0)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with (
                pytest.raises(OfficeError, match=f"ポート {port} で待ち受けられません"),
                serving._listening(serving.Order(port=port)),
            ):
                pass


class TestJobsOfADeadWorker:
    """What a worker was doing when it died."""

    JOB = (
        "with dead as (insert into procrastinate_workers (last_heartbeat) values (now() - interval '5 minutes') returning id)"
        " insert into procrastinate_jobs (queue_name, task_name, args, status, attempts, worker_id)"
        " select 'default', 'kenpo.sessions', '{\"timestamp\": 0}', 'doing', %s, id from dead returning id"
    )

    def state(self, office: FreshOffice, job: int) -> tuple[str, int]:
        ((state, attempts),) = office.sql(
            "select status::text, attempts from procrastinate_jobs where id = %s", job
        )
        return state, attempts

    def test_it_is_done_again_but_what_keeps_killing_is_set_aside(
        self, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        with served(fresh_office.environ, tmp_path) as office:
            ((again,),) = fresh_office.sql(self.JOB, 1)
            ((poisoned,),) = fresh_office.sql(self.JOB, 5)
            until(lambda: self.state(fresh_office, again)[0] == "succeeded", "not done again")
            until(lambda: self.state(fresh_office, poisoned)[0] == "failed", "not set aside")
            assert "job set aside" in office.said()

    def test_a_worker_killed_in_the_midst_of_a_job_has_it_done_again(
        self, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        with served(fresh_office.environ, tmp_path) as office:
            with psycopg.connect(fresh_office.environ["KENPO_DATABASE_OWNER"]) as holding:
                holding.execute("lock table django_session in access exclusive mode")
                ((job,),) = fresh_office.sql(self.JOB.replace("'doing'", "'todo'"), 0)
                until(lambda: self.state(fresh_office, job)[0] == "doing", "not begun")
                jobs = office.child("jobs")
                jobs.kill()
                until(lambda: office.up("jobs", jobs), "not back")
                assert self.state(fresh_office, job)[0] == "doing"
            fresh_office.sql(
                "update procrastinate_workers set last_heartbeat = last_heartbeat - interval '1 minute'"
            )
            until(lambda: self.state(fresh_office, job)[0] == "succeeded", "not done again")

    def test_the_job_of_a_worker_that_lives_is_left_alone(
        self, fresh_office: FreshOffice, tmp_path: Path
    ) -> None:
        ((running,),) = fresh_office.sql(self.JOB.replace("interval '5 minutes'", "interval '-1 hour'"), 1)
        with served(fresh_office.environ, tmp_path) as office:
            time.sleep(1)
            assert office.well()
            assert self.state(fresh_office, running) == ("doing", 1)


def test_a_task_that_defers_another_does_so_in_its_transaction(fresh_office: FreshOffice) -> None:
    """Tasks run on the worker's app, and what they defer is written with what they write, or not at all."""
    code = """
from django.db import connection, transaction
from procrastinate.contrib.django import app
from kenpo.office import tasks
worker = tasks._worker_app()
assert worker.tasks['kenpo.sessions'] is tasks.clear_sessions
try:
    with transaction.atomic():
        tasks.clear_sessions.defer(timestamp=0)
        raise ValueError
except ValueError:
    pass
tasks.clear_sessions.defer(timestamp=0)
"""
    fresh_office.python(code)
    assert fresh_office.sql("select count(*) from procrastinate_jobs") == [(1,)]


class TestByTheClock:
    """What is done every night."""

    def test_sessions_that_ended_are_forgotten(self, db: None) -> None:
        for key, days in (("past", -1), ("here", 1)):
            until = timezone.now() + timedelta(days=days)
            Session.objects.create(session_key=key, session_data="", expire_date=until)
        tasks.clear_sessions(0)
        assert [s.session_key for s in Session.objects.all()] == ["here"]

    def test_jobs_that_went_well_are_forgotten_after_a_month(self, fresh_office: FreshOffice) -> None:
        for state, days in (("succeeded", 31), ("succeeded", 29), ("failed", 31)):
            ((job,),) = fresh_office.sql(
                "insert into procrastinate_jobs (queue_name, task_name, status) values ('q', %s, 'doing') returning id",
                f"{state} {days}",
            )
            fresh_office.sql(
                "update procrastinate_jobs set status = %s::procrastinate_job_status where id = %s",
                state,
                job,
            )
            fresh_office.sql(
                "update procrastinate_events set at = now() - make_interval(days => %s) where job_id = %s",
                days,
                job,
            )
        fresh_office.python("from kenpo.office import tasks; tasks.clear_finished_jobs(0)")
        left = fresh_office.sql("select task_name from procrastinate_jobs order by 1")
        assert left == [("failed 31",), ("succeeded 29",)]

    def test_they_are_known_to_the_worker_and_told_apart(self, db: None) -> None:
        app.perform_import_paths()
        names = {task.task.name for task in app.periodic_registry.periodic_tasks.values()}
        assert {"kenpo.verify", "kenpo.tally", "kenpo.snapshot"} <= names

    def test_a_night_checks_the_histories_and_writes_the_day_down(self, fresh_office: FreshOffice) -> None:
        fresh_office.python(
            "from tests.office import test_verifying; from tests.offices import make_people;"
            "test_verifying.opened(make_people(), 1)"
        )
        fresh_office.python("from kenpo.office import tasks; tasks.verify_job(0)")
        found = dict(
            fresh_office.sql(
                "select what, detail from office_audit where what in ('verified', 'anchored') and branch = '35'"
            )
        )
        assert found["verified"].endswith("異常なし")
        assert "操作記録" in found["anchored"]


@pytest.mark.parametrize(
    ("seconds", "late"), [(tasks.HEARTBEAT, False), (tasks.HEARTBEAT + 4, False), (60, True)]
)
def test_a_worker_that_was_held_up_does_not_take_its_own_jobs_for_those_of_a_dead_one(
    seconds: float, late: bool
) -> None:
    assert tasks.held_up(100, 100 + seconds) is late


class TestTheFirstAdministrator:
    def test_is_given_a_password_once_and_must_change_it(self, fresh_office: FreshOffice) -> None:
        done = fresh_office.run("office", "admin", "00-Kanri", "--name", "本部の管理")
        assert done.returncode == 0, done.stderr
        (password,) = re.findall(r"1回限りのパスワード\s+(\S+)", done.stdout)
        assert fresh_office.sql("select staff_id, roles, must_change_password from office_account") == [
            ("00-kanri", ["administrator"], True)
        ]
        assert (
            fresh_office.python(
                "from kenpo.office.models import Account;"
                f"print(Account.objects.get().check_password({password!r}))"
            )
            == "True\n"
        )
        assert password not in str(fresh_office.sql("select detail from office_audit"))
        assert "管理者" in fresh_office.run("office", "accounts").stdout

    def test_is_let_in_again(self, fresh_office: FreshOffice) -> None:
        first = fresh_office.run("office", "admin", "35-kanri", "--branch", "山口").stdout
        fresh_office.sql("update office_account set is_active = false, must_change_password = false")
        again = fresh_office.run("office", "admin", "35-kanri", "--reset")
        assert again.returncode == 0, again.stderr
        passwords = re.findall(r"1回限りのパスワード\s+(\S+)", first + again.stdout)
        assert len(set(passwords)) == 2
        assert fresh_office.sql("select branch, is_active, must_change_password from office_account") == [
            ("35", True, True)
        ]
        assert [
            what for (what,) in fresh_office.sql("select what from office_audit where branch = '35'")
        ] == ["account_changed"] * 2

    def test_a_number_that_is_taken_is_refused(self, fresh_office: FreshOffice) -> None:
        assert fresh_office.run("office", "admin", "00-kanri").returncode == 0
        done = fresh_office.run("office", "admin", "00-kanri")
        assert done.returncode == OfficeError.exit_code
        assert "管理者を登録できません" in done.stderr
