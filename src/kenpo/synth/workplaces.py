"""Workplaces (事業所) of the invented branch: sizes, industries, places, openings and closings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kenpo.base.municipalities import municipalities
from kenpo.synth.setting import NEVER, Days, Floats, Ints, Setting, day_number

# About 80 % of workplaces with fewer than 10 insured, mean a little under 10 (事業所規模別適用状況).
_MEDIAN_SIZE, _SIGMA, _LARGEST = 2.5, 1.646, 3000
_CLOSING_PER_YEAR = 0.012

# Industry divisions (中分類) and their weights among workplaces, relative to one another.
_INDUSTRIES = {
    "06": 52, "07": 36, "08": 30, "09": 22, "11": 8, "16": 9, "18": 10, "22": 8, "24": 26, "26": 22, "29": 8,
    "31": 14, "32": 12, "39": 30, "43": 10, "44": 58, "47": 8, "52": 24, "53": 30, "54": 26, "55": 24, "58": 26,
    "59": 30, "60": 48, "65": 3, "67": 14, "68": 11, "69": 11, "70": 5, "72": 24, "73": 5, "74": 20, "75": 10,
    "76": 44, "78": 13, "79": 8, "80": 7, "81": 12, "82": 15, "83": 115, "85": 140, "87": 4, "88": 12, "89": 14,
    "90": 7, "91": 14, "92": 36, "93": 8, "94": 5, "95": 6, "01": 9, "03": 2, "05": 2, "33": 2, "36": 2, "99": 4,
}  # fmt: skip

VOLUNTARY_SYMBOL = "97000001"


@dataclass(frozen=True)
class Workplaces:
    """All workplaces, by index; those from `successor` on open when an earlier one closes.

    sizes: insured at the beginning. ends: cumulative sizes, so that slot s is at the first workplace whose end is
    above s. closing: month index at whose end it closes (全喪), or NEVER. successor: index of the workplace that
    takes over its slots. symbol: 事業所記号.
    """

    sizes: Ints
    ends: Ints
    industry: list[str]
    municipality: list[str]
    applied_on: Days
    closing: Ints
    closed_on: Days
    successor: Ints
    consultant: np.ndarray
    electronic: np.ndarray

    @property
    def count(self) -> int:
        """Workplaces in all, successors included."""
        return len(self.industry)

    @property
    def slots(self) -> int:
        """Places of insured people (被保険者の席) at the beginning."""
        return int(self.ends[-1])

    def symbol(self, index: int) -> str:
        """事業所記号, eight digits beginning with 99."""
        return f"99{index:06d}"

    def of_slots(self, slots: Ints, month: int) -> Ints:
        """The workplace of each slot in a month."""
        base = np.searchsorted(self.ends, slots, side="right")
        gone = self.closing[base] < month
        return np.where(gone, self.successor[base], base)


def neighbour_of(prefecture: str) -> str:
    """The prefecture (two digits) in which some members live and are treated: the one before, and 02 for 01."""
    return "02" if prefecture == "01" else f"{int(prefecture) - 1:02d}"


def place_weights(prefecture: str) -> tuple[list[str], Floats]:
    """Municipalities of a prefecture (wards in place of their city) and how many people live in each, as weights."""
    known = municipalities()
    own = [c for c in known if c.startswith(prefecture)]
    cities = {known[c] for c in own}
    with_wards = {n for n in cities if n.endswith("市") and any(o != n and o.startswith(n) for o in cities)}
    codes = [c for c in own if known[c] not in with_wards]
    towns = np.array([known[c].endswith(("町", "村")) for c in codes])
    rank = np.arange(1, len(codes) + 1)
    weights = np.where(towns, 0.12, 1.0) / rank**0.6
    return codes, weights / weights.sum()


def make_workplaces(setting: Setting, slots: int) -> Workplaces:
    """Workplaces with `slots` insured people in all."""
    random = setting.random(1)
    sizes: list[int] = []
    left = slots
    largest = max(5, min(_LARGEST, slots // 12))
    while left > 0:
        drawn = np.exp(random.normal(np.log(_MEDIAN_SIZE), _SIGMA, 4096))
        for size in np.clip(np.rint(drawn), 1, largest).astype(int):
            sizes.append(min(int(size), left))
            left -= sizes[-1]
            if left <= 0:
                break
    first = np.array(sizes, dtype=np.int64)
    small = first <= 4
    closes = small & (random.random(len(first)) < _CLOSING_PER_YEAR * setting.months / 12)
    if setting.months < 3:
        closes[:] = False
    closing = np.where(closes, random.integers(1, max(2, setting.months - 1), len(first)), NEVER)
    ceased = np.flatnonzero(closes)
    count = len(first) + len(ceased)
    successor = np.full(len(first), -1, dtype=np.int64)
    successor[ceased] = np.arange(len(first), count)
    starts = setting.month_starts
    begin = day_number(setting.first)
    applied = random.integers(day_number(setting.first.replace(year=1965)), begin - 400, count)
    applied[len(first) :] = starts[closing[ceased] + 1]
    closed = np.full(count, NEVER, dtype=np.int64)
    closed[ceased] = starts[closing[ceased] + 1]
    weights = np.array(list(_INDUSTRIES.values()), dtype=float)
    divisions = list(_INDUSTRIES)
    industry = random.choice(len(divisions), count, p=weights / weights.sum())
    codes, share = place_weights(setting.branch)
    place = random.choice(len(codes), count, p=share)
    every = np.concatenate([first, first[ceased]])
    return Workplaces(
        sizes=every,
        ends=np.cumsum(first),
        industry=[divisions[i] for i in industry],
        municipality=[codes[i] for i in place],
        applied_on=applied,
        closing=np.concatenate([closing, np.full(len(ceased), NEVER)]),
        closed_on=closed,
        successor=np.concatenate([successor, np.full(len(ceased), -1)]),
        consultant=random.random(count) < 0.55,
        electronic=random.random(count) < np.where(every >= 50, 0.8, 0.35),
    )
