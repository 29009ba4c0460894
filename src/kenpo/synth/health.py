"""Health (健康状態) of invented people, evolving over the years: what a check-up would measure, and what is treated.

Every person has traits drawn once; measured values follow from age, traits and treatment, so that check-ups, receipts
and outcomes of one person fit together whatever day is asked about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kenpo.synth.people import People
from kenpo.synth.setting import NEVER, Bools, Days, Floats, Ints, Setting

_YEAR = 365.25
_MAN, _WOMAN = 1, 2

# Condition → thresholds at which treatment may begin and yearly chance of beginning it (治療の開始).
_SYSTOLIC, _BP_CHANCE = 138.0, 0.20
_HBA1C, _GLUCOSE_CHANCE = 6.45, 0.35
_LDL, _LIPID_CHANCE = 151.0, 0.11


@dataclass(frozen=True)
class Measured:
    """What a check-up on a day would find, per person: 収縮期, 拡張期 (mmHg), 空腹時血糖, LDL, HDL, 中性脂肪 (mg/dL), HbA1c
    (%), eGFR (mL/min/1.73m²), 体重 (kg), BMI, 喫煙."""

    systolic: Floats
    diastolic: Floats
    glucose: Floats
    hba1c: Floats
    ldl: Floats
    hdl: Floats
    triglycerides: Floats
    egfr: Floats
    weight: Floats
    bmi: Floats
    smoker: Bools


@dataclass(frozen=True)
class Health:
    """Traits of the people of a chunk, and since when each chronic condition is treated (day, NEVER).

    treated: condition → day of the first prescription; ends: condition → day of the last, where treatment ends. height in
    cm.
    """

    sex: np.ndarray
    birth: Days
    height: Floats
    build: Floats
    metabolic: Floats
    pressure: Floats
    sugar: Floats
    lipid: Floats
    kidney: Floats
    quits: Days
    smoked: Bools
    treated: dict[str, Days]
    ends: dict[str, Days]

    def under_treatment(self, condition: str, person: Ints, first: Days, last: Days) -> Bools:
        """Whether people are treated for a condition at some time from a first to a last day."""
        begun = self.treated[condition][person] <= last
        return begun & (self.ends[condition][person] > first) if condition in self.ends else begun

    def measured(self, day: int) -> Measured:
        """The state of everybody on a day."""
        age = (day - self.birth) / _YEAR
        adult = np.clip(age, 18, 75)
        man = self.sex == _MAN
        smoker = self.smoked & (age >= 20) & (self.quits > day)
        usual = np.where(man, 22.2, 20.9) + 0.045 * (np.minimum(adult, 55) - 25) * np.where(man, 1, 0.8)
        bmi = usual * np.exp(0.14 * self.build) - 0.3 * smoker
        weight = bmi * (self.height / 100) ** 2
        systolic = _systolic(age, man, self.pressure, self.metabolic, bmi)
        systolic = systolic - 19 * _acts(self.treated["hypertension"], day)
        hba1c = _hba1c(age, self.sugar, self.metabolic)
        hba1c = np.maximum(hba1c - 0.9 * _acts(self.treated["diabetes"], day), 4.8)
        ldl = _ldl(age, man, self.lipid, self.metabolic) - 42 * _acts(self.treated["dyslipidaemia"], day)
        egfr = 112 - 0.72 * (adult - 20) + 11 * self.kidney
        egfr = egfr - 1.8 * np.maximum(hba1c - 6.5, 0) * np.maximum(adult - 45, 0) / 10
        return Measured(
            systolic=systolic,
            diastolic=0.52 * systolic + 11 + 3 * self.build,
            glucose=np.maximum(28.7 * hba1c - 62, 70),
            hba1c=hba1c,
            ldl=np.maximum(ldl, 40),
            hdl=np.where(man, 56, 66) - 5.5 * self.metabolic - 3 * smoker,
            triglycerides=np.exp(4.45 + 0.25 * man + 0.32 * self.metabolic + 0.14 * self.build),
            egfr=np.maximum(egfr, 5),
            weight=weight,
            bmi=bmi,
            smoker=smoker,
        )


def _acts(since: Days, day: int) -> Floats:
    """How far a treatment begun on `since` works on a day: fully after three months."""
    return np.clip((day - since) / 90, 0, 1)


def _systolic(age: Floats, man: Bools, own: Floats, metabolic: Floats, bmi: Floats) -> Floats:
    adult = np.clip(age, 15, 80)
    later = np.where(man, 0, np.clip(adult - 50, 0, 15) * 0.45)
    return 110 + 0.44 * (adult - 20) + later + 5 * man + 10 * own + 4 * metabolic + 0.9 * (bmi - 22)


def _hba1c(age: Floats, own: Floats, metabolic: Floats) -> Floats:
    adult = np.clip(age, 15, 80)
    ill = np.maximum(own + 0.35 * metabolic - 1.05, 0)
    return 5.15 + 0.0085 * (adult - 20) + 0.1 * metabolic + 1.5 * ill * np.clip((adult - 25) / 25, 0, 1.3)


def _ldl(age: Floats, man: Bools, own: Floats, metabolic: Floats) -> Floats:
    adult = np.clip(age, 15, 80)
    slope = np.where(man, np.clip(adult - 20, 0, 30) * 0.8, np.clip(adult - 40, 0, 18) * 2.0)
    return 101 + slope + 23 * own + 7 * metabolic


def make_health(setting: Setting, people: People) -> Health:
    """The traits of a chunk's people and the beginnings of their treatments."""
    random = setting.random(4, people.chunk)
    count = people.count
    man = people.sex == _MAN
    metabolic = random.normal(0, 1, count)
    build = 0.55 * metabolic + 0.84 * random.normal(0, 1, count)
    pressure, sugar, lipid, kidney = (random.normal(0, 1, count) for _ in range(4))
    age = (setting.month_starts[0] - people.birth) / _YEAR
    smoked = random.random(count) < np.where(man, 0.40, 0.145) * np.where(age > 65, 0.75, 1)
    quits = people.birth + ((30 + random.exponential(55, count)) * _YEAR).astype(np.int64)
    treated = {
        name: _begins(people, reached, chance, random)
        for name, reached, chance in (
            (
                "hypertension",
                lambda a: _systolic(a, man, pressure, metabolic, 22 + 3 * build) >= _SYSTOLIC,
                _BP_CHANCE,
            ),
            ("diabetes", lambda a: _hba1c(a, sugar, metabolic) >= _HBA1C, _GLUCOSE_CHANCE),
            ("dyslipidaemia", lambda a: _ldl(a, man, lipid, metabolic) >= _LDL, _LIPID_CHANCE),
        )
    }
    others, ends = _other_conditions(people, metabolic, kidney, random)
    return Health(
        sex=people.sex,
        birth=people.birth,
        height=np.where(man, 171.0, 158.0) + 5.6 * random.normal(0, 1, count),
        build=build,
        metabolic=metabolic,
        pressure=pressure,
        sugar=sugar,
        lipid=lipid,
        kidney=kidney,
        quits=quits,
        smoked=smoked,
        treated=treated | others,
        ends=ends,
    )


