"""What looking at jobs costs: a list where there are many past ones, and a log that is followed."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import portable
from benchmarks.processors import client_seconds

JOBS = 10_000
NEWEST = 9_999_999_999_999  # docs/compute-contract.md
LINES, EVERY = 40, 0.35  # seconds: not a part of any interval of the runner's or the client's


def past_jobs(folder: Path, rounds: int) -> str:
    """`portable jobs`, a process of its own, where local storage in *folder* has many jobs."""
    _make(folder / "storage/portable/compute")
    command = [sys.executable, "-m", "portable", "jobs"]
    around = os.environ | {
        "PORTABLE_STORAGE": f"file://{folder}/storage",
        "PORTABLE_COMPUTE": f"process://{folder}/machines",
    }
    walls, processor = [], []
    for _ in range(rounds + 1):
        before, begin = client_seconds(), time.perf_counter()
        said = subprocess.run(command, env=around, check=True, capture_output=True, text=True)
        walls.append(time.perf_counter() - begin)
        processor.append(client_seconds() - before)
        assert len(said.stdout.splitlines()) == 1 + 20, said.stdout
    wall, busy = (statistics.median(each[1:]) for each in (walls, processor))
    return (
        f"`portable jobs` with {JOBS:,} past jobs: {wall:.2f} s, of which {busy:.2f} s of a processor "
        f"(medians of {rounds})\n"
    )


def followed_log() -> str:
    """From a line's being written to its being shown, while the job runs."""
    job = portable.compute.submit(
        f"n=0; while [ $n -lt {LINES} ]; do date +%s.%N; sleep {EVERY}; n=$((n+1)); done"
    )
    late = [time.time() - float(line) for line in job.logs(follow=True)]
    assert len(late) == LINES
    return (
        f"A line of a log that is followed: shown {statistics.median(late):.2f} s after it was "
        f"written, {max(late):.2f} s at most ({LINES} lines)\n"
    )


def _make(home: Path) -> None:
    """As a job leaves its objects, so often: the same ones, but for the record and the mark."""
    model = portable.compute.submit("echo hello").id
    portable.compute.job(model).wait()
    record = json.loads((home / "jobs" / model / "job.json").read_bytes())
    left = [each for each in (home / "jobs" / model).rglob("*") if each.is_file()]
    for number in range(JOBS):
        created, id = record["created"] - 60 * number, f"past-{number:05d}"
        for each in left:
            name = home / "jobs" / id / each.relative_to(home / "jobs" / model)
            name.parent.mkdir(parents=True, exist_ok=True)
            if each.name == "job.json":
                name.write_text(json.dumps({**record, "id": id, "created": created}))
            else:
                name.hardlink_to(each)
        (home / "recent" / f"{NEWEST - int(created * 1000):013d}-{id}").touch()
