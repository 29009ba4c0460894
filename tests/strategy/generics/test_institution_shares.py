"""医療機関・薬局別の使用状況（見える化ツール）: figures against pandas and the measure, and the sheet as printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pypdfium2
import pytest
from tests.branches import TinyBranch, TwoBranches
from tests.facts import drugs_in
from tests.lakes import rows
from tests.people import APRIL, lake_of
from tests.strategy.generics.test_generic_worklists import (
    GENERIC,
    NO_GENERIC,
    ORIGINATOR,
    STRONG,
    line,
    master,
)

from kenpo.base.errors import MeasureError
from kenpo.catalogue import MEASURES, WORKLISTS
from kenpo.frame import View, figures, run
from kenpo.frame.letter import Addressed, Numbered, Recipient, issue, sender
from kenpo.lake import Lake
from kenpo.strategy.generics.letters import (
    INSTITUTION_SHEET,
    InstitutionSheet,
    institution_sheet,
    institution_sheets,
    share_if_switched,
)
from kenpo.strategy.generics.measures import institution_figures

LIST = WORKLISTS["institution_generic_use"]
SORTS = {"1": "医科", "3": "歯科", "4": "薬局"}


# ---- the oracle --------------------------------------------------------------------------------------------------


def counted(lake: Lake, month: date) -> pd.DataFrame:
    """Drug lines of the month that count, straight from the lake's files, with the shipped classes."""
    classes = {code: said for code, (said, _) in drugs_in(month).items()}
    held = rows(lake, "drug").to_pandas()
    held = held[
        held.valid & held.branch.notna() & held.institution.notna() & (held.month == pd.Timestamp(month))
    ]
    held = held.assign(printed=[classes.get(code) for code in held.code])
    held = held[held.printed.isin(["2", "☆", "3", "★"])]
    known = towns(lake)
    return held.assign(
        generic=held.printed.isin(["3", "★"]),
        quantity=[Fraction(total) for total in held.total],
        sort=[SORTS[i[2]] for i in held.institution],
        prefecture=held.institution.str[:2],
        town=[known.get(i) for i in held.institution],
    )  # fmt: skip


def towns(lake: Lake) -> dict[str, str]:
    held = rows(lake, "institution").drop_nulls("municipality_code").sort("claim_month")
    return dict(held.select("institution", "municipality_code").iter_rows())


def share(lines: pd.DataFrame) -> Decimal | None:
    whole = sum(lines.quantity, Fraction())
    if not whole:
        return None
    exact = 100 * sum(lines.quantity[lines.generic], Fraction()) / whole
    return (Decimal(exact.numerator) / exact.denominator).quantize(Decimal("0.1"), ROUND_HALF_UP)


def expected(lake: Lake, month: date, least: int = 10) -> dict[str, dict[str, Any]]:
    lines = counted(lake, month)
    out = {}
    for institution, own in lines.groupby("institution"):
        first = own.iloc[0]
        beside = lines[lines.sort == first.sort]
        originators = own[~own.generic]
        receipts = own.receipt_id.nunique()
        if receipts < least or originators.empty:
            continue
        by_drug = originators.groupby("code").quantity.sum().sort_index()
        top = max(by_drug.index, key=lambda code: (by_drug[code], -int(code)))
        of_top = originators[originators.code == top].sort_values(["source_file", "source_line"])
        out[str(institution)] = {
            "receipts": receipts,
            "quantity": sum(own.quantity),
            "potential": sum(originators.quantity),
            "share": share(own),
            "municipality_share": share(beside[beside.town == first.town]),
            "prefecture_share": share(beside[beside.prefecture == first.prefecture]),
            "nation_share": share(beside),
            "source_line": of_top.iloc[0].source_line,
        }
    return out


# ---- the list ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("month", [date(2025, 4, 1), date(2025, 6, 1)])
def test_the_list_is_what_pandas_finds(both: TwoBranches, month: date):
    wanted = expected(both.lake, month)
    found = {r["institution"]: r for r in run(both.lake, LIST, month=month).iter_rows(named=True)}
    assert wanted and set(found) == set(wanted)
    for institution, row in wanted.items():
        assert {k: found[institution][k] for k in row} == row, institution


