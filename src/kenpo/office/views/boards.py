"""Boards (計画の進捗): a branch's KPIs, one KPI with all there is to it, and all branches side by side.

The figures are those of `kenpo.plan`, in its words and at its precision; these pages only set them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, path, reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from kenpo.base.branches import BRANCH_CODES, BRANCHES, NATION_CODE, branch_or_nation
from kenpo.base.document import Chart
from kenpo.base.era import to_wareki_month
from kenpo.base.fiscal import fiscal_year_label
from kenpo.catalogue import INITIATIVES, MEASURES
from kenpo.frame import BREAKDOWNS
from kenpo.frame.casekind import Group, Role
from kenpo.office import boards, exports, kpipage
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.boards import Choice, Course, Seen
from kenpo.office.opening import may_look
from kenpo.plan.forecast import CONFIDENCE_WORDS
from kenpo.plan.judging import Code
from kenpo.plan.model import SOURCES, STATUSES, Kpi, Row, period_title, period_year
from kenpo.plan.report import landing_lines
from kenpo.plan.rollup import Cell, Rollup
from kenpo.plan.rollup import Line as BranchLine
from kenpo.plan.targets import describe, number_text
from kenpo.press.drawing import NARROW, WIDTH, svg

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
            "note": "すべてに戻す" if shown == state else "",
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
    exports.Column("前からの動き", lambda one: one.course.moved),
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


# ---- one KPI -----------------------------------------------------------------------------------------------------

PLANNERS = (Role.BRANCH_HEAD, *(r for r in Role if r.group is Group.PLANNING))
"""Who sees, beside their own branch's board, the figures of all branches; 本部 does too."""


def _compares() -> bool:
    return on_duty().has(*PLANNERS, Role.HEAD_OFFICE)


@dataclass(frozen=True)
class _Asked:
    """A KPI that was asked for, with the board it stands on."""

    office: boards.Office
    branch: str
    choice: Choice
    seen: Seen
    line: Line

    @property
    def row(self) -> Row:
        return self.line.row

    @property
    def year(self) -> int:
        return period_year(self.choice.period)

    @property
    def kpi(self) -> Kpi | None:
        return self.seen.board.plan.kpi(self.row.measure or "")

    def everyone(self) -> BranchLine | None:
        """The figures of all branches, for those who may compare them."""
        return self.office.everyone(self.choice.period).of(self.row.measure or "") if _compares() else None

    def key(self, what: str) -> str:
        """What changes with everything a chart rests on."""
        day = boards.today().isoformat()
        return self.office.key(self.branch, self.choice.plan, self.choice.period, self.row.measure, what, day)


def _asked(request: HttpRequest, measure: str) -> _Asked:
    """The KPI of the branch that is looked at. Raises Http404 for one that is not on its board."""
    branch, office = on_duty().branch, boards.of_office()
    choice = _choice(request, office, branch)
    if choice is None:
        raise Http404
    seen = office.seen(choice)
    row = seen.board.of(measure)
    if row is None:
        raise Http404
    return _Asked(office, branch, choice, seen, Line(row, seen.courses.get(measure, Course())))


