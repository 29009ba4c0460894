"""A claim file as a whole: what it is, where to cut it into blocks, and what its GO record says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

import numpy as np
import polars as pl

from kenpo.base.errors import InputFileError
from kenpo.intake.receipts import layouts as lay
from kenpo.intake.receipts.block import Segment
from kenpo.intake.receipts.lines import unquote
from kenpo.intake.receipts.rejects import FLAGS
from kenpo.lake.store import MAX_LINES, FileEntry
from kenpo.lake.tables.intake import INTAKE_FLAG

BLOCK_BYTES = 8 << 20
_LONGEST_RECEIPT = 128 << 20
_FIRST_UKE = re.compile(rb"^[\x1a\xef\xbb\xbf]*(IR|UK|YK),")
_FIRST_INSURER = re.compile(
    rb"^[\x1a\xef\xbb\xbf]*(?:HI,[^\n]*\n)?\"?[0-9]{1,2}\"?,\"?[0-9]+\"?,\"?[0-9]+\"?,\"?([A-Z]{2})\"?[,\r\n]"
)
_OTHER_DELIVERY = re.compile(
    r"(?:^|[/!])\d{2}_(?!RECODEINFO)[A-Z]+_?(?:MED|DPC|DEN|PHA)?\.CSV$", re.IGNORECASE
)
_HEADERS_OF = {lay.MEDICAL: (b"IR",), lay.DPC: (b"IR",), lay.DENTAL: (b"IR", b"UK"), lay.PHARMACY: (b"YK",)}
_BY_NAME = {"_MED": lay.MEDICAL, "_DPC": lay.DPC, "_DEN": lay.DENTAL, "_PHA": lay.PHARMACY}


@dataclass(frozen=True)
class Format:
    """What a claim file is. managed: MN records open its receipts (insurer side)."""

    insurer: bool
    kind: str
    encoding: str
    managed: bool


def is_other_delivery(name: str) -> bool:
    """Files delivered beside レセ電コード情報 that hold no claim lines (固有テキスト情報など)."""
    return _OTHER_DELIVERY.search(name) is not None


def looks_like_claims(head: bytes) -> bool:
    """Whether the first bytes are those of a UKE or レセ電コード情報 file."""
    return bool(_FIRST_UKE.match(head) or _FIRST_INSURER.match(head))


def detect(name: str, head: bytes, *, has_dpc: bool, encoding: str) -> Format:
    """The format of a claim file from its name, first bytes, and whether a BU record was seen in it.

    Raises InputFileError when it is none.
    """
    uke = _FIRST_UKE.match(head)
    insurer = _FIRST_INSURER.match(head)
    if not uke and not insurer:
        raise InputFileError(
            "レセプトのファイルではありません。",
            where=name,
            todo="UKE（IR・UK・YKで始まる）か、レセ電コード情報ファイルかを確かめてください。",
            code="not_claims",
        )
    stem = PurePosixPath(name.replace("!", "/")).stem.upper()
    kind = next((k for suffix, k in _BY_NAME.items() if stem.endswith(suffix)), None)
    if kind is None:
        found = uke or insurer
        first = found[1] if found else b""
        if first not in (b"IR", b"UK", b"YK"):
            plain = head.replace(b'"', b"")
            seen = re.search(rb"(?:^|\n)[0-9]+,[0-9]+,[0-9]+,(IR|UK|YK),([^,]*),([^,]*),([^,\r\n]*)", plain)
            first, table = (seen[1], seen[4]) if seen else (b"IR", b"")
        else:
            fields = head.lstrip(b"\x1a\xef\xbb\xbf").split(b"\n", 1)[0].replace(b'"', b"").split(b",")
            at = fields.index(first)
            table = fields[at + 3].strip() if len(fields) > at + 3 else b""
        kind = _kind(first, table, has_dpc)
    managed = bool(insurer) and (b",MN," in head or b',"MN",' in head)
    return Format(bool(insurer), kind, encoding, managed)


def _kind(record: bytes, table: bytes, has_dpc: bool) -> str:
    if record == b"YK" or table == b"4":
        return lay.PHARMACY
    if record == b"UK" or table == b"3":
        return lay.DENTAL
    return lay.DPC if has_dpc else lay.MEDICAL


@dataclass(frozen=True)
class RawBlock:
    """Whole lines of a file, from a receipt's first line on (except the first block)."""

    data: bytes
    first_line: int
    header: bytes