def test_it_is_also_so_over_a_year(tiny: TinyBranch):
    month = date(2026, 3, 1)
    wanted = {i: r for i, r in expected(tiny.lake, month).items() if i.startswith("35")}
    found = {r["institution"]: r for r in run(tiny.lake, LIST, "35", month).iter_rows(named=True)}
    assert wanted and set(found) == set(wanted)
    for institution, row in wanted.items():
        assert {k: found[institution][k] for k in row} == row, institution


def test_the_greatest_potential_comes_first(tiny: TinyBranch):
    found = run(tiny.lake, LIST)
    assert found["priority"].to_list() == list(range(1, found.height + 1))
    assert found["potential"].to_list() == sorted(found["potential"], reverse=True)


def test_the_reason_is_what_the_printed_shares_say(tiny: TinyBranch):
    reasons = set()
    for row in run(tiny.lake, LIST).iter_rows(named=True):
        reasons.add(row["reason"])
        below = {a: row["share"] < row[f"{a}_share"] for a in ("municipality", "prefecture")}
        said = next((f"below_{a}" for a, lower in below.items() if lower), "room")
        assert row["reason"] == said
    assert {"below_prefecture", "room"} <= reasons <= set(LIST.reasons)


def test_it_is_the_measures_own_figure(both: TwoBranches):
    """What the measure says by institution, of every branch's members together."""
    month = date(2025, 5, 1)
    measure = MEASURES["generic_volume_share"]
    said = figures(both.lake, measure, branch="00", months=(month, month), by="institution")
    known = dict(said.select("value", "rate").iter_rows())
    for row in run(both.lake, LIST, month=month).iter_rows(named=True):
        assert row["share"] == known[row["institution"]]


def test_institutions_belong_to_the_branch_of_their_prefecture(both: TwoBranches):
    for code in ("13", "35"):
        found = run(both.lake, LIST, code)
        assert found.height
        assert set(found["institution"].str.slice(0, 2)) == {code}


def told(folder: Path, *lines: dict[str, Any], receipts: int = 10) -> list[dict[str, Any]]:
    lake = lake_of(
        folder,
        enrolment=[{}],
        receipt=[{"receipt_id": n + 1} for n in range(20)],
        drug=[{"institution": "1319990001", **x} for x in lines],
        institution=[{}],
    )
    master(lake)
    return list(run(lake, LIST, "13", APRIL).iter_rows(named=True))


def spread(count: int, code: str = ORIGINATOR) -> Iterator[dict[str, Any]]:
    for n in range(count):
        yield line(code, days=1) | {"receipt_id": n + 1}


@pytest.mark.parametrize(("receipts", "listed"), [(9, False), (10, True)])
def test_an_institution_with_fewer_receipts_than_the_parameter_is_left_out(
    receipts: int, listed: bool, tmp_path: Path
):
    assert bool(told(tmp_path, *spread(receipts))) == listed


def test_receipts_without_drugs_that_count_do_not_count(tmp_path: Path):
    assert told(tmp_path, *spread(9), *(x | {"receipt_id": 10} for x in spread(1, NO_GENERIC))) == []


def test_an_institution_that_gives_generics_only_is_left_out(tmp_path: Path):
    assert told(tmp_path, *spread(12, GENERIC)) == []


def test_four_drugs_by_hand(tmp_path: Path):
    """10 tablets of the originator, 20 and 10 of generics: (20 + 10) ÷ 40 = 75.0 %; class 1 is in neither."""
    (row,) = told(
        tmp_path, *spread(10), line(GENERIC, days=20), line(STRONG, days=10), line(NO_GENERIC, days=99)
    )
    assert (row["share"], row["quantity"], row["potential"]) == (Decimal("75.0"), 40, 10)
    assert (row["name"], row["sort"], row["municipality"], row["top_drug"]) == (
        "架空医院",
        "医科",
        "千代田区",
        "薬1",
    )
    assert (row["reason"], row["file"], row["source_line"]) == ("room", "drug.csv", 1)


def test_an_institution_whose_place_is_not_known_has_no_municipality(tmp_path: Path):
    lake = lake_of(
        tmp_path, receipt=[{}], drug=[line() | {"institution": "1319990001"}], institution=[{"municipality_code": None}]
    )  # fmt: skip
    master(lake)
    (row,) = institution_figures(View(lake, [APRIL])).iter_rows(named=True)
    assert (row["municipality"], row["municipality_denominator"], row["prefecture_denominator"]) == (
        None,
        None,
        30,
    )