def _begins(
    people: People, reached: Callable[[Floats], Bools], chance: float, random: np.random.Generator
) -> Days:
    """The day treatment begins: some time after the age at which the threshold is first reached, if ever."""
    first = np.full(people.count, 200.0)
    for age in range(80, 19, -1):
        first = np.where(reached(np.full(people.count, float(age))), float(age), first)
    wait = random.exponential(1 / chance, people.count)
    day = people.birth + ((first + wait) * _YEAR).astype(np.int64)
    return np.where(first > 80, NEVER, day)


# Other long-treated conditions: yearly chance of beginning by age 0, 20, 40, 60 for men and women, and how long the
# treatment lasts on average (years).
_OTHERS: dict[str, tuple[tuple[float, ...], tuple[float, ...], float]] = {
    "reflux": ((0, 0.006, 0.014, 0.022), (0, 0.006, 0.013, 0.024), 5),
    "allergy": ((0.045, 0.03, 0.02, 0.012), (0.040, 0.035, 0.028, 0.014), 7),
    "asthma": ((0.016, 0.004, 0.005, 0.007), (0.013, 0.005, 0.007, 0.008), 5),
    "depression": ((0.0005, 0.009, 0.009, 0.004), (0.0006, 0.011, 0.009, 0.005), 4),
    "insomnia": ((0.0002, 0.004, 0.009, 0.014), (0.0003, 0.005, 0.012, 0.018), 6),
    "back": ((0.0005, 0.008, 0.018, 0.030), (0.0005, 0.008, 0.020, 0.038), 3),
    "gout": ((0, 0.0016, 0.0042, 0.005), (0, 0.0003, 0.0008, 0.002), 15),
    "osteoporosis": ((0, 0, 0.0006, 0.004), (0, 0.0002, 0.004, 0.030), 9),
    "glaucoma": ((0, 0.0006, 0.004, 0.009), (0, 0.0006, 0.004, 0.009), 20),
    "prostate": ((0, 0, 0.003, 0.022), (0, 0, 0, 0), 9),
    "thyroid": ((0.0001, 0.0006, 0.0012, 0.002), (0.0002, 0.003, 0.005, 0.005), 15),
    "skin": ((0.022, 0.007, 0.006, 0.007), (0.022, 0.009, 0.008, 0.008), 3),
    "rheumatism": ((0, 0.0003, 0.0010, 0.0020), (0, 0.0008, 0.0028, 0.0034), 15),
    "cancer": ((0.0001, 0.0006, 0.0048, 0.0200), (0.0001, 0.0018, 0.0092, 0.0135), 3.0),
    "heart": ((0, 0.0003, 0.0042, 0.0180), (0, 0.0002, 0.0016, 0.0090), 10),
    "stroke": ((0, 0.0001, 0.0013, 0.0060), (0, 0.0001, 0.0008, 0.0032), 10),
    "dialysis": ((0, 0.00005, 0.00040, 0.00110), (0, 0.00003, 0.00016, 0.00042), 12),
    "colitis": ((0.0002, 0.0008, 0.0005, 0.0004), (0.0002, 0.0006, 0.0004, 0.0004), 18),
    "macula": ((0, 0, 0.0006, 0.0040), (0, 0, 0.0004, 0.0028), 6),
    "growth": ((0.00012, 0, 0, 0), (0.00009, 0, 0, 0), 8),
    "sleep apnoea": ((0, 0.0008, 0.0024, 0.0026), (0, 0.0001, 0.0005, 0.0009), 14),
    "epilepsy": ((0.0008, 0.0004, 0.0004, 0.0005), (0.0008, 0.0004, 0.0004, 0.0005), 15),
}
CONDITIONS = ("hypertension", "diabetes", "dyslipidaemia", *_OTHERS)
"""The conditions people are treated for over a long time."""
_AGES = np.array([0.0, 20.0, 40.0, 60.0, 80.0])


