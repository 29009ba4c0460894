"""What the page of one KPI adds to its row (KPIの画面): who makes up the gap, the year as a table, charts of the branches.

The gap of a rate to a level is the sum of what each unit adds to it, exactly: a unit adds its numerator less what the level
would ask of its denominator, over the denominator of all. So a unit that adds −0.4 points is 0.4 points of the branch's gap:
were it at the level, the branch's figure would be that much higher.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import altair as alt
import polars as pl
from pydantic import TypeAdapter

from kenpo.base.branches import BRANCHES, NATION_CODE, branch_or_nation
from kenpo.base.document import Chart
from kenpo.base.fiscal import fiscal_year_label, fy, fy_months
from kenpo.base.money import Number, exact, round_ratio
from kenpo.catalogue import MEASURES
from kenpo.frame import BREAKDOWNS, Measure, figures
from kenpo.frame.parts import axes_of as parts_axes
from kenpo.frame.parts import names_of, parts
from kenpo.frame.suppression import added
from kenpo.lake import Lake
from kenpo.office.boards import Course
from kenpo.plan.history import precision_of, window_of
from kenpo.plan.model import Kpi, Row
from kenpo.plan.path import MONTHS
from kenpo.plan.rollup import Line
from kenpo.plan.targets import number_text
from kenpo.plan.vocabulary import known
from kenpo.press import charts

# ---- the gap -----------------------------------------------------------------------------------------------------

SHOWN = 5
"""How many units are named: the few that explain most."""

OTHERS = "その他"

Sums = tuple[Number, Number]
"""Numerator and denominator."""


@dataclass(frozen=True)
class Part:
    """What one unit adds to the gap (差への寄与), in the measure's unit; units: of how many it is the sum."""

    name: str
    numerator: Fraction
    denominator: Fraction
    adds: Fraction
    units: int = 1


def contributions(
    units: Mapping[str, Sums], total: Sums, level: Number, *, scale: int = 1, hidden: int = 0
) -> tuple[Part, ...]:
    """What each unit adds to rate − level, the largest first; the parts add up to the whole, exactly.

    scale: 100 for a percentage. What of the total is in no unit comes last, as one part; hidden: of how many units it is,
    where small numbers are not shown. Empty when the total has no rate.
    """
    whole = exact(total[1])
    if not whole:
        return ()
    each = [_part(name, *sums, whole, level, scale) for name, sums in units.items()]
    numerator = exact(total[0]) - sum((p.numerator for p in each), Fraction(0))
    denominator = whole - sum((p.denominator for p in each), Fraction(0))
    each.sort(key=lambda p: (-abs(p.adds), p.name))
    if numerator or denominator or hidden:
        rest = _part(OTHERS, numerator, denominator, whole, level, scale)
        each.append(replace(rest, units=max(hidden, 1)))
    return tuple(each)


def _part(
    name: str, numerator: Number, denominator: Number, whole: Fraction, level: Number, scale: int
) -> Part:
    over, under = exact(numerator), exact(denominator)
    return Part(name, over, under, (scale * over - exact(level) * under) / whole)


def main_parts(parts: Sequence[Part], shown: int = SHOWN) -> tuple[Part, ...]:
    """The few units that pull the way of the whole gap, strongest first, and all others as one part: the same sum."""
    gap = sum((p.adds for p in parts), Fraction(0))
    named = [p for p in parts if p.name != OTHERS and p.adds * gap > 0][:shown]
    others = [p for p in parts if p not in named]
    if not others:
        return tuple(named)
    rest = Part(
        OTHERS,
        sum((p.numerator for p in others), Fraction(0)),
        sum((p.denominator for p in others), Fraction(0)),
        sum((p.adds for p in others), Fraction(0)),
        sum(p.units for p in others),
    )
    return (*named, rest)


FINE = ("workplace", "institution", "municipality", "residence")
COARSE = ("industry", "age_band", "sex")
"""The axes a gap can be split by: of the fine ones the few units that explain most are shown, of the others all."""

