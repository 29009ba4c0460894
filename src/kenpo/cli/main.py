"""The `kenpo` command. Exit codes: 0 done, 1 other, 2 wrong words, 3 input file, 4 lake, 5 parameter, 6 measure, 9 office."""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
import typer
import typer.rich_utils
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from kenpo.base.branches import BRANCHES, NATION_CODE, branch, branch_or_nation
from kenpo.base.era import parse_date, parse_month, parse_months, to_wareki_month
from kenpo.base.errors import ArgumentError, InputFileError, KenpoError
from kenpo.catalogue import (
    CASEKINDS,
    DERIVATIONS,
    INITIATIVES,
    MEASURES,
    WORKLISTS,
    casekind_of,
    measure_of,
    worklist_of,
)
from kenpo.cli import docs as docs_module
from kenpo.cli import lake_report, usage
from kenpo.cli import office as office_commands
from kenpo.cli import plan as plan_commands
from kenpo.cli.output import Format, console, emit, errors, number, say_document, table
from kenpo.frame import (
    BREAKDOWNS,
    Explanation,
    Measure,
    explain,
    figures,
    lacking_of,
    records,
    refresh,
    run,
)
from kenpo.frame.measure import cutoff_of, notes_of
from kenpo.intake.keys import default_key_path
from kenpo.intake.load import FileReport, load_facts, load_paths
from kenpo.lake import Lake

usage.japanese_headings()

app = typer.Typer(
    help="健康保険組合・協会けんぽの業務システム kenpo。ファイルを取り込み、指標を計算し、その出所を示します。",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)

app.add_typer(plan_commands.app, name="plan")
app.add_typer(office_commands.app, name="office")
app.command("serve")(office_commands.serve)
app.command("backup")(office_commands.backup)
app.command("restore")(office_commands.restore)

LakeOption = Annotated[
    Path,
    typer.Option(
        "--lake", envvar="KENPO_LAKE", help="データの置き場", metavar="フォルダ", show_default="lake"
    ),
]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key",
        help="加入者キーの鍵のファイル（省略時は KENPO_KEY_FILE、~/.config/kenpo/member.key）",
        metavar="ファイル",
    ),
]
BranchOption = Annotated[
    str | None, typer.Option("--branch", help="支部（13、東京、00=全国）", metavar="支部")
]
MonthOption = Annotated[
    str | None,
    typer.Option(
        "--month", help="診療年月（2018-11、平成30年11月）。範囲は 2018-04..2019-03", metavar="年月"
    ),
]
DEFAULT_LAKE = Path("lake")


@app.command("load")
def load_command(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="ファイル、フォルダ、zip", metavar="取込元...")
    ] = None,
    lake: LakeOption = DEFAULT_LAKE,
    key: KeyOption = None,
    edition: Annotated[
        str | None,
        typer.Option(
            "--edition", help="マスターの版、資格の基準日（名前に日付がないとき）", metavar="年月日"
        ),
    ] = None,
    builtin_masters: Annotated[
        bool, typer.Option("--builtin-masters", help="同梱の小さなマスターを取り込む")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", help="並列数（省略時はコア数）", metavar="数", min=1)
    ] = None,
) -> None:
    """レセプト（UKE、レセ電コード情報）、マスター、資格のファイルを取り込みます。同じ内容のファイルは2度取り込みません。"""
    if not paths and not builtin_masters:
        raise ArgumentError(
            "取り込むファイルが指定されていません。",
            todo="「kenpo load ファイルまたはフォルダ」の形で指定してください。",
        )
    from_day = parse_date(edition) if edition else None
    opened = Lake.create(lake)
    reports = load_facts(opened) if builtin_masters else []
    if paths:
        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=errors,
            transient=True,
        ) as bar:
            shown: dict[str, Any] = {}

            def advance(name: str, done: int, total: int) -> None:
                if done >= total:
                    if name in shown:
                        bar.remove_task(shown.pop(name))
                    return
                if name not in shown:
                    shown[name] = bar.add_task(name, total=total)
                bar.update(shown[name], completed=done)

            reports += load_paths(
                opened,
                paths,
                key_path=key or default_key_path(),
                edition=from_day,
                workers=workers,
                progress=advance,
            )
    _print_reports(opened, reports)
    if paths:
        office_commands.keep_identities(paths, lake, key, from_day)
    if any(r.status == "failed" for r in reports):
        raise typer.Exit(InputFileError.exit_code)


