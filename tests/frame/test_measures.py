"""What holds for every measure (指標): grids, sums, breakdowns, years to date, explanations, staleness."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from tests.facts import UNKNOWN, drugs_in, facts_lake, lake_with, some_codes
from tests.lakes import key_file, put

from kenpo.base.branches import BRANCHES
from kenpo.base.errors import MeasureError
from kenpo.frame import BREAKDOWNS, Measure, explain, figures, records, refresh
from kenpo.intake.load import load_paths
from kenpo.lake import Lake
from kenpo.strategy import generics
from kenpo.synth.receipts import encode, recode_info_lines, uke_lines
from kenpo.synth.records import (
    BasicFee,
    Claim,
    Correction,
    Diagnosis,
    Dispensing,
    DpcCoding,
    DpcStay,
    Drug,
    Fill,
    Institution,
    Kind,
    Patient,
    Receipt,
    Unit,
)

MEASURES = {m.id: m for m in generics.INITIATIVE.measures if not m.cases}
"""The measures made of receipts alone; those of people are in test_people_measures.py, those of cases with their rooms."""

ADDITIVE = [m for m in MEASURES.values() if m.rollup == "sum"]
BIOSIMILAR = MEASURES["biosimilar_component_share"]
VOLUME = MEASURES["generic_volume_share"]
MONTHS = [date(2025, m, 1) for m in range(2, 6)]
BY = ["kind", "age_band", "institution", "prefecture"]
INSURERS = ("01010016", "01130012", "01350016", "06130012")
PLACES = {
    "medical": [Institution("13", "1", f"999000{n}", "架空医院") for n in range(2)],
    "dpc": [Institution("14", "1", "9990007", "架空病院")],
    "dental": [Institution("35", "3", "9990003", "架空歯科")],
    "pharmacy": [
        Institution("13", "4", "9990008", "架空薬局"),
        Institution("01", "4", "9990009", "見本薬局"),
    ],
}


def made(chance: random.Random, kind: Kind, month: date) -> Receipt:
    """A receipt of some drugs, sometimes corrected."""
    codes = some_codes()
    drugs = tuple(
        Drug(chance.choice(codes), Decimal(chance.randint(1, 400)) / 4) for _ in range(chance.randint(1, 4))
    )
    born = date(chance.randint(1935, 2020), chance.randint(1, 12), 7)
    person = Patient(
        "架空　太郎", "カクウタロウ", chance.choice("12"), born, chance.choice(INSURERS), "１", "２"
    )
    days = chance.randint(1, 30)
    stay = None
    if kind == "pharmacy":
        items = (
            Dispensing("1", "900", (Fill(month, month, days, 1, 10), *drugs)),
            BasicFee(month, "410000010", 42),
        )
    else:
        items = (Unit("21", drugs, 10, days),)
    if kind == "dpc":
        stay = DpcStay("010010xx9900xx", month, age=50)
        items = (*items, DpcCoding(month, "33", 1, 1, chance.choice(codes), Decimal(3), times=2))
    reason = chance.choice(("", "2", "3"))
    change = ((2, codes[0]),) if kind == "pharmacy" else ((3, codes[0]),)
    return Receipt(
        kind=kind,
        receipt_type={"medical": "1112", "dpc": "1111", "dental": "3112", "pharmacy": "4112"}[kind],
        month=month,
        patient=person,
        days=1,
        items=items,
        diagnoses=() if kind == "pharmacy" else (Diagnosis("8830052", month),),
        stay=stay,
        corrections=(Correction("IY", 0, reason, change),) if reason else (),
    )


def sources() -> dict[str, bytes]:
    """Claim files of both worlds, of every kind and several months, always the same."""
    chance = random.Random(25)
    out = {}
    for kind, places in PLACES.items():
        for n, place in enumerate(places):
            receipts = [made(chance, kind, chance.choice(MONTHS)) for _ in range(14)]
            out[f"{kind}{n}.UKE"] = encode(uke_lines(place, receipts, date(2025, 6, 1)))
        claims: list[Claim] = [(places[0], made(chance, kind, chance.choice(MONTHS))) for _ in range(12)]
        out[f"{kind}_RECODEINFO.CSV"] = encode(recode_info_lines(claims, date(2025, 6, 1)), eof=False)
    return out


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return facts_lake(tmp_path_factory.mktemp("facts"))


@pytest.fixture(scope="module")
def lake(facts: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A refreshed lake; tests here only read it."""
    made = lake_with(facts, tmp_path_factory.mktemp("whole"), sources())
    refresh(made, list(MEASURES.values()))
    return made


every = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
additive = pytest.mark.parametrize("measure", ADDITIVE, ids=[m.id for m in ADDITIVE])
SUMS = ("eligible", "excluded", "denominator", "numerator")


def sums(frame: pl.DataFrame, *keys: str) -> pl.DataFrame:
    return frame.group_by(keys).agg(pl.col(c).sum() for c in SUMS).sort(keys)


@every
def test_every_branch_and_the_nation_have_a_row_in_every_month(measure: Measure, lake: Lake):
    rows = figures(lake, measure)
    wanted = {(b, m) for b in ("00", *(x.code for x in BRANCHES)) for m in MONTHS}
    assert set(zip(rows["branch"], rows["month"], strict=True)) == wanted
    assert rows.height == len(wanted) == 48 * len(MONTHS)
    assert (rows["value"] == "total").all()


@every
def test_no_numerator_exceeds_its_denominator_and_nothing_is_negative(measure: Measure, lake: Lake):
    for by in (None, *measure.breakdowns):
        for r in figures(lake, measure, by=by).iter_rows(named=True):
            assert 0 <= r["numerator"] <= r["denominator"]
            assert 0 <= r["excluded"] <= r["eligible"]
            assert (r["rate"] is None) == (r["denominator"] == 0)
            assert r["rate"] is None or 0 <= r["rate"] <= 100


@additive
def test_branches_sum_to_the_nation(measure: Measure, lake: Lake):
    rows = figures(lake, measure)
    branches, nation = rows.filter(pl.col("branch") != "00"), rows.filter(pl.col("branch") == "00")
    assert sums(branches, "month").equals(sums(nation, "month"))
    assert (nation["denominator"] > 0).any()


@additive
@pytest.mark.parametrize("by", BY)
def test_a_breakdown_sums_to_the_total(measure: Measure, by: str, lake: Lake):
    whole = sums(figures(lake, measure).filter(pl.col("eligible") > 0), "branch", "month")
    parts = figures(lake, measure, by=by)
    assert parts["value"].n_unique() > 1
    assert sums(parts.filter(pl.col("eligible") > 0), "branch", "month").equals(whole)


@additive
def test_a_breakdown_of_one_branch_or_some_months_is_that_part_of_the_whole(measure: Measure, lake: Lake):
    for by in BY:
        whole = figures(lake, measure, by=by).drop("cutoff")
        tokyo = figures(lake, measure, by=by, branch="13", months=(MONTHS[1], MONTHS[2])).drop("cutoff")
        wanted = (pl.col("branch") == "13") & pl.col("month").is_between(MONTHS[1], MONTHS[2])
        assert tokyo.equals(whole.filter(wanted))
        nation = figures(lake, measure, by=by, branch="00").drop("cutoff")
        assert nation.equals(whole.filter(pl.col("branch") == "00"))


def test_the_values_of_breakdowns_are_words_a_clerk_knows(lake: Lake):
    assert set(figures(lake, VOLUME, by="kind")["value"]) == {"医科", "DPC", "歯科", "調剤"}
    assert set(figures(lake, VOLUME, by="prefecture")["value"]) == {"北海道", "東京都", "神奈川県", "山口県"}
    assert set(figures(lake, VOLUME, by="pharmacy")["value"]) == {"1349990008", "0149990009"}
    bands = {f"{low:02d}-{low + 4:02d}" for low in range(0, 75, 5)} | {"75-"}
    assert set(figures(lake, VOLUME, by="age_band")["value"]) <= bands


def test_a_breakdown_a_measure_does_not_have_is_refused_with_those_it_has(lake: Lake):
    with pytest.raises(MeasureError) as error:
        figures(lake, VOLUME, by="residence")
    assert all(name in error.value.message for name in VOLUME.breakdowns)
    assert set(VOLUME.breakdowns) <= set(BREAKDOWNS)


@additive
@pytest.mark.parametrize("by", [None, "kind", "institution"])
def test_the_year_to_date_is_the_sum_of_its_months(measure: Measure, by: str | None, lake: Lake):
    """年度累計: February and March belong to one fiscal year, April and May to the next."""
    monthly = figures(lake, measure, by=by)
    for r in figures(lake, measure, by=by, window="fytd").iter_rows(named=True):
        start = date(2024, 4, 1) if r["month"] < date(2025, 4, 1) else date(2025, 4, 1)
        months = monthly.filter(
            (pl.col("branch") == r["branch"])
            & (pl.col("value") == r["value"])
            & pl.col("month").is_between(start, r["month"])
        )
        for column in SUMS:
            assert r[column] == months[column].sum(), (r, column)
        assert r["rate"] == measure.rate(r["numerator"], r["denominator"])


