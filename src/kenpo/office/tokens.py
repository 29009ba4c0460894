"""Keys of the API (APIの鍵): made by a person for a program of theirs, with less than they may do, and for a time."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, timedelta
from enum import StrEnum

from django.utils import timezone

from kenpo.office import audit
from kenpo.office.models import Account, ApiToken

LONGEST = 365
"""Days a key may be used at most."""

PREFIX = "kenpo_"


class Scope(StrEnum):
    """What a key may be used for (できること)."""

    FIGURES = "figures:read"
    PLANS = "plans:read"
    WORKLISTS = "worklists:read"
    CASES = "cases:read"
    CASES_WRITE = "cases:write"

    @property
    def label(self) -> str:
        """The Japanese words."""
        return _LABELS[self]


_LABELS = {
    Scope.FIGURES: "指標を読む",
    Scope.PLANS: "計画と進捗を読む",
    Scope.WORKLISTS: "対象者リストを読む",
    Scope.CASES: "案件を読む",
    Scope.CASES_WRITE: "案件を開く・進める",
}


def make(account: Account, name: str, scopes: list[Scope], expires_on: date) -> str:
    """A new key of an account, which only the caller ever sees. Raises ValueError for a day that is past or too far."""
    today = timezone.localdate()
    if not today <= expires_on <= today + timedelta(days=LONGEST) or not scopes:
        raise ValueError("a key needs scopes and a day within a year")
    told = PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        account=account, name=name, digest=_digest(told), scopes=sorted(scopes), expires_on=expires_on
    )
    audit.record(audit.What.TOKEN_MADE, detail=f"「{name}」（{'、'.join(s.label for s in scopes)}）")
    return told


def find(told: str) -> ApiToken | None:
    """The key that was told, when it may still be used, with its account."""
    token = ApiToken.objects.select_related("account").filter(digest=_digest(told), revoked_at=None).first()
    if token is None or token.expires_on < timezone.localdate():
        return None
    account = token.account
    return token if account.is_active and not account.must_change_password else None


def used(token: ApiToken) -> None:
    """Write down that a key was used, once a day."""
    today = timezone.localdate()
    if token.last_used_on != today:
        ApiToken.objects.filter(pk=token.pk).update(last_used_on=today)


def revoke(account: Account, id: int) -> bool:
    """Take a key of an account back; whether there was one."""
    found = ApiToken.objects.filter(pk=id, account=account, revoked_at=None).first()
    if found is None:
        return False
    found.revoked_at = timezone.now()
    found.save(update_fields=["revoked_at"])
    audit.record(audit.What.TOKEN_REVOKED, detail=f"「{found.name}」")
    return True


def _digest(told: str) -> str:
    return hashlib.sha256(told.encode()).hexdigest()
