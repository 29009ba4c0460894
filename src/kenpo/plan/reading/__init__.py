"""Reading plans (計画文書の読み取り): a plan or progress document becomes the plan file and the progress file.

What the reader is not sure of it says: a Review with the passage and its place, on the KPI, the 施策 or the plan. It
never guesses in silence, and drops no text: what has no place of its own stays as text where it stood.

`cover` tells whose plan it is; `walk` goes over the blocks; `columns` says what a table's columns hold, `kpi_list` reads
lists of KPIs; `side` holds one plan and `progress` its progress while they are read; `goals` and `kpis` are parts of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from kenpo.base.branches import NATION_CODE
from kenpo.base.document import Document
from kenpo.base.errors import ArgumentError
from kenpo.plan import records
from kenpo.plan.model import Plan, Progress, Review
from kenpo.plan.reading.cover import Cover, action_years, all_lines, cover_of, plan_title, told
from kenpo.plan.reading.goals import unique
from kenpo.plan.reading.side import Side
from kenpo.plan.reading.walk import Walk


@dataclass(frozen=True)
class Reading:
    """What a document holds: the annual plan, the action plan beside it, and the progress of a period.

    Any of them may be None. review: what should be looked at, of all of them together, in reading order.
    """

    annual: Plan | None
    action_plan: Plan | None
    progress: Progress | None
    review: tuple[Review, ...]


def read_plan(
    document: Document, *, branch: str | None = None, year: int | None = None, period: str | None = None
) -> Reading:
    """Turn a document into plan and progress. Raises ArgumentError when it has no text at all.

    branch, year and period: what the reader of the document knows, in the place of what its first pages say. A document
    that was written from a plan (see `records`) reads back as that plan.
    """
    if not all_lines(document):
        raise ArgumentError("文書に文字がありません。", todo="文字の入った文書を指定してください。")
    cover = told(cover_of(document), branch=branch, year=year, period=period)
    walk = Walk(document, cover)
    walk.read()
    first = _plan(document, cover, walk.annual, action=cover.action_plan)
    action = first if cover.action_plan else None
    annual = None if cover.action_plan else first
    if walk.two_plans:
        action = _plan(document, cover, walk.action, action=True)
    if annual and action:
        annual = annual.model_copy(update={"action_plan": action.id})
    if annual and cover.period is None:
        annual = _with_lines(annual, walk.progress.lines(), cover)
    progress = walk.progress.built(annual, walk.annual.outline) if annual and cover.period else None
    for taken in walk.taken:
        if taken.of_action_plan and action:
            action, _ = records.put(taken, action, None)
        elif annual and not taken.of_action_plan:
            annual, progress = records.put(taken, annual, progress)
    return Reading(annual, action, progress, _all_reviews(annual, action, progress))


def _plan(document: Document, cover: Cover, side: Side, *, action: bool) -> Plan | None:
    pillars = tuple(p.done() for p in side.outline.pillars if p.initiatives or p.kpis or p.text)
    if not pillars and not side.notes:
        return None
    first = last = cover.year or 0
    title = plan_title(cover.title, all_lines(document))
    if action:
        first, last, title = action_years(document, cover.year)
    review = list(side.outline.review)
    if not any(p.initiatives or p.kpis for p in pillars):
        review.insert(0, Review(what="柱・施策・KPIが1つも見つかりません。", passage=cover.title))
    if cover.branch is None:
        review.insert(0, Review(what="本部か、どの支部の計画か分かりません。", passage=cover.title))
    if not first:
        what = "どの年度の計画か分かりません。年度を書き入れてください。"
        review.insert(0, Review(what=what, passage=cover.title))
    return Plan(
        kind="action_plan" if action else "annual",
        branch=cover.branch or NATION_CODE,
        first_year=first,
        last_year=last,
        title=title,
        status="draft" if cover.draft else "final",
        dated=cover.dated,
        policy=tuple(side.policy),
        pillars=pillars,
        goals=tuple(unique(side.outline.goals)),
        notes=tuple(side.notes),
        review=tuple(review),
    )


def _with_lines(plan: Plan, lines: list[str], cover: Cover) -> Plan:
    """A plan that keeps as notes what was done in a period the document does not name."""
    if not lines:
        return plan
    what = "どの期間の進捗か分かりません。実施状況は備考に残しました。"
    return plan.model_copy(
        update={
            "notes": (*plan.notes, *lines),
            "review": (*plan.review, Review(what=what, passage=cover.title)),
        }
    )


def _all_reviews(annual: Plan | None, action: Plan | None, progress: Progress | None) -> tuple[Review, ...]:
    found: list[Review] = []
    for plan in (annual, action):
        if plan is not None:
            found += [*plan.review, *(r for _, k in plan.kpis() for r in k.review)]
    if progress is not None:
        found += [*progress.review, *(r for i in progress.initiatives for r in i.review)]
    return tuple(found)
