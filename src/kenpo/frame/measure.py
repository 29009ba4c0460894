"""Measure (指標): one function that returns units; everything else is done here once for all measures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl

from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.base.errors import MeasureError, NotLoaded
from kenpo.base.fiscal import fy, fy_first_day
from kenpo.base.money import round_ratio
from kenpo.base.text import printed
from kenpo.frame.breakdown import BREAKDOWNS, Breakdown, listed, municipality_of
from kenpo.frame.caselake import cases_version
from kenpo.frame.cases.events import JAPAN
from kenpo.frame.derivation import Derivation, definition_text, derive
from kenpo.frame.months import data_months
from kenpo.frame.view import View
from kenpo.lake import Expression, Lake, write_part
from kenpo.lake.tables.figures import FIGURE
from kenpo.law.loader import load

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
FORMS = ("percent", "mean", "count")
PERSONS = ("units", "amounts", "receipts", "none")


@dataclass(frozen=True)
class Measure:
    """A KPI or reference figure, declared once.

    id: stable English id (rules J). form: "percent" 100 × numerator ÷ denominator, "mean" numerator ÷ denominator, or
    "count" the numerator alone, never NULL (the denominator is 0). precision: printed decimals. better: higher, lower,
    or "" when neither is. flow: months may be added up; False for a state at the end of a month. counter: the word
    units are counted with (件、人). exclusions: reason code → Japanese. parameters: ids of the law parameters it reads. breakdowns: names of
    BREAKDOWNS it allows. rollup: "sum" when branches add up to the nation, "recompute" when the function must be run
    at nation scope. version: raised whenever the definition changes. item: the unit column that names a counted thing
    for explain, with item_title and the column item_label beside it. cases: it reads the tables of cases (案件データ).
    persons: how its numbers tell of people, where small ones are suppressed: "units" when denominator and numerator count
    people or receipts, "amounts" when they are amounts and units are people or receipts, "receipts" when they are amounts
    and several units may be of one receipt, "none" when nothing is of people. family: measures whose parts can be
    reckoned from each other hide the same ones; "members/receipts" hides what "members" does, and more.
    """

    id: str
    title: str
    definition: str
    law: str
    units: Units
    form: str = "percent"
    unit: str = "%"
    precision: int = 1
    better: str = "higher"
    flow: bool = True
    counter: str = "件"
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
    cases: bool = False
    persons: str = "units"
    family: str = ""

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"{self.id}: unknown form {self.form!r}")
        if self.persons not in PERSONS:
            raise ValueError(f"{self.id}: unknown persons {self.persons!r}")

    @property
    def reasons(self) -> dict[str, str]:
        """Reason code → Japanese of every exclusion."""
        return dict(self.exclusions or {})

    def rate(self, numerator: Decimal | None, denominator: Decimal | None) -> Decimal | None:
        """The figure at printed precision, divided exactly and rounded once, half up; None on an empty denominator.

        A count is its numerator, and 0 where nothing was counted.
        """
        if self.form == "count":
            return round_ratio(numerator or Decimal(0), self.precision)
        if numerator is None or not denominator:
            return None
        whole = 100 if self.form == "percent" else 1
        return round_ratio(whole * Fraction(numerator) / Fraction(denominator), self.precision)

    def printed(self, value: Decimal | None) -> str:
        """A figure of the measure as everybody reads it, in terminals, documents and pages: 83.3%, 12,345円; － without one."""
        return printed(value, self.unit)


def measure(**declared: Any) -> Callable[[Units], Measure]:
    """Declare a function that returns units as a measure; its first docstring line is for developers."""

    def wrap(function: Units) -> Measure:
        return Measure(id=function.__name__, units=function, **declared)

    return wrap


# ---- computing ---------------------------------------------------------------------------------------------------


def units_of(measure: Measure, view: View) -> Expression:
    """The measure's units within the view's months, of 協会けんぽ branches only; checked to have what is needed."""
    units = measure.units(view)
    lacking = [c for c in REQUIRED if c not in units.columns]
    if lacking:
        raise MeasureError(
            f"指標「{measure.title}」の定義に必要な列がありません：{'、'.join(lacking)}",
            todo="指標の関数が返す表を直してください。",
        )
    if not view.months:
        return units.filter(units.branch.notnull())
    return units.filter(units.branch.notnull() & units.month.between(view.months[0], view.months[-1]))


def aggregate(
    measure: Measure, units: Expression, keys: Mapping[str, Any], more: Mapping[str, Any] | None = None
) -> Expression:
    """Sums of units: eligible, excluded by reason, denominator and numerator, per value of the keys; and more, if given.

    Units may carry {breakdown}_denominator and {breakdown}_numerator: what they weigh within a value of that breakdown,
    where it is not what they weigh in the total. Those sums stand beside the others.
    """
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
        **{
            c: units[c].sum(where=counted).fill_null(0).cast("decimal(38,7)")
            for c in _inner(measure, units.columns)
        },
        **(more or {}),
    )


RECEIPTS = ("receipts", "receipts_numerator", "receipts_rest")
"""How many receipts stand behind the units, those of the numerator, and those of the rest of the denominator."""


def _receipts(units: Expression) -> dict[str, Any]:
    counted = units.excluded.isnull()
    rest = units.denominator.cast("decimal(38,7)") != units.numerator.cast("decimal(38,7)")
    return {
        "receipts": units.receipt_id.nunique(),
        "receipts_numerator": units.receipt_id.nunique(where=counted & (units.numerator != 0)),
        "receipts_rest": units.receipt_id.nunique(where=counted & rest),
    }


def _inner(measure: Measure, columns: Sequence[str]) -> list[str]:
    """The columns that say what units weigh within a value of a breakdown."""
    return [c for b in measure.breakdowns for c in (f"{b}_denominator", f"{b}_numerator") if c in columns]


def _frame(expression: Expression) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(expression.to_pyarrow()))


def _sums(measure: Measure, columns: Sequence[str]) -> list[pl.Expr]:
    names = ["eligible", "denominator", "numerator", *(f"excluded_{r}" for r in measure.reasons)]
    receipts = [c for c in RECEIPTS if c in columns]
    return [pl.col(c).sum() for c in (*names, *receipts, *_inner(measure, columns))]


def _split(
    measure: Measure, cube: pl.DataFrame, axes: Sequence[Breakdown], keys: Sequence[str]
) -> pl.DataFrame:
    """Sums per keys and value of the axes, with the value's label in a column of the axis's name.

    Units without a key of a shared axis belong to every value of it; weights within an axis take the place of those in
    the total.
    """
    rows = cube.group_by(*keys, *(a.name for a in axes)).agg(_sums(measure, cube.columns))
    for axis in axes:
        if axis.shared:
            lacking = rows.filter(pl.col(axis.name).is_null()).drop(axis.name)
            every = pl.DataFrame({axis.name: axis.shared}, schema={axis.name: rows.schema[axis.name]})
            spread = lacking.join(every, how="cross").select(rows.columns)
            rows = pl.concat([rows.filter(pl.col(axis.name).is_not_null()), spread])
        for column in ("denominator", "numerator"):
            if f"{axis.name}_{column}" in rows.columns:
                rows = rows.with_columns(pl.col(f"{axis.name}_{column}").alias(column))
        labels = [axis.label(v) for v in rows[axis.name]]
        rows = rows.with_columns(pl.Series(axis.name, labels, dtype=pl.String))
    merged = rows.group_by(*keys, *(a.name for a in axes)).agg(_sums(measure, rows.columns))
    return merged.drop(_inner(measure, merged.columns))


def compute(
    measure: Measure,
    lake: Lake,
    months: Sequence[date],
    parameters: Mapping[str, Any] | None = None,
) -> tuple[pl.DataFrame, list[str]]:
    """The measure's figures for every branch, the nation and every month, total and by its stored breakdowns.

    One scan of the data for all months. Rows: the columns of the figure table less definition and cutoff; every
    branch × month from the measure's first on is there, with a denominator of 0 where nothing was counted. With them,
    notes on the data in Japanese. parameters: values to try in place of those of the law; derived tables stay as they are.
    """
    stored = [BREAKDOWNS[b] for b in measure.breakdowns if BREAKDOWNS[b].stored]
    months = [m for m in months if m >= measure.since]
    if not months:
        return FIGURE.empty().drop("definition", "cutoff"), []
    notes: list[str] = []

    def scan(nation: bool) -> pl.DataFrame:
        view = View(lake, months, nation=nation, cases=measure.cases, parameters=parameters)
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
    keys = ["branch", "month"]
    total = _grid(months).join(_split(measure, cube, [], keys), on=keys, how="left")
    pieces = [
        total.with_columns(pl.exclude(keys).fill_null(0)).with_columns(
            breakdown=pl.lit("total"), value=pl.lit("total")
        )
    ]
    pieces += [
        _split(measure, cube, [b], keys).rename({b.name: "value"}).with_columns(breakdown=pl.lit(b.name))
        for b in stored
    ]
    rows = pl.concat(pieces, how="diagonal")
    figures = _with_exclusions(rows, list(measure.reasons)).with_columns(measure=pl.lit(measure.id))
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


def cutoff_of(lake: Lake, measure: Measure) -> str:
    """The data a figure computed now would be of (データ締切): what was taken in, and for a measure of cases their snapshot."""
    return "+".join(filter(None, (lake.version(), cases_version(lake) if measure.cases else "")))


def definition_of(measure: Measure) -> str:
    """A text that changes when the definition's version or any of its parameters does."""
    return definition_text(measure.version, measure.id, measure.parameters)


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did: the months it covers, and the measures it could not compute with what they lack."""

    months: tuple[date, ...]
    skipped: Mapping[str, NotLoaded] = field(default_factory=dict)


def refresh(
    lake: Lake,
    measures: Sequence[Measure],
    progress: Callable[[str], None] | None = None,
    *,
    derivations: Sequence[Derivation] = (),
) -> Refreshed:
    """Bring the derived tables up to date, compute measures for all months and store the figures.

    A figure is stored with its definition version and the data cut-off. A measure whose data is not in the lake is
    passed over, and whoever asks for it is told what to load. Raises MeasureError when the lake holds neither receipts
    nor membership, and when none of the measures can be computed.
    """
    skipped: dict[str, NotLoaded] = {}
    with lake.writing():
        months = data_months(lake)
        if not months:
            raise MeasureError(
                "集計できるレセプトも資格データもありません。",
                todo="「kenpo load」でレセプトか資格のファイルを取り込んでください。",
            )
        derive(lake, derivations, months, progress)
        for item in measures:
            if progress:
                progress(item.title)
            cutoff = cutoff_of(lake, item)
            try:
                rows, notes = compute(item, lake, months)
            except NotLoaded as error:
                skipped[item.id] = error
                rows, notes = FIGURE.empty().drop("definition", "cutoff"), [error.what]
            rows = rows.with_columns(definition=pl.lit(definition_of(item)), cutoff=pl.lit(cutoff))
            parts = write_part(lake.root, FIGURE, rows, f"{item.id}@{definition_of(item)}-{cutoff}")
            lake.replace("figure", parts, f"{item.id}@")
            lake.set_meta(f"notes:{item.id}", json.dumps(notes, ensure_ascii=False))
            _write_history(lake, item, cutoff)
            lacking = skipped.get(item.id)
            lake.set_meta(
                f"lacking:{item.id}",
                json.dumps([lacking.what, lacking.todo] if lacking else [], ensure_ascii=False),
            )
    if measures and len(skipped) == len(measures):
        whats = dict.fromkeys(error.what for error in skipped.values())
        todos = dict.fromkeys(error.todo for error in skipped.values())
        raise NotLoaded("\n".join(whats), todo="\n".join(todos))
    return Refreshed(tuple(months), skipped)


def lacking_of(lake: Lake, measure: Measure) -> NotLoaded | None:
    """What the last refresh lacked to compute a measure, or None."""
    said = json.loads(lake.meta(f"lacking:{measure.id}") or "[]")
    return NotLoaded(said[0], where=measure.title, todo=said[1]) if said else None


def notes_of(lake: Lake, measure: Measure) -> tuple[str, ...]:
    """What to know of the data behind the stored figures of a measure, in Japanese."""
    return tuple(json.loads(lake.meta(f"notes:{measure.id}") or "[]"))


@dataclass(frozen=True)
class Edition:
    """A definition figures were computed by (定義の版), as refresh first met it.

    definition: the text that tells it from others; version: the measure's own. first: when a refresh first used it, in
    Japan's time; cutoff: of the data then. parameters: id → the dated values it was made of.
    """

    definition: str
    version: int
    first: datetime
    cutoff: str
    parameters: Mapping[str, tuple[tuple[str, str], ...]]


def history_of(lake: Lake, measure: Measure) -> tuple[Edition, ...]:
    """The definitions the figures of a lake were computed by, the newest first (定義の版の履歴)."""
    kept = json.loads(lake.meta(f"history:{measure.id}") or "[]")
    return tuple(
        Edition(
            one["definition"],
            one["version"],
            datetime.fromisoformat(one["first"]),
            one["cutoff"],
            {p: tuple((day, value) for day, value in values) for p, values in one["parameters"].items()},
        )
        for one in reversed(kept)
    )


def _write_history(lake: Lake, measure: Measure, cutoff: str) -> None:
    """Keep the definition with those before it when it is not the one used last."""
    kept = json.loads(lake.meta(f"history:{measure.id}") or "[]")
    definition = definition_of(measure)
    if kept and kept[-1]["definition"] == definition:
        return
    kept.append(
        {
            "definition": definition,
            "version": measure.version,
            "first": datetime.now(JAPAN).isoformat(timespec="minutes"),
            "cutoff": cutoff,
            "parameters": {
                p: [[str(v.first_day), str(v.value)] for v in load(p).values] for p in measure.parameters
            },
        }
    )
    lake.set_meta(f"history:{measure.id}", json.dumps(kept, ensure_ascii=False))


# ---- reading figures ---------------------------------------------------------------------------------------------


def figures(
    lake: Lake,
    measure: Measure,
    *,
    branch: str | None = None,
    months: tuple[date, date] | None = None,
    by: str | None = None,
    where: Mapping[str, str] | None = None,
    window: str = "month",
) -> pl.DataFrame:
    """Stored figures of a measure with their rate; breakdowns that are not stored are computed now.

    branch: code or None for all and the nation. months: first and last. by: a breakdown's name. where: breakdown →
    value, to look at that part alone (computed now). window: "month", or "fytd" for the fiscal year to date (年度累計).
    Columns: branch, month, value, eligible, excluded, excluded_by, denominator, numerator, rate (at printed precision,
    NULL on an empty denominator), definition, cutoff. Raises MeasureError for a breakdown, value or window the measure
    does not have, and NotLoaded when its data is not in the lake.
    """
    for name in (*([by] if by else []), *(where or {})):
        if name not in measure.breakdowns:
            allowed = "、".join(f"{b}（{BREAKDOWNS[b].title}）" for b in measure.breakdowns) or "なし"
            raise MeasureError(
                f"指標「{measure.title}」は「{name}」では分けられません。", todo=f"使える内訳：{allowed}"
            )
    if window == "fytd":
        _require_flow(measure)
    if not where and (by is None or BREAKDOWNS[by].stored):
        rows = _stored(lake, measure, by or "total")
    else:
        rows = _on_demand(lake, measure, by, where or {}, branch, months)
    if branch is not None:
        rows = rows.filter(pl.col("branch") == branch)
    if window == "fytd":
        rows = _year_to_date(measure, rows)
    if months is not None:
        rows = rows.filter(pl.col("month").is_between(*months))
    order = {label: n for n, label in enumerate(BREAKDOWNS[by].order if by else ())}
    place = pl.col("value").replace_strict(order, default=len(order), return_dtype=pl.Int32)
    return with_rate(measure, rows).sort("branch", "month", place, "value")


def with_rate(measure: Measure, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with their rate, exact division then one rounding."""
    pairs = zip(rows["numerator"].to_list(), rows["denominator"].to_list(), strict=True)
    rates = [measure.rate(n, d) for n, d in pairs]
    return rows.with_columns(rate=pl.Series(rates, dtype=pl.Decimal(18, measure.precision)))


