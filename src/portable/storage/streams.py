"""File objects over a bucket, in bounded memory both ways."""

from __future__ import annotations

import io
import os
import zlib
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from portable.errors import InvalidArgument, PortableError
from portable.storage.large import PART_BYTES
from portable.storage.reads import read_span, verify
from portable.storage.uploads import Upload

if TYPE_CHECKING:
    from concurrent.futures import Future

    from typing_extensions import Buffer

    from portable.storage.connection import Connection
    from portable.storage.driver import StoredObject
    from portable.storage.types import ObjectInfo

FIRST_BLOCK_BYTES = 256 * 1024
AHEAD = 3


class ObjectReader(io.RawIOBase):
    """Reads one revision of an object; seekable.

    Reading on and on fetches ever larger blocks, then several ahead, side by side. A read from
    the first byte to the last is verified before the last block is given.
    """

    def __init__(self, connection: Connection, key: str, info: StoredObject) -> None:
        self._connection = connection
        self._key = key
        self._shown = key.removeprefix(connection.prefix)
        self.name = connection.resource(self._shown)
        self.mode = "rb"
        self._info = info
        self._position = 0
        self._block = memoryview(b"")
        self._block_start = 0
        self._block_bytes = FIRST_BLOCK_BYTES
        self._expected = 0
        self._until = info.size
        self._ahead: deque[tuple[int, int, Future[bytes]]] = deque()
        self._crc32: int | None = 0
        self._crc32_end = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._check_open()
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._info.size}
        if whence not in base:
            raise InvalidArgument(f"whence is 0, 1 or 2, not {whence}")
        if base[whence] + offset < 0:
            raise InvalidArgument(f"position {base[whence] + offset} is before the first byte")
        self._position = base[whence] + offset
        return self._position

    def expect(self, end: int) -> None:
        """Say that all up to *end* is about to be read, so that a jump fetches that much at once.

        It holds until it is said again; 0 says nothing.
        """
        self._expected = min(end, self._info.size)

    def readinto(self, buffer: Buffer, /) -> int:
        self._check_open()
        with memoryview(buffer) as raw, raw.cast("B") as target:
            piece = self._at_position(len(target))
            target[: len(piece)] = piece
            self._position += len(piece)
            return len(piece)

    def readall(self) -> bytes:
        self._check_open()
        pieces = []
        while piece := self._at_position(PART_BYTES):
            pieces.append(bytes(piece))
            self._position += len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        if not self.closed:
            self._drop_ahead()
            self._block = memoryview(b"")
        super().close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def _at_position(self, size: int) -> memoryview:
        if self._position >= self._info.size or size == 0:
            return memoryview(b"")
        offset = self._position - self._block_start
        if not 0 <= offset < len(self._block):
            self._load()
            offset = self._position - self._block_start
        return self._block[offset : offset + size]

    def _load(self) -> None:
        """Make the block that holds the position the current one."""
        while self._ahead and not self._ahead[0][0] <= self._position < self._ahead[0][1]:
            self._ahead.popleft()[2].cancel()
        if not self._ahead:
            self._plan()
            self._fetch_ahead(self._position)
        start, end, future = self._ahead.popleft()
        if self._block_bytes == PART_BYTES:
            while len(self._ahead) < AHEAD and self._fetch_ahead(
                self._ahead[-1][1] if self._ahead else end
            ):
                pass
        try:
            self._block, self._block_start = memoryview(future.result()), start
        except PortableError:
            self._drop_ahead()
            raise
        self._digest(start, end)

    def _plan(self) -> None:
        """Decide how much to fetch from the position."""
        wanted = self._expected - self._position
        self._until = self._info.size
        if self._position == self._block_start + len(self._block):  # reading on
            size = max(self._block_bytes * 2, wanted)
        elif wanted > 0:
            size, self._until = wanted, self._expected
        else:
            size = FIRST_BLOCK_BYTES
        self._block_bytes = min(size, PART_BYTES)

    def _fetch_ahead(self, start: int) -> bool:
        end = min(start + self._block_bytes, self._until)
        if start >= end:
            return False
        revision = self._info.revision
        future = self._connection.live.pool.submit(self._fetch, (start, end), revision)
        self._ahead.append((start, end, future))
        return True

    def _fetch(self, span: tuple[int, int], revision: str) -> bytes:
        with self._connection.located("read", self._shown):
            return read_span(self._connection, self._key, span, revision)

    def _digest(self, start: int, end: int) -> None:
        if self._crc32 is None or start != self._crc32_end:
            self._crc32 = None  # not read in one go: nothing to compare with the whole
            return
        self._crc32 = zlib.crc32(self._block, self._crc32)
        self._crc32_end = end
        if end == self._info.size:
            with self._connection.located("read", self._shown):
                verify(self._connection, self._info, self._crc32)

    def _drop_ahead(self) -> None:
        while self._ahead:
            self._ahead.popleft()[2].cancel()


class ObjectWriter(io.BufferedIOBase):
    """Writes one object, published whole by a clean `close` and by nothing else.

    An exception inside ``with``, `abort` and garbage collection publish nothing.

    Attributes:
        info: What was published; `None` until then.
    """

    def __init__(
        self,
        upload: Upload,
        name: str,
        publish: Callable[[Callable[[], StoredObject]], ObjectInfo],
    ) -> None:
        self.name = name
        self.mode = "wb"
        self.info: ObjectInfo | None = None
        self._upload = upload
        self._publish = publish
        self._buffer = bytearray()
        self._written = 0
        self._done = False
        self._pid = os.getpid()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Buffer, /) -> int:
        if self._done:
            raise ValueError("write to closed file")
        with memoryview(data) as view, view.cast("B") as pieces:
            self._buffer += pieces
            size = len(pieces)
        self._written += size
        try:
            while len(self._buffer) >= (part := self._upload.next_part_bytes):
                full, self._buffer = self._buffer, self._buffer[part:]
                self._upload.send(memoryview(full)[:part])
        except BaseException:
            self.abort()
            raise
        return size

    def close(self) -> None:
        """Publish what was written. Once; a second call does nothing."""
        if self._done:
            return
        try:
            self.info = self._publish(lambda: self._upload.finish(bytes(self._buffer)))
        except BaseException:
            self.abort()
            raise
        self._done = True
        self._buffer.clear()
        super().close()

    def abort(self) -> None:
        """Publish nothing and drop what was sent."""
        if self._done:
            return
        self._done = True
        self._buffer.clear()
        if self._pid == os.getpid():  # a forked child's copy isn't the child's to abort
            self._upload.abort()
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        if not getattr(self, "_done", True):
            self.abort()


class TextWriter(io.TextIOWrapper):
    """Text over an `ObjectWriter`, with the same promise."""

    def abort(self) -> None:
        """Publish nothing."""
        self._writer.abort()

    @property
    def info(self) -> ObjectInfo | None:
        """What was published; `None` until then."""
        return self._writer.info

    @property
    def _writer(self) -> ObjectWriter:
        writer: Any = self.buffer
        return writer  # type: ignore[no-any-return]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        if not self.buffer.closed:
            self.abort()
