"""A queue's driver around another one, for tests: subclasses change single calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from portable.adapter import QueueSettings
from portable.errors import PortableError
from portable.queue import Queue, QueueCapabilities, QueueStats
from portable.queue.driver import Leased, QueueDriver, WireMessage


class QueueDriverAround:
    """A driver that hands every call on to another."""

    def __init__(self, inner: QueueDriver) -> None:
        self.inner = inner

    @property
    def capabilities(self) -> QueueCapabilities:
        return self.inner.capabilities

    @property
    def native(self) -> Any:
        return self.inner.native

    def create(self) -> None:
        self.inner.create()

    def delete(self) -> None:
        self.inner.delete()

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        return self.inner.send(messages)

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        return self.inner.receive(limit, wait=wait, lease=lease)

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        return self.inner.ack(receipts)

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        return self.inner.extend(receipts, lease)

    def peek(self, limit: int) -> Sequence[Leased]:
        return self.inner.peek(limit)

    def stats(self) -> QueueStats:
        return self.inner.stats()

    def purge(self) -> None:
        self.inner.purge()

    def close(self) -> None:
        self.inner.close()


def around(queue: Queue, wrap: Callable[[QueueDriver], QueueDriver]) -> Queue:
    """The same queue with *wrap* put around its driver, and around its dead letters'."""
    connection = queue._connection
    return Queue(
        partial(_connect, wrap, connection.make),
        connection.settings,
        provider=connection.provider,
        payloads=connection.payloads,
        surroundings=connection.surroundings,
    )


def _connect(
    wrap: Callable[[QueueDriver], QueueDriver],
    make: Callable[[QueueSettings], QueueDriver],
    settings: QueueSettings,
) -> QueueDriver:
    return wrap(make(settings))
