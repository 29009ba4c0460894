"""Measures kenpo against simple baselines, each pair in the same run: `python bench/run.py`. See bench/README.md.

Every measured piece of work runs in a process of its own (`--child`), which prints one JSON line; this process stays
small, so that peak memory is the child's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MEASURE = "generic_volume_share"
BLOCK = 32 << 20
# Files from about this size on are loaded by several processes; small blocks, so that kills fall between them.
POOL_MB, SMALL_BLOCK = 26, 2 << 20
HUNG = "a process that never ended (must be 0)"
_PAGE = os.sysconf("SC_PAGE_SIZE")
Result = dict[str, Any]


# ---- the sections ----------------------------------------------------------------------------------------------


def bench_load(work: Path, options: argparse.Namespace) -> None:
    """Intake of a large UKE file with one process and with two, the csv baseline, and CP932 decoding alone."""
    large, small = work / "large.UKE", work / "small.UKE"
    made = child("make_uke", large, options.mb)
    made_small = child("make_uke", small, min(options.oracle_mb, options.mb))
    jobs: dict[str, tuple[float, Callable[[], Result]]] = {
        "decode": (made["bytes"], lambda: child("decode", large)),
        "one": (made["bytes"], lambda: load_fresh(work, large, 1)),
        "two": (made["bytes"], lambda: load_fresh(work, large, 2)),
        "csv": (made_small["bytes"], lambda: child("oracle", small, fresh(work / "oracle"))),
    }
    runs = interleaved({name: job for name, (_, job) in jobs.items()}, options.rounds)
    for name in ("one", "two"):
        for run in runs[name]:
            expect(
                f"load {name}", run, {k: made[k] for k in ("receipts", "points", "lines")} | {"rejects": 0}
            )
    for run in runs["csv"]:
        expect("csv baseline", run, {k: made_small[k] for k in ("receipts", "points", "lines")})
    speed = {name: size / 1e6 / median(runs[name], "seconds") for name, (size, _) in jobs.items()}
    effort = {name: size / 1e6 / median(runs[name], "cpu") for name, (size, _) in jobs.items()}
    titles = {
        "decode": "bytes.decode('cp932') alone",
        "one": "kenpo, 1 process",
        "two": "kenpo, 2 processes",
        "csv": f"csv module baseline ({made_small['bytes'] / 1e6:.0f} MB file)",
    }
    show(
        f"load: UKE of {made['bytes'] / 1e6:.0f} MB, {made['receipts']:,} receipts, {made['lines']:,} lines"
        f" (receipts, points and lines equal the maker's in every run; median of {options.rounds})",
        ("", "MB/s", "of csv", "of decode", "MB/s of CPU", "of csv", "peak MB", "largest process"),
        [
            (
                title,
                f"{speed[name]:.1f}",
                f"{speed[name] / speed['csv']:.2f} x",
                f"{speed[name] / speed['decode']:.0%}",
                f"{effort[name]:.1f}",
                f"{effort[name] / effort['csv']:.2f} x",
                f"{most(runs[name], 'peak_mb'):.0f}",
                f"{max(most(runs[name], 'self_mb'), most(runs[name], 'child_mb')):.0f}",
            )
            for name, title in titles.items()
        ],
    )


def bench_measure(work: Path, options: argparse.Namespace) -> None:
    """A measure over a whole lake against DuckDB SQL written by hand; explain for one branch and month."""
    lake = work / "lake"
    made = child("make_lake", lake, options.receipts)
    jobs = {
        "totals": lambda: child("sql", lake, work / "sql.parquet", "totals"),
        "cube": lambda: child("sql", lake, work / "cube.parquet", "cube"),
        "compute": lambda: child("compute", lake, work / "compute.parquet"),
        "refresh": lambda: child("refresh", lake),
        "explain": lambda: child("explain", lake, "13", "2024-11"),
    }
    runs = interleaved(jobs, options.rounds)
    runs["records"] = [{**run, **run["records"]} for run in runs["explain"]]
    same = child("same_figures", work / "sql.parquet", work / "compute.parquet")
    expect("measure", same, {"differing": 0, "rows": 47 * 36})
    titles = {
        "totals": "DuckDB SQL by hand: branch x month",
        "cube": "DuckDB SQL by hand: branch x month x kind x age band",
        "compute": "kenpo compute: totals, by kind, by age band, nation",
        "refresh": "kenpo refresh: the same, stored",
        "explain": "kenpo explain: one branch, one month",
        "records": f"kenpo records: the same, all {runs['explain'][0]['rows']:,} of them",
    }
    show(
        f"measure: {MEASURE} over {made['receipts']:,} receipts, {made['lines']:,} drug lines, 47 branches x 36 months"
        f" ({same['rows']:,} rows of figures equal; median of {options.rounds})",
        TIMES,
        [(title, *times(runs[name], runs["totals"])) for name, title in titles.items()],
    )
    shutil.rmtree(lake)


def bench_masters(work: Path, options: argparse.Namespace) -> None:
    """Which row of a master is in force, month by month, with many editions, against SQL by hand."""
    lake = work / "masters"
    made = child("make_masters", lake, options.codes, options.editions)
    jobs = {
        "sql": lambda: child("masters_sql", lake, work / "sql.parquet"),
        "kenpo": lambda: child("masters_kenpo", lake, work / "kenpo.parquet"),
    }
    runs = interleaved(jobs, options.rounds)
    same = child("same_rows", work / "sql.parquet", work / "kenpo.parquet")
    expect("masters", same, {"differing": 0})
    show(
        f"masters: {made['rows']:,} rows in {options.editions} full editions and {2 * options.editions} of changes,"
        f" 36 months ({same['rows']:,} rows in force, equal; median of {options.rounds})",
        TIMES,
        [
            ("DuckDB SQL by hand", *times(runs["sql"], runs["sql"])),
            ("kenpo in_force", *times(runs["kenpo"], runs["sql"])),
        ],
    )
    shutil.rmtree(lake)


def bench_kill(work: Path, options: argparse.Namespace) -> None:
    """Loads killed at random moments: the lake holds all of a file or nothing, and a second load makes it whole."""
    chance = random.Random(options.seed)
    key, clean = work / "member.key", {n: work / f"clean-{n}" for n in (1, 2)}
    files = {n: work / f"kill-{n}.UKE" for n in (1, 2)}
    spans: dict[int, float] = {}
    for workers, size in ((1, options.kill_mb), (2, max(options.kill_mb, POOL_MB))):
        child("make_uke", files[workers], size)
        spans[workers] = child("load", files[workers], clean[workers], key, workers, SMALL_BLOCK)["seconds"]
    seen = {"nothing of it": 0, "all of it": 0, "parts no manifest row names": 0}
    seen |= {"a process that lived on for a moment": 0, HUNG: 0}
    for n in range(options.kills):
        workers, alone = 1 + n % 2, n % 4 == 3
        moment = chance.random() * spans[workers] * 1.1
        what = f"kill {n + 1} (workers {workers}, after {moment:.2f} s)"
        lake = fresh(work / "killed")
        group = _kill(_words("load", files[workers], lake, key, workers, SMALL_BLOCK), moment, alone)
        seen["a process that lived on for a moment"] += alone and _runs(group)
        after = child("finish", files[workers], lake, key, clean[workers], SMALL_BLOCK)
        expect(what, after, {"broken": [], "differing": []})
        seen["all of it" if after["whole"] else "nothing of it"] += 1
        seen["parts no manifest row names"] += bool(after["strays"])
        if alone:
            seen[HUNG] += not _ended(group)
            again = child("finish", files[workers], lake, key, clean[workers], SMALL_BLOCK)
            expect(f"{what}, afterwards", again, {"broken": [], "differing": [], "whole": True})
    show(
        f"kill: {options.kills} loads killed at random moments, one in four with its processes left to live on; then"
        " loaded again: every part and every manifest row equals a clean load's",
        ("right after the kill the lake held", "times"),
        [(name, str(count)) for name, count in seen.items()],
    )
    if seen[HUNG]:
        sys.exit("kill: processes of a killed load did not end by themselves")


def _kill(words: list[str], moment: float, alone: bool) -> int:
    """Start a load, wait until it begins and then a moment, and kill it (alone: not the processes it started).

    Returns the process group of the load.
    """
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(moment)
        with contextlib.suppress(ProcessLookupError):
            if alone:
                os.kill(running.pid, signal.SIGKILL)
            else:
                os.killpg(running.pid, signal.SIGKILL)
    return running.pid


def _runs(group: int) -> bool:
    """Whether a process of the group is alive; one that ended and was not asked about yet (zombie) is not."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, _, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False


