"""Bodies on their way to and from S3."""

from __future__ import annotations

from typing import Any

from portable.storage.driver import StoredObject
from portable_aws.errors import translated

ONE_SEND = 256 * 1024


def sendable(body: bytes | memoryview) -> bytes | RequestBody:
    """What to give boto3: small bodies as they are, in one packet with the headers."""
    return bytes(body) if len(body) <= ONE_SEND else RequestBody(body)


class RequestBody:
    """A large body in memory, read in blocks.

    Each block is one `sendall`, and the socket's timeout is for one `sendall`: a slow line must
    not fail a part for being large. Rewinding goes to this body's own first byte.
    """

    def __init__(self, body: bytes | memoryview) -> None:
        self._body = memoryview(body)
        self._position = 0

    def __len__(self) -> int:
        return len(self._body)

    def read(self, size: int | None = -1) -> bytes:
        """A block: `http.client` asks for 16 KiB and takes whatever comes."""
        end = len(self._body) if size is None or size < 0 else self._position + ONE_SEND
        block = bytes(self._body[self._position : end])
        self._position += len(block)
        return block

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._position, len(self._body))[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position


class S3Read:
    """An open answer.

    It reads urllib3's response below botocore's `StreamingBody`: that one waits until all the
    bytes asked for are there, so a drip would hold a call past its deadline.
    """

    def __init__(self, info: StoredObject, body: Any) -> None:
        self.info = info
        self._body = body
        self._raw = body._raw_stream if body is not None else None

    def read(self, size: int, /) -> bytes:
        if self._raw is None:
            return b""
        with translated():
            return self._raw.read1(size) or b""

    def close(self) -> None:
        if self._body is not None:
            self._body.close()
