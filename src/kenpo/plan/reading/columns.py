"""What the columns of a table hold (表の列), by their headings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from kenpo.base.branches import BRANCHES
from kenpo.base.document import Cell, Table
from kenpo.plan.results import fiscal_year_in, when_in
from kenpo.plan.vocabulary import hits, plain

Role = Literal[
    "action", "plan", "done", "next", "measure", "how", "kpi", "target", "actual", "when", "place", ""
]
_NONE: Role = ""
_LONGEST = 30
_SHORT_YEAR = re.compile(r"((?:令和|平成|R|H)(?:元|\d{1,2}))年?(?![年度\d.月])")
_BRANCH_NAMES = frozenset(b.name.removesuffix("支部") for b in BRANCHES)
_MANY_BRANCHES = 5
_TARGET_CELL = re.compile(r"[\d.,]+\D{0,4}(?:以上|以下|以内)|対?前年度末?(?:[(][^)]*[)])?以[上下].{0,20}")


def roles_of(table: Table) -> tuple[tuple[Role, ...], int]:
    """What each column of a table holds, and how many rows are headings."""
    labels = [""] * (len(table.rows[0]) if table.rows else 0)
    best: tuple[tuple[Role, ...], int] = ((), 0)
    for n, row in enumerate(table.rows[:4]):
        texts = [plain(c.text) for c in row]
        if any(len(t) > 40 for t in texts) or (best[1] and not all(_is_label(t) for t in texts)):
            break
        labels = [a + b for a, b in zip(labels, texts, strict=True)]
        roles: tuple[Role, ...] = tuple(role_of(label) for label in labels)
        if sum(bool(r) for r in roles) >= 2:
            best = (roles, n + 1)
    return best


def labels_in(row: Sequence[Cell]) -> tuple[Role, ...]:
    """The roles the cells of one row name, when it is a row of headings."""
    return tuple(role_of(text) if len(text := plain(c.text)) < _LONGEST else _NONE for c in row)


def heads_kpis(row: Sequence[Cell]) -> bool:
    """Whether a row is the headings of a list of KPIs."""
    roles = labels_in(row)
    return "kpi" in roles and sum(bool(r) for r in roles) >= 2


def _is_label(text: str) -> bool:
    """Whether a text can stand in a further row of headings."""
    named = re.fullmatch(r".*(年度|KPI|目標値?|実績値?|支部|全国|平均|順位|時点)末?", text)
    return not text or (len(text) <= 14 and bool(role_of(text) or named))


def role_of(label: str) -> Role:
    """What a column with this heading holds; label as `plain` gives it."""
    if not label:
        return ""
    if "アクションプラン" in label and not re.search(r"年度事業計画|KPI|目標", label):
        return "action"
    if re.search(r"KPI(設定項目|指標|項目|名)?$|^KPI|指標|評価項目|設定項目", label) and not re.search(
        r"目標値|目標|実績|達成", re.sub(r"設定項目|目標指標|達成目標[(]KPI[)]", "", label)
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
    if re.search(r"目標", label) and not re.search(r"実績|達成", label):
        return "target"
    if re.search(r"参考|実績|達成状況|年度末|結果", label) and len(label) < 22:
        return (
            "done"
            if re.search(r"実施|取組|四半期|上期|下期|実績[(]", label) and "年度末" not in label
            else "actual"
        )
    if re.search(r"実施状況|取り?組み?状況|進捗状況", label):
        return "done"
    if re.search(r"具体的施策|主な施策|^施策名?$|^項目$|^事業(名)?$|^区分$|^取組$", label):
        return "place"
    if "事業計画" in label:
        return "plan"
    return ""


def year_of(label: str) -> int | None:
    """The fiscal year a heading names: 令和5年度目標, R3目標."""
    as_of = when_in(label, None).as_of
    if as_of.startswith("FY"):
        return int(as_of[2:])
    short = _SHORT_YEAR.search(label)
    return fiscal_year_in(f"{short[1]}年度") if short else None


def of_another_year(label: str, year: int | None) -> bool:
    """Whether a column of targets is not of this year: of the three-year plan, of last year or of the nation."""
    named = year_of(label)
    if named is not None:
        return named != year
    return bool(re.search(r"アクションプラン|第\d期|最終年度|中期|全国|前年度|昨年度", label))


def of_earlier_year(label: str, year: int | None) -> bool:
    """Whether a column holds figures of an earlier year: 前年度, 令和4年度実績, R4実績, 参考：令和元年度末."""
    if re.search(r"前年度|昨年度|参考", label):
        return True
    named = year_of(label)
    return named is not None and year is not None and named < year


def lists_branches(table: Table) -> bool:
    """Whether a table is a list of many branches (支部ごとの目標), whose figures are not this branch's own."""
    names = {plain(c.text).removesuffix("支部") for row in table.rows for c in row[:3] if not c.continued}
    if len(names & _BRANCH_NAMES) >= _MANY_BRANCHES:
        return True
    heads = {plain(c.text).removesuffix("支部") for row in table.rows[:2] for c in row if not c.continued}
    return len(heads & _BRANCH_NAMES) >= _MANY_BRANCHES


