"""The fonts documents are set in (書体): Noto Sans CJK JP, which comes with the product, so output is the same everywhere."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

FAMILY = "Noto Sans CJK JP"
"""The packaged font, set in PDF and in charts."""

OFFICE = "游ゴシック"
"""The font named in Word, Excel and PowerPoint files, which Windows and Office for Mac have."""

FOLDERS = tuple(
    Path(str(import_module(package).FONT_PATH)).parent
    for package in ("noto_cjk_sans_jp_regular", "noto_cjk_sans_jp_bold")
)
"""Where the packaged font's files lie, regular and bold."""
