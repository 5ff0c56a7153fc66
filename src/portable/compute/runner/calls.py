"""Tasks that are calls of a function: processes that load it once and take one index at a time."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import deque

from .commands import BLOCK, LEFT_MAX
from .lines import Lines
from .processes import has_ended, signal_group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .commands import Ended
    from .folders import Folders
    from .loop import Loop
    from .manifest import Manifest
    from .segments import Segments

WORKER = "worker"  # the first argument of such a process


class Calls:
    """Has as many workers as there are slots; the interface is that of `Commands`."""

    def __init__(
        self,
        manifest: Manifest,
        folders: Folders,
        archive: str,
        log: Segments,
        results: Segments,
        loop: Loop,
        ended: Ended,
    ) -> None:
        self._manifest = manifest
        self._folders = folders
        self._archive = archive
        self._log = log
        self._results = results
        self._loop = loop
        self._ended = ended
        self._environment = manifest.environment()
        self._waiting = deque(manifest.tasks)
        self._workers: dict[int, _Worker] = {}

    @property
    def is_busy(self) -> bool:
        """Is any process still there?"""
        return bool(self._workers)

    @property
    def is_done(self) -> bool:
        """Is nothing left to do but to let the workers end?"""
        return not self._waiting and all(each.index is None for each in self._workers.values())

    @property
    def processes(self) -> dict[int, _Worker]:
        """Those that run, by their id."""
        return self._workers

    def fill(self) -> None:
        """Give each idle worker a task; start those that are missing."""
        for worker in list(self._workers.values()):
            if worker.is_idle and self._waiting:
                self._give(worker, self._waiting.popleft())
        missing = min(self._manifest.slots - len(self._workers), len(self._waiting))
        for _ in range(missing):
            self._give(self._hire(), self._waiting.popleft())
        if not self._waiting:
            self.dismiss()

    def signal(self, number: int) -> None:
        """To every worker, and what its calls have started."""
        for worker in self._workers.values():
            worker.is_signalled = True
            signal_group(worker.process.pid, number)

    def dismiss(self) -> None:
        """Let idle workers end; they say good-bye to what the function has opened."""
        for worker in self._workers.values():
            if worker.is_idle:
                worker.tasks.close()

    def reap(self) -> None:
        """See which have ended, on purpose or in the midst of a call."""
        for worker in list(self._workers.values()):
            if has_ended(worker.process):
                self._end(worker)

    def _hire(self) -> _Worker:
        answers, writing = os.pipe()
        try:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, self._archive, WORKER, str(writing), self._folders.shared],
                cwd=self._folders.shared,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
                pass_fds=(writing,),
            )
        finally:
            os.close(writing)
        worker = _Worker(process, answers, Lines(self._log))
        self._workers[process.pid] = worker
        for descriptor in (answers, worker.output.fileno()):
            os.set_blocking(descriptor, False)
        self._loop.watch(answers, lambda: self._hear(worker))
        self._loop.watch(worker.output.fileno(), lambda: self._read(worker))
        return worker

    def _give(self, worker: _Worker, index: int) -> None:
        worker.index = index
        worker.began = time.monotonic()
        worker.lines.of(index if self._manifest.is_array else None)
        folder = self._folders.make(index)
        with contextlib.suppress(BrokenPipeError):  # it has ended; `reap` sees to it
            worker.tasks.write(b"%d %s\n" % (index, os.fsencode(folder)))

    def _read(self, worker: _Worker) -> bool:
        data = worker.output.read(BLOCK)
        if data == b"":
            self._loop.unwatch(worker.output.fileno())
            worker.output.close()
        elif data:
            worker.lines.add(data)
        return bool(data)

    def _read_all(self, worker: _Worker) -> None:
        left = LEFT_MAX
        while not worker.output.closed and left > 0 and self._read(worker):
            left -= BLOCK
        worker.lines.end()

    def _hear(self, worker: _Worker) -> bool:
        """Take what the worker has answered: ``INDEX CODE BYTES``, and the line of results."""
        try:
            data = os.read(worker.answers, BLOCK)
        except BlockingIOError:
            return False
        if not data:
            worker.stop_hearing(self._loop)
            return False
        worker.heard += data
        while (end := worker.heard.find(b"\n")) >= 0:
            index, code, size = map(int, bytes(worker.heard[:end]).split())
            if len(worker.heard) < end + 1 + size:
                break
            line = bytes(worker.heard[end + 1 : end + 1 + size])
            del worker.heard[: end + 1 + size]
            worker.is_ready = True
            if code and index < 0:
                self._loop.stop("refused", line.decode())
            elif index >= 0:
                self._finish(worker, code, line)
        return True

    def _finish(self, worker: _Worker, code: int | None, line: bytes) -> None:
        self._read_all(worker)
        index, worker.index = worker.index, None
        assert index is not None  # noqa: S101
        self._results.append(line + b"\n")
        if self._results.is_full:
            self._loop.stop(
                "outputs",
                "the results are more than there is room for: let the function store what it "
                "makes, and return the keys",
            )
        reason = (worker.is_signalled and self._loop.reason) or "exit"
        self._ended(index, code, reason, time.monotonic() - worker.began)

    def _end(self, worker: _Worker) -> None:
        while worker.is_heard and self._hear(worker):
            pass
        code = worker.process.returncode
        if not worker.is_ready:
            name = self._manifest.function and self._manifest.function["pickle"]
            self._loop.stop(
                "refused", f"the process that loads {name} ended with code {code}; see the log"
            )
        if worker.index is not None:
            self._read_all(worker)
            if not self._loop.reason:
                name = "signal" if code < 0 else "code"
                error = f"the process that called it ended with {name} {abs(code)}"
                worker.lines.add(f"[portable] {error}\n".encode())
                answer = {"index": worker.index, "error": error, "traceback": ""}
                self._finish(worker, code or 1, json.dumps(answer).encode())
            else:
                index, worker.index = worker.index, None
                code = None if self._loop.reason == "refused" else code
                self._ended(index, code, self._loop.reason, time.monotonic() - worker.began)
        self._read_all(worker)
        del self._workers[worker.process.pid]
        worker.stop_hearing(self._loop)
        if not worker.output.closed:
            self._loop.unwatch(worker.output.fileno())
            worker.output.close()
        worker.tasks.close()


class _Worker:
    def __init__(self, process: subprocess.Popen[bytes], answers: int, lines: Lines) -> None:
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        self.process = process
        self.tasks = process.stdin
        self.output = process.stdout
        self.answers = answers
        self.is_heard = True
        self.is_ready = False
        self.heard = bytearray()
        self.lines = lines
        self.index: int | None = None
        self.began = 0.0
        self.is_signalled = False

    @property
    def is_idle(self) -> bool:
        return self.index is None and not self.tasks.closed

    def stop_hearing(self, loop: Loop) -> None:
        if self.is_heard:
            self.is_heard = False
            loop.unwatch(self.answers)
            os.close(self.answers)
