"""Case kind (案件の種類): how one kind of work is done — what is recorded, in which states, by whom, by when, with which letters.

A room declares its kinds in `cases.py`. A declaration is checked as it is made, and all its faults are said at once.
How cases are then worked stands in `kenpo.frame.cases`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from kenpo.base.document import Document
from kenpo.base.fiscal import fy, fy_last_day
from kenpo.frame import letter as letters
from kenpo.frame.content import faults_of, plain_page
from kenpo.law.loader import parameter_ids, value

if TYPE_CHECKING:
    from kenpo.frame.cases.opening import Candidate
    from kenpo.lake import Lake

# ---- people ------------------------------------------------------------------------------------------------------


class Group(StrEnum):
    """The four groups (グループ) of a branch."""

    OPERATIONS = "operations"
    RECEIPTS = "receipts"
    HEALTH = "health"
    PLANNING = "planning"

    @property
    def label(self) -> str:
        """The group's Japanese name."""
        return _GROUPS[self]


class Level(StrEnum):
    """How far someone may decide within a group: clerk 担当者, checker 確認者, approver 決裁者."""

    CLERK = "clerk"
    CHECKER = "checker"
    APPROVER = "approver"

    @property
    def label(self) -> str:
        """The level's Japanese name."""
        return _LEVELS[self]


_GROUPS = {
    Group.OPERATIONS: "業務グループ",
    Group.RECEIPTS: "レセプトグループ",
    Group.HEALTH: "保健グループ",
    Group.PLANNING: "企画総務グループ",
}
_LEVELS = {Level.CLERK: "担当者", Level.CHECKER: "確認者", Level.APPROVER: "決裁者"}


class Role(StrEnum):
    """What someone may do (役割): a level within a group, or one of the three that stand outside the groups.

    BRANCH_HEAD 支部長 reads and assigns every case of the branch. HEAD_OFFICE 本部 reads the cases of every branch and
    changes none. ADMINISTRATOR 管理者 keeps accounts and settings and works on no case.
    """

    OPERATIONS_CLERK = "operations_clerk"
    OPERATIONS_CHECKER = "operations_checker"
    OPERATIONS_APPROVER = "operations_approver"
    RECEIPTS_CLERK = "receipts_clerk"
    RECEIPTS_CHECKER = "receipts_checker"
    RECEIPTS_APPROVER = "receipts_approver"
    HEALTH_CLERK = "health_clerk"
    HEALTH_CHECKER = "health_checker"
    HEALTH_APPROVER = "health_approver"
    PLANNING_CLERK = "planning_clerk"
    PLANNING_CHECKER = "planning_checker"
    PLANNING_APPROVER = "planning_approver"
    BRANCH_HEAD = "branch_head"
    HEAD_OFFICE = "head_office"
    ADMINISTRATOR = "administrator"

    @property
    def group(self) -> Group | None:
        """The group it belongs to, None for the three outside."""
        return None if self in _OUTSIDE else Group(self.value.split("_")[0])

    @property
    def level(self) -> Level | None:
        """Its level within the group, None for the three outside."""
        return None if self in _OUTSIDE else Level(self.value.split("_")[1])

    @property
    def label(self) -> str:
        """The role's Japanese name."""
        group, level = self.group, self.level
        return f"{group.label} {level.label}" if group and level else _OUTSIDE[self]


_OUTSIDE = {Role.BRANCH_HEAD: "支部長", Role.HEAD_OFFICE: "本部", Role.ADMINISTRATOR: "管理者"}


def staff(group: Group, least: Level = Level.CLERK) -> tuple[Role, ...]:
    """The roles of a group from a level up: staff(Group.HEALTH, Level.CHECKER) → 確認者 and 決裁者 of 保健グループ."""
    levels = list(Level)
    return tuple(Role(f"{group}_{level}") for level in levels[levels.index(least) :])


# ---- what a kind is made of --------------------------------------------------------------------------------------


class Clock(StrEnum):
    """What the clock of the deadline does in a state: running 進む, stopped 止まる, ended 終わり."""

    RUNNING = "running"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True)
