"""People (利用者): what stands between signing in and work, and what is written down of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.signals import password_changed
from allauth.mfa.signals import authentication_failed
from allauth.mfa.utils import is_mfa_enabled
from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from kenpo.frame.cases import Actor
from kenpo.office import audit
from kenpo.office.acting import acting
from kenpo.office.models import Account


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by the administrator, never by signing up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Closed."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """To today's work."""
        return reverse("today")


class Duties:
    """Middleware: before any work, a password that must be changed is changed, and a second factor set up where required."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, or the way to what must be done first."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Only pages of the office wait; those by which one signs in and sets things up are always open."""
        user = request.user
        if not hasattr(view, "office_page") or not isinstance(user, Account):
            return None
        if user.must_change_password:
            return redirect("account_change_password")
        if settings.CONFIG.mfa and not is_mfa_enabled(user):
            return redirect("mfa_activate_totp")
        return None


def _write(account: Account | None, what: audit.What, detail: str = "") -> None:
    if account is None:
        return
    with acting(account.actor if account.is_active else Actor(account.staff_id, account.branch, frozenset())):
        audit.record(what, detail=detail)


def _signed_in(sender: object, request: HttpRequest, user: Account, **kwargs: Any) -> None:
    _write(user, audit.What.SIGNED_IN)


def _signed_out(sender: object, request: HttpRequest, user: Account | None, **kwargs: Any) -> None:
    _write(user, audit.What.SIGNED_OUT)


def signing_in(request: HttpRequest | None, credentials: Mapping[str, Any] | None = None) -> str:
    """The 職員番号 somebody tries to sign in with, in lower case; counted for the lock-out."""
    given = dict(credentials or {})
    if not given and request is not None:
        given = {"login": request.POST.get("login", "")}
    return str(given.get("staff_id") or given.get("username") or given.get("login") or "").strip().lower()


def _changed_password(sender: object, request: HttpRequest, user: Account, **kwargs: Any) -> None:
    """A password the administrator told is one's own once it is changed."""
    if user.must_change_password:
        user.must_change_password = False
        user.save(update_fields=["must_change_password"])
    _write(user, audit.What.PASSWORD_CHANGED)


def _known(staff_id: object) -> Account | None:
    return Account.objects.filter(staff_id=str(staff_id or "").lower()).first()


def _failed(sender: object, credentials: dict[str, Any], **kwargs: Any) -> None:
    _write(_known(signing_in(None, credentials)), audit.What.SIGN_IN_FAILED)


def _wrong_code(sender: object, request: HttpRequest, user: Account, **kwargs: Any) -> None:
    """A wrong code of the second factor counts as a wrong password does."""
    user_login_failed.send(sender, credentials={"username": user.staff_id}, request=request)


def _locked(sender: object, username: str | None = None, **kwargs: Any) -> None:
    _write(_known(username), audit.What.LOCKED_OUT)


def connect() -> None:
    """Have signing in, out, and refusals written to the audit log."""
    user_logged_in.connect(_signed_in, dispatch_uid="kenpo.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="kenpo.signed_out")
    user_login_failed.connect(_failed, dispatch_uid="kenpo.failed")
    authentication_failed.connect(_wrong_code, dispatch_uid="kenpo.code")
    password_changed.connect(_changed_password, dispatch_uid="kenpo.password")
    user_locked_out.connect(_locked, dispatch_uid="kenpo.locked")
