"""`kenpo plan`: reads plan documents, shows the board, writes the reports (事業計画)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kenpo.base.errors import ArgumentError
from kenpo.cli.output import console, errors, table
from kenpo.intake.documents import read_document
from kenpo.plan.listing import as_json
from kenpo.plan.model import Plan, Progress, period_title
from kenpo.plan.reading import Reading, read_plan
from kenpo.plan.store import Plans
from kenpo.plan.targets import describe
from kenpo.plan.vocabulary import known

app = typer.Typer(help="事業計画を読み取り、進捗を示し、報告書を書き出します。", no_args_is_help=True)

PlansOption = Annotated[
    Path,
    typer.Option(
        "--plans", envvar="KENPO_PLANS", help="計画の置き場", metavar="フォルダ", show_default="plans"
    ),
]
DEFAULT_PLANS = Path("plans")


@app.command("read")
def read_command(
    file: Annotated[
        Path, typer.Argument(help="計画・進捗の文書（txt、md、html、docx、xlsx、pdf）", metavar="文書")
    ],
    plans: PlansOption = DEFAULT_PLANS,
    as_data: Annotated[
        bool, typer.Option("--json", help="計画ファイルを書かずに、読み取った内容をJSONで出す")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="同じ計画ファイルがあれば書き換える")
    ] = False,
) -> None:
    """計画や進捗の文書を読み取り、計画ファイルにします。自信のない箇所は、元の文とともに「要確認」にします。"""
    reading = read_plan(read_document(file))
    if as_data:
        sys.stdout.write(as_json(reading) + "\n")
        return
    if reading.annual is None and reading.action_plan is None:
        raise ArgumentError(
            "事業計画の柱・施策・KPIが1つも見つかりません。",
            where=str(file),
            todo="計画の文書かどうかを確かめてください。",
        )
    store = Plans(plans)
    held = [h for h in (reading.action_plan, reading.annual, reading.progress) if h is not None]
    there = [p for h in held if (p := _path(store, h)).is_file()]
    if there and not overwrite:
        raise ArgumentError(
            "同じ計画ファイルがもうあります。",
            where="、".join(str(p) for p in there),
            todo="書き換えてよければ --overwrite を、別に置くなら --plans を指定してください。",
        )
    written = [store.save(h) for h in held]
    _say_reading(reading)
    for path in written:
        console.print(f"{path} を書きました。", soft_wrap=True)


def _path(store: Plans, held: Plan | Progress) -> Path:
    return store.path(held.plan, held.period) if isinstance(held, Progress) else store.path(held.id)


def _say_reading(reading: Reading) -> None:
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
    return f"{value:,f}{'％' if unit == '%' else unit}" + (f"（{as_of}）" if as_of else "")
