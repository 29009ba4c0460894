"""Who acts (操作する人): every query runs for one account and one branch, and PostgreSQL shows nothing of any other.

`acting` opens a transaction and tells PostgreSQL the branch that may be seen, the one that may be written to, and the
person's own; row-level security does the rest, also where a query forgets to ask for the branch. Without it nothing is
seen at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.frame.casekind import Role
from kenpo.frame.cases import Actor
from kenpo.office.models import Account


@dataclass(frozen=True)
class Duty:
    """Someone at work in a branch: who, and the branch that is looked at (another's only for 本部, which may only read)."""

    actor: Actor
    branch: str

    @property
    def writes(self) -> str:
        """The branch that may be written to, nothing for who only reads."""
        return self.branch if self.branch == self.actor.branch else ""

    def has(self, *roles: Role) -> bool:
        """Whether the person holds one of some roles."""
        return any(r in self.actor.roles for r in roles)


SYSTEM = "kenpo"
"""Who acts when nobody does: the programs that run by night (夜間の処理)."""

_duty: ContextVar[Duty | None] = ContextVar("duty", default=None)


def on_duty() -> Duty:
    """Who acts now. Raises RuntimeError outside `acting`."""
    duty = _duty.get()
    if duty is None:
        raise RuntimeError("nobody acts: use kenpo.office.acting.acting")
    return duty


@contextmanager
def acting(actor: Actor, branch: str | None = None) -> Iterator[Duty]:
    """Act as someone in one transaction: it holds altogether or not at all.

    branch: which to look at, the person's own unless told; another only for 本部. Raises PermissionDenied otherwise.
    """
    place = branch or actor.branch
    if place != actor.branch and Role.HEAD_OFFICE not in actor.roles:
        raise PermissionDenied
    duty = Duty(actor, place)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "select set_config('kenpo.branch', %s, true), set_config('kenpo.writes', %s, true),"
                " set_config('kenpo.home', %s, true)",
                (duty.branch, duty.writes, actor.branch),
            )
        token = _duty.set(duty)
        try:
            yield duty
        finally:
            _duty.reset(token)


@contextmanager
def system(branch: str) -> Iterator[Duty]:
    """Act in a branch as the programs that run by night, which hold no role and make no decision."""
    with acting(Actor(SYSTEM, branch, frozenset())) as duty:
        yield duty


def account_of(staff_id: str) -> Account:
    """The account of who asked for a job, to act for them. Raises PermissionDenied when it may work no more."""
    account = Account.objects.filter(staff_id=staff_id, is_active=True).first()
    if account is None:
        raise PermissionDenied
    return account


STAFF = tuple(r for r in Role if r not in (Role.HEAD_OFFICE, Role.ADMINISTRATOR))
"""Those who work in a branch."""

View = Callable[..., HttpResponse]


def page(*roles: Role, reads: bool = True, recent: bool = False) -> Callable[[View], View]:
    """Declare a view a page of the office: signed in, with one of some roles (any when none is named), acting in a branch.

    reads: whether 本部 may look at it for the branch it has chosen (session key `branch`); it never writes. recent: the person
    must have signed in or given the password within the last minutes (再認証), as for identities and exports. A view that is
    no page is found by the tests.
    """

    def declare(view: View) -> View:
        @wraps(view)
        def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            actor = Account.actor.fget(request.user)  # type: ignore[attr-defined]
            head_office = Role.HEAD_OFFICE in actor.roles
            holds = any(r in actor.roles for r in roles)
            if not (holds or (reads if head_office else not roles)):
                raise PermissionDenied
            with acting(actor, looked_at(request, actor)):
                return view(request, *args, **kwargs)

        guarded: Any = _signed_in(_recently(shown) if recent else shown)
        guarded.office_page = roles
        return guarded

    return declare


def _signed_in(view: View) -> View:
    """The view, for who has signed in; the others go to the entrance, or are told so where the page asks by itself (htmx),
    so that what was typed on it stays.
    """
    guarded = login_required(view)

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.headers.get("hx-request") == "true" and not request.user.is_authenticated:
            return HttpResponse(status=401)
        return guarded(request, *args, **kwargs)

    return shown


def _recently(view: View) -> View:
    """The view, shown only to who has just given the password; what was sent with a form is not kept meanwhile."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user: Any = request.user
        latest = max((m["at"] for m in get_authentication_records(request, user)), default=0)
        if time.time() - latest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT:
            return view(request, *args, **kwargs)
        back = request.get_full_path()
        if request.method != "GET":
            back = request.headers.get("referer", "") or back
            messages.info(request, "本人の確認のあと、もう一度操作してください。")
        answer = redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': _local(request, back)})}")
        if request.headers.get("hx-request") == "true":
            answer = HttpResponse(headers={"HX-Redirect": answer["Location"]})
        return answer

    return shown


def _local(request: HttpRequest, url: str) -> str:
    """The path of a page of the office, the first page for any other address."""
    if not url_has_allowed_host_and_scheme(url, {request.get_host()}):
        return "/"
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def looked_at(request: HttpRequest, actor: Actor) -> str:
    """The branch someone looks at: their own, or for 本部 the one it has chosen."""
    if Role.HEAD_OFFICE not in actor.roles:
        return actor.branch
    chosen = request.session.get("branch", NATION_CODE)
    return chosen if chosen in BRANCH_CODES else NATION_CODE
