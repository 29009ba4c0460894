"""The charts of a report (図): degree of attainment, the year month by month, and the rank among the branches.

Each takes plain numbers and labels and returns a Chart with a description in words. What is told apart by colour is told
apart by shape, dash or lightness too, so that a black-and-white print says the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from kenpo.base.document import Chart
from kenpo.press.drawing import BLUE, GREEN, ORANGE, VERMILION, WIDTH
from kenpo.press.layout import width

MONTHS = tuple(f"{(m + 2) % 12 + 1}月" for m in range(1, 13))
"""The months of a fiscal year as printed, 4月 to 3月."""

_GREY, _DARK = "#767676", "#333333"
_PAST = ([2, 2], [8, 3], [8, 3, 2, 3], [1, 4])


@dataclass(frozen=True)
class Progress:
    """A KPI's degree of attainment (達成の度合い).

    attained: the actual as percent of the target, None when there is no figure. phased: where the phased target
    (段階目標) stands, as percent of the target. shown: the figures as printed, such as 93.0%（目標95.0%以上）.
    """

    label: str
    attained: float | None
    shown: str
    phased: float | None = None


@dataclass(frozen=True)
class Series:
    """A year's figures (年度の推移), one per month from April; None where there is none."""

    label: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Rank:
    """A branch's figure (支部の値). label: the branch without 支部."""

    label: str
    value: float | None


