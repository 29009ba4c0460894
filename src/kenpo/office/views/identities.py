"""Identities (個人情報): opening that of a case's subject, and finding somebody by name or number.

What is shown is shown once: nothing of it, nor of what was searched for, is in an address, a log, the session or a cache.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from unicodedata import normalize
from urllib.parse import urlencode

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from kenpo.base.era import to_wareki
from kenpo.catalogue import CASEKINDS
from kenpo.frame import cases
from kenpo.frame.casekind import CaseKind, Subject
from kenpo.frame.cases import Actor, CaseError
from kenpo.frame.cases.people import workers
from kenpo.frame.letter import Recipient
from kenpo.office import audit, casework, vault
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.forms import DayField
from kenpo.office.keyring import Identity, VaultError, normalised
from kenpo.office.models import CaseRow

SHOWN = 20
"""People a search shows at most; more are told apart by searching for more."""

_CASES = 100
_SEXES = {"1": "男", "2": "女"}
_SUBJECTS = tuple(s for s in Subject if s is not Subject.NONE)


# ---- what for ----------------------------------------------------------------------------------------------------

PURPOSES = (
    "電話・窓口の問合せへの対応",
    "通知のあて先の確認",
    "返送された通知の住所の確認",
    "申請・申出の受付",
    "関係機関への照会・回答",
    "その他",
)


class Purpose(forms.Form):
    """What an identity is opened for; it is written down."""

    purpose = forms.ChoiceField(label="目的", choices=[("", "選んでください"), *((p, p) for p in PURPOSES)])
    note = forms.CharField(
        label="補足",
        required=False,
        max_length=200,
        help_text="「その他」のときは必ず入れます。履歴に残ります。氏名・住所・番号は書かないでください。",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        """The purpose as it is recorded, under `said`."""
        given = super().clean() or {}
        note = (given.get("note") or "").strip()
        if given.get("purpose") == PURPOSES[-1] and not note:
            self.add_error("note", "「その他」のときは、何のためかを入れてください。")
        given["said"] = f"{given.get('purpose')}（{note}）" if note else given.get("purpose")
        return given

    def refuse_if_told(self, *private: str | None) -> bool:
        """Refuse a purpose that itself says a name or number; whether it does."""
        said = normalised("name", self.cleaned_data["said"])
        texts = [normalised("name", text) for text in private if text]
        if any(text in said for text in texts if len(text) >= (4 if text.isdigit() else 2)):
            self.add_error("note", "氏名・住所・番号が書かれています。消してください。")
            return True
        return False


def _private(one: Identity) -> tuple[str | None, ...]:
    """What must not stand in a purpose."""
    names = (one.name or "").split(), (one.kana or "").split()
    return (one.name, one.kana, one.address, one.number, one.person_number, *names[0], *names[1])


# ---- what is shown -----------------------------------------------------------------------------------------------


def _facts(subject_kind: str, one: Identity) -> list[tuple[str, Any]]:
    """An identity as it is shown."""
    if subject_kind == Subject.WORKPLACE:
        return [
            ("名称", one.name),
            ("郵便番号", one.postcode),
            ("所在地", one.address),
            ("電話番号", one.phone),
        ]
    card = f"{one.symbol or '－'}・{one.number or '－'}" + (
        f"（枝番 {one.branch_no}）" if one.branch_no else ""
    )
    return [
        ("氏名", one.name),
        ("カナ氏名", normalize("NFKC", one.kana or "") or None),
        ("生年月日", _born(one.birth_date)),
        ("性別", _SEXES.get(one.sex or "", "－")),
        ("郵便番号", one.postcode),
        ("住所", one.address),
        ("記号・番号", card if one.symbol or one.number else None),
        ("加入者番号", one.person_number),
        *([("電話番号", one.phone)] if one.phone else []),
    ]


def _born(day: date | None) -> str:
    if day is None:
        return "－"
    today = timezone.localdate()
    age = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
    return f"{to_wareki(day)}（{age}歳）"


def _public(one: Recipient | str) -> list[tuple[str, Any]] | None:
    """An institution as it is shown; what is known of it is public."""
    if isinstance(one, str):
        return None
    return [("名称", " ".join(one.names)), ("郵便番号", one.postal_code), ("所在地", " ".join(one.address))]


def _kept_nowhere(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


# ---- of a case ---------------------------------------------------------------------------------------------------


@page(*STAFF, reads=False, recent=True)
def of_case(request: HttpRequest, case: str) -> HttpResponse:
    """The identity of a case's subject, for a purpose that is said first; it is shown in the answer to that alone."""
    try:
        worked = casework.load(case)
    except CaseError as error:
        raise Http404(error.message) from None
    kind, subject = worked.kind, worked.case.subject
    if subject is None:
        raise Http404("この案件には相手方がありません。")
    form = Purpose(request.POST or None)
    context: dict[str, Any] = {
        "subject_label": kind.subject.label,
        "form": form,
        "action": reverse("identity", args=[case]),
        "back": _address("case", case),
        "back_title": "案件に戻る",
        "breadcrumb": [
            {"title": casework.number(case), "url": _address("case", case)},
            {"title": _title(kind.subject), "url": ""},
        ],
        "heading": _title(kind.subject),
    }
    if request.method == "POST" and form.is_valid():
        context |= _opened(form, kind.subject, subject, case)
    status = 422 if form.errors else 200
    return _kept_nowhere(render(request, "office/identity.html", context, status=status))


