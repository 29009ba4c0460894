"""Municipality of an institution from its address (所在地 → 市区町村)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lakes import load, rows

from kenpo.base.branches import BRANCHES
from kenpo.base.municipalities import municipalities
from kenpo.intake.receipts.places import place_of, written

REAL = [
    ("東京都港区見本1-2-3", "港区", "13103"),
    ("神奈川県横浜市鶴見区見本1", "横浜市鶴見区", "14101"),
    ("神奈川県横浜市見本1", "横浜市", "14100"),
    ("千葉県市川市見本1", "市川市", "12203"),
    ("千葉県市原市村上1", "市原市", "12219"),
    ("三重県四日市市見本町1", "四日市市", "24202"),
    ("広島県廿日市市見本1", "廿日市市", "34213"),
    ("新潟県十日町市見本1", "十日町市", "15210"),
    ("東京都町田市見本1", "町田市", "13209"),
    ("東京都武蔵村山市見本1", "武蔵村山市", "13223"),
    ("福島県郡山市見本1", "郡山市", "07203"),
    ("奈良県大和郡山市見本1", "大和郡山市", "29203"),
    ("奈良県高市郡明日香村見本1", "明日香村", "29402"),
    ("兵庫県赤穂郡上郡町見本1", "上郡町", "28481"),
    ("北海道余市郡余市町見本1", "余市町", "01408"),
    ("群馬県佐波郡玉村町見本1", "玉村町", "10464"),
    ("山口県大島郡周防大島町見本1", "周防大島町", "35305"),
    ("山口県周防大島町見本1", "周防大島町", "35305"),
    ("茨城県龍ヶ崎市見本1", "龍ケ崎市", "08208"),
    ("　大阪府大阪市北区見本1 ", "大阪市北区", "27127"),
]


@pytest.mark.parametrize(("address", "name", "code"), REAL)
def test_a_real_municipality_has_its_name_and_code(address: str, name: str, code: str):
    assert place_of(address) == (name, code)


def test_every_municipality_is_found_in_an_address_of_its_own():
    prefectures = {b.code: b.prefecture for b in BRANCHES}
    wrong = {}
    for code, name in municipalities().items():
        found = place_of(f"{prefectures[code[:2]]}{name}見本1-2-3")
        if found.name != name:
            wrong[code] = (name, found.name)
    assert wrong == {}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("見本県例示市1-2-3", "例示市"),
        ("見本県例示郡架空町1", "例示郡架空町"),
        ("東京都架空区1", "架空区"),
        ("例示村1", "例示村"),
        ("1-2-3", None),
        ("", None),
    ],
)
def test_an_invented_place_has_a_name_where_one_can_be_read_and_no_code(address: str, name: str | None):
    assert place_of(address) == (name, None)


def test_an_address_without_prefecture_lies_in_the_one_given():
    assert place_of("府中市見本1", "13") == ("府中市", "13206")
    assert place_of("府中市見本1", "34") == ("府中市", "34208")
    assert place_of("広島県府中市見本1", "13") == ("府中市", "34208")


@pytest.mark.parametrize(
    ("text", "postcode", "address"),
    [
        ("〒753－0000山口市架空町１－２", "753-0000", "山口市架空町１－２"),
        ("〒 7530000　山口県山口市架空町1㈱", "753-0000", "山口県山口市架空町1㈱"),
        ("753-0000 山口市架空町1", "753-0000", "山口市架空町1"),
        ("〒７５３ー００００", "753-0000", None),
        ("山口市架空町753-0000", None, "山口市架空町753-0000"),
        ("7530000番地", None, "7530000番地"),
        ("　 ", None, None),
        ("山口市架空\ufffd1", None, None),
    ],
)
def test_the_postal_code_is_taken_from_before_an_address(
    text: str, postcode: str | None, address: str | None
):
    assert written(text) == (postcode, address)


@given(st.text(max_size=20))
def test_no_character_of_an_address_is_changed(text: str):
    postcode, address = written(text)
    assert address is None or text.rstrip().endswith(address)
    assert postcode is None or len(postcode) == 8


def test_the_institutions_of_a_file_have_municipality_and_code(tmp_path: Path):
    lines = [
        "1,1,0,MN,見本,東京都港区見本1-2-3,1",
        "1,2,0,IR,1,13,1,9990001,,見本クリニック,202406,00,",
        "1,3,0,RE,1,1112,202405,架空　太郎,1,19550601",
        "1,4,0,HO,01130012,１２３,４５６,2,500",
    ]
    data = "".join(line + "\r\n" for line in lines).encode("cp932")
    lake, (report,) = load(tmp_path, {"11_RECODEINFO_MED.CSV": data})
    assert report.status == "loaded"
    (row,) = rows(lake, "institution").rows(named=True)
    assert (row["municipality"], row["municipality_code"], row["claim_month"]) == (
        "港区",
        "13103",
        date(2024, 6, 1),
    )
    assert (row["postcode"], row["address"]) == (None, "東京都港区見本1-2-3")


def test_the_address_of_an_institution_is_the_first_one_written_in_a_file(tmp_path: Path):
    def receipt(n: int, place: str, clinic: str = "9990001") -> list[str]:
        return [
            f"{n},1,0,MN,見本,{place},1",
            f"{n},2,0,IR,1,35,1,{clinic},,見本クリニック,202406,00,",
            f"{n},3,0,RE,{n},1112,202405,架空　太郎,1,19550601",
            f"{n},4,0,HO,01350016,１２３,４５６,2,500",
        ]

    lines = [*receipt(1, ""), *receipt(2, "〒753-0000山口市架空町2"), *receipt(3, "山口市架空町3")]
    data = "".join(line + "\r\n" for line in [*lines, *receipt(4, "", "9990002")]).encode("cp932")
    lake, _ = load(tmp_path, {"11_RECODEINFO_MED.CSV": data})
    held = rows(lake, "institution").select("institution", "postcode", "address").sort("institution").rows()
    assert held == [("3519990001", "753-0000", "山口市架空町2"), ("3519990002", None, None)]
