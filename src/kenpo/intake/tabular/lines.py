"""A CSV as blocks of whole records (CSVの区切り): quoted fields may hold commas and line breaks; memory is bounded.

A record may stand on several lines. A line whose quotes do not close within 50 lines into a well-formed record is one
faulty record by itself, so that a single stray quote cannot swallow the lines after it. Bytes are looked at, not
characters: in CP932 and UTF-8 alike, comma, quote and line end are never part of another character.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from kenpo.base.errors import InputFileError
from kenpo.base.text import decode_cp932

Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

BLOCK_BYTES = 8 << 20
_LONGEST_RECORD = 50
"""Lines a quoted record may stand on (行)."""
_LONGEST_LINE = 16 << 20
_COMMA, _QUOTE, _NEWLINE, _RETURN = (ord(c) for c in ',"\n\r')
_FIELD = rb'(?:"[^"]*(?:""[^"]*)*"|[^",]*)'
_WELL_FORMED = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Start:
    """The first row of a CSV that is not blank, and where the rows after it begin.

    offset: bytes before them. line: physical number of the line they begin on.
    """

    row: list[str]
    offset: int
    line: int


@dataclass(frozen=True)
class Block:
    """Whole lines of a file; data ends with a line end. first_line: physical number of the first, from 1."""

    data: bytes
    first_line: int


@dataclass(frozen=True)
class Records:
    """The records of a block in order: index of the line each begins on, its bytes [begin, end) with the line end,
    its fields, whether it is blank, whether its quotes are wrong. rest: first byte of a record the block does not end.
    """

    line: Ints
    begin: Ints
    end: Ints
    fields: Ints
    blank: Bools
    misquoted: Bools
    rest: int


def decoded(data: bytes, encoding: str) -> str:
    """The text of a file's bytes; what cannot be read stands as U+FFFD, and line ends, commas and quotes survive."""
    return decode_cp932(data)[0] if encoding == "cp932" else data.decode("utf-8", errors="replace")


def first_row(head: bytes, encoding: str) -> Start | None:
    """The first row of a CSV from the file's first bytes; None when they hold no readable row."""
    offset = len(_BOM) if head.startswith(_BOM) else 0
    line, held, lines = 1, b"", 0
    for raw in io.BytesIO(head[offset:]):
        held += raw
        lines += 1
        if held.count(b'"') % 2 == 0:
            if held.strip(b" \t\r\n,\x1a"):
                break
            offset, line, held, lines = offset + len(held), line + lines, b"", 0
        elif lines == _LONGEST_RECORD:
            return None
    try:
        row = next(csv.reader(io.StringIO(decoded(held, encoding).replace("\x00", ""), newline="")), None)
    except csv.Error:
        return None
    return Start(row, offset + len(held), line + lines) if row else None


