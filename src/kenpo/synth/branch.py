"""A whole invented branch (架空の支部) in the true file formats, streamed chunk by chunk on every core.

The same setting gives the same bytes, whatever the number of processes. Beside the files lies their truth (真値).
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kenpo.base.fiscal import add_months
from kenpo.base.industries import SECTION_OF
from kenpo.synth import truth as truths
from kenpo.synth.claims import Batch, Writer, insurer_text
from kenpo.synth.counting import Counter
from kenpo.synth.health import make_health
from kenpo.synth.institutions import CLINIC, DENTIST, HOSPITAL, PHARMACY, list_text
from kenpo.synth.membership import (
    TITLES,
    Membership,
    as_of,
    changes,
    csv_text,
    headings,
    make_membership,
    workplace_rows,
)
from kenpo.synth.people import chunks, make_people
from kenpo.synth.plans import FOLDER as PLANS_FOLDER
from kenpo.synth.plans import write_plans
from kenpo.synth.planting import Plant, Planting, rows_frame
from kenpo.synth.receipts import (
    RECODE_FOLDER,
    RECODE_NAMES,
    UKE_NAMES,
    encode,
    recode_info_lines,
    uke_lines,
)
from kenpo.synth.records import Claim, Institution, Kind
from kenpo.synth.setting import Facts, Setting
from kenpo.synth.stays import Ward, stay_text
from kenpo.synth.visits import (
    GENERIC_FIRST,
    GENERIC_RISE,
    draw_visits,
    make_habits,
    month_of,
)
from kenpo.synth.world import Made, Piece, World

Progress = Callable[[int, int], None]

_UKE_PLACES = {"medical": 6, "dental": 2, "pharmacy": 3}
_UKE_HOSPITALS = 1
_SORT = {"medical": CLINIC, "dental": DENTIST, "pharmacy": PHARMACY}
_MEMBERS, _RECEIPTS, _LISTS = "加入者", "レセプト", "医療機関"
_MADE = (_MEMBERS, _RECEIPTS, _LISTS, truths.FOLDER, PLANS_FOLDER)
_MARKER, _SCRATCH = ".kenpo-synth", ".scratch"


@dataclass(frozen=True)
class Branch:
    """What was made: paths of the files below the folder, and how much is in them."""

    files: tuple[str, ...]
    people: int
    receipts: int
    lines: int


def write_branch(
    out: Path,
    setting: Setting,
    facts: Facts,
    plants: Sequence[Plant] = (),
    *,
    workers: int | None = None,
    uke: bool = True,
    progress: Progress | None = None,
) -> Branch:
    """Make a branch below a folder (made when it is not there; an earlier branch in it is replaced).

    The folder must be new, empty, or one `is_branch` knows. 加入者/: membership, a full load (全件) and the changes (異動) of the last month. レセプト/支払基金から/: レセ電コード情報 by
    month of claim. レセプト/医療機関から/: the first month of a few institutions as UKE (uke=False: none). 医療機関/: the list
    of institutions that is published. 真値/: the truth. 計画文書/: what the branch's planners have written. Nothing of the last two is loaded.
    workers: processes (default: cores). progress is called with chunks done and chunks in all.
    """
    _clear(out)
    world = World(setting, facts, uke)
    total = len(chunks(world.workplaces.slots))
    sink = _Sink(out)
    kept = _Kept(world)
    with tempfile.TemporaryDirectory(dir=out, prefix=_SCRATCH) as scratch:
        for done, made in enumerate(_made(world, Path(scratch), total, workers), start=1):
            sink.take(made)
            kept.take(made)
            if progress:
                progress(done, total)
    planting = Planting(setting, world.places, world.shelf, world.full_day, SECTION_OF)
    planting.run(plants)
    _write_membership_of_workplaces(world, sink, kept, planting)
    _write_planted_rows(world, sink, planting)
    _write_planted_receipts(setting, sink, planting)
    _write_uke(world, sink, kept)
    _write_list(world, sink)
    _write_truth(world, out, kept, planting)
    write_plans(out / PLANS_FOLDER, setting)
    return Branch(
        tuple(sorted(sink.lines)),
        kept.people + sum(r.table == "member" for r in planting.rows),
        kept.receipts + len(planting.receipts),
        sum(sink.lines.values()),
    )


def is_branch(folder: Path) -> bool:
    """Whether a folder holds an invented branch, finished or not, and nothing else: it may be made anew."""
    if not (folder / truths.FOLDER / _MARKER).is_file():
        return False
    return all(p.name in _MADE or p.name.startswith(_SCRATCH) for p in folder.iterdir())


def _clear(out: Path) -> None:
    """An empty folder, marked as ours before anything is deleted or written."""
    truth = out / truths.FOLDER
    truth.mkdir(parents=True, exist_ok=True)
    (truth / _MARKER).write_text("kenpo synth が作った架空の支部\n", encoding="utf-8")
    for path in (
        *out.glob(f"{_SCRATCH}*"),
        out / _MEMBERS,
        out / _RECEIPTS,
        out / _LISTS,
        out / PLANS_FOLDER,
    ):
        shutil.rmtree(path, ignore_errors=True)
    for path in truth.iterdir():
        if path.name != _MARKER:
            path.unlink()


# ---- chunks ----------------------------------------------------------------------------------------------------------

_world: World | None = None


def _start(world: World) -> None:
    global _world
    _world = world


def _in_process(scratch: Path, chunk: int) -> Made:
    assert _world is not None, "the process was not started with a world"
    return make_chunk(_world, scratch, chunk)


def _made(world: World, scratch: Path, total: int, workers: int | None) -> Iterator[Made]:
    """Every chunk in order, made in as many processes as wanted."""
    count = min(workers or os.cpu_count() or 1, total)
    if count == 1:
        for chunk in range(total):
            yield make_chunk(world, scratch, chunk)
        return
    with (
        _one_thread_each(),
        ProcessPoolExecutor(
            count, mp_context=get_context("spawn"), initializer=_start, initargs=(world,)
        ) as pool,
    ):
        waiting: list[Future[Made]] = []
        for chunk in range(total):
            waiting.append(pool.submit(_in_process, scratch, chunk))
            if len(waiting) > count:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before


def make_chunk(world: World, scratch: Path, chunk: int) -> Made:
    """A chunk's people, their files and their truth."""
    setting, workplaces = world.setting, world.workplaces
    people = make_people(setting, workplaces, chunk)
    made = Made(str(scratch / f"{chunk:05d}"), people=people.count)
    with Path(made.scratch).open("wb") as handle:

        def put(path: str, data: bytes, lines: int) -> None:
            if lines:
                made.pieces.append(Piece(path, handle.tell(), len(data), lines))
                handle.write(data)

        membership = make_membership(setting, workplaces, people, world.facts)
        _put_membership(world, membership, put)
        counter = Counter(world, people, membership, made)
        health = make_health(setting, people)
        habits = make_habits(setting, people, world.places, world.cabinet)
        writer = Writer(setting, workplaces, people, habits, world.places, world.cabinet, world.shelf)
        ward = Ward(setting, workplaces, people, world.places, world.cabinet, world.shelf)
        for index in range(setting.months):
            month = month_of(setting, people, index)
            drawn = draw_visits(setting, people, health, habits, world.cabinet, world.places, month)
            batches = (*writer.outpatient(month, drawn), writer.dental(month))
            for batch in batches:
                counter.receipts(month, batch)
                lines = _without_uke(world, made, batch, index)
                text, count = insurer_text(lines)
                put(insurer_path(setting.calendar[index], batch.kind), text, count)
            stays = ward.month(month, GENERIC_FIRST + GENERIC_RISE * index)
            counter.stays(month, stays)
            for kind, claims in stays.claims.items():
                if world.uke and index == 0 and kind == "dpc":
                    hospitals = world.places[HOSPITAL].institutions[:_UKE_HOSPITALS]
                    made.stays += [c for c in claims if c[0] in hospitals]
                    claims = [c for c in claims if c[0] not in hospitals]
                text, count = stay_text(setting, people, index, kind, claims)
                put(insurer_path(setting.calendar[index], kind), text, count)
        counter.members()
    return made


