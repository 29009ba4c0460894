"""What an invented branch is made from: the setting a person chooses and the facts it is built on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from kenpo.base.branches import BRANCH_CODES, branch
from kenpo.base.errors import ArgumentError
from kenpo.base.fiscal import add_months, month_range

Days = npt.NDArray[np.int64]
"""Days since 1970-01-01."""
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NEVER = 10**6
"""A day beyond every calendar: not lost, not left, not treated."""

_EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def to_date(day: int) -> date:
    """The date of a day number."""
    return _EPOCH + timedelta(days=int(day))


@dataclass(frozen=True)
class Setting:
    """Which branch (支部), how many members (加入者), from which month, for how long, from which seed.

    Raises ArgumentError for a branch, size or length that cannot be made.
    """

    branch: str
    members: int
    first: date
    months: int
    seed: int

    def __post_init__(self) -> None:
        if self.branch not in BRANCH_CODES:
            raise ArgumentError(
                f"支部「{self.branch}」はありません。", todo="01〜47 の支部を指定してください。"
            )
        if not 100 <= self.members <= 10_000_000:
            raise ArgumentError(
                f"加入者数 {self.members:,} 人の支部は作れません。",
                todo="100人から1,000万人までの数を指定してください。",
            )
        if not 1 <= self.months <= 120:
            raise ArgumentError(
                f"{self.months} か月の支部は作れません。", todo="1年から10年までの年数を指定してください。"
            )

    @property
    def calendar(self) -> tuple[date, ...]:
        """The first days of the months."""
        return month_range(self.first, add_months(self.first, self.months - 1))

    @property
    def last_day(self) -> date:
        """The last day of the last month."""
        return add_months(self.first, self.months) - timedelta(days=1)

    @property
    def month_starts(self) -> Days:
        """Day numbers of the first day of each month, and of the month after the last."""
        return np.array(
            [day_number(m) for m in (*self.calendar, add_months(self.first, self.months))], dtype=np.int64
        )

    @property
    def insurer_number(self) -> str:
        """The branch's insurer number (保険者番号)."""
        return branch(self.branch).insurer_number or ""

    def random(self, *stream: int) -> np.random.Generator:
        """Chance of its own for a part of the world: the same seed and part give the same draws."""
        return np.random.default_rng([self.seed, int(self.branch), self.members, *stream])


@dataclass(frozen=True)
class Facts:
    """What is true outside the invented branch and comes from the masters and the law.

    masters: rows of drug_master, generic_class, procedure_master and disease_master by table name.
    grades: (lower bound of the remuneration, standard) of 標準報酬月額 in yen, ascending.
    """

    masters: Mapping[str, pl.DataFrame]
    grades: tuple[tuple[int, int], ...]


def date_series(name: str, days: Days) -> pl.Series:
    """Day numbers as dates; NEVER is NULL."""
    numbers = pl.Series(name, days, dtype=pl.Int64)
    frame = pl.DataFrame([numbers]).select(pl.when(pl.col(name) < NEVER).then(pl.col(name)).cast(pl.Int32))
    return frame[name].cast(pl.Date)


def parts_of(days: Days) -> tuple[Ints, Ints, Ints]:
    """Year, month and day of day numbers."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]").astype(np.int64)
    return months // 12 + 1970, months % 12 + 1, (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1


def age_at_month_end(birth: Days, following: int) -> Ints:
    """Legal age (年齢) on the day before `following`, the first day of a month: attained the day before the birthday."""
    year, month, day = parts_of(birth)
    now = to_date(following)
    before = (now.month < month) | ((now.month == month) & (day > 1))
    return now.year - year - before.astype(np.int64)


def birthday(birth: Days, age: int) -> Days:
    """The day of the birthday at an age (29 February: 1 March in other years)."""
    year, month, day = parts_of(birth)
    first = ((year + age - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[D]")
    return first.astype(np.int64) + day - 1
