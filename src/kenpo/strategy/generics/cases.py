"""Cases of ③ ジェネリック医薬品の使用促進: 軽減額通知 to members, 見える化ツール to institutions — selected by a planner, decided
by the head, sent, and followed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from kenpo.base.document import Document, Heading, Paragraph, cell, table
from kenpo.frame import (
    Amount,
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
    staff,
)
from kenpo.frame.cases import Candidate
from kenpo.lake import Lake
from kenpo.strategy.generics.effect_page import EFFECT
from kenpo.strategy.generics.letters import (
    INSTITUTION_SHEET,
    SWITCH_NOTICE,
    InstitutionSheet,
    SwitchNotice,
    institution_sheets,
    switch_notice,
)

PLANNERS = staff(Group.PLANNING)
DECIDERS = (*staff(Group.PLANNING, Level.APPROVER), Role.BRANCH_HEAD)

SENDING = (ApprovalStep("select", "選定者", PLANNERS), ApprovalStep("approve", "決裁者", DECIDERS))
"""A run is selected by one planner and decided by the head (選定者 → 決裁者): two people, so that thousands can be decided at once."""

KEPT = Retention(
    5, "発送の記録と効果の検証のため。協会の文書保存の定めは公表資料で確かめておらず、5年は既定値"
)

# ---- ジェネリック医薬品軽減額通知 ----------------------------------------------------------------------------------


class NoticeContent(BaseModel):
    """What is recorded of a notice (軽減額通知の内容): the person's age in the month, and what the notice says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    age: int = Field(ge=0, title="年齢")
    notice: SwitchNotice = Field(title="お知らせの内容")


def notice_contents(lake: Lake, rows: Sequence[Candidate]) -> dict[str, NoticeContent]:
    """The contents of rows of generic_switch. Raises ArgumentError when a row's lists do not go together."""
    return {c.id: NoticeContent(age=c.row["age"], notice=switch_notice(c.row)) for c in rows}


def notice_summary(content: NoticeContent) -> str:
    """3品目　軽減額 1,240円（令和8年3月診療分）."""
    n = content.notice
    return f"{len(n.drugs)}品目　軽減額 {n.saving:,}円（{n.month_text}診療分）"


def notice_page(content: NoticeContent) -> Document:
    """The drugs with days, own share and saving, and what they come to."""
    n = content.notice
    rows = [(d.name, _right(f"{d.days}日"), _yen(d.cost), _yen(d.saving)) for d in n.drugs]
    rows.append(("合計", "", _yen(n.cost), _yen(n.saving)))
    return Document(
        f"{n.month_text}診療分の軽減額",
        (
            Paragraph(f"年齢　{content.age}歳"),
            table(("医薬品", "日数", "いまの自己負担", "軽減額"), rows, widths=(5, 1, 2, 2)),
            Paragraph(
                "医薬品ごとの金額は1円未満を、軽減額の合計は端数を含む合計の10円未満を切り捨てています。",
                small=True,
            ),
        ),
    )


def _right(text: str) -> Any:
    return cell(text, align="right")


def _yen(n: int) -> Any:
    return _right(f"{n:,}円")


DUE = Reason("notice_due", "対象年齢で、軽減額が基準以上のため送る")
TOO_YOUNG = Reason("below_min_age", "対象とする最低年齢に満たないため送らない")
TOO_SMALL = Reason("below_min_saving", "軽減額が対象とする最低軽減額に満たないため送らない")

_PLAN = "協会けんぽ 保険者機能強化アクションプラン（軽減額通知）"


