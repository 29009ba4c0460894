"""Figures (指標): every measure with its newest value, and all there is to one of them.

Figures of branches and the nation are open to all staff; parts below the branch are shown of the own branch, with small
numbers suppressed. The values are printed as everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.http import urlencode

from kenpo.base.branches import NATION_CODE, branch_or_nation
from kenpo.base.era import to_wareki, to_wareki_month
from kenpo.base.errors import ParameterError
from kenpo.base.fiscal import add_months
from kenpo.base.text import NOTHING, number
from kenpo.catalogue import INITIATIVES, MEASURES
from kenpo.frame import Measure
from kenpo.frame.casekind import Group
from kenpo.frame.parts import FINEST, axis_title
from kenpo.frame.suppression import threshold_of
from kenpo.law.loader import Parameter, load
from kenpo.office import audit, exports, figures
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.figures import Book, Figure, Only, Part, Parts, Records
from kenpo.office.views.effects import leading
from kenpo.press.drawing import NARROW, WIDTH

_PILLARS = {
    "foundation": "基盤的保険者機能",
    "strategy": "戦略的保険者機能",
    "organisation": "組織・運営体制",
}
_BETTER = {"higher": "高いほどよい", "lower": "低いほどよい", "": "高低だけでは良し悪しを言えない"}
_FORMS = {"percent": "分子 ÷ 分母 × 100", "mean": "分子 ÷ 分母", "count": "数（分母はない）"}
_YES_NO = {"True": "はい", "False": "いいえ"}
_SURE = {"H": "確定", "M": "おおむね確か", "L": "公表されていないため既定値"}


# ---- all measures ------------------------------------------------------------------------------------------------


@page(*STAFF)
def listed(request: HttpRequest) -> HttpResponse:
    """Every measure of the catalogue by 施策, with the newest figure of the branch and the nation."""
    branch = on_duty().branch
    groups = [
        {
            "title": initiative.title,
            "pillar": _PILLARS[initiative.pillar],
            "rows": [_line(figures.book(m), branch) for m in initiative.measures],
        }
        for initiative in INITIATIVES
        if initiative.measures
    ]
    context = {"groups": groups, "name": figures.name_of(branch), "nation": branch == NATION_CODE}
    context["files"] = [
        (title, reverse("figures_export", args=[form])) for form, title in reversed(exports.FORMS.items())
    ]
    return render(request, "office/figures.html", context)


def _line(held: Book, branch: str) -> dict[str, Any]:
    measure = held.measure
    month = held.newest(branch) or held.newest(NATION_CODE)
    own, nation = (held.of(place, month) if month else None for place in (branch, NATION_CODE))
    place, ranked = _place(held, branch, month) if month else (None, 0)
    return {
        "measure": measure,
        "month": month,
        "own": _said(measure, own),
        "nation": _said(measure, nation),
        "place": f"{place}位／{ranked}" if place else NOTHING,
        "error": held.error,
        "figures": (_rate(own), _rate(nation), place, ranked if place else None),
    }


def _rate(figure: Figure | None) -> Decimal | None:
    """A figure as a file holds it; nothing where nothing was looked at."""
    return figure.rate if figure is not None and figure.eligible else None


def _said(measure: Measure, figure: Figure | None) -> str:
    """A figure as it is printed; － where nothing was looked at."""
    return NOTHING if figure is None or not figure.eligible else measure.printed(figure.rate)


def _place(held: Book, branch: str, month: date) -> tuple[int | None, int]:
    """The place of a branch among those with a figure, and how many these are; none where it says nothing."""
    if held.measure.form == "count":
        return None, 0
    ranking = held.ranking(month)
    ranked = sum(place is not None for place, _ in ranking)
    place = next((p for p, f in ranking if f.branch == branch), None)
    return (place, ranked) if ranked > 1 else (None, ranked)


@page(*STAFF, recent=True)
def listed_file(request: HttpRequest, form: str) -> HttpResponse:
    """Every measure with its newest figure, as CSV or Excel."""
    branch = on_duty().branch
    name = figures.name_of(branch)

    def rows() -> Iterator[Mapping[str, Any]]:
        for initiative in INITIATIVES:
            for measure in initiative.measures:
                yield _line(figures.book(measure), branch) | {"initiative": initiative.title}

    columns = [
        exports.Column("施策", lambda r: r["initiative"], 30),
        exports.Column("指標", lambda r: r["measure"].title, 44),
        exports.Column("月", lambda r: f"{r['month']:%Y-%m}" if r["month"] else None, 10),
        exports.Column("単位", lambda r: r["measure"].unit, 10),
        exports.Column("全国", lambda r: r["figures"][1], 16),
        exports.Column("値がない理由", lambda r: r["error"].what if r["error"] else None, 40),
    ]
    if branch != NATION_CODE:
        columns[4:4] = [exports.Column(name, lambda r: r["figures"][0], 16)]
        columns[6:6] = [
            exports.Column("順位", lambda r: r["figures"][2], 8),
            exports.Column("順位のある支部", lambda r: r["figures"][3], 14),
        ]
    return exports.respond("指標", columns, rows, form, detail=f"指標の一覧（{name}）")


# ---- one measure -------------------------------------------------------------------------------------------------


class MonthForm(forms.Form):
    """The month that is looked at."""

    month = forms.ChoiceField(label="月")

    def __init__(self, *args: Any, months: Sequence[date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["month"].choices = [(f"{m:%Y-%m}", to_wareki_month(m)) for m in months]  # type: ignore[attr-defined]


def _asked(measure: str) -> Book:
    chosen = MEASURES.get(measure)
    if chosen is None:
        raise Http404
    return figures.book(chosen)


def _month(request: HttpRequest, held: Book) -> date | None:
    """The month asked for, or the newest. Raises Http404 for one without a figure."""
    branch = on_duty().branch
    months = held.counted(branch)
    asked = request.GET.get("month", "")
    if not asked:
        return held.newest(branch)
    found = next((m for m in months if f"{m:%Y-%m}" == asked), None)
    if found is None:
        raise Http404
    return found


def _axis(request: HttpRequest, held: Book) -> str:
    """The axis asked for, or that shown first; blank when the measure has none. Raises Http404 for one it does not have."""
    there = figures.axes(held.measure, on_duty().branch)
    asked = request.GET.get("by", "")
    if asked and asked not in there:
        raise Http404
    return asked or figures.first_axis(held.measure, on_duty().branch)


@page(*STAFF)
def figure(request: HttpRequest, measure: str) -> HttpResponse:
    """One measure: its figures over time and among the branches, its parts, its definition, and what a parameter does."""
    held = _asked(measure)
    of, branch = held.measure, on_duty().branch
    month = _month(request, held)
    initiative = next(i for i in INITIATIVES if of in i.measures)
    context: dict[str, Any] = {
        "measure": of,
        "held": held,
        "initiative": initiative,
        "name": figures.name_of(branch),
        "breadcrumb": [{"title": "指標", "url": reverse("figures")}, {"title": of.title, "url": ""}],
        "definition": _definition(of, held),
        "parameters": [_parameter(load(p), month) for p in of.parameters],
        "history": [_edition(one) for one in held.history],
        "forms": exports.FORMS,
        "effects": leading(of),
    }
    if month is not None:
        context |= _figures(request, held, branch, month)
    return render(request, "office/figure.html", context)


def _figures(request: HttpRequest, held: Book, branch: str, month: date) -> dict[str, Any]:
    of, by = held.measure, _axis(request, held)
    own = held.of(branch, month)
    assert own is not None
    asked = f"{month:%Y-%m}"
    place, ranked = _place(held, branch, month)
    return {
        "month": month,
        "asked": asked,
        "charts": {what: _picture(of, what, month) for what in ("trend", "rank")},
        "form": MonthForm({"month": asked}, months=held.counted(branch)[::-1]),
        "keep": {"by": by},
        "facts": _facts(held, branch, month, place, ranked),
        "months": [_month_row(held, branch, m) for m in reversed(held.counted(branch))],
        "trend_words": f"{of.title}の推移。{to_wareki_month(month)}は{_said(of, own)}。月ごとの値は下の表のとおり。",
        "ranking": _ranking(held, branch, month) if len(held.ranking(month)) > 1 else (),
        "rank_words": f"{of.title}の支部の順位。値は下の表のとおり。",
        "compares": branch != NATION_CODE,
        "excluded": _excluded(of, own),
        "records_url": f"{reverse('figure_records', args=[of.id])}?month={asked}"
        if on_duty().actor.first_of(TRACERS)
        else "",
        "counted": number(own.eligible - own.excluded),
        "eligible": number(own.eligible),
        "axes": [
            {
                "title": axis_title(of, a),
                "url": f"?{urlencode({'month': asked, 'by': a})}#parts",
                "current": a == by,
            }
            for a in figures.axes(of, branch)
        ],
        **(_parts(of, branch, month, by) if by else {}),
        **_trial(request, held, branch, month, by),
    }


def _facts(
    held: Book, branch: str, month: date, place: int | None, ranked: int
) -> list[tuple[str, str, str]]:
    of, own = held.measure, held.of(branch, month)
    assert own is not None
    sums = (
        ""
        if of.form == "count"
        else f"分子 {number(own.numerator)} ÷ 分母 {number(own.denominator)}（{of.quantity}）"
    )
    facts = [(f"{figures.name_of(branch)}の値", _said(of, own), sums)]
    if branch != NATION_CODE:
        nation = held.of(NATION_CODE, month)
        difference = "" if of.form == "count" else _difference(own, nation)
        facts.append(("全国", _said(of, nation), f"支部との差 {difference}" if difference else ""))
    for title, before in (("前月", add_months(month, -1)), ("前年同月", add_months(month, -12))):
        then = held.of(branch, before)
        moved = _difference(own, then)
        if then is not None and then.eligible:
            facts.append((title, _said(of, then), f"差 {moved}" if moved else ""))
    if place:
        facts.append(("支部の順位", f"{place}位", f"値のある{ranked}支部の中で"))
    return facts


def _difference(figure: Figure, other: Figure | None) -> str:
    """What a figure is more than another, with its sign; blank when either is not there."""
    if other is None or other.rate is None or figure.rate is None or not other.eligible:
        return ""
    return f"{figure.rate - other.rate:+,}"


def _month_row(held: Book, branch: str, month: date) -> dict[str, Any]:
    own, nation = held.of(branch, month), held.of(NATION_CODE, month)
    assert own is not None
    return {
        "month": month,
        "own": _said(held.measure, own),
        "numerator": number(own.numerator),
        "denominator": number(own.denominator),
        "nation": _said(held.measure, nation),
    }


def _ranking(held: Book, branch: str, month: date) -> list[dict[str, Any]]:
    of = held.measure
    return [
        {
            "place": place or NOTHING,
            "name": branch_or_nation(f.branch).short,
            "value": _said(of, f),
            "numerator": number(f.numerator),
            "denominator": number(f.denominator),
            "own": f.branch == branch,
        }
        for place, f in held.ranking(month)
    ]


def _excluded(of: Measure, own: Figure) -> list[tuple[str, str]]:
    return [(of.reasons.get(r, r), f"{number(n)}{of.counter}") for r, n in own.excluded_by.items() if n]


# ---- what is defined ---------------------------------------------------------------------------------------------


def _definition(of: Measure, held: Book) -> list[tuple[str, str, str]]:
    return [
        ("根拠", of.law, ""),
        ("なぜ大切か", of.why or NOTHING, ""),
        ("計算", _FORMS[of.form], of.quantity),
        ("単位と桁", of.unit or "なし（指数）", f"小数{of.precision}桁に四捨五入"),
        ("望ましい方向", _BETTER[of.better], ""),
        ("時期", "期間の値" if of.flow else "月末時点の値", ""),
        ("全国の値", "支部の合計から" if of.rollup == "sum" else "全国のデータから計算し直す", ""),
        ("除くもの", "、".join(of.reasons.values()) or "なし", ""),
        ("定義の版", held.definition or NOTHING, ""),
        ("データ締切", held.cutoff or NOTHING, "この時点のデータで計算しました" if held.cutoff else ""),
    ]


def _parameter(parameter: Parameter, month: date | None) -> dict[str, Any]:
    return {
        "parameter": parameter,
        "now": _value(parameter.at(month)) if month and parameter.covers(month) else NOTHING,
        "values": [(to_wareki(v.first_day), _value(v.value)) for v in reversed(parameter.values)],
        "sure": _SURE[parameter.confidence],
    }


def _value(value: Any) -> str:
    """A parameter's value for people."""
    if isinstance(value, bool):
        return "はい" if value else "いいえ"
    if isinstance(value, Mapping):
        return "、".join(f"{k} {_value(v)}" for k, v in value.items())
    if isinstance(value, tuple | list):
        return "、".join(_value(v) for v in value)
    return number(value)


