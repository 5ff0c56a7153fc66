"""`AsyncQueue` and `AsyncMessage`: a queue's calls, awaited."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

from portable.aio._threads import ask, finish
from portable.errors import InvalidType, PortableError
from portable.interrupt import deaf
from portable.queue import ConsumeReport, Message, Queue, QueueStats
from portable.queue.arguments import several
from portable.queue.consuming.consumer import Consumer
from portable.queue.consuming.plan import checked_plan
from portable.queue.consuming.workers import is_async
from portable.queue.events import Observer
from portable.values import Seconds


class AsyncMessage:
    """A `Message` for asyncio; its body is there already, large or not.

    Attributes:
        message: The message itself, with what isn't a call: `id`, `attributes`, `attempts` …
    """

    __slots__ = ("message",)

    def __init__(self, message: Message) -> None:
        self.message = message

    def __repr__(self) -> str:
        return f"Async{self.message!r}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.message, name)

    @property
    def body(self) -> Any:
        """As `Message.body`."""
        return self.message.body

    @property
    def lease_lost(self) -> bool:
        """As `Message.lease_lost`."""
        return self.message.lease_lost

    async def ack(self, *, strict: bool = False) -> bool:
        """As `Message.ack`."""
        return await finish(partial(self.message.ack, strict=strict))

    async def nack(self, delay: Seconds = 0) -> None:
        """As `Message.nack`."""
        await finish(partial(self.message.nack, delay))

    async def extend(self, lease: Seconds | None = None) -> None:
        """As `Message.extend`."""
        await finish(partial(self.message.extend, lease))

    async def dead_letter(self, reason: str) -> None:
        """As `Message.dead_letter`."""
        await finish(partial(self.message.dead_letter, reason))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        return await finish(partial(self.message.__exit__, kind, error, trace))


class AsyncQueue:
    """A queue for asyncio: the methods of `Queue`, with the same arguments, results and errors.

    Each call runs in one of the event loop's 32 threads. Cancelled, a call ends first, so that
    nothing happens any more once `asyncio.CancelledError` is raised; but a `receive` is left at
    once, and what it still gets is handed back.

    Attributes:
        queue: The queue itself.
    """

    def __init__(self, queue: Queue) -> None:
        self.queue = queue

    def __repr__(self) -> str:
        return f"AsyncQueue({self.url!r})"

    @property
    def url(self) -> str:
        """Where it is."""
        return self.queue.url

    @property
    def name(self) -> str:
        """Its name at the provider."""
        return self.queue.name

    @property
    def dead_letters(self) -> AsyncQueue | None:
        """As `Queue.dead_letters`."""
        dead = self.queue.dead_letters
        return None if dead is None else AsyncQueue(dead)

    async def close(self) -> None:
        """As `Queue.close`."""
        await finish(self.queue.close)

    async def create(self) -> None:
        """As `Queue.create`."""
        await finish(self.queue.create)

    async def exists(self) -> bool:
        """As `Queue.exists`."""
        return await ask(self.queue.exists)

    async def delete(self) -> None:
        """As `Queue.delete`."""
        await finish(self.queue.delete)

    async def send(
        self,
        body: object,
        *,
        delay: Seconds = 0,
        attributes: Mapping[str, str] | None = None,
        group: str | None = None,
        dedup_id: str | None = None,
    ) -> str:
        """As `Queue.send`."""
        return await finish(
            lambda: self.queue.send(
                body, delay=delay, attributes=attributes, group=group, dedup_id=dedup_id
            )
        )

    async def send_many(
        self,
        bodies: Iterable[object],
        *,
        delay: Seconds = 0,
        attributes: Mapping[str, str] | None = None,
        group: str | None = None,
    ) -> list[str]:
        """As `Queue.send_many`."""
        return await finish(
            lambda: self.queue.send_many(bodies, delay=delay, attributes=attributes, group=group)
        )

    async def receive(
        self, max_messages: int = 1, *, wait: Seconds = 0, lease: Seconds | None = None
    ) -> list[AsyncMessage]:
        """As `Queue.receive`."""
        hand_over = _HandOver(partial(self.queue.receive, max_messages, wait=wait, lease=lease))
        try:
            return [AsyncMessage(message) for message in await ask(hand_over.call)]
        except asyncio.CancelledError:
            hand_over.cancel()
            raise

    async def ack_many(self, messages: Iterable[AsyncMessage]) -> list[bool]:
        """As `Queue.ack_many`."""
        given = several(messages, "ack_many", "message.ack")
        plain = [each.message if isinstance(each, AsyncMessage) else each for each in given]
        return await finish(lambda: self.queue.ack_many(plain))

    async def peek(self, max_messages: int = 1) -> list[AsyncMessage]:
        """As `Queue.peek`."""
        seen = await ask(lambda: self.queue.peek(max_messages))
        return [AsyncMessage(message) for message in seen]

    async def stats(self) -> QueueStats:
        """As `Queue.stats`."""
        return await ask(self.queue.stats)

    async def purge(self) -> None:
        """As `Queue.purge`."""
        await finish(self.queue.purge)

    async def redrive(self, limit: int | None = None) -> int:
        """As `Queue.redrive`."""
        return await finish(lambda: self.queue.redrive(limit))

    async def consume(
        self,
        handler: Callable[[AsyncMessage], Awaitable[object]],
        *,
        concurrency: int = 1,
        max_messages: int | None = None,
        idle_timeout: Seconds | None = None,
        lease: Seconds | None = None,
        drain: Seconds = 30,
        stop: threading.Event | None = None,
        on_event: Observer | None = None,
    ) -> ConsumeReport:
        """As `Queue.consume`, with handlers as tasks of this event loop.

        Signals are left to the loop's owner. Cancelled, it stops as by *stop*, and
        `asyncio.CancelledError` is raised when that is done.
        """
        if not is_async(handler):
            raise InvalidType("handler is an 'async def' here; for functions, use Queue.consume")

        async def handle(message: Message) -> None:
            await handler(AsyncMessage(message))

        plan = checked_plan(
            self.queue._connection,
            handle,
            concurrency=concurrency,
            max_messages=max_messages,
            idle_timeout=idle_timeout,
            lease=lease,
            drain=drain,
            stop=stop,
            observer=on_event or self.queue.on_event,
            loop=asyncio.get_running_loop(),
        )
        consumer = Consumer(self.queue._connection, plan)

        def run() -> ConsumeReport:
            with self.queue._connection.located("consume"), deaf():
                return consumer.run()

        running = asyncio.ensure_future(finish(run))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            consumer.stop()
            while not running.done():
                with contextlib.suppress(asyncio.CancelledError):  # raised below
                    await asyncio.wait([running])
            raise


class _HandOver:
    """Messages on their way from a thread to a task that may be gone when they arrive."""

    def __init__(self, receive: Callable[[], list[Message]]) -> None:
        self._receive = receive
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        self._cancelled = False

    def call(self) -> list[Message]:
        """In the thread."""
        messages = self._receive()
        with deaf():
            for message in messages:
                if message.body_is_remote:
                    # A failure is raised again where the body is used.
                    with contextlib.suppress(PortableError):
                        _ = message.body
        with self._lock:
            self._messages = messages
            cancelled = self._cancelled
        if cancelled:
            self._hand_back()
        return messages

    def cancel(self) -> None:
        """The task is gone: nobody is going to handle them."""
        with self._lock:
            self._cancelled = True
            arrived = bool(self._messages)
        if arrived:
            threading.Thread(target=self._hand_back, name="portable-hand-back").start()

    def _hand_back(self) -> None:
        with deaf():
            for message in self._messages:
                with contextlib.suppress(PortableError):  # its lease ends by itself
                    message.nack()
