"""Case kinds: what a declaration is refused for, what decisions are checked for, and what roles there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import pypdfium2
import pytest
from pydantic import BaseModel, ConfigDict, Field, computed_field
from tests.casekinds import CLAIM, NOTICE, PAYABLE, PEOPLE, TOKYO, Claim, benefit, changed, decide, noon

from kenpo.base.document import Document, Table
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
    cases,
    staff,
)
from kenpo.frame.content import Input, fields_of, lines_of
from kenpo.frame.letter import Addressed, Numbered, Recipient, issue, sender


class Loose(BaseModel):
    days: int


class Exact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rough(Exact):
    weight: tuple[float | None, ...] = Field(title="重さ")


class Untitled(Exact):
    weight: Decimal


class Nested(Exact):
    parts: tuple[Untitled, ...] = Field(title="部分")


class Colour(StrEnum):
    RED = "red"


class Coloured(Exact):
    colour: Colour = Field(title="色")


class Written(Exact):
    colour: Literal["red"] = Field(title="色")


CLERK = (Role.OPERATIONS_CLERK,)
HEADS = staff(Group.OPERATIONS, Level.CHECKER)


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
    "letter to somebody else": (
        {"letters": (Letter("notice", "通知", replace(NOTICE, to="workplace"), benefit),)},
        "letter notice: goes to a workplace, but the subject is a member",
    ),
    "letter without a name": (
        {"letters": (Letter("notice", "", NOTICE, benefit),)},
        "letter notice: title is empty",
    ),
    "unknown letter": (
        {"moves": with_move("inquire", letter="card")},
        "move inquire: letter card is unknown",
    ),
    "letter never sent": (
        {"letters": (*CLAIM.letters, Letter("card", "はがき", NOTICE, benefit))},
        "letter card: no move sends it",
    ),
    "returned mail leads nowhere": (
        {"letters": (Letter("notice", "通知", NOTICE, benefit, returned_move="nowhere"),)},
        "letter notice: move nowhere is unknown",
    ),
    "returned mail approves": (
        {"letters": (Letter("notice", "通知", NOTICE, benefit, returned_move="check"),)},
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
    "content without titles": (
        {"content": Untitled},
        "content: weight of Untitled must have a Japanese title: Field(title=…)",
    ),
    "parts without titles": ({"content": Nested}, "content: weight of Untitled must have a Japanese title"),
    "facts without titles": ({"facts": Untitled}, "facts: weight of Untitled must have a Japanese title"),
    "a choice without labels": (
        {"content": Coloured},
        "content: colour: Colour must be a StrEnum whose members have a Japanese label",
    ),
    "a choice written out": (
        {"content": Written},
        "content: colour must be a StrEnum with labels or a plain type",
    ),
    "no form asks for it": (
        {"content": Nested, "worklist": None, "key": (), "subject_column": None},
        "content: parts cannot be asked for in a form, but cases are opened by hand",
    ),
    "contents of no worklist": (
        {"contents": lambda lake, rows: {}, "worklist": None, "key": (), "subject_column": None},
        "contents makes contents of a worklist's rows, which is missing",
    ),
    "nobody's queue": (
        {
            "moves": tuple(replace(m, roles=HEADS, approval=None, undo_roles=()) for m in CLAIM.moves),
            "approval": (),
        },
        "no clerk may make any move, so no group has the kind in its queue",
    ),
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


# ---- what the office asks of every kind ---------------------------------------------------------------------------


class Sort(StrEnum):
    COLD = "cold"
    HOT = "hot"

    @property
    def label(self) -> str:
        return {"cold": "冷たい", "hot": "温かい"}[self]


class Meal(Exact):
    """A content with a field of every sort."""

    name: str = Field(title="品名", description="献立表のとおりに書く")
    note: str = Field(default="", title="所見", json_schema_extra={"multiline": True})
    sort: Sort | None = Field(default=None, title="区分")
    served: bool = Field(title="提供したか")
    on: date = Field(title="提供日")
    weight: Decimal | None = Field(default=None, title="重さ（kg）")
    price: int = Field(title="価格（円）")
    parts: tuple[str, ...] = Field(default=(), title="材料")

    @computed_field
    @property
    def tax(self) -> int:
        return self.price // 10


MEAL = Meal(name="カレー", served=True, on=date(2026, 5, 1), sort=Sort.HOT, price=1240, parts=("米", "豆"))


def test_a_form_follows_from_the_content_model():
    fields = fields_of(Meal)
    assert {f.title: f.input for f in fields} == {
        "品名": Input.LINE,
        "所見": Input.TEXT,
        "区分": Input.CHOICE,
        "提供したか": Input.YES_NO,
        "提供日": Input.DAY,
        "重さ（kg）": Input.DECIMAL,
        "価格（円）": Input.NUMBER,
        "材料": Input.MADE,
    }
    assert [f.name for f in fields if f.required] == ["name", "served", "on", "price"]
    assert fields[0].help == "献立表のとおりに書く"
    assert fields[2].choices == (("cold", "冷たい"), ("hot", "温かい"))
    assert (fields[1].default, fields[7].default) == ("", ())


def test_a_content_is_shown_in_japanese_by_its_titles():
    assert dict(lines_of(MEAL)) == {
        "品名": "カレー",
        "所見": "－",
        "区分": "温かい",
        "提供したか": "はい",
        "提供日": "令和8年5月1日",
        "重さ（kg）": "－",
        "価格（円）": "1,240",
        "材料": "米\n豆",
    }


def test_without_a_page_of_its_own_a_kind_shows_its_fields():
    claim = Claim(days=10, daily=5000)
    (shown,) = CLAIM.page_of(claim).blocks
    assert isinstance(shown, Table)
    assert [[c.text for c in row] for row in shown.rows] == [
        ["項目", "内容"],
        ["申請日数", "10"],
        ["日額（円）", "5,000"],
        ["労務に服さなかった最初の日", "－"],
    ]
    own = changed(page=lambda claim: Document(f"{claim.days}日分", ()))
    assert own.page_of(claim).title == "10日分"
    assert CLAIM.summary(claim) == "10日、日額5,000円"


def test_what_a_content_reckons_itself_is_not_kept_in_the_history():
    moves = tuple(replace(m, needs_decision=False) for m in CLAIM.moves)
    kind = changed(content=Meal, decide=None, reasons=(), parameters=(), moves=moves)
    opened = cases.open_case(
        kind,
        branch=TOKYO,
        key="1",
        content=MEAL,
        received_on=date(2026, 5, 1),
        actor=PEOPLE["佐藤"],
        when=noon(date(2026, 5, 1)),
    )
    assert "tax" not in opened.data["content"]
    again = cases.fold([opened]).content_as(kind)
    assert again == MEAL and isinstance(again, Meal) and again.tax == 124


def test_a_letter_prints_what_the_case_holds():
    (letter,) = CLAIM.letters
    one = Addressed(
        Recipient(("架空　太郎",), "", ("東京都架空区1-1",)),
        Numbered("東京業発1号", date(2026, 5, 1), "TOKEN00000000001"),
        letter.content(Claim(days=10, daily=5000)),
    )
    made = issue(letter.document, sender("東京", CLAIM.group), [one], sheet=False)
    (page,) = pypdfium2.PdfDocument(made.pdf)
    text = "".join(page.get_textpage().get_text_range().split())
    assert f"支給日数{10 - 3}日" in text and f"支給額{(10 - 3) * 5000:,}円" in text


def test_the_queue_is_that_of_the_first_clerk_named():
    assert CLAIM.group == Group.OPERATIONS
    first = replace(CLAIM.moves[0], roles=staff(Group.PLANNING))
    assert changed(moves=(first, *CLAIM.moves[1:])).group == Group.PLANNING


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
