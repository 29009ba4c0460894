"""`kenpo demo`: the whole way on an invented branch (架空の支部), from files to figures and back to the line."""

from __future__ import annotations

import csv
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from kenpo.base.errors import ArgumentError, InputFileError
from kenpo.base.fiscal import fiscal_year_label, fy
from kenpo.cli.output import console, table
from kenpo.cli.synth import LAST_MONTH
from kenpo.lake import Lake
from kenpo.office import embedded
from kenpo.office.demonstration import PEOPLE
from kenpo.office.errors import OfficeError
from kenpo.press import FORMATS

MARKER = ".kenpo-demo"
BRANCH, MEMBERS, YEARS = "35", 20_000, 2
_COST, _SHARE = "medical_cost_per_member", "generic_volume_share"
_HEAD = 6
# What the demo makes in its folder, and therefore all it deletes there.
_MADE = ("files", "lake", "plans", "out", "office", "records.csv", "member.key", "vault.keys", MARKER)

Command = Callable[[list[str]], object]


def run(
    folder: Path, command: Command, *, members: int = MEMBERS, years: int = YEARS, out: Path | None = None
) -> str:
    """Make a branch in the folder and show every step on it, each by the command a person would type; the password with
    which its people sign in to its office.

    command: runs a kenpo command given its words, and returns its exit code. members, years: how large a branch. out:
    where the plan's documents go, the folder's own out/ by default.

    Raises ArgumentError when the folder holds things and was not made by an earlier run.
    """
    _begin(folder)
    files, last = folder / "files", f"{LAST_MONTH:%Y-%m}"
    lake, key = ("--lake", str(folder / "lake")), ("--key", str(folder / "member.key"))
    load = ("load", str(files), *lake, *key)
    here = ("--branch", BRANCH)

    _heading("1　架空の支部を作る")
    _say(
        f"加入者およそ {members:,} 人、{years} 年分の資格のファイルとレセプトを、実際のファイルの形式で作ります。"
        "人・事業所・医療機関・薬局はすべて架空です。"
    )
    _kenpo(
        command, "synth", *here, "--members", str(members), "--years", str(years), "--seed", "1", "--out", str(files)
    )  # fmt: skip
    _say(
        "加入者・レセプトが保険者に届くファイル、医療機関は公表される一覧、真値はこの支部で本当のこと（照合に使います）、計画文書は支部の職員が"
        "書いた事業計画と進捗の文書です。"
    )

    _heading("2　マスター、資格、レセプトを取り込む")
    _kenpo(command, "load", "--builtin-masters", *lake)
    _kenpo(command, *load)
    _say("わざと植え込んだ誤りのある行だけが除かれ、ほかの行はすべて取り込まれます。")
    _kenpo(command, "lake", "--rejects", *lake)

    _heading("3　指標を計算する")
    _kenpo(command, "refresh", *lake)

    _heading("4　支部の指標を見る")
    _say("全指標の最新の値：")
    _kenpo(command, "show", *here, *lake)
    _say("加入者1人当たり医療費を、診療種別に：")
    _kenpo(command, "show", _COST, *here, "--month", last, "--by", "care", *lake)
    _say("入院だけを、年齢階級別に：")
    _kenpo(command, "show", _COST, *here, "--month", last, "--by", "age_band", "--where", "care=入院", *lake)
    _say("ジェネリック医薬品使用割合の推移：")
    _kenpo(command, "show", _SHARE, *here, *lake)

    _heading("5　1つの値の出所をたどる")
    explain = ("explain", _SHARE, *here, "--month", last, *lake)
    _kenpo(command, *explain)
    _say("この値のもとになった明細を、1行ずつファイル名と行番号つきで書き出します。")
    records = folder / "records.csv"
    _kenpo(command, *explain, "--records", "--format", "csv", "--out", str(records))
    _head(records)
    _source_line(folder, records)

    _heading("6　誰に・何に働きかけるかを見る")
    _kenpo(command, "worklist", *lake)
    _say("資格と照合できないレセプト（理由つき）：")
    _kenpo(command, "worklist", "unmatched_receipts", *here, *lake)
    _say("つじつまの合わない資格のデータ：")
    _kenpo(command, "worklist", "membership_faults", *here, *lake)

    _heading("7　真値と照合する")
    _say("架空の支部なので、正しい答えが分かっています。すべての値を、作ったときに数えた真値と比べます。")
    _kenpo(command, "synth", "--out", str(files), "--check", str(folder / "lake"))

    _heading("8　同じファイルをもう一度取り込む")
    before = Lake.open(folder / "lake").version()
    _kenpo(command, *load)
    after = Lake.open(folder / "lake").version()
    same = "変わっていません" if before == after else "変わりました"
    _say(f"データの版は {before} から{same}。同じ内容のファイルは2度取り込まれません。")

    _plan(folder, command, out or folder / "out")
    password = _office(folder)
    _say_next(folder, LAST_MONTH)
    return password