AGAINST = {"target": "目標", "nation": "全国"}


def axes_of(measure: Measure | None, row: Row, branch: str) -> tuple[str, ...]:
    """By what units the gap of a row can be split: a computed rate only, and the nation's not by single units."""
    if measure is None or measure.form == "count" or row.actual is None:
        return ()
    if row.actual.source != "computed" or row.actual.value is None:
        return ()
    own = parts_axes(measure)
    single = ("workplace", "institution") if branch == NATION_CODE else ()
    return tuple(a for a in (*FINE, *COARSE) if a in own and a not in single)


def level_of(row: Row, against: str) -> tuple[Fraction, str] | None:
    """What a figure is held against, exactly, and in words; None when there is none."""
    if against == "target":
        asked = row.expected if row.expected is not None else row.level
        word = "段階目標" if row.expected is not None else "目標"
        return None if asked is None else (exact(asked), f"{word} {number_text(asked, row.unit)}")
    nation = row.nation
    if nation is None or nation.value is None:
        return None
    words = f"全国 {row.nation_text}"
    if nation.numerator is not None and nation.denominator:
        scale = 100 if row.unit == "%" else 1
        return scale * exact(nation.numerator) / exact(nation.denominator), words
    return exact(nation.value), words


def levels_of(row: Row) -> dict[str, str]:
    """What a row can be held against: the key and the word of each."""
    return {key: word for key, word in AGAINST.items() if level_of(row, key) is not None}


@dataclass(frozen=True)
class GapRow:
    """A unit of a gap as it is shown: what it adds and its own rate at the measure's precision, or － without one."""

    name: str
    units: int
    rate: str
    adds: Decimal
    share: Decimal | None

    @property
    def said(self) -> str:
        """What it adds, with its sign."""
        return f"{self.adds:+,}"


@dataclass(frozen=True)
class Gap:
    """Who makes up a gap (差の内訳): against what, the gap, and the few units that explain most, with all others."""

    against: str
    axis: str
    gap: Decimal
    rows: tuple[GapRow, ...]

    @property
    def said(self) -> str:
        """The gap with its sign."""
        return f"{self.gap:+,}"

    @property
    def named(self) -> bool:
        """Whether any unit is told apart from the others: small numbers may hide them all."""
        return any(row.name != OTHERS for row in self.rows)

    @property
    def shared(self) -> bool:
        """Whether each part is a share of the gap: none pulls the other way."""
        return all(row.share is not None and 0 <= row.share <= 100 for row in self.rows)


GAP: TypeAdapter[Gap | None] = TypeAdapter(Gap | None)
"""How a gap is kept in a file."""


def gap_of(lake: Lake, measure: Measure, row: Row, branch: str, by: str, against: str) -> Gap | None:
    """The gap of a row split by units, from the lake's own sums; None when it cannot be split.

    A rate is not split by units that have no denominator of their own: members belong to no institution.

    Small numbers are suppressed as everywhere (`kenpo.frame.parts`), month by month: what is hidden in any month stands
    among the others. The parts are rounded for people to one digit more than the figure is printed with.
    """
    level = level_of(row, against)
    if by not in axes_of(measure, row, branch) or level is None or row.actual is None:
        return None
    month = date.fromisoformat(f"{row.actual.as_of}-01")
    window = window_of(measure, known(measure.id))
    totals = figures(lake, measure, branch=branch, months=(month, month), window=window)
    tables = [
        parts(lake, MEASURES.values(), measure, branch, m, by)[measure.id, by]
        for m in (fy_months_until(month) if window == "fytd" else (month,))
    ]
    units = added(tables, ("numerator", "denominator"))
    if totals.is_empty() or units is None:
        return None
    shown = units.filter(~pl.col("suppressed"))
    sums = _named(shown, names_of(lake, by, shown["value"].to_list()))
    if any(over and not under for over, under in sums.values()):
        return None
    total = totals.row(0, named=True)
    scale = 100 if measure.form == "percent" else 1
    made = contributions(
        sums,
        (total["numerator"], total["denominator"]),
        level[0],
        scale=scale,
        hidden=units.height - shown.height,
    )
    whole = sum((p.adds for p in made), Fraction(0))
    chosen = main_parts(made) if by in FINE else made
    digits = precision_of(None, known(measure.id), measure)
    return Gap(
        level[1],
        BREAKDOWNS[by].title,
        round_ratio(whole, digits + 1),
        tuple(_gap_row(p, whole, scale, digits, row.unit) for p in chosen),
    )


