"""How long what is kept (保存期間)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from kenpo.office import retention
from kenpo.office.acting import page


@page()
def periods(request: HttpRequest) -> HttpResponse:
    """Every table with its period, its ground, and how many rows are past it."""
    return render(request, "office/retention.html", {"periods": retention.periods()})


urlpatterns = [path("retention/", periods, name="retention")]
