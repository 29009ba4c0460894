"""資格、保険証・資格確認書、マイナンバー: who is a member, whose receipt it is, and what does not fit."""

from kenpo.foundation.eligibility.faults import membership_fault
from kenpo.foundation.eligibility.matching import member_receipt
from kenpo.foundation.eligibility.measures import (
    average_standard_remuneration,
    dependency_ratio,
    dependents,
    insured,
    members,
    mynumber_record_rate,
    receipt_match_rate,
    workplaces,
)
from kenpo.foundation.eligibility.members import member_month, workplace_month
from kenpo.foundation.eligibility.plants import PLANTS, TRUTHS
from kenpo.foundation.eligibility.worklists import membership_faults, unmatched_receipts
from kenpo.frame.initiative import Initiative

INITIATIVE = Initiative(
    name="eligibility",
    title="資格、保険証・資格確認書、マイナンバー",
    pillar="foundation",
    derivations=(member_month, workplace_month, member_receipt, membership_fault),
    measures=(
        members,
        insured,
        dependents,
        workplaces,
        dependency_ratio,
        average_standard_remuneration,
        mynumber_record_rate,
        receipt_match_rate,
    ),
    worklists=(unmatched_receipts, membership_faults),
    plants=PLANTS,
    truths=TRUTHS,
)
