"""What a worker process does: parse a block and write its rows as parts. Imports no more than that needs."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from kenpo.intake.receipts.block import BlockRows, parse_block
from kenpo.intake.receipts.context import BlockTask
from kenpo.lake.store import Part, write_part
from kenpo.lake.tables import ALL_TABLES

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Done:
    """A parsed and written block: its totals (the rows are on disk) and its parts."""

    rows: BlockRows
    parts: list[Part]


def work(task: BlockTask, root: Path, stem: str) -> Done:
    """Parse a block and write its rows under the lake's root; the parts do not count until they are committed."""
    rows = parse_block(task)
    parts: list[Part] = []
    for name, frame in rows.frames.items():
        parts += write_part(root, ALL_TABLES[name], frame, stem)
    rows.frames = {}
    return Done(rows, parts)


def die_with_parent() -> None:
    """Ask Linux to end this process when the loading process is gone, so that it writes nothing afterwards."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)
