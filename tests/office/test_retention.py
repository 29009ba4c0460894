"""What is past its period of retention is removed with everything that belongs to it, and nothing else is."""

import re
from datetime import date

import pytest
from django.db import connection
from tests.offices import FreshOffice

from kenpo.catalogue import CASEKINDS
from kenpo.office import retention

MAKE = """
from datetime import timedelta
from django.utils import timezone
from kenpo.frame import cases
from kenpo.office import audit, casework, vault, verifying
from kenpo.office.acting import acting
from kenpo.office.models import Attachment, LetterBatch, LetterRow, LetterRun
from tests.office import test_verifying
from tests.offices import make_people

people = make_people()
ids = test_verifying.opened(people, 3)
with acting(people.yamamoto.actor):
    run = LetterRun.objects.create(branch="35", kind="generic_notice", letter="notice", title="架空", version=1, day="2026-05-01", by="35-yamamoto", state="printed")
    for place, case in enumerate(ids):
        batch = LetterBatch.objects.create(branch="35", run=run, number=place, blob=vault.keep("letters", b"%PDF"), letters=1, pages=1)
        LetterRow.objects.create(branch="35", run=run, case=case, subject_kind="member", subject="x", expected=1, batch=batch)
        Attachment.objects.create(branch="35", case=case, sealed_name=b"", media_type="text/plain", size=1, sha256="", blob=vault.keep("attachment", b"x"), by="35-yamamoto")
    for case in ids[:2]:
        casework.act(case, cases.move, "opt_out", reason="架空の申出", expected=2)
verifying.anchor_all(test_verifying.TOMORROW)
print(" ".join(ids))
"""

COUNTS = (
    "select (select count(*) from office_case), (select count(*) from office_event), (select count(*) from office_attachment),"
    " (select count(*) from office_letter), (select count(*) from office_letter_batch), (select count(*) from office_sealed_blob)"
)


def purge(office: FreshOffice, today: date) -> str:
    return office.python(
        f"""
from datetime import date
from kenpo.office import retention
for found in retention.purge(date({today.year}, {today.month}, {today.day})):
    print(found.branch, found.count, found.title)
""",
        KENPO_DATABASE_ROLE="owner",
    )


def test_every_table_has_its_period(db: None) -> None:
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
    assert retention.tables(retention.periods()) == there


def test_every_kind_of_case_is_kept_as_long_as_it_declares() -> None:
    shown = {period.title: period for period in retention.periods()}
    for kind in CASEKINDS.values():
        period = shown[f"案件「{kind.title}」（履歴、添付、通知を含む）"]
        assert f"{kind.retention.years}年" in period.length
        assert period.ground == kind.retention.ground


