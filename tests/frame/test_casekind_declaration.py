"""Case kinds: what a declaration is refused for, what decisions are checked for, and what roles there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from tests.casekinds import CLAIM, PAYABLE, Claim, changed, decide

from kenpo.base.errors import ArgumentError, ParameterError
from kenpo.catalogue import CASEKINDS, INITIATIVES, WORKLISTS, casekind_of
from kenpo.frame import (
    Amount,
    ApprovalStep,
    Clock,
    Deadline,
    Decision,
    Group,
    Letter,
    Level,
    Move,
    Retention,
    Role,
    State,
    Step,
    Subject,
    staff,
)


class Loose(BaseModel):
    days: int


class Rough(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    weight: float


CLERK = (Role.OPERATIONS_CLERK,)


def with_state(id: str, **fields: Any) -> tuple[State, ...]:
    return tuple(replace(s, **fields) if s.id == id else s for s in CLAIM.states)


def with_move(id: str, **fields: Any) -> tuple[Move, ...]:
    return tuple(replace(m, **fields) if m.id == id else m for m in CLAIM.moves)


WRONG = {
    "unknown first state": ({"first": "nowhere"}, "first: state nowhere is unknown"),
    "unknown state in a move": (
        {"moves": with_move("inquire", to="nowhere")},
        "move inquire: state nowhere is unknown",
    ),
    "move from nowhere": (
        {"moves": with_move("inquire", from_states=())},
        "move inquire: from_states is empty",
    ),
    "state twice": ({"states": (*CLAIM.states, CLAIM.states[0])}, "state received is declared twice"),
    "move twice": ({"moves": (*CLAIM.moves, CLAIM.moves[0])}, "move inquire is declared twice"),
    "unreachable state": (
        {"states": (*CLAIM.states, State("island", "島", "待つ", Clock.ENDED))},
        "state island cannot be reached from received",
    ),
    "dead end": (
        {"moves": with_move("found", from_states=("inquiring",))},
        "state unreachable: no move leads out",
    ),
    "begins at its end": ({"first": "paid"}, "first: state paid is ended"),
    "out of an ended state": (
        {"moves": with_move("reopen", reopens=False)},
        "move reopen: leads out of the ended state paid",
    ),
    "reopens what is open": (
        {"moves": with_move("answered", reopens=True)},
        "move answered: reopens, so it must lead from ended states",
    ),
    "reopens without a reason": (
        {"moves": with_move("reopen", needs_reason=False)},
        "move reopen: reopens, so it needs a reason",
    ),
    "step skipped": (
        {"moves": with_move("check", from_states=("received", "examined"))},
        "move check: from received it skips approval step examine",
    ),
    "step given twice": (
        {"moves": with_move("put_back", voids_approvals=False)},
        "move examine: from received approval step examine would be given twice",
    ),
    "paid without the chain": (
        {"moves": with_move("reject", to="paid")},
        "state paid: can be reached without approval step examine",
    ),
    "step nobody gives": (
        {"approval": (*CLAIM.approval, ApprovalStep("seal", "押印者", CLERK))},
        "approval step seal: no move gives it",
    ),
    "unknown step": (
        {"moves": with_move("check", approval="nod")},
        "move check: approval step nod is unknown",
    ),
    "roles beyond the step": (
        {"moves": with_move("approve", roles=CLERK)},
        "move approve: operations_clerk may not give approval step approve",
    ),
    "a move for nobody": ({"moves": with_move("inquire", roles=())}, "move inquire: no role may make it"),
    "head office works": (
        {"moves": with_move("inquire", roles=(Role.HEAD_OFFICE,))},
        "head_office may not work on cases",
    ),
    "administrator reads": ({"readers": (Role.ADMINISTRATOR,)}, "administrator may not work on cases"),
    "letter to nobody": ({"subject": Subject.NONE}, "letter notice: the kind has no subject to write to"),
    "unknown letter": (
        {"moves": with_move("inquire", letter="card")},
        "move inquire: letter card is unknown",
    ),
    "letter never sent": (
        {"letters": (*CLAIM.letters, Letter("card", "はがき", "card.typ"))},
        "letter card: no move sends it",
    ),
    "returned mail leads nowhere": (
        {"letters": (Letter("notice", "通知", "n.typ", returned_move="nowhere"),)},
        "letter notice: move nowhere is unknown",
    ),
    "returned mail approves": (
        {"letters": (Letter("notice", "通知", "n.typ", returned_move="check"),)},
        "returned mail gives no approval",
    ),
    "nothing to do next": ({"states": with_state("received", todo="")}, "state received: todo is empty"),
    "running state restarts": (
        {"states": with_state("received", restarts=True)},
        "state received: only a stopped state restarts",
    ),
    "clock begins stopped": (
        {"deadline": Deadline(10, "例", begins="inquiring")},
        "state inquiring: the clock begins there, so it must be running",
    ),
    "clock begins nowhere": ({"deadline": Deadline(10, "例", begins="x")}, "deadline: state x is unknown"),
    "no days": ({"deadline": Deadline(0, "例")}, "0 business days is not a deadline"),
    "unknown parameter": ({"deadline": Deadline("no_such", "例")}, "parameter no_such is unknown"),
    "unknown parameter of decide": ({"parameters": ("no_such",)}, "parameter no_such is unknown"),
    "content may be changed": ({"content": Loose}, "content: Loose must be frozen and forbid extra fields"),
    "content holds a float": ({"content": Rough}, "content: weight must be int or Decimal, never float"),
    "decide without reasons": ({"reasons": ()}, "decide: reasons is empty"),
    "reasons without decide": (
        {"decide": None, "moves": with_move("examine", needs_decision=False)},
        "facts, reasons and parameters are for decide",
    ),
    "needs a decision there is none of": (
        {"decide": None, "reasons": (), "parameters": ()},
        "move examine: needs a decision, but the kind has no decide",
    ),
    "worklist without key": ({"key": ()}, "worklist toy_claims: key is empty"),
    "worklist without subject": (
        {"subject_column": None},
        "subject_column is missing; name the column that names the member",
    ),
    "key without worklist": ({"worklist": None}, "key and subject_column are columns of a worklist"),
    "no ground for keeping": (
        {"retention": Retention(5, "")},
        "retention: needs at least one year and its ground",
    ),
    "undo roles of what cannot be undone": (
        {"moves": with_move("resubmitted", undo_roles=CLERK)},
        "move resubmitted: has undo_roles but may not be undone",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_faulty_declaration_is_refused_with_its_fault(wrong: str):
    fields, said = WRONG[wrong]
    with pytest.raises(ValueError, match="case kind 'toy_claim' is not well declared") as refused:
        changed(**fields)
    assert said in str(refused.value)


def test_all_faults_are_said_at_once_and_each_once():
    with pytest.raises(ValueError) as refused:
        changed(title="", law="", parameters=("no_such", "no_such"))
    assert [line for line in str(refused.value).splitlines() if line.startswith("- ")] == [
        "- title is empty",
        "- law is empty",
        "- parameter no_such is unknown",
    ]


def test_a_kind_without_deadline_chain_or_letters_is_well_declared():
    plain = replace(
        CLAIM,
        deadline=None,
        approval=(),
        letters=(),
        subject=Subject.NONE,
        worklist=None,
        key=(),
        subject_column=None,
        states=(State("open", "対応待ち", "対応する"), State("done", "済み", clock=Clock.ENDED)),
        moves=(Move("finish", "終える", ("open",), "done", CLERK),),
        first="open",
    )
    assert plain.deadline_days(date(2026, 1, 1)) is None
    assert plain.workers == CLERK


def test_the_deadline_may_be_a_number_of_the_law():
    kind = changed(deadline=Deadline("generic_notice_min_age", "例"))
    assert kind.deadline_days(date(2026, 1, 1)) == 20
    with pytest.raises(ParameterError):
        kind.deadline_days(date(1900, 1, 1))
    with pytest.raises(ValueError, match="not a number of days"):
        changed(deadline=Deadline("generic_exclude_star", "例")).deadline_days(date(2026, 1, 1))


def test_closed_cases_are_kept_from_the_next_fiscal_year_on():
    five = Retention(5, "例")
    assert five.until(date(2026, 3, 31)) == date(2031, 3, 31)
    assert five.until(date(2026, 4, 1)) == date(2032, 3, 31)


# ---- decisions ---------------------------------------------------------------------------------------------------


def test_a_decision_explains_itself():
    said = decide(Claim(days=10, daily=5000), {"generic_notice_min_age": 20}).explain()
    assert said[:3] == (
        "理由：支給の要件を満たす",
        "支給額：35,000円",
        "1. 支給日数：10 − 3 ＝ 7（根拠：健康保険法99条1項）",
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"reasons": ()}, "at least one reason"),
        ({"reasons": (PAYABLE, PAYABLE)}, "given twice: payable"),
        ({"amounts": (Amount("a", "額", 1.5),)}, "whole yen"),  # type: ignore[arg-type]
        ({"amounts": (Amount("a", "額", True),)}, "whole yen"),
        ({"amounts": (Amount("a", "額", Decimal(1)),)}, "whole yen"),  # type: ignore[arg-type]
        ({"amounts": (Amount("a", "額", 1), Amount("a", "別の額", 2))}, "given twice: a"),
        ({"steps": (Step("割合", "1 ÷ 3", "例", 1 / 3),)}, "never float"),  # type: ignore[arg-type]
    ],
)
def test_a_faulty_decision_is_refused(fields: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        Decision(**{"reasons": (PAYABLE,), **fields})


# ---- roles -------------------------------------------------------------------------------------------------------


def test_the_roles_are_three_levels_of_four_groups_and_three_outside():
    assert len(Role) == 4 * 3 + 3
    assert [r for r in Role if r.group is None] == [Role.BRANCH_HEAD, Role.HEAD_OFFICE, Role.ADMINISTRATOR]
    assert Role.HEALTH_CHECKER.label == "保健グループ 確認者"
    assert len({r.label for r in Role}) == len(Role)
    assert staff(Group.RECEIPTS, Level.CHECKER) == (Role.RECEIPTS_CHECKER, Role.RECEIPTS_APPROVER)


# ---- the catalogue -----------------------------------------------------------------------------------------------


def test_the_catalogue_has_every_kind_once_and_its_worklists():
    declared = [kind for i in INITIATIVES for kind in i.cases]
    assert list(CASEKINDS.values()) == declared
    assert [k.id for k in declared if k.worklist is not None and k.worklist not in WORKLISTS] == []
    lists = {k.id: WORKLISTS[k.worklist] for k in declared if k.worklist}
    wanted = {
        k.id: {*k.key, *([k.subject_column] if k.subject_column else [])} for k in declared if k.worklist
    }
    assert [id for id, one in lists.items() if wanted[id] - {*one.columns, "branch", "month"}] == []


def test_an_unknown_kind_is_refused_with_what_there_is():
    with pytest.raises(ArgumentError, match="という案件の種類はありません"):
        casekind_of("no_such_kind")
