"""The documents a plan becomes (計画の文書): progress report, plan, and the one page for the council (評議会)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from kenpo.base.branches import branch_or_nation
from kenpo.base.document import (
    Block,
    Cell,
    Chart,
    Document,
    Heading,
    PageBreak,
    Paragraph,
    Table,
    Tone,
    cell,
    table,
)
from kenpo.base.era import to_wareki
from kenpo.plan import pages, records, supplement
from kenpo.plan.forecast import CONFIDENCE_WORDS
from kenpo.plan.judging import Code
from kenpo.plan.model import Plan, Progress, Row, period_end, period_title
from kenpo.plan.reading import read_plan
from kenpo.plan.sections import KPI_LIST, OVERVIEW, RECORDS
from kenpo.plan.targets import number_text
from kenpo.plan.vocabulary import known
from kenpo.press.charts import Progress as Bar
from kenpo.press.charts import progress_chart
from kenpo.press.plain import plain

_TONES: Mapping[Code, Tone] = {
    Code.MET: "good",
    Code.ON_PATH: "good",
    Code.NOT_MET: "bad",
    Code.BEHIND: "bad",
    Code.NOT_YET: "warn",
    Code.UNDECIDED: "muted",
    Code.NOT_APPLICABLE: "muted",
}
_GOOD, _BAD = {Code.MET, Code.ON_PATH}, {Code.NOT_MET, Code.BEHIND}
_MOST_BARS, _TALLEST = 26, 0.86
"""How many KPIs the figure of the first page shows at most, and how high it is at most, as a part of its width."""


def progress_report(plan: Plan, progress: Progress, rows: Sequence[Row]) -> Document:
    """The whole report of a period: one page of overview, the list of KPIs, the progress, the records."""
    report = Document(
        progress.title or f"{plan.title}の進捗状況（{period_title(progress.period)}）",
        (
            Heading(OVERVIEW),
            *_overview(progress, rows, 6),
            PageBreak(landscape=True),
            *_kpi_list(rows),
            *pages.progress_body(plan, progress),
        ),
        under=("　".join(_under(plan, progress)),),
    )
    return _recorded(report, plan, progress)


def plan_document(plan: Plan, action_plan: Plan | None = None) -> Document:
    """The plan: beside the action plan it is part of, in two columns, or alone."""
    if action_plan is not None:
        body = [*pages.preface(plan), PageBreak(landscape=True), *pages.two_columns(plan, action_plan)]
    else:
        body = [*pages.one_column(plan)]
    return _recorded(Document(plan.title, tuple(body), under=_under(plan, None)), plan, None, action_plan)


def summary(plan: Plan, progress: Progress, rows: Sequence[Row]) -> Document:
    """One page for the council (評議会): how the KPIs stand, and what is said of those that are behind."""
    return Document(
        f"{_branch(plan)}　{period_title(progress.period)}　事業計画の進捗（概要）",
        tuple(_overview(progress, rows, 8)),
        under=("　".join(_under(plan, progress)),),
    )


def _branch(plan: Plan) -> str:
    return branch_or_nation(plan.branch).name if plan.branch != "00" else "全国健康保険協会"


def _under(plan: Plan, progress: Progress | None) -> tuple[str, ...]:
    dated = progress.dated if progress else plan.dated
    lines = [_branch(plan)]
    if dated:
        lines.append(to_wareki(dated))
    if progress is not None:
        lines.append(f"{to_wareki(period_end(progress.period))}現在　{_state(progress)}")
    elif plan.status == "draft":
        lines.append("案")
    return tuple(lines)


def _state(progress: Progress) -> str:
    if progress.frozen:
        return f"確定（{to_wareki(progress.events[-1].on)}）"
    return "作成中（未確定）"


# ---- overview ----------------------------------------------------------------------------------------------------


def _overview(progress: Progress, rows: Sequence[Row], room: int) -> Iterator[Block]:
    """One page: how the KPIs stand, and what is to come of those that are behind; room: how many without a figure."""
    good = [r for r in rows if r.verdict in _GOOD]
    bad = [r for r in rows if r.verdict in _BAD]
    rest = len(rows) - len(good) - len(bad)
    yield Paragraph(
        f"KPI {len(rows)}項目のうち、達成または段階目標どおり {len(good)}項目、下回っている {len(bad)}項目、"
        f"まだ判定できない {rest}項目。"
    )
    bars = [row for row in rows if _bar(row)]
    if chart := attainment(rows):
        yield chart
    explained = max(2, room - len(bars) // 4)
    if bad:
        yield _behind(progress, bad[:explained])
    said = []
    if len(bad) > explained:
        said.append(f"ほか {len(bad) - explained}項目は、進捗報告の「{KPI_LIST}」にあります。")
    if len(bars) > _MOST_BARS:
        said.append(f"図は、下回っているものを先に {_MOST_BARS}項目を示しました。")
    if bars:
        said.append(
            "図の（　）は年度末の目標。段階目標は、過去の年度の月ごとの進み方から、その月までに達しているべき値です。"
        )
    if any(len(landing_lines(r)) > 1 for r in bad[:explained]):
        said.append(f"年度末の見込みの（　）は、{CONFIDENCE_WORDS}の確からしさで収まる範囲です。")
    if said:
        yield Paragraph("".join(said), small=True)


def _behind(progress: Progress, rows: Sequence[Row]) -> Table:
    """KPIs that are behind, with what comes next; their targets instead, where nothing is said of what comes next."""
    planned = any((at := progress.on(row.key)) and at.next for row in rows)
    return table(
        ("下回っているKPI", "実績", "年度末の見込み", "今後の対応" if planned else "目標"),
        [
            [
                cell(r.title),
                cell(*(t for t in (r.shown, r.as_of) if t)),
                cell(*landing_lines(r)),
                cell(_what_next(progress, r) if planned else r.target),
            ]
            for r in rows
        ],
        widths=(3, 1.7, 3.4, 5.3),
    )


def _what_next(progress: Progress, row: Row) -> str:
    at = progress.on(row.key)
    return at.next[0] if at and at.next else "（記入がありません）"


def attainment(rows: Sequence[Row]) -> Chart | None:
    """How far each KPI with a figure and a level to reach has come (達成の度合い); None when there is none."""
    barred = [row for row in rows if _bar(row)]
    first = sorted(barred, key=lambda row: row.verdict not in _BAD)[:_MOST_BARS]
    bars = [bar for row in barred if row in first and (bar := _bar(row))]
    if not bars:
        return None
    chart = progress_chart(bars)
    return replace(chart, height=min(chart.height, _TALLEST))


def _bar(row: Row) -> Bar | None:
    value = row.actual.value if row.actual else None
    if row.level is None or value is None:
        return None
    lower = _lower_is_better(row)
    return Bar(
        row.title,
        _share(value, row.level, lower),
        f"{row.shown}（{number_text(row.level, row.unit)}{'以下' if lower else '以上'}）",
        _share(row.expected, row.level, lower) if row.expected is not None else None,
    )


def _share(value: Decimal, level: Decimal, lower: bool) -> float | None:
    """A figure as percent of the level to reach; the other way round where lower is better, and full at 0."""
    top, bottom = (level, value) if lower else (value, level)
    if not bottom:
        return 100.0 if lower else None
    return float(100 * top / bottom)


def _lower_is_better(row: Row) -> bool:
    term = known(row.measure)
    return term is not None and term.better == "lower"


# ---- the list of KPIs --------------------------------------------------------------------------------------------


def _kpi_list(rows: Sequence[Row]) -> Iterator[Block]:
    """目標・実績・時点・判定・前年度・全国平均・順位・年度末の見込み, a row for every KPI."""
    yield Heading(KPI_LIST)
    heads = ("施策", "KPI", "目標", "実績", "時点", "判定", "前年度", "全国平均", "順位", "年度末の見込み")
    yield table(
        heads,
        [_kpi_row(row, rows[n - 1] if n else None) for n, row in enumerate(rows)],
        widths=(2.8, 3.0, 2.6, 1.5, 1.4, 2.2, 1.4, 1.3, 0.8, 2.8),
    )


def _kpi_row(row: Row, before: Row | None) -> list[Cell]:
    same = before is not None and before.initiative == row.initiative
    return [
        cell("" if same else row.initiative),
        cell(row.title),
        cell(row.target),
        cell(row.shown, align="right"),
        cell(row.as_of),
        cell(_verdict(row), align="center", tone=_TONES.get(row.verdict, "") if row.verdict else ""),
        cell(row.last_year_text, align="right"),
        cell(row.nation_text, align="right"),
        cell(
            f"{row.rank}/{row.ranked}" if row.rank and row.ranked else str(row.rank or "－"), align="center"
        ),
        cell(*landing_lines(row), align="right"),
    ]


def _verdict(row: Row) -> str:
    return row.verdict.ja if row.verdict else "－"


def landing_lines(row: Row) -> list[str]:
    """Where a figure will land: 58.3％ and its range below, or － when nothing can be said."""
    landing = row.forecast
    if landing is None or landing.value is None:
        return ["－"]
    lines = [number_text(landing.value, row.unit)]
    if landing.low is not None and landing.high is not None:
        lines.append(f"（{number_text(landing.low, '')}～{number_text(landing.high, row.unit)}）")
    return lines


def _recorded(
    document: Document, plan: Plan, progress: Progress | None, action_plan: Plan | None = None
) -> Document:
    """A document with its records; it is read once, to supply what its text alone would not give back."""
    beside = pages.beside_the_plan(plan, progress) if progress else ()
    body = (*document.blocks, PageBreak(landscape=True), Heading(RECORDS), *beside)

    def with_tables(own: Sequence[Sequence[str]], of_action_plan: Sequence[Sequence[str]]) -> Document:
        made = records.tables(plan, progress, own)
        if action_plan is not None:
            made += records.tables(action_plan, None, of_action_plan)
        return replace(document, blocks=(*body, *made))

    read = read_plan(plain(with_tables((), ())))
    own = [*supplement.missing(plan, read.annual or read.action_plan)]
    if progress is not None:
        own += supplement.missing(progress, read.progress)
    return with_tables(
        own, [*supplement.missing(action_plan, read.action_plan)] if action_plan is not None else ()
    )


def file_names(plan: Plan, progress: Progress | None) -> dict[str, str]:
    """The stem of each document's file: 報告 progress, 計画 plan, 評議会 summary."""
    branch = _branch(plan)
    names = {"plan": f"{branch}_{plan.first_year}年度_事業計画"}
    if progress is not None:
        names["progress"] = f"{branch}_{progress.period}_進捗報告"
        names["summary"] = f"{branch}_{progress.period}_評議会資料"
    return names
