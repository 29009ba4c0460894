"""Generic volume and value share (後発医薬品の数量・金額シェア) per branch and month, slowly and exactly,
with pandas.

share = Σ 区分3 ÷ (Σ 区分2 + Σ 区分3); volume counts quantities, value counts quantity × price. ★ (a generic
not cheaper than its originator) is counted as 3 and ☆ (an originator not dearer than its generics) as 2,
unless exclude_star leaves both out on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction

import pandas as pd
from tests.oracle.reader import OracleFile

COLUMNS = [
    "branch",
    "month",
    "volume_numerator",
    "volume_denominator",
    "volume_share",
    "value_numerator",
    "value_denominator",
    "value_share",
    "unknown_rows",
    "unknown_quantity",
]


def drug_rows(files: Iterable[OracleFile]) -> pd.DataFrame:
    """One row per valid drug row with a total of a valid receipt of a branch: branch, month, kind,
    record_type, code, total."""
    rows = []
    for file in files:
        for drug in file.drugs:
            receipt = file.receipts[drug.receipt]
            if drug.valid and receipt.valid and receipt.branch is not None and drug.total is not None:
                rows.append(
                    (receipt.branch, receipt.month, file.kind, drug.record_type, drug.code, drug.total)
                )
    columns = ["branch", "month", "kind", "record_type", "code", "total"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def generic_share(
    rows: pd.DataFrame, drugs: Mapping[str, tuple[str, Decimal]], *, exclude_star: bool = False
) -> pd.DataFrame:
    """The shares, one row per branch and month that has any drug row, ordered by both.

    rows: from drug_rows (the caller decides there whether a DPC receipt's IY or CD rows stay). drugs: code →
    (class as printed: 1, 2, 3, ★, ☆ or blank; price in yen per unit). Numerators and denominators are exact
    Fractions, a share is a Fraction, or None on an empty denominator. Rows of unknown codes are counted
    apart.
    """
    generic = {"3"} if exclude_star else {"3", "★"}
    originator = {"2"} if exclude_star else {"2", "☆"}
    result = []
    for (branch, month), group in rows.groupby(["branch", "month"], sort=True):
        known = group[group["code"].isin(list(drugs))]
        unknown = group[~group["code"].isin(list(drugs))]
        classes = known["code"].map(lambda code: drugs[code][0])
        volume = known["total"].map(Fraction)
        value = known["total"].map(Fraction) * known["code"].map(lambda code: Fraction(drugs[code][1]))
        volume_3, value_3 = (sum(x[classes.isin(generic)], Fraction()) for x in (volume, value))
        volume_2, value_2 = (sum(x[classes.isin(originator)], Fraction()) for x in (volume, value))
        result.append(
            (
                branch,
                month,
                volume_3,
                volume_2 + volume_3,
                _ratio(volume_3, volume_2 + volume_3),
                value_3,
                value_2 + value_3,
                _ratio(value_3, value_2 + value_3),
                len(unknown),
                sum(unknown["total"].map(Fraction), Fraction()),
            )
        )
    return pd.DataFrame(result, columns=COLUMNS, dtype=object)


def _ratio(numerator: Fraction, denominator: Fraction) -> Fraction | None:
    return numerator / denominator if denominator else None