_STATUS = {"loaded": "取込", "already": "取込済み", "skipped": "対象外", "failed": "失敗"}


_FILES_LISTED = 40


def _print_reports(lake: Lake, reports: list[FileReport]) -> None:
    """What became of the files: one by one, or kind by kind with only the odd ones named when there are many."""
    odd = [r for r in reports if r.status == "failed" or (r.entry and r.entry.rejects)]
    if len(reports) <= _FILES_LISTED:
        _table_of_files(reports)
    else:
        _table_of_kinds(reports)
        if odd:
            _table_of_files(odd[:_FILES_LISTED])
    for r in reports:
        if r.status == "failed":
            errors.print(f"取り込めません（{r.code}）", style="red")
            errors.print(f"{r.message}\n", soft_wrap=True, markup=False)
    loaded = {r.entry.file_id for r in reports if r.entry}
    flags = lake_report.flags(lake).filter(pl.col("source_file").is_in(list(loaded)))
    rejected = sum(r.entry.rejects for r in reports if r.entry)
    if rejected:
        console.print(
            f"取り込めなかった行が {rejected:,} 行あります。「kenpo lake --rejects」で場所と理由を確かめてください。直したファイルを取り込む前に、「kenpo lake --forget ID」で元のファイルの取込を取り消してください。"
        )
    if flags.height:
        console.print(
            f"確認を要する事柄が {flags.height:,} 件あります。「kenpo lake --flags」で確かめてください。"
        )


def _table_of_files(reports: list[FileReport]) -> None:
    rows = []
    for r in reports:
        e = r.entry
        claims = e is not None and e.format in lake_report.CLAIM_FORMATS
        rows.append(
            [
                r.name,
                _STATUS[r.status],
                lake_report.KIND_TITLES.get(e.kind, e.kind) if e else "",
                number(e.receipts) if e and claims else "",
                number(e.points) if e and claims else "",
                number(e.lines) if e else "",
                number(e.rejects) if e else "",
            ]
        )
    heads = [("ファイル", "left"), ("結果", "left"), ("種別", "left"), *_SUMS]
    table("", heads, rows)


_SUMS: list[tuple[str, Literal["left", "right"]]] = [
    ("件数", "right"),
    ("点数", "right"),
    ("行", "right"),
    ("拒否行", "right"),
]


def _table_of_kinds(reports: list[FileReport]) -> None:
    groups: dict[tuple[str, str, bool], list[FileReport]] = {}
    for r in reports:
        kind = lake_report.KIND_TITLES.get(r.entry.kind, r.entry.kind) if r.entry else ""
        claims = r.entry is not None and r.entry.format in lake_report.CLAIM_FORMATS
        groups.setdefault((_STATUS[r.status], kind, claims), []).append(r)
    rows = []
    for (status, kind, claims), group in groups.items():
        entries = [r.entry for r in group if r.entry]
        rows.append(
            [
                kind,
                status,
                number(len(group)),
                number(sum(e.receipts for e in entries)) if claims else "",
                number(sum(e.points for e in entries)) if claims else "",
                number(sum(e.lines for e in entries)) if entries else "",
                number(sum(e.rejects for e in entries)) if entries else "",
            ]
        )
    heads = [("種別", "left"), ("結果", "left"), ("ファイル数", "right"), *_SUMS]
    table("", heads, rows)


