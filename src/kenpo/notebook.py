"""kenpo in a notebook (ノートブック): figures, where they come from, charts and worklists, in few words.

    import kenpo

    lake = kenpo.open("lake")
    share = lake.measure("generic_volume_share")
    share.figures(branch="山口", months="2025-04..2026-03")     # polars; .to_pandas() for pandas
    share.explain(branch="山口", month="2025-09")
    share.plot(branch="山口")

Branches and months are written as staff write them. Nothing is fetched from the network: charts are SVG. As in the command
line, small numbers are shown: whoever works on the lake sees all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path
from typing import Any, Literal

import polars as pl

from kenpo.base.branches import BRANCHES, NATION_CODE, branch_or_nation
from kenpo.base.document import Chart
from kenpo.base.era import parse_month, parse_months, to_wareki_month
from kenpo.base.errors import ArgumentError
from kenpo.base.text import number
from kenpo.catalogue import INITIATIVES, MEASURES, WORKLISTS, measure_of, worklist_of
from kenpo.frame import BREAKDOWNS, Explanation, Measure, explain, figures, lacking_of, records, run
from kenpo.lake import Lake
from kenpo.press import drawing
from kenpo.press.charts import Rank, Series, parts_chart, trend_chart

Months = str | date | tuple[date, date]
"""Months as they are asked for: 2025-04..2026-03, 令和7年9月, a first day of a month, or the first and the last."""

_NAMES = {b.code: b.name for b in BRANCHES} | {NATION_CODE: "全国"}


def open(lake: str | Path = "lake") -> Notebook:
    """A lake to work with. Raises LakeError when there is none at the path."""
    return Notebook(Lake.open(lake))


@dataclass(frozen=True)
class Picture:
    """A chart (図) that a notebook shows as it is; words: what it says, for those who do not see it."""

    chart: Chart

    @property
    def svg(self) -> str:
        """The chart as SVG."""
        return drawing.svg(self.chart)

    @property
    def words(self) -> str:
        """What the chart says."""
        return self.chart.words

    @property
    def spec(self) -> Mapping[str, Any]:
        """The Vega-Lite specification: altair.Chart.from_dict(picture.spec) to work on it."""
        return self.chart.spec

    def save(self, path: str | Path) -> Path:
        """Write the chart to a file that ends in .svg or .png; returns its path."""
        target = Path(path)
        if target.suffix == ".svg":
            target.write_text(self.svg, encoding="utf-8")
        elif target.suffix == ".png":
            target.write_bytes(drawing.png(self.chart))
        else:
            raise ArgumentError(
                f"図を「{target.suffix}」の形式では保存できません。",
                todo=".svg か .png で終わる名前を指定してください。",
            )
        return target

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self.words}


@dataclass(frozen=True)
class Explained:
    """Where a figure comes from (出所の説明). said: everything that is known of it."""

    said: Explanation

    @property
    def contributors(self) -> pl.DataFrame:
        """The things that weigh most in the figure."""
        return self.said.contributors

    def __repr__(self) -> str:
        said = self.said
        return (
            f"{said.measure.title} {_NAMES[said.branch]} {said.month:%Y-%m} {said.measure.printed(said.rate)}"
        )

    def _repr_html_(self) -> str:
        said, measure = self.said, self.said.measure
        counted = said.eligible - sum(said.excluded.values())
        facts = [
            ("値", f"{measure.printed(said.rate)}（{measure.quantity}）"),
            *(
                []
                if measure.form == "count"
                else [("分子", number(said.numerator)), ("分母", number(said.denominator))]
            ),
            ("定義", measure.definition),
            ("根拠", measure.law),
            ("定義の版", f"{said.definition}　データ締切 {said.cutoff}"),
            *(
                (f"パラメータ {p.id}", f"{value}（{p.title}。出典：{p.source}）")
                for p, value in said.parameters
            ),
            ("対象", f"{number(said.eligible)}{measure.counter}"),
            *(
                (f"除外：{measure.reasons[reason]}", f"{number(count)}{measure.counter}")
                for reason, count in said.excluded.items()
                if count
            ),
            ("算入", f"{number(counted)}{measure.counter}"),
            *(("※", note) for note in said.notes),
        ]
        if said.stale:
            facts.append(("※", "保存されている値を計算した後に、取込または取消がありました。"))
        head = f"{measure.title}　{_NAMES[said.branch]}　{to_wareki_month(said.month)}"
        below = said.contributors._repr_html_() if said.contributors.height else ""
        return f"<p><b>{escape(head)}</b></p>{_table(facts)}{below}"


@dataclass(frozen=True)
class Indicator:
    """A measure (指標) of an opened lake."""

    lake: Lake
    measure: Measure

    def figures(
        self,
        branch: str | None = None,
        months: Months | None = None,
        by: str | None = None,
        where: Mapping[str, str] | None = None,
        window: Literal["month", "fytd"] = "month",
    ) -> pl.DataFrame:
        """The figures, one row per branch, month and part; `.to_pandas()` for pandas.

        branch: 山口, 35, 全国 (all and the nation unless told). by: a breakdown (age_band or 年齢階級). where: breakdown →
        value. window: month, or fytd for the fiscal year to date (年度累計). Columns: those of `kenpo.frame.figures`, and
        branch_name. rate, numerator and denominator are exact decimals. Raises KenpoError for what there is not.
        """
        rows = figures(
            self.lake,
            self.measure,
            branch=branch_or_nation(branch).code if branch else None,
            months=_span(months),
            by=_axis(by) if by else None,
            where={_axis(name): value for name, value in (where or {}).items()},
            window=window,
        )
        named = rows.with_columns(branch_name=pl.col("branch").replace_strict(_NAMES, return_dtype=pl.String))
        return named.select("branch", "branch_name", pl.exclude("branch", "branch_name"))

    def explain(self, branch: str = "全国", month: str | date | None = None, *, top: int = 10) -> Explained:
        """Where a figure comes from; of the newest month with data unless told."""
        code = branch_or_nation(branch).code
        return Explained(explain(self.lake, self.measure, code, self._month(code, month), top=top))

    def records(self, branch: str = "全国", month: str | date | None = None) -> pl.DataFrame:
        """Every unit behind a figure with its file and line."""
        code = branch_or_nation(branch).code
        return records(self.lake, self.measure, code, self._month(code, month))

    def plot(self, branch: str = "全国", months: Months | None = None, by: str | None = None) -> Picture:
        """A chart: the branch month by month beside the nation, or with a breakdown its parts in the newest of the months."""
        code = branch_or_nation(branch).code
        rows = figures(self.lake, self.measure, months=_span(months))
        return Picture(self._parts(code, rows, _axis(by)) if by else self._trend(code, rows))

    def _trend(self, code: str, rows: pl.DataFrame) -> Chart:
        months = _counted(rows)["month"].unique().sort().to_list()
        lines = []
        for place in dict.fromkeys((code, NATION_CODE)):
            own = rows.filter(pl.col("branch") == place)
            held = dict(zip(own["month"], own["rate"], strict=True))
            lines.append(Series(_NAMES[place], [_plain(held.get(m)) for m in months]))
        labels = [to_wareki_month(m, "short") for m in months]
        return trend_chart(
            lines, labels, title=self.measure.title, unit=self.measure.unit, digits=self.measure.precision
        )

    def _parts(self, code: str, rows: pl.DataFrame, by: str) -> Chart:
        month = _newest(_counted(rows.filter(pl.col("branch") == code)), self.measure)
        parts = figures(self.lake, self.measure, branch=code, months=(month, month), by=by)
        (whole,) = rows.filter((pl.col("branch") == code) & (pl.col("month") == month))["rate"].to_list()
        return parts_chart(
            [Rank(value, _plain(rate)) for value, rate in parts.select("value", "rate").iter_rows()],
            title=f"{self.measure.title}（{BREAKDOWNS[by].title}、{to_wareki_month(month)}）",
            unit=self.measure.unit,
            digits=self.measure.precision,
            whole=None if whole is None or self.measure.form == "count" else (_NAMES[code], float(whole)),
            absent="－",
        )

    def _month(self, code: str, month: str | date | None) -> date:
        if month is not None:
            return parse_month(month) if isinstance(month, str) else month
        return _newest(_counted(figures(self.lake, self.measure, branch=code)), self.measure)

    def __repr__(self) -> str:
        return f"{self.measure.title}（{self.measure.id}）"

    def _repr_html_(self) -> str:
        m = self.measure
        facts = [
            ("指標ID", m.id),
            ("定義", m.definition),
            ("根拠", m.law),
            ("単位", f"{m.unit or 'なし（指数）'}、小数{m.precision}桁"),
            ("なぜ大切か", m.why),
            ("内訳", "、".join(f"{BREAKDOWNS[b].title}（{b}）" for b in m.breakdowns) or "なし"),
            ("除外", "、".join(m.reasons.values()) or "なし"),
            ("パラメータ", "、".join(m.parameters) or "なし"),
        ]
        return f"<p><b>{escape(m.title)}</b></p>{_table(facts)}"


@dataclass(frozen=True)
class Notebook:
    """An opened lake, as a notebook uses it. lake: for tables as ibis expressions, lake.table("drug")."""

    lake: Lake

    def measures(self) -> pl.DataFrame:
        """Every measure: id, title, initiative (施策), unit, breakdowns, and what it lacks to be computed, if anything."""
        return pl.DataFrame(
            [
                {
                    "id": m.id,
                    "title": m.title,
                    "initiative": i.title,
                    "unit": m.unit,
                    "breakdowns": "、".join(m.breakdowns),
                    "lacking": lacking.what if (lacking := lacking_of(self.lake, m)) else "",
                }
                for i in INITIATIVES
                for m in i.measures
            ]
        )

    def measure(self, name: str) -> Indicator:
        """A measure by its id or Japanese title. Raises ArgumentError that lists what there is."""
        return Indicator(self.lake, measure_of(name))

    def worklists(self) -> pl.DataFrame:
        """Every worklist (対象者リスト): id, title, definition."""
        return pl.DataFrame(
            [{"id": w.id, "title": w.title, "definition": w.definition} for w in WORKLISTS.values()]
        )

    def worklist(self, name: str, branch: str | None = None, month: str | date | None = None) -> pl.DataFrame:
        """The rows of a worklist as they stand now, first things first; see `kenpo.frame.worklist.run`."""
        code = branch_or_nation(branch).code if branch else None
        chosen = parse_month(month) if isinstance(month, str) else month
        return run(self.lake, worklist_of(name), code, chosen)

    def table(self, name: str) -> Any:
        """A table of the lake as an ibis expression; `.to_polars()` brings its rows."""
        return self.lake.table(name)

    def __repr__(self) -> str:
        return f"kenpo の置き場 {self.lake.root}（データ締切 {self.lake.version()}）"

    def _repr_html_(self) -> str:
        files = self.lake.files()
        facts = [
            ("置き場", str(self.lake.root)),
            ("データ締切", self.lake.version()),
            ("取込ファイル", f"{number(len(files))}件"),
            ("指標", f"{len(MEASURES)}（.measures()）"),
            ("対象者リスト", f"{len(WORKLISTS)}（.worklists()）"),
        ]
        return _table(facts)


# ---- how things are asked for and shown --------------------------------------------------------------------------


def _span(months: Months | None) -> tuple[date, date] | None:
    if isinstance(months, str):
        return parse_months(months)
    return (months, months) if isinstance(months, date) else months


def _axis(name: str) -> str:
    """The id of a breakdown by its id or Japanese title."""
    found = next((b.name for b in BREAKDOWNS.values() if name in (b.name, b.title)), None)
    if found is None:
        listed = "、".join(f"{b.name}（{b.title}）" for b in BREAKDOWNS.values())
        raise ArgumentError(f"内訳「{name}」は使えません。", todo=f"次のいずれかを指定してください：{listed}")
    return found


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("eligible") > 0)


def _newest(rows: pl.DataFrame, measure: Measure) -> date:
    months: Sequence[date] = rows["month"].to_list()
    if not months:
        raise ArgumentError(
            f"「{measure.title}」の値がある月がありません。", todo="支部と月を確かめてください。"
        )
    return max(months)


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)


def _table(facts: Iterable[tuple[str, str]]) -> str:
    rows = (
        f'<tr><th style="text-align:left;vertical-align:top">{escape(term)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for term, value in facts
    )
    return f"<table>{''.join(rows)}</table>"
