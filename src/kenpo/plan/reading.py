"""Reading plans (計画文書の読み取り): a plan or progress document becomes the plan file and the progress file.

What the reader is not sure of it says: a Review with the passage and its place, on the KPI, the 施策 or the plan. It
never guesses in silence, and drops no text: what has no place of its own stays as text where it stood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from kenpo.base.branches import BRANCHES, NATION_CODE
from kenpo.base.document import Cell, Document, Heading, Paragraph, Table
from kenpo.base.era import parse_date, parse_fiscal_year
from kenpo.base.errors import ArgumentError
from kenpo.plan.judging import Mark
from kenpo.plan.model import (
    Activity,
    ActivityProgress,
    Actual,
    Goal,
    InitiativeProgress,
    Kpi,
    KpiProgress,
    Plan,
    Planned,
    Progress,
    Review,
    Weight,
    period_end,
)
from kenpo.plan.outline import (
    InitiativeDraft,
    Numbered,
    Outline,
    PillarDraft,
    alike,
    heading_in,
    numbered_line,
    pillar_in,
)
from kenpo.plan.results import actual_in, results, told_in, when_in
from kenpo.plan.sentences import NUMBER, UNIT, Stated, kpis_in, numbered, target_of
from kenpo.plan.targets import AtLeast, AtMost, Done, NotAboveLastYear, NotBelowLastYear, Target
from kenpo.plan.vocabulary import Term, hits, known, plain

Role = Literal[
    "action", "plan", "done", "next", "measure", "how", "kpi", "target", "actual", "when", "place", ""
]

_KPI_START = re.compile(
    r"[-・\s]*[■□◆●【<＜\[]\s*[KＫ]\s*[PＰ]\s*[IＩ](?!\s*(の)?(実績|達成状況))|^\s*[KＫ]\s*[PＰ]\s*[IＩ]\s*[:：]"
)
_KPI_RESULT = re.compile(r"[■□◆●【<＜\[]?\s*[KＫ]\s*[PＰ]\s*[IＩ]\s*(の)?(実績|達成状況)")
_PROVISO = re.compile(r"^[\s　]*([※＊(（]\s*※|※|ただし|但し|なお|前年度において|今年度において)")
_ISSUES = re.compile(r"^[\s　]*[【<＜\[]\s*(課題|現状と課題)\s*[】>＞\]]")
_WEIGHT = re.compile(r"[【\[]?\s*(?P<kind>重要度|困難度)\s*[:：]?\s*(?P<level>[高中低])\s*[】\]]?")
_GOAL = re.compile(r"(?:[【\[<＜]\s*)?(?P<level>上位|中位|下位)目標\s*(?:[】\]>＞]\s*[:：]?|[:：])\s*")
_NATIONAL = re.compile(
    rf"(?:国が(?:示す|定める|掲げる)|国の)[^。]*?(?P<name>特定健診|特定保健指導)の?(?:実施率)?の?(?:目標値?)(?:は|として)?、?(?P<year>(?:令和|平成|20)[^、。]{{1,6}}?年度)末?(?:まで)?に?(?P<value>{NUMBER})%"
)
_REACHED = re.compile(
    rf"(?P<year>(?:令和|平成)[元\d]{{1,2}}年度)(?:の)?(?:実績|実施率)は?、?(?P<value>{NUMBER})%"
)
_ELIGIBLE = re.compile(rf"対象者?数\)?[:：]?(?P<number>{NUMBER})人")
_EXPECTED = re.compile(rf"見込(?:者|件)?数\)?[:：]?(?P<number>{NUMBER})(?:人|件)")
_WHO = re.compile(r"被保険者|被扶養者")
_MARKS = "◎○〇△×－‐―ー-"
_MARK_HEAD = re.compile(rf"^(?P<mark>[{_MARKS}])(?:[\s　]+|$)|^(?P<tight>[◎○〇△×])(?=\S)")
_BETWEEN = re.compile(
    r"(?<=[。)）])[\s　]*(?=[・○◎△▲●◆◇×][\s　]?\S)|[\s　]+(?=[○◎△×－](?:[\s　]|$))|(?<=[○◎△×－])[\s　]+(?=[○◎△×－](?:[\s　]|$))"
)
_YEAR = re.compile(r"((?:令和|平成)(?:元|\d{1,2})|20\d\d|R\d{1,2})年度")
_YEARS = re.compile(
    r"(20\d\d|(?:令和|平成)(?:元|\d{1,2}))(?:年度)?(?:～|から|-)(20\d\d|(?:令和)?(?:元|\d{1,2}))年度"
)
_DATED = re.compile(r"^(?:令和|平成|20\d\d)[^、。]{0,8}年\d{1,2}月\d{1,2}日$")
_AMOUNT_CELL = re.compile(
    rf"^(?:約)?{NUMBER}{UNIT}?(?:以上|以下|以内|未満)?(?:[(][^)]*[)])?$|^対?前年度.{{0,20}}$|^実施$|^(?:全支部で)?実施(?:する)?$|^支部ごとに?設定$"
)
_TERMS_OF_ACTION_PLANS = {3: (2015, 2017), 4: (2018, 2020), 5: (2021, 2023), 6: (2024, 2026), 7: (2027, 2029)}
_LOOSE_ROMAN = re.compile(r"^([ivxⅰ-ⅻ]{1,4})[)）]?[\s　]+(?=\S)")
_NUMBERS_TABLE = re.compile(r"^[<＜【].{0,16}数値目標[>＞】]$")
_POLICY = re.compile(r"^[\s◆■●【]*(?:\d[.．])?\s*(?:事業(?:計画|運営)の?)?基本(?:方針|的な?考え方?)[】]?$")


@dataclass(frozen=True)
class Reading:
    """What a document holds: the annual plan, the action plan beside it, and the progress of a period.

    Any of them may be None. review: what should be looked at, of all of them together, in reading order.
    """

    annual: Plan | None
    action_plan: Plan | None
    progress: Progress | None
    review: tuple[Review, ...]


@dataclass
class _Progress:
    """Progress of a 施策 while it is read."""

    done: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    evaluated: Mark | None = None
    next: list[str] = field(default_factory=list)
    activities: list[ActivityProgress] = field(default_factory=list)
    review: list[Review] = field(default_factory=list)


@dataclass
class _Side:
    """One of the plans a document holds while it is read: its outline, and the KPI passage that is open."""

    role: Literal["annual", "action"]
    outline: Outline = field(default_factory=Outline)
    passage: list[tuple[str, str]] = field(default_factory=list)
    in_kpi: bool = False
    in_issues: bool = False
    goal: str = ""
    weight: str = ""
    who: str = ""
    eligible: int | None = None
    policy: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    in_policy: bool = False


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.lines = _all_lines(document)
        head = [text for text, _ in self.lines[:60]]
        self.title = _title(document, head)
        self.branch = _branch(self.title, head)
        self.year = _year(self.title, head)
        self.dated = _dated(head)
        self.draft = "案" in plain(self.title)
        self.period = _period(self.title, head, self.year)
        self.sides = {"annual": _Side("annual"), "action": _Side("action")}
        self.progress: dict[int, tuple[InitiativeDraft, _Progress]] = {}
        self.figures: dict[str, KpiProgress] = {}
        self.review: list[Review] = []
        self.roles: tuple[Role, ...] = ()
        self.end = period_end(self.period).strftime("%Y-%m") if self.period else ""
        self.two_plans = any(self._roles(t)[0].count("action") for t in _tables(document))
        self.plan_in_tables = any("plan" in self._roles(t)[0] for t in _tables(document))
        self.reported = any({"done", "next", "actual"} & set(self._roles(t)[0]) for t in _tables(document))
        self.kpi_heading: list[str] = []
        self.tops: list[InitiativeDraft] = []
        self.numbers: dict[int, list[tuple[InitiativeDraft, Term, Decimal, str]]] = {}

    # ---- the document, block by block ------------------------------------------------------------------------

    def read(self) -> Reading:
        """Everything the document holds."""
        met_table = False
        for block in self.document.blocks:
            if isinstance(block, Table):
                met_table |= self._table(block)
            elif isinstance(block, Heading):
                for line in block.text.split("\n"):
                    self._prose(line, block.where, styled=True, before=not met_table)
            elif isinstance(block, Paragraph):
                for line in _split(block.text):
                    self._prose(line, block.where, before=not met_table, mark=block.mark)
        for side in self.sides.values():
            self._close(side)
        return self._finish()

    def _prose(
        self, line: str, where: str, *, styled: bool = False, before: bool = False, mark: str = ""
    ) -> None:
        """A line outside tables."""
        if not line.strip():
            return
        sides = [self.sides["annual"]]
        if pillar := pillar_in(line):
            for side in self.sides.values() if self.two_plans else sides:
                self._close(side)
                side.outline.enter_pillar(*pillar)
                side.in_policy = False
            return
        side = sides[0]
        if _POLICY.match(line.strip()):
            self._close(side)
            side.in_policy = True
            return
        if self.plan_in_tables:
            if _is_title(line, self.title) or _is_furniture(line):
                return
            if side.in_policy and before:
                side.policy.append(line.strip())
            elif before and numbered_line(line) is None:
                side.notes.append(line.strip())
            elif not before:
                self._line(side, line, where, styled=False)
            return
        if side.outline.pillar is None and not _KPI_START.search(line):
            if _is_title(line, self.title) or _DATED.match(plain(line)) or _is_furniture(line):
                return
            if heading_in(line, styled=False) is None:
                (side.policy if side.in_policy else side.notes).append(line.strip())
                return
        self._line(side, (mark if mark not in ("・", "") else "") + line, where, styled=styled)

    # ---- lines of a plan -------------------------------------------------------------------------------------

    def _line(self, side: _Side, line: str, where: str, *, styled: bool = False) -> None:
        """A line of a plan's text: heading, KPI passage, issue, goal, or text of the 施策 the reader stands in."""
        text = line.strip()
        if not text:
            return
        first, rest = _pillar_ahead(text)
        if (pillar := pillar_in(first)) is not None:
            self._close(side)
            side.outline.enter_pillar(*pillar)
            if rest:
                self._line(side, rest, where)
            return
        if (start := _KPI_START.search(text)) and not _KPI_RESULT.search(text):
            if text[: start.start()].strip(" -・　"):
                self._line(side, text[: start.start()].strip(" -・　"), where, styled=styled)
            self._close(side)
            side.in_kpi = True
            side.passage = [(text[start.start() :].strip(" -・　"), where)]
            return
        if side.in_kpi and self._goes_on(side, text):
            side.passage.append((text, where))
            return
        heading = None if _ISSUES.match(text) else heading_in(text, styled=styled)
        if heading is not None:
            self._close(side)
            side.outline.enter(heading)
            return
        if (
            _NUMBERS_TABLE.match(plain(text))
            and len(side.outline.path) > 1
            and side.outline.path[-1].style == "paren"
        ):
            side.outline.path = side.outline.path[:-1]
        if _ISSUES.match(text):
            self._close(side)
            side.in_issues = True
            text = _ISSUES.sub("", text).strip()
            if not text:
                return
        if side.in_kpi:
            self._close(side, keep_issues=True)
        self._text(side, text, where)

    def _goes_on(self, side: _Side, text: str) -> bool:
        """Whether a line belongs to the open KPI passage."""
        so_far = "\n".join(t for t, _ in side.passage)
        if _PROVISO.match(text) or re.match(r"^(以上|以下|以内)?とする", text):
            return True
        if pillar_in(text) or _ISSUES.match(text) or _GOAL.match(text) or _KPI_START.search(text):
            return False
        numbered_as = numbered_line(text)
        styles = {draft.style for draft in side.outline.path}
        if numbered_as and numbered_as.style not in styles and _next_number(so_far, text):
            return True
        stated = [s for s in kpis_in(so_far) if s.target is not None]
        if not stated:
            return heading_in(text) is None or bool(hits(plain(text)))
        if any(s.term is not None for s in kpis_in(text) if s.target is not None):
            return numbered_line(text) is not None or len(text) < 120
        cut = re.search(r"[ぁ-んァ-ヶ一-龠ー、，]$", side.passage[-1][0]) and not re.search(
            r"(する|した)$", so_far
        )
        return bool(cut) and numbered_line(text) is None and not re.match(r"[・○●◆■□【<＜◎△]", text)

    def _close(self, side: _Side, *, keep_issues: bool = False) -> None:
        """Read the KPI passage that is open and put its KPIs where it stands."""
        if side.in_kpi and side.passage:
            passage, where = "\n".join(t for t, _ in side.passage), side.passage[0][1]
            self._kpis(side, passage, where)
        side.passage, side.in_kpi, side.goal, side.weight = [], False, "", ""
        if not keep_issues:
            side.in_issues = False

    def _kpis(self, side: _Side, passage: str, where: str) -> None:
        current = side.outline.current
        names = [current.title] if current else []
        found = kpis_in(passage, own=names)
        first = numbered_line(found[0].number + "一") if found else None
        alike_numbered = first is not None and first.style == "paren"
        if current and current.style == "paren" and current.parent and len(found) > 1 and alike_numbered:
            side.outline.path = side.outline.path[:-1]
        if not any(s.target is not None for s in found):
            side.outline.review.append(Review(what="KPIの文を読み取れません。", passage=passage, where=where))
        for stated in found:
            self._add(side, stated, where)

    def _add(self, side: _Side, stated: Stated, where: str) -> None:
        """Add a KPI to where the reader stands, or hold it against the same KPI read before."""
        kpi = _kpi(stated, where)
        for held in self._held(side):
            for n, other in enumerate(held):
                if other.measure == kpi.measure and (kpi.measure or plain(other.text) == plain(kpi.text)):
                    held[n] = _merged(other, kpi)
                    return
        if stated.term is None and stated.target is None:
            side.outline.review.append(
                Review(
                    what=stated.doubts[0] if stated.doubts else "読み取れません。",
                    passage=stated.text,
                    where=where,
                )
            )
            return
        target = side.outline.current or side.outline.pillar
        if target is None:
            side.outline.enter_pillar("", "（柱の見出しなし）")
            target = side.outline.pillar
        assert target is not None
        target.kpis.append(kpi)

    def _held(self, side: _Side) -> Iterable[list[Kpi]]:
        def walk(drafts: Sequence[InitiativeDraft]) -> Iterable[list[Kpi]]:
            for draft in drafts:
                yield draft.kpis
                yield from walk(draft.children)

        for pillar in side.outline.pillars:
            yield pillar.kpis
            yield from walk(pillar.initiatives)

    def _text(self, side: _Side, text: str, where: str) -> None:
        """Text of a 施策: goals, weights, issues and planned numbers are taken out of it; all of it stays."""
        current = side.outline.current
        self._goals(side, text)
        self._planned(side, text)
        holder: InitiativeDraft | PillarDraft | None = current or side.outline.pillar
        if holder is None:
            side.notes.append(text)
            return
        if current and (weight := _WEIGHT.search(text)):
            side.weight = weight["kind"]
            why = text[weight.end() :].strip()
            current.weights[side.weight] = Weight(level=weight["level"], why=why)
            return
        if current and side.weight and side.weight in current.weights and not re.match(r"[・○●◆■□【]", text):
            held = current.weights[side.weight]
            current.weights[side.weight] = held.model_copy(update={"why": held.why + text})
            return
        side.weight = ""
        if current and side.in_issues:
            current.issues.append(re.sub(r"^[○・●◆]\s*", "", text))
            return
        holder.text.append(text)

    def _goals(self, side: _Side, text: str) -> None:
        flat = plain(text)
        for match in _NATIONAL.finditer(flat):
            measure = "specific_checkup_rate_total" if match["name"] == "特定健診" else "guidance_rate_total"
            reached = _REACHED.search(flat, match.end())
            side.outline.goals.append(
                Goal(
                    level="national",
                    text=text,
                    measure=measure,
                    value=Decimal(match["value"]),
                    year=parse_fiscal_year(match["year"]),
                    reached=Actual(
                        value=Decimal(reached["value"]),
                        as_of=f"FY{parse_fiscal_year(reached['year'])}",
                        text=reached.group(0),
                    )
                    if reached
                    else None,
                )
            )
        marks = list(_GOAL.finditer(text))
        levels: dict[str, Literal["upper", "middle", "lower"]] = {
            "上位": "upper",
            "中位": "middle",
            "下位": "lower",
        }
        for n, mark in enumerate(marks):
            said = text[mark.end() : marks[n + 1].start() if n + 1 < len(marks) else len(text)].strip()
            side.goal = levels[mark["level"]]
            if said:
                side.outline.goals.append(Goal(level=levels[mark["level"]], text=said.lstrip("◆・○● ")))
        if not marks and side.goal and text.lstrip().startswith(("◆", "・", "○", "●")):
            side.outline.goals.append(
                Goal.model_validate({"level": side.goal, "text": text.strip().lstrip("◆・○● ")})
            )
        elif not marks:
            side.goal = ""

    def _planned(self, side: _Side, text: str) -> None:
        """People planned for (実施対象者数、実施見込者数), as the tables of numbers of a plan list them."""
        flat = plain(text)
        for piece in re.split(r"(?=[●○・](?!健診))", flat):
            if who := _WHO.search(piece):
                side.who = who.group(0)
            if eligible := _ELIGIBLE.search(piece):
                side.eligible = _int(eligible["number"])
            expected = _EXPECTED.search(piece)
            if expected is None:
                continue
            found = hits(piece if _WHO.search(piece) else f"{side.who}の{piece}")
            holder = side.outline.current
            if len({h.term.id for h in found}) != 1 or holder is None:
                continue
            holder.planned[found[0].term.id] = Planned(
                eligible=side.eligible, expected=_int(expected["number"])
            )
            rate = re.search(rf"率({NUMBER})%", piece)
            if rate:
                self._stated_number(side, found[0].term, Decimal(rate[1].replace(",", "")), text)

    def _stated_number(self, side: _Side, term: Term, value: Decimal, text: str) -> None:
        """A rate among the planned numbers, held against the KPI, or standing in for it where the plan states none."""
        holder = side.outline.current
        assert holder is not None
        holder.planned.setdefault(term.id, Planned())
        self.numbers.setdefault(id(side), []).append((holder, term, value, text))

    # ---- tables ----------------------------------------------------------------------------------------------

    def _roles(self, table: Table) -> tuple[tuple[Role, ...], int]:
        """What each column of a table holds, by its headings, and how many rows are headings."""
        labels = [""] * (len(table.rows[0]) if table.rows else 0)
        best: tuple[tuple[Role, ...], int] = ((), 0)
        for n, row in enumerate(table.rows[:4]):
            texts = [plain(c.text) for c in row]
            if any(len(t) > 40 for t in texts) or (best[1] and not all(_is_label(t) for t in texts)):
                break
            labels = [a + b for a, b in zip(labels, texts, strict=True)]
            roles: tuple[Role, ...] = tuple(_role(label) for label in labels)
            if sum(bool(r) for r in roles) >= 2:
                best = (roles, n + 1)
        return best

    def _table(self, table: Table) -> bool:
        roles, heads = self._roles(table)
        within = next(
            (r for r in map(_labels, table.rows[:6]) if "kpi" in r and sum(bool(x) for x in r) >= 2), None
        )
        if within is not None:
            roles = within
        elif len(self.roles) == len(table.rows[0]) and (
            not roles or ("kpi" in self.roles and "kpi" not in roles and len(roles) > 3)
        ):
            roles = self.roles
        self.roles = roles
        kind = set(roles)
        wheres = table.rows_where or (table.where,) * len(table.rows)
        if "kpi" in kind:
            self._kpi_table(table, roles, heads, wheres)
        elif "measure" in kind or "how" in kind:
            self._activity_table(table, roles, heads, wheres)
        elif kind & {"action", "plan", "done"}:
            for row, where in list(zip(table.rows, wheres, strict=True))[heads:]:
                self._plan_row(row, roles, where)
        else:
            return self._plain_table(table, wheres)
        return True

    def _plain_table(self, table: Table, wheres: Sequence[str]) -> bool:
        """A table whose columns say nothing: each row's text in reading order, KPIs and headings as they come."""
        for row, where in zip(table.rows, wheres, strict=True):
            for cell in row:
                if cell.continued:
                    continue
                for line in _cell_lines(cell):
                    self._line(self.sides["annual"], line, where)
        self._close(self.sides["annual"])
        return False

    def _plan_row(self, row: Sequence[Cell], roles: Sequence[Role], where: str) -> None:
        """A row of the plan beside its action plan, or beside what was done and what comes next."""
        touched: list[InitiativeDraft] = []
        for cell, role in zip(row, roles, strict=False):
            if role in ("plan", "action") and not cell.continued:
                side = self.sides["action" if role == "action" else "annual"]
                for line in _cell_lines(cell):
                    if plain(line) in ("-", "―", "—", "ー"):
                        continue
                    before = side.outline.current
                    self._line(side, line, where)
                    now = side.outline.current
                    if role == "plan" and now is not None and now is not before and now not in touched:
                        touched.append(now)
        side = self.sides["annual"]
        tops = [d for d in touched if d.parent not in touched] or self.tops
        if not tops and side.outline.current:
            tops = [side.outline.current]
        self.tops = tops
        if not {"done", "next"} & set(roles):
            return
        self._close(side)
        for cell, role in zip(row, roles, strict=False):
            if role == "done":
                self._done(tops, _cell_lines(cell), where)
            elif role == "next":
                self._next(tops, _cell_lines(cell), where)

    def _at(self, draft: InitiativeDraft) -> _Progress:
        return self.progress.setdefault(id(draft), (draft, _Progress()))[1]

    def _done(self, tops: Sequence[InitiativeDraft], lines: Sequence[str], where: str) -> None:
        """The cell of what was done: shared out among the 施策 of the row, and its KPI results read."""
        if not tops or not lines:
            return
        shares = _shared(tops, lines)
        sure = shares is not None
        if shares is None:
            shares = [list(lines), *([] for _ in tops[1:])]
            names = "、".join(f"{d.number}{d.title}" for d in tops)
            self._at(tops[0]).review.append(
                Review(
                    what=f"実施状況がどの施策のものか分けられません（{names}）。",
                    passage="\n".join(lines),
                    where=where,
                )
            )
            self._results(tops, lines, where)
        for draft, share in zip(tops, shares, strict=True):
            self._at(draft).done.extend(share)
            if sure:
                self._results([draft], share, where)

    def _results(self, drafts: Sequence[InitiativeDraft], lines: Sequence[str], where: str) -> None:
        """KPI results in what was done: those listed under ■ KPI実績, by number; then those told in the text."""
        begin = next((n for n, line in enumerate(lines) if _KPI_RESULT.search(line)), None)
        told = [*lines] if begin is None else [*lines[:begin]]
        if begin is not None:
            block = _result_block(lines[begin:])
            self._numbered_results(drafts, block, where)
            told += lines[begin + len(block) :]
        if begin is None:
            self._told(drafts[0], told, where)

    def _numbered_results(self, drafts: Sequence[InitiativeDraft], block: Sequence[str], where: str) -> None:
        draft, kpis = drafts[0], [k for d in drafts for k in _kpis_of(d)]
        notes = " ".join(line for line in block if line.strip().startswith("※"))
        parts = [
            part
            for part in results("\n".join(line for line in block if not line.strip().startswith("※")))
            if part[1]
        ]
        for n, (_, text) in enumerate(parts):
            if n >= len(kpis):
                self._at(draft).review.append(
                    Review(
                        what="KPIの数より実績の数が多く、どのKPIか分かりません。", passage=text, where=where
                    )
                )
                continue
            term = known(kpis[n].measure)
            actual = actual_in(
                f"{text} {notes}" if notes and _is_dash(text) else text, term, self.year, where=where
            )
            if actual is None:
                self._at(draft).review.append(
                    Review(what="KPIの実績を読み取れません。", passage=text, where=where)
                )
            else:
                self._figure(kpis[n].measure, kpis[n].text, actual)

    def _told(self, draft: InitiativeDraft, lines: Sequence[str], where: str) -> None:
        for line in lines:
            for told in told_in(line, self.year, within=_title_of(draft), where=where, default=self.end):
                self._figure(told.term.id, told.term.title, told.actual, nation=told.nation, rank=told.rank)

    def _figure(
        self,
        measure: str | None,
        text: str,
        actual: Actual,
        *,
        nation: Actual | None = None,
        rank: int | None = None,
    ) -> None:
        """A figure of a KPI. One that says no more than what is there is passed over; of two, both stay."""
        key = measure or text
        held = self.figures.get(key, KpiProgress(measure=measure, text="" if measure else text))
        actuals = list(held.actuals)
        for n, other in enumerate(actuals):
            if (other.value, other.state) == (actual.value, actual.state) and (
                other.as_of == actual.as_of or not actual.as_of or not other.as_of
            ):
                better = actual if _says_more(actual, other) else other
                status = other.status or actual.status
                actuals[n] = better.model_copy(
                    update={"status": status, "basis": other.basis or actual.basis}
                )
                break
        else:
            if actual.state == "value":
                actuals = [a for a in actuals if a.state == "value"]
                actuals.append(actual)
            elif not actuals:
                actuals.append(actual)
        self.figures[key] = held.model_copy(
            update={"actuals": tuple(actuals), "nation": nation or held.nation, "rank": rank or held.rank}
        )

    def _next(self, tops: Sequence[InitiativeDraft], lines: Sequence[str], where: str) -> None:
        """The cell of what comes next, with the marks ◎○△－× that stand in it."""
        if not tops:
            return
        at = self._at(tops[0])
        pending: list[Mark] = []
        for line in lines:
            text = line.strip()
            marks: list[Mark] = []
            while match := _MARK_HEAD.match(text):
                marks.append(Mark.of(match["mark"] or match["tight"]))
                text = text[match.end() :].strip()
            heading = numbered_line(text)
            target = (
                next((d for d in tops if d.number == heading.number and alike(d.title, heading.title)), None)
                if heading
                else None
            )
            if target is not None:
                at = self._at(target)
                at.marks.extend([*pending, *marks])
                pending = []
                continue
            if not text and marks and line == lines[0]:
                pending.extend(marks)
                continue
            at.marks.extend([*pending, *marks])
            pending = []
            if text:
                at.next.append(text)
        at.marks.extend(pending)
        del where

    def _activity_table(self, table: Table, roles: Sequence[Role], heads: int, wheres: Sequence[str]) -> None:
        """A table of 具体的な施策, 具体的な取り組み内容 and 実績: each row a 取組."""
        side = self.sides["annual"]
        self._close(side)
        draft = side.outline.current or side.outline.enter(_NAMELESS)
        title = ""
        for row, where in list(zip(table.rows, wheres, strict=True))[heads:]:
            cells: dict[Role, list[str]] = {}
            for cell, role in zip(row, roles, strict=False):
                if not cell.continued or role == "":
                    cells.setdefault(role, []).extend(_cell_lines(cell))
            said = cells.get("measure", [])
            if said:
                title = " ".join(said).lstrip("・ 　")
            how = cells.get("how", [])
            done = cells.get("done", []) + cells.get("", [])
            if not said and not how and not done:
                continue
            for line in how:
                self._goals(side, line)
            draft.activities.append(Activity(title=title, text=tuple(how)))
            if done:
                at = self._at(draft)
                at.activities.append(ActivityProgress(at=len(draft.activities), done=tuple(done)))
                self._told(draft, done, where)
        self._not_yet(draft)

    def _not_yet(self, draft: InitiativeDraft) -> None:
        """KPIs of a 施策 without figures: what the rows say of when they will be done, or that they were done."""
        rows = [line for a in self._at(draft).activities for line in a.done]
        for kpi in _kpis_of(draft):
            if kpi.measure is None or kpi.measure in self.figures:
                continue
            term = known(kpi.measure)
            if term is not None and term.better == "done":
                told = [
                    r
                    for r in rows
                    if hits(plain(r)) and re.search(r"(行った|実施した|実施。|発信した|参画し)", r)
                ]
                if told:
                    self._figure(kpi.measure, kpi.text, Actual(text=told[0], as_of=self.end))
                continue
            later = [r for r in rows if re.search(r"(第[1-4１-４]四半期|下期|上期|月).{0,14}実施", plain(r))]
            if later and len(later) >= len(rows) / 2:
                self._figure(kpi.measure, kpi.text, Actual(text=later[0], state="missing"))

    # ---- the list of KPIs ------------------------------------------------------------------------------------

    def _kpi_table(self, table: Table, roles: Sequence[Role], heads: int, wheres: Sequence[str]) -> None:
        """A list of KPIs (KPI一覧): KPI, target and actual, or KPI sentences beside earlier figures; also two side by side."""
        width = len(table.rows[0])
        heading = self.kpi_heading if len(self.kpi_heading) == width else [""] * width
        met = False
        for n, (row, where) in enumerate(zip(table.rows, wheres, strict=True)):
            labels = _labels(row)
            if n < heads and "kpi" not in labels and not met:
                continue
            if n < heads or "kpi" in labels:
                texts = [plain(c.text) for c in row]
                heading = [h + t for h, t in zip(heading, texts, strict=True)] if met else texts
                met = True
                continue
            met = False
            self.kpi_heading = heading
            groups = _groups(roles, width, self.two_plans)
            texts = [c.text if not c.continued else "" for c in row]
            if (line := next((t for t in texts if t.strip()), "")) and (pillar := pillar_in(line)):
                for side in self.sides.values() if self.two_plans else (self.sides["annual"],):
                    self._close(side)
                    side.outline.enter_pillar(*pillar)
                texts = [t if pillar_in(t) is None else "" for t in texts]
            for side_name, begin, end in groups:
                side = self.sides[side_name]
                if self.two_plans and len(groups) == 1:
                    side = self._whose(table)
                self._kpi_row(side, texts[begin:end], heading[begin:end], where)

    def _whose(self, table: Table) -> _Side:
        """Whose a list of KPIs is, in a document of two plans: of the one whose targets it repeats."""
        said = [s for row in table.rows for c in row for s in kpis_in(c.text) if s.term and s.target]

        def agreeing(side: _Side) -> int:
            held = {k.measure: k.target for kpis in self._held(side) for k in kpis}
            return sum(held.get(s.term.id) == s.target for s in said if s.term)

        return max(self.sides.values(), key=agreeing)

    def _kpi_row(self, side: _Side, texts: Sequence[str], heading: Sequence[str], where: str) -> None:
        filled = [(n, t.strip()) for n, t in enumerate(texts) if t.strip()]
        if not filled:
            return
        amount = next((i for i, (_, t) in enumerate(filled) if i > 0 and _AMOUNT_CELL.match(plain(t))), None)
        place = next(
            (
                t
                for i, (_, t) in enumerate(filled[:2])
                if heading_in(_lead(t)) is not None and not _states(t) and (amount is None or i < amount - 1)
            ),
            None,
        )
        at = next((i for i, (_, t) in enumerate(filled) if t != place and _states(t)), None)
        if place:
            self._stand(side, _lead(place))
        if amount is not None and (at is None or at >= amount or not _whole(filled[at][1])):
            self._kpi_with_target(side, filled, amount, heading, where)
        elif at is not None:
            self._kpi_sentences(side, filled, at, heading, where)
        elif len(filled) > 1 and any(hits(plain(t)) for _, t in filled):
            self._kpi_with_target(side, filled, None, heading, where)

    def _stand(self, side: _Side, place: str) -> None:
        """Stand in the 施策 a KPI list names (② サービス水準の向上、① i) 特定健診…)."""
        first = numbered_line(place)
        if first is None:
            return
        inner = numbered_line(_LOOSE_ROMAN.sub(r"\1) ", first.title))
        number, title = (inner.number, inner.title) if inner else (first.number, first.title)
        if found := side.outline.find(number, title):
            path = [found]
            while path[0].parent is not None:
                path.insert(0, path[0].parent)
            side.outline.path = path
            return
        self._close(side)
        side.outline.path = []
        if side.outline.pillar is not None and not side.outline.pillar.initiatives:
            side.outline.enter(first)

    def _kpi_with_target(
        self,
        side: _Side,
        filled: Sequence[tuple[int, str]],
        amount: int | None,
        heading: Sequence[str],
        where: str,
    ) -> None:
        """A row of KPI | 目標 | 実績 (| 時点)."""
        if amount is None:
            at = next(i for i, (_, t) in enumerate(filled) if hits(plain(t)) and heading_in(_lead(t)) is None)
            name, wanted, rest = filled[at][1], "", filled[at + 1 :]
        else:
            name, wanted, rest = filled[amount - 1][1], filled[amount][1], filled[amount + 1 :]
        flat = plain(name)
        found = hits(flat)
        if not found:
            side.outline.review.append(
                Review(
                    what="KPI一覧の行がどのKPIか分かりません。",
                    passage=" ".join(t for _, t in filled),
                    where=where,
                )
            )
            return
        term = found[0].term
        target, baseline, doubts = _cell_target(flat[found[0].end :], plain(wanted), term)
        if target is not None:
            self._add(
                side,
                Stated(f"{name} {wanted}".strip(), term, target, baseline, unit=term.unit, doubts=doubts),
                where,
            )
        self._cells_right(side, term, name, rest, heading, where)

    def _cells_right(
        self,
        side: _Side,
        term: Term,
        name: str,
        rest: Sequence[tuple[int, str]],
        heading: Sequence[str],
        where: str,
    ) -> None:
        """The cells behind a KPI's target: its actual, last year's figure, the nation's, the rank, each by its heading."""
        for at, text in _figures_beside(rest):
            label = heading[at]
            if re.search(r"判定|評価|達成|見込|経路|備考|内訳|差", label) and "実績" not in label:
                continue
            if "順位" in label:
                if match := re.match(r"(\d{1,2})(?:位)?(?:[/／](\d{1,2}))?", plain(text)):
                    self._beside(term, rank=int(match[1]), ranked=int(match[2]) if match[2] else None)
                continue
            actual = actual_in(text, term, self.year, where=where)
            if actual is None:
                self.review.append(
                    Review(what=f"{term.short}の実績を読み取れません。", passage=text, where=where)
                )
                continue
            named = when_in(label, self.year).as_of
            if actual.state == "value" and not actual.as_of and named:
                actual = actual.model_copy(update={"as_of": named})
            if "全国" in label:
                self._beside(term, nation=actual)
            elif self._earlier(label, named):
                as_of = actual.as_of or named or f"FY{(self.year or 0) - 1}"
                self._refer(side, term.id, actual.model_copy(update={"as_of": as_of}))
            else:
                self._figure(term.id, name, actual)

    def _earlier(self, label: str, named: str) -> bool:
        """Whether a column holds figures of an earlier year: 前年度, 令和4年度実績, 参考：令和元年度末."""
        if re.search(r"前年度|昨年度|参考", label):
            return True
        return named.startswith("FY") and self.year is not None and int(named[2:]) < self.year

    def _beside(
        self, term: Term, *, nation: Actual | None = None, rank: int | None = None, ranked: int | None = None
    ) -> None:
        held = self.figures.get(term.id, KpiProgress(measure=term.id))
        self.figures[term.id] = held.model_copy(
            update={
                "nation": nation or held.nation,
                "rank": rank or held.rank,
                "ranked": ranked or held.ranked,
            }
        )

    def _kpi_sentences(
        self, side: _Side, filled: Sequence[tuple[int, str]], at: int, heading: Sequence[str], where: str
    ) -> None:
        """A row of KPI sentences, with earlier figures beside them: ①99.92% ②91.1%."""
        stated = [s for s in kpis_in(filled[at][1]) if s.target is not None or s.term is not None]
        for one in stated:
            self._add(side, one, where)
        rest = " ".join(t for _, t in filled[at + 1 :])
        if not rest:
            return
        named = when_in(" ".join(heading[n] for n, _ in filled[at + 1 :]), None).as_of
        parts = [text for _, text in results(rest)]
        shared = len(parts) == 1 and len(stated) > 1
        for n, one in enumerate(stated):
            if one.term is None or (not shared and n >= len(parts)):
                continue
            figure = actual_in(parts[0 if shared else n], one.term, self.year, where=where, default=named)
            if figure is None or (shared and figure.state == "value"):
                side.outline.review.append(
                    Review(what=f"{one.term.short}の参考値を読み取れません。", passage=rest, where=where)
                )
                continue
            self._refer(side, one.term.id, figure.model_copy(update={"as_of": figure.as_of or named}))

    def _refer(self, side: _Side, measure: str, actual: Actual) -> None:
        for held in self._held(side):
            for n, kpi in enumerate(held):
                if kpi.measure == measure and all(r.as_of != actual.as_of for r in kpi.references):
                    held[n] = kpi.model_copy(update={"references": (*kpi.references, actual)})

    # ---- what comes out --------------------------------------------------------------------------------------

    def _finish(self) -> Reading:
        for side in self.sides.values():
            self._put_planned(side)
        annual = self._plan(self.sides["annual"])
        action = self._plan(self.sides["action"]) if self.two_plans else None
        if annual and action:
            annual = annual.model_copy(update={"action_plan": action.id})
        progress = self._progress(annual) if annual else None
        review = [*self.review]
        for plan in (annual, action):
            if plan is not None:
                review += [*plan.review, *(r for _, k in plan.kpis() for r in k.review)]
        if progress is not None:
            review += [*progress.review, *(r for i in progress.initiatives for r in i.review)]
        return Reading(annual, action, progress, tuple(review))

    def _put_planned(self, side: _Side) -> None:
        for holder, term, value, text in self.numbers.get(id(side), []):
            planned = holder.planned[term.id]
            for held in self._held(side):
                for n, kpi in enumerate(held):
                    if kpi.measure != term.id:
                        continue
                    review = kpi.review
                    if isinstance(kpi.target, AtLeast | AtMost) and kpi.target.value != value:
                        review = (
                            *review,
                            Review(what=f"KPIの目標と数値目標（{value}％）が違います。", passage=text),
                        )
                    held[n] = kpi.model_copy(update={"planned": planned, "review": review})
                    break
                else:
                    continue
                break
            else:
                doubt = Review(what="KPIの文がなく、数値目標から読みました。", passage=text)
                holder.kpis.append(
                    Kpi(
                        measure=term.id,
                        text=text,
                        target=AtLeast(value=value),
                        unit=term.unit,
                        planned=planned,
                        review=(doubt,),
                    )
                )

    def _plan(self, side: _Side) -> Plan | None:
        pillars = tuple(p.done() for p in side.outline.pillars if p.initiatives or p.kpis or p.text)
        if not pillars and not side.notes:
            return None
        first = last = self.year or 0
        title = self.title
        if side.role == "action":
            first, last, title = _action_years(self.document, self.year)
        review = list(side.outline.review)
        if self.year is None:
            review.insert(
                0, Review(what="どの年度の計画か分かりません。年度を書き入れてください。", passage=self.title)
            )
        if self.branch is None:
            review.insert(0, Review(what="本部か、どの支部の計画か分かりません。", passage=self.title))
        if not any(True for p in pillars for _ in (p.initiatives, p.kpis)):
            review.insert(0, Review(what="柱・施策・KPIが1つも見つかりません。", passage=self.title))
        return Plan(
            kind="action_plan" if side.role == "action" else "annual",
            branch=self.branch or NATION_CODE,
            first_year=first,
            last_year=last,
            title=_plan_title(title, self.lines),
            status="draft" if self.draft else "final",
            dated=self.dated,
            policy=tuple(side.policy),
            pillars=pillars,
            goals=tuple(_unique(side.outline.goals)),
            notes=tuple(side.notes),
            review=tuple(review),
        )

    def _progress(self, annual: Plan) -> Progress | None:
        outline = self.sides["annual"].outline
        entries = tuple(
            InitiativeProgress(
                initiative=outline.key(draft),
                done=tuple(p.done),
                marks=tuple(p.marks),
                evaluated=p.evaluated,
                next=tuple(p.next),
                activities=tuple(p.activities),
                review=tuple(p.review),
            )
            for draft, p in self.progress.values()
            if p.done or p.marks or p.next or p.activities
        )
        if not entries and not self.figures:
            return None
        review = []
        if self.year is None:
            review.append(Review(what="どの期間の進捗か分かりません。", passage=self.title))
        order = {k.measure: n for n, (_, k) in enumerate(annual.kpis())}
        figures = sorted(self.figures.values(), key=lambda k: order.get(k.measure, len(order)))
        return Progress(
            plan=annual.id,
            period=self.period or str(annual.first_year),
            title=self.title,
            dated=self.dated,
            initiatives=entries,
            kpis=tuple(figures),
            review=tuple(review),
        )


