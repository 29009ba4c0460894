"""Every page and export is tried as each role and as another branch's staff: what the table says happens, and nothing leaks.

The table, role_matrix.yaml, is read by clerks. What is there to be opened is made once, in tests/full_branch.py.
"""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.apps import apps
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import ProgrammingError, connection, transaction
from django.db.models import Model
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from psycopg.types.json import Jsonb
from tests import full_branch, mail
from tests.branches import TwoBranches
from tests.full_branch import FullBranch
from tests.offices import PASSWORD, People, make_people

from kenpo.office import tokens
from kenpo.office.acting import acting
from kenpo.office.guards import tables
from kenpo.office.tokens import Scope

TABLE = yaml.safe_load(Path(__file__).with_name("role_matrix.yaml").read_text(encoding="utf-8"))
WHO: tuple[str, ...] = tuple(TABLE["who"])
ROWS: list[dict[str, Any]] = TABLE["pages"]
OUTSIDERS = ("東担", "東長", "外")
"""Who may see nothing at all of 山口支部."""

HEAD_OFFICE = ("本全", "本山")
"""Who may change nothing of it."""

OPEN = {
    "healthz", "account_login", "account_logout", "account_inactive", "account_signup", "account_reset_password",
    "account_email", "account_change_password", "account_reauthenticate",
    "mfa_index", "mfa_authenticate", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp",
    "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes",
}  # fmt: skip
"""Addresses that are no pages of the office: signing in, one's own password and second factor, and whether it works."""

KEYLESS = {"api:openapi-json", "api:api-root"}
"""Addresses of the API that ask for no key: what it offers."""


# ---- asking --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What somebody got. changed: whether anything of 山口支部 is another than before."""

    row: int
    who: str
    method: str
    status: int
    text: str
    sent: str
    changed: bool

    @property
    def where(self) -> str:
        """The place in the table."""
        row = ROWS[self.row]
        return f"{row['page']}（{row['what']}）{self.method} {self.who}"


@dataclass(frozen=True)
class Asked:
    """Everything that was asked and answered."""

    full: FullBranch
    answers: tuple[Answer, ...]

    def of(self, *who: str) -> Iterator[Answer]:
        """The answers some people got."""
        return (a for a in self.answers if a.who in who)


@pytest.fixture(scope="module")
def asked(
    django_db_setup: None, django_db_blocker: Any, both: TwoBranches, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    """Every row of the table, asked by everybody; each answer leaves nothing behind."""
    home = tmp_path_factory.mktemp("matrix")
    logging.disable()
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), transaction.atomic():
        patch.setattr(
            settings, "CONFIG", replace(settings.CONFIG, lake=both.lake_path, home=home, plans=home / "plans")
        )
        full_branch.write_plan(home / "plans")
        people = make_people()
        full = full_branch.fill(people)
        values = _values(full, people)
        passes, before = _passes(people), _state()
        client = Client(raise_request_exception=False, headers={"accept-language": "ja"})
        yield Asked(
            full,
            tuple(
                _ask(client, n, row, values, who, method, passes.get(who), before)
                for n, row in enumerate(ROWS)
                for method in ("GET", "POST")
                if method in row
                for who in WHO
            ),
        )
        transaction.set_rollback(True)
    connection.close()
    logging.disable(logging.NOTSET)


def _values(full: FullBranch, people: People) -> dict[str, str]:
    """What stands for {…} in the table."""
    things = {f.name: getattr(full, f.name) for f in fields(full) if f.name != "words"}
    ids = {name: str(getattr(thing, "pk", getattr(thing, "id", thing))) for name, thing in things.items()}
    return ids | {
        "clerk": str(people.yamamoto.pk),
        "subject": mail.subject(1),
        "other": mail.subject(2),
        "number": str(full.letter.number),
        "today": f"{timezone.localdate()}",
    }


@dataclass(frozen=True)
class Pass:
    """What lets somebody in: the cookie of a session, and a key of the API."""

    cookie: str
    key: str


def _passes(people: People) -> dict[str, Pass]:
    """What lets everybody in; each has just given the password."""
    accounts = [
        people.yamamoto, people.yamada, people.yamane, people.yamashita, people.yamaguchi, people.yamazaki,
        people.azuma, people.kanda, people.honda, people.honda,
    ]  # fmt: skip
    found = {}
    for who, account in zip(WHO[:-1], accounts, strict=True):
        client = Client()
        client.post(reverse("account_login"), {"login": account.staff_id, "password": PASSWORD})
        if who == "本山":
            client.post(reverse("choose_branch"), {"branch": "35"})
        with acting(account.actor):
            key = tokens.make(account, "試験", list(Scope), timezone.localdate())
        found[who] = Pass(client.cookies[settings.SESSION_COOKIE_NAME].value, key)
    return found