def test_every_period_is_told_with_its_ground() -> None:
    assert all(period.length and period.ground for period in retention.periods())
    titles = [period.title for period in retention.periods()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(
    ("today", "last"),
    [
        (date(2032, 3, 31), date(2026, 3, 31)),
        (date(2032, 4, 1), date(2027, 3, 31)),
    ],
)
def test_a_period_is_counted_in_fiscal_years(today: date, last: date) -> None:
    kind = CASEKINDS["generic_notice"]
    assert retention._years_after(5)(today) == last
    assert kind.retention.until(last) < today
    assert kind.retention.until(date(last.year, 4, 1)) >= today


def test_cases_go_with_all_that_belongs_to_them_and_what_is_left_is_whole(fresh_office: FreshOffice) -> None:
    one, two, kept = fresh_office.python(MAKE).split()
    assert fresh_office.sql(COUNTS) == [(3, 8, 3, 3, 3, 6)]
    assert purge(fresh_office, date(2032, 3, 31)) == ""
    assert purge(fresh_office, date(2032, 4, 1)).startswith("35 2 案件「")
    assert fresh_office.sql(COUNTS) == [(1, 2, 1, 1, 1, 2)]
    assert fresh_office.sql("select id from office_case") == [(kept,)]
    ((detail,),) = fresh_office.sql("select detail from office_audit where what = 'purged' and branch = '35'")
    assert re.search(r"2 件（2027-03-31 まで）　要約 [0-9a-f]{64}$", detail)
    assert one not in detail and two not in detail
    checked = fresh_office.run("office", "verify")
    assert checked.returncode == 0, checked.stdout


def test_nothing_is_removed_of_a_branch_whose_histories_were_altered(fresh_office: FreshOffice) -> None:
    fresh_office.python(MAKE)
    fresh_office.sql("alter table office_event disable trigger user")
    fresh_office.sql("update office_event set hash = repeat('0', 64) where sequence = 1")
    fresh_office.sql("update office_case set ended_on = '2019-05-01' where ended_on is not null")
    done = fresh_office.run("office", "purge", "--yes")
    assert done.returncode != 0
    assert "履歴に異常があるため、廃棄しません" in done.stderr
    assert fresh_office.sql(COUNTS) == [(3, 8, 3, 3, 3, 6)]


def test_a_removal_that_was_written_down_and_not_done_leaves_the_histories_whole(
    fresh_office: FreshOffice,
) -> None:
    """The file is written before the transaction ends; when the machine stops in between, the cases are still there."""
    fresh_office.python(MAKE)
    fresh_office.python(
        """
from django.db import connection, transaction
from kenpo.office import anchors
true, hit = anchors._append, []
def stops(path, found):
    hit.append(true(path, found))
    raise SystemExit
anchors._append = stops
from datetime import date
from kenpo.office import retention
try:
    list(retention.purge(date(2032, 4, 1)))
except SystemExit:
    assert hit
""",
        KENPO_DATABASE_ROLE="owner",
    )
    assert fresh_office.sql(COUNTS) == [(3, 8, 3, 3, 3, 6)]
    assert fresh_office.run("office", "verify").returncode == 0
    assert purge(fresh_office, date(2032, 4, 1)).startswith("35 2 案件「")
    assert fresh_office.run("office", "verify").returncode == 0


def test_the_audit_log_is_removed_from_its_beginning_and_stays_whole(fresh_office: FreshOffice) -> None:
    fresh_office.python(MAKE)
    before = fresh_office.sql("select max(sequence) from office_audit where branch = '35'")[0][0]
    assert "操作記録" not in purge(fresh_office, date(2034, 3, 31))
    assert "操作記録" in purge(fresh_office, date(2034, 4, 1))
    ((first, entries),) = fresh_office.sql(
        "select min(sequence), count(*) from office_audit where branch = '35'"
    )
    assert first > before
    assert entries
    checked = fresh_office.run("office", "verify")
    assert checked.returncode == 0, checked.stdout


OTHERS = (
    "insert into office_opt_out (branch, kind, subject_kind, subject, since, until, source, by, at)"
    " values ('35', '', 'member', 'withdrawn', '2020-04-01', '2021-03-31', '電話', 'x', now()),"
    " ('35', '', 'member', 'holds', '2020-04-01', null, '電話', 'x', now())",
    "insert into office_control (id, branch, kind, key, opening, origin, held_on)"
    " values ('old', '35', 'generic_notice', 'k', 1, '{}', '2021-03-31'), ('new', '35', 'generic_notice', 'k', 1, '{}', current_date)",
    "insert into office_vault_identity (branch, subject_kind, subject, sealed, key_id, as_of, updated_at)"
    " values ('35', 'member', 'gone', '', 'KEY', '2021-03-31', now()), ('35', 'member', 'holds', '', 'KEY', '2021-03-31', now()),"
    " ('35', 'member', 'here', '', 'KEY', current_date, now())",
    "insert into office_vault_index (branch, field, digest, subject_kind, subject)"
    " values ('35', 'name', 'd', 'member', 'gone'), ('35', 'name', 'd', 'member', 'holds')",
    "insert into office_tally (branch, kind, state, day, cases, late, unclaimed)"
    " values ('35', 'k', 's', '2021-03-31', 1, 0, 0), ('35', 'k', 's', current_date, 1, 0, 0)",
    "insert into office_bulk (id, branch, kind, verb, argument, reason, title, by, at, state, total, finished_at)"
    " values (101, '35', 'k', 'claim', '', '', 't', 'x', '2021-03-31', 'done', 1, '2021-03-31'), (102, '35', 'k', 'claim', '', '', 't', 'x', '2021-03-31', 'running', 1, null)",
    "insert into office_bulk_item (bulk_id, \"case\", branch, expected, done, error) values (101, 'c', '35', 1, true, ''), (102, 'c', '35', 1, true, '')",
    "insert into office_opening (id, branch, kind, worklist, settings, state, counts, error, by, at, confirmed_by, finished_at)"
    " values (101, '35', 'k', 'w', '{}', 'done', '{}', '', 'x', '2021-03-31', '', '2021-03-31'),"
    " (102, '35', 'k', 'w', '{}', 'done', '{}', '', 'x', now() - interval '400 days', '', now() - interval '400 days')",
    'insert into office_opening_row (branch, opening_id, place, "case", key, priority, reason, outcome, why, summary, done)'
    " values ('35', 101, 1, 'c', 'k', 1, 'r', 'open', '', '', true), ('35', 102, 1, 'c', 'k', 1, 'r', 'open', '', '', true)",
    "insert into office_sealed_blob (id, branch, what, sealed, key_id, size, sha256, at)"
    " values (gen_random_uuid(), '35', 'attachment', '', 'KEY', 0, '', '2021-03-31'), (gen_random_uuid(), '35', 'attachment', '', 'KEY', 0, '', now())",
    "insert into axes_accessattempt (user_agent, ip_address, username, http_accept, path_info, attempt_time, get_data, post_data, failures_since_start)"
    " values ('', '127.0.0.1', 'x', '', '', '2021-03-31', '', '', 1)",
    "insert into office_plan_step (branch, plan, period, step, mark, note, by, at) values"
    " ('35', '35-2013', '2013H1', 'frozen', 'm', '', 'x', '2014-03-31'), ('35', '35-2026', '2026H1', 'frozen', 'm', '', 'x', now())",
    "insert into office_account (id, password, staff_id, name, branch, roles, is_active, must_change_password, created_at)"
    " values (101, '', '35-x', 'x', '35', '{administrator}', true, false, now())",
    "insert into office_api_token (id, account_id, name, digest, scopes, created_at, expires_on, revoked_at)"
    " values (101, 101, 'old', 'a', '{}', now(), '2021-03-31', null), (102, 101, 'here', 'b', '{}', now(), current_date, null),"
    " (103, 101, 'stopped', 'c', '{}', now(), current_date + 90, '2021-03-31')",
    "insert into office_api_request (token_id, key, branch, question, at) values (101, 'a', '35', 'q', now()), (102, 'a', '35', 'q', now()),"
    " (102, 'b', '35', 'q', '2021-03-31')",
    "insert into procrastinate_jobs (id, queue_name, task_name, status) values (101, 'q', 't', 'doing'), (102, 'q', 't', 'doing')",
    "update procrastinate_jobs set status = 'failed'",
    "update procrastinate_events set at = '2021-03-31' where job_id = 101",
)
LEFT = {
    "select subject from office_opt_out": ["holds"],
    "select id from office_control": ["new"],
    "select subject from office_vault_identity order by 1": ["here", "holds"],
    "select subject from office_vault_index": ["holds"],
    "select day = current_date from office_tally": [True],
    "select id from office_bulk": [102],
    "select bulk_id from office_bulk_item": [102],
    "select id from office_opening": [102],
    "select opening_id from office_opening_row": [],
    "select at > '2022-01-01' from office_sealed_blob": [True],
    "select username from axes_accessattempt": [],
    "select plan from office_plan_step": ["35-2026"],
    "select name from office_api_token": ["here"],
    "select token_id from office_api_request": [102],
    "select id from procrastinate_jobs": [102],
}  # fmt: skip


def test_everything_else_goes_at_its_own_time_and_only_when_asked_for(fresh_office: FreshOffice) -> None:
    key = fresh_office.python("from kenpo.office import vault; print(vault.keyring().newest)").strip()
    for query in OTHERS:
        fresh_office.sql(query.replace("KEY", key))
    asked = fresh_office.run("office", "purge")
    assert asked.returncode == 0, asked.stderr
    assert "保存期間の過ぎたもの" in asked.stdout and "--yes" in asked.stdout
    for title in (
        "対照群",
        "通知を希望しない申出",
        "個人情報",
        "件数の集計",
        "一括操作の記録",
        "失敗した処理",
        "ログインの試み",
        "API の鍵",
        "進捗報告",
    ):
        assert title in asked.stdout
    assert fresh_office.sql("select count(*) from office_opt_out") == [(2,)]
    done = fresh_office.run("office", "purge", "--yes")
    assert done.returncode == 0, done.stderr
    for query, left in LEFT.items():
        assert [value for (value,) in fresh_office.sql(query)] == left, query
    assert "保存期間の過ぎたものはありません。" in fresh_office.run("office", "purge").stdout
