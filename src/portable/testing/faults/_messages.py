"""HTTP messages on a socket, read without changing a byte of them."""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass

PIECE = 64 * 1024
HEAD_MAX = 256 * 1024
DELIVERY_SECONDS = 0.05  # for what was sent to arrive before a reset, which would drop it
ABORT_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, 0 s


class Stream:
    """A socket and what was read of it ahead."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._ahead = b""
        self._has_sent = False

    def read_until(self, mark: bytes) -> bytes:
        """Return everything up to *mark* and it; ``b""`` at the end of the connection."""
        while (found := self._ahead.find(mark)) < 0:
            data = self._socket.recv(PIECE)
            if not data and self._ahead:
                raise ConnectionError("the connection ended in the middle of a message")
            if not data:
                return b""
            self._ahead += data
            if len(self._ahead) > HEAD_MAX + PIECE:
                raise ConnectionError("a head or chunk line is too long")
        end = found + len(mark)
        line, self._ahead = self._ahead[:end], self._ahead[end:]
        return line

    def read_some(self, limit: int) -> bytes:
        """Return 1 to *limit* bytes, or ``b""`` at the end of the connection."""
        if not self._ahead:
            self._ahead = self._socket.recv(min(limit, PIECE))
        data, self._ahead = self._ahead[:limit], self._ahead[limit:]
        return data

    def has_more(self, *, within_seconds: float) -> bool:
        """Is there something to read, the end included?"""
        if self._ahead:
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            return bool(selector.select(within_seconds))

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)
        self._has_sent = True

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection off so that the other end gets an error."""
        if self._has_sent:
            time.sleep(DELIVERY_SECONDS)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT_ON_CLOSE)
        self._socket.close()

    def wake(self) -> None:
        """End whatever waits for this connection, in another thread."""
        with suppress(OSError):  # it ended meanwhile
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Head:
    """The start line and headers of one message, and the bytes they came in."""

    raw: bytes
    start: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        return next((v for key, v in self.headers if key.lower() == name), "")

    @property
    def status(self) -> int:
        return int(self.start.split(" ", 2)[1])

    @property
    def is_chunked(self) -> bool:
        return "chunked" in self.header("transfer-encoding").lower()

    @property
    def length(self) -> int | None:
        """The body's length, if the head says it."""
        length = self.header("content-length")
        return int(length) if length and not self.is_chunked else None

    def ends_connection(self) -> bool:
        choice = self.header("connection").lower()
        return "close" in choice or ("HTTP/1.0" in self.start and "keep-alive" not in choice)

    def reframed(self, *lines: str) -> bytes:
        """The head with *lines* in place of what said how long the body is."""
        kept = self.without(("content-length", "transfer-encoding", "connection"))[:-2]
        return kept + b"".join(line.encode() + b"\r\n" for line in lines) + b"\r\n"

    def without(self, names: Collection[str]) -> bytes:
        """The head without some headers, whose names are in lower case."""
        first, *rest = self.raw[:-4].split(b"\r\n")
        kept = [
            line for line in rest if line.partition(b":")[0].decode("latin-1").lower() not in names
        ]
        return b"\r\n".join([first, *kept]) + b"\r\n\r\n"


def read_head(stream: Stream) -> Head | None:
    """Return the next message's head, or `None` where the connection ends instead."""
    raw = stream.read_until(b"\r\n\r\n")
    if not raw:
        return None
    start, *lines = raw[:-4].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(raw, start, tuple((name, value.strip()) for name, _, value in pairs))


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a message after its head: content, or framing of chunks."""

    data: bytes
    is_content: bool = True


def request_body(stream: Stream, head: Head) -> Iterator[Piece]:
    return _chunks(stream) if head.is_chunked else _counted(stream, head.length or 0)


def answer_body(stream: Stream, head: Head, method: str) -> Iterator[Piece]:
    """The pieces of an answer's body.

    Raises:
        ConnectionError: the server broke it off.
    """
    if not has_body(head, method):
        return iter(())
    if head.is_chunked:
        return _chunks(stream)
    return _to_the_end(stream) if head.length is None else _counted(stream, head.length)


def has_body(head: Head, method: str) -> bool:
    return method != "HEAD" and head.status not in (204, 304) and head.length != 0


def is_open_ended(head: Head, method: str) -> bool:
    """Does the answer last until the connection ends?"""
    return has_body(head, method) and head.length is None and not head.is_chunked


def _counted(stream: Stream, length: int) -> Iterator[Piece]:
    while length:
        data = stream.read_some(length)
        if not data:
            raise ConnectionError("the connection ended in the middle of a body")
        length -= len(data)
        yield Piece(data)


def _to_the_end(stream: Stream) -> Iterator[Piece]:
    while data := stream.read_some(PIECE):
        yield Piece(data)


def _chunks(stream: Stream) -> Iterator[Piece]:
    while True:
        line = _line(stream)
        yield Piece(line, is_content=False)
        size = int(line.split(b";")[0], 16)
        if not size:
            break
        yield from _counted(stream, size)
        yield Piece(_line(stream), is_content=False)
    while (line := _line(stream)) != b"\r\n":  # trailers
        yield Piece(line, is_content=False)
    yield Piece(line, is_content=False)


def _line(stream: Stream) -> bytes:
    line = stream.read_until(b"\r\n")
    if not line:
        raise ConnectionError("the connection ended in the middle of a body")
    return line
