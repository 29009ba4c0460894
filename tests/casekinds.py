"""A kind of case for the tests: 傷病手当金 in miniature, with a stop of either sort, a chain of three and a letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

from kenpo.frame import (
    Amount,
    CaseKind,
    Clock,
    Deadline,
    Decision,
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

ALL = staff(Group.OPERATIONS)
HEADS = staff(Group.OPERATIONS, Level.CHECKER)
PAYABLE = Reason("payable", "支給の要件を満たす")
TOO_SHORT = Reason("too_short", "待期3日を満たさない")


class Claim(BaseModel):
    """What a claim says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int
    daily: int
    from_day: date | None = None


def decide(facts: Claim, parameters: Mapping[str, Any]) -> Decision:
    """Days after the waiting period times the daily amount."""
    paid = facts.days - 3
    if paid <= 0:
        return Decision((TOO_SHORT,), move="reject")
    yen = paid * facts.daily
    share = Decimal(parameters["generic_notice_min_age"]) * 0 + Decimal("1.5")
    steps = (
        Step("支給日数", f"{facts.days} − 3", "健康保険法99条1項", paid),
        Step("支給額", f"{paid} × {facts.daily}", "健康保険法99条2項", yen),
        Step("小数の例", "1.5", "例", share),
    )
    return Decision((PAYABLE,), (Amount("benefit", "支給額", yen),), steps, move="examine")


CLAIM = CaseKind(
    id="toy_claim",
    title="手当金の例",
    definition="受け付けた申請を審査し、決裁して支給する。",
    law="健康保険法99条",
    content=Claim,
    first="received",
    states=(
        State("received", "審査待ち", "申請書を審査する"),
        State("inquiring", "照会中", "回答を待つ", Clock.STOPPED),
        State("returned", "返戻中", "再提出を待つ", Clock.STOPPED, restarts=True),
        State("examined", "確認待ち", "審査の結果を確認する"),
        State("checked", "決裁待ち", "決裁する"),
        State("paid", "支給済み", clock=Clock.ENDED, approved=True),
        State("rejected", "不支給", clock=Clock.ENDED),
        State("unreachable", "宛所不明", "住所を調べる"),
    ),
    moves=(
        Move("inquire", "照会する", ("received",), "inquiring", ALL),
        Move("answered", "回答を受ける", ("inquiring",), "received", ALL),
        Move("send_back", "返戻する", ("received",), "returned", ALL, needs_reason=True, undo_roles=HEADS),
        Move("resubmitted", "再提出を受ける", ("returned",), "received", ALL, undoable=False),
        Move("examine", "審査済みにする", ("received",), "examined", needs_decision=True, approval="examine"),
        Move("check", "確認済みにする", ("examined",), "checked", approval="check"),
        Move("approve", "決裁する", ("checked",), "paid", approval="approve", letter="notice"),
        Move(
            "put_back",
            "差し戻す",
            ("examined", "checked"),
            "received",
            (*HEADS, Role.BRANCH_HEAD),
            needs_reason=True,
            voids_approvals=True,
            hands_over=True,
        ),
        Move(
            "reject", "不支給にする", ("received",), "rejected", HEADS, needs_reason=True, needs_decision=True
        ),
        Move(
            "reopen",
            "再開する",
            ("paid", "rejected"),
            "received",
            (Role.OPERATIONS_APPROVER,),
            needs_reason=True,
            reopens=True,
            undoable=False,
        ),
        Move("came_back", "宛所不明にする", ("paid",), "unreachable", ALL, needs_reason=True, reopens=True),
        Move("found", "住所を確かめた", ("unreachable",), "received", ALL),
    ),
    letters=(Letter("notice", "支給決定通知書", "notice.typ", returned_move="came_back"),),
    retention=Retention(5, "健康保険法193条（時効2年）と文書保存の定め"),
    deadline=Deadline(10, "サービススタンダード"),
    subject=Subject.MEMBER,
    approval=approval_chain(Group.OPERATIONS),
    worklist="toy_claims",
    key=("claim",),
    subject_column="member_id",
    decide=decide,
    reasons=(PAYABLE, TOO_SHORT),
    parameters=("generic_notice_min_age",),
    readers=(Role.RECEIPTS_CLERK,),
)


def changed(**fields: Any) -> CaseKind:
    """The kind with some of its declaration changed."""
    return replace(CLAIM, **fields)
