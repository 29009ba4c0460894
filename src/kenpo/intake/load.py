"""Loading input files into the lake (取込): one commit per file, twice the same as once, a crash leaves no trace."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from multiprocessing import get_context
from pathlib import Path, PurePosixPath
from typing import TypeVar

import polars as pl

from kenpo.base.errors import InputFileError, KenpoError, LakeError
from kenpo.intake import institutions, masters
from kenpo.intake.facts import facts_frames
from kenpo.intake.keys import fingerprint, load_key
from kenpo.intake.membership import files as members
from kenpo.intake.membership import rows as member_rows
from kenpo.intake.membership.rules import FLAGS as MEMBER_FLAGS
from kenpo.intake.receipts import files as claim
from kenpo.intake.receipts.block import Segment
from kenpo.intake.receipts.context import BlockTask
from kenpo.intake.receipts.headers import one_row_each
from kenpo.intake.receipts.work import Done, die_with_parent, work
from kenpo.intake.sources import NOT_DELIVERED, Source, find_sources, reading
from kenpo.intake.tabular import lines, workbook
from kenpo.lake.schema import Table
from kenpo.lake.store import FileEntry, Lake, Part, write_part
from kenpo.lake.tables.intake import INTAKE_FLAG, INTAKE_REJECT
from kenpo.lake.tables.masters import INSTITUTION_LIST
from kenpo.lake.tables.receipts import INSTITUTION_TABLE

SHIPPED = "同梱マスター"
_FLAG_SCHEMA = {c: t for c, t in INTAKE_FLAG.polars_schema.items() if c != "source_file"}
_CHUNK = 8 << 20
_POOL_FROM = 24 << 20

Progress = Callable[[str, int, int], None]
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class FileReport:
    """What became of one input file: loaded (取込), already (取込済み), skipped (対象外) or failed (失敗)."""

    name: str
    status: str
    entry: FileEntry | None = None
    message: str = ""
    code: str = ""


@dataclass
class _Looked:
    """What one pass over a file's bytes tells."""

    sha256: str
    head: bytes
    has_dpc: bool
    encoding: str
    size: int


@dataclass
class _Totals:
    counts: Counter[str] = field(default_factory=Counter)
    parts: list[Part] = field(default_factory=list)
    segments: list[list[Segment]] = field(default_factory=list)
    institutions: list[pl.DataFrame] = field(default_factory=list)
    lines: int = 0
    rejected: int = 0
    receipts: int = 0
    points: int = 0
    institution: str | None = None
    claim_month: date | None = None
    volume: str | None = None
    last_line: int = 1


def load_paths(
    lake: Lake,
    paths: Sequence[Path],
    *,
    key_path: Path,
    edition: date | None = None,
    workers: int | None = None,
    block_bytes: int = claim.BLOCK_BYTES,
    progress: Progress | None = None,
) -> list[FileReport]:
    """Load every file under the paths; a file that cannot be taken in is reported and the rest goes on.

    edition: the day from which a master without a date in its name is in force, and the day of a membership file
    without one. workers: processes (default: cores).
    progress: called with name, bytes done, bytes in all. Raises LakeError when the lake is locked or was made with
    another key.
    """
    key = load_key(key_path, lake.root)
    sources, errors = find_sources(paths)
    reports = [FileReport(e.where, "failed", message=e.message, code=e.code) for e in errors]
    with lake.writing(), _Pool(workers) as pool:
        _same_key(lake, key)
        for source in sources:
            loader = _Loader(lake, source, key, edition, pool, block_bytes, progress)
            try:
                with reading(source.name):
                    reports.append(loader.load())
            except LakeError:
                raise
            except KenpoError as error:
                reports.append(FileReport(source.name, "failed", message=error.message, code=error.code))
    return reports


