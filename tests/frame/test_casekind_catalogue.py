"""Every kind of case of the catalogue: what the office asks of it, with an example content that prints, shows and is kept."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date

import pypdfium2
import pytest
from tests.casekinds import noon
from tests.contents import EXAMPLES

from kenpo.catalogue import CASEKINDS
from kenpo.frame import CaseKind, Clock, Group, Level, Role, Subject, cases
from kenpo.frame.cases import Actor
from kenpo.frame.content import fields_of, lines_of
from kenpo.frame.letter import Addressed, Numbered, Recipient, content_of, issue, sender

JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
DAY = date(2026, 5, 11)
LETTERS = [(kind.id, letter.id) for kind in CASEKINDS.values() for letter in kind.letters]

each_kind = pytest.mark.parametrize("kind", CASEKINDS.values(), ids=CASEKINDS)


def test_every_kind_has_an_example():
    assert set(EXAMPLES) == set(CASEKINDS)
    assert [id for id, one in EXAMPLES.items() if type(one) is not CASEKINDS[id].content] == []


# ---- what is kept ------------------------------------------------------------------------------------------------


@each_kind
def test_a_content_comes_back_from_the_history_as_it_was(kind: CaseKind):
    content = EXAMPLES[kind.id]
    clerk = next(r for r in kind.workers if r.group == kind.group and r.level == Level.CLERK)
    event = cases.open_case(
        kind,
        branch="13",
        key="1",
        content=content,
        received_on=DAY,
        actor=Actor("東", "13", frozenset({clerk})),
        when=noon(DAY),
        subject=None if kind.subject == Subject.NONE else "s1",
    )
    again = cases.fold([event]).content_as(kind)
    assert again == content
    assert again.model_dump(mode="json") == content.model_dump(mode="json")
    assert cases.verify([event], head=event.hash) == []


@each_kind
def test_a_content_may_not_be_changed_in_place(kind: CaseKind):
    content = EXAMPLES[kind.id]
    name = next(iter(type(content).model_fields))
    with pytest.raises(ValueError, match="frozen"):
        setattr(content, name, getattr(content, name))


# ---- what is shown -----------------------------------------------------------------------------------------------


@each_kind
def test_the_line_of_a_queue_is_one_short_japanese_line(kind: CaseKind):
    said = kind.summary(EXAMPLES[kind.id])
    assert JAPANESE.search(said) and "\n" not in said and 5 <= len(said) <= 60


@each_kind
def test_the_page_has_a_title_and_something_to_read(kind: CaseKind):
    page = kind.page_of(EXAMPLES[kind.id])
    assert JAPANESE.search(page.title) and page.blocks
    assert all(text for _, text in lines_of(EXAMPLES[kind.id]))


@each_kind
def test_everything_that_is_read_is_japanese(kind: CaseKind):
    said = {
        "definition": kind.definition,
        "title": kind.title,
        "retention": kind.retention.ground,
        **{f"field {f.name}": f.title for f in fields_of(kind.content)},
        **{f"choice {f.name} {v}": label for f in fields_of(kind.content) for v, label in f.choices},
        **{f"state {s.id}": s.title for s in kind.states},
        **{f"todo of {s.id}": s.todo for s in kind.states if s.clock != Clock.ENDED},
        **{f"move {m.id}": m.title for m in kind.moves},
        **{f"step {s.id}": s.title for s in kind.approval},
        **{f"letter {one.id}": one.title for one in kind.letters},
        **{f"reason {r.code}": r.text for r in kind.reasons},
    }
    assert [what for what, text in said.items() if not JAPANESE.search(text)] == []


@each_kind
def test_titles_tell_states_and_moves_apart(kind: CaseKind):
    for titles in ([s.title for s in kind.states], [m.title for m in kind.moves]):
        assert len(set(titles)) == len(titles)


# ---- who works on it ---------------------------------------------------------------------------------------------


@each_kind
def test_the_group_whose_queue_it_is_works_on_it_at_every_level(kind: CaseKind):
    assert isinstance(kind.group, Group)
    levels = {r.level for r in kind.workers if r.group == kind.group}
    assert levels == set(Level)
    assert not {Role.HEAD_OFFICE, Role.ADMINISTRATOR} & set(kind.workers)


@each_kind
def test_two_people_decide_and_the_last_is_an_approver_or_the_head(kind: CaseKind):
    if not kind.approval:
        return
    assert len(kind.approval) >= 2
    last = kind.approval[-1].roles
    assert Role.BRANCH_HEAD in last
    assert {r.level for r in last if r.group} == {Level.APPROVER}


@each_kind
def test_a_letter_only_goes_out_with_all_the_signatures(kind: CaseKind):
    sending = {s for m in kind.moves if m.letter for s in (*m.from_states, m.to)}
    assert not kind.letters or any(kind.state(s).approved for s in sending)


# ---- what goes out -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind_id", "letter_id"), LETTERS)
def test_every_letter_prints_from_the_example_and_the_same_from_what_was_stored(kind_id: str, letter_id: str):
    kind = CASEKINDS[kind_id]
    letter = kind.letter(letter_id)
    content = letter.content(EXAMPLES[kind_id])
    one = Addressed(
        Recipient(("見本　花子",), "164-0001", ("東京都中野区架空町1-2-3",)),
        Numbered("全協東発第0001号", DAY, "TOKEN00000000001"),
        content,
    )
    made = issue(letter.document, sender("東京", kind.group), [one], sheet=False)
    assert made.missing == ()
    text = "".join(
        "".join(p.get_textpage().get_text_range().split()) for p in pypdfium2.PdfDocument(made.pdf)
    )
    assert letter.document.title in text and "見本花子" in text
    stored = json.loads(json.dumps(content.model_dump(mode="json")))
    again = replace(one, content=content_of(letter.document, stored))
    assert issue(letter.document, sender("東京", kind.group), [again], sheet=False).pdf == made.pdf
