"""Writing a document to a file: the form is the file's ending (書き出し)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from kenpo.base.document import Document
from kenpo.base.errors import ArgumentError
from kenpo.press.plain import plain

FORMATS = ("docx", "xlsx", "pptx", "pdf", "html")
"""The forms a document can be written in, which are the endings of the file's name."""


def write(document: Document, path: Path) -> None:
    """Write the document to path, all or nothing: who reads the path meanwhile finds the former file or the new one.

    Raises ArgumentError when the ending is none of FORMATS or the folder is missing.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise ArgumentError(
            f"書き出せない形式です：{path.suffix or '（拡張子なし）'}",
            where=str(path),
            todo=f"ファイル名の終わりを {'、'.join('.' + f for f in FORMATS)} のどれかにしてください。",
        )
    if not path.parent.is_dir():
        raise ArgumentError(
            "書き出し先のフォルダがありません。",
            where=str(path.parent),
            todo="先にフォルダを作ってください。",
        )
    _replace(path, render(document, form))


def render(document: Document, form: str) -> bytes:
    """The document's file in one of FORMATS, as bytes."""
    made: Callable[[Document], bytes] = import_module(f"kenpo.press.{form}").render
    return made(plain(document))


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
