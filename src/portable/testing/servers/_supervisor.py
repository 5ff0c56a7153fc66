"""Run one server for as long as the process that asked for it lives, and clean up after it.

Runs as a script: ``python -I -S _supervisor.py``. The order is one line of JSON on standard
input, which the asker then keeps open. The server is stopped when standard input ends (the asker
said so, or died, by whatever signal), when the asker is no longer this process's parent, and, on
Linux, by the kernel when this process dies. A `prctl` of the asker's own wouldn't do: it acts on
the death of the thread that started the child, not of the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.1
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def supervise(order: dict[str, Any]) -> int:
    """Run `order["argv"]` until it ends or is to end, and return its exit code."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGHUP, _leave)
    try:
        server = subprocess.Popen(
            order["argv"],
            cwd=order["folder"],
            env=order["environment"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            close_fds=True,
            user=order["user"],
            group=order["user"],
            extra_groups=None if order["user"] is None else [],
            # After the change of user, which would undo it. There is one thread.
            preexec_fn=_die_with_parent(),  # noqa: PLW1509
        )
        try:
            while server.poll() is None and _is_wanted(order["asker"]):
                pass
        finally:
            _stop(server, order["grace_seconds"])
    finally:
        shutil.rmtree(order["folder"], ignore_errors=True)
        for pattern in order["leftovers"]:
            for path in Path(pattern).parent.glob(Path(pattern).name):
                with contextlib.suppress(OSError):
                    path.unlink()
    return server.returncode


def _leave(_number: int, _frame: object) -> None:
    sys.exit(1)


def _die_with_parent() -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: nothing may be loaded after the fork
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal


def _is_wanted(asker: int) -> bool:
    readable, _, _ = select.select([0], [], [], POLL_SECONDS)
    return not readable and os.getppid() == asker


def _stop(server: subprocess.Popen[bytes], grace_seconds: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(server.pid, signal.SIGKILL)  # what the server started may outlive it
    server.wait()


if __name__ == "__main__":
    sys.exit(supervise(json.loads(sys.stdin.buffer.readline())))