def blocks(stream: IO[bytes], form: Format, name: str, size: int = BLOCK_BYTES) -> Iterator[RawBlock]:
    """Cut a stream into blocks of about `size` bytes, each beginning at a receipt's first line.

    Memory stays bounded by a few blocks; what is longer than 128 MB and begins no receipt is cut at a line end.
    Raises InputFileError for a file of more lines than can be numbered.
    """
    rest, partial, line, header = b"", b"", 1, b""
    quoted: bool | None = None
    while True:
        chunk = stream.read(size)
        if quoted is None:
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
            quoted = form.insurer and chunk.lstrip(b"\x1a").startswith(b'"')
        if quoted:
            # Every field stands in quotation marks: taken off line by line before the file is cut.
            whole = (partial + chunk).rfind(b"\n") + 1 if chunk else len(partial)
            raw, partial = (partial + chunk)[:whole], (partial + chunk)[whole:]
            chunk_read, chunk = chunk, unquote(raw, form.encoding)
        else:
            chunk_read = chunk
        data = rest + chunk
        if not data and not chunk_read:
            return
        if chunk_read:
            cut = _last_receipt(data, form)
            if cut <= 0:
                cut = data.rfind(b"\n") + 1 if len(data) >= max(_LONGEST_RECEIPT, 2 * size) else 0
            if cut <= 0:
                rest = data
                continue
            block, rest = data[:cut], data[cut:]
        else:
            block, rest = data, b""
        yield RawBlock(block, line, header)
        line += int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == 10))
        if line > MAX_LINES:
            raise InputFileError(
                "行数が多すぎます。",
                where=name,
                todo=f"{MAX_LINES:,}行以下のファイルに分けてください。",
                code="too_long",
            )
        header = _last_header(block, form) or header
        if not chunk_read:
            return


def _last_receipt(data: bytes, form: Format) -> int:
    """Byte where the last receipt of the data begins; 0 when none begins after the first byte."""
    if not form.insurer:
        at = data.rfind(b"\nRE,")
        while form.kind == lay.DPC and at > 0:
            # The parts of a 総括レセプト repeat its number: never cut between them.
            before = data.rfind(b"\nRE,", 0, at)
            if (
                before < 0
                or data[before + 4 : before + 24].split(b",")[0] != data[at + 4 : at + 24].split(b",")[0]
            ):
                break
            at = before
        return at + 1
    end = len(data)
    mark = b",0,MN," if form.managed else b",1,0,"
    while (at := data.rfind(mark, 0, end)) > 0:
        start = data.rfind(b"\n", 0, at) + 1
        fields = data[start : at + len(mark) + 1].split(b",")
        if len(fields) >= 4 and fields[1] == b"1" and fields[2] == b"0" and fields[0].isdigit():
            return start
        end = at
    return 0


def _last_header(block: bytes, form: Format) -> bytes:
    """The last header line of a UKE block, to be known in the next; empty when it has none."""
    if form.insurer:
        return b""
    at = max(block.rfind(b"\n" + name + b",") + 1 for name in _HEADERS_OF[form.kind])
    if at <= 0:
        first = block.lstrip(b"\x1a")
        if not first.startswith(tuple(name + b"," for name in _HEADERS_OF[form.kind])):
            return b""
        at = len(block) - len(first)
    end = block.find(b"\n", at)
    return block[at : end + 1] if end >= 0 else b""


