"""Lists (一覧): every list of the office is filtered, sorted, paged and taken out in one way, declared beside its page.

A list is its rows, columns and conditions. The rows are a query of the database, a `Frame` (a table of the lake that lies in
a file), or a few things in memory; what is shown is asked for page by page, what is taken out comes row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

import polars as pl
from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.urls import reverse

from kenpo.base.era import to_wareki
from kenpo.office import exports
from kenpo.office.forms import Select

FEW = 10
"""A list of no more rows is shown as it is, without conditions and headings that sort."""

PAGE = 50
"""Rows on a page."""

MOST = 10_000
"""Rows that are counted and paged through; beyond, conditions narrow the list down. All of them are taken out."""

_AT_ONCE = 5000
"""Rows of a frame that are read at once when it is taken out."""


@dataclass(frozen=True)
class Frame:
    """A table, which of its rows and in which order; rows are read only when they are shown.

    name: says which table it is, in which state; the orders of one with a name are kept. holds: of every row whether it is
    meant, None for all. by, down: the order; nothing for that in which they lie.
    """

    table: pl.DataFrame = field(compare=False)
    name: str = ""
    holds: pl.Series | None = field(default=None, compare=False)
    by: tuple[str, ...] = field(default=(), compare=False)
    down: bool = field(default=False, compare=False)

    def where(self, condition: pl.Expr) -> Frame:
        """The rows for which something holds, in the same order."""
        found = self.table.select(condition.fill_null(False).alias("holds"))["holds"]
        return replace(self, holds=found if self.holds is None else found & self.holds)

    def sorted(self, by: Sequence[str], down: bool) -> Frame:
        """The rows by some columns; equal ones stay in their order."""
        return replace(self, by=tuple(by), down=down)

    @cached_property
    def order(self) -> pl.Series:
        """The places of the rows in the table, in their order."""
        make = _kept_order if self.name else _order
        whole = make(replace(self, holds=None), self.by, self.down)
        return whole if self.holds is None else whole.filter(self.holds.gather(whole))

    def rows(self, start: int, stop: int) -> list[dict[str, Any]]:
        """Some of the rows, by column."""
        return self.table[self.order[start:stop]].to_dicts()

    def __len__(self) -> int:
        return self.order.len()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self.rows(start, start + _AT_ONCE)


def _order(frame: Frame, by: tuple[str, ...], down: bool) -> pl.Series:
    places = pl.int_range(frame.table.height, dtype=pl.UInt32, eager=True)
    if not by:
        return places
    keys = frame.table.select(by).with_columns(places.alias(_PLACE))
    return keys.sort(list(by), descending=down, nulls_last=not down, maintain_order=True)[_PLACE]


_PLACE = "\0place"
_kept_order = lru_cache(maxsize=16)(_order)


Rows = QuerySet[Any] | Frame | Sequence[Any]


@dataclass(frozen=True)
class Column(exports.Column):
    """A column of a list. key: in the address, blank for one that is only taken out.

    by: what it is sorted by — fields of the database, columns of the frame, attributes; a minus turns one around; nothing for
    a column that does not sort. numeric: whether it holds figures.
    """

    key: str = ""
    by: tuple[str, ...] = ()
    numeric: bool = False


@dataclass(frozen=True)
class Condition:
    """A condition of a list (絞り込み): its field, and what it leaves of the rows for a value that is given.

    narrow: None for a field that says which list is meant, such as its month.
    """

    name: str
    field: forms.Field
    narrow: Callable[[Any, Any], Any] | None = None


@dataclass(frozen=True)
class Page:
    """A page of a list, as its template shows it. tools: whether conditions and sorting headings are shown.

    words: the conditions that are set. sorts: its orders, for where the headings that sort are not shown. keep: what else the address says. files: where the whole list is taken out, by name.
    """

    rows: Sequence[Any]
    columns: Mapping[str, Column]
    form: forms.Form
    words: Sequence[str]
    keep: Mapping[str, str]
    sort: str
    sorts: Sequence[tuple[str, str]]
    query: QueryDict
    anchor: str
    first: int
    last: int
    count: int
    capped: bool
    over: bool
    previous_url: str
    next_url: str
    files: Sequence[tuple[str, str]]
    most: int = MOST

    @property
    def tools(self) -> bool:
        """Whether conditions and sorting headings are shown: of a list with more than FEW rows, or fewer by conditions."""
        return self.count > FEW or bool(self.words) or bool(self.form.errors)

    @property
    def paged(self) -> bool:
        """Whether there is something to say of where one is: more than a page, or conditions."""
        return bool(self.rows) and bool(self.previous_url or self.next_url or self.words)

    @property
    def clear_url(self) -> str:
        """The list without conditions, blank when none are set."""
        return f"?{urlencode(self.keep)}{self.anchor}" if self.words or self.form.errors else ""


@dataclass(frozen=True)
class Listing:
    """A list as it is asked for by the query of an address.

    order: the key of the column it is sorted by unless another is asked for, with a minus for down. anchor: of the list in its
    page. given: what stands in a field of the conditions when nothing is said. file: name and arguments of the address that
    takes it out, to which the form is added.
    """

    rows: Rows
    columns: Sequence[Column]
    query: QueryDict
    order: str
    conditions: Sequence[Condition] = ()
    size: int = PAGE
    anchor: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    file: tuple[Any, ...] = ()

    @cached_property
    def form(self) -> forms.Form:
        """The conditions as a form, with what was asked for."""
        kind = type("Conditions", (forms.Form,), {c.name: c.field for c in self.conditions})
        said = {c.name: self.query.get(c.name, self.given.get(c.name, "")) for c in self.conditions}
        form = kind(said)
        form.full_clean()
        return form

    @cached_property
    def words(self) -> list[str]:
        """The conditions that are set, in words."""
        return [
            _in_words(c.field, value)
            for c in self.conditions
            if c.narrow is not None and (value := self.form.cleaned_data.get(c.name))
        ]

    @cached_property
    def sort(self) -> str:
        """The key of the column the list is sorted by, with a minus for down."""
        asked = self.query.get("sort", "")
        known = {c.key for c in self.columns if c.key and c.by}
        return asked if asked.removeprefix("-") in known else self.order

    @cached_property
    def found(self) -> Rows:
        """The rows that meet the conditions, in their order."""
        rows: Any = self.rows
        for condition in self.conditions:
            value = self.form.cleaned_data.get(condition.name)
            if condition.narrow is not None and value:
                rows = condition.narrow(rows, value)
        column = next(c for c in self.columns if c.key == self.sort.removeprefix("-"))
        return _sorted(rows, column.by, self.sort.startswith("-"))

    def page(self) -> Page:
        """The page asked for. Nothing is counted or skipped beyond MOST."""
        count = _count(self.found)
        capped = isinstance(self.found, QuerySet) and count > MOST
        pages = max(1, -(-min(count, MOST) // self.size))
        given = self.query.get("page", "1")
        at = min(max(1, int(given)) if given.isdecimal() and len(given) < 6 else 1, pages)
        start = (at - 1) * self.size
        rows = _cut(self.found, start, min(start + self.size, MOST))
        kept = self._kept
        return Page(
            rows=rows,
            columns={c.key: c for c in self.columns if c.key},
            form=self.form,
            words=self.words,
            keep={k: v for k, v in kept.dict().items() if k not in self.form.fields},  # type: ignore[misc]
            sort=self.sort,
            sorts=orders((c.key, c.title) for c in self.columns if c.key and c.by),
            query=kept,
            anchor=self.anchor,
            first=start + 1 if rows else 0,
            last=start + len(rows),
            count=MOST if capped else count,
            capped=capped,
            over=count > MOST and at == pages,
            previous_url=self._at(at - 1) if at > 1 else "",
            next_url=self._at(at + 1) if at < pages else "",
            files=[
                (title, f"{reverse(self.file[0], args=[*self.file[1:], form])}{_asked(kept)}")
                for form, title in reversed(exports.FORMS.items())
            ]
            if self.file and rows
            else (),
        )

    def take_out(self, name: str, form: str, detail: str) -> HttpResponse:
        """All its rows as a file, as `exports.respond` makes it; its conditions are written down with it."""
        words = f"（{'、'.join(self.words)}）" if self.words else ""
        return exports.respond(name, self.columns, self._each, form, detail=f"{detail}{words}")

    def _each(self) -> Iterable[Any]:
        found = self.found
        return found.iterator(2000) if isinstance(found, QuerySet) else found

    @property
    def _kept(self) -> QueryDict:
        """What the address says but for the page and what is empty."""
        kept = self.query.copy()
        kept.pop("page", None)
        for name in [n for n in kept if not kept.get(n)]:
            kept.pop(name)
        return kept

    def _at(self, page: int) -> str:
        kept = self._kept
        kept["page"] = str(page)
        return f"?{kept.urlencode()}{self.anchor}"


def orders(columns: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The orders by some columns (key and title), up and down, as the address says them and in words."""
    return [
        (f"{sign}{key}", f"{title}（{way}）")
        for key, title in columns
        for sign, way in (("", "昇順"), ("-", "降順"))
    ]


