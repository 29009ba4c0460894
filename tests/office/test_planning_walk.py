"""A planner's round of the plan, in real Chromium: what is off its path and why, whom to act on, what was done and comes next,
the report with three signatures, and its documents — each with the figure of the page, to the digit.

The tests stand in the order of the work; each goes on where the one before left things.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from docx import Document
from openpyxl import load_workbook
from playwright.sync_api import Playwright, expect
from pptx import Presentation
from tests.branches import TwoBranches
from tests.full_branch import PERIOD, PLAN, write_plan
from tests.offices import FreshOffice
from tests.walks import Walks, chromium, hire, served, shots

from kenpo.plan.model import Kpi
from kenpo.plan.store import Plans

YAMAMOTO, YAMADA, HEAD, AZUMA = "35-yamamoto", "35-yamada", "35-yamaguchi", "13-azuma"
PEOPLE = (
    (YAMAMOTO, "山口支部の山本", "35", "planning_clerk"),
    (YAMADA, "山口支部の山田", "35", "planning_checker"),
    (HEAD, "山口支部の山口支部長", "35", "branch_head"),
    (AZUMA, "東京支部の東", "13", "planning_clerk"),
)
GENERICS, VISITS = "generic_volume_share", "receipts_per_member"
REPORT = f"/plans/{PLAN}/{PERIOD}/"
TITLE, VISITS_TITLE = "ジェネリック使用割合", "加入者1人当たりの受診率"
FULL_TITLE = "ジェネリック医薬品使用割合"
DONE, NEXT = "軽減額の通知を48通送った。", "下期は薬局への訪問を始める。"
FORMS = {"Word": "docx", "Excel": "xlsx", "PowerPoint": "pptx", "PDF": "pdf", "HTML": "html"}


@pytest.fixture(scope="module")
def office(module_office: FreshOffice, both: TwoBranches) -> FreshOffice:
    """An office with the lake of two branches and the plan of 山口支部."""
    folder = module_office.home.parent
    made = FreshOffice(module_office.home, {**module_office.environ, "KENPO_MFA": "1"})
    shutil.copytree(both.lake_path, folder / "lake")
    shutil.copy(both.lake_path.parent / "member.key", folder / "member.key")
    write_plan(folder / "plans")
    _aim_at_visits_too(Plans(folder / "plans"))
    hire(made, *PEOPLE)
    return made


def _aim_at_visits_too(there: Plans) -> None:
    """A second KPI in the plan, one whose gap a branch as small as this can split."""
    plan = there.plan(PLAN)
    (pillar,) = plan.pillars
    (own,) = pillar.initiatives
    visits = Kpi.model_validate(
        {
            "measure": VISITS,
            "text": VISITS_TITLE,
            "unit": "件/人",
            "target": {"kind": "at_most", "value": "0.6000"},
        }
    )
    own = own.model_copy(update={"kpis": (*own.kpis, visits)})
    there.save(plan.model_copy(update={"pillars": (pillar.model_copy(update={"initiatives": (own,)}),)}))


@pytest.fixture(scope="module")
def walks(office: FreshOffice, playwright: Playwright) -> Iterator[Walks]:
    """The office, served, and everybody's browser. At the end nobody complained and nothing came from elsewhere."""
    with chromium(playwright) as browser, served(office, office.home.parent) as url:
        made = Walks(url, browser, shots())
        yield made
        made.close()
        assert "\n".join(made.complaints) == ""
        assert made.asked == {url.removeprefix("http://")}


@dataclass(frozen=True)
class Figures:
    """What the page 計画の進捗 shows of the two KPIs: 80.1％ and 0.6148件/人."""

    generics: str
    visits: str

    @property
    def both(self) -> tuple[str, str]:
        return self.generics, self.visits


@pytest.fixture(scope="module")
def figures(walks: Walks) -> Figures:
    """The figures as the planner sees them first."""
    page = walks.of(YAMAMOTO)
    page.get_by_role("link", name="計画の進捗", exact=True).first.click()
    shown = [
        page.get_by_role("row", name=re.compile(title)).locator("td[data-label=実績] .strong").inner_text()
        for title in (TITLE, VISITS_TITLE)
    ]
    assert re.fullmatch(r"\d+\.\d％", shown[0]) and re.fullmatch(r"\d\.\d{4}件/人", shown[1])
    return Figures(*shown)


# ---- why --------------------------------------------------------------------------------------------------------------


