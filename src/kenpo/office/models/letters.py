"""Letters (通知): runs as printed, each letter of them, and the numbers they bear (文書番号)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class LetterCounter(models.Model):
    """The last number given out (文書番号の台帳) of a branch, fiscal year and group."""

    pk = models.CompositePrimaryKey("branch", "fiscal_year", "group")
    branch = models.CharField(max_length=2)
    fiscal_year = models.IntegerField()
    group = models.CharField(max_length=20)
    last = models.IntegerField(default=0)

    class Meta:
        db_table = "office_letter_counter"


class LetterRun(models.Model):
    """Letters printed together (発送の束): of one kind of case and one letter. states: waiting, printing, printed, failed."""

    branch = models.CharField(max_length=2)
    kind = models.CharField(max_length=60)
    letter = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    version = models.IntegerField()
    day = models.DateField()
    by = models.CharField(max_length=40)
    at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=20, default="waiting")
    total = models.IntegerField(default=0)
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "office_letter_run"
        indexes = (models.Index(fields=("branch", "-at"), name="letter_run_at"),)


class LetterBatch(models.Model):
    """A PDF of a run: the letters of one file, sealed. missing: characters the font does not have, without their texts."""

    branch = models.CharField(max_length=2)
    run = models.ForeignKey(LetterRun, on_delete=models.PROTECT, related_name="batches")
    number = models.IntegerField()
    blob = models.ForeignKey("SealedBlob", on_delete=models.PROTECT)
    letters = models.IntegerField()
    pages = models.IntegerField()
    missing = models.JSONField(default=list)

    class Meta:
        db_table = "office_letter_batch"
        constraints = (models.UniqueConstraint(fields=("run", "number"), name="letter_batch_number"),)


class LetterRow(models.Model):
    """One letter (1通). batch is empty until it is printed; skipped says why it was not (宛先不明 …). token: what its QR code says."""

    branch = models.CharField(max_length=2)
    run = models.ForeignKey(LetterRun, on_delete=models.PROTECT, related_name="letters")
    case = models.CharField(max_length=32, db_index=True)
    subject_kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=64)
    expected = models.IntegerField()
    number = models.CharField(max_length=60, null=True)
    token = models.CharField(max_length=40, null=True)
    batch = models.ForeignKey(LetterBatch, on_delete=models.PROTECT, null=True, related_name="rows")
    first_page = models.IntegerField(null=True)
    last_page = models.IntegerField(null=True)
    sent = models.IntegerField(null=True)
    sent_on = models.DateField(null=True)
    returned_on = models.DateField(null=True)
    returned_reason = models.TextField(blank=True)
    skipped = models.TextField(blank=True)

    class Meta:
        db_table = "office_letter"
        constraints = (
            models.UniqueConstraint(fields=("run", "case"), name="letter_case_once"),
            models.UniqueConstraint(fields=("branch", "number"), name="letter_number"),
            models.UniqueConstraint(fields=("token",), name="letter_token"),
        )
        indexes = (
            models.Index(fields=("branch", "subject", "sent_on"), name="letter_subject"),
            models.Index(fields=("run", "id"), name="letter_open", condition=Q(batch__isnull=True)),
            models.Index(fields=("branch", "returned_on"), name="letter_returned", condition=Q(returned_on__isnull=False)),
        )  # fmt: skip