def progress_chart(rows: Sequence[Progress], *, title: str = "KPIの達成の度合い（目標＝100%）") -> Chart:
    """Horizontal bars of the attainment, in the order given, a line at the target and a mark at the phased target.

    The figures stand to the right of the bars, one line a KPI, so that some twenty fit on half a page. The axis ends at
    150 percent; a longer bar is cut there, its figure is printed all the same.
    """
    top = 150 if any((r.attained or 0) > 120 for r in rows) else 120
    beside = top * 1.04
    data = alt.Data(
        values=[
            {
                "label": _folded(r.label, 20),
                "attained": None if r.attained is None else max(0, min(r.attained, top)),
                "phased": r.phased,
                "mark": "段階目標",
                "shown": r.shown,
                "state": "目標以上" if (r.attained or 0) >= 100 else "目標未満",
            }
            for r in rows
        ]
    )
    y = alt.Y(
        "label:N",
        sort=None,
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelPadding=8, labelExpr="split(datum.value, '\\n')"),
    )
    x = alt.Scale(domain=[0, top * 2.35], nice=False)
    axis = alt.Axis(values=[0, 50, 100, top], labelExpr="datum.value + '%'", title=None, grid=True)
    base = alt.Chart(data)
    bars = base.mark_bar(height=13, strokeWidth=1.2).encode(
        alt.X("attained:Q", scale=x, axis=axis),
        y,
        alt.Color(
            "state:N",
            scale=alt.Scale(domain=["目標以上", "目標未満"], range=[BLUE, "#F3C9A5"]),
            legend=alt.Legend(title=None, orient="top"),
        ),
        stroke=alt.value(_DARK),
    )
    text = base.mark_text(align="left").encode(
        alt.X(datum=beside, scale=x, axis=axis), y, alt.Text("shown:N")
    )
    phased = base.mark_point(filled=True, size=90, opacity=1, stroke="white", strokeWidth=1).encode(
        alt.X("phased:Q", scale=x, axis=axis),
        y,
        alt.Shape(
            "mark:N",
            scale=alt.Scale(domain=["段階目標"], range=["diamond"]),
            legend=alt.Legend(title=None, orient="top", symbolFillColor="black"),
        ),
        color=alt.value("black"),
    )
    goal = (
        alt.Chart(alt.Data(values=[{}]))
        .mark_rule(color="black", strokeWidth=2)
        .encode(alt.X(datum=100, scale=x, axis=axis))
    )
    layers = [bars, goal, text, *([phased] if any(r.phased is not None for r in rows) else [])]
    words = "、".join(
        f"{r.label}：{r.shown}" + ("" if r.attained is None else f"で目標の{_floored(r.attained)}%")
        for r in rows
    )
    return _chart(title, alt.layer(*layers), f"{title}。{words}。", (76 + 24 * len(rows)) / WIDTH)


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    unit: str = "%",
    digits: int = 1,
    target: float | None = None,
    path: Sequence[float | None] = (),
    forecast: tuple[float, float, float] | None = None,
) -> Chart:
    """The months of the year: the first series is this year's, the others are past years', the nearest first.

    target: the year's target, a level line. path: the phased target (段階目標) per month. forecast: the end of the
    year as low, middle and high (見込み), drawn at March.
    """
    lines: list[tuple[str, Sequence[float | None], str, list[int], float]] = []
    for n, one in enumerate(series):
        if n == 0:
            lines.append((one.label, one.values, BLUE, [1, 0], 3.5))
        else:
            lines.append((one.label, one.values, _GREY, _PAST[(n - 1) % len(_PAST)], 2))
    if target is not None:
        lines.append(("目標", [target] * 12, VERMILION, [12, 5], 2.5))
    if path:
        lines.append(("段階目標", path, GREEN, [4, 4], 2.5))
    names = [x[0] for x in lines]
    values = [
        {"series": name, "month": MONTHS[m], "value": v}
        for name, row, *_ in lines
        for m, v in enumerate(row[:12])
    ]
    x = alt.X(
        "month:O", scale=alt.Scale(domain=list(MONTHS)), axis=alt.Axis(title=None, labelAngle=0, grid=False)
    )
    y = alt.Y(
        "value:Q",
        scale=alt.Scale(zero=False, padding=18),
        axis=alt.Axis(title=None, labelExpr=f"datum.label + '{unit}'"),
    )
    base = alt.Chart(alt.Data(values=values))
    legend = alt.Legend(
        title=None, orient="top", columns=4 if len(names) < 5 else 3, symbolType="stroke", symbolSize=700
    )
    color = alt.Color("series:N", scale=alt.Scale(domain=names, range=[x[2] for x in lines]), legend=legend)
    strokes = base.mark_line().encode(
        x,
        y,
        color,
        alt.StrokeDash("series:N", scale=alt.Scale(domain=names, range=[x[3] for x in lines]), legend=legend),
        alt.StrokeWidth(
            "series:N", scale=alt.Scale(domain=names, range=[x[4] for x in lines]), legend=legend
        ),
    )
    own = [v for v in values if series and v["series"] == series[0].label and v["value"] is not None]
    points = (
        alt.Chart(alt.Data(values=own)).mark_point(filled=True, size=80, color=BLUE, opacity=1).encode(x, y)
    )
    layers: list[Any] = [strokes, points]
    shown = f"{{:,.{digits}f}}{unit}"
    if own:
        last = [{**own[-1], "text": shown.format(own[-1]["value"])}]
        layers.append(_label(last, x, y, color=BLUE, dy=-16))
    words = [
        f"{s.label}は"
        + "、".join(f"{MONTHS[m]} {shown.format(v)}" for m, v in enumerate(s.values[:12]) if v is not None)
        for s in series
    ]
    if target is not None:
        words.append(f"目標は{shown.format(target)}")
    if forecast is not None:
        low, middle, high = forecast
        words.append(f"年度末の見込みは{shown.format(middle)}（{shown.format(low)}～{shown.format(high)}）")
        at = {
            "month": MONTHS[-1],
            "value": middle,
            "low": low,
            "high": high,
            "text": f"見込み {shown.format(middle)}",
        }
        one = alt.Chart(alt.Data(values=[at]))
        layers.append(
            one.mark_rule(strokeWidth=2.5, color=_DARK).encode(
                x, alt.Y("low:Q", title=None), alt.Y2("high:Q")
            )
        )
        for end in ("low", "high"):
            layers.append(
                one.mark_tick(thickness=2.5, size=16, color=_DARK).encode(x, alt.Y(f"{end}:Q", title=None))
            )
        layers.append(
            one.mark_point(
                shape="diamond", filled=True, size=150, color=ORANGE, stroke=_DARK, opacity=1
            ).encode(x, y)
        )
        layers.append(_label([at], x, y, align="right", dx=-12, color=_DARK))
    return _chart(title, alt.layer(*layers), f"{title}。{'。'.join(words)}。", 0.52)