def test_the_latest_claim_says_the_name_and_the_place(tmp_path: Path):
    claims = [
        {"name": "新しい医院", "municipality_code": "13102", "claim_month": date(2024, 6, 1)},
        {"name": "古い医院", "municipality_code": "13101", "claim_month": date(2024, 5, 1)},
    ]
    lake = lake_of(tmp_path, receipt=[{}], drug=[line() | {"institution": "1319990001"}], institution=claims)
    master(lake)
    (row,) = institution_figures(View(lake, [APRIL])).iter_rows(named=True)
    assert (row["name"], row["municipality"]) == ("新しい医院", "中央区")


# ---- the sheet ---------------------------------------------------------------------------------------------------


def figure(month: date = date(2026, 3, 1), **changes: Any) -> dict[str, Any]:
    return {
        "institution": "3549900001",
        "branch": "35",
        "name": "架空調剤薬局",
        "sort": "薬局",
        "municipality": "光市",
        "month": month,
        "receipts": 12,
        "branches": 47,
        "numerator": Decimal(800),
        "denominator": Decimal(1000),
        "municipality_numerator": Decimal(850),
        "municipality_denominator": Decimal(1000),
        "prefecture_numerator": Decimal(900),
        "prefecture_denominator": Decimal(1000),
        "nation_numerator": Decimal(2),
        "nation_denominator": Decimal(3),
        **changes,
    }


def drug(place: int, quantity: int, name: str = "") -> dict[str, Any]:
    return {"name": name or f"架空先発{place}錠", "quantity": Decimal(quantity), "place": place}


def test_a_drug_switched_moves_the_numerator_alone():
    """800 ÷ 1000 = 80.0 %; with 100 of the originators switched 900 ÷ 1000 = 90.0 %."""
    sheet = institution_sheet([figure()], [drug(1, 50), drug(0, 100)])
    assert sheet.share == Decimal("80.0")
    assert [(m.quantity, m.share) for m in sheet.movers] == [(100, Decimal("90.0")), (50, Decimal("85.0"))]
    assert sheet.all_share == Decimal((800 + 150) * 100) / 1000
    assert [c.share for c in sheet.compared] == [Decimal(x) for x in ("80.0", "85.0", "90.0", "66.7")]


def test_the_share_if_switched_is_rounded_once():
    assert share_if_switched(Decimal(1), Decimal(3), Decimal(1)) == Decimal("66.7")
    assert share_if_switched(Decimal(0), Decimal(0), Decimal(0)) is None
    assert share_if_switched(Decimal("0.5"), Decimal(1), Fraction(1, 2)) == Decimal("100.0")


def test_twelve_months_at_most_and_a_month_without_quantities_is_a_gap():
    months = [date(2025, 1, 1), date(2025, 4, 1), date(2026, 2, 1), date(2026, 3, 1)]
    sheet = institution_sheet([figure(m) for m in months], [])
    assert len(sheet.trend) == 12
    assert [(t.month, t.own) for t in sheet.trend if t.own is not None] == [
        (m, Decimal("80.0")) for m in months[1:]
    ]
    assert (sheet.trend[0].label, sheet.trend[0].year, sheet.trend[-1].year) == ("4月", "R7", "R8")
    assert len(institution_sheet([figure()], []).trend) == 1


def test_a_lake_of_few_branches_does_not_call_itself_the_nation():
    assert institution_sheet([figure()], []).compared[3].label == "全国"
    assert institution_sheet([figure(branches=2)], []).compared[3].label == "全国（取込済みの2支部）"


def test_sheets_of_a_branch_are_what_pandas_finds(tiny: TinyBranch):
    month = date(2026, 3, 1)
    sheets = institution_sheets(tiny.lake, "35", month)
    lines = counted(tiny.lake, month)
    assert set(sheets) == {i for i in lines.institution if i.startswith("35")}
    months = [date(2025, n, 1) for n in range(4, 13)] + [date(2026, n, 1) for n in range(1, 4)]
    by_month = {m: counted(tiny.lake, m) for m in months}
    for institution, sheet in sheets.items():
        own = lines[lines.institution == institution]
        whole, generic = sum(own.quantity), sum(own.quantity[own.generic], Fraction())
        assert (sheet.quantity, sheet.generic, sheet.share) == (whole, generic, share(own))
        drugs = own[~own.generic].groupby("code").quantity.sum().sort_values(ascending=False)
        top = drugs.tolist()[: len(sheet.movers)]
        assert [m.quantity for m in sheet.movers] == top
        assert sheet.more == len(drugs) - len(top)
        for mover in sheet.movers:
            after = Fraction(100) * (generic + mover.quantity) / whole
            assert mover.share == round(Decimal(after.numerator) / after.denominator + Decimal("1e-9"), 1)
        for point in sheet.trend:
            held = by_month[point.month]
            held = held[held.sort == sheet.sort]
            assert point.own == share(held[held.institution == institution])
            if point.own is not None:
                assert point.prefecture == share(held[held.prefecture == "35"])


