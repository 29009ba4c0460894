"""How near an invented branch comes to the published national figures (水準の照合): a page in Japanese Markdown."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl

from kenpo.base.branches import branch
from kenpo.base.fiscal import add_months
from kenpo.base.industries import SECTIONS
from kenpo.synth.health import make_health
from kenpo.synth.people import make_people
from kenpo.synth.setting import Setting
from kenpo.synth.truth import World
from kenpo.synth.workplaces import Workplaces

_CARES = {"inpatient": "入院", "outpatient": "入院外", "dental": "歯科", "pharmacy": "調剤"}
_INSURED_PER_DRAW = 12


@dataclass(frozen=True)
class Published:
    """A published figure (公表値): value, unit, period, source and how it is known (read 資料で確認, known 記憶による概数)."""

    value: float
    unit: str
    period: str
    source: str
    confidence: str


def published() -> dict[tuple[str, str], Published]:
    """The latest published value of every figure and key."""
    text = (files("kenpo.synth") / "published.csv").read_text(encoding="utf-8")
    out: dict[tuple[str, str], Published] = {}
    for row in sorted(csv.DictReader(text.splitlines()), key=lambda r: r["period"]):
        out[row["figure"], row["key"]] = Published(
            float(row["value"]), row["unit"], row["period"], row["source"], row["confidence"]
        )
    return out


_Row = tuple[str, float, tuple[str, str], int]
"""What it is, the invented branch's value, figure and key of the published one, printed decimals."""


def report(folder: Path, setting: Setting, workplaces: Workplaces) -> str:
    """The page for an invented branch that has been written to a folder."""
    world = World.read(folder, setting.branch)
    known = published()
    sections = [
        ("人数と事業所", _people(world)),
        ("年齢の構成（被保険者、％）", _ages(world, "insured", "insured_age_share")),
        ("年齢の構成（被扶養者、％）", _ages(world, "dependent", "dependent_age_share")),
        ("事業所の規模（被保険者数別、事業所の％）", _sizes(world)),
        ("業態（被保険者の％）", _industries(world)),
        ("医療費（1人1年当たり、円）", _costs(world)),
        ("受診（1人1年当たり件数、1件当たり日数、1日当たり医療費）", _visits(world)),
        ("年齢階級別の医療費（1人1年当たり、円）", _cost_by_age(world)),
        ("医薬品", _drugs(world)),
        ("治療中の割合と生活習慣（％）", _health(setting, workplaces)),
    ]
    last = add_months(setting.first, setting.months - 1)
    lines = [
        "# The invented branch（架空の支部の水準）",
        "",
        "`kenpo synth` が作る架空の支部の水準を、公表されている全国の値と並べたものです。このページは次の命令で作られます。",
        "",
        "```",
        f"kenpo synth --branch {setting.branch} --members {setting.members} --years {setting.months // 12} --seed {setting.seed} --out DIR --report docs/synthetic-branch.md",
        "```",
        "",
        f"{branch(setting.branch).name}、加入者およそ {setting.members:,} 人、{setting.first:%Y年%m月}〜{last:%Y年%m月}診療分。人・事業所・医療機関はすべて架空です。",
        "「確度」は、公表値を資料で確認したものを「資料」、統計の名と記憶によるおよその値を「概数」と書きます。",
        "概数の公表値との比は目安です。公表値の年度は架空の支部の期間と違うことがあります。",
        "調剤と入院外の医療費が低めなのは、同梱マスターに新しい高額の医薬品と検査・手術が少ないためです。",
        "",
    ]
    for title, rows in sections:
        lines += [
            f"## {title}",
            "",
            "| 項目 | 架空の支部 | 公表値 | 比 | 時点 | 確度 | 出典 |",
            "|---|---:|---:|---:|---|---|---|",
        ]
        lines += [_line(row, known) for row in rows]
        lines.append("")
    return "\n".join(lines)


def _line(row: _Row, known: dict[tuple[str, str], Published]) -> str:
    name, value, key, decimals = row
    own = f"{value:,.{decimals}f}"
    said = known.get(key)
    if said is None:
        return f"| {name} | {own} | － | － | | | |"
    ratio = f"{value / said.value:.2f}" if said.value else "－"
    sure = "資料" if said.confidence == "read" else "概数"
    source = said.source.translate(str.maketrans("[]|", "［］｜"))  # no links, no cells of their own
    return f"| {name} | {own} | {said.value:,.{decimals}f} | {ratio} | {said.period} | {sure} | {source} |"