def test_a_planner_sees_which_kpi_is_off_its_path(walks: Walks, figures: Figures) -> None:
    page = walks.of(YAMAMOTO)
    walks.look(page, "計画の進捗_未達のKPI")
    page.get_by_role("main").get_by_role("link", name=re.compile("下回っている")).click()
    row = page.get_by_role("row", name=re.compile(VISITS_TITLE))
    expect(row.get_by_text("未達", exact=True)).to_be_visible()
    row.get_by_role("link", name=VISITS_TITLE).click()
    expect(page.get_by_role("heading", name=VISITS_TITLE, level=1)).to_be_visible()


def test_she_finds_where_the_gap_comes_from(walks: Walks, figures: Figures) -> None:
    page = walks.of(YAMAMOTO)
    expect(page.get_by_role("heading", name="差はどこから来ているか")).to_be_visible()
    page.get_by_role("link", name="居住市区町村", exact=True).click()
    expect(page.get_by_text(re.compile(f"{figures.visits} と 目標 0.6000件/人 との差は"))).to_be_visible()
    table = page.get_by_role("region", name="差の内訳")
    expect(table.get_by_role("rowheader", name="下関市")).to_be_visible()
    walks.look(page, "差の内訳_市区町村")
    parts = [one.split()[-1] for one in table.locator("td[data-label=差への寄与]").all_inner_texts()]
    (gap,) = re.findall(r"との差は\s*([+-][\d.]+)件/人\s*です", page.get_by_role("main").inner_text())
    assert abs(sum(map(Decimal, parts)) - Decimal(gap)) <= Decimal("0.00001") * len(parts)


def test_a_rate_of_members_is_not_split_by_institutions_and_the_page_says_how_else(walks: Walks) -> None:
    page = walks.of(YAMAMOTO)
    page.get_by_role("link", name="医療機関・薬局", exact=True).click()
    expect(page.get_by_text("医療機関・薬局では分けられません")).to_be_visible()
    expect(page.get_by_text(re.compile("居住市区町村.*でも分けてみてください"))).to_be_visible()


def test_small_numbers_are_not_split_and_the_page_says_where_to_go_on(walks: Walks, figures: Figures) -> None:
    page = walks.of(YAMAMOTO)
    page.get_by_role("navigation", name="現在の位置").get_by_role("link", name="計画の進捗").click()
    page.get_by_role("main").get_by_role("link", name=TITLE).click()
    expect(page.get_by_text(re.compile(f"{figures.generics} と 目標 82.0％ との差は"))).to_be_visible()
    expect(page.get_by_text("医療機関・薬局では分けて示しません")).to_be_visible()
    walks.look(page, "KPIのページ_差を分けて示せない")
    page.get_by_role("complementary").get_by_role("link", name="数値の出所と内訳").click()
    expect(page.get_by_role("heading", name="内訳", exact=True)).to_be_visible()
    assert page.url.endswith(f"/figures/{GENERICS}/")
    expect(page.get_by_text(figures.generics.replace("％", "%")).first).to_be_visible()


def test_the_page_of_the_figure_splits_what_may_be_split(walks: Walks) -> None:
    page = walks.of(YAMAMOTO)
    page.goto(f"/figures/{VISITS}/")
    page.get_by_role("navigation", name="内訳の分け方").get_by_role("link", name="診療種別").click()
    table = page.locator("#parts-job table")
    expect(table).to_be_visible(timeout=30_000)
    expect(table.get_by_role("row", name=re.compile("入院外"))).to_be_visible()
    walks.look(page, "指標の内訳")


def test_the_kpi_leads_to_whom_to_act_on(walks: Walks) -> None:
    page = walks.of(YAMAMOTO)
    page.goto(f"/board/{GENERICS}/")
    page.get_by_role("complementary").get_by_role("link", name="軽減額通知の対象者").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("軽減額通知の対象者")
    expect(page.get_by_role("link", name=re.compile("案件を始める")).first).to_be_visible()
    assert page.get_by_role("row").count() > 1
    walks.look(page, "KPIからの対象者リスト")


# ---- the report ---------------------------------------------------------------------------------------------------------


