"""Forms (入力): made from a content model, and those by which a case is worked."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.forms.utils import flatatt
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kenpo.base.era import parse_date, to_wareki
from kenpo.base.errors import ArgumentError
from kenpo.frame.cases.engine import MAX_TEXT
from kenpo.frame.content import ContentField, Input, fields_of

NO_NAMES = "履歴に残り、後から消せません。氏名・住所・記号番号は書かないでください。"


class Select(forms.Select):
    """A choice out of a list (選択), written out at once: the names of all staff are part of many pages, and Django renders a
    template for each.
    """

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The list with what is chosen."""
        made = self.get_context(name, value, attrs)["widget"]
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            (
                (one["value"], SafeString(" selected") if one["selected"] else "", one["label"])
                for _, group, _ in made["optgroups"]
                for one in group
            ),
        )
        return format_html('<select name="{}"{}>{}</select>', name, flatatt(made["attrs"]), options)


class DayField(forms.Field):
    """A day as people write it, in 和暦 or 西暦: 令和8年5月1日, R8.5.1, 2026-05-01."""

    widget = forms.TextInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs |= {"placeholder": "令和8年5月1日、R8.5.1、2026-05-01", "autocomplete": "off"}

    def prepare_value(self, value: Any) -> Any:
        """A day in 和暦; what was typed as it was typed."""
        if isinstance(value, date):
            return to_wareki(value)
        try:
            return to_wareki(date.fromisoformat(value)) if isinstance(value, str) and value else value
        except (ValueError, ArgumentError):
            return value

    def to_python(self, value: Any) -> date | None:
        """The day. Raises ValidationError with what to write."""
        if value in self.empty_values or isinstance(value, date):
            return value or None
        try:
            found = parse_date(str(value))
            to_wareki(found)
        except ArgumentError as error:
            raise forms.ValidationError(f"日付として読めません。{error.todo}") from None
        return found


def sequence_of(text: str) -> int:
    """The sequence of a case that a page was sent with. Raises PermissionDenied for what no page holds."""
    if re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise PermissionDenied
    return int(text)


def _ascii(value: Any) -> Any:
    """A number as people type it, with full-width digits and commas, as one that can be read."""
    return unicodedata.normalize("NFKC", value).replace(",", "").strip() if isinstance(value, str) else value


class NumberField(forms.IntegerField):
    """A whole number; 12,300 and １２３００ are read too."""

    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})

    def to_python(self, value: Any) -> int | None:
        """The number."""
        return super().to_python(_ascii(value))


