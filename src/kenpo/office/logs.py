"""Logs (動作記録): one JSON line per event on the standard output, never with what a person wrote or who a member is."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

_FIELDS = ("method", "path", "status", "milliseconds", "staff", "job", "branch")
log = logging.getLogger("kenpo.request")


class Json(logging.Formatter):
    """A record as one line of JSON. Of an exception only its type and where it arose are told: messages may quote data."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.name.startswith("kenpo"):
            said["message"] = record.getMessage()
        else:
            said["message"] = str(record.msg)[:200]
        said |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            said["error"] = record.exc_info[0].__name__
            said["frames"] = _frames(record.exc_info[2])
        return json.dumps(said, ensure_ascii=False)


def _frames(trace: Any) -> list[str]:
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename.rsplit('/site-packages/')[-1]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    return found[-12:]


def configure() -> None:
    """Send all logs to the standard output as lines of JSON; once."""
    root = logging.getLogger()
    if any(isinstance(h.formatter, Json) for h in root.handlers):
        return
    handler = logging.StreamHandler()
    handler.setFormatter(Json())
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("axes", "procrastinate", "django.server", "fontTools"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class RequestLog:
    """Middleware: one line for every request; the path without its query, which may hold what was searched for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, then say how long it took."""
        began = time.perf_counter()
        response = self.get_response(request)
        user = getattr(request, "user", None)
        log.info(
            "request",
            extra={
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "milliseconds": round((time.perf_counter() - began) * 1000),
                "staff": getattr(user, "staff_id", ""),
            },
        )
        return response
