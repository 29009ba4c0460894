"""The API is asked whatever its specification allows, and much that it does not: never a fault of the server, never
something of another branch."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from tests.branches import TwoBranches
from tests.contents import EXAMPLES
from tests.offices import People

from kenpo.catalogue import CASEKINDS
from kenpo.frame import cases
from kenpo.office import casework, tokens
from kenpo.office.acting import acting
from kenpo.office.models import Account

MARK = "東京支部だけの申出の内容"

schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler())


@pytest.fixture(autouse=True)
def one_transaction() -> Iterator[None]:
    """Requests leave the test's connection open, as those of Django's own test client do."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def key(people: People) -> Callable[[Account], str]:
    """Keys that may do everything their people may, in an office where 東京 has a case of its own."""
    voice = EXAMPLES["customer_voice"].model_copy(update={"said": MARK})
    for account, content in ((people.azuma, voice), (people.yamamoto, EXAMPLES["customer_voice"])):
        with acting(account.actor):
            event = cases.open_case(
                CASEKINDS["customer_voice"],
                branch=account.branch,
                key="1",
                content=content,
                received_on=timezone.localdate(),
                actor=account.actor,
                when=timezone.now(),
            )
            casework.start(event)

    def made(account: Account) -> str:
        with acting(account.actor):
            return tokens.make(account, "試験", list(tokens.Scope), timezone.localdate())

    return made


@pytest.fixture(autouse=True)
def lake(both: TwoBranches, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lake of the invented branches as the office's."""
    monkeypatch.setattr(django_settings, "CONFIG", replace(django_settings.CONFIG, lake=both.lake.root))


@pytest.fixture
def told(key: Callable[[Account], str], people: People) -> str:
    """The key of 山本 of 山口支部."""
    return key(people.yamamoto)


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_the_answer_is_orderly_and_of_ones_own_branch(case: schemathesis.Case, told: str):
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {told}"}
    answer = case.call()
    assert answer.status_code < 500, (case.method, case.path, answer.status_code)
    assert MARK not in answer.text
    orderly = "json" in answer.headers.get("content-type", [""])[0] or answer.status_code in (400, 404, 405)
    assert orderly, (case.method, case.path, answer.status_code)
    if answer.status_code in (403, 409, 422, 503):
        assert set(answer.json()) >= {"code", "message"}
