"""What is wrong with a row of a membership file beyond its single fields (行の検査), and what needs a look.

A rule reads typed columns in which NULL stands for blank or unreadable; such a row is never faulty by a rule of two
fields. Faulty rows are rejected, odd ones flagged.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl

from kenpo.base.branches import branch_of_insurer
from kenpo.base.errors import ParameterError
from kenpo.base.industries import DIVISIONS
from kenpo.base.municipalities import municipalities
from kenpo.intake.tabular.findings import Findings
from kenpo.lake.schema import Delivery
from kenpo.law.remuneration import grades

REASONS: dict[str, str] = {
    "missing": "必須の項目が空です。元のファイルを確かめてください。",
    "column_count": '項目の数が見出しの数と違います。引用符（"）で囲まれていないカンマがないか、行が欠けていないかを確かめてください。',
    "bad_quotes": '引用符（"）の対応が正しくありません。元のファイルを確かめてください。',
    "bad_code": "コードか文字の形が正しくありません。元のファイルを確かめてください。",
    "bad_date": "日付として読めないか、暦にない日付です。2024-04-01、20240401、令和6年4月1日 のどれかの形に直してください。",
    "bad_value": "1か0（はい・いいえ、有・無、済・未、○・×）ではありません。元のファイルを確かめてください。",
    "not_a_number": "0以上の整数ではありません。元のファイルを確かめてください。",
    "unknown_insurer": "協会けんぽの47支部の保険者番号ではありません。番号の誤りか、別の保険者のファイルでないかを確かめてください。",
    "backward_span": "終わりの日が始まりの日より前です。どちらの日付が正しいかを確かめてください。",
    "impossible_birth": "生年月日が、資格取得年月日・基準日・死亡年月日のどれかより後です。どの日付が正しいかを確かめてください。",
    "wrong_relation": "本人家族区分と続柄が合いません（被保険者は本人、被扶養者は本人以外）。どちらが正しいかを確かめてください。",
    "bad_standard": "適用年月の等級表にない標準報酬月額です。金額か適用年月を確かめてください。",
    "duplicate_key": "同じものの行が先にあるため、先の行を使いました。正しい行だけを残して取り込み直してください。",
}

FLAGS: dict[str, str] = {
    "unknown_columns": "取り込む項目にない見出しの列があります。その列は読まずに取り込みました。",
    "as_of_differs": "ファイル名の日付と --edition の日付が違います。ファイル名の日付を基準日としました。",
    "same_day_span": "資格の取得と喪失が同じ日です（同日得喪）。",
    "future_acquired": "資格取得年月日が基準日より後です。",
    "mynumber_before_birth": "マイナンバー収録年月日が生年月日より前です。",
    "unknown_municipality": "知らない市区町村コードのため、空として取り込みました。",
    "unknown_industry": "日本標準産業分類（平成25年10月改定）の中分類にないため、空として取り込みました。",
    "undecodable_bytes": "カナ氏名に読めない文字があるため、氏名キーを作りませんでした。",
}


class Check:
    """The typed rows of a block, and where to say what is wrong. Titles come from the file's declaration."""

    def __init__(self, frame: pl.DataFrame, delivery: Delivery, as_of: date, findings: Findings) -> None:
        self.frame = frame
        self.delivery = delivery
        self.as_of = as_of
        self.findings = findings

    def title(self, column: str) -> str:
        return self.delivery[column].title

    def lines(self, where: pl.Expr) -> pl.Series:
        return self.frame.filter(where)["source_line"]

    def reject(self, where: pl.Expr, reason: str, column: str) -> None:
        self.findings.reject(self.lines(where), reason, self.title(column))

    def flag(self, where: pl.Expr, code: str, column: str) -> None:
        self.findings.flag(self.lines(where), code, self.title(column))

    def backward(self, first: str, last: str) -> None:
        self.reject(pl.col(last) < pl.col(first), "backward_span", last)

    def unless_known(self, column: str, known: set[str], code: str) -> None:
        """Flag and empty the codes that are not known."""
        odd = pl.col(column).is_not_null() & ~pl.col(column).is_in(list(known))
        self.flag(odd, code, column)
        self.frame = self.frame.with_columns(pl.when(~odd).then(pl.col(column)).alias(column))


