"""A body that is received where it is wanted.

obstore's pieces are copied twice on their way there, and urllib3's once: each is an object of its
own. Here urllib3 reads the head of the answer, and what came along; the rest comes from the socket.
"""

from __future__ import annotations

import io
import socket
import time

from urllib3 import BaseHTTPResponse

from portable.storage.driver import StoredObject
from portable_http.failures import translated

AT_ONCE_SECONDS = 0.02


class ReadInto:
    """`OpenRead` over an answer whose body is as long as its room, and not in chunks."""

    def __init__(
        self,
        room: memoryview,
        info: StoredObject,
        answer: BaseHTTPResponse,
        connection: socket.socket,
    ) -> None:
        """Hold an answer of which nothing but the head was read, and the socket that it is from."""
        self.info = info
        self._answer = answer
        self._connection = connection
        self._left = room
        self._is_drained = False  # of what came along

    def read(self, size: int, /) -> bytes | memoryview:
        with translated():
            data = self._received(size) if self._is_drained else self._answer.read1(size)
        self._is_drained |= size >= io.DEFAULT_BUFFER_SIZE  # `read1` gives all that is buffered
        self._left = self._left[len(data) :]
        return data

    def close(self) -> None:
        self._left = memoryview(b"")
        self._answer.close()
        self._answer.release_conn()  # closed: to be connected anew

    def _received(self, size: int) -> memoryview:
        """Receive what comes at once, into its place: TLS gives no more than 16 KiB at a time."""
        view = self._left[:size]
        got = more = self._connection.recv_into(view)
        until = time.monotonic() + AT_ONCE_SECONDS
        while more and got < len(view) and time.monotonic() < until:
            more = self._connection.recv_into(view[got:])
            got += more
        return view[:got]
