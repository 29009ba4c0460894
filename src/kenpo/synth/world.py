"""What the chunks of an invented branch share, and what each of them gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from kenpo.base.fiscal import add_months
from kenpo.synth.institutions import Institutions, make_institutions
from kenpo.synth.people import DEPENDENTS_PER_INSURED
from kenpo.synth.records import Claim, Kind
from kenpo.synth.setting import Facts, Ints, Setting
from kenpo.synth.shelf import Shelf, shelf_of
from kenpo.synth.visits import Cabinet, make_cabinet
from kenpo.synth.workplaces import Workplaces, make_workplaces


class World:
    """What every chunk of a branch shares; made from the setting alone, alike in every process."""

    def __init__(self, setting: Setting, facts: Facts, uke: bool) -> None:
        self.setting = setting
        self.facts = facts
        self.uke = uke

    @cached_property
    def workplaces(self) -> Workplaces:
        """The branch's workplaces."""
        return make_workplaces(self.setting, round(self.setting.members / (1 + DEPENDENTS_PER_INSURED)))

    @cached_property
    def shelf(self) -> Shelf:
        """What the masters offer."""
        return shelf_of(self.facts.masters)

    @cached_property
    def cabinet(self) -> Cabinet:
        """What is prescribed."""
        return make_cabinet(self.shelf)

    @cached_property
    def places(self) -> Institutions:
        """The branch's institutions."""
        return make_institutions(self.setting)

    @property
    def full_day(self) -> date:
        """基準日 of the full load: the end of the last month but one."""
        if self.setting.months == 1:
            return self.setting.last_day
        return add_months(self.setting.first, self.setting.months - 1) - timedelta(days=1)


@dataclass
class Piece:
    """A chunk's part of a file: where in the chunk's scratch file, and how many lines."""

    path: str
    start: int
    size: int
    lines: int


@dataclass
class Made:
    """What a chunk gives: pieces in a scratch file, truth, insured people per workplace by month, UKE receipts."""

    scratch: str
    pieces: list[Piece] = field(default_factory=list)
    truth: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    insured: Ints = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    uke: list[tuple[Kind, int, pl.DataFrame, int, int]] = field(default_factory=list)
    stays: list[Claim] = field(default_factory=list)
    people: int = 0
    receipts: int = 0
