"""What a membership file is (資格のファイルの種類): which table it fills, of what day, all or changes only."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from kenpo.base.errors import InputFileError
from kenpo.intake.masters import edition_of
from kenpo.intake.sources import Source
from kenpo.intake.tabular import headings, lines, workbook
from kenpo.intake.tabular.headings import Headed
from kenpo.lake.tables.members import DELIVERIES


@dataclass(frozen=True)
class Layout:
    """A membership file understood. full: 全件, not 異動. differs: the day given otherwise than in the file's name."""

    headed: Headed
    encoding: str
    as_of: date
    full: bool
    differs: date | None = None


@dataclass(frozen=True)
class Found:
    """A membership CSV: where its rows begin, what its headings say, and its encoding."""

    start: lines.Start
    headed: Headed
    encoding: str


@dataclass(frozen=True)
class Opened:
    """A membership file open for reading: what it is, and its rows block by block."""

    layout: Layout
    blocks: Iterator[lines.Block] | Iterator[workbook.SheetRows]


@contextmanager
def opened(source: Source, head: bytes, edition: date | None, block_bytes: int) -> Iterator[Opened | None]:
    """Open a membership file, CSV or xlsx; None for another file. head: its first bytes.

    Raises InputFileError as `detect` and `layout` do, and when an xlsx cannot be read.
    """
    name = source.name
    if head.startswith(workbook.MAGIC):
        with source.open() as stream:
            data = io.BytesIO(stream.read())
        with workbook.opened(name, data) as book:
            place = workbook.find_sheet(name, book, DELIVERIES)
            if place is None:
                yield None
                return
            sheet, heading, headed = place
            rows = workbook.rows(name, book, sheet, heading, headed)
            yield Opened(layout(name, headed, "utf-8", edition), rows)
        return
    found = detect(name, head)
    if found is None:
        yield None
        return
    made = layout(name, found.headed, found.encoding, edition)
    with source.open() as stream:
        yield Opened(made, lines.blocks(stream, found.start, name, block_bytes))


def without_rows(name: str, layout: Layout) -> InputFileError:
    """The error of a full file (全件) that holds no row."""
    return InputFileError(
        f"{layout.headed.delivery.table.title}の全件のファイルに、データの行が1行もありません。",
        where=name,
        todo="元のファイルを確かめてください。異動のなかった日のファイルなら、異動区分の見出しを付けてください。",
        code="empty",
    )


def detect(name: str, head: bytes) -> Found | None:
    """What a membership CSV is from its first bytes; None for another file.

    The encoding is the one of CP932 and UTF-8 in which the headings can be read; when both do (English headings), the
    one in which more of the bytes are characters. Raises InputFileError (bad_headings) when it plainly is a
    membership file but needed headings are missing.
    """
    fault = None
    for encoding in sorted(("cp932", "utf-8"), key=lambda e: lines.decoded(head, e).count("\ufffd")):
        start = lines.first_row(head, encoding)
        try:
            headed = headings.match(name, start.row, DELIVERIES) if start else None
        except InputFileError as error:
            fault = fault or error
            continue
        if start and headed:
            return Found(start, headed, encoding)
    if fault:
        raise fault
    return None


def layout(name: str, headed: Headed, encoding: str, edition: date | None) -> Layout:
    """The file's day from its name, or else the edition given. Raises InputFileError when there is neither."""
    of_name = edition_of(name)
    as_of = of_name or edition
    if as_of is None:
        raise InputFileError(
            f"{headed.delivery.table.title}のファイルの基準日が分かりません。",
            where=name,
            todo="ファイル名に8桁の日付（例：資格_20240401.csv）を付けるか、--edition 2024-04-01 のように指定してください。",
        )
    differs = edition if edition is not None and edition != as_of else None
    return Layout(headed, encoding, as_of, "change" not in headed.at, differs)
