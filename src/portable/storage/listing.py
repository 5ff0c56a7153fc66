"""Listing: page after page, lazily, in the order of the keys' UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from portable.storage.types import Listing

if TYPE_CHECKING:
    from portable.storage.connection import Connection
    from portable.storage.driver import Page, StoredObject
    from portable.storage.types import ObjectInfo

PAGE_KEYS = 1000


def pages(
    connection: Connection,
    prefix: str,
    *,
    delimiter: bool = False,
    start_after: str = "",
    limit: int | None = None,
) -> Iterator[Page]:
    """The pages of a listing below the full prefix *prefix*.

    Whoever has used up the first will want more: from the third on, each page is asked for while
    the one before it is used.
    """

    def fetch(token: str | None, size: int) -> Page:
        return connection.call(
            lambda: connection.driver.list(
                prefix, delimiter=delimiter, start_after=start_after, token=token, limit=size
            )
        )

    token, left, ahead, number = None, limit, None, 0
    while left is None or left > 0:
        size = PAGE_KEYS if left is None else min(left, PAGE_KEYS)
        page = fetch(token, size) if ahead is None else ahead()
        token, ahead, number = page.token, None, number + 1
        if left is not None:
            left -= len(page.objects) + len(page.prefixes)
        elif number > 1 and token is not None:
            ahead = _begun(connection, partial(fetch, token, size))
        yield page
        if token is None:
            return


def _begun(connection: Connection, fetch: Callable[[], Page]) -> Callable[[], Page]:
    """Begin *fetch* in another thread, and give what waits for its page."""
    live = connection.live
    future = live.pool.submit(fetch)

    def wait() -> Page:
        # In a forked child, or when the bucket was closed meanwhile, there is no such thread.
        return future.result() if connection.live is live else fetch()

    return wait


def objects(
    connection: Connection,
    prefix: str,
    *,
    start_after: str | None,
    limit: int | None,
    as_info: Callable[[StoredObject], ObjectInfo],
) -> Iterator[ObjectInfo]:
    """Every object below *prefix*, at most *limit*."""
    home = connection.prefix
    after = home + start_after if start_after else ""
    given = 0
    if limit == 0:
        return
    # One more where the first may be a folder marker that another tool left for the prefix itself.
    asked = limit + 1 if limit is not None and home and not prefix else limit
    for page in pages(connection, home + prefix, start_after=after, limit=asked):
        for stored in page.objects:
            if stored.key != home:
                yield as_info(stored)
                given += 1
                if given == limit:
                    return


def one_level(
    connection: Connection, prefix: str, *, as_info: Callable[[StoredObject], ObjectInfo]
) -> Listing:
    """What is directly below *prefix*."""
    home = connection.prefix
    level = Listing([], [])
    for page in pages(connection, home + prefix, delimiter=True):
        level.objects.extend(as_info(stored) for stored in page.objects if stored.key != home)
        level.prefixes.extend(found.removeprefix(home) for found in page.prefixes)
    return level


def located(
    connection: Connection, operation: str, prefix: str, found: Iterator[ObjectInfo]
) -> Iterator[ObjectInfo]:
    """The same, and its errors say where they happened."""
    with connection.located(operation, prefix):
        yield from found