def as_kpi_list(table: Table) -> Table | None:
    """A table of targets whose headings do not say KPI, or that lists KPIs from left to right, as a list of KPIs.

    None when it is no such table.
    """
    turned = _turned(table)
    if turned is not None:
        table = turned
    head = next((n for n, row in enumerate(table.rows[:3]) if _heads_targets(row)), None)
    if head is None or any(heads_kpis(row) for row in table.rows[:6]):
        return turned
    free = [at for at, role in enumerate(labels_in(table.rows[head])) if role in ("", "place")]
    named = {at: sum(bool(hits(plain(row[at].text))) for row in table.rows[head + 1 :]) for at in free}
    best = max(named, key=lambda at: named[at], default=None)
    if best is None or not named[best]:
        return turned
    rows = [list(row) for row in table.rows]
    for row in rows[: head + 1]:
        row[best] = Cell(("KPI",))
    return replace(table, rows=tuple(tuple(row) for row in rows), heads=max(table.heads, head + 1))


def pairs_targets(table: Table) -> bool:
    """Whether a table without headings has rows of a KPI beside its target: 郵送化率 | 95.0％以上."""
    for row in table.rows:
        texts = [plain(c.text) for c in row if not c.continued]
        named = next((n for n, text in enumerate(texts) if hits(text)), None)
        if named is not None and any(_TARGET_CELL.fullmatch(text) for text in texts[named + 1 :]):
            return True
    return False


def _heads_targets(row: Sequence[Cell]) -> bool:
    return "target" in labels_in(row) and not any(hits(plain(c.text)) for c in row)


def _turned(table: Table) -> Table | None:
    """A table whose first row names KPIs and whose first column says 目標 and 実績, with rows and columns exchanged."""
    named = sum(bool(hits(plain(c.text))) for c in table.rows[0][1:] if not c.continued)
    if named < 2 or "target" not in [role_of(plain(row[0].text)) for row in table.rows[1:]]:
        return None
    rows = [list(row) for row in zip(*table.rows, strict=True)]
    rows[0][0] = Cell(("KPI",))
    return Table(tuple(tuple(row) for row in rows), 1, caption=table.caption, where=table.where)


def side_by_side(
    roles: Sequence[Role], width: int, two_plans: bool
) -> list[tuple[Literal["annual", "action"], int, int]]:
    """The lists that stand side by side in one table: whose they are, and their columns."""
    if width % 2 or not two_plans or (list(roles).count("kpi") < 2 and width < 6):
        return [("annual", 0, width)]
    return [("action", 0, width // 2), ("annual", width // 2, width)]
