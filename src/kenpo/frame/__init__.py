"""frame: what every 施策 is made of — measure, explain, derivation, worklist, case kind, initiative (指標、出所の説明、派生表、対象者リスト、案件の種類、施策)."""

from kenpo.frame.breakdown import BREAKDOWNS
from kenpo.frame.casekind import (
    Amount,
    ApprovalStep,
    CaseKind,
    Clock,
    Deadline,
    Decision,
    Effect,
    Group,
    Letter,
    Level,
    Move,
    Reason,
    Retention,
    Role,
    State,
    Step,
    Subject,
    approval_chain,
    staff,
)
from kenpo.frame.derivation import Derivation, derivation
from kenpo.frame.explain import Explanation, explain, records
from kenpo.frame.initiative import Initiative
from kenpo.frame.measure import Measure, figures, lacking_of, measure, refresh
from kenpo.frame.view import View
from kenpo.frame.worklist import Worklist, run, worklist

__all__ = [
    "BREAKDOWNS",
    "Amount",
    "ApprovalStep",
    "CaseKind",
    "Clock",
    "Deadline",
    "Decision",
    "Derivation",
    "Effect",
    "Explanation",
    "Group",
    "Initiative",
    "Letter",
    "Level",
    "Measure",
    "Move",
    "Reason",
    "Retention",
    "Role",
    "State",
    "Step",
    "Subject",
    "View",
    "Worklist",
    "approval_chain",
    "derivation",
    "explain",
    "figures",
    "lacking_of",
    "measure",
    "records",
    "refresh",
    "run",
    "staff",
    "worklist",
]
