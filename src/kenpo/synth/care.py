"""How conditions are treated (診療の型): diagnoses, drugs, tests and how often people come.

Names of remedies are beginnings of 一般名, ingredients of biologics, or codes of single drugs. Procedures are codes of
the procedure master. What is drawn from these is checked against published levels by `kenpo synth --calibrate`.
"""

from __future__ import annotations

from dataclasses import dataclass

REVISIT, FIRST_VISIT, OUTPATIENT = "112007410", "111000110", "112011010"
PRESCRIPTION, DISPENSE, PRESCRIBE = "120002910", "120000710", "120002610"
INFANT = "111000370"
AFTER_HOURS, EVENING = "112001110", "112015570"
TWICE = 0.02
"""How many of those treated go to a second institution in the same month and get the same drugs (重複受診・重複服用)."""
TWICE_GROUPS = ("mental", "bones", "stomach")


@dataclass(frozen=True)
class Option:
    """One of several remedies, with its chance, taken `amount` a day (内服) or in all (外用・注射).

    every: days between doses (週1回製剤 7); 0 for what is given once per visit. kind: oral, topical or injection.
    """

    remedies: tuple[str, ...]
    chance: float = 1.0
    amount: int = 1
    every: int = 1
    kind: str = "oral"


@dataclass(frozen=True)
class Care:
    """The care of a chronic condition. group: conditions of one group are seen at one visit.

    intervals: chances of coming every month, every second, every third. visits: days a month when it comes often.
    fixed: procedures at each visit; tests: (code, chance at a visit). payer: 法別番号 of 公費 and its chance.
    hospital: chance that it is a hospital.
    """

    group: str
    diagnoses: tuple[str, ...]
    drugs: tuple[Option, ...]
    intervals: tuple[float, float, float] = (0.45, 0.4, 0.15)
    visits: int = 1
    fixed: tuple[tuple[str, str], ...] = ()
    tests: tuple[tuple[str, float], ...] = ()
    payer: tuple[str, float] = ("", 0.0)
    hospital: float = 0.1


_BLOOD = (
    ("160008010", 0.30), ("160019210", 0.30), ("160019010", 0.3), ("160022510", 0.30), ("160022610", 0.30),
    ("160061810", 0.25), ("160061910", 0.30), ("160095710", 0.32), ("160000310", 0.2),
)  # fmt: skip
_HYPERTENSION, _DIABETES, _LIPIDS = (("13", "113041810"),), (("13", "113041910"),), (("13", "113041710"),)
_SPECIFIC = (("13", "113001810"),)

