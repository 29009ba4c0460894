"""山口支部 with something of everything in it, each with words that stand nowhere else; import only where Django is ready.

The words are names of birds: whoever reads one where it is not for them has read too much. Nobody here is real.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.db import connection
from django.utils import timezone
from pydantic import BaseModel
from tests import mail
from tests.contents import NOTICE, SHEET, VOICE
from tests.offices import People
from tests.plan import plans

from kenpo.catalogue import CASEKINDS
from kenpo.foundation.service.cases import VoiceContent
from kenpo.frame import cases
from kenpo.frame.casekind import CaseKind
from kenpo.frame.cases import Case
from kenpo.office import attachments, audit, bulk, casework, letters, optouts, tally, tokens
from kenpo.office.acting import acting
from kenpo.office.models import (
    Account,
    ApiRequest,
    ApiToken,
    Attachment,
    Bulk,
    ControlRow,
    LetterBatch,
    LetterRow,
    LetterRun,
    Opening,
    OpeningRow,
    OptOut,
    PlanStep,
)
from kenpo.office.tokens import Scope
from kenpo.plan.model import Initiative, Pillar
from kenpo.plan.store import Plans
from kenpo.strategy.generics.cases import NoticeContent

VOICES, NOTICES, SHEETS = (
    CASEKINDS[id] for id in ("customer_voice", "generic_notice", "generic_institution_sheet")
)


@dataclass(frozen=True)
class FullBranch:
    """What there is: a voice just received and one whose answer is drafted, a notice to be decided, one that was sent and
    one to be sent, a sheet, and what goes with them. words: what only some may read, by what it belongs to.
    """

    received: Case
    drafted: Case
    notice: Case
    sent: Case
    due: Case
    sheet: Case
    file: Attachment
    done: Bulk
    waiting: Bulk
    run: LetterRun
    batch: LetterBatch
    letter: LetterRow
    opening: Opening
    opt_out: OptOut
    job: int
    token: ApiToken
    words: Mapping[str, tuple[str, ...]]


def fill(people: People) -> FullBranch:
    """Use everything of 山口支部 once. Afterwards nobody acts."""
    clerk, today = people.yamamoto, timezone.localdate()
    subject = mail.subject(1)
    mail.fill(mail.identity(1, name="架空 ヒバリ", kana="ｶｸｳ ﾋﾊﾞﾘ", address="山口県架空市 ヒバリ丘1番地"))

    received = _opened(clerk, VOICES, "V-1", _voice("ウグイスの申出"), subject)
    drafted = _opened(clerk, VOICES, "V-2", _voice("ウグイスの相談"))
    with acting(clerk.actor):
        casework.act(received.id, cases.comment, "ウグイスのコメント", expected=None)
        file = attachments.add(received.id, "スズメの控え.txt", "スズメの中身".encode(), expected=None)
        casework.act(drafted.id, cases.decide, expected=None)
        casework.act(drafted.id, cases.move, "draft", expected=None)

    sent = _sent(people, "N-1", _notice("メジロ錠10mg"), subject)
    with acting(clerk.actor):
        run = letters.begin(NOTICES, NOTICES.letters[0], day=today)
    letters.letter_run(run.pk, run.branch, run.by)
    due = _sent(people, "N-5", _notice("メジロ錠50mg"), mail.subject(5))

    notice = _opened(clerk, NOTICES, "N-2", _notice("メジロ錠20mg"), mail.subject(2))
    sheet = _opened(clerk, SHEETS, "I-1", SHEET.model_copy(update={"name": "ツバメ薬局"}), "3510000001")
    with acting(people.yamada.actor):
        seen = casework.load(notice.id).case.sequence
        done = bulk.start(
            NOTICES, "assign", [(notice.id, seen)], argument=clerk.staff_id, reason="メジロの割当て"
        )
    with acting(clerk.actor):
        waiting = bulk.prepare(NOTICES, "release", [(notice.id, casework.load(notice.id).case.sequence)])
        opt_out = optouts.record(
            subject_kind="member", subject=subject, kind="", since=today, way=optouts.Way.PHONE, today=today
        )
        opening = _opening(clerk)
        tally.count("35", today)
        audit.record(audit.What.EXPORTED, case=received.id, subject=subject, detail="カワセミの操作")
        job = _failed_job(clerk)
        PlanStep.objects.create(
            branch="35",
            plan=PLAN,
            period=PERIOD,
            step="returned",
            mark="0" * 64,
            note="コマドリの差戻し",
            by="35-yamada",
        )
        tokens.make(clerk, "キビタキの集計", [Scope.FIGURES], today)
        token = ApiToken.objects.get()
        ApiRequest.objects.create(
            token=token, key="irai-0001", branch="35", question="0" * 64, answer={"said": "キビタキの答え"}
        )
        batch, letter = LetterBatch.objects.get(run=run), LetterRow.objects.get(run=run)
    _nobody_acts()

    number = casework.number
    return FullBranch(
        received=received,
        drafted=drafted,
        notice=notice,
        sent=sent,
        due=due,
        sheet=sheet,
        file=file,
        done=done,
        waiting=waiting,
        run=run,
        batch=batch,
        letter=letter,
        opening=opening,
        opt_out=opt_out,
        job=job,
        token=token,
        words={
            "お客様の声": ("ウグイス", received.id, number(received.id), drafted.id, number(drafted.id)),
            "添付ファイル": ("スズメ", str(file.id)),
            "軽減額通知": (
                "メジロ",
                notice.id,
                number(notice.id),
                *(x for c in (sent, due) for x in (c.id, number(c.id))),
            ),
            "見える化ツール": ("ツバメ", sheet.id, number(sheet.id)),
            "通知": (str(letter.number), str(letter.token)),
            "操作記録": ("カワセミ",),
            "事業計画": ("コマドリ",),
            "APIの鍵": ("キビタキ",),
            "個人情報": ("ヒバリ", "ﾋﾊﾞﾘ"),
            "加入者ID": (subject,),
            "職員": ("山口支部の山", "35-yama"),
        },
    )


def write_plan(folder: Path) -> None:
    """The plan of 山口支部 and the beginning of a progress report, as plan files of an office."""
    initiative = Initiative(
        number="①",
        title="コマドリの広報",
        text=("コマドリの便りを出す。",),
        owner="企画総務グループ",
        kpis=(plans.kpi("generic_volume_share", {"kind": "at_least", "value": "82.0"}),),
    )
    pillar = Pillar(number="1.", title="基盤的保険者機能", initiatives=(initiative,))
    plan = plans.plan(
        branch="35", year=2025, title="令和7年度山口支部事業計画（コマドリ）", pillars=(pillar,)
    )
    store = Plans(folder)
    store.save(plan)
    store.save(plans.progress(plan, PERIOD))


PLAN, PERIOD = "35-2025", "2025H1"


def _sent(people: People, key: str, content: NoticeContent, subject: str) -> Case:
    """A notice that was selected, decided and handed to the post."""
    made = _opened(people.yamamoto, NOTICES, key, content, subject)
    with acting(people.yamamoto.actor):
        casework.act(made.id, cases.decide, expected=None)
        casework.act(made.id, cases.move, "select", expected=None, reason="メジロの理由")
    with acting(people.yamane.actor):
        casework.act(made.id, cases.move, "approve", expected=None)
    with acting(people.yamamoto.actor):
        casework.act(made.id, cases.move, "send", expected=None)
    return made


def _voice(said: str) -> VoiceContent:
    return VOICE.model_copy(update={"said": said, "found": "ウグイスの調査", "answer": "ウグイスの回答"})


def _notice(drug: str) -> NoticeContent:
    first, *others = NOTICE.notice.drugs
    drugs = (first.model_copy(update={"name": drug}), *others)
    return NOTICE.model_copy(update={"notice": NOTICE.notice.model_copy(update={"drugs": drugs})})


def _opened(who: Account, kind: CaseKind, key: str, content: BaseModel, subject: str | None = None) -> Case:
    listed = kind.worklist and {
        "worklist": kind.worklist, "reason": "saving", "reason_label": "軽減額が基準以上", "month": "2026-03-01",
        "file": "RECODEINFO_MED.CSV", "source_line": 12345,
    }  # fmt: skip
    with acting(who.actor) as duty:
        event = cases.open_case(
            kind,
            branch=duty.branch,
            key=key,
            content=content,
            received_on=timezone.localdate(),
            actor=duty.actor,
            when=timezone.now(),
            subject=subject,
            priority=1 if listed else None,
            origin=listed or {"key": key},
        )
        return casework.start(event)


def _opening(clerk: Account) -> Opening:
    """A plan that waits to be confirmed, and one who was held out."""
    made = Opening.objects.create(
        branch="35",
        kind=NOTICES.id,
        worklist=NOTICES.worklist,
        settings={"month": "2026-03-01", "capacity": None, "control_percent": "0", "quiet_days": 0, "seed": "3f9a12bc"},
        state="prepared",
        counts={"rows": 1, "open": 1, "control": 0, "over": 0, "excluded": {}, "done": 0, "day": str(timezone.localdate()),
                "data": "", "notes": []},
        by=clerk.staff_id,
    )  # fmt: skip
    OpeningRow.objects.create(
        branch="35", opening=made, place=1, case="a" * 32, key="N-3", subject=mail.subject(3), priority=1,
        reason="saving", outcome="open", summary="メジロの対象者", row={"reason_label": "軽減額が基準以上"},
        content=_notice("メジロ錠30mg").model_dump(mode="json"),
    )  # fmt: skip
    ControlRow.objects.create(
        id="b" * 32, branch="35", kind=NOTICES.id, key="N-4", subject=mail.subject(4), opening=made.pk, origin={},
        held_on=timezone.localdate(),
    )  # fmt: skip
    return made


def _failed_job(clerk: Account) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into procrastinate_jobs (queue_name, task_name, args, status, attempts)"
            " values ('default', 'kenpo.bulk', %s, 'failed', 1) returning id",
            [json.dumps({"id": 0, "branch": clerk.branch, "by": clerk.staff_id})],
        )
        (job,) = cursor.fetchone() or (0,)
    return job


def _nobody_acts() -> None:
    """What somebody was allowed to see in this transaction is allowed no more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('kenpo.branch', '', true), set_config('kenpo.writes', '', true), set_config('kenpo.home', '', true)"
        )
