"""Blocking calls awaited: in a bounded number of threads, and what cancelling one means."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from typing import TypeVar

from portable.interrupt import Interrupted, Interruption
from portable.threads import ContextThreads

T = TypeVar("T")

THREADS = 32

A_YEAR = 365 * 24 * 3600.0

_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, ContextThreads] = (
    weakref.WeakKeyDictionary()
)


async def finish(call: Callable[[], T]) -> T:
    """Run *call* in a thread. Cancelled, it waits until the call has come to an end.

    The call is asked to stop before its next request; whatever it then did or didn't do, it
    does nothing any more once `asyncio.CancelledError` is raised.
    """
    begun, interruption = await _begin(call)
    waiting = asyncio.wrap_future(begun)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        interruption.ask()
        if not begun.cancel():
            await _ended(waiting)
        raise


async def ask(call: Callable[[], T]) -> T:
    """Run *call*, which changes nothing, in a thread. Cancelled, it doesn't wait for it.

    The call ends before its next request and keeps its thread, one of `THREADS`, until then.
    """
    begun, interruption = await _begin(call)
    try:
        return await asyncio.wrap_future(begun)
    except asyncio.CancelledError:
        interruption.ask()
        raise


async def _begin(call: Callable[[], T]) -> tuple[Future[T], Interruption]:
    interruption = Interruption()

    def run() -> T:
        with interruption.heard():
            interruption.check()
            return call()

    threads = await _threads()
    return threads.submit(run), interruption


async def _ended(waiting: asyncio.Future[T]) -> None:
    while not waiting.done():
        with contextlib.suppress(asyncio.CancelledError):  # raised by the caller in the end
            await asyncio.wait([waiting])
    if not waiting.cancelled():
        failure = waiting.exception()  # taken note of: the cancellation is what is raised
        if failure is not None and not isinstance(failure, (Exception, Interrupted)):
            raise failure


async def _threads() -> ContextThreads:
    """This loop's threads. They end when it shuts down or is collected."""
    loop = asyncio.get_running_loop()
    threads = _by_loop.get(loop)
    if threads is None:
        threads = _by_loop[loop] = ContextThreads(THREADS, thread_name_prefix="portable-aio")
        # A loop that shuts down closes every generator it has seen. It has to hold this one
        # itself: one that is held here would keep the loop alive.
        until_shutdown = _shut_down_with(loop)
        await anext(until_shutdown)
        loop.call_later(A_YEAR, until_shutdown.aclose)
    return threads


async def _shut_down_with(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        threads = _by_loop.pop(loop, None)
        if threads is not None:
            threads.shutdown(wait=False)
