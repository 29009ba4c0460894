"""Lines of text that holds HTML (HTMLの断片): breaks where the markup says so, and none of the text lost."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

BULLET = "・"
_OWN_MARK = re.compile(
    r"[・･•●○◯◎◆◇■□▪▫▶▷►➢▲△▼▽★☆※‣◦⇒→]|[-–—*](?=\s)|[\u2460-\u24ff\u2776-\u2793]"
    r"|[(（]?(?:[0-9０-９]{1,3}|[ivxⅰ-ⅿ]{1,4}|[ア-ン])[)）]|(?:[0-9０-９]{1,3}|[ア-ン])[.．、](?![0-9０-９])"
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\x00-\x08\x0e-\x1f\x7f]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_SPACES = re.compile(r"[ \t\r\n\f\xa0]+")

_BLOCKS = (
    "p|div|ul|ol|li|br|h1|h2|h3|h4|h5|h6|dl|dt|dd|section|article|header|footer|main|aside|nav|blockquote|pre|hr|"
    "center|table|caption|thead|tbody|tfoot|tr|td|th|figure|figcaption|form|fieldset|address|details|summary"
)
_INLINE = (
    "span|b|i|u|s|strong|em|font|a|sup|sub|small|big|mark|code|del|ins|strike|ruby|rb|rt|rp|img|tt|kbd|label|wbr|"
    "nobr|col|colgroup|input"
)
_TAG = re.compile(
    rf"<!--.*?-->|<(?P<end>/?)(?:(?P<block>{_BLOCKS})|{_INLINE})(?:\s[^<>]*)?/?>", re.IGNORECASE | re.DOTALL
)
_BLOCK = re.compile(f"{_BLOCKS}|html|body")


@dataclass(frozen=True)
class Line:
    """A line of text, and the mark it has as an item of a list (箇条書き)."""

    text: str
    mark: str = ""

    @property
    def whole(self) -> str:
        """The mark and the text, as they are seen; a bullet gives way to a mark that the text itself begins with."""
        if self.mark == BULLET and begins_with_mark(self.text):
            return self.text
        gap = " " if len(self.mark) > 1 else ""
        return f"{self.mark}{gap}{self.text}"


@dataclass
class Lines:
    """Lines being put together, for any walk through marked-up text."""

    done: list[Line] = field(default_factory=list)
    _held: list[str] = field(default_factory=list)
    _mark: str = ""
    _lists: list[int | None] = field(default_factory=list)

    def add(self, text: str) -> None:
        """More text on the present line."""
        self._held.append(text)

    def end(self) -> None:
        """The present line ends."""
        text = _SPACES.sub(" ", visible("".join(self._held))).strip()
        self._held = []
        if text:
            self.done.append(item(text, self._mark))
            self._mark = ""

    def open(self, name: str) -> None:
        """A block begins."""
        self.end()
        if name in ("ul", "ol"):
            self._lists.append(0 if name == "ol" else None)
        elif name == "li":
            self._mark = self._next_mark()

    def close(self, name: str) -> None:
        """A block ends."""
        self.end()
        if name in ("ul", "ol") and self._lists:
            self._lists.pop()
        if name == "li":
            self._mark = ""

    def _next_mark(self) -> str:
        count = self._lists[-1] if self._lists else None
        if count is None:
            return BULLET
        self._lists[-1] = count + 1
        return f"{count + 1}."


def item(text: str, mark: str) -> Line:
    """A line with this mark, which a text that itself begins with ・ does not repeat."""
    if mark == BULLET and text[0] in "・･•" and len(text) > 1:
        return Line(text[1:].lstrip(), BULLET)
    return Line(text, mark)


def begins_with_mark(text: str) -> bool:
    """Whether the text begins with a bullet or number of its own: 「・」「①」「(1)」「ア.」, but not 「98.3%」."""
    return bool(_OWN_MARK.match(text))


def visible(text: str) -> str:
    """The text without characters that have no width."""
    return _INVISIBLE.sub("", text)


def unescaped(text: str) -> str:
    """The text with its entities (文字参照) resolved; an ampersand that begins none stays."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text)


def has_tags(text: str) -> bool:
    """Whether the text holds a tag of HTML. 「<数値目標>」 and 「A<B」 are none."""
    return bool(_TAG.search(text))


def is_block(name: str) -> bool:
    """Whether an element of this name stands on lines of its own."""
    return bool(_BLOCK.fullmatch(name))


def lines(text: str) -> list[Line]:
    """The lines of a fragment of HTML, or of plain text. Blank lines are left out."""
    if not has_tags(text):
        plain = visible(unescaped(text)).strip()
        return [Line(plain)] if plain else []
    found, at = Lines(), 0
    for tag in _TAG.finditer(text):
        found.add(unescaped(text[at : tag.start()]))
        at = tag.end()
        if tag["block"]:
            (found.close if tag["end"] else found.open)(tag["block"].lower())
    found.add(unescaped(text[at:]))
    found.end()
    return found.done


def only_tags(text: str) -> str:
    """The text with every sign < that begins no known tag escaped, for a parser that would take it for one."""
    return re.sub(r"<", lambda found: "<" if _TAG.match(text, found.start()) else "&lt;", text)
