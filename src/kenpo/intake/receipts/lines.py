"""A block of a claim file cut into lines, and lines of one record type gathered and parsed at once (bucketing).

Lines and commas are found on the raw bytes: in CP932 and in UTF-8 neither LF nor a comma is ever part of another
character. Only a bucket that holds non-ASCII bytes is decoded at all.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from kenpo.base.text import decode_cp932, holds_characters

_LF, _CR, _EOF, _COMMA, _QUOTE = 10, 13, 0x1A, 44, b'"'

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def record_code(name: str) -> int:
    """The two letters of a record id as one number."""
    return ord(name[0]) * 256 + ord(name[1])


def record_name(code: int) -> str:
    """The record id of a code; the opposite of record_code."""
    return chr(code >> 8) + chr(code & 255)


@dataclass
class Bucket:
    """The lines of one record type: their indices into the block and their fields as text columns named "1", "2"…"""

    index: Ints
    fields: pl.DataFrame
    undecodable: Bools

    def column(self, position: int) -> pl.Series:
        """Field at a position (0 = record id); NULL where the line is shorter or the field is blank."""
        return self.fields[str(position)]


class Lines:
    """The lines of a block.

    data: whole lines, each ended by LF (CRLF is taken too). first_line: number of the first line in its file.
    insurer: every line starts with データ識別, 行番号, 枝番号.

    Per line: number, stage, row_no, branch_no (0 where there is no prefix), code of the record id (0 = unreadable).
    """

    def __init__(self, data: bytes, first_line: int, *, insurer: bool, encoding: str) -> None:
        if insurer and b'"' in data:
            data = unquote(data, encoding)
        if not data.endswith(b"\n"):
            data += b"\n"
        self.encoding = encoding
        self.bytes = np.frombuffer(data, dtype=np.uint8).copy()
        # Every separator once; the LF that ends a line stands in the list right after the line's commas.
        self.separators = np.flatnonzero((self.bytes == _COMMA) | (self.bytes == _LF))
        line_ends = np.flatnonzero(self.bytes[self.separators] == _LF)
        ends = self.separators[line_ends]
        starts = np.empty_like(ends)
        starts[0] = 0
        starts[1:] = ends[:-1] + 1
        first = np.empty_like(line_ends)
        first[0] = 0
        first[1:] = line_ends[:-1] + 1
        number = first_line + np.arange(len(ends), dtype=np.int64)
        ends = self._trim(starts, ends, _CR)
        while (more := (self.bytes[starts] == _EOF) & (starts < ends)).any():
            starts = starts + more
        ends = self._trim(starts, ends, _EOF)
        ends = self._trim(starts, ends, _CR)
        kept = ends > starts
        self.starts, self.ends, self.number = starts[kept], ends[kept], number[kept]
        self.first_comma = first[kept]
        self.comma_count = (line_ends - first)[kept]
        n = len(self.starts)
        self.stage = np.zeros(n, dtype=np.int64)
        self.row_no = np.zeros(n, dtype=np.int64)
        self.branch_no = np.zeros(n, dtype=np.int64)
        self.prefixed = np.zeros(n, dtype=np.bool_)
        if insurer and n:
            self._read_prefix()
        self.code = self._record_codes()

    def __len__(self) -> int:
        return len(self.starts)

    def _trim(self, starts: Ints, ends: Ints, byte: int) -> Ints:
        """Ends moved before a trailing byte; that byte becomes the line's LF."""
        last = self.bytes[np.maximum(ends - 1, 0)]
        hit = (ends > starts) & (last == byte)
        ends = ends - hit
        self.bytes[ends[hit]] = _LF
        return ends

    def _read_prefix(self) -> None:
        first = self.bytes[self.starts]
        digit = (first >= 48) & (first <= 57) & (self.comma_count >= 3)
        self.prefixed = digit
        where = np.flatnonzero(digit)
        begin = self.starts[where]
        good = np.ones(len(where), dtype=np.bool_)
        for k, target in enumerate((self.stage, self.row_no, self.branch_no)):
            end = self.separators[self.first_comma[where] + k]
            value, ok = _unsigned(self.bytes, begin, end)
            target[where] = value
            good &= ok
            begin = end + 1
        self.starts[where] = begin
        self.first_comma[where] += 3
        self.comma_count[where] -= 3
        self.stage[where[~good]] = -1

    def _record_codes(self) -> Ints:
        n = len(self)
        if not n:
            return np.zeros(0, dtype=np.int64)
        end = np.minimum(self.separators[self.first_comma], self.ends)
        two = end - self.starts == 2
        first = self.bytes[self.starts].astype(np.int64)
        second = self.bytes[np.minimum(self.starts + 1, len(self.bytes) - 1)].astype(np.int64)
        return np.where(two & (self.stage >= 0), first * 256 + second, 0)

    def field_bounds(self, index: Ints, position: int) -> tuple[Ints, Ints]:
        """Start and end byte of a field of each line; start = end where the line has no such field."""
        count, first, line_end = self.comma_count[index], self.first_comma[index], self.ends[index]
        start = (
            self.separators[first + np.minimum(position, count) - 1] + 1 if position else self.starts[index]
        )
        start = np.where(count >= position, start, line_end)
        end = self.separators[first + np.minimum(position, count)]
        return start, np.clip(end, start, line_end)

    def gather(
        self, index: Ints, width: int, *, cut_at: int | None = None
    ) -> tuple[Bucket, pa.LargeBinaryArray | None]:
        """Parse lines of one record type: fields 1…width as text, and the raw rest of the line from field cut_at.

        Fields from cut_at on (the 31 days) are left unparsed and come back as one binary value per line.
        """
        ends = self.ends[index] + 1
        tails = None
        if cut_at is not None:
            start, _ = self.field_bounds(index, cut_at)
            has = self.comma_count[index] >= cut_at
            tails = _slices(self.bytes, start, self.ends[index])
            self.bytes[start[has] - 1] = _LF
            ends = np.where(has, start, ends)
        packed = _slices(self.bytes, self.starts[index], ends)
        data = packed.buffers()[2]
        text, undecodable = self._decode(b"" if data is None else data.to_pybytes(), len(index))
        schema: Any = {str(i): pl.String for i in range(width + 1)}
        frame = (
            pl.read_csv(
                text,
                has_header=False,
                schema=schema,
                quote_char=None,
                truncate_ragged_lines=True,
                missing_columns="insert",
                extra_columns="ignore",
            )
            if text
            else pl.DataFrame(schema=schema)
        )
        if frame.height != len(index):
            raise AssertionError(f"{len(index)} lines in, {frame.height} rows out")
        return Bucket(index, frame, undecodable), tails

    def _decode(self, data: bytes, count: int) -> tuple[bytes, Bools]:
        clean = np.zeros(count, dtype=np.bool_)
        if data.isascii():
            return data, clean
        try:
            text = data.decode(self.encoding)
        except UnicodeDecodeError:
            text = None
        if text is None or (self.encoding == "cp932" and not holds_characters(text)):
            pieces = []
            for i, line in enumerate(data.split(b"\n")[:-1]):
                if self.encoding == "cp932":
                    decoded, odd = decode_cp932(line)
                else:
                    decoded = line.decode(self.encoding, errors="replace")
                    odd = decoded.count("\ufffd")
                clean[i] = odd > 0
                pieces.append(decoded + "\n")
            text = "".join(pieces)
        return text.encode(), clean


