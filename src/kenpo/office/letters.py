"""Letters (通知の発送): runs that are printed, the numbers they bear, reprints, and mail that comes back.

A run is a job. First it allots every case whose letter is due one row. Then, some hundreds at a time, letters are numbered
and printed, and in one short transaction the PDF is sealed, the rows say where each letter stands in it, the numbers count
as given out, and every case records that its letter was sent — or nothing of it. So the job can be killed at any moment and
run again: no letter is numbered, printed or recorded twice, and numbers have no gaps.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any

import pikepdf
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from pydantic import BaseModel, ValidationError

from kenpo.base.branches import BRANCHES, branch
from kenpo.base.era import era_of
from kenpo.base.errors import ArgumentError, KenpoError
from kenpo.base.fiscal import fy
from kenpo.frame import cases
from kenpo.frame.casekind import CaseKind, Group, Letter
from kenpo.frame.cases import Actor, Case, CaseError, Event
from kenpo.frame.cases.people import workers
from kenpo.frame.letter import HONORIFICS, Addressed, Numbered, Recipient, Sender, issue, new_token, sender
from kenpo.office import audit, casework, vault
from kenpo.office.acting import account_of, acting, on_duty, system
from kenpo.office.casework import kind_of
from kenpo.office.models import CaseRow, EventRow, LetterBatch, LetterCounter, LetterRow, LetterRun
from kenpo.office.optouts import opted_out_of
from kenpo.press.letters import Post, Printed, labels_pdf

BATCH = 500
"""Letters in one PDF."""

AHEAD = 31
"""Days ahead that letters may be dated."""

MOST = 10_000
"""Letters due are counted up to here."""


class State(StrEnum):
    """How far a run is (発送の状況)."""

    WAITING = "waiting"
    PRINTING = "printing"
    PRINTED = "printed"
    FAILED = "failed"
    CANCELLED = "cancelled"


# ---- what is due -------------------------------------------------------------------------------------------------

_DUE = (
    "c.branch = %(branch)s and c.kind = {kind} and c.letters_due @> array[{letter}]::varchar[] and c.letters_due <> '{{}}'"
    ' and not exists (select from office_letter l join office_letter_run r on r.id = l.run_id where l."case" = c.id'
    " and l.batch_id is null and l.skipped = '' and r.letter = {letter} and r.state in ('waiting', 'printing', 'failed')"
    " offset 0)"
)
"""Cases c with a letter to be sent that no run has taken on. Looked up case by case (offset 0): right after a run has taken
many on, the planner would not know of them yet and compare every case with every letter.
"""


@dataclass(frozen=True)
class Due:
    """A letter and how many cases are to send it (送る予定の通知); more: there are more than were counted."""

    kind: CaseKind
    letter: Letter
    cases: int
    more: bool


def due(kinds: Collection[CaseKind]) -> tuple[Due, ...]:
    """The letters of some kinds of case in the branch acted in, in one query."""
    pairs = [(kind, letter) for kind in kinds for letter in kind.letters]
    if not pairs:
        return ()
    free = _DUE.format(kind="k.kind", letter="k.letter")
    with connection.cursor() as cursor:
        cursor.execute(
            f"select (select count(*) from (select from office_case c where {free} limit {MOST + 1}) found)"
            " from unnest(%(kinds)s::varchar[], %(letters)s::varchar[]) with ordinality k(kind, letter, place) order by place",
            {
                "branch": on_duty().branch,
                "kinds": [kind.id for kind, _ in pairs],
                "letters": [letter.id for _, letter in pairs],
            },
        )
        counts = [count for (count,) in cursor.fetchall()]
    return tuple(
        Due(kind, letter, min(count, MOST), count > MOST)
        for (kind, letter), count in zip(pairs, counts, strict=True)
    )


def may_send(kind: CaseKind) -> bool:
    """Whether the person may send the letters of a kind of case."""
    duty = on_duty()
    return bool(duty.writes) and duty.actor.first_of(workers(kind)) is not None


def letter_of(kind: str, letter: str) -> tuple[CaseKind, Letter]:
    """A letter of a kind of case the person may read. Raises CaseError (not_found)."""
    found = next((k for k in casework.readable_kinds() if k.id == kind), None)
    chosen = next((one for one in found.letters if one.id == letter), None) if found else None
    if found is None or chosen is None:
        raise CaseError("この通知はありません。", todo="一覧から選び直してください。", code="not_found")
    return found, chosen


# ---- a run is begun, given up, taken up again --------------------------------------------------------------------


def begin(kind: CaseKind, letter: Letter, *, day: date, count: int | None = None) -> LetterRun:
    """Have letters that are due printed. count: those of the highest priority, None for all; day: the date they bear.

    Raises CaseError: not_allowed, bad_content for a day that cannot be.
    """
    _require(kind)
    today = timezone.localdate()
    if not today <= day <= today + timedelta(days=AHEAD):
        raise CaseError(
            f"通知の日付は、今日から{AHEAD}日後までにしてください。",
            todo="日付を選び直してください。",
            code="bad_content",
        )
    duty = on_duty()
    with transaction.atomic():
        run = LetterRun.objects.create(
            branch=duty.branch,
            kind=kind.id,
            letter=letter.id,
            title=letter.title,
            version=letter.document.version,
            day=day,
            by=duty.actor.id,
            state=State.WAITING,
            total=count or 0,
        )
        _defer(run)
    return run


def repeat(id: int) -> LetterRun:
    """Go on with a run that stopped. Raises CaseError: not_found, not_allowed, stale when it is done or going on."""
    run = _taken(id, (State.FAILED, State.WAITING, State.PRINTING))
    if run.state != State.FAILED and runs(run):
        raise _stale("処理が動いています。")
    run.error, run.by = "", on_duty().actor.id
    run.state = State.PRINTING if run.letters.exists() else State.WAITING  # type: ignore[attr-defined]
    run.save(update_fields=["state", "error", "by"])
    _defer(run)
    return run


def cancel(id: int) -> LetterRun:
    """Print no more of a run; what was printed stays. Raises CaseError: not_found, not_allowed, stale when it is done."""
    run = _taken(id, (State.WAITING, State.PRINTING, State.FAILED))
    _open_rows(run).update(skipped=GIVEN_UP)
    printed = LetterBatch.objects.filter(run=run).exists()
    run.state, run.error, run.finished_at = State.PRINTED if printed else State.CANCELLED, "", timezone.now()
    run.save(update_fields=["state", "error", "finished_at"])
    return run


GIVEN_UP = "発送を取りやめた"


def runs(run: LetterRun) -> bool:
    """Whether a job of the run waits or works."""
    going = ProcrastinateJob.objects.filter(status__in=("todo", "doing"), task_name=letter_run.name)
    return going.filter(args__id=run.pk).exists()


def _taken(id: int, states: Sequence[State]) -> LetterRun:
    """A run to be changed, its row locked."""
    try:
        with transaction.atomic():
            run = LetterRun.objects.select_for_update(nowait=True).filter(pk=id).first()
    except OperationalError:
        raise _stale("いま処理の区切りのところです。") from None
    if run is None:
        raise CaseError("発送が見つかりません。", todo="一覧から選び直してください。", code="not_found")
    _require(kind_of(run.kind))
    if run.state not in states:
        raise _stale("この発送は、すでに終わっています。")
    return run


def _require(kind: CaseKind, actor: Actor | None = None) -> None:
    able = may_send(kind) if actor is None else actor.first_of(workers(kind)) is not None
    if not able:
        raise CaseError(
            f"「{kind.title}」の通知を送る権限がありません。",
            todo=f"次の役割の人に依頼してください：{'、'.join(r.label for r in workers(kind))}",
            code="not_allowed",
        )


def _stale(what: str) -> CaseError:
    return CaseError(what, todo="画面を開き直して、いまの状況を確かめてください。", code="stale")


def _defer(run: LetterRun) -> None:
    lock = f"letters {run.branch} {kind_of(run.kind).group}"
    letter_run.configure(lock=lock).defer(id=run.pk, branch=run.branch, by=run.by)


# ---- numbers -----------------------------------------------------------------------------------------------------

_GROUPS = {Group.PLANNING: "企", Group.OPERATIONS: "業", Group.RECEIPTS: "レ", Group.HEALTH: "保"}


def number_text(code: str, group: Group, year: int, number: int) -> str:
    """A 文書番号: 山口企第令8-000123号 of 山口支部, 企画総務グループ, 令和8年度."""
    return f"{_head(code, group)}{_year(year)}-{number:06d}号"


def _head(code: str, group: Group) -> str:
    return f"{branch(code).short}{_GROUPS[group]}第"


def _year(year: int) -> str:
    text = era_of(date(year, 12, 31)).year_text(year)
    return f"{text[0]}{text[2:]}"


# ---- the job -----------------------------------------------------------------------------------------------------


@app.task(name="kenpo.letter_run")
def letter_run(id: int, branch: str, by: str) -> None:
    """Print what is left of a run."""
    with _telling(id, branch):
        actor = account_of(by).actor
        if allot(id, actor):
            tries = 0
            while (prepared := prepare(id, actor)) is not None:
                made = printed(prepared, actor)
                tries = 0 if made and record(prepared, made, actor) else tries + 1
                if tries > _TRIES:
                    raise _stale("ほかの処理と重なり続けたため、印刷できませんでした。")


_TRIES = 20
"""How often a batch is printed anew because something of it changed meanwhile."""


def allot(id: int, actor: Actor) -> bool:
    """Give every case of a run its row, best first; whether the run is to be printed."""
    with acting(actor):
        run = LetterRun.objects.select_for_update().filter(pk=id).first()
        if run is None or run.state not in (State.WAITING, State.PRINTING, State.FAILED):
            return False
        kind = kind_of(run.kind)
        _require(kind, actor)
        if run.version != kind.letter(run.letter).document.version:
            raise CaseError(
                "発送を始めた後に、通知の様式が変わりました。",
                todo="この発送を取りやめ、新しい発送として始めてください。",
                code="old_version",
            )
        if run.state != State.PRINTING and not LetterRow.objects.filter(run=run).exists():
            run.total = _allotted(run, kind)
        run.state, run.error = State.PRINTING, ""
        if not run.total:
            run.state, run.finished_at = State.PRINTED, timezone.now()
        run.save(update_fields=["state", "error", "total", "finished_at"])
    return run.total > 0


def _allotted(run: LetterRun, kind: CaseKind) -> int:
    """Write the rows of a run, as many as it asks for or all; how many there were."""
    _alone(f"allot {run.branch} {run.kind} {run.letter}")
    with connection.cursor() as cursor:
        cursor.execute(
            'insert into office_letter (branch, run_id, "case", subject_kind, subject, expected, returned_reason, skipped)'
            " select c.branch, %(run)s, c.id, %(subject_kind)s, coalesce(c.subject, ''), c.sequence, '', ''"
            f" from office_case c where {_DUE.format(kind='%(kind)s', letter='%(letter)s')}"
            " order by c.priority nulls last, c.id limit %(count)s",
            {
                "branch": run.branch,
                "run": run.pk,
                "subject_kind": str(kind.subject),
                "kind": run.kind,
                "letter": run.letter,
                "count": run.total or None,
            },
        )
        return cursor.rowcount


def _alone(what: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", (what,))


def _open_rows(run: LetterRun) -> QuerySet[LetterRow]:
    return LetterRow.objects.filter(run=run, batch=None, skipped="")


@dataclass(frozen=True)
class Prepared:
    """Letters that can be printed now. rows: of the letters, in their order; given: the last number given out before."""

    run: LetterRun
    kind: CaseKind
    letter: Letter
    given: int
    rows: tuple[LetterRow, ...]
    letters: tuple[Addressed, ...] = field(repr=False)

    @property
    def sender(self) -> Sender:
        """Who sends them."""
        return sender(self.run.branch, self.kind.group)


def prepare(id: int, actor: Actor) -> Prepared | None:
    """The next letters of a run with the numbers they would bear, None when there are none left: the run is then done.

    Rows whose letter cannot or must not go out are skipped, and say why.
    """
    with acting(actor) as duty:
        run = LetterRun.objects.select_for_update().get(pk=id)
        if run.state != State.PRINTING:
            return None
        kind = kind_of(run.kind)
        _require(kind, actor)
        letter = kind.letter(run.letter)
        able: list[tuple[LetterRow, Recipient, BaseModel]] = []
        after = 0
        while len(able) < BATCH:
            rows = list(_open_rows(run).filter(pk__gt=after).order_by("pk")[: BATCH - len(able)])
            if not rows:
                break
            able += _sift(run, kind, letter, rows, actor)
            after = rows[-1].pk
        if not able:
            run.state, run.finished_at = State.PRINTED, timezone.now()
            run.save(update_fields=["state", "finished_at"])
            return None
        year = fy(run.day)
        counter = LetterCounter.objects.filter(branch=duty.branch, fiscal_year=year, group=kind.group).first()
        given = counter.last if counter else 0
        return Prepared(
            run,
            kind,
            letter,
            given,
            tuple(row for row, *_ in able),
            tuple(
                Addressed(
                    recipient,
                    Numbered(number_text(duty.branch, kind.group, year, given + n), run.day, new_token()),
                    content,
                )
                for n, (_, recipient, content) in enumerate(able, 1)
            ),
        )


NOT_WANTED = "通知を希望しない申出がある"
CHANGED = "発送を始めた後に案件が変わった"
NO_LONGER_DUE = "送る予定の通知でなくなった"
NO_CASE = "案件が見つからない"
OLD_CONTENT = "案件の内容が前の版のため、印刷できない"
_REFUSALS = {"stale": CHANGED, "bad_letter": NO_LONGER_DUE}


def _sift(
    run: LetterRun, kind: CaseKind, letter: Letter, rows: Sequence[LetterRow], actor: Actor
) -> list[tuple[LetterRow, Recipient, BaseModel]]:
    """Those of some rows whose letters go out, with whom to and what they say; the others are marked with the reason."""
    worked = _cases([row.case for row in rows])
    out = opted_out_of(run.branch, [row.subject for row in rows], kind.id, timezone.localdate())
    whom = vault.recipients(kind.subject, {row.subject for row in rows})
    able: list[tuple[LetterRow, Recipient, BaseModel]] = []
    why: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        case, recipient = worked.get(row.case), whom[row.subject]
        if case is None:
            why[NO_CASE].append(row.pk)
        elif refusal := _refusal(kind, case, run.letter, row.expected, actor):
            why[refusal].append(row.pk)
        elif row.subject in out:
            why[NOT_WANTED].append(row.pk)
        elif isinstance(recipient, str):
            why[recipient].append(row.pk)
        elif (content := _content(kind, letter, case)) is None:
            why[OLD_CONTENT].append(row.pk)
        else:
            able.append((row, recipient, content))
    for reason, keys in why.items():
        LetterRow.objects.filter(pk__in=keys, batch=None).update(skipped=reason)
    return able


def _cases(ids: Collection[str]) -> dict[str, Case]:
    """Some cases of the branch acted in."""
    rows = EventRow.objects.filter(case__in=ids).order_by("case", "sequence")
    return {case: cases.fold(some) for case, some in groupby(map(casework.event_of, rows), lambda e: e.case)}


def _refusal(kind: CaseKind, case: Case, letter: str, expected: int, actor: Actor) -> str:
    """Why a case would not record its letter, or nothing. Raises CaseError for what keeps the whole run back."""
    try:
        cases.record_letter(
            kind, case, letter, "1", "0" * 64, actor=actor, when=timezone.now(), expected=expected
        )
    except CaseError as error:
        if error.code in ("not_allowed", "other_branch"):
            raise
        return _REFUSALS.get(error.code, error.what)
    return ""


def _content(kind: CaseKind, letter: Letter, case: Case) -> BaseModel | None:
    try:
        return letter.content(case.content_as(kind))
    except (ValidationError, ArgumentError):
        return None


def printed(prepared: Prepared, actor: Actor) -> Printed | None:
    """The letters as one PDF with the list of the run behind. The same letters give the same bytes.

    None when one of them could not be printed; it is skipped from now on. Raises ArgumentError when none could.
    """
    document, group = prepared.letter.document, prepared.sender
    try:
        return issue(document, group, prepared.letters)
    except ArgumentError:
        wrong = []
        for row, one in zip(prepared.rows, prepared.letters, strict=True):
            try:
                issue(document, group, [one], sheet=False)
            except ArgumentError:
                wrong.append(row.pk)
        if len(wrong) in (0, len(prepared.rows)):
            raise
    with acting(actor):
        _open_rows(prepared.run).filter(pk__in=wrong).update(skipped=UNPRINTABLE)
    return None


UNPRINTABLE = "内容に印刷できないものがある"


def record(prepared: Prepared, made: Printed, actor: Actor) -> bool:
    """Seal a PDF, give its numbers out and have every case record its letter; False, and nothing, when anything of it has
    changed since it was prepared.
    """
    run, kind = prepared.run, prepared.kind
    keys = [row.pk for row in prepared.rows]
    with acting(actor) as duty:
        if LetterRun.objects.select_for_update().get(pk=run.pk).state != State.PRINTING:
            return False
        if not _given_out(duty.branch, fy(run.day), kind.group, prepared.given, len(keys)):
            transaction.set_rollback(True)
            return False
        if len(_open_rows(run).select_for_update().filter(pk__in=keys).order_by("pk")) != len(keys):
            transaction.set_rollback(True)
            return False
        blob = vault.keep("letters", made.pdf)
        numbers = {
            row.case: one.numbered.number for row, one in zip(prepared.rows, prepared.letters, strict=True)
        }

        def sent(kind: CaseKind, case: Case, **given: Any) -> Event:
            return cases.record_letter(kind, case, run.letter, numbers[case.id], blob.sha256, **given)

        refused = casework.act_each({row.case: row.expected for row in prepared.rows}, sent)
        if any(refused.values()):
            transaction.set_rollback(True)
            return False
        _written(prepared, made, _batch(run, made, blob))
        audit.record(
            audit.What.LETTERS_PRINTED,
            detail=f"{run.title}　{len(keys):,}通（{made.placed[0].number}〜{made.placed[-1].number}）",
        )
    return True


def _given_out(code: str, year: int, group: Group, given: int, count: int) -> bool:
    """Count numbers as given out, unless others were since."""
    LetterCounter.objects.get_or_create(branch=code, fiscal_year=year, group=group)
    counter = LetterCounter.objects.filter(branch=code, fiscal_year=year, group=group, last=given)
    return counter.update(last=given + count) == 1


def _batch(run: LetterRun, made: Printed, blob: Any) -> LetterBatch:
    before = LetterBatch.objects.filter(run=run).aggregate(last=Max("number"))["last"] or 0
    return LetterBatch.objects.create(
        branch=run.branch,
        run=run,
        number=before + 1,
        blob=blob,
        letters=len(made.placed),
        pages=made.placed[-1].last,
        missing=[
            {"number": m.number, "where": m.where, "character": m.character, "printed": m.printed}
            for m in made.missing
        ],
    )


def _written(prepared: Prepared, made: Printed, batch: LetterBatch) -> None:
    """Say in the rows where their letters stand and which event of the case recorded them."""
    events = dict(
        CaseRow.objects.filter(id__in=[r.case for r in prepared.rows]).values_list("id", "sequence")
    )
    values: Any = (
        batch.pk,
        timezone.localdate(),
        [row.pk for row in prepared.rows],
        [p.number for p in made.placed],
        [p.token for p in made.placed],
        [p.first for p in made.placed],
        [p.last for p in made.placed],
        [events[row.case] for row in prepared.rows],
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "update office_letter l set batch_id = %s, sent_on = %s, number = n.number, token = n.token,"
            " first_page = n.first, last_page = n.last, sent = n.sent from unnest(%s::bigint[], %s::text[], %s::text[],"
            " %s::int[], %s::int[], %s::int[]) n(id, number, token, first, last, sent) where l.id = n.id",
            values,
        )


@contextmanager
def _telling(id: int, code: str) -> Iterator[None]:
    """Have a run say in Japanese why its job could not go on. What no person can put right is raised again."""
    try:
        yield
    except PermissionDenied:
        _fail(
            id,
            code,
            "操作した人は、いまは利用を停止されています。\n対処：ほかの人が、続きを印刷してください。",
        )
    except KenpoError as error:
        _fail(id, code, error.message)
    except Exception:
        _fail(
            id,
            code,
            "処理が途中で止まりました。印刷した分は残っています。\n"
            "対処：続きを印刷してください。何度も止まるときは管理者に知らせてください。",
        )
        raise


def _fail(id: int, code: str, said: str) -> None:
    with system(code):
        going = LetterRun.objects.filter(pk=id, state__in=(State.WAITING, State.PRINTING))
        going.update(state=State.FAILED, error=said)


# ---- looked at ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """How many letters of a run were printed, how many skipped and why, how many came back."""

    printed: int
    returned: int
    skipped: Mapping[str, int]


def progress(run: LetterRun) -> Progress:
    """How far a run is, in one query."""
    rows = LetterRow.objects.filter(run=run).values_list("skipped")
    counts = rows.annotate(
        printed=Count("pk", filter=Q(batch__isnull=False)),
        returned=Count("pk", filter=Q(returned_on__isnull=False)),
        all=Count("pk"),
    )
    found = {why: (printed, returned, rows) for why, printed, returned, rows in counts}
    printed, returned, _ = found.pop("", (0, 0, 0))
    return Progress(printed, returned, {why: rows for why, (_, _, rows) in sorted(found.items())})


def preview(kind: CaseKind, letter: Letter, day: date) -> bytes | None:
    """The letter of the first case in turn as PDF, addressed to nobody (見本), None when none is due."""
    code = on_duty().branch
    row = (
        CaseRow.objects.filter(branch=code, kind=kind.id, letters_due__contains=[letter.id])
        .exclude(letters_due=[])
        .order_by("priority", "id")
        .first()
    )
    content = _content(kind, letter, _cases([row.id])[row.id]) if row else None
    if content is None:
        return None
    numbered = Numbered(f"{_head(code, kind.group)}{_year(fy(day))}-見本号", day, "0" * 16)
    name = {"member": "見本　花子", "workplace": "見本商事株式会社", "institution": "見本医院"}[
        letter.document.to
    ]
    nobody = Recipient(
        (name,), "000-0000", (f"{branch(code).prefecture}見本市見本町一丁目2番3号", "見本ハイツ101")
    )
    return issue(
        letter.document, sender(code, kind.group), [Addressed(nobody, numbered, content)], sheet=False
    ).pdf


# ---- reprints ----------------------------------------------------------------------------------------------------


def batch_pdf(batch: LetterBatch) -> bytes:
    """A PDF of a run as it was printed; the same bytes every time. Whoever calls writes down who opened it."""
    return vault.content(batch.blob)


def letter_pdf(row: LetterRow) -> bytes:
    """One letter: its pages of the PDF it was printed in; the same bytes every time."""
    if row.batch is None or row.first_page is None or row.last_page is None:
        raise CaseError("この通知は印刷していません。", todo="一覧から選び直してください。", code="not_found")
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(batch_pdf(row.batch))) as whole, pikepdf.new() as one:
        one.pages.extend(whole.pages[row.first_page - 1 : row.last_page])
        for page in one.pages:
            if pikepdf.Name.StructParents in page.obj:
                del page.obj.StructParents
        one.docinfo[pikepdf.Name.Title] = whole.docinfo[pikepdf.Name.Title]
        one.Root.Lang = pikepdf.String("ja-JP")
        one.save(out, deterministic_id=True)
    return out.getvalue()


def labels(batch: LetterBatch) -> bytes | None:
    """The address labels (宛名ラベル) of the letters of a PDF in its order, None when nobody of them has an address now.

    Addresses are those the vault holds now; whoever has none any more is left out.
    """
    rows = list(LetterRow.objects.filter(batch=batch).order_by("first_page"))
    kind = kind_of(batch.run.kind)
    to = kind.letter(batch.run.letter).document.to
    whom = vault.recipients(kind.subject, {row.subject for row in rows})
    posts = [
        Post(str(row.number), "", str(row.token), one.postal_code, one.address, one.names, HONORIFICS[to])
        for row in rows
        if isinstance(one := whom[row.subject], Recipient)
    ]
    return labels_pdf(posts) if posts else None


# ---- mail that comes back ----------------------------------------------------------------------------------------

REASONS = ("宛所不明", "転居先不明", "受取拒否", "その他")

_TOKEN = re.compile(r"[0-9A-HJKMNP-TV-Z]{16}")
_ALIKE = str.maketrans("ILO", "110")
_NUMBER = re.compile(r"(?P<head>.+第)(?P<year>..?[0-9]*)-(?P<number>[0-9]{1,6})号?")


@dataclass(frozen=True)
class Returned:
    """A letter that came back, as it was recorded. state: of the case after it; todo: what is to be done next, if told."""

    row: LetterRow
    kind: CaseKind
    state: str
    todo: str
    moved: bool


def letter_by(code: str) -> LetterRow:
    """The letter that bears a 文書番号 or 受付番号, as it is typed or scanned from its QR code, whatever its spelling.

    Raises CaseError: bad_number, not_found, other_branch.
    """
    text = "".join(unicodedata.normalize("NFKC", code).split()).upper()
    if not text:
        raise CaseError(
            "番号がありません。", todo="受付番号か文書番号を読み取るか、入れてください。", code="bad_number"
        )
    token = re.sub("[-‐‑‒–—―−ー]", "", text.rsplit("/", 1)[-1]).translate(_ALIKE)
    if _TOKEN.fullmatch(token):
        row = LetterRow.objects.filter(branch=on_duty().branch, token=token).first()
        if row is None:
            raise CaseError(
                "この受付番号の通知は、この支部にはありません。",
                todo="番号を確かめてください。正しいときは、封筒の差出人の支部に回してください。",
                code="not_found",
            )
        return row
    return _by_number(re.sub("[‐‑‒–—―−ー]", "-", text))


def _by_number(text: str) -> LetterRow:
    own = on_duty().branch
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise CaseError(
            "受付番号か文書番号として読めません。",
            todo="QRコードを読み取り直すか、QRコードの下の受付番号（16文字）か文書番号（例 "
            f"{number_text(own, Group.PLANNING, fy(timezone.localdate()), 123)}）を入れてください。",
            code="bad_number",
        )
    other = next((b for b in BRANCHES if found["head"][:-2] == b.short and b.code != own), None)
    if other is not None:
        raise CaseError(
            f"{other.name}の文書番号です。",
            todo=f"記録していません。封筒を{other.name}に回してください。",
            code="other_branch",
        )
    number = f"{found['head']}{found['year']}-{int(found['number']):06d}号"
    row = LetterRow.objects.filter(branch=own, number=number).first()
    if row is None:
        raise CaseError(
            "この文書番号の通知はありません。", todo="番号を確かめて、入れ直してください。", code="not_found"
        )
    return row


def came_back(code: str, reason: str) -> Returned:
    """Record a letter that came back; the case then takes the step its kind declares.

    Raises CaseError: of letter_by, already_returned, and what the case refuses.
    """
    with transaction.atomic():
        row = (
            LetterRow.objects.select_for_update(of=("self",)).select_related("run").get(pk=letter_by(code).pk)
        )
        if row.returned_on is not None:
            raise CaseError(
                "この通知の返送は、すでに記録されています。",
                where=f"{row.number}、{row.returned_reason}",
                todo="同じ封筒を二度読み取っていないか確かめてください。",
                code="already_returned",
            )
        before = casework.load(row.case)
        after = casework.act(row.case, cases.returned_mail, row.sent, reason, expected=None)
        row.returned_on, row.returned_reason = timezone.localdate(), reason
        row.save(update_fields=["returned_on", "returned_reason"])
    state = before.kind.state(after.state)
    return Returned(row, before.kind, state.title, state.todo, moved=after.state != before.case.state)
