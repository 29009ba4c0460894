"""Lakes of people who were told what a generic saves (軽減額通知), written as a clerk would say it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from tests.people import lake_of
from tests.strategy.generics.test_generic_worklists import (
    CHEAP,
    CODES,
    GENERIC,
    NO_GENERIC,
    ORIGINATOR,
    STRONG,
    master,
)

from kenpo.base.fiscal import add_months, month_of
from kenpo.catalogue import DERIVATIONS
from kenpo.frame import refresh
from kenpo.frame.caselake import store_cases
from kenpo.lake import Lake
from kenpo.lake.tables.cases import OFFICE_CASE
from kenpo.strategy.generics.measures import (
    NOTICE,
    generic_notice_control_switch_rate,
    generic_notice_saving,
    generic_notice_switch_rate,
)

DRUGS = {
    "先発": ORIGINATOR,
    "後発": CHEAP,
    "高い後発": GENERIC,
    "別規格の後発": STRONG,
    "後発のない先発": NO_GENERIC,
}
"""Words for the drugs of the master: 60 yen, 22 yen, 30 yen, 10 yen of another strength, 500 yen."""

MEASURES = (generic_notice_switch_rate, generic_notice_control_switch_rate, generic_notice_saving)
NOTIFIED, CONTROL, SAVING = MEASURES
LAST_MONTH = date(2025, 3, 1)
"""The last month with receipts, unless a test says so."""

MADE = [d for d in DERIVATIONS if d.table.name in ("member_month", "member_receipt")]
"""The derived tables that the figures read."""

_DOSE = re.compile(r"(?P<drug>\D+?)(?P<days>\d+)日(?:×(?P<each>\d+))?")


def doses(text: str) -> list[tuple[str, int, int]]:
    """「先発30日、後発14日×2」 → code, days and number a day of each."""
    found = [_DOSE.fullmatch(part.strip()) for part in text.split("、")]
    assert all(found), text
    return [(DRUGS[m["drug"]], int(m["days"]), int(m["each"] or 1)) for m in found if m]


def _month(text: str) -> date:
    return date.fromisoformat(f"{text}-01")


def notices(
    folder: Path, people: Sequence[Mapping[str, Any]], last: date = LAST_MONTH, form: str = "1"
) -> Lake:
    """A lake with the receipts of some people and what the office did with them, figures computed.

    A person: who, branch (13), list (month of the list), letter (day, None when not yet sent) or held_out (day of the draw),
    returned, left (資格喪失年月日: the day after the last of cover), taken: month → drugs; moved and to: the day from which the
    person is a member of another branch. In each of their branches, and in 13, somebody else has a receipt in the month last.
    """
    receipt: list[dict[str, Any]] = []
    drug: list[dict[str, Any]] = []
    enrolment: list[dict[str, Any]] = []
    for branch in sorted({"13", *(p.get("branch", "13") for p in people)}):
        who = f"nobody{branch}"
        enrolment.append({"member_id": who, "branch": branch, "as_of": date(2026, 3, 31)})
        receipt.append({"receipt_id": 900 + int(branch), "member_key": who, "branch": branch, "month": last})
    for person in people:
        who, branch = person["who"], person.get("branch", "13")
        moved, left = person.get("moved"), person.get("left")
        covers = [
            (branch, date(2020, 4, 1), moved or left),
            *([(person["to"], moved, left)] if moved else []),
        ]
        for at, since, until in covers:
            enrolment.append(
                {
                    "member_id": who,
                    "member_key": f"{who}/{at}",
                    "branch": at,
                    "as_of": date(2026, 3, 31),
                    "acquired_on": since,
                    "lost_on": until,
                }
            )
        for text, said in person.get("taken", {}).items():
            month = _month(text)
            at = person["to"] if moved and month >= moved else branch
            own = {"receipt_id": len(receipt) + 1, "month": month, "branch": at}
            receipt.append({**own, "member_key": f"{who}/{at}"})
            drug += [
                {**own, "code": code, "times": days, "quantity": each, "total": days * each, "section": "21"}
                for code, days, each in doses(said)
            ]
    lake = lake_of(folder, enrolment=enrolment, receipt=receipt, drug=drug)
    master(lake, form)
    store_cases(lake, cases_of(people), [], as_of=datetime(2026, 4, 1, tzinfo=UTC))
    refresh(lake, MEASURES, derivations=MADE)
    return lake


def cases_of(people: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows of office_case of the people."""
    made = []
    for n, person in enumerate(people):
        letter, drawn = person.get("letter"), person.get("held_out")
        opened = drawn or date(2024, 7, 25)
        made.append(
            {
                "case_id": f"{person['who']}-{n}",
                "branch": person.get("branch", "13"),
                "kind": person.get("kind", NOTICE),
                "subject_kind": "member",
                "subject": person["who"],
                "arm": "control" if drawn else "case",
                "worklist": "generic_switch",
                "list_month": _month(person.get("list", "2024-05")),
                "received_on": opened,
                "opened_on": opened,
                "letters": int(letter is not None),
                "first_letter_on": letter,
                "returned": person.get("returned", False),
            }
        )
    schema = {c: t for c, t in OFFICE_CASE.polars_schema.items() if not c.startswith("source_")}
    return pl.DataFrame(made, schema=schema)


