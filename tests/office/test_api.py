"""The API: the same figures, the same permissions as the pages; asking twice does once."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tests.branches import TwoBranches
from tests.contents import EXAMPLES
from tests.offices import PASSWORD, People

from kenpo.catalogue import CASEKINDS, MEASURES
from kenpo.frame import cases, figures
from kenpo.lake import Lake
from kenpo.office import casework, tokens
from kenpo.office.acting import acting
from kenpo.office.models import Account, ApiToken, CaseRow
from kenpo.office.tokens import Scope

Browse = Callable[[Account], Client]
VOICE = CASEKINDS["customer_voice"]


class Program:
    """A program that uses the API with somebody's key."""

    def __init__(self, account: Account, *scopes: Scope) -> None:
        with acting(account.actor):
            chosen = list(scopes or Scope)
            self.key = tokens.make(account, "試験", chosen, timezone.localdate() + timedelta(days=1))
        self.client = Client()

    def get(self, path: str, **query: Any) -> Any:
        """The answer of a question."""
        return self.client.get(f"/api/v1{path}", query, headers={"authorization": f"Bearer {self.key}"})

    def post(self, path: str, said: Any, once: str = "irai-0001") -> Any:
        """The answer of a request."""
        return self.client.post(
            f"/api/v1{path}",
            json.dumps(said),
            content_type="application/json",
            headers={"authorization": f"Bearer {self.key}", "idempotency-key": once},
        )


def _voice(account: Account, key: str = "2026-001") -> str:
    with acting(account.actor):
        event = cases.open_case(
            VOICE,
            branch=account.branch,
            key=key,
            content=EXAMPLES["customer_voice"],
            received_on=timezone.localdate(),
            actor=account.actor,
            when=timezone.now(),
        )
        return casework.start(event).id


@pytest.fixture
def lake(both: TwoBranches, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The lake of the invented branches as the office's."""
    from dataclasses import replace

    from django.conf import settings

    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=both.lake.root))
    return both.lake


# ---- keys --------------------------------------------------------------------------------------------------------


def test_without_a_key_nothing_is_told(client: Client, people: People):
    for path in ("/measures", "/cases?kind=customer_voice", "/plans", "/worklists"):
        assert client.get(f"/api/v1{path}").status_code == 401


def test_a_key_is_told_once_and_only_its_digest_is_kept(client: Client, people: People):
    client.post(reverse("account_login"), {"login": "35-yamamoto", "password": PASSWORD})
    answer = client.post(reverse("token_new"), {"name": "月次の集計", "scopes": ["figures:read"], "days": 30})
    told = answer.content.decode().split("<code>")[1].split("</code>")[0]
    assert told.startswith("kenpo_")
    kept = ApiToken.objects.get()
    assert told not in repr(vars(kept))
    assert told not in client.get(reverse("tokens")).content.decode()
    again = Client().get("/api/v1/measures", headers={"authorization": f"Bearer {told}"})
    assert again.status_code == 200


def test_a_key_that_was_taken_back_or_is_over_opens_nothing(people: People):
    program = Program(people.yamamoto)
    with acting(people.yamamoto.actor):
        assert tokens.revoke(people.yamamoto, ApiToken.objects.get().pk)
    assert program.get("/measures").status_code == 401
    program = Program(people.yamamoto)
    ApiToken.objects.filter(revoked_at=None).update(expires_on=date(2020, 1, 1))
    assert program.get("/measures").status_code == 401


def test_the_key_of_somebody_whose_account_was_stopped_opens_nothing(people: People):
    program = Program(people.yamamoto)
    people.yamamoto.is_active = False
    people.yamamoto.save()
    assert program.get("/measures").status_code == 401


def test_a_key_does_no_more_than_its_scopes(people: People):
    program = Program(people.yamamoto, Scope.FIGURES)
    assert program.get("/measures").status_code == 200
    assert program.get("/cases", kind="customer_voice").status_code == 403
    assert (
        program.post(f"/cases/{_voice(people.yamamoto)}/actions", {"act": "claim", "expected": 1}).status_code
        == 403
    )


