"""Files added to a case: what they are is told from what they hold, they lie sealed, and opening one is written down."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from docx import Document as WordDocument
from openpyxl import Workbook
from pptx import Presentation
from tests.office_cases import looking_at, now, open_notices, open_voice, text_of
from tests.offices import People

from kenpo.frame.cases import CaseError
from kenpo.office import attachments, audit
from kenpo.office.acting import acting
from kenpo.office.attachments import EXCEL, JPEG, PDF, PNG, SLIDES, TEXT, TIFF, WORD, file_name, media_type
from kenpo.office.models import Account, Attachment, AuditRow, EventRow, SealedBlob

Browse = Callable[[Account], Client]
SECRET = b"%PDF-1.7 \xe6\x9e\xb6\xe7\xa9\xba mihon-no-himitsu"


def saved(document: Any) -> bytes:
    """A file of an office program."""
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def zipped(*names: str) -> bytes:
    """A zip file with some names in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name in names:
            packed.writestr(name, "x")
    return out.getvalue()


def add(client: Client, case: str, data: bytes, name: str = "診断書.pdf") -> Any:
    """Add a file on the page of a case."""
    return client.post(reverse("add_file", args=[case]), {"file": SimpleUploadedFile(name, data)})


def only(account: Account) -> Attachment:
    """The one attachment of the branch."""
    with acting(account.actor):
        return Attachment.objects.select_related("blob").get()


# ---- what a file is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (SECRET, PDF),
        (b"\x89PNG\r\n\x1a\n....", PNG),
        (b"\xff\xd8\xff\xe0....", JPEG),
        (b"II*\x00....", TIFF),
        (saved(WordDocument()), WORD),
        (saved(Workbook()), EXCEL),
        (saved(Presentation()), SLIDES),
        ("氏名,金額\r\n架空 太郎,1\r\n".encode("cp932"), TEXT),
        ("\ufeff氏名\n".encode(), TEXT),
    ],
)
def test_a_file_is_what_it_holds(data: bytes, found: attachments.MediaType) -> None:
    assert media_type(data) == found


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"MZ\x90\x00\x03\x00\x00\x00", "添付できる種類のファイルではありません"),
        (b"\x7fELF\x02\x01\x01\x00", "添付できる種類のファイルではありません"),
        (b"GIF89a\x01\x00\x00\x00", "添付できる種類のファイルではありません"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "古い形式"),
        (zipped("readme.txt"), "圧縮ファイルは添付できません"),
        (zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "マクロの付いた"),
        (b"PK\x03\x04 not a zip", "圧縮ファイルは添付できません"),
    ],
)
def test_other_files_are_refused_with_what_to_do(data: bytes, said: str) -> None:
    with pytest.raises(CaseError, match=said) as refused:
        media_type(data)
    assert refused.value.todo


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("診断書.pdf", "診断書.pdf"),
        ("C:\\書類\\診断書.PDF", "診断書.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("請求書.pdf.exe", "請求書.pdf.exe.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie x.pdf"),
        ("photo\u202efdp.exe", "photofdp.exe.pdf"),
        ("...", "添付ファイル.pdf"),
        ("あ" * 300 + ".pdf", "あ" * 90 + ".pdf"),
    ],
)
def test_a_name_is_safe_to_save_under(given: str, kept: str) -> None:
    assert file_name(given, PDF) == kept


# ---- adding, opening, withdrawing --------------------------------------------------------------------------------


