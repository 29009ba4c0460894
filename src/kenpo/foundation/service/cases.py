"""Cases of お客様の声: every voice is taken down, looked into, answered with the branch's decision, and asked what to make better."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from kenpo.base.errors import ArgumentError
from kenpo.foundation.service.letters import REPLY, Reply
from kenpo.frame import (
    ApprovalStep,
    CaseKind,
    Clock,
    Deadline,
    Decision,
    Group,
    Letter,
    Level,
    Move,
    Reason,
    Retention,
    Role,
    State,
    Step,
    Subject,
    approval_chain,
    staff,
)


class Channel(StrEnum):
    """How a voice came in (受付経路)."""

    PHONE = "phone"
    LETTER = "letter"
    EMAIL = "email"
    VISIT = "visit"
    WEB = "web"
    SURVEY = "survey"
    HEAD_OFFICE = "head_office"

    @property
    def label(self) -> str:
        """The Japanese name."""
        return _CHANNELS[self]


_CHANNELS = {
    Channel.PHONE: "電話",
    Channel.LETTER: "手紙",
    Channel.EMAIL: "電子メール",
    Channel.VISIT: "来訪",
    Channel.WEB: "ウェブの入力欄",
    Channel.SURVEY: "アンケート",
    Channel.HEAD_OFFICE: "本部からの回付",
}
_CAME_BY = {
    Channel.PHONE: "お電話で",
    Channel.LETTER: "お手紙で",
    Channel.EMAIL: "電子メールで",
    Channel.VISIT: "窓口で",
    Channel.WEB: "ホームページから",
    Channel.SURVEY: "アンケートで",
    Channel.HEAD_OFFICE: "本部あてに",
}


class Sort(StrEnum):
    """What a voice is (区分): complaint, opinion or wish, praise, question."""

    COMPLAINT = "complaint"
    OPINION = "opinion"
    PRAISE = "praise"
    QUESTION = "question"

    @property
    def label(self) -> str:
        """The Japanese name."""
        return _SORTS[self]


_SORTS = {
    Sort.COMPLAINT: "苦情",
    Sort.OPINION: "意見・要望",
    Sort.PRAISE: "お褒め",
    Sort.QUESTION: "照会",
}
_OPENINGS = {
    Sort.COMPLAINT: ("ご指摘をいただき、", "ご不快・ご不便をおかけしましたことをお詫び申し上げます。"),
    Sort.OPINION: ("ご意見・ご要望をお寄せいただき、", ""),
    Sort.PRAISE: ("温かいお言葉をいただき、", ""),
    Sort.QUESTION: ("お尋ねをいただき、", ""),
}


class About(StrEnum):
    """What a voice is about (対象業務)."""

    BENEFITS = "benefits"
    CARDS = "cards"
    CHECKUPS = "checkups"
    GUIDANCE = "guidance"
    RECEIPTS = "receipts"
    PREMIUMS = "premiums"
    PUBLICITY = "publicity"
    MANNERS = "manners"
    OTHER = "other"

    @property
    def label(self) -> str:
        """The Japanese name."""
        return _ABOUT[self]


_ABOUT = {
    About.BENEFITS: "現金給付",
    About.CARDS: "資格・資格確認書・任意継続",
    About.CHECKUPS: "健診",
    About.GUIDANCE: "保健指導",
    About.RECEIPTS: "レセプト・医療費",
    About.PREMIUMS: "保険料率・財政",
    About.PUBLICITY: "広報・ホームページ",
    About.MANNERS: "職員の応対",
    About.OTHER: "その他",
}
_TOLD = {About.RECEIPTS: "医療費のお知らせ", About.OTHER: "当支部の業務"}


class AnswerBy(StrEnum):
    """How the person is answered (回答方法)."""

    LETTER = "letter"
    PHONE = "phone"
    EMAIL = "email"
    MEETING = "meeting"

    @property
    def label(self) -> str:
        """The Japanese name."""
        return {"letter": "書面", "phone": "電話", "email": "電子メール", "meeting": "面談"}[self]


_LONG: dict[str, Any] = {"multiline": True}
_NAMELESS = "氏名・住所・電話番号・記号番号は書かない"


class VoiceContent(BaseModel):
    """What is recorded of a voice (お客様の声の内容). Who spoke is the case's subject, or nobody for an anonymous one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: Channel = Field(title="受付経路")
    sort: Sort = Field(title="区分")
    about: About = Field(title="対象業務")
    said: str = Field(
        min_length=1,
        title="申出の内容",
        description=f"申出のとおりに書く。{_NAMELESS}",
        json_schema_extra=_LONG,
    )
    wants_answer: bool = Field(title="申出人が回答を希望するか")
    answer_by: AnswerBy | None = Field(default=None, title="回答方法")
    found: str = Field(default="", title="調べて分かったこと", description=_NAMELESS, json_schema_extra=_LONG)
    gist: str = Field(default="", title="申出の要旨", description="回答書に載せる", json_schema_extra=_LONG)
    answer: str = Field(default="", title="回答内容", description="回答書に載せる", json_schema_extra=_LONG)
    improvement: str = Field(
        default="", title="改善策", description="回答書に載せる。なければ空にする", json_schema_extra=_LONG
    )
    improving_group: Group | None = Field(default=None, title="改善の担当グループ")
    improve_by: date | None = Field(default=None, title="改善期限")


