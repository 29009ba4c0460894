"""The shipped facts: complete in themselves, and equal to the published masters where those lie at hand."""

from __future__ import annotations

import csv
import re
import zipfile
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

from kenpo.intake.facts import EDITIONS, FILES, facts_frames
from kenpo.intake.masters import MasterKind, MasterParse, detect, parse

DATA = Path(__file__).parents[2].parent / "shared" / "data"
LOCAL = ("source_line", "change")  # the line is of our file, and one edition alone knows no change
MASTERS = {
    "drug_master": "y_ALL20240321.zip",
    "disease_master": "b_20240601.zip",
    "procedure_master": "s_20240531.zip",
    "material_master": "t_ALL20240315.zip",
}


@pytest.fixture(scope="module")
def facts() -> dict[str, MasterParse]:
    return facts_frames()


def published(path: Path) -> MasterParse:
    """A master as published. Skips plainly when it is not at hand."""
    if not path.exists():
        pytest.skip(f"公表されたマスター {path.name} が手元にないため、照合を省きます（{path.parent}）")
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            name = archive.namelist()[0]
            data = archive.read(name)
    else:
        name, data = path.name, path.read_bytes()
    kind = detect(name, data[:4096])
    assert kind is not None
    return parse(kind, name, data)


def test_every_table_is_there_with_its_edition(facts):
    assert {name: p.edition for name, p in facts.items()} == {
        "drug_master": date(2024, 3, 21),
        "disease_master": date(2024, 6, 1),
        "procedure_master": date(2024, 5, 31),
        "material_master": date(2024, 3, 15),
        "generic_class": date(2025, 7, 16),
    }
    assert {k.value: d for k, d in EDITIONS.items()} == {n: p.edition for n, p in facts.items()}


def test_frames_are_of_their_tables_and_nothing_is_rejected(facts):
    for name, p in facts.items():
        assert p.table.name == name
        assert p.frame.columns == [c for c in p.table.names if c != "source_file"]
        assert dict(p.frame.schema) == {n: t for n, t in p.table.polars_schema.items() if n != "source_file"}
        assert (p.full, p.rejects.height, p.lines) == (True, 0, p.frame.height)
        assert p.frame["change"].unique().to_list() == ["0"]
        for column in p.table:
            assert (
                not column.required or column.name == "source_file" or not p.frame[column.name].null_count()
            )


def test_codes_are_unique_and_well_formed(facts):
    digits = {"drug_master": 9, "disease_master": 7, "procedure_master": 9, "material_master": 9}
    for name, width in digits.items():
        codes = facts[name].frame["code"]
        assert codes.is_unique().all()
        assert codes.str.contains(rf"^\d{{{width}}}$").all()
    listed = facts["generic_class"].frame["price_list_code"]
    assert listed.is_unique().all()
    assert listed.str.contains("^[0-9A-Z]{12}$").all()


def test_source_lines_lead_to_the_rows(facts):
    kinds = {kind.value: kind for kind in FILES}
    for name, p in facts.items():
        text = (files("kenpo.intake.facts") / FILES[kinds[name]]).read_text(encoding="utf-8").splitlines()
        key = "price_list_code" if name == "generic_class" else "code"
        header = text[0].split(",")
        for line, value in p.frame.select("source_line", key).iter_rows():
            assert next(csv.reader([text[line - 1]]))[header.index(key)] == value


def test_all_classes_and_a_dated_change_are_among_the_generic_classes(facts):
    frame = facts["generic_class"].frame
    assert set(frame["class_code"]) == {"1", "2", "3", "☆", "★", None}
    coming = frame.filter(pl.col("next_class_from").is_not_null())
    assert set(coming.select("next_class", "next_class_from").iter_rows()) == {("2", date(2025, 10, 1))}


def test_a_blank_class_is_listed_and_an_unlisted_drug_is_not(facts):
    """Blank in the list (抱水クロラール and such) is a row with NULL; not in the list is no row."""
    listed = facts["generic_class"].frame
    assert listed["class_code"].null_count() > 0
    drugs = facts["drug_master"].frame.filter(pl.col("price_list_code").is_not_null())
    assert drugs.join(listed, on="price_list_code", how="anti").height > 0


