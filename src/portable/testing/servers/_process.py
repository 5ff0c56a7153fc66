"""Start a server, wait until it does its work, and stop it."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from portable.testing.servers._ports import reserved
from portable.testing.servers._server import ServerUnavailable

Server = TypeVar("Server")

START_SECONDS = 40.0
GRACE_SECONDS = 1.0  # from SIGTERM to SIGKILL: nothing that a server holds is worth more
STARTS = 3
LOG_TAIL_BYTES = 4000
SUPERVISOR = Path(__file__).with_name("_supervisor.py")


@dataclass(frozen=True, slots=True)
class Plan(Generic[Server]):
    """How one server is to be run.

    Attributes:
        argv: The command.
        environment: All of its environment but for `PATH`, `HOME` and `TMPDIR`.
        make_ready: Called until it no longer raises; gives the server, usable.
        leftovers: Patterns of files outside its folder to remove when it has stopped.
        user: Whom to run it as, by number; whoever asks unless given.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    make_ready: Callable[[], Server]
    leftovers: Sequence[str] = ()
    user: int | None = None


@contextmanager
def running(
    name: str, plan: Callable[[int, Path], Plan[Server]], *, offsets: Sequence[int] = (0,)
) -> Iterator[Server]:
    """Run what *plan* makes of a port and an empty folder.

    Args:
        offsets: What is added to the port to give each port that the server listens on.

    Raises:
        ServerUnavailable: it ended or wasn't usable in time; the text has the end of its log.
    """
    for start in range(1, STARTS + 1):
        with reserved(offsets) as (port, reservation):
            folder = Path(tempfile.mkdtemp(prefix=f"portable-{name}-"))
            with _Child(name, plan(port, folder), folder, reservation) as child:
                try:
                    server = child.wait_until_usable()
                except _EndedEarly as error:
                    # Some other process may have taken the port between the check and the start.
                    if start == STARTS:
                        raise ServerUnavailable(str(error)) from error
                    continue
                yield server
                return


class _EndedEarly(Exception):
    pass


class _Child(Generic[Server]):
    """One server's supervisor, as seen from the process that started it."""

    def __init__(self, name: str, plan: Plan[Server], folder: Path, reservation: int) -> None:
        self._name = name
        self._plan = plan
        self._owner = os.getpid()
        self._log = (folder / "log").open("ab+")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR)],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # the terminal's Ctrl-C is for the tests, which stop us
            pass_fds=(reservation,),
        )
        atexit.register(self._stop)
        self._order(folder)

    def _order(self, folder: Path) -> None:
        inherited = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        order = {
            "argv": list(self._plan.argv),
            "environment": {
                **inherited,
                "HOME": str(folder),
                "TMPDIR": str(folder),
                **self._plan.environment,
            },
            "folder": str(folder),
            "leftovers": list(self._plan.leftovers),
            "user": self._plan.user,
            "grace_seconds": GRACE_SECONDS,
            "asker": os.getpid(),
        }
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended; whoever waits for the server will see
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        atexit.unregister(self._stop)

    def wait_until_usable(self) -> Server:
        from botocore.exceptions import BotoCoreError, ClientError

        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                server = self._plan.make_ready()
            except (OSError, BotoCoreError, ClientError) as error:
                problem: Exception = error
            else:
                if self._process.poll() is None:
                    return server
                problem = ServerUnavailable("something else answers on its port")
            if self._process.poll() is not None:
                raise _EndedEarly(
                    f"{self._name} ended with code {self._process.returncode}\n{self._log_tail()}"
                ) from problem
            if time.monotonic() > deadline:
                raise ServerUnavailable(
                    f"{self._name} wasn't usable after {START_SECONDS:.0f} s: {problem}\n"
                    f"{self._log_tail()}"
                ) from problem
            time.sleep(0.05)

    def _log_tail(self) -> str:
        size = os.fstat(self._log.fileno()).st_size
        tail = os.pread(self._log.fileno(), LOG_TAIL_BYTES, max(0, size - LOG_TAIL_BYTES))
        return f"the end of its log:\n{tail.decode(errors='replace').strip() or '(empty)'}"

    def _stop(self) -> None:
        """Return when the server is gone and its folder with it."""
        if os.getpid() != self._owner or self._log.closed:
            return  # a fork inherits this object, not the server
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the supervisor ended before it read its order
            self._process.stdin.close()
        try:
            self._process.wait(GRACE_SECONDS + 20)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the kernel kills the server with it
            self._process.wait()
        self._log.close()
