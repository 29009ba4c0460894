"""Attachments (添付ファイル): files added to a case, sealed before they are written, never in plain on any disk.

What a file is is told from what it holds, not from its name. It is withdrawn, with a reason in the history, and never
deleted before its case is.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from typing import Any

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.utils import timezone

from kenpo.frame import cases
from kenpo.frame.cases import CaseError
from kenpo.office import audit, casework, vault
from kenpo.office.acting import on_duty
from kenpo.office.models import Attachment

LARGEST = 10 * 1024 * 1024
"""Bytes of a file."""


class InMemory(FileUploadHandler):
    """Takes uploads into memory, whatever their size is said to be, and drops what is too large: nothing reaches a disk."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        if (self.content_length or 0) > 2 * LARGEST:
            raise SkipFile
        self._file = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Take some of it; of what is too large one byte more than allowed is enough."""
        if self._file.tell() <= LARGEST:
            self._file.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        """The file."""
        self._file.seek(0)
        return InMemoryUploadedFile(
            file=self._file,
            field_name=self.field_name,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra or {},
        )


# ---- what a file is ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MediaType:
    """A type of file that may be added: its Japanese name, the type it is served as, and endings its name may have."""

    title: str
    type: str
    endings: tuple[str, ...]


_OFFICE = "application/vnd.openxmlformats-officedocument."
PDF = MediaType("PDF", "application/pdf", (".pdf",))
PNG = MediaType("画像（PNG）", "image/png", (".png",))
JPEG = MediaType("画像（JPEG）", "image/jpeg", (".jpg", ".jpeg"))
TIFF = MediaType("画像（TIFF）", "image/tiff", (".tif", ".tiff"))
WORD = MediaType("Word", f"{_OFFICE}wordprocessingml.document", (".docx",))
EXCEL = MediaType("Excel", f"{_OFFICE}spreadsheetml.sheet", (".xlsx",))
SLIDES = MediaType("PowerPoint", f"{_OFFICE}presentationml.presentation", (".pptx",))
TEXT = MediaType("テキスト", "text/plain; charset=utf-8", (".txt", ".csv", ".tsv", ".md", ".log"))
TYPES = (PDF, PNG, JPEG, TIFF, WORD, EXCEL, SLIDES, TEXT)

_BEGINNINGS = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
)
_FOLDERS = (("word/document.xml", WORD), ("xl/workbook.xml", EXCEL), ("ppt/presentation.xml", SLIDES))
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def media_type(data: bytes) -> MediaType:
    """What a file is, from what it holds. Raises CaseError (bad_file_type) for anything that may not be added."""
    for beginning, found in _BEGINNINGS:
        if data.startswith(beginning):
            return found
    if data.startswith(b"PK\x03\x04"):
        return _packed(data)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise _refused(
            "古い形式（doc・xls・ppt）か、パスワードの付いた Office のファイルです。",
            "パスワードを外し、新しい形式（docx・xlsx・pptx）か PDF で保存し直してください。",
        )
    if _is_text(data):
        return TEXT
    raise _refused(
        "添付できる種類のファイルではありません。",
        "PDF、画像（PNG・JPEG・TIFF）、Word・Excel・PowerPoint、テキストにしてください。",
    )


def _packed(data: bytes) -> MediaType:
    try:
        names = set(zipfile.ZipFile(BytesIO(data)).namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        names = set()
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise _refused(
            "マクロの付いた Office のファイルです。", "マクロのない形式か PDF で保存し直してください。"
        )
    for name, found in _FOLDERS:
        if name in names and "[Content_Types].xml" in names:
            return found
    raise _refused(
        "zip などの圧縮ファイルは添付できません。", "展開して、必要なファイルを一つずつ添付してください。"
    )


def _is_text(data: bytes) -> bool:
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return _CONTROL.search(data.decode(encoding)) is None
        except UnicodeDecodeError:
            continue
    return False


def _refused(what: str, todo: str) -> CaseError:
    return CaseError(what, todo=todo, code="bad_file_type")


def file_name(given: str, found: MediaType) -> str:
    """A name to save a file under: without folders and control characters, at most 100 characters, ending as its type does."""
    plain = unicodedata.normalize("NFC", given.replace("\\", "/").rsplit("/", 1)[-1])
    plain = (
        re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]', "", plain).strip(" .")
        or "添付ファイル"
    )
    path = PurePath(plain)
    ending = path.suffix.lower()
    if ending in found.endings:
        return path.stem[:90] + ending
    return plain[:90] + found.endings[0]


# ---- adding, opening, withdrawing --------------------------------------------------------------------------------


def add(case: str, name: str, data: bytes, *, expected: int | None) -> Attachment:
    """Add a file to a case, and say so in its history.

    Raises CaseError (empty_file, too_large, bad_file_type, and those of a comment).
    """
    if not data:
        raise CaseError("ファイルが空です。", todo="内容のあるファイルを選んでください。", code="empty_file")
    if len(data) > LARGEST:
        raise too_large()
    found = media_type(data)
    digest = hashlib.sha256(data).hexdigest()
    said = f"添付ファイルを追加した（{found.title}、{size_text(len(data))}、sha256 {digest[:12]}…）"
    casework.act(case, cases.comment, said, expected=expected)
    branch, id = on_duty().branch, uuid.uuid4()
    return Attachment.objects.create(
        id=id,
        branch=branch,
        case=case,
        sealed_name=vault.seal_name(branch, id, file_name(name, found)),
        media_type=found.type,
        size=len(data),
        sha256=digest,
        blob=vault.keep("attachment", data),
        by=on_duty().actor.id,
    )


def too_large() -> CaseError:
    """What is said of a file that is too large."""
    return CaseError(
        "ファイルが大きすぎます（10MBまで）。",
        todo="分けるか、解像度を下げて保存し直してください。",
        code="file_too_large",
    )


def size_text(size: int) -> str:
    """A size as people read it: 0.4MB, 12KB."""
    return f"{size / 1024 / 1024:.1f}MB" if size >= 1024 * 1024 else f"{max(1, round(size / 1024)):,}KB"


@dataclass(frozen=True)
class Shown:
    """An attachment as the page of a case lists it."""

    row: Attachment
    name: str
    type: str
    size: str
    by: str


def listed(case: str) -> list[Shown]:
    """The attachments of a case, those withdrawn too, in the order they were added."""
    rows = Attachment.objects.filter(case=case).order_by("at", "id")
    titles = {t.type: t.title for t in TYPES}
    return [
        Shown(row, vault.open_name(row), titles.get(row.media_type, ""), size_text(row.size), row.by)
        for row in rows
    ]


def open_file(row: Attachment) -> bytes:
    """What a file holds; that it was opened is written down. Raises CaseError (withdrawn) and VaultError."""
    if row.withdrawn_at is not None:
        raise CaseError(
            "この添付ファイルは取り下げられています。",
            todo="案件の履歴で理由を確かめてください。",
            code="withdrawn",
        )
    data = vault.content(row.blob)
    audit.record(audit.What.ATTACHMENT_OPENED, case=row.case, detail=f"添付ファイル {row.sha256[:12]}…")
    return data


def withdraw(row: Attachment, reason: str) -> None:
    """Take a file back: it can no longer be opened. Raises CaseError (withdrawn, needs_reason, and those of a comment)."""
    now = timezone.now()
    changed = Attachment.objects.filter(id=row.id, withdrawn_at=None).update(
        withdrawn_by=on_duty().actor.id, withdrawn_at=now
    )
    if changed != 1:
        raise CaseError(
            "この添付ファイルは、すでに取り下げられています。",
            todo="画面を開き直してください。",
            code="withdrawn",
        )
    if not reason.strip():
        raise CaseError("取り下げる理由がありません。", todo="理由を書いてください。", code="needs_reason")
    casework.act(
        row.case,
        cases.comment,
        f"添付ファイルを取り下げた（sha256 {row.sha256[:12]}…）：{reason.strip()}",
        expected=None,
    )