def voice_summary(content: VoiceContent) -> str:
    """電話　苦情　現金給付（回答を希望）. What was said is not quoted: it may name somebody."""
    wish = "回答を希望" if content.wants_answer else "回答を希望しない"
    return f"{content.channel.label}　{content.sort.label}　{content.about.label}（{wish}）"


def voice_reply(content: VoiceContent) -> Reply:
    """The answer in writing. Raises ArgumentError while there is no answer to print."""
    if not content.answer.strip():
        raise ArgumentError(
            "回答内容が書かれていないため、回答書を作れません。",
            todo="回答内容を書いて決裁を受けてください。",
        )
    opening, closing = _OPENINGS[content.sort]
    return Reply(
        channel=_CAME_BY[content.channel],
        about=_TOLD.get(content.about, content.about.label),
        opening=opening,
        closing=closing,
        gist=content.gist,
        answer=content.answer,
        improvement=content.improvement,
    )


READY = Reason("answer_ready", "回答を希望しており、回答方法と回答内容がそろっている")
NOT_WANTED = Reason("answer_not_wanted", "申出人が回答を希望していないため、回答を要しない")
NO_WAY = Reason("answer_way_missing", "回答を希望しているが、回答方法が決まっていない")
NO_WORDS = Reason("answer_missing", "回答を希望しているが、回答内容が書かれていない")


def decide_voice(content: VoiceContent, parameters: Mapping[str, Any]) -> Decision:
    """Whether the voice is to be answered, and whether the answer can be put to the vote (回答の要否と、回答案がそろったか).

    Whether something is to be made better is for people to judge.
    """
    source = "支部のお客様の声の取扱い（申出人の希望による）"
    wanted = Step("回答の要否", "申出人の希望", source, "要する" if content.wants_answer else "要しない")
    if not content.wants_answer:
        return Decision((NOT_WANTED,), steps=(wanted,), move="no_answer")
    lacking = (
        *((NO_WAY,) if content.answer_by is None else ()),
        *(() if content.answer.strip() else (NO_WORDS,)),
    )
    ready = Step("回答案", "回答方法と回答内容の記入", source, "不足がある" if lacking else "そろっている")
    return Decision(lacking or (READY,), steps=(wanted, ready), move=None if lacking else "draft")


PLANNERS = staff(Group.PLANNING)
EVERYONE = (*PLANNERS, *(r for g in Group if g != Group.PLANNING for r in staff(g)))
HEADS = (*staff(Group.PLANNING, Level.CHECKER), Role.BRANCH_HEAD)

ANSWERING = (ApprovalStep("examine", "審査者", EVERYONE), *approval_chain(Group.PLANNING)[1:])
"""The group concerned drafts and examines the answer; 企画総務グループ checks it and decides (審査者 → 確認者 → 決裁者)."""

