"""Where handlers run: in threads, or as tasks of one event loop."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from portable.errors import InvalidArgument, InvalidType

if TYPE_CHECKING:
    import asyncio

    from portable.queue.message import Message

_log = logging.getLogger("portable.queue")

STOP_SECONDS = 5.0

Finished = Callable[["Message", BaseException | None], None]


class Workers(Protocol):
    """Runs a handler for each message and says how it ended."""

    def start(self, message: Message) -> None:
        """Begin with a message; there is a worker for it."""

    def stop(self) -> None:
        """Begin nothing more. Handlers that are still at work aren't waited for."""


class NotAwaited(InvalidType):
    """The handler is taken for an ordinary function, and is none."""


def _end_child(process: int, error: BaseException | None) -> None:
    """End a process that a handler forked and that came back from it, for it is no consumer.

    The message is settled by what the handler does in *process*, and nothing of that is here.
    """
    if os.getpid() != process:
        if error is not None:
            _log.error("a process that a handler forked has failed", exc_info=error)
        os._exit(error is not None)


def is_async(handler: object) -> bool:
    """Does calling *handler* give a coroutine?"""
    from inspect import iscoroutinefunction

    # An object may be called, too.
    return iscoroutinefunction(handler) or iscoroutinefunction(vars(type(handler)).get("__call__"))


class ThreadWorkers:
    """As many threads as there may be handlers at work; they see the caller's context."""

    def __init__(
        self, handler: Callable[[Message], object], concurrency: int, finished: Finished
    ) -> None:
        self._handler = handler
        self._finished = finished
        self._context = copy_context()
        self._work: SimpleQueue[Message | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"portable-worker-{n}", daemon=True)
            for n in range(concurrency)
        ]
        try:
            for each in self._threads:
                each.start()
        except RuntimeError as error:
            self.stop()
            there = sum(each.is_alive() for each in self._threads)
            raise InvalidArgument(
                f"concurrency is {concurrency:,}, and no more than {there:,} threads can be "
                f"started here; handlers that are 'async def' need none"
            ) from error

    def start(self, message: Message) -> None:
        self._work.put(message)

    def stop(self) -> None:
        for _ in self._threads:
            self._work.put(None)

    def _run(self) -> None:
        process = os.getpid()
        while (message := self._work.get()) is not None:
            error: BaseException | None = None
            try:
                self._context.copy().run(self._handle, message)
            except BaseException as raised:  # noqa: BLE001 - sys.exit() is a failure, too
                error = raised
            _end_child(process, error)
            self._finished(message, error)

    def _handle(self, message: Message) -> None:
        result = self._handler(message)
        if isinstance(result, Awaitable):
            close = getattr(result, "close", None)
            if close is not None:
                close()
            raise NotAwaited(
                "the handler returned something to await, and isn't declared with 'async def', "
                "so it was taken for an ordinary function; declare it so"
            )


class LoopWorkers:
    """Tasks on one event loop: the caller's, or one in a thread of its own."""

    def __init__(
        self,
        handler: Callable[[Message], Awaitable[object]],
        finished: Finished,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        import asyncio  # 30 ms to import

        self._handler = handler
        self._finished = finished
        self._context = copy_context()
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = threading.Event()
        self._owns = loop is None
        self._loop = loop or asyncio.new_event_loop()
        if self._owns:
            threading.Thread(target=self._run, name="portable-loop", daemon=True).start()

    def start(self, message: Message) -> None:
        self._loop.call_soon_threadsafe(self._begin, message)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._cancel)
        self._over.wait(STOP_SECONDS)  # a handler that blocks the loop isn't waited for

    def _begin(self, message: Message) -> None:
        context: Context = self._context.copy()
        task = self._loop.create_task(self._handle(message), context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, message: Message) -> None:
        process = os.getpid()
        error: BaseException | None = None
        try:
            if message.body_is_remote:  # fetching it would keep the other handlers waiting
                await self._aside(lambda: message.body)
            await self._handler(message)
        except BaseException as raised:  # noqa: BLE001 - as in a thread
            error = raised
        _end_child(process, error)
        await self._aside(lambda: self._finished(message, error))

    async def _aside(self, work: Callable[[], Any]) -> None:
        await self._loop.run_in_executor(None, work)

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._ending = self._loop.create_task(self._end())  # kept: a loop holds tasks weakly

    async def _end(self) -> None:
        import asyncio

        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=STOP_SECONDS / 2)
        if self._owns:
            self._loop.stop()
        else:
            self._over.set()

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            self._over.set()