def _edition(one: figures.Edition) -> dict[str, Any]:
    values = [
        f"{load(p).title}：{_YES_NO.get(said[-1][1], said[-1][1])}（{to_wareki(date.fromisoformat(said[-1][0]))}から）"
        for p, said in one.parameters.items()
        if said
    ]
    return {"edition": one, "values": values}


# ---- parts -------------------------------------------------------------------------------------------------------


def _parts(of: Measure, branch: str, month: date, by: str) -> dict[str, Any]:
    """What the section of parts needs: the parts, or that they are being worked out, or how to have that done."""
    found = figures.parts_of(of, branch, month, by)
    asked = urlencode({"month": f"{month:%Y-%m}", "by": by})
    address = f"{reverse('figure_parts', args=[of.id])}?{asked}"
    begun = found is None and figures.parts_begun(of, branch, month, by)
    return {
        "by": by,
        "axis": axis_title(of, by),
        "parts": None if found is None else _set_out(of, found, by, month),
        "threshold": threshold_of(month),
        "parts_address": address,
        "job": _job(
            "parts-job",
            f"{axis_title(of, by)}で分けています",
            "明細から数え、少数の値を伏せています。",
            address,
        )
        if begun
        else None,
    }


def _job(id: str, title: str, words: str, address: str) -> dict[str, Any]:
    """A computation on its way, for office/parts/progress.html."""
    return {
        "id": id,
        "title": title,
        "state": "計算中",
        "kind": "info",
        "icon": "running",
        "text": words,
        "url": address,
        "finished": False,
    }