def test_a_file_is_added_listed_and_opened_and_both_are_written_down(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    assert add(client, case.id, SECRET).status_code == 302
    assert "診断書.pdf" in text_of(client.get(reverse("case", args=[case.id])))
    row = only(people.yamamoto)
    opened = client.get(reverse("open_file", args=[case.id, row.id]))
    assert opened.content == SECRET
    assert opened["Content-Type"] == "application/pdf"
    assert opened["X-Content-Type-Options"] == "nosniff"
    assert opened["Content-Disposition"].startswith("attachment; filename*=UTF-8''%E8%A8%BA")
    assert opened["Cache-Control"] == "no-store"
    with acting(people.yamamoto.actor):
        entry = AuditRow.objects.get(what=audit.What.ATTACHMENT_OPENED)
        assert (entry.actor, entry.case) == ("35-yamamoto", case.id)
        assert "診断書" not in entry.detail
    assert now(people.yamamoto, case.id).sequence == 2


def test_neither_the_file_nor_its_name_lies_anywhere_in_plain(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    add(browse(people.yamamoto), case.id, SECRET)
    row = only(people.yamamoto)
    for sealed in (bytes(row.sealed_name), bytes(row.blob.sealed)):
        assert b"himitsu" not in sealed
        assert "診断書".encode() not in sealed
    with acting(people.yamamoto.actor):
        events = list(EventRow.objects.filter(case=case.id).values_list("payload", flat=True))
    assert not any("診断書" in payload for payload in events)
    home = Path(settings.CONFIG.home)
    files = [p for p in home.rglob("*") if p.is_file() and "postgres" not in p.relative_to(home).parts]
    assert not any(b"himitsu" in p.read_bytes() for p in files)


def test_a_file_that_may_not_be_added_is_refused_on_the_page(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    for data, said in (
        (b"MZ\x90\x00\x03\x00", "添付できる種類のファイルではありません"),
        (b"%PDF-" + b"0" * attachments.LARGEST, "10MBまで"),
        (b"%PDF-" + b"0" * 3 * attachments.LARGEST, "10MBまで"),
        (b"", "空"),
    ):
        refused = add(client, case.id, data)
        assert refused.status_code == 422
        assert said in text_of(refused)
    assert client.post(reverse("add_file", args=[case.id])).status_code == 422
    with acting(people.yamamoto.actor):
        assert not Attachment.objects.exists()
        assert not SealedBlob.objects.exists()
    assert now(people.yamamoto, case.id).sequence == 1


def test_a_file_of_exactly_ten_megabytes_is_taken(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    data = b"%PDF-" + b"0" * (attachments.LARGEST - 5)
    assert add(browse(people.yamamoto), case.id, data).status_code == 302
    assert only(people.yamamoto).size == attachments.LARGEST


def test_a_withdrawn_file_stays_in_the_history_and_opens_no_more(people: People, browse: Browse) -> None:
    case = open_voice(people.yamamoto)
    client = browse(people.yamamoto)
    add(client, case.id, SECRET)
    row = only(people.yamamoto)
    address = reverse("withdraw_file", args=[case.id, row.id])
    assert client.get(address).status_code == 200
    assert client.post(address, {"reason": " "}).status_code == 422
    assert client.post(address, {"reason": "別の人の書類だった。"}).status_code == 302
    assert client.get(reverse("open_file", args=[case.id, row.id])).status_code == 404
    shown = text_of(client.get(reverse("case", args=[case.id])))
    assert "別の人の書類だった。" in shown
    assert "取下げ" in shown
    assert client.post(address, {"reason": "もう一度。"}).status_code == 422
    assert only(people.yamamoto).withdrawn_by == "35-yamamoto"


# ---- who may -----------------------------------------------------------------------------------------------------


def test_azuma_and_other_groups_neither_open_nor_add(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    add(browse(people.yamamoto), case.id, SECRET)
    row = only(people.yamamoto)
    own = open_voice(people.azuma)
    for who in (people.azuma, people.yamashita):
        client = browse(who)
        assert client.get(reverse("open_file", args=[case.id, row.id])).status_code == 404
        assert (
            client.post(reverse("withdraw_file", args=[case.id, row.id]), {"reason": "x"}).status_code == 404
        )
        assert add(client, case.id, SECRET).status_code == 404
    assert browse(people.azuma).get(reverse("open_file", args=[own.id, row.id])).status_code == 404
    assert Client().get(reverse("open_file", args=[case.id, row.id])).status_code == 302


def test_honda_of_head_office_opens_and_does_not_add(people: People, browse: Browse) -> None:
    (case,) = open_notices(people.yamamoto)
    add(browse(people.yamamoto), case.id, SECRET)
    row = only(people.yamamoto)
    client = looking_at(browse(people.honda), "35")
    assert client.get(reverse("open_file", args=[case.id, row.id])).content == SECRET
    assert add(client, case.id, SECRET).status_code == 403
    assert client.post(reverse("withdraw_file", args=[case.id, row.id]), {"reason": "x"}).status_code == 403
    with acting(people.honda.actor):
        assert AuditRow.objects.get(what=audit.What.ATTACHMENT_OPENED).about_branch == "35"
