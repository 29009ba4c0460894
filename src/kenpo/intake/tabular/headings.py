"""Which declared file a row of headings belongs to (見出し), whatever their order, width, spaces and language."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kenpo.base.errors import InputFileError
from kenpo.lake.schema import Column, Delivery

_TODO = (
    "見出しは、項目名（日本語名か英語名）のどれかと同じにしてください（全角半角と空白の違いは構いません）。"
    "項目の一覧は docs/operations.md にあります。"
)


@dataclass(frozen=True)
class Headed:
    """A row of headings understood. at: column name → position from 0; width: fields of every row;
    unknown: how many headings are none of the delivery's.
    """

    delivery: Delivery
    at: dict[str, int]
    width: int
    unknown: int


def folded_heading(text: str) -> str:
    """A heading for comparing: NFKC, no spaces or line breaks, small letters."""
    return "".join(unicodedata.normalize("NFKC", text).split()).lower()


def match(name: str, row: Sequence[str], deliveries: Iterable[Delivery]) -> Headed | None:
    """The delivery whose needed columns all stand in the row; of several, the one with most columns there.

    None when the row is none of them. Raises InputFileError (bad_headings) when it plainly is one (half of what a
    delivery needs is there) but a needed heading is missing, or when two headings name the same column.
    """
    plain = [folded_heading(cell) for cell in row]
    whole: list[tuple[Delivery, dict[str, list[int]]]] = []
    nearly: list[tuple[Delivery, list[Column]]] = []
    for delivery in deliveries:
        places = {column.name: _places(column, plain) for column in delivery.columns}
        missing = [c for c in delivery.needed if not places[c.name]]
        if not missing:
            whole.append((delivery, places))
        elif 2 * len(missing) <= len(delivery.needed):
            nearly.append((delivery, missing))
    if whole:
        delivery, places = max(whole, key=lambda found: sum(map(bool, found[1].values())))
        return _headed(name, delivery, places, plain)
    if nearly:
        delivery, missing = max(nearly, key=lambda found: len(found[0].needed) - len(found[1]))
        raise InputFileError(
            f"{delivery.table.title}のファイルのようですが、必要な見出しがありません："
            f"{'、'.join(c.title for c in missing)}",
            where=name,
            todo=_TODO,
            code="bad_headings",
        )
    return None


def _places(column: Column, plain: Sequence[str]) -> list[int]:
    names = {folded_heading(text) for text in (column.title, column.name, *column.aliases)}
    return [i for i, text in enumerate(plain) if text in names]


def _headed(name: str, delivery: Delivery, places: dict[str, list[int]], plain: Sequence[str]) -> Headed:
    twice = [c.title for c in delivery.columns if len(places[c.name]) > 1]
    if twice:
        raise InputFileError(
            f"同じ項目の見出しが2つ以上あります：{'、'.join(twice)}",
            where=name,
            todo="どちらか一方の列を消すか、見出しを変えてください。",
            code="bad_headings",
        )
    at = {column: found[0] for column, found in places.items() if found}
    unknown = sum(1 for i, text in enumerate(plain) if text and i not in at.values())
    return Headed(delivery, at, len(plain), unknown)