def _same_key(lake: Lake, key: bytes) -> None:
    known = lake.meta("key")
    if known is None:
        lake.set_meta("key", fingerprint(key))
    elif known != fingerprint(key):
        raise LakeError(
            "この置き場は、別の加入者キーの鍵で作られています。",
            where=str(lake.root),
            todo="元の鍵を --key で指定してください。鍵を替えるときは、新しい置き場に取り込み直します（docs/operations.md）。",
            code="other_key",
        )


class _Pool:
    """Processes for parsing, started only when a file is large enough to be worth it."""

    def __init__(self, workers: int | None) -> None:
        self.size = workers or os.cpu_count() or 1
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    def executor(self) -> ProcessPoolExecutor:
        if self._executor is None:
            with _environment("POLARS_MAX_THREADS", "1"), _main_left_out():
                self._executor = ProcessPoolExecutor(
                    self.size, mp_context=get_context("spawn"), initializer=die_with_parent
                )
                # Start every process now, while the variable is set.
                for done in [self._executor.submit(os.getpid) for _ in range(self.size * 2)]:
                    done.result()
        return self._executor

    def in_order(
        self,
        function: Callable[[_Task, Path, str], _Result],
        tasks: Iterable[tuple[_Task, Path, str]],
        size: int,
    ) -> Iterator[_Result]:
        """What the function makes of each task, in the tasks' order; in processes when size (bytes) is worth it."""
        if size < _POOL_FROM or self.size == 1:
            for task in tasks:
                yield function(*task)
            return
        pending: list[Future[_Result]] = []
        for task in tasks:
            pending.append(self.executor().submit(function, *task))
            if len(pending) > self.size:
                yield pending.pop(0).result()
        for future in pending:
            yield future.result()


