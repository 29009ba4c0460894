"""What the people of bench/office.py do all day (locust): look at queues and cases, claim, comment, go on to the next."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
from pathlib import Path

from locust import HttpUser, between, task

KIND = "generic_notice"
BROWSERS = itertools.cycle(
    json.loads((Path(os.environ["KENPO_BENCH"]) / "browsers.json").read_text(encoding="utf-8"))
)
CASE = re.compile(r"/case/([0-9a-f]{32})/")
VIEWS = (
    "",
    "?due=late",
    "?due=today",
    "?due=soon",
    "?owner=me",
    "?owner=none",
    "?sort=due",
    "?sort=-received",
    "?page=3",
    "?page=40",
)


class Clerk(HttpUser):
    """Someone at work, who thinks for one to three seconds between pages."""

    wait_time = between(1, 3)

    def on_start(self) -> None:
        """Come with a session that is signed in."""
        self.client.cookies.set("kenpo_session", next(BROWSERS)["session"])
        self.cases: list[str] = []
        self.queue()

    @task(10)
    def queue(self) -> None:
        """The queue, filtered, sorted or further back."""
        answer = self.client.get(f"/cases/{KIND}/{random.choice(VIEWS)}", name="queue")
        self.cases = list(dict.fromkeys(CASE.findall(answer.text))) or self.cases

    @task(10)
    def case(self) -> None:
        """A case of the queue."""
        if self.cases:
            self.client.get(f"/case/{random.choice(self.cases)}/", name="case")

    @task(3)
    def today(self) -> None:
        """What is to be done today."""
        self.client.get("/", name="today")

    @task(3)
    def claim(self) -> None:
        """Claim a case and leave a word; that somebody was faster is an answer as good as any."""
        if not self.cases:
            return
        id = random.choice(self.cases)
        page = self.client.get(f"/case/{id}/", name="case")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        expected = re.search(r'name="expected" value="(\d+)"', page.text)
        if not token or not expected:
            return
        for verb, more in (("claim", {}), ("comment", {"text": "架空の覚書"})):
            with self.client.post(
                f"/case/{id}/do/",
                {"csrfmiddlewaretoken": token[1], "act": verb, "expected": expected[1], **more},
                name="do",
                catch_response=True,
            ) as answer:
                if answer.status_code in (409, 422):
                    answer.success()
