"""Signing in (ログイン): by 職員番号 and password, then by a code that is counted as passwords are and serves once."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.forms import LoginForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.app_settings import TOTP_PERIOD
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.db.models import Q


class NumberForm(LoginForm):
    """職員番号 and password, called what they are called everywhere else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "職員番号"
        self.fields["password"].help_text = ""
        for name in ("login", "password"):
            self.fields[name].widget.attrs.pop("placeholder", None)


class _Counted(BaseAuthenticateForm):
    """A code that is tried as often as a password may be."""

    def clean_code(self) -> str:
        """The code. Raises ValidationError: the account is locked, or the code is wrong or was used before."""
        if not AxesProxyHandler.is_allowed(context.request, {"username": self.user.staff_id}):
            raise forms.ValidationError(
                "続けて間違えたため、ログインを止めています。1時間待つか、管理者に依頼してください。"
            )
        code = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP and not _first_use(self.authenticator):
            raise get_adapter().validation_error("incorrect_code")
        return code


def _first_use(authenticator: Authenticator) -> bool:
    """Whether no code of this half minute was used yet, in whichever process; from now on one was."""
    now = int(time.time()) // TOTP_PERIOD
    authenticator.data = {**authenticator.data, "used": now}
    unused = Authenticator.objects.filter(
        Q(data__used__lt=now) | Q(data__used__isnull=True), pk=authenticator.pk
    )
    return unused.update(data=authenticator.data) == 1


class CodeForm(_Counted, AuthenticateForm):
    """The code when signing in."""


class CodeAgainForm(_Counted, ReauthenticateForm):
    """The code when giving it again (本人の確認)."""
