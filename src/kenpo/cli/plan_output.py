"""What `kenpo plan` prints: readings, boards, forecasts, all branches (計画の表示)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from kenpo.base.branches import branch_or_nation
from kenpo.base.errors import ArgumentError
from kenpo.base.money import round_ratio
from kenpo.cli.output import console, errors, table
from kenpo.plan.board import Board
from kenpo.plan.filling import Filled
from kenpo.plan.forecast import CONFIDENCE_WORDS, Accuracy
from kenpo.plan.model import SOURCES, period_title
from kenpo.plan.reading import Reading
from kenpo.plan.report import landing_lines
from kenpo.plan.rollup import Cell, Line, Rollup
from kenpo.plan.targets import describe, number_text
from kenpo.plan.vocabulary import known


def say_reading(reading: Reading) -> None:
    for plan in (reading.action_plan, reading.annual):
        if plan is None:
            continue
        initiatives = sum(1 for _ in plan.initiatives())
        kpis = list(plan.kpis())
        console.print(f"{plan.title}（{plan.id}）　施策 {initiatives}、KPI {len(kpis)}", soft_wrap=True)
        rows = []
        for _, kpi in kpis:
            term = known(kpi.measure)
            target = describe(kpi.target, kpi.unit, term.precision if term else 1) if kpi.target else "－"
            mine = reading.progress.of(kpi.measure) if reading.progress and kpi.measure else None
            actual = mine.actuals[0] if mine and mine.actuals and plan is reading.annual else None
            rows.append(
                [
                    term.short if term else kpi.text,
                    target,
                    f"{actual.text}" if actual and actual.value is None else _figure(actual, kpi.unit),
                    "要確認" if kpi.review else "",
                ]
            )
        table("", [("KPI", "left"), ("目標", "left"), ("実績", "left"), ("", "left")], rows)
    if reading.progress is not None:
        said = sum(1 for i in reading.progress.initiatives if i.done or i.activities)
        console.print(
            f"{period_title(reading.progress.period)}の進捗　施策 {said}、KPIの実績 {len(reading.progress.kpis)}"
        )


def say_reviews(reading: Reading) -> None:
    for review in reading.review:
        where = f"（{review.where}）" if review.where else ""
        errors.print(f"要確認：{review.what}{where}", style="yellow", markup=False, soft_wrap=True)
        if review.passage:
            errors.print(f"　元の文：{review.passage[:200]}", markup=False, soft_wrap=True)


def _figure(actual: object, unit: str) -> str:
    value = getattr(actual, "value", None)
    if value is None:
        return "－"
    as_of = getattr(actual, "as_of", "")
    return number_text(value, unit) + (f"（{as_of}）" if as_of else "")


def say_board(made: Board) -> None:
    """Print a board (進捗一覧)."""
    state = "確定" if made.frozen else "作成中"
    heads = [
        ("KPI", "left"),
        ("目標", "left"),
        ("実績", "right"),
        ("時点", "left"),
        ("判定", "left"),
        ("前年度", "right"),
        ("全国平均", "right"),
        ("順位", "right"),
        ("年度末の見込み", "right"),
    ]
    rows = []
    for row in made.rows:
        rows.append(
            [
                row.title,
                row.target,
                row.shown,
                row.as_of,
                row.verdict.ja if row.verdict else "－",
                row.last_year_text,
                row.nation_text,
                f"{row.rank}/{row.ranked}" if row.rank else "－",
                "".join(landing_lines(row)),
            ]
        )
    table(f"{made.plan.title}　{period_title(made.period)}（{state}）", heads, rows)
    for row in made.rows:
        if row.difference is not None:
            other = row.difference
            console.print(
                f"※ {row.title}：{row.shown} に対し、{SOURCES[other.source]}の値は {other.value}（差 {other.by:+}）です。",
                soft_wrap=True,
            )
        if row.explain:
            console.print(f"　出所：{row.explain}", soft_wrap=True)
    for note in made.notes:
        console.print(f"※ {note}", soft_wrap=True)


def say_filled(done: Filled) -> None:
    """Say what was filled and what was not, and why."""
    titles = [t.short if (t := known(m)) else m for m in done.filled]
    console.print(
        f"{done.progress.plan} {period_title(done.progress.period)}：{len(titles)} 件のKPIに実績を記入しました"
        + (f"（{'、'.join(titles)}）。" if titles else "。"),
        soft_wrap=True,
    )


def _years(years: Sequence[int]) -> str:
    return f"{min(years)}〜{max(years)}年度" if len(years) > 1 else f"{years[0]}年度"


def _error(past: Accuracy | None, unit: str) -> str:
    if past is None or not past.mean_absolute_error:
        return "－"
    errors = list(past.mean_absolute_error.values())
    mean = round_ratio(sum(errors, Fraction(0)) / len(errors), 2)
    held = f"、{round_ratio(100 * past.coverage, 0)}％" if past.coverage is not None else ""
    return f"±{_amount(mean, unit)}{held}"


def say_lines(made: Rollup) -> None:
    """Every KPI in a line: the nation, how many branches have a figure, best and last, and who moved most."""
    rows = []
    for line in made.lines:
        there = [c for c in line.cells if c.value is not None]
        ranked = sorted((c for c in there if c.rank), key=lambda c: c.rank or 0)
        met = sum(1 for c in there if c.to_target is not None and c.to_target >= 0)
        aimed = sum(1 for c in there if c.to_target is not None)
        rows.append(
            [
                line.title,
                line.as_of or "－",
                _amount(line.nation, line.unit),
                f"{len(there)}",
                f"{met}/{aimed}" if aimed else "－",
                _best(ranked[:1], line.unit),
                _best(ranked[-1:] if len(ranked) > 1 else [], line.unit),
                "、".join(f"{_name(c.branch)} {c.moved:+}" for c in line.movers(3)) or "－",
            ]
        )
    heads = ["KPI", "時点", "全国", "支部数", "目標以上", "1位", "最下位", "前月からの動き"]
    numeric = {"全国", "支部数", "目標以上"}
    table(
        f"{period_title(made.period)}　全支部",
        [(h, "right" if h in numeric else "left") for h in heads],
        rows,
        "※ 目標以上は、年度末の目標に対して、いまの値で見たものです。",
    )


def say_line(line: Line | None) -> None:
    """One KPI, branch by branch."""
    if line is None:
        raise ArgumentError(
            "このKPIの値も目標もありません。", todo="期間と、計画の置き場・データの置き場を確かめてください。"
        )
    heads = ["支部", "値", "順位", "全国との差", "目標", "目標との差", "前年度", "前年度との差", "前月から"]
    rows = [
        [
            _name(c.branch),
            _amount(c.value, line.unit)
            if c.state == "value"
            else ("対象外" if c.state == "not_applicable" else "－"),
            f"{c.rank}/{line.ranked}" if c.rank else "－",
            _signed(c.to_nation),
            f"{c.target}{'（全国の目標）' if c.target_of == '全国' else ''}" or "－",
            _signed(c.to_target),
            _amount(c.last_year, line.unit),
            _signed(c.change),
            _signed(c.moved),
        ]
        for c in line.cells
    ]
    note = (
        f"全国：{_amount(line.nation, line.unit)}（{line.nation_as_of}）" if line.nation is not None else ""
    )
    table(
        f"{line.title}　{line.as_of}時点" if line.as_of else line.title,
        [(h, "left" if h in ("支部", "目標") else "right") for h in heads],
        rows,
        note,
    )


def _name(code: str) -> str:
    return branch_or_nation(code).name.removesuffix("支部")


def _best(cells: Sequence[Cell], unit: str) -> str:
    return "、".join(f"{_name(c.branch)} {_amount(c.value, unit)}" for c in cells) or "－"


def _amount(value: Decimal | None, unit: str) -> str:
    return "－" if value is None else number_text(value, unit)


def _signed(value: Decimal | None) -> str:
    return "－" if value is None else f"{value:+}"


def say_forecast(made: Board, tried: Mapping[str, Accuracy]) -> None:
    """Where every KPI will land, how that was found, and how well past years would have been told."""
    rows = []
    for row in made.rows:
        landing = row.forecast
        if landing is None:
            continue
        past = tried.get(row.measure or "")
        rows.append(
            [
                row.title,
                row.target,
                row.shown,
                "".join(landing_lines(row)),
                landing.reach,
                landing.method + (f"（{_years(landing.years)}）" if landing.years else ""),
                _amount(landing.pace_so_far, row.unit),
                _amount(landing.pace_needed, row.unit),
                _error(past, row.unit),
            ]
        )
    heads = [
        "KPI",
        "目標",
        "実績",
        "年度末の見込み",
        "届くか",
        "方法",
        "これまでの月当たり",
        "要る月当たり",
        "過去での誤差",
    ]
    numeric = {"実績", "年度末の見込み", "これまでの月当たり", "要る月当たり"}
    table(
        f"{made.plan.title}　{period_title(made.period)}",
        [(h, "right" if h in numeric else "left") for h in heads],
        rows,
        f"※ 見込みの（　）は{CONFIDENCE_WORDS}の確からしさの範囲。過去での誤差は、ほかの年度から見込んだ場合の平均のずれと、範囲に収まった割合です。",
    )