def _put_membership(world: World, membership: Membership, put: Callable[[str, bytes, int], None]) -> None:
    full = as_of(membership, world.full_day)
    for table, rows in full.items():
        put(member_path(table, world.full_day, full=True), csv_text(table, rows), rows.height)
    if world.full_day == world.setting.last_day:
        return
    for table, rows in as_of(membership, world.setting.last_day).items():
        changed = changes(full[table], rows)
        text = csv_text(table, changed, change="upsert")
        put(member_path(table, world.setting.last_day, full=False), text, changed.height)


def member_path(table: str, day: date, *, full: bool) -> str:
    """Where a membership file lies: 加入者/資格_全件_20260228.csv."""
    return f"{_MEMBERS}/{TITLES[table]}_{'全件' if full else '異動'}_{day:%Y%m%d}.csv"


def insurer_path(month: date, kind: Kind) -> str:
    """Where the insurer's receipts of a month of treatment and a kind lie."""
    return f"{_RECEIPTS}/支払基金から/{add_months(month, 1):%Y-%m}請求/{RECODE_FOLDER}/{RECODE_NAMES[kind]}"


def _without_uke(world: World, made: Made, batch: Batch, month: int) -> pl.DataFrame:
    """A batch's lines less those of the institutions whose first month comes as UKE, which are kept apart."""
    if not world.uke or month:
        return batch.lines
    places = _UKE_PLACES[batch.kind]
    chosen = batch.receipts.filter(pl.col("place") < places)
    lines = batch.lines.join(chosen.select("r", "place"), on="r", how="inner", maintain_order="left")
    for (place,), part in lines.group_by("place", maintain_order=True):
        of = chosen.filter(pl.col("place") == place)
        count = of.height + of.filter(pl.col("payer") > 0).height
        made.uke.append((batch.kind, int(str(place)), part.sort("r", "o"), count, int(of["points"].sum())))
    return batch.lines.join(chosen.select("r"), on="r", how="anti", maintain_order="left")


