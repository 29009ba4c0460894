"""Cases flow back into the lake: the rows are those that folding every history gives, and nothing private is among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.conf import settings
from django.utils import timezone
from tests.casekinds import PEOPLE, TOKYO, Desk, changed
from tests.lakes import rows

from kenpo.base.errors import LakeError
from kenpo.catalogue import CASEKINDS
from kenpo.frame.casekind import Deadline, Role
from kenpo.frame.caselake import cases_as_of
from kenpo.frame.cases import Actor, fold
from kenpo.lake import Lake
from kenpo.office import casework, snapshot
from kenpo.office.acting import acting
from kenpo.office.casework import Worked
from kenpo.office.models import CaseRow, ControlRow

pytestmark = pytest.mark.django_db

RECEIVED = date(2023, 5, 1)
HISTORIES: dict[str, list[str]] = {
    "fresh": [],
    "claimed": ["2023-05-02 佐藤 担当する", "佐藤 コメントする"],
    "inquiring": ["2023-05-02 佐藤 照会する"],
    "answered": ["2023-05-08 佐藤 照会する", "2023-05-22 佐藤 回答を受ける"],
    "returned": ["2023-05-10 佐藤 返戻する", "2023-06-01 佐藤 再提出を受ける"],
    "undone": ["2023-05-08 佐藤 照会する", "2023-05-10 佐藤 取り消す"],
    "undone_in_part": [
        "2023-05-08 佐藤 照会する",
        "2023-05-09 佐藤 回答を受ける",
        "2023-05-10 佐藤 返戻する",
        "2023-05-11 佐藤 取り消す",
    ],
    "paid": [
        "2023-05-08 佐藤 判断する",
        "佐藤 審査済みにする",
        "2023-05-09 鈴木 確認済みにする",
        "2023-05-10 高橋 決裁する",
        "2023-05-11 佐藤 発送を記録する",
    ],
    "paid_late": [
        "2023-06-08 佐藤 判断する",
        "佐藤 審査済みにする",
        "2023-06-09 鈴木 確認済みにする",
        "2023-06-12 高橋 決裁する",
    ],
    "came_back": [
        "2023-05-08 佐藤 判断する",
        "佐藤 審査済みにする",
        "2023-05-09 鈴木 確認済みにする",
        "2023-05-10 高橋 決裁する",
        "2023-05-11 佐藤 発送を記録する",
        "2023-05-25 佐藤 返送を記録する",
        "2023-05-26 佐藤 住所を確かめた",
    ],
}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """An empty lake as the office's."""
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=tmp_path / "lake"))
    return Lake.create(tmp_path / "lake")


@pytest.fixture
def desks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Desk]:
    """A case of 東京 with each history, every one of a kind of its own, written into the office."""
    found = {}
    for name, sentences in HISTORIES.items():
        kind = changed(id=f"toy_{name}", deadline=Deadline(10, "例"))
        monkeypatch.setitem(CASEKINDS, kind.id, kind)
        desk = Desk(RECEIVED, kind=kind).tell(*sentences)
        with acting(PEOPLE["佐藤"]):
            casework.open_many(desk.events[:1])
            if desk.events[1:]:
                casework.append(Worked(kind, fold(desk.events[:1]), ()), desk.events[1:])
        found[name] = desk
    return found


@contextmanager
def _at_work(branch: str) -> Iterator[None]:
    with acting(Actor(f"{branch}-x", branch, frozenset({Role.OPERATIONS_CLERK}))):
        yield


def _of(frame: pl.DataFrame, desk: Desk) -> dict[str, Any]:
    return frame.row(by_predicate=pl.col("case_id") == desk.case.id, named=True)