@contextmanager
def _main_left_out() -> Iterator[None]:
    """Keep spawn from importing the program's main module in every worker, which needs nothing of it."""
    main = sys.modules["__main__"]
    file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    main.__file__ = main.__spec__ = None
    try:
        yield
    finally:
        main.__file__, main.__spec__ = file, spec


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class _Loader:
    def __init__(
        self,
        lake: Lake,
        source: Source,
        key: bytes,
        edition: date | None,
        pool: _Pool,
        block_bytes: int,
        progress: Progress | None,
    ) -> None:
        self.lake = lake
        self.source = source
        self.key = key
        self.edition = edition
        self.pool = pool
        self.block_bytes = block_bytes
        self.progress = progress
        self.began = time.monotonic()

    def load(self) -> FileReport:
        name = self.source.name
        for folder, why in NOT_DELIVERED.items():
            if folder in PurePosixPath(name).parts:
                return FileReport(name, "skipped", message=why)
        if claim.is_other_delivery(name):
            return FileReport(name, "skipped", message="レセプト本体ではないファイルのため、取り込みません。")
        looked = self._look()
        if not looked.size:
            raise InputFileError(
                "ファイルが空です。", where=name, todo="元のファイルを確かめてください。", code="empty"
            )
        if self.lake.has_content(looked.sha256):
            return FileReport(name, "already", message="同じ内容のファイルを取込済みです。")
        if claim.looks_like_claims(looked.head):
            entry = self._load_claims(looked)
        elif (kind := masters.detect(name, looked.head)) is not None:
            entry = self._load_master(kind, looked)
        elif (taken := self._load_members(looked)) is not None:
            entry = taken
        elif (listed := self._load_institutions(looked)) is not None:
            entry = listed
        else:
            raise InputFileError(
                "取り込める形式のファイルではありません。",
                where=name,
                todo="レセプト（UKE、レセ電コード情報）、支払基金のマスター、厚生労働省の後発医薬品・薬価の一覧、地方厚生局の医療機関の一覧、資格のファイルを指定してください。",
                code="unknown_format",
            )
        return FileReport(name, "loaded", entry)

    def _look(self) -> _Looked:
        digest, head, tail, has_dpc, size = hashlib.sha256(), b"", b"", False, 0
        with self.source.open() as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                if not size:
                    head = chunk[: 1 << 20]
                seen = tail + chunk
                has_dpc = has_dpc or b"\nBU," in seen or b"0,BU," in seen
                tail = chunk[-8:]
                size += len(chunk)
        return _Looked(digest.hexdigest(), head, has_dpc, _encoding(head), size)

    # ---- claim files ---------------------------------------------------------------------------------------------

    def _load_claims(self, looked: _Looked) -> FileEntry:
        form = claim.detect(self.source.name, looked.head, has_dpc=looked.has_dpc, encoding=looked.encoding)
        number = self.lake.file_number(looked.sha256)
        file_id = f"{number:09x}"
        totals = _Totals()
        sizes: list[int] = []

        def tasks() -> Iterator[tuple[BlockTask, Path, str]]:
            for n, raw in enumerate(claim.blocks(stream, form, self.source.name, self.block_bytes)):
                sizes.append(len(raw.data))
                task = BlockTask(
                    data=raw.data,
                    first_line=raw.first_line,
                    file_id=file_id,
                    file_number=number,
                    kind=form.kind,
                    insurer=form.insurer,
                    encoding=form.encoding,
                    managed=form.managed,
                    header=raw.header,
                    key=self.key,
                )
                yield task, self.lake.root, f"{file_id}-{n:05d}"

        with self.source.open() as stream:
            done = 0
            for n, result in enumerate(self.pool.in_order(work, tasks(), looked.size)):
                _add(totals, result)
                done += sizes[n]
                self._advance(done, looked.size)
        return self._commit_claims(looked, form, number, file_id, totals)

    def _commit_claims(
        self, looked: _Looked, form: claim.Format, number: int, file_id: str, totals: _Totals
    ) -> FileEntry:
        segments = claim.merge_segments(totals.segments)
        flags = claim.check_totals(segments, totals.volume, form.insurer, totals.lines)
        if not totals.receipts:
            flags.append({"source_line": 1, "code": "no_receipt", "message": claim.FLAGS["no_receipt"]})
        if flags:
            frame = pl.DataFrame(flags, schema_overrides={"expected": pl.String, "actual": pl.String})
            totals.parts += write_part(
                self.lake.root,
                INTAKE_FLAG,
                frame.with_columns(source_file=pl.lit(file_id)),
                f"{file_id}-file",
            )
        seen = one_row_each(pl.concat(totals.institutions))
        totals.parts += write_part(self.lake.root, INSTITUTION_TABLE, seen, f"{file_id}-file")
        month = totals.claim_month.isoformat() if totals.claim_month else None
        entry = self._entry(
            looked,
            number,
            file_id,
            format="recode_info" if form.insurer else "uke",
            kind=form.kind,
            lines=totals.lines,
            rejects=totals.rejected,
            receipts=totals.receipts,
            points=totals.points,
            volume=claim.volume_text(segments, totals.institution, month, totals.volume),
            counts=totals.counts,
        )
        self.lake.commit(entry, totals.parts)
        return entry

    # ---- masters -------------------------------------------------------------------------------------------------

    def _load_master(self, kind: masters.MasterKind, looked: _Looked) -> FileEntry:
        with self.source.open() as stream:
            data = stream.read()
        parsed = masters.parse(kind, self.source.name, data, self.edition)
        number = self.lake.file_number(looked.sha256)
        file_id, parts = master_parts(self.lake.root, parsed, number)
        entry = self._entry(
            looked,
            number,
            file_id,
            format="master",
            kind=parsed.table.name,
            edition=parsed.edition,
            lines=parsed.lines,
            rejects=parsed.rejects["source_line"].n_unique(),
        )
        # A published master takes the place of the small one that ships with kenpo.
        shipped = [
            f.file_id for f in self.lake.files() if f.kind == entry.kind and f.name.startswith(SHIPPED)
        ]
        self.lake.commit(entry, parts, replaces=shipped)
        self._advance(looked.size, looked.size)
        return entry

    def _load_institutions(self, looked: _Looked) -> FileEntry | None:
        """Load a list of institutions; None when it is none."""
        if not institutions.looks_like_list(looked.head):
            return None
        with self.source.open() as stream:
            data = stream.read()
        parsed = institutions.parse(self.source.name, data, self.edition)
        if parsed is None:
            return None
        number = self.lake.file_number(looked.sha256)
        file_id = f"{number:09x}"
        stamp = pl.lit(file_id).alias("source_file")
        parts = [
            part
            for table, frame in ((INSTITUTION_LIST, parsed.frame), (INTAKE_REJECT, parsed.rejects))
            for part in write_part(self.lake.root, table, frame.with_columns(stamp), f"{file_id}-00000")
        ]
        entry = self._entry(
            looked,
            number,
            file_id,
            format="master",
            kind=INSTITUTION_LIST.name,
            edition=parsed.edition,
            lines=parsed.lines,
            rejects=parsed.rejects["source_line"].n_unique(),
        )
        self.lake.commit(entry, parts)
        self._advance(looked.size, looked.size)
        return entry

    # ---- membership ----------------------------------------------------------------------------------------------

    def _load_members(self, looked: _Looked) -> FileEntry | None:
        """Load a membership file; None when it is none."""
        with members.opened(self.source, looked.head, self.edition, self.block_bytes) as found:
            return self._take_members(looked, found.layout, found.blocks) if found else None

    def _take_members(
        self, looked: _Looked, layout: members.Layout, pieces: Iterable[lines.Block | workbook.SheetRows]
    ) -> FileEntry:
        table = layout.headed.delivery.table
        number = self.lake.file_number(looked.sha256)
        file_id = f"{number:09x}"
        tasks = (
            (member_rows.Task(piece, layout, file_id, self.key), self.lake.root, f"{file_id}-{n:05d}")
            for n, piece in enumerate(pieces)
        )
        written = []
        for done in self.pool.in_order(member_rows.work, tasks, looked.size):
            written.append(done)
            self._advance(min(looked.size, len(written) * self.block_bytes), looked.size)
        count = sum(block.lines for block in written)
        if not count and layout.full:
            raise members.without_rows(self.source.name, layout)
        parts, twice = (
            member_rows.without_twice(self.lake.root, layout, written, file_id) if written else ([], 0)
        )
        parts += write_part(self.lake.root, INTAKE_FLAG, _file_flags(layout, file_id), f"{file_id}-file")
        entry = self._entry(
            looked,
            number,
            file_id,
            format="membership",
            kind=table.name,
            edition=layout.as_of,
            lines=count,
            rejects=sum(block.rejected for block in written) + twice,
        )
        self.lake.commit(entry, parts)
        self._advance(looked.size, looked.size)
        return entry

    def _advance(self, done: int, size: int) -> None:
        if self.progress:
            self.progress(self.source.name, done, size)

    def _entry(
        self,
        looked: _Looked,
        number: int,
        file_id: str,
        *,
        format: str,
        kind: str,
        lines: int,
        rejects: int,
        receipts: int = 0,
        points: int = 0,
        edition: date | None = None,
        volume: str = "{}",
        counts: Counter[str] | None = None,
    ) -> FileEntry:
        return FileEntry(
            file_id=file_id,
            number=number,
            name=self.source.name,
            sha256=looked.sha256,
            size=looked.size,
            format=format,
            kind=kind,
            edition=edition,
            lines=lines,
            rows=lines - rejects,
            rejects=rejects,
            receipts=receipts,
            points=points,
            loaded_at=datetime.now().astimezone().isoformat(timespec="seconds"),
            seconds=f"{time.monotonic() - self.began:.3f}",
            volume=volume,
            line_counts=json.dumps(dict(sorted((counts or Counter()).items()))),
        )


