"""`kenpo demo`."""

from __future__ import annotations

from pathlib import Path


def run(folder: Path) -> None:
    """Show the whole path on a small sample."""
    raise AssertionError(folder)
