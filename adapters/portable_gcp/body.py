"""Bodies on their way to and from Google."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import google_crc32c

from portable.storage.digests import ServerDigest, from_base64
from portable.storage.driver import StoredObject
from portable_gcp.errors import translated
from portable_gcp.shapes import from_resource

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

ONE_SEND = 256 * 1024


def crc32c_of(body: bytes | memoryview) -> str:
    """The CRC-32C of *body* as Google writes it: base64 of its big-endian bytes."""
    value = 0
    for block in blocks(body):
        value = google_crc32c.extend(value, bytes(block))
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def with_digest(resource: Mapping[str, Any]) -> StoredObject:
    """An object from a resource that has its digests.

    It is the MD5, which a composed one lacks, or the CRC-32C:
    https://cloud.google.com/storage/docs/data-validation
    """
    return replace(from_resource(resource), digest=_own_digest(resource))


def _own_digest(resource: Mapping[str, Any]) -> ServerDigest | None:
    if (found := from_base64(resource.get("md5Hash"))) is not None:
        return found
    return from_base64(resource.get("crc32c"), google_crc32c.Checksum)


def blocks(body: bytes | memoryview) -> Iterator[memoryview]:
    """Pieces of which each is one `sendall`: the socket's timeout is for one of them."""
    view = memoryview(body)
    for start in range(0, len(view), ONE_SEND):
        yield view[start : start + ONE_SEND]


def related(
    described: Mapping[str, Any], body: bytes | memoryview, content_type: str
) -> tuple[str, int, list[bytes | memoryview]]:
    """An upload of metadata and content in one request: its content type, size and pieces.

    https://cloud.google.com/storage/docs/uploading-objects#uploading-an-object
    """
    boundary = os.urandom(16).hex()
    head = (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
        f"{json.dumps(described)}\r\n"
        f"--{boundary}\r\nContent-Type: {content_type}\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    size = len(head) + len(body) + len(tail)
    kind = f'multipart/related; boundary="{boundary}"'
    if len(body) <= ONE_SEND:
        return kind, size, [b"".join((head, body, tail))]
    return kind, size, [head, *blocks(body), tail]


class GcsRead:
    """An open answer to a GET."""

    def __init__(self, info: StoredObject, response: BaseHTTPResponse | None) -> None:
        self.info = info
        self._response = response

    def read(self, size: int, /) -> bytes:
        if self._response is None:
            return b""
        with translated():
            return self._response.read1(size)

    def close(self) -> None:
        if self._response is None:
            return
        if self._response.length_remaining == 0:
            self._response.release_conn()
        else:
            self._response.close()
        self._response = None
