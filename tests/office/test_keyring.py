"""The vault's keys: what is sealed opens for its owner only, keys change without loss, and spellings are found alike."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import jaconv
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kenpo.intake.identity import folded_kana
from kenpo.office.keyring import (
    SEARCH_FIELDS,
    Identity,
    Keyring,
    VaultError,
    birth_text,
    card_text,
    family_kana,
    normalised,
    search_texts,
)

TARO = ("35", "member", "m1", "identity")
HANAKO = ("35", "member", "m2", "identity")
TARO_IN_TOKYO = ("13", "member", "m1", "identity")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "vault.keys"


@pytest.fixture
def keyring(file: Path) -> Keyring:
    return Keyring.load(file)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    """A keyring that no test changes."""
    return Keyring.load(tmp_path_factory.mktemp("keys") / "vault.keys")


contexts = st.lists(st.text(min_size=1), min_size=1, max_size=4).map(tuple)

# ---- sealing -----------------------------------------------------------------------------------------------------


@given(plain=st.binary(max_size=300), context=contexts)
def test_what_is_sealed_opens_again(shared: Keyring, plain: bytes, context: tuple[str, ...]):
    sealed = shared.seal(plain, context)
    assert shared.open(sealed, context) == plain
    assert shared.key_of(sealed) == shared.newest
    assert len(sealed) == len(plain) + 1 + 4 + 12 + 16


@given(data=st.data(), plain=st.binary(max_size=60))
def test_any_changed_byte_refuses_to_open(shared: Keyring, data: st.DataObject, plain: bytes):
    sealed = bytearray(shared.seal(plain, TARO))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(VaultError):
        shared.open(bytes(sealed), TARO)


@given(plain=st.binary(max_size=60), cut=st.integers(1, 93))
def test_a_sealed_thing_that_was_cut_refuses_to_open(shared: Keyring, plain: bytes, cut: int):
    sealed = shared.seal(plain, TARO)
    with pytest.raises(VaultError):
        shared.open(sealed[: max(0, len(sealed) - cut)], TARO)


@given(mine=contexts, other=contexts)
@example(mine=("a", "b"), other=("a|b",))
@example(mine=("35", "member", "m1"), other=("35", "memberm1"))
def test_another_context_refuses_to_open(shared: Keyring, mine: tuple[str, ...], other: tuple[str, ...]):
    sealed = shared.seal(b"secret", mine)
    if mine == other:
        assert shared.open(sealed, other) == b"secret"
        return
    with pytest.raises(VaultError):
        shared.open(sealed, other)


def test_a_row_copied_to_another_person_or_branch_does_not_open(shared: Keyring):
    sealed = shared.seal("架空 太郎".encode(), TARO)
    for elsewhere in (HANAKO, TARO_IN_TOKYO, TARO[:-1]):
        with pytest.raises(VaultError) as refused:
            shared.open(sealed, elsewhere)
        assert refused.value.code == "vault_error"


def test_the_same_text_is_never_sealed_the_same_twice(shared: Keyring):
    assert len({shared.seal(b"same", TARO) for _ in range(200)}) == 200


def test_an_error_quotes_neither_what_is_sealed_nor_a_key(keyring: Keyring, file: Path):
    sealed = keyring.seal("架空 太郎".encode(), TARO)
    with pytest.raises(VaultError) as refused:
        keyring.open(sealed, HANAKO)
    held = json.loads(file.read_text())
    told = refused.value.message + repr(keyring) + repr(refused.value.args)
    for secret in ("架空", sealed.hex(), held["index"], held["keys"][0]["key"], "m1", "m2"):
        assert secret not in told


@pytest.mark.parametrize("context", [(), ("35", "")])
def test_nothing_is_sealed_for_nobody(shared: Keyring, context: tuple[str, ...]):
    with pytest.raises(ValueError, match="somebody"):
        shared.seal(b"x", context)


def test_a_letter_of_30_megabytes_can_be_sealed(shared: Keyring):
    letter = bytes(30 << 20)
    sealed = shared.seal(letter, ("35", "member", "m1", "letter"))
    assert shared.open(sealed, ("35", "member", "m1", "letter")) == letter


def test_other_keys_open_nothing(shared: Keyring, keyring: Keyring):
    with pytest.raises(VaultError, match="鍵のファイルにありません"):
        keyring.open(shared.seal(b"x", TARO), TARO)


# ---- changing keys -----------------------------------------------------------------------------------------------


def test_after_a_rotation_the_new_key_seals_and_the_old_one_still_opens(keyring: Keyring, file: Path):
    first = keyring.newest
    old = keyring.seal(b"old", TARO)
    searched = keyring.index("name", "架空太郎", "35")
    second = keyring.rotate()
    assert keyring.ids == (first, second)
    assert keyring.newest == second != first
    new = keyring.seal(b"new", TARO)
    assert (keyring.key_of(old), keyring.key_of(new)) == (first, second)
    for reader in (keyring, Keyring.load(file)):
        assert (reader.open(old, TARO), reader.open(new, TARO)) == (b"old", b"new")
        assert reader.index("name", "架空太郎", "35") == searched
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_process_that_runs_on_notices_a_rotation_and_a_drop_by_another(keyring: Keyring, file: Path):
    elsewhere = Keyring.load(file)
    first = keyring.newest
    old = keyring.seal(b"old", TARO)
    second = elsewhere.rotate()
    assert keyring.open(elsewhere.seal(b"new", TARO), TARO) == b"new"
    assert keyring.key_of(keyring.seal(b"newer", TARO)) == second
    elsewhere.drop(first)
    with pytest.raises(VaultError):
        keyring.open(old, TARO)


def test_the_newest_key_and_an_unknown_one_cannot_be_dropped(keyring: Keyring):
    only = keyring.newest
    with pytest.raises(VaultError, match="新しい鍵は外せません"):
        keyring.drop(only)
    with pytest.raises(VaultError, match="鍵のファイルにありません"):
        keyring.drop("00000000")
    assert keyring.ids == (only,)


def test_rotations_at_once_lose_no_key(keyring: Keyring, file: Path):
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: Keyring.load(file).rotate(), range(12)))
    assert len(keyring.ids) == 13
    assert {*added} < {*keyring.ids}


def test_the_fingerprint_tells_vaults_apart_and_outlives_a_rotation(keyring: Keyring, shared: Keyring):
    before = keyring.fingerprint
    keyring.rotate()
    assert keyring.fingerprint == before != shared.fingerprint


# ---- the file ----------------------------------------------------------------------------------------------------


def test_the_file_is_made_on_first_use_for_its_owner_only(keyring: Keyring, file: Path):
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in file.parent.iterdir()] == ["vault.keys"]
    assert Keyring.load(file).ids == keyring.ids


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_file_that_others_may_read_or_write_is_refused(keyring: Keyring, file: Path, mode: int):
    file.chmod(mode)
    with pytest.raises(VaultError, match="chmod 600"):
        Keyring.load(file)
    with pytest.raises(VaultError, match="chmod 600"):
        keyring.seal(b"x", TARO)


def test_the_keys_may_not_lie_in_the_lake_or_the_office(tmp_path: Path):
    lake, office = tmp_path / "lake", tmp_path / "office"
    lake.mkdir()
    (tmp_path / "way").symlink_to(lake)
    for path in (lake / "vault.keys", office / "a" / "vault.keys", tmp_path / "way" / "vault.keys"):
        with pytest.raises(VaultError, match="外に置く"):
            Keyring.load(path, outside=(lake, office))
        assert not path.exists()
    assert Keyring.load(tmp_path / "vault.keys", outside=(lake, office)).ids


def test_a_lost_file_is_not_replaced_once_something_is_sealed(file: Path):
    with pytest.raises(VaultError, match="読み書きできません") as refused:
        Keyring.load(file, create=False)
    assert str(file) in refused.value.message
    assert not file.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda held: held | {"format": "something else"},
        lambda held: held | {"keys": []},
        lambda held: held | {"keys": held["keys"] * 2},
        lambda held: held | {"index": held["index"][:-2]},
        lambda held: held | {"keys": [{"id": "x", "key": held["keys"][0]["key"]}]},
        lambda held: held | {"keys": [{"id": "00000000", "key": "00"}]},
        lambda held: held | {"keys": 1},
        lambda held: [held],
    ],
)
def test_a_damaged_file_is_an_error_that_holds_no_key(keyring: Keyring, file: Path, damage):
    held = json.loads(file.read_text())
    file.write_text(json.dumps(damage(held)))
    with pytest.raises(VaultError, match="壊れています") as refused:
        keyring.newest  # noqa: B018
    assert refused.value.__context__ is None
    assert held["index"] not in refused.value.message


def test_a_file_cut_short_is_an_error_that_holds_no_key(keyring: Keyring, file: Path):
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(VaultError, match="壊れています") as refused:
        Keyring.load(file)
    assert refused.value.__context__ is None


def test_processes_that_make_the_file_at_once_agree_on_one(file: Path):
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom kenpo.office.keyring import Keyring\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "ring = Keyring.load(Path(sys.argv[1]))\nprint(ring.newest, ring.fingerprint)\n"
    )
    start = str(time.time() + 2)
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(file), start], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = {one.communicate()[0].strip() for one in running}
    assert [one.returncode for one in running] == [0] * 4
    ring = Keyring.load(file)
    assert said == {f"{ring.newest} {ring.fingerprint}"}
    assert [p.name for p in file.parent.iterdir()] == ["vault.keys"]


def test_threads_that_make_the_file_at_once_agree_on_one(file: Path):
    with ThreadPoolExecutor(8) as pool:
        assert len({ring.ids for ring in pool.map(Keyring.load, [file] * 8)}) == 1


# ---- searching ---------------------------------------------------------------------------------------------------


@given(
    field=st.sampled_from(SEARCH_FIELDS),
    text=st.text() | st.text("あがゃアガャﾎﾟ髙ー- 　株式会社(有)０1aＡ|\u3099", max_size=12),
)
@example(field="kana", text="A´")
def test_normalising_twice_is_normalising_once(field: str, text: str):
    once = normalised(field, text)
    assert normalised(field, once) == once


kana = st.text(
    st.characters(min_codepoint=0x30A1, max_codepoint=0x30F4) | st.just("ー"), min_size=1, max_size=8
)


@given(family=kana, given_name=kana)
def test_kana_are_found_in_any_width_and_script(shared: Keyring, family: str, given_name: str):
    name = f"{family}　{given_name}"
    variants = {
        name,
        name.replace("　", " "),
        name.replace("　", ""),
        jaconv.z2h(name),
        jaconv.kata2hira(name),
        unicodedata.normalize("NFD", name),
    }
    assert len({shared.index("kana", text, "35") for text in variants}) == 1


@given(st.text("アイウガパヴャッー 　あがゃ-", min_size=1, max_size=12))
def test_kana_that_agree_for_matching_claims_agree_for_searching(text: str):
    (folded,) = folded_kana(pl.Series([text]))
    assert normalised("kana", folded or "") == normalised("kana", text)


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("name", "髙﨑　太郎", "高崎太郎"),
        ("kana", "ｶｸｳ ﾀﾛｳ", "かくう　たろう"),
        ("kana", "ショウジ", "シヨウジ"),
        ("postcode", "〒753-0000", "７５３００００"),
        ("card", card_text("１２３", "００４５"), card_text("123", "0045")),
        ("person_number", "１０－２", "10-2"),
        ("phone", "083-000-0000", "０８３（０００）００００"),
        ("workplace_name", "㈱ＭＩＨＯＮ商事", "株式会社 Mihon 商事"),
        ("workplace_name", "見本商事株式会社　山口工場", "見本商事山口工場"),
    ],
)
def test_spellings_of_the_same_thing_are_found_alike(shared: Keyring, field: str, one: str, other: str):
    assert shared.index(field, one, "35") == shared.index(field, other, "35")


def test_a_hash_says_nothing_beyond_its_field_and_branch(shared: Keyring, keyring: Keyring):
    found = {
        shared.index("name", "見本花子", "35"),
        shared.index("name", "見本花子", "13"),
        shared.index("workplace_name", "見本花子", "35"),
        shared.index("name", "見本太郎", "35"),
        keyring.index("name", "見本花子", "35"),
    }
    assert len(found) == 5
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in found)


def test_a_workplace_called_by_its_legal_form_only_is_still_found():
    assert normalised("workplace_name", "株式会社") == "株式会社"


@pytest.mark.parametrize("text", ["", " 　", "〒-"])
def test_searching_for_nothing_is_refused(shared: Keyring, text: str):
    with pytest.raises(VaultError, match="検索する語が空"):
        shared.index("postcode", text, "35")


def test_a_member_is_found_by_name_kana_birth_card_number_and_postcode():
    taro = Identity(
        name="架空　太郎",
        kana="ｶｸｳ ﾀﾛｳ",
        birth_date=date(1980, 2, 29),
        postcode="753-0000",
        address="山口県架空市見本町1-2-3",
        symbol="１２３",
        number="45",
        branch_no="01",
        person_number="0000012345",
        phone="083-000-0000",
    )
    assert set(search_texts(taro)) == {
        ("name", "架空太郎"),
        ("kana", "カクウタロウ"),
        ("kana_family", "カクウ"),
        ("birth_kana", "19800229|カクウ"),
        ("birth_kana", "19800229|カクウタロウ"),
        ("postcode", "7530000"),
        ("card", "123|45"),
        ("person_number", "0000012345"),
        ("phone", "0830000000"),
    }
    assert "架空" not in repr(taro)


def test_what_is_searched_by_birth_is_what_was_indexed(shared: Keyring):
    texts = search_texts(Identity(kana="カクウ タロウ", birth_date=date(1980, 2, 29)))
    indexed = {shared.index(field, text, "35") for field, text in texts}
    for typed in ("かくう", "ｶｸｳ", "カクウタロウ"):
        assert shared.index("birth_kana", birth_text(date(1980, 2, 29), typed), "35") in indexed
    assert shared.index("birth_kana", birth_text(date(1980, 2, 28), "カクウ"), "35") not in indexed


def test_the_family_is_told_only_where_a_space_separates_it():
    assert family_kana("ミホン　ハナコ") == family_kana(" ﾐﾎﾝ ﾊﾅｺ") == "ミホン"
    assert family_kana("ミホンハナコ") is None
    assert ("kana_family", "ミホン") not in search_texts(Identity(kana="ミホンハナコ"))


def test_a_workplace_is_found_by_its_name_without_the_legal_form():
    found = search_texts(Identity(name="株式会社見本商事", postcode="753-0000"), "workplace")
    assert set(found) == {("workplace_name", "見本商事"), ("postcode", "7530000")}


def test_what_cannot_be_read_or_is_not_known_is_not_searched_for():
    assert search_texts(Identity(name="架\ufffd太郎", kana="カク\ufffd", postcode="〒", symbol="123")) == ()
