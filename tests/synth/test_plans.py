"""What the planners of an invented branch have written reads back as it was meant, and its figures hold together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.branches import APRIL, digests, make_branch
from tests.lakes import tried

from kenpo.base.branches import BRANCH_CODES, branch
from kenpo.base.era import to_wareki_month
from kenpo.base.fiscal import fiscal_year_label, fy_months
from kenpo.intake.documents import read_document
from kenpo.plan.model import Actual, Kpi
from kenpo.plan.reading import Reading, read_plan
from kenpo.synth.plans import (
    FOLDER,
    MEASURES,
    Aim,
    Measure,
    Paper,
    Papers,
    Told,
    make_plans,
    sentence,
    write_plans,
)
from kenpo.synth.setting import Setting

YAMAGUCHI = Setting("35", 20_000, date(2024, 4, 1), 24, 1)
SETTINGS = (
    YAMAGUCHI,
    Setting("13", 300_000, date(2023, 7, 1), 12, 5),
    Setting("46", 300, APRIL, 3, 20_260_401),
)
PERIODS = {"": "", "H1": "H1", "Q1": "Q1", "Q2": "Q2", "Q3": "Q3", "Q4": "Q4"}
COUNTED = "single_bid_rate"


@dataclass(frozen=True)
class Written:
    """The documents of a branch, and what reading makes of each."""

    papers: Papers
    readings: dict[str, Reading]

    def each(self) -> Iterator[tuple[Paper, Reading]]:
        """Every document with its reading."""
        return ((p, self.readings[p.name]) for p in self.papers.papers)

    def reports(self) -> Iterator[tuple[Paper, Reading]]:
        """Those that tell of progress."""
        return ((p, r) for p, r in self.each() if p.period)


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda s: f"{branch(s.branch).name}-{s.seed}")
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Three branches of unlike size, year and seed."""
    folder = tmp_path_factory.mktemp("plans")
    write_plans(folder, request.param)
    papers = make_plans(request.param)
    assert {p.name for p in folder.iterdir()} == {p.name for p in papers.papers}
    readings = {p.name: read_plan(read_document(folder / p.name)) for p in papers.papers}
    return Written(papers, readings)


def wanted_target(measure: Measure, aim: Aim) -> dict[str, object]:
    """What kind of target a KPI has, and its number."""
    kinds = {"year_end": "not_below_last_year", "monthly": "done"}
    said: dict[str, object] = {"kind": kinds.get(measure.kind, measure.kind)}
    if measure.kind in ("done", "monthly"):
        return {**said, "every_month": measure.kind == "monthly", "all_branches": False}
    if measure.kind in ("year_end", "not_below_last_year"):
        said["year_end"] = measure.kind == "year_end"
    if measure.kind == "single_bid":
        said |= {"few": 4, "few_limit": 1, "not_above_last_year": True}
    return {**said, "value": aim.value}


