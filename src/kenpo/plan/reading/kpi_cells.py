"""Cells of a list of KPIs (KPI一覧の欄): what a row's cells state together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kenpo.plan.amounts import NUMBER, UNIT
from kenpo.plan.reading.columns import Role, role_of
from kenpo.plan.results import when_in
from kenpo.plan.sentences import Stated, kpis_in, numbered
from kenpo.plan.targets import AtLeast, AtMost, Done, NotAboveLastYear, NotBelowLastYear
from kenpo.plan.vocabulary import Term, hits, plain
from kenpo.plan.wording import Wanted, wanted


@dataclass(frozen=True)
class Column:
    """A cell of a row with the heading of its column."""

    at: int
    text: str
    label: str

    @property
    def role(self) -> Role:
        """What the column holds."""
        return role_of(self.label)

    @property
    def flat(self) -> str:
        """The text for comparing."""
        return plain(self.text)


def with_targets(name: Column, target: Column | None) -> list[Stated]:
    """The KPIs a cell names with the targets of the cell beside it, part by part where both are numbered."""
    if target is None:
        return [s for s in kpis_in(name.text) if s.term is not None]
    names = [text for _, text in numbered(name.text) if hits(plain(text))]
    wants = [text for _, text in numbered(target.text)]
    if len(names) > 1 and len(wants) == 1:
        wants = [t for t in target.text.split("\n") if t.strip()]
    if len(names) > 1 and len(names) == len(wants):
        return [s for a, b in zip(names, wants, strict=True) for s in _stated(a, b, target.label)]
    if len(names) > 1:
        found = [s for s in kpis_in(name.text) if s.term is not None]
        doubt = f"目標の列（{one_line(target.text)}）がどのKPIのものか分かりません。"
        return [replace(s, doubts=(*s.doubts, doubt)) for s in found]
    return _stated(name.text, target.text, target.label)


def _stated(name: str, want: str, label: str) -> list[Stated]:
    flat = plain(name)
    found = hits(flat)
    if not found:
        return []
    term = found[-1].term if all(h.term is found[0].term for h in found) else found[0].term
    read = _cell_target(flat[found[0].end :], plain(want), term, label)
    doubts = read.doubts
    if read.target is None and not doubts:
        doubts = ("目標が読み取れません。",)
    said = kpis_in(name)
    notes = said[0].notes if said else ()
    text = f"{one_line(name)} {one_line(want)}".strip()
    return [Stated(text, term, read.target, read.baseline, unit=term.unit, notes=notes, doubts=doubts)]


def _cell_target(after: str, want: str, term: Term, label: str) -> Wanted:
    """The target of a KPI list's row: the words behind the KPI's name (対前年度以上) with the number beside (0.292%以上)."""
    if term.better == "done":
        return Wanted(Done(all_branches="全支部" in after + want, every_month="毎月" in after + want))
    said = wanted(after, term, whole=after)
    given = wanted(want, term, whole=after + want, bare=True) if want else Wanted(None)
    if isinstance(said.target, NotBelowLastYear | NotAboveLastYear) and isinstance(
        given.target, AtLeast | AtMost
    ):
        value = given.target.value
        return Wanted(said.target.model_copy(update={"value": value}), value, said.doubts)
    if given.target is None:
        return said if said.target is not None or not given.doubts else given
    bare = re.fullmatch(rf"[^\d]*{NUMBER}", want) and not re.search(UNIT, label)
    if bare and isinstance(given.target, AtLeast | AtMost):
        return given._replace(
            doubts=(*given.doubts, f"単位が書かれていません。「{term.unit}」と読みました。")
        )
    if isinstance(said.target, AtLeast | AtMost) and said.target != given.target:
        return given._replace(doubts=(*given.doubts, "KPIの文と目標の欄で数値が違います。"))
    return given


def joined(cells: Sequence[Column]) -> list[tuple[str, str]]:
    """Heading and text of cells with figures; one that holds a date alone (9月時点) belongs to the figure before it."""
    out: list[tuple[str, str]] = []
    for cell in cells:
        flat = cell.flat
        figure = re.search(rf"{NUMBER}\s*(%|{UNIT})", _undated(flat))
        dated = bool(when_in(cell.text, 2000).as_of) and not figure
        aside = flat.startswith("※") or bool(re.fullmatch(r"[-ー―－—]+", flat))
        if out and (dated or (aside and _same_kind(out[-1][0], cell.label))):
            out[-1] = (out[-1][0], f"{out[-1][1]} {cell.text}")
        else:
            out.append((cell.label, cell.text))
    return out


def _same_kind(label: str, other: str) -> bool:
    """Whether a cell can belong to the one before it: its own heading is blank, of a date, or the same."""
    return not other or other == label or role_of(other) in ("when", "") or role_of(other) == role_of(label)


def _undated(flat: str) -> str:
    return re.sub(r"(?:(?:令和|平成|20)[\d元]+年)?\d{1,2}月(\d{1,2}日)?", "", flat)


def names_kpi(cell: Column) -> bool:
    """Whether a cell names a KPI of the vocabulary."""
    return bool(hits(cell.flat))


def states_kpi(text: str) -> bool:
    """Whether a text states a KPI with its target."""
    return any(s.target is not None and s.term is not None for s in kpis_in(text))


def is_whole(text: str) -> bool:
    """Whether a cell states its targets in words, so that the cell beside it is no target but a figure."""
    return bool(re.search(r"(とする|する)", plain(text))) and states_kpi(text)


def one_line(text: str) -> str:
    """The lines of a cell as one."""
    return text.replace("\n", " ").strip()
