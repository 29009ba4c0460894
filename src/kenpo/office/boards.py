"""Boards for the office (進捗一覧): each is worked out once for the data there is, and kept for every process.

What is shown is what `kenpo.plan` works out, and nothing is decided here. A board rests on the plan files of its branch, the
lake and the day; as long as these stay, it is taken from this process, or from a file in the office's home that whichever
process came first has written. Older copies of the same board are removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from procrastinate.contrib.django import app
from pydantic import TypeAdapter, ValidationError

import kenpo
from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.base.errors import KenpoError, MeasureError
from kenpo.base.fiscal import fy
from kenpo.base.money import round_ratio
from kenpo.catalogue import MEASURES
from kenpo.lake import Lake
from kenpo.office.config import Config
from kenpo.plan.board import Board, accuracies, board
from kenpo.plan.filling import fill, series_for
from kenpo.plan.forecast import Accuracy
from kenpo.plan.health import Health, health
from kenpo.plan.history import Past, earlier, past, place_of, precision_of
from kenpo.plan.model import Actual, Kpi, Plan, Row, period_year
from kenpo.plan.path import MONTHS, elapsed, path
from kenpo.plan.rollup import Rollup, rollup
from kenpo.plan.store import Plans
from kenpo.plan.vocabulary import known

log = logging.getLogger("kenpo.boards")

IN_PROCESS = 120
"""How many boards a process holds: those of all branches and some more."""

T = TypeVar("T")


# ---- what is kept ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Course:
    """How a KPI has gone (実績の推移): fiscal year → month → value at printed precision.

    path: where the phased target stands at the end of each month of the period's year; empty without one. moved: the
    shown figure less the one before it in the same year, which is of the month `since`.
    """

    months: dict[int, dict[int, Decimal]] = field(default_factory=dict)
    path: dict[int, Decimal] = field(default_factory=dict)
    moved: Decimal | None = None
    since: int | None = None


@dataclass(frozen=True)
class Tried:
    """How the forecast would have done in past years (見込みの精度), rounded for people.

    errors: month → mean distance of forecast and what came; error: their mean; held: how many of a hundred intervals held
    what came, None without intervals.
    """

    cases: int
    errors: dict[int, Decimal]
    error: Decimal | None
    held: Decimal | None
    intervals: int

    @classmethod
    def of(cls, done: Accuracy) -> Tried:
        """An accuracy, rounded as `kenpo plan forecast` prints it."""
        each = list(done.mean_absolute_error.values())
        return cls(
            done.cases,
            {m: round_ratio(e, 2) for m, e in done.mean_absolute_error.items()},
            round_ratio(sum(each, Fraction(0)) / len(each), 2) if each else None,
            None if done.coverage is None else round_ratio(100 * done.coverage, 0),
            done.intervals,
        )


@dataclass(frozen=True)
class Seen:
    """A board with the course of its KPIs and how their forecasts did, by measure."""

    board: Board
    courses: dict[str, Course]
    tried: dict[str, Tried]

    @property
    def health(self) -> Health:
        """How well the plan is kept, as of the day the board was worked out for."""
        return health(self.board.plan, self.board.progress, self.board.rows, today=today())


@dataclass(frozen=True)
class Keeping:
    """How well a branch's plan is kept (計画の手入れ): of how many 施策 how many lack nothing, and what is lacking how often."""

    branch: str
    plan: str
    period: str
    initiatives: int
    well: int
    flags: int


# ---- the office's boards -----------------------------------------------------------------------------------------


def today() -> date:
    """The day boards are worked out for, Japan's; of its own, so that tests can say which day it is."""
    from django.utils import timezone

    return timezone.localdate()


@dataclass(frozen=True)
class Choice:
    """A period that can be looked at (期間): the plan it belongs to."""

    plan: str
    period: str


