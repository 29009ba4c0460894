"""`kenpo serve` and `kenpo office …`: the office (案件システム) from the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from kenpo.base.branches import NATION_CODE, branch_or_nation
from kenpo.base.era import parse_date
from kenpo.base.errors import InputFileError, KenpoError, LakeError
from kenpo.cli.output import console, errors, number, table
from kenpo.intake.keys import default_key_path, fingerprint, load_key
from kenpo.intake.membership.identities import IdentityReport, identities
from kenpo.lake import Lake
from kenpo.office.config import Config, read
from kenpo.office.errors import OfficeError

app = typer.Typer(help="案件システムの管理：管理者、点検、保存期間、鍵", no_args_is_help=True)

OfficeOption = Annotated[
    Path | None,
    typer.Option(
        "--office",
        help="案件システムのフォルダ（省略時は KENPO_OFFICE、office）",
        metavar="フォルダ",
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
LakeFolderOption = Annotated[
    Path | None,
    typer.Option("--lake", help="データの置き場（省略時は KENPO_LAKE、lake）", metavar="フォルダ"),
]
PlansFolderOption = Annotated[
    Path | None,
    typer.Option("--plans", help="計画の置き場（省略時は KENPO_PLANS、plans）", metavar="フォルダ"),
]


def configured(office: Path | None = None, lake: Path | None = None, plans: Path | None = None) -> Config:
    """The settings, with what was given on the command line in place of the environment's."""
    given = {"KENPO_OFFICE": office, "KENPO_LAKE": lake, "KENPO_PLANS": plans}
    os.environ.update({name: str(path) for name, path in given.items() if path is not None})
    return read()


def serve(
    host: Annotated[str, typer.Option("--host", help="待ち受けるアドレス", metavar="アドレス")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help="待ち受けるポート", metavar="番号", min=1, max=65535)
    ] = 8000,
    workers: Annotated[
        int | None, typer.Option("--workers", help="画面のプロセスの数（省略時は2）", metavar="数", min=1)
    ] = None,
    jobs: Annotated[
        bool, typer.Option("--jobs/--no-jobs", help="印刷・一括操作・夜間の処理をここで動かすか")
    ] = True,
    web: Annotated[bool, typer.Option("--web/--no-web", help="画面をここで出すか")] = True,
    office: OfficeOption = None,
    lake: LakeFolderOption = None,
    plans: PlansFolderOption = None,
) -> None:
    """案件システムを始めます。データベース・画面・裏の処理をまとめて動かし、止まったものは起動し直します。"""
    from kenpo.office import serving

    serving.end_in_order()
    config = configured(office, lake, plans)
    order = serving.Order(host, port, workers or serving.WORKERS, web=web, jobs=jobs)
    serving.check_host(config, host)
    console.print("案件システムを準備しています。", soft_wrap=True)
    serving.ready(config, owner=False)
    _first_administrator()
    serving.keep(config, order, lambda text: console.print(text, soft_wrap=True))


def backup(
    out: Annotated[Path, typer.Argument(help="控えのファイル（新しい名前）", metavar="控え")],
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            help="鍵のファイルの控えを、別のこのファイルに書く（別の場所に保管する）",
            metavar="ファイル",
        ),
    ] = None,
    office: OfficeOption = None,
    lake: LakeFolderOption = None,
    plans: PlansFolderOption = None,
) -> None:
    """データの置き場・計画・案件システムのデータベースの控えを、1つのファイルに取ります。動いている間も取れます。"""
    from kenpo.office import backup as backups
    from kenpo.office import serving

    serving.end_in_order()
    config = configured(office, lake, plans)
    contents = backups.backup(config, out, lambda text: errors.print(text, soft_wrap=True))
    for title, files, size in backups.sizes(contents):
        console.print(f"{title}　{number(files)} ファイル　{size / 1e6:,.1f} MB", soft_wrap=True)
    console.print(f"{out} に控えを取りました（{contents.size / 1e6:,.1f} MB）。", soft_wrap=True)
    if keys is not None:
        names = backups.backup_keys(config, keys)
        console.print(
            f"{keys} に鍵の控え（{'、'.join(names)}）を取りました。控えとは別の、限られた人だけが開ける場所に移してください。",
            soft_wrap=True,
        )
    else:
        console.print("鍵のファイルは含みません。鍵の控えは --keys で別に取ります。", soft_wrap=True)


