"""Keys that tell people and cards apart without saying who they are (個人を結ぶ鍵): one recipe for claims and membership.

Each key is the keyed hash of a text made here, so that a claim and an enrolment of the same person agree.
"""

from __future__ import annotations

import polars as pl

from kenpo.intake.keys import keyed_hash
from kenpo.intake.receipts.blot import folded

_HIRAGANA = "[\u3041-\u3096]"
_TO_KATAKANA = {chr(c): chr(c + 0x60) for c in range(0x3041, 0x3097)}
_ALL_KANA = "^[\u30a1-\u30fa\u30fc・]+$"
_DASHES = "[-‐‑‒–—―−]"
_UNDECODABLE = "\ufffd"


def folded_number(text: pl.Expr) -> pl.Expr:
    """記号・番号 in one form, as base.text.normalise_symbol makes it; NULL → empty."""
    return folded(text).str.replace_all(_DASHES, "-").fill_null("")


def folded_kana(text: pl.Series) -> pl.Series:
    """Names in kana in one form: full-width katakana, no spaces. NULL when blank or not wholly decodable."""
    frame = pl.DataFrame({"text": text}).select(folded(pl.col("text")).str.replace_all(_DASHES, "ー"))
    plain = pl.col("text")
    if frame["text"].str.contains(_HIRAGANA).any():
        frame = frame.select(plain.str.replace_many(_TO_KATAKANA))
    return frame.select(
        pl.when((plain != "") & ~plain.str.contains(_UNDECODABLE, literal=True)).then(plain)
    ).to_series()


def kana_of(kana: pl.Series, name: pl.Series) -> pl.Series:
    """Names in kana (folded): the kana field, or the name field where that is blank and the name is all kana."""
    given = folded_kana(kana)
    if not given.null_count():
        return given
    spare = folded_kana(name.set(given.is_not_null(), None))
    both = pl.DataFrame({"given": given, "spare": spare})
    usable = pl.when(pl.col("spare").str.contains(_ALL_KANA)).then("spare")
    return both.select(pl.coalesce("given", usable)).to_series()


def identity_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The texts that are hashed, one row per person: loose, full, card, person.

    frame: insurer_number, symbol, insured_no, member_branch (text), birth (date), sex, kana (folded). full is NULL
    without 枝番, card without insurer or number, person without kana or birth date.
    """
    parts = frame.select(
        insurer=folded_number(pl.col("insurer_number")),
        symbol=folded_number(pl.col("symbol")),
        number=folded_number(pl.col("insured_no")),
        branch=pl.when(pl.col("member_branch").is_not_null()).then(
            folded_number(pl.col("member_branch")).str.zfill(2)
        ),
        birth=pl.col("birth").dt.strftime("%Y%m%d"),
        sex=pl.col("sex").fill_null(""),
        kana="kana",
    )
    card = [pl.col(c) for c in ("insurer", "symbol", "number")]
    birth, sex = pl.col("birth").fill_null(""), pl.col("sex")
    return parts.select(
        loose=pl.concat_str([*card, birth, sex], separator="|"),
        full=pl.concat_str([*card, pl.col("branch"), birth, sex], separator="|"),
        card=pl.when((pl.col("insurer") != "") & (pl.col("number") != "")).then(
            pl.concat_str([pl.lit("card"), *card], separator="|")
        ),
        person=pl.concat_str([pl.lit("kana"), pl.col("kana"), pl.col("birth"), sex], separator="|"),
    )


def identity_keys(key: bytes, texts: pl.DataFrame) -> pl.DataFrame:
    """member_key, member_key_loose, card_key, person_key of identity_texts; without 枝番 the first two are the same."""
    return pl.DataFrame({name: keyed_hash(key, texts[name]) for name in texts.columns}).select(
        member_key=pl.coalesce("full", "loose"),
        member_key_loose="loose",
        card_key="card",
        person_key="person",
    )


def member_ids(key: bytes, person_number: pl.Series) -> pl.Series:
    """member_id of each person number (加入者番号), NULL for NULL."""
    text = pl.DataFrame({"n": person_number}).select(
        pl.when(pl.col("n").is_not_null()).then(pl.lit("person|") + folded_number(pl.col("n")))
    )
    return keyed_hash(key, text.to_series())
