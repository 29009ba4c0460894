"""Office files with the same bytes every time: a zip whose entries bear no date (固定)."""

from __future__ import annotations

import io
import zipfile

EARLIEST = (1980, 1, 1, 0, 0, 0)


def undated(content: bytes) -> bytes:
    """The same zip with the earliest date a zip can hold on every entry."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            target.writestr(entry, source.read(name))
    return out.getvalue()
