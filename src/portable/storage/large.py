"""A large object's bytes: over one connection while that is fast, else over several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from portable.storage.checksums import combine
from portable.storage.driver import ReadsInto
from portable.storage.pages import PagesAhead
from portable.storage.pinned import READ_BYTES, ObjectStream, Sink
from portable.storage.trailing import TrailingCrc32

if TYPE_CHECKING:
    from portable.storage.connection import Connection

PART_BYTES = 8 * 1024**2
SAMPLE_BYTES = 2 * 1024**2
# S3 gives one connection 85 to 90 MB/s, and wants more of them for more:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-design-patterns.html
FAST_BYTES_PER_SECOND = 200 * 1024**2
LONG_BYTES = 32 * 1024**2  # with less to come, another request costs more than it saves
ROOM_BYTES = 1024**2  # received at once into memory, where no copy has to stay in a cache
BEHIND = 8  # pieces that may wait to be checked


def drain_large(
    connection: Connection, key: str, stream: ObjectStream, sink: Sink, room: memoryview | None
) -> int:
    """Read on from one answer while it is fast; else read what is left side by side.

    One connection is all a near server needs; from a far one it brings a fraction of the line.

    Args:
        room: Where *sink* puts the bytes, if that is memory; what is received there needs no copy.
    """
    line, size = _Line(connection, stream), READ_BYTES
    with TrailingCrc32(behind=BEHIND) as trailing, PagesAhead(room):
        while data := stream.piece(size):
            sink(stream.position - len(data), data)
            trailing.update(data)
            is_fast = line.is_fast()
            if is_fast is False:
                break
            if is_fast and room is not None and stream.end - stream.position >= LONG_BYTES:
                if _receive_into(room[stream.position : stream.end], connection, stream):
                    size = ROOM_BYTES
                room = None  # asked once
                line.watch(LONG_BYTES)  # from here: that it took long to begin isn't the line's
    left = stream.end - stream.position
    rest = _drain_parallel(connection, key, stream, sink) if left else 0
    return combine(trailing.value, rest, left)


class _Line:
    """How fast a stream's bytes come, looked at when a window of them has come.

    It isn't slow for one pause of the server's or other work here: a slow look is followed by
    another one soon, a fast one by one that takes long.
    """

    def __init__(self, connection: Connection, stream: ObjectStream) -> None:
        self._clock = connection.surroundings.clock
        self._stream = stream
        self._was_slow = False
        self.watch(SAMPLE_BYTES)

    def watch(self, window: int) -> None:
        """Look when *window* bytes have come from here."""
        self._window = window
        self._position, self._since = self._stream.position, self._clock()

    def is_fast(self) -> bool | None:
        """Are they as fast as from a near server? `None`: it is too early to tell."""
        come = self._stream.position - self._position
        if come < self._window:
            return None
        is_fast = come >= (self._clock() - self._since) * FAST_BYTES_PER_SECOND
        self.watch(LONG_BYTES if is_fast else SAMPLE_BYTES)
        was_slow, self._was_slow = self._was_slow, not is_fast
        return is_fast or (False if was_slow else None)


def _receive_into(room: memoryview, connection: Connection, stream: ObjectStream) -> bool:
    """Go on by an answer that is received into *room*, where the driver has such."""
    driver = connection.driver
    if not isinstance(driver, ReadsInto):
        return False
    body = driver.read_into(room, stream.info, start=stream.position, end=stream.end)
    if body is not None:
        stream.go_on_with(body)
    return body is not None


def _drain_parallel(connection: Connection, key: str, stream: ObjectStream, sink: Sink) -> int:
    """Read the next part from the open answer and the others side by side."""
    edges = [*range(stream.position, stream.end, PART_BYTES), stream.end]
    crcs: dict[int, int] = {}

    def fetch(start: int, end: int) -> None:
        part = ObjectStream(
            connection, key, start=start, end=end, if_match=stream.info.revision, pinned=True
        )
        try:
            crcs[start] = part.drain(sink)
        finally:
            part.close()

    def go_on(start: int, end: int) -> None:
        stream.stop_at(end)
        crcs[start] = stream.drain(sink)

    spans = list(pairwise(edges))
    others = [partial(fetch, *span) for span in spans[1:]]
    run_all(connection, [partial(go_on, *spans[0]), *others])
    whole = 0
    for start, end in spans:
        whole = combine(whole, crcs[start], end - start)
    return whole


def run_all(connection: Connection, tasks: Sequence[Callable[[], None]]) -> None:
    """Run tasks in the connection's threads; at the first failure drop those not begun."""
    if len(tasks) == 1:
        return tasks[0]()
    from portable.threads import results  # as the pool

    results([connection.live.pool.submit(task) for task in tasks])
    return None