@page(*STAFF)
def kpi(request: HttpRequest, measure: str) -> HttpResponse:
    """One KPI: target and its revisions, the year, the forecast and how it did, the branches, who makes up the gap."""
    asked = _asked(request, measure)
    row, course = asked.row, asked.line.course
    own = MEASURES.get(measure)
    everyone = asked.everyone()
    levels = kpipage.levels_of(row)
    room = next((i for i in INITIATIVES if any(m.id == measure for m in i.measures)), None)
    context = {
        "asked": asked,
        "line": asked.line,
        "row": row,
        "period": asked.choice.period,
        "period_title": period_title(asked.choice.period),
        "plan": asked.seen.board.plan,
        "breadcrumb": [
            {"title": "計画の進捗", "url": f"{reverse('board')}?period={asked.choice.period}"},
            {"title": row.title, "url": ""},
        ],
        "facts": _facts(asked),
        "changes": _changes(asked),
        "year": kpipage.year_table(row, course, asked.year),
        "year_chart": _picture("kpi_chart", measure, "year", asked.choice.period, asked.key("year")),
        "words": kpipage.year_words(row),
        "forecast": _forecast_facts(asked),
        "tried": _tried(asked),
        "confidence": CONFIDENCE_WORDS,
        "everyone": everyone if everyone and everyone.ranked > 1 else None,
        "ranking": _ranking(everyone, asked.branch) if everyone else [],
        "rank_chart": _picture("kpi_chart", measure, "rank", asked.choice.period, asked.key("rank")),
        "rank_words": f"{everyone.title}の支部の順位。値は下の表のとおり。" if everyone else "",
        "axes": [BREAKDOWNS[a] for a in kpipage.axes_of(own, row, asked.branch)] if levels else (),
        "against": next(iter(levels), ""),
        "measure": own,
        "worklists": [one for one in room.worklists if may_look(one)] if room else (),
        "figure_url": _address("figure", measure),
        "plan_url": _address("plan", asked.choice.plan),
        "report_url": _address("plan_report", asked.choice.plan, asked.choice.period),
        "forms": exports.FORMS,
    }
    return render(request, "office/board_kpi.html", context)


def _address(name: str, *args: str) -> str:
    """The address of a page of another family, blank where the office has none."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _facts(asked: _Asked) -> list[tuple[str, str, str]]:
    row, line = asked.row, asked.line
    told = "・".join(filter(None, (row.as_of, line.status, line.source)))
    facts = [
        ("目標", row.target or NONE, ""),
        ("実績", row.shown, told),
        ("判定", line.verdict, row.reason),
        ("実施状況", line.mark or NONE, ""),
        ("年度末の見込み", "".join(line.landing), _reach(row)),
        ("前からの動き", line.moved, line.since),
        ("前年度", row.last_year_text, ""),
        ("全国平均", row.nation_text, f"順位 {line.rank}位" if row.rank else ""),
    ]
    if row.expected is not None:
        facts.insert(3, ("段階目標", number_text(row.expected, row.unit), f"作り方：{row.path}"))
    return facts


def _reach(row: Row) -> str:
    return row.forecast.reach if row.forecast and row.forecast.reach != "分からない" else ""


def _changes(asked: _Asked) -> list[dict[str, Any]]:
    """The target and what it was before its revisions, newest first."""
    if asked.kpi is None:
        return []
    digits = kpipage.digits_of(asked.row)
    found = [{"target": asked.row.target, "until": None, "why": "", "by": ""}]
    for change in reversed(asked.kpi.history):
        words = describe(change.target, asked.row.unit, digits)
        found.append({"target": words, "until": change.until, "why": change.why, "by": change.by})
    return found


def _forecast_facts(asked: _Asked) -> list[tuple[str, str, str]]:
    landing, unit = asked.row.forecast, asked.row.unit
    if landing is None:
        return []

    def pace(value: Decimal | None) -> str:
        return NONE if value is None else number_text(value, unit)

    years = "・".join(fiscal_year_label(y) for y in landing.years)
    return [
        ("年度末の見込み", "".join(landing_lines(asked.row)), _reach(asked.row)),
        ("求め方", landing.method, f"使った年度：{years}" if years else ""),
        ("いまの月当たり", pace(landing.pace_so_far), ""),
        ("要る月当たり", pace(landing.pace_needed), ""),
        *([("注記", landing.note, "")] if landing.note else []),
    ]


def _tried(asked: _Asked) -> dict[str, Any] | None:
    """How the forecast would have done in past years, month by month."""
    done = asked.seen.tried.get(asked.row.measure or "")
    if done is None or done.error is None:
        return None
    unit = asked.row.unit
    return {
        "error": f"±{number_text(done.error, unit)}",
        "held": done.held,
        "intervals": done.intervals,
        "months": [(f"{m}月", f"±{number_text(e, unit)}") for m, e in done.errors.items()],
    }


def _ranking(line: BranchLine, own: str) -> list[dict[str, Any]]:
    """The branches from the best to the last, those without a place last."""
    ordered = sorted(line.cells, key=lambda c: (c.rank is None, c.rank or 0, c.branch))
    return [
        {"cell": c, "name": kpipage.short(c.branch), "value": _value(c, line.unit), "own": c.branch == own}
        for c in ordered
    ]


def _value(cell: Cell, unit: str) -> str:
    if cell.state == "not_applicable":
        return "対象外"
    return NONE if cell.value is None else number_text(cell.value, unit)


@page(*STAFF)
def kpi_chart(request: HttpRequest, measure: str, chart: str) -> HttpResponse:
    """A chart of a KPI: the year, or the branches by rank."""
    asked = _asked(request, measure)
    name = f"{chart}-{asked.choice.plan}.{asked.choice.period}-{asked.row.measure}"
    line = asked.everyone() if chart == "rank" else None
    if line is not None and "rank" in kpipage.titles(line):
        digits = kpipage.digits_of(asked.row)
        return _drawn(
            request,
            asked.office,
            name,
            asked.key(chart),
            lambda: kpipage.rank_chart(line, asked.branch, digits),
        )
    if chart != "year":
        raise Http404
    course = asked.line.course
    return _drawn(
        request,
        asked.office,
        name,
        asked.key(chart),
        lambda: kpipage.year_chart(asked.row, course, asked.year),
    )


_HEIGHTS = {"map": 500, "spread": 218, "rank": 320}


def _picture(page: str, measure: str, chart: str, period: str, key: str) -> str:
    """The address of a chart, another one once it shows something else."""
    return f"{reverse(page, args=[measure, chart])}?{urlencode({'period': period, 'v': key})}"


def _drawn(
    request: HttpRequest, office: boards.Office, name: str, key: str, chart: Callable[[], Chart]
) -> HttpResponse:
    """A chart as a picture that the browser keeps: its address changes with what it shows."""
    width = NARROW if "narrow" in request.GET else WIDTH
    drawn = office.picture(f"{name}-{width}", key, lambda: svg(chart(), width))
    answer = HttpResponse(drawn, content_type="image/svg+xml")
    answer["Cache-Control"] = "private, max-age=604800, immutable"
    answer["Vary"] = "Cookie"
    return answer


@page(*STAFF)
def kpi_file(request: HttpRequest, measure: str, what: str, form: str) -> HttpResponse:
    """What stands beside a chart, as a file: the year's months, or the branches by rank."""
    asked = _asked(request, measure)
    title = asked.row.title
    if what == "year":
        made = kpipage.year_table(asked.row, asked.line.course, asked.year)
        columns = [exports.Column(head, lambda cells, n=n: cells[n], 16) for n, head in enumerate(made.heads)]
        name = f"{_name(asked.branch)}_{title}_月ごとの推移"
        return exports.respond(name, columns, lambda: made.rows, form, detail=f"{title}の月ごとの推移")
    line = asked.everyone() if what == "rank" else None
    if line is None:
        raise Http404
    return _branches_file(line, _targets_of(asked.branch), form)