def _picture(of: Measure, what: str, month: date) -> str:
    """The address of a chart, another one for another state of the lake, so that browsers may keep it."""
    asked = urlencode({"month": f"{month:%Y-%m}", "v": figures.stamp()})
    return f"{reverse('figure_chart', args=[of.id, what])}?{asked}"


def _set_out(of: Measure, found: Parts, by: str, month: date) -> dict[str, Any]:
    rows = found.rows[: figures.LISTED] if by in FINEST else found.rows
    return {
        "found": found,
        "chart": _picture(of, by, month),
        "words": f"{of.title}の{axis_title(of, by)}。値は下の表のとおり。",
        "fine": by in FINEST,
        "rows": [_part_row(of, part) for part in rows],
        "more": max(0, len(found.rows) - len(rows)),
        "listed": len(rows),
        "height": 60 + 24 * min(len(rows), figures.IN_CHART if by in FINEST else len(rows)),
    }


def _part_row(of: Measure, part: Part) -> dict[str, Any]:
    return {
        "value": part.value,
        "name": part.name,
        "suppressed": part.suppressed,
        "rate": "秘匿" if part.suppressed else of.printed(part.rate),
        "numerator": "秘匿" if part.suppressed else number(part.numerator),
        "denominator": "秘匿" if part.suppressed else number(part.denominator),
    }


