"""Nothing that was written can be altered without being found."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from tests.contents import EXAMPLES
from tests.offices import FreshOffice, People

from kenpo.catalogue import CASEKINDS
from kenpo.frame import cases
from kenpo.office import anchors, audit, casework, verifying
from kenpo.office.acting import acting, system
from kenpo.office.models import CaseRow

NOTICE = CASEKINDS["generic_notice"]
TOMORROW = timezone.localdate() + timedelta(days=1)


def opened(people: People, count: int, claimed: bool = True) -> list[str]:
    """Cases of 山口 that 山本 opened and claimed."""
    actor = people.yamamoto.actor
    with acting(actor):
        events = [
            cases.open_case(
                NOTICE,
                branch="35",
                key=f"k{n}",
                content=EXAMPLES["generic_notice"],
                received_on=timezone.localdate(),
                actor=actor,
                when=timezone.now(),
                subject=f"{n:032x}",
            )
            for n in range(count)
        ]
        casework.open_many(events)
        for event in events:
            casework.act(event.case, cases.claim, expected=1)
        audit.record(audit.What.EXPORTED)
    return [e.case for e in events]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "anchors.jsonl"
    monkeypatch.setattr(verifying, "anchors_file", lambda: path)
    return path


class TestWhole:
    def test_what_was_written_in_order_has_no_fault(self, people: People, file: Path) -> None:
        opened(people, 7)
        verifying.anchor_all(TOMORROW)
        found = verifying.check("35")
        assert (found.cases, found.count, found.faults) == (7, 0, ())
        assert found.entries >= 2

    def test_many_cases_are_looked_at_some_at_a_time(
        self, people: People, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verifying, "_AT_ONCE", 3)
        opened(people, 7)
        told: list[int] = []
        assert verifying.check("35", told.append).cases == 7
        assert told == [3, 3, 1]

    def test_a_branch_sees_its_own_cases_only(self, people: People, file: Path) -> None:
        opened(people, 2)
        assert verifying.check("13").cases == 0

    def test_what_was_found_is_written_down(self, people: People, file: Path) -> None:
        opened(people, 2)
        (found,) = verifying.check_all(["35"])
        with system("35"):
            assert (
                audit.AuditRow.objects.get(what="verified").detail
                == f"案件 2 件、操作記録 {found.entries} 件：異常なし"
            )

    def test_a_case_that_goes_on_meanwhile_is_not_taken_for_altered(
        self, people: People, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened(people, 2)
        whole, first = verifying._faults_of, iter([True])

        def overtaken(*given: object) -> list[str]:
            return ["見かけ"] if next(first, False) else whole(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(verifying, "_faults_of", overtaken)
        assert verifying.check("35").count == 0

    def test_a_kind_that_is_gone_is_said(
        self, people: People, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened(people, 1)
        monkeypatch.setattr(verifying, "CASEKINDS", {})
        assert "この版の kenpo にありません" in verifying.check("35").faults[0].what

    def test_of_very_many_faults_the_first_are_told_and_all_counted(
        self, people: People, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened(people, 5)
        monkeypatch.setattr(verifying, "LISTED", 2)
        with system("35"):
            CaseRow.objects.update(state="ended")
        found = verifying.check("35")
        assert (len(found.faults), found.count) == (2, 5)


class TestAnchors:
    def test_days_that_ended_are_written_once(self, people: People, file: Path) -> None:
        opened(people, 3)
        with system("35"):
            assert anchors.anchor(file, timezone.localdate()) == 0
            assert anchors.anchor(file, TOMORROW) == 1
            lines = file.read_text().splitlines()
            assert anchors.anchor(file, TOMORROW) == 0
            assert file.read_text().splitlines() == lines
        day = next(one for one in map(json.loads, lines) if one["what"] == "day")
        assert (day["branch"], day["events"]) == ("35", 6)
        assert file.stat().st_mode & 0o777 == 0o600

    def test_a_line_that_was_changed_is_found(self, people: People, file: Path) -> None:
        opened(people, 1)
        verifying.anchor_all(TOMORROW)
        first, *others = file.read_text().splitlines(keepends=True)
        file.write_text(first.replace('"35"', '"34"').replace('"00"', '"01"') + "".join(others))
        assert any("前の行とつながっていません" in f.what for f in verifying.check("35").faults)

    def test_a_line_that_cannot_be_read_is_found(self, people: People, file: Path) -> None:
        file.write_text("{\n")
        assert anchors.read(file).faults == ("anchors.jsonl の1行：読めません。",)

    def test_a_file_that_is_gone_is_found(self, people: People, file: Path) -> None:
        opened(people, 1)
        verifying.anchor_all(TOMORROW)
        file.unlink()
        assert any("要約のファイルにありません" in f.what for f in verifying.check("35").faults)

    def test_the_text_is_that_of_the_hashes_in_order(self, people: People, file: Path) -> None:
        import hashlib

        from kenpo.office.models import EventRow

        opened(people, 3)
        with system("35"):
            hashes = EventRow.objects.order_by("case", "sequence").values_list("hash", flat=True)
            ((_, count, digest),) = anchors.digests("35", None, TOMORROW)
            assert (count, digest) == (6, hashlib.sha256("".join(hashes).encode()).hexdigest())


MAKE = """
from tests.office import test_verifying
from tests.offices import make_people
from kenpo.office import verifying
print(" ".join(test_verifying.opened(make_people(), {count})))
verifying.anchor_all(test_verifying.TOMORROW)
"""

REWRITE = """
from dataclasses import replace
from kenpo.frame.cases import fold
from kenpo.frame.cases.events import sealed
from kenpo.office import audit, casework
from kenpo.office.models import AuditRow, CaseRow, EventRow

