"""Files that hold a secret (鍵のファイル): only their owner may read them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def make_once(path: Path, content: str) -> None:
    """Write a secret to a new file, unless it is there; of processes that do so at the same time the first one's stands.

    It is never seen half-written. Raises OSError when it cannot be written.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
