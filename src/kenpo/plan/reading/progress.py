"""Progress of a document while it is read: what was done of each 施策, its marks, and the figures of the KPIs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from kenpo.plan.judging import Mark
from kenpo.plan.model import (
    ActivityProgress,
    Actual,
    InitiativeProgress,
    Kpi,
    KpiProgress,
    Plan,
    Progress,
    Review,
    period_end,
)
from kenpo.plan.outline import InitiativeDraft, Outline, alike, numbered_line
from kenpo.plan.reading.cover import Cover
from kenpo.plan.reading.side import begins_results
from kenpo.plan.results import actual_in, results, told_in
from kenpo.plan.vocabulary import hits, known, plain

_MARKS = "◎○〇△×－‐―ー-"
_MARK_HEAD = re.compile(rf"^(?P<mark>[{_MARKS}])(?:[\s　]+|$)|^(?P<tight>[◎○〇△×])(?=\S)")
_BULLETS = ("・", "○", "●")


@dataclass
class _Entry:
    """Progress of a 施策 while it is read."""

    draft: InitiativeDraft
    done: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    activities: list[ActivityProgress] = field(default_factory=list)
    review: list[Review] = field(default_factory=list)


class ProgressDraft:
    """Progress of the document's plan while it is read."""

    def __init__(self, cover: Cover) -> None:
        self._cover = cover
        self._end = period_end(cover.period).strftime("%Y-%m") if cover.period else ""
        self._entries: dict[int, _Entry] = {}
        self._figures: dict[str, KpiProgress] = {}

    def _at(self, draft: InitiativeDraft) -> _Entry:
        return self._entries.setdefault(id(draft), _Entry(draft))

    # ---- what was done ---------------------------------------------------------------------------------------

    def done(self, tops: Sequence[InitiativeDraft], lines: Sequence[str], where: str) -> None:
        """The cell of what was done: shared out among the 施策 of the row, and its KPI results read."""
        if not tops or not lines:
            return
        shares = _shared(tops, lines)
        if shares is None:
            names = "、".join(f"{d.number}{d.title}" for d in tops)
            what = f"実施状況がどの施策のものか分けられません（{names}）。"
            self._doubt(tops[0], what, "\n".join(lines), where)
            self._results(tops, lines, where)
            self._at(tops[0]).done.extend(lines)
            return
        for draft, share in zip(tops, shares, strict=True):
            self._at(draft).done.extend(share)
            self._results([draft], share, where)

    def activity(self, draft: InitiativeDraft, at: int, lines: Sequence[str], where: str) -> None:
        """What was done of one 取組 of a 施策; at: its place, from 1."""
        self._at(draft).activities.append(ActivityProgress(at=at, done=tuple(lines)))
        self.told(draft.title, lines, where)

    def _doubt(self, draft: InitiativeDraft, what: str, passage: str, where: str) -> None:
        self._at(draft).review.append(Review(what=what, passage=passage, where=where))

    def _results(self, drafts: Sequence[InitiativeDraft], lines: Sequence[str], where: str) -> None:
        """KPI results in what was done: those listed under ■ KPI実績, by number; else those told in the text."""
        begin = next((n for n, line in enumerate(lines) if begins_results(line)), None)
        if begin is None:
            self.told(drafts[0].title, lines, where)
        else:
            self._numbered(drafts, _result_block(lines[begin:]), where)

    def _numbered(self, drafts: Sequence[InitiativeDraft], block: Sequence[str], where: str) -> None:
        draft, kpis = drafts[0], [k for d in drafts for k in _kpis_of(d)]
        notes = " ".join(line for line in block if line.strip().startswith("※"))
        said = "\n".join(line for line in block if not line.strip().startswith("※"))
        for n, (_, text) in enumerate(part for part in results(said) if part[1]):
            if n >= len(kpis):
                self._doubt(draft, "KPIの数より実績の数が多く、どのKPIか分かりません。", text, where)
                continue
            whole = f"{text} {notes}" if notes and _is_dash(text) else text
            actual = actual_in(whole, known(kpis[n].measure), self._cover.year, where=where)
            if actual is None:
                self._doubt(draft, "KPIの実績を読み取れません。", text, where)
            else:
                self.figure(kpis[n].measure, kpis[n].text, actual)

    def told(self, title: str, lines: Sequence[str], where: str) -> None:
        """Figures told in running text under a 施策 of this title."""
        for line in lines:
            for told in told_in(line, self._cover.year, within=title, where=where, default=self._end):
                self.figure(told.term.id, told.term.title, told.actual)
                self.beside(told.term.id, nation=told.nation, rank=told.rank)

    def not_yet(self, draft: InitiativeDraft) -> None:
        """KPIs of a 施策 without figures: what its 取組 say of when they will be done, or that they were done."""
        rows = [line for a in self._at(draft).activities for line in a.done]
        for kpi in _kpis_of(draft):
            term = known(kpi.measure)
            if kpi.measure is None or kpi.measure in self._figures or term is None:
                continue
            if term.better == "done":
                told = [
                    r
                    for r in rows
                    if hits(plain(r)) and re.search(r"(行った|実施した|実施。|発信した|参画し)", r)
                ]
                if told:
                    self.figure(kpi.measure, kpi.text, Actual(text=told[0], as_of=self._end))
                continue
            later = [r for r in rows if re.search(r"(第[1-4]四半期|下期|上期|月).{0,14}実施", plain(r))]
            if later and len(later) >= len(rows) / 2:
                self.figure(kpi.measure, kpi.text, Actual(text=later[0], state="missing"))

    # ---- what comes next -------------------------------------------------------------------------------------

    def next(self, tops: Sequence[InitiativeDraft], lines: Sequence[str]) -> None:
        """The cell of what comes next, with the marks ◎○△－× that stand in it."""
        if not tops:
            return
        at = self._at(tops[0])
        pending: list[Mark] = []
        for n, line in enumerate(lines):
            marks, text = _marks_ahead(line)
            heading = numbered_line(text)
            named = (
                next((d for d in tops if d.number == heading.number and alike(d.title, heading.title)), None)
                if heading
                else None
            )
            if named is not None:
                at = self._at(named)
                at.marks.extend([*pending, *marks])
                pending = []
            elif not text and marks and n == 0:
                pending.extend(marks)
            else:
                at.marks.extend([*pending, *marks])
                pending = []
                at.next.extend([text] if text else [])
        at.marks.extend(pending)

    # ---- figures ---------------------------------------------------------------------------------------------

    def figure(self, measure: str | None, text: str, actual: Actual) -> None:
        """A figure of a KPI. One that says no more than what is there is passed over; of two, both stay."""
        key = measure or text
        held = self._figures.get(key, KpiProgress(measure=measure, text="" if measure else text))
        actuals = list(held.actuals)
        for n, other in enumerate(actuals):
            if _same_figure(other, actual):
                better = actual if _says_more(actual, other) else other
                update = {"status": other.status or actual.status, "basis": other.basis or actual.basis}
                actuals[n] = better.model_copy(update=update)
                break
        else:
            if actual.state == "value":
                actuals = [*(a for a in actuals if a.state == "value"), actual]
            elif not actuals:
                actuals.append(actual)
        self._figures[key] = held.model_copy(update={"actuals": tuple(actuals)})

    def beside(
        self,
        measure: str,
        *,
        nation: Actual | None = None,
        rank: int | None = None,
        ranked: int | None = None,
    ) -> None:
        """The nation's figure and the rank that stand beside a KPI's own."""
        if nation is None and rank is None:
            return
        held = self._figures.get(measure, KpiProgress(measure=measure))
        update = {
            "nation": nation or held.nation,
            "rank": rank or held.rank,
            "ranked": ranked or held.ranked,
        }
        self._figures[measure] = held.model_copy(update=update)

    def lines(self) -> list[str]:
        """All that was done and comes next, as text; for a document whose period is not known."""
        out: list[str] = []
        for e in self._entries.values():
            out += [*e.done, *(line for a in e.activities for line in a.done), *e.next]
        return out

    # ---- what comes out --------------------------------------------------------------------------------------

    def built(self, plan: Plan, outline: Outline) -> Progress | None:
        """The progress of a plan; None when the document tells of none."""
        entries = tuple(
            InitiativeProgress(
                initiative=outline.key(e.draft),
                done=tuple(e.done),
                marks=tuple(e.marks),
                next=tuple(e.next),
                activities=tuple(e.activities),
                review=tuple(e.review),
            )
            for e in self._entries.values()
            if e.done or e.marks or e.next or e.activities
        )
        if not entries and not self._figures:
            return None
        order = {k.measure: n for n, (_, k) in enumerate(plan.kpis())}
        return Progress(
            plan=plan.id,
            period=self._cover.period or f"{plan.first_year:04}",
            title=self._cover.title,
            dated=self._cover.dated,
            initiatives=entries,
            kpis=tuple(sorted(self._figures.values(), key=lambda k: order.get(k.measure, len(order)))),
        )


