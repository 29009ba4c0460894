"""The plan documents of 本部, 東京支部 and 山口支部, held against figures taken down by hand and against their raw text."""

from __future__ import annotations

import csv
import functools
import html
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from kenpo.intake.documents import read_document
from kenpo.plan.judging import Mark
from kenpo.plan.model import Actual, Initiative, Plan, Progress
from kenpo.plan.reading import Reading, read_plan
from kenpo.plan.store import from_yaml, to_yaml
from kenpo.plan.targets import (
    AtLeast,
    AtMost,
    BranchSpecific,
    Done,
    Generic80,
    NotAboveLastYear,
    NotBelowLastYear,
    SingleBid,
    Target,
)

SHARED = Path(__file__).parents[2].parent / "shared"
FILES = {
    "S0": "honbu_fy2021.txt",
    "S3": "tokyo_fy2023_h1.txt",
    "S4": "yamaguchi_fy2021_q1.txt",
}

pytestmark = pytest.mark.skipif(
    not (SHARED / "plans").is_dir(), reason="共有資料（../shared/plans）がありません"
)

Row = dict[str, str]


@functools.cache
def reading(seed: str) -> Reading:
    return read_plan(read_document(SHARED / "plans" / FILES[seed]))


@functools.cache
def raw(seed: str) -> str:
    return (SHARED / "plans" / FILES[seed]).read_text(encoding="utf-8")


def csv_rows(seed: str, kind: str) -> list[Row]:
    with (SHARED / "domain" / "kpi_values.csv").open(encoding="utf-8") as file:
        return [r for r in csv.DictReader(file) if r["seed"] == seed and r["kind"] == kind]


def plan_of(row: Row) -> Plan:
    found = reading(row["seed"])
    plan = found.action_plan if row["fy"].startswith("AP") else found.annual
    assert plan is not None
    return plan


def progress_of(seed: str) -> Progress:
    found = reading(seed).progress
    assert found is not None
    return found


def target_of(row: Row) -> Target:
    """The target a row of the list means."""
    kind, _, rest = row["value"].partition(" ")
    number = re.search(r"\d+(\.\d+)?", rest)
    value = Decimal(number[0]) if number else None
    if row["value"].startswith("single_bid"):
        return SingleBid(value=Decimal(20), few=4, few_limit=1, not_above_last_year=True)
    if row["value"].startswith("qualitative"):
        return Done(all_branches="all branches" in row["value"])
    year_end = row["kpi_id"] == "generic_volume_share"
    match kind:
        case "abs_ge" | "abs":
            assert value is not None
            return AtLeast(value=value)
        case "abs_le":
            assert value is not None
            return AtMost(value=value)
        case "ge_prev":
            return NotBelowLastYear(value=value)
        case "ge_prev_fyend":
            return NotBelowLastYear(value=value, year_end=year_end)
        case "le_prev":
            return NotAboveLastYear(value=value)
        case "cond_generic":
            return Generic80(value=Decimal(80))
        case "branch_specific":
            return BranchSpecific(value=Decimal(80))
        case _:
            raise AssertionError(row)


def as_of(row: Row) -> str:
    said = row["as_of"].split(" ")[0]
    return said.removesuffix("末").removesuffix("診療分")


SEEDS = [pytest.param(seed, id=name.removesuffix(".txt")) for seed, name in FILES.items()]


# ---- KPIs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_every_target_is_read(seed: str):
    for row in csv_rows(seed, "target"):
        kpi = plan_of(row).kpi(row["kpi_id"])
        assert kpi is not None, row
        assert kpi.target == target_of(row), row
        assert not kpi.review, row


@pytest.mark.parametrize("seed", SEEDS)
def test_no_target_is_invented(seed: str):
    wanted = Counter((r["fy"].startswith("AP"), r["kpi_id"]) for r in csv_rows(seed, "target"))
    found = Counter(
        (plan.kind == "action_plan", kpi.measure)
        for plan in (reading(seed).annual, reading(seed).action_plan)
        if plan is not None
        for _, kpi in plan.kpis()
    )
    assert found == wanted


def test_the_figures_beside_head_offices_kpis_are_read():
    rows = {r["kpi_id"]: r for r in csv_rows("S0", "actual")}
    for plan in (reading("S0").annual, reading("S0").action_plan):
        assert plan is not None
        for _, kpi in plan.kpis():
            assert kpi.measure is not None
            row = rows[kpi.measure]
            (reference,) = kpi.references
            assert reference.as_of == as_of(row), row
            if row["value"] == "新設":
                assert (reference.value, reference.state) == (None, "not_applicable"), row
            else:
                assert reference.value == Decimal(row["value"].split(" ")[0]), row