class TestReadingBack:
    """The generator's own table is the oracle."""

    def test_nothing_is_left_for_a_person_to_look_at(self, written: Written):
        assert {p.name: r.review for p, r in written.each() if r.review} == {}

    def test_branch_year_and_period_are_told(self, written: Written):
        for paper, reading in written.each():
            annual = reading.annual
            assert annual is not None
            assert (annual.branch, annual.first_year) == (written.papers.setting.branch, paper.year), (
                paper.name
            )
            assert reading.action_plan is None
            if paper.period:
                assert reading.progress is not None
                assert reading.progress.period == f"{paper.year}{paper.period}"
                assert reading.progress.dated is not None
            else:
                assert reading.progress is None

    def test_every_measure_of_the_plan_is_there_with_its_target_and_people(self, written: Written):
        for paper, reading in written.each():
            assert reading.annual is not None
            found = {k.measure: k for _, k in reading.annual.kpis()}
            assert list(found) == list(MEASURES), paper.name
            for name, measure in MEASURES.items():
                aim = written.papers.series[name][paper.year].aim
                self.holds(found[name], measure, aim, paper)

    def holds(self, kpi: Kpi, measure: Measure, aim: Aim, paper: Paper) -> None:
        where = (paper.name, measure.id)
        assert kpi.target is not None, where
        assert kpi.target.model_dump() == wanted_target(measure, aim), where
        assert kpi.baseline == (aim.value if measure.from_last_year else None), where
        planned = (kpi.planned.eligible, kpi.planned.expected) if kpi.planned else (None, None)
        assert planned == (aim.eligible, aim.expected), where

    def test_every_initiative_is_found_in_every_document(self, written: Written):
        outlines = []
        for _, reading in written.each():
            assert reading.annual is not None
            outlines.append(
                [("/".join(i.number for i in p), p[-1].title) for _, p in reading.annual.initiatives()]
            )
        assert len(outlines[0]) == written.papers.initiatives
        assert 20 <= len(outlines[0]) <= 35
        assert all(outline == outlines[0] for outline in outlines)

    def test_goals_weights_issues_and_policy_are_found(self, written: Written):
        for _, reading in written.each():
            annual = reading.annual
            assert annual is not None
            assert [g.level for g in annual.goals] == ["upper", "middle", "lower"]
            assert len(annual.policy) == 3
            held = [p[-1] for _, p in annual.initiatives()]
            assert [i.number for i in held if i.importance] == ["i)"]
            assert [i.number for i in held if i.difficulty] == ["i)"]
            assert sum(len(i.issues) for i in held) == 3

    def test_marks_are_found(self, written: Written):
        for paper, reading in written.reports():
            assert reading.progress is not None
            found = {i.initiative: "".join(m.value for m in i.marks) for i in reading.progress.initiatives}
            assert found == paper.marks, paper.name

    def test_every_figure_is_found(self, written: Written):
        for paper, reading in written.reports():
            assert reading.progress is not None
            assert [k.measure for k in reading.progress.kpis] == list(MEASURES)
            for kpi in reading.progress.kpis:
                assert kpi.measure is not None
                assert len(kpi.actuals) == 1, (paper.name, kpi.measure, kpi.actuals)
                self.tells(kpi.actuals[0], paper.told[kpi.measure], (paper.name, kpi.measure))

    def tells(self, actual: Actual, told: Told, where: tuple[str, str]) -> None:
        assert actual.state == ("missing" if told.state == "missing" else "value"), where
        assert actual.value == told.value, where
        assert actual.as_of == (f"{told.month:%Y-%m}" if told.month else ""), where
        assert actual.status == ("preliminary" if told.preliminary else None), where
        if where[1] == COUNTED:
            assert (actual.numerator, actual.denominator) == (told.count, told.of), where


class TestFigures:
    """They come from one series, and are what such figures can be."""

    def test_planned_people_are_the_rate_of_those_eligible(self, written: Written):
        for name, years in written.papers.series.items():
            for held in years.values():
                aim = held.aim
                if aim.eligible is None or aim.expected is None:
                    continue
                assert aim.value is not None
                assert aim.expected <= aim.eligible
                assert abs(aim.expected * 100 / Decimal(aim.eligible) - aim.value) <= Decimal("0.05"), name

    def test_what_the_plan_calls_last_year_is_what_the_last_report_of_that_year_says(self, written: Written):
        last = written.papers.year
        march = next(r for p, r in written.reports() if (p.year, p.period) == (last - 1, "Q4")).progress
        plan = next(r for p, r in written.each() if not p.period).annual
        assert march is not None and plan is not None
        stated = {k.measure: k.baseline for _, k in plan.kpis() if k.measure and k.baseline is not None}
        assert set(stated) == {m.id for m in MEASURES.values() if m.from_last_year}
        for measure, baseline in stated.items():
            told = march.of(measure)
            assert told is not None
            assert told.actuals[0].value == baseline
            assert told.actuals[0].as_of == f"{last}-03"

    def test_what_adds_up_over_the_year_never_falls(self, written: Written):
        grown = [m.id for m in MEASURES.values() if m.move == "cumulative"]
        assert len(grown) == 8
        for name in grown:
            for held in written.papers.series[name].values():
                values = [f.value for f in held.months]
                assert all(a <= b for a, b in pairwise(values)), (name, values)

    def test_rates_lie_between_0_and_100(self, written: Written):
        for name, years in written.papers.series.items():
            for figure in (f for y in years.values() for f in y.months):
                assert figure.value >= 0
                assert MEASURES[name].unit != "％" or figure.value <= 100, name
                if figure.count is not None and figure.of:
                    assert 0 <= figure.count <= figure.of

    def test_checkups_bulge_in_autumn_and_guidance_comes_later(self):
        series = make_plans(replace(YAMAGUCHI, members=2_000_000)).series
        for year in (2024, 2025):
            checkups = [f.value for f in series["lifestyle_checkup_rate"][year].months]
            autumn = checkups[8] - checkups[5]
            assert all(autumn > checkups[n + 3] - checkups[n] for n in (0, 2, 8))
            guidance = [f.value for f in series["insured_guidance_rate"][year].months]
            assert guidance[5] / guidance[11] < checkups[5] / checkups[11]

    def test_some_are_ahead_and_some_behind_at_half_year(self, written: Written):
        half = next(p for p, _ in written.reports() if p.period == "H1")
        marks = "".join(half.marks.values())
        assert all(mark in marks for mark in "◎○△－")

    def test_the_half_year_leaves_blank_what_kenpo_computes(self, written: Written):
        half = next(p for p, _ in written.reports() if p.period == "H1")
        texts = {name: told.text for name, told in half.told.items() if told.state == "missing"}
        assert texts == {
            "mynumber_record_rate": "－",
            "generic_volume_share": "－",
            "dependent_recheck_submission_rate": "下期実施予定",
        }
        assert [n for n, t in half.told.items() if t.preliminary] == ["committee_coverage_rate"]

    def test_a_report_tells_the_month_of_the_series(self, written: Written):
        for paper, _ in written.reports():
            for name, told in paper.told.items():
                if told.state == "value":
                    assert told.month is not None
                    at = fy_months(paper.year).index(told.month)
                    assert told.value == written.papers.series[name][paper.year].months[at].value
                    assert to_wareki_month(told.month) in paper.text or name == COUNTED


