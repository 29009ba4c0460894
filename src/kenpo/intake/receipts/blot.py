"""Blotting the patient out of free text (コメントの個人情報を伏せる).

What a receipt's own records say of the person — name, kana, symbol and number of the card, recipient number, birth date,
chart number, and in pharmacies the prescribing doctors — is looked for in the receipt's comments, whatever the width of
the letters and wherever spaces stand, and replaced.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import polars as pl

from kenpo.intake.receipts.lines import Bucket, Ints

BLOT = "＊"
_SPACES = r"[\s\u3000]"
_SHORTEST_NUMBER, _SHORTEST_KANA, _SHORTEST_NAME = 5, 3, 2
_CLUSTER = re.compile(r".[\u3099\u309aﾞﾟ]?", re.DOTALL)


@dataclass(frozen=True)
class Person:
    """Fields of a record that say who a person is: parsed lines, the receipt of each, positions of the fields."""

    bucket: Bucket
    receipt: Ints
    positions: tuple[int, ...]


def known_of(persons: list[Person], receipts: pl.Series) -> pl.DataFrame:
    """What the records of some receipts say of their persons: one row (receipt, known) per value worth looking for.

    Numbers shorter than five characters, kana shorter than three and other texts shorter than two are left out: they
    occur in comments for other reasons.
    """
    wanted = receipts.unique().to_numpy()
    frames = [pl.DataFrame(schema={"receipt": pl.Int64, "known": pl.String})]
    for person in persons:
        rows = np.flatnonzero(np.isin(person.receipt, wanted))
        frames += [
            pl.DataFrame(
                {"receipt": person.receipt[rows], "known": person.bucket.column(p).gather(rows)},
                schema_overrides={"known": pl.String},
            )
            for p in person.positions
        ]
    length = pl.col("known").str.len_chars()
    number = pl.col("known").str.contains(r"^[0-9A-Za-z/_.-]*$")
    kana = pl.col("known").str.contains(r"^[\u30a0-\u30ff]*$")
    return (
        pl.concat(frames)
        .with_columns(folded(pl.col("known")))
        .filter(
            pl.when(number)
            .then(length >= _SHORTEST_NUMBER)
            .when(kana)
            .then(length >= _SHORTEST_KANA)
            .otherwise(length >= _SHORTEST_NAME)
        )
        .unique()
    )


def folded(text: pl.Expr) -> pl.Expr:
    """Text for comparing: NFKC, no spaces."""
    return text.str.normalize("NFKC").str.replace_all(_SPACES, "")


def blot(text: pl.Series, receipt: pl.Series, known: pl.DataFrame) -> pl.Series:
    """The texts with everything known of their receipt's person replaced by ＊."""
    rows = pl.DataFrame({"row": np.arange(text.len()), "receipt": receipt, "plain": text}).filter(
        pl.col("plain").is_not_null()
    )
    hits = (
        rows.with_columns(plain=folded(pl.col("plain")))
        .join(known, on="receipt")
        .filter(pl.col("plain").str.contains(pl.col("known"), literal=True))
        .group_by("row")
        .agg("known")
    )
    if hits.is_empty():
        return text
    where = hits["row"].to_list()
    blotted = [_blot_one(text[row], found) for row, found in zip(where, hits["known"].to_list(), strict=True)]
    return text.scatter(where, blotted)


def _blot_one(text: str, known: list[str]) -> str:
    """One text with the known texts replaced; each folded character is traced back to the written ones."""
    written: list[tuple[int, int]] = []
    plain = ""
    for cluster in _CLUSTER.finditer(text):
        form = "".join(unicodedata.normalize("NFKC", cluster[0]).split())
        plain += form
        written += [cluster.span()] * len(form)
    hidden: list[tuple[int, int]] = []
    for one in known:
        start = plain.find(one)
        while start >= 0:
            hidden.append((written[start][0], written[start + len(one) - 1][1]))
            start = plain.find(one, start + len(one))
    out, at = "", 0
    for begin, end in sorted(hidden):
        if begin >= at:
            out += text[at:begin] + BLOT
        at = max(at, end)
    return out + text[at:]
