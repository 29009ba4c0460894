"""The page of a case (案件), everything that is done to it there, and opening one by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kenpo.base.document import Chart
from kenpo.base.errors import KenpoError
from kenpo.frame import cases
from kenpo.frame.casekind import CaseKind, Subject
from kenpo.frame.cases import Case, CaseError
from kenpo.frame.cases.people import workers
from kenpo.office import attachments, audit, casework, vault
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.casepage import (
    Staff,
    can,
    clock_words,
    comments_of,
    doable,
    document_of,
    letters_of,
    moves_of,
    origin_of,
    people_of,
    reckoning_of,
    row_of,
    staff_of,
    state_of,
    steps_of,
    timeline_of,
)
from kenpo.office.casework import Worked
from kenpo.office.exports import to_save
from kenpo.office.forms import (
    AssignForm,
    CommentForm,
    ContentForm,
    FileForm,
    MoveForm,
    OpeningForm,
    UndoForm,
    WithdrawForm,
    given,
    sequence_of,
)
from kenpo.office.models import Account, Attachment, CaseRow, VaultIdentity
from kenpo.office.queues import Queue, address, beside_address, queue_of

RECENT = 12
"""Events of the history that are shown unfolded."""


# ---- looking at a case -------------------------------------------------------------------------------------------


@page(*STAFF)
def case(request: HttpRequest, case: str) -> HttpResponse:
    """A case: as a page of its own, or beside the queue it was chosen in."""
    return _shown(request, _loaded(case))


@dataclass(frozen=True)
class Said:
    """What is said of an attempt that was refused: the error, and the forms with what was typed."""

    error: KenpoError | None = None
    forms: Mapping[str, forms.Form] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """409 when somebody else was first, 422 for what can be put right."""
        if self.error is None:
            return 422 if self.forms else 200
        return 409 if self.error.code in ("stale", "already_claimed") else 422


def _loaded(case: str) -> Worked:
    try:
        return casework.load(case)
    except CaseError as error:
        raise Http404(error.message) from None


def _shown(request: HttpRequest, worked: Worked, said: Said | None = None) -> HttpResponse:
    said = said or Said()
    kind, one = worked.kind, worked.case
    staff = staff_of(kind, people_of(worked.events))
    beside = _beside(request)
    context = {
        **_context(request, worked, staff, said),
        "beside": beside,
        "error": said.error,
        "error_text": staff.named(said.error.what) if said.error else "",
        "fresh": request.method == "POST" or bool(request.htmx),  # type: ignore[attr-defined]
    }
    name = "office/case_panel.html" if beside else "office/case.html"
    response = render(request, name, context, status=said.status)
    response["Vary"] = "HX-Request"
    audit.case_opened(one.id)
    return response


def _beside(request: HttpRequest) -> bool:
    """Whether the case is asked for beside its queue, by htmx."""
    return request.htmx and request.htmx.target == "desk-case"  # type: ignore[attr-defined]


def _context(request: HttpRequest, worked: Worked, staff: Staff, said: Said) -> dict[str, Any]:
    kind, one, duty = worked.kind, worked.case, on_duty()
    today = timezone.localdate()
    able = doable(worked)
    moves = moves_of(worked, duty, staff) if duty.writes else ()
    possible = [m for m in moves if not m.refusal]
    timeline = timeline_of(worked, staff)
    listed = _list(request)
    queue = _queue(kind, listed, staff)
    following = queue.next(one) if queue else None
    return {
        "kind": kind,
        "case": one,
        "number": casework.number(one.id),
        "summary": casework.summary(worked.kind, worked.case),
        "state": state_of(kind, one.state),
        "todo": next((s.todo for s in kind.states if s.id == one.state), ""),
        "clock_words": clock_words(kind, one, today),
        "owner": staff.name(one.owner),
        "mine": one.owner == duty.actor.id,
        "able": able,
        "moves": possible,
        "direct": [m for m in possible if not m.needs_reason],
        "reasoned": [m for m in possible if m.needs_reason],
        "others": [m for m in moves if m.refusal],
        "steps": steps_of(worked, staff),
        "reckoning": reckoning_of(one),
        "document": document_of(worked),
        "charts": f"{reverse('case', args=[one.id])}chart",
        "letters": letters_of(worked),
        "letters_url": _address("letters"),
        "comments": comments_of(worked, staff),
        "files": attachments.listed(one.id),
        "staff": staff,
        "timeline": timeline[:RECENT],
        "older": timeline[RECENT:],
        "origin": origin_of(worked),
        "retained": one.retained_until(kind),
        "identity_url": _address("identity", one.id) if able.get("identity") else "",
        "list": listed,
        "listed": listed is not None,
        "queue_url": f"{reverse('queue', args=[kind.id])}{f'?{listed}' if listed else ''}",
        "next": following,
        "next_url": address(following, listed) if following else "",
        "next_beside": beside_address(kind, listed or "", following) if following else "",
        "here": address(one.id, listed),
        "move_form": said.forms.get("move") or MoveForm(auto_id="move-%s"),
        "facts_form": _facts_form(worked, said) if able.get("decide") else None,
        "comment_form": said.forms.get("comment") or CommentForm(auto_id="comment-%s"),
        "undo_form": said.forms.get("undo") or UndoForm(auto_id="undo-%s"),
        "assign_form": said.forms.get("assign") or AssignForm(staff=staff.able, auto_id="assign-%s"),
        "file_form": said.forms.get("file") or FileForm(auto_id="file-%s"),
        "withdraw_form": WithdrawForm(auto_id=False),
        "undoes": one.last_move.title if one.last_move else "",
        "today": today,
        "breadcrumb": [
            {
                "title": kind.title,
                "url": f"{reverse('queue', args=[kind.id])}{f'?{listed}' if listed else ''}",
            },
            {"title": casework.number(one.id)},
        ],
    }


def _facts_form(worked: Worked, said: Said) -> ContentForm | None:
    """The form for what a decision is made from, when that is not the content itself."""
    if worked.kind.facts is None:
        return None
    given = said.forms.get("decide")
    content = json.loads(worked.case.content)
    return (
        given
        if isinstance(given, ContentForm)
        else ContentForm(worked.kind.facts, content=content, prefix="facts")
    )


def _address(name: str, *args: str) -> str:
    """The address of a page another family has, or nothing without it."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@page(*STAFF)
