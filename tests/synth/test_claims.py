"""The invented receipts (架空のレセプト): the slow reader of the oracle reads them, and what an insurer meets is in them."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from tests.branches import TINY, TinyBranch, claim_files, claim_lines
from tests.lakes import rows
from tests.oracle.reader import OracleFile, read

TRIAZOLAM, ITRACONAZOLE = "611120055", "620007914"
AFTER_HOURS = {"112001110", "112015570"}
TRAFFIC = "10"
UNKNOWN = "699999999"
"""The one drug code that is planted because no master has it."""


@cache
def read_all(branch: Path) -> tuple[OracleFile, ...]:
    return tuple(read(path) for path in claim_files(branch))


def known_codes(name: str) -> set[str]:
    """The codes of a shipped master, by the csv module."""
    text = (files("kenpo.intake.facts") / name).read_text(encoding="utf-8")
    return {row["code"] for row in csv.DictReader(text.splitlines())}


@pytest.fixture(scope="module")
def read_tiny(tiny: TinyBranch) -> tuple[OracleFile, ...]:
    return read_all(tiny.folder)


class TestTheReaderOfTheOracle:
    """The csv module and plain Python read every file, and find what the lake holds."""

    def test_receipts_points_and_days_are_those_of_the_lake(
        self, read_tiny: tuple[OracleFile, ...], tiny: TinyBranch
    ):
        said = [r for f in read_tiny for r in f.receipts]
        lake = rows(tiny.lake, "receipt")
        assert lake.height == len(said)
        assert lake["points"].sum() == sum(r.points or 0 for r in said)
        assert lake["service_days"].sum() == sum(r.days or 0 for r in said)
        sent_back = lake.filter(~pl.col("valid"))
        assert sent_back["status"].to_list() == ["returned"]

    def test_quantities_of_every_drug_are_those_of_the_lake(
        self, read_tiny: tuple[OracleFile, ...], tiny: TinyBranch
    ):
        wanted: dict[str, Decimal] = defaultdict(Decimal)
        for file in read_tiny:
            for drug in file.drugs:
                if drug.valid:
                    wanted[drug.code] += drug.total or 0
        returned = rows(tiny.lake, "receipt").filter(pl.col("status") == "returned").select("receipt_id")
        drugs = rows(tiny.lake, "drug")
        counted = drugs.filter("valid")
        sent_back = drugs.join(returned, on="receipt_id", how="semi")
        held = pl.concat([counted, sent_back]).group_by("code").agg(pl.col("total").sum())
        assert {code: Decimal(total) for code, total in held.iter_rows()} == wanted

    def test_the_totals_of_uke_files_agree(self, read_tiny: tuple[OracleFile, ...]):
        uke = [f for f in read_tiny if not f.insurer_side]
        assert len(uke) > 8
        for file in uke:
            assert (file.go_count, file.go_points) == (file.computed_count, file.computed_points), file.name

    def test_a_file_is_claimed_in_the_month_after_treatment(self, read_tiny: tuple[OracleFile, ...]):
        for file in read_tiny:
            for receipt in file.receipts:
                assert file.claim_month is not None and receipt.month is not None
                months = (file.claim_month.year - receipt.month.year) * 12
                assert months + file.claim_month.month - receipt.month.month == 1

    def test_days_add_up_to_times(self, read_tiny: tuple[OracleFile, ...]):
        with_days = 0
        for file in read_tiny:
            for row in (*file.procedures, *file.drugs, *file.materials):
                if row.days:
                    with_days += 1
                    assert sum(n for _, n in row.days) == row.times, (file.name, row.line)
        assert with_days > 10_000

    def test_days_of_treatment_are_the_days_marked(self, tiny: TinyBranch):
        for path in claim_files(tiny.folder):
            days = 0
            for record in claim_lines(path):
                if record[0] == "HO":
                    days = int(record[4])
                if record[0] == "JD":
                    assert sum(mark != "" for mark in record[2:]) == days, path

    def test_points_are_those_of_what_was_done(self, read_tiny: tuple[OracleFile, ...]):
        for file in (f for f in read_tiny if f.kind in ("medical", "dental")):
            done: dict[int, int] = defaultdict(int)
            for row in (*file.procedures, *file.drugs):
                if row.valid and row.points is not None:
                    done[row.receipt] += row.points * (row.times or 1)
            for receipt in file.receipts:
                if receipt.month != TINY.calendar[1]:  # the month in which corrections are planted
                    assert done[receipt.index] == receipt.points, (file.name, receipt.line)

    def test_codes_are_those_of_the_shipped_masters(self, read_tiny: tuple[OracleFile, ...]):
        drugs, diseases = known_codes("drugs.csv"), known_codes("diseases.csv")
        procedures = known_codes("procedures.csv")
        for file in read_tiny:
            assert {d.code for d in file.drugs} <= drugs | {UNKNOWN}
            assert {d.code for d in file.diagnoses} <= diseases
            if file.kind in ("medical", "dpc"):
                assert {p.code for p in file.procedures if p.record_type == "SI"} <= procedures


def by_person(branch: Path) -> Iterator[tuple[tuple[str, ...], str, set[str]]]:
    """Person and month, institution that prescribed, and the drugs of every receipt."""
    for path in claim_files(branch):
        place = prescriber = ""
        who: tuple[str, ...] = ()
        drugs: set[str] = set()
        for record in claim_lines(path):
            if record[0] in ("IR", "YK", "UK"):
                place = record[2] + record[4]
            elif record[0] == "RE":
                if who:
                    yield who, prescriber, drugs
                who, drugs = (record[3], record[4], record[6]), set()
                prescriber = record[9] + record[11] if "PHA" in path.name or path.suffix == ".CYO" else place
            elif record[0] == "HO":
                who = (*who, record[2], record[3])
            elif record[0] == "IY":
                drugs.add(record[2] if "PHA" in path.name or path.suffix == ".CYO" else record[3])
        if who:
            yield who, prescriber, drugs


@pytest.fixture(scope="module")
def lines(larger: Path) -> dict[str, Counter[str]]:
    """How often each value stands in the columns that matter: record, section and code, notes, payers."""
    out: dict[str, Counter[str]] = defaultdict(Counter)
    for path in claim_files(larger):
        kind = {"M": "medical", "D": "dpc", "P": "pharmacy"}.get(path.name[14:15], "")
        for record in claim_lines(path):
            out["record"][record[0]] += 1
            if record[0] == "SI":
                out["procedure"][record[3]] += 1
            elif record[0] == "IY" and kind != "pharmacy" and path.suffix != ".CYO":
                out["inside"][record[3]] += 1
            elif record[0] == "IY":
                out["outside"][record[2]] += 1
            elif record[0] == "RE" and kind == "medical":
                out["notes"][record[11] if len(record) > 11 else ""] += 1
            elif record[0] == "KO":
                out["payer"][record[1][:2]] += 1
            elif record[0] == "CO":
                out["comment"][record[4]] += 1
    return out


@pytest.fixture(scope="module")
def drugs_of(larger: Path) -> dict[tuple[str, ...], dict[str, set[str]]]:
    """Person and month → prescriber → drugs."""
    out: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for who, prescriber, drugs in by_person(larger):
        out[who][prescriber] |= drugs
    return out


# Columns of a record, the record id included, as 記録条件仕様 counts them; 医科 unless another kind says otherwise.
COLUMNS = {
    "medical": {
        "IR": 10,
        "RE": 38,
        "HO": 15,
        "KO": 12,
        "SN": 9,
        "JD": 33,
        "SY": 8,
        "SI": 44,
        "IY": 44,
        "CO": 5,
        "GO": 4,
    },
    "dental": {"UK": 10, "IR": 9, "RE": 27, "HO": 14, "KO": 10, "HS": 13, "SS": 109},
    "pharmacy": {"YK": 9, "RE": 42, "HO": 14, "KO": 10, "SH": 10, "CZ": 71, "IY": 10, "KI": 114},
}
KIND_OF = {
    "11": "medical", "12": "medical", "13": "dental", "14": "pharmacy",
    "RECEIPTC": "medical", "RECEIPTD": "medical", "RECEIPTS": "dental", "RECEIPTY": "pharmacy",
}  # fmt: skip


def test_every_record_has_all_its_columns(tiny: TinyBranch):
    """Other readers want the empty fields at the end too."""
    seen: set[tuple[str, str]] = set()
    for path in claim_files(tiny.folder):
        insurer = path.suffix == ".CSV"
        kind = KIND_OF[path.name[:2] if insurer else path.stem]
        known = COLUMNS["medical"] | COLUMNS[kind]
        for line in path.read_bytes().decode("cp932").rstrip("\x1a").splitlines():
            fields = line.split(",")[3 if insurer else 0 :]
            if fields[0] in known:
                assert len(fields) == known[fields[0]], (path.name, fields[0])
                seen.add((kind, fields[0]))
    rare = {("medical", "GO"), ("medical", "CO"), ("dental", "KO")}
    assert {(kind, record) for kind, records in COLUMNS.items() for record in records} - rare <= seen


def test_the_insurers_dispensing_receipt_names_who_prescribed(tiny: TinyBranch):
    """調剤 RE: column 12 is the prescribing institution, 35 the 調剤録番号, 41 the kana."""
    path = next(p for p in claim_files(tiny.folder) if p.name.startswith("14_"))
    line = next(x for x in path.read_bytes().decode("cp932").splitlines() if x.split(",")[3] == "RE")
    fields = line.split(",")[3:]
    assert fields[12] and fields[35].isdigit() and fields[41]
    assert not any(fields[14:35])


class TestWhatIsInThem:
    """A branch of 3,000 members over half a year holds what an insurer meets."""

    def test_all_four_kinds_in_both_formats(self, larger: Path):
        from_reviewers = {p.name.split("_")[-1][:3] for p in claim_files(larger, True)}
        from_institutions = {p.name for p in claim_files(larger, False)}
        assert from_reviewers == {"MED", "DPC", "DEN", "PHA"}
        assert from_institutions == {"RECEIPTC.UKE", "RECEIPTD.UKE", "RECEIPTS.UKE", "RECEIPTY.CYO"}

    def test_public_payers_accidents_and_visits_at_night(self, lines: dict[str, Counter[str]]):
        assert {"21", "54"} <= set(lines["payer"])
        assert 0 < lines["notes"][TRAFFIC] < lines["notes"][""] / 20
        assert all(lines["procedure"][code] > 5 for code in AFTER_HOURS)
        assert lines["comment"]["勤務中に負傷"] > 0

    def test_corrections_and_receipts_sent_back(self, lines: dict[str, Counter[str]]):
        assert lines["record"]["JY"] > 5
        assert lines["record"]["HR"] == 1

    def test_drugs_are_given_in_the_house_and_outside(self, lines: dict[str, Counter[str]]):
        inside, outside = lines["inside"].total(), lines["outside"].total()
        assert 0.05 < inside / (inside + outside) < 0.5

    def test_originators_generics_biologics_and_biosimilars(self, lines: dict[str, Counter[str]]):
        text = (files("kenpo.intake.facts") / "drugs.csv").read_text(encoding="utf-8")
        used = lines["inside"] + lines["outside"]
        count: Counter[tuple[str, bool]] = Counter()
        for row in csv.DictReader(text.splitlines()):
            biologic = "遺伝子組換え" in row["ingredient"]
            count[row["class"], biologic] += used[row["code"]]
        assert count["3", False] > count["2", False] > 100
        assert count["2", True] > 10
        assert count["3", True] > 10

    def test_somebody_takes_six_drugs_or_more(self, drugs_of: dict[tuple[str, ...], dict[str, set[str]]]):
        many = [who for who, places in drugs_of.items() if len(set().union(*places.values())) >= 6]
        assert len(many) > 20

    def test_somebody_gets_one_drug_from_two_institutions(
        self, drugs_of: dict[tuple[str, ...], dict[str, set[str]]]
    ):
        twice = [
            who
            for who, places in drugs_of.items()
            if any(n > 1 for n in Counter(d for drugs in places.values() for d in drugs).values())
        ]
        assert 10 < len(twice) < 0.05 * len(drugs_of)

    def test_somebody_gets_triazolam_and_itraconazole_that_must_not_meet(
        self, drugs_of: dict[tuple[str, ...], dict[str, set[str]]]
    ):
        met = [
            who
            for who, places in drugs_of.items()
            if {TRIAZOLAM, ITRACONAZOLE} <= set().union(*places.values())
        ]
        assert met
