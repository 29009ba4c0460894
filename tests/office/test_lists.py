"""Every list of the office filters, sorts and is taken out, in one way: what is in the file is what the pages show."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import polars as pl
import pytest
from django.conf import settings
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from lxml import html
from tests.branches import TwoBranches
from tests.office.test_exports import rows_of, sheet_of
from tests.office_cases import counted, recently, text_of
from tests.offices import People
from tests.openings import KIND, MONTH, listing
from tests.openings import people as rows_of_people

from kenpo.catalogue import CASEKINDS, MEASURES, WORKLISTS
from kenpo.frame.casekind import Role
from kenpo.office import audit, lists, opening
from kenpo.office.acting import acting
from kenpo.office.lists import Column, Frame, Listing
from kenpo.office.models import (
    Account,
    AuditRow,
    LetterBatch,
    LetterRow,
    LetterRun,
    Opening,
    OpeningRow,
    OptOut,
    SealedBlob,
)

Browse = Callable[[Account], Client]
NOTICE = "generic_notice"
MANY = 60
"""Rows of each list: more than a page."""


@dataclass(frozen=True)
class Shown:
    """A list on its page: region: its name there. cell: which cell says what stands in the column of the file."""

    page: str
    region: str
    cell: int
    file: str
    column: str
    who: str = "yamamoto"


def rows_on(page: Any, of: Shown) -> list[str]:
    """What a page says in the cell of each row, of a number its digits."""
    found = html.fromstring(page.content).xpath(f"//div[@aria-label='{of.region}']//tbody/tr")
    return [_plain(re.sub(r"\s+", " ", row.xpath("./th|./td")[of.cell].text_content())) for row in found]


def _plain(text: str) -> str:
    numbered = re.search(r"（([0-9]+)番）", text)
    return numbered[1] if numbered else text.replace("加入者 ", "").replace(",", "").strip()


def all_pages(client: Client, of: Shown, **query: str) -> list[str]:
    """The rows of all pages, one page after the other."""
    found, page = [], 1
    while True:
        answer = client.get(f"{of.page}?{urlencode({**query, 'page': page})}")
        found += rows_on(answer, of)
        if 'rel="next"' not in answer.content.decode():
            return found
        page += 1


def taken_out(client: Client, of: Shown, **query: str) -> list[str]:
    """The rows of the file."""
    heads, *rows = rows_of(client.get(f"{of.file}csv?{urlencode(query)}"))
    return [row[heads.index(of.column)] for row in rows]


# ---- sixty of everything -----------------------------------------------------------------------------------------


def _day(n: int) -> date:
    return date(2026, 1, 1) + timedelta(days=n * 7 % 90)


@pytest.fixture
def full(people: People) -> People:
    """Sixty openings, runs, wishes, accounts and entries of 山口支部, and a run and an opening with sixty rows."""
    with acting(people.yamamoto.actor):
        made = Opening.objects.bulk_create(
            Opening(
                branch="35", kind=NOTICE, worklist="generic_switch", by="35-yamamoto" if n % 3 else "35-yamada",
                state="done" if n % 2 else "cancelled",
                settings={"month": f"2026-0{n % 5 + 1}-01", "capacity": None, "control_percent": "0", "quiet_days": 0,
                          "seed": "x"},
                counts={"rows": MANY, "open": MANY - n, "control": n, "over": 0, "excluded": {}, "done": MANY,
                        "day": "2026-05-01", "data": "x"},
            )
            for n in range(MANY)
        )  # fmt: skip
        OpeningRow.objects.bulk_create(
            OpeningRow(
                branch="35", opening=made[1], place=n + 1, case=f"{n:032x}", key=f"N{n}", subject=f"{n:032x}",
                priority=n + 1, reason=f"r{n % 4}", outcome="excluded" if n >= 40 else "open",
                why="opted_out" if n >= 40 else "", summary="軽減額", row={"reason_label": f"理由{n % 4}"}, done=False,
            )
            for n in range(MANY)
        )  # fmt: skip
        made[1].counts |= {"open": 40, "control": 0, "excluded": {"opted_out": 20}}
        made[1].save()
        runs = LetterRun.objects.bulk_create(
            LetterRun(
                branch="35", kind=NOTICE, letter="notice", title=f"通知{n * 7 % MANY:02}", version=1, day=_day(n),
                by="35-yamamoto", state="printed" if n % 2 else "cancelled", total=n * 11 % MANY,
            )
            for n in range(MANY)
        )  # fmt: skip
        blob = SealedBlob.objects.create(
            branch="35", what="letters", sealed=b"x", key_id="x", size=1, sha256="x"
        )
        batch = LetterBatch.objects.create(
            branch="35", run=runs[1], number=1, blob=blob, letters=MANY, pages=MANY
        )
        LetterRow.objects.bulk_create(
            LetterRow(
                branch="35", run=runs[1], case=f"{n * 7 % MANY:04x}{n:028x}", subject_kind="member", subject=f"{n:032x}",
                expected=1, number=f"山口支部発 第{n + 1:06}号", batch=batch, first_page=n + 1, last_page=n + 1,
                sent_on=date(2026, 5, 1), returned_on=_day(n) if n % 4 == 0 else None,
            )
            for n in range(MANY)
        )  # fmt: skip
        OptOut.objects.bulk_create(
            OptOut(
                branch="35", kind="" if n % 2 else NOTICE, subject_kind="member", subject=f"{n * 7 % MANY:08x}{n:024x}",
                since=_day(n), until=_day(n) + timedelta(days=1) if n % 3 == 0 else None, source="電話",
                by="35-yamamoto",
            )
            for n in range(MANY)
        )  # fmt: skip
        for _ in range(30):
            audit.record(audit.What.SEARCHED)
    Account.objects.bulk_create(
        Account(
            staff_id=f"35-hito{n:02}", name=f"架空 {n * 7 % MANY:02}番", branch="35", is_active=n % 4 > 0,
            roles=[Role.RECEIPTS_CLERK if n % 2 else Role.PLANNING_CLERK],
        )
        for n in range(MANY)
    )  # fmt: skip
    return people


def shown(people: People, name: str) -> Shown:
    """A list of the office by name."""
    with acting(people.yamamoto.actor):
        run = LetterRun.objects.order_by("pk").values_list("pk", flat=True)[1]
        begun = Opening.objects.order_by("pk").values_list("pk", flat=True)[1]
    here = "/worklists/openings/"
    return {
        "openings": Shown(here, "案件を始めた記録", 0, f"{here}export.", "番号"),
        "rows": Shown(f"{here}{begun}/", "案件を始めるの行", 0, f"{here}{begun}/rows.", "順位"),
        "runs": Shown("/letters/", "発送の記録", 0, "/letters/export.", "番号"),
        "letters": Shown(f"/letters/{run}/", "通知", 0, f"/letters/{run}/list.", "文書番号"),
        "wishes": Shown("/opt-outs/", "記録された申出", 1, "/opt-outs/export.", "相手方"),
        "accounts": Shown("/accounts/", "利用者の一覧", 1, "/accounts/export.", "職員番号", "yamazaki"),
        "audit": Shown("/audit/", "操作記録", 0, "/audit/export.", "番号", "yamaguchi"),
        "jobs": Shown("/jobs/", "処理の一覧", 0, "/jobs/export.", "処理"),
    }[name]


SORTED = [
    ("openings", {"sort": "month"}), ("openings", {"sort": "-open", "state": "done"}),
    ("rows", {"show": "open", "sort": "-priority"}), ("rows", {"show": "open", "sort": "reason"}),
    ("runs", {"sort": "title"}), ("runs", {"sort": "-total", "state": "printed", "kind": NOTICE}),
    ("letters", {"show": "printed", "sort": "case"}), ("letters", {"show": "returned", "sort": "-returned"}),
    ("wishes", {"sort": "since"}), ("wishes", {"sort": "-until", "state": "withdrawn", "kind": NOTICE}),
    ("accounts", {"sort": "name"}), ("accounts", {"role": "planning_clerk", "state": "stopped", "q": "HITO"}),
    ("audit", {"sort": "at", "what": "searched"}),
    ("jobs", {"sort": "title", "family": "letters"}), ("jobs", {"state": "ended"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "query"), SORTED)
def test_the_file_holds_what_the_pages_show_in_their_order(
    full: People, browse: Browse, name: str, query: dict[str, str]
) -> None:
    of = shown(full, name)
    client = recently(browse(getattr(full, of.who)))
    found = all_pages(client, of, **query)
    assert len(found) >= 10
    assert taken_out(client, of, **query) == found
    if sort := query.get("sort"):
        turned = sort[1:] if sort.startswith("-") else f"-{sort}"
        assert taken_out(client, of, **query | {"sort": turned}) == found[::-1]


def test_conditions_leave_what_meets_them_and_say_so(full: People, browse: Browse) -> None:
    client = recently(browse(full.yamazaki))
    page = client.get("/accounts/?role=receipts_clerk&state=stopped&q=HITO")
    found = rows_on(page, shown(full, "accounts"))
    assert found == []
    assert "条件に合う行はありません" in text_of(page) and 'href="?">条件を消す' in page.content.decode()
    page = client.get("/accounts/?role=planning_clerk&state=stopped&q=HITO")
    assert rows_on(page, shown(full, "accounts")) == [f"35-hito{n:02}" for n in range(0, MANY, 4)]
    assert "いまの条件：氏名・職員番号 HITO、役割 企画総務グループ 担当者、状態 使用停止中" in text_of(page)
    client.get("/accounts/export.csv?state=stopped").getvalue()
    with acting(full.yamazaki.actor):
        entry = AuditRow.objects.get(what=audit.What.EXPORTED)
    assert entry.detail == "利用者の一覧（状態 使用停止中）（CSV）"


@pytest.mark.parametrize(
    "name", ["openings", "rows", "runs", "letters", "wishes", "accounts", "audit", "jobs"]
)
def test_a_page_asks_few_questions_whatever_the_order(full: People, browse: Browse, name: str) -> None:
    of = shown(full, name)
    client = browse(getattr(full, of.who))
    first = client.get(of.page).content.decode()
    for link in re.findall(r'aria-sort="[a-z]+"[^>]*><a href="([^"]+)"', first):
        with counted() as asked:
            answer = client.get(
                of.page + html.fromstring(f"<a href='{link}'>x</a>").get("href").split("#")[0]
            )
        assert answer.status_code == 200 and len(asked) <= 12


@pytest.mark.parametrize(
    "name", ["openings", "rows", "runs", "letters", "wishes", "accounts", "audit", "jobs"]
)
def test_azuma_of_tokyo_takes_out_nothing_of_yamaguchi(full: People, browse: Browse, name: str) -> None:
    of = shown(full, name)
    client = recently(browse(full.azuma))
    for at in (of.page, f"{of.file}csv", f"{of.file}xlsx"):
        answer = client.get(at)
        if answer.status_code == 200 and at == of.page:
            assert rows_on(answer, of) == []
        elif answer.status_code == 200:
            rows = rows_of(answer) if at.endswith("csv") else sheet_of(answer)
            assert len(rows) == 1
        else:
            assert answer.status_code in (403, 404)


def test_a_short_list_is_shown_as_it_is(people: People, browse: Browse) -> None:
    page = browse(people.yamazaki).get("/accounts/").content.decode()
    assert "書き出す" in page
    assert "絞り込む" not in page and "aria-sort" not in page and "件目" not in page


def test_an_order_a_page_or_a_condition_that_there_is_not_is_passed_over(
    full: People, browse: Browse
) -> None:
    client = browse(full.yamamoto)
    first = rows_on(client.get("/opt-outs/"), shown(full, "wishes"))
    assert rows_on(client.get("/opt-outs/?sort=moon&page=0"), shown(full, "wishes")) == first
    last = rows_on(client.get("/opt-outs/?page=99999"), shown(full, "wishes"))
    assert len(last) == MANY - len(first)
    assert "入力を確かめてください" in text_of(client.get("/opt-outs/?state=moon"))


def test_the_rows_of_an_opening_are_taken_out_with_what_becomes_of_each(full: People, browse: Browse) -> None:
    of = shown(full, "rows")
    heads, *rows = rows_of(recently(browse(full.yamamoto)).get(f"{of.file}csv"))
    at = heads.index("どうなったか")
    assert [row[at] for row in rows] == ["案件を始めた"] * 40 + ["除外：通知を希望しない申出がある"] * 20
    assert rows[1][heads.index("挙がった理由")] == "理由1" and rows[1][heads.index("相手方")] == "00000000…"


# ---- worklists and figures ---------------------------------------------------------------------------------------


def _member(n: int) -> str:
    return f"{n * 7 % 130:08x}{n:024x}"


@pytest.fixture
def worklist(both: TwoBranches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shown:
    """A list of 130 rows of 山口 and four of 東京 in a lake."""
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=both.lake_path, home=tmp_path))
    monkeypatch.setitem(CASEKINDS, KIND.id, KIND)
    (one,) = rows_of_people(both.lake, "35", 1)
    some = [replace(one, member=_member(n), saving=n * 11 % 130, priority=n + 1) for n in range(130)]
    monkeypatch.setitem(WORKLISTS, "toy_savings", listing([*some, *rows_of_people(both.lake, "13", 4)]))
    return Shown("/worklists/toy_savings/", "試しの対象者の行", 0, "/worklists/toy_savings/export.", "順位")


@pytest.mark.parametrize(
    "query", [{}, {"sort": "saving"}, {"sort": "-member_id"}, {"q": "f0", "sort": "-saving"}]
)
def test_a_worklist_is_sorted_searched_and_taken_out_whole(
    people: People, browse: Browse, worklist: Shown, query: dict[str, str]
) -> None:
    client = recently(browse(people.yamamoto))
    found = all_pages(client, worklist, **query)
    meant = [str(n + 1) for n in range(130) if query.get("q", "") in _member(n)]
    assert sorted(found) == sorted(meant) and len(meant) > 5
    if query.get("sort", "").endswith("saving"):
        turned = "sort" in query and query["sort"].startswith("-")
        assert found == sorted(found, key=lambda n: (int(n) - 1) * 11 % 130, reverse=turned)
    assert taken_out(client, worklist, **query) == found
    excel = sheet_of(client.get(f"{worklist.file}xlsx?{urlencode(query)}"))
    assert [str(row[0]) for row in excel[1:]] == found


def test_a_row_of_a_worklist_says_in_the_file_what_it_says_on_the_page(
    people: People, browse: Browse, worklist: Shown
) -> None:
    heads, first, *_ = rows_of(recently(browse(people.yamamoto)).get(f"{worklist.file}csv?month={MONTH}"))
    assert heads == ["順位", "理由", "加入者ID", "軽減額（円）", "元のファイル", "元の行"]
    assert first == ["1", "軽減額がある", "00000000…", "0", "", "1"]


def test_azuma_takes_out_her_four_rows_and_yamashita_of_another_group_none(
    people: People, browse: Browse, worklist: Shown
) -> None:
    assert taken_out(recently(browse(people.azuma)), worklist) == ["1", "2", "3", "4"]
    assert recently(browse(people.yamashita)).get(f"{worklist.file}csv").status_code == 403
    for missing in (
        "/worklists/moon/export.csv",
        f"{worklist.file}csv?month=2001-01-01",
        f"{worklist.file}exe",
    ):
        assert recently(browse(people.yamamoto)).get(missing).status_code == 404


def test_a_worklist_is_made_once_and_lies_where_only_the_office_reads(
    people: People, browse: Browse, worklist: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browse(people.yamamoto)
    first = all_pages(client, worklist)
    (kept,) = (tmp_path / "worklists").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(opening, "run", lambda *_: pytest.fail("made again"))
    with counted() as asked:
        client.get(f"{worklist.page}?sort=saving&q=1")
    assert len(asked) <= 12
    assert all_pages(client, worklist) == first


def test_a_list_of_a_former_state_of_the_lake_is_thrown_away(
    people: People, worklist: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting(people.yamamoto.actor):
        opening.look(WORKLISTS["toy_savings"], "35", MONTH)
        monkeypatch.setattr(opening, "stamp", lambda: "new")
        opening.look(WORKLISTS["toy_savings"], "35", MONTH)
    assert [p.name.split("-")[0] for p in (tmp_path / "worklists").iterdir()] == ["new"]


def test_the_figures_are_taken_out_with_month_nation_and_rank(
    people: People, browse: Browse, both: TwoBranches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=both.lake_path))
    client = recently(browse(people.yamamoto))
    heads, *rows = rows_of(client.get(reverse("figures_export", args=["csv"])))
    assert heads == [
        "施策",
        "指標",
        "月",
        "単位",
        "山口支部",
        "全国",
        "順位",
        "順位のある支部",
        "値がない理由",
    ]
    assert [row[1] for row in rows] == re.findall(
        r'<a href="/figures/[a-z_0-9]+/">([^<]+)</a></th>', client.get("/figures/").content.decode()
    )
    assert {row[1] for row in rows} == {m.title for m in MEASURES.values()}
    share = next(row for row in rows if row[1] == MEASURES["generic_volume_share"].title)
    assert share[2] == "2025-06" and share[4] and share[5] and share[6] in ("1", "2") and share[7] == "2"
    honda = rows_of(recently(browse(people.honda)).get(reverse("figures_export", args=["csv"])))
    assert honda[0] == ["施策", "指標", "月", "単位", "全国", "値がない理由"]


# ---- a table in a file -------------------------------------------------------------------------------------------

_ROWS = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 5)), st.sampled_from(["あ", "い", "あい"])), max_size=30
)


@given(_ROWS, st.booleans(), st.sampled_from(["", "あ", "2"]))
def test_a_frame_filters_and_sorts_as_plain_python_does(
    rows: list[tuple[int | None, str]], down: bool, text: str
) -> None:
    table = pl.DataFrame(
        {"n": [n for n, _ in rows], "s": [s for _, s in rows], "at": range(len(rows))},
        schema={"n": pl.Int64, "s": pl.String, "at": pl.Float64},
    )
    frame = Frame(table).where(lists.holding(table, text)).sorted(("n",), down)
    meant = [(at, n) for at, (n, s) in enumerate(rows) if text in s or str(n) == text]
    meant.sort(key=lambda row: (row[1] is None, row[1] or 0), reverse=down)
    assert [row["at"] for row in frame] == [at for at, _ in meant]
    assert len(frame) == len(meant) and [r["at"] for r in frame.rows(2, 4)] == [at for at, _ in meant][2:4]


def test_no_more_than_ten_thousand_rows_are_paged_through_and_all_are_taken_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lists, "MOST", 100)
    rows = Frame(pl.DataFrame({"n": range(130)}))
    page = Listing(
        rows, [Column("数", lambda r: r["n"], key="n", by=("n",))], QueryDict("page=3"), "n"
    ).page()
    assert (page.first, page.last, page.count, page.next_url, page.over) == (51, 100, 130, "", True)
