"""Administrators (管理者) from the machine itself: the first account, and the way back in when nobody can sign in."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from axes.utils import reset
from django.core.exceptions import ValidationError
from django.db import transaction

from kenpo.frame.casekind import Role
from kenpo.frame.cases import Actor
from kenpo.office import audit
from kenpo.office.acting import SYSTEM, acting
from kenpo.office.errors import OfficeError
from kenpo.office.models import Account
from kenpo.office.views.accounts import one_time_password


def needed() -> bool:
    """Whether the office has no account yet."""
    return not Account.objects.exists()


def make(staff_id: str, name: str, branch: str) -> str:
    """A new administrator of a branch, or of 本部 (00), which keeps all accounts; the password to sign in with once.

    Raises OfficeError when the 職員番号 cannot be, or is taken.
    """
    password = one_time_password()
    account = Account(staff_id=staff_id.lower(), name=name, branch=branch, roles=[Role.ADMINISTRATOR])
    account.must_change_password = True
    account.set_password(password)
    try:
        account.full_clean()
    except ValidationError as error:
        raise OfficeError(
            f"管理者を登録できません（{'、'.join(error.messages)}）。",
            where=staff_id,
            todo="職員番号は半角の英小文字・数字・「-」「.」「_」で、まだ使われていないものにしてください。",
        ) from None
    with transaction.atomic():
        account.save(force_insert=True)
        _write(account, f"{account.staff_id} を管理者として登録（サーバーから）")
    return password


def reopen(staff_id: str) -> str:
    """Let an administrator in again: a new password to sign in with once, unlocked, the second factor to be set up anew.

    Raises OfficeError when there is no administrator of that 職員番号.
    """
    account = Account.objects.filter(staff_id=staff_id.lower(), roles__contains=[Role.ADMINISTRATOR]).first()
    if account is None:
        raise OfficeError(
            "その職員番号の管理者はいません。",
            where=staff_id,
            todo="「kenpo office accounts」で確かめてください。管理者でない人のパスワードは、管理者が画面で再発行します。",
        )
    password = one_time_password()
    account.set_password(password)
    account.must_change_password = account.is_active = True
    with transaction.atomic():
        account.save()
        Authenticator.objects.filter(user=account).delete()
        reset(username=account.staff_id)
        _write(account, f"{account.staff_id} のパスワードと認証アプリの設定を初期化（サーバーから）")
    return password


def accounts() -> list[Account]:
    """All accounts, by branch."""
    return list(Account.objects.order_by("branch", "staff_id"))


def _write(account: Account, detail: str) -> None:
    with acting(Actor(SYSTEM, account.branch, frozenset())):
        audit.record(audit.What.ACCOUNT_CHANGED, detail=detail)