def stored(lake: Lake, measure: Measure) -> pl.DataFrame:
    """All stored rows of a measure, of every breakdown, branch and month, read without the engine.

    Raises MeasureError when it is not computed or of another definition, NotLoaded when its data is not in the lake.
    """
    if lake.meta(f"notes:{measure.id}") is None:
        raise MeasureError(
            f"指標「{measure.title}」はまだ計算されていません。", todo="「kenpo refresh」を実行してください。"
        )
    if lacking := lacking_of(lake, measure):
        raise lacking
    paths = [p.path for p in lake.parts("figure") if Path(p.path).name.startswith(f"{measure.id}@")]
    rows = pl.concat([FIGURE.empty(), *(pl.read_parquet(lake.root / p) for p in paths)])
    if rows.height and rows["definition"][0] != definition_of(measure):
        raise MeasureError(
            f"指標「{measure.title}」の保存値は、前の版の定義で計算されています。",
            todo="「kenpo refresh」を実行してください。",
        )
    return rows


def _stored(lake: Lake, measure: Measure, breakdown: str) -> pl.DataFrame:
    return stored(lake, measure).filter(pl.col("breakdown") == breakdown).drop("measure", "breakdown")


def _on_demand(
    lake: Lake,
    measure: Measure,
    by: str | None,
    where: Mapping[str, str],
    branch: str | None,
    months: tuple[date, date] | None,
) -> pl.DataFrame:
    every = [m for m in data_months(lake) if m >= measure.since]
    if not every:
        raise MeasureError(
            f"指標「{measure.title}」の対象となる月のデータがありません。",
            todo=f"{measure.since:%Y-%m} 以降のデータを「kenpo load」で取り込んでください。",
        )
    first, last = months or (every[0], every[-1])
    start = fy_first_day(fy(first))
    chosen = [m for m in every if start <= m <= last] or every[:1]
    names = [name for name in (by, *where) if name is not None]
    axes = [BREAKDOWNS[name] for name in dict.fromkeys(names)]
    nation = branch in (None, NATION_CODE)
    recomputed = nation and measure.rollup != "sum"
    cube = pl.concat(
        [
            _cube(lake, measure, axes, None if nation else branch, chosen, nation=national)
            for national in ((False, True) if recomputed else (False,))
        ]
    )
    if nation and not recomputed:
        cube = pl.concat([cube, cube.with_columns(branch=pl.lit(NATION_CODE))])
    rows = _split(measure, cube, axes, ["branch", "month"])
    for name, wanted in where.items():
        there = rows.filter(pl.col(name) == wanted)
        if there.is_empty():
            raise MeasureError(
                f"「{BREAKDOWNS[name].title}」に「{wanted}」はありません。",
                todo=f"ある値：{listed(rows[name].unique().to_list(), BREAKDOWNS[name])}",
            )
        rows = there
    rows = rows.with_columns(value=pl.col(by) if by else pl.lit("total")).drop([a.name for a in axes])
    return _with_exclusions(rows, list(measure.reasons)).with_columns(
        definition=pl.lit(definition_of(measure)), cutoff=pl.lit(cutoff_of(lake, measure))
    )


