"""What the invented branch plants for 資格: every fault of the membership and every reason a receipt is nobody's, with
the near-misses, and what the figures of members must be."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from kenpo.base.fiscal import add_months
from kenpo.lake.tables.derived import UNMATCHED
from kenpo.synth.planting import Cover, Planting, plant
from kenpo.synth.records import Procedure, Unit
from kenpo.synth.truth import World, truth

_DAY = timedelta(days=1)
_VISIT, _POINTS = "112007410", 75


def _visits(days: tuple[int, ...]) -> tuple[Unit, ...]:
    return (Unit("12", (Procedure(_VISIT),), _POINTS, len(days), tuple((d, 1) for d in days)),)


def _start(p: Planting) -> date:
    """A day three years before the branch's first month: long enough ago for every rule."""
    return add_months(p.months[0], -36)


def _middle(p: Planting) -> date:
    """The first day of a month in the middle of the period, before the full load."""
    return p.months[min(len(p.months) // 2, max(len(p.months) - 2, 0))]


# ---- rows that do not fit (資格データの不整合) ---------------------------------------------------------------------------


@plant("資格の期間の重なり")
def overlapping_spans(p: Planting) -> None:
    """The second span begins one day before the first ends; the near-miss on the day it ends."""
    work, lost = p.workplace(applied=_start(p)), _middle(p) + 14 * _DAY
    for early, found in ((1, True), (0, False)):
        who = p.person(birth=date(1980, 5, 2))
        p.cover(who, _start(p), lost, workplace=work)
        second = p.cover(who, lost - early * _DAY, workplace=work)
        (p.find if found else p.spare)("membership_fault", "overlapping_spans", second.ref)


@plant("事業所・加入者のデータにない資格")
def unknown_owner(p: Planting) -> None:
    """A workplace and a member that are in no file; beside them people whose are."""
    work = p.workplace(applied=_start(p))
    known = p.cover(p.person(birth=date(1975, 3, 3)), _start(p), workplace=work)
    lost = p.cover(p.person(birth=date(1975, 3, 4)), _start(p), symbol="96999999")
    stranger = p.cover(p.person(birth=date(1975, 3, 5), registered=False), _start(p), workplace=work)
    p.find("membership_fault", "unknown_workplace", lost.ref)
    p.find("membership_fault", "unknown_member", stranger.ref)
    for code in ("unknown_workplace", "unknown_member"):
        p.spare("membership_fault", code, known.ref)


@plant("被扶養者と被保険者の資格のずれ")
def dependents(p: Planting) -> None:
    """Recognised a day before the insured person's cover, or left a day after it; near-misses on the day."""
    work, begun, lost = p.workplace(applied=_start(p)), add_months(_start(p), 2), _middle(p)
    for days, found in ((1, True), (0, False)):
        head = p.person(birth=date(1978, 8, 8))
        p.cover(head, begun, lost, workplace=work)
        early = p.cover(
            p.person(birth=date(2012, 4, 1), sex=2), begun - days * _DAY, lost, workplace=work, insured=head,
            relation="child", branch_no="01",
        )  # fmt: skip
        late = p.cover(
            p.person(birth=date(1979, 1, 9), sex=2), begun, lost + days * _DAY, workplace=work, insured=head,
            relation="spouse", branch_no="02", reason="with_insured",
        )  # fmt: skip
        say = p.find if found else p.spare
        say("membership_fault", "dependent_without_insured", early.ref)
        say("membership_fault", "dependent_after_insured_loss", late.ref)


@plant("死亡・75歳到達の後まで続く資格")
def ended_lives(p: Planting) -> None:
    """Cover that ends a day too late; the day after death and the 75th birthday are right."""
    work, day = p.workplace(applied=_start(p)), _middle(p) + 9 * _DAY
    for late, found in ((1, True), (0, False)):
        dead = p.cover(
            p.person(birth=date(1960, 6, 6), died=day),
            _start(p),
            day + (1 + late) * _DAY,
            workplace=work,
            reason="died",
        )
        born = day.replace(year=day.year - 75)
        old = p.cover(
            p.person(birth=born, sex=2), _start(p), day + late * _DAY, workplace=work, reason="aged_75"
        )
        say = p.find if found else p.spare
        say("membership_fault", "after_death", dead.ref)
        say("membership_fault", "over_75", old.ref)


@plant("事業所の適用期間の外の資格")
def outside_workplace(p: Planting) -> None:
    """Acquired a day before 新規適用, or lost a day after 全喪."""
    applied, closed = add_months(_start(p), 6), _middle(p)
    for days, found in ((1, True), (0, False)):
        work = p.workplace(applied=applied, closed=closed)
        early = p.cover(p.person(birth=date(1985, 2, 1)), applied - days * _DAY, closed, workplace=work)
        late = p.cover(p.person(birth=date(1985, 2, 2)), applied, closed + days * _DAY, workplace=work)
        say = p.find if found else p.spare
        say("membership_fault", "acquired_before_workplace", early.ref)
        say("membership_fault", "after_workplace_closed", late.ref)


@plant("任意継続の要件")
def voluntary(p: Planting) -> None:
    """A day more than two years; a day less than two months insured before."""
    work = p.workplace(applied=_start(p))
    begun = add_months(p.full_day.replace(day=1), -27)
    for days, found in ((1, True), (0, False)):
        say = p.find if found else p.spare
        who = p.person(birth=date(1970, 11, 11))
        p.cover(who, add_months(begun, -8), begun, workplace=work)
        long = p.cover(
            who, begun, add_months(begun, 24) + days * _DAY, voluntary=True, reason="voluntary_end"
        )
        say("membership_fault", "voluntary_over_2_years", long.ref)
        who = p.person(birth=date(1971, 11, 12), sex=2)
        p.cover(who, add_months(begun, -2) + days * _DAY, begun, workplace=work)
        short = p.cover(who, begun, add_months(begun, 12), voluntary=True, reason="voluntary_end")
        say("membership_fault", "voluntary_without_2_months", short.ref)


@plant("標準報酬月額のない被保険者")
def unpaid(p: Planting) -> None:
    """An insured person without a standard remuneration; one who has it from the month of acquisition is right."""
    work = p.workplace(applied=_start(p))
    lacking = p.cover(p.person(birth=date(1990, 7, 1)), _start(p), workplace=work, pay=None)
    paid = p.cover(p.person(birth=date(1990, 7, 2)), _start(p), workplace=work)
    p.find("membership_fault", "no_remuneration", lacking.ref)
    p.spare("membership_fault", "no_remuneration", paid.ref)


@plant("取り込めない資格の行")
def rejected_rows(p: Planting) -> None:
    """Rows that must be rejected: lost before acquired, born after that, an amount above the highest grade. 同日得喪 and the highest grade are taken in."""
    work, day = p.workplace(applied=_start(p)), add_months(_start(p), 3)
    born = date(1982, 2, 2)
    backward = p.cover(p.person(birth=born), day, day - _DAY, workplace=work, counted=False)
    p.find("intake_reject", "backward_span", backward.ref)
    same_day = p.cover(p.person(birth=born), day, day, workplace=work, counted=False)
    p.spare("intake_reject", "backward_span", same_day.ref)
    p.find("intake_flag", "same_day_span", same_day.ref)
    unborn = p.cover(
        p.person(birth=born), day, workplace=work, counted=False, extra={"birth_date": day + _DAY}
    )
    p.find("intake_reject", "impossible_birth", unborn.ref)
    related = p.cover(p.person(birth=born), day, workplace=work, counted=False, extra={"relation": "child"})
    p.find("intake_reject", "wrong_relation", related.ref)
    elsewhere = p.cover(
        p.person(birth=born), day, workplace=work, counted=False, extra={"insurer_number": "06139999"}
    )
    p.find("intake_reject", "unknown_insurer", elsewhere.ref)
    paid = p.person(birth=born)
    p.cover(paid, _start(p), workplace=work, pay=1_390_000)
    p.find("intake_reject", "bad_standard", p.pay(paid, day, 1_395_000))
    p.spare("intake_reject", "bad_standard", p.pay(paid, add_months(day, 1), 1_390_000))


# ---- whose receipt it is (資格照合) -------------------------------------------------------------------------------------


def _insured(p: Planting, start: date, end: date | None = None, **fields: object) -> Cover:
    work = p.workplace(applied=_start(p))
    return p.cover(p.person(birth=date(1983, 9, 9)), start, end, workplace=work)


@plant("資格喪失後・取得前の受診")
def uncovered_days(p: Planting) -> None:
    """Treated on the day of loss, on the day before it, and on both; and around the day of acquisition."""
    month = _middle(p)
    lost = _insured(p, _start(p), month + 14 * _DAY)
    for days, reason in (((15,), "after_loss"), ((14,), None), ((14, 15), "partly_after_loss")):
        ref = p.receipt(lost, month, days, _visits(days), reason=reason)
        for code in ("after_loss", "partly_after_loss"):
            (p.find if code == reason else p.spare)("member_receipt", code, ref)
    gained = _insured(p, month + 14 * _DAY)
    for days, reason in (((14,), "before_acquisition"), ((15,), None)):
        ref = p.receipt(gained, month, days, _visits(days), reason=reason)
        (p.find if reason else p.spare)("member_receipt", "before_acquisition", ref)


@plant("前の記号番号での受診")
def old_card(p: Planting) -> None:
    """The old card is used after a change of workplace: nobody's, although the person is insured."""
    month = _middle(p)
    who = p.person(birth=date(1988, 12, 24), sex=2)
    old = p.cover(who, _start(p), month, workplace=p.workplace(applied=_start(p)))
    new = p.cover(who, month, workplace=p.workplace(applied=_start(p)))
    wrong = p.receipt(old, month, (5,), _visits((5,)), reason="after_loss")
    right = p.receipt(new, month, (5,), _visits((5,)))
    p.find("member_receipt", "after_loss", wrong)
    p.spare("member_receipt", "after_loss", right)


@plant("記号番号の誤りと未登録")
def unmatched(p: Planting) -> None:
    """A number of another card, another birth date, somebody unknown; and writings that are the same number."""
    month = _middle(p)
    cover = _insured(p, _start(p))
    own = p.patient(cover)
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    cases = (
        (p.patient(cover, number="8888888"), "number_error"),
        (p.patient(cover, birth=date(1983, 9, 10)), "number_error"),
        (p.patient(cover, number="8888889", kana="ウエコミシラナイ", name="植込　知内"), "unregistered"),
        (p.patient(cover, symbol=own.symbol.translate(wide), number=own.number.translate(wide)), None),
        (p.patient(cover, branch_no=""), None),
    )
    for patient, reason in cases:
        ref = p.receipt(cover, month, (7,), _visits((7,)), patient=patient, reason=reason)
        for code in ("number_error", "unregistered"):
            (p.find if code == reason else p.spare)("member_receipt", code, ref)


@plant("枝番のない双子")
def twins(p: Planting) -> None:
    """Twins of one sex cannot be told apart without 枝番, and can with it."""
    month, work = _middle(p), p.workplace(applied=_start(p))
    head = p.person(birth=date(1981, 1, 15))
    p.cover(head, _start(p), workplace=work)
    born = add_months(_start(p), 1)
    both = [
        p.cover(
            p.person(birth=born, sex=2, given=n), born, workplace=work, insured=head, relation="child",
            branch_no=f"0{n + 1}",
        )
        for n in range(2)
    ]  # fmt: skip
    bare = p.patient(both[0], branch_no="")
    lost = p.receipt(both[0], month, (3,), _visits((3,)), patient=bare, reason="ambiguous")
    told = p.receipt(both[1], month, (3,), _visits((3,)))
    p.find("member_receipt", "ambiguous", lost)
    p.spare("member_receipt", "ambiguous", told)


PLANTS = (
    overlapping_spans,
    unknown_owner,
    dependents,
    ended_lives,
    outside_workplace,
    voluntary,
    unpaid,
    rejected_rows,
    uncovered_days,
    old_card,
    unmatched,
    twins,
)


# ---- what the figures must be ------------------------------------------------------------------------------------------


_SEX = {"1": "男", "2": "女"}
_KIND = {"insured": "被保険者", "dependent": "被扶養者"}


def _counted(frame: pl.DataFrame, numerator: str, denominator: str | None) -> pl.DataFrame:
    """Totals and splits by age, sex and 本人家族 of a table of people."""
    amount = pl.col(numerator).sum()
    whole = pl.col(denominator).sum() if denominator else pl.lit(0)
    named = frame.with_columns(
        pl.lit("total").alias("total"),
        pl.col("sex").replace_strict(_SEX, default="不明", return_dtype=pl.String),
        pl.col("kind").replace_strict(_KIND, default="不明", return_dtype=pl.String).alias("member_kind"),
    )
    return pl.concat(
        named.group_by("branch", "month", value=by)
        .agg(numerator=amount, denominator=whole)
        .with_columns(by=pl.lit(by))
        for by in ("total", "age_band", "sex", "member_kind")
    )


@truth("members")
def members_truth(world: World) -> pl.DataFrame:
    """Members."""
    return _counted(world["members"], "members", None)


@truth("insured")
def insured_truth(world: World) -> pl.DataFrame:
    """Insured people."""
    people = world["members"].filter(pl.col("kind") == "insured")
    return _counted(people, "members", None).filter(pl.col("by") != "member_kind")


@truth("dependents")
def dependents_truth(world: World) -> pl.DataFrame:
    """Dependents."""
    people = world["members"].filter(pl.col("kind") == "dependent")
    return _counted(people, "members", None).filter(pl.col("by") != "member_kind")


@truth("mynumber_record_rate")
def mynumber_truth(world: World) -> pl.DataFrame:
    """Members with マイナンバー among members."""
    return _counted(world["members"], "mynumber", "members")


@truth("average_standard_remuneration")
def remuneration_truth(world: World) -> pl.DataFrame:
    """Sum of standard remunerations and the people at work who have one."""
    people = world["members"].filter(pl.col("kind") == "insured")
    return _counted(people, "standard", "paid").filter(pl.col("by") != "member_kind")


@truth("dependency_ratio")
def dependency_truth(world: World) -> pl.DataFrame:
    """Dependents to insured people."""
    counts = world["members"].with_columns(
        dependent=pl.when(pl.col("kind") == "dependent").then("members").otherwise(0),
        insured=pl.when(pl.col("kind") == "insured").then("members").otherwise(0),
    )
    return _counted(counts, "dependent", "insured").filter(pl.col("by") == "total")


_SIZES = (1, 3, 5, 10, 20, 30, 50, 100, 300, 500, 1000)


def _size(insured: int) -> str:
    """The size class of a workplace: 0人, 1-2人 … 1000人以上."""
    if insured == 0:
        return "0人"
    low = max(s for s in _SIZES if s <= insured)
    above = [s for s in _SIZES if s > insured]
    return f"{low}-{above[0] - 1}人" if above else f"{low}人以上"


@truth("workplaces")
def workplaces_truth(world: World) -> pl.DataFrame:
    """Workplaces in force, by size."""
    table = world["workplaces"]
    sizes = {n: _size(n) for n in table["insured"].unique().to_list()}
    named = table.with_columns(
        total=pl.lit("total"), size=pl.col("insured").replace_strict(sizes, return_dtype=pl.String)
    )
    return pl.concat(
        named.group_by("branch", "month", value=by)
        .agg(numerator=pl.col("workplaces").sum(), denominator=pl.lit(0))
        .with_columns(by=pl.lit(by))
        for by in ("total", "size")
    )


@truth("receipt_match_rate")
def match_truth(world: World) -> pl.DataFrame:
    """Receipts of known members among all; and how many are nobody's for which reason."""
    keys = ["branch", "month"]
    known = world["cost"].select(*keys, "receipts", matched="receipts", reason=pl.lit("照合できた"))
    lost = world["unmatched"].select(
        *keys,
        "receipts",
        matched=pl.lit(0, dtype=pl.Int64),
        reason=pl.col("reason").replace_strict(UNMATCHED, return_dtype=pl.String),
    )
    both = pl.concat([known, lost]).with_columns(total=pl.lit("total"))
    return pl.concat(
        both.group_by(*keys, value=column)
        .agg(numerator=pl.col("matched").sum(), denominator=pl.col("receipts").sum())
        .with_columns(by=pl.lit(by))
        for by, column in (("total", "total"), ("match", "reason"))
    )


TRUTHS = (
    members_truth,
    insured_truth,
    dependents_truth,
    mynumber_truth,
    remuneration_truth,
    dependency_truth,
    workplaces_truth,
    match_truth,
)
