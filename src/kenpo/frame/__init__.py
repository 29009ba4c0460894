"""frame: what every 施策 is made of — measure, explain, derivation, worklist, initiative (指標、出所の説明、派生表、対象者リスト、施策)."""

from kenpo.frame.breakdown import BREAKDOWNS
from kenpo.frame.derivation import Derivation, derivation
from kenpo.frame.explain import Explanation, explain, records
from kenpo.frame.initiative import Initiative
from kenpo.frame.measure import Measure, figures, lacking_of, measure, refresh
from kenpo.frame.view import View
from kenpo.frame.worklist import Worklist, run, worklist

__all__ = [
    "BREAKDOWNS",
    "Derivation",
    "Explanation",
    "Initiative",
    "Measure",
    "View",
    "Worklist",
    "derivation",
    "explain",
    "figures",
    "lacking_of",
    "measure",
    "records",
    "refresh",
    "run",
    "worklist",
]
