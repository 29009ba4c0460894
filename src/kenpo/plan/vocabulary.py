"""The KPI vocabulary (KPI語彙): which measure a document speaks of, however it words it."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Literal, NamedTuple

import yaml

from kenpo.base.errors import ArgumentError

Path = Literal["cumulative", "ratio", "point", "done"]

_OLD_FORMS = str.maketrans("戰險關體實數當會區縣學對", "戦険関体実数当会区県学対")
_SIGNS = str.maketrans("〜∼~‐‑‒–—―−－", "～～～--------")
_MONTHS_WORD = re.compile(r"[ヶケヵカ箇ヵ]月")
_SPACES = re.compile(r"\s+")
_STRAY_OF = re.compile(r"\s+of\s+")


@functools.lru_cache(maxsize=16384)
def plain(text: str) -> str:
    """A text for comparing: half width, no spaces, か月 for ヶ月, one kind of dash, new forms of old characters."""
    text = _STRAY_OF.sub("の", unicodedata.normalize("NFKC", text))
    text = _SPACES.sub("", text.translate(_OLD_FORMS).translate(_SIGNS))
    return _MONTHS_WORD.sub("か月", text)


@dataclass(frozen=True)
class Word:
    """One wording of a KPI: `head` ends its name, `within` must stand in or before it, `without` must not."""

    head: re.Pattern[str]
    within: re.Pattern[str] | None
    without: re.Pattern[str] | None


@dataclass(frozen=True)
class Term:
    """A KPI of the vocabulary.

    id: measure id. better: higher, lower or done. path: how it moves within a year (cumulative, ratio, point, done).
    sentence: how a plan states it, with {target}. told: wordings of its figure in running text, the number in group 1.
    """

    id: str
    title: str
    short: str
    unit: str
    precision: int
    better: Literal["higher", "lower", "done"]
    path: Path
    sentence: str
    words: tuple[Word, ...]
    told: tuple[re.Pattern[str], ...] = ()


class Hit(NamedTuple):
    """A KPI named in a text: the term, and where its name's head stands in the text as `plain` gives it."""

    term: Term
    start: int
    end: int


@functools.cache
def terms() -> tuple[Term, ...]:
    """Every KPI of the vocabulary, those that are told apart by more words first."""
    text = (resources.files("kenpo.plan") / "vocabulary.yaml").read_text(encoding="utf-8")
    return tuple(
        Term(
            **{k: v for k, v in row.items() if k not in ("words", "told")},
            words=tuple(_word(w) for w in row["words"]),
            told=tuple(re.compile(t) for t in row.get("told", ())),
        )
        for row in yaml.safe_load(text)
    )


def _word(row: dict[str, str]) -> Word:
    within, without = row.get("with"), row.get("without")
    return Word(
        re.compile(row["head"]),
        re.compile(within) if within else None,
        re.compile(without) if without else None,
    )


def term_of(measure: str) -> Term:
    """The KPI of a measure id, or of the title or short title people use. Raises ArgumentError that names what there is."""
    for term in terms():
        if measure in (term.id, term.title, term.short):
            return term
    listed = "\n".join(f"  {t.id}：{t.short}" for t in terms())
    raise ArgumentError(
        f"「{measure}」というKPIはありません。", todo=f"次のいずれかを指定してください：\n{listed}"
    )


def known(measure: str | None) -> Term | None:
    """The KPI of a measure id, or None when the vocabulary does not have it."""
    return next((t for t in terms() if t.id == measure), None)


@functools.lru_cache(maxsize=16384)
def hits(text: str) -> tuple[Hit, ...]:
    """The KPIs a text names, in order; text as `plain` gives it.

    Of names that overlap, the one listed first in the vocabulary counts. What tells a KPI apart is looked for between
    the KPI before it and its own head.
    """
    found: list[Hit] = []
    begin = 0
    while candidates := sorted(_candidates(text, begin), key=lambda hit: hit.end):
        first = candidates[0]
        rivals = [hit for hit in candidates if hit.start < first.end and first.start < hit.end]
        order = terms()
        chosen = min(rivals, key=lambda hit: (order.index(hit.term), -hit.end))
        found.append(chosen)
        begin = chosen.end
    return tuple(found)


def _candidates(text: str, begin: int) -> Iterator[Hit]:
    for term in terms():
        for word in term.words:
            for match in word.head.finditer(text, begin):
                before = text[begin : match.end()]
                if (word.within is None or word.within.search(before)) and (
                    word.without is None or not word.without.search(before)
                ):
                    yield Hit(term, match.start(), match.end())
                    break
