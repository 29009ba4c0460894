"""Plans (事業計画): the plan, the progress reports of its periods, their way to be finished, and the documents they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from kenpo.base.branches import NATION_CODE, branch_or_nation
from kenpo.base.era import parse_date, parse_fiscal_year, parse_month
from kenpo.base.errors import ArgumentError, InputFileError, KenpoError
from kenpo.base.fiscal import fiscal_year_label
from kenpo.frame.casekind import Role
from kenpo.office import boards, casework, exports, plans
from kenpo.office.acting import STAFF, View, on_duty, page
from kenpo.office.forms import NumberField
from kenpo.office.models import PlanStep
from kenpo.office.plans import Rights, StaleError, Standing, State, Taken, rights
from kenpo.plan.board import Board
from kenpo.plan.filling import enter
from kenpo.plan.freezing import warnings
from kenpo.plan.health import Kept, health
from kenpo.plan.judging import Mark
from kenpo.plan.model import (
    PLAN_STATUSES,
    SOURCES,
    STATUSES,
    Activity,
    ActivityProgress,
    Actual,
    Initiative,
    InitiativeProgress,
    Kpi,
    Plan,
    Progress,
    Revision,
    Row,
    initiative_key,
    period_title,
    period_year,
)
from kenpo.plan.pages import figure_text, unit_of
from kenpo.plan.revising import revise
from kenpo.plan.store import PlanError
from kenpo.plan.targeting import target_in
from kenpo.plan.targets import Target, describe
from kenpo.plan.vocabulary import known

WRITERS = (*STAFF, Role.HEAD_OFFICE)
"""Who may write anywhere; what of it, `plans.rights` says."""

MARKS = [("", "（まだ付けない）"), *((m.value, f"{m.value} {m.ja}") for m in Mark)]
_LONG = 20_000


# ---- what is asked for -------------------------------------------------------------------------------------------


def _plan(name: str) -> Plan:
    """A plan that the branch looked at may read. Raises Http404 for all others, whether they are there or not."""
    if not plans.readable(name, on_duty().branch) or name not in plans.store().ids():
        raise Http404
    return plans.store().plan(name)


def _period(plan: Plan, period: str) -> str:
    if not plans.PERIOD.fullmatch(period) or not plan.first_year <= period_year(period) <= plan.last_year:
        raise Http404
    return period


def _used(view: View) -> View:
    """The view; when a file of a plan cannot be used, a page that says so in its place."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (InputFileError, PlanError) as error:
            crumbs = [{"title": "事業計画", "url": reverse("plans")}, {"title": "使えない計画", "url": ""}]
            context = {"error": error, "breadcrumb": crumbs}
            return render(request, "office/plan_broken.html", context, status=409)

    return shown


def _rights(plan: Plan) -> Rights:
    return rights(on_duty(), plan.branch)


def _name(request: HttpRequest) -> str:
    user: Any = request.user
    return user.name


def _crumbs(plan: Plan, *more: tuple[str, str]) -> list[dict[str, str]]:
    first = [("事業計画", reverse("plans")), (plan.title, reverse("plan", args=[plan.id]))]
    return [{"title": title, "url": url} for title, url in (*first, *more)]


def _report_crumb(plan: Plan, period: str) -> tuple[str, str]:
    return f"{period_title(period)}の進捗", reverse("plan_report", args=[plan.id, period])


# ---- the plans of a branch ---------------------------------------------------------------------------------------


@page(*STAFF)
@_used
def listed(request: HttpRequest) -> HttpResponse:
    """The branch's plans with their periods and states, and what is missing in the newest report."""
    branch = on_duty().branch
    may, office = rights(on_duty(), branch), boards.of_office()
    steps: dict[tuple[str, str], list[PlanStep]] = {}
    for step in PlanStep.objects.filter(branch=branch).order_by("id"):
        steps.setdefault((step.plan, step.period), []).append(step)
    there = plans.store()
    names = [n for n in reversed(there.ids()) if n[:2] == branch]
    above = [n for n in reversed(there.ids()) if n[:2] != branch and plans.readable(n, branch)]
    choice = office.newest(branch)
    newest = None
    if choice:
        with suppress(KenpoError):
            held = there.plan(choice.plan)
            made = plans.seen(held, choice.period)
            kept = health(held, made.progress, made.rows, today=boards.today()).initiatives
            newest = {
                "plan": held,
                "period": choice.period,
                "title": period_title(choice.period),
                "kept": kept,
                "well": sum(k.well for k in kept),
                "lacking": grouped(kept),
                "url": reverse("plan_report", args=[held.id, choice.period]),
            }
    context = {
        "plans": [_listing(n, steps) for n in names],
        "above": [_listing(n, {}) for n in above],
        "newest": newest,
        "may": may,
        "branch_name": "本部" if branch == NATION_CODE else branch_or_nation(branch).name,
    }
    return render(request, "office/plans.html", context)


def grouped(kept: Iterable[Kept]) -> list[tuple[str, list[str]]]:
    """What 施策 lack: each lack with the 施策 it is found in, the most frequent first."""
    found: dict[str, list[str]] = {}
    for one in kept:
        for flag in one.flags:
            found.setdefault(flag, []).append(one.name)
    return sorted(found.items(), key=lambda lack: -len(lack[1]))


def _listing(name: str, steps: Mapping[tuple[str, str], list[PlanStep]]) -> dict[str, Any]:
    there = plans.store()
    try:
        plan = there.plan(name)
    except KenpoError as error:
        return {"name": name, "error": error}
    periods = []
    for period in there.periods(name):
        try:
            progress = there.progress(name, period)
            stands = plans.standing(plan, progress, steps.get((name, period), ()))
            periods.append({"period": period, "title": period_title(period), "stands": stands})
        except KenpoError as error:
            periods.append({"period": period, "title": period_title(period), "error": error})
    return {"name": name, "plan": plan, "status": PLAN_STATUSES[plan.status], "periods": periods}