def check(frame: pl.DataFrame, delivery: Delivery, as_of: date, findings: Findings) -> pl.DataFrame:
    """Apply the rules of the delivery's table; returns the rows with branch, and unknown codes emptied.

    frame: source_line and every column the file may have that is read, typed.
    """
    on = Check(frame, delivery, as_of, findings)
    numbers = frame["insurer_number"].unique().drop_nulls().to_list()
    branches = {number: branch_of_insurer(number) for number in numbers}
    on.frame = frame.with_columns(
        branch=pl.col("insurer_number").replace_strict(branches, default=None, return_dtype=pl.String)
    )
    on.reject(
        pl.col("insurer_number").is_not_null() & pl.col("branch").is_null(),
        "unknown_insurer",
        "insurer_number",
    )
    if rule := _RULES.get(delivery.table.name):
        rule(on)
    return on.frame


def _workplace(on: Check) -> None:
    on.backward("applied_on", "closed_on")
    on.unless_known("municipality", set(municipalities()), "unknown_municipality")
    on.unless_known("industry", set(DIVISIONS), "unknown_industry")


def _member(on: Check) -> None:
    on.reject(pl.col("birth_date") > on.as_of, "impossible_birth", "birth_date")
    on.reject(pl.col("died_on") < pl.col("birth_date"), "impossible_birth", "died_on")
    on.flag(pl.col("mynumber_on") < pl.col("birth_date"), "mynumber_before_birth", "mynumber_on")
    on.unless_known("municipality", set(municipalities()), "unknown_municipality")


def _enrolment(on: Check) -> None:
    on.backward("acquired_on", "lost_on")
    on.flag(pl.col("acquired_on") == pl.col("lost_on"), "same_day_span", "lost_on")
    on.flag(pl.col("acquired_on") > on.as_of, "future_acquired", "acquired_on")
    birth = pl.col("birth_date")
    on.reject((birth > pl.col("acquired_on")) | (birth > on.as_of), "impossible_birth", "birth_date")
    dependent = pl.col("kind") == "dependent"
    on.reject(dependent == (pl.col("relation") == "self"), "wrong_relation", "relation")
    on.reject(
        dependent & pl.col("insured_person_number").is_null() & ~pl.col("insured_unreadable"),
        "missing",
        "insured_person_number",
    )
    on.flag(pl.col("kana").str.contains("\ufffd", literal=True), "undecodable_bytes", "kana")


def _remuneration(on: Check) -> None:
    pairs = on.frame.select("from_month", "standard").drop_nulls().unique()
    tables = {month: _standards(month) for month in pairs["from_month"].unique()}
    wrong = [
        (month, yen)
        for month, yen in pairs.rows()
        if (known := tables[month]) is not None and yen not in known
    ]
    odd = pl.DataFrame(wrong, schema=pairs.schema, orient="row")
    found = on.frame.join(odd, on=["from_month", "standard"], how="semi", maintain_order="left")
    on.findings.reject(found["source_line"], "bad_standard", on.title("standard"))


def _standards(month: date) -> set[int] | None:
    """The standard remunerations of a month (標準報酬月額の等級), or None when no table covers it."""
    try:
        return {grade.standard for grade in grades(month)}
    except ParameterError:
        return None


def _card(on: Check) -> None:
    on.backward("issued_on", "returned_on")


_RULES: dict[str, Callable[[Check], None]] = {
    "workplace": _workplace,
    "member": _member,
    "enrolment": _enrolment,
    "remuneration": _remuneration,
    "card": _card,
}
