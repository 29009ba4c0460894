"""Actuals in words (実績の読み取り): figures, their dates and states, as documents print them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from kenpo.base.era import parse_fiscal_year, parse_period
from kenpo.base.errors import ArgumentError
from kenpo.base.fiscal import month_end
from kenpo.plan.amounts import NUMBER, UNIT, decimal, fits
from kenpo.plan.model import Actual, State, Status
from kenpo.plan.sentences import numbered
from kenpo.plan.vocabulary import Term, hits, plain, terms

_BEFORE_HEISEI = 1988
_YEAR = r"(?:令和|平成|R|H)(?:元|\d{1,2})|20\d\d"
_DAY = re.compile(
    rf"(?P<year>{_YEAR})[年./-](?P<month>\d{{1,2}})(?:月(?P<day>\d{{1,2}})日|[./-](?P<short>\d{{1,2}})(?![\d%.]))"
)
_MONTH = re.compile(
    rf"(?:(?P<year>{_YEAR})[年./-]?)?(?P<month>\d{{1,2}})月(?P<end>末)?(?P<basis>診療分|審査分|請求分)?"
)
_FISCAL = re.compile(rf"(?P<year>(?:{_YEAR})年度)末?")
_RANGE = re.compile(r"\d{1,2}月?(?:～|から)(?P<last>(?:\d{1,2}月))")
_VALUE = re.compile(rf"(?P<sign>[▲△-])?(?P<number>{NUMBER})(?P<unit>{UNIT})?")
_NOTHING_YET = re.compile(
    r"(未確定|未集計|集計中|未定|算出(不可|中)|公表前|(下期|上期|第[1-4]四半期|\d{1,2}月)(以降|から|に|～第[1-4]四半期に?)?実施(予定)?|実施予定|実績なし)"
)
_NOT_OURS = re.compile(r"(新設|対象外|該当なし|廃止)")
_DASH = re.compile(r"^[-ー一―]+%?[-ー一―]*$")
_STATUSES: tuple[tuple[str, Status], ...] = (
    ("速報", "preliminary"),
    ("暫定", "provisional"),
    ("見込", "provisional"),
    ("確定", "final"),
)
_PERSONS = re.compile(rf"(?P<number>{NUMBER})(?:人|件)(?:受診|実施|取得)?")
_CASES = re.compile(rf"(?P<all>{NUMBER})件(?:中|のうち)、?(?P<part>{NUMBER})件")
_KPI_ASIDE = re.compile(r"[(]KPI[:：]?[^)]*[)]|KPI(?:目標)?[(][^()]*[)](?:に対し(?:て)?|を|に)?、?")
_AFTER = re.compile(
    rf"^[)>\]】]?(?:[はがも:、]|について|実績|の実績)*[(]?(?:全国|約)?(?P<number>{NUMBER})(?P<unit>{UNIT})"
    r"(?!以[上下内]|未満|超|を?目指|を?目標|の目標|とする|に向け)"
)


def fiscal_year_in(text: str) -> int | None:
    """The fiscal year a text names, also one of an era that had ended by then (平成35年度 is 令和5年度)."""
    match = _FISCAL.search(plain(text))
    if match is None:
        return None
    if late := re.match(r"(?:平成|H)(\d+)", match["year"]):
        return _BEFORE_HEISEI + int(late[1])
    try:
        return parse_fiscal_year(match["year"])
    except ArgumentError:
        return None


@dataclass(frozen=True)
class When:
    """When a figure is of: as_of as in Actual, and the basis named with it (診療分)."""

    as_of: str = ""
    basis: str = ""


def when_in(text: str, year: int | None) -> When:
    """The date a text names. year: the fiscal year a month without a year lies in; None leaves such a month out."""
    flat = plain(text)
    if match := _DAY.search(flat):
        day = _parsed(f"{match['year']}年{match['month']}月{match['day'] or match['short']}日")
        if day:
            return When(day.isoformat())
    if (match := _FISCAL.search(flat)) and (fiscal := fiscal_year_in(match.group(0))):
        if "末" in match.group(0) or not _MONTH.search(flat[match.end() :]):
            return When(f"FY{fiscal}")
        flat = flat[match.end() :]
    ranged = _RANGE.search(flat)
    match = _MONTH.search(ranged["last"]) if ranged else _MONTH.search(flat)
    if match is None or not 1 <= int(match["month"]) <= 12:
        return When()
    month = int(match["month"])
    if match["year"]:
        first = _parsed(f"{match['year']}年{month}月")
    elif year is not None:
        first = date(year + (month < 4), month, 1)
    else:
        first = None
    if first is None:
        return When()
    if match["end"]:
        return When(month_end(first).isoformat())
    return When(f"{first:%Y-%m}", match["basis"] or "")


def _parsed(text: str) -> date | None:
    try:
        return parse_period(text).first_day
    except ArgumentError:
        return None


def actual_in(
    text: str, term: Term | None, year: int | None, *, where: str = "", default: str = ""
) -> Actual | None:
    """The figure a short text gives (98.3%(令和5年9月時点)、下期実施予定、－、【新設】), or None when it gives none.

    term: whose unit the number must have when it has one. default: as_of when the text has no date.
    """
    flat = plain(text)
    if not flat:
        return None
    when = when_in(text, year)
    as_of = when.as_of or default
    status = None if flat.startswith("未") else _status(flat)

    def state(which: State) -> Actual:
        return Actual(text=text.strip(), state=which, as_of="", where=where)

    if _NOT_OURS.search(flat) and not re.search(rf"{NUMBER}%", flat):
        return state("not_applicable")
    if _DASH.match(flat.split("※")[0]) or (
        _NOTHING_YET.search(flat) and not re.search(rf"{NUMBER}{UNIT}", _dateless(flat))
    ):
        return state("missing")
    found = _number(_dateless(flat), term)
    if found is None:
        if term is not None and term.better == "done":
            return Actual(text=text.strip(), as_of=as_of, status=status, where=where)
        return None
    persons = None if _CASES.search(flat) else _PERSONS.search(flat)
    cases = _CASES.search(flat) if term is not None and term.id == "single_bid_rate" else None
    return Actual(
        value=found,
        text=text.strip(),
        as_of=as_of,
        basis=when.basis,
        status=status,
        persons=int(decimal(persons["number"])) if persons and term and term.unit == "%" else None,
        numerator=decimal(cases["part"]) if cases else None,
        denominator=decimal(cases["all"]) if cases else None,
        where=where,
    )


def _status(flat: str) -> Status | None:
    return next((status for word, status in _STATUSES if word in flat), None)


def _dateless(flat: str) -> str:
    for pattern in (_DAY, _FISCAL, _RANGE):
        flat = pattern.sub("", flat)
    return re.sub(rf"(?:(?:{_YEAR})年?)?\d{{1,2}}月(末|時点|診療分|分|現在)*", "", flat)


def _number(flat: str, term: Term | None) -> Decimal | None:
    """The one figure a text gives; None when it gives none, or two that differ outside brackets."""
    found = list(_figures(flat, term))
    outside = set(_figures(re.sub(r"[(][^()]*[)]", "", flat), term))
    return found[0] if found and len(outside) < 2 else None


def _figures(flat: str, term: Term | None) -> Iterator[Decimal]:
    for match in _VALUE.finditer(flat):
        unit = match["unit"]
        if term is not None and unit and not fits(unit, term):
            continue
        if unit is None and not re.fullmatch(rf"\D*{NUMBER}\D*", flat):
            continue
        value = decimal(match["number"])
        yield -value if match["sign"] in ("▲", "△") else value


def results(passage: str) -> list[tuple[str, str]]:
    """The numbered results of a passage such as (1)100%(令和5年8月時点) (2)98.3%: (number, text) each."""
    return numbered(re.sub(r"^[\s■□◆]*KPI\s*(の)?(実績|達成状況)等?\s*[:：]?", "", passage).strip())


@dataclass(frozen=True)
class Told:
    """A figure told within running text: its KPI, the figure, and the nation's figure and rank told beside it."""

    term: Term
    actual: Actual
    nation: Actual | None = None
    rank: int | None = None