def rank_chart(
    rows: Sequence[Rank],
    highlight: str,
    *,
    title: str,
    unit: str = "%",
    digits: int = 1,
    mean: float | None = None,
    low_is_good: bool = False,
) -> Chart:
    """The branches from the best to the last, the own one dark with its rank and value, and the national mean.

    Bars from zero; where all values lie close together, dots on an axis that does not begin at zero. Branches without
    a figure are left out.
    """
    known = [(r.label, r.value) for r in rows if r.value is not None]
    known.sort(key=lambda r: r[1] if low_is_good else -r[1])
    shown = f"{{:,.{digits}f}}{unit}"
    values = [{"label": label, "value": value, "own": label == highlight} for label, value in known]
    close = bool(known) and min(v for _, v in known) > 0.7 * max(v for _, v in known) > 0
    x = alt.X(
        "label:N",
        sort=None,
        axis=alt.Axis(
            title=None,
            labelAngle=0,
            labelFontSize=12,
            labelLineHeight=13,
            labelExpr="split(datum.value, '')",
            labelOverlap=False,
            ticks=False,
        ),
    )
    scale = alt.Scale(zero=not close, padding=14) if close else alt.Scale(zero=True)
    y = alt.Y("value:Q", scale=scale, axis=alt.Axis(title=None, labelExpr=f"datum.label + '{unit}'"))
    color = alt.condition("datum.own", alt.value(BLUE), alt.value("#C9CED6"))
    base = alt.Chart(alt.Data(values=values))
    mark = (
        base.mark_point(filled=True, opacity=1, stroke=_DARK).encode(
            size=alt.condition("datum.own", alt.value(200), alt.value(70)),
            shape=alt.condition("datum.own", alt.value("diamond"), alt.value("circle")),
        )
        if close
        else base.mark_bar(stroke=_DARK, strokeWidth=0.5)
    ).encode(x, y, color=color)
    layers: list[Any] = [mark]
    words = []
    if mean is not None:
        text = f"全国平均 {shown.format(mean)}"
        line = alt.Chart(alt.Data(values=[{"value": mean, "text": text}]))
        layers.append(line.mark_rule(strokeDash=[8, 4], strokeWidth=2, color=VERMILION).encode(y))
        at = [{"value": mean, "text": text}]
        layers.append(_label(at, alt.XValue("width"), y, align="right", dx=-4, dy=-12, color=_DARK))
        words.append(text)
    place = next((n for n, (label, _) in enumerate(known) if label == highlight), None)
    if place is not None:
        value = known[place][1]
        rank = 1 + sum((v < value) if low_is_good else (v > value) for _, v in known)
        text = f"{highlight} {rank}位 {shown.format(value)}"
        words.insert(0, f"{text}（{len(known)}支部中）")
        align = "left" if place < len(known) / 3 else "center" if place < len(known) * 2 / 3 else "right"
        at = [{**values[place], "text": text}]
        layers.append(_label(at, x, y, align=align, dy=-16, color=BLUE))
    return _chart(title, alt.layer(*layers), f"{title}。{'、'.join(words)}。", 0.5)


def trend_chart(
    lines: Sequence[Series], months: Sequence[str], *, title: str, unit: str = "%", digits: int = 1
) -> Chart:
    """Figures month by month over any span (月ごとの推移): the first line is the own one, the second what it is held against.

    months: the labels of the months, as many as every line has values. The last figure of the own line is printed.
    """
    shown = f"{{:,.{digits}f}}{unit}"
    looks = [(BLUE, [1, 0], 3.5), (VERMILION, [8, 4], 2.5), *((_GREY, dash, 2) for dash in _PAST)]
    names = [line.label for line in lines]
    values = [
        {"series": line.label, "month": month, "value": value}
        for line in lines
        for month, value in zip(months, line.values, strict=True)
    ]
    x = alt.X(
        "month:O",
        scale=alt.Scale(domain=list(months)),
        axis=alt.Axis(title=None, labelAngle=0, grid=False, labelOverlap="parity", ticks=False),
    )
    y = alt.Y(
        "value:Q",
        scale=alt.Scale(zero=False, padding=18),
        axis=alt.Axis(title=None, labelExpr=f"datum.label + '{unit}'"),
    )
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolSize=700)

    def told_apart(place: int) -> alt.Scale:
        return alt.Scale(domain=names, range=[look[place] for look in looks[: len(names)]])

    strokes = alt.Chart(alt.Data(values=values)).mark_line(color=BLUE, strokeWidth=3.5).encode(x, y)
    if len(lines) > 1:
        strokes = strokes.encode(
            color=alt.Color("series:N", scale=told_apart(0), legend=legend),
            strokeDash=alt.StrokeDash("series:N", scale=told_apart(1), legend=legend),
            strokeWidth=alt.StrokeWidth("series:N", scale=told_apart(2), legend=legend),
        )
    own = [v for v in values if v["series"] == names[0] and v["value"] is not None]
    points = alt.Chart(alt.Data(values=own)).mark_point(filled=True, size=60, color=BLUE, opacity=1)
    layers: list[Any] = [strokes, points.encode(x, y)]
    if own:
        last = [{**own[-1], "text": shown.format(own[-1]["value"])}]
        layers.append(_label(last, x, y, color=BLUE, align="right", dx=6, dy=-16))
    words = [
        f"{line.label}は"
        + (
            "、".join(
                f"{m} {shown.format(v)}" for m, v in zip(months, line.values, strict=True) if v is not None
            )
            or "値なし"
        )
        for line in lines
    ]
    return _chart(title, alt.layer(*layers), f"{title}。{'。'.join(words)}。", 0.5)


