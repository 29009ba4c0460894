"""お客様の声: taken down, looked into, answered, asked what to make better — and what the answer says."""

from __future__ import annotations

from datetime import date
from typing import Any

import pypdfium2
import pytest
from pydantic import ValidationError
from tests.casekinds import Desk
from tests.contents import VOICE as VOICE_EXAMPLE

from kenpo.base.business import add_business_days
from kenpo.base.errors import ArgumentError
from kenpo.foundation.service.cases import (
    NO_WAY,
    NO_WORDS,
    NOT_WANTED,
    READY,
    VOICE,
    VoiceContent,
    decide_voice,
    voice_reply,
)
from kenpo.foundation.service.letters import REPLY
from kenpo.frame import Group
from kenpo.frame.cases import CaseError
from kenpo.frame.content import Input, fields_of
from kenpo.frame.letter import Addressed, Numbered, Recipient, issue, sender

START = date(2026, 5, 11)
GIVEN = VOICE_EXAMPLE.model_dump(mode="json")
CALL = {name: GIVEN[name] for name in ("channel", "sort", "about", "said", "wants_answer")}
ANSWER = {name: GIVEN[name] for name in ("answer_by", "found", "gist", "answer", "improvement")}


def desk(subject: str | None = "m1", **fields: Any) -> Desk:
    """A voice taken down by 佐藤 of 業務グループ."""
    return Desk(START, kind=VOICE, content=CALL | fields, subject=subject)


ASKED = (
    "佐藤 判断する",
    "佐藤 回答案を出す",
    "2026-05-14 岡田 回答案を確認済みにする",
    "長谷 回答を決裁する",
)

# ---- the life of a voice -----------------------------------------------------------------------------------------


def test_a_complaint_is_looked_into_answered_in_writing_and_made_better():
    voice = desk().tell("2026-05-12 佐藤 対応を始める").write("佐藤", **ANSWER).tell(*ASKED)
    assert VOICE.state(voice.case.state).title == "回答待ち"
    voice.tell("2026-05-15 佐藤 書面で回答する", "佐藤 発送を記録する")
    assert voice.case.used(date(2026, 6, 30)) == len(("12日", "13日", "14日", "15日"))
    voice.tell("2026-05-18 佐藤 改善を検討する")
    voice.write("佐藤", improving_group="operations", improve_by="2026-06-30")
    voice.tell("佐藤 改善に取り組む", "2026-06-25 佐藤 改善を終える")
    assert (voice.case.state, voice.case.ended) == ("improved", True)
    held = voice.case.content_as(VOICE)
    assert isinstance(held, VoiceContent)
    assert (held.improving_group, held.improve_by) == (Group.OPERATIONS, date(2026, 6, 30))


def test_while_the_person_is_asked_the_days_are_not_counted():
    voice = desk().tell("2026-05-12 佐藤 対応を始める", "佐藤 申出人に照会する")
    assert voice.case.due is None
    voice.tell("2026-05-20 佐藤 申出人の返事を受ける")
    assert voice.case.due == add_business_days(date(2026, 5, 20), 10 - len(("12日",)))


def test_an_answer_is_due_in_ten_business_days():
    assert desk().case.due == add_business_days(START, 10)


def test_praise_that_wants_no_answer_goes_straight_to_what_may_be_made_better():
    voice = desk(None, sort="praise", wants_answer=False)
    voice.tell("佐藤 判断する", "佐藤 回答を要しない", "中島 改善なしで終える")
    assert (voice.case.state, voice.case.approvals, voice.case.letters) == ("unchanged", (), ())


def test_an_anonymous_voice_cannot_be_answered_in_writing_but_otherwise():
    voice = desk(None).write("佐藤", **ANSWER | {"answer_by": "phone"}).tell(*ASKED)
    assert voice.refused("佐藤 書面で回答する") == "no_subject"
    assert voice.refused("佐藤 書面によらず回答した 理由なし") == "needs_reason"
    assert voice.tell("佐藤 書面によらず回答した").case.state == "answered"


def test_an_answer_that_comes_back_is_sent_again_or_given_up():
    sent = (*ASKED, "佐藤 書面で回答する", "佐藤 発送を記録する", "2026-05-20 佐藤 返送を記録する")
    again = desk().write("佐藤", **ANSWER).tell(*sent, "佐藤 確かめたあて先に再送する", "佐藤 書面で回答する")
    assert (again.case.state, again.case.letters_due) == ("answered", ("reply",))
    assert desk().write("佐藤", **ANSWER).tell(*sent, "佐藤 回答を打ち切る").case.state == "considering"


def test_a_draft_put_back_is_written_and_decided_anew():
    voice = desk().write("佐藤", **ANSWER).tell(*ASKED[:2], "岡田 差し戻す")
    voice.write("佐藤", answer="書き直した回答。").tell(*ASKED)
    assert voice.case.state == "approved"


@pytest.mark.parametrize(
    ("story", "state"),
    [
        (("佐藤 申出の取下げを受ける",), "withdrawn"),
        (("佐藤 申出の取下げを受ける", "岡田 再開する"), "working"),
        (("佐藤 対応を始める", "佐藤 申出人に照会する", "佐藤 返事がないまま進める"), "working"),
    ],
)
def test_what_else_may_become_of_a_voice(story: tuple[str, ...], state: str):
    assert desk().tell(*story).case.state == state


