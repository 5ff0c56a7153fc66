"""A bucket's settings and, in each process, its driver, threads and retries.

A `Connection` may be pickled and survives `fork`: what belongs to one process (clients, sockets,
threads) is made again in the next, never carried over.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from portable.adapter import StorageSettings
from portable.errors import PortableError, Unsupported
from portable.retry import Budget, Deadline, Retry, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import ThreadPoolExecutor

    from portable.storage.driver import Capabilities, StorageDriver

T = TypeVar("T")

_lock = threading.RLock()  # a driver may be made around another one
_budgets: dict[str, Budget] = {}
_forks = 0  # how often this process's line was forked: cheaper to look at than the process id


def _begin_anew() -> None:
    """In a forked child: another thread of the parent may have held these locks."""
    global _forks, _lock
    _forks += 1
    _lock = threading.RLock()
    _budgets.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class Live:
    """What one process has of a connection."""

    def __init__(self, driver: StorageDriver, retry: Retry, concurrency: int) -> None:
        self.forks = _forks
        self.driver = driver
        self.capabilities: Capabilities = driver.capabilities
        self.retry = retry
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
        self.driver.close()


@dataclass(slots=True, kw_only=True)
class Connection:
    """How to reach one bucket.

    Attributes:
        connect: Makes a driver; must be picklable for the connection to be.
        provider: The adapter's name, for errors.
        settings: What the user configured.
        prefix: In front of every key: empty, or ending in ``/``.
        surroundings: Clock, sleep and chance.
    """

    connect: Callable[[], StorageDriver]
    provider: str
    settings: StorageSettings
    prefix: str
    surroundings: Surroundings
    _live: Live | None = None
    _made_in: int = field(default_factory=os.getpid)

    def __getstate__(self) -> tuple[object, ...]:
        return (self.connect, self.provider, self.settings, self.prefix, self._made_in)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.connect, self.provider, self.settings, self.prefix, self._made_in = state
        self.surroundings = Surroundings()
        self._live = None

    @property
    def live(self) -> Live:
        """This process's driver and threads."""
        live = self._live
        if live is None or live.forks != _forks:
            live = self._begin()
        return live

    @property
    def driver(self) -> StorageDriver:
        """This process's driver."""
        return self.live.driver

    @property
    def capabilities(self) -> Capabilities:
        """The driver's."""
        return self.live.capabilities

    def _begin(self) -> Live:
        with _lock:
            live = self._live
            if live is None or live.forks != _forks:
                budget = _budgets.setdefault(
                    f"{self.provider} {self.settings.endpoint_id}", Budget()
                )
                retry = Retry(
                    self.settings.attempts, self.settings.deadline, budget, self.surroundings
                )
                live = Live(self.connect(), retry, self.settings.concurrency)
                if not live.capabilities.cross_process and self._made_in != os.getpid():
                    raise Unsupported(
                        f"the objects of the provider {self.provider!r} are in the process that "
                        f"stored them and this is another one; use the local provider where "
                        f"several processes share objects",
                        provider=self.provider,
                    )
                self._live = live
            return live

    def resource(self, key: str = "") -> str:
        """The URL of *key*, a key below the prefix, for errors."""
        return f"{self.settings.url}/{key}" if key else self.settings.url

    @contextmanager
    def located(self, operation: str, key: str = "") -> Iterator[None]:
        """Say in every error what was done to what."""
        try:
            yield
        except PortableError as error:
            error.located(provider=self.provider, operation=operation, resource=self.resource(key))
            raise

    def call(
        self,
        send: Callable[[], T],
        *,
        settle: Callable[[PortableError], T] | None = None,
        deadline: Deadline | None = None,
    ) -> T:
        """`Retry.call` with this connection's limits."""
        return self.live.retry.call(send, settle=settle, deadline=deadline)

    def close(self) -> None:
        """Drop this process's driver and threads; the next call makes new ones."""
        live, self._live = self._live, None
        if live is not None and live.forks == _forks:
            live.close()
