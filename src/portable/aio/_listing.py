"""A lazy listing, awaited: a page is fetched while the one before is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import TypeVar

from portable.aio._threads import ask
from portable.errors import PortableError

T = TypeVar("T")

PAGE = 1000


class Ahead(AsyncIterator[T]):
    """What a blocking iterator gives, at most two pages of it in memory.

    Nothing is fetched before the first `anext`. To stop early, just stop: the page that is under
    way is thrown away.
    """

    def __init__(self, found: Iterator[T]) -> None:
        self._found = found
        self._page: Iterator[T] = iter(())
        self._next: asyncio.Task[list[T]] | None = None
        self._over = self._cancelled = False

    def __aiter__(self) -> Ahead[T]:
        return self

    async def __anext__(self) -> T:
        for item in self._page:
            return item
        if self._cancelled:  # to end here as if nothing were left would be a lie
            raise ValueError("this listing was cancelled; begin another one")
        if self._over:
            raise StopAsyncIteration
        try:
            page = await (self._next or self._fetch())
        except asyncio.CancelledError:
            self._cancelled = True
            raise
        except PortableError:
            self._over = True  # as a generator that raised
            raise
        self._next = None
        self._over = len(page) < PAGE
        if not self._over:
            self._next = asyncio.create_task(self._fetch())
            self._next.add_done_callback(_failed)
        self._page = iter(page)
        return await anext(self)

    async def _fetch(self) -> list[T]:
        return await ask(lambda: list(islice(self._found, PAGE)))


def _failed(page: asyncio.Task[list[T]]) -> None:
    """Look at the error of a page that nobody may ask for, or asyncio logs it."""
    if not page.cancelled():
        page.exception()