CARE: dict[str, Care] = {
    "hypertension": Care(
        "lifestyle",
        ("8833421", "8840107"),
        (
            Option(("アムロジピン", "ニフェジピン", "ベニジピン", "アジルサルタン・アムロジピン"), 0.75),
            Option(("テルミサルタン", "オルメサルタン", "カンデサルタン", "バルサルタン", "622876501"), 0.55),
            Option(("ビソプロロール", "カルベジロール"), 0.1),
        ),
        fixed=_HYPERTENSION,
        tests=(*_BLOOD, ("160068410", 0.08), ("170027910", 0.06), ("170000410", 0.06)),
    ),
    "diabetes": Care(
        "lifestyle",
        ("2500015", "8841698", "8830042"),
        (
            Option(("621950901", "622093501"), 0.7),
            Option(("グリメピリド", "ピオグリタゾン"), 0.4),
            Option(("622341901",), 0.4, 2),
            Option(("622401201",), 0.35),
            Option(
                ("インスリングラルギン", "インスリンリスプロ", "インスリンアスパルト"), 0.1, 2, 0, "injection"
            ),
        ),
        intervals=(0.6, 0.35, 0.05),
        fixed=_DIABETES,
        tests=(("160010010", 0.85), ("160019410", 0.8), *_BLOOD),
    ),
    "dyslipidaemia": Care(
        "lifestyle",
        ("8844446", "8851070"),
        (
            Option(("ロスバスタチン", "アトルバスタチン", "プラバスタチン", "622283701"), 0.9),
            Option(("エゼチミブ", "ベザフィブラート", "イコサペント"), 0.22),
        ),
        fixed=_LIPIDS,
        tests=(("160167250", 0.3), ("160023410", 0.3), ("160020910", 0.3), *_BLOOD),
    ),
    "gout": Care(
        "lifestyle",
        ("7906015", "2749004"),
        (Option(("フェブキソスタット", "アロプリノール"), 1.0),),
        tests=(("160019310", 0.3),),
    ),
    "reflux": Care(
        "stomach",
        ("5301002", "5351003", "8847604"),
        (
            Option(
                (
                    "ラベプラゾール",
                    "ランソプラゾール",
                    "エソメプラゾール",
                    "ファモチジン",
                    "622404401",
                    "622404501",
                ),
                0.95,
            ),
            Option(("モサプリド",), 0.25, 3),
        ),
        tests=(("160093810", 0.05), ("160155110", 0.03), ("160060010", 0.03)),
    ),
    "allergy": Care(
        "allergy",
        ("4779004", "4770002", "3721002"),
        (
            Option(
                ("フェキソフェナジン", "ロラタジン", "レボセチリジン", "オロパタジン塩酸塩錠", "622516602"),
                0.95,
            ),
            Option(("モメタゾン点鼻液", "フルチカゾン", "オロパタジン点眼液"), 0.6, 5, 0, "topical"),
        ),
        intervals=(0.25, 0.35, 0.4),
        fixed=(("40", "140019710"),),
        hospital=0.02,
    ),
    "asthma": Care(
        "asthma",
        ("4939008", "8846176"),
        (
            Option(("モンテルカスト",), 0.7),
            Option(("ブデソニド・ホルモテロール",), 0.85, 2, 0, "topical"),
            Option(("ツロブテロール",), 0.25, 14, 0, "topical"),
        ),
        tests=(("160155510", 0.3), ("170027910", 0.05), ("170000410", 0.05)),
    ),
    "depression": Care(
        "mental",
        ("2961003", "8837899", "8839596"),
        (
            Option(("エスシタロプラム", "セルトラリン", "デュロキセチン", "ミルタザピン"), 0.85),
            Option(("アリピプラゾール", "オランザピン"), 0.15),
            Option(("エチゾラム",), 0.3, 2),
        ),
        intervals=(0.85, 0.15, 0.0),
        fixed=(("80", "180067310"),),
        payer=("21", 0.35),
        hospital=0.15,
    ),
    "insomnia": Care(
        "mental",
        ("8839972",),
        (Option(("ゾルピデム", "ブロチゾラム", "エスゾピクロン", "611120055"), 1.0),),
        intervals=(0.7, 0.3, 0.0),
        hospital=0.08,
    ),
    "back": Care(
        "bones",
        ("8840829", "7153018", "7213016", "7240012"),
        (
            Option(("ロキソプロフェン", "セレコキシブ"), 0.6, 2),
            Option(("プレガバリン口腔内崩壊錠", "トラマドール"), 0.3, 2),
            Option(("622669701",), 0.25, 4),
            Option(("ケトプロフェン", "ロキソプロフェンＮａゲル", "ジクロフェナク"), 0.6, 42, 0, "topical"),
        ),
        intervals=(0.75, 0.2, 0.05),
        visits=3,
        fixed=(("80", "180755710"),),
        tests=(("170027910", 0.1), ("170000510", 0.1), ("170033510", 0.012), ("170015410", 0.012)),
        hospital=0.08,
    ),
    "osteoporosis": Care(
        "bones",
        ("7330006", "7330028"),
        (
            Option(("アレンドロン酸", "リセドロン酸"), 0.6, 1, 7),
            Option(("エルデカルシトール",), 0.6),
            Option(("テリパラチド",), 0.12, 1, 0, "injection"),
        ),
    ),
    "glaucoma": Care(
        "eyes",
        ("3659003", "3651011"),
        (Option(("ラタノプロスト",), 1.0, 5, 0, "topical"),),
        intervals=(0.3, 0.4, 0.3),
        tests=(("160082910", 0.95), ("160081130", 0.6), ("160179110", 0.8), ("160081610", 0.7)),
        hospital=0.05,
    ),
    "prostate": Care(
        "urology",
        ("8836591",),
        (
            Option(("タムスロシン", "シロドシン"), 0.9),
            Option(("デュタステリド",), 0.3),
            Option(("622093201",), 0.35),
        ),
        tests=(("160000310", 0.4),),
    ),
    "thyroid": Care(
        "thyroid",
        ("8833504", "2452003"),
        (Option(("610422317",), 0.9),),
        intervals=(0.2, 0.4, 0.4),
        tests=(("160031710", 0.6), ("160062010", 0.6), ("160095710", 0.6)),
        hospital=0.3,
    ),
    "skin": Care(
        "skin",
        ("6918002", "6923002", "7061017"),
        (
            Option(
                ("ベタメタゾン", "タクロリムス軟膏", "アダパレン", "テルビナフィン"), 0.9, 20, 0, "topical"
            ),
            Option(("フェキソフェナジン", "622516602"), 0.4, 2),
        ),
        intervals=(0.4, 0.4, 0.2),
        hospital=0.03,
    ),
    "rheumatism": Care(
        "rheumatism",
        ("8842106",),
        (
            Option(("メトトレキサート",), 0.8, 1, 7),
            Option(("612450118",), 0.4),
            Option(("エタネルセプト", "アダリムマブ", "インフリキシマブ"), 0.5, 4, 0, "injection"),
        ),
        intervals=(0.6, 0.4, 0.0),
        tests=(
            ("160054710", 0.7),
            ("160008010", 0.7),
            ("160061810", 0.6),
            ("160061910", 0.6),
            ("160095710", 0.7),
        ),
        hospital=0.6,
    ),
    "cancer": Care(
        "cancer",
        ("1749008", "1539004", "1859003", "1629006", "1519006"),
        (
            Option(("アナストロゾール", "レトロゾール", "ビカルタミド"), 0.4),
            Option(("ベバシズマブ", "トラスツズマブ", "リツキシマブ"), 0.34, 6, 0, "injection"),
            Option(("フィルグラスチム", "ペグフィルグラスチム"), 0.06, 1, 0, "injection"),
            Option(("イマチニブ",), 0.13, 4),
        ),
        intervals=(0.55, 0.3, 0.15),
        tests=(
            ("170011810", 0.3),
            ("170015410", 0.35),
            ("170033510", 0.05),
            ("160008010", 0.8),
            ("160061810", 0.8),
            ("160061910", 0.8),
            ("160095710", 0.8),
            ("160036710", 0.3),
            ("160062110", 0.6),
        ),
        hospital=0.95,
    ),
    "heart": Care(
        "heart",
        ("8841212", "4273006", "4289018"),
        (
            Option(("622224901", "622080901"), 0.6, 4),
            Option(("クロピドグレル",), 0.4),
            Option(("ニコランジル",), 0.25, 3),
            Option(("ビソプロロール", "カルベジロール"), 0.45),
            Option(("アゾセミド",), 0.2),
        ),
        fixed=_SPECIFIC,
        tests=(*_BLOOD, ("160068410", 0.4), ("160072210", 0.08)),
        hospital=0.5,
    ),
    "stroke": Care(
        "brain",
        ("8838708", "4389014"),
        (Option(("クロピドグレル",), 0.8), Option(("ラベプラゾール",), 0.4)),
        tests=(("170033510", 0.06), ("170015410", 0.06)),
        hospital=0.5,
    ),
    "dialysis": Care(
        "dialysis",
        ("8842116",),
        (Option(("ダルベポエチン",), 0.8, 4, 0, "injection"), Option(("ファモチジン",), 0.3)),
        intervals=(1.0, 0.0, 0.0),
        visits=13,
        fixed=(("40", "140057910"),),
        tests=(("160008010", 0.3), ("160019010", 0.3), ("160021410", 0.3)),
        payer=("54", 0.0),
        hospital=0.4,
    ),
    "colitis": Care(
        "bowel",
        ("5569003", "5559001"),
        (
            Option(("アダリムマブ", "インフリキシマブ"), 0.6, 4, 0, "injection"),
            Option(("612450118",), 0.3),
        ),
        intervals=(0.6, 0.4, 0.0),
        tests=(
            ("160054710", 0.8),
            ("160008010", 0.8),
            ("160061910", 0.6),
            ("160061810", 0.6),
            ("160094810", 0.08),
        ),
        payer=("54", 0.7),
        hospital=0.8,
    ),
    "macula": Care(
        "retina",
        ("8831472", "2504013"),
        (Option(("ラニビズマブ",), 0.6, 1, 0, "injection"),),
        intervals=(0.1, 0.5, 0.4),
        tests=(("160081130", 0.9), ("160179110", 0.9), ("160082910", 0.8)),
        hospital=0.7,
    ),
    "growth": Care(
        "growth",
        ("8833504",),
        (Option(("ソマトロピン",), 0.9, 4, 0, "injection"),),
        intervals=(0.8, 0.2, 0.0),
        tests=(("160031710", 0.3), ("160062010", 0.3)),
        hospital=0.9,
    ),
    "sleep apnoea": Care(
        "sleep",
        ("7805017",),
        (),
        intervals=(0.5, 0.3, 0.2),
        fixed=(("14", "114040810"),),
        hospital=0.2,
    ),
    "epilepsy": Care(
        "brain",
        ("3459001",),
        (Option(("レベチラセタム",), 0.9, 2),),
        payer=("21", 0.6),
        hospital=0.5,
    ),
}

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(c.group for c in CARE.values()))
"""Groups of conditions that are seen at one visit."""


