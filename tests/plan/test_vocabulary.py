"""KPI語彙: every KPI of the catalogue, told apart however documents word it."""

from __future__ import annotations

import pytest

from kenpo.base.errors import ArgumentError
from kenpo.plan.vocabulary import Term, hits, known, plain, term_of, terms

CATALOGUE = [
    "service_standard_achievement_rate",
    "service_standard_avg_days",
    "postal_application_rate",
    "counter_reception_rate",
    "receipt_assessment_rate_combined",
    "receipt_assessment_rate_own",
    "reassessment_amount_per_receipt",
    "judo_multisite_frequent_rate",
    "card_recovery_rate_1m",
    "refund_recovery_rate_postloss",
    "refund_recovery_rate_excl_improper",
    "dependent_recheck_submission_rate",
    "mynumber_record_rate",
    "lifestyle_checkup_rate",
    "employer_checkup_data_rate",
    "insured_checkup_rate_total",
    "dependent_checkup_rate",
    "insured_guidance_rate",
    "dependent_guidance_rate",
    "visit_rate_3m_after_recommendation",
    "visit_rate_10m_from_checkup",
    "health_declaration_offices",
    "committee_coverage_rate",
    "committee_office_count",
    "generic_volume_share",
    "biosimilar_promotion_done",
    "sns_monthly_posting",
    "opinion_dissemination",
    "single_bid_rate",
    "specific_checkup_rate_total",
    "guidance_rate_total",
    "biosimilar_component_share",
    "generic_value_share",
    "health_management_companies",
    "customer_satisfaction_call_rank",
]


def test_every_kpi_of_the_catalogue_is_in_the_vocabulary():
    assert len(CATALOGUE) == 29 + 6
    assert set(CATALOGUE) <= {t.id for t in terms()}


def test_ids_and_names_are_unique():
    for names in ([t.id for t in terms()], [t.title for t in terms()], [t.short for t in terms()]):
        assert len(names) == len(set(names))


@pytest.mark.parametrize("term", terms(), ids=lambda t: t.id)
def test_a_kpi_is_found_by_its_own_sentence(term: Term):
    assert [hit.term.id for hit in hits(plain(term.sentence))] == [term.id]


@pytest.mark.parametrize(
    ("text", "measures"),
    [
        ("協会のレセプト点検の査定率", ["receipt_assessment_rate_own"]),
        ("社会保険診療報酬支払基金と合算したレセプト点検の査定率", ["receipt_assessment_rate_combined"]),
        ("レセプト点検の査定率", ["receipt_assessment_rate_combined"]),
        ("返納金債権（診療報酬返還金（不当請求）を除く。）の回収率", ["refund_recovery_rate_excl_improper"]),
        ("返納金債権（資格喪失後受診に係るもの）の回収率", ["refund_recovery_rate_postloss"]),
        ("返納金債権の回収率", []),
        ("健診受診率＜被保険者＞", ["insured_checkup_rate_total"]),
        ("被扶養者の特定健康診査実施率", ["dependent_checkup_rate"]),
        ("健診の案内", []),
        ("査定額及び査定率", []),
        ("健康宣言事業所に対するフォローアップ", []),
        (
            "被保険者の特定保健指導の実施率、被扶養者の特定保健指導の実施率",
            ["insured_guidance_rate", "dependent_guidance_rate"],
        ),
    ],
)
def test_kpis_that_are_alike_are_told_apart(text: str, measures: list[str]):
    assert [hit.term.id for hit in hits(plain(text))] == measures


def test_texts_are_compared_in_half_width_without_spaces():
    assert plain("受診勧奨後　３ヶ月 以内") == plain("受診勧奨後3か月以内")
    assert plain("戰略的保險者機能關係") == "戦略的保険者機能関係"


def test_a_kpi_by_its_id_or_name():
    assert term_of("郵送化率").id == "postal_application_rate"
    assert term_of("postal_application_rate") is known("postal_application_rate")
    assert known("知らない指標") is None
    with pytest.raises(ArgumentError, match="というKPIはありません") as error:
        term_of("知らない指標")
    assert "郵送化率" in (error.value.todo or "")
