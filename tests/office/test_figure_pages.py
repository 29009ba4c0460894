"""The pages of figures: who sees what, the same figures as everywhere, parts with small numbers suppressed, trials."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob
from tests.branches import TinyBranch, TwoBranches
from tests.disclosure import Shown, Table, found, learned
from tests.office.test_desk import NARROW, WIDE, Open, chromium, look, violations
from tests.office_cases import recently
from tests.offices import PASSWORD, People

from kenpo.base.branches import branch_or_nation
from kenpo.base.errors import KenpoError
from kenpo.catalogue import INITIATIVES, MEASURES
from kenpo.cli.main import app
from kenpo.frame import figures as stored_figures
from kenpo.frame import refresh
from kenpo.frame.casekind import Role
from kenpo.frame.explain import explain, records
from kenpo.frame.measure import compute, history_of
from kenpo.frame.parts import axes_of, item_labels, parts
from kenpo.lake import Lake
from kenpo.law.loader import load
from kenpo.office import figures
from kenpo.office.models import Account, AuditRow

Browse = Callable[[Account], Client]
JUNE = date(2025, 6, 1)
SHARE = MEASURES["generic_volume_share"]
FIXTURES = (chromium, look)
"""Of the browser, as the pages of the desk use it."""


@pytest.fixture
def lake(both: TwoBranches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """An office whose lake holds a small 山口支部 and a small 東京支部."""
    yield from _office(both.lake_path, tmp_path, monkeypatch)


def _office(path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=path, home=home / "office"))
    figures._book.cache_clear()
    yield Lake.open(path)


def at(name: str, *args: str, **query: str) -> str:
    """The address of a page with a query."""
    words = "&".join(f"{k}={v}" for k, v in query.items())
    return reverse(name, args=args) + (f"?{words}" if words else "")


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def begin(client: Client, address: str) -> str:
    """Have something worked out, as the page does by itself; what it then shows."""
    answer = client.post(address, headers={"HX-Request": "true"})
    assert answer.status_code == 200, address
    return answer.content.decode()


def file(client: Client, *args: str, **query: str) -> list[dict[str, str]]:
    """The rows of a CSV by their headings."""
    answer: Any = client.get(at("figure_file", *args, "csv", **query))
    assert answer.status_code == 200, args
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content)))


def run_jobs() -> int:
    """Do the jobs that wait, as the worker would; returns how many."""
    waiting = list(ProcrastinateJob.objects.filter(status="todo", task_name__startswith="kenpo.figure"))
    for job in waiting:
        task: Any = getattr(figures, job.task_name.removeprefix("kenpo."))
        task(**job.args)
    with connection.cursor() as cursor:
        for job in waiting:
            cursor.execute("update procrastinate_jobs set status = 'succeeded' where id = %s", [job.pk])
    return len(waiting)


# ---- who sees them -----------------------------------------------------------------------------------------------


def test_staff_of_every_group_and_head_office_see_figures_and_the_administrator_does_not(
    lake: Lake, people: People, browse: Browse
):
    for who in (people.yamamoto, people.yamashita, people.yamaguchi, people.azuma, people.honda):
        assert "加入者数" in text(browse(who), at("figures"))
        assert 'href="/figures/"' in text(browse(who), at("figures"))
    administrator = browse(people.yamazaki)
    for address in (at("figures"), at("figure", "members"), at("figure_chart", "members", "trend")):
        assert administrator.get(address).status_code == 403
        assert Client().get(address).status_code == 302


def test_azuma_sees_the_parts_of_tokyo_and_never_those_of_yamaguchi(
    lake: Lake, people: People, browse: Browse
):
    query = {"month": "2025-06", "by": "age_band"}
    tokyo = text(browse(people.azuma), at("figure", "members", **query, branch="35"))
    yamaguchi = text(browse(people.yamamoto), at("figure", "members", **query))
    assert "東京支部の値" in tokyo and "山口支部の値" not in tokyo
    assert "山口支部の値" in yamaguchi
    for who, branch in ((people.azuma, "13"), (people.yamamoto, "35")):
        rows = file(browse(who), "members", "age_band", month="2025-06", branch="35")
        made = parts(lake, MEASURES.values(), MEASURES["members"], branch, JUNE, "age_band")
        table = made["members", "age_band"]
        assert table is not None
        shown = {v: str(n.normalize()) for v, n in table.select("value", "numerator").rows() if n is not None}
        assert {r["年齢階級"]: r["値（人）"] for r in rows if not r["秘匿"]} == {
            v: f"{Decimal(n):f}" for v, n in shown.items()
        }


def test_head_office_sees_the_nation_or_the_branch_it_has_chosen(lake: Lake, people: People, browse: Browse):
    honda = browse(people.honda)
    assert "全国の値" in text(honda, at("figure", "members"))
    honda.post(reverse("choose_branch"), {"branch": "35"})
    chosen = file(honda, "members", "age_band", month="2025-06")
    assert chosen == file(browse(people.yamamoto), "members", "age_band", month="2025-06")


def test_what_is_not_there_is_not_found(lake: Lake, people: People, browse: Browse):
    client = browse(people.yamamoto)
    for address in (
        at("figure", "no_such_measure"),
        at("figure", "members", month="2031-01"),
        at("figure", "members", month="令和"),
        at("figure", "members", by="blood"),
        at("figure_parts", "biosimilar_component_share", by="sex"),
        at("figure_chart", "members", "blood"),
        at("figure_chart", "members", "workplace", month="2025-06"),
        at("figure_file", "members", "workplace", "csv", month="2025-06"),
        at("figure_file", "members", "trend", "pdf"),
        at("figure_trial", "members", **{"try": "generic_exclude_star"}),
    ):
        assert client.get(address).status_code == 404, address


# ---- the same figures --------------------------------------------------------------------------------------------


def test_every_measure_stands_on_the_list_with_the_figures_that_are_stored(
    lake: Lake, people: People, browse: Browse
):
    page = text(browse(people.yamamoto), at("figures"))
    for initiative in INITIATIVES:
        for measure in initiative.measures:
            assert measure.title in page
            try:
                rows = stored_figures(lake, measure).filter(pl.col("eligible") > 0)
            except KenpoError as error:
                assert error.what in page
                continue
            newest = rows.filter(pl.col("branch") == "35")["month"].max()
            for code in ("35", "00"):
                (rate,) = rows.filter((pl.col("branch") == code) & (pl.col("month") == newest))["rate"]
                assert f">{measure.printed(rate)}</td>" in page, (measure.id, code)


def test_a_figure_reads_as_on_the_command_line(
    lake: Lake, people: People, browse: Browse, capsys: pytest.CaptureFixture[str]
):
    page = text(browse(people.yamamoto), at("figure", SHARE.id, month="2025-06"))
    app(
        ["show", SHARE.id, "--branch", "35", "--month", "2025-06", "--lake", str(lake.root)],
        standalone_mode=False,
    )
    said = capsys.readouterr().out.split()
    (row,) = stored_figures(lake, SHARE, branch="35", months=(JUNE, JUNE)).to_dicts()
    assert SHARE.printed(row["rate"]) in said and f"<dd>{SHARE.printed(row['rate'])}" in page
    numerator = next(word for word in said if word.replace(",", "") == f"{row['numerator'].normalize():f}")
    assert f"分子 {numerator} ÷" in page


def test_the_files_hold_what_is_stored_month_by_month_and_branch_by_branch(
    lake: Lake, people: People, browse: Browse
):
    client = browse(people.yamamoto)
    for measure in (SHARE, MEASURES["medical_cost_per_member"], MEASURES["members"]):
        rows = stored_figures(lake, measure)
        value = f"値（{measure.unit}）"
        for row in file(client, measure.id, "trend"):
            month = date.fromisoformat(f"{row['月']}-01")
            own = rows.filter((pl.col("branch") == "35") & (pl.col("month") == month)).to_dicts()[0]
            assert Decimal(row[f"支部の{value}"]) == own["rate"]
            if measure.form != "count":
                assert Decimal(row["支部の分子"]) == own["numerator"]
        for row in file(client, measure.id, "rank", month="2025-06"):
            code = branch_or_nation(row["支部"]).code
            own = rows.filter((pl.col("branch") == code) & (pl.col("month") == JUNE)).to_dicts()[0]
            assert Decimal(row[value]) == own["rate"]


def test_an_excel_file_holds_numbers(lake: Lake, people: People, browse: Browse):
    answer: Any = browse(people.yamamoto).get(at("figure_file", SHARE.id, "trend", "xlsx"))
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][1] == "支部の値（%）" and isinstance(rows[1][1], float | int)


def test_what_is_taken_out_is_written_down(lake: Lake, people: People, browse: Browse):
    file(browse(people.yamamoto), "members", "age_band", month="2025-06")
    (entry,) = AuditRow.objects.filter(what="exported")
    assert entry.detail == "加入者数の年齢階級（CSV）"


def test_equal_figures_share_a_place_and_the_better_one_is_first(lake: Lake):
    def figure(branch: str, rate: str | None) -> figures.Figure:
        value = None if rate is None else Decimal(rate)
        return figures.Figure(branch, JUNE, value, Decimal(1), Decimal(1), 10, 0, {})

    there = [
        figure("01", "80.0"),
        figure("02", "90.0"),
        figure("03", "80.0"),
        figure("04", None),
        figure("05", "70.0"),
    ]
    held = figures.Book(SHARE, {(f.branch, JUNE): f for f in there})
    assert [(p, f.branch) for p, f in held.ranking(JUNE)] == [
        (1, "02"), (2, "01"), (2, "03"), (4, "05"), (None, "04"),
    ]  # fmt: skip
    low = figures.Book(replace(SHARE, better="lower"), held.figures)
    assert [(p, f.branch) for p, f in low.ranking(JUNE)][:2] == [(1, "05"), (2, "01")]


# ---- what stands behind a figure ---------------------------------------------------------------------------------


def test_the_page_of_a_measure_says_what_it_is_and_where_it_comes_from(
    lake: Lake, people: People, browse: Browse
):
    page = text(browse(people.yamamoto), at("figure", SHARE.id, month="2025-06"))
    parameter = load("generic_exclude_star")
    (row,) = stored_figures(lake, SHARE, branch="35", months=(JUNE, JUNE)).to_dicts()
    for said in (
        SHARE.definition,
        SHARE.law,
        SHARE.why,
        row["definition"],
        row["cutoff"],
        parameter.title,
        parameter.source,
    ):
        assert said in page
    assert "平成25年4月1日" in page
    left_out = row["excluded"]
    assert (
        f"対象 {row['eligible']:,}件のうち、次を除いて {row['eligible'] - left_out:,}件を数えました" in page
    )


def test_the_history_of_a_definition_names_every_version_once(both: TwoBranches, tmp_path: Path):
    shutil.copytree(both.lake_path, tmp_path / "lake")
    lake = Lake.open(tmp_path / "lake")
    (first,) = history_of(lake, SHARE)
    assert first.version == SHARE.version and first.parameters["generic_exclude_star"][0][1] == "False"
    refresh(lake, [SHARE])
    assert len(history_of(lake, SHARE)) == 1
    changed = replace(SHARE, version=SHARE.version + 1)
    refresh(lake, [changed])
    assert [e.version for e in history_of(lake, SHARE)] == [SHARE.version + 1, SHARE.version]


def test_a_measure_without_data_says_what_to_do(lake: Lake, people: People, browse: Browse):
    page = text(browse(people.yamamoto), at("figure", "generic_notice_saving"))
    assert "案件データが取り込まれていないため" in page and "内訳</h2>" not in page


def test_a_branch_without_data_says_so(lake: Lake, people: People, browse: Browse):
    osaka = Account.objects.make(
        "27-osaka", "大阪支部の大阪", "27", list(people.yamamoto.actor.roles), "mihon-1"
    )
    page = text(browse(osaka), at("figure", "members"))
    assert "この支部の値はまだありません" in page


def test_without_a_lake_the_pages_say_what_to_do(
    people: People, browse: Browse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=tmp_path / "nowhere"))
    assert "データの置き場（lake）が見つかりません" in text(browse(people.yamamoto), at("figure", "members"))


# ---- parts -------------------------------------------------------------------------------------------------------


def test_parts_that_are_stored_are_there_at_once_with_small_ones_suppressed(
    lake: Lake, people: People, browse: Browse
):
    page = text(browse(people.yamamoto), at("figure", "members", month="2025-06", by="age_band"))
    made = parts(lake, MEASURES.values(), MEASURES["members"], "35", JUNE, "age_band")["members", "age_band"]
    assert made is not None and ProcrastinateJob.objects.count() == 0
    assert page.count(">秘匿</td>") == made["suppressed"].sum() > 0
    for value, n in made.filter(~pl.col("suppressed")).select("value", "numerator").rows():
        assert f'<th scope="row">{value}</th><td class="number">{n:,.0f}人</td>' in page


def test_parts_by_workplace_are_worked_out_by_a_job_once_for_the_family(
    lake: Lake, people: People, browse: Browse
):
    client = browse(people.yamamoto)
    address = at("figure_parts", "members", month="2025-06", by="workplace")
    page = text(client, at("figure", "members", month="2025-06", by="workplace"))
    assert "事業所で分ける" in page and "hx-post" in page and ProcrastinateJob.objects.count() == 0
    assert "事業所で分けています" in begin(client, address)
    assert "計算中" in text(client, address)
    assert "計算中" in begin(client, at("figure_parts", "insured", month="2025-06", by="industry"))
    (job,) = ProcrastinateJob.objects.all()
    assert set(job.args) == {"measure", "of", "month", "axis", "branch", "by"}
    assert run_jobs() == 1
    for measure, by in (("members", "workplace"), ("insured", "industry")):
        table = parts(lake, MEASURES.values(), MEASURES[measure], "35", JUNE, by)[measure, by]
        assert table is not None
        found = text(client, at("figure_parts", measure, month="2025-06", by=by))
        shown = table.filter(~pl.col("suppressed"))
        assert found.count('<th scope="row">') == (shown if by == "workplace" else table).height
    assert ProcrastinateJob.objects.count() == 1
    rows = file(client, "insured", "industry", month="2025-06")
    assert rows and all(r["秘匿"] or Decimal(r["値（人）"]) >= 10 for r in rows)


def test_a_fault_of_the_lake_is_told_in_place_of_parts(
    lake: Lake, people: People, browse: Browse, monkeypatch: pytest.MonkeyPatch
):
    client = browse(people.yamamoto)
    begin(client, at("figure_parts", SHARE.id, month="2025-06", by="kind"))
    broken = replace(settings.CONFIG, lake=settings.CONFIG.lake / "nowhere")
    real = figures.lake
    monkeypatch.setattr(figures, "lake", lambda: Lake.open(broken.lake))
    with pytest.raises(KenpoError):
        run_jobs()
    assert figures.UNKNOWN in text(client, at("figure_parts", SHARE.id, month="2025-06", by="kind"))
    monkeypatch.setattr(figures, "lake", real)
    assert run_jobs() == 1
    assert figures.UNKNOWN not in text(client, at("figure_parts", SHARE.id, month="2025-06", by="kind"))


def test_what_was_worked_out_of_an_earlier_lake_is_neither_shown_nor_kept(
    both: TwoBranches, people: People, browse: Browse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(both.lake_path, tmp_path / "lake")
    (lake,) = _office(tmp_path / "lake", tmp_path, monkeypatch)
    client = browse(people.yamamoto)
    address = at("figure_parts", SHARE.id, month="2025-06", by="kind")
    begin(client, address)
    run_jobs()
    assert "<table" in text(client, address)
    lake.set_meta("notes:members", '["新しいこと"]')
    assert "<table" not in text(client, address)
    begin(client, address)
    before = {p.name for p in (tmp_path / "office" / "figures").glob("*.json")}
    run_jobs()
    after = {p.name for p in (tmp_path / "office" / "figures").glob("*.json")}
    assert after and not after & before
    with monkeypatch.context() as slow:
        slow.setattr(figures, "stamp", iter(["then", "then", "now", "now"]).__next__)
        figures.figure_trial(
            "35", SHARE.id, "2025-06-01", "generic_exclude_star", "true", "35", "35-yamamoto"
        )
    assert {p.name for p in (tmp_path / "office" / "figures").glob("*.json")} == after


def test_no_more_files_are_kept_than_there_is_room_for(
    lake: Lake, people: People, browse: Browse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(figures, "KEPT", 3)
    begin(browse(people.yamamoto), at("figure_parts", SHARE.id, month="2025-06", by="kind"))
    run_jobs()
    assert len(list((settings.CONFIG.home / "figures").glob("*.json"))) == 3


def test_parts_of_the_nation_are_those_every_branch_shows(lake: Lake, people: People, browse: Browse):
    honda = browse(people.honda)
    page = text(honda, at("figure", "members", month="2025-06", by="age_band"))
    assert "<table" in page and "事業所</a>" not in page
    begin(honda, at("figure_parts", "members", month="2025-06", by="age_band"))
    run_jobs()
    made = parts(lake, MEASURES.values(), MEASURES["members"], "00", JUNE, "age_band")["members", "age_band"]
    assert made is not None
    rows = file(honda, "members", "age_band", month="2025-06")
    assert [r["秘匿"] == "秘匿" for r in rows] == made["suppressed"].to_list()


def test_institutions_and_drugs_have_their_names(lake: Lake, people: People, browse: Browse):
    client = browse(people.yamamoto)
    begin(client, at("figure_parts", "medical_cost_per_member", month="2025-06", by="institution"))
    run_jobs()
    rows = file(client, "medical_cost_per_member", "institution", month="2025-06")
    named = [r for r in rows if r["医療機関・薬局"] != "不明"]
    assert named and all(r["名称"] for r in named)
    codes = lake.table("drug").code.to_polars().unique().to_list()
    names = item_labels(lake, SHARE, "35", JUNE, codes)
    assert names and set(names) <= set(codes) and "ファモチジン" in "".join(names.values())


def test_nothing_hidden_is_found_by_whoever_has_all_pages_and_files(
    tiny: TinyBranch, people: People, browse: Browse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (lake,) = _office(tiny.lake_path, tmp_path, monkeypatch)
    client, month = browse(people.yamamoto), date(2025, 9, 1)
    seen = Shown()
    for measure in MEASURES.values():
        if measure.persons == "none" or figures.book(measure).error:
            continue
        total = next(r for r in file(client, measure.id, "trend") if r["月"] == "2025-09")
        count = measure.form == "count"
        value = "支部の値（人）" if count else "支部の分子"
        seen.totals[measure.id] = Decimal("0" if count else total["支部の分母"]), Decimal(total[value])
        for by in axes_of(measure):
            begin(client, at("figure_parts", measure.id, month="2025-09", by=by))
            run_jobs()
            page = text(client, at("figure_parts", measure.id, month="2025-09", by=by))
            seen.tables[measure.id, by] = _read(client, measure.id, by, page)
    known, truth = learned(lake, "35", month)
    seen.parents = known.parents
    for key, table in seen.tables.items():
        # what the lists leave out is hidden or is nothing, and whoever looks cannot tell which
        if table is not None:
            table |= {v: None for v in known.tables[key] or {} if v not in table}
    assert sum(v is None for t in seen.tables.values() if t for v in t.values()) > 500
    assert sum(v is not None for t in seen.tables.values() if t for v in t.values()) > 50
    assert found(seen, truth, 10) == []


def _read(client: Client, measure: str, by: str, page: str) -> Table | None:
    """A table as its file has it; None when the page says that it is withheld."""
    if "この内訳は示しません" in page:
        return None
    if "示せるものがありません" in page:
        return {}
    count = MEASURES[measure].form == "count"
    table: Table = {}
    for row in file(client, measure, by, month="2025-09"):
        value = next(v for k, v in row.items() if k not in ("月",))
        if row["秘匿"]:
            assert not any(row.get(k) for k in ("値（人）", "分子", "分母"))
            table[value] = None
        else:
            d, n = ("0", row["値（人）"]) if count else (row["分母"], row["分子"])
            table[value] = Decimal(d), Decimal(n)
    return table


# ---- where a figure comes from -----------------------------------------------------------------------------------


def behind(client: Client, measure: str, **query: str) -> str:
    """The page of where a figure comes from, once that has been looked up."""
    address = at("figure_records", measure, month="2025-06", **query)
    begin(client, address)
    run_jobs()
    return text(client, address)


def test_a_figure_is_traced_to_the_lines_of_its_files(lake: Lake, people: People, browse: Browse):
    client = recently(browse(people.yamashita))
    page = behind(client, SHARE.id)
    said, rows = explain(lake, SHARE, "35", JUNE), records(lake, SHARE, "35", JUNE)
    assert f"<dd>{SHARE.printed(said.rate)}" in page
    assert "保存されている値と同じです" in page
    for name in rows["file"].unique():
        assert name in page
    taken: Any = client.get(at("figure_records_file", SHARE.id, "csv", month="2025-06"))
    listed = list(csv.DictReader(io.StringIO(b"".join(taken.streaming_content).decode("utf-8-sig"))))
    assert len(listed) == rows.height < figures.RECORDS
    for got, row in zip(listed, rows.iter_rows(named=True), strict=True):
        assert (got["ファイル"], got["行"]) == (row["file"], str(row["source_line"]))
        assert Decimal(got["分子"]) == row["numerator"]
    counted = [r for r in listed if not r["除外理由"]]
    assert sum(Decimal(r["分母"]) for r in counted) == said.denominator


def test_the_lines_of_one_file_or_those_left_out_for_a_reason_are_listed_alone(
    lake: Lake, people: People, browse: Browse
):
    client = recently(browse(people.yamashita))
    rows = records(lake, SHARE, "35", JUNE)
    reason = rows.drop_nulls("excluded")["excluded"][0]
    chosen, name = rows.select("source_file", "file").row(0)
    for query, wanted in (
        ({"reason": reason}, rows.filter(pl.col("excluded") == reason)),
        (
            {"reason": "counted", "file": chosen},
            rows.filter(pl.col("excluded").is_null() & (pl.col("file") == name)),
        ),
    ):
        behind(client, SHARE.id, **query)
        taken: Any = client.get(at("figure_records_file", SHARE.id, "csv", month="2025-06", **query))
        content = b"".join(taken.streaming_content).decode("utf-8-sig")
        assert len(content.splitlines()) - 1 == wanted.height > 0


def test_every_figure_can_be_traced(lake: Lake, people: People, browse: Browse):
    client = recently(browse(people.yamashita))
    for measure in MEASURES.values():
        if not figures.book(measure).error:
            assert "明細から数え直した値" in behind(client, measure.id), measure.id


def test_lines_are_shown_to_those_who_work_on_receipts_of_the_own_branch_alone(
    lake: Lake, people: People, browse: Browse
):
    behind(recently(browse(people.yamashita)), "members")
    address = at("figure_records", "members", month="2025-06", branch="35")
    kita = recently(
        browse(Account.objects.make("13-kita", "東京支部の北", "13", [Role.RECEIPTS_CLERK], PASSWORD))
    )
    assert "<table" not in text(kita, address)
    assert f"{explain(lake, MEASURES['members'], '13', JUNE).eligible:,}" in behind(kita, "members")
    honda = recently(browse(people.honda))
    honda.post(reverse("choose_branch"), {"branch": "35"})
    others = (people.yamamoto, people.yamane, people.yamaguchi, people.azuma)
    for client in (honda, *(recently(browse(who)) for who in others)):
        assert client.get(address).status_code == 403
        assert client.get(at("figure_records_file", "members", "csv", month="2025-06")).status_code == 403
        assert reverse("figure_records", args=["members"]) not in text(client, at("figure", "members"))
    assert reverse("figure_records", args=["members"]) in text(
        browse(people.yamashita), at("figure", "members")
    )


def test_that_lines_were_looked_at_is_written_down(lake: Lake, people: People, browse: Browse):
    behind(recently(browse(people.yamashita)), "members")
    entry = AuditRow.objects.filter(what="records_opened").latest("at")
    assert (entry.actor, entry.detail) == ("35-yamashita", "加入者数 2025-06")


# ---- what a parameter does ---------------------------------------------------------------------------------------


def test_another_value_of_a_parameter_is_tried_without_touching_what_is_stored(
    lake: Lake, people: People, browse: Browse
):
    client = browse(people.yamamoto)
    query = {
        "month": "2025-06",
        "by": "kind",
        "try": "generic_exclude_star",
        "generic_exclude_star-value": "true",
    }
    assert "ほかの値で計算しています" in begin(client, at("figure_trial", SHARE.id, **query))
    assert "ほかの値で計算しています" in text(client, at("figure", SHARE.id, **query))
    before = stored_figures(lake, SHARE)
    run_jobs()
    page = text(client, at("figure_trial", SHARE.id, **query))
    rows, _ = compute(SHARE, lake, [JUNE], {"generic_exclude_star": True})
    for code in ("35", "00"):
        (row,) = rows.filter((pl.col("branch") == code) & (pl.col("breakdown") == "total")).to_dicts()
        assert SHARE.printed(SHARE.rate(row["numerator"], row["denominator"])) in page
    assert "いま：いいえ　試す値：はい" in page
    assert stored_figures(lake, SHARE).equals(before)


def test_the_value_that_holds_gives_the_figure_that_is_stored(lake: Lake, people: People, browse: Browse):
    client = browse(people.yamamoto)
    query = {"month": "2025-06", "try": "biosimilar_ingredient_share"}
    query |= {
        "biosimilar_ingredient_share-ingredient_share": "80",
        "biosimilar_ingredient_share-target": "60",
    }
    begin(client, at("figure_trial", "biosimilar_component_share", **query))
    run_jobs()
    page = text(client, at("figure_trial", "biosimilar_component_share", **query))
    assert page.count('<td class="number">+0.0</td>') == 2


def test_a_value_that_cannot_be_is_refused_in_words(lake: Lake, people: People, browse: Browse):
    query = {"month": "2025-06", "try": "biosimilar_ingredient_share"}
    query |= {
        "biosimilar_ingredient_share-ingredient_share": "多め",
        "biosimilar_ingredient_share-target": "60",
    }
    page = text(browse(people.yamamoto), at("figure", "biosimilar_component_share", **query))
    assert "入力を確かめてください" in page
    assert not ProcrastinateJob.objects.filter(task_name="kenpo.figure_trial").exists()


def test_values_go_through_a_job_as_they_are():
    for value in (
        True,
        80,
        Decimal("1.10"),
        ("42", "117"),
        {"ingredient_share": 80, "target": Decimal("60.5")},
        "あ",
    ):
        assert figures.from_json(figures.to_json(value)) == value
    assert str(figures.from_json(figures.to_json(Decimal("1.10")))) == "1.10"


# ---- charts ------------------------------------------------------------------------------------------------------


def test_charts_are_pictures_that_browsers_keep_until_the_lake_changes(
    lake: Lake, people: People, browse: Browse
):
    client = browse(people.yamamoto)
    page = text(client, at("figure", "members", month="2025-06", by="sex"))
    assert f"v={figures.stamp()}" in page
    for what in ("trend", "rank", "age_band"):
        answer = client.get(at("figure_chart", "members", what, month="2025-06", v="1"))
        assert answer["Content-Type"] == "image/svg+xml" and answer.content.startswith(b"<svg")
        assert "immutable" in answer["Cache-Control"] and answer["Vary"] == "Cookie"
        saved = client.get(at("figure_chart", "members", what, month="2025-06", save="1"))
        assert saved["Content-Disposition"].startswith("attachment")
    assert "秘匿" in client.get(at("figure_chart", "members", "age_band", month="2025-06")).content.decode()


def test_the_picture_of_one_branch_is_not_that_of_another(lake: Lake, people: People, browse: Browse):
    address = at("figure_chart", "members", "age_band", month="2025-06")
    assert browse(people.azuma).get(address).content != browse(people.yamamoto).get(address).content


# ---- how they are made -------------------------------------------------------------------------------------------


def test_pages_ask_the_database_little_and_the_lake_nothing_twice(
    lake: Lake, people: People, browse: Browse, monkeypatch: pytest.MonkeyPatch
):
    client = browse(people.yamamoto)
    addresses = [at("figures"), *(at("figure", m) for m in MEASURES)]
    for address in addresses:
        client.get(address)
    monkeypatch.setattr(Lake, "connection", lambda self: pytest.fail("the engine was asked"))
    for address in addresses:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        assert len(asked) <= 12, address


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_pages_are_read_by_everybody_on_every_screen(lake: Lake, people: People, look: Open, width: int):
    page = look(people.yamamoto, at("figures"), width)
    assert violations(page) == []
    page.get_by_role("link", name="加入者数").click()
    page.wait_for_load_state("networkidle")
    assert page.locator("h1").inner_text() == "加入者数"
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="性別").click()
    page.wait_for_load_state("networkidle")
    assert page.locator("#parts table").inner_text().count("人") > 0


def test_parts_come_by_themselves_once_they_are_worked_out(lake: Lake, people: People, look: Open):
    page = look(people.yamamoto, at("figure", "members", month="2025-06", by="industry"))
    page.get_by_role("progressbar").wait_for(timeout=20_000)
    run_jobs()
    page.locator("#parts table").wait_for(timeout=20_000)
    assert page.get_by_role("progressbar").count() == 0
    assert violations(page) == []
