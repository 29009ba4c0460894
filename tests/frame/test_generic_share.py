"""Generic share (ジェネリック医薬品使用割合) of refresh against pandas, exactly, on any claim files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.facts import UNKNOWN, drugs_in, facts_lake, lake_with, some_codes
from tests.lakes import fresh, tried
from tests.oracle.reader import OracleFile, read
from tests.oracle.share import drug_rows, generic_share
from tests.strategies import KINDS, RecodeCase, UkeCase, recode_cases, uke_cases

from kenpo.catalogue import MEASURES
from kenpo.frame import View, figures, refresh
from kenpo.lake import Lake
from kenpo.synth.receipts import (
    RECODE_NAMES,
    encode,
    recode_info_lines,
    uke_lines,
)
from kenpo.synth.records import (
    Drug,
    Institution,
    Patient,
    Receipt,
    Unit,
)

VOLUME, VALUE = MEASURES["generic_volume_share"], MEASURES["generic_value_share"]
MONTHS = st.sampled_from([date(2025, 2, 1), date(2025, 3, 1), date(2025, 4, 1), date(2025, 10, 1)])
CODES = some_codes()


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return facts_lake(tmp_path_factory.mktemp("facts"))


def written(case: UkeCase | RecodeCase) -> dict[str, bytes]:
    if isinstance(case, UkeCase):
        lines = uke_lines(
            case.institution, case.receipts, case.claim_month, dates=case.dates, trailing=case.trailing
        )
        return {"RECEIPT.UKE": encode(lines, newline=case.newline, eof=case.eof)}
    out = {}
    for kind in KINDS:
        claims = [c for c in case.claims if c[1].kind == kind]
        if claims:
            lines = recode_info_lines(claims, case.claim_month, dates=case.dates, trailing=case.trailing)
            out[RECODE_NAMES[kind]] = encode(lines, newline=case.newline)
    return out


def expected(rows: pd.DataFrame, *, exclude_star: bool) -> dict[tuple[str, date], tuple[Fraction, ...]]:
    """Branch and month → volume numerator and denominator, value numerator and denominator, by the slow way."""
    out = {}
    for month in sorted(set(rows["month"])):
        known = {code: (printed or "", price) for code, (printed, price) in drugs_in(month).items()}
        found = generic_share(rows[rows["month"] == month], known, exclude_star=exclude_star)
        for r in found.to_dict("records"):
            out[r["branch"][2:], month] = (
                r["volume_numerator"],
                r["volume_denominator"],
                r["value_numerator"],
                r["value_denominator"],
            )
    return out


def reason(code: str, month: date, *, exclude_star: bool) -> str | None:
    """Why a drug row does not count (除外の理由), None when it does."""
    known = drugs_in(month)
    if code not in known:
        return "unknown_code"
    printed = known[code][0]
    if printed in ("★", "☆"):
        return "star" if exclude_star else None
    return {None: "unlisted", "": "other", "1": "no_generic"}.get(printed)


def expected_exclusions(
    rows: pd.DataFrame, *, exclude_star: bool
) -> dict[tuple[str, date], Counter[str | None]]:
    out: dict[tuple[str, date], Counter[str | None]] = {}
    for r in rows.to_dict("records"):
        counted = out.setdefault((r["branch"][2:], r["month"]), Counter())
        counted[reason(r["code"], r["month"], exclude_star=exclude_star)] += 1
    return out


def rate(numerator: Fraction, denominator: Fraction) -> Decimal | None:
    """Percent with one decimal, half up; None when there is nothing to divide by."""
    if not denominator:
        return None
    tenths = 1000 * numerator / denominator
    return (Decimal(int(tenths * 10 + 5) // 10) / 10).quantize(Decimal("0.1"), ROUND_HALF_UP)


def check(lake: Lake, oracle: Iterable[OracleFile], *, exclude_star: bool = False) -> None:
    """Every figure of every branch and month is the oracle's, and where the oracle has nothing there is 0 and NULL."""
    rows = drug_rows(oracle)
    sums = expected(rows, exclude_star=exclude_star)
    reasons = expected_exclusions(rows, exclude_star=exclude_star)
    for measure, at in ((VOLUME, 0), (VALUE, 2)):
        for r in figures(lake, measure).filter(pl.col("branch") != "00").iter_rows(named=True):
            key = (r["branch"], r["month"])
            numerator, denominator = sums.get(key, (Fraction(),) * 4)[at : at + 2]
            assert (Fraction(r["numerator"]), Fraction(r["denominator"])) == (numerator, denominator), (
                measure.id,
                key,
            )
            assert r["rate"] == rate(numerator, denominator)
            counted = reasons.get(key, Counter())
            excluded = {k: n for k, n in counted.items() if k is not None}
            assert r["eligible"] == counted.total()
            assert r["excluded"] == sum(excluded.values())
            assert {k: n for k, n in json.loads(r["excluded_by"]).items() if n} == excluded
        nation = figures(lake, measure, branch="00")
        for r in nation.iter_rows(named=True):
            of_month = [v[at : at + 2] for (_, month), v in sums.items() if month == r["month"]]
            whole = [sum((v[i] for v in of_month), Fraction()) for i in (0, 1)]
            assert [Fraction(r["numerator"]), Fraction(r["denominator"])] == whole


