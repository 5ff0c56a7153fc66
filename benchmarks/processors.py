"""Who used the processors: this process and the commands that it ran, or the servers beside it."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROCESSES = Path("/proc")


def client_seconds() -> float:
    """Of this process and of its children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def server_seconds() -> float:
    """Of the processes below this one that still run, in steps of 10 ms; 0 where nobody can tell."""
    parents, seconds = {}, {}
    for place in PROCESSES.glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        process = int(place.parent.name)
        parents[process] = int(fields[1])
        seconds[process] = (int(fields[11]) + int(fields[12])) / TICKS
    return sum(taken for process, taken in seconds.items() if _is_below(process, parents))


def _is_below(process: int, parents: dict[int, int]) -> bool:
    while process in parents:
        process = parents[process]
        if process == os.getpid():
            return True
    return False
