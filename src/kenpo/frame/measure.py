"""Measure (指標): one function that returns units; everything else is done here once for all measures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import ibis
import polars as pl

from kenpo.base.age import five_year_band
from kenpo.base.branches import BRANCH_CODES, BRANCHES, NATION_CODE
from kenpo.base.errors import MeasureError
from kenpo.base.fiscal import fy, fy_first_day, month_range
from kenpo.base.money import round_ratio
from kenpo.frame.view import View
from kenpo.lake import Expression, Lake, write_part
from kenpo.lake.tables.figures import FIGURE

Units = Callable[[View], Expression]

REQUIRED = (
    "branch",
    "month",
    "excluded",
    "denominator",
    "numerator",
    "receipt_id",
    "source_file",
    "source_line",
)
_OLDEST_BAND = 15
_KIND_TITLES = {"medical": "医科", "dpc": "DPC", "dental": "歯科", "pharmacy": "調剤"}


@dataclass(frozen=True)
class Breakdown:
    """A way to split a measure (内訳): the column units must carry, and how a key of it reads.

    key: expression over the units. stored: kept by refresh; others are computed when asked for.
    """

    name: str
    title: str
    needs: str
    key: Callable[[Expression], Any]
    label: Callable[[Any], str]
    stored: bool = False


def _band(age: int | None) -> str:
    return "不明" if age is None else five_year_band(int(age) * 5)


def _text(value: Any) -> str:
    return "不明" if value is None else str(value)


_PREFECTURES = {b.code: b.prefecture for b in BRANCHES}

BREAKDOWNS: dict[str, Breakdown] = {
    b.name: b
    for b in (
        Breakdown(
            "kind",
            "レセプト種類",
            "kind",
            lambda u: u.kind,
            lambda v: _KIND_TITLES.get(v, "不明"),
            stored=True,
        ),
        Breakdown(
            "age_band",
            "年齢階級",
            "age",
            lambda u: ibis.least(u.age // 5, _OLDEST_BAND).cast("int16"),
            _band,
            stored=True,
        ),
        Breakdown(
            "prefecture",
            "医療機関の都道府県",
            "institution",
            lambda u: u.institution.left(2),
            lambda v: _PREFECTURES.get(v, "不明"),
        ),
        Breakdown("municipality", "医療機関の市区町村", "municipality", lambda u: u.municipality, _text),
        Breakdown("institution", "医療機関・薬局", "institution", lambda u: u.institution, _text),
        Breakdown(
            "pharmacy",
            "薬局",
            "institution",
            lambda u: ibis.cases((u.kind == "pharmacy", u.institution)),
            _text,
        ),
    )
}


@dataclass(frozen=True)
class Measure:
    """A KPI or reference figure, declared once.

    id: stable English id (rules J). precision: printed decimals of the rate in percent. better: higher or lower.
    exclusions: reason code → Japanese. parameters: ids of the law parameters it reads. breakdowns: names of
    BREAKDOWNS it allows. rollup: "sum" when branches add up to the nation, "recompute" when the function must be run
    at nation scope. version: raised whenever the definition changes. item: the unit column that names a counted thing
    for explain, with item_title and the column item_label beside it.
    """

    id: str
    title: str
    definition: str
    law: str
    units: Units
    unit: str = "%"
    precision: int = 1
    better: str = "higher"
    quantity: str = ""
    exclusions: Mapping[str, str] | None = None
    parameters: tuple[str, ...] = ()
    breakdowns: tuple[str, ...] = ()
    rollup: str = "sum"
    version: int = 1
    since: date = date(2013, 4, 1)
    item: str | None = None
    item_title: str = ""
    why: str = ""

    @property
    def reasons(self) -> dict[str, str]:
        """Reason code → Japanese of every exclusion."""
        return dict(self.exclusions or {})

    def rate(self, numerator: Decimal | None, denominator: Decimal | None) -> Decimal | None:
        """The figure in percent at printed precision, half up; None on an empty denominator."""
        if numerator is None or not denominator:
            return None
        return round_ratio(Decimal(100) * Decimal(numerator) / Decimal(denominator), self.precision)


def measure(**declared: Any) -> Callable[[Units], Measure]:
    """Declare a function that returns units as a measure; its first docstring line is for developers."""

    def wrap(function: Units) -> Measure:
        return Measure(id=function.__name__, units=function, **declared)

    return wrap


# ---- computing ---------------------------------------------------------------------------------------------------


def data_months(lake: Lake) -> list[date]:
    """Every month from the first to the last treatment month in the lake."""
    months = sorted(
        {date.fromisoformat(p.path.split("month=")[1][:7] + "-01") for p in lake.parts("receipt")}
    )
    return list(month_range(months[0], months[-1])) if months else []


def units_of(measure: Measure, view: View) -> Expression:
    """The measure's units within the view's months, of 協会けんぽ branches only; checked to have what is needed."""
    units = measure.units(view)
    lacking = [c for c in REQUIRED if c not in units.columns]
    if lacking:
        raise MeasureError(
            f"指標「{measure.title}」の定義に必要な列がありません：{'、'.join(lacking)}",
            todo="指標の関数が返す表を直してください。",
        )
    return units.filter(units.branch.notnull())


def aggregate(measure: Measure, units: Expression, keys: Mapping[str, Any]) -> Expression:
    """Sums of units: eligible, excluded by reason, denominator and numerator, per value of the keys."""
    counted = units.excluded.isnull()
    reasons = {
        f"excluded_{reason}": (units.excluded == reason).cast("int64").sum().fill_null(0).cast("int64")
        for reason in measure.reasons
    }
    return units.group_by(**keys).aggregate(
        eligible=units.count(),
        denominator=units.denominator.sum(where=counted).fill_null(0).cast("decimal(38,7)"),
        numerator=units.numerator.sum(where=counted).fill_null(0).cast("decimal(38,7)"),
        **reasons,
    )


def _frame(expression: Expression) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(expression.to_pyarrow()))


def _sums(reasons: Sequence[str]) -> list[pl.Expr]:
    return [
        pl.col("eligible").sum(),
        pl.col("denominator").sum(),
        pl.col("numerator").sum(),
        *(pl.col(f"excluded_{r}").sum() for r in reasons),
    ]


def compute(measure: Measure, lake: Lake, months: Sequence[date]) -> tuple[pl.DataFrame, list[str]]:
    """The measure's figures for every branch, the nation and every month, total and by its stored breakdowns.

    One scan of the data for all months. Rows: the columns of the figure table less definition and cutoff; every
    branch × month from the measure's first on is there, with a denominator of 0 where nothing was counted. With them,
    notes on the data in Japanese.
    """
    stored = [BREAKDOWNS[b] for b in measure.breakdowns if BREAKDOWNS[b].stored]
    reasons = list(measure.reasons)
    months = [m for m in months if m >= measure.since]
    if not months:
        return FIGURE.empty().drop("definition", "cutoff"), []
    notes: list[str] = []

    def scan(nation: bool) -> pl.DataFrame:
        view = View(lake, months, nation=nation)
        units = units_of(measure, view)
        notes.extend(n for n in view.notes if n not in notes)
        keys = {"branch": units.branch, "month": units.month, **{b.name: b.key(units) for b in stored}}
        return _frame(aggregate(measure, units, keys))

    cube = scan(nation=False)
    if measure.rollup == "sum":
        nation = cube.with_columns(branch=pl.lit(NATION_CODE))
        cube = pl.concat([cube, nation])
    else:
        cube = pl.concat([cube, scan(nation=True)])
    pieces = []
    for b in (None, *stored):
        keys = ["branch", "month", *([b.name] if b else [])]
        part = cube.group_by(keys).agg(_sums(reasons))
        if b is None:
            part = (
                _grid(months)
                .join(part, on=["branch", "month"], how="left")
                .with_columns(pl.exclude("branch", "month").fill_null(0))
            )
        labels = [b.label(v) for v in part[b.name]] if b else ["total"] * part.height
        pieces.append(
            part.with_columns(
                breakdown=pl.lit(b.name if b else "total"), value=pl.Series(labels, dtype=pl.String)
            ).drop(b.name if b else [])
        )
    rows = pl.concat(pieces, how="diagonal")
    figures = _with_exclusions(rows, reasons).with_columns(measure=pl.lit(measure.id))
    return figures.sort("breakdown", "value", "branch", "month"), notes


def _grid(months: Sequence[date]) -> pl.DataFrame:
    codes = pl.DataFrame({"branch": [*BRANCH_CODES, NATION_CODE]})
    return codes.join(pl.DataFrame({"month": list(months)}, schema={"month": pl.Date}), how="cross")


def _with_exclusions(rows: pl.DataFrame, reasons: Sequence[str]) -> pl.DataFrame:
    columns = [f"excluded_{r}" for r in reasons]
    said = (
        rows.select(pl.struct(columns)).to_series().struct.json_encode()
        if columns
        else pl.Series(["{}"] * rows.height, dtype=pl.String)
    )
    excluded = pl.sum_horizontal(columns) if columns else pl.lit(0)
    return rows.with_columns(
        excluded=excluded.cast(pl.Int64), excluded_by=said.str.replace_all("excluded_", "", literal=True)
    ).drop(columns)


def definition_of(measure: Measure) -> str:
    """A text that changes when the definition's version or any of its parameters does."""
    from kenpo.law.loader import load

    said = {p: [[str(v.first_day), str(v.value)] for v in load(p).values] for p in measure.parameters}
    digest = hashlib.sha256(
        json.dumps([measure.id, measure.version, said], sort_keys=True).encode()
    ).hexdigest()
    return f"v{measure.version}-{digest[:8]}"