def test_an_improvement_may_be_thought_over():
    voice = desk(wants_answer=False).tell("佐藤 判断する", "佐藤 回答を要しない", "佐藤 改善に取り組む")
    assert voice.tell("佐藤 改善策を見直す", "中島 改善なしで終える").case.state == "unchanged"


# ---- who may -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tried", "code"),
    [
        ("山本 対応を始める", "other_branch"),
        ("本田 対応を始める", "not_allowed"),
        ("加藤 対応を始める", "not_allowed"),
        ("佐藤 回答案を出す", "not_decided"),
        ("佐藤 改善を終える", "not_in_state"),
    ],
)
def test_what_is_refused_when_a_voice_has_come_in(tried: str, code: str):
    assert desk().refused(tried) == code


def test_any_group_takes_voices_down_but_planning_checks_and_decides():
    assert VOICE.group == Group.PLANNING
    for who in ("佐藤", "伊藤", "渡辺", "中島"):
        assert desk().tell(f"{who} 対応を始める").case.state == "working"
    voice = desk().write("佐藤", **ANSWER).tell(*ASKED[:2])
    assert voice.refused("鈴木 回答案を確認済みにする") == "not_allowed"
    voice.tell("岡田 回答案を確認済みにする")
    assert voice.refused("岡田 回答を決裁する") == "not_allowed"
    assert voice.refused("高橋 回答を決裁する") == "not_allowed"
    assert voice.tell("田中 回答を決裁する").case.state == "approved"


# ---- whether and how it is answered ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reasons", "move"),
    [
        (ANSWER, (READY,), "draft"),
        (ANSWER | {"wants_answer": False}, (NOT_WANTED,), "no_answer"),
        (ANSWER | {"answer_by": None}, (NO_WAY,), None),
        (ANSWER | {"answer": " \n"}, (NO_WORDS,), None),
        ({}, (NO_WAY, NO_WORDS), None),
    ],
)
def test_an_answer_is_put_to_the_vote_when_it_is_whole(fields: dict[str, Any], reasons: Any, move: Any):
    found = decide_voice(VoiceContent.model_validate(CALL | fields), {})
    assert (found.reasons, found.move) == (reasons, move)


def test_a_voice_without_words_is_refused():
    with pytest.raises(ValidationError):
        VoiceContent.model_validate(CALL | {"said": ""})
    with pytest.raises(CaseError, match="申出の内容"):
        desk().write("佐藤", said="")


# ---- what is shown and sent --------------------------------------------------------------------------------------


def test_the_queue_says_what_came_and_not_what_was_said():
    said = VOICE.summary(VoiceContent.model_validate(CALL | {"said": "見本花子という職員が"}))
    assert said == "電話　苦情　現金給付（回答を希望）"


def test_the_form_asks_for_everything_by_hand():
    fields = {f.name: f for f in fields_of(VoiceContent)}
    assert fields["said"].input == fields["answer"].input == Input.TEXT
    assert "氏名" in fields["said"].help
    assert [label for _, label in fields["sort"].choices] == ["苦情", "意見・要望", "お褒め", "照会"]
    assert [f.name for f in fields.values() if f.required] == [
        "channel",
        "sort",
        "about",
        "said",
        "wants_answer",
    ]


def printed(**fields: Any) -> str:
    given = VoiceContent.model_validate(CALL | ANSWER | fields)
    one = Addressed(
        Recipient(("架空　太郎",), "", ("東京都架空区1-1",)),
        Numbered("全協東発第0001号", START, "TOKEN00000000001"),
        voice_reply(given),
    )
    made = issue(REPLY, sender("東京"), [one], sheet=False)
    assert made.missing == ()
    (page,) = pypdfium2.PdfDocument(made.pdf)
    return "".join(page.get_textpage().get_text_range().split())


def test_the_answer_thanks_answers_and_promises():
    text = printed()
    for words in (
        "お寄せいただいた声への回答",
        "現金給付についてお電話でご指摘をいただき、ありがとうございました。",
        "お詫び申し上げます",
        "いつ振り込まれるのかが分からない。",
        "10営業日以内にお支払いしています。",
        "説明が十分ではありませんでした。",
        "改善の取組み",
        "応対の手引きを改めます。",
        "TOKE-N000-0000-0001",
        "東京支部企画総務グループ",
        "架空太郎様",
    ):
        assert words in text, words


def test_what_was_looked_into_and_what_is_blank_is_not_printed():
    text = printed(gist="", improvement="")
    assert "受付の状況を伝えていなかった" not in text
    assert "お寄せいただいた内容" not in text and "改善の取組み" not in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sort": "praise", "channel": "web"}, "ホームページから温かいお言葉をいただき、"),
        ({"sort": "question", "channel": "visit"}, "窓口でお尋ねをいただき、"),
        ({"sort": "opinion", "about": "other", "channel": "head_office"}, "当支部の業務について本部あてにご意見・ご要望を"),
    ],
)  # fmt: skip
def test_it_thanks_for_what_it_was(fields: dict[str, Any], words: str):
    text = printed(**fields)
    assert words in text and "お詫び" not in text


def test_no_answer_is_printed_without_words():
    with pytest.raises(ArgumentError, match="回答内容が書かれていない"):
        voice_reply(VoiceContent.model_validate(CALL))


def test_markup_in_an_answer_is_text():
    assert '#panic("x")*太字*' in printed(answer='#panic("x")*太字*')