class Office:
    """The boards of an office as its folders stand when they are first asked for; one for every request."""

    def __init__(self, config: Config) -> None:
        self.home = config.home / "boards"
        self.plans = Plans(config.plans)
        self.lake_folder = config.lake

    @property
    def lake(self) -> Lake | None:
        """The lake, if there is one."""
        return Lake.open(self.lake_folder) if (self.lake_folder / "manifest.sqlite").is_file() else None

    # ---- periods

    @cached_property
    def _files(self) -> dict[str, os.stat_result]:
        """The plan files as they are, looked at once."""
        if not self.plans.folder.is_dir():
            return {}
        with os.scandir(self.plans.folder) as there:
            return {e.name: e.stat() for e in there if _FILE.fullmatch(e.name)}

    @cached_property
    def _choices(self) -> dict[str, tuple[Choice, ...]]:
        """The periods of every branch's annual plans, newest first."""
        held: dict[str, list[str]] = {n[:7]: [] for n in self._files if len(n) == len("35-2025.yaml")}
        for name in self._files:
            plan, period = name[:7], name[8 : -len(".yaml")]
            if plan in held and name[7] == "." and period:
                held[plan].append(period)
        found: dict[str, tuple[Choice, ...]] = {}
        for plan, periods in sorted(held.items(), reverse=True):
            ordered = sorted(periods, key=_order, reverse=True) or [plan[3:]]
            found[plan[:2]] = (*found.get(plan[:2], ()), *(Choice(plan, p) for p in ordered))
        return found

    def choices(self, branch: str) -> tuple[Choice, ...]:
        """The periods of a branch's annual plans, newest first; a plan without progress can be looked at for its year."""
        return self._choices.get(branch, ())

    def newest(self, branch: str) -> Choice | None:
        """What a branch looks at first: the newest period of the newest plan that has begun, or None without a plan."""
        there = self.choices(branch)
        begun = [c for c in there if period_year(c.period) <= fy(today())]
        return next(iter(begun or there), None)

    def periods(self) -> tuple[str, ...]:
        """The periods that any annual plan has progress of, newest first."""
        held = {c.period for choices in self._choices.values() for c in choices}
        return tuple(sorted(held, key=_order, reverse=True))

    # ---- boards

    def seen(self, choice: Choice) -> Seen:
        """The board of a period. Raises InputFileError and PlanError for files that cannot be used."""
        branch = choice.plan[:2]
        key = (*self._stamp(f"{branch}-"), *self._lake_stamp(), today().isoformat())
        return self._kept(f"board-{choice.plan}.{choice.period}", key, _SEEN, lambda: self._see(choice))

    def everyone(self, period: str) -> Rollup:
        """All branches at the end of a period."""
        key = (*self._stamp(""), *self._lake_stamp())
        return self._kept(f"rollup-{period}", key, _ROLLUP, lambda: self._roll_up(period))

    def keeping(self, *, earlier: bool = False) -> tuple[tuple[Keeping, ...], bool]:
        """How well every branch's newest plan is kept, and whether that is of the plans as they are now.

        A branch without a plan is not among them. earlier: take what was worked out before a plan changed rather than have
        somebody wait for all boards; the worker brings it up to date.
        """
        key = (*self._stamp(""), *self._lake_stamp(), today().isoformat())
        if earlier and (old := Shelf(self.home, "keeping", _KEEPING).earlier(_digest((_made_by(), *key)))):
            return old, False
        return self._kept("keeping", key, _KEEPING, self._keep), True

    def picture(self, name: str, key: str, draw: Callable[[], str]) -> str:
        """A chart's SVG, drawn once for a key."""
        return self._kept(f"chart-{name}", (key,), _TEXT, draw)

    def extra(self, name: str, key: tuple[str, ...], shape: TypeAdapter[T], make: Callable[[], T]) -> T:
        """Something else that rests on the plans and the lake alone, kept as boards are."""
        return self._kept(name, (*self._stamp(""), *self._lake_stamp(), *key), shape, make)

    def key(self, *parts: object) -> str:
        """A text that changes with the plans and the lake: for addresses of what browsers may keep."""
        return _digest((_made_by(), *self._stamp(""), *self._lake_stamp(), *map(str, parts)))[:16]

    def warm(self) -> int:
        """Work out what is not there yet of what people look at first: every branch's newest board, and all branches.

        Returns how many branches have a board. A plan that cannot be used is passed over; its page says why.
        """
        count = 0
        for branch in (NATION_CODE, *BRANCH_CODES):
            choice = self.newest(branch)
            if choice is None:
                continue
            with contextlib.suppress(KenpoError):
                self.seen(choice)
                count += 1
        for period in self.periods()[:2]:
            with contextlib.suppress(KenpoError):
                self.everyone(period)
        self.keeping()
        return count

    # ---- working out

    def _see(self, choice: Choice) -> Seen:
        plan = self.plans.plan(choice.plan)
        progress, lake = self.plans.progress(choice.plan, choice.period), self.lake
        if lake:
            progress = fill(lake, MEASURES, plan, progress).progress
        made = board(plan, progress, lake=lake, measures=MEASURES, plans=self.plans, today=today())
        tried = accuracies(plan, lake=lake, measures=MEASURES, plans=self.plans)
        return Seen(
            made, courses(made, lake=lake, plans=self.plans), {m: Tried.of(a) for m, a in tried.items()}
        )

    def _roll_up(self, period: str) -> Rollup:
        return rollup(period, lake=self.lake, measures=MEASURES, plans=self.plans)

    def _keep(self) -> tuple[Keeping, ...]:
        found: list[Keeping] = []
        for branch in (NATION_CODE, *BRANCH_CODES):
            choice = self.newest(branch)
            if choice is None:
                continue
            try:
                kept = self.seen(choice).health.initiatives
            except KenpoError:
                continue
            well, flags = sum(k.well for k in kept), sum(len(k.flags) for k in kept)
            found.append(Keeping(branch, choice.plan, choice.period, len(kept), well, flags))
        return tuple(found)

    # ---- keeping

    def _stamp(self, beginning: str) -> tuple[str, ...]:
        """What tells plan files apart from earlier ones of the same names."""
        held = [(name, s) for name, s in self._files.items() if name.startswith(beginning)]
        return tuple(sorted(f"{name} {s.st_mtime_ns} {s.st_size}" for name, s in held))

    def _lake_stamp(self) -> tuple[str, ...]:
        """What changes with every load and every refresh of the lake."""
        names = ("manifest.sqlite", "manifest.sqlite-wal")
        files = [self.lake_folder / name for name in names]
        return tuple(f"{f.name} {f.stat().st_mtime_ns} {f.stat().st_size}" for f in files if f.is_file())

    def _kept(self, name: str, key: tuple[str, ...], shape: TypeAdapter[T], make: Callable[[], T]) -> T:
        shelf: Shelf[T] = Shelf(self.home, name, shape)
        return shelf.get(_digest((_made_by(), *key)), make)


