"""Letters: each is numbered, printed and recorded once, whatever happens meanwhile; reprints are the letter that went out."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from django.utils import timezone
from tests import mail
from tests.mail import NOTICE, case_id
from tests.offices import FreshOffice, People

from kenpo.base.errors import ArgumentError
from kenpo.frame import cases
from kenpo.frame.casekind import Group
from kenpo.frame.cases import CaseError, What
from kenpo.office import audit, casework, letters, optouts, vault
from kenpo.office.acting import acting
from kenpo.office.letters import State
from kenpo.office.models import (
    AuditRow,
    CaseRow,
    EventRow,
    LetterBatch,
    LetterCounter,
    LetterRow,
    LetterRun,
    SealedBlob,
)

LETTER = NOTICE.letters[0]


@pytest.fixture
def acts(people: People) -> Iterator[People]:
    """山本 of 山口支部, who plans and sends, acts."""
    with acting(people.yamamoto.actor):
        yield people


def due(people: People, numbers: range) -> list[str]:
    """Cases of 山口支部 whose letters are due, with identities."""
    mail.fill(*(mail.identity(n) for n in numbers))
    return mail.send(people.yamamoto, people.yamane, numbers)


def begin(count: int | None = None, **more: Any) -> LetterRun:
    return letters.begin(NOTICE, LETTER, **{"day": timezone.localdate(), "count": count, **more})


def run(made: LetterRun) -> LetterRun:
    """Do a run's job."""
    letters.letter_run(id=made.pk, branch=made.branch, by=made.by)
    made.refresh_from_db()
    return made


def sent_events(case: str) -> list[dict[str, Any]]:
    found = EventRow.objects.filter(case=case, what=What.LETTER_SENT)
    return [json.loads(e.payload) for e in found]


def texts(pdf: bytes) -> list[str]:
    """The text of each page without spaces."""
    return ["".join(p.get_textpage().get_text_range().split()) for p in pypdfium2.PdfDocument(pdf)]


# ---- numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "group", "year", "number", "said"),
    [
        ("35", Group.PLANNING, 2026, 123, "山口企第令8-000123号"),
        ("13", Group.OPERATIONS, 2019, 1, "東京業第令元-000001号"),
        ("46", Group.HEALTH, 2018, 7, "鹿児島保第平30-000007号"),
        ("35", Group.RECEIPTS, 2026, 1234567, "山口レ第令8-1234567号"),
    ],
)
def test_a_number_says_branch_group_and_fiscal_year(
    code: str, group: Group, year: int, number: int, said: str
):
    assert letters.number_text(code, group, year, number) == said


def test_numbers_of_the_year_run_on_from_run_to_run_without_a_gap(acts: People):
    due(acts, range(5))
    run(begin(2))
    run(begin())
    year = letters._year(letters.fy(timezone.localdate()))
    numbers = LetterRow.objects.order_by("pk").values_list("number", flat=True)
    assert list(numbers) == [f"山口企第{year}-{n:06d}号" for n in range(1, 6)]
    assert LetterCounter.objects.get().last == 5


# ---- a run -------------------------------------------------------------------------------------------------------