_RANK = re.compile(r"全国(?:第)?(\d{1,2})位")
_TENDERS = re.compile(r"入札(?P<all>\d+)件(?:中|のうち)、?(?P<single>\d+)件が?(?:一|1)者応札")
_NATION = re.compile(rf"全国平均(?:は|:)?({NUMBER})({UNIT})?")


def told_in(
    text: str, year: int | None, *, within: str = "", where: str = "", default: str = ""
) -> list[Told]:
    """The figures of KPIs that running text tells: 6月末時点の郵送化率93.0%（KPI：95.0%以上）.

    A number counts only right behind a KPI's name and in its unit; targets in brackets are passed over. within: words
    of the surroundings that help to tell the KPI (the heading). default: as_of when the text has no date.
    """
    flat = _KPI_ASIDE.sub("", plain(text))
    ahead = plain(within) + "／" if within else ""
    out: list[Told] = []
    for term, number, begin, end in _numbers(ahead + flat, len(ahead)):
        value = decimal(number)
        after = (ahead + flat)[end : end + 60]
        before = re.split(r"[。◆○●■]", (ahead + flat)[len(ahead) : begin])[-1]
        around = before + after[:40]
        when = when_in(re.split(r"[、。]", after)[0][:45], year)
        if not when.as_of:
            when = when_in(before, year)
        if not when.as_of:
            when = when_in(after[:40], year)
        persons = re.match(rf"[・、(]*({NUMBER})(?:人|件)", after)
        tenders = _TENDERS.search(flat) if term.id == "single_bid_rate" else None
        rank, nation = _RANK.search(after), _NATION.search(after)
        actual = Actual(
            value=value,
            text=text.strip(),
            as_of=when.as_of or default,
            basis=when.basis,
            status=_status(around),
            persons=int(decimal(persons[1])) if persons and term.unit == "%" else None,
            numerator=Decimal(tenders["single"]) if tenders else None,
            denominator=Decimal(tenders["all"]) if tenders else None,
            where=where,
        )
        national = Actual(value=decimal(nation[1]), as_of=actual.as_of, where=where) if nation else None
        out.append(Told(term, actual, national, int(rank[1]) if rank else None))
    return out


def _numbers(flat: str, begin: int) -> list[tuple[Term, str, int, int]]:
    """Term, number, and where the number stands, of every figure told; only behind `begin`."""
    found: dict[int, tuple[Term, str, int, int]] = {}
    for term in terms():
        for pattern in term.told:
            for match in pattern.finditer(flat, begin):
                found[match.start(1)] = (term, match[1], match.start(1), match.end(1))
    surely = {term.id for term, *_ in found.values()}
    for hit in hits(flat):
        if hit.end <= begin or hit.term.id in surely:
            continue
        match = _AFTER.match(flat[hit.end :])
        if match and fits(match["unit"], hit.term):
            at = hit.end + match.start("number")
            end = hit.end + match.end()
            found.setdefault(at, (hit.term, match["number"], at, end))
    told: dict[str, tuple[Term, str, int, int]] = {}
    for one in sorted(found.values(), key=lambda f: f[2]):
        told.setdefault(one[0].id, one)
    return list(told.values())
