"""As much of HTTP/1.1 as clients of clouds speak, a thread a connection.

`http.server` parses headers as mail, which takes longer than all the rest of a small request.
"""

from __future__ import annotations

import socket
import socketserver
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from io import BufferedIOBase
from urllib.parse import parse_qsl, unquote

REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 304: "Not Modified"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are lower-case.

    Attributes:
        target: As it was sent: the path, escaped, and the query.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    path: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | memoryview = b""


class Refusal(Exception):
    """A request that can't be read as HTTP."""


Handle = Callable[[Request], Answer]


class Server(socketserver.ThreadingTCPServer):
    """Answers every request with what *handle* gives."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, port: int, handle: Handle) -> None:
        self.handle = handle
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)

    def drop_connections(self) -> None:
        """End what clients keep open."""
        for each in list(self.open):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it is gone already


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        self.server.open.add(self.connection)
        try:
            while (request := _read(self.rfile, self.connection)) is not None:
                answer = self.server.handle(request)
                self._send(answer, with_body=request.method != "HEAD")
                if request.headers.get("connection", "").lower() == "close":
                    return
        except (OSError, Refusal):
            return  # the client went away, or speaks something else
        finally:
            self.server.open.discard(self.connection)

    def _send(self, answer: Answer, *, with_body: bool) -> None:
        lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Answer')}"]
        headers = {"Date": _date(int(time.time())), "Content-Length": str(len(answer.body))}
        headers.update(answer.headers)
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        if not with_body:
            self.connection.sendall(head)
        elif len(answer.body) <= 64 * 1024:
            self.connection.sendall(head + bytes(answer.body))
        else:
            self.connection.sendall(head)
            self.connection.sendall(answer.body)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _read(stream: BufferedIOBase, connection: socket.socket) -> Request | None:
    line = stream.readline(65537)
    if not line:
        return None
    try:
        method, target, _ = line.decode("latin-1").split(" ")
    except ValueError as error:
        raise Refusal from error
    headers: dict[str, str] = {}
    while (line := stream.readline(65537)) not in (b"\r\n", b"\n"):
        if not line:
            raise Refusal
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    path, _, query = target.partition("?")
    return Request(
        method,
        target,
        headers,
        _body(stream, headers),
        path,
        dict(parse_qsl(query, keep_blank_values=True)),
    )


def _body(stream: BufferedIOBase, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        chunks = []
        while size := int(stream.readline().split(b";")[0], 16):
            chunks.append(_exactly(stream, size))
            stream.readline()
        while stream.readline() not in (b"\r\n", b"\n", b""):
            pass
        return b"".join(chunks)
    return _exactly(stream, int(headers.get("content-length", "0")))


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    body = stream.read(size) if size else b""
    if len(body) != size:
        raise Refusal
    return body


def text_of(escaped: str) -> str:
    """A part of a path, unescaped."""
    return unquote(escaped)