def refresh(
    lake: Lake, measures: Sequence[Measure], progress: Callable[[str], None] | None = None
) -> list[date]:
    """Compute measures for all months and store the figures with definition version and data cut-off.

    Returns the months. Raises MeasureError when the lake holds no receipts.
    """
    with lake.writing():
        months = data_months(lake)
        if not months:
            raise MeasureError(
                "集計できるレセプトがありません。",
                todo="「kenpo load」でレセプトのファイルを取り込んでください。",
            )
        cutoff = lake.version()
        for item in measures:
            if progress:
                progress(item.title)
            rows, notes = compute(item, lake, months)
            rows = rows.with_columns(definition=pl.lit(definition_of(item)), cutoff=pl.lit(cutoff))
            parts = write_part(lake.root, FIGURE, rows, f"{item.id}@{definition_of(item)}-{cutoff}")
            lake.replace("figure", parts, f"{item.id}@")
            lake.set_meta(f"notes:{item.id}", json.dumps(notes, ensure_ascii=False))
    return months


# ---- reading figures ---------------------------------------------------------------------------------------------


def figures(
    lake: Lake,
    measure: Measure,
    *,
    branch: str | None = None,
    months: tuple[date, date] | None = None,
    by: str | None = None,
    window: str = "month",
) -> pl.DataFrame:
    """Stored figures of a measure with their rate; breakdowns that are not stored are computed now.

    branch: code or None for all and the nation. months: first and last. by: a breakdown's name. window: "month", or
    "fytd" for the fiscal year to date (年度累計). Columns: branch, month, value, eligible, excluded, denominator,
    numerator, rate (percent at printed precision, NULL on an empty denominator), definition, cutoff.
    """
    if by is not None and by not in measure.breakdowns:
        allowed = "、".join(f"{b}（{BREAKDOWNS[b].title}）" for b in measure.breakdowns) or "なし"
        raise MeasureError(
            f"指標「{measure.title}」は「{by}」では分けられません。", todo=f"使える内訳：{allowed}"
        )
    if by is None or BREAKDOWNS[by].stored:
        rows = _stored(lake, measure, by or "total")
    else:
        rows = _on_demand(lake, measure, by, branch, months)
    if branch is not None:
        rows = rows.filter(pl.col("branch") == branch)
    if window == "fytd":
        rows = _year_to_date(measure, rows)
    if months is not None:
        rows = rows.filter(pl.col("month").is_between(*months))
    return with_rate(measure, rows).sort("branch", "month", "value")


