"""Counting what is true (真値) of a chunk while it is made, month by month."""

from __future__ import annotations

import numpy as np
import polars as pl

from kenpo.base.industries import SECTION_OF
from kenpo.synth import truth as truths
from kenpo.synth.claims import Batch
from kenpo.synth.institutions import CLINIC, DENTIST, HOSPITAL, PHARMACY
from kenpo.synth.membership import Membership
from kenpo.synth.people import SELF, People
from kenpo.synth.setting import Ints, age_at_month_end
from kenpo.synth.stays import Stays
from kenpo.synth.visits import Month, month_of
from kenpo.synth.world import Made, World


class Counter:
    """Counts what is true of a chunk, month by month."""

    def __init__(self, world: World, people: People, membership: Membership, made: Made) -> None:
        self.world = world
        self.people = people
        self.made = made
        self.membership = membership
        self.starts = world.setting.month_starts
        industry = [SECTION_OF[i] for i in world.workplaces.industry]
        self.section = pl.Series(
            [None if w < 0 else industry[w] for w in people.e_workplace.tolist()], dtype=pl.String
        )
        self.residence = pl.Series(people.municipality)
        self.kind = np.where(people.relation == SELF, "insured", "dependent")
        self.classes = pl.Series([m.printed for m in world.cabinet.medicines])
        medical = (*world.places[CLINIC].municipality, *world.places[HOSPITAL].municipality)
        self.where = {
            "medical": pl.Series(medical),
            "dental": pl.Series(world.places[DENTIST].municipality),
            "pharmacy": pl.Series(world.places[PHARMACY].municipality),
        }

    def _keep(self, table: str, frame: pl.DataFrame) -> None:
        self.made.truth.setdefault(table, []).append(truths.summed(table, [frame]))

    def _person(self, month: Month, row: Ints) -> pl.DataFrame:
        person = month.person[row]
        age = age_at_month_end(self.people.birth[person], int(self.starts[month.index + 1]))
        return pl.DataFrame(
            {
                "month": [self.world.setting.calendar[month.index]] * len(row),
                "age": age,
                "sex": self.people.sex[person].astype(str).tolist(),
                "kind": self.kind[person].tolist(),
                "residence": self.residence[person],
                "section": self.section[month.enrolment[row]],
            },
            schema_overrides={"month": pl.Date, "sex": pl.String, "kind": pl.String},
        ).with_columns(age_band=truths.band(pl.col("age")))

    def receipts(self, month: Month, batch: Batch) -> None:
        """Count a batch of outpatient, dental or pharmacy receipts."""
        receipts = batch.receipts
        self.made.receipts += receipts.height
        care = {"medical": "outpatient"}.get(batch.kind, batch.kind)
        where = self.where[batch.kind][receipts["place"].to_numpy()]
        self._cost(month, receipts, care, where)
        self._drugs(month, batch.drugs, pl.lit(batch.kind))

    def stays(self, month: Month, stays: Stays) -> None:
        """Count a month's stays."""
        self.made.receipts += stays.receipts.height
        index = {i: n for n, i in enumerate(self.world.places[HOSPITAL].institutions)}
        offset = len(self.world.places[CLINIC].institutions)
        place = [offset + index[stays.places[r]] for r in range(stays.receipts.height)]
        where = self.where["medical"][np.array(place, dtype=np.int64)]
        self._cost(month, stays.receipts, "inpatient", where)
        kinds = pl.Series("kinds", stays.kinds, dtype=pl.String)[stays.drugs["r"].to_numpy()]
        self._drugs(month, stays.drugs, kinds)

    def _cost(self, month: Month, receipts: pl.DataFrame, care: str, where: pl.Series) -> None:
        rows = self._person(month, receipts["row"].to_numpy()).with_columns(
            care=pl.lit(care),
            receipts=pl.lit(1),
            days=receipts["days"].cast(pl.Int64),
            points=receipts["points"].cast(pl.Int64),
            institution=where,
            lapsed=pl.Series(month.lapsed[receipts["row"].to_numpy()]),
        )
        lost = rows.filter("lapsed")
        if lost.height:
            self._keep("unmatched", lost.with_columns(reason=pl.lit("after_loss")))
        rows = rows.filter(~pl.col("lapsed"))
        for table in ("cost", "cost_place", "flow"):
            self._keep(table, rows)

    def _drugs(self, month: Month, drugs: pl.DataFrame, kind: pl.Expr | pl.Series) -> None:
        if drugs.is_empty():
            return
        index = drugs["m"].to_numpy()
        frame = drugs.select(
            month=pl.lit(self.world.setting.calendar[month.index]),
            kind=kind,
            **{"class": self.classes[index]},
            total="total",
            cents=pl.col("total") * pl.Series(self.world.cabinet.cents[index]),
        )
        self._keep("drugs", frame)

    def members(self) -> None:
        """Count who has cover on the last day of each month, and the insured of each workplace."""
        people, setting = self.people, self.world.setting
        insured = np.zeros((setting.months, self.world.workplaces.count), dtype=np.int64)
        paid = (
            self.membership.frames["remuneration"]
            .select("person_number", "from_month", "standard")
            .sort("from_month")
        )
        numbers = pl.Series(self.membership.frames["member"]["person_number"])
        for index in range(setting.months):
            following = int(self.starts[index + 1])
            rows = np.flatnonzero((people.e_start < following) & (people.e_end >= following))
            month = month_of(setting, people, index)
            at = np.searchsorted(month.enrolment[~month.lapsed], rows)
            person = people.e_person[rows]
            own = people.relation[person] == SELF
            np.add.at(
                insured[index],
                people.e_workplace[rows[own & ~people.e_voluntary[rows]]],
                1,
            )
            frame = self._person(month, at).with_columns(
                person_number=numbers[person],
                members=pl.lit(1),
                mynumber=pl.Series(people.mynumber[person] < following).cast(pl.Int64),
            )
            known = frame.join_asof(
                paid, left_on="month", right_on="from_month", by="person_number", check_sortedness=False
            )
            is_insured = pl.Series(own & ~people.e_voluntary[rows])
            known = known.with_columns(
                standard=pl.when(is_insured).then(pl.col("standard").fill_null(0)).otherwise(0),
                paid=(is_insured & pl.col("standard").is_not_null()).cast(pl.Int64),
            )
            self._keep("members", known)
            self._keep("members_place", known)
        self.made.insured = insured