def _kpis_of(draft: InitiativeDraft) -> list[Kpi]:
    return [*draft.kpis, *(k for c in draft.children for k in _kpis_of(c))]


def _is_dash(text: str) -> bool:
    return bool(re.match(r"^[-ー－―—]+$", plain(text)))


def _same_figure(a: Actual, b: Actual) -> bool:
    same_day = a.as_of == b.as_of or not a.as_of or not b.as_of
    return (a.value, a.state) == (b.value, b.state) and same_day


def _says_more(a: Actual, b: Actual) -> bool:
    return (bool(a.as_of), bool(a.basis), a.persons is not None) > (
        bool(b.as_of),
        bool(b.basis),
        b.persons is not None,
    )


def _marks_ahead(line: str) -> tuple[list[Mark], str]:
    """The marks a line begins with, and the rest of it."""
    text, found = line.strip(), []
    while match := _MARK_HEAD.match(text):
        found.append(Mark.of(match["mark"] or match["tight"]))
        text = text[match.end() :].strip()
    return found, text


def _result_block(lines: Sequence[str]) -> list[str]:
    """The lines of KPI results: from ■ KPI実績 on, while lines are figures, dashes or ※ notes."""
    block = [lines[0]]
    for line in lines[1:]:
        flat = plain(line)
        figure = re.match(r"^([①-⑳]|[(]?\d{1,2}[)])?[-ー―]*([(]?[\d(（].*)?$", flat) and len(flat) < 60
        state = re.match(r"^[(（]?(下期|上期|第[1-4]四半期|未確定|集計中|算出)", flat)
        if not (figure or state or line.strip().startswith("※")):
            break
        block.append(line)
    return block