class State:
    """A state (状態) of a case: id, Japanese title, and what is to be done next (次にすること).

    clock: days on which the case stands in a stopped state are not counted. restarts: for a stopped state; when the
    case goes on, the deadline is counted anew (返戻 and 再受付) and not continued (照会). approved: the state is only
    reached with the whole approval chain given.
    """

    id: str
    title: str
    todo: str = ""
    clock: Clock = Clock.RUNNING
    restarts: bool = False
    approved: bool = False


@dataclass(frozen=True)
class ApprovalStep:
    """A step of the approval chain (決裁の段階): who signs, in the order of the chain, never one person twice."""

    id: str
    title: str
    roles: tuple[Role, ...]


def approval_chain(group: Group) -> tuple[ApprovalStep, ...]:
    """The chain of a group, 審査者 → 確認者 → 決裁者; the branch head may take the last step."""
    return (
        ApprovalStep("examine", "審査者", staff(group)),
        ApprovalStep("check", "確認者", staff(group, Level.CHECKER)),
        ApprovalStep("approve", "決裁者", (*staff(group, Level.APPROVER), Role.BRANCH_HEAD)),
    )


@dataclass(frozen=True)
class Move:
    """A move (操作) from one of some states to another.

    roles: who may; left empty for a move that gives an approval step, whose roles then count. needs_reason: the person
    must say why. needs_decision: only when the last decision proposes this move. approval: id of the step it gives.
    voids_approvals: the signatures given so far no longer count (差戻し). letter: id of the letter it makes due;
    drops_letters: those due before and not sent yet are no longer to be sent (申出による取りやめ), as when a case is
    reopened. undoable: may be undone by who made it, and by undo_roles. reopens: leads out of an ended state; signatures
    and the deadline begin anew. hands_over: the case is left without an owner, so that the next person can claim it; so do
    approvals and moves to an ended state anyway.
    """

    id: str
    title: str
    from_states: tuple[str, ...]
    to: str
    roles: tuple[Role, ...] = ()
    needs_reason: bool = False
    needs_decision: bool = False
    approval: str | None = None
    voids_approvals: bool = False
    letter: str | None = None
    drops_letters: bool = False
    undoable: bool = True
    undo_roles: tuple[Role, ...] = ()
    reopens: bool = False
    hands_over: bool = False


@dataclass(frozen=True)
class Letter:
    """A letter a case sends (通知・勧奨文書).

    id: within the kind, as moves name it. document: the letter as the room declares it (kenpo.frame.letter), which goes
    to the kind's subject. content: pure, from the case's content to what the letter prints. returned_move: made when it
    comes back.
    """

    id: str
    title: str
    document: letters.Letter
    content: Callable[[Any], BaseModel]
    returned_move: str | None = None


@dataclass(frozen=True)
class Deadline:
    """A deadline (期限) in business days (営業日).

    days: a number, or the id of a law parameter that holds it. Counted from the day after receipt (民法140条 初日不算入),
    or from the day after the state `begins` is first entered. Source: the rule it comes from.
    """

    days: int | str
    source: str
    begins: str | None = None


class Subject(StrEnum):
    """Whose identity a letter needs (相手方): 加入者, 事業所, 医療機関・薬局, or nobody's."""

    MEMBER = "member"
    WORKPLACE = "workplace"
    INSTITUTION = "institution"
    NONE = "none"

    @property
    def label(self) -> str:
        """The Japanese name."""
        return {"member": "加入者", "workplace": "事業所", "institution": "医療機関・薬局", "none": "なし"}[
            self
        ]


@dataclass(frozen=True)
class Retention:
    """How long a closed case is kept (保存期間): whole years from the fiscal year after the one it ended in, and the ground."""

    years: int
    ground: str

    def until(self, ended_on: date) -> date:
        """The last day a case that ended on a day is kept: ended 2026-05-01, 5 years → 2032-03-31."""
        return fy_last_day(fy(ended_on) + self.years)