def read_plan(document: Document) -> Reading:
    """Turn a document into plan and progress. Raises ArgumentError when it has no text at all."""
    if not any(True for _ in _all_lines(document)):
        raise ArgumentError("文書に文字がありません。", todo="文字の入った文書を指定してください。")
    return _Reader(document).read()


# ---- helpers -----------------------------------------------------------------------------------------------------

_NAMELESS = Numbered("plain", "", "（施策の見出しなし）")


def _all_lines(document: Document) -> list[tuple[str, str]]:
    out = []
    for block in document.blocks:
        if isinstance(block, Table):
            out += [
                (line, block.where) for row in block.rows for c in row if not c.continued for line in c.lines
            ]
        elif isinstance(block, Heading | Paragraph):
            out += [(line, block.where) for line in block.text.split("\n")]
    return [(line, where) for line, where in out if line.strip()]


def _tables(document: Document) -> Iterable[Table]:
    return (b for b in document.blocks if isinstance(b, Table) and b.rows)


def _split(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _cell_lines(cell: Cell) -> list[str]:
    return [part.strip() for line in cell.lines for part in _BETWEEN.split(line) if part and part.strip()]


_PILLAR_AHEAD = re.compile(
    r"^(?P<pillar>[\s　]*[(（]?[1-3１-３][)）.．][\s　]*\S{6,16}?[関關][係係])[\s　]+(?P<rest>\S.*)$",
    re.DOTALL,
)


def _pillar_ahead(text: str) -> tuple[str, str]:
    """A line split behind the heading of a pillar that begins it."""
    match = _PILLAR_AHEAD.match(text)
    return (match["pillar"], match["rest"]) if match and pillar_in(match["pillar"]) else (text, "")


def _figures_beside(cells: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """Cells with figures; one that holds a date alone (9月時点) belongs to the figure before it."""
    out: list[tuple[int, str]] = []
    for at, text in cells:
        dated = when_in(text, 2000).as_of and not re.search(rf"{NUMBER}\s*(%|{UNIT})", plain(_undated(text)))
        if out and (dated or re.match(r"^[\s　]*※", text) or re.fullmatch(r"[-ー―－—]+", plain(text))):
            out[-1] = (out[-1][0], f"{out[-1][1]} {text}")
        else:
            out.append((at, text))
    return out


def _undated(text: str) -> str:
    return re.sub(r"(?:(?:令和|平成|20)[\d元]+年)?\d{1,2}月(\d{1,2}日)?", "", plain(text))


def _next_number(passage: str, text: str) -> bool:
    """Whether a line bears the number that follows the last one of a passage: 2) after 1)."""
    here = numbered_line(text)
    last = [mark for mark, _ in numbered(passage) if mark]
    before = numbered_line(last[-1] + "一") if last else None
    if here is None or before is None or here.style != before.style:
        return False
    return plain(here.number) == plain(before.number).replace(
        _count(before.number), str(int(_count(before.number)) + 1)
    )


def _count(number: str) -> str:
    """The digits of a number such as ①, (1) or 1)."""
    return re.sub(r"[^0-9]", "", plain(number)) or "0"


def _labels(row: Sequence[Cell]) -> tuple[Role, ...]:
    none: Role = ""
    return tuple(_role(text) if len(text := plain(c.text)) < 30 else none for c in row)


def _is_label(text: str) -> bool:
    """Whether a text can stand in a further row of headings."""
    named = re.fullmatch(r".*(年度|KPI|目標|実績|支部|全国|時点)末?", text)
    return not text or (len(text) <= 14 and bool(_role(text) or named))


def _role(label: str) -> Role:
    if not label:
        return ""
    if "アクションプラン" in label and "年度事業計画" not in label and "KPI" not in label:
        return "action"
    if re.search(r"KPI(設定項目|指標|項目|名)?$|^KPI|指標|評価項目|設定項目", label) and not re.search(
        r"目標|実績", label.replace("設定項目", "")
    ):
        return "kpi"
    if "具体的な施策" in label and "内容" not in label:
        return "measure"
    if re.search(r"取り?組み?(内容|事項)|具体的な取り?組", label) and not re.search("実施状況|実績", label):
        return "how"
    if re.search(r"今後|来期|次期", label):
        return "next"
    if re.search(r"時点$|年月$", label):
        return "when"
    if re.search(r"参考|実績|達成状況|年度末|結果", label) and len(label) < 22:
        return (
            "done"
            if re.search(r"実施|取組|四半期|上期|下期|実績[(]", label) and "年度末" not in label
            else "actual"
        )
    if re.search(r"実施状況|取り?組み?状況|進捗状況", label):
        return "done"
    if re.search(r"目標", label):
        return "target"
    if re.search(r"具体的施策|主な施策|^施策$|^項目$", label):
        return "place"
    if "事業計画" in label:
        return "plan"
    return ""


def _groups(
    roles: Sequence[Role], width: int, two_plans: bool
) -> list[tuple[Literal["annual", "action"], int, int]]:
    """The lists that stand side by side in one table: whose they are, and their columns."""
    if width % 2 or not two_plans or (list(roles).count("kpi") < 2 and width < 6):
        return [("annual", 0, width)]
    return [("action", 0, width // 2), ("annual", width // 2, width)]


def _kpi(stated: Stated, where: str) -> Kpi:
    return Kpi(
        measure=stated.term.id if stated.term else None,
        text=stated.text,
        target=stated.target,
        baseline=stated.baseline,
        unit=stated.unit or (stated.term.unit if stated.term else ""),
        notes=stated.notes,
        review=tuple(Review(what=d, passage=stated.text, where=where) for d in stated.doubts),
        where=where,
    )


def _merged(first: Kpi, second: Kpi) -> Kpi:
    """A KPI stated twice: what the first lacks is taken from the second; where they differ, both are shown."""
    target, baseline, review = first.target, first.baseline, list(first.review)
    if target is None or (second.target is not None and _more_exact(second.target, target)):
        target, baseline = second.target, second.baseline or baseline
        review = [*second.review] if first.target is None else review
    elif second.target is not None and not _agree(target, second.target):
        review.append(
            Review(
                what="同じKPIが文書の中で違う目標で書かれています。",
                passage=f"{first.text}／{second.text}",
                where=second.where,
            )
        )
    return first.model_copy(
        update={
            "target": target,
            "baseline": baseline if baseline is not None else second.baseline,
            "notes": first.notes or second.notes,
            "review": tuple(review),
        }
    )


def _more_exact(new: Target, old: Target) -> bool:
    """対前年度以上（0.292%以上） says more than 対前年度以上."""
    return (
        isinstance(new, NotBelowLastYear | NotAboveLastYear)
        and isinstance(old, NotBelowLastYear | NotAboveLastYear)
        and new.kind == old.kind
        and old.value is None
        and new.value is not None
    )


def _agree(a: Target, b: Target) -> bool:
    if isinstance(a, Done) and isinstance(b, Done):
        return True
    if a.kind == b.kind:
        x, y = getattr(a, "value", None), getattr(b, "value", None)
        return x is None or y is None or x == y
    relative = isinstance(a, NotBelowLastYear | NotAboveLastYear) or isinstance(
        b, NotBelowLastYear | NotAboveLastYear
    )
    return relative and getattr(a, "value", None) == getattr(b, "value", None)


def _says_more(a: Actual, b: Actual) -> bool:
    return (bool(a.as_of), bool(a.basis), a.persons is not None) > (
        bool(b.as_of),
        bool(b.basis),
        b.persons is not None,
    )


def _kpis_of(draft: InitiativeDraft) -> list[Kpi]:
    return [*draft.kpis, *(k for c in draft.children for k in _kpis_of(c))]


def _title_of(draft: InitiativeDraft) -> str:
    return draft.title


def _is_dash(text: str) -> bool:
    return bool(re.match(r"^[-ー－―—]+$", plain(text)))


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
    begins = [n for n, line in enumerate(lines) if _KPI_RESULT.search(line)]
    have = [bool(_kpis_of(d)) for d in tops]
    if sum(have) == len(begins) and begins:
        shares, at = [], 0
        for n, has in enumerate(have):
            last = n == len(have) - 1
            if has:
                start = begins.pop(0)
                end = start + len(_result_block(lines[start:]))
                shares.append(list(lines[at : len(lines) if last else end]))
                at = end
            elif last:
                shares.append(list(lines[at:]))
            else:
                return None
        return shares
    bullets = [n for n, line in enumerate(lines) if line.startswith(("・", "○", "●"))]
    counts = [sum(1 for t in d.text if t.startswith(("・", "○", "●"))) for d in tops]
    if bullets and bullets[0] == 0 and sum(counts) == len(bullets) and all(counts):
        shares, seen = [], 0
        for n, count in enumerate(counts):
            begin = bullets[seen]
            end = len(lines) if n == len(counts) - 1 else bullets[seen + count]
            shares.append(list(lines[begin:end]))
            seen += count
        return shares
    return None


def _states(text: str) -> bool:
    return any(s.target is not None and s.term is not None for s in kpis_in(text))


def _whole(text: str) -> bool:
    """Whether a cell states its targets in words, so that the cell beside it is no target but a figure."""
    return bool(re.search(r"(とする|する)", plain(text))) and _states(text)


def _lead(text: str) -> str:
    return text.replace("\n", " ").strip()


def _cell_target(
    after: str, wanted: str, term: Term
) -> tuple[Target | None, Decimal | None, tuple[str, ...]]:
    """The target of a KPI list's row: the words behind the KPI's name (対前年度以上) with the number beside (0.292%以上)."""
    said, _, said_doubts = target_of(after, term, whole=after)
    given, _, doubts = target_of(wanted, term, whole=wanted) if wanted else (None, None, ())
    if term.better == "done":
        return Done(all_branches="全支部" in after + wanted, every_month="毎月" in after + wanted), None, ()
    if isinstance(said, NotBelowLastYear | NotAboveLastYear) and isinstance(given, AtLeast | AtMost):
        return said.model_copy(update={"value": given.value}), given.value, said_doubts
    if given is not None:
        value = getattr(given, "value", None)
        return given, value if isinstance(given, NotBelowLastYear | NotAboveLastYear) else None, doubts
    return said, None, said_doubts


def _int(text: str) -> int:
    return int(text.replace(",", "").split(".")[0])


def _unique(goals: Sequence[Goal]) -> list[Goal]:
    out: list[Goal] = []
    for goal in goals:
        if all(
            (g.level, plain(g.text), g.measure) != (goal.level, plain(goal.text), goal.measure) for g in out
        ):
            out.append(goal)
    return out


def _title(document: Document, head: Sequence[str]) -> str:
    for text in [document.title, *head[:12]]:
        if re.search(r"事業計画|進捗|アクションプラン|事業報告", text or "") and _YEAR.search(plain(text)):
            return text.strip()
    return next((t.strip() for t in [document.title, *head] if t and t.strip()), "")


def _plan_title(title: str, lines: Sequence[tuple[str, str]]) -> str:
    """The plan's own title, where the document is titled as its progress."""
    if "進捗" not in title:
        return title
    own = (t.strip() for t, _ in lines[:60] if re.fullmatch(r".*年度.*事業計画(\(案\))?", plain(t)))
    return next(own, re.sub(r"の進捗(状況)?(について)?$", "", title))


def _branch(title: str, head: Sequence[str]) -> str | None:
    for text in [title, *head[:15]]:
        for branch in BRANCHES:
            if f"{branch.name.removesuffix('支部')}支部" in text:
                return branch.code
    if any("全国健康保険協会" in plain(t) or "アクションプラン" in plain(t) for t in [title, *head[:15]]):
        return NATION_CODE
    return None


def _year(title: str, head: Sequence[str]) -> int | None:
    for text in [title, *head]:
        if match := _YEAR.search(plain(text)):
            return parse_fiscal_year(match.group(0))
    return None


def _dated(head: Sequence[str]) -> date | None:
    for text in head[:20]:
        if _DATED.match(plain(text)):
            try:
                return parse_date(text)
            except ArgumentError:
                continue
    return None


def _period(title: str, head: Sequence[str], year: int | None) -> str | None:
    if year is None:
        return None
    for text in [title, *head]:
        flat = plain(text)
        if match := re.search(r"第([1-4])四半期", flat):
            return f"{year}Q{match[1]}"
        if "上期" in flat or "上半期" in flat:
            return f"{year}H1"
        if "下期" in flat or "下半期" in flat:
            return f"{year}H2"
    return str(year)


def _action_years(document: Document, year: int | None) -> tuple[int, int, str]:
    """First and last year and the title of the action plan a document prints beside the annual plan."""
    for text, _ in _all_lines(document):
        flat = plain(text)
        if "アクションプラン" not in flat:
            continue
        if match := _YEARS.search(flat):
            first = parse_fiscal_year(match[1] + "年度")
            return first, first + 2, _action_title(text)
        if match := re.search(r"第(\d)期", flat):
            first, last = _TERMS_OF_ACTION_PLANS.get(int(match[1]), (year or 0, (year or 0) + 2))
            return first, last, _action_title(text)
    return year or 0, (year or 0) + 2, "保険者機能強化アクションプラン"


def _action_title(text: str) -> str:
    match = re.search(r"第(\d)期", plain(text))
    return f"保険者機能強化アクションプラン（第{match[1]}期）" if match else "保険者機能強化アクションプラン"


def _is_title(line: str, title: str) -> bool:
    flat = plain(line)
    return flat == plain(title) or bool(
        re.fullmatch(r"(資料)?[\d-]+|.{0,20}事業計画(\(案\))?(の概要)?(\(案\))?", flat)
    )


def _is_furniture(line: str) -> bool:
    """Page numbers, legends and contents lists: no text of the plan."""
    flat = plain(line)
    return bool(
        re.fullmatch(r"[-\d/]+|.*〈P\d+.*|◆.*<P\d.*|実施状況:◎.*", flat)
        or re.search(r"^実施状況[:：].*◎", flat)
    )
