"""Readers of published masters (マスター): 支払基金's five, MHLW's generic classification and price list.

A file's bytes in, one typed frame and its rejects out; nothing is read or written. A bad row is rejected with
its line and the Japanese name of the field, and never stops the file. Layouts: 支払基金
「マスターファイル仕様説明書」; the lists of MHLW are read by their headings, as CSV or as the published xlsx
with its title rows.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

import openpyxl
import polars as pl
from openpyxl.utils.exceptions import InvalidFileException

from kenpo.base.errors import InputFileError
from kenpo.lake.schema import Table
from kenpo.lake.tables import masters as tables

REJECT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "source_line": pl.Int64,
    "record_type": pl.String,
    "field": pl.String,
    "reason": pl.String,
    "message": pl.String,
}
"""The columns of MasterParse.rejects: intake_reject without source_file."""

_HEADER_ROWS = 20
_NO_TEXT = (
    "[\x80\uf8f0-\uf8f3]"  # what Python makes of the bytes 80, A0, FD, FE, FF, which CP932 does not define
)
_XLSX_MAGIC = b"PK\x03\x04"


class MasterKind(StrEnum):
    """The kinds of master (マスターの種別); the value is the name of the lake table."""

    DRUG = "drug_master"
    PROCEDURE = "procedure_master"
    DISEASE = "disease_master"
    MATERIAL = "material_master"
    MODIFIER = "modifier_master"
    GENERIC_CLASS = "generic_class"
    DRUG_PRICE = "drug_price"

    @property
    def table(self) -> Table:
        """The lake table this kind fills."""
        return next(t for t in tables.TABLES if t.name == self.value)


@dataclass(frozen=True)
class MasterFlag:
    """Something read but worth a look (注意); becomes a row of intake_flag."""

    source_line: int
    code: str
    message: str
    expected: str | None = None
    actual: str | None = None


@dataclass(frozen=True)
class MasterParse:
    """One master file read (マスターの読取り結果).

    frame: the table's columns in order and type, without source_file.
    rejects: REJECT_SCHEMA, one row per faulty field.
    lines: data lines, without blank lines, EOF, titles, notes and headings; each is in frame or in rejects,
    never in both.
    full: the file is a whole edition (全件), not changes only (異動分).
    """

    kind: MasterKind
    table: Table
    edition: date
    full: bool
    frame: pl.DataFrame
    rejects: pl.DataFrame
    lines: int
    flags: list[MasterFlag] = field(default_factory=list)


@dataclass(frozen=True)
class _Field:
    """One column of a file: its position (項番, from 1), the lake column, and its reader (see _reader)."""

    position: int
    column: str
    reader: str


@dataclass(frozen=True)
class _Layout:
    """One 支払基金 master: マスター種別, the column counts in use, the fields taken."""

    letter: str
    widths: tuple[int, ...]
    fields: tuple[_Field, ...]


def _layout(letter: str, widths: tuple[int, ...], *fields: tuple[int, str, str]) -> _Layout:
    head = (_Field(1, "change", "change"), _Field(2, "master", f"letter {letter}"))
    return _Layout(letter, widths, (*head, *(_Field(*f) for f in fields)))


_LAYOUTS = {
    MasterKind.DRUG: _layout(
        "Y",
        (40, 42),
        (3, "code", "digits 9"),
        (5, "name", "text"),
        (7, "kana", "text"),
        (8, "unit_code", "unless zero"),
        (10, "unit", "text"),
        (11, "price_kind", "text"),
        (12, "price", "decimal"),
        (14, "narcotic", "text"),
        (16, "biological", "flag"),
        (17, "generic", "flag"),
        (19, "dental", "flag"),
        (20, "contrast", "text"),
        (22, "listing", "text"),
        (23, "listed_as", "unless zero"),
        (28, "dosage_form", "text"),
        (30, "changed_on", "date"),
        (31, "abolished_on", "date"),
        (32, "price_list_code", "list code"),
        (34, "transition_until", "date"),
        (35, "base_name", "text"),
        (36, "listed_on", "date"),
        (37, "general_name_code", "text"),
        (38, "general_name", "text"),
        (39, "general_name_addition", "text"),
        (40, "anti_hiv", "flag"),
        (41, "long_listed_code", "unless zero"),
        (42, "selective_care", "text"),
    ),
    MasterKind.PROCEDURE: _layout(
        "S",
        (150,),
        (3, "code", "digits 9"),
        (5, "name", "text"),
        (7, "kana", "text"),
        (8, "unit_code", "unless zero"),
        (10, "unit", "text"),
        (11, "point_kind", "text"),
        (12, "points", "decimal"),
        (13, "admission", "text"),
        (14, "elderly", "text"),
        (15, "sum_outpatient", "text"),
        (18, "dpc", "text"),
        (66, "sum_inpatient", "text"),
        (68, "notice_kind_1", "text"),
        (69, "notice_kind_2", "text"),
        (84, "dental", "flag"),
        (85, "letter", "text"),
        (87, "changed_on", "date"),
        (88, "abolished_on", "date"),
        (90, "chapter", "text"),
        (91, "part", "text"),
        (92, "section", "text"),
        (93, "section_branch", "text"),
        (94, "item", "text"),
        (113, "base_name", "text"),
    ),
    MasterKind.DISEASE: _layout(
        "B",
        (46,),
        (3, "code", "digits 7"),
        (4, "successor", "text"),
        (6, "name", "text"),
        (8, "short_name", "text"),
        (10, "kana", "text"),
        (11, "management_no", "text"),
        (12, "adoption", "text"),
        (13, "exchange_code", "text"),
        (16, "icd10_1", "text"),
        (17, "icd10_2", "text"),
        (19, "not_alone", "flag"),
        (20, "not_billable", "flag"),
        (21, "specific", "text"),
        (22, "listed_on", "date"),
        (23, "changed_on", "date"),
        (24, "abolished_on", "date"),
        (38, "successor_management_no", "text"),
        (39, "dental_name", "text"),
        (43, "intractable", "text"),
        (44, "dental_specific", "text"),
    ),
    MasterKind.MATERIAL: _layout(
        "T",
        (38,),
        (3, "code", "digits 9"),
        (5, "name", "text"),
        (7, "kana", "text"),
        (8, "unit_code", "unless zero"),
        (10, "unit", "text"),
        (11, "price_kind", "text"),
        (12, "price", "decimal"),
        (14, "age_addition", "text"),
        (21, "oxygen", "text"),
        (22, "calculation", "text"),
        (23, "price_cap", "flag"),
        (24, "points_cap", "integer"),
        (27, "successor", "unless zero"),
        (28, "changed_on", "date"),
        (29, "transition_until", "date"),
        (30, "abolished_on", "date"),
        (31, "appendix", "text"),
        (32, "section", "text"),
        (33, "dpc", "text"),
        (37, "base_name", "text"),
        (38, "remanufactured", "text"),
    ),
    MasterKind.MODIFIER: _layout(
        "Z",
        (19,),
        (3, "code", "digits 4"),
        (7, "name", "text"),
        (10, "kana", "text"),
        (14, "listed_on", "date"),
        (15, "changed_on", "date"),
        (16, "abolished_on", "date"),
        (17, "management_no", "text"),
        (18, "exchange_code", "text"),
        (19, "kind", "text"),
    ),
}
_BY_LETTER = {layout.letter: kind for kind, layout in _LAYOUTS.items()}


@dataclass(frozen=True)
class _Heading:
    """One column of an MHLW list: a pattern for its normalised heading, the lake column, how it is read."""

    pattern: str
    column: str
    reader: str
    needed: bool = True


_GENERIC_HEADINGS = (
    _Heading("薬価基準収載医薬品コード", "price_list_code", "list code"),
    _Heading("成分名", "ingredient", "text"),
    _Heading("品名", "name", "text"),
    _Heading(".*後発医薬品の有無.*", "class_code", "class"),
    _Heading("収載年月日", "listed_on", "list date", needed=False),
    _Heading("経過措置.*", "expires", "list date"),
    _Heading("備考", "remark", "text"),
    _Heading(".*除外.*", "excluded_from_addition", "mark", needed=False),
    _Heading(".*カットオフ.*", "in_cutoff", "mark", needed=False),
)
_PRICE_HEADINGS = (
    _Heading("区分", "section", "text"),
    _Heading("薬価基準収載医薬品コード", "price_list_code", "list code"),
    _Heading("成分名", "ingredient", "text"),
    _Heading("規格.*", "spec", "text"),
    _Heading("日本薬局方|局", "pharmacopoeia", "mark", needed=False),
    _Heading("麻薬|麻", "narcotic", "mark", needed=False),
    _Heading("業者名追記|※", "maker_added", "mark", needed=False),
    _Heading("品名", "name", "text"),
    _Heading("メーカー名", "maker", "text"),
    _Heading("診療報酬.*後発医薬品", "generic_mark", "text"),
    _Heading("先発医薬品", "originator", "text"),
    _Heading("同一剤形.*", "has_generic", "mark"),
    _Heading("薬価", "price", "decimal"),
    _Heading("経過措置.*", "expires", "list date"),
    _Heading("備考", "remark", "text"),
)
_HEADINGS = {MasterKind.GENERIC_CLASS: _GENERIC_HEADINGS, MasterKind.DRUG_PRICE: _PRICE_HEADINGS}
_UNNAMED_AFTER_SPEC = ("pharmacopoeia", "narcotic", "maker_added")


# --- what file is it, and of what day ---


def detect(name: str, head: bytes) -> MasterKind | None:
    """The kind of master a file is, or None when it is none.

    head: its first bytes (4 KB is ample for CSV). An xlsx can be looked into only when head is all of it;
    otherwise MHLW's own names decide: tp…-01_01 to _04 price list, tp…-01_05 generic classification.
    """
    if head.startswith(_XLSX_MAGIC):
        return _detect_xlsx(name, head)
    rows = _first_rows(head)
    if rows and len(rows[0]) > 2 and rows[0][1] in _BY_LETTER and rows[0][0] in _CHANGES:
        return _BY_LETTER[rows[0][1]]
    return _kind_of_header(rows)


def edition_of(name: str) -> date | None:
    """The first 8-digit date in a file's own name (after `zip!`): y_ALL20240321.csv → 2024-03-21."""
    for text in re.findall(r"(?<!\d)\d{8}(?!\d)", _own_name(name)):
        try:
            return datetime.strptime(text, "%Y%m%d").date()
        except ValueError:
            continue
    return None


