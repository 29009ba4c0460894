"""Initiative (施策): what one room offers, readable at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from kenpo.frame.casekind import CaseKind
from kenpo.frame.derivation import Derivation
from kenpo.frame.measure import Measure
from kenpo.frame.worklist import Worklist
from kenpo.synth.planting import Plant
from kenpo.synth.truth import Truth


@dataclass(frozen=True)
class Initiative:
    """A 施策 of the plan: its folder's name, the Japanese title the plans use, and what it offers.

    derivations: the derived tables it makes, each after those it reads. plants and truths: what the invented branch
    holds for it, and what its measures must then give.
    pillar: foundation 基盤的保険者機能, strategy 戦略的保険者機能 or organisation 組織・運営体制.
    """

    name: str
    title: str
    pillar: str
    measures: tuple[Measure, ...] = ()
    derivations: tuple[Derivation, ...] = ()
    worklists: tuple[Worklist, ...] = ()
    cases: tuple[CaseKind, ...] = ()
    plants: tuple[Plant, ...] = ()
    truths: tuple[Truth, ...] = ()
