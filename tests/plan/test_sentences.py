"""KPI sentences: every wording of the KPIs, what must be checked by a person, and sentences kenpo itself writes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kenpo.plan.sentences import Stated, kpis_in, sentences, unwrapped, without_footnotes
from kenpo.plan.targets import (
    AtLeast,
    AtMost,
    BranchSpecific,
    Generic80,
    NotAboveLastYear,
    NotBelowLastYear,
    SingleBid,
    Target,
    describe,
)
from kenpo.plan.vocabulary import Term, terms

EXAMPLES = yaml.load(
    Path(__file__).with_name("sentences.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader
)


def in_words(stated: Stated) -> str:
    """A KPI as the table of examples writes it: measure：target."""
    if stated.target is None:
        words = "（目標なし）"
    else:
        words = describe(stated.target, stated.unit, stated.term.precision if stated.term else 0)
    return f"{stated.term.id if stated.term else '？'}：{words}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["text"][:40])
def test_a_kpi_sentence(example: dict[str, Any]):
    found = kpis_in(example["text"])

    assert [in_words(s) for s in found] == list(example["reads"] or [])
    assert [d for s in found for d in s.doubts] == example.get("review", [])


def test_every_kpi_has_an_example():
    read = {line.split("：")[0] for example in EXAMPLES for line in example["reads"] or []}
    assert {t.id for t in terms()} <= read


def test_a_baseline_is_the_figure_the_plan_states():
    (stated,) = kpis_in("郵送化率を対前年度(95.8%)以上とする")
    assert stated.baseline == Decimal("95.8")
    assert stated.target == NotBelowLastYear(value=Decimal("95.8"))


def test_footnotes_are_kept_as_notes_and_not_read():
    (stated,) = kpis_in("健康宣言事業所数を600事業所(※)以上とする。\n(※)令和4年度末の580事業所を含む")
    assert stated.target == AtLeast(value=Decimal(600))
    assert stated.notes == ("(※)令和4年度末の580事業所を含む",)
    assert without_footnotes("割合を80％以上とする ※ 医科、調剤") == (
        "割合を80％以上とする",
        ["※ 医科、調剤"],
    )


def test_lines_cut_by_the_page_are_joined_and_kpis_of_their_own_are_not():
    cut = "被保険者数の\n割合を50％以上とする"
    assert unwrapped(cut) == "被保険者数の割合を50％以上とする"
    own = "サービススタンダードの達成状況：100％\n申請書の郵送化率：95％"
    assert unwrapped(own) == own


def test_a_full_stop_within_brackets_ends_no_sentence():
    text = "債権（受診に係るものに限る。）の回収率を上げる。次の文。"
    assert sentences(text) == ["債権（受診に係るものに限る。）の回収率を上げる。", "次の文。"]


def test_a_heading_tells_the_kpi_of_a_sentence_without_a_name_and_that_is_said():
    (stated,) = kpis_in("98.0％以上とする", own=["郵送化率の向上"])
    assert in_words(stated) == "postal_application_rate：98.0％以上"
    assert stated.doubts == ("KPIの名前は見出しから補いました。",)


# ---- what kenpo writes, kenpo reads --------------------------------------------------------------------------------


def _numbers(term: Term) -> st.SearchStrategy[Decimal]:
    highest = 100 if term.unit == "%" else 90_000
    return st.decimals(1, highest, places=term.precision, allow_nan=False)


def _targets(term: Term) -> st.SearchStrategy[Target]:
    value = _numbers(term)
    if term.better == "lower":
        kinds: list[st.SearchStrategy[Target]] = [
            st.builds(AtMost, value=value),
            st.builds(NotAboveLastYear, value=st.none() | value),
        ]
        if term.id == "single_bid_rate":
            few = st.integers(1, 9)
            kinds.append(
                st.builds(SingleBid, value=value, few=few, few_limit=few, not_above_last_year=st.booleans())
            )
        return st.one_of(kinds)
    kinds = [
        st.builds(AtLeast, value=value),
        st.builds(NotBelowLastYear, value=st.none() | value, year_end=st.booleans()),
        st.builds(BranchSpecific, value=st.none() | value),
    ]
    if term.id == "generic_volume_share":
        kinds = [
            st.builds(AtLeast, value=value),
            st.builds(NotBelowLastYear, value=st.none() | value, year_end=st.just(True)),
            st.builds(BranchSpecific, value=st.none() | value),
            st.builds(Generic80, value=value),
        ]
    return st.one_of(kinds)


@st.composite
def _written(draw: st.DrawFn) -> tuple[str, str, Target | None]:
    """Measure, sentence and target of any KPI of the vocabulary; done or not done has its words in the sentence."""
    term = draw(st.sampled_from(terms()))
    if term.better == "done":
        return term.id, term.sentence, None
    target = draw(_targets(term))
    return term.id, term.sentence.format(target=describe(target, term.unit, term.precision)), target


_WIDE = str.maketrans("0123456789.%(),", "０１２３４５６７８９．％（），")
_STYLES = (
    "①②③④",
    ("(1)", "(2)", "(3)", "(4)"),
    ("1)", "2)", "3)", "4)"),
    ("１）", "２）", "３）", "４）"),
    "・・・・",
)


@given(
    st.lists(_written(), min_size=1, max_size=4, unique_by=lambda w: w[0]),
    st.sampled_from(_STYLES),
    st.sampled_from(["\n", " ", "　"]),
    st.sampled_from(["", " ", "　"]),
    st.booleans(),
    st.sampled_from(["", "■ KPI：", "【ＫＰＩ】", "■ K P I : "]),
)
def test_sentences_of_the_vocabulary_read_back(
    written: list[tuple[str, str, Target | None]],
    style: tuple[str, ...] | str,
    between: str,
    gap: str,
    wide: bool,
    header: str,
):
    parts = [text.translate(_WIDE) if wide else text for _, text, _ in written]
    passage = (
        parts[0]
        if len(parts) == 1
        else between.join(f"{m}{gap}{p}" for m, p in zip(style, parts, strict=False))
    )

    found = kpis_in(header + passage)

    assert [s.term.id if s.term else None for s in found] == [measure for measure, _, _ in written]
    for stated, (_, _, target) in zip(found, written, strict=True):
        assert not stated.doubts, stated
        if target is None:
            assert stated.target is not None
            assert stated.target.kind == "done"
        else:
            assert stated.target == target


@given(_written(), st.data())
def test_a_sentence_cut_anywhere_by_the_page_reads_the_same_or_is_marked(
    written: tuple[str, str, Target | None], data: st.DataObject
):
    measure, text, target = written
    at = data.draw(st.integers(1, len(text) - 1))
    found = kpis_in(text[:at] + "\n" + text[at:])
    sure = [s for s in found if not s.doubts and s.target is not None]
    for stated in sure:
        assert stated.term is not None
        assert stated.term.id == measure
        assert target is None or stated.target == target
