"""XML of Word files by local names (XMLの読取り): the strict and the usual form differ only in their namespaces."""

from __future__ import annotations

from collections.abc import Iterator

import lxml.etree
from lxml.etree import _Element as Element


def parsed(text: bytes) -> Element:
    """The root of an XML part. Entities are not resolved. Raises lxml.etree.XMLSyntaxError when it is damaged."""
    parser = lxml.etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True, huge_tree=False
    )
    return lxml.etree.fromstring(text, parser)


def name(element: Element) -> str:
    """The local name of an element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element, wanted: str) -> str:
    """The attribute with this local name, blank when it has none."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == wanted:
            return str(value)
    return ""


def children(element: Element | None, *wanted: str) -> Iterator[Element]:
    """The children with one of these local names."""
    return (child for child in element if name(child) in wanted) if element is not None else iter(())


def child(element: Element | None, *path: str) -> Element | None:
    """The first child at this path of local names."""
    for step in path:
        element = next(children(element, step), None)
    return element


def value(element: Element | None, *path: str) -> str:
    """The attribute val of the child at this path, blank when there is none."""
    found = child(element, *path)
    return "" if found is None else attribute(found, "val")


def on(element: Element | None, *path: str) -> bool:
    """Whether the child at this path is there and not switched off."""
    found = child(element, *path)
    return found is not None and attribute(found, "val").lower() not in ("0", "false", "off", "none")