def _ask(
    client: Client,
    number: int,
    row: Mapping[str, Any],
    values: Mapping[str, str],
    who: str,
    method: str,
    pass_: Pass | None,
    before: list[tuple[Any, ...]],
) -> Answer:
    at = reverse(row["page"], kwargs={k: v.format(**values) for k, v in row.get("with", {}).items()})
    place = f"{at}?{row.get('query', '').format(**values)}"
    sent = {k: v.format(**values) if isinstance(v, str) else v for k, v in row.get("send", {}).items()}
    client.cookies.clear()
    with transaction.atomic():
        if row["page"].startswith("api:"):
            response = _by_program(client, method, place, sent, pass_)
        else:
            response = _by_browser(client, method, place, sent, pass_)
        text = _text(response)
        changed = (method == "GET" or who in (*OUTSIDERS, *HEAD_OFFICE)) and _state() != before
        transaction.set_rollback(True)
    return Answer(number, who, method, response.status_code, text, f"{place} {sent}", changed)


def _by_browser(client: Client, method: str, place: str, sent: dict[str, Any], pass_: Pass | None) -> Any:
    if pass_:
        client.cookies[settings.SESSION_COOKIE_NAME] = pass_.cookie
    files = {k: SimpleUploadedFile("試験.txt", v.encode()) for k, v in sent.items() if k == "file"}
    return client.get(place) if method == "GET" else client.post(place, {**sent, **files})


def _by_program(client: Client, method: str, place: str, sent: dict[str, Any], pass_: Pass | None) -> Any:
    headers = {"authorization": f"Bearer {pass_.key}"} if pass_ else {}
    if method == "GET":
        return client.get(place, headers=headers)
    headers["idempotency-key"] = "irai-0002"
    return client.post(place, json.dumps(sent), content_type="application/json", headers=headers)


