"""The documents of a plan say what the board says, in every form, and lose nothing (計画の文書)."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from docx import Document as open_word
from pptx import Presentation
from tests.plan.figures import lake_of, measure, months
from tests.plan.plans import actual, kpi, plan, progress
from tests.plan.whole import ACTION_PLAN, NOT_IN_DOCUMENTS, PLAN, PROGRESS

from kenpo.base.document import Document, Table
from kenpo.intake.documents import read_document
from kenpo.plan.board import board
from kenpo.plan.freezing import freeze
from kenpo.plan.model import Plan, Progress, Row
from kenpo.plan.report import landing_lines, plan_document, progress_report, summary
from kenpo.press import FORMATS, write

TODAY = date(2024, 10, 20)
HEADS = ["施策", "KPI", "目標", "実績", "時点", "判定", "前年度", "全国平均", "順位", "年度末の見込み"]


def flat(text: str) -> str:
    """A text without blanks and in one width, as files break their lines in their own ways."""
    return re.sub(r"[\s\u200b\u2060]", "", unicodedata.normalize("NFKC", text)).replace("⻆", "角")


def slides(path: Path) -> Iterator[Any]:
    for slide in Presentation(str(path)).slides:
        yield from slide.shapes


def text_of(path: Path) -> str:
    """All text of a written file."""
    form = path.suffix[1:]
    if form == "html":
        return html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", "", path.read_text("utf-8"), flags=re.S))
    if form == "pdf":
        return "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path))
    if form == "pptx":
        return "".join(
            "".join("".join(cell.text for cell in row.cells) for row in shape.table.rows)
            if shape.has_table
            else getattr(shape, "text", "")
            for shape in slides(path)
        )
    document = read_document(path)
    said = [getattr(b, "text", "") for b in document.blocks]
    said += [c.text for b in document.blocks if isinstance(b, Table) for row in b.rows for c in row]
    return "".join(said)


def tables_of(path: Path) -> Iterator[list[list[str]]]:
    """The tables of a written file, as text; none of a pdf."""
    form = path.suffix[1:]
    if form == "html":
        for table in re.findall(r"<table.*?</table>", path.read_text("utf-8"), flags=re.S):
            rows = re.findall(r"<tr>(.*?)</tr>", table, flags=re.S)
            yield [
                [html.unescape(re.sub("<[^>]+>", "", c)) for c in re.findall(r"<t[dh].*?</t[dh]>", row, flags=re.S)]
                for row in rows
            ]  # fmt: skip
    elif form == "pptx":
        for shape in slides(path):
            if shape.has_table:
                yield [[cell.text for cell in row.cells] for row in shape.table.rows]
    elif form == "docx":
        for table in open_word(str(path)).tables:
            yield [[cell.text for cell in row.cells] for row in table.rows]
    else:
        for block in read_document(path).blocks:
            if isinstance(block, Table):
                yield [[c.text for c in row] for row in block.rows]


def written(document: Document, folder: Path, form: str) -> Path:
    path = folder / f"文書.{form}"
    write(document, path)
    return path


# ---- figures -----------------------------------------------------------------------------------------------------


@pytest.fixture
def rows(tmp_path: Path) -> tuple[Plan, Progress, tuple[Row, ...]]:
    """A report with figures of every kind, and a lake that knows the two years before."""
    checkups = measure("lifestyle_checkup_rate")
    past = {
        **months(2022, [(4 * n, 1000) for n in range(1, 13)]),
        **months(2023, [(5 * n, 1000) for n in range(1, 13)]),
    }
    lake = lake_of(tmp_path / "lake", {checkups: {"13": past, "35": past}})
    held = plan(
        kpi("lifestyle_checkup_rate", {"kind": "at_least", "value": "65.4"}),
        kpi("postal_application_rate", {"kind": "at_least", "value": "95.0"}, baseline="94.20"),
        kpi("reassessment_amount_per_receipt", {"kind": "not_below_last_year", "value": "9371"}),
        kpi("judo_multisite_frequent_rate", {"kind": "not_above_last_year", "value": "0.89"}),
        kpi("sns_monthly_posting", {"kind": "done", "every_month": "true"}),
        kpi("generic_volume_share", {"kind": "generic_80", "value": "80"}),
        branch="35",
        year=2024,
    )
    told = progress(
        held,
        "2024H1",
        lifestyle_checkup_rate=actual("30.10", "2024-08"),
        postal_application_rate=actual("94.80", "2024-09"),
        reassessment_amount_per_receipt=actual("11605", "2024-08", status="preliminary"),
        judo_multisite_frequent_rate=actual("0.980", "2024-09"),
        generic_volume_share=actual(None),
    )
    postal = told.kpis[1].model_copy(update={"nation": actual("95.50", "2024-09"), "rank": 31, "ranked": 47})
    told = told.model_copy(update={"kpis": (told.kpis[0], postal, *told.kpis[2:])})
    made = board(held, told, lake=lake, measures={checkups.id: checkups}, today=TODAY)
    return held, told, made.rows


def printed(row: Row) -> list[str]:
    """A row of the list of KPIs, as the board has it."""
    return [
        row.title,
        row.target,
        row.shown,
        row.as_of,
        row.verdict.ja if row.verdict else "－",
        row.last_year_text,
        row.nation_text,
        f"{row.rank}/{row.ranked}" if row.rank else "－",
        "".join(landing_lines(row)),
    ]


@pytest.mark.parametrize("form", [f for f in FORMATS if f != "pdf"])
def test_the_list_of_kpis_has_the_figures_of_the_board_to_the_digit(
    rows: tuple[Plan, Progress, tuple[Row, ...]], tmp_path: Path, form: str
) -> None:
    held, told, shown = rows
    path = written(progress_report(held, told, shown), tmp_path, form)
    lists = [t for t in tables_of(path) if [flat(c) for c in t[0]] == HEADS]
    found = [[flat(c) for c in row[1:]] for t in lists for row in t[1:]]
    assert found == [[flat(c) for c in printed(row)] for row in shown]


def test_the_pdf_has_the_figures_of_the_board_to_the_digit(
    rows: tuple[Plan, Progress, tuple[Row, ...]], tmp_path: Path
) -> None:
    held, told, shown = rows
    text = flat(text_of(written(progress_report(held, told, shown), tmp_path, "pdf")))
    for row in shown:
        figures = [row.shown, row.as_of, row.last_year_text, row.nation_text, *landing_lines(row)]
        for figure in figures:
            assert flat(figure) in text, (row.title, figure)


def test_the_figures_are_those_that_were_written_by_hand(
    rows: tuple[Plan, Progress, tuple[Row, ...]], tmp_path: Path
) -> None:
    held, told, shown = rows
    text = flat(text_of(written(summary(held, told, shown), tmp_path, "docx")))
    assert "94.80%" in text
    assert "KPI6項目のうち" in text


def test_a_finished_report_says_the_same_when_the_lake_has_changed(tmp_path: Path) -> None:
    item = measure("lifestyle_checkup_rate")

    def lake(folder: str, step: int) -> Any:
        past = months(2023, [(step * n, 1000) for n in range(1, 13)])
        return lake_of(tmp_path / folder, {item: {"35": past}})

    held = plan(kpi(item.id, {"kind": "at_least", "value": "65.4"}), branch="35", year=2024)
    told = progress(held, "2024H1", **{item.id: actual("30.1", "2024-08")})

    def document(of: Progress, folder: str, step: int) -> bytes:
        made = board(held, of, lake=lake(folder, step), measures={item.id: item}, today=TODAY)
        path = written(progress_report(held, of, made.rows), tmp_path, "docx")
        return path.read_bytes()

    first = board(held, told, lake=lake("a", 5), measures={item.id: item}, today=TODAY)
    frozen = freeze(first, by="山本", on=TODAY).progress
    assert document(frozen, "b", 5) == document(frozen, "c", 4)
    assert document(told, "d", 5) != document(told, "e", 4)


# ---- nothing is lost ---------------------------------------------------------------------------------------------


def texts(value: Any, name: str = "") -> Iterator[str]:
    """Every text that people wrote in a plan or its progress; ids, codes and dates are not such texts."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in NOT_IN_DOCUMENTS | {
                "kind",
                "level",
                "status",
                "source",
                "state",
                "period",
                "as_of",
            }:
                yield from texts(part, key)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part, name)
    elif isinstance(value, str) and name not in ("measure", "plan", "action_plan", "initiative", "unit"):
        yield value


