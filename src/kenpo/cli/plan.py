"""`kenpo plan`: reads plan documents, shows the board, writes the reports (事業計画)."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kenpo.base.branches import branch_or_nation
from kenpo.base.document import Document
from kenpo.base.era import parse_fiscal_year
from kenpo.base.errors import ArgumentError
from kenpo.catalogue import MEASURES
from kenpo.cli.output import console, errors, table
from kenpo.cli.plan_output import (
    say_board,
    say_filled,
    say_forecast,
    say_line,
    say_lines,
    say_reading,
    say_reviews,
)
from kenpo.intake.documents import read_document
from kenpo.lake import Lake
from kenpo.plan.board import Board, accuracies, board
from kenpo.plan.filling import Filled, enter, fill
from kenpo.plan.freezing import freeze, reopen
from kenpo.plan.health import health
from kenpo.plan.listing import as_json
from kenpo.plan.model import PLAN_STATUSES, STATUSES, Plan, Progress, period_title
from kenpo.plan.reading import Reading, read_plan
from kenpo.plan.report import file_names, plan_document, progress_report, summary
from kenpo.plan.revising import revise
from kenpo.plan.rollup import rollup
from kenpo.plan.store import Plans, today
from kenpo.plan.vocabulary import term_of
from kenpo.press import FORMATS, write

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
    branch_name: Annotated[
        str | None,
        typer.Option("--branch", help="文書に書かれていないときの支部（35、山口、00=本部）", metavar="支部"),
    ] = None,
    year: Annotated[
        str | None,
        typer.Option("--year", help="文書に書かれていないときの年度（2025、令和7年度）", metavar="年度"),
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", help="文書に書かれていないときの期間（2025H1）", metavar="期間")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="KPIの一覧を出さない")] = False,
) -> None:
    """計画や進捗の文書を読み取り、計画ファイルにします。自信のない箇所は、元の文とともに「要確認」にします。"""
    reading = read_plan(
        read_document(file),
        branch=branch_or_nation(branch_name).code if branch_name else None,
        year=_year(year) if year else None,
        period=_period_text(period) if period else None,
    )
    if as_data:
        sys.stdout.write(as_json(reading) + "\n")
        return
    _refuse_unknown(reading, file)
    store = Plans(plans)
    held = [h for h in (reading.action_plan, reading.annual, reading.progress) if h is not None]
    with store.locked(*(h.plan if isinstance(h, Progress) else h.id for h in held)):
        written, kept = _write(store, held, overwrite=overwrite)
    if not quiet:
        say_reading(reading)
    say_reviews(reading)
    for one in kept:
        console.print(
            f"{_path(store, one)} はもうあるため、そのままにしました（書き換えるには --overwrite）。",
            soft_wrap=True,
        )
    for path in written:
        console.print(f"{path} を書きました。", soft_wrap=True)


def _write(
    store: Plans, held: Sequence[Plan | Progress], *, overwrite: bool
) -> tuple[list[Path], list[Plan | Progress]]:
    """Write what was read; the files written, and what stays as it is in the folder.

    Raises ArgumentError when something is there already and is not to be written over.
    """
    # A progress report repeats its plan: the plan file that is there already stays as it is.
    kept = [h for h in held if isinstance(h, Plan) and _path(store, h).is_file()]
    kept = kept if any(isinstance(h, Progress) for h in held) and not overwrite else []
    there = [p for h in held if h not in kept and (p := _path(store, h)).is_file()]
    if there and not overwrite:
        raise ArgumentError(
            "同じ計画ファイルがもうあります。",
            where="、".join(str(p) for p in there),
            todo="書き換えてよければ --overwrite を、別に置くなら --plans を指定してください。",
        )
    return [store.save(h) for h in held if h not in kept], [*kept]


def _refuse_unknown(reading: Reading, file: Path) -> None:
    """Raise ArgumentError for a document that is no plan, or does not say whose plan of which year it is."""
    plans = [p for p in (reading.annual, reading.action_plan) if p is not None]
    if not any(pillar.initiatives or pillar.kpis for plan in plans for pillar in plan.pillars):
        raise ArgumentError(
            "事業計画の柱・施策・KPIが1つも見つかりません。",
            where=str(file),
            todo="計画の文書かどうかを確かめてください。",
        )
    reviews = [r.what for p in plans for r in p.review]
    unknown = [w for w in ("本部か、どの支部の", "どの年度の") if any(w in what for what in reviews)]
    if unknown:
        raise ArgumentError(
            f"{'、'.join(unknown)}計画か、文書から分かりません。",
            where=str(file),
            todo="--branch と --year（進捗なら --period）で指定してください。",
        )


def _year(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{4}", text) else parse_fiscal_year(text)


def _period_text(text: str) -> str:
    period = text.upper().replace("FY", "")
    if not re.fullmatch(r"\d{4}(H[12]|Q[1-4])?", period):
        raise ArgumentError(
            f"期間「{text}」が読めません。",
            todo="2025Q1（第1四半期）、2025H1（上期）、2025（年度）のように指定してください。",
        )
    return period


def _path(store: Plans, held: Plan | Progress) -> Path:
    return store.path(held.plan, held.period) if isinstance(held, Progress) else store.path(held.id)


# ---- what the verbs share ----------------------------------------------------------------------------------------


PlanArgument = Annotated[str, typer.Argument(help="計画のID（35-2025）か計画ファイル", metavar="計画")]
PeriodOption = Annotated[
    str | None,
    typer.Option("--period", help="期間（2025H1、2025Q2、2025。省略時は最新の進捗）", metavar="期間"),
]
LakeOption = Annotated[
    Path,
    typer.Option(
        "--lake", envvar="KENPO_LAKE", help="データの置き場", metavar="フォルダ", show_default="lake"
    ),
]
ByOption = Annotated[str, typer.Option("--by", help="扱った人（氏名か所属）", metavar="名前")]
DEFAULT_LAKE = Path("lake")


def _asked(name: str, folder: Path) -> tuple[Plans, Plan]:
    """A plan by its id, or by its file: then the folder is the file's."""
    path = Path(name)
    if path.suffix == ".yaml":
        store = Plans.of(path.parent)
        return store, store.plan(path.stem.split(".")[0])
    store = Plans.of(folder)
    return store, store.plan(name)