@page(*STAFF)
def gap(request: HttpRequest, measure: str) -> HttpResponse:
    """The few units that explain most of the gap to the target or to the nation; worked out from the lake and kept."""
    asked = _asked(request, measure)
    own, lake = MEASURES.get(measure), asked.office.lake
    axes = kpipage.axes_of(own, asked.row, asked.branch)
    by, against = request.GET.get("by", ""), request.GET.get("against", "target")
    if own is None or lake is None or by not in axes or against not in kpipage.AGAINST:
        raise Http404
    made = asked.office.extra(
        f"gap-{asked.choice.plan}.{asked.choice.period}-{measure}-{by}-{against}",
        (boards.today().isoformat(),),
        kpipage.GAP,
        lambda: kpipage.gap_of(lake, own, asked.row, asked.branch, by, against),
    )
    context = {
        "asked": asked,
        "row": asked.row,
        "period": asked.choice.period,
        "breadcrumb": [
            {"title": "計画の進捗", "url": f"{reverse('board')}?period={asked.choice.period}"},
            {
                "title": asked.row.title,
                "url": f"{reverse('kpi', args=[measure])}?period={asked.choice.period}",
            },
            {"title": "差の内訳", "url": ""},
        ],
        "gap": made,
        "by": by,
        "axis": BREAKDOWNS[by].title,
        "against": against,
        "levels": kpipage.levels_of(asked.row),
        "axes": [BREAKDOWNS[a] for a in axes],
        "others": [BREAKDOWNS[a].title for a in axes if a != by],
    }
    part = request.headers.get("hx-request") == "true"
    return render(request, "office/board_gap_part.html" if part else "office/board_gap.html", context)


