"""Names, addresses and card numbers of membership files (氏名・住所・記号番号), for the office's vault only.

The lake never holds them. The files are read, and their rows rejected, as `kenpo load` does; what is yielded belongs
into the vault and nowhere else: not into a log, a message or a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from kenpo.base.errors import InputFileError, KenpoError
from kenpo.intake import masters
from kenpo.intake.identity import member_ids
from kenpo.intake.membership import files
from kenpo.intake.membership.rows import Task, sound
from kenpo.intake.receipts import files as claims
from kenpo.intake.sources import NOT_DELIVERED, Source, find_sources, reading
from kenpo.intake.tabular import lines

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "branch": pl.String,
    "subject_kind": pl.String,
    "subject": pl.String,
    "name": pl.String,
    "kana": pl.String,
    "birth_date": pl.Date,
    "sex": pl.String,
    "postcode": pl.String,
    "address": pl.String,
    "symbol": pl.String,
    "number": pl.String,
    "branch_no": pl.String,
    "person_number": pl.String,
    "acquired_on": pl.Date,
    "lost_on": pl.Date,
    "change": pl.String,
    "full": pl.Boolean,
    "as_of": pl.Date,
    "source_line": pl.Int64,
}
"""The columns of IdentityBlock.frame.

subject_kind: member or workplace; subject: member_id or 事業所記号, as in the lake. sex: 1 男, 2 女. postcode: 753-0000,
NULL unless it has seven digits. symbol, number, branch_no: 記号・番号・枝番 of the enrolment that began on acquired_on and ended
on lost_on. person_number: 加入者番号. change: upsert, or cancel for a row that was taken back. full: of a full load (全件).
"""

_PRIVATE: Mapping[str, tuple[str, ...]] = {
    "workplace": ("name", "postcode", "address"),
    "member": ("name", "kana", "postcode", "address"),
    "enrolment": ("kana",),
}
"""Table → the columns of its files that only the vault reads; other files say nothing of who somebody is."""

_TEXTS = ("name", "kana", "address")
_HEAD = 1 << 20

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class IdentityReport:
    """What became of one file; nothing of its content.

    status: read (読取り), skipped (対象外) or failed (失敗: nothing of it counts). table: the lake table the file fills,
    as_of its day. lines: rows that are not blank; rows: those yielded. rejected: reason code → how often.
    unreadable: rows yielded with a character in name or address that cannot be read (U+FFFD) or is user-defined (外字).
    """

    name: str
    status: Literal["read", "skipped", "failed"]
    table: str | None = None
    as_of: date | None = None
    lines: int = 0
    rows: int = 0
    unreadable: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    message: str = ""
    code: str = ""


@dataclass(frozen=True, repr=False)
class IdentityBlock:
    """Some identities of a file (SCHEMA). report: set on the file's last block only, whose frame may be empty."""

    file: str
    frame: pl.DataFrame
    report: IdentityReport | None = None


def identities(
    paths: Sequence[Path],
    key: bytes,
    edition: date | None = None,
    progress: Progress | None = None,
    *,
    block_bytes: int = lines.BLOCK_BYTES,
) -> Iterator[IdentityBlock]:
    """The identities in all membership files under the paths, block by block, files in the order of their days.

    Each row says what its file says; NULL is what this file does not say of the subject: names and addresses stand in
    the 加入者 file, card numbers in the 資格 file. Of several rows on a subject's names the latest as_of counts, on one
    day a change (異動) over a full row; of several enrolments the latest acquired_on. Every file, also one that is
    skipped or cannot be read, ends with exactly one block that has its report.

    key: the member key (加入者キーの鍵) the lake was made with. edition: the day of a file without one in its name.
    progress: called with name, bytes done, bytes in all.
    """
    sources, errors = find_sources(paths)
    for error in errors:
        yield _last(IdentityReport(error.where, "failed", message=error.message, code=error.code))
    for source in sorted(sources, key=lambda s: masters.edition_of(s.name) or edition or date.max):
        try:
            with reading(source.name):
                yield from _of_file(source, key, edition, progress, block_bytes)
        except KenpoError as error:
            yield _last(IdentityReport(source.name, "failed", message=error.message, code=error.code))