def loaded(facts: Path, folder: Path, sources: Mapping[str, bytes]) -> tuple[Lake, list[OracleFile]]:
    lake = lake_with(facts, folder, sources)
    return lake, [read(data, name) for name, data in sources.items()]


@tried(5)
@given(case=uke_cases(CODES, months=MONTHS))
def test_figures_of_uke_files_are_those_of_the_slow_way(case: UkeCase, facts: Path, tmp_path_factory):
    with fresh(tmp_path_factory) as folder:
        lake, oracle = loaded(facts, folder, written(case))
        refresh(lake, [VOLUME, VALUE])
        check(lake, oracle)


@tried(5)
@given(case=recode_cases(CODES, months=MONTHS))
def test_figures_of_corrected_receipts_are_those_of_the_slow_way(
    case: RecodeCase, facts: Path, tmp_path_factory
):
    with fresh(tmp_path_factory) as folder:
        lake, oracle = loaded(facts, folder, written(case))
        refresh(lake, [VOLUME, VALUE])
        check(lake, oracle)


@tried(4)
@given(case=recode_cases(CODES, months=MONTHS))
def test_with_the_parameter_set_stars_count_on_neither_side(case: RecodeCase, facts: Path, tmp_path_factory):
    said = View.parameter
    with fresh(tmp_path_factory) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            View,
            "parameter",
            lambda self, name, month: name == "generic_exclude_star" or said(self, name, month),
        )
        lake, oracle = loaded(facts, folder, written(case))
        refresh(lake, [VOLUME, VALUE])
        check(lake, oracle, exclude_star=True)


def one_file(*drugs: tuple[str, str], month: date = date(2025, 3, 1), insurer: str = "01130012") -> bytes:
    """A claim file of one receipt with the drugs (code, quantity), once each."""
    taro = Patient("架空　太郎", "カクウタロウ", "1", date(1955, 6, 1), insurer, "１", "２")
    items = tuple(Unit("21", (Drug(code, Decimal(quantity)),), 10, 1) for code, quantity in drugs)
    receipt = Receipt("medical", "1112", month, taro, 1, items)
    return encode(
        uke_lines(Institution("13", "1", "9990001", "架空クリニック"), [receipt], date(2025, 12, 1))
    )


def shown(facts: Path, folder: Path, data: bytes, branch: str = "13", month: date = date(2025, 3, 1)):
    lake = lake_with(facts, folder, {"a.UKE": data})
    refresh(lake, [VOLUME, VALUE])
    out = []
    for measure in (VOLUME, VALUE):
        (r,) = figures(lake, measure, branch=branch, months=(month, month)).iter_rows(named=True)
        out.append((r["numerator"], r["denominator"], r["rate"]))
    return out


GENERIC_PRICE, ORIGINATOR_PRICE = Decimal("10.10"), Decimal("80.20")
GENERIC, ORIGINATOR, NO_GENERIC, OTHER = "610463166", "610406386", "610407158", "610406378"


def test_the_rule_books_example_is_80_percent(facts: Path, tmp_path: Path):
    data = one_file(
        (GENERIC, "800"), (ORIGINATOR, "200"), (NO_GENERIC, "500"), (OTHER, "300"), (UNKNOWN, "7")
    )
    volume, value = shown(facts, tmp_path, data)
    assert volume == (800, 800 + 200, Decimal("80.0"))
    generic, originator = 800 * GENERIC_PRICE, 200 * ORIGINATOR_PRICE
    assert value == (generic, generic + originator, Decimal("33.5"))
    assert round(100 * generic / (generic + originator), 1) == Decimal("33.5")


def test_nothing_to_divide_by_is_no_rate_and_not_zero(facts: Path, tmp_path: Path):
    volume, value = shown(facts, tmp_path, one_file((NO_GENERIC, "500"), (OTHER, "300")))
    assert volume == value == (0, 0, None)


def test_originators_alone_are_0_percent(facts: Path, tmp_path: Path):
    volume, _ = shown(facts, tmp_path, one_file((ORIGINATOR, "3")))
    assert volume == (0, 3, Decimal("0.0"))


def test_a_half_is_rounded_up(facts: Path, tmp_path: Path):
    volume, _ = shown(facts, tmp_path, one_file((GENERIC, "0.0005"), (ORIGINATOR, "0.9995")))
    assert volume == (Decimal("0.0005"), Decimal("1.0000"), Decimal("0.1"))


@pytest.mark.parametrize(
    ("month", "counts"), [(date(2025, 9, 1), 0), (date(2025, 10, 1), 5), (date(2025, 11, 1), 5)], ids=str
)
def test_a_class_that_changes_on_1_october_counts_from_october_on(month, counts, facts: Path, tmp_path: Path):
    volume, _ = shown(facts, tmp_path, one_file(("622365201", "5"), month=month), month=month)
    assert volume[:2] == (0, counts)


@pytest.mark.parametrize("insurer", ["06130012", "01130013", "133066"])
def test_receipts_of_other_insurers_are_in_no_branch(insurer: str, facts: Path, tmp_path: Path):
    volume, _ = shown(facts, tmp_path, one_file((GENERIC, "5"), insurer=insurer), branch="00")
    assert volume == (0, 0, None)