@page(*STAFF)
def figure_parts(request: HttpRequest, measure: str) -> HttpResponse:
    """The section of parts alone: the table, or how its computation stands. POST has it worked out."""
    held = _asked(measure)
    branch, month, by = on_duty().branch, _month(request, held), _axis(request, held)
    if month is None or not by:
        raise Http404
    if request.method == "POST":
        if figures.parts_of(held.measure, branch, month, by) is None:
            figures.begin_parts(held.measure, branch, month, by)
        if not request.htmx:  # type: ignore[attr-defined]
            query = urlencode({"month": f"{month:%Y-%m}", "by": by})
            return redirect(f"{reverse('figure', args=[measure])}?{query}#parts")
    context = {"measure": held.measure, "asked": f"{month:%Y-%m}", "forms": exports.FORMS}
    return render(request, "office/figure_parts.html", context | _parts(held.measure, branch, month, by))


# ---- where a figure comes from -----------------------------------------------------------------------------------


TRACERS = tuple(r for r in STAFF if r.group in (Group.OPERATIONS, Group.RECEIPTS))
"""Those who work on single receipts and applications anyway, and so may see the units behind a figure. All others see sums and
parts, of which small ones are suppressed.
"""


@page(*TRACERS, reads=False, recent=True)
def figure_records(request: HttpRequest, measure: str) -> HttpResponse:
    """Where the figure of the branch comes from: the sums taken again, the files, and the units with file and line.

    POST has it worked out.
    """
    held, month, only = _records_asked(request, measure)
    of, branch = held.measure, on_duty().branch
    address = f"{reverse('figure_records', args=[of.id])}?{_records_query(month, only)}"
    found = figures.records_of(of, branch, month, only)
    if request.method == "POST":
        if found is None:
            figures.begin_records(of, branch, month, only)
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect(address)
    context: dict[str, Any] = {"measure": of, "month": month, "records_address": address}
    if found is None and figures.records_begun(of, branch, month, only):
        words = "明細を数え直し、元のファイルと行を調べています。"
        context["job"] = _job("records", "値の出所を調べています", words, address)
    if found is not None and not found.error:
        audit.record(audit.What.RECORDS_OPENED, detail=f"{of.title} {month:%Y-%m}")
        context |= _records_found(held, branch, month, only, found)
    context["found"] = found
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "office/figure_records_part.html", context)
    context["name"] = figures.name_of(branch)
    context["breadcrumb"] = [
        {"title": "指標", "url": reverse("figures")},
        {"title": of.title, "url": f"{reverse('figure', args=[of.id])}?month={month:%Y-%m}"},
        {"title": "値の出所", "url": ""},
    ]
    return render(request, "office/figure_records.html", context)


