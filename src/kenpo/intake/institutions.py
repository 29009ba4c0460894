"""Published lists of institutions and pharmacies (医療機関・薬局の一覧): where a letter to one of them goes.

The regional bureaus of MHLW (地方厚生局) publish every month, by prefecture and 医科・歯科・薬局:
コード内容別医療機関一覧表 — xlsx without headings that hold for its cells; some rows per institution, the first of which
begins with a running number (項番);
届出受理医療機関名簿・施設基準の届出受理状況（全体） — xlsx with headings, a row per standard filed; also read as CSV.
Both hold public facts only.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice
from typing import Any, NamedTuple

import polars as pl

from kenpo.base.branches import BRANCHES
from kenpo.base.era import parse_date
from kenpo.base.errors import ArgumentError, InputFileError
from kenpo.base.text import decode_cp932
from kenpo.intake.masters import REJECT_SCHEMA, edition_of
from kenpo.intake.receipts.places import written
from kenpo.intake.tabular import workbook
from kenpo.intake.tabular.headings import folded_heading
from kenpo.lake.tables.masters import INSTITUTION_LIST

_TITLE = re.compile("コード内容別.*一覧表")
_TOP = 20
_DAY = re.compile(r"((?:平成|令和)(?:\d+|元)年\d+月\d+日)現在")
_SORT = re.compile("医科|歯科|薬局|調剤")
_TABLE_CODE = {"医科": "1", "歯科": "3", "薬局": "4", "調剤": "4"}
_PREFECTURES = {b.prefecture: b.code for b in BRANCHES} | {b.short: b.code for b in BRANCHES}
_PHONE = re.compile(r"0\d{1,4}[-(（－ー]?\d{1,4}[-)）－ー]?\d{3,4}")

_PREFECTURE, _KIND, _NUMBER = "都道府県コード", "区分", "医療機関番号"
_NAME, _TELEPHONE = "医療機関名称", "電話番号"
_POSTCODE, _ADDRESS = "医療機関所在地(郵便番号)", "医療機関所在地(住所)"
_HEADINGS = frozenset({_PREFECTURE, _KIND, _NUMBER, _NAME, _POSTCODE, _ADDRESS})


class _Line(NamedTuple):
    """One institution as it is written: prefecture and sort in words or code, the rest as the cells hold them."""

    source_line: int
    prefecture: str
    sort: str
    number: str
    name: str
    postcode: str
    address: str
    phone: str


_Row = tuple[int, Sequence[str]]


@dataclass(frozen=True)
class InstitutionList:
    """A list read. frame: the columns of institution_list without source_file; rejects: as of masters.

    lines: institutions in the file; each is in frame or in rejects.
    """

    edition: date
    frame: pl.DataFrame
    rejects: pl.DataFrame
    lines: int


def looks_like_list(head: bytes) -> bool:
    """Whether the first bytes are those of an xlsx, or of a CSV with the headings of a list: worth `parse`."""
    if head.startswith(workbook.MAGIC):
        return True
    whole = head[: head.rfind(b"\n") + 1] or head
    with contextlib.suppress(InputFileError):
        return _headings_in(islice(_csv_rows("", whole), _TOP)) is not None
    return False


def parse(name: str, data: bytes, edition: date | None = None) -> InstitutionList | None:
    """Read a list; None for a file that is none.

    Its day is the one in the file's name, or else the one it says itself (令和8年7月1日現在), or else the edition. Of
    several rows on one institution the first counts: in a list with headings they are its filings, in one without a
    later one is rejected. Raises InputFileError when the day, the prefecture or the sort (医科・歯科・薬局) is not told.
    """
    with contextlib.ExitStack() as stack:
        if data.startswith(workbook.MAGIC):
            book = stack.enter_context(workbook.opened(name, io.BytesIO(data)))
            sheets = [workbook.filled(name, sheet) for sheet in book.worksheets]
        else:
            sheets = [_csv_rows(name, data)]
        return _parse(name, sheets, edition)


def _parse(name: str, sheets: Iterable[Iterator[_Row]], edition: date | None) -> InstitutionList | None:
    found: list[_Line] = []
    later: list[_Line] = []
    day, read = None, False
    for sheet in sheets:
        top = list(islice(sheet, _TOP))
        told = _day_told(top)
        rows = chain(top, sheet)
        if at := _headings_in(top):
            found += _filings(rows, at)
        elif _is_titled(top):
            first, again = _blocks(name, rows)
            found, later = found + first, later + again
        else:
            continue
        day, read = day or told, True
    if not read:
        return None
    edition = edition_of(name) or day or edition
    if edition is None:
        raise InputFileError(
            f"{INSTITUTION_LIST.title}の版の日付が分かりません。",
            where=name,
            todo="ファイル名に8桁の日付を付けるか、--edition 2026-07-01 のように指定してください。",
        )
    if not found:
        raise InputFileError(
            f"{INSTITUTION_LIST.title}に、データの行が1行もありません。",
            where=name,
            todo="公表されたファイルを取得し直してください。",
            code="empty",
        )
    frame, rejects = _checked(name, found, later)
    stamped = frame.with_columns(edition=pl.lit(edition), source_file=pl.lit(""))
    return InstitutionList(
        edition, INSTITUTION_LIST.conform(stamped).drop("source_file"), rejects, len(found) + len(later)
    )


def _csv_rows(name: str, data: bytes) -> Iterator[_Row]:
    """The rows of a CSV with the line each ends on; what is no text stands as U+FFFD.

    Raises InputFileError when quotes do not match: rows might be lost otherwise.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text, _ = decode_cp932(data)
    reader = csv.reader(io.StringIO(text.replace("\x00", ""), newline=""), strict=True)
    try:
        for row in reader:
            yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error:
        raise InputFileError(
            '引用符（"）の対応が正しくありません。',
            where=f"{name} {reader.line_num}行目",
            todo="公表されたファイルを取得し直してください。",
        ) from None