def _period(store: Plans, plan: Plan, asked: str | None) -> str:
    """The period asked for, or that of the newest progress. Raises ArgumentError when there is none."""
    there = store.periods(plan.id)
    if asked is None:
        if not there:
            raise ArgumentError(
                f"計画「{plan.id}」の進捗がまだありません。",
                todo=f"--period {plan.first_year}H1 のように期間を指定してください。",
            )
        return there[-1]
    period = _period_text(asked)
    if not plan.first_year <= int(period[:4]) <= plan.last_year:
        raise ArgumentError(
            f"期間「{asked}」は計画「{plan.id}」の年度のものではありません。", todo="年度を確かめてください。"
        )
    return period


@dataclass(frozen=True)
class _Seen:
    """What was asked for: the plan, its folder, the lake if there is one, and the board with the lake's figures in it."""

    store: Plans
    plan: Plan
    lake: Lake | None
    board: Board


def _seen(plan: str, period: str | None, plans: Path, lake: Path) -> _Seen:
    store, chosen = _asked(plan, plans)
    opened = Lake.open(lake) if lake.is_dir() else None  # a plan can be looked at without
    progress = store.progress(chosen.id, _period(store, chosen, period))
    if opened:
        progress = fill(opened, MEASURES, chosen, progress).progress
    made = board(chosen, progress, lake=opened, measures=MEASURES, plans=store, today=today())
    return _Seen(store, chosen, opened, made)


# ---- looking -----------------------------------------------------------------------------------------------------


@app.command("list")
def list_command(plans: PlansOption = DEFAULT_PLANS) -> None:
    """計画と進捗の一覧を示します。"""
    store = Plans.of(plans)
    rows = []
    for name in store.ids():
        plan = store.plan(name)
        periods = [p + ("（確定）" if store.progress(name, p).frozen else "") for p in store.periods(name)]
        rows.append([name, plan.title, PLAN_STATUSES[plan.status], "、".join(periods) or "－"])
    table("", [("計画", "left"), ("名称", "left"), ("状態", "left"), ("進捗", "left")], rows)


