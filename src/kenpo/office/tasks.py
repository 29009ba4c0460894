"""Jobs (裏で動く処理): the worker that runs them, and those that come by the clock.

A job is given ids only and can be run again at any point: what it has done is marked in the same transaction. When a
worker dies, its jobs are taken up again by whichever worker lives; one that keeps killing its worker is set aside as
failed, where a person sees it. Other modules declare their own tasks and stand in PROCRASTINATE_IMPORT_PATHS.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from procrastinate import App, JobContext
from procrastinate.contrib.django import DjangoApp, app
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from procrastinate.worker import Worker

from kenpo.office import logs

log = logging.getLogger("kenpo.jobs")

AT_ONCE = 2
"""Jobs that run side by side, so that a short one need not wait for a long one."""

HEARTBEAT, SILENT = 5, 30
"""Seconds between a worker's signs of life, and after which it counts as dead."""

ATTEMPTS = 5
"""How often a job is taken up again after the death of its worker."""

KEPT = timedelta(days=30)
"""How long finished jobs are kept to look at; those that failed stay until their period of retention ends."""


async def work(*, grace: float) -> None:
    """Run jobs until SIGTERM or SIGINT. grace: seconds that running jobs have to finish then."""
    worker = _worker_app()
    async with worker.open_async():
        tending = asyncio.create_task(_tend(worker), name="tend")
        try:
            await worker.run_worker_async(
                name="kenpo",
                concurrency=AT_ONCE,
                shutdown_graceful_timeout=grace,
                update_heartbeat_interval=HEARTBEAT,
                stalled_worker_timeout=SILENT,
                delete_jobs="never",
            )
        finally:
            tending.cancel()


def _worker_app() -> App:
    """The same tasks on a connection of the worker's own; a task that defers another still does so in its transaction."""
    connector = app.connector.get_worker_connector()  # type: ignore[attr-defined]
    made = DjangoApp(
        connector=connector,
        import_paths=app.import_paths,
        periodic_defaults=app.periodic_defaults,
        worker_defaults={"task_middleware": [_logged]},
    )
    made.tasks, made.periodic_registry = app.tasks, app.periodic_registry
    return made


def _logged(call_next: Callable[[], Any], context: JobContext, worker: Worker) -> Any:
    began = time.perf_counter()
    with logs.about(job=context.job.id, task=context.job.task_name):
        log.info("job started")
        try:
            return call_next()
        finally:
            log.info("job ended", extra={"milliseconds": round((time.perf_counter() - began) * 1000)})


async def _tend(worker: App) -> None:
    """Every few seconds, take up the jobs of workers that died. No job itself: it runs however busy the worker is."""
    before = time.monotonic()
    while True:
        now = time.monotonic()
        if not held_up(before, now):
            try:
                await take_up(worker)
            except ConnectorException:
                log.warning("stalled jobs could not be looked for", exc_info=True)
        before = now
        await asyncio.sleep(HEARTBEAT)


def held_up(before: float, now: float) -> bool:
    """Whether this worker could not run for a time, and seems dead itself until its next sign of life."""
    return now - before > 2 * HEARTBEAT


async def take_up(worker: App) -> None:
    """Have the jobs of dead workers done again, or set aside those whose workers died too often."""
    manager = worker.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=SILENT):
        assert job.id is not None
        try:
            if job.attempts >= ATTEMPTS:
                await manager.finish_job(job, Status.FAILED, delete_job=False)
                log.error("job set aside: its worker died too often", extra={"job": job.id})
            else:
                await manager.retry_job(job)
                log.warning("job taken up again after its worker died", extra={"job": job.id})
        except ConnectorException:
            # Another worker was first.
            continue


# ---- by the clock (UTC; Japan is nine hours ahead) ---------------------------------------------------------------


@app.periodic(cron="40 16 * * *")
@app.task(name="kenpo.sessions", queueing_lock="kenpo.sessions", pass_context=False)
def clear_sessions(timestamp: int) -> None:
    """Forget sessions that have ended (午前1時40分)."""
    from django.contrib.sessions.backends.db import SessionStore

    SessionStore.clear_expired()


@app.periodic(cron="50 16 * * *")
@app.task(name="kenpo.finished_jobs", queueing_lock="kenpo.finished_jobs", pass_context=False)
def clear_finished_jobs(timestamp: int) -> None:
    """Forget jobs that finished well a month ago (午前1時50分)."""
    from django.db import connection
    from django.utils import timezone

    with connection.cursor() as cursor:
        cursor.execute(
            "delete from procrastinate_jobs j where status = 'succeeded' and not exists (select from procrastinate_events e"
            " where e.job_id = j.id and e.at > %s)",
            [(timezone.now() - KEPT).isoformat()],
        )


@app.periodic(cron="10 17 * * *")
@app.task(name="kenpo.verify", queueing_lock="kenpo.verify", lock="kenpo.verify", pass_context=False)
def verify_job(timestamp: int) -> None:
    """Check every history and the audit log of every branch, then write down the days that ended (午前2時10分)."""
    from django.utils import timezone

    from kenpo.office import verifying

    for checked in verifying.check_all():
        if checked.count:
            log.error("histories were altered", extra={"branch": checked.branch, "count": checked.count})
    verifying.anchor_all(timezone.localdate())
