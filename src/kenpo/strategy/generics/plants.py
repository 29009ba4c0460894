"""What the invented branch plants for generics: people to be told of them, near-misses, unknown codes, corrected
prescriptions; and what the shares must be."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl

from kenpo.base.fiscal import add_months
from kenpo.synth.planting import Cover, Planting, Ref, plant
from kenpo.synth.records import (
    BasicFee,
    Correction,
    Dispensing,
    Drug,
    Fill,
    Procedure,
    Unit,
)
from kenpo.synth.shelf import Remedy, drug_points
from kenpo.synth.truth import World, truth

_UNKNOWN = "699999999"


def _member(p: Planting, birth: date) -> Cover:
    work = p.workplace(applied=add_months(p.months[0], -36))
    return p.cover(p.person(birth=birth), add_months(p.months[0], -24), workplace=work)


def _dispensed(p: Planting, cover: Cover, month: date, drugs: list[tuple[str, int]], days: int) -> Ref:
    """A pharmacy receipt: the drugs (code, amount a day) for some days."""
    day = month.replace(day=5)
    price = sum((p.shelf.medicines[code].price * n for code, n in drugs), Decimal(0))
    points = drug_points(price)
    fill = Fill(day, day, days, 1, points * days, "420000010", 24)
    rows = tuple(Drug(code, n) for code, n in drugs)
    items = (Dispensing("1", "101", (fill, *rows), unit_points=points), BasicFee(day, "410000010", 45))
    return p.receipt(cover, month, (5,), items, kind="pharmacy")


def _dearest(p: Planting) -> Remedy:
    """The oral remedy whose originator is dearer than its cheapest generic by most."""
    oral = [
        r
        for r in p.shelf.remedies.values()
        if r.originators[0].form == "1" and r.originators[0].unit in ("錠", "カプセル")
    ]
    return max(oral, key=lambda r: r.originators[0].price - min(g.price for g in r.generics))


@plant("ジェネリック軽減額通知の対象者")
def switch_candidates(p: Planting) -> None:
    """An originator for 14 days; the near-misses: 13 days, the generic itself, an originator without generics, drugs that would
    tell of cancer, a mental illness or a virus, 20 years old a day too late."""
    month = p.months[min(2, len(p.months) - 1)]
    remedy = p.shelf.remedy("モンテルカスト錠")
    dear, cheap = remedy.originators[0].code, remedy.generics[0].code
    telling = (
        p.shelf.remedy(name).originators[0].code for name in ("イマチニブ", "オランザピン", "エンテカビル")
    )
    adult = date(1970, 4, 20)
    next_month = add_months(
        month, -12 * 20 + 1
    )  # born on its first day: 20 on the last day of the month by law
    cases = (
        (adult, dear, 14, True),
        (adult, dear, 13, False),
        (adult, cheap, 28, False),
        (adult, "622341901", 28, False),
        *((adult, code, 28, False) for code in telling),
        (next_month, dear, 28, True),
        (next_month.replace(day=2), dear, 28, False),
    )
    for born, code, days, found in cases:
        receipt = _dispensed(p, _member(p, born), month, [(code, 1)], days)
        (p.find if found else p.spare)("worklist:generic_switch", "switch", p.line(receipt, "IY"))


@plant("マスターにない医薬品コード")
def unknown_codes(p: Planting) -> None:
    """A code no master has, beside one that is known."""
    month = p.months[0]
    cover = _member(p, date(1966, 6, 1))
    known = _dearest(p).generics[0].code
    units = (
        Unit("21", (Drug(_UNKNOWN, 1),), 5, 7, ((9, 7),)),
        Unit(
            "21",
            (Drug(known, 1),),
            drug_points(p.shelf.medicines[known].price),
            7,
            ((9, 7),),
            blank_category=True,
        ),
    )
    receipt = p.receipt(cover, month, (9,), units)
    p.find("worklist:unknown_drug_codes", "unknown_code", p.line(receipt, "IY", 0))
    p.spare("worklist:unknown_drug_codes", "unknown_code", p.line(receipt, "IY", 1))


@plant("補正の連なり")
def corrections(p: Planting) -> None:
    """Quantities changed once and twice, a test struck out, a drug struck out, a receipt sent back: what counts is the last."""
    month = p.months[min(1, len(p.months) - 1)]
    remedy = _dearest(p)
    dear, price = remedy.originators[0].code, remedy.originators[0].price
    visit, test = Procedure("112007410"), Procedure("160008010")

    def given(amount: int) -> tuple[Unit, ...]:
        return (
            Unit("12", (visit,), 75, 1, ((12, 1),)),
            Unit("21", (Drug(dear, amount),), drug_points(price * amount), 28, ((12, 28),)),
            Unit("60", (test,), 21, 1, ((12, 1),)),
        )

    full = 75 + drug_points(price * 3) * 28 + 21

    def less(amount: int, stage: str = "2") -> tuple[Correction, ...]:
        points = drug_points(price * amount)
        total = full - (drug_points(price * 3) - points) * 28
        return (
            Correction("IY", 0, "2", ((4, str(amount)), (5, str(points))), stage),
            Correction("HO", 0, "2", ((5, str(total)),), stage),
        )

    without_test = (Correction("SI", 1, "3"), Correction("HO", 0, "2", ((5, str(full - 21)),)))
    without_drug = (
        Correction("IY", 0, "3"),
        Correction("HO", 0, "2", ((5, str(full - drug_points(price * 3) * 28)),)),
    )
    cases = (
        ((), full, 3 * 28),
        (less(2), full - (drug_points(price * 3) - drug_points(price * 2)) * 28, 2 * 28),
        ((*less(2), *less(1)), full - (drug_points(price * 3) - drug_points(price)) * 28, 28),
        (without_test, full - 21, 3 * 28),
        (without_drug, full - drug_points(price * 3) * 28, 0),
    )
    for changes, points, quantity in cases:
        cover = _member(p, date(1958, 3, 9))
        receipt = p.receipt(
            cover, month, (12,), given(3), corrections=changes, points_after=points, drugs=[(dear, quantity)]
        )
        p.expect("receipt", "points", points, receipt)
        p.expect("receipt", "status", "valid", receipt)
    sent_back = p.receipt(
        _member(p, date(1958, 3, 10)), month, (12,), given(3), valid=False, returned="100018"
    )
    p.expect("receipt", "status", "returned", sent_back)


PLANTS = (switch_candidates, unknown_codes, corrections)


def _shares(world: World, weight: str) -> pl.DataFrame:
    """Generics among originators with generics and generics, by kind of receipt."""
    kinds = {"medical": "医科", "dpc": "DPC", "dental": "歯科", "pharmacy": "調剤"}
    named = world["drugs"].with_columns(
        total_of=pl.lit("total"),
        kind=pl.col("kind").replace_strict(kinds, return_dtype=pl.String),
        counted=pl.when(pl.col("class").is_in(["2", "3", "☆", "★"])).then(weight).otherwise(0),
        generic=pl.when(pl.col("class").is_in(["3", "★"])).then(weight).otherwise(0),
    )
    return pl.concat(
        named.group_by("branch", "month", value=column)
        .agg(numerator=pl.col("generic").sum(), denominator=pl.col("counted").sum())
        .with_columns(by=pl.lit(by))
        for by, column in (("total", "total_of"), ("kind", "kind"))
    )


@truth("generic_volume_share")
def volume_truth(world: World) -> pl.DataFrame:
    """Quantities."""
    return _shares(world, "total")


@truth("generic_value_share")
def value_truth(world: World) -> pl.DataFrame:
    """Quantities at their prices, in yen."""
    hundredths = _shares(world, "cents")
    return hundredths.with_columns(
        pl.col(c).cast(pl.Decimal(38, 2)) / pl.lit(100, dtype=pl.Decimal(38, 0))
        for c in ("numerator", "denominator")
    )


TRUTHS = (volume_truth, value_truth)
