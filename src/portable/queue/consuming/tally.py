"""How much a consumer has done. Safe in threads."""

from __future__ import annotations

import threading
from collections import Counter

from portable.queue.types import ConsumeReport


class Tally:
    """Counts for a `ConsumeReport`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()

    def add(self, *names: str) -> None:
        """Count one of each of these fields."""
        with self._lock:
            self._counts.update(names)

    def raised(self, error: BaseException) -> None:
        """Count a handler's error."""
        with self._lock:
            self._errors[type(error).__name__] += 1

    def report(self, stopped_by: str) -> ConsumeReport:
        """All of it."""
        with self._lock:
            return ConsumeReport(**self._counts, errors=dict(self._errors), stopped_by=stopped_by)
