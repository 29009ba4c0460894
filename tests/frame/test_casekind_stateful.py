"""Case work under random hands: people of two branches do allowed and forbidden things, and history is tampered with."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.casekinds import CLAIM, PEOPLE, TOKYO, noon

from kenpo.frame import cases
from kenpo.frame.cases import Case, CaseError, Event, What

START = date(2025, 12, 22)
people = st.sampled_from(sorted(PEOPLE))
insiders = st.sampled_from(["佐藤", "清水", "鈴木", "高橋", "田中"])
reasons = st.sampled_from(["", "  ", "確認のため", "宛所不明"])
moves = st.sampled_from([m.id for m in CLAIM.moves])

ONWARD = ("answered", "resubmitted", "found", "examine", "check", "approve", "reject")
CHANGES = (
    *("state", "owner", "approvals", "decision", "content", "clock", "letters", "letters_due", "last_day"),
    "last_move",
)


def matter(case: Case) -> dict[str, Any]:
    """What a case is, without where its history stands."""
    return {name: getattr(case, name) for name in CHANGES}


class Office(RuleBasedStateMachine):
    """One case of 東京. What the engine gives is appended; a second case is there for foreign events."""

    seen = Bundle("seen")

    @initialize(target=seen, days=st.integers(2, 20), stage=st.integers(0, 6))
    def received(self, days: int, stage: int) -> int:
        self.now = noon(START)
        self.events = [self._open("C-1", days)]
        self.other = [self._open("C-2", days)]
        self.case = cases.fold(self.events)
        self.history = [self.case]
        for _ in range(stage):
            self.work_goes_on()
        return self.case.sequence

    def _open(self, key: str, days: int) -> Event:
        return cases.open_case(
            CLAIM,
            branch=TOKYO,
            key=key,
            content={"days": days, "daily": 5000},
            received_on=START,
            actor=PEOPLE["佐藤"],
            when=self.now,
            subject="m1",
        )

    def _try(self, who: str, act: Any) -> int:
        """What a person does: appended when the engine gives it, with nothing changed when it refuses."""
        before = self.case
        try:
            found = act(PEOPLE[who])
        except CaseError as refused:
            assert refused.code not in ("case_error", "broken_history")
            assert self.case == before
            return before.sequence
        assert PEOPLE[who].branch == TOKYO, f"{who} changed a case of another branch"
        assert who not in ("本田", "加藤", "渡辺")
        for event in found if isinstance(found, tuple) else (found,):
            self.case = cases.apply(self.case, event)
            self.events.append(event)
            self.history.append(self.case)
        return self.case.sequence

    # ---- what people do ----

    @rule(hours=st.integers(1, 100))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(target=seen, who=people, id=moves, reason=reasons, expected=seen)
    def move(self, who: str, id: str, reason: str, expected: int) -> int:
        return self._try(
            who,
            lambda a: cases.move(
                CLAIM, self.case, id, actor=a, when=self.now, expected=expected, reason=reason
            ),
        )

    @rule(target=seen, who=insiders, n=st.integers(0, 20))
    def make_a_possible_move(self, who: str, n: int) -> int:
        possible = [c.move.id for c in cases.allowed(CLAIM, self.case, PEOPLE[who]) if c.possible]
        if not possible:
            return self.case.sequence
        id, before = possible[n % len(possible)], self.case.sequence
        after = self._try(
            who,
            lambda a: cases.move(
                CLAIM, self.case, id, actor=a, when=self.now, expected=self.case.sequence, reason="可"
            ),
        )
        assert after == before + 1, "what is said to be allowed is allowed"
        return after

    @rule(target=seen)
    def work_goes_on(self) -> int:
        """The step that brings the case nearer to its end, by whoever may."""
        by = {"when": self.now, "expected": self.case.sequence}
        for who in ("佐藤", "鈴木", "高橋", "田中"):
            before, actor = self.case.sequence, PEOPLE[who]
            if self.case.letters_due:
                return self.send_letter(who)
            if self.case.state == "received" and self.case.decision is None:
                self.decide(who)
            else:
                possible = [c.move.id for c in cases.allowed(CLAIM, self.case, actor) if c.possible]
                onward = [id for id in possible if id in ONWARD]
                if onward:
                    self._try(
                        who,
                        lambda a, id=onward[0]: cases.move(
                            CLAIM, self.case, id, actor=a, reason="進む", **by
                        ),
                    )
            if self.case.sequence != before:
                break
        return self.case.sequence

    @rule(target=seen, who=people)
    def decide(self, who: str) -> int:
        try:
            return self._try(
                who, lambda a: cases.decide(CLAIM, self.case, actor=a, when=self.now, expected=None)
            )
        except ValueError:
            assert self.case.state != "received"
            return self.case.sequence

    @rule(target=seen, who=people, days=st.integers(1, 20), reason=reasons, expected=seen)
    def amend(self, who: str, days: int, reason: str, expected: int) -> int:
        content = {"days": days, "daily": 4000}
        return self._try(
            who,
            lambda a: cases.amend(
                CLAIM, self.case, content, actor=a, when=self.now, expected=expected, reason=reason
            ),
        )

    @rule(target=seen, who=people, expected=seen)
    def claim(self, who: str, expected: int) -> int:
        return self._try(
            who, lambda a: cases.claim(CLAIM, self.case, actor=a, when=self.now, expected=expected)
        )

    @rule(target=seen, who=people)
    def release(self, who: str) -> int:
        return self._try(
            who, lambda a: cases.release(CLAIM, self.case, actor=a, when=self.now, expected=None)
        )

    @rule(target=seen, who=people, to=people)
    def assign(self, who: str, to: str) -> int:
        return self._try(
            who,
            lambda a: cases.assign(CLAIM, self.case, PEOPLE[to], actor=a, when=self.now, expected=None),
        )

    @rule(target=seen, who=people, reason=reasons)
    def comment(self, who: str, reason: str) -> int:
        return self._try(who, lambda a: cases.comment(CLAIM, self.case, reason, actor=a, when=self.now))

    @rule(target=seen, who=people, reason=reasons)
    def open_identity(self, who: str, reason: str) -> int:
        return self._try(who, lambda a: cases.open_identity(CLAIM, self.case, reason, actor=a, when=self.now))

    @rule(target=seen, who=insiders)
    def send_letter(self, who: str) -> int:
        return self._try(
            who,
            lambda a: cases.record_letter(
                CLAIM, self.case, "notice", "1号", "0" * 64, actor=a, when=self.now, expected=None
            ),
        )

    @rule(target=seen, who=insiders, reason=reasons, sent=st.integers(1, 30))
    def mail_returns(self, who: str, reason: str, sent: int) -> int:
        sent = self.case.letters[-1].sequence if self.case.letters else sent
        return self._try(
            who,
            lambda a: cases.returned_mail(
                CLAIM, self.case, sent, reason, actor=a, when=self.now, expected=None
            ),
        )

    @rule(target=seen, who=people, reason=reasons)
    def undo(self, who: str, reason: str) -> int:
        undone = self.case.last_move
        after = self._try(
            who,
            lambda a: cases.undo(CLAIM, self.case, actor=a, when=self.now, expected=None, reason=reason),
        )
        last = self.events[-1]
        if undone is not None and last.what == What.UNDONE and last.data["undoes"] == undone.sequence:
            assert matter(self.case) == matter(self.history[undone.sequence - 2])
        return after

    # ---- what must always hold ----

    @invariant()
    def the_history_is_whole_and_gives_the_same_case(self) -> None:
        assert cases.verify(self.events, head=self.case.head) == []
        assert cases.fold(self.events) == self.case == cases.fold(list(self.events))

    @invariant()
    def nobody_signs_twice(self) -> None:
        signed = [a.actor for a in self.case.approvals]
        assert len(signed) == len(set(signed))
        assert [a.step for a in self.case.approvals] == ["examine", "check", "approve"][: len(signed)]
        if self.case.state == "paid":
            assert len(signed) == 3

    @invariant()
    def the_clock_only_goes_forward(self) -> None:
        today = cases.day_of(self.now)
        used = [self.case.used(today + timedelta(days=n)) for n in (0, 1, 30)]
        assert 0 <= used[0] <= used[1] <= used[2]
        due = self.case.due
        if due is not None and not self.case.ended:
            assert self.case.overdue(today) == (used[0] > 10)
            assert self.case.used(due) == 10

    # ---- what an intruder does ----

    @precondition(lambda self: len(self.events) > 1)
    @rule(at=st.integers(0, 10**6), place=st.integers(0, 10**6), byte=st.integers(1, 255))
    def an_altered_byte_is_found(self, at: int, place: int, byte: int) -> None:
        n = at % len(self.events)
        line = bytearray(self.events[n].to_json())
        line[place % len(line)] ^= byte
        try:
            altered = Event.from_json(bytes(line))
        except CaseError as refused:
            assert refused.code == "broken_history"
            return
        tampered = [*self.events[:n], altered, *self.events[n + 1 :]]
        assert cases.verify(tampered, head=self.case.head) != []

    @precondition(lambda self: len(self.events) > 1)
    @rule(at=st.integers(0, 10**6), to=st.integers(0, 10**6))
    def a_dropped_moved_or_doubled_event_is_found(self, at: int, to: int) -> None:
        head, n = self.case.head, at % len(self.events)
        rest = [*self.events[:n], *self.events[n + 1 :]]
        assert cases.verify(rest, head=head) != []
        m = to % len(self.events)
        if m != n:
            assert cases.verify([*rest[:m], self.events[n], *rest[m:]], head=head) != []
        assert cases.verify([*self.events[:m], self.events[n], *self.events[m:]], head=head) != []
        assert cases.verify([*self.events[:m], self.other[0], *self.events[m:]], head=head) != []

    now: datetime


TestOffice = Office.TestCase
TestOffice.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
