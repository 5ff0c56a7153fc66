"""Queues from the configuration: by name, by URL, and the active profile's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from portable.active import Active
from portable.queue.queue import Queue

if TYPE_CHECKING:
    from portable.adapter import QueueSettings
    from portable.queue.connection import Connection
    from portable.queue.driver import QueueDriver
    from portable.storage import Bucket


def open_queue(name_or_url: str | None = None) -> Queue:
    """Open a queue by its name in the active profile, or by a URL such as ``sqs://jobs``.

    Without either it is the active profile's own: the one that `portable.queue` works on.

    Nothing is sent before the first call.

    Raises:
        ConfigError: no queue of that name, an unknown scheme, or settings that can't be used.
        Unsupported: the provider has no queues; the text says what to use.
        MissingDependency: raised at the first call, when the provider's SDK isn't installed.
    """
    from portable.config import resolve_queue

    resolved = resolve_queue(name_or_url)
    return queue_from(resolved.adapter.name, resolved.settings)


def queue_from(adapter: str, settings: QueueSettings) -> Queue:
    """A queue of the adapter of that name; its payloads go to the profile that is active now."""
    return Queue(
        partial(_connect, adapter),
        settings,
        provider=adapter,
        payloads=_payloads(settings.payloads),
    )


def _connect(adapter: str, settings: QueueSettings) -> QueueDriver:
    from portable import discovery

    return discovery.connect_queue(discovery.adapter(adapter), settings)


def _payloads(name_or_url: str | None) -> Callable[[], Bucket]:
    from portable.storage.active import opener

    return opener(name_or_url, "the body is too large for the provider and there is no storage")


class ActiveQueue(Queue):
    """The queue of whichever profile is active when a method is called; its own, or by name."""

    def __init__(self, name: str | None = None) -> None:
        self.on_event = None
        self._name = name
        self._queues: dict[tuple[str, QueueSettings], Queue] = {}
        self._active = Active(self._resolve)

    def __reduce__(self) -> tuple[Callable[..., Queue], tuple[str, ...]]:
        return (_active_queue, ()) if self._name is None else (ActiveQueue, (self._name,))

    @property
    def _connection(self) -> Connection:
        return self._active.current()

    def _resolve(self) -> Connection:
        from portable.config import resolve_queue

        resolved = resolve_queue(self._name)
        key = (resolved.adapter.name, resolved.settings)
        if key not in self._queues:
            self._queues[key] = queue_from(*key)
        return self._queues[key]._connection


def _active_queue() -> Queue:
    """The one that the functions of `portable.queue` are methods of, in any process."""
    from portable import queue

    return queue._queue
