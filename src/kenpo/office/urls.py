"""The addresses of the office's pages; each family of pages lists its own."""

from __future__ import annotations

from importlib import import_module

from allauth.account import views as account
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.http import require_GET

from kenpo.office.api import api

FAMILIES = (
    "health",
    "today",
    "nation",
    "boards",
    "plans",
    "figures",
    "effects",
    "accounts",
    "tokens",
    "audit",
    "jobs",
    "retention",
    "workload",
    "queue",
    "case",
    "bulk",
    "opt_outs",
    "letters",
    "identities",
    "worklists",
)
"""Modules of kenpo.office.views with `urlpatterns`."""


def absent(request: HttpRequest) -> HttpResponse:
    """Nothing is here; allauth wants the address to exist."""
    raise Http404


_ACCOUNT = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", account.password_change, name="account_change_password"),
    path("password/reset/", require_GET(account.password_reset), name="account_reset_password"),
    path("signup/", account.signup, name="account_signup"),
    path("email/", absent, name="account_email"),
    path("2fa/", include("allauth.mfa.urls")),
]
"""Of allauth's pages those that are used: nobody signs up, is sent mail, or resets a password without the administrator."""

urlpatterns = [
    *(p for family in FAMILIES for p in import_module(f"kenpo.office.views.{family}").urlpatterns),
    path("api/v1/", api.urls),
    path("account/", include(_ACCOUNT)),
]
