"""What every page shows around its content (画面の枠): who, where, the way to the other pages, how current the data is."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from kenpo.base.era import to_wareki_month
from kenpo.base.errors import KenpoError
from kenpo.frame.casekind import Group, Role
from kenpo.frame.cases import Access, access
from kenpo.office.acting import STAFF, looked_at
from kenpo.office.models import Account


def office(request: HttpRequest) -> dict[str, Any]:
    """The context of every page, under `office`. Nothing is asked of the database."""
    user = getattr(request, "user", None)
    shown: dict[str, Any] = {"environment": settings.CONFIG.environment, "version": _version()}
    if not isinstance(user, Account):
        return {"office": shown}
    from kenpo.base.branches import BRANCHES, branch_or_nation

    actor = user.actor
    place = looked_at(request, actor)
    return {
        "office": {
            **shown,
            "person": {"name": user.name, "roles": user.role_labels, "staff_id": user.staff_id},
            "branch": place,
            "branch_name": "本部（全国）" if place == "00" else branch_or_nation(place).name,
            "head_office": Role.HEAD_OFFICE in actor.roles,
            "branches": BRANCHES if Role.HEAD_OFFICE in actor.roles else (),
            "nav": _nav(request, user, place),
            "cutoff": cutoff(),
        }
    }


def _nav(request: HttpRequest, user: Account, place: str) -> list[dict[str, Any]]:
    from kenpo.catalogue import CASEKINDS

    kinds = [k for k in CASEKINDS.values() if access(k, place, user.actor) is Access.CONTENT]
    groups = [
        (
            title,
            [
                (name, reverse(page))
                for name, page, roles in pages
                if (not roles or user.has(*roles)) and _there(page)
            ],
        )
        for title, pages in _PAGES
    ]
    if _there("queue", "x"):
        groups.insert(1, ("案件", [(k.title, reverse("queue", args=[k.id])) for k in kinds]))
    return [
        {
            "title": title,
            "items": [
                {
                    "title": name,
                    "url": url,
                    "current": request.path == url or (url != "/" and request.path.startswith(url)),
                }
                for name, url in items
            ],
        }
        for title, items in groups
        if items
    ]


def _there(page: str, *args: str) -> bool:
    try:
        reverse(page, args=args)
    except NoReverseMatch:
        return False
    return True


_LEADERS = tuple(r for r in Role if r.level in ("checker", "approver") or r is Role.BRANCH_HEAD)

_PLANNERS = (Role.BRANCH_HEAD, *(r for r in Role if r.group is Group.PLANNING), Role.HEAD_OFFICE)

_PAGES: tuple[tuple[str, tuple[tuple[str, str, tuple[Role, ...]], ...]], ...] = (
    (
        "仕事",
        (
            ("今日", "today", ()),
            ("対象者リスト", "worklists", STAFF),
            ("通知の発送", "letters", STAFF),
            ("返送の記録", "returned", STAFF),
            ("個人情報で探す", "find", STAFF),
            ("通知を希望しない人", "opt_outs", STAFF),
        ),
    ),
    (
        "計画",
        (
            ("計画の進捗", "board", (*STAFF, Role.HEAD_OFFICE)),
            ("事業計画", "plans", (*STAFF, Role.HEAD_OFFICE)),
            ("全支部の進捗", "boards", _PLANNERS),
            ("指標", "figures", (*STAFF, Role.HEAD_OFFICE)),
        ),
    ),
    (
        "管理",
        (
            ("仕事の分担", "workload", _LEADERS),
            ("処理の状況", "jobs", (*STAFF, Role.ADMINISTRATOR, Role.HEAD_OFFICE)),
            ("操作記録", "audit", (Role.BRANCH_HEAD, Role.ADMINISTRATOR, Role.HEAD_OFFICE)),
            ("利用者", "accounts", (Role.ADMINISTRATOR,)),
            ("保存期間", "retention", ()),
        ),
    ),
)
"""Group → pages: title, name of the address, and the roles that see it (all when none is named)."""


def cutoff() -> str:
    """The data cut-off (データ締切) of the lake: its newest month and its version; nothing without a lake."""
    try:
        return _cutoff(_stamp())
    except (KenpoError, OSError):
        return ""


def _stamp() -> float:
    return (settings.CONFIG.lake / "manifest.sqlite").stat().st_mtime


@lru_cache(maxsize=4)
def _cutoff(stamp: float) -> str:
    from kenpo.frame.months import data_months
    from kenpo.lake import Lake

    lake = Lake.open(settings.CONFIG.lake)
    months = data_months(lake)
    until = f"{to_wareki_month(months[-1])}診療分まで" if months else "データなし"
    return f"{until}（{lake.version()}）"


@lru_cache(maxsize=1)
def _version() -> str:
    from importlib.metadata import version

    return version("kenpo")
