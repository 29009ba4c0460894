"""Letters (通知の発送): what is due, runs and their PDFs, reprints, and mail that comes back (返送の記録)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from kenpo.base.era import to_wareki
from kenpo.base.errors import KenpoError
from kenpo.base.fiscal import fy
from kenpo.catalogue import CASEKINDS
from kenpo.frame.casekind import CaseKind, Letter
from kenpo.frame.cases import CaseError
from kenpo.frame.letter import sender
from kenpo.office import audit, casework, letters
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.exports import to_save
from kenpo.office.forms import DayField, NumberField
from kenpo.office.letters import MOST, REASONS, State
from kenpo.office.lists import Column, Listing, choice, typed
from kenpo.office.models import LetterBatch, LetterCounter, LetterRow, LetterRun
from kenpo.office.templatetags.office import wareki_time
from kenpo.press.letters import spoken

LISTED = 20
"""Runs on a page."""

PAGE = 50
"""Letters on a page."""

_STATES = {
    State.WAITING: ("順番待ち", "info", "waiting"),
    State.PRINTING: ("印刷中", "info", "running"),
    State.PRINTED: ("印刷済み", "ok", ""),
    State.FAILED: ("停止", "late", ""),
    State.CANCELLED: ("取りやめ", "neutral", ""),
}


def _crumbs(*titles: str) -> list[dict[str, str]]:
    return [
        {"title": "通知の発送", "url": reverse("letters")},
        *({"title": title, "url": ""} for title in titles),
    ]


def _invented(*kinds: CaseKind) -> bool:
    """Whether the sender's address that letters of these kinds would bear is made up (架空)."""
    code = on_duty().branch
    return code != "00" and any(sender(code, kind.group).invented for kind in kinds)


# ---- what is due -------------------------------------------------------------------------------------------------


@page(*STAFF)
def overview(request: HttpRequest) -> HttpResponse:
    """What is due, kind by kind and letter by letter, and the newest runs."""
    kinds = [kind for kind in casework.readable_kinds() if kind.letters]
    found = letters.due(kinds)
    shown = _records(request, kinds).page()
    names = casework.named({run.by for run in shown.rows})
    context = {
        "due": [
            {"due": one, "may": letters.may_send(one.kind)}
            for one in sorted(found, key=lambda d: not d.cases)
        ],
        "listed": shown,
        "runs": [
            {
                "run": run,
                "kind": CASEKINDS[run.kind],
                "state": _STATES[State(run.state)],
                "by": names.get(run.by, run.by),
            }
            for run in shown.rows
        ],
        "invented": _invented(*kinds),
    }
    return render(request, "office/letters.html", context)


@page(*STAFF, recent=True)
def runs_export(request: HttpRequest, form: str) -> HttpResponse:
    """The runs as they are listed, as CSV or Excel."""
    kinds = [kind for kind in casework.readable_kinds() if kind.letters]
    return _records(request, kinds).take_out("発送の記録", form, "発送の記録")


def _records(request: HttpRequest, kinds: Sequence[CaseKind]) -> Listing:
    """The runs whose cases the person may read, the newest first."""
    runs = LetterRun.objects.filter(branch=on_duty().branch, kind__in=[k.id for k in kinds])
    staff = casework.named(set(runs.values_list("by", flat=True).distinct()))
    columns = [
        Column("発送", lambda r: r.title, 30, "title", ("title", "-pk")),
        Column("状況", lambda r: _STATES[State(r.state)][0], 12, "state", ("state", "-pk")),
        Column(
            "対象",
            lambda r: None if r.state == State.WAITING else r.total,
            10,
            "total",
            ("total", "pk"),
            True,
        ),
        Column("通知の日付", lambda r: r.day, 12, "day", ("day", "pk")),
        Column("始めた人", lambda r: staff.get(r.by, r.by), 18, "by", ("by", "-pk")),
        Column("日時", lambda r: r.at, 18, "at", ("at", "pk")),
        Column("案件の種類", lambda r: CASEKINDS[r.kind].title, 24),
        Column("番号", lambda r: r.pk, 8),
    ]
    conditions = [
        choice(
            "kind",
            "案件の種類",
            [(k.id, k.title) for k in kinds],
            lambda rows, kind: rows.filter(kind=kind),
        ),
        choice(
            "state",
            "状況",
            [(state.value, said[0]) for state, said in _STATES.items()],
            lambda rows, state: rows.filter(state=state),
        ),
    ]
    return Listing(
        runs, columns, request.GET, "-at", conditions, LISTED, "#runs", file=("letter_runs_export",)
    )


# ---- a run is begun ----------------------------------------------------------------------------------------------


