"""Makes a large invented 医科 UKE file fast: `python bench/make_uke.py PATH MEGABYTES [SEED]`.

A few thousand receipt bodies are prepared as bytes; every receipt gets its own number, patient and points of
a body drawn by numpy. Lines are as wide as real ones (SI and IY with 44 columns), GO totals are correct.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BODIES = 4096
CHUNK = 20_000
MONTH = "202405"
DRUGS = tuple(f"62{n:07d}" for n in range(1_000_001, 1_003_001))
PROCEDURES = tuple(f"1{n:08d}" for n in range(60_000_110, 60_300_110, 100))
DIAGNOSES = tuple(f"88{n:05d}" for n in range(30_000, 33_000))
CATEGORIES = ("21", "21", "21", "22", "23", "33")
FAMILY = ("架空", "見本", "例示", "仮名", "ソ表", "能十", "髙﨑")
GIVEN = ("太郎", "花子", "一子", "表男", "予作")


@dataclass(frozen=True)
class Body:
    """What follows HO (and KO) in a receipt. points: 合計点数, days: 診療実日数, lines: physical lines."""

    content: bytes
    points: int
    days: int
    lines: int


def make(path: Path | str, megabytes: float, seed: int = 1) -> dict[str, int]:
    """Write a file of about so many megabytes (10⁶ bytes).

    Returns receipts, lines (all of the file), points (総合計点数), count (総件数) and bytes.
    """
    randomly = np.random.default_rng(seed)
    plain = random.Random(seed)
    bodies = [_body(plain) for _ in range(BODIES)]
    people = _people(plain)
    contents = [b.content for b in bodies]
    points_of = [str(b.points) for b in bodies]
    days_of = [str(b.days) for b in bodies]
    line_counts = np.array([b.lines for b in bodies])
    point_counts = np.array([b.points for b in bodies])
    limit = int(megabytes * 1_000_000)
    receipts = lines = points = payers = size = 0
    with Path(path).open("wb") as out:
        size += out.write(f"IR,1,13,1,9990001,,架空総合病院,{MONTH},00,00-0000-0000\r\n".encode("cp932"))
        while size < limit:
            chosen = randomly.integers(0, BODIES, CHUNK)
            person = randomly.integers(0, len(people), CHUNK).tolist()
            prefectures = randomly.integers(1, 48, CHUNK).tolist()
            numbers = randomly.integers(0, 10_000, (CHUNK, 2)).tolist()
            public = (randomly.random(CHUNK) < 0.12).tolist()
            parts: list[bytes] = []
            written = 0
            taken = 0
            for i, body in enumerate(chosen.tolist()):
                receipts += 1
                symbol, number = numbers[i]
                head = f"RE,{receipts},11{2 if public[i] else 1}2,{MONTH},".encode()
                prefecture, totals = f"{prefectures[i]:02d}", f"{days_of[body]},{points_of[body]}"
                insurer = f"HO,01{prefecture}0012,{symbol},{number},{totals},,,,,,,,,\r\n"
                if public[i]:
                    insurer += f"KO,54{prefecture}6015,{number:07d},,{totals},,,,,,\r\n"
                part = head + people[person[i]] + insurer.encode() + contents[body]
                parts.append(part)
                written += len(part)
                taken += 1
                if size + written >= limit:
                    break
            size += out.write(b"".join(parts))
            used = chosen[:taken]
            extra = sum(public[:taken])
            points += int(point_counts[used].sum())
            lines += int(line_counts[used].sum()) + 2 * taken + extra
            payers += taken + extra
        size += out.write(f"GO,{payers},{points},99\r\n\x1a".encode())
    return {"receipts": receipts, "lines": lines + 2, "points": points, "count": payers, "bytes": size}


def _people(plain: random.Random) -> list[bytes]:
    """The part of RE after 診療年月: name, sex, birth and the trailing columns, kana at its place."""
    people = []
    for _ in range(BODIES):
        name = f"{plain.choice(FAMILY)}　{plain.choice(GIVEN)}"
        birth = f"{plain.randint(1930, 2020)}{plain.randint(1, 12):02d}{plain.randint(1, 28):02d}"
        chart = f"{plain.randint(1, 99_999):05d}"
        columns = [name, plain.choice("12"), birth, *[""] * 6, chart, *[""] * 22, "カクウノヒト", ""]
        people.append((",".join(columns) + "\r\n").encode("cp932"))
    return people


def _body(plain: random.Random) -> Body:
    """Diagnoses and about twelve rows: 診察, drugs in 算定単位 of one to four, tests, fees, a comment."""
    lines = []
    for n in range(3):
        start = f"20{plain.randint(15, 23):02d}{plain.randint(1, 12):02d}{plain.randint(1, 28):02d}"
        lines.append(
            f"SY,{plain.choice(DIAGNOSES)},{start},1,{plain.choice(('', '8002'))},,{'01' if n == 0 else ''},"
        )
    points = 0
    visits = plain.sample(range(1, 31), plain.choice((1, 1, 1, 2, 2, 3)))
    once = dict.fromkeys(visits, 1)
    lines.append(_row("SI", "12", "112007410", "", 75, once))
    points += 75 * len(visits)
    for _ in range(plain.randint(1, 3)):
        category = plain.choice(CATEGORIES)
        per_visit = plain.choice((1, 7, 14, 28, 30)) if category == "21" else 1
        days = dict.fromkeys(visits, per_visit)
        price = plain.randint(0, 120)
        rows = plain.choice((1, 1, 2, 3, 4))
        for n in range(rows):
            quantity = plain.choice(("1", "2", "3", "0.5", "1.5", "10"))
            row_points = price if n == rows - 1 else ""
            lines.append(
                _row("IY", category if n == 0 else "", plain.choice(DRUGS), quantity, row_points, days)
            )
        points += price * per_visit * len(visits)
    if plain.random() < 0.5:
        lines.append("CO,,1,810000001,１日１回ソ能表①を予定通り使用")
    for _ in range(plain.randint(1, 6)):
        price = plain.randint(8, 400)
        lines.append(_row("SI", "60", plain.choice(PROCEDURES), "", price, {visits[0]: 1}))
        points += price
    lines.append(_row("SI", "80", "120002910", "", 68, once))
    points += 68 * len(visits)
    content = "".join(line + "\r\n" for line in lines).encode("cp932")
    return Body(content, points, len(visits), len(lines))


def _row(
    record: str, category: str, code: str, quantity: str, points: int | str, days: dict[int, int]
) -> str:
    """SI or IY with its 44 columns."""
    daily = ",".join(str(days[d]) if d in days else "" for d in range(1, 32))
    return f"{record},{category},1,{code},{quantity},{points},{sum(days.values())},,,,,,,{daily}"


if __name__ == "__main__":
    began = time.perf_counter()
    made = make(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    print(made, f"{time.perf_counter() - began:.1f} s")