def _plan(folder: Path, command: Command, out: Path) -> None:
    """The plan: from the documents people wrote to the board, and back to documents."""
    plans = ("--plans", str(folder / "plans"))
    year = fy(LAST_MONTH)
    documents = folder / "files" / "計画文書"
    _heading("9　事業計画の文書を読み取る")
    _say("支部の職員が書いた文書から、柱・施策・KPI・目標・実績・評価を読み取り、計画ファイルにします。")
    earlier, before, now = (fiscal_year_label(y) for y in (year - 2, year - 1, year))
    _kenpo(command, "plan", "read", str(documents / f"{now}事業計画.md"), *plans)
    for path in sorted(documents.glob("*四半期進捗.md")):
        command(["plan", "read", str(path), *plans, "--quiet"])
    _say(f"{earlier}と{before}の四半期ごとの進捗も読み取りました（見込みは、月ごとの進み方から出します）。")
    _kenpo(command, "plan", "read", str(documents / f"{now}上期進捗.md"), *plans, "--quiet")

    _heading("10　計画の実績を記入し、進捗を見る")
    lake = ("--lake", str(folder / "lake"))
    plan, half = f"{BRANCH}-{year}", ("--period", f"{year}H1")
    _kenpo(command, "plan", "fill", plan, *half, *plans, *lake)
    _kenpo(command, "plan", "board", plan, *half, *plans, *lake)

    _heading("11　進捗報告・評議会資料を書き出す")
    forms = ",".join(FORMATS)
    _kenpo(command, "plan", "report", plan, *half, *plans, *lake, "--format", forms, "--out", str(out))
    _say("Word と Excel の文書は「kenpo plan read」で同じ計画に戻ります。")


