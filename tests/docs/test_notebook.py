"""kenpo in a notebook: the tutorial runs as it stands, and what it uses says what the lake holds."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest
from nbclient import NotebookClient
from tests.branches import TinyBranch

import kenpo
from kenpo.base.errors import ArgumentError, LakeError, MeasureError
from kenpo.frame import figures
from kenpo.strategy.generics.measures import generic_volume_share

TUTORIAL = Path(__file__).parents[2] / "docs" / "notebook" / "tutorial.ipynb"
SEPTEMBER = date(2025, 9, 1)


def tutorial() -> Any:
    return nbformat.read(TUTORIAL, as_version=4)


def test_the_tutorial_is_kept_without_outputs():
    cells = [c for c in tutorial().cells if c.cell_type == "code"]
    assert len(cells) > 10
    assert all(c.outputs == [] and c.execution_count is None for c in cells)


@pytest.fixture(scope="module")
def run(tiny: TinyBranch, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tutorial as it looks after running from top to bottom on the invented branch."""
    book = tutorial()
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KENPO_LAKE", str(tiny.lake_path))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return book


def shown(book: Any, source: str) -> dict[str, str]:
    """What the cell that ends so shows, by kind."""
    cell = next(c for c in book.cells if c.cell_type == "code" and c.source.endswith(source))
    return cell.outputs[-1]["data"]


def test_every_cell_of_the_tutorial_shows_something(run: Any):
    for cell in run.cells:
        if cell.cell_type == "code":
            assert cell.outputs and cell.outputs[-1].output_type == "execute_result", cell.source


def test_the_tutorial_shows_figures_explanation_and_charts(run: Any, tiny: TinyBranch):
    (rate,) = figures(tiny.lake, generic_volume_share, branch="35", months=(SEPTEMBER, SEPTEMBER))["rate"]
    explained = shown(run, 'month="令和7年9月")')["text/html"]
    assert f"{rate}%" in explained and "ロードマップ" in explained and "generic_exclude_star" in explained
    assert shown(run, 'share.plot(branch="山口")')["image/svg+xml"].startswith("<svg")
    assert "男" in shown(run, 'by="性別")')["image/svg+xml"]


def test_the_figures_of_a_notebook_are_those_of_the_lake(tiny: TinyBranch):
    here = kenpo.open(tiny.lake_path).measure("generic_volume_share")
    rows = here.figures(branch="山口", months="令和7年9月")
    kept = figures(tiny.lake, generic_volume_share, branch="35", months=(SEPTEMBER, SEPTEMBER))
    assert rows.drop("branch_name").select(kept.columns).equals(kept)
    assert rows["branch_name"].to_list() == ["山口支部"]
    assert isinstance(rows["rate"][0], Decimal)
    both = here.figures(branch="35", months=(SEPTEMBER, date(2025, 10, 1)))
    assert both["month"].to_list() == [SEPTEMBER, date(2025, 10, 1)]
    assert here.figures(branch="全国", months=SEPTEMBER)["branch"].to_list() == ["00"]


def test_a_breakdown_is_asked_for_by_its_id_or_its_title(tiny: TinyBranch):
    here = kenpo.open(tiny.lake_path).measure("医療費指数（性・年齢調整、全国=100）")
    by_title = here.figures(branch="山口", months=SEPTEMBER, by="性別")
    assert by_title.equals(here.figures(branch="山口", months=SEPTEMBER, by="sex"))
    men = here.figures(branch="山口", months=SEPTEMBER, where={"性別": "男"})
    assert men["numerator"].to_list() == by_title.filter(pl.col("value") == "男")["numerator"].to_list()
    with pytest.raises(ArgumentError, match="血液型"):
        here.figures(by="血液型")
    with pytest.raises(MeasureError):
        here.figures(by="kind")


def test_what_is_told_of_a_figure_is_its_newest_month_unless_another_is_asked_for(tiny: TinyBranch):
    here = kenpo.open(tiny.lake_path).measure("generic_volume_share")
    assert here.explain("山口").said.month == date(2026, 3, 1)
    assert here.explain("山口", "2025-09").contributors.height > 0
    assert set(here.records("山口", "2025-09")["item"]) >= set(
        here.explain("山口", "2025-09").contributors["item"]
    )
    with pytest.raises(ArgumentError, match="値がある月がありません"):
        here.explain("東京")


def test_a_picture_is_saved_as_svg_or_png_and_says_what_it_shows(tiny: TinyBranch, tmp_path: Path):
    picture = kenpo.open(tiny.lake_path).measure("members").plot("山口", by="sex")
    assert picture.save(tmp_path / "図.png").read_bytes().startswith(b"\x89PNG")
    assert picture.save(tmp_path / "図.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "男" in picture.words and "人" in picture.words
    with pytest.raises(ArgumentError, match=r"\.jpg"):
        picture.save(tmp_path / "図.jpg")


def test_lists_name_people_by_their_hash_alone(tiny: TinyBranch):
    lake = kenpo.open(tiny.lake_path)
    rows = lake.worklist("generic_switch", branch="山口", month="2026-03")
    assert rows.height > 0 and set(rows["branch"]) == {"35"}
    assert all(len(who) == 32 for who in rows["member_id"])
    assert lake.worklist("generic_switch", branch="東京", month="2026-03").is_empty()


def test_a_place_that_is_no_lake_is_said_so(tmp_path: Path):
    with pytest.raises(LakeError, match="見つかりません"):
        kenpo.open(tmp_path)


def test_importing_kenpo_loads_nothing_heavy():
    code = "import sys, kenpo; print(sorted({m.split('.')[0] for m in sys.modules} & {'polars', 'ibis', 'altair', 'django'}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
    with pytest.raises(AttributeError):
        kenpo.shut  # type: ignore[attr-defined]  # noqa: B018