def _file_flags(layout: members.Layout, file_id: str) -> pl.DataFrame:
    """What needs a look in a membership file as a whole; nothing of the headings is quoted."""
    flags = []
    if layout.headed.unknown:
        flags.append({"code": "unknown_columns", "actual": f"{layout.headed.unknown}列"})
    if layout.differs:
        flags.append(
            {
                "code": "as_of_differs",
                "expected": layout.differs.isoformat(),
                "actual": layout.as_of.isoformat(),
            }
        )
    frame = pl.DataFrame(flags, schema={"code": pl.String, "expected": pl.String, "actual": pl.String})
    return frame.with_columns(
        source_file=pl.lit(file_id),
        source_line=pl.lit(1),
        message=pl.col("code").replace_strict(MEMBER_FLAGS, return_dtype=pl.String),
    )


def master_parts(root: Path, parsed: masters.MasterParse, number: int) -> tuple[str, list[Part]]:
    """Write a parsed master's rows and rejects as parts; returns its file id and the parts."""
    file_id = f"{number:09x}"
    stamp = pl.lit(file_id).alias("source_file")

    def write(table: Table, frame: pl.DataFrame) -> list[Part]:
        return write_part(root, table, frame.with_columns(stamp), f"{file_id}-00000")

    flags = pl.DataFrame([asdict(f) for f in parsed.flags], schema=_FLAG_SCHEMA)
    parts = (
        write(parsed.table, parsed.frame) + write(INTAKE_REJECT, parsed.rejects) + write(INTAKE_FLAG, flags)
    )
    return file_id, parts