def restore(
    archive: Annotated[Path, typer.Argument(help="控えのファイル", metavar="控え")],
    keys: Annotated[
        Path | None, typer.Option("--keys", help="鍵の控えのファイル", metavar="ファイル")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="戻す先に今あるものを、日時の付いた名前に移してから戻す")
    ] = False,
    office: OfficeOption = None,
    lake: LakeFolderOption = None,
    plans: PlansFolderOption = None,
) -> None:
    """控えを検査し、新しいフォルダに戻します。途中で異常があれば、何も変えずに終わります。"""
    from kenpo.office import backup as backups
    from kenpo.office import serving

    serving.end_in_order()
    config = configured(office, lake, plans)
    contents = backups.restore(
        config, archive, lambda text: errors.print(text, soft_wrap=True), keys=keys, force=force
    )
    for title, files, size in backups.sizes(contents):
        console.print(f"{title}　{number(files)} ファイル　{size / 1e6:,.1f} MB", soft_wrap=True)
    console.print(
        f"{contents.made_at} の控えから戻しました。「kenpo doctor」で確かめてください。", soft_wrap=True
    )


def _first_administrator() -> None:
    from kenpo.office import administrators

    if not administrators.needed():
        return
    console.print("まだ利用者がいません。", soft_wrap=True)
    if not sys.stdin.isatty():
        console.print("「kenpo office admin 職員番号」で、最初の管理者を登録してください。", soft_wrap=True)
        return
    console.print("最初の管理者を登録します。", soft_wrap=True)
    staff_id = typer.prompt("職員番号（半角）")
    name = typer.prompt("氏名")
    place = branch_or_nation(typer.prompt("支部（山口、35、本部は00）", default=NATION_CODE))
    _tell_password(staff_id, administrators.make(staff_id, name, place.code))


def _tell_password(staff_id: str, password: str) -> None:
    """The one moment at which a password is shown."""
    console.print(f"職員番号　　　　　　　{staff_id.lower()}", soft_wrap=True)
    console.print(f"1回限りのパスワード　　{password}", soft_wrap=True, style="bold")
    console.print("最初のログインで変更します。この画面を閉じると、二度と表示されません。", soft_wrap=True)


def _open(office: Path | None) -> None:
    """Ready the office as its owner."""
    _ready(configured(office))


def _ready(config: Config) -> None:
    from kenpo.office import serving

    serving.ready(config)


@app.command("admin")
def admin_command(
    staff_id: Annotated[str, typer.Argument(help="職員番号", metavar="職員番号")],
    name: Annotated[str | None, typer.Option("--name", help="氏名（登録するとき）", metavar="氏名")] = None,
    place: Annotated[
        str, typer.Option("--branch", help="支部（35、山口。本部は00）", metavar="支部")
    ] = NATION_CODE,
    reset: Annotated[
        bool,
        typer.Option(
            "--reset", help="いまいる管理者のパスワードと二段階認証を初期化し、ログインの停止を解く"
        ),
    ] = False,
    office: OfficeOption = None,
) -> None:
    """管理者を登録します。だれもログインできなくなったときは、--reset で管理者を戻します。1回限りのパスワードを一度だけ表示します。"""
    _open(office)
    from kenpo.office import administrators

    if reset:
        password = administrators.reopen(staff_id)
    else:
        password = administrators.make(staff_id, name or staff_id, branch_or_nation(place).code)
    _tell_password(staff_id, password)


@app.command("migrate")
def migrate_command(office: OfficeOption = None) -> None:
    """データベースの表を、この版の kenpo のものにします（kenpo serve は、持ち主の接続先があれば自動で行います）。"""
    _open(office)
    console.print("データベースの表は、この版の kenpo のものです。", soft_wrap=True)


@app.command("accounts")
def accounts_command(office: OfficeOption = None) -> None:
    """利用者の一覧"""
    _open(office)
    from kenpo.office import administrators

    rows = [
        [a.staff_id, a.name, a.branch_name, a.role_labels, "" if a.is_active else "停止"]
        for a in administrators.accounts()
    ]
    heads = [
        ("職員番号", "left"),
        ("氏名", "left"),
        ("支部", "left"),
        ("役割", "left"),
        ("使用", "left"),
    ]
    table("", heads, rows)
    if not rows:
        errors.print("利用者はいません。「kenpo office admin 職員番号」で管理者を登録してください。")


