"""Invented branches (架空の支部) for tests: made once and taken in once, whatever number of processes runs the tests."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.lakes import key_file

from kenpo.catalogue import DERIVATIONS, MEASURES, PLANTS
from kenpo.cli.synth import facts
from kenpo.frame import refresh
from kenpo.intake.load import load_facts, load_paths
from kenpo.lake import Lake
from kenpo.synth.branch import Branch, write_branch
from kenpo.synth.planting import Plant
from kenpo.synth.setting import Setting
from kenpo.synth.world import World

APRIL = date(2025, 4, 1)
TINY = Setting("35", 300, APRIL, 12, 1)
PAIR = (Setting("35", 200, APRIL, 3, 1), Setting("13", 200, APRIL, 3, 2))
LARGER = Setting("35", 3000, date(2025, 10, 1), 6, 1)


@dataclass(frozen=True)
class TinyBranch:
    """An invented branch and a lake that holds it with the shipped masters, all figures refreshed. Read only."""

    folder: Path
    lake_path: Path
    setting: Setting

    @property
    def lake(self) -> Lake:
        """The lake, opened."""
        return Lake.open(self.lake_path)


@dataclass(frozen=True)
class TwoBranches:
    """Two invented branches in one lake, whose files have the same names. Read only."""

    folders: dict[str, Path]
    lake_path: Path

    @property
    def lake(self) -> Lake:
        """The lake, opened."""
        return Lake.open(self.lake_path)


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that make has filled, the first time anybody in this test run asks for it."""
    base = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    folder = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "made").touch()
    return folder


def make_branch(setting: Setting, out: Path, plants: Sequence[Plant] = PLANTS, **options: Any) -> Branch:
    """The files of a branch, in this process."""
    return write_branch(out, setting, facts(setting.first), plants, **{"workers": 1, **options})


def world_of(setting: Setting) -> World:
    """What a branch is made of, without making it."""
    return World(setting, facts(setting.first), uke=True)


def take_in(lake: Lake, branch: Path, keys: Path) -> None:
    """Load everything of a branch that is delivered to an insurer; a file without rows may be another branch's too."""
    deliveries = [branch / "加入者", branch / "レセプト"]
    reports = load_paths(lake, deliveries, key_path=key_file(keys), workers=1)
    assert {r.status for r in reports} <= {"loaded", "already"}, reports


def tiny_branch(factory: pytest.TempPathFactory) -> TinyBranch:
    """山口支部 with 300 members and everything the catalogue plants, over a year."""

    def make(folder: Path) -> None:
        make_branch(TINY, folder / "支部")
        lake = Lake.create(folder / "lake")
        load_facts(lake)
        take_in(lake, folder / "支部", folder)
        refresh(lake, list(MEASURES.values()), derivations=DERIVATIONS)

    folder = once(factory, "tiny-branch", make)
    return TinyBranch(folder / "支部", folder / "lake", TINY)


def two_branches(factory: pytest.TempPathFactory) -> TwoBranches:
    """山口支部 and 東京支部 with 200 members each and everything the catalogue plants, over three months."""

    def make(folder: Path) -> None:
        lake = Lake.create(folder / "lake")
        load_facts(lake)
        for setting in PAIR:
            make_branch(setting, folder / setting.branch, uke=False)
            take_in(lake, folder / setting.branch, folder)
        refresh(lake, list(MEASURES.values()), derivations=DERIVATIONS)

    folder = once(factory, "two-branches", make)
    return TwoBranches({s.branch: folder / s.branch for s in PAIR}, folder / "lake")


def larger_branch(factory: pytest.TempPathFactory) -> Path:
    """The files alone of a branch of 3,000 members over half a year."""
    return once(factory, "larger-branch", lambda folder: make_branch(LARGER, folder / "支部")) / "支部"


def claim_files(branch: Path, insurer_side: bool | None = None) -> list[Path]:
    """The receipts files of a branch; insurer_side: from the reviewing body (True), from institutions (False)."""
    sources = {True: ["支払基金から"], False: ["医療機関から"], None: ["支払基金から", "医療機関から"]}
    found = (p for s in sources[insurer_side] for p in (branch / "レセプト" / s).rglob("*.*"))
    return sorted(p for p in found if p.is_file())


def member_rows(branch: Path, title: str) -> Iterator[dict[str, str]]:
    """The rows of the membership files called so (資格, 加入者, 事業所 …), by their headings."""
    for path in sorted((branch / "加入者").glob(f"{title}_*.csv")):
        yield from csv.DictReader(path.read_bytes().decode("cp932").splitlines())


def claim_lines(path: Path) -> Iterator[list[str]]:
    """The records of a receipts file, without 履歴管理情報."""
    for line in path.read_bytes().decode("cp932").rstrip("\x1a").splitlines():
        fields = line.split(",")
        yield fields[3:] if fields[0].isdigit() else fields


def planted_in(branch: Path) -> list[dict[str, Any]]:
    """What was planted in a branch."""
    return json.loads((branch / "真値" / "plants.json").read_text())["planted"]


def line_of(branch: Path, expectation: dict[str, Any]) -> str:
    """The line of the file that a planted expectation speaks of."""
    return (branch / expectation["file"]).read_bytes().decode("cp932").split("\r\n")[expectation["line"] - 1]


def digests(branch: Path) -> dict[str, str]:
    """Every file of a branch, its truth included, with the digest of its bytes."""
    files = sorted(p for p in branch.rglob("*") if p.is_file())
    return {str(p.relative_to(branch)): sha256(p.read_bytes()).hexdigest() for p in files}
