"""View (指標から見た lake): tables at branch or nation scope, months, dated parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import ibis
import polars as pl

from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.base.errors import MeasureError
from kenpo.lake import Expression, Lake
from kenpo.law.loader import value as parameter_value


class View:
    """What a measure's function is given: the lake's tables, the months to compute, dated parameters.

    months: first days of the months in question, ascending. nation: every row of a branch is seen as of the nation
    (支部 00), for measures whose national figure is not the sum of the branches'.
    """

    def __init__(self, lake: Lake, months: Sequence[date], *, nation: bool = False) -> None:
        self._lake = lake
        self.months = tuple(months)
        self.nation = nation
        self.notes: list[str] = []

    def table(self, name: str) -> Expression:
        """A canonical table; at nation scope the branch of every 協会けんぽ row reads 00."""
        table = self._lake.table(name)
        if "branch" not in table.columns or not self.nation:
            return table
        return table.filter(table.branch.notnull()).mutate(branch=ibis.literal(NATION_CODE))

    def parameter(self, name: str, month: date) -> Any:
        """The value of a law parameter in force on the first day of a month. Raises ParameterError."""
        return parameter_value(name, month)

    def calendar(self, **columns: Sequence[Any]) -> Expression:
        """The months as a table (column month), with one further column per argument, a value per month."""
        frame = pl.DataFrame({"month": self.months, **columns}, schema_overrides={"month": pl.Date})
        return self._lake.memory(frame, "calendar_" + "_".join(sorted(columns)))

    def branches(self) -> Expression:
        """The branches in scope as a table (column branch): the 47, or the nation alone."""
        codes = [NATION_CODE] if self.nation else list(BRANCH_CODES)
        return self._lake.memory(pl.DataFrame({"branch": codes}), "branches_in_scope")

    def settle(
        self, expression: Expression, name: str, masters: Mapping[str, str] | None = None
    ) -> Expression:
        """A small intermediate result computed once and kept in memory, so that a large scan joins it cheaply.

        masters: Japanese name of a master → prefix of its columns {prefix}_edition (NULL where it had no row) and
        {prefix}_later; months that had to be given rows of a later edition are noted.
        """
        frame = pl.DataFrame(pl.from_arrow(expression.to_pyarrow()))
        for title, prefix in (masters or {}).items():
            late = (
                frame.filter(pl.col(f"{prefix}_later").fill_null(False))
                .group_by(edition=f"{prefix}_edition")
                .agg(first=pl.col("month").min(), last=pl.col("month").max())
                .sort("edition")
            )
            for edition, first, last in late.iter_rows():
                span = f"{first:%Y-%m}" + ("" if first == last else f"〜{last:%Y-%m}")
                self.note(f"{title}：{span} の診療に、後の版（{edition:%Y-%m-%d}）を使っています。")
        return self._lake.memory(frame, name)

    def holds(self, table: str) -> bool:
        """Whether the lake holds any rows of a table."""
        return bool(self._lake.parts(table))

    def require(self, tables: Mapping[str, str]) -> None:
        """Raise MeasureError that names the masters (table → Japanese name) the lake does not hold yet."""
        lacking = [title for name, title in tables.items() if not self.holds(name)]
        if lacking:
            raise MeasureError(
                f"計算に必要なマスターが取り込まれていません：{'、'.join(lacking)}",
                todo="「kenpo load マスターのファイル」で取り込んでください。試すだけなら「kenpo load --builtin-masters」で"
                "同梱の小さなマスターを使えます。",
            )

    def note(self, text: str) -> None:
        """Something to know of the data behind the figures, in Japanese; shown with them, once."""
        if text not in self.notes:
            self.notes.append(text)