@app.command("refresh")
def refresh_command(
    measure: Annotated[
        list[str] | None, typer.Argument(help="指標ID（省略時は全部）", metavar="指標...")
    ] = None,
    lake: LakeOption = DEFAULT_LAKE,
    plans: Annotated[
        Path | None,
        typer.Option(
            "--plans",
            envvar="KENPO_PLANS",
            help="実績を記入する計画の置き場（省略時は plans があればそこ）",
            metavar="フォルダ",
        ),
    ] = None,
) -> None:
    """取り込んだデータから、指標を全支部・全月について計算し直し、計画の進捗に実績を記入します。"""
    opened = Lake.open(lake)
    chosen = [measure_of(m) for m in measure] if measure else list(MEASURES.values())
    done = refresh(
        opened,
        chosen,
        progress=lambda title: errors.print(f"計算中：{title}"),
        derivations=DERIVATIONS,
    )
    months = done.months
    console.print(
        f"{len(chosen) - len(done.skipped)} 指標を {months[0]:%Y-%m}〜{months[-1]:%Y-%m}（{len(months)}か月）、{len(BRANCHES)} 支部と全国について計算しました。"
    )
    for what, todo in dict.fromkeys((e.what, e.todo) for e in done.skipped.values()):
        titles = [MEASURES[m].title for m, e in done.skipped.items() if (e.what, e.todo) == (what, todo)]
        console.print(f"※ {len(titles)} 指標：{what}（{'、'.join(titles)}）\n　 {todo}", soft_wrap=True)
    if plans is not None or plan_commands.DEFAULT_PLANS.is_dir():
        plan_commands.refresh_plans(plans or plan_commands.DEFAULT_PLANS, opened)


@app.command("show")
def show_command(
    measure: Annotated[
        str | None, typer.Argument(help="指標IDまたは指標名（省略時は全指標の最新月）", metavar="指標")
    ] = None,
    branch: BranchOption = None,
    month: MonthOption = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help=f"内訳（{'、'.join(BREAKDOWNS)}）",
            metavar="内訳",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", help="その部分だけを見る（care=入院、sex=女。何度でも指定できる）", metavar="内訳=値"
        ),
    ] = None,
    window: Annotated[
        str, typer.Option("--window", help="month（月）または fytd（年度累計）", metavar="期間")
    ] = "month",
    form: Annotated[Format, typer.Option("--format", help="出力形式")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option("--out", help="書き出すファイル", metavar="ファイル")] = None,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """指標を表示します。"""
    opened = Lake.open(lake)
    if window not in ("month", "fytd"):
        raise ArgumentError(
            f"期間「{window}」は使えません。", todo="month（月）か fytd（年度累計）を指定してください。"
        )
    if by is not None and by not in BREAKDOWNS:
        listed = "、".join(f"{b.name}（{b.title}）" for b in BREAKDOWNS.values())
        raise ArgumentError(f"内訳「{by}」は使えません。", todo=f"次のいずれかを指定してください：{listed}")
    span = parse_months(month) if month else None
    code = branch_or_nation(branch).code if branch else None
    parts = _parts(where)
    if measure is None:
        if by or parts or window != "month":
            raise ArgumentError(
                "--by、--where、--window は、指標を1つ指定したときに使えます。",
                todo="「kenpo show 指標」の形で指定してください。",
            )
        _show_all(opened, code or NATION_CODE, span, form, out)
        return
    chosen = measure_of(measure)
    rows = figures(opened, chosen, branch=code, months=span, by=by, where=parts, window=window)
    if form is not Format.TABLE:
        emit(_public(chosen, rows), form, out)
        return
    if rows.is_empty():
        raise ArgumentError(
            "該当する値がありません。", todo="「kenpo lake」で取込済みの診療年月を確かめてください。"
        )
    if code is None and span is None and by is None and not parts and window == "month":
        last = rows.filter(pl.col("eligible") > 0)["month"].max()
        rows = rows.filter(pl.col("month") == last)
    _print_figures(opened, chosen, rows, by, parts)


def _parts(words: list[str] | None) -> dict[str, str]:
    out = {}
    for text in words or []:
        name, sign, value = text.partition("=")
        axis = next((b for b in BREAKDOWNS.values() if name in (b.name, b.title)), None)
        if axis is None or not sign or not value:
            raise ArgumentError(
                f"--where「{text}」が読めません。",
                todo=f"care=入院 のように「内訳=値」の形で指定してください。内訳：{'、'.join(BREAKDOWNS)}",
            )
        out[axis.name] = value
    return out


def _public(measure: Measure, rows: pl.DataFrame) -> pl.DataFrame:
    names = {b.code: b.name for b in BRANCHES} | {NATION_CODE: "全国"}
    return rows.select(
        measure=pl.lit(measure.id),
        branch="branch",
        branch_name=pl.col("branch").replace_strict(names, default="", return_dtype=pl.String),
        month=pl.col("month").dt.strftime("%Y-%m"),
        value="value",
        eligible="eligible",
        excluded="excluded",
        excluded_by="excluded_by",
        denominator="denominator",
        numerator="numerator",
        rate="rate",
        definition="definition",
        cutoff="cutoff",
    )


