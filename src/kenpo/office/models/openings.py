"""Openings (案件を始める): a worklist on its way to cases, first as a plan, then carried out."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Opening(models.Model):
    """One run of a worklist. states: preparing → prepared → opening → done, or cancelled, or failed (error says why).

    settings: month, capacity, control_share, seed, quiet_days as given. counts: what the plan says, outcome by outcome.
    """

    branch = models.CharField(max_length=2)
    kind = models.CharField(max_length=60)
    worklist = models.CharField(max_length=60)
    settings = models.JSONField()
    state = models.CharField(max_length=20, default="preparing")
    counts = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    by = models.CharField(max_length=40)
    at = models.DateTimeField(auto_now_add=True)
    confirmed_by = models.CharField(max_length=40, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "office_opening"
        indexes = (models.Index(fields=("branch", "-at"), name="opening_at"),)


class OpeningRow(models.Model):
    """A row of the worklist and what becomes of it. outcome: open, control, excluded, over; why: reason of an exclusion."""

    branch = models.CharField(max_length=2)
    opening = models.ForeignKey(Opening, on_delete=models.CASCADE, related_name="rows")
    place = models.IntegerField()
    case = models.CharField(max_length=32)
    key = models.TextField()
    subject = models.CharField(max_length=64, null=True)
    priority = models.IntegerField()
    reason = models.CharField(max_length=60)
    outcome = models.CharField(max_length=20)
    why = models.CharField(max_length=40, blank=True)
    summary = models.TextField(blank=True)
    row = models.JSONField(null=True)
    content = models.JSONField(null=True)
    done = models.BooleanField(default=False)

    class Meta:
        db_table = "office_opening_row"
        constraints = (models.UniqueConstraint(fields=("opening", "place"), name="opening_place"),)
        indexes = (
            models.Index(fields=("opening", "outcome", "place"), name="opening_outcome"),
            models.Index(fields=("opening", "outcome", "reason", "place"), name="opening_reason"),
            models.Index(fields=("opening", "place"), name="opening_open", condition=Q(done=False)),
        )
