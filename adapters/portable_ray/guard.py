"""What a job's entrypoint runs: the boot script, with an end that takes everything along.

Ray stops a job by SIGTERM to its process and that one's children, and kills the process's group
where the node's part of Ray dies; what has left the group, or has lost its parent, would go on. Here
a guard in a session of its own adopts all of it, and kills it at the script's end, at SIGTERM, and
when its parent, which is in Ray's group, is gone. The standard library only, Python 3.9.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_ADOPT = 36  # PR_SET_CHILD_SUBREAPER


def main(boot: str) -> int:
    """Run the script; its exit code."""
    alive, held = os.pipe()  # `held` is closed when this process ends, in whatever way
    wake, woken = os.pipe()
    guard = os.fork()
    if guard == 0:
        os.close(held)
        os.setsid()
        os._exit(_watch(boot, alive, wake, woken))
    signal.signal(signal.SIGTERM, _nothing)
    os.close(alive)
    status = os.waitpid(guard, 0)[1]
    os.close(held)
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    return code if code >= 0 else 128 - code


def _nothing(number: int, frame: FrameType | None) -> None:
    """The guard is told, too, and this process waits for its end."""


def _watch(boot: str, alive: int, wake: int, woken: int) -> int:
    asked = [False]
    signal.signal(signal.SIGTERM, lambda *_: asked.__setitem__(0, True))
    signal.signal(signal.SIGCHLD, _nothing)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_ADOPT, 1, 0, 0, 0)
    folder = tempfile.mkdtemp(prefix="portable-", dir=os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108
    try:
        script = f"{folder}/boot.sh"
        with open(script, "w", encoding="utf-8") as file:
            file.write(boot)
        child = subprocess.Popen(  # noqa: S603
            ["/bin/sh", script],
            cwd=folder,
            env={**os.environ, "TMPDIR": folder},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        code = 128 + signal.SIGTERM
        while not asked[0]:
            ready = select.select([alive, wake], [], [])[0]
            if alive in ready:
                break
            os.read(wake, 4096)
            ended = _ended(child.pid)
            if ended is not None:
                code = ended
                break
        _end_all(child.pid)
        return code
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ended(script: int) -> int | None:
    """Bury what has ended; the exit code of the script, where it has."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            id, status = os.waitpid(-1, os.WNOHANG)
            if id == 0:
                break
            if id == script:
                code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
    return code


def _end_all(script: int) -> None:
    """Kill children until there are none: what they leave behind comes here."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(script, signal.SIGKILL)
    if sys.platform != "linux":
        return
    while True:
        for id in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(id, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all that is needed
        if name.isdigit():
            with contextlib.suppress(OSError):
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = file.read().rpartition(b")")[2].split()[1]
                if int(parent) == os.getpid():
                    found.append(int(name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
