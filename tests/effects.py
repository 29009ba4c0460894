"""A lake in which 軽減額通知 led to something: of 山口支部 enough to compare, of 東京支部 too little to tell. Read only.

山口支部 wrote in August 2024 to 14 people, of whom 9 switched, 3 did not and 2 notices came back, and held 12 out, of whom 3
switched; in February 2025 it wrote to one more, whose follow-up is not complete. 東京支部 wrote to 4 people in August and
September 2024 each, of whom 1 and 4 switched, and held nobody out. Each who switched saved (60 − 22) × 30 = 1,140 yen.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.branches import once
from tests.strategy.generics.notices import notices

AUGUST, SEPTEMBER = date(2024, 8, 1), date(2024, 9, 1)
OLD, NEW = "先発30日", "後発30日"


def _people() -> list[dict[str, Any]]:
    groups = [
        ("35", "letter", date(2024, 8, 10), 12, 9, False),
        ("35", "letter", date(2024, 8, 10), 2, 2, True),
        ("35", "held_out", date(2024, 8, 10), 12, 3, False),
        ("35", "letter", date(2025, 2, 10), 1, 1, False),
        ("13", "letter", date(2024, 8, 10), 4, 1, False),
        ("13", "letter", date(2024, 9, 10), 4, 4, False),
    ]
    return [
        {
            "who": f"{g}-{n}",
            "branch": branch,
            what: day,
            "returned": returned,
            "taken": {"2024-05": OLD, "2024-10": NEW if n < switched else OLD},
        }
        for g, (branch, what, day, people, switched, returned) in enumerate(groups)
        for n in range(people)
    ] + [{"who": "last", "branch": "35", "taken": {"2025-03": OLD}}]


def lake_of_effects(factory: pytest.TempPathFactory) -> Path:
    """The folder of the lake, made once in a run of the tests."""
    return once(factory, "effects", lambda folder: notices(folder, _people())) / "lake"