BranchOption = Annotated[
    str | None, typer.Option("--branch", help="支部（35、山口。省略時は全支部と本部）", metavar="支部")
]


@app.command("verify")
def verify_command(place: BranchOption = None, office: OfficeOption = None) -> None:
    """すべての案件の履歴・操作記録・履歴の要約を検査します。異常があれば案件IDとともに示し、終了コード1で終わります。"""
    _open(office)
    from kenpo.office import verifying

    places = (branch_or_nation(place).code,) if place else verifying.PLACES
    wrong = cases = entries = 0
    with Progress(
        TextColumn("検査中"),
        TextColumn("{task.completed:,} 件"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    ) as bar:
        shown = bar.add_task("", total=None)
        for found in verifying.check_all(places, lambda more: bar.advance(shown, more)):
            wrong, cases, entries = wrong + found.count, cases + found.cases, entries + found.entries
            for fault in found.faults:
                about = f"案件 {fault.case}" if fault.case else branch_or_nation(found.branch).name
                console.print(f"異常　{about}　{fault.what}", soft_wrap=True, markup=False)
            if found.count > len(found.faults):
                console.print(f"異常　ほかに {found.count - len(found.faults):,} 件", soft_wrap=True)
    said = f"案件 {cases:,} 件、操作記録 {entries:,} 件を検査しました。"
    if wrong:
        console.print(
            f"{said}異常が {wrong:,} 件あります。docs/operations.md の「履歴に異常があったとき」に従ってください。",
            soft_wrap=True,
        )
        raise typer.Exit(1)
    console.print(f"{said}異常はありません。", soft_wrap=True)


@app.command("purge")
def purge_command(
    yes: Annotated[bool, typer.Option("--yes", help="実際に廃棄する（省略時は件数を示すだけ）")] = False,
    office: OfficeOption = None,
) -> None:
    """保存期間の過ぎたものを、それに属するものとともに廃棄します。--yes を付けなければ、件数を示すだけで何も変えません。"""
    _open(office)
    from kenpo.office import retention

    today = date.today()
    rows = [
        [
            found.title,
            branch_or_nation(found.branch).name if found.branch else "",
            f"{found.day} まで",
            number(found.count),
        ]
        for found in (retention.purge(today) if yes else retention.due(today))
    ]
    if not rows:
        console.print("保存期間の過ぎたものはありません。")
        return
    heads = [("記録", "left"), ("支部", "left"), ("期間の過ぎた日", "left"), ("件数", "right")]
    table("廃棄したもの" if yes else "保存期間の過ぎたもの", heads, rows)
    if not yes:
        console.print(
            "廃棄するときは、控え（kenpo backup）を取ってから --yes を付けて実行してください。",
            soft_wrap=True,
        )


# ---- the vault ---------------------------------------------------------------------------------------------------


@app.command("identities")
def identities_command(
    paths: Annotated[list[Path], typer.Argument(help="資格のファイル、フォルダ、zip", metavar="取込元...")],
    key: KeyOption = None,
    edition: Annotated[
        str | None, typer.Option("--edition", help="資格の基準日（名前に日付がないとき）", metavar="年月日")
    ] = None,
    office: OfficeOption = None,
    lake: LakeFolderOption = None,
) -> None:
    """資格のファイルの氏名・住所・記号番号などを、暗号化して個人情報の保管庫に登録します。kenpo load は、案件システムがあれば自動で登録します。"""
    config = configured(office, lake)
    reports = _fill(config, paths, key, parse_date(edition) if edition else None)
    rows = [
        [
            r.name,
            _READ[r.status],
            number(r.rows) if r.rows else "",
            number(sum(r.rejected.values())) or "",
            r.code,
        ]
        for r in reports
        if r.status != "skipped"
    ]
    heads = [
        ("ファイル", "left"),
        ("結果", "left"),
        ("行", "right"),
        ("登録できない行", "right"),
        ("", "left"),
    ]
    if rows:
        table("", heads, rows)
    if any(r.status == "failed" for r in reports):
        raise typer.Exit(InputFileError.exit_code)


_READ = {"read": "読取り", "failed": "失敗"}


def keep_identities(paths: Sequence[Path], lake: Path, key: Path | None, edition: date | None) -> None:
    """Put the identities of what has just been loaded into the vault of the office of this lake, if there is one."""
    from kenpo.office import database

    config = read()
    if not database.exists(config):
        return
    if config.lake.resolve() != lake.resolve():
        errors.print(
            f"案件システムのデータの置き場（{config.lake}）とは別の置き場のため、個人情報は登録しません。",
            soft_wrap=True,
        )
        return
    try:
        _fill(config, paths, key, edition)
    except KenpoError as error:
        raise OfficeError(
            f"取込は済みましたが、個人情報を保管庫に登録できませんでした。{error.what}",
            where=error.where,
            todo=f"{error.todo}そのあと「kenpo office identities 取込元」で登録してください。",
        ) from error


def _fill(
    config: Config, paths: Sequence[Path], key: Path | None, edition: date | None
) -> Sequence[IdentityReport]:
    """Fill the vault and say how many."""
    from kenpo.office import serving

    path = key or default_key_path()
    secret = load_key(path, config.lake)
    known = Lake.open(config.lake).meta("key") if (config.lake / "manifest.sqlite").exists() else None
    if known not in (None, fingerprint(secret)):
        raise LakeError(
            "加入者キーの鍵が、データの置き場を作ったものと違います。",
            where=str(path),
            todo="この置き場を作った鍵を --key で指定してください。",
            code="other_key",
        )
    serving.ready(config)
    from kenpo.office import vault

    filled = vault.fill(identities(paths, secret, edition))
    if filled.rows:
        console.print(
            f"個人情報の保管庫：新しく {filled.new:,} 件、変更 {filled.changed:,} 件、そのまま {filled.same:,} 件（暗号化して保管しました）",
            soft_wrap=True,
        )
    return filled.reports


@app.command("rotate-keys")
def rotate_command(
    drop: Annotated[
        bool, typer.Option("--drop", help="済んだら、古い鍵を鍵のファイルから外す（古い控えは開けなくなる）")
    ] = False,
    office: OfficeOption = None,
) -> None:
    """個人情報の鍵を新しくし、保管しているものをすべて新しい鍵で封じ直します。止まったときは、もう一度実行すると続きから進みます。"""
    _open(office)
    from kenpo.office import vault

    ring = vault.keyring()
    if vault.waiting():
        console.print(
            "前の鍵で封じたものが残っているため、新しい鍵は作らず、続きを行います。", soft_wrap=True
        )
    else:
        console.print(
            f"新しい鍵 {ring.rotate()} を作りました。鍵の控えを取り直してください（kenpo backup --keys）。",
            soft_wrap=True,
        )
    done = vault.rotate()
    console.print(
        f"個人情報 {done.identities:,} 件、ファイル {done.files:,} 件、ファイル名 {done.names:,} 件を封じ直しました。",
        soft_wrap=True,
    )
    for old in [id for id in vault.keyring().ids if id != vault.keyring().newest] if drop else []:
        vault.keyring().drop(old)
        console.print(f"古い鍵 {old} を外しました。", soft_wrap=True)


@app.command("snapshot")
def snapshot_command(office: OfficeOption = None, lake: LakeFolderOption = None) -> None:
    """いまの案件をデータの置き場に写します（夜ごとにも行われます）。指標は「kenpo refresh」で新しくなります。"""
    serving_config = configured(office, lake)
    _ready(serving_config)
    from kenpo.office import snapshot

    done = snapshot.run()
    console.print(
        f"案件 {done.cases:,} 件、対照群 {done.controls:,} 件、履歴 {done.events:,} 件を {serving_config.lake} に写しました。",
        soft_wrap=True,
    )


@app.command("doctor")
def doctor_command(office: OfficeOption = None) -> None:
    """案件システムに異常がないかを調べます：データベース、役割、鍵、保管した個人情報、処理、履歴の要約、空き容量"""
    config = configured(office)
    _ready(config)
    from kenpo.office import examining

    fine = True
    for found in examining.examine(config):
        fine &= found.ok
        console.print("よし" if found.ok else "要対応", style="green" if found.ok else "red", end="　")
        console.print(found.what, soft_wrap=True)
        if not found.ok:
            console.print(f"　　　　{found.todo}", soft_wrap=True)
    if not fine:
        raise typer.Exit(1)