class Wanted(forms.Form):
    """How many letters are to be printed, and the day they bear."""

    count = NumberField(
        label="上位 何通まで",
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="優先順位の高いほうから、この通数だけ印刷します。空けておくと、すべて印刷します。",
    )
    day = DayField(
        label="通知の日付",
        help_text=f"通知に印刷する日付。投函する日にします。今日から{letters.AHEAD}日後まで。",
    )

    def clean_day(self) -> Any:
        """A day that letters may bear."""
        day, today = self.cleaned_data["day"], timezone.localdate()
        if day and not today <= day <= today + timedelta(days=letters.AHEAD):
            raise forms.ValidationError(f"今日から{letters.AHEAD}日後までの日にしてください。")
        return day


def _letter(kind: str, letter: str) -> tuple[CaseKind, Letter]:
    """A letter the person may send."""
    try:
        found = letters.letter_of(kind, letter)
    except CaseError as error:
        raise Http404(error.message) from None
    if not letters.may_send(found[0]):
        raise PermissionDenied
    return found


@page(*STAFF, reads=False)
@require_GET
def new(request: HttpRequest, kind: str, letter: str) -> HttpResponse:
    """Say how many letters are to be printed; what would happen is then shown before it does."""
    found, chosen = _letter(kind, letter)
    form = Wanted(request.GET or None, initial={"day": timezone.localdate()})
    if form.is_bound and form.is_valid():
        query = urlencode({name: value or "" for name, value in form.cleaned_data.items()})
        return redirect(f"{reverse('letters_confirm', args=[kind, letter])}?{query}")
    (due,) = (one for one in letters.due([found]) if one.letter == chosen)
    context = {
        "kind": found,
        "letter": chosen,
        "due": due,
        "form": form,
        "invented": _invented(found),
        "breadcrumb": _crumbs(chosen.title),
    }
    return render(request, "office/letter_new.html", context, status=422 if form.errors else 200)


