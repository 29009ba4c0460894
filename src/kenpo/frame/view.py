"""View (指標から見た lake): tables at branch or nation scope, months, dated parameters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import ibis
import polars as pl

from kenpo.base.branches import NATION_CODE
from kenpo.lake import Lake
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

    def table(self, name: str) -> ibis.Table:
        """A canonical table; at nation scope the branch of every 協会けんぽ row reads 00."""
        table = self._lake.table(name)
        if "branch" not in table.columns or not self.nation:
            return table
        return table.filter(table.branch.notnull()).mutate(branch=ibis.literal(NATION_CODE))

    def parameter(self, name: str, month: date) -> Any:
        """The value of a law parameter in force on the first day of a month. Raises ParameterError."""
        return parameter_value(name, month)

    def calendar(self, **columns: Sequence[Any]) -> ibis.Table:
        """The months as a table (column month), with one further column per argument, a value per month."""
        frame = pl.DataFrame({"month": self.months, **columns}, schema_overrides={"month": pl.Date})
        return self._lake.memory(frame, "calendar_" + "_".join(sorted(columns)))

    def settle(self, expression: ibis.Table, name: str) -> ibis.Table:
        """A small intermediate result computed once and kept in memory, so that a large scan joins it cheaply."""
        return self._lake.memory(pl.DataFrame(pl.from_arrow(expression.to_pyarrow())), name)
