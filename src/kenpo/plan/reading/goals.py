"""Goals and planned numbers in a plan's text: 国の目標, 上位・中位目標, 実施対象者数・実施見込者数."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from kenpo.plan.amounts import NUMBER, decimal
from kenpo.plan.model import Actual, Goal, Planned
from kenpo.plan.results import fiscal_year_in, when_in
from kenpo.plan.vocabulary import Term, hits, plain

Level = Literal["upper", "middle", "lower"]
_LEVELS: dict[str, Level] = {"上位": "upper", "中位": "middle", "下位": "lower"}
_BULLETS = ("◆", "・", "○", "●")

_GOAL = re.compile(
    r"(?:[【\[<＜《〈]\s*)?(?P<level>上位|中位|下位)目標\s*(?:[】\]>＞》〉]\s*[:：]?|[:：])\s*"
)
_NATIONAL = re.compile(
    rf"(?:国が(?:示す|定める|掲げる)|国の)[^。]*?(?P<name>特定健診|特定保健指導)の?(?:実施率)?の?(?:目標値?)(?:は|として)?、?"
    rf"(?P<year>(?:令和|平成|20)[^、。]{{1,6}}?年度)末?(?:まで)?に?(?P<value>{NUMBER})%"
)
_REACHED = re.compile(
    rf"(?P<year>(?:令和|平成)[元\d]{{1,2}}年度)(?:の)?(?:実績|実施率)は?、?(?P<value>{NUMBER})%"
)
_ELIGIBLE = re.compile(rf"対象者?数\)?[:：]?(?P<number>{NUMBER})人")
_EXPECTED = re.compile(rf"見込(?:者|件)?数\)?[:：]?(?P<number>{NUMBER})(?:人|件)")
_WHO = re.compile(r"被保険者|被扶養者")


def is_goal(text: str) -> bool:
    """Whether a line begins with a goal of the data-health plan."""
    return bool(_GOAL.match(text))


def national_goals(text: str) -> Iterator[Goal]:
    """The nation's goals a text states: 国が示す特定健診の実施率の目標値は、令和5年度末に65%."""
    flat = plain(text)
    for match in _NATIONAL.finditer(flat):
        reached = _REACHED.search(flat, match.end())
        yield Goal(
            level="national",
            text=text,
            measure="specific_checkup_rate_total" if match["name"] == "特定健診" else "guidance_rate_total",
            value=Decimal(match["value"]),
            year=fiscal_year_in(match["year"]),
            reached=Actual(
                value=Decimal(reached["value"]),
                as_of=when_in(reached["year"], None).as_of,
                text=reached.group(0),
            )
            if reached
            else None,
        )


def data_health_goals(text: str, open_level: Level | None) -> tuple[list[Goal], Level | None]:
    """上位・中位目標 in a text, and the level a list that follows belongs to. open_level: that of the line before."""
    marks = list(_GOAL.finditer(text))
    if not marks:
        if open_level and text.lstrip().startswith(_BULLETS):
            return [Goal(level=open_level, text=_bare(text))], open_level
        return [], None
    out = []
    level: Level | None = open_level
    for n, mark in enumerate(marks):
        said = text[mark.end() : marks[n + 1].start() if n + 1 < len(marks) else len(text)].strip()
        level = _LEVELS[mark["level"]]
        if said:
            out.append(Goal(level=level, text=_bare(said)))
    return out, level


def _bare(text: str) -> str:
    return text.strip().lstrip("◆・○● ")


def unique(goals: Sequence[Goal]) -> list[Goal]:
    """The goals without those stated again."""
    out: dict[tuple[str, str, str | None], Goal] = {}
    for goal in goals:
        out.setdefault((goal.level, plain(goal.text), goal.measure), goal)
    return list(out.values())


@dataclass
class PlannedNumbers:
    """The table of planned numbers a plan lists, read line by line: whose it is, and how many people there are."""

    who: str = ""
    eligible: int | None = None

    def read(self, text: str) -> Iterator[tuple[Term, Planned, Decimal | None]]:
        """KPI, people planned for and the rate planned, for every line that names one KPI and who is expected."""
        for piece in re.split(r"(?=[●○・■](?!健診))", plain(text)):
            if who := _WHO.search(piece):
                self.who = who.group(0)
            if eligible := _ELIGIBLE.search(piece):
                self.eligible = _int(eligible["number"])
            expected = _EXPECTED.search(piece)
            if expected is None:
                continue
            found = hits(piece if _WHO.search(piece) else f"{self.who}の{piece}")
            if len({h.term.id for h in found}) == 1:
                rate = re.search(rf"率[:：]?({NUMBER})%", piece)
                planned = Planned(eligible=self.eligible, expected=_int(expected["number"]))
                yield found[0].term, planned, decimal(rate[1]) if rate else None


def _int(text: str) -> int:
    return int(decimal(text))
