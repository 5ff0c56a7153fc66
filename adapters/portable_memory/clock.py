"""The clock of queues in memory: real time, and what tests add to it."""

from __future__ import annotations

import threading
import time
import weakref


class Clock:
    """Seconds since the epoch that never go back. Safe in threads.

    Args:
        frozen: Stand still but for `advance` and `sleep`.
    """

    def __init__(self, *, frozen: bool = False) -> None:
        self._frozen = frozen
        self._begin = time.time()
        self._begun = time.monotonic()
        self._added = 0.0
        self._waiting: weakref.WeakSet[threading.Condition] = weakref.WeakSet()

    def now(self) -> float:
        """The time."""
        passed = 0.0 if self._frozen else time.monotonic() - self._begun
        return self._begin + passed + self._added

    def advance(self, seconds: float) -> None:
        """Let time pass at once: delays and leases end by it."""
        self._added += seconds
        for condition in list(self._waiting):
            with condition:
                condition.notify_all()

    def sleep(self, seconds: float) -> None:
        """Sleep; on a frozen clock the time passes at once."""
        if self._frozen:
            self.advance(seconds)
        else:
            time.sleep(seconds)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Wait for a notice, or for the time to pass; the caller holds the condition."""
        if self._frozen:
            self._added += seconds
        else:
            self._waiting.add(condition)
            condition.wait(seconds)


CLOCK = Clock()
