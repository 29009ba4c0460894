"""Institutions and pharmacies (医療機関・薬局) of the invented branch: where they are and who goes to which."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np

from kenpo.base.branches import branch
from kenpo.synth.names import address_of
from kenpo.synth.records import Institution
from kenpo.synth.setting import Bools, Ints, Setting
from kenpo.synth.workplaces import neighbour_of, place_weights

CLINIC, HOSPITAL, DENTIST, PHARMACY = range(4)
_TABLE = ("1", "1", "3", "4")
_PER_1000 = (2.2, 0.22, 1.2, 1.6)
_LEAST = (6, 3, 4, 6)
_WORDS = (
    ("見本医院", "架空クリニック", "例示内科", "仮名診療所", "模擬整形外科"),
    ("見本中央病院", "架空総合病院", "例示病院", "仮想記念病院"),
    ("見本歯科", "架空歯科医院", "例示デンタルクリニック"),
    ("見本薬局", "架空調剤薬局", "例示ファーマシー", "仮想薬局"),
)
_NUMBER = (9900000, 9950000, 9900000, 9900000)
_OUTSIDE = 0.05
_SORTS = {"1": "医科", "3": "歯科", "4": "薬局"}
_HEADINGS = (
    "項番", "都道府県コード", "都道府県名", "区分", "医療機関番号", "医療機関名称", "医療機関所在地（郵便番号）",
    "医療機関所在地（住所）", "電話番号", "受理届出名称",
)  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Institutions of one sort. municipality: code of each; dispenses: prescribes within the house (院内処方)."""

    institutions: tuple[Institution, ...]
    municipality: list[str]
    dispenses: Bools
    _by_place: dict[str, Ints]

    def choose(self, places: list[str], random: np.random.Generator, at_home: float = 0.72) -> Ints:
        """One institution for each place of residence: mostly of the same municipality when it has one."""
        count = len(places)
        anywhere = random.integers(0, len(self.institutions), count)
        near = random.random(count) < at_home
        draw = random.random(count)
        out = anywhere
        labels = np.array(places)
        for place, members in self._by_place.items():
            here = near & (labels == place)
            out = np.where(here, members[(draw * len(members)).astype(np.int64)], out)
        return out


@dataclass(frozen=True)
class Institutions:
    """All institutions by sort: clinics, hospitals, dentists, pharmacies."""

    groups: tuple[Group, Group, Group, Group]

    def __getitem__(self, sort: int) -> Group:
        return self.groups[sort]


def make_institutions(setting: Setting) -> Institutions:
    """Institutions in proportion to the members, a few of them in the prefecture next door."""
    random = setting.random(5)
    codes, weights = place_weights(setting.branch)
    others, shares = place_weights(neighbour_of(setting.branch))
    groups = []
    for sort in range(4):
        count = max(_LEAST[sort], round(setting.members * _PER_1000[sort] / 1000))
        inside = random.choice(len(codes), count, p=weights)
        outside = random.choice(len(others), count, p=shares)
        places = [
            others[o] if away else codes[i]
            for i, o, away in zip(inside, outside, random.random(count) < _OUTSIDE, strict=True)
        ]
        words = _WORDS[sort]
        made = tuple(
            Institution(
                prefecture=place[:2],
                table=_TABLE[sort],
                code=f"{_NUMBER[sort] + n:07d}",
                name=f"{words[n % len(words)]}{n:04d}",
                phone="00-0000-0000",
                address=address_of(place, n),
            )
            for n, place in enumerate(places, start=1)
        )
        labels = np.array(places)
        by_place = {place: np.flatnonzero(labels == place) for place in sorted(set(places))}
        groups.append(Group(made, places, random.random(count) < 0.2, by_place))
    return Institutions(tuple(groups))


def list_text(institutions: Institutions) -> bytes:
    """All of them as a published list (届出受理医療機関名簿) in CSV, with the headings."""
    rows: list[tuple[str, ...]] = [_HEADINGS]
    everyone = sorted(
        chain.from_iterable(group.institutions for group in institutions.groups),
        key=lambda i: (i.prefecture, i.table, i.code),
    )
    for n, i in enumerate(everyone, start=1):
        place = branch(i.prefecture).prefecture
        sort = _SORTS[i.table]
        rows.append(
            (str(n), i.prefecture, place, sort, i.code, i.name, "000-0000", i.address, i.phone, "架空の届出")
        )
    return "".join(",".join(row) + "\r\n" for row in rows).encode("cp932")