# ---- all branches ------------------------------------------------------------------------------------------------

SHOWS = {
    "value": "値",
    "rank": "順位",
    "change": "前年度との差",
    "moved": "前月からの動き",
    "target": "目標との差",
}
"""What the cells of the table of all branches show. Other branches' targets are seen by 本部 alone."""


def _targets_of(branch: str) -> frozenset[str]:
    """The branches whose own targets may be seen: all of them by 本部, else one's own."""
    return frozenset(BRANCH_CODES) if on_duty().has(Role.HEAD_OFFICE) else frozenset({branch})


def _target(cell: Cell, seen: frozenset[str]) -> str:
    """A branch's target as far as it may be seen: what the nation's plan asks of all is no secret."""
    if cell.target_of == "全国":
        return f"{cell.target}（全国の目標）"
    return (cell.target or NONE) if cell.branch in seen else NONE


def _to_target(cell: Cell, seen: frozenset[str]) -> Decimal | None:
    return cell.to_target if cell.target_of == "全国" or cell.branch in seen else None


def _period(request: HttpRequest, office: boards.Office) -> str | None:
    there = office.periods()
    asked = request.GET.get("period", "")
    if asked:
        if asked not in there:
            raise Http404
        return asked
    newest = office.newest(on_duty().branch) or office.newest(NATION_CODE)
    return newest.period if newest and newest.period in there else next(iter(there), None)


def _periods(office: boards.Office, now: str) -> list[dict[str, Any]]:
    return [{"value": p, "title": period_title(p), "chosen": p == now} for p in office.periods()]


def _tabs(here: str, period: str) -> list[dict[str, Any]]:
    tabs = [("table", "支部とKPI", reverse("boards")), ("kpis", "KPIごと", reverse("boards_kpis"))]
    if on_duty().has(Role.HEAD_OFFICE):
        tabs.append(("plans", "計画の手入れ", reverse("boards_plans")))
    return [{"title": t, "url": f"{url}?period={period}", "current": name == here} for name, t, url in tabs]


@page(*PLANNERS)
def everyone(request: HttpRequest) -> HttpResponse:
    """47 branches by KPI; with ?beside=13 the own branch beside another."""
    branch, office = on_duty().branch, boards.of_office()
    period = _period(request, office)
    if period is None:
        return render(request, "office/board_none.html", {"name": _name(branch)})
    made = office.everyone(period)
    beside = request.GET.get("beside", "")
    if beside and beside not in BRANCH_CODES:
        raise Http404
    show = request.GET.get("show", "value")
    sort = request.GET.get("sort", "branch")
    head_office = on_duty().has(Role.HEAD_OFFICE)
    shows = SHOWS if head_office else {k: v for k, v in SHOWS.items() if k != "target"}
    if show not in shows:
        raise Http404
    context = {
        "made": made,
        "period": period,
        "period_title": period_title(period),
        "periods": _periods(office, period),
        "tabs": _tabs("table", period),
        "shows": shows,
        "show": show,
        "sort": sort,
        "heads": made.lines,
        "table": "" if beside else _table_text(request, office, period, show, sort, branch),
        "branches": [b for b in BRANCHES if b.code != branch],
        "beside": branch_or_nation(beside) if beside else None,
        "own_name": "全国" if branch == NATION_CODE else branch_or_nation(branch).short,
        "pairs": _pairs(made, branch, beside) if beside else (),
        "forms": exports.FORMS,
    }
    return render(request, "office/boards.html", context)


