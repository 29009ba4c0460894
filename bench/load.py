"""An office served as a branch would, and people who use it in real time (locust)."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


def keep_browsers(home: Path) -> None:
    """Sessions of all who have accounts, signed in, so that hashing passwords is no part of what is measured.

    Called as the owner of the tables, in a process where Django is ready.
    """
    from django.contrib.sessions.backends.db import SessionStore

    from kenpo.office.models import Account

    found = []
    for account in Account.objects.order_by("staff_id"):
        session = SessionStore()
        session["_auth_user_id"] = str(account.pk)
        session["_auth_user_backend"] = "allauth.account.auth_backends.AuthenticationBackend"
        session["_auth_user_hash"] = account.get_session_auth_hash()
        session.save()
        found.append({"staff": account.staff_id, "session": str(session.session_key)})
    (home / "browsers.json").write_text(json.dumps(found), encoding="utf-8")


def load(home: Path, people: Path, users: int, minutes: float, *, settle: float = 0) -> None:
    """Serve the office of the environment and have people use it. people: what they do (a locust file); settle: seconds before
    they come.
    """
    environ = {**os.environ, "KENPO_BENCH": str(home)}
    log, port = (home / "serve.log").open("w"), _free_port()
    office = subprocess.Popen(
        [sys.executable, "-m", "kenpo.cli.main", "serve", "--port", str(port)],
        env=environ,
        stdout=log,
        stderr=log,
    )
    try:
        _wait(port)
        time.sleep(settle)
        out = home / "load"
        subprocess.run(
            [
                sys.executable, "-m", "locust", "-f", str(people), "--headless",
                "--users", str(users), "--spawn-rate", "10", "--run-time", f"{int(minutes * 60)}s", "--only-summary",
                "--host", f"http://127.0.0.1:{port}", "--csv", str(out), "--reset-stats",
            ],
            env=environ, check=False, stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
        _report(out)
    finally:
        office.send_signal(signal.SIGTERM)
        office.wait(60)


def _free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    """Until the office answers."""
    for _ in range(120):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2)
            return
        except OSError:
            time.sleep(1)
    raise SystemExit("the office did not come up")


def _report(out: Path) -> None:
    """What locust measured, page by page."""
    with out.with_name(f"{out.name}_stats.csv").open(encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            print(
                f"{row['Name']:<28} {int(row['Request Count']):>7,} requests, {int(row['Failure Count'])} failed,"
                f" p50 {row['50%']} ms, p95 {row['95%']} ms, max {float(row['Max Response Time']):.0f} ms,"
                f" {float(row['Requests/s']):.1f}/s"
            )
