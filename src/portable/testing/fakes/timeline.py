"""What happens later, by a clock that tests can move."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable


class Timeline:
    """Actions that are due at a time, done in a thread of its own, or by who moves the clock."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._doing = threading.RLock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="fake-gce-time", daemon=True)

    def start(self) -> None:
        """Let time pass."""
        self._thread.start()

    def stop(self) -> None:
        """Do nothing any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._ahead

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do *action* in so many seconds; never where they are infinite."""
        if not math.isfinite(seconds):
            return
        with self._changed:
            heapq.heappush(self._due, (self.now() + seconds, next(self._number), action))
            self._changed.notify_all()

    def advance(self, seconds: float) -> None:
        """Move the clock; what is due by then has been done when this returns."""
        with self._changed:
            self._ahead += seconds
        self._do_what_is_due()

    def _do_what_is_due(self) -> None:
        with self._doing:
            while (action := self._next()) is not None:
                action()

    def _next(self) -> Callable[[], object] | None:
        with self._changed:
            if self._due and self._due[0][0] <= self.now():
                return heapq.heappop(self._due)[2]
            return None

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._ended:
                    return
                wait = self._due[0][0] - self.now() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
            self._do_what_is_due()
