"""Documents that people wrote, read, written again and read back: the same plan and the same progress."""

from __future__ import annotations

import functools
from datetime import date
from pathlib import Path

import pytest
from tests.plan.whole import TEXT_FORMS, kept, read_back

from kenpo.intake.documents import read_document
from kenpo.plan.board import board
from kenpo.plan.reading import Reading, read_plan
from kenpo.plan.report import plan_document, progress_report
from kenpo.synth.plans import make_plans
from kenpo.synth.setting import Setting

SETTING = Setting("35", 20_000, date(2024, 4, 1), 24, 1)
SHARED = Path(__file__).parents[2].parent / "shared" / "plans"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason="共有資料（../shared/plans）がありません")


@functools.cache
def reading(name: str) -> Reading:
    return read_plan(read_document(SHARED / name))


@functools.cache
def invented(folder: Path) -> dict[str, Reading]:
    """The plan of the invented branch, its report of the half-year and of two quarters, read."""
    found = {}
    for paper in make_plans(SETTING).papers[:4]:
        path = folder / Path(paper.name).name
        path.write_text(paper.text, encoding="utf-8")
        found[paper.name] = read_plan(read_document(path))
    return found


def round_trip(read: Reading, form: str) -> None:
    """Everything a reading holds comes back from the documents written of it."""
    plan = read.annual
    assert plan is not None
    if read.progress is not None:
        rows = board(plan, read.progress, today=date(2025, 10, 20)).rows
        back = read_back(progress_report(plan, read.progress, rows), form)
        assert kept(back.annual) == kept(plan)
        assert kept(back.progress) == kept(read.progress)
    back = read_back(plan_document(plan, read.action_plan), form)
    assert kept(back.annual) == kept(plan)
    assert kept(back.action_plan) == kept(read.action_plan)


@shared
@pytest.mark.parametrize("form", TEXT_FORMS)
@pytest.mark.parametrize("name", ["honbu_fy2021.txt", "tokyo_fy2023_h1.txt", "yamaguchi_fy2021_q1.txt"])
def test_the_plans_of_the_shared_documents_come_back(name: str, form: str) -> None:
    round_trip(reading(name), form)


@shared
@pytest.mark.parametrize("name", ["honbu_fy2021.txt", "tokyo_fy2023_h1.txt", "yamaguchi_fy2021_q1.txt"])
def test_their_documents_need_no_supplement(name: str) -> None:
    read = reading(name)
    assert read.annual is not None
    made = [plan_document(read.annual, read.action_plan)]
    if read.progress is not None:
        made.append(progress_report(read.annual, read.progress, ()))
    for document in made:
        assert not [b for b in document.blocks if getattr(b, "caption", "").startswith("本文の補い")]


@pytest.mark.parametrize("form", TEXT_FORMS)
def test_the_documents_of_the_invented_branch_come_back(
    tmp_path_factory: pytest.TempPathFactory, form: str
) -> None:
    papers = invented(tmp_path_factory.getbasetemp())
    assert papers
    for read in papers.values():
        round_trip(read, form)