def _of_month(measure: Measure) -> str:
    """What of a month a figure is: of its treatment, at its end, or of what was done to cases in it."""
    if measure.cases:
        return ""
    return "診療分" if measure.flow else "末"


def _notes(lake: Lake, measure: Measure, rows: pl.DataFrame) -> str:
    notes = list(notes_of(lake, measure))
    if rows.height and rows["cutoff"][0] != cutoff_of(lake, measure):
        notes.append(
            "この値を計算した後に、取込または取消がありました。「kenpo refresh」で計算し直してください。"
        )
    nation = rows.filter(pl.col("branch") == NATION_CODE)
    counted = nation if nation.height else rows
    unknown = sum(json.loads(text).get("unknown_code", 0) for text in counted["excluded_by"])
    if unknown:
        notes.append(f"マスターにないコードの明細が {unknown:,} 件あり、除外しています。")
    return "\n".join(f"※ {n}" for n in notes)


def _print_figures(
    lake: Lake, measure: Measure, rows: pl.DataFrame, by: str | None, parts: dict[str, str]
) -> None:
    names = {b.code: b.name for b in BRANCHES} | {NATION_CODE: "全国"}
    heads = [("支部", "left"), ("月" if measure.cases else "診療年月", "left")]
    if by:
        heads.append((BREAKDOWNS[by].title, "left"))
    counted = measure.form == "count"
    heads += [
        ("値", "right"),
        *([] if counted else [("分子", "right"), ("分母", "right")]),
        ("対象", "right"),
        ("除外", "right"),
    ]
    body = [
        [
            f"{r['branch']} {names.get(r['branch'], '')}",
            f"{r['month']:%Y-%m}",
            *([r["value"]] if by else []),
            measure.printed(r["rate"]),
            *([] if counted else [number(r["numerator"]), number(r["denominator"])]),
            number(r["eligible"]),
            number(r["excluded"]),
        ]
        for r in rows.iter_rows(named=True)
    ]
    chosen = "".join(f"　{BREAKDOWNS[axis].title}＝{value}" for axis, value in parts.items())
    table(f"{measure.title}（{measure.quantity}）{chosen}", heads, body, _notes(lake, measure, rows))


def _show_all(
    lake: Lake, branch: str, span: tuple[date, date] | None, form: Format, out: Path | None
) -> None:
    pieces, body = [], []
    for item in MEASURES.values():
        if lacking_of(lake, item):
            body.append([item.id, item.title, "－", "データ未取込", "－", "－"])
            continue
        rows = figures(lake, item, branch=branch, months=span)
        if span is None and rows.height:
            used = rows.filter(pl.col("eligible") > 0)
            rows = (used if used.height else rows).tail(1)
        pieces.append(_public(item, rows))
        for r in rows.iter_rows(named=True):
            body.append(
                [
                    item.id,
                    item.title,
                    f"{r['month']:%Y-%m}",
                    item.printed(r["rate"]),
                    number(r["numerator"]),
                    "－" if item.form == "count" else number(r["denominator"]),
                ]
            )
        if rows.is_empty():
            body.append([item.id, item.title, "－", "－", "－", "－"])
    if form is not Format.TABLE:
        emit(pl.concat(pieces, how="vertical_relaxed"), form, out)
        return
    heads = [
        ("指標ID", "left"),
        ("指標", "left"),
        ("診療年月", "left"),
        ("値", "right"),
        ("分子", "right"),
        ("分母", "right"),
    ]
    table(branch_or_nation(branch).name, heads, body)


