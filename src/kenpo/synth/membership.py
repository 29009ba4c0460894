"""Membership files (資格のファイル) of the invented branch: a full load and the changes after it, in CSV.

Headings and order are those of the deliveries the lake declares, so that a file that is written can be read.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from kenpo.base.fiscal import add_months
from kenpo.lake.schema import Delivery
from kenpo.lake.tables.members import DELIVERIES
from kenpo.synth.names import address_of, name_of
from kenpo.synth.people import REASONS, RELATIONS, SELF, People
from kenpo.synth.setting import (
    NEVER,
    Days,
    Facts,
    Ints,
    Setting,
    birthday,
    date_series,
    day_number,
    parts_of,
)
from kenpo.synth.workplaces import VOLUNTARY_SYMBOL, Workplaces

TITLES = {
    "workplace": "事業所",
    "member": "加入者",
    "enrolment": "資格",
    "remuneration": "標準報酬月額",
    "bonus": "賞与",
    "card": "証",
}
"""Table → the word its file's name begins with."""

_DELIVERY: dict[str, Delivery] = {d.table.name: d for d in DELIVERIES}
CARDS_END = date(2024, 12, 2)
"""被保険者証 are issued no more from this day on (令和5年法律第48号)."""
CARDS_EXPIRE = date(2025, 12, 1)

# Monthly remuneration (報酬月額) in thousand yen by age 15, 25, 35, 45, 55, 60, 65, 75.
_PAY_AGES = np.array([15, 25, 35, 45, 55, 60, 65, 75])
_PAY = {
    1: np.array([190, 262, 330, 375, 392, 350, 268, 215]),
    2: np.array([180, 235, 255, 262, 258, 238, 212, 190]),
}
_SPREAD = 0.27
_VOLUNTARY_CAP = 300_000


@dataclass
class Membership:
    """A chunk's membership over the whole period.

    frames: table → rows with the delivery's columns as values (dates, codes), plus `known` and `changed`: the days
    from which the insurer knows the row, and knows its end. pay: person → remuneration at the beginning of each stint.
    """

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)


def person_numbers(setting: Setting, people: People) -> list[str]:
    """加入者番号 of each person: the branch and ten digits."""
    return [f"{setting.branch}{people.first + i:010d}" for i in range(people.count)]


def card_numbers(people: People, workplaces: Workplaces) -> tuple[list[str], list[str]]:
    """記号 and 番号 of each enrolment."""
    symbols = [VOLUNTARY_SYMBOL if w < 0 else workplaces.symbol(w) for w in people.e_workplace.tolist()]
    numbers = (people.first + people.e_insured).astype(str).tolist()
    return symbols, numbers


