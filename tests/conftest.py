"""Settings of all tests: Hypothesis does not judge by the clock, which says nothing on a busy machine; and the invented
branches that tests share.

A property is tried fifty times, with KENPO_LONG set two hundred times. With CI set the same examples are tried every time, so that a
run says something of the change it is run for; everywhere else they are drawn anew.
"""

import gc
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests import branches

gc.set_threshold(100_000, 50, 100)
"""Queries are built of many small things that are never garbage; looking for some takes a tenth of the time of all tests."""

os.environ["KENPO_OFFICE"] = str(Path(tempfile.gettempdir()) / "kenpo-tests" / "no-office")
"""What tests load goes into the vault of no office that stands in the folder they run in."""

settings.register_profile(
    "kenpo",
    deadline=None,
    max_examples=200 if os.environ.get("KENPO_LONG") else 50,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("kenpo")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> branches.TinyBranch:
    """山口支部 with 300 members over a year, in a lake with all figures."""
    return branches.tiny_branch(tmp_path_factory)


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> branches.TwoBranches:
    """A small 山口支部 and a small 東京支部 in one lake with all figures."""
    return branches.two_branches(tmp_path_factory)


@pytest.fixture(scope="session")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a branch of 3,000 members over half a year."""
    return branches.larger_branch(tmp_path_factory)