def chart(request: HttpRequest, case: str, number: int) -> HttpResponse:
    """A chart of the case's content."""
    from kenpo.press.drawing import svg

    charts = [b for b in document_of(_loaded(case)).blocks if isinstance(b, Chart)]
    if not 1 <= number <= len(charts):
        raise Http404
    return HttpResponse(svg(charts[number - 1]), content_type="image/svg+xml")


# ---- the queue one came from -------------------------------------------------------------------------------------


def _list(request: HttpRequest) -> str | None:
    """The query of the queue the case was chosen in; None when it was not chosen in one."""
    return request.POST.get("list", request.GET.get("list"))


def _queue(kind: CaseKind, listed: str | None, staff: Staff) -> Queue | None:
    return None if listed is None else queue_of(kind, QueryDict(listed), staff.able)


# ---- working on a case -------------------------------------------------------------------------------------------


@page(*STAFF, reads=False)
def do(request: HttpRequest, case: str) -> HttpResponse:
    """Do one thing to a case: a move, a claim, a decision, a comment, an undo."""
    if request.method != "POST":
        return redirect("case", case)
    before = _loaded(case)
    staff = staff_of(before.kind)
    act, _, argument = request.POST.get("act", "").partition(":")
    queue = _queue(before.kind, _list(request), staff) if act == "move" else None
    following = queue.next(before.case) if queue else None
    form = _form(request, before, act, staff)
    if form is not None and not form.is_valid():
        return _shown(request, before, Said(forms={act: form}))
    try:
        with transaction.atomic():
            after = _done(before, act, argument, form, _expected(request))
    except KenpoError as error:
        if form is not None and error.code == "needs_reason" and "reason" in form.fields:
            form.add_error("reason", "理由を書いてください。")
        return _shown(request, _loaded(case), Said(error, {act: form} if form else {}))
    messages.success(request, _told(before, after, act, _list(request)))
    return _after(request, case, queue, following, staff)


def _expected(request: HttpRequest) -> int:
    """The sequence the person saw."""
    return sequence_of(request.POST.get("expected", ""))


