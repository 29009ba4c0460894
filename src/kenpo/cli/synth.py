"""`kenpo synth`: makes an invented branch, says how near it comes to published figures, and proves a lake against it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kenpo.base.errors import ArgumentError
from kenpo.base.fiscal import add_months
from kenpo.catalogue import MEASURES, PLANTS, TRUTHS, WORKLISTS
from kenpo.cli.output import console, errors, number, table
from kenpo.frame.proof import Proof, prove_figures, prove_plants
from kenpo.intake.facts import facts_frames
from kenpo.lake import Lake
from kenpo.law.remuneration import grades
from kenpo.synth.branch import Branch, is_branch, write_branch
from kenpo.synth.report import report
from kenpo.synth.setting import Facts, Setting
from kenpo.synth.world import World

LAST_MONTH = date(2026, 3, 1)
_SHOWN = 5


@dataclass(frozen=True)
class Order:
    """What somebody wants made: branch code, members, years, seed, last month of treatment."""

    branch: str
    members: int
    years: int
    seed: int
    until: date = LAST_MONTH

    @property
    def setting(self) -> Setting:
        """As the generator wants it. Raises ArgumentError when it cannot be made."""
        months = self.years * 12
        return Setting(self.branch, self.members, add_months(self.until, 1 - months), months, self.seed)


def facts(on: date) -> Facts:
    """The shipped masters and the grades in force on a day."""
    masters = {name: m.frame for name, m in facts_frames().items()}
    return Facts(masters, tuple((g.lower, g.standard) for g in grades(on)))


def make(order: Order, out: Path, *, workers: int | None = None, uke: bool = True) -> Branch:
    """Make the branch below a folder, with everything the initiatives plant, showing how far it has come.

    Raises ArgumentError when the folder holds things that are not an invented branch.
    """
    setting = order.setting
    if out.exists() and not out.is_dir():
        raise ArgumentError(
            "同じ名前のファイルがあります。", where=str(out), todo="--out で別の名前を指定してください。"
        )
    if out.is_dir() and any(out.iterdir()) and not is_branch(out):
        raise ArgumentError(
            "このフォルダは空ではなく、kenpo synth が作った架空の支部でもないため、使いません。",
            where=str(out),
            todo="--out で、空のフォルダか、まだないフォルダを指定してください。",
        )
    with Progress(
        TextColumn("架空の支部を作っています"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=errors, transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return write_branch(
            out, setting, facts(setting.first), PLANTS, workers=workers, uke=uke, progress=advance
        )


def write_report(order: Order, out: Path, page: Path) -> None:
    """The page that sets the branch in the folder against published figures."""
    setting = order.setting
    world = World(setting, facts(setting.first), uke=True)
    page.write_text(report(out, setting, world.workplaces), encoding="utf-8")


def check(out: Path, lake: Path) -> bool:
    """Print every comparison of a lake with the truth of the branch in the folder; whether all hold."""
    opened = Lake.open(lake)
    proofs = [*prove_plants(opened, out, WORKLISTS), *prove_figures(opened, out, TRUTHS, MEASURES)]
    rows = [
        [p.subject, number(p.compared), "一致" if p.holds else "不一致", number(len(p.differences))]
        for p in proofs
    ]
    heads = [("比べたもの", "left"), ("値の数", "right"), ("結果", "left"), ("違い", "right")]
    table("架空の支部の真値との照合", heads, rows, _said(proofs))
    return all(p.holds for p in proofs)


def _said(proofs: list[Proof]) -> str:
    failed = [p for p in proofs if not p.holds]
    if not failed:
        return f"{len(proofs)} 項目、{sum(p.compared for p in proofs):,} の値がすべて真値と一致しました。"
    lines = []
    for p in failed:
        lines.append(f"※ {p.subject}" + ("：比べる値がありません" if not p.compared else ""))
        lines += [f"　{d}" for d in p.differences[:_SHOWN]]
        if len(p.differences) > _SHOWN:
            lines.append(f"　ほか {len(p.differences) - _SHOWN:,} 件")
    return "\n".join(lines)


def say(branch: Branch, out: Path) -> None:
    """What was made, in a few lines."""
    console.print(
        f"{out} に、のべ {branch.people:,} 人の加入者と {branch.receipts:,} 件のレセプト"
        f"（{len(branch.files):,} ファイル、{branch.lines:,} 行）を作りました。",
        soft_wrap=True,
        markup=False,
    )
