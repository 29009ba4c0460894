"""Worklists of 資格: receipts that match no member, and rows of the membership that do not fit."""

from __future__ import annotations

import ibis

from kenpo.foundation.eligibility.rules import FAULTS
from kenpo.frame.view import View
from kenpo.frame.worklist import worklist
from kenpo.lake import Expression
from kenpo.lake.tables.derived import CARES, UNMATCHED


@worklist(
    title="資格を照合できないレセプト",
    definition=(
        "有効なレセプトのうち、加入者の資格と照合できないもの。資格喪失後の受診を先に、点数の高い順に並べる。"
        "「加入者の候補」は、本人と思われる加入者が1人に決まるものをいう。"
    ),
    law="健康保険法35条・36条、レセプトの資格点検",
    columns={
        "care_title": "診療種別",
        "institution": "医療機関",
        "points": "合計点数",
        "candidate": "加入者の候補",
        "member_id": "加入者ID",
        "receipt_id": "レセプトID",
    },
    reasons=UNMATCHED,
)
def unmatched_receipts(view: View) -> Expression:
    """Receipts with a reason; first those after a loss, the larger before the smaller."""
    receipt = view.table("member_receipt").filter(lambda t: t.reason.notnull())
    ranks = {reason: n for n, reason in enumerate(UNMATCHED)}
    order = [
        ibis.cases(*((receipt.reason == reason, n) for reason, n in ranks.items())),
        receipt.points.desc(),
        receipt.receipt_id,
    ]
    return receipt.mutate(
        priority=ibis.row_number().over(ibis.window(order_by=order)) + 1,
        care_title=ibis.cases(*((receipt.care == code, said) for code, said in CARES.items())),
        candidate=ibis.ifelse(receipt.member_id.notnull(), "あり", "なし"),
        receipt_id=receipt.receipt_id.cast("string"),
    )


@worklist(
    title="資格データの不整合",
    definition="取り込んだ資格のデータのうち、ほかの行と合わないもの。確かめて、届出や登録の誤りなら訂正する。",
    law="健康保険法3条・35条〜38条、高齢者の医療の確保に関する法律50条",
    columns={"day": "問題の日", "workplace": "事業所", "member_id": "加入者ID", "found_in": "表"},
    reasons=FAULTS,
)
def membership_faults(view: View) -> Expression:
    """Faults of the membership, kind by kind, the latest first."""
    fault = view.table("membership_fault")
    rank = ibis.cases(*((fault.code == code, n) for n, code in enumerate(FAULTS)))
    order = [rank, fault.day.desc(), fault.source_file, fault.source_line]
    return fault.mutate(
        month=ibis.null("date"),
        reason=fault.code,
        priority=ibis.row_number().over(ibis.window(order_by=order)) + 1,
    )