def load_facts(lake: Lake) -> list[FileReport]:
    """Load the small masters that ship with kenpo (同梱マスター), for offline use and tests.

    A kind of which a published master is already in the lake is left out.
    """
    reports = []
    with lake.writing():
        for name, parsed in facts_frames().items():
            digest = hashlib.sha256(parsed.frame.write_csv().encode() + name.encode()).hexdigest()
            title = f"{SHIPPED} {parsed.table.title}"
            if any(f.kind == parsed.table.name and not f.name.startswith(SHIPPED) for f in lake.files()):
                reports.append(
                    FileReport(
                        title,
                        "skipped",
                        message="公表されたマスターが取込済みのため、同梱のものは使いません。",
                    )
                )
                continue
            if lake.has_content(digest):
                reports.append(FileReport(title, "already", message="取込済みです。"))
                continue
            number = lake.file_number(digest)
            file_id, parts = master_parts(lake.root, parsed, number)
            entry = FileEntry(
                file_id=file_id,
                number=number,
                name=title,
                sha256=digest,
                size=int(parsed.frame.estimated_size()),
                format="master",
                kind=parsed.table.name,
                edition=parsed.edition,
                lines=parsed.lines,
                rows=parsed.frame.height,
                rejects=0,
                receipts=0,
                points=0,
                loaded_at=datetime.now().astimezone().isoformat(timespec="seconds"),
                seconds="0.000",
            )
            lake.commit(entry, parts)
            reports.append(FileReport(title, "loaded", entry))
    return reports


def _add(totals: _Totals, done: Done) -> None:
    rows = done.rows
    totals.parts += done.parts
    totals.counts += rows.line_counts
    totals.segments.append(rows.segments)
    totals.institutions.append(rows.institutions)
    totals.lines += rows.lines
    totals.rejected += rows.rejected
    totals.receipts += rows.receipts
    totals.points += rows.points
    totals.institution = totals.institution or rows.institution
    totals.claim_month = totals.claim_month or rows.claim_month
    totals.volume = totals.volume if totals.volume is not None else rows.volume


def _encoding(head: bytes) -> str:
    """utf-8 when the first bytes are UTF-8 and not plain ASCII; otherwise CP932, as the specification says."""
    if head.isascii():
        return "cp932"
    try:
        head[: head.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return "cp932"
    return "utf-8"
