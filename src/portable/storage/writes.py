"""One write: as it was asked for, sent in one request, and what became of it told.

A write whose answer was lost is recognised by its write id.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portable.errors import (
    AlreadyExists,
    NotFound,
    OutcomeUnknown,
    PortableError,
    PreconditionFailed,
)
from portable.storage.bodies import Piece
from portable.storage.driver import StoredObject, WriteOptions
from portable.storage.metadata import STAMP, new_write_id, read_stamp, stamped

if TYPE_CHECKING:
    from portable.storage.connection import Connection


@dataclass(slots=True, kw_only=True)
class WriteRequest:
    """A write as the user asked for it, checked. Never changed."""

    content_type: str
    metadata: dict[str, str]
    if_absent: bool = False
    if_match: str | None = None
    storage_class: str | None = None

    @property
    def conditional(self) -> bool:
        """Carrying it out twice isn't the same as once."""
        return self.if_absent or self.if_match is not None


class Write:
    """One write of one object.

    Attributes:
        key: The full key.
        id: By which it is recognised.
    """

    __slots__ = ("_connection", "_request", "id", "key")

    def __init__(self, connection: Connection, key: str, request: WriteRequest) -> None:
        self._connection = connection
        self.key = key
        self._request = request
        self.id = new_write_id()

    def options(self, crc32: int | None) -> WriteOptions:
        """What the driver is told; *crc32* is of the whole content, where it is known."""
        request = self._request
        ascii_only = self._connection.live.capabilities.metadata_ascii
        return WriteOptions(
            content_type=request.content_type,
            metadata=stamped(request.metadata, self.id, crc32, ascii_only=ascii_only),
            if_absent=request.if_absent,
            if_match=request.if_match,
            storage_class=request.storage_class,
        )

    def put(self, body: Piece) -> StoredObject:
        """Store all of it in one request, and return what is stored."""
        crc32 = zlib.crc32(body)
        write = self.options(crc32)
        live = self._connection.live
        driver = live.driver
        stored = live.retry.call(
            lambda: driver.put(self.key, body, crc32, write),
            settle=self.settle if self._request.conditional else None,
            deadline=live.retry.start(size=len(body)),
        )
        return completed(stored, write, crc32)

    def settle(self, final: PortableError) -> StoredObject:
        """Tell what a write that may have been carried out has done."""
        try:
            found = self._connection.call(lambda: self._connection.driver.stat(self.key))
        except NotFound:
            found = None
        except PortableError as error:
            raise self._unknown("and the object can't be read back") from error
        stamp = read_stamp(found.metadata or {}) if found else None
        if found is not None and stamp is not None and stamp.write_id == self.id:
            return found
        if isinstance(final, AlreadyExists):
            raise final
        if self._request.if_absent and found is not None:
            # True whatever became of ours, and whatever the last answer was.
            raise AlreadyExists("there is another's object") from final
        if isinstance(final, PreconditionFailed):
            raise self._unknown("and the object is neither ours nor the revision we replaced")
        if isinstance(final, NotFound) or self._request.conditional:
            raise self._unknown("and the object there now isn't ours") from final
        raise final

    def _unknown(self, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"the answer to the write was lost {why}, so it may or may not have been carried out "
            f"before another write. Read the object and decide; our write would carry the "
            f"metadata entry {STAMP!r} with id {self.id}",
            ambiguous=True,
        )


def completed(stored: StoredObject, write: WriteOptions, crc32: int | None) -> StoredObject:
    """An answer to a write tells little; the rest is known here."""
    return StoredObject(  # a tenth of `replace`'s time
        key=stored.key,
        size=stored.size,
        revision=stored.revision,
        last_modified=stored.last_modified,
        content_type=write.content_type,
        metadata=write.metadata,
        crc32=crc32,
        etag=stored.etag,
        storage_class=stored.storage_class,
        version=stored.version,
    )