def make_membership(setting: Setting, workplaces: Workplaces, people: People, facts: Facts) -> Membership:
    """Everything the insurer knows of a chunk's people, with the day it knows it."""
    random = setting.random(3, people.chunk)
    numbers = np.array(person_numbers(setting, people), dtype=object)
    names = [
        name_of(int(f), int(g), int(s))
        for f, g, s in zip(people.family, people.given, people.sex, strict=True)
    ]
    first_known = np.full(people.count, NEVER)
    np.minimum.at(first_known, people.e_person, people.e_start)
    out = Membership()
    insurer = setting.insurer_number
    out.frames["member"] = pl.DataFrame(
        {
            "insurer_number": [insurer] * people.count,
            "person_number": numbers.tolist(),
            "name": [n for n, _ in names],
            "kana": [k for _, k in names],
            "birth_date": date_series("birth_date", people.birth),
            "sex": people.sex.astype(str).tolist(),
            "municipality": people.municipality,
            "mynumber_on": date_series("mynumber_on", people.mynumber),
            "died_on": date_series("died_on", people.died),
            "postcode": ["000-0000"] * people.count,
            "address": [address_of(m, i) for i, m in enumerate(people.municipality)],
            "known": first_known,
        }
    )
    symbols, card = card_numbers(people, workplaces)
    person = people.e_person
    out.frames["enrolment"] = pl.DataFrame(
        {
            "insurer_number": [insurer] * len(person),
            "person_number": numbers[person].tolist(),
            "insured_person_number": numbers[people.e_insured].tolist(),
            "symbol": symbols,
            "number": card,
            "branch_no": [f"{n:02d}" for n in people.branch_no[person].tolist()],
            "birth_date": date_series("birth_date", people.birth[person]),
            "sex": people.sex[person].astype(str).tolist(),
            "kana": [names[p][1] for p in person.tolist()],
            "kind": np.where(people.relation[person] == SELF, "insured", "dependent").tolist(),
            "relation": [RELATIONS[r] for r in people.relation[person].tolist()],
            "voluntary": people.e_voluntary,
            "acquired_on": date_series("acquired_on", people.e_start),
            "lost_on": date_series("lost_on", people.e_end),
            "loss_reason": [REASONS[r] or None for r in people.e_reason.tolist()],
            "known": people.e_start,
        }
    )
    pay = _pay(setting, people, facts, random)
    out.frames["remuneration"] = _remuneration(setting, people, numbers, facts, pay, random)
    out.frames["bonus"] = _bonus(setting, people, numbers, pay, random)
    out.frames["card"] = _cards(setting, people, numbers, random)
    return out


def _pay(setting: Setting, people: People, facts: Facts, random: np.random.Generator) -> Ints:
    """Monthly remuneration of each person at the first month, whatever they are."""
    age = (setting.month_starts[0] - people.birth) / 365.25
    base = np.where(people.sex == 1, np.interp(age, _PAY_AGES, _PAY[1]), np.interp(age, _PAY_AGES, _PAY[2]))
    return np.rint(base * 1000 * np.exp(random.normal(-0.03, _SPREAD, people.count))).astype(np.int64)


def _standard(pay: Ints, facts: Facts) -> Ints:
    lower = np.array([g[0] for g in facts.grades])
    standard = np.array([g[1] for g in facts.grades])
    return standard[np.maximum(np.searchsorted(lower, pay, side="right") - 1, 0)]


