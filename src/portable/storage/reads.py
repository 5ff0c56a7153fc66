"""Reading: every byte counted, pinned to one revision, verified where it is a whole object."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from portable.errors import IntegrityError, InvalidType, ObjectChanged
from portable.storage.digests import proven
from portable.storage.large import PART_BYTES, drain_large, run_all
from portable.storage.metadata import read_crc32
from portable.storage.pinned import (
    READ_BYTES,
    ObjectStream,
    Range,
    Sink,
    check_revision,
    clamp,
)

if TYPE_CHECKING:
    from portable.storage.bodies import Piece
    from portable.storage.connection import Connection
    from portable.storage.driver import StoredObject

PARALLEL_BYTES = 2 * PART_BYTES
GAP_BYTES = 64 * 1024
REREADS = 3
UNSTEADY = (IntegrityError, ObjectChanged)  # a bit may not flip again, and a writer be done

T = TypeVar("T")


def check_range(wanted: object) -> Range:
    """Return *wanted* when it is a range."""
    if (
        not isinstance(wanted, Sequence)
        or len(wanted) != 2
        or not all(edge is None or type(edge) is int for edge in wanted)
    ):
        raise InvalidType(
            f"a range is a pair (start, end) of int or None, half-open; not {wanted!r}"
        )
    return wanted[0], wanted[1]


def get(connection: Connection, key: str, wanted: Range | None, if_match: str | None) -> bytes:
    """An object's bytes, or a range of them."""
    if wanted is not None:
        return _get_range(connection, key, wanted, if_match)
    try:
        return _whole(connection, key, if_match)
    except UNSTEADY:
        return reread(partial(_whole, connection, key, if_match), times=REREADS - 1)


def _whole(connection: Connection, key: str, if_match: str | None) -> bytes:
    stream = ObjectStream(connection, key, if_match=if_match)
    try:
        info = stream.info
        if info.size > READ_BYTES:
            buffer = _Buffer()
            buffer.prepare(info.size)
            crc32 = _drained(connection, key, stream, buffer.write, buffer.room)
            verify(connection, info, crc32)
            return buffer.take()
        data = bytes(stream.piece())
        while stream.position < stream.end:
            data += stream.piece()
    finally:
        stream.close()
    verify(connection, info, zlib.crc32(data))
    return data


def reread(read: Callable[[], T], *, times: int = REREADS) -> T:
    """Return what *read* returns; read again, a few times, when it isn't what was written."""
    for attempt in count(1):
        try:
            return read()
        except UNSTEADY:
            if attempt == times:
                raise
    raise AssertionError("the last attempt returns or raises")


def fetch_whole(
    connection: Connection,
    key: str,
    prepare: Callable[[StoredObject], None],
    sink: Sink,
    if_match: str | None = None,
) -> StoredObject:
    """Give *sink* every byte of an object, from several threads where it is large, and verify it.

    Args:
        prepare: Called once, before the first byte.
        sink: Called with an offset and the bytes there; each byte comes once.

    Raises:
        IntegrityError: what was read isn't what was written. *sink* has had it all.
    """
    stream = ObjectStream(connection, key, if_match=if_match)
    try:
        info = stream.info
        prepare(info)
        crc32 = _drained(connection, key, stream, sink)
    finally:
        stream.close()
    return verify(connection, info, crc32)


def _drained(
    connection: Connection,
    key: str,
    stream: ObjectStream,
    sink: Sink,
    room: memoryview | None = None,
) -> int:
    if stream.info.size > PARALLEL_BYTES:
        return drain_large(connection, key, stream, sink, room)
    return stream.drain(sink)


def expected_crc32(info: StoredObject) -> int | None:
    """The CRC-32 that the writer left, wherever it rides."""
    if info.crc32 is not None:
        return info.crc32
    return read_crc32(info.metadata) if info.metadata else None


