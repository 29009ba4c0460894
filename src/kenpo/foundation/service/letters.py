"""Letters of お客様の声: the answer in writing (回答書)."""

from __future__ import annotations

from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from kenpo.frame.letter import Letter


class Reply(BaseModel):
    """What the answer says: how the voice came (お電話で), what it was about, how it is thanked for, its gist in our words, the
    answer, and what is made better; the last may be blank.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str = Field(min_length=1)
    about: str = Field(min_length=1)
    opening: str = Field(min_length=1)
    closing: str
    gist: str
    answer: str = Field(min_length=1)
    improvement: str


REPLY = Letter(
    id="customer_voice_reply",
    title="お寄せいただいた声への回答",
    template=files("kenpo.foundation.service") / "letters" / "reply.typ",
    content=Reply,
    to="member",
    law="協会けんぽ 保険者機能強化アクションプラン（お客様満足度の向上、お客様の声）",
)
