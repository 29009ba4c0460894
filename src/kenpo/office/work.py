"""Work that runs in the background (処理): openings, letter runs and bulk operations of a branch, and jobs that failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from kenpo.catalogue import WORKLISTS
from kenpo.office.acting import on_duty
from kenpo.office.casework import readable_kinds
from kenpo.office.models import Bulk, LetterRun, Opening


@dataclass(frozen=True)
class Work:
    """One thing that runs or ran: what, whose, since when, where it stands and where to look."""

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
    def kind(self) -> str:
        """The badge that goes with the state."""
        return {"failed": "late", "done": "ok", "printed": "ok", "cancelled": "neutral"}.get(
            self.state, "info"
        )


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
            Work(f"通知「{r.title}」", r.by, r.at, r.state, reverse("letter_run", args=[r.pk]))
            for r in LetterRun.objects.filter(kind__in=kinds).order_by("-at")[:limit]
        ),
        *(
            Work(b.title, b.by, b.at, b.state, reverse("bulk", args=[b.pk]))
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
    "kenpo.figure_trial": "パラメータの試算",
    "kenpo.prepare_opening": "対象者リストの準備",
    "kenpo.open_cases": "案件の開始",
    "kenpo.letter_run": "通知の印刷",
}


def failed_jobs() -> tuple[FailedJob, ...]:
    """The failed jobs of the branch acted in, newest first."""
    rows: Iterable[ProcrastinateJob] = ProcrastinateJob.objects.filter(
        status="failed", args__branch=on_duty().branch
    ).order_by("-id")[:50]
    return tuple(
        FailedJob(job.pk, _TASKS.get(job.task_name, job.task_name), job.attempts, job.scheduled_at)
        for job in rows
    )


def retry(id: int) -> bool:
    """Have a failed job of the branch acted in tried again; whether there was one."""
    if not ProcrastinateJob.objects.filter(pk=id, status="failed", args__branch=on_duty().branch).exists():
        return False
    app.job_manager.retry_job_by_id(id, retry_at=timezone.now())
    return True
