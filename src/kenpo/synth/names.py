"""Names that are visibly invented (作り物と分かる名前), and the texts people and places carry in the files."""

from __future__ import annotations

from kenpo.base.branches import branch
from kenpo.base.municipalities import municipality_name

FAMILY = (
    ("架空", "カクウ"), ("見本", "ミホン"), ("例示", "レイジ"), ("仮名", "カメイ"), ("髙見本", "タカミホン"),
    ("架空野", "カクウノ"), ("見本山", "ミホンヤマ"), ("例題寺", "レイダイジ"), ("仮想川", "カソウガワ"),
    ("模擬沢", "モギサワ"), ("試作田", "シサクダ"), ("創作原", "ソウサクハラ"), ("空想﨑", "クウソウザキ"),
    ("想定谷", "ソウテイヤ"), ("仮設橋", "カセツバシ"), ("練習井", "レンシュウイ"),
)  # fmt: skip
GIVEN = {
    1: (
        ("太郎", "タロウ"), ("次郎", "ジロウ"), ("三郎", "サブロウ"), ("一", "ハジメ"), ("健", "ケン"),
        ("誠", "マコト"), ("大樹", "ダイキ"), ("陽太", "ヨウタ"), ("蓮", "レン"), ("実", "ミノル"),
    ),
    2: (
        ("花子", "ハナコ"), ("一子", "カズコ"), ("三奈", "ミナ"), ("幸子", "サチコ"), ("恵", "メグミ"),
        ("愛", "アイ"), ("さくら", "サクラ"), ("陽菜", "ヒナ"), ("葵", "アオイ"), ("静", "シズカ"),
    ),
}  # fmt: skip


def name_of(family: int, given: int, sex: int) -> tuple[str, str]:
    """Name (氏名) with a full-width space, and kana without one."""
    (last, last_kana) = FAMILY[family % len(FAMILY)]
    (first, first_kana) = GIVEN[sex][given % len(GIVEN[sex])]
    return f"{last}　{first}", last_kana + first_kana


def address_of(municipality: str, number: int) -> str:
    """An address (住所) in a real municipality and an invented quarter."""
    place = municipality_name(municipality) or ""
    return f"{branch(municipality[:2]).prefecture}{place}架空町{number % 9 + 1}-{number % 37 + 1}"
