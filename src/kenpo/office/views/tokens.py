"""One's own keys of the API (APIの鍵)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from kenpo.office import tokens
from kenpo.office.acting import on_duty, page
from kenpo.office.models import Account, ApiToken
from kenpo.office.tokens import LONGEST, Scope


class TokenForm(forms.Form):
    """What a key is for, what it may do, and until when."""

    name = forms.CharField(label="使いみち", max_length=60, help_text="例：月次の集計プログラム")
    scopes = forms.MultipleChoiceField(
        label="できること",
        choices=[(s.value, s.label) for s in Scope],
        widget=forms.CheckboxSelectMultiple,
        help_text="要るものだけを選びます。あなたの役割を超えることはできません。",
    )
    days = forms.IntegerField(
        label="使える日数", min_value=1, max_value=LONGEST, initial=90, help_text=f"{LONGEST}日まで"
    )


def _own() -> Account:
    return Account.objects.get(staff_id=on_duty().actor.id)


@page()
def token_list(request: HttpRequest) -> HttpResponse:
    """One's keys, the newest first; a key itself is never shown again."""
    today = timezone.localdate()
    rows = [
        {
            "token": t,
            "scopes": [Scope(s).label for s in t.scopes if s in set(Scope)],
            "over": t.expires_on < today,
        }
        for t in ApiToken.objects.filter(account=_own()).order_by("-created_at")[:100]
    ]
    return render(request, "office/tokens.html", {"rows": rows})


@page(recent=True)
@never_cache
def token_new(request: HttpRequest) -> HttpResponse:
    """A new key, shown once."""
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given: dict[str, Any] = form.cleaned_data
        until = timezone.localdate() + timedelta(days=given["days"])
        told = tokens.make(_own(), given["name"], [Scope(s) for s in given["scopes"]], until)
        return render(
            request, "office/token_made.html", {"told": told, "until": until, "name": given["name"]}
        )
    return render(request, "office/token_new.html", {"form": form}, status=422 if form.errors else 200)


@page()
@require_POST
def token_revoke(request: HttpRequest, token: int) -> HttpResponse:
    """Take a key back."""
    if not tokens.revoke(_own(), token):
        raise Http404
    messages.success(request, "鍵を取り消しました。この鍵はもう使えません。")
    return redirect("tokens")


urlpatterns = [
    path("me/tokens/", token_list, name="tokens"),
    path("me/tokens/new/", token_new, name="token_new"),
    path("me/tokens/<int:token>/revoke/", token_revoke, name="token_revoke"),
]
