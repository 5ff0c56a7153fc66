"""Waiting for a message without asking for it all the time."""

from __future__ import annotations

import os
import threading
from pathlib import Path

# Another process can't ring here: who waits looks at the file, less and less often. With the longest
# pause a thread that waits takes 1.2 % of a processor, measured by `benchmarks queue-idle`.
FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.025

_bells: dict[Path, Bell] = {}


class Bell:
    """Wakes those of this process that wait for messages in one file."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rung = 0
        self._waiting = 0

    @property
    def rung(self) -> int:
        """How often it was rung; for `wait`."""
        return self._rung

    def ring(self) -> None:
        """Something may have become visible."""
        self._rung += 1
        if self._waiting:
            with self._condition:
                self._condition.notify_all()

    def wait(self, since: int, seconds: float) -> bool:
        """Wait until it is rung, or has been *since*; False when it wasn't in time."""
        with self._condition:
            self._waiting += 1
            try:
                return self._condition.wait_for(lambda: self._rung != since, seconds)
            finally:
                self._waiting -= 1


def bell_of(path: Path) -> Bell:
    """The one of this process for a file."""
    return _bells.setdefault(path, Bell())


# A thread of the parent may have held a bell's lock.
os.register_at_fork(after_in_child=_bells.clear)
