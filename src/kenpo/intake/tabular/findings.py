"""Rejected rows and flags of one block of a table (取込拒否・取込注意), collected column-wise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

_REJECTS = {
    "source_line": pl.Int64,
    "field": pl.String,
    "reason": pl.String,
    "message": pl.String,
}
_FLAGS = {
    "source_line": pl.Int64,
    "code": pl.String,
    "message": pl.String,
    "expected": pl.String,
    "actual": pl.String,
}
# A short code or a year-month-day text: what else may stand in a wrong column can say who a person is.
_CODE = "^[0-9A-Za-z]{1,2}$"
_DAY = "^(?:18|19|20)[0-9]{2}([/-])[0-9]{1,2}[/-][0-9]{1,2}$"


@dataclass
class Findings:
    """What is rejected and flagged. reasons, notes: Japanese text of each reason and flag code."""

    reasons: Mapping[str, str]
    notes: Mapping[str, str]
    _rejects: list[pl.DataFrame] = field(default_factory=list)
    _flags: list[pl.DataFrame] = field(default_factory=list)

    def reject(
        self, lines: pl.Series, reason: str, title: str | None = None, values: pl.Series | None = None
    ) -> None:
        """Reject lines. title: the field; values: what stands there, quoted where it cannot say who a person is."""
        if lines.is_empty():
            return
        said = quotable(values) if values is not None else pl.Series([""] * len(lines), dtype=pl.String)
        head = (
            pl.when(pl.col("said") != "")
            .then(pl.concat_str(pl.lit(f"{title or ''}「"), "said", pl.lit("」：")))
            .otherwise(pl.lit(f"{title}：" if title else ""))
        )
        self._rejects.append(
            pl.DataFrame({"source_line": lines, "said": said}).select(
                pl.col("source_line").cast(pl.Int64),
                pl.lit(title, pl.String).alias("field"),
                pl.lit(reason).alias("reason"),
                (head + pl.lit(self.reasons[reason])).alias("message"),
            )
        )

    def flag(self, lines: pl.Series, code: str, title: str = "") -> None:
        """Flag lines that are taken in all the same. title: the field it is about."""
        if lines.is_empty():
            return
        said = (f"{title}：" if title else "") + self.notes[code]
        self._flags.append(
            pl.DataFrame({"source_line": lines}).select(
                pl.col("source_line").cast(pl.Int64),
                pl.lit(code).alias("code"),
                pl.lit(said).alias("message"),
                pl.lit(None, pl.String).alias("expected"),
                pl.lit(None, pl.String).alias("actual"),
            )
        )

    def rejects(self) -> pl.DataFrame:
        """source_line, field, reason, message of every fault, in line order."""
        return pl.concat([pl.DataFrame(schema=_REJECTS), *self._rejects]).sort(
            "source_line", maintain_order=True
        )

    def flags(self) -> pl.DataFrame:
        """source_line, code, message, expected, actual of every flag, in line order."""
        return pl.concat([pl.DataFrame(schema=_FLAGS), *self._flags]).sort("source_line", maintain_order=True)


def quotable(values: pl.Series) -> pl.Series:
    """Values that a message may quote; others become empty."""
    text = values.fill_null("")
    return text.set(~(text.str.contains(_CODE) | text.str.contains(_DAY)), "")
