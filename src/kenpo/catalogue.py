"""The one explicit list of 施策: a new room is added here, and nowhere else."""

from __future__ import annotations

from typing import TypeVar

from kenpo.base.errors import ArgumentError
from kenpo.foundation import eligibility, service
from kenpo.frame import CaseKind, Derivation, Initiative, Measure, Worklist
from kenpo.strategy import generics, spending
from kenpo.synth.planting import Plant
from kenpo.synth.truth import Truth

Declared = TypeVar("Declared", Measure, Worklist, CaseKind)

INITIATIVES: tuple[Initiative, ...] = (
    eligibility.INITIATIVE,
    service.INITIATIVE,
    generics.INITIATIVE,
    spending.INITIATIVE,
)

MEASURES: dict[str, Measure] = {m.id: m for i in INITIATIVES for m in i.measures}
DERIVATIONS: tuple[Derivation, ...] = tuple(d for i in INITIATIVES for d in i.derivations)
WORKLISTS: dict[str, Worklist] = {w.id: w for i in INITIATIVES for w in i.worklists}
CASEKINDS: dict[str, CaseKind] = {c.id: c for i in INITIATIVES for c in i.cases}
PLANTS: tuple[Plant, ...] = tuple(p for i in INITIATIVES for p in i.plants)
TRUTHS: tuple[Truth, ...] = tuple(t for i in INITIATIVES for t in i.truths)


def measure_of(name: str) -> Measure:
    """A measure by its id or Japanese title. Raises ArgumentError that lists what there is."""
    return _named(MEASURES, name, "指標")


def worklist_of(name: str) -> Worklist:
    """A worklist by its id or Japanese title. Raises ArgumentError that lists what there is."""
    return _named(WORKLISTS, name, "対象者リスト")


def casekind_of(name: str) -> CaseKind:
    """A case kind by its id or Japanese title. Raises ArgumentError that lists what there is."""
    return _named(CASEKINDS, name, "案件の種類")


def _named(known: dict[str, Declared], name: str, what: str) -> Declared:
    found = known.get(name) or next((one for one in known.values() if one.title == name), None)
    if found is None:
        listed = "\n".join(f"  {one.id}：{one.title}" for one in known.values())
        raise ArgumentError(
            f"「{name}」という{what}はありません。", todo=f"次のいずれかを指定してください：\n{listed}"
        )
    return found
