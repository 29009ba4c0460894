"""The office under load: a million cases in one branch, fifty people at once, and how long their pages take.

python bench/office.py [--cases 1000000] [--users 50] [--minutes 5]

An office of its own is made in a temporary folder and served by `kenpo serve` as a branch would. The first cases are worked
by the engine; the others are copies of theirs under ids of their own, since making a million histories would take longer
than the measurement. Beside the pages the same queue is asked for the simple way (counting and skipping rows), so that the
ratio tells what the indexes are worth.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from load import keep_browsers, load

BRANCH = "35"
KIND = "generic_notice"
MADE = 20_000
PEOPLE = 50


def main() -> None:
    """Make the office, load it, print what came of it."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--cases", type=int, default=1_000_000)
    asked.add_argument("--users", type=int, default=50)
    asked.add_argument("--minutes", type=float, default=5)
    asked.add_argument("--home", type=Path, help="an office made by an earlier run; made there when missing")
    options = asked.parse_args()
    home = options.home or Path(tempfile.mkdtemp(prefix="kenpo-bench-"))
    os.environ.update(
        {
            "KENPO_OFFICE": str(home / "office"),
            "KENPO_LAKE": str(home / "lake"),
            "KENPO_VAULT_KEYS": str(home / "vault.keys"),
            "KENPO_MFA": "0",
        }
    )
    try:
        if not (home / "browsers.json").exists():
            home.mkdir(parents=True, exist_ok=True)
            home.chmod(0o755)
            made = [sys.executable, __file__, "--make", str(options.cases), str(home)]
            subprocess.run(made, check=True, env={**os.environ, "KENPO_DATABASE_ROLE": "owner"})
        load(home, Path(__file__).with_name("office_users.py"), options.users, options.minutes)
    finally:
        if options.home is None:
            shutil.rmtree(home, ignore_errors=True)


# ---- the office --------------------------------------------------------------------------------------------------


def make(cases: int, home: Path) -> None:
    """People, cases and open browsers, as the owner of the tables."""
    import kenpo.office

    kenpo.office.setup(owner=True)
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", skip_checks=True, verbosity=0)
    people()
    begun = time.perf_counter()
    count = min(cases, MADE)
    worked(count)
    print(f"cases worked by the engine: {count:,} in {time.perf_counter() - begun:.0f} s", flush=True)
    begun = time.perf_counter()
    with connection.cursor() as cursor:
        copies(cursor, -(-cases // count) - 1)
        cursor.execute("analyze")
        cursor.execute("select count(*) from office_case")
        held = cursor.fetchone()
        cursor.execute("select count(*) from office_event")
        events = cursor.fetchone()
        cursor.execute("select pg_size_pretty(pg_database_size(current_database()))")
        size = cursor.fetchone()
        simple(cursor)
    assert held and events and size
    print(
        f"cases {held[0]:,}, events {events[0]:,}, {size[0]}, copied in {time.perf_counter() - begun:.0f} s",
        flush=True,
    )
    keep_browsers(home)


def people() -> None:
    """Clerks, a checker and an approver."""
    from kenpo.frame.casekind import Role
    from kenpo.office.models import Account

    for n in range(PEOPLE):
        role = Role.PLANNING_APPROVER if n % 10 == 9 else Role.PLANNING_CLERK
        if not Account.objects.filter(staff_id=f"35-{n:03d}").exists():
            Account.objects.make(f"35-{n:03d}", f"架空 職員{n}", BRANCH, [role], "kakuu-no-aikotoba")


def worked(count: int) -> None:
    """Cases in every stage: new, claimed, selected, approved, ended; received over the last weeks."""
    from kenpo.catalogue import CASEKINDS
    from kenpo.frame import cases
    from kenpo.frame.casekind import Role
    from kenpo.office import casework
    from kenpo.office.acting import acting

    kind, now = CASEKINDS[KIND], datetime.now(UTC)
    clerks = [cases.Actor(f"35-{n:03d}", BRANCH, frozenset({Role.PLANNING_CLERK})) for n in range(PEOPLE)]
    drug = {"name": "架空錠10mg", "days": 30, "cost": 1200, "saving": 400}
    content = kind.content.model_validate(
        {"age": 50, "notice": {"month": "2026-08-01", "drugs": [drug], "saving": 400}}
    )

    def opened() -> Any:
        for n in range(count):
            yield cases.open_case(
                kind, branch=BRANCH, key=f"bench-{n}", content=content, actor=clerks[n % PEOPLE], when=now,
                received_on=date.today() - timedelta(days=n % 40), subject=f"{n:032x}", priority=n,
            )  # fmt: skip

    with acting(clerks[0]):
        casework.open_many(opened())
    ids = [cases.case_id(kind, BRANCH, f"bench-{n}") for n in range(0, count, 5)]
    for place in range(0, len(ids), 200):
        clerk = clerks[(place // 200) % PEOPLE]
        with acting(clerk):
            some = dict.fromkeys(ids[place : place + 200], 1)
            casework.act_each(some, cases.claim)
            if place % 400 == 0:
                casework.act_each(dict.fromkeys(some, 2), leave, reason="架空の申出")


def leave(kind: Any, case: Any, **kwargs: Any) -> Any:
    """End a case: the person wants no letter."""
    from kenpo.frame import cases

    return cases.move(kind, case, "opt_out", **kwargs)


def copies(cursor: Any, times: int) -> None:
    """Every case again, `times` times, under ids of its own."""
    for table, id, others in (("office_case", "id", ("key", "subject")), ("office_event", "case", ())):
        cursor.execute("select column_name from information_schema.columns where table_name = %s", [table])
        columns = [name for (name,) in cursor.fetchall()]
        chosen = ", ".join(
            f'md5("{c}" || n)' if c == id else f'"{c}" || n' if c in others else f'"{c}"' for c in columns
        )
        listed = ", ".join(f'"{c}"' for c in columns)
        cursor.execute(
            f"insert into {table} ({listed}) select {chosen} from {table} cross join generate_series(1, %s) n",
            [times],
        )


def simple(cursor: Any) -> None:
    """The queue the simple way beside the way the page goes, in the same database."""
    ways = {
        "count every row": "select count(*) from office_case where branch = '35' and kind = %s and ended_on is null",
        "skip to page 200": "select * from office_case where branch = '35' and kind = %s and ended_on is null"
        " order by summary, id offset 10000 limit 50",
        "count to 10,000 (the page)": "select count(*) from (select 1 from office_case where branch = '35' and kind = %s"
        " and ended_on is null limit 10001) found",
        "first page by priority (the page)": "select * from office_case where branch = '35' and kind = %s"
        " and ended_on is null order by priority asc nulls last, id limit 50",
    }
    taken = {}
    for name, query in ways.items():
        cursor.execute(query, [KIND])
        cursor.fetchall()
        begun = time.perf_counter()
        cursor.execute(query, [KIND])
        cursor.fetchall()
        taken[name] = time.perf_counter() - begun
    print(
        "\n".join(f"  {name}: {seconds * 1000:.1f} ms" for name, seconds in taken.items()),
        f"  ratio: {(taken['count every row'] + taken['skip to page 200']) / (taken['count to 10,000 (the page)'] + taken['first page by priority (the page)']):.0f}",
        sep="\n",
        flush=True,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
