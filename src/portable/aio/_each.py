"""A blocking iterator that waits for each item, and has something to end, awaited."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, TypeVar

from portable.aio._threads import finish
from portable.interrupt import deaf

T = TypeVar("T")

OVER: Any = object()


async def each(start: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """What the iterator of *start* gives, one by one, from the first `anext` on.

    Cancelled or closed, the iterator is closed too, and ends what it has begun, before this
    does. *start* itself isn't interrupted: what it began half, nobody would end.
    """
    found: list[Iterator[T]] = []

    def begin() -> T:
        with deaf():
            found.append(start())
        return following()

    def following() -> T:
        return next(found[0], OVER)

    try:
        item = await finish(begin)
        while item is not OVER:
            yield item
            item = await finish(following)
    finally:
        close = getattr(found[0], "close", None) if found else None
        if close is not None:
            await finish(close)
