"""Sections of written plan documents (文書の見出し): what `pages`, `records` and `report` write, and the reader knows again."""

from __future__ import annotations

OVERVIEW = "進捗の概要"
KPI_LIST = "KPI一覧"
RECORDS = "付属資料"
POLICY = "基本方針"
NOTES = "計画の概要"
SIDE_BY_SIDE = "アクションプランと事業計画"

WORKED_OUT = frozenset({OVERVIEW, KPI_LIST, RECORDS})
"""Sections that say nothing the rest of the document does not: the reader passes their text over, but for record tables."""

RESULTS = "■ KPIの実績"
"""Above the figures a written document adds to what was done; the reader takes figures from the record tables."""

LEGEND = "評価：◎（計画を大幅に上回る）、○（計画通り）、△（実施中又は計画を下回る）、－（実施予定）、×（実施見送り）"
"""What the marks mean, above every table that has them."""
