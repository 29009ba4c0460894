"""The queue (案件の一覧) of a kind: where a clerk chooses the next case, several at once, or takes the list out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone

from kenpo.base.branches import NATION_CODE
from kenpo.frame.casekind import CaseKind
from kenpo.frame.cases import Access, CaseError, access
from kenpo.frame.cases.people import assigners, workers
from kenpo.office import casework, exports
from kenpo.office.acting import STAFF, Duty, on_duty, page
from kenpo.office.casepage import Staff, row_of, staff_of
from kenpo.office.exports import Column
from kenpo.office.lists import orders
from kenpo.office.models import CaseRow
from kenpo.office.queues import MOST, PAGE, SORTS, Queue, address, queue_of
from kenpo.office.templatetags.office import remaining


@page(*STAFF)
def queue(request: HttpRequest, kind: str) -> HttpResponse:
    """The cases of a kind, with one of them beside it."""
    found, duty = kind_here(kind), on_duty()
    if duty.branch == NATION_CODE:
        return render(
            request, "office/queue.html", {"kind": found, "no_branch": True, "today_url": reverse("today")}
        )
    staff = staff_of(found)
    listed = queue_of(found, request.GET, staff.able)
    rows, paging = _page(request, listed)
    chosen = request.GET.get("case", "")
    context = {
        "kind": found,
        "filter": listed.filter,
        "conditions": listed.filter.words(),
        "keep": {"sort": request.GET["sort"]} if request.GET.get("sort") else {},
        "sorts": orders(SORTS.items()),
        "sort": f"{'-' if listed.order.down else ''}{listed.order.sort}",
        "query": listed.query,
        "rows": [row_of(found, row, staff, listed.query) for row in rows],
        "operations": operations(found, duty, request.GET.get("state", "")),
        "clear_url": reverse("queue", args=[found.id]),
        "new_url": _new_url(found, duty),
        "worklists_url": _worklists_url(),
        "chosen": address(chosen, listed.query) if chosen else "",
        "most": MOST,
        "today": timezone.localdate(),
        **paging,
    }
    return render(request, "office/queue.html", context)


def kind_here(id: str) -> CaseKind:
    """A kind whose cases the person may see. Raises Http404 for none, PermissionDenied for who may not."""
    try:
        kind = casework.kind_of(id)
    except CaseError as error:
        raise Http404(error.message) from None
    duty = on_duty()
    if access(kind, duty.branch, duty.actor) is not Access.CONTENT:
        raise PermissionDenied
    return kind


def _page(request: HttpRequest, listed: Queue) -> tuple[list[CaseRow], dict[str, Any]]:
    """The rows of the page asked for, and what the pager says. Nothing is counted or skipped beyond MOST."""
    given = request.GET.get("page", "1")
    at = min(max(1, int(given)) if given.isdecimal() and len(given) < 6 else 1, MOST // PAGE)
    count = listed.count()
    at = min(at, max(1, -(-min(count, MOST) // PAGE)))
    start = (at - 1) * PAGE
    rows = listed.page(start)
    last = start + len(rows)

    def link(to: int) -> str:
        return f"?{listed.query}{'&' if listed.query else ''}page={to}"

    further = last < min(count, MOST)
    return rows, {
        "first": start + 1 if rows else 0,
        "last": last,
        "count": min(count, MOST),
        "capped": count > MOST,
        "over": count > MOST and not further,
        "previous_url": link(at - 1) if at > 1 else "",
        "next_url": link(at + 1) if further else "",
    }


def operations(kind: CaseKind, duty: Duty, state: str) -> list[tuple[str, str]]:
    """What the person may do to many cases at once: value and title; moves only from the state that is listed, if one is."""
    if not duty.writes or duty.actor.first_of(workers(kind)) is None:
        return []
    found = [("claim", "担当する"), ("release", "担当を解除する")]
    if duty.actor.first_of(assigners(kind)):
        found.append(("assign", "割り当てる"))
    if kind.decide is not None and kind.facts is None and duty.actor.first_of(kind.workers):
        found.append(("decide", "判断する"))
    return found + [
        (f"move:{move.id}", move.title)
        for move in kind.moves
        if duty.actor.first_of(kind.roles_of(move)) and (not state or state in move.from_states)
    ]


def _new_url(kind: CaseKind, duty: Duty) -> str:
    by_hand = kind.worklist is None and duty.writes and duty.actor.first_of(workers(kind))
    return reverse("case_new", args=[kind.id]) if by_hand else ""


def _worklists_url() -> str:
    try:
        return reverse("worklists")
    except NoReverseMatch:
        return ""


# ---- taking the list out -----------------------------------------------------------------------------------------


@page(*STAFF, recent=True)
def export(request: HttpRequest, kind: str, form: str) -> HttpResponse:
    """The list as it stands, with its conditions and order, as CSV or Excel."""
    found = kind_here(kind)
    staff = staff_of(found)
    listed = queue_of(found, request.GET, staff.able)
    words = "、".join(listed.filter.words())
    detail = f"案件の一覧「{found.title}」{f'（{words}）' if words else ''}"

    def rows() -> Iterator[CaseRow]:
        return queue_of(found, request.GET, staff.able).rows.defer("content").iterator(2000)

    return exports.respond(found.title, columns(found, staff), rows, form, detail=detail)


def columns(kind: CaseKind, staff: Staff) -> list[Column]:
    """The columns of a list of cases; none names a person but the staff."""
    states = {s.id: s.title for s in kind.states}
    today = timezone.localdate()
    letters = {one.id: one.title for one in kind.letters}
    return [
        Column("案件番号", lambda r: casework.number(r.id), 16),
        Column("案件", lambda r: r.summary, 44),
        Column("状態", lambda r: states.get(r.state, r.state), 18),
        Column("期限", lambda r: r.due, 12),
        Column("残り", lambda r: "" if r.ended_on else remaining(r.due, today), 14),
        Column("担当", lambda r: staff.name(r.owner), 18),
        Column("優先順位", lambda r: r.priority, 10),
        Column("受付日", lambda r: r.received_on, 12),
        Column("終了日", lambda r: r.ended_on, 12),
        Column("送る通知", lambda r: "、".join(str(letters.get(one, one)) for one in r.letters_due), 24),
        Column("返送", lambda r: "あり" if r.returned else "", 8),
        Column("理由", lambda r: r.origin.get("reason_label") or "", 30),
    ]


urlpatterns = [
    path("cases/<str:kind>/", queue, name="queue"),
    path("cases/<str:kind>/export.<str:form>", export, name="queue_export"),
]
