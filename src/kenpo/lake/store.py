"""The lake (データの置き場): Parquet parts on disk and one manifest that says which of them count.

A part is written under a temporary name, renamed, flushed, and only then named in the manifest, a SQLite file whose
transaction is the one moment at which an input file becomes part of the lake. Readers see manifest rows only, so a
process killed at any moment leaves the lake as before or after the file. Parts no manifest row names are swept away
by the next writer.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from kenpo.base.errors import LakeError
from kenpo.lake.schema import Table
from kenpo.lake.tables import ALL_TABLES
from kenpo.lake.tables.cases import SNAPSHOT
from kenpo.lake.tables.cases import TABLES as CASES
from kenpo.lake.tables.derived import TABLES as DERIVED
from kenpo.lake.tables.figures import TABLES as FIGURES
from kenpo.lake.tables.intake import INTAKE_FILE

# An ibis table or column; ibis's own annotations do not know a table's columns, so type checkers see Any.
Expression: TypeAlias = Any

_MANIFEST = "manifest.sqlite"
_LINE_BITS = 28
_SCHEMA = """
create table if not exists meta (name text primary key, value text not null);
create table if not exists file (
  file_id text primary key, number integer not null unique, name text not null, sha256 text not null unique,
  size integer not null, format text not null, kind text not null, edition text, lines integer not null,
  rows integer not null, rejects integer not null, receipts integer not null, points integer not null,
  loaded_at text not null, seconds text not null, volume text not null, line_counts text not null
);
create table if not exists part (
  path text primary key, table_name text not null, file_id text, rows integer not null, bytes integer not null
);
create index if not exists part_table on part (table_name);
"""


@dataclass(frozen=True)
class Part:
    """One Parquet file of one table: path relative to the lake, rows and bytes."""

    path: str
    table: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class FileEntry:
    """What the manifest keeps of an input file (取込ファイル); the columns of intake_file and the volume's totals."""

    file_id: str
    number: int
    name: str
    sha256: str
    size: int
    format: str
    kind: str
    edition: date | None
    lines: int
    rows: int
    rejects: int
    receipts: int
    points: int
    loaded_at: str
    seconds: str
    volume: str = "{}"
    line_counts: str = "{}"


def write_part(root: Path, table: Table, frame: pl.DataFrame, stem: str) -> list[Part]:
    """Write a frame as parts of a table, one per value of its partition column; durable once committed.

    frame: any subset of the table's columns (absent ones become NULL). stem: file name without suffix, unique per
    input file and block. Returns the parts, not yet counted by any reader.
    """
    frame = table.conform(frame)
    if frame.is_empty():
        return []
    if table.partition is None:
        return [_write(root, table, frame, Path("data") / table.name / f"{stem}.parquet")]
    values = frame[table.partition].unique(maintain_order=True)
    groups = (
        {(values[0],): frame}
        if len(values) == 1
        else {(value,): frame.filter(pl.col(table.partition) == value) for value in values}
    )
    form = "%Y-%m" if table[table.partition].type == "month" else "%Y-%m-%d"
    return [
        _write(
            root,
            table,
            group,
            Path("data") / table.name / f"{table.partition}={value.strftime(form)}" / f"{stem}.parquet",
        )
        for (value,), group in groups.items()
    ]


def _write(root: Path, table: Table, frame: pl.DataFrame, relative: Path) -> Part:
    target = root / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as handle:
        frame.write_parquet(handle, compression="zstd", compression_level=1, statistics=True)
        size = handle.tell()
    temporary.replace(target)
    return Part(str(relative), table.name, frame.height, size)


def _sync(root: Path, parts: Sequence[Part]) -> None:
    """Make parts and their names durable before the manifest names them, so that no power cut can part the two."""
    paths = [root / p.path for p in parts]
    for path in (*paths, *{p.parent for p in paths}):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _declared() -> dict[str, str]:
    """Table → its columns as a short text, of the tables that hold what was taken in; the others are made anew."""
    made = {table.name for table in (*DERIVED, *FIGURES, *CASES)}
    return {
        name: hashlib.sha256(table.duckdb_columns().encode()).hexdigest()[:12]
        for name, table in ALL_TABLES.items()
        if name not in made and table is not INTAKE_FILE
    }


