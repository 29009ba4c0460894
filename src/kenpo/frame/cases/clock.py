"""The clock of a case (期限の時計): business days used, and the day they run out.

A business day counts when the case stood in a running state as the day began (0時). So the day of receipt is day 0
(民法140条 初日不算入), the day a case is stopped counts, the day it goes on is day 0 again, and the day it ends counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from kenpo.base.business import add_business_days, business_days_between


class Effect(StrEnum):
    """What an event does to the clock: it waits to begin, runs, stops, stops and will restart (返戻), or ends."""

    WAITS = "waits"
    RUNS = "runs"
    STOPS = "stops"
    RETURNS = "returns"
    ENDS = "ends"


@dataclass(frozen=True)
class CaseClock:
    """allowed: business days, None without a deadline. spans: from day 0 to the day it was stopped, None while it runs;
    those of the count that holds now. restart: the next run is a new count.
    """

    allowed: int | None
    effect: Effect = Effect.WAITS
    spans: tuple[tuple[date, date | None], ...] = ()
    restart: bool = False
    ended_on: date | None = None

    @property
    def running(self) -> bool:
        """Whether days are being counted."""
        return bool(self.spans) and self.spans[-1][1] is None

    def after(self, effect: Effect, on: date) -> CaseClock:
        """The clock after an event of a day."""
        if effect == Effect.RUNS:
            if self.running:
                return replace(self, effect=effect)
            before = () if self.restart or self.ended_on else self.spans
            return CaseClock(self.allowed, effect, (*before, (on, None)))
        spans = (*self.spans[:-1], (self.spans[-1][0], on)) if self.running else self.spans
        return CaseClock(
            self.allowed,
            effect,
            spans,
            restart=self.restart or effect == Effect.RETURNS or self.ended_on is not None,
            ended_on=on if effect == Effect.ENDS else None,
        )

    def used(self, today: date) -> int:
        """The business days used until the end of a day (使った営業日数)."""
        return sum(
            business_days_between(start, min(end or today, today))
            for start, end in self.spans
            if start <= today
        )

    def left(self, today: date) -> int | None:
        """The business days left, less than 0 when overdue; None without a deadline."""
        return None if self.allowed is None else self.allowed - self.used(today)

    @property
    def due(self) -> date | None:
        """The last day on time (期限の日), if the clock is not stopped again. None without a deadline, and while the clock
        has not begun or stands still with days left.
        """
        left = self.allowed
        if left is None:
            return None
        for start, end in self.spans:
            day = add_business_days(start, left)
            if end is None or day <= end or (end == self.ended_on and (start, end) == self.spans[-1]):
                return day
            left -= business_days_between(start, end)
        return None

    def overdue(self, today: date) -> bool:
        """Whether more days were used than allowed (期限を過ぎている)."""
        return self.allowed is not None and self.used(today) > self.allowed