_PLACES = ["Q1", "Q2", "H1", "Q3", "Q4", "H2", ""]
_FILE = re.compile(r"\d\d-\d{4}(-\d{4})?(\.\d{4}(H[12]|Q[1-4])?)?\.yaml")


def _order(period: str) -> tuple[str, int]:
    return period[:4], _PLACES.index(period[4:])


def _digest(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@lru_cache(maxsize=1)
def _made_by() -> str:
    """What tells the programs that work boards out apart from earlier ones."""
    root = Path(kenpo.__file__).parent
    own = ("office/boards.py", "office/kpipage.py", "press/charts.py", "press/drawing.py")
    files = [*(root / "plan").glob("*.*"), *(root / name for name in own)]
    return _digest(tuple(sorted(f"{f.name} {f.stat().st_mtime_ns}" for f in files)))


# ---- the course of a KPI -----------------------------------------------------------------------------------------


def courses(made: Board, *, lake: Lake | None, plans: Plans | None) -> dict[str, Course]:
    """The course of every KPI of a board, from the same sources as its rows; a finished report asks nobody but its files."""
    plan, year = made.plan, period_year(made.period)
    told = earlier(None if made.frozen else plans, plan.branch, but=made.progress)
    found: dict[str, Course] = {}
    for row in made.rows:
        if row.measure is None:
            continue
        kpi = plan.kpi(row.measure) or Kpi(measure=row.measure, text=row.text)
        measure, series = MEASURES.get(row.measure), None
        if lake and measure and not made.frozen:
            with contextlib.suppress(MeasureError):
                series = series_for(lake, measure, kpi)
        told_of = told.actuals.get(row.measure, ())
        history = past(kpi, year=year, branch=plan.branch, series=series, told=told_of)
        found[row.measure] = _course(plan, row, kpi, history, year)
    return found


def _course(plan: Plan, row: Row, kpi: Kpi, history: Past, year: int) -> Course:
    term = known(row.measure)
    way: dict[int, Decimal] = {}
    if term and term.path == "cumulative" and row.level is not None and year == plan.last_year:
        shape = path(history.before(year))
        way = {m: round_ratio(shape.expected(row.level, m), precision_of(kpi, term)) for m in MONTHS}
    months = {y: dict(held) for y, held in sorted(history.values.items())}
    moved, since = _moved(row.actual, months.get(year, {}), year)
    return Course(months, way, moved, since)


def _moved(
    actual: Actual | None, months: Mapping[int, Decimal], year: int
) -> tuple[Decimal | None, int | None]:
    place = place_of(actual.as_of) if actual else None
    if actual is None or actual.value is None or place is None or place[0] != year:
        return None, None
    before = [m for m in MONTHS if m in months and elapsed(m) < elapsed(place[1])]
    return (actual.value - months[before[-1]], before[-1]) if before else (None, None)


# ---- shelves -----------------------------------------------------------------------------------------------------


_SEEN: TypeAdapter[Seen] = TypeAdapter(Seen)
_ROLLUP: TypeAdapter[Rollup] = TypeAdapter(Rollup)
_TEXT: TypeAdapter[str] = TypeAdapter(str)
_KEEPING: TypeAdapter[tuple[Keeping, ...]] = TypeAdapter(tuple[Keeping, ...])

_held: OrderedDict[tuple[str, str], Any] = OrderedDict()
_making: dict[str, threading.Lock] = {}
_guard = threading.Lock()


class Shelf(Generic[T]):
    """Where one thing that is dear to work out is kept: in this process, and in a file for the others."""

    def __init__(self, folder: Path, name: str, shape: TypeAdapter[T]) -> None:
        self.folder, self.name, self.shape = folder, name, shape

    def get(self, digest: str, make: Callable[[], T]) -> T:
        """What belongs to a digest. It is made once, however many threads and processes ask at the same time."""
        place = (str(self.folder / self.name), digest)
        if (there := _of_process(place)) is not None:
            return there
        with _guard:
            lock = _making.setdefault(place[0], threading.Lock())
        with lock:
            if (there := _of_process(place)) is not None:
                return there
            with self._alone():
                there = self._read(digest)
                if there is None:
                    there = make()
                    self._write(digest, there)
        with _guard:
            _held[place] = there
            while len(_held) > IN_PROCESS:
                _held.popitem(last=False)
        return there

    def earlier(self, digest: str) -> T | None:
        """What was kept before, when nothing is kept for a digest."""
        if self._path(digest).is_file():
            return None
        for old in self.folder.glob(f"{self.name}.*.json"):
            with contextlib.suppress(OSError, ValidationError):
                return self.shape.validate_json(old.read_bytes())
        return None

    def _path(self, digest: str) -> Path:
        return self.folder / f"{self.name}.{digest[:32]}.json"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self, digest: str) -> T | None:
        try:
            return self.shape.validate_json(self._path(digest).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            log.warning("a kept board cannot be read and is made anew", extra={"board": self.name})
            return None

    def _write(self, digest: str, made: T) -> None:
        """The copy for the other processes, whole or not at all; earlier ones go."""
        path = self._path(digest)
        new = path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(self.shape.dump_json(made))
        new.replace(path)
        for old in self.folder.glob(f"{self.name}.*.json"):
            if old != path:
                old.unlink(missing_ok=True)


def _of_process(place: tuple[str, str]) -> Any:
    with _guard:
        if place in _held:
            _held.move_to_end(place)
            return _held[place]
    return None


# ---- by the clock ------------------------------------------------------------------------------------------------


def of_office() -> Office:
    """The boards of the office that runs."""
    from django.conf import settings

    return Office(settings.CONFIG)


@app.periodic(cron="*/2 * * * *")
@app.task(name="kenpo.boards", queueing_lock="kenpo.boards", lock="kenpo.boards", pass_context=False)
def boards_job(timestamp: int) -> None:
    """Work out the boards that new plans, a new day or a refreshed lake ask for, before somebody opens them."""
    of_office().warm()
