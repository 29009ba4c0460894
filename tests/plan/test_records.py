"""Whatever a plan and its progress hold comes back from their documents (付属資料と読み戻し)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from tests.plan.whole import ACTION_PLAN, NOT_IN_DOCUMENTS, PLAN, PROGRESS, TEXT_FORMS, kept, read_back

from kenpo.base.document import Block, Document, Heading, Paragraph, Table
from kenpo.base.errors import InputFileError
from kenpo.plan.judging import Mark
from kenpo.plan.model import (
    Activity,
    ActivityProgress,
    Initiative,
    InitiativeProgress,
    Kpi,
    KpiProgress,
    Pillar,
    Plan,
    Progress,
)
from kenpo.plan.reading import read_plan
from kenpo.plan.report import plan_document, progress_report
from kenpo.plan.store import from_yaml, to_yaml
from kenpo.plan.targets import AtLeast, Done

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""A failing plan is shown as it was drawn: making it smaller would write and read hundreds of files."""

AWKWARD = (
    "・点検員の育成",
    "○サービス水準の向上",
    "①現金給付の適正化",
    "(1) 査定率の向上",
    "１）全角の番号",
    "ⅰ) 点検の強化",
    "※ 注を付ける。",
    "■ KPI",
    "■ KPI：郵送化率を95.0％以上とする",
    "■ KPIの実績",
    "■ KPI実績等 98.3％",
    "【課題】",
    "【重要度：高】急ぐため。",
    "1. 基盤的保険者機能関係",
    "基本方針",
    "付属資料",
    "KPI一覧",
    "◎ ○ 計画を上回る",
    "－",
    "-",
    "=SUM(A1)",
    "- 箇条書き",
    "# 見出しに見える",
    "<b>太字</b> & \"引用\" 'アポストロフィ'",
    "全角　の空白、半角 の空白。（括弧）",
    "＋－×÷ 12,345円 －0.3%",
    "1,234",
    "生活習慣病予防健診実施率（実施対象者数：7,742人、実施見込者数：5,064人）",
    "[上位目標] 透析を減らす",
    "文末が読点、",
    "令和6年度山口支部事業計画",
    "長い文。" * 20,
)


# ---- every field -------------------------------------------------------------------------------------------------


def used(model: BaseModel) -> set[tuple[str, str]]:
    """The fields of a model and its parts that are not left at their default."""
    found: set[tuple[str, str]] = set()
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        default = info.get_default(call_default_factory=True, validated_data={})
        if default is PydanticUndefined or value != default:
            found.add((type(model).__name__, name))
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, BaseModel):
                found |= used(part)
    return found


def test_the_plan_of_these_tests_uses_every_field() -> None:
    parts = (
        Plan, Pillar, Initiative, Activity, Kpi, Progress, InitiativeProgress, ActivityProgress, KpiProgress
    )  # fmt: skip
    names = {(p.__name__, f) for p in parts for f in p.model_fields if f not in NOT_IN_DOCUMENTS}
    assert names <= used(PLAN) | used(ACTION_PLAN) | used(PROGRESS) | {("Plan", "kind")}


def test_the_plan_of_these_tests_has_every_kind_of_target() -> None:
    kinds = {k.target.kind for _, k in PLAN.kpis() if k.target}
    assert kinds == {
        "at_least", "at_most", "equal", "not_below_last_year", "not_above_last_year", "generic_80",
        "single_bid", "branch_specific", "done",
    }  # fmt: skip


@pytest.mark.parametrize("form", TEXT_FORMS)
class TestEveryField:
    def test_a_report_gives_back_plan_and_progress(self, form: str) -> None:
        back = read_back(progress_report(PLAN, PROGRESS, ()), form)
        assert kept(back.annual) == kept(PLAN)
        assert kept(back.progress) == kept(PROGRESS)

    def test_a_plan_alone_comes_back(self, form: str) -> None:
        back = read_back(plan_document(PLAN), form)
        assert kept(back.annual) == kept(PLAN)
        assert back.progress is None

    def test_two_columns_give_back_both_plans(self, form: str) -> None:
        back = read_back(plan_document(PLAN, ACTION_PLAN), form)
        assert kept(back.annual) == kept(PLAN)
        assert kept(back.action_plan) == kept(ACTION_PLAN)

    def test_an_action_plan_alone_comes_back(self, form: str) -> None:
        assert kept(read_back(plan_document(ACTION_PLAN), form).action_plan) == kept(ACTION_PLAN)


# ---- awkward texts -----------------------------------------------------------------------------------------------


