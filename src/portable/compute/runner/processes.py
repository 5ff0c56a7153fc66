"""The processes that tasks start: told of and ended, whatever they ignore."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Container

_SET_CHILD_SUBREAPER = 36  # prctl(2)
_LONGEST_SECONDS = 10.0  # a process that the system doesn't end isn't waited for longer
_ON_LINUX = sys.platform == "linux"


def adopt_orphans() -> None:
    """Become the parent of what tasks leave behind, so that it can be found; Linux only."""
    if _ON_LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def signal_group(group: int, number: int) -> None:
    """Signal a process group; one that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS's word for zombies
        os.killpg(group, number)


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Has it? Then what is left of its group is killed, before its id can be another's."""
    if _ON_LINUX:
        if not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return False
        signal_group(process.pid, signal.SIGKILL)
        process.wait()
    else:
        if process.poll() is None:
            return False
        signal_group(process.pid, signal.SIGKILL)
    return True


def reap_strangers(known: Container[int]) -> None:
    """Let go of adopted processes that have ended; those in *known* are their owners' business."""
    if not _ON_LINUX:
        return
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitid(os.P_ALL, 0, options)) and found.si_pid not in known:
            os.waitpid(found.si_pid, 0)


def end_children() -> None:
    """Kill all that is left below this process, and wait for it."""
    end = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < end:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            for child in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.002)


def _children() -> list[int]:
    if not _ON_LINUX:
        return []
    own = os.getpid()
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _parent(name) == own]


def _parent(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
