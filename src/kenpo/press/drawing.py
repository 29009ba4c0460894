"""Drawing charts: a Vega-Lite specification to SVG and PNG, without a browser and without the network (図の描画).

One look for all charts: the packaged font, sizes that people over 60 read, and the colours of Okabe and Ito, which the
colour-blind tell apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import vl_convert

from kenpo.base.document import Chart
from kenpo.base.errors import ArgumentError
from kenpo.press.fonts import FAMILY, FOLDERS
from kenpo.press.layout import INK, RULE

WIDTH = 640
"""The width of a chart in its own points; set 170 mm wide its text of 14 has 10.5 pt."""

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, "#56B4E9", "#CC79A7", "#F0E442", "#000000")
"""Okabe & Ito 2008, Color Universal Design."""

_TEXT = {"labelFontSize": 14, "titleFontSize": 14, "labelColor": f"#{INK}", "titleColor": f"#{INK}"}
CONFIG: Mapping[str, Any] = {
    "font": FAMILY,
    "background": "white",
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        **_TEXT,
        "titleFontWeight": "normal",
        "gridColor": "#DDDDDD",
        "domainColor": f"#{RULE}",
        "labelLimit": 260,
    },
    "legend": {
        **_TEXT,
        "titleFontWeight": "normal",
        "symbolSize": 120,
        "symbolStrokeWidth": 2,
        "labelLimit": 300,
    },
    "text": {"fontSize": 14, "color": f"#{INK}"},
    "title": {"fontSize": 16, "color": f"#{INK}"},
    "range": {"category": list(PALETTE)},
}
"""The look of all charts; a specification may overrule it."""


NARROW = 380
"""The width of a chart on a phone: as high, with text of the same size."""


def svg(chart: Chart, width: int = WIDTH) -> str:
    """The chart as SVG, without XML head. width: that of the whole, unless the chart says its own."""
    _fonts()
    text = vl_convert.vegalite_to_svg(_sized(chart, width), config=dict(CONFIG), allowed_base_urls=[])
    return re.sub(r"^<\?xml[^>]*\?>|<!DOCTYPE[^>]*>", "", text).strip()


def png(chart: Chart, scale: float = 3) -> bytes:
    """The chart as PNG; at scale 3 about 290 dots per inch when it is 170 mm wide."""
    _fonts()
    return vl_convert.vegalite_to_png(_sized(chart), scale=scale, config=dict(CONFIG), allowed_base_urls=[])


def _sized(chart: Chart, width: int = WIDTH) -> dict[str, Any]:
    spec = json.loads(json.dumps(chart.spec))
    if _loads(spec):
        raise ArgumentError(
            "図の指定に外部のデータ（url）があります。",
            where=chart.title,
            todo="データを図の指定の中（values）に書いてください。",
        )
    if "layer" in spec or "mark" in spec:
        spec.setdefault("width", width)
        spec.setdefault("height", round(WIDTH * chart.height))
        spec.setdefault("autosize", {"type": "fit", "contains": "padding"})
    return spec


def _loads(spec: Any) -> bool:
    """Whether a specification would load something: a url anywhere but among the data's own columns."""
    if isinstance(spec, dict):
        return "url" in spec or any(_loads(v) for k, v in spec.items() if k not in ("values", "datasets"))
    return isinstance(spec, list) and any(_loads(x) for x in spec)


@cache
def _fonts() -> None:
    for folder in FOLDERS:
        vl_convert.register_font_directory(str(folder))
