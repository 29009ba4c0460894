"""The page of what 軽減額通知 led to: numbers reckoned by hand, what it says in words, and what it does not tell."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from tests.effects import AUGUST, SEPTEMBER, lake_of_effects

from kenpo.base.document import Chart, Document, Heading, Paragraph, Table
from kenpo.base.errors import MeasureError
from kenpo.catalogue import CASEKINDS, MEASURES
from kenpo.frame import figures
from kenpo.lake import Lake
from kenpo.strategy.generics.effect import Group, notice_effect
from kenpo.strategy.generics.effect_page import APPEARS, HIDDEN, Facts, document, months, page

JUNE = date(2025, 6, 1)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake.open(lake_of_effects(tmp_path_factory))


def made(notified: Group, control: Group, saved: int, **more: object) -> Document:
    """The page of June 2025 of 山口支部; at least ten people are compared."""
    found = notice_effect(notified, control, Fraction(saved), least=10)
    return document(Facts("35", JUNE, found, **more))  # type: ignore[arg-type]


def rows(said: Document, heading: str) -> dict[str, list[str]]:
    """The rows of the table below a heading: the first cell → the others."""
    at = next(n for n, b in enumerate(said.blocks) if isinstance(b, Heading) and b.text == heading)
    found = next(b for b in said.blocks[at:] if isinstance(b, Table))
    return {row[0].text: [c.text for c in row[1:]] for row in found.rows}


def words(said: Document) -> str:
    """All the paragraphs."""
    return "\n".join(b.text for b in said.blocks if isinstance(b, Paragraph))


def everything(said: Document) -> str:
    """All the text there is."""
    cells = [c.text for b in said.blocks if isinstance(b, Table) for row in b.rows for c in row]
    return "\n".join([said.title, *said.under, words(said), *cells])


# ---- by hand -----------------------------------------------------------------------------------------------------


def test_the_numbers_are_those_of_newcombes_first_example():
    """56 of 70 against 48 of 80: 0.2000 (0.0524 to 0.3339). 112,000 yen are 2,000 for each of the 56."""
    said = made(Group(70, 56), Group(80, 48), 112_000)
    assert rows(said, "切り替えた人") == {
        "群": ["追跡した人", "切り替えた人", "割合"],
        "通知した人": ["70人", "56人", "80.0%"],
        "対照群": ["80人", "48人", "60.0%"],
    }
    assert rows(said, "通知の効果") == {
        "項目": ["値", "95％信頼区間"],
        "割合の差（通知した人 － 対照群）": ["+20.0ポイント", "+5.2～+33.4ポイント"],
        "通知によって切り替えた人": ["14.0人", "3.7～23.4人"],
        "減った薬剤費の合計（通知がなくても切り替えた人の分を含む）": ["112,000円", "－"],
        "そのうち、通知によって減った薬剤費": ["28,000円", said_yen(70 * 2000)],
    }
    assert "効果があったといえます" in words(said)
    assert "およそ14.0人、減った薬剤費はおよそ28,000円" in words(said)


def said_yen(whole: int) -> str:
    """The interval of 56/70 − 48/80 times a number of yen, by the textbook's formulas in floating point."""
    from math import sqrt

    def wilson(x: int, n: int) -> tuple[float, float]:
        p, z = x / n, 1.95996398454
        half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (p + z * z / (2 * n) - half) / (1 + z * z / n), (p + z * z / (2 * n) + half) / (1 + z * z / n)

    (low, high), (other_low, other_high) = wilson(56, 70), wilson(48, 80)
    least = 0.2 - sqrt((0.8 - low) ** 2 + (other_high - 0.6) ** 2)
    most = 0.2 + sqrt((high - 0.8) ** 2 + (0.6 - other_low) ** 2)
    return f"{round(whole * least):,}～{round(whole * most):,}円"