@dataclass(frozen=True)
class Effect:
    """What working on the cases of a kind led to (効果), as a document that people read, month by month.

    title: its Japanese name. measures: ids of the measures it is worked out from; their pages lead to it. appears: a
    Japanese sentence that says when a month can be shown. months: those of a branch that can be, oldest first. page: the
    document of one of them, in which small numbers are suppressed. Both raise MeasureError and NotLoaded that say what to
    do, months for the nation when it has no effect of its own, page for any month that is not among months.
    """

    title: str
    measures: tuple[str, ...]
    appears: str
    months: Callable[[Lake, str], tuple[date, ...]]
    page: Callable[[Lake, str, date], Document]


# ---- decisions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reason:
    """A reason (理由) of a decision: a stable code and its Japanese text."""

    code: str
    text: str


@dataclass(frozen=True)
class Amount:
    """An amount (金額) of a decision in whole yen, with a stable id and its Japanese name."""

    id: str
    title: str
    yen: int


@dataclass(frozen=True)
class Step:
    """A step of the reckoning (計算の過程): what, by which formula, on which ground (law or source), and what came of it."""

    what: str
    formula: str
    source: str
    value: int | Decimal | str


@dataclass(frozen=True)
class Decision:
    """What `decide` found (判断): reasons, amounts and steps, and the id of the move it proposes, if any.

    A decision changes no state: a person makes the move. Raises ValueError without a reason, for an amount that is not a
    whole number of yen, and for a reason or amount given twice.
    """

    reasons: tuple[Reason, ...]
    amounts: tuple[Amount, ...] = ()
    steps: tuple[Step, ...] = ()
    move: str | None = None

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a decision needs at least one reason")
        wrong = [a.id for a in self.amounts if type(a.yen) is not int]
        if wrong:
            raise ValueError(f"amounts are whole yen (int): {', '.join(wrong)}")
        twice = [*_twice(r.code for r in self.reasons), *_twice(a.id for a in self.amounts)]
        if twice:
            raise ValueError(f"given twice: {', '.join(twice)}")
        floats = [s.what for s in self.steps if isinstance(s.value, float)]
        if floats:
            raise ValueError(f"values of steps are int, Decimal or text, never float: {', '.join(floats)}")

    def explain(self) -> tuple[str, ...]:
        """The decision in Japanese, a line each for reasons, amounts and steps."""
        return (
            *(f"理由：{r.text}" for r in self.reasons),
            *(f"{a.title}：{a.yen:,}円" for a in self.amounts),
            *(
                f"{n}. {s.what}：{s.formula} ＝ {s.value}（根拠：{s.source}）"
                for n, s in enumerate(self.steps, 1)
            ),
        )


Decide = Callable[[Any, Mapping[str, Any]], Decision]
"""(facts, parameters) → Decision. facts: the kind's content or facts model; parameters: id → value on the day asked."""