def _of_file(
    source: Source, key: bytes, edition: date | None, progress: Progress | None, block_bytes: int
) -> Iterator[IdentityBlock]:
    name = source.name
    with source.open() as stream:
        head = stream.read(_HEAD)
    if not head:
        raise InputFileError(
            "ファイルが空です。", where=name, todo="元のファイルを確かめてください。", code="empty"
        )
    if _is_other(name, head):
        yield _last(IdentityReport(name, "skipped"))
        return
    with files.opened(source, head, edition, block_bytes) as found:
        if found is None or found.layout.headed.delivery.table.name not in _PRIVATE:
            yield _last(IdentityReport(name, "skipped"))
            return
        layout = found.layout
        table = layout.headed.delivery.table
        count = rows = unreadable = 0
        rejected: Counter[str] = Counter()
        seen = _Seen()
        for n, block in enumerate(found.blocks, start=1):
            read = sound(Task(block, layout, "", key), _PRIVATE[table.name])
            frame = read.frame
            if "person_number" in frame.columns:
                frame = frame.with_columns(member_id=member_ids(key, frame["person_number"]))
            first = seen.first(frame.select(table.key).hash_rows(seed=0))
            made = _identities(frame.filter(first), layout)
            count += read.lines
            rows += made.height
            unreadable += _unreadable(made)
            rejected.update(dict(read.rejects["reason"].value_counts().iter_rows()))
            rejected.update({"duplicate_key": int((~first).sum())})
            yield IdentityBlock(name, made)
            if progress:
                progress(name, min(source.size, n * block_bytes), source.size)
    if not count and layout.full:
        raise files.without_rows(name, layout)
    if progress:
        progress(name, source.size, source.size)
    yield _last(
        IdentityReport(name, "read", table.name, layout.as_of, count, rows, unreadable, {**+rejected})
    )


def _last(report: IdentityReport) -> IdentityBlock:
    return IdentityBlock(report.name, pl.DataFrame(schema=SCHEMA), report)


def _is_other(name: str, head: bytes) -> bool:
    """Whether the file is not for the lake, or fills tables of another kind."""
    return (
        any(folder in PurePosixPath(name).parts for folder in NOT_DELIVERED)
        or claims.is_other_delivery(name)
        or claims.looks_like_claims(head)
        or masters.detect(name, head) is not None
    )


def _identities(frame: pl.DataFrame, layout: files.Layout) -> pl.DataFrame:
    """Sound rows in the columns of SCHEMA."""
    table = layout.headed.delivery.table.name
    out = frame.with_columns(
        subject_kind=pl.lit("workplace" if table == "workplace" else "member"),
        subject=pl.col("symbol" if table == "workplace" else "member_id"),
        as_of=pl.lit(layout.as_of),
        full=pl.lit(layout.full),
    )
    if layout.full:
        out = out.with_columns(change=pl.lit("upsert"))
    if table == "workplace":
        out = out.drop("symbol")
    if "branch_no" in out.columns:
        out = out.with_columns(pl.col("branch_no").str.zfill(2))
    if "postcode" in out.columns:
        out = out.with_columns(_postcode(pl.col("postcode")).alias("postcode"))
    return out.select(
        (pl.col(c) if c in out.columns else pl.lit(None)).cast(kind).alias(c) for c, kind in SCHEMA.items()
    )


def _postcode(text: pl.Expr) -> pl.Expr:
    """753-0000 from seven digits however they are written, zeros that a spreadsheet dropped put back; else NULL."""
    digits = text.str.normalize("NFKC").str.replace_all("[^0-9]", "")
    number = text.str.contains("^[0-9]{5,7}$")
    digits = pl.when(number).then(digits.str.zfill(7)).otherwise(digits)
    return pl.when(digits.str.len_chars() == 7).then(digits.str.slice(0, 3) + "-" + digits.str.slice(3))


def _unreadable(frame: pl.DataFrame) -> int:
    odd = pl.any_horizontal(pl.col(c).str.contains("[\ufffd\ue000-\uf8ff]") for c in _TEXTS)
    return int(frame.select(odd.sum()).item())


class _Seen:
    """The keys of a file's rows so far, as sorted runs of 64-bit hashes, each more than half as long as the one before."""

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[np.uint64]] = []

    def first(self, hashes: pl.Series) -> pl.Series:
        """Whether each is the first of its kind in the file."""
        given = hashes.to_numpy()
        first = hashes.is_first_distinct().to_numpy().copy()
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, given), len(run) - 1)
            first &= run[at] != given
        added = np.sort(given[first])
        while self._runs and len(self._runs[-1]) <= 2 * len(added):
            added = np.sort(np.concatenate([self._runs.pop(), added]), kind="stable")
        if len(added):
            self._runs.append(added)
        return pl.Series(first)
