"""Cases whose letters are due and the identities they go to; import only where tests/office/conftest.py has readied Django."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
from django.utils import timezone

from kenpo.catalogue import CASEKINDS
from kenpo.frame import cases
from kenpo.intake.membership.identities import SCHEMA, IdentityBlock
from kenpo.office import casework, vault
from kenpo.office.acting import acting
from kenpo.office.models import Account
from kenpo.strategy.generics.cases import NoticeContent
from kenpo.strategy.generics.letters import SwitchDrug, SwitchNotice

NOTICE = CASEKINDS["generic_notice"]
DRUGS = (
    "見本錠１０ｍｇ「架空」",
    "架空カプセル２０ｍｇ",
    "見本点眼液０．１％",
    "架空テープ５ｍｇ",
    "見本ＯＤ錠２．５ｍｇ",
)


def subject(n: int) -> str:
    """The member id of the nth person."""
    return f"{n:032x}"


def identity(n: int, **said: Any) -> dict[str, Any]:
    """What the membership files say of the nth person of 山口支部."""
    return {
        "branch": "35",
        "subject_kind": "member",
        "subject": subject(n),
        "name": f"架空 太郎{n}",
        "kana": f"ｶｸｳ ﾀﾛｳ{n}",
        "birth_date": date(1980, 2, 3),
        "sex": "1",
        "postcode": f"753-{n % 10000:04d}",
        "address": f"山口県架空市見本町{n}番地 見本ハイツ{n % 90 + 101}",
        "symbol": "12345678",
        "number": str(n),
        "branch_no": "00",
        "person_number": f"K{n:06d}",
        "acquired_on": date(2020, 4, 1),
        "change": "upsert",
        "full": True,
        "as_of": date(2026, 4, 1),
    } | said


def fill(*rows: Mapping[str, Any]) -> vault.Filled:
    """Put identities into the vault."""
    nothing: dict[str, Any] = dict.fromkeys(SCHEMA)
    full = [nothing | {"source_line": n, **row} for n, row in enumerate(rows, 2)]
    return vault.fill([IdentityBlock("加入者.csv", pl.DataFrame(full, schema=SCHEMA))])


def content(n: int) -> NoticeContent:
    """What the nth notice says: one to five drugs."""
    drugs = tuple(
        SwitchDrug(name=name, days=28 + at, cost=900 + 10 * n % 700 + at, saving=300 + at)
        for at, name in enumerate(DRUGS[: n % len(DRUGS) + 1])
    )
    saving = sum(d.saving for d in drugs) // 10 * 10
    return NoticeContent(age=46, notice=SwitchNotice(month=date(2026, 3, 1), drugs=drugs, saving=saving))


def case_id(n: int, branch: str = "35") -> str:
    """The id of the nth case."""
    return cases.case_id(NOTICE, branch, f"{n}")


def send(clerk: Account, approver: Account, numbers: range) -> list[str]:
    """Open a case for each number, select, decide and send it, so that its letter is due: 山本 and 山根, or others."""
    now = timezone.now()
    ids = [case_id(n, clerk.branch) for n in numbers]
    with acting(clerk.actor) as duty:
        casework.open_many(
            cases.open_case(
                NOTICE,
                branch=duty.branch,
                key=f"{n}",
                content=content(n),
                received_on=timezone.localdate(),
                actor=duty.actor,
                when=now,
                subject=subject(n),
                priority=n,
            )
            for n in numbers
        )
        _each(ids, cases.decide)
        _each(ids, cases.move, "select")
    with acting(approver.actor):
        _each(ids, cases.move, "approve")
    with acting(clerk.actor):
        _each(ids, cases.move, "send")
    return ids


def _each(ids: list[str], verb: casework.Verb, *given: Any) -> None:
    for at in range(0, len(ids), 500):
        refused = casework.act_each(dict.fromkeys(ids[at : at + 500]), verb, *given)
        assert not any(refused.values()), refused
