"""What the planners of an invented branch have written (架空の支部の計画文書): the year's plan and the reports of its progress.

The annual plan of the fiscal year of the last month, its report of the first half, and the quarterly reports of the two
years before, in markdown as people write them. Every figure comes from one monthly series per KPI, so that a report of
the year before ends with what the plan calls last year's figure. The same setting gives the same texts.

Levels are near the published ones (rules J and J2); each branch and seed has its own. The sentences are in plans.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from kenpo.base.branches import branch
from kenpo.base.era import to_wareki, to_wareki_month
from kenpo.base.fiscal import fiscal_year_label, fy, fy_months
from kenpo.base.money import percent
from kenpo.synth.people import DEPENDENTS_PER_INSURED
from kenpo.synth.setting import Setting

FOLDER = "計画文書"
_PAST = 3
"""Years of figures before the plan's: two that are reported, and one for the first of them to look back to."""
"""The folder of the documents: read with `kenpo plan read`, never loaded."""

Kind = Literal[
    "at_least",
    "at_most",
    "not_below_last_year",
    "not_above_last_year",
    "year_end",
    "single_bid",
    "done",
    "monthly",
]
Move = Literal["cumulative", "ratio", "point", "told"]

_STREAM = 900
_MARCH = 11
_ENDS = {"Q1": 2, "Q2": 5, "Q3": 8, "Q4": 11, "H1": 5}
_PERIODS = {
    "Q1": "第1四半期",
    "Q2": "第2四半期",
    "Q3": "第3四半期",
    "Q4": "第4四半期（年度末）",
    "H1": "上期",
}
_SHARE_40_TO_74_INSURED, _SHARE_40_TO_74_DEPENDENT = 0.60, 0.36
_GUIDED_INSURED, _GUIDED_DEPENDENT = 0.62 * 0.19, 0.28 * 0.09
_FEWEST = 10


@dataclass(frozen=True)
class Measure:
    """How a KPI is worded and how it moves.

    sentence: as a plan states it, {target} put in. listed: its name in the list of KPIs. level: what a branch of the
    usual kind reaches in a year, in counts per member for `事業所`; spread: how far branches differ; ambition: how far a
    plan goes beyond last year; swing: how far a year may miss its target; all relative to the level. pace: the parts of a
    year's figure that the months April to March add. lag: months until a figure is known. people: whom it is a rate of.
    """

    id: str
    sentence: str
    listed: str
    unit: str
    places: int
    kind: Kind
    move: Move
    level: float = 0
    spread: float = 0
    ambition: float = 0
    swing: float = 0
    pace: tuple[float, ...] = ()
    lag: int = 0
    people: str = ""

    @property
    def lower(self) -> bool:
        """Whether a lower figure is the better one."""
        return self.kind in ("at_most", "not_above_last_year", "single_bid")

    @property
    def from_last_year(self) -> bool:
        """Whether the target is last year's figure, stated in the plan."""
        return self.kind in ("not_below_last_year", "not_above_last_year") and self.move != "told"


_CHECKUPS = (4, 7, 9, 10, 7, 9, 13, 14, 11, 7, 5, 4)
_EMPLOYERS = (2, 4, 7, 9, 8, 9, 11, 12, 12, 10, 9, 7)
_DEPENDENTS = (1, 4, 8, 9, 9, 11, 14, 14, 10, 7, 6, 7)
_GUIDED = (1, 2, 4, 6, 7, 8, 9, 11, 12, 13, 13, 14)
_RECOVERED = (9, 8, 9, 12, 9, 8, 8, 8, 10, 7, 6, 6)
_ASKED_AGAIN = (0, 0, 0, 0, 0, 0, 0, 35, 40, 15, 7, 3)
_VISITED = (3, 5, 7, 8, 9, 9, 9, 10, 10, 10, 10, 10)

