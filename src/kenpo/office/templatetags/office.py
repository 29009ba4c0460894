"""Template tags of the office (画面の部品): dates, amounts, deadlines, icons, sorting, pages, documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django import template
from django.core.paginator import Page
from django.forms import BoundField, CheckboxInput
from django.http import QueryDict
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kenpo.base import era, text
from kenpo.base.business import business_days_between
from kenpo.base.document import Cell, Chart, Document, Heading, Paragraph, Table
from kenpo.base.money import format_yen
from kenpo.press.drawing import NARROW, WIDTH
from kenpo.press.layout import judges, marked, parts, solid

if TYPE_CHECKING:
    from kenpo.office import lists

register = template.Library()

NOTHING = "－"
"""What stands where there is no value."""

SOON = 3
"""A deadline this many business days ahead or nearer is marked."""

# ---- dates -------------------------------------------------------------------------------------------------------


@register.filter
def wareki(value: date | datetime | None, style: era.Style = "long") -> str:
    """A day in 和暦: 令和7年4月1日, or R7.4.1 with "short"; － without a day."""
    return era.to_wareki(_day(value), style) if value else NOTHING


@register.filter
def wareki_month(value: date | None, style: era.Style = "long") -> str:
    """A month in 和暦: 令和7年4月, or R7.4 with "short"; － without one."""
    return era.to_wareki_month(value, style) if value else NOTHING


@register.filter
def wareki_time(value: datetime | None, style: era.Style = "long") -> str:
    """A moment in 和暦 in the office's time: 令和7年4月1日 9:05."""
    if not value:
        return NOTHING
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    return f"{era.to_wareki(local.date(), style)} {local.hour}:{local.minute:02}"


def _day(value: date | datetime) -> date:
    if isinstance(value, datetime):
        return (timezone.localtime(value) if timezone.is_aware(value) else value).date()
    return value


# ---- deadlines ---------------------------------------------------------------------------------------------------


@register.filter
def remaining(due: date | None, today: date | None = None) -> str:
    """How far a deadline is, in business days: あと3営業日, 本日まで, 2営業日超過; blank without one.

    Between the last business day and a deadline on a closed day it reads 本日まで; after a deadline whose next
    business day has not come, 期限超過. today: None for the present day.
    """
    if due is None:
        return ""
    now = today or timezone.localdate()
    if due >= now:
        left = business_days_between(now, due)
        return f"あと{left}営業日" if left else "本日まで"
    over = business_days_between(due, now)
    return f"{over}営業日超過" if over else "期限超過"


@register.filter
def due_kind(due: date | None, today: date | None = None) -> str:
    """The kind of badge a deadline takes: late when over, warn from SOON business days before, else neutral."""
    if due is None:
        return "neutral"
    now = today or timezone.localdate()
    if due < now:
        return "late"
    return "warn" if business_days_between(now, due) <= SOON else "neutral"


@register.simple_tag
def due(day: date | None, today: date | None = None) -> SafeString:
    """The deadline with its distance, as a badge when it is near or over: R7.4.10 あと3営業日."""
    return _due(day, today or timezone.localdate())


@lru_cache(maxsize=1024)
def _due(day: date | None, today: date) -> SafeString:
    said, kind = remaining(day, today), due_kind(day, today)
    if kind != "neutral":
        beside = badge(said, kind)
    else:
        beside = format_html('<span class="soft small">{}</span>', said) if said else ""
    marked = '<span class="due"><time datetime="{}">{}</time>{}{}</span>'
    return format_html(
        marked, day.isoformat() if day else "", wareki(day, "short"), " " if beside else "", beside
    )


# ---- amounts -----------------------------------------------------------------------------------------------------


@register.filter
def yen(value: int | None) -> str:
    """An amount: 12,300円; － without one."""
    return NOTHING if value is None or value == "" else format_yen(int(value))


@register.filter
def number(value: int | Decimal | float | None) -> str:
    """A number with commas, its decimals as they are: 12,345.6; － without one."""
    return NOTHING if value is None or value == "" else f"{value:,}"


@register.filter
def exact(value: Decimal | None) -> str:
    """A sum with the digits that say something: 1,234.5 of 1234.5000000; － without one."""
    return NOTHING if value is None else text.number(value)


@register.filter
def late_words(count: int) -> str:
    """How many are over their deadline: 遅れ 2件."""
    return f"遅れ {count:,}件"


# ---- icons, kinds ------------------------------------------------------------------------------------------------


@register.simple_tag
def icon(*names: str, kind: str = "") -> SafeString:
    """An icon of the sprite, the first name given; hidden from screen readers, its meaning must stand beside it."""
    name = next(filter(None, names), "")
    turning = "running" if name == "running" else ""
    return _drawn(_ICONS.get(name, name), "".join(f" {k}" for k in (kind, turning) if k))


