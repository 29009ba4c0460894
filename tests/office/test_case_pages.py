"""A case is worked on its page: looked at, claimed, decided, moved, corrected, undone — by who may, on what they saw."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.test import Client
from django.urls import reverse
from tests.office_cases import now, open_notices
from tests.offices import People

from kenpo.office.models import Account

Browse = Callable[[Account], Client]


def page_of(case: str, query: str = "") -> str:
    return reverse("case", args=[case]) + query


def act(client: Client, case: str, what: str, expected: int, **more: str):  # type: ignore[no-untyped-def]
    return client.post(reverse("case_do", args=[case]), {"act": what, "expected": str(expected), **more})


def text_of(response) -> str:  # type: ignore[no-untyped-def]
    plain = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", plain)


def test_a_notice_is_worked_from_the_list_to_the_letter(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    clerk, head = browse(people.yamamoto), browse(people.yamane)

    shown = text_of(clerk.get(page_of(case.id)))
    assert "1品目 軽減額 1,010円" in shown
    assert "送るかどうかを判断し、送る人を選ぶ" in shown
    assert "それを相当とする判断が要ります" in shown

    act(clerk, case.id, "claim", 1)
    act(clerk, case.id, "decide", 2)
    assert "対象年齢で、軽減額が基準以上のため送る" in text_of(clerk.get(page_of(case.id)))
    done = act(clerk, case.id, "move:select", 3)
    assert done.status_code == 302

    after = act(head, case.id, "move:approve", 4)
    assert after.status_code == 302
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
