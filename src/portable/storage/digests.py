"""Digests that servers keep by themselves, of other kinds than the CRC-32 that `portable` writes.

They settle a doubt: an object whose content isn't what its digest says was either damaged, or
replaced by a tool that kept our metadata, and with it the digest of what was there before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from portable.errors import ObjectChanged
from portable.storage.pinned import ObjectStream

if TYPE_CHECKING:
    from portable.storage.connection import Connection
    from portable.storage.driver import StoredObject

_MD5 = re.compile(r"[0-9a-f]{32}")


class Hash(Protocol):
    """What `hashlib` and others make."""

    def update(self, data: bytes, /) -> object:
        """Take more of the content."""

    def digest(self) -> bytes:
        """Return the digest of what was taken."""


@dataclass(frozen=True, slots=True)
class ServerDigest:
    """A digest of an object's whole content.

    Attributes:
        value: What the server says it is.
        start: Makes a hash to compare with it.
    """

    value: bytes
    start: Callable[[], Hash]


def md5() -> Hash:
    """The hash that most servers keep; here it finds faults, not attackers."""
    return hashlib.md5(usedforsecurity=False)


def from_base64(text: str | None, start: Callable[[], Hash] = md5) -> ServerDigest | None:
    """A digest as headers have it; `None` where *text* is none, or no digest."""
    try:
        return ServerDigest(base64.b64decode(text, validate=True), start) if text else None
    except binascii.Error:
        return None


def from_etag(etag: str | None) -> ServerDigest | None:
    """S3's ETag, which may be the MD5 of an object's content; of several parts it never is."""
    if etag is None or _MD5.fullmatch(etag) is None:
        return None
    return ServerDigest(bytes.fromhex(etag), md5)


def proven(connection: Connection, info: StoredObject, crc32: int) -> StoredObject | None:
    """*info* with *crc32* for its digest, where the server shows that it is the content's.

    The server's own CRC-32 is compared, or a digest of another kind with what a second read of
    the same revision gives. `None`: nothing shows it.

    Raises:
        ObjectChanged: the object was replaced meanwhile.
    """
    found = connection.call(lambda: connection.driver.stat(info.key))
    if found.revision != info.revision:
        raise ObjectChanged("the object was replaced while it was being read")
    if found.crc32 is not None:
        is_proven = found.crc32 == crc32
    else:
        is_proven = found.digest is not None and _read_again(connection, info, found.digest) == (
            crc32,
            found.digest.value,
        )
    return replace(info, crc32=crc32) if is_proven else None


def _read_again(
    connection: Connection, info: StoredObject, digest: ServerDigest
) -> tuple[int, bytes]:
    stream = ObjectStream(connection, info.key, if_match=info.revision, pinned=True)
    hashed, crc32 = digest.start(), 0
    try:
        while data := stream.read():
            hashed.update(data)
            crc32 = zlib.crc32(data, crc32)
    finally:
        stream.close()
    return crc32, hashed.digest()