class TestRun:
    def test_what_is_due_is_counted_and_no_more_once_a_run_has_taken_it(self, acts: People):
        due(acts, range(5))
        assert [(d.letter, d.cases, d.more) for d in letters.due([NOTICE])] == [(LETTER, 5, False)]
        made = begin(3)
        letters.allot(made.pk, acts.yamamoto.actor)
        assert letters.due([NOTICE])[0].cases == 2

    def test_the_best_are_taken_first(self, acts: People):
        due(acts, range(5))
        made = run(begin(2))
        assert set(LetterRow.objects.values_list("case", flat=True)) == {case_id(0), case_id(1)}
        assert (made.total, made.state) == (2, State.PRINTED)

    def test_every_case_records_its_letter_once_with_the_number_and_the_hash_of_the_pdf(self, acts: People):
        ids = due(acts, range(4))
        run(begin())
        (blob,) = SealedBlob.objects.all()
        for case in ids:
            row = LetterRow.objects.get(case=case)
            (event,) = sent_events(case)
            assert (event["number"], event["sha256"]) == (row.number, blob.sha256)
            assert CaseRow.objects.get(id=case).letters_due == []
            assert casework.load(case).case.letters[-1].sequence == row.sent
            assert row.sent_on == timezone.localdate()
        assert letters.due([NOTICE])[0].cases == 0

    def test_the_job_run_again_does_nothing(self, acts: People):
        due(acts, range(2))
        made = run(begin())
        before = (EventRow.objects.count(), SealedBlob.objects.count(), LetterRow.objects.count())
        run(made)
        assert (EventRow.objects.count(), SealedBlob.objects.count(), LetterRow.objects.count()) == before

    def test_a_second_run_prints_what_the_first_did_not_take(self, acts: People):
        due(acts, range(4))
        first, second = begin(3), begin()
        letters.allot(first.pk, acts.yamamoto.actor)
        run(second)
        run(first)
        assert [r.letters.count() for r in (first, second)] == [3, 1]  # type: ignore[attr-defined]
        assert all(len(sent_events(case_id(n))) == 1 for n in range(4))

    def test_a_long_run_is_printed_in_several_pdfs(self, acts: People, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(letters, "BATCH", 2)
        due(acts, range(5))
        run(begin())
        batches = LetterBatch.objects.order_by("number")
        assert [(b.number, b.letters, b.pages) for b in batches] == [(1, 2, 2), (2, 2, 2), (3, 1, 1)]

    def test_printing_stands_in_the_audit_log_without_names(self, acts: People):
        due(acts, range(2))
        run(begin())
        (entry,) = AuditRow.objects.filter(what=audit.What.LETTERS_PRINTED)
        assert "2通" in entry.detail and "架空" not in entry.detail and entry.actor == "35-yamamoto"

    def test_each_page_of_a_pdf_is_for_the_person_its_row_names(self, acts: People):
        due(acts, range(6))
        run(begin())
        (batch,) = LetterBatch.objects.all()
        pages = texts(letters.batch_pdf(batch))
        for row in batch.rows.all():  # type: ignore[attr-defined]
            n = int(row.subject, 16)
            own = "".join(pages[row.first_page - 1 : row.last_page])
            assert f"架空太郎{n}様" in own and row.number in own
            assert not any(f"架空太郎{other}様" in own for other in range(6) if other != n)

    def test_letters_may_be_dated_ahead_but_not_back(self, acts: People):
        due(acts, range(1))
        today = timezone.localdate()
        for day in (today - timedelta(days=1), today + timedelta(days=letters.AHEAD + 1)):
            with pytest.raises(CaseError) as error:
                begin(day=day)
            assert error.value.code == "bad_content"
        day = today + timedelta(days=3)
        made = run(begin(day=day))
        (batch,) = made.batches.all()  # type: ignore[attr-defined]
        assert f"{day.month}月{day.day}日" in texts(letters.batch_pdf(batch))[0]


# ---- who gets none -----------------------------------------------------------------------------------------------


def skipped(case: str) -> str:
    return LetterRow.objects.get(case=case).skipped


class TestSkipped:
    def test_who_has_no_address_gets_none_and_keeps_the_letter_due(self, acts: People):
        due(acts, range(2))
        mail.send(acts.yamamoto, acts.yamane, range(2, 3))
        mail.fill(mail.identity(3, address=None))
        mail.send(acts.yamamoto, acts.yamane, range(3, 4))
        made = run(begin())
        assert skipped(case_id(2)) == vault.NO_IDENTITY and skipped(case_id(3)) == vault.NO_ADDRESS
        found = letters.progress(made)
        assert (found.printed, found.skipped) == (2, {vault.NO_IDENTITY: 1, vault.NO_ADDRESS: 1})
        assert CaseRow.objects.get(id=case_id(2)).letters_due == ["notice"]
        assert LetterCounter.objects.get().last == 2

    def test_who_does_not_wish_to_be_written_to_gets_none(self, acts: People):
        due(acts, range(2))
        made = begin()
        optouts.record(
            subject_kind="member", subject=mail.subject(0), kind="", since=timezone.localdate(), way=optouts.Way.PHONE,
            today=timezone.localdate(),
        )  # fmt: skip
        run(made)
        assert skipped(case_id(0)) == letters.NOT_WANTED and not sent_events(case_id(0))

    def test_a_case_that_was_changed_since_gets_none(self, acts: People):
        due(acts, range(3))
        made = begin()
        letters.allot(made.pk, acts.yamamoto.actor)
        casework.act(case_id(0), cases.move, "opt_out", expected=None, reason="電話で申出")
        casework.act(case_id(1), cases.comment, "電話あり", expected=None)
        run(made)
        assert skipped(case_id(0)) in (letters.CHANGED, letters.NO_LONGER_DUE)
        assert not skipped(case_id(1)) and not skipped(case_id(2))

    def test_what_changes_while_letters_are_printed_is_neither_printed_nor_numbered(self, acts: People):
        due(acts, range(3))
        made = begin()
        actor = acts.yamamoto.actor
        letters.allot(made.pk, actor)
        prepared = letters.prepare(made.pk, actor)
        assert prepared
        pdf = letters.printed(prepared, actor)
        assert pdf
        casework.act(case_id(1), cases.move, "opt_out", expected=None, reason="電話で申出")
        assert not letters.record(prepared, pdf, actor)
        assert not LetterBatch.objects.exists() and not SealedBlob.objects.exists()
        assert not any(sent_events(case_id(n)) for n in range(3))
        run(made)
        assert LetterCounter.objects.get().last == 2
        assert [len(sent_events(case_id(n))) for n in range(3)] == [1, 0, 1]

    def test_numbers_given_out_elsewhere_meanwhile_are_not_given_again(self, acts: People):
        due(acts, range(2))
        made = begin()
        actor = acts.yamamoto.actor
        letters.allot(made.pk, actor)
        prepared = letters.prepare(made.pk, actor)
        assert prepared
        pdf = letters.printed(prepared, actor)
        assert pdf
        LetterCounter.objects.create(branch="35", fiscal_year=letters.fy(made.day), group="planning", last=7)
        assert not letters.record(prepared, pdf, actor)
        run(made)
        assert [str(n)[-5:] for n in LetterRow.objects.order_by("pk").values_list("number", flat=True)] == [
            "0008号",
            "0009号",
        ]

    def test_a_letter_that_cannot_be_printed_keeps_no_other_back(
        self, acts: People, monkeypatch: pytest.MonkeyPatch
    ):
        due(acts, range(3))
        issue, poisoned = letters.issue, mail.content(1).notice

        def breaks(document: Any, group: Any, some: Any, **options: Any) -> Any:
            if any(one.content == poisoned for one in some):
                raise ArgumentError("印刷できません。")
            return issue(document, group, some, **options)

        monkeypatch.setattr(letters, "issue", breaks)
        made = run(begin())
        assert made.state == State.PRINTED and skipped(case_id(1)) == letters.UNPRINTABLE
        assert LetterCounter.objects.get().last == 2


# ---- stopped, given up, gone on ----------------------------------------------------------------------------------


class TestStopped:
    def test_a_template_at_fault_stops_the_run_and_it_can_go_on(
        self, acts: People, monkeypatch: pytest.MonkeyPatch
    ):
        due(acts, range(2))
        made = begin()

        def breaks(*given: Any, **options: Any) -> Any:
            raise ArgumentError("ひな形に誤りがあります。")

        with monkeypatch.context() as patched:
            patched.setattr(letters, "issue", breaks)
            run(made)
        assert (made.state, made.error) == (State.FAILED, "ひな形に誤りがあります。")
        letters.repeat(made.pk)
        assert run(made).state == State.PRINTED

    def test_what_no_person_can_put_right_is_said_plainly_and_raised(
        self, acts: People, monkeypatch: pytest.MonkeyPatch
    ):
        due(acts, range(1))
        made = begin()

        def breaks(*given: Any, **options: Any) -> Any:
            raise ZeroDivisionError("架空 太郎")

        monkeypatch.setattr(letters, "issue", breaks)
        with pytest.raises(ZeroDivisionError):
            run(made)
        made.refresh_from_db()
        assert made.state == State.FAILED and "架空" not in made.error

    def test_a_run_given_up_frees_what_was_not_printed(self, acts: People):
        due(acts, range(2))
        made = begin()
        letters.allot(made.pk, acts.yamamoto.actor)
        assert letters.cancel(made.pk).state == State.CANCELLED
        assert run(made).state == State.CANCELLED
        assert letters.due([NOTICE])[0].cases == 2
        with pytest.raises(CaseError, match="すでに終わって"):
            letters.repeat(made.pk)

    def test_who_was_barred_meanwhile_prints_no_more(self, acts: People):
        due(acts, range(1))
        made = begin()
        acts.yamamoto.is_active = False
        acts.yamamoto.save()
        assert run(made).state == State.FAILED and "利用を停止" in made.error
        assert not LetterRow.objects.exists()

    def test_a_job_tried_again_after_it_failed_before_any_letter_prints_them_all(self, acts: People):
        due(acts, range(2))
        made = begin()
        LetterRun.objects.update(state=State.FAILED, error="止まりました。")
        assert run(made).state == State.PRINTED and letters.progress(made).printed == 2

    def test_a_run_that_found_nothing_due_is_done_and_takes_nothing_later(self, acts: People):
        made = begin(5)
        assert (run(made).state, made.total) == (State.PRINTED, 0)
        due(acts, range(2))
        run(made)
        assert not LetterRow.objects.exists()

    def test_words_that_were_changed_since_are_not_printed_under_the_old_version(self, acts: People):
        due(acts, range(1))
        made = begin()
        LetterRun.objects.update(version=99)
        assert run(made).state == State.FAILED and "様式が変わりました" in made.error


# ---- who may -----------------------------------------------------------------------------------------------------


class TestForbidden:
    def test_yamashita_of_another_group_sends_no_letters(self, people: People):
        due(people, range(1))
        with acting(people.yamashita.actor), pytest.raises(CaseError) as error:
            begin()
        assert error.value.code == "not_allowed"

    def test_honda_of_head_office_sends_no_letters(self, people: People):
        with acting(people.honda.actor, "35"), pytest.raises(CaseError) as error:
            begin()
        assert error.value.code == "not_allowed"

    def test_azuma_of_tokyo_sees_no_run_and_no_letter_of_yamaguchi(self, people: People):
        due(people, range(1))
        with acting(people.yamamoto.actor):
            made = run(begin())
            token = LetterRow.objects.get().token
        with acting(people.azuma.actor):
            assert not LetterRun.objects.exists() and not LetterRow.objects.exists()
            assert letters.due([NOTICE])[0].cases == 0
            for act in (letters.repeat, letters.cancel):
                with pytest.raises(CaseError) as error:
                    act(made.pk)
                assert error.value.code == "not_found"
            with pytest.raises(CaseError, match="この支部にはありません"):
                letters.came_back(str(token), "宛所不明")


# ---- reprints ----------------------------------------------------------------------------------------------------


class TestReprint:
    @pytest.fixture
    def printed(self, acts: People) -> LetterRun:
        due(acts, range(4))
        return run(begin())

    def test_a_reprint_is_the_same_bytes_also_when_the_person_has_moved(self, printed: LetterRun):
        (batch,) = printed.batches.select_related("blob")  # type: ignore[attr-defined]
        row = LetterRow.objects.get(case=case_id(2))
        before = letters.batch_pdf(batch), letters.letter_pdf(row)
        mail.fill(mail.identity(2, address="山口県架空市引越町5", as_of=date(2026, 9, 1)))
        assert (letters.batch_pdf(batch), letters.letter_pdf(row)) == before

    def test_one_letter_has_its_own_pages_and_nothing_of_another(self, printed: LetterRun):
        row = LetterRow.objects.get(case=case_id(2))
        content = letters.letter_pdf(row)
        (text,) = texts(content)
        assert "架空太郎2様" in text and str(row.number) in text
        with pikepdf.open(io.BytesIO(content)) as one:
            everything = b"".join(repr(thing).encode() for thing in one.objects)
            assert one.docinfo["/Title"] == NOTICE.letters[0].document.title
        others = LetterRow.objects.exclude(pk=row.pk).values_list("token", flat=True)
        assert not any(str(token).encode() in everything for token in others)

    def test_labels_are_in_the_order_of_the_letters(self, printed: LetterRun):
        (batch,) = printed.batches.all()  # type: ignore[attr-defined]
        made = letters.labels(batch)
        assert made
        (page,) = texts(made)
        assert [page.index(f"架空太郎{n}様") for n in range(4)] == sorted(
            page.index(f"架空太郎{n}様") for n in range(4)
        )

    def test_a_preview_is_for_nobody_and_writes_nothing(self, acts: People):
        due(acts, range(1))
        made = letters.preview(NOTICE, LETTER, timezone.localdate())
        assert made
        text = "".join(texts(made))
        assert "見本花子様" in text and "見本号" in text and "架空太郎" not in text
        assert not LetterRow.objects.exists() and not LetterCounter.objects.exists()

    def test_without_a_letter_due_there_is_no_preview(self, acts: People):
        assert letters.preview(NOTICE, LETTER, timezone.localdate()) is None


# ---- mail that comes back ----------------------------------------------------------------------------------------


class TestReturned:
    @pytest.fixture
    def row(self, acts: People) -> LetterRow:
        due(acts, range(1))
        run(begin())
        return LetterRow.objects.get()

    def test_the_case_takes_the_step_its_kind_declares(self, row: LetterRow):
        found = letters.came_back(str(row.token), "宛所不明")
        assert (found.state, found.moved) == ("宛所不明", True)
        assert found.todo == "住所を確かめ、再送するか打ち切る"
        row.refresh_from_db()
        assert (row.returned_on, row.returned_reason) == (timezone.localdate(), "宛所不明")
        case = casework.load(row.case).case
        assert case.state == "returned" and case.letters[-1].returned == "宛所不明"

    def test_where_the_step_is_no_longer_possible_the_return_is_recorded_alone(self, row: LetterRow):
        casework.act(row.case, cases.move, "finish", expected=None)
        found = letters.came_back(str(row.number), "転居先不明")
        assert (found.state, found.moved) == ("観察終了", False)
        assert casework.load(row.case).case.letters[-1].returned == "転居先不明"

    @pytest.mark.parametrize(
        "spelt",
        [
            lambda row: row.token,
            lambda row: row.token.lower(),
            lambda row: f" {row.token[:4]}-{row.token[4:8]}－{row.token[8:12]}ー{row.token[12:]} ",
            lambda row: f"HTTPS://KENPO.EXAMPLE/R/{row.token}",
            lambda row: "".join(chr(ord(c) + 0xFEE0) for c in row.token),
            lambda row: row.token.replace("0", "O").replace("1", "I"),
            lambda row: row.number,
            lambda row: row.number.replace("-000001", "－1"),
            lambda row: row.number.removesuffix("号").replace("第", " 第 "),
        ],
    )
    def test_numbers_are_read_however_they_are_typed_or_scanned(self, row: LetterRow, spelt: Any):
        assert letters.letter_by(spelt(row)) == row

    @pytest.mark.parametrize(
        ("typed", "code"),
        [
            ("", "bad_number"),
            ("　", "bad_number"),
            ("0000000000000000", "not_found"),
            ("山口企第令8-999999号", "not_found"),
            ("東京企第令8-000001号", "other_branch"),
            ("こんにちは", "bad_number"),
            ("1234", "bad_number"),
        ],
    )
    def test_what_is_no_number_of_a_letter_here_is_told_plainly(self, row: LetterRow, typed: str, code: str):
        with pytest.raises(CaseError) as error:
            letters.came_back(typed, "宛所不明")
        assert error.value.code == code and error.value.todo

    def test_a_letter_comes_back_once(self, row: LetterRow):
        letters.came_back(str(row.token), "宛所不明")
        with pytest.raises(CaseError) as error:
            letters.came_back(str(row.number), "受取拒否")
        assert error.value.code == "already_returned"
        row.refresh_from_db()
        assert row.returned_reason == "宛所不明"

    def test_yamashita_who_does_not_work_on_the_kind_records_nothing(self, people: People, row: LetterRow):
        with acting(people.yamashita.actor), pytest.raises(CaseError):
            letters.came_back(str(row.token), "宛所不明")
        row.refresh_from_db()
        assert row.returned_on is None


# ---- kill -9 -----------------------------------------------------------------------------------------------------

PREPARE = """
import sys; sys.path.insert(0, {root!r})
from django.utils import timezone
from tests import mail
from tests.offices import make_people
from kenpo.office import letters
from kenpo.office.acting import acting
people = make_people()
mail.fill(*(mail.identity(n) for n in range(18)))
mail.send(people.yamamoto, people.yamane, range(18))
with acting(people.yamamoto.actor):
    print(letters.begin(mail.NOTICE, mail.NOTICE.letters[0], day=timezone.localdate()).pk)
"""

WORK = """
import asyncio, os, signal
from procrastinate.contrib.django import app
from kenpo.office import audit, casework, letters, tasks, vault
letters.BATCH = 4
tasks.SILENT = 0
place = {place!r}
if place:
    module, name = place.split(".")
    owner = dict(letters=letters, vault=vault, casework=casework, audit=audit)[module]
    real, times = getattr(owner, name), []
    def dies(*given, **more):
        made = real(*given, **more)
        times.append(1)
        if len(times) == {nth}:
            os.kill(os.getpid(), signal.SIGKILL)
        return made
    setattr(owner, name, dies)

async def once():
    with app.replace_connector(app.connector.get_worker_connector()) as worker:
        async with worker.open_async():
            await tasks.take_up(worker)
            await worker.run_worker_async(wait=False, delete_jobs="never", listen_notify=False)

asyncio.run(once())
"""

KILLED = (
    ("letters._alone", 1),
    ("letters.allot", 1),
    ("letters.printed", 1),
    ("vault.keep", 2),
    ("casework.act_each", 1),
    ("letters._written", 2),
    ("audit.record", 1),
    ("letters.record", 1),
)
"""Where workers are killed, one after the other: function, and after which of its calls."""


def test_a_worker_killed_anywhere_loses_no_letter_and_does_none_twice(fresh_office: FreshOffice):
    root = str(Path(__file__).parents[2])
    id = int(fresh_office.python(PREPARE.format(root=root)).split()[-1])
    deaths = 0
    for place, nth in KILLED:
        code = f"import kenpo.office; kenpo.office.setup()\n{WORK.format(place=place, nth=nth)}"
        done = subprocess.run(
            [sys.executable, "-c", code], env=fresh_office.environ, capture_output=True, text=True
        )
        deaths += done.returncode == -9
        fresh_office.sql("update procrastinate_jobs set attempts = 0")
    fresh_office.python(WORK.format(place="", nth=0))
    assert deaths == len(KILLED)

    (state, total) = fresh_office.sql("select state, total from office_letter_run where id = %s", id)[0]
    assert (state, total) == ("printed", 18)
    rows = fresh_office.sql(
        "select number, token, batch_id, first_page, skipped from office_letter order by id"
    )
    assert [int(str(number)[-7:-1]) for number, *_ in rows] == list(range(1, 19))
    assert len({token for _, token, *_ in rows}) == 18
    assert len({(batch, page) for *_, batch, page, _ in rows}) == 18
    assert fresh_office.sql("select last from office_letter_counter") == [(18,)]
    events = fresh_office.sql(
        "select \"case\", count(*), min(payload) from office_event where what = 'letter_sent' group by 1"
    )
    assert len(events) == 18 and all(count == 1 for _, count, _ in events)
    hashes = {sha for (sha,) in fresh_office.sql("select sha256 from office_sealed_blob")}
    assert {json.loads(payload)["sha256"] for *_, payload in events} == hashes
    printed = fresh_office.sql("select count(*) from office_audit where what = 'letters_printed'")
    assert printed == fresh_office.sql("select count(*) from office_letter_batch")
    tables = fresh_office.sql(
        "select table_name from information_schema.tables where table_schema = 'public'"
    )
    dump = [str(row) for (table,) in tables for row in fresh_office.sql(f'select t::text from "{table}" t')]
    for secret in ("太郎", "ﾀﾛｳ", "見本町"):
        assert not [row for row in dump if secret in row or secret.encode().hex() in row]
    same = fresh_office.python(
        "from kenpo.office import letters, vault\nfrom kenpo.office.acting import system\n"
        "from kenpo.office.models import LetterBatch\nimport hashlib\n"
        "with system('35'):\n"
        "    for b in LetterBatch.objects.all():\n"
        "        assert hashlib.sha256(letters.batch_pdf(b)).hexdigest() == b.blob.sha256\n"
        "print('same')"
    )
    assert same.split()[-1] == "same"