def decide_notice(content: NoticeContent, parameters: Mapping[str, Any]) -> Decision:
    """Whether the notice is sent (送付の判断): of the age and more, and a saving of the least amount and more.

    The worklist asked the same of the month of treatment; here the numbers of the day of receipt count.
    """
    n = content.notice
    least_age, least_saving = parameters["generic_notice_min_age"], parameters["generic_notice_min_saving"]
    steps = (
        *(
            Step(
                f"{d.name}の軽減額",
                f"（薬価 － 最も安い後発医薬品の薬価）× {d.days}日分の総量 ×（1 － 給付割合）、1円未満切捨て",
                "健康保険法74条（一部負担金）、薬価基準",
                d.saving,
            )
            for d in n.drugs
        ),
        Step("軽減額", f"{len(n.drugs)}品目の軽減額（端数を含む）の合計、10円未満切捨て", _PLAN, n.saving),
        _compared("年齢", content.age, "歳", least_age, "generic_notice_min_age"),
        _compared("軽減額", n.saving, "円", least_saving, "generic_notice_min_saving"),
    )
    against = (
        *((TOO_YOUNG,) if content.age < least_age else ()),
        *((TOO_SMALL,) if n.saving < least_saving else ()),
    )
    amounts = (Amount("cost", "いまの自己負担", n.cost), Amount("saving", "軽減額", n.saving))
    return Decision(against or (DUE,), amounts, steps, "drop" if against else "select")


def _compared(what: str, value: int, unit: str, least: int, parameter: str) -> Step:
    met = "満たす" if value >= least else "満たさない"
    return Step(
        f"{what}の基準", f"{value:,}{unit} ≧ {least:,}{unit}", f"{_PLAN}、パラメータ {parameter}", met
    )


NOTICE = CaseKind(
    id="generic_notice",
    title="ジェネリック医薬品軽減額通知の発送",
    definition=(
        "軽減額通知の対象者から送る人を選び、決裁を受けて通知を発送する。宛所不明で戻れば住所を確かめて再送し、送った人は"
        "その後のレセプトで切替えを確かめて終える。同じ人でも、診療年月の違う次の回には新しい案件になる。"
    ),
    law=_PLAN,
    content=NoticeContent,
    summary=notice_summary,
    page=notice_page,
    first="listed",
    states=(
        State("listed", "発送前", "送るかどうかを判断し、送る人を選ぶ"),
        State("selected", "決裁待ち", "発送を決裁する"),
        State("approved", "発送待ち", "通知を印刷して発送する", approved=True),
        State(
            "sent",
            "発送済み（観察中）",
            "その後のレセプトで切替えを確かめ、観察を終える",
            Clock.STOPPED,
            restarts=True,
        ),
        State("returned", "宛所不明", "住所を確かめ、再送するか打ち切る"),
        State("followed", "観察終了", clock=Clock.ENDED),
        State("not_due", "基準に満たず発送せず", clock=Clock.ENDED),
        State("opted_out", "希望しない申出により取りやめ", clock=Clock.ENDED),
        State("left", "資格喪失により取りやめ", clock=Clock.ENDED),
        State("undeliverable", "宛所不明により打切り", clock=Clock.ENDED),
    ),
    moves=(
        Move("select", "送る人に選ぶ", ("listed",), "selected", needs_decision=True, approval="select"),
        Move("drop", "送らない", ("listed",), "not_due", PLANNERS, needs_decision=True),
        Move("approve", "発送を決裁する", ("selected",), "approved", approval="approve"),
        Move(
            "put_back",
            "差し戻す",
            ("selected", "approved"),
            "listed",
            DECIDERS,
            needs_reason=True,
            voids_approvals=True,
            hands_over=True,
        ),
        Move("send", "印刷に回して発送する", ("approved",), "sent", PLANNERS, letter="notice"),
        Move("came_back", "宛所不明で戻る", ("sent",), "returned", PLANNERS, needs_reason=True),
        Move("resend", "確かめた住所に再送する", ("returned",), "approved", PLANNERS, needs_reason=True),
        Move("give_up", "打ち切る", ("returned",), "undeliverable", PLANNERS, needs_reason=True),
        Move(
            "opt_out",
            "希望しない申出を受ける",
            ("listed", "selected", "approved", "sent", "returned"),
            "opted_out",
            PLANNERS,
            needs_reason=True,
            drops_letters=True,
        ),
        Move(
            "leave",
            "資格喪失により取りやめる",
            ("listed", "selected", "approved", "sent", "returned"),
            "left",
            PLANNERS,
            needs_reason=True,
            drops_letters=True,
        ),
        Move("finish", "観察を終える", ("sent",), "followed", PLANNERS),
        Move(
            "reopen",
            "再開する",
            ("not_due", "opted_out", "left", "undeliverable"),
            "listed",
            DECIDERS,
            needs_reason=True,
            reopens=True,
        ),
    ),
    retention=KEPT,
    deadline=Deadline(
        "generic_notice_send_days", "支部の発送の日程。公表された期限はなく、パラメータの値は既定値"
    ),
    subject=Subject.MEMBER,
    approval=SENDING,
    letters=(
        Letter(
            "notice",
            "ジェネリック医薬品軽減額通知",
            SWITCH_NOTICE,
            lambda content: content.notice,
            "came_back",
        ),
    ),
    worklist="generic_switch",
    key=("member_id", "month"),
    subject_column="member_id",
    contents=notice_contents,
    decide=decide_notice,
    reasons=(DUE, TOO_YOUNG, TOO_SMALL),
    parameters=("generic_notice_min_age", "generic_notice_min_saving"),
    effect=EFFECT,
)