def _title(subject_kind: str) -> str:
    return "氏名・住所" if subject_kind == Subject.MEMBER else "名称・所在地"


def _opened(form: Purpose, subject_kind: str, subject: str, case: str = "") -> dict[str, Any]:
    """The facts of a subject, once it is written down that they were opened; nothing when there are none."""
    try:
        if subject_kind == Subject.INSTITUTION:
            facts = _public(vault.recipients(subject_kind, [subject])[subject])
        else:
            one = vault.identity(subject_kind, subject)
            if one and form.refuse_if_told(*_private(one)):
                return {}
            facts = _facts(subject_kind, one) if one else None
        if facts is None:
            return {"unknown": True}
        said = form.cleaned_data["said"]
        if case:
            casework.act(case, cases.open_identity, said, expected=None)
    except (CaseError, VaultError) as error:
        return {"error": error}
    audit.record(audit.What.IDENTITY_OPENED, case=case, subject=subject, detail=f"目的：{said}")
    return {"facts": facts, "purpose": said}


def _address(name: str, *args: str) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


# ---- finding somebody --------------------------------------------------------------------------------------------

_TYPED = {"autocomplete": "off", "spellcheck": "false"}


def _words(label: str, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=100, widget=forms.TextInput(attrs=dict(_TYPED)), **more
    )


class Search(Purpose):
    """Whom to find: everything that is said must be met."""

    name = _words("氏名", help_text="姓と名の両方。空白や旧字体の違いは気にしません。")
    kana = _words("カナ氏名", help_text="姓だけでも探せます。ひらがなでもかまいません。")
    birth_date = DayField(
        label="生年月日", required=False, help_text="氏名・カナ氏名・番号と合わせて使います。"
    )
    symbol = _words("記号", help_text="番号と合わせて使います。記号だけなら、事業所を探します。")
    number = _words("番号")
    person_number = _words("加入者番号")
    workplace = _words("事業所の名称")

    ASKED = ("name", "kana", "birth_date", "symbol", "number", "person_number", "workplace")

    field_order = [*ASKED, "purpose", "note"]  # noqa: RUF012

    def query(self) -> vault.Query:
        """What is searched for."""
        return vault.Query(
            **{name: self.cleaned_data[name] for name in self.ASKED if self.cleaned_data[name]}
        )

    def said_fields(self) -> str:
        """By what it is searched, without the words."""
        return "、".join(str(self.fields[n].label) for n in self.ASKED if self.cleaned_data[n])


@page(*STAFF, reads=False, recent=True)
def find(request: HttpRequest) -> HttpResponse:
    """Find somebody of the branch by name, kana, birth date or number; the words stand in the request's body alone."""
    onward = _onward(request)
    form = Search(request.POST or None)
    context: dict[str, Any] = {"form": form, "onward": onward, "action": _here(onward)}
    if request.method == "POST" and form.is_valid() and not _told_in_note(form):
        try:
            found = vault.find(form.query(), SHOWN)
        except VaultError as error:
            form.add_error(None, f"{error.what}{error.todo}")
        else:
            context |= _found(form, found, onward)
    status = 422 if form.errors else 200
    return _kept_nowhere(render(request, "office/find.html", context, status=status))


def _told_in_note(form: Search) -> bool:
    given = form.cleaned_data
    return form.refuse_if_told(*(given[n] for n in ("name", "kana", "number", "person_number")))


def _here(onward: str) -> str:
    return f"{reverse('find')}?{urlencode({'next': onward})}" if onward else reverse("find")


def _onward(request: HttpRequest) -> str:
    """A page of the office for which somebody is looked for, which is then told whom."""
    given = request.GET.get("next", "")
    own = given.startswith("/") and url_has_allowed_host_and_scheme(given, allowed_hosts=None)
    return given if own and re.fullmatch(r"[\w/.-]+", given, re.ASCII) else ""


