"""The audit log (操作記録): who opened what, append-only, each entry holding the hash of the one before of its branch."""

from __future__ import annotations

from django.db import models


class AuditRow(models.Model):
    """One entry. branch: of the person; about_branch: of what was opened. what: see kenpo.office.audit.What."""

    pk = models.CompositePrimaryKey("branch", "sequence")
    branch = models.CharField(max_length=2)
    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=40)
    what = models.CharField(max_length=40)
    about_branch = models.CharField(max_length=2, blank=True)
    case = models.CharField(max_length=32, blank=True)
    subject = models.CharField(max_length=64, blank=True)
    detail = models.TextField(blank=True)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "office_audit"
        indexes = (
            models.Index(fields=("branch", "-at"), name="audit_at"),
            models.Index(fields=("branch", "actor", "-at"), name="audit_actor"),
            models.Index(fields=("branch", "what", "-at"), name="audit_what"),
        )