@pytest.mark.parametrize(
    "ingredient",
    [
        "インフリキシマブ",
        "フィルグラスチム",
        "エタネルセプト",
        "アダリムマブ",
        "リツキシマブ",
        "トラスツズマブ",
        "ベバシズマブ",
        "インスリングラルギン",
        "ソマトロピン",
        "テリパラチド",
        "ダルベポエチン",
    ],
)
def test_biologics_come_with_their_followers(facts, ingredient):
    rows = facts["generic_class"].frame.filter(pl.col("ingredient").str.starts_with(ingredient))
    classes = set(rows["class_code"])
    assert "3" in classes
    assert classes & {"1", "2", "☆"}
    assert facts["drug_master"].frame.join(rows, on="price_list_code", how="semi").height >= 2


def test_injections_topicals_and_oral_drugs_are_there(facts):
    forms = facts["drug_master"].frame["dosage_form"].value_counts()
    counts = dict(forms.iter_rows())
    assert counts["1"] > 200
    assert counts["4"] > 50
    assert counts["6"] > 30


def test_well_known_values(facts):
    drug = facts["drug_master"].frame.row(by_predicate=pl.col("name") == "ノルバスク錠２．５ｍｇ", named=True)
    assert (drug["price_list_code"], drug["unit"], drug["generic"]) == ("2171022F1029", "錠", False)
    assert drug["changed_on"] == date(2024, 4, 1) > EDITIONS[MasterKind.DRUG]
    first_visit = facts["procedure_master"].frame.row(by_predicate=pl.col("code") == "111000110", named=True)
    assert (first_visit["name"], first_visit["points"], first_visit["section_code"]) == (
        "初診料",
        Decimal("291.00"),
        "A000",
    )
    diabetes = facts["disease_master"].frame.row(by_predicate=pl.col("name") == "２型糖尿病", named=True)
    assert (diabetes["icd10_1"], diabetes["specific"]) == ("E11", "00")


def test_the_readme_names_every_file_and_edition():
    text = (files("kenpo.intake.facts") / "README.md").read_text(encoding="utf-8")
    for name in FILES.values():
        assert name in text
    for day in EDITIONS.values():
        assert day.isoformat() in text


@pytest.mark.parametrize("name", MASTERS)
def test_every_value_equals_the_published_master(facts, name):
    ours, theirs = facts[name].frame, published(DATA / "master" / MASTERS[name]).frame
    carried = [c for c in ours.columns if ours[c].null_count() < ours.height and c not in LOCAL]
    both = ours.select(carried).sort("code")
    same = theirs.filter(pl.col("code").is_in(both["code"].to_list())).select(carried).sort("code")
    assert both.equals(same)


def test_every_class_equals_the_published_list(facts):
    ours = facts["generic_class"].frame.drop("source_line", "listed_on").sort("price_list_code")
    theirs = published(DATA / "generic" / "mhlw_ge_20250716.csv").frame.drop("source_line", "listed_on")
    assert ours.equals(theirs.join(ours, on="price_list_code", how="semi").sort("price_list_code"))


def test_every_code_of_the_sample_claims_that_a_master_knows_is_there(facts):
    folder = DATA / "uke" / "cp932"
    if not folder.exists():
        pytest.skip(f"見本のレセプト（{folder}）が手元にないため、照合を省きます")
    lines = [x for f in sorted(folder.glob("*.UKE")) for x in f.read_bytes().decode("cp932").splitlines()]
    rows = [line.strip("\x1a").split(",") for line in lines]
    places = {
        "drug_master": {"IY": 3},
        "disease_master": {"SY": 1, "HS": 4},
        "procedure_master": {"SI": 3, "SS": 3},
        "material_master": {"TO": 3},
    }
    for name, records in places.items():
        used = {r[records[r[0]]] for r in rows if r[0] in records}
        known = set(published(DATA / "master" / MASTERS[name]).frame["code"])
        assert used & known <= set(facts[name].frame["code"])


def test_the_extract_stays_small():
    for name in set(FILES.values()):
        assert (files("kenpo.intake.facts") / name).read_bytes().count(b"\n") < 600
    assert not any(re.search("ALL|mhlw", f.name) for f in files("kenpo.intake.facts").iterdir())
    assert MasterKind.DRUG_PRICE not in FILES
