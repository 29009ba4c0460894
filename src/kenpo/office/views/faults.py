"""Pages for what goes wrong (誤りの画面)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was sent after its session had ended, or from elsewhere."""
    return render(request, "csrf.html", status=403)