def test_the_nations_goals_are_read():
    plan = reading("S0").action_plan
    assert plan is not None
    goals = {g.measure: g for g in plan.goals}
    for row in csv_rows("S0", "national_target"):
        goal = goals[row["kpi_id"]]
        assert (goal.level, goal.value, goal.year) == ("national", Decimal(row["value"]), int(row["fy"]))
    reached = {r["kpi_id"]: r for r in csv_rows("S0", "actual") if r["kpi_id"] in goals}
    for measure, goal in goals.items():
        assert measure is not None
        assert goal.reached is not None
        assert goal.reached.value == Decimal(reached[measure]["value"])
        assert goal.reached.as_of == "FY2019"
    assert len(goals) == len(plan.goals) == 2


def first_actual(progress: Progress, measure: str) -> Actual:
    held = progress.of(measure)
    assert held is not None, measure
    assert len(held.actuals) == 1, measure
    return held.actuals[0]


MISSING = {"下期実施予定", "-", "未確定", "Q3-Q4"}
IN_WORDS = {"国保運営協議会3市": "国民健康保険運営協議会に参画し意見発信を行った"}


@pytest.mark.parametrize("seed", ["S3", "S4"])
def test_every_actual_of_a_branch_is_read(seed: str):
    for row in csv_rows(seed, "actual"):
        actual = first_actual(progress_of(seed), row["kpi_id"])
        if row["value"] in MISSING:
            assert (actual.state, actual.value) == ("missing", None), row
        elif row["value"] in IN_WORDS:
            assert actual.value is None
            assert IN_WORDS[row["value"]] in actual.text
            assert actual.as_of == as_of(row)
        else:
            assert (actual.state, str(actual.value)) == ("value", row["value"]), row
            assert actual.as_of == as_of(row), row
            assert actual.basis == ("診療分" if "診療分" in row["as_of"] else ""), row
            assert actual.status == ("preliminary" if "速報" in row["as_of"] else None), row


@pytest.mark.parametrize("seed", ["S3", "S4"])
def test_no_actual_is_invented(seed: str):
    found = {k.measure for k in progress_of(seed).kpis}
    assert found == {r["kpi_id"] for r in csv_rows(seed, "actual")}
    assert reading("S0").progress is None


def test_the_nation_and_the_rank_told_beside_a_figure():
    days = progress_of("S4").of("service_standard_avg_days")
    assert days is not None
    assert days.nation is not None
    assert (days.rank, days.nation.value) == (13, Decimal("7.42"))


def test_the_people_planned_for_in_tokyo():
    plan = reading("S3").annual
    assert plan is not None
    for row in csv_rows("S3", "target"):
        if numbers := re.findall(r"(?:(\d+) )?-> (\d+)", row["note"]):
            kpi = plan.kpi(row["kpi_id"])
            assert kpi is not None
            assert kpi.planned is not None
            eligible, expected = numbers[0]
            assert kpi.planned.expected == int(expected)
            assert not eligible or kpi.planned.eligible == int(eligible)


# ---- 東京: contents and marks --------------------------------------------------------------------------------------


def contents_of_tokyo() -> list[tuple[str, str, str]]:
    """Pillar, number and title of every line of the contents list, by nothing but the raw lines."""
    out, pillar = [], ""
    for line in raw("S3").split("基本方針\n\n◆")[0].splitlines():
        if match := re.match(r"([1-3])\. ", line):
            pillar = match[1]
        if match := re.match(r" ?- (①|②|③|④|⑤|⑥|⑦|⑧|⑨|i+v?\)|iv\)) ?(.+)", line):
            out.append((pillar, match[1], match[2].strip()))
    return out


def test_every_heading_of_the_contents_is_a_施策():
    contents = contents_of_tokyo()
    assert len(contents) == 25
    plan = reading("S3").annual
    assert plan is not None
    found = [
        (pillar.number.strip("."), path[-1].number, path[-1].title)
        for pillar, path in plan.initiatives()
        if not path[-1].number.startswith("(")
    ]
    assert found == contents


def marks_of_tokyo() -> Counter[str]:
    """The marks of the third column, cell by cell, by nothing but the raw text."""
    out: Counter[str] = Counter()
    for row in raw("S3").split("事業計画\t実施状況及び評価\t今後の実施予定等\n")[1:]:
        said = re.sub(r"<[^>]+>", "\n", row.split("\t")[2].split("\n\n")[0])
        out.update(re.findall(r"[◎○△×]", said))
        out["－"] += len(re.findall(r"(?<!\S)[－-](?!\S)", said))
    return out