# ---- putting the pieces together ---------------------------------------------------------------------------------------


class _Sink:
    """The files being written: pieces are appended in order, and their lines counted."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.lines: dict[str, int] = {}

    def append(self, path: str, data: bytes, lines: int, header: bytes = b"") -> int:
        """Append to a file; a new one begins with the header. Returns the lines that were there before."""
        target = self.out / path
        if path not in self.lines:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(header)
            self.lines[path] = header.count(b"\n")
        before = self.lines[path]
        with target.open("ab") as handle:
            handle.write(data)
        self.lines[path] += lines
        return before

    def take(self, made: Made) -> None:
        """A chunk's pieces; its scratch file is deleted."""
        scratch = Path(made.scratch)
        with scratch.open("rb") as handle:
            for piece in made.pieces:
                handle.seek(piece.start)
                self.append(piece.path, handle.read(piece.size), piece.lines, self.header(piece.path))
        scratch.unlink()

    def header(self, path: str) -> bytes:
        """The headings of a membership file; nothing for receipts."""
        if not path.startswith(_MEMBERS):
            return b""
        title = Path(path).name.split("_")[0]
        table = next(t for t, word in TITLES.items() if word == title)
        return headings(table, change="異動" in path)


class _Kept:
    """What is kept of all chunks: truth summed as it comes, insured people per workplace, UKE receipts."""

    def __init__(self, world: World) -> None:
        self.truth: dict[str, pl.DataFrame] = {t: truths.summed(t, []) for t in truths.TABLES}
        self.insured = np.zeros((world.setting.months, world.workplaces.count), dtype=np.int64)
        self.uke: list[tuple[Kind, int, pl.DataFrame, int, int]] = []
        self.stays: list[Claim] = []
        self.people = 0
        self.receipts = 0

    def take(self, made: Made) -> None:
        """Add a chunk."""
        for table, frames in made.truth.items():
            self.truth[table] = truths.summed(table, [self.truth[table], *frames])
        self.insured += made.insured
        self.uke += made.uke
        self.stays += made.stays
        self.people += made.people
        self.receipts += made.receipts


def _write_membership_of_workplaces(world: World, sink: _Sink, kept: _Kept, planting: Planting) -> None:
    setting, workplaces = world.setting, world.workplaces
    last = setting.months - 1
    before = last - 1 if world.full_day < setting.last_day else last
    full = workplace_rows(setting, workplaces, world.full_day, kept.insured[before])
    path = member_path("workplace", world.full_day, full=True)
    sink.append(path, csv_text("workplace", full), full.height, sink.header(path))
    if world.full_day == setting.last_day:
        return
    now = workplace_rows(setting, workplaces, setting.last_day, kept.insured[last])
    changed = changes(full, now)
    path = member_path("workplace", setting.last_day, full=False)
    text = csv_text("workplace", changed, change="upsert")
    sink.append(path, text, changed.height, sink.header(path))


def _write_planted_rows(world: World, sink: _Sink, planting: Planting) -> None:
    """Planted rows: what the insurer knew on the day of the full load goes there, the rest into the changes."""
    for table in TITLES:
        for late in (False, True):
            rows = [
                r
                for r in planting.rows
                if r.table == table and (r.known > world.full_day + timedelta(days=1)) == late
            ]
            if not rows:
                continue
            day = world.setting.last_day if late else world.full_day
            path = member_path(table, day, full=not late)
            text = csv_text(table, rows_frame(rows), change="upsert" if late else None)
            before = sink.append(path, text, len(rows), sink.header(path))
            for n, row in enumerate(rows, start=1):
                row.ref.file, row.ref.line = path, before + n


