"""Exports (書き出し): a list as it stands on the screen, as CSV or Excel, row by row.

What is written is streamed and never gathered in memory; the rows are read in a transaction of their own, for the same
person and branch. That a list was taken out is written in the audit log before the first row leaves.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any, cast
from urllib.parse import quote

import xlsxwriter
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from kenpo.frame.cases import CaseError
from kenpo.office import audit
from kenpo.office.acting import acting, on_duty

FORMS = {"csv": "CSV", "xlsx": "Excel"}
DOCUMENT_FORMS = {
    "docx": "Word",
    "xlsx": "Excel",
    "pptx": "PowerPoint",
    "pdf": "PDF",
    "html": "HTML",
}
"""The forms a document can be taken out in: ending → name."""
_DOCUMENT_TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
}
_MOST_XLSX = 1_000_000
"""Rows a sheet of Excel can hold, with room for the heading."""
_FLUSH = 64 * 1024

Value = str | int | Decimal | date | datetime | None


@dataclass(frozen=True)
class Column:
    """A column of a list: its heading, and what it holds of a row. width: of the column in Excel, in characters."""

    title: str
    value: Callable[[Any], Value]
    width: int = 14


def respond(
    name: str, columns: Sequence[Column], rows: Callable[[], Iterable[Any]], form: str, *, detail: str
) -> HttpResponse:
    """A list as a file to save. name: of the file, without its ending. rows: asked for when the file is written.

    detail: what was taken out, in Japanese, for the audit log; no names. Raises Http404 for an unknown form.
    """
    if form not in FORMS:
        raise Http404
    audit.record(audit.What.EXPORTED, detail=f"{detail}（{FORMS[form]}）")
    file = f"{name}_{timezone.localdate():%Y%m%d}.{form}"
    found = _again(rows)
    if form == "csv":
        response: HttpResponseBase = StreamingHttpResponse(
            _csv(columns, found), content_type="text/csv; charset=utf-8"
        )
    else:
        response = FileResponse(_xlsx(columns, found), content_type=_XLSX)
    response["Content-Disposition"] = to_save(file)
    response["Cache-Control"] = "no-store"
    return cast(HttpResponse, response)


def document(file: str, content: bytes, *, detail: str) -> HttpResponse:
    """A document as a file to save. file: its name, with an ending of DOCUMENT_FORMS. detail: what it is, for the audit log."""
    audit.record(audit.What.EXPORTED, detail=f"{detail} {file}")
    answer = HttpResponse(content, content_type=_DOCUMENT_TYPES[file.rsplit(".", 1)[1]])
    answer["Content-Disposition"] = to_save(file)
    answer["Cache-Control"] = "no-store"
    return answer


def to_save(name: str) -> str:
    """The header that has a browser save a file under a name and not show it (RFC 6266)."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _again(rows: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """The rows, read as the person who acts now, when they are asked for: the page's own transaction is over by then."""
    duty = on_duty()

    def read() -> Iterator[Any]:
        with acting(duty.actor, duty.branch):
            yield from rows()

    return read()


def guarded(value: str) -> str:
    """A text that a spreadsheet takes as text, also where it would be a formula (=、+、-、@ …)."""
    return (
        f"'{value}"
        if value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠") and value != "－"
        else value
    )


def _text(value: Value) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
        case date():
            return value.isoformat()
        case int():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case _:
            return guarded(value)


class _Line:
    """A file that hands back what is written."""

    def write(self, text: str) -> str:
        return text


def _csv(columns: Sequence[Column], rows: Iterable[Any]) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, as Excel reads it."""
    writer = csv.writer(_Line(), quoting=csv.QUOTE_MINIMAL)
    waiting = ["\ufeff", writer.writerow([c.title for c in columns])]
    size = 0
    for row in rows:
        line = writer.writerow([_text(c.value(row)) for c in columns])
        waiting.append(line)
        size += len(line)
        if size > _FLUSH:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    yield "".join(waiting).encode()


def _xlsx(columns: Sequence[Column], rows: Iterable[Any]) -> IO[bytes]:
    """A workbook with one sheet; rows go to a temporary file as they come. It holds nothing that names a person."""
    out = tempfile.TemporaryFile()  # noqa: SIM115  closed with the response
    book = xlsxwriter.Workbook(
        out,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    head = book.add_format({"bold": True, "bg_color": "#E6EBF1", "bottom": 1})
    day = book.add_format({"num_format": "yyyy/mm/dd"})
    moment = book.add_format({"num_format": "yyyy/mm/dd hh:mm"})
    formats: dict[int, Any] = {}

    def digits(number: Decimal) -> Any:
        """The format that shows a number with just the decimals it has."""
        exponent = number.as_tuple().exponent
        places = -exponent if isinstance(exponent, int) and exponent < 0 else 0
        if places not in formats:
            form = "#,##0" + (f".{'0' * places}" if places else "")
            formats[places] = book.add_format({"num_format": form})
        return formats[places]

    sheet = book.add_worksheet("一覧")
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width)
        sheet.write_string(0, place, column.title, head)
    sheet.freeze_panes(1, 0)
    line = 0
    for line, row in enumerate(rows, 1):
        if line > _MOST_XLSX:
            raise CaseError(
                f"{_MOST_XLSX:,}件を超える一覧は Excel に書き出せません。",
                todo="CSV で書き出すか、条件で絞り込んでください。",
                code="too_many",
            )
        for place, column in enumerate(columns):
            match value := column.value(row):
                case None | "":
                    pass
                case datetime():
                    local = timezone.localtime(value).replace(tzinfo=None)
                    sheet.write_datetime(line, place, local, moment)
                case date():
                    sheet.write_datetime(line, place, datetime(value.year, value.month, value.day), day)
                case int():
                    sheet.write_number(line, place, value)
                case Decimal():
                    sheet.write_number(line, place, float(value), digits(value))
                case _:
                    sheet.write_string(line, place, str(value)[:32_767])
    if columns:
        sheet.autofilter(0, 0, line, len(columns) - 1)
    book.close()
    out.seek(0)
    return out