def test_only_the_institutions_asked_for(tiny: TinyBranch):
    month = date(2026, 3, 1)
    every = institution_sheets(tiny.lake, "35", month)
    one = next(iter(every))
    assert institution_sheets(tiny.lake, "35", month, [one]) == {one: every[one]}


def test_a_month_without_receipts_is_refused(tiny: TinyBranch):
    with pytest.raises(MeasureError, match="令和9年1月"):
        institution_sheets(tiny.lake, "35", date(2027, 1, 1))


# ---- as printed --------------------------------------------------------------------------------------------------


def printed(*sheets: InstitutionSheet) -> list[str]:
    letters = [
        Addressed(
            Recipient((s.name,), "753-0001", ("山口県架空市",)),
            Numbered(f"全協山発第{n:04d}号", date(2026, 8, 3), f"TOKEN{n:011d}"),
            s,
        )
        for n, s in enumerate(sheets)
    ]
    made = issue(INSTITUTION_SHEET, sender("35"), letters, sheet=False)
    document = pypdfium2.PdfDocument(made.pdf)
    return ["".join(page.get_textpage().get_text_range().split()) for page in document]


def test_the_sheet_says_the_figures():
    sheet = institution_sheet(
        [figure(date(2026, 2, 1)), figure()], [drug(0, 1100, "先発甲錠"), drug(1, 50, "先発乙錠")]
    )
    (text,) = printed(sheet)
    for words in (
        "令和8年3月診療分",
        "架空調剤薬局御中",
        "80.0%",
        "光市85.0%",
        "山口県90.0%",
        "全国66.7%",
        "800÷1,000",
        "先発甲錠1,100",
        "先発乙錠5080.0%→85.0%",
        "TOKE-N000-0000-0000",
    ):
        assert words in text, words


@pytest.mark.parametrize(
    "name", ["先発薬{}錠", "とても長い名前の先発薬{}番配合錠ＨＤ「架空製薬株式会社」１００ｍｇ／２０ｍｇ"]
)
def test_it_is_always_one_page(name: str):
    months = [
        figure(date(2025 + (n + 3) // 12, (n + 3) % 12 + 1, 1), numerator=Decimal(10 + n)) for n in range(12)
    ]
    drugs = [drug(n, 100 - n, name.format(n)) for n in range(40)]
    long = {"name": "医療法人社団架空会長い名前の調剤薬局長々町駅前店"}
    (text,) = printed(institution_sheet([m | long for m in months], drugs))
    assert "ほかに33品目" in text and "1／1ページ" in text


def test_an_institution_without_originators_or_place_has_a_sheet():
    nothing = {"municipality": None, "municipality_numerator": None, "municipality_denominator": None}
    (text,) = printed(institution_sheet([figure(numerator=Decimal(1000), **nothing)], []))
    assert "所在地の市区町村－" in text and "使用はありませんでした" in text


def test_each_institutions_sheet_has_its_own_figures_only(tiny: TinyBranch):
    sheets = list(institution_sheets(tiny.lake, "35", date(2026, 3, 1)).values())
    text = printed(*sheets)
    assert len(text) == len(sheets)
    names = [s.name for s in sheets]
    for page, sheet in zip(text, sheets, strict=True):
        assert [n for n in names if re.sub(r"\s", "", n) in page] == [sheet.name]
        assert f"{sheet.share}%" in page


def test_months_in_any_order_give_the_same_sheet():
    months = [figure(date(2026, n, 1), numerator=Decimal(n)) for n in (1, 2, 3)]
    assert institution_sheet(months, []) == institution_sheet(months[::-1], [])
    assert pl.DataFrame(months).height == 3