@pytest.mark.parametrize("form", FORMATS)
def test_every_text_of_plan_and_progress_is_in_the_report(tmp_path: Path, form: str) -> None:
    made = board(PLAN, PROGRESS, today=TODAY).rows
    said = flat(text_of(written(progress_report(PLAN, PROGRESS, made), tmp_path, form)))
    lost = [
        t
        for held in (PLAN, PROGRESS)
        for t in texts(held.model_dump())
        if flat(t) not in said and flat(t) not in (flat(PLAN.title),)
    ]
    assert not lost


@pytest.mark.parametrize("form", FORMATS)
def test_every_text_of_both_plans_is_in_the_two_columns(tmp_path: Path, form: str) -> None:
    said = flat(text_of(written(plan_document(PLAN, ACTION_PLAN), tmp_path, form)))
    lost = [t for held in (PLAN, ACTION_PLAN) for t in texts(held.model_dump()) if flat(t) not in said]
    assert not lost


def test_an_initiative_the_plan_does_not_have_is_shown_in_the_report(tmp_path: Path) -> None:
    report = progress_report(PLAN, PROGRESS, ())
    shown = [b for b in report.blocks if isinstance(b, Table) and b.caption == "計画にない施策の進捗"]
    assert [c.text for c in shown[0].rows[1]] == ["9/⑨", "", "計画にない取組を行った。", "計画に加える。"]


# ---- one page ----------------------------------------------------------------------------------------------------


def test_the_page_for_the_council_is_one_page(
    rows: tuple[Plan, Progress, tuple[Row, ...]], tmp_path: Path
) -> None:
    held, told, shown = rows
    for times in (1, 3, 6):
        path = written(summary(held, told, shown * times), tmp_path, "pdf")
        assert len(pypdfium2.PdfDocument(path)) == 1, times


def test_a_report_begins_with_one_page_of_overview_and_the_list(
    rows: tuple[Plan, Progress, tuple[Row, ...]], tmp_path: Path
) -> None:
    held, told, shown = rows
    for times in (1, 3, 6):
        path = written(progress_report(held, told, shown * times), tmp_path, "pdf")
        second = flat(pypdfium2.PdfDocument(path)[1].get_textpage().get_text_range())
        assert second.startswith("KPI一覧"), times
