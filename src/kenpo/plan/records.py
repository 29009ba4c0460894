"""Record tables (付属資料): what a plan holds beside its text, as tables a document carries and the reader takes back.

Owners, planned people, budgets, revisions, goals and the source of every figure have no place in the columns councils
read. They stand in tables at the end of a document. Each kind is declared here once; `record_rows` writes its rows,
`record_reading` reads them. So a document that was written reads back as the same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kenpo.base.document import Table, table
from kenpo.plan import record_rows as rows
from kenpo.plan import supplement
from kenpo.plan.model import Plan, Progress
from kenpo.plan.record_reading import Taken, put

__all__ = ["Taken", "is_basics", "put", "tables", "take"]


@dataclass(frozen=True)
class _Kind:
    """A record table: the part of Taken its rows go to, its caption, columns and widths, and how its rows are made.

    needs: how many of its first columns are always written; the others are left out when no row fills them. A
    table has two columns at least: a single one is no table to those who read it from Excel.
    """

    name: str
    caption: str
    needs: int
    columns: tuple[str, ...]
    widths: tuple[float, ...]
    rows: Callable[[Plan, Progress | None], Iterator[Sequence[str]]]

    def is_headed(self, heads: Sequence[str]) -> bool:
        """Whether these headings are this table's."""
        return set(heads) <= set(self.columns) and set(self.columns[: self.needs]) <= set(heads)


def tables(plan: Plan, progress: Progress | None, more: Sequence[Sequence[str]] = ()) -> list[Table]:
    """The record tables of a plan and its progress; those without rows are left out. more: rows of the supplement."""
    made = [(kind, [list(row) for row in kind.rows(plan, progress)]) for kind in _KINDS]
    made.append((_SUPPLEMENT, [list(row) for row in more]))
    return [_table(kind, rows) for kind, rows in made if rows]


def _table(kind: _Kind, rows: Sequence[Sequence[str]]) -> Table:
    used = [n for n in range(len(kind.columns)) if n < kind.needs or any(row[n] for row in rows)]
    return table(
        [kind.columns[n] for n in used],
        [[row[n] for n in used] for row in rows],
        widths=[kind.widths[n] for n in used],
        caption=kind.caption,
    )


def is_basics(found: Table) -> bool:
    """Whether a table is 計画の基本事項, which every document written from a plan has."""
    heads = ["".join(c.lines) for c in found.rows[0]] if found.rows else []
    return heads == ["項目", "内容"] and len(found.rows) > 1 and found.rows[1][0].text == "計画"


def take(found: Table, taken: list[Taken]) -> bool:
    """Take a record table's rows, told by its headings; 計画の基本事項 begins those of another plan.

    False when it is no record table, or stands before any plan's.
    """
    heads = ["".join(c.lines) for c in found.rows[0]] if found.rows else []
    kind = next((k for k in (*_KINDS, _SUPPLEMENT) if heads and k.is_headed(heads)), None)
    if kind is None or (kind.name == "basics" and not is_basics(found)):
        return False
    if kind.name == "basics":
        taken.append(Taken())
    elif not taken:
        return False
    for row in found.rows[1:]:
        cells = dict.fromkeys(kind.columns, "")
        cells |= {name: "\n".join(c.lines).strip() for name, c in zip(heads, row, strict=False)}
        if kind.name == "basics":
            taken[-1].basics[cells["項目"]] = cells["内容"]
        else:
            getattr(taken[-1], kind.name).append(cells)
    return True


_KINDS: tuple[_Kind, ...] = (
    _Kind("basics", "計画の基本事項", 2, ("項目", "内容"), (1, 4), rows.basics),
    _Kind(
        "revisions",
        "改定の履歴",
        3,
        ("改定日", "改定の内容", "改定の理由", "改定者"),
        (1, 3, 3, 1),
        rows.revisions,
    ),
    _Kind(
        "initiatives",
        "施策の担当と重み",
        1,
        ("施策の番号", "担当", "重要度", "重要度の理由", "困難度", "困難度の理由", "施策の評価"),
        (2, 1.5, 0.8, 3, 0.8, 3, 0.8),
        rows.initiatives,
    ),
    _Kind(
        "activities",
        "取組の担当と予算",
        2,
        (
            "施策の番号",
            "取組の番号",
            "担当グループ",
            "新規・継続",
            "業務委託",
            "予算（円）",
            "執行（円）",
            "取組の評価",
        ),
        (3, 0.8, 1.5, 1, 1, 1.4, 1.4, 0.8),
        rows.activities,
    ),
    _Kind(
        "kpis",
        "KPIの担当と計画人数",
        2,
        ("KPIの名称", "目標", "担当", "基準値", "実施対象者数", "実施見込者数", "注記", "分析"),
        (2.4, 2, 1.2, 0.9, 1.2, 1.2, 2, 2.4),
        rows.kpis,
    ),
    _Kind(
        "changes",
        "KPI目標の改定",
        2,
        ("KPIの名称", "改定前の目標", "適用の終わり", "改定の理由", "改定者"),
        (2.4, 2, 1.2, 3, 1),
        rows.changes,
    ),
    _Kind(
        "goals",
        "データヘルス計画と国の目標",
        2,
        ("目標の区分", "目標の内容", "指標ID", "目標値", "目標年度", "現状の値", "現状の時点", "現状の表記"),
        (1, 4, 1.6, 0.8, 1, 0.8, 1, 2),
        rows.goals,
    ),
    _Kind(
        "actuals",
        "実績の出所",
        3,
        (
            "KPIの名称",
            "種別",
            "値",
            "時点の記号",
            "基礎",
            "確度",
            "分子／分母",
            "人数",
            "出所",
            "入力者",
            "根拠",
            "定義とデータ締切",
            "元の表記",
            "全国順位",
        ),
        (2, 0.7, 0.9, 1.1, 0.8, 0.7, 1.6, 0.9, 0.9, 1, 1.6, 1.6, 2.2, 0.8),
        rows.actuals,
    ),
    _Kind(
        "events",
        "確定の記録",
        3,
        ("扱い", "年月日", "扱った人", "扱いの理由", "データ締切"),
        (1, 1.2, 1.2, 3, 1.6),
        rows.events,
    ),
    _Kind("notes", "備考", 2, ("備考の番号", "備考"), (1, 8), rows.notes),
)

_SUPPLEMENT = _Kind(
    "supplement", "本文の補い（読み戻しのため）", 3, supplement.COLUMNS, (2, 1, 5), rows.nothing
)
