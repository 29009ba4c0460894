"""The Django app of the office."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class Office(AppConfig):
    """kenpo.office as one Django app."""

    name = "kenpo.office"
    label = "office"
    verbose_name = "案件"

    def ready(self) -> None:
        """Set logging up, have sign-ins written to the audit log, and guard the tables after every migration."""
        from kenpo.office import guards, logs, people

        logs.configure()
        people.connect()
        post_migrate.connect(guards.guard, sender=self, dispatch_uid="kenpo.guard")
