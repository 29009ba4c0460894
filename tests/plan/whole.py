"""A plan and its progress that use every field of the model (すべての項目を使った計画と進捗), and what a document keeps of them."""

from __future__ import annotations

import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from kenpo.base.document import Document
from kenpo.intake.documents import read_document
from kenpo.plan.judging import Mark
from kenpo.plan.model import (
    Activity,
    ActivityProgress,
    Actual,
    Goal,
    Initiative,
    InitiativeProgress,
    Kpi,
    KpiProgress,
    Pillar,
    Plan,
    Planned,
    Progress,
    Revision,
    TargetChange,
    Weight,
)
from kenpo.plan.reading import Reading, read_plan
from kenpo.plan.targets import (
    AtLeast,
    AtMost,
    BranchSpecific,
    Done,
    Equal,
    Generic80,
    NotAboveLastYear,
    NotBelowLastYear,
    SingleBid,
    Target,
)
from kenpo.press import write

TEXT_FORMS = ("docx", "xlsx")
"""The forms a plan is read back from."""

NOT_IN_DOCUMENTS = frozenset({"where", "review", "events", "board"})
"""Places in files, doubts of the reader, freezes, and the rows as they stood at a freeze."""

ACTION_PLAN = Plan(
    kind="action_plan",
    branch="00",
    first_year=2024,
    last_year=2026,
    title="保険者機能強化アクションプラン（第6期）",
    policy=("加入者の健康増進を図る。",),
    pillars=(
        Pillar(
            number="（1）",
            title="基盤的保険者機能関係",
            initiatives=(
                Initiative(
                    number="①",
                    title="サービス水準の向上",
                    text=("・申請から支給までの日数を守る。",),
                    owner="業務部",
                    kpis=(
                        Kpi(
                            measure="service_standard_achievement_rate",
                            text="サービススタンダードの達成状況を100%とする",
                            target=Equal(value=Decimal(100)),
                            unit="%",
                        ),
                    ),
                ),
            ),
        ),
    ),
)


def _kpi(measure: str | None, text: str, target: Target | None, unit: str, **rest: Any) -> Kpi:
    return Kpi(measure=measure, text=text, target=target, unit=unit, **rest)