def _form(request: HttpRequest, worked: Worked, act: str, staff: Staff) -> forms.Form | None:
    made: Mapping[str, Callable[[], forms.Form]] = {
        "move": lambda: MoveForm(request.POST, auto_id="move-%s"),
        "comment": lambda: CommentForm(request.POST, auto_id="comment-%s"),
        "undo": lambda: UndoForm(request.POST, auto_id="undo-%s"),
        "assign": lambda: AssignForm(request.POST, staff=staff.able, auto_id="assign-%s"),
    }
    if act == "decide" and worked.kind.facts is not None:
        content = json.loads(worked.case.content)
        return ContentForm(worked.kind.facts, request.POST, content=content, prefix="facts")
    return made[act]() if act in made else None


def _done(worked: Worked, act: str, argument: str, form: forms.Form | None, seen: int) -> Case:
    """Do it. Raises CaseError and whatever a decision raises."""
    id = worked.case.id
    said = form.cleaned_data if form else {}
    match act:
        case "move":
            return casework.act(id, cases.move, argument, expected=seen, reason=said["reason"], on=said["on"])
        case "decide":
            facts = form.content if isinstance(form, ContentForm) else None
            return casework.act(id, cases.decide, expected=seen, facts=facts)
        case "claim":
            return casework.act(id, cases.claim, expected=seen)
        case "release":
            return casework.act(id, cases.release, expected=seen)
        case "assign":
            to = get_object_or_404(Account, staff_id=said["to"], branch=on_duty().branch, is_active=True)
            return casework.act(id, cases.assign, to.actor, expected=seen)
        case "comment":
            return casework.act(id, cases.comment, said["text"], expected=None)
        case "undo":
            return casework.act(id, cases.undo, expected=seen, reason=said["reason"])
    raise PermissionDenied


def _told(before: Worked, after: Case, act: str, listed: str | None) -> str | SafeString:
    """What was done, in a sentence."""
    kind = before.kind
    match act:
        case "move":
            said = f"「{state_of(kind, after.state).text}」にしました。"
            return format_html(
                '<a href="{}">{}</a>　を{}',
                address(after.id, listed),
                casework.summary(before.kind, before.case),
                said,
            )
        case "undo":
            title = before.case.last_move.title if before.case.last_move else ""
            return f"「{title}」を取り消しました。いまは「{state_of(kind, after.state).text}」です。"
    return _TOLD[act]


_TOLD = {
    "decide": "判断しました。結果を確かめて、操作を選んでください。",
    "claim": "あなたが担当者になりました。",
    "release": "担当を解除しました。",
    "assign": "割り当てました。",
    "comment": "コメントを書き込みました。",
}


def _after(
    request: HttpRequest, case: str, queue: Queue | None, following: str | None, staff: Staff
) -> HttpResponse:
    """After a move the next case of the queue, after anything else the same case."""
    listed = _list(request)
    if not _beside(request):
        if queue is not None and following is None:
            return redirect(f"{reverse('queue', args=[queue.kind.id])}?{listed}")
        return redirect(address(following if following else case, listed))
    worked = _loaded(case)
    rows = _rows(worked.kind, [case], queue or _queue(worked.kind, listed, staff), staff)
    if queue is not None and following is None:
        context = {
            "kind": worked.kind,
            "queue_url": f"{reverse('queue', args=[worked.kind.id])}?{listed}",
            "rows": rows,
            "operations": True,
        }
        response = render(request, "office/case_none.html", context)
    else:
        shown = _shown(request, _loaded(following) if following else worked)
        changed = render(request, "office/queue_changed.html", {"rows": rows, "operations": True})
        response = HttpResponse(shown.content + changed.content, headers={"Vary": "HX-Request"})
    here = following if following else "" if queue is not None else case
    response["HX-Push-Url"] = beside_address(worked.kind, listed or "", here)
    return response


def _rows(kind: CaseKind, ids: list[str], queue: Queue | None, staff: Staff) -> list[Any]:
    """Rows of the queue as they are now; those that no longer meet its conditions are said to be done."""
    if queue is None:
        return []
    still = set(queue.filter.qs.filter(id__in=ids).values_list("id", flat=True))
    return [
        row_of(kind, r, staff, queue.query, done=r.id not in still)
        for r in CaseRow.objects.filter(id__in=ids)
    ]


# ---- correcting the content --------------------------------------------------------------------------------------