def test_nobody_takes_back_the_key_of_another(browse: Browse, people: People):
    Program(people.yamamoto)
    key = ApiToken.objects.get().pk
    assert browse(people.azuma).post(reverse("token_revoke", args=[key])).status_code == 404
    assert ApiToken.objects.get().revoked_at is None


# ---- figures -----------------------------------------------------------------------------------------------------


def test_figures_are_those_of_the_lake_to_the_digit(lake: Lake, people: People):
    measure = MEASURES["generic_volume_share"]
    told = Program(people.yamamoto).get("/measures/generic_volume_share/figures", of="35").json()
    stored = figures(lake, measure, branch="35").to_dicts()
    assert [(r["month"], r["rate"], r["numerator"], r["denominator"]) for r in told] == [
        (
            f"{r['month']:%Y-%m}",
            None if r["rate"] is None else str(r["rate"]),
            str(r["numerator"]),
            str(r["denominator"]),
        )
        for r in stored
    ]
    assert told


def test_a_figure_is_explained(lake: Lake, people: People):
    program = Program(people.yamamoto)
    (last,) = program.get("/measures/generic_volume_share/figures", of="35").json()[-1:]
    said = program.get("/measures/generic_volume_share/explain", of="35", month=last["month"]).json()
    assert (said["rate"], said["numerator"]) == (last["rate"], last["numerator"])


def test_a_measure_that_there_is_not_is_told_so(lake: Lake, people: People):
    answer = Program(people.yamamoto).get("/measures/nanika/figures")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_without_a_lake_the_answer_says_what_is_missing(people: People):
    answer = Program(people.yamamoto).get("/measures/generic_volume_share/figures")
    assert answer.status_code == 503
    assert "見つかりません" in answer.json()["message"]


# ---- worklists ---------------------------------------------------------------------------------------------------


def test_rows_of_a_worklist_are_those_of_ones_own_branch(lake: Lake, people: People):
    page = Program(people.yamamoto).get("/worklists/generic_switch/rows", limit=500).json()
    assert {row["branch"] for row in page["rows"]} <= {"35"}
    assert page["total"] >= len(page["rows"]) > 0


def test_azuma_of_tokyo_gets_no_row_of_yamaguchi(lake: Lake, people: People):
    program = Program(people.azuma)
    assert program.get("/worklists/generic_switch/rows", branch="35").status_code == 403
    page = program.get("/worklists/generic_switch/rows", limit=500).json()
    assert {row["branch"] for row in page["rows"]} <= {"13"}


def test_an_administrator_without_another_role_gets_no_rows(lake: Lake, people: People):
    assert Program(people.yamazaki).get("/worklists/generic_switch/rows").status_code == 403


# ---- cases -------------------------------------------------------------------------------------------------------


def test_cases_are_listed_page_by_page_each_once(people: People):
    ids = {_voice(people.yamamoto, f"2026-{n:03d}") for n in range(7)}
    program, seen, after = Program(people.yamamoto), [], ""
    for _ in range(4):
        page = program.get("/cases", kind="customer_voice", limit=2, after=after).json()
        seen += [c["id"] for c in page["cases"]]
        after = page["next"]
    assert after is None
    assert sorted(seen) == sorted(ids)


def test_a_case_is_told_with_its_history_and_what_may_be_done(people: People):
    id = _voice(people.yamamoto)
    told = Program(people.yamamoto).get(f"/cases/{id}").json()
    assert told["content"]["said"] == EXAMPLES["customer_voice"].said
    assert told["events"][0]["what"] == "opened"
    assert "take" in told["moves"]


@pytest.mark.parametrize("who", ["azuma", "kanda"])
def test_people_of_tokyo_get_nothing_of_yamaguchi_whatever_they_ask(people: People, who: str):
    id = _voice(people.yamamoto)
    program = Program(getattr(people, who))
    assert program.get(f"/cases/{id}").status_code == 404
    assert program.get(f"/cases/{id}", branch="35").status_code == 403
    assert program.get("/cases", kind="customer_voice").json()["cases"] == []
    assert program.get("/cases", kind="customer_voice", branch="35").status_code == 403
    assert program.post(f"/cases/{id}/actions", {"act": "claim", "expected": 1}).status_code == 404


