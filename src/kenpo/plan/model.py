"""The plan as data (計画の型): action plan or annual plan, its pillars, 施策, 取組 and KPIs, and the progress of a period.

What people write in a plan document has its place here, and nothing else: texts as they were written, figures as they
were printed. Files of these are written and read by `store`; documents by `reading` and `report`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kenpo.base.branches import branch_or_nation
from kenpo.base.fiscal import fiscal_year_label, fy_last_day, month_end
from kenpo.plan.judging import Code, Mark
from kenpo.plan.targets import Target

Kind = Literal["action_plan", "annual"]
State = Literal["value", "missing", "not_applicable"]
Status = Literal["preliminary", "provisional", "final"]
Source = Literal["document", "computed", "entered"]

STATUSES: dict[str, str] = {"preliminary": "速報", "provisional": "暫定", "final": "確定"}
SOURCES: dict[str, str] = {"document": "文書", "computed": "自動計算", "entered": "手入力"}
PLAN_STATUSES: dict[str, str] = {"draft": "案", "final": "確定"}
LEVELS: dict[str, str] = {
    "upper": "上位目標",
    "middle": "中位目標",
    "lower": "下位目標",
    "national": "国の目標",
}


def _exact(value: object) -> object:
    """A figure as it was written: a float would have lost its digits."""
    return str(value) if isinstance(value, float) else value


Number = Annotated[Decimal, BeforeValidator(_exact)]
"""A printed figure (印字された数値): 30.0 keeps its zero."""


class Model(BaseModel):
    """A part of a plan: never changed in place, and nothing in it that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Review(Model):
    """Something a person should look at (要確認): what is unsure, and the passage it comes from."""

    what: str
    passage: str = ""
    where: str = ""


class Actual(Model):
    """A figure of a KPI as of a day or month (実績).

    value: at printed precision; None when the state is missing (まだ出ていない) or not_applicable (対象外), and for
    what is only told in words. text: as it was printed. as_of: 2023-08, 2021-06-30 or FY2019 (令和元年度末).
    persons: the number of people or things behind it. source: where it comes from; by and why: who entered it and on
    what ground; definition and cutoff: of a computed figure.
    """

    value: Number | None = None
    text: str = ""
    state: State = "value"
    as_of: str = Field(default="", pattern=r"^(FY\d{4}|\d{4}-\d{2}(-\d{2})?)?$")
    basis: str = ""
    status: Status | None = None
    persons: int | None = None
    source: Source = "document"
    by: str = ""
    why: str = ""
    entered_on: date | None = None
    numerator: Number | None = None
    denominator: Number | None = None
    definition: str = ""
    cutoff: str = ""
    where: str = ""

    @model_validator(mode="after")
    def _state_fits(self) -> Actual:
        if self.state != "value" and self.value is not None:
            raise ValueError("「未集計」「対象外」の実績に数値を書くことはできません。")
        if self.source == "entered" and not (self.by and self.why):
            raise ValueError("手入力の実績には、入力した人（by）と根拠（why）が必要です。")
        return self

    @property
    def day(self) -> date | None:
        """The last day the figure is of: the month's end, or March 31 of a fiscal year."""
        return last_day(self.as_of)


def last_day(as_of: str) -> date | None:
    """The last day of a fiscal year (FY2019), a month (2023-08) or a day (2021-06-30); None for a blank."""
    if not as_of:
        return None
    if as_of.startswith("FY"):
        return fy_last_day(int(as_of[2:]))
    if len(as_of) == len("2023-08"):
        return month_end(date.fromisoformat(f"{as_of}-01"))
    return date.fromisoformat(as_of)


class Planned(Model):
    """People a KPI is planned for (実施対象者数・実施見込者数)."""

    eligible: int | None = None
    expected: int | None = None


class TargetChange(Model):
    """A target as it was before it was revised (目標の改定): what it was, until when, and why it was changed."""

    target: Target
    until: date
    why: str
    by: str = ""


class Kpi(Model):
    """A KPI of a plan (重要業績評価指標). measure: id of the KPI catalogue; None when it is in no catalogue.

    text: the sentence as written. baseline: the figure of last year that the text states. references: earlier figures
    the plan prints beside it (参考：令和元年度末). history: the targets before revisions, oldest first.
    """

    measure: str | None = None
    text: str
    target: Target | None = None
    baseline: Number | None = None
    unit: str = ""
    planned: Planned | None = None
    references: tuple[Actual, ...] = ()
    notes: tuple[str, ...] = ()
    owner: str = ""
    history: tuple[TargetChange, ...] = ()
    review: tuple[Review, ...] = ()
    where: str = ""


class Activity(Model):
    """A 取組: what is done (具体的な施策) and how (具体的な取り組み内容), by whom, for how much.

    group: 担当グループ. new: 新規 or 継続, None when not said. outsourced: 業務委託. budget and spent: yen.
    """

    title: str = ""
    text: tuple[str, ...] = ()
    group: str = ""
    new: bool | None = None
    outsourced: bool | None = None
    budget: int | None = None
    spent: int | None = None


