"""お客様の声・満足度、業務改革: what members and employers say to the branch, what they are told, and what is made better."""

from kenpo.foundation.service.cases import CASES
from kenpo.frame.initiative import Initiative

INITIATIVE = Initiative(
    name="service",
    title="お客様の声・満足度、業務改革",
    pillar="foundation",
    cases=CASES,
)
