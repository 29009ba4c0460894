"""A case is worked on its page: looked at, claimed, decided, moved, corrected, undone — by who may, on what they saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pydantic import Field
from tests.casekinds import CLAIM
from tests.office_cases import (
    NOTICE,
    VOICE,
    counted,
    looking_at,
    member,
    now,
    open_notices,
    open_voice,
    text_of,
    voice,
)
from tests.offices import People

from kenpo.base.document import Chart, Document
from kenpo.catalogue import CASEKINDS
from kenpo.frame import cases
from kenpo.frame.casekind import Subject
from kenpo.frame.cases import Case
from kenpo.office import audit, casework
from kenpo.office.acting import acting
from kenpo.office.casepage import clock_words
from kenpo.office.models import Account, AuditRow, CaseRow, EventRow, VaultIdentity

Browse = Callable[[Account], Client]


def page_of(case: str, **query: str) -> str:
    """The address of a case."""
    return reverse("case", args=[case], query=query or None)


def act(client: Client, case: str, what: str, expected: int, **more: str) -> Any:
    """Press a button of a case's page."""
    return client.post(reverse("case_do", args=[case]), {"act": what, "expected": str(expected), **more})


def beside(client: Client, case: str, what: str, expected: int, listed: str, **more: str) -> Any:
    """Press a button of a case beside its queue."""
    given = {"act": what, "expected": str(expected), "list": listed, **more}
    headers = {"HX-Request": "true", "HX-Target": "desk-case"}
    return client.post(reverse("case_do", args=[case]), given, headers=headers)


# ---- one case from end to end ------------------------------------------------------------------------------------


