"""Figures for the office (指標): what is stored of every measure, parts as they may be shown, and what another parameter would give.

What refresh has stored is read once for every state of the lake and kept, so that a page asks no engine. What needs the
records — parts by workplace or institution, a figure under another parameter — is worked out by a job and kept in a file of
the office's home, for every process and everybody who may see it; nothing that must not be shown is ever kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued
from pydantic import TypeAdapter, ValidationError

from kenpo.base.branches import BRANCH_CODES, NATION_CODE, branch_or_nation
from kenpo.base.document import Chart
from kenpo.base.era import to_wareki_month
from kenpo.base.errors import KenpoError, MeasureError
from kenpo.catalogue import MEASURES
from kenpo.frame import BREAKDOWNS, Measure
from kenpo.frame.explain import explain, records, sources
from kenpo.frame.measure import (
    Edition,
    compute,
    cutoff_of,
    history_of,
    notes_of,
    stored,
    with_rate,
)
from kenpo.frame.parts import (
    FINEST,
    Family,
    at_once,
    axes_of,
    axis_title,
    item_labels,
    linked,
    names_of,
    parts,
)
from kenpo.lake import Lake
from kenpo.office.acting import on_duty
from kenpo.press import charts
from kenpo.press.drawing import svg

log = logging.getLogger("kenpo.figures")

LISTED = 30
"""Parts that a page shows of an axis with very many, the weightiest first."""

KEPT = 2000
"""Worked-out tables that are kept in files, for the present state of the lake; the oldest go first."""


# ---- stored figures ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """A figure of a branch or the nation (指標の値); rate is at printed precision."""

    branch: str
    month: date
    rate: Decimal | None
    numerator: Decimal
    denominator: Decimal
    eligible: int
    excluded: int
    excluded_by: Mapping[str, int]


@dataclass(frozen=True)
class Book:
    """All stored figures of a measure for branches and nation, and what is to know of them.

    error: why there are none. stale: the lake has changed since they were computed.
    """

    measure: Measure
    figures: Mapping[tuple[str, date], Figure]
    notes: tuple[str, ...] = ()
    history: tuple[Edition, ...] = ()
    definition: str = ""
    cutoff: str = ""
    stale: bool = False
    error: KenpoError | None = None

    @cached_property
    def months(self) -> tuple[date, ...]:
        """The months there are figures of, oldest first."""
        return tuple(sorted({month for _, month in self.figures}))

    def of(self, branch: str, month: date) -> Figure | None:
        """The figure of a branch and month."""
        return self.figures.get((branch, month))

    def counted(self, branch: str) -> tuple[date, ...]:
        """The months in which anything of a branch was looked at, oldest first."""
        return tuple(m for m in self.months if (f := self.of(branch, m)) is not None and f.eligible > 0)

    def newest(self, branch: str) -> date | None:
        """The newest of those months."""
        return next(reversed(self.counted(branch)), None)

    def ranking(self, month: date) -> tuple[tuple[int | None, Figure], ...]:
        """The branches with anything in a month, from the best to the last, with their places; equal figures share one.

        A measure of which neither more nor less is better is ordered from high to low. Without a figure there is no place.
        """
        there = [f for b in BRANCH_CODES if (f := self.of(b, month)) is not None and f.eligible > 0]
        known = [f for f in there if f.rate is not None]
        low = self.measure.better == "lower"

        def place(figure: Figure) -> int | None:
            if figure.rate is None:
                return None
            before = [
                f
                for f in known
                if f.rate is not None and (f.rate < figure.rate if low else f.rate > figure.rate)
            ]
            return 1 + len(before)

        placed = [(place(f), f) for f in there]
        return tuple(sorted(placed, key=lambda pair: (pair[0] is None, pair[0] or 0, pair[1].branch)))


def book(measure: Measure) -> Book:
    """What is stored of a measure now; empty with its error when there is nothing to show."""
    root = Path(settings.CONFIG.lake)
    return _book(stamp(), root, measure.id)


def lake() -> Lake:
    """The lake. Raises LakeError when there is none."""
    return Lake.open(settings.CONFIG.lake)


def stamp() -> str:
    """A text that changes with every load and every refresh of the lake, blank without one."""
    root = Path(settings.CONFIG.lake)
    said = []
    for name in ("manifest.sqlite", "manifest.sqlite-wal"):
        with contextlib.suppress(OSError):
            there = (root / name).stat()
            said.append(f"{root} {name} {there.st_mtime_ns} {there.st_size}")
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16] if said else ""


@lru_cache(maxsize=128)
def _book(stamp: str, root: Path, measure_id: str) -> Book:
    measure = MEASURES[measure_id]
    try:
        opened = Lake.open(root)
        rows = stored(opened, measure).filter(pl.col("breakdown") == "total")
        if rows.is_empty():
            raise MeasureError(
                "指標の対象となる月のデータがありません。",
                todo=f"{measure.since:%Y-%m} 以降のデータを取り込んでください。",
            )
        cutoff = rows["cutoff"][0]
        return Book(
            measure,
            {(r["branch"], r["month"]): _figure(r) for r in with_rate(measure, rows).iter_rows(named=True)},
            notes_of(opened, measure),
            history_of(opened, measure),
            rows["definition"][0],
            cutoff,
            cutoff != cutoff_of(opened, measure),
        )
    except KenpoError as error:
        return Book(measure, {}, error=error)


def _figure(row: Mapping[str, Any]) -> Figure:
    return Figure(
        row["branch"],
        row["month"],
        row["rate"],
        row["numerator"],
        row["denominator"],
        row["eligible"],
        row["excluded"],
        json.loads(row["excluded_by"]),
    )


# ---- parts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """A part of a figure as it may be shown; without numbers where they are suppressed. name: of the value, if it has one."""

    value: str
    denominator: Decimal | None
    numerator: Decimal | None
    rate: Decimal | None
    name: str = ""

    @property
    def suppressed(self) -> bool:
        """Whether the part is not shown."""
        return self.numerator is None


@dataclass(frozen=True)
class Parts:
    """The parts of a figure by an axis (内訳). rows: of an axis with very many values only those shown. hidden: how many are
    not shown. withheld: none may be shown. error: why there are none, and what to do.
    """

    rows: tuple[Part, ...] = ()
    hidden: int = 0
    withheld: bool = False
    error: str = ""
    todo: str = ""


@dataclass(frozen=True)
class Trial:
    """A figure under another value of a parameter (パラメータの試算), branch and nation; error: why there is none."""

    branch: Figure | None = None
    nation: Figure | None = None
    error: str = ""
    todo: str = ""


@dataclass(frozen=True)
class Source:
    """A file behind a figure (元のファイル); excluded: how many of its units are left out."""

    id: str
    name: str
    units: int
    excluded: int
    denominator: Decimal
    numerator: Decimal


@dataclass(frozen=True)
class Weight:
    """One of the things that weigh most in a figure."""

    item: str
    label: str
    units: int
    denominator: Decimal
    numerator: Decimal


@dataclass(frozen=True)
class Record:
    """A unit behind a figure, with its file and line; reason: why it is left out, blank when it counts.

    One that is left out may have no number.
    """

    file: str
    line: int | None
    receipt: str
    item: str
    label: str
    reason: str
    denominator: Decimal | None
    numerator: Decimal | None


@dataclass(frozen=True)
class Records:
    """What stands behind a figure (値の出所), taken again from the records; error: why there is nothing.

    rows: the first RECORDS units of those asked for.
    """

    eligible: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    denominator: Decimal = Decimal(0)
    numerator: Decimal = Decimal(0)
    rate: Decimal | None = None
    stale: bool = False
    weights: tuple[Weight, ...] = ()
    sources: tuple[Source, ...] = ()
    rows: tuple[Record, ...] = ()
    error: str = ""
    todo: str = ""


RECORDS = 1000
"""Units that are kept and can be taken out; all of them are had on the command line."""


@dataclass(frozen=True)
class Only:
    """Which units are asked for: file: of one file (id); reason: left out for a reason, or COUNTED; blank for all."""

    file: str = ""
    reason: str = ""


COUNTED = "counted"

_RECORDS: TypeAdapter[Records] = TypeAdapter(Records)
_PARTS: TypeAdapter[Parts] = TypeAdapter(Parts)
_TRIAL: TypeAdapter[Trial] = TypeAdapter(Trial)


def axes(measure: Measure, branch: str) -> tuple[str, ...]:
    """The axes by which parts of a measure can be shown in a branch; single places and things not of the nation."""
    return tuple(a for a in axes_of(measure) if branch != NATION_CODE or a not in FINEST)


def first_axis(measure: Measure, branch: str) -> str:
    """The axis that is shown first: one whose parts need no computation, or else the first; blank without any."""
    there = axes(measure, branch)
    ready = (a for a in there if at_once(measure, MEASURES.values(), branch, a))
    return next(ready, next(iter(there), ""))


def parts_of(measure: Measure, branch: str, month: date, by: str) -> Parts | None:
    """The parts of a figure as they may be shown, or None while they have not been worked out."""
    if at_once(measure, MEASURES.values(), branch, by):
        return _made(stamp(), Path(settings.CONFIG.lake), measure.id, branch, month, by)
    return _kept(_parts_key(measure, branch, month, by), _PARTS)


@lru_cache(maxsize=256)
def _made(stamp: str, root: Path, measure_id: str, branch: str, month: date, by: str) -> Parts:
    return _work_out(Lake.open(root), MEASURES[measure_id], branch, month, by)[measure_id, by]


def _work_out(
    opened: Lake, measure: Measure, branch: str, month: date, by: str
) -> dict[tuple[str, str], Parts]:
    """The parts of a measure and of its family on the linked axes, by measure and axis."""
    try:
        tables = parts(opened, MEASURES.values(), measure, branch, month, by)
    except KenpoError as error:
        return {(measure.id, by): Parts(error=error.what, todo=error.todo)}
    return {
        (name, axis): _set_out(opened, MEASURES[name], branch, month, axis, rows)
        for (name, axis), rows in tables.items()
    }


def _set_out(
    opened: Lake, measure: Measure, branch: str, month: date, axis: str, rows: pl.DataFrame | None
) -> Parts:
    """A table as it is kept: of an axis with very many values the shown ones alone, the weightiest first."""
    if rows is None:
        return Parts(withheld=True)
    hidden = int(rows["suppressed"].sum())
    names: Mapping[str, str] = {}
    if axis in FINEST:
        weight = ["denominator", "numerator"] if measure.form == "percent" else ["numerator", "denominator"]
        rows = rows.filter(~pl.col("suppressed")).sort(*weight, "value", descending=[True, True, False])
        values = rows["value"].to_list()
        names = (
            item_labels(opened, measure, branch, month, values)
            if axis not in BREAKDOWNS
            else names_of(opened, axis, values)
        )
    found = tuple(
        Part(r["value"], r["denominator"], r["numerator"], r["rate"], names.get(r["value"], ""))
        for r in rows.iter_rows(named=True)
    )
    return Parts(found, hidden)


# ---- what a job works out ----------------------------------------------------------------------------------------


def begin_parts(measure: Measure, branch: str, month: date, by: str) -> None:
    """Have parts worked out by a job, with those of the family, unless one is on its way."""
    words = {"measure": measure.id, "of": branch, "month": month.isoformat(), "axis": by}
    _defer(figure_parts, _family_key(measure, branch, month, by), words)


def parts_begun(measure: Measure, branch: str, month: date, by: str) -> bool:
    """Whether a job works parts out."""
    return _on_its_way(_family_key(measure, branch, month, by))


def trial_of(measure: Measure, branch: str, month: date, parameter: str, value: Any) -> Trial | None:
    """A figure under another value of a parameter, or None while it has not been worked out."""
    return _kept(_trial_key(measure, branch, month, parameter, to_json(value)), _TRIAL)


def begin_trial(measure: Measure, branch: str, month: date, parameter: str, value: Any) -> None:
    """Have a figure worked out under another value of a parameter, unless it is on its way."""
    text = to_json(value)
    words = {
        "measure": measure.id,
        "of": branch,
        "month": month.isoformat(),
        "parameter": parameter,
        "value": text,
    }
    _defer(figure_trial, _trial_key(measure, branch, month, parameter, text), words)


def trial_begun(measure: Measure, branch: str, month: date, parameter: str, value: Any) -> bool:
    """Whether a job works a trial out."""
    return _on_its_way(_trial_key(measure, branch, month, parameter, to_json(value)))


def records_of(measure: Measure, branch: str, month: date, only: Only) -> Records | None:
    """What stands behind a figure, or None while it has not been worked out."""
    return _kept(_records_key(measure, branch, month, only), _RECORDS)


def begin_records(measure: Measure, branch: str, month: date, only: Only) -> None:
    """Have the records behind a figure looked up, unless that is on its way."""
    words = {"measure": measure.id, "of": branch, "month": month.isoformat()}
    words |= {"file": only.file, "reason": only.reason}
    _defer(figure_records, _records_key(measure, branch, month, only), words)


def records_begun(measure: Measure, branch: str, month: date, only: Only) -> bool:
    """Whether a job looks the records up."""
    return _on_its_way(_records_key(measure, branch, month, only))


def _records_key(measure: Measure, branch: str, month: date, only: Only) -> str:
    words = (measure.id, str(measure.version), branch, month.isoformat(), only.file, only.reason)
    return _key("records", *words)


def _family_key(measure: Measure, branch: str, month: date, by: str) -> str:
    return _key("family", Family.of(measure, MEASURES.values()).name, branch, month.isoformat(), *linked(by))


def _parts_key(measure: Measure, branch: str, month: date, by: str) -> str:
    return _key("parts", measure.id, str(measure.version), branch, month.isoformat(), by)


def _trial_key(measure: Measure, branch: str, month: date, parameter: str, value: str) -> str:
    return _key("trial", measure.id, str(measure.version), branch, month.isoformat(), parameter, value)


def _key(*words: str) -> str:
    """The name of a file: the state of the lake, then what it holds."""
    return f"{stamp()}-{hashlib.sha256(chr(10).join(words).encode()).hexdigest()[:32]}"


def to_json(value: Any) -> str:
    """A parameter's value as text, decimals with their digits."""

    def plain(one: Any) -> Any:
        if isinstance(one, Decimal):
            return {"decimal": str(one)}
        if isinstance(one, Mapping):
            return {"mapping": {k: plain(v) for k, v in one.items()}}
        return [plain(v) for v in one] if isinstance(one, tuple | list) else one

    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True)