def _asked(query: QueryDict) -> str:
    return f"?{query.urlencode()}" if query else ""


def _in_words(asked: forms.Field, value: Any) -> str:
    if isinstance(asked, forms.ChoiceField):
        return f"{asked.label} {dict(asked.choices).get(value, value)}"  # type: ignore[arg-type]
    return f"{asked.label} {to_wareki(value) if isinstance(value, date) else value}"


# ---- the three sorts of rows -------------------------------------------------------------------------------------


def _sorted(rows: Any, by: Sequence[str], down: bool) -> Any:
    """Rows in an order; what is empty comes last going up and first going down."""
    if isinstance(rows, QuerySet):
        return rows.order_by(*(_turned(name) if down else name for name in by))
    if isinstance(rows, Frame):
        return rows.sorted(by, down)
    listed = list(rows)
    for name in reversed(by):
        turned = name.startswith("-") is not down
        key = attrgetter(name.removeprefix("-"))
        listed.sort(key=lambda row, key=key: ((v := key(row)) is None, v), reverse=turned)
    return listed


def _turned(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _count(rows: Any) -> int:
    """How many rows there are; of a query, up to one more than MOST."""
    if isinstance(rows, QuerySet):
        return rows.order_by().values("pk")[: MOST + 1].count()
    return len(rows)


def _cut(rows: Any, start: int, stop: int) -> list[Any]:
    return rows.rows(start, stop) if isinstance(rows, Frame) else list(rows[start:stop])


# ---- conditions that many lists have -----------------------------------------------------------------------------


def choice(
    name: str, label: str, choices: Iterable[tuple[str, str]], narrow: Callable[[Any, str], Any]
) -> Condition:
    """A condition that is one of some choices, or all."""
    listed = [("", "すべて"), *choices]
    return Condition(
        name, forms.ChoiceField(label=label, required=False, choices=listed, widget=Select), narrow
    )


def typed(label: str, placeholder: str, narrow: Callable[[Any, str], Any], name: str = "q") -> Condition:
    """A condition that is typed. placeholder: an example of what to type."""
    widget = forms.TextInput(attrs={"placeholder": placeholder, "autocomplete": "off", "spellcheck": "false"})
    asked = forms.CharField(label=label, required=False, max_length=100, widget=widget)
    return Condition(name, asked, narrow)


def holding(table: pl.DataFrame, text: str) -> pl.Expr:
    """Whether a text stands in a column of words of a table, or is the number of one with whole numbers."""
    found = [
        pl.col(name).str.contains(text, literal=True)
        for name, kind in table.schema.items()
        if kind == pl.String
    ]
    if text.isascii() and text.isdecimal() and len(text) < 18:
        found += [pl.col(name) == int(text) for name, kind in table.schema.items() if kind.is_integer()]
    return pl.any_horizontal(*(one.fill_null(False) for one in found)) if found else pl.lit(False)
