"""Which row of a master counts in which month (適用): full editions and changes, set against months."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

_CANCELLED, _ABOLISHED = "1", "9"


def in_force(table: ir.Table, months: ir.Table, key: str) -> ir.Table:
    """One row per key and month (診療年月): the master's row in force (適用中の行) in that month.

    table: a master table (columns edition, full and key; change, abolished_on, source_file and source_line
    are used when present); key must identify a row within one file.
    months: a table with a column month (first days).
    Returns the columns of table with month (date) and edition_is_later (bool) added.

    An edition reaches a month when it is dated on or before the month's last day. The base of a month is the
    latest full edition (全件) that reaches it; rows of changes-only editions (異動分) from the base on lie
    over it, the latest first (on one day: changes over the full file). A key in neither is gone.
    A month no full edition reaches takes the earliest full edition (without any, the earliest edition) as its
    base, under the changes that do reach it. A row of an edition that does not reach the month says so in
    edition_is_later: its prices and classes are those of a later day.
    Not in force: change 1 (抹消) from the edition's day on; change 9 (廃止) with no abolished_on; or abolished_on, the
    last usable day (廃止年月日), before the month's first day.
    """
    chosen = _rows(table, _editions_of_months(table, months), key)
    return chosen.filter(_usable(chosen)).select(*table.columns, "month", "edition_is_later")


def _editions_of_months(table: Any, months: Any) -> Any:
    """month, edition, full, edition_is_later: the editions that can give a month its rows, a small table."""
    day = months.month.cast("date").name("month")
    spans = months.select(day).distinct()
    spans = spans.mutate(next_month=(spans.month + ibis.interval(months=1)).cast("date"))
    editions = table.select("edition", "full").distinct()
    pairs = spans.cross_join(editions)
    pairs = pairs.mutate(edition_is_later=pairs.edition >= pairs.next_month)
    by_month = ibis.window(group_by=pairs.month)
    # ifelse, not max(where=...): Spark knows no FILTER over a window
    full: Any = ibis.ifelse(pairs.full, pairs.edition, ibis.null("date"))
    reached_full: Any = ibis.ifelse(pairs.edition_is_later, ibis.null("date"), full)
    reached, first_full = reached_full.max().over(by_month), full.min().over(by_month)
    first = pairs.edition.min().over(by_month)
    based = pairs.mutate(base=ibis.coalesce(reached, first_full, first), base_is_full=first_full.notnull())
    is_base = (based.edition == based.base) & (based.full | ~based.base_is_full)
    is_change = ~based.full & ~based.edition_is_later
    after_base = (based.edition >= based.base) | (based.base >= based.next_month)
    return based.filter(is_base | (is_change & after_base)).select(
        "month", "edition", "full", "edition_is_later"
    )


def _rows(table: Any, editions: Any, key: str) -> Any:
    """The one row of each key and month that lies on top, cancelled or not."""
    joined = table.join(editions, ["edition", "full"])
    lineage = [joined[c].desc() for c in ("source_file", "source_line") if c in table.columns]
    order = [joined.edition_is_later, joined.edition.desc(), joined.full, *lineage]
    place = ibis.row_number().over(ibis.window(group_by=[joined.month, joined[key]], order_by=order))
    ranked = joined.mutate(place=place)
    return ranked.filter((ranked.place == 0) & ranked[key].notnull())


def _usable(rows: Any) -> Any:
    """Neither cancelled (抹消) nor abolished (廃止) before the month began."""
    usable: Any = ibis.literal(True)
    if "change" in rows.columns:
        change = rows.change.fill_null("0")
        usable = usable & (change != _CANCELLED)
        undated = rows.abolished_on.isnull() if "abolished_on" in rows.columns else ibis.literal(True)
        usable = usable & ~((change == _ABOLISHED) & undated)
    if "abolished_on" in rows.columns:
        usable = usable & (rows.abolished_on.isnull() | (rows.abolished_on >= rows.month))
    return usable
