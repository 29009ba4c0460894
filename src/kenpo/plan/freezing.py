"""Finishing a progress report (確定) and taking that back (確定の取消).

A finished report keeps its figures and texts, the rows of its board, the definitions and the data cut-off they rest on,
under a seal. What comes into the lake later changes nothing in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from kenpo.base.errors import ArgumentError
from kenpo.plan.board import Board
from kenpo.plan.model import FreezeEvent, Progress, Row, period_title
from kenpo.plan.store import PlanError, seal


@dataclass(frozen=True)
class Frozen:
    """What a freeze did: the finished report, and what a person should have looked at before (warnings)."""

    progress: Progress
    warnings: tuple[str, ...] = ()


def warnings(board: Board) -> tuple[str, ...]:
    """What is not in order in a report about to be finished (確定前の確認): figures without a ground, open reviews,
    figures of the same month that differ."""
    of_rows = (f"{row.title}：{said}" for row in board.rows for said in _open(row))
    of_initiatives = (
        f"{said.initiative}：{r.what}" for said in board.progress.initiatives for r in said.review
    )
    of_report = (r.what for r in board.progress.review)
    return tuple(dict.fromkeys([*of_rows, *of_initiatives, *of_report]))


def _open(row: Row) -> list[str]:
    found = [f"要確認のままです（{r.what}）" for r in row.review]
    if row.actual is None:
        found.append("実績も、実績がない理由も書かれていません")
    elif row.actual.state != "value" and not (row.actual.why or row.actual.text):
        found.append("実績がない理由が書かれていません")
    if row.difference:
        found.append(f"同じ月の値が2つあり、{row.difference.by:+} 違います")
    return found


def freeze(board: Board, *, by: str, on: date, why: str = "") -> Frozen:
    """Finish the report of a board. It holds the board's rows, and the definitions and cut-offs of its computed figures.

    What is not in order does not stop it, and comes back as warnings. Raises PlanError when it is finished already, and
    ArgumentError without a name.
    """
    progress = board.progress
    if progress.frozen:
        raise PlanError(
            f"{period_title(progress.period)}の進捗報告は、もう確定しています（{progress.events[-1].on:%Y-%m-%d}）。",
            todo="確定し直すには、先に「kenpo plan reopen」で理由を記して確定を取り消してください。",
            code="frozen",
        )
    if not by.strip():
        raise ArgumentError("確定した人が書かれていません。", todo="--by に氏名か所属を書いてください。")
    finished = progress.model_copy(update={"board": board.rows})
    used = [a for r in board.rows for a in (r.actual, r.nation) if a is not None and a.source == "computed"]
    event = FreezeEvent(
        what="frozen",
        on=on,
        by=by.strip(),
        why=why.strip(),
        seal=seal(finished),
        cutoff="、".join(dict.fromkeys(a.cutoff for a in used if a.cutoff)),
        definitions={
            r.measure: r.actual.definition
            for r in board.rows
            if r.measure and r.actual and r.actual.source == "computed"
        },
    )
    return Frozen(finished.model_copy(update={"events": (*progress.events, event)}), warnings(board))


def is_broken(progress: Progress) -> bool:
    """Whether a finished report was changed outside kenpo (封印と合わない)."""
    return progress.frozen and progress.events[-1].seal != seal(progress)


def reopen(progress: Progress, *, by: str, on: date, why: str, broken: bool = False) -> Progress:
    """Take back the freeze of a report. Its figures and texts may change again; that it was finished stays on record.

    broken: also for a report that was changed outside kenpo (read with `Plans.unsealed`), which is then recorded. Raises
    PlanError when it is not finished or was changed and broken is not said, and ArgumentError without a name or reason.
    """
    if not progress.frozen:
        raise PlanError(
            f"{period_title(progress.period)}の進捗報告は確定していません。",
            todo="確定していない進捗は、そのまま変更できます。",
            code="not_frozen",
        )
    if not (by.strip() and why.strip()):
        raise ArgumentError(
            "確定の取消には、取り消す人と理由が必要です。",
            todo="--by に氏名か所属、--why に理由を書いてください。",
        )
    changed = is_broken(progress)
    if changed and not broken:
        raise PlanError(
            "確定済みの進捗報告が、確定した後に書き換えられています。",
            where=f"{progress.plan} {progress.period}",
            todo="控えから元に戻してください。戻せないときは「kenpo plan reopen --broken」で、そのことを記録して取り消せます。",
            code="seal_broken",
        )
    event = FreezeEvent(
        what="reopened", on=on, by=by.strip(), why=why.strip(), seal=seal(progress), broken=changed
    )
    return progress.model_copy(update={"board": (), "events": (*progress.events, event)})
