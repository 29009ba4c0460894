"""KPIs as a plan holds them, from what its passages state; and one KPI that is stated in several places."""

from __future__ import annotations

from kenpo.plan.model import Kpi, Review
from kenpo.plan.sentences import Stated
from kenpo.plan.targets import Done, NotAboveLastYear, NotBelowLastYear, Target


def kpi_of(stated: Stated, where: str) -> Kpi:
    """A KPI of a plan from what a passage states, its doubts as things to review."""
    return Kpi(
        measure=stated.term.id if stated.term else None,
        text=stated.text,
        target=stated.target,
        baseline=stated.baseline,
        unit=stated.unit or (stated.term.unit if stated.term else ""),
        notes=stated.notes,
        review=tuple(Review(what=d, passage=stated.text, where=where) for d in stated.doubts),
        where=where,
    )


def merged(first: Kpi, second: Kpi) -> Kpi:
    """A KPI stated twice: what the first lacks is taken from the second; where they differ, both are shown."""
    target, baseline, review = first.target, first.baseline, list(first.review)
    if target is None or (second.target is not None and _more_exact(second.target, target)):
        target, baseline = second.target, second.baseline or baseline
        review = [*second.review] if first.target is None else review
    elif second.target is not None and not agree(target, second.target):
        review.append(
            Review(
                what="同じKPIが文書の中で違う目標で書かれています。",
                passage=f"{first.text}／{second.text}",
                where=second.where,
            )
        )
    return first.model_copy(
        update={
            "target": target,
            "baseline": baseline if baseline is not None else second.baseline,
            "notes": tuple(dict.fromkeys((*first.notes, *(second.notes if not first.notes else ())))),
            "review": tuple(review),
        }
    )


def _more_exact(new: Target, old: Target) -> bool:
    """対前年度以上（0.292%以上） says more than 対前年度以上."""
    return (
        isinstance(new, NotBelowLastYear | NotAboveLastYear)
        and isinstance(old, NotBelowLastYear | NotAboveLastYear)
        and new.kind == old.kind
        and old.value is None
        and new.value is not None
    )


def agree(a: Target, b: Target) -> bool:
    """Whether two targets say the same, one perhaps in fewer words."""
    if isinstance(a, Done) and isinstance(b, Done):
        return True
    if a.kind == b.kind:
        x, y = getattr(a, "value", None), getattr(b, "value", None)
        return x is None or y is None or x == y
    relative = isinstance(a, NotBelowLastYear | NotAboveLastYear) or isinstance(
        b, NotBelowLastYear | NotAboveLastYear
    )
    return relative and getattr(a, "value", None) == getattr(b, "value", None)