MEASURES: Mapping[str, Measure] = {
    m.id: m
    for m in (
        Measure(
            "service_standard_achievement_rate",
            "サービススタンダードの達成状況を{target}とする",
            "サービススタンダードの達成状況",
            "％", 2, "at_least", "ratio", level=100, swing=0.0004, lag=1,
        ),
        Measure(
            "service_standard_avg_days",
            "サービススタンダードの平均所要日数を{target}とする",
            "サービススタンダードの平均所要日数",
            "日", 2, "at_most", "ratio", level=6.1, spread=0.05, swing=0.05, lag=1,
        ),
        Measure(
            "counter_reception_rate",
            "現金給付等の申請書類に係る窓口での受付率を{target}とする",
            "現金給付等の申請書類に係る窓口での受付率",
            "％", 1, "at_most", "ratio", level=4.2, spread=0.2, ambition=-0.05, swing=0.08,
        ),
        Measure(
            "receipt_assessment_rate_own",
            "協会のレセプト点検の査定率について{target}とする",
            "協会のレセプト点検の査定率",
            "％", 3, "not_below_last_year", "ratio", level=0.131, spread=0.12, swing=0.08, lag=1,
        ),
        Measure(
            "reassessment_amount_per_receipt",
            "協会けんぽの再審査レセプト1件当たりの査定額を{target}とする",
            "協会けんぽの再審査レセプト1件当たりの査定額",
            "円", 0, "not_below_last_year", "ratio", level=9908, spread=0.12, swing=0.09, lag=1,
        ),
        Measure(
            "judo_multisite_frequent_rate",
            "柔道整復施術療養費の申請に占める、施術箇所3部位以上、かつ月15日以上の施術の申請の割合について{target}とする",
            "柔道整復施術療養費の申請に占める、施術箇所3部位以上、かつ月15日以上の施術の申請の割合",
            "％", 2, "not_above_last_year", "ratio", level=0.98, spread=0.2, swing=0.07, lag=1,
        ),
        Measure(
            "refund_recovery_rate_excl_improper",
            "返納金債権（診療報酬返還金（不当請求）を除く。）の回収率を{target}とする",
            "返納金債権（診療報酬返還金（不当請求）を除く。）の回収率",
            "％", 2, "not_below_last_year", "cumulative",
            level=66.2, spread=0.07, swing=0.04, pace=_RECOVERED, lag=1,
        ),
        Measure(
            "dependent_recheck_submission_rate",
            "被扶養者資格の確認対象事業所からの確認書の提出率を{target}とする",
            "被扶養者資格の確認対象事業所からの確認書の提出率",
            "％", 1, "at_least", "cumulative", level=93.2, spread=0.015, ambition=0.006, swing=0.01, pace=_ASKED_AGAIN,
        ),
        Measure(
            "mynumber_record_rate",
            "加入者のマイナンバー収録率を{target}とする",
            "加入者のマイナンバー収録率",
            "％", 1, "not_below_last_year", "told",
        ),
        Measure(
            "lifestyle_checkup_rate",
            "生活習慣病予防健診実施率を{target}とする",
            "生活習慣病予防健診実施率",
            "％", 1, "at_least", "cumulative",
            level=58.4, spread=0.07, ambition=0.03, swing=0.05, pace=_CHECKUPS, lag=2, people="被保険者",
        ),
        Measure(
            "employer_checkup_data_rate",
            "事業者健診データ取得率を{target}とする",
            "事業者健診データ取得率",
            "％", 1, "at_least", "cumulative",
            level=7.4, spread=0.25, ambition=0.06, swing=0.15, pace=_EMPLOYERS, lag=2, people="被保険者",
        ),
        Measure(
            "dependent_checkup_rate",
            "被扶養者の特定健診実施率を{target}とする",
            "被扶養者の特定健診実施率",
            "％", 1, "at_least", "cumulative",
            level=29.4, spread=0.1, ambition=0.03, swing=0.06, pace=_DEPENDENTS, lag=2, people="被扶養者",
        ),
        Measure(
            "insured_guidance_rate",
            "被保険者の特定保健指導の実施率を{target}とする",
            "被保険者の特定保健指導の実施率",
            "％", 1, "at_least", "cumulative",
            level=20.3, spread=0.15, ambition=0.06, swing=0.12, pace=_GUIDED, lag=3, people="指導被保険者",
        ),
        Measure(
            "dependent_guidance_rate",
            "被扶養者の特定保健指導の実施率を{target}とする",
            "被扶養者の特定保健指導の実施率",
            "％", 1, "at_least", "cumulative",
            level=17.1, spread=0.2, ambition=0.05, swing=0.15, pace=_GUIDED, lag=3, people="指導被扶養者",
        ),
        Measure(
            "visit_rate_10m_from_checkup",
            "血圧、血糖、脂質の未治療者において健診受診月から10か月以内に医療機関を受診した者の割合を{target}とする",
            "血圧、血糖、脂質の未治療者において健診受診月から10か月以内に医療機関を受診した者の割合",
            "％", 1, "at_least", "cumulative",
            level=33.4, spread=0.05, ambition=0.02, swing=0.05, pace=_VISITED, lag=1,
        ),
        Measure(
            "health_declaration_offices",
            "健康宣言事業所数を{target}とする",
            "健康宣言事業所数",
            "事業所", 0, "at_least", "point", level=0.0026, spread=0.2, ambition=0.08, swing=0.05,
        ),
        Measure(
            "committee_coverage_rate",
            "全被保険者数に占める健康保険委員が委嘱されている事業所の被保険者数の割合を{target}とする",
            "全被保険者数に占める健康保険委員が委嘱されている事業所の被保険者数の割合",
            "％", 2, "at_least", "point", level=53, spread=0.08, ambition=0.02, swing=0.015,
        ),
        Measure(
            "committee_office_count",
            "健康保険委員の委嘱事業所数を{target}とする",
            "健康保険委員の委嘱事業所数",
            "事業所", 0, "not_below_last_year", "point", level=0.0075, spread=0.2, swing=0.04,
        ),
        Measure(
            "sns_monthly_posting",
            "SNS（LINE公式アカウント）を運用し、毎月情報発信を行う",
            "SNS（LINE公式アカウント）を運用し、毎月情報発信を行う",
            "", 0, "monthly", "told",
        ),
        Measure(
            "generic_volume_share",
            "ジェネリック医薬品使用割合（数量ベース）を年度末時点で{target}とする",
            "ジェネリック医薬品使用割合（数量ベース）",
            "％", 1, "year_end", "told",
        ),
        Measure(
            "biosimilar_promotion_done",
            "バイオシミラーの使用促進に向けて、医療機関や関係者への働きかけを実施する",
            "バイオシミラーの使用促進に向けた医療機関や関係者への働きかけ",
            "", 0, "done", "told",
        ),
        Measure(
            "opinion_dissemination",
            "地域医療構想調整会議や医療審議会等の場において、医療データ等を活用した効果的な意見発信を実施する",
            "地域医療構想調整会議や医療審議会等の場における、医療データ等を活用した効果的な意見発信",
            "", 0, "done", "told",
        ),
        Measure(
            "single_bid_rate",
            "一般競争入札に占める一者応札案件の割合について、{target}とする",
            "一般競争入札に占める一者応札案件の割合",
            "％", 1, "single_bid", "ratio",
        ),
    )
}  # fmt: skip
"""Every KPI of the invented plans by its id."""