PLAN = Plan(
    branch="35",
    first_year=2024,
    last_year=2024,
    title="令和6年度山口支部事業計画",
    status="draft",
    dated=date(2024, 3, 25),
    action_plan=ACTION_PLAN.id,
    policy=("加入者の健康を守る。", "・データに基づいて進める。"),
    pillars=(
        Pillar(
            number="1.",
            title="基盤的保険者機能関係",
            text=("基盤を固める。",),
            kpis=(
                _kpi(
                    "postal_application_rate",
                    "現金給付等の申請に係る郵送化率を95.0％以上とする",
                    AtLeast(value=Decimal("95.0")),
                    "%",
                    owner="業務グループ",
                    baseline=Decimal("94.20"),
                    references=(
                        Actual(value=Decimal("93.1"), text="93.1%", as_of="FY2022", source="document"),
                        Actual(value=Decimal("92.0"), text="92.0%", as_of="FY2021"),
                    ),
                    notes=("※ 郵送化率は、郵送による申請の割合である。",),
                ),
            ),
            initiatives=(
                Initiative(
                    number="①",
                    title="サービス水準の向上",
                    text=("・申請から支給までの日数を守る。", "・窓口の混雑を減らす。"),
                    importance=Weight(level="高", why="加入者の生活に直結するため。"),
                    difficulty=Weight(level="中", why="申請の件数が年々増えているため。"),
                    issues=("窓口の申請が減らない。", "返戻が多い。"),
                    owner="業務グループ",
                    kpis=(
                        _kpi(
                            "service_standard_achievement_rate",
                            "サービススタンダードの達成状況を100%とする",
                            Equal(value=Decimal(100)),
                            "%",
                        ),
                        _kpi(
                            None,
                            "給付の説明会に参加した方の満足の度合いを4.5点以上とする",
                            AtLeast(value=Decimal("4.5")),
                            "点",
                            owner="企画総務グループ",
                            notes=("※ 5点満点",),
                        ),
                    ),
                ),
                Initiative(
                    number="②",
                    title="効果的なレセプト点検の推進",
                    text=("システムを活用する。",),
                    owner="レセプトグループ",
                    kpis=(
                        _kpi(
                            "receipt_assessment_rate_own",
                            "協会のレセプト点検の査定率について対前年度（0.292％）以上とする",
                            NotBelowLastYear(value=Decimal("0.292")),
                            "%",
                            baseline=Decimal("0.292"),
                        ),
                    ),
                    children=(
                        Initiative(
                            number="ⅰ)",
                            title="点検員の育成",
                            text=("研修を行う。",),
                            children=(
                                Initiative(number="ア)", title="勉強会の開催", text=("毎月1回開く。",)),
                                Initiative(number="イ)", title="事例集の作成", owner="点検係"),
                            ),
                        ),
                        Initiative(number="○", title="審査支払機関との連携", text=("協議を重ねる。",)),
                    ),
                ),
            ),
        ),
        Pillar(
            number="2.",
            title="戦略的保険者機能関係",
            initiatives=(
                Initiative(
                    number="①",
                    title="特定健診の推進",
                    owner="保健グループ",
                    activities=(
                        Activity(
                            title="受診勧奨",
                            text=("・案内を送る。", "・電話をかける。"),
                            group="保健グループ",
                            new=True,
                            outsourced=True,
                            budget=1_250_000,
                            spent=300_000,
                        ),
                        Activity(title="受診勧奨", text=("・会場を増やす。",), new=False, outsourced=False),
                        Activity(title="事業所への訪問", text=("・50社を訪ねる。",), budget=0),
                    ),
                    kpis=(
                        _kpi(
                            "lifestyle_checkup_rate",
                            "生活習慣病予防健診実施率を65.4％以上とする",
                            AtLeast(value=Decimal("65.4")),
                            "%",
                            planned=Planned(eligible=150_000, expected=98_100),
                            history=(
                                TargetChange(
                                    target=AtLeast(value=Decimal("64.0")),
                                    until=date(2024, 6, 30),
                                    why="対象者数を見直したため。",
                                    by="企画総務グループ",
                                ),
                            ),
                        ),
                        _kpi(
                            "sns_monthly_posting",
                            "SNSによる情報発信を毎月実施する",
                            Done(every_month=True),
                            "",
                        ),
                    ),
                ),
                Initiative(
                    number="②",
                    title="ジェネリック医薬品の使用促進",
                    kpis=(
                        _kpi(
                            "generic_volume_share",
                            "ジェネリック医薬品使用割合80％以上とする",
                            Generic80(value=Decimal(80)),
                            "%",
                        ),
                        _kpi(
                            "opinion_dissemination",
                            "地域の会議で意見を発信する",
                            Done(all_branches=True),
                            "",
                        ),
                    ),
                ),
            ),
        ),
        Pillar(
            number="3.",
            title="組織・運営体制関係",
            initiatives=(
                Initiative(
                    number="①",
                    title="費用対効果を踏まえたコスト削減等",
                    kpis=(
                        _kpi(
                            "single_bid_rate",
                            "一般競争入札に占める一者応札案件の割合を15％以下とする",
                            SingleBid(value=Decimal(15), few=3, few_limit=1, not_above_last_year=False),
                            "%",
                        ),
                        _kpi(
                            "counter_reception_rate",
                            "窓口受付率を4.3％以下とする",
                            AtMost(value=Decimal("4.3")),
                            "%",
                        ),
                        _kpi(
                            "judo_multisite_frequent_rate",
                            "柔道整復の多部位の割合を対前年度以下とする",
                            NotAboveLastYear(),
                            "%",
                        ),
                        _kpi("generic_goal", "支部の目標を設定する", BranchSpecific(), "%"),
                        _kpi("year_end_kpi", "年度末の値", NotBelowLastYear(year_end=True), "事業所"),
                    ),
                ),
            ),
        ),
    ),
    goals=(
        Goal(level="upper", text="糖尿病性腎症による新規の透析を減らす"),
        Goal(
            level="middle",
            text="高血圧の方の割合を減らす",
            measure="lifestyle_checkup_rate",
            value=Decimal("10.0"),
            year=2029,
            reached=Actual(value=Decimal("12.50"), text="12.5％", as_of="FY2022"),
        ),
        Goal(level="lower", text="健診の受診率を上げる", value=Decimal(70), year=2029),
        Goal(level="national", text="実施率70％以上", value=Decimal("70"), year=2029),
    ),
    notes=("この計画は評議会の意見を聴いて作成した。",),
    revisions=(
        Revision(on=date(2024, 7, 1), what="目標を改めた。", why="対象者数の見直し", by="支部長"),
        Revision(on=date(2024, 9, 1), what="取組を加えた。", why="課題への対応"),
    ),
)

