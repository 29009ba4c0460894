"""Rejected lines and flags (取込拒否・取込注意) of one block, collected column-wise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from kenpo.intake.receipts.lines import Bools, Ints
from kenpo.lake.tables.intake import INTAKE_FLAG, INTAKE_REJECT

REASONS: dict[str, str] = {
    "unknown_record": "知らないレコード識別です。ファイルの種類と記録条件仕様の版を確かめてください。",
    "wrong_kind": "この種類のレセプトにはないレコードです。ファイルの種類（医科・DPC・歯科・調剤）を確かめてください。",
    "bad_prefix": "データ識別・行番号・枝番号を読めません。レセ電コード情報ファイルの行の先頭3項目を確かめてください。",
    "orphan_line": "どのレセプトにも属さない行です（前にREレコードがありません）。ファイルの順序を確かめてください。",
    "receipt_rejected": "このレセプトのREレコードを取り込めなかったため、属する行も取り込めません。REレコードを直してください。",
    "missing_common": "REレコードのないレセプトです。ファイルの欠落を確かめてください。",
    "missing": "必須の項目が空です。元のファイルを確かめてください。",
    "not_a_number": "数字ではありません。元のファイルを確かめてください。",
    "bad_code": "コードの桁数か文字が正しくありません。元のファイルを確かめてください。",
    "bad_date": "暦にない日付か、桁数の誤りです。元のファイルを確かめてください。",
    "bad_days": "算定日情報に数字以外の文字か、32日以降の値があります。元のファイルを確かめてください。",
    "duplicate_common": "1つのレセプトに有効なREレコードが2つあります。後のものは使いません。",
    "missing_dispensing": "この医薬品の調剤数量（CZレコード）がありません。元のファイルを確かめてください。",
    "missing_times": "回数がなく、算定単位の最終行からも補えません。元のファイルを確かめてください。",
}

FLAGS: dict[str, str] = {
    "go_count_mismatch": "GOレコードの総件数と、読み取った件数が違います。",
    "go_points_mismatch": "GOレコードの総合計点数と、読み取った点数の合計が違います。",
    "go_zeroed": "GOレコードの総件数と総合計点数が0です（資格確認による振替・分割のとき、審査支払機関が0を記録します）。",
    "go_missing": "ファイルの最後にGOレコードがありません。途中で切れていないか確かめてください。",
    "volume_missing": "分割されたファイル（マルチボリューム）の一部がまだ取り込まれていません。",
    "undecodable_bytes": "文字コードとして読めないバイトがあり、「�」に置き換えました。",
    "bad_optional_field": "読めない値を空として取り込みました。",
    "days_times_mismatch": "算定日情報の合計と回数が違います。",
    "odd_month": "診療年月が請求年月より後か、5年より前です。年月の誤りがないか確かめてください。",
    "no_payer": "HOレコードもKOレコードもないレセプトです。",
    "no_receipt": "レセプトが1件もありません。",
}


@dataclass
class Findings:
    """What one block rejects and flags. index values are line indices of the block."""

    rejects: list[pl.DataFrame] = field(default_factory=list)
    flags: list[pl.DataFrame] = field(default_factory=list)

    def reject(
        self,
        numbers: Ints,
        records: list[str] | str,
        reason: str,
        *,
        title: str | None = None,
        values: pl.Series | None = None,
    ) -> None:
        """Reject lines. title: the field; values: offending texts, of which only harmless ones are quoted."""
        if not len(numbers):
            return
        frame = pl.DataFrame({"source_line": numbers})
        said = pl.lit("") if values is None else pl.lit(harmless(values))
        head = (
            pl.when(said.str.len_chars() > 0)
            .then(pl.concat_str(pl.lit(f"{title or ''}「"), said.str.slice(0, 30), pl.lit("」：")))
            .otherwise(pl.lit(f"{title}：" if title else ""))
        )
        self.rejects.append(
            frame.with_columns(
                pl.lit(records).alias("record_type")
                if isinstance(records, str)
                else pl.Series("record_type", records, dtype=pl.String),
                pl.lit(title, dtype=pl.String).alias("field"),
                pl.lit(reason).alias("reason"),
                (head + pl.lit(REASONS[reason])).alias("message"),
            )
        )

    def flag(
        self,
        numbers: Ints,
        code: str,
        *,
        detail: str = "",
        expected: list[str] | pl.Series | None = None,
        actual: list[str] | pl.Series | None = None,
    ) -> None:
        """Flag lines that were taken in all the same."""
        if not len(numbers):
            return
        self.flags.append(
            pl.DataFrame({"source_line": numbers}).with_columns(
                pl.lit(code).alias("code"),
                pl.lit((f"{detail}：" if detail else "") + FLAGS[code]).alias("message"),
                pl.Series("expected", expected, dtype=pl.String)
                if expected is not None
                else pl.lit(None, dtype=pl.String).alias("expected"),
                pl.Series("actual", actual, dtype=pl.String)
                if actual is not None
                else pl.lit(None, dtype=pl.String).alias("actual"),
            )
        )

    def reject_frame(self, file_id: str) -> pl.DataFrame:
        """All rejects as rows of intake_reject, in line order."""
        return _stack(self.rejects, INTAKE_REJECT.empty(), file_id)

    def flag_frame(self, file_id: str) -> pl.DataFrame:
        """All flags as rows of intake_flag, in line order."""
        return _stack(self.flags, INTAKE_FLAG.empty(), file_id)


def _stack(frames: list[pl.DataFrame], empty: pl.DataFrame, file_id: str) -> pl.DataFrame:
    if not frames:
        return empty
    return (
        pl.concat(frames)
        .with_columns(pl.lit(file_id).alias("source_file"))
        .select(empty.columns)
        .sort("source_line", maintain_order=True)
    )


def harmless(values: pl.Series) -> pl.Series:
    """Values that may be quoted in a message; others become empty.

    Short plain ASCII without four digits in a row, or the length and first digit of a receipt code: a shifted comma may
    put a name, a birth date or a card number into any field.
    """
    text = values.fill_null("")
    plain = text.str.contains(r"^[!-~]{1,10}$") & ~text.str.contains(r"[0-9]{4}")
    code = text.str.contains(r"^[1678][0-9A-Za-z]{8}$")
    return text.set(~(plain | code), "")


def mask_of(indices: Ints, size: int) -> Bools:
    """A boolean mask with the given positions set."""
    out = np.zeros(size, dtype=np.bool_)
    out[indices] = True
    return out