def test_she_writes_what_was_done_and_what_comes_next_and_submits(walks: Walks, figures: Figures) -> None:
    page = walks.of(YAMAMOTO)
    page.goto(f"/board/{GENERICS}/")
    page.get_by_role("link", name="令和7年度上期の進捗報告").click()
    expect(page.get_by_text("次の取組が書かれていません").last).to_be_visible()
    walks.look(page, "進捗報告_作成中")
    page.get_by_role("link", name=re.compile("進捗を書く")).click()
    walks.look(page, "進捗を書く")
    page.get_by_label("実施したこと").fill(DONE)
    page.get_by_label("実施状況の記号").select_option("△")
    page.get_by_label(f"KPI「{FULL_TITLE}」の分析").fill("先発医薬品を希望する人が多い。")
    page.get_by_label("今後の予定").fill(NEXT)
    page.get_by_role("button", name="進捗を記録する").click()
    expect(page.get_by_text("の進捗を記録しました")).to_be_visible()
    main = page.get_by_role("main")
    for said in (DONE, NEXT, *figures.both):
        expect(main.get_by_text(said).first).to_be_visible()
    main.get_by_role("link", name="提出する").click()
    walks.look(page, "進捗報告_提出の確認")
    page.get_by_role("button", name="提出する").click()
    expect(page.get_by_text("進捗報告を提出しました")).to_be_visible()
    expect(page.get_by_text(re.compile("企画総務グループの確認者が内容を確かめます"))).to_be_visible()
    expect(main.get_by_role("link", name="確認する")).to_have_count(0)
    walks.look(page, "進捗報告_提出済み")


def test_another_person_checks_it(walks: Walks) -> None:
    page = walks.of(YAMADA)
    page.get_by_role("link", name="事業計画", exact=True).first.click()
    walks.look(page, "事業計画_提出された報告")
    page.get_by_role("region", name="計画と進捗報告").get_by_role("link", name="令和7年度上期").click()
    page.get_by_role("main").get_by_role("link", name="確認する").click()
    page.get_by_role("button", name="確認する").click()
    expect(page.get_by_text("進捗報告を確認しました")).to_be_visible()
    expect(page.get_by_text(re.compile("決裁者か支部長が確定します"))).to_be_visible()


def test_the_head_of_the_branch_finishes_what_is_shown_first(walks: Walks, figures: Figures) -> None:
    page = walks.of(HEAD)
    page.goto(REPORT)
    page.get_by_role("main").get_by_role("link", name="確定する").click()
    table = page.get_by_role("region", name="確定する数値")
    for figure in figures.both:
        expect(table.get_by_text(figure, exact=True)).to_be_visible()
    walks.look(page, "進捗報告_確定の確認")
    page.get_by_role("button", name="確定する").click()
    expect(page.get_by_text("進捗報告を確定しました")).to_be_visible()
    expect(page.get_by_role("link", name="進捗を書く")).to_have_count(0)
    walks.look(page, "進捗報告_確定")


# ---- the same figure everywhere ------------------------------------------------------------------------------------------


def test_every_document_says_what_the_page_says(walks: Walks, figures: Figures) -> None:
    page = walks.of(YAMAMOTO)
    page.goto(REPORT)
    shown = page.get_by_role("main").inner_text()
    assert all(figure in shown for figure in figures.both)
    for document, words in (("進捗報告", (TITLE, DONE, NEXT)), ("評議会資料", (TITLE, NEXT))):
        for name, form in FORMS.items():
            with page.expect_download() as saved:
                page.get_by_role("link", name=re.compile(rf"{name}\s*（{document}）")).click()
            file = saved.value
            assert file.suggested_filename == f"山口支部_{PERIOD}_{document}.{form}"
            said = READERS[form](Path(file.path()))
            for word in (*words, *figures.both):
                assert word in said, f"{file.suggested_filename}: {word}"


def test_the_board_says_it_and_that_it_is_final(walks: Walks, figures: Figures) -> None:
    page = walks.of(YAMAMOTO)
    page.goto("/board/")
    expect(page.get_by_text("確定した報告")).to_be_visible()
    for figure in figures.both:
        expect(page.get_by_text(figure, exact=True).first).to_be_visible()


