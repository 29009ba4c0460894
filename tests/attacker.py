"""Who tries to work out hidden numbers (攻撃者): exact algebra and bounds over everything that is shown.

An attacker is told equations between numbers, some of which are known, and what must be at most what. It solves them exactly
with fractions and narrows every unknown down as far as it goes. What it finds is what a person with a spreadsheet, time and
all pages could find.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

Number = int | Decimal | Fraction
Row = tuple[dict[Hashable, Fraction], Fraction]

_ROUNDS = 60


@dataclass
class Attacker:
    """What somebody has learned. Unknowns are 0 or more; those in least have at least so many, those in counts are whole."""

    equations: list[Row] = field(default_factory=list)
    at_most: list[tuple[Hashable, Hashable | Fraction]] = field(default_factory=list)
    least: dict[Hashable, int] = field(default_factory=dict)
    counts: set[Hashable] = field(default_factory=set)

    def learn(self, terms: Iterable[tuple[int, Hashable | Number | None]], total: Number = 0) -> None:
        """An equation: the sum of factor × number is total; a number that is not known is given by its name."""
        unknown: dict[Hashable, Fraction] = {}
        rest = Fraction(total)
        for factor, what in terms:
            if isinstance(what, int | Decimal | Fraction):
                rest -= factor * Fraction(what)
            else:
                unknown[what] = unknown.get(what, Fraction(0)) + factor
        unknown = {name: f for name, f in unknown.items() if f}
        if unknown:
            self.equations.append((unknown, rest))
        else:
            assert rest == 0, "what is shown contradicts itself"

    def bounds(self) -> dict[Hashable, tuple[Fraction, Fraction | None]]:
        """The least and the greatest each unknown can be; None where nothing bounds it."""
        names = {n for terms, _ in self.equations for n in terms}
        names |= {n for part, whole in self.at_most for n in (part, whole) if not isinstance(n, Fraction)}
        low = {n: Fraction(self.least.get(n, 0)) for n in names}
        high: dict[Hashable, Fraction | None] = dict.fromkeys(names)
        rows = [*self.equations, *_solved(self.equations)]
        for _ in range(_ROUNDS):
            if not any([*(self._narrow(row, low, high) for row in rows), self._compare(low, high)]):
                break
        return {n: (low[n], high[n]) for n in names}

    def _narrow(self, row: Row, low: dict[Hashable, Fraction], high: dict[Hashable, Fraction | None]) -> bool:
        terms, total = row
        ends = {
            name: (
                factor * low[name] if factor > 0 else _times(factor, high[name]),
                _times(factor, high[name]) if factor > 0 else factor * low[name],
            )
            for name, factor in terms.items()
        }
        least, most = (_Sum([e[side] for e in ends.values()]) for side in (0, 1))
        changed = False
        for name, factor in terms.items():
            others = most.less(ends[name][1]), least.less(ends[name][0])
            bottom, top = (None if v is None else (total - v) / factor for v in others)
            if factor < 0:
                bottom, top = top, bottom
            changed |= self._set(name, bottom, top, low, high)
        return changed

    def _compare(self, low: dict[Hashable, Fraction], high: dict[Hashable, Fraction | None]) -> bool:
        changed = False
        for part, whole in self.at_most:
            if isinstance(whole, Fraction):
                changed |= self._set(part, None, whole, low, high)
            elif isinstance(part, Fraction):
                changed |= self._set(whole, part, None, low, high)
            else:
                changed |= self._set(part, None, high[whole], low, high)
                changed |= self._set(whole, low[part], None, low, high)
        return changed

    def _set(
        self,
        name: Hashable,
        bottom: Fraction | None,
        top: Fraction | None,
        low: dict[Hashable, Fraction],
        high: dict[Hashable, Fraction | None],
    ) -> bool:
        changed = False
        if bottom is not None:
            bottom = Fraction(math.ceil(bottom)) if name in self.counts else bottom
            if bottom > low[name]:
                low[name], changed = bottom, True
        if top is not None:
            top = Fraction(math.floor(top)) if name in self.counts else top
            before = high[name]
            if before is None or top < before:
                high[name], changed = top, True
        return changed


def _times(factor: Fraction, value: Fraction | None) -> Fraction | None:
    return None if value is None else factor * value


class _Sum:
    """A sum of ends, of which some may be endless; less gives it without one of them."""

    def __init__(self, ends: list[Fraction | None]) -> None:
        self.known = sum((e for e in ends if e is not None), Fraction(0))
        self.endless = sum(e is None for e in ends)

    def less(self, end: Fraction | None) -> Fraction | None:
        if end is None:
            return self.known if self.endless == 1 else None
        return None if self.endless else self.known - end


def _solved(equations: Iterable[Row]) -> list[Row]:
    """The equations solved for one unknown each (Gauss–Jordan), exactly."""
    solved: dict[Hashable, Row] = {}
    holders: dict[Hashable, set[Hashable]] = {}
    for given, total in equations:
        terms, rest = dict(given), total
        for name in [n for n in terms if n in solved]:
            terms, rest = _less(terms, rest, terms[name], *solved[name])
        if not terms:
            assert rest == 0, "what is shown contradicts itself"
            continue
        pivot = min(terms, key=lambda n: len(holders.get(n, ())))
        factor = terms[pivot]
        row = ({n: f / factor for n, f in terms.items()}, rest / factor)
        for holder in list(holders.get(pivot, ())):
            if holder in solved and pivot in solved[holder][0]:
                old_terms, old_rest = solved[holder]
                solved[holder] = _less(old_terms, old_rest, old_terms[pivot], *row)
                for n in solved[holder][0]:
                    holders.setdefault(n, set()).add(holder)
        solved[pivot] = row
        for n in row[0]:
            holders.setdefault(n, set()).add(pivot)
    return list(solved.values())


def _less(
    terms: Mapping[Hashable, Fraction],
    rest: Fraction,
    factor: Fraction,
    other: Mapping[Hashable, Fraction],
    other_rest: Fraction,
) -> Row:
    """A row less factor times another."""
    out = dict(terms)
    for name, f in other.items():
        value = out.get(name, Fraction(0)) - factor * f
        if value:
            out[name] = value
        else:
            out.pop(name, None)
    return out, rest - factor * other_rest