def _table_text(
    request: HttpRequest, office: boards.Office, period: str, show: str, sort: str, own: str
) -> str:
    """The table as it is set out, kept in the process: 47 branches by some thirty KPIs take longer to write than to look up."""
    key = f"boards-{office.key('table', period, show, sort, own, request.GET.urlencode())}"

    def text() -> str:
        made = office.everyone(period)
        context = {
            "heads": made.lines,
            "rows": _table(made, show, sort, own),
            "nation": [_nation(line) for line in made.lines],
            "show": show,
            "sort": sort,
            "period": period,
        }
        return render_to_string("office/boards_table.html", context, request=request)

    return SafeString(cache.get_or_set(key, text, timeout=3600))


@dataclass(frozen=True)
class _Shown:
    """A cell of the table of all branches: what it says, and its fifth by rank."""

    text: str
    fifth: int | None


def _table(made: Rollup, show: str, sort: str, own: str) -> list[dict[str, Any]]:
    """A row for every branch, ordered by branch, or by what a KPI's cells show with the empty ones last."""
    rows = {b.code: {"branch": b, "own": b.code == own, "cells": []} for b in BRANCHES}
    keys: dict[str, Decimal | int | None] = {}
    for line in made.lines:
        for cell in line.cells:
            key, text = _said(cell, line, show)
            rows[cell.branch]["cells"].append(_Shown(text, kpipage.fifth(cell.rank, line.ranked)))
            if line.measure == sort.removeprefix("-"):
                keys[cell.branch] = key
    order = list(rows)
    if keys:
        there = [c for c in order if keys.get(c) is not None]
        there.sort(key=lambda c: keys[c] or 0, reverse=sort.startswith("-"))
        order = [*there, *(c for c in order if keys.get(c) is None)]
    elif sort == "-branch":
        order.reverse()
    return [rows[code] for code in order]


def _said(cell: Cell, line: BranchLine, show: str) -> tuple[Decimal | int | None, str]:
    match show:
        case "rank":
            return cell.rank, str(cell.rank or NONE)
        case "change":
            return cell.change, _signed(cell.change)
        case "moved":
            return cell.moved, _signed(cell.moved)
        case "target":
            return cell.to_target, _signed(cell.to_target)
        case _:
            return cell.value, _value(cell, line.unit)


def _signed(value: Decimal | None) -> str:
    return NONE if value is None else f"{value:+,}"


def _pairs(made: Rollup, own: str, beside: str) -> list[dict[str, Any]]:
    """The own branch (or the nation) beside another, KPI by KPI."""
    found = []
    for line in made.lines:
        other = line.of(beside)
        mine = None if own == NATION_CODE else line.of(own)
        value = mine.value if mine else line.nation
        difference = None if value is None or other.value is None else other.value - value
        found.append(
            {
                "line": line,
                "mine": _value(mine, line.unit) if mine else _nation(line),
                "mine_rank": mine.rank if mine else None,
                "other": _value(other, line.unit),
                "other_rank": other.rank,
                "difference": _signed(difference),
                "nation": _nation(line),
            }
        )
    return found


def _nation(line: BranchLine) -> str:
    return NONE if line.nation is None else number_text(line.nation, line.unit)


@page(*PLANNERS)
def everyone_file(request: HttpRequest, form: str) -> HttpResponse:
    """The table of all branches as a file: a line for every branch and KPI."""
    branch, office = on_duty().branch, boards.of_office()
    period = _period(request, office)
    if period is None:
        raise Http404
    made = office.everyone(period)
    seen = _targets_of(branch)
    rows = [(line, cell) for line in made.lines for cell in line.cells]
    return exports.respond(
        f"全支部_{period}",
        _cell_columns(seen),
        lambda: rows,
        form,
        detail=f"{period_title(period)}の全支部の進捗",
    )


