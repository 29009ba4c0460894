"""A load killed at any moment (強制終了) leaves each file either wholly in the lake or not at all.

KENPO_KILLS sets how many kills at random moments there are: 12 unless told otherwise, 50 in the long run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from tests.lakes import content, differences, key_file, put

from kenpo.base.errors import LakeError
from kenpo.intake.load import load_paths
from kenpo.lake import Lake
from kenpo.synth.receipts import encode, uke_lines
from kenpo.synth.records import (
    Comment,
    Diagnosis,
    Drug,
    Institution,
    Patient,
    Procedure,
    Receipt,
    Unit,
)

KILLS = int(os.environ.get("KENPO_KILLS", "8"))
FILES = 6
LOADER = """
import sys
from pathlib import Path
from kenpo.intake.load import load_paths
from kenpo.lake import Lake, store
folder, when, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def die(*_):
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)

def killing(original):
    calls = 0
    def wrapped(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == count and when.endswith("before"):
            die()
        result = original(*args, **kwargs)
        if calls == count and when.endswith("after"):
            die()
        return result
    return wrapped

if when.startswith("part"):
    store._write = killing(store._write)
if when.startswith("commit"):
    Lake.commit = killing(Lake.commit)
lake = Lake.create(folder / "lake")
print("ready", flush=True)
sys.stdin.readline()
load_paths(lake, [folder / "in"], key_path=folder / "member.key", workers=1, block_bytes=4000)
print("done", flush=True)
"""


def claim_file(number: int) -> bytes:
    """A claim file of some receipts over three months, cut into several blocks by the loader."""
    made = []
    for n in range(24):
        patient = Patient(
            f"架空　{number}-{n}",
            "カクウ",
            "12"[n % 2],
            date(1950 + n, 3, 4),
            "01130012",
            "１",
            f"{number}{n}",
        )
        drugs = tuple(Drug(f"62000000{k}", Decimal(n + k)) for k in range(3))
        items = (
            Unit("21", (*drugs, Comment("810000001", "例示")), 10, 7),
            Unit("60", (Procedure("160000310"),), 36),
        )
        month = date(2024, 4 + n % 3, 1)
        made.append(
            Receipt("medical", "1112", month, patient, 2, items, (Diagnosis("8830052", month),), points=n)
        )
    clinic = Institution("13", "1", f"99900{number:02d}", "架空クリニック")
    return encode(uke_lines(clinic, made, date(2024, 7, 1)))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pl.DataFrame], float]:
    """A folder of claim files, what a load without any accident makes of it, and the seconds it took."""
    folder = tmp_path_factory.mktemp("clean")
    put(folder / "in", {f"{n}.UKE": claim_file(n) for n in range(FILES)})
    lake = Lake.create(folder / "lake")
    began = time.monotonic()
    load_paths(lake, [folder / "in"], key_path=key_file(folder), workers=1, block_bytes=4000)
    seconds = time.monotonic() - began
    whole = content(lake)
    assert whole["receipt"].height == FILES * 24
    assert whole["drug"].height == FILES * 24 * 3
    return folder, whole, seconds


def start(folder: Path, when: str = "", count: int = 0) -> subprocess.Popen[str]:
    """A loader that has imported everything and waits for a line before it begins."""
    return subprocess.Popen(
        [sys.executable, "-c", LOADER, str(folder), when, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def new_folder(factory: pytest.TempPathFactory, clean_folder: Path) -> Path:
    folder = factory.mktemp("crash")
    (folder / "in").symlink_to(clean_folder / "in", target_is_directory=True)
    key_file(folder)
    Lake.create(folder / "lake")
    return folder


def of_files(whole: dict[str, pl.DataFrame], files: list[str]) -> dict[str, pl.DataFrame]:
    """What a clean load of these files alone would have made: ids depend on nothing but a file's content."""
    return {
        name: frame.filter(pl.col("file_id" if name == "intake_file" else "source_file").is_in(files))
        if {"file_id", "source_file"} & set(frame.columns)
        else frame
        for name, frame in whole.items()
    }


def whole_files_only(lake: Lake, whole: dict[str, pl.DataFrame]) -> int:
    """Asserts that the lake holds exactly the files its manifest names; returns how many they are."""
    names = [f.file_id for f in lake.files()]
    assert differences(content(lake), of_files(whole, names)) == []
    return len(names)


def finish(folder: Path, whole: dict[str, pl.DataFrame]) -> None:
    """Load to the end: everything is there, once, with the same ids, and nothing lies about."""
    lake = Lake.open(folder / "lake")
    reports = load_paths(lake, [folder / "in"], key_path=folder / "member.key", workers=1, block_bytes=4000)
    assert {r.status for r in reports} <= {"loaded", "already"}
    assert differences(content(lake), whole) == []
    named = {p.path for name in whole for p in lake.parts(name)}
    lying = {str(p.relative_to(lake.root)) for p in (lake.root / "data").rglob("*") if p.is_file()}
    assert lying == named


def test_a_load_of_a_part_of_the_files_is_that_part_of_the_whole(clean, tmp_path: Path):
    folder, whole, _ = clean
    lake = Lake.create(tmp_path / "lake")
    paths = sorted((folder / "in").iterdir())[1:3]
    load_paths(lake, paths, key_path=key_file(tmp_path), workers=1)
    assert whole_files_only(lake, whole) == 2


def test_a_load_killed_at_random_moments_never_leaves_half_a_file(
    clean, tmp_path_factory: pytest.TempPathFactory
):
    clean_folder, whole, seconds = clean
    moments = random.Random(20240501)
    folder = new_folder(tmp_path_factory, clean_folder)
    waiting = start(folder)
    for _ in range(KILLS):
        process = waiting
        ready(process)
        begin(process)
        time.sleep(moments.uniform(0, seconds * 0.7))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        lake = Lake.open(folder / "lake")
        done = whole_files_only(lake, whole)
        if done == FILES:
            finish(folder, whole)
            folder = new_folder(tmp_path_factory, clean_folder)
        waiting = start(folder)
    waiting.kill()
    waiting.communicate()
    finish(folder, whole)


@pytest.mark.parametrize(
    ("when", "count", "files"),
    [
        ("part before", 1, 0),
        ("commit after", 1, 1),
        ("commit before", 3, 2),
        ("commit after", FILES, FILES),
    ],
)
def test_a_load_killed_around_a_commit_counts_the_files_committed(
    when, count, files, clean, tmp_path_factory
):
    clean_folder, whole, _ = clean
    folder = new_folder(tmp_path_factory, clean_folder)
    process = start(folder, when, count)
    ready(process)
    begin(process)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert whole_files_only(Lake.open(folder / "lake"), whole) == files
    finish(folder, whole)


def test_a_second_load_at_the_same_time_is_refused_and_harmless(clean, tmp_path: Path):
    folder, _, _ = clean
    lake = Lake.create(tmp_path / "lake")
    with lake.writing(), pytest.raises(LakeError) as error:
        load_paths(Lake.open(tmp_path / "lake"), [folder / "in"], key_path=key_file(tmp_path), workers=1)
    assert "書き込んでいます" in error.value.message
    assert lake.files() == []