def _records_asked(request: HttpRequest, measure: str) -> tuple[Book, date, Only]:
    """What is asked for. Raises Http404 for what there is not."""
    held = _asked(measure)
    month = _month(request, held)
    only = Only(request.GET.get("file", "")[:128], request.GET.get("reason", ""))
    if month is None or only.reason not in ("", figures.COUNTED, *held.measure.reasons):
        raise Http404
    return held, month, only


def _records_query(month: date, only: Only, **changes: str) -> str:
    asked = {"month": f"{month:%Y-%m}", "file": only.file, "reason": only.reason} | changes
    return urlencode({k: v for k, v in asked.items() if v})


def _records_found(held: Book, branch: str, month: date, only: Only, found: Records) -> dict[str, Any]:
    of, kept = held.measure, held.of(branch, month)
    left_out = sum(found.excluded.values())
    reasons = [
        ("", "すべて", found.eligible),
        (figures.COUNTED, "数えたもの", found.eligible - left_out),
        *((r, of.reasons.get(r, r), n) for r, n in found.excluded.items()),
    ]
    same = not found.stale and kept is not None
    counts = of.form == "count"
    facts = [("明細から数え直した値", of.printed(found.rate), "保存されている値と同じです" if same else "")]
    if not counts:
        facts += [("分子", number(found.numerator), ""), ("分母", number(found.denominator), of.quantity)]
    facts.append(("対象", f"{number(found.eligible)}{of.counter}", ""))
    facts.append(("除外", f"{number(left_out)}{of.counter}", ""))
    sources = [
        {
            "source": s,
            "current": s.id == only.file,
            "url": f"?{_records_query(month, only, file='' if s.id == only.file else s.id)}#rows",
        }
        for s in found.sources
    ]
    asked_for = sum(s.units for s in found.sources if not only.file or s.id == only.file)
    return {
        "facts": facts,
        "sums": not counts,
        "top": "値" if counts else "分子",
        "stale": found.stale,
        "weights": found.weights,
        "sources": sources,
        "file": next((s.name for s in found.sources if s.id == only.file), ""),
        "reasons": [
            {
                "title": title,
                "count": n,
                "url": f"?{_records_query(month, only, reason=r)}#rows",
                "current": r == only.reason,
            }
            for r, title, n in reasons
        ],
        "rows": [(r, of.reasons.get(r.reason, r.reason)) for r in found.rows[:_ON_PAGE]],
        "more": len(found.rows) > _ON_PAGE,
        "capped": len(found.rows) == figures.RECORDS < asked_for,
        "on_page": _ON_PAGE,
        "most": figures.RECORDS,
        "forms": {
            form: (
                title,
                f"{reverse('figure_records_file', args=[of.id, form])}?{_records_query(month, only)}",
            )
            for form, title in exports.FORMS.items()
        },
        "command": f"kenpo explain {of.id} --branch {branch} --month {month:%Y-%m} --records",
    }


