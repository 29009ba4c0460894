"""Keys of the API (APIの鍵), and what was asked under an idempotency key."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class ApiToken(models.Model):
    """A key by which a program acts for an account. digest: sha256 of the key, which is told once and kept nowhere."""

    account = models.ForeignKey("Account", on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField("使いみち", max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=20), verbose_name="できること")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_on = models.DateField("期限")
    last_used_on = models.DateField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "office_api_token"


class ApiRequest(models.Model):
    """What was done under an idempotency key, so that it is done once: the answer is given again to the same question."""

    pk = models.CompositePrimaryKey("token_id", "key")
    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE)
    key = models.CharField(max_length=80)
    branch = models.CharField(max_length=2)
    question = models.CharField(max_length=64)
    answer = models.JSONField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "office_api_request"
