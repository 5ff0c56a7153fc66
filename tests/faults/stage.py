"""A server with a fault proxy in front, buckets that reach it, and the store as it really is."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from portable import connection
from portable.adapter import StorageSettings
from portable.retry import Surroundings
from portable.storage import Bucket
from portable.storage.driver import StorageDriver
from portable.testing.faults import FaultProxy, Request

from .dialect import Dialect, Store

DEADLINE = 8.0
ATTEMPTS = 4
PATIENT_SECONDS = 20.0  # for what goes past the proxy


class Time:
    """Real time plus every sleep that was asked for and skipped. Safe in threads.

    Args:
        pace: How fast it passes: slowly, a near server seems nearer still.
        step: Seconds added by each look: a far server's line seems slow.
    """

    def __init__(self, *, pace: float = 1.0, step: float = 0.0) -> None:
        self._pace = pace
        self._step = step
        self._lock = threading.Lock()
        self._skipped = 0.0
        self._random = random.Random(7)

    @property
    def surroundings(self) -> Surroundings:
        """For a bucket."""
        return Surroundings(clock=self.clock, sleep=self.sleep, random=self._random.random)

    def clock(self) -> float:
        with self._lock:
            self._skipped += self._step
            return time.monotonic() * self._pace + self._skipped

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._skipped += seconds


class RealTime(Time):
    """Every second of it."""

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Stage:
    """What every cell of a worker shares: starting any of it anew would cost most of the time."""

    def __init__(self, dialect: Dialect, store: Store) -> None:
        self.dialect = dialect
        self.store = store
        self.proxy = FaultProxy(store.port)
        self.direct = f"http://127.0.0.1:{store.port}"
        self._drivers: dict[StorageSettings, StorageDriver] = {}
        self._plain: set[str] = set()
        self.kinds: dict[str, list[str]] = {}  # of requests, by the operation that sends them

    def close(self) -> None:
        for driver in self._drivers.values():
            driver.close()
        self._drivers.clear()
        self.proxy.close()

    def renew(self) -> None:
        """Leave a proxy behind whose clients hang."""
        self._drivers.clear()
        self.proxy = FaultProxy(self.store.port)

    def is_kind(self, kind: str) -> Callable[[Request], bool]:
        """Tells requests of *kind*, for rules of the proxy."""
        return lambda request: self.dialect.kind_of(request) == kind

    def settings(self, *, endpoint: str = "", **changed: Any) -> StorageSettings:
        usual = self.dialect.settings(endpoint or self.proxy.endpoint)
        limits = {"deadline": DEADLINE, "attempts": ATTEMPTS, "concurrency": 4}
        return replace(usual, **(limits | changed))

    @contextmanager
    def bucket(self, when: Time | None = None, **changed: Any) -> Iterator[Bucket]:
        """A bucket behind the proxy, its retry budget full."""
        settings = self.settings(**changed)
        connection._budgets.clear()
        bucket = Bucket(
            lambda: self._driver(settings),
            settings,
            provider=self.dialect.provider,
            surroundings=(when or Time()).surroundings,
        )
        try:
            yield bucket
        finally:
            bucket.close()

    def _driver(self, settings: StorageSettings) -> StorageDriver:
        if not self.dialect.reusable(settings):
            return self.dialect.connect(settings)
        if settings not in self._drivers:
            self._drivers[settings] = self.dialect.connect(settings)
        return self._drivers[settings]

    @contextmanager
    def unharmed(self, **changed: Any) -> Iterator[Bucket]:
        """A bucket that goes past the proxy."""
        patient: dict[str, Any] = {
            "engine": "sdk",
            "read_timeout": PATIENT_SECONDS,
            "deadline": 3 * PATIENT_SECONDS,
        }
        with self.bucket(endpoint=self.direct, **(patient | changed)) as bucket:
            yield bucket

    def keep(self, key: str, data: bytes, **changed: Any) -> None:
        """Store an object that cells only read, once."""
        if key not in self._plain:
            with self.unharmed(**changed) as bucket:
                bucket.put(key, data)
            self._plain.add(key)

    def forget(self, key: str) -> None:
        """Store *key* afresh before the next cell reads it."""
        self._plain.discard(key)