def merge_segments(parts: list[list[Segment]]) -> list[Segment]:
    """Segments of consecutive blocks as segments of the file: a segment goes on until its GO record."""
    out: list[Segment] = []
    open_segment: Segment | None = None
    for segments in parts:
        for segment in segments:
            if open_segment is not None:
                segment.receipts += open_segment.receipts
                segment.count += open_segment.count
                segment.points += open_segment.points
                open_segment = None
            if segment.go_line is None:
                open_segment = segment
            else:
                out.append(segment)
    if open_segment is not None and open_segment.receipts:
        out.append(open_segment)
    return out


def check_totals(
    segments: list[Segment], volume: str | None, insurer: bool, last_line: int
) -> list[dict[str, object]]:
    """Flags where a whole volume's GO record disagrees with its receipts (rows of intake_flag less source_file).

    Files of the insurer's side have no GO record. A volume of several is judged when all are there (volume_flags).
    """
    flags: list[dict[str, object]] = []
    if insurer:
        return flags
    for segment in segments:
        if segment.go_line is None:
            flags.append(_flag(last_line, "go_missing"))
            continue
        if segment.go_volume not in (None, "99") or volume not in (None, "00"):
            continue
        if segment.go_count == 0 and segment.go_points == 0 and segment.count:
            flags.append(_flag(segment.go_line, "go_zeroed", 0, segment.count))
            continue
        for code, said, read in (
            ("go_count_mismatch", segment.go_count, segment.count),
            ("go_points_mismatch", segment.go_points, segment.points),
        ):
            if said != read:
                flags.append(_flag(segment.go_line, code, said, read))
    return flags


def _flag(line: int, code: str, said: int | None = None, read: int | None = None) -> dict[str, object]:
    return {
        "source_line": line,
        "code": code,
        "message": FLAGS[code],
        "expected": None if said is None else str(said),
        "actual": None if read is None else str(read),
    }


def volume_text(
    segments: list[Segment], institution: str | None, claim_month: str | None, volume: str | None
) -> str:
    """What must be kept of a volume of several (マルチボリューム) to judge them together; "{}" for a single one."""
    if len(segments) != 1:
        return "{}"
    only = segments[0]
    if only.go_volume in (None, "99") and volume in (None, "00"):
        return "{}"
    return json.dumps(
        {
            "institution": institution,
            "claim_month": claim_month,
            "volume": volume,
            "go_volume": only.go_volume,
            "go_line": only.go_line,
            "count": only.count,
            "points": only.points,
            "go_count": only.go_count,
            "go_points": only.go_points,
        }
    )


def volume_flags(files: list[FileEntry]) -> pl.DataFrame:
    """Flags of volumes of several, judged over the volumes that are in the lake (rows of intake_flag)."""
    groups: dict[tuple[str, str, str], list[tuple[FileEntry, dict[str, str | int | None]]]] = {}
    for entry in files:
        said = json.loads(entry.volume)
        if said:
            key = (entry.kind, str(said["institution"]), str(said["claim_month"]))
            groups.setdefault(key, []).append((entry, said))
    rows: list[dict[str, object]] = []
    for members in groups.values():
        numbers = {int(m["volume"] or 0) for _, m in members}
        final = [(e, m) for e, m in members if m["go_volume"] == "99"]
        whole = bool(final) and numbers == set(range(max(numbers) + 1)) and len(numbers) > 1
        entry, last = final[0] if final else members[-1]
        if not whole:
            rows.append({"source_file": entry.file_id, **_flag(int(last["go_line"] or 1), "volume_missing")})
            continue
        for code, field, total in (
            ("go_count_mismatch", "go_count", sum(int(m["count"] or 0) for _, m in members)),
            ("go_points_mismatch", "go_points", sum(int(m["points"] or 0) for _, m in members)),
        ):
            said = last[field]
            if said != total:
                rows.append(
                    {
                        "source_file": entry.file_id,
                        **_flag(int(last["go_line"] or 1), code, None if said is None else int(said), total),
                    }
                )
    return pl.DataFrame(rows, schema=INTAKE_FLAG.polars_schema) if rows else INTAKE_FLAG.empty()