# ---- the declaration ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CaseKind:
    """A kind of case, declared once.

    id: stable English id. content: what is recorded, a frozen pydantic model without extra fields whose fields have a
    Japanese title (kenpo.frame.content: a form for opening or correcting a case follows from it). summary: the one line a
    queue shows of a content, without personal data. page: what the case page shows of it; None for its fields with their
    titles. states, moves and first: the life of a case. subject: whose identity its letters need. approval: the chain, in
    order.

    worklist: id of the list it is opened from, None for cases opened by hand; key: the columns of that list that name a
    case, so that none is opened twice; subject_column: the one that names the subject. contents: makes the contents of
    many candidates in one pass, by Candidate.id; None when the columns of the row are the content.

    decide: pure; facts: the model it is given, the content when None; reasons: all it may give; parameters: ids of the
    law parameters it reads. readers: roles that read the content beside those who work on it. effect: what the cases led
    to, None when that is not worked out. version: raised whenever the declaration changes.

    Raises ValueError that lists every fault of the declaration.
    """

    id: str
    title: str
    definition: str
    law: str
    content: type[BaseModel]
    summary: Callable[[Any], str]
    states: tuple[State, ...]
    moves: tuple[Move, ...]
    first: str
    retention: Retention
    page: Callable[[Any], Document] | None = None
    deadline: Deadline | None = None
    subject: Subject = Subject.NONE
    approval: tuple[ApprovalStep, ...] = ()
    letters: tuple[Letter, ...] = ()
    worklist: str | None = None
    key: tuple[str, ...] = ()
    subject_column: str | None = None
    contents: Callable[[Lake, Sequence[Candidate]], Mapping[str, BaseModel]] | None = None
    decide: Decide | None = None
    facts: type[BaseModel] | None = None
    reasons: tuple[Reason, ...] = ()
    parameters: tuple[str, ...] = ()
    readers: tuple[Role, ...] = ()
    effect: Effect | None = None
    version: int = 1

    def __post_init__(self) -> None:
        faults = tuple(dict.fromkeys(_faults_of(self)))
        if faults:
            raise ValueError(
                "\n".join([f"case kind {self.id!r} is not well declared:", *map("- ".__add__, faults)])
            )

    def state(self, id: str) -> State:
        """A state by id. Raises KeyError when there is none."""
        return {s.id: s for s in self.states}[id]

    def move(self, id: str) -> Move:
        """A move by id. Raises KeyError when there is none."""
        return {m.id: m for m in self.moves}[id]

    def letter(self, id: str) -> Letter:
        """A letter by id. Raises KeyError when there is none."""
        return {letter.id: letter for letter in self.letters}[id]

    def roles_of(self, move: Move) -> tuple[Role, ...]:
        """Who may make a move: its own roles, or else those of the approval step it gives."""
        step = next((s for s in self.approval if s.id == move.approval), None)
        return move.roles or (step.roles if step else ())

    @property
    def workers(self) -> tuple[Role, ...]:
        """The roles that work on cases of this kind: all that may make some move, in the order of Role."""
        named = {r for m in self.moves for r in self.roles_of(m)}
        return tuple(r for r in Role if r in named)

    @property
    def group(self) -> Group:
        """The group whose queue it is: that of the first clerk named in the moves, as they are declared."""
        return next(_groups(self))

    def page_of(self, content: BaseModel) -> Document:
        """What the case page shows of a content: the kind's page, or the fields with their titles."""
        return self.page(content) if self.page else plain_page(self.title, content)

    @property
    def deciding(self) -> frozenset[str]:
        """The states in which a decision may be made: those from which a move that needs one leads, or all when none needs
        one; empty without decide.
        """
        if self.decide is None:
            return frozenset()
        needed = frozenset(s for m in self.moves if m.needs_decision for s in m.from_states)
        return needed or frozenset(s.id for s in self.states)

    @property
    def begins(self) -> str:
        """The state in which the clock begins."""
        return (self.deadline and self.deadline.begins) or self.first

    def deadline_days(self, on: date) -> int | None:
        """The business days a case received on a day may take, None without a deadline.

        Raises ParameterError when the parameter does not cover the day, ValueError when it holds no number of days.
        """
        if self.deadline is None:
            return None
        days = self.deadline.days
        found = value(days, on) if isinstance(days, str) else days
        if type(found) is not int or found < 1:
            raise ValueError(
                f"case kind {self.id!r}: parameter {days!r} holds {found!r}, not a number of days"
            )
        return found

    def parameters_on(self, on: date) -> dict[str, Any]:
        """The values on a day of the parameters `decide` reads. Raises ParameterError when a day is not covered."""
        return {id: value(id, on) for id in self.parameters}


# ---- checking a declaration --------------------------------------------------------------------------------------


def _groups(kind: CaseKind) -> Iterator[Group]:
    roles = (role for move in kind.moves for role in kind.roles_of(move))
    return (role.group for role in roles if role.group and role.level == Level.CLERK)


def _twice(names: Iterator[str]) -> list[str]:
    seen: set[str] = set()
    return [n for n in names if n in seen or seen.add(n)]


def _faults_of(kind: CaseKind) -> Iterator[str]:
    yield from _plain_faults(kind)
    broken = list(_name_faults(kind))
    yield from broken
    if not broken:
        yield from _life_faults(kind)
        yield from _approval_faults(kind)