# ---- the plan ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KpiLine:
    """A KPI of a plan as it is set out."""

    kpi: Kpi
    row: Row | None = None

    @property
    def title(self) -> str:
        """Its name, or its sentence where it is in no catalogue."""
        term = known(self.kpi.measure)
        return term.title if term else self.kpi.text

    @property
    def target(self) -> str:
        """The target in words."""
        return _words(self.kpi, self.kpi.target)

    @property
    def source(self) -> str:
        """Where the figure comes from, and the ground of one entered by hand."""
        actual = self.row.actual if self.row else None
        if actual is None:
            return ""
        ground = "、".join(one for one in (actual.by, actual.why) if one)
        return SOURCES[actual.source] + (f"（{ground}）" if ground else "")

    @property
    def cutoff(self) -> str:
        """The data a computed figure is of."""
        actual = self.row.actual if self.row else None
        return actual.cutoff.split()[0] if actual and actual.cutoff else ""

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return self.row.verdict.ja if self.row and self.row.verdict else "－"


def _words(kpi: Kpi, target: Target | None) -> str:
    term = known(kpi.measure)
    return describe(target, unit_of(kpi), term.precision if term else 0) if target else "（目標なし）"


@dataclass(frozen=True)
class Block:
    """A 施策 as pages show it: its key, depth, KPIs, and what is told of it."""

    key: str
    depth: int
    initiative: Initiative
    owner: str
    kpis: tuple[KpiLine, ...]
    told: InitiativeProgress | None = None
    enters: bool = False
    lacking: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Number and title."""
        own = self.initiative
        return f"{own.number} {own.title}".strip() if own.number not in ("", "○") else own.title

    @property
    def level(self) -> int:
        """The level of its heading."""
        return min(self.depth + 2, 4)

    @property
    def marks(self) -> list[Mark]:
        """The mark of the whole 施策, or those given in it."""
        whole = mark_of(self.told)
        return [whole] if whole else list(self.told.marks) if self.told else []

    @property
    def activities(self) -> Iterator[tuple[Activity, ActivityProgress | None]]:
        """The 取組 with what was done of them."""
        done = {a.at: a for a in self.told.activities} if self.told else {}
        return ((a, done.get(n)) for n, a in enumerate(self.initiative.activities, 1))


def mark_of(told: InitiativeProgress | None) -> Mark | None:
    """A person's mark: of the whole 施策, or the only one given there."""
    if told is None:
        return None
    return told.evaluated or (told.marks[0] if len(told.marks) == 1 else None)


def _pillars(
    plan: Plan, made: Board | None = None, may: Rights | None = None, kept: tuple[Kept, ...] = ()
) -> list[dict[str, Any]]:
    rows = {(r.key, r.measure or r.text): r for r in made.rows} if made else {}
    lacking = {k.key: k.flags for k in kept}
    found: list[dict[str, Any]] = []
    for pillar in plan.pillars:
        blocks = []
        for held, way in plan.initiatives():
            if held is not pillar:
                continue
            key, own = initiative_key(pillar, way), way[-1]
            lines = tuple(KpiLine(k, rows.get((key, k.measure or k.text))) for k in own.kpis)
            blocks.append(
                Block(
                    key,
                    len(way),
                    own,
                    next((i.owner for i in reversed(way) if i.owner), ""),
                    lines,
                    made.progress.on(key) if made else None,
                    bool(may and may.enters(way)),
                    lacking.get(key, ()),
                )
            )
        of_pillar = [
            KpiLine(k, next((r for r in rows.values() if r.measure == k.measure), None)) for k in pillar.kpis
        ]
        found.append({"pillar": pillar, "blocks": blocks, "kpis": of_pillar})
    return found


@page(*STAFF)
@_used
def plan(request: HttpRequest, name: str) -> HttpResponse:
    """A plan: pillars, 施策, 取組, KPIs with their targets, its revisions, its periods, and its documents."""
    held = _plan(name)
    may, there = _rights(held), plans.store().periods(held.id)
    context = {
        "plan": held,
        "may": may,
        "pillars": _pillars(held),
        "status": PLAN_STATUSES[held.status],
        "years": f"{fiscal_year_label(held.first_year)}"
        + (f"～{fiscal_year_label(held.last_year)}" if held.last_year != held.first_year else ""),
        "periods": [(p, period_title(p)) for p in there],
        "new_periods": [
            (p, period_title(p))
            for year in range(held.first_year, held.last_year + 1)
            for p in (f"{year}{part}" for part in plans.PERIODS)
            if p not in there
        ]
        if may.edits and held.kind == "annual"
        else [],
        "reviews": [
            (plans.version(r.model_dump()), r)
            for r in (*held.review, *(r for _, k in held.kpis() for r in k.review))
        ],
        "forms": list(exports.DOCUMENT_FORMS.items()),
        "breadcrumb": [*_crumbs(held)[:-1], {"title": held.title, "url": ""}],
    }
    return render(request, "office/plan.html", context)


@page(*WRITERS, reads=False)
@require_POST
@_used
def looked_at(request: HttpRequest, name: str) -> HttpResponse:
    """Record that a person has looked at what the reader of a document was not sure of (要確認)."""
    held = _plan(name)
    if not _rights(held).edits:
        raise PermissionDenied
    one = request.POST.get("review", "")
    try:
        plans.change_plan(
            name, plans.version({}), lambda _: {}, lambda p: plans.without_review(p, one), "要確認の確認"
        )
    except StaleError:
        messages.warning(request, "この要確認は、もうありません。")
    else:
        messages.success(request, "確かめたことを記録しました。")
    return redirect(f"{reverse('plan', args=[name])}#review")


# ---- forms -------------------------------------------------------------------------------------------------------


def _lines(text: str) -> tuple[str, ...]:
    """The lines of a text field; blank ones are left out."""
    return tuple(line.rstrip() for line in text.splitlines() if line.strip())


def _area(label: str, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=_LONG, widget=forms.Textarea(attrs={"rows": 4}), **more
    )