def from_json(text: str) -> Any:
    """The value of a text that to_json made."""

    def value(one: Any) -> Any:
        if isinstance(one, dict):
            return (
                Decimal(one["decimal"])
                if "decimal" in one
                else {k: value(v) for k, v in one["mapping"].items()}
            )
        return tuple(value(v) for v in one) if isinstance(one, list) else one

    return value(json.loads(text))


def _on_its_way(lock: str) -> bool:
    return ProcrastinateJob.objects.filter(queueing_lock=lock, status__in=("todo", "doing")).exists()


def _defer(task: Any, lock: str, words: Mapping[str, str]) -> None:
    """Put a job into the queue of whoever asks, for any branch: what it works out is kept and changes nothing there."""
    if _on_its_way(lock):
        return
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        who = on_duty().actor
        task.configure(queueing_lock=lock, lock=lock).defer(**words, branch=who.branch, by=who.id)


UNKNOWN = "計算できませんでした。"
_TELL = "「処理の状況」を確かめ、続くときは管理者に伝えてください。"


@app.task(name="kenpo.figure_parts", pass_context=False)
def figure_parts(of: str, measure: str, month: str, axis: str, branch: str, by: str) -> None:
    """Work out the parts of a measure and its family in a branch and keep them. Done again it gives the same."""
    chosen, day = MEASURES[measure], date.fromisoformat(month)
    began = stamp()
    try:
        made = _work_out(lake(), chosen, of, day, axis)
    except Exception:
        _keep(began, _parts_key(chosen, of, day, axis), _PARTS.dump_json(Parts(error=UNKNOWN, todo=_TELL)))
        raise
    for (name, by_axis), found in made.items():
        _keep(began, _parts_key(MEASURES[name], of, day, by_axis), _PARTS.dump_json(found))


