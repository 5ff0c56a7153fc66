"""When to stop: a signal, or an event of the caller's."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)
LOOK_SECONDS = 0.1


class Watch:
    """Looks out for signals and for *stop*, and calls *found* with what it was.

    A signal's handler does no more than set a flag: it may run in the middle of anything, where
    taking a lock could wait for ever. After the first signal the process's own handlers are back,
    so that a second one acts as always.
    """

    def __init__(self, stop: threading.Event | None, found: Callable[[str], None]) -> None:
        self._stop = stop
        self._found = found
        self._signalled = False
        self._before: dict[signal.Signals, Any] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="portable-watch", daemon=True)

    def start(self) -> None:
        """Begin; signals are heard in the main thread only, and those that are ignored stay so."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) not in (None, signal.SIG_IGN):
                    self._before[number] = signal.signal(number, self._heard)
        self._thread.start()

    def end(self) -> None:
        """Put the process's own handlers back, and end the thread."""
        self._restore()
        self._over.set()
        self._thread.join()

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self._signalled = True
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def look(self) -> bool:
        """Look once; True when it is time to stop."""
        if self._signalled:
            self._found("signal")
        elif self._stop is not None and self._stop.is_set():
            self._found("stop")
        else:
            return False
        return True

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if self.look():
                return
