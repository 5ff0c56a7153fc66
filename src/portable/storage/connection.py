"""A bucket's settings and, in each process, its driver, threads and retries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from portable import connection
from portable.adapter import StorageSettings
from portable.retry import Retry

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from portable.storage.driver import Capabilities, StorageDriver


class Live(connection.Live):
    """What one process has of a connection."""

    driver: StorageDriver
    capabilities: Capabilities

    def __init__(self, driver: StorageDriver, retry: Retry, concurrency: int) -> None:
        super().__init__(driver, retry)
        self._concurrency = concurrency

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        """Threads for the parts of large objects."""
        from portable.threads import ContextThreads  # 3 ms to import

        return ContextThreads(self._concurrency, thread_name_prefix="portable")

    def close(self) -> None:
        """End the threads, if any were made, and drop the driver's connections."""
        if "pool" in vars(self):
            self.pool.shutdown()
        super().close()


@dataclass(slots=True, kw_only=True)
class Connection(connection.Connection[Live]):
    """How to reach one bucket.

    Attributes:
        prefix: In front of every key: empty, or ending in ``/``.
    """

    HOLDS: ClassVar[str] = "objects"

    connect: Callable[[], StorageDriver]
    settings: StorageSettings
    prefix: str

    @property
    def driver(self) -> StorageDriver:
        """This process's driver."""
        return self.live.driver

    @property
    def capabilities(self) -> Capabilities:
        """The driver's."""
        return self.live.capabilities

    def _open(self, retry: Retry) -> Live:
        return Live(self.connect(), retry, self.settings.concurrency)