@app.task(name="kenpo.figure_trial", pass_context=False)
def figure_trial(of: str, measure: str, month: str, parameter: str, value: str, branch: str, by: str) -> None:
    """Work out a month's figure with another value of a parameter and keep it, for a branch and the nation."""
    chosen, day = MEASURES[measure], date.fromisoformat(month)
    began, key = stamp(), _trial_key(chosen, of, day, parameter, value)
    try:
        made = _try(lake(), chosen, of, day, {parameter: from_json(value)})
    except Exception:
        _keep(began, key, _TRIAL.dump_json(Trial(error=UNKNOWN, todo=_TELL)))
        raise
    _keep(began, key, _TRIAL.dump_json(made))


def _try(opened: Lake, measure: Measure, branch: str, month: date, values: Mapping[str, Any]) -> Trial:
    try:
        rows, _notes = compute(measure, opened, [month], values)
    except KenpoError as error:
        return Trial(error=error.what, todo=error.todo)
    total = with_rate(measure, rows.filter(pl.col("breakdown") == "total"))
    made = {r["branch"]: _figure(r) for r in total.iter_rows(named=True)}
    return Trial(made.get(branch), made.get(NATION_CODE))


@app.task(name="kenpo.figure_records", pass_context=False)
def figure_records(of: str, measure: str, month: str, file: str, reason: str, branch: str, by: str) -> None:
    """Look up the records behind a figure and keep the first of them."""
    chosen, day, only = MEASURES[measure], date.fromisoformat(month), Only(file, reason)
    began, key = stamp(), _records_key(chosen, of, day, only)
    try:
        made = _look_up(lake(), chosen, of, day, only)
    except Exception:
        _keep(began, key, _RECORDS.dump_json(Records(error=UNKNOWN, todo=_TELL)))
        raise
    _keep(began, key, _RECORDS.dump_json(made))


