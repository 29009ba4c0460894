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
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kenpo.base.fiscal import add_months
from kenpo.base.industries import SECTION_OF
from kenpo.synth import truth as truths
from kenpo.synth.claims import Batch, Writer, insurer_text
from kenpo.synth.health import make_health
from kenpo.synth.institutions import CLINIC, DENTIST, HOSPITAL, PHARMACY, Institutions, make_institutions
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
from kenpo.synth.people import DEPENDENTS_PER_INSURED, SELF, People, chunks, make_people
from kenpo.synth.planting import Plant, Planting, rows_frame
from kenpo.synth.receipts import (
    RECODE_FOLDER,
    RECODE_NAMES,
    UKE_NAMES,
    Claim,
    Institution,
    Kind,
    encode,
    recode_info_lines,
    uke_lines,
)
from kenpo.synth.setting import Facts, Ints, Setting, age_at_month_end
from kenpo.synth.shelf import Shelf, shelf_of
from kenpo.synth.stays import Stays, Ward, stay_text
from kenpo.synth.visits import (
    GENERIC_FIRST,
    GENERIC_RISE,
    Cabinet,
    Month,
    draw_visits,
    make_cabinet,
    make_habits,
    month_of,
)
from kenpo.synth.workplaces import Workplaces, make_workplaces

Progress = Callable[[int, int], None]

_UKE_PLACES = {"medical": 6, "dental": 2, "pharmacy": 3}
_UKE_HOSPITALS = 1
_SORT = {"medical": CLINIC, "dental": DENTIST, "pharmacy": PHARMACY}
_MEMBERS, _RECEIPTS = "加入者", "レセプト"
_MADE = (_MEMBERS, _RECEIPTS, truths.FOLDER)
_MARKER, _SCRATCH = ".kenpo-synth", ".scratch"


@dataclass(frozen=True)
class Branch:
    """What was made: paths of the files below the folder, and how much is in them."""

    files: tuple[str, ...]
    people: int
    receipts: int
    lines: int


class World:
    """What every chunk of a branch shares; made from the setting alone, alike in every process."""

    def __init__(self, setting: Setting, facts: Facts, uke: bool) -> None:
        self.setting = setting
        self.facts = facts
        self.uke = uke

    @cached_property
    def workplaces(self) -> Workplaces:
        """The branch's workplaces."""
        return make_workplaces(self.setting, round(self.setting.members / (1 + DEPENDENTS_PER_INSURED)))

    @cached_property
    def shelf(self) -> Shelf:
        """What the masters offer."""
        return shelf_of(self.facts.masters)

    @cached_property
    def cabinet(self) -> Cabinet:
        """What is prescribed."""
        return make_cabinet(self.shelf)

    @cached_property
    def places(self) -> Institutions:
        """The branch's institutions."""
        return make_institutions(self.setting)

    @property
    def full_day(self) -> date:
        """基準日 of the full load: the end of the last month but one."""
        if self.setting.months == 1:
            return self.setting.last_day
        return add_months(self.setting.first, self.setting.months - 1) - timedelta(days=1)


@dataclass
class _Piece:
    """A chunk's part of a file: where in the chunk's scratch file, and how many lines."""

    path: str
    start: int
    size: int
    lines: int


@dataclass
class _Made:
    """What a chunk gives: pieces in a scratch file, truth, insured people per workplace by month, UKE receipts."""

    scratch: str
    pieces: list[_Piece] = field(default_factory=list)
    truth: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    insured: Ints = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    uke: list[tuple[Kind, int, pl.DataFrame, int, int]] = field(default_factory=list)
    stays: list[Claim] = field(default_factory=list)
    people: int = 0
    receipts: int = 0


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
    month of claim. レセプト/医療機関から/: the first month of a few institutions as UKE (uke=False: none). 真値/: the truth.
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
    _write_truth(world, out, kept, planting)
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
    for path in (*out.glob(f"{_SCRATCH}*"), out / _MEMBERS, out / _RECEIPTS):
        shutil.rmtree(path, ignore_errors=True)
    for path in truth.iterdir():
        if path.name != _MARKER:
            path.unlink()