def test_a_share_of_ingredients_has_no_year_to_date(lake: Lake):
    with pytest.raises(MeasureError):
        figures(lake, BIOSIMILAR, window="fytd")


@additive
def test_excluded_rows_are_never_counted(measure: Measure, lake: Lake):
    listed = pl.concat([records(lake, measure, "00", m) for m in MONTHS])
    excluded = listed.filter(pl.col("excluded").is_not_null())
    assert set(excluded["excluded"]) == {"no_generic", "other", "unlisted", "unknown_code"}
    assert figures(lake, measure, branch="00")["excluded"].sum() == excluded.height
    assert excluded.filter(pl.col("item") == UNKNOWN)["excluded"].unique().to_list() == ["unknown_code"]
    for r in excluded.iter_rows(named=True):
        printed = drugs_in(MONTHS[0]).get(r["item"], (None,))[0]
        assert printed in ("1", "", None)


@every
@pytest.mark.parametrize("branch", ["00", "13"])
def test_the_records_of_a_figure_add_up_to_it(measure: Measure, branch: str, lake: Lake):
    for month in MONTHS[:2]:
        (stored,) = figures(lake, measure, branch=branch, months=(month, month)).iter_rows(named=True)
        said = explain(lake, measure, branch, month)
        listed = records(lake, measure, branch, month)
        counted = listed.filter(pl.col("excluded").is_null())
        assert listed.height == said.eligible == stored["eligible"]
        assert counted["denominator"].sum() == said.denominator == stored["denominator"]
        assert counted["numerator"].sum() == said.numerator == stored["numerator"]
        assert said.rate == stored["rate"]
        assert sum(said.excluded.values()) == stored["excluded"]
        assert not said.stale


@additive
def test_every_record_stands_on_its_line_of_its_file(measure: Measure, lake: Lake):
    """From any figure back to the physical line: it is an IY or CD line and holds the drug's code."""
    text = {name: data.decode("cp932").split("\n") for name, data in sources().items()}
    seen = 0
    for r in pl.concat([records(lake, measure, "00", m) for m in MONTHS]).iter_rows(named=True):
        line = text[r["file"]][r["source_line"] - 1].split(",")
        assert r["item"] in line
        assert {"IY", "CD"} & set(line[:4])
        seen += 1
    assert seen == figures(lake, measure, branch="00")["eligible"].sum() > 100


@additive
def test_the_largest_contributors_come_first_and_are_part_of_the_records(measure: Measure, lake: Lake):
    said = explain(lake, measure, "00", MONTHS[0], top=3)
    listed = records(lake, measure, "00", MONTHS[0]).filter(pl.col("excluded").is_null())
    assert said.contributors["denominator"].to_list() == sorted(
        said.contributors["denominator"], reverse=True
    )
    for r in said.contributors.iter_rows(named=True):
        mine = listed.filter(pl.col("item") == r["item"])
        assert (r["units"], r["denominator"], r["numerator"]) == (
            mine.height,
            mine["denominator"].sum(),
            mine["numerator"].sum(),
        )


def test_the_order_of_files_and_the_size_of_blocks_make_no_difference(
    lake: Lake, facts: Path, tmp_path: Path
):
    renamed = {f"{9 - n}-{name}": data for n, (name, data) in enumerate(sources().items())}
    other = lake_with(facts, tmp_path, renamed, block_bytes=30_000)
    refresh(other, list(MEASURES.values()))
    for measure in MEASURES.values():
        for by in (None, *measure.breakdowns):
            assert figures(other, measure, by=by).equals(figures(lake, measure, by=by)), (measure.id, by)


def one_receipt(month: date, *drugs: tuple[str, str], insurer: str = "01130012", number: int = 1) -> bytes:
    units = tuple(Unit("21", (Drug(code, Decimal(quantity)),), 10, 1) for code, quantity in drugs)
    person = Patient("架空　太郎", "カクウタロウ", "1", date(1955, 6, 1), insurer, "１", "２")
    receipt = Receipt("medical", "1112", month, person, 1, units)
    place = Institution("13", "1", f"99900{number:02d}", "架空医院")
    return encode(uke_lines(place, [receipt], date(2025, 12, 1)))


GENERIC, ORIGINATOR = "610463166", "610406386"


