"""Receipts (レセプト) of a chunk's people in a month, drawn and written column by column.

The records of one type are made as text for all receipts at once and put in order at the end; nothing is done receipt by
receipt. The layouts are those of the record writer (`kenpo.synth.receipts`), which writes the rarer kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from kenpo.base.branches import insurer_check_digit
from kenpo.base.fiscal import add_months
from kenpo.synth import care
from kenpo.synth.institutions import CLINIC, HOSPITAL, Institutions
from kenpo.synth.membership import card_numbers
from kenpo.synth.names import name_of
from kenpo.synth.people import SELF, People
from kenpo.synth.receipts import WIDTHS, japanese_date
from kenpo.synth.records import Institution, Kind
from kenpo.synth.setting import Ints, Setting, date_series
from kenpo.synth.shelf import Shelf
from kenpo.synth.visits import (
    DIAGNOSES,
    INFUSED,
    INFUSION,
    ITEMS,
    SELF_CARE,
    SELF_INJECTED,
    TOPICAL,
    Cabinet,
    Drawn,
    Habits,
    Month,
    joined,
)
from kenpo.synth.workplaces import Workplaces

# Codes of pharmacies and dentists, whose procedure masters are not shipped, with the points written for them.
_PREPARATION, _BASIC, _GUIDANCE, _MANAGEMENT = (
    ("420000010", 24),
    ("410000010", 80),
    ("440000010", 59),
    ("440000110", 60),
)
_DENTAL_FIRST, _DENTAL_AGAIN, _DENTAL_CARE = ("301000110", 267), ("301001610", 58), ("302000110", 100)
_DENTAL_TREATMENT, _DENTAL_POINTS = "309000110", np.array([130, 260, 470, 780, 1320, 2200])
_DENTAL_SHARES = np.array([0.20, 0.26, 0.24, 0.16, 0.10, 0.04])
_DENTAL_DIAGNOSES = np.array(["8843836", "5231018", "8833899", "5220063"])
_DENTAL_AGES, _DENTAL_RATES = (
    np.array([3, 6, 15, 25, 45, 60]),
    np.array([0.03, 0.14, 0.16, 0.09, 0.12, 0.16, 0.20]),
)
_TRAFFIC, _BY_TRAFFIC, _AT_WORK = "10", 0.07, 0.05
_WORK_COMMENT = "勤務中に負傷"


# Where a record stands in its receipt.
_AT = {"MN": 0, "HEAD": 1, "IR": 2, "RE": 3, "HO": 4, "KO": 5, "SN": 6, "JD": 7, "EX": 10**9, "RC": 10**9 + 1}
_DIAGNOSES_AT, _ITEMS_AT, _COMMENT_AT = 100, 10**6, 10**6 + 999_000


@dataclass(frozen=True)
class Batch:
    """Receipts of one kind in one month, before they are put together.

    receipts: r, row (of the month), person, place (index within its sort), days, points. lines: r, o (order within the
    receipt), t (the record). drugs: r, m (medicine), total (quantity).
    """

    kind: Kind
    receipts: pl.DataFrame
    lines: pl.DataFrame
    drugs: pl.DataFrame


def _line(frame: pl.DataFrame, record: str, *text: pl.Expr | str) -> pl.DataFrame:
    """One record for every row of a frame with r."""
    pieces = [pl.lit(t) if isinstance(t, str) else t.cast(pl.String) for t in text]
    return frame.select(
        "r", o=pl.lit(_AT[record], dtype=pl.Int64), t=pl.concat_str([pl.lit(record), *pieces], separator=",")
    )


def _blank(kind: Kind, record: str, given: int) -> list[str]:
    """Empty fields up to the record's full width, after so many that are given (the record id included)."""
    return [""] * (WIDTHS[kind][record] - given)


def _rest(kind: Kind, record: str, given: int) -> pl.Expr:
    """The same as text to be put after the last field."""
    return pl.lit("," * (WIDTHS[kind][record] - given))


def _days_text(masks: pl.Series) -> pl.Series:
    """Day columns (1日〜31日) of bit masks: 「,,1」 for the third."""
    unique = masks.unique().sort()
    texts = [",".join("1" if mask >> d & 1 else "" for d in range(31)) for mask in unique.to_list()]
    return masks.replace_strict(unique, pl.Series(texts, dtype=pl.String), return_dtype=pl.String)