_ON_PAGE = 100


@page(*TRACERS, reads=False, recent=True)
def figure_records_file(request: HttpRequest, measure: str, form: str) -> HttpResponse:
    """The units behind a figure as a file."""
    held, month, only = _records_asked(request, measure)
    of, branch = held.measure, on_duty().branch
    found = figures.records_of(of, branch, month, only)
    if found is None or found.error:
        raise Http404
    columns = [
        exports.Column("ファイル", lambda r: r.file, 40),
        exports.Column("行", lambda r: r.line),
        exports.Column("レセプトID", lambda r: r.receipt, 22),
        *(
            [exports.Column(of.item_title, lambda r: r.item), exports.Column("名称", lambda r: r.label, 40)]
            if of.item
            else []
        ),
        exports.Column("除外理由", lambda r: of.reasons.get(r.reason, r.reason), 30),
        exports.Column("分母", lambda r: _number(r.denominator), 18),
        exports.Column("分子", lambda r: _number(r.numerator), 18),
    ]
    detail = f"{of.title}の明細 {month:%Y-%m}"
    return exports.respond(_file(held, branch, "明細"), columns, lambda: found.rows, form, detail=detail)


# ---- what a parameter does ---------------------------------------------------------------------------------------


class TrialForm(forms.Form):
    """Another value of a parameter, in fields that follow from the value that holds."""

    def __init__(self, *args: Any, parameter: Parameter, value: Any, **kwargs: Any) -> None:
        super().__init__(*args, prefix=parameter.id, **kwargs)
        self.parameter, self.now = parameter, value
        for name, label, one in self._places():
            self.fields[name] = _field(one, label)

    def _places(self) -> list[tuple[str, str, Any]]:
        if isinstance(self.now, Mapping):
            return [(key, key, one) for key, one in self.now.items()]
        return [
            (
                "value",
                "試す値" if isinstance(self.now, bool) else f"試す値（{self.parameter.unit}）",
                self.now,
            )
        ]

    @property
    def value(self) -> Any:
        """The value as the parameter holds it."""
        made = {name: _typed(self.cleaned_data[name], one) for name, _, one in self._places()}
        return made if isinstance(self.now, Mapping) else made["value"]


def _field(value: Any, label: str) -> forms.Field:
    if isinstance(value, bool):
        yes_no = [("true", "はい"), ("false", "いいえ")]
        return forms.ChoiceField(label=label, choices=yes_no, initial="true" if value else "false")
    if isinstance(value, int):
        return forms.IntegerField(label=label, initial=value, min_value=0, max_value=10**9)
    if isinstance(value, Decimal):
        return forms.DecimalField(label=label, initial=value, min_value=0, max_digits=14, decimal_places=4)
    return forms.CharField(
        label=label,
        initial="、".join(map(str, value)) if isinstance(value, tuple) else value,
        max_length=200,
        required=not isinstance(value, tuple),
        help_text="「、」で区切ります。" if isinstance(value, tuple) else "",
    )


def _typed(given: Any, value: Any) -> Any:
    if isinstance(value, bool):
        return given == "true"
    if isinstance(value, tuple):
        return tuple(v.strip() for v in given.split("、") if v.strip())
    return given


def _tried(value: Any) -> bool:
    """Whether another value can be asked for in a form: no tables of tables."""
    plain = (bool, int, Decimal, str)
    if isinstance(value, Mapping):
        return all(isinstance(v, plain) for v in value.values())
    return isinstance(value, plain) or (isinstance(value, tuple) and all(isinstance(v, str) for v in value))


def _trial_forms(request: HttpRequest, of: Measure, month: date) -> dict[str, TrialForm]:
    """A form for every parameter that can be tried; the one that was sent is bound."""
    found, sent = {}, request.GET.get("try", "")
    for name in of.parameters:
        parameter = load(name)
        try:
            value = parameter.at(month)
        except ParameterError:
            continue
        if _tried(value):
            found[name] = TrialForm(request.GET if sent == name else None, parameter=parameter, value=value)
    return found


