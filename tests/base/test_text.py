"""文字: widths, kana, variants and CP932."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo.base.errors import ArgumentError
from kenpo.base.text import (
    decode_cp932,
    encode_cp932,
    fold_variants,
    full_width_kana,
    half_width,
    normalise_symbol,
    strip_spaces,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("０１１３００１２", "01130012"),
        (" １２３　－　４ ", "123-4"),
        ("12−3", "12-3"),
        ("ｱｲ・１", "アイ・1"),
        ("東京 ａＢ", "東京aB"),
        ("ｶﾞｰ１", "ガー1"),
        ("①㈱", "①㈱"),
        ("", ""),
    ],
)
def test_symbols_and_numbers_have_one_form(text: str, expected: str):
    assert normalise_symbol(text) == expected


@given(st.text(max_size=20))
def test_normalising_twice_changes_nothing_more(text: str):
    assert normalise_symbol(normalise_symbol(text)) == normalise_symbol(text)


def test_widths_change_only_what_they_name():
    assert half_width("ＡＢ１２（）　ア") == "AB12() ア"
    assert full_width_kana("ﾊﾟﾄﾞ AB12") == "パド AB12"
    assert strip_spaces(" 東 京　都\t") == "東京都"


@pytest.mark.parametrize(
    ("registered", "searched"),
    [
        ("髙橋", "高橋"),
        ("山﨑", "山崎"),
        ("𠮷田", "吉田"),
        ("渡邉", "渡辺"),
        ("渡邊", "渡辺"),
        ("高崎", "高崎"),
    ],
)
def test_names_are_found_by_their_common_form(registered: str, searched: str):
    assert fold_variants(registered) == searched


def test_cp932_reads_the_characters_claim_files_use():
    assert decode_cp932("髙橋①㈱ｶﾅ～\r\n".encode("cp932")) == ("髙橋①㈱ｶﾅ～\r\n", 0)


def test_broken_bytes_are_counted_and_the_fields_around_them_survive():
    assert decode_cp932(b"RE,\x81,\x82\xa0\r\n\xff\x80,1") == ("RE,\ufffd,あ\r\n\ufffd\ufffd,1", 3)


def test_cp932_is_written_with_the_forms_it_has():
    assert encode_cp932("1〜2−3—") == "1～2－3―".encode("cp932")


def test_characters_cp932_lacks_are_named():
    with pytest.raises(ArgumentError, match=r"𠮷（U\+20BB7）") as caught:
        encode_cp932("𠮷田が😀と\ufffd")
    assert "U+1F600" in caught.value.what
    assert "U+FFFD" in caught.value.what


@given(st.text(alphabet="あア亜髙﨑①㈱ｱA1,\r\n～", max_size=30))
def test_cp932_written_and_read_again_is_the_same(text: str):
    assert decode_cp932(encode_cp932(text)) == (text, 0)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_and_what_was_read_cleanly_can_be_written(data: bytes):
    text, undecodable = decode_cp932(data)
    assert undecodable == text.count("\ufffd")
    if not undecodable:
        assert decode_cp932(encode_cp932(text)) == (text, 0)