class Weight(Model):
    """重要度 or 困難度 of a 施策, with the reason given."""

    level: str = "高"
    why: str = ""


class Initiative(Model):
    """A 施策 as a plan lists it: its number (①, i), (1), ○), title, text, and the 施策 within it."""

    number: str = ""
    title: str
    text: tuple[str, ...] = ()
    importance: Weight | None = None
    difficulty: Weight | None = None
    issues: tuple[str, ...] = ()
    owner: str = ""
    activities: tuple[Activity, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    children: tuple[Initiative, ...] = ()


class Pillar(Model):
    """One of the three parts of a plan (柱): 基盤的保険者機能, 戦略的保険者機能, 組織・運営体制."""

    number: str = ""
    title: str
    text: tuple[str, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    initiatives: tuple[Initiative, ...] = ()


class Goal(Model):
    """A goal beyond the KPIs: of the data-health plan (上位・中位・下位目標) or of the nation (国の目標).

    measure, value and year: where it is a figure to be reached by the end of a fiscal year; reached: what it stands at.
    """

    level: Literal["upper", "middle", "lower", "national"]
    text: str
    measure: str | None = None
    value: Number | None = None
    year: int | None = None
    reached: Actual | None = None


class Revision(Model):
    """A revision of the plan (改定): when, what and why."""

    on: date
    what: str
    why: str
    by: str = ""


class Plan(Model):
    """A plan (計画): an action plan of three years, or the annual plan of head office (00) or a branch.

    first_year and last_year: fiscal years. action_plan: id of the action plan an annual plan is part of. Its id is the
    branch and the years: 35-2021, 00-2021-2023.
    """

    kind: Kind = "annual"
    branch: str
    first_year: int
    last_year: int
    title: str
    status: Literal["draft", "final"] = "final"
    dated: date | None = None
    action_plan: str | None = None
    policy: tuple[str, ...] = ()
    pillars: tuple[Pillar, ...] = ()
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()
    revisions: tuple[Revision, ...] = ()
    review: tuple[Review, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Plan:
        branch_or_nation(self.branch)
        if self.last_year < self.first_year:
            raise ValueError("計画の終わりの年度が、初めの年度より前です。")
        if self.kind == "annual" and self.last_year != self.first_year:
            raise ValueError("年度の事業計画は1つの年度のものです。")
        return self

    @property
    def id(self) -> str:
        """Branch and years: 35-2021, 00-2021-2023."""
        years = f"{self.first_year}" if self.kind == "annual" else f"{self.first_year}-{self.last_year}"
        return f"{self.branch}-{years}"

    def initiatives(self) -> Iterator[tuple[Pillar, tuple[Initiative, ...]]]:
        """Every 施策 in reading order: its pillar, and the path from the outermost 施策 to it."""

        def walk(
            pillar: Pillar, path: tuple[Initiative, ...]
        ) -> Iterator[tuple[Pillar, tuple[Initiative, ...]]]:
            yield pillar, path
            for child in path[-1].children:
                yield from walk(pillar, (*path, child))

        for pillar in self.pillars:
            for initiative in pillar.initiatives:
                yield from walk(pillar, (initiative,))

    def kpis(self) -> Iterator[tuple[str, Kpi]]:
        """Every KPI in reading order with the key of the 施策 it stands under."""
        for pillar in self.pillars:
            for kpi in pillar.kpis:
                yield pillar_key(pillar), kpi
            for held, path in self.initiatives():
                if held is pillar:
                    for kpi in path[-1].kpis:
                        yield initiative_key(pillar, path), kpi

    def kpi(self, measure: str) -> Kpi | None:
        """The KPI of a measure, or None."""
        return next((k for _, k in self.kpis() if k.measure == measure), None)


def pillar_key(pillar: Pillar) -> str:
    """The name of a pillar in progress files: its number without signs, or its title."""
    return re.sub(r"[.．()（）\s]", "", pillar.number) or pillar.title


def initiative_key(pillar: Pillar, path: tuple[Initiative, ...]) -> str:
    """The name of a 施策 in progress files: 1/②/i), or its title where it has no number of its own (○)."""
    parts = [i.number if i.number not in ("", "○") else i.title for i in path]
    return "/".join([pillar_key(pillar), *parts])


# ---- progress ------------------------------------------------------------------------------------------------------


class ActivityProgress(Model):
    """What was done of one 取組 (実績); at: its place in the 施策's list, from 1."""

    at: int = Field(ge=1)
    done: tuple[str, ...] = ()
    mark: Mark | None = None
    spent: int | None = None


class InitiativeProgress(Model):
    """Progress of a 施策: what was done, the marks ◎○△－× in the order given, and what comes next.

    initiative: its key in the plan. evaluated: the mark of the whole 施策, where one is given.
    """

    initiative: str
    done: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    evaluated: Mark | None = None
    next: tuple[str, ...] = ()
    activities: tuple[ActivityProgress, ...] = ()
    review: tuple[Review, ...] = ()


class KpiProgress(Model):
    """Figures of a KPI in a period. measure, or the KPI's text where it has no measure; the first actual counts.

    nation and rank: the national mean and the place among the branches that have a figure (ranked: how many), as printed
    or computed. comment: the analysis written beside it.
    """

    measure: str | None = None
    text: str = ""
    actuals: tuple[Actual, ...] = ()
    nation: Actual | None = None
    rank: int | None = None
    ranked: int | None = None
    comment: str = ""
    review: tuple[Review, ...] = ()


class Landing(Model):
    """Where a figure will land at the year's end (着地見込み), at printed precision; see `forecast`.

    method: how it was found, in words; years: the past years it rests on.
    """

    method: str = ""
    years: tuple[int, ...] = ()
    value: Number | None = None
    low: Number | None = None
    high: Number | None = None
    reach: str = ""
    pace_so_far: Number | None = None
    pace_needed: Number | None = None
    note: str = ""


class Difference(Model):
    """Two figures of the same month that are not the same (差異): the one that is not shown, and shown less it."""

    source: Source
    value: Number
    by: Number


class YearEnd(Model):
    """The figure of the end of a fiscal year (年度末の値)."""

    year: int
    value: Number


class Row(Model):
    """A KPI as a board shows it (進捗一覧の1行); made by `board` alone, and kept as it was by a freeze.

    key: of the 施策 it stands under. actual: the figure that counts; shown, as_of, last_year_text: for people, where
    －, 0 and 対象外 are different things. mark: a person's, suggested: what the verdict suggests. expected: where the
    path to the target stands now. explain: the command that shows where a computed figure comes from. flags: what is
    not in order.
    """

    measure: str | None = None
    key: str = ""
    pillar: str = ""
    initiative: str = ""
    title: str
    text: str = ""
    unit: str = ""
    target: str = ""
    level: Number | None = None
    actual: Actual | None = None
    shown: str = "－"
    as_of: str = ""
    difference: Difference | None = None
    verdict: Code | None = None
    reason: str = ""
    compared_with: Number | None = None
    mark: Mark | None = None
    suggested: Mark | None = None
    expected: Number | None = None
    path: str = ""
    forecast: Landing | None = None
    last_year: Number | None = None
    last_year_text: str = "－"
    nation: Actual | None = None
    nation_text: str = "－"
    rank: int | None = None
    ranked: int | None = None
    trend: tuple[YearEnd, ...] = ()
    comment: str = ""
    explain: str = ""
    flags: tuple[str, ...] = ()
    review: tuple[Review, ...] = ()


class FreezeEvent(Model):
    """A freeze or its undoing (確定・確定の取消): when, by whom, why, and what was frozen.

    seal: the mark of what the report said; of a reopening, of what it was found to say. broken: the report had been
    changed outside kenpo by then.
    """

    what: Literal["frozen", "reopened"]
    on: date
    by: str
    why: str = ""
    seal: str = ""
    broken: bool = False
    cutoff: str = ""
    definitions: dict[str, str] = Field(default_factory=dict)


class Progress(Model):
    """The progress report of a plan for a period (進捗): 2023H1, 2021Q1, 2023 (the whole year).

    as_of: the day it is written for. events: freezes and their undoing, oldest first; while the last is a freeze,
    figures and text stay as they are. board: the rows as they stood at the freeze.
    """

    plan: str
    period: str = Field(pattern=r"^\d{4}(H[12]|Q[1-4])?$")
    title: str = ""
    dated: date | None = None
    initiatives: tuple[InitiativeProgress, ...] = ()
    kpis: tuple[KpiProgress, ...] = ()
    notes: tuple[str, ...] = ()
    review: tuple[Review, ...] = ()
    board: tuple[Row, ...] = ()
    events: tuple[FreezeEvent, ...] = ()

    @property
    def frozen(self) -> bool:
        """Whether the report is finished (確定済み)."""
        return bool(self.events) and self.events[-1].what == "frozen"

    def of(self, measure: str) -> KpiProgress | None:
        """The figures of a measure, or None."""
        return next((k for k in self.kpis if k.measure == measure), None)

    def on(self, key: str) -> InitiativeProgress | None:
        """The progress of a 施策 by its key, or None."""
        return next((i for i in self.initiatives if i.initiative == key), None)


PERIOD_TITLES = {
    "H1": "上期",
    "H2": "下期",
    "Q1": "第1四半期",
    "Q2": "第2四半期",
    "Q3": "第3四半期",
    "Q4": "第4四半期",
}
_MONTHS = {"H1": (4, 9), "H2": (10, 3), "Q1": (4, 6), "Q2": (7, 9), "Q3": (10, 12), "Q4": (1, 3)}


def period_year(period: str) -> int:
    """The fiscal year of a period: 2023H1 → 2023."""
    return int(period[:4])


def period_title(period: str) -> str:
    """令和5年度上期, 令和3年度第1四半期, 令和5年度."""
    return fiscal_year_label(period_year(period)) + PERIOD_TITLES.get(period[4:], "")


def period_end(period: str) -> date:
    """The last day of a period: 2023H1 → 2023-09-30, 2023 → 2024-03-31."""
    year, (_, month) = period_year(period), _MONTHS.get(period[4:], (4, 3))
    return month_end(date(year + (month < 4), month, 1))
