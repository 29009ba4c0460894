"""Who works on cases (職員) and what they may see."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from kenpo.base.branches import BRANCH_CODES, NATION_CODE
from kenpo.frame.casekind import CaseKind, Level, Role


@dataclass(frozen=True)
class Actor:
    """Someone at work (操作する人): a stable id that is no name, a branch (00 for 本部), and roles.

    Raises ValueError for an unknown branch, for 本部 anywhere but in 00, and for a role of a branch in 00.
    """

    id: str
    branch: str
    roles: frozenset[Role]

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", frozenset(self.roles))
        if not self.id:
            raise ValueError("an actor needs an id")
        if self.branch not in (*BRANCH_CODES, NATION_CODE):
            raise ValueError(f"actor {self.id}: branch {self.branch!r} is unknown")
        of_nation = {Role.HEAD_OFFICE, Role.ADMINISTRATOR}
        wrong = self.roles - of_nation if self.branch == NATION_CODE else self.roles & {Role.HEAD_OFFICE}
        if wrong:
            raise ValueError(
                f"actor {self.id}: {', '.join(sorted(wrong))} cannot be held in branch {self.branch}"
            )

    def first_of(self, roles: Collection[Role]) -> Role | None:
        """The first of some roles that the actor holds, in the order of Role."""
        return next((r for r in Role if r in roles and r in self.roles), None)


class Access(StrEnum):
    """What someone may see of cases: the content, figures only, or nothing."""

    CONTENT = "content"
    FIGURES = "figures"
    NOTHING = "nothing"


def access(kind: CaseKind, branch: str, actor: Actor) -> Access:
    """What an actor may see of a branch's cases of a kind.

    Content: in the branch, those who work on the kind, its readers and the branch head; 本部 in every branch, where it
    changes nothing. Figures: the other staff of the branch. Nothing: everybody of another branch, and a 管理者 without
    another role.
    """
    if Role.HEAD_OFFICE in actor.roles:
        return Access.CONTENT
    if actor.branch != branch or not actor.roles - {Role.ADMINISTRATOR}:
        return Access.NOTHING
    return Access.CONTENT if actor.first_of(readers(kind)) else Access.FIGURES


def readers(kind: CaseKind) -> frozenset[Role]:
    """The roles that may read the content of a kind's cases."""
    return frozenset({*kind.workers, *kind.readers, Role.BRANCH_HEAD})


def workers(kind: CaseKind) -> frozenset[Role]:
    """The roles that may open a kind's cases, claim them, record letters and decide."""
    return frozenset({*kind.workers, Role.BRANCH_HEAD})


def assigners(kind: CaseKind) -> frozenset[Role]:
    """The roles that may give a case to somebody else: checkers and approvers who work on the kind, and the branch head."""
    return frozenset(r for r in workers(kind) if r.level in (None, Level.CHECKER, Level.APPROVER))
