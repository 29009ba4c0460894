"""Queues (案件の一覧): which cases of a kind are shown, in which order, and which comes next. Every order has its index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

import django_filters
from django import forms
from django.db.models import F, IntegerField, Q, QuerySet, Value
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from kenpo.base.business import add_business_days
from kenpo.frame.casekind import CaseKind, Clock
from kenpo.frame.cases import Case, case_id
from kenpo.office.acting import on_duty
from kenpo.office.forms import Select
from kenpo.office.models import CaseRow, LetterRow

PAGE = 50
"""Cases on a page."""

MOST = 10_000
"""Cases that are counted and paged through; beyond, conditions narrow the list down."""

SOON = 3
"""Business days within which a case is due soon (まもなく期限)."""

DUE = {
    "late": "過ぎたもの",
    "today": "今日",
    "soon": f"{SOON}営業日以内",
    "later": f"{SOON}営業日より後",
    "waiting": "止まっているもの",
}
SORTS = {"priority": "優先順位", "due": "期限", "received": "受付日"}
_COLUMNS = {"priority": "priority", "due": "due", "received": "received_on"}
_MINE, _NOBODY = "me", "none"


class Search(django_filters.CharFilter):
    """Cases by what people have at hand: 案件番号 or its beginning, 文書番号, the key they were opened under, the subject's id."""

    def filter(self, qs: QuerySet[CaseRow], value: str) -> QuerySet[CaseRow]:
        """The cases that bear a number."""
        text = (value or "").strip()
        if not text:
            return qs
        kind: CaseKind = self.parent.kind  # type: ignore[attr-defined]
        ids = {case_id(kind, on_duty().branch, text)}
        ids |= set(
            LetterRow.objects.filter(branch=on_duty().branch, number=text).values_list("case", flat=True)
        )
        found = Q(id__in=ids) | Q(subject=text)
        begun = re.sub(r"[-\s]", "", text).lower()
        if re.fullmatch(r"[0-9a-f]{6,32}", begun):
            found |= Q(id__gte=begun, id__lte=begun + "g")
        return qs.filter(found)


class QueueFilter(django_filters.FilterSet):
    """The conditions of a queue (絞り込み)."""

    q = Search(label="番号で探す")
    state = django_filters.ChoiceFilter(label="状態", empty_label="すべて", widget=Select)
    owner = django_filters.ChoiceFilter(label="担当", empty_label="すべて", method="of_owner", widget=Select)
    due = django_filters.ChoiceFilter(
        label="期限", empty_label="すべて", choices=tuple(DUE.items()), method="of_due", widget=Select
    )
    returned = django_filters.BooleanFilter(
        label="宛所不明", widget=forms.CheckboxInput, method="only_returned"
    )
    letters = django_filters.BooleanFilter(
        label="通知待ち", widget=forms.CheckboxInput, method="only_letters"
    )
    ended = django_filters.BooleanFilter(
        label="終了したものを含む", widget=forms.CheckboxInput, method="with_ended"
    )

    class Meta:
        model = CaseRow
        fields = ()

    def __init__(self, data: QueryDict, kind: CaseKind, staff: Sequence[tuple[str, str]]) -> None:
        self.kind = kind
        super().__init__(data, CaseRow.objects.filter(branch=on_duty().branch, kind=kind.id))
        self.form.fields["state"].choices = [("", "すべて"), *((s.id, s.title) for s in kind.states)]  # type: ignore[attr-defined]
        self.form.fields["owner"].choices = [  # type: ignore[attr-defined]
            ("", "すべて"), (_MINE, "自分"), (_NOBODY, "担当なし"), *staff,
        ]  # fmt: skip
        self.form.fields["q"].widget.attrs["placeholder"] = "案件番号・文書番号"

    def of_owner(self, qs: QuerySet[CaseRow], name: str, value: str) -> QuerySet[CaseRow]:
        """The cases of a person, of oneself, or of nobody."""
        if value == _NOBODY:
            return qs.filter(owner=None)
        return qs.filter(owner=on_duty().actor.id if value == _MINE else value)

    def of_due(self, qs: QuerySet[CaseRow], name: str, value: str) -> QuerySet[CaseRow]:
        """The cases by how far their deadline is."""
        today = timezone.localdate()
        soon = add_business_days(today, SOON)
        return qs.filter(
            **{
                "late": {"due__lt": today},
                "today": {"due": today},
                "soon": {"due__gte": today, "due__lte": soon},
                "later": {"due__gt": soon},
                "waiting": {"waiting": True},
            }[value]
        )

    def only_returned(self, qs: QuerySet[CaseRow], name: str, value: bool) -> QuerySet[CaseRow]:
        """Those whose last letter came back."""
        return qs.filter(returned=True) if value else qs

    def only_letters(self, qs: QuerySet[CaseRow], name: str, value: bool) -> QuerySet[CaseRow]:
        """Those with letters that are to be sent."""
        return qs.exclude(letters_due=[]) if value else qs

    def with_ended(self, qs: QuerySet[CaseRow], name: str, value: bool) -> QuerySet[CaseRow]:
        """Open cases alone, unless the ended ones are wanted, or one is looked for by number or by the state it ended in."""
        given = self.form.cleaned_data
        ended = {s.id for s in self.kind.states if s.clock == Clock.ENDED}
        if value or given.get("q") or given.get("state") in ended:
            return qs
        return qs.filter(ended_on=None)

    def words(self) -> list[str]:
        """The conditions that are set, in words."""
        self.form.full_clean()
        said = []
        for name, field in self.form.fields.items():
            value = self.form.cleaned_data.get(name)
            if not value:
                continue
            if isinstance(field, forms.ChoiceField):
                said.append(f"{field.label} {dict(field.choices).get(value, value)}")  # type: ignore[arg-type]
            else:
                said.append(field.label if value is True else f"{field.label} {value}")
        return [str(one) for one in said]