@page(*STAFF, reads=False)
def amend(request: HttpRequest, case: str) -> HttpResponse:
    """Correct the content of a case."""
    worked = _loaded(case)
    content = json.loads(worked.case.content)
    form = ContentForm(worked.kind.content, given(request), content=content, prefix="content")
    why = MoveForm(given(request), auto_id="why-%s")
    why.fields["reason"].label = "訂正する理由"
    why.fields["reason"].required = True
    del why.fields["on"]
    error: KenpoError | None = None
    if request.method == "POST" and all([form.is_valid(), why.is_valid()]) and form.content is not None:
        try:
            reason = why.cleaned_data["reason"]
            casework.act(case, cases.amend, form.content, expected=_expected(request), reason=reason)
        except KenpoError as refused:
            error, worked = refused, _loaded(case)
        else:
            messages.success(request, "内容を訂正しました。")
            return redirect(address(case, _list(request)))
    refused_now = "" if request.method == "POST" else can(worked, cases.amend, content, reason="確認")
    staff = staff_of(worked.kind)
    said = Said(error, {"amend": form} if form.errors or why.errors else {})
    context = {
        "kind": worked.kind,
        "case": worked.case,
        "number": casework.number(case),
        "summary": casework.summary(worked.kind, worked.case),
        "state": state_of(worked.kind, worked.case.state),
        "form": form,
        "why": why,
        "document": document_of(worked),
        "charts": f"{reverse('case', args=[case])}chart",
        "error": error,
        "error_text": staff.named(error.what) if error else "",
        "refused": refused_now,
        "list": _list(request),
        "here": address(case, _list(request)),
        "expected": _seen(request, worked, error),
        "breadcrumb": [
            {"title": worked.kind.title, "url": reverse("queue", args=[worked.kind.id])},
            {"title": casework.number(case), "url": address(case, _list(request))},
            {"title": "内容の訂正"},
        ],
    }
    return render(request, "office/case_amend.html", context, status=said.status)


def _seen(request: HttpRequest, worked: Worked, error: KenpoError | None) -> int:
    """The sequence a form is sent with: what is shown now counts once a stale one was refused and the new state is shown."""
    if request.method == "POST" and not (error and error.code == "stale"):
        return _expected(request)
    return worked.case.sequence


# ---- attachments -------------------------------------------------------------------------------------------------


@page(*STAFF, reads=False)
def add_file(request: HttpRequest, case: str) -> HttpResponse:
    """Add a file to a case."""
    if request.method != "POST":
        return redirect("case", case)
    worked = _loaded(case)
    form = FileForm(request.POST, request.FILES, auto_id="file-%s")
    try:
        if form.is_valid():
            file = form.cleaned_data["file"]
            with transaction.atomic():
                attachments.add(case, file.name, file.read(), expected=None)
        elif int(request.META.get("CONTENT_LENGTH") or 0) > attachments.LARGEST:
            raise attachments.too_large()
    except CaseError as error:
        form.errors["file"] = form.error_class([f"{error.what}{error.todo}"])
    if form.errors:
        return _shown(request, worked, Said(forms={"file": form}))
    messages.success(request, "ファイルを添付しました。")
    return redirect(address(case, _list(request)))


def _file(case: str, file: UUID) -> Attachment:
    _loaded(case)
    return get_object_or_404(Attachment.objects.select_related("blob"), case=case, id=file)


@page(*STAFF)
def open_file(request: HttpRequest, case: str, file: UUID) -> HttpResponse:
    """A file of a case, to save."""
    row = _file(case, file)
    try:
        data = attachments.open_file(row)
    except CaseError as error:
        raise Http404(error.message) from None
    response = HttpResponse(data, content_type=row.media_type)
    response["Content-Disposition"] = to_save(vault.open_name(row))
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


@page(*STAFF, reads=False)
def withdraw_file(request: HttpRequest, case: str, file: UUID) -> HttpResponse:
    """Withdraw a file, with the reason."""
    row = _file(case, file)
    form = WithdrawForm(given(request))
    if form.is_valid():
        try:
            with transaction.atomic():
                attachments.withdraw(row, form.cleaned_data["reason"])
        except CaseError as error:
            form.add_error(None, f"{error.what}{error.todo}")
        else:
            messages.success(request, "添付ファイルを取り下げました。")
            return redirect(address(case))
    context = {
        "form": form,
        "number": casework.number(case),
        "cancel_url": address(case),
        "breadcrumb": [
            {"title": casework.number(case), "url": address(case)},
            {"title": "添付ファイルの取下げ"},
        ],
    }
    return render(request, "office/case_withdraw.html", context, status=422 if form.errors else 200)


