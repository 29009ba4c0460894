"""Letter (通知文書): what a 施策 sends, to whom, on what ground; who receives it, who sends it, and under which number.

A letter is declared once in a 施策. Names and addresses are handed in by whoever opened them and are kept nowhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from kenpo.base.branches import Branch, branch
from kenpo.base.era import to_wareki
from kenpo.base.errors import ArgumentError
from kenpo.base.text import normalise_symbol
from kenpo.press.letters import LONG_3, From, Post, Printed, Template, Window, print_letters

To = Literal["member", "workplace", "institution"]

HONORIFICS: dict[To, str] = {"member": "様", "workplace": "御中", "institution": "御中"}
"""What stands after the name (敬称)."""

_NAME_LINES, _ADDRESS_LINES = 4, 5
_TOKEN_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Recipient:
    """Who a letter is for (あて先), as the caller read it from where identities are kept; not shown by repr.

    names: one to four lines (for a workplace its name, then the person or department). postal_code: seven digits, with or
    without hyphen and in any width, or "" when it is not known. address: one to five lines. Raises ArgumentError, which
    never quotes what was given.
    """

    names: tuple[str, ...] = field(repr=False)
    postal_code: str = field(repr=False)
    address: tuple[str, ...] = field(repr=False)

    def __post_init__(self) -> None:
        for what, lines, most in (
            ("あて名", self.names, _NAME_LINES),
            ("住所", self.address, _ADDRESS_LINES),
        ):
            if isinstance(lines, str) or not any(line.strip() for line in lines):
                raise ArgumentError(f"{what}がありません。", todo=f"{what}を1行以上の並びで入れてください。")
            if len(lines) > most:
                raise ArgumentError(
                    f"{what}の行が多すぎます（{len(lines)}行）。", todo=f"{most}行までにしてください。"
                )
        object.__setattr__(self, "postal_code", _postal(self.postal_code))


def _postal(text: str) -> str:
    digits = normalise_symbol(text).replace("-", "").removeprefix("〒")
    if digits == "":
        return ""
    if len(digits) != 7 or not (digits.isascii() and digits.isdigit()):
        raise ArgumentError(
            "郵便番号が7桁の数字ではありません。",
            todo="「753-0001」のように入れるか、分からないときは空にしてください。",
        )
    return f"{digits[:3]}-{digits[3:]}"


@dataclass(frozen=True)
class Sender:
    """Who sends (差出人): a group of a branch. hours: when the telephone is answered; link: what a QR code says before the
    token. invented: these facts are made up (架空) and must not go out.
    """

    branch: Branch
    organisation: str
    group: str
    postal_code: str
    address: tuple[str, ...]
    phone: str
    hours: str
    link: str
    invented: bool


class _Place(BaseModel):
    model_config = ConfigDict(extra="forbid")

    postal_code: str
    address: tuple[str, ...]
    phone: str


class _Senders(BaseModel):
    model_config = ConfigDict(extra="forbid")

    invented: bool
    organisation: str
    hours: str
    link: str
    groups: dict[str, str]
    branches: dict[str, _Place]


@cache
def _senders() -> _Senders:
    text = (files("kenpo.frame") / "senders.yaml").read_text(encoding="utf-8")
    return _Senders.model_validate(yaml.safe_load(text))


def sender(code_or_name: str, group: str = "planning") -> Sender:
    """The sender of a branch and group: planning 企画総務, operations 業務, receipts レセプト or health 保健.

    Raises ArgumentError for a branch or group there is not.
    """
    facts, of = _senders(), branch(code_or_name)
    if group not in facts.groups:
        said = "、".join(f"{key}（{name}）" for key, name in facts.groups.items())
        raise ArgumentError(
            f"「{group}」というグループはありません。", todo=f"次のどれかを指定してください：{said}"
        )
    place = facts.branches[of.code]
    return Sender(
        of,
        facts.organisation,
        facts.groups[group],
        _postal(place.postal_code),
        place.address,
        place.phone,
        facts.hours,
        facts.link,
        facts.invented,
    )


@dataclass(frozen=True)
class Numbered:
    """What tells a letter apart: 文書番号, the day it bears, and the token its QR code carries (受付番号)."""

    number: str
    day: date
    token: str


def new_token() -> str:
    """A token nobody can guess and that says nothing: 16 digits and capitals (80 bits) without I, L, O and U."""
    return "".join(secrets.choice(_TOKEN_SIGNS) for _ in range(16))


@dataclass(frozen=True)
class Letter:
    """A letter, declared once by a 施策.

    id: stable English id. title: the heading it bears. template: a typst file that defines `letter(it, post)`. content:
    the typed content it prints. to: who it goes to. law: on what ground. version: raised whenever its words change, so
    that what went out can be told.
    """

    id: str
    title: str
    template: Traversable = field(repr=False)
    content: type[BaseModel]
    to: To
    law: str
    version: int = 1


@dataclass(frozen=True)
class Addressed:
    """One letter with everything it needs: who to, which number, what it says."""

    recipient: Recipient
    numbered: Numbered
    content: BaseModel = field(repr=False)


def addressed(letter: Letter, one: Addressed) -> Post:
    """A letter as the press takes it. Raises ArgumentError when the content is not the letter's."""
    if not isinstance(one.content, letter.content):
        raise ArgumentError(
            f"「{letter.title}」に載せる内容ではありません（{type(one.content).__name__}）。",
            where=f"文書番号 {one.numbered.number}",
            todo=f"{letter.content.__name__} を渡してください。",
        )
    return Post(
        number=one.numbered.number,
        date=to_wareki(one.numbered.day),
        token=one.numbered.token,
        postal_code=one.recipient.postal_code,
        address=one.recipient.address,
        names=one.recipient.names,
        honorific=HONORIFICS[letter.to],
        content=one.content.model_dump(mode="json"),
    )


def content_of(letter: Letter, data: Any) -> BaseModel:
    """The typed content from what was stored as JSON, for a reprint; what the content reckons itself may stand in it or not.

    Raises ArgumentError that names the fields at fault.
    """
    try:
        return letter.content.model_validate(data, extra="ignore")
    except ValidationError as error:
        fields = dict.fromkeys(".".join(map(str, e["loc"])) or "全体" for e in error.errors())
        raise ArgumentError(
            f"「{letter.title}」の内容に、足りないか形の違う項目があります：{'、'.join(fields)}",
            todo="内容を作り直してください。",
        ) from None


def issue(
    letter: Letter,
    sender: Sender,
    letters: Sequence[Addressed],
    *,
    sheet: bool = True,
    duplex: bool = False,
    tagged: bool = True,
    window: Window = LONG_3,
) -> Printed:
    """Print a run: one PDF, where each letter stands in it, and characters the font does not have.

    The same letters from the same sender give the same bytes. Options and errors as of kenpo.press.letters.print_letters.
    """
    template = Template(letter.title, letter.template.read_text(encoding="utf-8"))
    posts = [addressed(letter, one) for one in letters]
    return print_letters(
        template, posts, sent_by(sender), sheet=sheet, duplex=duplex, tagged=tagged, window=window
    )


def sent_by(sender: Sender) -> From:
    """The sender as the press takes it."""
    return From(
        organisation=sender.organisation,
        name=sender.branch.name,
        group=sender.group,
        postal_code=sender.postal_code,
        address=sender.address,
        phone=sender.phone,
        hours=sender.hours,
        link=sender.link,
    )