_HAND_FILLED_LATER = ("mynumber_record_rate", "generic_volume_share")
"""What the planners leave blank: kenpo computes it from the files of the branch."""
_DONE_FROM = {"biosimilar_promotion_done": 5, "opinion_dissemination": 5, "sns_monthly_posting": 0}
_OUTCOMES = (
    1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05, -0.15, -0.3, -0.45, -0.6, -0.8, -1.0, 0.35, 0.25
)  # fmt: skip
_TENDERS_A_MONTH = (0, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1)
_HIGHEST_RATE = 99.9


@dataclass(frozen=True)
class Figure:
    """What a series says of a month: the printed value, and the people or tenders behind it, of how many."""

    value: Decimal
    count: int | None = None
    of: int | None = None


@dataclass(frozen=True)
class Aim:
    """A KPI's target in a year: the number stated (None when there is none), and people planned for."""

    value: Decimal | None
    eligible: int | None = None
    expected: int | None = None


@dataclass(frozen=True)
class Year:
    """A fiscal year of a KPI: what is aimed at, and the figure of each month, April first."""

    aim: Aim
    months: tuple[Figure, ...]

    @property
    def end(self) -> Figure:
        """The figure of March."""
        return self.months[_MARCH]


@dataclass(frozen=True)
class Told:
    """What a report says of a KPI: a figure of a month, or why there is none (－、下期実施予定), or that it was done."""

    state: Literal["value", "missing", "done"]
    text: str
    value: Decimal | None = None
    count: int | None = None
    of: int | None = None
    month: date | None = None
    preliminary: bool = False


@dataclass(frozen=True)
class Paper:
    """One document: its file's name, its text, and what is said in it.

    period: Q1 to Q4, H1, or "" for the plan itself. told: what it reports of each KPI. marks: ◎○△－× of each 施策, by its
    key in kenpo's files (2/①/i)).
    """

    name: str
    text: str
    year: int
    period: str
    told: Mapping[str, Told]
    marks: Mapping[str, str]