@dataclass(frozen=True)
class Order:
    """The order of a queue: by one of SORTS, up or down; what is empty comes last going up and first going down."""

    sort: str
    down: bool = False

    @property
    def column(self) -> str:
        """The column it goes by."""
        return _COLUMNS[self.sort]

    def of(self, rows: QuerySet[CaseRow]) -> QuerySet[CaseRow]:
        """Rows in this order."""
        if self.column == "received_on":
            return rows.order_by("-received_on", "-id") if self.down else rows.order_by("received_on", "id")
        f = F(self.column)
        if self.down:
            return rows.order_by(f.desc(nulls_first=True), F("id").desc())
        return rows.order_by(f.asc(nulls_last=True), F("id").asc())

    def after(self, rows: QuerySet[CaseRow], value: Any, id: str) -> Any:
        """The id of the first row after a place in this order, whether or not that place is among the rows."""
        column, further = self.column, "lt" if self.down else "gt"
        same = self.of(rows.filter(**{column: value}, **{f"id__{further}": id}))
        if value is not None:
            beyond = [self.of(rows.filter(**{f"{column}__{further}": value}))]
            if not self.down and column != "received_on":
                beyond.append(self.of(rows.filter(**{column: None})))
        else:
            beyond = [self.of(rows.exclude(**{column: None}))] if self.down else []
        first, *rest = (
            part.annotate(part=Value(place, IntegerField())).values("id", "part")[:1]
            for place, part in enumerate([same, *beyond])
        )
        return first.union(*rest, all=True).order_by("part") if rest else first


@dataclass(frozen=True)
class Queue:
    """A queue as someone looks at it: its kind, conditions, order, and the query of its address without page and case."""

    kind: CaseKind
    filter: QueueFilter
    order: Order
    query: str

    @property
    def rows(self) -> QuerySet[CaseRow]:
        """The cases in their order."""
        return self.order.of(self.filter.qs)

    def count(self) -> int:
        """How many there are, up to one more than MOST."""
        return self.filter.qs.values("id")[: MOST + 1].count()

    def page(self, start: int) -> list[CaseRow]:
        """The rows of a page. Which they are is read from the index alone, so that none are fetched to be passed over."""
        ids = list(self.rows.values_list("id", flat=True)[start : start + PAGE])
        return list(self.order.of(CaseRow.objects.filter(id__in=ids)).defer("content", "origin"))

    def next(self, case: Case) -> str | None:
        """The next case after one that somebody may take up: not one that a colleague works on, unless it is theirs that
        are listed.
        """
        rows = self.filter.qs
        if not self.filter.form.cleaned_data.get("owner"):
            rows = rows.filter(Q(owner=None) | Q(owner=on_duty().actor.id))
        value: int | date | None = getattr(case, self.order.column)
        found = self.order.after(rows, value, case.id).first()
        return found["id"] if found else None


def queue_of(kind: CaseKind, data: QueryDict, staff: Sequence[tuple[str, str]]) -> Queue:
    """The queue of an address's query. staff: those who may own cases, number and name."""
    kept = data.copy()
    for name in ("page", "case"):
        kept.pop(name, None)
    for name in [n for n in kept if not kept.get(n)]:
        kept.pop(name)
    sort = data.get("sort", "")
    order = (
        Order(sort.removeprefix("-"), sort.startswith("-"))
        if sort.removeprefix("-") in SORTS
        else Order("priority")
    )
    return Queue(kind, QueueFilter(kept, kind, staff), order, kept.urlencode())


def address(case: str, listed: str | None = None) -> str:
    """The address of a case's page. listed: the query of the queue it is chosen in."""
    here = reverse("case", args=[case])
    return here if listed is None else f"{here}?{urlencode({'list': listed})}"


def beside_address(kind: CaseKind, listed: str, case: str = "") -> str:
    """The address of a queue with a case beside it."""
    query = "&".join(part for part in (listed, f"case={case}" if case else "") if part)
    return f"{reverse('queue', args=[kind.id])}{f'?{query}' if query else ''}"