def _trial(request: HttpRequest, held: Book, branch: str, month: date, by: str) -> dict[str, Any]:
    """What the section of trials needs: the forms, and of the one that was sent the result or how it stands."""
    of = held.measure
    made = _trial_forms(request, of, month)
    context: dict[str, Any] = {"trials": made.values(), "trial_keep": {"month": f"{month:%Y-%m}", "by": by}}
    sent = made.get(request.GET.get("try", ""))
    if sent is None or not sent.is_valid():
        return context
    parameter, value = sent.parameter, sent.value
    context["tried"] = {"parameter": parameter, "now": _value(sent.now), "value": _value(value)}
    result = figures.trial_of(of, branch, month, parameter.id, value)
    if result is not None:
        pairs = [(figures.name_of(branch), held.of(branch, month), result.branch)]
        if branch != NATION_CODE:
            pairs.append(("全国", held.of(NATION_CODE, month), result.nation))
        context["trial"] = {"result": result, "rows": [_trial_row(of, *pair) for pair in pairs]}
    address = f"{reverse('figure_trial', args=[of.id])}?{request.GET.urlencode()}"
    if figures.trial_begun(of, branch, month, parameter.id, value) and result is None:
        words = (
            f"{parameter.title}を「{_value(value)}」として、{to_wareki_month(month)}を計算し直しています。"
        )
        context["trial_job"] = _job("trial-job", "ほかの値で計算しています", words, address)
    context["trial_address"] = address
    return context


def _trial_row(of: Measure, name: str, now: Figure | None, then: Figure | None) -> dict[str, Any]:
    return {
        "name": name,
        "now": _said(of, now),
        "now_sums": f"{number(now.numerator)} ÷ {number(now.denominator)}"
        if now and of.form != "count"
        else "",
        "then": _said(of, then),
        "then_sums": f"{number(then.numerator)} ÷ {number(then.denominator)}"
        if then and of.form != "count"
        else "",
        "difference": (_difference(then, now) if then and now else "") or NOTHING,
    }


@page(*STAFF)
def figure_trial(request: HttpRequest, measure: str) -> HttpResponse:
    """The result of a trial alone, or how its computation stands. POST has it worked out."""
    held = _asked(measure)
    branch, month = on_duty().branch, _month(request, held)
    if month is None:
        raise Http404
    sent = _trial_forms(request, held.measure, month).get(request.GET.get("try", ""))
    if sent is None or not sent.is_valid():
        raise Http404
    if request.method == "POST":
        if figures.trial_of(held.measure, branch, month, sent.parameter.id, sent.value) is None:
            figures.begin_trial(held.measure, branch, month, sent.parameter.id, sent.value)
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect(f"{reverse('figure', args=[measure])}?{request.GET.urlencode()}#trial")
    made = _trial(request, held, branch, month, request.GET.get("by", ""))
    return render(request, "office/figure_trial.html", {"measure": held.measure, **made})


# ---- charts and files --------------------------------------------------------------------------------------------


@page(*STAFF)
def figure_chart(request: HttpRequest, measure: str, what: str) -> HttpResponse:
    """A chart as SVG: trend, rank, or the parts by an axis; with ?save=1 as a file to keep."""
    held = _asked(measure)
    branch, month = on_duty().branch, _month(request, held)
    if month is None or what not in ("trend", "rank", *figures.axes(held.measure, branch)):
        raise Http404
    drawn = figures.drawn(held.measure, branch, month, what, NARROW if "narrow" in request.GET else WIDTH)
    if drawn is None:
        raise Http404
    answer = HttpResponse(drawn, content_type="image/svg+xml")
    answer["Cache-Control"] = (
        "private, max-age=604800, immutable" if request.GET.get("v") else "private, no-cache"
    )
    answer["Vary"] = "Cookie"
    if request.GET.get("save"):
        answer["Content-Disposition"] = exports.to_save(f"{_file(held, branch, _titled(held, what))}.svg")
    return answer


def _titled(held: Book, what: str) -> str:
    return {"trend": "推移", "rank": "支部の順位"}.get(what) or axis_title(held.measure, what)


