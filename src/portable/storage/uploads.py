"""Writing: one request for what fits into it, a multipart upload for the rest.

Nothing is visible before the last request, which carries the conditions. Every part is held in
memory until the server has it, so it can be sent again from its own first byte.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from portable import interrupt
from portable.errors import (
    IntegrityError,
    InvalidArgument,
    PortableError,
)
from portable.storage.bodies import Body, Piece, Source, opened
from portable.storage.checksums import combine
from portable.storage.driver import Part, StoredObject, UploadedPart
from portable.storage.writes import Write, WriteRequest, completed

if TYPE_CHECKING:
    from concurrent.futures import Future

    from portable.storage.connection import Connection

PART_BYTES = 8 * 1024**2
PARTS_A_SIZE = 1000

Progress = Callable[[int, int | None], None]


def put(
    connection: Connection,
    key: str,
    data: Body,
    request: WriteRequest,
    progress: Progress | None = None,
) -> StoredObject:
    """Store what a user gives at the full key *key*."""
    if isinstance(data, bytes) and len(data) < part_bytes(connection, len(data)):
        return _put(connection, key, data, request, progress)  # as most are: nothing to open
    with opened(data) as source:
        return store(connection, key, source, request, progress)


def store(
    connection: Connection,
    key: str,
    source: Source,
    request: WriteRequest,
    progress: Progress | None = None,
) -> StoredObject:
    """Store all that *source* gives at the full key *key*."""
    begun, longest = None, part_bytes(connection, source.size)
    if source.size is not None and source.size < longest:
        begun = source.read(longest)
        if len(begun) < longest:
            source.check()
            return _put(connection, key, begun, request, progress)
    upload = Upload(connection, key, request, size=source.size, progress=progress)
    try:
        if begun is not None:  # the source grew
            upload.send(begun)
        if upload.wants_digest:
            upload.crc32 = source.digest()
        return upload.send_all(source)
    except BaseException:
        upload.abort()
        raise


def _put(
    connection: Connection,
    key: str,
    body: Piece,
    request: WriteRequest,
    progress: Progress | None,
) -> StoredObject:
    if progress is not None:
        progress(len(body), len(body))  # what it raises must come before the object does
    return Write(connection, key, request).put(body)


class Upload:
    """An object being written part by part. One thread feeds it.

    Attributes:
        crc32: Of the whole content, where it is known before the first part is sent.
    """

    def __init__(
        self,
        connection: Connection,
        key: str,
        request: WriteRequest,
        *,
        size: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._connection = connection
        self._key = key
        self._size = size
        self._progress = progress
        self.crc32: int | None = None
        self._write = Write(connection, key, request)
        self._id: str | None = None
        self._first_part = part_bytes(connection, size)
        self._offset = 0
        self._sent = 0
        self._number = 0
        self._held: Piece | None = None
        self._pending: set[Future[UploadedPart]] = set()
        self._parts: list[UploadedPart] = []

    @property
    def next_part_bytes(self) -> int:
        """How long the next part has to be; only the last may be shorter.

        Parts of unknown many double in size every thousand, so that ten thousand hold 8 TiB.
        """
        doubled = self._first_part << (self._number // PARTS_A_SIZE)
        return min(doubled, self._connection.capabilities.part_max)

    @property
    def wants_digest(self) -> bool:
        """The digest rides in the metadata, which is sent before the parts."""
        able = self._connection.capabilities
        is_early = able.checksum == "metadata" and not able.late_metadata
        return is_early and self._size is not None and self._size > self._first_part

    def send(self, piece: Piece) -> None:
        """Take a full part; it is sent while the caller makes the next one.

        The first is held back until there is a second: an object of one part is one request.
        """
        if self._held is not None:
            self._send_held()
        self._held = piece
        self._number += 1
        if self._number > self._connection.capabilities.parts_max:
            raise InvalidArgument(
                f"the object is larger than {self._connection.capabilities.parts_max} parts "
                f"hold; give put a file whose size is known, so that larger parts can be chosen"
            )

    def send_all(self, source: Source) -> StoredObject:
        """Send what *source* gives, publish it, and return what is stored."""
        while True:
            piece = source.read(self.next_part_bytes)
            if len(piece) < self.next_part_bytes:
                source.check()
                return self.finish(piece)
            self.send(piece)

    def finish(self, last: Piece) -> StoredObject:
        """Publish everything sent and *last*, and return what is stored."""
        if self._held is None:
            return self._put(last)
        if len(last):
            self.send(last)
        if self._id is None:
            return self._put(self._held)
        self._send_held()
        while self._pending:
            self._collect()
        return self._commit()

    def abort(self) -> None:
        """Drop what was sent. An abort that fails leaves parts for `abort_stale_uploads`."""
        if self._pending:
            self._drop_pending()
        if self._id is not None:
            try:
                with interrupt.deaf():
                    self._connection.call(
                        lambda: self._connection.driver.abort(self._key, str(self._id))
                    )
            except PortableError as error:
                self._note_leftover(error)
            self._id = None

    def _put(self, body: Piece) -> StoredObject:
        self._report(len(body))  # what a callback raises must come before the object does
        return self._write.put(body)

    def _send_held(self) -> None:
        body, self._held = self._held, None
        if body is None:
            return
        if self._id is None:
            write = self._write.options(self.crc32)
            self._id = self._connection.call(
                lambda: self._connection.driver.begin(self._key, write)
            )
        while len(self._pending) >= self._connection.settings.concurrency:
            self._collect()
        # The piece after this one may be held already, so its number isn't `self._number`.
        number = len(self._parts) + len(self._pending) + 1
        pool = self._connection.live.pool
        self._pending.add(pool.submit(self._send_part, self._id, number, self._offset, body))
        self._offset += len(body)

    def _send_part(self, upload: str, number: int, offset: int, body: Piece) -> UploadedPart:
        part = Part(number, offset, body, zlib.crc32(body))
        driver = self._connection.driver
        return self._connection.call(
            lambda: driver.upload_part(self._key, upload, part),
            deadline=self._connection.live.retry.start(size=len(body)),
        )

    def _drop_pending(self) -> None:
        from concurrent.futures import wait

        for future in self._pending:
            future.cancel()
        wait(self._pending)

    def _collect(self) -> None:
        from concurrent.futures import FIRST_COMPLETED, wait

        done, self._pending = wait(self._pending, return_when=FIRST_COMPLETED)
        for future in done:
            part = future.result()
            self._parts.append(part)
            self._report(part.size)

    def _commit(self) -> StoredObject:
        parts = sorted(self._parts, key=lambda part: part.number)
        crc32 = 0
        for part in parts:
            crc32 = combine(crc32, part.crc32, part.size)
        if self._size not in (None, self._offset) or self.crc32 not in (None, crc32):
            raise IntegrityError(
                f"the source changed while it was read: it had {self._size} bytes and gave "
                f"{self._offset}; nothing was published"
            )
        able = self._connection.capabilities
        digest = crc32 if able.checksum == "metadata" and able.late_metadata else self.crc32
        write = self._write.options(digest)
        driver, upload = self._connection.driver, str(self._id)
        stored = self._connection.call(
            lambda: driver.commit(self._key, upload, parts, crc32, write), settle=self._write.settle
        )
        self._id = None
        kept = digest is not None or able.checksum == "native"
        return completed(stored, write, crc32 if kept else None)

    def _note_leftover(self, error: PortableError) -> None:
        from logging import getLogger

        getLogger("portable.storage").warning(
            "the parts of an unfinished upload of %s remain until abort_stale_uploads(): %s",
            self._connection.resource(self._key.removeprefix(self._connection.prefix)),
            error,
        )

    def _report(self, size: int) -> None:
        self._sent += size
        if self._progress is not None:
            self._progress(self._sent, self._size)


def part_bytes(connection: Connection, size: int | None) -> int:
    """How long the first parts of an object of *size* bytes are; `None`: nobody knows yet."""
    able = connection.live.capabilities
    if size is not None and size > able.part_max * able.parts_max:
        raise InvalidArgument(
            f"{size} bytes are more than one object can hold here: "
            f"{able.parts_max} parts of {able.part_max} bytes"
        )
    needed = -(-(size or 0) // able.parts_max)
    return min(max(PART_BYTES, able.part_min, needed), able.part_max, able.put_max)
