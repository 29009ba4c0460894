"""The audit log (操作記録): who signed in, who opened whose identity and why, who took data out.

Entries are append-only and chained per branch, as the histories of cases are; `verify` finds what was altered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum

from django.db import connection, transaction
from django.utils import timezone

from kenpo.frame.cases import NO_HASH, canonical
from kenpo.office.acting import on_duty
from kenpo.office.models import AuditRow


class What(StrEnum):
    """What is written down (記録する操作)."""

    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    SIGN_IN_FAILED = "sign_in_failed"
    LOCKED_OUT = "locked_out"
    PASSWORD_CHANGED = "password_changed"
    CASE_OPENED = "case_opened"
    RECORDS_OPENED = "records_opened"
    IDENTITY_OPENED = "identity_opened"
    SEARCHED = "searched"
    EXPORTED = "exported"
    LETTERS_PRINTED = "letters_printed"
    LETTERS_OPENED = "letters_opened"
    ATTACHMENT_OPENED = "attachment_opened"
    ACCOUNT_CHANGED = "account_changed"
    BRANCH_CHOSEN = "branch_chosen"
    PURGED = "purged"
    TOKEN_MADE = "token_made"
    TOKEN_REVOKED = "token_revoked"
    VAULT_FILLED = "vault_filled"
    ANCHORED = "anchored"
    VERIFIED = "verified"
    OPT_OUT_CHANGED = "opt_out_changed"
    PLAN_CHANGED = "plan_changed"
    PLAN_IMPORTED = "plan_imported"
    PROGRESS_ENTERED = "progress_entered"
    REPORT_SUBMITTED = "report_submitted"
    REPORT_CHECKED = "report_checked"
    REPORT_RETURNED = "report_returned"
    REPORT_FROZEN = "report_frozen"
    REPORT_REOPENED = "report_reopened"

    @property
    def label(self) -> str:
        """The Japanese word."""
        return _LABELS[self]


_LABELS = {
    What.SIGNED_IN: "ログイン",
    What.SIGNED_OUT: "ログアウト",
    What.SIGN_IN_FAILED: "ログインの失敗",
    What.LOCKED_OUT: "ログインの停止",
    What.PASSWORD_CHANGED: "パスワードの変更",
    What.CASE_OPENED: "案件の閲覧",
    What.RECORDS_OPENED: "指標の明細の閲覧",
    What.IDENTITY_OPENED: "個人情報の閲覧",
    What.SEARCHED: "個人情報での検索",
    What.EXPORTED: "一覧の書き出し",
    What.LETTERS_PRINTED: "通知の印刷",
    What.LETTERS_OPENED: "通知の再印刷・ダウンロード",
    What.ATTACHMENT_OPENED: "添付ファイルの閲覧",
    What.ACCOUNT_CHANGED: "利用者の登録・変更",
    What.BRANCH_CHOSEN: "支部の切替え",
    What.PURGED: "保存期間の過ぎた案件の廃棄",
    What.TOKEN_MADE: "APIの鍵の発行",
    What.TOKEN_REVOKED: "APIの鍵の取消し",
    What.VAULT_FILLED: "個人情報の登録",
    What.ANCHORED: "履歴の要約の記録",
    What.VERIFIED: "履歴の検査",
    What.OPT_OUT_CHANGED: "通知を希望しない申出の記録・取下げ",
    What.PLAN_CHANGED: "事業計画の変更",
    What.PLAN_IMPORTED: "事業計画の取込み",
    What.PROGRESS_ENTERED: "計画の進捗の記入",
    What.REPORT_SUBMITTED: "進捗報告の提出",
    What.REPORT_CHECKED: "進捗報告の確認",
    What.REPORT_RETURNED: "進捗報告の差戻し",
    What.REPORT_FROZEN: "進捗報告の確定",
    What.REPORT_REOPENED: "進捗報告の確定の取消し",
}


def record(what: What, *, case: str = "", subject: str = "", detail: str = "") -> AuditRow:
    """Write down what the person who acts has done. detail: in Japanese, without names of members or what they searched for."""
    duty = on_duty()
    about = duty.branch if duty.branch != duty.actor.branch else ""
    return _append(duty.actor.branch, duty.actor.id, what, about, case, subject, detail)


def case_opened(case: str) -> None:
    """Write down that a case was opened: once a day for a person."""
    duty, start = on_duty(), timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    today = AuditRow.objects.filter(branch=duty.actor.branch, actor=duty.actor.id, at__gte=start)
    if not today.filter(what=What.CASE_OPENED, case=case).exists():
        record(What.CASE_OPENED, case=case)


def _append(
    branch: str, actor: str, what: What, about: str, case: str, subject: str, detail: str
) -> AuditRow:
    with transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", (f"audit {branch}",))
        last = (
            AuditRow.objects.filter(branch=branch)
            .order_by("-sequence")
            .values_list("sequence", "hash")
            .first()
        )
        sequence, previous = (last[0] + 1, last[1]) if last else (1, NO_HASH)
        row = AuditRow(
            branch=branch,
            sequence=sequence,
            at=timezone.now(),
            actor=actor,
            what=what,
            about_branch=about,
            case=case,
            subject=subject,
            detail=detail,
            previous=previous,
        )
        row.hash = _hash(row)
        row.save(force_insert=True)
        return row


def _hash(row: AuditRow) -> str:
    said = [
        row.branch, row.sequence, row.at, row.actor, str(row.what), row.about_branch, row.case, row.subject, row.detail,
        row.previous,
    ]  # fmt: skip
    return hashlib.sha256(canonical(said).encode("utf-8")).hexdigest()


def verify(rows: Iterable[AuditRow], after: tuple[int, str] = (0, NO_HASH)) -> list[str]:
    """What is wrong with a branch's entries in their order, in Japanese; nothing when they are whole.

    after: number and hash of the last entry that was removed when its period of retention ended.
    """
    found: list[str] = []
    previous = after[1]
    for place, row in enumerate(rows, after[0] + 1):
        if row.sequence != place:
            found.append(f"{place}番：番号が続いていません（{row.sequence}番があります）。")
        elif row.hash != _hash(row):
            found.append(f"{place}番：書かれた後に変えられています。")
        elif row.previous != previous:
            found.append(f"{place}番：前の記録とつながっていません。")
        previous = row.hash
        if len(found) >= 20:
            break
    return found