def _plain_faults(kind: CaseKind) -> Iterator[str]:
    """What is wrong with single fields."""
    for name in ("id", "title", "definition", "law", "version"):
        if not getattr(kind, name):
            yield f"{name} is empty"
    for what, model in (("content", kind.content), ("facts", kind.facts)):
        if model is None:
            continue
        by_hand = what == "content" and kind.worklist is None
        yield from (f"{what}: {fault}" for fault in faults_of(model, by_hand=by_hand))
    for state in kind.states:
        if not state.title:
            yield f"state {state.id}: title is empty"
        if state.clock != Clock.ENDED and not state.todo:
            yield f"state {state.id}: todo is empty; say what to do next"
        if state.restarts and state.clock != Clock.STOPPED:
            yield f"state {state.id}: only a stopped state restarts the clock"
    for move in kind.moves:
        if not move.title:
            yield f"move {move.id}: title is empty"
        if not move.from_states:
            yield f"move {move.id}: from_states is empty"
    for letter in kind.letters:
        if kind.subject == Subject.NONE:
            yield f"letter {letter.id}: the kind has no subject to write to"
        elif letter.document.to != kind.subject:
            yield f"letter {letter.id}: goes to a {letter.document.to}, but the subject is a {kind.subject}"
        if not letter.title:
            yield f"letter {letter.id}: title is empty"
        if not any(m.letter == letter.id for m in kind.moves):
            yield f"letter {letter.id}: no move sends it"
    if kind.retention.years < 1 or not kind.retention.ground:
        yield "retention: needs at least one year and its ground"
    days = kind.deadline.days if kind.deadline else 1
    if type(days) is int and days < 1:
        yield f"deadline: {days} business days is not a deadline"
    if kind.deadline and not kind.deadline.source:
        yield "deadline: source is empty"
    named = [*kind.parameters, *([days] if isinstance(days, str) else [])]
    for id in named:
        if id not in parameter_ids():
            yield f"parameter {id} is unknown"
    if kind.decide is None and (kind.facts or kind.reasons or kind.parameters):
        yield "facts, reasons and parameters are for decide, which is missing"
    if kind.decide is not None and not kind.reasons:
        yield "decide: reasons is empty"
    if kind.worklist is not None and not kind.key:
        yield f"worklist {kind.worklist}: key is empty; name the columns that name a case"
    if kind.worklist is not None and kind.subject != Subject.NONE and not kind.subject_column:
        yield f"worklist {kind.worklist}: subject_column is missing; name the column that names the {kind.subject}"
    if kind.worklist is None and (kind.key or kind.subject_column):
        yield "key and subject_column are columns of a worklist, which is missing"
    if kind.worklist is None and kind.contents is not None:
        yield "contents makes contents of a worklist's rows, which is missing"
    if kind.effect is not None:
        for name in ("title", "measures", "appears"):
            if not getattr(kind.effect, name):
                yield f"effect: {name} is empty"