def _ended(group: int) -> bool:
    """Whether the processes of a killed load end by themselves within some seconds; ends them if not."""
    until = time.monotonic() + 6
    while _runs(group):
        if time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            return False
        time.sleep(0.05)
    return True


# ---- running and watching children -------------------------------------------------------------------------------


def _words(name: str, *arguments: object) -> list[str]:
    return [sys.executable, str(Path(__file__).resolve()), "--child", name, *map(str, arguments)]


def child(name: str, *arguments: object) -> Result:
    """Run a piece of work in a fresh process; its result with wall, peak_mb, self_mb and child_mb."""
    began = time.perf_counter()
    words = _words(name, *arguments)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running, _Watch(running.pid) as watch:
        said, _ = running.communicate()
    if running.returncode:
        sys.exit(f"{name} ended with code {running.returncode}")
    result = json.loads(said.splitlines()[-1])
    return {
        "wall": time.perf_counter() - began,
        "peak_mb": max(watch.peak / 1e6, result["self_mb"]),
        **result,
    }


class _Watch:
    """Watches the resident memory of a process and all it starts, taken together; peak in bytes."""

    def __init__(self, pid: int) -> None:
        self.pid, self.peak, self._stop = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            self.peak = max(self.peak, sum(_resident(pid) for pid in _family(self.pid)))


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for other in (task / "children").read_text().split():
                yield from _family(int(other))


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def interleaved(jobs: dict[str, Callable[[], Result]], rounds: int) -> dict[str, list[Result]]:
    """Every job once, then every job again, so that a busy moment of the machine falls on all of them."""
    runs: dict[str, list[Result]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            runs[name].append(job())
    return runs


def load_fresh(work: Path, file: Path, workers: int) -> Result:
    """Load a file into a new lake, which is then deleted."""
    lake = fresh(work / "loaded")
    result = child("load", file, lake, work / "member.key", workers)
    shutil.rmtree(lake)
    return result


def fresh(path: Path) -> Path:
    """The path, with nothing there."""
    shutil.rmtree(path, ignore_errors=True)
    return path


def median(runs: Sequence[Result], name: str) -> float:
    """The median of a named value."""
    return statistics.median(run[name] for run in runs)


def most(runs: Sequence[Result], name: str) -> float:
    """The largest of a named value."""
    return max(run[name] for run in runs)


TIMES = ("", "s", "of SQL", "CPU s", "of SQL", "s with start-up", "peak MB")


def times(runs: Sequence[Result], base: Sequence[Result]) -> tuple[str, ...]:
    """The cells of TIMES for some runs, against those of the baseline."""
    clock, cpu = median(runs, "seconds"), median(runs, "cpu")
    return (
        f"{clock:.2f}",
        f"{clock / median(base, 'seconds'):.2f} x",
        f"{cpu:.2f}",
        f"{cpu / median(base, 'cpu'):.2f} x",
        f"{median(runs, 'wall'):.2f}",
        f"{most(runs, 'peak_mb'):.0f}",
    )


def expect(what: str, found: Result, wanted: Result) -> None:
    """End with a message when a result is not what it must be."""
    wrong = {name: (found[name], value) for name, value in wanted.items() if found[name] != value}
    if wrong:
        sys.exit(f"{what}: " + ", ".join(f"{n} is {a!r}, must be {b!r}" for n, (a, b) in wrong.items()))


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a small table: first column to the left, the rest to the right."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    print(f"\n{title}")
    for row in (heads, *rows):
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)),
        ]
        print("  " + "   ".join(cells).rstrip(), flush=True)