class TestWords:
    def test_every_document_says_that_it_is_invented_in_its_title(self, written: Written):
        for paper, reading in written.each():
            assert paper.text.startswith("# 架空の支部"), paper.name
            assert reading.annual is not None
            name = branch(written.papers.setting.branch).name
            assert reading.annual.title == f"架空の支部　{fiscal_year_label(paper.year)}{name}事業計画"

    def test_no_placeholder_is_left(self, written: Written):
        for paper, _ in written.each():
            assert not re.search(r"[{}]|None", paper.text), paper.name

    def test_sentences_of_every_kind_of_target_are_there(self):
        assert {m.kind for m in MEASURES.values()} == {
            "at_least", "at_most", "not_below_last_year", "not_above_last_year", "year_end", "single_bid", "done",
            "monthly",
        }  # fmt: skip
        said = sentence(MEASURES["judo_multisite_frequent_rate"], Aim(Decimal("0.98")))
        assert said.endswith("対前年度以下（0.98％以下）とする。")


class TestTheSameSetting:
    def test_gives_the_same_texts_and_another_gives_others(self):
        assert make_plans(YAMAGUCHI) == make_plans(YAMAGUCHI)
        mine = [p.text for p in make_plans(YAMAGUCHI).papers]
        for other in (replace(YAMAGUCHI, seed=2), replace(YAMAGUCHI, branch="34")):
            assert all(a != b.text for a, b in zip(mine, make_plans(other).papers, strict=True))

    def test_they_lie_in_the_branch_and_nothing_of_an_earlier_year_stays(self, tmp_path: Path):
        small = Setting("35", 100, APRIL, 2, 1)
        make_branch(replace(small, first=date(2024, 4, 1)), tmp_path, uke=False)
        make_branch(small, tmp_path, uke=False)
        names = {Path(n).name for n in digests(tmp_path) if FOLDER in Path(n).parts}
        assert names == {p.name for p in make_plans(small).papers}

    @given(
        st.builds(
            Setting,
            branch=st.sampled_from(sorted(BRANCH_CODES)),
            members=st.integers(100, 5_000_000),
            first=st.dates(date(2022, 4, 1), date(2027, 3, 1)).map(lambda d: d.replace(day=1)),
            months=st.integers(1, 36),
            seed=st.integers(0, 10**6),
        )
    )
    @tried(25)
    def test_any_setting_has_plans_whose_targets_can_be_judged(self, setting: Setting):
        papers = make_plans(setting)
        assert len(papers.papers) == 10
        for name, years in papers.series.items():
            stated = (
                MEASURES[name].kind not in ("done", "monthly", "year_end") and MEASURES[name].move != "told"
            )
            assert all((y.aim.value is not None) == stated for y in years.values()), name
