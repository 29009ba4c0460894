"""frame: what every 施策 is made of — measure, explain, initiative (指標、出所の説明、施策)."""

from kenpo.frame.explain import Explanation, explain, records
from kenpo.frame.initiative import Initiative
from kenpo.frame.measure import BREAKDOWNS, Measure, figures, measure, refresh
from kenpo.frame.view import View

__all__ = [
    "BREAKDOWNS",
    "Explanation",
    "Initiative",
    "Measure",
    "View",
    "explain",
    "figures",
    "measure",
    "records",
    "refresh",
]
