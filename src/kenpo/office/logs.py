"""Logs (動作記録): one JSON line per event on the standard error, never with what a person wrote or who a member is.

Of a request its route is told, not its address, its query or its form; of an exception its type and where it arose, not
its message; of other libraries' messages the form without the values. What staff open is in the audit log, not here.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from django.http import HttpRequest, HttpResponse

_FIELDS = ("method", "route", "ids", "status", "milliseconds", "staff", "job", "task", "branch", "count")
_FRAMES = 12
_ID = re.compile(r"[0-9a-f-]{1,40}")
_about: ContextVar[Mapping[str, Any]] = ContextVar("about", default={})  # noqa: B039  never changed in place
log = logging.getLogger("kenpo.request")


@contextmanager
def about(**what: Any) -> Iterator[None]:
    """Have all lines meanwhile say what they are about: request=…, job=…."""
    token = _about.set({**_about.get(), **what})
    try:
        yield
    finally:
        _about.reset(token)


class Json(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **_about.get(),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            said |= fault(record.exc_info[1])
        return json.dumps(said, ensure_ascii=False)


def _ours(record: logging.LogRecord) -> bool:
    return record.name.split(".")[0] == "kenpo"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What our own modules add to a line, and which job the queue speaks of."""
    if _ours(record):
        return {name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None}
    job = getattr(record, "job", None)
    return {"job": job.get("id"), "task": job.get("task_name")} if isinstance(job, dict) else {}


def _message(record: logging.LogRecord) -> str:
    """What our own modules say, and of others the form of a message; a message without a form may hold anything."""
    if _ours(record):
        return record.getMessage()
    if record.args or record.name.startswith("gunicorn"):
        return str(record.msg)[:200]
    return str(getattr(record, "action", "") or f"{record.module}:{record.lineno}")


def fault(error: BaseException) -> dict[str, Any]:
    """An exception without its message: the types of it and its causes, stable codes, and where it arose."""
    types, codes, one, seen = [], [], error, set()
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        types.append(type(one).__name__)
        told = ("name",) if isinstance(one, ImportError) else ("code", "sqlstate")
        codes += [c for name in told if isinstance(c := getattr(one, name, None), str)]
        one = one.__cause__ or one.__context__
    return {
        "error": " ← ".join(types),
        **({"codes": list(dict.fromkeys(codes))} if codes else {}),
        "frames": _frames(error.__traceback__),
    }


def _frames(trace: TracebackType | None) -> list[str]:
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        file = re.sub(r"^.*/(?:site-packages|src|lib/python[\d.]+)/", "", code.co_filename)
        found.append(f"{file}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    return found[-_FRAMES:]


def configure() -> None:
    """Send all logs to the standard error as lines of JSON; once."""
    root = logging.getLogger()
    if any(isinstance(h.formatter, Json) for h in root.handlers):
        return
    handler = logging.StreamHandler()
    handler.setFormatter(Json())
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("axes", "procrastinate", "django.server", "fontTools", "pikepdf"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def configure_process() -> None:
    """As `configure`, and for what nobody catches in this process too."""
    configure()

    def uncaught(error: BaseException | None) -> None:
        if error is not None:
            logging.getLogger("kenpo.process").critical("uncaught", exc_info=error)

    def of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        uncaught(error)

    sys.excepthook = of_process
    threading.excepthook = lambda args: uncaught(args.exc_value)


class RequestLog:
    """Middleware: one line for every request, with a number that stands in all lines about it and in the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, then say how long it took."""
        began, number = time.perf_counter(), secrets.token_hex(8)
        with about(request=number):
            response = self.get_response(request)
            match = request.resolver_match
            kept = {k: str(v) for k, v in (match.kwargs if match else {}).items() if _ID.fullmatch(str(v))}
            log.log(
                logging.DEBUG if match and match.url_name == "healthz" else logging.INFO,
                "request",
                extra={
                    "method": request.method,
                    "route": match.route if match else "",
                    "ids": kept or None,
                    "status": response.status_code,
                    "milliseconds": round((time.perf_counter() - began) * 1000),
                    "staff": getattr(getattr(request, "user", None), "staff_id", None),
                },
            )
        response["X-Request-ID"] = number
        return response