def test_every_mark_of_the_third_column_is_in_the_progress():
    found = Counter(mark.value for i in progress_of("S3").initiatives for mark in i.marks)
    assert found == marks_of_tokyo()
    assert sum(found.values()) > 60
    assert set(found) <= {m.value for m in Mark}


# ---- 山口: every row -----------------------------------------------------------------------------------------------


def squeezed(text: str) -> str:
    return re.sub(r"[\s　・◆→]|<[^>]*>", "", html.unescape(text))


def rows_of_yamaguchi() -> list[list[str]]:
    """Cells of every row of its tables, by tabs alone."""
    out = []
    for line in raw("S4").splitlines():
        cells = line.split("\t")
        if len(cells) == 3 and not cells[0].startswith("具体的な施策"):
            out.append(cells)
    return out


def test_every_row_of_yamaguchi_is_an_activity_and_no_cell_is_lost():
    plan, progress = reading("S4").annual, progress_of("S4")
    assert plan is not None
    activities = [a for _, path in plan.initiatives() for a in path[-1].activities]
    planned = "".join(squeezed(a.title + "".join(a.text)) for a in activities)
    done = "".join(squeezed("".join(a.done)) for i in progress.initiatives for a in i.activities)
    rows = rows_of_yamaguchi()
    assert len(rows) > 80
    assert len(activities) == len(rows)
    for measure, how, said in rows:
        assert squeezed(measure) in planned
        assert squeezed(how) in planned
        assert squeezed(said) in done


def test_yamaguchis_headings_stand_in_their_order():
    plan = reading("S4").annual
    assert plan is not None
    headings = [m[1] for m in re.finditer(r"^##+ ○(.+)$", raw("S4"), re.MULTILINE)]
    found = [path[0].title for _, path in plan.initiatives() if len(path) == 1]
    assert found == list(dict.fromkeys(headings))


# ---- 本部: two plans side by side ----------------------------------------------------------------------------------


def headings(initiatives: tuple[Initiative, ...]) -> list[str]:
    return [f"{i.number} {i.title}" for i in initiatives]


def headings_of_honbu(column: int) -> list[str]:
    """The numbered headings of one of the two columns, by their opening tags."""
    out: list[str] = []
    for row in re.split(r"\n(?=保険者機能強化アクションプラン)", raw("S0"))[1:]:
        for line in re.findall(r"^(?:<p>|—\t|-\t).*?(?=^<p>|^—\t|^-\t|\Z)", row, re.MULTILINE | re.DOTALL):
            cells = line.split("\t")
            if len(cells) == 2:
                for text in re.findall(r"<p>\s*([①-⑳] .+?|i+v?\) .+?|I+\) .+?)</p>", cells[column]):
                    out.append(html.unescape(text))
    return out


@pytest.mark.parametrize(("column", "kind"), [(0, "action_plan"), (1, "annual")])
def test_head_offices_plans_side_by_side(column: int, kind: str):
    found = reading("S0").action_plan if kind == "action_plan" else reading("S0").annual
    assert found is not None
    assert found.kind == kind
    read = {f"{path[-1].number} {path[-1].title}" for _, path in found.initiatives()}
    raw_headings = headings_of_honbu(column)
    assert len(raw_headings) > 30
    assert set(raw_headings) <= read
    assert len(read) == len(set(raw_headings))


def test_the_two_plans_of_head_office_know_their_years_and_each_other():
    action, annual = reading("S0").action_plan, reading("S0").annual
    assert action is not None
    assert annual is not None
    assert (action.id, annual.id, annual.action_plan) == ("00-2021-2023", "00-2021", "00-2021-2023")
    assert (action.title, annual.status) == ("保険者機能強化アクションプラン（第5期）", "draft")


# ---- all -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_read_is_the_same_from_its_file(seed: str):
    found = reading(seed)
    for plan in (found.annual, found.action_plan):
        if plan is not None:
            assert from_yaml(to_yaml(plan), Plan, seed) == plan
    if found.progress is not None:
        assert from_yaml(to_yaml(found.progress), Progress, seed) == found.progress


def test_what_is_unsure_of_the_three_documents_is_known():
    """Two rows of 東京 hold two 施策 each, and nothing tells where what was done of the one ends."""
    assert [r.what[:20] for seed in FILES for r in reading(seed).review] == [
        "実施状況がどの施策のものか分けられません",
        "実施状況がどの施策のものか分けられません",
    ]