@app.command("board")
def board_command(
    plan: PlanArgument,
    period: PeriodOption = None,
    plans: PlansOption = DEFAULT_PLANS,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """KPIの目標・実績・判定・着地見込み・全国平均・順位を示します。"""
    say_board(_seen(plan, period, plans, lake).board)


# ---- documents ---------------------------------------------------------------------------------------------------


@app.command("report")
def report_command(
    plan: PlanArgument,
    period: PeriodOption = None,
    form: Annotated[
        str, typer.Option("--format", help="形式（docx,xlsx,pptx,pdf,html をカンマで並べる）", metavar="形式")
    ] = "docx,xlsx,pdf",
    kind: Annotated[
        str,
        typer.Option(
            "--document",
            help="文書（progress 進捗報告、plan 事業計画、summary 評議会資料をカンマで並べる）",
            metavar="文書",
        ),
    ] = "progress,plan,summary",
    out: Annotated[Path, typer.Option("--out", help="書き出すフォルダ", metavar="フォルダ")] = Path("out"),
    plans: PlansOption = DEFAULT_PLANS,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """進捗報告、事業計画、評議会資料を書き出します。"""
    forms = _listed(form, FORMATS, "形式")
    kinds = _listed(kind, ("progress", "plan", "summary"), "文書")
    store, chosen = _asked(plan, plans)
    documents: dict[str, Document] = {}
    progress = None
    if {"progress", "summary"} & set(kinds):
        seen = _seen(plan, period, plans, lake).board
        progress, rows = seen.progress, seen.rows
        documents = {
            "progress": progress_report(chosen, progress, rows),
            "summary": summary(chosen, progress, rows),
        }
    if "plan" in kinds:
        beside = store.plan(chosen.action_plan) if chosen.action_plan in store.ids() else None
        documents["plan"] = plan_document(chosen, beside)
    out.mkdir(parents=True, exist_ok=True)
    names = file_names(chosen, progress)
    for name in kinds:
        for ending in forms:
            path = out / f"{names[name]}.{ending}"
            write(documents[name], path)
            console.print(str(path), soft_wrap=True)


def _listed(text: str, allowed: Sequence[str], what: str) -> list[str]:
    chosen = [t.strip().lower() for t in text.split(",") if t.strip()]
    wrong = [t for t in chosen if t not in allowed]
    if wrong or not chosen:
        raise ArgumentError(
            f"{what}「{'、'.join(wrong) or text}」は使えません。", todo=f"使える{what}：{'、'.join(allowed)}"
        )
    return list(dict.fromkeys(chosen))


# ---- figures -----------------------------------------------------------------------------------------------------


@app.command("fill")
def fill_command(
    plan: PlanArgument,
    period: PeriodOption = None,
    plans: PlansOption = DEFAULT_PLANS,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """置き場の指標を、進捗の実績に記入します（手入力と文書の値は残ります）。"""
    store, chosen = _asked(plan, plans)
    say_filled(fill_and_save(store, chosen, _period(store, chosen, period), Lake.open(lake)))


def fill_and_save(store: Plans, plan: Plan, period: str, lake: Lake) -> Filled:
    """Fill the progress of a period from the lake and keep it."""
    with store.locked(plan.id):
        done = fill(lake, MEASURES, plan, store.progress(plan.id, period))
        if not done.progress.frozen:
            store.save(done.progress)
    return done


def refresh_plans(folder: Path, lake: Lake) -> None:
    """Fill every progress report of the folder that is not finished; a plan without one gets one of its year."""
    store = Plans.of(folder)
    for name in store.ids():
        plan = store.plan(name)
        if plan.kind != "annual":
            continue
        for period in store.periods(name) or [str(plan.first_year)]:
            with store.locked(name):
                done = fill(lake, MEASURES, plan, store.progress(name, period))
                if done.filled:
                    store.save(done.progress)
            if done.filled:
                say_filled(done)


@app.command("enter")
def enter_command(
    plan: PlanArgument,
    kpi: Annotated[str, typer.Argument(help="KPI（指標IDか名称）", metavar="KPI")],
    as_of: Annotated[
        str, typer.Option("--as-of", help="いつ時点の値か（2025-09、2025-09-30）", metavar="年月")
    ],
    by: ByOption,
    why: Annotated[str, typer.Option("--why", help="根拠（資料の名前など）", metavar="根拠")],
    value: Annotated[str | None, typer.Option("--value", help="値（印字する桁で）", metavar="値")] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", help="値がないとき：missing（未集計）か not_applicable（対象外）", metavar="状態"
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            "--status", help="preliminary（速報）、provisional（暫定）、final（確定）", metavar="確度"
        ),
    ] = None,
    period: PeriodOption = None,
    plans: PlansOption = DEFAULT_PLANS,
) -> None:
    """KPIの実績を手で入力します。入力した人と根拠を残し、自動計算の値との差を示します。"""
    store, chosen = _asked(plan, plans)
    period = _period(store, chosen, period)
    _one_of(state, ("missing", "not_applicable"), "状態")
    _one_of(status, tuple(STATUSES), "確度")
    with store.locked(chosen.id):
        done = enter(
            store.progress(chosen.id, period),
            store.plan(chosen.id),
            kpi,
            value=value,
            state=state or "value",  # type: ignore[arg-type]
            as_of=as_of,
            by=by,
            why=why,
            on=today(),
            status=status,  # type: ignore[arg-type]
        )
        store.save(done.progress)
    console.print(f"{chosen.id} {period_title(period)}の進捗に入力しました。", soft_wrap=True)
    if done.difference:
        console.print(f"※ 自動計算の値との差は {done.difference:+} です。")


def _one_of(given: str | None, allowed: Sequence[str], what: str) -> None:
    if given is not None and given not in allowed:
        raise ArgumentError(f"{what}「{given}」は使えません。", todo=f"使える{what}：{'、'.join(allowed)}")


@app.command("revise")
def revise_command(
    plan: PlanArgument,
    kpi: Annotated[str, typer.Argument(help="KPI（指標IDか名称）", metavar="KPI")],
    target: Annotated[
        str, typer.Option("--target", help="新しい目標（95.0％以上、対前年度以上）", metavar="目標")
    ],
    by: ByOption,
    why: Annotated[str, typer.Option("--why", help="改定の理由", metavar="理由")],
    plans: PlansOption = DEFAULT_PLANS,
) -> None:
    """KPIの目標を改めます。改める前の目標と理由が残ります。"""
    store, chosen = _asked(plan, plans)
    with store.locked(chosen.id):
        revised = revise(store.plan(chosen.id), term_of(kpi).id, target, on=today(), why=why, by=by)
        store.save(revised)
    console.print(f"{revised.revisions[-1].what}。", soft_wrap=True)


@app.command("forecast")
def forecast_command(
    plan: PlanArgument,
    period: PeriodOption = None,
    plans: PlansOption = DEFAULT_PLANS,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """年度末の見込みを、方法・範囲・要る進み方・過去の年度での当たり方とともに示します。"""
    seen = _seen(plan, period, plans, lake)
    say_forecast(seen.board, accuracies(seen.plan, lake=seen.lake, measures=MEASURES, plans=seen.store))


# ---- finishing ---------------------------------------------------------------------------------------------------


@app.command("freeze")
def freeze_command(
    plan: PlanArgument,
    by: ByOption,
    period: PeriodOption = None,
    plans: PlansOption = DEFAULT_PLANS,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """進捗報告を確定します。数値・判定・定義の版・データ締切・文章は、この後データが変わっても変わりません。"""
    there, chosen = _asked(plan, plans)
    with there.locked(chosen.id):
        seen = _seen(plan, period, plans, lake)
        done = freeze(seen.board, by=by, on=today())
        there.save(done.progress)
    for warning in done.warnings:
        errors.print(f"確認：{warning}", style="yellow", markup=False, soft_wrap=True)
    console.print(
        f"{seen.plan.id} {period_title(seen.board.period)}の進捗報告を確定しました。", soft_wrap=True
    )


@app.command("reopen")
def reopen_command(
    plan: PlanArgument,
    by: ByOption,
    why: Annotated[str, typer.Option("--why", help="確定を取り消す理由", metavar="理由")],
    period: PeriodOption = None,
    broken: Annotated[
        bool, typer.Option("--broken", help="確定後に書き換えられた報告を、そのことを記録して取り消す")
    ] = False,
    plans: PlansOption = DEFAULT_PLANS,
) -> None:
    """進捗報告の確定を取り消します。理由が残ります。"""
    store, chosen = _asked(plan, plans)
    period = _period(store, chosen, period)
    with store.locked(chosen.id):
        held = store.unsealed(chosen.id, period)
        store.save(reopen(held, by=by, on=today(), why=why, broken=broken))
    console.print(f"{chosen.id} {period_title(period)}の進捗報告の確定を取り消しました。", soft_wrap=True)


# ---- how well a plan is kept -------------------------------------------------------------------------------------


@app.command("health")
def health_command(
    plan: PlanArgument,
    period: PeriodOption = None,
    plans: PlansOption = DEFAULT_PLANS,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """施策ごとに、担当・説明・次の予定・目標・実績がそろっているかを調べます。"""
    seen = _seen(plan, period, plans, lake)
    made = health(seen.plan, seen.board.progress, seen.board.rows, today=today())
    rows = [[kept.name, "、".join(kept.flags) or "そろっている"] for kept in made.initiatives]
    table(
        f"{seen.plan.title}　{period_title(seen.board.period)}",
        [("施策", "left"), ("足りないもの", "left")],
        rows,
    )


@app.command("rollup")
def rollup_command(
    period: Annotated[str, typer.Option("--period", help="期間（2025H1、2025）", metavar="期間")],
    kpi: Annotated[
        str | None, typer.Argument(help="KPI（省略時は全KPIの全国の値と動き）", metavar="KPI")
    ] = None,
    plans: PlansOption = DEFAULT_PLANS,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """47支部を1つの表にします。値・順位・全国との差・目標との差・前年度との差・前月からの動き。"""
    only = [term_of(kpi).id] if kpi else None
    opened = Lake.open(lake) if lake.is_dir() else None
    made = rollup(_period_text(period), lake=opened, measures=MEASURES, plans=Plans.of(plans), only=only)
    if only:
        say_line(made.of(only[0]))
    else:
        say_lines(made)
    for note in made.notes:
        console.print(f"※ {note}", soft_wrap=True)
