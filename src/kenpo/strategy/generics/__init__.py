"""③ ジェネリック医薬品の使用促進: generic and biosimilar use."""

from kenpo.frame.initiative import Initiative
from kenpo.strategy.generics.cases import CASES
from kenpo.strategy.generics.measures import (
    biosimilar_component_share,
    generic_notice_control_switch_rate,
    generic_notice_saving,
    generic_notice_switch_rate,
    generic_value_share,
    generic_volume_share,
)
from kenpo.strategy.generics.plants import PLANTS, TRUTHS
from kenpo.strategy.generics.worklists import (
    generic_switch,
    institution_generic_use,
    unknown_drug_codes,
)

INITIATIVE = Initiative(
    name="generics",
    title="ジェネリック医薬品の使用促進",
    pillar="strategy",
    measures=(
        generic_volume_share,
        generic_value_share,
        biosimilar_component_share,
        generic_notice_switch_rate,
        generic_notice_control_switch_rate,
        generic_notice_saving,
    ),
    worklists=(generic_switch, institution_generic_use, unknown_drug_codes),
    cases=CASES,
    plants=PLANTS,
    truths=TRUTHS,
)
