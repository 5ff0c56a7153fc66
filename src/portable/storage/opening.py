"""Objects opened as files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from portable.storage.descriptions import describe
from portable.storage.keys import check_readable
from portable.storage.pinned import check_revision
from portable.storage.streams import ObjectReader, ObjectWriter
from portable.storage.uploads import Upload
from portable.storage.writes import WriteRequest

if TYPE_CHECKING:
    from portable.storage.connection import Connection
    from portable.storage.driver import StoredObject
    from portable.storage.types import ObjectInfo

BUFFER_BYTES = 128 * 1024


def reader(connection: Connection, key: str, if_match: str | None) -> io.BufferedReader:
    """A file of one revision of *key*."""
    full = connection.prefix + check_readable(key)
    info = connection.call(lambda: connection.driver.stat(full))
    check_revision(info, if_match)
    return io.BufferedReader(ObjectReader(connection, full, info), BUFFER_BYTES)


def writer(connection: Connection, key: str, request: WriteRequest) -> ObjectWriter:
    """A file that becomes the object *key* when it is closed."""

    def publish(finish: Callable[[], StoredObject]) -> ObjectInfo:
        with connection.located("write", key):
            return describe(connection, finish())

    upload = Upload(connection, connection.prefix + key, request)
    return ObjectWriter(upload, connection.resource(key), publish)