def parse(kind: MasterKind, name: str, data: bytes, edition: date | None = None) -> MasterParse:
    """Read one master file.

    edition: used when the name holds no date; when both are there and differ, the name counts and a flag says
    so.
    Full or changes only: a file is full when its name contains ALL or one of its rows has 変更区分 0; a file
    whose rows are all 1, 2, 3, 5 or 9 is changes only. A price list of one 区分 only is not full, the generic
    classification always is. changed_on is kept as it stands, also when it is later than the edition.
    Raises InputFileError (bad_file) when the edition is unknown, the file is empty, an xlsx cannot be opened
    or a heading is missing.
    """
    day = _edition(name, edition)
    frame, rejects, lines, flags = (
        _read_list(kind, name, data) if kind in _HEADINGS else _read_csv(kind, name, data)
    )
    if day != edition and edition is not None:
        message = "ファイル名の日付と指定した版の日付が違います。ファイル名の日付を使いました。"
        flags.append(MasterFlag(1, "master_edition_differs", message, edition.isoformat(), day.isoformat()))
    frame, duplicates = _first_of_each_code(kind, name, frame)
    rejects = pl.concat([rejects, duplicates]).sort("source_line", maintain_order=True)
    full = _is_full(kind, name, frame)
    if kind is MasterKind.DRUG_PRICE and not full:
        flags.append(_partial_price_list(frame))
    assert lines == frame.height + rejects["source_line"].n_unique(), "a line is neither read nor rejected"
    return MasterParse(kind, kind.table, day, full, _finish(kind, frame, day, full), rejects, lines, flags)


