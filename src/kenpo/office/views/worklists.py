"""Worklists (対象者リスト) and how cases are opened from them: the lists, their rows, the plan, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from kenpo.base.branches import NATION_CODE
from kenpo.base.business import add_business_days
from kenpo.base.era import to_wareki, to_wareki_month
from kenpo.base.errors import KenpoError
from kenpo.catalogue import CASEKINDS, WORKLISTS
from kenpo.frame.casekind import CaseKind
from kenpo.frame.worklist import Worklist
from kenpo.office import casework, exports, opening
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.exports import Value
from kenpo.office.forms import NumberField, Select
from kenpo.office.lists import Column, Condition, Frame, Listing, choice, holding, typed
from kenpo.office.models import Opening, OpeningRow
from kenpo.office.opening import Line, Outcome, State, Terms

NEWEST = 5
MOST_HELD_OUT = 50
"""Percent of the people who may be held out at most: the rest must not be fewer than they."""


# ---- the lists ---------------------------------------------------------------------------------------------------


@page(*STAFF)
def worklists(request: HttpRequest) -> HttpResponse:
    """Every worklist with what it is for, and the newest openings."""
    listed = [
        {
            "worklist": w,
            "kinds": opening.kinds_of(w.id),
            "startable": [k for k in opening.kinds_of(w.id) if opening.may_open(k)],
            "readable": opening.may_look(w),
        }
        for w in WORKLISTS.values()
    ]
    context = {
        "listed": sorted(listed, key=lambda one: not one["startable"]),
        "newest": _told(_openings()[:NEWEST]),
    }
    return render(request, "office/worklists.html", context)


def _month_choices(months: list[date]) -> list[tuple[str, str]]:
    return [(m.isoformat(), f"{to_wareki_month(m)}（{m:%Y-%m}）") for m in months]


@page(*STAFF)
def worklist(request: HttpRequest, worklist: str) -> HttpResponse:
    """The rows of a list in the branch, with reason, priority and where they come from."""
    chosen = _readable(worklist)
    duty = on_duty()
    context: dict[str, Any] = {
        "worklist": chosen,
        "startable": [k for k in opening.kinds_of(chosen.id) if opening.may_open(k)],
        "breadcrumb": _crumbs(chosen.title),
    }
    if duty.branch == NATION_CODE:
        return render(request, "office/worklist.html", context | {"choose_branch": True})
    try:
        if months := opening.months():
            month, listed = _of_month(request, chosen, months)
            context |= {"month": month, "form": listed.form}
            if month:
                shown = listed.page()
                context |= {"listed": shown, "rows": [_row(chosen, r) for r in shown.rows]}
    except KenpoError as error:
        context["error"] = error
    return render(request, "office/worklist.html", context)


def _readable(worklist: str) -> Worklist:
    """A list whose rows the person may look at. Raises Http404 for none, PermissionDenied for who may not."""
    chosen = WORKLISTS.get(worklist)
    if chosen is None:
        raise Http404
    if not opening.may_look(chosen):
        raise PermissionDenied
    return chosen


def _of_month(request: HttpRequest, chosen: Worklist, months: list[date]) -> tuple[date | None, Listing]:
    """The month that is asked for, or else the newest, and the rows of it; none for a month that there is not."""
    asked = request.GET.get("month") or months[0].isoformat()
    month = next((m for m in months if m.isoformat() == asked), None)
    table = opening.look(chosen, on_duty().branch, month) if month else Frame(pl.DataFrame())
    spoken = [(m.isoformat(), to_wareki_month(m)) for m in months]
    which = Condition("month", forms.ChoiceField(label="月", choices=spoken, widget=Select))
    conditions = [
        which,
        typed("文字・番号", "理由、番号など", lambda rows, t: rows.where(holding(rows.table, t))),
    ]
    if len(chosen.reasons) > 1:
        reasons = chosen.reasons.items()
        conditions.insert(
            1, choice("reason", "理由", reasons, lambda rows, r: rows.where(pl.col("reason") == r))
        )
    return month, Listing(
        table,
        _columns(chosen, table.table),
        request.GET,
        "priority",
        conditions,
        given={"month": asked},
        file=("worklist_export", chosen.id),
    )


def _columns(chosen: Worklist, table: pl.DataFrame) -> list[Column]:
    """The columns of a list; what holds several values at once does not sort."""

    def column(key: str, title: str, width: int = 14) -> Column:
        kind = table.schema.get(key, pl.String())
        by = () if kind.is_nested() else (key,)
        return Column(title, lambda r: _kept(r[key]), width, key, by, kind.is_numeric())

    return [
        Column("順位", lambda r: r["priority"], 8, "priority", ("priority",), True),
        Column("理由", lambda r: r["reason_label"], 30, "reason_label", ("reason_label",)),
        *(column(name, title) for name, title in chosen.columns.items()),
        Column("元のファイル", lambda r: r["file"], 24, "file", ("file", "source_line")),
        Column("元の行", lambda r: r["source_line"], 10),
    ]


def _kept(value: Any) -> Value:
    """A value in a file: as it is shown, numbers and days as such."""
    return value if _is_number(value) or isinstance(value, date | None) or value == "" else _said(value)


@page(*STAFF, recent=True)
def worklist_export(request: HttpRequest, worklist: str, form: str) -> HttpResponse:
    """All rows of a list in a month, with its conditions and order, as CSV or Excel."""
    chosen = _readable(worklist)
    if on_duty().branch == NATION_CODE:
        raise Http404
    try:
        month, listed = _of_month(request, chosen, opening.months())
    except (KenpoError, IndexError):
        raise Http404 from None
    if month is None:
        raise Http404
    name = f"{chosen.title}_{month:%Y%m}"
    return listed.take_out(name, form, f"対象者リスト「{chosen.title}」{to_wareki_month(month)}")


def _row(worklist: Worklist, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "priority": row["priority"],
        "reason": row["reason_label"],
        "cells": [_cell(title, row[name]) for name, title in worklist.columns.items()],
        "file": row["file"],
        "line": row["source_line"],
    }


_LONG = 16
"""Characters from which a cell may break into lines."""


def _cell(title: str, value: Any) -> dict[str, str]:
    text = _said(value)
    kind = "number" if _is_number(value) else "long" if len(text) > _LONG else "nowrap"
    return {"title": title, "text": text, "kind": kind}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _said(value: Any) -> str:
    """A value as it is shown; of a keyed hash its beginning, of a quantity no more decimals than it needs."""
    match value:
        case None | "":
            return "－"
        case bool():
            return "はい" if value else "いいえ"
        case int():
            return f"{value:,}"
        case Decimal():
            shown = f"{value:,f}"
            return shown.rstrip("0").rstrip(".") if value.as_tuple().exponent in range(-9, -2) else shown
        case date():
            return to_wareki(value)
    return re.sub(r"\A([0-9a-f]{8})[0-9a-f]{24,56}\Z", r"\1…", str(value))


def _crumbs(*titles: str) -> list[dict[str, str]]:
    return [
        {"title": "対象者リスト", "url": reverse("worklists")},
        *({"title": t, "url": ""} for t in titles),
    ]


# ---- an opening is begun -----------------------------------------------------------------------------------------


class Start(forms.Form):
    """How cases are to be opened."""

    month = forms.ChoiceField(label="リストの月", help_text="データが取り込まれている月。")
    capacity = NumberField(
        label="上限（件）",
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="優先順位の高いほうから、この件数だけ始めます。空けておくと、すべて始めます。",
    )
    control = NumberField(
        label="対照群にする割合（%）",
        min_value=0,
        max_value=MOST_HELD_OUT,
        initial=0,
        help_text="くじで選んだ人には、今回は案件を始めずにおきます。始めた人とその後を比べると、働きかけの効果が分かります。"
        "0 なら、だれも選びません。",
    )
    quiet_days = NumberField(
        label="最近連絡した人を除く日数",
        min_value=0,
        max_value=365,
        initial=30,
        help_text="この日数のうちに、どの種類でも通知を送った人を除きます。返送された通知は数えません。0 なら除きません。",
    )

    def __init__(self, *args: Any, months: list[date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["month"].choices = _month_choices(months)  # type: ignore[attr-defined]


@page(*STAFF, reads=False)
def opening_new(request: HttpRequest, kind: str) -> HttpResponse:
    """Say how cases of a kind are to be opened from its list; the plan is then prepared."""
    chosen = CASEKINDS.get(kind)
    if chosen is None or chosen.worklist not in WORKLISTS:
        raise Http404
    if not opening.may_open(chosen):
        raise PermissionDenied
    context: dict[str, Any] = {
        "kind": chosen,
        "worklist": WORKLISTS[chosen.worklist],
        "seed": opening.seed_of(chosen),
        "going": _told(_openings().filter(kind=chosen.id, state__in=_GOING)[:NEWEST]),
        "breadcrumb": _crumbs(chosen.title),
    }
    try:
        form = Start(request.POST or None, months=opening.months())
    except KenpoError as error:
        return render(request, "office/opening_new.html", context | {"error": error})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        terms = Terms(
            date.fromisoformat(given["month"]),
            given["capacity"],
            Decimal(given["control"]),
            given["quiet_days"],
        )
        return redirect("opening", opening.begin(chosen, terms).pk)
    return render(
        request, "office/opening_new.html", context | {"form": form}, status=422 if form.errors else 200
    )


# ---- an opening --------------------------------------------------------------------------------------------------

_GOING = (State.PREPARING, State.PREPARED, State.OPENING)
_STATES = {
    State.PREPARING: ("準備中", "info", "running"),
    State.PREPARED: ("確認待ち", "warn", "waiting"),
    State.OPENING: ("開始中", "info", "running"),
    State.DONE: ("完了", "ok", ""),
    State.CANCELLED: ("取りやめ", "neutral", ""),
    State.FAILED: ("失敗", "late", ""),
}


def _openings() -> Any:
    """The openings of the branch whose cases the person may read, the newest first."""
    kinds = [k.id for k in casework.readable_kinds()]
    return Opening.objects.filter(branch=on_duty().branch, kind__in=kinds).order_by("-at", "-pk")


def _told(found: Any) -> list[dict[str, Any]]:
    """Openings as a table shows them."""
    listed = list(found)
    names = casework.named({o.by for o in listed})
    return [
        {
            "opening": o,
            "kind": CASEKINDS[o.kind],
            "month": opening.terms_of(o).month,
            "state": _STATES[State(o.state)],
            "by": names.get(o.by, o.by),
            "counted": bool(o.counts),
            **_facts(o),
        }
        for o in listed
    ]


def _facts(o: Opening) -> dict[str, int | None]:
    """How many rows of an opening became what."""
    return {
        "open": o.counts.get(Outcome.OPEN),
        "control": o.counts.get(Outcome.CONTROL),
        "not": sum(o.counts.get(Outcome.EXCLUDED, {}).values()) + o.counts.get(Outcome.OVER, 0),
    }


def _found(id: int) -> tuple[Opening, CaseKind]:
    """An opening of the branch whose cases the person may read, and its kind."""
    found = Opening.objects.filter(pk=id, branch=on_duty().branch).first()
    if found is None or found.kind not in CASEKINDS:
        raise Http404
    kind = CASEKINDS[found.kind]
    if kind not in casework.readable_kinds():
        raise PermissionDenied
    return found, kind


@page(*STAFF)
def opening_page(request: HttpRequest, id: int) -> HttpResponse:
    """The plan of an opening, or what came of it, row by row."""
    return _shown(request, *_found(id))


def _shown(
    request: HttpRequest, found: Opening, kind: CaseKind, error: KenpoError | None = None
) -> HttpResponse:
    terms, names = opening.terms_of(found), casework.named({found.by, found.confirmed_by})
    stuck = found.state in (State.PREPARING, State.OPENING) and not opening.runs(found)
    counted = bool(found.counts) and found.state in (State.PREPARED, State.OPENING, State.DONE)
    lines = opening.lines(found) if counted else ()
    context: dict[str, Any] = {
        "opening": found,
        "kind": kind,
        "worklist": WORKLISTS[found.worklist],
        "state": _STATES[State(found.state)],
        "stuck": stuck,
        "job": None if stuck else _job(found),
        "may": opening.may_open(kind),
        "terms": _terms(terms, found, names),
        "lines": lines,
        "total": sum(line.rows for line in lines),
        "error": error,
        "notes": found.counts.get("notes", ()),
        "breadcrumb": _crumbs(f"{kind.title}（{found.pk}番）"),
        **(_listed(request, found, lines) if lines else {}),
    }
    if found.state == State.PREPARED and context["may"]:
        context |= _asked(found, kind)
    status = 200 if error is None else 409 if error.code == "stale" else 422
    return render(request, "office/opening.html", context, status=status)


def _terms(terms: Terms, found: Opening, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """How it was asked for."""
    said = [
        ("リスト", WORKLISTS[found.worklist].title),
        ("月", to_wareki_month(terms.month)),
        ("上限", f"上位 {terms.capacity:,}件" if terms.capacity else "なし（すべて）"),
        ("対照群", f"{terms.control_percent}%" if terms.control_percent else "なし"),
        ("連絡の間隔", f"{terms.quiet_days}日以内に連絡した人を除く" if terms.quiet_days else "見ない"),
        ("くじの種", terms.seed),
        ("準備した人", names.get(found.by, found.by)),
    ]
    if found.confirmed_by:
        said.append(("始めた人", names.get(found.confirmed_by, found.confirmed_by)))
    return said


def _job(found: Opening) -> dict[str, Any] | None:
    """What the progress bar says while a job is under way."""
    url = reverse("opening_progress", args=[found.pk])
    job: dict[str, Any] = {
        "id": "opening",
        "url": url,
        "icon": "running",
        "state": _STATES[State(found.state)][0],
    }
    if found.state == State.PREPARING:
        return job | {
            "title": "対象者リストの準備",
            "text": "リストを計算し、1行ずつ、案件を始めるかどうかを決めています。",
        }
    if found.state == State.OPENING:
        total = found.counts[Outcome.OPEN] + found.counts[Outcome.CONTROL]
        return job | {"title": "案件の開始", "done": min(found.counts["done"], total), "total": total}
    return None


@page(*STAFF)
def opening_progress(request: HttpRequest, id: int) -> HttpResponse:
    """How far the job of an opening is, asked for every two seconds."""
    found, _ = _found(id)
    title, kind, icon = _STATES[State(found.state)]
    job = _job(found) or {
        "id": "opening",
        "title": "案件の開始" if found.confirmed_by else "対象者リストの準備",
        "state": "準備ができました" if found.state == State.PREPARED else title,
        "kind": "ok" if found.state == State.PREPARED else kind,
        "icon": icon if found.state != State.PREPARED else "",
        "finished": True,
        "result_url": reverse("opening", args=[found.pk]),
        "result": "内容を確かめる" if found.state == State.PREPARED else "結果を見る",
    }
    response = render(request, "office/parts/progress.html", {"job": job})
    if job.get("finished"):
        response["HX-Refresh"] = "true"
    return response


def _listed(request: HttpRequest, found: Opening, lines: tuple[Line, ...]) -> dict[str, Any]:
    """The rows of the outcome that is looked at, page by page."""
    line = next((one for one in lines if one.slug == request.GET.get("show")), lines[0])
    query = request.GET.copy()
    query["show"] = line.slug
    shown = _rows(found, line, query).page()
    return {
        "line": line,
        "listed": shown,
        "rows": [_planned(found, row) for row in shown.rows],
        "files": [
            *((f"この内訳：{title}", url) for title, url in shown.files),
            *(
                (f"リストのすべての行：{title}", reverse("opening_export", args=[found.pk, form]))
                for form, title in reversed(exports.FORMS.items())
            ),
        ],
    }


def _rows(found: Opening, line: Line | None, query: QueryDict) -> Listing:
    """The rows of an opening, of one outcome or all, with what becomes of them."""
    done = found.state == State.DONE

    def become(row: OpeningRow) -> str:
        said = Line(Outcome(row.outcome), row.why, 0)
        return said.result if done else said.title

    def value(name: str) -> Callable[[OpeningRow], Value]:
        return lambda row: _planned(found, row)[name]

    columns = [
        Column("順位", lambda r: r.priority, 8, "priority", ("place",), True),
        Column("内容", value("said"), 44, "said"),
        Column("挙がった理由", value("reason"), 30, "reason", ("reason", "place")),
        Column("相手方", value("subject"), 14, "subject"),
        Column("元のファイル", lambda r: (r.row or {}).get("file"), 24, "file"),
        Column("元の行", lambda r: (r.row or {}).get("source_line"), 10),
        Column("どうなったか" if done else "どうするか", become, 34),
        Column("案件番号", lambda r: casework.number(r.case) if _begun(r) else None, 16),
    ]
    return Listing(
        opening.rows_of(found, line),
        columns,
        query,
        "priority",
        anchor="#rows",
        file=("opening_export", found.pk),
    )


@page(*STAFF, recent=True)
def opening_export(request: HttpRequest, id: int, form: str) -> HttpResponse:
    """The rows of an opening with what becomes of each and why, as CSV or Excel; of one outcome when it is asked for."""
    found, kind = _found(id)
    counted = bool(found.counts) and found.state in (State.PREPARED, State.OPENING, State.DONE)
    if not counted:
        raise Http404
    asked = request.GET.get("show", "")
    line = next((one for one in opening.lines(found) if one.slug == asked), None)
    if asked and line is None:
        raise Http404
    said = f"（{line.title}）" if line else ""
    detail = f"「{kind.title}」を始める（{found.pk}番）の行{said}"
    return _rows(found, line, request.GET).take_out(f"{kind.title}_{found.pk}番", form, detail)


def _begun(row: OpeningRow) -> bool:
    """Whether a row has become a case."""
    return row.done and row.outcome == Outcome.OPEN


_SHOWN = 4


def _planned(found: Opening, row: OpeningRow) -> dict[str, Any]:
    worklist, kept = WORKLISTS[found.worklist], row.row or {}
    told = [
        (title, _said(kept[name]))
        for name, title in worklist.columns.items()
        if kept.get(name) not in (None, "")
    ]
    return {
        "priority": row.priority,
        "said": row.summary or "、".join(f"{title} {text}" for title, text in told[:_SHOWN]),
        "reason": kept.get("reason_label") or row.reason,
        "subject": _said(row.subject),
        "file": kept.get("file"),
        "line": kept.get("source_line"),
        "url": _case_url(row.case) if _begun(row) else "",
    }


def _case_url(case: str) -> str:
    try:
        return reverse("case", args=[case])
    except NoReverseMatch:
        return ""


def _asked(found: Opening, kind: CaseKind) -> dict[str, Any]:
    """What confirming would do."""
    counts, today = found.counts, timezone.localdate()
    opened, held_out = counts[Outcome.OPEN], counts[Outcome.CONTROL]
    effects = [
        f"「{kind.title}」の案件が {opened:,}件、「{kind.state(kind.first).title}」の状態で始まります。"
    ]
    warnings = opening.outdated(found)
    try:
        days = kind.deadline_days(today)
        if days and kind.begins == kind.first:
            effects.append(
                f"受付日は今日、期限は{to_wareki(add_business_days(today, days))}（{days}営業日）です。"
            )
    except KenpoError as error:
        warnings.append(error.what)
    if held_out:
        effects.append(
            f"対照群の {held_out:,}件には案件を始めません。この種類のあとのリストでも、同じ人は対照群のままです。"
        )
    effects += [
        "除外した行と上限を超えた行には、何も起きません。",
        "始めるまでに通知を希望しない申出や別の案件ができた人は、始めるときに除かれます。",
        "始めたあとは、まとめて取りやめることはできません。1件ずつ案件の画面で取りやめます。",
    ]
    return {
        "effects": effects,
        "warning": "".join(warnings),
        "question": f"{opened:,}件の案件を始めます",
        "button": f"{opened:,}件の案件を始める",
        "openable": opened + held_out > 0,
    }


def _doing(request: HttpRequest, id: int, do: Callable[[int], Opening], said: str) -> HttpResponse:
    found, kind = _found(id)
    try:
        do(id)
    except KenpoError as error:
        return _shown(request, found, kind, error)
    messages.success(request, said)
    return redirect("opening", id)


@page(*STAFF, reads=False)
@require_POST
def opening_confirm(request: HttpRequest, id: int) -> HttpResponse:
    """Have the plan carried out."""
    return _doing(request, id, opening.confirm, "案件を始めています。")


@page(*STAFF, reads=False)
@require_POST
def opening_cancel(request: HttpRequest, id: int) -> HttpResponse:
    """Give the plan up."""
    return _doing(request, id, opening.cancel, "取りやめました。案件は始めていません。")


@page(*STAFF, reads=False)
@require_POST
def opening_repeat(request: HttpRequest, id: int) -> HttpResponse:
    """Prepare the plan anew, or go on where it stopped."""
    return _doing(request, id, opening.repeat, "もう一度行っています。")


@page(*STAFF)
def openings(request: HttpRequest) -> HttpResponse:
    """Who opened what when, and what came of it."""
    shown = _records(request).page()
    context = {"listed": shown, "rows": _told(shown.rows), "breadcrumb": _crumbs("案件を始めた記録")}
    return render(request, "office/openings.html", context)


@page(*STAFF, recent=True)
def openings_export(request: HttpRequest, form: str) -> HttpResponse:
    """The openings as they are listed, as CSV or Excel."""
    return _records(request).take_out("案件を始めた記録", form, "案件を始めた記録")


def _records(request: HttpRequest) -> Listing:
    kinds = casework.readable_kinds()
    found = _openings()
    staff = casework.named(set(found.order_by().values_list("by", flat=True).distinct()))

    def told(name: str) -> Callable[[Opening], Value]:
        return lambda o: _facts(o)[name] if o.counts else None

    columns = [
        Column("案件の種類", lambda o: CASEKINDS[o.kind].title, 24, "kind", ("kind", "-pk")),
        Column("月", lambda o: opening.terms_of(o).month, 12, "month", ("settings__month", "pk")),
        Column("状況", lambda o: _STATES[State(o.state)][0], 12, "state", ("state", "-pk")),
        Column("案件", told("open"), 10, "open", ("counts__open", "pk"), True),
        Column("対照群", told("control"), 10, "control", ("counts__control", "pk"), True),
        Column("始めない", told("not"), 10, "not", numeric=True),
        Column("準備した人", lambda o: staff.get(o.by, o.by), 18, "by", ("by", "-pk")),
        Column("日時", lambda o: o.at, 18, "at", ("at", "pk")),
        Column("番号", lambda o: o.pk, 8),
    ]
    conditions = [
        choice(
            "kind",
            "案件の種類",
            [(k.id, k.title) for k in kinds if k.worklist],
            lambda rows, kind: rows.filter(kind=kind),
        ),
        choice(
            "state",
            "状況",
            [(state.value, said[0]) for state, said in _STATES.items()],
            lambda rows, state: rows.filter(state=state),
        ),
    ]
    return Listing(found, columns, request.GET, "-at", conditions, file=("openings_export",))


urlpatterns = [
    path("worklists/", worklists, name="worklists"),
    path("worklists/openings/", openings, name="openings"),
    path("worklists/openings/export.<str:form>", openings_export, name="openings_export"),
    path("worklists/openings/new/<str:kind>/", opening_new, name="opening_new"),
    path("worklists/openings/<int:id>/", opening_page, name="opening"),
    path("worklists/openings/<int:id>/rows.<str:form>", opening_export, name="opening_export"),
    path("worklists/openings/<int:id>/progress/", opening_progress, name="opening_progress"),
    path("worklists/openings/<int:id>/confirm/", opening_confirm, name="opening_confirm"),
    path("worklists/openings/<int:id>/cancel/", opening_cancel, name="opening_cancel"),
    path("worklists/openings/<int:id>/repeat/", opening_repeat, name="opening_repeat"),
    path("worklists/<str:worklist>/", worklist, name="worklist"),
    path("worklists/<str:worklist>/export.<str:form>", worklist_export, name="worklist_export"),
]
