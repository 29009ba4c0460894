"""Charts: figures as given, in words too, never from the network."""

import pytest
from tests.press.figures import BRANCHES, drawn

from kenpo.base.document import Chart
from kenpo.base.errors import ArgumentError
from kenpo.press import drawing
from kenpo.press.charts import (
    MONTHS,
    Progress,
    Rank,
    Series,
    line_chart,
    parts_chart,
    progress_chart,
    rank_chart,
    trend_chart,
)


def test_the_fiscal_year_begins_in_april():
    assert (MONTHS[0], MONTHS[-1], len(MONTHS)) == ("4月", "3月", 12)


def test_a_chart_is_drawn_with_the_packaged_font_and_its_labels():
    svg = drawing.svg(drawn()[0])
    assert "Noto Sans CJK JP" in svg and "目標106,143人" in svg
    assert drawing.png(drawn()[0]).startswith(b"\x89PNG")


def test_what_is_short_of_the_target_never_reads_one_hundred():
    chart = progress_chart([Progress("達成状況", 99.99, "99.99%")])
    assert ">99.99%<" in drawing.svg(chart) and "目標の99.9%" in chart.words


def test_ranks_count_ties_once_and_leave_out_the_unknown():
    rows = [Rank("東京", 3), Rank("山口", 2), Rank("大阪", 2), Rank("福岡", 1), Rank("沖縄", None)]
    assert "山口 2位 2.0%（4支部中）" in rank_chart(rows, "山口", title="率").words
    assert "山口 2位" in rank_chart(rows, "山口", title="率", low_is_good=True).words
    assert "福岡 1位" in rank_chart(rows, "福岡", title="率", low_is_good=True).words
    assert "沖縄" not in rank_chart(rows, "沖縄", title="率").words


def test_all_branches_are_on_the_axis():
    svg = drawing.svg(drawn()[2])
    assert len(BRANCHES) == 47
    assert all(f">{name[0]}<" in svg for name in BRANCHES)


def test_a_trend_tells_the_branch_and_the_nation_month_by_month():
    lines = [Series("山口支部", [80.1, None, 80.44]), Series("全国", [81.0, 81.2, 81.3])]
    chart = trend_chart(lines, ["R7.2", "R7.3", "R7.4"], title="使用割合")
    assert chart.words == (
        "使用割合。山口支部はR7.2 80.1%、R7.4 80.4%。全国はR7.2 81.0%、R7.3 81.2%、R7.4 81.3%。"
    )
    svg = drawing.svg(chart)
    assert all(f">{text}<" in svg for text in ("山口支部", "全国", "R7.3", "80.4%"))


def test_parts_stand_in_the_order_given_and_hidden_ones_have_a_word_in_place_of_a_bar():
    rows = [Rank("75歳以上", None), Rank("5-9歳", 70.0), Rank("0-4歳", 90.0)]
    chart = parts_chart(rows, title="内訳", whole=("山口支部", 80.0))
    assert chart.words == "内訳。75歳以上 秘匿、5-9歳 70.0%、0-4歳 90.0%、山口支部 80.0%。"
    svg = drawing.svg(chart)
    assert svg.index(">75歳以上<") < svg.index(">5-9歳<") < svg.index(">0-4歳<")
    assert ">秘匿<" in svg


@pytest.mark.parametrize(
    "chart",
    [
        progress_chart([]),
        progress_chart([Progress("遠く上", 940, "9,400円", phased=300), Progress("なし", None, "－")]),
        line_chart([], title="空"),
        line_chart([Series("令和3年度", [None] * 12)], title="実績なし", target=5, forecast=(1, 2, 3)),
        line_chart([Series("令和3年度", [1.0])], title="4月だけ", unit="円", digits=0),
        rank_chart([], "山口", title="空"),
        rank_chart([Rank("山口", 0), Rank("東京", -1)], "山口", title="零と負", mean=0),
        trend_chart([Series("山口支部", []), Series("全国", [])], [], title="月なし"),
        trend_chart([Series("山口支部", [None]), Series("全国", [1.0])], ["R7.4"], title="支部の値なし"),
        parts_chart([], title="空"),
        parts_chart([Rank("男", -1.0), Rank("女", None)], title="負と秘匿", whole=("全体", -2.0)),
    ],
)
def test_charts_with_little_or_odd_data_are_drawn(chart: Chart):
    assert drawing.svg(chart).startswith("<svg")


@pytest.mark.parametrize(
    "spec",
    [
        {"data": {"url": "https://example.com/a.csv"}, "mark": "bar"},
        {"layer": [{"data": {"url": "file:///etc/passwd"}, "mark": "bar"}]},
        {"data": {"values": [{"a": "x"}]}, "mark": "image", "encoding": {"url": {"field": "a"}}},
    ],
)
def test_a_chart_that_would_load_something_is_refused(spec: dict):
    with pytest.raises(ArgumentError, match="外部のデータ"):
        drawing.svg(Chart("図", spec))


def test_a_column_may_be_named_url():
    spec = {
        "data": {"values": [{"url": "甲", "n": 1}]},
        "mark": "bar",
        "encoding": {"x": {"field": "n", "type": "quantitative"}},
    }
    assert drawing.svg(Chart("図", spec)).startswith("<svg")