def _sum(frame: pl.DataFrame, column: str) -> float:
    return float(frame[column].sum())


def _last(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("month") == frame["month"].max())


def _people(world: World) -> list[_Row]:
    members, places = _last(world["members"]), _last(world["workplaces"])
    own = members.filter(pl.col("kind") == "insured")
    insured, everyone = _sum(own, "members"), _sum(members, "members")
    shops = _sum(places, "workplaces")
    small = _sum(places.filter(pl.col("insured") < 10), "workplaces")
    at_work = _sum(places.select(n=pl.col("workplaces") * pl.col("insured")), "n")
    men = _sum(own.filter(pl.col("sex") == "1"), "members")
    return [
        ("加入者（人）", everyone, ("", ""), 0),
        ("被保険者（人）", insured, ("", ""), 0),
        ("扶養率（被扶養者÷被保険者）", (everyone - insured) / insured, ("dependency_ratio", "all"), 3),
        ("被保険者に占める男性（％）", 100 * men / insured, ("insured_men_share", "all"), 1),
        ("事業所", shops, ("", ""), 0),
        ("1事業所当たり被保険者（人）", at_work / shops, ("insured_per_workplace", "all"), 1),
        ("被保険者10人未満の事業所（％）", 100 * small / shops, ("workplace_share_under_10", "all"), 1),
        ("平均標準報酬月額（円）", _sum(own, "standard") / max(_sum(own, "paid"), 1), ("average_standard_remuneration", "all"), 0),
        ("マイナンバー収録率（％）", 100 * _sum(members, "mynumber") / everyone, ("mynumber_record_rate", "2023-05"), 1),
    ]  # fmt: skip


def _ages(world: World, kind: str, figure: str) -> list[_Row]:
    people = _last(world["members"]).filter(pl.col("kind") == kind)
    whole = _sum(people, "members")
    bands = people.group_by("age_band").agg(n=pl.col("members").sum()).sort("age_band")
    return [(f"{b}歳", 100 * n / whole, (figure, _key(b)), 1) for b, n in bands.iter_rows() if _has_top(b)]


def _has_top(band: str) -> bool:
    """Whether an age class has an upper end: not 75 and over, not unknown."""
    return band[:1].isdigit() and not band.endswith("-")


def _key(band: str) -> str:
    """An age class as the published figures write it: 05-09 → 5-9."""
    return "-".join(str(int(part)) for part in band.split("-"))


_SIZES = ((1, 4), (5, 9), (10, 19), (20, 29), (30, 49), (50, 99), (100, 299), (300, 10**9))


def _sizes(world: World) -> list[_Row]:
    places = _last(world["workplaces"]).filter(pl.col("insured") > 0)
    whole = _sum(places, "workplaces")
    out: list[_Row] = []
    for low, high in _SIZES:
        share = _sum(places.filter(pl.col("insured").is_between(low, high)), "workplaces")
        key = f"{low}+" if high > 10**6 else f"{low}-{high}"
        out.append(
            (
                f"{low}人以上" if high > 10**6 else f"{low}〜{high}人",
                100 * share / whole,
                ("workplace_size_share", key),
                1,
            )
        )
    return out


def _industries(world: World) -> list[_Row]:
    people = _last(world["members_place"]).filter(
        (pl.col("kind") == "insured") & pl.col("section").is_not_null()
    )
    whole = _sum(people, "members")
    rows = people.group_by("section").agg(n=pl.col("members").sum()).sort("n", descending=True)
    return [
        (SECTIONS[s], 100 * n / whole, ("industry_share", _INDUSTRY_KEYS.get(s, "")), 1)
        for s, n in rows.iter_rows()
    ]


_INDUSTRY_KEYS = {
    "E": "製造業", "P": "医療・福祉", "D": "建設業", "R": "サービス業(派遣を含む)", "H": "運輸業・郵便業",
    "M": "宿泊業・飲食サービス業", "G": "情報通信業", "L": "学術研究・専門技術サービス業", "N": "生活関連サービス業・娯楽業",
    "K": "不動産業・物品賃貸業", "O": "教育・学習支援業", "J": "金融・保険業", "I": "卸売業・小売業",
}  # fmt: skip


def _per_year(world: World) -> float:
    """Member-years (加入者年)."""
    return _sum(world["members"], "members") / 12