# ---- chunks ----------------------------------------------------------------------------------------------------------

_world: World | None = None


def _start(world: World) -> None:
    global _world
    _world = world


def _in_process(scratch: Path, chunk: int) -> _Made:
    assert _world is not None, "the process was not started with a world"
    return make_chunk(_world, scratch, chunk)


def _made(world: World, scratch: Path, total: int, workers: int | None) -> Iterator[_Made]:
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
        waiting: list[Future[_Made]] = []
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


def make_chunk(world: World, scratch: Path, chunk: int) -> _Made:
    """A chunk's people, their files and their truth."""
    setting, workplaces = world.setting, world.workplaces
    people = make_people(setting, workplaces, chunk)
    made = _Made(str(scratch / f"{chunk:05d}"), people=people.count)
    with Path(made.scratch).open("wb") as handle:

        def put(path: str, data: bytes, lines: int) -> None:
            if lines:
                made.pieces.append(_Piece(path, handle.tell(), len(data), lines))
                handle.write(data)

        membership = make_membership(setting, workplaces, people, world.facts)
        _put_membership(world, membership, put)
        counter = _Counter(world, people, membership, made)
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


def _without_uke(world: World, made: _Made, batch: Batch, month: int) -> pl.DataFrame:
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


# ---- counting the truth ----------------------------------------------------------------------------------------------