def _other_conditions(
    people: People,
    metabolic: Floats,
    kidney: Floats,
    random: np.random.Generator,
) -> tuple[dict[str, Days], dict[str, Days]]:
    """Beginnings and last days of the other treatments."""
    begin: dict[str, Days] = {}
    last: dict[str, Days] = {}
    count = people.count
    years = np.diff(_AGES)
    for name, (men, women, lasts) in _OTHERS.items():
        rates = np.where((people.sex == _MAN)[:, None], np.array(men), np.array(women))
        if name in ("gout", "heart", "stroke"):
            rates = rates * np.exp(0.45 * metabolic)[:, None]
        if name == "dialysis":
            rates = rates * np.exp(-0.7 * kidney)[:, None]
        cumulative = np.concatenate([np.zeros((count, 1)), np.cumsum(rates * years, axis=1)], axis=1)
        wanted = random.exponential(1.0, count)
        begins = np.full(count, 200.0)
        for i in range(len(years)):
            inside = (wanted > cumulative[:, i]) & (wanted <= cumulative[:, i + 1])
            rate = np.maximum(rates[:, i], 1e-9)
            begins = np.where(inside, _AGES[i] + (wanted - cumulative[:, i]) / rate, begins)
        # A treatment that ended long ago may come back: everybody draws a second beginning later in life.
        length = random.exponential(lasts, count)
        again = begins + length + random.exponential(lasts * 1.5, count)
        mid = 2024.5 - (people.birth / _YEAR + 1970)
        use_second = (begins + length < mid - 1.5) & (random.random(count) < 0.6) & (begins < 80)
        start = np.where(use_second, again, begins)
        end = start + np.where(use_second, random.exponential(lasts, count), length)
        birth = people.birth
        begin[name] = np.where(start > 90, NEVER, birth + (np.minimum(start, 200) * _YEAR).astype(np.int64))
        last[name] = birth + (np.minimum(end, 300) * _YEAR).astype(np.int64)
    return begin, last
