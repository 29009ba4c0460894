"""Progress reports on their way to be finished (進捗報告の提出・確認・確定). Their content stands in the plan files alone."""

from __future__ import annotations

from django.db import models


class PlanStep(models.Model):
    """A step of a progress report: who took it, when, and for which content.

    step: submitted, checked, returned, frozen or reopened. mark: of the content it holds for, see kenpo.office.plans.mark.
    note: the reason, where one is asked for.
    """

    branch = models.CharField(max_length=2)
    plan = models.CharField(max_length=16)
    period = models.CharField(max_length=6)
    step = models.CharField(max_length=12)
    mark = models.CharField(max_length=64)
    note = models.TextField(blank=True)
    by = models.CharField(max_length=40)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "office_plan_step"
        indexes = (models.Index(fields=("branch", "plan", "period", "id"), name="plan_step_report"),)
