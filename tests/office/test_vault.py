"""The vault: identities come in, the newest counts, they open for their branch only, are found, and change their key."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.conf import settings
from django.db import connection, transaction
from tests.offices import FreshOffice, People
from tests.people import lake_of

from kenpo.frame.letter import Recipient
from kenpo.intake.membership.identities import SCHEMA, IdentityBlock, IdentityReport
from kenpo.office import audit, vault
from kenpo.office.acting import acting, system
from kenpo.office.keyring import VaultError
from kenpo.office.models import Attachment, AuditRow, SealedBlob, VaultIdentity, VaultIndex
from kenpo.office.vault import Query

TARO, HANAKO, JIRO = "a" * 32, "b" * 32, "c" * 32
YAMAGUCHI, TOKYO = "35", "13"

PERSON = {
    "branch": YAMAGUCHI,
    "subject_kind": "member",
    "subject": TARO,
    "name": "架空 太郎",
    "kana": "ｶｸｳ ﾀﾛｳ",
    "birth_date": date(1980, 2, 3),
    "sex": "1",
    "postcode": "753-0001",
    "address": "山口県架空市見本町1-2 見本ハイツ 101",
    "person_number": "K0001",
    "change": "upsert",
    "full": True,
    "as_of": date(2026, 4, 1),
}
CARD = {
    "branch": YAMAGUCHI,
    "subject_kind": "member",
    "subject": TARO,
    "symbol": "12345678",
    "number": "21",
    "branch_no": "00",
    "acquired_on": date(2020, 4, 1),
    "change": "upsert",
    "full": True,
    "as_of": date(2026, 4, 1),
}
WORKPLACE = {
    "branch": YAMAGUCHI,
    "subject_kind": "workplace",
    "subject": "12345678",
    "name": "株式会社見本商事",
    "postcode": "753-0002",
    "address": "山口県架空市見本町9",
    "change": "upsert",
    "full": True,
    "as_of": date(2026, 4, 1),
}


def person(**said: Any) -> dict[str, Any]:
    return PERSON | said


def block(*rows: dict[str, Any], report: IdentityReport | None = None) -> IdentityBlock:
    """Rows of a file as intake gives them."""
    full = [dict.fromkeys(SCHEMA) | {"source_line": n} | row for n, row in enumerate(rows, 2)]
    return IdentityBlock("加入者.csv", pl.DataFrame(full, schema=SCHEMA), report)


def fill(*rows: dict[str, Any]) -> vault.Filled:
    return vault.fill([block(*rows)])


@pytest.fixture
def acts(people: People) -> Iterator[People]:
    """山本 of 山口支部 acts."""
    with acting(people.yamamoto.actor):
        yield people


def taro() -> Any:
    found = vault.identity("member", TARO)
    assert found is not None
    return found


# ---- coming in ---------------------------------------------------------------------------------------------------


class TestFilling:
    def test_a_person_is_made_of_what_several_files_say(self, acts: People):
        done = fill(person(), CARD)
        assert (done.rows, done.new, done.changed) == (2, 1, 0)
        one = taro()
        assert (one.name, one.birth_date, one.symbol, one.number) == (
            "架空 太郎",
            date(1980, 2, 3),
            "12345678",
            "21",
        )

    def test_the_newer_file_counts_field_by_field_in_whatever_order_they_come(self, acts: People):
        moved = person(address="山口県架空市引越町5", name=None, as_of=date(2026, 6, 1))
        fill(moved)
        fill(person(name="古井 太郎", as_of=date(2026, 5, 1)))
        assert (taro().address, taro().name) == ("山口県架空市引越町5", "古井 太郎")
        fill(person(as_of=date(2026, 5, 15)))
        assert (taro().address, taro().name) == ("山口県架空市引越町5", "架空 太郎")

    def test_on_one_day_a_change_counts_before_the_full_file(self, acts: People):
        fill(person(address="山口県架空市引越町5", full=False), person())
        assert taro().address == "山口県架空市引越町5"

    def test_what_a_file_does_not_say_stays(self, acts: People):
        fill(person())
        fill(person(address=None, postcode="", as_of=date(2026, 6, 1)))
        assert taro().address == PERSON["address"] and taro().postcode == "753-0001"

    def test_the_card_is_that_of_the_latest_enrolment_that_was_not_taken_back(self, acts: People):
        newer = CARD | {"acquired_on": date(2025, 4, 1), "symbol": "87654321", "number": "5"}
        fill(newer, CARD)
        assert taro().symbol == "87654321"
        fill(newer | {"change": "cancel", "full": False, "as_of": date(2026, 5, 1)})
        assert taro().symbol == "12345678"

    def test_a_row_of_a_person_that_was_taken_back_says_nothing(self, acts: People):
        fill(person(change="cancel", full=False))
        assert vault.identity("member", TARO) is None

    def test_the_same_again_changes_nothing(self, acts: People):
        first = fill(person(), CARD, WORKPLACE)
        sealed = bytes(VaultIdentity.objects.get(subject=TARO).sealed)
        again = fill(person(), CARD, WORKPLACE)
        assert (first.new, again.new, again.changed, again.same) == (2, 0, 0, 2)
        assert bytes(VaultIdentity.objects.get(subject=TARO).sealed) == sealed

    def test_a_block_is_kept_altogether_or_not_at_all(self, acts: People):
        wrong = person(subject=HANAKO, branch="99")
        with pytest.raises(ValueError, match="99"), transaction.atomic():
            fill(person(), wrong)
        assert not VaultIdentity.objects.exists()

    def test_every_branch_gets_its_own_and_its_own_entry_in_the_audit_log(self, people: People):
        fill(person(), person(branch=TOKYO, subject=HANAKO, name="見本 花子"))
        for branch, own, other in ((YAMAGUCHI, TARO, HANAKO), (TOKYO, HANAKO, TARO)):
            with system(branch):
                assert vault.identity("member", own) and not vault.identity("member", other)
                (entry,) = AuditRow.objects.filter(what=audit.What.VAULT_FILLED)
                assert entry.detail == "登録 1件、変更 0件（1行）"

    def test_the_reports_of_the_files_are_handed_on(self, acts: People):
        report = IdentityReport("加入者.csv", "read", rows=1)
        assert vault.fill([block(person(), report=report)]).reports == (report,)

    def test_thousands_come_in_with_a_handful_of_queries(
        self, acts: People, django_assert_max_num_queries: Any
    ):
        many = [person(subject=f"{n:032x}", name=f"架空 {n}郎") for n in range(3000)]
        with django_assert_max_num_queries(25):
            assert fill(*many).new == 3000

    def test_a_new_name_is_found_and_the_old_one_no_more(self, acts: People):
        fill(person())
        fill(person(name="見本 太郎", as_of=date(2026, 6, 1)))
        assert vault.find(Query(name="見本太郎")).subjects == (("member", TARO),)
        assert not vault.find(Query(name="架空太郎")).subjects


# ---- going out ---------------------------------------------------------------------------------------------------


class TestOpening:
    def test_azuma_of_tokyo_opens_nothing_of_yamaguchi(self, people: People):
        fill(person(), CARD)
        with acting(people.azuma.actor):
            assert vault.identity("member", TARO) is None
            assert vault.recipients("member", [TARO]) == {TARO: vault.NO_IDENTITY}
            assert not vault.find(Query(name="架空太郎")).subjects

    def test_what_was_copied_to_another_person_does_not_open(self, acts: People):
        fill(person(), person(subject=HANAKO, name="見本 花子"))
        taken = VaultIdentity.objects.get(subject=HANAKO).sealed
        VaultIdentity.objects.filter(subject=TARO).update(sealed=taken)
        with pytest.raises(VaultError) as error:
            vault.identity("member", TARO)
        assert "花子" not in error.value.message

    def test_an_identity_shows_nothing_of_itself(self, acts: People):
        fill(person())
        assert "架空" not in repr(taro()) and "架空" not in repr(Query(name="架空 太郎"))

    def test_letters_are_addressed_in_two_lines_when_there_is_a_building(self, acts: People):
        fill(person())
        found = vault.recipients("member", [TARO])[TARO]
        assert isinstance(found, Recipient)
        assert found.names == ("架空 太郎",)
        assert found.postal_code == "753-0001"
        assert found.address == ("山口県架空市見本町1-2", "見本ハイツ 101")

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"name": None}, vault.NO_NAME),
            ({"name": "　"}, vault.NO_NAME),
            ({"address": None}, vault.NO_ADDRESS),
            ({"name": "架\ufffd 太郎"}, vault.UNREADABLE),
            ({"address": "山口県\ufffd市"}, vault.UNREADABLE),
            ({"address": "山" * 200}, vault.TOO_LONG),
        ],
    )
    def test_why_somebody_gets_no_letter(self, acts: People, said: dict[str, Any], why: str):
        fill(person(**said))
        assert vault.recipients("member", [TARO, HANAKO]) == {TARO: why, HANAKO: vault.NO_IDENTITY}

    def test_an_unreadable_postcode_keeps_no_letter_back(self, acts: People):
        fill(person(postcode="75-3"))
        found = vault.recipients("member", [TARO])[TARO]
        assert isinstance(found, Recipient) and found.postal_code == ""

    def test_thousands_of_recipients_take_one_query(self, acts: People, django_assert_num_queries: Any):
        many = [f"{n:032x}" for n in range(2000)]
        fill(*(person(subject=s) for s in many))
        with django_assert_num_queries(1):
            assert len(vault.recipients("member", many)) == 2000

    def test_institutions_are_read_from_the_public_list_of_the_lake(
        self, acts: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        known = {
            "institution": "3511234567",
            "name": "見本医院",
            "address": "架空市見本町3",
            "claim_month": date(2026, 3, 1),
        }
        lake = lake_of(tmp_path, institution=[known])
        monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, lake=lake.root))
        found = vault.recipients("institution", ["3511234567", "3519999999"])
        assert found["3511234567"] == Recipient(("見本医院",), "", ("山口県架空市見本町3",))
        assert found["3519999999"] == vault.NO_ADDRESS


# ---- searching ---------------------------------------------------------------------------------------------------


class TestFinding:
    @pytest.fixture(autouse=True)
    def filled(self, acts: People) -> None:
        spouse = person(
            subject=HANAKO, name="架空 花子", kana="ｶｸｳ ﾊﾅｺ", birth_date=date(1982, 5, 6), person_number="K2"
        )
        other = person(
            subject=JIRO, name="見本 次郎", kana="ﾐﾎﾝ ｼﾞﾛｳ", birth_date=date(1980, 2, 3), person_number="K3"
        )
        fill(person(), spouse, other, CARD, CARD | {"subject": HANAKO, "branch_no": "01"}, WORKPLACE)

    @pytest.mark.parametrize(
        ("query", "whom"),
        [
            (Query(name="架空太郎"), {TARO}),
            (Query(name=" 架空　太郎 "), {TARO}),
            (Query(kana="かくう たろう"), {TARO}),
            (Query(kana="カクウ"), {TARO, HANAKO}),
            (Query(kana="カクウ", birth_date=date(1982, 5, 6)), {HANAKO}),
            (Query(name="架空太郎", birth_date=date(1980, 2, 3)), {TARO}),
            (Query(name="架空太郎", birth_date=date(1980, 2, 4)), set()),
            (Query(symbol="１２３４５６７８", number="２１"), {TARO, HANAKO}),
            (Query(symbol="12345678", number="21", kana="カクウハナコ"), {HANAKO}),
            (Query(person_number="Ｋ０００１"), {TARO}),
            (Query(name="太郎"), set()),
            (Query(workplace="見本商事"), {"12345678"}),
            (Query(workplace="見本商事（株）"), {"12345678"}),
            (Query(symbol="12345678"), {"12345678"}),
            (Query(symbol="99999999"), set()),
        ],
    )
    def test_whom_a_query_finds(self, query: Query, whom: set[str]):
        assert {subject for _, subject in vault.find(query).subjects} == whom

    @pytest.mark.parametrize(
        "query",
        [
            Query(),
            Query(birth_date=date(1980, 2, 3)),
            Query(name=" 　"),
            Query(symbol="12345678", kana="カクウ"),
        ],
    )
    def test_a_query_that_says_too_little_is_refused(self, query: Query):
        with pytest.raises(VaultError) as error:
            vault.find(query)
        assert error.value.code == "empty_search"

    def test_a_card_before_is_still_found(self):
        fill(
            CARD
            | {
                "acquired_on": date(2026, 3, 1),
                "symbol": "87654321",
                "number": "5",
                "as_of": date(2026, 5, 1),
            }
        )
        assert vault.find(Query(symbol="12345678", number="21", kana="カクウタロウ")).subjects
        assert taro().symbol == "87654321"

    def test_no_more_than_the_limit_is_given_and_it_is_said_that_there_are_more(self):
        fill(*(person(subject=f"{n:032x}") for n in range(30)))
        found = vault.find(Query(name="架空太郎"), limit=20)
        assert len(found.subjects) == 20 and found.more


# ---- files, keys -------------------------------------------------------------------------------------------------


def attachment(name: str) -> Attachment:
    made = Attachment(
        branch=YAMAGUCHI, case="c" * 32, media_type="application/pdf", size=1, sha256="0" * 64, by="x"
    )
    made.sealed_name = vault.seal_name(YAMAGUCHI, made.id, name)
    made.blob = vault.keep("attachment", b"x")
    made.save()
    return made


class TestKeys:
    def test_a_file_opens_again_in_its_branch_only(self, acts: People):
        blob = vault.keep("letters", b"%PDF")
        assert vault.content(SealedBlob.objects.get(pk=blob.pk)) == b"%PDF"
        assert b"%PDF" not in bytes(blob.sealed)
        blob.branch = TOKYO
        with pytest.raises(VaultError):
            vault.content(blob)

    def test_everything_is_sealed_anew_with_the_newest_key_and_an_older_one_can_go(self, people: People):
        with system(YAMAGUCHI):
            fill(*(person(subject=f"{n:032x}") for n in range(25)), WORKPLACE)
            vault.keep("letters", b"%PDF")
            attachment("架空太郎の申出書.pdf")
        fill(person(branch=TOKYO))
        ring = vault.keyring()
        old = ring.newest
        ring.rotate()
        assert vault.rotate(batch=10) == vault.Rotated(identities=27, files=2, names=1)
        assert vault.rotate() == vault.Rotated()
        ring.drop(old)
        examined = vault.doctor()
        assert (
            examined.sound and examined.identities == {ring.newest: 27} and examined.files == {ring.newest: 2}
        )
        with system(YAMAGUCHI):
            assert vault.identity("member", f"{0:032x}")
            assert vault.open_name(Attachment.objects.get()) == "架空太郎の申出書.pdf"

    def test_a_rotation_that_was_interrupted_goes_on(self, acts: People, monkeypatch: pytest.MonkeyPatch):
        fill(*(person(subject=f"{n:032x}") for n in range(25)))
        ring = vault.keyring()
        ring.rotate()
        keep, times = vault._keep, []

        def breaks(*given: Any) -> None:
            times.append(1)
            if len(times) == 2:
                raise ConnectionError
            keep(*given)

        monkeypatch.setattr(vault, "_keep", breaks)
        with pytest.raises(ConnectionError):
            vault.rotate(batch=10)
        with system(YAMAGUCHI):
            assert VaultIdentity.objects.filter(key_id=ring.newest).count() == 10
        assert vault.rotate(batch=10).identities == 15

    def test_the_examination_says_what_does_not_open_and_what_cannot_be_found_but_not_whose_it_is(
        self, acts: People
    ):
        fill(person(), person(subject=HANAKO))
        VaultIdentity.objects.filter(subject=TARO).update(sealed=b"\x01" * 60)
        VaultIndex.objects.filter(subject=HANAKO, field="kana").delete()
        examined = vault.doctor()
        assert not examined.sound
        assert examined.broken == {(YAMAGUCHI, "member"): 1} and examined.unfound == 1
        assert TARO not in repr(examined)


# ---- nothing in plain text ---------------------------------------------------------------------------------------

SECRET = ("架空", "ｶｸｳ", "カクウ", "見本町", "12345678|21", "K0001")

FILLING = """
import polars as pl
from datetime import date
from kenpo.intake.membership.identities import SCHEMA, IdentityBlock
from kenpo.office import vault
from kenpo.office.acting import system
rows = {rows!r}
frame = pl.DataFrame([dict.fromkeys(SCHEMA) | row for row in eval(rows, {{"datetime": __import__("datetime")}})], schema=SCHEMA)
vault.fill([IdentityBlock("x", frame)])
with system("35"):
    assert vault.find(vault.Query(name="架空太郎")).subjects
    vault.keep("letters", "架空 太郎".encode())
"""


def test_nothing_of_the_vault_is_in_plain_text_in_the_database(fresh_office: FreshOffice):
    printed = fresh_office.python(FILLING.format(rows=repr([PERSON, CARD])))
    tables = fresh_office.sql(
        "select table_name from information_schema.tables where table_schema = 'public'"
    )
    dump = [str(row) for (table,) in tables for row in fresh_office.sql(f'select t::text from "{table}" t')]
    assert any(TARO in row for row in dump)
    for secret in SECRET:
        hexed = secret.encode().hex()
        assert not [row for row in dump if secret in row or hexed in row]
        assert secret not in printed


def test_no_query_is_logged_with_what_was_searched_for(acts: People, caplog: pytest.LogCaptureFixture):
    fill(person())
    with caplog.at_level(logging.DEBUG):
        vault.find(Query(name="架空太郎", kana="カクウ"))
        vault.identity("member", TARO)
    assert "架空" not in caplog.text and "カクウ" not in caplog.text


def test_the_application_cannot_delete_an_identity_of_another_branch(people: People):
    fill(person())
    with acting(people.azuma.actor), connection.cursor() as cursor:
        cursor.execute("delete from office_vault_identity")
        assert cursor.rowcount == 0