# ---- 見える化ツール ------------------------------------------------------------------------------------------------


def sheet_contents(lake: Lake, rows: Sequence[Candidate]) -> dict[str, InstitutionSheet]:
    """The sheets of rows of institution_generic_use: one pass of the lake for each branch and month."""
    runs: dict[tuple[str, date], list[Candidate]] = defaultdict(list)
    for one in rows:
        runs[one.branch, one.row["month"]].append(one)
    made = {}
    for (code, month), some in runs.items():
        sheets = institution_sheets(lake, code, month, {c.row["institution"] for c in some})
        made |= {c.id: sheets[c.row["institution"]] for c in some if c.row["institution"] in sheets}
    return made


def sheet_summary(sheet: InstitutionSheet) -> str:
    """架空薬局　数量シェア 72.3%（山口県 81.0%）."""
    prefecture = sheet.compared[2]
    return (
        f"{sheet.name}　数量シェア {_percent(sheet.share)}（{prefecture.label} {_percent(prefecture.share)}）"
    )


def sheet_page(sheet: InstitutionSheet) -> Document:
    """The share beside others, by month, and the drugs that would move it."""
    prefecture = sheet.compared[2].label
    movers = [
        (m.name, _right(f"{m.quantity:,}"), _right(f"{_percent(sheet.share)} → {_percent(m.share)}"))
        for m in sheet.movers
    ]
    more = f"上の医薬品がすべて切り替わった場合は {_percent(sheet.all_share)}。"
    return Document(
        f"{sheet.name}（{sheet.sort}）　{sheet.month_text}診療分",
        (
            Paragraph(
                f"後発医薬品の数量 {sheet.generic:,} ÷ 後発医薬品のある医薬品の数量 {sheet.quantity:,}"
                f"（レセプト {sheet.receipts:,}件）"
            ),
            Heading("数量シェアの比較", 2),
            table(("比べる先", "数量シェア"), [(c.label, _right(_percent(c.share))) for c in sheet.compared]),
            Heading("数量シェアの推移", 2),
            table(
                ("診療年月", sheet.name, prefecture),
                [
                    (f"{t.year}年{t.label}", _right(_percent(t.own)), _right(_percent(t.prefecture)))
                    for t in sheet.trend
                ],
            ),
            Heading("切り替わると大きく変わる先発医薬品", 2),
            table(("医薬品", "数量", "切り替わった場合"), movers, widths=(4, 1, 2)),
            Paragraph(more + (f"ほかに{sheet.more}品目あります。" if sheet.more else ""), small=True),
        ),
    )


def _percent(share: Decimal | None) -> str:
    return "－" if share is None else f"{share}%"