def bench_branch(work: Path, options: argparse.Namespace) -> None:
    """Invented branches of growing size for one year: made, loaded, refreshed, proved; and the receipts of one written
    record by record."""
    rows: list[tuple[str, ...]] = []
    first: dict[str, float] = {}
    plain = child("records", 3000)
    for members in options.members:
        files, lake = work / "files", work / "lake"
        made = child("branch", files, members)
        loaded = child("load_branch", files, lake, work / "key")
        refreshed = child("refresh_branch", lake)
        if not options.no_proof:
            proved = child("prove", files, lake)
            expect(f"branch of {members:,}", proved, {"differing": 0})
        size = {"files": _size(files), "lake": _size(lake)}
        for name, run in (("synth", made), ("load", loaded), ("refresh", refreshed)):
            each = run["seconds"] / members
            base = first.setdefault(name, each)
            rows.append(
                (
                    f"{members:,} members: {name}",
                    f"{run['seconds']:.0f}",
                    f"{run['cpu']:.0f}",
                    f"{each / base:.2f}",
                    f"{run['peak_mb']:.0f}",
                    f"{made['receipts'] / run['seconds']:,.0f}",
                )
            )
        print(
            f"{members:,} members: {made['receipts']:,} receipts, {made['lines']:,} lines, files {size['files']:,.0f} MB,"
            f" lake {size['lake']:,.0f} MB, {loaded['rejects']} rejects",
            flush=True,
        )
        shutil.rmtree(files)
        shutil.rmtree(lake)
    rows.append(
        (
            f"record by record: {plain['receipts']:,} receipts, one process",
            f"{plain['seconds']:.1f}",
            f"{plain['cpu']:.1f}",
            "",
            f"{plain['peak_mb']:.0f}",
            f"{plain['receipts'] / plain['seconds']:,.0f}",
        )
    )
    show("branch: one year", ("", "s", "CPU s", "per member", "peak MB", "receipts/s"), rows)


