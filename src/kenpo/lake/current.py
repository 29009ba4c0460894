"""What holds now (最新の状態) of a membership table: the latest full load of a branch and the changes after it."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

CANCEL = "cancel"


def current(table: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """The row of each key that holds now, with the columns of the table.

    table: a membership table (columns branch, as_of, full, change, source_file and source_line, and the key).
    key: what identifies a thing within its branch; the branch itself may be named or left out.

    Per branch, the latest day of a full load (全件) is the base: its full rows count, however many files brought them,
    and so does every change (異動) dated on or after it. A branch that was never loaded in full has its changes alone.
    Of the rows of a key the last one holds: the latest as_of, on one day a change over a full row, then the greater
    source_file and source_line. A key whose last row is a cancellation (取消) is gone, and so is a key that a later full
    load no longer has.
    """
    given: Any = table
    bases = given.filter(given.full).group_by(base_branch=given.branch).aggregate(base=given.as_of.max())
    joined: Any = given.left_join(bases, given.branch == bases.base_branch)
    since_base = joined.base.isnull() | (joined.as_of >= joined.base)
    rows = joined.filter(ibis.ifelse(joined.full, joined.as_of == joined.base, since_base))
    groups = [rows[c] for c in dict.fromkeys(("branch", *key))]
    order = [rows.as_of.desc(), rows.full, rows.source_file.desc(), rows.source_line.desc()]
    place = ibis.row_number().over(ibis.window(group_by=groups, order_by=order))
    ranked = rows.mutate(place=place)
    return ranked.filter((ranked.place == 0) & (ranked.change != CANCEL)).select(*table.columns)