@app.command("explain")
def explain_command(
    measure: Annotated[str, typer.Argument(help="指標IDまたは指標名", metavar="指標")],
    month: Annotated[str, typer.Option("--month", help="診療年月（2018-11、平成30年11月）", metavar="年月")],
    branch: Annotated[
        str, typer.Option("--branch", help="支部（13、東京、00=全国）", metavar="支部")
    ] = NATION_CODE,
    show_records: Annotated[
        bool, typer.Option("--records", help="1行ごとに、元のファイルと行番号を示す")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="出力形式（--records のとき）")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option("--out", help="書き出すファイル", metavar="ファイル")] = None,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """指標の値が、どの定義・パラメータ・明細から出たものかを示します。"""
    opened = Lake.open(lake)
    chosen = measure_of(measure)
    place = branch_or_nation(branch)
    said = explain(opened, chosen, place.code, parse_month(month))
    listed = records(opened, chosen, place.code, said.month) if show_records else None
    if listed is not None and form is not Format.TABLE:
        emit(listed.drop("source_file"), form, out)
        return
    console.print(
        f"{chosen.title}　{place.name}　{to_wareki_month(said.month)}（{said.month:%Y-%m}）{_of_month(chosen)}"
    )
    console.print(f"{_sum(chosen, said)}（{chosen.quantity}）\n")
    console.print(f"定義　　　　{chosen.definition}", soft_wrap=True)
    console.print(f"根拠　　　　{chosen.law}", soft_wrap=True)
    console.print(f"定義の版　　{said.definition}　データ締切 {said.cutoff}")
    for parameter, value in said.parameters:
        console.print(
            f"パラメータ　{parameter.id} ＝ {_value(value)}（{parameter.title}。出典：{parameter.source}）",
            soft_wrap=True,
        )
    console.print(f"\n対象　　　　{number(said.eligible)} {chosen.counter}")
    for reason, count in said.excluded.items():
        if count:
            console.print(f"　除外　　　{number(count)} {chosen.counter}　{chosen.reasons[reason]}")
    console.print(f"　算入　　　{number(said.eligible - sum(said.excluded.values()))} {chosen.counter}\n")
    if said.contributors.height:
        table(
            "値を大きく左右するもの",
            [
                (chosen.item_title, "left"),
                ("名称", "left"),
                (f"{'人' if chosen.counter == '人' else '件'}数", "right"),
                ("分母", "right"),
                ("分子", "right"),
            ],
            [
                [
                    r["item"],
                    r["item_label"] or "",
                    number(r["units"]),
                    number(r["denominator"]),
                    number(r["numerator"]),
                ]
                for r in said.contributors.iter_rows(named=True)
            ],
        )
    for note in said.notes:
        console.print(f"※ {note}", soft_wrap=True)
    if said.stale:
        console.print(
            "※ 保存されている値を計算した後に、取込または取消がありました。上は最新のデータによる値です。「kenpo refresh」で保存値も新しくなります。",
            soft_wrap=True,
        )
    if listed is not None:
        _print_records(chosen, listed)


def _sum(measure: Measure, said: Explanation) -> str:
    if measure.form == "count":
        return measure.printed(said.rate)
    times = " × 100" if measure.form == "percent" and measure.unit != "%" else ""
    return f"{measure.printed(said.rate)} ＝ 分子 {number(said.numerator)} ÷ 分母 {number(said.denominator)}{times}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "はい" if value else "いいえ"
    if hasattr(value, "items"):
        return "、".join(f"{k} {v}" for k, v in value.items())
    return str(value)


def _print_records(measure: Measure, rows: pl.DataFrame) -> None:
    body = [
        [
            r["file"] or "",
            number(r["source_line"]),
            r["item"] or "",
            r["item_label"] or "",
            number(r["denominator"]) if r["excluded"] is None else "",
            number(r["numerator"]) if r["excluded"] is None else "",
            "" if r["excluded"] is None else f"除外：{measure.reasons[r['excluded']]}",
        ]
        for r in rows.iter_rows(named=True)
    ]
    heads = [
        ("ファイル", "left"),
        ("行", "right"),
        (measure.item_title, "left"),
        ("名称", "left"),
        ("分母", "right"),
        ("分子", "right"),
        ("扱い", "left"),
    ]
    table("明細", heads, body)
    counted = rows.filter(pl.col("excluded").is_null())
    console.print(
        f"明細の合計：分母 {number(counted['denominator'].sum())}、分子 {number(counted['numerator'].sum())}（{rows.height:,} 件、うち算入 {counted.height:,} 件）"
    )