def test_head_office_reads_the_branch_it_names_and_changes_nothing(people: People):
    id = _voice(people.yamamoto)
    program = Program(people.honda)
    assert program.get(f"/cases/{id}", branch="35").status_code == 200
    assert program.post(f"/cases/{id}/actions", {"act": "claim", "expected": 1}).status_code == 403


def test_a_case_is_opened_and_worked(people: People):
    program = Program(people.yamamoto)
    said = EXAMPLES["customer_voice"].model_dump(mode="json")
    made = program.post("/cases", {"kind": "customer_voice", "key": "2026-777", "content": said}).json()
    claimed = program.post(
        f"/cases/{made['id']}/actions", {"act": "claim", "expected": 1}, "irai-0002"
    ).json()
    assert claimed["owner"] == "35-yamamoto"
    moved = program.post(
        f"/cases/{made['id']}/actions", {"act": "move", "move": "take", "expected": 2}, "irai-0003"
    ).json()
    assert moved["state"] != made["state"]


def test_the_same_request_twice_does_it_once_and_answers_the_same(people: People):
    program, id = Program(people.yamamoto), _voice(people.yamamoto)
    said = {"act": "comment", "reason": "架空の覚書", "expected": 1}
    first = program.post(f"/cases/{id}/actions", said)
    again = program.post(f"/cases/{id}/actions", said)
    assert first.json() == again.json()
    with acting(people.yamamoto.actor):
        assert len(casework.load(id).events) == 2


def test_another_request_under_the_same_key_is_refused(people: People):
    program, id = Program(people.yamamoto), _voice(people.yamamoto)
    program.post(f"/cases/{id}/actions", {"act": "claim", "expected": 1})
    answer = program.post(f"/cases/{id}/actions", {"act": "release", "expected": 2})
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["message"]


def test_a_refused_request_may_be_asked_again_under_its_key(people: People):
    program, id = Program(people.yamamoto), _voice(people.yamamoto)
    said = {"act": "release", "expected": 1}
    assert program.post(f"/cases/{id}/actions", said).status_code == 422
    with acting(people.yamamoto.actor):
        casework.act(id, cases.claim, expected=1)
    assert program.post(f"/cases/{id}/actions", {**said, "expected": 2}, "irai-0009").status_code == 200


def test_a_stale_request_is_told_so_and_changes_nothing(people: People):
    program, id = Program(people.yamamoto), _voice(people.yamamoto)
    with acting(people.yamada.actor):
        casework.act(id, cases.claim, expected=1)
    answer = program.post(f"/cases/{id}/actions", {"act": "claim", "expected": 1})
    assert answer.status_code == 409
    with acting(people.yamamoto.actor):
        assert CaseRow.objects.get().owner == "35-yamada"


def test_a_content_with_wrong_fields_is_refused_by_their_names(people: People):
    answer = Program(people.yamamoto).post(
        "/cases", {"kind": "customer_voice", "key": "2026-1", "content": {"channel": "空飛ぶ円盤"}}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_content")
    assert "空飛ぶ" not in answer.content.decode()


def test_a_case_that_comes_from_a_worklist_is_not_opened_by_hand(people: People):
    answer = Program(people.yamamoto).post("/cases", {"kind": "generic_notice", "key": "1", "content": {}})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_pages_and_api_tell_of_opened_cases_in_the_audit_log(people: People):
    from kenpo.office.models import AuditRow

    id = _voice(people.yamamoto)
    Program(people.yamamoto).get(f"/cases/{id}")
    with acting(people.yamaguchi.actor):
        assert AuditRow.objects.filter(what="case_opened", case=id).count() == 1


# ---- the specification -------------------------------------------------------------------------------------------


def test_the_specification_names_every_operation_its_answers_and_what_is_refused(client: Client):
    spec = client.get("/api/v1/openapi.json").json()
    assert spec["info"]["title"] == "kenpo API"
    for path, operations in spec["paths"].items():
        for verb, operation in operations.items():
            assert operation["summary"], (verb, path)
            assert "200" in operation["responses"]


def test_no_address_of_the_documentation_loads_anything_from_elsewhere(client: Client):
    assert client.get("/api/v1/docs").status_code == 404
