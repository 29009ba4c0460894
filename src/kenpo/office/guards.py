"""The guards of the tables (表の守り): row-level security by branch, append-only tables, rights of the application's role.

Everything is said again after every migration, so that a new table is guarded without a further word.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection
from psycopg import sql

from kenpo.base.branches import NATION_CODE
from kenpo.office.database import APP_ROLE

OPEN_TABLES = ("office_account",)
"""Tables with a branch that are seen without acting in one: who someone is must be known before."""

APPEND_ONLY = ("office_event", "office_audit")

FIGURES = ("office_tally",)
"""Tables of counts that 本部, acting for the nation, sees of every branch."""

_NO_DELETE = (
    "office_case",
    "office_control",
    "office_letter",
    "office_letter_run",
    "office_letter_batch",
    "office_letter_counter",
    "office_account",
    "office_sealed_blob",
    "office_attachment",
    "office_opt_out",
)
_FUNCTION = """
create or replace function office_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_setting('kenpo.purge', true) = 'on' then
    return old;
  end if;
  raise exception 'append-only' using errcode = 'insufficient_privilege';
end $$
"""


def tables() -> list[str]:
    """The tables that are guarded: those of the office that have a branch."""
    return [
        model._meta.db_table
        for model in apps.get_app_config("office").get_models()
        if any(f.name == "branch" for f in model._meta.get_fields())
        and model._meta.db_table not in OPEN_TABLES
    ]


def guard(**kwargs: Any) -> None:
    """Guard all tables (after migrations). Tables of this app must be there already."""
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        cursor.execute(_FUNCTION)
        say = lambda text, **names: cursor.execute(  # noqa: E731
            sql.SQL(text).format(**{k: sql.Identifier(v) for k, v in names.items()}).as_string()
        )
        say("grant usage on schema public to {role}", role=APP_ROLE)
        say("grant select, insert, update, delete on all tables in schema public to {role}", role=APP_ROLE)
        say("grant usage, select on all sequences in schema public to {role}", role=APP_ROLE)
        say("grant execute on all functions in schema public to {role}", role=APP_ROLE)
        say("revoke insert, update, delete on django_migrations from {role}", role=APP_ROLE)
        for table in _NO_DELETE:
            if table in there:
                say("revoke delete on {table} from {role}", table=table, role=APP_ROLE)
        for table in tables():
            if table in there:
                _by_branch(say, table)
        for table in APPEND_ONLY:
            say("revoke update, delete, truncate on {table} from {role}", table=table, role=APP_ROLE)
            say("drop trigger if exists append_only on {table}", table=table)
            say("drop trigger if exists append_only_all on {table}", table=table)
            say(
                "create trigger append_only before update or delete on {table} for each row"
                " execute function office_append_only()",
                table=table,
            )
            say(
                "create trigger append_only_all before truncate on {table} for each statement"
                " execute function office_append_only()",
                table=table,
            )


def _by_branch(say: Any, table: str) -> None:
    """Rows of the branch acted in are seen; they are written where the person writes, the audit log at home."""
    home = table == "office_audit"
    seen = "kenpo.home" if home else "kenpo.branch"
    written = "kenpo.home" if home else "kenpo.writes"
    say("alter table {table} enable row level security", table=table)
    for policy in ("branch_read", "branch_insert", "branch_update", "branch_delete", "nation_read"):
        say("drop policy if exists {policy} on {table}", policy=policy, table=table)
    read = f"branch = current_setting('{seen}', true)"
    write = f"branch = current_setting('{written}', true)"
    say(f"create policy branch_read on {{table}} for select using ({read})", table=table)
    say(f"create policy branch_insert on {{table}} for insert with check ({write})", table=table)
    say(
        f"create policy branch_update on {{table}} for update using ({write}) with check ({write})",
        table=table,
    )
    say(f"create policy branch_delete on {{table}} for delete using ({write})", table=table)
    if table in FIGURES:
        nation = f"current_setting('kenpo.branch', true) = '{NATION_CODE}'"
        say(f"create policy nation_read on {{table}} for select using ({nation})", table=table)