def _shared(tops: Sequence[InitiativeDraft], lines: Sequence[str]) -> list[list[str]] | None:
    """The lines of what was done, shared out among the 施策 of a row; None when it cannot be told."""
    if len(tops) == 1:
        return [list(lines)]
    return _shared_by_results(tops, lines) or _shared_by_bullets(tops, lines)


def _shared_by_results(tops: Sequence[InitiativeDraft], lines: Sequence[str]) -> list[list[str]] | None:
    """Shares that end with each 施策's ■ KPI実績, where every 施策 but the last has one."""
    begins = [n for n, line in enumerate(lines) if begins_results(line)]
    have = [bool(_kpis_of(d)) for d in tops]
    if not begins or sum(have) != len(begins) or not all(have[:-1]):
        return None
    shares, at = [], 0
    for n, has in enumerate(have):
        end = len(lines)
        if has and n < len(have) - 1:
            start = begins[n]
            end = start + len(_result_block(lines[start:]))
        shares.append(list(lines[at:end]))
        at = end
    return shares


def _shared_by_bullets(tops: Sequence[InitiativeDraft], lines: Sequence[str]) -> list[list[str]] | None:
    """Shares of as many bullets as each 施策 lists."""
    bullets = [n for n, line in enumerate(lines) if line.startswith(_BULLETS)]
    counts = [sum(1 for t in d.text if t.startswith(_BULLETS)) for d in tops]
    if not bullets or bullets[0] != 0 or sum(counts) != len(bullets) or not all(counts):
        return None
    shares, seen = [], 0
    for n, count in enumerate(counts):
        end = len(lines) if n == len(counts) - 1 else bullets[seen + count]
        shares.append(list(lines[bullets[seen] : end]))
        seen += count
    return shares
