"""What the columns of a table hold (表の列), by their headings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from kenpo.base.branches import BRANCHES
from kenpo.base.document import Cell, Table
from kenpo.plan.vocabulary import plain

Role = Literal[
    "action", "plan", "done", "next", "measure", "how", "kpi", "target", "actual", "when", "place", ""
]
_NONE: Role = ""
_LONGEST = 30
_BRANCH_NAMES = frozenset(b.name.removesuffix("支部") for b in BRANCHES)
_MANY_BRANCHES = 5


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


def lists_branches(table: Table) -> bool:
    """Whether a table is a list of many branches (支部ごとの目標), whose figures are not this branch's own."""
    names = {plain(c.text).removesuffix("支部") for row in table.rows for c in row[:3] if not c.continued}
    if len(names & _BRANCH_NAMES) >= _MANY_BRANCHES:
        return True
    heads = {plain(c.text).removesuffix("支部") for row in table.rows[:2] for c in row if not c.continued}
    return len(heads & _BRANCH_NAMES) >= _MANY_BRANCHES


def side_by_side(
    roles: Sequence[Role], width: int, two_plans: bool
) -> list[tuple[Literal["annual", "action"], int, int]]:
    """The lists that stand side by side in one table: whose they are, and their columns."""
    if width % 2 or not two_plans or (list(roles).count("kpi") < 2 and width < 6):
        return [("annual", 0, width)]
    return [("action", 0, width // 2), ("annual", width // 2, width)]