def _line(label: str, **more: Any) -> forms.CharField:
    missing = {"required": f"「{label}」を書いてください。"}
    return forms.CharField(
        label=label, max_length=more.pop("max_length", 200), error_messages=missing, **more
    )


@dataclass(frozen=True)
class Edit:
    """A form that changes a file. shown: what its fields show of the files as they are now.

    save: does it, given the version that was sent and what was typed; it raises StaleError and other KenpoErrors.
    """

    heading: str
    button: str
    shown: Callable[[], Mapping[str, Any]]
    form: Callable[..., forms.Form]
    save: Callable[[str, dict[str, Any]], str]
    back: str
    breadcrumb: list[dict[str, str]]
    extra: Mapping[str, Any]


def _edit(request: HttpRequest, edit: Edit, template: str = "office/plan_edit.html") -> HttpResponse:
    """Show a form, or save it. A stale one is shown again with both texts; what was typed stays."""
    shown = dict(edit.shown())
    form = edit.form(request.POST) if request.method == "POST" else edit.form(initial=shown)
    error: KenpoError | None = None
    sent = plans.version(shown)
    if request.method == "POST":
        sent = request.POST.get("version", "")
        if form.is_valid():
            try:
                said = edit.save(sent, form.cleaned_data)
            except KenpoError as refused:
                error = refused
            else:
                messages.success(request, said)
                return redirect(edit.back)
    stale = isinstance(error, StaleError)
    context = {
        **edit.extra,
        "heading": edit.heading,
        "button": edit.button,
        "form": form,
        "version": plans.version(shown) if stale else sent,
        "error": error,
        "stale": stale,
        "differences": _differences(form, shown) if stale else [],
        "back": edit.back,
        "breadcrumb": edit.breadcrumb,
    }
    status = 409 if stale else 422 if error or form.errors else 200
    return render(request, template, context, status=status)


