"""One thread's wait for everything: output, ended processes, signals and the wish to stop."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .segments import Segments


class Loop:
    """What the main thread waits in, and any other one wakes up.

    Attributes:
        reason: Why everything is to end, in exit.json's words; `None` while nothing is.
        detail: The same for people.
    """

    def __init__(self, seconds: float) -> None:
        """*seconds*: how long it may go on until the reason is ``timeout``."""
        self.began = time.monotonic()
        self.reason: str | None = None
        self.detail = ""
        self._end = self.began + seconds
        self._seconds = seconds
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = os.pipe()
        for descriptor in (self._wake_in, self._wake_out):
            os.set_blocking(descriptor, False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._awake)

    @property
    def seconds(self) -> float:
        """Since it began, by a clock that nobody sets."""
        return time.monotonic() - self.began

    def listen(self) -> None:
        """Be woken up by ended children; let SIGTERM be the notice that the machine goes away."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.stop("preempted", "the machine was ended"))
        signal.set_wakeup_fd(self._wake_out, warn_on_full_buffer=False)

    def stop(self, reason: str, detail: str = "") -> None:
        """Let everything end; the first reason counts. Safe in threads and signal handlers."""
        if self.reason is None:
            self.detail = detail
            self.reason = reason
            self.wake()

    def wake(self) -> None:
        """Let the main thread look around."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_out, b"\0")

    def watch(self, descriptor: int, call: Callable[[], object]) -> None:
        """Call when there is something to read."""
        self._selector.register(descriptor, selectors.EVENT_READ, call)

    def unwatch(self, descriptor: int) -> None:
        """Call no longer."""
        self._selector.unregister(descriptor)

    def turn(self, sinks: tuple[Segments, ...], longest: float = 60.0) -> None:
        """Wait for what comes next, and see to it; nothing is read for which there is no room."""
        wait = longest
        if self.reason is None:
            left = self._end - time.monotonic()
            wait = min(longest, left)
            if left <= 0:
                self.stop("timeout", f"it was ended after {self._seconds:g} seconds, its timeout")
        full = next((each for each in sinks if not each.has_room()), None)
        if full:
            full.wanted.set()
            full.wait_for_room(0.05)
        for key, _ in self._selector.select(0 if full else max(0.0, wait)):
            if not full or key.fd == self._wake_in:
                key.data()

    def _awake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_in, 4096):
                pass
