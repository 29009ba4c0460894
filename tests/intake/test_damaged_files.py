"""A damaged file is read as far as it can be: lines are kept or rejected, and nothing else goes wrong."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from tests.lakes import tried
from tests.strategies import RecodeCase, UkeCase, recode_cases, uke_cases

from kenpo.intake.receipts import files as claim
from kenpo.intake.receipts.block import parse_block
from kenpo.intake.receipts.context import BlockTask
from kenpo.lake.tables import ALL_TABLES
from kenpo.synth.receipts import encode, recode_info_lines, uke_lines

CODES = ["620000001", "610000003", "629999904"]
PIECES = [
    b",",
    b"\n",
    b"\r\n\r\n",
    b'"',
    b"\x1a",
    b"\x80",
    b"-5",
    b"1.5e3",
    b"99999999999999",
    b"RE,",
    b"\nGO,1,2,99\n",
]
DAMAGE = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 5), st.sampled_from(PIECES)), min_size=1, max_size=12
)


def damaged(data: bytes, damage: list[tuple[int, int, bytes]]) -> bytes:
    """The bytes with, at each place, some taken out and a piece put in."""
    for place, taken, piece in damage:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + taken :]
    return data


def read_all(data: bytes) -> tuple[int, int]:
    """Physical lines that are not blank, and lines that ended in a row or a reject."""
    if not claim.looks_like_claims(data):
        return 0, 0
    form = claim.detect("見本", data, has_dpc=b"\nBU," in data, encoding="cp932")
    lines = accounted = 0
    for block in claim.blocks(io.BytesIO(data), form, "見本", 2000):
        task = BlockTask(
            data=block.data,
            first_line=block.first_line,
            file_id="見本",
            file_number=1,
            kind=form.kind,
            insurer=form.insurer,
            encoding=form.encoding,
            managed=form.managed,
            header=block.header,
            key=b"k" * 32,
        )
        rows = parse_block(task)
        found = set()
        for name, frame in rows.frames.items():
            found |= set(ALL_TABLES[name].conform(frame)["source_line"])
        standing = sum(rows.line_counts[r] for r in ("IR", "UK", "YK", "GO", "HI", "HG"))
        lines += rows.lines
        accounted += len(found - set(rows.institutions["source_line"])) + standing
    return lines, accounted


@tried(40)
@given(uke_cases(CODES), DAMAGE)
def test_no_damage_to_a_uke_file_stops_the_reader_or_loses_a_line(case: UkeCase, damage: list) -> None:
    lines = uke_lines(
        case.institution, case.receipts, case.claim_month, dates=case.dates, trailing=case.trailing
    )
    read, accounted = read_all(damaged(encode(lines, newline=case.newline, eof=case.eof), damage))
    assert read <= accounted


@tried(40)
@given(recode_cases(CODES, corrected=True), DAMAGE)
def test_no_damage_to_an_insurers_file_stops_the_reader(case: RecodeCase, damage: list) -> None:
    lines = recode_info_lines(case.claims, case.claim_month, dates=case.dates, trailing=case.trailing)
    read, accounted = read_all(damaged(encode(lines, newline=case.newline, eof=False), damage))
    assert read <= accounted
