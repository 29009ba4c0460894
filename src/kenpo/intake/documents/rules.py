"""Tables of a PDF page from the rules drawn on it (罫線): lines, frames and thin bars become the grid of a table."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

_NEAR = 3.0
_THIN = 3.0
_SHORTEST = 6.0
_MOST_PATHS = 20_000

Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Rule:
    """A rule: where it stands across its direction, and from where to where it runs."""

    at: float
    start: float
    end: float

    def covers(self, place: float) -> bool:
        """Whether it runs past this place."""
        return self.start - _NEAR <= place <= self.end + _NEAR


@dataclass(frozen=True)
class Box:
    """A cell of a grid: its place and span, counted from 0, and its edges on the page."""

    row: int
    column: int
    rows: int
    columns: int
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, x: float, y: float) -> bool:
        """Whether the point lies inside."""
        return self.left <= x < self.right and self.top <= y < self.bottom


@dataclass(frozen=True)
class Grid:
    """A ruled table: the places of its rules from left to right and from top to bottom, and its cells."""

    across: tuple[float, ...]
    down: tuple[float, ...]
    boxes: tuple[Box, ...]

    def holds(self, x: float, y: float) -> bool:
        """Whether the point lies inside the table."""
        return self.across[0] <= x < self.across[-1] and self.down[0] <= y < self.down[-1]

    @property
    def area(self) -> float:
        """Its area on the page."""
        return (self.across[-1] - self.across[0]) * (self.down[-1] - self.down[0])


def grids(page: Any, turned: Any) -> list[Grid]:
    """The ruled tables of a page, the smallest first. turned: from a point of the page to one seen from above left."""
    level: list[Rule] = []
    upright: list[Rule] = []
    for (x0, y0), (x1, y1) in _strokes(page, turned):
        if abs(y1 - y0) < 1 and abs(x1 - x0) >= 1:
            level.append(Rule((y0 + y1) / 2, min(x0, x1), max(x0, x1)))
        elif abs(x1 - x0) < 1 and abs(y1 - y0) >= 1:
            upright.append(Rule((x0 + x1) / 2, min(y0, y1), max(y0, y1)))
    found = [grid for h, v in _groups(_joined(level), _joined(upright)) if (grid := _grid(h, v))]
    return sorted(found, key=lambda grid: grid.area)


def _strokes(page: Any, turned: Any) -> Iterator[tuple[Point, Point]]:
    paths = page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=6)
    for path in itertools.islice(paths, _MOST_PATHS):
        filled, stroked = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDFPath_GetDrawMode(path, filled, stroked)
        if not filled.value and not stroked.value:
            continue
        matrices = [_matrix(step) for step in _inside_out(path)]
        for points in _outlines(path):
            seen = [turned(*_moved(point, matrices)) for point in points]
            if stroked.value:
                yield from itertools.pairwise(seen)
            elif bar := _bar(seen):
                yield bar


def _inside_out(item: Any) -> Iterator[Any]:
    while item is not None:
        yield item
        item = item.container


def _matrix(item: Any) -> Matrix:
    return tuple(item.get_matrix().get())


def _moved(point: Point, matrices: Iterable[Matrix]) -> Point:
    x, y = point
    for a, b, c, d, e, f in matrices:
        x, y = a * x + c * y + e, b * x + d * y + f
    return x, y


def _outlines(path: Any) -> Iterator[list[Point]]:
    """The corners of each part of a path; parts with curves are left out."""
    points: list[Point] = []
    curved = False
    x, y = ctypes.c_float(), ctypes.c_float()
    for n in range(pdfium.FPDFPath_CountSegments(path)):
        segment = pdfium.FPDFPath_GetPathSegment(path, n)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            if len(points) > 1 and not curved:
                yield points
            points, curved = [], False
        curved = curved or kind == pdfium.FPDF_SEGMENT_BEZIERTO
        points.append((x.value, y.value))
        if pdfium.FPDFPathSegment_GetClose(segment) and points[0] != points[-1]:
            points.append(points[0])
    if len(points) > 1 and not curved:
        yield points


def _bar(points: list[Point]) -> tuple[Point, Point] | None:
    """The line along the middle of a thin filled shape, which stands for a rule; None for an area."""
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    if bottom - top <= _THIN < right - left:
        return (left, (top + bottom) / 2), (right, (top + bottom) / 2)
    if right - left <= _THIN < bottom - top:
        return ((left + right) / 2, top), ((left + right) / 2, bottom)
    return None


def _joined(rules: list[Rule]) -> list[Rule]:
    """The rules with those on one line joined, dashes too; the shortest are left out."""
    found: list[Rule] = []
    for line in _lines(rules):
        at = sum(rule.at for rule in line) / len(line)
        start, end = line[0].start, line[0].end
        for rule in line[1:]:
            if rule.start > end + _NEAR:
                found.append(Rule(at, start, end))
                start = rule.start
                end = rule.end
            end = max(end, rule.end)
        found.append(Rule(at, start, end))
    return [rule for rule in found if rule.end - rule.start >= _SHORTEST]


def _lines(rules: list[Rule]) -> Iterator[list[Rule]]:
    line: list[Rule] = []
    for rule in sorted(rules, key=lambda rule: rule.at):
        if line and rule.at - line[-1].at > _NEAR / 2:
            yield sorted(line, key=lambda rule: rule.start)
            line = []
        line.append(rule)
    if line:
        yield sorted(line, key=lambda rule: rule.start)


def _groups(level: list[Rule], upright: list[Rule]) -> Iterator[tuple[list[Rule], list[Rule]]]:
    """Rules that touch each other, straight or by way of others."""
    rest_level, rest_upright = set(range(len(level))), set(range(len(upright)))
    while rest_level:
        h, v = {rest_level.pop()}, set[int]()
        waiting = [(True, next(iter(h)))]
        while waiting:
            is_level, n = waiting.pop()
            rule = level[n] if is_level else upright[n]
            others, rest, taken = (upright, rest_upright, v) if is_level else (level, rest_level, h)
            touched = {m for m in rest if rule.covers(others[m].at) and others[m].covers(rule.at)}
            rest -= touched
            taken |= touched
            waiting += [(not is_level, m) for m in touched]
        yield [level[n] for n in h], [upright[n] for n in v]


def _places(rules: list[Rule], beside: list[Rule]) -> list[float]:
    """Where rules stand, and the open sides to which the rules across them reach."""
    found = sorted(rule.at for rule in rules)
    ends = [min(rule.start for rule in beside), max(rule.end for rule in beside)]
    found += [end for end in ends if not found or min(abs(end - at) for at in found) > 2 * _NEAR]
    places: list[float] = []
    for at in sorted(found):
        if not places or at - places[-1] > _NEAR:
            places.append(at)
    return places


def _grid(level: list[Rule], upright: list[Rule]) -> Grid | None:
    """The table these rules draw; None when they draw less than two cells."""
    if len(level) < 2 or not upright:
        return None
    across, down = _places(upright, level), _places(level, upright)
    if len(across) < 2 or len(down) < 2 or (len(across) == 2 and len(down) == 2):
        return None
    rows, columns = len(down) - 1, len(across) - 1

    def parted(rules: list[Rule], at: float, start: float, end: float) -> bool:
        return any(abs(rule.at - at) <= _NEAR and rule.covers((start + end) / 2) for rule in rules)

    below = [
        [parted(level, down[r + 1], across[c], across[c + 1]) for c in range(columns)]
        for r in range(rows - 1)
    ]
    beside = [
        [parted(upright, across[c + 1], down[r], down[r + 1]) for c in range(columns - 1)]
        for r in range(rows)
    ]
    boxes: list[Box] = []
    taken: set[tuple[int, int]] = set()
    for r, c in itertools.product(range(rows), range(columns)):
        if (r, c) in taken:
            continue
        wide = 1
        while c + wide < columns and not beside[r][c + wide - 1] and (r, c + wide) not in taken:
            wide += 1
        high = 1
        while r + high < rows and _is_open(
            below[r + high - 1][c : c + wide], beside[r + high][c : c + wide - 1]
        ):
            high += 1
        taken |= {(r + i, c + j) for i in range(high) for j in range(wide)}
        boxes.append(Box(r, c, high, wide, across[c], down[r], across[c + wide], down[r + high]))
    return Grid(tuple(across), tuple(down), tuple(boxes))


def _is_open(below: list[bool], beside: list[bool]) -> bool:
    return not any(below) and not any(beside)