def _slices(data: npt.NDArray[np.uint8], starts: Ints, ends: Ints) -> pa.LargeBinaryArray:
    """The byte ranges as one packed binary array; ranges must be ascending and must not overlap."""
    n = len(starts)
    if not (ends > starts).any():
        # Arrow gives an array of empty values no data buffer, and its kernels then refuse it.
        buffers = [None, pa.py_buffer(np.zeros(n + 1, dtype=np.int64)), pa.py_buffer(b"")]
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), n, buffers)
    offsets = np.empty(2 * n, dtype=np.int64)
    offsets[0::2] = starts
    offsets[1::2] = ends
    whole = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), 2 * n - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    # Buffers rather than pa.array and to_numpy, which would import pandas.
    even = pa.Int64Array.from_buffers(pa.int64(), n, [None, pa.py_buffer(np.arange(0, 2 * n, 2))])
    return pc.take(whole, even)


def _unsigned(data: npt.NDArray[np.uint8], starts: Ints, ends: Ints) -> tuple[Ints, Bools]:
    """Decimal numbers of 1…9 digits in byte ranges, and which ranges hold one."""
    length = ends - starts
    good = (length >= 1) & (length <= 9)
    value = np.zeros(len(starts), dtype=np.int64)
    for k in range(int(length.max(initial=0)) if len(length) else 0):
        if k >= 9:
            break
        inside = k < length
        digit = data[np.minimum(starts + k, len(data) - 1)].astype(np.int64) - 48
        good &= ~inside | ((digit >= 0) & (digit <= 9))
        value = np.where(inside, value * 10 + digit, value)
    return value, good


def unquote(data: bytes, encoding: str) -> bytes:
    """Lines with quoted fields rewritten without quotes; a comma inside a quoted field becomes a full-width one."""
    out = []
    for line in data.split(b"\n"):
        if b',"' in line or line.startswith(b'"'):
            text = line.decode(encoding, errors="surrogateescape")
            try:
                fields = next(csv.reader([text.rstrip("\r").replace("\r", " ")]))
            except csv.Error:
                out.append(line)
                continue
            joined = ",".join(f.replace(",", "，").replace("\n", " ") for f in fields)
            line = joined.encode(encoding, errors="surrogateescape")
        out.append(line)
    return b"\n".join(out)


def read_days(tails: pa.LargeBinaryArray) -> tuple[Ints, Ints, pl.Series, Bools]:
    """The 31 day fields of each line: bit mask, sum of counts, canonical text, and which lines hold a bad value.

    Distinct patterns are few, so each is read once.
    """
    coded = tails.dictionary_encode()
    patterns = [_day_pattern(p) for p in coded.dictionary.to_pylist()]
    codes = np.frombuffer(coded.indices.buffers()[1], dtype=np.int32)[: len(tails)]
    mask = np.array([p[0] for p in patterns], dtype=np.int64)
    total = np.array([p[1] for p in patterns], dtype=np.int64)
    text = pl.Series([p[2] for p in patterns], dtype=pl.String)
    bad = np.array([p[3] for p in patterns], dtype=np.bool_)
    if not len(codes):
        return mask, total, text, bad
    return mask[codes], total[codes], text.gather(codes), bad[codes]


@functools.lru_cache(maxsize=1 << 16)
def _day_pattern(raw: bytes) -> tuple[int, int, str | None, bool]:
    mask, total, pieces = 0, 0, []
    for day, value in [(n, v) for n, v in enumerate(raw.split(b","), start=1) if v]:
        value = value.strip()
        if not value:
            continue
        if day > 31 or not value.isdigit() or len(value) > 3:
            return 0, 0, None, True
        if count := int(value):
            mask |= 1 << (day - 1)
            total += count
            pieces.append(f"{day}:{count}")
    return mask, total, ",".join(pieces) or None, False