def _remuneration(
    setting: Setting,
    people: People,
    numbers: np.ndarray,
    facts: Facts,
    pay: Ints,
    random: np.random.Generator,
) -> pl.DataFrame:
    """取得時決定 at the beginning of a stint, 定時決定 every September, 随時改定 now and then."""
    own = np.flatnonzero(people.relation[people.e_person] == SELF)
    person, start, end = people.e_person[own], people.e_start[own], people.e_end[own]
    voluntary = people.e_voluntary[own]
    year, month, _ = parts_of(start)
    first_september = date(setting.first.year - (setting.first.month < 10) - 1, 9, 1)
    rows: list[tuple[Ints, Days, Ints, str]] = []
    begin = ((year - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    new = (begin >= day_number(first_september)) | (end <= day_number(first_september))
    rows.append(
        (person[new & ~voluntary], begin[new & ~voluntary], pay[person[new & ~voluntary]], "acquired")
    )
    raised = pay.astype(float)
    september = first_september
    while september <= setting.last_day:
        day = day_number(september)
        here = (start < day) & (end > day) & ~voluntary
        rows.append(
            (
                person[here],
                np.full(here.sum(), day),
                np.rint(raised[person[here]]).astype(np.int64),
                "regular",
            )
        )
        raised *= np.exp(random.normal(0.022, 0.03, people.count))
        september = add_months(september, 12)
    for at in setting.calendar:
        day = day_number(at)
        here = (start < day - 92) & (end > day) & ~voluntary & (random.random(len(person)) < 0.004)
        changed = pay[person[here]] * np.where(random.random(here.sum()) < 0.7, 1.13, 0.86)
        rows.append((person[here], np.full(here.sum(), day), np.rint(changed).astype(np.int64), "revised"))
    lasting = np.minimum(pay[person[voluntary]], _VOLUNTARY_CAP)
    rows.append((person[voluntary], begin[voluntary], lasting, "acquired"))
    who = np.concatenate([r[0] for r in rows])
    frame = pl.DataFrame(
        {
            "insurer_number": [setting.insurer_number] * len(who),
            "person_number": numbers[who].tolist(),
            "from_month": date_series("from_month", np.concatenate([r[1] for r in rows])),
            "standard": _standard(np.concatenate([r[2] for r in rows]), facts),
            "reason": np.concatenate([np.full(len(r[0]), r[3], dtype=object) for r in rows]).tolist(),
            "known": np.concatenate([r[1] for r in rows]),
        }
    )
    return frame.unique(["person_number", "from_month"], keep="last", maintain_order=True).sort(
        "person_number", "from_month"
    )


def _bonus(
    setting: Setting, people: People, numbers: np.ndarray, pay: Ints, random: np.random.Generator
) -> pl.DataFrame:
    own = np.flatnonzero((people.relation[people.e_person] == SELF) & ~people.e_voluntary)
    person, start, end = people.e_person[own], people.e_start[own], people.e_end[own]
    workplace = people.e_workplace[own]
    pays = workplace % 10 < 7
    who, when, much = [], [], []
    for month in setting.calendar:
        if month.month not in (7, 12):
            continue
        day = day_number(month) + 9 + workplace % 5
        here = pays & (start < day - 60) & (end > day)
        who.append(person[here])
        when.append(day[here])
        drawn = random.uniform(0.5, 2.2, int(here.sum()))
        much.append((pay[person[here]] * drawn).astype(np.int64) // 100 * 100)
    if not who:
        who, when, much = (
            [np.array([], dtype=np.int64)],
            [np.array([], dtype=np.int64)],
            [np.array([], dtype=np.int64)],
        )
    days = np.concatenate(when)
    frame = pl.DataFrame(
        {
            "insurer_number": [setting.insurer_number] * len(days),
            "person_number": numbers[np.concatenate(who)].tolist(),
            "paid_on": date_series("paid_on", days),
            "amount": np.concatenate(much),
            "known": days,
        },
        schema_overrides={"insurer_number": pl.String, "person_number": pl.String},
    )
    return frame.unique(["person_number", "paid_on"], keep="first", maintain_order=True)


def _cards(
    setting: Setting, people: People, numbers: np.ndarray, random: np.random.Generator
) -> pl.DataFrame:
    """被保険者証 until 2024-12-01, 資格確認書 for a quarter of the new members after."""
    person, start, end = people.e_person, people.e_start, people.e_end
    stop = day_number(CARDS_END)
    old = start + 7 < stop
    chosen = old | (random.random(len(person)) < 0.25)
    at = np.flatnonzero(chosen)
    start, end, old = start[at], end[at], old[at]
    issued = np.where(old, start + 7, start + 10)
    expires = np.where(old, day_number(CARDS_EXPIRE), birthday(start, 5))
    returned = end + random.integers(3, 50, len(at))
    due = (end < NEVER) & (end < expires)
    comes = random.random(len(at)) < 0.88
    returned = np.where(due & comes, np.maximum(returned, issued), NEVER)
    gone = np.where(due & comes, "returned", np.where(due, "unreturnable", ""))
    frame = pl.DataFrame(
        {
            "insurer_number": [setting.insurer_number] * len(at),
            "person_number": numbers[person[at]].tolist(),
            "kind": np.where(old, "card", "certificate").tolist(),
            "issued_on": date_series("issued_on", issued),
            "expires_on": date_series("expires_on", expires),
            "returned_on": date_series("returned_on", returned),
            "return_kind": [g or None for g in gone.tolist()],
            "known": issued,
            "end": end,
        }
    )
    return frame.unique(["person_number", "kind", "issued_on"], keep="last", maintain_order=True)


# ---- what is delivered on a day --------------------------------------------------------------------------------------


def as_of(membership: Membership, day: date) -> dict[str, pl.DataFrame]:
    """The rows the insurer has on a day: nothing that happens after it."""
    number = day_number(day)
    ahead = day_number(day) + 1  # a retirement on the day itself is known: the loss is the day after
    out = {}
    for table, frame in membership.frames.items():
        rows = frame.filter(pl.col("known") <= number).drop("known")
        if table == "enrolment":
            later = pl.col("lost_on").cast(pl.Int32) > ahead
            rows = rows.with_columns(pl.when(~later).then(c).alias(c) for c in ("loss_reason", "lost_on"))
        if table == "member":
            rows = rows.with_columns(
                pl.when(pl.col(c) <= day).then(c).alias(c) for c in ("mynumber_on", "died_on")
            ).with_columns(mynumber=pl.col("mynumber_on").is_not_null())
        if table == "card":
            known = pl.col("returned_on").is_not_null() & (pl.col("returned_on") <= day)
            overdue = (pl.col("return_kind") == "unreturnable") & (pl.col("end") + 60 <= number)
            rows = rows.with_columns(
                returned_on=pl.when(known).then("returned_on"),
                return_kind=pl.when(known | overdue).then("return_kind"),
            ).drop("end")
        out[table] = rows
    return out


def changes(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The rows of after that are not, as they stand, in before."""
    return after.join(before, on=after.columns, how="anti", nulls_equal=True, maintain_order="left")


def headings(table: str, *, change: bool) -> bytes:
    """The first line of a table's file."""
    columns = [c for c in _DELIVERY[table].columns if c.name != "change" or change]
    return (",".join(c.title for c in columns) + "\r\n").encode("cp932")


def csv_text(table: str, rows: pl.DataFrame, *, change: str | None = None) -> bytes:
    """Rows as CSV in CP932 without headings, in the columns the delivery of the table declares. change: 異動区分."""
    columns = [c for c in _DELIVERY[table].columns if c.name != "change" or change]
    out = rows.select(pl.lit(change).alias(c.name) if c.name == "change" else pl.col(c.name) for c in columns)
    spelled = []
    for c in columns:
        value = pl.col(c.name)
        if c.codes:
            value = value.cast(pl.String).replace_strict(
                {k: v[0] for k, v in c.codes.items()}, default=None, return_dtype=pl.String
            )
        elif c.type == "bool":
            value = value.cast(pl.Int8).cast(pl.String)
        elif c.type == "month":
            value = value.dt.strftime("%Y-%m")
        spelled.append(value.alias(c.title))
    buffer = io.BytesIO()
    out.select(spelled).write_csv(
        buffer, include_header=False, line_terminator="\r\n", quote_style="necessary"
    )
    return buffer.getvalue().decode().encode("cp932")


def workplace_rows(setting: Setting, workplaces: Workplaces, day: date, insured: Ints) -> pl.DataFrame:
    """The workplace file's rows on a day. insured: people counted at each workplace that day."""
    number = day_number(day)
    known = np.flatnonzero(workplaces.applied_on <= number)
    closed = np.where(workplaces.closed_on <= number, workplaces.closed_on, NEVER)
    index: Sequence[int] = known.tolist()
    return pl.DataFrame(
        {
            "insurer_number": [setting.insurer_number] * len(known),
            "symbol": [workplaces.symbol(i) for i in index],
            "name": [f"架空事業所{i:06d}" for i in index],
            "postcode": ["000-0000"] * len(known),
            "address": [address_of(workplaces.municipality[i], i) for i in index],
            "industry": [workplaces.industry[i] for i in index],
            "municipality": [workplaces.municipality[i] for i in index],
            "applied_on": date_series("applied_on", workplaces.applied_on[known]),
            "closed_on": date_series("closed_on", closed[known]),
            "consultant": workplaces.consultant[known],
            "electronic": workplaces.electronic[known],
            "insured_count": insured[known],
        }
    )