def _look_up(opened: Lake, measure: Measure, branch: str, month: date, only: Only) -> Records:
    try:
        said = explain(opened, measure, branch, month)
        held = sources(opened, measure, branch, month)
        left_out = {"": None, COUNTED: ""}.get(only.reason, only.reason)
        rows = records(
            opened, measure, branch, month, source_file=only.file or None, excluded=left_out, first=RECORDS
        )
    except KenpoError as error:
        return Records(error=error.what, todo=error.todo)
    return Records(
        said.eligible,
        {reason: n for reason, n in said.excluded.items() if n},
        said.denominator,
        said.numerator,
        said.rate,
        said.stale,
        tuple(
            Weight(r["item"], r["item_label"] or "", r["units"], r["denominator"], r["numerator"])
            for r in said.contributors.iter_rows(named=True)
        ),
        tuple(
            Source(
                r["source_file"] or "",
                r["file"] or "",
                r["units"],
                r["excluded"],
                r["denominator"],
                r["numerator"],
            )
            for r in held.iter_rows(named=True)
        ),
        tuple(
            Record(
                r["file"] or "",
                r["source_line"],
                str(r["receipt_id"] or ""),
                r["item"] or "",
                r["item_label"] or "",
                r["excluded"] or "",
                r["denominator"],
                r["numerator"],
            )
            for r in rows.iter_rows(named=True)
        ),
    )