def rewritten(case):
    "The whole history again with another actor, all hashes right, and the row as it then is."
    events, previous = [], None
    for row in EventRow.objects.filter(case=case).order_by("sequence"):
        event = replace(casework.event_of(row), actor="35-yamada")
        event = sealed(replace(event, previous=previous) if previous else event)
        EventRow.objects.filter(case=case, sequence=event.sequence).update(actor=event.actor, previous=event.previous, hash=event.hash)
        previous = event.hash
        events.append(event)
    row = CaseRow.objects.get(id=case)
    CaseRow.objects.filter(id=case).update(**casework._now(casework.CASEKINDS[row.kind], fold(events)))

def log_rewritten():
    "The last entries of the audit log again, all hashes right."
    row = AuditRow.objects.filter(branch="35", what="exported").get()
    row.detail = "別の内容"
    rows = [row, *AuditRow.objects.filter(branch="35", sequence__gt=row.sequence).order_by("sequence")]
    previous = row.previous
    for one in rows:
        one.previous = previous
        one.hash = previous = audit._hash(one)
        AuditRow.objects.filter(branch="35", sequence=one.sequence).update(detail=one.detail, previous=one.previous, hash=one.hash)
"""


def as_owner(office: FreshOffice, code: str) -> None:
    """What the owner of the tables can do when nothing holds back."""
    for table in ("office_event", "office_audit"):
        office.sql(f"alter table {table} disable trigger user")
    office.python(REWRITE + code, KENPO_DATABASE_ROLE="owner")


def test_every_alteration_by_the_owner_is_found_and_named_by_its_case(fresh_office: FreshOffice) -> None:
    *altered, whole = fresh_office.python(MAKE.format(count=6)).split()
    payload, gone, state, orphan, rewritten = altered
    assert fresh_office.run("office", "verify").returncode == 0
    as_owner(
        fresh_office,
        f"""
EventRow.objects.filter(case={payload!r}, sequence=2).update(actor="35-yamada")
EventRow.objects.filter(case={gone!r}, sequence=2).delete()
CaseRow.objects.filter(id={state!r}).update(state="ended")
CaseRow.objects.filter(id={orphan!r}).delete()
AuditRow.objects.filter(branch="35", what="exported").update(detail="別の内容")
""",
    )
    done = fresh_office.run("office", "verify", "--branch", "山口")
    assert done.returncode == 1
    for case in (payload, gone, state, orphan):
        assert f"案件 {case}" in done.stdout
    for case in (whole, rewritten):
        assert f"案件 {case}" not in done.stdout
    assert "操作記録" in done.stdout and "書かれた後に変えられています" in done.stdout


def test_a_history_that_was_rewritten_with_all_its_hashes_is_found(fresh_office: FreshOffice) -> None:
    one, _ = fresh_office.python(MAKE.format(count=2)).split()
    as_owner(fresh_office, f"rewritten({one!r})")
    done = fresh_office.run("office", "verify")
    assert done.returncode == 1
    assert f"{timezone.localdate()} の履歴が、要約を記録した後に書き換えられています" in done.stdout
    assert f"案件 {one}" not in done.stdout


def test_an_audit_log_that_was_rewritten_with_all_its_hashes_is_found(fresh_office: FreshOffice) -> None:
    fresh_office.python(MAKE.format(count=1))
    as_owner(fresh_office, "log_rewritten()")
    done = fresh_office.run("office", "verify")
    assert done.returncode == 1
    assert "番までが、要約を記録した後に書き換えられています" in done.stdout
