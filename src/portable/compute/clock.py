"""Storage's own clock: only times of one clock are compared (docs/compute.md)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portable.compute.shelf import Shelf

FRESH_SECONDS = 600.0  # so far two clocks don't drift apart


class StorageClock:
    """Asks storage for its time by writing an object, and then counts on by itself."""

    def __init__(self, shelf: Shelf, clock: Callable[[], float]) -> None:
        self._shelf = shelf
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """Storage's time, to a second or so."""
        with self._lock:
            if self._known is None or self._clock() - self._known[1] > FRESH_SECONDS:
                self._known = (self._ask(), self._clock())
            told, at = self._known
            return told + timedelta(seconds=self._clock() - at)

    def since(self, moment: datetime) -> float:
        """Seconds since an object was written."""
        return (self.now() - moment).total_seconds()

    def _ask(self) -> datetime:
        key = f"{self._shelf.folder}/clock"
        self._shelf.write(key, b"{}")
        return self._shelf.bucket.stat(key).last_modified
