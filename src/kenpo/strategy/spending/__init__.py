"""医療費分析、上手な医療のかかり方: what the members' care costs, how often they see a doctor, and where."""

from kenpo.frame.initiative import Initiative
from kenpo.strategy.spending.measures import (
    cost_per_day,
    days_per_receipt,
    medical_cost_index,
    medical_cost_per_member,
    patient_inflow_rate,
    patient_outflow_rate,
    receipts_per_member,
)
from kenpo.strategy.spending.plants import TRUTHS

INITIATIVE = Initiative(
    name="spending",
    title="医療費分析、上手な医療のかかり方",
    pillar="strategy",
    measures=(
        medical_cost_per_member,
        receipts_per_member,
        days_per_receipt,
        cost_per_day,
        medical_cost_index,
        patient_outflow_rate,
        patient_inflow_rate,
    ),
    truths=TRUTHS,
)