@register.simple_tag
def badge(text: Any, kind: str = "", icon: str = "") -> SafeString:
    """A state in a word or two (印): its kind gives colour and icon, unless an icon is named."""
    return _badge(str(text), kind or "", icon or "")


@lru_cache(maxsize=1024)
def _badge(text: str, kind: str, named: str) -> SafeString:
    drawn = icon(named, kind)
    return format_html('<span class="badge {}">{}{}</span>', kind or "neutral", drawn, text)


@lru_cache(maxsize=512)
def _drawn(name: str, kinds: str) -> SafeString:
    drawn = '<svg class="icon{}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>'
    return SafeString(format_html(drawn, kinds, static("office/icons.svg"), name))


_ICONS = {"ok": "check", "": "neutral", "done": "check"}
_KINDS = {"success": "ok", "error": "late", "warning": "warn", "info": "info", "debug": "neutral"}
_KIND_WORDS = {"ok": "完了：", "late": "エラー：", "warn": "注意：", "info": "お知らせ："}
_STEPS = {
    "done": ("ok", "check", "済み"),
    "current": ("info", "current", "いまここ"),
    "waiting": ("neutral", "waiting", "これから"),
    "returned": ("warn", "returned", "差し戻し"),
}


@register.filter
def kind(level: str) -> str:
    """The kind of a message of Django's levels."""
    return _KINDS.get(level, "neutral")


@register.filter
def kind_word(name: str) -> str:
    """What a message of a kind begins with for those who do not see its colour and icon."""
    return _KIND_WORDS.get(name, "")


@register.filter
def step_kind(state: str) -> str:
    """The kind of a step of a chain: done, current, waiting, returned."""
    return _STEPS[state][0]


@register.filter
def step_icon(state: str) -> str:
    """The icon of a step of a chain."""
    return _STEPS[state][1]


@register.filter
def step_word(state: str) -> str:
    """The state of a step in words."""
    return _STEPS[state][2]


# ---- forms -------------------------------------------------------------------------------------------------------


@register.filter
def is_check(field: BoundField) -> bool:
    """Whether a field is one box to tick, whose label stands behind it."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def first_id(field: BoundField) -> str:
    """The id a link of the summary of errors leads to: that of the field, or of its first choice."""
    return field.id_for_label or f"{field.auto_id}_0"


# ---- lists -------------------------------------------------------------------------------------------------------


@register.filter
def item(mapping: Mapping[Any, Any], key: Any) -> Any:
    """What a mapping holds under a key; None without it."""
    return mapping.get(key)


@register.filter
def triples(items: Iterable[tuple[Any, ...]] | Mapping[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Facts as (term, value, note), from pairs, triples or a mapping."""
    for item in items.items() if isinstance(items, Mapping) else items:
        yield item[0], item[1], item[2] if len(item) > 2 else ""


@register.inclusion_tag("office/parts/sort_heading.html", takes_context=True)
def sort_heading(
    context: template.Context, key: str, title: str, *, numeric: bool = False, parameter: str = "sort"
) -> dict[str, Any]:
    """A heading that sorts by a key: ?sort=key, then ?sort=-key; the page begins anew."""
    query = context["request"].GET
    now = query.get(parameter, "")
    up = now == key
    return _heading(
        title,
        "ascending" if up else "descending" if now == f"-{key}" else "none",
        _link(query, {parameter: f"-{key}" if up else key, "page": None}),
        "number" if numeric else "",
    )


@register.inclusion_tag("office/parts/sort_heading.html")
def list_heading(listed: lists.Page, key: str) -> dict[str, Any]:
    """The heading of a column of a list (`kenpo.office.lists`), which sorts where the list is long enough for it."""
    column = listed.columns[key]
    sorts = listed.tools and bool(column.by)
    up = listed.sort == key
    found = _heading(
        column.title,
        "ascending" if up else "descending" if listed.sort == f"-{key}" else "none",
        _link(listed.query, {"sort": f"-{key}" if up else key}) + listed.anchor if sorts else "",
        "number" if column.numeric else "",
    )
    return found | {"stacks": True}


@register.inclusion_tag("office/parts/sort_heading.html", takes_context=True)
def column_heading(context: template.Context, table: Any, column: Any) -> dict[str, Any]:
    """A heading that sorts, of a table of django-tables2."""
    alias = column.order_by_alias
    direction = "none" if not column.is_ordered else "descending" if alias.is_descending else "ascending"
    changes = {table.prefixed_order_by_field: alias.next, table.prefixed_page_field: None}
    found = _heading(
        column.header, direction, _link(context["request"].GET, changes), column.attrs["th"].get("class", "")
    )
    return found | {"stacks": getattr(table, "stacks", False)}