class TestStale:
    """Figures computed before the last load say so (再計算の要否)."""

    def loaded_more(self, facts: Path, folder: Path, month: date) -> Lake:
        lake = lake_with(facts, folder, {"a.UKE": one_receipt(date(2025, 3, 1), (GENERIC, "1"))})
        refresh(lake, list(MEASURES.values()))
        more = put(folder / "more", {"b.UKE": one_receipt(month, (ORIGINATOR, "3"), number=2)})
        load_paths(lake, [more], key_path=key_file(folder), workers=1)
        return lake

    def test_a_figure_of_before_the_last_load_is_marked(self, facts: Path, tmp_path: Path):
        lake = self.loaded_more(facts, tmp_path, date(2025, 3, 1))
        said = explain(lake, VOLUME, "13", date(2025, 3, 1))
        assert said.stale
        assert (said.numerator, said.denominator) == (1, 1 + 3)
        assert figures(lake, VOLUME, branch="13")["cutoff"].unique().to_list() != [lake.version()]
        refresh(lake, [VOLUME])
        assert not explain(lake, VOLUME, "13", date(2025, 3, 1)).stale
        assert figures(lake, VOLUME, branch="13")["denominator"].to_list() == [1 + 3]

    def test_a_month_that_came_after_the_last_refresh_is_explained_or_refused_in_words(
        self, facts: Path, tmp_path: Path
    ):
        lake = self.loaded_more(facts, tmp_path, date(2025, 4, 1))
        try:
            assert explain(lake, VOLUME, "13", date(2025, 4, 1)).stale
        except MeasureError as error:
            assert "kenpo refresh" in error.message

    def test_refreshing_one_measure_leaves_the_others_as_they_are(self, facts: Path, tmp_path: Path):
        lake = self.loaded_more(facts, tmp_path, date(2025, 3, 1))
        refresh(lake, [VOLUME])
        value = MEASURES["generic_value_share"]
        assert figures(lake, value, branch="13")["cutoff"].unique().to_list() != [lake.version()]
        assert explain(lake, value, "13", date(2025, 3, 1)).stale

    def test_refreshing_twice_changes_nothing(self, facts: Path, tmp_path: Path):
        lake = lake_with(facts, tmp_path, {"a.UKE": one_receipt(date(2025, 3, 1), (GENERIC, "1"))})
        refresh(lake, list(MEASURES.values()))
        before = [figures(lake, m) for m in MEASURES.values()]
        refresh(lake, list(MEASURES.values()))
        assert all(a.equals(figures(lake, m)) for a, m in zip(before, MEASURES.values(), strict=True))

    def test_a_month_taken_back_is_gone_after_a_refresh(self, facts: Path, tmp_path: Path):
        lake = self.loaded_more(facts, tmp_path, date(2025, 4, 1))
        refresh(lake, [VOLUME])
        later = next(f for f in lake.files() if f.name == "b.UKE")
        with lake.writing():
            lake.forget(later.file_id)
        refresh(lake, [VOLUME])
        assert figures(lake, VOLUME)["month"].unique().to_list() == [date(2025, 3, 1)]

    def test_a_lake_without_receipts_cannot_be_refreshed(self, facts: Path):
        with pytest.raises(MeasureError):
            refresh(Lake.open(facts), [VOLUME])

    def test_a_figure_never_computed_is_refused_in_words(self, facts: Path, tmp_path: Path):
        lake = lake_with(facts, tmp_path, {"a.UKE": one_receipt(date(2025, 3, 1), (GENERIC, "1"))})
        with pytest.raises(MeasureError) as error:
            figures(lake, VOLUME)
        assert "kenpo refresh" in error.value.message

    def test_without_masters_the_refresh_says_which_are_missing(self, tmp_path: Path):
        Lake.create(tmp_path / "none")
        lake = lake_with(
            tmp_path / "none", tmp_path, {"a.UKE": one_receipt(date(2025, 3, 1), (GENERIC, "1"))}
        )
        with pytest.raises(MeasureError) as error:
            refresh(lake, [VOLUME])
        assert "医薬品マスター" in error.value.message

    def test_months_without_receipts_between_two_months_are_there_with_nothing(
        self, facts: Path, tmp_path: Path
    ):
        files = {
            "a.UKE": one_receipt(date(2024, 12, 1), (GENERIC, "1")),
            "b.UKE": one_receipt(date(2025, 3, 1), (GENERIC, "1"), number=2),
        }
        lake = lake_with(facts, tmp_path, files)
        refresh(lake, [VOLUME])
        rows = figures(lake, VOLUME, branch="13")
        assert rows["month"].to_list() == [
            date(2024, 12, 1),
            date(2025, 1, 1),
            date(2025, 2, 1),
            date(2025, 3, 1),
        ]
        assert rows["denominator"].to_list() == [1, 0, 0, 1]
        assert rows["rate"].to_list() == [Decimal(100), None, None, Decimal(100)]
        said = explain(lake, VOLUME, "13", date(2025, 1, 1))
        assert (said.eligible, said.denominator, said.rate) == (0, 0, None)
        assert records(lake, VOLUME, "13", date(2025, 1, 1)).is_empty()