@app.command("worklist")
def worklist_command(
    worklist: Annotated[
        str | None, typer.Argument(help="リストのIDまたは名（省略時はリストの一覧）", metavar="リスト")
    ] = None,
    branch: BranchOption = None,
    month: Annotated[
        str | None, typer.Option("--month", help="月（2024-11、令和6年11月）", metavar="年月")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="出力形式")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option("--out", help="書き出すファイル", metavar="ファイル")] = None,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """働きかける相手や確かめる行の一覧（対象者リスト）を、理由と元の行つきで出します。"""
    if worklist is None:
        heads = [("リストID", "left"), ("リスト", "left"), ("内容", "left")]
        table("", heads, [[w.id, w.title, w.definition] for w in WORKLISTS.values()])
        return
    chosen = worklist_of(worklist)
    code = branch_or_nation(branch).code if branch else None
    rows = run(Lake.open(lake), chosen, code, parse_month(month) if month else None)
    if form is not Format.TABLE:
        emit(rows, form, out)
        return
    titles = {"branch": "支部", "month": "月", "reason_label": "理由", **chosen.columns}
    titles |= {"file": "ファイル", "source_line": "行"}
    numeric = {c for c, t in rows.schema.items() if t.is_numeric()}
    shown = rows.head(_LISTED)
    shown = shown.with_columns(pl.col("month").dt.strftime("%Y-%m"))
    body = [
        [_short(row[c]) if c == "member_id" else _cell(row[c]) for c in titles]
        for row in shown.iter_rows(named=True)
    ]
    left = rows.height - shown.height
    note = f"ほかに {left:,} 件あります。--format csv --out で全件を書き出せます。" if left else ""
    heads = [(title, "right" if c in numeric else "left") for c, title in titles.items()]
    table(f"{chosen.title}　{rows.height:,} 件", heads, body, note)


