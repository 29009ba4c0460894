"""The addresses of the office's pages; each family of pages lists its own."""

from __future__ import annotations

from importlib import import_module

from django.urls import include, path

FAMILIES = (
    "health",
    "today",
    "nation",
    "accounts",
    "audit",
    "jobs",
    "workload",
    "queue",
    "case",
    "bulk",
    "opt_outs",
    "worklists",
)
"""Modules of kenpo.office.views with `urlpatterns`."""

urlpatterns = [
    *(p for family in FAMILIES for p in import_module(f"kenpo.office.views.{family}").urlpatterns),
    path("account/", include("allauth.urls")),
]