def _costs(world: World) -> list[_Row]:
    years, cost = _per_year(world), world["cost"]
    out: list[_Row] = [("合計", _sum(cost, "points") * 10 / years, ("medical_cost_per_head", "all"), 0)]
    for care, title in _CARES.items():
        yen = _sum(cost.filter(pl.col("care") == care), "points") * 10
        out.append((title, yen / years, ("medical_cost_per_head", care), 0))
    return out


def _visits(world: World) -> list[_Row]:
    years = _per_year(world)
    out: list[_Row] = []
    for care, title in _CARES.items():
        of = world["cost"].filter(pl.col("care") == care)
        receipts, days, points = (_sum(of, c) for c in ("receipts", "days", "points"))
        out += [
            (f"{title}　件数", receipts / years, ("claims_per_head", care), 3),
            (f"{title}　日数", days / receipts, ("days_per_claim", care), 2),
            (f"{title}　1日当たり（円）", points * 10 / days, ("cost_per_day", care), 0),
        ]
    return out


def _cost_by_age(world: World) -> list[_Row]:
    keys = ["age_band"]
    cost = world["cost"].group_by(keys).agg(points=pl.col("points").sum())
    heads = world["members"].group_by(keys).agg(n=pl.col("members").sum())
    rows = heads.join(cost, on=keys).sort(keys)
    return [
        (f"{b}歳", p * 120 / n, ("medical_cost_per_head_age", _key(b)), 0)
        for b, n, p in rows.select("age_band", "n", "points").iter_rows()
        if _has_top(b)
    ]


def _drugs(world: World) -> list[_Row]:
    drugs = _last(world["drugs"])

    def share(column: str) -> float:
        counted = _sum(drugs.filter(pl.col("class").is_in(["2", "3", "☆", "★"])), column)
        return 100 * _sum(drugs.filter(pl.col("class").is_in(["3", "★"])), column) / counted

    out: list[_Row] = [
        ("後発医薬品の数量シェア（最終月、％）", share("total"), ("generic_share_volume", "2025-03"), 1),
        ("後発医薬品の金額シェア（最終月、％）", share("cents"), ("generic_share_value", "2024-09"), 1),
    ]
    titles = {"1": "後発品のない先発品", "2": "後発品のある先発品", "3": "後発品", "": "その他の品目"}
    whole = _sum(drugs, "cents")
    for printed, title in titles.items():
        cents = _sum(drugs.filter(pl.col("class") == printed), "cents")
        out.append((f"薬剤費の構成：{title}（％）", 100 * cents / whole, ("", ""), 1))
    return out


def _health(setting: Setting, workplaces: Workplaces) -> list[_Row]:
    """Of the first chunk's people in the middle of the period."""
    people = make_people(setting, workplaces, 0)
    health = make_health(setting, people)
    day = int(setting.month_starts[setting.months // 2])
    age = (day - people.birth) / 365.25
    measured = health.measured(day)
    out: list[_Row] = []
    for condition, figure, title in (
        ("hypertension", "treated_hypertension", "高血圧の治療中"),
        ("diabetes", "treated_diabetes", "糖尿病の治療中"),
        ("dyslipidaemia", "treated_dyslipidaemia", "脂質異常症の治療中"),
    ):
        ill = health.treated[condition] <= day
        out += _by_sex_and_age(title, figure, ill, people.sex, age, range(40, 75, 10), 5)
    for flag, figure, title in (
        (measured.smoker, "smoking_rate", "喫煙"),
        (measured.bmi >= 25, "bmi_25_or_more", "BMI25以上"),
    ):
        out += _by_sex_and_age(title, figure, flag, people.sex, age, range(20, 70, 10), 10)
    return out


def _by_sex_and_age(
    title: str,
    figure: str,
    flag: np.ndarray,
    sex: np.ndarray,
    age: np.ndarray,
    starts: Iterable[int],
    width: int,
) -> list[_Row]:
    out: list[_Row] = []
    for code, word, key in ((1, "男", "men"), (2, "女", "women")):
        for low in starts:
            of = (sex == code) & (age >= low) & (age < low + width)
            if of.sum() >= _INSURED_PER_DRAW:
                share = 100 * float(flag[of].mean())
                out.append(
                    (
                        f"{title}　{word}{low}〜{low + width - 1}歳",
                        share,
                        (figure, f"{key}_{low}-{low + width - 1}"),
                        1,
                    )
                )
    return out
