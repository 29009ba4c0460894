"""Lists taken out as CSV and Excel: as they stand on the screen, written down, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.http import Http404
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from tests.office_cases import NOTICE, VOICE, looking_at, open_notices, open_voice, recently
from tests.offices import People

from kenpo.frame import cases
from kenpo.frame.cases import CaseError
from kenpo.office import audit, casework, exports
from kenpo.office.acting import acting, on_duty
from kenpo.office.exports import Column, guarded, respond
from kenpo.office.models import Account, AuditRow, CaseRow

Browse = Callable[[Account], Client]


def out(client: Client, form: str, kind: str = NOTICE.id, **query: Any) -> Any:
    """Take a queue out."""
    return client.get(reverse("queue_export", args=[kind, form], query=query or None))


def rows_of(response: Any) -> list[list[str]]:
    """The rows of a CSV file."""
    data = b"".join(response)
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def sheet_of(response: Any) -> list[tuple[Any, ...]]:
    """The rows of an Excel file."""
    return list(load_workbook(io.BytesIO(b"".join(response))).worksheets[0].iter_rows(values_only=True))


def numbers(client: Client, **query: Any) -> list[str]:
    """The numbers of the cases a queue lists."""
    shown = client.get(reverse("queue", args=[NOTICE.id], query=query or None)).content.decode()
    return [casework.number(id) for id in re.findall(r'id="row-([0-9a-f]{32})"', shown)]


# ---- what is in it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", [{}, {"sort": "-priority"}, {"sort": "received"}, {"owner": "me"}, {"state": "sent"}]
)
def test_a_list_is_taken_out_as_it_stands_on_the_screen(
    people: People, browse: Browse, query: dict[str, str]
) -> None:
    found = open_notices(people.yamamoto, 6)
    open_notices(people.yamamoto, 3, received=date(2026, 6, 1))
    with acting(people.yamamoto.actor):
        casework.act(found[2].id, cases.claim, expected=1)
    client = recently(browse(people.yamamoto))
    expected = numbers(client, **query)
    assert [row[0] for row in rows_of(out(client, "csv", **query))[1:]] == expected
    assert [row[0] for row in sheet_of(out(client, "xlsx", **query))[1:]] == expected


def test_its_columns_say_what_the_screen_says(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    with acting(people.yamamoto.actor):
        casework.act(case.id, cases.claim, expected=1)
    heads, row = rows_of(out(recently(browse(people.yamamoto)), "csv"))
    told = dict(zip(heads, row, strict=True))
    assert told["案件番号"] == casework.number(case.id)
    assert told["案件"] == "1品目　軽減額 1,010円（令和8年3月診療分）"
    assert (told["状態"], told["担当"], told["優先順位"]) == ("発送前", "山口支部の山本", "1")
    assert told["受付日"] == case.received_on.isoformat()
    assert told["理由"] == "軽減額が基準以上"


def test_nobodys_key_is_in_it(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    client = recently(browse(people.yamamoto))
    for data in (b"".join(out(client, "csv")), str(sheet_of(out(client, "xlsx"))).encode()):
        assert str(case.subject).encode() not in data
        assert case.key.encode() not in data


def test_numbers_and_days_are_numbers_and_days_in_excel(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    heads, row = sheet_of(out(recently(browse(people.yamamoto)), "xlsx"))
    told = dict(zip(heads, row, strict=True))
    assert told["優先順位"] == 1
    assert told["受付日"] == datetime.combine(case.received_on, datetime.min.time())


# ---- harmless ----------------------------------------------------------------------------------------------------


@given(st.text(max_size=20))
def test_no_text_begins_as_a_formula_does(text: str) -> None:
    kept = guarded(text)
    assert kept == "－" or kept[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
    assert kept.endswith(text)


def test_formulas_stay_text_in_both_forms(people: People) -> None:
    columns = [Column("文", lambda r: r), Column("数", lambda r: -1)]
    with acting(people.yamamoto.actor):
        made = {
            f: respond("一覧", columns, lambda: ["=1+1", "@x", "－"], f, detail="例") for f in exports.FORMS
        }
    assert rows_of(made["csv"])[1:] == [["'=1+1", "-1"], ["'@x", "-1"], ["－", "-1"]]
    book = load_workbook(io.BytesIO(b"".join(made["xlsx"])))  # type: ignore[arg-type]
    cells = [(c.value, c.data_type) for c in book.worksheets[0]["A"][1:]]
    assert cells == [("=1+1", "s"), ("@x", "s"), ("－", "s")]


def test_moments_are_told_in_the_time_of_japan(people: People) -> None:
    at = datetime(2026, 5, 1, 0, 30, tzinfo=UTC)
    with acting(people.yamamoto.actor):
        text = respond("一覧", [Column("時", lambda r: r)], lambda: [at, None], "csv", detail="例")
        sheet = respond("一覧", [Column("時", lambda r: r)], lambda: [at], "xlsx", detail="例")
    assert rows_of(text)[1:] == [["2026-05-01 09:30"], [""]]
    assert sheet_of(sheet)[1][0] == datetime(2026, 5, 1, 9, 30)


# ---- streamed ----------------------------------------------------------------------------------------------------


def test_rows_leave_as_they_are_read(people: People) -> None:
    read: list[int] = []

    def rows() -> Iterator[int]:
        for n in range(100_000):
            read.append(n)
            yield n

    with acting(people.yamamoto.actor):
        response: Any = respond("一覧", [Column("数", lambda r: r)], rows, "csv", detail="例")
    assert response.streaming
    assert read == []
    first = next(iter(response.streaming_content))
    assert 0 < len(read) < 30_000
    assert first.startswith("\ufeff数\r\n0\r\n1\r\n".encode())


def test_rows_are_read_as_the_person_of_the_page_after_its_transaction_is_over(people: People) -> None:
    open_notices(people.yamamoto, 2)
    open_notices(people.azuma, 3)
    seen: list[tuple[str, str]] = []

    def rows() -> Iterator[CaseRow]:
        seen.append((on_duty().actor.id, on_duty().branch))
        yield from CaseRow.objects.iterator(1)

    with acting(people.honda.actor, "35"):
        response = respond("一覧", [Column("件", lambda r: r.branch)], rows, "csv", detail="例")
    assert rows_of(response)[1:] == [["35"], ["35"]]
    assert seen == [("00-honda", "35")]
    with pytest.raises(RuntimeError):
        on_duty()


def test_what_excel_cannot_hold_is_refused(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_MOST_XLSX", 3)
    with acting(people.yamamoto.actor):
        assert respond("一覧", [Column("数", lambda r: r)], lambda: range(3), "xlsx", detail="例")
        with pytest.raises(CaseError, match="CSV で"):
            respond("一覧", [Column("数", lambda r: r)], lambda: range(4), "xlsx", detail="例")
        with pytest.raises(Http404):
            respond("一覧", [], list, "exe", detail="例")


# ---- who may -----------------------------------------------------------------------------------------------------


def test_the_password_is_asked_for_again_first(people: People, browse: Browse) -> None:
    open_notices(people.yamamoto)
    client = browse(people.yamamoto)
    asked = out(client, "csv", state="listed")
    assert asked.status_code == 302
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    assert "state%3Dlisted" in asked["Location"]
    with acting(people.yamamoto.actor):
        assert not AuditRow.objects.filter(what=audit.What.EXPORTED).exists()


def test_that_it_was_taken_out_is_written_down_with_its_conditions(people: People, browse: Browse) -> None:
    open_notices(people.yamamoto)
    response = out(recently(browse(people.yamamoto)), "csv", state="listed")
    assert response["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert response["Cache-Control"] == "no-store"
    with acting(people.yamamoto.actor):
        entry = AuditRow.objects.get(what=audit.What.EXPORTED)
    assert entry.actor == "35-yamamoto"
    assert entry.detail == "案件の一覧「ジェネリック医薬品軽減額通知の発送」（状態 発送前）（CSV）"


def test_nobody_takes_out_what_they_do_not_see(people: People, browse: Browse) -> None:
    open_notices(people.yamamoto)
    (theirs,) = open_notices(people.azuma)
    open_voice(people.yamamoto)
    assert out(recently(browse(people.yamashita)), "csv").status_code == 403
    assert out(recently(browse(people.yamazaki)), "csv", VOICE.id).status_code == 403
    assert out(recently(browse(people.yamamoto)), "csv", "moon").status_code == 404
    assert out(recently(browse(people.yamamoto)), "pdf").status_code == 404
    assert [r[0] for r in rows_of(out(recently(browse(people.azuma)), "csv"))[1:]] == [
        casework.number(theirs.id)
    ]
    assert len(rows_of(out(recently(looking_at(browse(people.honda), "35")), "csv"))) == 2
    assert out(Client(), "csv").status_code == 302