def _text(response: HttpResponse | StreamingHttpResponse) -> str:
    """All somebody gets: the headers, and the body, unpacked where it is packed."""
    body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[arg-type]
    if body[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            body = b"\n".join(packed.read(name) for name in packed.namelist())
    text = body.decode("utf-8", errors="replace")
    if "json" in response.get("Content-Type", ""):
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return f"{response.headers}\n{text}"


def _state() -> list[tuple[Any, ...]]:
    """Everything of 山口支部 but its audit log, as it stands."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('kenpo.branch', '35', true)")
        listed = sorted(set(tables()) & set(connection.introspection.table_names(cursor)) - {"office_audit"})
        each = [
            f"select '{t}', md5(coalesce(string_agg(t::text, ' ' order by t::text), '')) from {t} t"
            for t in listed
        ]
        each += [
            "select 'accounts', md5(string_agg(a::text, ' ' order by a::text)) from office_account a where branch = '35'"
        ]
        each += [
            "select 'jobs', md5(string_agg(j::text, ' ' order by j::text)) from procrastinate_jobs j where args->>'branch' = '35'"
        ]
        cursor.execute(" union all ".join(each))
        found = cursor.fetchall()
        transaction.set_rollback(True)
    return found


# ---- the table -----------------------------------------------------------------------------------------------------


def addresses() -> dict[str, URLPattern]:
    """Every address of the office by its name."""

    def below(patterns: list[URLPattern | URLResolver], space: str = "") -> Iterator[tuple[str, URLPattern]]:
        for one in patterns:
            if isinstance(one, URLResolver):
                yield from below(one.url_patterns, f"{one.namespace}:" if one.namespace else space)
            else:
                assert one.name
                yield f"{space}{one.name}", one

    return dict(below(get_resolver().url_patterns))


def test_every_address_stands_in_the_table() -> None:
    assert set(addresses()) - {row["page"] for row in ROWS} == set()
    assert {row["page"] for row in ROWS} - set(addresses()) == set()


def test_every_view_is_a_page_that_says_who_may_or_one_of_those_that_are_open() -> None:
    listed = addresses()
    pages = {n: one for n, one in listed.items() if not n.startswith("api:")}
    assert {n for n, one in pages.items() if not hasattr(one.callback, "office_page")} == OPEN
    asking = {n for n in listed if n.startswith("api:")} - KEYLESS
    answers = {
        n: Client().get(reverse(n, kwargs=dict.fromkeys(listed[n].pattern.converters, "x"))) for n in asking
    }
    assert {answer.status_code for answer in answers.values()} <= {401, 405}


def test_everybody_gets_what_the_table_says(asked: Asked) -> None:
    wrong = []
    for answer in asked.answers:
        expected = ROWS[answer.row][answer.method].split()[WHO.index(answer.who)]
        if str(answer.status) != expected:
            wrong.append(f"{answer.where}：{expected} のはずが {answer.status}")
    assert "\n".join(wrong) == ""


def test_each_word_of_the_branch_is_read_by_those_who_may_and_by_nobody_else(asked: Asked) -> None:
    """Words that somebody sent themselves come back to them and tell nothing."""
    wrong = []
    for what, words in asked.full.words.items():
        read: dict[str, str] = {}
        for answer in asked.answers:
            if any(word in answer.text and word not in answer.sent for word in words):
                read.setdefault(answer.who, answer.where)
        may = TABLE["words"][what].split()
        wrong += [f"{what}：{where}" for who, where in read.items() if who not in may]
        wrong += [f"{what}：{who} が読めない" for who in may if who not in read]
    assert "\n".join(wrong) == ""


def test_nobody_of_elsewhere_changes_anything(asked: Asked) -> None:
    assert [a.where for a in asked.of(*OUTSIDERS, *HEAD_OFFICE) if a.changed] == []


def test_nothing_is_changed_by_looking(asked: Asked) -> None:
    assert [a.where for a in asked.answers if a.method == "GET" and a.changed] == []


# ---- with the filter removed ---------------------------------------------------------------------------------------

WITHOUT_A_BRANCH = {
    "account_emailaddress": "empty: nobody is sent mail",
    "account_emailconfirmation": "empty: nobody is sent mail",
    "auth_group": "empty: roles stand in the account",
    "auth_group_permissions": "empty: roles stand in the account",
    "auth_permission": "names of tables",
    "axes_accessattempt": "who failed to sign in",
    "axes_accessattemptexpiration": "who failed to sign in",
    "axes_accessfailurelog": "empty: turned off",
    "axes_accesslog": "who signed in",
    "django_content_type": "names of tables",
    "django_migrations": "names of migrations",
    "django_session": "signed; who has signed in",
    "mfa_authenticator": "the second factor",
    "office_api_token": "digests of keys",
    "office_account": "who somebody is must be known before a branch is",
    "procrastinate_events": "when jobs ran",
    "procrastinate_jobs": "ids, branch and 職員番号",
    "procrastinate_periodic_defers": "when jobs ran",
    "procrastinate_workers": "signs of life",
}
"""Tables in which the application's role sees every row, and what stands in them."""


def _models() -> list[type[Model]]:
    """The tables with a branch."""
    return [m for m in apps.get_app_config("office").get_models() if m._meta.db_table in tables()]


def test_every_table_has_a_branch_or_stands_among_those_that_need_none(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name from information_schema.columns where column_name = 'branch' and table_schema = 'public'"
        )
        with_branch = {name for (name,) in cursor.fetchall()} - {"office_account"}
        there = set(connection.introspection.table_names(cursor))
    assert with_branch == set(tables())
    assert there - with_branch == set(WITHOUT_A_BRANCH)


def test_there_is_something_of_yamaguchi_in_every_table(people: People) -> None:
    """So that it says something when 東京 sees nothing of it."""
    full_branch.fill(people)
    with acting(people.yamaguchi.actor):
        assert [m.__name__ for m in _models() if not m._default_manager.exists()] == []


def test_azuma_of_tokyo_sees_no_row_of_yamaguchi_where_nothing_is_asked_of_the_branch(people: People) -> None:
    full_branch.fill(people)
    with acting(people.azuma.actor), connection.cursor() as cursor:
        for model in _models():
            assert not model._default_manager.exclude(branch="13").exists(), model
            assert not model._base_manager.filter(branch="35").exists(), model
            table = model._meta.db_table
            cursor.execute(f"select count(*) from {table} where branch <> '13' or branch is null")
            assert cursor.fetchone() == (0,), table
        cursor.execute("select count(*) from office_event e join office_case c on c.id = e.case")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("who", ["azuma", "honda"])
def test_nobody_of_elsewhere_writes_a_row_of_yamaguchi_whatever_is_asked(people: People, who: str) -> None:
    """東 of 東京, and 本田 of 本部 who looks at 山口."""
    full_branch.fill(people)
    before = _state()
    account = getattr(people, who)
    with acting(account.actor, "35" if who == "honda" else None):
        for model in _models():
            table = model._meta.db_table
            for change in (
                f"update {table} set branch = branch",
                f"update {table} set branch = '13'",
                f"delete from {table}",
            ):
                _tried(change)
            row, names = _row(table)
            marks = ", ".join(["%s"] * len(names))
            quoted = ", ".join(f'"{n}"' for n in names)
            with (
                pytest.raises(ProgrammingError, match="row-level security"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(f"insert into {table} ({quoted}) values ({marks})", row)
    assert _state() == before


def _tried(change: str) -> None:
    """Run a statement that is refused, or meets no row."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)
            assert cursor.rowcount == 0, change
    except ProgrammingError:
        return


def _row(table: str) -> tuple[list[Any], list[str]]:
    """A row of 山口支部, and its columns."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('kenpo.branch', '35', true), set_config('kenpo.home', '35', true)")
        cursor.execute(f"select * from {table} where branch = '35' limit 1")
        row, names = cursor.fetchone(), [c.name for c in cursor.description or ()]
        transaction.set_rollback(True)
    assert row is not None, table
    return [Jsonb(v) if isinstance(v, dict) else v for v in row], names
