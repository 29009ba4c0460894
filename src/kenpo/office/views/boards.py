"""Boards (計画の進捗): a branch's KPIs, one KPI with all there is to it, and all branches side by side.

The figures are those of `kenpo.plan`, in its words and at its precision; these pages only set them out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from kenpo.base.branches import NATION_CODE, branch_or_nation
from kenpo.base.fiscal import fiscal_year_label
from kenpo.office import boards, exports
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.boards import Choice, Course, Seen
from kenpo.plan.judging import Code
from kenpo.plan.model import SOURCES, STATUSES, Row, period_title
from kenpo.plan.report import landing_lines
from kenpo.plan.targets import number_text

NONE = "－"

# ---- a branch's board --------------------------------------------------------------------------------------------

_KINDS = {
    Code.MET: "ok",
    Code.ON_PATH: "ok",
    Code.NOT_MET: "late",
    Code.BEHIND: "late",
    Code.NOT_YET: "warn",
}
_STATES = {"good": "達成・段階目標どおり", "bad": "下回っている", "rest": "まだ判定できない"}
_ICONS = {"good": "ok", "bad": "late", "rest": "neutral"}


def _state(row: Row) -> str:
    if row.verdict in (Code.MET, Code.ON_PATH):
        return "good"
    return "bad" if row.verdict in (Code.NOT_MET, Code.BEHIND) else "rest"


@dataclass(frozen=True)
class Line:
    """A row of the board as it is set out; texts are those of the CLI and the documents."""

    row: Row
    course: Course

    @property
    def landing(self) -> list[str]:
        """The forecast and its interval."""
        return landing_lines(self.row)

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return self.row.verdict.ja if self.row.verdict else NONE

    @property
    def kind(self) -> str:
        """The kind of badge the verdict takes."""
        return _KINDS.get(self.row.verdict, "neutral") if self.row.verdict else "neutral"

    @property
    def mark(self) -> str:
        """The mark with its meaning: a person's, or else the one the verdict suggests."""
        if self.row.mark:
            return f"{self.row.mark} {self.row.mark.ja}"
        return f"{self.row.suggested} {self.row.suggested.ja}（案）" if self.row.suggested else ""

    @property
    def status(self) -> str:
        """確定 of a final figure; 速報 and 暫定 stand in the row's own words."""
        return STATUSES["final"] if self.row.actual and self.row.actual.status == "final" else ""

    @property
    def source(self) -> str:
        """Where the figure comes from: 自動計算, 手入力, 文書."""
        has = self.row.actual and self.row.actual.state == "value"
        return SOURCES[self.row.actual.source] if has and self.row.actual else ""

    @property
    def rank(self) -> str:
        """The place among the branches: 31/47."""
        row = self.row
        return f"{row.rank}/{row.ranked}" if row.rank and row.ranked else str(row.rank or NONE)

    @property
    def moved(self) -> str:
        """What moved since the figure before: +0.3."""
        return NONE if self.course.moved is None else f"{self.course.moved:+}"

    @property
    def since(self) -> str:
        """The month of the figure before: 7月から."""
        return "" if self.course.since is None else f"{self.course.since}月から"

    @property
    def trend(self) -> list[tuple[str, str]]:
        """The year-ends in words: (令和6年度, 54.2％)."""
        ends = self.row.trend
        return [(fiscal_year_label(e.year), number_text(e.value, self.row.unit)) for e in ends]

    @property
    def spark(self) -> list[tuple[float, float]]:
        """The year-ends as points in a box of 96 by 28."""
        return spark([e.value for e in self.row.trend])


def spark(values: Sequence[Decimal]) -> list[tuple[float, float]]:
    """Values as points of a small line, 96 wide and 28 high with a margin of 4; level values lie in the middle."""
    if not values:
        return []
    low, high = min(values), max(values)
    step = 88 / max(len(values) - 1, 1)
    return [
        (
            round(4 + step * n, 1) if len(values) > 1 else 48.0,
            14.0 if low == high else round(float(24 - 20 * (v - low) / (high - low)), 1),
        )
        for n, v in enumerate(values)
    ]


def _lines(seen: Seen) -> list[Line]:
    return [Line(row, seen.courses.get(row.measure or "", Course())) for row in seen.board.rows]


def _pillars(lines: Sequence[Line]) -> Iterator[tuple[str, list[tuple[str, list[Line]]]]]:
    """Lines by pillar and 施策, in the plan's order."""
    for pillar, of in groupby(lines, key=lambda one: one.row.pillar):
        yield pillar, [(name, list(some)) for name, some in groupby(of, key=lambda one: one.row.initiative)]


