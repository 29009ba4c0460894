"""One block of a claim file → typed rows of every receipt table. Pure: no lake, no files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from kenpo.base.branches import branch_of_insurer
from kenpo.intake.keys import keyed_hash
from kenpo.intake.receipts import dates
from kenpo.intake.receipts import layouts as lay
from kenpo.intake.receipts.lines import Bucket, Ints, Lines, read_days, record_code, record_name
from kenpo.intake.receipts.places import municipality
from kenpo.intake.receipts.rejects import Findings, mask_of
from kenpo.intake.receipts.validity import logical_order, valid_lines
from kenpo.lake.store import receipt_ids
from kenpo.lake.tables import receipts as t

_MAIN = {"SY": "01", "HS": "01", "SB": None}
_SUSPECTED = "8002"
# 傷病名区分 of SB: 11 医療資源を最も投入した傷病名 (the DPC's main diagnosis).
_DPC_MAIN = "11"
_UNITS = ("SI", "IY", "TO", "SS")


@dataclass(frozen=True)
class BlockTask:
    """A block and what must be known of the file before it.

    header: the last IR/UK/YK line before the block (with its line end), given to blocks after the first.
    managed: the insurer-side file has MN records, which open each receipt.
    """

    data: bytes
    first_line: int
    file_id: str
    file_number: int
    kind: str
    insurer: bool
    encoding: str
    managed: bool
    header: bytes
    key: bytes


@dataclass
class Segment:
    """Totals up to a GO record (診療報酬請求書): what was read, and what GO says."""

    receipts: int = 0
    count: int = 0
    points: int = 0
    go_line: int | None = None
    go_count: int | None = None
    go_points: int | None = None
    go_volume: str | None = None


@dataclass
class BlockRows:
    """What a block yields: frames by table name, totals, and the file's header as far as this block shows it."""

    frames: dict[str, pl.DataFrame]
    line_counts: Counter[str]
    lines: int
    rejected: int
    segments: list[Segment]
    institution: str | None = None
    claim_month: date | None = None
    volume: str | None = None
    points: int = 0
    receipts: int = 0
    tables: dict[str, int] = field(default_factory=dict)


def parse_block(task: BlockTask) -> BlockRows:
    """Parse a block into rows. Every physical line ends in a typed row, a header, a GO total or a reject."""
    return _Block(task).run()