# ---- opening a case by hand --------------------------------------------------------------------------------------


@page(*STAFF, reads=False)
def new(request: HttpRequest, kind: str) -> HttpResponse:
    """Open a case of a kind that comes from no list."""
    try:
        found = casework.kind_of(kind)
    except CaseError as error:
        raise Http404(error.message) from None
    duty = on_duty()
    if found.worklist is not None:
        raise Http404("この種類の案件は、対象者リストから始めます。")
    if duty.actor.first_of(workers(found)) is None:
        raise PermissionDenied
    subject = request.POST.get("subject", request.GET.get("subject", "")).strip()
    form = ContentForm(found.content, given(request), prefix="content", folds=True)
    opening = OpeningForm(given(request), auto_id="opening-%s")
    known = _known(found, subject)
    if request.method == "POST" and all([form.is_valid(), opening.is_valid()]) and known and form.content:
        try:
            case = _opened(found, form, opening, subject or None)
        except KenpoError as error:
            opening.add_error("key" if error.code == "already_open" else None, f"{error.what}{error.todo}")
        else:
            messages.success(request, "案件を受け付けました。")
            return redirect("case", case.id)
    context = {
        "kind": found,
        "form": form,
        "opening": opening,
        "subject": subject,
        "known": known,
        "takes_subject": found.subject != Subject.NONE,
        "find_url": _find(found),
        "breadcrumb": [
            {"title": found.title, "url": reverse("queue", args=[found.id])},
            {"title": "案件を受け付ける"},
        ],
    }
    bad = form.errors or opening.errors or not known
    return render(request, "office/case_new.html", context, status=422 if bad else 200)


def _known(kind: CaseKind, subject: str) -> bool:
    """Whether the subject is somebody of the branch, or an institution, or none was given."""
    if not subject:
        return True
    if kind.subject == Subject.INSTITUTION:
        return not isinstance(vault.recipients(kind.subject, [subject])[subject], str)
    found = VaultIdentity.objects.filter(branch=on_duty().branch, subject_kind=kind.subject, subject=subject)
    return kind.subject != Subject.NONE and found.exists()


def _find(kind: CaseKind) -> str:
    """The page on which the subject is looked for, which comes back here."""
    url = _address("find")
    return f"{url}?{urlencode({'next': reverse('case_new', args=[kind.id])})}" if url else ""


_TRIES = 50


def _opened(kind: CaseKind, form: ContentForm, opening: OpeningForm, subject: str | None) -> Case:
    """Open the case; without a number of its own it gets the day of receipt and the next number of that day."""
    assert form.content is not None
    said, duty = opening.cleaned_data, on_duty()
    day = said["received_on"]
    before = CaseRow.objects.filter(branch=duty.branch, kind=kind.id, received_on=day).count()
    keys = (
        [said["key"].strip()]
        if said["key"].strip()
        else [f"{day:%Y%m%d}-{before + n}" for n in range(1, _TRIES)]
    )
    for place, key in enumerate(keys, 1):
        event = cases.open_case(
            kind,
            branch=duty.branch,
            key=key,
            content=form.content,
            received_on=day,
            actor=duty.actor,
            when=casework.now(),
            subject=subject,
            origin={"key": key},
        )
        try:
            with transaction.atomic():
                case = casework.start(event)
                if said["claim"]:
                    case = casework.act(case.id, cases.claim, expected=case.sequence)
                return case
        except CaseError as error:
            if error.code != "already_open" or place == len(keys):
                raise
    raise AssertionError("the last try returns or raises")


urlpatterns = [
    path("cases/<str:kind>/new/", new, name="case_new"),
    path("case/<str:case>/", case, name="case"),
    path("case/<str:case>/do/", do, name="case_do"),
    path("case/<str:case>/amend/", amend, name="case_amend"),
    path("case/<str:case>/chart<int:number>.svg", chart, name="case_chart"),
    path("case/<str:case>/files/", add_file, name="add_file"),
    path("case/<str:case>/files/<uuid:file>/", open_file, name="open_file"),
    path("case/<str:case>/files/<uuid:file>/withdraw/", withdraw_file, name="withdraw_file"),
]
