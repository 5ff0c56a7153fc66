"""Jobs on this machine: how soon they start and are seen, and many small ones beside other tools.

A job is submitted and waited for through the public API: its record, its archive and a runner of
its own are in its time. joblib is given both ways: with its pool started anew, as a job's runner is,
and with a pool that is there already.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import portable
from benchmarks.looks import followed_log, past_jobs
from benchmarks.timing import Row, Work, as_table, measure

TASKS = 1000
COMMAND = ("sh", "-c", "true")
COLD, WARM, PARALLEL = "joblib", "joblib, pool kept", "GNU parallel"


def run(rounds: int) -> str:
    """Markdown tables."""
    with _place() as folder:
        starts = _starts(folder, 4 * rounds)
        rows = [
            _commands(rounds),
            _calls(f"{TASKS:,} calls that return at once", 0.0, rounds),
            _calls(f"{TASKS:,} calls of 1 ms", 0.001, rounds),
        ]
        seen = f"{followed_log()}\n{past_jobs(folder, rounds)}"
    title = f"Many small tasks, {os.cpu_count()} at once"
    table = as_table(title, rows, "portable", (COLD, WARM, PARALLEL))
    return f"{starts}\n{table}\n### Jobs seen\n\n{seen}"


@contextmanager
def _place() -> Iterator[Path]:
    """A folder for everything, and in it the working directory: a job looks for files there."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as name:
        folder = Path(name).resolve()
        portable.configure(
            storage=f"file://{folder}/storage", compute=f"process://{folder}/machines"
        )
        os.chdir(folder)
        try:
            yield folder
        finally:
            os.chdir(before)
            portable.configure()


def _starts(folder: Path, rounds: int) -> str:
    """From the call to the first line of the command, in milliseconds."""
    mark = folder / "mark"
    command = ["sh", "-c", f"date +%s.%N > {mark}"]

    def job() -> Callable[[], object]:
        return portable.compute.submit(command).wait

    def process() -> Callable[[], object]:
        return subprocess.Popen(command).wait

    lines = [
        "### Start of one command",
        "",
        "| | until it runs | until the call returns | until its end is known |",
        "|---|---:|---:|---:|",
    ]
    for name, start in {"portable.compute.submit": job, "subprocess.Popen": process}.items():
        seen = [_start(start, mark) for _ in range(rounds + 1)][1:]
        told = " | ".join(
            f"{1000 * statistics.median(each):.0f} ms" for each in zip(*seen, strict=True)
        )
        lines.append(f"| {name} | {told} |")
    return "\n".join(lines) + "\n"


def _start(start: Callable[[], Callable[[], object]], mark: Path) -> tuple[float, float, float]:
    begin = time.time()
    wait = start()
    returned = time.time()
    wait()
    ended = time.time()
    return float(mark.read_text()) - begin, returned - begin, ended - begin


def _commands(rounds: int) -> Row:
    from joblib import Parallel, delayed

    def job() -> None:
        result = portable.compute.submit(COMMAND, count=TASKS).wait()
        assert result.status == "succeeded", result

    def pool() -> None:
        codes = Parallel(_processors())(delayed(subprocess.call)(COMMAND) for _ in range(TASKS))
        assert not any(codes)

    peers: dict[str, Work] = {"portable": job, COLD: _anew(pool), WARM: pool}
    program = shutil.which("parallel")
    if program is not None:
        numbers = "\n".join(map(str, range(TASKS))).encode()
        line = [program, f"-j{_processors()}", "sh", "-c", "true", ";:"]
        peers[PARALLEL] = lambda: subprocess.run(line, input=numbers, check=True)
    name = f"{TASKS:,} tasks of `sh -c true`"
    return measure(name, "tasks/s", TASKS, peers, rounds)


def _calls(name: str, seconds: float, rounds: int) -> Row:
    from joblib import Parallel, delayed

    def function(item: int) -> int:  # in here, so that both send its code
        import time

        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass
        return item

    wanted = list(range(TASKS))

    def job() -> None:
        assert list(portable.compute.map(function, wanted)) == wanted

    def pool() -> None:
        assert Parallel(_processors())(delayed(function)(each) for each in wanted) == wanted

    peers: dict[str, Work] = {"portable": job, COLD: _anew(pool), WARM: pool}
    return measure(name, "calls/s", TASKS, peers, rounds)


def _anew(work: Work) -> Work:
    """With the pool's processes started by it."""
    from joblib.externals.loky import get_reusable_executor

    def cold() -> None:
        get_reusable_executor().shutdown(wait=True)
        work()

    return cold


def _processors() -> int:
    return os.cpu_count() or 1