def test_the_month_the_follow_up_the_law_and_the_settings_are_named():
    said = made(Group(70, 56), Group(80, 48), 112_000, data=("データ：試験",))
    assert said.title == "軽減額通知の効果（令和7年6月に送った通知）"
    assert said.under == (
        "山口支部",
        "令和7年6月に送った通知",
        "効果を見る期間　令和7年7月～令和7年9月診療分",
    )
    for part in ("アクションプラン", "最低人数　10人", "見る月数　3か月", "四捨五入", "データ：試験"):
        assert part in words(said), part


def test_half_a_yen_is_rounded_up_once_and_at_the_end():
    said = rows(
        document(Facts("35", JUNE, notice_effect(Group(20, 10), Group(20, 5), Fraction(2001, 2), least=10))),
        "通知の効果",
    )
    # 1,000.5 yen in all; 5 of the 10 because of the notice: 500.25 yen.
    assert said["減った薬剤費の合計（通知がなくても切り替えた人の分を含む）"][0] == "1,001円"
    assert said["そのうち、通知によって減った薬剤費"][0] == "500円"


def test_who_was_left_out_is_counted_beside_who_was_followed():
    said = rows(
        made(Group(70, 56), Group(80, 48), 0, left_out=({"returned": 3, "left": 2}, {"no_drug": 4})),
        "数えた人と除いた人",
    )
    assert said["対象"] == ["75人", "84人"]
    assert said["除外：通知が宛所不明などで返送された"] == ["3人", "－"]
    assert said["除外：効果を見る期間の終わりまでに資格を喪失した"] == ["2人", "0人"]
    assert said["追跡した人"] == ["70人", "80人"]


def test_the_chart_shows_the_two_shares_of_the_table():
    (chart,) = [b for b in made(Group(70, 56), Group(80, 48), 0).blocks if isinstance(b, Chart)]
    assert chart.words == "後発医薬品に切り替えた人の割合。通知した人 80.0%、対照群 60.0%。"


# ---- what it says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notified", "control", "sentence"),
    [
        (Group(70, 56), Group(80, 48), "効果があったといえます"),
        (Group(56, 5), Group(29, 0), "まだいえません"),
        (Group(80, 48), Group(70, 56), "選び方と文面を見直してください"),
    ],
)
def test_the_meaning_follows_from_where_the_interval_lies(notified: Group, control: Group, sentence: str):
    said = words(made(notified, control, 1000))
    assert sentence in said
    assert ("およそ" in said) == (sentence == "効果があったといえます")


def test_an_interval_printed_as_touching_0_is_not_called_an_effect():
    """Of 1,000 each: 0.0441 more with 0.0002 at the least, which prints as +0.0."""
    said = made(Group(1000, 545), Group(1000, 501), 1000)
    assert rows(said, "通知の効果")["割合の差（通知した人 － 対照群）"][1].startswith("+0.0～")
    assert "まだいえません" in words(said)


def test_nothing_saved_is_said_and_not_shown_as_an_amount():
    said = made(Group(20, 0), Group(20, 0), 0)
    assert rows(said, "通知の効果")["そのうち、通知によって減った薬剤費"] == ["－", "－"]
    assert "薬剤費が減っていない" in words(said)


@pytest.mark.parametrize(
    ("control", "reason", "what_then"),
    [
        (Group(0, 0), "追跡できた対照群の人がいない", "対照群にする割合"),
        (Group(9, 2), "人数が少ない", "10人以上"),
    ],
)
def test_without_a_comparison_it_says_why_and_what_to_do(control: Group, reason: str, what_then: str):
    said = made(Group(70, 56), control, 112_000)
    assert reason in words(said) and what_then in words(said)
    effects = rows(said, "通知の効果")
    assert effects["割合の差（通知した人 － 対照群）"] == ["－", "－"]
    assert effects["減った薬剤費の合計（通知がなくても切り替えた人の分を含む）"] == ["112,000円", "－"]
    assert not [b for b in said.blocks if isinstance(b, Chart)]