def _headings_in(rows: Iterable[_Row]) -> dict[str, int] | None:
    """Heading → position, from the row that has all of them."""
    for _, row in rows:
        at = {folded_heading(cell): i for i, cell in reversed(list(enumerate(row)))}
        if at.keys() >= _HEADINGS:
            return at
    return None


def _is_titled(rows: Iterable[_Row]) -> bool:
    return any(_TITLE.search(folded_heading(cell)) for _, row in rows for cell in row)


def _day_told(rows: Iterable[_Row]) -> date | None:
    for _, row in rows:
        if found := _DAY.search(folded_heading("".join(row))):
            with contextlib.suppress(ArgumentError):
                return parse_date(found[1])
    return None


def _filings(rows: Iterable[_Row], at: dict[str, int]) -> list[_Line]:
    """The first row of each institution below the headings."""
    lines: dict[tuple[str, str, str], _Line] = {}

    def cell(row: Sequence[str], heading: str) -> str:
        place = at.get(heading)
        return row[place] if place is not None and place < len(row) else ""

    below = False
    for number, row in rows:
        if not below:
            below = folded_heading(cell(row, _NUMBER)) == _NUMBER
            continue
        line = _Line(
            number,
            *(cell(row, h) for h in (_PREFECTURE, _KIND, _NUMBER, _NAME, _POSTCODE, _ADDRESS, _TELEPHONE)),
        )
        if line.number or line.name:
            lines.setdefault((line.prefecture, line.sort, line.number), line)
    return list(lines.values())