class DecimalField(forms.DecimalField):
    """A decimal number; full-width digits and commas are read too."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        """The number."""
        return super().to_python(_ascii(value))


class YesNoField(forms.TypedChoiceField):
    """はい or いいえ; 未選択 where nothing need be said."""

    def __init__(self, **kwargs: Any) -> None:
        unsaid = () if kwargs["required"] else (("", "未選択"),)
        super().__init__(
            choices=(*unsaid, ("true", "はい"), ("false", "いいえ")),
            coerce=lambda value: value == "true",
            empty_value=None,
            widget=forms.RadioSelect,
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """The choice of a truth."""
        return str(value).lower() if isinstance(value, bool) else value


_FEW = 5
"""So many choices are shown all at once."""


def _field(field: ContentField) -> forms.Field:
    more: dict[str, Any] = {"label": field.title, "help_text": field.help, "required": field.required}
    match field.input:
        case Input.TEXT:
            return forms.CharField(
                widget=forms.Textarea(attrs={"rows": 5}), strip=True, max_length=MAX_TEXT, **more
            )
        case Input.NUMBER:
            return NumberField(**more)
        case Input.DECIMAL:
            return DecimalField(**more)
        case Input.DAY:
            return DayField(**more)
        case Input.YES_NO:
            return YesNoField(**more)
        case Input.CHOICE:
            few = len(field.choices) <= _FEW
            unsaid = (
                () if few and field.required else (("", "選んでください" if field.required else "未選択"),)
            )
            return forms.ChoiceField(
                choices=(*unsaid, *field.choices), widget=forms.RadioSelect if few else Select, **more
            )
        case _:
            return forms.CharField(max_length=MAX_TEXT, **more)


class ContentForm(forms.Form):
    """A form for a content model: what is asked for is checked by the model itself.

    content: what it begins with; what the form does not ask for is kept. folds: fields that need not be given are folded away.
    """

    def __init__(
        self,
        model: type[BaseModel],
        data: Any = None,
        *,
        content: Mapping[str, Any] | None = None,
        prefix: str | None = None,
        folds: bool = False,
    ) -> None:
        self.model, self._folds = model, folds
        self.asked = tuple(f for f in fields_of(model) if f.input != Input.MADE)
        self._kept = {k: v for k, v in (content or {}).items() if k in model.model_fields}
        initial = {f.name: self._kept.get(f.name, _plain(f.default)) for f in self.asked}
        super().__init__(data, prefix=prefix, initial=initial)
        self.fields |= {f.name: _field(f) for f in self.asked}
        self.content: BaseModel | None = None

    def clean(self) -> dict[str, Any]:
        """Read what was given as the model, and say in Japanese what does not fit."""
        given = self.cleaned_data
        if self.errors:
            return given
        asked = {f.name for f in self.asked}
        whole = {k: v for k, v in self._kept.items() if k not in asked}
        for field in self.asked:
            value = given.get(field.name)
            if value in (None, "") and not field.required:
                whole[field.name] = field.default
            else:
                whole[field.name] = value
        try:
            self.content = self.model.model_validate(whole)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                name = str(fault["loc"][0]) if fault["loc"] else None
                self.add_error(name if name in asked else None, _said(fault))
        return given

    @property
    def needed(self) -> list[forms.BoundField]:
        """The fields that are shown at once."""
        return [f for f in self if f.field.required or not self._folds]

    @property
    def others(self) -> list[forms.BoundField]:
        """The fields that are folded away."""
        return [f for f in self if not f.field.required and self._folds]

    @property
    def others_open(self) -> bool:
        """Whether something stands in a folded field, or is wrong with it."""
        return any(f.errors or f.value() not in (None, "", False) for f in self.others)


def _plain(value: Any) -> Any:
    """A default as a form shows it."""
    return getattr(value, "value", value)


_SAID = {
    "missing": "入力してください。",
    "greater_than_equal": "{ge} 以上にしてください。",
    "greater_than": "{gt} より大きくしてください。",
    "less_than_equal": "{le} 以下にしてください。",
    "less_than": "{lt} より小さくしてください。",
    "string_too_short": "{min_length} 字以上で入力してください。",
    "string_too_long": "{max_length} 字以内で入力してください。",
    "string_pattern_mismatch": "決められた形になっていません。",
    "multiple_of": "{multiple_of} の倍数にしてください。",
    "decimal_max_places": "小数は {decimal_places} 桁までにしてください。",
}


def _said(fault: ErrorDetails) -> str:
    """A fault of a content in Japanese: as the room says it, or by its kind."""
    context = fault.get("ctx", {})
    if fault["type"] == "value_error":
        return str(context.get("error", ""))
    return _SAID.get(fault["type"], "この項目の値は使えません。").format(**context)


def content_of(case_content: str) -> dict[str, Any]:
    """The content of a case as a form begins with it."""
    return json.loads(case_content)


def given(request: HttpRequest) -> QueryDict | None:
    """What was sent with a form, None when the page is only looked at: an empty form that was sent is still one that was sent."""
    return request.POST if request.method == "POST" else None


# ---- working a case ----------------------------------------------------------------------------------------------


def _reason(label: str, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=MAX_TEXT, widget=forms.Textarea(attrs={"rows": 3}), help_text=NO_NAMES, **more
    )


class MoveForm(forms.Form):
    """What goes with a move: why, and since when."""

    reason = _reason("理由・メモ", required=False)
    on = DayField(label="日付", required=False, help_text="空けておくと今日です。今日より後にはできません。")


class CommentForm(forms.Form):
    """A comment."""

    text = _reason("コメント")


class UndoForm(forms.Form):
    """Why the last move is taken back."""

    reason = _reason("取り消す理由")


class WithdrawForm(forms.Form):
    """Why a file is withdrawn."""

    reason = _reason("取り下げる理由")


class AssignForm(forms.Form):
    """Who is to work on a case."""

    to = forms.ChoiceField(label="担当者", widget=Select)

    def __init__(self, data: Any = None, *, staff: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["to"].choices = [("", "選んでください"), *staff]  # type: ignore[attr-defined]


class FileForm(forms.Form):
    """A file to add."""

    file = forms.FileField(
        label="ファイル", help_text="PDF、画像、Word・Excel・PowerPoint、テキスト。10MBまで。"
    )


class OpeningForm(forms.Form):
    """What goes with opening a case by hand, beside its content."""

    received_on = DayField(label="受付日", help_text="期限はこの日から数えます。")
    key = forms.CharField(
        label="受付番号",
        required=False,
        max_length=60,
        help_text="ほかの台帳の番号があれば入れます。空けておくと、受付日と通し番号で付けます。",
    )

    claim = forms.BooleanField(label="このまま自分が担当する", required=False)

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, initial={"claim": True, "received_on": timezone.localdate()}, **kwargs)
        self.fields["received_on"].widget.attrs["class"] = "number"