def parts_chart(
    rows: Sequence[Rank],
    *,
    title: str,
    unit: str = "%",
    digits: int = 1,
    whole: tuple[str, float] | None = None,
    absent: str = "秘匿",
) -> Chart:
    """The parts of a figure (内訳) as horizontal bars in the order given, each with its figure at the right.

    A part without a figure has no bar and the word of absent. whole: label and figure of all parts together, a level line.
    """
    shown = f"{{:,.{digits}f}}{unit}"
    known = [r.value for r in rows if r.value is not None]
    top: float = max([*known, *([whole[1]] if whole else []), 0.0]) or 1.0
    low: float = min([*known, 0.0])
    labels = [r.label for r in rows]
    values = [
        {
            "label": label,
            "value": r.value,
            "at": low if r.value is None else max(r.value, 0),
            "text": absent if r.value is None else shown.format(r.value),
        }
        for label, r in zip(labels, rows, strict=True)
    ]
    y = alt.Y(
        "label:N",
        scale=alt.Scale(domain=labels),
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelPadding=8, labelOverlap=False),
    )
    scale = alt.Scale(domain=[low, low + (top - low) * 1.4], nice=False)
    axis = alt.Axis(title=None, labelExpr=f"datum.value <= {top * 1.15} ? datum.label + '{unit}' : ''")
    x = alt.X("value:Q", scale=scale, axis=axis)
    base = alt.Chart(alt.Data(values=values))
    bars = base.mark_bar(height=13, color=BLUE, stroke=_DARK, strokeWidth=0.8).encode(x, y)
    place = alt.X("at:Q", scale=scale, axis=axis)
    halo = base.mark_text(align="left", dx=6, stroke="white", strokeWidth=4, color="white")
    text = alt.layer(
        halo.encode(place, y, alt.Text("text:N")),
        base.mark_text(align="left", dx=6).encode(place, y, alt.Text("text:N")),
    )
    layers: list[Any] = [bars]
    words = [f"{r.label} {absent if r.value is None else shown.format(r.value)}" for r in rows]
    if whole is not None:
        said = f"{whole[0]} {shown.format(whole[1])}"
        line = alt.Chart(alt.Data(values=[{"value": whole[1]}]))
        layers.append(line.mark_rule(strokeDash=[8, 4], strokeWidth=2, color=VERMILION).encode(x))
        at = [{"value": whole[1], "text": said}]
        layers.append(_label(at, x, alt.YValue(-8), color=VERMILION))
        words.append(said)
    layers.append(text)
    return _chart(title, alt.layer(*layers), f"{title}。{'、'.join(words)}。", (60 + 24 * len(rows)) / WIDTH)


def _label(
    rows: list[dict[str, Any]], x: alt.X | alt.XValue, y: alt.Y | alt.YValue, **look: Any
) -> alt.Chart:
    """A bold text with a white edge, so that it is read upon lines and bars."""
    base = alt.Chart(alt.Data(values=rows))
    return alt.layer(  # type: ignore[return-value]
        base.mark_text(fontWeight="bold", **{**look, "color": "white"}, stroke="white", strokeWidth=4).encode(
            x, y, alt.Text("text:N")
        ),
        base.mark_text(fontWeight="bold", **look).encode(x, y, alt.Text("text:N")),
    )


def _chart(title: str, drawn: alt.LayerChart | alt.FacetChart, words: str, height: float) -> Chart:
    spec = drawn.to_dict()
    spec.pop("config", None)
    return Chart(title, spec, words, height)


def _floored(percent: float) -> str:
    """One decimal, cut off: what is short of the target never reads 100.0."""
    return f"{math.floor(round(percent * 10, 6)) / 10:.1f}"


def _folded(label: str, em: float = 15) -> str:
    """A long label in several lines."""
    lines, line = [], ""
    for character in label:
        if width(line + character) > em and character not in "、。）」":
            lines.append(line)
            line = ""
        line += character
    return "\n".join([*lines, line])
