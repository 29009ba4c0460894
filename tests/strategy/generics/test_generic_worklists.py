"""Worklists of ③ ジェネリック医薬品の使用促進: the saving of rule G4, who is told, and unknown codes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.people import APRIL, lake_of

from kenpo.catalogue import DERIVATIONS, WORKLISTS
from kenpo.frame import View, run
from kenpo.frame.derivation import derive
from kenpo.lake import FileEntry, Lake, write_part
from kenpo.lake.tables import ALL_TABLES

ORIGINATOR, GENERIC, CHEAP, STRONG, NO_GENERIC = (f"62000000{n}" for n in range(1, 6))
CODES = {
    ORIGINATOR: ("2149001F1020", "60.00", "2"),
    GENERIC: ("2149001F1101", "30.00", "3"),
    CHEAP: ("2149001F1110", "22.00", "3"),
    STRONG: ("2149001F2108", "10.00", "3"),
    NO_GENERIC: ("9999001F1020", "500.00", "1"),
}


def master(lake: Lake, form: str = "1") -> None:
    """A drug master and a list of classes of five drugs."""
    edition = {"edition": date(2024, 4, 1), "full": True, "change": "0"}
    made = {
        "drug_master": [
            {"code": code, "name": f"薬{code[-1]}", "price_list_code": listed, "price": Decimal(price),
             "dosage_form": form, "price_kind": "1"}
            for code, (listed, price, _) in CODES.items()
        ],
        "generic_class": [
            {"price_list_code": listed, "name": f"薬{code[-1]}", "class_code": said, "ingredient": "成分"}
            for code, (listed, _, said) in CODES.items()
        ],
    }  # fmt: skip
    for n, (name, rows) in enumerate(made.items()):
        table = ALL_TABLES[name]
        rows = [{**edition, **r, "source_file": name, "source_line": i + 1} for i, r in enumerate(rows)]
        schema = {c: t for c, t in table.polars_schema.items() if c in rows[0]}
        entry = FileEntry(
            file_id=name, number=n + 1, name=name, sha256=f"{n:064x}", size=1, format="master", kind=name,
            edition=date(2024, 4, 1), lines=1, rows=1, rejects=0, receipts=0, points=0, loaded_at="", seconds="0",
        )  # fmt: skip
        lake.commit(entry, write_part(lake.root, table, pl.DataFrame(rows, schema=schema), name))


def line(code: str = ORIGINATOR, days: int = 30, each: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "receipt_id": 1,
        "code": code,
        "quantity": each,
        "times": days,
        "total": each * days,
        "section": "21",
        **more,
    }


def asked(
    folder: Path,
    *lines: dict[str, Any],
    receipt: dict[str, Any] | None = None,
    form: str = "1",
    worklist: str = "generic_switch",
) -> list[dict[str, Any]]:
    lake = lake_of(folder, enrolment=[{}], receipt=[receipt or {}], drug=list(lines))
    master(lake, form)
    with lake.writing():
        derive(lake, DERIVATIONS, [APRIL])
    return list(run(lake, WORKLISTS[worklist], "13", APRIL).iter_rows(named=True))


def test_the_rule_books_example_saves_340_yen(tmp_path: Path):
    """60.0 円 → 22.0 円, 1 tablet × 30 days, 30 %: 38 × 30 × 0.3 = 342, shown as 340."""
    (found,) = asked(tmp_path, line())
    assert found["saving"] == int((60 - 22) * 30 * Decimal("0.3")) // 10 * 10 == 340
    assert (found["member_id"], found["age"], found["drugs"], found["drug_count"]) == ("a", 43, "薬1", 1)
    assert (found["file"], found["source_line"], found["reason_label"][:4]) == ("drug.csv", 1, "後発医薬")


@pytest.mark.parametrize(
    ("lines", "listed"),
    [
        ([line(days=14, each=2)], True),
        ([line(days=13, each=3)], False),
        ([line(days=7, each=2), line(days=7, each=2)], True),
        ([line(section="22")], False),
        ([line(valid=False)], False),
        ([line(GENERIC)], False),
        ([line(NO_GENERIC)], False),
        ([line("699999999")], False),
    ],
    ids=[
        "14 days",
        "13 days",
        "twice 7 days",
        "taken when needed",
        "struck out",
        "a generic",
        "no generic there",
        "unknown code",
    ],
)
def test_only_originators_taken_long_term_are_listed(lines, listed: bool, tmp_path: Path):
    assert bool(asked(tmp_path, *lines)) == listed


def test_only_oral_drugs_are_listed(tmp_path: Path):
    assert asked(tmp_path, line(), form="6") == []


@pytest.mark.parametrize(
    ("receipt", "listed"),
    [
        ({"age": 20}, True),
        ({"age": 19}, False),
        ({"age": None}, False),
        ({"member_key": "nobody"}, False),
    ],
)
def test_only_known_members_of_20_and_over_are_listed(receipt, listed: bool, tmp_path: Path):
    assert bool(asked(tmp_path, line(), receipt=receipt)) == listed


@pytest.mark.parametrize(("days", "saving"), [(17, None), (18, 200)])
def test_a_saving_below_200_yen_is_not_worth_a_letter(days: int, saving: int | None, tmp_path: Path):
    """38 × 17 × 0.3 = 193.8 → 190; 38 × 18 × 0.3 = 205.2 → 200."""
    assert [r["saving"] for r in asked(tmp_path, line(days=days))] == ([saving] if saving else [])


@pytest.mark.parametrize(
    ("receipt", "percent"),
    [
        ({"benefit_rate": 80}, 20),
        ({"receipt_type": "1112"}, 30),
        ({"receipt_type": "1116", "age": 69}, 30),
        ({"receipt_type": "1118", "age": 70}, 20),
        ({"receipt_type": "1117", "age": 72}, 20),
        ({"receipt_type": "1110", "age": 72}, 30),
        ({"receipt_type": "1118", "age": 70, "benefit_rate": 70}, 30),
        ({"receipt_type": None}, 30),
    ],
    ids=[
        "recorded",
        "被保険者",
        "家族",
        "高齢受給者一般",
        "高齢受給者一般の入院",
        "高齢受給者7割",
        "what is recorded goes before",
        "unknown",
    ],
)
def test_the_members_share_is_what_the_benefit_leaves(receipt, percent: int, tmp_path: Path):
    (found,) = asked(tmp_path, line(), receipt=receipt)
    assert found["saving"] == 38 * 30 * percent // 100 // 10 * 10


def test_the_range_is_from_the_dearest_to_the_cheapest_of_the_cheaper_generics(tmp_path: Path):
    """The generics cost 30 and 22 yen: 30 × 30 × 0.3 = 270 at least, 38 × 30 × 0.3 = 342 at most."""
    (found,) = asked(tmp_path, line())
    assert (found["least_saving"], found["saving"]) == ((60 - 30) * 30 * 3 // 10, 340)
    assert (found["least_savings"], found["savings"]) == ("270", "342")


def test_a_generic_that_is_not_cheaper_is_no_end_of_the_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(CODES, GENERIC, ("2149001F1101", "60.00", "3"))
    (found,) = asked(tmp_path, line())
    assert found["least_saving"] == found["saving"] == 340


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("1169001F", True),
        ("1171001F", False),
        ("1179001F", False),
        ("1180001F", True),
        ("3999001F", True),
        ("4211001F", False),
        ("4299001F", False),
        ("4490001F", True),
        ("6241001F", True),
        ("6250001F", False),
        ("6290001F", True),
    ],
)
def test_a_letter_never_tells_of_cancer_a_mental_illness_or_a_virus(
    listed: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(CODES, ORIGINATOR, (f"{listed}1020", "60.00", "2"))
    monkeypatch.setitem(CODES, CHEAP, (f"{listed}1110", "22.00", "3"))
    assert bool(asked(tmp_path, line())) == told


def test_beside_a_sensitive_drug_the_others_are_listed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CODES, NO_GENERIC, ("1179001F1020", "500.00", "2"))
    monkeypatch.setitem(CODES, STRONG, ("1179001F1108", "10.00", "3"))
    (found,) = asked(tmp_path, line(), line(NO_GENERIC))
    assert (found["drugs"], found["drug_count"], found["saving"]) == ("薬1", 1, 340)


def test_which_drugs_are_sensitive_is_a_matter_of_the_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    said = View.parameter

    def from_may(self: View, name: str, month: date) -> Any:
        if name != "generic_notice_sensitive_classes":
            return said(self, name, month)
        return ("2149",) if month >= date(2024, 5, 1) else ()

    monkeypatch.setattr(View, "parameter", from_may)
    lake = lake_of(
        tmp_path,
        enrolment=[{}],
        receipt=[{}, {"receipt_id": 2, "month": date(2024, 5, 1)}],
        drug=[line(), line(receipt_id=2, month=date(2024, 5, 1))],
    )
    master(lake)
    with lake.writing():
        derive(lake, DERIVATIONS, [APRIL, date(2024, 5, 1)])
    assert [r["month"] for r in run(lake, WORKLISTS["generic_switch"]).iter_rows(named=True)] == [APRIL]


def test_codes_no_master_has_are_listed_once_with_their_first_line(tmp_path: Path):
    unknown = line("699999999")
    found = asked(tmp_path, line(), unknown, unknown, line("688888888"), worklist="unknown_drug_codes")
    assert [(r["code"], r["lines"], r["receipts"], r["source_line"]) for r in found] == [
        ("699999999", 2, 1, 2),
        ("688888888", 1, 1, 4),
    ]