@pytest.mark.parametrize("today", [date(2023, 5, 1), date(2023, 5, 20), date(2023, 7, 1)])
def test_every_row_is_what_folding_the_history_gives(desks: dict[str, Desk], today: date) -> None:
    frame = snapshot.rows_of(TOKYO, today)
    assert frame.height == len(desks)
    for name, desk in desks.items():
        case, row = desk.case, _of(frame, desk)
        expected = {
            "branch": TOKYO,
            "kind": f"toy_{name}",
            "subject_kind": "member",
            "subject": "m1",
            "arm": "case",
            "reason": None,
            "worklist": None,
            "state": case.state,
            "received_on": RECEIVED,
            "due_on": case.due,
            "ended_on": case.clock.ended_on,
            "opened_on": RECEIVED,
            "letters": len(case.letters),
            "first_letter_on": min((one.on for one in case.letters), default=None),
            "returned": any(one.returned for one in case.letters),
            "days_used": case.used(today),
            "overdue": case.overdue(today),
            "sequence": case.sequence,
        }
        assert {k: row[k] for k in expected} == expected, name


def test_every_event_is_there_by_its_codes_and_days(desks: dict[str, Desk]) -> None:
    frame = pl.concat(snapshot.events_of([TOKYO], snapshot.rows_of(TOKYO, RECEIVED)))
    for name, desk in desks.items():
        own = frame.filter(pl.col("case_id") == desk.case.id).sort("sequence").to_dicts()
        assert [e["sequence"] for e in own] == list(range(1, len(desk.events) + 1)), name
        for event, row in zip(desk.events, own, strict=True):
            said = event.data
            assert (row["what"], row["at"], row["role"]) == (str(event.what), event.when, event.role or None)
            assert row["move"] == said.get("move")
            assert row["letter"] == said.get("letter")
            assert row["on"] == date.fromisoformat(
                said.get("on") or said.get("received_on") or str(event.when.date())
            )


def test_the_state_after_an_event_is_that_of_the_history_so_far(desks: dict[str, Desk]) -> None:
    frame = pl.concat(snapshot.events_of([TOKYO], snapshot.rows_of(TOKYO, RECEIVED)))
    for name, desk in desks.items():
        for row in frame.filter(pl.col("case_id") == desk.case.id).to_dicts():
            if row["state_to"] is not None:
                assert row["state_to"] == fold(desk.events[: row["sequence"]]).state, name
    undone = frame.filter(pl.col("what") == "undone")
    assert undone.height == 2
    assert undone["state_to"].null_count() == 0


def test_nothing_anybody_typed_and_nobody_of_the_staff_is_among_it(
    lake: Lake, desks: dict[str, Desk]
) -> None:
    snapshot.run()
    written = str([rows(lake, t).to_dicts() for t in ("office_case", "office_event")])
    assert "toy_paid" in written
    for private in ("確認のため", "宛所不明", "東京業発", "佐藤", "鈴木", "高橋", "daily"):
        assert private not in written


def _control(id: str, branch: str, kind: str = "toy_fresh") -> ControlRow:
    origin = {"worklist": "toy_claims", "reason": "due", "reason_label": "期限が来た", "month": "2023-04-01"}
    return ControlRow(
        id=id, branch=branch, kind=kind, key=id, subject="m7", opening=1, origin=origin | {"priority": 3},
        held_on=RECEIVED,
    )  # fmt: skip


def test_who_was_held_out_is_a_row_of_the_other_arm(desks: dict[str, Desk]) -> None:
    with _at_work(TOKYO):
        _control("held", TOKYO).save()
    row = snapshot.rows_of(TOKYO, RECEIVED).row(by_predicate=pl.col("case_id") == "held", named=True)
    assert {k: v for k, v in row.items() if v is not None} == {
        "case_id": "held",
        "branch": TOKYO,
        "kind": "toy_fresh",
        "subject_kind": "member",
        "subject": "m7",
        "arm": "control",
        "reason": "due",
        "worklist": "toy_claims",
        "list_month": date(2023, 4, 1),
        "received_on": RECEIVED,
        "opened_on": RECEIVED,
        "priority": 3,
        "letters": 0,
        "returned": False,
    }