def _choice(request: HttpRequest, office: boards.Office, branch: str) -> Choice | None:
    """The period asked for, or the newest; None for a branch without a plan. Raises Http404 for a period it does not have."""
    asked = request.GET.get("period", "")
    if not asked:
        return office.newest(branch)
    found = next((c for c in office.choices(branch) if c.period == asked), None)
    if found is None:
        raise Http404
    return found


def _period_options(office: boards.Office, branch: str, now: Choice) -> list[dict[str, Any]]:
    held = office.choices(branch)
    return [{"value": c.period, "title": period_title(c.period), "chosen": c == now} for c in held]


@page(*STAFF)
def board(request: HttpRequest) -> HttpResponse:
    """Every KPI of the branch's plan by pillar and 施策. 本部 that has chosen no branch sees its own plan."""
    branch, office = on_duty().branch, boards.of_office()
    choice = _choice(request, office, branch)
    if choice is None:
        return render(request, "office/board_none.html", {"name": _name(branch)})
    seen = office.seen(choice)
    lines = _lines(seen)
    shown = request.GET.get("show", "")
    context = {
        "made": seen.board,
        "plan": seen.board.plan,
        "period": choice.period,
        "period_title": period_title(choice.period),
        "periods": _period_options(office, branch, choice),
        "tiles": _tiles(lines, choice.period, shown),
        "shown": _STATES.get(shown, ""),
        "pillars": list(_pillars([one for one in lines if shown not in _STATES or _state(one.row) == shown])),
        "notes": seen.board.notes,
        "count": len(lines),
        "forms": exports.FORMS,
    }
    return render(request, "office/board.html", context)


def _tiles(lines: Sequence[Line], period: str, shown: str) -> list[dict[str, Any]]:
    counts = {state: sum(_state(one.row) == state for one in lines) for state in _STATES}
    return [
        {
            "title": title,
            "count": counts[state],
            "unit": "項目",
            "kind": _ICONS[state] if counts[state] else "neutral",
            "url": f"?period={period}" + ("" if shown == state else f"&show={state}"),
            "note": "すべてに戻す" if shown == state else "これだけを見る" if counts[state] else "",
        }
        for state, title in _STATES.items()
    ]


def _name(branch: str) -> str:
    return "本部（全国）" if branch == NATION_CODE else branch_or_nation(branch).name


_BOARD_COLUMNS = (
    exports.Column("柱", lambda one: one.row.pillar, 24),
    exports.Column("施策", lambda one: one.row.initiative, 28),
    exports.Column("KPI", lambda one: one.row.title, 28),
    exports.Column("目標", lambda one: one.row.target, 24),
    exports.Column("実績", lambda one: one.row.shown),
    exports.Column("時点", lambda one: one.row.as_of, 20),
    exports.Column("確度", lambda one: _certainty(one.row)),
    exports.Column("判定", lambda one: one.verdict, 18),
    exports.Column("実施状況", lambda one: one.mark, 22),
    exports.Column("判定の理由", lambda one: one.row.reason, 40),
    exports.Column("前年度", lambda one: one.row.last_year_text),
    exports.Column("全国平均", lambda one: one.row.nation_text),
    exports.Column("順位", lambda one: one.rank),
    exports.Column("年度末の見込み", lambda one: "".join(one.landing), 24),
    exports.Column("届くか", lambda one: one.row.forecast.reach if one.row.forecast else NONE),
    exports.Column("前からの動き", lambda one: one.moved),
    exports.Column("動きの起点", lambda one: one.since),
)


def _certainty(row: Row) -> str:
    return STATUSES[row.actual.status] if row.actual and row.actual.status else ""


@page(*STAFF)
def board_file(request: HttpRequest, form: str) -> HttpResponse:
    """The board as a file."""
    branch, office = on_duty().branch, boards.of_office()
    choice = _choice(request, office, branch)
    if choice is None:
        raise Http404
    title = f"{period_title(choice.period)}の進捗"
    lines = _lines(office.seen(choice))
    return exports.respond(
        f"{_name(branch)}_{choice.period}_進捗", _BOARD_COLUMNS, lambda: lines, form, detail=title
    )


urlpatterns = [
    path("board/", board, name="board"),
    path("board/file/<str:form>/", board_file, name="board_file"),
]