# ---- the slow and obvious way ------------------------------------------------------------------------------------


def follow_up(letter: date) -> list[date]:
    """The three months after the month of a letter."""
    return [add_months(month_of(letter), n) for n in (1, 2, 3)]


def expected(
    people: Sequence[Mapping[str, Any]], last: Mapping[str, date]
) -> dict[tuple[str, str, date], dict[str, Any]]:
    """Branch, arm and month of the letter → persons, switched, saved and left_out (reason → persons), person by person.

    last: the last month with a receipt of each branch.
    """
    price = {code: Decimal(said[1]) for code, said in CODES.items()}
    out: dict[tuple[str, str, date], dict[str, Any]] = {}
    for person in people:
        branch, arm, letter = person.get("branch", "13"), "control", person.get("letter")
        if person.get("held_out"):
            same = [
                p["letter"]
                for p in people
                if p.get("letter")
                and not p.get("held_out")
                and (p.get("branch", "13"), p.get("list", "2024-05"))
                == (branch, person.get("list", "2024-05"))
            ]
            letter = min(same, default=person["held_out"])
        else:
            arm = "case"
        if letter is None or person.get("kind", NOTICE) != NOTICE:
            continue
        figure = out.setdefault(
            (branch, arm, month_of(letter)),
            {"persons": 0, "switched": 0, "saved": Decimal(0), "left_out": {}},
        )
        taken = {_month(m): doses(text) for m, text in person.get("taken", {}).items()}
        after = [(code, days * each) for m in follow_up(letter) for code, days, each in taken.get(m, [])]
        same_name = [(code, total) for code, total in after if code in (ORIGINATOR, CHEAP, GENERIC)]
        listed = sum(
            days
            for code, days, _ in taken.get(_month(person.get("list", "2024-05")), [])
            if code == ORIGINATOR
        )
        why = None
        if arm == "case" and person.get("returned"):
            why = "returned"
        elif follow_up(letter)[-1] > last[branch]:
            why = "window_open"
        elif person.get("left") and person["left"] < add_months(follow_up(letter)[-1], 1):
            why = "left"
        elif listed < 14:
            why = "no_listed_drug"
        elif not same_name:
            why = "no_drug"
        if why:
            figure["left_out"][why] = figure["left_out"].get(why, 0) + 1
            continue
        generics = [(code, total) for code, total in same_name if code != ORIGINATOR]
        figure["persons"] += 1
        figure["switched"] += bool(generics)
        figure["saved"] += sum((price[ORIGINATOR] - price[code]) * total for code, total in generics)
    return out