def _own_name(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/").rsplit("!", 1)[-1]).name


def _edition(name: str, given: date | None) -> date:
    day = edition_of(name) or given
    if day is None:
        raise InputFileError(
            "マスターの版の日付が分かりません。",
            where=name,
            todo="ファイル名に8桁の日付（例：y_ALL20240321.csv）を付けるか、"
            "--edition 2024-03-21 のように指定してください。",
        )
    return day


def _is_full(kind: MasterKind, name: str, frame: pl.DataFrame) -> bool:
    if kind is MasterKind.GENERIC_CLASS:
        return True
    if kind is MasterKind.DRUG_PRICE:
        return frame["section"].n_unique() > 1
    return "ALL" in _own_name(name) or bool((frame["change"] == "0").any())


def _partial_price_list(frame: pl.DataFrame) -> MasterFlag:
    sections = "、".join(frame["section"].unique().sort())
    message = f"「{sections}」だけのリストです。他の区分を消さないよう、全件でない版として取り込みました。"
    return MasterFlag(1, "master_partial_price_list", message, "内用薬、注射薬、外用薬、歯科用薬剤", sections)


def _finish(kind: MasterKind, frame: pl.DataFrame, edition: date, full: bool) -> pl.DataFrame:
    """The table's columns in order, with edition and full, without source_file."""
    whole = frame.with_columns(
        pl.lit(edition, pl.Date).alias("edition"), pl.lit(full).alias("full"), pl.lit("").alias("source_file")
    )
    return kind.table.conform(whole).drop("source_file")


def _first_of_each_code(
    kind: MasterKind, name: str, frame: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first row of every code, and a reject for each later one."""
    key = "price_list_code" if kind in _HEADINGS else "code"
    first = pl.col("source_line").min().over(key)
    marked = frame.with_columns(first.alias("first_line"))
    later = marked.filter(pl.col("source_line") != pl.col("first_line"))
    message = pl.format(
        "{} {}行目：「{}」の {} は{}行目にもあります。先の行を使いました。"
        "正しい行だけを残して取り込み直してください。",
        pl.lit(name),
        pl.col("source_line"),
        pl.lit(kind.table[key].title),
        pl.col(key),
        pl.col("first_line"),
    )
    rejects = _rejects(later, kind, kind.table[key].title, "duplicate_code", message)
    return marked.filter(pl.col("source_line") == pl.col("first_line")).drop("first_line"), rejects


# --- 支払基金's quoted CSV ---


def _read_csv(kind: MasterKind, name: str, data: bytes) -> _Read:
    layout = _LAYOUTS[kind]
    lines, unreadable = _lines(name, kind, data)
    split, rejects = _split(name, kind, lines, layout.widths)
    frames = []
    for width, raw in split.items():
        fields = tuple(f for f in layout.fields if f.position <= width)
        frame, bad = _typed(name, kind, raw, fields)
        frames.append(frame)
        rejects = pl.concat([rejects, bad])
    frame = pl.concat(frames, how="diagonal").sort("source_line").drop("master")
    if kind is MasterKind.PROCEDURE:
        frame = frame.with_columns(_section_code())
    return frame, pl.concat([unreadable, rejects]), lines.height + unreadable.height, []


def _section_code() -> pl.Expr:
    """A000, D206-2: letter, section and branch; NULL where the point table has no letter."""
    branch = pl.col("section_branch").cast(pl.Int32, strict=False)
    tail = pl.when(branch > 0).then(pl.format("-{}", branch)).otherwise(pl.lit(""))
    has_letter = pl.col("letter").str.contains(r"^[A-Z]$")
    return pl.when(has_letter).then(pl.concat_str("letter", "section", tail)).alias("section_code")


def _lines(name: str, kind: MasterKind, data: bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Physical lines that hold something (source_line, text), and rejects for bytes that are no text."""
    encoding = _encoding(data)
    try:
        texts: list[str] = data.decode(encoding).split("\n")
        broken: set[int] = set()
    except UnicodeDecodeError:
        raw = data.split(b"\n")
        texts = [line.decode(encoding, errors="replace") for line in raw]
        broken = {i for i, line in enumerate(raw) if not _decodes(line, encoding)}
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String}).with_row_index("source_line", 1)
    frame = frame.with_columns(pl.col("source_line").cast(pl.Int64), pl.col("text").str.strip_chars("\r\x1a"))
    frame = frame.filter(pl.col("text") != "")
    if frame.is_empty():
        raise InputFileError(
            "ファイルに1行もありません。", where=name, todo="公表されたファイルを取得し直してください。"
        )
    bad = pl.col("source_line").is_in([i + 1 for i in sorted(broken)]) | pl.col("text").str.contains(_NO_TEXT)
    message = pl.format(
        "{} {}行目：{}の文字として読めないバイトがあります。ファイルを取得し直してください。",
        pl.lit(name),
        pl.col("source_line"),
        pl.lit("UTF-8" if encoding.startswith("utf") else "シフトJIS"),
    )
    return frame.filter(~bad), _rejects(frame.filter(bad), kind, "", "bad_encoding", message)