def _name_faults(kind: CaseKind) -> Iterator[str]:
    """Names that stand twice or name nothing, and roles that may not act."""
    states, moves = {s.id for s in kind.states}, {m.id for m in kind.moves}
    steps, letters = {s.id for s in kind.approval}, {letter.id for letter in kind.letters}
    for what, named in (
        ("state", (s.id for s in kind.states)),
        ("move", (m.id for m in kind.moves)),
        ("approval step", (s.id for s in kind.approval)),
        ("letter", (letter.id for letter in kind.letters)),
        ("reason", (r.code for r in kind.reasons)),
    ):
        for name in _twice(iter(named)):
            yield f"{what} {name} is declared twice"
    if kind.first not in states:
        yield f"first: state {kind.first} is unknown"
    if kind.begins not in states:
        yield f"deadline: state {kind.begins} is unknown"
    for move in kind.moves:
        for id in (*move.from_states, move.to):
            if id not in states:
                yield f"move {move.id}: state {id} is unknown"
        if move.approval is not None and move.approval not in steps:
            yield f"move {move.id}: approval step {move.approval} is unknown"
        if move.letter is not None and move.letter not in letters:
            yield f"move {move.id}: letter {move.letter} is unknown"
        if move.needs_decision and kind.decide is None:
            yield f"move {move.id}: needs a decision, but the kind has no decide"
        if not kind.roles_of(move):
            yield f"move {move.id}: no role may make it"
        step = next((s for s in kind.approval if s.id == move.approval), None)
        beyond = set(move.roles) - set(step.roles) if step else set()
        if beyond:
            yield f"move {move.id}: {_listed(beyond)} may not give approval step {move.approval}"
        if move.undo_roles and not move.undoable:
            yield f"move {move.id}: has undo_roles but may not be undone"
    for letter in kind.letters:
        if letter.returned_move is not None and letter.returned_move not in moves:
            yield f"letter {letter.id}: move {letter.returned_move} is unknown"
        elif letter.returned_move is not None and kind.move(letter.returned_move).approval is not None:
            yield f"letter {letter.id}: returned mail gives no approval; {letter.returned_move} does"
    used = {*kind.workers, *kind.readers, *(r for m in kind.moves for r in m.undo_roles)}
    if not any(_groups(kind)):
        yield "no clerk may make any move, so no group has the kind in its queue"
    outside = used & {Role.HEAD_OFFICE, Role.ADMINISTRATOR}
    if outside:
        yield f"{_listed(outside)} may not work on cases or read their content"
    for step in kind.approval:
        if not any(m.approval == step.id for m in kind.moves):
            yield f"approval step {step.id}: no move gives it"


def _listed(roles: set[Role]) -> str:
    return ", ".join(sorted(roles))


def _life_faults(kind: CaseKind) -> Iterator[str]:
    """States that cannot be reached or left, and ended ones that can be left without reopening."""
    reached, open_ = {kind.first}, [kind.first]
    while open_:
        here = open_.pop()
        found = {m.to for m in kind.moves if here in m.from_states} - reached
        reached |= found
        open_ += found
    ended = {s.id for s in kind.states if s.clock == Clock.ENDED}
    for state in kind.states:
        if state.id not in reached:
            yield f"state {state.id} cannot be reached from {kind.first}"
        if state.id not in ended and not any(state.id in m.from_states for m in kind.moves):
            yield f"state {state.id}: no move leads out, but it is not ended"
    if not ended:
        yield "no state is ended"
    if kind.state(kind.begins).clock != Clock.RUNNING:
        yield f"state {kind.begins}: the clock begins there, so it must be running"
    if kind.first in ended:
        yield f"first: state {kind.first} is ended"
    for move in kind.moves:
        out = [id for id in move.from_states if id in ended]
        if out and not move.reopens:
            yield f"move {move.id}: leads out of the ended state {out[0]}; only a move that reopens may"
        if move.reopens and (set(move.from_states) - ended or move.to in ended):
            yield f"move {move.id}: reopens, so it must lead from ended states to one that is not"
        if move.reopens and not move.needs_reason:
            yield f"move {move.id}: reopens, so it needs a reason"


def _approval_faults(kind: CaseKind) -> Iterator[str]:
    """Ways through the states on which a step of the chain is skipped, given twice or missing."""
    order = [s.id for s in kind.approval]
    seen, open_ = {(kind.first, 0)}, [(kind.first, 0)]
    while open_:
        here, given = open_.pop()
        if kind.state(here).approved and given < len(order):
            yield f"state {here}: can be reached without approval step {order[given]}"
        for move in (m for m in kind.moves if here in m.from_states):
            now = 0 if move.voids_approvals or move.reopens else given
            if move.approval is not None:
                place = order.index(move.approval)
                if place > now:
                    yield f"move {move.id}: from {here} it skips approval step {order[now]}"
                elif place < now:
                    yield f"move {move.id}: from {here} approval step {move.approval} would be given twice; void the earlier ones on the way back"
                now = place + 1
            if (move.to, now) not in seen:
                seen.add((move.to, now))
                open_.append((move.to, now))
    if any(s.approved for s in kind.states) and not order:
        yield "a state is approved, but the kind has no approval chain"
