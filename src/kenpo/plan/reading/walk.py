"""The walk over a document's blocks (文書の走査): which lines and cells belong to the plan, and which to its progress."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kenpo.base.document import Block, Cell, Document, Heading, Paragraph, Table
from kenpo.plan import records
from kenpo.plan.model import Activity, Review
from kenpo.plan.outline import InitiativeDraft, Numbered, heading_in, numbered_line, pillar_in, scheme_in
from kenpo.plan.reading.columns import (
    Role,
    as_kpi_list,
    heads_kpis,
    labels_in,
    lists_branches,
    pairs_targets,
    roles_of,
)
from kenpo.plan.reading.cover import Cover, is_date, is_furniture, is_title, tables
from kenpo.plan.reading.kpi_list import KpiLists
from kenpo.plan.reading.progress import ProgressDraft
from kenpo.plan.reading.side import Side, begins_kpis
from kenpo.plan.sections import LEGEND, NOTES, POLICY, RESULTS, SIDE_BY_SIDE, WORKED_OUT
from kenpo.plan.vocabulary import plain

FRONT = "表紙"
"""What stands before the first heading of a document written by kenpo."""

_NAMELESS = Numbered("plain", "", "（施策の見出しなし）")
_SHEET = re.compile(r"シート「.*」")
"""The place of a heading that is the name of a sheet (Excel)."""
_POLICY = re.compile(r"^[\s◆■●【]*(?:\d[.．])?\s*(?:事業(?:計画|運営)の?)?基本(?:方針|的な?考え方?)[】]?$")
_BETWEEN = re.compile(
    r"(?<=[。)）])[\s　]*(?=[・○◎△▲●◆◇×][\s　]?\S)|[\s　]+(?=[○◎△×－](?:[\s　]|$))|(?<=[○◎△×－])[\s　]+(?=[○◎△×－](?:[\s　]|$))"
)


class Walk:
    """Reads a document block by block into its plans and their progress."""

    def __init__(self, document: Document, cover: Cover) -> None:
        self._document = document
        self._cover = cover
        roles = [set(roles_of(t)[0]) for t in tables(document)]
        self.two_plans = not cover.action_plan and any("action" in r for r in roles)
        self.annual, self.action = Side("annual"), Side("action")
        self.progress = ProgressDraft(cover)
        self._plan_in_tables = any("plan" in r for r in roles)
        self._lists = KpiLists(
            cover, {"annual": self.annual, "action": self.action}, self.two_plans, self.progress
        )
        self.taken: list[records.Taken] = []
        self._written = any(records.is_basics(t) for t in tables(document))
        self._section = FRONT if self._written else ""
        self._roles: tuple[Role, ...] = ()
        self._tops: list[InitiativeDraft] = []

    def read(self) -> None:
        """Walk from the first block to the last."""
        met_table = False
        for block in self._document.blocks:
            if self._written and self._in_section(block):
                continue
            if isinstance(block, Table):
                met_table |= bool(block.rows) and self._table(block)
            elif isinstance(block, Heading | Paragraph):
                mark = block.mark if isinstance(block, Paragraph) else ""
                for line in block.text.split("\n"):
                    if line.strip():
                        styled = isinstance(block, Heading)
                        self._prose(line, block.where, styled=styled, before=not met_table, mark=mark)
        for side in (self.annual, self.action):
            side.close()
            side.put_planned()
            side.mark_overlooked()

    def _in_section(self, block: Block) -> bool:
        """Whether a block of a document written by kenpo is done with: a heading of a section, or what stands there."""
        side = self.annual
        if isinstance(block, Heading) and _SHEET.fullmatch(block.where):
            return True  # its heading stands in the sheet as well
        if self._section == FRONT and isinstance(block, Heading) and block.text == self._document.title:
            return True
        said = {POLICY: side.policy, NOTES: side.notes}.get(self._section)
        if isinstance(block, Heading) and block.level == 1:
            side.close()
            named = block.text in WORKED_OUT or block.text in (POLICY, NOTES, SIDE_BY_SIDE)
            self._section = block.text if named else ""
            return named
        if isinstance(block, Table):
            return records.take(block, self.taken) or self._section in (FRONT, *WORKED_OUT)
        if said is not None and isinstance(block, Paragraph):
            said.append(block.text)
            return True
        return self._section in (FRONT, *WORKED_OUT) or (
            isinstance(block, Paragraph) and block.text == LEGEND
        )

    def _prose(self, line: str, where: str, *, styled: bool, before: bool, mark: str) -> None:
        """A line outside tables. before: no table of the plan has been met."""
        side = self.annual
        if (scheme := scheme_in(line)) is not None:
            for one in (side, self.action):
                one.close()
                one.outline.enter_scheme(scheme)
        elif pillar := pillar_in(line):
            for one in (side, self.action) if self.two_plans else (side,):
                one.enter_pillar(*pillar)
                one.in_policy = False
        elif _POLICY.match(line.strip()):
            side.close()
            side.in_policy = True
        elif self._plan_in_tables:
            in_pillar = self._written and side.outline.pillar is not None
            self._beside_tables(side, line, where, before=before and not in_pillar)
        elif side.outline.pillar is None and not begins_kpis(line) and self._is_front(line):
            if not self._is_scenery(line):
                (side.policy if side.in_policy else side.notes).append(line.strip())
        else:
            side.line((mark if mark not in ("・", "") else "") + line, where, styled=styled)
            if self._cover.report and not side.in_kpi and not styled:
                current = side.outline.current
                self.progress.told(current.title if current else "", [line], where)

    def _is_front(self, line: str) -> bool:
        """Whether a line before the first pillar is no heading of a 施策."""
        return self._is_scenery(line) or heading_in(line) is None

    def _is_scenery(self, line: str) -> bool:
        return is_title(line, self._cover.title) or is_date(line) or is_furniture(line)

    def _beside_tables(self, side: Side, line: str, where: str, *, before: bool) -> None:
        """A line outside tables in a document whose plan stands in tables."""
        if is_title(line, self._cover.title) or is_furniture(line):
            return
        if side.in_policy and before:
            side.policy.append(line.strip())
        elif before and numbered_line(line) is None:
            side.notes.append(line.strip())
        elif not before:
            side.line(line, where)

    # ---- tables ----------------------------------------------------------------------------------------------

    def _table(self, table: Table) -> bool:
        """Read a table by what its columns hold. Whether it is one of the plan's."""
        if lists_branches(table):
            self._branches(table, table.rows_where or (table.where,) * len(table.rows))
            return False
        table = as_kpi_list(table) or table
        wheres = table.rows_where or (table.where,) * len(table.rows)
        roles, heads = roles_of(table)
        within = next((labels_in(row) for row in table.rows[:6] if heads_kpis(row)), None)
        if within is not None:
            roles = within
        elif len(self._roles) == len(table.rows[0]) and (
            not roles or ("kpi" in self._roles and "kpi" not in roles and len(roles) > 3)
        ):
            roles = self._roles
        self._roles = roles
        kind = set(roles)
        if "kpi" in kind:
            self._lists.read(table, roles, heads, wheres)
        elif "measure" in kind or "how" in kind:
            self._activities(table, roles, heads, wheres)
        elif kind & {"action", "plan", "done"}:
            for row, where in list(zip(table.rows, wheres, strict=True))[heads:]:
                self._plan_row(row, roles, where)
        elif pairs_targets(table):
            self._lists.read(table, roles, 0, wheres)
        else:
            self._lines(table, wheres)
            return False
        return True

    def _lines(self, table: Table, wheres: Sequence[str]) -> None:
        """A table whose columns say nothing: each row's text in reading order, KPIs and headings as they come."""
        for row, where in zip(table.rows, wheres, strict=True):
            for cell in row:
                for line in [] if cell.continued else _cell_lines(cell):
                    self.annual.line(line, where)
        self.annual.close()

    def _branches(self, table: Table, wheres: Sequence[str]) -> None:
        """A list of many branches is kept as text: whose figures it holds is for a person to say."""
        side = self.annual
        side.close()
        holder = side.outline.current or side.outline.pillar
        rows = [" ".join(" ".join(c.lines) for c in row if not c.continued).strip() for row in table.rows]
        (holder.text if holder else side.notes).extend(r for r in rows if r)
        what = "支部ごとの数値の表です。この計画のKPIとしては読んでいません。"
        side.outline.review.append(Review(what=what, passage=rows[0], where=wheres[0]))

    def _plan_row(self, row: Sequence[Cell], roles: Sequence[Role], where: str) -> None:
        """A row of the plan beside its action plan, or beside what was done and what comes next."""
        touched: list[InitiativeDraft] = []
        for cell, role in zip(row, roles, strict=False):
            if role in ("plan", "action") and not cell.continued:
                side = self.action if role == "action" and self.two_plans else self.annual
                for line in _cell_lines(cell):
                    if plain(line) in ("-", "―", "—", "ー"):
                        continue
                    before = side.outline.current
                    side.line(line, where)
                    now = side.outline.current
                    if role == "plan" and now is not None and now is not before and now not in touched:
                        touched.append(now)
        current = self.annual.outline.current
        self._tops = (
            [d for d in touched if d.parent not in touched] or self._tops or ([current] if current else [])
        )
        if not {"done", "next"} & set(roles):
            return
        self.annual.close()
        for cell, role in zip(row, roles, strict=False):
            if role == "done" and not cell.continued:
                said = _cell_lines(cell)
                said = said[: said.index(RESULTS)] if self._written and RESULTS in said else said
                self.progress.done(self._tops, said, where)
            elif role == "next" and not cell.continued:
                self.progress.next(self._tops, _cell_lines(cell))

    def _activities(self, table: Table, roles: Sequence[Role], heads: int, wheres: Sequence[str]) -> None:
        """A table of 具体的な施策, 具体的な取り組み内容 and 実績: each row a 取組."""
        side = self.annual
        side.close()
        draft = side.outline.current or side.outline.enter(_NAMELESS)
        title = ""
        for row, where in list(zip(table.rows, wheres, strict=True))[heads:]:
            cells: dict[Role, list[str]] = {}
            for cell, role in zip(row, roles, strict=False):
                if not cell.continued or role == "":
                    cells.setdefault(role, []).extend(_cell_lines(cell))
            said, how = cells.get("measure", []), cells.get("how", [])
            done = cells.get("done", []) + cells.get("", [])
            title = " ".join(said).lstrip("・ 　") or title
            if not said and not how and not done:
                continue
            for line in how:
                side.goals(line)
            draft.activities.append(Activity(title=title, text=tuple(how)))
            if done:
                self.progress.activity(draft, len(draft.activities), done, where)
        self.progress.not_yet(draft)


def _cell_lines(cell: Cell) -> list[str]:
    """The lines of a cell, cut before bullets and marks that stand within them."""
    return [part.strip() for line in cell.lines for part in _BETWEEN.split(line) if part and part.strip()]
