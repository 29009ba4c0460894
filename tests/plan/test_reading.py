"""計画文書の読み取り: invented documents in the styles plans come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.readings import kpi_in_words, reading_in_words

from kenpo.base.document import Document, Heading, Paragraph, table
from kenpo.base.errors import ArgumentError
from kenpo.intake.documents import read_document
from kenpo.plan.model import Plan, Progress
from kenpo.plan.reading import Reading, read_plan
from kenpo.plan.reading.columns import role_of
from kenpo.plan.store import from_yaml, to_yaml
from kenpo.press import write

DOCUMENTS = Path(__file__).with_name("documents")
EXPECTED = yaml.safe_load((DOCUMENTS / "expected.yaml").read_text(encoding="utf-8"))


def read(*blocks: Any, title: str = "令和5年度東京支部事業計画") -> Reading:
    """A reading of blocks; a text stands for a paragraph."""
    made = tuple(Paragraph(b) if isinstance(b, str) else b for b in blocks)
    return read_plan(Document(title, (Paragraph(title), *made)))


def kpis(reading: Reading) -> list[str]:
    assert reading.annual is not None
    return [kpi_in_words(k) for _, k in reading.annual.kpis()]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_invented_document(name: str):
    reading = read_plan(read_document(DOCUMENTS / name))
    assert reading_in_words(reading) == EXPECTED[name]


def test_every_document_is_expected():
    assert {p.name for p in DOCUMENTS.iterdir()} == {*EXPECTED, "expected.yaml"}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_what_is_read_is_the_same_from_its_file(name: str):
    reading = read_plan(read_document(DOCUMENTS / name))
    for plan in (reading.annual, reading.action_plan):
        if plan is not None:
            assert from_yaml(to_yaml(plan), Plan, name) == plan
    if reading.progress is not None:
        assert from_yaml(to_yaml(reading.progress), Progress, name) == reading.progress


def test_no_line_of_a_document_is_lost():
    lines = (DOCUMENTS / "wrapped.txt").read_text(encoding="utf-8").splitlines()
    reading = read_plan(read_document(DOCUMENTS / "wrapped.txt"))
    assert reading.annual is not None
    held = "".join(to_yaml(reading.annual).split())
    for line in lines:
        text = "".join(line.split()).lstrip("■①②③④⑤⑥・").removeprefix("KPI：").lstrip("（123）１２３")
        if text and not text.startswith("-"):
            assert text in held, line


# ---- covers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "plan"),
    [
        ("令和5年度東京支部事業計画", "13-2023"),
        ("２０２４年度 全国健康保険協会山口支部 事業計画（案）", "35-2024"),
        ("令和元年度全国健康保険協会事業計画", "00-2019"),
        ("平成31年度東京支部事業計画", "13-2019"),
        ("R6年度 東京支部事業計画", "13-2024"),
    ],
)
def test_whose_plan_it_is_and_of_which_year(title: str, plan: str):
    reading = read("1. 基盤的保険者機能関係", "① 健全な財政運営", title=title)
    assert reading.annual is not None
    assert reading.annual.id == plan


def test_a_document_that_names_no_year_or_branch_says_so():
    reading = read("1. 基盤的保険者機能関係", "① 健全な財政運営", title="事業計画")
    assert [r.what for r in reading.review] == [
        "どの年度の計画か分かりません。年度を書き入れてください。",
        "本部か、どの支部の計画か分かりません。",
    ]


def test_progress_of_no_known_year_is_kept_as_text_and_said():
    done = table(["事業計画", "実施状況"], [["① 広報\n・配る。", "・5,000部を配った。"]])
    reading = read("1. 基盤的保険者機能関係", done, title="事業計画の進捗")
    assert reading.progress is None
    assert reading.annual is not None
    assert "・5,000部を配った。" in reading.annual.notes
    assert "どの期間の進捗か分かりません。実施状況は備考に残しました。" in [r.what for r in reading.review]


def test_a_document_without_text_is_refused():
    with pytest.raises(ArgumentError, match="文字がありません"):
        read_plan(Document("", ()))


def test_a_document_that_is_no_plan_says_that_nothing_was_found():
    reading = read("会議室の予約は総務まで。", title="令和5年度 お知らせ")
    assert any("1つも見つかりません" in r.what for r in reading.review)


# ---- columns of figures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "role"),
    [
        ("KPI", "kpi"),
        ("KPI設定項目", "kpi"),
        ("評価項目", "kpi"),
        ("目標", "target"),
        ("令和5年度目標値", "target"),
        ("KPI目標値", "target"),
        ("実績", "actual"),
        ("参考:令和元年度末", "actual"),
        ("令和4年度実績", "actual"),
        ("実績(第1四半期)", "done"),
        ("実施状況及び評価", "done"),
        ("今後の実施予定等", "next"),
        ("具体的な施策", "measure"),
        ("具体的な取り組み内容等", "how"),
        ("令和3年度事業計画(案)", "plan"),
        ("保険者機能強化アクションプラン(第5期)(案)", "action"),
        ("具体的施策", "place"),
        ("備考", ""),
    ],
)
def test_what_a_column_holds(label: str, role: str):
    assert role_of(label) == role


def test_last_years_figure_before_the_target_is_not_taken_for_it():
    reading = read(
        "1. 基盤的保険者機能関係",
        table(["KPI", "令和4年度実績", "令和5年度目標"], [["郵送化率", "95.1％", "95.6％以上"]]),
    )
    assert kpis(reading) == ["postal_application_rate：95.6％以上"]


def test_a_number_without_a_unit_is_marked_unless_the_heading_gives_it():
    rows = [["郵送化率", "95.6"]]
    bare = read("1. 基盤的保険者機能関係", table(["KPI", "令和5年度目標"], rows))
    named = read("1. 基盤的保険者機能関係", table(["KPI", "令和5年度目標（％）"], rows))
    assert kpis(bare) == ["postal_application_rate：95.6％以上 ※"]
    assert kpis(named) == ["postal_application_rate：95.6％以上"]


def test_two_columns_of_targets_for_the_year_are_marked():
    reading = read(
        "1. 基盤的保険者機能関係",
        table(["KPI", "当初目標", "変更後目標"], [["郵送化率", "95.6％以上", "96.0％以上"]]),
    )
    assert kpis(reading) == ["postal_application_rate：95.6％以上 ※"]


def test_a_kpi_list_that_differs_from_the_sentence_is_marked():
    reading = read(
        "1. 基盤的保険者機能関係",
        "① サービス水準の向上",
        "■ KPI：郵送化率を95.6％以上とする",
        table(["KPI", "目標"], [["郵送化率", "96.5％以上"]]),
    )
    assert kpis(reading) == ["postal_application_rate：95.6％以上 ※"]
    assert [r.what for r in reading.review] == ["同じKPIが文書の中で違う目標で書かれています。"]


def test_a_kpi_list_gives_the_number_of_a_sentence_that_leaves_it_open():
    reading = read(
        "1. 基盤的保険者機能関係",
        "■ KPI：郵送化率を対前年度以上とする",
        table(["KPI", "目標"], [["郵送化率について対前年度以上", "96.5％以上"]]),
    )
    assert kpis(reading) == ["postal_application_rate：対前年度以上（96.5％以上）"]


def test_as_many_figures_as_kpis_or_they_are_marked():
    row = [
        "①サービススタンダードの達成状況を100％とする\n②郵送化率を95％以上とする",
        "①99.9％\n②93.0％\n③1.0％",
    ]
    reading = read("1. 基盤的保険者機能関係", table(["KPI", "参考：令和3年度末"], [row]))
    assert reading.annual is not None
    assert all(not k.references for _, k in reading.annual.kpis())
    assert [r.what for r in reading.review] == ["数値の数がKPIの数と違い、どのKPIのものか分かりません。"]


def test_figures_are_of_the_day_their_column_names():
    heads = ["KPI", "目標", "実績（令和5年9月末）", "前年度実績", "全国平均", "順位", "判定"]
    row = ["郵送化率", "95.6％以上", "94.9％", "95.1％", "95.8％", "31位/47", "△"]
    reading = read("1. 基盤的保険者機能関係", table(heads, [row]))
    assert reading.progress is not None
    (figures,) = reading.progress.kpis
    assert [(str(a.value), a.as_of) for a in figures.actuals] == [("94.9", "2023-09-30")]
    assert figures.nation is not None
    assert (str(figures.nation.value), figures.rank, figures.ranked) == ("95.8", 31, 47)
    assert reading.annual is not None
    (kpi,) = (k for _, k in reading.annual.kpis())
    assert [(str(a.value), a.as_of) for a in kpi.references] == [("95.1", "FY2022")]


def test_a_table_without_headings_gives_targets_but_no_figures():
    rows = [["郵送化率", "95.0％以上"], ["レセプト点検の査定率", "対前年度以上", "0.352％"]]
    first, *rest = [row + [""] * (3 - len(row)) for row in rows]
    reading = read("1. 基盤的保険者機能関係", table(first, rest))
    assert kpis(reading) == [
        "postal_application_rate：95.0％以上",
        "receipt_assessment_rate_combined：対前年度以上",
    ]
    assert reading.progress is None
    assert ["見出しがなく" in r.what for r in reading.review] == [True]


# ---- text ----------------------------------------------------------------------------------------------------------


def test_importance_and_difficulty_with_their_reasons():
    reading = read(
        "1. 基盤的保険者機能関係",
        "① 財政運営【困難度：高】",
        "② 業務改革",
        "・進める。",
        "【重要度：高】",
        "体制が要となるため。",
        "【困難度：高】",
        "人が限られるため。",
    )
    assert reading.annual is not None
    first, second = reading.annual.pillars[0].initiatives
    assert (first.title, first.difficulty and first.difficulty.level) == ("財政運営", "高")
    assert second.importance is not None
    assert second.difficulty is not None
    assert (second.importance.why, second.difficulty.why) == ("体制が要となるため。", "人が限られるため。")
    assert second.text == ("・進める。",)


def test_both_weights_on_one_line_share_no_reason():
    reading = read("1. 基盤的保険者機能関係", "① 業務改革", "【重要度：高】【困難度：中】")
    assert reading.annual is not None
    (held,) = reading.annual.pillars[0].initiatives
    assert (held.importance and held.importance.level, held.difficulty and held.difficulty.level) == (
        "高",
        "中",
    )


def test_activities_of_a_table_with_what_was_done():
    heads = ["具体的な施策", "具体的な取り組み内容 等", "実績（第1四半期）"]
    rows = [
        ["・広報", "チラシを配る。", "◆配った。"],
        ["", "講座を開く。", ""],
        ["・訪問", "事業所を訪ねる。", "◆5件訪ねた。"],
    ]
    reading = read("1. 基盤的保険者機能関係", Heading("○広報の充実", 2), table(heads, rows))
    assert reading.annual is not None
    (held,) = reading.annual.pillars[0].initiatives
    assert [(a.title, a.text) for a in held.activities] == [
        ("広報", ("チラシを配る。",)),
        ("広報", ("講座を開く。",)),
        ("訪問", ("事業所を訪ねる。",)),
    ]
    assert reading.progress is not None
    assert [(a.at, a.done) for a in reading.progress.initiatives[0].activities] == [
        (1, ("◆配った。",)),
        (3, ("◆5件訪ねた。",)),
    ]


def test_what_was_done_for_several_initiatives_is_marked_when_it_cannot_be_shared_out():
    heads = ["事業計画", "実施状況", "今後の予定"]
    row = [
        "③ 連携の強化\n・進める。\n④ リスク管理\n・備える。\n・訓練する。",
        "・会議を開いた。\n・訓練した。",
        "③ 連携の強化\n○ 続ける。",
    ]
    reading = read("1. 基盤的保険者機能関係", table(heads, [row]))
    assert [r.what for r in reading.review] == [
        "実施状況がどの施策のものか分けられません（③連携の強化、④リスク管理）。"
    ]


def test_a_target_that_stands_outside_a_kpi_passage_is_pointed_out():
    reading = read("1. 基盤的保険者機能関係", "① サービス水準の向上", "・郵送化率を95.5％以上とする。")
    assert kpis(reading) == []
    assert [r.what for r in reading.review] == ["郵送化率の目標のような文ですが、KPIとして読んでいません。"]


def test_a_kpi_passage_that_goes_nowhere_stays_text():
    lines = [f"・取組その{n}を、関係する団体とともに着実にすすめていくこととしている。" for n in range(30)]
    reading = read("1. 基盤的保険者機能関係", "① サービス水準の向上", "【KPI】", *lines)
    assert reading.annual is not None
    (held,) = reading.annual.pillars[0].initiatives
    assert [line for line in held.text if "取組その" in line] == lines
    assert held.kpis == ()


# ---- Word and Excel ------------------------------------------------------------------------------------------------


def test_a_word_file_with_headings_and_counted_lists(tmp_path: Path):
    made = docx.Document()
    made.add_heading("令和5年度東京支部事業計画", 0)
    made.add_heading("1. 基盤的保険者機能関係", 1)
    made.add_heading("サービス水準の向上", 2)
    made.add_paragraph("郵送による申請をすすめる。", style="List Bullet")
    made.add_paragraph("■ KPI")
    made.add_paragraph("サービススタンダードの達成状況を100％とする", style="List Number")
    made.add_paragraph("申請書の郵送化率を95.5％以上とする", style="List Number")
    made.add_heading("2. 戦略的保険者機能関係", 1)
    grid = made.add_table(2, 3)
    for at, text in enumerate(["KPI", "令和4年度実績", "令和5年度目標"]):
        grid.cell(0, at).text = text
    for at, text in enumerate(["生活習慣病予防健診実施率", "55.8％", "58.3％以上"]):
        grid.cell(1, at).text = text
    made.save(str(tmp_path / "plan.docx"))

    reading = read_plan(read_document(tmp_path / "plan.docx"))

    assert kpis(reading) == [
        "service_standard_achievement_rate：100％以上",
        "postal_application_rate：95.5％以上",
        "lifestyle_checkup_rate：58.3％以上",
    ]
    assert reading.annual is not None
    assert [i.title for i in reading.annual.pillars[0].initiatives] == ["サービス水準の向上"]


def test_an_excel_file_with_merged_cells(tmp_path: Path):
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    rows = [
        ["令和5年度東京支部事業計画 KPI一覧"],
        ["施策", "KPI", "令和5年度", None, "令和4年度"],
        [None, None, "目標", "実績（9月末）", "実績"],
        ["1. 基盤的保険者機能関係"],
        ["① サービス水準の向上", "サービススタンダードの達成状況", 1, 1, 0.9998],
        [None, "申請書の郵送化率", 0.955, 0.949, 0.951],
        ["② 点検", "再審査レセプト1件当たりの査定額", "対前年度以上", 6110, 5980],
    ]
    for row in rows:
        sheet.append(row)
    for where in ("A2:A3", "B2:B3", "C2:D2", "A5:A6"):
        sheet.merge_cells(where)
    for row in (5, 6):
        for column in (3, 4, 5):
            sheet.cell(row, column).number_format = "0.0%"
    for column in (4, 5):
        sheet.cell(7, column).number_format = '#,##0"円"'
    book.save(tmp_path / "plan.xlsx")

    reading = read_plan(read_document(tmp_path / "plan.xlsx"))

    assert kpis(reading) == [
        "service_standard_achievement_rate：100.0％以上",
        "postal_application_rate：95.5％以上",
        "reassessment_amount_per_receipt：対前年度以上",
    ]
    assert reading.progress is not None
    assert {k.measure: str(k.actuals[0].value) for k in reading.progress.kpis} == {
        "service_standard_achievement_rate": "100.0",
        "postal_application_rate": "94.9",
        "reassessment_amount_per_receipt": "6110",
    }


FORMS = [
    (name, form)
    for name in ("years.md", "merged.txt", "wrapped.txt", "two_plans.txt")
    for form in ("docx", "xlsx", "pdf", "html")
]


@pytest.mark.parametrize(("name", "form"), FORMS, ids=lambda v: v)
def test_a_document_reads_the_same_in_any_form(name: str, form: str, tmp_path: Path):
    path = tmp_path / f"plan.{form}"
    write(read_document(DOCUMENTS / name), path)
    assert reading_in_words(read_plan(read_document(path))) == EXPECTED[name]


# ---- anything ------------------------------------------------------------------------------------------------------

_LINES = [
    "1. 基盤的保険者機能関係",
    "① サービス水準の向上",
    "i) 細目",
    "■ KPI：郵送化率を95％以上とする",
    "【KPI】",
    "２）事業者健診データ取得率 8％",
    "以上とする",
    "※ 令和3年度末は 91.2％",
    "（※）注",
    "ただし、前年度が95％以上の場合は前年度以上とする",
    "【課題】",
    "【重要度：高】",
    "【上位目標】",
    "◆ 新規の透析を減らす",
    "＜数値目標＞",
    "● 被保険者（実施対象者数：100人）",
    "・特定保健指導　実施率35％（実施見込者数：35人）",
    "国の特定健診の実施率の目標値は平成99年度末に65％",
    "令和0年度",
    "- 3 -",
    "○",
    "(",
]


@given(
    st.lists(
        st.sampled_from(_LINES) | st.text("％%①②(1)（）KPI以上下とする年度。令和5.,", max_size=20),
        max_size=25,
    )
)
def test_any_lines_are_read_and_written_back(lines: list[str]):
    reading = read_plan(
        Document(
            "令和5年度東京支部事業計画", (Paragraph("令和5年度東京支部事業計画"), *map(Paragraph, lines))
        )
    )
    assert reading.annual is None or from_yaml(to_yaml(reading.annual), Plan, "x") == reading.annual


_CELLS = st.sampled_from(
    [
        "",
        "KPI",
        "目標",
        "令和4年度実績",
        "令和5年度目標",
        "郵送化率",
        "95％以上",
        "対前年度以上",
        "－",
        "①1％ ②2％",
        "① 広報",
        *_LINES[:6],
    ]
)


@given(
    st.integers(1, 5).flatmap(
        lambda w: st.lists(st.lists(_CELLS, min_size=w, max_size=w), min_size=1, max_size=6)
    )
)
def test_any_table_is_read_and_written_back(rows: list[list[str]]):
    reading = read("1. 基盤的保険者機能関係", table(rows[0], rows[1:]))
    assert reading.annual is None or from_yaml(to_yaml(reading.annual), Plan, "x") == reading.annual