def _blocks(name: str, rows: Iterable[_Row]) -> tuple[list[_Line], list[_Line]]:
    """The first row of each institution of コード内容別医療機関一覧表, and those of institutions that stand there again.

    The filled cells of such a row are 項番, number, name, address, telephone … Prefecture and sort are told above them, at
    the head of every page, or else by the file's name.
    """
    own = unicodedata.normalize("NFKC", name.rsplit("!", 1)[-1].rsplit("/", 1)[-1])
    prefecture = next((p for p in _PREFECTURES if p in own), "")
    sorts = set(_SORT.findall(own))
    lines: dict[tuple[str, str, str], _Line] = {}
    again: list[_Line] = []
    for number, row in rows:
        cells = [cell for cell in row if cell]
        if len(cells) < 3 or not re.fullmatch(r"\d+", cells[0]):
            said = folded_heading("".join(cells))
            for cell in cells:
                prefecture = _prefecture_told(cell) or prefecture
            sorts = set(_SORT.findall(said)) if _DAY.search(said) and _SORT.search(said) else sorts
            continue
        if not prefecture or len(sorts) != 1:
            raise InputFileError(
                f"{INSTITUTION_LIST.title}の都道府県か、医科・歯科・薬局の別が分かりません。",
                where=f"{name} {number}行目",
                todo="公表されたままのファイルを使うか、ファイル名に都道府県名と、医科・歯科・薬局のどれかを入れてください。",
            )
        phone = next((found[0] for cell in cells[4:] if (found := _PHONE.search(cell))), "")
        line = _Line(
            number, prefecture, next(iter(sorts)), cells[1], cells[2], "", "".join(cells[3:4]), phone
        )
        if lines.setdefault((prefecture, line.sort, line.number), line) is not line:
            again.append(line)
    return list(lines.values()), again


def _prefecture_told(cell: str) -> str | None:
    plain = folded_heading(cell).strip("[]()")
    return plain if plain in _PREFECTURES else None


def _checked(name: str, found: list[_Line], later: list[_Line]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The sound lines in the table's columns, and rejects of the others."""
    rejects: list[dict[str, Any]] = []

    def reject(line: _Line, column: str, reason: str, what: str) -> None:
        title = INSTITUTION_LIST[column].title
        message = f"{name} {line.source_line}行目：「{title}」{what}公表元のファイルを確認してください。"
        rejects.append(
            {"source_line": line.source_line, "field": title, "reason": reason, "message": message}
        )

    rows = []
    for line in found:
        before = len(rejects)
        prefecture = _prefecture_code(line.prefecture)
        table_code = _TABLE_CODE.get(folded_heading(line.sort))
        digits = re.sub("[^0-9]", "", unicodedata.normalize("NFKC", line.number))
        if prefecture is None:
            reject(
                line, "prefecture", "bad_value", "は都道府県番号の01〜47か都道府県名でなければなりません。"
            )
        if table_code is None:
            reject(line, "table_code", "bad_value", "は医科・歯科・薬局のどれかでなければなりません。")
        if len(digits) != 7:
            reject(line, "institution", "bad_code", "の番号は7桁の数字でなければなりません。")
        if not line.name:
            reject(line, "name", "missing_value", "が空です。")
        if "\ufffd" in line.name + line.address:
            reject(line, "name", "bad_encoding", "か所在地に、文字として読めないバイトがあります。")
        if len(rejects) > before:
            continue
        place = written(f"〒{line.postcode.lstrip('〒')} {line.address}" if line.postcode else line.address)
        rows.append(
            {
                "source_line": line.source_line,
                "institution": f"{prefecture}{table_code}{digits}",
                "prefecture": prefecture,
                "table_code": table_code,
                "name": line.name,
                "postcode": place.postcode,
                "address": place.address if place.postcode or not line.postcode else line.address or None,
                "phone": line.phone or None,
            }
        )
    for line in later:
        reject(line, "institution", "duplicate_code", "が先の行にもあります。先の行を使いました。")
    kept = {c: t for c, t in INSTITUTION_LIST.polars_schema.items() if c not in ("source_file", "edition")}
    faults = pl.DataFrame(rejects, schema={c: t for c, t in REJECT_SCHEMA.items() if c != "record_type"})
    faults = faults.with_columns(record_type=pl.lit(None, pl.String)).select(*REJECT_SCHEMA)
    return pl.DataFrame(rows, schema=kept), faults.sort("source_line", maintain_order=True)


def _prefecture_code(text: str) -> str | None:
    plain = folded_heading(text)
    code = plain.zfill(2) if plain.isdigit() else _PREFECTURES.get(plain)
    return code if code in _PREFECTURES.values() else None