class _Counter:
    """Counts what is true of a chunk, month by month."""

    def __init__(self, world: World, people: People, membership: Membership, made: _Made) -> None:
        self.world = world
        self.people = people
        self.made = made
        self.membership = membership
        self.starts = world.setting.month_starts
        industry = [SECTION_OF[i] for i in world.workplaces.industry]
        self.section = pl.Series(
            [None if w < 0 else industry[w] for w in people.e_workplace.tolist()], dtype=pl.String
        )
        self.residence = pl.Series(people.municipality)
        self.kind = np.where(people.relation == SELF, "insured", "dependent")
        self.classes = pl.Series([m.printed for m in world.cabinet.medicines])
        medical = (*world.places[CLINIC].municipality, *world.places[HOSPITAL].municipality)
        self.where = {
            "medical": pl.Series(medical),
            "dental": pl.Series(world.places[DENTIST].municipality),
            "pharmacy": pl.Series(world.places[PHARMACY].municipality),
        }

    def _keep(self, table: str, frame: pl.DataFrame) -> None:
        self.made.truth.setdefault(table, []).append(truths.summed(table, [frame]))

    def _person(self, month: Month, row: Ints) -> pl.DataFrame:
        person = month.person[row]
        age = age_at_month_end(self.people.birth[person], int(self.starts[month.index + 1]))
        return pl.DataFrame(
            {
                "month": [self.world.setting.calendar[month.index]] * len(row),
                "age": age,
                "sex": self.people.sex[person].astype(str).tolist(),
                "kind": self.kind[person].tolist(),
                "residence": self.residence[person],
                "section": self.section[month.enrolment[row]],
            },
            schema_overrides={"month": pl.Date, "sex": pl.String, "kind": pl.String},
        ).with_columns(age_band=truths.band(pl.col("age")))

    def receipts(self, month: Month, batch: Batch) -> None:
        """Count a batch of outpatient, dental or pharmacy receipts."""
        receipts = batch.receipts
        self.made.receipts += receipts.height
        care = {"medical": "outpatient"}.get(batch.kind, batch.kind)
        where = self.where[batch.kind][receipts["place"].to_numpy()]
        self._cost(month, receipts, care, where)
        self._drugs(month, batch.drugs, pl.lit(batch.kind))

    def stays(self, month: Month, stays: Stays) -> None:
        """Count a month's stays."""
        self.made.receipts += stays.receipts.height
        index = {i: n for n, i in enumerate(self.world.places[HOSPITAL].institutions)}
        offset = len(self.world.places[CLINIC].institutions)
        place = [offset + index[stays.places[r]] for r in range(stays.receipts.height)]
        where = self.where["medical"][np.array(place, dtype=np.int64)]
        self._cost(month, stays.receipts, "inpatient", where)
        kinds = pl.Series("kinds", stays.kinds, dtype=pl.String)[stays.drugs["r"].to_numpy()]
        self._drugs(month, stays.drugs, kinds)

    def _cost(self, month: Month, receipts: pl.DataFrame, care: str, where: pl.Series) -> None:
        rows = self._person(month, receipts["row"].to_numpy()).with_columns(
            care=pl.lit(care),
            receipts=pl.lit(1),
            days=receipts["days"].cast(pl.Int64),
            points=receipts["points"].cast(pl.Int64),
            institution=where,
            lapsed=pl.Series(month.lapsed[receipts["row"].to_numpy()]),
        )
        lost = rows.filter("lapsed")
        if lost.height:
            self._keep("unmatched", lost.with_columns(reason=pl.lit("after_loss")))
        rows = rows.filter(~pl.col("lapsed"))
        for table in ("cost", "cost_place", "flow"):
            self._keep(table, rows)

    def _drugs(self, month: Month, drugs: pl.DataFrame, kind: pl.Expr | pl.Series) -> None:
        if drugs.is_empty():
            return
        index = drugs["m"].to_numpy()
        frame = drugs.select(
            month=pl.lit(self.world.setting.calendar[month.index]),
            kind=kind,
            **{"class": self.classes[index]},
            total="total",
            cents=pl.col("total") * pl.Series(self.world.cabinet.cents[index]),
        )
        self._keep("drugs", frame)

    def members(self) -> None:
        """Count who has cover on the last day of each month, and the insured of each workplace."""
        people, setting = self.people, self.world.setting
        insured = np.zeros((setting.months, self.world.workplaces.count), dtype=np.int64)
        paid = (
            self.membership.frames["remuneration"]
            .select("person_number", "from_month", "standard")
            .sort("from_month")
        )
        numbers = pl.Series(self.membership.frames["member"]["person_number"])
        for index in range(setting.months):
            following = int(self.starts[index + 1])
            rows = np.flatnonzero((people.e_start < following) & (people.e_end >= following))
            month = month_of(setting, people, index)
            at = np.searchsorted(month.enrolment[~month.lapsed], rows)
            person = people.e_person[rows]
            own = people.relation[person] == SELF
            np.add.at(
                insured[index],
                people.e_workplace[rows[own & ~people.e_voluntary[rows]]],
                1,
            )
            frame = self._person(month, at).with_columns(
                person_number=numbers[person],
                members=pl.lit(1),
                mynumber=pl.Series(people.mynumber[person] < following).cast(pl.Int64),
            )
            known = frame.join_asof(
                paid, left_on="month", right_on="from_month", by="person_number", check_sortedness=False
            )
            is_insured = pl.Series(own & ~people.e_voluntary[rows])
            known = known.with_columns(
                standard=pl.when(is_insured).then(pl.col("standard").fill_null(0)).otherwise(0),
                paid=(is_insured & pl.col("standard").is_not_null()).cast(pl.Int64),
            )
            self._keep("members", known)
            self._keep("members_place", known)
        self.made.insured = insured


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

    def take(self, made: _Made) -> None:
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

    def take(self, made: _Made) -> None:
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
        "branch": setting.branch,
        "members": setting.members,
        "first_month": f"{setting.first:%Y-%m}",
        "months": setting.months,
        "seed": setting.seed,
        "planted": planted,
    }
    (folder / "plants.json").write_text(json.dumps(described, ensure_ascii=False, indent=1) + "\n")