SHEET = CaseKind(
    id="generic_institution_sheet",
    title="医療機関・薬局への使用状況の送付（見える化ツール）",
    definition=(
        "医療機関・薬局へ、その月のジェネリック医薬品の使用状況を地域の値と並べて送る。送る先を選び、決裁を受けて送付し、"
        "必要なら訪問して説明し、結果を残す。"
    ),
    law="協会けんぽ 保険者機能強化アクションプラン（医療機関・薬局への働きかけ、見える化ツール）",
    content=InstitutionSheet,
    summary=sheet_summary,
    page=sheet_page,
    first="made",
    states=(
        State("made", "作成済み", "内容を確かめ、送る先を選ぶ"),
        State("selected", "決裁待ち", "送付を決裁する"),
        State("approved", "送付待ち", "使用状況のお知らせを印刷して送付する", approved=True),
        State("sent", "送付済み", "訪問・説明をするかどうかを決める", Clock.STOPPED, restarts=True),
        State("visiting", "訪問・説明の予定", "訪問して説明し、結果を記録する", Clock.STOPPED, restarts=True),
        State("returned", "送付先不明", "所在地を確かめ、再送するか打ち切る"),
        State("visited", "説明済み", clock=Clock.ENDED),
        State("finished", "送付のみで終了", clock=Clock.ENDED),
        State("not_sent", "送付せず", clock=Clock.ENDED),
        State("opted_out", "希望しない申出により取りやめ", clock=Clock.ENDED),
        State("undeliverable", "廃止・移転などにより打切り", clock=Clock.ENDED),
    ),
    moves=(
        Move("select", "送る先に選ぶ", ("made",), "selected", approval="select"),
        Move("drop", "送らない", ("made",), "not_sent", PLANNERS, needs_reason=True),
        Move("approve", "送付を決裁する", ("selected",), "approved", approval="approve"),
        Move(
            "put_back",
            "差し戻す",
            ("selected", "approved"),
            "made",
            DECIDERS,
            needs_reason=True,
            voids_approvals=True,
            hands_over=True,
        ),
        Move("send", "印刷に回して送付する", ("approved",), "sent", PLANNERS, letter="sheet"),
        Move("came_back", "送付先不明で戻る", ("sent",), "returned", PLANNERS, needs_reason=True),
        Move("resend", "確かめた所在地に再送する", ("returned",), "approved", PLANNERS, needs_reason=True),
        Move("give_up", "打ち切る", ("returned",), "undeliverable", PLANNERS, needs_reason=True),
        Move("plan", "訪問・説明の日時を決める", ("sent",), "visiting", PLANNERS, needs_reason=True),
        Move("postpone", "訪問・説明をとりやめる", ("visiting",), "sent", PLANNERS, needs_reason=True),
        Move("visit", "訪問・説明の結果を記録する", ("visiting",), "visited", PLANNERS, needs_reason=True),
        Move("finish", "送付のみで終える", ("sent",), "finished", PLANNERS),
        Move(
            "opt_out",
            "希望しない申出を受ける",
            ("made", "selected", "approved", "sent", "visiting", "returned"),
            "opted_out",
            PLANNERS,
            needs_reason=True,
            drops_letters=True,
        ),
        Move(
            "reopen",
            "再開する",
            ("not_sent", "opted_out", "undeliverable"),
            "made",
            DECIDERS,
            needs_reason=True,
            reopens=True,
        ),
    ),
    retention=KEPT,
    deadline=Deadline(
        "generic_sheet_send_days", "支部の送付の日程。公表された期限はなく、パラメータの値は既定値"
    ),
    subject=Subject.INSTITUTION,
    approval=SENDING,
    letters=(
        Letter(
            "sheet",
            "ジェネリック医薬品使用状況のお知らせ",
            INSTITUTION_SHEET,
            lambda sheet: sheet,
            "came_back",
        ),
    ),
    worklist="institution_generic_use",
    key=("institution", "month"),
    subject_column="institution",
    contents=sheet_contents,
)

CASES = (NOTICE, SHEET)