PROGRESS = Progress(
    plan=PLAN.id,
    period="2024H1",
    title="令和6年度上期　山口支部事業計画の進捗状況",
    dated=date(2024, 10, 25),
    initiatives=(
        InitiativeProgress(
            initiative="1/①",
            done=("・案内を改めた。", "・窓口に記入台を置いた。"),
            marks=(Mark.AS_PLANNED, Mark.IN_PROGRESS),
            evaluated=Mark.AS_PLANNED,
            next=("下期も続ける。", "様式を見直す。"),
        ),
        InitiativeProgress(
            initiative="1/②/ⅰ)/ア)",
            done=("6回開いた。",),
            marks=(Mark.FAR_ABOVE,),
            next=("月2回とする。",),
        ),
        InitiativeProgress(
            initiative="2/①",
            evaluated=Mark.DROPPED,
            activities=(
                ActivityProgress(at=1, done=("・3,000人に送った。",), mark=Mark.FAR_ABOVE, spent=620_000),
                ActivityProgress(at=3, done=("・下期に行う。",), mark=Mark.TO_BE_DONE),
            ),
        ),
        InitiativeProgress(initiative="9/⑨", done=("計画にない取組を行った。",), next=("計画に加える。",)),
    ),
    kpis=(
        KpiProgress(
            measure="postal_application_rate",
            actuals=(
                Actual(
                    value=Decimal("94.80"),
                    text="94.8%",
                    as_of="2024-09",
                    source="computed",
                    numerator=Decimal(47_400),
                    denominator=Decimal(50_000),
                    definition="v2-3f9a11",
                    cutoff="2024-10-10 0a1b2c",
                    status="provisional",
                ),
                Actual(
                    value=Decimal("94.7"),
                    as_of="2024-09-30",
                    source="entered",
                    by="山本",
                    why="本部の資料",
                    entered_on=date(2024, 10, 12),
                    status="final",
                ),
                Actual(value=Decimal("94.9"), text="94.9%（8月）", as_of="2024-08", status="preliminary"),
            ),
            nation=Actual(value=Decimal("95.5"), text="95.5%", as_of="2024-09"),
            rank=31,
            ranked=47,
            comment="窓口の申請が多い。\n事業所への案内を強める。",
        ),
        KpiProgress(
            measure="service_standard_achievement_rate",
            actuals=(Actual(state="missing", text="集計中"),),
            rank=3,
        ),
        KpiProgress(
            measure="receipt_assessment_rate_own",
            actuals=(Actual(state="not_applicable", text="対象なし", why="点検の対象がない"),),
        ),
        KpiProgress(
            measure="lifestyle_checkup_rate",
            actuals=(
                Actual(value=Decimal("30.1"), as_of="2024-07", basis="診療分", persons=45_150, text="30.1％"),
            ),
        ),
        KpiProgress(
            measure=None,
            text="給付の説明会に参加した方の満足の度合いを4.5点以上とする",
            actuals=(Actual(value=Decimal("4.61"), text="4.61点", as_of="2024-06-30"),),
            comment="初めての会であった。",
        ),
        KpiProgress(
            measure="mynumber_record_rate",
            actuals=(Actual(value=Decimal("97.6"), text="97.6%", as_of="2024-09"),),
            comment="計画にないKPIである。",
        ),
        KpiProgress(measure="sns_monthly_posting", actuals=(Actual(text="毎月発信した。", as_of="2024-09"),)),
    ),
    notes=("数値は速報を含む。", "・令和6年10月10日現在で集計した。"),
)


def kept(held: Plan | Progress | None) -> Any:
    """What a document must give back of a plan or its progress."""
    return _kept(held.model_dump(mode="json")) if held else None


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _kept(v) for k, v in value.items() if k not in NOT_IN_DOCUMENTS}
    return [_kept(v) for v in value] if isinstance(value, list) else value


def read_back(document: Document, form: str) -> Reading:
    """The document written in a form, and what is read from its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"文書.{form}"
        write(document, path)
        return read_plan(read_document(path))
