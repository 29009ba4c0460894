"""Many rows at once (まとめて書く): the rows of one INSERT as one JSON text, ten times faster than a parameter per value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection, models
from psycopg import sql


def insert(objects: Sequence[models.Model]) -> None:
    """Insert objects of one model; texts, numbers, days, times, UUIDs, bytes, lists and JSON are kept as they are.

    Raises IntegrityError as any INSERT does.
    """
    if not objects:
        return
    model = type(objects[0])
    fields = [
        f
        for f in model._meta.concrete_fields
        if not isinstance(f, models.CompositePrimaryKey | models.AutoField)
    ]
    names = [(str(f.column), f.attname) for f in fields]
    rows = [{column: getattr(one, name) for column, name in names} for one in objects]
    columns = sql.SQL(", ").join(sql.Identifier(column) for column, _ in names)
    table = sql.Identifier(model._meta.db_table)
    query = sql.SQL(
        "insert into {table} ({columns}) select {columns} from json_populate_recordset(null::{table}, %s::json)"
    ).format(table=table, columns=columns)
    with connection.cursor() as cursor:
        cursor.execute(query.as_string(), [json.dumps(rows, ensure_ascii=False, default=_plain)])


def _plain(value: Any) -> str:
    """A value JSON does not have as PostgreSQL reads it."""
    if isinstance(value, bytes | memoryview):
        return f"\\x{bytes(value).hex()}"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
