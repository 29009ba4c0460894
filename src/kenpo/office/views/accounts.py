"""Accounts (利用者): what an administrator keeps, and one's own page."""

from __future__ import annotations

import secrets
from typing import Any

from allauth.mfa.models import Authenticator
from axes.utils import reset as unlock
from django import forms
from django.contrib import messages
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from kenpo.base.branches import BRANCHES, NATION_CODE
from kenpo.frame.casekind import Role
from kenpo.frame.cases import Actor
from kenpo.office import audit
from kenpo.office.acting import on_duty, page
from kenpo.office.lists import Column, Listing, choice, typed
from kenpo.office.models import Account, AuditRow

OWN_ENTRIES = 20
"""How many of one's own entries of the audit log one sees."""

_SIGNS = "23456789abcdefghjkmnpqrstuvwxyz"


def one_time_password() -> str:
    """A password that is told once and must be changed: four groups of four signs that are not mistaken for others."""
    return "-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(4))


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """An account as the administrator enters it."""

    roles = forms.MultipleChoiceField(
        label="役割",
        widget=forms.CheckboxSelectMultiple,
        help_text="担当者は案件を処理し、確認者・決裁者はさらに決裁の段階を受け持ちます。",
    )

    class Meta:
        model = Account
        fields = ("staff_id", "name", "branch", "roles")

    def __init__(self, *args: Any, editor: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.editor = editor
        places = [(NATION_CODE, "本部"), *((b.code, b.name) for b in BRANCHES)]
        if editor.branch != NATION_CODE:
            places = [p for p in places if p[0] == editor.branch]
        self.fields["branch"] = forms.ChoiceField(label="支部", choices=places)
        self.fields["staff_id"].help_text = "半角の英小文字・数字。履歴に残り、後から変えられません。"
        self.fields["name"].help_text = "画面で同僚に示す名前"
        self.fields["roles"].choices = [(r.value, r.label) for r in Role]  # type: ignore[attr-defined]
        if self.instance.pk:
            self.fields["staff_id"].disabled = True
            self.fields["branch"].disabled = True

    def clean_staff_id(self) -> str:
        """The 職員番号 in lower case."""
        return str(self.cleaned_data["staff_id"]).lower()

    def clean(self) -> dict[str, Any]:
        """Roles must go with the branch, and nobody changes their own."""
        found = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                Actor(found["staff_id"], found["branch"], frozenset(map(Role, found["roles"])))
            except ValueError:
                self.add_error(
                    "roles",
                    "この支部では持てない役割があります。「本部」は本部の人だけ、支部の役割は支部の人だけが持てます。",
                )
            if self.instance.pk == self.editor.pk and set(found["roles"]) != set(self.editor.roles):
                self.add_error("roles", "自分の役割は変えられません。ほかの管理者に依頼してください。")
        return found


def _editor(request: HttpRequest) -> Account:
    assert isinstance(request.user, Account)
    return request.user


def _kept_by(editor: Account) -> Any:
    """The accounts an administrator keeps: those of their branch; of all branches in 本部."""
    everyone = Account.objects.all()
    return everyone if editor.branch == NATION_CODE else everyone.filter(branch=editor.branch)


@page(Role.ADMINISTRATOR, reads=False)
def accounts(request: HttpRequest) -> HttpResponse:
    """The accounts of the branch."""
    listed = _listing(request).page()
    return render(request, "office/accounts.html", {"listed": listed, "accounts": listed.rows})


@page(Role.ADMINISTRATOR, reads=False, recent=True)
def accounts_export(request: HttpRequest, form: str) -> HttpResponse:
    """The accounts as they are listed, as CSV or Excel."""
    return _listing(request).take_out("利用者", form, "利用者の一覧")


_STATES = {
    "stopped": "使用停止中",
    "password": "パスワード変更待ち",
    "secured": "二段階認証あり",
    "unsecured": "二段階認証なし",
}


def _state(account: Any) -> str:
    """How an account stands, as a key of _STATES; `secured` is asked for with the list."""
    if not account.is_active:
        return "stopped"
    if account.must_change_password:
        return "password"
    return "secured" if account.secured else "unsecured"


def _listing(request: HttpRequest) -> Listing:
    factor = Authenticator.objects.filter(user=OuterRef("pk"), type="totp")

    def of_state(rows: QuerySet[Account], state: str) -> QuerySet[Account]:
        if state == "stopped":
            return rows.filter(is_active=False)
        if state == "password":
            return rows.filter(is_active=True, must_change_password=True)
        return rows.filter(is_active=True, must_change_password=False, secured=state == "secured")

    def bearing(rows: QuerySet[Account], text: str) -> QuerySet[Account]:
        return rows.filter(Q(name__icontains=text.strip()) | Q(staff_id__contains=text.strip().lower()))

    return Listing(
        _kept_by(_editor(request)).annotate(secured=Exists(factor)),
        [
            Column("氏名", lambda a: a.name, 22, "name", ("name", "staff_id")),
            Column("職員番号", lambda a: a.staff_id, 18, "staff_id", ("staff_id",)),
            Column("支部", lambda a: a.branch_name, 14, "branch", ("branch", "-is_active", "staff_id")),
            Column("役割", lambda a: a.role_labels, 44, "roles"),
            Column("状態", lambda a: _STATES[_state(a)], 20, "state"),
            Column("最後のログイン", lambda a: a.last_login, 18, "login", ("last_login", "staff_id")),
        ],
        request.GET,
        "branch",
        [
            typed("氏名・職員番号", "例：山本", bearing),
            choice(
                "role",
                "役割",
                [(r.value, r.label) for r in Role],
                lambda rows, role: rows.filter(roles__contains=[role]),
            ),
            choice("state", "状態", _STATES.items(), of_state),
        ],
        file=("accounts_export",),
    )


@page(Role.ADMINISTRATOR, reads=False, recent=True)
@never_cache
def account_new(request: HttpRequest) -> HttpResponse:
    """A new account with a password that is shown once."""
    form = AccountForm(request.POST or None, editor=_editor(request))
    if request.method == "POST" and form.is_valid():
        password = one_time_password()
        account = form.save(commit=False)
        account.set_password(password)
        account.must_change_password = True
        account.save()
        audit.record(audit.What.ACCOUNT_CHANGED, detail=f"{account.staff_id} を登録（{account.role_labels}）")
        return render(request, "office/account_password.html", {"account": account, "password": password})
    context = {"form": form, "title": "利用者を登録する", "button": "登録する"}
    return render(request, "office/account_form.html", context, status=422 if form.errors else 200)


@page(Role.ADMINISTRATOR, reads=False, recent=True)
def account_edit(request: HttpRequest, account: int) -> HttpResponse:
    """The name and roles of an account."""
    editor = _editor(request)
    found = get_object_or_404(_kept_by(editor), pk=account)
    before = found.role_labels
    form = AccountForm(request.POST or None, instance=found, editor=editor)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        audit.record(
            audit.What.ACCOUNT_CHANGED, detail=f"{saved.staff_id} の役割：{before} → {saved.role_labels}"
        )
        messages.success(request, f"{saved.name}さんの登録を変更しました。")
        return redirect("accounts")
    context = {
        "form": form,
        "title": f"{found.name}さんの登録",
        "button": "変更する",
        "account": found,
        "own": found == editor,
    }
    return render(request, "office/account_form.html", context, status=422 if form.errors else 200)


_DONE = {
    "stop": "の使用を止めました。",
    "resume": "の使用を再開しました。",
    "unlock": "のログインの停止を解きました。",
    "reset_mfa": "の二段階認証を取り消しました。次のログインで設定し直します。",
}


@page(Role.ADMINISTRATOR, reads=False, recent=True)
@require_POST
@never_cache
def account_act(request: HttpRequest, account: int, act: str) -> HttpResponse:
    """Stop or resume an account, unlock it, give it a new password, or take its second factor away."""
    editor = _editor(request)
    found = get_object_or_404(_kept_by(editor), pk=account)
    if found == editor or act not in (*_DONE, "reset_password"):
        raise PermissionDenied
    if act in ("stop", "resume"):
        found.is_active = act == "resume"
        found.save(update_fields=["is_active"])
    elif act == "unlock":
        unlock(username=found.staff_id)
    elif act == "reset_mfa":
        Authenticator.objects.filter(user=found).delete()
    if act != "resume" and act != "unlock":
        _sign_out(found)
    said = {**_DONE, "reset_password": "の新しいパスワードを発行しました。"}[act]
    audit.record(audit.What.ACCOUNT_CHANGED, detail=f"{found.staff_id} {said}")
    if act == "reset_password":
        password = one_time_password()
        found.set_password(password)
        found.must_change_password = True
        found.save(update_fields=["password", "must_change_password"])
        return render(request, "office/account_password.html", {"account": found, "password": password})
    messages.success(request, f"{found.name}さん{said}")
    return redirect("accounts")


def _sign_out(account: Account) -> None:
    """End all sessions of an account."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get("_auth_user_id") == str(account.pk):
            session.delete()


@page()
def account(request: HttpRequest) -> HttpResponse:
    """One's own page: roles, password, second factor, and what the audit log says of oneself."""
    entries = AuditRow.objects.filter(branch=on_duty().actor.branch, actor=on_duty().actor.id).order_by("-at")
    own = [{"at": e.at, "what": audit.What(e.what).label, "detail": e.detail} for e in entries[:OWN_ENTRIES]]
    return render(request, "office/account.html", {"account": _editor(request), "entries": own})


urlpatterns = [
    path("accounts/", accounts, name="accounts"),
    path("accounts/export.<str:form>", accounts_export, name="accounts_export"),
    path("accounts/new/", account_new, name="account_new"),
    path("accounts/<int:account>/", account_edit, name="account_edit"),
    path("accounts/<int:account>/<slug:act>/", account_act, name="account_act"),
    path("me/", account, name="account"),
]
