"""Derivation (派生表の計算): one function from what was taken in to the rows of a derived table, month by month."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from kenpo.base.errors import NotLoaded
from kenpo.frame.view import View, derived_at
from kenpo.lake import Expression, Lake, Part, write_part
from kenpo.lake.schema import Table
from kenpo.law.loader import load

_CHUNK = 500_000


@dataclass(frozen=True)
class Derivation:
    """How a derived table is made.

    table: its declaration; rows: a function from a view to its rows. A table partitioned by month is asked for one
    month at a time (`view.months` holds just that month), any other once for all months. version: raised whenever the
    rule changes. parameters: ids of the law parameters it reads.
    """

    table: Table
    rows: Callable[[View], Expression]
    version: int = 1
    parameters: tuple[str, ...] = ()


def derivation(
    *, table: Table, version: int = 1, parameters: tuple[str, ...] = ()
) -> Callable[[Callable[[View], Expression]], Derivation]:
    """Declare a function that returns the rows of a derived table; its first docstring line is for developers."""

    def wrap(function: Callable[[View], Expression]) -> Derivation:
        return Derivation(table=table, rows=function, version=version, parameters=parameters)

    return wrap


def definition_text(version: int, name: str, parameters: Sequence[str]) -> str:
    """A text that changes when a definition's version or any of its parameters does."""
    said = {p: [[str(v.first_day), str(v.value)] for v in load(p).values] for p in parameters}
    digest = hashlib.sha256(json.dumps([name, version, said], sort_keys=True).encode()).hexdigest()
    return f"v{version}-{digest[:8]}"


def derive(
    lake: Lake,
    derivations: Sequence[Derivation],
    months: Sequence[date],
    progress: Callable[[str], None] | None = None,
) -> None:
    """Bring the derived tables up to date, in the order given: a derivation may read those before it.

    One whose data, months, definition and everything before it are as they were is left as it is. Rows go to disk in
    blocks, month by month, and the new table takes the place of the old one in one transaction. A table whose sources
    are not in the lake is emptied. The caller holds the lake's write lock.
    """
    definitions: list[str] = []
    for item in derivations:
        name = item.table.name
        definitions.append(definition_text(item.version, name, item.parameters))
        stamp = json.dumps([lake.version(), str(months[0]), str(months[-1]), definitions])
        if lake.meta(f"derived:{name}") == stamp:
            continue
        if progress:
            progress(item.table.title)
        try:
            parts = list(_parts(lake, item, months, definitions[-1]))
        except NotLoaded:
            parts = []
        lake.replace(name, parts, f"{name}@")
        lake.set_meta(derived_at(name), lake.version())
        lake.set_meta(f"derived:{name}", stamp)


def _parts(lake: Lake, item: Derivation, months: Sequence[date], definition: str) -> Iterator[Part]:
    kept: dict[str, Expression] = {}
    by_month = item.table.partition is not None
    for chosen in [[m] for m in months] if by_month else [list(months)]:
        rows = item.rows(View(lake, chosen, kept=kept)).select(*item.table.names)
        for number, batch in enumerate(rows.to_pyarrow_batches(chunk_size=_CHUNK)):
            stem = f"{item.table.name}@{definition}-{lake.version()}-{number:04d}"
            yield from write_part(lake.root, item.table, pl.DataFrame(pl.from_arrow(batch)), stem)