# Ingredient (成分): a biosimilar (バイオシミラー) and the originator it stands for.
PAIRS = {
    "アダリムマブ": ("629911301", "622509701"),
    "リツキシマブ": ("622589201", "621433602"),
    "テリパラチド": ("629903201", "622007102"),
    "インフリキシマブ": ("622378801", "640462006"),
    "エタネルセプト": ("622676101", "620002479"),
}


class TestBiosimilar:
    """バイオシミラー80％以上の成分数割合 (rule G3)."""

    def lake(self, facts: Path, folder: Path, *files: bytes) -> Lake:
        lake = lake_with(facts, folder, {f"{n}.UKE": data for n, data in enumerate(files)})
        refresh(lake, [BIOSIMILAR])
        return lake

    def used(self, shares: dict[str, str], insurer: str = "01130012", number: int = 1) -> bytes:
        """A file in which each ingredient has so many percent of biosimilar."""
        drugs = []
        for name, percent in shares.items():
            similar, originator = PAIRS[name]
            drugs += [(similar, percent), (originator, str(100 - Decimal(percent)))]
        drugs = [(code, quantity) for code, quantity in drugs if Decimal(quantity)]
        return one_receipt(date(2025, 3, 1), *drugs, insurer=insurer, number=number)

    def figure(self, lake: Lake, branch: str) -> tuple[Decimal, Decimal, Decimal | None]:
        (r,) = figures(lake, BIOSIMILAR, branch=branch).iter_rows(named=True)
        return r["numerator"], r["denominator"], r["rate"]

    def test_85_reaches_and_79_9_does_not(self, facts: Path, tmp_path: Path):
        lake = self.lake(facts, tmp_path, self.used({"アダリムマブ": "85", "リツキシマブ": "79.9"}))
        assert self.figure(lake, "13") == (1, 2, Decimal("50.0"))
        reached = records(lake, BIOSIMILAR, "13", date(2025, 3, 1)).filter(pl.col("numerator") > 0)
        assert reached["item"].to_list() == ["アダリムマブ"]

    def test_the_rule_books_example_is_60_percent(self, facts: Path, tmp_path: Path):
        shares = dict(zip(PAIRS, ("85", "80", "79.9", "30", "95"), strict=True))
        lake = self.lake(facts, tmp_path, self.used(shares))
        assert self.figure(lake, "13") == (3, 5, Decimal("60.0"))

    def test_an_ingredient_nobody_used_counts_on_neither_side(self, facts: Path, tmp_path: Path):
        lake = self.lake(facts, tmp_path, self.used({"アダリムマブ": "100"}))
        assert self.figure(lake, "13") == (1, 1, Decimal("100.0"))
        assert self.figure(lake, "35") == (0, 0, None)
        said = explain(lake, BIOSIMILAR, "13", date(2025, 3, 1))
        assert said.excluded["no_use"] == said.eligible - 1 > 0

    def test_the_nation_is_computed_from_the_nations_quantities(self, facts: Path, tmp_path: Path):
        """東京 100 % of 100, 山口 0 % of 100: each branch stands alone, the nation is at 50 %."""
        tokyo = self.used({"アダリムマブ": "100"})
        yamaguchi = self.used({"アダリムマブ": "0"}, insurer="01350016", number=2)
        lake = self.lake(facts, tmp_path, tokyo, yamaguchi)
        assert self.figure(lake, "13") == (1, 1, Decimal("100.0"))
        assert self.figure(lake, "35") == (0, 1, Decimal("0.0"))
        assert self.figure(lake, "00") == (0, 1, Decimal("0.0"))

    def test_it_begins_with_the_goal_in_april_2024(self, facts: Path, tmp_path: Path):
        files = [one_receipt(m, (PAIRS["アダリムマブ"][0], "1"), number=n) for n, m in
                 enumerate((date(2024, 3, 1), date(2024, 4, 1)))]  # fmt: skip
        lake = self.lake(facts, tmp_path, *files)
        assert figures(lake, BIOSIMILAR)["month"].unique().to_list() == [date(2024, 4, 1)]
        with pytest.raises(MeasureError):
            explain(lake, BIOSIMILAR, "13", date(2024, 3, 1))
