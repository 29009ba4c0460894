"""View (指標から見た lake): tables at branch or nation scope, months, dated parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import ibis
import polars as pl

from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.base.errors import MeasureError, NotLoaded
from kenpo.base.fiscal import month_end
from kenpo.frame.caselake import require_cases
from kenpo.frame.cases.events import JAPAN
from kenpo.frame.months import membership_day
from kenpo.lake import Expression, Lake
from kenpo.lake.current import current
from kenpo.lake.tables import ALL_TABLES, cases, derived, members, receipts
from kenpo.law.loader import value as parameter_value

_RECEIPTS = frozenset(t.name for t in receipts.TABLES)
_MEMBERSHIP = frozenset(t.name for t in members.TABLES)
_DERIVED = frozenset(t.name for t in derived.TABLES)
_CASES = frozenset(t.name for t in cases.TABLES)


class View:
    """What a measure's function is given: the lake's tables, the months to compute, dated parameters.

    months: first days of the months in question, ascending. nation: every row of a branch is seen as of the nation
    (支部 00), for measures whose national figure is not the sum of the branches'. kept: intermediate results that other
    views of the same run share. cases: the tables of cases may be read; a derived table must not, for it is not made anew
    when they change. parameters: values to try in place of those of the law, whatever the month (パラメータの試算).
    """

    def __init__(
        self,
        lake: Lake,
        months: Sequence[date],
        *,
        nation: bool = False,
        kept: dict[str, Expression] | None = None,
        cases: bool = False,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self._lake = lake
        self._cases = cases
        self._parameters = dict(parameters or {})
        self._kept = {} if kept is None else kept
        self.months = tuple(months)
        self.nation = nation
        self.notes: list[str] = []

    def table(self, name: str) -> Expression:
        """A canonical table; at nation scope the branch of every 協会けんぽ row reads 00.

        Raises NotLoaded for a table of receipts or of membership when the lake holds none of them, and for a derived
        table that cannot be made for that reason, and for a table of cases without a snapshot. Raises MeasureError for a
        derived table older than the last load, ValueError for a table of cases in a view that may not read them.
        """
        self._require_source(name)
        return self._scoped(self._lake.table(name))

    def over(self, months: Sequence[date]) -> View:
        """The same view over other months; notes for the reader are shared."""
        other = View(
            self._lake,
            months,
            nation=self.nation,
            kept=self._kept,
            cases=self._cases,
            parameters=self._parameters,
        )
        other.notes = self.notes
        return other

    def current(self, name: str) -> Expression:
        """What holds now of a membership table. Raises NotLoaded when the lake holds no membership."""
        self._require_source(name)
        return self._scoped(current(self._lake.table(name), ALL_TABLES[name].key))

    def _scoped(self, table: Expression) -> Expression:
        if "branch" not in table.columns or not self.nation:
            return table
        return table.filter(table.branch.notnull()).mutate(branch=ibis.literal(NATION_CODE))

    def _require_source(self, name: str) -> None:
        if name in _RECEIPTS and not self.holds("receipt"):
            raise NotLoaded(
                "レセプトが取り込まれていないため計算していません。",
                todo="「kenpo load レセプトのファイル」で取り込んでから「kenpo refresh」を実行してください。",
            )
        if (name in _MEMBERSHIP or name in _DERIVED) and not self.holds("enrolment"):
            raise NotLoaded(
                "資格データが取り込まれていないため計算していません。",
                todo="「kenpo load 資格のファイル」で事業所・加入者・資格・標準報酬月額のファイルを取り込んでから"
                "「kenpo refresh」を実行してください。",
            )
        if name in _DERIVED:
            self._require_derived(name)
        if name in _CASES:
            if not self._cases:
                raise ValueError(f"{name} is read by what does not say that it reads cases")
            taken = require_cases(self._lake).astimezone(JAPAN)
            self.note(f"案件データは {taken:%Y-%m-%d %H:%M} 時点のものです。")

    def _require_derived(self, name: str) -> None:
        if name == "member_receipt":
            self._require_source("receipt")
        title = ALL_TABLES[name].title
        if self._lake.meta(derived_at(name)) != self._lake.version():
            raise MeasureError(
                f"派生表「{title}」が、いま取り込まれているデータから作られていません。",
                todo="「kenpo refresh」を実行してください。",
            )
        for table, unknown in (("member", "年齢・性別・住所"), ("workplace", "業態")):
            if not self.holds(table):
                self.note(
                    f"{ALL_TABLES[table].title}のファイルが取り込まれていないため、{unknown}は不明です。"
                )
        day = membership_day(self._lake)
        if day and self.months and month_end(self.months[-1]) > day:
            self.note(f"資格データの基準日（{day:%Y-%m-%d}）より後の月末は、基準日までの資格で数えています。")

    def parameter(self, name: str, month: date) -> Any:
        """The value of a law parameter in force on the first day of a month, or the one to try. Raises ParameterError."""
        return self._parameters[name] if name in self._parameters else parameter_value(name, month)

    def calendar(self, **columns: Sequence[Any]) -> Expression:
        """The months as a table (column month), with one further column per argument, a value per month."""
        frame = pl.DataFrame({"month": self.months, **columns}, schema_overrides={"month": pl.Date})
        return self._lake.memory(frame, "calendar_" + "_".join(sorted(columns)))

    def keep(self, name: str, make: Callable[[], Expression]) -> Expression:
        """An intermediate result computed once in the engine and shared by every month of a run.

        It never comes to Python; name: what it is, unique within the run.
        """
        if name not in self._kept:
            self._kept[name] = self._lake.keep(make(), f"kept {name}")
        return self._kept[name]

    def stage(self, name: str, expression: Expression) -> Expression:
        """An intermediate result computed once in the engine for this view alone; the next view takes its name over."""
        return self._lake.keep(expression, f"stage {name}")

    def rows(self, expression: Expression) -> pl.DataFrame:
        """The rows of a small result, to compute with in Python what must be exact."""
        return pl.DataFrame(pl.from_arrow(expression.to_pyarrow()))

    def memory(self, frame: pl.DataFrame, name: str) -> Expression:
        """A small frame as a table to join with."""
        return self._lake.memory(frame, name)

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
        frame = self.rows(expression)
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
        """Raise NotLoaded that names the masters (table → Japanese name) the lake does not hold yet."""
        lacking = [title for name, title in tables.items() if not self.holds(name)]
        if lacking:
            raise NotLoaded(
                f"計算に必要なマスターが取り込まれていません：{'、'.join(lacking)}",
                todo="「kenpo load マスターのファイル」で取り込んでください。試すだけなら「kenpo load --builtin-masters」で"
                "同梱の小さなマスターを使えます。",
            )

    def note(self, text: str) -> None:
        """Something to know of the data behind the figures, in Japanese; shown with them, once."""
        if text not in self.notes:
            self.notes.append(text)


def derived_at(table: str) -> str:
    """The name under which the lake keeps the version a derived table was made from."""
    return f"derived_from:{table}"