@dataclass(frozen=True)
class Papers:
    """All documents of an invented branch, and the series of figures they tell of: measure → fiscal year → months."""

    setting: Setting
    year: int
    papers: tuple[Paper, ...]
    series: Mapping[str, Mapping[int, Year]]
    initiatives: int


def write_plans(folder: Path, setting: Setting) -> None:
    """Write the documents into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for paper in make_plans(setting).papers:
        (folder / paper.name).write_text(paper.text, encoding="utf-8")


def make_plans(setting: Setting) -> Papers:
    """The documents of the invented branch of a setting."""
    year = fy(setting.last_day)
    series = _series(setting, year)
    texts = _texts()
    focus = texts["focus"][int(setting.random(_STREAM, 1).integers(len(texts["focus"])))]
    writer = _Writer(setting, series, texts, focus)
    papers = [writer.plan(year), writer.report(year, "H1")]
    for before in (year - 2, year - 1):
        papers += [writer.report(before, quarter) for quarter in ("Q1", "Q2", "Q3", "Q4")]
    return Papers(setting, year, tuple(papers), series, sum(1 for _ in _all_numbered(texts)))


@cache
def _texts() -> dict[str, Any]:
    return yaml.safe_load((files("kenpo.synth") / "plans.yaml").read_text(encoding="utf-8"))


# ---- figures -----------------------------------------------------------------------------------------------------------


def _printed(value: float, places: int) -> Decimal:
    return Decimal(f"{value:.{places}f}")


def _eligible(setting: Setting, year: int, last: int) -> dict[str, int]:
    """How many people a rate is of: those of 40 to 74, and those who are to be guided."""
    insured = setting.members / (1 + DEPENDENTS_PER_INSURED)
    growth = 1 + 0.008 * (year - last)
    aged = insured * _SHARE_40_TO_74_INSURED * growth
    dependents = (setting.members - insured) * _SHARE_40_TO_74_DEPENDENT * growth
    counts = {
        "被保険者": aged,
        "被扶養者": dependents,
        "指導被保険者": aged * _GUIDED_INSURED,
        "指導被扶養者": dependents * _GUIDED_DEPENDENT,
    }
    return {who: max(_FEWEST, round(count)) for who, count in counts.items()}


def _series(setting: Setting, last: int) -> dict[str, dict[int, Year]]:
    """Four years of every KPI that has figures, and the aims alone of those that have none."""
    random = setting.random(_STREAM, 0)
    numeric = [m for m in MEASURES.values() if m.move != "told" and m.kind != "single_bid"]
    outcomes = {y: random.permutation(_OUTCOMES) for y in range(last - _PAST, last + 1)}
    found: dict[str, dict[int, Year]] = {}
    for n, measure in enumerate(numeric):
        chance = setting.random(_STREAM, 2, n)
        scale = setting.members if measure.unit == "事業所" else 1
        before = measure.level * scale * (1 + measure.spread * float(chance.uniform(-1, 1)))
        years: dict[int, Year] = {}
        for year in range(last - _PAST, last + 1):
            eligible = _eligible(setting, year, last).get(measure.people)
            aim = _aim(measure, before, years.get(year - 1), eligible)
            outcome = float(outcomes[year][n])
            years[year] = _year(measure, aim, before, outcome, eligible, chance)
            before = float(years[year].end.value)
        found[measure.id] = years
    found["single_bid_rate"] = _bids(setting, last)
    for measure in MEASURES.values():
        if measure.move == "told":
            found[measure.id] = {y: Year(Aim(None), ()) for y in range(last - _PAST, last + 1)}
    return {m: found[m] for m in MEASURES}


def _aim(measure: Measure, before: float, last_year: Year | None, eligible: int | None) -> Aim:
    if measure.id == "service_standard_achievement_rate":
        return Aim(Decimal(100))
    if measure.id == "service_standard_avg_days":
        return Aim(Decimal(7))
    if measure.from_last_year:
        return Aim(last_year.end.value if last_year else _printed(before, measure.places))
    wanted = before * (1 + measure.ambition)
    if measure.unit == "事業所":
        return Aim(Decimal(max(2, round(wanted))))
    if eligible is None:
        # One digit less than the figure itself, as targets are set.
        return Aim(_printed(min(wanted, _HIGHEST_RATE), 1))
    expected = min(eligible, max(1, round(eligible * wanted / 100)))
    return Aim(percent(expected, eligible, measure.places), eligible, expected)


def _year(
    measure: Measure,
    aim: Aim,
    before: float,
    outcome: float,
    eligible: int | None,
    chance: np.random.Generator,
) -> Year:
    """A year's months: where it ends is decided by how the year turns out, the rest by how the KPI moves."""
    assert aim.value is not None, measure.id
    way = -1 if measure.lower else 1
    base = before if measure.id == "service_standard_avg_days" else float(aim.value)
    end = base * (1 + way * outcome * measure.swing)
    if measure.unit == "％":
        end = min(end, 100 if measure.id == "service_standard_achievement_rate" else _HIGHEST_RATE)
    noise = chance.normal(size=12)
    if measure.move == "cumulative":
        pace = np.array(measure.pace) * np.exp(0.06 * noise)
        parts = np.cumsum(pace) / pace.sum()
        parts[_MARCH] = 1
        if eligible is not None:
            reached = round(eligible * end / 100)
            counts = [round(reached * part) for part in parts[:_MARCH]] + [reached]
            return Year(aim, tuple(Figure(_rate(c, eligible, measure.places), c, eligible) for c in counts))
        return Year(aim, tuple(Figure(_printed(end * part, measure.places)) for part in parts))
    if measure.move == "point":
        steps = np.cumsum(np.exp(0.5 * noise))
        values = before + (end - before) * steps / steps[_MARCH]
        return Year(aim, tuple(Figure(_printed(max(v, 1), measure.places)) for v in values))
    still = np.linspace(1, 0, 12)
    values = end * (1 + 0.5 * measure.swing * noise * still)
    highest = 100 if measure.unit == "％" else np.inf
    return Year(aim, tuple(Figure(_printed(min(v, highest), measure.places)) for v in values))