def _cube(
    lake: Lake,
    measure: Measure,
    axes: Sequence[Breakdown],
    branch: str | None,
    months: Sequence[date],
    *,
    nation: bool = False,
    receipts: bool = False,
) -> pl.DataFrame:
    """Sums per branch, month and key of every axis, of one branch or of all, computed now."""
    units = units_of(measure, View(lake, months, nation=nation, cases=measure.cases))
    if branch is not None:
        units = units.filter(units.branch == branch)
    if any(a.needs == "municipality" for a in axes) and "municipality" not in units.columns:
        units = municipality_of(lake, units)
    keys = {"branch": units.branch, "month": units.month, **{a.name: a.key(units) for a in axes}}
    cube = _frame(aggregate(measure, units, keys, _receipts(units) if receipts else None))
    for axis in axes:
        if axis.partial:
            cube = cube.filter(pl.col(axis.name).is_not_null())
    return cube


def cells(
    lake: Lake,
    measure: Measure,
    axes: Sequence[Breakdown],
    branch: str | None,
    month: date,
    *groups: Sequence[str],
) -> tuple[pl.DataFrame, ...]:
    """The parts of a month's figure by several axes at once, from one look at the data: a table for each group of axes.

    branch: of one, or None for all branches (never the nation). groups: names of axes. Columns: branch, one per axis of the
    group with the value as it reads, eligible, excluded, denominator, numerator; for a measure whose units are lines of
    receipts also RECEIPTS. Parts by one stored breakdown are those stored; others are computed now. Raises MeasureError
    when there are no figures of the month, or when the lake has changed since they were computed.
    """
    wanted = (pl.col("branch") != NATION_CODE) if branch is None else (pl.col("branch") == branch)
    kept = stored(lake, measure).filter(wanted & (pl.col("month") == month))
    if kept.is_empty():
        raise MeasureError(
            f"{month:%Y-%m} の「{measure.title}」はありません。", todo="値のある月を選んでください。"
        )
    names = [a.name for a in axes]
    if computed_ahead(measure, names):
        rows = kept.filter(pl.col("breakdown") == names[0]).rename({"value": names[0]})
        rows = rows.select("branch", *names, "eligible", "excluded", "denominator", "numerator")
        return tuple(rows for _ in groups)
    if kept["cutoff"][0] != cutoff_of(lake, measure):
        raise MeasureError(
            "この値を計算した後に、取込または取消がありました。",
            todo="「kenpo refresh」で計算し直してください。",
        )
    cube = _cube(lake, measure, axes, branch, [month], receipts=measure.persons == "receipts")
    split = (_split(measure, cube, [a for a in axes if a.name in g], ["branch"]) for g in groups)
    return tuple(
        _with_exclusions(rows, list(measure.reasons)).drop("excluded_by").sort("branch", *group)
        for rows, group in zip(split, groups, strict=True)
    )


def computed_ahead(measure: Measure, axes: Sequence[str]) -> bool:
    """Whether refresh keeps the parts of a measure by some axes, with all that a suppression looks at."""
    return (
        len(axes) == 1
        and measure.persons != "receipts"
        and axes[0] in BREAKDOWNS
        and BREAKDOWNS[axes[0]].stored
    )


def _require_flow(measure: Measure) -> None:
    if not measure.flow:
        raise MeasureError(
            f"指標「{measure.title}」は月末時点の値なので、足し合わせて年度累計にすることはできません。",
            todo="--window month で表示してください。",
        )
    if measure.rollup != "sum":
        raise MeasureError(
            f"指標「{measure.title}」は月ごとの値で、年度累計にできません。",
            todo="--window month で表示してください。",
        )


def _year_to_date(measure: Measure, rows: pl.DataFrame) -> pl.DataFrame:
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