def _named(rows: pl.DataFrame, names: Mapping[str, str]) -> dict[str, Sums]:
    """The sums of units by their names; by their codes too where several are called the same."""
    told = Counter(names.values())
    found: dict[str, Sums] = {}
    for row in rows.iter_rows(named=True):
        code = str(row["value"])
        name = names.get(code, code)
        found[name if told[name] < 2 else f"{name}（{code}）"] = (row["numerator"], row["denominator"])
    return found


def fy_months_until(month: date) -> tuple[date, ...]:
    """The months of a fiscal year up to one of them."""
    return tuple(m for m in fy_months(fy(month)) if m <= month)


def _gap_row(part: Part, whole: Fraction, scale: int, digits: int, unit: str) -> GapRow:
    rate = round_ratio(scale * part.numerator / part.denominator, digits) if part.denominator else None
    return GapRow(
        part.name,
        part.units,
        "－" if rate is None else number_text(rate, unit),
        round_ratio(part.adds, digits + 1),
        round_ratio(100 * part.adds / whole, 0) if whole else None,
    )


# ---- the year ----------------------------------------------------------------------------------------------------

PAST_YEARS = 3
"""How many past years stand beside this one."""


@dataclass(frozen=True)
class YearTable:
    """The months of a year with the path and past years (月ごとの推移): headings, and a row for every month."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def years_shown(course: Course, year: int) -> tuple[int, ...]:
    """The years that are shown, this one first."""
    return (year, *[y for y in sorted(course.months, reverse=True) if y < year][:PAST_YEARS])


def year_table(row: Row, course: Course, year: int) -> YearTable:
    """The year month by month, figures as they are printed."""
    years = years_shown(course, year)
    heads = ("月", fiscal_year_label(year), *(["段階目標"] if course.path else []))
    heads = (*heads, *(fiscal_year_label(y) for y in years[1:]))

    def text(value: Decimal | None) -> str:
        return "－" if value is None else number_text(value, row.unit)

    rows = []
    for month in MONTHS:
        own = [text(course.months.get(y, {}).get(month)) for y in years]
        way = [text(course.path.get(month))] if course.path else []
        rows.append((f"{month}月", own[0], *way, *own[1:]))
    return YearTable(heads, tuple(rows))


def year_chart(row: Row, course: Course, year: int) -> Chart:
    """The year as a chart: target, path, figures, past years, forecast with its interval."""
    landing = row.forecast
    interval = None
    if landing and landing.value is not None and landing.low is not None and landing.high is not None:
        interval = (float(landing.low), float(landing.value), float(landing.high))
    made = charts.line_chart(
        [charts.Series(fiscal_year_label(y), _months(course, y)) for y in years_shown(course, year)],
        title=year_title(row),
        unit=row.unit,
        digits=digits_of(row),
        target=None if row.level is None else float(row.level),
        path=[_float(course.path.get(m)) for m in MONTHS] if course.path else (),
        forecast=interval,
    )
    return replace(made, spec=_joined(made.spec))


def year_title(row: Row) -> str:
    """The title of the chart of the year."""
    return f"{row.title}の月ごとの推移"


def year_words(row: Row) -> str:
    """What the chart of the year says, for those who cannot see it; its figures stand in the table below."""
    shown = f"いまの値は{row.shown}（{row.as_of}）。" if row.as_of else ""
    target = f"目標は{row.target}。" if row.target else ""
    return f"{year_title(row)}。{shown}{target}月ごとの値は下の表のとおり。"


def _joined(spec: Any) -> Any:
    """A specification without the months that have no figure: a line then goes on to the next that has one."""
    if isinstance(spec, Mapping):
        return {
            k: [v for v in value if v.get("value", 0) is not None] if k == "values" else _joined(value)
            for k, value in spec.items()
            if k != "values" or isinstance(value, list)
        }
    return [_joined(one) for one in spec] if isinstance(spec, list) else spec


def _months(course: Course, year: int) -> list[float | None]:
    return [_float(course.months.get(year, {}).get(m)) for m in MONTHS]


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def digits_of(row: Row) -> int:
    """The decimals a row's figures are printed at."""
    return precision_of(Kpi(measure=row.measure, text=row.text), known(row.measure))


