"""Cases in the lake (案件データ): a snapshot takes the place of the one before, whole or not at all, and figures know of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.lakes import rows
from tests.people import APRIL, lake_of, write

from kenpo.base.errors import LakeError, NotLoaded
from kenpo.catalogue import DERIVATIONS, MEASURES
from kenpo.frame import Subject, View, explain, figures, measure, records, refresh
from kenpo.frame import caselake as module
from kenpo.frame.caselake import cases_as_of, cases_version, snapshot_of, store_cases
from kenpo.frame.derivation import Derivation, derive
from kenpo.lake import Expression, Lake
from kenpo.lake.tables.cases import OFFICE_CASE, OFFICE_EVENT
from kenpo.lake.tables.derived import WORKPLACE_MONTH

NIGHT = datetime(2025, 4, 2, 17, 30, tzinfo=UTC)
"""Half past two in the morning of 3 April in Japan."""


def case(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "case_id": f"c{number}",
        "branch": "13",
        "kind": "notice",
        "subject_kind": "member",
        "subject": f"{number:032x}",
        "arm": "case",
        "received_on": date(2024, 4, 10),
        "opened_on": date(2024, 4, 10),
        "letters": 0,
        "returned": False,
        **more,
    }


def event(number: int = 1, sequence: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "case_id": f"c{number}",
        "sequence": sequence,
        "branch": "13",
        "kind": "notice",
        "what": "opened",
        "on": date(2024, 4, 10),
        "at": NIGHT,
        "role": "planning_clerk",
        **more,
    }


def of_cases(*some: dict[str, Any]) -> pl.DataFrame:
    schema = {c: t for c, t in OFFICE_CASE.polars_schema.items() if any(c in r for r in some) or not some}
    return pl.DataFrame(list(some), schema=schema).drop("source_file", "source_line", strict=False)


def of_events(*some: dict[str, Any]) -> pl.DataFrame:
    schema = {c: t for c, t in OFFICE_EVENT.polars_schema.items() if any(c in r for r in some)}
    return pl.DataFrame(list(some), schema=schema)


def stored(lake: Lake, *some: dict[str, Any], as_of: datetime = NIGHT) -> None:
    store_cases(lake, of_cases(*some), [], as_of=as_of)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_of(tmp_path, enrolment=[{}], receipt=[{}])


@measure(
    title="始めた案件の数",
    definition="案件の数",
    law="なし",
    form="count",
    unit="件",
    precision=0,
    cases=True,
)
def opened_cases(view: View) -> Expression:
    """Cases by the month they were opened in."""
    return view.table("office_case").mutate(
        month=lambda t: t.opened_on.truncate("M").cast("date"),
        excluded=lambda t: t.state.nullif(t.state),
        denominator=0,
        numerator=1,
        receipt_id=lambda t: t.source_line,
    )


@measure(title="レセプト件数", definition="レセプトの数", law="なし", form="count", unit="件", precision=0)
def receipts(view: View) -> Expression:
    """Receipts."""
    return view.table("receipt").mutate(
        excluded=lambda t: t.format.nullif(t.format), denominator=0, numerator=1
    )


def count(lake: Lake, branch: str = "13") -> int:
    return int(figures(lake, opened_cases, branch=branch, months=(APRIL, APRIL))["numerator"].item())


# ---- storing -----------------------------------------------------------------------------------------------------


def test_what_is_stored_is_what_is_read(lake: Lake):
    letter = case(
        1, letters=1, first_letter_on=date(2024, 4, 20), list_month=APRIL, reason="switch", overdue=False
    )
    held_out = case(2, arm="control", branch="35")
    blocks = [
        of_events(event(1), event(1, 2, what="letter_sent", letter="notice")),
        of_events(event(2, role=None)),
    ]
    entry = store_cases(lake, of_cases(letter, held_out), blocks, as_of=NIGHT)

    cases = rows(lake, "office_case").to_dicts()
    assert [{k: v for k, v in r.items() if v is not None} for r in cases] == [
        {**letter, "source_file": entry.file_id, "source_line": 1},
        {**held_out, "source_file": entry.file_id, "source_line": 2},
    ]
    events = pl.DataFrame(pl.from_arrow(lake.table("office_event").to_pyarrow()))
    assert events.sort("source_line").select("case_id", "sequence", "what", "role", "source_line").rows() == [
        ("c1", 1, "opened", "planning_clerk", 1),
        ("c1", 2, "letter_sent", "planning_clerk", 2),
        ("c2", 1, "opened", None, 3),
    ]
    assert [t.astimezone(UTC) for t in events["at"]] == [NIGHT] * 3


def test_the_snapshot_is_one_file_that_says_when_it_was_taken(lake: Lake):
    assert (snapshot_of(lake), cases_as_of(lake), cases_version(lake)) == (None, None, "")
    stored(lake, case())
    (entry,) = [f for f in lake.files() if f.format == "office"]
    assert entry.name == "案件データ（2025-04-03 02:30 時点）"
    assert (cases_as_of(lake), entry.edition, entry.rows) == (NIGHT, date(2025, 4, 3), 1)


def test_a_snapshot_takes_the_place_of_the_one_before(lake: Lake):
    stored(lake, case(1), case(2))
    store_cases(lake, of_cases(case(3)), [of_events(event(3))], as_of=NIGHT + timedelta(days=1))
    assert rows(lake, "office_case")["case_id"].to_list() == ["c3"]
    stored(lake, as_of=NIGHT + timedelta(days=2))
    assert rows(lake, "office_case").height == rows(lake, "office_event").height == 0
    assert len([f for f in lake.files() if f.format == "office"]) == 1


def test_long_histories_are_written_block_by_block(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_BLOCK", 2)
    held: list[int] = []

    def blocks() -> Iterator[pl.DataFrame]:
        for n in range(1, 4):
            held.append(len(list((lake.root / "data" / "office_event").glob("*.parquet"))) if n > 1 else 0)
            yield of_events(*(event(n, s) for s in range(1, 4)))

    store_cases(lake, of_cases(*(case(n) for n in range(1, 4))), blocks(), as_of=NIGHT)
    assert held == [0, 2, 4]
    assert sorted(rows(lake, "office_event")["source_line"]) == list(range(1, 10))


@pytest.mark.parametrize(
    ("cases", "events", "said"),
    [
        ([case(1), case(1)], [], "a case stands twice"),
        ([case(1)], [event(2)], "not in the snapshot"),
        ([case(branch="48")], [], "branch"),
        ([case(branch=None)], [], "branch must not be NULL"),
        ([case(arm="treated")], [], "arm"),
        ([case(subject_kind="person")], [], "subject_kind"),
        ([case(subject="架空　太郎")], [], "subject"),
        ([case(subject_kind="institution", subject="架空医院")], [], "subject"),
        ([case(reason="本人の希望により")], [], "reason"),
        ([case(state="listed\n架空")], [], "state"),
        ([case()], [event(role="本部の本田")], "role"),
        ([case()], [event(role="honda")], "role"),
        ([case()], [event(what="noted")], "what"),
        ([case()], [event(letter="お知らせ")], "letter"),
    ],
)  # fmt: skip
def test_what_is_no_code_is_refused_and_the_lake_stays_as_it_was(
    cases: list[dict[str, Any]], events: list[dict[str, Any]], said: str, lake: Lake
):
    stored(lake, case(9))
    before = cases_version(lake)
    with pytest.raises(ValueError, match=said) as error:
        store_cases(lake, of_cases(*cases), [of_events(*events)] if events else [], as_of=NIGHT)
    assert not any(word in str(error.value) for word in ("架空", "本田", "honda", "希望"))
    assert (cases_version(lake), rows(lake, "office_case")["case_id"].to_list()) == (before, ["c9"])
    with lake.writing():
        assert len(list((lake.root / "data" / "office_case").glob("*.parquet"))) == 1


def test_a_workplace_may_have_a_symbol_of_kana(lake: Lake):
    stored(lake, case(subject_kind="workplace", subject="よろし"))
    assert rows(lake, "office_case")["subject"].to_list() == ["よろし"]


def test_columns_nobody_declared_are_refused(lake: Lake):
    frame = of_cases(case()).with_columns(owner=pl.lit("honda"))
    with pytest.raises(ValueError, match="undeclared columns"):
        store_cases(lake, frame, [], as_of=NIGHT)


def test_a_time_without_a_zone_is_refused(lake: Lake):
    with pytest.raises(ValueError, match="time zone"):
        store_cases(lake, of_cases(case()), [], as_of=datetime(2025, 4, 3))


def test_a_failure_in_the_middle_of_the_events_leaves_the_old_snapshot(lake: Lake):
    stored(lake, case(1))

    def broken() -> Iterator[pl.DataFrame]:
        yield of_events(event(2))
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        store_cases(lake, of_cases(case(2)), broken(), as_of=NIGHT)
    assert rows(lake, "office_case")["case_id"].to_list() == ["c1"]
    assert rows(lake, "office_event").height == 0


def test_while_another_process_writes_it_is_refused(lake: Lake):
    with Lake.open(lake.root).writing(), pytest.raises(LakeError, match="書き込んで"):
        stored(lake, case())


def test_who_has_begun_to_read_reads_the_old_snapshot_to_its_end(lake: Lake):
    stored(lake, case(1))
    reader = Lake.open(lake.root)
    old = reader.table("office_case")
    stored(lake, case(2), case(3))
    assert old.count().to_pyarrow().as_py() == 1
    assert Lake.open(lake.root).table("office_case").count().to_pyarrow().as_py() == 2


def test_a_snapshot_of_another_form_counts_as_none(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    stored(lake, case())
    monkeypatch.setattr(module, "_FILE_ID", "office-000000")
    assert snapshot_of(Lake.open(lake.root)) is None
    with pytest.raises(NotLoaded, match="案件データ"):
        View(lake, [APRIL], cases=True).table("office_case")
    stored(lake, case(2))
    assert len([f for f in lake.files() if f.format == "office"]) == 1


def test_the_kinds_of_subject_are_those_of_the_case_kinds():
    assert {s.value: (s.label,) for s in Subject} == dict(OFFICE_CASE["subject_kind"].codes)


# ---- figures -----------------------------------------------------------------------------------------------------


def test_without_a_snapshot_a_figure_of_cases_says_what_it_lacks(lake: Lake):
    done = refresh(lake, [opened_cases, receipts])
    assert set(done.skipped) == {"opened_cases"}
    with pytest.raises(NotLoaded, match="案件データが取り込まれていない"):
        count(lake)


def test_an_empty_snapshot_gives_nought_and_not_nothing(lake: Lake):
    stored(lake)
    refresh(lake, [opened_cases])
    assert count(lake) == 0


def test_a_new_snapshot_makes_figures_of_cases_old_and_leaves_the_others(lake: Lake):
    stored(lake, case(1))
    refresh(lake, [opened_cases, receipts])
    version = lake.version()
    assert count(lake) == 1
    assert not explain(lake, opened_cases, "13", APRIL).stale

    stored(lake, case(1), case(2), as_of=NIGHT + timedelta(days=1))
    assert lake.version() == version
    assert explain(lake, opened_cases, "13", APRIL).stale
    assert not explain(lake, receipts, "13", APRIL).stale

    refresh(lake, [opened_cases, receipts])
    assert count(lake) == 2
    assert not explain(lake, opened_cases, "13", APRIL).stale


def test_the_same_cases_a_day_later_leave_figures_as_they_are(lake: Lake):
    stored(lake, case(1))
    refresh(lake, [opened_cases])
    version = cases_version(lake)
    stored(lake, case(1), as_of=NIGHT + timedelta(days=1))
    assert cases_version(lake) == version
    assert cases_as_of(lake) == NIGHT + timedelta(days=1)
    assert not explain(lake, opened_cases, "13", APRIL).stale


def test_a_load_makes_figures_of_cases_old_too(lake: Lake):
    stored(lake, case(1))
    refresh(lake, [opened_cases])
    write(lake, "receipt", [{"receipt_id": 9}], "more")
    assert explain(lake, opened_cases, "13", APRIL).stale


def test_the_way_back_ends_at_the_snapshot_and_the_day_is_noted(lake: Lake):
    stored(lake, case(1), case(2, branch="35"))
    refresh(lake, [opened_cases])
    said = explain(lake, opened_cases, "35", APRIL)
    assert said.numerator == 1
    assert "案件データは 2025-04-03 02:30 時点のものです。" in said.notes
    (record,) = records(lake, opened_cases, "35", APRIL).iter_rows(named=True)
    assert (record["file"], record["source_line"]) == ("案件データ（2025-04-03 02:30 時点）", 2)
    assert count(lake, "00") == 2


def test_a_measure_must_say_that_it_reads_cases(lake: Lake):
    @measure(title="言わない指標", definition="案件の数", law="なし", form="count")
    def silent(view: View) -> Expression:
        return opened_cases.units(view)

    stored(lake, case())
    with pytest.raises(ValueError, match="does not say that it reads cases"):
        refresh(lake, [silent])


def test_a_derived_table_cannot_be_made_of_cases(lake: Lake):
    stored(lake, case())
    of_cases_made = Derivation(WORKPLACE_MONTH, lambda view: view.table("office_case"))
    with lake.writing(), pytest.raises(ValueError, match="does not say that it reads cases"):
        derive(lake, [of_cases_made], [APRIL])


def test_derived_tables_need_not_be_made_anew_for_a_snapshot(lake: Lake):
    members = MEASURES["members"]
    refresh(lake, [members], derivations=DERIVATIONS)
    stored(lake, case())
    assert explain(lake, members, "13", APRIL).numerator == 1
