"""Boards: how fast pages of all branches are answered from what is kept, beside working everything out each time.

python bench/boards.py [--branches 47] [--users 50] [--asks 10] [--minutes 2]

47 invented branches with their plans, their reports of two years and a half, and a lake of 36 months of figures. Every
user asks in a thread of their own, one page after the other, up to five seconds apart. Then the office is served as it
would be, and planners of all branches look at boards and figures for some minutes; 0 leaves that out.
"""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.base.fiscal import add_months
from kenpo.catalogue import MEASURES
from kenpo.frame.measure import Measure, cutoff_of, definition_of
from kenpo.intake.documents import read_document
from kenpo.lake import Lake, write_part
from kenpo.lake.tables.figures import FIGURE
from kenpo.office import boards
from kenpo.office.boards import Office
from kenpo.office.config import Config
from kenpo.plan.reading import read_plan
from kenpo.plan.store import Plans
from kenpo.synth.plans import make_plans
from kenpo.synth.setting import Setting
from load import keep_browsers, load

TODAY = date(2025, 10, 20)
FIRST, MONTHS = date(2022, 10, 1), 36
PERIOD = "2025H1"


def write_plans(store: Plans, folder: Path, branches: tuple[str, ...]) -> None:
    """The plan files of some invented branches."""
    for number, branch in enumerate(branches, 1):
        for paper in make_plans(Setting(branch, 20_000, date(2024, 4, 1), 24, number)).papers:
            path = folder / "文書.md"
            path.write_text(paper.text, encoding="utf-8")
            reading = read_plan(read_document(path))
            assert reading.annual is not None
            if reading.progress is None or not store.path(reading.annual.id).is_file():
                store.save(reading.annual)
            if reading.progress is not None:
                store.save(reading.progress)


def write_figures(root: Path) -> None:
    """A lake that holds figures of every measure for every branch and month, and nothing else."""
    lake = Lake.create(root)
    with lake.writing():
        for number, measure in enumerate(MEASURES.values()):
            rows = _figures(lake, measure, number)
            parts = write_part(lake.root, FIGURE, rows, f"{measure.id}@bench")
            lake.replace("figure", parts, f"{measure.id}@")
            lake.set_meta(f"notes:{measure.id}", "[]")
            lake.set_meta(f"lacking:{measure.id}", "[]")


