"""What a document's text alone does not give back (読み戻しの補い): found when it is written, put in when it is read.

A text may look like something it is not: a line of a 施策 that begins with (1), a 取組 that says ■ KPI. So a document is
read once before it is written. Each part of the plan that would not come back as it is goes into a table of its own: the
place in the plan file, a mark of what was read there, and the content. When the document is read, the content takes the
place of what was read. Where a person has changed the text since, the mark differs and the changed text stands.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from kenpo.plan.model import Plan, Progress, Review

COLUMNS = ("補う箇所", "本文の印", "補う内容")

_Held = TypeVar("_Held", Plan, Progress)
_WHOLE = {Plan: "計画", Progress: "進捗"}
_BESIDE = frozenset({"where", "review", "events", "board"})
"""What no document holds: places in files, doubts of the reader, freezes and the board at a freeze."""
_UNSAFE = re.compile("[^\\S ]|  +|[\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LONGEST = 1_500
_CHANGED = "文書の本文が書き出した後に直されています。この箇所が正しく読み取れているか確かめてください。"


def missing(held: _Held, read: _Held | None) -> Iterator[Sequence[str]]:
    """Rows of what a plan or progress holds and its document did not give back; read: what it gave."""
    wanted = _data(held)
    for path, value, found in _differences(wanted, _data(read) if read else {}, ()):
        place = ".".join([_WHOLE[type(held)], *(str(step) for step in path)])
        text = _json(value)
        for begin in range(0, len(text), _LONGEST):
            yield place, _mark(found), _unbroken(text[begin : begin + _LONGEST])


def filled(read: _Held, rows: Sequence[tuple[str, str, str]]) -> _Held:
    """What was read with the content of these rows put in; a part changed since the writing stays, to be reviewed."""
    contents: dict[str, tuple[str, str]] = {}
    for place, mark, text in rows:
        contents[place] = (mark, contents.get(place, ("", ""))[1] + text)
    was, now = _data(read), read.model_dump()
    changed = []
    for place, (mark, text) in contents.items():
        whole, *path = place.split(".")
        if whole != _WHOLE[type(read)]:
            continue
        if mark == _mark(_at(was, path)):
            _put(now, path, json.loads(text))
        else:
            changed.append(Review(what=_CHANGED, passage=place))
    made = type(read).model_validate(now)
    return made.model_copy(update={"review": (*made.review, *changed)}) if changed else made


def _data(held: Plan | Progress) -> Any:
    return _without(held.model_dump(mode="json"))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in _BESIDE}
    return [_without(v) for v in value] if isinstance(value, list) else value


def _differences(
    wanted: Any, found: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    """The smallest parts that differ: their place, as they should be, as they were found."""
    if wanted == found:
        return
    if isinstance(wanted, dict) and isinstance(found, dict) and wanted.keys() == found.keys():
        for key in wanted:
            yield from _differences(wanted[key], found[key], (*path, key))
    elif (
        isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found) and _parts(wanted)
    ):
        for n, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(one, other, (*path, n))
    else:
        yield path, wanted, found


def _parts(values: list[Any]) -> bool:
    return all(isinstance(v, dict) for v in values)


def _at(data: Any, path: Sequence[str]) -> Any:
    for step in path:
        try:
            data = data[int(step) if isinstance(data, list | tuple) else step]
        except (LookupError, TypeError, ValueError):
            return None
    return data


def _put(data: Any, path: Sequence[str], value: Any) -> None:
    *ahead, last = path
    for n, step in enumerate(ahead):
        inner = _at(data, [step])
        if isinstance(inner, tuple):
            inner = list(inner)
            _set(data, step, inner)
        assert inner is not None, path[: n + 1]
        data = inner
    _set(data, last, value)


def _set(data: Any, step: str, value: Any) -> None:
    data[int(step) if isinstance(data, list) else step] = value


def _json(value: Any) -> str:
    """Data as text in which every blank and every sign that a file may not hold is written as its number."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(_numbered, text)


def _numbered(match: re.Match[str]) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in match[0])


def _unbroken(text: str) -> str:
    """A piece of a text that keeps its blanks at both ends."""
    return re.sub(r"^ | $", _numbered, text)


def _mark(value: Any) -> str:
    """A short mark of what was read; the forms write blanks and line ends in their own ways, so these do not count."""
    text = re.sub(r"\\[nrt]|\s", "", json.dumps(value, ensure_ascii=False))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]