def verify(connection: Connection, info: StoredObject, crc32: int) -> StoredObject:
    """Return *info* when a read of it all, whose CRC-32 is *crc32*, gave what is stored.

    Where the digest that the writer left is another one, the server's own has the last word: a
    tool may have replaced the content and kept the metadata. *info* then has the right digest.

    Raises:
        IntegrityError: nothing shows that these are the bytes.
    """
    expected = expected_crc32(info)
    if expected is None or expected == crc32:
        return info
    shown = proven(connection, info, crc32)
    if shown is None:
        raise IntegrityError(
            f"{info.size} bytes were read and their CRC-32 is {crc32:08x}, not {expected:08x}: "
            f"they were changed on the way or where they are stored"
        )
    return shown


def get_ranges(connection: Connection, key: str, ranges: Sequence[Range]) -> list[bytes]:
    """Several ranges of one revision; near ones share a request, far ones run side by side."""
    if not ranges:
        return []
    info = connection.call(lambda: connection.driver.stat(key))
    spans = [clamp(wanted, info.size) for wanted in ranges]
    merged = _merge([span for span in spans if span[0] < span[1]])
    pieces: dict[tuple[int, int], memoryview] = {}

    def fetch(span: tuple[int, int]) -> None:
        pieces[span] = memoryview(read_span(connection, key, span, info.revision))

    run_all(connection, [partial(fetch, span) for span in merged])
    found = []
    for start, end in spans:
        home = next((span for span in merged if span[0] <= start < end <= span[1]), None)
        found.append(bytes(pieces[home][start - home[0] : end - home[0]]) if home else b"")
    return found


def read_span(connection: Connection, key: str, span: tuple[int, int], revision: str) -> bytes:
    """The bytes of one span of one revision."""
    stream = ObjectStream(
        connection, key, start=span[0], end=span[1], if_match=revision, pinned=True
    )
    return _join(stream)


def _get_range(connection: Connection, key: str, wanted: Range, if_match: str | None) -> bytes:
    start, end = wanted[0] or 0, wanted[1]
    if start >= 0 and (end is None or end >= 0):
        if end is not None and end <= start:  # no such bytes: ask only whether there is an object
            info = connection.call(lambda: connection.driver.stat(key))
            check_revision(info, if_match)
            return b""
        return _join(ObjectStream(connection, key, start=start, end=end, if_match=if_match))
    if start < 0 and end is None:
        return _join(ObjectStream(connection, key, start=start, if_match=if_match))
    info = connection.call(lambda: connection.driver.stat(key))
    check_revision(info, if_match)
    span = clamp(wanted, info.size)
    return read_span(connection, key, span, info.revision) if span[0] < span[1] else b""


def _join(stream: ObjectStream) -> bytes:
    buffer = _Buffer()
    buffer.prepare(stream.end - stream.start)
    try:
        stream.drain(lambda offset, data: buffer.write(offset - stream.start, data))
    finally:
        stream.close()
    return buffer.take()


def _merge(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + GAP_BYTES:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


class _Buffer:
    """Bytes that are filled in place and handed out without a copy.

    Attributes:
        room: All of them, where they are many: who receives a piece right there needs no copy.
    """

    def __init__(self) -> None:
        self._whole: bytes | None = None
        self._file: io.BytesIO | None = None
        self.room: memoryview | None = None

    def prepare(self, size: int) -> None:
        if size > READ_BYTES:
            # These bytes have no pages yet: each comes when it is written to, while others are on
            # their way. The file has the only reference, so it doesn't copy them.
            self._file = io.BytesIO(bytes(size))
            self.room = self._file.getbuffer()

    def write(self, offset: int, data: Piece) -> None:
        if self.room is None:
            self._whole = bytes(data) if self._whole is None else self._whole + data
        elif not isinstance(data, memoryview) or data.obj is not self.room.obj:
            self.room[offset : offset + len(data)] = data

    def take(self) -> bytes:
        if self._file is None or self.room is None:
            return self._whole or b""
        self.room.release()
        return self._file.getvalue()  # shares the buffer: nothing is copied


def iterate(connection: Connection, key: str, info: StoredObject) -> Generator[bytes, None, None]:
    """A whole object's bytes in order and in bounded memory, verified when the last is given."""
    stream = ObjectStream(connection, key, if_match=info.revision, pinned=True)
    crc32 = 0
    try:
        while data := stream.read():
            crc32 = zlib.crc32(data, crc32)
            if stream.position == stream.end:
                verify(connection, info, crc32)
            yield data
    finally:
        stream.close()
