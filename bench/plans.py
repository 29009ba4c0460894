"""Plans: how fast documents are read and written, and all branches rolled up, beside a simpler way in the same run.

python bench/plans.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import yaml

from kenpo.base.branches import BRANCH_CODES
from kenpo.base.document import Document
from kenpo.intake.documents import read_document
from kenpo.plan.board import board
from kenpo.plan.model import Plan, Progress
from kenpo.plan.reading import read_plan
from kenpo.plan.report import progress_report
from kenpo.plan.rollup import rollup
from kenpo.plan.store import Plans, from_yaml
from kenpo.press import FORMATS, write
from kenpo.synth.plans import make_plans
from kenpo.synth.setting import Setting

TODAY = date(2025, 10, 20)
ROUNDS = 3


def timed(work: Callable[[], object]) -> float:
    """The median of some rounds, in seconds."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def read_papers(folder: Path, branch: str) -> tuple[Plan, Progress]:
    """The half-year report of an invented branch, read; its plan and progress."""
    paper = next(
        p for p in make_plans(Setting(branch, 20_000, date(2024, 4, 1), 24, 1)).papers if p.period == "H1"
    )
    path = folder / paper.name
    path.write_text(paper.text, encoding="utf-8")
    reading = read_plan(read_document(path))
    assert reading.annual is not None and reading.progress is not None
    return reading.annual, reading.progress


def one_by_one(store: Plans) -> None:
    """All branches the simple way: a board for every branch."""
    for name in store.ids():
        board(store.plan(name), store.progress(name, "2025H1"), plans=store, today=TODAY)


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        store = Plans(folder / "plans")
        for branch in BRANCH_CODES:
            for held in read_papers(folder, branch):
                store.save(held)
        plan, progress = store.plan("35-2025"), store.progress("35-2025", "2025H1")

        paper = next(folder.glob("*進捗.md"))
        document = read_document(paper)
        size = len(paper.read_text(encoding="utf-8"))
        seconds = timed(lambda: read_plan(document))
        print(
            f"read a report of {size:,} characters: {seconds:.3f} s, {size / seconds / 1000:,.0f} thousand characters/s"
        )

        path = store.path("35-2025", "2025H1")
        text = path.read_text(encoding="utf-8")
        fast = timed(lambda: from_yaml(text, Progress, path.name))
        slow = timed(
            lambda: Progress.model_validate(_without_format(yaml.load(text, Loader=yaml.BaseLoader)))
        )
        print(
            f"read a plan file of {len(text):,} characters: {fast * 1000:.1f} ms, pure Python YAML {slow / fast:.1f} times as long"
        )

        whole = timed(lambda: rollup("2025H1", plans=store))
        single = timed(lambda: one_by_one(store))
        print(
            f"47 branches in one table: {whole:.2f} s, a board per branch {single / whole:.1f} times as long"
        )

        report: Document = progress_report(
            plan, progress, board(plan, progress, plans=store, today=TODAY).rows
        )
        for form in FORMATS:
            out = folder / f"report.{form}"
            seconds = timed(lambda out=out: write(report, out))
            print(f"write the progress report as {form}: {seconds:.2f} s, {out.stat().st_size:,} bytes")


def _without_format(data: dict[str, object]) -> dict[str, object]:
    return {k: v for k, v in data.items() if k != "format"}


if __name__ == "__main__":
    main()
