"""Content (案件の内容): what a content model says of itself — which fields, how a form asks for them, how they are shown.

A content model is a frozen pydantic model without extra fields. Each field has a Japanese `title`; long text says
`json_schema_extra={"multiline": True}`; what is chosen is a StrEnum whose members have a Japanese `label`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum, StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kenpo.base.document import Document, table
from kenpo.base.era import to_wareki


class Input(StrEnum):
    """How a form asks for a field (入力の形): a line, long text, whole number, decimal, day, yes or no, one of some; MADE for
    what no form asks for, since it is made from the lake.
    """

    LINE = "line"
    TEXT = "text"
    NUMBER = "number"
    DECIMAL = "decimal"
    DAY = "day"
    YES_NO = "yes_no"
    CHOICE = "choice"
    MADE = "made"


_INPUTS = {bool: Input.YES_NO, int: Input.NUMBER, Decimal: Input.DECIMAL, date: Input.DAY, str: Input.LINE}


@dataclass(frozen=True)
class ContentField:
    """A field of a content model. help: what to write, in Japanese, or blank. required: must be given; else default holds.
    choices: the value and label of each, in their order.
    """

    name: str
    title: str
    help: str
    input: Input
    required: bool
    default: Any
    choices: tuple[tuple[str, str], ...] = ()


def fields_of(model: type[BaseModel]) -> tuple[ContentField, ...]:
    """The fields of a content model in their order, as a form asks for them."""
    return tuple(_field(name, field) for name, field in model.model_fields.items())


def _field(name: str, field: FieldInfo) -> ContentField:
    input, choices = _input(field)
    return ContentField(
        name,
        field.title or name,
        field.description or "",
        input,
        field.is_required(),
        None if field.is_required() else field.get_default(call_default_factory=True),
        choices,
    )


def _input(field: FieldInfo) -> tuple[Input, tuple[tuple[str, str], ...]]:
    alone = [t for t in _members(field.annotation) if t is not NoneType]
    kind = alone[0] if len(alone) == 1 else None
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return Input.CHOICE, tuple((one.value, label_of(one)) for one in kind)
    extra = field.json_schema_extra
    if kind is str and isinstance(extra, Mapping) and extra.get("multiline"):
        return Input.TEXT, ()
    return (_INPUTS.get(kind, Input.MADE) if isinstance(kind, type) else Input.MADE), ()


def label_of(value: Enum) -> str:
    """The Japanese label of a member of an enumeration, or blank when it has none."""
    label = getattr(value, "label", "")
    return label if isinstance(label, str) else ""


def shown(value: Any) -> str:
    """A value of a content as staff read it: 令和8年5月1日, 1,240, はい, the label of a choice; － for nothing."""
    match value:
        case None | "" | ():
            return "－"
        case bool():
            return "はい" if value else "いいえ"
        case Enum():
            return label_of(value) or str(value.value)
        case date():
            return to_wareki(value)
        case int():
            return f"{value:,}"
        case BaseModel():
            return "、".join(f"{title} {text}" for title, text in lines_of(value))
        case tuple():
            return "\n".join(shown(one) for one in value)
        case _:
            return str(value)


def lines_of(content: BaseModel) -> tuple[tuple[str, str], ...]:
    """The title and text of every field of a content, in their order."""
    fields = type(content).model_fields
    return tuple((field.title or name, shown(getattr(content, name))) for name, field in fields.items())


def plain_page(title: str, content: BaseModel) -> Document:
    """The fields of a content as a document of one table."""
    return Document(title, (table(("項目", "内容"), lines_of(content), widths=(1, 3)),))


# ---- checking a model --------------------------------------------------------------------------------------------


def faults_of(model: type[BaseModel], *, by_hand: bool = False) -> Iterator[str]:
    """What is wrong with a content model and those within it. by_hand: a form must be able to ask for every field."""
    if by_hand:
        made = [f.name for f in fields_of(model) if f.input == Input.MADE]
        if made:
            yield f"{', '.join(made)} cannot be asked for in a form, but cases are opened by hand"
    yield from _faults_within(model, set())


def _faults_within(model: type[BaseModel], seen: set[type]) -> Iterator[str]:
    seen.add(model)
    if not model.model_config.get("frozen") or model.model_config.get("extra") != "forbid":
        yield f"{model.__name__} must be frozen and forbid extra fields: ConfigDict(frozen=True, extra='forbid')"
    untitled = [name for name, field in model.model_fields.items() if not field.title]
    if untitled:
        yield f"{', '.join(untitled)} of {model.__name__} must have a Japanese title: Field(title=…)"
    for name, field in model.model_fields.items():
        for leaf in _leaves(field.annotation):
            if leaf is float:
                yield f"{name} must be int or Decimal, never float"
            elif not isinstance(leaf, type):
                yield f"{name} must be a StrEnum with labels or a plain type, not {leaf}"
            elif issubclass(leaf, Enum) and not (issubclass(leaf, StrEnum) and all(map(label_of, leaf))):
                yield f"{name}: {leaf.__name__} must be a StrEnum whose members have a Japanese label"
            elif issubclass(leaf, BaseModel) and leaf not in seen:
                yield from _faults_within(leaf, seen)


def _members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


_HOLDERS = (tuple, list, set, frozenset, dict, Mapping)


def _leaves(annotation: Any) -> Iterator[Any]:
    """The types at the ends of an annotation: of tuple[int | None, ...] int and None."""
    for member in _members(annotation):
        if get_origin(member) in _HOLDERS:
            for part in get_args(member):
                if part is not Ellipsis:
                    yield from _leaves(part)
        else:
            yield member
