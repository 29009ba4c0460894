"""What a document says of itself (表紙): its title, whose plan it is, of which years and what period, and its date."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from kenpo.base.branches import BRANCHES, NATION_CODE
from kenpo.base.document import Document, Heading, Paragraph, Table
from kenpo.base.era import parse_date
from kenpo.base.errors import ArgumentError
from kenpo.plan.results import fiscal_year_in
from kenpo.plan.vocabulary import plain

_FIRST_LINES = 60
_YEAR = re.compile(r"((?:令和|平成)(?:元|\d{1,2})|20\d\d|R(?:元|\d{1,2}))年度")
_YEARS = re.compile(
    r"(?P<first>20\d\d|(?:令和|平成)(?:元|\d{1,2}))(?:年度)?(?:～|から|-)(?P<last>20\d\d|(?:令和)?(?:元|\d{1,2}))年度"
)
_DATED = re.compile(r"^(?:令和|平成|20\d\d)[^、。]{0,8}年\d{1,2}月\d{1,2}日$")
_TERM = re.compile(r"第([3-6])期")
_TERMS = {3: (2015, 2017), 4: (2018, 2020), 5: (2021, 2023), 6: (2024, 2026)}
"""Years of the action plans (保険者機能強化アクションプラン) by their term, as 協会けんぽ's own plans print them."""


@dataclass(frozen=True)
class Cover:
    """What a document says of itself. branch and year are None when it does not say; period as progress files name it.

    action_plan: the document is an action plan alone, with no plan of a year beside it. report: it tells what was done.
    """

    title: str
    branch: str | None
    year: int | None
    dated: date | None
    draft: bool
    period: str | None
    action_plan: bool
    report: bool


def cover_of(document: Document) -> Cover:
    """The cover of a document, from its title and first lines."""
    head = [text for text, _ in all_lines(document)[:_FIRST_LINES]]
    title = _title(document, head)
    year = _year(title, head)
    flat = plain(title)
    return Cover(
        title=title,
        branch=_branch(title, head),
        year=year,
        dated=_dated(head),
        draft="案" in flat,
        period=_period(title, head, year),
        action_plan="アクションプラン" in flat and not re.search(r"年度.{0,20}(事業計画|進捗|報告)", flat),
        report=bool(re.search(r"報告|進捗|実績|結果", flat)),
    )


def told(cover: Cover, *, branch: str | None, year: int | None, period: str | None) -> Cover:
    """The cover with what a person says of the document in the place of what it says itself."""
    year = year if year is not None else (int(period[:4]) if period else None)
    if year is not None and cover.period and not period:
        period = f"{year}{cover.period[4:]}"
    given = {"branch": branch, "year": year, "period": period}
    return replace(cover, **{name: value for name, value in given.items() if value is not None})


def all_lines(document: Document) -> list[tuple[str, str]]:
    """Every line of a document with its place, tables cell by cell."""
    out = []
    for block in document.blocks:
        if isinstance(block, Table):
            out += [
                (line, block.where) for row in block.rows for c in row if not c.continued for line in c.lines
            ]
        elif isinstance(block, Heading | Paragraph):
            out += [(line, block.where) for line in block.text.split("\n")]
    return [(line, where) for line, where in out if line.strip()]


def tables(document: Document) -> Iterable[Table]:
    """The tables of a document that have rows."""
    return (b for b in document.blocks if isinstance(b, Table) and b.rows)


def _title(document: Document, head: Sequence[str]) -> str:
    for text in [document.title, *head[:12]]:
        if re.search(r"事業計画|進捗|アクションプラン|事業報告", text or "") and _YEAR.search(plain(text)):
            return text.strip()
    return next((t.strip() for t in [document.title, *head] if t and t.strip()), "")


def plan_title(title: str, lines: Sequence[tuple[str, str]]) -> str:
    """The plan's own title, where the document is titled as its progress."""
    if "進捗" not in title:
        return title
    own = (t.strip() for t, _ in lines[:_FIRST_LINES] if re.fullmatch(r".*年度.*事業計画(\(案\))?", plain(t)))
    bare = re.sub(r"の?進捗(状況|報告)?(について)?([(（].*[)）])?$", "", title)
    return next(own, re.sub(r"(上半?期|下半?期|第[1-4１-４]四半期)[\s　]*", "", bare))


def _branch(title: str, head: Sequence[str]) -> str | None:
    for text in [title, *head[:15]]:
        for branch in BRANCHES:
            if f"{branch.name.removesuffix('支部')}支部" in text:
                return branch.code
    if any("全国健康保険協会" in plain(t) or "アクションプラン" in plain(t) for t in [title, *head[:15]]):
        return NATION_CODE
    return None


def _year(title: str, head: Sequence[str]) -> int | None:
    for text in [title, *head]:
        if (match := _YEAR.search(plain(text))) and (year := fiscal_year_in(match.group(0))):
            return year
    return None


def _dated(head: Sequence[str]) -> date | None:
    for text in head[:20]:
        if is_date(text):
            try:
                return parse_date(text)
            except ArgumentError:
                continue
    return None


def _period(title: str, head: Sequence[str], year: int | None) -> str | None:
    if year is None:
        return None
    for text in [title, *head]:
        flat = plain(text)
        if match := re.search(r"第([1-4])四半期", flat):
            return f"{year}Q{match[1]}"
        if "上期" in flat or "上半期" in flat:
            return f"{year}H1"
        if "下期" in flat or "下半期" in flat:
            return f"{year}H2"
    return str(year)


def action_years(document: Document, year: int | None) -> tuple[int, int, str]:
    """First and last year and the title of the action plan a document prints, alone or beside the annual plan."""
    for text, _ in all_lines(document):
        flat = plain(text)
        if "アクションプラン" not in flat:
            continue
        if (match := _YEARS.search(flat)) and (first := fiscal_year_in(match["first"] + "年度")):
            return first, first + 2, _action_title(text)
        if match := _TERM.search(flat):
            first, last = _TERMS[int(match[1])]
            return first, last, _action_title(text)
    return year or 0, (year or 0) + 2, _action_title("")


def _action_title(text: str) -> str:
    match = _TERM.search(plain(text))
    return f"保険者機能強化アクションプラン（第{match[1]}期）" if match else "保険者機能強化アクションプラン"


def is_date(line: str) -> bool:
    """Whether a line is a date alone: 令和3年7月14日."""
    return bool(_DATED.match(plain(line)))


def is_title(line: str, title: str) -> bool:
    """Whether a line is the document's title, or one of those repeated on its pages."""
    flat = plain(line)
    return flat == plain(title) or bool(
        re.fullmatch(r"(資料)?[\d-]+|.{0,20}事業計画(\(案\))?(の概要)?(\(案\))?", flat)
    )


def is_furniture(line: str) -> bool:
    """Page numbers, legends and contents lists: no text of the plan."""
    flat = plain(line)
    return bool(
        re.fullmatch(
            r"[-\d/]+|.*〈P\d+.*|◆.*<P\d.*|実施状況:◎.*|.{1,60}[.．・…]{4,}\d+|.{0,40}KPI.{0,8}一覧表?([(][^()]*[)])?",
            flat,
        )
        or re.search(r"^実施状況[:：].*◎", flat)
    )