def _size(folder: Path) -> float:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


# ---- the work of the children --------------------------------------------------------------------------------------


class _Timer:
    """Adds up time on the clock and on the processors, this process and those it started and waited for."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    def __enter__(self) -> _Timer:
        self._began = time.perf_counter(), _cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.cpu += _cpu() - self._began[1]

    @property
    def spent(self) -> Result:
        """seconds and cpu."""
        return {"seconds": self.seconds, "cpu": self.cpu}


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def _make_uke(path: str, megabytes: str) -> Result:
    from make_uke import make

    return dict(make(path, float(megabytes)))


def _decode(path: str) -> Result:
    """Decode a file block by block, each cut at a line end; only the decoding is timed."""
    timer, rest = _Timer(), b""
    with Path(path).open("rb") as source:
        while block := source.read(BLOCK):
            data, rest = _whole_lines(rest + block)
            with timer:
                data.decode("cp932")
    return timer.spent


def _whole_lines(data: bytes) -> tuple[bytes, bytes]:
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _load(path: str, lake: str, key: str, workers: str, block: str = "0") -> Result:
    from kenpo.intake.load import load_paths
    from kenpo.intake.receipts.files import BLOCK_BYTES
    from kenpo.lake import Lake

    opened = Lake.create(lake)
    print("ready", flush=True)
    with _Timer() as timer:
        (report,) = load_paths(
            opened,
            [Path(path)],
            key_path=Path(key),
            workers=int(workers),
            block_bytes=int(block) or BLOCK_BYTES,
        )
    assert report.entry is not None, report.message
    entry = report.entry
    counts = {
        "receipts": entry.receipts,
        "points": entry.points,
        "lines": entry.lines,
        "rejects": entry.rejects,
    }
    return {**timer.spent, **counts}


def _oracle(path: str, folder: str) -> Result:
    from csv_oracle import load

    with _Timer() as timer:
        counts = load(path, folder)
    return {**counts, **timer.spent}


def _make_lake(folder: str, receipts: str) -> Result:
    from make_lake import make

    return dict(make(Path(folder), int(receipts)))


def _branch(folder: str, members: str) -> Result:
    from kenpo.catalogue import PLANTS
    from kenpo.cli.synth import Order, facts
    from kenpo.synth.branch import write_branch

    setting = Order("35", int(members), 1, 1).setting
    with _Timer() as timer:
        made = write_branch(Path(folder), setting, facts(setting.first), PLANTS)
    return {**timer.spent, "receipts": made.receipts, "lines": made.lines}


def _records(receipts: str) -> Result:
    from datetime import date

    from kenpo.synth.receipts import encode, recode_info_lines
    from kenpo.synth.records import (
        Diagnosis,
        Drug,
        Institution,
        Patient,
        Procedure,
        Receipt,
        Unit,
    )

    place = Institution("35", "1", "9900001", "見本医院0001", "00-0000-0000", "山口県山口市架空町1-1")
    month = date(2025, 4, 1)
    with _Timer() as timer:
        claims = [
            (
                place,
                Receipt(
                    "medical",
                    "1112",
                    month,
                    Patient(
                        "架空　太郎",
                        "カクウタロウ",
                        "1",
                        date(1970, 1, 1),
                        "01350016",
                        "99000001",
                        str(n),
                        "00",
                    ),
                    1,
                    (
                        Unit("12", (Procedure("112007410"),), 75, 1, ((5, 1),)),
                        Unit("13", (Procedure("113041810"),), 660, 1, ((5, 1),)),
                        Unit("21", (Drug("612170709", 1), Drug("610443013", 1)), 4, 28, ((5, 28),)),
                        Unit("60", (Procedure("160008010"),), 21, 1, ((5, 1),)),
                    ),
                    (Diagnosis("8833421", month, main=True), Diagnosis("8844446", month)),
                    visit_days=(5,),
                ),
            )
            for n in range(int(receipts))
        ]
        encode(recode_info_lines(claims, date(2025, 5, 1), trailing=False))
    return {**timer.spent, "receipts": int(receipts)}


def _load_branch(folder: str, lake: str, key: str) -> Result:
    from kenpo.intake.load import load_facts, load_paths
    from kenpo.lake import Lake

    opened = Lake.create(lake)
    load_facts(opened)
    print("ready", flush=True)
    with _Timer() as timer:
        reports = load_paths(opened, [Path(folder)], key_path=Path(key))
    failed = [r.message for r in reports if r.status == "failed"]
    assert not failed, failed[:3]
    return {**timer.spent, "rejects": sum(r.entry.rejects for r in reports if r.entry)}


def _refresh_branch(lake: str) -> Result:
    from kenpo.catalogue import DERIVATIONS, MEASURES
    from kenpo.frame import refresh

    opened = _opened(lake)
    with _Timer() as timer:
        refresh(opened, list(MEASURES.values()), derivations=DERIVATIONS)
    return timer.spent


def _prove(folder: str, lake: str) -> Result:
    from kenpo.catalogue import MEASURES, TRUTHS, WORKLISTS
    from kenpo.frame.proof import prove_figures, prove_plants
    from kenpo.lake import Lake

    opened = Lake.open(lake)
    proofs = [
        *prove_plants(opened, Path(folder), WORKLISTS),
        *prove_figures(opened, Path(folder), TRUTHS, MEASURES),
    ]
    for proof in proofs:
        for said in proof.differences[:3]:
            print(proof.subject, said, file=sys.stderr)
    return {"differing": sum(len(p.differences) for p in proofs), "compared": sum(p.compared for p in proofs)}


def _opened(folder: str) -> Any:
    """A lake, with all imported that Python imports on first use of an engine."""
    import polars as pl

    from kenpo.lake import Lake

    lake = Lake.open(folder)
    lake.memory(pl.DataFrame({"one": [1]}), "one").count().to_pyarrow()
    return lake


def _compute(lake: str, out: str) -> Result:
    import polars as pl

    from kenpo.catalogue import MEASURES
    from kenpo.frame.measure import compute, data_months

    opened = _opened(lake)
    with _Timer() as timer:
        rows, _ = compute(MEASURES[MEASURE], opened, data_months(opened))
    reasons = pl.Struct(dict.fromkeys(MEASURES[MEASURE].reasons, pl.Int64))
    total = rows.filter((pl.col("breakdown") == "total") & (pl.col("branch") != "00"))
    figures = total.with_columns(pl.col("excluded_by").str.json_decode(reasons)).unnest("excluded_by")
    figures.drop("breakdown", "value", "measure", "excluded").write_parquet(out)
    return timer.spent


def _refresh(lake: str) -> Result:
    from kenpo.catalogue import MEASURES
    from kenpo.frame import refresh

    opened = _opened(lake)
    with _Timer() as timer:
        refresh(opened, [MEASURES[MEASURE]])
    return timer.spent


SHARE_SQL = """
create table month as
  select unnest(generate_series(date '{first}', date '{last}', interval 1 month))::date as month;
