"""Targets in words (目標の書き方): what `targets.describe` writes, read again."""

from __future__ import annotations

import re

from kenpo.plan.model import Kpi
from kenpo.plan.sentences import kpis_in
from kenpo.plan.targets import Done, Equal, Target, as_written
from kenpo.plan.vocabulary import known, plain

_EXACTLY = re.compile(r"^(-?[0-9][0-9,]*(?:\.[0-9]+)?)(?:%|円|事業所|支部|日|社|位)?$")


def target_in(words: str, kpi: Kpi) -> tuple[Target | None, tuple[str, ...]]:
    """The target that words state of a KPI (95.0％以上、対前年度以上（0.35％以上）、実施), and what is doubtful about it.

    The target is None when they state none.
    """
    if exactly := _EXACTLY.match(plain(words)):
        return Equal(value=as_written(exactly[1].replace(",", ""))), ()
    if re.fullmatch(r"(全支部で)?(毎月)?実施(する)?", words.strip()):
        return Done(every_month="毎月" in words, all_branches="全支部" in words), ()
    term = known(kpi.measure)
    sentence = term.sentence.replace("{target}", words) if term else f"{kpi.text}{words}"
    stated = next((s for s in kpis_in(sentence) if s.target is not None), None)
    return (stated.target, tuple(stated.doubts)) if stated else (None, ())
