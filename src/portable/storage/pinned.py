"""The bytes of one revision of an object, over as many connections as it takes."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from portable import interrupt
from portable.errors import ObjectChanged, PortableError, PreconditionFailed, Unavailable

if TYPE_CHECKING:
    from portable.retry import Deadline
    from portable.storage.bodies import Piece
    from portable.storage.connection import Connection
    from portable.storage.driver import OpenRead, StoredObject

READ_BYTES = 256 * 1024  # what stays in a processor's cache on its way through

Range = tuple[int | None, int | None]
Sink = Callable[[int, "Piece"], None]


class ObjectStream:
    """The bytes of an object from *start* to *end*, in order.

    A connection that breaks or ends early is replaced by one that goes on at the next byte of
    the same revision.
    """

    def __init__(
        self,
        connection: Connection,
        key: str,
        *,
        start: int = 0,
        end: int | None = None,
        if_match: str | None = None,
        pinned: bool = False,
    ) -> None:
        """Open it.

        Args:
            key: A full key.
            pinned: *if_match* is what an earlier part of the same read saw.
        """
        self._connection = connection
        self._key = key
        self._deadline: Deadline = connection.live.retry.start()
        self._failures = 0
        self._if_match = if_match
        self._pinned = pinned
        self._body = self._open(start, end)
        self.info: StoredObject = self._body.info
        self.start, self.end = 0, self.info.size
        if start or end is not None:
            self.start, self.end = clamp((start, end), self.info.size)
        self.position = self.start
        self._if_match, self._pinned = self.info.revision, True
        self._deadline.extend(self.end - self.start)

    def read(self, size: int = READ_BYTES) -> bytes:
        """Return some bytes, at most *size*; ``b""`` at the end and not before."""
        return bytes(self.piece(size))

    def piece(self, size: int = READ_BYTES) -> Piece:
        """As `read`, and nothing is copied."""
        while self.position < self.end:
            interrupt.check()
            try:
                data = self._body.read(min(size, self.end - self.position))
                if not data:
                    raise Unavailable(
                        f"the body ended {self.end - self.position} bytes early",
                    )
            except PortableError as error:
                self._resume(error)
                continue
            if self._deadline.left() < 0:
                self.close()
                raise self._deadline.exceeded()
            self._failures = 0
            self.position += len(data)
            return data
        self.close()
        return b""

    def stop_at(self, end: int) -> None:
        """Read no further than *end*; the rest of the answer is dropped."""
        self.end = min(self.end, end)

    def go_on_with(self, body: OpenRead) -> None:
        """Read what is left from *body*, which begins here, instead of the open answer."""
        self._body.close()
        self._body = body

    def drain(self, sink: Sink) -> int:
        """Give *sink* all that is left, with each piece's offset, and return its CRC-32."""
        crc32 = 0
        while data := self.piece():
            sink(self.position - len(data), data)
            crc32 = zlib.crc32(data, crc32)
        return crc32

    def close(self) -> None:
        """Let the connection go."""
        self._body.close()

    def _resume(self, error: PortableError) -> None:
        self._body.close()
        self._pause(error)
        self._body = self._open(self.position, self.end)

    def _pause(self, error: PortableError) -> None:
        # Requests that fail and answers that break off count together, until a byte comes.
        self._failures += 1
        self._connection.live.retry.pause(error, self._failures, self._deadline)

    def _open(self, start: int, end: int | None) -> OpenRead:
        while True:
            live = self._connection.live
            try:
                body = live.driver.read(self._key, start=start, end=end, if_match=self._if_match)
                if self._if_match is not None:
                    self._check(body)
            except PortableError as error:
                if self._pinned and isinstance(error, PreconditionFailed):
                    raise ObjectChanged(
                        "the object was replaced while it was being read; read it again from "
                        "its start"
                    ) from error
                self._pause(error)
            else:
                live.retry.budget.refund()
                return body

    def _check(self, body: OpenRead) -> None:
        """Its revision, which some servers leave to us."""
        try:
            check_revision(body.info, self._if_match)
        except PreconditionFailed:
            body.close()
            raise


def clamp(wanted: Range, size: int) -> tuple[int, int]:
    """A range as Python slices it: cut to the object, negative ends counted from its end."""
    start, end, _ = slice(*wanted).indices(size)
    return start, max(start, end)


def check_revision(info: StoredObject, if_match: str | None) -> None:
    """Raise when *info* isn't the revision asked for."""
    if if_match is not None and info.revision != if_match:
        raise PreconditionFailed("the object is another revision than 'if_match' names")