def test_who_was_held_out_and_has_a_case_all_the_same_is_there_once(
    lake: Lake, desks: dict[str, Desk]
) -> None:
    with _at_work(TOKYO):
        _control(desks["fresh"].case.id, TOKYO).save()
    assert snapshot.run().controls == 0
    assert rows(lake, "office_case").filter(pl.col("case_id") == desks["fresh"].case.id)["arm"].to_list() == [
        "case"
    ]


def test_all_branches_are_in_the_lake_and_the_report_says_how_many(
    lake: Lake, desks: dict[str, Desk]
) -> None:
    with _at_work("35"):
        _control("yamaguchi", "35").save()
    report = snapshot.run()
    assert (report.cases, report.controls) == (len(desks), 1)
    assert report.events == sum(len(d.events) for d in desks.values())
    assert sorted(rows(lake, "office_case")["branch"].unique()) == [TOKYO, "35"]
    assert cases_as_of(lake) == report.as_of
    again = snapshot.run()
    assert again.version == report.version
    assert rows(lake, "office_case").height == len(desks) + 1


def test_an_event_that_came_after_the_cases_were_read_waits_for_the_next_night(
    desks: dict[str, Desk],
) -> None:
    read = snapshot.rows_of(TOKYO, RECEIVED)
    desk = desks["fresh"]
    later = Desk(RECEIVED, kind=desk.kind).tell("2023-05-02 佐藤 担当する")
    with acting(PEOPLE["佐藤"]):
        casework.append(Worked(desk.kind, desk.case, ()), later.events[1:])
    frame = pl.concat(snapshot.events_of([TOKYO], read))
    assert frame.filter(pl.col("case_id") == desk.case.id)["sequence"].to_list() == [1]


def test_a_branch_is_read_in_its_own_context_alone(desks: dict[str, Desk]) -> None:
    assert snapshot.rows_of("35", RECEIVED).is_empty()
    assert list(snapshot.events_of(["35"], snapshot.rows_of(TOKYO, RECEIVED))) == []


def test_blocks_are_cut_between_lines(desks: dict[str, Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = snapshot.rows_of(TOKYO, RECEIVED)
    monkeypatch.setattr(snapshot, "_BLOCK", 1)
    assert snapshot.rows_of(TOKYO, RECEIVED).equals(whole)


def test_a_kind_the_catalogue_no_longer_has_keeps_its_rows_without_a_subject(
    desks: dict[str, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(CASEKINDS, "toy_fresh")
    row = _of(snapshot.rows_of(TOKYO, RECEIVED), desks["fresh"])
    assert (row["subject_kind"], row["subject"]) == ("none", None)


def test_without_a_lake_the_snapshot_says_so_and_the_night_passes_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=tmp_path / "nowhere"))
    with pytest.raises(LakeError):
        snapshot.run()
    snapshot.snapshot_job(0)
    assert not (tmp_path / "nowhere").exists()


def test_while_another_process_writes_to_the_lake_the_one_before_stays(
    lake: Lake, desks: dict[str, Desk]
) -> None:
    before = snapshot.run()
    with acting(PEOPLE["佐藤"]):
        CaseRow.objects.filter(kind="toy_fresh").update(priority=7)
    with Lake.open(lake.root).writing(), pytest.raises(LakeError):
        snapshot.run()
    assert cases_as_of(lake) == before.as_of


def test_it_runs_at_two_in_the_morning_in_japan() -> None:
    from procrastinate.contrib.django import app

    (task,) = [t for (name, _), t in app.periodic_registry.periodic_tasks.items() if name == "kenpo.snapshot"]
    at = timezone.datetime.fromtimestamp(  # type: ignore[attr-defined]
        task.croniter.get_next(ret_type=float, start_time=0), tz=timezone.get_default_timezone()
    )
    assert (at.hour, at.minute) == (2, 0)
