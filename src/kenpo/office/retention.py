"""How long what is kept (保存期間), declared here for every table, and the removal of what is past its period (廃棄).

Removal is done by the owner of the tables, branch by branch, each matter in one transaction: what is past its period goes
with everything that belongs to it, and the audit log keeps how many there were and a digest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction

from kenpo.base.fiscal import fy, fy_last_day
from kenpo.catalogue import CASEKINDS
from kenpo.frame.casekind import CaseKind
from kenpo.office import anchors, audit
from kenpo.office.acting import system
from kenpo.office.errors import OfficeError
from kenpo.office.verifying import PLACES, anchors_file

_OURS = "法令・公表資料に定めが見当たらず、kenpo の既定値"

Cutoff = Callable[[date], date]
"""Today → the last day that is past its period."""


@dataclass(frozen=True)
class Period:
    """How long something is kept: its Japanese title, the period and its ground; the tables it is in."""

    title: str
    length: str
    ground: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class _Rule(Period):
    """A period that ends. past: SQL condition of the first table, with %(branch)s and %(day)s, the last day that is past.

    belongs: SQL that removes what belongs to the rows of the temporary table `past`, in order. everywhere: whether the rows
    are of no branch.
    """

    cutoff: Cutoff
    past: str
    belongs: tuple[str, ...] = ()
    everywhere: bool = False


def _years_after(years: int) -> Cutoff:
    """Whole fiscal years after the one in which it ended: 5 years, on 2032-04-01 → 2027-03-31."""
    return lambda today: fy_last_day(fy(today) - years - 1)


def _days(days: int) -> Cutoff:
    return lambda today: today - timedelta(days=days)


_LETTER_FILES = (
    "with gone as (delete from office_letter_batch b where b.branch = %(branch)s"
    " and not exists (select from office_letter l where l.batch_id = b.id)"
    " and exists (select from office_letter_run r where r.id = b.run_id and r.state not in ('waiting', 'printing'))"
    " returning blob_id) delete from office_sealed_blob where id in (select blob_id from gone)",
    "delete from office_letter_run r where r.branch = %(branch)s and r.state not in ('waiting', 'printing')"
    " and not exists (select from office_letter l where l.run_id = r.id)"
    " and not exists (select from office_letter_batch b where b.run_id = r.id)",
)
_OF_A_CASE = (
    "delete from office_bulk_item where \"case\" in (select id from past)",
    "delete from office_opening_row where branch = %(branch)s and \"case\" in (select id from past)",
    "delete from office_letter where \"case\" in (select id from past)",
    "with gone as (delete from office_attachment where \"case\" in (select id from past) returning blob_id)"
    " delete from office_sealed_blob where id in (select blob_id from gone)",
    "delete from office_event where \"case\" in (select id from past)",
    *_LETTER_FILES,
)  # fmt: skip


def _of_kind(kind: CaseKind) -> _Rule:
    return _Rule(
        f"案件「{kind.title}」（履歴、添付、通知を含む）",
        f"終わった年度の翌年度から{kind.retention.years}年",
        kind.retention.ground,
        (
            "office_case", "office_event", "office_attachment", "office_letter", "office_letter_run",
            "office_letter_batch", "office_sealed_blob",
        ),
        _years_after(kind.retention.years),
        f"branch = %(branch)s and kind = '{kind.id}' and ended_on <= %(day)s",
        _OF_A_CASE,
    )  # fmt: skip


_RULES: tuple[_Rule, ...] = (
    *(_of_kind(kind) for kind in CASEKINDS.values()),
    _Rule(
        "対照群",
        "選んだ年度の翌年度から5年",
        f"通知の効果を検証するため。{_OURS}",
        ("office_control",),
        _years_after(5),
        "branch = %(branch)s and held_on <= %(day)s",
    ),
    _Rule(
        "通知を希望しない申出（取り下げられたもの）",
        "取り下げた年度の翌年度から5年。取り下げられていないものは残す",
        f"申出のとおりに通知を止めたことを確かめるため。{_OURS}",
        ("office_opt_out",),
        _years_after(5),
        'branch = %(branch)s and "until" <= %(day)s',
    ),
    _Rule(
        "個人情報（氏名・住所・記号番号など）",
        "最後に資格のファイルにあった年度の翌年度から5年。案件・申出のある人のものは、それらの期間が終わるまで",
        f"案件と同じ期間。{_OURS}",
        ("office_vault_identity", "office_vault_index"),
        _years_after(5),
        "branch = %(branch)s and coalesce(as_of, updated_at::date) <= %(day)s"
        " and not exists (select from office_case c where c.branch = t.branch and c.subject = t.subject)"
        " and not exists (select from office_opt_out o where o.branch = t.branch and o.subject = t.subject)",
        (
            "delete from office_vault_index i using past p where i.branch = p.branch and i.subject_kind = p.subject_kind"
            " and i.subject = p.subject",
        ),
    ),
    _Rule(
        "対象者リストの実行結果の明細",
        "実行から1年",
        f"案件を始めた後は、案件の履歴が根拠を持つため。{_OURS}",
        ("office_opening_row",),
        _days(365),
        "branch = %(branch)s and opening_id in (select id from office_opening where branch = %(branch)s"
        " and coalesce(finished_at, at)::date <= %(day)s and state not in ('preparing', 'opening'))",
    ),
    _Rule(
        "対象者リストの実行の記録（件数）",
        "実行した年度の翌年度から5年",
        f"案件と同じ期間。{_OURS}",
        ("office_opening",),
        _years_after(5),
        "branch = %(branch)s and coalesce(finished_at, at)::date <= %(day)s and state not in ('preparing', 'opening')",
        ("delete from office_opening_row where opening_id in (select id from past)",),
    ),
    _Rule(
        "一括操作の記録",
        "実行から1年",
        f"結果は案件の履歴に残るため。{_OURS}",
        ("office_bulk", "office_bulk_item"),
        _days(365),
        "branch = %(branch)s and finished_at::date <= %(day)s",
        ("delete from office_bulk_item where bulk_id in (select id from past)",),
    ),
    _Rule(
        "件数の集計",
        "集計した年度の翌年度から5年",
        f"案件と同じ期間。{_OURS}",
        ("office_tally",),
        _years_after(5),
        "branch = %(branch)s and day <= %(day)s",
    ),
    _Rule(
        "進捗報告の提出・確認・確定の記録",
        "記録した年度の翌年度から10年",
        f"3年の行動計画とその次の計画の評価に使うため。{_OURS}",
        ("office_plan_step",),
        _years_after(10),
        "branch = %(branch)s and at::date <= %(day)s",
    ),
    _Rule(
        "APIの二重送信を防ぐ記録",
        "30日",
        f"送り直しが届く間、同じ返事をするため。{_OURS}",
        ("office_api_request",),
        _days(30),
        "branch = %(branch)s and at::date <= %(day)s",
    ),
    _Rule(
        "期限の切れた、または止めた API の鍵",
        "1年",
        f"だれのプログラムが使えたかを調べるため。鍵そのものは保存していない。{_OURS}",
        ("office_api_token", "office_api_request"),
        _days(365),
        "least(revoked_at::date, expires_on) <= %(day)s",
        ("delete from office_api_request where token_id in (select id from past)",),
        everywhere=True,
    ),
    _Rule(
        "使われなくなったファイル（登録の途中で止まった添付など）",
        "30日",
        f"どの案件・通知からも開けないため。{_OURS}",
        ("office_sealed_blob",),
        _days(30),
        "branch = %(branch)s and at::date <= %(day)s"
        " and not exists (select from office_attachment a where a.blob_id = t.id)"
        " and not exists (select from office_letter_batch b where b.blob_id = t.id)",
    ),
    _Rule(
        "ログインの試み（職員番号、アドレス）",
        "1年",
        f"不正なログインを調べるため。ログインの成功と失敗は操作記録にも残る。{_OURS}",
        ("axes_accessattempt", "axes_accessattemptexpiration", "axes_accesslog", "axes_accessfailurelog"),
        _days(365),
        "attempt_time::date <= %(day)s",
        (
            "delete from axes_accessattemptexpiration where access_attempt_id in (select id from past)",
            "delete from axes_accesslog where attempt_time::date <= %(day)s",
            "delete from axes_accessfailurelog where attempt_time::date <= %(day)s",
        ),
        everywhere=True,
    ),
    _Rule(
        "失敗した処理",
        "1年",
        f"原因を調べるため。{_OURS}",
        ("procrastinate_jobs", "procrastinate_events"),
        _days(365),
        "status in ('failed', 'cancelled', 'aborted') and not exists (select from procrastinate_events e"
        " where e.job_id = t.id and e.at::date > %(day)s)",
        ("delete from procrastinate_events where job_id in (select id from past)",),
        everywhere=True,
    ),
)  # fmt: skip

_AUDIT_YEARS = 7
_AUDIT = Period(
    "操作記録（だれが、いつ、何を見たか）",
    f"記録した年度の翌年度から{_AUDIT_YEARS}年",
    f"案件の保存期間が終わった後も、閲覧の経緯を確かめられるように、案件より長くする。{_OURS}",
    ("office_audit",),
)

_KEPT: tuple[Period, ...] = (
    Period(
        "利用者", "廃棄しない（使用を止める）", "履歴と操作記録の職員番号がだれかを示すため",
        ("office_account", "mfa_authenticator", "account_emailaddress", "account_emailconfirmation"),
    ),
    Period("文書番号の台帳", "廃棄しない", "同じ番号を二度使わないため。番号のほかに何も含まない", ("office_letter_counter",)),
    Period("ログインの状態", "8時間。終わったものは毎晩消す", f"席を離れた端末から使われないため。{_OURS}", ("django_session",)),
    Period("終わった処理", "30日", f"処理の状況を確かめるため。{_OURS}", ("procrastinate_jobs", "procrastinate_events")),
    Period("お知らせの種類、移行の記録など、個人情報も操作の記録も含まない表", "廃棄しない", "システムの動作に使うため", (
        "django_migrations", "django_content_type", "auth_group", "auth_group_permissions", "auth_permission",
        "procrastinate_periodic_defers", "procrastinate_workers",
    )),
)  # fmt: skip


def periods() -> tuple[Period, ...]:
    """Every period, for the page that shows them; every table of the database is in one of them."""
    return (*_RULES, _AUDIT, *_KEPT)


# ---- removal -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Due:
    """What is past its period in a branch (empty when it is of no branch): how many, up to which day."""

    title: str
    branch: str
    day: date
    count: int


def due(today: date) -> Iterator[Due]:
    """What is past its period. Nothing is changed."""
    for branch, rule in _matters():
        with system(branch or PLACES[-1]), connection.cursor() as cursor:
            values = {"branch": branch, "day": rule.cutoff(today)}
            cursor.execute(f"select count(*) from {rule.tables[0]} t where {rule.past}", values)
            ((count,),) = cursor.fetchall()
        if count:
            yield Due(rule.title, branch, values["day"], count)
    for branch in PLACES:
        with system(branch):
            if entry := _last_entry(branch, today):
                yield Due(_AUDIT.title, branch, _years_after(_AUDIT_YEARS)(today), entry[2])


def purge(today: date) -> Iterator[Due]:
    """Remove what is past its period, each matter of a branch in one transaction; what was removed, as it is removed.

    Raises OfficeError before anything of a branch is removed whose histories are not as they were written down.
    """
    whole: set[str] = set()
    for branch, rule in _matters():
        place = branch or PLACES[-1]
        with system(place):
            if "office_event" in rule.tables and branch not in whole:
                _must_be_whole(branch)
                whole.add(branch)
            found = _remove(rule, branch, rule.cutoff(today))
        if found:
            yield found
    for branch in PLACES:
        with system(branch):
            found = _remove_entries(branch, today)
        if found:
            yield found


def _matters() -> Iterator[tuple[str, _Rule]]:
    for rule in _RULES:
        for branch in ("",) if rule.everywhere else PLACES:
            yield branch, rule


def _must_be_whole(branch: str) -> None:
    held = anchors.read(anchors_file())
    if wrong := (*anchors.faults(held, branch), *held.faults):
        raise OfficeError(
            f"履歴に異常があるため、廃棄しません（{wrong[0]}）。",
            where=f"支部 {branch}",
            todo="「kenpo office verify」で検査し、原因を確かめてから、もう一度実行してください。",
        )


_DIGEST = (
    "encode(sha256(coalesce(string_agg(sha256(convert_to((to_jsonb(p) - 'row_place')::text, 'UTF8')), ''"
    " order by (to_jsonb(p) - 'row_place')::text), '')), 'hex')"
)
_DAYS = """
select distinct (e."when" at time zone 'Asia/Tokyo')::date from office_event e where e."case" in (select id from past)
"""


def _remove(rule: _Rule, branch: str, day: date) -> Due | None:
    values: Mapping[str, Any] = {"branch": branch, "day": day}
    table = rule.tables[0]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('kenpo.purge', 'on', true)")
        cursor.execute(
            f"create temporary table past on commit drop as select ctid as row_place, t.* from {table} t where {rule.past}",
            values,
        )
        cursor.execute(f"select count(*), {_DIGEST} from past p")
        ((count, digest),) = cursor.fetchall()
        days: list[date] = []
        if "office_event" in rule.tables:
            cursor.execute(_DAYS)
            days = [d for (d,) in cursor.fetchall()]
        for query in rule.belongs if count else ():
            cursor.execute(query, values)
        if count:
            cursor.execute(f"delete from {table} where ctid in (select row_place from past)")
        cursor.execute("drop table past")
        if not count:
            return None
        audit.record(audit.What.PURGED, detail=f"{rule.title}　{count:,} 件（{day} まで）　要約 {digest}")
        anchored = anchors.read(anchors_file())
        anchors.rewrite(anchors_file(), [d for d in days if (branch, d) in anchored.days])
    return Due(rule.title, branch, day, count)


def _last_entry(branch: str, today: date) -> tuple[int, str, int] | None:
    """Number and hash of the last entry of the audit log that is past its period, and how many there are up to it."""
    rows = audit.AuditRow.objects.filter(branch=branch)
    day = _years_after(_AUDIT_YEARS)(today)
    kept = rows.filter(at__date__gt=day).order_by("sequence").values_list("sequence", flat=True).first()
    past = rows if kept is None else rows.filter(sequence__lt=kept)
    last = past.order_by("-sequence").values_list("sequence", "hash").first()
    return (*last, past.count()) if last else None


def _remove_entries(branch: str, today: date) -> Due | None:
    entry = _last_entry(branch, today)
    if entry is None:
        return None
    sequence, hash, count = entry
    day = _years_after(_AUDIT_YEARS)(today)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('kenpo.purge', 'on', true)")
        # Written before it is done: entries that are still there are checked from the next on all the same.
        anchors.removed(anchors_file(), sequence, hash)
        audit.record(audit.What.PURGED, detail=f"{_AUDIT.title}　{count:,} 件（{day} まで）　要約 {hash}")
        cursor.execute("delete from office_audit where branch = %s and sequence <= %s", [branch, sequence])
    return Due(_AUDIT.title, branch, day, count)


def tables(all: Iterable[Period]) -> set[str]:
    """The tables that some periods are about."""
    return {table for period in all for table in period.tables}