def blocks(stream: IO[bytes], start: Start, name: str, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """Cut what follows the first row into blocks of about `size` bytes that end where a record ends.

    Raises InputFileError when a line is longer than 16 MB.
    """
    skipped = 0
    while skipped < start.offset:
        skipped += len(stream.read(start.offset - skipped))
    rest, line = b"", start.line
    while chunk := stream.read(size):
        data = rest + chunk
        cut = data.rfind(b"\n") + 1
        if cut:
            cut = _whole(data[:cut])
        if not cut:
            rest = data
            if len(rest) > max(_LONGEST_LINE, 2 * size) and b"\n" not in rest[-_LONGEST_LINE:]:
                raise InputFileError(
                    "1行が長すぎるため、表として読めません。",
                    where=name,
                    todo="行の終わりが改行になっているかを確かめてください。",
                )
            continue
        yield Block(data[:cut], line)
        line += data.count(b"\n", 0, cut)
        rest = data[cut:]
    rest = rest.rstrip(b"\x1a")
    if rest:
        yield Block(rest if rest.endswith(b"\n") else rest + b"\n", line)


def _whole(data: bytes) -> int:
    """Bytes up to the end of the last record that the lines end for certain."""
    if b'"' not in data:
        return len(data)
    return _joined(np.frombuffer(data, dtype=np.uint8), data, last=False)[2]


def split(data: bytes, *, last: bool = True) -> Records:
    """The records of whole lines. last: nothing follows, so that an open quote is an error."""
    raw = np.frombuffer(data, dtype=np.uint8)
    starts, misquoted, rest = _joined(raw, data, last=last)
    begin = starts[starts < rest]
    misquoted = misquoted[starts < rest]
    end = np.append(begin[1:], rest)[: len(begin)]
    ends = np.flatnonzero(raw[:rest] == _NEWLINE)
    line = np.searchsorted(ends, begin)
    commas = np.flatnonzero(raw[:rest] == _COMMA)
    if b'"' in data:
        quotes = np.flatnonzero(raw[:rest] == _QUOTE)
        before = np.searchsorted(quotes, begin)
        of_comma = np.searchsorted(begin, commas, side="right") - 1
        outside = (np.searchsorted(quotes, commas) - before[of_comma]) % 2 == 0
        fields = np.bincount(of_comma[outside], minlength=len(begin)) + 1
        of_quote = np.searchsorted(begin, quotes, side="right") - 1
        misquoted = misquoted | _strays(raw, quotes, before[of_quote], begin[of_quote], of_quote, len(begin))
    else:
        fields = np.searchsorted(commas, end) - np.searchsorted(commas, begin) + 1
    ended = end - 1 - ((end - begin > 1) & (raw[np.maximum(end - 2, 0)] == _RETURN))
    blank = ended - begin == fields - 1
    return Records(line, begin, end, fields, blank, misquoted, rest)


def _joined(raw: npt.NDArray[np.uint8], data: bytes, *, last: bool) -> tuple[Ints, Bools, int]:
    """First byte of every record, whether its quotes do not close, and where a record still open begins."""
    ends = np.flatnonzero(raw == _NEWLINE)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else np.zeros(0, dtype=np.int64)
    unclosed = np.zeros(len(starts), dtype=np.bool_)
    quotes = np.flatnonzero(raw == _QUOTE)
    count = np.diff(np.searchsorted(quotes, ends), prepend=0)
    odd = np.flatnonzero(count % 2)
    if not len(odd):
        return starts, unclosed, len(data)
    begins = np.ones(len(starts), dtype=np.bool_)
    rest, k = len(data), 0
    while k < len(odd):
        opened = int(odd[k])
        closed = int(odd[k + 1]) if k + 1 < len(odd) else None
        if closed is None and not last and len(starts) - opened < _LONGEST_RECORD:
            rest = int(starts[opened])
            break
        if (
            closed is not None
            and closed - opened < _LONGEST_RECORD
            and _WELL_FORMED.fullmatch(data[starts[opened] : ends[closed]].rstrip(b"\r"))
        ):
            begins[opened + 1 : closed + 1] = False
            k += 2
        else:
            unclosed[opened] = True
            k += 1
    return starts[begins], unclosed[begins], rest


def _strays(
    raw: npt.NDArray[np.uint8], quotes: Ints, before: Ints, begin: Ints, record: Ints, size: int
) -> Bools:
    """Records in which a quote opens elsewhere than at the beginning of a field, or closes elsewhere than at its end."""
    opens = (np.arange(len(quotes)) - before) % 2 == 0
    previous = raw[np.maximum(quotes - 1, 0)]
    good_open = (quotes == begin) | (previous == _COMMA) | (previous == _QUOTE)
    after = raw[quotes + 1]
    at_end = (after == _RETURN) & (raw[np.minimum(quotes + 2, len(raw) - 1)] == _NEWLINE)
    good_close = (after == _COMMA) | (after == _QUOTE) | (after == _NEWLINE) | at_end
    out = np.zeros(size, dtype=np.bool_)
    out[record[~np.where(opens, good_open, good_close)]] = True
    return out


def texts(data: bytes, records: Records, chosen: Bools, encoding: str, at: dict[str, int]) -> pl.DataFrame:
    """The wanted fields of the chosen records as text, stripped; blank ones NULL. at: name → position from 0."""
    if not chosen.any():
        return pl.DataFrame(schema=dict.fromkeys(at, pl.String))
    if not chosen.all():
        edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
        data = b"".join(
            data[records.begin[a] : records.end[b - 1]] for a, b in zip(edges[::2], edges[1::2], strict=True)
        )
    else:
        data = data[: records.rest]
    if not data.isascii():
        data = decoded(data, encoding).encode()
    frame = pl.read_csv(
        data,
        has_header=False,
        infer_schema=False,
        columns=sorted(at.values()),
        quote_char='"' if b'"' in data else None,
    )
    assert frame.height == int(chosen.sum()), "a record was lost between cutting and reading"
    text = pl.all().str.strip_chars()
    frame.columns = sorted(at, key=at.__getitem__)
    return frame.with_columns(pl.when(text != "").then(text))