def _rate(count: int, eligible: int, places: int) -> Decimal:
    rate = percent(count, eligible, places)
    assert rate is not None
    return rate


def _bids(setting: Setting, last: int) -> dict[int, Year]:
    """Tenders of the year so far, and how many of them had one bidder."""
    years = {}
    for year in range(last - _PAST, last + 1):
        chance = setting.random(_STREAM, 3, year)
        more = 1 + int(chance.integers(3))
        tenders = np.cumsum([n * more for n in _TENDERS_A_MONTH])
        alone = int(chance.integers(1, 3))
        at = sorted(chance.choice([2, 4, 5, 7, 8, 10], size=alone, replace=False).tolist())
        single = [sum(m >= a for a in at) for m in range(12)]
        counts = [(s, int(n)) for s, n in zip(single, tenders, strict=True)]
        months = tuple(Figure(_rate(s, n, 1) if n else Decimal("0.0"), s, n) for s, n in counts)
        years[year] = Year(Aim(Decimal(20)), months)
    return years


# ---- wording -----------------------------------------------------------------------------------------------------------


def _number(value: Decimal, unit: str) -> str:
    return f"{value:,f}{unit}"


def target_text(measure: Measure, aim: Aim) -> str:
    """A target in the words of a plan: 58.4％以上、対前年度以上（0.131％以上）."""
    value = "" if aim.value is None else _number(aim.value, measure.unit)
    match measure.kind:
        case "at_least":
            return value if measure.id == "service_standard_achievement_rate" else f"{value}以上"
        case "at_most":
            return f"{value}以内" if measure.unit == "日" else f"{value}以下"
        case "not_below_last_year":
            return f"対前年度以上（{value}以上）" if value else "対前年度以上"
        case "not_above_last_year":
            return f"対前年度以下（{value}以下）"
        case "year_end":
            return "対前年度末以上"
        case "single_bid":
            return f"{value}以下"
        case "done":
            return "実施"
        case "monthly":
            return "毎月実施"


def sentence(measure: Measure, aim: Aim) -> str:
    """The KPI as a plan states it."""
    text = measure.sentence.replace("{target}", target_text(measure, aim)) + "。"
    if measure.kind == "single_bid":
        text += "ただし、前年度に20％以下であった場合は前年度以下とし、一般競争入札が4件以下の場合は一者応札を1件以下とする。"
    return text


def _listed_target(measure: Measure, aim: Aim) -> str:
    text = target_text(measure, aim)
    if measure.kind == "single_bid":
        text += "（前年度が20％以下の場合は前年度以下。入札4件以下の場合は一者応札1件以下）"
    return text