def _times_text(day: pl.Series, times: pl.Series) -> pl.Series:
    """Day columns with the number of times in the one day's column."""
    commas = pl.Series([","] * len(day), dtype=pl.String)
    frame = pl.DataFrame({"c": commas, "n": day - 1, "t": times})
    before = pl.col("c").repeat_by("n").list.join("")
    after = pl.col("c").repeat_by(30 - pl.col("n")).list.join("")
    return frame.select(before + pl.col("t").cast(pl.String) + after)["c"]


class Writer:
    """Writes a chunk's receipts month by month. Texts that a person or place carries on every receipt are made once."""

    def __init__(
        self,
        setting: Setting,
        workplaces: Workplaces,
        people: People,
        habits: Habits,
        places: Institutions,
        cabinet: Cabinet,
        shelf: Shelf,
    ) -> None:
        self.setting = setting
        self.people = people
        self.habits = habits
        self.cabinet = cabinet
        names = [
            name_of(int(f), int(g), int(s))
            for f, g, s in zip(people.family, people.given, people.sex, strict=True)
        ]
        births = date_series("birth", people.birth).dt.strftime("%Y%m%d").to_list()
        self.persons = pl.DataFrame(
            {
                "identity": [
                    f"{name},{sex},{birth}"
                    for (name, _), sex, birth in zip(names, people.sex, births, strict=True)
                ],
                "kana": [kana for _, kana in names],
                "chart": [f"{(people.first + i) % 100_000:05d}" for i in range(people.count)],
                "branch_no": [f"{n:02d}" for n in people.branch_no.tolist()],
                "dependent": people.relation != SELF,
            }
        )
        symbols, numbers = card_numbers(people, workplaces)
        self.cards = pl.Series("card", [f"{s},{n}" for s, n in zip(symbols, numbers, strict=True)])
        self.codes = pl.Series([code for _, code in ITEMS])
        self.sections = pl.Series([section for section, _ in ITEMS])
        self.points = pl.Series([shelf.points[code] for _, code in ITEMS])
        clinics, hospitals, dentists, pharmacies = (places[s].institutions for s in range(4))
        self.medical_places = _places_frame((*clinics, *hospitals))
        self.dental_places = _places_frame(dentists)
        self.pharmacy_places = _places_frame(pharmacies)
        self.dispenses = np.concatenate([places[CLINIC].dispenses, places[HOSPITAL].dispenses])

    # ---- what all receipts share ---------------------------------------------------------------------------------

    def _receipts(self, month: Month, row: Ints, place: Ints, places: pl.DataFrame) -> pl.DataFrame:
        """One row per receipt, in order, with the texts of its person and place."""
        person = month.person[row]
        whose = self.persons[person]
        return pl.DataFrame(
            {"r": np.arange(len(row)), "row": row, "person": person, "place": place, "age": month.age[row]}
        ).hstack([self.cards[month.enrolment[row]], *whose.get_columns(), *places[place].get_columns()])

    def _head(self, receipts: pl.DataFrame, kind: Kind, month: Month) -> list[pl.DataFrame]:
        """MN to JD, EX and RC of every receipt. receipts must have days, points, mask, notes and payer."""
        treated = f"{self.setting.calendar[month.index]:%Y%m}"
        claim = add_months(self.setting.calendar[month.index], 1)
        table = {"medical": "1", "dental": "3", "pharmacy": "4"}[kind]
        serial = {"medical": 1, "dental": 3, "pharmacy": 4}[kind]
        last = (
            pl.when(pl.col("age") < 6)
            .then(pl.lit("4"))
            .when(pl.col("age") >= 70)
            .then(pl.lit("8"))
            .when(pl.col("dependent"))
            .then(pl.lit("6"))
            .otherwise(pl.lit("2"))
        )
        payers = pl.when(pl.col("payer") > 0).then(pl.lit("2")).otherwise(pl.lit("1"))
        number = pl.lit(serial * 10**8 + self.people.chunk * 10**5) + pl.col("r")
        r = receipts.with_columns(
            type=pl.concat_str([pl.lit(table + "1"), payers, last]),
            management=number.cast(pl.String),
            search=pl.concat_str(
                [pl.col("prefecture"), pl.lit(table + japanese_date(claim)[:5]), number.cast(pl.String)]
            ),
            serial=(pl.col("r") + 1).cast(pl.String),
        )
        month_text, claim_text = treated, f"{claim:%Y%m}"
        lines = [_line(r, "MN", pl.col("management"), pl.col("address"), pl.col("search"), "", "", "")]
        place = [pl.lit("1"), pl.col("prefecture"), pl.lit(table), pl.col("code")]
        common = [pl.col("serial"), pl.col("type"), pl.lit(month_text), pl.col("identity")]
        if kind == "pharmacy":
            lines += [
                _head_line(r, "YK", *place, pl.col("name"), claim_text, "00", pl.col("phone")),
                _line(
                    r, "RE", *common, "", pl.col("notes"), pl.col("clinic"), *[""] * 21, pl.col("chart"),
                    *[""] * 5, pl.col("kana"),
                ),
            ]  # fmt: skip
        elif kind == "dental":
            start = month_text + pl.col("first").cast(pl.String).str.zfill(2)
            lines += [
                _head_line(r, "UK", *place, "", pl.col("name"), claim_text, "", "00"),
                _line(r, "IR", *place, "", claim_text, pl.col("phone"), ""),
                _line(
                    r, "RE", *common, "", "", start, "1", "", "", pl.col("notes"), "", pl.col("chart"),
                    *[""] * 9, pl.col("kana"), "",
                ),
            ]  # fmt: skip
        else:
            lines += [
                _head_line(r, "IR", *place, "", pl.col("name"), claim_text, "00", pl.col("phone")),
                _line(
                    r, "RE", *common, *[""] * 4, pl.col("notes"), "", pl.col("chart"), *[""] * 22,
                    pl.col("kana"), "",
                ),
            ]  # fmt: skip
        lines.append(
            _line(
                r,
                "HO",
                self.setting.insurer_number,
                pl.col("card"),
                pl.col("days"),
                pl.col("points"),
                *_blank(kind, "HO", 6),
            )
        )
        paid = r.filter(pl.col("payer") > 0)
        if paid.height:
            whole = {p: f"{p}{self.setting.branch}601" for p in paid["payer"].unique().to_list()}
            number = pl.col("payer").replace_strict(
                {p: n + insurer_check_digit(n) for p, n in whole.items()}, return_dtype=pl.String
            )
            lines.append(
                _line(
                    paid,
                    "KO",
                    number,
                    "9990001",
                    "",
                    pl.col("days"),
                    pl.col("points"),
                    *_blank(kind, "KO", 6),
                )
            )
        lines.append(_line(r, "SN", "1", "01", "", "", "", pl.col("branch_no"), *_blank(kind, "SN", 7)))
        lines.append(_line(r.with_columns(dates=_days_text(r["mask"])), "JD", "1", pl.col("dates")))
        lines.append(_line(r, "EX", *[""] * 11, f"1:{claim_text}:"))
        mixed = (pl.col("management").cast(pl.Int64) * 2_654_435_761) % 10**16
        digest = mixed.cast(pl.String).str.zfill(32)
        lines.append(_line(r, "RC", pl.concat_str([pl.lit("Ver00001"), digest])))
        return lines

    # ---- 医科入院外 and 調剤 -------------------------------------------------------------------------------------

    def outpatient(self, month: Month, drawn: Drawn) -> tuple[Batch, Batch]:
        """The medical receipts of a month's visits, and those of the pharmacies that fill their prescriptions."""
        random = self.setting.random(9, self.people.chunk, month.index)
        row, place, day = joined(drawn.row), joined(drawn.place), joined(drawn.day) - month.begin + 1
        keys, receipt = np.unique(row * 10**6 + place, return_inverse=True)
        base = self._receipts(month, keys // 10**6, keys % 10**6, self.medical_places)
        visits = pl.DataFrame(
            {
                "v": np.arange(len(row)),
                "r": receipt,
                "day": day,
                "payer": joined(drawn.payer),
                "injury": joined(drawn.injury),
                "house": self.dispenses[place],
            }
        )
        drugs = self._drugs(drawn, visits)
        inside = drugs.filter(pl.col("inside"))
        outside = drugs.filter(~pl.col("inside"))
        items = self._items(drawn, visits, inside, outside)
        item_lines, item_points = self._item_lines(items)
        drug_lines, drug_points = self._units(inside)
        points = pl.concat([item_points, drug_points]).group_by("r").agg(pl.col("points").sum())
        facts = visits.group_by("r").agg(
            days=pl.col("day").n_unique(),
            mask=_mask(),
            payer=pl.col("payer").max(),
            injury=pl.col("injury").any(),
        )
        traffic = pl.Series(random.random(base.height) < _BY_TRAFFIC)
        at_work = pl.Series(random.random(base.height) < _AT_WORK)
        receipts = (
            base.join(facts, on="r", how="left", maintain_order="left")
            .join(points, on="r", how="left", maintain_order="left")
            .with_columns(
                notes=pl.when(pl.col("injury") & traffic).then(pl.lit(_TRAFFIC)).otherwise(pl.lit(""))
            )
        )
        working = receipts.filter(
            pl.col("injury") & at_work & (pl.col("notes") == "") & (pl.col("age") >= 18)
        )
        lines = [
            *self._head(receipts, "medical", month),
            working.select(
                "r", o=pl.lit(_COMMENT_AT, dtype=pl.Int64), t=pl.lit(f"CO,99,1,810000001,{_WORK_COMMENT}")
            ),
            self._diagnoses(drawn, receipt),
            item_lines,
            drug_lines,
        ]
        medical = Batch("medical", receipts, pl.concat(lines), _quantities(inside))
        return medical, self._pharmacy(month, outside, receipts)

    def _drugs(self, drawn: Drawn, visits: pl.DataFrame) -> pl.DataFrame:
        """What is prescribed, once per visit and drug: v, r, day, m, amount, times, kind, inside, cents, code."""
        medicine = joined(drawn.d_medicine)
        drugs = pl.DataFrame(
            {
                "v": joined(drawn.d_visit),
                "m": medicine,
                "amount": joined(drawn.d_amount),
                "times": joined(drawn.d_times),
                "kind": joined(drawn.d_kind),
                "cents": self.cabinet.cents[medicine],
                "code": self.cabinet.codes[medicine],
            },
            schema_overrides={"code": pl.String},
        ).unique(["v", "m"], keep="first", maintain_order=True)
        drugs = drugs.join(visits, on="v", how="left", maintain_order="left")
        return drugs.with_columns(
            inside=(pl.col("kind") == INFUSED) | (pl.col("house") & (pl.col("kind") != SELF_INJECTED))
        )

    def _items(
        self, drawn: Drawn, visits: pl.DataFrame, inside: pl.DataFrame, outside: pl.DataFrame
    ) -> pl.DataFrame:
        """What is done: r, day, item, once a day. A first visit (初診) counts as one only when nothing came before."""
        done = pl.DataFrame({"v": joined(drawn.i_visit), "item": joined(drawn.i_item)}).join(
            visits.select("v", "r", "day"), on="v", how="left", maintain_order="left"
        )

        def more(drugs: pl.DataFrame, key: tuple[str, str]) -> pl.DataFrame:
            return drugs.select("v", pl.lit(ITEMS[key], dtype=pl.Int64).alias("item"), "r", "day")

        done = pl.concat(
            [
                done,
                more(outside, ("80", care.PRESCRIPTION)),
                more(inside.filter(pl.col("kind") != INFUSED), ("21", care.DISPENSE)),
                more(inside.filter(pl.col("kind") == INFUSED), ("33", INFUSION)),
                more(outside.filter(pl.col("kind") == SELF_INJECTED).unique("r"), ("14", SELF_CARE)),
            ]
        )
        first, again = ITEMS["11", care.FIRST_VISIT], ITEMS["12", care.REVISIT]
        came = (
            done.filter(pl.col("item").is_in([first, again]))
            .group_by("r")
            .agg(
                begins=pl.col("day").min(),
                revisited=pl.col("day").filter(pl.col("item") == again).min(),
            )
        )
        done = done.join(came, on="r", how="left", maintain_order="left")
        new = (pl.col("day") == pl.col("begins")) & (
            pl.col("revisited").is_null() | (pl.col("revisited") > pl.col("day"))
        )
        item = pl.when((pl.col("item") == first) & ~new).then(pl.lit(again, dtype=pl.Int64)).otherwise("item")
        done = done.with_columns(item=item)
        return done.select("r", "day", "item").unique(maintain_order=True)

    def _item_lines(self, items: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """SI records, one per receipt and code, and the points they add."""
        lines = items.group_by("r", "item").agg(n=pl.len(), mask=_mask()).sort("r", "item")
        index = lines["item"].to_numpy()
        lines = lines.with_columns(
            code=self.codes[index],
            section=self.sections[index],
            points=self.points[index],
            dates=_days_text(lines["mask"]),
        )
        text = pl.concat_str(
            [
                pl.lit("SI"), pl.col("section"), pl.lit("1"), pl.col("code"), pl.lit(""), pl.col("points").cast(pl.String),
                pl.col("n").cast(pl.String), pl.lit(",,,,,"), pl.col("dates"),
            ],
            separator=",",
        )  # fmt: skip
        order = _ITEMS_AT + pl.col("section").cast(pl.Int64) * 10_000 + 5_000 + pl.col("item")
        out = lines.select("r", o=order, t=text)
        return out, lines.select("r", points=pl.col("points") * pl.col("n"))

    def _units(self, drugs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """IY records of what is given in the house: one 算定単位 per visit, way and number of days."""
        keys = ["r", "v", "kind", "times"]
        units = drugs.sort("r", "v", "kind", "times", "m").with_columns(
            points=_points((pl.col("cents") * pl.col("amount")).sum().over(keys)),
            place=pl.int_range(pl.len()).over(keys),
            size=pl.len().over(keys),
        )
        units = units.with_columns(seq=pl.int_range(pl.len()).over("r"))
        section = (
            pl.when(pl.col("kind") == TOPICAL)
            .then(pl.lit("23"))
            .when(pl.col("kind") == INFUSED)
            .then(pl.lit("33"))
            .otherwise(pl.lit("21"))
        )
        units = units.with_columns(section=section, dates=_times_text(units["day"], units["times"]))
        first, last = pl.col("place") == 0, pl.col("place") == pl.col("size") - 1
        empty = pl.lit("")
        text = pl.concat_str(
            [
                pl.lit("IY"), pl.when(first).then("section").otherwise(empty), pl.lit("1"), pl.col("code"),
                pl.col("amount").cast(pl.String), pl.when(last).then(pl.col("points").cast(pl.String)).otherwise(empty),
                pl.col("times").cast(pl.String), pl.lit(",,,,,"), pl.col("dates"),
            ],
            separator=",",
        )  # fmt: skip
        order = _ITEMS_AT + pl.col("section").cast(pl.Int64) * 10_000 + pl.col("seq")
        return units.select("r", o=order, t=text), units.filter(last).select(
            "r", points=pl.col("points") * pl.col("times")
        )

    def _diagnoses(self, drawn: Drawn, receipt: Ints) -> pl.DataFrame:
        """SY records, each diagnosis once; the first of a receipt is its 主傷病."""
        visit = joined(drawn.x_visit)
        start = date_series("start", joined(drawn.x_start))
        found = (
            pl.DataFrame({"r": receipt[visit], "x": joined(drawn.x_code), "start": start})
            .group_by("r", "x", maintain_order=True)
            .agg(pl.col("start").min())
        )
        found = found.with_columns(place=pl.int_range(pl.len()).over("r"))
        code = pl.Series(DIAGNOSES)[found["x"].to_numpy()]
        main = pl.when(pl.col("place") == 0).then(pl.lit(",,,01,")).otherwise(pl.lit(",,,,"))
        text = pl.concat_str(
            [pl.lit("SY,"), code, pl.lit(","), pl.col("start").dt.strftime("%Y%m%d"), pl.lit(",1"), main]
        )
        return found.select("r", o=_DIAGNOSES_AT + pl.col("place"), t=text)

    def _pharmacy(self, month: Month, drugs: pl.DataFrame, medical: pl.DataFrame) -> Batch:
        """調剤 receipts: per person, pharmacy and prescribing institution; one 受付 per day of prescription."""
        count = self.pharmacy_places.height
        who = medical.select("r", "row", "person", clinic_place="place", clinic_payer="payer")
        drugs = drugs.join(who, on="r", how="left", maintain_order="left")
        near = (pl.col("clinic_place") * 7919 + 13) % count
        own = (pl.col("person") * 104_729 + 7 * self.people.chunk) % count
        drugs = drugs.with_columns(
            pharmacy=pl.when(pl.col("person") % 4 == 0).then(own).otherwise(near).cast(pl.Int64)
        )
        keyed = drugs.with_columns(
            pr=pl.struct("row", "clinic_place", "pharmacy").rank("dense").cast(pl.Int64) - 1
        )
        heads = keyed.unique("pr", keep="first").sort("pr")
        base = self._receipts(
            month, heads["row"].to_numpy(), heads["pharmacy"].to_numpy(), self.pharmacy_places
        )
        clinic = self.medical_places[heads["clinic_place"].to_numpy()]
        clinic_text = clinic.select(
            pl.concat_str(["prefecture", pl.lit("1"), "code", "name", "address"], separator=",").alias(
                "clinic"
            )
        )
        drugs = keyed.drop("r").rename({"pr": "r"})
        keys = ["r", "day", "kind", "times"]
        groups = (
            drugs.group_by(keys)
            .agg(points=_points((pl.col("cents") * pl.col("amount")).sum()))
            .sort(keys)
            .with_columns(
                visit=pl.col("day").rank("dense").over("r").cast(pl.Int64),
                number=pl.int_range(1, pl.len() + 1).over("r"),
            )
        )
        topical = pl.col("kind") == TOPICAL
        prepared = pl.when(pl.col("kind") == SELF_INJECTED).then(0).otherwise(_PREPARATION[1])
        fee = prepared + (pl.col("points") * pl.col("times"))
        form = (
            pl.when(topical)
            .then(pl.lit("5"))
            .when(pl.col("kind") == SELF_INJECTED)
            .then(pl.lit("4"))
            .otherwise(pl.lit("1"))
        )
        usage = pl.when(pl.col("kind") == 0).then(pl.lit("101")).otherwise(pl.lit("900"))
        date_text = pl.lit(f"{self.setting.calendar[month.index]:%Y%m}") + pl.col("day").cast(
            pl.String
        ).str.zfill(2)
        at = _ITEMS_AT + pl.col("number") * 1000
        prescription = groups.select(
            "r",
            o=at,
            t=pl.concat_str(
                [
                    pl.lit("SH"),
                    pl.col("number").cast(pl.String).str.zfill(2),
                    form,
                    usage,
                    pl.lit(""),
                    pl.col("points").cast(pl.String) + _rest("pharmacy", "SH", 6),
                ],
                separator=",",
            ),
        )
        prepare = (
            pl.when(pl.col("kind") == SELF_INJECTED)
            .then(pl.lit(",,,,"))
            .otherwise(pl.lit(f"1,1,,{_PREPARATION[0]},{_PREPARATION[1]}"))
        )
        filled = groups.select(
            "r",
            o=at + 1,
            t=pl.concat_str(
                [
                    pl.lit("CZ,01"), date_text, date_text, pl.col("visit").cast(pl.String), pl.col("times").cast(pl.String),
                    prepare, pl.lit(","), (pl.col("points") * pl.col("times")).cast(pl.String) + _rest("pharmacy", "CZ", 14),
                ],
                separator=",",
            ),
        )  # fmt: skip
        placed = drugs.join(groups.select(*keys, "number"), on=keys, how="left", maintain_order="left")
        placed = placed.with_columns(seq=pl.int_range(pl.len()).over("r", "number"))
        medicines = placed.select(
            "r",
            o=_ITEMS_AT + pl.col("number") * 1000 + 2 + pl.col("seq"),
            t=pl.concat_str(
                [
                    pl.lit("IY,1"),
                    pl.col("code"),
                    pl.col("amount").cast(pl.String) + _rest("pharmacy", "IY", 4),
                ],
                separator=",",
            ),
        )
        visits = groups.unique(["r", "day"], keep="first", maintain_order=True)
        basic = visits.select(
            "r",
            o=_ITEMS_AT + 900_000 + pl.col("visit"),
            t=pl.concat_str(
                [
                    pl.lit("KI"), date_text, pl.col("visit").cast(pl.String),
                    pl.lit(
                        f"1,{_BASIC[0]},{_BASIC[1]},,1,{_GUIDANCE[0]},1,{_GUIDANCE[1]},1,{_MANAGEMENT[0]},1,{_MANAGEMENT[1]}"
                    )
                    + _rest("pharmacy", "KI", 15),
                ],
                separator=",",
            ),
        )  # fmt: skip
        per_visit = _BASIC[1] + _GUIDANCE[1] + _MANAGEMENT[1]
        totals = (
            groups.group_by("r")
            .agg(points=fee.sum())
            .join(visits.group_by("r").agg(days=pl.len(), mask=_mask()), on="r")
        )
        receipts = (
            base.hstack(clinic_text)
            .with_columns(payer=heads["clinic_payer"], notes=pl.lit(""))
            .join(totals, on="r", how="left", maintain_order="left")
            .with_columns(points=pl.col("points") + pl.col("days") * per_visit)
        )
        lines = [*self._head(receipts, "pharmacy", month), prescription, filled, medicines, basic]
        return Batch("pharmacy", receipts, pl.concat(lines), _quantities(drugs))

    # ---- 歯科 ----------------------------------------------------------------------------------------------------

    def dental(self, month: Month) -> Batch:
        """Dental receipts of a month: one to four days, drawn by age."""
        random = self.setting.random(10, self.people.chunk, month.index)
        rate = _DENTAL_RATES[np.searchsorted(_DENTAL_AGES, month.age, side="right")] * month.share
        row = np.flatnonzero((random.random(len(rate)) < rate) & ~month.lapsed)
        person = month.person[row]
        base = self._receipts(month, row, self.habits.dentist[person], self.dental_places)
        span = month.last[row] - month.first[row] + 1
        first = month.first[row] - month.begin + 1 + (random.random(len(row)) * span * 0.6).astype(np.int64)
        wanted = 1 + random.binomial(3, 0.24, len(row))
        days = []
        for step in range(4):
            day = first + step * 7
            keep = np.flatnonzero((wanted > step) & (day <= month.last[row] - month.begin + 1))
            days.append(pl.DataFrame({"r": keep, "day": day[keep], "step": np.full(len(keep), step)}))
        visits = pl.concat(days).sort("r", "day")
        new = pl.Series(random.random(base.height) < 0.4)
        drawn = random.choice(_DENTAL_POINTS, visits.height, p=_DENTAL_SHARES)
        visits = visits.with_columns(treated=pl.Series(drawn), new=new[visits["r"].to_numpy()])
        begins = (pl.col("step") == 0) & pl.col("new")
        rows = [
            visits.filter(begins).select("r", "day", section=pl.lit("11"), code=pl.lit(_DENTAL_FIRST[0]), points=pl.lit(_DENTAL_FIRST[1], dtype=pl.Int64)),
            visits.filter(~begins).select("r", "day", section=pl.lit("12"), code=pl.lit(_DENTAL_AGAIN[0]), points=pl.lit(_DENTAL_AGAIN[1], dtype=pl.Int64)),
            visits.filter(pl.col("step") == 0).select("r", "day", section=pl.lit("13"), code=pl.lit(_DENTAL_CARE[0]), points=pl.lit(_DENTAL_CARE[1], dtype=pl.Int64)),
            visits.select("r", "day", section=pl.lit("41"), code=pl.lit(_DENTAL_TREATMENT), points=pl.col("treated").cast(pl.Int64)),
        ]  # fmt: skip
        lines = pl.concat(rows).group_by("r", "section", "code", "points").agg(n=pl.len(), mask=_mask())
        lines = lines.sort("r", "section", "code", "points")
        lines = lines.with_columns(dates=_days_text(lines["mask"]), seq=pl.int_range(pl.len()).over("r"))
        text = pl.concat_str(
            [
                pl.lit("SS"), pl.col("section"), pl.lit("1"), pl.col("code"), pl.lit("," * 71), pl.col("points").cast(pl.String),
                pl.col("n").cast(pl.String), pl.col("dates"),
            ],
            separator=",",
        )  # fmt: skip
        facts = visits.group_by("r").agg(days=pl.len(), mask=_mask(), first=pl.col("day").min())
        points = lines.group_by("r").agg(points=(pl.col("points") * pl.col("n")).sum())
        receipts = (
            base.join(facts, on="r", how="left", maintain_order="left")
            .join(points, on="r", how="left", maintain_order="left")
            .with_columns(payer=pl.lit(0), notes=pl.lit(""))
        )
        illness = pl.Series(_DENTAL_DIAGNOSES[random.integers(0, len(_DENTAL_DIAGNOSES), base.height)])
        started = pl.lit(f"{self.setting.calendar[month.index]:%Y%m}") + pl.col("first").cast(
            pl.String
        ).str.zfill(2)
        diagnosed = receipts.select(
            "r",
            o=pl.lit(_DIAGNOSES_AT, dtype=pl.Int64),
            t=pl.concat_str([pl.lit("HS,"), started, pl.lit(",1,102400,"), illness, pl.lit(",,,,,01,,,")]),
        )
        treatments = lines.select("r", o=_ITEMS_AT + pl.col("seq"), t=text)
        return Batch(
            "dental",
            receipts,
            pl.concat([*self._head(receipts, "dental", month), diagnosed, treatments]),
            pl.DataFrame(schema={"r": pl.Int64, "m": pl.Int64, "total": pl.Int64}),
        )


def _head_line(frame: pl.DataFrame, record: str, *text: pl.Expr | str) -> pl.DataFrame:
    """The institution's own record (IR, UK, YK) before the receipt."""
    pieces = [pl.lit(t) if isinstance(t, str) else t for t in text]
    return frame.select(
        "r", o=pl.lit(_AT["HEAD"], dtype=pl.Int64), t=pl.concat_str([pl.lit(record), *pieces], separator=",")
    )


def _mask() -> pl.Expr:
    """Bit n-1 for every day n of a group."""
    return pl.lit(2, dtype=pl.Int64).pow(pl.col("day") - 1).cast(pl.Int64).unique().sum()


def _points(cents: pl.Expr) -> pl.Expr:
    """薬剤料 of a unit's price in 1/100 yen: 1 point up to 15 yen, one more for every 10 yen above or part of them."""
    return pl.when(cents <= 1500).then(1).otherwise(1 + (cents - 1500 + 999) // 1000)


def _quantities(drugs: pl.DataFrame) -> pl.DataFrame:
    return drugs.select("r", "m", total=pl.col("amount") * pl.col("times"))


def _places_frame(institutions: tuple[Institution, ...]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "prefecture": [i.prefecture for i in institutions],
            "code": [i.code for i in institutions],
            "name": [i.name for i in institutions],
            "address": [i.address for i in institutions],
            "phone": [i.phone for i in institutions],
        }
    )


def insurer_text(lines: pl.DataFrame) -> tuple[bytes, int]:
    """レセ電コード情報 of the lines: every line with 履歴管理情報, in the order of receipts; and how many lines."""
    ordered = lines.sort("r", "o")
    record = pl.col("t").str.slice(0, 3)
    stage = pl.when(record.is_in(["MN,", "EX,", "RC,"])).then(pl.lit("2")).otherwise(pl.lit("1"))
    part = pl.when(record == "EX,").then(pl.lit(",1,")).otherwise(pl.lit(",0,"))
    number = pl.int_range(1, pl.len() + 1).over("r").cast(pl.String)
    text = ordered.select(pl.concat_str([stage, pl.lit(","), number, part, pl.col("t")]))
    whole = "\r\n".join(text.to_series().to_list())
    return (whole + "\r\n").encode("cp932") if ordered.height else b"", ordered.height