def _file(held: Book, branch: str, what: str) -> str:
    return f"{figures.name_of(branch)}_{held.measure.title}_{what}".replace("/", "／")


@page(*STAFF)
def figure_file(request: HttpRequest, measure: str, what: str, form: str) -> HttpResponse:
    """What a chart shows as a file: the months, the branches, or the parts that may be shown."""
    held = _asked(measure)
    of, branch, month = held.measure, on_duty().branch, _month(request, held)
    if month is None:
        raise Http404
    columns: Sequence[exports.Column]
    rows: Sequence[Any]
    if what == "trend":
        columns, rows = (
            _trend_columns(of, branch),
            [(held.of(branch, m), held.of(NATION_CODE, m)) for m in held.counted(branch)],
        )
    elif what == "rank":
        columns, rows = _rank_columns(of), held.ranking(month)
    elif what in figures.axes(of, branch):
        found = figures.parts_of(of, branch, month, what)
        if found is None or not found.rows:
            raise Http404
        columns, rows = _part_columns(of, what, month), found.rows
    else:
        raise Http404
    title = _titled(held, what)
    detail = f"{of.title}の{title}"
    return exports.respond(_file(held, branch, title), columns, lambda: rows, form, detail=detail)


def _number(value: Decimal | None) -> Decimal | None:
    """A sum with no digits that say nothing."""
    return None if value is None else Decimal(number(value).replace(",", ""))


def _sums(of: Measure, prefix: str, at: Any) -> list[exports.Column]:
    """Value, numerator and denominator of what a row holds at a place; a count has its value alone."""
    unit = f"（{of.unit}）" if of.unit else ""
    columns = [exports.Column(f"{prefix}値{unit}", lambda row: at(row).rate if at(row) else None)]
    if of.form != "count":
        columns += [
            exports.Column(f"{prefix}分子", lambda row: _number(at(row).numerator) if at(row) else None, 18),
            exports.Column(
                f"{prefix}分母", lambda row: _number(at(row).denominator) if at(row) else None, 18
            ),
        ]
    return columns


def _trend_columns(of: Measure, branch: str) -> list[exports.Column]:
    columns = [
        exports.Column("月", lambda pair: f"{pair[0].month:%Y-%m}"),
        *_sums(of, "" if branch == NATION_CODE else "支部の", lambda pair: pair[0]),
        exports.Column("対象", lambda pair: pair[0].eligible),
        exports.Column("除外", lambda pair: pair[0].excluded),
    ]
    return columns if branch == NATION_CODE else [*columns, *_sums(of, "全国の", lambda pair: pair[1])]


def _rank_columns(of: Measure) -> list[exports.Column]:
    return [
        exports.Column("順位", lambda pair: pair[0]),
        exports.Column("支部", lambda pair: branch_or_nation(pair[1].branch).name),
        exports.Column("月", lambda pair: f"{pair[1].month:%Y-%m}"),
        *_sums(of, "", lambda pair: pair[1]),
    ]


def _part_columns(of: Measure, by: str, month: date) -> list[exports.Column]:
    named = [exports.Column("名称", lambda part: part.name, 30)] if by in FINEST else []
    return [
        exports.Column("月", lambda part: f"{month:%Y-%m}"),
        exports.Column(axis_title(of, by), lambda part: part.value, 20),
        *named,
        *_sums(of, "", lambda part: None if part.suppressed else part),
        exports.Column("秘匿", lambda part: "秘匿" if part.suppressed else ""),
    ]


urlpatterns = [
    path("figures/", listed, name="figures"),
    path("figures/export.<str:form>", listed_file, name="figures_export"),
    path("figures/<slug:measure>/", figure, name="figure"),
    path("figures/<slug:measure>/parts/", figure_parts, name="figure_parts"),
    path("figures/<slug:measure>/records/", figure_records, name="figure_records"),
    path("figures/<slug:measure>/records/file/<slug:form>/", figure_records_file, name="figure_records_file"),
    path("figures/<slug:measure>/trial/", figure_trial, name="figure_trial"),
    path("figures/<slug:measure>/<slug:what>.svg", figure_chart, name="figure_chart"),
    path("figures/<slug:measure>/<slug:what>/<slug:form>/", figure_file, name="figure_file"),
]
