"""`kenpo demo`: the whole way on a small sample (見本), from files to a figure and back to the line."""

from __future__ import annotations

import csv
import shlex
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

from kenpo.base.errors import ArgumentError, InputFileError
from kenpo.cli.output import console
from kenpo.intake.facts import facts_frames
from kenpo.lake import Lake
from kenpo.synth.sample import MONTHS, Sample, write_sample

MARKER = ".kenpo-demo"
_MEASURE, _BIOSIMILAR = "generic_volume_share", "biosimilar_component_share"
_BRANCH, _EXPLAINED, _NATION = "35", date(2024, 12, 1), "00"
_HEAD = 6
# What the demo makes in its folder, and therefore all it deletes there.
_MADE = ("files", "lake", "records.csv", "member.key", MARKER)


def run(folder: Path, command: Callable[[list[str]], object]) -> None:
    """Write the sample into the folder and show every step on it, each by the command a person would type.

    command: runs a kenpo command given its words, and returns its exit code.

    Raises ArgumentError when the folder holds things and was not made by an earlier run.
    """
    _begin(folder)
    sample = write_sample(folder / "files", {name: m.frame for name, m in facts_frames().items()})
    _say_sample(folder, sample)
    lake, key = ("--lake", str(folder / "lake")), ("--key", str(folder / "member.key"))
    load = ("load", str(folder / "files"), *lake, *key)

    _heading("1　マスターとレセプトを取り込む")
    _kenpo(command, "load", "--builtin-masters", *lake)
    _kenpo(command, *load)
    _say("誤りのある行だけが除かれ、ほかの行はすべて取り込まれます。")

    _heading("2　取り込めなかった行と、確認を要する事柄を見る")
    _kenpo(command, "lake", "--rejects", *lake)
    _kenpo(command, "lake", "--flags", *lake)

    _heading("3　指標を計算する")
    _kenpo(command, "refresh", *lake)

    _heading("4　ジェネリック医薬品使用割合を見る")
    _say("支部ごと（最新の診療月。見本にない支部は「－」）：")
    _kenpo(command, "show", _MEASURE, *lake)
    _say("1つの支部の推移：")
    _kenpo(command, "show", _MEASURE, "--branch", _BRANCH, *lake)
    _say("医科・DPC・歯科・調剤の別：")
    _kenpo(
        command, "show", _MEASURE, "--branch", "13", "--month", f"{MONTHS[-1]:%Y-%m}", "--by", "kind", *lake
    )

    _heading("5　1つの値の出所をたどる")
    explain = ("explain", _MEASURE, "--branch", _BRANCH, "--month", f"{_EXPLAINED:%Y-%m}", *lake)
    _kenpo(command, *explain)
    _say("この値のもとになった明細を、1行ずつファイル名と行番号つきで書き出します。")
    records = folder / "records.csv"
    _kenpo(command, *explain, "--records", "--format", "csv", "--out", str(records))
    _head(records)
    _source_line(folder, records)

    _heading("6　バイオシミラーの指標を見る")
    _kenpo(command, "show", _BIOSIMILAR, "--branch", _NATION, *lake)

    _heading("7　同じファイルをもう一度取り込む")
    before = Lake.open(folder / "lake").version()
    _kenpo(command, *load)
    after = Lake.open(folder / "lake").version()
    same = "変わっていません" if before == after else "変わりました"
    _say(f"データの版は {before} から{same}。同じ内容のファイルは2度取り込まれません。")

    _say_next(folder)


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
    for name in _MADE:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    (folder / MARKER).write_text("kenpo demo の作業用フォルダ\n", encoding="utf-8")


def _say_sample(folder: Path, sample: Sample) -> None:
    _heading("見本のファイル")
    _say(
        f"{folder / 'files'} に、レセプト {sample.receipts} 件・{len(sample.files)} ファイルを作りました。"
        "医科・DPC・歯科・調剤、5支部、2024年10月〜2025年3月診療分です。人・医療機関・薬局はすべて架空です。"
    )
    _say("医療機関が請求に使うUKEファイルと、保険者が受け取るレセ電コード情報の、両方の形式があります。")
    _say("次の誤りを、わざと入れてあります。")
    for fault in sample.faults:
        _say(f"・{fault.title}　{fault.file}")


def _say_next(folder: Path) -> None:
    lake = f"--lake {shlex.quote(str(folder / 'lake'))}"
    _heading("次に試すこと")
    for title, words in (
        ("全指標の最新の値", f"show {lake}"),
        ("年度累計", f"show {_MEASURE} --branch 13 --window fytd {lake}"),
        ("年齢階級別", f"show {_MEASURE} --branch 13 --month {MONTHS[0]:%Y-%m} --by age_band {lake}"),
        ("薬局別", f"show {_MEASURE} --branch 13 --month {MONTHS[0]:%Y-%m} --by pharmacy {lake}"),
        ("機械で読める形", f"show {_MEASURE} --format json {lake}"),
        ("取り込んだものの一覧", f"lake {lake}"),
        ("置き場の点検", f"doctor {lake} --key {shlex.quote(str(folder / 'member.key'))}"),
    ):
        _say(f"・{title}")
        _command(f"kenpo {words}")
    _say("手元のレセプトやマスターは「kenpo load フォルダ」で、同じように取り込めます。")


def _heading(text: str) -> None:
    console.print()
    console.print(f"■ {text}", style="bold", markup=False, soft_wrap=True)


def _say(text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _command(text: str) -> None:
    console.print(f"  $ {text}", style="bold cyan", markup=False, soft_wrap=True)


def _kenpo(command: Callable[[list[str]], object], *words: str) -> None:
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
    for line in path.read_text(encoding="utf-8-sig").splitlines()[:_HEAD]:
        _say(line)


def _source_line(folder: Path, records: Path) -> None:
    """The line of the input file behind the first record, as it stands there."""
    with records.open(encoding="utf-8-sig", newline="") as handle:
        first = next(csv.DictReader(handle))
    file, number = folder / "files" / first["file"], int(first["source_line"])
    _say(f"1行目の明細（{first['item_label']}）は、元のファイルの次の行です。")
    console.print()
    _command(f"sed -n {number}p {shlex.quote(str(file))} | iconv -f CP932 -t UTF-8")
    _say(file.read_bytes().split(b"\n")[number - 1].decode("cp932").rstrip("\r"))
