"""Joining PDFs (結合): pages, structure (tags) and bookmarks of several files in one, the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, NumberTree, OutlineItem, Pdf

_WIDTH, _HEIGHT = 210 / 25.4 * 72, 297 / 25.4 * 72


class Joined:
    """PDFs put one behind the other with their structure, so that a screen reader reads the joined file as it would each."""

    def __init__(self, title: str, *, tagged: bool = True) -> None:
        self._tagged = tagged
        self._pdf = Pdf.new()
        self._title = title
        self._parts: list[Any] = []
        self._marked: list[Any] = []
        self._names: list[Any] = []
        self._roles: dict[str, Any] = {}
        self._keys = 0
        self._bookmarks: list[tuple[str, int]] = []

    @property
    def pages(self) -> int:
        """How many pages there are by now."""
        return len(self._pdf.pages)

    def bookmark(self, text: str, page: int) -> None:
        """A bookmark at a page, from 1."""
        self._bookmarks.append((text, page))

    def add(self, content: bytes, letters: int = 0, duplex: bool = False) -> list[tuple[int, int]]:
        """Put a PDF behind; returns the first and last page of each of its letters, one per bookmark, or of all of it.

        duplex: what ends on a front gets an empty back.
        """
        with Pdf.open(io.BytesIO(content)) as source:
            starts = list(_starts(source)) if letters else [0]
            if letters and len(starts) != letters:
                raise AssertionError("a template makes no heading of the first level")
            if self._tagged:
                self._renumber(source)
            spans = []
            for first, end in zip(starts, [*starts[1:], len(source.pages)], strict=True):
                begun = len(self._pdf.pages)
                for page in source.pages[first:end]:
                    self._pdf.pages.append(page)
                spans.append((begun + 1, len(self._pdf.pages)))
                if duplex and (len(self._pdf.pages) - begun) % 2:
                    self._pdf.add_blank_page(page_size=(_WIDTH, _HEIGHT))
            if self._tagged:
                self._take_structure(source)
        return spans

    def _renumber(self, source: Pdf) -> None:
        """Give keys and ids of the structure values no other part has."""
        part = f"{len(self._parts)}-"
        for thing in source.objects:
            if not isinstance(thing, Dictionary):
                continue
            for key in (Name.StructParents, Name.StructParent):
                if key in thing:
                    thing[key] = int(thing[key]) + self._keys
            if thing.get(Name.Type) != Name.StructElem:
                continue
            if Name.ID in thing:
                thing.ID = pikepdf.String(part + str(thing.ID))
            for attributes in thing.get(Name.A, ()):
                if isinstance(attributes, Dictionary) and Name.Headers in attributes:
                    attributes.Headers = Array(
                        pikepdf.String(part + str(header)) for header in attributes.Headers
                    )

    def _take_structure(self, source: Pdf) -> None:
        tree = source.Root.StructTreeRoot
        kids = tree.K if isinstance(tree.K, Array) else [tree.K]
        for kid in kids:
            kid.S = Name.Part
            del kid.P
            self._parts.append(self._pdf.copy_foreign(kid))
        last = -1
        for key, held in NumberTree(tree.ParentTree).items():
            last = max(last, key)
            shared = isinstance(held, Array)
            self._marked += [
                key + self._keys,
                Array(_copied(self._pdf, one) for one in held) if shared else _copied(self._pdf, held),
            ]
        for part in self._parts[-len(kids) :]:
            self._names += _named(part)
        self._roles |= dict(tree.get(Name.RoleMap, {}).items())
        self._keys += last + 1

    def bytes(self) -> bytes:
        """The file. It has no date, and its id follows from its content."""
        pdf, root = self._pdf, self._pdf.Root
        if self._tagged:
            root.StructTreeRoot = self._structure()
            root.MarkInfo = Dictionary(Marked=True)
        root.Lang = pikepdf.String("ja-JP")
        root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
        pdf.docinfo[Name.Title] = pikepdf.String(self._title)
        with pdf.open_outline() as outline:
            outline.root.extend(OutlineItem(text, page - 1) for text, page in self._bookmarks)
        out = io.BytesIO()
        pdf.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return out.getvalue()

    def _structure(self) -> Any:
        """The structure of all parts under one document."""
        pdf = self._pdf
        tree = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot))
        whole = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.Document, P=tree))
        for part in self._parts:
            part.P = whole
        whole.K = Array(self._parts)
        tree.K = Array([whole])
        tree.ParentTree = pdf.make_indirect(Dictionary(Nums=Array(self._marked)))
        tree.ParentTreeNextKey = self._keys
        tree.RoleMap = Dictionary(self._roles)
        if self._names:
            pairs = sorted(self._names, key=lambda pair: pair[0])
            names = Array(x for name, element in pairs for x in (pikepdf.String(name), element))
            limits = Array([pikepdf.String(pairs[0][0]), pikepdf.String(pairs[-1][0])])
            tree.IDTree = pdf.make_indirect(Dictionary(Kids=Array([Dictionary(Names=names, Limits=limits)])))
        return tree


def _starts(source: Pdf) -> Iterator[int]:
    """The pages, from 0, the bookmarks of the first level lead to."""
    places = {page.obj.objgen: n for n, page in enumerate(source.pages)}
    if Name.Outlines not in source.Root:
        return
    item = source.Root.Outlines.get(Name.First)
    while item is not None:
        yield places[item.Dest[0].objgen]
        item = item.get(Name.Next)


def _copied(pdf: Pdf, thing: Any) -> Any:
    return pdf.copy_foreign(thing) if thing.is_indirect else thing


def _named(part: Any) -> list[tuple[str, Any]]:
    """The elements of a part that have an id."""
    found, waiting = [], [part]
    while waiting:
        element = waiting.pop()
        if Name.ID in element:
            found.append((str(element.ID), element))
        kids = element.get(Name.K, ())
        for kid in kids if isinstance(kids, Array) else [kids]:
            if isinstance(kid, Dictionary) and kid.get(Name.Type) == Name.StructElem:
                waiting.append(kid)
    return found
