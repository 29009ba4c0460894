"""Lists of KPIs (KPI一覧): KPI, target, and the figures beside them, each by the heading of its column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from kenpo.base.document import Table
from kenpo.plan.amounts import NUMBER, UNIT
from kenpo.plan.model import Actual, Review
from kenpo.plan.outline import Numbered, heading_in, numbered_line, pillar_in, scheme_in
from kenpo.plan.reading.columns import (
    Role,
    heads_kpis,
    of_another_year,
    of_earlier_year,
    side_by_side,
    year_of,
)
from kenpo.plan.reading.cover import Cover, is_furniture, is_title
from kenpo.plan.reading.kpi_cells import (
    Column,
    is_whole,
    joined,
    names_kpi,
    one_line,
    states_kpi,
    with_targets,
)
from kenpo.plan.reading.progress import ProgressDraft
from kenpo.plan.reading.side import Side
from kenpo.plan.results import actual_in, results, when_in
from kenpo.plan.sentences import Stated, kpis_in
from kenpo.plan.vocabulary import Term, hits, plain

_AMOUNT_CELL = re.compile(
    rf"^(?:約)?{NUMBER}{UNIT}?(?:以上|以下|以内|未満)?(?:[(][^)]*[)])?$|^対?前年度.{{0,20}}$|^実施$|^(?:全支部で)?実施(?:する)?$|^支部ごとに?設定$"
)
_LONG_CELL = 60
_SHORT_CELL = 25
_LOOSE_ROMAN = re.compile(r"^([ivxⅰ-ⅻ]{1,4})[)）]?[\s　]+(?=\S)")
_NO_FIGURES = re.compile(r"判定|評価|見込|経路|備考|内訳|差$|差異|達成率|達成度|進捗率|対計画|担当|定義|算出")
_VERDICT = re.compile(r"^[①-⑳()\d]*(?:[◎○〇△×－-]|(?:概ね|未)?達成|未定|A|B|C|D|S)$")


class KpiLists:
    """Reads the lists of KPIs of a document into its plans and their progress."""

    def __init__(
        self, cover: Cover, sides: dict[str, Side], two_plans: bool, progress: ProgressDraft
    ) -> None:
        self._cover = cover
        self._sides = sides
        self._two_plans = two_plans
        self._progress = progress
        self._headings: dict[int, list[str]] = {}

    def read(self, table: Table, roles: Sequence[Role], heads: int, wheres: Sequence[str]) -> None:
        """A list of KPIs, or two side by side; its headings may stand in any row, or in the list before it."""
        for side in self._sides.values():
            side.close()
        width = len(table.rows[0])
        heading, met = self._headings.get(width, [""] * width), False
        for n, (row, where) in enumerate(zip(table.rows, wheres, strict=True)):
            named = heads_kpis(row)
            if n < heads and not named and not met:
                continue
            if n < heads or named:
                texts = [plain(c.text) for c in row]
                heading = (
                    [h if h == t else h + t for h, t in zip(heading, texts, strict=True)] if met else texts
                )
                met = True
                continue
            met = False
            self._headings[width] = heading
            texts = [c.text if not c.continued else "" for c in row]
            covered = [c.text if c.continued else "" for c in row]
            self._pillar(texts)
            texts = [t if pillar_in(t) is None else "" for t in texts]
            groups = side_by_side(roles, width, self._two_plans)
            for name, begin, end in groups:
                side = self._sides[name]
                if self._two_plans and len(groups) == 1:
                    side = self._whose(table)
                cells = [Column(at, texts[at].strip(), heading[at]) for at in range(begin, end)]
                spanned = [Column(at, covered[at].strip(), heading[at]) for at in range(begin, end)]
                self._row(side, cells, spanned, where)

    def _pillar(self, texts: Sequence[str]) -> None:
        line = next((t for t in texts if t.strip()), "")
        if (scheme := scheme_in(line)) is not None:
            for side in self._sides.values():
                side.outline.enter_scheme(scheme)
        if pillar := pillar_in(line):
            for side in self._sides.values() if self._two_plans else (self._sides["annual"],):
                side.enter_pillar(*pillar)

    def _whose(self, table: Table) -> Side:
        """Whose a list of KPIs is, in a document of two plans: of the one whose targets it repeats."""
        said = [s for row in table.rows for c in row for s in kpis_in(c.text) if s.term and s.target]

        def agreeing(side: Side) -> int:
            held = {k.measure: k.target for kpis in side.held() for k in kpis}
            return sum(held.get(s.term.id) == s.target for s in said if s.term)

        return max(self._sides.values(), key=agreeing)

    # ---- a row -----------------------------------------------------------------------------------------------

    def _row(self, side: Side, cells: Sequence[Column], spanned: Sequence[Column], where: str) -> None:
        filled = [c for c in cells if c.text]
        if not filled:
            return
        name = next((c for c in filled if c.role == "kpi" and names_kpi(c)), None)
        targets = [c for c in cells if c.role == "target"]
        by_heading = name is not None and (bool(targets) or not states_kpi(name.text))
        if by_heading and name is not None:
            self._places(side, [c for c in filled if c.at < name.at], _is_new(side, filled))
            spans = [c for c in spanned if c.role == "target" and c.text]
            self._headed(side, name, filled, [c for c in targets if c.text] or spans, where)
        else:
            self._by_position(side, filled, where)

    def _places(self, side: Side, cells: Sequence[Column], new: bool) -> None:
        """The 施策 the cells before a KPI name, and what else stands there: text of that 施策. new: so is the KPI."""
        for cell in cells:
            if cell.role == "plan" and ("\n" in cell.text or len(cell.flat) > _LONG_CELL):
                for line in cell.text.split("\n"):
                    side.line(line, "")
                side.close()
            elif heading_in(one_line(cell.text)) is not None:
                self._stand(side, one_line(cell.text), new)
            elif cell.role in ("place", "measure", "plan") and not states_kpi(cell.text):
                self._stand_by_title(side, one_line(cell.text))
            elif cell.role in ("how", "done", "measure", "plan", "place") or len(cell.flat) > 3:
                side.line(cell.text, "")

    def _headed(
        self,
        side: Side,
        name: Column,
        filled: Sequence[Column],
        targets: Sequence[Column],
        where: str,
    ) -> None:
        """A row read by its headings: the KPI's own column, that of this year's target, and figures beside them."""
        target, doubts = self._this_years(targets, filled, name)
        notes = tuple(f"{c.label}：{one_line(c.text)}" for c in targets if c is not target)
        stated = [replace(s, notes=(*s.notes, *notes)) for s in with_targets(name, target)]
        if doubts:
            stated = [replace(s, doubts=(*s.doubts, *doubts)) for s in stated]
        for one in stated:
            side.add(one, where)
        taken = {name.at, *(c.at for c in targets), target.at if target else -1}
        beside = [c for c in filled if c.at not in taken and (c.at > name.at or c.role == "actual")]
        current = side.outline.current
        for cell in [c for c in beside if c.role in ("done", "next") and not _is_figure(c.flat)]:
            beside.remove(cell)
            lines = cell.text.split("\n")
            if current and cell.role == "done":
                self._progress.done([current], lines, where)
            elif current:
                self._progress.next([current], lines)
        self._figures(side, stated, beside, where)

    def _this_years(
        self, targets: Sequence[Column], filled: Sequence[Column], name: Column
    ) -> tuple[Column | None, tuple[str, ...]]:
        """The column of this year's target: not that of another year, nor of the three-year plan."""
        own = [c for c in targets if not of_another_year(c.label, self._cover.year)]
        if len(own) > 1:
            exact = [c for c in own if year_of(c.label) == self._cover.year]
            own = exact or own
        if own:
            doubt = ("目標の列が2つ以上あります。1つ目を採りました。",) if len(own) > 1 else ()
            return own[0], doubt
        if targets:
            return None, ("この年度の目標の列がありません。",)
        year = self._cover.year
        only = [c for c in filled if c.at > name.at and year_of(c.label) == year and not c.role]
        if only and not states_kpi(name.text):
            return only[0], ("列の見出しに「目標」とありません。この年度の列を目標と読みました。",)
        return None, ()

    def _by_position(self, side: Side, filled: Sequence[Column], where: str) -> None:
        """A row without headings of its own, or whose cells stand beside them: KPI, then target, then figures."""
        amount = next(
            (
                i
                for i, c in enumerate(filled)
                if i > 0 and _AMOUNT_CELL.match(c.flat) and self._can_be_asked(c)
            ),
            None,
        )
        place = next(
            (
                c
                for i, c in enumerate(filled[:2])
                if heading_in(one_line(c.text)) is not None
                and not states_kpi(c.text)
                and (amount is None or i < amount - 1)
            ),
            None,
        )
        at = next((i for i, c in enumerate(filled) if c is not place and states_kpi(c.text)), None)
        if place:
            self._stand(side, one_line(place.text), _is_new(side, filled))
        if amount is not None and (at is None or at >= amount or not is_whole(filled[at].text)):
            stated = with_targets(filled[amount - 1], filled[amount])
            if not stated:
                what = "KPI一覧の行がどのKPIか分かりません。"
                passage = " ".join(c.text for c in filled)
                side.outline.review.append(Review(what=what, passage=passage, where=where))
            rest = filled[amount + 1 :]
        elif at is not None:
            stated = [s for s in kpis_in(filled[at].text) if s.target is not None or s.term is not None]
            rest = filled[at + 1 :]
        else:
            at = next(
                (i for i, c in enumerate(filled) if names_kpi(c) and heading_in(one_line(c.text)) is None),
                None,
            )
            if at is None:
                for cell in filled:
                    if cell is not place and not is_furniture(cell.text) and not is_title(cell.text, ""):
                        side.line(cell.text, where)
                return
            stated, rest = with_targets(filled[at], None), filled[at + 1 :]
        for one in stated:
            side.add(one, where)
        self._figures(side, stated, rest, where)

    def _can_be_asked(self, cell: Column) -> bool:
        """Whether a cell can be this year's target: its column is not one of figures or of another year."""
        year = year_of(cell.label)
        if cell.role == "target":
            return not of_another_year(cell.label, self._cover.year)
        return not (cell.role == "actual" and "KPI" not in cell.label and year != self._cover.year)

    # ---- where a row stands ----------------------------------------------------------------------------------

    def _stand(self, side: Side, place: str, new: bool) -> None:
        """Stand in the 施策 a KPI list names (② サービス水準の向上、① i) 特定健診…). new: the plan has it not yet."""
        first = numbered_line(place)
        if first is None:
            return
        inner = numbered_line(_LOOSE_ROMAN.sub(r"\1) ", first.title))
        number, title = (inner.number, inner.title) if inner else (first.number, first.title)
        if found := side.outline.find(number, title):
            side.outline.stand(found)
            return
        side.close()
        side.outline.path = []
        if new or (side.outline.pillar is not None and not side.outline.pillar.initiatives):
            side.outline.enter(first)

    def _stand_by_title(self, side: Side, title: str) -> None:
        """Stand in the 施策 a row names without a number; a new one when there is none of that title."""
        side.close()
        if found := side.outline.find("", title):
            side.outline.stand(found)
            return
        side.outline.path = []
        side.outline.enter(Numbered("plain", "", title))

    # ---- figures ---------------------------------------------------------------------------------------------

    def _figures(self, side: Side, stated: Sequence[Stated], cells: Sequence[Column], where: str) -> None:
        """The cells beside KPIs: actuals, last year's figures, the nation's, the rank, each by its heading."""
        known = [s for s in stated if s.term is not None]
        for label, text in joined(cells):
            if _NO_FIGURES.search(label) and "実績" not in label:
                self._note(side, known, label, text)
                continue
            parts = [part for _, part in results(text)]
            if parts and all(_VERDICT.match(plain(p)) for p in parts) and re.search("達成|評価|結果", label):
                continue
            if len(known) > 1 and len(parts) not in (1, len(known)):
                what = "数値の数がKPIの数と違い、どのKPIのものか分かりません。"
                side.outline.review.append(Review(what=what, passage=text, where=where))
                continue
            shared = len(parts) == 1 and len(known) > 1
            for n, one in enumerate(known):
                if one.term is not None:
                    self._figure(
                        side,
                        one,
                        label,
                        text if len(known) == 1 else parts[0 if shared else n],
                        shared,
                        where,
                    )

    def _figure(self, side: Side, stated: Stated, label: str, text: str, shared: bool, where: str) -> None:
        term = stated.term
        assert term is not None
        if "順位" in label:
            if match := re.match(r"(?:第)?(\d{1,2})(?:位)?(?:[/／](\d{1,2}))?", plain(text)):
                ranked = int(match[2]) if match[2] else None
                self._progress.beside(term.id, rank=int(match[1]), ranked=ranked)
            return
        actual = actual_in(text, term, self._cover.year, where=where)
        if actual is None or (shared and actual.state == "value"):
            if not re.search(r"\d", text) and "実績" not in label and "参考" not in label:
                self._note(side, [stated], label, text)
                return
            what = f"{term.short}の{'参考値' if '参考' in label else '実績'}を読み取れません。"
            side.outline.review.append(Review(what=what, passage=text, where=where))
            return
        if not label and not actual.as_of and actual.state == "value":
            self._note(side, [stated], "", text)
            what = f"{term.short}の横の数値に見出しがなく、いつの何の数値か分かりません。"
            side.outline.review.append(Review(what=what, passage=text, where=where))
            return
        named = when_in(label, self._cover.year).as_of
        if not named and (year := year_of(label)):
            named = f"FY{year}" if year != self._cover.year else ""
        if (
            not actual.as_of
            and named
            and (actual.state == "value" or of_earlier_year(label, self._cover.year))
        ):
            actual = actual.model_copy(update={"as_of": named})
        if "全国" in label:
            self._progress.beside(term.id, nation=actual)
        elif of_earlier_year(label, self._cover.year):
            as_of = actual.as_of or f"FY{(self._cover.year or 0) - 1}"
            self._refer(side, term, actual.model_copy(update={"as_of": as_of}))
        else:
            self._progress.figure(term.id, stated.text, actual)

    def _note(self, side: Side, stated: Sequence[Stated], label: str, text: str) -> None:
        """What a cell says that is no figure stays as a note of its KPIs."""
        measures = {s.term.id for s in stated if s.term}
        note = f"{label}：{one_line(text)}".lstrip("：")
        for held in side.held():
            for n, kpi in enumerate(held):
                if kpi.measure in measures and note not in kpi.notes and not _VERDICT.match(plain(text)):
                    held[n] = kpi.model_copy(update={"notes": (*kpi.notes, note)})

    def _refer(self, side: Side, term: Term, actual: Actual) -> None:
        for held in side.held():
            for n, kpi in enumerate(held):
                if kpi.measure == term.id and all(r.as_of != actual.as_of for r in kpi.references):
                    held[n] = kpi.model_copy(update={"references": (*kpi.references, actual)})


def _is_figure(flat: str) -> bool:
    """Whether a text can be a figure or its state, and not a report of what was done."""
    return len(flat) <= _SHORT_CELL or bool(re.match(r"[①-⑳(]*\d", flat))


def _is_new(side: Side, cells: Sequence[Column]) -> bool:
    """Whether a row names a KPI the plan does not hold yet."""
    return any(side.kpi(hit.term.id) is None for cell in cells for hit in hits(cell.flat))