# ---- files -------------------------------------------------------------------------------------------------------


def _folder() -> Path:
    return Path(settings.CONFIG.home) / "figures"


def _kept(key: str, shape: TypeAdapter[Any]) -> Any:
    """What is kept under a key, None without it."""
    path = _folder() / f"{key}.json"
    try:
        return _opened(path, path.stat().st_mtime_ns, id(shape), shape.validate_json)
    except FileNotFoundError:
        return None
    except ValidationError:
        log.warning("a kept table cannot be read and is made anew", extra={"file": path.name})
        return None


@lru_cache(maxsize=48)
def _opened(path: Path, changed: int, shape: int, read: Any) -> Any:
    return read(path.read_bytes())


def _keep(began: str, key: str, content: bytes) -> None:
    """Write a file whole or not at all, unless the lake has changed since the work began; older files go.

    Those of former states of the lake are removed, and the oldest when there are too many.
    """
    if stamp() != began:
        return
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{key}.json"
    new = path.with_suffix(f".{os.getpid()}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content)
    new.replace(path)
    there = sorted(folder.glob("*.json"), key=lambda p: p.stat().st_mtime_ns, reverse=True)
    for n, old in enumerate(there):
        if n >= KEPT or not old.name.startswith(began):
            old.unlink(missing_ok=True)


# ---- charts ------------------------------------------------------------------------------------------------------

IN_CHART = 20
"""Parts that a chart shows of an axis with very many."""


def name_of(branch: str) -> str:
    """A branch or the nation as figures are headed."""
    return "全国" if branch == NATION_CODE else branch_or_nation(branch).name


def trend_chart(held: Book, branch: str) -> Chart:
    """A branch month by month beside the nation."""
    measure, months = held.measure, held.counted(branch)
    lines = [
        charts.Series(name_of(place), [_float(f.rate) if (f := held.of(place, m)) else None for m in months])
        for place in dict.fromkeys((branch, NATION_CODE))
    ]
    return charts.trend_chart(
        lines,
        [to_wareki_month(m, "short") for m in months],
        title=f"{measure.title}の推移",
        unit=measure.unit,
        digits=measure.precision,
    )


def rank_chart(held: Book, branch: str, month: date) -> Chart:
    """The branches by their figures of a month, the own one marked."""
    measure, nation = held.measure, held.of(NATION_CODE, month)
    own = "" if branch == NATION_CODE else branch_or_nation(branch).short
    rows = [charts.Rank(branch_or_nation(f.branch).short, _float(f.rate)) for _, f in held.ranking(month)]
    return charts.rank_chart(
        rows,
        own,
        title=f"{measure.title}の支部の順位",
        unit=measure.unit,
        digits=measure.precision,
        mean=_float(nation.rate) if nation and measure.form != "count" else None,
        low_is_good=measure.better == "lower",
    )


def parts_chart(held: Book, branch: str, month: date, by: str, found: Parts) -> Chart:
    """The parts of a figure by an axis; of very many the weightiest. Suppressed ones have no bar."""
    measure, whole = held.measure, held.of(branch, month)
    rows = found.rows[:IN_CHART] if by in FINEST else found.rows
    total = whole.rate if whole and measure.form != "count" else None
    return charts.parts_chart(
        [charts.Rank(p.name or p.value, _float(p.rate)) for p in rows],
        title=f"{measure.title}（{axis_title(measure, by)}）",
        unit=measure.unit,
        digits=measure.precision,
        whole=None if total is None else (name_of(branch), float(total)),
    )


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


@lru_cache(maxsize=256)
def _drawn(
    stamp: str, root: Path, measure_id: str, branch: str, month: date, what: str, width: int
) -> str | None:
    """The SVG of a chart: trend, rank or the name of an axis; None when its parts are not there. Some 40 kB each."""
    measure = MEASURES[measure_id]
    held = _book(stamp, root, measure_id)
    if what == "trend":
        return svg(trend_chart(held, branch), width)
    if what == "rank":
        return svg(rank_chart(held, branch, month), width)
    found = parts_of(measure, branch, month, what)
    return svg(parts_chart(held, branch, month, what, found), width) if found and found.rows else None


def drawn(measure: Measure, branch: str, month: date, what: str, width: int) -> str | None:
    """The SVG of a chart of a measure, drawn once for a state of the lake; None when there is nothing to draw (yet)."""
    root = Path(settings.CONFIG.lake)
    if what not in ("trend", "rank") and parts_of(measure, branch, month, what) is None:
        return None
    return _drawn(stamp(), root, measure.id, branch, month, what, width)
