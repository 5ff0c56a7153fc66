"""HTTP over bare sockets: what a server gives to a client that does next to nothing."""

from __future__ import annotations

import io
import socket
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from urllib.parse import urlsplit

BUFFER_BYTES = 1024**2


def fetch(url: str, size: int, *, connections: int) -> None:
    """Read an object's bytes, a range on each connection, and drop them."""
    edges = [size * number // connections for number in range(connections + 1)]
    with ThreadPoolExecutor(connections) as pool:
        for _ in pool.map(lambda span: _fetch(url, *span), pairwise(edges)):
            pass


def keep(url: str, size: int) -> tuple[bytes, int]:
    """Read an object over one connection, and return its bytes and their CRC-32.

    It is the least that a client can do that checks what it gives: nothing is copied.
    """
    file = io.BytesIO(bytes(size))
    with _asked(url, "GET", "Accept: */*") as connection, file.getbuffer() as view:
        body = _head(connection, b" 200 ")
        at, crc32 = len(body), zlib.crc32(body)
        view[:at] = body
        while at < size:
            got = connection.recv_into(view[at : at + BUFFER_BYTES])
            assert got, f"{size - at} bytes are missing"
            crc32 = zlib.crc32(view[at : at + got], crc32)
            at += got
    return file.getvalue(), crc32


def send(urls: Sequence[str], bodies: Sequence[memoryview], *, connections: int) -> None:
    """PUT each body to its URL."""
    with ThreadPoolExecutor(connections) as pool:
        for _ in pool.map(_send, urls, bodies):
            pass


def _fetch(url: str, start: int, end: int) -> None:
    with _asked(url, "GET", f"Range: bytes={start}-{end - 1}") as connection:
        buffer = bytearray(BUFFER_BYTES)
        left = end - start - len(_head(connection, b" 206 "))
        while left > 0:
            got = connection.recv_into(buffer)
            assert got, f"{left} bytes are missing"
            left -= got


def _send(url: str, body: memoryview) -> None:
    with _asked(url, "PUT", f"Content-Length: {len(body)}") as connection:
        connection.sendall(body)
        _head(connection, b" 200 ")


def _asked(url: str, method: str, header: str) -> socket.socket:
    place = urlsplit(url)
    connection = socket.create_connection((place.hostname, place.port))
    request = f"{method} {place.path}?{place.query} HTTP/1.1\r\nHost: {place.netloc}\r\n{header}"
    connection.sendall(f"{request}\r\nConnection: close\r\n\r\n".encode())
    return connection


def _head(connection: socket.socket, expected: bytes) -> bytes:
    """Read an answer's head, and return what came of its body."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(BUFFER_BYTES)
        assert more, head
        head += more
    head, _, body = head.partition(b"\r\n\r\n")
    assert expected in head.splitlines()[0], head
    return body
