"""The one explicit list of 施策: a new room is added here, and nowhere else."""

from __future__ import annotations

from kenpo.base.errors import ArgumentError
from kenpo.frame import Initiative, Measure
from kenpo.strategy import generics

INITIATIVES: tuple[Initiative, ...] = (generics.INITIATIVE,)

MEASURES: dict[str, Measure] = {m.id: m for i in INITIATIVES for m in i.measures}


def measure_of(name: str) -> Measure:
    """A measure by its id or Japanese title. Raises ArgumentError that lists what there is."""
    found = MEASURES.get(name) or next((m for m in MEASURES.values() if m.title == name), None)
    if found is None:
        listed = "\n".join(f"  {m.id}：{m.title}" for m in MEASURES.values())
        raise ArgumentError(
            f"「{name}」という指標はありません。", todo=f"次のいずれかを指定してください：\n{listed}"
        )
    return found
