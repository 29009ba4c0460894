"""Small lakes for tests: files given as bytes go in, plain rows come out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, settings

from kenpo.intake.load import FileReport, load_paths
from kenpo.lake import Lake
from kenpo.lake.tables import ALL_TABLES

KEY = "5a" * 32
SAMPLES = Path(__file__).parents[1].parent / "shared" / "data" / "uke" / "cp932"
"""Claim files of a demo clinic, beside the repository when they are at hand."""


def samples() -> list[Path]:
    """The claim files of a demo clinic (見本のレセプト). Skips plainly when they are not at hand."""
    found = sorted(SAMPLES.glob("*.UKE"))
    if not found:
        pytest.skip(f"見本のレセプトが手元にないため、照合を省きます（{SAMPLES}）")
    return found


def tried(usual: int) -> settings:
    """How often a property over whole files is tried; with KENPO_LONG set twenty times as often.

    A failing example is shrunk in the long run only: with whole files that takes minutes.
    """
    if os.environ.get("KENPO_LONG"):
        return settings(max_examples=usual * 20)
    return settings(max_examples=usual, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def key_file(folder: Path, content: str = KEY, mode: int = 0o600) -> Path:
    """A key of member_key (加入者キーの鍵) in the folder."""
    path = folder / "member.key"
    path.write_text(content + "\n")
    path.chmod(mode)
    return path


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files under a folder; returns it."""
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


def load(folder: Path, files: Mapping[str, bytes], **options: Any) -> tuple[Lake, list[FileReport]]:
    """A lake in the folder with the files loaded one path at a time, and what the load said of each."""
    paths = [put(folder / "in", {name: content}) / name for name, content in files.items()]
    folder.mkdir(exist_ok=True)
    lake = Lake.create(folder / "lake")
    return lake, load_paths(lake, paths, key_path=key_file(folder), **{"workers": 1, **options})


@contextmanager
def fresh(factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for one example of a property, gone afterwards."""
    folder = factory.mktemp("example")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def rows(lake: Lake, table: str) -> pl.DataFrame:
    """All rows of a table that count, straight from its parts."""
    parts = [pl.read_parquet(lake.root / p.path, hive_partitioning=False) for p in lake.parts(table)]
    return pl.concat(parts) if parts else ALL_TABLES[table].empty()


def content(lake: Lake) -> dict[str, pl.DataFrame]:
    """Every table of the lake in a fixed order of rows, less when and how long it took to load."""
    out = {}
    for name in ALL_TABLES:
        frame = pl.DataFrame(pl.from_arrow(lake.table(name).to_pyarrow()))
        frame = frame.drop("loaded_at", "seconds", strict=False)
        out[name] = frame.sort(pl.all(), nulls_last=True)
    return out


def raw_content(lake: Lake) -> dict[str, pl.DataFrame]:
    """As content, less the list of files, straight from the parts: for properties tried many times."""
    return {
        name: rows(lake, name).sort(pl.all(), nulls_last=True) for name in ALL_TABLES if name != "intake_file"
    }


def differences(one: Mapping[str, pl.DataFrame], other: Mapping[str, pl.DataFrame]) -> list[str]:
    """The names of the tables whose rows differ."""
    assert one.keys() == other.keys()
    return [name for name in one if not one[name].equals(other[name])]