VOICE = CaseKind(
    id="customer_voice",
    title="お客様の声",
    definition=(
        "電話・手紙・電子メール・来訪などで寄せられた苦情、意見・要望、お褒め、照会を受け付け、調べ、回答を希望する人には決裁を"
        "受けて回答する。そのうえで改善が要るかを検討し、改善したか、しないかで終える。受け付けるのはどのグループでもよく、"
        "とりまとめは企画総務グループ。"
    ),
    law="協会けんぽ 保険者機能強化アクションプラン（お客様満足度の向上、お客様の声）",
    content=VoiceContent,
    summary=voice_summary,
    first="received",
    states=(
        State("received", "受付", "内容を確かめ、調べる人を決めて対応を始める"),
        State("working", "対応中（調査）", "事実を調べ、回答案を書く"),
        State("asking", "申出人に照会中", "申出人の返事を待つ", Clock.STOPPED),
        State("drafted", "回答案（確認待ち）", "回答案を確認する"),
        State("checked", "回答案（決裁待ち）", "回答を決裁する"),
        State("approved", "回答待ち", "決裁のとおりに回答する", approved=True),
        State("answered", "回答済み", "改善が要るかどうかの検討に移る", Clock.STOPPED),
        State("returned", "回答書が返送", "あて先を確かめ、再送するか打ち切る"),
        State(
            "considering",
            "改善の検討",
            "改善策・担当グループ・期限を決めるか、改善なしで終える",
            Clock.STOPPED,
        ),
        State("improving", "改善中", "改善期限までに改善策を終え、結果を記録する", Clock.STOPPED),
        State("improved", "改善済み", clock=Clock.ENDED),
        State("unchanged", "改善なしで終了", clock=Clock.ENDED),
        State("withdrawn", "申出の取下げ", clock=Clock.ENDED),
    ),
    moves=(
        Move("take", "対応を始める", ("received",), "working", EVERYONE),
        Move("ask", "申出人に照会する", ("received", "working"), "asking", EVERYONE, needs_reason=True),
        Move("heard", "申出人の返事を受ける", ("asking",), "working", EVERYONE),
        Move("unheard", "返事がないまま進める", ("asking",), "working", EVERYONE, needs_reason=True),
        Move(
            "draft",
            "回答案を出す",
            ("received", "working"),
            "drafted",
            needs_decision=True,
            approval="examine",
        ),
        Move("check", "回答案を確認済みにする", ("drafted",), "checked", approval="check"),
        Move("approve", "回答を決裁する", ("checked",), "approved", approval="approve"),
        Move(
            "put_back",
            "差し戻す",
            ("drafted", "checked", "approved"),
            "working",
            HEADS,
            needs_reason=True,
            voids_approvals=True,
            hands_over=True,
        ),
        Move("reply", "書面で回答する", ("approved",), "answered", EVERYONE, letter="reply"),
        Move("tell", "書面によらず回答した", ("approved",), "answered", EVERYONE, needs_reason=True),
        Move(
            "no_answer",
            "回答を要しない",
            ("received", "working"),
            "considering",
            EVERYONE,
            needs_decision=True,
        ),
        Move("came_back", "回答書が戻る", ("answered",), "returned", EVERYONE, needs_reason=True),
        Move("resend", "確かめたあて先に再送する", ("returned",), "approved", EVERYONE, needs_reason=True),
        Move(
            "give_up",
            "回答を打ち切る",
            ("returned",),
            "considering",
            EVERYONE,
            needs_reason=True,
            voids_approvals=True,
        ),
        Move("consider", "改善を検討する", ("answered",), "considering", EVERYONE, voids_approvals=True),
        Move("improve", "改善に取り組む", ("considering",), "improving", EVERYONE),
        Move("reconsider", "改善策を見直す", ("improving",), "considering", EVERYONE, needs_reason=True),
        Move("finish", "改善を終える", ("improving",), "improved", EVERYONE, needs_reason=True),
        Move("leave", "改善なしで終える", ("considering",), "unchanged", PLANNERS, needs_reason=True),
        Move(
            "withdraw",
            "申出の取下げを受ける",
            ("received", "working", "asking"),
            "withdrawn",
            EVERYONE,
            needs_reason=True,
        ),
        Move(
            "reopen",
            "再開する",
            ("improved", "unchanged", "withdrawn"),
            "working",
            HEADS,
            needs_reason=True,
            reopens=True,
        ),
    ),
    retention=Retention(
        5, "同じ申出への対応と改善の検証のため。協会の文書保存の定めは公表資料で確かめておらず、5年は既定値"
    ),
    deadline=Deadline(
        "customer_voice_answer_days", "支部のお客様の声の取扱い。公表された期限はなく、パラメータの値は既定値"
    ),
    subject=Subject.MEMBER,
    approval=ANSWERING,
    letters=(Letter("reply", "お客様の声への回答書", REPLY, voice_reply, "came_back"),),
    decide=decide_voice,
    reasons=(READY, NOT_WANTED, NO_WAY, NO_WORDS),
)

CASES = (VOICE,)
