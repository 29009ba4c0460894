"""A content of every kind of case of the catalogue; a new kind adds its own here."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel

from kenpo.foundation.service.cases import About, AnswerBy, Channel, Sort, VoiceContent
from kenpo.frame import Group
from kenpo.strategy.generics.cases import NoticeContent
from kenpo.strategy.generics.letters import (
    Compared,
    InstitutionSheet,
    Mover,
    SwitchDrug,
    SwitchNotice,
    TrendMonth,
)

MARCH = date(2026, 3, 1)

VOICE = VoiceContent(
    channel=Channel.PHONE,
    sort=Sort.COMPLAINT,
    about=About.BENEFITS,
    said="申請から振込みまでの期間が分からない。",
    wants_answer=True,
    answer_by=AnswerBy.LETTER,
    found="受付の状況を伝えていなかった。",
    gist="いつ振り込まれるのかが分からない。",
    answer="申請書を受け付けてから原則として10営業日以内にお支払いしています。\n説明が十分ではありませんでした。",
    improvement="応対の手引きを改めます。",
    improving_group=Group.OPERATIONS,
    improve_by=date(2026, 6, 30),
)

NOTICE = NoticeContent(
    age=57,
    notice=SwitchNotice(
        month=MARCH,
        drugs=(
            SwitchDrug(name="架空薬0錠", days=28, cost=1340, saving=840),
            SwitchDrug(name="架空薬1錠", days=28, cost=901, saving=401),
        ),
        saving=1240,
    ),
)

SHEET = InstitutionSheet(
    institution="1319990001",
    name="架空薬局",
    sort="薬局",
    month=MARCH,
    receipts=120,
    branches=47,
    quantity=1000,
    generic=723,
    compared=(
        Compared(label="架空薬局", share=Decimal("72.3"), own=True),
        Compared(label="新宿区", share=Decimal("80.1")),
        Compared(label="東京都", share=Decimal("81.0")),
        Compared(label="全国", share=None),
    ),
    trend=(
        TrendMonth(month=date(2026, 2, 1), own=None, prefecture=Decimal("80.9")),
        TrendMonth(month=MARCH, own=Decimal("72.3"), prefecture=Decimal("81.0")),
    ),
    movers=(Mover(name="架空薬1錠", quantity=100, share=Decimal("82.3")),),
    more=2,
    all_share=Decimal("82.3"),
)

EXAMPLES: dict[str, BaseModel] = {
    "customer_voice": VOICE,
    "generic_notice": NOTICE,
    "generic_institution_sheet": SHEET,
}