def _figures(lake: Lake, measure: Measure, number: int) -> pl.DataFrame:
    rows, definition, cutoff = [], definition_of(measure), cutoff_of(lake, measure)
    for place, branch in enumerate((*BRANCH_CODES, NATION_CODE)):
        for month in range(MONTHS):
            weight = 1000 + 37 * place
            rows.append(
                {
                    "measure": measure.id,
                    "breakdown": "total",
                    "value": "total",
                    "branch": branch,
                    "month": add_months(FIRST, month),
                    "eligible": weight,
                    "excluded": 0,
                    "excluded_by": "{}",
                    "denominator": Decimal(weight),
                    "numerator": Decimal(weight * (60 + (7 * place + 3 * month + number) % 30) // 100),
                    "definition": definition,
                    "cutoff": cutoff,
                }
            )
    return pl.DataFrame(rows)


@dataclass(frozen=True)
class Taken:
    """How long asking took: seconds, in order."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """What 95 of 100 took at most."""
        return self.seconds[min(len(self.seconds) - 1, int(len(self.seconds) * 0.95))]


def asked_by_many(ask: Callable[[int], object], users: int, asks: int) -> Taken:
    """What it takes when many ask at the same time."""
    taken: list[float] = []
    guard = threading.Lock()

    def one(user: int) -> None:
        for n in range(asks):
            time.sleep(((user * 7 + n * 3) % 20) / 4)
            begun = time.perf_counter()
            ask(user + n)
            with guard:
                taken.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=one, args=(user,)) for user in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Taken(tuple(sorted(taken)))


def timed(work: Callable[[], object]) -> float:
    """Seconds of one run."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Make the branches, ask, print."""
    options = argparse.ArgumentParser()
    options.add_argument("--branches", type=int, default=47)
    options.add_argument("--users", type=int, default=50)
    options.add_argument("--asks", type=int, default=10)
    options.add_argument("--minutes", type=float, default=2)
    given = options.parse_args()
    boards.today = lambda: TODAY
    folder = Path(tempfile.mkdtemp(prefix="kenpo-bench-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    config = Config(folder / "office", folder / "lake", folder / "plans", folder / "keys")
    branches = BRANCH_CODES[: given.branches]
    write_plans(Plans(config.plans), folder, branches)
    write_figures(config.lake)
    measure(config, branches, given.users, given.asks)
    if given.minutes:
        served(config, given.users, given.minutes)


def served(config: Config, users: int, minutes: float) -> None:
    """Serve the office to planners of all branches."""
    os.environ |= {
        "KENPO_OFFICE": str(config.home),
        "KENPO_LAKE": str(config.lake),
        "KENPO_PLANS": str(config.plans),
        "KENPO_VAULT_KEYS": str(config.home.parent / "vault.keys"),
        "KENPO_MFA": "0",
    }
    made = [sys.executable, __file__, "--make", str(config.home.parent)]
    subprocess.run(made, check=True, env={**os.environ, "KENPO_DATABASE_ROLE": "owner"})
    print(f"{users} people on the pages served, {minutes:g} minutes:")
    load(config.home.parent, Path(__file__).with_name("board_users.py"), users, minutes, settle=90)


def make(home: Path) -> None:
    """A planner in every branch, two at the head office, and their browsers, as the owner of the tables."""
    import kenpo.office

    kenpo.office.setup(owner=True)
    from django.core.management import call_command

    from kenpo.frame.casekind import Role
    from kenpo.office.models import Account

    call_command("migrate", skip_checks=True, verbosity=0)
    for branch in BRANCH_CODES:
        Account.objects.make(
            f"{branch}-kikaku", f"架空 企画{branch}", branch, [Role.PLANNING_CLERK], "kakuu-no-aikotoba"
        )
    for n in (1, 2):
        Account.objects.make(
            f"00-honbu{n}", f"架空 本部{n}", NATION_CODE, [Role.HEAD_OFFICE], "kakuu-no-aikotoba"
        )
    keep_browsers(home)


def measure(config: Config, branches: tuple[str, ...], users: int, asks: int) -> None:
    """Print what it takes with and without what is kept."""
    office = Office(config)
    choices = [choice for b in branches if (choice := office.newest(b))]
    some = choices[:3]
    each = statistics.median(timed(lambda choice=choice: office._see(choice)) for choice in some)
    table = timed(lambda: office._roll_up(PERIOD))
    whole = timed(lambda: Office(config).warm())
    cells = len(Office(config).everyone(PERIOD).cells)
    print(f"all boards worked out once: {whole:.1f} s for {len(choices)} branches and {cells:,} cells")

    boards._held.clear()
    file = statistics.median(timed(lambda c=c: Office(config).seen(c)) for c in choices)
    kept = statistics.median(timed(lambda c=c: Office(config).seen(c)) for c in choices)
    print(
        f"a branch's board: {1000 * each:.0f} ms worked out; from a file {1000 * file:.1f} ms ({each / file:.0f} times as fast),"
        f" from the process {1000 * kept:.1f} ms ({each / kept:.0f} times)"
    )
    boards._held.clear()
    file = timed(lambda: Office(config).everyone(PERIOD))
    kept = statistics.median(timed(lambda: Office(config).everyone(PERIOD)) for _ in range(20))
    print(
        f"all branches: {1000 * table:.0f} ms worked out; from a file {1000 * file:.1f} ms ({table / file:.0f} times as fast),"
        f" from the process {1000 * kept:.1f} ms ({table / kept:.0f} times)"
    )
    many = asked_by_many(
        lambda n: (Office(config).seen(choices[n % len(choices)]), Office(config).everyone(PERIOD)),
        users,
        asks,
    )
    print(
        f"{users} users, a board and all branches: p50 {1000 * many.median:.0f} ms, p95 {1000 * many.p95:.0f} ms"
    )
    pages(config, users, asks)


def pages(config: Config, users: int, asks: int) -> None:
    """The table of all branches as the page sets it out."""
    os.environ |= {"KENPO_OFFICE": str(config.home), "KENPO_MFA": "0"}
    import kenpo.office

    kenpo.office.setup()
    from django.core.cache import cache
    from django.test import RequestFactory

    from kenpo.office.views import boards as views

    def table(n: int) -> str:
        own = BRANCH_CODES[n % len(BRANCH_CODES)]
        request = RequestFactory().get("/boards/", {"period": PERIOD})
        return views._table_text(request, Office(config), PERIOD, "value", "branch", own)

    def anew(n: int) -> str:
        cache.clear()
        return table(n)

    once = statistics.median(timed(lambda: anew(0)) for _ in range(5))
    again = statistics.median(timed(lambda: table(0)) for _ in range(20))
    print(
        f"the table of all branches set out: {1000 * once:.0f} ms, from the process {1000 * again:.1f} ms ({once / again:.0f} times as fast)"
    )
    many = asked_by_many(table, users, asks)
    print(
        f"{users} users, the table of all branches set out: p50 {1000 * many.median:.0f} ms, p95 {1000 * many.p95:.0f} ms"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]))
    else:
        main()