def _heading(title: str, direction: str, url: str, classes: str) -> dict[str, Any]:
    return {
        "title": title,
        "direction": direction,
        "url": url,
        "classes": classes,
        "mark": "sort" if direction == "none" else direction,
        "said": _SORTED[direction],
    }


_SORTED = {"none": "で並べ替える", "ascending": "（昇順。押すと降順）", "descending": "（降順。押すと昇順）"}


@register.inclusion_tag("office/parts/pager.html", takes_context=True)
def pager(context: template.Context, page: Page, parameter: str = "page") -> dict[str, Any]:
    """The pager of a page of Django's Paginator. A list paged by key includes office/parts/pager.html itself."""
    query = context["request"].GET
    paginator: Any = page.paginator

    def link(n: int) -> str:
        return _link(query, {parameter: n})

    numbers = [
        {"number": n, "url": link(n) if isinstance(n, int) else "", "current": n == page.number}
        for n in paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
    ]
    return {
        "first": page.start_index(),
        "last": page.end_index(),
        "count": paginator.count,
        "previous_url": link(page.previous_page_number()) if page.has_previous() else "",
        "next_url": link(page.next_page_number()) if page.has_next() else "",
        "numbers": numbers if paginator.num_pages > 1 else [],
    }


def _link(query: QueryDict, changes: Mapping[str, Any]) -> str:
    changed = query.copy()
    for key, value in changes.items():
        if value is None:
            changed.pop(key, None)
        else:
            changed[key] = str(value)
    return f"?{changed.urlencode()}"


# ---- charts ------------------------------------------------------------------------------------------------------


@register.simple_tag
def chart(url: str, words: str, height: int) -> SafeString:
    """A chart drawn for wide screens and, with ?narrow=1, for phones, where its text stays as large (図).

    words: what it shows, for those who do not see it. height: that of both.
    """
    drawn = (
        '<picture><source media="(max-width: 34rem)" srcset="{}&amp;narrow=1" width="{}" height="{}">'
        '<img src="{}" alt="{}" width="{}" height="{}" loading="lazy"></picture>'
    )
    return format_html(drawn, url, NARROW, height, url, words, WIDTH, height)


# ---- documents ---------------------------------------------------------------------------------------------------


@register.filter
def document_parts(document: Document) -> list[list[dict[str, Any]]]:
    """A document for office/parts/document.html: its parts, each a list of blocks; charts are counted from 1."""
    charts = 0
    found: list[list[dict[str, Any]]] = []
    for part in parts(document):
        blocks: list[dict[str, Any]] = []
        for listed, group in groupby(part.blocks, lambda b: isinstance(b, Paragraph) and bool(b.mark)):
            if listed:
                lines = [(b.mark, b.text) for b in group if isinstance(b, Paragraph)]
                blocks.append({"kind": "list", "lines": lines})
                continue
            for block in group:
                charts += isinstance(block, Chart)
                blocks.append(_block(block, charts))
        found.append(blocks)
    return found


def _block(block: Any, charts: int) -> dict[str, Any]:
    match block:
        case Heading(text, level):
            return {"kind": "heading", "text": text, "level": min(max(level, 1), 4) + 1}
        case Paragraph():
            return {"kind": "paragraph", "text": marked(block), "small": block.small}
        case Chart():
            height = round(640 * block.height)
            return {
                "kind": "chart",
                "number": charts,
                "title": block.title,
                "words": block.words,
                "height": height,
            }
        case Table():
            rows = [
                [_cell(c, y < block.heads, x == 0) for x, c in enumerate(row) if not c.continued]
                for y, row in enumerate(block.rows)
            ]
            return {
                "kind": "table",
                "caption": block.caption,
                "head": rows[: block.heads],
                "body": rows[block.heads :],
            }
    raise AssertionError("a part holds no page breaks")


_TONES = {"good": "good", "warn": "caution", "bad": "bad", "head": "head", "muted": "dim", "": ""}


def _cell(cell: Cell, head: bool, first: bool) -> dict[str, Any]:
    if head:
        tag, scope = "th", "colgroup" if cell.columns > 1 else "col"
    elif first and cell.tone == "head":
        tag, scope = "th", "rowgroup" if cell.rows > 1 else "row"
    else:
        tag, scope = "td", ""
    lines = [
        {"text": line, "kind": "mark" if judges(cell, line) else "solid" if solid(line) else ""}
        for line in cell.lines
    ]
    classes = " ".join(x for x in (cell.align if cell.align != "left" else "", _TONES[cell.tone]) if x)
    return {
        "tag": tag,
        "scope": scope,
        "rows": cell.rows,
        "columns": cell.columns,
        "classes": classes,
        "lines": lines,
    }
