"""The logs say what happened and where, and never whom it was about or what a person wrote."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import ResolverMatch
from tests.offices import FreshOffice, People

from kenpo.office import logs
from kenpo.office.acting import acting
from kenpo.office.casework import not_found
from kenpo.office.models import OptOut

NAME = "架空 太郎"
CARD = "12345678"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What is logged meanwhile, of every logger and down to the last level that is on."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Json())
    root = logging.getLogger()
    root.addHandler(handler)

    def read() -> list[dict[str, Any]]:
        text = stream.getvalue()
        for planted in (NAME, NAME.replace(" ", ""), CARD, "%E6%9E%B6"):
            assert planted not in text
        return [json.loads(line) for line in text.splitlines()]

    yield read
    root.removeHandler(handler)


class TestRequests:
    def test_a_request_is_one_line_with_its_route_and_a_number(self, lines, browse, people: People) -> None:
        answer = browse(people.yamamoto).get("/account/login/")
        (line,) = lines()
        assert line["route"] == "account/login/"
        assert line["staff"] == "35-yamamoto"
        assert answer["X-Request-ID"] == line["request"]
        assert {"at", "level", "status", "milliseconds", "method"} <= set(line)

    def test_what_was_searched_for_is_not_told(self, lines, browse, people: People) -> None:
        browse(people.yamamoto).get("/account/login/", {"q": NAME, "card": CARD})
        browse(people.yamamoto).post("/account/login/", {"login": NAME, "password": CARD})
        assert len(lines()) >= 2

    def test_an_address_that_is_nowhere_is_not_told(self, lines, db: None) -> None:
        Client().get(f"/{NAME}/{CARD}")
        assert {line["route"] for line in lines() if line["logger"] == "kenpo.request"} == {""}

    def test_a_sign_in_that_fails_does_not_tell_what_was_typed(self, lines, people: People) -> None:
        for _ in range(7):
            Client().post("/account/login/", {"login": NAME, "password": CARD})
        assert lines()

    def test_a_form_from_elsewhere_does_not_tell_what_was_typed(self, lines, db: None) -> None:
        Client(enforce_csrf_checks=True).post(
            "/account/login/", {"login": NAME}, headers={"referer": f"http://x/{NAME}"}
        )
        assert [line["status"] for line in lines() if "status" in line] == [403]

    def test_a_name_of_a_host_is_not_told(self, lines, db: None) -> None:
        assert Client().get("/account/login/", headers={"host": f"{CARD}.example"}).status_code == 400
        assert any(line["logger"].startswith("django.security") for line in lines())

    @pytest.mark.parametrize(("given", "told"), [("a1b2" * 8, True), ("42", True), (NAME, False)])
    def test_of_an_address_only_ids_are_told(self, lines, given: str, told: bool) -> None:
        def view(request: HttpRequest) -> Any:
            request.resolver_match = ResolverMatch(view, (), {"case": given}, route="cases/<str:case>/")
            from django.http import HttpResponse

            return HttpResponse()

        logs.RequestLog(view)(RequestFactory().get("/"))
        (line,) = lines()
        assert line.get("ids", {}) == ({"case": given} if told else {})
        assert line["route"] == "cases/<str:case>/"


class TestFaults:
    def test_an_exception_tells_its_type_and_place_and_not_its_message(self, lines) -> None:
        try:
            raise ValueError(f"{NAME} の番号 {CARD}")
        except ValueError:
            logging.getLogger("kenpo.trial").exception("failed")
        (line,) = lines()
        assert line["error"] == "ValueError"
        assert line["frames"][-1].endswith("test_an_exception_tells_its_type_and_place_and_not_its_message")

    def test_what_was_written_to_the_database_is_not_told(self, lines, people: People) -> None:
        with acting(people.yamamoto.actor):
            try:
                with transaction.atomic():
                    OptOut(
                        branch="13",
                        subject_kind="member",
                        subject=CARD,
                        since="2026-04-01",
                        source=NAME,
                        by=NAME,
                    ).save()
            except DatabaseError:
                logging.getLogger("kenpo.trial").exception("failed")
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("select %s::integer", [NAME])
            except DatabaseError:
                logging.getLogger("django.db").exception(f"failed for {NAME}")
        first, second = lines()
        assert "42501" in first["codes"]
        assert "22P02" in second["codes"]
        assert second["message"].startswith("test_logs:")

    def test_our_own_errors_tell_their_code(self, lines) -> None:
        logging.getLogger("kenpo.trial").error("failed", exc_info=not_found())
        assert lines()[0]["codes"] == ["not_found"]

    def test_a_missing_module_is_named(self, lines) -> None:
        logging.getLogger("kenpo.trial").error(
            "failed", exc_info=ModuleNotFoundError(NAME, name="kenpo.office.no")
        )
        assert lines()[0]["codes"] == ["kenpo.office.no"]

    def test_causes_that_go_round_come_to_an_end(self, lines) -> None:
        one, other = ValueError(NAME), KeyError(NAME)
        one.__cause__, other.__cause__ = other, one
        logging.getLogger("kenpo.trial").error("failed", exc_info=one)
        assert lines()[0]["error"] == "ValueError ← KeyError"


class TestOtherLibraries:
    def test_messages_are_told_without_their_values(self, lines) -> None:
        logging.getLogger("axes.handlers").warning("Locking out %s", NAME)
        assert lines()[0]["message"] == "Locking out %s"

    def test_a_message_that_is_made_whole_is_not_told(self, lines) -> None:
        logging.getLogger("some.library").warning(f"could not read {NAME}")
        assert lines()[0]["message"].startswith("test_logs:")

    def test_a_job_is_told_by_its_number_and_task(self, lines) -> None:
        job = {"id": 7, "task_name": "kenpo.letter_run", "task_kwargs": {"by": NAME}, "call_string": NAME}
        logging.getLogger("procrastinate.worker").error(
            f"Job {NAME}", extra={"action": "job_error", "job": job}
        )
        (line,) = lines()
        assert (line["message"], line["job"], line["task"]) == ("job_error", 7, "kenpo.letter_run")

    def test_lines_say_which_request_or_job_they_are_about(self, lines) -> None:
        with logs.about(request="abc"), logs.about(job=7):
            logging.getLogger("kenpo.trial").info("inside")
        logging.getLogger("kenpo.trial").info("outside")
        inside, outside = lines()
        assert (inside["request"], inside["job"]) == ("abc", 7)
        assert "request" not in outside


def test_what_nobody_catches_is_logged_in_the_same_way() -> None:
    code = f"from kenpo.office import logs; logs.configure_process(); raise ValueError({NAME!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    line = json.loads(done.stderr)
    assert (line["level"], line["error"]) == ("critical", "ValueError")
    assert NAME not in done.stderr


def test_a_job_that_fails_is_logged_without_what_it_said(fresh_office: FreshOffice) -> None:
    code = f"""
import asyncio
from procrastinate.contrib.django import app
from kenpo.office import tasks

@app.task(name="kenpo.trial", pass_context=False)
def trial(id: int, branch: str, by: str) -> None:
    raise ValueError({NAME!r})

trial.defer(id=1, branch="35", by="35-yamamoto")

async def once():
    worker = tasks._worker_app()
    async with worker.open_async():
        await worker.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)

asyncio.run(once())
"""
    done = subprocess.run(
        [sys.executable, "-c", f"import kenpo.office; kenpo.office.setup()\n{code}"],
        env=fresh_office.environ,
        capture_output=True,
        text=True,
    )
    assert fresh_office.sql(
        "select status::text from procrastinate_jobs where task_name = 'kenpo.trial'"
    ) == [("failed",)]
    assert NAME not in done.stderr
    found = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert {"job_error"} == {
        line["message"] for line in found if line.get("error", "").startswith("ValueError")
    }
    assert [
        line["message"]
        for line in found
        if line.get("task") == "kenpo.trial" and line["logger"] == "kenpo.jobs"
    ] == [
        "job started",
        "job ended",
    ]
