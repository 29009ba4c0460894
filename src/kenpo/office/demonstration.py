"""The office of the invented branch (架空の支部の案件システム): people, identities, and work under way, so that every page shows something.

python -m kenpo.office.demonstration FILES KEY MONTH PASSWORD, in the environment of the office that is filled. Everything
is done as people would do it, by those whose roles allow it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from kenpo.base.branches import NATION_CODE
from kenpo.base.era import parse_month
from kenpo.frame.casekind import Role
from kenpo.intake.keys import load_key
from kenpo.intake.membership.identities import identities
from kenpo.lake import Lake
from kenpo.office import config, serving

BRANCH, OTHER = "35", "13"
_NOTICE, _VOICE = "generic_notice", "customer_voice"

PEOPLE: tuple[tuple[str, str, str, Role], ...] = (
    ("35-yamamoto", "山口支部の山本", BRANCH, Role.PLANNING_CLERK),
    ("35-yamada", "山口支部の山田", BRANCH, Role.PLANNING_CHECKER),
    ("35-yamane", "山口支部の山根", BRANCH, Role.PLANNING_APPROVER),
    ("35-yamanaka", "山口支部の山中", BRANCH, Role.OPERATIONS_CLERK),
    ("35-yamamura", "山口支部の山村", BRANCH, Role.OPERATIONS_CHECKER),
    ("35-yamauchi", "山口支部の山内", BRANCH, Role.OPERATIONS_APPROVER),
    ("35-yamashita", "山口支部の山下", BRANCH, Role.RECEIPTS_CLERK),
    ("35-yamaoka", "山口支部の山岡", BRANCH, Role.RECEIPTS_CHECKER),
    ("35-yamagata", "山口支部の山形", BRANCH, Role.RECEIPTS_APPROVER),
    ("35-yamakawa", "山口支部の山川", BRANCH, Role.HEALTH_CLERK),
    ("35-yamagishi", "山口支部の山岸", BRANCH, Role.HEALTH_CHECKER),
    ("35-yamaki", "山口支部の山木", BRANCH, Role.HEALTH_APPROVER),
    ("35-yamaguchi", "山口支部の山口支部長", BRANCH, Role.BRANCH_HEAD),
    ("35-yamazaki", "山口支部の山崎", BRANCH, Role.ADMINISTRATOR),
    ("00-honda", "本部の本田", NATION_CODE, Role.HEAD_OFFICE),
    ("13-azuma", "東京支部の東", OTHER, Role.PLANNING_CLERK),
)
"""職員番号, name, branch and role of everybody: every role of 山口支部, 本部, and another branch."""

_VOICES: tuple[dict[str, Any], ...] = (
    {
        "channel": "phone", "sort": "complaint", "about": "benefits", "wants_answer": True, "answer_by": "letter",
        "said": "傷病手当金を申請して三週間たつが、何の連絡もない。いつ支払われるのか。",
        "found": "申請書の事業主証明に記入漏れがあり、事業所に照会していた。本人には知らせていなかった。",
        "gist": "傷病手当金の支払いが遅れていることへのご不満",
        "answer": "申請書の確認に時間を要し、そのことをお知らせしておりませんでした。お詫びいたします。",
        "improvement": "照会で支払いが遅れるときは、申請された方に電話でお知らせします。",
    },
    {
        "channel": "web", "sort": "opinion", "about": "checkups", "wants_answer": False,
        "said": "健診の予約ができる医療機関を、地図で探せるようにしてほしい。",
    },
    {
        "channel": "visit", "sort": "praise", "about": "manners", "wants_answer": False,
        "said": "窓口の説明が丁寧で分かりやすかった。",
    },
    {
        "channel": "letter", "sort": "question", "about": "cards", "wants_answer": True, "answer_by": "phone",
        "said": "資格確認書はいつまで使えるのか。",
    },
    {
        "channel": "phone", "sort": "opinion", "about": "publicity", "wants_answer": False,
        "said": "ジェネリック医薬品のお知らせの文字が小さくて読みにくい。",
    },
    {
        "channel": "head_office", "sort": "complaint", "about": "premiums", "wants_answer": True, "answer_by": "letter",
        "said": "任意継続の保険料の納付書が届くのが遅い。",
    },
)  # fmt: skip


def main(files: Path, key: Path, month: date, password: str) -> None:
    """Fill the office of the environment."""
    settings = config.read()
    Lake.open(settings.lake)
    serving.ready(settings)
    accounts(password)
    _say(f"利用者　{len(PEOPLE)} 人")
    from kenpo.office import vault

    filled = vault.fill(identities([files], load_key(key, settings.lake)))
    _say(f"個人情報の保管庫　{filled.new:,} 件（暗号化）")
    notices(month)
    voices()
    finish()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def accounts(password: str) -> None:
    """Everybody's account."""
    from kenpo.office.models import Account

    for staff_id, name, branch, role in PEOPLE:
        Account.objects.make(staff_id, name, branch, [role], password)