def _differences(form: forms.Form, shown: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Where a form and what is kept by now differ: the field's name, the text kept, the text typed."""
    found = []
    for name, field in form.fields.items():
        kept, typed = str(shown.get(name, "") or ""), str(form.data.get(name, "") or "")
        if name in shown and _lines(kept) != _lines(typed):
            found.append((str(field.label), kept, typed))
    return found


# ---- texts and owners --------------------------------------------------------------------------------------------


def _shown_initiative(own: Initiative) -> dict[str, str]:
    shown = {"owner": own.owner, "text": "\n".join(own.text), "issues": "\n".join(own.issues)}
    for n, one in enumerate(own.activities, 1):
        shown |= {
            f"a{n}_title": one.title,
            f"a{n}_text": "\n".join(one.text),
            f"a{n}_group": one.group,
            f"a{n}_budget": "" if one.budget is None else str(one.budget),
        }
    return shown


def _initiative_form(own: Initiative) -> Callable[..., forms.Form]:
    fields: dict[str, forms.Field] = {
        "owner": _line(
            "担当", required=False, help_text="例：保健グループ。いくつかあるときは「、」で並べます。"
        ),
        "text": _area("施策の内容", help_text="1行が1つの段落になります。"),
        "issues": _area("課題"),
    }
    for n in range(1, len(own.activities) + 2):
        new = n > len(own.activities)
        head = "新しい取組" if new else f"取組{n}"
        fields |= {
            f"a{n}_title": _line(
                f"{head}の名称", required=False, help_text="取組を加えるときに書きます。" if new else ""
            ),
            f"a{n}_text": _area(f"{head}の内容"),
            f"a{n}_group": _line(f"{head}の担当グループ", required=False),
            f"a{n}_budget": NumberField(label=f"{head}の予算（円）", required=False, min_value=0),
        }
    fields["why"] = _line("変更の理由", help_text="改定の履歴に、日付と変更した人とともに残ります。")
    return type("InitiativeForm", (forms.Form,), fields)


def _with_texts(own: Initiative, given: Mapping[str, Any]) -> Initiative:
    activities = []
    for n in range(1, len(own.activities) + 2):
        old = own.activities[n - 1] if n <= len(own.activities) else Activity()
        one = old.model_copy(
            update={
                "title": given[f"a{n}_title"],
                "text": _lines(given[f"a{n}_text"]),
                "group": given[f"a{n}_group"],
                "budget": given[f"a{n}_budget"],
            }
        )
        if n <= len(own.activities) and not (one.title or one.text):
            raise ArgumentError(
                f"取組{n}の名称と内容がどちらも空です。",
                todo="取りやめる取組は消さずに、進捗で「×」を付けてください。",
            )
        if n <= len(own.activities) or one != Activity():
            activities.append(one)
    return own.model_copy(
        update={
            "owner": given["owner"],
            "text": _lines(given["text"]),
            "issues": _lines(given["issues"]),
            "activities": tuple(activities),
        }
    )


@page(*WRITERS, reads=False)
@_used
def initiative(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """Change the texts and owners of a 施策 and its 取組, with the reason."""
    held = _plan(name)
    if not _rights(held).edits:
        raise PermissionDenied
    own = _found(held, key)[-1]

    def save(sent: str, given: dict[str, Any]) -> str:
        def change(plan: Plan) -> Plan:
            old = _found(plan, key)[-1]
            new = _with_texts(old, given)
            if new == old:
                raise ArgumentError("変わったところがありません。", todo="直してから記録してください。")
            what = f"施策「{old.title}」の{'・'.join(_changed(old, new))}を改めた"
            told = Revision(on=boards.today(), what=what, why=given["why"], by=_name(request))
            changed = plans.with_initiative(plan, old, new)
            return changed.model_copy(update={"revisions": (*plan.revisions, told)})

        plans.change_plan(name, sent, lambda p: _shown_initiative(_found(p, key)[-1]), change, f"施策 {key}")
        return f"施策「{own.title}」を記録しました。"

    return _edit(
        request,
        Edit(
            f"施策「{own.title}」を直す",
            "変更を記録する",
            lambda: _shown_initiative(own),
            _initiative_form(own),
            save,
            reverse("plan", args=[name]),
            _crumbs(held, (f"施策「{own.title}」", "")),
            {},
        ),
    )


def _changed(old: Initiative, new: Initiative) -> list[str]:
    parts = (("担当", "owner"), ("内容", "text"), ("課題", "issues"), ("取組", "activities"))
    return [title for title, name in parts if getattr(old, name) != getattr(new, name)]


def _found(plan: Plan, key: str) -> tuple[Initiative, ...]:
    there = plans.found(plan, key)
    if there is None:
        raise Http404
    return there[1]


# ---- targets -----------------------------------------------------------------------------------------------------


class TargetForm(forms.Form):
    """A new target in words, and why."""

    target = _line(
        "新しい目標",
        help_text="計画に書くとおりに書きます。例：95.0％以上、7日以下、対前年度以上（0.35％以上）、毎月実施",
    )
    why = _line("改定の理由", help_text="改める前の目標とともに、改定の履歴に残ります。")


@page(*WRITERS, reads=False)
@_used
def target(request: HttpRequest, name: str, measure: str) -> HttpResponse:
    """Revise a KPI's target: what the words are read as is shown first, then it is saved with the reason."""
    held = _plan(name)
    if not _rights(held).edits:
        raise PermissionDenied
    kpi = held.kpi(measure)
    if kpi is None:
        raise Http404
    line = KpiLine(kpi)
    preview: dict[str, Any] = {}

    def shown(plan: Plan = held) -> dict[str, str]:
        now = plan.kpi(measure)
        return {"target": _words(now, now.target) if now else ""}

    def save(sent: str, given: dict[str, Any]) -> str:
        def change(plan: Plan) -> Plan:
            return revise(
                plan, measure, given["target"], on=boards.today(), why=given["why"], by=_name(request)
            )

        plans.change_plan(name, sent, shown, change, f"目標 {line.title}")
        return f"「{line.title}」の目標を改めました。"

    if request.method == "POST" and "confirm" not in request.POST:
        form = TargetForm(request.POST)
        if form.is_valid():
            read, doubts = target_in(form.cleaned_data["target"], kpi)
            preview = {
                "read": _words(kpi, read) if read else "",
                "doubts": doubts,
                "same": read == kpi.target,
            }
        context = _target_context(held, line, form, preview)
        context["version"] = request.POST.get("version", "")
        status = 200 if preview and preview["read"] and not preview["doubts"] else 422
        return render(request, "office/plan_target.html", context, status=status)
    return _edit(
        request,
        Edit(
            f"「{line.title}」の目標を改める",
            "読み取りを確かめる" if request.method == "GET" else "目標を改める",
            shown,
            TargetForm,
            save,
            reverse("plan", args=[name]),
            _crumbs(held, (f"「{line.title}」の目標", "")),
            {**_target_context(held, line, None, {}), "first": request.method == "GET"},
        ),
        "office/plan_target.html",
    )


def _target_context(
    plan: Plan, line: KpiLine, form: forms.Form | None, preview: dict[str, Any]
) -> dict[str, Any]:
    changes = [(_words(line.kpi, c.target), c.until, c.why, c.by) for c in reversed(line.kpi.history)]
    return {
        "heading": f"「{line.title}」の目標を改める",
        "plan": plan,
        "line": line,
        "form": form,
        "preview": preview,
        "changes": changes,
        "back": reverse("plan", args=[plan.id]),
        "breadcrumb": _crumbs(plan, (f"「{line.title}」の目標", "")),
    }


# ---- a progress report -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Report:
    """A report that was asked for."""

    plan: Plan
    period: str
    progress: Progress
    stands: Standing
    may: Rights


def _asked(name: str, period: str) -> _Report:
    held = _plan(name)
    one = plans.report(held.id, _period(held, period))
    return _Report(held, period, one.progress, one.standing, _rights(held))


@page(*STAFF)
@_used
def report(request: HttpRequest, name: str, period: str) -> HttpResponse:
    """A progress report: what was done and comes next, the figures and where they come from, and its steps."""
    held = _plan(name)
    _period(held, period)
    try:
        asked = _asked(name, period)
        made = plans.seen(held, period)
    except PlanError as error:
        return _broken(request, held, period, error)
    open_to_write = asked.stands.open
    kept = health(held, made.progress, made.rows, today=boards.today()).initiatives
    names = casework.named({s.by for s in asked.stands.steps})
    beside = [r for r in made.rows if held.kpi(r.measure or "") is None and r.measure]
    context = {
        "plan": held,
        "period": period,
        "title": period_title(period),
        "stands": asked.stands,
        "may": asked.may,
        "open": open_to_write,
        "pillars": _pillars(held, made, asked.may if open_to_write else None, kept),
        "beside": beside,
        "steps": _steps(asked.stands, asked.progress, names),
        "timeline": _timeline(asked.stands, names),
        "acts": _acts(asked),
        "todo": _todo(asked),
        "on_board": held.branch == on_duty().branch and period in plans.store().periods(held.id),
        "lacking": grouped(kept),
        "well": sum(k.well for k in kept),
        "kept": kept,
        "notes": made.notes,
        "documents": [(kind, title) for kind, title in plans.DOCUMENTS.items() if kind != "plan"],
        "forms": list(exports.DOCUMENT_FORMS.items()),
        "breadcrumb": _crumbs(held, (f"{period_title(period)}の進捗", "")),
    }
    return render(request, "office/plan_report.html", context)


def _broken(request: HttpRequest, held: Plan, period: str, error: KenpoError) -> HttpResponse:
    context = {
        "plan": held,
        "period": period,
        "title": period_title(period),
        "error": error,
        "may": _rights(held),
        "breadcrumb": _crumbs(held, (f"{period_title(period)}の進捗", "")),
    }
    return render(request, "office/plan_broken.html", context)


def _steps(stands: Standing, progress: Progress, names: Mapping[str, str]) -> list[dict[str, Any]]:
    def one(title: str, step: PlanStep | None, current: bool) -> dict[str, Any]:
        state = "done" if step else "current" if current else "waiting"
        return {
            "title": title,
            "state": state,
            "person": names.get(step.by, step.by) if step else "",
            "at": step.at if step else None,
        }

    last = next((s for s in reversed(stands.steps) if s.step == "frozen"), None)
    finished = one("確定", last if progress.frozen else None, stands.state is State.CHECKED)
    if progress.frozen:
        event = progress.events[-1]
        finished |= {"state": "done", "person": event.by}
    return [
        one("提出", stands.submitted, stands.open),
        one("確認", stands.checked, stands.state is State.SUBMITTED),
        finished,
    ]


def _timeline(stands: Standing, names: Mapping[str, str]) -> list[dict[str, Any]]:
    kinds = {"returned": "warn", "reopened": "warn", "frozen": "ok"}
    icons = {
        "submitted": "right",
        "checked": "check",
        "returned": "returned",
        "frozen": "lock",
        "reopened": "returned",
    }
    return [
        {
            "title": plans.STEPS[s.step],
            "person": names.get(s.by, s.by),
            "at": s.at,
            "text": s.note,
            "icon": icons[s.step],
            "kind": kinds.get(s.step, "info"),
        }
        for s in reversed(stands.steps)
    ]


ACTS = {
    "submit": "提出する",
    "check": "確認する",
    "freeze": "確定する",
    "return": "差し戻す",
    "reopen": "確定を取り消す",
}


def _acts(asked: _Report) -> list[tuple[str, str]]:
    """The steps that the person may take now."""
    may, stands, me = asked.may, asked.stands, on_duty().actor.id
    allowed = {
        "submit": may.submits and stands.state is State.DRAFT,
        "check": may.checks and stands.state is State.SUBMITTED and me not in stands.hands,
        "freeze": may.finishes and stands.state is State.CHECKED and me not in stands.hands,
        "return": may.returns and stands.state in (State.SUBMITTED, State.CHECKED),
        "reopen": may.finishes and stands.state is State.FINISHED,
    }
    return [(act, title) for act, title in ACTS.items() if allowed[act]]


def _todo(asked: _Report) -> str:
    """What is to be done next with a report, and by whom."""
    nation = asked.plan.branch == NATION_CODE
    writer, checker, finisher = (
        ("本部の担当者", "本部の別の人", "本部のさらに別の人")
        if nation
        else ("企画総務グループの担当者", "企画総務グループの確認者", "企画総務グループの決裁者か支部長")
    )
    match asked.stands.state:
        case State.DRAFT:
            told = "施策ごとに" + ("「進捗を書く」を開き、" if asked.may.edits else "担当のグループが、")
            return f"{told}実施したことと今後の予定を書きます。そろったら、{writer}が提出します。"
        case State.SUBMITTED:
            return f"{checker}が内容を確かめます。提出した人は確認できません。直すときは差し戻します。"
        case State.CHECKED:
            return f"{finisher}が確定します。提出・確認した人は確定できません。直すときは差し戻します。"
        case _:
            return f"文書を取り出して配ります。直すときは、{finisher}が理由を書いて確定を取り消します。"


@page(*WRITERS, reads=False)
@require_POST
@_used
def begin(request: HttpRequest, name: str) -> HttpResponse:
    """Begin the report of a period, with the lake's figures."""
    held = _plan(name)
    if not _rights(held).edits:
        raise PermissionDenied
    period = _period(held, request.POST.get("period", ""))
    if period not in plans.store().periods(name):
        plans.fill_in(name, period)
        messages.success(request, f"{period_title(period)}の進捗報告を始めました。")
    return redirect("plan_report", name, period)


@page(*WRITERS, reads=False)
@require_POST
@_used
def filled(request: HttpRequest, name: str, period: str) -> HttpResponse:
    """Put the lake's figures into the report."""
    held = _plan(name)
    if not _rights(held).edits:
        raise PermissionDenied
    try:
        done = plans.fill_in(name, _period(held, period))
    except PlanError as error:
        messages.error(request, f"{error.what}{error.todo}")
    else:
        messages.success(request, f"{len(done)}項目の実績を、データから記入しました。")
    return redirect("plan_report", name, period)


# ---- what was done -----------------------------------------------------------------------------------------------


def _shown_told(plan: Plan, progress: Progress, key: str) -> dict[str, str]:
    own, told = _found(plan, key)[-1], progress.on(key)
    mark = mark_of(told)
    shown = {
        "done": "\n".join(told.done) if told else "",
        "mark": mark.value if mark else "",
        "next": "\n".join(told.next) if told else "",
    }
    done = {a.at: a for a in told.activities} if told else {}
    for n, _ in enumerate(own.activities, 1):
        one = done.get(n) or ActivityProgress(at=n)
        shown |= {
            f"a{n}_done": "\n".join(one.done),
            f"a{n}_mark": one.mark.value if one.mark else "",
            f"a{n}_spent": "" if one.spent is None else str(one.spent),
        }
    for n, kpi in enumerate(_measured(own)):
        held = progress.of(kpi.measure or "")
        shown[f"c{n}"] = held.comment if held else ""
    return shown


def _measured(own: Initiative) -> list[Kpi]:
    return [k for k in own.kpis if k.measure]


def _told_form(own: Initiative, told: InitiativeProgress | None) -> Callable[..., forms.Form]:
    several = (
        f"施策の中に記号が{len(told.marks)}つあります。ここでは施策全体の評価を付けます。"
        if told and len(told.marks) > 1
        else ""
    )
    fields: dict[str, forms.Field] = {
        "done": _area("実施したこと", help_text="1行が1つの段落になります。"),
        "mark": forms.ChoiceField(label="実施状況の記号", choices=MARKS, required=False, help_text=several),
    }
    for n, one in enumerate(own.activities, 1):
        name = one.title or (one.text[0] if one.text else f"取組{n}")
        fields |= {
            f"a{n}_done": _area(f"取組{n}「{name}」の実績"),
            f"a{n}_mark": forms.ChoiceField(label=f"取組{n}の記号", choices=MARKS, required=False),
            f"a{n}_spent": NumberField(label=f"取組{n}の執行額（円）", required=False, min_value=0),
        }
    for n, kpi in enumerate(_measured(own)):
        fields[f"c{n}"] = _area(f"KPI「{KpiLine(kpi).title}」の分析")
    if told and told.review:
        fields["looked"] = forms.BooleanField(
            label=f"要確認（{'、'.join(r.what for r in told.review)}）を確かめた", required=False
        )
    fields["next"] = _area("今後の予定", help_text="次の取組として、次の期間に何をするかを書きます。")
    return type("ToldForm", (forms.Form,), fields)


def _told(
    own: Initiative, before: InitiativeProgress | None, key: str, given: Mapping[str, Any]
) -> InitiativeProgress:
    told = before or InitiativeProgress(initiative=key)
    mark = Mark(given["mark"]) if given["mark"] else None
    whole = told.evaluated is not None or len(told.marks) > 1
    held = {a.at: a for a in told.activities}
    for n, _ in enumerate(own.activities, 1):
        one = given[f"a{n}_mark"]
        held[n] = ActivityProgress(
            at=n,
            done=_lines(given[f"a{n}_done"]),
            mark=Mark(one) if one else None,
            spent=given[f"a{n}_spent"],
        )
    return told.model_copy(
        update={
            "done": _lines(given["done"]),
            "next": _lines(given["next"]),
            "review": () if given.get("looked") else told.review,
            **({"evaluated": mark} if whole else {"marks": (mark,) if mark else ()}),
            "activities": tuple(a for _, a in sorted(held.items()) if a != ActivityProgress(at=a.at)),
        }
    )


@page(*WRITERS, reads=False)
@_used
def told(request: HttpRequest, name: str, period: str, key: str) -> HttpResponse:
    """Enter what was done of a 施策, its mark, the analysis of its KPIs, and what comes next."""
    asked = _asked(name, period)
    way = _found(asked.plan, key)
    own = way[-1]
    if not asked.may.enters(way):
        raise PermissionDenied

    def save(sent: str, given: dict[str, Any]) -> str:
        def change(plan: Plan, progress: Progress) -> Progress:
            at = _found(plan, key)[-1]
            comments = {
                k.measure or "": "\n".join(_lines(given[f"c{n}"])) for n, k in enumerate(_measured(at))
            }
            return plans.with_told(progress, _told(at, progress.on(key), key, given), comments)

        plans.change_progress(name, period, sent, lambda p, g: _shown_told(p, g, key), change, f"施策 {key}")
        return f"「{own.title}」の進捗を記録しました。"

    back = reverse("plan_report", args=[name, period])
    return _edit(
        request,
        Edit(
            f"「{own.title}」の進捗を書く",
            "進捗を記録する",
            lambda: _shown_told(asked.plan, asked.progress, key),
            _told_form(own, asked.progress.on(key)),
            save,
            back,
            _crumbs(asked.plan, _report_crumb(asked.plan, period), (own.title, "")),
            {"initiative": own, "closed": not asked.stands.open, "stands": asked.stands},
        ),
    )


# ---- figures by hand ---------------------------------------------------------------------------------------------


class AsOfField(forms.CharField):
    """The month or day a figure is of, as people write it: 令和7年9月, R7.9.30, 2025-09."""

    def clean(self, value: Any) -> str:
        """2025-09 or 2025-09-30. Raises ValidationError."""
        text = super().clean(value)
        with suppress(ArgumentError):
            return f"{parse_month(text):%Y-%m}"
        try:
            return parse_date(text).isoformat()
        except ArgumentError:
            raise forms.ValidationError(
                "いつ時点の値か読めません。令和7年9月、2025-09、令和7年9月30日 のように書いてください。"
            ) from None


class FigureForm(forms.Form):
    """A figure by hand with its ground."""

    state = forms.ChoiceField(
        label="実績",
        choices=[("value", "値がある"), ("missing", "まだ集計されていない"), ("not_applicable", "対象外")],
        widget=forms.RadioSelect,
        initial="value",
    )
    value = _line("値", required=False, max_length=30, help_text="印字する桁のまま書きます。例：59.90")
    as_of = AsOfField(
        label="いつ時点の値か", max_length=30, help_text="例：令和7年9月、2025-09、令和7年9月30日"
    )
    status = forms.ChoiceField(
        label="確度", choices=[("", "（書かない）"), *STATUSES.items()], required=False
    )
    why = _line("根拠", help_text="資料の名前など。実績の出所として報告に残ります。")


@page(*WRITERS, reads=False)
@_used
def figure(request: HttpRequest, name: str, period: str, measure: str) -> HttpResponse:
    """Enter a KPI's figure by hand: value, as of when, on what ground. It stands beside what the lake says."""
    asked = _asked(name, period)
    held = asked.progress.of(measure)
    kpi = asked.plan.kpi(measure) or (Kpi(measure=measure, text="") if held else None)
    if kpi is None:
        raise Http404
    ways = [w for _, w in asked.plan.initiatives() if any(k.measure == measure for k in w[-1].kpis)]
    if not (asked.may.edits or any(asked.may.enters(w) for w in ways)):
        raise PermissionDenied
    line = KpiLine(kpi)

    def shown(_plan: Plan = asked.plan, progress: Progress = asked.progress) -> dict[str, Any]:
        there = progress.of(measure)
        told = [a for a in there.actuals if a.source != "computed"] if there else []
        return {"held": [a.model_dump(mode="json") for a in told]}

    def save(sent: str, given: dict[str, Any]) -> str:
        difference = ""

        def change(plan: Plan, progress: Progress) -> Progress:
            nonlocal difference
            done = enter(
                progress,
                plan,
                measure,
                value=given["value"] or None,
                state=given["state"],
                as_of=given["as_of"],
                by=_name(request),
                why=given["why"],
                on=boards.today(),
                status=given["status"] or None,
            )
            difference = f"自動計算の値との差は {done.difference:+} です。" if done.difference else ""
            return done.progress

        plans.change_progress(name, period, sent, shown, change, f"手入力 {measure}")
        return f"「{line.title}」の実績を記録しました。{difference}"

    row = plans.seen(asked.plan, period).of(measure)
    made = row.actual if row else None
    entered = held.actuals if held else ()
    context = {
        "line": line,
        "row": row,
        "computed": figure_text(made, unit_of(kpi)) if made else "",
        "held": [_figure(a, kpi) for a in entered],
        "closed": not asked.stands.open,
        "stands": asked.stands,
    }
    return _edit(
        request,
        Edit(
            f"「{line.title}」の実績を手で入力する",
            "実績を記録する",
            shown,
            FigureForm,
            save,
            reverse("plan_report", args=[name, period]),
            _crumbs(asked.plan, _report_crumb(asked.plan, period), (line.title, "")),
            context,
        ),
        "office/plan_figure.html",
    )


def _figure(actual: Actual, kpi: Kpi) -> dict[str, Any]:
    return {
        "text": figure_text(actual, unit_of(kpi)),
        "source": SOURCES[actual.source],
        "by": actual.by,
        "why": actual.why,
        "on": actual.entered_on,
    }


# ---- steps -------------------------------------------------------------------------------------------------------


class ReasonForm(forms.Form):
    """Why a report goes back."""

    why = forms.CharField(
        label="理由",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "理由を書いてください。"},
    )


@page(*WRITERS, reads=False)
@_used
def act(request: HttpRequest, name: str, period: str, act: str) -> HttpResponse:
    """Submit, check, finish a report, send it back, or take its freeze back: what will happen is shown first."""
    held = _plan(name)
    _period(held, period)
    needs = {
        "submit": "submits",
        "check": "checks",
        "freeze": "finishes",
        "return": "returns",
        "reopen": "finishes",
    }
    if act not in needs:
        raise Http404
    if not getattr(_rights(held), needs[act]):
        raise PermissionDenied
    reason = act in ("return", "reopen")
    form = ReasonForm(request.POST or None) if reason else None
    error: KenpoError | None = None
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            said = _do(request, held, period, act, form.cleaned_data["why"] if form else "")
        except KenpoError as refused:
            error = refused
        else:
            messages.success(request, said)
            return redirect("plan_report", name, period)
    context = _confirming(held, period, act, form)
    context |= {"error": error, "breadcrumb": _crumbs(held, _report_crumb(held, period), (ACTS[act], ""))}
    stale = isinstance(error, StaleError)
    status = 409 if stale else 422 if error or (form and form.errors) else 200
    return render(request, "office/plan_act.html", context, status=status)


def _do(request: HttpRequest, held: Plan, period: str, act: str, why: str) -> str:
    seen, title = request.POST.get("seen", ""), f"{period_title(period)}の進捗報告"
    match act:
        case "submit":
            plans.submit(held.id, period, seen)
            return f"{title}を提出しました。"
        case "check":
            plans.check(held.id, period, seen)
            return f"{title}を確認しました。"
        case "freeze":
            plans.finish(held.id, period, seen, _name(request))
            return f"{title}を確定しました。"
        case "return":
            plans.send_back(held.id, period, why)
            return f"{title}を差し戻しました。"
        case _:
            plans.take_back(held.id, period, why, _name(request))
            return f"{title}の確定を取り消しました。"


_EFFECTS = {
    "submit": ("書込みが止まり、確認者が内容を確かめます。", "直すときは、理由を書いて差し戻します。"),
    "check": (
        "決裁者か支部長が確定できるようになります。",
        "提出した人とは別の人として、名前と日時が残ります。",
    ),
    "freeze": (
        "数値・判定・見込み・定義の版・データ締切・文章が、いまのまま残ります。",
        "後からデータが変わっても変わりません。直すには、理由を書いて確定を取り消します。",
    ),
    "return": ("また書けるようになります。提出と確認は、やり直しになります。",),
    "reopen": (
        "また書けるようになり、数値は最新のデータで計算し直されます。",
        "確定していたことと取り消した理由は、報告に残ります。",
    ),
}


def _confirming(held: Plan, period: str, act: str, form: forms.Form | None) -> dict[str, Any]:
    said: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    seen = ""
    if act in ("submit", "check", "freeze"):
        made = plans.board_of(held, plans.store().progress(held.id, period))
        said = warnings(made) if not made.progress.frozen else ()
        rows = made.rows if act == "freeze" else ()
        seen = plans.frozen_mark(made) if act == "freeze" else plans.mark(held, made.progress)
    return {
        "plan": held,
        "period": period,
        "title": f"{period_title(period)}の進捗報告{'の' if act == 'reopen' else 'を'}{ACTS[act]}",
        "report": f"{period_title(period)}の進捗報告",
        "rows": rows,
        "effects": _EFFECTS[act],
        "warnings": said,
        "hidden": {"seen": seen} if seen else {},
        "form": form,
        "button": ACTS[act],
        "danger": act in ("return", "reopen"),
        "cancel_url": reverse("plan_report", args=[held.id, period]),
    }


# ---- documents ---------------------------------------------------------------------------------------------------


@page(*STAFF)
@_used
def plan_file(request: HttpRequest, name: str, form: str) -> HttpResponse:
    """The plan as a document."""
    return _document("plan", _plan(name), None, form)


@page(*STAFF)
@_used
def report_file(request: HttpRequest, name: str, period: str, kind: str, form: str) -> HttpResponse:
    """The progress report, or the page for the council, as a document."""
    held = _plan(name)
    _period(held, period)
    if kind not in plans.DOCUMENTS or kind == "plan":
        raise Http404
    return _document(kind, held, plans.seen(held, period), form)


def _document(kind: str, held: Plan, made: Board | None, form: str) -> HttpResponse:
    if form not in exports.DOCUMENT_FORMS:
        raise Http404
    file, content = plans.file_of(kind, form, held, made)
    return exports.document(file, content, detail=plans.DOCUMENTS[kind])


# ---- taking a document in ----------------------------------------------------------------------------------------


class DocumentForm(forms.Form):
    """A document of a plan or its progress, and what it may not say itself."""

    file = forms.FileField(
        label="文書",
        help_text="Word（docx）、Excel（xlsx）、文字情報のあるPDF、HTML、テキスト（md、txt）。10MBまで。",
        widget=forms.FileInput(attrs={"accept": ".docx,.xlsx,.pdf,.html,.htm,.md,.txt"}),
    )
    year = forms.CharField(
        label="年度",
        required=False,
        max_length=20,
        help_text="文書に書かれていないときだけ書きます。例：令和7年度",
    )
    period = forms.ChoiceField(
        label="期間",
        required=False,
        help_text="進捗の文書に、期間が書かれていないときだけ選びます。",
        choices=[("", "（文書のとおり）"), *((p or "Y", t) for p, t in plans.PERIOD_NAMES.items())],
    )

    def clean(self) -> dict[str, Any]:
        """A period needs its year. Raises ValidationError."""
        given = super().clean() or {}
        if given.get("period") and not given.get("year") and "year" not in self.errors:
            self.add_error("year", "期間を選ぶときは、年度も書いてください。")
        return given

    def clean_year(self) -> int | None:
        """The fiscal year. Raises ValidationError."""
        text = self.cleaned_data["year"].strip()
        if not text:
            return None
        try:
            return (
                int(text) if text.isascii() and text.isdigit() and len(text) == 4 else parse_fiscal_year(text)
            )
        except ArgumentError:
            raise forms.ValidationError(
                "年度として読めません。令和7年度、2025 のように書いてください。"
            ) from None


@page(*WRITERS, reads=False)
@_used
def taken_in(request: HttpRequest) -> HttpResponse:
    """Read a document, show what was read and every passage in doubt, then keep it in the plan files."""
    branch = on_duty().writes
    if not rights(on_duty(), branch).edits:
        raise PermissionDenied
    if request.method == "POST" and "taken" in request.POST:
        return _keep(request)
    form = DocumentForm(request.POST or None, request.FILES or None)
    error: KenpoError | None = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        period = given["period"].replace("Y", "")
        year = given["year"]
        try:
            taken = plans.take(
                given["file"].name,
                given["file"].read(),
                year=year,
                period=f"{year}{period}" if given["period"] and year else None,
            )
        except KenpoError as refused:
            error = refused
        else:
            return _review(request, taken, None)
    wrong = error is not None or bool(form.errors)
    context = {"form": form, "error": error, "breadcrumb": _IMPORT}
    return render(request, "office/plan_import.html", context, status=422 if wrong else 200)


_IMPORT = [{"title": "事業計画", "url": "/plans/"}, {"title": "文書を取り込む", "url": ""}]


def _review(request: HttpRequest, taken: Taken, error: KenpoError | None) -> HttpResponse:
    there = plans.there(taken)
    context = {
        "taken": taken,
        "sealed": plans.sealed(taken),
        "version": plans.version(there),
        "there": [_file_title(taken, name) for name in there],
        "kept": bool(taken.progress) and any(p.id in there for p in taken.plans),
        "period": period_title(taken.progress.period) if taken.progress else "",
        "read": [
            {"plan": p, "kpis": [KpiLine(k) for _, k in p.kpis()], "initiatives": len(list(p.initiatives()))}
            for p in taken.plans
        ],
        "figures": _figures_read(taken),
        "error": error,
        "breadcrumb": _IMPORT,
    }
    status = 409 if isinstance(error, StaleError) else 422 if error else 200
    return render(request, "office/plan_import_review.html", context, status=status)


def _figures_read(taken: Taken) -> list[tuple[str, str]]:
    held = {k.measure: k for p in taken.plans for _, k in p.kpis() if k.measure}
    found = []
    for one in taken.progress.kpis if taken.progress else ():
        kpi = held.get(one.measure or "") or Kpi(measure=one.measure, text=one.text)
        found += [(KpiLine(kpi).title, figure_text(a, unit_of(kpi))) for a in one.actuals]
    return found


def _file_title(taken: Taken, name: str) -> str:
    plan = next((p.title for p in taken.plans if p.id == name), "")
    return plan or f"{period_title(name.split('.')[1])}の進捗報告"


def _keep(request: HttpRequest) -> HttpResponse:
    try:
        taken = plans.unsealed(request.POST["taken"])
    except KenpoError as error:
        context = {"form": DocumentForm(), "error": error, "breadcrumb": _IMPORT}
        return render(request, "office/plan_import.html", context, status=422)
    try:
        plans.keep(taken, request.POST.get("version", ""), overwrite="overwrite" in request.POST)
    except KenpoError as error:
        return _review(request, taken, error)
    messages.success(request, "文書を計画に取り込みました。")
    if taken.progress:
        return redirect("plan_report", taken.progress.plan, taken.progress.period)
    return redirect("plan", taken.plans[0].id)


urlpatterns = [
    path("plans/", listed, name="plans"),
    path("plans/import/", taken_in, name="plan_import"),
    path("plans/<str:name>/", plan, name="plan"),
    path("plans/<str:name>/looked-at/", looked_at, name="plan_looked_at"),
    path("plans/<str:name>/begin/", begin, name="plan_begin"),
    path("plans/<str:name>/document.<str:form>", plan_file, name="plan_file"),
    path("plans/<str:name>/target/<str:measure>/", target, name="plan_target"),
    path("plans/<str:name>/initiative/<path:key>/", initiative, name="plan_initiative"),
    path("plans/<str:name>/<str:period>/", report, name="plan_report"),
    path("plans/<str:name>/<str:period>/fill/", filled, name="plan_fill"),
    path("plans/<str:name>/<str:period>/told/<path:key>/", told, name="plan_told"),
    path("plans/<str:name>/<str:period>/figure/<str:measure>/", figure, name="plan_figure"),
    path("plans/<str:name>/<str:period>/step/<str:act>/", act, name="plan_act"),
    path("plans/<str:name>/<str:period>/<str:kind>.<str:form>", report_file, name="plan_report_file"),
]