def _write_planted_receipts(setting: Setting, sink: _Sink, planting: Planting) -> None:
    for n, planted in enumerate(planting.receipts):
        institution, receipt = planted.claim
        path = insurer_path(planted.month, receipt.kind)
        lines = recode_info_lines(
            [(institution, receipt)],
            add_months(planted.month, 1),
            first_number=900_000_000 + n,
        )
        before = sink.append(path, encode(lines, eof=False), len(lines))
        for ref in planted.refs:
            ref.file = path
            ref.line = before + 1 + [i for i, line in enumerate(lines) if line[3] == ref.table][ref.nth]


def _write_uke(world: World, sink: _Sink, kept: _Kept) -> None:
    setting = world.setting
    claim = add_months(setting.first, 1)
    folder = f"{_RECEIPTS}/医療機関から/{claim:%Y-%m}請求"
    groups: dict[tuple[Kind, int], list[tuple[pl.DataFrame, int, int]]] = {}
    for kind, place, lines, count, points in kept.uke:
        groups.setdefault((kind, place), []).append((lines, count, points))
    for (kind, place), parts in sorted(groups.items()):
        institution = world.places[_SORT[kind]].institutions[place]
        text, lines = _uke_text(parts)
        sink.append(f"{folder}/{institution.name}/{UKE_NAMES[kind]}", text, lines)
    hospitals: dict[Institution, list[Claim]] = {}
    for institution, receipt in kept.stays:
        hospitals.setdefault(institution, []).append((institution, receipt))
    for institution, claims in hospitals.items():
        lines = uke_lines(institution, [r for _, r in claims], claim)
        sink.append(f"{folder}/{institution.name}/{UKE_NAMES['dpc']}", encode(lines), len(lines))


def _write_list(world: World, sink: _Sink) -> None:
    text = list_text(world.places)
    path = f"{_LISTS}/届出受理医療機関名簿_{world.setting.last_day:%Y%m%d}.csv"
    sink.append(path, text, text.count(b"\n"))


def _uke_text(parts: list[tuple[pl.DataFrame, int, int]]) -> tuple[bytes, int]:
    """A UKE file of one institution: its record once, receipts numbered from 1, GO with the totals."""
    out: list[str] = []
    number = 0
    for lines, _, _ in parts:
        for text in lines["t"].to_list():
            record = text[:3]
            if record in ("MN,", "EX,", "RC,") or (
                record in ("IR,", "UK,", "YK,") and _is_head(text) and out
            ):
                continue
            if record == "RE,":
                number += 1
                text = f"RE,{number},{text.split(',', 2)[2]}"
            out.append(text)
    count, points = sum(p[1] for p in parts), sum(p[2] for p in parts)
    out.append(f"GO,{count},{points},99")
    return ("\r\n".join(out) + "\r\n").encode("cp932") + b"\x1a", len(out)


def _is_head(text: str) -> bool:
    """Whether an IR, UK or YK is the file's own record: the dental IR stands before every receipt."""
    return not (text.startswith("IR,") and text.split(",")[3] == "3")


def _write_truth(world: World, out: Path, kept: _Kept, planting: Planting) -> None:
    folder = out / truths.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    setting, workplaces = world.setting, world.workplaces
    starts = setting.month_starts
    section = [SECTION_OF[i] for i in workplaces.industry]
    open_frames = []
    for index, month in enumerate(setting.calendar):
        following = starts[index + 1]
        is_open = np.flatnonzero((workplaces.applied_on < following) & (workplaces.closed_on >= following))
        open_frames.append(
            pl.DataFrame(
                {
                    "month": [month] * len(is_open),
                    "section": [section[i] for i in is_open],
                    "insured": kept.insured[index][is_open],
                    "workplaces": [1] * len(is_open),
                }
            )
        )
    tables = dict(kept.truth)
    tables["workplaces"] = truths.summed("workplaces", open_frames)
    for table, rows in planting.truth.items():
        frame = pl.DataFrame(rows, infer_schema_length=None)
        if "age" in frame.columns:
            frame = frame.with_columns(age_band=truths.band(pl.col("age")))
        tables[table] = truths.summed(table, [tables[table], frame])
    for name, frame in tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
    planted = [
        {
            "plant": e.plant,
            "title": e.title,
            "rule": e.rule,
            "code": e.code,
            "file": e.ref.file,
            "line": e.ref.line,
            "found": e.found,
            "column": e.column,
            "value": e.value,
        }
        for e in planting.expectations
    ]
    described: dict[str, Any] = {
        "format": truths.FORMAT,
        "branch": setting.branch,
        "members": setting.members,
        "first_month": f"{setting.first:%Y-%m}",
        "months": setting.months,
        "seed": setting.seed,
        "planted": planted,
    }
    (folder / "plants.json").write_text(json.dumps(described, ensure_ascii=False, indent=1) + "\n")
