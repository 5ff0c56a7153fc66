"""Processes of this machine: which one it is, which belong together, and how they end.

A process is told by its id and its start, so that another one that has got the id isn't taken for
it. Linux tells of both in ``/proc``; elsewhere ``ps`` does, which knows no environments.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from portable.errors import Unavailable

PATIENCE_SECONDS = 10.0  # for processes to be gone once they were killed
_PROC = Path("/proc")
ON_LINUX = sys.platform == "linux"
# What a shell writes down of itself, without starting anything where that is possible.
OWN_IDENTITY = (
    'read -r s </proc/$$/stat;echo "$s"' if ON_LINUX else "ps -o pid=,stat=,ppid=,lstart= -p $$"
)


class Process:
    """One process, as its line of ``/proc/PID/stat`` or of ``ps`` has it."""

    def __init__(self, line: str) -> None:
        if ON_LINUX:  # PID (NAME) STATE PPID …, the start is the 22nd
            numbers = line.rpartition(")")[2].split()
            self.id = int(line.split(None, 1)[0])
            self.parent = int(numbers[1])
            self.start = numbers[19]
            self.has_ended = numbers[0] in "ZX"
        else:
            number, state, parent, self.start = line.split(None, 3)
            self.id, self.parent = int(number), int(parent)
            self.has_ended = state.startswith("Z")

    def is_there(self) -> bool:
        """Does it run, and is it the same one?"""
        now = _look(self.id)
        return now is not None and now.start == self.start and not now.has_ended


def belonging(root: Process | None, mark: bytes) -> list[Process]:
    """*root*, all whose environment has *mark*, and all that they have started."""
    every = {process.id: process for process in _all() if not process.has_ended}
    found = {number for number in every if _has_mark(number, mark)}
    if root is not None and root.id in every and every[root.id].start == root.start:
        found.add(root.id)
    while grown := {one.id for one in every.values() if one.parent in found} - found:
        found |= grown
    return [every[number] for number in found - {os.getpid()}]


def end_all(root: Process | None, mark: bytes) -> None:
    """Kill all that belongs together, and return once it is gone.

    Raises:
        Unavailable: the system doesn't end one of them.
        PermissionDenied: one is another user's.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    pause = 0.001
    killed: list[Process] = []
    while found := belonging(root, mark) + [each for each in killed if each.is_there()]:
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.id, signal.SIGKILL)
        killed = found
        if time.monotonic() > end:
            ids = sorted({process.id for process in found})
            raise Unavailable(f"processes {ids} were killed and don't end")
        time.sleep(pause)
        pause = min(2 * pause, 0.1)


def _look(number: int) -> Process | None:
    if ON_LINUX:
        try:
            return Process((_PROC / str(number) / "stat").read_text())
        except (FileNotFoundError, ProcessLookupError):
            return None
    return next(_listed("-p", str(number)), None)


def _all() -> Iterator[Process]:
    if not ON_LINUX:
        yield from _listed("-ax")
        return
    for name in os.listdir(_PROC):  # noqa: PTH208 - names are all that is needed
        if name.isdigit():
            process = _look(int(name))
            if process is not None:
                yield process


def _listed(*which: str) -> Iterator[Process]:
    shown = subprocess.run(  # noqa: S603
        ["ps", "-o", "pid=,stat=,ppid=,lstart=", *which],  # noqa: S607 - where it is differs
        capture_output=True,
        text=True,
        check=False,
    )
    yield from map(Process, filter(str.strip, shown.stdout.splitlines()))


def _has_mark(number: int, mark: bytes) -> bool:
    if not ON_LINUX:
        return False
    try:
        environment = (_PROC / str(number) / "environ").read_bytes()
    except OSError:  # gone, or another user's
        return False
    return mark in environment.split(b"\0")
