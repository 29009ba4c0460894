"""The history of a case: chained, readable without today's declaration, and telling when it was altered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.casekinds import CLAIM, PAYABLE, PEOPLE, TOKYO, Desk, changed, noon

from kenpo.frame import Clock, Deadline, Decision, Role, State, Subject, cases
from kenpo.frame.cases import Access, Actor, Break, CaseClock, CaseError, Effect, Event, What
from kenpo.frame.cases.events import sealed

START = date(2023, 5, 8)
PAID = ("佐藤 判断する", "佐藤 審査済みにする", "2023-05-09 鈴木 確認済みにする", "2023-05-10 高橋 決裁する")


@pytest.fixture
def paid() -> Desk:
    return Desk(START).tell("佐藤 担当する", *PAID, "佐藤 発送を記録する", "佐藤 コメントする")


def faults(events: list[Event], head: str | None = None) -> set[Break]:
    return {f.what for f in cases.verify(events, head)}


# ---- verify ------------------------------------------------------------------------------------------------------


def test_a_whole_history_has_no_faults(paid: Desk):
    assert cases.verify(paid.events, head=paid.case.head) == []
    assert [e.sequence for e in paid.events] == list(range(1, 9))


def test_an_altered_payload_is_found_where_it_stands(paid: Desk):
    decided = paid.events[2]
    paid.events[2] = replace(decided, payload=decided.payload.replace("35000", "95000"))
    assert paid.events[2] != decided
    (fault,) = cases.verify(paid.events)
    assert (fault.place, fault.what) == (3, Break.ALTERED)
    assert fault.message == "3番目：書かれた後に変えられています。"


@pytest.mark.parametrize(
    "field", ["case", "kind", "when", "actor", "role", "what", "payload", "previous", "hash"]
)
def test_every_field_is_sealed(paid: Desk, field: str):
    other = {"when": noon(date(2023, 5, 7)), "what": What.COMMENTED}.get(field, "x")
    last = paid.events[-2]
    paid.events[-2] = replace(last, **{field: other})
    assert Break.ALTERED in faults(paid.events)


def test_a_lost_event_is_a_gap_and_a_lost_end_is_told_by_the_head(paid: Desk):
    head = paid.case.head
    assert {Break.GAP, Break.BROKEN_CHAIN} <= faults(paid.events[:3] + paid.events[4:])
    assert faults(paid.events[:-1]) == set()
    assert faults(paid.events[:-1], head) == {Break.HEAD_DIFFERS}
    assert Break.NOT_OPENED in faults(paid.events[1:])
    assert faults([]) == {Break.EMPTY}


def test_events_of_another_case_are_foreign(paid: Desk):
    other = cases.open_case(
        CLAIM,
        branch=TOKYO,
        key="C-2",
        content={"days": 5, "daily": 4000},
        received_on=START,
        actor=PEOPLE["佐藤"],
        when=noon(START),
    )
    assert {Break.FOREIGN, Break.NOT_OPENED} <= faults([*paid.events, other])


def test_a_history_written_anew_is_told_by_the_head_alone(paid: Desk):
    anew = Desk(START).tell("清水 担当する", "清水 判断する")
    assert faults(anew.events) == set()
    assert faults(anew.events, paid.case.head) == {Break.HEAD_DIFFERS}


def test_the_time_zone_a_store_gives_back_does_not_matter(paid: Desk):
    events = [replace(e, when=e.when.astimezone(UTC)) for e in paid.events]
    assert cases.verify(events) == []
    assert cases.fold(events).used(date(2023, 5, 12)) == paid.case.used(date(2023, 5, 12))


def test_an_event_goes_to_a_line_and_back(paid: Desk):
    assert [Event.from_json(e.to_json()) for e in paid.events] == paid.events


@pytest.mark.parametrize("line", [b"", b"null", b"[]", b"{}", b"\xff", b'{"case": 1}'])
def test_other_bytes_are_not_an_event(line: bytes):
    with pytest.raises(CaseError) as refused:
        Event.from_json(line)
    assert refused.value.code == "broken_history"


# ---- fold --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil", [lambda e: [], lambda e: e[1:], lambda e: e[:2] + e[3:], lambda e: [*e, e[0]]]
)
def test_what_is_no_history_is_not_folded(paid: Desk, spoil: Any):
    with pytest.raises(CaseError) as refused:
        cases.fold(spoil(paid.events))
    assert refused.value.code == "broken_history"


@pytest.mark.parametrize("payload", ["{}", "[]", "x", '{"owner":1,"move":"x"}'])
def test_a_payload_that_cannot_be_read_is_a_broken_history(paid: Desk, payload: str):
    paid.events[4] = replace(paid.events[4], payload=payload)
    with pytest.raises(CaseError) as refused:
        cases.fold(paid.events[:5])
    assert refused.value.code == "broken_history"


def test_the_decision_is_kept_with_its_facts_and_parameters(paid: Desk):
    decision = paid.case.decision
    assert decision is not None and decision.amounts[0].yen == (10 - 3) * 5000
    assert decision.explain()[0] == "理由：支給の要件を満たす"
    said = paid.events[2].data
    assert said["facts"] == {"days": 10, "daily": 5000, "from_day": None}
    assert said["parameters"] == {"generic_notice_min_age": 20}


def test_the_letter_is_kept_with_its_number(paid: Desk):
    (letter,) = paid.case.letters
    assert (letter.letter, letter.number, letter.returned) == ("notice", "東京業発1号", None)
    assert paid.case.letters_due == ()
    back = paid.tell("清水 返送を記録する").case
    assert back.letters[0].returned == "宛所不明"
    assert back.state == "unreachable" and not back.ended


def test_returned_mail_is_recorded_even_where_the_next_step_cannot_be_made(paid: Desk):
    paid.tell("高橋 再開する", "清水 返送を記録する")
    assert paid.events[-1].what == What.LETTER_RETURNED
    assert paid.case.state == "received"


def test_returned_mail_starts_the_next_step_whoever_works_on_the_case(paid: Desk):
    letters = (replace(CLAIM.letters[0], returned_move="send_back"),)
    paid.kind = changed(letters=letters)
    paid.tell("高橋 再開する", "佐藤 担当する", "清水 返送を記録する")
    assert (paid.case.state, paid.case.owner) == ("returned", "佐藤")
    assert paid.events[-1].data["because"] == paid.events[-2].sequence


def test_a_move_from_where_the_case_does_not_stand_is_a_broken_history():
    desk = Desk(START).tell("佐藤 照会する", "佐藤 回答を受ける")
    last = desk.events[-1]
    forged = last.payload.replace('"from":"inquiring"', '"from":"returned"')
    desk.events[-1] = sealed(replace(last, payload=forged))
    assert cases.verify(desk.events) == [] and forged != last.payload
    with pytest.raises(CaseError) as refused:
        cases.fold(desk.events)
    assert refused.value.code == "broken_history"


def test_a_closed_case_says_how_long_it_is_kept(paid: Desk):
    assert paid.case.retained_until(CLAIM) == date(2029, 3, 31)
    assert Desk(START).case.retained_until(CLAIM) is None


def test_an_old_history_is_read_by_what_was_declared_then():
    desk = Desk(START).tell("佐藤 照会する")
    states = tuple(replace(s, clock=Clock.RUNNING) if s.id == "inquiring" else s for s in CLAIM.states)
    desk.kind = changed(states=states, deadline=Deadline(3, "例"), version=2)
    case = desk.case
    assert (case.version, case.clock.allowed, case.due) == (1, 10, None)


def test_a_state_that_is_gone_is_said_so():
    desk = Desk(START).tell("佐藤 照会する")
    states = tuple(replace(s, id="asking") if s.id == "inquiring" else s for s in CLAIM.states)
    moves = tuple(
        replace(
            m,
            to="asking" if m.to == "inquiring" else m.to,
            from_states=tuple("asking" if s == "inquiring" else s for s in m.from_states),
        )
        for m in CLAIM.moves
    )
    desk.kind = changed(states=states, moves=moves, version=2)
    with pytest.raises(CaseError) as refused:
        desk.tell("佐藤 回答を受ける")
    assert refused.value.code == "old_version"


# ---- who sees what -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("佐藤", Access.CONTENT),
        ("高橋", Access.CONTENT),
        ("田中", Access.CONTENT),
        ("伊藤", Access.CONTENT),
        ("渡辺", Access.FIGURES),
        ("本田", Access.CONTENT),
        ("加藤", Access.NOTHING),
        ("山本", Access.NOTHING),
        ("山口", Access.NOTHING),
    ],
)
def test_who_sees_what_of_a_case_of_tokyo(who: str, sees: Access):
    assert cases.access(CLAIM, TOKYO, PEOPLE[who]) == sees


@pytest.mark.parametrize(
    ("branch", "roles"),
    [("00", {Role.OPERATIONS_CLERK}), ("13", {Role.HEAD_OFFICE}), ("99", {Role.OPERATIONS_CLERK})],
)
def test_head_office_and_branches_do_not_mix(branch: str, roles: set[Role]):
    with pytest.raises(ValueError, match="actor 誰か"):
        Actor("誰か", branch, frozenset(roles))
    with pytest.raises(ValueError, match="needs an id"):
        Actor("", TOKYO, frozenset())


def test_allowed_lists_every_move_with_the_reason_it_cannot_be_made():
    case = Desk(START).case
    mine = {c.move.id: c.refusal and c.refusal.code for c in cases.allowed(CLAIM, case, PEOPLE["佐藤"])}
    assert [id for id, refusal in mine.items() if refusal is None] == ["inquire", "send_back"]
    assert (mine["examine"], mine["answered"], mine["check"]) == (
        "not_decided",
        "not_in_state",
        "not_allowed",
    )
    theirs = cases.allowed(CLAIM, case, PEOPLE["山本"])
    assert {c.refusal.code for c in theirs if c.refusal} == {"other_branch"} and len(theirs) == len(
        CLAIM.moves
    )
    assert not any(c.possible for c in cases.allowed(CLAIM, case, PEOPLE["本田"]))


# ---- opening and contents ----------------------------------------------------------------------------------------


def opened(**more: Any) -> Event:
    given = {
        "branch": TOKYO,
        "key": "C-1",
        "content": {"days": 10, "daily": 5000},
        "received_on": START,
        "actor": PEOPLE["佐藤"],
        "when": noon(START),
    }
    return cases.open_case(more.pop("kind", CLAIM), **{**given, **more})


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"content": {"days": "十", "daily": 1}}, "bad_content"),
        ({"content": {"days": 10, "daily": 1, "note": "余分"}}, "bad_content"),
        ({"key": ""}, "bad_content"),
        ({"key": "C\x00"}, "bad_content"),
        ({"subject": "m1", "kind": None}, "bad_content"),
        ({"received_on": date(2023, 5, 9)}, "bad_time"),
        ({"actor": PEOPLE["山本"]}, "other_branch"),
        ({"actor": PEOPLE["本田"]}, "not_allowed"),
        ({"actor": PEOPLE["伊藤"]}, "not_allowed"),
    ],
)
def test_a_case_is_not_opened(more: dict[str, Any], code: str):
    if "kind" in more:
        unsent = tuple(replace(m, letter=None) for m in CLAIM.moves)
        more["kind"] = changed(subject=Subject.NONE, letters=(), moves=unsent)
    with pytest.raises(CaseError) as refused:
        opened(**more)
    assert refused.value.code == code


def test_bad_content_names_the_fields():
    with pytest.raises(CaseError, match="日額"):
        opened(content={"days": 10})


def test_without_a_subject_no_letter_is_decided_on_and_no_identity_opened():
    desk = Desk(START, subject=None).tell(*PAID[:3])
    for tried in ("高橋 決裁する", "佐藤 個人情報を開く"):
        with pytest.raises(CaseError) as refused:
            desk.tell(tried)
        assert refused.value.code == "no_subject"


def test_an_unknown_move_is_refused_with_what_there_is():
    desk = Desk(START)
    with pytest.raises(CaseError, match="照会する") as refused:
        cases.move(desk.kind, desk.case, "fly", actor=PEOPLE["佐藤"], when=noon(START), expected=None)
    assert refused.value.code == "unknown_move"


def test_a_kind_without_decide_is_not_decided():
    desk = Desk(START)
    moves = tuple(replace(m, needs_decision=False) for m in CLAIM.moves)
    desk.kind = changed(decide=None, reasons=(), parameters=(), moves=moves)
    with pytest.raises(CaseError) as refused:
        desk.tell("佐藤 判断する")
    assert refused.value.code == "cannot_decide"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reasons": CLAIM.reasons[1:]}, "undeclared reasons: payable"),
        ({"decide": lambda facts, _: Decision((PAYABLE,), move="check")}, "no move from 'received'"),
    ],
)
def test_a_decision_beyond_the_declaration_is_a_fault_of_the_room(given: dict[str, Any], said: str):
    desk = Desk(START)
    desk.kind = changed(**given)
    with pytest.raises(ValueError, match=said):
        desk.tell("佐藤 判断する")


@pytest.mark.parametrize(("drops", "due"), [(False, ("notice",)), (True, ())])
def test_a_move_may_call_back_a_letter_that_was_not_sent_yet(drops: bool, due: tuple[str, ...]):
    asks = {"inquire": {"letter": "notice"}, "answered": {"drops_letters": drops}}
    desk = Desk(START)
    desk.kind = changed(moves=tuple(replace(m, **asks.get(m.id, {})) for m in CLAIM.moves))
    assert desk.tell("佐藤 照会する").case.letters_due == ("notice",)
    assert desk.tell("佐藤 回答を受ける").case.letters_due == due
    assert desk.tell("佐藤 取り消す").case.letters_due == ("notice",)


def test_comments_and_looking_at_identities_make_nobody_stale():
    desk = Desk(START)
    desk.tell("清水 コメントする", "伊藤 個人情報を開く", "佐藤 照会する 古い画面で")
    assert desk.case.state == "inquiring"


def test_a_day_before_the_last_step_or_after_today_is_refused():
    desk = Desk(START)
    for on in (date(2023, 5, 7), date(2023, 5, 9)):
        with pytest.raises(CaseError) as refused:
            cases.move(
                desk.kind, desk.case, "inquire", actor=PEOPLE["佐藤"], when=noon(START), expected=1, on=on
            )
        assert refused.value.code == "bad_time"
    with pytest.raises(ValueError, match="without a time zone"):
        cases.claim(desk.kind, desk.case, actor=PEOPLE["佐藤"], when=datetime(2023, 5, 9), expected=1)
    with pytest.raises(ValueError, match="is of kind"):
        cases.claim(changed(id="other"), desk.case, actor=PEOPLE["佐藤"], when=noon(START), expected=1)


def test_a_late_entry_counts_from_the_day_of_receipt():
    friday, monday = date(2023, 5, 12), date(2023, 5, 15)
    case = cases.fold([opened(received_on=friday, when=noon(monday))])
    assert (case.used(monday), case.due) == (1, date(2023, 5, 26))


def test_the_clock_may_begin_in_a_later_state():
    kind = changed(
        first="arrived",
        states=(State("arrived", "到着", "受け付ける"), *CLAIM.states),
        moves=(replace(CLAIM.moves[0], id="accept", from_states=("arrived",), to="received"), *CLAIM.moves),
        deadline=Deadline(10, "例", begins="received"),
    )
    waiting = cases.fold([opened(kind=kind)])
    later = date(2023, 5, 12)
    assert (waiting.used(later), waiting.due) == (0, None)
    step = cases.move(kind, waiting, "accept", actor=PEOPLE["佐藤"], when=noon(later), expected=1)
    begun = cases.apply(waiting, step)
    assert (begun.used(date(2023, 5, 15)), begun.due) == (1, date(2023, 5, 26))


def test_the_clock_does_not_run_on_the_way_to_the_state_it_begins_in():
    accept = replace(CLAIM.moves[0], id="accept", from_states=("sorted",), to="received")
    kind = changed(
        first="arrived",
        states=(
            State("arrived", "到着", "分ける"),
            State("sorted", "仕分け済み", "受け付ける"),
            *CLAIM.states,
        ),
        moves=(replace(accept, id="sort", from_states=("arrived",), to="sorted"), accept, *CLAIM.moves),
        deadline=Deadline(10, "例", begins="received"),
    )
    waiting = cases.fold([opened(kind=kind)])
    step = cases.move(kind, waiting, "sort", actor=PEOPLE["佐藤"], when=noon(START), expected=1)
    assert cases.apply(waiting, step).used(date(2023, 5, 31)) == 0


def test_a_return_followed_by_an_inquiry_still_begins_anew():
    clock = CaseClock(10).after(Effect.RUNS, START).after(Effect.RETURNS, date(2023, 5, 10))
    clock = clock.after(Effect.STOPS, date(2023, 5, 11)).after(Effect.RUNS, date(2023, 5, 12))
    assert (clock.used(date(2023, 5, 15)), clock.due) == (1, date(2023, 5, 26))


def test_a_case_reopened_into_a_stop_begins_anew_after_it():
    clock = CaseClock(10).after(Effect.RUNS, START).after(Effect.ENDS, date(2023, 5, 10))
    clock = clock.after(Effect.STOPS, date(2023, 5, 11)).after(Effect.RUNS, date(2023, 5, 12))
    assert clock.used(date(2023, 5, 15)) == 1


def test_before_the_clock_began_again_nothing_is_used():
    clock = CaseClock(10).after(Effect.RUNS, date(2023, 5, 12))
    assert clock.used(START) == 0
    stopped = clock.after(Effect.STOPS, date(2023, 5, 19))
    assert (stopped.used(date(2023, 5, 15)), stopped.used(date(2023, 5, 31))) == (1, 5)


def test_a_sequence_nobody_can_have_seen_is_stale():
    desk = Desk(START)
    with pytest.raises(CaseError) as refused:
        cases.claim(desk.kind, desk.case, actor=PEOPLE["佐藤"], when=noon(START), expected=2)
    assert refused.value.code == "stale"


def test_a_long_text_is_refused():
    desk = Desk(START)
    with pytest.raises(CaseError) as refused:
        cases.comment(desk.kind, desk.case, "あ" * 4001, actor=PEOPLE["佐藤"], when=noon(START))
    assert refused.value.code == "bad_content"


# ---- canonical JSON ----------------------------------------------------------------------------------------------

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcあ", max_size=3), inner),
    max_leaves=10,
)


@given(values)
def test_the_same_value_gives_the_same_text(value: Any):
    import json

    text = cases.canonical(value)
    assert json.loads(text) == value
    assert cases.canonical(json.loads(text)) == text


@given(st.dictionaries(st.text("abc", max_size=2), st.integers()))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]):
    assert cases.canonical(value) == cases.canonical(dict(reversed(value.items())))


@pytest.mark.parametrize("value", [1.5, float("nan"), {1: 2}, {1, 2}, b"x", "\ud800", "\0"])
def test_what_has_no_exact_form_is_refused(value: Any):
    with pytest.raises(ValueError):
        cases.canonical({"a": value} if not isinstance(value, dict) else value)


def test_decimals_days_and_roles_are_text():
    said = cases.canonical([Decimal("1.50"), Decimal("1E+3"), date(2026, 4, 1), Role.HEALTH_CLERK])
    assert said == '["1.50","1000","2026-04-01","health_clerk"]'
