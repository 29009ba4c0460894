"""What all readers of a block share: its lines, its receipts, typed fields, rejects and the rows kept so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from kenpo.intake.receipts import dates
from kenpo.intake.receipts import layouts as lay
from kenpo.intake.receipts.blot import Person
from kenpo.intake.receipts.lines import Bools, Bucket, Ints, Lines, record_code, record_name
from kenpo.intake.receipts.rejects import Findings
from kenpo.lake.tables import receipts as t

# Records that hold names, birth dates and numbers: one missing comma puts these into any other field.
_ABOUT_PERSONS = ("RE", "HO", "KO", "SN")


@dataclass(frozen=True)
class BlockTask:
    """A block and what must be known of the file before it.

    header: the last IR/UK/YK line before the block (with its line end), given to blocks after the first.
    managed: the insurer-side file has MN records, which open each receipt.
    """

    data: bytes
    first_line: int
    file_id: str
    file_number: int
    kind: str
    insurer: bool
    encoding: str
    managed: bool
    header: bytes
    key: bytes


class Block:
    """A block being read. Readers of records fill `frames`; a line that cannot be taken in is in `rejected`."""

    def __init__(self, task: BlockTask) -> None:
        virtual = 1 if task.header else 0
        self.task = task
        self.layout = lay.LAYOUTS[task.kind]
        self.lines = Lines(
            task.header + task.data, task.first_line - virtual, insurer=task.insurer, encoding=task.encoding
        )
        self.virtual = virtual
        """Lines put before the block to carry the header in force; they are not the file's own."""
        self.size = len(self.lines)
        self.found = Findings()
        self.rejected = np.zeros(self.size, dtype=np.bool_)
        self.frames: dict[str, list[pl.DataFrame]] = {}
        self.by_code = self._index_by_code()

        self.receipt_of: Ints = np.full(self.size, -1, dtype=np.int64)
        """Receipt of each line, counted from 0 in the block; -1 outside receipts."""
        self.first_line: Ints = np.zeros(0, dtype=np.int64)
        """Number of the first line of each receipt."""
        self.valid_line: Bools = np.ones(self.size, dtype=np.bool_)
        """Lines that count: not replaced by a correction, not history."""
        self.section: Ints = np.zeros(self.size, dtype=np.int64)
        """診療識別 of each detail line, blanks taken over; 0 for none."""
        self.unit_at: Ints = np.full(self.size, -1, dtype=np.int64)
        """Line that ends the 算定単位 of each detail line; -1 for none."""
        self.receipts = pl.DataFrame()
        """One row per receipt, filled by the readers of RE, HO, KO and SN."""
        self.common = pl.DataFrame()
        """The columns of `receipts` that stand beside every row."""
        self.persons: list[Person] = []
        """Where the records say who the persons are, to blot it out of comments; never stored."""
        self.replaced_common = Bucket(
            np.zeros(0, dtype=np.int64), pl.DataFrame(), np.zeros(0, dtype=np.bool_)
        )
        """RE records that a correction has replaced."""
        self.confirmations: Bucket | None = None
        """SN records, parsed for the keys."""
        self.results: Bucket | None = None
        """MK records, parsed for the status."""

    @property
    def receipt_count(self) -> int:
        """Receipts in the block."""
        return len(self.first_line)

    def _index_by_code(self) -> dict[int, Ints]:
        code = self.lines.code.copy()
        code[: self.virtual] = -1
        order = np.argsort(code, kind="stable")
        values, first = np.unique(code[order], return_index=True)
        pieces = np.split(order, first[1:]) if len(values) else []
        return {int(v): piece for v, piece in zip(values, pieces, strict=True)}

    def of(self, name: str, *, with_virtual: bool = False) -> Ints:
        index = self.by_code.get(record_code(name), np.zeros(0, dtype=np.int64))
        if with_virtual and self.virtual and self.lines.code[0] == record_code(name):
            index = np.concatenate([np.zeros(1, dtype=np.int64), index])
        return index

    def live(self, name: str) -> Ints:
        """Lines of a record that belong to a receipt and are not rejected."""
        index = self.of(name)
        return index[(self.receipt_of[index] >= 0) & ~self.rejected[index]]

    def reject(
        self, index: Ints, reason: str, title: str | None = None, values: pl.Series | None = None
    ) -> None:
        """Reject lines. title: the field; values: what stands there, quoted only where it cannot tell who it is."""
        if not len(index):
            return
        codes = self.lines.code[index]
        records = [record_name(int(c)) if c > 0 else "" for c in codes]
        if records[0] in _ABOUT_PERSONS:
            values = None
        self.found.reject(self.lines.number[index], records, reason, title=title, values=values)
        self.rejected[index] = True

    def attach(self, frame: pl.DataFrame, by: str) -> pl.DataFrame:
        """Columns of the receipt put beside each row."""
        picked = self.common[frame[by].to_numpy()] if frame.height else self.common.clear()
        return pl.concat([frame.drop(by), picked], how="horizontal")

    def base(self, index: Ints) -> pl.DataFrame:
        """The common columns of rows made from lines."""
        frame = self.common[self.receipt_of[index]] if len(index) else self.common.clear()
        return frame.with_columns(
            source_line=pl.Series(self.lines.number[index], dtype=pl.Int64),
            valid=pl.col("receipt_valid") & pl.Series(self.valid_line[index], dtype=pl.Boolean),
        )

    def keep(self, table: t.Table, frame: pl.DataFrame) -> None:
        if frame.height:
            columns = [c for c in table.names if c in frame.columns and c not in ("source_file", "kind")]
            self.frames.setdefault(table.name, []).append(
                frame.select(columns).with_columns(
                    source_file=pl.lit(self.task.file_id), kind=pl.lit(self.task.kind)
                )
            )

    def flag_undecodable(self, bucket: Bucket) -> None:
        self.found.flag(self.lines.number[bucket.index[bucket.undecodable]], "undecodable_bytes")

    def _number(
        self,
        bucket: Bucket,
        position: int | None,
        title: str,
        dtype: pl.DataType | type[pl.DataType],
        pattern: str,
    ) -> pl.Series:
        """A field as a number; a value that is not one rejects its line."""
        if position is None:
            return pl.Series([None] * len(bucket.index), dtype=dtype)
        raw = bucket.column(position)
        if raw.null_count() == raw.len():
            return raw.cast(dtype)
        out = raw.cast(dtype, strict=False)
        bad = raw.is_not_null() & (out.is_null() | ~raw.str.contains(pattern))
        if bad.any():
            trimmed = raw.str.strip_chars()
            trimmed = trimmed.set(trimmed == "", None)
            out = trimmed.cast(dtype, strict=False)
            bad = trimmed.is_not_null() & (out.is_null() | ~trimmed.str.contains(pattern))
            rows = np.flatnonzero(bad.to_numpy())
            self.reject(bucket.index[rows], "not_a_number", title, raw.gather(rows))
            out = out.set(bad, None)
        return out

    def integer(self, bucket: Bucket, position: int | None, title: str) -> pl.Series:
        """Points and yen: whole numbers of up to 12 digits, negative ones too (減点)."""
        return self._number(bucket, position, title, pl.Int64, r"^-?[0-9]{1,12}$")

    def count(self, bucket: Bucket, position: int | None, title: str) -> pl.Series:
        """Times and days: whole numbers of up to 5 digits (the specifications allow 3)."""
        return self._number(bucket, position, title, pl.Int64, r"^[0-9]{1,5}$")

    def decimal(self, bucket: Bucket, position: int | None, title: str, digits: int, scale: int) -> pl.Series:
        return self._number(
            bucket,
            position,
            title,
            pl.Decimal(digits, scale),
            rf"^[0-9]{{1,{min(digits - scale, 7)}}}(\.[0-9]{{1,{scale}}})?$",
        )

    def code(self, bucket: Bucket, position: int, length: int, title: str) -> pl.Series:
        """A code of a fixed number of digits; anything else rejects its line."""
        raw = bucket.column(position)
        shape = rf"^[0-9]{{{length}}}$"
        if raw.str.contains(shape).sum() == raw.len():
            return raw
        raw = raw.str.strip_chars()
        rows = np.flatnonzero(raw.is_null().to_numpy())
        self.reject(bucket.index[rows], "missing", title)
        bad = raw.is_not_null() & ~raw.str.contains(shape)
        rows = np.flatnonzero(bad.to_numpy())
        self.reject(bucket.index[rows], "bad_code", title, raw.gather(rows))
        return raw

    def dates(self, bucket: Bucket, position: int, title: str) -> pl.Series:
        """A date; an impossible one is taken in as NULL and flagged."""
        raw = bucket.column(position)
        if raw.null_count() == raw.len():
            return raw.cast(pl.Date)
        distinct = raw.unique().drop_nulls()
        read = pl.DataFrame({"raw": distinct}).select("raw", day=dates.day(pl.col("raw")))
        out = raw.replace_strict(read["raw"], read["day"], default=None, return_dtype=pl.Date)
        odd = (raw.is_not_null() & out.is_null()).to_numpy()
        self.found.flag(self.lines.number[bucket.index[odd]], "bad_optional_field", detail=title)
        return out