def _cell_columns(seen: frozenset[str]) -> tuple[exports.Column, ...]:
    """The columns of lines and cells; a branch's own target only where it may be seen."""
    return (
        exports.Column("KPI", lambda pair: pair[0].title, 28),
        exports.Column("支部", lambda pair: branch_or_nation(pair[1].branch).name),
        exports.Column("値", lambda pair: pair[1].value),
        exports.Column("単位", lambda pair: pair[0].unit),
        exports.Column("時点", lambda pair: pair[1].as_of),
        exports.Column("順位", lambda pair: pair[1].rank),
        exports.Column("全国との差", lambda pair: pair[1].to_nation),
        exports.Column("目標", lambda pair: _target(pair[1], seen), 28),
        exports.Column("目標との差", lambda pair: _to_target(pair[1], seen)),
        exports.Column("前年度", lambda pair: pair[1].last_year),
        exports.Column("前年度との差", lambda pair: pair[1].change),
        exports.Column("前月からの動き", lambda pair: pair[1].moved),
    )


def _branches_file(line: BranchLine, seen: frozenset[str], form: str) -> HttpResponse:
    rows = [(line, cell) for cell in line.cells]
    return exports.respond(
        f"全支部_{line.title}", _cell_columns(seen), lambda: rows, form, detail=f"{line.title}の全支部の値"
    )


@page(*PLANNERS)
def kpis(request: HttpRequest) -> HttpResponse:
    """Every KPI in a line: the nation, the best and the last branch, the spread, and who moved most since the month before."""
    branch, office = on_duty().branch, boards.of_office()
    period = _period(request, office)
    if period is None:
        return render(request, "office/board_none.html", {"name": _name(branch)})
    made = office.everyone(period)
    context = {
        "period": period,
        "period_title": period_title(period),
        "periods": _periods(office, period),
        "tabs": _tabs("kpis", period),
        "rows": [_kpi_line(one, branch) for one in made.lines],
        "head_office": on_duty().has(Role.HEAD_OFFICE),
        "notes": made.notes,
    }
    return render(request, "office/boards_kpis.html", context)