def test_a_notice_is_worked_from_the_list_to_the_letter(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    clerk, head = browse(people.yamamoto), browse(people.yamane)

    shown = text_of(clerk.get(page_of(case.id)))
    assert "1品目 軽減額 1,010円" in shown
    assert "送るかどうかを判断し、送る人を選ぶ" in shown
    assert "それを相当とする判断が要ります" in shown

    act(clerk, case.id, "claim", 1)
    act(clerk, case.id, "decide", 2)
    decided = text_of(clerk.get(page_of(case.id)))
    assert "対象年齢で、軽減額が基準以上のため送る" in decided
    assert "いまの自己負担 2,020円" in decided
    assert "健康保険法74条" in decided
    assert act(clerk, case.id, "move:select", 3).status_code == 302

    assert act(head, case.id, "move:approve", 4).status_code == 302
    act(clerk, case.id, "move:send", 5)
    found = now(people.yamamoto, case.id)
    assert found.state == "sent"
    assert found.letters_due == ("notice",)
    history = text_of(clerk.get(page_of(case.id)))
    for told in (
        "案件を始めた",
        "担当を始めた",
        "判断した",
        "送る人に選ぶ → 決裁待ち",
        "発送を決裁する → 発送待ち",
    ):
        assert told in history
    assert "山口支部の山根（企画総務グループ 決裁者）" in history
    assert "ジェネリック医薬品軽減額通知 発送待ち" in history


def test_the_page_says_where_the_case_comes_from_and_nobodys_name(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    response = browse(people.yamamoto).get(page_of(case.id))
    shown = text_of(response)
    assert "軽減額が基準以上" in shown
    assert "RECODEINFO_MED.CSV 12,345行目" in shown
    assert "令和8年3月" in shown
    assert str(case.subject) not in response.content.decode()


def test_the_history_shows_the_beginning_of_each_hash(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    shown = browse(people.yamamoto).get(page_of(case.id)).content.decode()
    assert case.head[:8] in shown
    assert case.head not in shown


# ---- who may ----------------------------------------------------------------------------------------------------


def test_who_has_not_signed_in_is_asked_to(people: People) -> None:
    (case,) = open_notices(people.yamamoto)
    response = Client().get(page_of(case.id))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("who", ["azuma", "kanda", "yamashita"])
def test_azuma_of_tokyo_and_another_group_find_no_case_even_by_its_id(
    people: People, browse: Browse, who: str
) -> None:
    (case,) = open_notices(people.yamamoto)
    client = browse(getattr(people, who))
    assert client.get(page_of(case.id)).status_code == 404
    assert act(client, case.id, "claim", 1).status_code == 404
    assert client.get(reverse("case_amend", args=[case.id])).status_code == 404
    assert now(people.yamamoto, case.id).owner is None


def test_an_administrator_works_on_no_case(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    assert browse(people.yamazaki).get(page_of(case.id)).status_code == 403


def test_honda_of_head_office_looks_and_cannot_change(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    client = looking_at(browse(people.honda), "35")
    shown = client.get(page_of(case.id))
    assert shown.status_code == 200
    assert "本部からは見るだけです" in text_of(shown)
    assert 'name="act"' not in shown.content.decode()
    assert act(client, case.id, "claim", 1).status_code == 403
    assert now(people.yamamoto, case.id).owner is None


def test_a_guessed_id_is_not_found(people: People, browse: Browse) -> None:
    assert browse(people.yamamoto).get(page_of("f" * 32)).status_code == 404


# ---- two people --------------------------------------------------------------------------------------------------


def test_a_case_another_has_says_who_and_refuses(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    act(browse(people.yamada), case.id, "claim", 1)
    client = browse(people.yamamoto)
    assert "山口支部の山田 さんが担当しています。" in text_of(client.get(page_of(case.id)))
    refused = act(client, case.id, "move:take", 2)
    assert refused.status_code == 409
    assert "山口支部の山田 さんが担当しています。" in text_of(refused)
    assert now(people.yamamoto, case.id).state == "received"


def test_a_form_overtaken_by_another_is_refused_and_keeps_what_was_typed(
    people: People, browse: Browse
) -> None:
    case = open_voice(people.yamamoto)
    act(browse(people.yamada), case.id, "move:take", 1)
    typed = "電話をかけ直すとの申出があった。"
    refused = act(browse(people.yamamoto), case.id, "move:ask", 1, reason=typed)
    shown = text_of(refused)
    assert refused.status_code == 409
    assert "ほかの人がこの案件を変えました" in shown
    assert "対応中（調査）" in shown
    assert typed in refused.content.decode()
    assert now(people.yamamoto, case.id).sequence == 2

    again = act(browse(people.yamamoto), case.id, "move:ask", refused.context["case"].sequence, reason=typed)
    assert again.status_code == 302
    assert now(people.yamamoto, case.id).state == "asking"


def test_comments_of_others_in_between_do_not_overtake(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    act(browse(people.yamada), case.id, "comment", 1, text="急ぐとのこと。")
    assert act(browse(people.yamamoto), case.id, "move:take", 1).status_code == 302


def test_who_selected_may_not_approve_and_reads_why(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamane)
    client = browse(people.yamane)
    act(client, case.id, "decide", 1)
    act(client, case.id, "move:select", 2)
    assert "同じ人が二つの段階を受け持つことはできません" in text_of(client.get(page_of(case.id)))
    assert act(client, case.id, "move:approve", 3).status_code == 422
    assert now(people.yamane, case.id).state == "selected"


# ---- moves -------------------------------------------------------------------------------------------------------


def test_a_move_that_needs_a_reason_asks_for_it(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    refused = act(browse(people.yamamoto), case.id, "move:ask", 1, reason=" ")
    assert refused.status_code == 422
    assert "理由を書いてください。" in text_of(refused)
    assert now(people.yamamoto, case.id).state == "received"


def test_a_move_may_be_dated_in_wareki(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto, days_ago=3)
    day = timezone.localdate() - timedelta(days=1)
    act(browse(people.yamamoto), case.id, "move:take", 1, on=f"R{day.year - 2018}.{day.month}.{day.day}")
    assert now(people.yamamoto, case.id).last_day == day


@pytest.mark.parametrize(
    ("given", "said"), [("きのう", "日付として読めません"), ("令和20年1月1日", "までの日にしてください")]
)
def test_a_day_that_cannot_be_is_refused(people: People, browse: Browse, given: str, said: str) -> None:
    case = open_voice(people.yamamoto)
    refused = act(browse(people.yamamoto), case.id, "move:take", 1, on=given)
    assert refused.status_code == 422
    assert said in text_of(refused)
    assert given in refused.content.decode()


def test_the_last_move_is_taken_back_with_a_reason(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    act(client, case.id, "move:take", 1)
    assert act(client, case.id, "undo", 2, reason="").status_code == 422
    act(client, case.id, "undo", 2, reason="押し間違えた。")
    assert now(people.yamamoto, case.id).state == "received"
    assert "「対応を始める」を取り消した" in text_of(client.get(page_of(case.id)))


def test_moves_nobody_declared_and_forms_without_a_sequence_are_refused(
    people: People, browse: Browse
) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    assert act(client, case.id, "move:erase", 1).status_code == 422
    assert act(client, case.id, "erase", 1).status_code == 403
    assert client.post(reverse("case_do", args=[case.id]), {"act": "claim"}).status_code == 403
    assert client.get(reverse("case_do", args=[case.id])).status_code == 302
    assert now(people.yamamoto, case.id).sequence == 1


def test_a_checker_assigns_and_a_clerk_does_not(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    assert "割り当てる" not in text_of(browse(people.yamamoto).get(page_of(case.id)))
    assert act(browse(people.yamamoto), case.id, "assign", 1, to="35-yamada").status_code == 422
    assert act(browse(people.yamada), case.id, "assign", 1, to="13-azuma").status_code == 422
    act(browse(people.yamada), case.id, "assign", 1, to="35-yamamoto")
    assert now(people.yamamoto, case.id).owner == "35-yamamoto"
    act(browse(people.yamamoto), case.id, "release", 2)
    assert now(people.yamamoto, case.id).owner is None


# ---- beside the queue --------------------------------------------------------------------------------------------


def test_after_a_move_the_next_case_of_the_queue_is_shown(people: People, browse: Browse) -> None:
    first, second, third = open_notices(people.yamamoto, 3)
    client = browse(people.yamamoto)
    for case in (first, third):
        act(client, case.id, "decide", 1)
    act(browse(people.yamada), second.id, "claim", 1)

    response = beside(client, first.id, "move:select", 2, "state=listed")
    shown = response.content.decode()
    assert f'data-case="{third.id}"' in shown
    assert "を「決裁待ち」にしました。" in text_of(response)
    assert f'id="row-{first.id}"' in shown
    assert 'hx-swap-oob="true" class="muted"' in shown
    assert response["HX-Push-Url"].endswith(f"?state=listed&case={third.id}")

    last = beside(client, third.id, "move:select", 2, "state=listed")
    assert "この一覧の案件は、ここまでです。" in text_of(last)


def test_what_is_no_move_stays_with_the_case_and_updates_its_row(people: People, browse: Browse) -> None:
    first, _ = open_notices(people.yamamoto, 2)
    response = beside(browse(people.yamamoto), first.id, "claim", 1, "")
    shown = response.content.decode()
    assert f'data-case="{first.id}"' in shown
    assert f'id="row-{first.id}"' in shown
    assert f'value="{first.id}:2"' in shown


def test_a_refusal_beside_the_queue_is_shown_there(people: People, browse: Browse) -> None:
    first, _ = open_notices(people.yamamoto, 2)
    act(browse(people.yamada), first.id, "claim", 1)
    refused = beside(browse(people.yamamoto), first.id, "decide", 1, "")
    assert refused.status_code == 409
    assert f'data-case="{first.id}"' in refused.content.decode()
    assert "ほかの人がこの案件を変えました" in text_of(refused)


def test_without_javascript_a_move_goes_on_to_the_next_case_of_the_queue(
    people: People, browse: Browse
) -> None:
    first, second = (open_voice(people.yamamoto, key, days_ago=2) for key in ("A", "B"))
    order = sorted([first, second], key=lambda c: c.id)
    client = browse(people.yamamoto)
    went = act(client, order[0].id, "move:take", 1, list="state=received")
    assert went["Location"] == page_of(order[1].id, list="state=received")
    ended = act(client, order[1].id, "move:take", 1, list="state=received")
    assert ended["Location"] == f"{reverse('queue', args=[VOICE.id])}?state=received"


# ---- correcting --------------------------------------------------------------------------------------------------


def amended(
    client: Client, case: str, expected: int, reason: str = "聞き直したため。", **changes: str
) -> Any:
    """Send the form that corrects a voice."""
    given = {**voice(), "wants_answer": "true", "answer_by": "", **changes}
    return client.post(
        reverse("case_amend", args=[case]),
        {**{f"content-{k}": v for k, v in given.items()}, "reason": reason, "expected": str(expected)},
    )


def test_a_correction_changes_what_was_asked_and_drops_the_decision(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    act(client, case.id, "decide", 1)
    assert amended(client, case.id, 2, about="cards", improve_by="R9.3.31").status_code == 302
    found = now(people.yamamoto, case.id)
    content: Any = found.content_as(VOICE)
    assert (content.about, content.improve_by) == ("cards", date(2027, 3, 31))
    assert found.decision is None
    shown = text_of(client.get(page_of(case.id)))
    assert "対象業務： 変更前 現金給付 → 変更後 資格・資格確認書・任意継続" in shown
    assert "聞き直したため。" in shown


def test_the_form_begins_with_the_content_as_it_is(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto, improve_by="2027-03-31")
    shown = browse(people.yamamoto).get(reverse("case_amend", args=[case.id])).content.decode()
    assert "申請から支給までの日数が長い。" in shown
    assert 'value="令和9年3月31日"' in shown


def test_what_does_not_fit_is_said_beside_its_field(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    bad = amended(client, case.id, 1, reason="", about="moon", said=" ", improve_by="3月")
    shown = text_of(bad)
    assert bad.status_code == 422
    assert "対象業務：" in shown
    assert "申出の内容：" in shown
    assert "改善期限： 日付として読めません" in shown.replace("：日付", "： 日付")
    assert now(people.yamamoto, case.id).sequence == 1


def test_a_correction_overtaken_by_another_keeps_what_was_typed(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    amended(browse(people.yamada), case.id, 1, about="checkups")
    typed = "窓口で聞いたことを書き足した。"
    refused = amended(browse(people.yamamoto), case.id, 1, found=typed)
    assert refused.status_code == 409
    assert typed in refused.content.decode()
    assert "健診" in text_of(refused)
    again = amended(browse(people.yamamoto), case.id, refused.context["expected"], found=typed)
    assert again.status_code == 302


def test_once_signed_nothing_is_corrected_and_the_page_says_so(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    client = browse(people.yamamoto)
    act(client, case.id, "decide", 1)
    act(client, case.id, "move:select", 2)
    shown = text_of(client.get(reverse("case_amend", args=[case.id])))
    assert "決裁の途中なので、内容の訂正ができません" in shown
    assert "訂正する" not in text_of(client.get(page_of(case.id)))


def test_what_is_made_from_the_lake_is_kept_by_a_correction(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    given = {"content-age": "６１", "reason": "年齢の誤り。", "expected": "1"}
    browse(people.yamamoto).post(reverse("case_amend", args=[case.id]), given)
    content: Any = now(people.yamamoto, case.id).content_as(NOTICE)
    assert content.age == 61
    assert content.notice.saving == 1010


# ---- opening by hand ---------------------------------------------------------------------------------------------


def new(client: Client, subject: str = "", **more: str) -> Any:
    """Send the form that opens a voice."""
    given = {**voice(), "wants_answer": "false"} | {
        k: v for k, v in more.items() if k not in ("received_on", "key", "claim")
    }
    opening = {k: more[k] for k in ("received_on", "key", "claim") if k in more}
    return client.post(
        reverse("case_new", args=[VOICE.id]),
        {
            "received_on": f"{timezone.localdate():%Y-%m-%d}",
            **{f"content-{k}": v for k, v in given.items()},
            **opening,
            "subject": subject,
        },
    )


def test_a_voice_is_taken_down_and_gets_the_next_number_of_its_day(people: People, browse: Browse) -> None:
    client = browse(people.yamamoto)
    assert new(client).status_code == 302
    assert new(client, claim="on").status_code == 302
    day = f"{timezone.localdate():%Y%m%d}"
    with acting(people.yamamoto.actor):
        rows = list(CaseRow.objects.order_by("key").values_list("key", "owner"))
    assert rows == [(f"{day}-1", None), (f"{day}-2", "35-yamamoto")]


def test_the_day_of_receipt_may_be_in_wareki_and_not_in_the_future(people: People, browse: Browse) -> None:
    client = browse(people.yamamoto)
    assert new(client, received_on="令和8年5月1日").status_code == 302
    with acting(people.yamamoto.actor):
        assert CaseRow.objects.get().received_on == date(2026, 5, 1)
    refused = new(client, received_on="令和30年5月1日")
    assert refused.status_code == 422
    assert "今日より後です" in text_of(refused)


def test_a_number_of_another_register_is_used_once(people: People, browse: Browse) -> None:
    client = browse(people.yamamoto)
    new(client, key="苦情-12")
    refused = new(client, key="苦情-12")
    assert refused.status_code == 422
    assert "すでにあります" in text_of(refused)
    assert new(client, said="").status_code == 422
    with acting(people.yamamoto.actor):
        assert CaseRow.objects.count() == 1


def test_the_subject_is_somebody_the_vault_of_the_branch_knows(people: People, browse: Browse) -> None:
    client = browse(people.yamamoto)
    for branch, name in (("35", "見本 花子"), ("13", "架空 太郎")):
        account = people.yamamoto if branch == "35" else people.azuma
        with acting(account.actor):
            VaultIdentity.objects.create(
                branch=branch, subject_kind=Subject.MEMBER, subject=member(name), sealed=b"x", key_id="k"
            )
    assert new(client, member("架空 太郎")).status_code == 422
    assert "選んであります" in text_of(
        client.get(reverse("case_new", args=[VOICE.id], query={"subject": member("見本 花子")}))
    )
    assert new(client, member("見本 花子")).status_code == 302
    with acting(people.yamamoto.actor):
        assert CaseRow.objects.get().subject == member("見本 花子")


def test_kinds_of_a_list_and_of_others_are_not_opened_by_hand(people: People, browse: Browse) -> None:
    assert browse(people.yamamoto).get(reverse("case_new", args=[NOTICE.id])).status_code == 404
    assert browse(people.yamamoto).get(reverse("case_new", args=["x"])).status_code == 404
    assert browse(people.yamazaki).get(reverse("case_new", args=[VOICE.id])).status_code == 403
    assert looking_at(browse(people.honda), "35").get(reverse("case_new", args=[VOICE.id])).status_code == 403


# ---- what is written down, and what it costs ---------------------------------------------------------------------


def test_that_a_case_was_opened_is_written_down_once_a_day_for_each_person(
    people: People, browse: Browse
) -> None:
    case = open_voice(people.yamamoto)
    for who in (people.yamamoto, people.yamamoto, people.yamada):
        browse(who).get(page_of(case.id))
    with acting(people.yamamoto.actor):
        rows = AuditRow.objects.filter(what=audit.What.CASE_OPENED).values_list("actor", "case")
        assert sorted(rows) == [("35-yamada", case.id), ("35-yamamoto", case.id)]


def test_a_page_costs_the_same_whatever_has_happened(people: People, browse: Browse) -> None:
    case, other = open_notices(people.yamamoto, 2)
    with acting(people.yamamoto.actor):
        for n in range(30):
            casework.act(case.id, cases.comment, f"{n}回目の電話。", expected=None)
    client = browse(people.yamamoto)
    counts = []
    for one in (case, other, case):
        with counted() as asked:
            assert client.get(page_of(one.id, list="state=listed")).status_code == 200
        counts.append(len(asked))
    first, fewer, again = counts
    assert first == fewer
    assert first <= 11
    assert again < first


# ---- odd kinds ---------------------------------------------------------------------------------------------------


def test_a_chart_of_the_content_is_drawn(
    people: People, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {"mark": "bar", "data": {"values": [{"m": "4月", "r": 1}]}, "encoding": {"x": {"field": "m"}}}
    drawn = Document("図", (Chart("推移", spec, "4月は1"),))
    monkeypatch.setitem(CASEKINDS, NOTICE.id, replace(NOTICE, page=lambda content: drawn))
    (case,) = open_notices(people.yamamoto)
    client = browse(people.yamamoto)
    assert reverse("case_chart", args=[case.id, 1]) in client.get(page_of(case.id)).content.decode()
    picture = client.get(reverse("case_chart", args=[case.id, 1]))
    assert picture["Content-Type"] == "image/svg+xml"
    assert picture.content.startswith(b"<svg")
    assert client.get(reverse("case_chart", args=[case.id, 2])).status_code == 404
    assert browse(people.azuma).get(reverse("case_chart", args=[case.id, 1])).status_code == 404


def test_a_content_of_an_older_version_is_shown_as_it_was_written(
    people: People, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = open_voice(people.yamamoto)

    class Newer(VOICE.content):
        """A voice with one thing more to say."""

        mood: int = Field(title="印象")

    monkeypatch.setitem(CASEKINDS, VOICE.id, replace(VOICE, content=Newer, version=2))
    client = browse(people.yamamoto)
    shown = text_of(client.get(page_of(case.id)))
    assert "前の版（1）の内容" in shown
    assert "申請から支給までの日数が長い。" in shown
    assert act(client, case.id, "move:take", 1).status_code == 302


def test_stops_and_letters_of_a_kind_with_a_chain_of_three(
    people: People, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CASEKINDS, CLAIM.id, CLAIM)
    account = Account.objects.make("35-yamabe", "山口支部の山辺", "35", ["operations_clerk"], "x" * 12)  # type: ignore[list-item]
    event = cases.open_case(
        CLAIM,
        branch="35",
        key="C-1",
        content={"days": 10, "daily": 5000},
        received_on=timezone.localdate(),
        actor=account.actor,
        when=timezone.now(),
        subject="m1",
    )
    with acting(account.actor):
        casework.start(event)
    client = browse(account)
    shown = text_of(client.get(page_of(event.case)))
    assert "審査者 ：いまここ" in shown
    act(client, event.case, "move:inquire", 1)
    assert "今は止まっていて、再開すると続きから数えます" in text_of(client.get(page_of(event.case)))
    act(client, event.case, "move:answered", 2)
    act(client, event.case, "decide", 3)
    decided = text_of(client.get(page_of(event.case)))
    assert "支給額 35,000円" in decided
    assert "7 × 5000" in decided


# ---- the deadline in words ---------------------------------------------------------------------------------------


def claim_on(day: date, *moves: tuple[str, date], days: int = 10) -> Case:
    """A toy claim received on a day, with moves."""
    from tests.casekinds import Desk

    desk = Desk(day, days)
    desk.tell(*(f"{on} 佐藤 {title}" for title, on in moves))
    return desk.case


@pytest.mark.parametrize(
    ("case", "today", "words"),
    [
        (claim_on(date(2023, 5, 8)), date(2023, 5, 10), "令和5年5月22日まで、今日を含めずあと8営業日です（10営業日のうち2営業日を使いました）。"),
        (claim_on(date(2023, 5, 8)), date(2023, 5, 22), "令和5年5月22日まで、今日が最後の営業日です（10営業日のうち10営業日を使いました）。"),
        (claim_on(date(2023, 5, 8)), date(2023, 5, 24), "令和5年5月22日の期限を2営業日過ぎています（10営業日のうち12営業日を使いました）。"),
        (claim_on(date(2023, 5, 8), ("照会する", date(2023, 5, 10))), date(2023, 6, 10), "今は止まっていて、再開すると続きから数えます（10営業日のうち2営業日を使いました）。"),
        (claim_on(date(2023, 5, 8), ("返戻する", date(2023, 5, 10))), date(2023, 6, 10), "今は止まっていて、再開するとはじめから数え直します（10営業日のうち2営業日を使いました）。"),
    ],
)  # fmt: skip
def test_the_deadline_is_told_in_words(case: Case, today: date, words: str) -> None:
    assert clock_words(CLAIM, case, today) == words


def test_events_of_the_office_stay_a_whole_history(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    act(client, case.id, "claim", 1)
    act(client, case.id, "comment", 2, text="確認中。")
    act(client, case.id, "move:take", 3)
    with acting(people.yamamoto.actor):
        row = CaseRow.objects.get(id=case.id)
        events = [casework.event_of(e) for e in EventRow.objects.filter(case=case.id).order_by("sequence")]
        assert casework.faults_of(row, events) == []
