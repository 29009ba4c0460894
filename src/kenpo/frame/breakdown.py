"""Breakdowns (内訳): the axes a measure can be split by, and how their values read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import ibis

from kenpo.base.age import five_year_band
from kenpo.base.branches import BRANCHES
from kenpo.base.industries import SECTIONS
from kenpo.base.municipalities import municipalities
from kenpo.lake import Expression, Lake
from kenpo.lake.tables.derived import CARES, UNMATCHED

OLDEST_BAND = 15
"""The number of the age band 75 and over; a band is the age divided by five."""

_UNKNOWN = "不明"
_KIND_TITLES = {"medical": "医科", "dpc": "DPC", "dental": "歯科", "pharmacy": "調剤"}
_SIZES = (1, 3, 5, 10, 20, 30, 50, 100, 300, 500, 1000)
_MATCHES = {None: "照合できた", **UNMATCHED}
_PREFECTURES = {b.code: b.prefecture for b in BRANCHES}


@dataclass(frozen=True)
class Breakdown:
    """A way to split a measure: the column units must carry, and how a key of it reads.

    key: expression over the units. stored: kept by refresh; others are computed when asked for. shared: the keys of an
    axis that members do not have, such as the kind of care; units whose key is NULL belong to each of them. order: the
    labels in the order they are shown, when it is not that of the text. partial: units without a key are left out.
    """

    name: str
    title: str
    needs: str
    key: Callable[[Expression], Any]
    label: Callable[[Any], str]
    stored: bool = False
    shared: tuple[Any, ...] = ()
    order: tuple[str, ...] = ()
    partial: bool = False


def age_band(age: Expression) -> Expression:
    """The number of the five-year age band: 0 for 0 to 4, 15 for 75 and over; NULL for an unknown age."""
    # LEAST leaves NULL out, and would put an unknown age into the oldest band.
    return ibis.ifelse(age.isnull(), ibis.null("int16"), ibis.least(age // 5, OLDEST_BAND).cast("int16"))


def _band(number: int | None) -> str:
    return _UNKNOWN if number is None else five_year_band(int(number) * 5)


def _text(value: Any) -> str:
    return _UNKNOWN if value is None else str(value)


def _titles(titles: dict[Any, str]) -> Callable[[Any], str]:
    return lambda value: titles.get(value, _UNKNOWN)


@cache
def _namesakes() -> frozenset[str]:
    return frozenset(name for name, times in Counter(municipalities().values()).items() if times > 1)


def place(code: str | None) -> str:
    """A municipality as it reads: its name, with the prefecture before a name that several have (東京都府中市)."""
    if code is None:
        return _UNKNOWN
    name = municipalities().get(code)
    if name is None:
        return code
    return _PREFECTURES.get(code[:2], "") + name if name in _namesakes() else name


def _places() -> tuple[str, ...]:
    """Every municipality as it reads, in the order of the codes."""
    return tuple(place(code) for code in municipalities())


def _size(people: Expression) -> Expression:
    """The place of a size class: 0 for nobody, 1 for 1 or 2, and so on."""
    steps: Any = ibis.literal(0)
    for low in _SIZES:
        steps = steps + ibis.ifelse(people >= low, 1, 0)
    return ibis.ifelse(people.isnull(), ibis.null("int16"), steps).cast("int16")


_SIZE_TITLES = (
    "0人",
    *(f"{low}-{after - 1}人" for low, after in pairwise(_SIZES)),
    f"{_SIZES[-1]}人以上",
)


def _workplace(units: Expression) -> Expression:
    return units.branch + ibis.literal("-") + units.workplace


def listed(values: Sequence[str], axis: Breakdown, most: int = 20) -> str:
    """Values of an axis for a message, in their order, not more than fit."""
    places = {label: n for n, label in enumerate(axis.order)}
    ordered = sorted(values, key=lambda v: (places.get(v, len(places)), v))
    return "、".join(ordered[:most]) + ("など" if len(ordered) > most else "")


def municipality_of(lake: Lake, units: Expression) -> Expression:
    """Units with the municipality of their institution, as its latest address has it."""
    known = lake.table("institution").filter(lambda t: t.municipality.notnull())
    latest = known.group_by("institution").aggregate(
        municipality=known.municipality.argmax(known.claim_month)
    )
    return units.left_join(latest, "institution")


BREAKDOWNS: dict[str, Breakdown] = {
    b.name: b
    for b in (
        Breakdown("kind", "レセプト種類", "kind", lambda u: u.kind, _titles(_KIND_TITLES), stored=True),
        Breakdown(
            "care",
            "診療種別",
            "care",
            lambda u: u.care,
            _titles(CARES),
            stored=True,
            shared=tuple(CARES),
            order=tuple(CARES.values()),
        ),
        Breakdown("age_band", "年齢階級", "age", lambda u: age_band(u.age), _band, stored=True),
        Breakdown(
            "sex",
            "性別",
            "sex",
            lambda u: u.sex,
            _titles({"1": "男", "2": "女"}),
            stored=True,
            order=("男", "女"),
        ),
        Breakdown(
            "member_kind",
            "本人家族",
            "member_kind",
            lambda u: u.member_kind,
            _titles({"insured": "被保険者", "dependent": "被扶養者"}),
            stored=True,
            order=("被保険者", "被扶養者"),
        ),
        Breakdown(
            "size",
            "事業所規模",
            "insured",
            lambda u: _size(u.insured),
            lambda v: _UNKNOWN if v is None else _SIZE_TITLES[v],
            stored=True,
            order=_SIZE_TITLES,
        ),
        Breakdown(
            "match",
            "照合結果",
            "reason",
            lambda u: u.reason,
            _titles(_MATCHES),
            stored=True,
            order=tuple(_MATCHES.values()),
        ),
        Breakdown("residence", "居住市区町村", "residence", lambda u: u.residence, place, order=_places()),
        Breakdown(
            "industry",
            "産業大分類",
            "industry_section",
            lambda u: u.industry_section,
            lambda v: SECTIONS.get(v, _UNKNOWN),
            order=tuple(SECTIONS.values()),
        ),
        Breakdown(
            "workplace",
            "事業所",
            "workplace",
            _workplace,
            lambda v: "事業所なし" if v is None else v,
        ),
        Breakdown(
            "prefecture",
            "医療機関の都道府県",
            "institution",
            lambda u: u.institution.left(2),
            _titles(_PREFECTURES),
        ),
        Breakdown(
            "municipality",
            "医療機関の市区町村",
            "municipality",
            lambda u: u.municipality,
            place,
            order=_places(),
        ),
        Breakdown("institution", "医療機関・薬局", "institution", lambda u: u.institution, _text),
        Breakdown(
            "pharmacy",
            "薬局",
            "institution",
            lambda u: ibis.cases((u.kind == "pharmacy", u.institution)),
            _text,
            partial=True,
        ),
    )
}
