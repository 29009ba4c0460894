"""Cases of the tests: notices of what a generic saves, sheets for institutions and voices, opened as the office opens them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from tests.offices import PASSWORD

from kenpo.catalogue import CASEKINDS
from kenpo.frame import cases
from kenpo.frame.cases import Case
from kenpo.office import casework
from kenpo.office.acting import acting
from kenpo.office.models import Account

NOTICE = CASEKINDS["generic_notice"]
VOICE = CASEKINDS["customer_voice"]


def member(name: str) -> str:
    """The key of an invented member."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def notice(saving: int = 1200, age: int = 60) -> dict[str, Any]:
    """The content of a notice."""
    drugs = [{"name": "架空錠10mg", "days": 28, "cost": saving * 2, "saving": saving}]
    return {"age": age, "notice": {"month": "2026-03-01", "drugs": drugs, "saving": saving}}


def voice(**more: Any) -> dict[str, Any]:
    """The content of a voice that wants an answer by telephone."""
    return {
        "channel": "phone",
        "sort": "complaint",
        "about": "benefits",
        "said": "申請から支給までの日数が長い。",
        "wants_answer": True,
        **more,
    }


def open_notices(
    account: Account, count: int = 1, *, received: date | None = None, **content: Any
) -> list[Case]:
    """Open notices as an account of the branch; the first has priority 1."""
    day = received or timezone.localdate()
    found = []
    for n in range(1, count + 1):
        subject = member(f"{account.branch}-{day}-{n}")
        event = cases.open_case(
            NOTICE,
            branch=account.branch,
            key=f'["{subject}","2026-03-01"]',
            content=notice(**{"saving": 1000 + 10 * n, **content}),
            received_on=day,
            actor=account.actor,
            when=timezone.now(),
            subject=subject,
            priority=n,
            origin={
                "worklist": "generic_switch",
                "reason": "saving",
                "reason_label": "軽減額が基準以上",
                "month": "2026-03-01",
                "file": "RECODEINFO_MED.CSV",
                "source_line": 12345,
            },
        )
        with acting(account.actor):
            found.append(casework.start(event))
    return found


def open_voice(account: Account, key: str = "V-1", *, days_ago: int = 0, **content: Any) -> Case:
    """Open a voice as an account of the branch."""
    event = cases.open_case(
        VOICE,
        branch=account.branch,
        key=key,
        content=voice(**content),
        received_on=timezone.localdate() - timedelta(days=days_ago),
        actor=account.actor,
        when=timezone.now(),
    )
    with acting(account.actor):
        return casework.start(event)


def now(account: Account, case: str) -> Case:
    """A case as it is now, as an account sees it."""
    with acting(account.actor):
        return casework.load(case).case


def recently(client: Client) -> Client:
    """The browser of somebody who has just given the password again."""
    answer = client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert answer.status_code == 302
    return client


def looking_at(client: Client, branch: str) -> Client:
    """The browser of somebody of 本部 who has chosen a branch."""
    session = client.session
    session["branch"] = branch
    session.save()
    return client


def text_of(response: Any) -> str:
    """What a page says, without its marks."""
    plain = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", plain)


@contextmanager
def counted() -> Iterator[list[str]]:
    """What is asked of the database meanwhile, but for the marks of transactions within the test's own."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as asked:
        yield found
    found += [q["sql"] for q in asked if "SAVEPOINT" not in q["sql"]]
