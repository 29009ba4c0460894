"""Outline (見出しの読み取り): pillars and numbered 施策, nested as a document nests them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from kenpo.plan.model import Activity, Goal, Initiative, Kpi, Pillar, Planned, Review, Weight
from kenpo.plan.sentences import kpis_in
from kenpo.plan.vocabulary import plain

_PILLARS = (
    ("基盤的保険者機能関係", re.compile(r"基盤的保険者機能")),
    ("戦略的保険者機能関係", re.compile(r"戦略的保険者機能")),
    ("組織・運営体制関係", re.compile(r"組織[・]?(運営)?体制")),
)
_PILLAR = re.compile(
    r"^[【<\[■◆●]?(?P<number>[(]?(?:第?[1-3]|I{1,3})[)）.、]?(?:の?柱[:：]?)?)?"
    r"(?P<title>(?:保険者機能の強化を支える)?(?:基盤的保険者機能|戦略的保険者機能|組織・?(?:運営)?体制等?)"
    r"(?:の?(?:確実な|更なる|一層の)?(?:盤石化|発揮|強化|整備|充実|実施))?(?:関係|に関する取り?組み?|分野)?)(?:[(][^()]{1,30}[)])?[】>\]]?$"
)
_SCHEME = re.compile(
    r"^[【<■◆●]?(?:[(]?第?[\dIVX]{1,3}[)）.．、章]?)?(?P<scheme>船員保険|健康保険)(?:事業)?(?:の?関係|事業計画)?[】>]?$"
)
_STYLES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("circled", re.compile(r"^[①-⑳㉑-㉟]")),
    ("roman", re.compile(r"^(?:[ⅰ-ⅻ]|[ivx]{1,4}|[ｉｖｘ]{1,4})[)）.．]")),
    ("upper", re.compile(r"^(?:[Ⅰ-Ⅻ]|[IVX]{1,4}|[ＩＶＸ]{1,4})[)）.．]")),
    ("paren", re.compile(r"^[(（][0-9０-９]{1,2}[)）]")),
    ("half", re.compile(r"^[0-9０-９]{1,2}[)）]")),
    ("dot", re.compile(r"^[0-9０-９]{1,2}[.．](?![0-9０-９])")),
    ("kana", re.compile(r"^[ア-ン][)）.．]")),
    ("circle", re.compile(r"^[○〇](?=\S)")),
)
_LONGEST = 70
_ENDS_LIKE_TEXT = re.compile(r"(。|とする|する|ます|した|である|以上|以下|こと|[:：])[\s　]*$")


@dataclass
class InitiativeDraft:
    """A 施策 while it is read."""

    number: str
    title: str
    style: str
    parent: InitiativeDraft | None = None
    text: list[str] = field(default_factory=list)
    issues: list[str] = field(default_factory=list)
    weights: dict[str, Weight] = field(default_factory=dict)
    owner: str = ""
    activities: list[Activity] = field(default_factory=list)
    kpis: list[Kpi] = field(default_factory=list)
    planned: dict[str, Planned] = field(default_factory=dict)
    children: list[InitiativeDraft] = field(default_factory=list)

    def done(self) -> Initiative:
        """The 施策 as part of a plan."""
        return Initiative(
            number=self.number,
            title=self.title,
            text=tuple(self.text),
            importance=self.weights.get("重要度"),
            difficulty=self.weights.get("困難度"),
            issues=tuple(self.issues),
            owner=self.owner,
            activities=tuple(self.activities),
            kpis=tuple(self.kpis),
            children=tuple(c.done() for c in self.children),
        )


@dataclass
class PillarDraft:
    """A pillar while it is read."""

    number: str
    title: str
    scheme: str = ""
    text: list[str] = field(default_factory=list)
    kpis: list[Kpi] = field(default_factory=list)
    initiatives: list[InitiativeDraft] = field(default_factory=list)

    def done(self) -> Pillar:
        """The pillar as part of a plan."""
        return Pillar(
            number=self.number,
            title=self.title,
            text=tuple(self.text),
            kpis=tuple(self.kpis),
            initiatives=tuple(i.done() for i in self.initiatives),
        )


@dataclass(frozen=True)
class Numbered:
    """A line that begins with a number of some style: ① サービス水準の向上."""

    style: str
    number: str
    title: str


def pillar_in(line: str) -> tuple[str, str] | None:
    """Number and title when a line is the heading of a pillar."""
    match = _PILLAR.match(plain(line))
    return (match["number"] or "", match["title"]) if match else None


def scheme_in(line: str) -> str | None:
    """The insurance whose part of the plan a line heads: 船員保険, blank for 健康保険; None when it heads none."""
    match = _SCHEME.match(plain(line))
    return ("船員保険" if match["scheme"] == "船員保険" else "") if match else None


def numbered_line(line: str) -> Numbered | None:
    """The number a line begins with, or None."""
    text = line.strip()
    for style, pattern in _STYLES:
        if match := pattern.match(text):
            return Numbered(style, match.group(0), text[match.end() :].strip())
    return None


def heading_in(line: str, *, styled: bool = False) -> Numbered | None:
    """The 施策 heading a line is, or None. styled: the document marks the line as a heading, so ○ or no number will do."""
    text = line.strip()
    found = numbered_line(text)
    if found is None:
        return Numbered("plain", "", text) if styled and text else None
    if found.style == "circle" and not styled:
        return None
    if not found.title or len(found.title) > _LONGEST:
        return None
    if not styled and _ENDS_LIKE_TEXT.search(found.title):
        return None
    if any(
        s.term is not None and s.target is not None and s.target.kind != "done" for s in kpis_in(found.title)
    ):
        return None
    return found


def alike(a: str, b: str) -> bool:
    """Whether two headings are the same but for slips of writing."""
    x, y = plain(a), plain(b)
    return x == y or SequenceMatcher(None, x, y).ratio() > 0.6


def number_of(number: str) -> int:
    """The count a number such as ①, (1) or 1) stands for; 0 for one without digits."""
    return int(re.sub(r"[^0-9]", "", plain(number)) or "0")


def _bare(number: str) -> str:
    return re.sub(r"[().]", "", plain(number))


@dataclass
class Outline:
    """The pillars and 施策 of one plan while it is read, and where in them the reader stands."""

    pillars: list[PillarDraft] = field(default_factory=list)
    pillar: PillarDraft | None = None
    path: list[InitiativeDraft] = field(default_factory=list)
    scheme: str = ""
    goals: list[Goal] = field(default_factory=list)
    review: list[Review] = field(default_factory=list)

    @property
    def current(self) -> InitiativeDraft | None:
        """The 施策 the reader stands in."""
        return self.path[-1] if self.path else None

    def enter_pillar(self, number: str, title: str) -> None:
        """Stand in a pillar; one met again is the same."""
        kind = next((n for n, (_, p) in enumerate(_PILLARS) if p.search(plain(title))), None)
        for known in self.pillars:
            same = kind is not None and _PILLARS[kind][1].search(plain(known.title))
            if same and known.scheme == self.scheme:
                known.number = known.number or number
                self.pillar, self.path = known, []
                return
        if self.scheme:
            number, title = "", f"{title}（{self.scheme}）"
        self.pillar, self.path = PillarDraft(number, title, self.scheme), []
        self.pillars.append(self.pillar)

    def enter_scheme(self, scheme: str) -> None:
        """Stand in the part of a plan that is of another insurance (船員保険), or again in that of 健康保険 (blank)."""
        if scheme != self.scheme:
            self.scheme, self.pillar, self.path = scheme, None, []

    def enter(self, heading: Numbered) -> InitiativeDraft:
        """Stand in the 施策 of a heading: beside those of its style, or within the present one when the style is new."""
        if self.pillar is None:
            self.enter_pillar("", "（柱の見出しなし）")
        assert self.pillar is not None
        at = next((n for n, draft in enumerate(self.path) if draft.style == heading.style), len(self.path))
        kept = self.path[:at]
        within = kept[-1].children if kept else self.pillar.initiatives
        found = next(
            (
                d
                for d in within
                if d.style == heading.style and d.number == heading.number and alike(d.title, heading.title)
            ),
            None,
        )
        if found is None:
            found = InitiativeDraft(heading.number, heading.title, heading.style, kept[-1] if kept else None)
            within.append(found)
        self.path = [*kept, found]
        return found

    def leave(self, style: str) -> None:
        """Step out of the present 施策 when it is of this style and within another."""
        if len(self.path) > 1 and self.path[-1].style == style:
            self.path = self.path[:-1]

    def stand(self, draft: InitiativeDraft) -> None:
        """Stand in a 施策 met before."""
        path = [draft]
        while path[0].parent is not None:
            path.insert(0, path[0].parent)
        self.path = path

    def find(self, number: str, title: str) -> InitiativeDraft | None:
        """A 施策 of the present pillar by number (blank: any) and title, at any depth."""

        def walk(drafts: list[InitiativeDraft]) -> InitiativeDraft | None:
            for draft in drafts:
                if (not number or _bare(draft.number) == _bare(number)) and alike(draft.title, title):
                    return draft
                if inner := walk(draft.children):
                    return inner
            return None

        return walk(self.pillar.initiatives) if self.pillar else None

    def key(self, draft: InitiativeDraft) -> str:
        """The key of a 施策 as progress files name it."""
        path = [draft]
        while path[0].parent is not None:
            path.insert(0, path[0].parent)
        pillar = next(p for p in self.pillars if path[0] in p.initiatives)
        number = re.sub(r"[.．()（）、\s]", "", pillar.number) or pillar.title
        return "/".join([number, *(d.number if d.number not in ("", "○", "〇") else d.title for d in path)])