def with_rate(measure: Measure, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with their rate, exact division then one rounding."""
    pairs = zip(rows["numerator"].to_list(), rows["denominator"].to_list(), strict=True)
    rates = [measure.rate(n, d) for n, d in pairs]
    return rows.with_columns(rate=pl.Series(rates, dtype=pl.Decimal(18, measure.precision)))


def _stored(lake: Lake, measure: Measure, breakdown: str) -> pl.DataFrame:
    table = lake.table("figure")
    chosen = table.filter((table.measure == measure.id) & (table.breakdown == breakdown))
    rows = _frame(chosen)
    if lake.meta(f"notes:{measure.id}") is None:
        raise MeasureError(
            f"指標「{measure.title}」はまだ計算されていません。", todo="「kenpo refresh」を実行してください。"
        )
    if rows.height and rows["definition"][0] != definition_of(measure):
        raise MeasureError(
            f"指標「{measure.title}」の保存値は、前の版の定義で計算されています。",
            todo="「kenpo refresh」を実行してください。",
        )
    return rows.drop("measure", "breakdown")


def _on_demand(
    lake: Lake, measure: Measure, by: str, branch: str | None, months: tuple[date, date] | None
) -> pl.DataFrame:
    every = data_months(lake)
    first, last = months or (every[0], every[-1])
    start = fy_first_day(fy(first))
    chosen = [m for m in every if start <= m <= last]
    if not chosen:
        chosen = every[:1]
    spec = BREAKDOWNS[by]
    units = units_of(measure, View(lake, chosen))
    units = units.filter(units.month.between(chosen[0], chosen[-1]))
    if branch not in (None, NATION_CODE):
        units = units.filter(units.branch == branch)
    if spec.needs == "municipality":
        units = _with_municipality(lake, units)
    key = spec.key(units)
    rows = _frame(aggregate(measure, units, {"branch": units.branch, "month": units.month, "key": key}))
    if by == "pharmacy":
        rows = rows.filter(pl.col("key").is_not_null())
    reasons = list(measure.reasons)
    if branch in (None, NATION_CODE):
        nation = rows.group_by("month", "key").agg(_sums(reasons)).with_columns(branch=pl.lit(NATION_CODE))
        rows = pl.concat([rows, nation.select(rows.columns)])
    labels = pl.Series([spec.label(v) for v in rows["key"]], dtype=pl.String)
    merged = rows.with_columns(value=labels).group_by("branch", "month", "value").agg(_sums(reasons))
    return _with_exclusions(merged, reasons).with_columns(
        definition=pl.lit(definition_of(measure)), cutoff=pl.lit(lake.version())
    )


def _with_municipality(lake: Lake, units: Expression) -> Expression:
    known = lake.table("institution").filter(lambda t: t.municipality.notnull())
    latest = known.group_by("institution").aggregate(
        municipality=known.municipality.argmax(known.claim_month)
    )
    return units.left_join(latest, "institution")


def _year_to_date(measure: Measure, rows: pl.DataFrame) -> pl.DataFrame:
    if measure.rollup != "sum":
        raise MeasureError(
            f"指標「{measure.title}」は月ごとの値で、年度累計にできません。",
            todo="--window month で表示してください。",
        )
    year = pl.col("month").dt.year() - (pl.col("month").dt.month() < 4).cast(pl.Int32)
    keyed = rows.with_columns(year=year).sort("month")
    over = ["branch", "value", "year"]
    excluded = (
        keyed.with_columns(
            pl.col("excluded_by").str.json_decode(pl.Struct(dict.fromkeys(measure.reasons, pl.Int64)))
        )
        .unnest("excluded_by")
        .with_columns(pl.col(r).cum_sum().over(over).alias(f"excluded_{r}") for r in measure.reasons)
        .drop(list(measure.reasons), "excluded")
        if measure.reasons
        else keyed.drop("excluded", "excluded_by")
    )
    summed = excluded.with_columns(
        pl.col(c).cum_sum().over(over) for c in ("eligible", "denominator", "numerator")
    ).drop("year")
    return _with_exclusions(summed, list(measure.reasons))
