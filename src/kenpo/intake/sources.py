"""Input files wherever they lie: a file, a folder, a zip, a zip inside a folder (取込元)."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kenpo.base.errors import InputFileError

NOT_DELIVERED = {
    "真値": "架空の支部の真値は、保険者に届くファイルではないため、取り込みません。",
    "計画文書": "計画の文書は取り込みません。「kenpo plan read」で読み取ってください。",
}
"""The folders of an invented branch that hold no delivery: what is true of it, and what its planners have written."""


@dataclass(frozen=True)
class Source:
    """One input file. name: what reports call it; open(): a fresh binary stream from its beginning."""

    name: str
    size: int
    open: Callable[[], contextlib.AbstractContextManager[IO[bytes]]]


def find_sources(paths: Sequence[Path]) -> tuple[list[Source], list[InputFileError]]:
    """Every input file under the paths, in a fixed order, and an error for each path that cannot be read."""
    found: list[Source] = []
    errors: list[InputFileError] = []
    for path in paths:
        if not path.exists():
            errors.append(
                InputFileError(
                    "ファイルまたはフォルダが見つかりません。",
                    where=str(path),
                    todo="名前と場所を確かめてください。",
                    code="not_found",
                )
            )
            continue
        root = path if path.is_dir() else path.parent
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.name.startswith("."):
                continue
            try:
                found.extend(_expand(file, str(file.relative_to(root))))
            except (OSError, zipfile.BadZipFile) as error:
                errors.append(
                    InputFileError(
                        f"ファイルを開けません（{error}）。",
                        where=str(file),
                        todo="壊れていないか、読み取りの権限があるかを確かめてください。",
                        code="unreadable",
                    )
                )
    return found, errors


@contextlib.contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what a damaged file brings about into InputFileError (unreadable)."""
    try:
        yield
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputFileError(
            f"ファイルを読めません（{error}）。",
            where=name,
            todo="壊れていないかを確かめ、もう一度受け取ってください。",
            code="unreadable",
        ) from error


def _expand(file: Path, name: str) -> Iterator[Source]:
    if not zipfile.is_zipfile(file) or file.suffix.lower() in (".xlsx", ".xlsm"):
        yield Source(name, file.stat().st_size, lambda: file.open("rb"))
        return
    with zipfile.ZipFile(file) as archive:
        members = [m for m in archive.infolist() if not m.is_dir()]
    for member in members:
        if member.flag_bits & 0x1:
            raise zipfile.BadZipFile("パスワード付きのzipです。解凍してから取り込んでください")
        title = member.filename
        if not member.flag_bits & 0x800:
            with contextlib.suppress(UnicodeError):
                title = title.encode("cp437").decode("cp932")
        yield Source(f"{name}!{title}", member.file_size, _member(file, member.filename))


def _member(file: Path, member: str) -> Callable[[], contextlib.AbstractContextManager[IO[bytes]]]:
    @contextlib.contextmanager
    def open_member() -> Iterator[IO[bytes]]:
        with zipfile.ZipFile(file) as archive, archive.open(member) as stream:
            yield stream

    return open_member
