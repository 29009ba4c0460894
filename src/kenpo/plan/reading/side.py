"""One plan of a document while it is read: its outline, and the KPI passage that is open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from kenpo.plan.model import Kpi, Planned, Review, Weight
from kenpo.plan.outline import (
    InitiativeDraft,
    Outline,
    PillarDraft,
    heading_in,
    number_of,
    numbered_line,
    pillar_in,
    scheme_in,
)
from kenpo.plan.reading.goals import Level, PlannedNumbers, data_health_goals, is_goal, national_goals
from kenpo.plan.reading.kpis import kpi_of, merged
from kenpo.plan.sentences import Stated, kpis_in, numbered, says_none
from kenpo.plan.targets import AtLeast, AtMost
from kenpo.plan.vocabulary import Term, hits, plain

_KPI_START = re.compile(
    r"[-・\s]*[■□◆●○◇▼【<＜\[]\s*[KＫ]\s*[PＰ]\s*[IＩ](?!\s*(の)?(実績|達成状況|の?進捗))|^\s*[KＫ]\s*[PＰ]\s*[IＩ]\s*(目標)?\s*[:：]"
    r"|^[\s　・]*[(（]\s*[KＫ]\s*[PＰ]\s*[IＩ]\s*[)）]|^\s*[KＫ][PＰ][IＩ]\s*$"
    r"|^[■□◆●【<＜\[]?\s*重要業績評価指標\s*(?:[(（]\s*[KＫ][PＰ][IＩ]\s*[)）])?\s*[】>＞\]:：]?\s*$"
)
_KPI_RESULT = re.compile(r"[■□◆●○【<＜\[]?\s*[KＫ]\s*[PＰ]\s*[IＩ]\s*(の)?(実績|達成状況|進捗)")
_PROVISO = re.compile(r"^[\s　]*([※＊(（]\s*※|※|ただし|但し|なお|前年度において|今年度において)")
_ISSUES = re.compile(r"^[\s　]*[【<＜\[]\s*(課題|現状と課題)\s*[】>＞\]]")
_WEIGHT = re.compile(r"[【\[(（]?\s*(?P<kind>重要度|困難度)\s*[:：]?\s*(?P<level>[高中低])\s*[】\])）]?")
_NUMBERS_TABLE = re.compile(r"^[<＜【].{0,16}数値目標[>＞】]$")
_BULLET = re.compile(r"[・○●◆■□【]")
_NEW_BLOCK = re.compile(r"[・○●◆■□【<＜◎△]")
_LONG_SENTENCE = 120
_LONG_LINE = 40
_LONGEST_PASSAGE = 8


def begins_kpis(text: str) -> bool:
    """Whether a line begins a KPI passage: ■ KPI：, 【KPI】."""
    return bool(_KPI_START.search(text)) and not _KPI_RESULT.search(text)


def begins_results(text: str) -> bool:
    """Whether a line begins results of KPIs: ■ KPI実績等."""
    return bool(_KPI_RESULT.search(text))


@dataclass
class Side:
    """One of the plans a document holds while it is read."""

    role: Literal["annual", "action"]
    outline: Outline = field(default_factory=Outline)
    policy: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    in_policy: bool = False
    _passage: list[tuple[str, str]] = field(default_factory=list)
    _lines: list[tuple[str, str]] = field(default_factory=list)
    _in_kpi: bool = False
    _in_issues: bool = False
    _goal: Level | None = None
    _weight: str = ""
    _planned: PlannedNumbers = field(default_factory=PlannedNumbers)
    _rates: list[tuple[InitiativeDraft, Term, Decimal, str]] = field(default_factory=list)

    @property
    def in_kpi(self) -> bool:
        """Whether a KPI passage is open."""
        return self._in_kpi

    # ---- lines -----------------------------------------------------------------------------------------------

    def line(self, line: str, where: str, *, styled: bool = False) -> None:
        """A line of a plan's text: heading, KPI passage, issue, goal, or text of the 施策 the reader stands in."""
        text = line.strip()
        if not text:
            return
        if (scheme := scheme_in(text)) is not None:
            self.close()
            self.outline.enter_scheme(scheme)
            return
        first, rest = _pillar_ahead(text)
        if (pillar := pillar_in(first)) is not None:
            self.enter_pillar(*pillar)
            if rest:
                self.line(rest, where)
            return
        if begins_kpis(text):
            self._open(text, where, styled=styled)
            return
        if self._in_kpi and not styled and self._goes_on(text):
            self._passage.append((text, where))
            return
        heading = None if _ISSUES.match(text) else heading_in(_without_weights(text), styled=styled)
        if heading is not None:
            self.close()
            self.outline.enter(heading)
            self._weights(text)
            return
        if _NUMBERS_TABLE.match(plain(text)) and len(self.outline.path) > 1:
            self.outline.leave("paren")
        if _ISSUES.match(text):
            self.close()
            self._in_issues = True
            text = _ISSUES.sub("", text).strip()
            if not text:
                return
        if self._in_kpi:
            self.close(keep_issues=True)
        self._text(text, where)

    def enter_pillar(self, number: str, title: str) -> None:
        """Stand in a pillar."""
        self.close()
        self.outline.enter_pillar(number, title)

    def _open(self, text: str, where: str, *, styled: bool) -> None:
        """Begin a KPI passage; what stands before it on the line is read first."""
        start = _KPI_START.search(text)
        assert start is not None
        ahead = text[: start.start()].strip(" -・　")
        if ahead:
            self.line(ahead, where, styled=styled)
        self.close()
        self._in_kpi = True
        self._passage = [(text[start.start() :].strip(" -・　"), where)]

    def _goes_on(self, text: str) -> bool:
        """Whether a line belongs to the open KPI passage."""
        so_far = "\n".join(t for t, _ in self._passage)
        if _PROVISO.match(text) or re.match(r"^(以上|以下|以内)?とする|^[(（][^()（）]*[)）]$", text):
            return True
        if pillar_in(text) or _ISSUES.match(text) or is_goal(text) or _WEIGHT.match(text):
            return False
        numbered_as = numbered_line(text)
        styles = {draft.style for draft in self.outline.path}
        if numbered_as and numbered_as.style not in styles and _next_number(so_far, text):
            return True
        stated = [s for s in kpis_in(so_far) if s.target is not None]
        if not stated:
            named = bool(hits(plain(text)))
            if says_none(so_far) or (len(self._passage) >= _LONGEST_PASSAGE and not named):
                return False
            return named or (
                heading_in(text) is None and not (_BULLET.match(text) and len(text) > _LONG_LINE)
            )
        if any(s.term is not None and s.target is not None for s in kpis_in(text)):
            return numbered_as is not None or len(text) < _LONG_SENTENCE
        if _BULLET.match(text) and any(s.term is not None and s.doubts for s in kpis_in(text)):
            return True
        cut = re.search(r"[ぁ-んァ-ヶ一-龠ー、，]$", self._passage[-1][0]) and not re.search(
            r"(する|した)$", so_far
        )
        return bool(cut) and numbered_as is None and not _NEW_BLOCK.match(text)

    def close(self, *, keep_issues: bool = False) -> None:
        """Read the KPI passage that is open and put its KPIs where it stands."""
        if self._in_kpi and self._passage:
            passage, where = "\n".join(t for t, _ in self._passage), self._passage[0][1]
            if not says_none(passage):
                self._kpis(passage, where)
        self._passage, self._in_kpi, self._goal, self._weight = [], False, None, ""
        if not keep_issues:
            self._in_issues = False

    def _kpis(self, passage: str, where: str) -> None:
        current = self.outline.current
        found = kpis_in(passage, own=[current.title] if current else [])
        style = numbered_line(found[0].number + "一") if found else None
        if current and current.parent and len(found) > 1 and style is not None and style.style == "paren":
            self.outline.leave("paren")
        if not any(s.target is not None or s.doubts for s in found):
            self.outline.review.append(Review(what="KPIの文を読み取れません。", passage=passage, where=where))
            self._holder().text.extend(passage.split("\n"))
        for stated in found:
            self.add(stated, where)

    # ---- KPIs ------------------------------------------------------------------------------------------------

    def add(self, stated: Stated, where: str) -> None:
        """Add a KPI to where the reader stands, or hold it against the same KPI read before."""
        if self.outline.scheme and stated.term is not None:
            doubt = f"{self.outline.scheme}のKPIです。健康保険のKPIの語彙にはありません。"
            stated = replace(stated, term=None, doubts=(doubt,))
        kpi = kpi_of(stated, where)
        for held in self.held():
            for n, other in enumerate(held):
                if other.measure == kpi.measure and (kpi.measure or plain(other.text) == plain(kpi.text)):
                    held[n] = merged(other, kpi)
                    return
        if stated.term is None and stated.target is None:
            what = stated.doubts[0] if stated.doubts else "読み取れません。"
            self.outline.review.append(Review(what=what, passage=stated.text, where=where))
            self._holder().text.append(stated.text)
            return
        self._holder().kpis.append(kpi)

    def _holder(self) -> InitiativeDraft | PillarDraft:
        """The 施策 or pillar the reader stands in; one without a name when it stands in none."""
        if self.outline.current is None and self.outline.pillar is None:
            self.outline.enter_pillar("", "（柱の見出しなし）")
        holder = self.outline.current or self.outline.pillar
        assert holder is not None
        return holder

    def held(self) -> Iterable[list[Kpi]]:
        """The lists of KPIs read so far, of every pillar and 施策."""

        def walk(drafts: Sequence[InitiativeDraft]) -> Iterable[list[Kpi]]:
            for draft in drafts:
                yield draft.kpis
                yield from walk(draft.children)

        for pillar in self.outline.pillars:
            yield pillar.kpis
            yield from walk(pillar.initiatives)

    def kpi(self, measure: str) -> Kpi | None:
        """The KPI of a measure as read so far."""
        return next((k for kpis in self.held() for k in kpis if k.measure == measure), None)

    def mark_overlooked(self) -> None:
        """Mark lines of text that state a target of a KPI which the plan does not hold otherwise."""
        if self.outline.scheme:
            return
        for text, where in [*self._lines, *((note, "") for note in self.notes)]:
            for stated in kpis_in(text):
                target = stated.target
                if stated.term and target and target.kind != "done" and self.kpi(stated.term.id) is None:
                    what = f"{stated.term.short}の目標のような文ですが、KPIとして読んでいません。"
                    self.outline.review.append(Review(what=what, passage=text, where=where))

    # ---- text ------------------------------------------------------------------------------------------------

    def _text(self, text: str, where: str) -> None:
        """Text of a 施策: goals, weights, issues and planned numbers are taken out of it; all of it stays."""
        current = self.outline.current
        if not (self.goals(text) | self._numbers(text)):
            self._lines.append((text, where))
        holder: InitiativeDraft | PillarDraft | None = current or self.outline.pillar
        if holder is None:
            self.notes.append(text)
            return
        if current and self._weights(text):
            return
        if current and self._weight in current.weights and not _BULLET.match(text):
            held = current.weights[self._weight]
            current.weights[self._weight] = held.model_copy(update={"why": held.why + text})
            return
        self._weight = ""
        if current and self._in_issues:
            current.issues.append(re.sub(r"^[○・●◆]\s*", "", text))
            return
        holder.text.append(text)

    def _weights(self, text: str) -> bool:
        """重要度 and 困難度 a line gives the present 施策; what follows the last of them is its reason."""
        current = self.outline.current
        found = list(_WEIGHT.finditer(text))
        if current is None or not found:
            return False
        for match, following in zip(found, [*found[1:], None], strict=True):
            why = text[match.end() : following.start() if following else len(text)].strip()
            current.weights[match["kind"]] = Weight(level=match["level"], why=why)
            self._weight = match["kind"]
        return True

    def goals(self, text: str) -> bool:
        """Take the goals a text states into the plan. Whether there are any."""
        found, self._goal = data_health_goals(text, self._goal)
        found = [*national_goals(text), *found]
        self.outline.goals.extend(found)
        return bool(found)

    def _numbers(self, text: str) -> bool:
        """Take the numbers of people planned for. Whether there are any."""
        holder = self.outline.current
        if holder is None:
            return False
        found = list(self._planned.read(text))
        for term, planned, rate in found:
            holder.planned[term.id] = planned
            if rate is not None:
                self._rates.append((holder, term, rate, text))
        return bool(found)

    def put_planned(self) -> None:
        """Put the planned numbers to their KPIs; a rate planned stands in for a KPI the plan does not state."""
        for holder, term, rate, text in self._rates:
            planned = holder.planned[term.id]
            if not self._put(term, planned, rate, text):
                doubt = Review(what="KPIの文がなく、数値目標から読みました。", passage=text)
                holder.kpis.append(
                    Kpi(
                        measure=term.id,
                        text=text,
                        target=AtLeast(value=rate),
                        unit=term.unit,
                        planned=planned,
                        review=(doubt,),
                    )
                )

    def _put(self, term: Term, planned: Planned, rate: Decimal, text: str) -> bool:
        for held in self.held():
            for n, kpi in enumerate(held):
                if kpi.measure == term.id:
                    review = kpi.review
                    if isinstance(kpi.target, AtLeast | AtMost) and kpi.target.value != rate:
                        what = f"KPIの目標と数値目標（{rate}％）が違います。"
                        review = (*review, Review(what=what, passage=text))
                    held[n] = kpi.model_copy(update={"planned": planned, "review": review})
                    return True
        return False


def _without_weights(text: str) -> str:
    """A heading without the 【重要度：高】 that stands behind it."""
    cut = re.sub(r"\s*[【\[]\s*(重要度|困難度)\s*[:：]?\s*[高中低]\s*[】\]]", "", text).strip()
    return cut or text


_PILLAR_AHEAD = re.compile(
    r"^(?P<pillar>[\s　]*[(（]?[1-3１-３][)）.．][\s　]*\S{6,16}?[関關][係係])[\s　]+(?P<rest>\S.*)$",
    re.DOTALL,
)


def _pillar_ahead(text: str) -> tuple[str, str]:
    """A line split behind the heading of a pillar that begins it."""
    match = _PILLAR_AHEAD.match(text)
    return (match["pillar"], match["rest"]) if match and pillar_in(match["pillar"]) else (text, "")


def _next_number(passage: str, text: str) -> bool:
    """Whether a line bears the number that follows the last one of a passage: 2) after 1)."""
    here = numbered_line(text)
    last = [mark for mark, _ in numbered(passage) if mark]
    before = numbered_line(last[-1] + "一") if last else None
    if here is None or before is None or here.style != before.style:
        return False
    return number_of(here.number) == number_of(before.number) + 1
