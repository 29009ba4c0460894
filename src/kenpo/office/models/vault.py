"""The vault (個人情報の保管庫): identities and files, sealed with keys that lie outside the database."""

from __future__ import annotations

import uuid

from django.db import models


class VaultIdentity(models.Model):
    """Who a subject is (氏名・住所・記号番号など), sealed. subject: member_id, workplace symbol or institution code."""

    pk = models.CompositePrimaryKey("branch", "subject_kind", "subject")
    branch = models.CharField(max_length=2)
    subject_kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=64)
    sealed = models.BinaryField()
    key_id = models.CharField(max_length=20)
    as_of = models.DateField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "office_vault_identity"
        indexes = (models.Index(fields=("branch", "key_id"), name="vault_key"),)


class VaultIndex(models.Model):
    """A keyed hash by which a subject can be found: of the whole name, the kana, the card number …"""

    pk = models.CompositePrimaryKey("branch", "field", "digest", "subject_kind", "subject")
    branch = models.CharField(max_length=2)
    field = models.CharField(max_length=20)
    digest = models.CharField(max_length=32)
    subject_kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=64)

    class Meta:
        db_table = "office_vault_index"
        indexes = (models.Index(fields=("branch", "subject_kind", "subject"), name="vault_index_subject"),)


class SealedBlob(models.Model):
    """A sealed file: printed letters, attachments. sha256 and size are those of the file before sealing."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    branch = models.CharField(max_length=2)
    what = models.CharField(max_length=20)
    sealed = models.BinaryField()
    key_id = models.CharField(max_length=20)
    size = models.IntegerField()
    sha256 = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "office_sealed_blob"
        indexes = (models.Index(fields=("branch", "key_id"), name="blob_key"),)