def _kpi_line(line: BranchLine, own: str) -> dict[str, Any]:
    there = sorted((c for c in line.cells if c.rank), key=lambda c: c.rank or 0)
    aimed = [c for c in line.cells if c.to_target is not None]
    mine = None if own == NATION_CODE else line.of(own)
    return {
        "line": line,
        "nation": _nation(line),
        "count": sum(c.value is not None for c in line.cells),
        "met": f"{sum(c.to_target >= 0 for c in aimed if c.to_target is not None)}/{len(aimed)}"
        if aimed
        else NONE,
        "best": _named(there[:1], line.unit),
        "middle": _named(there[len(there) // 2 : len(there) // 2 + 1], line.unit),
        "last": _named(there[-1:] if len(there) > 1 else [], line.unit),
        "own": _value(mine, line.unit) if mine else "",
        "own_rank": f"{mine.rank}/{line.ranked}" if mine and mine.rank else "",
        "movers": [f"{kpipage.short(c.branch)} {_signed(c.moved)}" for c in line.movers(3)],
    }


def _named(cells: Sequence[Cell], unit: str) -> str:
    return "、".join(f"{kpipage.short(c.branch)} {_value(c, unit)}" for c in cells) or NONE


def _line_asked(request: HttpRequest, measure: str) -> tuple[boards.Office, str, BranchLine]:
    office = boards.of_office()
    period = _period(request, office)
    line = office.everyone(period).of(measure) if period else None
    if period is None or line is None:
        raise Http404
    return office, period, line


@page(*PLANNERS)
def everyone_kpi(request: HttpRequest, measure: str) -> HttpResponse:
    """One KPI over all branches: map, ranking, spread and table."""
    branch = on_duty().branch
    office, period, line = _line_asked(request, measure)
    seen = _targets_of(branch)
    context = {
        "line": line,
        "period": period,
        "period_title": period_title(period),
        "breadcrumb": [
            {"title": "全支部の進捗", "url": f"{reverse('boards')}?period={period}"},
            {"title": line.title, "url": ""},
        ],
        "nation": _nation(line),
        "rows": [
            {
                **one,
                "target": _target(one["cell"], seen),
                "to_target": _signed(_to_target(one["cell"], seen)),
                "to_nation": _signed(one["cell"].to_nation),
                "change": _signed(one["cell"].change),
                "moved": _signed(one["cell"].moved),
                "fifth": kpipage.fifth(one["cell"].rank, line.ranked),
            }
            for one in _ranking(line, branch)
        ],
        "charts": [
            {
                "name": name,
                "title": title,
                "words": words,
                "height": _HEIGHTS[name],
                "url": _picture(
                    "boards_chart", line.measure, name, period, _line_key(office, line, period, name, branch)
                ),
            }
            for name, (title, words) in kpipage.titles(line).items()
        ],
        "as_of": to_wareki_month(date.fromisoformat(f"{line.as_of}-01")) if line.as_of else "",
        "forms": exports.FORMS,
    }
    return render(request, "office/boards_kpi.html", context)


def _line_key(office: boards.Office, line: BranchLine, period: str, chart: str, own: str) -> str:
    return office.key(line.measure, period, chart, own)


@page(*PLANNERS)
def everyone_chart(request: HttpRequest, measure: str, chart: str) -> HttpResponse:
    """A chart of one KPI over all branches."""
    own = on_duty().branch
    office, period, line = _line_asked(request, measure)
    if chart not in kpipage.titles(line):
        raise Http404
    draws: dict[str, Callable[[], Chart]] = {
        "map": lambda: kpipage.map_chart(line),
        "spread": lambda: kpipage.spread_chart(line, own),
        "rank": lambda: kpipage.rank_chart(line, own, kpipage.line_digits(line)),
    }
    key = _line_key(office, line, period, chart, own)
    return _drawn(request, office, f"{chart}-{own}-{period}-{line.measure}", key, draws[chart])


@page(*PLANNERS)
def everyone_kpi_file(request: HttpRequest, measure: str, form: str) -> HttpResponse:
    """One KPI over all branches as a file."""
    _, _, line = _line_asked(request, measure)
    return _branches_file(line, _targets_of(on_duty().branch), form)


@page(Role.HEAD_OFFICE)
def plans(request: HttpRequest) -> HttpResponse:
    """How well every branch's plan is kept."""
    office = boards.of_office()
    kept, fresh = office.keeping(earlier=True)
    context = {
        "fresh": fresh,
        "rows": [{"kept": k, "name": _name(k.branch), "period": period_title(k.period)} for k in kept],
        "tabs": _tabs("plans", request.GET.get("period") or _period(request, office) or ""),
        "forms": exports.FORMS,
    }
    return render(request, "office/boards_plans.html", context)


@page(Role.HEAD_OFFICE)
def plans_file(request: HttpRequest, form: str) -> HttpResponse:
    """How well the plans are kept, as a file."""
    rows, _ = boards.of_office().keeping(earlier=True)
    columns = (
        exports.Column("支部", lambda k: _name(k.branch)),
        exports.Column("計画", lambda k: k.plan),
        exports.Column("期間", lambda k: period_title(k.period), 20),
        exports.Column("施策", lambda k: k.initiatives),
        exports.Column("そろっている施策", lambda k: k.well, 18),
        exports.Column("足りないもの", lambda k: k.flags, 18),
    )
    return exports.respond("計画の手入れ", columns, lambda: rows, form, detail="計画の手入れ")


urlpatterns = [
    path("board/", board, name="board"),
    path("board/file/<str:form>/", board_file, name="board_file"),
    path("board/<str:measure>/", kpi, name="kpi"),
    path("board/<str:measure>/gap/", gap, name="kpi_gap"),
    path("board/<str:measure>/<str:chart>.svg", kpi_chart, name="kpi_chart"),
    path("board/<str:measure>/<str:what>/<str:form>/", kpi_file, name="kpi_file"),
    path("boards/", everyone, name="boards"),
    path("boards/file/<str:form>/", everyone_file, name="boards_file"),
    path("boards/kpis/", kpis, name="boards_kpis"),
    path("boards/plans/", plans, name="boards_plans"),
    path("boards/plans/file/<str:form>/", plans_file, name="boards_plans_file"),
    path("boards/<str:measure>/", everyone_kpi, name="boards_kpi"),
    path("boards/<str:measure>/<str:chart>.svg", everyone_chart, name="boards_chart"),
    path("boards/<str:measure>/file/<str:form>/", everyone_kpi_file, name="boards_kpi_file"),
]