def test_the_api_says_it_to_a_program_with_a_key_from_the_page(walks: Walks, figures: Figures) -> None:
    page = walks.of(YAMAMOTO)
    page.locator("summary").filter(has_text="利用者のメニュー").click()
    page.get_by_role("link", name="アカウント").click()
    page.get_by_role("link", name="APIの鍵").click()
    page.get_by_role("link", name="鍵を発行する").click()
    page.get_by_label("使いみち").fill("評議会の資料")
    page.get_by_label("計画と進捗を読む").check()
    page.get_by_label("指標を読む").check()
    page.get_by_role("button", name="発行する").click()
    key = page.locator("dd code").inner_text()
    walks.looked_at["APIの鍵_発行"] = "/me/tokens/new/"

    board = _asked(f"{walks.url}/api/v1/plans/{PLAN}/board?period={PERIOD}", key)
    assert board["frozen"]
    assert [row["shown"] for row in board["rows"]] == [*figures.both]
    rates = _asked(f"{walks.url}/api/v1/measures/{GENERICS}/figures?of=35&first=2025-06", key)
    assert [f"{one['rate']}％" for one in rates] == [figures.generics]


def _asked(address: str, key: str) -> Any:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_the_terminal_says_it(office: FreshOffice, figures: Figures) -> None:
    board = office.run("plan", "board", PLAN, "--period", PERIOD, COLUMNS="200")
    assert board.returncode == 0, board.stderr
    assert "確定" in board.stdout
    assert all(figure in board.stdout for figure in figures.both)
    shown = office.run("show", GENERICS, "--branch", "35", "--month", "2025-06", COLUMNS="200")
    assert figures.generics.replace("％", "%") in shown.stdout


# ---- taken back ----------------------------------------------------------------------------------------------------------


def test_the_freeze_is_taken_back_only_with_a_reason(walks: Walks) -> None:
    page = walks.of(HEAD)
    page.goto(REPORT)
    page.get_by_role("main").get_by_role("link", name="確定を取り消す").click()
    page.get_by_label("理由").evaluate("field => field.required = false")
    page.get_by_role("button", name="確定を取り消す").click()
    expect(page.get_by_role("alert").first).to_contain_text("理由を書いてください。")
    walks.look(page, "確定の取消_理由がない")
    page.get_by_label("理由").fill("分析を書き足すため。")
    page.get_by_role("button", name="確定を取り消す").click()
    expect(page.get_by_text("確定を取り消しました").first).to_be_visible()
    expect(page.get_by_text("分析を書き足すため。").first).to_be_visible()
    walks.look(page, "進捗報告_確定を取り消した")


# ---- those from elsewhere --------------------------------------------------------------------------------------------------


def test_azuma_of_tokyo_sees_none_of_it_even_with_the_addresses(walks: Walks, figures: Figures) -> None:
    page = walks.of(AZUMA)
    refused = (REPORT, f"{REPORT}told/1/①/", f"{REPORT}step/submit/", f"/plans/{PLAN}/", f"/board/{GENERICS}/",
               f"/board/{VISITS}/gap/?by=residence&against=target", "/board/?period=2025H1")  # fmt: skip
    for place in refused:
        answer = page.goto(place)
        said = page.content()
        assert answer and (answer.status == 404 or "計画がまだありません" in said), place
        assert not any(word in said for word in ("コマドリ", DONE, NEXT, *figures.both)), place
    for document in ("progress", "summary"):
        for form in FORMS.values():
            assert page.request.get(f"{REPORT}{document}.{form}").status == 404
    page.goto(f"/figures/{VISITS}/?by=care")
    assert "山口支部の値" not in page.content()


# ---- reading documents -----------------------------------------------------------------------------------------------------


def _word(file: Path) -> str:
    document = Document(str(file))
    cells = [c.text for t in document.tables for r in t.rows for c in r.cells]
    return "\n".join([*(p.text for p in document.paragraphs), *cells])


def _excel(file: Path) -> str:
    book = load_workbook(BytesIO(file.read_bytes()), read_only=True)
    rows = (row for sheet in book.worksheets for row in sheet.iter_rows(values_only=True))
    return "\n".join(str(value) for row in rows for value in row if value is not None)


def _powerpoint(file: Path) -> str:
    shapes: list[Any] = [s for slide in Presentation(str(file)).slides for s in slide.shapes]
    cells = [c.text for s in shapes if s.has_table for r in s.table.rows for c in r.cells]
    return "\n".join([*(s.text_frame.text for s in shapes if s.has_text_frame), *cells])


def _pdf(file: Path) -> str:
    document = pypdfium2.PdfDocument(file)
    text = "".join(page.get_textpage().get_text_bounded() for page in document)
    return re.sub(r"\s", "", text)


def _html(file: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", file.read_text(encoding="utf-8")))


READERS: dict[str, Callable[[Path], str]] = {
    "docx": _word, "xlsx": _excel, "pptx": _powerpoint, "pdf": _pdf, "html": _html,
}  # fmt: skip