class Lake:
    """An opened lake. Reading needs no lock; `writing()` takes it for the time of a load or refresh.

    >>> lake = Lake.open("lake")          # doctest: +SKIP
    >>> lake.table("drug").count()        # an ibis table expression
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._connection: Any = None

    @classmethod
    def open(cls, path: str | Path) -> Lake:
        """Open an existing lake. Raises LakeError when there is none at the path."""
        root = Path(path)
        if not (root / _MANIFEST).is_file():
            raise LakeError(
                "データの置き場（lake）が見つかりません。",
                where=str(root),
                todo="「kenpo load ファイル」で取り込むと作られます。別の場所なら --lake で指定してください。",
            )
        lake = cls(root)
        lake._same_tables()
        return lake

    @classmethod
    def create(cls, path: str | Path) -> Lake:
        """Open a lake, making an empty one when there is none."""
        root = Path(path)
        try:
            root.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(root / _MANIFEST)) as db:
                db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise LakeError(
                f"データの置き場（lake）を作れません（{error}）。",
                where=str(root),
                todo="書き込める場所を --lake で指定してください。",
            ) from error
        lake = cls(root)
        lake._same_tables()
        if lake.meta("tables") is None:
            lake.set_meta("tables", json.dumps(_declared()))
        return lake

    def _same_tables(self) -> None:
        """Raise LakeError when what was taken in lies in tables whose columns have changed since."""
        kept = json.loads(self.meta("tables") or "{}")
        now = _declared()
        with self._db() as db:
            held = {row["table_name"] for row in db.execute("select distinct table_name from part")}
        changed = [ALL_TABLES[name].title for name in now if name in held and kept.get(name) != now[name]]
        if changed:
            raise LakeError(
                f"この置き場は、前の版の kenpo で作られています。列の変わった表：{'、'.join(changed)}",
                where=str(self.root),
                todo="元のファイルを、新しい置き場に取り込み直してください（--lake で指定します）。",
                code="old_lake",
            )

    # ---- manifest ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _db(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self.root / _MANIFEST, timeout=60)) as db:
                db.row_factory = sqlite3.Row
                yield db
        except sqlite3.DatabaseError as error:
            raise LakeError(
                f"管理台帳（manifest）を読めません（{error}）。",
                where=str(self.root / _MANIFEST),
                todo="控え（バックアップ）から戻すか、元のファイルを新しい置き場に取り込み直してください。",
            ) from error

    def meta(self, name: str) -> str | None:
        """A named value kept with the manifest, or None."""
        with self._db() as db:
            row = db.execute("select value from meta where name = ?", (name,)).fetchone()
        return row["value"] if row else None

    def files(self) -> list[FileEntry]:
        """Every input file taken in, ordered by name."""
        with self._db() as db:
            rows = db.execute("select * from file order by name, file_id").fetchall()
        return [
            FileEntry(
                **{**dict(row), "edition": date.fromisoformat(row["edition"]) if row["edition"] else None}
            )
            for row in rows
        ]

    def has_content(self, sha256: str) -> bool:
        """Whether a file of this content is already part of the lake."""
        with self._db() as db:
            return db.execute("select 1 from file where sha256 = ?", (sha256,)).fetchone() is not None

    def file_number(self, sha256: str) -> int:
        """A number below 2**35 for the file, from its sha256: the first window of it no other file holds."""
        with self._db() as db:
            taken = {row["number"]: row["sha256"] for row in db.execute("select number, sha256 from file")}
        digest = int(sha256, 16)
        for shift in range(256 - 35, -1, -1):
            number = (digest >> shift) & ((1 << 35) - 1)
            if taken.get(number, sha256) == sha256:
                return number
        raise LakeError(
            "取込ファイルの番号を割り当てられません。", todo="新しい置き場に取り込み直してください。"
        )

    def version(self) -> str:
        """A short text that changes whenever what was taken in does (データ締切の識別).

        The snapshot of cases is left out: it is replaced every day and has a version of its own (`kenpo.frame.caselake`).
        """
        with self._db() as db:
            rows = db.execute("select file_id from file where format <> ? order by file_id", (SNAPSHOT,))
            ids = [row["file_id"] for row in rows]
        return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]

    def parts(self, table: str) -> list[Part]:
        """The parts of a table that count."""
        with self._db() as db:
            rows = db.execute(
                "select path, table_name, rows, bytes from part where table_name = ? order by path", (table,)
            ).fetchall()
        return [Part(row["path"], row["table_name"], row["rows"], row["bytes"]) for row in rows]

    # ---- writing -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Iterator[Lake]:
        """Hold the lake's write lock; sweeps parts that an interrupted run left behind.

        Raises LakeError when another process is writing.
        """
        with (self.root / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise LakeError(
                    "別の処理がこの置き場に書き込んでいます。",
                    where=str(self.root),
                    todo="終わるのを待ってから、もう一度実行してください。",
                ) from error
            self._sweep()
            self.set_meta("tables", json.dumps(_declared()))
            yield self

    def _sweep(self) -> None:
        with self._db() as db:
            known = {row["path"] for row in db.execute("select path from part")}
        for path in (self.root / "data").rglob("*"):
            if path.is_file() and str(path.relative_to(self.root)) not in known:
                path.unlink()

    def commit(self, entry: FileEntry, parts: Sequence[Part], *, replaces: Sequence[str] = ()) -> None:
        """Make an input file and all its parts count, and the files it replaces count no more, in one transaction."""
        _sync(self.root, parts)
        values = {**entry.__dict__, "edition": entry.edition.isoformat() if entry.edition else None}
        with self._db() as db, db:
            for file_id in replaces:
                db.execute("delete from part where file_id = ?", (file_id,))
                db.execute("delete from file where file_id = ?", (file_id,))
            db.execute(
                f"insert into file ({','.join(values)}) values ({','.join(':' + k for k in values)})", values
            )
            db.executemany(
                "insert into part values (?, ?, ?, ?, ?)",
                [(p.path, p.table, entry.file_id, p.rows, p.bytes) for p in parts],
            )
        self._connection = None

    def replace(self, table: str, parts: Sequence[Part], prefix: str) -> None:
        """Make parts count in place of those of the table whose file name starts with prefix (derived tables).

        The old files stay until the next writer sweeps, so that whoever is reading them can finish.
        """
        _sync(self.root, parts)
        with self._db() as db, db:
            old = db.execute("select path from part where table_name = ?", (table,)).fetchall()
            gone = [row["path"] for row in old if Path(row["path"]).name.startswith(prefix)]
            db.executemany("delete from part where path = ?", [(path,) for path in gone])
            db.executemany(
                "insert into part values (?, ?, null, ?, ?)",
                [(p.path, p.table, p.rows, p.bytes) for p in parts],
            )
        self._connection = None

    def set_meta(self, name: str, value: str) -> None:
        """Keep a named value with the manifest."""
        with self._db() as db, db:
            db.execute("insert or replace into meta values (?, ?)", (name, value))

    def forget(self, file_id: str) -> FileEntry:
        """Take an input file out of the lake again (取込の取消). Its parts are deleted after the manifest says so."""
        entry = next((f for f in self.files() if f.file_id == file_id), None)
        if entry is None:
            raise LakeError(
                f"取込ファイル「{file_id}」はありません。", todo="「kenpo lake」で一覧を確かめてください。"
            )
        with self._db() as db, db:
            db.execute("delete from part where file_id = ?", (file_id,))
            db.execute("delete from file where file_id = ?", (file_id,))
        self._sweep()
        self._connection = None
        return entry

    # ---- reading -------------------------------------------------------------------------------------------------

    def connection(self) -> Any:
        """The engine behind ibis; DuckDB here, and the only place that knows it."""
        if self._connection is None:
            import ibis  # heavy; the processes that only write parts never need it

            threads = os.environ.get("KENPO_THREADS", "")
            if threads and not (threads.isdigit() and int(threads)):
                raise LakeError(
                    f"環境変数 KENPO_THREADS の値「{threads}」が正しくありません。",
                    todo="1以上の数を指定するか、指定をやめてください。",
                )
            self._connection = ibis.duckdb.connect(**({"threads": int(threads)} if threads else {}))
        return self._connection

    def table(self, name: str) -> Expression:
        """A canonical table as an ibis expression. An empty one has its columns and no rows.

        Raises LakeError for a name that is not declared.
        """
        table = ALL_TABLES.get(name)
        if table is None:
            raise LakeError(
                f"「{name}」という表はありません。",
                todo=f"次のいずれかを指定してください：{'、'.join(ALL_TABLES)}",
            )
        engine = self.connection()
        if name not in engine.list_tables():
            if table is INTAKE_FILE:
                engine.con.register(name, self._files_arrow())
            elif paths := [str(self.root / p.path) for p in self.parts(name)]:
                engine.read_parquet(paths, table_name=name, hive_partitioning=False)
            else:
                engine.con.register(name, table.empty().to_arrow())
        return engine.table(name)

    def _files_arrow(self) -> pa.Table:
        rows = [{c.name: getattr(entry, c.name) for c in INTAKE_FILE} for entry in self.files()]
        frame = pl.DataFrame(
            rows, schema={c.name: pl.String if c.name == "seconds" else c.polars for c in INTAKE_FILE}
        )
        return INTAKE_FILE.conform(frame).to_arrow()

    def memory(self, frame: pl.DataFrame, name: str) -> Expression:
        """A small frame as a table of the engine, to join with (measures' parameter tables)."""
        engine = self.connection()
        engine.con.register(name, frame.to_arrow())
        return engine.table(name)

    def keep(self, expression: Expression, name: str) -> Expression:
        """An expression computed now and kept in the engine under a name, until this lake next changes.

        For results that several queries read and that are too large to bring to Python; a name is taken over by the
        next result kept under it.
        """
        import ibis

        engine = self.connection()
        engine.con.execute(
            f'create or replace temp table "{name}" as {ibis.to_sql(expression, dialect="duckdb")}'
        )
        return engine.table(name)


def receipt_ids(file_number: int, lines: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Receipts' ids: the file's number above 28 bits of the line each receipt's first record stands on."""
    return (np.int64(file_number) << _LINE_BITS) | lines


MAX_LINES = (1 << _LINE_BITS) - 1