# ---- the branches ------------------------------------------------------------------------------------------------

TILES: Mapping[str, tuple[int, int]] = {
    code: (column, row)
    for row, line in enumerate(
        (
            ".. .. .. .. .. .. .. .. .. .. .. .. 01",
            ".. .. .. .. .. .. .. .. .. .. .. .. 02",
            ".. .. .. .. .. .. .. .. .. .. .. 05 03",
            ".. .. .. .. .. .. .. .. .. .. .. 06 04",
            ".. .. .. .. .. .. .. .. 17 16 15 07 ..",
            ".. .. .. .. 32 31 28 26 18 21 20 10 09",
            "42 41 40 35 34 33 27 25 24 23 19 11 08",
            ".. 43 44 .. 38 37 30 29 .. 22 14 13 12",
            ".. 46 45 .. 39 36 .. .. .. .. .. .. ..",
            "47 .. .. .. .. .. .. .. .. .. .. .. ..",
        )
    )
    for column, code in enumerate(line.split())
    if code != ".."
}
"""Where each branch stands on the tile map (column, row), about as on a map of Japan."""

CLASSES = ("#F2F6FA", "#C9DCEE", "#8FB8DC", "#3F86BF", "#0B4F86")
"""From the last fifth of the branches to the first: one hue that darkens, told apart without colour and on paper."""
_NO_FIGURE = "#FFFFFF"
_DARK = "#333333"


def titles(line: Line) -> dict[str, tuple[str, str]]:
    """The charts a line has: name → title and what it says in words; none without figures, no ranks without a better side."""
    if not any(c.value is not None for c in line.cells):
        return {}
    below = "値は下の表のとおり。"
    spread = f"{line.title}の支部の広がり"
    found = {
        "map": (
            f"{line.title}（{line.unit or '値'}）",
            f"{line.title}の支部ごとの値。濃いほど良い順位の支部。{below}",
        ),
        "spread": (
            spread,
            f"{spread}。点は1つの支部、箱は中ほどの半分の支部、太い線は中央の支部。{below}",
        ),
    }
    if line.ranked:
        found["rank"] = (f"{line.title}の支部の順位", f"{line.title}の支部の順位。{below}")
    return found


def fifth(rank: int | None, ranked: int) -> int | None:
    """Which fifth a place belongs to: 4 the first, 0 the last; None without a place."""
    return None if rank is None or not ranked else 4 - (rank - 1) * 5 // ranked


