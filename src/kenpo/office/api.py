"""The API (外部のプログラムから使う口): figures, where they come from, worklists, cases and plans for programs.

A program comes with a key of a person (`kenpo.office.tokens`) and acts for that person: the same roles, the same branch, the
same row-level security as on the pages, never more than the key's scopes. Whoever asks for something to be done names an
idempotency key, so that asking twice does it once.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import wraps
from typing import Annotated, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Field, NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from ninja.params.functions import Header, Query
from ninja.security import HttpBearer
from pydantic import BaseModel

from kenpo.base.branches import BRANCHES, NATION_CODE
from kenpo.base.errors import ArgumentError, KenpoError, LakeError, NotLoaded
from kenpo.catalogue import CASEKINDS, INITIATIVES, MEASURES, WORKLISTS, measure_of, worklist_of
from kenpo.frame import cases, explain, figures, run
from kenpo.frame.casekind import CaseKind, Role
from kenpo.frame.cases import Case, CaseError
from kenpo.frame.measure import definition_of
from kenpo.lake import Lake
from kenpo.office import audit, boards, casework, opening, tokens
from kenpo.office.acting import STAFF, acting, on_duty
from kenpo.office.models import ApiRequest, CaseRow
from kenpo.office.tokens import Scope

MOST = 500
"""Rows of one answer."""

BODY = 100_000
"""Bytes of a question."""

Branch = Annotated[
    str | None,
    Query(
        description="支部の2桁コード。省くと自分の支部。本部だけがほかの支部を指定できる",
        pattern="^[0-4][0-9]$",
    ),
]
Month = Annotated[str, Query(description="年月（2026-03）", pattern="^20[0-9]{2}-(0[1-9]|1[0-2])$")]
MaybeMonth = Annotated[
    str | None, Query(description="年月（2026-03）", pattern="^20[0-9]{2}-(0[1-9]|1[0-2])$")
]
Limit = Annotated[int, Query(description="件数", ge=1, le=MOST)]
Once = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        description="同じ依頼を2度送っても1度だけ行うための、依頼ごとに違う文字列",
        pattern="^[A-Za-z0-9._-]{8,80}$",
    ),
]


class Key(HttpBearer):
    """The key of a person, as `Authorization: Bearer kenpo_…`."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """The key, when it may be used."""
        return tokens.find(token)


api = NinjaAPI(
    title="kenpo API",
    version="1",
    description="指標・出所の説明・対象者リスト・案件・計画を、プログラムから読み、案件を進めます。権限は画面と同じです。",
    auth=Key(),
    docs_url=None,
    urls_namespace="api",
)


def needs(scope: Scope, *, writes: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an operation: what the key must be good for; it acts for the key's account in one transaction."""

    def declare(operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def done(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            token = request.auth  # type: ignore[attr-defined]
            if scope not in token.scopes:
                raise PermissionDenied
            actor = token.account.actor
            with acting(actor, kwargs.get("branch") if "branch" in kwargs and not writes else None) as duty:
                if duty.branch == NATION_CODE and writes:
                    raise PermissionDenied
                tokens.used(token)
                if not writes:
                    return operation(request, *args, **kwargs)
                return _once(request, token, kwargs["once"], lambda: operation(request, *args, **kwargs))

        return done

    return declare


def _once(request: HttpRequest, token: Any, key: str, work: Callable[[], BaseModel]) -> HttpResponse:
    """Do something once for a key; whoever asks the same again gets the same answer."""
    said = hashlib.sha256(b"\n".join((request.path.encode(), request.body))).hexdigest()
    mine, made = ApiRequest.objects.get_or_create(
        token=token, key=key, defaults={"branch": on_duty().branch, "question": said}
    )
    if mine.question != said:
        raise ArgumentError(
            "この Idempotency-Key は、別の依頼にすでに使われています。",
            todo="依頼ごとに違う文字列を付けてください。",
        )
    if made:
        answer: Any = work().model_dump(mode="json")
        ApiRequest.objects.filter(token=token, key=key).update(answer=answer)
    else:
        answer = mine.answer
    body = json.dumps(answer, ensure_ascii=False)
    return HttpResponse(body, content_type="application/json; charset=utf-8")


# ---- refusals ----------------------------------------------------------------------------------------------------


class Fault(Schema):
    """Why something was not done (断り): a stable code, and the Japanese message with where and what to do."""

    code: str
    message: str
    where: str = ""
    todo: str = ""


_STATUS = {
    "not_found": 404,
    "stale": 409,
    "already_claimed": 409,
    "already_open": 409,
    "not_allowed": 403,
    "other_branch": 403,
    "same_person": 403,
}
FAULTS = {403: Fault, 404: Fault, 409: Fault, 422: Fault, 503: Fault}


@api.exception_handler(KenpoError)
def _kenpo(request: HttpRequest, error: KenpoError) -> HttpResponse:
    status = 503 if isinstance(error, LakeError) else 404 if isinstance(error, NotLoaded) else 422
    fault = Fault(code=error.code, message=error.what, where=error.where, todo=error.todo)
    return api.create_response(request, fault, status=_STATUS.get(error.code, status))


@api.exception_handler(PermissionDenied)
def _denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    fault = Fault(
        code="not_allowed",
        message="この鍵ではできません。",
        todo="鍵のできることと、あなたの役割を確かめてください。",
    )
    return api.create_response(request, fault, status=403)


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return api.create_response(request, Fault(code="not_found", message="見つかりません。"), status=404)


@api.exception_handler(ValidationError)
def _wrong(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields = dict.fromkeys(".".join(str(part) for part in e["loc"][1:]) for e in error.errors)
    fault = Fault(
        code="bad_argument",
        message=f"正しくない項目があります：{'、'.join(fields)}",
        todo="OpenAPI の記述（/api/v1/openapi.json）に合わせてください。",
    )
    return api.create_response(request, fault, status=422)


@api.exception_handler(HttpError)
def _refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    return api.create_response(
        request, Fault(code="bad_request", message=str(error)), status=error.status_code
    )


# ---- figures -----------------------------------------------------------------------------------------------------


class MeasureOut(Schema):
    """A measure (指標)."""

    id: str
    title: str
    definition: str
    law: str
    unit: str
    quantity: str
    precision: int
    initiative: str
    version: str = Field(description="定義の版")
    parameters: list[str]
    breakdowns: list[str]


class FigureOut(Schema):
    """A figure of a branch and month (指標の値); numbers as text, exactly as stored and printed."""

    branch: str
    month: str
    rate: str | None = Field(description="値（印字する桁に丸めたもの）")
    numerator: str
    denominator: str
    eligible: int
    excluded: int
    definition: str
    cutoff: str


class ExplainOut(Schema):
    """Where a figure comes from (出所)."""

    measure: str
    branch: str
    month: str
    rate: str | None
    numerator: str
    denominator: str
    eligible: int
    excluded: dict[str, int]
    definition: str
    cutoff: str
    parameters: dict[str, str]
    notes: list[str]


def _lake() -> Lake:
    return Lake.open(settings.CONFIG.lake)


_READERS = (*STAFF, Role.HEAD_OFFICE)


def _reader() -> None:
    """Raise PermissionDenied for who only keeps accounts."""
    if not on_duty().has(*_READERS):
        raise PermissionDenied


def _plain(value: Any) -> Any:
    """A value as JSON has it: decimals and days as text."""
    return None if value is None else str(value)


def _month(text: str) -> date:
    return date.fromisoformat(f"{text}-01")


@api.get("/measures", response=list[MeasureOut], summary="指標の一覧")
@needs(Scope.FIGURES)
def measures(request: HttpRequest) -> list[MeasureOut]:
    """Every measure of the catalogue."""
    return [
        MeasureOut(
            id=m.id, title=m.title, definition=m.definition, law=m.law, unit=m.unit, quantity=m.quantity,
            precision=m.precision, initiative=i.title, version=definition_of(m), parameters=list(m.parameters),
            breakdowns=list(m.breakdowns),
        )
        for i in INITIATIVES
        for m in i.measures
    ]  # fmt: skip


@api.get("/measures/{measure}/figures", response={200: list[FigureOut], **FAULTS}, summary="指標の値")
@needs(Scope.FIGURES)
def measure_figures(
    request: HttpRequest,
    measure: str,
    of: Annotated[
        str | None, Query(description="支部の2桁コード、00 は全国。省くと全部", pattern="^[0-4][0-9]$")
    ] = None,
    first: MaybeMonth = None,
    last: MaybeMonth = None,
) -> list[FigureOut]:
    """The stored figures, branch by branch and month by month; figures of branches are open to all staff."""
    chosen = MEASURES.get(measure)
    if chosen is None:
        raise Http404
    span = (_month(first or "2000-01"), _month(last or "2099-12"))
    if span[0] > span[1]:
        raise ArgumentError("年月の範囲の初めと終わりが逆です。", todo="first を last 以前にしてください。")
    rows = figures(_lake(), chosen, branch=of, months=span)
    return [
        FigureOut(
            branch=r["branch"], month=f"{r['month']:%Y-%m}", rate=_plain(r["rate"]), numerator=str(r["numerator"]),
            denominator=str(r["denominator"]), eligible=r["eligible"], excluded=r["excluded"],
            definition=r["definition"], cutoff=r["cutoff"],
        )
        for r in rows.iter_rows(named=True)
    ]  # fmt: skip


@api.get("/measures/{measure}/explain", response={200: ExplainOut, **FAULTS}, summary="指標の出所")
@needs(Scope.FIGURES)
def measure_explain(
    request: HttpRequest,
    measure: str,
    month: Month,
    of: Annotated[str, Query(description="支部の2桁コード、00 は全国", pattern="^[0-4][0-9]$")] = NATION_CODE,
) -> ExplainOut:
    """Definition, parameters, exclusions and sums behind a figure; records are read where the lake is."""
    said = explain(_lake(), measure_of(measure), of, _month(month))
    return ExplainOut(
        measure=said.measure.id, branch=said.branch, month=f"{said.month:%Y-%m}", rate=_plain(said.rate),
        numerator=str(said.numerator), denominator=str(said.denominator), eligible=said.eligible,
        excluded=said.excluded, definition=said.definition, cutoff=said.cutoff,
        parameters={p.id: str(v) for p, v in said.parameters}, notes=list(said.notes),
    )  # fmt: skip


# ---- worklists ---------------------------------------------------------------------------------------------------


class WorklistOut(Schema):
    """A worklist (対象者リスト)."""

    id: str
    title: str
    definition: str
    law: str
    columns: dict[str, str]
    reasons: dict[str, str]


class WorklistPage(Schema):
    """Rows of a worklist, first things first; next: the offset of the following rows, or null."""

    rows: list[dict[str, Any]]
    total: int
    next: int | None


@api.get("/worklists", response=list[WorklistOut], summary="対象者リストの一覧")
@needs(Scope.WORKLISTS)
def worklists(request: HttpRequest) -> list[WorklistOut]:
    """Every worklist of the catalogue."""
    return [
        WorklistOut(
            id=w.id,
            title=w.title,
            definition=w.definition,
            law=w.law,
            columns=dict(w.columns),
            reasons=dict(w.reasons),
        )
        for w in WORKLISTS.values()
    ]


@api.get("/worklists/{worklist}/rows", response={200: WorklistPage, **FAULTS}, summary="対象者リストの行")
@needs(Scope.WORKLISTS)
def worklist_rows(
    request: HttpRequest,
    worklist: str,
    branch: Branch = None,
    month: MaybeMonth = None,
    limit: Limit = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> WorklistPage:
    """The rows of one's branch as they stand now."""
    duty = on_duty()
    _reader()
    chosen = worklist_of(worklist)
    if duty.branch == NATION_CODE or not opening.may_look(chosen):
        raise PermissionDenied
    rows = run(_lake(), chosen, duty.branch, _month(month) if month else None)
    shown = rows.slice(offset, limit).to_dicts()
    audit.record(audit.What.EXPORTED, detail=f"API：対象者リスト {worklist}（{len(shown)}件）")
    more = offset + len(shown)
    return WorklistPage(
        rows=[{k: v if isinstance(v, int | bool) else _plain(v) for k, v in row.items()} for row in shown],
        total=rows.height,
        next=more if more < rows.height else None,
    )


# ---- cases -------------------------------------------------------------------------------------------------------


class CaseOut(Schema):
    """A case (案件) as the queue shows it."""

    id: str
    kind: str
    summary: str
    state: str
    state_title: str
    owner: str | None
    priority: int | None
    received_on: date
    due: date | None
    ended_on: date | None
    sequence: int = Field(description="変えるときに expected として返す番号")


class CasePage(Schema):
    """Cases in the order they were received; next: what to ask on with, or null."""

    cases: list[CaseOut]
    next: str | None


class EventOut(Schema):
    """One event of a case (履歴)."""

    sequence: int
    when: str
    actor: str
    role: str
    what: str
    payload: dict[str, Any]
    hash: str


class CaseDetail(CaseOut):
    """A case with its content, what may be done to it and its whole history."""

    content: dict[str, Any]
    moves: dict[str, str] = Field(description="いまできる操作")
    events: list[EventOut]


class NewCase(Schema):
    """A case that is opened by hand: kind, number, the content as its kind has it, and the day it came in."""

    kind: str
    key: str = Field(min_length=1, max_length=100)
    content: dict[str, Any]
    received_on: date | None = None


class Action(Schema):
    """One thing to do to a case. act: claim, release, comment, decide or move; move: its id; expected: the sequence seen."""

    act: str = Field(pattern="^(claim|release|comment|decide|move)$")
    expected: int = Field(ge=1, le=1_000_000)
    move: str = Field("", max_length=40)
    reason: str = Field("", max_length=4000)


def _kind(id: str) -> CaseKind:
    kind = CASEKINDS.get(id)
    if kind is None:
        raise Http404
    if kind not in casework.readable_kinds():
        raise PermissionDenied
    return kind


def _title(kind: CaseKind, state: str) -> str:
    return next((s.title for s in kind.states if s.id == state), state)


def _shown(row: CaseRow) -> dict[str, Any]:
    return {
        "id": row.id, "kind": row.kind, "summary": row.summary, "state": row.state,
        "state_title": _title(CASEKINDS[row.kind], row.state), "owner": row.owner, "priority": row.priority,
        "received_on": row.received_on, "due": row.due, "ended_on": row.ended_on, "sequence": row.sequence,
    }  # fmt: skip


def _of(case: Case) -> CaseOut:
    return CaseOut(**_shown(CaseRow.objects.defer("content", "origin").get(id=case.id)))


@api.get("/cases", response={200: CasePage, **FAULTS}, summary="案件の一覧")
@needs(Scope.CASES)
def case_list(
    request: HttpRequest,
    kind: str,
    branch: Branch = None,
    ended: bool = False,
    limit: Limit = 100,
    after: Annotated[str, Query(max_length=200, description="前の答えの next")] = "",
) -> CasePage:
    """The cases of a kind in the order they were received, ended ones only when asked for."""
    rows = CaseRow.objects.filter(branch=on_duty().branch, kind=_kind(kind).id).defer("content", "origin")
    if not ended:
        rows = rows.filter(ended_on=None)
    if after:
        day, id = _place(after)
        rows = rows.filter(received_on__gte=day).exclude(received_on=day, id__lte=id)
    found = list(rows.order_by("received_on", "id")[: limit + 1])
    shown = found[:limit]
    further = shown[-1] if len(found) > limit else None
    return CasePage(
        cases=[CaseOut(**_shown(r)) for r in shown],
        next=base64.urlsafe_b64encode(f"{further.received_on}.{further.id}".encode()).decode()
        if further
        else None,
    )


def _place(after: str) -> tuple[date, str]:
    try:
        day, _, id = base64.urlsafe_b64decode(after.encode()).decode().partition(".")
        return date.fromisoformat(day), id.replace("\0", "")
    except ValueError:
        raise ArgumentError(
            "after の値が正しくありません。", todo="前の答えの next をそのまま渡してください。"
        ) from None


@api.get("/cases/{case}", response={200: CaseDetail, **FAULTS}, summary="案件")
@needs(Scope.CASES)
def case_detail(request: HttpRequest, case: str, branch: Branch = None) -> CaseDetail:
    """A case with its content and history."""
    if "\0" in case:
        raise Http404
    worked = casework.load(case)
    row = CaseRow.objects.get(id=worked.case.id)
    audit.case_opened(row.id)
    choices = cases.allowed(worked.kind, worked.case, on_duty().actor)
    return CaseDetail(
        **_shown(row),
        content=row.content,
        moves={c.move.id: c.move.title for c in choices if c.possible},
        events=[
            EventOut(
                sequence=e.sequence, when=e.when.isoformat(), actor=e.actor, role=e.role, what=str(e.what),
                payload=e.data, hash=e.hash,
            )
            for e in worked.events
        ],
    )  # fmt: skip


@api.post("/cases", response={200: CaseOut, **FAULTS}, summary="案件を開く")
@needs(Scope.CASES_WRITE, writes=True)
def case_new(request: HttpRequest, given: NewCase, once: Once) -> CaseOut:
    """Open a case of a kind that is opened by hand."""
    kind = _kind(given.kind)
    if kind.worklist is not None:
        raise CaseError(
            f"「{kind.title}」は対象者リストから始める案件です。",
            todo="画面の「対象者リスト」から始めてください。",
            code="not_allowed",
        )
    event = cases.open_case(
        kind,
        branch=on_duty().branch,
        key=given.key,
        content=_storable(given.content),
        received_on=given.received_on or timezone.localdate(),
        actor=on_duty().actor,
        when=timezone.now(),
        origin={"api": True},
    )
    return _of(casework.start(event))


@api.post("/cases/{case}/actions", response={200: CaseOut, **FAULTS}, summary="案件を進める")
@needs(Scope.CASES_WRITE, writes=True)
def case_act(request: HttpRequest, case: str, given: Action, once: Once) -> CaseOut:
    """Do one thing to a case; refused as stale when it has changed since the sequence that was seen."""
    if "\0" in case:
        raise Http404
    verbs: Mapping[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
        "claim": (cases.claim, (), {}),
        "release": (cases.release, (), {}),
        "comment": (cases.comment, (given.reason,), {}),
        "decide": (cases.decide, (), {}),
        "move": (cases.move, (given.move,), {"reason": given.reason}),
    }
    verb, args, more = verbs[given.act]
    return _of(casework.act(case, verb, *args, expected=given.expected, **more))


def _storable(content: Mapping[str, Any]) -> dict[str, Any]:
    """A content as it was sent, decimals exact."""
    return json.loads(json.dumps(content, ensure_ascii=False), parse_float=Decimal)


# ---- plans -------------------------------------------------------------------------------------------------------


class PeriodOut(Schema):
    """A period of a plan that can be looked at."""

    plan: str
    period: str


class BoardOut(Schema):
    """The board of a plan: one row for each KPI, as the page, the terminal and the documents show it."""

    plan: str
    period: str
    frozen: bool
    rows: list[dict[str, Any]]
    notes: list[str]


@api.get("/plans", response={200: list[PeriodOut], **FAULTS}, summary="計画と期間の一覧")
@needs(Scope.PLANS)
def plans(request: HttpRequest, branch: Branch = None) -> list[PeriodOut]:
    """The periods of the branch's annual plans, newest first."""
    _reader()
    return [PeriodOut(plan=c.plan, period=c.period) for c in boards.of_office().choices(on_duty().branch)]


@api.get("/plans/{plan}/board", response={200: BoardOut, **FAULTS}, summary="計画の進捗")
@needs(Scope.PLANS)
def plan_board(
    request: HttpRequest,
    plan: str,
    period: Annotated[str, Query(pattern="^20[0-9]{2}(Q[1-4]|H[12])?$", description="期間（2025H1）")],
    branch: Branch = None,
) -> BoardOut:
    """The board of a plan of one's branch for a period."""
    _reader()
    office = boards.of_office()
    chosen = next((c for c in office.choices(on_duty().branch) if (c.plan, c.period) == (plan, period)), None)
    if chosen is None:
        raise Http404
    made = office.seen(chosen).board
    return BoardOut(
        plan=plan,
        period=period,
        frozen=made.frozen,
        rows=[row.model_dump(mode="json", exclude={"review"}) for row in made.rows],
        notes=list(made.notes),
    )


BRANCH_LIST = [{"code": b.code, "name": b.name} for b in BRANCHES]


@api.get("/branches", response=list[dict[str, str]], summary="支部の一覧")
@needs(Scope.FIGURES)
def branches(request: HttpRequest) -> list[dict[str, str]]:
    """The 47 branches and their codes."""
    return BRANCH_LIST