def _office(folder: Path) -> str:
    """The office: its people, and the work they have under way."""
    _heading("12　案件システムの用意をする")
    _say(
        "利用者を登録し、氏名・住所などを暗号化して保管し、軽減額通知の対象者から案件を始め（1割は対照群）、決裁を経て通知を"
        "印刷し、お客様の声を受け付けます。"
    )
    password = "-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(4))
    words = [str(folder / "files"), str(folder / "member.key"), f"{LAST_MONTH:%Y-%m}", password]
    done = subprocess.run(
        [sys.executable, "-m", "kenpo.office.demonstration", *words],
        env=environ(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    _say(done.stdout.rstrip())
    if done.returncode:
        raise OfficeError(
            "見本の案件システムを用意できません。",
            where="".join(done.stderr.splitlines()[-1:]),
            todo="空き容量を確かめて、もう一度実行してください。",
        )
    return password


_SIGNS = "23456789abcdefghjkmnpqrstuvwxyz"


def environ(folder: Path) -> dict[str, str]:
    """The environment of the demo's office: everything in its folder, nothing of another office of this machine."""
    kept = {name: value for name, value in os.environ.items() if name not in _OTHERS}
    return {
        **kept,
        "KENPO_OFFICE": str(folder / "office"),
        "KENPO_LAKE": str(folder / "lake"),
        "KENPO_PLANS": str(folder / "plans"),
        "KENPO_VAULT_KEYS": str(folder / "vault.keys"),
        "KENPO_KEY_FILE": str(folder / "member.key"),
        "KENPO_ENVIRONMENT": "架空の支部（試用）　二段階認証なし",
        "KENPO_MFA": "0",
    }


_OTHERS = frozenset(
    {
        "DATABASE_URL", "KENPO_APP_DATABASE_URL", "KENPO_DATABASE_OWNER", "KENPO_DATABASE_APP", "KENPO_DATABASE_ROLE",
        "KENPO_HOSTS", "KENPO_HTTPS", "KENPO_PROXY", "KENPO_SECRET_KEY", "DJANGO_SETTINGS_MODULE",
    }
)  # fmt: skip


def serve(folder: Path, password: str) -> None:
    """Serve the demo's office on this machine, in the place of this process, until it is ended."""
    _heading("案件システムを開く")
    table(
        "",
        [("職員番号", "left"), ("氏名", "left"), ("役割", "left")],
        [[staff_id, name, role.label] for staff_id, name, _, role in PEOPLE],
    )
    console.print(
        f"パスワードはどの人も {password} です。二段階認証は、この試用だけ省いています。\n", soft_wrap=True
    )
    port = next(port for port in range(_PORT, _PORT + 100) if _free(port))
    _command(f"kenpo serve --port {port}")
    sys.stdout.flush()
    words = [sys.executable, "-m", "kenpo.cli.main", "serve", "--port", str(port)]
    os.execve(sys.executable, words, environ(folder))


_PORT = 8000


def _free(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0


def _begin(folder: Path) -> None:
    """Empty the folder of an earlier run, or make a new one."""
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(
            "作業用のフォルダと同じ名前のファイルがあります。",
            where=str(folder),
            todo="--dir で別の名前を指定してください。",
        )
    if not (folder / MARKER).is_file():
        if folder.exists() and any(folder.iterdir()):
            raise ArgumentError(
                "このフォルダは空ではなく、kenpo demo が作ったものでもないため、使いません。",
                where=str(folder),
                todo="--dir で、空のフォルダか、まだないフォルダを指定してください。",
            )
        folder.mkdir(parents=True, exist_ok=True)
    if embedded.in_use(folder / "office" / "postgres"):
        raise ArgumentError(
            "前に始めた見本の案件システムが動いています。",
            where=str(folder),
            todo="終わらせる（Ctrl-C）か、--dir で別のフォルダを指定してください。",
        )
    embedded.discard(folder / "office" / "postgres")
    for name in _MADE:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    (folder / MARKER).write_text("kenpo demo の作業用フォルダ\n", encoding="utf-8")


def _say_next(folder: Path, month: date) -> None:
    lake = f"--lake {shlex.quote(str(folder / 'lake'))}"
    plans = f"--plans {shlex.quote(str(folder / 'plans'))}"
    plan = f"{BRANCH}-{fy(month)} --period {fy(month)}H1 {plans}"
    _heading("次に試すこと")
    for title, words in (
        ("年度累計", f"show {_COST} --branch {BRANCH} --window fytd {lake}"),
        ("居住市区町村別", f"show {_COST} --branch {BRANCH} --month {month:%Y-%m} --by residence {lake}"),
        ("業態別", f"show {_COST} --branch {BRANCH} --month {month:%Y-%m} --by industry {lake}"),
        ("薬局別", f"show {_SHARE} --branch {BRANCH} --month {month:%Y-%m} --by pharmacy {lake}"),
        ("軽減額通知の対象者", f"worklist generic_switch --branch {BRANCH} --month {month:%Y-%m} {lake}"),
        ("年度末の見込み", f"plan forecast {plan} {lake}"),
        ("全支部の一覧", f"plan rollup --period {fy(month)}H1 {plans} {lake}"),
        ("機械で読める形", f"show {_SHARE} --format json {lake}"),
        ("取り込んだものの一覧", f"lake {lake}"),
        ("置き場の点検", f"doctor {lake} --key {shlex.quote(str(folder / 'member.key'))}"),
    ):
        _say(f"・{title}")
        _command(f"kenpo {words}")
    _say("手元のレセプト・マスター・資格のファイルは「kenpo load フォルダ」で、同じように取り込めます。")


def _heading(text: str) -> None:
    console.print()
    console.print(f"■ {text}", style="bold", markup=False, soft_wrap=True)


def _say(text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _command(text: str) -> None:
    console.print(f"  $ {text}", style="bold cyan", markup=False, soft_wrap=True)


def _kenpo(command: Command, *words: str) -> None:
    """Show a command as one would type it, then run it. A file that cannot be taken in does not end the demo."""
    console.print()
    _command(shlex.join(("kenpo", *words)))
    code = command(list(words))
    if code == InputFileError.exit_code:
        _say("取り込めないファイルがありましたが、ほかのファイルは取り込まれています（終了コード3）。")


def _head(path: Path) -> None:
    """The first lines of a text file."""
    console.print()
    _command(shlex.join(("head", "-n", str(_HEAD), str(path))))
    with path.open(encoding="utf-8-sig") as handle:
        for _, line in zip(range(_HEAD), handle, strict=False):
            _say(line.rstrip("\n"))


def _source_line(folder: Path, records: Path) -> None:
    """The line of the input file behind the first record, as it stands there."""
    with records.open(encoding="utf-8-sig", newline="") as handle:
        first = next(csv.DictReader(handle))
    file, wanted = folder / "files" / first["file"], int(first["source_line"])
    _say(f"1行目の明細（{first['item_label']}）は、元のファイルの次の行です。")
    console.print()
    _command(f"sed -n {wanted}p {shlex.quote(str(file))} | iconv -f CP932 -t UTF-8")
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if number == wanted:
                _say(line.decode("cp932").rstrip("\r\n"))
                break