@dataclass(frozen=True)
class Acute:
    """A short illness or injury (急性期の受診). ages: visits a year from 0, 5, 10, 15, 30, 45, 60; winter: how many times as
    often in December to March. days: visits in the episode. sex: 0 both."""

    diagnoses: tuple[str, ...]
    ages: tuple[float, float, float, float, float, float, float]
    drugs: tuple[Option, ...] = ()
    supply: int = 5
    winter: float = 1.0
    days: tuple[float, float] = (0.75, 0.25)
    tests: tuple[tuple[str, float], ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    sex: int = 0
    injury: bool = False
    despite: tuple[str, Option] | None = None


ACUTE: dict[str, Acute] = {
    "cold": Acute(
        ("4659007", "8832280", "4660009", "8832434"),
        (3.6, 2.0, 1.0, 0.62, 0.70, 0.62, 0.62),
        (
            Option(("アンブロキソール",), 0.7, 3),
            Option(("クラリスロマイシン", "610411057"), 0.3, 2),
            Option(("620000032", "ロキソプロフェン", "620160501"), 0.6, 2),
            Option(("モンテルカスト",), 0.15),
        ),
        winter=1.7,
        tests=(("160054710", 0.12), ("160169450", 0.12), ("170027910", 0.04), ("170000410", 0.04)),
    ),
    "flu": Acute(
        ("8842080", "8842082"),
        (0.18, 0.30, 0.22, 0.07, 0.08, 0.05, 0.04),
        (Option(("オセルタミビル",), 0.8, 2), Option(("620000032",), 0.7, 1)),
        winter=3.0,
        tests=(("160169450", 0.95), ("160062110", 0.9)),
    ),
    "stomach upset": Acute(
        ("0090001", "5350004", "8840042"),
        (0.45, 0.25, 0.15, 0.12, 0.14, 0.14, 0.18),
        (Option(("モサプリド",), 0.5, 3), Option(("612370067",), 0.7, 3)),
        winter=1.3,
        tests=(("160054710", 0.1), ("160008010", 0.1)),
    ),
    "skin trouble": Acute(
        ("6923002", "6929197", "0539013"),
        (1.1, 0.6, 0.42, 0.32, 0.30, 0.30, 0.34),
        (
            Option(("ベタメタゾン", "テルビナフィン"), 0.9, 10, 0, "topical"),
            Option(("フェキソフェナジン",), 0.3, 2),
            Option(("バラシクロビル",), 0.05, 6),
        ),
        supply=7,
        despite=("insomnia", Option(("620007914",), 0.3, 2)),
    ),
    "eyes": Acute(
        ("3723001", "3671004", "8842163"),
        (0.25, 0.35, 0.36, 0.20, 0.20, 0.24, 0.34),
        (Option(("レボフロキサシン点眼",), 0.4, 5, 0, "topical"),),
        tests=(("160179110", 0.7), ("160081610", 0.6), ("160208010", 0.5), ("160081130", 0.2)),
    ),
    "ears and nose": Acute(
        ("3829027", "4739014", "8842184", "4609014"),
        (1.5, 0.8, 0.35, 0.16, 0.18, 0.16, 0.18),
        (Option(("クラリスロマイシン", "621709001"), 0.5, 2), Option(("アンブロキソール",), 0.4, 3)),
        days=(0.55, 0.45),
        fixed=(("40", "140019710"),),
    ),
    "injury": Acute(
        ("8450012", "8796007", "8420004", "8840824", "8834451"),
        (0.14, 0.2, 0.32, 0.13, 0.10, 0.11, 0.13),
        (Option(("ロキソプロフェンＮａ錠",), 0.45, 3), Option(("ケトプロフェン",), 0.5, 14, 0, "topical")),
        days=(0.45, 0.55),
        tests=(("170027910", 0.7), ("170000510", 0.7), ("140000610", 0.2)),
        injury=True,
    ),
    "bladder": Acute(
        ("5950005",),
        (0.02, 0.02, 0.03, 0.10, 0.12, 0.14, 0.16),
        (Option(("レボフロキサシン錠",), 0.9, 1),),
        tests=(("160000310", 0.9), ("160005010", 0.6), ("160061710", 0.6)),
        sex=2,
    ),
    "women": Acute(
        ("8833261", "8833259", "6272001"),
        (0.0, 0.0, 0.06, 0.42, 0.48, 0.36, 0.08),
        (),
        tests=(("160072210", 0.35), ("160095710", 0.2)),
        sex=2,
    ),
    "pain": Acute(
        ("7840024", "7262008", "8832458"),
        (0.02, 0.04, 0.12, 0.22, 0.32, 0.46, 0.70),
        (
            Option(("ロキソプロフェンＮａ錠", "セレコキシブ"), 0.7, 2),
            Option(("ケトプロフェン",), 0.4, 21, 0, "topical"),
        ),
        supply=10,
        tests=(
            ("170027910", 0.2),
            ("170000510", 0.2),
            ("170033510", 0.04),
            ("170015410", 0.06),
            ("170011810", 0.03),
        ),
    ),
    "look inside": Acute(
        ("2113008", "8830417", "5351003"),
        (0.0, 0.0, 0.0, 0.04, 0.14, 0.30, 0.48),
        (),
        tests=(
            ("160093810", 0.6),
            ("160094810", 0.3),
            ("160155110", 0.4),
            ("160060010", 0.4),
            ("160008010", 0.5),
        ),
    ),
}
"""Short illnesses by name."""