class _Block:
    def __init__(self, task: BlockTask) -> None:
        self.task = task
        self.layout = lay.LAYOUTS[task.kind]
        virtual = 1 if task.header else 0
        self.lines = Lines(
            task.header + task.data, task.first_line - virtual, insurer=task.insurer, encoding=task.encoding
        )
        self.virtual = virtual
        self.size = len(self.lines)
        self.found = Findings()
        self.rejected = np.zeros(self.size, dtype=np.bool_)
        self._sn: Bucket | None = None
        self._mk: Bucket | None = None
        self.frames: dict[str, list[pl.DataFrame]] = {}

    # ---- the order of work ---------------------------------------------------------------------------------------

    def run(self) -> BlockRows:
        lines, task = self.lines, self.task
        self.by_code = self._index_by_code()
        self.receipt_of, starts = self._receipts()
        self.count = len(starts)
        self.first_line = lines.number[starts] if self.count else np.zeros(0, dtype=np.int64)
        self.valid_line = (
            valid_lines(lines, self.receipt_of, record_code("JY"))
            if task.insurer
            else np.ones(self.size, dtype=np.bool_)
        )
        self._unknown_records()
        headers = self._headers()
        self.receipts, self.names = self._common_records(headers)
        self._payers_and_totals()
        self._orphans()
        self._records()
        self._diagnoses()
        self._details()
        self._comments()
        return self._result(headers)

    def _index_by_code(self) -> dict[int, Ints]:
        code = self.lines.code.copy()
        code[: self.virtual] = -1
        order = np.argsort(code, kind="stable")
        values, first = np.unique(code[order], return_index=True)
        pieces = np.split(order, first[1:]) if len(values) else []
        return {int(v): piece for v, piece in zip(values, pieces, strict=True)}

    def _of(self, name: str, *, with_virtual: bool = False) -> Ints:
        index = self.by_code.get(record_code(name), np.zeros(0, dtype=np.int64))
        if with_virtual and self.virtual and self.lines.code[0] == record_code(name):
            index = np.concatenate([np.zeros(1, dtype=np.int64), index])
        return index

    def _live(self, name: str) -> Ints:
        """Lines of a record that belong to a receipt and are not rejected."""
        index = self._of(name)
        return index[(self.receipt_of[index] >= 0) & ~self.rejected[index]]

    def _reject(
        self, index: Ints, reason: str, title: str | None = None, values: pl.Series | None = None
    ) -> None:
        if not len(index):
            return
        codes = self.lines.code[index]
        names = [record_name(int(c)) if c > 0 else "" for c in codes]
        self.found.reject(self.lines.number[index], names, reason, title=title, values=values)
        self.rejected[index] = True

    # ---- lines, receipts, headers --------------------------------------------------------------------------------

    def _receipts(self) -> tuple[Ints, Ints]:
        """Receipt number of every line (-1 before the first and from GO on), and the first line of each receipt."""
        lines, task = self.lines, self.task
        begins = np.zeros(self.size, dtype=np.bool_)
        if task.insurer and task.managed:
            management = self._of("MN")
            begins[management[(lines.branch_no[management] == 0) & (lines.row_no[management] <= 1)]] = True
        elif task.insurer:
            begins |= lines.prefixed & (lines.row_no == 1) & (lines.branch_no == 0)
            begins[: self.virtual] = False
        else:
            begins[self._of("RE")] = True
        starts = np.flatnonzero(begins)
        number = np.cumsum(begins) - 1
        if not task.insurer:
            # A GO record, and a header after it, stand outside receipts until the next RE.
            outside = mask_of(self._of("GO"), self.size)
            for name in lay.HEADERS:
                outside[self._of(name)] = True
            closed = (
                np.maximum.accumulate(np.where(outside, np.arange(self.size), -1)) if self.size else number
            )
            opened = (
                np.maximum.accumulate(np.where(begins, np.arange(self.size), -1)) if self.size else number
            )
            number = np.where(closed > opened, -1, number)
        return number.astype(np.int64), starts

    def _unknown_records(self) -> None:
        index = self.by_code.get(0, np.zeros(0, dtype=np.int64))
        unnumbered = self.lines.stage[index] < 0
        self._reject(index[unnumbered], "bad_prefix")
        self._reject(index[~unnumbered], "unknown_record")
        known = {record_code(name) for name in lay.KNOWN}
        for code, index in self.by_code.items():
            if code > 0 and code not in known:
                self._reject(index, "unknown_record")

    def _headers(self) -> pl.DataFrame:
        """Header records in line order: line index, institution, claim month, name, volume."""
        out = []
        for name in lay.HEADERS:
            spec = lay.HEADER_FIELDS.get((self.task.kind, name)) or lay.HEADER_FIELDS[lay.MEDICAL, "IR"]
            index = self._of(name, with_virtual=True)
            if not len(index):
                continue
            bucket, _ = self.lines.gather(index, max(spec.name or 0, spec.claim_month, spec.volume or 0))
            f = bucket.fields
            institution = (
                f["2"].fill_null("").str.zfill(2)
                + f["3"].fill_null(lay.TABLE_CODE[self.task.kind])
                + f["4"].fill_null("").str.zfill(7)
            )
            out.append(
                pl.DataFrame(
                    {
                        "index": index,
                        "source_line": self.lines.number[index],
                        "institution": institution,
                        "prefecture": f["2"].fill_null("").str.zfill(2),
                        "table_code": f["3"].fill_null(lay.TABLE_CODE[self.task.kind]),
                        "name": f[str(spec.name)]
                        if spec.name
                        else pl.Series([None] * len(index), dtype=pl.String),
                        "claim": f[str(spec.claim_month)],
                        "volume": f[str(spec.volume)]
                        if spec.volume
                        else pl.Series([None] * len(index), dtype=pl.String),
                    }
                )
            )
        if not out:
            return pl.DataFrame(
                schema={
                    "index": pl.Int64,
                    "source_line": pl.Int64,
                    "institution": pl.String,
                    "prefecture": pl.String,
                    "table_code": pl.String,
                    "name": pl.String,
                    "claim": pl.String,
                    "volume": pl.String,
                    "claim_month": pl.Date,
                }
            )
        frame = pl.concat(out).sort("index").with_columns(claim_month=dates.month(pl.col("claim")))
        bad = frame.filter(pl.col("claim").is_not_null() & pl.col("claim_month").is_null())
        self.found.flag(bad["source_line"].to_numpy(), "bad_optional_field", detail="請求年月")
        return frame

    def _header_of(self, headers: pl.DataFrame, index: Ints) -> Ints:
        """Row of the header in force at each line: the last one at or before it within file order; -1 for none."""
        return np.searchsorted(headers["index"].to_numpy(), index, side="right") - 1

    # ---- the header of each receipt ------------------------------------------------------------------------------

    def _common_records(self, headers: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """One row per receipt from its valid RE record, and the names needed (and then dropped) in this block."""
        spec = self.layout.common
        index = self._of("RE")
        index = index[self.receipt_of[index] >= 0]
        width = max(spec.kana, spec.search_number, spec.notes, spec.birth, *(spec.prescriber or (0,)))
        bucket, _ = self.lines.gather(index, width)
        self._flag_undecodable(bucket)
        valid = self.valid_line[index]
        receipt = self.receipt_of[index]
        order = np.flatnonzero(valid)
        _, first = np.unique(receipt[order], return_index=True)
        chosen = order[first]
        extra = np.setdiff1d(order, chosen)
        self._reject(index[extra], "duplicate_common")
        self._replaced_common = Bucket(
            index[~valid], bucket.fields.filter(~pl.Series(valid)), bucket.undecodable[~valid]
        )

        f = bucket.fields
        text = pl.DataFrame(
            {
                "row": np.arange(len(index)),
                "line": self.lines.number[index],
                "receipt": receipt,
                "number": f[str(spec.number)],
                "type": f[str(spec.receipt_type)].str.strip_chars(),
                "month_text": f[str(spec.month)],
                "sex_text": f[str(spec.sex)].str.strip_chars(),
                "birth_text": f[str(spec.birth)],
                "benefit_text": f[str(spec.benefit_rate)],
                "admitted_text": f[str(spec.admitted)]
                if spec.admitted
                else pl.Series([None] * len(index), dtype=pl.String),
                "notes": f[str(spec.notes)],
                "search_number": f[str(spec.search_number)],
                "kanji": f[str(spec.name)],
                "kana": f[str(spec.kana)],
                "prescriber": _prescriber(f, spec.prescriber),
            }
        ).with_columns(
            month=dates.month(pl.col("month_text")),
            birth=dates.day(pl.col("birth_text")),
            admitted_on=dates.day(pl.col("admitted_text")),
            benefit_rate=pl.col("benefit_text").str.strip_chars().cast(pl.Int16, strict=False),
            sex=pl.when(pl.col("sex_text").is_in(["1", "2"])).then(pl.col("sex_text")),
        )
        unreadable = text["month"].is_null()
        wrong_type = ~text["type"].fill_null("").str.contains(r"^[0-9]{4}$") & ~unreadable
        for mask, reason, title, column in (
            (unreadable, "bad_date", "診療年月", "month_text"),
            (wrong_type, "bad_code", "レセプト種別", "type"),
        ):
            rows = np.flatnonzero(mask.to_numpy())
            blank = text[column].is_null().to_numpy()[rows]
            self._reject(index[rows[blank]], "missing", title)
            self._reject(index[rows[~blank]], reason, title, text[column].gather(rows[~blank]))
        for title, raw, read in (
            ("生年月日", "birth_text", "birth"),
            ("男女区分", "sex_text", "sex"),
            ("入院年月日", "admitted_text", "admitted_on"),
            ("給付割合", "benefit_text", "benefit_rate"),
        ):
            odd = text.filter(pl.col(raw).is_not_null() & pl.col(read).is_null())
            self.found.flag(odd["line"].to_numpy(), "bad_optional_field", detail=title)

        kept = text[chosen].filter(~pl.Series((unreadable | wrong_type).to_numpy()[chosen]))
        frame = pl.DataFrame({"receipt": np.arange(self.count)}).join(
            kept, on="receipt", how="left", maintain_order="left"
        )
        at = np.where(frame["row"].is_null().to_numpy(), -1, frame["row"].fill_null(0).to_numpy())
        lines_of = np.where(at >= 0, index[np.maximum(at, 0)] if len(index) else -1, -1)
        header = self._header_of(headers, lines_of)
        picked = headers.select("institution", "claim_month").with_row_index("h").cast({"h": pl.Int64})
        ids = receipt_ids(self.task.file_number, self.first_line)
        frame = (
            frame.with_columns(h=pl.Series(header, dtype=pl.Int64), receipt_id=pl.Series(ids, dtype=pl.Int64))
            .join(picked, on="h", how="left", maintain_order="left")
            .with_columns(age=dates.age_at_month_end(pl.col("birth"), pl.col("month")))
        )
        names = frame.select("receipt", "kanji", "kana")
        return frame.drop("kanji", "kana"), names

    def _payers_and_totals(self) -> None:
        """HO and KO records; from them the receipt's insurer, branch, days, points, and its keys."""
        frames = []
        identity = pl.DataFrame(
            schema={
                "receipt": pl.Int64,
                "insurer_number": pl.String,
                "symbol": pl.String,
                "insured_no": pl.String,
            }
        )
        for name, spec in (("HO", self.layout.insurer), ("KO", self.layout.public)):
            index = self._live(name)
            if not len(index):
                continue
            width = max(
                3, spec.days, spec.points, spec.charge or 0, spec.meal_times or 0, spec.meal_amount or 0
            )
            bucket, _ = self.lines.gather(index, width)
            self._flag_undecodable(bucket)
            numbers = {
                "service_days": self._integer(bucket, spec.days, "診療実日数"),
                "points": self._integer(bucket, spec.points, "合計点数"),
                "charge": self._integer(bucket, spec.charge, "負担金額"),
                "meal_times": self._integer(bucket, spec.meal_times, "食事回数"),
                "meal_amount": self._integer(bucket, spec.meal_amount, "食事合計金額"),
            }
            payer = pl.DataFrame(
                {
                    "index": index,
                    "receipt": self.receipt_of[index],
                    "source_line": self.lines.number[index],
                    "valid_line": self.valid_line[index],
                    "payer_number": bucket.column(1).str.strip_chars(),
                    **numbers,
                }
            ).filter(~pl.Series(self.rejected[index]))
            if name == "HO":
                identity = (
                    payer.filter(pl.col("valid_line"))
                    .select("receipt", "index", insurer_number=pl.col("payer_number"))
                    .join(
                        pl.DataFrame(
                            {"index": index, "symbol": bucket.column(2), "insured_no": bucket.column(3)},
                            schema_overrides={"symbol": pl.String, "insured_no": pl.String},
                        ),
                        on="index",
                    )
                    .drop("index")
                    .unique("receipt", keep="first", maintain_order=True)
                )
                payer = payer.with_columns(payer_order=pl.lit(0, dtype=pl.Int16))
            else:
                rank = pl.col("valid_line").cum_sum().over("receipt").cast(pl.Int16)
                payer = payer.with_columns(payer_order=pl.max_horizontal(rank, pl.lit(1, dtype=pl.Int16)))
            frames.append(payer.drop("index"))
        payers = (
            pl.concat(frames)
            if frames
            else pl.DataFrame(
                schema={
                    "receipt": pl.Int64,
                    "source_line": pl.Int64,
                    "valid_line": pl.Boolean,
                    "payer_number": pl.String,
                    "service_days": pl.Int64,
                    "points": pl.Int64,
                    "charge": pl.Int64,
                    "meal_times": pl.Int64,
                    "meal_amount": pl.Int64,
                    "payer_order": pl.Int16,
                }
            )
        )
        main = (
            payers.filter(pl.col("valid_line"))
            .sort("receipt", "payer_order", "source_line")
            .group_by("receipt", maintain_order=True)
            .agg(
                pl.len().cast(pl.Int16).alias("payer_count"),
                (pl.col("payer_order").min() == 0).alias("insured"),
                *(
                    pl.col(c).first()
                    for c in ("service_days", "points", "charge", "meal_times", "meal_amount")
                ),
            )
        )
        self.receipts = (
            self.receipts.join(main, on="receipt", how="left", maintain_order="left")
            .join(identity, on="receipt", how="left", maintain_order="left")
            .with_columns(pl.col("payer_count").fill_null(0), pl.col("insured").fill_null(False))
        )
        self._statuses()
        self._keys()
        self._branches()
        none = self.receipts.filter(pl.col("month").is_not_null() & (pl.col("payer_count") == 0))
        self.found.flag(none["line"].to_numpy(), "no_payer")
        rows = self._attach(payers, "receipt").with_columns(
            valid=pl.col("valid_line") & pl.col("receipt_valid")
        )
        self._keep(t.PAYER, rows.filter(pl.col("month").is_not_null()))

    def _statuses(self) -> None:
        """valid, returned (返戻) or component (総括対象の明細); parent_id of components."""
        returned = np.zeros(self.count, dtype=np.bool_)
        index = self._live("HR")
        returned[self.receipt_of[index[self.lines.stage[index] < 11]]] = True
        index = self._live("MK")
        if len(index):
            bucket, _ = self.lines.gather(index, 6)
            hit = bucket.column(6).is_in(list(lay.RETURNED_RESULTS)).fill_null(False).to_numpy()
            returned[self.receipt_of[index[hit]]] = True
            self._mk = bucket
        frame = self.receipts
        parent = pl.lit(None, dtype=pl.Int64)
        if self.task.kind == lay.DPC and not self.task.insurer:
            same = (
                (pl.col("number") == pl.col("number").shift(1))
                & (pl.col("birth_text") == pl.col("birth_text").shift(1))
                & (pl.col("month_text") == pl.col("month_text").shift(1))
                & pl.col("number").is_not_null()
            ).fill_null(False)
            parent = pl.when(same).then(
                pl.when(~same).then(pl.col("receipt_id")).otherwise(None).forward_fill()
            )
        self.receipts = frame.with_columns(
            parent_id=parent, returned=pl.Series(returned, dtype=pl.Boolean)
        ).with_columns(
            status=pl.when(pl.col("returned"))
            .then(pl.lit("returned"))
            .when(pl.col("parent_id").is_not_null())
            .then(pl.lit("component"))
            .otherwise(pl.lit("valid")),
            receipt_valid=~pl.col("returned") & pl.col("month").is_not_null(),
        )

    def _keys(self) -> None:
        """member_key from insurer number, symbol, number, branch number, birth date and sex; then these are dropped."""
        branch = pl.DataFrame(schema={"receipt": pl.Int64, "member_branch": pl.String})
        index = self._live("SN")
        index = index[self.valid_line[index]]
        if len(index):
            bucket, _ = self.lines.gather(self._live("SN"), 7)
            self._sn = bucket
            branch = (
                pl.DataFrame(
                    {
                        "receipt": self.receipt_of[bucket.index],
                        "payer": bucket.column(1),
                        "member_branch": bucket.column(6),
                        "ok": self.valid_line[bucket.index],
                    }
                )
                .filter(pl.col("ok") & (pl.col("payer") == "1") & pl.col("member_branch").is_not_null())
                .unique("receipt", keep="first", maintain_order=True)
                .select("receipt", "member_branch")
            )
        joined = self.receipts.join(branch, on="receipt", how="left", maintain_order="left")
        pieces = [
            _folded(pl.col("insurer_number")),
            _folded(pl.col("symbol")),
            _folded(pl.col("insured_no")),
            _folded(pl.col("member_branch")).str.zfill(2),
            pl.col("birth").dt.strftime("%Y%m%d").fill_null(""),
            pl.col("sex").fill_null(""),
        ]
        loose = pl.concat_str([*pieces[:3], *pieces[4:]], separator="|")
        full = pl.concat_str(pieces, separator="|")
        readable = pl.col("month").is_not_null()
        texts = joined.select(
            loose=pl.when(readable).then(loose),
            full=pl.when(readable & pl.col("member_branch").is_not_null()).then(full),
            folded_number=pieces[2],
        )
        key = self.task.key
        self.names = self.names.with_columns(insured_no=texts["folded_number"])
        self.receipts = self.receipts.drop("symbol", "insured_no", "birth", "birth_text").with_columns(
            member_key_loose=pl.Series(keyed_hash(key, texts["loose"].to_list()), dtype=pl.String),
            full=pl.Series(keyed_hash(key, texts["full"].to_list()), dtype=pl.String),
        )
        # Without a 枝番 both keys are the same.
        self.receipts = self.receipts.with_columns(member_key=pl.coalesce("full", "member_key_loose")).drop(
            "full"
        )

    def _branches(self) -> None:
        numbers = self.receipts["insurer_number"].unique().drop_nulls().to_list()
        table = {n: branch_of_insurer(n) for n in numbers}
        self.receipts = self.receipts.with_columns(
            branch=pl.col("insurer_number").replace_strict(table, default=None, return_dtype=pl.String)
        )
        self.common = self.receipts.select(
            "receipt_id", "month", "branch", "institution", "age", "receipt_valid"
        )

    def _orphans(self) -> None:
        """Lines outside receipts, and lines of receipts whose RE could not be read."""
        outside = (self.receipt_of < 0) & ~self.rejected
        for name in (*lay.HEADERS, "GO", "HI", "HG"):
            outside[self._of(name)] = False
        outside[: self.virtual] = False
        self._reject(np.flatnonzero(outside), "orphan_line")
        if not self.count:
            return
        dead = self.receipts["month"].is_null().to_numpy()
        has_common = np.zeros(self.count, dtype=np.bool_)
        common = self._of("RE")
        has_common[self.receipt_of[common[self.receipt_of[common] >= 0]]] = True
        lost = (self.receipt_of >= 0) & ~self.rejected
        lost[lost] = dead[self.receipt_of[lost]]
        lost[: self.virtual] = False
        index = np.flatnonzero(lost)
        without = ~has_common[self.receipt_of[index]]
        self._reject(index[without], "missing_common")
        self._reject(index[~without], "receipt_rejected")

    # ---- shared helpers ------------------------------------------------------------------------------------------

    def _attach(self, frame: pl.DataFrame, by: str) -> pl.DataFrame:
        """Columns of the receipt put beside each row."""
        picked = self.common[frame[by].to_numpy()] if frame.height else self.common.clear()
        return pl.concat([frame.drop(by), picked], how="horizontal")

    def _base(self, index: Ints) -> pl.DataFrame:
        """The common columns of rows made from lines."""
        frame = self.common[self.receipt_of[index]] if len(index) else self.common.clear()
        return frame.with_columns(
            source_line=pl.Series(self.lines.number[index], dtype=pl.Int64),
            valid=pl.col("receipt_valid") & pl.Series(self.valid_line[index], dtype=pl.Boolean),
        )

    def _keep(self, table: t.Table, frame: pl.DataFrame) -> None:
        if frame.height:
            columns = [c for c in table.names if c in frame.columns and c not in ("source_file", "kind")]
            self.frames.setdefault(table.name, []).append(
                frame.select(columns).with_columns(
                    source_file=pl.lit(self.task.file_id), kind=pl.lit(self.task.kind)
                )
            )

    def _flag_undecodable(self, bucket: Bucket) -> None:
        self.found.flag(self.lines.number[bucket.index[bucket.undecodable]], "undecodable_bytes")

    def _number(
        self,
        bucket: Bucket,
        position: int | None,
        title: str,
        dtype: pl.DataType | type[pl.DataType],
        pattern: str,
    ) -> pl.Series:
        """A field as a number; a value that is not one rejects its line."""
        if position is None:
            return pl.Series([None] * len(bucket.index), dtype=dtype)
        raw = bucket.column(position)
        if raw.null_count() == raw.len():
            return raw.cast(dtype)
        out = raw.cast(dtype, strict=False)
        bad = raw.is_not_null() & (out.is_null() | ~raw.str.contains(pattern))
        if bad.any():
            trimmed = raw.str.strip_chars()
            trimmed = trimmed.set(trimmed == "", None)
            out = trimmed.cast(dtype, strict=False)
            bad = trimmed.is_not_null() & (out.is_null() | ~trimmed.str.contains(pattern))
            rows = np.flatnonzero(bad.to_numpy())
            self._reject(bucket.index[rows], "not_a_number", title, raw.gather(rows))
        return out

    def _integer(self, bucket: Bucket, position: int | None, title: str) -> pl.Series:
        return self._number(bucket, position, title, pl.Int64, r"^-?[0-9]{1,12}$")

    def _decimal(
        self, bucket: Bucket, position: int | None, title: str, digits: int, scale: int
    ) -> pl.Series:
        return self._number(
            bucket, position, title, pl.Decimal(digits, scale), rf"^[0-9]{{1,9}}(\.[0-9]{{1,{scale}}})?$"
        )

    def _code(self, bucket: Bucket, position: int, length: int, title: str) -> pl.Series:
        """A code of a fixed number of digits; anything else rejects its line."""
        raw = bucket.column(position)
        shape = rf"^[0-9]{{{length}}}$"
        if raw.str.contains(shape).sum() == raw.len():
            return raw
        raw = raw.str.strip_chars()
        rows = np.flatnonzero(raw.is_null().to_numpy())
        self._reject(bucket.index[rows], "missing", title)
        bad = raw.is_not_null() & ~raw.str.contains(shape)
        rows = np.flatnonzero(bad.to_numpy())
        self._reject(bucket.index[rows], "bad_code", title, raw.gather(rows))
        return raw

    def _dates(self, bucket: Bucket, position: int, title: str) -> pl.Series:
        """A date; an impossible one is taken in as NULL and flagged."""
        raw = bucket.column(position)
        if raw.null_count() == raw.len():
            return raw.cast(pl.Date)
        distinct = raw.unique().drop_nulls()
        read = pl.DataFrame({"raw": distinct}).select("raw", day=dates.day(pl.col("raw")))
        out = raw.replace_strict(read["raw"], read["day"], default=None, return_dtype=pl.Date)
        odd = (raw.is_not_null() & out.is_null()).to_numpy()
        self.found.flag(self.lines.number[bucket.index[odd]], "bad_optional_field", detail=title)
        return out

    # ---- other records -------------------------------------------------------------------------------------------

    def _records(self) -> None:
        cached: dict[str, Bucket | None] = {
            "SN": getattr(self, "_sn", None),
            "MK": getattr(self, "_mk", None),
        }
        for name, allowed in lay.OTHER.items():
            index = self._live(name)
            if not len(index):
                continue
            day_columns: dict[str, pl.Series] = {}
            if name == "JD":
                bucket, tails = self.lines.gather(index, 1, cut_at=2)
                assert tails is not None
                mask, _, text, bad = read_days(tails)
                day_columns = {"day_mask": pl.Series(mask, dtype=pl.Int32), "days": text}
                self._reject(index[bad], "bad_days", "受診日等の情報")
            elif cached.get(name) is not None:
                bucket = cached[name]
                assert bucket is not None
                keep = ~self.rejected[bucket.index]
                bucket = Bucket(
                    bucket.index[keep], bucket.fields.filter(pl.Series(keep)), bucket.undecodable[keep]
                )
            else:
                last = (
                    60
                    if allowed == lay.ALL
                    else max([0, *allowed.values()])
                    if isinstance(allowed, dict)
                    else 0
                )
                bucket, _ = self.lines.gather(index, last)
                self._flag_undecodable(bucket)
            fields = (
                {
                    f"項目{p}": int(p)
                    for p in bucket.fields.columns[1:]
                    if bucket.fields[p].null_count() < len(bucket.index)
                }
                if allowed == lay.ALL
                else allowed
            )
            assert isinstance(fields, dict)
            frame = self._base(bucket.index).with_columns(
                record_type=pl.lit(name), content=_json(bucket.fields, fields), **day_columns
            )
            if self.task.insurer:
                frame = frame.with_columns(
                    stage=pl.Series(self.lines.stage[bucket.index], dtype=pl.Int16),
                    row_no=pl.Series(self.lines.row_no[bucket.index], dtype=pl.Int32),
                    branch_no=pl.Series(self.lines.branch_no[bucket.index], dtype=pl.Int32),
                )
            self._keep(t.RECORD, frame.filter(~pl.Series(self.rejected[bucket.index])))

    def _diagnoses(self) -> None:
        for name, spec in lay.DIAGNOSES.items():
            index = self._live(name)
            if not len(index):
                continue
            bucket, _ = self.lines.gather(index, max(spec.values()))
            self._flag_undecodable(bucket)
            f = bucket.fields

            def text(field: str, f: pl.DataFrame = f, spec: dict[str, int] = spec) -> pl.Series:
                if field not in spec:
                    return pl.Series([None] * f.height, dtype=pl.String)
                return f[str(spec[field])].str.strip_chars()

            code = text("code")
            bad = code.is_not_null() & ~code.str.contains(r"^[0-9]{7}$")
            rows = np.flatnonzero(bad.to_numpy())
            self._reject(index[rows], "bad_code", "傷病名コード", code.gather(rows))
            if name != "HS":
                self._reject(
                    index[np.flatnonzero((code.is_null() & text("name").is_null()).to_numpy())],
                    "missing",
                    "傷病名コード",
                )
            modifiers = text("modifiers")
            started = (
                self._dates(bucket, spec["started"], "診療開始日")
                if "started" in spec
                else pl.Series([None] * len(index), dtype=pl.Date)
            )
            main = text("category") == _DPC_MAIN if name == "SB" else text("main") == _MAIN[name]
            frame = self._base(index).with_columns(
                record_type=pl.lit(name),
                code=code,
                modifiers=modifiers,
                suspected=modifiers.str.contains(rf"^(?:[0-9A-Za-z]{{4}})*{_SUSPECTED}").fill_null(False),
                name=text("name"),
                started_on=started,
                outcome=text("outcome"),
                main=main.fill_null(False),
                icd10=text("icd10"),
                category=text("category"),
                teeth=text("teeth"),
            )
            self._keep(t.DIAGNOSIS, frame.filter(~pl.Series(self.rejected[index])))

    # ---- details: procedures, drugs, materials -------------------------------------------------------------------

    def _details(self) -> None:
        self._section_and_units()
        points_at = np.full(self.size, -1, dtype=np.int64)
        times_at = np.full(self.size, -1, dtype=np.int64)
        parsed: list[tuple[str, lay.Detail, Bucket, dict[str, pl.Series]]] = []
        for name, spec in self.layout.details.items():
            index = self._live(name)
            if not len(index):
                continue
            bucket, columns = self._detail_columns(name, spec, index)
            points = columns["points"].fill_null(-1).to_numpy()
            times = columns["times"].fill_null(-1).to_numpy()
            points_at[bucket.index] = points
            times_at[bucket.index] = times
            parsed.append((name, spec, bucket, columns))
        multiplier = self._dispensings() if self.task.kind == lay.PHARMACY else None
        for name, spec, bucket, columns in parsed:
            self._finish_detail(name, spec, bucket, columns, points_at, times_at, multiplier)
        if self.task.kind == lay.PHARMACY:
            self._fees("KI", lay.KI_FEES)

    def _detail_columns(
        self, name: str, spec: lay.Detail, index: Ints
    ) -> tuple[Bucket, dict[str, pl.Series]]:
        last = max(
            spec.code,
            spec.quantity or 0,
            spec.points or 0,
            spec.times or 0,
            spec.unit_code or 0,
            spec.unit_price or 0,
            spec.name or 0,
            *(c + 1 for c in spec.comments),
        )
        bucket, tails = self.lines.gather(index, last, cut_at=spec.days)
        self._flag_undecodable(bucket)
        columns: dict[str, pl.Series] = {"code": self._code(bucket, spec.code, 9, "コード")}
        if name == "CD":
            # コーディングデータ: 使用量 for drugs and materials, 数量データ for procedures.
            amount = self._decimal(bucket, 6, "使用量", 18, 5)
            columns["quantity"] = amount.zip_with(
                amount.is_not_null(), self._decimal(bucket, 7, "数量データ", 18, 5)
            )
        else:
            columns["quantity"] = self._decimal(bucket, spec.quantity, "使用量・数量データ", 18, 5)
        columns["points"] = self._integer(bucket, spec.points, "点数")
        columns["times"] = self._integer(bucket, spec.times, "回数")
        if tails is not None:
            mask, total, text, bad = read_days(tails)
            self._reject(index[bad], "bad_days", "算定日情報")
            columns["day_mask"] = pl.Series(mask, dtype=pl.Int32)
            columns["days"] = text
            times = columns["times"].fill_null(0).to_numpy()
            odd = (total > 0) & (times > 0) & (total != times) & ~bad
            self.found.flag(
                self.lines.number[index[odd]],
                "days_times_mismatch",
                expected=[str(v) for v in times[odd]],
                actual=[str(v) for v in total[odd]],
            )
        if spec.unit_code:
            columns["unit_code"] = bucket.column(spec.unit_code)
        if spec.unit_price:
            columns["unit_price"] = self._decimal(bucket, spec.unit_price, "単価", 12, 2)
        return bucket, columns

    def _section_and_units(self) -> None:
        """診療識別 of every detail line, blanks taken from the line before; and the line that ends its 算定単位."""
        lines = self.lines
        self.section = np.zeros(self.size, dtype=np.int64)
        self.unit_at = np.full(self.size, -1, dtype=np.int64)
        if self.task.kind == lay.PHARMACY or not self.size:
            return
        names = [n for n in ("SI", "IY", "TO", "SS", "CO") if n == "CO" or n in self.layout.details]
        index = np.sort(np.concatenate([self._live(n) for n in names]))
        if not len(index):
            return
        index = logical_order(lines, self.receipt_of, index) if self.task.insurer else index
        start, end = lines.field_bounds(index, 1)
        two = end - start == 2
        tens = lines.bytes[start].astype(np.int64) - 48
        ones = lines.bytes[np.minimum(start + 1, len(lines.bytes) - 1)].astype(np.int64) - 48
        good = two & (tens >= 0) & (tens <= 9) & (ones >= 0) & (ones <= 9)
        odd = (end > start) & ~good
        self.found.flag(lines.number[index[odd]], "bad_optional_field", detail="診療識別")
        place = np.arange(len(index))
        receipt = self.receipt_of[index]
        begin = np.searchsorted(receipt, receipt, side="left")
        source = np.maximum.accumulate(np.where(good & self.valid_line[index], place, -1))
        source = np.where(good, place, source)
        usable = source >= begin
        value = tens * 10 + ones
        self.section[index] = np.where(usable, value[np.maximum(source, 0)], 0)

        code = lines.code[index]
        carries = np.zeros(len(index), dtype=np.bool_)
        counts = np.zeros(len(index), dtype=np.bool_)
        for name, spec in self.layout.details.items():
            if name not in _UNITS or spec.points is None:
                continue
            rows = np.flatnonzero(code == record_code(name))
            first, last = lines.field_bounds(index[rows], spec.points)
            carries[rows] = last > first
            counts[rows] = True
        usable = counts & self.valid_line[index]
        ahead = np.where(carries & usable, place, len(index))
        ahead = np.minimum.accumulate(ahead[::-1])[::-1]
        ahead = np.where(counts & ~self.valid_line[index] & carries, place, ahead)
        inside = ahead < len(index)
        inside[inside] = receipt[ahead[inside]] == receipt[inside]
        self.unit_at[index] = np.where(inside & counts, index[np.minimum(ahead, len(index) - 1)], -1)

    def _finish_detail(
        self,
        name: str,
        spec: lay.Detail,
        bucket: Bucket,
        columns: dict[str, pl.Series],
        points_at: Ints,
        times_at: Ints,
        multiplier: Ints | None,
    ) -> None:
        index = bucket.index
        unit = self.unit_at[index]
        has_unit = unit >= 0
        unit_points = np.where(has_unit, points_at[np.maximum(unit, 0)], -1)
        own_times = columns["times"].fill_null(-1).to_numpy()
        times = np.where(own_times >= 0, own_times, np.where(has_unit, times_at[np.maximum(unit, 0)], -1))
        is_drug = columns["code"].str.starts_with("6").fill_null(False).to_numpy() if name == "CD" else None
        if multiplier is not None and name == "IY":
            times = multiplier[index]
            self._reject(index[(times < 0) & ~self.rejected[index]], "missing_dispensing", "調剤数量")
        elif name in ("IY", "CD"):
            lacking = (times < 0) & ~self.rejected[index]
            if is_drug is not None:
                lacking &= is_drug
            self._reject(index[lacking], "missing_times", "回数")
        if name in ("IY", "CD"):
            no_quantity = columns["quantity"].is_null().to_numpy() & ~self.rejected[index]
            if is_drug is not None:
                no_quantity &= is_drug
            self._reject(index[no_quantity], "missing", "使用量")
        section = self.section[index]
        if name == "CD":
            own = bucket.column(2)
        else:
            own = pl.Series(section, dtype=pl.Int64).cast(pl.String).str.zfill(2)
            own = own.set(pl.Series(section == 0), None)
        frame = self._base(index).with_columns(
            record_type=pl.lit(name),
            section=own,
            burden=bucket.column(spec.burden) if spec.burden else pl.lit(None, dtype=pl.String),
            code=columns["code"],
            quantity=columns["quantity"],
            points=columns["points"],
            times=_nullable(times, pl.Int32),
            unit_line=_nullable(np.where(has_unit, self.lines.number[np.maximum(unit, 0)], -1), pl.Int64),
            unit_points=_nullable(unit_points, pl.Int64),
            **{k: v for k, v in columns.items() if k in ("day_mask", "days", "unit_code", "unit_price")},
        )
        if spec.name:
            frame = frame.with_columns(name=bucket.column(spec.name))
        keep = pl.Series(~self.rejected[index], dtype=pl.Boolean)
        if name == "CD":
            assert is_drug is not None
            drug = pl.Series(is_drug, dtype=pl.Boolean)
            material = columns["code"].str.starts_with("7").fill_null(False)
            self._keep(t.DRUG, _with_total(frame.filter(keep & drug)))
            self._keep(t.MATERIAL, frame.filter(keep & material))
            self._keep(
                t.PROCEDURE,
                frame.filter(keep & ~drug & ~material).with_columns(position=pl.lit(0, dtype=pl.Int16)),
            )
        elif name == "IY":
            self._keep(t.DRUG, _with_total(frame.filter(keep)))
        elif name == "TO":
            self._keep(t.MATERIAL, frame.filter(keep))
        else:
            self._keep(t.PROCEDURE, frame.filter(keep).with_columns(position=pl.lit(0, dtype=pl.Int16)))
        for n, position in enumerate(spec.comments, start=1):
            code = bucket.column(position)
            if code.null_count() == code.len() and bucket.column(position + 1).null_count() == code.len():
                continue
            comment = frame.select(
                "receipt_id", "month", "branch", "valid", "source_line", "record_type", "section", "burden"
            ).with_columns(
                position=pl.lit(n, dtype=pl.Int16),
                code=code,
                text=bucket.column(position + 1),
                receipt=pl.Series(self.receipt_of[index]),
            )
            self._keep_comments(
                comment.filter(keep & (pl.col("code").is_not_null() | pl.col("text").is_not_null()))
            )

    # ---- pharmacy ------------------------------------------------------------------------------------------------

    def _dispensings(self) -> Ints:
        """CZ records; returns for every IY line the sum of 調剤数量 of the CZ records it is dispensed by (-1: none)."""
        lines = self.lines
        multiplier = np.full(self.size, -1, dtype=np.int64)
        index = self._live("CZ")
        quantity_at = np.zeros(self.size, dtype=np.int64)
        prescription = np.zeros(self.size, dtype=np.int64)
        basics = self._live("SH")
        everything = np.sort(np.concatenate([basics, index, self._live("IY"), self._live("TO")]))
        if not len(everything):
            return multiplier
        order = logical_order(lines, self.receipt_of, everything) if self.task.insurer else everything
        order = order[self.valid_line[order]]
        is_basic = lines.code[order] == record_code("SH")
        receipt = self.receipt_of[order]
        new_group = (
            is_basic | np.concatenate([[True], receipt[1:] != receipt[:-1]]) if len(order) else is_basic
        )
        group = np.cumsum(new_group)
        first_of_receipt = np.searchsorted(receipt, receipt, side="left")
        prescription[order] = np.cumsum(is_basic) - (
            np.cumsum(is_basic)[first_of_receipt] - is_basic[first_of_receipt]
        )
        if len(index):
            bucket, _ = lines.gather(index, 70)
            quantity = self._integer(bucket, lay.CZ["quantity"], "調剤数量")
            blank = np.flatnonzero(quantity.is_null().to_numpy() & ~self.rejected[index])
            self._reject(index[blank], "missing", "調剤数量")
            points = self._integer(bucket, lay.CZ["drug_points"], "薬剤料")
            prescribed = self._dates(bucket, lay.CZ["prescribed"], "処方月日")
            dispensed = self._dates(bucket, lay.CZ["dispensed"], "調剤月日")
            fees = self._fee_frames("CZ", lay.CZ_FEES, bucket)
            alive = ~self.rejected[index]
            quantity_at[index[alive]] = quantity.fill_null(0).to_numpy()[alive]
            frame = self._base(index).with_columns(
                prescription=pl.Series(prescription[index], dtype=pl.Int32),
                prescribed_on=prescribed,
                dispensed_on=dispensed,
                quantity=quantity,
                drug_points=points,
            )
            self._keep(t.DISPENSING, frame.filter(pl.Series(alive)))
            for fee, rows in fees:
                self._keep(t.PROCEDURE, fee.filter(pl.Series(alive[rows])))
        is_cz = (lines.code[order] == record_code("CZ")) & ~self.rejected[order]
        before = np.concatenate([[False], is_cz[:-1]]) if len(order) else is_cz
        new_run = is_cz & (~before | new_group)
        run = np.cumsum(new_run) - 1
        runs = int(new_run.sum())
        total = np.zeros(runs + 1, dtype=np.int64)
        np.add.at(total, run[is_cz], quantity_at[order[is_cz]])
        run_group = group[new_run]
        by_group = np.zeros(int(group.max(initial=0)) + 1, dtype=np.int64)
        has_group = np.zeros(len(by_group), dtype=np.bool_)
        np.add.at(by_group, group[is_cz], quantity_at[order[is_cz]])
        has_group[group[is_cz]] = True
        drug = np.flatnonzero(lines.code[order] == record_code("IY"))
        last = run[drug]
        same = (
            (last >= 0) & (run_group[np.maximum(last, 0)] == group[drug])
            if runs
            else np.zeros(len(drug), np.bool_)
        )
        value = np.where(
            same, total[np.maximum(last, 0)], np.where(has_group[group[drug]], by_group[group[drug]], -1)
        )
        multiplier[order[drug]] = value
        # A superseded line keeps the quantity of the prescription it stood in, for those who query originals.
        old = np.sort(self._live("IY"))
        old = old[~self.valid_line[old]]
        multiplier[old] = np.maximum(multiplier[old], 0)
        return multiplier

    def _fees(self, name: str, slots: tuple[lay.Fee, ...]) -> None:
        index = self._live(name)
        if not len(index):
            return
        # The record itself is kept in `record`; here its fee codes.
        width = max(max(s.points, s.code, s.times or 0) for s in slots)
        bucket, _ = self.lines.gather(index, width)
        fees = self._fee_frames(name, slots, bucket)
        alive = ~self.rejected[index]
        for fee, rows in fees:
            self._keep(t.PROCEDURE, fee.filter(pl.Series(alive[rows])))

    def _fee_frames(
        self, name: str, slots: tuple[lay.Fee, ...], bucket: Bucket
    ) -> list[tuple[pl.DataFrame, Ints]]:
        out = []
        for n, slot in enumerate(slots, start=1):
            code = bucket.column(slot.code).str.strip_chars()
            rows = np.flatnonzero((code.is_not_null() & (code != "")).to_numpy())
            if not len(rows):
                continue
            part = Bucket(bucket.index[rows], bucket.fields[rows], bucket.undecodable[rows])
            frame = self._base(part.index).with_columns(
                record_type=pl.lit(name),
                position=pl.lit(n, dtype=pl.Int16),
                burden=part.column(slot.burden),
                code=code.gather(rows),
                points=self._integer(part, slot.points, "点数"),
                times=self._integer(part, slot.times, "回数").cast(pl.Int32)
                if slot.times
                else pl.lit(1, dtype=pl.Int32),
            )
            out.append((frame, rows))
        return out

    # ---- comments ------------------------------------------------------------------------------------------------

    def _comments(self) -> None:
        for name, (section, burden, code, text) in self.layout.comments.items():
            index = self._live(name)
            if not len(index):
                continue
            bucket, _ = self.lines.gather(index, max(code, text))
            self._flag_undecodable(bucket)
            own = pl.Series(self.section[index], dtype=pl.Int64).cast(pl.String).str.zfill(2)
            frame = self._base(index).with_columns(
                record_type=pl.lit(name),
                section=own.set(pl.Series(self.section[index] == 0), None)
                if section
                else pl.lit(None, dtype=pl.String),
                burden=bucket.column(burden) if burden else pl.lit(None, dtype=pl.String),
                position=pl.lit(0, dtype=pl.Int16),
                code=bucket.column(code),
                text=bucket.column(text),
                receipt=pl.Series(self.receipt_of[index]),
            )
            self._keep_comments(frame)
        index = self._live("SJ")
        if len(index):
            bucket, _ = self.lines.gather(index, 2)
            self._flag_undecodable(bucket)
            frame = self._base(index).with_columns(
                record_type=pl.lit("SJ"),
                position=pl.lit(0, dtype=pl.Int16),
                code=bucket.column(1),
                text=bucket.column(2),
                receipt=pl.Series(self.receipt_of[index]),
            )
            self._keep_comments(frame)

    def _keep_comments(self, frame: pl.DataFrame) -> None:
        """Keep comments with the patient's own name, kana and number blotted out."""
        if not frame.height:
            return
        names = self.names[frame["receipt"].to_numpy()]
        text = frame["text"]
        plain = names.select(
            pl.col("kanji"),
            tight=pl.col("kanji").str.replace_all(r"[ 　]", ""),
            kana=pl.col("kana"),
            number=pl.col("insured_no"),
        )
        work = plain.with_columns(text=text)
        hits = work.select(
            pl.any_horizontal(
                (
                    pl.col("text").str.contains(pl.col(c), literal=True) & (pl.col(c).str.len_chars() >= n)
                ).fill_null(False)
                for c, n in (("kanji", 2), ("tight", 2), ("kana", 3), ("number", 5))
            )
        ).to_series()
        if hits.any():
            rows = np.flatnonzero(hits.to_numpy())
            masked = []
            for row in work[rows].iter_rows(named=True):
                value = row["text"]
                for c, n in (("kanji", 2), ("tight", 2), ("kana", 3), ("number", 5)):
                    if row[c] and len(row[c]) >= n:
                        value = value.replace(row[c], "＊")
                masked.append(value)
            text = text.scatter(rows.tolist(), masked)
        self._keep(t.COMMENT, frame.with_columns(text=text).drop("receipt"))

    # ---- result --------------------------------------------------------------------------------------------------

    def _result(self, headers: pl.DataFrame) -> BlockRows:
        task = self.task
        keep = self.receipts.filter(pl.col("month").is_not_null())
        places = self._places()
        rows = keep.with_columns(
            source_line=pl.col("line"),
            valid=pl.col("status") == "valid",
            format=pl.lit("recode_info" if task.insurer else "uke"),
            receipt_number=pl.col("number"),
            receipt_type=pl.col("type"),
            inpatient=pl.col("type").str.slice(3, 1).is_in(["1", "3", "5", "7", "9"])
            if task.kind != lay.PHARMACY
            else pl.lit(False),
            search_number=pl.coalesce(
                places["search_number"].gather(keep["receipt"].to_numpy()), pl.col("search_number")
            )
            if places is not None
            else pl.col("search_number"),
        )
        self._keep(t.RECEIPT, rows)
        self._institutions(headers, places)
        segments = self._segments(rows)
        counts = Counter(
            {
                record_name(code) if code > 0 else "??": len(index)
                for code, index in self.by_code.items()
                if code >= 0
            }
        )
        frames = {name: pl.concat(parts, how="diagonal_relaxed") for name, parts in self.frames.items()}
        frames["intake_reject"] = self.found.reject_frame(task.file_id)
        frames["intake_flag"] = self.found.flag_frame(task.file_id)
        counted = rows.filter(pl.col("valid"))
        real = headers.filter(pl.col("index") >= self.virtual)
        return BlockRows(
            frames=frames,
            line_counts=counts,
            lines=self.size - self.virtual,
            rejected=int(self.rejected.sum()),
            segments=segments,
            institution=real["institution"][0] if real.height else None,
            claim_month=real["claim_month"][0] if real.height else None,
            volume=next((v for v in real["volume"] if v is not None), None),
            points=int(counted["points"].sum() or 0),
            receipts=counted.height,
        )

    def _places(self) -> pl.DataFrame | None:
        """Per receipt of an insurer-side file: search number and municipality from MN."""
        index = self._of("MN")
        index = index[self.receipt_of[index] >= 0]
        if not len(index):
            return None
        start2, end2 = self.lines.field_bounds(index, 2)
        start3, end3 = self.lines.field_bounds(index, 3)
        raw = self.lines.bytes.tobytes()
        address = [
            raw[a:b].decode(self.task.encoding, errors="replace") for a, b in zip(start2, end2, strict=True)
        ]
        search = [
            raw[a:b].decode(self.task.encoding, errors="replace") for a, b in zip(start3, end3, strict=True)
        ]
        known: dict[str, str | None] = {text: municipality(text) for text in set(address)}
        frame = pl.DataFrame(
            {
                "receipt": self.receipt_of[index],
                "municipality": [known[text] for text in address],
                "search_number": [s or None for s in search],
                "ok": self.valid_line[index],
            },
            schema_overrides={"municipality": pl.String, "search_number": pl.String},
        ).filter(pl.col("ok"))
        return pl.DataFrame({"receipt": np.arange(self.count)}).join(
            frame.unique("receipt", keep="last", maintain_order=True),
            on="receipt",
            how="left",
            maintain_order="left",
        )

    def _institutions(self, headers: pl.DataFrame, places: pl.DataFrame | None) -> None:
        frame = headers.filter(
            (pl.col("index") >= self.virtual) & ~pl.Series(self.rejected[headers["index"].to_numpy()])
        )
        if not frame.height:
            return
        if places is not None:
            receipt = self.receipt_of[frame["index"].to_numpy()]
            place = places["municipality"].gather(np.maximum(receipt, 0))
            frame = frame.with_columns(municipality=place)
        else:
            frame = frame.with_columns(municipality=pl.lit(None, dtype=pl.String))
        rows = frame.group_by("institution", "claim_month", maintain_order=True).agg(
            pl.col("source_line").first(),
            pl.col("prefecture").first(),
            pl.col("table_code").first(),
            pl.col("name").drop_nulls().first(),
            pl.col("municipality").drop_nulls().first(),
        )
        self.frames[t.INSTITUTION_TABLE.name] = [rows.with_columns(source_file=pl.lit(self.task.file_id))]

    def _segments(self, rows: pl.DataFrame) -> list[Segment]:
        """Totals between GO records, so that a file's receipts can be held against what its GO says."""
        go = self._of("GO")
        counted = rows.filter(pl.col("status") != "component")
        first = counted["line"].to_numpy()
        where = (
            np.searchsorted(self.lines.number[go], first) if len(go) else np.zeros(len(first), dtype=np.int64)
        )
        segments = [Segment() for _ in range(len(go) + 1)]
        points = counted["points"].fill_null(0).to_numpy()
        count = counted["payer_count"].to_numpy()
        for k, segment in enumerate(segments):
            mine = where == k
            segment.receipts = int(mine.sum())
            segment.count = int(count[mine].sum())
            segment.points = int(points[mine].sum())
        if len(go):
            bucket, _ = self.lines.gather(go, 3)
            numbers = [self._integer(bucket, n, title) for n, title in ((1, "総件数"), (2, "総合計点数"))]
            for k in range(len(go)):
                segments[k].go_line = int(self.lines.number[go[k]])
                segments[k].go_count = numbers[0][k]
                segments[k].go_points = numbers[1][k]
                segments[k].go_volume = bucket.column(3)[k]
        return segments


def _prescriber(fields: pl.DataFrame, at: tuple[int, int, int] | None) -> pl.Series:
    if at is None:
        return pl.Series([None] * fields.height, dtype=pl.String)
    prefecture, table, code = (fields[str(p)] for p in at)
    return prefecture.str.zfill(2) + table + code.str.zfill(7)


def _folded(text: pl.Expr) -> pl.Expr:
    """記号・番号 in one form: NFKC (full-width → half-width), no spaces, no leading hyphen variants; NULL → empty."""
    return text.str.normalize("NFKC").str.replace_all(r"[\s‐‑‒–—―−ー-]", "").str.to_uppercase().fill_null("")


def _json(fields: pl.DataFrame, names: dict[str, int]) -> pl.Series:
    """The named fields that are not blank as a JSON object in text."""
    if not names:
        return pl.Series(["{}"] * fields.height, dtype=pl.String)
    pieces = [
        pl.lit(f'"{title}":"')
        + pl.col(str(position))
        .str.replace_all("\\", "\\\\", literal=True)
        .str.replace_all('"', '\\"', literal=True)
        + pl.lit('"')
        for title, position in names.items()
    ]
    return fields.select(
        (pl.lit("{") + pl.concat_str(pieces, separator=",", ignore_nulls=True) + pl.lit("}")).alias("content")
    ).to_series()


def _nullable(values: Ints, dtype: type[pl.DataType]) -> pl.Series:
    """Integers with -1 read as NULL."""
    series = pl.Series(values, dtype=pl.Int64)
    return series.set(pl.Series(values < 0), None).cast(dtype)


def _with_total(frame: pl.DataFrame) -> pl.DataFrame:
    times = pl.col("times").fill_null(0).cast(pl.Decimal(10, 0))
    return frame.with_columns(total=(pl.col("quantity") * times).cast(pl.Decimal(18, 5)))
