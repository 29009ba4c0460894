"""What the figures of spending must be, from the invented branch's own world."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from kenpo.base.industries import SECTIONS
from kenpo.frame.breakdown import place as municipality
from kenpo.synth.truth import Truth, World, truth

_CARES = {"inpatient": "入院", "outpatient": "入院外", "dental": "歯科", "pharmacy": "調剤"}
_SEX = {"1": "男", "2": "女"}
_KIND = {"insured": "被保険者", "dependent": "被扶養者"}
_KEYS = ("branch", "month")


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    """Keys as they are printed."""
    titles = {"sex": _SEX, "kind": _KIND, "care": _CARES}
    columns = [
        pl.col(c).replace_strict(t, default="不明", return_dtype=pl.String)
        for c, t in titles.items()
        if c in frame.columns
    ]
    if "section" in frame.columns:
        columns.append(
            pl.col("section")
            .replace_strict(SECTIONS, default="不明", return_dtype=pl.String)
            .alias("industry")
        )
    if "residence" in frame.columns:
        codes = {code: municipality(code) for code in frame["residence"].unique().to_list()}
        columns.append(pl.col("residence").replace_strict(codes, return_dtype=pl.String))
    named = frame.with_columns(columns, total=pl.lit("total"))
    return named.rename({"kind": "member_kind"}, strict=False)


_Weights = Callable[[bool], tuple[pl.Expr, pl.Expr, bool]]
"""Within one kind of care or not → numerator and denominator of a row of cost, and whether members are the denominator."""


def _rows(world: World, weights: _Weights) -> pl.DataFrame:
    """Numerators and denominators by each breakdown."""
    cost, place = _named(world["cost"]), _named(world["cost_place"])
    people, living = _named(world["members"]), _named(world["members_place"])
    out = []
    for by, costs, heads in (
        *((b, cost, people) for b in ("total", "age_band", "sex", "member_kind", "care")),
        ("industry", place, living),
        ("residence", place, living),
    ):
        numerator, denominator, per_head = weights(by == "care")
        sums = costs.group_by(*_KEYS, value=by).agg(numerator=numerator.sum(), denominator=denominator.sum())
        if per_head and by == "care":
            whole = heads.group_by(*_KEYS).agg(members=pl.col("members").sum())
            sums = sums.join(whole, on=list(_KEYS)).with_columns(denominator="members").drop("members")
        elif per_head:
            whole = heads.group_by(*_KEYS, value=by).agg(members=pl.col("members").sum())
            sums = (
                sums.join(whole, on=[*_KEYS, "value"], how="full", coalesce=True)
                .with_columns(
                    numerator=pl.col("numerator").fill_null(0), denominator=pl.col("members").fill_null(0)
                )
                .drop("members")
            )
        out.append(sums.with_columns(by=pl.lit(by)))
    return pl.concat(out, how="diagonal_relaxed")


_YEN = pl.col("points") * 10
_NOT_PHARMACY = pl.col("care") != "調剤"


def _of(column: str, within_care: bool) -> pl.Expr:
    """Receipts or days: within one kind of care its own, otherwise all but the pharmacies'."""
    return pl.col(column) if within_care else pl.when(_NOT_PHARMACY).then(pl.col(column)).otherwise(0)


@truth("medical_cost_per_member")
def cost_truth(world: World) -> pl.DataFrame:
    """Yen and members."""
    return _rows(world, lambda care: (_YEN, pl.lit(0), True))


@truth("receipts_per_member")
def receipts_truth(world: World) -> pl.DataFrame:
    """Receipts and members."""
    return _rows(world, lambda care: (_of("receipts", care), pl.lit(0), True))


@truth("days_per_receipt")
def days_truth(world: World) -> pl.DataFrame:
    """Days and receipts."""
    return _rows(world, lambda care: (_of("days", care), _of("receipts", care), False))


@truth("cost_per_day")
def day_truth(world: World) -> pl.DataFrame:
    """Yen and days."""
    return _rows(world, lambda care: (_YEN, _of("days", care), False))


@truth("medical_cost_index", nation=True)
def index_truth(world: World) -> pl.DataFrame:
    """Yen, and what the nation's cost per head by sex and age class would make; the world is the nation here."""
    keys = ["month", "age_band", "sex"]
    yen = world["cost"].group_by("branch", *keys).agg(yen=_YEN.sum())
    heads = (
        world["members"]
        .group_by("branch", *keys)
        .agg(n=pl.col("members").sum())
        .filter(pl.col("age_band") != "不明")
    )
    nation = (
        heads.group_by(keys).agg(pl.col("n").sum())
        .join(yen.group_by(keys).agg(pl.col("yen").sum()), on=keys, how="left")
        .with_columns(pl.col("yen").fill_null(0))
    )  # fmt: skip
    each = nation.with_columns(expected=(2 * 10_000 * pl.col("yen") + pl.col("n")) // (2 * pl.col("n")))
    spread = heads.join(each.select(*keys, "expected"), on=keys).with_columns(
        whole=pl.col("expected") * pl.col("n")
    )
    paid = yen.group_by("branch", "month").agg(numerator=pl.col("yen").sum())
    due = spread.group_by("branch", "month").agg(
        denominator=pl.col("whole").sum().cast(pl.Decimal(38, 4)) / pl.lit(10_000, dtype=pl.Decimal(38, 0))
    )
    return paid.join(due, on=["branch", "month"]).with_columns(by=pl.lit("total"), value=pl.lit("total"))


def _flow(world: World, *, outward: bool) -> pl.DataFrame:
    visits = world["flow"].filter(pl.col("care").is_in(["outpatient", "dental"]))
    own = "residence" if outward else "institution"
    here = visits.filter(pl.col(own).str.slice(0, 2) == pl.col("branch"))
    away = pl.when(pl.col("residence") != pl.col("institution")).then("receipts").otherwise(0)
    return (
        here.group_by("branch", "month")
        .agg(numerator=away.sum(), denominator=pl.col("receipts").sum())
        .with_columns(by=pl.lit("total"), value=pl.lit("total"))
    )


@truth("patient_outflow_rate")
def outflow_truth(world: World) -> pl.DataFrame:
    """Visits of residents outside their municipality."""
    return _flow(world, outward=True)


@truth("patient_inflow_rate")
def inflow_truth(world: World) -> pl.DataFrame:
    """Visits in a municipality of people who live elsewhere."""
    return _flow(world, outward=False)


TRUTHS: tuple[Truth, ...] = (
    cost_truth,
    receipts_truth,
    days_truth,
    day_truth,
    index_truth,
    outflow_truth,
    inflow_truth,
)
