"""Today (今日)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse

from kenpo.base.branches import NATION_CODE
from kenpo.frame.casekind import CaseKind, Group, Role
from kenpo.office import work
from kenpo.office.acting import STAFF, on_duty, page
from kenpo.office.casework import readable_kinds
from kenpo.office.today import Count, KindToday, by_kind, this_day


@page()
def today(request: HttpRequest) -> HttpResponse:
    """What is to be done today, kind by kind. 本部 that has chosen no branch goes to all branches side by side."""
    duty = on_duty()
    if duty.branch == NATION_CODE:
        return redirect("nation" if duty.has(Role.HEAD_OFFICE) else "account")
    kinds = readable_kinds()
    counts = by_kind([k.id for k in kinds], this_day())
    running = work.of_branch(limit=5) if duty.has(*STAFF) else ()
    context = {
        "today": this_day(),
        "tiles": _tiles(counts),
        "groups": _groups(kinds, counts),
        "running": [one for one in running if one.going],
        "failed": [one for one in running if one.failed],
        "worker": duty.has(*STAFF),
    }
    return render(request, "office/today.html", context)


def _tiles(counts: tuple[KindToday, ...]) -> list[dict[str, Any]]:
    def tile(title: str, name: str, kind: str, note: str, query: str) -> dict[str, Any]:
        some: list[tuple[str, Count]] = [(c.kind, getattr(c, name)) for c in counts]
        total = sum(c.shown for _, c in some)
        most = max(some, key=lambda pair: pair[1].shown, default=None)
        url = f"{reverse('queue', args=[most[0]])}?{query}" if most and most[1] else None
        capped = any(c.capped for _, c in some)
        return {
            "title": title,
            "count": total,
            "unit": "件以上" if capped else "件",
            "kind": kind if total else "ok" if kind != "neutral" else "neutral",
            "note": note if total else "ありません",
            "url": url,
        }

    return [
        tile("期限を過ぎた案件", "late", "late", "先に手をつける", "due=late"),
        tile("今日が期限", "today", "warn", "今日中に終える", "due=today"),
        tile("3営業日以内に期限", "soon", "info", "次に備える", "due=soon"),
        tile("あなたの担当", "mine", "neutral", "担当している案件", "owner=me"),
        tile("これから送る通知", "letters", "info", "「通知の発送」で印刷する", "letters=1"),
        tile("宛所不明で戻った案件", "returned", "warn", "住所を確かめる", "returned=1"),
    ]


def _groups(kinds: tuple[CaseKind, ...], counts: tuple[KindToday, ...]) -> list[dict[str, Any]]:
    found: dict[Group | None, list[dict[str, Any]]] = {}
    for kind, count in zip(kinds, counts, strict=True):
        found.setdefault(kind.group, []).append({"kind": kind, "count": count})
    return [{"title": group.label if group else "支部", "rows": rows} for group, rows in found.items()]


urlpatterns = [path("", today, name="today")]