@app.command("effect")
def effect_command(
    kind: Annotated[
        str | None,
        typer.Argument(help="案件の種類（省略時は、効果を出せるものの一覧）", metavar="種類"),
    ] = None,
    branch: BranchOption = None,
    month: Annotated[
        str | None,
        typer.Option(
            "--month", help="働きかけた月（2025-06、令和7年6月。省略時は最も新しい月）", metavar="年月"
        ),
    ] = None,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """案件の効果（働きかけた人と対照群の比較）を、画面と同じ文書で出します。"""
    having = [k for k in CASEKINDS.values() if k.effect]
    if kind is None:
        heads = [("種類", "left"), ("効果", "left"), ("いつ出せるか", "left")]
        table("", heads, [[k.id, k.effect.title, k.effect.appears] for k in having if k.effect])
        return
    effect = casekind_of(kind).effect
    if effect is None:
        listed = "、".join(k.id for k in having)
        raise ArgumentError(
            f"「{kind}」には効果を出す計算がありません。", todo=f"次のいずれかを指定してください：{listed}"
        )
    if branch is None:
        raise ArgumentError(
            "支部が指定されていません。", todo="「--branch 35」の形で支部を指定してください。"
        )
    opened, code = Lake.open(lake), branch_or_nation(branch).code
    there = effect.months(opened, code)
    if month is None and not there:
        raise ArgumentError(
            f"{branch_or_nation(code).name}には、{effect.title}を出せる月がまだありません。",
            todo=f"{effect.appears}。その後に「kenpo refresh」を実行してください。",
        )
    say_document(effect.page(opened, code, parse_month(month) if month else there[-1]))


_LISTED = 50


def _short(member_id: str | None) -> str:
    """The beginning of a member's id, enough to tell people of a list apart; files have all of it."""
    return f"{member_id[:10]}…" if member_id else ""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else number(value)


@app.command("lake")
def lake_command(
    as_json: Annotated[bool, typer.Option("--json", help="JSONで出す")] = False,
    rejects: Annotated[bool, typer.Option("--rejects", help="取り込めなかった行を一覧する")] = False,
    flags: Annotated[bool, typer.Option("--flags", help="確認を要する事柄を一覧する")] = False,
    forget: Annotated[
        str | None, typer.Option("--forget", help="取込を取り消すファイルのID", metavar="ID")
    ] = None,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """何が取り込まれ、何が取り込めなかったかを示します。"""
    opened = Lake.open(lake)
    if forget:
        with opened.writing():
            entry = opened.forget(forget)
        console.print(
            f"「{entry.name}」の取込を取り消しました。指標は「kenpo refresh」で計算し直してください。"
        )
        return
    if as_json:
        sys.stdout.write(json.dumps(lake_report.as_dict(opened), ensure_ascii=False, indent=1) + "\n")
    elif rejects:
        lake_report.print_rejects(opened)
    elif flags:
        lake_report.print_flags(opened)
    else:
        lake_report.print_summary(opened)


@app.command("doctor")
def doctor_command(lake: LakeOption = DEFAULT_LAKE, key: KeyOption = None) -> None:
    """置き場・鍵・マスター・指標に異常がないかを調べます。"""
    from kenpo.cli import doctor

    if not doctor.run(lake, key or default_key_path()):
        raise typer.Exit(1)


@app.command("synth")
def synth_command(
    out: Annotated[Path, typer.Option("--out", help="書き出すフォルダ", metavar="フォルダ")],
    branch_name: Annotated[str, typer.Option("--branch", help="支部（35、山口）", metavar="支部")] = "35",
    members: Annotated[int, typer.Option("--members", help="加入者のおよその数", metavar="人")] = 20_000,
    years: Annotated[int, typer.Option("--years", help="年数", metavar="年", min=1)] = 2,
    seed: Annotated[
        int, typer.Option("--seed", help="乱数の種。同じ種からは同じファイルができる", metavar="数", min=0)
    ] = 1,
    until: Annotated[str, typer.Option("--until", help="最後の診療年月", metavar="年月")] = "2026-03",
    workers: Annotated[
        int | None, typer.Option("--workers", help="並列数（省略時はコア数）", metavar="数", min=1)
    ] = None,
    uke: Annotated[
        bool, typer.Option("--uke/--no-uke", help="最初の月の一部の医療機関をUKEファイルにする")
    ] = True,
    page: Annotated[
        Path | None, typer.Option("--report", help="公表値と水準を比べたページを書き出す", metavar="ファイル")
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check", help="作らずに、--out の支部を取り込んだ置き場の指標を真値と照合する", metavar="置き場"
        ),
    ] = None,
) -> None:
    """架空の支部を、実際のファイルの形式で作ります。人・事業所・医療機関はすべて架空です。"""
    from kenpo.cli import synth

    if check is not None:
        if not synth.check(out, check):
            raise typer.Exit(1)
        return
    order = synth.Order(branch(branch_name).code, members, years, seed, parse_month(until))
    synth.say(synth.make(order, out, workers=workers, uke=uke), out)
    if page is not None:
        synth.write_report(order, out, page)
        console.print(f"{page} に、公表値との比較を書き出しました。", soft_wrap=True)


@app.command("demo")
def demo_command(
    folder: Annotated[Path, typer.Option("--dir", help="作業用のフォルダ", metavar="フォルダ")] = Path(
        ".demo"
    ),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="計画の文書を書き出すフォルダ（省略時は作業用のフォルダの out）", metavar="フォルダ"
        ),
    ] = None,
) -> None:
    """架空の支部で、取込から指標・出所の説明・事業計画の報告・案件システムまでを通して見せます。"""
    from kenpo.cli import demo

    password = demo.run(folder, lambda words: app(words, standalone_mode=False), out=out)
    if os.environ.get("KENPO_NO_SERVE") != "1":
        demo.serve(folder, password)


@app.command("docs", hidden=True)
def docs_command(out: Annotated[Path, typer.Option("--out", help="書き出すフォルダ")] = Path("docs")) -> None:
    """表と指標の宣言から、説明のページを作り直します。"""
    for path in docs_module.write(out, INITIATIVES):
        console.print(str(path))


def main() -> None:
    """Entry point: errors for people, without a traceback; exit codes by kind."""
    try:
        code = usage.in_japanese(typer.main.get_command(app)).main(standalone_mode=False)
    except KenpoError as error:
        errors.print(f"エラー（{error.code}）", style="red")
        errors.print(error.message, soft_wrap=True, markup=False)
        code = error.exit_code
    except typer.Abort:
        errors.print("中止しました。")
        code = 130
    except KeyboardInterrupt:
        errors.print("中断しました。途中のファイルは取り込まれていません。")
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if (text := usage.explain(error)) is None:
            raise
        if text:
            errors.print(text, soft_wrap=True, markup=False)
        code = ArgumentError.exit_code if text else 0
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
