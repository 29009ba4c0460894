"""`kenpo office doctor`: is the office in order, and what to do if not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from kenpo.office import anchors, tasks, vault
from kenpo.office.config import Config
from kenpo.office.models import Account, EventRow

_SPACE = 10 * 10**9


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, in Japanese; todo: what to do when it is not in order."""

    ok: bool
    what: str
    todo: str = ""


def examine(config: Config) -> Iterator[Finding]:
    """Look at everything; the database, its guards, folders and keys were found in order before (`serving.ready`)."""
    yield Finding(True, f"データベース、役割、行の閲覧制限、鍵の場所：{config.home}")
    yield _administrator()
    yield from _files(config)
    yield _vault()
    yield _worker()
    yield _failed()
    yield _anchored(config)
    free = shutil.disk_usage(config.home).free
    yield Finding(
        free > _SPACE,
        f"空き容量 {free / 1e9:,.0f} GB",
        "ディスクを空けるか、大きなディスクに移してください。",
    )


def _administrator() -> Finding:
    there = Account.objects.filter(roles__contains=["administrator"], is_active=True).exists()
    return Finding(there, "使える管理者がいる", "「kenpo office admin 職員番号」で登録してください。")


def _files(config: Config) -> Iterator[Finding]:
    for path in (config.home / "secret.key", config.vault_keys, config.anchors):
        if path.exists():
            private = not path.stat().st_mode & 0o077
            yield Finding(
                private, f"持ち主だけが読めるファイル：{path}", f"「chmod 600 {path}」を実行してください。"
            )


def _vault() -> Finding:
    found = vault.doctor()
    count = sum(found.identities.values()) + sum(found.files.values())
    broken = sum(found.broken.values()) + found.unfound
    return Finding(
        found.sound,
        f"保管した個人情報とファイル {count:,} 件がすべて開ける"
        if found.sound
        else f"保管した個人情報とファイル {count:,} 件のうち {broken:,} 件が、開けないか、探しても見つかりません",
        "控えから戻すか、資格のファイルを「kenpo office identities」で登録し直してください。",
    )


def _worker() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists(select from procrastinate_workers where last_heartbeat > %s)",
            [(timezone.now() - timedelta(seconds=2 * tasks.SILENT)).isoformat()],
        )
        ((working,),) = cursor.fetchall()
    return Finding(
        working, "印刷・一括操作・夜間の処理を行うプロセスが動いている", "「kenpo serve」を動かしてください。"
    )


def _failed() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from procrastinate_jobs where status = 'failed'")
        ((count,),) = cursor.fetchall()
    return Finding(
        not count,
        f"失敗した処理 {count:,} 件",
        "「処理の状況」の画面で原因を確かめ、もう一度実行してください。",
    )


def _anchored(config: Config) -> Finding:
    """Whether the nights' work is done: days with events have their anchors."""
    held = anchors.read(config.anchors)
    last = max((day for _, day in held.days), default=None)
    due = timezone.localdate() - timedelta(days=2)
    missing = EventRow.objects.filter(
        when__lt=timezone.localtime() - timedelta(days=2), **({"when__date__gt": last} if last else {})
    ).exists()
    return Finding(
        not missing and not held.faults,
        f"履歴の要約：{last} まで" if last else "履歴の要約：まだない",
        held.faults[0]
        if held.faults
        else f"{due} までの要約がありません。夜間の処理が動いているかを確かめてください。",
    )
