"""Work that runs in the background (処理): openings, letter runs and bulk operations of a branch, and jobs that failed.

A job that failed is shown to who works in its branch; one that comes by the clock for all, to 管理者 and 本部.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from kenpo.catalogue import WORKLISTS
from kenpo.frame.casekind import Role
from kenpo.office.acting import STAFF, on_duty
from kenpo.office.casework import readable_kinds
from kenpo.office.models import Bulk, LetterRun, Opening


@dataclass(frozen=True)
class Work:
    """One thing that runs or ran: what, whose, since when, where it stands and where to look. family: one of FAMILIES."""

    family: str
    title: str
    by: str
    at: datetime
    state: str
    url: str

    @property
    def going(self) -> bool:
        """Whether it is still under way, or waits for somebody."""
        return self.state in _GOING

    @property
    def failed(self) -> bool:
        """Whether it could not be done."""
        return self.state == "failed"

    @property
    def label(self) -> str:
        """The state in Japanese."""
        return _STATES.get(self.state, self.state)

    @property
    def family_label(self) -> str:
        """What sort of work it is, in Japanese."""
        return FAMILIES[self.family]

    @property
    def kind(self) -> str:
        """The badge that goes with the state."""
        return {"failed": "late", "done": "ok", "printed": "ok", "cancelled": "neutral"}.get(
            self.state, "info"
        )


FAMILIES = {"opening": "案件の開始", "letters": "通知の印刷", "bulk": "一括操作"}
"""The sorts of work that people begin."""

_GOING = ("waiting", "running", "printing", "preparing", "prepared", "opening")
_STATES = {
    "waiting": "待機中",
    "running": "実行中",
    "printing": "印刷中",
    "printed": "印刷済み",
    "preparing": "準備中",
    "prepared": "確認待ち",
    "opening": "実行中",
    "done": "完了",
    "cancelled": "取りやめ",
    "failed": "失敗",
}


def of_branch(limit: int) -> tuple[Work, ...]:
    """The newest work of the branch acted in, as far as the person may read the cases it is about."""
    kinds = [kind.id for kind in readable_kinds()]
    found: list[Work] = [
        *(
            Work(
                "opening",
                f"対象者リスト「{WORKLISTS[o.worklist].title}」",
                o.by,
                o.at,
                o.state,
                reverse("opening", args=[o.pk]),
            )
            for o in Opening.objects.filter(kind__in=kinds).order_by("-at")[:limit]
            if o.worklist in WORKLISTS
        ),
        *(
            Work("letters", f"通知「{r.title}」", r.by, r.at, r.state, reverse("letter_run", args=[r.pk]))
            for r in LetterRun.objects.filter(kind__in=kinds).order_by("-at")[:limit]
        ),
        *(
            Work("bulk", b.title, b.by, b.at, b.state, reverse("bulk", args=[b.pk]))
            for b in Bulk.objects.filter(kind__in=kinds).exclude(state="prepared").order_by("-at")[:limit]
        ),
    ]
    return tuple(sorted(found, key=lambda w: w.at, reverse=True)[:limit])


@dataclass(frozen=True)
class FailedJob:
    """A job that failed (失敗した処理) and can be tried again."""

    id: int
    title: str
    attempts: int
    at: datetime | None


_TASKS = {
    "kenpo.bulk": "一括操作",
    "kenpo.figure_parts": "指標の内訳の計算",
    "kenpo.figure_records": "指標の出所の調べ",
    "kenpo.figure_trial": "パラメータの試算",
    "kenpo.prepare_opening": "対象者リストの準備",
    "kenpo.open_cases": "案件の開始",
    "kenpo.letter_run": "通知の印刷",
    "kenpo.boards": "計画の進捗の作り直し",
    "kenpo.tally": "件数の集計",
    "kenpo.snapshot": "案件のデータへの書出し（夜間）",
    "kenpo.verify": "記録の検査（夜間）",
    "kenpo.sessions": "終わったログインの片付け（夜間）",
    "kenpo.finished_jobs": "終わった処理の片付け（夜間）",
}

KEEPERS = (Role.ADMINISTRATOR, Role.HEAD_OFFICE)
"""Who sees the jobs that come by the clock and belong to no branch, when they failed: 管理者 and 本部."""


def _seen() -> Q:
    """The jobs the person may see: those of the branch acted in for who works there, those of no branch for KEEPERS."""
    duty, seen = on_duty(), Q(pk__in=())
    if duty.has(*STAFF, Role.HEAD_OFFICE):
        seen |= Q(args__branch=duty.branch)
    return seen | Q(args__branch__isnull=True) if duty.has(*KEEPERS) else seen


def failed_jobs() -> tuple[FailedJob, ...]:
    """The failed jobs the person may see, newest first."""
    rows: Iterable[ProcrastinateJob] = ProcrastinateJob.objects.filter(_seen(), status="failed").order_by(
        "-id"
    )[:50]
    return tuple(
        FailedJob(job.pk, _TASKS.get(job.task_name, job.task_name), job.attempts, job.scheduled_at)
        for job in rows
    )


def retry(id: int) -> bool:
    """Have a failed job that the person may see tried again; whether there was one."""
    if not ProcrastinateJob.objects.filter(_seen(), pk=id, status="failed").exists():
        return False
    app.job_manager.retry_job_by_id(id, retry_at=timezone.now())
    return True
