"""A kind of case for the tests: 傷病手当金 in miniature, with a stop of either sort, a chain of three and a letter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

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
    cases,
    staff,
)
from kenpo.frame import letter as letters
from kenpo.frame.cases import JAPAN, Actor, Case, CaseError, Event

ALL = staff(Group.OPERATIONS)
HEADS = staff(Group.OPERATIONS, Level.CHECKER)
PAYABLE = Reason("payable", "支給の要件を満たす")
TOO_SHORT = Reason("too_short", "待期3日を満たさない")


class Claim(BaseModel):
    """What a claim says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int = Field(title="申請日数")
    daily: int = Field(title="日額（円）")
    from_day: date | None = Field(default=None, title="労務に服さなかった最初の日")


class Benefit(BaseModel):
    """What the letter says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int
    yen: int


NOTICE = letters.Letter(
    id="toy_notice",
    title="支給決定通知書",
    template=Path(__file__).parent / "frame" / "casekind_notice.typ",
    content=Benefit,
    to="member",
    law="健康保険法99条",
)


def benefit(claim: Claim) -> Benefit:
    """The letter of a claim."""
    return Benefit(days=claim.days - 3, yen=(claim.days - 3) * claim.daily)


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
    summary=lambda claim: f"{claim.days}日、日額{claim.daily:,}円",
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
    letters=(Letter("notice", "支給決定通知書", NOTICE, benefit, returned_move="came_back"),),
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


# ---- people ------------------------------------------------------------------------------------------------------

TOKYO, YAMAGUCHI, NATION = "13", "35", "00"
PEOPLE = {
    "佐藤": Actor("佐藤", TOKYO, frozenset({Role.OPERATIONS_CLERK})),
    "清水": Actor("清水", TOKYO, frozenset({Role.OPERATIONS_CLERK})),
    "鈴木": Actor("鈴木", TOKYO, frozenset({Role.OPERATIONS_CHECKER})),
    "高橋": Actor("高橋", TOKYO, frozenset({Role.OPERATIONS_APPROVER})),
    "田中": Actor("田中", TOKYO, frozenset({Role.BRANCH_HEAD})),
    "伊藤": Actor("伊藤", TOKYO, frozenset({Role.RECEIPTS_CLERK})),
    "渡辺": Actor("渡辺", TOKYO, frozenset({Role.HEALTH_CLERK})),
    "加藤": Actor("加藤", TOKYO, frozenset({Role.ADMINISTRATOR})),
    "山本": Actor("山本", YAMAGUCHI, frozenset({Role.OPERATIONS_CLERK})),
    "山口": Actor("山口", YAMAGUCHI, frozenset({Role.OPERATIONS_APPROVER, Role.BRANCH_HEAD})),
    "本田": Actor("本田", NATION, frozenset({Role.HEAD_OFFICE})),
}
"""佐藤・清水 担当者, 鈴木 確認者, 高橋 決裁者 and 田中 支部長 of 東京; 伊藤 レセプト may read, 渡辺 保健 may not; 加藤 管理者;
山本・山口 of 山口支部; 本田 of 本部.
"""


PLANNERS = {
    "中島": Actor("中島", TOKYO, frozenset({Role.PLANNING_CLERK})),
    "小川": Actor("小川", TOKYO, frozenset({Role.PLANNING_CLERK})),
    "岡田": Actor("岡田", TOKYO, frozenset({Role.PLANNING_CHECKER})),
    "長谷": Actor("長谷", TOKYO, frozenset({Role.PLANNING_APPROVER})),
    "西村": Actor("西村", YAMAGUCHI, frozenset({Role.PLANNING_CLERK})),
}
"""企画総務: 中島・小川 担当者, 岡田 確認者, 長谷 決裁者 of 東京; 西村 担当者 of 山口支部."""
STAFF = PEOPLE | PLANNERS


# ---- a desk ------------------------------------------------------------------------------------------------------


def noon(day: date) -> datetime:
    """Noon in Japan."""
    return datetime.combine(day, time(12), JAPAN)


class Desk:
    """One case and its history, worked by sentences such as「2023-05-01 佐藤 照会する」.

    A day is optional and stands until the next; 「理由なし」 at the end leaves the reason empty; 「古い画面で」 acts on what
    was seen when the case was opened. The case is of the toy kind with `days`, unless another is given.
    """

    def __init__(
        self,
        received: date,
        days: int = 10,
        subject: str | None = "m1",
        content: Any = None,
        kind: CaseKind | None = None,
        opener: str = "佐藤",
    ) -> None:
        self.kind = kind or replace(CLAIM, deadline=Deadline(days, "例"))
        self.day = received
        first = cases.open_case(
            self.kind,
            branch=TOKYO,
            key="C-1",
            content=content or {"days": 10, "daily": 5000},
            received_on=received,
            actor=STAFF[opener],
            when=noon(received),
            subject=subject,
        )
        self.events: list[Event] = [first]

    @property
    def case(self) -> Case:
        """The case as its history leaves it."""
        return cases.fold(self.events)

    def tell(self, *sentences: str) -> Desk:
        """Append what the sentences do. Raises CaseError where the engine refuses, and nothing of that sentence is kept."""
        for sentence in sentences:
            words = sentence.split()
            if words[0][0].isdigit():
                self.day = date.fromisoformat(words.pop(0))
            self.events += self.act(STAFF[words[0]], words[1], words[2:])
        return self

    def write(self, who: str, **fields: Any) -> Desk:
        """Correct some fields of the content."""
        case, now = self.case, noon(self.day)
        content = json.loads(case.content) | fields
        by: dict[str, Any] = {"actor": STAFF[who], "when": now, "expected": case.sequence}
        self.events.append(cases.amend(self.kind, case, content, **by, reason="記入のため"))
        return self

    def refused(self, sentence: str) -> str:
        """The code with which a sentence is refused; the case must not have changed."""
        before = list(self.events)
        try:
            self.tell(sentence)
        except CaseError as error:
            assert self.events == before
            return error.code
        raise AssertionError(f"{sentence} was not refused")

    def act(self, actor: Actor, verb: str, more: list[str]) -> tuple[Event, ...]:
        """The events of one sentence."""
        kind, case = self.kind, self.case
        reason = "" if "理由なし" in more else "確認のため"
        seen = 1 if "古い画面で" in more else case.sequence
        by: dict[str, Any] = {"actor": actor, "when": noon(self.day), "expected": seen}
        last_letter = case.letters[-1].sequence if case.letters else 0
        match verb:
            case "担当する":
                return (cases.claim(kind, case, **by),)
            case "解除する":
                return (cases.release(kind, case, **by),)
            case "割り当てる":
                return (cases.assign(kind, case, PEOPLE[more[0]], **by),)
            case "判断する":
                return (cases.decide(kind, case, **by),)
            case "訂正する":
                return (cases.amend(kind, case, {"days": int(more[0]), "daily": 5000}, **by, reason=reason),)
            case "コメントする":
                return (cases.comment(kind, case, reason, **by),)
            case "個人情報を開く":
                return (cases.open_identity(kind, case, reason, **by),)
            case "発送を記録する":
                (due,) = case.letters_due or (kind.letters[0].id,)
                return (cases.record_letter(kind, case, due, "東京業発1号", "a" * 64, **by),)
            case "返送を記録する":
                return cases.returned_mail(kind, case, last_letter, reason and "宛所不明", **by)
            case "取り消す":
                return (cases.undo(kind, case, **by, reason=reason),)
            case _:
                move = next(m.id for m in kind.moves if m.title == verb)
                return (cases.move(kind, case, move, **by, reason=reason),)
