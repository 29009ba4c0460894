"""cases: how cases are worked (案件の操作) — pure functions over an append-only, hash-chained history.

A case kind is declared with `kenpo.frame.casekind`. `open_case` gives the first event, `fold` makes the case of its
events, the verbs give the next event or refuse, `verify` finds what was altered, `plan_opening` turns a worklist into
cases. Nothing here reads a clock or a database; `contents_of` alone lets a kind read the lake.
"""

from kenpo.frame.cases.case import Approval, Case, LastMove, SentLetter, apply, decision_of, fold
from kenpo.frame.cases.clock import CaseClock, Effect
from kenpo.frame.cases.engine import (
    Choice,
    allowed,
    amend,
    assign,
    case_id,
    claim,
    comment,
    decide,
    move,
    open_case,
    open_identity,
    record_letter,
    release,
    returned_mail,
    undo,
)
from kenpo.frame.cases.errors import CaseError
from kenpo.frame.cases.events import (
    JAPAN,
    NO_HASH,
    Break,
    Event,
    HistoryFault,
    What,
    canonical,
    day_of,
    verify,
)
from kenpo.frame.cases.opening import (
    Candidate,
    Excluded,
    Exclusions,
    Known,
    Opening,
    Passed,
    candidates,
    contents_of,
    open_candidate,
    plan_opening,
)
from kenpo.frame.cases.people import Access, Actor, access

__all__ = [
    "JAPAN",
    "NO_HASH",
    "Access",
    "Actor",
    "Approval",
    "Break",
    "Candidate",
    "Case",
    "CaseClock",
    "CaseError",
    "Choice",
    "Effect",
    "Event",
    "Excluded",
    "Exclusions",
    "HistoryFault",
    "Known",
    "LastMove",
    "Opening",
    "Passed",
    "SentLetter",
    "What",
    "access",
    "allowed",
    "amend",
    "apply",
    "assign",
    "candidates",
    "canonical",
    "case_id",
    "claim",
    "comment",
    "contents_of",
    "day_of",
    "decide",
    "decision_of",
    "fold",
    "move",
    "open_candidate",
    "open_case",
    "open_identity",
    "plan_opening",
    "record_letter",
    "release",
    "returned_mail",
    "undo",
    "verify",
]
