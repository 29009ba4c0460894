"""Suppression of small numbers: what is hidden, and that nobody works it out from all that is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.attacker import Attacker
from tests.branches import TinyBranch, TwoBranches
from tests.disclosure import Shown, attacker_of, found, learned, table_of
from tests.lakes import tried

from kenpo.base.errors import MeasureError, NotLoaded
from kenpo.catalogue import MEASURES
from kenpo.frame import figures
from kenpo.frame.measure import stored
from kenpo.frame.parts import Family, at_once, axes_of, names_of, parts
from kenpo.frame.suppression import Cells, Secret, added, conceal, suppress, threshold_of
from kenpo.law.loader import load

TEN = 10
SEPTEMBER = date(2025, 9, 1)


def cells(
    name: str, axes: Sequence[str], rows: Sequence[tuple[Any, ...]], *, own: Sequence[str] = ()
) -> Cells:
    """Cells with the columns of the axes, then people, then those of own."""
    frame = pl.DataFrame(rows, schema=[*axes, "people", *own], orient="row")
    return Cells(name, frame, tuple(axes), "people", own=tuple(own))


def hidden(*rows: tuple[str, int], threshold: int = TEN) -> set[str]:
    """What is hidden of one table of people by age."""
    return set(conceal([cells("people", ["age"], rows)], threshold).hidden["age"])


# ---- one table ---------------------------------------------------------------------------------------------------


def test_the_threshold_is_a_dated_parameter_with_its_source():
    assert threshold_of(SEPTEMBER) == TEN
    assert "最小集計単位" in load("small_number_threshold").source


def test_nothing_is_hidden_where_nothing_is_small():
    assert hidden(("20代", 10), ("30代", 40), ("40代", 500)) == set()


def test_nobody_is_not_a_small_number():
    rows = [("20代", 0), ("30代", 40), ("40代", 500)]
    numbers = cells("people", ["age"], [(age, n) for age, n in rows if n])
    assert conceal([numbers], TEN).hidden["age"] == set()


def test_a_small_part_takes_the_smallest_other_along():
    # 8 alone would be 548 - 40 - 500
    assert hidden(("20代", 8), ("30代", 40), ("40代", 500)) == {"20代", "30代"}


def test_two_small_parts_that_are_enough_together_take_nobody_along():
    assert hidden(("20代", 8), ("30代", 9), ("40代", 500), ("50代", 60)) == {"20代", "30代"}


def test_small_parts_that_are_too_few_together_take_another_along():
    assert hidden(("20代", 2), ("30代", 3), ("40代", 500), ("50代", 60)) == {"20代", "30代", "50代"}


def test_many_parts_need_more_than_the_threshold_or_each_would_be_one():
    ones = [(f"{n}歳", 1) for n in range(10)]
    assert hidden(*ones, ("ほか", 300)) == {age for age, _ in ones} | {"ほか"}
    twos = [(f"{n}歳", 2) for n in range(10)]
    assert hidden(*twos, ("ほか", 300)) == {age for age, _ in twos}


def test_the_order_of_rows_does_not_matter():
    rows = [("20代", 8), ("30代", 40), ("40代", 40), ("50代", 3)]
    assert hidden(*rows) == hidden(*reversed(rows))


def test_another_threshold_hides_other_parts():
    assert hidden(("20代", 15), ("30代", 40), ("40代", 500), threshold=20) == {"20代", "30代"}


def test_the_rest_of_a_rate_is_a_number_of_people_too():
    # of 500 people in their forties 498 have it: 2 have not
    rows = [("20代", 30, 20, 10), ("30代", 90, 50, 40), ("40代", 500, 498, 2)]
    table = cells("rate", ["age"], rows, own=["with", "without"])
    assert conceal([table], TEN).hidden["age"] == {"20代", "40代"}


def test_a_rate_with_a_small_total_is_withheld_and_hides_nothing_of_others():
    people = cells("people", ["age"], [("20代", 30), ("30代", 90)])
    rate = cells("rate", ["age"], [("20代", 30, 2), ("30代", 90, 1)], own=["with"])
    secret = conceal([people, rate], TEN)
    assert secret.withheld == {"rate"} and not secret.hidden["age"] and not secret.nothing


def test_where_the_total_itself_is_small_no_part_is_shown_at_all():
    secret = conceal([cells("people", ["age"], [("20代", 3), ("30代", 4)])], TEN)
    assert secret.nothing and secret.withheld == {"people"}


def test_one_part_for_each_of_the_people_there_are_is_no_table():
    assert conceal([cells("people", ["age"], [(f"{n}歳", 1) for n in range(12)])], TEN).nothing


def test_an_empty_table_hides_nothing():
    table = Cells("people", pl.DataFrame(schema={"age": pl.String, "people": pl.Int64}), ("age",), "people")
    assert conceal([table], TEN) == Secret({"age": frozenset()})


def test_a_suppressed_table_has_no_number_of_a_hidden_part_not_even_its_rate():
    table = pl.DataFrame(
        {
            "value": ["20代", "30代"],
            "denominator": [8, 40],
            "numerator": [2, 20],
            "rate": [Decimal("25.0"), Decimal("50.0")],
        }
    )
    assert suppress(table, {"20代"}).rows() == [
        ("20代", None, None, None, True),
        ("30代", 40, 20, Decimal("50.0"), False),
    ]


# ---- tables that are linked --------------------------------------------------------------------------------------

PLACES = ["town", "clinic"]


def test_the_small_clinic_of_a_town_takes_another_of_the_same_town_along():
    # taking a clinic of 下関市 would not help: 山口市 less its other clinics would give it away
    rows = [("山口市", "い", 8), ("山口市", "ろ", 60), ("下関市", "は", 20), ("下関市", "に", 70)]
    secret = conceal([cells("receipts", PLACES, rows)], TEN)
    assert secret.hidden == {"town": frozenset(), "clinic": {"い", "ろ"}}


def test_a_town_with_one_small_clinic_is_hidden_with_another_town():
    rows = [("山口市", "い", 8), ("下関市", "は", 20), ("下関市", "に", 70), ("萩市", "ほ", 90)]
    secret = conceal([cells("receipts", PLACES, rows)], TEN)
    assert secret.hidden == {"town": {"山口市", "下関市"}, "clinic": {"い", "は"}}


def test_measures_of_a_family_hide_the_same_or_one_would_give_the_other_away():
    insured = cells("insured", ["age"], [("60代", 5), ("50代", 45), ("40代", 30)])
    members = cells("members", ["age"], [("60代", 45), ("50代", 90), ("40代", 80)])
    secret = conceal([members, insured], TEN)
    # the smallest beside 60代 among those insured is 40代
    assert secret.hidden["age"] == {"60代", "40代"}


def test_what_the_base_hides_is_hidden_by_what_rests_on_it():
    base = conceal([cells("members", ["age"], [("60代", 5), ("50代", 45), ("40代", 80)])], TEN)
    costs = cells("costs", ["age"], [("60代", 50), ("50代", 450), ("40代", 80)])
    assert conceal([costs], TEN, base).hidden["age"] == {"60代", "50代"}
    nothing = conceal([cells("members", ["age"], [("60代", 5)])], TEN)
    assert conceal([costs], TEN, nothing).nothing


# ---- sums over months and branches -------------------------------------------------------------------------------


def shown(rows: Mapping[str, int | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [{"value": v, "numerator": n, "suppressed": n is None} for v, n in rows.items()],
        schema={"value": pl.String, "numerator": pl.Int64, "suppressed": pl.Boolean},
    )


def test_a_year_to_date_is_shown_of_what_every_month_shows():
    april, may = shown({"20代": 40, "30代": None, "40代": None}), shown({"20代": 50, "30代": 60, "50代": 70})
    both = added([april, may], ["numerator"])
    assert both is not None
    assert dict(both.select("value", "numerator").rows()) == {
        "20代": 40 + 50,
        "30代": None,
        "40代": None,
        "50代": 70,
    }


def test_a_sum_with_a_withheld_month_is_withheld():
    assert added([shown({"20代": 40}), None], ["numerator"]) is None
    assert added([], ["numerator"]) is None


# ---- the attacker knows how to work ------------------------------------------------------------------------------


def bounds_of(tables: Mapping[str, Mapping[str, int | None]], total: int) -> dict[Any, Any]:
    """What an attacker finds of one table with a known total."""
    someone = Attacker()
    for name, table in tables.items():
        someone.learn([(1, (name, v) if n is None else n) for v, n in table.items()], total)
    return someone.bounds()


def test_hiding_only_the_small_part_is_found_out():
    assert bounds_of({"age": {"20代": None, "30代": 40, "40代": 500}}, 548) == {("age", "20代"): (8, 8)}


def test_hiding_two_parts_of_a_small_sum_is_nearly_found_out():
    assert bounds_of({"age": {"20代": None, "30代": None, "40代": 500}}, 503)["age", "20代"] == (0, 3)


def test_a_small_part_is_found_through_another_figure_of_the_family():
    someone = Attacker()
    someone.learn([(1, "insured 60代"), (1, "insured 40代"), (1, 45)], 80)
    someone.learn([(1, "insured 60代"), (1, 40)], 45)
    assert someone.bounds()["insured 60代"] == (5, 5)


def test_a_small_part_is_found_through_the_year_to_date():
    someone = Attacker()
    someone.learn([(1, "April"), (1, "April, another")], 48)
    someone.learn([(1, "April"), (1, 30)], 38)
    assert someone.bounds()["April"] == (8, 8)


def test_a_numerator_is_never_more_than_its_denominator():
    someone = Attacker(counts={"n", "m"})
    someone.learn([(1, "n"), (1, "m")], 30)
    someone.at_most = [("m", Fraction(25))]
    assert someone.bounds() == {"n": (5, 30), "m": (0, 25)}


# ---- and finds nothing -------------------------------------------------------------------------------------------

counts = st.integers(0, 30) | st.integers(0, 400)


@given(st.lists(counts, min_size=1, max_size=12))
@tried(300)
def test_no_small_part_of_any_table_is_found(numbers: list[int]):
    rows = [(f"{n}", people) for n, people in enumerate(numbers) if people]
    secret = conceal([cells("people", ["age"], rows)], TEN)
    if secret.nothing:
        return
    table = {v: None if v in secret.hidden["age"] else n for v, n in rows}
    someone = Attacker(counts={("age", v) for v in table}, least={("age", v): 1 for v in table})
    someone.learn([(1, ("age", v) if n is None else n) for v, n in table.items()], sum(numbers))
    for (_, value), (low, high) in someone.bounds().items():
        if (true := numbers[int(value)]) < TEN:
            assert low <= true <= high and high - low >= TEN - 1


def rate_rows() -> st.SearchStrategy[list[tuple[str, str, int, int]]]:
    """Town, clinic, people and how many of them have it."""
    row = st.tuples(st.sampled_from("山下萩防"), st.integers(0, 7), counts, st.integers(0, 100))
    return st.lists(row, min_size=1, max_size=25, unique_by=lambda r: (r[0], r[1])).map(
        lambda rows: [(t, f"{t}{c}", n, n * share // 100) for t, c, n, share in rows if n]
    )


@given(rate_rows())
@tried(200)
def test_no_small_part_of_linked_tables_is_found_though_all_denominators_of_towns_and_clinics_were_known(
    rows: list[tuple[str, str, int, int]],
):
    base_rows = [(t, c, n) for t, c, n, _ in rows]
    base = conceal([cells("people", PLACES, base_rows)], TEN)
    rates = [(t, c, n, k, n - k) for t, c, n, k in rows]
    secret = conceal([cells("rate", PLACES, rates, own=["with", "without"])], TEN, base)
    someone = Attacker()
    truth: dict[Any, int] = {}

    def number(kind: str, axis: str, value: str, true: int, verdict: Secret) -> Any:
        name = (kind, axis, value)
        if verdict.nothing or kind[:4] in {w[:4] for w in verdict.withheld} or value in verdict.hidden[axis]:
            truth[name] = true
            someone.counts.add(name)
            return name
        return true

    def summed(axis: str, column: int) -> dict[str, int]:
        out: dict[str, int] = {}
        for row in rows:
            out[row[PLACES.index(axis)]] = out.get(row[PLACES.index(axis)], 0) + row[column]
        return out

    known: dict[tuple[str, str, str], Any] = {}
    for axis in PLACES:
        for value, people in summed(axis, 2).items():
            having = summed(axis, 3)[value]
            known["people", axis, value] = number("people", axis, value, people, base)
            known["rate with", axis, value] = number("rate with", axis, value, having, secret)
            known["rate without", axis, value] = number("rate without", axis, value, people - having, secret)
            someone.learn(
                [(1, known[k, axis, value]) for k in ("rate with", "rate without")]
                + [(-1, known["people", axis, value])]
            )
    for kind, column in (("people", 2), ("rate with", 3)):
        for axis in PLACES:
            someone.learn(
                [(1, known[kind, axis, v]) for v in summed(axis, column)], sum(r[column] for r in rows)
            )
        for town in summed("town", column):
            inside = sorted({c for t, c, *_ in rows if t == town})
            someone.learn([*((1, known[kind, "clinic", c]) for c in inside), (-1, known[kind, "town", town])])
    withheld = secret.nothing or bool(secret.withheld)
    for name, (low, high) in someone.bounds().items():
        true = truth[name]
        assert low <= true and (high is None or true <= high)
        if 0 < true < TEN and not (withheld and name[0] != "people") and not base.nothing:
            assert high is None or high - low >= TEN - 1, name


# ---- parts of the lake -------------------------------------------------------------------------------------------


Learned = tuple[Shown, dict[Any, dict[str, Any]]]


@pytest.fixture(scope="module")
def september(tiny: TinyBranch) -> Learned:
    """All parts of all figures of people as they may be shown, and the truth behind them."""
    return learned(tiny.lake, "35", SEPTEMBER)


def test_nothing_hidden_of_a_branch_is_found_from_all_its_tables(september: Learned):
    all_shown, truth = september
    hidden_parts = sum(v is None for t in all_shown.tables.values() if t for v in t.values())
    assert len(all_shown.tables) > 60 and hidden_parts > 500
    assert found(all_shown, truth, TEN) == []


def test_the_same_attacker_finds_much_when_only_small_parts_are_hidden(september: Learned):
    all_shown, truth = september
    careless = Shown(totals=all_shown.totals, parents=all_shown.parents)
    for key, table in truth.items():
        careless.tables[key] = {
            v: None if 0 < units < TEN or 0 < n < TEN or 0 < d - n < TEN else (d, n)
            for v, (d, n, units) in table.items()
        }
    assert len(found(careless, truth, TEN)) > 20


def test_parts_are_those_of_the_command_line_or_hidden(tiny: TinyBranch):
    for name, by in (
        ("members", "age_band"),
        ("receipts_per_member", "care"),
        ("generic_volume_share", "institution"),
    ):
        made = parts(tiny.lake, MEASURES.values(), MEASURES[name], "35", SEPTEMBER, by)[name, by]
        assert made is not None
        rows = figures(tiny.lake, MEASURES[name], branch="35", months=(SEPTEMBER, SEPTEMBER), by=by)
        true = {
            v: (d, n, r) for v, d, n, r in rows.select("value", "denominator", "numerator", "rate").rows()
        }
        assert made["value"].to_list() == rows["value"].to_list()
        for value, d, n, rate, secret in made.rows():
            assert secret or (d, n, rate) == true[value], (name, value)


def test_no_part_that_is_shown_counts_fewer_people_than_the_threshold(september: Learned):
    all_shown, truth = september
    for key, table in all_shown.tables.items():
        for value, pair in (table or {}).items():
            if pair is not None:
                assert truth[key][value][2] >= TEN, (key, value)


def test_figures_of_the_branch_and_the_nation_are_never_hidden(tiny: TinyBranch):
    rows = figures(tiny.lake, MEASURES["receipt_match_rate"], months=(SEPTEMBER, SEPTEMBER))
    (row,) = rows.filter(pl.col("branch") == "35").to_dicts()
    assert 0 < row["denominator"] - row["numerator"] < TEN and row["rate"] is not None
    assert not parts(tiny.lake, MEASURES.values(), MEASURES["workplaces"], "35", SEPTEMBER, "size")[
        "workplaces", "size"
    ]["suppressed"].any()  # type: ignore[index]


def test_of_the_nation_only_what_every_branch_shows_is_shown(both: TwoBranches):
    june = date(2025, 6, 1)
    everyone = MEASURES.values()
    made = {
        b: parts(both.lake, everyone, MEASURES["members"], b, june, "age_band") for b in ("00", "13", "35")
    }
    nation, *branches = (m["members", "age_band"] for m in made.values())
    assert nation is not None and all(b is not None for b in branches)
    secret = {v for b in branches for v in b.filter("suppressed")["value"]}  # type: ignore[union-attr]
    assert set(nation.filter("suppressed")["value"]) == secret and secret
    total: dict[str, Decimal] = {}
    for b in branches:
        for v, n in b.select("value", "numerator").rows():  # type: ignore[union-attr]
            total[v] = total.get(v, Decimal(0)) + (n or 0)
    for v, n in nation.filter(~pl.col("suppressed")).select("value", "numerator").rows():
        assert n == total[v]
    with pytest.raises(MeasureError, match="分けて示せません"):
        parts(both.lake, everyone, MEASURES["members"], "00", june, "workplace")


def test_a_branch_and_a_nation_of_two_branches_give_nothing_away_of_the_other(both: TwoBranches):
    june = date(2025, 6, 1)
    someone = Attacker()
    truth: dict[Any, int] = {}
    tables = {
        b: table_of(
            parts(both.lake, MEASURES.values(), MEASURES["members"], b, june, "age_band")[
                "members", "age_band"
            ]
        )
        for b in ("00", "13", "35")
    }
    rows = stored(both.lake, MEASURES["members"]).filter(pl.col("month") == june)
    numbers = {(b, k, v): n for b, k, v, n in rows.select("branch", "breakdown", "value", "numerator").rows()}
    values = {v for _, k, v in numbers if k == "age_band"}

    def number(branch: str, value: str) -> Any:
        table = tables[branch]
        pair = None if table is None else table.get(value, (Decimal(0), Decimal(0)))
        if pair is not None:
            return pair[1]
        truth[branch, value] = int(numbers.get((branch, "age_band", value), 0))
        someone.counts.add((branch, value))
        return branch, value

    for branch in tables:
        someone.learn([(1, number(branch, v)) for v in values], numbers[branch, "total", "total"])
    for value in values:
        someone.learn([(1, number("13", value)), (1, number("35", value)), (-1, number("00", value))])
    for name, (low, high) in someone.bounds().items():
        if 0 < truth[name] < TEN:
            assert high is None or high - low >= TEN - 1


def test_a_year_to_date_of_parts_gives_nothing_away_of_a_month(tiny: TinyBranch):
    months = [date(2025, m, 1) for m in range(4, 10)]
    measure = MEASURES["receipts_per_member"]
    tables = [
        parts(tiny.lake, MEASURES.values(), measure, "35", m, "member_kind")[
            "receipts_per_member", "member_kind"
        ]
        for m in months
    ]
    year = added(tables, ["denominator", "numerator"])
    rows = figures(
        tiny.lake, measure, branch="35", months=(months[-1], months[-1]), by="member_kind", window="fytd"
    )
    assert year is not None
    shown_rows = year.filter(~pl.col("suppressed")).select("value", "denominator", "numerator").rows()
    assert shown_rows and set(shown_rows) <= set(rows.select("value", "denominator", "numerator").rows())


def test_a_measure_is_asked_for_axes_it_has(tiny: TinyBranch):
    with pytest.raises(MeasureError, match="医療機関・薬局"):
        parts(tiny.lake, MEASURES.values(), MEASURES["patient_outflow_rate"], "35", SEPTEMBER, "workplace")
    with pytest.raises(MeasureError, match="2031-01"):
        parts(tiny.lake, MEASURES.values(), MEASURES["members"], "35", date(2031, 1, 1), "sex")
    with pytest.raises(NotLoaded, match="案件データ"):
        parts(tiny.lake, MEASURES.values(), MEASURES["generic_notice_saving"], "35", SEPTEMBER, "age_band")


def test_families_say_who_rests_on_whom():
    everyone = MEASURES.values()
    visits = Family.of(MEASURES["patient_outflow_rate"], everyone)
    assert [b.name for b in visits.bases] == ["members", "members/receipts"]
    assert {m.id for m in visits.measures} == {"patient_outflow_rate", "patient_inflow_rate"}
    assert Family.of(MEASURES["workplaces"], everyone).measures == (MEASURES["workplaces"],)
    assert axes_of(MEASURES["generic_volume_share"])[-1] == "item" and "pharmacy" not in axes_of(
        MEASURES["generic_volume_share"]
    )


def test_what_is_there_at_once_needs_no_look_at_the_records():
    everyone = MEASURES.values()
    assert at_once(MEASURES["members"], everyone, "35", "age_band")
    assert not at_once(MEASURES["members"], everyone, "35", "workplace")
    assert not at_once(MEASURES["members"], everyone, "00", "age_band")
    assert not at_once(MEASURES["generic_volume_share"], everyone, "35", "age_band")


def test_institutions_have_names_and_people_have_none(tiny: TinyBranch):
    made = parts(
        tiny.lake, MEASURES.values(), MEASURES["generic_volume_share"], "35", SEPTEMBER, "institution"
    )
    rows = made["generic_volume_share", "institution"]
    assert rows is not None
    named = names_of(tiny.lake, "institution", rows["value"].to_list())
    assert named and set(named) <= set(rows["value"])
    assert names_of(tiny.lake, "workplace", ["35-11"]) == {}


def test_the_tables_contradict_nothing_that_is_known_of_them(both: TwoBranches):
    all_shown, truth = learned(both.lake, "13", date(2025, 5, 1))
    assert attacker_of(all_shown).equations
    assert found(all_shown, truth, TEN) == []