create table class as
  with listed as (
    select price_list_code, month, case when next_class_from <= month then next_class else class_code end as printed
    from read_parquet({generic_class}, hive_partitioning = false), month
  )
  select code, d.month,
    case when printed in ('2', '☆') then '2' when printed in ('3', '★') then '3' end as class,
    case when l.price_list_code is null then 'unlisted' when printed is null then 'other'
      when printed = '1' then 'no_generic' end as reason
  from (select code, price_list_code, month from read_parquet({drug_master}, hive_partitioning = false), month
    where change <> '1' and (abolished_on is null or abolished_on >= month)) as d
  left join listed as l on l.price_list_code = d.price_list_code and l.month = d.month;
copy (
  select {keys}, count(*) as eligible,
    coalesce(sum(total) filter (c.code is not null and reason is null), 0)::decimal(38, 7) as denominator,
    coalesce(sum(total) filter (class = '3' and reason is null), 0)::decimal(38, 7) as numerator,
    count(*) filter (reason = 'no_generic') as no_generic, count(*) filter (reason = 'other') as other,
    0 as star, count(*) filter (reason = 'unlisted') as unlisted, count(*) filter (c.code is null) as unknown_code
  from read_parquet({drug}, hive_partitioning = false) as d left join class as c on c.code = d.code and c.month = d.month
  where d.valid and d.branch is not null
  group by {keys}
) to '{out}' (format parquet);
"""


KEYS = {
    "totals": "d.branch, d.month",
    "cube": "d.branch, d.month, d.kind, least(d.age // 5, 15)",
}


def _sql(lake: str, out: str, keys: str) -> Result:
    import duckdb

    duckdb.execute("select 1").fetchall()
    paths = _part_paths(lake, "drug", "drug_master", "generic_class")
    months = sorted(p.split("month=")[1][:7] for p in paths["drug"])
    files = {name: "[" + ", ".join(f"'{p}'" for p in listed) + "]" for name, listed in paths.items()}
    span = {"first": f"{months[0]}-01", "last": f"{months[-1]}-01"}
    with _Timer() as timer:
        duckdb.connect().execute(SHARE_SQL.format(keys=KEYS[keys], out=out, **span, **files))
    return timer.spent


def _part_paths(lake: str, *tables: str) -> dict[str, list[str]]:
    from kenpo.lake import Lake

    opened = Lake.open(lake)
    return {name: [str(opened.root / p.path) for p in opened.parts(name)] for name in tables}


def _same_figures(one: str, other: str) -> Result:
    import polars as pl

    keys, frames = ["branch", "month"], [pl.read_parquet(p) for p in (one, other)]
    values = sorted(set(frames[0].columns) - set(keys))
    rows = [f.select(*keys, *(pl.col(v).cast(pl.Decimal(38, 7)) for v in values)).sort(keys) for f in frames]
    differing = max(f.height for f in rows) - rows[0].join(rows[1], on=[*keys, *values]).height
    return {"rows": rows[1].height, "differing": differing}


def _explain(lake: str, branch: str, month: str) -> Result:
    from datetime import date

    from kenpo.catalogue import MEASURES
    from kenpo.frame import explain, records

    opened, first = _opened(lake), date.fromisoformat(f"{month}-01")
    with _Timer() as explained:
        said = explain(opened, MEASURES[MEASURE], branch, first)
    with _Timer() as listed:
        rows = records(opened, MEASURES[MEASURE], branch, first)
    assert rows.height == said.eligible
    return {**explained.spent, "records": listed.spent, "rows": rows.height}


def _make_masters(folder: str, codes: str, editions: str) -> Result:
    from make_lake import make_masters

    return {"rows": make_masters(Path(folder), int(codes), int(editions), 2 * int(editions))}


def _masters_kenpo(lake: str, out: str) -> Result:
    import polars as pl

    from kenpo.frame import View
    from kenpo.lake.validity import in_force
    from make_lake import MONTHS

    opened = _opened(lake)
    with _Timer() as timer:
        view = View(opened, MONTHS)
        found = in_force(view.table("drug_master"), view.calendar(), "code")
        chosen = found.select("month", "code", "edition", "price", "edition_is_later")
        rows = pl.DataFrame(pl.from_arrow(chosen.to_pyarrow()))
        rows.write_parquet(out)
    return timer.spent


# The last edition of each code wins: arg_max over the editions from the month's base on.
IN_FORCE_SQL = """
copy (
  with row_of as (select * from read_parquet({paths}, hive_partitioning = false)),
  month as (select unnest(generate_series(date '{first}', date '{last}', interval 1 month))::date as month),
  edition as (select distinct edition, "full" from row_of),
  base as (
    select month, coalesce(max(edition) filter ("full" and edition < month + interval 1 month),
      min(edition) filter ("full"), min(edition)) as base, bool_or("full") as has_full
    from month, edition group by month
  ),
  candidate as (
    select b.month, e.edition, e."full", e.edition >= b.month + interval 1 month as later
    from base as b join edition as e on (e.edition = b.base and e."full" = b.has_full)
      or (not e."full" and e.edition < b.month + interval 1 month
        and (e.edition >= b.base or b.base >= b.month + interval 1 month))
  ),
  top as (
    select c.month, r.code, arg_max(struct_pack(edition := r.edition, price := r.price, change := r.change,
      abolished_on := r.abolished_on, later := c.later), (not c.later, r.edition, not r."full")) as row_
    from row_of as r join candidate as c on c.edition = r.edition and c."full" = r."full"
    group by c.month, r.code
  )
  select month, code, row_.edition as edition, row_.price as price, row_.later as edition_is_later
  from top
  where row_.change <> '1' and not (row_.change = '9' and row_.abolished_on is null)
    and (row_.abolished_on is null or row_.abolished_on >= month)
) to '{out}' (format parquet);
"""


def _masters_sql(lake: str, out: str) -> Result:
    import duckdb

    from make_lake import MONTHS

    duckdb.execute("select 1").fetchall()
    paths = "[" + ", ".join(f"'{p}'" for p in _part_paths(lake, "drug_master")["drug_master"]) + "]"
    with _Timer() as timer:
        duckdb.connect().execute(IN_FORCE_SQL.format(paths=paths, first=MONTHS[0], last=MONTHS[-1], out=out))
    return timer.spent


def _same_rows(one: str, other: str) -> Result:
    import polars as pl

    rows = [pl.read_parquet(p).sort("month", "code") for p in (one, other)]
    same = rows[0].height == rows[1].height and rows[0].join(rows[1], on=rows[0].columns).height
    return {"rows": rows[1].height, "differing": max(r.height for r in rows) - int(same)}


def _finish(file: str, lake: str, key: str, clean: str, block: str) -> Result:
    """What a killed load left, and what a second load makes of it, held against a clean lake."""
    import polars as pl

    from kenpo.intake.load import load_paths
    from kenpo.lake import Lake
    from kenpo.lake.tables import ALL_TABLES

    opened, fair = Lake.create(lake), Lake.open(clean)

    def parts(of: Lake) -> dict[str, Any]:
        return {p.path: p for name in ALL_TABLES for p in of.parts(name)}

    whole = bool(opened.files())
    named = parts(opened)
    on_disk = {str(p.relative_to(opened.root)) for p in (opened.root / "data").rglob("*") if p.is_file()}
    broken = [
        path
        for path, part in named.items()
        if path not in on_disk
        or pl.scan_parquet(opened.root / path).select(pl.len()).collect().item() != part.rows
    ]
    strays = sorted(on_disk - set(named))
    broken += [] if set(named) == (set(parts(fair)) if whole else set()) else ["manifest"]
    (report,) = load_paths(opened, [Path(file)], key_path=Path(key), workers=1, block_bytes=int(block))
    wanted = "already" if whole else "loaded"
    broken += [] if report.status == wanted else [f"second load: {report.status}"]

    differing = []
    if parts(opened) != parts(fair):
        differing.append("parts of the manifest")
    for path in parts(fair):
        mine, theirs = opened.root / path, fair.root / path
        if mine.read_bytes() != theirs.read_bytes() and not pl.read_parquet(mine).equals(
            pl.read_parquet(theirs)
        ):
            differing.append(path)
    ours, clean_files = ([_lasting(f.__dict__) for f in of.files()] for of in (opened, fair))
    if ours != clean_files:
        differing.append("files of the manifest")
    left = {str(p.relative_to(opened.root)) for p in (opened.root / "data").rglob("*") if p.is_file()}
    differing += sorted(left - set(parts(fair)))
    return {"whole": whole, "strays": strays, "broken": broken, "differing": differing}


def _lasting(entry: dict[str, Any]) -> dict[str, Any]:
    """A manifest row less what differs from load to load."""
    return {k: v for k, v in entry.items() if k not in ("loaded_at", "seconds")}


CHILDREN: dict[str, Callable[..., Result]] = {
    "make_uke": _make_uke,
    "make_lake": _make_lake,
    "make_masters": _make_masters,
    "decode": _decode,
    "load": _load,
    "oracle": _oracle,
    "compute": _compute,
    "refresh": _refresh,
    "sql": _sql,
    "same_figures": _same_figures,
    "explain": _explain,
    "masters_kenpo": _masters_kenpo,
    "masters_sql": _masters_sql,
    "same_rows": _same_rows,
    "finish": _finish,
    "branch": _branch,
    "records": _records,
    "load_branch": _load_branch,
    "refresh_branch": _refresh_branch,
    "prove": _prove,
}
SECTIONS: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "load": bench_load,
    "measure": bench_measure,
    "masters": bench_masters,
    "kill": bench_kill,
    "branch": bench_branch,
}


def _run_child(name: str, arguments: Sequence[str]) -> None:
    result = CHILDREN[name](*arguments)
    peak = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
    )
    print(json.dumps({**result, "self_mb": peak[0] * 1024 / 1e6, "child_mb": peak[1] * 1024 / 1e6}))


def main() -> None:
    """Parse the flags and run the sections in a temporary folder."""
    parser = argparse.ArgumentParser(description="kenpo against simple baselines; see bench/README.md")
    parser.add_argument("--only", choices=SECTIONS, help="one section")
    parser.add_argument("--mb", type=float, default=300, help="load: size of the UKE file")
    parser.add_argument(
        "--oracle-mb", type=float, default=60, help="load: size of the file for the csv baseline"
    )
    parser.add_argument("--receipts", type=int, default=5_000_000, help="measure: receipts in the lake")
    parser.add_argument("--codes", type=int, default=20_000, help="masters: codes")
    parser.add_argument(
        "--editions", type=int, default=12, help="masters: full editions (and twice as many of changes)"
    )
    parser.add_argument("--kills", type=int, default=50, help="kill: how many loads")
    parser.add_argument(
        "--kill-mb", type=float, default=8, help="kill: size of the file (at least 26 with two processes)"
    )
    parser.add_argument(
        "--members", type=int, nargs="+", default=[20_000, 100_000], help="branch: members of each branch"
    )
    parser.add_argument("--no-proof", action="store_true", help="branch: leave the proof out")
    parser.add_argument("--rounds", type=int, default=3, help="runs of everything timed")
    parser.add_argument("--seed", type=int, default=1, help="kill: of the random moments")
    parser.add_argument("--dir", type=Path, help="where to work (default: the system's temporary folder)")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {os.sysconf('SC_PHYS_PAGES') * _PAGE / 1e9:.0f} GB of memory", flush=True)
    for name, section in SECTIONS.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="kenpo-bench-", dir=options.dir) as work:
                section(Path(work), options)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _run_child(sys.argv[2], sys.argv[3:])
    else:
        main()
