"""軽減額通知と見える化ツールの案件: selected, decided, sent, returned, followed — and who may not."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
from tests.branches import TinyBranch
from tests.casekinds import YAMAGUCHI, Desk, noon
from tests.contents import MARCH
from tests.contents import SHEET as EXAMPLE_SHEET

from kenpo.base.business import add_business_days
from kenpo.base.document import Table
from kenpo.catalogue import WORKLISTS
from kenpo.frame import Role, cases, run
from kenpo.frame.cases import Actor, Candidate, Exclusions
from kenpo.lake import Lake
from kenpo.strategy.generics import cases as room
from kenpo.strategy.generics.cases import (
    DUE,
    NOTICE,
    SHEET,
    TOO_SMALL,
    TOO_YOUNG,
    NoticeContent,
    decide_notice,
)
from kenpo.strategy.generics.letters import (
    InstitutionSheet,
    SwitchDrug,
    SwitchNotice,
    institution_sheets,
)

START = date(2026, 5, 11)


def content(age: int = 57, *savings: int) -> NoticeContent:
    drugs = tuple(
        SwitchDrug(name=f"架空薬{n}錠", days=28, cost=s + 500, saving=s)
        for n, s in enumerate(savings or (840, 401))
    )
    whole = sum(d.saving for d in drugs) // 10 * 10
    return NoticeContent(age=age, notice=SwitchNotice(month=MARCH, drugs=drugs, saving=whole))


def notice_desk(given: NoticeContent | None = None) -> Desk:
    return Desk(START, kind=NOTICE, content=given or content(), opener="中島")


SENT = (
    "中島 判断する",
    "中島 送る人に選ぶ",
    "2026-05-12 長谷 発送を決裁する",
    "2026-05-13 小川 印刷に回して発送する",
    "小川 発送を記録する",
)

# ---- whether a notice is sent ------------------------------------------------------------------------------------

LIMITS = {"generic_notice_min_age": 20, "generic_notice_min_saving": 200}


@pytest.mark.parametrize(
    ("age", "savings", "reasons", "move"),
    [
        (57, (840, 401), (DUE,), "select"),
        (20, (200,), (DUE,), "select"),
        (19, (840,), (TOO_YOUNG,), "drop"),
        (57, (199,), (TOO_SMALL,), "drop"),
        (19, (199,), (TOO_YOUNG, TOO_SMALL), "drop"),
    ],
)
def test_who_is_of_age_and_saves_enough_is_written_to(age: int, savings: Any, reasons: Any, move: str):
    found = decide_notice(content(age, *savings), LIMITS)
    assert (found.reasons, found.move) == (reasons, move)


def test_the_decision_says_the_amounts_and_how_they_came_about():
    found = decide_notice(content(57, 840, 401), LIMITS)
    assert {a.title: a.yen for a in found.amounts} == {
        "いまの自己負担": 840 + 500 + 401 + 500,
        "軽減額": 1240,
    }
    assert [(s.what, s.value) for s in found.steps] == [
        ("架空薬0錠の軽減額", 840),
        ("架空薬1錠の軽減額", 401),
        ("軽減額", 1240),
        ("年齢の基準", "満たす"),
        ("軽減額の基準", "満たす"),
    ]
    assert found.steps[-1].formula == "1,240円 ≧ 200円"
    assert all(s.source for s in found.steps)


def test_who_is_not_due_cannot_be_selected_and_who_is_cannot_be_dropped():
    assert notice_desk(content(19)).tell("中島 判断する").refused("中島 送る人に選ぶ") == "not_decided"
    assert notice_desk().tell("中島 判断する").refused("中島 送らない") == "not_decided"
    assert notice_desk(content(19)).tell("中島 判断する", "中島 送らない").case.state == "not_due"


# ---- the life of a notice ----------------------------------------------------------------------------------------


def test_a_notice_is_selected_decided_sent_and_followed():
    desk = notice_desk().tell(*SENT, "2026-08-20 小川 観察を終える")
    assert (desk.case.state, desk.case.ended) == ("followed", True)
    assert [a.step for a in desk.case.approvals] == ["select", "approve"]
    assert desk.case.used(desk.day) == len(("5月12日", "5月13日"))
    assert desk.case.retained_until(NOTICE) == date(2032, 3, 31)


def test_the_letter_says_what_the_case_holds():
    desk = notice_desk()
    (letter,) = NOTICE.letters
    assert letter.content(desk.case.content_as(NOTICE)) == content().notice


def test_a_case_not_sent_in_twenty_business_days_is_late():
    desk = notice_desk()
    last = add_business_days(START, 20)
    assert desk.case.due == last
    assert not desk.case.overdue(last)
    assert desk.case.overdue(add_business_days(last, 1))


def test_a_letter_that_comes_back_is_sent_again_within_a_deadline_of_its_own():
    desk = notice_desk().tell(*SENT, "2026-05-25 小川 返送を記録する")
    assert (desk.case.state, desk.case.letters[0].returned) == ("returned", "宛所不明")
    assert desk.case.due == add_business_days(date(2026, 5, 25), 20)
    desk.tell("2026-05-27 中島 確かめた住所に再送する", "中島 印刷に回して発送する", "中島 発送を記録する")
    assert (desk.case.state, len(desk.case.letters), desk.case.letters_due) == ("sent", 2, ())


def test_a_letter_nobody_can_deliver_is_given_up():
    desk = notice_desk().tell(*SENT, "2026-05-25 小川 返送を記録する", "小川 打ち切る")
    assert desk.case.state == "undeliverable"


@pytest.mark.parametrize("done", range(len(SENT) + 1))
def test_who_does_not_want_it_is_left_in_peace_at_any_time_and_nothing_is_printed_any_more(done: int):
    desk = notice_desk().tell(*SENT[:done])
    assert desk.refused("小川 希望しない申出を受ける 理由なし") == "needs_reason"
    desk.tell("小川 希望しない申出を受ける")
    assert (desk.case.state, desk.case.letters_due) == ("opted_out", ())


@pytest.mark.parametrize("done", range(len(SENT) + 1))
def test_who_has_left_gets_nothing_any_more(done: int):
    desk = notice_desk().tell(*SENT[:done], "小川 資格喪失により取りやめる")
    assert (desk.case.state, desk.case.letters_due) == ("left", ())


def test_what_was_put_back_is_selected_and_decided_anew():
    desk = notice_desk().tell(*SENT[:3], "長谷 差し戻す")
    assert (desk.case.state, desk.case.approvals) == ("listed", ())
    assert desk.tell(*SENT[1:]).case.state == "sent"


def test_a_withdrawn_objection_reopens_the_case():
    desk = notice_desk().tell("小川 希望しない申出を受ける", "長谷 再開する", *SENT)
    assert desk.case.state == "sent"


# ---- who may -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tried", "code"),
    [
        ("西村 送る人に選ぶ", "other_branch"),
        ("山口 発送を決裁する", "other_branch"),
        ("本田 発送を決裁する", "not_allowed"),
        ("渡辺 発送を決裁する", "not_allowed"),
        ("小川 発送を決裁する", "not_allowed"),
        ("岡田 発送を決裁する", "not_allowed"),
    ],
)
def test_others_do_not_decide_on_a_run(tried: str, code: str):
    story = SENT[:1] if "選ぶ" in tried else SENT[:2]
    assert notice_desk().tell(*story).refused(tried) == code


def test_who_selects_does_not_decide_and_the_branch_head_may():
    desk = notice_desk().tell("長谷 判断する", "長谷 送る人に選ぶ")
    assert desk.refused("長谷 発送を決裁する") == "same_person"
    assert desk.tell("田中 発送を決裁する").case.state == "approved"


# ---- a whole run -------------------------------------------------------------------------------------------------

CLERK = Actor("西村", YAMAGUCHI, frozenset({Role.PLANNING_CLERK}))
HEAD = Actor("山口", YAMAGUCHI, frozenset({Role.BRANCH_HEAD}))
NOBODY = Exclusions(START)


def opened(lake: Lake, kind: Any) -> tuple[Candidate, ...]:
    rows = run(lake, WORKLISTS[kind.worklist], "35").iter_rows(named=True)
    plan = cases.plan_opening(cases.candidates(kind, rows), {}, exclusions=NOBODY)
    assert plan.excluded == () and plan.opened
    return plan.opened


def test_every_row_of_the_invented_branch_is_sent_in_one_run(tiny: TinyBranch):
    rows = opened(tiny.lake, NOTICE)
    contents = cases.contents_of(NOTICE, tiny.lake, rows)
    by: dict[str, Any] = {"when": noon(START), "expected": None}
    states = Counter[str]()
    for one in rows:
        event = cases.open_candidate(
            NOTICE, one, actor=CLERK, when=noon(START), received_on=START, content=contents[one.id]
        )
        case = cases.fold([event])
        assert case.content_as(NOTICE) == contents[one.id]
        case = cases.apply(case, cases.decide(NOTICE, case, actor=CLERK, **by))
        for move, who in (("select", CLERK), ("approve", HEAD), ("send", CLERK)):
            case = cases.apply(case, cases.move(NOTICE, case, move, actor=who, **by))
        states[case.state] += 1
    assert states == {"sent": len(rows)}
    people = {c.subject for c in rows}
    assert len({c.id for c in rows}) == len(rows) > len(people), "the next run opens a case of its own"


# ---- the sheets --------------------------------------------------------------------------------------------------


def test_sheets_are_made_in_one_pass_for_each_run_and_are_those_of_the_lake(
    tiny: TinyBranch, monkeypatch: pytest.MonkeyPatch
):
    rows = opened(tiny.lake, SHEET)
    passes: list[tuple[str, date]] = []

    def counted(lake: Lake, code: str, month: date, institutions: Any) -> dict[str, InstitutionSheet]:
        passes.append((code, month))
        return institution_sheets(lake, code, month, institutions)

    monkeypatch.setattr(room, "institution_sheets", counted)
    contents = cases.contents_of(SHEET, tiny.lake, rows)
    assert len(passes) == len(set(passes)) == len({(c.branch, c.row["month"]) for c in rows})
    assert set(contents) == {c.id for c in rows}
    last = max(rows, key=lambda c: (c.row["month"], c.row["institution"]))
    alone = institution_sheets(tiny.lake, last.branch, last.row["month"], {last.row["institution"]})
    assert contents[last.id] == alone[last.row["institution"]]


SHOWN = (
    "中島 送る先に選ぶ",
    "2026-05-12 田中 送付を決裁する",
    "2026-05-13 中島 印刷に回して送付する",
    "中島 発送を記録する",
)


def sheet_desk() -> Desk:
    return Desk(START, kind=SHEET, content=EXAMPLE_SHEET, subject="1319990001", opener="中島")


def test_a_sheet_is_sent_and_explained_on_the_spot():
    desk = sheet_desk().tell(*SHOWN, "2026-05-20 小川 訪問・説明の日時を決める")
    assert desk.refused("小川 訪問・説明の結果を記録する 理由なし") == "needs_reason"
    desk.tell("2026-06-03 小川 訪問・説明の結果を記録する")
    assert desk.case.state == "visited"
    assert desk.case.used(desk.day) == len(("5月12日", "5月13日"))


@pytest.mark.parametrize(
    ("story", "state"),
    [
        (("小川 送付のみで終える",), "finished"),
        (("小川 訪問・説明の日時を決める", "小川 訪問・説明をとりやめる"), "sent"),
        (("小川 返送を記録する", "小川 確かめた所在地に再送する"), "approved"),
        (("小川 返送を記録する", "小川 打ち切る"), "undeliverable"),
        (("小川 希望しない申出を受ける",), "opted_out"),
    ],
)
def test_what_may_become_of_a_sheet(story: tuple[str, ...], state: str):
    assert sheet_desk().tell(*SHOWN, *story).case.state == state


def test_a_sheet_may_be_dropped_before_it_is_sent_and_others_may_not_touch_it():
    assert sheet_desk().tell("中島 送らない").case.state == "not_sent"
    assert sheet_desk().refused("西村 送る先に選ぶ") == "other_branch"
    assert sheet_desk().refused("佐藤 送る先に選ぶ") == "not_allowed"


# ---- what staff see ----------------------------------------------------------------------------------------------


def test_a_queue_shows_a_line_for_each():
    assert NOTICE.summary(content()) == "2品目　軽減額 1,240円（令和8年3月診療分）"
    assert SHEET.summary(EXAMPLE_SHEET) == "架空薬局　数量シェア 72.3%（東京都 81.0%）"


def cells(blocks: tuple[Any, ...]) -> list[list[list[str]]]:
    return [[[c.text for c in row] for row in b.rows] for b in blocks if isinstance(b, Table)]


def test_the_page_of_a_notice_shows_the_drugs_and_what_they_come_to():
    page = NOTICE.page_of(content())
    assert cells(page.blocks) == [
        [
            ["医薬品", "日数", "いまの自己負担", "軽減額"],
            ["架空薬0錠", "28日", "1,340円", "840円"],
            ["架空薬1錠", "28日", "901円", "401円"],
            ["合計", "", f"{1340 + 901:,}円", "1,240円"],
        ]
    ]


def test_the_page_of_a_sheet_compares():
    compared, trend, movers = cells(SHEET.page_of(EXAMPLE_SHEET).blocks)
    assert compared[1:] == [["架空薬局", "72.3%"], ["新宿区", "80.1%"], ["東京都", "81.0%"], ["全国", "－"]]
    assert trend[1:] == [["R8年2月", "－", "80.9%"], ["R8年3月", "72.3%", "81.0%"]]
    assert movers[1:] == [["架空薬1錠", "100", "72.3% → 82.3%"]]
