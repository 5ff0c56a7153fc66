"""Tasks that are a command: each a process in a folder, a session and a group of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque

from .lines import Lines
from .manifest import INDEX
from .processes import has_ended, signal_group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from .folders import Folders
    from .loop import Loop
    from .manifest import Manifest
    from .segments import Segments

    Ended = Callable[[int, "int | None", str, float], None]

BLOCK = 256 * 1024
TERMINATED = (-signal.SIGTERM, 128 + signal.SIGTERM)  # a process, or as a shell tells of it
NOTICE_SECONDS = 1.0  # between a task's SIGTERM and the runner's, from the same sender
LOOK_SECONDS = 0.01
LEFT_MAX = 64 * BLOCK  # of what a task's own leftovers say after its end


class Commands:
    """Runs as many at once as there are slots.

    *folders* gives each a folder of its own, or is the one that they run in. *ended* is called
    with a task's index, exit code, reason and seconds, in the main thread.
    """

    def __init__(
        self,
        manifest: Manifest,
        folders: Folders | str,
        log: Segments,
        loop: Loop,
        ended: Ended,
    ) -> None:
        self._manifest = manifest
        self._folders = folders
        self._log = log
        self._loop = loop
        self._ended = ended
        self._waiting = deque(manifest.tasks)
        self._running: dict[int, _Running] = {}
        self._environment = manifest.environment()
        self._nothing = os.open(os.devnull, os.O_RDONLY)
        self._program = self._found()

    @property
    def is_busy(self) -> bool:
        """Is any process still there?"""
        return bool(self._running)

    @property
    def is_done(self) -> bool:
        """Is nothing left to do but to let processes end?"""
        return not self._waiting and not self._running

    @property
    def processes(self) -> dict[int, _Running]:
        """Those that run, by their id."""
        return self._running

    def fill(self) -> None:
        """Start what there is room for."""
        while self._waiting and len(self._running) < self._manifest.slots:
            self._start(self._waiting.popleft())

    def signal(self, number: int) -> None:
        """To every task, and its children."""
        for running in self._running.values():
            running.is_signalled = True
            signal_group(running.process.pid, number)

    def reap(self) -> None:
        """See which have ended; what they leave behind in their group ends with them."""
        ended = [each for each in self._running.values() if has_ended(each.process)]
        asked = any(each.process.returncode in TERMINATED for each in ended) and self._is_told()
        for running in ended:
            self._end(running, is_asked=asked and running.process.returncode in TERMINATED)

    def _found(self) -> bytes | None:
        """Where the command is, looked for once; `None` where that depends on the task's folder."""
        name = os.fsencode(self._manifest.command[0]) if self._manifest.command else b""
        folders = self._environment.get(b"PATH", os.fsencode(os.defpath)).split(b":")
        if not name or b"/" in name or not all(map(os.path.isabs, folders)):
            return None
        places = (os.path.join(folder, name) for folder in folders)
        return next((place for place in places if _is_program(place)), None)

    def _start(self, index: int) -> None:
        folders = self._folders
        folder = folders if isinstance(folders, str) else folders.make(index)
        began = time.monotonic()
        try:
            process = subprocess.Popen(  # noqa: S603
                self._manifest.command,
                cwd=folder,
                env={**self._environment, INDEX: b"%d" % index},
                executable=self._program,
                stdin=self._nothing,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            name = self._manifest.command[0] if self._manifest.command else ""
            self._loop.stop("no start", f"{name!r} can't be started: {error.strerror}")
            self._ended(index, None, "no start", 0.0)
            return
        lines = Lines(self._log).of(index if self._manifest.is_array else None)
        running = _Running(index, process, lines, began)
        self._running[process.pid] = running
        os.set_blocking(running.output.fileno(), False)
        self._loop.watch(running.output.fileno(), lambda: self._read(running))

    def _read(self, running: _Running) -> bool:
        data = running.output.read(BLOCK)
        if data == b"":
            self._loop.unwatch(running.output.fileno())
            running.output.close()
        elif data:
            running.lines.add(data)
        return bool(data)

    def _end(self, running: _Running, *, is_asked: bool) -> None:
        process = running.process
        del self._running[process.pid]
        left = LEFT_MAX  # an escaped process may go on talking
        while not running.output.closed and left > 0 and self._read(running):
            left -= BLOCK
        if not running.output.closed:
            self._loop.unwatch(running.output.fileno())
            running.output.close()
        running.lines.end()
        seconds = time.monotonic() - running.began
        reason = ((running.is_signalled or is_asked) and self._loop.reason) or "exit"
        self._ended(running.index, process.returncode, reason, seconds)

    def _is_told(self) -> bool:
        """Does the machine go away? It asks all to end, and a task may have heard it first.

        By looks and not by the clock: a machine that stands still meanwhile asks nobody.
        """
        for _ in range(round(NOTICE_SECONDS / LOOK_SECONDS)):
            if self._loop.reason is not None:
                break
            time.sleep(LOOK_SECONDS)
        return self._loop.reason == "preempted"


def _is_program(path: bytes) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


class _Running:
    def __init__(
        self, index: int, process: subprocess.Popen[bytes], lines: Lines, began: float
    ) -> None:
        assert process.stdout is not None  # noqa: S101
        self.index = index
        self.process = process
        self.output: IO[bytes] = process.stdout
        self.lines = lines
        self.began = began
        self.is_signalled = False