def _found(form: Search, found: vault.Found, onward: str) -> dict[str, Any]:
    """Whom a search found, once it is written down who searched and why.

    One person's cases are shown at once; of several only what tells them apart, until one of them is opened.
    """
    said = form.cleaned_data["said"]
    audit.record(
        audit.What.SEARCHED,
        subject=found.subjects[0][1] if len(found.subjects) == 1 else "",
        detail=f"探した項目：{form.said_fields()}　目的：{said}　該当：{len(found.subjects)}件"
        f"{'以上' if found.more else ''}"
        + (f"（{'、'.join(s[:12] for _, s in found.subjects)}）" if len(found.subjects) > 1 else ""),
    )
    alone = len(found.subjects) == 1
    members = [s for kind, s in found.subjects if kind == Subject.MEMBER]
    workplaces = [s for kind, s in found.subjects if kind == Subject.WORKPLACE]
    members_known = vault.identities(Subject.MEMBER, members)
    workplaces_known = vault.identities(Subject.WORKPLACE, workplaces)
    listed = _cases_of([s for _, s in found.subjects]) if alone else {}
    return {
        "found": True,
        "more": found.more,
        "alone": alone,
        "purpose": form.cleaned_data["purpose"],
        "note": form.cleaned_data["note"],
        "people": [
            {
                "subject_kind": subject_kind,
                "subject": subject,
                "title": _told_apart(subject_kind, members_known.get(subject), workplaces_known.get(subject)),
                "label": Subject(subject_kind).label,
                "cases": listed.get((subject_kind, subject), []),
                "links": _links(subject_kind, subject, onward) if alone else [],
            }
            for subject_kind, subject in found.subjects
        ],
    }


def _told_apart(subject_kind: str, member: Identity | None, workplace: Identity | None) -> str:
    """What tells those found apart: of people birth date and sex and no more, of workplaces the name."""
    if subject_kind == Subject.WORKPLACE:
        return (workplace.name if workplace else None) or "名称の登録なし"
    if member is None:
        return "登録なし"
    return f"{_born(member.birth_date)}　{_SEXES.get(member.sex or '', '性別の登録なし')}"


def _cases_of(subjects: list[str]) -> Mapping[tuple[str, str], list[dict[str, Any]]]:
    """The cases of some subjects that the person may read, the newest first."""
    kinds = {k.id: k for k in casework.readable_kinds()}
    rows = CaseRow.objects.filter(branch=on_duty().branch, subject__in=subjects, kind__in=kinds)
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows.order_by("-opened_at", "id")[:_CASES]:
        kind = kinds[row.kind]
        found.setdefault((str(kind.subject), str(row.subject)), []).append(
            {
                "url": _address("case", row.id),
                "number": casework.number(row.id),
                "kind": kind.title,
                "state": next((s.title for s in kind.states if s.id == row.state), row.state),
                "summary": row.summary,
                "ended": row.ended_on is not None,
            }
        )
    return found


def _links(subject_kind: str, subject: str, onward: str) -> list[dict[str, str]]:
    """What can be done for somebody found."""
    who = urlencode({"subject": subject, "subject_kind": subject_kind})
    if onward:
        return [{"title": "この相手方を選ぶ", "url": f"{onward}?{who}", "icon": "check"}]
    duty = on_duty()
    new = [
        {"title": f"「{kind.title}」を受け付ける", "url": f"{url}?{who}", "icon": "plus"}
        for kind in CASEKINDS.values()
        if _by_hand(kind, subject_kind, duty.actor) and (url := _address("case_new", kind.id))
    ]
    opt_outs = _address("opt_outs")
    wish = (
        [{"title": "通知を希望しない申出", "url": f"{opt_outs}?{who}", "icon": "letter"}] if opt_outs else []
    )
    return [*new, *wish]


def _by_hand(kind: CaseKind, subject_kind: str, actor: Actor) -> bool:
    return (
        kind.worklist is None and kind.subject == subject_kind and actor.first_of(workers(kind)) is not None
    )


@page(*STAFF, reads=False, recent=True)
@require_POST
def found(request: HttpRequest) -> HttpResponse:
    """The identity of somebody who was found."""
    subject_kind, subject = request.POST.get("subject_kind", ""), request.POST.get("subject", "")
    if subject_kind not in _SUBJECTS or not re.fullmatch(r"\w{1,64}", subject):
        raise Http404
    onward = _onward(request)
    form = Purpose(request.POST)
    context: dict[str, Any] = {
        "subject_label": Subject(subject_kind).label,
        "form": form,
        "action": reverse("find_open"),
        "hidden": {"subject_kind": subject_kind, "subject": subject},
        "back": _here(onward),
        "back_title": "探し直す",
        "heading": _title(subject_kind),
        "breadcrumb": [
            {"title": "個人情報で探す", "url": _here(onward)},
            {"title": _title(subject_kind), "url": ""},
        ],
    }
    if form.is_valid():
        context |= _opened(form, subject_kind, subject)
        context["cases"] = _cases_of([subject]).get((subject_kind, subject), [])
        context["links"] = _links(subject_kind, subject, onward)
    status = 422 if form.errors else 200
    return _kept_nowhere(render(request, "office/identity.html", context, status=status))


urlpatterns = [
    path("case/<str:case>/identity/", of_case, name="identity"),
    path("find/", find, name="find"),
    path("find/open/", found, name="find_open"),
]