def _encoding(data: bytes) -> str:
    """utf-8-sig when the first 4 KB are UTF-8 and not ASCII only, else cp932 (as the masters are)."""
    head = data[:4096]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # a character cut in two at the end is no error
    except UnicodeDecodeError:
        return "cp932"
    return "cp932" if head.isascii() else "utf-8-sig"


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _split(
    name: str, kind: MasterKind, lines: pl.DataFrame, widths: Sequence[int]
) -> tuple[dict[int, pl.DataFrame], pl.DataFrame]:
    """Lines cut into columns "1", "2" … by width, and rejects for bad quoting and other widths.

    A quoted text is masked by one character to count the columns; only lines proven sound go to the parser.
    """
    mark, plain = "\x00", '[^",\x00]*'
    masked = pl.col("text").str.replace_all(r'"(?:[^"]|"")*"', mark)
    counted = lines.with_columns(
        masked.str.contains(f"^(?:{mark}|{plain})(?:,(?:{mark}|{plain}))*$").alias("sound"),
        (masked.str.count_matches(",", literal=True) + 1).alias("width"),
    )
    bad_quotes = pl.format(
        '{} {}行目：引用符（"）の対応が正しくありません。ファイルを取得し直してください。',
        pl.lit(name),
        pl.col("source_line"),
    )
    bad_width = pl.format(
        "{} {}行目：項目が{}個あります。{}は{}個でなければなりません。"
        "別のマスターでないか、行が欠けていないか確認してください。",
        pl.lit(name),
        pl.col("source_line"),
        pl.col("width"),
        pl.lit(kind.table.title),
        pl.lit("個または".join(str(w) for w in widths)),
    )
    sound = counted.filter("sound")
    rejects = [
        _rejects(counted.filter(~pl.col("sound")), kind, "", "bad_quotes", bad_quotes),
        _rejects(sound.filter(~pl.col("width").is_in(list(widths))), kind, "", "column_count", bad_width),
    ]
    return {w: _columns(sound.filter(pl.col("width") == w), w) for w in widths}, pl.concat(rejects)


