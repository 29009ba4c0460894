"""What the people of bench/boards.py --serve do (locust): look at boards, at a KPI, at all branches, at figures."""

from __future__ import annotations

import itertools
import json
import os
import random
from pathlib import Path

from locust import HttpUser, between, task

from kenpo.catalogue import MEASURES

BROWSERS = itertools.cycle(
    json.loads((Path(os.environ["KENPO_BENCH"]) / "browsers.json").read_text(encoding="utf-8"))
)
KPIS = ("generic_volume_share", "mynumber_record_rate")


class Planner(HttpUser):
    """Someone who steers by the figures, and thinks for one to three seconds between pages."""

    wait_time = between(1, 3)

    def on_start(self) -> None:
        """Come with a session that is signed in."""
        one = next(BROWSERS)
        self.client.cookies.set("kenpo_session", one["session"])
        self.nation = one["staff"].startswith("00-")

    @task(10)
    def board(self) -> None:
        """The board of the branch, of all branches at the head office."""
        if self.nation:
            return self.everyone()
        self.client.get("/board/", name="board")

    @task(6)
    def kpi(self) -> None:
        """A KPI of it."""
        if self.nation:
            return self.one_kpi()
        self.client.get(f"/board/{random.choice(KPIS)}/", name="kpi")

    @task(6)
    def everyone(self) -> None:
        """All branches, by value, rank or change, sorted anyhow."""
        show = random.choice(("value", "rank", "change"))
        sort = random.choice(("branch", *KPIS, *(f"-{k}" for k in KPIS)))
        self.client.get(f"/boards/?show={show}&sort={sort}", name="all branches")

    @task(4)
    def one_kpi(self) -> None:
        """A KPI over all branches."""
        self.client.get(f"/boards/{random.choice(KPIS)}/", name="a KPI of all branches")

    @task(3)
    def figures(self) -> None:
        """All measures."""
        self.client.get("/figures/", name="figures")

    @task(5)
    def figure(self) -> None:
        """One measure."""
        self.client.get(f"/figures/{random.choice(list(MEASURES))}/", name="a figure")