def _actor(staff_id: str) -> Any:
    from kenpo.office.acting import account_of

    return account_of(staff_id).actor


def notices(month: date) -> None:
    """The notice of what a generic saves: from the worklist to letters sent and come back, and a control group."""
    from kenpo.catalogue import CASEKINDS
    from kenpo.frame import cases
    from kenpo.office import casework, letters, opening, optouts
    from kenpo.office.acting import acting
    from kenpo.office.models import CaseRow, LetterRow

    kind = CASEKINDS[_NOTICE]
    clerk, head = _actor("35-yamamoto"), _actor("35-yamane")
    with acting(clerk):
        begun = opening.begin(kind, opening.Terms(month, capacity=400, control_percent=Decimal(10)))
    opening.prepare(begun.pk, clerk)
    with acting(clerk):
        opening.confirm(begun.pk)
    while opening.open_some(begun.pk, clerk):
        pass
    with acting(clerk):
        begun.refresh_from_db()
        listed = CaseRow.objects.filter(kind=kind.id).order_by("priority", "id")
        ids = list(listed.values_list("id", flat=True))
        _say(f"{kind.title}　案件 {len(ids):,} 件、対照群 {begun.counts['control']:,} 件")
    chosen, claimed = ids[:120], ids[120:150]
    _each(clerk, chosen, cases.decide)
    _each(clerk, chosen, cases.move, "select")
    _each(head, chosen[:80], cases.move, "approve")
    _each(clerk, chosen[:60], cases.move, "send")
    _each(clerk, claimed, cases.claim)
    _each(clerk, claimed[:10], cases.comment, "電話で薬局の在庫を確かめる。")
    with acting(clerk):
        due = letters.begin(kind, kind.letter("notice"), day=date.today(), count=40)
    letters.letter_run(id=due.pk, branch=BRANCH, by=clerk.id)
    with acting(clerk):
        sent = LetterRow.objects.filter(run=due, batch__isnull=False).order_by("pk")
        _say(f"通知　{sent.count():,} 通を印刷")
        for row in sent[:3]:
            letters.came_back(str(row.token), letters.REASONS[0])
        for row in sent[5:7]:
            optouts.record(
                subject_kind="member", subject=row.subject, kind="", since=date.today(), way=optouts.Way.PHONE, today=date.today(),
            )  # fmt: skip
        casework.load(ids[0])


def voices() -> None:
    """お客様の声, at every stage of being answered."""
    from kenpo.catalogue import CASEKINDS
    from kenpo.frame import cases
    from kenpo.office import casework
    from kenpo.office.acting import acting
    from kenpo.office.models import VaultIdentity

    kind = CASEKINDS[_VOICE]
    clerk, checker, head = _actor("35-yamamoto"), _actor("35-yamada"), _actor("35-yamane")
    with acting(clerk):
        known = VaultIdentity.objects.filter(branch=BRANCH, subject_kind="member").order_by("subject")
        subjects: list[str | None] = list(known.values_list("subject", flat=True)[: len(_VOICES)])
        now = casework.now()
        events = [
            cases.open_case(
                kind, branch=BRANCH, key=f"voice-{n}", content=content, received_on=date.today() - timedelta(days=4 * n),
                actor=clerk, when=now, subject=subject if content["wants_answer"] else None,
            )
            for n, (content, subject) in enumerate(zip(_VOICES, subjects, strict=False))
        ]  # fmt: skip
        casework.open_many(events)
    ids = [e.case for e in events]
    _each(clerk, ids[:2], cases.move, "take")
    _each(clerk, ids[:1], cases.decide)
    _each(clerk, ids[:1], cases.move, "draft")
    _each(checker, ids[:1], cases.move, "check")
    _each(head, ids[:1], cases.move, "approve")
    _each(clerk, ids[2:3], cases.decide)
    _each(clerk, ids[2:3], cases.move, "no_answer")
    _each(clerk, ids[3:4], cases.move, "ask", reason="対象の方の資格の種類を確かめる。")
    _each(clerk, ids[4:5], cases.claim)
    _say(f"{kind.title}　{len(ids)} 件")


def _each(actor: Any, ids: Sequence[str], verb: Any, *args: Any, **kwargs: Any) -> None:
    from kenpo.office import casework
    from kenpo.office.acting import acting

    for start in range(0, len(ids), 50):
        with acting(actor):
            refused = casework.act_each(dict.fromkeys(ids[start : start + 50]), verb, *args, **kwargs)
            for error in filter(None, refused.values()):
                raise error


def finish() -> None:
    """What the nights do: tallies, the snapshot into the lake, anchors of the histories; and jobs that wait."""
    from kenpo.office import snapshot, tally, verifying

    tally.count_all()
    done = snapshot.run()
    _say(f"データの置き場に写した案件　{done.cases:,} 件")
    verifying.anchor_all(date.today())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), parse_month(sys.argv[3]), sys.argv[4])
