"""Office files with the same bytes every time: a zip whose entries bear no date (固定)."""

from __future__ import annotations

import io
import re
import zipfile

EARLIEST = (1980, 1, 1, 0, 0, 0)
_DATED = re.compile(rb"<dcterms:(created|modified)\b.*?</dcterms:\1>", re.DOTALL)


def undated(content: bytes) -> bytes:
    """The same file without dates of making and changing, and with the earliest date a zip can hold on every entry."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            held = source.read(name)
            target.writestr(entry, _DATED.sub(b"", held) if name == "docProps/core.xml" else held)
    return out.getvalue()
