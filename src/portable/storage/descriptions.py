"""What a driver says of an object, as users see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.storage.checksums import as_checksum
from portable.storage.metadata import unstamped
from portable.storage.types import ObjectInfo

if TYPE_CHECKING:
    from portable.storage.connection import Connection
    from portable.storage.driver import StoredObject


def describe(connection: Connection, stored: StoredObject) -> ObjectInfo:
    """Without the bucket's prefix and portable's own metadata, which is decoded."""
    user: dict[str, str] | None = None
    crc32 = stored.crc32
    if stored.metadata is not None:
        ascii_only = connection.live.capabilities.metadata_ascii
        user, stamp = unstamped(stored.metadata, ascii_only=ascii_only)
        if crc32 is None and stamp is not None:
            crc32 = stamp.crc32
    return ObjectInfo(
        key=stored.key.removeprefix(connection.prefix),
        size=stored.size,
        revision=stored.revision,
        last_modified=stored.last_modified,
        content_type=stored.content_type,
        metadata=user,
        checksum=None if crc32 is None else as_checksum(crc32),
        etag=stored.etag,
        storage_class=stored.storage_class,
        version=stored.version,
    )
