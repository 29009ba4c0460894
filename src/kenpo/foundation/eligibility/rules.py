"""Words and limits of eligibility (資格): what is odd in the membership.

Sources: 健康保険法3条・35条〜38条; 高齢者の医療の確保に関する法律50条.
"""

from __future__ import annotations

FAULTS = {
    "overlapping_spans": "同じ加入者の資格の期間が重なっている",
    "unknown_workplace": "資格の事業所が、事業所のデータにない",
    "unknown_member": "資格の加入者が、加入者のデータにない",
    "dependent_without_insured": "被扶養者の認定日に、被保険者の資格がない",
    "dependent_after_insured_loss": "被保険者の資格喪失後も、被扶養者の資格が続いている",
    "after_death": "死亡日の翌日より後も資格が続いている、または死亡後に資格を取得している",
    "over_75": "75歳の誕生日を過ぎても資格が続いている",
    "acquired_before_workplace": "事業所の新規適用日より前に資格を取得している",
    "after_workplace_closed": "事業所の全喪日より後も資格が続いている",
    "voluntary_over_2_years": "任意継続の期間が2年を超えている",
    "voluntary_without_2_months": "任意継続の前に、継続して2か月以上の被保険者期間がない",
    "no_remuneration": "資格取得月以降の標準報酬月額がない",
}
"""What does not fit in the membership (資格データの不整合): code → Japanese."""

PREVIOUS_MONTHS = 2
"""Months insured without a break before 任意継続. Source: 健康保険法3条4項."""

VOLUNTARY_YEARS = 2
"""Years 任意継続 lasts at most. Source: 健康保険法38条1号."""

ELDERLY_AGE = 75
"""The age from which 後期高齢者医療 takes over. Source: 高齢者の医療の確保に関する法律50条1号."""
