"""Whether the office can work (稼働の確認)."""

from __future__ import annotations

from functools import lru_cache

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.urls import path

SILENT = 60
"""Seconds without a sign of life after which no worker is there."""


def healthz(request: HttpRequest) -> JsonResponse:
    """Whether pages can be served: 200 and status ok, or 503 and what is wrong. Nothing of what is stored is told.

    status: ok, database (it does not answer) or migrations (its tables are not those of this program). jobs: ok, or
    stopped when no worker has given a sign of life; pages can be served all the same.
    """
    try:
        late = behind()
        with connection.cursor() as cursor:
            cursor.execute(
                "select exists(select from procrastinate_workers where last_heartbeat > now() - make_interval(secs => %s))",
                [SILENT],
            )
            found = cursor.fetchone()
    except DatabaseError:
        return JsonResponse({"status": "database"}, status=503)
    if late:
        return JsonResponse({"status": "migrations"}, status=503)
    return JsonResponse({"status": "ok", "jobs": "ok" if found and found[0] else "stopped"})


def behind() -> bool:
    """Whether a migration is missing; asked once, until none is."""
    found = _missing()
    if found:
        _missing.cache_clear()
    return found


@lru_cache(maxsize=1)
def _missing() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


urlpatterns = [path("healthz", healthz, name="healthz")]