@page(*STAFF, reads=False, recent=True)
def confirm(request: HttpRequest, kind: str, letter: str) -> HttpResponse:
    """What printing would do; and have it done."""
    found, chosen = _letter(kind, letter)
    form = Wanted(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        return redirect("letters_new", kind, letter)
    count, day = form.cleaned_data["count"], form.cleaned_data["day"]
    if request.method == "POST":
        try:
            run = letters.begin(found, chosen, day=day, count=count)
        except KenpoError as error:
            messages.error(request, f"{error.what}{error.todo}")
            return redirect("letters_new", kind, letter)
        return redirect("letter_run", run.pk)
    (due,) = (one for one in letters.due([found]) if one.letter == chosen)
    code, year = on_duty().branch, fy(day)
    counter = LetterCounter.objects.filter(branch=code, fiscal_year=year, group=found.group).first()
    number = letters.number_text(code, found.group, year, (counter.last if counter else 0) + 1)
    cases = min(due.cases, count) if count else due.cases
    capped = "以上" if due.more and (not count or count > MOST) else ""
    context = {
        "kind": found,
        "letter": chosen,
        "question": f"「{chosen.title}」を {cases:,}通{capped} 印刷しますか。",
        "button": f"{cases:,}通{capped}を印刷する",
        "cases": cases,
        "effects": [
            f"送る予定の {due.cases:,}件{'以上' if due.more else ''}のうち、"
            f"{'優先順位の高い ' if count else ''}{cases:,}件{capped}の通知を印刷します（日付は{to_wareki(day)}）。",
            f"文書番号が、{number}から続けて付きます。",
            "氏名か住所が分からない人、通知を希望しない人、案件が変わった人の分は印刷せず、理由を残します。",
            "印刷した分は、それぞれの案件に発送の記録として残ります。この記録は取り消せません。",
            f"{letters.BATCH}通ごとのPDFになります。印刷が終わると、ダウンロードできます。",
        ],
        "hidden": {"count": count or "", "day": day.isoformat()},
        "invented": _invented(found),
        "breadcrumb": _crumbs(chosen.title, "確認"),
    }
    return render(request, "office/letter_confirm.html", context)


@page(*STAFF, reads=False)
def preview(request: HttpRequest, kind: str, letter: str) -> HttpResponse:
    """The letter of the case in turn, addressed to nobody."""
    found, chosen = _letter(kind, letter)
    made = letters.preview(found, chosen, timezone.localdate())
    if made is None:
        messages.warning(request, "送る予定の通知がないため、見本を作れません。")
        return redirect("letters_new", kind, letter)
    return _pdf(made, f"見本_{chosen.title}.pdf")


def _pdf(content: bytes, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = to_save(name)
    response["Cache-Control"] = "no-store"
    return response


# ---- a run -------------------------------------------------------------------------------------------------------


def _run(id: int) -> tuple[LetterRun, CaseKind]:
    """A run of the branch whose cases the person may read, and its kind."""
    run = LetterRun.objects.filter(pk=id, branch=on_duty().branch).first()
    if run is None or run.kind not in CASEKINDS:
        raise Http404
    kind = CASEKINDS[run.kind]
    if kind not in casework.readable_kinds():
        raise PermissionDenied
    return run, kind


def _sent(run: LetterRun) -> CaseKind:
    """The kind of a run whose letters the person may open."""
    kind = CASEKINDS.get(run.kind)
    if kind is None or not letters.may_send(kind):
        raise PermissionDenied
    return kind


@page(*STAFF)
def run(request: HttpRequest, id: int) -> HttpResponse:
    """How far a run is, its PDFs, and its letters one by one."""
    found, kind = _run(id)
    progress = letters.progress(found)
    going = found.state in (State.WAITING, State.PRINTING)
    stuck = going and not letters.runs(found)
    batches = list(found.batches.order_by("number"))  # type: ignore[attr-defined]
    skipped = sum(progress.skipped.values())
    context = {
        "run": found,
        "kind": kind,
        "state": _STATES[State(found.state)],
        "stuck": stuck,
        "job": _job(found, progress) if going and not stuck else None,
        "may": letters.may_send(kind),
        "progress": progress,
        "skipped": skipped,
        "batches": batches,
        "missing": [one for batch in batches for one in batch.missing][:PAGE],
        "facts": [
            ("案件の種類", kind.title),
            ("通知の日付", to_wareki(found.day)),
            ("始めた人", casework.named({found.by}).get(found.by, found.by)),
            ("始めた日時", wareki_time(found.at)),
            ("様式の版", found.version),
        ],
        "invented": bool(batches) and _invented(kind),
        "breadcrumb": _crumbs(f"{found.title}（{found.pk}番）"),
        **_listed(request, found, progress, skipped),
    }
    return render(request, "office/letter_run.html", context)


def _job(found: LetterRun, progress: letters.Progress) -> dict[str, Any]:
    """What the progress bar says."""
    title, kind, icon = _STATES[State(found.state)]
    job: dict[str, Any] = {
        "id": "letters",
        "title": "印刷",
        "state": title,
        "kind": kind,
        "icon": icon,
        "url": reverse("letter_run_progress", args=[found.pk]),
        "done": progress.printed + sum(progress.skipped.values()),
        "total": found.total if found.state != State.WAITING else 0,
    }
    if found.state not in (State.WAITING, State.PRINTING):
        job |= {
            "finished": True,
            "result_url": reverse("letter_run", args=[found.pk]),
            "result": "結果を見る",
        }
    return job


@page(*STAFF)
def run_progress(request: HttpRequest, id: int) -> HttpResponse:
    """How far a run is, asked for every two seconds."""
    found, _ = _run(id)
    job = _job(found, letters.progress(found))
    response = render(request, "office/parts/progress.html", {"job": job})
    if job.get("finished"):
        response["HX-Refresh"] = "true"
    return response


_SHOWN = {"printed": "印刷した通知", "skipped": "印刷しなかったもの", "returned": "返送された通知"}


def _listed(
    request: HttpRequest, found: LetterRun, progress: letters.Progress, skipped: int
) -> dict[str, Any]:
    """The letters of a run, page by page."""
    counts = {"printed": progress.printed, "skipped": skipped, "returned": progress.returned}
    query = request.GET.copy()
    if query.get("show") not in _SHOWN:
        query["show"] = "printed"
    listed = _letters(found, query).page()
    return {
        "show": query["show"],
        "tabs": [{"name": name, "title": title, "count": counts[name]} for name, title in _SHOWN.items()],
        "listed": listed,
        "rows": [{"row": row, "number": casework.number(row.case)} for row in listed.rows],
    }


def _letters(found: LetterRun, query: QueryDict) -> Listing:
    """The letters of a run that are asked for: printed, left out, come back, or all."""
    rows = LetterRow.objects.filter(run=found).select_related("batch")
    rows = {
        "printed": rows.exclude(batch=None),
        "skipped": rows.exclude(skipped=""),
        "returned": rows.exclude(returned_on=None),
    }.get(query.get("show", ""), rows)
    search = typed("番号で探す", "文書番号・案件番号", _bearing)
    return Listing(
        rows, _COLUMNS, query, "number", [search], PAGE, "#rows", file=("letter_run_list", found.pk)
    )


def _bearing(rows: QuerySet[LetterRow], text: str) -> QuerySet[LetterRow]:
    """The letters that bear a number: 文書番号, or the beginning of their case's."""
    found = Q(number=text.strip())
    begun = re.sub(r"[-\s]", "", text).lower()
    if re.fullmatch(r"[0-9a-f]{4,32}", begun):
        found |= Q(case__gte=begun, case__lte=begun + "g")
    return rows.filter(found)


def _done(request: HttpRequest, id: int, act: Callable[[int], LetterRun], said: str) -> HttpResponse:
    _run(id)
    try:
        act(id)
    except CaseError as error:
        if error.code == "not_allowed":
            raise PermissionDenied from None
        messages.error(request, f"{error.what}{error.todo}")
    else:
        messages.success(request, said)
    return redirect("letter_run", id)


@page(*STAFF, reads=False)
@require_POST
def repeat(request: HttpRequest, id: int) -> HttpResponse:
    """Go on with a run that stopped."""
    return _done(request, id, letters.repeat, "続きを印刷します。")


@page(*STAFF, reads=False)
@require_POST
def cancel(request: HttpRequest, id: int) -> HttpResponse:
    """Print no more of a run."""
    return _done(request, id, letters.cancel, "残りの印刷を取りやめました。")


# ---- PDFs and lists ----------------------------------------------------------------------------------------------


@page(*STAFF, reads=False, recent=True)
def batch_pdf(request: HttpRequest, id: int) -> HttpResponse:
    """A PDF of a run as it was printed."""
    return _opened(request, _batch(id), "通知", lambda batch: letters.batch_pdf(batch))


@page(*STAFF, reads=False, recent=True)
def batch_labels(request: HttpRequest, id: int) -> HttpResponse:
    """The address labels of a PDF of a run."""
    return _opened(request, _batch(id), "宛名ラベル", letters.labels)


def _batch(id: int) -> LetterBatch:
    batch = LetterBatch.objects.filter(pk=id, branch=on_duty().branch).select_related("run", "blob").first()
    if batch is None:
        raise Http404
    _sent(batch.run)
    return batch


def _opened(
    request: HttpRequest, batch: LetterBatch, what: str, made: Callable[[LetterBatch], bytes | None]
) -> HttpResponse:
    content = made(batch)
    if content is None:
        messages.warning(request, "住所の分かる人がいないため、宛名ラベルを作れません。")
        return redirect("letter_run", batch.run.pk)
    named = f"{batch.run.title}_{batch.run.pk}-{batch.number}"
    audit.record(
        audit.What.LETTERS_OPENED, detail=f"{what}　{batch.run.title}（{batch.run.pk}番）の束{batch.number}"
    )
    return _pdf(content, f"{what}_{named}.pdf")


@page(*STAFF, reads=False, recent=True)
def letter_pdf(request: HttpRequest, id: int) -> HttpResponse:
    """One letter as it was printed."""
    row = (
        LetterRow.objects.filter(pk=id, branch=on_duty().branch).select_related("run", "batch__blob").first()
    )
    if row is None or row.batch is None:
        raise Http404
    _sent(row.run)
    audit.record(audit.What.LETTERS_OPENED, case=row.case, subject=row.subject, detail=f"通知　{row.number}")
    return _pdf(letters.letter_pdf(row), f"{row.number}.pdf")


_COLUMNS = (
    Column("文書番号", lambda row: row.number, 24, "number", ("pk",)),
    Column("受付番号", lambda row: spoken(row.token) if row.token else None, 22),
    Column("案件番号", lambda row: casework.number(row.case), 16, "case", ("case",)),
    Column("束", lambda row: row.batch.number if row.batch else None, 6),
    Column("最初のページ", lambda row: row.first_page, 10),
    Column("最後のページ", lambda row: row.last_page, 10),
    Column("印刷日", lambda row: row.sent_on, 12),
    Column("印刷しなかった理由", lambda row: row.skipped or None, 30, "skipped", ("skipped", "pk")),
    Column("返送日", lambda row: row.returned_on, 12, "returned", ("returned_on", "pk")),
    Column("返送の理由", lambda row: row.returned_reason or None, 20),
)


@page(*STAFF, recent=True)
def run_list(request: HttpRequest, id: int, form: str) -> HttpResponse:
    """The list of a run (発送一覧) as a file: numbers and pages, no names."""
    found, _ = _run(id)
    said = _SHOWN.get(request.GET.get("show", ""), "")
    detail = f"発送一覧　{found.title}（{found.pk}番）{said}"
    return _letters(found, request.GET).take_out(f"発送一覧_{found.pk}", form, detail)


# ---- mail that comes back ----------------------------------------------------------------------------------------

_REMEMBERED = 10


class Back(forms.Form):
    """A letter that came back."""

    reason = forms.ChoiceField(
        label="返送の理由", choices=[(reason, reason) for reason in REASONS], widget=forms.RadioSelect
    )
    detail = forms.CharField(
        label="「その他」の内容",
        required=False,
        max_length=100,
        help_text="「その他」のときだけ。履歴に残ります。氏名・住所は書かないでください。",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    code = forms.CharField(
        label="受付番号か文書番号",
        max_length=200,
        required=False,
        help_text="QRコードを読み取るか、受付番号か、封筒の窓に見える文書番号を入れて、Enter を押します。続けて記録できます。",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autofocus": True, "spellcheck": "false", "class": "code"}
        ),
    )

    def clean(self) -> dict[str, Any]:
        """The reason as it is recorded, under `said`."""
        given = super().clean() or {}
        reason, detail = given.get("reason"), (given.get("detail") or "").strip()
        if reason == REASONS[-1]:
            if not detail:
                self.add_error("detail", "「その他」のときは、内容を入れてください。")
            given["said"] = f"{reason}（{detail}）"
        else:
            given["said"] = reason
        return given


@page(*STAFF, reads=False)
def returned(request: HttpRequest) -> HttpResponse:
    """Record letters that came back, one after the other."""
    reason = request.GET.get("reason", "")
    form = Back(request.POST or None, initial={"reason": reason if reason in REASONS else REASONS[0]})
    error: CaseError | None = None
    typed = ""
    done: letters.Returned | None = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            done = letters.came_back(given["code"], given["said"])
        except CaseError as refused:
            error, typed = refused, given["code"].strip()[:40]
        else:
            _remember(request, done.row.pk)
            if not request.htmx:  # type: ignore[attr-defined]
                messages.success(request, _told(done))
                return redirect(f"{reverse('returned')}?{urlencode({'reason': given['reason']})}")
        form = Back(initial={"reason": given["reason"], "detail": given["detail"]})
    context = {
        "form": form,
        "error": error,
        "error_title": f"「{typed}」は記録していません。" if typed else "記録していません。",
        "done": _told(done) if done else "",
        "rows": _remembered(request),
    }
    name = "office/returned_form.html" if request.htmx else "office/returned.html"  # type: ignore[attr-defined]
    # What is refused is shown in the form itself, and the next letter can be read at once.
    return render(request, name, context, status=422 if form.errors or error else 200)


def _told(done: letters.Returned) -> str:
    after = f"案件は「{done.state}」になりました。" if done.moved else f"案件は「{done.state}」のままです。"
    return f"{done.row.number} の返送（{done.row.returned_reason}）を記録しました。{after}"


def _remember(request: HttpRequest, row: int) -> None:
    request.session["returned"] = [row, *request.session.get("returned", [])][:_REMEMBERED]


def _remembered(request: HttpRequest) -> list[dict[str, Any]]:
    """The letters this person recorded last, the newest first."""
    keys = request.session.get("returned", [])
    found = LetterRow.objects.filter(pk__in=keys, branch=on_duty().branch).select_related("run").in_bulk()
    return [
        {
            "row": found[key],
            "number": casework.number(found[key].case),
            "kind": CASEKINDS[found[key].run.kind].title,
        }
        for key in keys
        if key in found and found[key].run.kind in CASEKINDS
    ]


urlpatterns = [
    path("letters/", overview, name="letters"),
    path("letters/new/<slug:kind>/<slug:letter>/", new, name="letters_new"),
    path("letters/new/<slug:kind>/<slug:letter>/confirm/", confirm, name="letters_confirm"),
    path("letters/new/<slug:kind>/<slug:letter>/preview.pdf", preview, name="letters_preview"),
    path("letters/export.<str:form>", runs_export, name="letter_runs_export"),
    path("letters/<int:id>/", run, name="letter_run"),
    path("letters/<int:id>/progress/", run_progress, name="letter_run_progress"),
    path("letters/<int:id>/repeat/", repeat, name="letter_run_repeat"),
    path("letters/<int:id>/cancel/", cancel, name="letter_run_cancel"),
    path("letters/<int:id>/list.<str:form>", run_list, name="letter_run_list"),
    path("letters/batch/<int:id>/letters.pdf", batch_pdf, name="letter_batch_pdf"),
    path("letters/batch/<int:id>/labels.pdf", batch_labels, name="letter_batch_labels"),
    path("letters/letter/<int:id>.pdf", letter_pdf, name="letter_pdf"),
    path("returned/", returned, name="returned"),
]
