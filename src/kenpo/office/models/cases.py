"""Cases (案件): events, which are the truth, and the row that says what a case is now."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class EventRow(models.Model):
    """One event of one case (履歴), append-only; the fields of `kenpo.frame.cases.Event` and the branch."""

    pk = models.CompositePrimaryKey("case", "sequence")
    case = models.CharField(max_length=32)
    sequence = models.IntegerField()
    branch = models.CharField(max_length=2)
    kind = models.CharField(max_length=60)
    when = models.DateTimeField()
    actor = models.CharField(max_length=40)
    role = models.CharField(max_length=40)
    what = models.CharField(max_length=20)
    payload = models.TextField()
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "office_event"
        indexes = (models.Index(fields=("branch", "when"), name="event_when"),)


_OPEN = Q(ended_on__isnull=True)


class CaseRow(models.Model):
    """What a case is now: the fold of its events, written in the same transaction as the last of them.

    waiting: the clock stands still. due: the last day on time, empty while it stands or without a deadline. returned: the
    last letter came back. Each order of a queue has an index that holds all the queue's conditions, so that at worst the
    entries of the open cases of a kind are read and none of the rows.
    """

    id = models.CharField(primary_key=True, max_length=32)
    branch = models.CharField(max_length=2)
    kind = models.CharField(max_length=60)
    version = models.IntegerField()
    key = models.TextField()
    subject = models.CharField(max_length=64, null=True)
    state = models.CharField(max_length=40)
    owner = models.CharField(max_length=40, null=True)
    priority = models.IntegerField(null=True)
    summary = models.TextField(default="")
    content = models.JSONField()
    origin = models.JSONField()
    received_on = models.DateField()
    due = models.DateField(null=True)
    waiting = models.BooleanField(default=False)
    ended_on = models.DateField(null=True)
    letters_due = ArrayField(models.CharField(max_length=60), default=list)
    returned = models.BooleanField(default=False)
    sequence = models.IntegerField()
    head = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "office_case"
        indexes = (
            models.Index(
                F("branch"), F("kind"), F("priority").asc(nulls_last=True), F("id"), name="case_open_priority",
                include=("state", "owner", "due", "received_on", "waiting", "returned"), condition=_OPEN,
            ),
            models.Index(
                F("branch"), F("kind"), F("due").asc(nulls_last=True), F("id"), name="case_open_due",
                include=("state", "owner", "priority", "received_on", "waiting", "returned"), condition=_OPEN,
            ),
            models.Index(
                F("branch"), F("kind"), F("received_on"), F("id"), name="case_open_received",
                include=("state", "owner", "priority", "due", "waiting", "returned"), condition=_OPEN,
            ),
            models.Index(
                F("branch"), F("kind"), F("state"), F("priority").asc(nulls_last=True), F("id"), name="case_state"
            ),
            models.Index(F("branch"), F("kind"), F("priority").asc(nulls_last=True), F("id"), name="case_priority"),
            models.Index(
                F("branch"), F("kind"), F("due").asc(nulls_last=True), F("id"), name="case_due",
                include=("state", "owner", "waiting", "returned"),
            ),
            models.Index(fields=("branch", "kind", "received_on", "id"), name="case_received"),
            models.Index(
                F("branch"), F("owner"), F("kind"), F("due").asc(nulls_last=True), F("id"),
                name="case_owner", condition=_OPEN & Q(owner__isnull=False),
            ),
            models.Index(fields=("branch", "kind", "id"), name="case_returned", condition=Q(returned=True)),
            models.Index(fields=("branch", "kind", "id"), name="case_letters", condition=~Q(letters_due=[])),
            models.Index(fields=("branch", "subject"), name="case_subject", condition=Q(subject__isnull=False)),
            models.Index(fields=("branch", "kind", "ended_on"), name="case_ended", condition=Q(ended_on__isnull=False)),
        )  # fmt: skip


class ControlRow(models.Model):
    """Someone held out as a control (対照群): would have had a case, by chance has none."""

    id = models.CharField(primary_key=True, max_length=32)
    branch = models.CharField(max_length=2)
    kind = models.CharField(max_length=60)
    key = models.TextField()
    subject = models.CharField(max_length=64, null=True)
    opening = models.BigIntegerField()
    origin = models.JSONField()
    held_on = models.DateField()

    class Meta:
        db_table = "office_control"
        indexes = (models.Index(fields=("branch", "kind"), name="control_kind"),)


class OptOut(models.Model):
    """A wish not to be written to (通知を希望しない申出): of one kind of case, or of all when kind is empty."""

    branch = models.CharField("支部", max_length=2)
    kind = models.CharField("案件の種類", max_length=60, blank=True, default="")
    subject_kind = models.CharField("相手方の種類", max_length=20)
    subject = models.CharField("相手方", max_length=64)
    since = models.DateField("申出日")
    until = models.DateField("取下げ日", null=True, blank=True)
    source = models.CharField("申出の方法", max_length=200)
    by = models.CharField("記録した人", max_length=40)
    at = models.DateTimeField("記録日時", auto_now_add=True)

    class Meta:
        db_table = "office_opt_out"
        indexes = (models.Index(fields=("branch", "subject"), name="opt_out_subject"),)


class Attachment(models.Model):
    """A file added to a case (添付): its name and content lie sealed in a blob."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    branch = models.CharField(max_length=2)
    case = models.CharField(max_length=32, db_index=True)
    sealed_name = models.BinaryField()
    media_type = models.CharField(max_length=100)
    size = models.IntegerField()
    sha256 = models.CharField(max_length=64)
    blob = models.ForeignKey("SealedBlob", on_delete=models.PROTECT)
    by = models.CharField(max_length=40)
    at = models.DateTimeField(auto_now_add=True)
    withdrawn_by = models.CharField(max_length=40, null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "office_attachment"


class Bulk(models.Model):
    """One operation on many cases (一括操作). verb: move, assign, claim or release; states: waiting, running, done."""

    branch = models.CharField(max_length=2)
    kind = models.CharField(max_length=60)
    verb = models.CharField(max_length=20)
    argument = models.CharField(max_length=60, blank=True)
    reason = models.TextField(blank=True)
    title = models.CharField(max_length=200)
    by = models.CharField(max_length=40)
    at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=20, default="waiting")
    total = models.IntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "office_bulk"
        indexes = (models.Index(fields=("branch", "-at"), name="bulk_at"),)


class BulkItem(models.Model):
    """One case of a bulk operation. expected: the sequence the person saw; done: whether it was tried; error: why it was not done."""

    pk = models.CompositePrimaryKey("bulk_id", "case")
    bulk = models.ForeignKey(Bulk, on_delete=models.CASCADE)
    case = models.CharField(max_length=32)
    branch = models.CharField(max_length=2)
    expected = models.IntegerField()
    done = models.BooleanField(default=False)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "office_bulk_item"
        indexes = (models.Index(fields=("bulk", "case"), name="bulk_item_open", condition=Q(done=False)),)


class Tally(models.Model):
    """How many cases of a branch stood in a state on a day (件数): figures that 本部 may see of every branch."""

    pk = models.CompositePrimaryKey("branch", "kind", "state", "day")
    branch = models.CharField(max_length=2)
    kind = models.CharField(max_length=60)
    state = models.CharField(max_length=40)
    day = models.DateField()
    cases = models.IntegerField()
    late = models.IntegerField()
    unclaimed = models.IntegerField()

    class Meta:
        db_table = "office_tally"