def map_chart(line: Line) -> Chart:
    """The branches as tiles of equal size about where they lie, each with its figure; the better the darker."""
    values = []
    for cell in line.cells:
        column, row = TILES[cell.branch]
        place = fifth(cell.rank, line.ranked)
        values.append(
            {
                "x": column + 0.5,
                "y": row + 0.5,
                "x0": column + 0.03,
                "x1": column + 0.97,
                "y0": row + 0.03,
                "y1": row + 0.97,
                "name": short(cell.branch),
                "text": "－" if cell.value is None else f"{cell.value:,f}",
                "fill": _NO_FIGURE if place is None else CLASSES[place],
                "ink": "white" if place is not None and place >= 3 else "black",
            }
        )
    base = alt.Chart(alt.Data(values=values))
    none = {"axis": None, "title": None}
    x = {"scale": alt.Scale(domain=[0, 13], nice=False), **none}
    y = {"scale": alt.Scale(domain=[10, 0], nice=False), **none}
    tiles = base.mark_rect(stroke=_DARK, strokeWidth=0.8).encode(
        alt.X("x0:Q", **x),
        alt.Y("y0:Q", **y),
        alt.X2("x1:Q"),
        alt.Y2("y1:Q"),
        fill=alt.Fill("fill:N", scale=None),
    )
    ink = alt.Color("ink:N", scale=None)
    at = (alt.X("x:Q", **x), alt.Y("y:Q", **y))
    names = base.mark_text(dy=-8, fontSize=13).encode(*at, alt.Text("name:N"), ink)
    longest = max((len(v["text"]) for v in values), default=0)
    size = 12 if longest < 7 else 10
    shown = base.mark_text(dy=9, fontSize=size, fontWeight="bold").encode(*at, alt.Text("text:N"), ink)
    title, words = titles(line)["map"]
    return Chart(title, alt.layer(tiles, names, shown).to_dict(), words, 0.78)


def spread_chart(line: Line, own: str) -> Chart:
    """How far the branches lie apart: a dot for each, the box of the middle half, the own one as a diamond."""
    there = [c for c in line.cells if c.value is not None]
    values = [
        {
            "value": float(c.value or 0),
            "name": short(c.branch),
            "own": c.branch == own,
            "row": (n * 7) % 11 - 5,
        }
        for n, c in enumerate(there)
    ]
    data = alt.Data(values=values)
    x = alt.X(
        "value:Q",
        scale=alt.Scale(zero=False, padding=24),
        axis=alt.Axis(title=None, labelExpr=f"datum.label + '{line.unit}'"),
    )
    y = alt.Y("row:Q", scale=alt.Scale(domain=[-9, 9]), axis=None)
    box = (
        alt.Chart(data)
        .mark_boxplot(extent="min-max", size=90, color="#DCE6F0", median={"color": _DARK, "thickness": 3})
        .encode(alt.X("value:Q", title=None), alt.YValue(100))
    )
    dots = (
        alt.Chart(data)
        .mark_point(filled=True, opacity=1, stroke=_DARK, strokeWidth=0.8)
        .encode(
            x,
            y,
            color=alt.condition("datum.own", alt.value("#0072B2"), alt.value("#B8C0CA")),
            size=alt.condition("datum.own", alt.value(260), alt.value(60)),
            shape=alt.condition("datum.own", alt.value("diamond"), alt.value("circle")),
        )
    )
    layers: list[Any] = [box, dots]
    mine = [{**v, "row": 8} for v in values if v["own"]]
    if mine:
        layers.append(
            alt.Chart(alt.Data(values=mine)).mark_text(fontWeight="bold").encode(x, y, alt.Text("name:N"))
        )
    title, words = titles(line)["spread"]
    return Chart(title, alt.layer(*layers).to_dict(), words, 0.34)


def rank_chart(line: Line, own: str, digits: int) -> Chart:
    """The branches from the best to the last with the own one marked, and the nation's figure."""
    return charts.rank_chart(
        [charts.Rank(short(c.branch), _float(c.value)) for c in line.cells if c.rank],
        short(own),
        title=titles(line)["rank"][0],
        unit=line.unit,
        digits=digits,
        mean=_float(line.nation),
        low_is_good=line.better == "lower",
    )


def short(branch: str) -> str:
    """A branch as people call it: 東京; 全国 for the nation."""
    return branch_or_nation(branch).short


def line_digits(line: Line) -> int:
    """The decimals the figures of a line are printed at."""
    return precision_of(None, known(line.measure))


assert len(TILES) == len(BRANCHES), "every branch has its tile"
