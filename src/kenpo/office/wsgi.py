"""The office as a WSGI application, for gunicorn."""

from __future__ import annotations

from kenpo.office import setup

setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402

application = WSGIHandler()
