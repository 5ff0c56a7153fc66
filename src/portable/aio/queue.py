"""The calls of `portable.queue`, awaited: ``await portable.aio.queue.send({"lr": 0.1})``.

The functions here are the methods of one default `AsyncQueue` on the active profile's queue.
"""

from __future__ import annotations

from portable import queue
from portable.aio._queue import AsyncMessage, AsyncQueue

_queue = AsyncQueue(queue._queue)

ack_many = _queue.ack_many
consume = _queue.consume
create = _queue.create
delete = _queue.delete
exists = _queue.exists
peek = _queue.peek
purge = _queue.purge
receive = _queue.receive
redrive = _queue.redrive
send = _queue.send
send_many = _queue.send_many
stats = _queue.stats


def open_queue(name_or_url: str | None = None) -> AsyncQueue:
    """Open a queue as `portable.open_queue` does. Nothing is sent before the first call.

    Raises:
        ConfigError: no queue of that name, an unknown scheme, or settings that can't be used.
        Unsupported: the provider has no queues; the text says what to use.
        MissingDependency: raised at the first call, when the provider's SDK isn't installed.
    """
    from portable.queue.active import open_queue

    return AsyncQueue(open_queue(name_or_url))


__all__ = [
    "AsyncMessage",
    "AsyncQueue",
    "ack_many",
    "consume",
    "create",
    "delete",
    "exists",
    "open_queue",
    "peek",
    "purge",
    "receive",
    "redrive",
    "send",
    "send_many",
    "stats",
]
