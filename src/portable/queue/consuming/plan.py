"""What a consumer is told to do, checked before anything is received."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portable.errors import InvalidType
from portable.queue.arguments import renewed_lease
from portable.values import Seconds, check_count, seconds

if TYPE_CHECKING:
    import asyncio
    import threading

    from portable.queue.connection import Connection
    from portable.queue.events import Observer
    from portable.queue.message import Message


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `Queue.consume` was told, checked."""

    handler: Callable[[Message], Any]
    concurrency: int
    max_messages: int | None
    idle_timeout: float | None
    lease: float
    drain: float
    stop: threading.Event | None
    observer: Observer | None
    loop: asyncio.AbstractEventLoop | None = None  # for coroutines; one of its own unless given


def checked_plan(
    connection: Connection,
    handler: Callable[[Message], object],
    *,
    concurrency: int,
    max_messages: int | None,
    idle_timeout: Seconds | None,
    lease: Seconds | None,
    drain: Seconds,
    stop: threading.Event | None,
    observer: Observer | None,
    loop: asyncio.AbstractEventLoop | None = None,
) -> Plan:
    """A plan from arguments as users give them.

    Raises:
        InvalidArgument, InvalidType, Unsupported: one can't be used.
    """
    if not callable(handler):
        raise InvalidType(f"handler is called with each message; this is {handler!r}")
    if stop is not None and not callable(getattr(stop, "is_set", None)):
        raise InvalidType(f"stop is a threading.Event, not {type(stop).__name__}")
    if observer is not None and not callable(observer):
        raise InvalidType(f"on_event is called with each event; this is {observer!r}")
    return Plan(
        handler=handler,
        concurrency=check_count(concurrency, "concurrency"),
        max_messages=None if max_messages is None else check_count(max_messages, "max_messages"),
        idle_timeout=None if idle_timeout is None else seconds(idle_timeout, "idle_timeout"),
        lease=renewed_lease(connection, lease),
        drain=seconds(drain, "drain"),
        stop=stop,
        observer=observer,
        loop=loop,
    )
