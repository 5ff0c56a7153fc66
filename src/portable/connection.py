"""A service's settings and, in each process, its driver and retries.

A `Connection` may be pickled and survives `fork`: what belongs to one process (clients, sockets,
threads) is made again in the next, never carried over. Each service has a subclass of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Generic, TypeVar

from portable.adapter import ServiceSettings
from portable.errors import PortableError, Unsupported
from portable.retry import Budget, Deadline, Retry, Surroundings

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
    """What one process has of a connection; a subclass knows its driver's type."""

    driver: Any
    capabilities: Any

    def __init__(self, driver: Any, retry: Retry) -> None:
        self.forks = _forks
        self.driver = driver
        self.capabilities = driver.capabilities
        self.retry = retry

    def close(self) -> None:
        """Drop the driver's connections."""
        self.driver.close()


class Located:
    """`Connection.located`'s block. Most calls have one: a generator's would cost it 1 µs more."""

    __slots__ = ("_connection", "_key", "_operation")

    def __init__(self, connection: Connection[Any], operation: str, key: str) -> None:
        self._connection = connection
        self._operation = operation
        self._key = key

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PortableError):
            self._connection.explain(error, self._operation, self._key)


L = TypeVar("L", bound=Live)


@dataclass(slots=True, kw_only=True)
class Connection(Generic[L]):
    """How to reach one bucket or queue.

    Attributes:
        connect: Makes a driver; must be picklable for the connection to be.
        provider: The adapter's name, for errors.
        settings: What the user configured.
        surroundings: Clock, sleep and chance.
    """

    HOLDS: ClassVar[str]

    connect: Callable[[], Any]
    provider: str
    settings: ServiceSettings
    surroundings: Surroundings
    _live: L | None = None
    _made_in: int = field(default_factory=os.getpid)

    def __getstate__(self) -> dict[str, Any]:
        stays = ("surroundings", "_live")
        names = (each.name for each in fields(self))
        return {name: getattr(self, name) for name in names if name not in stays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.surroundings = Surroundings()
        self._live = None

    @property
    def live(self) -> L:
        """This process's driver and retries."""
        live = self._live
        if live is None or live.forks != _forks:
            live = self._begin()
        return live

    def _open(self, retry: Retry) -> L:
        """Make this process's driver."""
        raise NotImplementedError

    def _begin(self) -> L:
        with _lock:
            live = self._live
            if live is None or live.forks != _forks:
                budget = _budgets.setdefault(
                    f"{self.provider} {self.settings.endpoint_id}", Budget()
                )
                live = self._open(
                    Retry(self.settings.attempts, self.settings.deadline, budget, self.surroundings)
                )
                if not live.capabilities.cross_process and self._made_in != os.getpid():
                    raise Unsupported(
                        f"the {self.HOLDS} of the provider {self.provider!r} are in the process "
                        f"that made them and this is another one; use the local provider where "
                        f"several processes share {self.HOLDS}",
                        provider=self.provider,
                    )
                self._live = live
            return live

    def resource(self, key: str = "") -> str:
        """The URL of *key*, if there is one, for errors."""
        return f"{self.settings.url}/{key}" if key else self.settings.url

    def explain(self, error: PortableError, operation: str, key: str = "") -> None:
        """Say in *error* what was done to what."""
        error.located(provider=self.provider, operation=operation, resource=self.resource(key))

    def located(self, operation: str, key: str = "") -> Located:
        """Say in every error, in the block that this begins, what was done to what."""
        return Located(self, operation, key)

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
        """Drop this process's driver; the next call makes a new one."""
        live, self._live = self._live, None
        if live is not None and live.forks == _forks:
            live.close()