def _columns(lines: pl.DataFrame, width: int) -> pl.DataFrame:
    names = [str(i + 1) for i in range(width)]
    if lines.is_empty():
        return pl.DataFrame(schema={"source_line": pl.Int64, **dict.fromkeys(names, pl.String)})
    body = "\n".join(lines["text"].to_list()) + "\n"
    raw = pl.read_csv(io.BytesIO(body.encode()), has_header=False, infer_schema=False, new_columns=names)
    assert raw.shape == (lines.height, width), "the CSV parser cut a proven line differently"
    return raw.with_columns(lines["source_line"])


# --- text to values ---


@dataclass(frozen=True)
class _Reader:
    """How a field's text becomes a value: what a good text is, its value, and the words when it is bad."""

    reason: str
    expects: str
    good: Callable[[pl.Expr], pl.Expr]
    value: Callable[[pl.Expr], pl.Expr]


_CHANGES = ("0", "1", "2", "3", "5", "9")
_NO_DATE = r"^(?:0+|99999999)$"
_ERA = r"^(?P<era>[MTSHR]|明治|大正|昭和|平成|令和)(?P<y>元|\d{1,2})[.年](?P<m>\d{1,2})[.月](?P<d>\d{1,2})日?"
_ERA_BASE = {"M": 1867, "T": 1911, "S": 1925, "H": 1988, "R": 2018}
_ERA_BASE |= {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_NEXT_CLASS = (
    r"^.*?(?P<from>(?:[MTSHR]|明治|大正|昭和|平成|令和)\s*[元\d.年月日]+)から「(?P<to>[^」]*)」に変更"
)


def _date8(text: pl.Expr) -> pl.Expr:
    digits = pl.when(text.str.contains(r"^\d{8}$")).then(text)
    return digits.str.to_date("%Y%m%d", strict=False)


def _era_date(text: pl.Expr) -> pl.Expr:
    """The 和暦 date at the beginning of a normalised text (R8.3.31まで, 令和8年3月31日); NULL without one."""
    part = text.str.extract_groups(_ERA)
    year = part.struct.field("y").replace({"元": "1"}).cast(pl.Int32)
    base = part.struct.field("era").replace_strict(_ERA_BASE, default=None, return_dtype=pl.Int32)
    parts = [base + year, part.struct.field("m"), part.struct.field("d")]
    return pl.format("{}-{}-{}", *parts).str.to_date("%Y-%m-%d", strict=False)


def _normal(text: pl.Expr) -> pl.Expr:
    return text.str.normalize("NFKC").str.replace_all(r"\s", "")


def _list_date(text: pl.Expr) -> pl.Expr:
    return pl.coalesce(_date8(text), _era_date(_normal(text)))


def _reader(name: str) -> _Reader:
    """The reader a field names: text, "digits N", "letter X" or one of _READERS."""
    word, _, argument = name.partition(" ")
    if word == "digits":
        pattern = rf"^\d{{{argument}}}$"
        return _Reader("bad_code", f"半角数字{argument}桁", lambda t: t.str.contains(pattern), lambda t: t)
    if word == "letter":
        return _Reader("wrong_master", f"「{argument}」", lambda t: t == argument, lambda t: t)
    return _READERS[name]


_READERS = {
    "text": _Reader("", "", lambda t: pl.lit(True), lambda t: t),
    "unless zero": _Reader(
        "", "", lambda t: pl.lit(True), lambda t: pl.when(~t.str.contains("^0+$")).then(t)
    ),
    "change": _Reader("bad_value", "0・1・2・3・5・9のどれか", lambda t: t.is_in(_CHANGES), lambda t: t),
    "flag": _Reader(
        "bad_value", "0か1", lambda t: t.str.contains("^0?[01]$"), lambda t: t.str.ends_with("1")
    ),
    "mark": _Reader("", "", lambda t: pl.lit(True), lambda t: t.is_not_null() & (t != "0")),
    "integer": _Reader(
        "bad_number",
        "9桁までの整数",
        lambda t: t.str.contains(r"^\d{1,9}$"),
        lambda t: t.cast(pl.Int32, strict=False),
    ),
    "decimal": _Reader(
        "bad_number",
        "小数2桁までの数",
        lambda t: t.str.contains(r"^-?\d{1,10}(?:\.\d{1,2})?$"),
        lambda t: t.cast(pl.Decimal(12, 2), strict=False),
    ),
    "date": _Reader(
        "bad_date", "8桁の実在する日付", lambda t: t.str.contains(_NO_DATE) | _date8(t).is_not_null(), _date8
    ),
    "list date": _Reader(
        "bad_date",
        "8桁または和暦（R8.3.31まで）の実在する日付",
        lambda t: _list_date(t).is_not_null(),
        _list_date,
    ),
    "list code": _Reader(
        "bad_code", "半角英大文字と数字の12桁", lambda t: t.str.contains("^[0-9A-Z]{12}$"), lambda t: t
    ),
    "class": _Reader(
        "bad_value", "1・2・3・☆・★・空欄のどれか", lambda t: _normal(t).is_in(list("123☆★")), _normal
    ),
}


def _typed(
    name: str, kind: MasterKind, raw: pl.DataFrame, fields: Sequence[_Field]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every field read: the good rows as values, and a reject per field of the others."""
    positions = [str(f.position) for f in fields]
    texts = raw.with_columns(pl.col(*positions).str.strip_chars().replace("", None))
    faults = [_faults(name, kind, texts, f) for f in fields]
    rejects = pl.concat(faults)
    good = texts.filter(~pl.col("source_line").is_in(rejects["source_line"].unique().to_list()))
    values = [_reader(f.reader).value(pl.col(str(f.position))).alias(f.column) for f in fields]
    return good.select("source_line", *values), rejects


def _faults(name: str, kind: MasterKind, texts: pl.DataFrame, item: _Field) -> pl.DataFrame:
    reader, text = _reader(item.reader), pl.col(str(item.position))
    known = item.column in kind.table.names
    title = kind.table[item.column].title if known else "マスター種別"
    needed = not known or kind.table[item.column].required
    where = pl.format("{} {}行目：", pl.lit(name), pl.col("source_line"))
    absent = pl.concat_str(
        where, pl.lit(f"「{title}」が空です。必須の項目です。公表元のファイルを確認してください。")
    )
    wrong = pl.concat_str(
        where,
        pl.format("「{}」の値「{}」を読めません。", pl.lit(title), text.str.slice(0, 40)),
        pl.lit(f"{reader.expects}でなければなりません。公表元のファイルを確認してください。"),
    )
    missing = texts.filter(text.is_null()) if needed else texts.clear()
    bad = texts.filter(text.is_not_null() & ~reader.good(text))
    return pl.concat(
        [
            _rejects(missing, kind, title, "missing_value", absent),
            _rejects(bad, kind, title, reader.reason, wrong),
        ]
    )


def _rejects(rows: pl.DataFrame, kind: MasterKind, title: str, reason: str, message: pl.Expr) -> pl.DataFrame:
    """One reject per row; record_type is マスター種別 (Y, B, S, T, Z), NULL for the lists of MHLW."""
    letter = _LAYOUTS[kind].letter if kind in _LAYOUTS else None
    return rows.select(
        pl.col("source_line").cast(pl.Int64),
        pl.lit(letter, pl.String).alias("record_type"),
        pl.lit(title or None, pl.String).alias("field"),
        pl.lit(reason).alias("reason"),
        message.alias("message"),
    )


# --- MHLW's lists ---


def _read_list(kind: MasterKind, name: str, data: bytes) -> _Read:
    read = _list_from_xlsx if data.startswith(_XLSX_MAGIC) else _list_from_csv
    raw, fields, rejects, lines = read(kind, name, data)
    frame, bad = _typed(name, kind, raw, fields)
    frame = frame.with_columns(pl.lit("0").alias("change"))
    flags: list[MasterFlag] = []
    if kind is MasterKind.GENERIC_CLASS:
        frame = with_next_class(frame)
        flags = _unread_remarks(frame)
    return frame, pl.concat([rejects, bad]), lines, flags


def with_next_class(frame: pl.DataFrame) -> pl.DataFrame:
    """next_class and next_class_from, from 備考 R7.10.1から「2」に変更; a change to blank is a date only."""
    change = _normal(pl.col("remark")).str.extract_groups(_NEXT_CLASS)
    to = change.struct.field("to")
    return frame.with_columns(
        pl.when(to.is_in(list("123☆★"))).then(to).alias("next_class"),
        _era_date(change.struct.field("from")).alias("next_class_from"),
    )


def _unread_remarks(frame: pl.DataFrame) -> list[MasterFlag]:
    """A flag for each 備考 that speaks of a change which could not be read, or of more than one."""
    remark = pl.col("remark")
    several = remark.str.count_matches("変更", literal=True) > 1
    unread = frame.filter(
        remark.str.contains("変更", literal=True) & (pl.col("next_class_from").is_null() | several)
    )
    message = "備考の区分の変更を読み取れません。変更日以降の区分を確認してください。"
    expected = "R7.10.1から「2」に変更"
    return [
        MasterFlag(line, "master_remark_unread", message, expected, text)
        for line, text in unread.select("source_line", "remark").iter_rows()
    ]


def _list_from_csv(kind: MasterKind, name: str, data: bytes) -> _ListRead:
    lines, unreadable = _lines(name, kind, data)
    headings: list[str] = []
    top = 0
    for line, text in lines.head(_HEADER_ROWS).iter_rows():
        row = next(csv.reader([text]), [])
        if _kind_of_header([row]) is kind:
            headings, top = row, line
            break
    fields = _fields(kind, name, headings)
    body = lines.filter(pl.col("source_line") > top)
    split, rejects = _split(name, kind, body, (len(headings),))
    unreadable = unreadable.filter(pl.col("source_line") > top)
    return split[len(headings)], fields, pl.concat([unreadable, rejects]), body.height + unreadable.height


def _list_from_xlsx(kind: MasterKind, name: str, data: bytes) -> _ListRead:
    rows = next((r for r in _sheets(name, data) if _kind_of_header(r[:_HEADER_ROWS]) is kind), None)
    if rows is None:
        _fields(kind, name, [])
        raise AssertionError("unreachable: a list without headings is refused")
    top = next(i for i, row in enumerate(rows) if _is_header(row))
    code_at = [_normalised(c) for c in rows[top]].index(_CODE_HEADING)
    body_at = next((i for i in range(top + 1, len(rows)) if _at(rows[i], code_at)), len(rows))
    width = max(len(r) for r in rows)
    headings = ["".join(_at(r, i) for r in rows[top:body_at]) for i in range(width)]
    fields = _fields(kind, name, headings)
    body = [
        (i + 1, *(_at(r, j) for j in range(width)))
        for i, r in enumerate(rows)
        if i >= body_at and _is_data(r, code_at)
    ]
    schema = {"source_line": pl.Int64, **{str(i + 1): pl.String for i in range(width)}}
    raw = pl.DataFrame(body, schema=schema, orient="row")
    return raw, fields, pl.DataFrame(schema=REJECT_SCHEMA), raw.height


def _fields(kind: MasterKind, name: str, headings: Sequence[str]) -> tuple[_Field, ...]:
    """The fields of a list found by its headings. Raises InputFileError that names the headings missing."""
    found: dict[str, _Field] = {}
    for heading in _HEADINGS[kind]:
        taken = {f.position for f in found.values()}
        for position, text in enumerate(headings, 1):
            if position not in taken and re.fullmatch(heading.pattern, _normalised(text)):
                found[heading.column] = _Field(position, heading.column, heading.reader)
                break
    if kind is MasterKind.DRUG_PRICE and "spec" in found:
        found |= _unnamed_marks(found, headings)
    missing = [kind.table[h.column].title for h in _HEADINGS[kind] if h.needed and h.column not in found]
    if missing:
        raise InputFileError(
            f"「{kind.table.title}」の見出しが見つかりません：{'、'.join(missing)}",
            where=name,
            todo="厚生労働省が公表したままのファイル（xlsx、または見出し行のあるCSV）を指定してください。",
        )
    return tuple(found.values())


def _unnamed_marks(found: dict[str, _Field], headings: Sequence[str]) -> dict[str, _Field]:
    """局, 麻 and ※ stand in the three unnamed columns right of 規格, whose heading is merged over them."""
    start = found["spec"].position
    blank = [
        p for p in range(start + 1, start + 4) if p <= len(headings) and not _normalised(headings[p - 1])
    ]
    if len(blank) != len(_UNNAMED_AFTER_SPEC):
        return {}
    return {c: _Field(p, c, "mark") for c, p in zip(_UNNAMED_AFTER_SPEC, blank, strict=True)}


# --- first rows and sheets ---

_CODE_HEADING = "薬価基準収載医薬品コード"


def _normalised(text: str | None) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text or ""))


def _at(row: Sequence[str], i: int) -> str:
    return row[i] if i < len(row) else ""


def _is_header(row: Sequence[str]) -> bool:
    return _CODE_HEADING in {_normalised(c) for c in row}


def _is_data(row: Sequence[str], code_at: int) -> bool:
    """A row with two filled cells or a code alone; any other single cell is a note (注), none is blank."""
    return sum(1 for c in row if c) > 1 or re.fullmatch("[0-9A-Z]{12}", _at(row, code_at)) is not None


def _kind_of_header(rows: Sequence[Sequence[str]]) -> MasterKind | None:
    """The list whose header is among these rows."""
    for row in rows:
        names = {_normalised(c) for c in row}
        if _CODE_HEADING not in names:
            continue
        if any("後発医薬品の有無" in n for n in names):
            return MasterKind.GENERIC_CLASS
        if "薬価" in names:
            return MasterKind.DRUG_PRICE
    return None


def _first_rows(head: bytes) -> list[list[str]]:
    """The first rows of a CSV; bytes that are no text (a character cut in two at the end) are dropped."""
    encoding = _encoding(head)
    text = head.decode(encoding, errors="ignore").replace("\x00", "")
    try:
        rows = [row for _, row in zip(range(_HEADER_ROWS), csv.reader(io.StringIO(text)), strict=False)]
    except csv.Error:
        return []
    return [row for row in rows if row]


def _detect_xlsx(name: str, data: bytes) -> MasterKind | None:
    try:
        for rows in _sheets(name, data, limit=_HEADER_ROWS):
            if kind := _kind_of_header(rows):
                return kind
        return None
    except InputFileError:
        number = re.match(r"tp\d{8}-01_0([1-5])", _own_name(name))
        if number is None:
            return None
        return MasterKind.GENERIC_CLASS if number[1] == "5" else MasterKind.DRUG_PRICE


def _sheets(name: str, data: bytes, limit: int | None = None) -> list[list[list[str]]]:
    """Every sheet as rows of text. Raises InputFileError when the bytes are no whole xlsx."""
    try:
        with contextlib.closing(
            openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        ) as book:
            return [_rows(sheet, limit) for sheet in book.worksheets]
    except (
        InvalidFileException,
        zipfile.BadZipFile,
        zlib.error,
        SyntaxError,
        LookupError,
        OSError,
        ValueError,
    ) as e:
        raise InputFileError(
            "xlsxファイルを開けません。", where=name, todo="公表されたファイルを取得し直してください。"
        ) from e


def _rows(sheet: Any, limit: int | None) -> list[list[str]]:
    if hasattr(sheet, "reset_dimensions"):
        sheet.reset_dimensions()
    return [[_cell(v) for v in row] for row in sheet.iter_rows(max_row=limit, values_only=True)]


def _cell(value: object) -> str:
    """A cell as the text the CSV of the same list would hold."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return f"{value:%Y%m%d}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


_Read = tuple[pl.DataFrame, pl.DataFrame, int, list[MasterFlag]]
_ListRead = tuple[pl.DataFrame, tuple[_Field, ...], pl.DataFrame, int]