def _all_numbered(texts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every numbered 施策, also those within another."""
    for pillar in texts["pillars"]:
        for held in pillar["initiatives"]:
            yield held
            for child in held.get("children", ()):
                yield child
                yield from child.get("parts", ())


def _weekday(day: date) -> date:
    """The last working day of the week up to a day."""
    return day - timedelta(days=max(0, day.weekday() - 4))


def _day(year: int, month: int, day: int) -> date:
    """A working day near a day of a fiscal year's month."""
    return _weekday(date(year + (month < 4), month, day))


class _Writer:
    def __init__(
        self,
        setting: Setting,
        series: Mapping[str, Mapping[int, Year]],
        texts: dict[str, Any],
        focus: dict[str, str],
    ) -> None:
        self.setting = setting
        self.series = series
        self.texts = texts
        self.focus = focus
        self.name = branch(setting.branch).name

    # ---- the plan ----------------------------------------------------------------------------------------------------

    def plan(self, year: int) -> Paper:
        """The annual plan."""
        lines = [
            f"# {self._title(year)}",
            "",
            to_wareki(_day(year - 1, 3, 24)),
            "",
            self._invented("計画"),
            "",
        ]
        lines += ["## 基本方針", "", *(f"- {t}" for t in self._policy(year)), ""]
        for pillar in self.texts["pillars"]:
            lines += [f"## {pillar['at']}{pillar['title']}", ""]
            for held in pillar["initiatives"]:
                for one, depth in ((held, 3), *((c, 4) for c in held.get("children", ()))):
                    heading, *rest = self._planned(one, year)
                    lines += [f"{'#' * depth} {heading}", ""]
                    for line in rest:
                        part = re.match(r"\(\d\) ", line) and any(
                            line == f"{p['at']} {p['title']}" for p in one.get("parts", ())
                        )
                        lines += ["", f"##### {line}", ""] if part else [line + "  "]
                    lines.append("")
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"
        return Paper(f"{fiscal_year_label(year)}事業計画.md", text, year, "", {}, {})

    def _title(self, year: int) -> str:
        return f"架空の支部　{fiscal_year_label(year)}{self.name}事業計画"

    def _invented(self, what: str) -> str:
        return f"※ kenpo の見本として作った架空の支部の{what}であり、実在の{self.name}のものではない。"

    def _policy(self, year: int) -> list[str]:
        return [self._said(t, year, None) for t in self.texts["policy"]]

    def _said(self, text: str, year: int, chance: np.random.Generator | None) -> str:
        """A sentence with its words and numbers put in."""
        words = {**self.focus, "this": fiscal_year_label(year), "next": fiscal_year_label(year + 1)}

        def put(found: re.Match[str]) -> str:
            if found[1] in words:
                return words[found[1]]
            assert chance is not None, text
            return f"{max(2, round(self.setting.members * float(found[1]) * float(chance.uniform(0.85, 1.2)))):,}"

        return re.sub(r"\{([a-z]+|0?\.\d+)\}", put, text)

    def _planned(self, one: dict[str, Any], year: int) -> list[str]:
        """A 施策 as the plan words it: heading, text, goals, planned numbers, KPIs."""
        lines = [f"{one['at']} {one['title']}"]
        lines += [f"・{self._said(t, year, None)}" for t in one.get("text", ())]
        for word, key in (("重要度", "importance"), ("困難度", "difficulty")):
            if why := one.get(key):
                lines.append(f"【{word}：高】{why}")
        if issues := one.get("issues"):
            lines += ["【課題】", *(f"○{self._said(t, year, None)}" for t in issues)]
        if one.get("goals"):
            for level, key in (("上位", "upper"), ("中位", "middle"), ("下位", "lower")):
                lines.append(f"【{level}目標】{self.focus[key]}。")
        for part in one.get("parts", ()):
            lines += [f"{part['at']} {part['title']}", *(f"・{t}" for t in part["text"])]
        if one.get("numbers"):
            lines += self._numbers(one["numbers"], year)
        kpis = one.get("kpis", ())
        said = [sentence(MEASURES[k], self.series[k][year].aim) for k in kpis]
        if len(said) == 1:
            lines.append(f"■ KPI　{said[0]}")
        elif said:
            lines += ["■ KPI", *(f"({n}) {s}" for n, s in enumerate(said, start=1))]
        return lines

    def _numbers(self, which: str, year: int) -> list[str]:
        """The people planned for (数値目標)."""

        def aim(measure: str) -> Aim:
            return self.series[measure][year].aim

        def line(name: str, measure: str, done: str) -> str:
            held = aim(measure)
            assert held.value is not None
            return f"・{name}　{done}率{_number(held.value, '％')}（{done}見込者数：{held.expected:,}人）"

        if which == "checkup":
            return [
                "＜健診数値目標＞",
                f"●被保険者（40歳以上）（実施対象者数：{aim('lifestyle_checkup_rate').eligible:,}人）",
                line("生活習慣病予防健診", "lifestyle_checkup_rate", "実施"),
                line("事業者健診データ", "employer_checkup_data_rate", "取得"),
                f"●被扶養者（40歳以上）（実施対象者数：{aim('dependent_checkup_rate').eligible:,}人）",
                line("特定健康診査", "dependent_checkup_rate", "実施"),
            ]
        return [
            "＜保健指導数値目標＞",
            f"●被保険者（実施対象者数：{aim('insured_guidance_rate').eligible:,}人）",
            line("特定保健指導", "insured_guidance_rate", "実施"),
            f"●被扶養者（実施対象者数：{aim('dependent_guidance_rate').eligible:,}人）",
            line("特定保健指導", "dependent_guidance_rate", "実施"),
        ]

    # ---- a report ------------------------------------------------------------------------------------------------------

    def report(self, year: int, period: str) -> Paper:
        """The progress report of a period."""
        chance = self.setting.random(_STREAM, 4, year, list(_ENDS).index(period))
        told = {m.id: self._told(m, year, period) for m in MEASURES.values()}
        marks: dict[str, str] = {}
        label = f"{fiscal_year_label(year)}{_PERIODS[period]}"
        months = {"Q1": 7, "Q2": 10, "H1": 10, "Q3": 1}
        written = _day(year + 1, 5, 22) if period == "Q4" else _day(year, months[period], 24)
        lines = [f"# 架空の支部　{label}　{self.name}事業計画の進捗状況", "", to_wareki(written), ""]
        lines += [self._invented("報告"), "", self._title(year), ""]
        lines += ["## 基本方針", "", *(f"- {t}" for t in self._policy(year)), ""]
        for pillar in self.texts["pillars"]:
            lines += [f"## {pillar['at']}{pillar['title']}", ""]
            lines += [
                "実施状況：◎ 計画を大きく上回る、○ 計画どおり、△ 遅れがある、－ これから、× 取りやめ",
                "",
            ]
            lines += ["| 事業計画 | 実施状況及び評価 | 今後の実施予定等 |", "|---|---|---|"]
            for held in pillar["initiatives"]:
                for one in (held, *held.get("children", ())):
                    given, onward = self._next(one, year, period, told)
                    key = "/".join(
                        [pillar["at"].rstrip("．"), held["at"], *([] if one is held else [one["at"]])]
                    )
                    marks[key] = given
                    cells = (self._planned(one, year), self._done(one, year, period, told, chance), onward)
                    lines.append("| " + " | ".join("<br>".join(cell) for cell in cells) + " |")
            lines.append("")
        lines += [f"## KPI一覧　{fiscal_year_label(year)}{self.name}事業計画", "", *self._list(year, told)]
        name = f"{fiscal_year_label(year)}{_PERIODS[period].removesuffix('（年度末）')}進捗.md"
        return Paper(name, "\n".join(lines).rstrip() + "\n", year, period, told, marks)

    def _told(self, measure: Measure, year: int, period: str) -> Told:
        end = _ENDS[period]
        at = end if period == "Q4" else end - measure.lag
        months = fy_months(year)
        if measure.id in _HAND_FILLED_LATER:
            return Told("missing", "－")
        if measure.kind in ("done", "monthly"):
            if end < _DONE_FROM[measure.id]:
                return Told("missing", "－")
            return Told("done", target_text(measure, Aim(None)), month=months[end])
        if measure.id == "dependent_recheck_submission_rate" and end < 6:
            return Told("missing", "下期実施予定")
        if at < 0:
            return Told("missing", "－")
        figure = self.series[measure.id][year].months[at]
        text = _number(figure.value, measure.unit)
        early = measure.id == "committee_coverage_rate" and period == "H1"
        return Told("value", text, figure.value, figure.count, figure.of, months[at], early)

    def _done(
        self,
        one: dict[str, Any],
        year: int,
        period: str,
        told: Mapping[str, Told],
        chance: np.random.Generator,
    ) -> list[str]:
        """What was done, and how the KPIs stand."""
        said = one["half"] if period == "H1" else [one["done"][list(_ENDS).index(period)]]
        lines = [f"・{self._said(t, year, chance)}" for t in said]
        if one.get("numbers"):
            lines += self._people(one, year, told)
        kpis = [told[k] for k in one.get("kpis", ())]
        if one.get("kpis") == ["single_bid_rate"]:
            bid = kpis[0]
            lines.append(f"・一般競争入札{bid.of}件のうち、{bid.count}件が一者応札（{bid.text}）であった。")
        elif kpis:
            lines.append("■ KPI実績等")
            numbers = [f"({n}) " for n in range(1, len(kpis) + 1)] if len(kpis) > 1 else [""]
            lines += [n + _dated(k) for n, k in zip(numbers, kpis, strict=True)]
        return lines

    def _people(self, one: dict[str, Any], year: int, told: Mapping[str, Told]) -> list[str]:
        """How many people so far, beside the same month of last year."""
        lines = []
        for measure in one["kpis"]:
            now = told[measure]
            if now.month is None or now.count is None:
                continue
            at = fy_months(year).index(now.month)
            before = self.series[measure][year - 1].months[at].count or 0
            span = "4月分" if at == 0 else f"4～{now.month.month}月分"
            name = (
                MEASURES[measure]
                .listed.removesuffix("の実施率")
                .removesuffix("実施率")
                .removesuffix("取得率")
            )
            lines.append(f"・{name}（{span}）　{now.count:,}人（前年同月比{now.count - before:+,}人）")
        return ["＜実施者の状況＞", *lines] if lines else []

    def _next(
        self, one: dict[str, Any], year: int, period: str, told: Mapping[str, Told]
    ) -> tuple[str, list[str]]:
        """Marks, and what comes next, a mark before each line."""
        kpis, late = one.get("kpis", ()), period in ("Q3", "Q4")
        marks = ""
        for n, mark in enumerate(one["marks"][:1] if late else one["marks"]):
            if mark == "K":
                marks += self._mark(kpis[n], year, told[kpis[n]])
            else:
                marks += "○" if late and mark == "－" else mark
        said = [one["after"]] if late else one["next"]
        lines = [f"{m}　{self._said(t, year, None)}" for m, t in zip(marks, said, strict=True)]
        return marks, [f"{one['at']} {one['title']}", *lines]

    def _mark(self, measure_id: str, year: int, told: Told) -> str:
        """How a KPI stands against where it should stand by now."""
        measure, held = MEASURES[measure_id], self.series[measure_id][year]
        if told.state == "missing":
            return "－"
        if told.value is None or told.month is None or held.aim.value is None:
            return "○"
        part = 1.0
        if measure.pace:
            part = sum(measure.pace[: fy_months(year).index(told.month) + 1]) / sum(measure.pace)
        expected, value = float(held.aim.value) * part, float(told.value)
        better = (expected - value if measure.lower else value - expected) / expected if expected else 0.0
        return "◎" if better >= 0.05 else "△" if better < -0.02 else "○"

    def _list(self, year: int, told: Mapping[str, Told]) -> list[str]:
        """The list of KPIs, a table for each pillar."""
        lines: list[str] = []
        for pillar in self.texts["pillars"]:
            lines += [f"### {pillar['at']}{pillar['title']}", ""]
            lines += ["| 事業計画 | KPI設定項目 | 目標 | 実績 | 時点 |", "|---|---|---|---|---|"]
            for held in pillar["initiatives"]:
                for one in (held, *held.get("children", ())):
                    place = (
                        f"{one['at']} {one['title']}"
                        if one is held
                        else f"{held['at']} {one['at']} {one['title']}"
                    )
                    kpis: Sequence[str] = one.get("kpis", ())
                    for n, measure_id in enumerate(kpis, start=1):
                        measure, now = MEASURES[measure_id], told[measure_id]
                        number = f"({n}) " if len(kpis) > 1 else ""
                        when = f"{now.month.month}月時点" if now.month else "－"
                        if now.preliminary:
                            when += "　※速報値"
                        cells = (
                            place if n == 1 else "",
                            number + measure.listed,
                            _listed_target(measure, self.series[measure_id][year].aim),
                            now.text,
                            when,
                        )
                        lines.append("| " + " | ".join(cells) + " |")
            lines.append("")
        return lines


def _dated(told: Told) -> str:
    if told.month is None:
        return told.text
    return f"{told.text}（{to_wareki_month(told.month)}時点{'、速報値' if told.preliminary else ''}）"