def lines(most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    signs = st.text(
        st.sampled_from("・○①②(1)※■KPI【】：、。（）=-#<>&\"'１２Ａａ　 年度支部率以上とする95.0％"),
        max_size=14,
    )
    line = st.one_of(
        st.sampled_from(AWKWARD),
        signs.map(str.strip).filter(bool),
        st.tuples(st.sampled_from(AWKWARD), signs).map("".join).map(str.strip),
    )
    return st.lists(line, max_size=most).map(tuple)


def line() -> st.SearchStrategy[str]:
    return lines(1).map(lambda given: given[0] if given else "施策")


KPIS = st.builds(
    Kpi,
    measure=st.sampled_from([None, "postal_application_rate", "generic_volume_share"]),
    text=line(),
    target=st.sampled_from([None, AtLeast(value="95.0"), Done()]),  # type: ignore[arg-type]
    unit=st.sampled_from(["", "%", "件"]),
    notes=lines(2),
    owner=st.sampled_from(["", "業務グループ"]),
)
ACTIVITIES = st.builds(Activity, title=line(), text=lines(2), group=st.sampled_from(["", "=業務"]))
INITIATIVES = st.recursive(
    st.builds(
        Initiative,
        number=st.sampled_from(["①", "②", "(1)", "ⅰ)", "○", ""]),
        title=line(),
        text=lines(),
        issues=lines(2),
        kpis=st.lists(KPIS, max_size=2).map(tuple),
        activities=st.lists(ACTIVITIES, max_size=2).map(tuple),
    ),
    lambda inner: st.builds(
        Initiative, number=st.sampled_from(["①", "⑩", "Ⅰ)"]), title=line(), text=lines(),
        children=st.lists(inner, max_size=2).map(tuple),
    ),
    max_leaves=3,
)  # fmt: skip
PILLARS = st.builds(
    Pillar,
    number=st.sampled_from(["1.", "2.", ""]),
    title=st.sampled_from(["基盤的保険者機能関係", "戦略的保険者機能関係", "そのほかの柱"]),
    text=lines(2),
    kpis=st.lists(KPIS, max_size=1).map(tuple),
    initiatives=st.lists(INITIATIVES, min_size=1, max_size=2).map(tuple),
)
PLANS = st.builds(
    Plan,
    branch=st.just("35"),
    first_year=st.just(2024),
    last_year=st.just(2024),
    title=st.sampled_from(["令和6年度山口支部事業計画", "事業計画（案）", "計画"]),
    policy=lines(2),
    notes=lines(2),
    pillars=st.lists(PILLARS, min_size=1, max_size=2).map(tuple),
)
MARKS = st.sampled_from(list(Mark))
STEPS = st.builds(
    InitiativeProgress,
    initiative=st.sampled_from(["1/①", "1/②", "1/(1)", "2/①", "1/"]),
    done=lines(),
    marks=st.lists(MARKS, max_size=2).map(tuple),
    next=lines(2),
    activities=st.lists(
        st.builds(ActivityProgress, at=st.integers(1, 2), done=lines(2), mark=st.none() | MARKS), max_size=2
    ).map(tuple),
)
PROGRESSES = st.builds(
    Progress,
    plan=st.just("35-2024"),
    period=st.just("2024H1"),
    initiatives=st.lists(STEPS, max_size=2, unique_by=lambda s: s.initiative).map(tuple),
    kpis=st.lists(
        st.builds(KpiProgress, measure=st.sampled_from(["postal_application_rate"]), comment=line()),
        max_size=1,
    ).map(tuple),
    notes=lines(2),
)


@pytest.mark.parametrize("form", TEXT_FORMS)
@settings(max_examples=30, deadline=None, phases=NO_SHRINKING)
@given(plan_file=PLANS.map(to_yaml), progress_file=PROGRESSES.map(to_yaml))
def test_awkward_texts_come_back(form: str, plan_file: str, progress_file: str) -> None:
    plan, progress = from_yaml(plan_file, Plan, "計画"), from_yaml(progress_file, Progress, "進捗")
    back = read_back(progress_report(plan, progress, ()), form)
    assert kept(back.annual) == kept(plan)
    assert kept(back.progress) == kept(progress)


# ---- what people do to a document --------------------------------------------------------------------------------


def changed(document: Document, old: str, new: str) -> Document:
    """The document with a text changed everywhere, as a person does in Word."""

    def said(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(t.replace(old, new) for t in texts)

    def block(given: Block) -> Block:
        if isinstance(given, Heading | Paragraph):
            return replace(given, text=given.text.replace(old, new))
        if isinstance(given, Table):
            rows = tuple(tuple(replace(c, lines=said(c.lines)) for c in row) for row in given.rows)
            return replace(given, rows=rows)
        return given

    return replace(document, blocks=tuple(block(b) for b in document.blocks))


def test_a_text_changed_in_the_document_is_read_as_changed() -> None:
    back = read_plan(changed(plan_document(PLAN), "システムを活用する。", "新しい点検の仕組みを使う。"))
    assert back.annual is not None
    assert "新しい点検の仕組みを使う。" in str(back.annual)
    assert "システムを活用する。" not in str(back.annual)


def test_a_text_that_was_supplied_and_then_changed_is_to_be_reviewed() -> None:
    plan = PLAN.model_copy(update={"goals": ()})
    awkward = Initiative(number="⑨", title="番号の付いた文", text=("(1) 点検員の育成",))
    first = plan.pillars[0].model_copy(update={"initiatives": (awkward,)})
    document = plan_document(plan.model_copy(update={"pillars": (first,)}))
    own = [b for b in document.blocks if not (isinstance(b, Table) and b.caption.startswith("本文の補い"))]
    supply = [b for b in document.blocks if isinstance(b, Table) and b.caption.startswith("本文の補い")]
    edited = changed(replace(document, blocks=tuple(own)), "(1) 点検員の育成", "(1) 点検員の増員")
    back = read_plan(replace(edited, blocks=(*edited.blocks, *supply))).annual
    assert back is not None
    assert "点検員の増員" in str(back.pillars[0].initiatives)
    assert any("直されています" in r.what for r in back.review)


def test_a_target_changed_in_the_text_alone_is_to_be_reviewed() -> None:
    document = plan_document(PLAN)
    back = read_plan(changed(document, "郵送化率を95.0％以上とする", "郵送化率を96.0％以上とする")).annual
    assert back is not None
    kpi = back.kpi("postal_application_rate")
    assert kpi is not None
    assert any("本文と付属資料の目標が違います" in r.what for r in kpi.review)


@pytest.mark.parametrize(
    ("old", "new"),
    [("2024-07-01", "令和6年7月1日"), ("1,250,000", "百二十五万"), ("150,000", "15万人")],
)
def test_a_spoilt_row_of_the_records_is_named(old: str, new: str) -> None:
    with pytest.raises(InputFileError) as caught:
        read_plan(changed(plan_document(PLAN), old, new))
    assert new in (caught.value.where or "")