# ---- small numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switched", [0, 4, 9])
def test_of_a_group_below_ten_nothing_can_be_worked_out(switched: int):
    """Whatever they did and whoever was left out of them, the page is the same but for the group that is shown."""
    control = Group(80, 48)
    pages = {
        everything(
            made(Group(persons, min(switched, persons)), control, yen, left_out=({"left": left}, {"left": 1}))
        )
        for persons, yen, left in ((1, 100, 0), (9, 98_765, 7))
    }
    assert len(pages) == 1
    (said,) = pages
    assert said.count(HIDDEN) > 10
    assert "80人" in said


def test_a_small_control_group_is_hidden_and_those_written_to_are_not():
    said = made(Group(70, 56), Group(9, 2), 112_000)
    assert rows(said, "切り替えた人")["対照群"] == [HIDDEN] * 3
    assert rows(said, "切り替えた人")["通知した人"] == ["70人", "56人", "80.0%"]
    assert {r[1] for r in list(rows(said, "数えた人と除いた人").values())[1:]} == {HIDDEN}
    assert "10人未満の群" in words(said)


def test_ten_people_are_a_figure_of_the_branch_and_are_shown():
    said = made(Group(10, 1), Group(10, 0), 500)
    assert rows(said, "切り替えた人")["通知した人"] == ["10人", "1人", "10.0%"]
    assert not any(HIDDEN in c.text for b in said.blocks if isinstance(b, Table) for r in b.rows for c in r)


# ---- from the lake -----------------------------------------------------------------------------------------------


def test_the_numbers_of_the_lake_are_those_of_its_measures(lake: Lake):
    said = page(lake, "35", AUGUST)
    assert rows(said, "切り替えた人")["通知した人"] == ["12人", "9人", "75.0%"]
    assert rows(said, "切り替えた人")["対照群"] == ["12人", "3人", "25.0%"]
    assert rows(said, "数えた人と除いた人")["対象"] == ["14人", "12人"]
    effects = rows(said, "通知の効果")
    assert effects["通知によって切り替えた人"][0] == "6.0人"
    assert effects["減った薬剤費の合計（通知がなくても切り替えた人の分を含む）"][0] == f"{9 * 1140:,}円"
    assert effects["そのうち、通知によって減った薬剤費"][0] == f"{6 * 1140:,}円"
    for id, row in (
        ("generic_notice_switch_rate", "通知した人"),
        ("generic_notice_control_switch_rate", "対照群"),
    ):
        stored = figures(lake, MEASURES[id], branch="35", months=(AUGUST, AUGUST)).row(0, named=True)
        assert MEASURES[id].printed(stored["rate"]) == rows(said, "切り替えた人")[row][2]
    assert "案件データは" in words(said) and "令和7年3月診療分までのレセプト" in words(said)


def test_a_month_is_there_once_its_follow_up_is_complete(lake: Lake):
    assert months(lake, "35") == (AUGUST,)
    assert months(lake, "13") == (AUGUST, SEPTEMBER)
    assert months(lake, "01") == ()
    for branch, month in (
        ("35", date(2025, 2, 1)),
        ("35", SEPTEMBER),
        ("01", AUGUST),
        ("35", date(2031, 1, 1)),
    ):
        with pytest.raises(MeasureError, match="まだ出せません") as error:
            page(lake, branch, month)
        assert APPEARS in error.value.todo


def test_a_small_branch_is_told_nothing_that_names_its_people(lake: Lake):
    said = everything(page(lake, "13", SEPTEMBER))
    assert "4人" not in said and "4,560円" not in said and HIDDEN in said


def test_the_nation_has_no_page(lake: Lake):
    for ask in (lambda: months(lake, "00"), lambda: page(lake, "00", AUGUST)):
        with pytest.raises(MeasureError, match="支部を指定"):
            ask()


def test_a_lake_without_figures_says_what_to_do(tmp_path: Path):
    with pytest.raises(MeasureError, match="kenpo refresh"):
        months(Lake.create(tmp_path / "lake"), "35")


def test_the_kind_of_case_declares_it():
    declared = CASEKINDS["generic_notice"].effect
    assert declared is not None
    assert (declared.months, declared.page) == (months, page)
