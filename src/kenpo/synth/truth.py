"""What is true of the invented branch (真値), from the generator's own world and never from the measures.

The tables below are summed while the branch is made. An initiative says with `@truth` which of its measures follow from
them and how; `kenpo synth --check` sets the figures of a lake against them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kenpo.base.age import five_year_band

FOLDER = "真値"
"""The folder of an invented branch that is not delivered to anybody."""

FORMAT = 1
"""Raised whenever what lies in the folder changes its form, so that an older branch is made anew."""

_PERSON = {"age_band": pl.String, "sex": pl.String, "kind": pl.String}
_PLACE = {"residence": pl.String, "section": pl.String}
_CARE = {"month": pl.Date, "care": pl.String}
_SUMS = {"receipts": pl.Int64, "days": pl.Int64, "points": pl.Int64}

TABLES: Mapping[str, dict[str, pl.DataType | type[pl.DataType]]] = {
    "cost": {**_CARE, **_PERSON, **_SUMS},
    "cost_place": {**_CARE, **_PLACE, **_SUMS},
    "flow": {**_CARE, "residence": pl.String, "institution": pl.String, "receipts": pl.Int64},
    "members": {
        "month": pl.Date,
        **_PERSON,
        "members": pl.Int64,
        "mynumber": pl.Int64,
        "standard": pl.Int64,
        "paid": pl.Int64,
    },
    "members_place": {"month": pl.Date, **_PLACE, "kind": pl.String, "members": pl.Int64},
    "drugs": {"month": pl.Date, "kind": pl.String, "class": pl.String, "total": pl.Int64, "cents": pl.Int64},
    "workplaces": {"month": pl.Date, "section": pl.String, "insured": pl.Int64, "workplaces": pl.Int64},
    "unmatched": {"month": pl.Date, "reason": pl.String, "receipts": pl.Int64},
}
"""Tables of truth and their columns; the last ones are sums, the rest are keys.

cost: receipts of people whose card was good, by 診療種別 (care), 5-year age class, sex and 本人家族; cost_place: the same by
居住市区町村 and 産業大分類; flow: by residence and the institution's municipality. members: people with cover on the last
day of the month, of them with マイナンバー, sum of 標準報酬月額 of people at work and how many have one. drugs: quantity and price × quantity
(1/100 yen) by class of the generic list and kind of receipt, of every receipt that counts. workplaces: those that are
open, by number of insured. unmatched: receipts of nobody, by reason.
"""

_SUM_COLUMNS = frozenset(
    ("receipts", "days", "points", "members", "mynumber", "standard", "paid", "total", "cents", "workplaces")
)


def keys_of(table: str) -> list[str]:
    """The columns of a table that are not sums."""
    return [c for c in TABLES[table] if c not in _SUM_COLUMNS]


def summed(table: str, frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Frames of a table as one, each key once."""
    schema = TABLES[table]
    empty = pl.DataFrame(schema=schema)
    typed = [pl.col(name).cast(kind) for name, kind in schema.items()]
    whole = pl.concat([empty, *(f.select(typed) for f in frames)])
    keys = keys_of(table)
    return whole.group_by(keys).agg(pl.exclude(keys).sum()).sort(keys)


def band(ages: pl.Expr) -> pl.Expr:
    """The five-year age class (5歳階級) of ages."""
    labels = {a: five_year_band(a) for a in range(130)}
    said = ages.cast(pl.Int64).replace_strict(labels, default=None, return_dtype=pl.String)
    return said.fill_null("不明")


@dataclass(frozen=True)
class World:
    """The truth of one branch, or of several laid together: TABLES with a column branch before the others."""

    tables: Mapping[str, pl.DataFrame]

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.tables[name]

    @classmethod
    def read(cls, folder: Path, branch: str) -> World:
        """The truth written beside an invented branch."""
        return cls(
            {
                name: pl.read_parquet(folder / FOLDER / f"{name}.parquet").select(
                    pl.lit(branch).alias("branch"), *TABLES[name]
                )
                for name in TABLES
            }
        )


Answers = Callable[[World], pl.DataFrame]


@dataclass(frozen=True)
class Truth:
    """What a measure must give: rows of branch, month, by (breakdown or total), value, numerator, denominator.

    nation: the figures are against the nation, so the world must hold every branch there is.
    """

    measure: str
    answers: Answers
    nation: bool = False


def truth(measure: str, *, nation: bool = False) -> Callable[[Answers], Truth]:
    """Declare a function that works out a measure's figures from the world."""

    def wrap(function: Answers) -> Truth:
        return Truth(measure, function, nation)

    return wrap
