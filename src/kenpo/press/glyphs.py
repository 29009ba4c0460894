"""What the packaged font can print (字形の有無): read from the font's own table of characters (cmap)."""

from __future__ import annotations

import struct
from functools import cache

from kenpo.press.fonts import FOLDERS

_UCS4, _VARIATIONS = 12, 14


@cache
def characters() -> frozenset[int]:
    """The code points every packaged weight has a glyph for."""
    found = [_points(table) for table in _tables(_UCS4)]
    return frozenset.intersection(*found)


@cache
def variants() -> frozenset[tuple[int, int]]:
    """The pairs of code point and variation selector (異体字セレクタ) every packaged weight knows."""
    found = [_pairs(table) for table in _tables(_VARIATIONS)]
    return frozenset.intersection(*found)


def _tables(form: int) -> list[bytes]:
    """The subtable of a form in each font's cmap."""
    out = []
    for folder in FOLDERS:
        (path,) = folder.glob("*.otf")
        font = path.read_bytes()
        (tables,) = struct.unpack_from(">H", font, 4)
        heads = [struct.unpack_from(">4sLLL", font, 12 + 16 * n) for n in range(tables)]
        at, length = next((start, size) for tag, _, start, size in heads if tag == b"cmap")
        cmap = font[at : at + length]
        (count,) = struct.unpack_from(">H", cmap, 2)
        starts = [struct.unpack_from(">L", cmap, 4 + 8 * n + 4)[0] for n in range(count)]
        out.append(next(cmap[s:] for s in starts if struct.unpack_from(">H", cmap, s)[0] == form))
    return out


def _points(table: bytes) -> frozenset[int]:
    (groups,) = struct.unpack_from(">L", table, 12)
    points: set[int] = set()
    for n in range(groups):
        first, last, glyph = struct.unpack_from(">LLL", table, 16 + 12 * n)
        points.update(range(first + (glyph == 0), last + 1))
    return frozenset(points)


def _pairs(table: bytes) -> frozenset[tuple[int, int]]:
    (records,) = struct.unpack_from(">L", table, 6)
    pairs: set[tuple[int, int]] = set()
    for n in range(records):
        at = 10 + 11 * n
        selector = int.from_bytes(table[at : at + 3], "big")
        usual, other = struct.unpack_from(">LL", table, at + 3)
        if usual:
            for i in range(struct.unpack_from(">L", table, usual)[0]):
                spot = usual + 4 + 4 * i
                first, more = int.from_bytes(table[spot : spot + 3], "big"), table[spot + 3]
                pairs.update((point, selector) for point in range(first, first + more + 1))
        if other:
            for i in range(struct.unpack_from(">L", table, other)[0]):
                spot = other + 4 + 5 * i
                pairs.add((int.from_bytes(table[spot : spot + 3], "big"), selector))
    return frozenset(pairs)
