"""What can be prescribed and done (棚): drugs, procedures and diagnoses of the masters, arranged for drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl


@dataclass(frozen=True)
class Medicine:
    """A drug (医薬品). printed: class of the generic list (区分), "" when blank or not on the list."""

    code: str
    name: str
    price: Decimal
    unit: str
    form: str
    printed: str

    @property
    def generic(self) -> bool:
        """Whether it counts as a generic (区分3 or ★)."""
        return self.printed in ("3", "★")

    @property
    def counted(self) -> bool:
        """Whether it counts in the share's denominator (区分2・3・☆・★)."""
        return self.printed in ("2", "3", "☆", "★")


@dataclass(frozen=True)
class Remedy:
    """Drugs that stand for each other (同じ一般名): the originators and their generics or biosimilars."""

    name: str
    originators: tuple[Medicine, ...]
    generics: tuple[Medicine, ...]


@dataclass(frozen=True)
class Shelf:
    """Remedies by their 一般名 (【般】 left out), biologics by ingredient, single drugs and points by code.

    diagnoses: ICD-10 by code.
    """

    remedies: Mapping[str, Remedy]
    biologics: Mapping[str, Remedy]
    medicines: Mapping[str, Medicine]
    points: Mapping[str, int]
    diagnoses: Mapping[str, str]

    def remedy(self, beginning: str) -> Remedy:
        """The remedy whose 一般名 begins so, or a single drug by its code. Raises KeyError when there is none."""
        if beginning.isdigit():
            single = self.medicines[beginning]
            return Remedy(single.name, (single,), ())
        every = (*self.biologics.items(), *self.remedies.items())
        found = next((r for name, r in every if name.startswith(beginning)), None)
        if found is None:
            raise KeyError(beginning)
        return found


def shelf_of(masters: Mapping[str, pl.DataFrame]) -> Shelf:
    """The shelf from rows of drug_master, generic_class, procedure_master and disease_master, by table name."""
    listed = {r["price_list_code"]: r for r in masters["generic_class"].iter_rows(named=True)}
    groups: dict[str, list[Medicine]] = {}
    biologic: dict[str, list[Medicine]] = {}
    every: dict[str, Medicine] = {}
    for row in masters["drug_master"].sort("code").iter_rows(named=True):
        said = listed.get(row["price_list_code"], {})
        drug = Medicine(
            row["code"],
            row["name"],
            row["price"],
            row["unit"] or "",
            row["dosage_form"],
            said.get("class_code") or "",
        )
        every[drug.code] = drug
        ingredient = said.get("ingredient") or ""
        if "遺伝子組換え" in ingredient:
            if drug.printed in ("2", "3"):
                stem = ingredient.split("（遺伝子組換え")[0].replace("　", "")
                biologic.setdefault(stem, []).append(drug)
        elif drug.printed in ("2", "3") and row["general_name"]:
            groups.setdefault(row["general_name"].removeprefix("【般】"), []).append(drug)
    return Shelf(
        remedies={name: r for name, drugs in sorted(groups.items()) if (r := _remedy(name, drugs))},
        biologics={stem: r for stem, drugs in sorted(biologic.items()) if (r := _remedy(stem, drugs))},
        medicines=every,
        points={
            r["code"]: int(r["points"])
            for r in masters["procedure_master"].iter_rows(named=True)
            if r["points"] is not None
        },
        diagnoses={r["code"]: r["icd10_1"] or "" for r in masters["disease_master"].iter_rows(named=True)},
    )


def _remedy(name: str, drugs: Sequence[Medicine]) -> Remedy | None:
    """The drugs as a remedy when there is an originator and a generic among them."""
    originators = tuple(d for d in drugs if d.printed == "2")
    generics = tuple(d for d in drugs if d.printed == "3")
    return Remedy(name, originators, generics) if originators and generics else None


def drug_points(price_times_amount: Decimal) -> int:
    """薬剤料 for one time: 1 point up to 15 yen, one more for every 10 yen above or part of them."""
    if price_times_amount <= 15:
        return 1
    return 1 + int(-((15 - price_times_amount) // 10))
