"""What kind a file is (ファイルの種類), told by its first bytes, and the refusal of those that are not read."""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kenpo.base.errors import InputFileError

Kind = Literal["text", "html", "docx", "xlsx", "pdf"]

MOST_BYTES = 200_000_000
"""The largest file, and the largest content of a zipped one, that is read."""
_MOST_XML = 100_000_000
_TEXT_ENDINGS = ("", ".txt", ".text", ".md", ".markdown", ".tsv")
_HTML_ENDINGS = (".html", ".htm", ".xhtml")
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_-]+)", re.IGNORECASE)
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"%PDF-", "pdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"{\\rtf", "rtf"),
)
_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"BM")
_DTD = [
    word.encode(coding)
    for word in ("<!DOCTYPE", "<!ENTITY")
    for coding in ("ascii", "utf-16-le", "utf-16-be")
]
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, SyntaxError, LookupError, OSError, ValueError, EOFError, NotImplementedError,
    RuntimeError, TypeError, AttributeError,
)  # fmt: skip
_READABLE = (
    "テキスト（.txt・.md）、HTML、Word（.docx）、Excel（.xlsx）、文字情報のあるPDFを指定してください。"
)


@dataclass(frozen=True)
class File:
    """A file read whole: its name, what it is, its bytes."""

    name: str
    kind: Kind
    content: bytes


def opened(path: Path) -> File:
    """The file and its kind. Raises InputFileError when it is not there, cannot be read, or is of no kind read here."""
    name = path.name
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _too_large(name)
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputFileError(
            "ファイルが見つかりません。",
            where=str(path),
            todo="名前と場所を確かめてください。",
            code="not_found",
        ) from error
    except OSError as error:
        raise InputFileError(
            "ファイルを開けません。",
            where=str(path),
            todo="ファイルか、権限があるかを確かめてください。",
            code="unreadable",
        ) from error
    if not content.strip(b"\0\t\r\n \xef\xbb\xbf"):
        raise InputFileError(
            "ファイルが空です。", where=name, todo="元のファイルを確かめてください。", code="empty"
        )
    return File(name, _kind(name, path.suffix.lower(), content), content)


def _kind(name: str, ending: str, content: bytes) -> Kind:
    magic = next((kind for sign, kind in _MAGIC if content.startswith(sign)), "")
    if magic == "zip":
        return _zipped(name, content)
    if magic == "pdf" or b"%PDF-" in content[:1024]:
        return "pdf"
    if magic == "ole":
        raise _old(name, content)
    if magic == "rtf":
        raise _save_as(
            name,
            "リッチテキスト（RTF）は読めません。",
            "Wordで開き、Word文書（.docx）として保存し直して指定してください。",
        )
    if content.startswith(_IMAGES):
        raise _save_as(name, "画像のファイルは読めません。", f"文字認識したPDFにするか、{_READABLE}")
    if ending in (".docx", ".xlsx", ".pdf", ".docm", ".xlsm") and not _HTML.match(content):
        raise damaged(
            name, {"docx": "Word文書", "docm": "Word文書", "pdf": "PDF"}.get(ending[1:], "Excelのファイル")
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16", "ignore").encode()
    if _HTML.match(content.removeprefix(b"\xef\xbb\xbf")) or ending in _HTML_ENDINGS:
        return "html"
    if ending not in _TEXT_ENDINGS or b"\0" in content:
        raise unknown(name)
    return "text"


def _zipped(name: str, content: bytes) -> Kind:
    with reading(name, "ファイル"), zipfile.ZipFile(io.BytesIO(content)) as archive:
        _bounded(name, archive)
        names = set(archive.namelist())
    if "word/document.xml" in names:
        return "docx"
    if "xl/workbook.xml" in names:
        return "xlsx"
    if any(part.startswith("ppt/") for part in names):
        raise _save_as(name, "PowerPointのファイルは読めません。", "PDFとして保存し直して指定してください。")
    if "xl/workbook.bin" in names:
        raise _save_as(
            name,
            "Excelバイナリブック（.xlsb）は読めません。",
            "Excelで開き、.xlsxとして保存し直して指定してください。",
        )
    raise unknown(name)


def _bounded(name: str, archive: zipfile.ZipFile) -> None:
    """Refuse what would fill the memory, and XML with a document type, which Word and Excel never write."""
    parts = archive.infolist()
    xml = [part for part in parts if part.filename.endswith((".xml", ".rels"))]
    if sum(part.file_size for part in parts) > MOST_BYTES or sum(part.file_size for part in xml) > _MOST_XML:
        raise _too_large(name)
    for part in xml:
        text = archive.read(part)
        if any(sign in text for sign in _DTD):
            raise damaged(name, "ファイル")


def _old(name: str, content: bytes) -> InputFileError:
    def holds(stream: str) -> bool:
        return stream.encode("utf-16-le") in content

    if holds("EncryptedPackage"):
        return locked(name)
    if holds("PowerPoint Document"):
        return _save_as(
            name, "古い形式のPowerPoint（.ppt）は読めません。", "PDFとして保存し直して指定してください。"
        )
    if holds("Workbook") or holds("Book"):
        return _save_as(
            name,
            "古い形式のExcel（.xls）は読めません。",
            "Excelで開き、.xlsxとして保存し直して指定してください。",
        )
    return _save_as(
        name, "古い形式のWord（.doc）は読めません。", "Wordで開き、.docxとして保存し直して指定してください。"
    )


def decoded(file: File) -> str:
    """The text of a text or HTML file: with a byte order mark, as its HTML says, UTF-8, or シフトJIS (CP932)."""
    for sign, coding in _BOMS:
        if file.content.startswith(sign):
            return _decoded(file, [coding])
    named = _CHARSET.search(file.content[:4096]) if file.kind == "html" else None
    stated = [named[1].decode("ascii")] if named else []
    return _decoded(file, [*stated, "utf-8", "cp932"])


def _decoded(file: File, codings: list[str]) -> str:
    for coding in codings:
        try:
            return file.content.decode(coding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise InputFileError(
        "文字コードを読めません。",
        where=file.name,
        todo="UTF-8かシフトJISのテキストとして保存し直してください。",
        code="unreadable",
    )


@contextlib.contextmanager
def reading(name: str, what: str) -> Iterator[None]:
    """Inside, whatever goes wrong with the bytes of a file is an InputFileError (unreadable)."""
    try:
        yield
    except _DAMAGE as error:
        raise damaged(name, what) from error


def damaged(name: str, what: str) -> InputFileError:
    """The error of a file that begins as it should, or is named so, and cannot be read."""
    return InputFileError(
        f"{what}を読めません。",
        where=name,
        todo="壊れていないか、パスワードが付いていないかを確かめ、元のアプリで保存し直してください。",
        code="unreadable",
    )


def unknown(name: str) -> InputFileError:
    """The error of a file of no kind read here."""
    return InputFileError(
        "読み取れない種類のファイルです。", where=name, todo=_READABLE, code="unknown_format"
    )


def locked(name: str) -> InputFileError:
    """The error of a file that asks for a password."""
    return InputFileError(
        "パスワード付きのファイルは読めません。",
        where=name,
        todo="パスワードを外して保存し直して指定してください。",
        code="unreadable",
    )


def _save_as(name: str, what: str, todo: str) -> InputFileError:
    return InputFileError(what, where=name, todo=todo, code="unknown_format")


def _too_large(name: str) -> InputFileError:
    return InputFileError(
        "ファイルが大きすぎます。",
        where=name,
        todo="200MBまでのファイルを読めます。画像を除くか、文書を分けてください。",
        code="too_large",
    )
